//! The clerk: tells the log what the ledger has taken in, record by record, once it is on the disk.
//!
//! The sentence is the record's own, with ids for names: the log is read, copied and kept by other rules than the ledger, so it
//! holds no names of people and nothing that was typed freely (what a visit is for, a note, a key that there is none of, the values of the
//! roster). Badge numbers, PINs and the like are in no record at all. An alarm under duress is told nowhere, nor what becomes of it.

use crate::cabinet::books::Books;
use crate::cabinet::fact::{Alarm, Fact, Record};
use crate::cabinet::numbers::Hidden;
use crate::cabinet::outcome::Denial;
use crate::cabinet::power::state::OutageId;
use crate::cabinet::roster::{Difference, FieldChange};
use crate::cabinet::sentence::{Names, Sentence};
use crate::cabinet::signed::{Rise, RosterFault};
use crate::cabinet::types::{Actor, AlarmId, DoorNo, Input, SlotNo};
use crate::io::journal::{Entry, Log};
use crate::messages::{Message, alarms, records};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Tells records.
#[derive(Debug)]
pub struct Clerk {
    log: Log,
    /// Open alarms that must not be read beside the cabinet.
    silent: BTreeSet<AlarmId>,
    hidden: Hidden,
}

impl Clerk {
    /// With the books as they stand.
    #[must_use]
    pub fn new(log: Log, books: &Books) -> Self {
        let silent = books.alarms.iter().filter(|(_, open)| open.alarm.is_silent()).map(|(id, _)| *id).collect();
        Self { log, silent, hidden: books.hidden.clone() }
    }

    /// Tells what was just made durable. `outage`: the one that is open now.
    pub fn tell(&mut self, durable: &[Record], outage: Option<OutageId>) {
        for record in durable {
            if let Some(entry) = self.entry(record, outage) {
                self.log.put(entry);
            }
        }
    }

    fn entry(&mut self, record: &Record, outage: Option<OutageId>) -> Option<Entry> {
        if self.is_silent(record) {
            return None;
        }
        let number = self.hidden.number(record.seq);
        let message = message(&record.fact)?;
        let fact = without_free_text(&record.fact);
        let sentence = Sentence { fact: &fact, names: Names(None), clock_trusted: record.stamp.clock.is_trusted() };
        Some(Entry::new(message.priority, sentence.to_string(), fields(record, number, message, outage)))
    }

    /// Whether it is of an alarm that nobody may read of; keeps in mind which those are.
    fn is_silent(&mut self, record: &Record) -> bool {
        self.hidden.note(record.seq, &record.fact);
        match &record.fact {
            Fact::AlarmRaised { alarm, number } if alarm.is_silent() => {
                self.silent.insert(number.unwrap_or(AlarmId(record.seq)));
                true
            }
            Fact::AlarmCleared { alarm, .. } => self.silent.remove(alarm),
            Fact::AlarmAcknowledged { alarm } => self.silent.contains(alarm),
            _ => false,
        }
    }
}

