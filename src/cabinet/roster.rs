//! The roster as data: people, keys, and which change turns one roster into the next.
//!
//! The database owns the roster. A file, a command and upstream are *imports*: each is one [`RosterChange`], checked as a
//! whole, and one record that keeps source, hash and difference. Badge numbers, tags and PIN hashes stay in the roster's own
//! rows and never enter a record.

use super::types::{Civil, Code, Group, KeyId, PinHash, Role, SlotNo, UserId, Wall};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A person.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct User {
    pub id: UserId,
    pub name: String,
    pub role: Role,
    /// What the badge reader reads for this person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub badge: Option<Code>,
    /// The number typed on the pad instead of a badge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<Code>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<Group>,
    /// First and last moment of validity, inclusive; none = unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Wall>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Wall>,
    /// When this person may open the cabinet; empty = always.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedule: Vec<Window>,
    /// May take a two-person key alone in an emergency; it alarms and stays open until countersigned.
    #[serde(default, skip_serializing_if = "is_false")]
    pub lone_emergency: bool,
    /// Set by a local revocation; an import does not lift it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub revoked: bool,
    /// Set at the cabinet or by `user pin`, never imported; kept across imports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<PinHash>,
}

/// A key set.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Key {
    pub id: KeyId,
    /// What people call it, for example `Unit 204`.
    pub label: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub building: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// Who may take it: people who share a group. No group: managers and admins only.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<Group>,
    /// Where it belongs.
    pub home: SlotNo,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Code>,
    /// Needs a second person, not the one who takes it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub second_person: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape serde asks for")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// A weekly window of local time. `from` ≥ `to` runs past midnight and belongs to the day it began on.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Window {
    /// Bit 0 = Monday … bit 6 = Sunday.
    pub weekdays: u8,
    /// Minutes since midnight, 0..1440.
    pub from: u16,
    /// Minutes since midnight, 1..=1440, exclusive.
    pub to: u16,
}

impl Window {
    /// Whether the window is open at this local time.
    #[must_use]
    pub const fn contains(self, at: Civil) -> bool {
        let today = self.weekdays & (1 << at.weekday()) != 0;
        if self.from < self.to {
            return today && at.minute >= self.from && at.minute < self.to;
        }
        let yesterday = self.weekdays & (1 << ((at.weekday() + 6) % 7)) != 0;
        (today && at.minute >= self.from) || (yesterday && at.minute < self.to)
    }
}

/// What is known of users and keys.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Roster {
    pub users: BTreeMap<UserId, User>,
    pub keys: BTreeMap<KeyId, Key>,
}

/// One import or one edit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RosterChange {
    /// Where it came from: a file name, or the command.
    pub source: String,
    /// SHA-256 of the file, hex; none for a command.
    pub hash: Option<String>,
    /// Whether users and keys that are not named go (an import) or stay (an edit).
    pub replace: bool,
    pub users: Vec<User>,
    pub keys: Vec<Key>,
    pub remove_users: Vec<UserId>,
    pub remove_keys: Vec<KeyId>,
}

impl RosterChange {
    /// Badges, logins and tags that the change does not give stay as they are: for somebody who is not shown them.
    pub fn keep_codes(&mut self, of: &Roster) {
        for user in &mut self.users {
            if let Some(old) = of.users.get(&user.id) {
                user.badge = user.badge.take().or_else(|| old.badge.clone());
                user.login = user.login.take().or_else(|| old.login.clone());
            }
        }
        for key in &mut self.keys {
            if let Some(old) = of.keys.get(&key.id) {
                key.tag = key.tag.take().or_else(|| old.tag.clone());
            }
        }
    }
}

/// One line of a roster's difference. It names fields, never the values of secret ones.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Difference {
    UserAdded(UserId),
    UserRemoved(UserId),
    UserChanged { user: UserId, fields: Vec<FieldChange> },
    KeyAdded(KeyId),
    KeyRemoved(KeyId),
    KeyChanged { key: KeyId, fields: Vec<FieldChange> },
}

/// One field that changed. Of a badge, a login, a tag or a PIN only that it changed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Debug)]
pub struct FieldChange {
    pub field: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

impl FieldChange {
    /// A field whose values may be seen; empty text = none.
    fn seen(field: &str, from: String, to: String) -> Option<Self> {
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        (from != to).then(|| Self { field: field.to_owned(), from: some(from), to: some(to) })
    }

    /// A field whose values nobody shall read.
    fn secret(field: &str, differs: bool) -> Option<Self> {
        differs.then(|| Self { field: field.to_owned(), from: None, to: None })
    }
}

impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, from, to } = self;
        match (from, to) {
            (Some(from), Some(to)) => write!(f, "{field} {from} → {to}"),
            (None, Some(to)) => write!(f, "{field} {to}"),
            (Some(from), None) => write!(f, "{field} no more {from}"),
            (None, None) => f.write_str(field),
        }
    }
}

