//! `cabinetd`: the daemon of an electronic key cabinet.

pub mod cabinet;
pub mod cli;
pub mod io;
