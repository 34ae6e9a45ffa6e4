//! One person's visit: identified → asked → authorised → door open → slots change → door closed.
//!
//! The session itself is in the books ([`super::books::Session`]); this room holds what may be lost with the power: its deadline, an ask
//! that waits for the second person, a tag in somebody's hand. The intent is one record, and the lock is energised after it:
//!
//! ```text
//!            badge + PIN          ask                    door opens             all doors closed
//!   nobody ────────────▶ asking ────────▶ opening ─────────────────▶ open ─────────────────▶ nobody
//!                          │ ▲  two-person key │                       │
//!                          ▼ │ second person   │ not opened in time    │ the daemon ends: unknown
//!                     awaiting second          ▼                       ▼
//!                                            nobody                  nobody
//! ```

use super::access::Desk;
use super::books::{Custody, Presence, Session};
use super::event::{Pull, StoreState};
use super::fact::{Alarm, Fact, SessionEnd};
use super::outcome::{Action, Denial, Message, Sound};
use super::pad::Dialogue;
use super::roster::{Key, User};
use super::types::{DoorNo, Evidence, Input, KeyId, Mono, Now, Origin, Reason as Why, Role, SessionId, SlotNo, UserId};
use super::{Cabinet, Purpose, Reason, Turn};
use std::collections::BTreeSet;

/// The relay may be energised this much longer than asked for, and the door still counts as opened by this session.
const OPENING_GRACE_MS: u64 = 2_000;
/// How long a scanned tag waits for its key to be hung.
const TAG_MS: u64 = 60_000;
/// Asks of one visit: more is not a person.
const ASKS: usize = 16;
/// A door without a contact counts as in use this long after its last slot edge.
const UNSEEN_DOOR_MS: u64 = 15_000;

/// The volatile half of a visit.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Visit {
    until: Option<Mono>,
    /// An ask that waits for the second person.
    waiting: Option<Pull>,
    /// Slots that were lit or unlatched for this visit.
    freed: BTreeSet<SlotNo>,
    /// Keys taken in this visit of which nobody knows which they are.
    pub(super) unnamed_in_hand: u32,
    /// A key whose tag was scanned and that is not hung yet.
    tag: Option<(KeyId, Mono)>,
    /// What the pad waits for.
    pub(super) dialogue: Dialogue,
}

impl Visit {
    pub(super) const fn wants_second(&self) -> bool {
        self.waiting.is_some()
    }

    pub(super) fn next_deadline(&self) -> Option<(Mono, Reason)> {
        let tag = self.tag.as_ref().map(|(_, until)| (*until, Reason::TagForgotten));
        let answer = self.dialogue.until().map(|until| (until, Reason::AnswerTimeout));
        self.until.map(|until| (until, Reason::VisitTimeout)).into_iter().chain(tag).chain(answer).min()
    }

    /// Somebody is answering: before the door is unlocked that holds the visit's own deadline off.
    pub(super) fn goes_on(&mut self, until: Mono) {
        self.until = self.until.max(Some(until));
    }

    /// The key whose tag was scanned last, once.
    pub(super) fn take_tag(&mut self) -> Option<KeyId> {
        self.tag.take().map(|(key, _)| key)
    }

    pub(super) fn hold_tag(&mut self, key: KeyId, now: Mono) {
        self.tag = Some((key, now.plus_ms(TAG_MS)));
    }
}

/// An ask for no key.
pub(super) const fn unstated() -> Pull {
    Pull { keys: Vec::new(), reason: Why::Unstated, reference: None, purpose: None, alone: false }
}

/// Who may take which key: people who share a group with it, and managers.
pub(super) fn may_take(user: &User, key: &Key) -> bool {
    user.role >= Role::Manager || user.groups.intersection(&key.groups).next().is_some()
}

