//! Which keys, people and sessions a fact speaks of: what a key log or a person's log is picked by.

use super::fact::{Alarm, Fact};
use super::outcome::Denial;
use super::roster::Difference;
use super::signed::Rise;
use super::types::{AlarmId, KeyId, SessionId, UserId};

/// What a fact names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Mentions<'a> {
    pub keys: Vec<&'a KeyId>,
    pub users: Vec<&'a UserId>,
    /// The session it belongs to. The record that starts one is named by its own number, not here.
    pub session: Option<SessionId>,
    /// The alarm it goes on about: whoever is named in the record that raised it counts here too.
    pub alarm: Option<AlarmId>,
}

impl Fact {
    /// What this fact names.
    #[must_use]
    pub fn mentions(&self) -> Mentions<'_> {
        let mut said = Mentions::default();
        match self {
            Self::Started { .. }
            | Self::Stopped { .. }
            | Self::DarkCompared { .. }
            | Self::ClockCorrected { .. }
            | Self::ConfigLoaded { .. }
            | Self::LinesLost
            | Self::LinesBack
            | Self::RecordsMissing { .. }
            | Self::SensorFault { .. }
            | Self::SensorRecovered { .. }
            | Self::LockboxOpened
            | Self::LockboxClosed
            | Self::SupplyChanged { .. }
            | Self::PowerSwitched { .. }
            | Self::OutageEnded { .. }
            | Self::OutageTold { .. }
            | Self::PowerTold { .. }
            | Self::EnergyBooked { .. }
            | Self::BatteryReplaced { .. }
            | Self::BatteryMeasured { .. }
            | Self::LoadLearned { .. }
            | Self::SelfTestBegan
            | Self::SelfTestEnded { .. }
            | Self::DrillStarted { .. }
            | Self::DrillSaw { .. }
            | Self::DrillProving { .. }
            | Self::MethodProved { .. }
            | Self::MethodDisproved { .. }
            | Self::DrillEnded { .. }
            | Self::DrillOutlasted { .. } => {}
            Self::SlotsAdopted { slots } => said.keys.extend(slots.iter().filter_map(|slot| slot.key.as_ref())),
            Self::FoundChanged { key, let_in, .. } => {
                said.keys.extend(key);
                said.users.extend(let_in);
            }
            Self::RosterChanged { difference, .. } => {
                for line in difference {
                    match line {
                        Difference::UserAdded(user)
                        | Difference::UserRemoved(user)
                        | Difference::UserChanged { user, .. } => said.users.push(user),
                        Difference::KeyAdded(key)
                        | Difference::KeyRemoved(key)
                        | Difference::KeyChanged { key, .. } => said.keys.push(key),
                    }
                }
            }
            Self::OpeningOrdered { user, .. }
            | Self::PinSet { user, .. }
            | Self::EnrolmentOffered { user, .. }
            | Self::SessionStarted { user, .. } => {
                said.users.push(user);
            }
            Self::Vouched { user, by, .. } => said.users.extend([user, by]),
            Self::Denied { user, denial, .. } => {
                said.users.extend(user);
                said.keys.extend(denial.key());
            }
            Self::SessionJoined { session, user } | Self::SessionClosed { session, user, .. } => {
                said.users.push(user);
                said.session = Some(*session);
            }
            Self::SessionAuthorised { session, user, pull, give_back, .. } => {
                said.users.push(user);
                said.keys.extend(pull.iter().chain(give_back));
                said.session = Some(*session);
            }
            Self::DoorOpened { session, .. } | Self::DoorClosed { session, .. } | Self::LockFault { session, .. } => {
                said.session = *session;
            }
            Self::Taken { key, session, holder, .. } => {
                said.keys.extend(key);
                said.users.extend(holder);
                said.session = *session;
            }
            Self::Returned { key, session, by, candidates, .. } => {
                said.keys.extend(key.iter().chain(candidates));
                said.users.extend(by);
                said.session = *session;
            }
            Self::SlotIdentified { key, session, .. } => {
                said.keys.push(key);
                said.session = *session;
            }
            Self::TagContradicted { key, session, holder, .. } => {
                said.keys.push(key);
                said.users.extend(holder);
                said.session = *session;
            }
            Self::KeyStepped { key, last, .. } => {
                said.keys.push(key);
                said.users.extend(last.iter().map(|last| &last.user));
            }
            Self::AlarmRaised { alarm, .. } => alarm.mention(&mut said),
            Self::AlarmAcknowledged { alarm } => said.alarm = Some(*alarm),
            Self::AlarmCleared { alarm, name, .. } => {
                said.alarm = Some(*alarm);
                said.users.extend(name);
            }
        }
        said
    }
}

