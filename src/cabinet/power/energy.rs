//! What the battery holds, what is drawn from it, what is left.
//!
//! Capacity is counted in milliwatt-hours at the 20-hour rate, as batteries are sold. A heavier draw empties a lead-acid battery
//! faster than its watts say (Peukert, exponent 1.15), so every draw is counted as the battery feels it: `P·(P/P20)^(k−1)`,
//! P20 = nameplate / 20 h. A lighter draw is not credited. Lithium: k = 1.
//!
//! What is left is the least of what three witnesses say: the drain integrated by ourselves, the UPS's charge, and its runtime where
//! the load is high enough (15 %) for that figure to mean something. A witness that is silent ages: drain goes on being counted
//! from its last word.

use super::policy::Method;
use super::reading::UpsFigures;
use crate::cabinet::types::Mono;
use serde::{Deserialize, Serialize};

/// The site's powers and times: config, or what a drill measured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plant {
    /// As printed on the battery, mWh at the 20-hour rate.
    pub nameplate_mwh: u64,
    /// Peukert's exponent, thousandths: 1,150 for lead-acid, 1,000 for lithium.
    pub peukert_milli: u32,
    /// Draw from the battery, the UPS's own included, mW: awake, in standby, halted.
    pub normal_mw: u64,
    pub standby_mw: u64,
    pub halted_mw: u64,
    /// What the UPS itself takes of these, mW.
    pub overhead_mw: u64,
    /// From the button to ready, from ready to off, one visit.
    pub boot_ms: u64,
    pub shutdown_ms: u64,
    pub visit_ms: u64,
    /// Halted, its clock wakes it this often; 0 = never.
    pub clock_wake_ms: u64,
}

impl Default for Plant {
    fn default() -> Self {
        Self {
            nameplate_mwh: 108_000,
            peukert_milli: 1_150,
            normal_mw: 20_000,
            standby_mw: 12_000,
            halted_mw: 9_500,
            overhead_mw: 8_000,
            boot_ms: 45_000,
            shutdown_ms: 10_000,
            visit_ms: 45_000,
            clock_wake_ms: 3_600_000,
        }
    }
}

/// A wake by the clock finds nobody and ends at once.
const CLOCK_WAKE_STAY_MS: u64 = 5_000;

impl Plant {
    /// Draw while asleep in a way.
    #[must_use]
    pub const fn sleep_mw(&self, method: Method) -> u64 {
        match method {
            Method::Standby => self.standby_mw,
            Method::Halt => self.halted_mw,
            Method::UpsOff => 0,
        }
    }

    /// A draw as the battery feels it (Peukert, see the head of this file).
    #[must_use]
    pub fn felt_mw(&self, draw_mw: u64) -> u64 {
        let rated_mw = self.nameplate_mwh / 20;
        if draw_mw <= rated_mw || rated_mw == 0 || self.peukert_milli <= 1_000 {
            return draw_mw;
        }
        #[expect(clippy::cast_precision_loss, reason = "watts: far below 2^52 mW")]
        let heavier = libm::pow(draw_mw as f64 / rated_mw as f64, f64::from(self.peukert_milli - 1_000) / 1_000.0);
        #[expect(clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "a positive draw of some watts")]
        let felt = (draw_mw as f64 * heavier) as u64;
        felt
    }

    /// What one visit out of sleep takes beyond sleeping on, mWh: wake, serve, idle, fall asleep.
    #[must_use]
    pub fn cycle_mwh(&self, method: Method, idle_ms: u64) -> u64 {
        let way_ms = if method.is_deep() { self.boot_ms + self.shutdown_ms } else { 0 };
        let beyond_mw = self.felt_mw(self.normal_mw).saturating_sub(self.felt_mw(self.sleep_mw(method)));
        super::forecast::mwh(beyond_mw, way_ms + self.visit_ms + idle_ms).max(1)
    }

    /// What the wakes by its own clock take over a time, mWh.
    #[must_use]
    pub fn clock_wakes_mwh(&self, method: Method, over_ms: u64) -> u64 {
        if method != Method::Halt || self.clock_wake_ms == 0 {
            return 0;
        }
        let beyond_mw = self.felt_mw(self.normal_mw).saturating_sub(self.felt_mw(self.halted_mw));
        let each_ms = self.boot_ms + self.shutdown_ms + CLOCK_WAKE_STAY_MS;
        super::forecast::mwh(beyond_mw, each_ms * (over_ms / self.clock_wake_ms))
    }

    /// What a full battery holds: measured, or three quarters of the nameplate; a battery that its UPS wants replaced
    /// (`RB`) 12 % of the nameplate less.
    #[must_use]
    pub const fn full_mwh(&self, measured_mwh: Option<u64>, replace: bool) -> u64 {
        let full = match measured_mwh {
            Some(measured) => measured,
            None => self.nameplate_mwh / 100 * 75,
        };
        if replace { full.saturating_sub(self.nameplate_mwh / 100 * 12) } else { full }
    }
}

/// The charge must have fallen by so much before it measures a battery that nothing else has measured.
const TELLING_PCT: u64 = 20;

/// `battery.runtime` means something from this load on.
const RUNTIME_LOAD_PCT: u8 = 15;
/// A charger puts a whole battery back in so many hours, not sooner, whatever the UPS says of its charge.
const CHARGE_HOURS: u64 = 10;

/// The witnesses. Drains are microjoules as the battery feels them: milliwatts times milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Energy {
    /// Drained since the battery was full.
    pub drained_uj: u64,
    /// Up to here that is counted.
    pub at: Mono,
    /// The UPS's last word on its charge, and what was drained since.
    pub charge: Option<Witness>,
    /// … on its runtime: `said` is the energy that it stands for, mWh.
    pub runtime: Option<Witness>,
    /// What was left by the last record, mWh: it stands in for the UPS until that speaks again.
    #[serde(default)]
    pub recorded: Option<Witness>,
}

