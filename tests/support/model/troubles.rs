//! The days of a life, and the troubles they bring.

use super::{DAY_MS, PEOPLE, World};
use crate::laws::Law;
use crate::sample::{edit_user, sample_roster};
use cabinetd::cabinet::Event;
use cabinetd::cabinet::books::Presence;
use cabinetd::cabinet::event::{Ask, KeyStep, Reconfigured, Start, StoreState};
use cabinetd::cabinet::fact::Alarm;
use cabinetd::cabinet::roster::Window;
use cabinetd::cabinet::signed::SignedRoster;
use cabinetd::cabinet::types::{ClockQuality, Code, DoorNo, Input, KeyId, Level, Role, SlotNo, UserId, Wall};

impl World {
    pub(super) fn days(&mut self) -> Law {
        // The very first commit may fail as any other.
        while self.cabinet.books().roster.keys.is_empty() {
            self.ask(Some(Role::Admin), Ask::ChangeRoster { change: sample_roster(), dry_run: false })?;
        }
        self.event(Event::Started(Start {
            version: "sim".into(),
            last_proof: None,
            missing: None,
            config_hash: "c0".into(),
        }))?;
        self.read_lines()?;
        self.pass(60_000)?;
        self.drill()?;
        let end = self.age_ms() + u64::from(self.life.days) * DAY_MS;
        let mut day = 0;
        while self.age_ms() < end {
            let minute = self.now().civil.minute;
            let busy = (7 * 60..19 * 60).contains(&minute);
            let gap_min = if busy { self.dice.between(5, 40) } else { self.dice.between(30, 120) };
            self.pass(gap_min * 60_000)?;
            if self.dice.once_in(3) && !self.lines_lost {
                self.read_lines()?;
            }
            if busy || self.dice.once_in(6) {
                self.visit()?;
            }
            if self.life.rough {
                self.trouble()?;
            }
            if self.dice.once_in(30) {
                self.reload()?;
            }
            if self.now().civil.day != day && self.supply.off.is_none() {
                day = self.now().civil.day;
                self.evening()?;
            }
        }
        self.flush()?;
        // The whole ledger, from its first record.
        self.laws.unmark();
        self.laws.restored(&self.ledger, &self.cabinet, self.now())
    }

    /// The config is read again, when nobody is here. What the file says of doors, slots and loads is for the next start.
    fn reload(&mut self) -> Law {
        self.flush()?;
        if self.supply.off.is_some() || self.store == StoreState::Reserve || !self.cabinet.may_change_rules() {
            return Ok(());
        }
        self.tally.reloads += 1;
        let mut rules = self.settings.clone();
        rules.sessions.fixed_return = self.dice.once_in(2);
        rules.sessions.ask_required = self.dice.once_in(2);
        rules.sessions.unlock_ms = u32::try_from(self.dice.between(4_000, 15_000)).expect("some seconds");
        rules.alerts.inactive_days = u32::try_from(self.dice.between(0, 5)).expect("some days");
        let to = if self.dice.once_in(2) { 19 * 60 } else { 18 * 60 };
        rules.alerts.office_hours = vec![Window { weekdays: 0b001_1111, from: 7 * 60, to }];
        let before = self.settings.clone();
        let mut file = rules.clone();
        file.doors.remove(&DoorNo(2));
        file.slots.clear();
        file.upstream = !file.upstream;
        if let Some(power) = &mut file.power {
            power.loads.clear();
        }
        let config_hash = format!("c{}", self.tally.reloads);
        let (changed, after_restart) = (Vec::new(), Vec::new());
        let reconfigured = Reconfigured { settings: file, config_hash, changed, after_restart };
        self.laws.reconfigured(rules.clone());
        self.event(Event::Reconfigured(Box::new(reconfigured)))?;
        // Its commit may fail: then the rules are the old ones.
        if self.batch.is_durable() && *self.cabinet.settings() != rules {
            return Err(
                "after a reload the rules in force are not those of the file, with the wiring of the start".into()
            );
        }
        self.flush()?;
        let in_force = self.cabinet.settings();
        let named = self.cabinet.books().life.as_ref().map(|life| life.config_hash.as_str());
        let is_new = named == Some(format!("c{}", self.tally.reloads).as_str());
        if before != rules && is_new != (*in_force == rules) {
            return Err(format!("after a reload the books name {named:?}, and other rules are in force"));
        }
        Ok(())
    }

