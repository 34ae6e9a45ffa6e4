//! The adapters. Each sends events into one queue and performs what it is told; none calls another.
pub mod control;
