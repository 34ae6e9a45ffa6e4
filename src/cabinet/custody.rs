//! Keys that are out: overdue, still out when the office closes; people who have not been seen; and the steps of a key's life.

use super::books::{Custody, Presence};
use super::event::{KeyStep, StoreState};
use super::fact::{Alarm, Fact};
use super::outcome::Denial;
use super::types::{Evidence, KeyId, Mono, Now, UserId};
use super::{Cabinet, Reason, Turn};
use std::collections::BTreeMap;

/// Office hours are looked up again at least this often, so that a corrected clock is noticed.
const LOOK_AGAIN_MS: u64 = 3_600_000;
const DAY_MS: u64 = 86_400_000;

/// What to look at when.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Watch {
    overdue: BTreeMap<KeyId, Mono>,
    hours: Option<Mono>,
    /// Whether the office was open when it was last looked up, and on which day people were last counted.
    office_open: bool,
    counted_day: Option<i32>,
}

impl Watch {
    pub(super) fn next_deadline(&self) -> Option<(Mono, Reason)> {
        let overdue = self.overdue.values().min().map(|due| (*due, Reason::KeyOverdue));
        overdue.into_iter().chain(self.hours.map(|due| (due, Reason::OfficeHours))).min()
    }
}

impl Cabinet {
    /// Plans anew: after a restore, a start, a corrected clock.
    pub(super) fn plan_watch(&mut self, now: Now) {
        self.watch.overdue.clear();
        let out: Vec<KeyId> = self.books.custody.keys().cloned().collect();
        for key in out {
            self.watch_key(now, &key);
        }
        self.watch.office_open = self.office_is_open(now);
        self.plan_hours(now);
    }

    fn plan_hours(&mut self, now: Now) {
        let has_hours = !self.settings.alerts.office_hours.is_empty();
        if !has_hours && self.settings.alerts.inactive_days == 0 {
            self.watch.hours = None;
            return;
        }
        let minute_ms = 60_000;
        let into_minute_ms = now.wall.0.rem_euclid(60_000) as u64;
        let ends = self.settings.alerts.office_hours.iter().map(|window| {
            let minutes = (i32::from(window.to) - i32::from(now.civil.minute)).rem_euclid(1_440) as u64;
            (if minutes == 0 { 1_440 } else { minutes }) * minute_ms
        });
        let next_ms = ends.min().unwrap_or(LOOK_AGAIN_MS).saturating_sub(into_minute_ms).clamp(1_000, LOOK_AGAIN_MS);
        self.watch.hours = Some(now.mono.plus_ms(next_ms));
    }

    fn office_is_open(&self, now: Now) -> bool {
        self.settings.alerts.office_hours.iter().any(|window| window.contains(now.civil))
    }

    /// Watches a key if it is out and may not be out for ever.
    pub(super) fn watch_key(&mut self, now: Now, key: &KeyId) {
        let Some(Custody::Out(holding)) = self.books.custody.get(key) else {
            self.watch.overdue.remove(key);
            return;
        };
        let Some(limit_ms) = self.settings.alerts.overdue_ms.get(&holding.reason) else { return };
        if self.books.alarms.values().any(|open| open.alarm == Alarm::Overdue { key: key.clone() }) {
            return;
        }
        let left_ms = limit_ms.saturating_sub(holding.since.elapsed_ms(now.stamp()));
        self.watch.overdue.insert(key.clone(), now.mono.plus_ms(left_ms));
    }

    /// A key is accounted for again.
    pub(super) fn unwatch_key(&mut self, turn: &mut Turn, key: &KeyId) {
        self.watch.overdue.remove(key);
        self.resolve(turn, |alarm| matches!(alarm, Alarm::Overdue { key: late } if late == key));
        let still_out = |alarm: &Alarm| match alarm {
            Alarm::OutAtClosing { keys } => keys.iter().any(|key| self.is_out(key)),
            _ => true,
        };
        let back: Vec<Alarm> =
            self.books.alarms.values().map(|open| open.alarm.clone()).filter(|alarm| !still_out(alarm)).collect();
        self.resolve(turn, |alarm| back.contains(alarm));
    }

    fn is_out(&self, key: &KeyId) -> bool {
        matches!(self.books.custody.get(key), Some(Custody::Out(_) | Custody::Unaccounted { .. }))
    }

    pub(super) fn watch_deadlines(&mut self, turn: &mut Turn) {
        let late: Vec<KeyId> =
            self.watch.overdue.iter().filter(|(_, due)| **due <= turn.mono()).map(|(key, _)| key.clone()).collect();
        for key in late {
            self.watch.overdue.remove(&key);
            self.raise(turn, Alarm::Overdue { key });
        }
        if self.watch.hours.is_some_and(|due| due <= turn.mono()) {
            self.look_at_hours(turn);
            self.plan_hours(turn.now);
        }
    }

