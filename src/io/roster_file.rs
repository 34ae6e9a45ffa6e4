//! The roster as a file: TOML (`[[users]]`, `[[keys]]`) or CSV (one file for users, one for keys), read and written.
//!
//! | users | keys |
//! |---|---|
//! | `id`, `name`, `role` | `id`, `label`, `home` |
//! | `badge`, `login`, `groups`, `valid_from`, `valid_until`, `schedule`, `lone_emergency`, `revoked` | `building`, `unit`, `groups`, `tag`, `second_person` |
//!
//! The first row is required. How values are written: [`words`]. In CSV, columns come in any order, the separator is `,` `;` or tab, several
//! groups are separated by spaces, several windows of a schedule by `;`.
//!
//! Promises: a file is read whole or not at all; every problem is listed at once, with file, line and remedy; what [`write`] wrote,
//! [`read`] reads back the same, except PIN hashes, which are neither written nor read. Badge numbers and tags are in the exported
//! file and never in a problem.
//!
//! It does not know the cabinet: whether a slot exists, and what differs from today's roster, is for `Roster::after`.

mod csv;
mod decode;
mod fields;
mod toml;
pub mod words;

use crate::cabinet::roster::{Key, Roster, RosterChange, User};
use crate::cabinet::types::{KeyId, UserId};
use fields::{Checks, Entry};
use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// Larger files are refused: 300 keys and their people are some 50 KB.
pub const LARGEST_FILE_BYTES: u64 = 8 << 20;
/// So many problems are listed; beyond it they are only counted.
const MOST_PROBLEMS: usize = 1_000;

/// Something wrong with a file: where, what, and what helps.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize)]
pub struct Problem {
    pub file: String,
    /// From 1; none when it concerns the whole file.
    pub line: Option<usize>,
    pub what: String,
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}; {}", self.file, self.what, self.remedy),
            None => write!(f, "{}: {}; {}", self.file, self.what, self.remedy),
        }
    }
}

/// The problems of one file while it is read.
#[derive(Debug)]
struct Problems {
    file: String,
    list: Vec<Problem>,
    more: usize,
}

impl Problems {
    const fn of(file: String) -> Self {
        Self { file, list: Vec::new(), more: 0 }
    }

    fn add(&mut self, line: impl Into<Option<usize>>, what: impl Into<String>, remedy: impl Into<String>) {
        if self.list.len() < MOST_PROBLEMS {
            let (line, what, remedy) = (line.into(), what.into(), remedy.into());
            self.list.push(Problem { file: self.file.clone(), line, what, remedy });
        } else {
            self.more += 1;
        }
    }

    fn finish(mut self) -> Vec<Problem> {
        self.list.sort();
        if self.more > 0 {
            self.list.push(Problem {
                file: self.file,
                line: None,
                what: format!("{} more problems of this kind", self.more),
                remedy: "mend those above first".to_owned(),
            });
        }
        self.list
    }
}

/// Which half of a roster.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    Users,
    Keys,
}

/// A roster as read. A half that no file names stays as it is in the cabinet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RosterFile {
    /// The file's name, or both: `users.csv + keys.csv`.
    pub source: String,
    /// SHA-256 of the bytes, hex; of several files one after the other: `cat users.csv keys.csv | sha256sum`.
    pub hash: String,
    pub users: Option<Vec<User>>,
    pub keys: Option<Vec<Key>>,
}

impl RosterFile {
    /// The import. `current` is only used when a half is missing: then the other half is replaced by naming who goes. (The `replace`
    /// of a change concerns both halves at once; revocations, which it keeps, are kept here.)
    #[must_use]
    pub fn into_change(self, current: &Roster) -> RosterChange {
        let whole = self.users.is_some() && self.keys.is_some();
        let mut change = RosterChange {
            source: self.source,
            hash: Some(self.hash),
            replace: whole,
            users: Vec::new(),
            keys: Vec::new(),
            remove_users: Vec::new(),
            remove_keys: Vec::new(),
        };
        if let Some(users) = self.users {
            change.users = users;
            if !whole {
                let stays = |id| change.users.iter().any(|user| &user.id == id);
                change.remove_users = current.users.keys().filter(|id| !stays(*id)).cloned().collect();
                for user in &mut change.users {
                    user.revoked |= current.users.get(&user.id).is_some_and(|old| old.revoked);
                }
            }
        }
        if let Some(keys) = self.keys {
            change.keys = keys;
            if !whole {
                let stays = |id| change.keys.iter().any(|key| &key.id == id);
                change.remove_keys = current.keys.keys().filter(|id| !stays(*id)).cloned().collect();
            }
        }
        change
    }
}

