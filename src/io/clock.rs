//! The present: boot clock, wall clock and how far it can be trusted, local time, boot id.
//!
//! [`Clock::now`] is cheap enough to be asked at every event: two reads of the kernel's clocks that need no system call, the
//! rest is remembered. The quality is looked up again after 60 s, and at once when the wall clock was set (it moved against
//! the boot clock), so a record is never for long without a trust that was gained, nor with one that was lost.
//!
//! Quality, from best to worst:
//! - `synced`: a time server disciplines the clock: systemd-timesyncd's `/run/systemd/timesync/synchronized` exists, or the
//!   kernel says so ([`kernel`]), as under chrony or ntpd.
//! - `rtc`: the kernel set the clock from a battery-backed one at boot (`/sys/class/rtc/rtc0/hctosys` says 1).
//! - `restored`: not before the time that timesyncd or fake-hwclock saved at the last shutdown.
//! - `unknown`: nothing of these, or a date before this program was written.
//!
//! Whatever stamps a record or sets a deadline of the core takes its time from here; lints refuse other clocks.

pub mod kernel;
pub mod sim;

use crate::cabinet::types::{BootId, Civil, ClockQuality, Mono, Now, Wall};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustix::time::{ClockId, Timespec};
use sim::SimTime;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How long a quality counts.
const QUALITY_FOR_MS: u64 = 60_000;

/// A wall clock that moved so far against the boot clock was set, not slewed.
const SET_MS: u64 = 1_000;

/// 2026-01-01T00:00:00Z: no honest clock is behind it.
const WRITTEN_MS: i64 = 1_767_225_600_000;

const DAY_MS: i64 = 86_400_000;

/// Reads the clocks of this machine, for one time zone.
#[derive(Debug)]
pub struct Clock {
    boot: BootId,
    zone: TimeZone,
    root: PathBuf,
    remembered: Mutex<Remembered>,
    /// Told when the wall clock was set, and when what is known of it changed.
    set: Notify,
    learned: Notify,
    simulated: Option<SimTime>,
}

/// Why there is no clock.
#[derive(Debug, thiserror::Error)]
pub enum ClockError {
    #[error("there is no time zone {name:?}; write another as time_zone under [cabinet], or leave it out")]
    Zone {
        name: String,
        #[source]
        source: jiff::Error,
    },
    #[error("cannot read {}: {source}; is /proc mounted?", path.display())]
    BootId {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{} holds no boot id; is /proc mounted?", path.display())]
    NoBootId { path: PathBuf },
}

/// What is not looked up at each call.
#[derive(Debug)]
struct Remembered {
    quality: ClockQuality,
    quality_until: Mono,
    /// Whether the kernel said that a time server keeps the clock, since it was set last.
    kernel_keeps: bool,
    /// Wall clock minus boot clock when the quality was looked up, if it was.
    wall_minus_mono_ms: Option<i64>,
    /// Local time minus UTC while the wall clock is in this range.
    offset_ms: i64,
    offset_for: Range<i64>,
}

impl Clock {
    /// A clock for an IANA time zone; none = the machine's own, or UTC where it has none.
    ///
    /// # Errors
    /// There is no such zone, or the kernel does not say which boot this is.
    pub fn new(time_zone: Option<&str>) -> Result<Self, ClockError> {
        Self::on(Path::new("/"), time_zone)
    }

    /// The site's time zone.
    #[must_use]
    pub const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The same on a file system that begins elsewhere.
    fn on(root: &Path, time_zone: Option<&str>) -> Result<Self, ClockError> {
        let zone = match time_zone {
            Some(name) => TimeZone::get(name).map_err(|source| ClockError::Zone { name: name.to_owned(), source })?,
            None => TimeZone::try_system().unwrap_or(TimeZone::UTC),
        };
        let path = root.join("proc/sys/kernel/random/boot_id");
        let text =
            std::fs::read_to_string(&path).map_err(|source| ClockError::BootId { path: path.clone(), source })?;
        let boot =
            u128::from_str_radix(&text.trim().replace('-', ""), 16).map_err(|_| ClockError::NoBootId { path })?;
        let remembered = Remembered {
            quality: ClockQuality::Unknown,
            quality_until: Mono(0),
            kernel_keeps: false,
            wall_minus_mono_ms: None,
            offset_ms: 0,
            offset_for: 0..0,
        };
        let remembered = Mutex::new(remembered);
        Ok(Self {
            boot: BootId(boot),
            zone,
            root: root.to_owned(),
            remembered,
            set: Notify::new(),
            learned: Notify::new(),
            simulated: None,
        })
    }

    /// The clock of a simulated machine: boots of its own, time that may run faster.
    #[must_use]
    pub fn simulating(self, time: SimTime) -> Self {
        // Another boot is another id, the same one again the same.
        let number = u128::from(time.booted_ms) << 32 | u128::from(time.boot);
        let boot = BootId(self.boot.0.wrapping_add(number));
        Self { boot, simulated: Some(time), ..self }
    }

