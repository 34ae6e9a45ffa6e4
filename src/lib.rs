//! `cabinetd`: the daemon of an electronic key cabinet.
//!
//! `ARCHITECTURE.md` shows the way in.

// Some of the samples in `tests/` are tried by unit tests as well.
#[cfg(test)]
extern crate self as cabinetd;

pub mod alerts;
pub mod cabinet;
pub mod check;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod hex;
pub mod io;
pub mod messages;
pub mod simulate;
pub mod upstream;
