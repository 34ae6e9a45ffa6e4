//! The configuration: one TOML file, read as a whole or not at all.
//!
//! Every problem is listed at once, with line, key, what is wrong and what to write instead; an unknown key is a problem and
//! names the nearest known one. Nothing falls back to a default because it could not be read. `config/cabinetd.toml` is the
//! reference of all keys. Whether the world agrees with it (lines, groups, UPS) is not looked at here: that is `check`'s.

mod conflicts;
mod difference;
mod effective;
mod hours;
mod keys;
mod layout;
mod problem;
mod reader;
mod recipients;
mod sections;
mod wires;

#[cfg(test)]
mod tests;

pub use difference::Difference;
pub use problem::{ConfigError, Problem};
pub use reader::{Entry, Origin};
pub use recipients::{MailConfig, Recipient, Security, To};

use crate::cabinet::power::PowerSettings;
use crate::cabinet::settings::{AccessRules, AlertRules, SessionRules, Settings};
use crate::cabinet::types::Role;
use crate::io::lines::wiring::Wiring;
use crate::io::readers::wanted::Wanted;
use reader::Reader;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The annotated default configuration, as installed.
pub const ANNOTATED: &str = include_str!("../config/cabinetd.toml");

/// The configuration of the demo; `{ups_port}` and `{hardware_sock}` are for the demo to fill in.
pub const DEMO: &str = include_str!("../config/demo.toml");

/// Where a file would be too large to be one.
const LIMIT_KIB: u64 = 1024;

/// What the file says, defaults filled in, paths made absolute where the file's folder is.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// What the core is told.
    pub settings: Settings,
    /// IANA name; none = the machine's own zone.
    pub time_zone: Option<String>,
    /// Ledger, proof of life, lock.
    pub state_dir: PathBuf,
    /// Pepper and device key.
    pub credentials_dir: PathBuf,
    /// The control socket.
    pub run_dir: PathBuf,
    pub lines: Lines,
    /// Badge readers and PIN pads, beside those of a simulated cabinet.
    pub readers: Vec<Wanted>,
    /// None: no UPS is watched.
    pub ups: Option<UpsConfig>,
    /// None: the ledger is copied nowhere.
    pub upstream: Option<UpstreamConfig>,
    /// The public key that may sign rosters for this site, whoever brings them. None: no signed roster counts.
    pub roster_key: Option<[u8; 32]>,
    /// None: no mail is sent.
    pub mail: Option<MailConfig>,
    /// Who is told of alarms.
    pub recipients: Vec<Recipient>,
    /// The policy's rules and the site's powers; the core has them only with a UPS.
    pub power: PowerSettings,
    pub battery: BatteryConfig,
    /// OS group and the role its members have through the control socket. Root is admin without it.
    pub accounts: Vec<(String, Role)>,
    /// The group that may connect to the control socket; none = the daemon's own.
    pub socket_group: Option<String>,
    /// SHA-256 of the file, hex.
    pub hash: String,
    /// Every value in force and where it comes from, in the order of the reference.
    entries: Vec<Entry>,
}

/// How lines are reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Lines {
    /// A simulated cabinet behind a Unix socket.
    Sim { socket: PathBuf },
    /// Real ones.
    Real(Wiring),
}

/// Where the UPS is asked, and how often.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UpsConfig {
    /// As upsd calls it.
    pub name: String,
    /// An IP address: nothing is looked up.
    pub host: String,
    pub port: u16,
    pub poll_on_line_s: u64,
    pub poll_on_battery_s: u64,
    pub timeout_ms: u64,
    /// The user of upsd that may order; its password is the credential `upsd_password`. None: nothing is ordered.
    pub user: Option<String>,
}

