//! The simulated cabinet and the daemon's way to it.
//!
//! Two processes meet here. The demo (the parent) owns the [`hardware`]: what hangs where, which door is open, what a
//! person holds in hand. It serves it on a socket ([`board`]). The daemon (the child) connects to that socket with its line
//! backend ([`lines`]) exactly as it would request lines from a chip: it reads levels, drives outputs, and knows nothing of
//! keys. [`wire`] is the language between the two, [`words`] is what people say to the hardware, and [`bench`] is the one
//! place in the parent where hardware, daemon, people and UPS meet. [`nut`] is the UPS.
//!
//! What this does not do: decide anything about access, print anything, or survive as a part of a real cabinet.

pub mod bench;
pub mod board;
pub mod hardware;
pub mod lines;
pub mod nut;
pub mod wire;
pub mod words;
