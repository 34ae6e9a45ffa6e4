//! The laws that hold after every event, whatever happens: a second book-keeper beside the core.
//!
//! It folds the records itself, one by one, and knows the state before each of them. A broken law is an `Err` with a sentence.

use crate::words::say;
use cabinetd::cabinet::books::{Books, Custody, Presence, Row, View};
use cabinetd::cabinet::event::StoreState;
use cabinetd::cabinet::fact::{Alarm, Fact, Record};
use cabinetd::cabinet::outcome::{Action, Outcome};
use cabinetd::cabinet::settings::Settings;
use cabinetd::cabinet::types::{Actor, AlarmId, CommandId, Evidence, KeyId, Now, SessionId, UserId};
use cabinetd::cabinet::{Cabinet, Event};
use std::collections::{BTreeMap, BTreeSet};

pub type Law = Result<(), String>;

macro_rules! law {
    ($holds:expr, $($broken:tt)+) => {
        if !$holds {
            return Err(format!($($broken)+));
        }
    };
}

#[path = "power_laws.rs"]
mod power_laws;

/// The second book-keeper.
pub struct Laws {
    settings: Settings,
    fold: Books,
    /// Who was in each session, by the records.
    sessions: BTreeMap<SessionId, BTreeSet<UserId>>,
    seen_alarms: BTreeSet<AlarmId>,
    /// Unlock commands not performed yet, with the record of the intent.
    intents: BTreeMap<CommandId, u64>,
    committed_seq: u64,
    last_performed: CommandId,
    power: power_laws::Power,
    /// The fold as of a committed record, so that a long ledger need not be folded from its beginning each time.
    mark: Option<Box<Mark>>,
}

#[derive(Clone)]
struct Mark {
    seq: u64,
    fold: Books,
    sessions: BTreeMap<SessionId, BTreeSet<UserId>>,
    seen_alarms: BTreeSet<AlarmId>,
    spent_mwh: u64,
}

impl Laws {
    pub fn new(settings: Settings) -> Self {
        let fold = Books::from_rows(1, Vec::new());
        Self {
            settings,
            fold,
            sessions: BTreeMap::new(),
            seen_alarms: BTreeSet::new(),
            intents: BTreeMap::new(),
            committed_seq: 0,
            last_performed: CommandId(0),
            power: power_laws::Power::default(),
            mark: None,
        }
    }

