//! The commands.

pub mod notify;
//! The command line.
pub mod config;
pub mod ledger;
