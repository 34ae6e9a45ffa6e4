//! Which line is what: plain data, as the config says it. Nothing here touches hardware.

use crate::cabinet::types::{Input, Output};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// The lines of a cabinet.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug, Default)]
pub struct Wiring {
    /// Who reaches the header pins.
    pub pins: PinsBy,
    /// Every level is read anew this often, behind the edges.
    pub poll_ms: u64,
    pub inputs: Vec<InputLine>,
    pub outputs: Vec<OutputLine>,
}

impl Wiring {
    /// Of its outputs those at lines that `other` does not speak of; `name` gives a line its one name.
    #[must_use]
    pub fn beside(&self, other: &Self, name: impl Fn(&Address) -> Address) -> Self {
        let inputs = other.inputs.iter().map(|line| &line.at);
        let known: BTreeSet<Address> = other.outputs.iter().map(|line| &line.at).chain(inputs).map(&name).collect();
        let outputs = self.outputs.iter().filter(|line| !known.contains(&name(&line.at))).cloned().collect();
        Self { inputs: Vec::new(), outputs, ..*self }
    }
}

/// Who reaches the pins of the Raspberry Pi's header.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug, Default)]
pub enum PinsBy {
    /// The kernel's character device, as it does every other chip's lines.
    #[default]
    Gpiocdev,
    /// rppal, through the registers; a pin keeps its level when the process ends.
    Rppal,
}

/// Where a line is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Debug)]
pub struct Address {
    pub chip: Place,
    /// From 0; the BCM number of a header pin.
    pub line: u32,
}

/// What a line is a part of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Debug)]
pub enum Place {
    /// The header of the Raspberry Pi.
    Header,
    /// A gpiochip: `gpiochip2`, a path below /dev, its label, or its device on the bus (`1-0020`).
    Chip(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.write_str("the header"),
            Self::Chip(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.chip {
            Place::Header => write!(f, "pin {}", self.line),
            Place::Chip(name) => write!(f, "line {} of {name}", self.line),
        }
    }
}

/// Labels of the chips behind the header of a Raspberry Pi; their lines are numbered as BCM pins.
const HEADER: [&str; 3] = ["pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1"];

/// Whether a chip of this label is the one behind the header of a Raspberry Pi.
#[must_use]
pub fn is_header_label(label: &str) -> bool {
    HEADER.contains(&label)
}

/// What an input is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Debug)]
pub enum Signal {
    /// A sensor or a contact: its level counts.
    Sense(Input),
    /// The wake button: becoming active counts.
    Button,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sense(Input::Slot(slot)) => write!(f, "slot {slot}'s sensor"),
            Self::Sense(Input::Door(door)) => write!(f, "door {door}'s contact"),
            Self::Sense(Input::Tamper) => f.write_str("the tamper contact"),
            Self::Sense(Input::Lockbox) => f.write_str("the lockbox's contact"),
            Self::Button => f.write_str("the button"),
        }
    }
}

/// What an output is, in words.
#[must_use]
pub fn output_words(output: Output) -> String {
    match output {
        Output::Lock(door) => format!("door {door}'s lock"),
        Output::Latch(slot) => format!("slot {slot}'s latch"),
        Output::Led(slot) => format!("slot {slot}'s LED"),
        Output::Buzzer => "the buzzer".to_owned(),
        Output::Status => "the status lamp".to_owned(),
        Output::Load(load) => format!("load {load}"),
    }
}

/// The resistor inside the chip.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Debug, Default)]
pub enum Bias {
    /// None: there is one outside.
    #[default]
    Off,
    PullUp,
    PullDown,
}

/// One input line.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct InputLine {
    pub signal: Signal,
    pub at: Address,
    /// Active is the low electrical level.
    pub active_low: bool,
    pub bias: Bias,
    /// A level must hold this long before the chip, or the kernel for it, tells it; 0 = at once.
    pub debounce_ms: u32,
}

/// One output line.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct OutputLine {
    pub output: Output,
    pub at: Address,
    /// Energised is the low electrical level.
    pub active_low: bool,
    /// The longest that it is energised, ms, where it is a lock or a latch.
    pub longest_ms: u32,
}
