//! The timeline: which records of an outage are told, in which words.

use super::account::{Account, Moment, Phase};
use crate::cabinet::fact::Fact;
use crate::cabinet::outage::Elapsed;
use crate::cabinet::power::policy::{Mode, Why};
use crate::cabinet::power::sentence::switched;
use crate::cabinet::power::{Supply, state::SwitchFigures};
use crate::cabinet::roster::Roster;
use crate::cli::ledger::lines;
use crate::io::store::{Entry, Filter};

/// The kinds of records that a report is made of: those that are told, and those that count in the outage ([`PowerState`]).
///
/// [`PowerState`]: crate::cabinet::power::state::PowerState
pub const KINDS: [&str; 21] = [
    "started",
    "stopped",
    "found-changed",
    "clock-corrected",
    "session-started",
    "session-closed",
    "alarm-raised",
    "supply-changed",
    "power-switched",
    "outage-ended",
    "outage-told",
    "power-told",
    "energy-booked",
    "battery-replaced",
    "battery-measured",
    "drill-started",
    "drill-saw",
    "drill-proving",
    "method-proved",
    "method-disproved",
    "drill-ended",
];

/// One line of it.
#[derive(Clone, PartialEq, Debug)]
pub struct Line {
    pub seq: u64,
    pub elapsed: Elapsed,
    pub moment: Moment,
    pub what: What,
    pub sentence: String,
}

/// What a line is about.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum What {
    /// A switch: from, to, why, and what the cabinet does from then on; none on mains.
    Switch {
        from: Mode,
        to: Mode,
        why: Why,
        figures: SwitchFigures,
        phase: Option<Phase>,
    },
    Visit,
    Alarm,
    /// What people told or ordered.
    Word,
    Drill,
    /// The UPS fell silent or spoke again.
    Ups,
    /// A start, a stop, what was found after the dark.
    Life,
    Battery,
}

impl What {
    /// For scripts.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Switch { .. } => "switch",
            Self::Visit => "visit",
            Self::Alarm => "alarm",
            Self::Word => "word",
            Self::Drill => "drill",
            Self::Ups => "ups",
            Self::Life => "life",
            Self::Battery => "battery",
        }
    }
}

/// The lines of an outage, record by record. `entries` are those that the account was made of.
#[must_use]
pub fn of(account: &Account, entries: &[Entry], roster: &Roster) -> Vec<Line> {
    let everything = Filter::default();
    let line = |(entry, told): (&Entry, &super::account::Told)| {
        let known = lines::known(entry, &everything)?;
        let what = what(&known.1)?;
        let sentence = lines::words(entry, Some(&known), roster);
        Some(Line { seq: told.seq, elapsed: told.elapsed, moment: told.moment, what, sentence })
    };
    let told = account.events.iter();
    let with_facts = entries.iter().filter(|entry| entry.fact().is_some());
    with_facts.zip(told).filter_map(line).collect()
}

/// For people: falling asleep and being asleep a moment later are one line, which says why.
#[must_use]
pub fn condensed(lines: &[Line]) -> Vec<Line> {
    const MOMENT_MS: u64 = 2_000;
    let mut shown: Vec<Line> = Vec::new();
    for line in lines {
        if let (What::Switch { to, why: Why::Ready, phase, .. }, Some(last)) = (line.what, shown.last_mut())
            && let What::Switch { from, to: Mode::FallingAsleep { .. }, why, figures, .. } = last.what
            && line.elapsed.least_ms.saturating_sub(last.elapsed.least_ms) <= MOMENT_MS
        {
            last.what = What::Switch { from, to, why, figures, phase };
            last.sentence = switched(from, to, why, &figures);
            continue;
        }
        shown.push(line.clone());
    }
    shown
}

/// Whether a switch is a decision that a manager asks about: not each sleep and each wake.
#[must_use]
pub const fn is_decision(why: Why) -> bool {
    match why {
        Why::GraceOverTight
        | Why::LowAtOnce
        | Why::LowAtOnceTight
        | Why::Empty
        | Why::LowAndLast
        | Why::TooLong
        | Why::LongAndUncovered
        | Why::Budget
        | Why::LowThrice
        | Why::Silent
        | Why::ShortAndAmple
        | Why::ToldToSleep
        | Why::MethodFailed
        | Why::ShutDownByOthers
        | Why::SomeoneAtTheLast => true,
        Why::StartedOnLine
        | Why::WokenByClock
        | Why::Deeper
        | Why::ManualNoMore
        | Why::StartedOnBattery
        | Why::MainsLost
        | Why::Flicker
        | Why::GraceOver
        | Why::MainsBack
        | Why::Idle
        | Why::SomeoneInTime
        | Why::Ready
        | Why::SomeoneCame
        | Why::MainsLostAgain
        | Why::MainsForGood => false,
    }
}

fn what(fact: &Fact) -> Option<What> {
    let silent = |supply: &Supply| matches!(supply, Supply::Unreachable(_));
    Some(match fact {
        Fact::PowerSwitched { from, to, why, figures } => {
            What::Switch { from: *from, to: *to, why: *why, figures: *figures, phase: Phase::of(*to) }
        }
        Fact::SessionClosed { .. } => What::Visit,
        Fact::AlarmRaised { .. } => What::Alarm,
        Fact::OutageTold { .. } | Fact::PowerTold { .. } => What::Word,
        Fact::DrillStarted { .. }
        | Fact::DrillSaw { .. }
        | Fact::DrillProving { .. }
        | Fact::MethodProved { .. }
        | Fact::MethodDisproved { .. }
        | Fact::DrillEnded { .. }
        | Fact::DrillOutlasted { .. } => What::Drill,
        Fact::SupplyChanged { from, to, .. } if silent(from) || silent(to) => What::Ups,
        Fact::Started { .. } | Fact::Stopped { .. } | Fact::FoundChanged { .. } => What::Life,
        Fact::BatteryMeasured { .. } | Fact::BatteryReplaced { .. } => What::Battery,
        _ => return None,
    })
}
