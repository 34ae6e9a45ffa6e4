//! What the cabinet alone draws, learned from readings of the UPS, so that a load of somebody else's on the same UPS shows.
//!
//! A printer on the cabinet's UPS takes the battery with it in an outage, and nobody notices before. So the load is learned:
//!
//! ```text
//!  each reading ─▶ LoadWatch::observe ─ a day is over ─▶ LoadDay (a record) ─▶ Baseline::learn ─▶ Baseline::finding
//!                  (volatile: today)                      some 150 bytes           (a view: 28 days)
//! ```
//!
//! - Only minutes count in which the cabinet itself stands idle on line power; the caller says which ([`LoadSample::idle`]).
//! - A day's *floor* is what its quieter hours draw. The *base* follows the floor down at once, since a lower one proves that the
//!   cabinet can do with less, and up by at most [`RISE_MW`] a day: ageing and seasons pass, a device that was plugged in does not.
//! - An hour is *foreign* when at least five of its minutes lie above the base by more than a threshold, which is the largest of
//!   [`LEAST_EXCESS_MW`], two and a half steps of the UPS's own resolution, and twice the spread of the quiet hours.
//! - `ups.load` 0 is unknown, and sorts below every figure: many units show nothing below some percent. Where most of the day is
//!   unknown there is no base, and [`UNSEEN_MW`] is taken for it.
//!
//! **Does not** see a load that was there from the first day on and never went: that only a comparison with the cabinet's own
//! draw shows, as the config or a drill says it (`cabinetd check` compares). Nor one that is on only while the cabinet is busy.

use super::UpsFigures;
use crate::cabinet::types::Civil;
use serde::{Deserialize, Serialize};

/// Less than this above the base is the cabinet's own: a processor at work, a brighter display.
pub const LEAST_EXCESS_MW: u32 = 6_000;
/// By how much the base may rise in a day: 1.5 W in a month.
pub const RISE_MW: u32 = 50;
/// The base where the UPS does not show so small a load: no cabinet idles above it.
pub const UNSEEN_MW: u32 = 20_000;
/// Days that are remembered.
pub const DAYS: usize = 28;
/// Days without a sighting after which a foreign load counts as gone.
pub const GONE_DAYS: usize = 14;
/// Days after which the base is worth something.
pub const LEARNED_DAYS: usize = 3;

/// Idle minutes that an hour must have to be judged.
const HOUR_MINUTES: usize = 10;
/// Judged hours that a day must have to move the base.
const DAY_HOURS: u32 = 6;
/// Minutes that must lie above the threshold: a few are glitches of the unit.
const EVIDENCE_MINUTES: usize = 5;
/// A load of so many thresholds is believed at its first hour; a smaller one must come again.
const PLAIN_THRESHOLDS: u32 = 4;
/// So often must a smaller one be seen, on two days at least.
const AGAIN_HOURS: u32 = 3;
/// Minutes after the cabinet was busy that do not count: units average.
const SETTLING_MINUTES: i64 = 2;
/// Minutes kept of an hour: an hour that a clock set back made longer.
const MOST_MINUTES: usize = 120;

/// One reading of the load.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LoadSample {
    /// Local time of the reading.
    pub at: Civil,
    /// Whether that is more than a guess.
    pub clock_trusted: bool,
    /// What the UPS delivers, in milliwatts; none if it does not say.
    pub power_mw: Option<u32>,
    /// The smallest difference that the UPS can show, in milliwatts.
    pub step_mw: u32,
    /// What the config says the cabinet draws from the UPS, in milliwatts. A correction of it begins the learning anew.
    pub own_mw: u32,
    /// The cabinet is on line power and up for minutes, nobody is there, no relay, display or other switched load differs from how it
    /// is in an idle minute, and no test runs.
    pub idle: bool,
}

