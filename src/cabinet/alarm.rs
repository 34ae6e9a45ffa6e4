//! Alarms have a life: raised, acknowledged, cleared, each a record.
//!
//! The same alarm is not raised twice. What goes away by itself is cleared when it does; what only a person can put right is
//! cleared by the acknowledgement; a lone emergency pull stays until somebody else countersigns it.

use super::fact::{Alarm, Cleared, Fact};
use super::outcome::{Denial, Sound};
use super::types::{AlarmId, Origin, UserId};
use super::{Cabinet, Turn};

impl Alarm {
    /// Whether the acknowledgement ends it, because no sensor ever will.
    const fn ends_when_acknowledged(&self) -> bool {
        match self {
            Self::WrongKey { .. }
            | Self::DarkDifference { .. }
            | Self::ChangedBehindDoor { .. }
            | Self::OutAtClosing { .. }
            | Self::Duress { .. }
            | Self::SleepFailed { .. }
            | Self::RecordsMissing { .. }
            | Self::UpstreamLostData { .. }
            | Self::RosterRefused { .. }
            | Self::PrivilegesRose { .. } => true,
            // These two when it is closed besides.
            Self::OpenWithoutSession { .. }
            | Self::LockboxOpened
            | Self::DoorLeftOpen { .. }
            | Self::UnexpectedSlot { .. }
            | Self::UnknownReturn { .. }
            | Self::SensorFault { .. }
            | Self::InterruptDead { .. }
            | Self::LinesLost
            | Self::LockFault { .. }
            | Self::Tampered
            | Self::Overdue { .. }
            | Self::LoneEmergency { .. }
            | Self::InactiveUser { .. }
            | Self::NoRoom
            | Self::CabinetKeyDue
            | Self::CabinetKeyOnly
            | Self::ReplaceBattery
            | Self::UpstreamAhead { .. }
            | Self::CabinetCloned { .. }
            | Self::RecordParked { .. }
            | Self::UpstreamBlocked { .. }
            | Self::RosterOverdue { .. }
            | Self::RosterWaits { .. }
            | Self::UpstreamSilent
            | Self::UpsUnreachable => false,
        }
    }

    /// Whether it is worth a noise at the cabinet.
    const fn is_loud(&self) -> bool {
        matches!(
            self,
            Self::OpenWithoutSession { .. }
                | Self::DoorLeftOpen { .. }
                | Self::Tampered
                | Self::LockboxOpened
                | Self::ChangedBehindDoor { .. }
        )
    }
}

impl Cabinet {
    /// Raises an alarm, unless the same one is open already.
    pub(super) fn raise(&mut self, turn: &mut Turn, alarm: Alarm) -> Option<AlarmId> {
        let loud = alarm.is_loud();
        if self.books.alarms.values().any(|open| open.alarm == alarm) {
            // It is known; whoever does it again hears it again.
            if loud {
                self.sound(turn, Sound::Alarm);
            }
            return None;
        }
        let number = alarm.is_silent().then(|| AlarmId::silent(self.books.next_seq));
        let seq = self.record(turn, Fact::AlarmRaised { alarm, number });
        if loud {
            self.sound(turn, Sound::Alarm);
        }
        Some(number.unwrap_or_else(|| AlarmId(self.books.hidden.number(seq))))
    }

    /// Clears the alarms whose cause is gone.
    pub(super) fn resolve(&mut self, turn: &mut Turn, which: impl Fn(&Alarm) -> bool) {
        self.clear(turn, which, Cleared::Resolved);
    }

    pub(super) fn clear(&mut self, turn: &mut Turn, which: impl Fn(&Alarm) -> bool, why: Cleared) {
        let found: Vec<AlarmId> =
            self.books.alarms.values().filter(|open| which(&open.alarm)).map(|open| open.id).collect();
        // What ends by itself is nobody's doing, whoever happens to stand there.
        let by = std::mem::replace(&mut turn.by, Origin::cabinet());
        for alarm in found {
            self.record(turn, Fact::AlarmCleared { alarm, why, name: None });
        }
        turn.by = by;
    }

    /// Whether it says that somebody got more than before.
    pub(super) fn is_of_privileges(&self, id: AlarmId) -> bool {
        self.books.alarms.get(&id).is_some_and(|open| matches!(open.alarm, Alarm::PrivilegesRose { .. }))
    }

    /// A person takes note of an alarm.
    pub(super) fn acknowledge(&mut self, turn: &mut Turn, id: AlarmId) -> Result<String, Denial> {
        let Some(open) = self.books.alarms.get(&id) else { return Err(Denial::AlarmUnknown { alarm: id }) };
        if open.acknowledged.is_some() {
            return Err(Denial::NothingToChange);
        }
        let ends = match &open.alarm {
            Alarm::LockboxOpened => !self.lockbox_is_open(),
            // As last seen: a contact that is broken does not tell that it was closed.
            Alarm::OpenWithoutSession { door } => {
                let has_contact = self.settings.doors.get(door).is_some_and(|door| door.contact);
                !has_contact || self.books.doors.get(door).is_none_or(|state| !state.open)
            }
            alarm => alarm.ends_when_acknowledged(),
        };
        self.record(turn, Fact::AlarmAcknowledged { alarm: id });
        if ends {
            self.record(turn, Fact::AlarmCleared { alarm: id, why: Cleared::Acknowledged, name: None });
            Ok(format!("alarm {id} acknowledged and closed"))
        } else {
            Ok(format!("alarm {id} acknowledged; it closes when its cause is gone"))
        }
    }

    /// Clears what somebody has looked after and was only waited for to be closed.
    pub(super) fn resolve_acknowledged(&mut self, turn: &mut Turn, which: &Alarm) {
        if self.books.alarms.values().any(|open| open.alarm == *which && open.acknowledged.is_some()) {
            self.resolve(turn, |alarm| alarm == which);
        }
    }

    /// A second person stands for a lone emergency pull afterwards.
    pub(super) fn countersign(&mut self, turn: &mut Turn, id: AlarmId, by: &UserId) -> Result<String, Denial> {
        let Some(open) = self.books.alarms.get(&id) else { return Err(Denial::AlarmUnknown { alarm: id }) };
        let Alarm::LoneEmergency { user, .. } = &open.alarm else { return Err(Denial::NothingToChange) };
        if user == by {
            return Err(Denial::SamePerson);
        }
        match self.books.roster.users.get(by) {
            None => return Err(Denial::UserUnknown { user: by.clone() }),
            Some(by) if !self.is_active(&by.id) => return Err(Denial::Revoked),
            Some(_) => {}
        }
        if open.acknowledged.is_none() {
            self.record(turn, Fact::AlarmAcknowledged { alarm: id });
        }
        // The account acted; in whose name is what it said.
        self.record(turn, Fact::AlarmCleared { alarm: id, why: Cleared::Countersigned, name: Some(by.clone()) });
        Ok(format!("alarm {id} countersigned in the name of {by}"))
    }
}
