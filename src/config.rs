//! The configuration: one TOML file, read as a whole or not at all.
//!
//! Every problem is listed at once, with line, key, what is wrong and what to write instead; an unknown key is a problem and
//! names the nearest known one. Nothing falls back to a default because it could not be read. `config/cabinetd.toml` is the
//! reference of all keys. Whether the world agrees with it (lines, groups, UPS) is not looked at here: that is `check`'s.

mod difference;
mod effective;
mod hours;
mod keys;
mod layout;
mod problem;
mod reader;
mod recipients;
mod wires;

#[cfg(test)]
mod tests;

pub use difference::Difference;
pub use problem::{ConfigError, Problem};
pub use reader::{Entry, Origin};
pub use recipients::{MailConfig, Recipient, Security, To};

use crate::cabinet::power::{Method, PowerSettings};
use crate::cabinet::settings::{AccessRules, AlertRules, SessionRules, Settings};
use crate::cabinet::types::Role;
use crate::io::lines::wiring::{Signal, Wiring};
use crate::io::readers::wanted::{By, Wanted};
use problem::Fault;
use reader::Reader;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// The annotated default configuration, as installed.
pub const ANNOTATED: &str = include_str!("../config/cabinetd.toml");

/// The configuration of the demo; `{ups_port}` and `{hardware_sock}` are for the demo to fill in.
pub const DEMO: &str = include_str!("../config/demo.toml");

/// Where a file would be too large to be one.
const LIMIT_KIB: u64 = 1024;

/// Switched loads at most.
const MOST_LOADS: usize = 16;

/// Badge readers and PIN pads at most.
const MOST_READERS: usize = 8;

