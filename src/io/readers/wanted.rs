//! Which readers the config wants, and by what each is known.

use std::fmt;
use std::path::PathBuf;

/// A reader as the config describes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    pub kind: Kind,
    pub by: By,
    pub layout: Layout,
    /// Half-read input is forgotten after this, ms.
    pub pause_ms: u64,
}

/// What comes from a reader.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Kind {
    /// Codes of badges and key tags, which type themselves.
    #[default]
    Badge,
    /// Digits that a person types.
    Keypad,
    /// Both from one device: what is typed faster than any hand is a code.
    Both,
}

impl Kind {
    /// Whether a person types there.
    #[must_use]
    pub const fn has_digits(self) -> bool {
        matches!(self, Self::Keypad | Self::Both)
    }

    /// Whether badges are read there.
    #[must_use]
    pub const fn has_badges(self) -> bool {
        matches!(self, Self::Badge | Self::Both)
    }

    /// The pause where the config names none, ms: a badge types itself in a moment, a hand takes its time.
    #[must_use]
    pub const fn usual_pause_ms(self) -> u64 {
        match self {
            Self::Badge => 1_000,
            Self::Keypad | Self::Both => 10_000,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Badge => "badge reader",
            Self::Keypad => "keypad",
            Self::Both => "badge reader with keypad",
        }
    }
}

/// Which characters its keys mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Layout {
    #[default]
    Us,
    De,
    Fr,
}

/// By what a reader is known; all that is given must be so.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct By {
    /// As the kernel calls it.
    pub name: Option<String>,
    /// Vendor and product of the USB device.
    pub id: Option<(u16, u16)>,
    /// The physical port ("phys"); the whole of it, or what it begins with.
    pub port: Option<String>,
    /// A link in /dev/input/by-id or by-path, or the device's node itself.
    pub path: Option<PathBuf>,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} with {}", self.kind.words(), self.by)
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_ref().map(|name| format!("name {name:?}"));
        let id = self.id.map(|(vendor, product)| format!("id {vendor:04x}:{product:04x}"));
        let port = self.port.as_ref().map(|port| format!("port {port:?}"));
        let path = self.path.as_ref().map(|path| format!("path {}", path.display()));
        let all: Vec<String> = [name, id, port, path].into_iter().flatten().collect();
        f.write_str(&all.join(", "))
    }
}
