//! The outage simulator: plays outages at a cabinet before they come, under the daemon's own power policy and under others.
//!
//! ```text
//! outages ──▶ cases (who comes when, what the battery holds, storm flag) ──┬─▶ world + policy, for each policy ──▶ score ──▶ Report
//!   file, prior, or a fixed length                                        └─▶ clairvoyant (bound)
//! ```
//!
//! `docs/simulate.md` has the model and its limits. All policies meet the very same cases. The same parameters and seed give the same
//! report, bit for bit, on every machine and with any number of threads. Pure but for those threads: files, arguments and
//! the terminal are `cli/simulate.rs`'s.

pub mod chance;
pub mod clairvoyant;
pub mod ours;
pub mod outages;
pub mod plot;
pub mod policy;
pub mod score;
pub mod world;

use crate::cabinet::outage::{Hints, Projection};
use crate::cabinet::power::PowerSettings;
use crate::cabinet::power::forecast::Demand;
use chance::{Chance, Purpose};
use ours::Ours;
use outages::Outage;
use policy::{Policy, Simple};
use score::{Class, Lead, Sums};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use world::{Case, Played, Point, play};

/// What is simulated: the site, and what chance decides about each outage.
#[derive(Clone, PartialEq, Debug)]
pub struct Parameters {
    /// The daemon's settings: rules, powers and times, demand, sleep method (taken as proved).
    pub power: PowerSettings,
    /// What the battery really holds: equally likely from one to the other, per mille of its nameplate.
    pub usable_milli: (u32, u32),
    /// Whether somebody raises the storm flag.
    pub storm_flag: bool,
    /// … on so many of the major-event days, and on so many others.
    pub storm_hits: f64,
    pub storm_false_alarms: f64,
    /// Whether the utility's statements are passed on.
    pub statements: bool,
    pub seed: u64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            power: PowerSettings::default(),
            usable_milli: (600, 1_000),
            storm_flag: true,
            storm_hits: 0.80,
            storm_false_alarms: 0.05,
            statements: false,
            seed: 1,
        }
    }
}

/// A policy by name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Contender {
    Cabinetd,
    AlwaysOn,
    Elapsed3h,
    Elapsed4h,
    Off30Min,
    WakeAtOnce,
    Clairvoyant,
}

impl Contender {
    /// All of them: ours, the baselines, the bound.
    pub const ALL: [Self; 7] = [
        Self::Cabinetd,
        Self::AlwaysOn,
        Self::Elapsed3h,
        Self::Elapsed4h,
        Self::Off30Min,
        Self::WakeAtOnce,
        Self::Clairvoyant,
    ];

    /// Those without a projection.
    pub const BASELINES: [Self; 5] =
        [Self::AlwaysOn, Self::Elapsed3h, Self::Elapsed4h, Self::Off30Min, Self::WakeAtOnce];

    /// The name in arguments, tables and JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cabinetd => "cabinetd",
            Self::AlwaysOn => "always-on",
            Self::Elapsed3h => "elapsed-3h",
            Self::Elapsed4h => "elapsed-4h",
            Self::Off30Min => "off-30min",
            Self::WakeAtOnce => "wake-at-once",
            Self::Clairvoyant => "clairvoyant",
        }
    }
}

/// What came of it.
#[derive(Clone, PartialEq, Debug)]
pub struct Report {
    pub results: Vec<Result>,
    /// Ours against each baseline, in each class.
    pub leads: Vec<(Contender, [Option<Lead>; 5])>,
    /// Requests in all.
    pub requests: u32,
}

/// A policy in a class.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Result {
    pub contender: Contender,
    pub class: Class,
    pub sums: Sums,
    /// Share of the clairvoyant's score; none without requests.
    pub clairvoyant_ratio: Option<f64>,
}

/// How far a simulation is, for whoever watches.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicUsize,
}

impl Progress {
    /// Outages done.
    #[must_use]
    pub fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }
}

/// Plays all outages under all policies, on so many threads.
#[must_use]
pub fn run(parameters: &Parameters, outages: &[Outage], threads: usize, progress: &Progress) -> Report {
    let per_outage = in_parallel(outages.len(), threads, |number| {
        let case = case(parameters, &outages[number], number);
        let scores = all_policies(parameters, &case);
        progress.done.fetch_add(1, Ordering::Relaxed);
        scores
    });
    let classes: Vec<Class> = outages.iter().map(|outage| Class::of(outage.length_ms)).collect();
    let by_contender: Vec<Vec<Sums>> =
        (0..Contender::ALL.len()).map(|at| per_outage.iter().map(|sums| sums[at]).collect()).collect();
    let [ours, baselines @ .., clairvoyant] = &by_contender[..] else { unreachable!("there are seven") };
    let scores: Vec<f64> = clairvoyant.iter().map(|sums| sums.score).collect();
    let baselines: Vec<&[Sums]> = baselines.iter().map(Vec::as_slice).collect();
    let groups: Vec<u32> = outages.iter().map(|outage| outage.group).collect();
    let leads = score::leads(ours, &baselines, &scores, &classes, &groups, parameters.seed);
    let results = Contender::ALL.iter().zip(&by_contender).flat_map(|(contender, sums)| {
        Class::ALL.map(|class| {
            let best = score::total(class, &classes, clairvoyant).score;
            let sums = score::total(class, &classes, sums);
            let clairvoyant_ratio = (best > 0.0).then(|| sums.score / best);
            Result { contender: *contender, class, sums, clairvoyant_ratio }
        })
    });
    Report {
        results: results.collect(),
        leads: Contender::BASELINES.into_iter().zip(leads).collect(),
        requests: ours.iter().map(|sums| sums.requests).sum(),
    }
}