/// The load that figures speak of, in milliwatts, and the UPS's resolution. `ups.load` is a share of the rating: without a
/// rating it is no figure.
#[must_use]
pub fn power_of(figures: &UpsFigures, rated_w: Option<u32>) -> (Option<u32>, u32) {
    /// Most units that measure watts show whole ones.
    const WATT_MW: u32 = 1_000;
    let step_mw = rated_w.map_or(WATT_MW, |rated_w| rated_w.saturating_mul(10));
    let by_load = figures.load_pct.zip(rated_w).map(|(pct, _)| step_mw.saturating_mul(u32::from(pct)));
    match figures.real_power_mw {
        // Some drivers compute the one from the other: then it is no finer.
        Some(power_mw) if by_load == Some(power_mw) => (by_load, step_mw),
        Some(power_mw) => (Some(power_mw), WATT_MW),
        None => (by_load, step_mw),
    }
}

/// What a day taught: the payload of a record. All powers are in milliwatts, hours are bits 0 to 23.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LoadDay {
    /// Days since 1970-01-01, local.
    pub day: i32,
    /// Whether the hours are more than a guess.
    pub clock_trusted: bool,
    /// What the config said the cabinet draws.
    pub own_mw: u32,
    /// What the cabinet alone draws, as known at the end of this day; none = the UPS does not show so little.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_mw: Option<u32>,
    /// What counted as foreign: more than this above the base.
    pub threshold_mw: u32,
    /// Hours of which enough was seen.
    pub judged: u32,
    /// Hours with a foreign load.
    pub foreign: u32,
    /// By how much it lay above the base: the median of those hours, 0 without any.
    pub foreign_mw: u32,
    /// The highest of those hours.
    pub peak_mw: u32,
}

/// Load that is not the cabinet's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ForeignLoad {
    /// How much, as a rule.
    pub watts_mw: u32,
    /// How much at most.
    pub peak_mw: u32,
    /// When: bits 0 to 23. With `regular` the hours at which it was there on most of its days
    /// (as far as they were seen), otherwise all at which it ever was.
    pub hours: u32,
    /// Whether it keeps to hours.
    pub regular: bool,
    /// Whether it was there in every hour that was seen since it came.
    pub always: bool,
    /// Its days of the week: bit 0 = Monday.
    pub weekdays: u8,
    /// On how many days.
    pub days: usize,
    /// Seen for the first time so many observed days ago (1 = the last day that was observed).
    pub since_days: usize,
    /// Seen for the last time so many observed days ago.
    pub last_days: usize,
    /// Whether hours and weekdays are more than a guess.
    pub clock_trusted: bool,
}

/// What the cabinet alone draws, and what was seen beside it. A view: the fold of the [`LoadDay`] records.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Baseline {
    days: Vec<LoadDay>,
}

impl Baseline {
    /// The fold of the days' records, oldest first.
    #[must_use]
    pub fn learned(days: &[LoadDay]) -> Self {
        let mut baseline = Self::default();
        for day in days {
            baseline.learn(*day);
        }
        baseline
    }

    /// Takes a day's record in. What was learned of a cabinet that draws otherwise by its config counts no more.
    pub fn learn(&mut self, day: LoadDay) {
        if !self.is_of(day.own_mw) {
            self.days.clear();
        }
        if self.days.len() >= DAYS {
            self.days.remove(0);
        }
        self.days.push(day);
    }

    /// Whether it was learned of a cabinet that draws this by its config.
    fn is_of(&self, own_mw: u32) -> bool {
        self.days.last().is_none_or(|last| last.own_mw == own_mw)
    }

    /// What the cabinet alone draws, in milliwatts; none while nothing is known, or where the UPS does not show so little.
    #[must_use]
    pub fn base_mw(&self) -> Option<u32> {
        self.days.last()?.base_mw
    }

    /// How many days were learned from (at most [`DAYS`] are remembered).
    #[must_use]
    pub fn days(&self) -> usize {
        self.days.len()
    }

    /// Whether enough was seen for "nothing foreign" to mean something.
    #[must_use]
    pub fn is_learned(&self) -> bool {
        self.days() >= LEARNED_DAYS
    }

