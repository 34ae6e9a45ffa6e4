//! TOML: `[[users]]` and `[[keys]]`.

use super::fields::{self, Cell, Entry};
use super::words::{self, End};
use super::{Kind, Problems};
use crate::cabinet::roster::Roster;
use crate::cabinet::types::{Code, Group};
use ::toml::de::{DeTable, DeValue};
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The entries of a TOML file, of each kind that it names.
pub(super) fn parse(text: &str, problems: &mut Problems) -> Vec<(Kind, Vec<Entry>)> {
    let starts: Vec<usize> = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let line_of = |offset: usize| starts.partition_point(|start| *start <= offset);
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut broken = BTreeSet::new();
    for error in &errors {
        // Only the message: the whole error shows the line, and a badge number may be on it.
        let line = error.span().map(|span| line_of(span.start));
        // What is wrong with a line is told once: the parser stumbles over its rest again.
        if !broken.insert(line) {
            continue;
        }
        problems.add(line, format!("this is not TOML ({})", error.message()), "compare it with an exported roster");
    }
    let mut found = Vec::new();
    for (name, value) in document.get_ref() {
        let line = line_of(name.span().start);
        let kind = match name.get_ref().as_ref() {
            "users" => Kind::Users,
            "keys" => Kind::Keys,
            other => {
                let near = words::nearest(&other.to_lowercase(), ["users", "keys"].into_iter());
                problems.add(
                    line,
                    format!("{} is no part of a roster", words::quoted(other)),
                    near.map_or_else(
                        || "a roster has [[users]] and [[keys]]".to_owned(),
                        |near| format!("did you mean [[{near}]]?"),
                    ),
                );
                continue;
            }
        };
        let wrong = format!("write [[{}]] before each entry, with two brackets", kind.word());
        let DeValue::Array(array) = value.get_ref() else {
            problems.add(line, format!("{} is not a list of entries", kind.word()), wrong);
            continue;
        };
        let mut entries = Vec::with_capacity(array.len());
        for item in array {
            match item.get_ref() {
                DeValue::Table(table) => {
                    entries.push(entry(kind, table, line_of(item.span().start), &line_of, problems));
                }
                _ => problems.add(line_of(item.span().start), "this is not an entry", wrong.clone()),
            }
        }
        found.push((kind, entries));
    }
    // The other entries are read all the same, so that every problem is told at once.
    let mut starts: Vec<usize> = found.iter().flat_map(|(_, entries)| entries).map(|entry| entry.line).collect();
    starts.sort_unstable();
    let spoiled: BTreeSet<usize> =
        broken.into_iter().flatten().filter_map(|line| starts.iter().rfind(|start| **start <= line).copied()).collect();
    for (kind, entries) in &mut found {
        for entry in entries.iter_mut().filter(|entry| spoiled.contains(&entry.line)) {
            entry.spoiled = true;
            // What seems to be missing may be on the broken line.
            entry.told = kind.required().to_vec();
        }
    }
    if found.is_empty() && problems.list.is_empty() {
        problems.add(None, "it names neither users nor keys", "a roster has [[users]] and [[keys]]");
    }
    found
}

fn entry(
    kind: Kind,
    table: &DeTable<'_>,
    line: usize,
    line_of: &impl Fn(usize) -> usize,
    problems: &mut Problems,
) -> Entry {
    let mut known = BTreeMap::new();
    for (name, value) in table {
        let line = line_of(name.span().start);
        let Some(field) = fields::known(kind, name.get_ref()).filter(|field| *field == name.get_ref().as_ref()) else {
            fields::unknown(kind, name.get_ref(), line, problems);
            continue;
        };
        match cell(value.get_ref()) {
            Ok(Cell::Text(text)) if text.trim().is_empty() => {}
            Ok(cell) => {
                known.insert(field, (line_of(value.span().start), cell));
            }
            Err(what) => problems.add(line, format!("{field}: {what}"), "write the value in quotes"),
        }
    }
    Entry { line, fields: known, told: Vec::new(), spoiled: false }
}

