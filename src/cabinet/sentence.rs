//! Facts as plain sentences, for people at a terminal, on a phone, in an inspector's list.
//!
//! The ledger keeps figures and names of things; what is read is rendered here, with the roster's labels where there are any. No
//! sentence holds a secret, since no fact does. Times are the caller's: a sentence says lengths, never dates.

use super::event::{KeyStep, StopReason};
use super::fact::{Adopted, Alarm, Cleared, Dark, Fact, LastHeld, SensorFault, SessionEnd};
use super::power::sentence as power_sentence;
use super::power::{Supply, UpsFigures, UpsSilence};
use super::roster::Roster;
use super::types::{Actor, Channel, Evidence, Input, KeyId, Origin, Reason, SessionId, SlotNo, UserId};
use std::fmt::{self, Display, Formatter};

/// What keys and people are called: by the roster's labels, or by their ids where it knows none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Names<'a>(pub Option<&'a Roster>);

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

    fn keys(self, ids: &[KeyId]) -> String {
        list(ids.iter().map(|id| self.key(id)))
    }

    fn key_or(self, id: Option<&KeyId>, otherwise: &str) -> String {
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

fn missing_words(after: u64, known: u64) -> String {
    if after < known {
        format!("the ledger had lost the records {} to {known}", after + 1)
    } else {
        format!("record {known} of the ledger was not the one that had been written")
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

/// A length of time in two units at most: `820 ms`, `42 s`, `3 min 20 s`, `5 h 2 min`, `3 d 4 h`.
#[must_use]
pub fn duration(ms: u64) -> String {
    let (s, min, h) = (ms / 1000, ms / 60_000, ms / 3_600_000);
    let two = |large: u64, unit: &str, small: u64, sub: &str| match small {
        0 => format!("{large} {unit}"),
        _ => format!("{large} {unit} {small} {sub}"),
    };
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{s} s"),
        60_000..3_600_000 => two(min, "min", s % 60, "s"),
        3_600_000..86_400_000 => two(h, "h", min % 60, "min"),
        _ => two(h / 24, "d", h % 24, "h"),
    }
}

/// The dark interval in words. It is counted from the last sign of life: one that did not say that it stops lived on for some seconds.
fn dark_words(dark: &Dark, clock_trusted: bool) -> String {
    let why = match (dark.announced, dark.boot == dark.from.boot, dark.asleep) {
        (_, false, Some(method)) => format!("it had been sent to sleep ({})", method.word()),
        (true, true, _) => "it had been stopped".to_owned(),
        (true, false, None) => "the machine had been shut down".to_owned(),
        (false, true, _) => "it had ended without notice".to_owned(),
        (false, false, None) => "the machine had gone down without notice".to_owned(),
    };
    let exact = dark.boot == dark.from.boot || (clock_trusted && dark.from.clock.is_trusted());
    let bound = match (exact, dark.announced) {
        (true, true) => "",
        (true, false) => "at most ",
        (false, _) => "at least ",
    };
    format!("Nobody saw the cabinet for {bound}{} before: {why}.", duration(dark.lasted_ms))
}

fn adopted(f: &mut Formatter<'_>, slots: &[Adopted], names: Names<'_>) -> fmt::Result {
    let occupied = slots.iter().filter(|slot| slot.present).count();
    write!(f, "{} seen for the first time, {occupied} occupied.", count(slots.len() as u32, "slot"))?;
    let unknown = slots.iter().filter(|slot| slot.present && slot.key.is_none()).map(|slot| slot.slot.to_string());
    let unknown = list(unknown);
    if !unknown.is_empty() {
        write!(f, " Unknown keys in slot {unknown}.")?;
    }
    for Adopted { slot, present, key } in slots {
        if let (true, Some(key)) = (present, key) {
            write!(f, " [{} in {slot}]", names.key(key))?;
        }
    }
    Ok(())
}

fn why(reason: Reason, reference: Option<&str>, purpose: Option<&str>) -> String {
    let mut text = match reason {
        Reason::WorkOrder => " for a work order".to_owned(),
        Reason::Emergency => " in an emergency".to_owned(),
        Reason::UnitAccess => " for unit access".to_owned(),
        Reason::Showing => " for a showing".to_owned(),
        Reason::DayToDay => " for day-to-day work".to_owned(),
        Reason::Unstated => " without a stated reason".to_owned(),
    };
    if let Some(reference) = reference {
        text = format!("{text} ({reference})");
    }
    if let Some(purpose) = purpose {
        text = format!("{text}, for {purpose}");
    }
    text
}

fn tail(f: &mut Formatter<'_>, evidence: Option<Evidence>, session: Option<SessionId>) -> fmt::Result {
    let evidence = evidence.map(|evidence| match evidence {
        Evidence::Tag => "tag scanned".to_owned(),
        Evidence::HomeSlot => "by its home slot".to_owned(),
        Evidence::Declared => "declared".to_owned(),
    });
    let session = session.map(|session| format!("session {session}"));
    let details: Vec<String> = evidence.into_iter().chain(session).collect();
    if details.is_empty() { Ok(()) } else { write!(f, " ({})", details.join(", ")) }
}

fn input_words(input: Input) -> String {
    match input {
        Input::Slot(SlotNo(slot)) => format!("the sensor of slot {slot}"),
        Input::Door(door) => format!("the contact of door {door}"),
        Input::Tamper => "the tamper contact".to_owned(),
        Input::Lockbox => "the contact of the cabinet key's lockbox".to_owned(),
    }
}

const fn fault_words(fault: SensorFault) -> &'static str {
    match fault {
        SensorFault::Unreadable => "it cannot be read",
        SensorFault::Chatter => "it changes faster than any hand",
        SensorFault::Contradicted => "it says the opposite of what a tag scan proved",
    }
}

const fn end_words(end: SessionEnd) -> &'static str {
    match end {
        SessionEnd::Completed => "was closed",
        SessionEnd::NeverOpened => "ended, the door was never opened,",
        SessionEnd::TimedOut => "timed out",
        SessionEnd::Cancelled => "was cancelled",
        SessionEnd::LockFault => "ended, the lock did not answer,",
        SessionEnd::Unknown => "was cut off in the middle, what happened in it is not known,",
        SessionEnd::Interrupted => "was interrupted",
    }
}

