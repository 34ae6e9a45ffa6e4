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

pub mod words;

use super::forecast::Outlook;
use serde::{Deserialize, Serialize};

/// How the cabinet sleeps, from light to deep.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// The machine stays up: loads shed, slower polling. Needs no proof.
    Standby,
    /// The Pi powers off and is woken by its button, GPIO3 or its clock; the UPS's output stays on.
    Halt,
    /// The UPS cuts its output; a person presses the UPS's button.
    UpsOff,
}

impl Method {
    /// All of them, from light to deep.
    pub const ALL: [Self; 3] = [Self::Standby, Self::Halt, Self::UpsOff];

    /// The word used in config, commands and records.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Standby => "standby",
            Self::Halt => "halt",
            Self::UpsOff => "ups-off",
        }
    }

    /// Whether waking from it is a start of the machine.
    #[must_use]
    pub const fn is_deep(self) -> bool {
        match self {
            Self::Standby => false,
            Self::Halt | Self::UpsOff => true,
        }
    }
}

/// What the cabinet does about its power.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Mode {
    /// Mains, and no outage open.
    Line,
    /// On battery, and perhaps only a flicker.
    Grace,
    /// On battery, serving as on mains.
    Normal,
    /// On battery, asleep between visits.
    Conserve,
    /// About to sleep; a badge or button still turns it back.
    FallingAsleep { method: Method, then: Then },
    /// The method was ordered (deep), or is in force (standby).
    Asleep { method: Method },
    /// Mains is back, perhaps for good.
    Restoring { remembered: Remembered },
    /// The battery is for nobody any more: the cabinet key. `method`: what was ordered with it; none = it stays up.
    Manual { method: Option<Method> },
}

/// What comes after falling asleep.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Then {
    Asleep,
    Manual,
}

/// What goes on if mains fails again while it settles.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Remembered {
    Normal,
    Conserve,
}

/// A [`Mode`] without its data: the first column of the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    Line,
    Grace,
    Normal,
    Conserve,
    FallingAsleep,
    Asleep,
    Restoring,
    Manual,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Line,
        Self::Grace,
        Self::Normal,
        Self::Conserve,
        Self::FallingAsleep,
        Self::Asleep,
        Self::Restoring,
        Self::Manual,
    ];

    /// As people read it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Line => "Line",
            Self::Grace => "Grace",
            Self::Normal => "Normal",
            Self::Conserve => "Conserve",
            Self::FallingAsleep => "FallingAsleep",
            Self::Asleep => "Asleep",
            Self::Restoring => "Restoring",
            Self::Manual => "Manual",
        }
    }
}

impl Mode {
    /// Without its data.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Line => Kind::Line,
            Self::Grace => Kind::Grace,
            Self::Normal => Kind::Normal,
            Self::Conserve => Kind::Conserve,
            Self::FallingAsleep { .. } => Kind::FallingAsleep,
            Self::Asleep { .. } => Kind::Asleep,
            Self::Restoring { .. } => Kind::Restoring,
            Self::Manual { .. } => Kind::Manual,
        }
    }

    /// Whether it stands on the battery, as far as the policy goes.
    #[must_use]
    pub const fn is_on_battery(self) -> bool {
        match self {
            Self::Line | Self::Restoring { .. } => false,
            Self::Grace
            | Self::Normal
            | Self::Conserve
            | Self::FallingAsleep { .. }
            | Self::Asleep { .. }
            | Self::Manual { .. } => true,
        }
    }

    /// Whether the switched loads are shed and the daemon looks less often.
    #[must_use]
    pub const fn is_low_power(self) -> bool {
        matches!(self, Self::Asleep { .. } | Self::Manual { .. })
    }
}