/// Where the ledger is copied to, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UpstreamConfig {
    /// https. The contract's paths begin behind it.
    pub url: reqwest::Url,
    /// PEM. None: whom the machine trusts.
    pub ca_file: Option<PathBuf>,
    /// The name of the credential that holds the token. None: none is sent.
    pub token: Option<String>,
    /// So long records of one visit are waited for before they are sent.
    pub gather_ms: u64,
    /// How often upstream is told that we live, and asked where it is.
    pub heartbeat_s: u64,
    /// The longest that one request may take, in all.
    pub request_ms: u64,
    /// The longest pause after failures.
    pub longest_pause_s: u64,
    /// Records of one batch at most.
    pub batch_records: usize,
    /// How long falling asleep waits for upstream.
    pub flush_ms: u64,
    /// [`Config::roster_key`]. None: no roster is asked for.
    pub roster_key: Option<[u8; 32]>,
    /// Whether it is asked what it knows of the weather and of an outage.
    pub hints: bool,
    /// Whether it is shown where each key is.
    pub keymap: bool,
    /// Silent for so long, upstream is an alarm; 0 = never.
    pub silent_alarm_h: u16,
    /// Kinds whose payloads stay here.
    pub withheld: BTreeSet<String>,
}

impl UpstreamConfig {
    /// A frame for the reader, which fills in every value but the optional ones.
    fn blank() -> Option<Self> {
        Some(Self {
            url: "https://localhost".parse().ok()?,
            ca_file: None,
            token: None,
            gather_ms: 0,
            heartbeat_s: 0,
            request_ms: 0,
            longest_pause_s: 0,
            batch_records: 0,
            flush_ms: 0,
            roster_key: None,
            hints: false,
            keymap: false,
            silent_alarm_h: 0,
            withheld: BTreeSet::new(),
        })
    }
}

/// What `check` knows of the battery beside what the policy does.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct BatteryConfig {
    /// `YYYY-MM`.
    pub installed: Option<String>,
    /// What the UPS is rated for, W; 0 = what it says itself.
    pub ups_rated_w: u32,
    /// How long the battery is to last awake, h.
    pub runtime_goal_h: u32,
    /// Whether the UPS tests its battery once a week, on our word.
    pub weekly_self_test: bool,
}

/// What the defaults of paths depend on.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Surroundings {
    /// The folder of the file: relative paths begin there.
    pub folder: PathBuf,
    /// `CABINETD_DIR`.
    pub cabinetd_dir: Option<PathBuf>,
    /// `CREDENTIALS_DIRECTORY`, as systemd sets it.
    pub credentials_directory: Option<PathBuf>,
}

impl Surroundings {
    /// Of a file, with the process's environment.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        Self {
            folder: path.parent().map(Path::to_owned).unwrap_or_default(),
            cabinetd_dir: variable("CABINETD_DIR"),
            credentials_directory: variable("CREDENTIALS_DIRECTORY"),
        }
    }
}

impl Config {
    /// Which file is meant: the flag's, else `$CABINETD_DIR/cabinetd.toml`, else `/etc/cabinetd/cabinetd.toml`.
    #[must_use]
    pub fn locate(flag: Option<&Path>) -> PathBuf {
        let folder = std::env::var_os("CABINETD_DIR").filter(|value| !value.is_empty());
        match (flag, folder) {
            (Some(path), _) => path.to_owned(),
            (None, Some(folder)) => PathBuf::from(folder).join("cabinetd.toml"),
            (None, None) => PathBuf::from("/etc/cabinetd/cabinetd.toml"),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`ConfigError`]: it cannot be read, or the list of everything that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        match Self::look(path)? {
            (config, problems) if problems.is_empty() => Ok(config),
            (_, problems) => Err(ConfigError::Problems { path: path.to_owned(), problems }),
        }
    }

