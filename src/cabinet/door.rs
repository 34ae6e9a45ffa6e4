//! Doors: opened, closed, left open, opened by nobody we know.

use super::event::StoreState;
use super::fact::{Alarm, Cleared, Fact};
use super::outcome::{Message, Sound};
use super::settings::Settings;
use super::types::{DoorNo, Input, Mono, SlotNo};
use super::{Cabinet, Reason, Turn};
use std::collections::BTreeMap;

/// Open doors and since when nothing moved behind them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Doors {
    open: BTreeMap<DoorNo, LeftOpen>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct LeftOpen {
    quiet_since: Mono,
    /// Levels of the alarm raised so far, 0..=3.
    level: u8,
}

impl Doors {
    pub(super) fn next_deadline(&self, settings: &Settings) -> Option<(Mono, Reason)> {
        let due = |left: &LeftOpen| {
            let after_ms = settings.sessions.door_open_ms.get(usize::from(left.level))?;
            Some((left.quiet_since.plus_ms(*after_ms), Reason::DoorLeftOpen))
        };
        self.open.values().filter_map(due).min()
    }

    /// How far the alarm of an open door has grown, 0..=3; none = this core has not seen it open.
    pub(super) fn level_if_open(&self, door: DoorNo) -> Option<u8> {
        self.open.get(&door).map(|left| left.level)
    }
}

impl Cabinet {
    /// Whether the door's contact tells anything: there is one, and it can be believed.
    pub(super) fn sees_door(&self, door: DoorNo) -> bool {
        let contact = self.settings.doors.get(&door).is_some_and(|door| door.contact);
        contact && !self.books.faults.contains_key(&Input::Door(door))
    }

    /// Whether a door is seen to be open. One whose contact is broken is not: it is unknown.
    pub(super) fn door_is_open(&self, door: DoorNo) -> bool {
        self.sees_door(door) && self.books.doors.get(&door).is_some_and(|state| state.open)
    }

    /// A door's contact settled on a level.
    pub(super) fn door_settled(&mut self, turn: &mut Turn, door: DoorNo, open: bool) {
        if open {
            // After a restart the alarm that is open goes on from its level.
            let level = self.books.alarms.values().filter_map(|open| match &open.alarm {
                Alarm::DoorLeftOpen { door: left, level } if *left == door => Some(*level),
                _ => None,
            });
            let level = level.max().unwrap_or(0);
            self.doors.open.entry(door).or_insert(LeftOpen { quiet_since: turn.mono(), level });
        } else {
            self.doors.open.remove(&door);
        }
        match (self.books.doors.get(&door).map(|state| state.open), open) {
            (Some(true), true) | (Some(false), false) => {}
            // The first reading of a closed door is no news.
            (None, false) => drop(self.record(turn, Fact::DoorClosed { door, session: None, open_ms: 0 })),
            (Some(false) | None, true) => self.door_opened(turn, door),
            (Some(true), false) => self.door_closed(turn, door),
        }
    }

    fn door_opened(&mut self, turn: &mut Turn, door: DoorNo) {
        self.somebody_is_here(turn);
        let granted = self.books.session.as_ref().filter(|session| session.may_open(door));
        let session = granted.map(|session| session.id);
        self.record(turn, Fact::DoorOpened { door, session });
        if session.is_some() {
            self.visit_door_opened(turn, door);
        } else {
            self.raise(turn, Alarm::OpenWithoutSession { door });
        }
    }

    fn door_closed(&mut self, turn: &mut Turn, door: DoorNo) {
        self.somebody_is_here(turn);
        let Some(state) = self.books.doors.get(&door).cloned() else { return };
        let open_ms = state.since.elapsed_ms(turn.now.stamp());
        self.record(turn, Fact::DoorClosed { door, session: state.session, open_ms });
        self.resolve(turn, |alarm| matches!(alarm, Alarm::DoorLeftOpen { door: left, .. } if *left == door));
        self.resolve_acknowledged(turn, &Alarm::OpenWithoutSession { door });
        self.visit_door_closed(turn);
    }

    /// A slot edge behind a door shows that somebody is at it: its timer begins anew.
    pub(super) fn door_in_use(&mut self, turn: &Turn, slot: SlotNo) {
        let Some(place) = self.settings.slots.get(&slot) else { return };
        let door = place.door;
        if let Some(left) = self.doors.open.get_mut(&door) {
            left.quiet_since = turn.mono();
        }
        // A slot that changes behind a closed door is a matter of its sensor, not of a person.
        if self.door_is_open(door) || !self.sees_door(door) {
            self.somebody_is_here(turn);
        }
    }

    pub(super) fn door_deadlines(&mut self, turn: &mut Turn) {
        let limits = self.settings.sessions.door_open_ms;
        let mut due = Vec::new();
        for (door, left) in &mut self.doors.open {
            let before = left.level;
            let is_due = |after_ms: &u64| left.quiet_since.plus_ms(*after_ms) <= turn.mono();
            // Who slept through a level goes to the next at once.
            while limits.get(usize::from(left.level)).is_some_and(is_due) {
                left.level += 1;
            }
            if left.level > before {
                due.push((*door, left.level));
            }
        }
        for (door, level) in due {
            self.show(turn, Message::CloseDoor { door });
            self.sound(turn, Sound::CloseDoor);
            let lower = |alarm: &Alarm| matches!(alarm, Alarm::DoorLeftOpen { door: left, .. } if *left == door);
            let escalates = self.books.alarms.values().any(|open| lower(&open.alarm));
            if escalates && self.store == StoreState::Writable {
                self.clear(turn, lower, Cleared::Escalated);
            }
            if !escalates || self.store == StoreState::Writable {
                self.raise(turn, Alarm::DoorLeftOpen { door, level });
            }
        }
    }
}
