//! What people say to the simulated hardware, and what it answers: one JSON line each way on `sim.sock`.
//!
//! `cabinetd sim` and its scripts make [`Word`]s; the demo answers each with one [`Reply`]. Codes and PINs do not print.

use super::hardware::{Act, DoorView, HookView, KeyNo};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The name of the socket in the run folder.
pub const SOCKET: &str = "sim.sock";

/// One thing that somebody does at the cabinet, or to it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    Badge(String),
    Login(String),
    Pin(String),
    /// A key's tag, held to the badge reader.
    Tag(String),
    Cancel,
    /// The wake button.
    Button,
    Act(Act),
    Hand,
    Mains {
        on: bool,
    },
    UpsFault(UpsFault),
    /// Sets the charge of the UPS's battery.
    Charge {
        pct: u8,
    },
    /// Presses the UPS's power button.
    UpsButton,
    /// Plugs somebody else's devices into the UPS; 0 takes them away.
    UpsLoad {
        watts: u16,
    },
    Status,
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Badge(_) => f.write_str("Badge(…)"),
            Self::Login(_) => f.write_str("Login(…)"),
            Self::Pin(_) => f.write_str("Pin(…)"),
            Self::Tag(_) => f.write_str("Tag(…)"),
            Self::Cancel => f.write_str("Cancel"),
            Self::Button => f.write_str("Button"),
            Self::Act(act) => f.debug_tuple("Act").field(act).finish(),
            Self::Hand => f.write_str("Hand"),
            Self::Mains { on } => f.debug_struct("Mains").field("on", on).finish(),
            Self::UpsFault(fault) => f.debug_tuple("UpsFault").field(fault).finish(),
            Self::Charge { pct } => f.debug_struct("Charge").field("pct", pct).finish(),
            Self::UpsButton => f.write_str("UpsButton"),
            Self::UpsLoad { watts } => f.debug_struct("UpsLoad").field("watts", watts).finish(),
            Self::Status => f.write_str("Status"),
        }
    }
}

/// What can be wrong with the simulated UPS.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum UpsFault {
    /// upsd says that its data are stale.
    Stale,
    /// upsd says that its driver is dead.
    Driver,
    /// Nobody listens at the address.
    Gone,
    /// It accepts and says nothing.
    Silent,
    /// It answers nonsense.
    Garbage,
    /// It says that its battery is worn out (RB).
    ReplaceBattery,
    /// It says "low battery" whenever it is on battery, however full that is.
    SpuriousLow,
    /// It works again.
    Ok,
}

impl UpsFault {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stale => "stale",
            Self::Driver => "driver",
            Self::Gone => "gone",
            Self::Silent => "silent",
            Self::Garbage => "garbage",
            Self::ReplaceBattery => "replace-battery",
            Self::SpuriousLow => "spurious-low",
            Self::Ok => "ok",
        }
    }
}

/// The answer to a [`Word`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// It happened, in a sentence.
    Done(String),
    /// The world did not let it happen, in a sentence.
    Refused(String),
    Status(Box<Status>),
}

/// What somebody sees who stands before the cabinet and looks.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Status {
    /// Whether the daemon drives the hardware at this moment.
    pub daemon: bool,
    /// What the display shows, if it shows anything.
    pub display: Option<String>,
    pub reader_plugged_in: bool,
    /// What the UPS is doing, in words.
    pub ups: String,
    /// Whether its output has power; none without a UPS.
    #[serde(default)]
    pub ups_output: Option<bool>,
    pub doors: Vec<DoorView>,
    pub slots: Vec<HookView>,
    pub hand: Vec<Held>,
}

/// A key set in somebody's hand.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Held {
    pub key: KeyNo,
    pub label: String,
}
