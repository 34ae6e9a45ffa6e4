//! The power policy: one pure function over one table.
//!
//! ```text
//!            OB            120 s, still OB          the hours, the budget,            idle, or told to
//!   Line ─────────▶ Grace ───────────────▶ Normal ─── LB, silence ────▶ Conserve ─────────────────▶ FallingAsleep
//!    ▲               │ OL for 10 s           ▲                          │ ▲  ▲                          │ │
//!    │◀──────────────┘                       └── short, ample energy ───┘ │  └── badge, button ─────────┘ │ state durable
//!    │                                                                    │                               ▼
//!    │ OL for 180 s (900 s after a flap)        badge, button, door; a start on battery               Asleep, or Manual
//!    └──────────────────── Restoring ◀── OL ── (Normal, Conserve, FallingAsleep, Asleep, Manual)          (empty, FSD)
//!                              └── OB ──▶ Normal or Conserve, as before; the same outage, one flap more
//! ```
//!
//! [`TABLE`] is the policy: rows are tried from the top, the first that applies wins. It stands beside the table of
//! `docs/power.md`, row by row, and a test holds the two together. The daemon and `cabinetd simulate` call the same [`decide`].
//!
//! **Promises.** Nothing here looks at a clock: every age is in the [`Situation`]. Silence of the UPS alone never means Manual; an
//! empty model does. Nobody busy is put to sleep, within the bounds that the situation's `busy` keeps.
//! **Does not** record, command, estimate energy (`energy.rs`) or project the outage (`outage.rs`, `forecast.rs`).

mod mode;
mod rules;
mod situation;
pub mod words;

pub use mode::{Kind, Method, Mode, Remembered, Then};
pub use rules::Rules;
pub use situation::{Mains, Situation, Usable, Woken};

use serde::{Deserialize, Serialize};

/// `LB` is believed with no more charge than this, or less energy: units say it at 95 % too.
const LOW_CHARGE_PCT: u8 = 20;
const LOW_ENERGY_PCT: u64 = 35;

/// A condition of a row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Test {
    /// A start whose first word from the UPS is awaited or just came.
    Woken,
    /// … of the machine.
    WokenByBoot,
    /// … by its clock.
    WokenByAlarm,
    OnLine,
    OnBattery,
    /// Not on line: on battery, or not answering.
    NotOnLine,
    /// On line for as long as ends a flicker.
    FlickerOver,
    /// On line for good.
    Settled,
    ShutDownByOthers,
    NotShutDownByOthers,
    GraceOver,
    /// `LB`, and charge or energy says so too.
    LowCorroborated,
    /// `LB` on three polls.
    LowThrice,
    NotLow,
    /// No data for two minutes.
    Silent,
    /// D above four hours.
    Long,
    /// D above three hours and R80 not covered.
    LongAndUncovered,
    /// D below three hours.
    Short,
    /// The budget asks for it.
    Budget,
    /// Energy for an hour of Normal (and what the budget looks ahead), and more than the need after it.
    Ample,
    NormalFirst,
    ConserveFirst,
    NotBusy,
    Idle,
    ToldToSleep,
    NotToldToStay,
    Someone,
    /// Going to sleep, not to Manual.
    ThenAsleep,
    ThenManual,
    /// Nothing is left to wait for.
    Ready,
    InStandby,
    /// A deeper method than the one in force may be used.
    DeeperUsable,
    InDeepSleep,
    /// No deep method was ordered: whoever comes is not cut off.
    StaysUp,
    /// The method failed, or the machine is still up.
    NotAsleep,
    Empty,
    /// Not enough for one more visit.
    LessThanOneCycle,
    OneCycleLeft,
}

