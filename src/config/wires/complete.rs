//! Whether the lines are those that the cabinet has: each door, slot and load with what it needs, and nothing for what is not there.

use super::{Wires, canonical};
use crate::cabinet::power::{Method, PowerSettings};
use crate::cabinet::settings::Settings;
use crate::cabinet::types::{Input, Output};
use crate::config::problem::Fault;
use crate::config::reader::Reader;
use crate::io::lines::wiring::{Address, InputLine, PinsBy, Place, Signal, Wiring, output_words};
use std::collections::BTreeSet;

/// What the daemon is to drive, once everything else is known; with what is missing, or too much.
pub(in crate::config) fn check(
    wires: &Wires,
    reader: &mut Reader,
    settings: &Settings,
    power: &PowerSettings,
    (pins, poll_ms): (PinsBy, u64),
) -> Wiring {
    // Without the cabinet's own description nobody knows what is missing here.
    let described = ["slots", "slot", "door", "load"];
    let section = |key: &str| key.split('.').next().unwrap_or_default().to_owned();
    let unknown = reader.problems.iter().any(|p| p.key.is_empty() || described.contains(&section(&p.key).as_str()));
    if !unknown {
        let wanted = Wanted::of(settings, power);
        wanted.too_much(wires, reader);
        if !wires.broken {
            wanted.missing(wires, reader);
            too_short(wires, reader, settings);
            wakes_by_itself(wires, reader, power);
        }
    }
    Wiring {
        pins,
        poll_ms,
        inputs: wires.inputs.iter().map(|(_, line)| line.clone()).collect(),
        outputs: wires.outputs.iter().map(|(_, line)| line.clone()).collect(),
    }
}

/// What the cabinet has, by its description.
struct Wanted {
    inputs: BTreeSet<Input>,
    outputs: BTreeSet<Output>,
}

impl Wanted {
    fn of(settings: &Settings, power: &PowerSettings) -> Self {
        let doors = settings.doors.iter().filter(|(_, door)| door.contact).map(|(no, _)| Input::Door(*no));
        let slots = settings.slots.keys().map(|no| Input::Slot(*no));
        let inputs = doors.chain(slots).chain(settings.tamper.then_some(Input::Tamper));
        let inputs = inputs.chain(settings.lockbox.then_some(Input::Lockbox)).collect();
        let locks = settings.doors.keys().map(|no| Output::Lock(*no));
        let latches = settings.slots.iter().filter(|(_, slot)| slot.latch).map(|(no, _)| Output::Latch(*no));
        let leds = settings.slots.iter().filter(|(_, slot)| slot.led).map(|(no, _)| Output::Led(*no));
        let loads = (1..).zip(&power.loads).map(|(number, _)| Output::Load(number));
        let lamp = settings.lamp.then_some(Output::Status);
        Self { inputs, outputs: locks.chain(latches).chain(leds).chain(loads).chain(lamp).collect() }
    }

    /// Lines for what the cabinet does not have.
    fn too_much(&self, wires: &Wires, reader: &mut Reader) {
        for (line, wire) in &wires.inputs {
            let Signal::Sense(input) = wire.signal else { continue };
            if self.inputs.contains(&input) {
                continue;
            }
            let remedy = match input {
                Input::Slot(_) => "correct the number, or count under [slots]",
                Input::Door(_) => "correct the number, or write contact = true for that door",
                Input::Tamper => "write tamper_contact = true under [cabinet], or take this table away",
                Input::Lockbox => "write lockbox_contact = true under [cabinet], or take this table away",
            };
            let wrong = format!("the cabinet does not have {}", wire.signal);
            reader.problem(Some(*line), "input.number", Fault::new(wrong, remedy));
        }
        for (line, wire) in &wires.outputs {
            if wire.output == Output::Buzzer || self.outputs.contains(&wire.output) {
                continue;
            }
            let remedy = match wire.output {
                Output::Lock(_) => "correct the number, or describe that [[door]]",
                Output::Latch(_) => "correct the number, or write latch = true for that slot",
                Output::Led(_) => "correct the number, or write led = true for that slot",
                Output::Load(_) => "correct the number, or describe that [[load]]",
                Output::Status => "write status_lamp = true under [cabinet], or take this table away",
                Output::Buzzer => "take this table away",
            };
            let wrong = format!("the cabinet does not have {}", output_words(wire.output));
            reader.problem(Some(*line), "output.number", Fault::new(wrong, remedy));
        }
    }

