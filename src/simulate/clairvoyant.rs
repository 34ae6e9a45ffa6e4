//! What could have been had: the best score of anybody who knows the length, the requests and the battery.
//!
//! The clairvoyant may switch between awake and asleep as it likes, without a rule and without an idle time; it may leave a request to
//! the cabinet key to save the energy for later ones. It wakes as every cabinet of this kind does: when somebody presses the
//! button. A UPS that is off has nothing else to wake by, so that nobody at all, however wise, is up before a person whom it let come to a
//! sleeping cabinet.
//!
//! **An upper bound, and why.** Each request is served after a stay awake since the last one, served after a boot, or left; a way through
//! all requests has a score and an energy. For any price λ ≥ 0 of energy, no way within the battery E scores more than
//! max over ways of (score − λ·energy) + λ·E: what a price leaves out can only help. The maximum is found exactly, request by request; the
//! λ with the least bound by halving. Where sleep draws, when the battery shall end is a choice that no price makes well: there the bound is
//! the largest of those for each request that may be the last one to be lived to. With a battery that is large enough λ is 0 and the
//! bound is the optimum itself; else it is above the optimum by less than one request. Where the physics is awkward (people who come while others are served or during a boot), the
//! clairvoyant gets the cheaper end, so that it stays a bound.

use super::score::points;
use super::world::{Case, Felt};
use crate::cabinet::power::energy::{Plant, UJ_PER_MWH};
use crate::cabinet::power::policy::Method;

#[cfg(test)]
mod tests;

/// What the clairvoyant reaches.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Bound {
    /// No policy scores more.
    pub score: f64,
    /// Of a way within the battery that (nearly) has this score.
    pub served: u32,
    pub wait_ms: u64,
    pub goes_dark: bool,
}

/// The best that an outage allows.
#[must_use]
pub fn bound(plant: &Plant, method: Method, case: &Case) -> Bound {
    let by_clock = method == Method::Halt && plant.clock_wake_ms > 0;
    let requests_ms = &case.requests_ms[..];
    let game = Game { plant, felt: Felt::of(plant, method), is_deep: method.is_deep(), by_clock, case, requests_ms };
    let full = as_f64(case.full_mwh * UJ_PER_MWH);
    // Of all ways with the highest score, one that takes little.
    let best = game.best_way(LEAST_PRICE);
    if best.energy <= full {
        return best.within(best.score);
    }
    if game.felt.asleep_mw == 0 {
        return game.within(full).unwrap_or_default();
    }
    // Where sleep draws, the end of the battery is a choice, too: one bound for each request that may be the last one to be lived to.
    let mut most = Bound { goes_dark: true, ..Bound::default() };
    for last in 1..=requests_ms.len() {
        if as_f64(last as u64) <= most.score {
            continue;
        }
        let game = Game { requests_ms: &requests_ms[..last], ..game };
        // Too far to sleep to, so that those after it are, too.
        let Some(found) = game.within(full) else { break };
        if found.score > most.score {
            most = Bound { goes_dark: last < requests_ms.len(), ..found };
        }
    }
    most
}

/// A price of energy, in points per µJ, at which all is bought, and one at which nothing is.
const LEAST_PRICE: f64 = 1e-18;
const HIGHEST_PRICE: f64 = 1e-5;

#[derive(Clone, Copy)]
struct Game<'a> {
    plant: &'a Plant,
    felt: Felt,
    is_deep: bool,
    /// A halted machine with a clock could have set it for the very moment.
    by_clock: bool,
    case: &'a Case,
    /// Those that are lived to.
    requests_ms: &'a [u64],
}

/// A way through the requests so far, and how it ends.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Way {
    end: Ending,
    /// Score less the price of the energy.
    worth: f64,
    score: f64,
    /// µJ.
    energy: f64,
    served: u32,
    wait_ms: u64,
}

/// How a way ends. Times in ms.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Ending {
    /// Up since `up_ms`, which may be still to come; visits last, and are paid for, until `paid_ms`.
    Awake {
        up_ms: u64,
        paid_ms: u64,
    },
    /// Asleep, paid for until then.
    Asleep {
        paid_ms: u64,
    },
    Dark,
}

impl Way {
    const START: Self = Self {
        end: Ending::Awake { up_ms: 0, paid_ms: 0 },
        worth: 0.0,
        score: 0.0,
        energy: 0.0,
        served: 0,
        wait_ms: 0,
    };

    fn then(self, end: Ending, price: f64, energy: f64, wait_ms: Option<u64>) -> Self {
        let gain = wait_ms.map_or(0.0, points);
        Self {
            end,
            worth: self.worth + gain - price * energy,
            score: self.score + gain,
            energy: self.energy + energy,
            served: self.served + u32::from(wait_ms.is_some()),
            wait_ms: self.wait_ms + wait_ms.unwrap_or(0),
        }
    }

    fn within(self, score: f64) -> Bound {
        Bound { score, served: self.served, wait_ms: self.wait_ms, goes_dark: self.end == Ending::Dark }
    }

    /// Whether nothing that follows can make the other one better. `awake_price`: of a millisecond awake.
    fn beats(&self, other: &Self, awake_price: f64) -> bool {
        match (self.end, other.end) {
            (Ending::Awake { up_ms, paid_ms }, Ending::Awake { up_ms: other_up_ms, paid_ms: other_paid_ms }) => {
                // Whoever is up earlier, is free to sleep earlier, and has paid no more for being awake as long.
                let more_paid_ms = other_paid_ms.saturating_sub(paid_ms);
                up_ms <= other_up_ms
                    && paid_ms <= other_paid_ms
                    && self.worth - awake_price * as_f64(more_paid_ms) >= other.worth
            }
            (Ending::Asleep { .. }, Ending::Asleep { .. }) | (Ending::Dark, Ending::Dark) => self.worth >= other.worth,
            _ => false,
        }
    }
}

