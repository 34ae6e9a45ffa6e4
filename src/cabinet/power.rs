//! Power: what the UPS says, what the battery has left, what lies ahead, and what is done about it.
//!
//! ```text
//!   reading ──▶ energy ──┐
//!   outage (projection) ─┼─▶ forecast ─▶ policy::decide ─▶ the room: records, then commands
//!   who is here ─────────┘
//! ```
//!
//! `policy` is the table; `room` keeps the mode in the books and feeds the table; the others are figures.

pub mod baseline;
mod deeds;
mod drain;
mod drill;
pub mod energy;
pub mod forecast;
mod orders;
pub mod policy;
pub mod reading;
pub(in crate::cabinet) mod room;
pub mod selftest;
pub mod sentence;
pub mod state;
mod upkeep;
mod view;

pub use policy::{Decision, Method, Mode, Situation, decide};
pub use reading::{Supply, UpsFigures, UpsReading, UpsSilence, UpsState};
pub use room::PowerSettings;
pub use view::{DrillView, LastDrillView, LastOutageView, ModeWord, OutageView, PowerView, ProofView};