    /// As much of a file as can be read, and everything that is wrong with it: for looking at what it speaks of. What is wrong, or
    /// missing, has its default here, so nothing may be run by a file with problems.
    ///
    /// # Errors
    /// It cannot be read, is too large, or is no text.
    pub fn look(path: &Path) -> Result<(Self, Vec<Problem>), ConfigError> {
        let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path).map_err(unreadable)?;
        file.take(LIMIT_KIB * 1024 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > LIMIT_KIB * 1024 {
            return Err(ConfigError::TooLarge { path: path.to_owned(), limit_kib: LIMIT_KIB });
        }
        let absolute = std::path::absolute(path).map_err(unreadable)?;
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let line = bytes[..error.valid_up_to()].split(|byte| *byte == b'\n').count();
            let (wrong, remedy) = ("this is no UTF-8 text".to_owned(), "save the file as UTF-8".to_owned());
            let problems = vec![Problem { line: Some(line), key: String::new(), wrong, remedy }];
            ConfigError::Problems { path: path.to_owned(), problems }
        })?;
        Ok(Self::draft(text, &Surroundings::of(&absolute)))
    }

    /// What a file says as far as that can be had, and why it counts for nothing as a config: for whoever has to switch things off
    /// whatever the file is like.
    #[must_use]
    pub fn salvage(path: &Path) -> (Self, Option<ConfigError>) {
        match Self::look(path) {
            Ok((config, problems)) if problems.is_empty() => (config, None),
            Ok((config, problems)) => (config, Some(ConfigError::Problems { path: path.to_owned(), problems })),
            Err(error) => (Self::draft("", &Surroundings::of(path)).0, Some(error)),
        }
    }

    /// The outputs of a salvaged config that can be driven off: none where a mistake may be about their lines or polarity.
    #[must_use]
    pub fn told_wiring(&self, error: Option<&ConfigError>) -> Option<&Wiring> {
        let Lines::Real(wiring) = &self.lines else { return None };
        let is_doubtful = |problem: &Problem| {
            let section = problem.key.split('.').next().unwrap_or_default();
            matches!(section, "" | "lines" | "output")
        };
        match error {
            None => Some(wiring),
            Some(ConfigError::Problems { problems, .. }) if !problems.iter().any(is_doubtful) => Some(wiring),
            Some(_) => None,
        }
    }

    /// Where the wiring in force is kept: where this config says, and where systemd gives the service its folder, which stays where
    /// it is whatever becomes of the file.
    #[must_use]
    pub fn run_dirs(&self) -> Vec<PathBuf> {
        let service = std::env::var_os("RUNTIME_DIRECTORY").filter(|value| !value.is_empty()).map(PathBuf::from);
        let mut dirs = vec![self.run_dir.clone()];
        dirs.extend(service.filter(|dir| *dir != self.run_dir));
        dirs
    }

    /// The same for a file that may say another folder than it did, or none: the usual one as well.
    #[must_use]
    pub fn run_dirs_of(&self, path: &Path) -> Vec<PathBuf> {
        let mut dirs = self.run_dirs();
        let usual = Self::draft("", &Surroundings::of(path)).0.run_dir;
        if !dirs.contains(&usual) {
            dirs.push(usual);
        }
        dirs
    }

    /// Reads a text.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the lines.
    pub fn parse(text: &str, around: &Surroundings) -> Result<Self, Vec<Problem>> {
        let (config, problems) = Self::draft(text, around);
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// See [`Self::look`].
    #[must_use]
    pub fn draft(text: &str, around: &Surroundings) -> (Self, Vec<Problem>) {
        let (mut reader, document) = Reader::new(text);
        let mut config = Self::blank(text);
        config.read(&mut reader, &document, around);
        config.entries = reader.entries;
        let mut problems = reader.problems;
        problems.sort();
        problems.dedup();
        (config, problems)
    }

    /// Every value in force and where it comes from.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The values in force as TOML that reads back to the same, each with where it comes from.
    #[must_use]
    pub fn effective(&self) -> String {
        effective::render(self)
    }

    /// A frame for the reader, which fills in every value: the table of keys has all defaults.
    fn blank(text: &str) -> Self {
        let hash = crate::hex::hex(&Sha256::digest(text.as_bytes()));
        let settings = Settings {
            site: String::new(),
            cabinet: String::new(),
            doors: BTreeMap::new(),
            slots: BTreeMap::new(),
            tamper: false,
            lockbox: false,
            lamp: false,
            button: true,
            access: AccessRules::default(),
            sessions: SessionRules::default(),
            alerts: AlertRules { overdue_ms: BTreeMap::new(), office_hours: Vec::new(), inactive_days: 0 },
            power: None,
            upstream: false,
            signed_roster: false,
            upstream_silent_ms: 0,
            recipients: false,
        };
        Self {
            settings,
            time_zone: None,
            state_dir: PathBuf::new(),
            credentials_dir: PathBuf::new(),
            run_dir: PathBuf::new(),
            lines: Lines::Sim { socket: PathBuf::new() },
            readers: Vec::new(),
            ups: None,
            upstream: None,
            roster_key: None,
            mail: None,
            recipients: Vec::new(),
            power: PowerSettings::default(),
            battery: BatteryConfig::default(),
            accounts: Vec::new(),
            socket_group: None,
            hash,
            entries: Vec::new(),
        }
    }
}