impl Cabinet {
    /// After a restore the session is as recorded; its deadline begins anew. Nothing is energised again.
    pub(super) fn resume_visit(&mut self, now: Now) {
        let until = self.books.session.as_ref().map(|session| {
            if session.is_granted() {
                u64::from(self.settings.sessions.unlock_ms) + OPENING_GRACE_MS
            } else {
                self.settings.sessions.ask_timeout_ms
            }
        });
        let open = self.visitor_has_a_door_open();
        self.visit = Visit { until: until.filter(|_| !open).map(|ms| now.mono.plus_ms(ms)), ..Visit::default() };
    }

    pub(super) fn session_started(&mut self, turn: &mut Turn, user: &UserId, vouched: bool, clock_unverified: bool) {
        self.begin_session(
            turn,
            Fact::SessionStarted { user: user.clone(), vouched, clock_unverified, on_word: false },
            user,
        );
        let name = self.name_of(user);
        if self.settings.sessions.ask_required {
            self.sound(turn, Sound::Next);
            self.show(turn, Message::SayWhatYouWant { name });
        } else {
            self.show(turn, Message::Welcome { name });
            let doors: Vec<DoorNo> = self.settings.doors.keys().copied().collect();
            self.authorise(turn, &unstated(), &[], &[], &doors);
        }
    }

    /// The session alone, with nothing said and nothing opened.
    pub(super) fn begin_session(&mut self, turn: &mut Turn, started: Fact, user: &UserId) {
        // An admin's word is for the one who stands there alone.
        self.opening = None;
        self.record(turn, started);
        self.seen_again(turn, user);
        self.energy_of_session_begins(turn.now);
        self.visit =
            Visit { until: Some(turn.mono().plus_ms(self.settings.sessions.ask_timeout_ms)), ..Visit::default() };
    }

    /// The second person proved who they are.
    pub(super) fn joined(&mut self, turn: &mut Turn, user: &UserId) {
        let Some(session) = self.books.session.as_ref().map(|session| session.id) else { return };
        let Some(pull) = self.visit.waiting.clone() else { return };
        if let Err(denial) = self.may_stand_second(user, &pull) {
            return self.deny(turn, Some(user.clone()), denial, None);
        }
        self.visit.waiting = None;
        self.record(turn, Fact::SessionJoined { session, user: user.clone() });
        self.seen_again(turn, user);
        if let Err(denial) = self.pull(turn, &pull) {
            self.show(turn, Message::Denied { denial });
        }
    }

    fn may_stand_second(&self, user: &UserId, pull: &Pull) -> Result<(), Denial> {
        let user = self.books.roster.users.get(user).ok_or(Denial::SecondPersonNotEntitled)?;
        let groups = &self.settings.access.second_person_groups;
        let by_group = groups.iter().any(|group| user.groups.contains(group));
        let by_keys = || {
            let mut keys = pull.keys.iter().filter_map(|text| self.books.roster.find_key(text));
            keys.all(|key| !key.second_person || may_take(user, key))
        };
        if by_group || (groups.is_empty() && by_keys()) { Ok(()) } else { Err(Denial::SecondPersonNotEntitled) }
    }

    /// Whether the second person of this session may stand as such for this ask, too.
    fn second_covers(&self, session: &Session, ask: &Pull) -> bool {
        let stands = |second: &UserId| self.is_active(second) && self.may_stand_second(second, ask).is_ok();
        session.second.as_ref().is_some_and(stands)
    }

    // ------------------------------------------------------------ asks