/// The fact without what people wrote into it. Each kind is named: a new one is looked at before it is told.
fn without_free_text(fact: &Fact) -> Cow<'_, Fact> {
    match fact {
        Fact::Taken { .. }
        | Fact::SessionAuthorised { .. }
        | Fact::OpeningOrdered { .. }
        | Fact::KeyStepped { .. }
        | Fact::Denied { .. }
        | Fact::RosterChanged { .. }
        | Fact::AlarmRaised { alarm: Alarm::PrivilegesRose { .. } | Alarm::RosterRefused { .. }, .. } => {}
        Fact::Started { .. }
        | Fact::Stopped { .. }
        | Fact::SlotsAdopted { .. }
        | Fact::DarkCompared { .. }
        | Fact::FoundChanged { .. }
        | Fact::ClockCorrected { .. }
        | Fact::ConfigLoaded { .. }
        | Fact::LinesLost
        | Fact::LinesBack
        | Fact::RecordsMissing { .. }
        | Fact::PinSet { .. }
        | Fact::Vouched { .. }
        | Fact::EnrolmentOffered { .. }
        | Fact::SessionStarted { .. }
        | Fact::SessionJoined { .. }
        | Fact::SessionClosed { .. }
        | Fact::DoorOpened { .. }
        | Fact::DoorClosed { .. }
        | Fact::Returned { .. }
        | Fact::SlotIdentified { .. }
        | Fact::TagContradicted { .. }
        | Fact::SensorFault { .. }
        | Fact::SensorRecovered { .. }
        | Fact::LockboxOpened
        | Fact::LockboxClosed
        | Fact::LockFault { .. }
        | Fact::AlarmRaised { .. }
        | Fact::AlarmAcknowledged { .. }
        | Fact::AlarmCleared { .. }
        | Fact::SupplyChanged { .. }
        | Fact::PowerSwitched { .. }
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
        | Fact::DrillOutlasted { .. } => return Cow::Borrowed(fact),
    }
    let mut fact = fact.clone();
    match &mut fact {
        Fact::Taken { reference, purpose, .. } | Fact::SessionAuthorised { reference, purpose, .. } => {
            (*reference, *purpose) = (None, None);
        }
        Fact::OpeningOrdered { why, .. } => "…".clone_into(why),
        Fact::Denied { denial: Denial::KeyUnknown { key }, .. } => "…".clone_into(key),
        Fact::KeyStepped { note, .. } => *note = None,
        Fact::RosterChanged { difference, rises, .. } => {
            difference.iter_mut().for_each(without_values);
            rises.iter_mut().for_each(Rise::forget_names);
        }
        Fact::AlarmRaised { alarm: Alarm::PrivilegesRose { rises, .. }, .. } => {
            rises.iter_mut().for_each(Rise::forget_names);
        }
        Fact::AlarmRaised {
            alarm: Alarm::RosterRefused { fault: RosterFault::DoesNotFit { problems, .. } }, ..
        } => {
            problems.clear();
        }
        _ => {}
    }
    Cow::Owned(fact)
}

/// Which fields changed, not from what to what.
fn without_values(difference: &mut Difference) {
    match difference {
        Difference::UserChanged { fields, .. } | Difference::KeyChanged { fields, .. } => {
            for FieldChange { from, to, .. } in fields {
                (*from, *to) = (None, None);
            }
        }
        Difference::UserAdded(_) | Difference::UserRemoved(_) | Difference::KeyAdded(_) | Difference::KeyRemoved(_) => {
        }
    }
}

