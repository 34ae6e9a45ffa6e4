//! The figures of the policy, and how they are shipped.

use super::Method;

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