    /// These keys, for this reason.
    pub(super) fn pull(&mut self, turn: &mut Turn, pull: &Pull) -> Result<String, Denial> {
        let session = self.session_for_ask()?;
        let user = self.books.roster.users.get(&session.user).ok_or(Denial::Revoked)?;
        let mut keys: Vec<Key> = Vec::new();
        for text in &pull.keys {
            let key = self.books.roster.find_key(text).ok_or_else(|| Denial::KeyUnknown { key: text.clone() })?;
            if !may_take(user, key) {
                return Err(Denial::KeyNotAllowed { key: key.id.clone() });
            }
            match self.slot_of(key) {
                None => return Err(Denial::KeyNotHere { key: key.id.clone() }),
                // The config has fewer slots than before: nobody sees or unlocks it.
                Some(slot) if !self.settings.slots.contains_key(&slot) => {
                    return Err(Denial::SlotNotConfigured { key: key.id.clone(), slot });
                }
                Some(_) => {}
            }
            if !keys.iter().any(|seen| seen.id == key.id) {
                keys.push(key.clone());
            }
        }
        if keys.is_empty() {
            return Err(Denial::NothingToChange);
        }
        let two_person = keys.iter().find(|key| key.second_person).map(|key| key.id.clone());
        if let Some(key) = two_person.filter(|_| !self.second_covers(&session, pull)) {
            if !pull.alone {
                // The same ask again does not wait any longer.
                if self.visit.waiting.as_ref() != Some(pull) {
                    self.visit.until = Some(turn.mono().plus_ms(self.settings.sessions.ask_timeout_ms));
                }
                self.visit.waiting = Some(pull.clone());
                self.show(turn, Message::SecondPersonPlease { key: key.clone() });
                return Ok(format!("key {key} needs a second person: badge and PIN of somebody else, at the cabinet"));
            }
            if !user.lone_emergency || pull.reason != Why::Emergency {
                return Err(Denial::LoneEmergencyNotAllowed);
            }
        }
        let slots: Vec<SlotNo> = keys.iter().filter_map(|key| self.slot_of(key)).collect();
        let doors = self.doors_of(&slots);
        let text = format!("unlocked for {}: slot {}", self.name_of(&session.user), list(&slots));
        let keys: Vec<KeyId> = keys.into_iter().map(|key| key.id).collect();
        self.authorise(turn, pull, &keys, &[], &doors);
        Ok(text)
    }

    /// Keys come back; none named = whatever is in the hand.
    pub(super) fn give_back(&mut self, turn: &mut Turn, keys: &[String]) -> Result<String, Denial> {
        let session = self.session_for_ask()?;
        let mut back: Vec<KeyId> = Vec::new();
        for text in keys {
            let key = self.books.roster.find_key(text).ok_or_else(|| Denial::KeyUnknown { key: text.clone() })?;
            if matches!(self.books.custody.get(&key.id), Some(Custody::In { .. })) {
                return Err(Denial::KeyNotOut { key: key.id.clone() });
            }
            if !back.contains(&key.id) {
                back.push(key.id.clone());
            }
        }
        if keys.is_empty() {
            back = self.held_by(&session.user);
            if back.is_empty() {
                return Err(Denial::NothingToReturn);
            }
        }
        let homes: Vec<SlotNo> =
            back.iter().filter_map(|key| self.books.roster.keys.get(key).map(|key| key.home)).collect();
        let everywhere = homes.is_empty() || !self.settings.sessions.fixed_return;
        let doors = if everywhere { self.settings.doors.keys().copied().collect() } else { self.doors_of(&homes) };
        let text = if homes.is_empty() {
            format!("unlocked for {}", self.name_of(&session.user))
        } else {
            format!("unlocked for {}: slot {}", self.name_of(&session.user), list(&homes))
        };
        self.authorise(turn, &unstated(), &[], &back, &doors);
        Ok(text)
    }

    fn session_for_ask(&self) -> Result<Session, Denial> {
        let session = self.books.session.clone().ok_or(Denial::NobodyIdentified)?;
        if self.store == StoreState::Reserve {
            return Err(Denial::NoRoom);
        }
        if session.granted.len() >= ASKS {
            return Err(Denial::TooManyAsks);
        }
        // A revocation counts from the moment it is made, a session under way included.
        if !self.is_active(&session.user) {
            return Err(Denial::Revoked);
        }
        Ok(session)
    }

