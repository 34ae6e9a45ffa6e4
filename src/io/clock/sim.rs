//! The clocks of a simulated machine: boots of its own, and time that may run faster. For the demo and for tests that play whole outages.
//!
//! It is told through the environment ([`VARIABLE`]) and counts only where the lines are simulated, so that no cabinet's clock can be
//! bent by it.

use crate::cabinet::types::{ClockQuality, Mono, Wall};

/// The variable: `boot=2,booted_ms=512000,rate=60,began_mono_ms=500000,began_wall_ms=1767225600000,clock=synced`; each part may
/// be left out.
pub const VARIABLE: &str = "CABINETD_SIM_TIME";

/// A simulated machine's time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SimTime {
    /// Which boot of the simulated machine this is.
    pub boot: u32,
    /// When it was switched on, by the real boot clock, ms.
    pub booted_ms: u64,
    /// Simulated seconds in a real one, 1..=10,000.
    pub rate: u32,
    /// A moment that both clocks share: real boot clock, simulated wall clock, ms.
    pub began_mono_ms: u64,
    pub began_wall_ms: Option<i64>,
    /// How far the wall clock can be trusted; none = as the real one.
    pub clock: Option<ClockQuality>,
}

impl Default for SimTime {
    fn default() -> Self {
        Self { boot: 1, booted_ms: 0, rate: 1, began_mono_ms: 0, began_wall_ms: None, clock: None }
    }
}

/// What is wrong with the variable.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{VARIABLE}: {0:?} is not understood; unset it")]
pub struct NotUnderstood(pub String);

impl SimTime {
    /// From the environment; none if it is not set.
    ///
    /// # Errors
    /// [`NotUnderstood`].
    pub fn from_environment() -> Result<Option<Self>, NotUnderstood> {
        match std::env::var(VARIABLE) {
            Ok(text) if text.is_empty() => Ok(None),
            Ok(text) => Self::parse(&text).map(Some),
            Err(_) => Ok(None),
        }
    }

    /// From the variable's text.
    ///
    /// # Errors
    /// [`NotUnderstood`].
    pub fn parse(text: &str) -> Result<Self, NotUnderstood> {
        let mut time = Self::default();
        for part in text.split(',') {
            let bad = || NotUnderstood(part.to_owned());
            let (name, value) = part.split_once('=').ok_or_else(bad)?;
            let number = || value.parse::<u64>().map_err(|_| bad());
            match name {
                "boot" => time.boot = value.parse().map_err(|_| bad())?,
                "booted_ms" => time.booted_ms = number()?,
                "rate" => {
                    time.rate = value.parse().ok().filter(|rate| (1..=10_000).contains(rate)).ok_or_else(bad)?;
                }
                "began_mono_ms" => time.began_mono_ms = number()?,
                "began_wall_ms" => time.began_wall_ms = Some(value.parse().map_err(|_| bad())?),
                "clock" => {
                    time.clock = Some(match value {
                        "synced" => ClockQuality::Synced,
                        "rtc" => ClockQuality::Rtc,
                        "restored" => ClockQuality::Restored,
                        "unknown" => ClockQuality::Unknown,
                        _ => return Err(bad()),
                    });
                }
                _ => return Err(bad()),
            }
        }
        Ok(time)
    }

    /// The simulated clocks at a moment of the real ones.
    #[must_use]
    pub fn at(&self, mono: Mono, wall: Wall) -> (Mono, Wall) {
        let rate = u64::from(self.rate);
        let simulated = Mono(mono.since_ms(Mono(self.booted_ms)).saturating_mul(rate));
        let since_ms = mono.since_ms(Mono(self.began_mono_ms)).saturating_mul(rate);
        let wall = self.began_wall_ms.map_or(wall, |began| Wall(began.saturating_add_unsigned(since_ms)));
        (simulated, wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_runs_faster_and_boots_begin_at_nothing() {
        let text = "boot=3,booted_ms=2000,rate=60,began_mono_ms=1000,began_wall_ms=500000,clock=synced";
        let time = SimTime::parse(text).expect("it is sound");
        assert_eq!((time.boot, time.clock), (3, Some(ClockQuality::Synced)));
        assert_eq!(time.at(Mono(3_000), Wall(9)), (Mono(60_000), Wall(500_000 + 120_000)));
        assert_eq!(SimTime::parse("boot=2").expect("it is sound").at(Mono(7), Wall(9)), (Mono(7), Wall(9)));
    }

    #[test]
    fn nonsense_is_named() {
        for text in ["", "boot", "boot=x", "rate=0", "rate=10001", "clock=quartz", "colour=red", "boot=1,,rate=2"] {
            assert!(SimTime::parse(text).is_err(), "{text:?}");
        }
    }
}
