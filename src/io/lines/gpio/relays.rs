//! Outputs that were claimed together.

use super::claim::{Claim, Tried};
use super::port::{Driven, Port, PortError};
use crate::cabinet::types::Output;
use crate::io::lines::wiring::{OutputLine, Place, output_words};
use crate::messages::tell;
use std::fmt;
use tokio::time::Instant;

/// Outputs of one place, claimed together.
#[derive(Debug)]
pub(super) struct Relays {
    place: Place,
    lines: Vec<OutputLine>,
    claim: Claim<Held>,
}

/// Whoever lets go of outputs drives them inactive first, whatever way that comes about.
struct Held {
    driven: Box<dyn Driven>,
    count: usize,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("count", &self.count).finish_non_exhaustive()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // A chip that is gone cannot be driven, and each try may hang; the next claim begins inactive.
        let _ = (0..self.count).try_for_each(|index| self.driven.drive(index, false));
    }
}

impl Relays {
    pub(super) fn new(place: Place, lines: Vec<OutputLine>) -> Self {
        Self { place, lines, claim: Claim::due_now() }
    }

    /// When it has something to do.
    pub(super) const fn due(&self) -> Option<Instant> {
        self.claim.due()
    }

    /// Claims what is due. Gives back the parts that are to be claimed one by one, in the place of this one.
    pub(super) fn claim(&mut self, port: &mut dyn Port) -> Option<Vec<Self>> {
        self.claim.due()?;
        let count = self.lines.len();
        let claimed = port.claim_outputs(&self.place, &self.lines).map(|driven| Held { driven, count });
        match self.claim.tried(claimed, count, &self.words(), "driven") {
            Tried::Held | Tried::Failed => None,
            Tried::Parted => {
                let alone = |line: OutputLine| Self::new(self.place.clone(), vec![line]);
                Some(std::mem::take(&mut self.lines).into_iter().map(alone).collect())
            }
        }
    }

    /// "door 1's lock", "16 outputs".
    pub(super) fn words(&self) -> String {
        match self.lines.as_slice() {
            [one] => output_words(one.output),
            many => format!("{} outputs at {}", many.len(), self.place),
        }
    }

    pub(super) fn find(&self, output: Output) -> Option<usize> {
        self.lines.iter().position(|line| line.output == output)
    }

    pub(super) fn outputs(&self) -> impl Iterator<Item = Output> {
        self.lines.iter().map(|line| line.output)
    }

    pub(super) fn longest_ms(&self, index: usize) -> Option<u32> {
        self.lines.get(index).map(|line| line.longest_ms)
    }

    /// Drives one line; a glitch of the bus is given a second try.
    pub(super) fn drive(&mut self, index: usize, active: bool) -> Result<(), PortError> {
        let held = match &mut self.claim {
            Claim::Held(held) => held,
            Claim::Away(away) => {
                let unknown = || PortError::Failed(self.place.to_string(), "it was not claimed yet".into());
                return Err(away.said.clone().unwrap_or_else(unknown));
            }
        };
        let Err(why) = held.driven.drive(index, active).or_else(|_| held.driven.drive(index, active)) else {
            return Ok(());
        };
        tell!(LINES_LOST, "the outputs at {} do not follow any more: {why}; claiming them again", self.place);
        self.claim.lose(why.clone());
        Err(why)
    }

    /// Drives all inactive.
    pub(super) fn release(&mut self) -> Result<(), PortError> {
        (0..self.lines.len()).try_for_each(|index| self.drive(index, false))
    }
}
