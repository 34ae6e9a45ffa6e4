//! `[[input]]` and `[[output]]`: which line is what, one table for one line or for many, and that nothing is wired twice, or not at all.

mod complete;

pub(super) use complete::check;

use super::keys::{Form, Key, Preset, whole};
use super::problem::Fault;
use super::reader::Reader;
use crate::cabinet::types::{DoorNo, Input, Output, SlotNo};
use crate::io::lines::LONGEST_PULSE_MS;
use crate::io::lines::wiring::{Address, Bias, InputLine, OutputLine, Place, Signal, is_header_label, output_words};
use std::collections::BTreeMap;
use toml::de::DeTable;

/// Pins with a pull-up on the Raspberry Pi itself, for I²C.
const PULLED_UP: [u32; 2] = [2, 3];

/// One `[[input]]` or `[[output]]` while it is read.
#[derive(Debug, Default)]
pub(super) struct WireDraft {
    role: Option<Role>,
    numbers: Option<Vec<u32>>,
    pins: Option<Vec<u32>>,
    chip: Option<String>,
    lines: Option<Vec<u32>>,
    active_low: bool,
    bias: Bias,
    debounce_ms: u32,
    longest_ms: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    Slot,
    Door,
    Tamper,
    Lockbox,
    Button,
    Lock,
    Latch,
    Led,
    Buzzer,
    Status,
    Load,
}

const NUMBER: Key<WireDraft> = Key {
    name: "number",
    form: Form::Numbers { range: 1..=1000, set: |w, v| w.numbers = Some(v) },
    preset: Preset::Without("none, for what there is only one of", "\"1-16\""),
};
const PIN: Key<WireDraft> = Key {
    name: "pin",
    form: Form::Numbers { range: 2..=27, set: |w, v| w.pins = Some(v) },
    preset: Preset::Without("none, the line is on a chip", "\"5-12\""),
};
const CHIP: Key<WireDraft> = Key {
    name: "chip",
    form: Form::Text {
        what: "the name of a gpiochip",
        set: |w, v| {
            let sound = |c: char| c.is_ascii_graphic() || c == ' ';
            if v.is_empty() || v.len() > 64 || !v.chars().all(sound) {
                return Err(Fault::new(
                    format!("{v:?} is no name of a gpiochip"),
                    "write one like \"gpiochip2\", its label, its path, or its device on the bus like \"1-0020\"",
                ));
            }
            w.chip = Some(v.to_owned());
            Ok(())
        },
    },
    preset: Preset::Without("none, the line is a pin", "\"1-0020\""),
};
const LINE: Key<WireDraft> = Key {
    name: "line",
    form: Form::Numbers { range: 0..=1023, set: |w, v| w.lines = Some(v) },
    preset: Preset::Without("none, the line is a pin", "\"0-15\""),
};
const ACTIVE: Key<WireDraft> = Key {
    name: "active",
    form: Form::Choice { words: &[("low", |w| w.active_low = true), ("high", |w| w.active_low = false)] },
    preset: Preset::Required("\"low\""),
};

pub(super) static INPUT: &[Key<WireDraft>] = &[
    Key {
        name: "role",
        form: Form::Choice {
            words: &[
                ("slot", |w| w.role = Some(Role::Slot)),
                ("door", |w| w.role = Some(Role::Door)),
                ("tamper", |w| w.role = Some(Role::Tamper)),
                ("lockbox", |w| w.role = Some(Role::Lockbox)),
                ("button", |w| w.role = Some(Role::Button)),
            ],
        },
        preset: Preset::Required("\"slot\""),
    },
    NUMBER,
    PIN,
    CHIP,
    LINE,
    ACTIVE,
    Key {
        name: "bias",
        form: Form::Choice {
            words: &[
                ("pull-up", |w| w.bias = Bias::PullUp),
                ("pull-down", |w| w.bias = Bias::PullDown),
                ("off", |w| w.bias = Bias::Off),
            ],
        },
        preset: Preset::Stated(
            "\"pull-up\"",
            "it has no bias",
            "without a resistor an open contact reads anything: write bias = \"pull-up\" or \"pull-down\" for the one in the chip, \
             or \"off\" where one is fitted outside",
        ),
    },
    whole("debounce_ms", "ms", 0..=1_000, "5", |w, v| w.debounce_ms = v as u32),
];

