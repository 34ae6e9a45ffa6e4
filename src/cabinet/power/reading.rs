//! What the UPS says, with its age and its unknowns.

use crate::cabinet::types::Mono;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One poll of the UPS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UpsReading {
    /// When the poll ended (boot clock).
    pub at: Mono,
    /// What it said, or why it said nothing.
    pub state: Result<UpsState, UpsSilence>,
}

/// A good answer of the UPS, unknowns as `None`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UpsState {
    /// The tokens of `ups.status`: an open set (OL, OB, LB, FSD, CAL, RB, …).
    pub tokens: BTreeSet<String>,
    pub figures: UpsFigures,
    /// `ups.serial`, to notice a replaced unit.
    pub serial: Option<String>,
    /// `ups.realpower.nominal`, else `ups.power.nominal`: what it may carry, W.
    pub rated_w: Option<u32>,
    /// `ups.test.result` and `ups.test.date`, as the UPS words them.
    pub test_result: Option<String>,
    pub test_date: Option<String>,
}

/// The figures of a reading: integers, each unknown when the UPS does not say it or says nonsense.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct UpsFigures {
    /// `battery.charge`, percent, 0..=100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge_pct: Option<u8>,
    /// `battery.runtime`, seconds, 1..65535.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_s: Option<u32>,
    /// `ups.load`, percent, 1..=200; 0 is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_pct: Option<u8>,
    /// `ups.realpower`, milliwatts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub real_power_mw: Option<u32>,
    /// `battery.voltage`, millivolts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub battery_mv: Option<u32>,
}

/// Why there is no reading.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpsSilence {
    /// Nobody answers at the address.
    Refused,
    /// No answer within the deadline.
    TimedOut,
    /// The connection ended in the middle, or the answer was not the protocol.
    Garbled,
    /// upsd has no UPS of that name.
    UnknownUps,
    /// upsd says DATA-STALE.
    Stale,
    /// upsd says DRIVER-NOT-CONNECTED.
    DriverGone,
    /// The driver just started (`WAIT`), or `ups.status` is missing or empty.
    Waiting,
}

/// Which supply the cabinet is on, as far as known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Supply {
    /// Nothing was heard of the UPS yet.
    #[default]
    Unknown,
    OnLine,
    OnBattery,
    /// On battery with `LB`.
    LowBattery,
    /// The UPS does not answer: neither on line nor low.
    Unreachable(UpsSilence),
}

impl UpsReading {
    /// The supply this reading speaks of. `CAL` (a self-test) with `OB` is no outage.
    #[must_use]
    pub fn supply(&self) -> Supply {
        let state = match &self.state {
            Ok(state) => state,
            Err(silence) => return Supply::Unreachable(*silence),
        };
        let has = |token: &str| state.tokens.contains(token);
        match (has("OB"), has("OL"), has("LB")) {
            (true, _, _) if has("CAL") => Supply::OnLine,
            (true, _, true) => Supply::LowBattery,
            (true, _, false) => Supply::OnBattery,
            (false, true, _) => Supply::OnLine,
            (false, false, _) => Supply::Unreachable(UpsSilence::Waiting),
        }
    }
}
