//! What a way to real lines must offer: claim inputs and outputs, read, drive, and tell edges. The driver is written against this alone,
//! so that it can be tried with a fake chip.

use crate::io::lines::wiring::{InputLine, OutputLine, Place};
use tokio::sync::mpsc;

/// Edges on their way to the driver, in lots. A full queue makes the kernel's own queue fill, and what it drops shows in the numbers.
pub const LOTS: usize = 64;

/// A way to lines. Every call may block for as long as the chip's bus does: milliseconds, or a second when the bus hangs.
pub trait Port: Send {
    /// Claims inputs of one place, all with the same polarity, bias and debounce.
    ///
    /// # Errors
    /// None of them is claimed then.
    fn claim_inputs(&mut self, place: &Place, lines: &[InputLine], ear: Ear) -> Result<Box<dyn Sensed>, PortError>;

    /// Claims outputs of one place, all with the same polarity; each is inactive from the first moment on.
    ///
    /// # Errors
    /// None of them is claimed then.
    fn claim_outputs(&mut self, place: &Place, lines: &[OutputLine]) -> Result<Box<dyn Driven>, PortError>;
}

/// Claimed inputs. Dropping them lets go.
pub trait Sensed: Send {
    /// The logical levels, in the order of the claim.
    ///
    /// # Errors
    /// The chip does not answer.
    fn read(&mut self) -> Result<Vec<bool>, PortError>;

    /// Whether changes are told as edges; if not, the lines must be polled.
    fn tells_edges(&self) -> bool;
}

/// Claimed outputs. Dropping them lets go, and leaves the level to the chip.
pub trait Driven: Send {
    /// Drives the line at this place in the claim.
    ///
    /// # Errors
    /// The chip does not answer.
    fn drive(&mut self, index: usize, active: bool) -> Result<(), PortError>;
}

/// Where a claim's edges go.
#[derive(Clone, Debug)]
pub struct Ear {
    /// Which claim; a later one of the same lines has another number.
    pub claim: u64,
    pub to: mpsc::Sender<Heard>,
}

impl Ear {
    /// Tells the driver, which waits for its turn. False: nobody listens any more.
    pub async fn tell(&self, news: News) -> bool {
        self.to.send(Heard { claim: self.claim, news }).await.is_ok()
    }
}

/// What a claim says.
#[derive(Debug)]
pub struct Heard {
    pub claim: u64,
    pub news: News,
}

/// Edges, or the end of them.
#[derive(Debug)]
pub enum News {
    Edges(Vec<Edge>),
    /// No edge can come any more.
    Gone(PortError),
}

/// One edge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Edge {
    pub line: u32,
    /// The logical level after it.
    pub active: bool,
    /// Counts the edges of this line from 1 since the claim; a gap is a loss.
    pub seqno: u32,
}

/// Why lines cannot be had, or do not answer any more.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PortError {
    #[error("there is no {0}; {1}")]
    NoChip(String, String),
    #[error("{0} is held by {1}; end that program or overlay, or wire another line")]
    Busy(String, String),
    #[error("this account may not open {0}; let it into the group of that file (`gpio` on Raspberry Pi OS)")]
    NotAllowed(String),
    #[error("{0} has no line {1}: it has {2}; correct the number")]
    NoLine(String, u32, u32),
    /// The chip or its driver refused or does not answer.
    #[error("{0}: {1}; look at its wires, its supply and `dmesg`")]
    Failed(String, String),
}

impl PortError {
    /// Whether it is a single line's matter, so that the others of a claim may be had without it.
    #[must_use]
    pub const fn is_one_lines(&self) -> bool {
        matches!(self, Self::Busy(..) | Self::NoLine(..))
    }
}