fn listed(fields: &[FieldChange]) -> String {
    fields.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UserAdded(user) => write!(f, "+ user {user}"),
            Self::UserRemoved(user) => write!(f, "- user {user}"),
            Self::UserChanged { user, fields } => write!(f, "~ user {user}: {}", listed(fields)),
            Self::KeyAdded(key) => write!(f, "+ key {key}"),
            Self::KeyRemoved(key) => write!(f, "- key {key}"),
            Self::KeyChanged { key, fields } => write!(f, "~ key {key}: {}", listed(fields)),
        }
    }
}

impl Roster {
    /// The person whose badge this is.
    #[must_use]
    pub fn by_badge(&self, code: &Code) -> Option<&User> {
        self.users.values().find(|user| user.badge.as_ref() == Some(code))
    }

    /// The person whose login number this is.
    #[must_use]
    pub fn by_login(&self, login: &Code) -> Option<&User> {
        self.users.values().find(|user| user.login.as_ref() == Some(login))
    }

    /// The key whose tag this is.
    #[must_use]
    pub fn by_tag(&self, code: &Code) -> Option<&Key> {
        self.keys.values().find(|key| key.tag.as_ref() == Some(code))
    }

    /// The key that belongs in this slot.
    #[must_use]
    pub fn by_home(&self, slot: SlotNo) -> Option<&Key> {
        self.keys.values().find(|key| key.home == slot)
    }

    /// A key by id or by label, as people write it (case does not count).
    #[must_use]
    pub fn find_key(&self, text: &str) -> Option<&Key> {
        let wanted = text.trim();
        self.keys
            .values()
            .find(|key| key.id.as_str().eq_ignore_ascii_case(wanted))
            .or_else(|| self.keys.values().find(|key| key.label.eq_ignore_ascii_case(wanted)))
    }

    /// The roster after `change`, and how it differs; or every problem, in words.
    ///
    /// An import keeps what is local: PIN hashes, and revocations (which always win).
    ///
    /// # Errors
    /// Every reason why the result would not be a sound roster: an empty or double id, a badge, login or tag that two
    /// share, a home slot that does not exist or is shared, a validity that ends before it begins.
    pub fn after(
        &self,
        change: &RosterChange,
        slots: &BTreeSet<SlotNo>,
    ) -> Result<(Self, Vec<Difference>), Vec<String>> {
        let mut problems = Vec::new();
        let mut next = if change.replace { Self::default() } else { self.clone() };
        let mut seen = BTreeSet::new();
        for user in &change.users {
            if !seen.insert(&user.id) {
                problems.push(format!("user {}: listed twice", user.id));
            }
            let mut user = user.clone();
            if let Some(old) = self.users.get(&user.id) {
                if user.pin.is_none() {
                    user.pin.clone_from(&old.pin);
                }
                user.revoked |= old.revoked && change.replace;
            }
            next.users.insert(user.id.clone(), user);
        }
        let mut seen = BTreeSet::new();
        for key in &change.keys {
            if !seen.insert(&key.id) {
                problems.push(format!("key {}: listed twice", key.id));
            }
            next.keys.insert(key.id.clone(), key.clone());
        }
        for user in &change.remove_users {
            if next.users.remove(user).is_none() {
                problems.push(format!("user {user}: not in the roster"));
            }
        }
        for key in &change.remove_keys {
            if next.keys.remove(key).is_none() {
                problems.push(format!("key {key}: not in the roster"));
            }
        }
        // A revocation outlives the person's absence from a file.
        if change.replace {
            for user in self.users.values().filter(|user| user.revoked) {
                if next.users.contains_key(&user.id) {
                    continue;
                }
                // Their badge or number may be somebody else's by now.
                let mut user = user.clone();
                user.badge = user.badge.filter(|badge| next.by_badge(badge).is_none());
                user.login = user.login.filter(|login| next.by_login(login).is_none());
                next.users.insert(user.id.clone(), user);
            }
        }
        next.check(slots, &mut problems);
        if problems.is_empty() {
            let differences = self.differences(&next);
            Ok((next, differences))
        } else {
            Err(problems)
        }
    }

