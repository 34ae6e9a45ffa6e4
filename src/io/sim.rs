//! Simulated surroundings of the daemon, for the demo and the tests.

pub mod nut;
