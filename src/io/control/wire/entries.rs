//! The roster on the wire: users and keys without PIN hashes, which never leave the daemon and never come in this way.

use super::{NAME, text_problem};
use crate::cabinet::roster::{Key, Roster, RosterChange, User, Window};
use crate::cabinet::types::{Code, Group, KeyId, Role, SlotNo, UserId, Wall};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;

/// Mirror of [`RosterChange`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Change {
    pub source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    pub replace: bool,
    #[serde(default)]
    pub users: Vec<UserEntry>,
    #[serde(default)]
    pub keys: Vec<KeyEntry>,
    #[serde(default)]
    pub remove_users: Vec<UserId>,
    #[serde(default)]
    pub remove_keys: Vec<KeyId>,
}

/// Mirror of [`User`] without its hash.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct UserEntry {
    pub id: UserId,
    pub name: String,
    pub role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub badge: Option<Code>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<Code>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<Group>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Wall>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Wall>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedule: Vec<WindowEntry>,
    #[serde(default)]
    pub lone_emergency: bool,
    #[serde(default)]
    pub revoked: bool,
}

/// Mirror of [`Key`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    pub id: KeyId,
    pub label: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub building: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<Group>,
    pub home: SlotNo,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Code>,
    #[serde(default)]
    pub second_person: bool,
}

/// Mirror of [`Window`].
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct WindowEntry {
    pub weekdays: u8,
    pub from: u16,
    pub to: u16,
}

/// The roster as a reader may see it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct RosterView {
    /// Badges, logins and tags are left out. Sent back by the same account they stay as they are; anybody else would delete them.
    pub codes_withheld: bool,
    pub users: Vec<UserEntry>,
    pub keys: Vec<KeyEntry>,
    /// Who has no PIN yet.
    pub without_pin: BTreeSet<UserId>,
}

/// A signed roster as it stands in its file. Badge numbers are in it, so it is never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SignedFile(pub Value);

impl fmt::Debug for SignedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedFile(…)")
    }
}

impl RosterView {
    /// The roster for a reader: codes for admins only.
    #[must_use]
    pub fn of(roster: &Roster, role: Role) -> Self {
        let codes_withheld = !role.sees_codes();
        let mut users: Vec<UserEntry> = roster.users.values().map(UserEntry::from).collect();
        let mut keys: Vec<KeyEntry> = roster.keys.values().map(KeyEntry::from).collect();
        if codes_withheld {
            for user in &mut users {
                (user.badge, user.login) = (None, None);
            }
            for key in &mut keys {
                key.tag = None;
            }
        }
        let without_pin = roster.users.values().filter(|user| user.pin.is_none()).map(|user| user.id.clone()).collect();
        Self { codes_withheld, users, keys, without_pin }
    }

    /// As a roster, without hashes.
    #[must_use]
    pub fn into_roster(self) -> Roster {
        Roster {
            users: self.users.into_iter().map(|user| (user.id.clone(), user.into())).collect(),
            keys: self.keys.into_iter().map(|key| (key.id.clone(), key.into())).collect(),
        }
    }
}

impl Change {
    /// Why this cannot be taken: the bounds of each text. Whether it makes a sound roster is [`Roster::after`]'s to say.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        const MOST: usize = 10_000;
        let many = self.users.len().max(self.keys.len()).max(self.remove_users.len()).max(self.remove_keys.len());
        if many > MOST {
            return Some(format!("more than {MOST} users or keys at once"));
        }
        let hash_is_good =
            self.hash.as_ref().is_none_or(|hash| hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if !hash_is_good {
            return Some("`hash` must be a SHA-256 in 64 hex digits".to_owned());
        }
        text_problem("`source`", &self.source, 300)
            .or_else(|| self.users.iter().find_map(UserEntry::problem))
            .or_else(|| self.keys.iter().find_map(KeyEntry::problem))
            .or_else(|| self.remove_users.iter().find_map(|user| text_problem("a user", user.as_str(), NAME)))
            .or_else(|| self.remove_keys.iter().find_map(|key| text_problem("a key", key.as_str(), NAME)))
    }
}

fn groups_problem(whose: &str, groups: &BTreeSet<Group>) -> Option<String> {
    if groups.len() > NAME {
        return Some(format!("{whose} has more than {NAME} groups"));
    }
    groups.iter().find_map(|group| text_problem(&format!("a group of {whose}"), group.as_str(), NAME))
}

