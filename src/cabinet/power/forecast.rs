//! What lies ahead: how long, how many requests, how much energy for them.
//!
//! Pure figures from a [`Projection`], what the battery has left, and a [`Plant`]: the site's powers and times. Floats stay in
//! here; what comes out is whole milliwatt-hours and milliseconds.

use super::energy::Plant;
use super::policy::{Method, Rules};
use crate::cabinet::outage::{Projection, Quantile};
use crate::cabinet::types::Civil;

/// How many people come: requests a day, and how they spread over its hours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Demand {
    /// Requests a day, thousandths.
    pub per_day_milli: u64,
    /// Share of each local hour, per mille; they add up to 1,000.
    pub hours: [u16; 24],
}

/// An apartment office: quiet nights, busy from eight to five.
pub const OFFICE_HOURS: [u16; 24] =
    [4, 3, 3, 3, 4, 8, 20, 55, 90, 93, 90, 85, 75, 85, 90, 85, 75, 55, 30, 18, 12, 8, 5, 4];

impl Default for Demand {
    fn default() -> Self {
        Self { per_day_milli: 40_000, hours: OFFICE_HOURS }
    }
}

/// No outage is reckoned with beyond this: the need of longer ones would have nobody served in the first hours.
pub const FARTHEST_MS: u64 = 96 * 3_600_000;
const DAY_MS: u64 = 86_400_000;
const HOUR_MS: u64 = 3_600_000;
const MINUTE_MS: u64 = 60_000;

impl Demand {
    /// The demand to reckon with at this local time of day, or at one that nobody knows.
    #[must_use]
    pub fn at(&self, civil: Option<Civil>) -> Self {
        const EVEN: u16 = 1_000 / 24;
        match civil {
            Some(_) => self.clone(),
            // As many a day, to the rounding.
            None => Self { per_day_milli: self.per_day_milli * 1_000 / (24 * u64::from(EVEN)), hours: [EVEN; 24] },
        }
    }

    /// Requests expected in the next `span_ms` from a local time of day, thousandths.
    #[must_use]
    pub fn expected_milli(&self, from: Civil, span_ms: u64) -> u64 {
        let span_ms = span_ms.min(FARTHEST_MS);
        let mut expected = span_ms / DAY_MS * self.per_day_milli;
        let mut left_ms = span_ms % DAY_MS;
        let mut minute = u64::from(from.minute) % 1_440;
        while left_ms > 0 {
            let hour = (minute / 60) as usize;
            let step_ms = ((60 - minute % 60) * MINUTE_MS).min(left_ms);
            expected += self.per_day_milli * u64::from(self.hours[hour]) * step_ms / (1_000 * HOUR_MS);
            left_ms -= step_ms;
            minute = (minute + 60 - minute % 60) % 1_440;
        }
        expected
    }

    /// How long it takes from a local time of day until so many requests (thousandths) are expected; the farthest time reckoned
    /// with, if it takes longer.
    #[must_use]
    pub fn until_ms(&self, from: Civil, requests_milli: u64) -> u64 {
        let (mut minute, mut passed_ms) = (u64::from(from.minute) % 1_440, 0);
        // In requests times milliseconds, so that nothing is rounded.
        let mut wanted = requests_milli.saturating_mul(1_000 * HOUR_MS);
        while passed_ms < FARTHEST_MS {
            let step_ms = (60 - minute % 60) * MINUTE_MS;
            let rate = self.per_day_milli * u64::from(self.hours[(minute / 60) as usize]);
            if rate * step_ms >= wanted {
                return (passed_ms + wanted.div_ceil(rate.max(1))).min(FARTHEST_MS);
            }
            wanted -= rate * step_ms;
            passed_ms += step_ms;
            minute = (minute + 60 - minute % 60) % 1_440;
        }
        FARTHEST_MS
    }
}

/// The outage ahead, as the policy sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Outlook {
    /// D: elapsed and median remainder.
    pub total_ms: u64,
    /// Remainder that is not exceeded in 80 and 95 of 100 outages that lasted this long.
    pub r80_ms: u64,
    pub r95_ms: u64,
    /// Whether the battery covers these in Normal.
    pub covers_r80: bool,
    pub covers_r95: bool,
    /// Requests expected over R95, rounded up.
    pub requests: u32,
    /// What asleep service over R95 needs, mWh.
    pub need_mwh: u64,
    /// How long the budget looks ahead in Normal, and how long it must be had to linger: by the time until the next visit is expected.
    pub budget_ahead_ms: u64,
    pub linger_ahead_ms: u64,
    /// Something is said of this outage that makes it be expected to last longer than others.
    pub raised: bool,
    /// Whether that can be had at all: a method whose own draw over R95 exceeds the battery has no budget.
    pub budget_applies: bool,
    /// One visit out of sleep: wake, serve, idle, sleep.
    pub cycle_mwh: u64,
    pub shutdown_mwh: u64,
    /// Draw in Normal and asleep, as the battery feels it, mW.
    pub normal_mw: u64,
    pub sleep_mw: u64,
}