    fn trouble(&mut self) -> Law {
        match self.dice.between(0, 60) {
            0 => self.power_cut(),
            1 => self.chatter(),
            2 => self.line_breaks(),
            3 => self.all_lines_lost(),
            4 => self.disk_full(),
            5 => {
                self.wall_minus_mono += self.dice.between(1_000, 600_000).cast_signed() - 300_000;
                Ok(())
            }
            6 => {
                let qualities =
                    [ClockQuality::Synced, ClockQuality::Rtc, ClockQuality::Restored, ClockQuality::Unknown];
                self.quality = *self.dice.pick(&qualities).expect("qualities");
                Ok(())
            }
            7 | 8 => self.roster_edit(),
            19 | 20 => self.roster_from_elsewhere(),
            9 => self.forced_door(),
            10 => self.strangers(),
            11 => self.key_life(),
            12 => {
                self.hooks_swapped_by_nobody();
                Ok(())
            }
            13..=18 => self.trouble_of_power(),
            _ => Ok(()),
        }
    }

    fn some_slot(&mut self) -> SlotNo {
        SlotNo(self.dice.between(1, 25) as u16)
    }

    fn chatter(&mut self) -> Law {
        let input = Input::Slot(self.some_slot());
        let truth = self.levels[&input];
        for _ in 0..self.dice.between(10, 50) {
            let other = if self.levels[&input] == Level::Active { Level::Inactive } else { Level::Active };
            self.edge(input, other)?;
            let ms = self.dice.between(5, 45);
            self.pass(ms)?;
        }
        self.edge(input, truth)
    }

    fn line_breaks(&mut self) -> Law {
        let input = Input::Slot(self.some_slot());
        self.edge(input, Level::Fault)?;
        let ms = self.dice.between(10, 1_800_000);
        self.pass(ms)?;
        self.mend(input)
    }

    fn mend(&mut self, input: Input) -> Law {
        let Input::Slot(slot) = input else { return Ok(()) };
        let truth = if self.hangs.contains_key(&slot) { Level::Active } else { Level::Inactive };
        self.edge(input, truth)
    }

    fn all_lines_lost(&mut self) -> Law {
        self.lines_lost = true;
        self.read_lines()?;
        if self.dice.once_in(2) {
            self.visit()?;
        }
        let ms = self.dice.between(1_000, 1_800_000);
        self.pass(ms)?;
        self.lines_lost = false;
        self.read_lines()
    }

    fn disk_full(&mut self) -> Law {
        self.store = StoreState::Reserve;
        self.event(Event::StoreChanged(self.store))?;
        let ms = self.dice.between(1_000, 3_600_000);
        self.pass(ms)?;
        self.visit()?;
        if self.dice.once_in(3) {
            self.power_cut()?;
        }
        self.store = StoreState::Writable;
        self.event(Event::StoreChanged(self.store))
    }

    fn roster_edit(&mut self) -> Law {
        let user: UserId = self.dice.pick(&PEOPLE).copied().expect("people").into();
        let known = self.cabinet.books().roster.users.get(&user).cloned();
        let change = match known {
            Some(mut user) if self.dice.once_in(2) => {
                user.revoked = !user.revoked;
                edit_user(user)
            }
            _ => sample_roster(),
        };
        let dry_run = self.dice.once_in(5);
        self.ask(Some(Role::Admin), Ask::ChangeRoster { change, dry_run })
    }