impl Test {
    /// Whether the condition holds.
    #[must_use]
    pub fn holds(self, rules: &Rules, now: &Situation) -> bool {
        let method = match now.mode {
            Mode::FallingAsleep { method, .. } | Mode::Asleep { method } => Some(method),
            Mode::Manual { method } => method,
            _ => None,
        };
        let then = match now.mode {
            Mode::FallingAsleep { then, .. } => Some(then),
            _ => None,
        };
        let outlook = &now.outlook;
        match self {
            Self::Woken => now.woken.is_some(),
            Self::WokenByBoot => now.woken == Some(Woken::Boot),
            Self::WokenByAlarm => now.woken == Some(Woken::Alarm),
            Self::OnLine => matches!(now.mains, Mains::On { .. }),
            Self::OnBattery => now.mains == Mains::Off,
            Self::NotOnLine => !matches!(now.mains, Mains::On { .. }),
            Self::FlickerOver => matches!(now.mains, Mains::On { for_ms } if for_ms >= rules.flicker_ms),
            Self::Settled => {
                let settle_ms = if now.flaps > 0 { rules.settle_flapped_ms } else { rules.settle_ms };
                matches!(now.mains, Mains::On { for_ms } if for_ms >= settle_ms)
            }
            Self::ShutDownByOthers => now.shut_down_by_others,
            Self::NotShutDownByOthers => !now.shut_down_by_others,
            Self::GraceOver => now.in_mode_ms >= rules.grace_ms,
            Self::LowCorroborated => {
                let by_charge = now.charge_pct.is_some_and(|pct| pct <= LOW_CHARGE_PCT);
                let by_energy = now.energy_mwh * 100 < now.full_mwh * LOW_ENERGY_PCT;
                now.low_polls > 0 && (by_charge || by_energy)
            }
            Self::LowThrice => now.low_polls >= rules.low_polls,
            Self::NotLow => now.low_polls == 0,
            Self::Silent => matches!(now.mains, Mains::Silent { for_ms } if for_ms >= rules.silent_ms),
            Self::Long => outlook.total_ms > rules.always_after_ms && !(rules.only_if_needed && outlook.covers_r95),
            Self::LongAndUncovered => outlook.total_ms > rules.uncovered_after_ms && !outlook.covers_r80,
            Self::Short => outlook.total_ms < rules.uncovered_after_ms,
            Self::Budget => {
                let left = now.energy_mwh.saturating_sub(outlook.normal_mwh(outlook.budget_ahead_ms));
                outlook.budget_applies && left < outlook.need_mwh
            }
            Self::Ample => {
                let ahead_ms = rules.return_ahead_ms.max(outlook.budget_ahead_ms);
                let left = now.energy_mwh.saturating_sub(outlook.normal_mwh(ahead_ms));
                left * 100 >= outlook.need_mwh * rules.return_margin_pct
            }
            Self::NormalFirst => now.normal_ms >= rules.normal_first_ms,
            Self::ConserveFirst => now.conserve_ms >= rules.conserve_first_ms,
            Self::NotBusy => !now.busy,
            Self::Idle => now.idle_ms.min(now.in_mode_ms) >= now.idle_limit_ms(rules),
            Self::ToldToSleep => now.told_to_sleep,
            Self::NotToldToStay => !now.told_to_stay,
            Self::Someone => now.someone,
            Self::ThenAsleep => then == Some(Then::Asleep),
            Self::ThenManual => then == Some(Then::Manual),
            Self::Ready => {
                let finish_ms = if now.shut_down_by_others { rules.finish_fsd_ms } else { rules.finish_ms };
                let flushed = now.flushed || now.in_mode_ms >= rules.flush_ms;
                match then {
                    Some(Then::Manual) => !now.in_session && flushed || now.in_mode_ms >= finish_ms,
                    Some(Then::Asleep) => !now.busy && flushed,
                    None => false,
                }
            }
            Self::InStandby => method == Some(Method::Standby),
            Self::DeeperUsable => method.is_some_and(|method| now.usable.deepest() > method),
            Self::InDeepSleep => method.is_some_and(Method::is_deep),
            Self::StaysUp => !method.is_some_and(Method::is_deep),
            Self::NotAsleep => now.method_failed || now.in_mode_ms >= rules.still_up_ms,
            Self::Empty => now.energy_mwh <= rules.clock_reserve_mwh + outlook.shutdown_mwh,
            Self::LessThanOneCycle => now.energy_mwh < outlook.cycle_mwh + rules.clock_reserve_mwh,
            Self::OneCycleLeft => now.energy_mwh >= outlook.cycle_mwh + rules.clock_reserve_mwh + outlook.shutdown_mwh,
        }
    }
}

