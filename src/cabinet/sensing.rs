//! From raw levels to settled ones: debounce, chatter, unreadable lines, and the comparison after an interval nobody saw.

use super::books::{Presence, Session};
use super::fact::{Adopted, Alarm, Fact, SensorFault};
use super::types::{Input, KeyId, Level, Mono, SlotNo, UserId};
use super::{Cabinet, Reason, Turn};
use std::collections::BTreeMap;

/// A chattering line must be quiet for this many windows to be believed again.
const QUIET_WINDOWS: u64 = 5;

/// The raw state of the lines.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Sensing {
    lines: BTreeMap<Input, Line>,
    /// Lines whose raw level waits to be believed.
    unsettled: BTreeMap<Input, Mono>,
    /// The next full reading is compared with the books, not taken for edges.
    compare: bool,
    /// Who had been let in for which key by a session whose end nobody saw.
    let_in: BTreeMap<KeyId, UserId>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Line {
    raw: Level,
    settled: Option<Level>,
    window_began: Mono,
    edges: u32,
    chatters: bool,
}

impl Sensing {
    /// The next full reading is compared with the books, after a start whose comparison is not recorded yet.
    pub(super) const fn compare_again(&mut self) {
        self.compare = true;
    }

    /// Whether a slot's raw level waits to be believed.
    pub(super) fn is_unsettled(&self, slot: SlotNo) -> bool {
        self.unsettled.contains_key(&Input::Slot(slot))
    }

    /// What is found changed may be the doing of `unseen`, a session whose end nobody saw.
    pub(super) fn compare_next(&mut self, unseen: Option<&Session>) {
        self.compare = true;
        let pulls = unseen.into_iter().flat_map(|session| {
            session.granted.iter().flat_map(|grant| &grant.pull).map(|key| (key.clone(), session.user.clone()))
        });
        self.let_in = pulls.collect();
    }

    pub(super) fn next_deadline(&self) -> Option<(Mono, Reason)> {
        self.unsettled.values().min().map(|due| (*due, Reason::Debounce))
    }
}

impl Cabinet {
    fn inputs(&self) -> Vec<Input> {
        let doors = self.settings.doors.iter().filter(|(_, door)| door.contact).map(|(no, _)| Input::Door(*no));
        let slots = self.settings.slots.keys().map(|no| Input::Slot(*no));
        let tamper = self.settings.tamper.then_some(Input::Tamper);
        let lockbox = self.settings.lockbox.then_some(Input::Lockbox);
        doors.chain(tamper).chain(lockbox).chain(slots).collect()
    }

    /// A full picture: compared with the books after a dark interval; otherwise a self-check, whose surprises are lost edges.
    pub(super) fn lines_read(&mut self, turn: &mut Turn, levels: &[(Input, Level)]) {
        let read: BTreeMap<Input, Level> = levels.iter().copied().collect();
        let inputs = self.inputs();
        let readable = |input: &Input| read.get(input).is_some_and(|level| *level != Level::Fault);
        if !inputs.iter().any(readable) {
            return self.lines_lost(turn);
        }
        if self.books.life.as_ref().is_some_and(|life| life.lines_lost) {
            self.record(turn, Fact::LinesBack);
            // Whoever drove it may have let go of it.
            self.lamp_shows = None;
            self.resolve(turn, |alarm| *alarm == Alarm::LinesLost);
        }
        if !std::mem::take(&mut self.sensing.compare) {
            for input in inputs {
                self.line_changed(turn, input, read.get(&input).copied().unwrap_or(Level::Fault));
            }
            return;
        }
        self.sensing.unsettled.clear();
        for input in &inputs {
            let level = read.get(input).copied().unwrap_or(Level::Fault);
            let line = Line { raw: level, settled: Some(level), window_began: turn.mono(), edges: 0, chatters: false };
            self.sensing.lines.insert(*input, line);
            match level {
                Level::Fault => self.sensor_failed(turn, *input, SensorFault::Unreadable),
                Level::Active | Level::Inactive => self.sensor_recovered(turn, *input, level),
            }
        }
        self.compare(turn, &inputs, &read);
    }

    /// All chips whose interrupts are dead; those of before that are not among them are well again.
    pub(super) fn interrupts_judged(&mut self, turn: &mut Turn, dead: Vec<String>) {
        self.resolve(turn, |alarm| matches!(alarm, Alarm::InterruptDead { chip } if !dead.contains(chip)));
        for chip in dead {
            self.raise(turn, Alarm::InterruptDead { chip });
        }
    }

