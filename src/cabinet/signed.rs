//! A roster that was signed elsewhere, by a key that is kept offline: when it counts, what it leaves as it is, whom it raises, how old it
//! may be.
//!
//! Whether it is rightly signed, and for this cabinet, is found out before it comes here. Here its version counts: only a higher one than the
//! last that was taken, which the books keep. It is taken whole, between two visits, as one change and one record.
//!
//! What it does not say stays local: PINs, and revocations, which it does not lift. Who leaves it with keys still out stays in the roster,
//! revoked, until they are back; a key that leaves it while it is out stays, too, and where another is to have its home the roster waits
//! for it. Whom it dismisses does not wait: from the moment it is here they are let in no more, as if revoked. Whom it gives more than before
//! stands in an alarm until somebody who may change the roster takes note. Past its age it warns, on the word of a trusted clock alone, and
//! locks nobody out.

mod words;

use super::books::Custody;
use super::event::StoreState;
use super::fact::{Alarm, Fact};
use super::outcome::{Answer, Denial};
use super::roster::{Difference, Key, Roster, RosterChange, User, Window};
use super::types::{Civil, Group, KeyId, Mono, Origin, Role, UserId, Wall};
use super::{Cabinet, Reason, Turn};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Its age is looked at again at least this often: the clock may be learned, or set.
const LOOK_AGAIN_MS: u64 = 3_600_000;
/// So many problems of a roster that does not fit are kept.
const PROBLEMS: usize = 5;
/// So many different faults are told before somebody takes note.
const MOST_TOLD: usize = 16;

/// A roster that is rightly signed, by the key of this site and for this cabinet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedRoster {
    /// Where it came from: `upstream`, or a file's name.
    pub source: String,
    /// Only a higher one than the last that was taken counts.
    pub version: u64,
    /// SHA-256 of what was signed, hex.
    pub hash: String,
    /// After it the cabinet warns.
    pub expires: Wall,
    pub users: Vec<User>,
    pub keys: Vec<Key>,
}

/// What a record keeps of the signature.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Debug)]
pub struct Signed {
    pub version: u64,
    pub expires: Wall,
}

/// Somebody, or a key, that may do more than before.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Debug)]
#[serde(tag = "rise", rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum Rise {
    /// A new person, and a manager or an admin at once.
    New {
        user: UserId,
        role: Role,
    },
    Role {
        user: UserId,
        from: Role,
        to: Role,
    },
    /// More groups than before: those that came.
    Groups {
        user: UserId,
        groups: Vec<Group>,
    },
    /// Hours in which they could not come before.
    Hours {
        user: UserId,
    },
    /// Valid from earlier on, or for longer.
    Validity {
        user: UserId,
    },
    LoneEmergency {
        user: UserId,
    },
    /// It needs no second person any more.
    KeyAlone {
        key: KeyId,
    },
    /// It is open to more groups than before: those that came.
    KeyGroups {
        key: KeyId,
        groups: Vec<Group>,
    },
    /// Nobody is manager or admin any more, and somebody was.
    NobodyLeads,
}

impl Rise {
    /// Who it is about.
    #[must_use]
    pub const fn user(&self) -> Option<&UserId> {
        match self {
            Self::New { user, .. }
            | Self::Role { user, .. }
            | Self::Groups { user, .. }
            | Self::Hours { user }
            | Self::Validity { user }
            | Self::LoneEmergency { user } => Some(user),
            Self::KeyAlone { .. } | Self::KeyGroups { .. } | Self::NobodyLeads => None,
        }
    }

    /// Which key it is about.
    #[must_use]
    pub const fn key(&self) -> Option<&KeyId> {
        match self {
            Self::KeyAlone { key } | Self::KeyGroups { key, .. } => Some(key),
            Self::New { .. }
            | Self::Role { .. }
            | Self::Groups { .. }
            | Self::Hours { .. }
            | Self::Validity { .. }
            | Self::LoneEmergency { .. }
            | Self::NobodyLeads => None,
        }
    }

    /// The same without the names of groups, which somebody chose.
    pub fn forget_names(&mut self) {
        if let Self::Groups { groups, .. } | Self::KeyGroups { groups, .. } = self {
            groups.clear();
        }
    }
}