/// Where a row leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    Line,
    Grace,
    Normal,
    Conserve,
    /// [`Mode::FallingAsleep`] with the deepest usable method.
    FallAsleep(Then),
    /// The same with the next lighter method.
    FallLighter,
    /// [`Mode::Asleep`] or [`Mode::Manual`], as it was meant.
    Sleep,
    Restoring,
    /// What [`Mode::Restoring`] remembered.
    Remembered,
}

/// Why the mode changed: one word per row, kept in the record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    StartedOnLine,
    WokenByClock,
    StartedOnBattery,
    ShutDownByOthers,
    MainsLost,
    Flicker,
    GraceOverTight,
    LowAtOnce,
    LowAtOnceTight,
    GraceOver,
    MainsBack,
    Empty,
    LowAndLast,
    TooLong,
    LongAndUncovered,
    Budget,
    LowThrice,
    Silent,
    ShortAndAmple,
    ToldToSleep,
    Idle,
    SomeoneInTime,
    ManualNoMore,
    Ready,
    MethodFailed,
    SomeoneCame,
    Deeper,
    MainsLostAgain,
    MainsForGood,
    SomeoneAtTheLast,
}

/// One row of the policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row {
    /// The modes it applies in.
    pub from: &'static [Kind],
    /// All of these must hold.
    pub when: &'static [Test],
    pub next: Next,
    pub why: Why,
}

const fn row(from: &'static [Kind], when: &'static [Test], next: Next, why: Why) -> Row {
    Row { from, when, next, why }
}

