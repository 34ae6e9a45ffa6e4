//! The driver on real chips: edges, debounce, bias, polarity, busy lines, a chip that goes and comes back, and what a killed process leaves.

use crate::chip::{Chip, rounds, until};
use cabinetd::cabinet::Event;
use cabinetd::cabinet::types::{DoorNo, Input, Level, Output, SlotNo};
use cabinetd::io::lines::wiring::{Address, Bias, InputLine, OutputLine, PinsBy, Place, Signal, Wiring};
use cabinetd::io::lines::{LineError, Outputs, gpio};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

const LOCK: Output = Output::Lock(DoorNo(1));

fn slot(number: u16, chip: &str, line: u32) -> InputLine {
    InputLine {
        signal: Signal::Sense(Input::Slot(SlotNo(number))),
        at: Address { chip: Place::Chip(chip.into()), line },
        active_low: false,
        bias: Bias::Off,
        debounce_ms: 0,
    }
}

fn lock(chip: &str, line: u32, active_low: bool) -> OutputLine {
    OutputLine { output: LOCK, at: Address { chip: Place::Chip(chip.into()), line }, active_low, longest_ms: 60_000 }
}

fn wiring(inputs: Vec<InputLine>, outputs: Vec<OutputLine>) -> Wiring {
    Wiring { pins: PinsBy::Gpiocdev, poll_ms: 60_000, inputs, outputs }
}

/// A driver at work.
struct Driven {
    outputs: Outputs,
    events: mpsc::Receiver<Event>,
    runtime: Runtime,
}

impl Driven {
    fn start(wiring: &Wiring) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (tx, events) = mpsc::channel(1_024);
        let outputs = gpio::start(wiring, tx).expect("a thread");
        Self { outputs, events, runtime }
    }

    fn event_within(&mut self, longest: Duration) -> Option<Event> {
        self.runtime.block_on(async { tokio::time::timeout(longest, self.events.recv()).await.ok().flatten() })
    }

    #[track_caller]
    fn event(&mut self) -> Event {
        self.event_within(Duration::from_secs(20)).expect("an event")
    }

    #[track_caller]
    fn picture(&mut self) -> Vec<(Input, Level)> {
        match self.event() {
            Event::LinesRead(levels) => levels,
            other => panic!("{other:?}"),
        }
    }

    fn set(&self, level: Level, for_ms: Option<u32>) -> Result<(), LineError> {
        self.runtime.block_on(self.outputs.set(LOCK, level, for_ms))
    }

    /// Ends it; its lines are free afterwards.
    fn end(self) {
        self.runtime.block_on(self.outputs.shutdown()).expect("it ends");
    }
}

fn changed(number: u16, level: Level) -> Event {
    Event::LineChanged { input: Input::Slot(SlotNo(number)), level }
}

const fn level(active: bool) -> Level {
    if active { Level::Active } else { Level::Inactive }
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").expect("proc is there").count()
}

#[test]
#[ignore = "runs in the rig"]
fn edges_come_in_their_order_from_three_hundred_lines_without_a_thread_each() {
    let chips: Vec<Chip> = (0..5).map(|n| Chip::new(&format!("expander-{n}"), 60)).collect();
    let line = |number: u16| (usize::from((number - 1) / 60), u32::from((number - 1) % 60));
    let inputs = (1..=300).map(|number| slot(number, &chips[line(number).0].device, line(number).1)).collect();
    let before = threads();
    let mut driven = Driven::start(&wiring(inputs, vec![]));
    let picture = driven.picture();
    assert!(picture.len() == 300 && picture.iter().all(|(_, level)| *level == Level::Inactive), "{picture:?}");
    // The front's and the senses'; a place with outputs would have one of its own.
    assert!(threads() <= before + 2, "{} threads, {before} before", threads());
    for round in 0..rounds() * 2 {
        let up = round % 2 == 0;
        for number in 1..=300 {
            let (chip, line) = line(number);
            chips[chip].pull(line, up);
            // The simulated interrupt takes one change at a time.
            assert_eq!(driven.event(), changed(number, level(up)), "round {round}");
        }
    }
    driven.end();
}