/// Why a roster counts for nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Debug)]
#[serde(tag = "fault", rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum RosterFault {
    TooLarge,
    /// No JSON, or not with the fields of a signed roster and no others.
    NotUnderstood,
    /// Signed by another key than the one that this site trusts.
    OtherKey,
    /// What stands in it is not what was signed.
    BadSignature,
    /// For another site or cabinet.
    OtherCabinet,
    /// For a cabinet of this name with another device key.
    OtherDevice,
    /// Not above the one that was taken last.
    NotNewer {
        version: u64,
        held: u64,
    },
    /// It names slots that are not here, or contradicts itself.
    DoesNotFit {
        version: u64,
        problems: Vec<String>,
    },
}

/// What is under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    /// To be taken when nobody is here; and by whom.
    offered: Option<(SignedRoster, Origin)>,
    /// Whom it dismisses, of those who were let in when it came.
    dismissed: BTreeSet<UserId>,
    /// Keys that must be back first.
    keys: Vec<KeyId>,
    /// Faults that were told since somebody took note, or one was taken.
    told: BTreeSet<RosterFault>,
    /// The highest version that did not fit.
    refused: u64,
    /// When its age is looked at.
    look: Option<Mono>,
}

impl Waiting {
    pub(super) fn next_deadline(&self) -> Option<(Mono, Reason)> {
        self.look.map(|at| (at, Reason::RosterAge))
    }
}

impl Cabinet {
    /// Up to which version every signed roster has been taken or refused, or waits here: what was handed over and is not above needs no
    /// word any more. What waits is lost with this core, and then this is lower again.
    #[must_use]
    pub fn settled_roster(&self) -> u64 {
        let held = self.books.signed_roster.as_ref().map_or(0, |held| held.signed.version);
        held.max(self.signed.refused).max(self.waiting_roster().unwrap_or(0))
    }

    /// The version that waits, for nobody to be here or for keys.
    #[must_use]
    pub fn waiting_roster(&self) -> Option<u64> {
        self.signed.offered.as_ref().map(|(roster, _)| roster.version)
    }

    /// The keys that it waits for.
    #[must_use]
    pub fn roster_waits_for(&self) -> &[KeyId] {
        &self.signed.keys
    }

    /// Upstream has one that is rightly signed.
    pub(super) fn roster_arrived(&mut self, turn: &mut Turn, roster: SignedRoster) {
        match self.is_newer(&roster) {
            // One that goes before it waits already.
            Ok(true) if self.waiting_roster() >= Some(roster.version) => {}
            Ok(true) => match self.roster_after(&self.change_of(&roster)) {
                Ok(_) => self.offer(turn, roster, Origin::cabinet()),
                Err(problems) => self.does_not_fit(turn, roster.version, problems),
            },
            // What was refused in between stays to be looked at: replicas that serve old and new in turn must not make alarms for ever.
            Ok(false) => {}
            Err(fault) => self.roster_refused(turn, fault),
        }
    }

    /// Upstream has one that counts for nothing.
    pub(super) fn roster_refused(&mut self, turn: &mut Turn, fault: RosterFault) {
        if self.store != StoreState::Writable {
            return;
        }
        let open: Vec<RosterFault> = (self.books.alarms.values())
            .filter_map(
                |open| if let Alarm::RosterRefused { fault } = &open.alarm { Some(fault.clone()) } else { None },
            )
            .collect();
        let told = &mut self.signed.told;
        if open.is_empty() {
            told.clear();
        }
        told.extend(open);
        // Two that take turns must not make alarms for ever.
        if told.len() < MOST_TOLD && told.insert(fault.clone()) {
            self.resolve(turn, |open| matches!(open, Alarm::RosterRefused { .. }));
            self.raise(turn, Alarm::RosterRefused { fault });
        }
    }

