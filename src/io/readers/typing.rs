//! From keys to codes and groups of digits, one reader at a time: layout, bounds, pauses. No clock: each press brings its own.

use super::layout::{Held, Meaning, of_badge, of_pad};
use super::wanted::{Kind, Layout, Wanted};
use super::{LONGEST_CODE, LONGEST_GROUP};
use crate::cabinet::Event;
use crate::cabinet::types::{Code, Pin};
use evdev::KeyCode;
use std::fmt;
use zeroize::{Zeroize as _, Zeroizing};

/// On a device that does both, keys that follow one another within this were typed by no hand, ms.
const BURST_MS: u64 = 50;
/// A code has at least so many characters, or it may have been a hand after all.
const SHORTEST_BURST: usize = 4;
/// Codes and groups at once, and after which time one more, ms.
const AT_ONCE: u64 = 4;
const ONE_MORE_MS: u64 = 500;
/// That somebody touches the pad is told so often at most, ms.
const TOUCH_MS: u64 = 1_000;

/// One key pressed or released. Its `Debug` does not say which.
#[derive(Clone, Copy)]
pub(super) struct Stroke {
    pub(super) key: KeyCode,
    pub(super) pressed: bool,
    /// By the kernel's clock, ms.
    pub(super) at_ms: u64,
}

impl fmt::Debug for Stroke {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stroke(…)")
    }
}

/// Why something that was typed came to nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Dropped {
    TooLong,
    TooFast,
    /// A key that means nothing in this layout, or that is no digit.
    Strange,
    /// The kernel dropped some of its keys.
    Lost,
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "it had no end; set the reader to type Enter after each code",
            Self::TooFast => "too many at once; something lies on it, or it is broken",
            Self::Lost => "some of its keys were lost; the machine does not keep up",
            Self::Strange => "it had a key that is none of a code's; is its layout the one in the config?",
        })
    }
}

/// What a stroke came to.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one at a time, looked at where it was made")]
pub(super) enum Typed {
    Nothing,
    Event(Event),
    Dropped(Dropped),
}

/// What is half typed at one reader.
pub(super) struct Typing {
    kind: Kind,
    layout: Layout,
    pause_ms: u64,
    held: Held,
    text: Zeroizing<String>,
    spoiled: Option<Dropped>,
    last_ms: u64,
    /// Keys were lost since the last one.
    lost: bool,
    /// Every key so far followed the one before within [`BURST_MS`].
    burst: bool,
    touched_ms: Option<u64>,
    rate: Rate,
}

impl fmt::Debug for Typing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Typing").field("kind", &self.kind).field("layout", &self.layout).finish_non_exhaustive()
    }
}

impl Typing {
    pub(super) fn new(wanted: &Wanted) -> Self {
        Self {
            kind: wanted.kind,
            layout: wanted.layout,
            pause_ms: wanted.pause_ms,
            held: Held::default(),
            // Never longer, so it never moves and leaves a copy behind.
            text: Zeroizing::new(String::with_capacity(4 * LONGEST_CODE)),
            spoiled: None,
            last_ms: 0,
            lost: false,
            burst: true,
            touched_ms: None,
            rate: Rate::default(),
        }
    }

    /// Whether something is half typed, to be forgotten after the pause.
    pub(super) fn is_half(&self) -> bool {
        !self.text.is_empty() || self.spoiled.is_some()
    }

    /// Forgets what is half typed.
    pub(super) fn forget(&mut self) {
        self.text.zeroize();
        self.spoiled = None;
        self.burst = true;
    }

    /// The device is another one.
    pub(super) fn begin_anew(&mut self) {
        self.forget();
        self.held = Held::default();
    }

    /// Keys were lost: what follows up to the next end may be the rest of something.
    pub(super) fn lose(&mut self) {
        self.begin_anew();
        self.spoiled = Some(Dropped::Lost);
        self.lost = true;
    }