#[test]
#[ignore = "runs in the rig"]
fn a_bounce_shorter_than_the_debounce_is_not_told() {
    let chip = Chip::new("bouncing", 4);
    let mut input = slot(1, &chip.name, 2);
    input.debounce_ms = 200;
    let mut driven = Driven::start(&wiring(vec![input], vec![]));
    assert_eq!(driven.picture(), [(Input::Slot(SlotNo(1)), Level::Inactive)]);
    for up in [true, false, true, false, true] {
        chip.pull(2, up);
        sleep(Duration::from_millis(30));
    }
    assert_eq!(driven.event(), changed(1, Level::Active));
    assert_eq!(driven.event_within(Duration::from_millis(600)), None, "once");
    driven.end();
}

#[test]
#[ignore = "runs in the rig"]
fn bias_and_polarity_are_as_written() {
    let chip = Chip::new("biased", 8);
    let (mut up, mut down, mut low) = (slot(1, "biased", 1), slot(2, "biased", 2), slot(3, "biased", 3));
    (up.bias, down.bias, low.bias, low.active_low) = (Bias::PullUp, Bias::PullDown, Bias::PullUp, true);
    let mut driven = Driven::start(&wiring(vec![up, down, low], vec![]));
    let slot = |number, level| (Input::Slot(SlotNo(number)), level);
    assert_eq!(driven.picture(), [slot(1, Level::Active), slot(2, Level::Inactive), slot(3, Level::Inactive)]);
    assert_eq!([1, 2, 3].map(|line| chip.is_pulled_up(line)), [true, false, true]);
    // A contact to ground closes.
    chip.pull(3, false);
    assert_eq!(driven.event(), changed(3, Level::Active));
    driven.end();
}

#[test]
#[ignore = "runs in the rig"]
fn header_pins_are_found_by_the_label_of_their_chip() {
    let chip = Chip::new("pinctrl-bcm2711", 58);
    let mut input = slot(1, "", 17);
    input.at.chip = Place::Header;
    let mut driven = Driven::start(&wiring(vec![input], vec![]));
    driven.picture();
    chip.pull(17, true);
    assert_eq!(driven.event(), changed(1, Level::Active));
    driven.end();
}

#[test]
#[ignore = "runs in the rig"]
fn a_relay_rests_from_the_claim_on_and_its_pulse_ends() {
    for active_low in [true, false] {
        let chip = Chip::new("relays", 4);
        // A resistor holds it at rest.
        chip.pull(1, active_low);
        let driven = Driven::start(&wiring(vec![], vec![lock("relays", 1, active_low)]));
        let is_on = || chip.is_high(1) != active_low;
        let mut ever = false;
        until("the claim", || {
            ever |= is_on();
            chip.holder(1).is_some()
        });
        assert!(!ever && !is_on(), "it never moved");
        assert_eq!(chip.holder(1).as_deref(), Some("cabinetd"));
        assert_eq!(driven.set(Level::Active, Some(300)), Ok(()));
        assert!(is_on());
        let began = Instant::now();
        until("the end of the pulse", || !is_on());
        assert!(began.elapsed() > Duration::from_millis(150), "{:?}", began.elapsed());
        assert_eq!(driven.set(Level::Active, Some(60_000)), Ok(()));
        driven.end();
        assert!(!is_on());
        until("the line to be free", || chip.holder(1).is_none());
    }
}

