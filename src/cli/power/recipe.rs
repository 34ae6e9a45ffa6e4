//! The recipe for one config: files with their content, and what is no file.
//!
//! What upsmon must be told is judged by [`crate::io::upsmon`]; a test runs the one on the other, so they cannot drift apart.

mod board;
mod machine;
mod nut;

pub(super) use board::Board;

use crate::cabinet::power::Method;
use crate::config::{Config, UpsConfig};
use crate::io::credentials::UPSD_PASSWORD;
use crate::io::upsmon::{OurUps, PASSWORD_PLACEHOLDER, Version};
use std::fmt;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// The account that the daemon runs as.
pub(super) const ACCOUNT: &str = "cabinetd";
/// The daemon's user in upsd where the config names none.
const USER: &str = "cabinetd";

/// Everything that an installer must set.
#[derive(Debug)]
pub(super) struct Recipe {
    /// `office@localhost`
    pub ups: String,
    pub sleep: Method,
    /// To be there first: accounts and folders of the files are theirs.
    pub packages: &'static str,
    pub files: Vec<RecipeFile>,
    pub notes: Vec<Note>,
}

/// One file, whole.
pub(super) struct RecipeFile {
    /// Where it belongs, from the root.
    pub path: String,
    pub owner: &'static str,
    pub group: &'static str,
    pub mode: u32,
    pub text: String,
}

/// What is to be done or known and is no file.
#[derive(Debug)]
pub(super) struct Note {
    pub title: String,
    pub text: String,
}

// Passwords stand in some of them.
impl fmt::Debug for RecipeFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecipeFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl RecipeFile {
    /// `root:nut 0640`
    pub(super) fn rights(&self) -> String {
        format!("{}:{} {:04o}", self.owner, self.group, self.mode)
    }
}

/// The two passwords: letters and digits, since upsmon sends its own without quotes.
pub(super) struct Passwords {
    pub upsmon: Zeroizing<String>,
    pub daemon: Zeroizing<String>,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passwords(…)")
    }
}

impl Passwords {
    pub(super) fn placeholders() -> Self {
        let of = |number| Zeroizing::new(format!("{PASSWORD_PLACEHOLDER}-{number}"));
        Self { upsmon: of(1), daemon: of(2) }
    }
}

/// What the texts are made from.
struct Site<'a> {
    ups: &'a UpsConfig,
    /// `office@localhost`
    system: String,
    /// Whether upsd runs on this machine.
    here: bool,
    user: &'a str,
    sleep: Method,
    nut: Version,
    /// A clock is to wake the machine.
    clock_wakes: bool,
    wake_every_min: u64,
    /// What upsmon runs when there is news.
    notify: String,
    passwords: Passwords,
    /// Where the daemon's own one is kept.
    password_file: PathBuf,
}

impl Recipe {
    pub(super) fn new(
        config: &Config,
        ups: &UpsConfig,
        nut: Version,
        board: Option<Board>,
        passwords: Passwords,
    ) -> Self {
        let sleep = config.power.sleep;
        let our = OurUps {
            name: &ups.name,
            host: &ups.host,
            port: ups.port,
            user: ups.user.as_deref(),
            password: None,
            sleep,
        };
        let system_wide = config.run_dir.as_os_str() == "/run/cabinetd";
        let socket = config.run_dir.join(crate::io::notify::SOCKET_NAME);
        let site = Site {
            ups,
            system: our.system(),
            here: our.is_here(),
            user: ups.user.as_deref().unwrap_or(USER),
            sleep,
            nut,
            clock_wakes: config.power.clock_wakes,
            wake_every_min: config.power.plant.clock_wake_ms / 60_000,
            notify: if system_wide {
                "/usr/bin/cabinetd notify".to_owned()
            } else {
                format!("/usr/bin/cabinetd notify --socket {}", socket.display())
            },
            passwords,
            password_file: config.credentials_dir.join(UPSD_PASSWORD),
        };
        let mut files = nut::files(&site);
        files.extend(machine::files(&site));
        let mut notes = nut::notes(&site);
        notes.extend(machine::notes(&site));
        notes.extend(board::notes(&site, board));
        Self { ups: site.system, sleep, packages: "nut-server nut-client polkitd", files, notes }
    }
}
