//! The durable state: what the ledger's records add up to. "What is so", as against "what happened".
//!
//! [`Books::apply`] is the only way in: a record comes, rows change. So the views can always be rebuilt from the ledger
//! (but for the roster's secrets, which no record holds), and `ledger verify` does just that and compares.
//! Everything volatile (debounce, half-typed PINs, commands under way) lives elsewhere, in the rooms.

mod keys;
mod rows;

pub use rows::*;

use super::fact::{Fact, Record, SensorFault};
use super::numbers::Hidden;
use super::power::state::PowerState;
use super::roster::{Difference, Key, Roster, User};
use super::types::{AlarmId, DoorNo, Evidence, Input, KeyId, Reason, SessionId, Shown, SlotNo, Stamp, UserId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A row's address: the view and the row in it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum View {
    Slot(SlotNo),
    Custody(KeyId),
    Door(DoorNo),
    Session,
    Alarm(AlarmId),
    Life,
    Supply,
    Power,
    Throttle,
    Fault(Input),
    Person(UserId),
    Vouched(UserId),
    User(UserId),
    Key(KeyId),
    RosterVersion,
    Hidden,
    SignedRoster,
    /// A place in the ring of remembered answers.
    Answered(u8),
}

/// A row as stored: `view` names the view, `row` is its body.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
#[serde(tag = "view", content = "row", rename_all = "kebab-case")]
pub enum Row {
    Slot(Slot),
    Custody(Custody),
    Door(DoorState),
    Session(Session),
    Alarm(OpenAlarm),
    Life(Life),
    Supply(SupplyState),
    Power(Box<PowerState>),
    Throttle(Throttle),
    Fault(SensorFault),
    Person(Person),
    Vouched(Vouched),
    User(User),
    Key(Key),
    RosterVersion(u64),
    Hidden(Hidden),
    SignedRoster(SignedState),
    Answered(Answered),
}

/// How many answers are remembered.
pub const ANSWERS: u8 = 64;

/// The durable state. Rows that changed since the last [`Books::take_changes`] are remembered.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Books {
    pub slots: BTreeMap<SlotNo, Slot>,
    pub custody: BTreeMap<KeyId, Custody>,
    pub doors: BTreeMap<DoorNo, DoorState>,
    pub session: Option<Session>,
    pub alarms: BTreeMap<AlarmId, OpenAlarm>,
    pub life: Option<Life>,
    pub supply: Option<SupplyState>,
    pub power: Option<PowerState>,
    pub throttle: Option<Throttle>,
    pub faults: BTreeMap<Input, SensorFault>,
    pub people: BTreeMap<UserId, Person>,
    pub vouched: BTreeMap<UserId, Vouched>,
    pub roster: Roster,
    pub roster_version: u64,
    /// The records of silent alarms, which no number counts.
    pub hidden: Hidden,
    pub signed_roster: Option<SignedState>,
    pub answered: BTreeMap<u8, Answered>,
    /// The number of the next record.
    pub next_seq: u64,
    changed: BTreeSet<View>,
}

/// How fast the device's bucket of failures leaks: `failures_per_hour` thousandths per 3.6 s.
#[must_use]
pub fn leaked(throttle: &Throttle, at: Stamp, failures_per_hour: u32) -> u64 {
    let leak = throttle.as_of.elapsed_ms(at).saturating_mul(u64::from(failures_per_hour)) / 3_600;
    throttle.level_milli.saturating_sub(leak)
}