/// Which message a fact is; none for what is never told.
const fn message(fact: &Fact) -> Option<&'static Message> {
    Some(match fact {
        Fact::Started { .. } => &records::STARTED,
        Fact::Stopped { .. } => &records::STOPPED,
        Fact::SlotsAdopted { .. } => &records::SLOTS_ADOPTED,
        Fact::DarkCompared { .. } => &records::DARK_COMPARED,
        Fact::FoundChanged { .. } => &records::FOUND_CHANGED,
        Fact::ClockCorrected { .. } => &records::CLOCK_CORRECTED,
        Fact::ConfigLoaded { .. } => &records::CONFIG_LOADED,
        Fact::LinesLost => &records::SENSORS_LOST,
        Fact::LinesBack => &records::SENSORS_BACK,
        Fact::RecordsMissing { .. } => &records::RECORDS_MISSING,
        Fact::RosterChanged { .. } => &records::ROSTER_CHANGED,
        Fact::PinSet { enrolled: false, .. } => &records::PIN_SET,
        Fact::PinSet { enrolled: true, .. } => &records::ENROLLED,
        Fact::Vouched { .. } => &records::VOUCHED,
        Fact::EnrolmentOffered { .. } => &records::ENROLMENT_OFFERED,
        Fact::OpeningOrdered { .. } => &records::OPENING_ORDERED,
        Fact::Denied { .. } => &records::DENIED,
        Fact::SessionStarted { .. } => &records::SESSION_STARTED,
        Fact::SessionJoined { .. } => &records::SESSION_JOINED,
        Fact::SessionAuthorised { .. } => &records::SESSION_AUTHORISED,
        Fact::SessionClosed { .. } => &records::SESSION_CLOSED,
        Fact::DoorOpened { .. } => &records::DOOR_OPENED,
        Fact::DoorClosed { .. } => &records::DOOR_CLOSED,
        Fact::Taken { .. } => &records::TAKEN,
        Fact::Returned { .. } => &records::RETURNED,
        Fact::SlotIdentified { .. } => &records::SLOT_IDENTIFIED,
        Fact::TagContradicted { .. } => &records::TAG_CONTRADICTED,
        Fact::SensorFault { .. } => &records::SENSOR_FAILED,
        Fact::SensorRecovered { .. } => &records::SENSOR_RECOVERED,
        Fact::LockboxOpened | Fact::LockboxClosed => &records::LOCKBOX_MOVED,
        Fact::LockFault { .. } => &records::LOCK_FAILED,
        Fact::KeyStepped { .. } => &records::KEY_STEPPED,
        Fact::AlarmRaised { alarm, .. } => return alarm_message(alarm),
        Fact::AlarmAcknowledged { .. } => &records::ALARM_ACKNOWLEDGED,
        Fact::AlarmCleared { .. } => &records::ALARM_CLEARED,
        Fact::SupplyChanged { .. } => &records::SUPPLY_CHANGED,
        Fact::PowerSwitched { .. } => &records::POWER_SWITCHED,
        Fact::OutageEnded { .. } => &records::OUTAGE_ENDED,
        Fact::OutageTold { .. } => &records::OUTAGE_TOLD,
        Fact::PowerTold { .. } => &records::POWER_TOLD,
        Fact::EnergyBooked { .. } => &records::ENERGY_BOOKED,
        Fact::BatteryReplaced { .. } => &records::BATTERY_REPLACED,
        Fact::BatteryMeasured { .. } => &records::BATTERY_MEASURED,
        Fact::LoadLearned { .. } => &records::LOAD_LEARNED,
        Fact::SelfTestBegan => &records::SELF_TEST_BEGAN,
        Fact::SelfTestEnded { .. } => &records::SELF_TEST_ENDED,
        Fact::DrillStarted { .. } => &records::DRILL_STARTED,
        Fact::DrillSaw { .. } => &records::DRILL_SAW,
        Fact::DrillProving { .. } => &records::DRILL_PROVING,
        Fact::MethodProved { .. } => &records::METHOD_PROVED,
        Fact::MethodDisproved { .. } => &records::METHOD_DISPROVED,
        Fact::DrillEnded { .. } => &records::DRILL_ENDED,
        Fact::DrillOutlasted { .. } => &records::DRILL_OUTLASTED,
    })
}