    /// The load that is not the cabinet's, if there is one. A small one must have come on two days before it is believed.
    #[must_use]
    pub fn finding(&self) -> Option<ForeignLoad> {
        let seen: Vec<(usize, &LoadDay)> = self.days.iter().enumerate().filter(|(_, day)| day.foreign != 0).collect();
        let ((first, _), (last, latest)) = (seen.first()?, seen.last()?);
        let hours: u32 = seen.iter().map(|(_, day)| day.foreign.count_ones()).sum();
        let plain = seen.iter().any(|(_, day)| day.peak_mw >= day.threshold_mw.saturating_mul(PLAIN_THRESHOLDS));
        let again = seen.len() >= 2 && hours >= AGAIN_HOURS;
        let last_days = self.days.len() - last;
        if !(plain || again) || last_days > GONE_DAYS {
            return None;
        }
        let has = |mask: u32, hour: u32| mask >> hour & 1 == 1;
        let is_usual = |hour: &u32| {
            let judged = seen.iter().filter(|(_, day)| has(day.judged, *hour)).count();
            seen.iter().filter(|(_, day)| has(day.foreign, *hour)).count() * 2 > judged
        };
        let usual: u32 = (0..24).filter(is_usual).fold(0, |mask, hour| mask | 1 << hour);
        // Most of what was seen must be in the usual hours, or they are chance.
        let kept_to: u32 = seen.iter().map(|(_, day)| (day.foreign & usual).count_ones()).sum();
        let regular = seen.len() >= 2 && kept_to * 2 > hours;
        let since = &self.days[*first..=*last];
        Some(ForeignLoad {
            watts_mw: median(seen.iter().map(|(_, day)| day.foreign_mw).collect()),
            peak_mw: seen.iter().map(|(_, day)| day.peak_mw).max().unwrap_or(latest.peak_mw),
            hours: if regular { usual } else { seen.iter().fold(0, |mask, (_, day)| mask | day.foreign) },
            regular,
            always: last_days == 1 && seen.len() >= 2 && since.iter().skip(1).all(|day| day.foreign == day.judged),
            weekdays: seen.iter().fold(0, |days, (_, day)| days | 1 << Civil { day: day.day, minute: 0 }.weekday()),
            days: seen.len(),
            since_days: self.days.len() - first,
            last_days,
            clock_trusted: seen.iter().all(|(_, day)| day.clock_trusted),
        })
    }
}

/// Today, as far as it was seen. Lost with the process, and nothing is lost by that but hours of one day.
#[derive(Clone, Debug, Default)]
pub struct LoadWatch {
    /// The day and hour under way.
    now: Option<(i32, u16)>,
    /// The last minute that was taken.
    taken: Option<i64>,
    /// The last minute in which the cabinet was busy.
    busy: Option<i64>,
    /// Idle minutes of the hour under way; none sorts first, below all that can be shown.
    minutes: Vec<Option<u32>>,
    hours: [Option<Hour>; 24],
    step_mw: u32,
    own_mw: u32,
    clock_guessed: bool,
}

/// An hour of which enough was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Hour {
    /// A tenth of the minutes lie below; none = in the dark.
    low_mw: Option<u32>,
    /// Reached in [`EVIDENCE_MINUTES`] minutes or a twentieth of them.
    high_mw: Option<u32>,
}

impl LoadWatch {
    /// Takes a reading. When it is the first of another day, gives what the day before taught, to be recorded and then
    /// [learned](Baseline::learn); none if that was too little.
    pub fn observe(&mut self, baseline: &Baseline, sample: &LoadSample) -> Option<LoadDay> {
        let minute = i64::from(sample.at.day) * 1_440 + i64::from(sample.at.minute);
        let now = (sample.at.day, sample.at.minute.min(1_439) / 60);
        let mut over = None;
        if self.now != Some(now) {
            self.close_hour();
            // Another day, later or earlier: a clock that was set may go back.
            if self.now.is_some_and(|(day, _)| day != now.0) {
                over = self.summary_of_day(baseline);
                *self = Self { busy: self.busy, ..Self::default() };
            }
            self.now = Some(now);
        }
        if !sample.idle {
            self.busy = Some(minute);
            return over;
        }
        let settling = self.busy.is_some_and(|busy| minute.abs_diff(busy) <= SETTLING_MINUTES.unsigned_abs());
        if settling || self.taken == Some(minute) || self.minutes.len() >= MOST_MINUTES {
            return over;
        }
        self.taken = Some(minute);
        self.minutes.push(sample.power_mw);
        self.step_mw = self.step_mw.max(sample.step_mw);
        self.own_mw = sample.own_mw;
        self.clock_guessed |= !sample.clock_trusted;
        over
    }