/// A figure that ages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Witness {
    /// Percent, or mWh.
    pub said: u64,
    pub drained_since_uj: u64,
}

/// Microjoules in a milliwatt-hour.
pub const UJ_PER_MWH: u64 = 3_600_000;

impl Energy {
    /// A battery of which so much was drained.
    #[must_use]
    pub const fn drained(drained_mwh: u64, at: Mono) -> Self {
        Self { drained_uj: drained_mwh.saturating_mul(UJ_PER_MWH), at, charge: None, runtime: None, recorded: None }
    }

    /// The same, of which a record says how much was left.
    #[must_use]
    pub fn recorded(self, left_mwh: Option<u64>) -> Self {
        Self { recorded: left_mwh.map(|said| Witness { said, drained_since_uj: 0 }), ..self }
    }

    /// Time went by on battery, with this draw (as the battery feels it).
    pub fn drain(&mut self, to: Mono, felt_mw: u64) {
        self.drain_for(to.since_ms(self.at), felt_mw);
        self.at = self.at.max(to);
    }

    /// The same for a time that the boot clock of now does not tell.
    pub fn drain_for(&mut self, ms: u64, felt_mw: u64) {
        let uj = felt_mw.saturating_mul(ms);
        self.drained_uj = self.drained_uj.saturating_add(uj);
        for witness in [&mut self.charge, &mut self.runtime, &mut self.recorded].into_iter().flatten() {
            witness.drained_since_uj = witness.drained_since_uj.saturating_add(uj);
        }
    }

    /// Time went by on mains: the charger works.
    pub fn charge(&mut self, to: Mono, full_mwh: u64) {
        self.charge_for(to.since_ms(self.at), full_mwh);
        self.at = self.at.max(to);
    }

    /// The same for a time that the boot clock of now does not tell.
    pub fn charge_for(&mut self, ms: u64, full_mwh: u64) {
        let full_uj = full_mwh.saturating_mul(UJ_PER_MWH);
        let uj = (full_uj / (CHARGE_HOURS * 3_600_000)).saturating_mul(ms);
        // Whatever it gave beyond what it was taken to hold: it is empty, not more than that.
        self.drained_uj = self.drained_uj.min(full_uj).saturating_sub(uj);
        // What they said was before this charging.
        (self.charge, self.runtime, self.recorded) = (None, None, None);
    }

    /// The same count, but no more than so much of a full battery is left.
    #[must_use]
    pub fn with_at_most(self, left_mwh: u64, full_mwh: u64) -> Self {
        let drained_uj = self.drained_uj.max(full_mwh.saturating_sub(left_mwh).saturating_mul(UJ_PER_MWH));
        Self { drained_uj, ..self }
    }

    /// The UPS spoke. `normal_mw`: the draw (as felt) that its runtime is taken to mean.
    pub fn hear(&mut self, figures: &UpsFigures, normal_mw: u64) {
        let witness = |said| Witness { said, drained_since_uj: 0 };
        // Units that say 0 % go on carrying their load: that is for the drain to say. The same whole percent again says nothing
        // new: it may be nearly a percent old.
        if let Some(pct) = figures.charge_pct.map(u64::from).filter(|pct| *pct > 0)
            && self.charge.is_none_or(|charge| charge.said != pct)
        {
            self.charge = Some(witness(pct));
        }
        if let Some(runtime_s) =
            figures.runtime_s.filter(|_| figures.load_pct.is_some_and(|pct| pct >= RUNTIME_LOAD_PCT))
        {
            self.runtime = Some(witness(super::forecast::mwh(normal_mw, u64::from(runtime_s) * 1_000)));
        }
        if self.charge.is_some() || self.runtime.is_some() {
            self.recorded = None;
        }
    }

    /// What is left of a battery that holds `full_mwh` when full: the least that a witness says.
    #[must_use]
    pub fn left_mwh(&self, full_mwh: u64) -> u64 {
        let by_drain = full_mwh.saturating_sub(self.drained_uj / UJ_PER_MWH);
        let after = |witness: Witness, mwh: u64| mwh.saturating_sub(witness.drained_since_uj / UJ_PER_MWH);
        let by_charge = self.charge.map(|charge| after(charge, full_mwh * charge.said / 100));
        let by_runtime = self.runtime.map(|runtime| after(runtime, runtime.said));
        let by_record = self.recorded.map(|recorded| after(recorded, recorded.said));
        [by_charge, by_runtime, by_record].into_iter().flatten().fold(by_drain, u64::min)
    }

    /// What the whole battery holds, by this discharge so far: from `began_pct` on, `spent_mwh` were drained. None before the charge fell by
    /// 20 points, or if the outcome is no battery's; never above its nameplate, since the UPS's charge is an estimate itself.
    ///
    /// The moment that counts is the one at which the UPS last said another percent.
    #[must_use]
    pub fn full_by_charge_mwh(&self, plant: &Plant, began_pct: u8, spent_mwh: u64) -> Option<u64> {
        let Witness { said, drained_since_uj } = self.charge?;
        let fell = u64::from(began_pct).checked_sub(said).filter(|fell| *fell >= TELLING_PCT)?;
        let spent_mwh = spent_mwh.saturating_sub(drained_since_uj / UJ_PER_MWH);
        let full_mwh = spent_mwh * 100 / fell;
        (full_mwh >= plant.nameplate_mwh / 5).then(|| full_mwh.min(plant.nameplate_mwh))
    }

    /// Drained since full, mWh.
    #[must_use]
    pub const fn drained_mwh(&self) -> u64 {
        self.drained_uj / UJ_PER_MWH
    }
}
