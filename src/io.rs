//! The adapters. Each sends events into one queue and performs what it is told; none calls another.

pub mod notify;
pub mod sim;
pub mod store;
pub mod ups;
