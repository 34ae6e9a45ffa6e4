//! The commands.

pub mod demo;
pub mod notify;
pub mod sim;
