//! The adapters. Each sends events into a queue of its own and performs what it is told; none calls another.

pub mod clock;
pub mod control;
pub mod credentials;
pub mod journal;
pub mod lines;
pub mod notify;
pub mod readers;
pub mod roster_file;
pub mod sim;
pub mod sleep;
pub mod store;
pub mod systemd;
pub mod trust;
pub mod ups;
pub mod upsmon;