pub(super) static OUTPUT: &[Key<WireDraft>] = &[
    Key {
        name: "role",
        form: Form::Choice {
            words: &[
                ("lock", |w| w.role = Some(Role::Lock)),
                ("latch", |w| w.role = Some(Role::Latch)),
                ("led", |w| w.role = Some(Role::Led)),
                ("buzzer", |w| w.role = Some(Role::Buzzer)),
                ("status", |w| w.role = Some(Role::Status)),
                ("load", |w| w.role = Some(Role::Load)),
            ],
        },
        preset: Preset::Required("\"lock\""),
    },
    NUMBER,
    PIN,
    CHIP,
    LINE,
    ACTIVE,
    whole("longest_ms", "ms", 100..=LONGEST_PULSE_MS as u64, "60000", |w, v| w.longest_ms = v as u32),
];

/// Every line that the file describes, each with the line of the file where it does.
#[derive(Debug, Default)]
pub(super) struct Wires {
    inputs: Vec<(usize, InputLine)>,
    outputs: Vec<(usize, OutputLine)>,
    /// What was wrong in these tables: whoever misses a line there should not hear of it twice.
    broken: bool,
}

/// Reads `[[input]]` and `[[output]]`.
pub(super) fn read(reader: &mut Reader, document: &DeTable<'_>) -> Wires {
    let before = reader.problems.len();
    let mut wires = Wires::default();
    let mut seen = Seen::default();
    for (section, header, keys) in [("input", "[[input]]", INPUT), ("output", "[[output]]", OUTPUT)] {
        let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
        for (line, table) in reader.rows(document, section) {
            reader.refuse_unknown(table, section, &names, |_| None);
            let mut row = Row { section, table, line, problems: reader.problems.len() };
            let mut draft = WireDraft::default();
            reader.read(section, header, Some((line, table)), keys, &mut draft);
            row.expand(reader, &draft, &mut seen, &mut wires);
        }
    }
    wires.broken = reader.problems.len() > before;
    wires
}

/// Where each line and each role was described first.
#[derive(Default)]
struct Seen {
    lines: BTreeMap<Address, (usize, String)>,
    roles: BTreeMap<String, usize>,
}

/// One table.
struct Row<'a, 't> {
    section: &'static str,
    table: &'a DeTable<'t>,
    line: usize,
    /// Problems before it.
    problems: usize,
}

impl Row<'_, '_> {
    /// Reports at a key of this table, unless something was said of that key already.
    fn problem(&self, reader: &mut Reader, key: &str, wrong: impl Into<String>, remedy: impl Into<String>) {
        let path = format!("{}.{key}", self.section);
        if reader.problems[self.problems..].iter().any(|problem| problem.key == path) {
            return;
        }
        let line = reader.place(self.table, key).map_or(self.line, |(line, _)| line);
        reader.problem(Some(line), &path, Fault::new(wrong, remedy));
    }

    fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    /// Where its lines are, in their order.
    fn addresses(&self, reader: &mut Reader, draft: &WireDraft) -> Option<(&'static str, Vec<Address>)> {
        let on = |place: &Place, lines: &[u32]| {
            lines.iter().map(|line| Address { chip: place.clone(), line: *line }).collect::<Vec<_>>()
        };
        match (self.has("pin"), self.has("chip"), self.has("line")) {
            (true, false, false) => Some(("pin", on(&Place::Header, draft.pins.as_ref()?))),
            (false, true, true) => {
                let place = Place::Chip(draft.chip.clone()?);
                Some(("line", on(&place, draft.lines.as_ref()?)))
            }
            (true, ..) => {
                let remedy = "keep pin, or chip and line";
                self.problem(reader, "pin", "it is a pin and a line of a chip", remedy);
                None
            }
            (false, true, false) => {
                self.problem(reader, "line", "it is missing", "write which line of the chip, for example line = 3");
                None
            }
            (false, false, true) => {
                self.problem(reader, "chip", "it is missing", "write which chip, for example chip = \"gpiochip2\"");
                None
            }
            (false, false, false) => {
                let remedy = "write pin = 17 for one of the header, or chip = \"gpiochip2\" and line = 3";
                self.problem(reader, "pin", "nothing says where the line is", remedy);
                None
            }
        }
    }

