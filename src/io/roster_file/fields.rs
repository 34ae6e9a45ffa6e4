//! From the fields of one entry, whichever format it came in, to a user or a key.

use super::words::{self, BadWord, End};
use super::{Kind, Problems};
use crate::cabinet::roster::{Key, User, Window};
use crate::cabinet::types::{Code, Group, KeyId, SlotNo, UserId};
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const USER_FIELDS: [&str; 11] = [
    "id",
    "name",
    "role",
    "badge",
    "login",
    "groups",
    "valid_from",
    "valid_until",
    "schedule",
    "lone_emergency",
    "revoked",
];
pub(super) const KEY_FIELDS: [&str; 8] = ["id", "label", "building", "unit", "groups", "home", "tag", "second_person"];

impl Kind {
    pub(super) const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Users => &USER_FIELDS,
            Self::Keys => &KEY_FIELDS,
        }
    }

    pub(super) const fn required(self) -> [&'static str; 3] {
        match self {
            Self::Users => ["id", "name", "role"],
            Self::Keys => ["id", "label", "home"],
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Keys => "keys",
        }
    }
}

/// The known field that a name stands for, however it is capitalised or hyphenated.
pub(super) fn known(kind: Kind, name: &str) -> Option<&'static str> {
    let plain = name.trim().to_lowercase().replace([' ', '-'], "_");
    kind.fields().iter().find(|field| **field == plain).copied()
}

/// Says that a field is unknown, and which one may have been meant.
pub(super) fn unknown(kind: Kind, name: &str, line: usize, problems: &mut Problems) {
    let plain = name.trim().to_lowercase();
    if kind == Kind::Users && matches!(plain.as_str(), "pin" | "pins" | "pin_hash" | "password") {
        problems.add(
            line,
            format!("there is a field \"{plain}\": PINs are never read from a file"),
            "remove it; set PINs with `cabinetd user pin` or `cabinetd roster import --generate-pins`",
        );
        return;
    }
    let near = words::nearest(&plain, kind.fields().iter().copied());
    problems.add(
        line,
        format!("{} is no field of {}", words::quoted(name), kind.word()),
        near.map_or_else(
            || format!("the fields are: {}", kind.fields().join(", ")),
            |near| format!("did you mean \"{near}\"?"),
        ),
    );
}

/// One value as its format gave it.
#[derive(Debug)]
pub(super) enum Cell {
    Text(String),
    List(Vec<String>),
    Flag(bool),
}

/// One user or key as its format gave it.
#[derive(Debug)]
pub(super) struct Entry {
    pub line: usize,
    /// By known field: its line and value. Empty values are left out.
    pub fields: BTreeMap<&'static str, (usize, Cell)>,
    /// Required fields whose absence was told for the whole file.
    pub told: Vec<&'static str>,
    /// Part of it could not be read at all, and that was told.
    pub spoiled: bool,
}

impl Entry {
    /// Its id, as far as it has one.
    pub(super) fn id(&self) -> Option<String> {
        match self.fields.get("id") {
            Some((_, Cell::Text(text))) => words::plain(text).ok(),
            _ => None,
        }
    }
}

/// What must be unique, across all files that are read together: where it was first.
#[derive(Debug, Default)]
pub(super) struct Checks {
    seen: BTreeMap<(&'static str, String), (String, usize)>,
}

impl Checks {
    /// `space` is what is unique; badges and tags come from one reader and share one.
    fn once(&mut self, space: &'static str, value: &str, field: &str, line: usize, problems: &mut Problems) -> bool {
        if let Some((file, first)) = self.seen.get(&(space, value.to_owned())) {
            let place = if *file == problems.file { format!("line {first}") } else { format!("{file}, line {first}") };
            problems.add(line, format!("the same {field} is on {place} already"), "each may be there once");
            false
        } else {
            self.seen.insert((space, value.to_owned()), (problems.file.clone(), line));
            true
        }
    }
}

/// Takes the fields of an entry out one by one; what is wrong goes to the problems.
struct Taker<'a> {
    entry: &'a Entry,
    problems: &'a mut Problems,
    sound: bool,
}

