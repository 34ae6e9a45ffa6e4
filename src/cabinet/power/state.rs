//! The durable half of power: one row in the books, changed by power records alone.
//!
//! Everything here can be had again from the ledger. The running energy count, what was heard of the UPS last and who was here are
//! volatile and live in `room.rs`.

mod drill;

pub use drill::{Drill, DrillEnd, PastDrill, Proof, Seen, Sight};

use super::baseline::Baseline;
use super::energy::Energy;
use super::policy::{Method, Mode, Then, Why};
use super::reading::Supply;
use super::selftest::Verdict;
use crate::cabinet::fact::{Dark, Fact};
use crate::cabinet::outage::{Elapsed, Hints, Statement};
use crate::cabinet::types::Stamp;
use serde::{Deserialize, Serialize};

/// An outage is named by the number of the record that opened it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Debug)]
#[serde(transparent)]
pub struct OutageId(pub u64);

impl std::fmt::Display for OutageId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// After a dark interval without a trusted clock an outage counts as at most this much longer than it was before.
const UNSEEN_MOST_MS: u64 = 96 * 3_600_000;
/// A storm brings several outages, and is over after two days.
const STORM_MS: u64 = 48 * 3_600_000;
/// An end that upstream states and that differs by less from what it stated before is the same one.
const ANOTHER_END_MS: u64 = 5 * 60_000;
/// Shorter ones teach nothing: the prior is of outages, not of flickers.
const SHORTEST_TAUGHT_MS: u64 = 120_000;
/// So many of the site's own outages are kept.
pub const HISTORY: usize = 32;
/// So many statements of the utility are kept.
const STATEMENTS: usize = 16;
/// Mains that stays out longer than this after a drill is out for real, not for want of a plug. Until then the two look the same from in here;
/// a hand that was told to put the plug back does so within it.
const PLUG_BACK_MS: u64 = 5 * 60_000;

/// The figures of a switch, as they stood when it was decided. Lengths in ms, energies in mWh.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug, Default)]
pub struct SwitchFigures {
    pub elapsed: Elapsed,
    /// Elapsed and median remainder.
    pub total_ms: u64,
    pub r80_ms: u64,
    pub r95_ms: u64,
    /// Requests expected over R95.
    pub requests: u32,
    pub energy_mwh: u64,
    pub need_mwh: u64,
    pub full_mwh: u64,
    /// Drained from the battery since it was full, counted by the cabinet itself.
    pub drained_mwh: u64,
    /// … of it since the former switch.
    pub spent_mwh: u64,
    /// How long the former mode lasted; a lower bound if the clock is not trusted.
    pub lasted_ms: u64,
    /// How long nobody had been here.
    pub idle_ms: u64,
    pub charge_pct: Option<u8>,
    /// It belongs to a drill.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drill: bool,
}

/// The outage that is open.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Outage {
    pub id: OutageId,
    pub started: Stamp,
    /// Its length as of `counted_at`.
    pub counted: Elapsed,
    pub counted_at: Stamp,
    pub flaps: u32,
    /// In Normal so far, the present stay apart.
    pub normal_ms: u64,
    /// Since when it conserves, sleep included.
    pub conserving: Option<Stamp>,
    pub sessions: u32,
    pub sleeps: u32,
    /// Spent from the battery in it, mWh, up to the last power record.
    pub spent_mwh: u64,
    pub hints: Hints,
    /// It began in a drill, and no record says that it outlasted it. Whether it did by now says [`Outage::is_drill`].
    pub drill: bool,
    /// When that drill ended, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill_over: Option<Stamp>,
    /// Mains was seen to be off. Without that it is no more than a shutdown ordered by others, and teaches nothing.
    pub mains_off: bool,
    /// Since when mains is back, perhaps for good.
    pub back: Option<Stamp>,
    /// Charge at its start, percent.
    pub charge_pct: Option<u8>,
    /// Methods that failed in it.
    #[serde(default)]
    pub failed: Vec<Method>,
    /// Starts out of `ups-off` since anybody had a visit, the last one included.
    #[serde(default)]
    pub hollow_wakes: u32,
    /// People passed on what the utility says: upstream does not go against that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stated_by_people: bool,
}