    /// What the cabinet has, and no line is for it.
    fn missing(&self, wires: &Wires, reader: &mut Reader) {
        let mut inputs = self.inputs.clone();
        for (_, wire) in &wires.inputs {
            if let Signal::Sense(input) = wire.signal {
                inputs.remove(&input);
            }
        }
        let mut outputs = self.outputs.clone();
        for (_, wire) in &wires.outputs {
            outputs.remove(&wire.output);
        }
        let mut say = |key: &str, role: &str, what: &str, numbers: Vec<u32>, or: &str| {
            if numbers.is_empty() {
                return;
            }
            let ranges = ranges(&numbers);
            let number = if what.is_empty() { String::new() } else { format!(" and number = \"{ranges}\"") };
            let who = match (what, numbers.len()) {
                ("", _) => "nothing".to_owned(),
                (what, 1) => format!("{what} {ranges}"),
                (what, _) => format!("{what}s {ranges}"),
            };
            let wrong = format!("no line is for role \"{role}\" of {who}");
            let wrong = if what.is_empty() { format!("no line is for role \"{role}\"") } else { wrong };
            reader.missing(None, key, Fault::new(wrong, format!("write [[{key}]] with role = \"{role}\"{number}{or}")));
        };
        let of_inputs = |pick: fn(&Input) -> Option<u32>| inputs.iter().filter_map(pick).collect::<Vec<u32>>();
        let slots = of_inputs(|input| if let Input::Slot(no) = input { Some(no.0.into()) } else { None });
        let doors = of_inputs(|input| if let Input::Door(no) = input { Some(no.0.into()) } else { None });
        let tamper = of_inputs(|input| matches!(input, Input::Tamper).then_some(1));
        let lockbox = of_inputs(|input| matches!(input, Input::Lockbox).then_some(1));
        say("input", "slot", "slot", slots, "");
        say("input", "door", "door", doors, ", or contact = false for that door");
        say("input", "tamper", "", tamper, ", or tamper_contact = false under [cabinet]");
        say("input", "lockbox", "", lockbox, ", or lockbox_contact = false under [cabinet]");
        let of_outputs = |pick: fn(&Output) -> Option<u32>| outputs.iter().filter_map(pick).collect::<Vec<u32>>();
        let locks = of_outputs(|output| if let Output::Lock(no) = output { Some(no.0.into()) } else { None });
        let latches = of_outputs(|output| if let Output::Latch(no) = output { Some(no.0.into()) } else { None });
        let leds = of_outputs(|output| if let Output::Led(no) = output { Some(no.0.into()) } else { None });
        let loads = of_outputs(|output| if let Output::Load(no) = output { Some((*no).into()) } else { None });
        let lamp = of_outputs(|output| matches!(output, Output::Status).then_some(1));
        say("output", "lock", "door", locks, "");
        say("output", "latch", "slot", latches, ", or latch = false for them");
        say("output", "led", "slot", leds, ", or led = false for them");
        say("output", "load", "load", loads, "");
        say("output", "status", "", lamp, ", or status_lamp = false under [cabinet]");
    }
}

/// A line that ends its pulse before the lock is meant to be closed.
fn too_short(wires: &Wires, reader: &mut Reader, settings: &Settings) {
    let unlock_ms = settings.sessions.unlock_ms;
    let locks = wires.outputs.iter().filter(|(_, wire)| matches!(wire.output, Output::Lock(_) | Output::Latch(_)));
    if let Some((line, wire)) = locks.filter(|(_, wire)| wire.longest_ms < unlock_ms).min_by_key(|(line, _)| *line) {
        let words = output_words(wire.output);
        let wrong = format!("{words} ends its pulse after {} ms, before unlock_ms ({unlock_ms})", wire.longest_ms);
        let fault = Fault::new(wrong, "write unlock_ms under [sessions] not above longest_ms");
        reader.problem(Some(*line), "output.longest_ms", fault);
    }
}

/// The pin that starts a halted Raspberry Pi, with something on it that is not meant to.
fn wakes_by_itself(wires: &Wires, reader: &mut Reader, power: &PowerSettings) {
    const WAKE: u32 = 3;
    let on_it = |(_, wire): &&(usize, InputLine)| {
        canonical(&wire.at) == Address { chip: Place::Header, line: WAKE } && wire.signal != Signal::Button
    };
    if power.sleep == Method::Halt
        && let Some((line, wire)) = wires.inputs.iter().find(on_it)
    {
        let wrong = format!("pin {WAKE} starts a halted Raspberry Pi, and {} is on it", wire.signal);
        let remedy = "take another pin for it: with sleep = \"halt\" only the button may be there";
        reader.problem(Some(*line), "input.pin", Fault::new(wrong, remedy));
    }
}

/// "1-8, 12".
fn ranges(numbers: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let runs = runs.iter().map(|(a, b)| if a == b { a.to_string() } else { format!("{a}-{b}") });
    runs.collect::<Vec<_>>().join(", ")
}
