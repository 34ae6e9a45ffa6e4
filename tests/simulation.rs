//! Whole cabinet-weeks with people and faults, from a seed, against a cabinet that exists (`support/model.rs`), under the laws of `support/laws.rs`.
//!
//! - `cargo test --test simulation`: some seconds' worth.
//! - `CABINETD_SEED=7 cargo test --test simulation`: one seed again, to the last event (days: `CABINETD_SIM_DAYS`, else 7).
//! - `CABINETD_SIM_DAYS=100000 cargo test --test simulation -- --nocapture`: a campaign, a week a seed.

#[path = "support/laws.rs"]
mod laws;
#[path = "support/model.rs"]
mod model;
#[path = "support/sample.rs"]
mod sample;
#[path = "support/words.rs"]
mod words;

use model::{Bug, Life, Tally, live};

const WEEK: u32 = 7;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not \"{text}\"")))
}

const fn rough(seed: u64) -> Life {
    Life { seed, days: WEEK, rough: true, bug: Bug::None }
}

const fn calm(seed: u64) -> Life {
    Life { seed, days: WEEK, rough: false, bug: Bug::None }
}

#[track_caller]
fn lawful(life: Life) -> Tally {
    live(life).unwrap_or_else(|broken| panic!("seed {}: {broken}", life.seed))
}

#[test]
fn cabinet_weeks_under_the_laws() {
    if let Some(seed) = number("CABINETD_SEED") {
        let days = number("CABINETD_SIM_DAYS").map_or(WEEK, |days| u32::try_from(days).expect("a life is shorter"));
        println!("{:?}", lawful(Life { days, ..calm(seed) }));
        println!("{:?}", lawful(Life { days, ..rough(seed) }));
        return;
    }
    let days = number("CABINETD_SIM_DAYS").unwrap_or(20 * u64::from(WEEK));
    let mut sum = Tally::default();
    for seed in 0..days.div_ceil(u64::from(WEEK)) {
        let tally = lawful(if seed % 4 == 0 { calm(seed) } else { rough(seed) });
        sum.events += tally.events;
        sum.records += tally.records;
        sum.visits += tally.visits;
        sum.cuts += tally.cuts;
        sum.failed_commits += tally.failed_commits;
        sum.truths_compared += tally.truths_compared;
        sum.outages += tally.outages;
        sum.sleeps += tally.sleeps;
        sum.boots += tally.boots;
        sum.died += tally.died;
        sum.drills += tally.drills;
        sum.tests += tally.tests;
        sum.reloads += tally.reloads;
    }
    println!("{days} cabinet-days: {sum:?}");
    assert!(sum.visits > 10 * days && sum.cuts > 0 && sum.failed_commits > 0 && sum.truths_compared > days, "{sum:?}");
    assert!(sum.reloads > days / 7, "{sum:?}");
}

#[test]
fn a_seed_lives_the_same_life_again() {
    assert_eq!(lawful(rough(42)), lawful(rough(42)));
    assert_ne!(lawful(rough(42)).fingerprint, lawful(rough(43)).fingerprint);
}

#[test]
fn the_lives_are_eventful() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 100..112 {
        seen.extend(model::kinds(rough(seed)));
    }
    for kind in [
        "started",
        "slots-adopted",
        "dark-compared",
        "found-changed",
        "clock-corrected",
        "lines-lost",
        "lines-back",
        "roster-changed",
        "denied",
        "session-started",
        "session-joined",
        "session-authorised",
        "session-closed",
        "door-opened",
        "door-closed",
        "taken",
        "returned",
        "slot-identified",
        "tag-contradicted",
        "sensor-fault",
        "sensor-recovered",
        "lock-fault",
        "key-stepped",
        "alarm-raised",
        "alarm-acknowledged",
        "alarm-cleared",
        "supply-changed",
        "power-switched",
        "outage-ended",
        "outage-told",
        "power-told",
        "energy-booked",
        "battery-replaced",
        "drill-started",
        "drill-ended",
        "method-proved",
    ] {
        assert!(seen.contains(kind), "no life had a {kind} record: {seen:?}");
    }
}

/// A bug of the shell is noticed within a few weeks, by the law that is about it.
#[track_caller]
fn noticed(bug: Bug, laws: &[&str]) {
    let found: Vec<String> = (0..10).filter_map(|seed| live(Life { bug, ..rough(seed) }).err()).collect();
    assert!(!found.is_empty(), "{bug:?} went unnoticed");
    for broken in &found {
        let first_line = broken.lines().next().unwrap_or_default();
        assert!(laws.iter().any(|law| first_line.contains(law)), "{bug:?} was noticed as something else: {broken}");
    }
}

#[test]
fn planted_acting_before_the_commit_is_noticed() {
    noticed(Bug::ActsBeforeCommit, &["before the intent", "before that (record"]);
}

#[test]
fn planted_a_lost_record_is_noticed() {
    noticed(Bug::LosesRecord, &["expected", "not the fold of the ledger"]);
}

#[test]
fn planted_a_lost_row_is_noticed() {
    noticed(Bug::LosesRow, &["not the fold of the ledger"]);
}

#[test]
fn planted_a_command_repeated_after_a_restore_is_noticed() {
    noticed(Bug::RepeatsAfterRestore, &["a second time"]);
}

#[test]
fn planted_a_core_kept_after_a_failed_commit_is_noticed() {
    noticed(Bug::KeepsCoreAfterFailedCommit, &["expected", "not the fold of the ledger"]);
}

#[test]
fn planted_a_lost_edge_is_noticed() {
    noticed(Bug::LosesEdge, &["but the books say"]);
}

#[test]
fn planted_a_batch_committed_twice_is_noticed() {
    noticed(Bug::CommitsTwice, &["expected"]);
}

#[test]
fn planted_a_guessed_key_is_noticed() {
    noticed(
        Bug::GuessesKeys,
        &["other keys were in hand", "is inferred with nobody here", "but its home is", "not the fold of its records"],
    );
}