/// The policy. Rows are tried from the top; the first that applies wins.
pub static TABLE: &[Row] = &[
    // A start that finds an outage open. Until the UPS was heard (or 5 s) nothing else is decided: see `decide`.
    row(OUTAGE, &[Test::Woken, Test::OnLine], Next::Restoring, Why::StartedOnLine),
    row(&[Kind::Manual], &[Test::WokenByAlarm, Test::OnBattery], Next::FallAsleep(Then::Manual), Why::WokenByClock),
    row(NOT_GIVEN_UP, &[Test::WokenByAlarm, Test::OnBattery], Next::FallAsleep(Then::Asleep), Why::WokenByClock),
    // The clock wakes it to look for mains: who has heard nothing does not go back to sleep on that.
    row(OUTAGE, &[Test::WokenByAlarm, Test::NotOnLine], Next::Conserve, Why::StartedOnBattery),
    row(OUTAGE, &[Test::WokenByBoot, Test::NotOnLine], Next::Conserve, Why::StartedOnBattery),
    // Mains goes: an outage opens, whatever else is so.
    row(&[Kind::Line], &[Test::OnBattery], Next::Grace, Why::MainsLost),
    // Somebody else shuts the system down: what can be put in order is.
    row(UP, &[Test::ShutDownByOthers], Next::FallAsleep(Then::Manual), Why::ShutDownByOthers),
    row(FALLING, &[Test::ShutDownByOthers, Test::ThenAsleep], Next::FallAsleep(Then::Manual), Why::ShutDownByOthers),
    // A flicker, or more.
    row(&[Kind::Grace], &[Test::FlickerOver], Next::Line, Why::Flicker),
    row(&[Kind::Grace], &[Test::NotOnLine, Test::LowCorroborated, Test::Budget], Next::Conserve, Why::LowAtOnceTight),
    row(&[Kind::Grace], &[Test::NotOnLine, Test::LowCorroborated], Next::Normal, Why::LowAtOnce),
    row(&[Kind::Grace], &[Test::NotOnLine, Test::GraceOver, Test::Budget], Next::Conserve, Why::GraceOverTight),
    row(&[Kind::Grace], &[Test::NotOnLine, Test::GraceOver], Next::Normal, Why::GraceOver),
    // Mains is back.
    row(AWAKE, &[Test::OnLine, Test::NotShutDownByOthers], Next::Restoring, Why::MainsBack),
    row(FALLING, &[Test::OnLine, Test::NotShutDownByOthers], Next::Restoring, Why::MainsBack),
    row(ASLEEP, &[Test::OnLine, Test::InStandby], Next::Restoring, Why::MainsBack),
    // The battery ends.
    row(SERVING, &[Test::Empty], Next::FallAsleep(Then::Manual), Why::Empty),
    row(ASLEEP, &[Test::InStandby, Test::Empty], Next::FallAsleep(Then::Manual), Why::Empty),
    row(
        &[Kind::Conserve],
        &[Test::LowCorroborated, Test::LessThanOneCycle],
        Next::FallAsleep(Then::Manual),
        Why::LowAndLast,
    ),
    row(
        ASLEEP,
        &[Test::InStandby, Test::LowCorroborated, Test::LessThanOneCycle],
        Next::FallAsleep(Then::Manual),
        Why::LowAndLast,
    ),
    // When to conserve. The hours wait for five minutes of Normal, the budget never does.
    row(NORMAL, &[Test::NotBusy, Test::NormalFirst, Test::Long], Next::Conserve, Why::TooLong),
    row(NORMAL, &[Test::NotBusy, Test::NormalFirst, Test::LongAndUncovered], Next::Conserve, Why::LongAndUncovered),
    row(NORMAL, &[Test::NotBusy, Test::Budget], Next::Conserve, Why::Budget),
    row(NORMAL, &[Test::NotBusy, Test::LowThrice], Next::Conserve, Why::LowThrice),
    row(NORMAL, &[Test::NotBusy, Test::Silent], Next::Conserve, Why::Silent),
    // And when not any more. Asked at each wake and while awake.
    row(
        &[Kind::Conserve],
        &[Test::OnBattery, Test::Short, Test::Ample, Test::NotLow, Test::ConserveFirst],
        Next::Normal,
        Why::ShortAndAmple,
    ),
    // Sleep.
    row(TOLD, &[Test::NotBusy, Test::NotOnLine, Test::ToldToSleep], Next::FallAsleep(Then::Asleep), Why::ToldToSleep),
    row(
        &[Kind::Conserve],
        &[Test::NotBusy, Test::Idle, Test::NotToldToStay],
        Next::FallAsleep(Then::Asleep),
        Why::Idle,
    ),
    row(FALLING, &[Test::ThenAsleep, Test::Someone], Next::Conserve, Why::SomeoneInTime),
    row(FALLING, &[Test::ThenManual, Test::NotShutDownByOthers, Test::OneCycleLeft], Next::Conserve, Why::ManualNoMore),
    row(FALLING, &[Test::Ready], Next::Sleep, Why::Ready),
    row(ORDERED, &[Test::InDeepSleep, Test::NotAsleep], Next::FallLighter, Why::MethodFailed),
    row(ASLEEP, &[Test::InStandby, Test::Someone], Next::Conserve, Why::SomeoneCame),
    // What kept it from sleeping deeper is over: the UPS is heard again.
    row(
        ASLEEP,
        &[Test::InStandby, Test::NotBusy, Test::OnBattery, Test::DeeperUsable, Test::NotToldToStay],
        Next::FallAsleep(Then::Asleep),
        Why::Deeper,
    ),
    // Mains comes and goes.
    row(RESTORING, &[Test::OnBattery], Next::Remembered, Why::MainsLostAgain),
    row(RESTORING, &[Test::Settled], Next::Line, Why::MainsForGood),
    // The last visits.
    row(
        &[Kind::Manual],
        &[Test::StaysUp, Test::Someone, Test::OneCycleLeft, Test::NotShutDownByOthers],
        Next::Conserve,
        Why::SomeoneAtTheLast,
    ),
];