    /// How long one really waits for so many milliseconds of this clock to pass.
    #[must_use]
    pub fn real(&self, ms: u64) -> Duration {
        let rate = self.simulated.map_or(1, |time| time.rate);
        Duration::from_millis(ms).checked_div(rate).unwrap_or_default()
    }

    /// The present. It never fails and never waits but for the look-ups that are due once a minute.
    #[must_use]
    pub fn now(&self) -> Now {
        let (mono, wall) = read();
        match &self.simulated {
            None => self.at(mono, wall),
            Some(time) => {
                let (mono, wall) = time.at(mono, wall);
                let now = self.at(mono, wall);
                Now { clock: time.clock.unwrap_or(now.clock), ..now }
            }
        }
    }

    /// Ends when the quality is another one with nothing else having happened: who stands still learns of it.
    pub async fn learned(&self) {
        self.learned.notified().await;
    }

    /// The zone's name as far as it has one.
    #[must_use]
    pub fn zone_name(&self) -> Option<&str> {
        self.zone.iana_name()
    }

    fn at(&self, mono: Mono, wall: Wall) -> Now {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let difference = wall.0.saturating_sub_unsigned(mono.0);
        let was_set = remembered.wall_minus_mono_ms.is_some_and(|before| difference.abs_diff(before) > SET_MS);
        if was_set {
            remembered.kernel_keeps = false;
            self.set.notify_one();
        }
        if was_set || mono >= remembered.quality_until {
            remembered.quality = self.quality(wall, remembered.kernel_keeps);
            remembered.quality_until = mono.plus_ms(QUALITY_FOR_MS);
            remembered.wall_minus_mono_ms = Some(difference);
        }
        if !remembered.offset_for.contains(&wall.0) {
            (remembered.offset_ms, remembered.offset_for) = self.offset(wall);
        }
        let civil = civil(wall, remembered.offset_ms);
        Now { mono, wall, clock: remembered.quality, civil, boot: self.boot }
    }

    /// What the kernel says of the clock as it is now; a no until it is said.
    fn kernel_says(&self, keeps: bool) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.kernel_keeps != keeps {
            remembered.kernel_keeps = keeps;
            remembered.quality_until = Mono(0);
        }
    }

    fn is_kept_by_timesyncd(&self) -> bool {
        self.root.join("run/systemd/timesync/synchronized").exists()
    }

    fn quality(&self, wall: Wall, kernel_keeps: bool) -> ClockQuality {
        let exists = |path: &str| self.root.join(path).exists();
        if wall.0 < WRITTEN_MS {
            return ClockQuality::Unknown;
        }
        if kernel_keeps || self.is_kept_by_timesyncd() {
            return ClockQuality::Synced;
        }
        let from_rtc = std::fs::read_to_string(self.root.join("sys/class/rtc/rtc0/hctosys"));
        if exists("dev/rtc0") && from_rtc.is_ok_and(|text| text.trim() == "1") {
            return ClockQuality::Rtc;
        }
        let saved = ["var/lib/systemd/timesync/clock", "etc/fake-hwclock.data", "var/lib/fake-hwclock/data"];
        let restored = saved.iter().any(|path| {
            let changed = std::fs::metadata(self.root.join(path)).and_then(|file| file.modified());
            changed.is_ok_and(|changed| Timestamp::try_from(changed).is_ok_and(|at| at.as_millisecond() <= wall.0))
        });
        if restored { ClockQuality::Restored } else { ClockQuality::Unknown }
    }

    /// Local time minus UTC, and from when to when it is that.
    fn offset(&self, wall: Wall) -> (i64, Range<i64>) {
        let Ok(at) = Timestamp::from_millisecond(wall.0) else {
            return (0, wall.0..wall.0.saturating_add(1));
        };
        let offset_ms = i64::from(self.zone.to_offset(at).seconds()) * 1_000;
        let until = self.zone.following(at).next().map_or(i64::MAX, |next| next.timestamp().as_millisecond());
        (offset_ms, wall.0..until)
    }
}

/// The real clocks, for whoever simulates a machine's.
#[must_use]
pub fn real() -> (Mono, Wall) {
    read()
}

/// Boot clock and wall clock.
#[expect(clippy::disallowed_methods, reason = "the one place where the program reads the clocks")]
fn read() -> (Mono, Wall) {
    let ms = |time: Timespec| time.tv_sec.saturating_mul(1_000).saturating_add(time.tv_nsec / 1_000_000);
    let mono = ms(rustix::time::clock_gettime(ClockId::Boottime));
    let wall = ms(rustix::time::clock_gettime(ClockId::Realtime));
    (Mono(u64::try_from(mono).unwrap_or(0)), Wall(wall))
}

fn civil(wall: Wall, offset_ms: i64) -> Civil {
    let local_ms = wall.0.saturating_add(offset_ms);
    let day = local_ms.div_euclid(DAY_MS);
    let minute = local_ms.rem_euclid(DAY_MS) / 60_000;
    Civil { day: i32::try_from(day).unwrap_or(i32::MAX), minute: u16::try_from(minute).unwrap_or(0) }
}

#[cfg(test)]
mod tests;
