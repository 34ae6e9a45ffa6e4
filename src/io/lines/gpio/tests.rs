//! The driver against fake chips: what it promises, without a kernel that has them. `tests/gpio` does the same on real ones.

use super::fake::Fake;
use super::*;
use crate::cabinet::outcome::{Lamp, Message, Sound};
use crate::cabinet::types::{DoorNo, Input, Level, Output, SlotNo};
use crate::io::lines::wiring::{Address, Bias, Signal};
use crate::io::lines::{LONGEST_PULSE_MS, LineError};
use tokio::time::{sleep, timeout};

/// The door's chip, and the slots'.
const BOARD: &str = "gpiochip0";
const LEFT: &str = "gpiochip1";
const LOCK: Output = Output::Lock(DoorNo(1));
const LED: Output = Output::Led(SlotNo(1));

fn at(chip: &str, line: u32) -> Address {
    Address { chip: Place::Chip(chip.into()), line }
}

fn input(signal: Signal, chip: &str, line: u32) -> InputLine {
    InputLine { signal, at: at(chip, line), active_low: true, bias: Bias::PullUp, debounce_ms: 5 }
}

fn output(output: Output, line: u32) -> OutputLine {
    OutputLine { output, at: at(BOARD, line), active_low: false, longest_ms: LONGEST_PULSE_MS }
}

fn slot(number: u16) -> Signal {
    Signal::Sense(Input::Slot(SlotNo(number)))
}

/// A door with lock, contact, button and buzzer on the board, four slots on a chip of their own.
fn wiring() -> Wiring {
    let mut inputs = vec![input(Signal::Sense(Input::Door(DoorNo(1))), BOARD, 10), input(Signal::Button, BOARD, 11)];
    inputs.extend((1..=4).map(|number| input(slot(number), LEFT, u32::from(number))));
    let outputs = vec![output(LOCK, 1), output(LED, 2), output(Output::Buzzer, 3)];
    Wiring { pins: PinsBy::Gpiocdev, poll_ms: 60_000, inputs, outputs }
}

struct Cabinet {
    fake: Fake,
    outputs: Outputs,
    events: mpsc::Receiver<Event>,
}

fn start_with(wiring: &Wiring, fake: Fake, queue: usize) -> Cabinet {
    let (tx, events) = mpsc::channel(queue);
    let (outputs, parts) = driver::parts(wiring, || fake.clone(), tx);
    for part in parts {
        tokio::spawn(part);
    }
    Cabinet { fake, outputs, events }
}

/// The same, each part on a thread of its own, as it is outside of tests.
async fn on_own_threads(wiring: &Wiring) -> Cabinet {
    let (tx, events) = mpsc::channel(64);
    let fake = Fake::default();
    let (outputs, parts) = driver::parts(wiring, || fake.clone(), tx);
    on_threads(parts).expect("threads");
    let mut cabinet = Cabinet { fake, outputs, events };
    assert_eq!(cabinet.picture().await.len(), 5);
    cabinet
}

/// Started, its first picture seen.
async fn started(wiring: &Wiring) -> Cabinet {
    let mut cabinet = start_with(wiring, Fake::default(), 64);
    assert_eq!(cabinet.picture().await.len(), 5);
    cabinet
}

impl Cabinet {
    async fn event(&mut self) -> Event {
        timeout(Duration::from_secs(5), self.events.recv()).await.expect("within 5 s").expect("the driver runs")
    }

    async fn picture(&mut self) -> Vec<(Input, Level)> {
        match self.event().await {
            Event::LinesRead(levels) => levels,
            other => panic!("{other:?}"),
        }
    }

    async fn nothing_for(&mut self, ms: u64) {
        let heard = timeout(Duration::from_millis(ms), self.events.recv()).await;
        assert!(heard.is_err(), "{heard:?}");
    }
}

fn changed(number: u16, level: Level) -> Event {
    Event::LineChanged { input: Input::Slot(SlotNo(number)), level }
}

// ---------------------------------------------------------------- outputs

