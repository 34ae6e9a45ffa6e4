//! What people do: they come, ask, open, hang, take and close. In a calm life carefully, in a rough one like people.

use super::{PEOPLE, World};
use crate::laws::Law;
use crate::sample::pull_of;
use cabinetd::cabinet::Event;
use cabinetd::cabinet::books::Custody;
use cabinetd::cabinet::event::Ask;
use cabinetd::cabinet::outcome::Message;
use cabinetd::cabinet::roster::Key;
use cabinetd::cabinet::types::{Code, DoorNo, Input, KeyId, Level, Pin, Reason, Role, SlotNo, UserId};
use std::collections::BTreeSet;

impl World {
    pub(super) fn comes(&mut self, user: &UserId) -> Law {
        let code = if self.dice.once_in(8) { "login" } else { "badge" };
        let code = Code::new(&format!("{code}-{user}"));
        let event = if code.expose().starts_with("login") { Event::LoginTyped(code) } else { Event::CodeRead(code) };
        self.event(event)?;
        // Some have to look it up.
        let ms = if self.dice.once_in(12) { self.dice.between(15_000, 28_000) } else { self.dice.between(500, 6_000) };
        self.pass(ms)?;
        if self.mishap(40) {
            self.power_cut()?;
        }
        let digits = if self.dice.once_in(12) {
            "wrong"
        } else if self.dice.once_in(200) {
            "duress"
        } else {
            "right"
        };
        self.event(Event::PinTyped(Pin::new(digits)))?;
        self.pass(500)
    }

    pub(super) fn is_here(&self, user: &UserId) -> bool {
        self.cabinet.books().session.as_ref().is_some_and(|session| session.user == *user)
    }

    pub(super) fn held(&self, user: &UserId) -> Vec<KeyId> {
        self.hands.iter().filter(|(_, holder)| *holder == user).map(|(key, _)| key.clone()).collect()
    }

    /// Somebody comes, asks, opens, hangs, takes, closes.
    pub(super) fn visit(&mut self) -> Law {
        self.tally.visits += 1;
        let user = self.somebody();
        self.press_the_button()?;
        self.comes(&user)?;
        if !self.is_here(&user) {
            return Ok(());
        }
        // A colleague's key is brought along.
        let mut lent = None;
        if self.dice.once_in(6)
            && let Some((key, owner)) = self.hands.iter().next().map(|(key, owner)| (key.clone(), owner.clone()))
        {
            self.hands.insert(key.clone(), user.clone());
            lent = Some((key, owner));
        }
        let back = self.held(&user);
        let wanted = self.wanted(&user);
        if !back.is_empty() {
            self.ask(Some(Role::Staff), Ask::Return { keys: vec![] })?;
        }
        if !wanted.is_empty() {
            self.asks_for(&user, &wanted)?;
        }
        if self.mishap(30) {
            self.power_cut()?;
        }
        let ms = self.dice.between(300, 4_000);
        self.pass(ms)?;
        let doors: Vec<DoorNo> =
            self.unlocked_until.iter().filter(|(_, until)| **until > self.mono).map(|(d, _)| *d).collect();
        for door in &doors {
            self.settle(Input::Door(*door), Level::Inactive)?;
        }
        self.pass(40)?;
        for key in back {
            if self.mishap(60) {
                self.power_cut()?;
            }
            self.hangs_up(&key)?;
            let ms = self.dice.between(40, 9_000);
            self.pass(ms)?;
        }
        for key in wanted {
            self.takes(&user, &key)?;
            let ms = self.dice.between(0, 9_000);
            self.pass(ms)?;
        }
        self.pass(40)?;
        if self.dice.once_in(50) {
            let ms = self.dice.between(30_000, 1_500_000);
            self.pass(ms)?;
        }
        if self.mishap(60) {
            self.power_cut()?;
        }
        for door in self.settings.doors.keys().copied().collect::<Vec<_>>() {
            if self.door_is_open(door) {
                self.settle(Input::Door(door), Level::Active)?;
            }
        }
        self.pass(11_000)?;
        if let Some((key, owner)) = lent.filter(|(key, _)| !self.life.rough && self.hands.get(key) == Some(&user)) {
            self.hands.insert(key, owner); // It could not be hung: back it goes.
        }
        self.books_are_true()
    }

    /// Keys that this person may take and that the books have in the cabinet: none, one or two.
    fn wanted(&mut self, user: &UserId) -> Vec<KeyId> {
        let books = self.cabinet.books();
        let Some(person) = books.roster.users.get(user) else { return vec![] };
        let may = |key: &&Key| {
            let here = matches!(books.custody.get(&key.id), Some(Custody::In { .. }));
            here && (person.role >= Role::Manager || person.groups.intersection(&key.groups).next().is_some())
        };
        let all: Vec<KeyId> = books.roster.keys.values().filter(may).map(|key| key.id.clone()).collect();
        let mut wanted = BTreeSet::new();
        for _ in 0..self.dice.between(0, 3) {
            wanted.extend(self.dice.pick(&all).cloned());
        }
        wanted.into_iter().collect()
    }

