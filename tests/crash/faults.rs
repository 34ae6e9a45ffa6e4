//! A disk that fails or is full at its n-th operation, for every n of a short run.

use crate::check::check;
use crate::crash_vfs::{Fault, Mode, On, Times};
use crate::life::Life;
use crate::run::{Became, Run};
use cabinetd::cabinet::event::StoreState;
use cabinetd::cabinet::fact::Alarm;
use cabinetd::io::store::StoreError;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};

/// Batches of the short run, beside the start.
const BATCHES: u32 = 6;

/// Input/output errors: whatever was acknowledged is there, and after one of them the store refuses everything.
pub fn errors(lived_in: &(impl Fn() -> Run + Sync)) {
    let struck = AtomicU64::new(0);
    let mut runs = 0;
    for (on, times) in
        [(On::Sync, Times::Once), (On::Sync, Times::Forever), (On::Write, Times::Once), (On::Write, Times::Forever)]
    {
        runs += for_every_operation(lived_in, |op| {
            let mut run = lived_in();
            run.disk.fail_at(op, Fault::Eio, on, times);
            if let Err(error) = live(&mut run) {
                assert!(error.is_fatal(), "{error}");
                struck.fetch_add(1, Ordering::Relaxed);
                if let Some(keeper) = &run.keeper {
                    assert!(keeper.store().is_dead());
                    assert!(matches!(keeper.store().reload(), Err(StoreError::Dead)), "it reads back after an error");
                    let again = run.batch_with_records();
                    assert!(matches!(again, Became::Failed(StoreError::Dead)), "{again:?}");
                }
            }
            cut_and_check(run, op);
        });
    }
    println!("{runs} runs, {} ended by the error", struck.load(Ordering::Relaxed));
    assert!(struck.load(Ordering::Relaxed) > runs * 9 / 10, "errors that struck nothing");
}

/// What the disk does after its n-th operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Full {
    /// One write is refused, then there is room.
    Once,
    /// Ordinary work is refused; there is room for what the reserve is for.
    UntilNoticed,
    /// Every write is refused, so that not even the reserve can be used.
    Hard,
}

/// No room: nothing is opened, alarms and the stop are recorded from the reserve, and it goes on by itself once there is room.
pub fn full(lived_in: &(impl Fn() -> Run + Sync)) {
    let (noticed, recorded) = (AtomicU64::new(0), AtomicU64::new(0));
    let mut runs = 0;
    for how in [Full::Once, Full::UntilNoticed, Full::Hard] {
        runs += for_every_operation(lived_in, |op| {
            let mut run = lived_in();
            let times = if how == Full::Once { Times::Once } else { Times::Forever };
            run.disk.fail_at(op, Fault::Enospc, On::Write, times);
            let Ok(became) = run.restart() else {
                // No room to open the ledger at all: the next start has it.
                assert_ne!(how, Full::Once, "one refused write (operation {op}) keeps the ledger shut");
                return cut_and_check(run, op);
            };
            if !matches!(became, Became::NoRoom) && !fill(&mut run, op) {
                return cut_and_check(run, op);
            }
            noticed.fetch_add(1, Ordering::Relaxed);
            if how == Full::UntilNoticed {
                run.disk.clear_faults();
                recorded.fetch_add(1, Ordering::Relaxed);
                alarms_are_recorded(&mut run, op);
            } else {
                let _ = run.no_room();
            }
            nothing_opens(&mut run, op);
            run.disk.clear_faults();
            if how == Full::UntilNoticed && op % 2 == 0 {
                let stop = Life::stop();
                assert!(matches!(run.take(vec![stop]), Became::Committed), "the stop is not recorded (operation {op})");
                assert!(run.cabinet().books().life.as_ref().is_some_and(|life| life.stopped));
            } else {
                assert!(
                    run.look_for_room().expect("it looks"),
                    "there is room, and it is not noticed (operation {op})"
                );
                assert_eq!(run.cabinet().store_state(), StoreState::Writable);
                let before = run.acknowledged.len();
                let became = run.batch_with_records();
                assert!(matches!(became, Became::Committed), "operation {op}: {became:?}");
                assert!(run.acknowledged.len() > before && !run.store().is_full());
                assert!(!run.cabinet().books().alarms.values().any(|open| open.alarm == Alarm::NoRoom));
            }
            cut_and_check(run, op);
        });
    }
    let (noticed, recorded) = (noticed.into_inner(), recorded.into_inner());
    println!("{runs} runs, {noticed} without room, {recorded} with alarms from the reserve");
    assert!(noticed > runs / 3 && recorded > runs / 6);
}