impl Books {
    /// The books as stored. Rows of one view must be unique.
    #[must_use]
    pub fn from_rows(next_seq: u64, rows: Vec<(View, Row)>) -> Self {
        let mut books = Self { next_seq, ..Self::default() };
        for (view, row) in rows {
            match (view, row) {
                (View::Slot(slot), Row::Slot(row)) => drop(books.slots.insert(slot, row)),
                (View::Custody(key), Row::Custody(row)) => drop(books.custody.insert(key, row)),
                (View::Door(door), Row::Door(row)) => drop(books.doors.insert(door, row)),
                (View::Session, Row::Session(row)) => books.session = Some(row),
                (View::Alarm(alarm), Row::Alarm(row)) => drop(books.alarms.insert(alarm, row)),
                (View::Life, Row::Life(row)) => books.life = Some(row),
                (View::Supply, Row::Supply(row)) => books.supply = Some(row),
                (View::Power, Row::Power(row)) => books.power = Some(*row),
                (View::Throttle, Row::Throttle(row)) => books.throttle = Some(row),
                (View::Fault(input), Row::Fault(row)) => drop(books.faults.insert(input, row)),
                (View::Person(user), Row::Person(row)) => drop(books.people.insert(user, row)),
                (View::Vouched(user), Row::Vouched(row)) => drop(books.vouched.insert(user, row)),
                (View::User(user), Row::User(row)) => drop(books.roster.users.insert(user, row)),
                (View::Key(key), Row::Key(row)) => drop(books.roster.keys.insert(key, row)),
                (View::RosterVersion, Row::RosterVersion(row)) => books.roster_version = row,
                (View::Hidden, Row::Hidden(row)) => books.hidden = row,
                (View::SignedRoster, Row::SignedRoster(row)) => books.signed_roster = Some(row),
                (View::Answered(place), Row::Answered(row)) => drop(books.answered.insert(place, row)),
                // A row under a foreign address: the store built the address from the row, so this cannot be.
                (_, _) => debug_assert!(false, "row and view differ"),
            }
        }
        books
    }

    /// The row at an address as it is now; none = there is none.
    #[must_use]
    pub fn row(&self, view: &View) -> Option<Row> {
        match view {
            View::Slot(slot) => self.slots.get(slot).cloned().map(Row::Slot),
            View::Custody(key) => self.custody.get(key).cloned().map(Row::Custody),
            View::Door(door) => self.doors.get(door).cloned().map(Row::Door),
            View::Session => self.session.clone().map(Row::Session),
            View::Alarm(alarm) => self.alarms.get(alarm).cloned().map(Row::Alarm),
            View::Life => self.life.clone().map(Row::Life),
            View::Supply => self.supply.clone().map(Row::Supply),
            View::Power => self.power.clone().map(|state| Row::Power(Box::new(state))),
            View::Throttle => self.throttle.clone().map(Row::Throttle),
            View::Fault(input) => self.faults.get(input).copied().map(Row::Fault),
            View::Person(user) => self.people.get(user).cloned().map(Row::Person),
            View::Vouched(user) => self.vouched.get(user).cloned().map(Row::Vouched),
            View::User(user) => self.roster.users.get(user).cloned().map(Row::User),
            View::Key(key) => self.roster.keys.get(key).cloned().map(Row::Key),
            View::RosterVersion => Some(Row::RosterVersion(self.roster_version)),
            View::Hidden => (!self.hidden.is_empty()).then(|| Row::Hidden(self.hidden.clone())),
            View::SignedRoster => self.signed_roster.clone().map(Row::SignedRoster),
            View::Answered(place) => self.answered.get(place).cloned().map(Row::Answered),
        }
    }