    fn lines_lost(&mut self, turn: &mut Turn) {
        let let_in = std::mem::take(&mut self.sensing.let_in);
        self.sensing = Sensing { compare: true, let_in, ..Sensing::default() };
        if self.books.life.as_ref().is_some_and(|life| !life.lines_lost) {
            self.record(turn, Fact::LinesLost);
            self.raise(turn, Alarm::LinesLost);
        }
    }

    fn compare(&mut self, turn: &mut Turn, inputs: &[Input], read: &BTreeMap<Input, Level>) {
        let mut unseen: Vec<(SlotNo, bool)> = Vec::new();
        let mut differences = 0;
        for input in inputs {
            let present = match read.get(input) {
                Some(Level::Active) => true,
                Some(Level::Inactive) => false,
                Some(Level::Fault) | None => continue,
            };
            match input {
                Input::Door(door) => self.door_settled(turn, *door, !present),
                Input::Tamper => self.tamper_settled(turn, present),
                Input::Lockbox => self.lockbox_settled(turn, present),
                Input::Slot(slot) => match self.books.slots.get(slot).map(|row| row.present == Presence::Present) {
                    None => unseen.push((*slot, present)),
                    Some(before) if before == present => {}
                    Some(_) => {
                        differences += 1;
                        self.found_changed(turn, *slot, present);
                    }
                },
            }
        }
        let first_ever = self.books.slots.is_empty();
        self.adopt_slots(turn, &unseen);
        if !first_ever {
            self.record(turn, Fact::DarkCompared { differences });
        }
        // Who was let in before explains what is found now, and nothing that is found later; but for slots not read yet.
        let (faults, custody) = (&self.books.faults, &self.books.custody);
        self.sensing.let_in.retain(|key, _| {
            matches!(custody.get(key), Some(super::books::Custody::In { slot, .. }) if faults.contains_key(&Input::Slot(*slot)))
        });
    }

    fn slot_seen_again(&mut self, turn: &mut Turn, slot: SlotNo, present: bool) {
        match self.books.slots.get(&slot).map(|row| row.present == Presence::Present) {
            None => self.adopt_slots(turn, &[(slot, present)]),
            Some(before) if before == present => {}
            Some(_) => self.found_changed(turn, slot, present),
        }
        let faults = &self.books.faults;
        let custody = &self.books.custody;
        self.sensing.let_in.retain(|key, _| {
            matches!(custody.get(key), Some(super::books::Custody::In { slot, .. }) if faults.contains_key(&Input::Slot(*slot)))
        });
    }

    fn found_changed(&mut self, turn: &mut Turn, slot: SlotNo, present: bool) {
        let key: Option<KeyId> = if present {
            self.books.roster.by_home(slot).map(|key| key.id.clone())
        } else {
            self.books.slots.get(&slot).and_then(|row| row.key.clone())
        };
        let let_in = key.as_ref().filter(|_| !present).and_then(|key| self.sensing.let_in.get(key).cloned());
        self.record(turn, Fact::FoundChanged { slot, present, key, let_in });
        self.raise(turn, Alarm::DarkDifference { slot });
    }

    /// Slots that the books do not have yet: what hangs at home counts as the key of that home.
    pub(super) fn adopt_slots(&mut self, turn: &mut Turn, found: &[(SlotNo, bool)]) {
        if found.is_empty() {
            return;
        }
        let slots = found.iter().map(|(slot, present)| {
            let key = self.books.roster.by_home(*slot).filter(|_| *present);
            let key = key.filter(|key| !self.books.custody.contains_key(&key.id)).map(|key| key.id.clone());
            Adopted { slot: *slot, present: *present, key }
        });
        let slots = slots.collect();
        self.record(turn, Fact::SlotsAdopted { slots });
    }

    // ------------------------------------------------------------ edges

    /// A raw edge. It counts once it has held for the debounce time.
    pub(super) fn line_changed(&mut self, turn: &mut Turn, input: Input, level: Level) {
        if !self.inputs_contain(input) {
            return;
        }
        let now = turn.mono();
        let rules = &self.settings.sessions;
        let (window_ms, most) = (rules.chatter_window_ms, rules.chatter_edges);
        let debounce_ms = rules.debounce_ms;
        let line = self.sensing.lines.entry(input).or_insert(Line {
            raw: level,
            settled: None,
            window_began: now,
            edges: 0,
            chatters: false,
        });
        if line.raw == level && (line.settled.is_some() || self.sensing.unsettled.contains_key(&input)) {
            return;
        }
        if line.raw != level {
            line.raw = level;
            if now.since_ms(line.window_began) > window_ms {
                line.window_began = now;
                line.edges = 0;
            }
            line.edges += 1;
        }
        let begins = line.edges > most && !line.chatters;
        line.chatters |= begins;
        let hold_ms = if line.chatters { window_ms * QUIET_WINDOWS } else { debounce_ms };
        self.sensing.unsettled.insert(input, now.plus_ms(hold_ms));
        if begins {
            self.sensor_failed(turn, input, SensorFault::Chatter);
        }
    }

