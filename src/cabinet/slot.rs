//! Slots: what a settled edge means for the keys.
//!
//! A presence sensor tells that *a* key came or went, never which. So each record carries how the key is known: by its `tag`, by its
//! `home-slot` (an inference: swapped hooks look the same), or `declared`. Where the inference does not hold, the key stays unknown, its candidates
//! are named, and the cabinet asks.

use super::books::{Custody, Holding, Presence, Session};
use super::fact::{Alarm, Fact, SensorFault};
use super::outcome::{Message, Sound};
use super::types::{Evidence, Input, KeyId, Origin, Reason, SlotNo, UserId};
use super::visit::may_take;
use super::{Cabinet, Turn};

impl Cabinet {
    /// A slot's sensor settled on a level.
    pub(super) fn slot_settled(&mut self, turn: &mut Turn, slot: SlotNo, present: bool) {
        let before = self.books.slots.get(&slot).map(|row| row.present);
        match (before, present) {
            (Some(Presence::Present), true) | (Some(Presence::Empty), false) => return,
            (Some(Presence::Present), false) => self.slot_emptied(turn, slot),
            (Some(Presence::Empty), true) => self.slot_filled(turn, slot),
            (None, _) => return self.adopt_slots(turn, &[(slot, present)]),
        }
        self.door_in_use(turn, slot);
        self.visit_slot_changed(turn, slot);
    }

    /// The session that an edge in this slot belongs to: one that has opened the slot's door.
    pub(super) fn session_at(&self, slot: SlotNo) -> Option<Session> {
        let place = self.settings.slots.get(&slot)?;
        let contact = self.sees_door(place.door);
        self.books
            .session
            .clone()
            .filter(|session| session.may_open(place.door) && (!contact || self.door_is_open(place.door)))
    }

    fn slot_emptied(&mut self, turn: &mut Turn, slot: SlotNo) {
        let row = self.books.slots.get(&slot).cloned();
        let (key, evidence) = row.map_or((None, None), |row| (row.key, row.evidence));
        let session = self.session_at(slot);
        if let Some(session) = &session {
            turn.by = Origin::reader(session.user.clone());
        }
        let entitled = session.as_ref().is_some_and(|session| self.is_entitled(session, slot, key.as_ref()));
        // The reason was given for the keys that were asked for; another one has none.
        let grant = session.as_ref().zip(key.as_ref()).and_then(|(session, key)| session.ask_for(key).cloned());
        let (reason, reference, purpose) =
            grant.map_or((Reason::Unstated, None, None), |grant| (grant.reason, grant.reference, grant.purpose));
        let session_id = session.as_ref().map(|session| session.id);
        let holder = session.as_ref().map(|session| session.user.clone());
        let fact = Fact::Taken {
            slot,
            key: key.clone(),
            evidence,
            session: session_id,
            holder,
            reason,
            reference,
            purpose,
            entitled,
        };
        self.record(turn, fact);
        self.resolve(turn, |alarm| is_question_of(alarm, slot));
        let label = key.as_ref().map(|key| self.label_of(key));
        if session.is_none() {
            self.unattended_change(turn, slot);
        } else if entitled {
            self.show(turn, Message::Taken { slot, key: label });
        } else {
            self.raise(turn, Alarm::WrongKey { slot, key: key.clone(), session: session_id });
            self.sound(turn, Sound::WrongKey);
            self.show(turn, Message::WrongKey { slot, key: label });
        }
        match key {
            Some(key) => self.watch_key(turn.now, &key),
            None if session_id.is_some() => self.visit.unnamed_in_hand += 1,
            None => {}
        }
    }

    /// Whether this session may have this key in its hand.
    fn is_entitled(&self, session: &Session, slot: SlotNo, key: Option<&KeyId>) -> bool {
        if !self.is_active(&session.user) || !session.is_granted() {
            return false;
        }
        let mut asked = session.granted.iter().flat_map(|grant| &grant.pull);
        let Some(key) = key else {
            // What hangs unnamed where a key that was asked for is looked for.
            let mut keys = asked.filter_map(|key| self.books.roster.keys.get(key));
            return keys.any(|key| self.slot_of(key) == Some(slot));
        };
        if session.ask_for(key).is_some() {
            return true;
        }
        // Nobody was asked: what the person may take alone is theirs to take.
        let unasked = !self.settings.sessions.ask_required && asked.next().is_none();
        let open_to = |user: &UserId| {
            let key = self.books.roster.keys.get(key).filter(|key| !key.second_person);
            self.books.roster.users.get(user).zip(key).is_some_and(|(user, key)| may_take(user, key))
        };
        unasked && open_to(&session.user)
    }