const fn alarm_message(alarm: &Alarm) -> Option<&'static Message> {
    Some(match alarm {
        Alarm::OpenWithoutSession { .. } => &alarms::OPEN_WITHOUT_SESSION,
        Alarm::DoorLeftOpen { .. } => &alarms::DOOR_LEFT_OPEN,
        Alarm::WrongKey { .. } => &alarms::WRONG_KEY,
        Alarm::UnexpectedSlot { .. } => &alarms::UNEXPECTED_SLOT,
        Alarm::UnknownReturn { .. } => &alarms::UNKNOWN_RETURN,
        Alarm::DarkDifference { .. } => &alarms::DARK_DIFFERENCE,
        Alarm::ChangedBehindDoor { .. } => &alarms::CHANGED_BEHIND_DOOR,
        Alarm::SensorFault { .. } => &alarms::SENSOR_FAULT,
        Alarm::InterruptDead { .. } => &alarms::INTERRUPTS_DEAD,
        Alarm::LinesLost => &alarms::LINES_LOST,
        Alarm::LockFault { .. } => &alarms::LOCK_FAULT,
        Alarm::Tampered => &alarms::TAMPERED,
        Alarm::LockboxOpened => &alarms::LOCKBOX_OPENED,
        Alarm::Overdue { .. } => &alarms::OVERDUE,
        Alarm::OutAtClosing { .. } => &alarms::OUT_AT_CLOSING,
        Alarm::LoneEmergency { .. } => &alarms::LONE_EMERGENCY,
        Alarm::Duress { .. } => return None,
        Alarm::InactiveUser { .. } => &alarms::INACTIVE_USER,
        Alarm::NoRoom => &alarms::DISK_FULL,
        Alarm::UpsUnreachable => &alarms::UPS_UNREACHABLE,
        Alarm::SleepFailed { .. } => &alarms::SLEEP_FAILED,
        Alarm::ReplaceBattery => &alarms::REPLACE_BATTERY,
        Alarm::CabinetKeyDue => &alarms::CABINET_KEY_DUE,
        Alarm::CabinetKeyOnly => &alarms::CABINET_KEY_ONLY,
        Alarm::RecordsMissing { .. } => &alarms::LEDGER_SHORTENED,
        Alarm::UpstreamLostData { .. } => &alarms::UPSTREAM_LOST_DATA,
        Alarm::UpstreamAhead { .. } => &alarms::UPSTREAM_AHEAD,
        Alarm::CabinetCloned { .. } => &alarms::CABINET_CLONED,
        Alarm::RecordParked { .. } => &alarms::RECORD_PARKED,
        Alarm::UpstreamBlocked { .. } => &alarms::UPSTREAM_BLOCKED,
        Alarm::RosterRefused { .. } => &alarms::ROSTER_COUNTS_FOR_NOTHING,
        Alarm::RosterOverdue { .. } => &alarms::ROSTER_OVERDUE,
        Alarm::RosterWaits { .. } => &alarms::ROSTER_WAITS,
        Alarm::PrivilegesRose { .. } => &alarms::PRIVILEGES_ROSE,
        Alarm::UpstreamSilent => &alarms::UPSTREAM_MUTE,
    })
}

/// The entry's fields: what a technician filters by (`journalctl -u cabinetd SLOT=7`). Not the record's number: one that is missing between two
/// entries would show that something is not told.
fn fields(record: &Record, number: u64, message: &Message, outage: Option<OutageId>) -> Vec<(&'static str, String)> {
    let fact = &record.fact;
    let mut fields = vec![("MESSAGE_ID", message.id.to_owned())];
    let (slot, doors) = places(fact);
    fields.extend(slot.map(|slot| ("SLOT", slot.to_string())));
    fields.extend(doors.iter().map(|door| ("DOOR", door.to_string())));
    let said = fact.mentions();
    let session = match fact {
        // It is named by this record.
        Fact::SessionStarted { .. } => Some(number),
        _ => said.session.map(|session| session.0),
    };
    fields.extend(session.map(|session| ("SESSION", session.to_string())));
    let alarm = match fact {
        Fact::AlarmRaised { .. } => Some(number),
        _ => said.alarm.map(|alarm| alarm.0),
    };
    fields.extend(alarm.map(|alarm| ("ALARM", alarm.to_string())));
    let outage = match fact {
        Fact::OutageEnded { outage, .. } => Some(*outage),
        _ => outage,
    };
    fields.extend(outage.map(|outage| ("OUTAGE", outage.to_string())));
    fields.extend(said.keys.into_iter().map(|key| ("KEY", key.to_string())));
    fields.extend(said.users.into_iter().map(|user| ("USER", user.to_string())));
    match &record.by.actor {
        Actor::Cabinet => {}
        Actor::User(user) => fields.push(("BY", user.to_string())),
        Actor::Account { name, .. } => fields.push(("BY", name.to_string())),
    }
    fields
}

