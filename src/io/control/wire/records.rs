//! Records on the wire, for accounts that may see them and do not read the ledger's file.
//!
//! Those of silent alarms are never among them, nor do they count: a record's number here is how many there are up to it that may be seen.
//! So whoever reads finds no gap where one of those was. Salts and hashes stay where the file is.

use super::{NAME, text_problem};
use crate::cabinet::types::{KeyId, SessionId, Stamp, UserId, Wall};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Which records, and from where. Empty sets and nulls mean all.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    pub from: Whence,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub keys: BTreeSet<KeyId>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub users: BTreeSet<UserId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub kinds: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Wall>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Wall>,
    /// With `keys`: also the starts that followed a dark interval.
    #[serde(default)]
    pub dark: bool,
}

/// Where a page begins, by number.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Whence {
    /// Upwards, behind this one; 0 = from the first.
    Behind(u64),
    /// Downwards, before this one; the largest number = from the last.
    Before(u64),
}

/// Some of the records, in the order of the walk.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Page {
    pub records: Vec<Seen>,
    /// Where to go on; none = the walk is at its end.
    pub next: Option<Whence>,
    /// How many records there are that may be seen, wanted or not.
    pub head: u64,
}

/// A record as it may be seen.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Seen {
    pub epoch: u64,
    pub number: u64,
    pub kind: String,
    pub stamp: Stamp,
    /// Whether the payload is there: `present`, `withheld`, `erased`, `parked`.
    pub state: String,
    /// Who and what, as JSON.
    pub payload: Option<String>,
}

impl Wanted {
    /// Why this cannot be taken.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        if self.keys.len().max(self.users.len()).max(self.kinds.len()) > super::KEYS_AT_ONCE {
            return Some(format!("more than {} names at once", super::KEYS_AT_ONCE));
        }
        let mut names = self.keys.iter().map(KeyId::as_str).chain(self.users.iter().map(UserId::as_str));
        names
            .find_map(|name| text_problem("a name", name, NAME))
            .or_else(|| self.kinds.iter().find_map(|kind| text_problem("a kind", kind, NAME)))
    }
}
