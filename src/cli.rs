//! The command line.

pub mod config;
pub mod ledger;
pub mod notify;