const NORMAL: &[Kind] = &[Kind::Normal];
const FALLING: &[Kind] = &[Kind::FallingAsleep];
const ASLEEP: &[Kind] = &[Kind::Asleep];
const ORDERED: &[Kind] = &[Kind::Asleep, Kind::Manual];
const RESTORING: &[Kind] = &[Kind::Restoring];
/// Not Manual, not asleep, not falling asleep.
const UP: &[Kind] = &[Kind::Line, Kind::Grace, Kind::Normal, Kind::Conserve, Kind::Restoring];
const SERVING: &[Kind] = &[Kind::Normal, Kind::Conserve];
/// Where "sleep now" is obeyed.
const TOLD: &[Kind] = &[Kind::Grace, Kind::Normal, Kind::Conserve];
const AWAKE: &[Kind] = &[Kind::Normal, Kind::Conserve, Kind::Manual];
/// An outage is open.
const OUTAGE: &[Kind] =
    &[Kind::Grace, Kind::Normal, Kind::Conserve, Kind::FallingAsleep, Kind::Asleep, Kind::Restoring, Kind::Manual];

/// … and it is not left to the cabinet key.
const NOT_GIVEN_UP: &[Kind] =
    &[Kind::Grace, Kind::Normal, Kind::Conserve, Kind::FallingAsleep, Kind::Asleep, Kind::Restoring];

/// What is decided: the row, and the mode it leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decision {
    pub row: &'static Row,
    pub to: Mode,
}

/// The decision for this situation; none = the mode goes on.
#[must_use]
pub fn decide(rules: &Rules, now: &Situation) -> Option<Decision> {
    let row = first_row(now.mode.kind(), |test| test.holds(rules, now))?;
    Some(Decision { row, to: resolve(row.next, now) })
}

/// The first row for this kind of mode whose conditions all hold. While a start waits for its first word of the UPS, only the
/// rows for starts count.
#[must_use]
pub fn first_row(kind: Kind, holds: impl Fn(Test) -> bool) -> Option<&'static Row> {
    let waits = kind != Kind::Line && holds(Test::Woken);
    TABLE
        .iter()
        .filter(|row| !waits || row.when.iter().any(|test| is_of_a_start(*test)))
        .find(|row| row.from.contains(&kind) && row.when.iter().all(|test| holds(*test)))
}

const fn is_of_a_start(test: Test) -> bool {
    matches!(test, Test::Woken | Test::WokenByBoot | Test::WokenByAlarm)
}

fn resolve(next: Next, now: &Situation) -> Mode {
    match next {
        Next::Line => Mode::Line,
        Next::Grace => Mode::Grace,
        Next::Normal => Mode::Normal,
        Next::Conserve => Mode::Conserve,
        Next::FallAsleep(then) => Mode::FallingAsleep { method: now.usable.deepest(), then },
        Next::FallLighter => {
            let (failed, then) = match now.mode {
                Mode::Manual { method } => (method.unwrap_or(Method::Standby), Then::Manual),
                Mode::Asleep { method } => (method, Then::Asleep),
                _ => (Method::Standby, Then::Asleep),
            };
            Mode::FallingAsleep { method: now.usable.lighter_than(failed), then }
        }
        Next::Sleep => match now.mode {
            Mode::FallingAsleep { method, then: Then::Manual } => {
                // Whoever else shuts the system down does it alone.
                Mode::Manual { method: (method.is_deep() && !now.shut_down_by_others).then_some(method) }
            }
            Mode::FallingAsleep { method, .. } => Mode::Asleep { method },
            other => other,
        },
        Next::Restoring => {
            let remembered = match now.mode {
                Mode::Normal => Remembered::Normal,
                Mode::Restoring { remembered } => remembered,
                _ => Remembered::Conserve,
            };
            Mode::Restoring { remembered }
        }
        Next::Remembered => match now.mode {
            Mode::Restoring { remembered: Remembered::Normal } => Mode::Normal,
            _ => Mode::Conserve,
        },
    }
}

#[cfg(test)]
mod tests;
