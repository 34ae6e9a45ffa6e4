//! Records, alarms and custody in the words that the stories use.
#![allow(dead_code, reason = "each test uses its part of the words")]

use cabinetd::cabinet::books::{Custody, OpenAlarm};
use cabinetd::cabinet::event::StopReason;
use cabinetd::cabinet::fact::{Alarm, Fact, LastHeld, Record, SessionEnd};
use cabinetd::cabinet::outcome::Denial;
use cabinetd::cabinet::power::Supply;
use cabinetd::cabinet::power::policy::{Mode, Then};
use cabinetd::cabinet::types::{Actor, Evidence, KeyId, UserId};
use serde::Serialize;
use serde_json::Value;

/// A value in plain words: its tag first, then its fields; what is absent is not said, sessions neither.
fn plain(value: &impl Serialize, tag: &str) -> String {
    fn text(value: &Value) -> String {
        match value {
            Value::String(text) => text.clone(),
            Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(" "),
            Value::Object(fields) => {
                let fields: Vec<String> =
                    fields.iter().map(|(name, value)| format!("{name} {}", text(value))).collect();
                fields.join(" ")
            }
            other => other.to_string(),
        }
    }
    let value = serde_json::to_value(value).expect("our values serialise");
    let Value::Object(fields) = &value else { return text(&value) };
    let mut words = vec![text(&fields[tag])];
    for (name, value) in fields.iter().filter(|(name, value)| *name != tag && *name != "session" && !value.is_null()) {
        words.push(if value.is_object() { text(value) } else { format!("{name} {}", text(value)) });
    }
    words.join(" ")
}

/// `wrong-key slot 5 key 205`.
pub fn alarm_words(alarm: &Alarm) -> String {
    let mut words = plain(alarm, "alarm").split(' ').map(str::to_owned).collect::<Vec<_>>();
    words.dedup_by(|a, b| a == b && a == "input");
    words.retain(|word| word != "input");
    words.join(" ")
}

/// `wrong-pin`, `key-not-allowed key 213`.
pub fn denial_words(denial: &Denial) -> String {
    plain(denial, "why")
}

pub fn open_alarms<'a>(alarms: impl Iterator<Item = &'a OpenAlarm>) -> Vec<String> {
    alarms
        .map(|open| format!("{}{}", alarm_words(&open.alarm), if open.acknowledged.is_some() { " (seen)" } else { "" }))
        .collect()
}

const fn evidence_word(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Tag => "tag",
        Evidence::HomeSlot => "home-slot",
        Evidence::Declared => "declared",
    }
}

/// Where a key is: `in slot 4 (home-slot)`, `out with ana for work-order`.
pub fn custody_words(custody: Option<&Custody>) -> String {
    match custody {
        None => "never seen".into(),
        Some(Custody::In { slot, evidence }) => format!("in slot {slot} ({})", evidence_word(*evidence)),
        Some(Custody::Out(holding)) => format!("out with {} for {}", holding.holder, holding.reason.word()),
        Some(custody @ Custody::Unaccounted { .. }) => format!("unaccounted{}", last_words(custody)),
        Some(custody @ Custody::Lost { .. }) => format!("lost{}", last_words(custody)),
        Some(Custody::Retired { .. }) => "retired".into(),
    }
}

fn last_words(custody: &Custody) -> String {
    let last = |last: LastHeld| format!(", {} {}", last.user, if last.let_in { "had been let in" } else { "had it" });
    custody.last().map_or_else(String::new, last)
}

fn names(ids: &[KeyId]) -> String {
    ids.iter().map(KeyId::as_str).collect::<Vec<_>>().join(" ")
}

fn key_word(key: Option<&KeyId>) -> &str {
    key.map_or("an unknown key", KeyId::as_str)
}

fn person(user: Option<&UserId>) -> &str {
    user.map_or("nobody", UserId::as_str)
}

pub const fn end_word(how: SessionEnd) -> &'static str {
    match how {
        SessionEnd::Completed => "completed",
        SessionEnd::NeverOpened => "never opened",
        SessionEnd::TimedOut => "timed out",
        SessionEnd::Cancelled => "cancelled",
        SessionEnd::LockFault => "lock fault",
        SessionEnd::Unknown => "unknown",
        SessionEnd::Interrupted => "interrupted",
    }
}

