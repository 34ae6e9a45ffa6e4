//! The projection: how long an outage will last, given that it has lasted so long already.
//!
//! A small mixture of log-normals of the outage's length, conditioned on the elapsed time:
//!
//! ```text
//! built-in prior (utility data) ──with_history──▶ this site's prior ──with_hints──▶ this outage ──remainder_ms──▶ how long yet
//! ```
//!
//! Promises: exact up to a millisecond, from the first second to years; the projected end never comes nearer because time passes (a
//! stated long restoration time may take back a little of what it added); hints only ever make it later; no input makes it panic or answer nonsense.
//!
//! It deliberately knows no battery, no requests and no mode: what to do about an outage is [`power`](super::power)'s. It learns from
//! lengths alone, not from season or hour, since a site has too few outages for more. Its floats stay inside: milliseconds
//! in, milliseconds out, and nothing of it is recorded.

use serde::{Deserialize, Serialize};
use std::f64::consts::FRAC_1_SQRT_2;

#[cfg(test)]
mod tests;

const HOUR_MS: f64 = 3_600_000.0;

/// The length of an outage as a random quantity.
#[derive(Clone, PartialEq, Debug)]
pub struct Projection {
    parts: Vec<Part>,
    /// A long restoration time stretches every remainder by this; at least 1.
    stretch: f64,
}

/// One log-normal of the mixture: ln of the length in hours is normal. Sigmas are all about 1 or more, so that no survival underflows.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Part {
    weight: f64,
    mu: f64,
    sigma: f64,
}

/// What is known of an outage besides its age.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Hints {
    /// A person or upstream says that there is a storm, or that much of the area is out.
    pub storm: bool,
    /// Somebody passes on what the utility says: only then does its silence mean anything.
    pub statements_followed: bool,
    /// What the utility said, oldest first.
    pub statements: Vec<Statement>,
}

/// What an outage's hints come to at one moment: each makes it be expected to last longer.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Signs {
    pub storm: bool,
    /// The utility is listened to, and stated nothing within the first hour.
    pub silent: bool,
    /// A stated time was moved by half an hour or more.
    pub pushed_back: bool,
    /// More than eight hours were stated.
    pub stated_long: bool,
}

impl Hints {
    /// What they come to when the outage has lasted so long.
    #[must_use]
    pub fn signs(&self, elapsed_ms: u64) -> Signs {
        let said = || self.said_by(elapsed_ms);
        let silent = self.statements_followed
            && elapsed_ms >= SILENT_AFTER_MS
            && !said().any(|statement| statement.at_ms <= SILENT_AFTER_MS);
        let mut earliest_ms = u64::MAX;
        let pushed_back = said().any(|statement| {
            earliest_ms = earliest_ms.min(statement.ends_at_ms);
            statement.ends_at_ms - earliest_ms >= PUSHED_BACK_MS
        });
        let stated_long = said().any(|statement| statement.ends_at_ms > STATED_LONG_MS);
        Signs { storm: self.storm, silent, pushed_back, stated_long }
    }

    fn said_by(&self, elapsed_ms: u64) -> impl Iterator<Item = &Statement> {
        self.statements.iter().filter(move |statement| statement.at_ms <= elapsed_ms)
    }
}

/// The utility states when the outage will be over. Milliseconds since the outage began.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Statement {
    pub at_ms: u64,
    pub ends_at_ms: u64,
}

/// How long an outage has lasted; an interval where the clock was not to be trusted.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Elapsed {
    pub least_ms: u64,
    pub most_ms: u64,
}

/// A share of the cases, in thousandths from 1 to 999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Quantile(u16);

// ---------------------------------------------------------------- the figures behind it

/// Customer-weighted lengths of utility outages: most are short, some are of another kind.
const BUILT_IN: [Part; 2] =
    [Part { weight: 0.77, mu: 0.15, sigma: 1.02 }, Part { weight: 0.23, mu: 1.30, sigma: 1.53 }];

