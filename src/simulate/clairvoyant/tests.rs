//! The bound is a bound, and where it can be reckoned it is the optimum.

use super::*;
use crate::simulate::chance::{Chance, Purpose};
use crate::simulate::{Contender, Parameters, outages, timeline};
use crate::simulate::{case, score::Sums};

const HOUR: u64 = 3_600_000;

fn of(requests_ms: &[u64], full_mwh: u64) -> Bound {
    let plant = Plant { peukert_milli: 1_000, ..Plant::default() };
    let case = Case {
        length_ms: 10 * HOUR,
        start_minute: 600,
        requests_ms: requests_ms.to_vec(),
        full_mwh,
        storm: false,
        statements: Vec::new(),
    };
    bound(&plant, Method::UpsOff, &case)
}

#[test]
fn energy_buys_the_shortest_gap_first() {
    let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
    // Three requests; awake for all of it: 4 h and a visit at 20 W, 80.25 Wh.
    let requests = [HOUR, HOUR + HOUR / 2, 4 * HOUR];
    near(of(&requests, 81_000).score, 3.0);
    // Not enough for all: the half hour between the first two and the hour before them cost less than the long gap: 1.9 + … = 2.9.
    let tight = of(&requests, 32_000);
    assert!(tight.score >= 2.9 - 1e-6 && tight.score < 3.0, "{tight:?}");
    assert_eq!(tight.served, 3);
    // For three boots only (100 s at 20 W each, and the way down before them): a wait each.
    let poor = of(&requests, 1_800);
    assert!(poor.score >= 2.7 - 1e-6 && poor.score < 2.8, "{poor:?}");
    // Nothing in it.
    near(of(&requests, 0).score, 0.0);
}

#[test]
fn nobody_beats_the_clairvoyant() {
    for (seed, method) in [(1, Method::UpsOff), (2, Method::Halt), (3, Method::Standby)] {
        for nameplate_mwh in [20_000, 108_000, 600_000] {
            let mut parameters = Parameters { seed, ..Parameters::default() };
            parameters.power.sleep = method;
            parameters.power.plant.nameplate_mwh = nameplate_mwh;
            // Long ones too, in which the battery is the matter.
            let mut outages = outages::from_prior(60, seed);
            outages.extend(outages::fixed(60 * HOUR, 20, seed));
            for (number, outage) in outages.iter().enumerate() {
                let case = case(&parameters, outage, number);
                let best = bound(&parameters.power.plant, method, &case);
                for contender in Contender::BASELINES.into_iter().chain([Contender::Cabinetd]) {
                    let score = Sums::of(&timeline(&parameters, &case, contender).0).score;
                    assert!(score <= best.score + 1e-6, "{} {seed} {number}: {score} > {best:?}", contender.word());
                }
                assert!(best.score <= f64::from(u32::try_from(case.requests_ms.len()).expect("a few")) + 1e-6);
            }
        }
    }
}

#[test]
fn more_energy_is_never_worse() {
    let mut chance = Chance::stream(9, 0, Purpose::Requests);
    let mut requests: Vec<u64> = (0..60).map(|_| chance.below(10 * HOUR)).collect();
    requests.sort_unstable();
    let scores: Vec<f64> = (0..20).map(|step| of(&requests, step * 6_000).score).collect();
    assert!(scores.windows(2).all(|pair| pair[0] <= pair[1] + 1e-6), "{scores:?}");
}

/// Eleven hours of night before a busy morning, and a battery that does not sleep as far: a price of energy alone would buy a share of the
/// morning.
#[test]
fn where_sleep_draws_the_bound_is_near_what_can_be_had() {
    let mut parameters = Parameters { seed: 5, ..Parameters::default() };
    parameters.power.sleep = Method::Standby;
    for (number, outage) in outages::fixed(24 * HOUR, 60, 5).iter().enumerate() {
        let case = case(&parameters, outage, number);
        let best = bound(&parameters.power.plant, Method::Standby, &case);
        // Asleep between visits serves all who come until the battery ends; only leaving some of them out buys later ones.
        let simple = Sums::of(&timeline(&parameters, &case, Contender::WakeAtOnce).0).score;
        assert!(best.score < simple * 1.15 + 1.5, "{number}: {simple} of {best:?}");
        assert!(f64::from(best.served) > best.score - 1.0, "its way is within a request of it: {best:?}");
    }
}