impl Outage {
    /// Its length without the time that mains has been back.
    #[must_use]
    pub fn dark(&self, now: Stamp) -> Elapsed {
        let settled_ms = self.back.map_or(0, |back| back.elapsed_ms(now));
        let Elapsed { least_ms, most_ms } = self.elapsed(now);
        Elapsed { least_ms: least_ms.saturating_sub(settled_ms), most_ms: most_ms.saturating_sub(settled_ms) }
    }

    /// Its length at a later moment.
    #[must_use]
    pub fn elapsed(&self, now: Stamp) -> Elapsed {
        let Elapsed { least_ms, most_ms } = self.counted;
        if self.counted_at.boot == now.boot {
            let more_ms = now.mono.since_ms(self.counted_at.mono);
            let counted = Elapsed { least_ms: least_ms + more_ms, most_ms: most_ms + more_ms };
            // An interval closes when the clock becomes known.
            return if least_ms == most_ms { counted } else { self.by_the_wall(now).unwrap_or(counted) };
        }
        // However often it comes up, it was not dark for longer than that in all.
        let unseen_ms = if least_ms < most_ms { 0 } else { UNSEEN_MOST_MS };
        self.by_the_wall(now)
            .unwrap_or(Elapsed { least_ms: least_ms + now.mono.0, most_ms: most_ms + unseen_ms + now.mono.0 })
    }

    /// Whether it is part of a drill, and so kept apart from real ones: it began in one, and mains came back soon after that.
    #[must_use]
    pub fn is_drill(&self, now: Stamp) -> bool {
        let out_ms = |over: Stamp| over.elapsed_ms(self.back.unwrap_or(now));
        self.drill && self.drill_over.is_none_or(|over| out_ms(over) <= PLUG_BACK_MS)
    }

    /// In how long it outlasts its drill, should mains stay out, ms; 0: it did, and no record says so yet.
    #[must_use]
    pub fn outlasts_drill_in_ms(&self, now: Stamp) -> Option<u64> {
        let over = self.drill_over.filter(|_| self.drill)?;
        if !self.is_drill(now) {
            return Some(0);
        }
        self.back.is_none().then(|| (PLUG_BACK_MS + 1).saturating_sub(over.elapsed_ms(now)))
    }

    fn by_the_wall(&self, now: Stamp) -> Option<Elapsed> {
        if !(self.started.clock.is_trusted() && now.clock.is_trusted()) {
            return None;
        }
        let by_wall = u64::try_from(now.wall.0 - self.started.wall.0).unwrap_or(0);
        let exact_ms = by_wall.max(self.counted.least_ms);
        Some(Elapsed { least_ms: exact_ms, most_ms: exact_ms })
    }

    fn count_up_to(&mut self, stamp: Stamp) {
        self.counted = self.elapsed(stamp);
        self.counted_at = stamp;
    }