/// The prior counts as so many outages of the site's own. Successive outages of one place hardly resemble each other (correlation of
/// ln T 0.07), so that it takes a site some ten of them to tell more of itself than the utility does.
const PRIOR_WEIGHT: f64 = 13.0;

/// Older outages of the site are forgotten.
const LONGEST_HISTORY: usize = 32;

/// The lengths of own outages are taken for at least a minute and at most 30 days.
const HISTORY_H: (f64, f64) = (1.0 / 60.0, 720.0);

/// How unlike an outage of its own a site's next one is: as outages of the ordinary kind are unlike each other.
const HISTORY_SIGMA: f64 = BUILT_IN[0].sigma;

/// A part is of the long kind if its median is above this, in hours.
const LONG_KIND_H: f64 = 3.0;

// A hint multiplies the odds of the long kind.

/// A storm flag that is up on 80 % of the major days and on 5 % of the others is worth 0.80/0.05 in odds: what the long kind is to the
/// ordinary one (P(T > 4 h) = 0.48 and 0.11), major days are to others (0.40 and 0.14).
const STORM_ODDS: f64 = 16.0;

// The others take the built-in prior's share of the long kind, 0.23, to the share w at which P(T > 4 h) = w·0.477 + (1 − w)·0.113 is what
// was measured with that hint. The tests do this calculation again.

/// P(T > 4 h) = 0.36 to 0.40 without a restoration time stated within the first hour: w = 0.73.
const SILENCE_ODDS: f64 = 9.2;

/// P(T > 4 h) = 0.71 to 0.74 once a restoration time was pushed back. That is above what even the long kind has at the start, because
/// by then some hours have passed. Taken as known after 2 h it asks for w = 0.97, after 2.5 h for w = 0.55; 0.80 is between them.
const PUSHED_BACK_ODDS: f64 = 13.4;

/// A restoration time within the first hour is what utilities give in an ordinary outage.
const SILENT_AFTER_MS: u64 = 3_600_000;

/// A restoration time is pushed back when it is later by this than one stated before.
const PUSHED_BACK_MS: u64 = 30 * 60_000;

/// A stated length above this is a long one.
const STATED_LONG_MS: u64 = 8 * 3_600_000;

/// Stated lengths are not believed beyond 30 days.
const STATED_AT_MOST_MS: u64 = 30 * 24 * 3_600_000;

/// How much of the way to a stated remainder the projection goes, in logarithms: the correlation of stated and true times.
const STATED_TRUST: f64 = 0.20;

/// √(2π).
const ROOT_OF_TWO_PI: f64 = 2.506_628_274_631_000_7;

/// No outage counts as longer than ten years.
const LONGEST_H: f64 = 87_600.0;

// ---------------------------------------------------------------- what it answers

impl Projection {
    /// The prior for a site of which nothing is known.
    #[must_use]
    pub fn built_in() -> Self {
        Self { parts: BUILT_IN.to_vec(), stretch: 1.0 }
    }

    /// The two kinds of outage that the prior is made of, the ordinary and the long one: weight, mu, sigma (of ln hours).
    #[must_use]
    pub fn built_in_kinds() -> [(f64, f64, f64); 2] {
        BUILT_IN.map(|part| (part.weight, part.mu, part.sigma))
    }

    /// The same for a site with outages of its own, oldest first, of which the last 32 count.
    ///
    /// Each is a log-normal around its length, as wide as the ordinary kind, with the weight 1/(13 + n): what is known of the site is
    /// mixed in, never put in the place of what is known of all sites. So its longest outage so far is no bound.
    #[must_use]
    pub fn with_history(&self, lengths_ms: &[u64]) -> Self {
        let own = &lengths_ms[lengths_ms.len().saturating_sub(LONGEST_HISTORY)..];
        let all = PRIOR_WEIGHT + count(own.len());
        let prior = self.parts.iter().map(|part| Part { weight: part.weight * PRIOR_WEIGHT / all, ..*part });
        let own = own.iter().map(|length_ms| {
            // What is outside has more to do with a clock than with a utility.
            let mu = ln(hours(*length_ms).clamp(HISTORY_H.0, HISTORY_H.1));
            Part { weight: 1.0 / all, mu, sigma: HISTORY_SIGMA }
        });
        Self { parts: prior.chain(own).collect(), stretch: self.stretch }
    }