const fn step_words(step: KeyStep) -> &'static str {
    match step {
        KeyStep::Lost => "is lost",
        KeyStep::Found => "was found",
        KeyStep::Rekeyed => "was re-keyed: earlier copies open nothing any more",
        KeyStep::Retired => "was retired",
        KeyStep::EnteredByMistake => "was entered by mistake: its last entry does not count",
    }
}

const fn cleared_words(why: Cleared) -> &'static str {
    match why {
        Cleared::Resolved => "its cause is gone",
        Cleared::Acknowledged => "it was acknowledged",
        Cleared::Countersigned => "it was countersigned",
        Cleared::Escalated => "a higher level took its place",
    }
}

const fn supply_words(supply: Supply) -> &'static str {
    match supply {
        Supply::Unknown => "unknown",
        Supply::OnLine => "on line",
        Supply::OnBattery => "on battery",
        Supply::LowBattery => "on battery, and it is low",
        Supply::Unreachable(silence) => match silence {
            UpsSilence::Refused => "the UPS is not reachable (nobody answers at its address)",
            UpsSilence::TimedOut => "the UPS is not reachable (no answer in time)",
            UpsSilence::Garbled => "the UPS is not reachable (the answer made no sense)",
            UpsSilence::UnknownUps => "the UPS is not reachable (upsd knows none of that name)",
            UpsSilence::Stale => "the UPS is not reachable (stale data)",
            UpsSilence::DriverGone => "the UPS is not reachable (its driver is gone)",
            UpsSilence::Waiting => "the UPS is not reachable (no status yet)",
        },
    }
}