#[test]
#[ignore = "runs in the rig"]
fn a_line_that_another_program_holds_costs_that_line_alone() {
    let chip = Chip::new("shared", 4);
    let request = || gpiocdev::Request::builder().on_chip(chip.path()).with_line(2).with_consumer("other").request();
    let other = request().expect("it is free");
    let inputs = (1..=3).map(|number| slot(number, "shared", number.into())).collect();
    let mut driven = Driven::start(&wiring(inputs, vec![]));
    let picture = driven.picture();
    assert_eq!(picture.iter().map(|(input, _)| *input).collect::<Vec<_>>(), [1, 3].map(|n| Input::Slot(SlotNo(n))));
    chip.pull(3, true);
    assert_eq!(driven.event(), changed(3, Level::Active));
    assert!(request().is_err(), "a line has one holder");
    drop(other);
    assert_eq!(driven.picture().len(), 3);
    chip.pull(2, true);
    assert_eq!(driven.event(), changed(2, Level::Active));
    driven.end();
}

#[test]
#[ignore = "runs in the rig"]
fn a_chip_that_goes_and_comes_back_is_claimed_again() {
    let (mut left, right) = (Chip::new("left", 4), Chip::new("right", 4));
    let inputs = vec![slot(1, "left", 1), slot(2, "right", 1)];
    // An older kernel does not wake who waits for edges when the chip goes: the poll finds it.
    let wiring = Wiring { poll_ms: 500, ..wiring(inputs, vec![lock("left", 3, false)]) };
    let mut driven = Driven::start(&wiring);
    assert_eq!(driven.picture().len(), 2);
    for _ in 0..rounds() {
        left.unplug();
        assert_eq!(driven.picture(), [(Input::Slot(SlotNo(2)), level(right.is_high(1)))]);
        right.pull(1, !right.is_high(1));
        assert!(matches!(driven.event(), Event::LineChanged { input: Input::Slot(SlotNo(2)), .. }));
        assert!(driven.set(Level::Active, Some(1_000)).is_err(), "its relay is out of reach");
        left.plug();
        assert_eq!(driven.picture().len(), 2);
        left.pull(1, true);
        assert_eq!(driven.event(), changed(1, Level::Active));
        until("the relay", || driven.set(Level::Active, Some(10_000)).is_ok());
        assert!(left.is_high(3));
        assert_eq!(driven.set(Level::Inactive, None), Ok(()));
    }
    driven.end();
}

/// What the next test kills: a process that holds a lock energised.
#[test]
#[ignore = "runs in the rig, for another test"]
fn holder() {
    let Ok(chip) = std::env::var("CABINETD_GPIO_HOLD") else { return };
    let driven = Driven::start(&wiring(vec![], vec![lock(&chip, 1, false)]));
    until("the lock", || driven.set(Level::Active, Some(60_000)).is_ok());
    println!("energised");
    sleep(Duration::from_secs(60));
}

#[test]
#[ignore = "runs in the rig"]
fn what_a_killed_process_held_is_free_and_goes_off_with_the_next_claim() {
    let chip = Chip::new("held", 4);
    for _ in 0..rounds() {
        let mut holder = Command::new(std::env::current_exe().expect("it runs"));
        holder.args(["--ignored", "--exact", "--nocapture", "driver::holder"]).env("CABINETD_GPIO_HOLD", "held");
        let mut holder = holder.stdout(Stdio::piped()).spawn().expect("it starts");
        let lines = BufReader::new(holder.stdout.take().expect("it is piped")).lines();
        assert!(lines.map_while(Result::ok).any(|line| line.contains("energised")));
        assert!(chip.is_high(1) && chip.holder(1).as_deref() == Some("cabinetd"));
        holder.kill().expect("SIGKILL");
        holder.wait().expect("it ends");
        assert_eq!(chip.holder(1), None, "the kernel let go of it");
        // Real chips leave it on; this one falls back to its pull, which a resistor would be.
        chip.pull(1, true);
        assert!(chip.is_high(1));
        assert_eq!(gpio::release(&wiring(vec![], vec![lock("held", 1, false)])), [""; 0]);
        let driven = Driven::start(&wiring(vec![], vec![lock("held", 1, false)]));
        until("the claim", || chip.holder(1).is_some());
        assert!(!chip.is_high(1), "driven inactive first thing, whatever draws on it");
        driven.end();
        chip.pull(1, false);
    }
}