    /// The same with what is known of this outage at `elapsed_ms`; later statements do not count yet.
    ///
    /// A storm, silence of the utility where it is listened to, and a restoration time pushed back by half an hour raise the odds of the
    /// long kind; they are signs of one and the same bad day, so that only the strongest counts. A stated length of more than 8 h
    /// stretches what remains towards it; a short one changes nothing.
    #[must_use]
    pub fn with_hints(&self, hints: &Hints, elapsed_ms: u64) -> Self {
        let Signs { storm, silent, pushed_back, stated_long: _ } = hints.signs(elapsed_ms);
        let odds = [(storm, STORM_ODDS), (silent, SILENCE_ODDS), (pushed_back, PUSHED_BACK_ODDS)].into_iter();
        let odds = odds.filter(|(is_so, _)| *is_so).map(|(_, odds)| odds).fold(1.0, f64::max);
        let raised = if odds > 1.0 { self.with_odds_of_the_long_kind(odds) } else { self.clone() };
        let said = hints.said_by(elapsed_ms);
        let stretch = said.map(|statement| raised.stretch_towards(*statement)).fold(raised.stretch, f64::max);
        Self { stretch, ..raised }
    }

    /// How much longer an outage that has lasted for `elapsed_ms` will last at most, in the given share of the cases.
    #[must_use]
    pub fn remainder_ms(&self, elapsed_ms: u64, quantile: Quantile) -> u64 {
        let elapsed = reckoned(elapsed_ms);
        let target = self.ln_survival(ln(elapsed)).0 + libm::log(1.0 - quantile.share());
        let total = libm::exp(self.where_ln_survival_is(target, ln(elapsed)));
        milliseconds((total - elapsed).max(0.0) * self.stretch)
    }

    /// The probability that an outage which has lasted for `elapsed_ms` goes on for more than `ahead_ms`.
    #[must_use]
    pub fn survival(&self, elapsed_ms: u64, ahead_ms: u64) -> f64 {
        let elapsed = reckoned(elapsed_ms);
        let total = elapsed + hours(ahead_ms) / self.stretch;
        libm::exp(self.ln_survival(ln(total)).0 - self.ln_survival(ln(elapsed)).0).min(1.0)
    }

    /// D: the outage's whole length, as likely longer as shorter, once it has lasted for `elapsed_ms`.
    #[must_use]
    pub fn median_total_ms(&self, elapsed_ms: u64) -> u64 {
        elapsed_ms.saturating_add(self.remainder_ms(elapsed_ms, Quantile::MEDIAN))
    }

    // ------------------------------------------------------------ the calculation

    /// Bayes: the weights of the long kind, times `factor`, over the new sum.
    fn with_odds_of_the_long_kind(&self, factor: f64) -> Self {
        let is_long = |part: &Part| part.mu > ln(LONG_KIND_H);
        let weighed =
            self.parts.iter().map(|part| (part, if is_long(part) { part.weight * factor } else { part.weight }));
        let sum: f64 = weighed.clone().map(|(_, weight)| weight).sum();
        Self { parts: weighed.map(|(part, weight)| Part { weight: weight / sum, ..*part }).collect(), ..*self }
    }