#[tokio::test]
async fn what_a_killed_process_left_on_goes_off_first() {
    let fake = Fake::default();
    fake.left_on(BOARD, 1);
    let mut cabinet = start_with(&wiring(), fake, 64);
    cabinet.picture().await;
    assert!(!cabinet.fake.is_on(BOARD, 1));
}

#[tokio::test]
async fn the_driver_ends_a_pulse_by_itself() {
    let cabinet = started(&wiring()).await;
    assert_eq!(cabinet.outputs.set(LOCK, Level::Active, Some(150)).await, Ok(()));
    assert!(cabinet.fake.is_on(BOARD, 1));
    sleep(Duration::from_millis(60)).await;
    assert!(cabinet.fake.is_on(BOARD, 1), "not before its time");
    sleep(Duration::from_millis(200)).await;
    assert_eq!(cabinet.fake.driven(), [(1, true), (1, false)]);
}

#[tokio::test]
async fn a_line_s_own_limit_counts_whatever_was_asked_for() {
    let mut wiring = wiring();
    wiring.outputs[0].longest_ms = 100;
    let cabinet = started(&wiring).await;
    assert_eq!(cabinet.outputs.set(LOCK, Level::Active, Some(60_000)).await, Ok(()));
    // A light has no such limit.
    assert_eq!(cabinet.outputs.set(LED, Level::Active, None).await, Ok(()));
    sleep(Duration::from_millis(300)).await;
    assert_eq!((cabinet.fake.is_on(BOARD, 1), cabinet.fake.is_on(BOARD, 2)), (false, true));
    assert_eq!(cabinet.outputs.set(LOCK, Level::Active, None).await, Err(LineError::Unbounded));
}

#[tokio::test]
async fn an_early_end_takes_the_timer_with_it() {
    let cabinet = started(&wiring()).await;
    for (level, for_ms) in [(Level::Active, Some(150)), (Level::Inactive, None), (Level::Active, Some(600))] {
        assert_eq!(cabinet.outputs.set(LOCK, level, for_ms).await, Ok(()));
    }
    sleep(Duration::from_millis(350)).await;
    assert!(cabinet.fake.is_on(BOARD, 1), "the first pulse's timer must not cut the second one short");
    sleep(Duration::from_millis(500)).await;
    assert!(!cabinet.fake.is_on(BOARD, 1));
}

#[tokio::test]
async fn every_way_out_leaves_everything_off() {
    let energised = async || {
        let cabinet = started(&wiring()).await;
        assert_eq!(cabinet.outputs.set(LOCK, Level::Active, Some(60_000)).await, Ok(()));
        assert_eq!(cabinet.outputs.set(LED, Level::Active, None).await, Ok(()));
        cabinet
    };
    let off = |fake: &Fake| !fake.is_on(BOARD, 1) && !fake.is_on(BOARD, 2);

    let cabinet = energised().await;
    assert_eq!(cabinet.outputs.release().await, Ok(()));
    assert!(off(&cabinet.fake), "a release");
    assert_eq!(cabinet.outputs.set(LED, Level::Active, None).await, Ok(()), "and it goes on");

    let cabinet = energised().await;
    assert_eq!(cabinet.outputs.shutdown().await, Ok(()));
    assert!(off(&cabinet.fake), "a shutdown");
    sleep(Duration::from_millis(50)).await;
    assert_eq!(cabinet.outputs.set(LED, Level::Active, None).await, Err(LineError::Away));

    let cabinet = energised().await;
    let fake = cabinet.fake.clone();
    drop(cabinet.outputs);
    sleep(Duration::from_millis(50)).await;
    assert!(off(&fake), "nobody holds the outputs any more");

    // The task itself ends in the middle: what a panic does.
    let (tx, mut events) = mpsc::channel(64);
    let fake = Fake::default();
    let (outputs, parts) = driver::parts(&wiring(), || fake.clone(), tx);
    let tasks: Vec<_> = parts.into_iter().map(tokio::spawn).collect();
    assert!(events.recv().await.is_some());
    assert_eq!(outputs.set(LOCK, Level::Active, Some(60_000)).await, Ok(()));
    for task in tasks {
        task.abort();
        assert!(task.await.is_err());
    }
    assert!(off(&fake), "unwinding drives them off");
}

