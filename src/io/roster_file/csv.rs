//! CSV: one file for users, one for keys, told apart by the header.
//!
//! Spreadsheets run a cell that begins with `=`, `+`, `-` or `@` as a formula. Such a value is written with an apostrophe before it,
//! which they show as text, and which is taken off again when the file is read.

use super::fields::{self, Cell, Entry};
use super::words::{self, End};
use super::{Kind, Problems};
use crate::cabinet::roster::{Key, Roster, User};
use crate::cabinet::types::{Code, Group};
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};

/// The entries of a CSV file.
pub(super) fn parse(text: &str, problems: &mut Problems) -> Option<(Kind, Vec<Entry>)> {
    let Some(first) = text.lines().find(|line| !line.trim().is_empty()) else {
        problems.add(None, "it is empty", "begin with a line that names the columns, for example id,name,role,badge");
        return None;
    };
    let mut reader = ::csv::ReaderBuilder::new()
        .delimiter(delimiter(first))
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut lines = Lines { text, at: 0, line: 1 };
    let mut header: Option<Header> = None;
    let mut entries = Vec::new();
    let mut record = ::csv::StringRecord::new();
    loop {
        // Where the record begins: the reader skips empty lines before it and does not say so.
        let offset = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(_) => {
                problems.add(lines.of(offset), "this line is not CSV", "compare it with an exported roster");
                break;
            }
        }
        let line = lines.of(offset);
        let Some(Header { columns, missing, .. }) = &header else {
            header = Some(head(&record, line, problems)?);
            continue;
        };
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if record.len() > columns.len() && record.iter().skip(columns.len()).any(|cell| !cell.trim().is_empty()) {
            problems.add(
                line,
                format!("there are {} values under {} columns", record.len(), columns.len()),
                "put values that contain the separator in quotation marks",
            );
            continue;
        }
        let fields = columns
            .iter()
            .zip(record.iter())
            .filter_map(|(column, cell)| Some(((*column)?, unguarded(cell.trim()))))
            .filter(|(_, cell)| !cell.is_empty())
            .map(|(column, cell)| (column, (line, Cell::Text(cell.to_owned()))))
            .collect();
        entries.push(Entry { line, fields, told: missing.clone(), spoiled: false });
    }
    header.map(|header| (header.kind, entries))
}

/// What the first line says.
struct Header {
    kind: Kind,
    /// Which field each column is; none = unknown, and said so.
    columns: Vec<Option<&'static str>>,
    missing: Vec<&'static str>,
}

/// The kind of file, and which field each column is.
fn head(record: &::csv::StringRecord, line: usize, problems: &mut Problems) -> Option<Header> {
    let fits = |kind| record.iter().filter(|name| fields::known(kind, name).is_some()).count();
    let kind = match (fits(Kind::Users), fits(Kind::Keys)) {
        (users, keys) if users > keys => Kind::Users,
        (users, keys) if keys > users => Kind::Keys,
        _ => {
            problems.add(
                line,
                "the first line does not tell whether these are users or keys",
                "begin with the columns' names: id,name,role,… for users, id,label,home,… for keys",
            );
            return None;
        }
    };
    let mut seen = BTreeSet::new();
    let mut columns = Vec::with_capacity(record.len());
    for name in record {
        let column = fields::known(kind, name);
        match column {
            Some(column) if !seen.insert(column) => {
                problems.add(line, format!("the column {column} is there twice"), "remove one");
            }
            Some(_) => {}
            // Spreadsheets leave empty columns at the end; what stands under them is counted as too many values.
            None if name.trim().is_empty() => {}
            None => fields::unknown(kind, name, line, problems),
        }
        columns.push(column);
    }
    while columns.last() == Some(&None) && record.get(columns.len() - 1).is_some_and(|name| name.trim().is_empty()) {
        columns.pop();
    }
    let missing: Vec<_> = kind.required().into_iter().filter(|field| !seen.contains(field)).collect();
    for field in &missing {
        problems.add(line, format!("the column {field} is missing"), format!("add a column {field}"));
    }
    Some(Header { kind, columns, missing })
}