    /// `since`: when the mode that ends began.
    fn switched(&mut self, since: Stamp, from: Mode, to: Mode, why: Why, spent_mwh: u64, stamp: Stamp) {
        self.count_up_to(stamp);
        self.spent_mwh += spent_mwh;
        // What went by while the machine was down was no service.
        if from == Mode::Normal && since.boot == stamp.boot {
            self.normal_ms += since.elapsed_ms(stamp);
        }
        self.flaps += u32::from(why == Why::MainsLostAgain);
        self.conserving = match to {
            Mode::Conserve | Mode::FallingAsleep { .. } | Mode::Asleep { .. } => Some(self.conserving.unwrap_or(stamp)),
            Mode::Restoring { .. } | Mode::Manual { .. } => self.conserving,
            Mode::Line | Mode::Grace | Mode::Normal => None,
        };
        self.back = match to {
            Mode::Restoring { .. } => Some(self.back.unwrap_or(stamp)),
            Mode::Line => self.back,
            Mode::Grace
            | Mode::Normal
            | Mode::Conserve
            | Mode::FallingAsleep { .. }
            | Mode::Asleep { .. }
            | Mode::Manual { .. } => None,
        };
        self.sleeps += u32::from(matches!(to, Mode::Asleep { .. }));
        let from_off = from == Mode::Asleep { method: Method::UpsOff };
        self.hollow_wakes += u32::from(from_off && why == Why::StartedOnBattery);
        if let (Why::MethodFailed, Mode::Asleep { method } | Mode::Manual { method: Some(method) }) = (why, from)
            && !self.failed.contains(&method)
        {
            self.failed.push(method);
        }
    }
}

/// An outage of the past.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct PastOutage {
    pub id: OutageId,
    /// At least; exactly, where the clock was trusted.
    pub lasted_ms: u64,
    /// At most.
    pub most_ms: u64,
    /// When mains counted as back for good.
    pub ended: Stamp,
}

/// A measured battery.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Measured {
    pub capacity_mwh: u64,
    pub at: Stamp,
    pub by_drill: bool,
}

/// What people say of an outage.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(tag = "told", rename_all = "kebab-case")]
pub enum Told {
    /// A storm, or much of the area is out: yes or no.
    Storm { is: bool },
    /// The utility states that it will be over in so long.
    EndsIn { ms: u64 },
    /// Somebody follows what the utility says, and it says nothing.
    NothingStated,
}

/// What people order.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(tag = "order", rename_all = "kebab-case")]
pub enum PowerOrder {
    SleepNow,
    StayAwake { for_minutes: u32 },
}

/// An order that still counts.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Ordered {
    pub order: PowerOrder,
    pub at: Stamp,
}

/// What was replaced.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Replaced {
    Battery,
    /// The unit: its serial is another one.
    Ups,
    /// Nothing: the unit's serial became known.
    Nothing,
}

/// The row.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct PowerState {
    pub mode: Mode,
    pub since: Stamp,
    /// Why it is so; none before the first switch.
    pub why: Option<Why>,
    /// The figures of the last switch.
    pub figures: SwitchFigures,
    /// Drained since the battery was full, mWh, as of `counted_at`.
    pub drained_mwh: u64,
    /// What was left then by all witnesses, mWh; none = nobody said.
    pub left_mwh: Option<u64>,
    pub counted_at: Stamp,
    pub outage: Option<Outage>,
    /// The site's own outages, the oldest first.
    pub history: Vec<PastOutage>,
    pub drill: Option<Drill>,
    #[serde(default)]
    pub last_drill: Option<PastDrill>,
    /// What people ordered last, as long as it counts.
    pub order: Option<Ordered>,
    /// We told upsd to shut down: its `FSD` is ours until the machine comes up anew, whatever became of it.
    pub fsd_ours: bool,
    /// When a storm was told last, if nobody said since that it is over: an outage that begins within two days begins with it.
    #[serde(default)]
    pub storm_told: Option<Stamp>,
    /// When people said last whether there is a storm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storm_by_people: Option<Stamp>,
    pub measured: Option<Measured>,
    pub proofs: Vec<Proof>,
    pub serial: Option<String>,
    pub replaced: Option<Stamp>,
    /// What the cabinet alone draws, day by day.
    #[serde(default)]
    pub baseline: Baseline,
    /// The last test of the battery that was ordered, and what came of the last one.
    #[serde(default)]
    pub test_began: Option<Stamp>,
    #[serde(default)]
    pub test_ended: Option<(Stamp, Verdict)>,
}

