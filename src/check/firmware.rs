//! The firmware of a Raspberry Pi: whether it lets the machine wake as the sleep of the config needs it.

use super::{Finding, Id};
use crate::cabinet::power::Method;
use std::collections::BTreeMap;

/// A Raspberry Pi, by what its firmware can.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum, Debug)]
pub enum Board {
    /// Raspberry Pi 3, Zero 2
    Pi3,
    /// Raspberry Pi 4, 400
    Pi4,
    /// Raspberry Pi 5, 500
    Pi5,
}

impl Board {
    /// The one that we run on, if it is one.
    #[must_use]
    pub fn of_this_machine() -> Option<Self> {
        Self::named(&std::fs::read_to_string("/proc/device-tree/model").ok()?)
    }

    /// By the name that the device tree has for it.
    #[must_use]
    pub fn named(model: &str) -> Option<Self> {
        let rest = model.strip_prefix("Raspberry Pi ")?.trim_start_matches("Compute Module ");
        match rest.get(..1)? {
            "3" | "Z" => Some(Self::Pi3),
            "4" => Some(Self::Pi4),
            "5" => Some(Self::Pi5),
            _ => None,
        }
    }

    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pi3 => "Raspberry Pi 3",
            Self::Pi4 => "Raspberry Pi 4",
            Self::Pi5 => "Raspberry Pi 5",
        }
    }

    /// What must stand in its EEPROM for this sleep: key, value, and what counts where it is not written.
    const fn wanted(self, sleep: Method) -> &'static [(&'static str, &'static str, &'static str)] {
        match (self, sleep) {
            (Self::Pi4, Method::Halt) => &[("WAKE_ON_GPIO", "1", "1"), ("POWER_OFF_ON_HALT", "0", "0")],
            (Self::Pi5, Method::Halt | Method::UpsOff) => {
                &[("POWER_OFF_ON_HALT", "1", "0"), ("WAIT_FOR_POWER_BUTTON", "0", "0")]
            }
            (Self::Pi5, Method::Standby) => &[("WAIT_FOR_POWER_BUTTON", "0", "0")],
            (Self::Pi3, _) | (Self::Pi4, Method::Standby | Method::UpsOff) => &[],
        }
    }
}

/// What was seen.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Facts {
    /// None: no Raspberry Pi.
    pub board: Option<Board>,
    /// The settings of its EEPROM; none if they cannot be read.
    pub eeprom: Option<BTreeMap<String, String>>,
}

/// The settings in what `rpi-eeprom-config` prints: `KEY=value` by lines. A section for other boards does not count.
#[must_use]
pub fn settings(text: &str) -> BTreeMap<String, String> {
    let mut counts = true;
    let mut found = BTreeMap::new();
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            counts = section.starts_with("all]");
        } else if let Some((key, value)) = line.split_once('=').filter(|(key, _)| counts && !key.starts_with('#')) {
            found.insert(key.trim().to_owned(), value.trim().to_owned());
        }
    }
    found
}

pub(super) fn judge(facts: &Facts, sleep: Method) -> Option<Finding> {
    let id = Id::PowerFirmware;
    let board = facts.board?;
    let wanted = board.wanted(sleep);
    if wanted.is_empty() {
        return None;
    }
    let list = |wrong: &[&(&str, &str, &str)]| -> String {
        wrong.iter().map(|(key, value, _)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
    };
    let all: Vec<_> = wanted.iter().collect();
    let Some(eeprom) = &facts.eeprom else {
        let what = format!("The settings in this {}'s EEPROM cannot be read.", board.name());
        let remedy = format!("`sudo rpi-eeprom-config` shows them; sleep by {} wants {}.", sleep.word(), list(&all));
        return Some(Finding::unknown(id, what, remedy));
    };
    let is_wrong =
        |(key, value, default): &&&(&str, &str, &str)| eeprom.get(*key).map_or(*default, String::as_str) != *value;
    let wrong: Vec<_> = all.iter().filter(is_wrong).copied().collect();
    if wrong.is_empty() {
        return Some(Finding::fine(
            id,
            format!("The {}'s firmware wakes as sleep by {} needs it.", board.name(), sleep.word()),
        ));
    }
    let what =
        format!("The {}'s firmware is not set as sleep by {} needs it: {}.", board.name(), sleep.word(), list(&wrong));
    let remedy = "`sudo rpi-eeprom-config --edit`, then reboot; `cabinetd power recipe` says what each is for, `cabinetd drill` proves it.";
    Some(if sleep == Method::Halt { Finding::failure(id, what, remedy) } else { Finding::warning(id, what, remedy) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Level;

    #[test]
    fn boards_are_known_by_their_names() {
        for (model, expected) in [
            ("Raspberry Pi 4 Model B Rev 1.4\0", Some(Board::Pi4)),
            ("Raspberry Pi 400 Rev 1.0", Some(Board::Pi4)),
            ("Raspberry Pi Compute Module 4 Rev 1.1", Some(Board::Pi4)),
            ("Raspberry Pi 5 Model B Rev 1.0", Some(Board::Pi5)),
            ("Raspberry Pi 3 Model B Plus Rev 1.3", Some(Board::Pi3)),
            ("Raspberry Pi Zero 2 W Rev 1.0", Some(Board::Pi3)),
            ("Raspberry Pi Model B Rev 2", None),
            ("Some other board", None),
            ("", None),
        ] {
            assert_eq!(Board::named(model), expected, "{model}");
        }
    }

    #[test]
    fn the_eeprom_is_judged_by_the_sleep() {
        let level = |board, text: Option<&str>, sleep| {
            judge(&Facts { board, eeprom: text.map(settings) }, sleep).map(|finding| finding.level)
        };
        let (pi4, pi5) = (Some(Board::Pi4), Some(Board::Pi5));
        for (board, text, sleep, expected) in [
            (None, Some(""), Method::Halt, None),
            (Some(Board::Pi3), None, Method::Halt, None),
            (pi4, Some("[all]\nBOOT_UART=0\n"), Method::Halt, Some(Level::Fine)),
            (pi4, Some("[all]\nPOWER_OFF_ON_HALT=1"), Method::Halt, Some(Level::Failure)),
            (pi4, Some("[all]\nWAKE_ON_GPIO=0\nPOWER_OFF_ON_HALT=0"), Method::Halt, Some(Level::Failure)),
            (pi4, Some("[all]\nPOWER_OFF_ON_HALT=1"), Method::UpsOff, None),
            (pi5, Some("[all]\nPOWER_OFF_ON_HALT=1\nWAIT_FOR_POWER_BUTTON=0"), Method::Halt, Some(Level::Fine)),
            (pi5, Some("[all]\n#POWER_OFF_ON_HALT=1"), Method::Halt, Some(Level::Failure)),
            (pi5, Some("[none]\nPOWER_OFF_ON_HALT=1"), Method::UpsOff, Some(Level::Warning)),
            (pi5, Some("WAIT_FOR_POWER_BUTTON=1"), Method::Standby, Some(Level::Warning)),
            (pi5, Some(""), Method::Standby, Some(Level::Fine)),
            (pi5, None, Method::Halt, Some(Level::Unknown)),
        ] {
            assert_eq!(level(board, text, sleep), expected, "{board:?} {text:?} {sleep:?}");
        }
    }
}
