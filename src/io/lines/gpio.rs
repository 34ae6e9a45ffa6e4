//! Real lines: the driver behind [`Outputs`], for any mixture of gpiochips and header pins.
//!
//! It keeps what `io::lines` promises of every backend. A chip's bus may block for seconds: the outputs of each place have a thread of their
//! own, which ends their pulses whatever the other chips do, and all inputs share one. The loop of the daemon never waits for them,
//! and no line of a chip has a thread. Beyond that:
//!
//! - **Lost edges are noticed.** The kernel numbers them; a gap has the lines read and the whole picture sent.
//! - **Dead interrupts are noticed.** Behind the edges every level is read anew each [`Wiring::poll_ms`]. A level that changed without
//!   an edge counts at once, is reported when none follows, and its lines are then polled ten times a second until edges come again. So
//!   are the lines of a chip that cannot tell edges.
//! - **A chip may go and come back.** Its lines cannot be read meanwhile, the others go on. It is claimed again, outputs inactive; then lights
//!   and loads that were on without an end are so again. Locks and latches never are.
//! - **One line that is taken** by another program costs that line alone.
//!
//! What a line does when nobody holds it is the chip's: a resistor has to keep a relay at rest (`docs/wiring.md`).
//!
//! ```text
//!   Driver ──▶ Hand, one for each place ──▶ Relays ──▶ Claim ──▶ Port (cdev | bcm | a test's fake)
//!      └──▶ Senses ──▶ Bank ──▶ Claim ──▶ Port; ──▶ inbox ──▶ events
//! ```

mod bank;
mod bcm;
mod buzzer;
mod cdev;
mod claim;
mod driver;
mod hand;
mod lamp;
mod port;
mod relays;
mod senses;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

pub use cdev::{CONSUMER, Seen};
pub use port::PortError;

use super::Outputs;
use super::wiring::{Address, InputLine, OutputLine, PinsBy, Place, Signal, Wiring};
use crate::cabinet::Event;
use bcm::Bcm;
use cdev::Cdev;
use driver::Part;
use port::{Driven, Ear, Port, Sensed};
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;
use tokio::sync::mpsc;

/// Starts the driver on threads of its own; it sends to `events`. Outputs are claimed, inactive, before any order.
///
/// # Errors
/// There are no threads for it.
pub fn start(wiring: &Wiring, events: mpsc::Sender<Event>) -> io::Result<Outputs> {
    let pins = wiring.pins;
    let (outputs, parts) = driver::parts(wiring, || Ports::new(pins), events);
    on_threads(parts)?;
    Ok(outputs)
}

/// Each part blocks for as long as its chips do, and for nobody else.
fn on_threads(parts: Vec<Part>) -> io::Result<()> {
    for part in parts {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("lines".into()).spawn(move || runtime.block_on(part))?;
    }
    Ok(())
}

/// Drives every output inactive and lets go of it: for a moment when no daemon has the lines. Blocks for as long as the chips do, but a
/// chip that hangs holds up no other. Gives back what could not be driven, each with why and what to do.
#[must_use]
pub fn release(wiring: &Wiring) -> Vec<String> {
    driver::release(wiring, || Ports::new(wiring.pins))
}

/// A line under its one name as this machine has it: the path of its chip. Where there is no such chip, as it is written.
#[must_use]
pub fn resolved(at: &Address) -> Address {
    match Cdev::default().find(&at.chip) {
        Ok(path) => Address { chip: Place::Chip(path.display().to_string()), line: at.line },
        Err(_) => at.clone(),
    }
}

/// What the kernel shows of lines, without claiming any, in the same order; a pin that `pins` cannot reach is an error too.
#[must_use]
pub fn survey(pins: PinsBy, lines: &[Address]) -> Vec<Result<Seen, PortError>> {
    let cdev = Cdev::default();
    let mut chips: BTreeMap<&Place, Result<Place, PortError>> = BTreeMap::new();
    let look = |at: &Address, chip: &Result<Place, PortError>| cdev.line(chip.as_ref().map_err(Clone::clone)?, at.line);
    let find = |place: &Place| {
        if pins == PinsBy::Rppal && *place == Place::Header {
            bcm::registers()?;
        }
        cdev.find(place).map(|path| Place::Chip(path.display().to_string()))
    };
    lines.iter().map(|at| look(at, chips.entry(&at.chip).or_insert_with(|| find(&at.chip)))).collect()
}

/// What an input showed, read twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peeked {
    pub signal: Signal,
    /// None: it cannot be read.
    pub active: Option<bool>,
    /// The second reading was another one.
    pub is_restless: bool,
}

/// Claims the inputs, reads them twice `apart`, and lets go; it blocks for so long. For a moment when no daemon has the lines.
///
/// # Errors
/// This process cannot wait for anything any more.
pub fn peek(wiring: &Wiring, apart: Duration) -> io::Result<Vec<Peeked>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(senses::peek(wiring, Box::new(Ports::new(wiring.pins)), apart)))
}

/// Each place's own way.
struct Ports {
    cdev: Cdev,
    /// None: header pins go through the character device as well.
    bcm: Option<Bcm>,
}

impl Ports {
    fn new(pins: PinsBy) -> Self {
        Self { cdev: Cdev::default(), bcm: (pins == PinsBy::Rppal).then(Bcm::default) }
    }

    fn to(&mut self, place: &Place) -> &mut dyn Port {
        match (place, &mut self.bcm) {
            (Place::Header, Some(bcm)) => bcm,
            (Place::Header | Place::Chip(_), _) => &mut self.cdev,
        }
    }
}

impl Port for Ports {
    fn claim_inputs(&mut self, place: &Place, lines: &[InputLine], ear: Ear) -> Result<Box<dyn Sensed>, PortError> {
        self.to(place).claim_inputs(place, lines, ear)
    }

    fn claim_outputs(&mut self, place: &Place, lines: &[OutputLine]) -> Result<Box<dyn Driven>, PortError> {
        self.to(place).claim_outputs(place, lines)
    }
}