    /// The config is another one from now on.
    pub fn reconfigured(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// A step was made; nothing is committed yet.
    pub fn stepped(&mut self, cabinet: &Cabinet, now: Now, event: &Event, out: &Outcome) -> Law {
        for record in &out.records {
            law!(record.stamp == now.stamp(), "record {} does not carry the time of its step", record.seq);
            self.take_in(record)?;
            not_revoked(cabinet, &record.fact)?;
            home_is_home(cabinet, &record.fact)?;
        }
        let folded: Vec<(View, Option<Row>)> = self.fold.take_changes().into_iter().filter(is_told).collect();
        let claimed: Vec<&(View, Option<Row>)> = out.rows.iter().filter(|row| is_told(row)).collect();
        law!(
            folded.iter().collect::<Vec<_>>() == claimed,
            "the rows of {event:?} are not the fold of its records:\n  fold {folded:?}\n  rows {claimed:?}"
        );
        if let Some((due, why)) = cabinet.next_deadline() {
            law!(due > now.mono, "after {event:?} a deadline ({why:?}, {due:?}) is not in the future ({:?})", now.mono);
        }
        self.intents_precede_unlocks(cabinet, out)?;
        self.power_step(cabinet, now, event, out)?;
        let books_moved = folded.iter().any(|(view, _)| matches!(view, View::Slot(_) | View::Custody(_)));
        if books_moved { self.custody_is_sound() } else { Ok(()) }
    }

    fn intents_precede_unlocks(&mut self, cabinet: &Cabinet, out: &Outcome) -> Law {
        for command in &out.commands {
            let Action::Unlock { door, for_ms } = &command.action else { continue };
            law!(*for_ms <= self.settings.sessions.unlock_ms, "an unlock longer than the rules allow");
            law!(cabinet.store_state() == StoreState::Writable, "an unlock with no room on the disk");
            let intent =
                out.records.iter().rev().find(
                    |record| matches!(&record.fact, Fact::SessionAuthorised { doors, .. } if doors.contains(door)),
                );
            let Some(intent) = intent else {
                return Err(format!("door {door} is unlocked without a recorded intent"));
            };
            self.intents.insert(command.id, intent.seq);
        }
        Ok(())
    }

    /// Everything stepped so far is on the disk.
    pub fn committed(&mut self) {
        self.committed_seq = self.fold.next_seq - 1;
    }

    /// Remembers the fold as it is now; everything stepped must be committed.
    #[allow(dead_code, reason = "the stories are too short for it")]
    pub fn mark(&mut self) {
        let (fold, sessions, seen_alarms) = (self.fold.clone(), self.sessions.clone(), self.seen_alarms.clone());
        let (seq, spent_mwh) = (self.committed_seq, self.power.spent_mwh);
        self.mark = Some(Box::new(Mark { seq, fold, sessions, seen_alarms, spent_mwh }));
    }

    /// From here on the whole ledger counts again.
    #[allow(dead_code, reason = "the stories are too short for it")]
    pub fn unmark(&mut self) {
        self.mark = None;
    }

    /// A command is performed.
    pub fn performed(&mut self, id: CommandId, action: &Action) -> Law {
        law!(id > self.last_performed, "command {id} is performed a second time, or out of order");
        self.last_performed = id;
        self.power_performed(id, action)?;
        if matches!(action, Action::Unlock { .. }) {
            let Some(intent) = self.intents.remove(&id) else {
                return Err(format!("unlock command {id} is of a core that is gone"));
            };
            law!(intent <= self.committed_seq, "a lock is energised before the intent (record {intent}) is durable");
        }
        Ok(())
    }

    /// The core was rebuilt from the rows of the store: these must be what the records add up to.
    pub fn restored(&mut self, ledger: &[Record], cabinet: &Cabinet, now: Now) -> Law {
        let settings = self.settings.clone();
        let (last_performed, power) = (self.last_performed, self.power_restored(now.mono));
        let mark = self.mark.take();
        *self = Self { last_performed, power, ..Self::new(settings) };
        if let Some(mark) = &mark {
            let Mark { fold, sessions, seen_alarms, spent_mwh, .. } = (**mark).clone();
            (self.fold, self.sessions, self.seen_alarms) = (fold, sessions, seen_alarms);
            self.power.spent_mwh = spent_mwh;
        }
        let from = mark.as_ref().map_or(0, |mark| mark.seq);
        self.mark = mark;
        for record in ledger.iter().skip_while(|record| record.seq <= from) {
            self.take_in(record).map_err(|broken| format!("folding the ledger again: {broken}"))?;
        }
        self.fold.take_changes();
        self.committed();
        self.same_as(cabinet)
    }

    /// The rows of the core are what the records add up to.
    pub fn same_as(&self, cabinet: &Cabinet) -> Law {
        let told = |books: &Books| -> Vec<(View, Row)> {
            let rows = books.all_rows().into_iter().map(|(view, row)| (view, Some(row)));
            rows.filter(is_told).filter_map(|(view, row)| Some((view, row?))).collect()
        };
        let (fold, rows) = (told(&self.fold), told(cabinet.books()));
        let odd: Vec<_> = fold
            .iter()
            .filter(|row| !rows.contains(row))
            .chain(rows.iter().filter(|row| !fold.contains(row)))
            .collect();
        law!(odd.is_empty(), "the stored rows are not the fold of the ledger: {odd:?}");
        let (seq, next) = (self.fold.next_seq, cabinet.books().next_seq);
        law!(seq == next, "the next record should be {seq}, the core says {next}");
        Ok(())
    }

    fn take_in(&mut self, record: &Record) -> Law {
        let said = || format!("record {} ({})", record.seq, say(record));
        law!(record.seq == self.fold.next_seq, "{}: expected {}", said(), self.fold.next_seq);
        if let Actor::User(user) = &record.by.actor {
            let here = match &record.fact {
                Fact::SessionStarted { user: new, .. } | Fact::SessionJoined { user: new, .. } => new == user,
                Fact::AlarmCleared { .. } => true,
                // Whoever shows badge and PIN and is refused was here, too.
                Fact::Denied { user: Some(refused), .. } => refused == user,
                Fact::AlarmRaised { alarm: Alarm::Duress { user: forced, .. }, .. } => forced == user,
                // And whoever chose a PIN, with a code.
                Fact::PinSet { user: chose, enrolled: true } => chose == user,
                _ => self.fold.session.as_ref().is_some_and(|s| s.user == *user || s.second.as_ref() == Some(user)),
            };
            law!(here, "{} is put down to {user}, who is not here", said());
            law!(!is_the_cabinets_own(&record.fact), "{} is put down to {user}, but no person did that", said());
        }
        self.alarm_life(record)?;
        self.evidence(record)?;
        self.power_record(record)?;
        match &record.fact {
            Fact::SessionStarted { user, .. } => {
                law!(self.fold.session.is_none(), "{}: another session is under way", said());
                self.sessions.insert(SessionId(self.fold.hidden.number(record.seq)), BTreeSet::from([user.clone()]));
            }
            Fact::SessionJoined { session, user } => {
                law!(self.fold.session.as_ref().is_some_and(|now| now.id == *session), "{}: no such session", said());
                self.sessions.entry(*session).or_default().insert(user.clone());
            }
            Fact::RosterChanged { signed: Some(signed), .. } => {
                law!(self.fold.session.is_none(), "{}: a signed roster is taken in a visit", said());
                let held = self.fold.signed_roster.as_ref().map_or(0, |held| held.signed.version);
                law!(signed.version > held, "{}: it is not above {held}", said());
            }
            Fact::SessionAuthorised { session, .. } | Fact::SessionClosed { session, .. } => {
                law!(self.fold.session.as_ref().is_some_and(|now| now.id == *session), "{}: no such session", said());
            }
            _ => {}
        }
        self.fold.apply(record, self.settings.access.failures_per_hour);
        Ok(())
    }

    fn alarm_life(&mut self, record: &Record) -> Law {
        match &record.fact {
            Fact::AlarmRaised { alarm, .. } => {
                let twice = self.fold.alarms.values().any(|open| open.alarm == *alarm);
                law!(!twice, "record {}: {alarm:?} is raised while it is open", record.seq);
            }
            Fact::AlarmAcknowledged { alarm } => {
                law!(self.fold.alarms.contains_key(alarm), "record {}: alarm {alarm} is not open", record.seq);
                law!(self.seen_alarms.insert(*alarm), "record {}: alarm {alarm} is acknowledged twice", record.seq);
            }
            Fact::AlarmCleared { alarm, .. } => {
                law!(self.fold.alarms.contains_key(alarm), "record {}: alarm {alarm} is not open", record.seq);
            }
            _ => {}
        }
        Ok(())
    }

    /// Custody changes on evidence only, and the inference from the home slot is made only where nothing speaks against it.
    fn evidence(&self, record: &Record) -> Law {
        let held = |user: &UserId| {
            let out = |custody: &&Custody| matches!(custody, Custody::Out(holding) if holding.holder == *user);
            self.fold.custody.values().filter(out).count()
        };
        match &record.fact {
            Fact::Taken { slot, key, session, holder, .. } => {
                let row = self.fold.slots.get(slot);
                law!(
                    row.is_some_and(|row| row.present == Presence::Present && row.key == *key),
                    "record {}: slot {slot} did not hold that",
                    record.seq
                );
                self.in_session(record, *session, holder.as_ref())
            }
            Fact::Returned { slot, key: Some(key), evidence: Some(Evidence::HomeSlot), session, .. } => {
                let here = session.and_then(|session| self.sessions.get(&session));
                let Some(here) = here else {
                    return Err(format!("record {}: {key} is inferred with nobody here", record.seq));
                };
                let with_them = match self.fold.custody.get(key) {
                    Some(Custody::Out(holding)) => here.contains(&holding.holder),
                    _ => false,
                };
                let in_hand: usize = here.iter().map(held).sum();
                law!(
                    with_them || in_hand == 0,
                    "record {}: slot {slot} is said to hold {key}, but {in_hand} other keys were in hand",
                    record.seq
                );
                Ok(())
            }
            Fact::Returned { slot, session, by, .. } => {
                let empty = self.fold.slots.get(slot).is_some_and(|row| row.present == Presence::Empty);
                law!(empty, "record {}: slot {slot} was not empty", record.seq);
                self.in_session(record, *session, by.as_ref())
            }
            Fact::TagContradicted { session, holder, .. } => self.in_session(record, *session, holder.as_ref()),
            Fact::KeyStepped { key, last: Some(last), .. } => {
                let had = self.fold.custody.get(key).and_then(Custody::last);
                law!(had.as_ref() == Some(last), "record {}: {key} was had by {had:?}, not {last:?}", record.seq);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn in_session(&self, record: &Record, session: Option<SessionId>, user: Option<&UserId>) -> Law {
        let sound = match (session, user) {
            (None, None) => true,
            (Some(session), Some(user)) => {
                let granted = self.fold.session.as_ref().is_some_and(|now| now.id == session && now.is_granted());
                granted && self.sessions.get(&session).is_some_and(|here| here.contains(user))
            }
            (None, Some(_)) | (Some(_), None) => false,
        };
        law!(sound, "record {}: {user:?} is named without being in session {session:?}", record.seq);
        Ok(())
    }

    /// No key in two slots; slots and custody tell the same story; whoever holds a key came for it.
    fn custody_is_sound(&self) -> Law {
        let mut hangs: BTreeMap<&KeyId, _> = BTreeMap::new();
        for (slot, row) in &self.fold.slots {
            let Some(key) = &row.key else { continue };
            law!(row.present == Presence::Present, "slot {slot} is empty and holds {key}");
            if let Some(other) = hangs.insert(key, slot) {
                return Err(format!("{key} hangs in slots {other} and {slot}"));
            }
        }
        for (key, custody) in &self.fold.custody {
            match custody {
                Custody::In { slot, .. } => {
                    law!(hangs.remove(key) == Some(slot), "{key} is in slot {slot}, but that slot disagrees");
                }
                Custody::Out(holding) => {
                    let came = self.sessions.get(&holding.session).is_some_and(|here| here.contains(&holding.holder));
                    law!(came, "{key} is out with {}, who was in no such session", holding.holder);
                }
                Custody::Unaccounted { .. } | Custody::Lost { .. } | Custody::Retired { .. } => {}
            }
        }
        law!(hangs.is_empty(), "slots hold keys that custody has elsewhere: {hangs:?}");
        Ok(())
    }
}

/// Rows that the records tell wholly; the others keep secrets or answers.
fn is_told((view, _): &(View, Option<Row>)) -> bool {
    !matches!(view, View::User(_) | View::Key(_) | View::Vouched(_) | View::Answered(_))
}

fn not_revoked(cabinet: &Cabinet, fact: &Fact) -> Law {
    let (Fact::SessionStarted { user, .. } | Fact::SessionJoined { user, .. }) = fact else { return Ok(()) };
    let revoked = cabinet.books().roster.users.get(user).is_none_or(|user| user.revoked);
    law!(!revoked, "{user} came in, though revoked");
    Ok(())
}

/// Only a key that belongs there is inferred from a slot.
fn home_is_home(cabinet: &Cabinet, fact: &Fact) -> Law {
    let Fact::Returned { slot, key: Some(key), evidence: Some(Evidence::HomeSlot), .. } = fact else { return Ok(()) };
    let home = cabinet.books().roster.keys.get(key).map(|key| key.home);
    law!(home == Some(*slot), "slot {slot} is said to hold {key}, but its home is {home:?}");
    Ok(())
}

/// What no person does.
const fn is_the_cabinets_own(fact: &Fact) -> bool {
    match fact {
        Fact::Started { .. }
        | Fact::Stopped { .. }
        | Fact::ClockCorrected { .. }
        | Fact::ConfigLoaded { .. }
        | Fact::LinesLost
        | Fact::LinesBack
        | Fact::LockboxOpened
        | Fact::LockboxClosed
        | Fact::RecordsMissing { .. }
        | Fact::SlotsAdopted { .. }
        | Fact::DarkCompared { .. }
        | Fact::FoundChanged { .. }
        | Fact::SupplyChanged { .. }
        | Fact::PowerSwitched { .. }
        | Fact::OutageEnded { .. }
        | Fact::EnergyBooked { .. }
        | Fact::BatteryMeasured { .. }
        | Fact::LoadLearned { .. }
        | Fact::SelfTestBegan
        | Fact::SelfTestEnded { .. }
        | Fact::MethodProved { by_stopwatch: false, .. } => true,
        Fact::AlarmRaised { alarm, .. } => matches!(
            alarm,
            Alarm::DoorLeftOpen { .. }
                | Alarm::DarkDifference { .. }
                | Alarm::InterruptDead { .. }
                | Alarm::LinesLost
                | Alarm::Tampered
                | Alarm::LockboxOpened
                | Alarm::Overdue { .. }
                | Alarm::OutAtClosing { .. }
                | Alarm::InactiveUser { .. }
                | Alarm::NoRoom
                | Alarm::RecordsMissing { .. }
                | Alarm::SleepFailed { .. }
                | Alarm::CabinetKeyDue
                | Alarm::CabinetKeyOnly
                | Alarm::ReplaceBattery
                | Alarm::UpsUnreachable
                | Alarm::UpstreamLostData { .. }
                | Alarm::UpstreamAhead { .. }
                | Alarm::CabinetCloned { .. }
                | Alarm::RecordParked { .. }
                | Alarm::UpstreamBlocked { .. }
                | Alarm::RosterRefused { .. }
                | Alarm::RosterOverdue { .. }
                | Alarm::RosterWaits { .. }
                | Alarm::UpstreamSilent
        ),
        _ => false,
    }
}