    /// The rows that changed, whole, and forgets that they did.
    pub fn take_changes(&mut self) -> Vec<(View, Option<Row>)> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().map(|view| (view.clone(), self.row(&view))).collect()
    }

    /// Every row, for comparing books.
    #[must_use]
    pub fn all_rows(&self) -> Vec<(View, Row)> {
        let views = (self.slots.keys().map(|id| View::Slot(*id)))
            .chain(self.custody.keys().map(|id| View::Custody(id.clone())))
            .chain(self.doors.keys().map(|id| View::Door(*id)))
            .chain([View::Session, View::Life, View::Supply, View::Power, View::Throttle])
            .chain([View::RosterVersion, View::Hidden, View::SignedRoster])
            .chain(self.alarms.keys().map(|id| View::Alarm(*id)))
            .chain(self.faults.keys().map(|id| View::Fault(*id)))
            .chain(self.people.keys().map(|id| View::Person(id.clone())))
            .chain(self.vouched.keys().map(|id| View::Vouched(id.clone())))
            .chain(self.roster.users.keys().map(|id| View::User(id.clone())))
            .chain(self.roster.keys.keys().map(|id| View::Key(id.clone())))
            .chain(self.answered.keys().map(|id| View::Answered(*id)));
        views.filter_map(|view| self.row(&view).map(|row| (view, row))).collect()
    }

    /// Takes a record in. `failures_per_hour` is the leak of the device's bucket (config).
    #[expect(clippy::too_many_lines, clippy::match_same_arms, reason = "one table: fact by fact, what it changes")]
    pub fn apply(&mut self, record: &Record, failures_per_hour: u32) {
        self.next_seq = record.seq + 1;
        let (seq, stamp) = (record.seq, record.stamp);
        if self.hidden.note(seq, &record.fact) {
            self.touch(View::Hidden);
        }
        let number = self.hidden.number(seq);
        self.apply_to_power(record, number);
        match &record.fact {
            Fact::Started { .. } => {
                let before = self.life.take();
                let lines_lost = before.as_ref().is_some_and(|life| life.lines_lost);
                let lockbox_open = before.as_ref().is_some_and(|life| life.lockbox_open);
                let config_hash = before.map_or_else(String::new, |life| life.config_hash);
                let wall_minus_mono_ms = offset_ms(stamp);
                self.life = Some(Life {
                    started: stamp,
                    stopped: false,
                    wall_minus_mono_ms,
                    config_hash,
                    lines_lost,
                    compared: false,
                    lockbox_open,
                });
                self.touch(View::Life);
            }
            Fact::Stopped { .. } => self.with_life(|life| life.stopped = true),
            Fact::ClockCorrected { .. } => self.with_life(|life| life.wall_minus_mono_ms = offset_ms(stamp)),
            Fact::ConfigLoaded { hash, .. } => self.with_life(|life| life.config_hash.clone_from(hash)),
            Fact::LinesLost => self.with_life(|life| life.lines_lost = true),
            Fact::LinesBack => self.with_life(|life| life.lines_lost = false),
            Fact::LockboxOpened => self.with_life(|life| life.lockbox_open = true),
            Fact::LockboxClosed => self.with_life(|life| life.lockbox_open = false),
            Fact::RecordsMissing { .. } => {}
            Fact::SlotsAdopted { slots } => {
                if self.slots.is_empty() {
                    self.with_life(|life| life.compared = true);
                }
                for found in slots {
                    self.fill(found.slot, found.present, found.key.clone(), Evidence::HomeSlot, seq, stamp, None, &[]);
                }
            }
            Fact::FoundChanged { slot, present: true, key, .. } => {
                let candidates: Vec<KeyId> = key.iter().cloned().collect();
                self.fill(*slot, true, None, Evidence::HomeSlot, seq, stamp, None, &candidates);
            }
            Fact::FoundChanged { slot, present: false, key, let_in } => {
                self.empty(*slot, seq, stamp);
                if let Some(key) = key {
                    self.set_custody(
                        key,
                        Custody::Unaccounted { since: stamp, seq, let_in: let_in.clone(), last: None },
                    );
                }
            }
            Fact::RosterChanged { version, difference, signed, hash, .. } => {
                self.roster_version = *version;
                self.touch(View::RosterVersion);
                if let Some(signed) = *signed {
                    let hash = hash.clone().unwrap_or_default();
                    self.signed_roster = Some(SignedState { signed, hash, since: stamp });
                    self.touch(View::SignedRoster);
                }
                // A key that left the roster hangs nowhere any more, as far as the books go.
                for gone in difference {
                    if let Difference::KeyRemoved(key) = gone {
                        self.forget_key(key);
                    }
                    if let Difference::UserRemoved(user) = gone {
                        self.forget_code(user);
                    }
                }
            }
            // What these say of secrets is kept in rows that no record holds.
            // A code to choose a PIN with is of no use to its owner any more, however the PIN was set.
            Fact::PinSet { user, enrolled } => {
                if *enrolled || self.vouched.get(user).is_some_and(|code| code.enrols) {
                    self.forget_code(user);
                }
            }
            Fact::Vouched { .. } | Fact::EnrolmentOffered { .. } => {}
            Fact::DarkCompared { .. } => self.with_life(|life| life.compared = true),
            Fact::Denied { charged: None, .. } | Fact::LockFault { .. } => {}
            Fact::Denied { user, count, charged: Some(shown), .. } => {
                let level = self.throttle.as_ref().map_or(0, |throttle| leaked(throttle, stamp, failures_per_hour));
                self.throttle = Some(Throttle { level_milli: level + 1_000 * u64::from(*count), as_of: stamp });
                self.touch(View::Throttle);
                if let Some(user) = user {
                    let person = self.people.entry(user.clone()).or_default();
                    let charge = match shown {
                        Shown::Badge => &mut person.badge,
                        Shown::Login => &mut person.login,
                    };
                    charge.failures = charge.failures.saturating_add(*count);
                    charge.last = Some(stamp);
                    self.touch(View::Person(user.clone()));
                }
            }
            Fact::SessionStarted { user, .. } => {
                self.session = Some(Session {
                    id: SessionId(number),
                    user: user.clone(),
                    second: None,
                    started: stamp,
                    granted: Vec::new(),
                    opened: false,
                    taken: 0,
                    returned: 0,
                });
                self.touch(View::Session);
                self.visited(user, stamp);
            }
            Fact::SessionJoined { user, .. } => {
                self.with_session(|session| session.second = Some(user.clone()));
                self.visited(user, stamp);
            }
            Fact::SessionAuthorised { pull, give_back, reason, reference, purpose, doors, alone, .. } => {
                let grant = Grant {
                    pull: pull.clone(),
                    give_back: give_back.clone(),
                    reason: *reason,
                    reference: reference.clone(),
                    purpose: purpose.clone(),
                    doors: doors.clone(),
                    alone: *alone,
                };
                self.with_session(|session| session.granted.push(grant));
            }
            Fact::SessionClosed { .. } => {
                self.session = None;
                self.touch(View::Session);
            }
            Fact::DoorOpened { door, session } => {
                self.doors.insert(*door, DoorState { open: true, since: stamp, session: *session });
                self.touch(View::Door(*door));
                if session.is_some() {
                    self.with_session(|session| session.opened = true);
                }
            }
            Fact::DoorClosed { door, session, .. } => {
                self.doors.insert(*door, DoorState { open: false, since: stamp, session: *session });
                self.touch(View::Door(*door));
            }
            Fact::Taken { slot, key, session, holder, reason, reference, purpose, .. } => {
                self.empty(*slot, seq, stamp);
                if session.is_some() {
                    self.with_session(|session| session.taken = session.taken.saturating_add(1));
                }
                if let Some(key) = key {
                    let custody = match (holder, session) {
                        (Some(holder), Some(session)) => Custody::Out(Holding {
                            holder: holder.clone(),
                            session: *session,
                            slot: *slot,
                            since: stamp,
                            seq,
                            reason: *reason,
                            reference: reference.clone(),
                            purpose: purpose.clone(),
                        }),
                        _ => Custody::Unaccounted { since: stamp, seq, let_in: None, last: None },
                    };
                    self.set_custody(key, custody);
                }
            }
            Fact::Returned { slot, key, evidence, session, candidates, .. } => {
                if session.is_some() {
                    self.with_session(|session| session.returned = session.returned.saturating_add(1));
                }
                let evidence = evidence.unwrap_or(Evidence::HomeSlot);
                self.fill(*slot, true, key.clone(), evidence, seq, stamp, *session, candidates);
            }
            Fact::SlotIdentified { slot, key, evidence, session } => {
                let session = session.or_else(|| self.slots.get(slot).and_then(|slot| slot.session));
                self.fill(*slot, true, Some(key.clone()), *evidence, seq, stamp, session, &[]);
            }
            Fact::TagContradicted { slot, key, session, holder } => {
                self.unname(*slot);
                let asked_for = self.session.as_ref().and_then(|session| session.ask_for(key).cloned());
                let (reason, reference, purpose) = asked_for
                    .map_or((Reason::Unstated, None, None), |grant| (grant.reason, grant.reference, grant.purpose));
                let custody = match (holder, session) {
                    (Some(holder), Some(session)) => Custody::Out(Holding {
                        holder: holder.clone(),
                        session: *session,
                        slot: *slot,
                        since: stamp,
                        seq,
                        reason,
                        reference,
                        purpose,
                    }),
                    _ => Custody::Unaccounted { since: stamp, seq, let_in: None, last: None },
                };
                self.set_custody(key, custody);
            }
            Fact::SensorFault { input, fault } => {
                self.faults.insert(*input, *fault);
                self.touch(View::Fault(*input));
            }
            Fact::SensorRecovered { input, .. } => {
                self.faults.remove(input);
                self.touch(View::Fault(*input));
            }
            Fact::KeyStepped { key, step, last, .. } => self.key_stepped(key, *step, last.as_ref(), seq, stamp),
            // The word stands for a minute, and not in the books.
            Fact::OpeningOrdered { .. } => {}
            Fact::AlarmRaised { alarm, number: silent } => {
                let id = silent.unwrap_or(AlarmId(number));
                let open = OpenAlarm { id, alarm: alarm.clone(), raised: stamp, acknowledged: None };
                self.alarms.insert(id, open);
                self.touch(View::Alarm(id));
            }
            Fact::AlarmAcknowledged { alarm } => {
                if let Some(open) = self.alarms.get_mut(alarm) {
                    open.acknowledged = Some(record.by.clone());
                    self.touch(View::Alarm(*alarm));
                }
            }
            Fact::AlarmCleared { alarm, .. } => {
                self.alarms.remove(alarm);
                self.touch(View::Alarm(*alarm));
            }
            Fact::SupplyChanged { to, figures, .. } => {
                self.supply = Some(SupplyState { supply: *to, since: stamp, figures: *figures });
                self.touch(View::Supply);
            }
            // Those of power are in its own fold.
            Fact::PowerSwitched { .. }
            | Fact::OutageEnded { .. }
            | Fact::OutageTold { .. }
            | Fact::PowerTold { .. }
            | Fact::EnergyBooked { .. }
            | Fact::BatteryReplaced { .. }
            | Fact::BatteryMeasured { .. }
            | Fact::LoadLearned { .. }
            | Fact::SelfTestBegan
            | Fact::SelfTestEnded { .. }
            | Fact::DrillStarted { .. }
            | Fact::DrillSaw { .. }
            | Fact::DrillProving { .. }
            | Fact::MethodProved { .. }
            | Fact::MethodDisproved { .. }
            | Fact::DrillEnded { .. }
            | Fact::DrillOutlasted { .. } => {}
        }
    }

    /// Power's row: made by the first record that is of power.
    fn apply_to_power(&mut self, record: &Record, number: u64) {
        if self.power.is_none() && !PowerState::begins_with(&record.fact) {
            return;
        }
        let state = self.power.get_or_insert_with(|| PowerState::new(record.stamp));
        if state.apply(&record.fact, number, record.stamp) {
            self.touch(View::Power);
        }
    }

    /// Puts a roster in place of the present one. Its rows hold secrets that no record does.
    pub fn set_roster(&mut self, next: Roster) {
        let old = std::mem::replace(&mut self.roster, next);
        let users = old.users.keys().chain(self.roster.users.keys());
        let touched: BTreeSet<View> = users
            .filter(|id| old.users.get(*id) != self.roster.users.get(*id))
            .map(|id| View::User(id.clone()))
            .chain(
                (old.keys.keys().chain(self.roster.keys.keys()))
                    .filter(|id| old.keys.get(*id) != self.roster.keys.get(*id))
                    .map(|id| View::Key(id.clone())),
            )
            .collect();
        self.changed.extend(touched);
    }

    /// Keeps a code for one entry.
    fn forget_code(&mut self, user: &UserId) {
        if self.vouched.remove(user).is_some() {
            self.touch(View::Vouched(user.clone()));
        }
    }

    pub fn set_vouched(&mut self, user: UserId, vouched: Vouched) {
        self.touch(View::Vouched(user.clone()));
        self.vouched.insert(user, vouched);
    }

    /// Remembers an answer, over the oldest one.
    pub fn remember_answer(&mut self, answered: Answered) {
        let place = (0..ANSWERS)
            .min_by_key(|place| self.answered.get(place).map_or(0, |kept| kept.seq))
            .expect("the ring has places");
        self.answered.insert(place, answered);
        self.touch(View::Answered(place));
    }

    fn touch(&mut self, view: View) {
        self.changed.insert(view);
    }

    fn with_life(&mut self, change: impl FnOnce(&mut Life)) {
        if let Some(life) = &mut self.life {
            change(life);
            self.touch(View::Life);
        }
    }

    fn with_session(&mut self, change: impl FnOnce(&mut Session)) {
        if let Some(session) = &mut self.session {
            change(session);
            self.touch(View::Session);
        }
    }

    fn visited(&mut self, user: &UserId, stamp: Stamp) {
        let person = Person { last_visit: Some(stamp), ..Person::default() };
        self.people.insert(user.clone(), person);
        self.touch(View::Person(user.clone()));
        // A code is for one entry, and needless once its owner came in.
        if self.vouched.remove(user).is_some() {
            self.touch(View::Vouched(user.clone()));
        }
    }
}

/// Wall clock minus boot clock.
#[must_use]
pub fn offset_ms(stamp: Stamp) -> i64 {
    stamp.wall.0.saturating_sub_unsigned(stamp.mono.0)
}
