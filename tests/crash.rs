//! Nothing acknowledged is ever lost, and nothing is done that was not recorded first: the real keeper over the real store, on a disk
//! that loses power after any write, fails, or fills up.
//!
//! A short slice runs with all tests. The long campaign: `CABINETD_CRASH_SEEDS=50 cargo test --test crash -- --nocapture`.

#[path = "support/crash_vfs.rs"]
mod crash_vfs;

#[path = "crash/check.rs"]
mod check;
#[path = "crash/faults.rs"]
mod faults;
#[path = "crash/life.rs"]
mod life;
#[path = "crash/outage.rs"]
mod outage;
#[path = "crash/run.rs"]
mod run;

use check::{Findings, check, sweep};
use crash_vfs::Mode;
use run::{Became, Planted, Run};

/// How many seeds the long campaign has; none in the normal run.
fn campaign() -> Option<u64> {
    let seeds = std::env::var("CABINETD_CRASH_SEEDS").ok()?;
    Some(seeds.parse().expect("CABINETD_CRASH_SEEDS is a number"))
}

/// A cabinet that has lived for a while already, cleanly shut down.
fn lived_in(seed: u64) -> impl Fn() -> Run {
    let mut run = Run::begins(seed, Planted::Nothing);
    live(&mut run, 12);
    run.copied()
}

fn live(run: &mut Run, batches: u32) {
    for _ in 0..batches {
        let became = run.batch();
        assert!(matches!(became, Became::Committed), "{became:?}");
    }
}

fn long_run(seed: u64, batches: u32, planted: Planted) -> Run {
    let mut run = lived_in(seed)();
    run.planted = planted;
    let became = run.restart().expect("it opens");
    assert!(matches!(became, Became::Committed), "{became:?}");
    live(&mut run, batches);
    run
}

#[test]
fn nothing_acknowledged_is_lost_at_any_power_cut() {
    let mut findings = Findings::default();
    let (seeds, batches, images) = campaign().map_or((1, 80, 1), |seeds| (seeds, 150, 3));
    for seed in 0..seeds {
        let run = long_run(seed, batches, Planted::Nothing);
        assert!(!run.unlocked.is_empty(), "nobody ever opened the door (seed {seed})");
        println!("seed {seed}: {} writes and syncs, {} commits", run.disk.ops(), run.acknowledged.len());
        findings.add(sweep(&run, 0..=run.disk.ops(), images));
    }
    findings.are_none();
}

#[test]
fn nor_on_the_first_day_nor_around_a_checkpoint() {
    let mut findings = Findings::default();
    for seed in 0..campaign().unwrap_or(1) {
        let mut run = Run::begins(100 + seed, Planted::Nothing);
        let first_day = run.disk.ops();
        let mut checkpoint = first_day;
        while checkpoint == first_day {
            live(&mut run, 1);
            checkpoint = run.first_checkpoint_behind(first_day).unwrap_or(first_day);
        }
        let end = run.disk.ops();
        live(&mut run, 3);
        let (rare, often) = if campaign().is_some() { (1, 1) } else { (29, 17) };
        findings.add(sweep(&run, (0..first_day).step_by(rare), 1));
        findings.add(sweep(&run, (checkpoint..end).step_by(often), 1));
        findings.add(sweep(&run, (end..=run.disk.ops()).step_by(2), 1));
    }
    findings.are_none();
}

/// The power goes, comes back, and goes again while the cabinet recovers and starts.
#[test]
fn nor_when_the_power_goes_again_during_recovery() {
    let mut findings = Findings::default();
    let run = long_run(200, 12, Planted::Nothing);
    let step = if campaign().is_some() { 3 } else { 13 };
    for op in (0..=run.disk.ops()).step_by(step) {
        let mut second = run.cut_at(op, op, Mode::Random);
        let became = second.restart().expect("it opens");
        assert!(matches!(became, Became::Committed), "{became:?}");
        live(&mut second, 1);
        second.keeper = None; // a clean end: the checkpoint of closing is cut as well
        findings.add(sweep(&second, (0..=second.disk.ops()).step_by(3), 1));
    }
    findings.are_none();
}

/// That the cabinet falls asleep is on the disk before the machine is told to go down, wherever the power goes.
#[test]
fn the_machine_goes_down_only_when_that_is_durable() {
    let mut findings = Findings::default();
    for seed in 0..campaign().unwrap_or(1) {
        let mut run = Run::begins(500 + seed, Planted::Nothing);
        let first_day = run.disk.ops();
        run.outage();
        assert_eq!(run.slept.len(), 3, "{:?}", run.slept);
        println!("seed {seed}: {} writes and syncs, {} commits", run.disk.ops(), run.acknowledged.len());
        let near = |op: u64| run.slept.iter().any(|slept| (slept.at.saturating_sub(25)..slept.at + 10).contains(&op));
        let wanted = |op: &u64| campaign().is_some() || near(*op) || op.is_multiple_of(29);
        findings.add(sweep(&run, (first_day..=run.disk.ops()).filter(wanted), 1));
    }
    findings.are_none();
}

#[test]
fn the_checker_catches_a_machine_that_goes_down_first() {
    let mut run = Run::begins(500, Planted::ActThenRecord);
    run.outage();
    for slept in &run.slept {
        let image = run.disk.crash_image(slept.at, 0, Mode::KeepAll);
        let broken = check(&run, slept.at, &image).expect_err("it goes unnoticed");
        assert!(broken.contains("that it falls asleep"), "found for another reason: {broken}");
    }
}

#[test]
fn the_checker_catches_a_database_that_does_not_wait_for_the_disk() {
    let run = long_run(1, 15, Planted::SynchronousNormal);
    let findings = sweep(&run, (0..=run.disk.ops()).step_by(3), 1);
    findings.tell("lack what was acknowledged");
    assert!(findings.broken.len() as u64 > findings.images / 10, "{findings:?}");
    for broken in &findings.broken {
        assert!(broken.contains("acknowledged are"), "found for another reason: {broken}");
        // The death of the process alone loses nothing even so: it is the power cut that is seen.
        assert!(!broken.contains("KeepAll"), "{broken}");
    }
}

#[test]
fn the_checker_catches_a_command_performed_before_its_commit() {
    let run = long_run(1, 40, Planted::ActThenRecord);
    let near = |op: &u64| run.unlocked.iter().any(|unlocked| (unlocked.at..unlocked.at + 40).contains(op));
    let findings = sweep(&run, (0..=run.disk.ops()).filter(near), 1);
    findings.tell("lack the intent of an unlocking");
    assert!(!findings.broken.is_empty());
    for broken in &findings.broken {
        assert!(broken.contains("was unlocked, and the intent"), "found for another reason: {broken}");
    }
    for unlocked in &run.unlocked {
        let image = run.disk.crash_image(unlocked.at, 0, Mode::KeepAll);
        assert!(check(&run, unlocked.at, &image).is_err(), "{unlocked:?} was not caught");
    }
}

#[test]
fn a_disk_that_fails_loses_nothing_and_stops_the_ledger() {
    for seed in 0..campaign().unwrap_or(1) {
        faults::errors(&lived_in(300 + seed));
    }
}

#[test]
fn a_disk_that_is_full_opens_nothing_and_recovers_without_hands() {
    for seed in 0..campaign().unwrap_or(1) {
        faults::full(&lived_in(400 + seed));
    }
}