fn supply_word(supply: Supply) -> &'static str {
    match supply {
        Supply::Unknown => "unknown",
        Supply::OnLine => "on line",
        Supply::OnBattery => "on battery",
        Supply::LowBattery => "low battery",
        Supply::Unreachable(_) => "unreachable",
    }
}

/// Who made a record.
pub fn by_words(record: &Record) -> String {
    match &record.by.actor {
        Actor::Cabinet => "cabinet".into(),
        Actor::User(user) => user.to_string(),
        Actor::Account { name, .. } => format!("account {name}"),
    }
}

/// A record as a sentence.
pub fn say(record: &Record) -> String {
    let flag = |set: bool, words: &'static str| if set { words } else { "" };
    match &record.fact {
        Fact::Started { dark, .. } => match dark {
            None => "started for the first time".into(),
            Some(dark) if dark.announced => format!("started after a stop, dark for {} s", dark.lasted_ms / 1_000),
            Some(dark) => format!("started after a crash, dark for {} s", dark.lasted_ms / 1_000),
        },
        Fact::Stopped { why: StopReason::Service } => "stopped".into(),
        Fact::Stopped { why: StopReason::SystemShutdown } => "stopped with the system".into(),
        Fact::SlotsAdopted { slots } => format!("adopted {} slots", slots.len()),
        Fact::DarkCompared { differences } => format!("compared across the dark: {differences} differences"),
        Fact::FoundChanged { slot, present, key, .. } => {
            format!("found slot {slot} {}, {}", if *present { "occupied" } else { "empty" }, key_word(key.as_ref()))
        }
        Fact::ClockCorrected { by_ms } => format!("clock corrected by {} s", by_ms / 1_000),
        Fact::ConfigLoaded { hash, .. } => format!("config {hash} in force"),
        Fact::LinesLost => "all lines lost".into(),
        Fact::LinesBack => "lines back".into(),
        Fact::RecordsMissing { after, known } => format!("records after {after} are missing, {known} was known"),
        Fact::RosterChanged { source, version, difference, .. } => {
            let lines: Vec<String> = difference.iter().map(ToString::to_string).collect();
            format!("roster version {version} from {source}: {}", lines.join("; "))
        }
        Fact::PinSet { user, enrolled: false } => format!("PIN of {user} set"),
        Fact::PinSet { user, enrolled: true } => format!("{user} chose a PIN"),
        Fact::EnrolmentOffered { user, for_minutes } => format!("{user} may choose a PIN for {for_minutes} min"),
        Fact::Vouched { user, by, for_minutes } => format!("{by} vouches for {user} for {for_minutes} min"),
        Fact::Denied { user, denial, count, charged } => {
            let times = if *count > 1 { format!(" ×{count}") } else { String::new() };
            format!(
                "{} refused: {}{times}{}",
                person(user.as_ref()),
                denial_words(denial),
                flag(charged.is_some(), " (charged)")
            )
        }
        Fact::OpeningOrdered { user, why, .. } => format!("opening ordered for {user}: {why}"),
        Fact::SessionStarted { user, vouched, clock_unverified, on_word } => format!(
            "{user} came{}{}{}",
            flag(*vouched, " with a vouched code"),
            flag(*clock_unverified, ", clock unverified"),
            flag(*on_word, " on an admin's word")
        ),
        Fact::SessionJoined { user, .. } => format!("{user} joined"),
        Fact::SessionAuthorised { pull, give_back, reason, reference, purpose, doors, alone, .. } => {
            let mut words = vec!["authorised".to_owned()];
            if !pull.is_empty() {
                words.push(format!("to take {}", names(pull)));
            }
            if !give_back.is_empty() {
                words.push(format!("to return {}", names(give_back)));
            }
            words.push(format!("for {}", reason.word()));
            words.extend([reference, purpose].into_iter().flatten().cloned());
            words.push("at door".into());
            words.extend(doors.iter().map(ToString::to_string));
            format!("{}{}", words.join(" "), flag(*alone, ", alone"))
        }
        Fact::SessionClosed { how, taken, returned, .. } => {
            format!("session closed: {}, {taken} taken, {returned} returned", end_word(*how))
        }
        Fact::DoorOpened { door, session } => {
            format!("door {door} opened{}", flag(session.is_none(), " by nobody known"))
        }
        Fact::DoorClosed { door, .. } => format!("door {door} closed"),
        Fact::Taken { slot, key, holder, entitled, .. } => format!(
            "{} took {} from slot {slot}{}",
            person(holder.as_ref()),
            key_word(key.as_ref()),
            flag(!*entitled, ", not entitled")
        ),
        Fact::Returned { slot, key, evidence, by, candidates, .. } => {
            let how = evidence.map_or_else(
                || format!("one of: {}", if candidates.is_empty() { "?".into() } else { names(candidates) }),
                |evidence| evidence_word(evidence).to_owned(),
            );
            format!("{} hung {} in slot {slot} ({how})", person(by.as_ref()), key_word(key.as_ref()))
        }
        Fact::SlotIdentified { slot, key, evidence, .. } => {
            format!("slot {slot} holds {key} ({})", evidence_word(*evidence))
        }
        Fact::TagContradicted { slot, key, holder, .. } => {
            format!("{} has {key} in hand, so slot {slot} does not hold it", person(holder.as_ref()))
        }
        Fact::SensorFault { input, fault } => format!("sensor fault: {input:?} {fault:?}"),
        Fact::SensorRecovered { input, present } => {
            format!("sensor back: {input:?} {}", if *present { "active" } else { "inactive" })
        }
        Fact::LockboxOpened => "lockbox opened".into(),
        Fact::LockboxClosed => "lockbox closed".into(),
        Fact::LockFault { door, .. } => format!("lock of door {door} failed"),
        Fact::KeyStepped { key, step, .. } => format!("key {key}: {step:?}"),
        Fact::AlarmRaised { alarm, .. } => format!("ALARM {}", alarm_words(alarm)),
        Fact::AlarmAcknowledged { alarm } => format!("alarm {alarm} seen by {}", by_words(record)),
        Fact::AlarmCleared { why, .. } => format!("alarm cleared: {}", format!("{why:?}").to_lowercase()),
        Fact::SupplyChanged { from, to, .. } => format!("supply: {} → {}", supply_word(*from), supply_word(*to)),
        Fact::PowerSwitched { to, why, .. } => format!("power: {} ({})", mode_word(*to), kebab(&format!("{why:?}"))),
        Fact::OutageEnded { least_ms, flaps, sessions, sleeps, drill, .. } => format!(
            "{}outage over: {} min, {flaps} flaps, {sessions} visits, {sleeps} sleeps",
            flag(*drill, "drill "),
            least_ms / 60_000
        ),
        Fact::OutageTold { told, upstream: false } => format!("told: {told:?}"),
        Fact::OutageTold { told, upstream: true } => format!("hinted: {told:?}"),
        Fact::PowerTold { order } => format!("ordered: {order:?}"),
        Fact::EnergyBooked { asleep, .. } => format!("energy booked{}", flag(asleep.is_some(), ", asleep")),
        Fact::BatteryReplaced { what, .. } => format!("replaced: {what:?}"),
        Fact::BatteryMeasured { by_drill, .. } => format!("battery measured{}", flag(*by_drill, " by drill")),
        Fact::LoadLearned { .. } => "load learned".to_owned(),
        Fact::SelfTestBegan => "battery test began".to_owned(),
        Fact::SelfTestEnded { verdict } => format!("battery test: {verdict:?}"),
        Fact::DrillStarted { deep } => format!("drill{}", flag(*deep, ", deep")),
        Fact::DrillSaw { what, .. } => format!("drill saw {what:?}"),
        Fact::DrillProving { method } => format!("drill: sleep by {}", method.word()),
        Fact::MethodProved { method, by_stopwatch: true, .. } => format!("timed: {}", method.word()),
        Fact::MethodDisproved { method } => format!("disproved: {}", method.word()),
        Fact::MethodProved { method, .. } => format!("proved: {}", method.word()),
        Fact::DrillEnded { how, .. } => format!("drill over: {how:?}"),
        Fact::DrillOutlasted { .. } => "the outage outlasted its drill".to_owned(),
    }
}

fn mode_word(mode: Mode) -> String {
    match mode {
        Mode::FallingAsleep { method, then: Then::Asleep } => format!("FallingAsleep by {}", method.word()),
        Mode::FallingAsleep { method, then: Then::Manual } => {
            format!("FallingAsleep by {}, then Manual", method.word())
        }
        Mode::Asleep { method } => format!("Asleep in {}", method.word()),
        Mode::Manual { method: Some(method) } => format!("Manual by {}", method.word()),
        Mode::Restoring { remembered } => format!("Restoring, remembering {remembered:?}"),
        other => other.kind().word().to_owned(),
    }
}

fn kebab(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.extend(letter.to_lowercase());
    }
    out
}
