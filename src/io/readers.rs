//! Badge readers, tag scanners and PIN pads. To the kernel each is a keyboard; the daemon takes those that the config names for itself
//! (`EVIOCGRAB`), so that no badge types into a console, and turns their keys into codes and groups of digits.
//!
//! ```text
//!   /sys/class/input ──▶ found ──▶ fit ──▶ Port (evdev | a test's script) ── strokes ──▶ Typing ──▶ CodeRead, DigitsTyped, CancelPressed
//!   /dev/input ── inotify ── look again                                                 layout, bounds, pause
//! ```
//!
//! What it promises:
//!
//! - **Only what is meant.** A reader is taken if exactly one device fits its description; of two, neither.
//! - **Input is bounded.** A code has at most [`LONGEST_CODE`] characters, a group of digits [`LONGEST_GROUP`]; half of one is forgotten
//!   after a pause; a reader says at most some two codes a second. What is dropped is counted, never shown.
//! - **Secrets stay inside.** No code or digit is in a `Debug`, a log line or a message; what was typed is wiped when it is sent or forgotten.
//! - **Unplugged is said once**, and plugged in again is noticed by the kernel's word: nothing is polled, and no thread waits.
//!
//! What it does not do: know a badge from a tag, a login from a PIN, or who may do what.

mod evdev;
pub mod found;
mod hotplug;
mod layout;
mod port;
mod typing;
pub mod wanted;
mod watch;

#[cfg(test)]
mod tests;

use crate::cabinet::Event;
use tokio::sync::mpsc;
use wanted::Wanted;

/// The longest code of a badge or a tag, in characters.
pub const LONGEST_CODE: usize = 64;
/// The longest group of digits: a login number, a PIN, an answer.
pub const LONGEST_GROUP: usize = 16;

/// Takes these readers, now or when they are plugged in, on the current runtime; what they read goes to `events`. With none, nothing runs.
pub fn start(wanted: &[Wanted], events: mpsc::Sender<Event>) {
    if !wanted.is_empty() {
        tokio::spawn(watch::Watch::new(wanted, Box::new(evdev::Evdev::default()), events).run());
    }
}