    /// The slot a key can be taken from, as far as known.
    pub(super) fn slot_of(&self, key: &Key) -> Option<SlotNo> {
        let hangs = |slot: &SlotNo| self.books.slots.get(slot).is_some_and(|row| row.present == Presence::Present);
        match self.books.custody.get(&key.id) {
            Some(Custody::In { slot, .. }) => Some(*slot),
            Some(Custody::Out(_) | Custody::Lost { .. } | Custody::Retired { .. }) => None,
            // Nobody knows where it is; if something hangs at home, that is worth a look.
            Some(Custody::Unaccounted { .. }) | None => Some(key.home).filter(hangs),
        }
    }

    fn doors_of(&self, slots: &[SlotNo]) -> Vec<DoorNo> {
        let doors: BTreeSet<DoorNo> =
            slots.iter().filter_map(|slot| Some(self.settings.slots.get(slot)?.door)).collect();
        doors.into_iter().collect()
    }

    pub(super) fn held_by(&self, user: &UserId) -> Vec<KeyId> {
        let held = |custody: &Custody| matches!(custody, Custody::Out(holding) if holding.holder == *user);
        self.books.custody.iter().filter(|(_, custody)| held(custody)).map(|(key, _)| key.clone()).collect()
    }

    // ------------------------------------------------------------ opening

    /// The intent, and then the lock. A later ask of the same visit stands beside the earlier one, with its own reason.
    pub(super) fn authorise(
        &mut self,
        turn: &mut Turn,
        ask: &Pull,
        pull: &[KeyId],
        give_back: &[KeyId],
        doors: &[DoorNo],
    ) {
        let Some(session) = self.books.session.clone() else { return };
        let two_person = |key: &KeyId| self.books.roster.keys.get(key).is_some_and(|key| key.second_person);
        let alone = ask.alone && pull.iter().any(two_person) && !self.second_covers(&session, ask);
        let intent = Fact::SessionAuthorised {
            session: session.id,
            user: session.user.clone(),
            pull: pull.to_vec(),
            give_back: give_back.to_vec(),
            reason: ask.reason,
            reference: ask.reference.clone(),
            purpose: ask.purpose.clone(),
            doors: doors.to_vec(),
            alone,
        };
        self.record(turn, intent);
        if alone {
            self.raise(turn, Alarm::LoneEmergency { session: session.id, user: session.user.clone() });
        }
        let unlock_ms = self.settings.sessions.unlock_ms;
        for door in doors {
            if !self.door_is_open(*door) {
                let purpose = Purpose::Unlock { door: *door, session: session.id };
                self.command(turn, Action::Unlock { door: *door, for_ms: unlock_ms }, purpose);
            }
        }
        let mut slots: Vec<SlotNo> = Vec::new();
        for key in pull {
            slots.extend(self.books.roster.keys.get(key).and_then(|key| self.slot_of(key)));
        }
        if self.settings.sessions.fixed_return {
            slots.extend(give_back.iter().filter_map(|key| Some(self.books.roster.keys.get(key)?.home)));
        }
        for slot in &slots {
            self.free_slot(turn, *slot);
        }
        self.sound(turn, Sound::Granted);
        for door in doors.iter().copied() {
            let here = |slot: &&SlotNo| self.settings.slots.get(*slot).is_some_and(|place| place.door == door);
            let slots = slots.iter().filter(here).copied().collect();
            self.show(turn, Message::Open { door, slots });
        }
        let opened = doors.iter().any(|door| self.door_is_open(*door));
        if opened {
            self.adopt_open_doors(turn, session.id, doors);
        }
        if self.more_doors_to_open() || !(opened || session.opened) {
            self.visit.until = Some(turn.mono().plus_ms(u64::from(unlock_ms) + OPENING_GRACE_MS));
        } else if opened {
            self.visit.until = None;
        }
    }

    /// Whether a door with a contact was unlocked for this session and not opened in it yet.
    fn more_doors_to_open(&self) -> bool {
        let Some(session) = &self.books.session else { return false };
        let opened = |door: &DoorNo| self.books.doors.get(door).is_some_and(|state| state.session == Some(session.id));
        session.doors().iter().any(|door| self.sees_door(*door) && !opened(door))
    }

