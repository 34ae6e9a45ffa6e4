//! The alarm of a battery-backed clock, which starts a machine that is off: `/sys/class/rtc/rtc<N>/wakealarm`.
//!
//! The kernel's rules, kept here: the alarm is in seconds since 1970 by the clock's own time (UTC); one that is set must be
//! cleared (0) before another is; a time that is past clears it and reports no error; reading gives the time, or nothing when
//! none is set. So each alarm is read back. A Raspberry Pi 5 has such a clock, an earlier one only as an add-on, and not
//! every add-on can wake it.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Longest number in these files.
const LONGEST_NUMBER: u64 = 32;

/// The clocks of the machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rtc {
    /// `/sys/class/rtc`.
    root: PathBuf,
}

impl Default for Rtc {
    fn default() -> Self {
        Self { root: PathBuf::from("/sys/class/rtc") }
    }
}

/// Why there is no alarm.
#[derive(Debug, thiserror::Error)]
pub enum RtcError {
    #[error("this machine has no battery-backed clock (nothing in {}); an RTC module would be one, the Raspberry Pi 5 has one built in", .0.display())]
    NoClock(PathBuf),
    #[error("the clock {} has no alarm (wakealarm is missing): nothing connects it to the power management; it can keep time, not wake", .0.display())]
    NoAlarm(PathBuf),
    #[error(
        "{} may not be written ({source}); install the udev rule 60-cabinetd-rtc.rules that `cabinetd power recipe` prints, and let the unit write \
         there (ReadWritePaths=)", path.display()
    )]
    NotWritable { path: PathBuf, source: io::Error },
    #[error("{} cannot be used: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} says {text:?}, which is no time; is it a clock's?", path.display())]
    NotATime { path: PathBuf, text: String },
    #[error("an alarm at {at_s} is not ahead of the clock ({now_s}); is the clock set? `timedatectl` tells")]
    Past { at_s: u64, now_s: u64 },
    #[error(
        "the clock did not take the alarm: asked for {wanted_s}, it has {found_s:?}; its driver may not be able to wake this machine"
    )]
    Differs { wanted_s: u64, found_s: Option<u64> },
}