fn figures_words(figures: UpsFigures) -> String {
    let UpsFigures { charge_pct, runtime_s, load_pct, real_power_mw, battery_mv } = figures;
    let parts: Vec<String> = [
        charge_pct.map(|pct| format!("charge {pct} %")),
        runtime_s.map(|s| format!("runtime {}", duration(u64::from(s) * 1000))),
        load_pct.map(|pct| format!("load {pct} %")),
        real_power_mw.map(|mw| format!("{}.{} W", mw / 1000, mw % 1000 / 100)),
        battery_mv.map(|mv| format!("battery {}.{} V", mv / 1000, mv % 1000 / 100)),
    ]
    .into_iter()
    .flatten()
    .collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

fn count(number: u32, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cabinet::roster::{Key, User};
    use crate::cabinet::types::{BootId, ClockQuality, Mono, Role, Stamp, Wall};

    fn roster() -> Roster {
        let user = User {
            id: "ana".into(),
            name: "Ana Ruiz".into(),
            role: Role::Staff,
            badge: None,
            login: None,
            groups: std::collections::BTreeSet::new(),
            valid_from: None,
            valid_until: None,
            schedule: vec![],
            lone_emergency: false,
            revoked: false,
            pin: None,
        };
        let key = Key {
            id: "204".into(),
            label: "Unit 204".into(),
            building: "A".into(),
            unit: "204".into(),
            groups: std::collections::BTreeSet::new(),
            home: SlotNo(7),
            tag: None,
            second_person: false,
        };
        let mut roster = Roster::default();
        roster.users.insert(user.id.clone(), user);
        roster.keys.insert(key.id.clone(), key);
        roster
    }

    #[test]
    fn a_pull_reads_like_a_sentence() {
        let fact = Fact::Taken {
            slot: SlotNo(7),
            key: Some("204".into()),
            evidence: Some(Evidence::HomeSlot),
            session: Some(SessionId(12)),
            holder: Some("ana".into()),
            reason: Reason::WorkOrder,
            reference: Some("8841".into()),
            purpose: Some("the plumber".into()),
            entitled: true,
        };
        let roster = roster();
        assert_eq!(
            Sentence { fact: &fact, names: Names(Some(&roster)), clock_trusted: true }.to_string(),
            "Unit 204 was taken from slot 7 by Ana Ruiz (ana) for a work order (8841), for the plumber (by its home slot, session 12)."
        );
        assert_eq!(
            fact.to_string(),
            "key 204 was taken from slot 7 by ana for a work order (8841), for the plumber (by its home slot, session 12)."
        );
    }

    #[test]
    fn an_unknown_return_says_what_it_may_be() {
        let fact = Fact::Returned {
            slot: SlotNo(9),
            key: None,
            evidence: None,
            session: None,
            by: None,
            candidates: vec!["204".into(), "205".into()],
        };
        let roster = roster();
        assert_eq!(
            Sentence { fact: &fact, names: Names(Some(&roster)), clock_trusted: true }.to_string(),
            "An unknown key was returned to slot 9; it may be Unit 204, key 205."
        );
    }

    #[test]
    fn what_upstream_counts_is_no_number_of_this_ledger() {
        for alarm in [Alarm::UpstreamAhead { seq: 987_654 }, Alarm::CabinetCloned { seq: 987_654 }] {
            let words = Names(None).alarm(&alarm);
            assert!(!words.contains(|letter: char| letter.is_ascii_digit()), "{words}");
        }
    }

    #[test]
    fn a_dark_interval_nobody_announced_is_at_most_as_long_as_since_the_last_sign_of_life() {
        let from = Stamp { mono: Mono(1), wall: Wall(1), clock: ClockQuality::Unknown, boot: BootId(1) };
        let dark = |announced, boot| Dark { from, boot: BootId(boot), announced, asleep: None, lasted_ms: 22_000 };
        for (dark, words) in [
            (dark(true, 1), "for 22 s before: it had been stopped"),
            (dark(false, 1), "for at most 22 s before: it had ended without notice"),
            (dark(true, 2), "for at least 22 s before: the machine had been shut down"),
            (dark(false, 2), "for at least 22 s before: the machine had gone down without notice"),
        ] {
            let text = Fact::Started { version: "1".into(), dark: Some(dark) }.to_string();
            assert!(text.contains(words), "{text}");
        }
    }

    #[test]
    fn lengths_of_time_have_two_units_at_most() {
        for (ms, words) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (59_999, "59 s"),
            (60_000, "1 min"),
            (200_000, "3 min 20 s"),
            (18_120_000, "5 h 2 min"),
            (273_600_000, "3 d 4 h"),
        ] {
            assert_eq!(duration(ms), words);
        }
    }
}