    /// Which numbers the role has; none where there is only one of it.
    fn numbers(&self, reader: &mut Reader, role: Role, draft: &WireDraft) -> Option<Vec<u32>> {
        let (what, most) = match role {
            Role::Slot | Role::Latch | Role::Led => ("slot", 1_000),
            Role::Door | Role::Lock => ("door", 16),
            Role::Load => ("load", 16),
            Role::Tamper | Role::Lockbox | Role::Button | Role::Buzzer | Role::Status => {
                if self.has("number") {
                    self.problem(reader, "number", "there is only one of it", "take the number away");
                }
                return Some(vec![0]);
            }
        };
        let Some(numbers) = &draft.numbers else {
            self.problem(reader, "number", "it is missing", format!("write which {what}, for example number = 1"));
            return None;
        };
        if let Some(beyond) = numbers.iter().find(|number| **number > most) {
            self.problem(reader, "number", format!("{beyond} is out of range"), format!("a {what} has 1 to {most}"));
            return None;
        }
        Some(numbers.clone())
    }

    /// One line for each number.
    fn expand(&mut self, reader: &mut Reader, draft: &WireDraft, seen: &mut Seen, wires: &mut Wires) {
        let addresses = self.addresses(reader, draft);
        let Some(role) = draft.role else { return };
        let numbers = self.numbers(reader, role, draft);
        let (Some((key, addresses)), Some(numbers)) = (addresses, numbers) else { return };
        if addresses.len() != numbers.len() {
            let count = |many: usize, one: &str| format!("{many} {one}{}", if many == 1 { "" } else { "s" });
            let wrong = format!("{} for {}", count(addresses.len(), key), count(numbers.len(), "number"));
            return self.problem(reader, key, wrong, "write one for each, in the same order");
        }
        for (number, at) in numbers.into_iter().zip(addresses) {
            let words = self.wire(role, number, at.clone(), draft, wires);
            if let Some(first) = seen.roles.get(&words) {
                let wrong = format!("{words} is wired already (line {first})");
                self.problem(reader, "number", wrong, "take one of the two away, or correct its number");
            }
            seen.roles.entry(words.clone()).or_insert(self.line);
            if let Some((first, other)) = seen.lines.get(&canonical(&at)) {
                let wrong = format!("{at} is {other} already (line {first})");
                self.problem(reader, key, wrong, "give each line one role");
            }
            seen.lines.entry(canonical(&at)).or_insert((self.line, words));
            if self.section == "input"
                && canonical(&at).chip == Place::Header
                && PULLED_UP.contains(&at.line)
                && draft.bias == Bias::PullDown
            {
                let wrong = format!("pin {} has a pull-up on the board", at.line);
                self.problem(reader, "bias", wrong, "take another pin, or a contact to ground with bias = \"off\"");
            }
        }
    }

    /// Adds a line; what it is, in words.
    fn wire(&self, role: Role, number: u32, at: Address, draft: &WireDraft, wires: &mut Wires) -> String {
        let slot = SlotNo(number as u16);
        let door = DoorNo(number as u8);
        let mut input = |signal: Signal| {
            let (active_low, bias, debounce_ms) = (draft.active_low, draft.bias, draft.debounce_ms);
            let words = signal.to_string();
            wires.inputs.push((self.line, InputLine { signal, at: at.clone(), active_low, bias, debounce_ms }));
            words
        };
        let output = match role {
            Role::Slot => return input(Signal::Sense(Input::Slot(slot))),
            Role::Door => return input(Signal::Sense(Input::Door(door))),
            Role::Tamper => return input(Signal::Sense(Input::Tamper)),
            Role::Lockbox => return input(Signal::Sense(Input::Lockbox)),
            Role::Button => return input(Signal::Button),
            Role::Lock => Output::Lock(door),
            Role::Latch => Output::Latch(slot),
            Role::Led => Output::Led(slot),
            Role::Buzzer => Output::Buzzer,
            Role::Status => Output::Status,
            Role::Load => Output::Load(number as u8),
        };
        let (active_low, longest_ms) = (draft.active_low, draft.longest_ms);
        wires.outputs.push((self.line, OutputLine { output, at, active_low, longest_ms }));
        output_words(output)
    }
}

/// The same line under one name, as far as the text alone tells: the chip with a header's label is the header. That two other names
/// (`gpiochip2`, a path, `1-0020`) mean one chip only the machine knows; `check` finds that.
fn canonical(at: &Address) -> Address {
    match &at.chip {
        Place::Chip(name) if is_header_label(name) => Address { chip: Place::Header, line: at.line },
        Place::Chip(_) | Place::Header => at.clone(),
    }
}