/// Longest path that a Unix socket can have.
const SOCKET_PATH_BYTES: usize = 107;

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

    fn read(&mut self, reader: &mut Reader, document: &DeTable<'_>, around: &Surroundings) {
        reader.refuse_unknown(document, "", &SECTIONS, home_of);
        let (mut lines, mut wires) = (keys::LinesDraft::default(), wires::Wires::default());
        for (header, keys) in PLAIN {
            let name = header.trim_matches(['[', ']']);
            let table = reader.section(document, name);
            if let Some((_, table)) = table {
                let known: Vec<&str> = keys.iter().map(|key| key.name).collect();
                reader.refuse_unknown(table, name, &known, home_of);
            }
            if table.is_some() || document.get(name).is_none() {
                reader.read(name, header, table, keys, self);
            }
            if name == "paths" {
                lines = self.read_lines(reader, document, around);
                layout::read(reader, document, &mut self.settings);
                wires = wires::read(reader, document);
                self.read_readers(reader, document);
            }
        }
        self.read_loads(reader, document);
        if let keys::Backend::Real(pins) = lines.backend {
            let how = (pins, lines.poll_s * 1_000);
            let wiring = wires::check(&wires, reader, &self.settings, &self.power, how);
            self.settings.button = wiring.inputs.iter().any(|line| line.signal == Signal::Button);
            self.lines = Lines::Real(wiring);
        }
        self.read_upstream(reader, document, around);
        self.read_recipients(reader, document, around);
        self.read_ups(reader, document);
        self.power.may_order = self.ups.as_ref().is_some_and(|ups| ups.user.is_some());
        self.power.rated_w = (self.battery.ups_rated_w > 0).then_some(self.battery.ups_rated_w);
        self.power.weekly_self_test = self.battery.weekly_self_test;
        self.settings.power = self.ups.as_ref().map(|_| self.power.clone());
        self.read_accounts(reader, document);
        self.check(reader);
    }

    fn read_lines(&mut self, reader: &mut Reader, document: &DeTable<'_>, around: &Surroundings) -> keys::LinesDraft {
        let table = reader.section(document, "lines");
        let mut draft = keys::LinesDraft::default();
        if let Some((_, table)) = table {
            let known: Vec<&str> = keys::LINES.iter().map(|key| key.name).collect();
            reader.refuse_unknown(table, "lines", &known, home_of);
        }
        if table.is_some() || document.get("lines").is_none() {
            reader.read("lines", "[lines]", table, keys::LINES, &mut draft);
        }
        let socket = self.place_paths(draft.socket.as_deref(), around);
        for (key, path) in [
            ("state_dir", &self.state_dir),
            ("credentials_dir", &self.credentials_dir),
            ("run_dir", &self.run_dir),
            ("socket", &socket),
        ] {
            reader.settle(key, &path.to_string_lossy());
        }
        let sockets = [("paths.run_dir", self.run_dir.join("control.sock")), ("lines.socket", socket.clone())];
        for (path, socket) in sockets {
            let bytes = socket.as_os_str().len();
            if bytes > SOCKET_PATH_BYTES {
                let wrong = format!("the socket's path has {bytes} bytes, the system takes {SOCKET_PATH_BYTES}");
                reader.conflict(path, &["paths.run_dir"], wrong, "write a shorter path");
            }
        }
        self.lines = Lines::Sim { socket };
        draft
    }

    /// Relative paths begin at the file's folder; what is not written goes to its usual place.
    fn place_paths(&mut self, socket: Option<&Path>, around: &Surroundings) -> PathBuf {
        let usual = |written: &Path, inside: &str, system: &Path| {
            if !written.as_os_str().is_empty() {
                return around.folder.join(written);
            }
            around.cabinetd_dir.as_ref().map_or_else(|| system.to_owned(), |dir| dir.join(inside))
        };
        let credentials = around.credentials_directory.as_deref().unwrap_or(Path::new("/etc/cabinetd/credentials"));
        self.state_dir = usual(&self.state_dir, "state", Path::new("/var/lib/cabinetd"));
        self.credentials_dir = usual(&self.credentials_dir, "credentials", credentials);
        self.run_dir = usual(&self.run_dir, "run", Path::new("/run/cabinetd"));
        socket.map_or_else(|| self.run_dir.join("hardware.sock"), |socket| around.folder.join(socket))
    }

    fn read_ups(&mut self, reader: &mut Reader, document: &DeTable<'_>) {
        let Some((line, table)) = reader.section(document, "ups") else { return };
        let known: Vec<&str> = keys::UPS.iter().map(|key| key.name).collect();
        reader.refuse_unknown(table, "ups", &known, home_of);
        let mut ups = UpsConfig {
            name: String::new(),
            host: String::new(),
            port: 0,
            poll_on_line_s: 0,
            poll_on_battery_s: 0,
            timeout_ms: 0,
            user: None,
        };
        reader.read("ups", "[ups]", Some((line, table)), keys::UPS, &mut ups);
        if ups.poll_on_battery_s > ups.poll_on_line_s {
            let wrong = format!("{} s is slower than on line power ({} s)", ups.poll_on_battery_s, ups.poll_on_line_s);
            reader.conflict(
                "ups.poll_on_battery_s",
                &["ups.poll_on_line_s"],
                wrong,
                "write a number not above poll_on_line_s",
            );
        }
        if ups.timeout_ms >= ups.poll_on_battery_s * 1_000 {
            let wrong = format!("{} ms is not below one poll on battery ({} s)", ups.timeout_ms, ups.poll_on_battery_s);
            reader.conflict(
                "ups.timeout_ms",
                &["ups.poll_on_battery_s", "ups.poll_on_line_s"],
                wrong,
                "shorten timeout_ms or lengthen poll_on_battery_s",
            );
        }
        self.ups = Some(ups);
    }

    fn read_upstream(&mut self, reader: &mut Reader, document: &DeTable<'_>, around: &Surroundings) {
        let Some((line, table)) = reader.section(document, "upstream") else { return };
        let known: Vec<&str> = keys::UPSTREAM.iter().map(|key| key.name).collect();
        reader.refuse_unknown(table, "upstream", &known, home_of);
        let Some(mut upstream) = UpstreamConfig::blank() else { return };
        // Where rosters come on a stick alone there is no upstream, only their key.
        let is_alone = table.len() == 1 && table.get("roster_key").is_some();
        let keys = if is_alone { keys::roster_key() } else { keys::UPSTREAM };
        reader.read("upstream", "[upstream]", Some((line, table)), keys, &mut upstream);
        self.roster_key = upstream.roster_key;
        self.settings.signed_roster = upstream.roster_key.is_some();
        if is_alone {
            return;
        }
        upstream.ca_file = upstream.ca_file.map(|path| around.folder.join(path));
        self.power.rules.flush_ms = upstream.flush_ms;
        self.settings.upstream = true;
        self.settings.upstream_silent_ms = u64::from(upstream.silent_alarm_h) * 3_600_000;
        self.upstream = Some(upstream);
    }

    fn read_loads(&mut self, reader: &mut Reader, document: &DeTable<'_>) {
        for (line, table) in reader.rows(document, "load") {
            let known: Vec<&str> = keys::LOAD.iter().map(|key| key.name).collect();
            reader.refuse_unknown(table, "load", &known, |_| None);
            let mut draft = keys::LoadDraft::default();
            reader.read("load", "[[load]]", Some((line, table)), keys::LOAD, &mut draft);
            if self.power.loads.contains(&draft.name) {
                let wrong = format!("the load {:?} is described twice", draft.name);
                reader.problem(Some(line), "load.name", Fault::new(wrong, "give each load a name of its own"));
            } else if self.power.loads.len() >= MOST_LOADS {
                let fault = Fault::new(format!("more than {MOST_LOADS} loads"), "switch several with one relay");
                reader.problem(Some(line), "load", fault);
            } else {
                self.power.loads.push(draft.name);
            }
        }
    }

    fn read_readers(&mut self, reader: &mut Reader, document: &DeTable<'_>) {
        for (line, table) in reader.rows(document, "reader") {
            let known: Vec<&str> = keys::READER.iter().map(|key| key.name).collect();
            reader.refuse_unknown(table, "reader", &known, |_| None);
            let (mut draft, before) = (keys::ReaderDraft::default(), reader.problems.len());
            reader.read("reader", "[[reader]]", Some((line, table)), keys::READER, &mut draft);
            let keys::ReaderDraft { kind, by, layout, pause_ms } = draft;
            if reader.problems.len() > before {
                continue;
            }
            if by == By::default() {
                let remedy =
                    "write name, id, port or path; `cabinetd check --only readers` lists the devices that there are";
                reader.problem(Some(line), "reader.name", Fault::new("nothing says which device it is", remedy));
            } else if self.readers.iter().any(|other| other.by == by) {
                let remedy = "write port or path, so that each fits one device; one that reads badges and has keys is kind = \"both\"";
                reader.problem(
                    Some(line),
                    "reader",
                    Fault::new(format!("the device with {by} is described twice"), remedy),
                );
            } else if self.readers.len() >= MOST_READERS {
                let fault = Fault::new(format!("more than {MOST_READERS} readers"), "take some away");
                reader.problem(Some(line), "reader", fault);
            } else {
                let pause_ms = pause_ms.unwrap_or_else(|| kind.usual_pause_ms());
                self.readers.push(Wanted { kind, by, layout, pause_ms });
            }
        }
    }

    fn read_accounts(&mut self, reader: &mut Reader, document: &DeTable<'_>) {
        let Some((_, table)) = reader.section(document, "accounts") else { return };
        let mut accounts = reader.keys(table);
        accounts.sort_by_key(|(_, (line, _))| *line);
        for (name, (line, value)) in accounts {
            let role = match value.as_str() {
                Some(word) => reader::role(word),
                None => Err(Fault::new(
                    format!("{} where a role belongs", reader::kind_of(value)),
                    "write \"staff\" or \"assistant\" or \"manager\" or \"admin\"",
                )),
            };
            match (keys::group(&name), role) {
                (Ok(group), Ok(role)) => {
                    reader.entries.push(Entry {
                        section: "[accounts]".to_owned(),
                        first: self.accounts.is_empty(),
                        key: reader::quoted_key(&group),
                        value: Some(reader::written(value)),
                        origin: Origin::File(line),
                        note: "",
                    });
                    self.accounts.push((group, role));
                }
                (group, role) => {
                    let path = format!("accounts.{}", if group.is_ok() { name.as_str() } else { "…" });
                    for fault in [group.err(), role.err()].into_iter().flatten() {
                        reader.problem(Some(line), &path, fault);
                    }
                }
            }
        }
    }

    /// What no single key can know.
    fn check(&self, reader: &mut Reader) {
        let (access, sessions) = (&self.settings.access, &self.settings.sessions);
        self.check_power(reader);
        if !(access.badge_and_pin || access.login_and_pin || access.badge_alone) {
            let wrong = "nobody could identify themselves".to_owned();
            reader.conflict("identify.modes", &[], wrong, "list at least one mode, for example [\"badge+pin\"]");
        }
        if access.delay_ms > access.longest_delay_ms {
            let wrong = format!("{} ms is above longest_delay_ms ({} ms)", access.delay_ms, access.longest_delay_ms);
            reader.conflict(
                "identify.delay_ms",
                &["identify.longest_delay_ms"],
                wrong,
                "write a number not above longest_delay_ms",
            );
        }
        if sessions.debounce_ms > sessions.chatter_window_ms {
            let wrong = format!("{} ms is above chatter_window_ms", sessions.debounce_ms);
            reader.conflict(
                "sessions.debounce_ms",
                &["sessions.chatter_window_ms"],
                wrong,
                "write a number not above chatter_window_ms",
            );
        }
    }
}