impl Rtc {
    /// Clocks below another folder, for tests.
    #[must_use]
    pub fn below(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Sets the alarm to this time by the clock's own, in seconds since 1970, in place of any other.
    ///
    /// # Errors
    /// [`RtcError`]; no alarm is set then, unless the clock could not be written any more.
    pub fn set_at(&self, at_s: u64) -> Result<(), RtcError> {
        let clock = self.clock()?;
        let now_s = now(&clock)?;
        if at_s <= now_s {
            return Err(RtcError::Past { at_s, now_s });
        }
        let alarm = clock.join("wakealarm");
        write(&alarm, 0)?;
        write(&alarm, at_s)?;
        let found_s = read(&alarm)?;
        if found_s == Some(at_s) {
            return Ok(());
        }
        write(&alarm, 0)?;
        Err(RtcError::Differs { wanted_s: at_s, found_s })
    }

    /// Sets the alarm so far ahead, and says for when: right also where the clock and the system's time differ.
    ///
    /// # Errors
    /// See [`Rtc::set_at`].
    pub fn set_in(&self, after_s: u64) -> Result<u64, RtcError> {
        let at_s = now(&self.clock()?)?.saturating_add(after_s);
        self.set_at(at_s).map(|()| at_s)
    }

    /// Takes the alarm back. None to take back is fine.
    ///
    /// # Errors
    /// See [`Rtc::set_at`].
    pub fn clear(&self) -> Result<(), RtcError> {
        let alarm = self.clock()?.join("wakealarm");
        write(&alarm, 0)?;
        match read(&alarm)? {
            None => Ok(()),
            found_s => Err(RtcError::Differs { wanted_s: 0, found_s }),
        }
    }

    /// For when the alarm is set.
    ///
    /// # Errors
    /// [`RtcError`]: no clock, or one that cannot be read.
    pub fn pending(&self) -> Result<Option<u64>, RtcError> {
        read(&self.clock()?.join("wakealarm"))
    }

    /// The first clock that has an alarm.
    fn clock(&self) -> Result<PathBuf, RtcError> {
        let mut clocks: Vec<(u32, PathBuf)> = match fs::read_dir(&self.root) {
            Ok(entries) => entries
                .filter_map(|entry| {
                    let entry = entry.ok()?;
                    let number = entry.file_name().to_str()?.strip_prefix("rtc")?.parse().ok()?;
                    Some((number, entry.path()))
                })
                .collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(RtcError::Io { path: self.root.clone(), source }),
        };
        clocks.sort();
        let Some((_, first)) = clocks.first().cloned() else { return Err(RtcError::NoClock(self.root.clone())) };
        let with_alarm = clocks.into_iter().map(|(_, clock)| clock).find(|clock| clock.join("wakealarm").exists());
        with_alarm.ok_or(RtcError::NoAlarm(first))
    }
}

/// The clock's own time.
fn now(clock: &Path) -> Result<u64, RtcError> {
    let path = clock.join("since_epoch");
    read(&path)?.ok_or_else(|| RtcError::NotATime { path, text: String::new() })
}

/// None: nothing, or 0.
fn read(path: &Path) -> Result<Option<u64>, RtcError> {
    let failed = |source| RtcError::Io { path: path.to_owned(), source };
    let mut text = Vec::new();
    fs::File::open(path).and_then(|file| file.take(LONGEST_NUMBER).read_to_end(&mut text)).map_err(failed)?;
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse() {
        Ok(0) => Ok(None),
        Ok(time) => Ok(Some(time)),
        Err(_) => Err(RtcError::NotATime { path: path.to_owned(), text }),
    }
}

fn write(path: &Path, time_s: u64) -> Result<(), RtcError> {
    let written = OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(path)
        .and_then(|mut file| file.write_all(format!("{time_s}\n").as_bytes()));
    written.map_err(|source| match source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            RtcError::NotWritable { path: path.to_owned(), source }
        }
        _ => RtcError::Io { path: path.to_owned(), source },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// Two clocks, of which the second one has an alarm.
    fn clocks() -> (tempfile::TempDir, Rtc) {
        let root = tempfile::tempdir().unwrap();
        for (clock, file, content) in
            [("rtc0", "since_epoch", "1000\n"), ("rtc1", "since_epoch", "2000\n"), ("rtc1", "wakealarm", "")]
        {
            fs::create_dir_all(root.path().join(clock)).unwrap();
            fs::write(root.path().join(clock).join(file), content).unwrap();
        }
        let rtc = Rtc::below(root.path());
        (root, rtc)
    }

    #[test]
    fn an_alarm_is_set_read_back_and_taken_back() {
        let (root, rtc) = clocks();
        assert_eq!(rtc.pending().unwrap(), None);
        rtc.set_at(5_600).unwrap();
        assert_eq!(rtc.pending().unwrap(), Some(5_600));
        assert_eq!(fs::read_to_string(root.path().join("rtc1/wakealarm")).unwrap(), "5600\n");
        assert_eq!(rtc.set_in(3_600).unwrap(), 5_600, "by the clock's own time, in place of the other one");
        rtc.clear().unwrap();
        rtc.clear().expect("nothing to take back");
        assert_eq!(rtc.pending().unwrap(), None);
    }

    #[test]
    fn a_time_that_is_past_is_refused() {
        let (_root, rtc) = clocks();
        for at_s in [0, 1_999, 2_000] {
            assert!(matches!(rtc.set_at(at_s), Err(RtcError::Past { now_s: 2_000, .. })), "{at_s}");
        }
        assert!(matches!(rtc.set_in(0), Err(RtcError::Past { .. })));
        assert_eq!(rtc.pending().unwrap(), None);
    }

    #[test]
    fn no_clock_and_one_without_an_alarm_are_told_apart() {
        let (root, rtc) = clocks();
        let nowhere = Rtc::below(&root.path().join("nothing"));
        let error = nowhere.set_at(9_999).unwrap_err();
        assert!(matches!(error, RtcError::NoClock(_)) && error.to_string().contains("Raspberry Pi 5"), "{error}");
        fs::remove_dir_all(root.path().join("rtc1")).unwrap();
        let error = rtc.set_at(9_999).unwrap_err();
        assert!(matches!(&error, RtcError::NoAlarm(clock) if clock.ends_with("rtc0")), "{error}");
    }

    /// Files of the kernel that behave so, for root too.
    #[test]
    fn an_alarm_that_cannot_be_set_says_why() {
        let (root, rtc) = clocks();
        let alarm = root.path().join("rtc1/wakealarm");
        let behave_like = |file: &str| {
            fs::remove_file(&alarm).unwrap();
            symlink(file, &alarm).unwrap();
        };
        behave_like("/proc/sys/kernel/osrelease");
        let error = rtc.set_at(9_999).unwrap_err();
        assert!(matches!(error, RtcError::NotWritable { .. }), "{error}");
        assert!(error.to_string().contains("60-cabinetd-rtc.rules"), "{error}");
        behave_like("/dev/null");
        let error = rtc.set_at(9_999).unwrap_err();
        assert!(matches!(error, RtcError::Differs { wanted_s: 9_999, found_s: None }), "{error}");
        behave_like("/dev/full");
        assert!(matches!(rtc.set_at(9_999), Err(RtcError::Io { .. })));
        behave_like("/proc/version");
        assert!(matches!(rtc.pending(), Err(RtcError::NotATime { .. })));
    }
}