impl Alarm {
    fn mention<'a>(&'a self, said: &mut Mentions<'a>) {
        match self {
            Self::OpenWithoutSession { .. }
            | Self::DoorLeftOpen { .. }
            | Self::UnknownReturn { .. }
            | Self::DarkDifference { .. }
            | Self::ChangedBehindDoor { .. }
            | Self::InterruptDead { .. }
            | Self::LinesLost
            | Self::SensorFault { .. }
            | Self::LockFault { .. }
            | Self::Tampered
            | Self::LockboxOpened
            | Self::NoRoom
            | Self::UpsUnreachable
            | Self::SleepFailed { .. }
            | Self::CabinetKeyDue
            | Self::CabinetKeyOnly
            | Self::ReplaceBattery
            | Self::RecordsMissing { .. }
            | Self::UpstreamLostData { .. }
            | Self::UpstreamAhead { .. }
            | Self::CabinetCloned { .. }
            | Self::RecordParked { .. }
            | Self::UpstreamBlocked { .. }
            | Self::RosterRefused { .. }
            | Self::RosterOverdue { .. }
            | Self::UpstreamSilent => {}
            Self::PrivilegesRose { rises, .. } => {
                said.users.extend(rises.iter().filter_map(Rise::user));
                said.keys.extend(rises.iter().filter_map(Rise::key));
            }
            Self::WrongKey { key, session, .. } => {
                said.keys.extend(key);
                said.session = *session;
            }
            Self::UnexpectedSlot { key, .. } => said.keys.extend(key),
            Self::Overdue { key } | Self::RosterWaits { key, .. } => said.keys.push(key),
            Self::OutAtClosing { keys } => said.keys.extend(keys),
            Self::LoneEmergency { session, user } => {
                said.users.push(user);
                said.session = Some(*session);
            }
            Self::Duress { session, user } => {
                said.users.push(user);
                said.session = *session;
            }
            Self::InactiveUser { user } => said.users.push(user),
        }
    }
}

impl Denial {
    fn key(&self) -> Option<&KeyId> {
        match self {
            Self::KeyNotAllowed { key }
            | Self::SlotNotConfigured { key, .. }
            | Self::KeyNotHere { key }
            | Self::KeyNotOut { key }
            | Self::KeyIsIn { key, .. } => Some(key),
            Self::UnknownBadge
            | Self::UnknownLogin
            | Self::WrongPin
            | Self::NoPin
            | Self::Revoked
            | Self::NotYetValid
            | Self::Expired
            | Self::OutsideSchedule
            | Self::Throttled { .. }
            | Self::NoRoom
            | Self::NobodyIdentified
            | Self::Busy
            | Self::WordStands { .. }
            | Self::NoWord
            | Self::VoucherUnfit { .. }
            | Self::KeyUnknown { .. }
            | Self::NumberUnknown
            | Self::NumberAmbiguous
            | Self::NothingToReturn
            | Self::TooManyAsks
            | Self::GoingDown
            | Self::AsleepAlready
            | Self::OutOfPower
            | Self::NoUps
            | Self::NotOnBattery
            | Self::NoOutage
            | Self::OutageOpen
            | Self::DrillUnderWay
            | Self::NoDrill
            | Self::UpsSilent
            | Self::BatteryNotFull { .. }
            | Self::NotServingOnBattery
            | Self::StopwatchWrong
            | Self::NotPrepared { .. }
            | Self::SecondPersonNotEntitled
            | Self::SamePerson
            | Self::LoneEmergencyNotAllowed
            | Self::RoleNeeded { .. }
            | Self::AlarmUnknown { .. }
            | Self::SlotUnknown { .. }
            | Self::DoorUnknown { .. }
            | Self::SlotEmpty { .. }
            | Self::UserUnknown { .. }
            | Self::NothingToChange => None,
        }
    }
}
