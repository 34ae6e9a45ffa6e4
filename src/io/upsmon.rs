//! How NUT is set up on this machine, and whether that lets the power policy be.
//!
//! upsmon is the one owner of shutdown: it runs SHUTDOWNCMD and has the UPS cut its output. Out of the box it also decides
//! about it: one second after the first `OB LB`, spurious ones too, and 15 s after the UPS falls silent on battery. Then no
//! policy of ours is ever asked. [`NutSetup::read`] reads NUT's files as NUT does (`words`, `facts`), [`judge`] compares them
//! with what `cabinetd power recipe` prints. A file that may not be read is a value of its own: neither good nor bad.
//!
//! It changes nothing, and it does not ask whether NUT runs with these files. `check` does: upsd shows what its driver was started
//! with, and upsmon must not be older than its file.

mod facts;
mod judge;
mod words;

pub use facts::{Monitor, NutConf, Secret, UpsConf, UpsdUser, UpsdUsers, UpsmonConf};
pub use judge::{Finding, Level, OurUps, Password, judge};

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// What a printed recipe has in place of a password.
pub const PASSWORD_PLACEHOLDER: &str = "CHANGE-ME";
/// What NOTIFYCMD must run for.
pub const NEWS: [&str; 5] = ["ONBATT", "ONLINE", "LOWBATT", "COMMBAD", "FSD"];
/// The one instant command that the daemon gives.
pub const COMMAND: &str = "test.battery.start.quick";

/// Bytes of the longest file; the annotated one of Debian has 20 kB.
const LONGEST_FILE: u64 = 1_024 * 1_024;

/// A file of NUT's, or why there is none to look at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Setup<T> {
    Read(T),
    Missing,
    /// It is there and may not be read: why.
    Unreadable(String),
}

impl<T> Setup<T> {
    /// What it says, if it could be read.
    pub const fn read(&self) -> Option<&T> {
        match self {
            Self::Read(facts) => Some(facts),
            Self::Missing | Self::Unreadable(_) => None,
        }
    }
}

/// A version of NUT.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Version(pub u32, pub u32, pub u32);

impl Version {
    /// `2.8.0`, `2.8.4-rc1`, `2.7.4.1`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split(['.', '-', '+']).map(|part| part.parse().ok());
        let (major, minor) = (parts.next()??, parts.next()??);
        Some(Self(major, minor, parts.next().flatten().unwrap_or(0)))
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// NUT's files on this machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NutSetup {
    /// The folder they are in, for remedies.
    pub dir: PathBuf,
    pub nut_conf: Setup<NutConf>,
    pub ups_conf: Setup<UpsConf>,
    pub upsmon_conf: Setup<UpsmonConf>,
    pub upsd_users: Setup<UpsdUsers>,
    /// Of the upsd that answers, if it was asked: upsmon is of the same package.
    pub version: Option<Version>,
}

impl NutSetup {
    /// Reads the files in `dir` (`/etc/nut` on Debian).
    #[must_use]
    pub fn read(dir: &Path, version: Option<Version>) -> Self {
        Self {
            dir: dir.to_owned(),
            nut_conf: file(&dir.join("nut.conf"), NutConf::parse),
            ups_conf: file(&dir.join("ups.conf"), UpsConf::parse),
            upsmon_conf: file(&dir.join("upsmon.conf"), UpsmonConf::parse),
            upsd_users: file(&dir.join("upsd.users"), UpsdUsers::parse),
            version,
        }
    }
}

fn file<T>(path: &Path, parse: fn(&[u8]) -> T) -> Setup<T> {
    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(LONGEST_FILE + 1).read_to_end(&mut bytes)) {
        Ok(_) if bytes.len() as u64 > LONGEST_FILE => Setup::Unreadable("it is no configuration: too long".into()),
        Ok(_) => Setup::Read(parse(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Setup::Missing,
        Err(error) => Setup::Unreadable(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