    /// A door that stood open already is this session's from now on.
    fn adopt_open_doors(&mut self, turn: &mut Turn, session: SessionId, doors: &[DoorNo]) {
        for door in doors {
            if self.door_is_open(*door)
                && self.books.doors.get(door).is_some_and(|state| state.session != Some(session))
            {
                self.record(turn, Fact::DoorOpened { door: *door, session: Some(session) });
            }
        }
    }

    /// Latch open, light on, where there are such.
    fn free_slot(&mut self, turn: &mut Turn, slot: SlotNo) {
        let Some(place) = self.settings.slots.get(&slot) else { return };
        let (latch, led) = (place.latch, place.led);
        self.visit.freed.insert(slot);
        if latch {
            let longest = self.settings.sessions.door_open_ms[0];
            let for_ms = u32::try_from(longest).unwrap_or(u32::MAX);
            self.courtesy(turn, Action::Unlatch { slot, for_ms });
        }
        if led {
            self.courtesy(turn, Action::Light { slot, on: true });
        }
    }

    pub(super) fn lock_energised(&mut self, turn: &mut Turn, door: DoorNo) {
        self.resolve(turn, |alarm| *alarm == Alarm::LockFault { door });
        if !self.sees_door(door) {
            self.visit.until = Some(turn.mono().plus_ms(u64::from(self.settings.sessions.unlock_ms) + UNSEEN_DOOR_MS));
        }
    }

    /// A lock command of `of` failed, or nothing was heard of it. The session may be over, and another one under way.
    pub(super) fn lock_failed(&mut self, turn: &mut Turn, door: DoorNo, of: SessionId) {
        self.record(turn, Fact::LockFault { door, session: Some(of) });
        self.raise(turn, Alarm::LockFault { door });
        if self.books.session.as_ref().is_some_and(|session| session.id != of) {
            return; // The lock is the next visitor's by now.
        }
        self.courtesy(turn, Action::Relock { door });
        self.show(turn, Message::LockFault { door });
        let alone = self
            .books
            .session
            .as_ref()
            .is_some_and(|session| !session.opened && session.doors() == BTreeSet::from([door]));
        if alone {
            self.close_visit(turn, SessionEnd::LockFault);
        }
    }

    /// A door of this session opened: the lock may rest.
    pub(super) fn visit_door_opened(&mut self, turn: &mut Turn, door: DoorNo) {
        self.courtesy(turn, Action::Relock { door });
        if !self.more_doors_to_open() {
            self.visit.until = None;
        }
    }

    /// A slot edge behind a door without a contact shows that somebody is at it.
    pub(super) fn visit_slot_changed(&mut self, turn: &Turn, slot: SlotNo) {
        let unseen = self.settings.slots.get(&slot).is_some_and(|place| !self.sees_door(place.door));
        if let Some(until) = self.visit.until.as_mut().filter(|_| unseen) {
            *until = (*until).max(turn.mono().plus_ms(UNSEEN_DOOR_MS));
        }
    }

    /// A door closed: the session ends when none of its doors is open any more, nor about to be opened.
    pub(super) fn visit_door_closed(&mut self, turn: &mut Turn) {
        let Some(session) = &self.books.session else { return };
        let awaited = self.visit.until.is_some() && self.more_doors_to_open();
        if session.opened && !self.visitor_has_a_door_open() && !awaited {
            self.close_visit(turn, SessionEnd::Completed);
        }
    }

    /// The contact of an open door broke: nobody will see it close, so the slots' edges tell when the visit is over.
    pub(super) fn visit_door_unseen(&mut self, turn: &Turn, door: DoorNo) {
        if self.books.session.as_ref().is_some_and(|session| session.may_open(door)) {
            self.visit.until.get_or_insert(turn.mono().plus_ms(UNSEEN_DOOR_MS));
        }
    }

    fn visitor_has_a_door_open(&self) -> bool {
        let session = self.books.session.as_ref().map(|session| session.id);
        self.books.doors.iter().any(|(door, state)| state.session == session && self.door_is_open(*door))
    }

