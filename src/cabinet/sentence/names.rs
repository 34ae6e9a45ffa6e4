//! What keys, people and alarms are called in a sentence.

use super::super::fact::{Alarm, LastHeld};
use super::super::roster::Roster;
use super::super::types::{Actor, Channel, KeyId, Origin, UserId};
use super::words::{input_words, list, missing_words};

/// What keys and people are called: by the roster's labels, or by their ids where it knows none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Names<'a>(pub Option<&'a Roster>);

impl Names<'_> {
    /// A key: `Unit 204`, or `key 204` where no label is known.
    #[must_use]
    pub fn key(&self, id: &KeyId) -> String {
        let known = self.0.and_then(|roster| roster.keys.get(id));
        known.map_or_else(|| format!("key {id}"), |key| key.label.clone())
    }

    /// A person: `Ana Ruiz (ana)`, or `ana`.
    #[must_use]
    pub fn user(&self, id: &UserId) -> String {
        let known = self.0.and_then(|roster| roster.users.get(id));
        known.map_or_else(|| id.to_string(), |user| format!("{} ({id})", user.name))
    }

    pub(super) fn keys(self, ids: &[KeyId]) -> String {
        list(ids.iter().map(|id| self.key(id)))
    }

    pub(super) fn key_or(self, id: Option<&KeyId>, otherwise: &str) -> String {
        id.map_or_else(|| otherwise.to_owned(), |id| self.key(id))
    }

    /// By whom and which way: `Ana Ruiz (ana), at the reader`.
    #[must_use]
    pub fn origin(&self, by: &Origin) -> String {
        let who = match &by.actor {
            Actor::Account { uid, name } => format!("account {name} (uid {uid})"),
            Actor::Cabinet | Actor::User(_) => self.actor(by),
        };
        match by.channel {
            Channel::Cabinet => who,
            Channel::Reader => format!("{who}, at the reader"),
            Channel::Control => format!("{who}, on the control socket"),
        }
    }

    /// Who, without where.
    #[must_use]
    pub fn actor(&self, by: &Origin) -> String {
        match &by.actor {
            Actor::Cabinet => "the cabinet".to_owned(),
            Actor::User(user) => self.user(user),
            Actor::Account { name, .. } => format!("account {name}"),
        }
    }

    /// An alarm in words, without "alarm".
    #[must_use]
    pub fn alarm(&self, alarm: &Alarm) -> String {
        match alarm {
            Alarm::OpenWithoutSession { door } => {
                format!("door {door} was opened without a session: forced, or with the cabinet key")
            }
            Alarm::DoorLeftOpen { door, level } => format!("door {door} was left open (level {level})"),
            Alarm::WrongKey { slot, key, session: _ } => {
                format!(
                    "{} was taken from slot {slot} though not asked for or not allowed",
                    self.key_or(key.as_ref(), "a key")
                )
            }
            Alarm::UnexpectedSlot { slot, key } => {
                format!(
                    "{} hangs in slot {slot}, where it does not belong",
                    self.key_or(key.as_ref(), "an unknown key")
                )
            }
            Alarm::UnknownReturn { slot } => format!("an unknown key hangs in slot {slot}"),
            Alarm::DarkDifference { slot } => format!("slot {slot} changed while nobody saw it"),
            Alarm::ChangedBehindDoor { slot } => format!("slot {slot} changed behind its closed door"),
            Alarm::InterruptDead { chip } => {
                format!("lines of {chip} change without an interrupt, so they are polled")
            }
            Alarm::LinesLost => "no sensor can be read".to_owned(),
            Alarm::SensorFault { input } => format!("{} is faulty", input_words(*input)),
            Alarm::LockFault { door } => format!("the lock of door {door} does not answer"),
            Alarm::Tampered => "the housing was opened".to_owned(),
            Alarm::LockboxOpened => "the lockbox of the cabinet key was opened".to_owned(),
            Alarm::Overdue { key } => format!("{} is overdue", self.key(key)),
            Alarm::OutAtClosing { keys } => format!("still out at closing time: {}", self.keys(keys)),
            Alarm::LoneEmergency { session, user } => format!(
                "{} took a two-person key alone in an emergency (session {session}); it needs a countersignature",
                self.user(user)
            ),
            Alarm::Duress { session: Some(session), user } => {
                format!("{} acted under duress (session {session})", self.user(user))
            }
            Alarm::Duress { session: None, user } => {
                format!("{} acted under duress and was refused: nothing was opened", self.user(user))
            }
            Alarm::InactiveUser { user } => format!("{} has not been here for a long time", self.user(user)),
            Alarm::NoRoom => "the disk is full: nothing is opened".to_owned(),
            Alarm::UpsUnreachable => "the UPS does not answer".to_owned(),
            Alarm::SleepFailed { method } => format!("sleep by {} was ordered and did not come", method.word()),
            Alarm::ReplaceBattery => "the UPS's battery is to be replaced".to_owned(),
            Alarm::CabinetKeyDue => "the battery nears its end: the cabinet key is to be got ready".to_owned(),
            Alarm::CabinetKeyOnly => {
                "only the cabinet key opens: the battery ends, or the machine is shut down".to_owned()
            }
            Alarm::RecordsMissing { after, known } => missing_words(*after, *known),
            Alarm::UpstreamLostData { held, has } => {
                format!("upstream had everything up to record {held} and now ends at {has}")
            }
            // How many it holds is no number of this ledger's.
            Alarm::UpstreamAhead { seq: _ } => {
                "upstream holds records that are not in this ledger: an older card or backup was put in".to_owned()
            }
            Alarm::CabinetCloned { seq: _ } => {
                "another machine sends records to upstream under this cabinet's name".to_owned()
            }
            Alarm::RecordParked { record } => format!("upstream refuses what is in record {record}"),
            Alarm::UpstreamBlocked { record } => {
                format!(
                    "upstream does not take record {record}, not even without its content; nothing behind it is sent"
                )
            }
            Alarm::RosterRefused { fault } => format!("the roster that upstream has counts for nothing: {fault}"),
            Alarm::RosterOverdue { version } => format!("signed roster {version} is past its age"),
            Alarm::RosterWaits { version, key } => {
                format!(
                    "signed roster {version} is not in force yet: it waits until {} is back, or marked as lost",
                    self.key(key)
                )
            }
            Alarm::PrivilegesRose { version, rises } => {
                format!("signed roster {version} {}", self.rises(rises))
            }
            Alarm::UpstreamSilent => "upstream has not answered for hours".to_owned(),
        }
    }
}

impl LastHeld {
    /// Who had a key last, by the name they are called.
    pub(in crate::cabinet) fn words(&self, name: &str) -> String {
        if self.let_in { format!("{name} had been let in for it") } else { format!("{name} had it last") }
    }
}