    /// A signed one, perhaps older than the one in force, perhaps for another cabinet's slots; perhaps somebody is in the middle of a visit.
    fn roster_from_elsewhere(&mut self) -> Law {
        if !self.settings.signed_roster {
            return Ok(());
        }
        let held = self.cabinet.books().signed_roster.as_ref().map_or(0, |held| held.signed.version);
        let version = (held + self.dice.between(0, 3)).saturating_sub(1);
        let sample = sample_roster();
        let (mut users, mut keys) = (sample.users, sample.keys);
        if self.dice.once_in(3) {
            users.remove(self.dice.between(0, 3) as usize);
        }
        if self.dice.once_in(4) {
            keys.remove(self.dice.between(0, 16) as usize);
        }
        if self.dice.once_in(8) {
            keys[0].home = SlotNo(99);
        }
        for user in &mut users {
            user.pin = None;
        }
        let age_ms = self.dice.between(0, DAY_MS).cast_signed() - 3_600_000;
        let expires = Wall(self.now().wall.0 + age_ms);
        let (source, hash) = ("upstream".to_owned(), format!("{version:064}"));
        let roster = SignedRoster { source, version, hash, expires, users, keys };
        if self.dice.once_in(2) {
            let user = *self.dice.pick(&PEOPLE).expect("people");
            self.event(Event::CodeRead(Code::new(&format!("badge-{user}"))))?;
        }
        self.event(Event::RosterArrived(Box::new(roster)))
    }

    fn forced_door(&mut self) -> Law {
        self.settle(Input::Door(DoorNo(1)), Level::Inactive)?;
        self.pass(2_000)?;
        let thief: UserId = "bob".into();
        let slot = self.some_slot();
        if slot.0 <= 12 {
            self.take(slot, &thief)?;
        }
        let ms = self.dice.between(10, 900_000);
        self.pass(ms)?;
        self.settle(Input::Door(DoorNo(1)), Level::Active)
    }

    fn strangers(&mut self) -> Law {
        for number in 0..self.dice.between(1, 40) {
            self.event(Event::CodeRead(Code::new(&format!("stranger-{number}"))))?;
            let ms = self.dice.between(200, 5_000);
            self.pass(ms)?;
        }
        Ok(())
    }

    fn key_life(&mut self) -> Law {
        let keys: Vec<KeyId> = self.cabinet.books().roster.keys.keys().cloned().collect();
        let key = self.dice.pick(&keys).cloned().expect("keys");
        let steps = [KeyStep::Lost, KeyStep::Found, KeyStep::Rekeyed, KeyStep::EnteredByMistake];
        let step = *self.dice.pick(&steps).expect("steps");
        self.ask(Some(Role::Manager), Ask::KeyLife { key, step, note: None })
    }

    /// What no sensor sees: two keys change their hooks, between two readings.
    fn hooks_swapped_by_nobody(&mut self) {
        let (a, b) = (self.some_slot(), self.some_slot());
        if let (Some(one), Some(other)) = (self.hangs.get(&a).cloned(), self.hangs.get(&b).cloned()) {
            self.hangs.insert(a, other);
            self.hangs.insert(b, one);
        }
    }

    /// The manager looks after the open questions: alarms, unnamed slots, keys marked lost that were found.
    fn evening(&mut self) -> Law {
        self.flush()?;
        let broken: Vec<Input> =
            self.levels.iter().filter(|(_, level)| **level == Level::Fault).map(|(i, _)| *i).collect();
        for input in broken {
            self.mend(input)?;
        }
        self.pass(60_000)?;
        if self.life.rough {
            // Unnamed, or under a wrong name.
            let doubtful: Vec<SlotNo> = (self.cabinet.books().slots.iter())
                .filter(|(slot, row)| row.present == Presence::Present && row.key.as_ref() != self.hangs.get(slot))
                .map(|(slot, _)| *slot)
                .collect();
            for slot in doubtful {
                if let Some(key) = self.hangs.get(&slot).map(ToString::to_string) {
                    self.ask(Some(Role::Manager), Ask::Declare { slot, key })?;
                }
            }
        }
        let open: Vec<_> = self.cabinet.books().alarms.values().cloned().collect();
        for alarm in open {
            if alarm.acknowledged.is_none() {
                self.ask(Some(Role::Manager), Ask::AlarmAcknowledge { alarm: alarm.id })?;
            }
            if matches!(alarm.alarm, Alarm::LoneEmergency { .. }) {
                self.ask(Some(Role::Manager), Ask::Countersign { alarm: alarm.id, by: "cleo".into() })?;
            }
        }
        self.flush()?;
        self.laws.same_as(&self.cabinet)?;
        self.laws.mark();
        Ok(())
    }
}
