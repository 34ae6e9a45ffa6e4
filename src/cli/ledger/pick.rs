//! Which records are asked for, and what was probably meant when there are none of that name.

use super::Failure;
use super::source::Source;
use super::when::{Site, When};
use crate::cabinet::fact::Fact;
use crate::cabinet::roster::Roster;
use crate::cabinet::types::{KeyId, SessionId, UserId};
use crate::cli::number::whole;
use crate::io::roster_file::words::nearest;
use crate::io::store::{Filter, Reader};
use clap::{Args, ValueHint};
use std::collections::BTreeSet;

/// Which records.
#[derive(Args, Clone, Debug)]
pub struct Pick {
    /// Of this key (id or label). With the dark intervals, since nobody saw the key then.
    #[arg(long, value_name = "KEY", value_hint = ValueHint::Other)]
    key: Vec<String>,
    /// Of the keys of this unit: the log an inspector asks for.
    #[arg(long, value_name = "UNIT", value_hint = ValueHint::Other)]
    unit: Vec<String>,
    /// By or about this person (id or name).
    #[arg(long, value_name = "USER", value_hint = ValueHint::Other)]
    user: Vec<String>,
    /// From this time on: 2026-03-01, 2026-03-01T08:00, with or without an offset; or so long ago: 24h, 7d.
    #[arg(long, value_name = "TIME", value_hint = ValueHint::Other)]
    since: Option<String>,
    /// Until this time, a day included.
    #[arg(long, value_name = "TIME", value_hint = ValueHint::Other)]
    until: Option<String>,
    /// Of this kind, for example taken, returned, alarm-raised.
    #[arg(long, value_name = "KIND", value_hint = ValueHint::Other)]
    kind: Vec<String>,
    /// Of this session.
    #[arg(long, value_name = "N", value_parser = whole::<u64>(1..=u64::MAX, 1031))]
    session: Option<u64>,
    /// With duress alarms, which are hidden otherwise.
    #[arg(long)]
    duress: bool,
}

/// So many kinds are named where none was meant.
const KINDS_NAMED: usize = 6;

/// The kind of the record that begins a session.
const SESSION_STARTED: &str = "session-started";

impl Pick {
    /// Whether duress alarms are asked for.
    pub const fn is_of_duress(&self) -> bool {
        self.duress
    }

    /// What the store is asked for.
    ///
    /// # Errors
    /// A key, unit, person or session that neither the roster nor the ledger knows; a time that is none.
    pub fn filter(&self, source: &dyn Source, roster: &Roster, site: &Site) -> Result<Filter, Failure> {
        let mut keys: BTreeSet<KeyId> = BTreeSet::new();
        for wanted in &self.key {
            keys.insert(key(wanted.trim(), source, roster)?);
        }
        for wanted in &self.unit {
            let before = keys.len();
            let of_unit = || roster.keys.values().filter(|key| key.unit.eq_ignore_ascii_case(wanted.trim()));
            keys.extend(of_unit().map(|key| key.id.clone()));
            if keys.len() == before && of_unit().next().is_none() {
                return Err(no_unit(wanted.trim(), roster));
            }
        }
        let users = self.user.iter().map(|wanted| user(wanted.trim(), source, roster));
        if let (Some(wanted), Some(reader)) = (self.session, source.reader()) {
            check_session(wanted, reader)?;
        }
        let kinds: BTreeSet<String> = self.kind.iter().map(|kind| kind.trim().to_owned()).collect();
        check_kinds(&kinds, source)?;
        let time = |text: &Option<String>, when: When| {
            text.as_deref().map(|text| site.parse(text, when)).transpose().map_err(Failure::Usage)
        };
        Ok(Filter {
            users: users.collect::<Result<_, _>>()?,
            keys,
            session: self.session.map(SessionId),
            kinds,
            since: time(&self.since, When::From)?,
            until: time(&self.until, When::Until)?,
            silent: self.duress,
            dark: self.kind.is_empty(),
        })
    }
}

fn key(wanted: &str, source: &dyn Source, roster: &Roster) -> Result<KeyId, Failure> {
    if let Some(key) = roster.find_key(wanted) {
        return Ok(key.id.clone());
    }
    // A key that left the roster is still found by its id.
    let id = KeyId::from(wanted);
    if is_there(source, &Filter { keys: [id.clone()].into(), silent: true, ..Filter::default() })? {
        return Ok(id);
    }
    let names = roster.keys.values().flat_map(|key| [key.id.as_str(), &*key.label]);
    Err(unknown(&format!("no key is called \"{wanted}\", in the roster or in the records"), near(wanted, names)))
}

fn user(wanted: &str, source: &dyn Source, roster: &Roster) -> Result<UserId, Failure> {
    let known = roster.users.values();
    let mut known =
        known.filter(|user| user.name.eq_ignore_ascii_case(wanted) || user.id.as_str().eq_ignore_ascii_case(wanted));
    if let Some(user) = known.next() {
        return Ok(user.id.clone());
    }
    // Somebody who left the roster, or an account of the system.
    let id = UserId::from(wanted);
    if is_there(source, &Filter { users: [id.clone()].into(), silent: true, ..Filter::default() })? {
        return Ok(id);
    }
    let names = roster.users.values().flat_map(|user| [user.id.as_str(), &*user.name]);
    Err(unknown(&format!("nobody is called \"{wanted}\", in the roster or in the records"), near(wanted, names)))
}