impl PowerState {
    /// On line, nothing known.
    #[must_use]
    pub fn new(now: Stamp) -> Self {
        Self {
            mode: Mode::Line,
            since: now,
            why: None,
            figures: SwitchFigures {
                elapsed: Elapsed { least_ms: 0, most_ms: 0 },
                total_ms: 0,
                r80_ms: 0,
                r95_ms: 0,
                requests: 0,
                energy_mwh: 0,
                need_mwh: 0,
                full_mwh: 0,
                drained_mwh: 0,
                spent_mwh: 0,
                lasted_ms: 0,
                idle_ms: 0,
                charge_pct: None,
                drill: false,
            },
            drained_mwh: 0,
            left_mwh: None,
            counted_at: now,
            outage: None,
            history: Vec::new(),
            drill: None,
            last_drill: None,
            order: None,
            fsd_ours: false,
            storm_told: None,
            storm_by_people: None,
            measured: None,
            proofs: Vec::new(),
            serial: None,
            replaced: None,
            baseline: Baseline::default(),
            test_began: None,
            test_ended: None,
        }
    }

    /// The proof of a method, if it still counts.
    #[must_use]
    pub fn proof(&self, method: Method) -> Option<&Proof> {
        self.proofs.iter().find(|proof| proof.method == method)
    }

    /// Lengths of the site's own outages, the oldest first.
    #[must_use]
    pub fn history_ms(&self) -> Vec<u64> {
        self.history.iter().map(|past| past.lasted_ms).collect()
    }

    /// Whether a storm that was told still counts.
    #[must_use]
    pub fn is_storm_told(&self, now: Stamp) -> bool {
        self.storm_told.is_some_and(|told| told.elapsed_ms(now) <= STORM_MS)
    }

    /// What upstream's hint of a storm is to be recorded as; none if it is known, if people said otherwise, or if it would take back what makes
    /// an open outage longer.
    #[must_use]
    pub fn news_of_storm(&self, is: bool, now: Stamp) -> Option<Told> {
        let known = self.outage.as_ref().map_or_else(|| self.is_storm_told(now), |outage| outage.hints.storm);
        let people = self.storm_by_people.is_some_and(|said| {
            let in_this_outage = |outage: &Outage| outage.started.elapsed_ms(now) >= said.elapsed_ms(now);
            said.elapsed_ms(now) <= STORM_MS || self.outage.as_ref().is_some_and(in_this_outage)
        });
        let is_news = is != known && !people && (is || self.outage.is_none());
        is_news.then_some(Told::Storm { is })
    }

    /// The same of a stated end. It is news if it is another one, not if a minute went by.
    #[must_use]
    pub fn news_of_end(&self, ends_in_ms: u64, now: Stamp) -> Option<Told> {
        let outage = self.outage.as_ref().filter(|outage| !outage.stated_by_people)?;
        let ends_at_ms = outage.elapsed(now).least_ms.saturating_add(ends_in_ms);
        let last = outage.hints.statements.last();
        let is_news = last.is_none_or(|last| last.ends_at_ms.abs_diff(ends_at_ms) >= ANOTHER_END_MS);
        is_news.then_some(Told::EndsIn { ms: ends_in_ms })
    }

    /// Whether "sleep now" still waits to be done.
    #[must_use]
    pub const fn told_to_sleep(&self) -> bool {
        matches!(self.order, Some(Ordered { order: PowerOrder::SleepNow, .. }))
    }

    /// The deep sleep that was ordered, while it lasts.
    #[must_use]
    pub const fn off_by(&self) -> Option<Method> {
        match self.mode {
            Mode::Asleep { method } | Mode::Manual { method: Some(method) } if method.is_deep() => Some(method),
            _ => None,
        }
    }

    /// How long "stay awake" still counts, ms; 0 = it does not.
    #[must_use]
    pub fn stays_awake_ms(&self, now: Stamp) -> u64 {
        match self.order {
            Some(Ordered { order: PowerOrder::StayAwake { for_minutes }, at }) => {
                (u64::from(for_minutes) * 60_000).saturating_sub(at.elapsed_ms(now))
            }
            Some(Ordered { order: PowerOrder::SleepNow, .. }) | None => 0,
        }
    }