impl Taker<'_> {
    fn wrong(&mut self, field: &str, line: usize, bad: BadWord) {
        self.problems.add(line, format!("{field}: {}", bad.what), bad.remedy);
        self.sound = false;
    }

    fn line(&self, field: &str) -> usize {
        self.entry.fields.get(field).map_or(self.entry.line, |(line, _)| *line)
    }

    fn value<T>(&mut self, field: &'static str, read: impl FnOnce(&str) -> Result<T, BadWord>) -> Option<T> {
        let (line, cell) = self.entry.fields.get(field)?;
        let read = match cell {
            Cell::Text(text) => read(text),
            Cell::List(_) => {
                Err(BadWord::new("there is a list where one value belongs", "write the value alone, in quotes"))
            }
            Cell::Flag(_) => {
                Err(BadWord::new("there is true or false where text belongs", "write the value in quotes"))
            }
        };
        match read {
            Ok(value) => Some(value),
            Err(bad) => {
                self.wrong(field, *line, bad);
                None
            }
        }
    }

    fn required<T>(&mut self, field: &'static str, read: impl FnOnce(&str) -> Result<T, BadWord>) -> Option<T> {
        if !self.entry.fields.contains_key(field) {
            if !self.entry.told.contains(&field) {
                self.problems.add(self.entry.line, format!("{field} is missing"), format!("add {field}"));
            }
            self.sound = false;
            return None;
        }
        self.value(field, read)
    }

    fn id(&mut self, space: &'static str, checks: &mut Checks) -> Option<String> {
        let id = self.required("id", |text| {
            let text = words::plain(text)?;
            if text.len() > 64 { Err(BadWord::new("it is longer than 64 characters", "shorten it")) } else { Ok(text) }
        })?;
        self.sound &= checks.once(space, &id, "id", self.line("id"), self.problems);
        Some(id)
    }

    fn code(&mut self, field: &'static str, space: &'static str, checks: &mut Checks) -> Option<Code> {
        let code = self.value(field, words::code)?;
        let what = if space == "code" { "badge or tag" } else { field };
        self.sound &= checks.once(space, code.expose(), what, self.line(field), self.problems);
        Some(code)
    }

    fn flag(&mut self, field: &'static str) -> bool {
        match self.entry.fields.get(field) {
            Some((_, Cell::Flag(flag))) => *flag,
            _ => self.value(field, words::flag).unwrap_or(false),
        }
    }

    fn groups(&mut self) -> BTreeSet<Group> {
        let found: Result<BTreeSet<Group>, BadWord> = match self.entry.fields.get("groups") {
            Some((_, Cell::List(list))) => list.iter().map(|text| words::group(text)).collect(),
            _ => return self.value("groups", words::groups).unwrap_or_default(),
        };
        found.unwrap_or_else(|bad| {
            self.wrong("groups", self.line("groups"), bad);
            BTreeSet::new()
        })
    }

    fn schedule(&mut self) -> Vec<Window> {
        let Some((line, cell)) = self.entry.fields.get("schedule") else { return Vec::new() };
        let texts: Vec<&str> = match cell {
            Cell::List(list) => list.iter().map(String::as_str).collect(),
            Cell::Text(text) => text.split(';').map(str::trim).filter(|part| !part.is_empty()).collect(),
            Cell::Flag(_) => vec!["true"],
        };
        let mut windows = Vec::with_capacity(texts.len());
        for text in texts {
            match words::window(text) {
                Ok(window) => windows.push(window),
                Err(bad) => self.wrong("schedule", *line, bad),
            }
        }
        windows
    }
}

/// The user of an entry, or none and its problems.
pub(super) fn user(entry: &Entry, zone: &TimeZone, checks: &mut Checks, problems: &mut Problems) -> Option<User> {
    let mut take = Taker { entry, problems, sound: !entry.spoiled };
    let id = take.id("user", checks);
    let name = take.required("name", words::plain);
    let role = take.required("role", words::role);
    let badge = take.code("badge", "code", checks);
    let login = take.code("login", "login", checks);
    let groups = take.groups();
    let valid_from = take.value("valid_from", |text| words::moment(text, End::From, zone));
    let valid_until = take.value("valid_until", |text| words::moment(text, End::Until, zone));
    if let (Some(from), Some(until)) = (valid_from, valid_until)
        && from > until
    {
        let bad = BadWord::new("it is before valid_from", "exchange the two");
        take.wrong("valid_until", take.line("valid_until"), bad);
    }
    let schedule = take.schedule();
    let lone_emergency = take.flag("lone_emergency");
    let revoked = take.flag("revoked");
    let sound = take.sound;
    Some(User {
        id: UserId::from(id?),
        name: name?,
        role: role?,
        badge,
        login,
        groups,
        valid_from,
        valid_until,
        schedule,
        lone_emergency,
        revoked,
        pin: None,
    })
    .filter(|_| sound)
}

/// The key of an entry, or none and its problems.
pub(super) fn key(entry: &Entry, checks: &mut Checks, problems: &mut Problems) -> Option<Key> {
    let mut take = Taker { entry, problems, sound: !entry.spoiled };
    let id = take.id("key", checks);
    let label = take.required("label", words::plain);
    let building = take.value("building", words::plain).unwrap_or_default();
    let unit = take.value("unit", words::plain).unwrap_or_default();
    let groups = take.groups();
    let home = take.required("home", slot);
    if let Some(home) = home {
        take.sound &= checks.once("home", &home.0.to_string(), "home", take.line("home"), take.problems);
    }
    let tag = take.code("tag", "code", checks);
    let second_person = take.flag("second_person");
    let sound = take.sound;
    Some(Key { id: KeyId::from(id?), label: label?, building, unit, groups, home: home?, tag, second_person })
        .filter(|_| sound)
}

fn slot(text: &str) -> Result<SlotNo, BadWord> {
    let number = text.trim().parse::<u16>().ok().filter(|number| *number > 0);
    number.map(SlotNo).ok_or_else(|| {
        BadWord::new(format!("{} is no slot number", words::quoted(text)), "write the number on the cabinet")
    })
}