    fn asks_for(&mut self, user: &UserId, wanted: &[KeyId]) -> Law {
        let keys: Vec<&str> = wanted.iter().map(KeyId::as_str).collect();
        let alone = keys.contains(&"safe") && self.dice.once_in(3);
        let reasons = [Reason::WorkOrder, Reason::Showing, Reason::UnitAccess, Reason::Emergency];
        let reason = if alone { Reason::Emergency } else { *self.dice.pick(&reasons).expect("reasons") };
        self.ask(Some(Role::Staff), Ask::Pull(pull_of(&keys, reason, alone)))?;
        if matches!(self.told, Some(Message::SecondPersonPlease { .. })) {
            let second = self.dice.pick(&PEOPLE).copied().expect("people").into();
            if second != *user {
                self.comes(&second)?;
            }
        }
        Ok(())
    }

    /// Hangs a key, if its door is open: careful people scan when they are asked, or before.
    fn hangs_up(&mut self, key: &KeyId) -> Law {
        if !self.hands.contains_key(key) {
            return Ok(());
        }
        let home = self.cabinet.books().roster.keys.get(key).map(|key| key.home);
        let places: Vec<SlotNo> = (self.settings.slots.iter())
            .filter(|(slot, place)| self.door_is_open(place.door) && !self.hangs.contains_key(slot))
            .map(|(slot, _)| *slot)
            .collect();
        let anywhere = !self.settings.sessions.fixed_return || self.mishap(25);
        let slot = if anywhere { self.dice.pick(&places).copied() } else { home.filter(|home| places.contains(home)) };
        let Some(slot) = slot else { return Ok(()) };
        let scans_before = anywhere && self.dice.once_in(2);
        if scans_before {
            self.scan(key)?;
        }
        self.put(slot, key)?;
        self.pass(60)?;
        let asked = matches!(&self.told, Some(Message::WhichKey { slot: asked }) if *asked == slot);
        if asked && !self.mishap(6) {
            self.scan(key)?;
        }
        Ok(())
    }

    /// Takes what hangs where the light is; in a rough life perhaps the neighbour.
    fn takes(&mut self, user: &UserId, key: &KeyId) -> Law {
        let slot = match self.cabinet.books().custody.get(key) {
            Some(Custody::In { slot, .. }) => *slot,
            _ => return Ok(()),
        };
        let open =
            |world: &Self, slot: SlotNo| world.settings.slots.get(&slot).is_some_and(|p| world.door_is_open(p.door));
        if !open(self, slot) || !self.may_reach_for(user, key) {
            return Ok(());
        }
        if self.mishap(25) && open(self, SlotNo(slot.0 + 1)) {
            let wrong = SlotNo(slot.0 + 1);
            let hung = self.hangs.get(&wrong).cloned();
            self.take(wrong, user)?;
            self.pass(3_000)?;
            if let Some(hung) = hung.filter(|_| self.dice.once_in(2)) {
                self.put(wrong, &hung)?;
                self.pass(500)?;
            }
        }
        self.take(slot, user)?;
        if self.mishap(8)
            && let Some(key) = self.held(user).first().cloned()
        {
            self.pass(200)?;
            self.scan(&key)?;
        }
        Ok(())
    }

    /// In a calm life people take only what they were given.
    fn may_reach_for(&self, user: &UserId, key: &KeyId) -> bool {
        let session = self.cabinet.books().session.as_ref().filter(|session| session.user == *user);
        self.life.rough || session.is_some_and(|session| session.ask_for(key).is_some())
    }

    /// In a calm life, with nobody here, every key is where the books have it.
    pub(super) fn books_are_true(&mut self) -> Law {
        if self.life.rough || self.cabinet.books().session.is_some() {
            return Ok(());
        }
        self.tally.truths_compared += 1;
        for (key, custody) in &self.cabinet.books().custody {
            let truth = match custody {
                Custody::In { slot, .. } => self.hangs.get(slot) == Some(key),
                Custody::Out(holding) => self.hands.get(key) == Some(&holding.holder),
                Custody::Unaccounted { .. } | Custody::Lost { .. } | Custody::Retired { .. } => false,
            };
            if !truth {
                let hangs = self.hangs.iter().find(|(_, hung)| *hung == key).map(|(slot, _)| slot);
                return Err(format!(
                    "the books say {key} is {custody:?}; in truth it hangs in {hangs:?} or is with {:?}",
                    self.hands.get(key)
                ));
            }
        }
        Ok(())
    }
}