    /// Energy as of the last power record, to be counted on from.
    #[must_use]
    pub fn energy(&self) -> Energy {
        Energy::drained(self.drained_mwh, self.counted_at.mono).recorded(self.left_mwh)
    }

    /// Whether a fact is of power, so that the row begins with it.
    #[must_use]
    pub const fn begins_with(fact: &Fact) -> bool {
        matches!(
            fact,
            Fact::PowerSwitched { .. }
                | Fact::OutageTold { .. }
                | Fact::BatteryReplaced { .. }
                | Fact::DrillStarted { .. }
                | Fact::LoadLearned { .. }
                | Fact::SelfTestBegan
        )
    }

    /// Takes a record in, by its number, and says whether it changed anything here. Of those that are not of power, a start counts the outage on, a
    /// session's end is counted in it, and mains seen off or a clock put right make it what it is.
    pub fn apply(&mut self, fact: &Fact, number: u64, stamp: Stamp) -> bool {
        match fact {
            Fact::Started { dark, .. } => return self.started(dark.as_ref(), stamp),
            Fact::ClockCorrected { by_ms } => return self.clock_corrected(*by_ms, stamp),
            Fact::SupplyChanged { to: Supply::OnBattery | Supply::LowBattery, .. } => {
                let Some(outage) = self.outage.as_mut().filter(|outage| !outage.mains_off) else { return false };
                outage.mains_off = true;
            }
            Fact::SessionClosed { .. } => {
                let Some(outage) = &mut self.outage else { return false };
                outage.sessions += 1;
            }
            Fact::PowerSwitched { from, to, why, figures } => self.switched(*from, *to, *why, *figures, number, stamp),
            Fact::OutageEnded { outage, least_ms, most_ms, drill, .. } => {
                // A part of its length was somebody's hand on the plug.
                let began_in_drill = self.outage.take().is_some_and(|outage| outage.drill_over.is_some());
                // One whose length nobody knows would teach that outages are short.
                let is_known = most_ms - least_ms <= least_ms / 4;
                if !drill && !began_in_drill && is_known && *least_ms >= SHORTEST_TAUGHT_MS {
                    let past = PastOutage { id: *outage, lasted_ms: *least_ms, most_ms: *most_ms, ended: stamp };
                    self.history.push(past);
                    let over = self.history.len().saturating_sub(HISTORY);
                    self.history.drain(..over);
                }
            }
            Fact::OutageTold { told, upstream } => self.told(*told, *upstream, stamp),
            Fact::PowerTold { order } => self.order = Some(Ordered { order: *order, at: stamp }),
            Fact::EnergyBooked { spent_mwh, left_mwh, drained_mwh, .. } => {
                self.drained_mwh = *drained_mwh;
                self.left_mwh = Some(*left_mwh);
                self.counted_at = stamp;
                if let Some(outage) = &mut self.outage {
                    outage.spent_mwh += spent_mwh;
                    outage.count_up_to(stamp);
                }
            }
            Fact::BatteryReplaced { what, serial } => self.replaced(*what, serial.as_ref(), stamp),
            Fact::BatteryMeasured { capacity_mwh, by_drill } => {
                self.measured = Some(Measured { capacity_mwh: *capacity_mwh, at: stamp, by_drill: *by_drill });
                if let Some(drill) = &mut self.drill {
                    drill.measured_mwh = Some(*capacity_mwh);
                }
            }
            Fact::MethodProved { method, ready_ms, by_stopwatch } => {
                let proof = Proof { method: *method, at: stamp, ready_ms: *ready_ms, by_stopwatch: *by_stopwatch };
                let put = |proofs: &mut Vec<Proof>| {
                    proofs.retain(|known| known.method != *method);
                    proofs.push(proof);
                };
                put(&mut self.proofs);
                if let Some(drill) = &mut self.drill {
                    put(&mut drill.proved);
                    drill.failed.retain(|failed| failed != method);
                    if !by_stopwatch {
                        drill.proving = None;
                    }
                }
            }
            Fact::MethodDisproved { method } => {
                self.proofs.retain(|proof| proof.method != *method);
                let failed = |failed: &mut Vec<Method>| {
                    if !failed.contains(method) {
                        failed.push(*method);
                    }
                };
                if let Some(outage) = &mut self.outage {
                    failed(&mut outage.failed);
                }
                if let Some(drill) = &mut self.drill {
                    failed(&mut drill.failed);
                    drill.proved.retain(|proof| proof.method != *method);
                }
            }
            Fact::LoadLearned { day } => self.baseline.learn(*day),
            Fact::SelfTestBegan => self.test_began = Some(stamp),
            Fact::SelfTestEnded { verdict } => self.test_ended = Some((stamp, *verdict)),
            Fact::DrillStarted { deep } => {
                self.drill = Some(Drill::new(number, stamp, *deep));
            }
            Fact::SessionStarted { user, .. } => {
                let was_hollow =
                    self.outage.as_mut().is_some_and(|outage| std::mem::take(&mut outage.hollow_wakes) > 0);
                let on_battery = self.mode.is_on_battery();
                let Some(drill) = self.drill.as_mut().filter(|drill| on_battery && !drill.has_slept()) else {
                    return was_hollow;
                };
                drill.visitor = Some(user.clone());
            }
            Fact::DrillSaw { what, figure } => {
                if let Some(drill) = &mut self.drill
                    && !drill.saw(*what)
                {
                    drill.seen.push(Seen { what: *what, figure: *figure });
                    if *what == Sight::Woke {
                        drill.proving = None;
                    }
                }
            }
            Fact::DrillProving { method } => {
                if let Some(drill) = &mut self.drill {
                    drill.proving = Some((*method, stamp));
                }
                self.order = Some(Ordered { order: PowerOrder::SleepNow, at: stamp });
            }
            Fact::DrillEnded { how, .. } => {
                if let Some(drill) = self.drill.take() {
                    self.last_drill = Some(PastDrill { drill, how: *how, ended: stamp });
                }
                self.order = self.order.filter(|ordered| ordered.order != PowerOrder::SleepNow);
                if let Some(outage) = self.outage.as_mut().filter(|outage| outage.drill) {
                    outage.drill_over = Some(stamp);
                }
            }
            Fact::DrillOutlasted { .. } => {
                let Some(outage) = &mut self.outage else { return false };
                outage.drill = false;
            }
            _ => return false,
        }
        true
    }