fn code_problem(whose: &str, code: Option<&Code>) -> Option<String> {
    code.and_then(|code| text_problem(whose, code.expose(), NAME))
}

impl UserEntry {
    fn problem(&self) -> Option<String> {
        if let Some(problem) = text_problem("the id of a user", self.id.as_str(), NAME) {
            return Some(problem);
        }
        let whose = format!("user {}", self.id);
        let windows_are_good = self.schedule.len() <= NAME
            && self
                .schedule
                .iter()
                .all(|window| window.weekdays < 128 && window.from < 1440 && (1..=1440).contains(&window.to));
        text_problem(&format!("the name of {whose}"), &self.name, NAME)
            .or_else(|| code_problem(&format!("the badge of {whose}"), self.badge.as_ref()))
            .or_else(|| code_problem(&format!("the login of {whose}"), self.login.as_ref()))
            .or_else(|| groups_problem(&whose, &self.groups))
            .or_else(|| (!windows_are_good).then(|| format!("the schedule of {whose} is out of range")))
    }
}

impl KeyEntry {
    fn problem(&self) -> Option<String> {
        if let Some(problem) = text_problem("the id of a key", self.id.as_str(), NAME) {
            return Some(problem);
        }
        let whose = format!("key {}", self.id);
        let some = |what: &str, text: &str| {
            if text.is_empty() { None } else { text_problem(&format!("the {what} of {whose}"), text, NAME) }
        };
        text_problem(&format!("the label of {whose}"), &self.label, NAME)
            .or_else(|| some("building", &self.building))
            .or_else(|| some("unit", &self.unit))
            .or_else(|| code_problem(&format!("the tag of {whose}"), self.tag.as_ref()))
            .or_else(|| groups_problem(&whose, &self.groups))
    }
}

impl From<Change> for RosterChange {
    fn from(change: Change) -> Self {
        let Change { source, hash, replace, users, keys, remove_users, remove_keys } = change;
        let users = users.into_iter().map(User::from).collect();
        let keys = keys.into_iter().map(Key::from).collect();
        Self { source, hash, replace, users, keys, remove_users, remove_keys }
    }
}

impl From<&RosterChange> for Change {
    fn from(change: &RosterChange) -> Self {
        Self {
            source: change.source.clone(),
            hash: change.hash.clone(),
            replace: change.replace,
            users: change.users.iter().map(UserEntry::from).collect(),
            keys: change.keys.iter().map(KeyEntry::from).collect(),
            remove_users: change.remove_users.clone(),
            remove_keys: change.remove_keys.clone(),
        }
    }
}

impl From<UserEntry> for User {
    fn from(entry: UserEntry) -> Self {
        let UserEntry {
            id,
            name,
            role,
            badge,
            login,
            groups,
            valid_from,
            valid_until,
            schedule,
            lone_emergency,
            revoked,
        } = entry;
        let schedule =
            schedule.into_iter().map(|WindowEntry { weekdays, from, to }| Window { weekdays, from, to }).collect();
        let pin = None;
        Self { id, name, role, badge, login, groups, valid_from, valid_until, schedule, lone_emergency, revoked, pin }
    }
}

impl From<&User> for UserEntry {
    fn from(user: &User) -> Self {
        // Named one by one, so that a new field must be thought about here. The hash stays behind.
        let User {
            id,
            name,
            role,
            badge,
            login,
            groups,
            valid_from,
            valid_until,
            schedule,
            lone_emergency,
            revoked,
            pin: _,
        } = user.clone();
        let schedule =
            schedule.into_iter().map(|Window { weekdays, from, to }| WindowEntry { weekdays, from, to }).collect();
        Self { id, name, role, badge, login, groups, valid_from, valid_until, schedule, lone_emergency, revoked }
    }
}

impl From<KeyEntry> for Key {
    fn from(entry: KeyEntry) -> Self {
        let KeyEntry { id, label, building, unit, groups, home, tag, second_person } = entry;
        Self { id, label, building, unit, groups, home, tag, second_person }
    }
}

impl From<&Key> for KeyEntry {
    fn from(key: &Key) -> Self {
        let Key { id, label, building, unit, groups, home, tag, second_person } = key.clone();
        Self { id, label, building, unit, groups, home, tag, second_person }
    }
}
