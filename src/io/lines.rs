//! The lines: relays, lights and buzzer out, sensors and button in.
//!
//! One handle ([`Outputs`]) and one language ([`Order`]) for every backend. [`gpio`] drives real lines, those of any
//! gpiochip and the header pins of a Raspberry Pi, mixed as the cabinet is wired ([`wiring`]); `io::sim::lines` the simulated ones.
//!
//! What each backend promises:
//!
//! - **De-energised is locked.** Every output is driven inactive first thing, when its hardware comes (back), at
//!   [`Outputs::shutdown`], and when the last handle is dropped. A lock or a latch is energised for at most [`LONGEST_PULSE_MS`],
//!   and the backend ends the pulse itself.
//! - **An order ends.** Each is done, refused, or given up after [`ANSWER_MS`]. None is repeated. But lights and loads that were ordered on
//!   without an end are on again when real hardware is back.
//! - **What cannot be read is said.** No line at all: one `LinesRead` with no lines. Hardware back: the whole picture.
//! - **No edge is lost silently.** A full event queue makes a backend remember that edges were lost and send the whole picture as
//!   soon as there is room. It never waits for the queue, since acknowledgements come the same way.
//!
//! What none does: debounce beyond what a chip does, know what a slot or a code means, or decide. Badge readers and PIN pads are no
//! lines: their events do not come from here.

pub mod gpio;
pub mod inbox;
pub mod kept;
pub mod pulses;
pub mod wiring;

use crate::cabinet::outcome::{Lamp, Message, Sound};
use crate::cabinet::types::{Level, Output};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// The longest time that a lock or a latch is energised, whatever was asked for.
pub const LONGEST_PULSE_MS: u32 = 60_000;
/// How long an order may take.
pub const ANSWER_MS: u64 = 2_000;
/// Orders on their way to a backend, and orders that wait for the hardware's answer.
pub const ORDERS: usize = 64;

/// Why an output was not driven.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LineError {
    #[error(
        "nobody drives the lines; where they are simulated, start the hardware for the same config: `cabinetd sim hardware`"
    )]
    Away,
    #[error("the hardware went away before it answered: nobody knows whether it was done")]
    Lost,
    #[error("the hardware did not answer within {ANSWER_MS} ms: nobody knows whether it was done")]
    NoAnswer,
    #[error("{0}")]
    Failed(String),
    #[error("too many orders at once; wait for those under way")]
    Busy,
    #[error("a lock or a latch must not be energised without an end")]
    Unbounded,
    #[error("an output cannot be driven to \"fault\"")]
    NotALevel,
}

/// What a backend is told.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Drive an output. It is the backend that ends a pulse after `for_ms`.
    Set { output: Output, level: Level, for_ms: Option<u32> },
    /// Drive every output inactive.
    Release(bool),
    /// Send the picture.
    Read(bool),
    /// Play a pattern on the buzzer.
    Sound(Sound),
    /// What the status lamp shows from now on.
    Lamp(Lamp),
    /// Show this on the display.
    Show(Message),
    /// Switch the simulated machine off; its clock wakes it after so long.
    PowerOff { wake_after_ms: Option<u64> },
}

impl Order {
    /// Whether it switches something on. Late, it must not come any more: whoever asked has given it up, and the door opens for nobody.
    #[must_use]
    pub const fn energises(&self) -> bool {
        match self {
            Self::Set { level: Level::Active, .. } | Self::Sound(_) => true,
            Self::Set { level: Level::Inactive | Level::Fault, .. }
            | Self::Release(_)
            | Self::Read(_)
            // A lamp opens nothing, and what it shows shall be true, however late.
            | Self::Lamp(_)
            | Self::Show(_)
            | Self::PowerOff { .. } => false,
        }
    }
}

/// What comes through a handle.
#[derive(Debug)]
pub enum Wanted {
    Order(Order),
    /// Every output inactive, then the end.
    Shutdown,
}

/// Where the end of an order is told.
pub type Reply = oneshot::Sender<Result<(), LineError>>;

/// The outputs. Cloneable; when the last clone is dropped every output is driven inactive and the backend ends.
#[derive(Clone, Debug)]
pub struct Outputs {
    orders: mpsc::Sender<(Wanted, Reply)>,
}

impl Outputs {
    /// A handle, and where its backend takes the orders from.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<(Wanted, Reply)>) {
        let (orders, wanted) = mpsc::channel(ORDERS);
        (Self { orders }, wanted)
    }

    /// Drives an output. A lock or latch made active needs `for_ms`, and is driven inactive by the backend at its end.
    pub async fn set(&self, output: Output, level: Level, for_ms: Option<u32>) -> Result<(), LineError> {
        let for_ms = match (output, level, for_ms) {
            (_, Level::Fault, _) => return Err(LineError::NotALevel),
            (_, Level::Inactive, _)
            | (Output::Led(_) | Output::Buzzer | Output::Status | Output::Load(_), Level::Active, None) => None,
            (Output::Lock(_) | Output::Latch(_), Level::Active, None) => return Err(LineError::Unbounded),
            (Output::Lock(_) | Output::Latch(_), Level::Active, Some(ms)) => Some(ms.min(LONGEST_PULSE_MS)),
            (Output::Led(_) | Output::Buzzer | Output::Status | Output::Load(_), Level::Active, Some(ms)) => Some(ms),
        };
        self.ask(Wanted::Order(Order::Set { output, level, for_ms })).await
    }

    /// Plays a pattern on the buzzer.
    pub async fn sound(&self, sound: Sound) -> Result<(), LineError> {
        self.ask(Wanted::Order(Order::Sound(sound))).await
    }

    /// Has the status lamp show this.
    pub async fn lamp(&self, lamp: Lamp) -> Result<(), LineError> {
        self.ask(Wanted::Order(Order::Lamp(lamp))).await
    }

    /// Shows this on the display.
    pub async fn show(&self, message: Message) -> Result<(), LineError> {
        self.ask(Wanted::Order(Order::Show(message))).await
    }

    /// Switches the simulated machine off that the daemon is said to run on.
    pub async fn power_off(&self, wake_after_ms: Option<u64>) -> Result<(), LineError> {
        self.ask(Wanted::Order(Order::PowerOff { wake_after_ms })).await
    }

    /// Has every input read anew; the picture comes as [`crate::cabinet::Event::LinesRead`].
    pub async fn read_lines(&self) -> Result<(), LineError> {
        self.ask(Wanted::Order(Order::Read(true))).await
    }

    /// Drives every output inactive.
    pub async fn release(&self) -> Result<(), LineError> {
        self.ask(Wanted::Order(Order::Release(true))).await
    }

    /// Drives every output inactive and ends the backend, whatever other clones there are.
    pub async fn shutdown(&self) -> Result<(), LineError> {
        self.ask(Wanted::Shutdown).await
    }

    async fn ask(&self, wanted: Wanted) -> Result<(), LineError> {
        let (reply, answer) = oneshot::channel();
        self.orders.try_send((wanted, reply)).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => LineError::Busy,
            mpsc::error::TrySendError::Closed(_) => LineError::Away,
        })?;
        match timeout(Duration::from_millis(ANSWER_MS), answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(LineError::Lost),
            Err(_) => Err(LineError::NoAnswer),
        }
    }
}