impl Config {
    /// Powers that fall, hours that rise, methods that can wake.
    fn check_power(&self, reader: &mut Reader) {
        let (plant, rules) = (&self.power.plant, &self.power.rules);
        let mut rising = |path: &str, other: &str, wrong: bool, text: String, remedy: &str| {
            if wrong {
                reader.conflict(path, &[other], text, remedy);
            }
        };
        rising(
            "power.standby_mw",
            "power.normal_mw",
            plant.standby_mw > plant.normal_mw,
            format!("{} mW asleep is more than {} mW awake", plant.standby_mw, plant.normal_mw),
            "write what the battery feels in standby, not above normal_mw",
        );
        rising(
            "power.halted_mw",
            "power.standby_mw",
            plant.halted_mw > plant.standby_mw,
            format!("{} mW halted is more than {} mW in standby", plant.halted_mw, plant.standby_mw),
            "write what the battery feels with the machine halted, not above standby_mw",
        );
        rising(
            "battery.ups_overhead_mw",
            "power.normal_mw",
            plant.overhead_mw > plant.normal_mw,
            format!("{} mW of the UPS alone is more than {} mW in all", plant.overhead_mw, plant.normal_mw),
            "normal_mw is what the battery feels, the UPS's own draw included",
        );
        rising(
            "power.conserve_uncovered_after_min",
            "power.conserve_after_min",
            rules.uncovered_after_ms > rules.always_after_ms,
            "it is above conserve_after_min".to_owned(),
            "write a number not above conserve_after_min",
        );
        rising(
            "power.idle_late_s",
            "power.idle_s",
            rules.idle_late_ms > rules.idle_ms,
            "it is above idle_s".to_owned(),
            "write a number not above idle_s",
        );
        let halts = self.power.sleep == Method::Halt;
        rising(
            "power.sleep",
            "power.rtc",
            halts && !(self.power.clock_wakes && plant.clock_wake_ms > 0) && !self.power.wakes_on_mains,
            "nothing would start a halted machine whose supply never dropped".to_owned(),
            "set rtc = true with rtc_wake_min above 0, or wakes_on_mains = true once a drill has seen it",
        );
        let ordered = self.power.sleep == Method::UpsOff && self.ups.is_some() && !self.power.may_order;
        rising(
            "power.sleep",
            "ups.user",
            ordered,
            "nobody may tell the UPS to switch off".to_owned(),
            "write user under [ups] and its password into the credential upsd_password (`cabinetd power recipe`)",
        );
    }
}

