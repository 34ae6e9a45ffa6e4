//! Looks at the books, and finds names for what it sees.

use super::super::books::{Books, Custody, Grant, Presence};
use super::super::fact::LastHeld;
use super::super::roster::Roster;
use super::super::settings::{Settings, SlotPlace};
use super::super::types::{Actor, DoorNo, Input, KeyId, SlotNo, Stamp, UserId, Wall};
use super::sentence;
use super::views::{
    AlarmView, Asked, Away, Counts, DoorIs, DoorView, FaultView, Home, KeyName, LastView, Moment, Present, SessionView,
    SignedRosterView, SlotView, Whereabouts, Who,
};
use std::collections::{BTreeMap, BTreeSet};

/// Looks at the books from one moment.
pub(super) struct Eye<'a> {
    pub(super) books: &'a Books,
    pub(super) settings: &'a Settings,
    pub(super) now: Stamp,
}

impl Eye<'_> {
    pub(super) fn moment(&self, stamp: Stamp) -> Moment {
        let ago_ms = stamp.elapsed_ms(self.now);
        let same_boot = stamp.boot == self.now.boot;
        let at_least = !(same_boot || stamp.clock.is_trusted() && self.now.clock.is_trusted());
        // A stamp of this boot that a worse clock gave is read by the better one of now.
        if same_boot && self.now.clock < stamp.clock {
            let ago = i64::try_from(ago_ms).unwrap_or(i64::MAX);
            let wall = Wall(self.now.wall.0.saturating_sub(ago));
            return Moment { wall, clock: self.now.clock, ago_ms, at_least };
        }
        Moment { wall: stamp.wall, clock: stamp.clock, ago_ms, at_least }
    }

    pub(super) fn who(&self, id: &UserId) -> Who {
        Who::of(&self.books.roster, id)
    }

    pub(super) fn key(&self, id: &KeyId) -> KeyName {
        KeyName::of(&self.books.roster, id)
    }

    fn keys(&self, ids: &[KeyId]) -> Vec<KeyName> {
        ids.iter().map(|id| self.key(id)).collect()
    }

    /// No line can be read: what the books say of slots and doors is how it was.
    fn is_blind(&self) -> bool {
        self.books.life.as_ref().is_some_and(|life| life.lines_lost)
    }

    pub(super) fn slots(&self) -> Vec<SlotView> {
        let homes: BTreeMap<SlotNo, &KeyId> = self.books.roster.keys.values().map(|key| (key.home, &key.id)).collect();
        let home = |slot| {
            let id = *homes.get(&slot)?;
            Some(Home { key: self.key(id), whereabouts: self.whereabouts(id) })
        };
        self.settings.slots.iter().map(|(&slot, place)| self.slot(slot, place, home(slot))).collect()
    }

    fn slot(&self, slot: SlotNo, place: &SlotPlace, home: Option<Home>) -> SlotView {
        let row = self.books.slots.get(&slot);
        let hangs = row.filter(|row| row.present == Presence::Present);
        let key = hangs.and_then(|row| row.key.as_ref());
        let present = match row {
            _ if self.is_blind() => Present::Unknown,
            _ if self.books.faults.contains_key(&Input::Slot(slot)) => Present::Fault,
            None => Present::Unknown,
            Some(_) if hangs.is_some() => Present::Yes,
            Some(_) => Present::No,
        };
        let unknown_key = present == Present::Yes && key.is_none();
        SlotView {
            slot,
            door: place.door,
            row: place.row,
            column: place.column,
            present,
            since: row.filter(|_| !self.is_blind()).map(|row| self.moment(row.since)),
            key: key.map(|id| self.key(id)),
            evidence: key.and(hangs).and_then(|row| row.evidence),
            unknown_key,
            candidates: hangs.filter(|_| unknown_key).map(|row| self.keys(&row.candidates)).unwrap_or_default(),
            home,
        }
    }

    fn whereabouts(&self, key: &KeyId) -> Whereabouts {
        match self.books.custody.get(key) {
            None => Whereabouts::Unseen,
            Some(Custody::In { slot, evidence }) => Whereabouts::In { slot: *slot, evidence: *evidence },
            Some(Custody::Out(holding)) => {
                let since = self.moment(holding.since);
                let limit = self.settings.alerts.overdue_ms.get(&holding.reason);
                Whereabouts::Out {
                    holder: self.who(&holding.holder),
                    since,
                    reason: holding.reason,
                    reference: holding.reference.clone(),
                    purpose: holding.purpose.clone(),
                    overdue: limit.is_some_and(|limit| since.ago_ms >= *limit),
                }
            }
            Some(Custody::Unaccounted { since, let_in, last, .. }) => Whereabouts::Unaccounted {
                since: self.moment(*since),
                let_in: let_in.as_ref().map(|user| self.who(user)),
                last: last.as_ref().map(|last| self.last(last)),
            },
            Some(Custody::Lost { since, last, .. }) => {
                Whereabouts::Lost { since: self.moment(*since), last: last.as_ref().map(|last| self.last(last)) }
            }
            Some(Custody::Retired { since, .. }) => Whereabouts::Retired { since: self.moment(*since) },
        }
    }

    fn last(&self, last: &LastHeld) -> LastView {
        LastView { holder: self.who(&last.user), since: self.moment(last.since), let_in: last.let_in }
    }

    /// Over the roster and over custody: a key that left the roster while it was out is still out.
    pub(super) fn away(&self) -> Vec<Away> {
        let ids: BTreeSet<&KeyId> = self.books.roster.keys.keys().chain(self.books.custody.keys()).collect();
        let view = |id: &KeyId| Away {
            key: self.key(id),
            home: self.books.roster.keys.get(id).map(|key| key.home),
            whereabouts: self.whereabouts(id),
        };
        ids.into_iter()
            .map(view)
            .filter(|away| !matches!(away.whereabouts, Whereabouts::In { .. } | Whereabouts::Retired { .. }))
            .collect()
    }

    pub(super) fn counts(&self, slots: &[SlotView], away: &[Away]) -> Counts {
        let mut counts = Counts::default();
        for slot in slots {
            counts.slots += 1;
            counts.unknown_keys += u32::from(slot.unknown_key);
            match slot.present {
                Present::Yes => counts.present += 1,
                Present::No => counts.empty += 1,
                Present::Unknown => counts.unknown += 1,
                Present::Fault => counts.fault += 1,
            }
        }
        for away in away {
            match &away.whereabouts {
                Whereabouts::Out { overdue, .. } => {
                    counts.keys_out += 1;
                    counts.overdue += u32::from(*overdue);
                }
                Whereabouts::Unaccounted { .. } => counts.keys_unaccounted += 1,
                Whereabouts::Lost { .. } => counts.keys_lost += 1,
                Whereabouts::Unseen => counts.keys_unseen += 1,
                Whereabouts::In { .. } | Whereabouts::Retired { .. } => {}
            }
        }
        let hanging = self.books.custody.values().filter(|custody| matches!(custody, Custody::In { .. })).count();
        counts.keys_in = u32::try_from(hanging).unwrap_or(u32::MAX);
        counts
    }

    pub(super) fn doors(&self) -> Vec<DoorView> {
        let view = |door: DoorNo| {
            let row = self.books.doors.get(&door);
            let state = match row.map(|row| row.open) {
                _ if self.is_blind() => DoorIs::Unknown,
                _ if self.books.faults.contains_key(&Input::Door(door)) => DoorIs::Fault,
                None => DoorIs::Unknown,
                Some(true) => DoorIs::Open,
                Some(false) => DoorIs::Closed,
            };
            let seen = row.filter(|_| !self.is_blind());
            DoorView { door, state, since: seen.map(|row| self.moment(row.since)) }
        };
        self.settings.doors.keys().copied().map(view).collect()
    }

    pub(super) fn session(&self) -> Option<SessionView> {
        let session = self.books.session.as_ref()?;
        Some(SessionView {
            id: session.id,
            user: self.who(&session.user),
            second: session.second.as_ref().map(|second| self.who(second)),
            since: self.moment(session.started),
            opened: session.opened,
            asked: session.granted.iter().map(|grant| self.asked(grant)).collect(),
        })
    }

    fn asked(&self, grant: &Grant) -> Asked {
        Asked {
            pull: self.keys(&grant.pull),
            give_back: self.keys(&grant.give_back),
            reason: grant.reason,
            reference: grant.reference.clone(),
            purpose: grant.purpose.clone(),
            doors: grant.doors.clone(),
        }
    }

    pub(super) fn alarms(&self) -> Vec<AlarmView> {
        let named = |actor: &Actor| match actor {
            Actor::Cabinet => "the cabinet".to_owned(),
            Actor::User(id) => self.who(id).name,
            Actor::Account { name, .. } => name.to_string(),
        };
        let shown = self.books.alarms.values().filter(|open| !open.alarm.is_silent());
        shown
            .map(|open| AlarmView {
                id: open.id,
                kind: sentence::kind(&open.alarm).to_owned(),
                level: sentence::level(&open.alarm),
                sentence: sentence::alarm(&open.alarm, self),
                raised: self.moment(open.raised),
                acknowledged_by: open.acknowledged.as_ref().map(|origin| named(&origin.actor)),
            })
            .collect()
    }

    pub(super) fn signed_roster(&self) -> Option<SignedRosterView> {
        let held = self.books.signed_roster.as_ref().filter(|_| self.settings.signed_roster)?;
        let expires = held.signed.expires;
        Some(SignedRosterView {
            version: Some(held.signed.version),
            since: Some(self.moment(held.since)),
            expires: Some(expires),
            is_overdue: self.now.clock.is_trusted().then_some(self.now.wall > expires),
            ..SignedRosterView::default()
        })
    }

    pub(super) fn faults(&self) -> Vec<FaultView> {
        let view = |(&line, &fault)| FaultView { line, fault, sentence: sentence::fault(line, fault) };
        self.books.faults.iter().map(view).collect()
    }
}

impl Who {
    fn of(roster: &Roster, id: &UserId) -> Self {
        let name = roster.users.get(id).map_or_else(|| id.to_string(), |user| user.name.clone());
        Self { id: id.clone(), name }
    }
}

impl KeyName {
    pub(super) fn of(roster: &Roster, id: &KeyId) -> Self {
        let label = roster.keys.get(id).map_or_else(|| id.to_string(), |key| key.label.clone());
        Self { id: id.clone(), label }
    }
}