    fn look_at_hours(&mut self, turn: &mut Turn) {
        let open = self.office_is_open(turn.now);
        let closes = std::mem::replace(&mut self.watch.office_open, open) && !open;
        if !turn.now.clock.is_trusted() || self.store == StoreState::Reserve {
            return;
        }
        if closes {
            let keys: Vec<KeyId> = (self.books.custody.iter())
                .filter(|(_, custody)| matches!(custody, Custody::Out(_)))
                .map(|(key, _)| key.clone())
                .collect();
            if !keys.is_empty() {
                self.resolve(turn, |alarm| matches!(alarm, Alarm::OutAtClosing { .. }));
                self.raise(turn, Alarm::OutAtClosing { keys });
            }
        }
        if self.watch.counted_day != Some(turn.now.civil.day) {
            self.watch.counted_day = Some(turn.now.civil.day);
            self.look_for_inactive(turn);
        }
    }

    /// People who came once and have not come for long; never those who have not come yet.
    fn look_for_inactive(&mut self, turn: &mut Turn) {
        let limit_ms = u64::from(self.settings.alerts.inactive_days) * DAY_MS;
        if limit_ms == 0 {
            return;
        }
        let stamp = turn.now.stamp();
        let gone = |user: &UserId| {
            let visit = self.books.people.get(user).and_then(|person| person.last_visit);
            visit.is_some_and(|visit| visit.elapsed_ms(stamp) >= limit_ms)
        };
        let users: Vec<_> = (self.books.roster.users.values())
            .filter(|user| !user.revoked && gone(&user.id))
            .map(|user| user.id.clone())
            .collect();
        for user in users {
            self.raise(turn, Alarm::InactiveUser { user });
        }
    }

    /// Who is revoked or left the roster is not missed any more.
    pub(super) fn forget_inactive(&mut self, turn: &mut Turn) {
        let users = &self.books.roster.users;
        let gone: Vec<Alarm> = (self.books.alarms.values())
            .map(|open| open.alarm.clone())
            .filter(|alarm| matches!(alarm, Alarm::InactiveUser { user } if users.get(user).is_none_or(|user| user.revoked)))
            .collect();
        self.resolve(turn, |alarm| gone.contains(alarm));
    }

    /// Somebody came: they are not missed any more.
    pub(super) fn seen_again(&mut self, turn: &mut Turn, user: &UserId) {
        self.resolve(turn, |alarm| matches!(alarm, Alarm::InactiveUser { user: missed } if missed == user));
    }

    /// A step in a key's life.
    pub(super) fn step_key(
        &mut self,
        turn: &mut Turn,
        key: &KeyId,
        step: KeyStep,
        note: Option<String>,
    ) -> Result<String, Denial> {
        if !self.books.roster.keys.contains_key(key) {
            return Err(Denial::KeyUnknown { key: key.as_str().to_owned() });
        }
        let unchanged = match (self.books.custody.get(key), step) {
            // Found is what was lost, or what nobody could account for.
            (Some(Custody::Lost { .. }), KeyStep::Lost)
            | (Some(Custody::Retired { .. }), KeyStep::Retired)
            | (Some(Custody::In { .. }), KeyStep::Found) => true,
            _ => false,
        };
        if unchanged {
            return Err(Denial::NothingToChange);
        }
        if let (Some(Custody::In { slot, .. }), KeyStep::Lost) = (self.books.custody.get(key), step) {
            return Err(Denial::KeyIsIn { key: key.clone(), slot: *slot });
        }
        let slot = match self.books.custody.get(key) {
            Some(Custody::In { slot, .. }) => Some(*slot),
            _ => None,
        };
        let before = self.books.custody.get(key);
        let last = match step {
            // The entry that does not count is that they took it.
            KeyStep::EnteredByMistake if matches!(before, Some(Custody::Out(_))) => None,
            KeyStep::Lost | KeyStep::Found | KeyStep::EnteredByMistake => before.and_then(Custody::last),
            KeyStep::Rekeyed | KeyStep::Retired => None,
        };
        let had =
            last.as_ref().map_or_else(String::new, |last| format!(" ({})", last.words(&self.name_of(&last.user))));
        self.record(turn, Fact::KeyStepped { key: key.clone(), step, note, last });
        self.unwatch_key(turn, key);
        if let Some(slot) = slot.filter(|_| step != KeyStep::Rekeyed) {
            self.raise(turn, Alarm::UnexpectedSlot { slot, key: None });
        }
        // It was not thought to hang anywhere, and something unnamed hangs in its home: then that is what was meant.
        let home = self.books.roster.keys.get(key).map(|key| key.home);
        let unnamed = home.filter(|home| {
            self.books.slots.get(home).is_some_and(|row| row.present == Presence::Present && row.key.is_none())
        });
        if let Some(home) =
            unnamed.filter(|_| slot.is_none() && matches!(step, KeyStep::Found | KeyStep::EnteredByMistake))
        {
            self.identify_slot(turn, home, key, Evidence::Declared);
        }
        Ok(format!("{} is recorded as {}{had}", self.label_of(key), step_word(step)))
    }
}

const fn step_word(step: KeyStep) -> &'static str {
    match step {
        KeyStep::Lost => "lost",
        KeyStep::Found => "found; hang it home",
        KeyStep::Rekeyed => "re-keyed",
        KeyStep::Retired => "retired",
        KeyStep::EnteredByMistake => "entered by mistake; its custody is open until it is seen",
    }
}