    fn started(&mut self, dark: Option<&Dark>, stamp: Stamp) -> bool {
        let ours_no_more = self.fsd_ours && self.since.boot != stamp.boot;
        self.fsd_ours &= !ours_no_more;
        let lived = dark.map(|dark| dark.from);
        if let Some(drill) = &mut self.drill {
            if let Some(lived) = lived.filter(|lived| lived.boot == drill.counted_at.boot) {
                drill.count_up_to(lived);
            }
            drill.count_up_to(stamp);
        }
        let Some(outage) = &mut self.outage else { return ours_no_more || self.drill.is_some() };
        if let Some(lived) = lived.filter(|lived| lived.boot == outage.counted_at.boot) {
            outage.count_up_to(lived);
        }
        outage.count_up_to(stamp);
        true
    }

    /// Records of this boot were off by so much: the outage began at another time than it said.
    fn clock_corrected(&mut self, by_ms: i64, stamp: Stamp) -> bool {
        let Some(outage) = &mut self.outage else { return false };
        let started = &mut outage.started;
        if started.boot != stamp.boot || !stamp.clock.is_trusted() {
            return false;
        }
        started.wall.0 = started.wall.0.saturating_add(by_ms);
        started.clock = stamp.clock;
        true
    }

    fn replaced(&mut self, what: Replaced, serial: Option<&String>, stamp: Stamp) {
        if let Some(serial) = serial {
            self.serial = Some(serial.clone());
        }
        if what == Replaced::Nothing {
            return;
        }
        // What was measured and proved was measured and proved on another one.
        self.measured = None;
        self.proofs.clear();
        self.replaced = Some(stamp);
        // The load was another UPS's reading of it.
        if what == Replaced::Ups {
            self.baseline = Baseline::default();
        }
        // What began with one battery tells nothing of another.
        if let Some(outage) = &mut self.outage {
            outage.charge_pct = None;
        }
        // A new battery is a full one. Another UPS is not known to have one.
        if what == Replaced::Battery {
            self.drained_mwh = 0;
            self.left_mwh = None;
            self.counted_at = stamp;
        }
    }