/// The ways that may still become the best.
struct Front {
    awake_price: f64,
    ways: Vec<Way>,
}

impl Front {
    fn add(&mut self, way: Way) {
        if self.ways.iter().any(|known| known.beats(&way, self.awake_price)) {
            return;
        }
        let awake_price = self.awake_price;
        self.ways.retain(|known| !way.beats(known, awake_price));
        self.ways.push(way);
    }
}

impl Game<'_> {
    /// The least bound over all prices, with a way that has the energy; none if there is no such way.
    fn within(&self, full: f64) -> Option<Bound> {
        let value = |price: f64, way: &Way| way.score + price * (full - way.energy);
        let (mut low, mut high) = (LEAST_PRICE, HIGHEST_PRICE);
        let best = self.best_way(low);
        if best.energy <= full {
            return Some(best.within(best.score));
        }
        let mut within = self.best_way(high);
        if within.energy > full {
            return None;
        }
        let mut score = value(low, &best).min(value(high, &within));
        for _ in 0..44 {
            let price = libm::sqrt(low * high);
            let way = self.best_way(price);
            score = score.min(value(price, &way));
            if way.energy <= full {
                (high, within) = (price, way);
            } else {
                low = price;
            }
        }
        Some(within.within(score))
    }

    /// The way of the highest score − price · energy.
    fn best_way(&self, price: f64) -> Way {
        let awake_price = price * as_f64(self.felt.normal_mw);
        let mut front = Front { awake_price, ways: vec![Way::START] };
        let mut former = Vec::new();
        for &at_ms in self.requests_ms {
            std::mem::swap(&mut former, &mut front.ways);
            front.ways.clear();
            for way in &former {
                self.go_on(*way, at_ms, price, &mut front);
            }
        }
        let best = front.ways.into_iter().max_by(|a, b| a.worth.total_cmp(&b.worth));
        best.unwrap_or(Way::START)
    }

    /// All that can be done about the next request.
    fn go_on(&self, way: Way, at_ms: u64, price: f64, front: &mut Front) {
        let Plant { boot_ms, shutdown_ms, visit_ms, .. } = *self.plant;
        let mut add = |end, energy, wait_ms| front.add(way.then(end, price, energy, wait_ms));
        // Left to the cabinet key, like all after it. Where sleep draws, the bound tries each end by itself.
        if self.felt.asleep_mw == 0 {
            add(Ending::Dark, 0.0, None);
        }
        let asleep_from_ms = match way.end {
            Ending::Dark => return,
            Ending::Asleep { paid_ms } => paid_ms,
            Ending::Awake { up_ms, paid_ms } => {
                // Served after those before it; whoever comes during a boot waits until it is over.
                let begins_ms = at_ms.max(paid_ms);
                let wait_ms = up_ms.saturating_sub(at_ms);
                // Who has been up for long is up for all that follows.
                let up_ms = if wait_ms > 0 { up_ms } else { 0 };
                let end = Ending::Awake { up_ms, paid_ms: begins_ms + visit_ms };
                let stay = if self.is_deep {
                    self.awake(paid_ms, begins_ms + visit_ms)
                } else {
                    // Standby wakes at once and for nothing, so that nobody need stay awake for it.
                    self.asleep(paid_ms, begins_ms) + self.awake(begins_ms, begins_ms + visit_ms)
                };
                add(end, stay, Some(wait_ms));
                if at_ms < paid_ms {
                    return;
                }
                paid_ms + if self.is_deep { shutdown_ms } else { 0 }
            }
        };
        let down = match way.end {
            Ending::Awake { paid_ms, .. } => self.awake(paid_ms, asleep_from_ms),
            Ending::Asleep { .. } | Ending::Dark => 0.0,
        };
        let nap = down + self.asleep(asleep_from_ms, at_ms);
        add(Ending::Asleep { paid_ms: at_ms.max(asleep_from_ms) }, nap, None);
        if self.is_deep {
            // Whoever comes while it goes down presses the button when it is down.
            let pressed_ms = at_ms.max(asleep_from_ms);
            let up_ms = pressed_ms + boot_ms;
            let wait_ms = if self.by_clock { 0 } else { up_ms - at_ms };
            let end = Ending::Awake { up_ms, paid_ms: up_ms + visit_ms };
            add(end, nap + self.awake(pressed_ms, up_ms + visit_ms), Some(wait_ms));
        } else {
            let end = Ending::Awake { up_ms: at_ms, paid_ms: at_ms + visit_ms };
            add(end, nap + self.awake(at_ms, at_ms + visit_ms), Some(0));
        }
    }

    fn awake(&self, from_ms: u64, to_ms: u64) -> f64 {
        self.spent(self.felt.normal_mw, from_ms, to_ms)
    }

    fn asleep(&self, from_ms: u64, to_ms: u64) -> f64 {
        self.spent(self.felt.asleep_mw, from_ms, to_ms)
    }

    /// Nothing is drawn once mains is back.
    fn spent(&self, draw_mw: u64, from_ms: u64, to_ms: u64) -> f64 {
        as_f64(draw_mw) * as_f64(to_ms.min(self.case.length_ms).saturating_sub(from_ms))
    }
}

#[expect(clippy::cast_precision_loss, reason = "energies of days in µJ are below 2^53")]
const fn as_f64(number: u64) -> f64 {
    number as f64
}
