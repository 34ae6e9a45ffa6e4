//! Going to sleep and being woken, as far as the operating system has a say: [`machine`] powers the machine off and knows
//! whether it is going down anyway, [`rtc`] sets the alarm of the clock that wakes it.
//!
//! Each call is bounded, says what to do when it fails, and starts no shell. Nothing is decided here: when to sleep, how deep
//! and for how long is the core's matter. Cutting the UPS's output is an order to upsd, not to this machine.

pub mod machine;
pub mod rtc;

pub use machine::{GoingDown, Machine, PowerOffError};
pub use rtc::{Rtc, RtcError};