    fn switched(&mut self, from: Mode, to: Mode, why: Why, figures: SwitchFigures, number: u64, stamp: Stamp) {
        if from == Mode::Line && to != Mode::Line {
            let hints = Hints { storm: self.is_storm_told(stamp), ..Hints::default() };
            self.outage = Some(Outage {
                id: OutageId(number),
                started: stamp,
                counted: Elapsed::default(),
                counted_at: stamp,
                flaps: 0,
                normal_ms: 0,
                conserving: None,
                sessions: 0,
                sleeps: 0,
                spent_mwh: 0,
                hints,
                drill: self.drill.is_some(),
                drill_over: None,
                mains_off: why == Why::MainsLost,
                back: None,
                charge_pct: figures.charge_pct,
                failed: Vec::new(),
                hollow_wakes: 0,
                stated_by_people: false,
            });
        }
        if let Some(outage) = &mut self.outage {
            outage.switched(self.since, from, to, why, figures.spent_mwh, stamp);
        }
        // A flicker is over with this one record, and what others shut down on mains was none.
        if to == Mode::Line {
            self.outage = self.outage.take().filter(|outage| outage.mains_off && why != Why::Flicker);
        }
        if matches!(to, Mode::Asleep { method: Method::UpsOff } | Mode::Manual { method: Some(Method::UpsOff) }) {
            self.fsd_ours = true;
        }
        if let Some(drill) = &mut self.drill {
            drill.switched(from, to, why);
        }
        let goes_on = match self.order.map(|ordered| ordered.order) {
            Some(PowerOrder::SleepNow) => matches!(to, Mode::Normal | Mode::Conserve),
            Some(PowerOrder::StayAwake { .. }) => {
                !matches!(to, Mode::Line | Mode::Manual { .. } | Mode::FallingAsleep { then: Then::Manual, .. })
            }
            None => false,
        };
        if !goes_on {
            self.order = None;
        }
        self.mode = to;
        self.since = stamp;
        self.why = Some(why);
        self.figures = figures;
        self.drained_mwh = figures.drained_mwh;
        self.left_mwh = Some(figures.energy_mwh);
        self.counted_at = stamp;
    }

    fn told(&mut self, told: Told, upstream: bool, stamp: Stamp) {
        if let Told::Storm { is } = told {
            self.storm_told = is.then_some(stamp);
            if !upstream {
                self.storm_by_people = Some(stamp);
            }
        }
        let Some(outage) = &mut self.outage else { return };
        outage.stated_by_people |= !upstream && !matches!(told, Told::Storm { .. });
        let at_ms = outage.elapsed(stamp).least_ms;
        match told {
            Told::Storm { is } => outage.hints.storm = is,
            Told::NothingStated => {
                // What it stated before is withdrawn.
                outage.hints.statements.clear();
                outage.hints.statements_followed = true;
            }
            Told::EndsIn { ms } => {
                outage.hints.statements_followed = true;
                outage.hints.statements.push(Statement { at_ms, ends_at_ms: at_ms + ms });
                let over = outage.hints.statements.len().saturating_sub(STATEMENTS);
                outage.hints.statements.drain(..over);
            }
        }
    }
}