/// The figures of the policy: the config fills them in, [`Rules::default`] are those as shipped. All times in ms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rules {
    /// Conserve when the projected total passes this, whatever the battery.
    pub always_after_ms: u64,
    /// … and this, when the battery does not cover R80 in Normal.
    pub uncovered_after_ms: u64,
    /// For large batteries: past `always_after_ms` only if the battery does not cover R95 in Normal either.
    pub only_if_needed: bool,
    /// Pulls kept back above the expected ones.
    pub reserve_pulls: u32,
    /// Energy kept back for the clock, mWh. At or below it and the shutdown's the battery is empty.
    pub clock_reserve_mwh: u64,
    /// Mains back this soon: a flicker.
    pub flicker_ms: u64,
    /// Still on battery after this: an outage to reckon with.
    pub grace_ms: u64,
    /// Time in Normal, over all flaps, before the hours count.
    pub normal_first_ms: u64,
    /// The budget looks ahead in Normal for this share of the time until the next visit is expected, and for at least `budget_ahead_ms`: at
    /// night, when nobody comes for hours, being awake spares nobody a wait.
    pub budget_ahead_pct: u64,
    pub budget_ahead_ms: u64,
    /// No data on battery for this long: Conserve.
    pub silent_ms: u64,
    /// `LB` in so many polls in a row: Conserve.
    pub low_polls: u32,
    /// Back to Normal not before this time in Conserve, sleep included.
    pub conserve_first_ms: u64,
    /// … and with this much of Normal still leaving the need, times `return_margin_pct`.
    pub return_ahead_ms: u64,
    pub return_margin_pct: u64,
    /// Nobody there for this long: asleep.
    pub idle_ms: u64,
    /// The same late in an outage (`late_after_ms`) or on `LB`.
    pub idle_late_ms: u64,
    pub late_after_ms: u64,
    /// … and once a visit is over, where the energy is below the need: each second awake after every visit is paid for by later ones.
    pub idle_tight_ms: u64,
    /// Lingering: asleep not before this time …
    pub linger_ms: u64,
    /// … while the battery bears Normal for this share of the time until the next visit is expected …
    pub linger_ahead_pct: u64,
    /// … and after it this share of the need, up to this age of the outage and if nothing is said that makes it a long one. Else
    /// `return_margin_pct` of the need.
    pub linger_need_pct: u64,
    pub linger_before_ms: u64,
    /// Upstream has this long to take what is left before sleep.
    pub flush_ms: u64,
    /// A session has this long to end before Manual.
    pub finish_ms: u64,
    /// … and this long when upsmon is already shutting the system down: less than its FINALDELAY.
    pub finish_fsd_ms: u64,
    /// Still up this long after a deep method was ordered: it failed.
    pub still_up_ms: u64,
    /// Mains for good after this.
    pub settle_ms: u64,
    /// … after a flap.
    pub settle_flapped_ms: u64,
}

impl Rules {
    /// How long the cabinet idles after a visit where energy is below the need: only the way into a deep sleep makes seconds dear.
    #[must_use]
    pub const fn idle_after_visit_ms(&self, method: Method) -> u64 {
        if method.is_deep() && self.idle_tight_ms < self.idle_late_ms { self.idle_tight_ms } else { self.idle_late_ms }
    }
}

impl Default for Rules {
    fn default() -> Self {
        const MINUTE_MS: u64 = 60_000;
        const HOUR_MS: u64 = 60 * MINUTE_MS;
        Self {
            always_after_ms: 4 * HOUR_MS,
            uncovered_after_ms: 3 * HOUR_MS,
            only_if_needed: false,
            reserve_pulls: 6,
            clock_reserve_mwh: 500,
            flicker_ms: 10_000,
            grace_ms: 2 * MINUTE_MS,
            normal_first_ms: 5 * MINUTE_MS,
            budget_ahead_pct: 200,
            budget_ahead_ms: 5 * MINUTE_MS,
            silent_ms: 2 * MINUTE_MS,
            low_polls: 3,
            conserve_first_ms: 5 * MINUTE_MS,
            return_ahead_ms: HOUR_MS,
            return_margin_pct: 115,
            idle_ms: MINUTE_MS,
            idle_late_ms: 20_000,
            late_after_ms: 2 * HOUR_MS,
            idle_tight_ms: 1_000,
            linger_ms: 20 * MINUTE_MS,
            linger_ahead_pct: 400,
            linger_need_pct: 35,
            linger_before_ms: 6 * HOUR_MS,
            flush_ms: 10_000,
            finish_ms: MINUTE_MS,
            finish_fsd_ms: 15_000,
            still_up_ms: MINUTE_MS,
            settle_ms: 3 * MINUTE_MS,
            settle_flapped_ms: 15 * MINUTE_MS,
        }
    }
}

/// What is heard of the mains.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mains {
    /// `OL`, for so long without another word.
    On { for_ms: u64 },
    /// `OB`.
    Off,
    /// No answer, for so long; the last one was `OB` or `OL`, or there was none since the start.
    Silent { for_ms: u64 },
}

/// A start that found an outage open, until the UPS was heard or the wait for it is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Woken {
    /// The machine came up: somebody pressed a button, or its supply came back.
    Boot,
    /// The machine's own clock woke it: nobody is there.
    Alarm,
    /// Only the process started anew.
    Process,
}

