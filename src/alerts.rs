//! Telling people elsewhere: mails and webhooks, at once for what is urgent, as a digest for the rest.
//!
//! ```text
//!   the daemon's loop ── last record, flush ──▶ a thread of its own ──▶ mail server, webhooks
//!        ▲                                         │        │
//!        └── how each recipient stands ────────────┘        └──▶ marks in the store
//! ```
//!
//! There is no queue: what is to be told *is* the ledger behind each recipient's mark, read through a connection that can only read.
//! [`kinds`] is the table of what is told and how fast, [`plan`] decides when (pure), [`letter`] writes, [`mail`] and [`webhook`] send,
//! [`courier`] is the thread.
//!
//! Promises: the loop never waits for any of this; every connection ends; what is urgent arrives at least once, and what may come twice has
//! the same name both times; a recipient that fails holds up no other; under duress nothing near the cabinet moves.
//!
//! **Does not** take orders: nothing that a server answers means more than "taken" or "not taken".

pub mod courier;
pub mod kinds;
pub mod letter;
mod mail;
pub mod plan;
pub mod send;
mod webhook;

pub use courier::{Post, Setup};