/// Works until there is no room. False: the disk had room for everything.
fn fill(run: &mut Run, op: u64) -> bool {
    for _ in 0..BATCHES {
        match run.batch() {
            Became::Committed => {}
            Became::NoRoom => return true,
            Became::Failed(error) => panic!("a full disk is no failure (operation {op}): {error}"),
        }
    }
    false
}

fn alarms_are_recorded(run: &mut Run, op: u64) {
    let became = run.no_room();
    assert!(matches!(became, Became::Committed), "operation {op}: {became:?}");
    assert!(run.store().is_full(), "operation {op}");
    let forced = run.life.force_the_door();
    assert!(matches!(run.take(forced), Became::Committed), "operation {op}");
    run.life.wait(1_000);
    assert!(matches!(run.take(vec![cabinetd::cabinet::Event::Tick]), Became::Committed), "operation {op}");
    let books = run.cabinet().books();
    let raised = |alarm: &dyn Fn(&Alarm) -> bool| books.alarms.values().any(|open| alarm(&open.alarm));
    assert!(raised(&|alarm| *alarm == Alarm::NoRoom), "operation {op}");
    let open = books.doors.values().any(|door| door.open);
    assert!(open, "the forced door is not in the books (operation {op})");
    let told = run.acknowledged.last().expect("there is one").1.seq;
    assert_eq!(run.store().reload().expect("readable").head.seq, told);
}

/// Whatever people try, no lock is energised.
fn nothing_opens(run: &mut Run, op: u64) {
    let before = run.unlocked.len();
    for _ in 0..4 {
        if let Became::Failed(error) = run.batch() {
            panic!("a full disk is no failure (operation {op}): {error}");
        }
    }
    assert_eq!(run.unlocked.len(), before, "a lock was energised without room (operation {op})");
}

/// A start and some batches, until something fails.
fn live(run: &mut Run) -> Result<(), StoreError> {
    let start = run.restart()?;
    let batches = (0..BATCHES).map(|_| None);
    for first in std::iter::once(Some(start)).chain(batches) {
        match first.unwrap_or_else(|| run.batch()) {
            Became::Committed => {}
            Became::NoRoom => panic!("an error is not a full disk"),
            Became::Failed(error) => return Err(error),
        }
    }
    Ok(())
}

/// The process ends, the power goes as well or not; then everything acknowledged is there.
fn cut_and_check(mut run: Run, op: u64) {
    let died_at = run.disk.ops();
    run.keeper = None;
    run.disk.clear_faults();
    let ops = run.disk.ops();
    for (at, mode) in [(died_at, Mode::LoseAll), (died_at, Mode::Random), (ops, Mode::Random)] {
        let image = run.disk.crash_image(at, op, mode);
        check(&run, at, &image).unwrap_or_else(|what| panic!("fault at {op}, cut at {at}, {mode:?}: {what}"));
    }
    check(&run, ops, &run.disk.clone()).unwrap_or_else(|what| panic!("fault at {op}, started again: {what}"));
}

/// How many runs it took: one for each operation of a run without faults.
fn for_every_operation(lived_in: &(impl Fn() -> Run + Sync), test: impl Fn(u64) + Sync) -> u64 {
    let mut without_fault = lived_in();
    live(&mut without_fault).expect("nothing fails");
    // The checkpoint of closing is not the keeper's work any more.
    let last = without_fault.disk.ops();
    let next = AtomicU64::new(0);
    let cores = std::thread::available_parallelism().map_or(2, NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let op = 1 + next.fetch_add(1, Ordering::Relaxed);
                    if op > last {
                        return;
                    }
                    test(op);
                }
            });
        }
    });
    last
}
