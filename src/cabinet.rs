//! The core: decides, and keeps the books. No clock, no randomness, no files, no sockets, no async.

pub mod books;
pub mod event;
pub mod fact;
pub mod outcome;
pub mod power;
pub mod roster;
pub mod settings;
pub mod snapshot;
pub mod types;

pub use event::Event;
pub use outcome::Outcome;
