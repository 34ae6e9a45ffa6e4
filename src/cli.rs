//! The commands.

pub mod notify;