    fn check(&self, slots: &BTreeSet<SlotNo>, problems: &mut Vec<String>) {
        // Badges and tags come from one reader, so they share one space of codes. The code itself stays out of the message.
        let mut codes: BTreeMap<&Code, String> = BTreeMap::new();
        let badges = self.users.values().map(|user| (user.badge.as_ref(), format!("the badge of user {}", user.id)));
        let tags = self.keys.values().map(|key| (key.tag.as_ref(), format!("the tag of key {}", key.id)));
        for (code, what) in badges.chain(tags).filter_map(|(code, what)| Some((code?, what))) {
            if code.expose().is_empty() || code.expose().len() > 64 {
                problems.push(format!("{what}: must have 1 to 64 characters"));
            }
            if let Some(other) = codes.insert(code, what.clone()) {
                problems.push(format!("{what}: the same as {other}"));
            }
        }
        for user in self.users.values() {
            if user.id.as_str().is_empty() || user.id.as_str().len() > 64 {
                problems.push(format!("user {}: the id must have 1 to 64 characters", user.id));
            }
            if user.name.trim().is_empty() {
                problems.push(format!("user {}: the name is empty", user.id));
            }
            if let (Some(from), Some(until)) = (user.valid_from, user.valid_until)
                && from > until
            {
                problems.push(format!("user {}: valid_until is before valid_from", user.id));
            }
        }
        let mut logins: BTreeMap<&Code, &UserId> = BTreeMap::new();
        for user in self.users.values() {
            if user.login.as_ref().is_some_and(|login| login.expose().is_empty() || login.expose().len() > 64) {
                problems.push(format!("the login of user {}: must have 1 to 64 characters", user.id));
            }
            if let Some(login) = &user.login
                && let Some(other) = logins.insert(login, &user.id)
            {
                problems.push(format!("the login of user {}: the same as the login of user {other}", user.id));
            }
        }
        let mut homes: BTreeMap<SlotNo, &KeyId> = BTreeMap::new();
        for key in self.keys.values() {
            if key.id.as_str().is_empty() || key.id.as_str().len() > 64 {
                problems.push(format!("key {}: the id must have 1 to 64 characters", key.id));
            }
            if key.label.trim().is_empty() {
                problems.push(format!("key {}: the label is empty", key.id));
            }
            if !slots.contains(&key.home) {
                problems.push(format!("key {}: slot {} does not exist in this cabinet", key.id, key.home));
            }
            if let Some(other) = homes.insert(key.home, &key.id) {
                problems.push(format!("key {}: slot {} is already the home of key {other}", key.id, key.home));
            }
        }
    }

    /// How `next` differs from this roster, field by field.
    #[must_use]
    pub fn differences(&self, next: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        for user in self.users.keys().filter(|id| !next.users.contains_key(*id)) {
            found.push(Difference::UserRemoved(user.clone()));
        }
        for (id, user) in &next.users {
            match self.users.get(id) {
                None => found.push(Difference::UserAdded(id.clone())),
                Some(old) if old != user => {
                    found.push(Difference::UserChanged { user: id.clone(), fields: user_fields(old, user) });
                }
                Some(_) => {}
            }
        }
        for key in self.keys.keys().filter(|id| !next.keys.contains_key(*id)) {
            found.push(Difference::KeyRemoved(key.clone()));
        }
        for (id, key) in &next.keys {
            match self.keys.get(id) {
                None => found.push(Difference::KeyAdded(id.clone())),
                Some(old) if old != key => {
                    found.push(Difference::KeyChanged { key: id.clone(), fields: key_fields(old, key) });
                }
                Some(_) => {}
            }
        }
        found
    }
}

fn user_fields(old: &User, new: &User) -> Vec<FieldChange> {
    let seen = |field, of: &dyn Fn(&User) -> String| FieldChange::seen(field, of(old), of(new));
    [
        seen("name", &|user| user.name.clone()),
        seen("role", &|user| user.role.word().to_owned()),
        FieldChange::secret("badge", old.badge != new.badge),
        FieldChange::secret("login", old.login != new.login),
        seen("groups", &|user| groups(&user.groups)),
        seen("valid_from", &|user| moment(user.valid_from)),
        seen("valid_until", &|user| moment(user.valid_until)),
        seen("schedule", &|user| windows(&user.schedule)),
        seen("lone_emergency", &|user| yes(user.lone_emergency)),
        seen("revoked", &|user| yes(user.revoked)),
        FieldChange::secret("pin", old.pin != new.pin),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn key_fields(old: &Key, new: &Key) -> Vec<FieldChange> {
    let seen = |field, of: &dyn Fn(&Key) -> String| FieldChange::seen(field, of(old), of(new));
    [
        seen("label", &|key| key.label.clone()),
        seen("building", &|key| key.building.clone()),
        seen("unit", &|key| key.unit.clone()),
        seen("groups", &|key| groups(&key.groups)),
        seen("home", &|key| key.home.to_string()),
        FieldChange::secret("tag", old.tag != new.tag),
        seen("second_person", &|key| yes(key.second_person)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn yes(flag: bool) -> String {
    if flag { "yes" } else { "no" }.to_owned()
}

fn groups(groups: &BTreeSet<Group>) -> String {
    groups.iter().map(Group::as_str).collect::<Vec<_>>().join(" ")
}

/// To the minute, in UTC. Days to a date by the Gregorian 400-year cycle (H. Hinnant, "chrono-compatible low-level date
/// algorithms", `civil_from_days`).
fn moment(wall: Option<Wall>) -> String {
    let Some(wall) = wall else { return String::new() };
    let minutes = wall.0.div_euclid(60_000);
    let (days, minute) = (minutes.div_euclid(1_440) + 719_468, minutes.rem_euclid(1_440));
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let (day, month) = (day_of_year - (153 * shifted + 2) / 5 + 1, (shifted + 2) % 12 + 1);
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}Z", minute / 60, minute % 60)
}

fn windows(windows: &[Window]) -> String {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let window = |window: &Window| {
        let days = DAYS.iter().enumerate().filter(|(day, _)| window.weekdays & (1 << day) != 0);
        let days: Vec<&str> = days.map(|(_, day)| *day).collect();
        let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        format!("{} {}-{}", days.join(","), clock(window.from), clock(window.to))
    };
    windows.iter().map(window).collect::<Vec<_>>().join("; ")
}