    pub(super) fn stroke(&mut self, stroke: Stroke) -> Typed {
        match stroke.key {
            KeyCode::KEY_LEFTSHIFT | KeyCode::KEY_RIGHTSHIFT => self.held.shift = stroke.pressed,
            KeyCode::KEY_RIGHTALT => self.held.alt_gr = stroke.pressed,
            _ => {}
        }
        if !stroke.pressed {
            return Typed::Nothing;
        }
        let meaning = if self.kind.has_digits() { of_pad } else { of_badge }(self.layout, stroke.key, self.held);
        if meaning == Meaning::Nothing {
            return Typed::Nothing;
        }
        // A clock that was set back makes a pause of no length known; what was lost, one that was none.
        let lost = std::mem::take(&mut self.lost);
        let gap_ms = if lost { 0 } else { stroke.at_ms.checked_sub(self.last_ms).unwrap_or(u64::MAX) };
        if self.is_half() && gap_ms > self.pause_ms {
            self.forget();
        }
        self.burst &= !self.is_half() || gap_ms <= BURST_MS;
        self.last_ms = stroke.at_ms;
        match meaning {
            Meaning::Char(char) => self.add(char, stroke.at_ms),
            Meaning::End => self.end(stroke.at_ms),
            Meaning::Cancel if self.is_half() => {
                self.forget();
                Typed::Nothing
            }
            Meaning::Cancel => Typed::Event(Event::CancelPressed),
            // A letter on a keypad is a slip of nobody's.
            Meaning::Strange if self.kind == Kind::Keypad => Typed::Nothing,
            Meaning::Strange => {
                self.spoiled.get_or_insert(Dropped::Strange);
                Typed::Nothing
            }
            Meaning::Nothing => Typed::Nothing,
        }
    }

    fn add(&mut self, char: char, at_ms: u64) -> Typed {
        if self.kind == Kind::Keypad && !char.is_ascii_digit() {
            return Typed::Nothing;
        }
        let longest = if self.kind == Kind::Keypad { LONGEST_GROUP } else { LONGEST_CODE };
        let first = !self.is_half();
        if self.spoiled.is_none() && self.text.chars().count() >= longest {
            self.text.zeroize();
            self.spoiled = Some(Dropped::TooLong);
        } else if self.spoiled.is_none() {
            self.text.push(char);
        }
        let told = self.touched_ms.is_some_and(|before| at_ms.checked_sub(before).is_some_and(|ms| ms < TOUCH_MS));
        if first && self.kind.has_digits() && !told {
            self.touched_ms = Some(at_ms);
            return Typed::Event(Event::PadTouched);
        }
        Typed::Nothing
    }

    fn end(&mut self, at_ms: u64) -> Typed {
        let typed = self.ended();
        self.forget();
        match typed {
            Typed::Event(_) if !self.rate.takes(at_ms) => Typed::Dropped(Dropped::TooFast),
            typed => typed,
        }
    }

    fn ended(&self) -> Typed {
        if let Some(why) = self.spoiled {
            return Typed::Dropped(why);
        }
        let text = self.text.as_str();
        let is_code = match self.kind {
            Kind::Badge => true,
            Kind::Keypad => false,
            Kind::Both => self.burst && text.chars().count() >= SHORTEST_BURST,
        };
        match is_code {
            true if text.trim().is_empty() => Typed::Nothing,
            true => Typed::Event(Event::CodeRead(Code::new(text))),
            false if !text.bytes().all(|byte| byte.is_ascii_digit()) => Typed::Dropped(Dropped::Strange),
            false if text.len() > LONGEST_GROUP => Typed::Dropped(Dropped::TooLong),
            false => Typed::Event(Event::DigitsTyped(Pin::new(text))),
        }
    }
}

/// A bucket: so many at once, and one more each half second.
#[derive(Debug, Default)]
struct Rate {
    used_ms: u64,
    last_ms: u64,
}

impl Rate {
    fn takes(&mut self, at_ms: u64) -> bool {
        let passed_ms = at_ms.checked_sub(self.last_ms).unwrap_or(u64::MAX);
        self.last_ms = at_ms;
        self.used_ms = self.used_ms.saturating_sub(passed_ms);
        let takes = self.used_ms <= (AT_ONCE - 1) * ONE_MORE_MS;
        if takes {
            self.used_ms += ONE_MORE_MS;
        }
        takes
    }
}

#[cfg(test)]
mod tests;
