//! The commands.

pub mod config;
pub mod demo;
pub mod desk;
pub mod init;
pub mod key;
pub mod live;
pub mod notify;
pub mod roster;
pub mod sim;
pub mod user;