#[tokio::test]
async fn an_order_that_was_given_up_opens_nothing_any_more() {
    let cabinet = started(&wiring()).await;
    assert_eq!(cabinet.outputs.set(LED, Level::Active, None).await, Ok(()));
    for (output, level) in [(LOCK, Level::Active), (LED, Level::Inactive)] {
        // It is on its way, and nobody waits for it: what a bus that hangs makes of an order.
        tokio::select! {
            biased;
            _ = cabinet.outputs.set(output, level, Some(1_000)) => panic!("the driver has not had its turn"),
            () = std::future::ready(()) => {}
        }
    }
    sleep(Duration::from_millis(50)).await;
    assert_eq!(cabinet.fake.driven(), [(2, true), (2, false)], "late or not, off is off");
}

#[tokio::test]
async fn what_is_not_wired_is_said_but_a_buzzer() {
    let mut wiring = wiring();
    wiring.outputs.truncate(1);
    let cabinet = started(&wiring).await;
    let why = cabinet.outputs.set(LED, Level::Active, None).await.expect_err("there is no LED").to_string();
    assert!(why.contains("no line is wired for slot 1's LED"), "{why}");
    assert_eq!(cabinet.outputs.sound(Sound::Alarm).await, Ok(()));
    assert_eq!(cabinet.outputs.show(Message::EnterPin).await, Ok(()));
    assert!(cabinet.outputs.power_off(None).await.is_err());
}

#[tokio::test]
async fn the_buzzer_plays_its_pattern_and_ends() {
    let cabinet = started(&wiring()).await;
    assert_eq!(cabinet.outputs.sound(Sound::Refused).await, Ok(()));
    sleep(Duration::from_millis(700)).await;
    assert_eq!(cabinet.fake.driven(), [(3, true), (3, false), (3, true), (3, false), (3, true), (3, false)]);
}

#[tokio::test]
async fn a_chip_that_does_not_follow_is_a_failure_and_is_claimed_again_inactive() {
    let cabinet = started(&wiring()).await;
    cabinet.fake.glitch(1);
    assert_eq!(cabinet.outputs.set(LED, Level::Active, None).await, Ok(()), "one glitch is tried again");
    cabinet.fake.unplug(BOARD);
    let why = cabinet.outputs.set(LOCK, Level::Active, Some(500)).await.expect_err("it is gone").to_string();
    assert!(why.contains("gpiochip0"), "{why}");
    cabinet.fake.left_on(BOARD, 1);
    cabinet.fake.plug(BOARD);
    sleep(Duration::from_millis(400)).await;
    assert!(!cabinet.fake.is_on(BOARD, 1), "the claim drove it off");
    assert_eq!(cabinet.outputs.set(LOCK, Level::Active, Some(500)).await, Ok(()));
}

#[tokio::test]
async fn a_pulse_ends_in_time_while_another_chip_hangs() {
    let mut wiring = wiring();
    wiring.poll_ms = 100;
    wiring.outputs.push(OutputLine { at: at(LEFT, 20), ..output(Output::Latch(SlotNo(1)), 20) });
    let cabinet = on_own_threads(&wiring).await;
    // Polls of its sensors hang, and so do orders to its latch.
    cabinet.fake.hang(LEFT, Duration::from_millis(900));
    sleep(Duration::from_millis(150)).await;
    let latch = cabinet.outputs.clone();
    tokio::spawn(async move { latch.set(Output::Latch(SlotNo(1)), Level::Active, Some(100)).await });
    assert_eq!(cabinet.outputs.set(LOCK, Level::Active, Some(200)).await, Ok(()));
    sleep(Duration::from_millis(350)).await;
    assert!(!cabinet.fake.is_on(BOARD, 1), "the lock's own chip answers");
    // A stop waits no longer than it may, and everything else is off by then.
    assert_eq!(cabinet.outputs.set(LOCK, Level::Active, Some(60_000)).await, Ok(()));
    assert!(cabinet.outputs.shutdown().await.is_err());
    assert!(!cabinet.fake.is_on(BOARD, 1));
}