    /// Somebody brings one.
    pub(super) fn bring_roster(
        &mut self,
        turn: &mut Turn,
        roster: SignedRoster,
        dry_run: bool,
    ) -> Result<Answer, Denial> {
        if !self.settings.signed_roster {
            return Err(Denial::NotPrepared { what: "roster_key under [upstream] in the config".to_owned() });
        }
        let version = roster.version;
        let done = |text: String| Ok(Answer::Done { text, seq: 0 });
        match self.is_newer(&roster) {
            Ok(true) => {}
            Ok(false) => return done(format!("signed roster {version} is in force already")),
            Err(fault) => return Ok(Answer::Problems(vec![fault.to_string()])),
        }
        let keys = self.keys_in_its_way(&roster);
        if dry_run && keys.is_empty() {
            return Ok(match self.weigh_change(&self.change_of(&roster)) {
                Ok((_, lines)) => Answer::Difference { lines, applied: false },
                Err(problems) => Answer::Problems(problems),
            });
        }
        if !self.may_change_rules() || !keys.is_empty() {
            if let Some(waiting) = self.waiting_roster().filter(|waiting| *waiting >= version) {
                return Ok(Answer::Problems(vec![format!(
                    "signed roster {waiting} waits already, and goes before version {version}"
                )]));
            }
            if let Err(problems) = self.roster_after(&self.change_of(&roster)) {
                return Ok(Answer::Problems(problems));
            }
            if !dry_run {
                let by = turn.by.clone();
                self.offer(turn, roster, by);
            }
            let until = match keys.first() {
                None => "when nobody is at the cabinet".to_owned(),
                Some(key) => format!("when key {key} is back, whose slot it gives to another (or marked as lost)"),
            };
            return done(format!(
                "signed roster {version} is taken {until}; until then whom it dismisses is let in no more; after a restart bring it again"
            ));
        }
        match self.take_roster(turn, &roster) {
            Ok(lines) if lines.is_empty() => {
                done(format!("signed roster {version} is in force; nobody and nothing differs"))
            }
            Ok(lines) => Ok(Answer::Difference { lines, applied: true }),
            Err(problems) => Ok(Answer::Problems(problems)),
        }
    }

    /// Newer, or the very one that is in force.
    fn is_newer(&self, roster: &SignedRoster) -> Result<bool, RosterFault> {
        let held = self.books.signed_roster.as_ref();
        // They count from 1.
        let version = held.map_or(0, |held| held.signed.version);
        if roster.version > version {
            Ok(true)
        } else if roster.version == version && held.is_some_and(|held| held.hash == roster.hash) {
            Ok(false)
        } else {
            Err(RosterFault::NotNewer { version: roster.version, held: version })
        }
    }

    /// From here on it dismisses whom it does not name.
    fn offer(&mut self, turn: &mut Turn, roster: SignedRoster, by: Origin) {
        if self.waiting_roster() < Some(roster.version) {
            self.signed.dismissed = self.dismissed_by(&roster);
            // What the one before it waited for says nothing of this one.
            (self.signed.offered, self.signed.keys) = (Some((roster, by)), Vec::new());
            self.end_visit_of_revoked(turn);
        }
    }

    /// Those of today whom it leaves out, or names as revoked. Nobody, if that were all of them: somebody must be able to bring back the key that
    /// it waits for.
    fn dismissed_by(&self, roster: &SignedRoster) -> BTreeSet<UserId> {
        // Under another id, too: by all that they show, since a badge alone may be another's by now.
        let shows = |user: &User| {
            (user.badge.is_some() || user.login.is_some()).then(|| (user.badge.clone(), user.login.clone()))
        };
        let is_in_it = |user: &User| {
            let mut named = roster.users.iter().filter(|named| !named.revoked);
            named.any(|named| named.id == user.id || shows(user).is_some_and(|theirs| shows(named) == Some(theirs)))
        };
        let today = || self.books.roster.users.values().filter(|user| !user.revoked);
        let dismissed: BTreeSet<UserId> = today().filter(|user| !is_in_it(user)).map(|user| user.id.clone()).collect();
        if dismissed.len() == today().count() { BTreeSet::new() } else { dismissed }
    }

    /// Whether the roster that waits dismisses this person. It is not kept anywhere: after a restart it counts again as soon as the roster is here
    /// again.
    pub(super) fn is_dismissed(&self, user: &UserId) -> bool {
        self.signed.offered.is_some() && self.signed.dismissed.contains(user)
    }

    /// Takes what waits, if nobody is here and there is room for the record; for which key one waits stands in an alarm.
    pub(super) fn take_offered(&mut self, turn: &mut Turn) {
        let has_stopped = self.books.life.as_ref().is_some_and(|life| life.stopped);
        if has_stopped || self.store == StoreState::Reserve || !self.may_change_rules() {
            return;
        }
        self.weigh_offered(turn);
        turn.by = Origin::cabinet();
        let key = self.signed.keys.first().cloned();
        let waits = key.and_then(|key| Some(Alarm::RosterWaits { version: self.waiting_roster()?, key }));
        self.resolve(turn, |open| matches!(open, Alarm::RosterWaits { .. }) && Some(open) != waits.as_ref());
        if let Some(alarm) = waits {
            self.raise(turn, alarm);
        }
    }