fn cell(value: &DeValue<'_>) -> Result<Cell, &'static str> {
    Ok(match value {
        DeValue::String(text) => Cell::Text(text.to_string()),
        DeValue::Boolean(flag) => Cell::Flag(*flag),
        DeValue::Integer(number) if number.radix() == 10 && !number.as_str().contains(['_', '+', '-']) => {
            Cell::Text(number.as_str().to_owned())
        }
        DeValue::Integer(_) | DeValue::Float(_) => return Err("there is a number of a kind that does not belong here"),
        DeValue::Datetime(moment) => Cell::Text(moment.to_string()),
        DeValue::Array(array) => {
            let texts = array.iter().map(|item| match item.get_ref() {
                DeValue::String(text) => Ok(text.to_string()),
                _ => Err("there is something else than text in the list"),
            });
            Cell::List(texts.collect::<Result<_, _>>()?)
        }
        DeValue::Table(_) => return Err("there is a table where one value belongs"),
    })
}

/// The roster as TOML.
pub(super) fn write(roster: &Roster, zone: &TimeZone) -> String {
    let mut out = Writer(String::from("# The roster of a key cabinet. PINs are not in it.\n"));
    // An empty list says that there are none, which is not the same as saying nothing.
    if roster.users.is_empty() {
        out.0.push_str("users = []\n");
    }
    if roster.keys.is_empty() {
        out.0.push_str("keys = []\n");
    }
    for user in roster.users.values() {
        out.0.push_str("\n[[users]]\n");
        out.text("id", user.id.as_str());
        out.text("name", &user.name);
        out.text("role", user.role.word());
        out.text("badge", user.badge.as_ref().map_or("", Code::expose));
        out.text("login", user.login.as_ref().map_or("", Code::expose));
        out.groups(&user.groups);
        for (field, moment, end) in
            [("valid_from", user.valid_from, End::From), ("valid_until", user.valid_until, End::Until)]
        {
            if let Some(moment) = moment {
                out.text(field, &words::moment_text(moment, end, zone));
            }
        }
        let windows: Vec<String> = user.schedule.iter().map(|window| words::window_text(*window)).collect();
        out.list("schedule", windows.iter().map(String::as_str));
        out.flag("lone_emergency", user.lone_emergency);
        out.flag("revoked", user.revoked);
    }
    for key in roster.keys.values() {
        out.0.push_str("\n[[keys]]\n");
        out.text("id", key.id.as_str());
        out.text("label", &key.label);
        out.text("building", &key.building);
        out.text("unit", &key.unit);
        out.groups(&key.groups);
        let _ = writeln!(out.0, "home = {}", key.home);
        out.text("tag", key.tag.as_ref().map_or("", Code::expose));
        out.flag("second_person", key.second_person);
    }
    out.0
}

/// Writes fields; those that say nothing are left out.
struct Writer(String);

impl Writer {
    fn text(&mut self, field: &str, text: &str) {
        if !text.is_empty() {
            let _ = writeln!(self.0, "{field} = {}", quoted(text));
        }
    }

    fn list<'a>(&mut self, field: &str, items: impl Iterator<Item = &'a str>) {
        let items: Vec<String> = items.map(quoted).collect();
        if !items.is_empty() {
            let _ = writeln!(self.0, "{field} = [{}]", items.join(", "));
        }
    }

    fn groups(&mut self, groups: &BTreeSet<Group>) {
        self.list("groups", groups.iter().map(Group::as_str));
    }

    fn flag(&mut self, field: &str, flag: bool) {
        if flag {
            let _ = writeln!(self.0, "{field} = true");
        }
    }
}

fn quoted(text: &str) -> String {
    ::toml::Value::String(text.to_owned()).to_string()
}