#[tokio::test]
async fn a_chip_that_hangs_is_not_waited_for_once_a_line() {
    let mut wiring = wiring();
    wiring.outputs.extend((4..=10).map(|line| output(Output::Led(SlotNo(line)), line.into())));
    let cabinet = on_own_threads(&wiring).await;
    // Its outputs are claimed by now.
    assert_eq!(cabinet.outputs.set(LED, Level::Inactive, None).await, Ok(()));
    cabinet.fake.hang(BOARD, Duration::from_millis(100));
    assert!(cabinet.outputs.set(LOCK, Level::Active, Some(100)).await.is_err());
    // Twice for the order, once for letting go, and perhaps the next claim by now; nothing for each line of this one.
    assert!((3..=4).contains(&cabinet.fake.hangs()), "{} times", cabinet.fake.hangs());
}

#[test]
fn a_release_reaches_locks_first_and_every_chip_at_once() {
    let mut wiring = wiring();
    // The light stands first in the config, on a chip that hangs.
    wiring.outputs.insert(0, OutputLine { at: at(LEFT, 20), ..output(Output::Led(SlotNo(2)), 20) });
    wiring.outputs.swap(1, 2);
    let fake = Fake::default();
    fake.left_on(BOARD, 1);
    fake.hang(LEFT, Duration::from_secs(1));
    let thread = {
        let (fake, wiring) = (fake.clone(), wiring.clone());
        std::thread::spawn(move || driver::release(&wiring, || fake.clone()))
    };
    std::thread::sleep(Duration::from_millis(300));
    assert!(!fake.is_on(BOARD, 1));
    assert_eq!(fake.driven().first(), Some(&(1, false)), "the lock before the light");
    let failures = thread.join().expect("no panic");
    assert!(failures.len() == 1 && failures[0].starts_with("slot 2's LED: "), "{failures:?}");
}

#[tokio::test]
async fn lights_and_loads_are_on_again_when_their_chip_is_back_and_no_lock_is() {
    const LOAD: Output = Output::Load(1);
    let mut wiring = wiring();
    wiring.outputs.push(output(LOAD, 4));
    let cabinet = started(&wiring).await;
    for output in [LED, LOAD] {
        assert_eq!(cabinet.outputs.set(output, Level::Active, None).await, Ok(()));
    }
    assert_eq!(cabinet.outputs.set(LOCK, Level::Active, Some(60_000)).await, Ok(()));
    assert_eq!(cabinet.outputs.set(LED, Level::Inactive, None).await, Ok(()));
    cabinet.fake.unplug(BOARD);
    assert!(cabinet.outputs.set(LED, Level::Active, Some(60_000)).await.is_err());
    cabinet.fake.plug(BOARD);
    sleep(Duration::from_millis(400)).await;
    let on = [1, 2, 4].map(|line| cabinet.fake.is_on(BOARD, line));
    assert_eq!(on, [false, false, true], "the load stays shed; lock, and light with an end, wait for a new order");
    assert_eq!(cabinet.outputs.release().await, Ok(()));
    cabinet.fake.unplug(BOARD);
    assert!(cabinet.outputs.set(LED, Level::Inactive, None).await.is_err());
    cabinet.fake.plug(BOARD);
    sleep(Duration::from_millis(400)).await;
    assert!(!cabinet.fake.is_on(BOARD, 4), "released is released");
}