    fn weigh_offered(&mut self, turn: &mut Turn) {
        let Some((roster, by)) = self.signed.offered.take() else { return };
        let before = std::mem::take(&mut self.signed.keys);
        // Another one may have been taken since.
        if self.is_newer(&roster) != Ok(true) {
            return;
        }
        let keys = self.keys_in_its_way(&roster);
        // What does not fit whoever brings which key back is told at once.
        if !keys.is_empty() && (keys == before || self.roster_after(&self.change_of(&roster)).is_ok()) {
            (self.signed.offered, self.signed.keys) = (Some((roster, by)), keys);
            return;
        }
        turn.by = by;
        let taken = self.take_roster(turn, &roster);
        turn.by = Origin::cabinet();
        match taken {
            Ok(_) => self.look_at_roster_age(turn),
            Err(problems) => self.does_not_fit(turn, roster.version, problems),
        }
    }

    fn does_not_fit(&mut self, turn: &mut Turn, version: u64, problems: Vec<String>) {
        // Without room for that word it is handed over again.
        if self.store == StoreState::Writable {
            self.signed.refused = self.signed.refused.max(version);
            let problems = problems.into_iter().take(PROBLEMS).collect();
            self.roster_refused(turn, RosterFault::DoesNotFit { version, problems });
        }
    }

    fn take_roster(&mut self, turn: &mut Turn, roster: &SignedRoster) -> Result<Vec<Difference>, Vec<String>> {
        let (next, difference) = self.weigh_change(&self.change_of(roster))?;
        let (version, rises) = (roster.version, rises(&self.books.roster, &next));
        let fact = Fact::RosterChanged {
            source: roster.source.clone(),
            hash: Some(roster.hash.clone()),
            version: self.books.roster_version + 1,
            replace: true,
            difference: difference.clone(),
            signed: Some(Signed { version, expires: roster.expires }),
            rises: rises.clone(),
        };
        self.put_roster(turn, fact, next, &difference);
        self.signed.look = None;
        self.resolve(turn, |alarm| match alarm {
            // That a newer one does not fit is not over with this one.
            Alarm::RosterRefused { fault: RosterFault::DoesNotFit { version: of, .. } } => *of <= version,
            Alarm::RosterRefused { .. } | Alarm::RosterOverdue { .. } => true,
            _ => false,
        });
        if !rises.is_empty() {
            self.raise(turn, Alarm::PrivilegesRose { version, rises });
        }
        Ok(difference)
    }

    /// Keys that are out, leave with it, and whose home it gives to another: until they are back nobody can say what hangs there.
    fn keys_in_its_way(&self, roster: &SignedRoster) -> Vec<KeyId> {
        let is_in_its_way = |key: &Key| {
            let stays = roster.keys.iter().any(|named| named.id == key.id);
            !stays && roster.keys.iter().any(|named| named.home == key.home)
        };
        let out = self.books.custody.iter().filter(|(_, custody)| custody.may_be_in_a_hand());
        let out = out.filter_map(|(key, _)| self.books.roster.keys.get(key));
        out.filter(|key| is_in_its_way(key)).map(|key| key.id.clone()).collect()
    }

    /// The import that it is: everything it names, and who and what cannot go yet.
    fn change_of(&self, roster: &SignedRoster) -> RosterChange {
        let SignedRoster { source, hash, mut users, mut keys, .. } = roster.clone();
        for user in &mut users {
            user.pin = None;
        }
        for user in self.books.roster.users.values() {
            let goes = !users.iter().any(|named| named.id == user.id);
            if goes && !user.revoked && !self.held_by(&user.id).is_empty() {
                let mut user = User { revoked: true, ..user.clone() };
                user.badge = user.badge.filter(|badge| users.iter().all(|named| named.badge.as_ref() != Some(badge)));
                user.login = user.login.filter(|login| users.iter().all(|named| named.login.as_ref() != Some(login)));
                users.push(user);
            }
        }
        let in_its_way = self.keys_in_its_way(roster);
        for key in self.books.roster.keys.values() {
            let goes = !keys.iter().any(|named| named.id == key.id) && !in_its_way.contains(&key.id);
            if goes && self.books.custody.get(&key.id).is_some_and(Custody::may_be_in_a_hand) {
                let tag = key.tag.clone().filter(|tag| keys.iter().all(|named| named.tag.as_ref() != Some(tag)));
                keys.push(Key { tag, ..key.clone() });
            }
        }
        let (remove_users, remove_keys) = (Vec::new(), Vec::new());
        RosterChange { source, hash: Some(hash), replace: true, users, keys, remove_users, remove_keys }
    }

