//! `cabinetd`: the daemon of an electronic key cabinet.
//!
//! `ARCHITECTURE.md` shows the way in.

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