    /// How much a statement stretches what remains: (stated remainder / projected remainder at that moment)^0.2, where it was long and
    /// longer than projected.
    fn stretch_towards(&self, statement: Statement) -> f64 {
        let Statement { at_ms, ends_at_ms } = statement;
        if ends_at_ms <= STATED_LONG_MS {
            return self.stretch;
        }
        let stated = hours(ends_at_ms.min(STATED_AT_MOST_MS).saturating_sub(at_ms));
        let projected = hours(self.remainder_ms(at_ms, Quantile::MEDIAN));
        if stated > projected { libm::pow(stated / projected, STATED_TRUST) } else { self.stretch }
    }

    /// ln P(T > t) and its derivative by ln t, at x = ln t. The survival of a normal is ½ erfc(z/√2), exact far into the tail.
    fn ln_survival(&self, x: f64) -> (f64, f64) {
        let (mut survival, mut density) = (0.0, 0.0);
        for part in &self.parts {
            let z = (x - part.mu) / part.sigma;
            survival += part.weight * 0.5 * libm::erfc(z * FRAC_1_SQRT_2);
            density += part.weight * libm::exp(-0.5 * z * z) / part.sigma;
        }
        (libm::log(survival), -density / (ROOT_OF_TWO_PI * survival))
    }

    /// Where ln S(ln t) comes down to `target`, right of `from`: Newton's steps, halved into the bracket where they leave it.
    fn where_ln_survival_is(&self, target: f64, from: f64) -> f64 {
        // At e^30 h ln S is below any target, which is at least 7 below that of the longest length reckoned with.
        let (mut low, mut high) = (from, 30.0_f64);
        let mut x = from.max(0.5);
        for _ in 0..100 {
            let (value, slope) = self.ln_survival(x);
            if value > target {
                low = low.max(x);
            } else {
                high = high.min(x);
            }
            let newton = x - (value - target) / slope;
            let inside = newton > low && newton < high;
            let next = if inside { newton } else { f64::midpoint(low, high) };
            // A step of Newton's squares the error, so that after one of 1e-7 there is nothing left to gain.
            if (next - x).abs() < if inside { 1e-7 } else { 1e-13 } {
                return next;
            }
            x = next;
        }
        x
    }
}

impl Elapsed {
    /// By a trusted clock.
    #[must_use]
    pub const fn exactly(ms: u64) -> Self {
        Self { least_ms: ms, most_ms: ms }
    }

    /// The end of the interval that decides: whoever takes an outage for older than it is goes to sleep too early, and wakes; whoever
    /// takes it for younger runs the battery down.
    #[must_use]
    pub const fn longer_ms(self) -> u64 {
        if self.most_ms > self.least_ms { self.most_ms } else { self.least_ms }
    }
}

impl Quantile {
    /// As likely more as less.
    pub const MEDIAN: Self = Self(500);
    /// Four cases in five.
    pub const P80: Self = Self(800);
    /// Nineteen cases in twenty.
    pub const P95: Self = Self(950);

    /// Thousandths; what is not from 1 to 999 becomes the nearest of these.
    #[must_use]
    pub const fn per_mille(thousandths: u16) -> Self {
        Self(match thousandths {
            0 => 1,
            1..=999 => thousandths,
            1000.. => 999,
        })
    }

    fn share(self) -> f64 {
        f64::from(self.0) / 1000.0
    }
}

#[expect(clippy::cast_precision_loss, reason = "a millisecond in 285,000 years")]
fn hours(ms: u64) -> f64 {
    ms as f64 / HOUR_MS
}

/// Hours, within what is reckoned with.
fn reckoned(ms: u64) -> f64 {
    hours(ms).min(LONGEST_H)
}

/// The logarithm of hours; the first millisecond counts as begun.
fn ln(hours: f64) -> f64 {
    libm::log(hours.max(1.0 / HOUR_MS))
}

#[expect(clippy::cast_sign_loss, reason = "never negative, and the cast saturates")]
fn milliseconds(hours: f64) -> u64 {
    libm::round(hours * HOUR_MS) as u64
}

#[expect(clippy::cast_precision_loss, reason = "at most 32")]
const fn count(outages: usize) -> f64 {
    outages as f64
}