    // ------------------------------------------------------------ ending

    pub(super) fn visit_deadline(&mut self, turn: &mut Turn) {
        if self.visit.tag.as_ref().is_some_and(|(_, until)| *until <= turn.mono()) {
            self.visit.tag = None;
        }
        if self.visit.until.is_none_or(|until| until > turn.mono()) {
            return;
        }
        let Some(session) = &self.books.session else {
            self.visit = Visit::default();
            return;
        };
        if !session.is_granted() {
            self.show(turn, Message::TimedOut);
            return self.close_visit(turn, SessionEnd::TimedOut);
        }
        let (doors, opened) = (session.doors(), session.opened);
        let unseen = doors.iter().all(|door| !self.sees_door(*door));
        if unseen {
            return self.close_visit(turn, SessionEnd::Completed);
        }
        if opened && !self.visitor_has_a_door_open() {
            // The other doors were not wanted after all.
            return self.close_visit(turn, SessionEnd::Completed);
        }
        if opened {
            // It waited for a second person or another door in vain; the door timer goes on.
            self.visit.waiting = None;
            self.visit.until = None;
            return;
        }
        for door in doors {
            self.show(turn, Message::NeverOpened { door });
        }
        self.close_visit(turn, SessionEnd::NeverOpened);
    }

    /// A revocation ends a visit whose door is not open yet. At an open door the person stays a visitor, entitled to nothing.
    pub(super) fn end_visit_of_revoked(&mut self, turn: &mut Turn) {
        let Some(session) = self.books.session.as_ref().filter(|session| !session.opened) else { return };
        let stay =
            [Some(&session.user), session.second.as_ref()].into_iter().flatten().all(|user| self.is_active(user));
        if !stay {
            self.show(turn, Message::Denied { denial: Denial::Revoked });
            self.close_visit(turn, SessionEnd::Cancelled);
        }
    }

    /// In the roster and not revoked, nor dismissed by one that waits.
    pub(super) fn is_active(&self, user: &UserId) -> bool {
        self.books.roster.users.get(user).is_some_and(|user| !user.revoked) && !self.is_dismissed(user)
    }

    pub(super) fn cancel_visit(&mut self, turn: &mut Turn) -> Result<String, Denial> {
        let Some(session) = &self.books.session else { return Err(Denial::NobodyIdentified) };
        if session.opened {
            return Err(Denial::Busy);
        }
        self.close_visit(turn, SessionEnd::Cancelled);
        self.show(turn, Message::Cancelled);
        Ok("cancelled; the door stays locked".into())
    }