    fn slot_filled(&mut self, turn: &mut Turn, slot: SlotNo) {
        let session = self.session_at(slot);
        if let Some(session) = &session {
            turn.by = Origin::reader(session.user.clone());
        }
        let tag = session.as_ref().and_then(|_| self.visit.take_tag());
        let guess = match tag {
            Some(key) => Guess::Known(key, Evidence::Tag),
            None => self.guess(slot, session.as_ref()),
        };
        let (key, evidence, candidates) = match &guess {
            Guess::Known(key, evidence) => (Some(key.clone()), Some(*evidence), Vec::new()),
            Guess::Open { candidates, .. } => (None, None, candidates.clone()),
        };
        let session_id = session.as_ref().map(|session| session.id);
        let by = session.as_ref().map(|session| session.user.clone());
        self.record(turn, Fact::Returned { slot, key: key.clone(), evidence, session: session_id, by, candidates });
        match &guess {
            Guess::Known(key, _) => {
                self.key_is_home(turn, slot, key);
                let label = Some(self.label_of(key));
                self.show(turn, Message::Returned { slot, key: label });
            }
            Guess::Open { unexpected, .. } => {
                if *unexpected {
                    self.raise(turn, Alarm::UnexpectedSlot { slot, key: None });
                }
                if session.is_some() {
                    self.show(turn, Message::WhichKey { slot });
                }
            }
        }
        if session.is_none() {
            self.raise(turn, Alarm::UnknownReturn { slot });
            self.unattended_change(turn, slot);
        }
        let put_back = |alarm: &Alarm| matches!(alarm, Alarm::WrongKey { slot: wrong, session, .. } if *wrong == slot && *session == session_id);
        if session_id.is_some() {
            self.resolve(turn, put_back);
        }
    }

    /// Which key it may be that now hangs in a slot.
    fn guess(&self, slot: SlotNo, session: Option<&Session>) -> Guess {
        let home = self.books.roster.by_home(slot).map(|key| key.id.clone());
        let out = |key: &KeyId| match self.books.custody.get(key) {
            Some(Custody::Out(holding)) => Some(holding.clone()),
            _ => None,
        };
        let Some(session) = session else {
            return Guess::Open { candidates: home.into_iter().collect(), unexpected: false };
        };
        let here =
            |holding: &Holding| holding.holder == session.user || session.second.as_ref() == Some(&holding.holder);
        let mut in_hand: Vec<KeyId> = self.held_by(&session.user);
        in_hand.extend(session.second.iter().flat_map(|second| self.held_by(second)));
        let open = |mut candidates: Vec<KeyId>, more: Option<KeyId>, unexpected: bool| {
            candidates.extend(more);
            candidates.sort();
            candidates.dedup();
            Guess::Open { candidates, unexpected }
        };
        if !self.settings.sessions.fixed_return {
            return open(in_hand, None, false);
        }
        let Some(home) = home else { return open(in_hand, None, true) };
        let nothing_else = in_hand.is_empty() && self.visit.unnamed_in_hand == 0;
        match (self.books.custody.get(&home), out(&home)) {
            // It is with the person who stands here.
            (_, Some(holding)) if here(&holding) => Guess::Known(home, Evidence::HomeSlot),
            // It is with a colleague or unaccounted for, and this person has nothing else to hang here.
            (_, Some(_)) | (Some(Custody::Unaccounted { .. }) | None, None) if nothing_else => {
                Guess::Known(home, Evidence::HomeSlot)
            }
            (_, Some(_)) | (Some(Custody::Unaccounted { .. }) | None, None) => open(in_hand, Some(home), false),
            // Found again?
            (Some(Custody::Lost { .. }), None) => open(in_hand, Some(home), true),
            // Its own key hangs elsewhere or is retired: whatever this is, it is a surprise.
            (Some(Custody::In { .. } | Custody::Retired { .. } | Custody::Out(_)), None) => open(in_hand, None, true),
        }
    }

