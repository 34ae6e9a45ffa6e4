//! Alarms and faults in words, for people at a terminal. Each says what is so and, where it helps, what to do.

use super::super::fact::{Alarm, SensorFault};
use super::super::power::Method;
use super::super::sentence::Names;
use super::super::types::{Input, KeyId};
use super::Eye;

/// The alarm's word in the ledger.
pub(super) const fn kind(alarm: &Alarm) -> &'static str {
    match alarm {
        Alarm::OpenWithoutSession { .. } => "open-without-session",
        Alarm::DoorLeftOpen { .. } => "door-left-open",
        Alarm::WrongKey { .. } => "wrong-key",
        Alarm::UnexpectedSlot { .. } => "unexpected-slot",
        Alarm::UnknownReturn { .. } => "unknown-return",
        Alarm::DarkDifference { .. } => "dark-difference",
        Alarm::ChangedBehindDoor { .. } => "changed-behind-door",
        Alarm::SensorFault { .. } => "sensor-fault",
        Alarm::InterruptDead { .. } => "interrupt-dead",
        Alarm::LinesLost => "lines-lost",
        Alarm::LockFault { .. } => "lock-fault",
        Alarm::Tampered => "tampered",
        Alarm::LockboxOpened => "lockbox-opened",
        Alarm::Overdue { .. } => "overdue",
        Alarm::OutAtClosing { .. } => "out-at-closing",
        Alarm::LoneEmergency { .. } => "lone-emergency",
        Alarm::Duress { .. } => "duress",
        Alarm::InactiveUser { .. } => "inactive-user",
        Alarm::NoRoom => "no-room",
        Alarm::UpsUnreachable => "ups-unreachable",
        Alarm::SleepFailed { .. } => "sleep-failed",
        Alarm::CabinetKeyDue => "cabinet-key-due",
        Alarm::CabinetKeyOnly => "cabinet-key-only",
        Alarm::ReplaceBattery => "replace-battery",
        Alarm::RecordsMissing { .. } => "records-missing",
        Alarm::UpstreamLostData { .. } => "upstream-lost-data",
        Alarm::UpstreamAhead { .. } => "upstream-ahead",
        Alarm::CabinetCloned { .. } => "cabinet-cloned",
        Alarm::RecordParked { .. } => "record-parked",
        Alarm::UpstreamBlocked { .. } => "upstream-blocked",
        Alarm::RosterRefused { .. } => "roster-refused",
        Alarm::RosterOverdue { .. } => "roster-overdue",
        Alarm::RosterWaits { .. } => "roster-waits",
        Alarm::PrivilegesRose { .. } => "privileges-rose",
        Alarm::UpstreamSilent => "upstream-silent",
    }
}

/// 1 = look when there is time, 2 = look today, 3 = look now.
pub(in crate::cabinet) const fn level(alarm: &Alarm) -> u8 {
    match alarm {
        Alarm::DoorLeftOpen { level, .. } => *level,
        Alarm::UnknownReturn { .. }
        | Alarm::Overdue { .. }
        | Alarm::OutAtClosing { .. }
        | Alarm::InactiveUser { .. } => 1,
        Alarm::UnexpectedSlot { .. }
        | Alarm::DarkDifference { .. }
        | Alarm::SensorFault { .. }
        | Alarm::InterruptDead { .. }
        | Alarm::LoneEmergency { .. }
        | Alarm::SleepFailed { .. }
        | Alarm::ReplaceBattery
        | Alarm::CabinetKeyDue
        | Alarm::UpstreamLostData { .. }
        | Alarm::RecordParked { .. }
        | Alarm::UpstreamBlocked { .. }
        | Alarm::RosterRefused { .. }
        | Alarm::RosterOverdue { .. }
        | Alarm::RosterWaits { .. }
        | Alarm::PrivilegesRose { .. }
        | Alarm::UpstreamSilent
        | Alarm::UpsUnreachable => 2,
        Alarm::OpenWithoutSession { .. }
        | Alarm::WrongKey { .. }
        | Alarm::ChangedBehindDoor { .. }
        | Alarm::LinesLost
        | Alarm::LockFault { .. }
        | Alarm::Tampered
        | Alarm::LockboxOpened
        | Alarm::Duress { .. }
        | Alarm::NoRoom
        | Alarm::CabinetKeyOnly
        | Alarm::UpstreamAhead { .. }
        | Alarm::CabinetCloned { .. }
        | Alarm::RecordsMissing { .. } => 3,
    }
}