/// Files as far as they could be read: the sound entries, and every problem of the others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reading {
    pub file: RosterFile,
    pub problems: Vec<Problem>,
    /// Who and what is named by an entry that is not sound, so that nothing is concluded from their absence.
    pub unsound_users: BTreeSet<UserId>,
    pub unsound_keys: BTreeSet<KeyId>,
}

/// How a roster is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Format {
    Toml,
    Csv,
}

/// Reads a roster: `.toml` files, `.csv` files, or folders of them (`users.csv`, `keys.csv`). Dates are of `zone`.
///
/// # Errors
/// Every problem of every file.
pub fn read(paths: &[PathBuf], zone: &TimeZone) -> Result<RosterFile, Vec<Problem>> {
    let Reading { file, problems, .. } = read_all(paths, zone);
    if problems.is_empty() { Ok(file) } else { Err(problems) }
}

/// [`read`], with what is sound beside the problems.
#[must_use]
pub fn read_all(paths: &[PathBuf], zone: &TimeZone) -> Reading {
    let mut problems = Vec::new();
    let mut files = Vec::new();
    for path in paths {
        match files_of(path) {
            Ok(found) => files.extend(found),
            Err(problem) => problems.push(problem),
        }
    }
    let mut hasher = Sha256::new();
    let mut source = Vec::new();
    let (mut users, mut keys) = (None, None);
    let (mut unsound_users, mut unsound_keys) = (BTreeSet::new(), BTreeSet::new());
    let mut checks = Checks::default();
    for path in files {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let mut found = Problems::of(path.display().to_string());
        source.push(name);
        if let Some(bytes) = decode::bytes_of(&path, &mut found) {
            hasher.update(&bytes);
            for (kind, entries) in parse(&path, &bytes, &mut found) {
                for entry in &entries {
                    match kind {
                        Kind::Users => match fields::user(entry, zone, &mut checks, &mut found) {
                            Some(user) => users.get_or_insert_with(Vec::new).push(user),
                            None => unsound_users.extend(entry.id().map(UserId::from)),
                        },
                        Kind::Keys => match fields::key(entry, &mut checks, &mut found) {
                            Some(key) => keys.get_or_insert_with(Vec::new).push(key),
                            None => unsound_keys.extend(entry.id().map(KeyId::from)),
                        },
                    }
                }
                // A half that is named, but empty or without a sound entry, is there all the same.
                match kind {
                    Kind::Users => _ = users.get_or_insert_with(Vec::new),
                    Kind::Keys => _ = keys.get_or_insert_with(Vec::new),
                }
            }
        }
        problems.extend(found.finish());
    }
    let hash = crate::hex::hex(&hasher.finalize());
    let file = RosterFile { source: source.join(" + "), hash, users, keys };
    Reading { file, problems, unsound_users, unsound_keys }
}

/// The entries of one file, by kind.
fn parse(path: &Path, bytes: &[u8], problems: &mut Problems) -> Vec<(Kind, Vec<Entry>)> {
    let Some(text) = decode::text_of(bytes, problems) else { return Vec::new() };
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    match extension.as_deref() {
        Some("toml") => toml::parse(&text, problems),
        Some("csv" | "tsv" | "txt") => csv::parse(&text, problems).into_iter().collect(),
        _ => {
            problems.add(None, "this is neither a .toml nor a .csv file", "name it by what it is");
            Vec::new()
        }
    }
}

fn files_of(path: &Path) -> Result<Vec<PathBuf>, Problem> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let inside: Vec<PathBuf> =
        ["users.csv", "keys.csv"].iter().map(|name| path.join(name)).filter(|file| file.exists()).collect();
    if inside.is_empty() {
        return Err(Problem {
            file: path.display().to_string(),
            line: None,
            what: "there is neither users.csv nor keys.csv in this folder".to_owned(),
            remedy: "name the files themselves".to_owned(),
        });
    }
    Ok(inside)
}

/// A roster as files: name and content. Badge numbers, logins and tags are in it; PIN hashes are not.
#[must_use]
pub fn write(roster: &Roster, format: Format, zone: &TimeZone) -> Vec<(&'static str, String)> {
    match format {
        Format::Toml => vec![("roster.toml", toml::write(roster, zone))],
        Format::Csv => {
            vec![("users.csv", csv::write_users(roster, zone)), ("keys.csv", csv::write_keys(roster))]
        }
    }
}

#[cfg(test)]
mod tests;