    /// The end of a session, however it came: locks and latches off, lights out, the books closed.
    pub(super) fn close_visit(&mut self, turn: &mut Turn, how: SessionEnd) {
        let Some(session) = self.books.session.clone() else { return };
        // Who was to be the second person in it is not let in alone.
        if let Desk::Checking(check) = &mut self.desk {
            check.cancel();
        }
        // After a restart nothing is lit or unlatched: the lines' driver began with that.
        let freed = std::mem::take(&mut self.visit).freed;
        self.read_by_now(turn);
        let by = std::mem::replace(&mut turn.by, Origin::cabinet());
        let duration_ms = session.started.elapsed_ms(turn.now.stamp());
        let energy_mwh = self.energy_of_session(turn.now);
        // At a door that sticks, or a dialogue that ran out, they are still there.
        if matches!(how, SessionEnd::Completed | SessionEnd::Cancelled) {
            self.somebody_is_done();
        }
        let (id, user, taken, returned) = (session.id, session.user.clone(), session.taken, session.returned);
        self.record(turn, Fact::SessionClosed { session: id, user, how, duration_ms, taken, returned, energy_mwh });
        self.raise_unknown_returns(turn, session.id);
        let seen_to_its_end = match how {
            SessionEnd::Completed | SessionEnd::NeverOpened | SessionEnd::TimedOut | SessionEnd::Cancelled => true,
            SessionEnd::LockFault | SessionEnd::Unknown | SessionEnd::Interrupted => false,
        };
        if seen_to_its_end && !self.touched_two_person_key(&session) {
            self.resolve(turn, |alarm| matches!(alarm, Alarm::LoneEmergency { session: of, .. } if *of == session.id));
        }
        turn.by = by;
        for door in session.doors() {
            self.courtesy(turn, Action::Relock { door });
        }
        for slot in freed {
            let Some(place) = self.settings.slots.get(&slot).cloned() else { continue };
            if place.latch {
                self.courtesy(turn, Action::Relatch { slot });
            }
            if place.led {
                self.courtesy(turn, Action::Light { slot, on: false });
            }
        }
        if how == SessionEnd::Completed {
            let is_its = |alarm: &Alarm| match alarm {
                Alarm::WrongKey { key: Some(key), session: Some(of), .. } if *of == session.id => Some(key.clone()),
                _ => None,
            };
            let wrong = self.books.alarms.values().filter_map(|open| is_its(&open.alarm));
            let is_out = |key: &KeyId| matches!(self.books.custody.get(key), Some(Custody::Out(_)));
            let wrong = wrong.filter(is_out).map(|key| self.label_of(&key)).collect();
            self.show(turn, Message::Goodbye { taken, returned, wrong });
        }
    }

    /// Whether a two-person key that was asked for alone has left its slot in this session, be it back by now.
    fn touched_two_person_key(&self, session: &Session) -> bool {
        let lone = session.granted.iter().filter(|grant| grant.alone).flat_map(|grant| &grant.pull);
        let two_person = |key: &&KeyId| self.books.roster.keys.get(*key).is_none_or(|key| key.second_person);
        lone.filter(two_person).any(|key| match self.books.custody.get(key) {
            Some(Custody::In { slot, .. }) => {
                // Moved since the session began, or its sensor does not tell.
                let moved = self.books.slots.get(slot).is_some_and(|row| row.seq > self.books.hidden.seq(session.id.0));
                moved || self.books.faults.contains_key(&Input::Slot(*slot)) || self.sensing.is_unsettled(*slot)
            }
            Some(Custody::Out(holding)) => holding.session == session.id,
            Some(_) | None => true,
        })
    }

    /// What came back in this session and is still not known: that matters now that nobody is here to be asked.
    fn raise_unknown_returns(&mut self, turn: &mut Turn, session: SessionId) {
        let unknown: Vec<SlotNo> = (self.books.slots.iter())
            .filter(|(_, slot)| {
                slot.session == Some(session) && slot.present == Presence::Present && slot.key.is_none()
            })
            .map(|(slot, _)| *slot)
            .collect();
        for slot in unknown {
            self.raise(turn, Alarm::UnknownReturn { slot });
        }
    }

    /// Which key is in this slot: somebody says so.
    pub(super) fn declare(&mut self, turn: &mut Turn, slot: SlotNo, key: &str) -> Result<String, Denial> {
        if !self.settings.slots.contains_key(&slot) {
            return Err(Denial::SlotUnknown { slot });
        }
        if self.books.slots.get(&slot).is_none_or(|row| row.present == Presence::Empty) {
            return Err(Denial::SlotEmpty { slot });
        }
        let key = self.books.roster.find_key(key).ok_or_else(|| Denial::KeyUnknown { key: key.to_owned() })?;
        let (key, label) = (key.id.clone(), key.label.clone());
        if self.books.slots.get(&slot).is_some_and(|row| row.key.as_ref() == Some(&key)) {
            return Err(Denial::NothingToChange);
        }
        self.identify_slot(turn, slot, &key, Evidence::Declared);
        Ok(format!("slot {slot} holds {label}, as declared"))
    }
}

fn list(slots: &[SlotNo]) -> String {
    let texts: Vec<String> = slots.iter().map(ToString::to_string).collect();
    texts.join(", ")
}