impl Outlook {
    /// Looks ahead.
    #[must_use]
    pub fn new(ahead: &Ahead<'_>) -> Self {
        let Ahead { rules, plant, projection, raised, elapsed_ms, energy_mwh, method, idle_ms, .. } = *ahead;
        let (demand, civil) = (&ahead.demand.at(ahead.civil), ahead.civil.unwrap_or_default());
        let median_ms = projection.remainder_ms(elapsed_ms, Quantile::MEDIAN);
        let r80_ms = projection.remainder_ms(elapsed_ms, Quantile::P80);
        let r95_ms = projection.remainder_ms(elapsed_ms, Quantile::P95);
        let normal_mw = plant.felt_mw(plant.normal_mw);
        let sleep_mw = plant.felt_mw(plant.sleep_mw(method));
        let far_ms = r95_ms.min(FARTHEST_MS);
        let requests = demand.expected_milli(civil, far_ms).div_ceil(1_000);
        let pulls = requests + requests.isqrt() + u64::from(rules.reserve_pulls);
        let cycle_mwh = plant.cycle_mwh(method, idle_ms);
        let asleep_mwh = mwh(sleep_mw, r95_ms);
        let next_visit_ms = demand.until_ms(civil, 1_000);
        let wakes_mwh = plant.clock_wakes_mwh(method, far_ms);
        Self {
            total_ms: elapsed_ms + median_ms,
            r80_ms,
            r95_ms,
            covers_r80: energy_mwh >= mwh(normal_mw, r80_ms),
            covers_r95: energy_mwh >= mwh(normal_mw, r95_ms),
            requests: u32::try_from(requests).unwrap_or(u32::MAX),
            need_mwh: pulls * cycle_mwh + asleep_mwh + wakes_mwh + rules.clock_reserve_mwh,
            budget_ahead_ms: (next_visit_ms * rules.budget_ahead_pct / 100).max(rules.budget_ahead_ms),
            linger_ahead_ms: next_visit_ms * rules.linger_ahead_pct / 100,
            raised,
            budget_applies: asleep_mwh <= energy_mwh,
            cycle_mwh,
            shutdown_mwh: mwh(normal_mw, plant.shutdown_ms),
            normal_mw,
            sleep_mw,
        }
    }

    /// What so much of Normal takes, mWh.
    #[must_use]
    pub const fn normal_mwh(&self, for_ms: u64) -> u64 {
        mwh(self.normal_mw, for_ms)
    }

    /// Visits out of sleep that the battery still bears, if people come as the demand has them and it sleeps in between.
    #[must_use]
    pub fn pulls_left(&self, ahead: &Ahead<'_>) -> u64 {
        let usable_mwh = ahead.energy_mwh.saturating_sub(ahead.rules.clock_reserve_mwh + self.shutdown_mwh);
        let (demand, civil) = (ahead.demand.at(ahead.civil), ahead.civil.unwrap_or_default());
        let visits = |for_ms| demand.expected_milli(civil, for_ms) / 1_000;
        let asleep_mwh = |for_ms| mwh(self.sleep_mw, for_ms) + ahead.plant.clock_wakes_mwh(ahead.method, for_ms);
        let bears = |for_ms| visits(for_ms) * self.cycle_mwh + asleep_mwh(for_ms) <= usable_mwh;
        if bears(FARTHEST_MS) {
            return (usable_mwh - asleep_mwh(FARTHEST_MS)) / self.cycle_mwh.max(1);
        }
        let (mut can_ms, mut cannot_ms) = (0, FARTHEST_MS);
        while cannot_ms - can_ms > MINUTE_MS {
            let middle_ms = u64::midpoint(can_ms, cannot_ms);
            *(if bears(middle_ms) { &mut can_ms } else { &mut cannot_ms }) = middle_ms;
        }
        visits(can_ms)
    }

    /// How long the battery lasts, awake, ms.
    #[must_use]
    pub fn awake_ms(&self, energy_mwh: u64) -> u64 {
        energy_mwh * HOUR_MS / self.normal_mw.max(1)
    }
}

/// What [`Outlook::new`] looks from.
#[derive(Clone, Copy, Debug)]
pub struct Ahead<'a> {
    pub rules: &'a Rules,
    pub plant: &'a Plant,
    pub demand: &'a Demand,
    pub projection: &'a Projection,
    /// Whether hints raised it.
    pub raised: bool,
    /// The longer end, when it is an interval.
    pub elapsed_ms: u64,
    /// Local time of day now; none = nobody knows it, and any hour is as busy as another.
    pub civil: Option<Civil>,
    pub energy_mwh: u64,
    /// The deepest usable method.
    pub method: Method,
    /// How long somebody who came keeps the cabinet awake afterwards.
    pub idle_ms: u64,
}

/// Energy of a draw over a time.
#[must_use]
pub const fn mwh(draw_mw: u64, for_ms: u64) -> u64 {
    draw_mw.saturating_mul(for_ms) / HOUR_MS
}