#[tokio::test]
async fn the_lamp_is_lit_or_blinks_comes_back_with_its_chip_and_is_dark_at_the_end() {
    let mut wiring = wiring();
    wiring.outputs.push(output(Output::Status, 4));
    let cabinet = started(&wiring).await;
    assert_eq!(cabinet.outputs.lamp(Lamp::Ready).await, Ok(()));
    assert!(cabinet.fake.is_on(BOARD, 4));
    cabinet.fake.unplug(BOARD);
    assert!(cabinet.outputs.set(LED, Level::Active, None).await.is_err());
    cabinet.fake.plug(BOARD);
    sleep(Duration::from_millis(400)).await;
    assert!(cabinet.fake.is_on(BOARD, 4), "steady is steady");
    assert_eq!(cabinet.outputs.lamp(Lamp::Attention).await, Ok(()));
    sleep(Duration::from_millis(500)).await;
    for lit in [true, false, true] {
        assert_eq!(cabinet.fake.is_on(BOARD, 4), lit);
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(cabinet.outputs.lamp(Lamp::Ready).await, Ok(()));
    assert_eq!(cabinet.outputs.release().await, Ok(()));
    sleep(Duration::from_millis(1_100)).await;
    assert!(!cabinet.fake.is_on(BOARD, 4));
}

// ---------------------------------------------------------------- inputs

#[tokio::test]
async fn a_press_that_a_reading_finds_first_is_a_press() {
    let mut cabinet = started(&wiring()).await;
    // The whole is read between the press and its edge.
    cabinet.fake.push_silently(BOARD, 11, true);
    assert_eq!(cabinet.outputs.read_lines().await, Ok(()));
    assert_eq!(cabinet.event().await, Event::ButtonPressed);
    cabinet.picture().await;
    cabinet.fake.push(BOARD, 11, true);
    cabinet.nothing_for(100).await;
    // Among edges of which some were lost.
    cabinet.fake.push(BOARD, 11, false);
    cabinet.fake.push_and_lose(BOARD, 11, true, 5);
    assert_eq!(cabinet.event().await, Event::ButtonPressed);
    cabinet.picture().await;
    cabinet.nothing_for(100).await;
}

#[tokio::test]
async fn what_a_reading_finds_and_no_edge_follows_is_a_dead_interrupt() {
    let mut cabinet = started(&wiring()).await;
    cabinet.fake.push_silently(LEFT, 1, true);
    assert_eq!(cabinet.outputs.read_lines().await, Ok(()));
    cabinet.picture().await;
    sleep(Duration::from_millis(700)).await;
    let before = cabinet.fake.reads();
    sleep(Duration::from_millis(600)).await;
    assert!(cabinet.fake.reads() - before > 4, "polled {} times", cabinet.fake.reads() - before);
}

#[tokio::test]
async fn a_hang_makes_no_interrupt_dead() {
    // Longer than the grace.
    const HANG: Duration = Duration::from_millis(600);
    let fake = Fake::default();
    let (events, _queue) = mpsc::channel(64);
    let (_orders, wanted) = mpsc::channel(1);
    let mut senses = senses::Senses::new(&wiring(), Box::new(fake.clone()), wanted, events);
    senses.look();
    // A reading finds two changes, then a bus hangs; one edge comes meanwhile, the other could not be heard yet.
    fake.push_silently(BOARD, 11, true);
    fake.push_silently(LEFT, 1, true);
    assert_eq!(senses.read(), Ok(()));
    std::thread::sleep(HANG);
    fake.push(BOARD, 11, true);
    senses.forgive(HANG);
    let before = fake.reads();
    senses.look();
    assert_eq!(fake.reads(), before, "no interrupt counts as dead, so nothing is polled at once");
    // One that does not come at all is dead.
    std::thread::sleep(HANG);
    senses.look();
    assert_eq!(fake.reads(), before + 1);
    // An edge that waits to be heard clears its line, however late its turn comes.
    fake.push_silently(BOARD, 10, true);
    assert_eq!(senses.read(), Ok(()));
    fake.push(BOARD, 10, true);
    std::thread::sleep(HANG);
    let before = fake.reads();
    senses.look();
    assert_eq!(fake.reads(), before + 1, "of the chip that is polled, and no other");
}

#[tokio::test]
async fn the_picture_comes_first_then_edges_and_presses() {
    let fake = Fake::default();
    fake.push(LEFT, 3, true);
    let mut cabinet = start_with(&wiring(), fake, 64);
    let picture = cabinet.picture().await;
    assert_eq!(picture.len(), 5, "four slots and a door; a button has no level that counts");
    assert!(picture.contains(&(Input::Slot(SlotNo(3)), Level::Active)));
    assert!(picture.contains(&(Input::Door(DoorNo(1)), Level::Inactive)));
    cabinet.fake.push(LEFT, 2, true);
    cabinet.fake.push(BOARD, 11, true);
    cabinet.fake.push(BOARD, 11, false);
    cabinet.fake.push(LEFT, 2, false);
    assert_eq!(cabinet.event().await, changed(2, Level::Active));
    assert_eq!(cabinet.event().await, Event::ButtonPressed);
    assert_eq!(cabinet.event().await, changed(2, Level::Inactive), "letting go of the button is nothing");
}

#[tokio::test]
async fn a_gap_in_the_numbers_has_everything_read_anew() {
    let mut cabinet = started(&wiring()).await;
    cabinet.fake.push(LEFT, 1, true);
    assert_eq!(cabinet.event().await, changed(1, Level::Active));
    cabinet.fake.push_silently(LEFT, 4, true);
    cabinet.fake.push_and_lose(LEFT, 2, true, 9);
    let picture = cabinet.picture().await;
    for (number, level) in [(1, Level::Active), (2, Level::Active), (3, Level::Inactive), (4, Level::Active)] {
        assert!(picture.contains(&(Input::Slot(SlotNo(number)), level)), "{number}: {picture:?}");
    }
    // From there the numbers go on.
    cabinet.fake.push(LEFT, 2, false);
    assert_eq!(cabinet.event().await, changed(2, Level::Inactive));
}

#[tokio::test]
async fn a_change_without_an_edge_counts_at_the_next_poll_and_polls_faster_until_edges_come() {
    let mut wiring = wiring();
    wiring.poll_ms = 300;
    let mut cabinet = started(&wiring).await;
    cabinet.fake.push_silently(LEFT, 1, true);
    assert_eq!(cabinet.event().await, changed(1, Level::Active), "found by the poll");
    // The grace ends, the interrupt counts as dead: ten polls a second.
    sleep(Duration::from_millis(700)).await;
    let before = cabinet.fake.reads();
    sleep(Duration::from_millis(600)).await;
    assert!(cabinet.fake.reads() - before > 4, "polled {} times", cabinet.fake.reads() - before);
    // The board is not in doubt; only the slots' chip is. That is told, once, and again to whoever reads anew.
    let dead = |chips: &[&str]| Event::InterruptsJudged { dead: chips.iter().map(ToString::to_string).collect() };
    assert_eq!(cabinet.event().await, dead(&[LEFT]));
    assert_eq!(cabinet.outputs.read_lines().await, Ok(()));
    cabinet.picture().await;
    assert_eq!(cabinet.event().await, dead(&[LEFT]));
    // An edge of that line restores trust.
    cabinet.fake.push(LEFT, 1, false);
    assert_eq!(cabinet.event().await, changed(1, Level::Inactive));
    assert_eq!(cabinet.event().await, dead(&[]));
    sleep(Duration::from_millis(150)).await;
    let before = cabinet.fake.reads();
    sleep(Duration::from_millis(600)).await;
    assert!(cabinet.fake.reads() - before <= 6, "polled {} times", cabinet.fake.reads() - before);
}

#[tokio::test]
async fn an_edge_that_comes_a_little_later_clears_the_interrupt() {
    let mut wiring = wiring();
    wiring.poll_ms = 1_000;
    let mut cabinet = started(&wiring).await;
    cabinet.fake.push_silently(BOARD, 11, true);
    assert_eq!(cabinet.event().await, Event::ButtonPressed);
    cabinet.fake.push(BOARD, 11, true);
    cabinet.nothing_for(700).await;
    cabinet.fake.push_silently(LEFT, 1, true);
    assert_eq!(cabinet.event().await, changed(1, Level::Active));
    cabinet.fake.push(LEFT, 1, true);
    cabinet.nothing_for(600).await;
    let before = cabinet.fake.reads();
    sleep(Duration::from_millis(600)).await;
    assert!(cabinet.fake.reads() - before <= 2, "nothing is polled faster");
}

#[tokio::test]
async fn a_chip_that_tells_no_edges_is_polled() {
    let fake = Fake::default();
    fake.without_edges(LEFT);
    let mut cabinet = start_with(&wiring(), fake, 64);
    cabinet.picture().await;
    cabinet.fake.push(LEFT, 1, true);
    assert_eq!(cabinet.event().await, changed(1, Level::Active));
    cabinet.fake.push(LEFT, 1, false);
    assert_eq!(cabinet.event().await, changed(1, Level::Inactive));
}

#[tokio::test]
async fn a_chip_that_goes_takes_its_lines_along_and_comes_back_whole() {
    let mut cabinet = started(&wiring()).await;
    cabinet.fake.unplug(LEFT);
    let picture = cabinet.picture().await;
    assert_eq!(picture, [(Input::Door(DoorNo(1)), Level::Inactive)], "slots cannot be read, which is not empty");
    cabinet.fake.push(BOARD, 10, true);
    assert!(matches!(cabinet.event().await, Event::LineChanged { input: Input::Door(_), level: Level::Active }));
    cabinet.fake.push(LEFT, 2, true);
    cabinet.fake.plug(LEFT);
    let picture = cabinet.picture().await;
    assert_eq!(picture.len(), 5);
    assert!(picture.contains(&(Input::Slot(SlotNo(2)), Level::Active)));
    // Edges of the old claim count for nothing, those of the new one do.
    cabinet.fake.push(LEFT, 2, false);
    assert_eq!(cabinet.event().await, changed(2, Level::Inactive));
}

#[tokio::test]
async fn a_chip_that_hangs_is_found_out_by_the_poll_after_a_second_try() {
    let mut wiring = wiring();
    wiring.poll_ms = 200;
    wiring.inputs.truncate(2);
    let mut cabinet = start_with(&wiring, Fake::default(), 64);
    assert_eq!(cabinet.picture().await.len(), 1);
    cabinet.fake.glitch(1);
    cabinet.nothing_for(500).await;
    cabinet.fake.glitch(2);
    assert_eq!(cabinet.picture().await, [], "nothing can be read");
    assert_eq!(cabinet.picture().await.len(), 1, "and it is back");
}

#[tokio::test]
async fn nothing_at_all_is_said_once_and_found_when_it_comes() {
    let fake = Fake::default();
    fake.unplug(LEFT);
    fake.unplug(BOARD);
    let mut cabinet = start_with(&wiring(), fake, 64);
    assert_eq!(cabinet.picture().await, []);
    assert!(cabinet.outputs.read_lines().await.is_err());
    assert_eq!(cabinet.picture().await, []);
    cabinet.nothing_for(400).await;
    let claims = cabinet.fake.claims();
    assert!(claims < 20, "it is tried again in growing pauses, {claims} so far");
    cabinet.fake.plug(LEFT);
    cabinet.fake.plug(BOARD);
    let mut seen = 0;
    while seen < 5 {
        seen = cabinet.picture().await.len();
    }
}

#[tokio::test]
async fn a_line_that_is_taken_costs_that_line_alone() {
    let fake = Fake::default();
    fake.take(LEFT, 2);
    fake.take(BOARD, 2);
    let mut cabinet = start_with(&wiring(), fake, 64);
    let mut picture = cabinet.picture().await;
    while picture.len() < 4 {
        picture = cabinet.picture().await;
    }
    assert!(!picture.iter().any(|(input, _)| *input == Input::Slot(SlotNo(2))), "{picture:?}");
    assert_eq!(cabinet.outputs.set(LOCK, Level::Active, Some(100)).await, Ok(()));
    let why = cabinet.outputs.set(LED, Level::Active, None).await.expect_err("it is taken").to_string();
    assert!(why.contains("held by \"another\""), "{why}");
    cabinet.fake.push(LEFT, 3, true);
    assert_eq!(cabinet.event().await, changed(3, Level::Active));
    cabinet.fake.let_go(LEFT, 2);
    cabinet.fake.let_go(BOARD, 2);
    assert_eq!(cabinet.picture().await.len(), 5);
    assert_eq!(cabinet.outputs.set(LED, Level::Active, None).await, Ok(()));
}

#[tokio::test]
async fn a_full_queue_loses_edges_but_never_the_truth() {
    let mut cabinet = start_with(&wiring(), Fake::default(), 2);
    for n in 0..40 {
        cabinet.fake.push(LEFT, 1, n % 2 == 0);
        tokio::task::yield_now().await;
    }
    cabinet.fake.push(LEFT, 1, true);
    // Orders still end while nobody takes events.
    assert_eq!(cabinet.outputs.set(LED, Level::Active, None).await, Ok(()));
    let (mut last, mut pictures) = (None, 0);
    while let Ok(Some(event)) = timeout(Duration::from_millis(300), cabinet.events.recv()).await {
        match event {
            Event::LineChanged { level, .. } => last = Some(level),
            Event::LinesRead(levels) => {
                pictures += 1;
                last = levels.iter().find(|(input, _)| *input == Input::Slot(SlotNo(1))).map(|(_, level)| *level);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(pictures > 1, "edges were lost, so a picture must follow");
    assert_eq!(last, Some(Level::Active), "what the line says at the end");
}

#[tokio::test]
async fn three_hundred_sensors_are_a_handful_of_claims() {
    let mut wiring = wiring();
    wiring.inputs = (0..300).map(|n| input(slot(n + 1), &format!("chip{}", n / 100), u32::from(n % 100))).collect();
    let mut cabinet = start_with(&wiring, Fake::default(), 64);
    assert_eq!(cabinet.picture().await.len(), 300);
    assert_eq!(cabinet.fake.claims(), 7, "two for each hundred, since the kernel takes 64, and the outputs");
}

#[tokio::test]
async fn a_peek_claims_the_inputs_alone_and_sees_what_does_not_rest() {
    let fake = Fake::default();
    fake.push(LEFT, 1, true);
    fake.take(LEFT, 2);
    fake.left_on(BOARD, 1);
    let (wiring, port) = (wiring(), Box::new(fake.clone()));
    let peek = tokio::spawn(async move { senses::peek(&wiring, port, Duration::from_millis(100)).await });
    sleep(Duration::from_millis(40)).await;
    fake.push_silently(LEFT, 4, true);
    let peeked = peek.await.expect("no panic");
    let of =
        |number| peeked.iter().find(|line| line.signal == slot(number)).map(|line| (line.active, line.is_restless));
    assert_eq!(of(1), Some((Some(true), false)));
    assert_eq!(of(2), Some((None, false)), "it is taken");
    assert_eq!(of(3), Some((Some(false), false)));
    assert_eq!(of(4), Some((Some(false), true)));
    assert!(fake.is_on(BOARD, 1) && fake.driven().is_empty(), "no output was touched");
}

#[test]
fn a_release_drives_everything_off_and_says_what_it_could_not() {
    let fake = Fake::default();
    fake.left_on(BOARD, 1);
    fake.left_on(BOARD, 2);
    assert_eq!(driver::release(&wiring(), || fake.clone()), [""; 0]);
    assert!(!fake.is_on(BOARD, 1) && !fake.is_on(BOARD, 2));
    fake.left_on(BOARD, 1);
    fake.take(BOARD, 2);
    let failures = driver::release(&wiring(), || fake.clone());
    assert!(failures.len() == 1 && failures[0].starts_with("slot 1's LED: "), "{failures:?}");
    assert!(!fake.is_on(BOARD, 1), "one that is taken keeps nothing on");
}