/// What chance decides about an outage.
#[must_use]
pub fn case(parameters: &Parameters, outage: &Outage, number: usize) -> Case {
    let Parameters { power, usable_milli: (least, most), seed, .. } = parameters;
    let draw = |purpose| Chance::stream(*seed, number, purpose);
    let usable_milli = f64::from(*least) + f64::from(most.saturating_sub(*least)) * draw(Purpose::Battery).share();
    #[expect(clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "milliwatt-hours of a battery")]
    let full_mwh = (power.plant.nameplate_mwh as f64 * usable_milli / 1000.0) as u64;
    let mut chance = draw(Purpose::Storm);
    let is_major = chance.happens(outage.major);
    let is_flagged = chance.happens(if is_major { parameters.storm_hits } else { parameters.storm_false_alarms });
    Case {
        length_ms: outage.length_ms,
        start_minute: outage.start_minute,
        requests_ms: requests(&power.demand, outage, draw(Purpose::Requests)),
        full_mwh,
        storm: parameters.storm_flag && is_flagged,
        statements: if parameters.statements { outage.statements.clone() } else { Vec::new() },
    }
}

/// When people come: a Poisson process whose rate is constant within each hour of the day.
fn requests(demand: &Demand, outage: &Outage, mut chance: Chance) -> Vec<u64> {
    const HOUR_MS: u64 = 3_600_000;
    let day: u64 = demand.hours.iter().map(|share| u64::from(*share)).sum();
    let mut requests = Vec::new();
    let mut at_ms = 0;
    // What is to be waited for, in expected requests.
    let mut wait = chance.waiting();
    while at_ms < outage.length_ms {
        let since_midnight_ms = u64::from(outage.start_minute) * 60_000 + at_ms;
        let hour = (since_midnight_ms / HOUR_MS % 24) as usize;
        let hour_ends_ms = at_ms + HOUR_MS - since_midnight_ms % HOUR_MS;
        #[expect(clippy::cast_precision_loss, reason = "thousandths of requests a day")]
        let per_ms =
            demand.per_day_milli as f64 / 1000.0 * f64::from(demand.hours[hour]) / day.max(1) as f64 / HOUR_MS as f64;
        #[expect(clippy::cast_precision_loss, reason = "an hour in ms")]
        let in_hour = per_ms * (hour_ends_ms - at_ms) as f64;
        if wait > in_hour {
            wait -= in_hour;
            at_ms = hour_ends_ms;
            continue;
        }
        #[expect(clippy::cast_sign_loss, reason = "never negative")]
        let step_ms = (wait / per_ms) as u64;
        at_ms += step_ms;
        if at_ms < outage.length_ms {
            requests.push(at_ms);
        }
        wait = chance.waiting();
    }
    requests
}

/// Plays one case under one policy, with its timeline. The clairvoyant has none: it is a bound, not a way.
#[must_use]
pub fn timeline(parameters: &Parameters, case: &Case, contender: Contender) -> (Played, Vec<Point>) {
    let mut points = Vec::new();
    let played = play_one(parameters, case, contender, Some(&mut points));
    (played, points)
}

fn all_policies(parameters: &Parameters, case: &Case) -> [Sums; 7] {
    let best = clairvoyant::bound(&parameters.power.plant, parameters.power.sleep, case);
    Contender::ALL.map(|contender| match contender {
        Contender::Clairvoyant => Sums {
            outages: 1,
            requests: case.requests_ms.len() as u32,
            served: best.served,
            score: best.score,
            wait_ms: best.wait_ms,
            dark: u32::from(best.goes_dark),
        },
        contender => Sums::of(&play_one(parameters, case, contender, None)),
    })
}

fn play_one(parameters: &Parameters, case: &Case, contender: Contender, trace: Option<&mut Vec<Point>>) -> Played {
    let power = &parameters.power;
    let play = |policy: &mut dyn Policy| play(&power.plant, power.sleep, case, policy, trace);
    let rules = &power.rules;
    match contender {
        Contender::Cabinetd => {
            let hints = Hints {
                storm: case.storm,
                statements_followed: parameters.statements,
                statements: case.statements.clone(),
            };
            play(&mut Ours::new(power, &Projection::built_in(), hints))
        }
        Contender::AlwaysOn | Contender::Clairvoyant => play(&mut Simple::always_on(rules)),
        Contender::Elapsed3h => play(&mut Simple::elapsed(rules, 3)),
        Contender::Elapsed4h => play(&mut Simple::elapsed(rules, 4)),
        Contender::Off30Min => play(&mut Simple::off_after_30_min(rules)),
        Contender::WakeAtOnce => play(&mut Simple::wake_at_once(rules)),
    }
}

/// Work on numbers from 0 on, spread over threads; the results in order.
pub(crate) fn in_parallel<T: Send>(count: usize, threads: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return done;
            }
            done.push((number, work(number)));
        }
    };
    let mut done: Vec<(usize, T)> = thread::scope(|scope| {
        let hands: Vec<_> = (1..threads.max(1)).map(|_| scope.spawn(worker)).collect();
        let mut done = worker();
        for hand in hands {
            match hand.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests;
