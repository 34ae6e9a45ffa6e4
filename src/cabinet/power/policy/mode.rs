//! What the cabinet does about its power, and how it sleeps: the first column of the table.

use serde::{Deserialize, Serialize};

/// How the cabinet sleeps, from light to deep.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// The machine stays up: loads shed, slower polling. Needs no proof.
    Standby,
    /// The Pi powers off and is woken by its button, GPIO3 or its clock; the UPS's output stays on.
    Halt,
    /// The UPS cuts its output; a person presses the UPS's button.
    UpsOff,
}

impl Method {
    /// All of them, from light to deep.
    pub const ALL: [Self; 3] = [Self::Standby, Self::Halt, Self::UpsOff];

    /// The word used in config, commands and records.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Standby => "standby",
            Self::Halt => "halt",
            Self::UpsOff => "ups-off",
        }
    }

    /// Whether waking from it is a start of the machine.
    #[must_use]
    pub const fn is_deep(self) -> bool {
        match self {
            Self::Standby => false,
            Self::Halt | Self::UpsOff => true,
        }
    }
}

/// What the cabinet does about its power.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Mode {
    /// Mains, and no outage open.
    Line,
    /// On battery, and perhaps only a flicker.
    Grace,
    /// On battery, serving as on mains.
    Normal,
    /// On battery, asleep between visits.
    Conserve,
    /// About to sleep; a badge or button still turns it back.
    FallingAsleep { method: Method, then: Then },
    /// The method was ordered (deep), or is in force (standby).
    Asleep { method: Method },
    /// Mains is back, perhaps for good.
    Restoring { remembered: Remembered },
    /// The battery is for nobody any more: the cabinet key. `method`: what was ordered with it; none = it stays up.
    Manual { method: Option<Method> },
}

/// What comes after falling asleep.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Then {
    Asleep,
    Manual,
}

/// What goes on if mains fails again while it settles.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Remembered {
    Normal,
    Conserve,
}

/// A [`Mode`] without its data: the first column of the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    Line,
    Grace,
    Normal,
    Conserve,
    FallingAsleep,
    Asleep,
    Restoring,
    Manual,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Line,
        Self::Grace,
        Self::Normal,
        Self::Conserve,
        Self::FallingAsleep,
        Self::Asleep,
        Self::Restoring,
        Self::Manual,
    ];

    /// As people read it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Line => "Line",
            Self::Grace => "Grace",
            Self::Normal => "Normal",
            Self::Conserve => "Conserve",
            Self::FallingAsleep => "FallingAsleep",
            Self::Asleep => "Asleep",
            Self::Restoring => "Restoring",
            Self::Manual => "Manual",
        }
    }
}

impl Mode {
    /// Without its data.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Line => Kind::Line,
            Self::Grace => Kind::Grace,
            Self::Normal => Kind::Normal,
            Self::Conserve => Kind::Conserve,
            Self::FallingAsleep { .. } => Kind::FallingAsleep,
            Self::Asleep { .. } => Kind::Asleep,
            Self::Restoring { .. } => Kind::Restoring,
            Self::Manual { .. } => Kind::Manual,
        }
    }

    /// Whether it stands on the battery, as far as the policy goes.
    #[must_use]
    pub const fn is_on_battery(self) -> bool {
        match self {
            Self::Line | Self::Restoring { .. } => false,
            Self::Grace
            | Self::Normal
            | Self::Conserve
            | Self::FallingAsleep { .. }
            | Self::Asleep { .. }
            | Self::Manual { .. } => true,
        }
    }

    /// Whether the switched loads are shed and the daemon looks less often.
    #[must_use]
    pub const fn is_low_power(self) -> bool {
        matches!(self, Self::Asleep { .. } | Self::Manual { .. })
    }
}