    /// Warns of a roster past its age; takes that back when the clock was wrong, or nobody signs rosters here any more.
    pub(super) fn look_at_roster_age(&mut self, turn: &mut Turn) {
        let held = self.books.signed_roster.as_ref().filter(|_| self.settings.signed_roster);
        let Some(Signed { version, expires }) = held.map(|held| held.signed) else {
            self.signed.look = None;
            return;
        };
        if turn.now.clock.is_trusted() && self.store == StoreState::Writable {
            let alarm = Alarm::RosterOverdue { version };
            let is_overdue = turn.now.wall > expires;
            self.resolve(turn, |open| matches!(open, Alarm::RosterOverdue { .. }) && !(is_overdue && *open == alarm));
            if is_overdue {
                self.raise(turn, alarm);
            }
        }
        if self.signed.look.is_none_or(|at| at <= turn.mono()) {
            let left_ms = u64::try_from(expires.0.saturating_sub(turn.now.wall.0)).unwrap_or(LOOK_AGAIN_MS);
            self.signed.look = Some(turn.mono().plus_ms((left_ms + 1).clamp(1_000, LOOK_AGAIN_MS)));
        }
    }
}

/// Whom `next` gives more than `old` does, which keys it guards less, and whether it takes the last who leads.
#[must_use]
pub fn rises(old: &Roster, next: &Roster) -> Vec<Rise> {
    let mut found = Vec::new();
    // Who is revoked here may be restored, with what they have by then.
    for user in next.users.values().filter(|user| !user.revoked || old.users.contains_key(&user.id)) {
        let before = old.users.get(&user.id);
        if user.lone_emergency && !before.is_some_and(|before| before.lone_emergency) {
            found.push(Rise::LoneEmergency { user: user.id.clone() });
        }
        match before {
            None if user.role >= Role::Manager => found.push(Rise::New { user: user.id.clone(), role: user.role }),
            None => {}
            Some(before) => found.extend(rises_of(before, user)),
        }
    }
    for key in next.keys.values() {
        let Some(before) = old.keys.get(&key.id) else { continue };
        if before.second_person && !key.second_person {
            found.push(Rise::KeyAlone { key: key.id.clone() });
        }
        let groups: Vec<Group> = key.groups.difference(&before.groups).cloned().collect();
        if !groups.is_empty() {
            found.push(Rise::KeyGroups { key: key.id.clone(), groups });
        }
    }
    if leads(old) && !leads(next) {
        found.push(Rise::NobodyLeads);
    }
    found
}

/// Whether there is a manager or an admin who may come.
#[must_use]
pub fn leads(roster: &Roster) -> bool {
    roster.users.values().any(|user| user.role >= Role::Manager && !user.revoked)
}

fn rises_of(before: &User, user: &User) -> Vec<Rise> {
    let id = || user.id.clone();
    let groups: Vec<Group> = user.groups.difference(&before.groups).cloned().collect();
    // None is without a limit.
    let is_earlier = before.valid_from.is_some_and(|from| user.valid_from.is_none_or(|new| new < from));
    let is_later = before.valid_until.is_some_and(|until| user.valid_until.is_none_or(|new| new > until));
    [
        (user.role > before.role).then(|| Rise::Role { user: id(), from: before.role, to: user.role }),
        (!groups.is_empty()).then(|| Rise::Groups { user: id(), groups }),
        opens_more(&before.schedule, &user.schedule).then(|| Rise::Hours { user: id() }),
        (is_earlier || is_later).then(|| Rise::Validity { user: id() }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Whether there is a minute of the week in the new hours that is not in the old ones; no hours are all hours.
fn opens_more(old: &[Window], new: &[Window]) -> bool {
    if old == new || old.is_empty() {
        return false;
    }
    let holds = |hours: &[Window], at: Civil| hours.is_empty() || hours.iter().any(|window| window.contains(at));
    let mut week = (0..7).flat_map(|day| (0..1_440).map(move |minute| Civil { day, minute }));
    week.any(|at| holds(new, at) && !holds(old, at))
}

#[cfg(test)]
mod tests;