    /// A slot changed and no session is there to answer for it.
    fn unattended_change(&mut self, turn: &mut Turn, slot: SlotNo) {
        let Some(place) = self.settings.slots.get(&slot) else { return };
        let contact = self.sees_door(place.door);
        if contact && !self.door_is_open(place.door) {
            self.raise(turn, Alarm::ChangedBehindDoor { slot });
        } else {
            self.raise(turn, Alarm::OpenWithoutSession { door: self.settings.slots[&slot].door });
        }
    }

    /// A key's tag was scanned.
    pub(super) fn tag_read(&mut self, turn: &mut Turn, key: &KeyId) {
        let granted = self.books.session.as_ref().filter(|session| session.is_granted());
        let Some(session) = granted.cloned() else { return self.show(turn, Message::TagUnknownHere) };
        turn.by = Origin::reader(session.user.clone());
        let asked = (self.books.slots.iter())
            .filter(|(_, row)| row.session == Some(session.id) && row.present == Presence::Present && row.key.is_none())
            .max_by_key(|(_, row)| row.seq)
            .map(|(slot, _)| *slot);
        if let Some(slot) = asked {
            return self.identify_slot(turn, slot, key, Evidence::Tag);
        }
        if let Some(Custody::In { slot, .. }) = self.books.custody.get(key).cloned() {
            let filled_now = self.books.slots.get(&slot).is_some_and(|row| row.session == Some(session.id));
            if filled_now {
                return self.identify_slot(turn, slot, key, Evidence::Tag);
            }
            // It is in somebody's hand, so it does not hang where the books say. If only its home said so, what hangs there is
            // another; if its tag was scanned there, nothing does, and the sensor is wrong.
            let certain = self.books.slots.get(&slot).is_some_and(|row| row.evidence == Some(Evidence::Tag));
            let holder = Some(session.user.clone());
            self.record(turn, Fact::TagContradicted { slot, key: key.clone(), session: Some(session.id), holder });
            if certain {
                self.sensor_failed(turn, Input::Slot(slot), SensorFault::Contradicted);
            } else {
                self.raise(turn, Alarm::UnexpectedSlot { slot, key: None });
            }
            self.watch_key(turn.now, key);
        }
        self.visit.hold_tag(key.clone(), turn.mono());
        let home = self.books.roster.keys.get(key).map(|key| key.home).filter(|_| self.settings.sessions.fixed_return);
        let label = self.label_of(key);
        self.show(turn, Message::HangKey { key: label, slot: home });
    }

    /// It became known which key hangs in a slot.
    pub(super) fn identify_slot(&mut self, turn: &mut Turn, slot: SlotNo, key: &KeyId, evidence: Evidence) {
        let session = self.session_at(slot).map(|session| session.id);
        let elsewhere: Vec<SlotNo> = (self.books.slots.iter())
            .filter(|(other, row)| **other != slot && row.key.as_ref() == Some(key))
            .map(|(other, _)| *other)
            .collect();
        self.record(turn, Fact::SlotIdentified { slot, key: key.clone(), evidence, session });
        self.resolve(turn, |alarm| is_question_of(alarm, slot));
        self.key_is_home(turn, slot, key);
        for other in elsewhere {
            self.raise(turn, Alarm::UnexpectedSlot { slot: other, key: None });
        }
        let label = Some(self.label_of(key));
        self.show(turn, Message::Returned { slot, key: label });
    }

    /// A key hangs in a slot: what was wrong with it is settled, unless the slot is not its own.
    fn key_is_home(&mut self, turn: &mut Turn, slot: SlotNo, key: &KeyId) {
        self.unwatch_key(turn, key);
        let home = self.books.roster.keys.get(key).map(|key| key.home);
        if self.settings.sessions.fixed_return && home != Some(slot) {
            self.raise(turn, Alarm::UnexpectedSlot { slot, key: Some(key.clone()) });
        }
    }

    pub(super) fn label_of(&self, key: &KeyId) -> String {
        self.books.roster.keys.get(key).map_or_else(|| format!("key {key}"), |key| key.label.clone())
    }
}

/// What is known of a key that came.
enum Guess {
    Known(KeyId, Evidence),
    Open { candidates: Vec<KeyId>, unexpected: bool },
}

/// Alarms that ask what is with this slot.
pub(super) fn is_question_of(alarm: &Alarm, slot: SlotNo) -> bool {
    match alarm {
        Alarm::UnexpectedSlot { slot: asked, .. }
        | Alarm::UnknownReturn { slot: asked }
        | Alarm::DarkDifference { slot: asked } => *asked == slot,
        _ => false,
    }
}