/// All that a decision depends on. Ages and lengths in ms, energies in mWh.
#[derive(Clone, PartialEq, Debug)]
pub struct Situation {
    pub mode: Mode,
    /// Since this mode began.
    pub in_mode_ms: u64,
    /// In Normal during this outage, over all flaps.
    pub normal_ms: u64,
    /// Since Conserve began, sleep included.
    pub conserve_ms: u64,
    /// The outage's length so far: the longer end, when it is an interval.
    pub elapsed_ms: u64,
    /// Times that mains came back and went again.
    pub flaps: u32,
    pub woken: Option<Woken>,
    pub mains: Mains,
    /// Polls in a row with `LB`.
    pub low_polls: u32,
    pub charge_pct: Option<u8>,
    /// `FSD` that we did not order, or SIGTERM from a system shutdown on battery.
    pub shut_down_by_others: bool,
    /// What is left, by the estimate.
    pub energy_mwh: u64,
    /// What the battery holds when full.
    pub full_mwh: u64,
    pub outlook: Outlook,
    /// A session, a half-typed PIN, or an open door that still counts.
    pub busy: bool,
    /// A session is open.
    pub in_session: bool,
    /// Somebody was here since this mode began: badge, button, in standby the door.
    pub someone: bool,
    /// Since anybody was here last.
    pub idle_ms: u64,
    /// Whoever was here last had a visit, and it is over: nobody is on the way to the reader.
    pub visit_over: bool,
    /// Told "sleep now".
    pub told_to_sleep: bool,
    /// Told "stay awake", and that still counts.
    pub told_to_stay: bool,
    /// Upstream has all that it will get.
    pub flushed: bool,
    /// The ordered method said that it failed.
    pub method_failed: bool,
    /// The methods that may be used now.
    pub usable: Usable,
}

/// The deep methods that may be used: configured, proved by a drill on this battery, not failed in this outage, and only
/// while the UPS is heard to be on battery. A silent one would switch off at some later time, with mains long back; and a machine that
/// halted beside it might sleep on mains.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usable {
    pub halt: bool,
    pub ups_off: bool,
}

impl Usable {
    /// The deepest of them. Standby needs no proof.
    #[must_use]
    pub const fn deepest(self) -> Method {
        match self {
            Self { ups_off: true, .. } => Method::UpsOff,
            Self { halt: true, .. } => Method::Halt,
            Self { .. } => Method::Standby,
        }
    }

    /// The next lighter one than what failed.
    #[must_use]
    pub const fn lighter_than(self, failed: Method) -> Method {
        match failed {
            Method::UpsOff if self.halt => Method::Halt,
            Method::UpsOff | Method::Halt | Method::Standby => Method::Standby,
        }
    }
}

impl Situation {
    /// The idle time that counts now.
    ///
    /// Whoever just woke the cabinet has the time to reach the reader; whoever is done is done. While the battery can afford it, the
    /// cabinet lingers, so that the next one finds it awake.
    #[must_use]
    pub const fn idle_limit_ms(&self, rules: &Rules) -> u64 {
        let late = self.elapsed_ms >= rules.late_after_ms || self.low_polls > 0;
        // Out of standby a visit costs the same whenever it begins: only the way into a deep sleep and back makes seconds dear.
        let dear = self.usable.deepest().is_deep() && self.energy_mwh < self.outlook.need_mwh;
        let idle_ms = if late { rules.idle_late_ms } else { rules.idle_ms };
        if self.lingers(rules) {
            if rules.linger_ms > idle_ms { rules.linger_ms } else { idle_ms }
        } else if self.visit_over && dear && rules.idle_tight_ms < idle_ms {
            rules.idle_tight_ms
        } else {
            idle_ms
        }
    }

    /// Whether the battery can afford to be awake for the next ones. Out of standby everybody is served at once: nothing is to be gained.
    #[must_use]
    pub const fn lingers(&self, rules: &Rules) -> bool {
        let Outlook { need_mwh, linger_ahead_ms, raised, budget_applies, .. } = self.outlook;
        let may_be_short = self.elapsed_ms < rules.linger_before_ms && !raised;
        let pct = if may_be_short { rules.linger_need_pct } else { rules.return_margin_pct };
        let left_mwh = self.energy_mwh.saturating_sub(self.outlook.normal_mwh(linger_ahead_ms));
        self.usable.deepest().is_deep() && self.low_polls == 0 && budget_applies && left_mwh * 100 >= need_mwh * pct
    }
}

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