    fn inputs_contain(&self, input: Input) -> bool {
        match input {
            Input::Slot(slot) => self.settings.slots.contains_key(&slot),
            Input::Door(door) => self.settings.doors.get(&door).is_some_and(|door| door.contact),
            Input::Tamper => self.settings.tamper,
            Input::Lockbox => self.settings.lockbox,
        }
    }

    pub(super) fn settle_lines(&mut self, turn: &mut Turn) {
        let now = turn.mono();
        // Doors before slots: `Input` sorts slots first, so that order is made here.
        let mut due: Vec<Input> =
            self.sensing.unsettled.iter().filter(|(_, due)| **due <= now).map(|(input, _)| *input).collect();
        due.sort_by_key(|input| (matches!(input, Input::Slot(_)), *input));
        // A door that closes in the same instant closes after the slots behind it have changed.
        let closing = |input: &Input| {
            matches!(input, Input::Door(_))
                && self.sensing.lines.get(input).is_some_and(|line| line.raw == Level::Active)
        };
        let (last, first): (Vec<Input>, Vec<Input>) = due.into_iter().partition(closing);
        for input in first.into_iter().chain(last) {
            self.sensing.unsettled.remove(&input);
            let Some(line) = self.sensing.lines.get_mut(&input) else { continue };
            line.settled = Some(line.raw);
            line.chatters = false;
            line.edges = 0;
            let level = line.raw;
            turn.by = super::types::Origin::cabinet();
            self.line_settled(turn, input, level);
        }
    }

    fn line_settled(&mut self, turn: &mut Turn, input: Input, level: Level) {
        let active = match level {
            Level::Fault => return self.sensor_failed(turn, input, SensorFault::Unreadable),
            Level::Active => true,
            Level::Inactive => false,
        };
        let was_blind = self.books.faults.contains_key(&input);
        self.sensor_recovered(turn, input, level);
        match input {
            // Nobody saw it change while the sensor was out; a visitor at the open door answers for it all the same.
            Input::Slot(slot) if was_blind && self.session_at(slot).is_none() => {
                self.slot_seen_again(turn, slot, active);
            }
            Input::Slot(slot) => self.slot_settled(turn, slot, active),
            Input::Door(door) => self.door_settled(turn, door, !active),
            Input::Tamper => self.tamper_settled(turn, active),
            Input::Lockbox => self.lockbox_settled(turn, active),
        }
    }

    fn tamper_settled(&mut self, turn: &mut Turn, intact: bool) {
        if intact {
            self.resolve(turn, |alarm| *alarm == Alarm::Tampered);
        } else {
            self.raise(turn, Alarm::Tampered);
        }
    }

    /// The lockbox of the cabinet key: its opening alarms until somebody has looked after it and it is closed, in whatever order.
    fn lockbox_settled(&mut self, turn: &mut Turn, closed: bool) {
        if closed != self.lockbox_is_open() {
            return;
        }
        if closed {
            self.record(turn, Fact::LockboxClosed);
            self.resolve_acknowledged(turn, &Alarm::LockboxOpened);
        } else {
            self.record(turn, Fact::LockboxOpened);
            self.raise(turn, Alarm::LockboxOpened);
        }
    }

    /// As it was seen last.
    pub(super) fn lockbox_is_open(&self) -> bool {
        self.books.life.as_ref().is_some_and(|life| life.lockbox_open)
    }

    pub(super) fn sensor_failed(&mut self, turn: &mut Turn, input: Input, fault: SensorFault) {
        if self.books.faults.contains_key(&input) {
            return;
        }
        self.record(turn, Fact::SensorFault { input, fault });
        if let Input::Door(door) = input {
            self.visit_door_unseen(turn, door);
        }
        self.raise(turn, Alarm::SensorFault { input });
    }

    fn sensor_recovered(&mut self, turn: &mut Turn, input: Input, level: Level) {
        if self.books.faults.contains_key(&input) {
            self.record(turn, Fact::SensorRecovered { input, present: level == Level::Active });
            self.resolve(turn, |alarm| *alarm == Alarm::SensorFault { input });
        }
    }
}
