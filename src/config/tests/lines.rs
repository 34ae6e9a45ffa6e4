//! Real lines: the samples, and what a table with many of them means.

use super::{around, essence, parse};
use crate::cabinet::types::{DoorNo, Input, Output, SlotNo};
use crate::config::{Config, Lines};
use crate::io::lines::wiring::{Address, Bias, InputLine, OutputLine, PinsBy, Place, Signal, Wiring};
use std::collections::BTreeSet;

const HEADER: &str = include_str!("../../../config/header-24.toml");
const EXPANDERS: &str = include_str!("../../../config/expanders-100.toml");

fn wiring(text: &str) -> Wiring {
    match parse(text).lines {
        Lines::Real(wiring) => wiring,
        Lines::Sim { .. } => panic!("it is for real lines"),
    }
}

fn pin(line: u32) -> Address {
    Address { chip: Place::Header, line }
}

#[test]
fn the_sample_on_the_header_uses_each_pin_once() {
    let wiring = wiring(HEADER);
    let lines = wiring.inputs.iter().map(|line| &line.at).chain(wiring.outputs.iter().map(|line| &line.at));
    let pins: BTreeSet<u32> = lines.map(|at| at.line).collect();
    assert_eq!(pins, (2..=27).collect(), "all that there are");
    assert_eq!((wiring.inputs.len(), wiring.outputs.len()), (25, 1));
    let lock = OutputLine { output: Output::Lock(DoorNo(1)), at: pin(17), active_low: false, longest_ms: 10_000 };
    assert_eq!(wiring.outputs, [lock]);
    // In the order that is written: slot 14 is the first one after the gap.
    let slot = |number| Signal::Sense(Input::Slot(SlotNo(number)));
    let at = |number| wiring.inputs.iter().find(|line| line.signal == slot(number)).map(|line| line.at.line);
    assert_eq!([at(1), at(13), at(14), at(22), at(23)], [4, 16, 18, 26, 2].map(Some));
    let (pins, poll_ms) = (wiring.pins, wiring.poll_ms);
    assert_eq!((pins, poll_ms), (PinsBy::Gpiocdev, 30_000));
    assert_eq!(super::parse(&HEADER.replace("\"gpiocdev\"", "\"rppal\"")).lines, {
        Lines::Real(Wiring { pins: PinsBy::Rppal, ..wiring })
    });
}

#[test]
fn the_sample_on_expanders_has_a_line_for_each_of_a_hundred_slots() {
    let config = parse(EXPANDERS);
    let wiring = wiring(EXPANDERS);
    assert_eq!((config.settings.slots.len(), wiring.inputs.len(), wiring.outputs.len()), (100, 103, 102));
    let last = wiring.inputs.last().expect("there are some");
    let expected = InputLine {
        signal: Signal::Sense(Input::Slot(SlotNo(100))),
        at: Address { chip: Place::Chip("1-0026".into()), line: 3 },
        active_low: true,
        bias: Bias::PullUp,
        debounce_ms: 5,
    };
    assert_eq!(*last, expected);
}

#[test]
fn the_lockbox_and_the_lamp_are_as_the_sample_has_them_commented() {
    let settled = parse(EXPANDERS).settings;
    assert!(settled.button && !settled.lockbox && !settled.lamp);
    assert!(!parse(HEADER).settings.button, "no pin is left for one");
    // Uncommented, each without the other is a problem.
    let with_lines = EXPANDERS.replace("\n#[[", "\n[[").replace("\n#role", "\nrole").replace("\n#pin", "\npin");
    let with_lines = with_lines.replace("\n#active", "\nactive").replace("\n#bias", "\nbias");
    let keys = "tamper_contact = true\nlockbox_contact = true\nstatus_lamp = true\n";
    let wrong = |text: &str| {
        let problems = Config::parse(text, &around()).expect_err("it has mistakes");
        problems.into_iter().map(|problem| problem.wrong).collect::<Vec<_>>()
    };
    assert_eq!(
        wrong(&with_lines),
        ["the cabinet does not have the lockbox's contact", "the cabinet does not have the status lamp"]
    );
    let with_keys = |text: &str| text.replace("tamper_contact = true\n", keys);
    assert_eq!(wrong(&with_keys(EXPANDERS)), ["no line is for role \"lockbox\"", "no line is for role \"status\""]);
    let config = parse(&with_keys(&with_lines));
    assert!(config.settings.lockbox && config.settings.lamp);
    let Lines::Real(wiring) = config.lines else { panic!("it is for real lines") };
    assert!(wiring.inputs.iter().any(|line| line.signal == Signal::Sense(Input::Lockbox) && line.at == pin(13)));
    assert!(wiring.outputs.iter().any(|line| line.output == Output::Status && line.at == pin(23)));
}

#[test]
fn what_is_shown_as_effective_has_the_lines_too() {
    for text in [HEADER, EXPANDERS] {
        let config = parse(text);
        let again = Config::parse(&config.effective(), &around());
        assert_eq!(essence(again.expect("it reads back")), essence(config));
    }
}

#[test]
fn a_range_may_fall_and_a_single_slot_may_stand_alone() {
    let text = EXPANDERS.replace(
        "number = \"97-100\"\nchip = \"1-0026\"\nline = \"0-3\"",
        "number = \"97-99\"\nchip = \"1-0026\"\nline = \"10-8\"",
    ) + "[[input]]\nrole = \"slot\"\nnumber = 100\npin = 16\nactive = \"high\"\nbias = \"pull-down\"\ndebounce_ms = 0\n";
    let wiring = wiring(&text);
    let slot = |number| wiring.inputs.iter().find(|line| line.signal == Signal::Sense(Input::Slot(SlotNo(number))));
    assert_eq!(slot(98).map(|line| line.at.line), Some(9));
    let single = InputLine {
        signal: Signal::Sense(Input::Slot(SlotNo(100))),
        at: pin(16),
        active_low: false,
        bias: Bias::PullDown,
        debounce_ms: 0,
    };
    assert_eq!(slot(100), Some(&single));
}

#[test]
fn a_simulated_cabinet_may_keep_its_wiring() {
    let config = parse(&EXPANDERS.replace("\"gpiocdev\"", "\"sim\""));
    assert!(matches!(config.lines, Lines::Sim { .. }));
}