/// The separator that the header uses most.
fn delimiter(header: &str) -> u8 {
    let count = |delimiter: u8| header.bytes().filter(|byte| *byte == delimiter).count();
    [b',', b';', b'\t'].into_iter().rev().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',')
}

/// Line numbers of ascending offsets.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl Lines<'_> {
    fn of(&mut self, offset: usize) -> usize {
        let bytes = self.text.as_bytes();
        while self.at < bytes.len() && (self.at < offset || bytes[self.at] == b'\n') {
            self.line += usize::from(bytes[self.at] == b'\n');
            self.at += 1;
        }
        self.line
    }
}

const fn is_formula(letter: char) -> bool {
    matches!(letter, '=' | '+' | '-' | '@' | '\t' | '\'' | '＝' | '＋' | '－' | '＠')
}

fn guarded(text: &str) -> String {
    if text.starts_with(is_formula) { format!("'{text}") } else { text.to_owned() }
}

fn unguarded(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| rest.starts_with(is_formula)).unwrap_or(cell)
}

/// The users as CSV.
pub(super) fn write_users(roster: &Roster, zone: &TimeZone) -> String {
    table(Kind::Users, roster.users.values().map(|user| user_cells(user, zone)))
}

/// The keys as CSV.
pub(super) fn write_keys(roster: &Roster) -> String {
    table(Kind::Keys, roster.keys.values().map(key_cells))
}

fn table(kind: Kind, rows: impl Iterator<Item = BTreeMap<&'static str, String>>) -> String {
    let mut writer = ::csv::WriterBuilder::new().terminator(::csv::Terminator::CRLF).from_writer(Vec::new());
    let reason = "writing into memory does not fail, and every row has the columns of the header";
    writer.write_record(kind.fields()).expect(reason);
    for mut row in rows {
        let cells = kind.fields().iter().map(|field| guarded(&row.remove(field).unwrap_or_default()));
        writer.write_record(cells).expect(reason);
    }
    String::from_utf8(writer.into_inner().expect(reason)).expect("CSV of UTF-8 text is UTF-8")
}

fn user_cells(user: &User, zone: &TimeZone) -> BTreeMap<&'static str, String> {
    let moment = |wall: Option<_>, end| wall.map(|wall| words::moment_text(wall, end, zone)).unwrap_or_default();
    let schedule: Vec<String> = user.schedule.iter().map(|window| words::window_text(*window)).collect();
    BTreeMap::from([
        ("id", user.id.as_str().to_owned()),
        ("name", user.name.clone()),
        ("role", user.role.word().to_owned()),
        ("badge", code(user.badge.as_ref())),
        ("login", code(user.login.as_ref())),
        ("groups", groups(&user.groups)),
        ("valid_from", moment(user.valid_from, End::From)),
        ("valid_until", moment(user.valid_until, End::Until)),
        ("schedule", schedule.join("; ")),
        ("lone_emergency", flag(user.lone_emergency)),
        ("revoked", flag(user.revoked)),
    ])
}

fn key_cells(key: &Key) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("id", key.id.as_str().to_owned()),
        ("label", key.label.clone()),
        ("building", key.building.clone()),
        ("unit", key.unit.clone()),
        ("groups", groups(&key.groups)),
        ("home", key.home.to_string()),
        ("tag", code(key.tag.as_ref())),
        ("second_person", flag(key.second_person)),
    ])
}

fn code(code: Option<&Code>) -> String {
    code.map(|code| code.expose().to_owned()).unwrap_or_default()
}

fn groups(groups: &BTreeSet<Group>) -> String {
    groups.iter().map(Group::as_str).collect::<Vec<_>>().join(" ")
}

fn flag(flag: bool) -> String {
    if flag { "yes".to_owned() } else { String::new() }
}
