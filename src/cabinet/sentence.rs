//! Facts as plain sentences, for people at a terminal, on a phone, in an inspector's list.
//!
//! The ledger keeps figures and names of things; what is read is rendered here, with the roster's labels where there are any. No
//! sentence holds a secret, since no fact does. Times are the caller's: a sentence says lengths, never dates.

mod names;
mod words;

pub use names::Names;
pub use words::duration;

use super::event::StopReason;
use super::fact::{Fact, SessionEnd};
use super::power::sentence as power_sentence;
use super::types::Input;
use std::fmt::{self, Display, Formatter};
use words::{
    adopted, capital, cleared_words, count, dark_words, end_words, fault_words, figures_words, input_words, list,
    missing_words, step_words, supply_words, tail, why,
};

/// A fact as a sentence, with names.
#[derive(Clone, Copy, Debug)]
pub struct Sentence<'a> {
    pub fact: &'a Fact,
    pub names: Names<'a>,
    /// Whether the record's own clock is trusted: else a length across boots is a lower bound.
    pub clock_trusted: bool,
}

impl Display for Fact {
    /// The sentence with ids instead of names.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Sentence { fact: self, names: Names(None), clock_trusted: false }.fmt(f)
    }
}

impl Display for Sentence<'_> {
    #[expect(clippy::too_many_lines, reason = "one table: fact by fact, its sentence")]
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let names = self.names;
        match self.fact {
            Fact::Started { version, dark: None } => write!(f, "cabinetd {version} started for the first time."),
            Fact::Started { version, dark: Some(dark) } => {
                write!(f, "cabinetd {version} started. {}", dark_words(dark, self.clock_trusted))
            }
            Fact::Stopped { why: StopReason::Service } => f.write_str("cabinetd was stopped."),
            Fact::Stopped { why: StopReason::SystemShutdown } => f.write_str("cabinetd stopped with the system."),
            Fact::SlotsAdopted { slots } => adopted(f, slots, names),
            Fact::DarkCompared { differences: 0 } => f.write_str("The slots are as they were before."),
            Fact::DarkCompared { differences } => {
                write!(f, "The slots were compared with before: {}.", count(*differences, "difference"))
            }
            Fact::FoundChanged { slot, present: true, key, .. } => {
                let maybe = key.as_ref().map(|key| format!(", perhaps {}", names.key(key))).unwrap_or_default();
                write!(f, "Slot {slot} was found occupied{maybe}; nobody saw it change.")
            }
            Fact::FoundChanged { slot, present: false, key, let_in } => {
                let what = names.key_or(key.as_ref(), "what hung there");
                write!(f, "Slot {slot} was found empty, {what} is gone; nobody saw it change")?;
                match let_in {
                    Some(user) => write!(f, ", {} had been let in for it.", names.user(user)),
                    None => f.write_str("."),
                }
            }
            Fact::ClockCorrected { by_ms } => {
                let side = if *by_ms < 0 { "fast" } else { "slow" };
                write!(
                    f,
                    "The clock was set: times recorded earlier in this boot were {} {side}.",
                    duration(by_ms.unsigned_abs())
                )
            }
            Fact::ConfigLoaded { hash, changed, after_restart } => {
                write!(f, "A changed config is in force (SHA-256 {hash}).")?;
                for line in changed {
                    write!(f, " [{line}]")?;
                }
                if !after_restart.is_empty() {
                    f.write_str(" After a restart:")?;
                }
                after_restart.iter().try_for_each(|line| write!(f, " [{line}]"))
            }
            Fact::RecordsMissing { after, known } => {
                write!(f, "When cabinetd started, {}.", missing_words(*after, *known))
            }
            Fact::LinesLost => f.write_str("The sensors cannot be read any more: nobody sees the slots."),
            Fact::LinesBack => f.write_str("The sensors can be read again."),
            Fact::RosterChanged { source, hash, version, replace, difference, signed, rises } => {
                let how = if *replace { "imported" } else { "edited" };
                write!(
                    f,
                    "The roster was {how} from {source} (version {version}): {}.",
                    count(difference.len() as u32, "change")
                )?;
                if let Some(signed) = signed {
                    write!(f, " It is signed, as {}.", signed.version)?;
                }
                for line in difference {
                    write!(f, " [{line}]")?;
                }
                if !rises.is_empty() {
                    write!(f, " It {}.", names.rises(rises))?;
                }
                hash.as_ref().map_or(Ok(()), |hash| write!(f, " SHA-256 {hash}."))
            }
            Fact::PinSet { user, enrolled: false } => write!(f, "{} got a new PIN.", names.user(user)),
            Fact::PinSet { user, enrolled: true } => {
                write!(f, "{} enrolled at the cabinet and chose a PIN.", names.user(user))
            }
            Fact::EnrolmentOffered { user, for_minutes } => write!(
                f,
                "A code was made for {} to enrol with, within {}.",
                names.user(user),
                duration(u64::from(*for_minutes) * 60_000)
            ),
            Fact::Vouched { user, by, for_minutes } => write!(
                f,
                "{} vouched for {}: one entry with a code, within {for_minutes} min.",
                names.user(by),
                names.user(user)
            ),
            Fact::Denied { user, denial, count: times, charged: _ } => {
                let who = user.as_ref().map_or_else(|| "Somebody".to_owned(), |user| names.user(user));
                write!(f, "{who} was refused: {denial}.")?;
                if *times > 1 {
                    write!(f, " {times} times within a minute.")?;
                }
                Ok(())
            }
            Fact::SessionStarted { user, on_word: true, .. } => {
                write!(f, "{} was let in on an admin's word, without a PIN.", names.user(user))
            }
            Fact::SessionStarted { user, vouched, clock_unverified, on_word: false } => {
                let how = if *vouched { " with a vouched code" } else { "" };
                write!(f, "{} identified themselves{how}.", names.user(user))?;
                if *clock_unverified {
                    f.write_str(" Hours and validity could not be checked, the clock is not verified.")?;
                }
                Ok(())
            }
            Fact::OpeningOrdered { user, doors, why } => {
                let (who, doors) = (names.user(user), list(doors.iter().map(ToString::to_string)));
                write!(f, "It was ordered to open door {doors} for {who}, who has to be there within a minute: {why}.")
            }
            Fact::SessionJoined { session, user } => {
                write!(f, "{} joined session {session} as the second person.", names.user(user))
            }
            Fact::SessionAuthorised { session, user, pull, give_back, reason, reference, purpose, doors, alone } => {
                write!(f, "{} may ", names.user(user))?;
                match (pull.is_empty(), give_back.is_empty()) {
                    (false, true) => write!(f, "take {}", names.keys(pull))?,
                    (true, false) => write!(f, "return {}", names.keys(give_back))?,
                    (false, false) => write!(f, "take {} and return {}", names.keys(pull), names.keys(give_back))?,
                    (true, true) => f.write_str("open")?,
                }
                if !pull.is_empty() {
                    write!(f, "{}", why(*reason, reference.as_deref(), purpose.as_deref()))?;
                }
                if *alone {
                    f.write_str(", alone in an emergency")?;
                }
                write!(f, "; door {}, session {session}.", list(doors.iter().map(ToString::to_string)))
            }
            Fact::SessionClosed { session, user, how, duration_ms, taken, returned, energy_mwh } => {
                write!(
                    f,
                    "Session {session} of {} {} after {}",
                    names.user(user),
                    end_words(*how),
                    duration(*duration_ms)
                )?;
                // What was not seen is not counted.
                if *how == SessionEnd::Unknown {
                    f.write_str(".")
                } else {
                    write!(f, ": {taken} taken, {returned} returned")?;
                    energy_mwh.map_or(Ok(()), |mwh| write!(f, "; {} from the battery", power_sentence::wh(mwh)))?;
                    f.write_str(".")
                }
            }
            Fact::DoorOpened { door, session: Some(session) } => {
                write!(f, "Door {door} was opened in session {session}.")
            }
            Fact::DoorOpened { door, session: None } => write!(f, "Door {door} was opened without a session."),
            // Its first reading ever.
            Fact::DoorClosed { door, session: None, open_ms: 0 } => write!(f, "Door {door} was found closed."),
            Fact::DoorClosed { door, session: _, open_ms } => {
                write!(f, "Door {door} was closed after {}.", duration(*open_ms))
            }
            Fact::Taken { slot, key, evidence, session, holder, reason, reference, purpose, entitled } => {
                write!(f, "{} was taken from slot {slot}", names.key_or(key.as_ref(), "An unknown key"))?;
                if let Some(holder) = holder {
                    write!(f, " by {}", names.user(holder))?;
                } else {
                    f.write_str(", nobody knows by whom")?;
                }
                if session.is_some() {
                    f.write_str(&why(*reason, reference.as_deref(), purpose.as_deref()))?;
                }
                tail(f, *evidence, *session)?;
                f.write_str(if *entitled { "." } else { "; it was not asked for or not allowed." })
            }
            Fact::Returned { slot, key, evidence, session, by, candidates } => {
                write!(f, "{} was returned to slot {slot}", names.key_or(key.as_ref(), "An unknown key"))?;
                if let Some(by) = by {
                    write!(f, " by {}", names.user(by))?;
                }
                tail(f, *evidence, *session)?;
                if key.is_none() && !candidates.is_empty() {
                    write!(f, "; it may be {}", names.keys(candidates))?;
                }
                f.write_str(".")
            }
            Fact::SlotIdentified { slot, key, evidence, session } => {
                write!(f, "The key in slot {slot} is {}", names.key(key))?;
                tail(f, Some(*evidence), *session)?;
                f.write_str(".")
            }
            Fact::TagContradicted { slot, key, session, holder } => {
                write!(f, "The tag of {} was scanned", names.key(key))?;
                if let Some(holder) = holder {
                    write!(f, " by {}", names.user(holder))?;
                }
                tail(f, None, *session)?;
                write!(f, ": what hangs in slot {slot} is another key.")
            }
            Fact::SensorFault { input, fault } => {
                write!(f, "{}: {}.", capital(&input_words(*input)), fault_words(*fault))
            }
            Fact::SensorRecovered { input, present } => {
                let state = match (input, present) {
                    (Input::Slot(_), true) => "a key hangs there",
                    (Input::Slot(_), false) => "it is empty",
                    (Input::Door(_), true) => "the door is closed",
                    (Input::Door(_), false) => "the door is open",
                    (Input::Tamper, true) => "the housing is closed",
                    (Input::Tamper, false) => "the housing is open",
                    (Input::Lockbox, true) => "the lockbox is closed",
                    (Input::Lockbox, false) => "the lockbox is open",
                };
                write!(f, "{} works again: {state}.", capital(&input_words(*input)))
            }
            Fact::LockboxOpened => f.write_str("The lockbox of the cabinet key was opened."),
            Fact::LockboxClosed => f.write_str("The lockbox of the cabinet key was closed."),
            Fact::LockFault { door, session } => {
                write!(f, "The lock of door {door} did not answer")?;
                tail(f, None, *session)?;
                f.write_str("; what it did is not known.")
            }
            Fact::KeyStepped { key, step, note, last } => {
                write!(f, "{} {}", names.key(key), step_words(*step))?;
                if let Some(last) = last {
                    write!(f, "; {}", last.words(&names.user(&last.user)))?;
                }
                note.as_ref().map_or(Ok(()), |note| write!(f, ": {note}"))?;
                f.write_str(".")
            }
            Fact::AlarmRaised { alarm, number: None } => write!(f, "Alarm: {}.", names.alarm(alarm)),
            Fact::AlarmRaised { alarm, number: Some(number) } => write!(f, "Alarm {number}: {}.", names.alarm(alarm)),
            Fact::AlarmAcknowledged { alarm } => write!(f, "Alarm {alarm} was acknowledged."),
            Fact::AlarmCleared { alarm, why, name: None } => {
                write!(f, "Alarm {alarm} is over: {}.", cleared_words(*why))
            }
            Fact::AlarmCleared { alarm, why, name: Some(name) } => {
                write!(f, "Alarm {alarm} is over: {} in the name of {}.", cleared_words(*why), names.user(name))
            }
            Fact::SupplyChanged { from, to, figures } => {
                write!(f, "Power: {}, before {}{}.", supply_words(*to), supply_words(*from), figures_words(*figures))
            }
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
            | Fact::DrillOutlasted { .. } => power_sentence::sentence(f, self.fact),
        }
    }
}

#[cfg(test)]
mod tests;
