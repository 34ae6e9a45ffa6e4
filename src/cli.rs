//! The commands.

pub mod demo;
pub mod notify;
//! The command line.
pub mod config;
//! The command line.

pub mod desk;
pub mod init;
pub mod key;
pub mod roster;
pub mod user;
pub mod sim;
