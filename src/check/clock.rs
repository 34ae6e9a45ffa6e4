//! The clock: how far it can be trusted, and whose time it shows.

use super::{Finding, Id};
use crate::cabinet::types::ClockQuality;

/// What was seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// None: the kernel does not say which boot this is; with the reason.
    pub quality: Result<ClockQuality, String>,
    /// The zone of the config.
    pub configured: Option<String>,
    /// The zone that the machine is set to, if it is set to one.
    pub machine: Option<String>,
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    vec![trusted(facts), zone(facts)]
}

fn trusted(facts: &Facts) -> Finding {
    let id = Id::ClockTrusted;
    let remedy = "Let a time server be reached (`timedatectl set-ntp true`, or chrony), or fit a \
                  battery-backed clock: without either, an outage that begins in the dark is timed by guess.";
    match &facts.quality {
        Ok(ClockQuality::Synced) => Finding::fine(id, "A time server keeps the clock."),
        Ok(ClockQuality::Rtc) => Finding::fine(id, "The clock was set from a battery-backed one."),
        Ok(ClockQuality::Restored) => Finding::warning(
            id,
            "The clock goes on from where it was at the last shutdown, so it may be behind.",
            remedy,
        ),
        Ok(ClockQuality::Unknown) => Finding::warning(id, "Nothing says that the clock is right.", remedy),
        Err(why) => {
            Finding::unknown(id, format!("The clock cannot be read: {why}."), "Mount /proc and /sys for this process.")
        }
    }
}

fn zone(facts: &Facts) -> Finding {
    let id = Id::ClockZone;
    match (&facts.configured, &facts.machine) {
        (Some(zone), _) => Finding::fine(id, format!("Schedules and office hours are read in {zone}.")),
        (None, Some(zone)) if !zone.ends_with("UTC") && !zone.starts_with("Etc/") => {
            Finding::fine(id, format!("Schedules and office hours are read in {zone}, the machine's zone."))
        }
        (None, _) => Finding::warning(
            id,
            "Schedules and office hours are read in UTC, since neither the config nor the machine names a zone.",
            "Write `time_zone` under [cabinet], for example \"America/New_York\".",
        ),
    }
}