/// The slot and the doors that a fact is about.
fn places(fact: &Fact) -> (Option<SlotNo>, &[DoorNo]) {
    use std::slice::from_ref;
    match fact {
        Fact::FoundChanged { slot, .. }
        | Fact::Taken { slot, .. }
        | Fact::Returned { slot, .. }
        | Fact::SlotIdentified { slot, .. }
        | Fact::TagContradicted { slot, .. } => (Some(*slot), &[]),
        Fact::DoorOpened { door, .. } | Fact::DoorClosed { door, .. } | Fact::LockFault { door, .. } => {
            (None, from_ref(door))
        }
        Fact::SessionAuthorised { doors, .. } | Fact::OpeningOrdered { doors, .. } => (None, doors),
        Fact::SensorFault { input, .. } | Fact::SensorRecovered { input, .. } => place(input),
        Fact::AlarmRaised { alarm, .. } => match alarm {
            Alarm::OpenWithoutSession { door } | Alarm::DoorLeftOpen { door, .. } | Alarm::LockFault { door } => {
                (None, from_ref(door))
            }
            Alarm::WrongKey { slot, .. }
            | Alarm::UnexpectedSlot { slot, .. }
            | Alarm::UnknownReturn { slot }
            | Alarm::DarkDifference { slot }
            | Alarm::ChangedBehindDoor { slot } => (Some(*slot), &[]),
            Alarm::SensorFault { input } => place(input),
            Alarm::LinesLost
            | Alarm::InterruptDead { .. }
            | Alarm::Tampered
            | Alarm::LockboxOpened
            | Alarm::Overdue { .. }
            | Alarm::OutAtClosing { .. }
            | Alarm::LoneEmergency { .. }
            | Alarm::Duress { .. }
            | Alarm::InactiveUser { .. }
            | Alarm::NoRoom
            | Alarm::UpsUnreachable
            | Alarm::SleepFailed { .. }
            | Alarm::ReplaceBattery
            | Alarm::CabinetKeyDue
            | Alarm::CabinetKeyOnly
            | Alarm::UpstreamLostData { .. }
            | Alarm::UpstreamAhead { .. }
            | Alarm::CabinetCloned { .. }
            | Alarm::RecordParked { .. }
            | Alarm::UpstreamBlocked { .. }
            | Alarm::RosterRefused { .. }
            | Alarm::RosterOverdue { .. }
            | Alarm::RosterWaits { .. }
            | Alarm::PrivilegesRose { .. }
            | Alarm::UpstreamSilent
            | Alarm::RecordsMissing { .. } => (None, &[]),
        },
        Fact::Started { .. }
        | Fact::Stopped { .. }
        | Fact::SlotsAdopted { .. }
        | Fact::DarkCompared { .. }
        | Fact::ClockCorrected { .. }
        | Fact::ConfigLoaded { .. }
        | Fact::LinesLost
        | Fact::LinesBack
        | Fact::RecordsMissing { .. }
        | Fact::RosterChanged { .. }
        | Fact::PinSet { .. }
        | Fact::Vouched { .. }
        | Fact::EnrolmentOffered { .. }
        | Fact::Denied { .. }
        | Fact::SessionStarted { .. }
        | Fact::SessionJoined { .. }
        | Fact::SessionClosed { .. }
        | Fact::LockboxOpened
        | Fact::LockboxClosed
        | Fact::KeyStepped { .. }
        | Fact::AlarmAcknowledged { .. }
        | Fact::AlarmCleared { .. }
        | Fact::SupplyChanged { .. }
        | Fact::PowerSwitched { .. }
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
        | Fact::DrillOutlasted { .. } => (None, &[]),
    }
}

fn place(input: &Input) -> (Option<SlotNo>, &[DoorNo]) {
    match input {
        Input::Slot(slot) => (Some(*slot), &[]),
        Input::Door(door) => (None, std::slice::from_ref(door)),
        Input::Tamper | Input::Lockbox => (None, &[]),
    }
}

#[cfg(test)]
mod tests;