fn no_unit(wanted: &str, roster: &Roster) -> Failure {
    let units = || roster.keys.values().map(|key| &*key.unit).filter(|unit| !unit.is_empty());
    // "Unit 204" is what its key is called, or the unit with a word before it.
    let called = roster.find_key(wanted).map(|key| &*key.unit).filter(|unit| !unit.is_empty());
    let within = || units().find(|unit| wanted.split_whitespace().any(|word| word.eq_ignore_ascii_case(unit)));
    let meant = called.or_else(within).or_else(|| near(wanted, units()));
    unknown(
        &format!("no key in the roster belongs to unit \"{wanted}\" (`--key ID` also finds keys that left the roster)"),
        meant,
    )
}

/// A kind that neither this version nor this ledger knows is a mistake, not a log without records.
fn check_kinds(wanted: &BTreeSet<String>, source: &dyn Source) -> Result<(), Failure> {
    let mut known = kinds();
    let is_known = |known: &[String]| wanted.iter().all(|kind| known.contains(kind));
    if is_known(&known) {
        return Ok(());
    }
    // A newer version may have written others.
    known.extend(source.reader().map(Reader::kinds).transpose()?.unwrap_or_default());
    let Some(stray) = wanted.iter().find(|kind| !known.contains(kind)) else { return Ok(()) };
    let alike = |kind: &&String| stray.split('-').any(|word| word.len() > 3 && kind.contains(word));
    let mut meant: Vec<&str> = near(stray, known.iter().map(String::as_str)).into_iter().collect();
    meant.extend(
        known.iter().filter(alike).map(String::as_str).filter(|kind| meant.first() != Some(kind)).collect::<Vec<_>>(),
    );
    meant.truncate(KINDS_NAMED);
    Err(Failure::Usage(if meant.is_empty() {
        format!("there are no records of kind \"{stray}\"; the kinds are {}", known.join(", "))
    } else {
        format!("there are no records of kind \"{stray}\"; did you mean {}?", meant.join(" or "))
    }))
}

/// The kinds of records that this version writes: the names that it expects, where it is given none.
pub(super) fn kinds() -> Vec<String> {
    let none = serde_json::json!({ "kind": "" });
    let expected = serde_json::from_value::<Fact>(none).map_or_else(|error| error.to_string(), |_| String::new());
    expected.split('`').skip(1).step_by(2).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn check_session(wanted: u64, reader: &Reader) -> Result<(), Failure> {
    let of_session = Filter { session: Some(SessionId(wanted)), silent: true, ..Filter::default() };
    let hidden = reader.hidden()?;
    let first = hidden.seq(wanted);
    for entry in reader.entries(&of_session, first.saturating_sub(1)) {
        let entry = entry?;
        if entry.header.seq != first || entry.header.kind == SESSION_STARTED {
            return Ok(());
        }
    }
    // The session that this record belongs to, else the nearest one.
    let mut meant = None;
    if let Some(entry) = reader.entries(&Filter { silent: true, ..Filter::default() }, first.saturating_sub(1)).next() {
        let entry = entry?;
        let session = entry.fact().and_then(|(_, fact)| fact.mentions().session);
        meant = session.filter(|_| entry.header.seq == first).map(|session| session.0);
    }
    if meant.is_none() {
        let starts = Filter { kinds: [SESSION_STARTED.to_owned()].into(), silent: true, ..Filter::default() };
        for entry in reader.entries(&starts, 0) {
            let number = hidden.number(entry?.header.seq);
            if meant.is_none_or(|nearest: u64| number.abs_diff(wanted) <= nearest.abs_diff(wanted)) {
                meant = Some(number);
            }
        }
    }
    let meant = meant.map(|session| session.to_string());
    Err(unknown(
        &format!("there is no session {wanted} (a session has the number of the record that begins it)"),
        meant.as_deref(),
    ))
}

fn is_there(source: &dyn Source, filter: &Filter) -> Result<bool, Failure> {
    Ok(source.entries(filter, 0).next().transpose()?.is_some())
}

/// The nearest name, whatever its case.
fn near<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let names: Vec<(String, &str)> = names.map(|name| (name.to_lowercase(), name)).collect();
    let found = nearest(&wanted.to_lowercase(), names.iter().map(|(small, _)| small.as_str()))?;
    names.iter().find(|(small, _)| small == found).map(|(_, name)| *name)
}

fn unknown(what: &str, meant: Option<&str>) -> Failure {
    Failure::Usage(match meant {
        Some(meant) => format!("{what}; did you mean {meant}?"),
        None => format!("{what}; `cabinetd key list` and `cabinetd user list` show who and what there is"),
    })
}
