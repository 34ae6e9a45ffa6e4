//! Lengths, states and reasons in words: what sentences are put together from.

use super::super::event::KeyStep;
use super::super::fact::{Adopted, Cleared, Dark, SensorFault, SessionEnd};
use super::super::power::{Supply, UpsFigures, UpsSilence};
use super::super::types::{Evidence, Input, Reason, SessionId, SlotNo};
use super::Names;
use std::fmt::{self, Formatter};

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

pub(super) fn missing_words(after: u64, known: u64) -> String {
    if after < known {
        format!("the ledger had lost the records {} to {known}", after + 1)
    } else {
        format!("record {known} of the ledger was not the one that had been written")
    }
}

/// The dark interval in words. It is counted from the last sign of life: one that did not say that it stops lived on for some seconds.
pub(super) fn dark_words(dark: &Dark, clock_trusted: bool) -> String {
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

pub(super) fn adopted(f: &mut Formatter<'_>, slots: &[Adopted], names: Names<'_>) -> fmt::Result {
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

pub(super) fn why(reason: Reason, reference: Option<&str>, purpose: Option<&str>) -> String {
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

pub(super) fn tail(f: &mut Formatter<'_>, evidence: Option<Evidence>, session: Option<SessionId>) -> fmt::Result {
    let evidence = evidence.map(|evidence| match evidence {
        Evidence::Tag => "tag scanned".to_owned(),
        Evidence::HomeSlot => "by its home slot".to_owned(),
        Evidence::Declared => "declared".to_owned(),
    });
    let session = session.map(|session| format!("session {session}"));
    let details: Vec<String> = evidence.into_iter().chain(session).collect();
    if details.is_empty() { Ok(()) } else { write!(f, " ({})", details.join(", ")) }
}

pub(super) fn input_words(input: Input) -> String {
    match input {
        Input::Slot(SlotNo(slot)) => format!("the sensor of slot {slot}"),
        Input::Door(door) => format!("the contact of door {door}"),
        Input::Tamper => "the tamper contact".to_owned(),
        Input::Lockbox => "the contact of the cabinet key's lockbox".to_owned(),
    }
}

pub(super) const fn fault_words(fault: SensorFault) -> &'static str {
    match fault {
        SensorFault::Unreadable => "it cannot be read",
        SensorFault::Chatter => "it changes faster than any hand",
        SensorFault::Contradicted => "it says the opposite of what a tag scan proved",
    }
}

pub(super) const fn end_words(end: SessionEnd) -> &'static str {
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

pub(super) const fn step_words(step: KeyStep) -> &'static str {
    match step {
        KeyStep::Lost => "is lost",
        KeyStep::Found => "was found",
        KeyStep::Rekeyed => "was re-keyed: earlier copies open nothing any more",
        KeyStep::Retired => "was retired",
        KeyStep::EnteredByMistake => "was entered by mistake: its last entry does not count",
    }
}

pub(super) const fn cleared_words(why: Cleared) -> &'static str {
    match why {
        Cleared::Resolved => "its cause is gone",
        Cleared::Acknowledged => "it was acknowledged",
        Cleared::Countersigned => "it was countersigned",
        Cleared::Escalated => "a higher level took its place",
    }
}

pub(super) const fn supply_words(supply: Supply) -> &'static str {
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

pub(super) fn figures_words(figures: UpsFigures) -> String {
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

pub(super) fn count(number: u32, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

pub(super) fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
