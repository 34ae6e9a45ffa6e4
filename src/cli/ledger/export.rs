//! Records in files: a table for people, lines for a verifier.

use super::lines::{known, words};
use super::when::Site;
use super::{Failure, ids};
use crate::cabinet::fact::Fact;
use crate::cabinet::roster::Roster;
use crate::cabinet::sentence::Names;
use crate::hex::hex;
use crate::io::store::envelope::clock_word;
use crate::io::store::{Entry, Filter, PayloadState, Reader};
use serde_json::{Map, Value, json};
use std::io::Write;

/// The columns of a table.
const COLUMNS: [&str; 20] = [
    "epoch",
    "seq",
    "time",
    "time_utc",
    "clock",
    "kind",
    "keys",
    "units",
    "people",
    "by",
    "slot",
    "session",
    "reason",
    "reference",
    "purpose",
    "evidence",
    "what",
    "state",
    "boot",
    "hash",
];

/// A table with one line per record.
pub fn csv(
    reader: &Reader,
    filter: &Filter,
    roster: &Roster,
    site: &Site,
    out: &mut dyn Write,
) -> Result<u64, Failure> {
    let failed = |error: csv::Error| Failure::Output(std::io::Error::other(error));
    let mut table = csv::Writer::from_writer(out);
    table.write_record(COLUMNS).map_err(failed)?;
    let mut count = 0;
    for entry in reader.entries(filter, 0) {
        let entry = entry?;
        table.write_record(cells(&entry, filter, roster, site)).map_err(failed)?;
        count += 1;
    }
    table.flush()?;
    Ok(count)
}

fn cells(entry: &Entry, filter: &Filter, roster: &Roster, site: &Site) -> [String; COLUMNS.len()] {
    let known = known(entry, filter);
    let header = &entry.header;
    let what = words(entry, known.as_ref(), roster);
    let mut cell = [const { String::new() }; COLUMNS.len()];
    let mut set = |name: &str, text: String| {
        let place = COLUMNS.iter().position(|column| *column == name).expect("a column of the table");
        cell[place] = harmless(text);
    };
    set("epoch", header.epoch.to_string());
    set("seq", header.seq.to_string());
    set("time", site.time(header.stamp.wall));
    set("time_utc", Site::time_utc(header.stamp.wall));
    set("clock", clock_word(header.stamp.clock).to_owned());
    set("kind", header.kind.clone());
    set("what", what);
    set("state", entry.state.word().to_owned());
    set("boot", header.stamp.boot.to_string());
    set("hash", hex(&entry.hash));
    if let Some((by, fact)) = &known {
        let said = fact.mentions();
        let (keys, people) = ids(&said);
        let units: Vec<&str> = said.keys.iter().filter_map(|key| roster.keys.get(*key)).map(|key| &*key.unit).collect();
        set("keys", keys);
        set("units", units.join(" "));
        set("people", people);
        set("by", Names(Some(roster)).origin(by));
        set("session", said.session.map_or_else(String::new, |session| session.to_string()));
        if let Ok(Value::Object(fields)) = serde_json::to_value(fact) {
            let field = |name: &str| match &fields["fact"][name] {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
            };
            for name in ["slot", "reason", "reference", "purpose", "evidence"] {
                if !matches!(fact, Fact::LinesLost | Fact::LinesBack) {
                    set(name, field(name));
                }
            }
        }
    }
    cell
}

/// Spreadsheets run what begins like a formula, and people type purposes and references.
fn harmless(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text }
}

/// The records whole, so that they verify elsewhere, and the heads. Duress alarms are there, their payload is withheld unless asked
/// for: the chain stays whole.
pub fn jsonl(reader: &Reader, filter: &Filter, out: &mut dyn Write) -> Result<u64, Failure> {
    let with_silent = Filter { silent: true, ..filter.clone() };
    let identity = reader.identity();
    let mut count = 0;
    for entry in reader.entries(&with_silent, 0) {
        let mut entry = entry?;
        if !filter.silent
            && let Some((_, fact)) = entry.fact()
            && reader.is_silent(&fact)?
        {
            entry.stored_digest = entry.digest();
            (entry.state, entry.payload, entry.salt) = (PayloadState::Withheld, None, None);
        }
        let header: Value = serde_json::from_str(&entry.header.canonical(identity)).expect("canonical JSON is JSON");
        let mut line = Map::from_iter([
            ("header".to_owned(), header),
            ("state".to_owned(), json!(entry.state.word())),
            ("hash".to_owned(), json!(hex(&entry.hash))),
        ]);
        if let Some(prev) = entry.prev {
            line.insert("prev".to_owned(), json!(hex(&prev)));
        }
        match (&entry.payload, &entry.salt) {
            (Some(payload), Some(salt)) => {
                let payload = serde_json::from_str(payload).unwrap_or_else(|_| json!(payload));
                line.insert("payload".to_owned(), payload);
                line.insert("salt".to_owned(), json!(hex(salt)));
            }
            _ => {
                line.insert("digest".to_owned(), json!(entry.stored_digest.map(|digest| hex(&digest))));
            }
        }
        writeln!(out, "{}", Value::Object(line))?;
        count += 1;
    }
    for head in reader.signed_heads()? {
        writeln!(out, "{{\"signed_head\":{}}}", head.to_json())?;
    }
    writeln!(
        out,
        "{}",
        json!({"head": reader.head()?.to_string(), "site": identity.site, "cabinet": identity.cabinet, "complete": filter.is_everything()})
    )?;
    Ok(count)
}