    fn close_hour(&mut self) {
        let Some((_, hour)) = self.now else { return };
        let mut minutes = std::mem::take(&mut self.minutes);
        if minutes.len() < HOUR_MINUTES {
            return;
        }
        minutes.sort_unstable();
        let count = minutes.len();
        let seen = Hour { low_mw: minutes[count / 10], high_mw: minutes[count - (count / 20).max(EVIDENCE_MINUTES)] };
        // The same hour again, on the day on which summer ends.
        let place = &mut self.hours[usize::from(hour)];
        *place = Some(place.map_or(seen, |former| Hour {
            low_mw: former.low_mw.min(seen.low_mw),
            high_mw: former.high_mw.max(seen.high_mw),
        }));
    }

    /// What the closed hours of the day under way taught. None: too little was seen.
    fn summary_of_day(&self, baseline: &Baseline) -> Option<LoadDay> {
        let (day, _) = self.now?;
        let anew = Baseline::default();
        let baseline = if baseline.is_of(self.own_mw) { baseline } else { &anew };
        let hours = || (0_u32..).zip(&self.hours).filter_map(|(hour, seen)| Some((hour, (*seen)?)));
        let judged = hours().fold(0_u32, |mask, (hour, _)| mask | 1 << hour);
        let mut lows: Vec<Option<u32>> = hours().map(|(_, hour)| hour.low_mw).collect();
        lows.sort_unstable();
        let floor_mw = lows.get(lows.len() / 5).copied().filter(|_| judged.count_ones() >= DAY_HOURS);
        let base_mw = match (baseline.base_mw(), floor_mw) {
            (Some(base), Some(Some(floor))) => Some(floor.min(base.saturating_add(RISE_MW))),
            (None, Some(floor)) => floor,
            // In the dark, or too short a day: as before.
            (Some(base), Some(None) | None) => Some(base),
            // The first day must be a whole one.
            (None, None) if baseline.days() == 0 => return None,
            (None, None) => None,
        };
        let mut spreads: Vec<u32> =
            hours().filter_map(|(_, hour)| Some(hour.high_mw?.saturating_sub(hour.low_mw?))).collect();
        spreads.sort_unstable();
        let spread = spreads.get(spreads.len() / 4).copied().unwrap_or(0);
        let steps = self.step_mw.saturating_mul(5) / 2;
        let threshold_mw = LEAST_EXCESS_MW.max(steps).max(spread.saturating_mul(2));

        let above = base_mw.unwrap_or(UNSEEN_MW);
        let excess = |hour: Hour| hour.high_mw.unwrap_or(0).saturating_sub(above);
        let foreign = || hours().map(|(hour, seen)| (hour, excess(seen))).filter(|(_, excess)| *excess > threshold_mw);
        (judged != 0).then(|| LoadDay {
            day,
            clock_trusted: !self.clock_guessed,
            own_mw: self.own_mw,
            base_mw,
            threshold_mw,
            judged,
            foreign: foreign().fold(0, |mask, (hour, _)| mask | 1 << hour),
            foreign_mw: median(foreign().map(|(_, excess)| excess).collect()),
            peak_mw: foreign().map(|(_, excess)| excess).max().unwrap_or(0),
        })
    }
}

/// The middle one, the lower of two; 0 of none.
fn median(mut values: Vec<u32>) -> u32 {
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests;
