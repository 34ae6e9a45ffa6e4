//! The simulation: two thousand outages under every policy, and what the two cores bring.

use crate::gauge::{median, now, report};
use cabinetd::cabinet::power::{Method, PowerSettings};
use cabinetd::simulate::{Parameters, Progress, outages, run};
use std::hint::black_box;

const ROUNDS: usize = 9;

pub fn measure() {
    let power = PowerSettings { sleep: Method::UpsOff, may_order: true, ..PowerSettings::default() };
    let parameters = Parameters { power, ..Parameters::default() };
    let all = outages::from_prior(2_000, 1);
    let seconds = |threads: usize| {
        let begin = now();
        drop(black_box(run(&parameters, &all, threads, &Progress::default())));
        begin.elapsed().as_secs_f64()
    };
    // In turn, so that a busy moment hits both.
    let (mut alone, mut together) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.push(seconds(1));
        together.push(seconds(2));
    }
    let (alone, together) = (median(&alone), median(&together));
    let measured = format!("{together:.2} s; one thread {alone:.2} s, a ratio of {:.2}", alone / together);
    report("2,000 outages of the prior under all policies, two threads", "≤ 3 s", &measured);
}