/// The alarm as a sentence.
pub(super) fn alarm(alarm: &Alarm, eye: &Eye<'_>) -> String {
    let some = |key: &Option<KeyId>| key.as_ref().map_or_else(|| "a key".to_owned(), |id| eye.key(id).label);
    match alarm {
        Alarm::OpenWithoutSession { door } => {
            format!("Door {door} was opened with no session: forced, or with the cabinet key.")
        }
        Alarm::DoorLeftOpen { door, .. } => format!("Door {door} was left open. Close it."),
        Alarm::WrongKey { slot, key, .. } => {
            format!("{} was taken from slot {slot} and was not asked for or not allowed.", sentence_start(&some(key)))
        }
        Alarm::UnexpectedSlot { slot, key } => {
            format!("{} hangs in slot {slot}, where it does not belong.", sentence_start(&some(key)))
        }
        Alarm::UnknownReturn { slot } => {
            format!("Which key hangs in slot {slot}? Scan its tag, or say so with `cabinetd declare`.")
        }
        Alarm::DarkDifference { slot } => format!("Slot {slot} changed while nobody saw it."),
        Alarm::ChangedBehindDoor { slot } => {
            format!("Slot {slot} changed although its door was closed. Look inside.")
        }
        Alarm::LinesLost => {
            "No sensor can be read: nobody sees what is taken. Call the technician (`journalctl -u cabinetd`)."
                .to_owned()
        }
        Alarm::InterruptDead { chip } => format!(
            "Lines of {chip} change without an interrupt, so they are polled ten times a second: nothing is missed, but it costs battery in an \
             outage. Look at the chip's interrupt wire and at gpiopin in config.txt; the alarm ends when an edge comes."
        ),
        Alarm::SensorFault { input } => format!("{} cannot be believed. Call the technician.", line(*input)),
        Alarm::LockFault { door } => {
            format!("The lock of door {door} does not answer. Use the cabinet key and call the technician.")
        }
        Alarm::Tampered => "The housing was opened.".to_owned(),
        Alarm::LockboxOpened => {
            "The lockbox of the cabinet key was opened. Who has the key, and why? Seal and close the box, and acknowledge this; it ends when both are done."
                .to_owned()
        }
        Alarm::Overdue { key } => format!("{} is out for longer than its reason allows.", eye.key(key).label),
        Alarm::OutAtClosing { keys } => {
            let labels: Vec<String> = keys.iter().map(|id| eye.key(id).label).collect();
            format!("Still out at closing time: {}.", labels.join(", "))
        }
        Alarm::LoneEmergency { user, .. } => {
            format!(
                "{} took a two-person key alone in an emergency. It waits for `cabinetd alarm countersign`.",
                eye.who(user).name
            )
        }
        // Filtered out before: a sentence here would be a leak, so it has none.
        Alarm::Duress { .. } => String::new(),
        Alarm::InactiveUser { user } => {
            format!("{} has not been here for a long time. Is the access still needed?", eye.who(user).name)
        }
        Alarm::NoRoom => "The disk is full: nothing can be recorded, so nothing opens. Make room.".to_owned(),
        Alarm::RecordsMissing { .. } => {
            "Records of the ledger are missing. Keep a copy of the state directory, compare with the head in the last mail or export, restore a backup."
                .to_owned()
        }
        Alarm::UpstreamLostData { held, has } => format!(
            "Upstream lost records {} to {held} and is sent them again. Tell whoever runs it.",
            has + 1
        ),
        Alarm::UpstreamAhead { .. } => {
            "Upstream holds records that are not in this ledger: an older card or backup was put in. Nothing is sent until \
             the admin has said how it goes on (docs/upstream.md)."
                .to_owned()
        }
        Alarm::CabinetCloned { .. } => {
            "Another machine sends records under this cabinet's name. Nothing is sent until the admin has put that right \
             (docs/upstream.md)."
                .to_owned()
        }
        Alarm::UpstreamBlocked { record } => format!(
            "Upstream does not take record {record}, not even without its content; nothing behind it is sent. When that is put right \
             there: `cabinetd upstream retry`."
        ),
        Alarm::RecordParked { record } => format!(
            "Upstream refuses what is in record {record}; it was sent without it. When that is put right there: `cabinetd upstream retry`."
        ),
        Alarm::RosterRefused { fault } => format!("Upstream's roster for this cabinet counts for nothing: {fault}."),
        Alarm::RosterOverdue { version } => format!(
            "Signed roster {version} is past its age. Nobody is locked out; have a new one signed, or see why none comes (`cabinetd upstream status`)."
        ),
        Alarm::RosterWaits { version, key } => format!(
            "Signed roster {version} is not in force until {} is back, or marked as lost (`cabinetd key lost`). Whom it dismisses is let in no more \
             meanwhile.",
            eye.key(key).label
        ),
        Alarm::PrivilegesRose { version, rises } => format!(
            "Signed roster {version} {}. Right? Then take note; if not, revoke (`cabinetd user revoke`), or have another signed.",
            Names(Some(&eye.books.roster)).rises(rises)
        ),
        Alarm::UpstreamSilent => {
            "Upstream has not answered for hours: nobody there sees the cabinet. `cabinetd upstream status` says why.".to_owned()
        }
        Alarm::SleepFailed { method } => {
            let latched = match method {
                Method::UpsOff => " upsd still holds the order (FSD): `systemctl restart nut-server` takes it back.",
                Method::Standby | Method::Halt => "",
            };
            format!(
                "Sleep by {} was ordered and did not come; a lighter way was taken.{latched} See `journalctl -u cabinetd`, and drill again.",
                method.word()
            )
        }
        Alarm::ReplaceBattery => {
            "The UPS's battery is to be replaced. Put in a new one, then say `cabinetd power battery-replaced`.".to_owned()
        }
        Alarm::CabinetKeyDue => "The battery nears its end: get the cabinet key ready, and somebody who may use it. `cabinetd outage` shows what is left.".to_owned(),
        Alarm::CabinetKeyOnly => {
            "Only the cabinet key opens now: the battery ends, or the machine is shut down. Fetch it, and write down who takes what.".to_owned()
        }
        Alarm::UpsUnreachable => "The UPS does not answer: whether mains is there is not known.".to_owned(),
    }
}

/// A fault as a sentence.
pub(super) fn fault(input: Input, fault: SensorFault) -> String {
    let what = match fault {
        SensorFault::Unreadable => "cannot be read",
        SensorFault::Chatter => "changes faster than any hand",
        SensorFault::Contradicted => "says the opposite of what a tag scan proved",
    };
    format!("{} {what}.", line(input))
}

fn line(input: Input) -> String {
    match input {
        Input::Slot(slot) => format!("The sensor of slot {slot}"),
        Input::Door(door) => format!("The contact of door {door}"),
        Input::Tamper => "The tamper contact".to_owned(),
        Input::Lockbox => "The contact of the cabinet key's lockbox".to_owned(),
    }
}

fn sentence_start(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