/// The sections whose keys go straight into the [`Config`], in the order of the reference.
static PLAIN: [(&str, &[keys::Key<Config>]); 8] = [
    ("[cabinet]", keys::CABINET),
    ("[paths]", keys::PATHS),
    ("[identify]", keys::IDENTIFY),
    ("[sessions]", keys::SESSIONS),
    ("[alerts]", keys::ALERTS),
    ("[control]", keys::CONTROL),
    ("[battery]", keys::BATTERY),
    ("[power]", keys::POWER),
];

/// Everything that may stand at the top.
const SECTIONS: [&str; 21] = [
    "cabinet",
    "paths",
    "lines",
    "door",
    "slots",
    "slot",
    "input",
    "output",
    "reader",
    "identify",
    "sessions",
    "alerts",
    "control",
    "upstream",
    "mail",
    "recipient",
    "ups",
    "battery",
    "power",
    "load",
    "accounts",
];

/// The section that has a key of this name.
fn home_of(name: &str) -> Option<&'static str> {
    let plain = PLAIN.iter().find(|(_, keys)| keys.iter().any(|key| key.name == name)).map(|(header, _)| *header);
    let has = |names: &[&str], header| names.contains(&name).then_some(header);
    let ups: Vec<&str> = keys::UPS.iter().map(|key| key.name).collect();
    let upstream: Vec<&str> = keys::UPSTREAM.iter().map(|key| key.name).collect();
    let lines: Vec<&str> = keys::LINES.iter().map(|key| key.name).collect();
    plain.or_else(|| has(&ups, "[ups]")).or_else(|| has(&upstream, "[upstream]")).or_else(|| has(&lines, "[lines]"))
}
