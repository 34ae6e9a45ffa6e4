//! What NUT's files say: the facts that the judgement looks at, and no others.
//!
//! Passwords are kept only to be compared; they do not print.

use super::words::{Line, Lines, split};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use zeroize::Zeroizing;

/// A password of a configuration file, for comparing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub(super) fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    pub(super) fn is(&self, text: &str) -> bool {
        *self.0 == text
    }

    /// upsmon sends its password to upsd without quotes.
    pub(super) fn goes_without_quotes(&self) -> bool {
        !self.0.is_empty() && self.0.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\#=".contains(&byte))
    }

    /// What the recipe prints where a password belongs.
    pub(super) fn is_placeholder(&self) -> bool {
        self.0.starts_with(super::PASSWORD_PLACEHOLDER)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// `nut.conf`: which parts of NUT start, and how long a machine waits to be cut off.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct NutConf {
    pub mode: Option<String>,
    pub poweroff_wait: Option<String>,
}

/// `ups.conf`: the drivers.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct UpsConf {
    /// By name: each setting with its value, a flag with none.
    pub units: BTreeMap<String, BTreeMap<String, Option<String>>>,
    /// Lines that NUT cannot read.
    pub lost_lines: Vec<usize>,
}

/// A UPS that upsmon watches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Monitor {
    pub ups: String,
    /// `localhost` when the line names none.
    pub host: String,
    pub port: u16,
    /// How many power supplies of this machine it feeds; 0 = upsmon looks on and never acts.
    pub power_value: u32,
    pub user: String,
    pub password: Secret,
    /// `primary`, or `master` in older words.
    pub primary: bool,
}

/// `upsmon.conf`, with upsmon's own defaults where it says nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UpsmonConf {
    pub monitors: Vec<Monitor>,
    /// MINSUPPLIES
    pub min_supplies: u32,
    /// SHUTDOWNCMD
    pub shutdown_command: Option<String>,
    /// POWERDOWNFLAG
    pub powerdown_flag: Option<String>,
    /// FINALDELAY
    pub final_delay_s: u64,
    /// DEADTIME
    pub dead_time_s: u64,
    /// POLLFREQ and POLLFREQALERT
    pub poll_s: u64,
    pub poll_alert_s: u64,
    /// NOTIFYCMD
    pub notify_command: Option<String>,
    /// NOTIFYFLAG: the kinds of news that run NOTIFYCMD.
    pub notify_exec: BTreeSet<String>,
    /// OFFDURATION (2.8.1 and later; negative: a UPS that says OFF is no reason).
    pub off_duration_s: i64,
    /// ALARMCRITICAL (2.8.3 and later).
    pub alarm_critical: bool,
    pub lost_lines: Vec<usize>,
}

impl Default for UpsmonConf {
    fn default() -> Self {
        Self {
            monitors: Vec::new(),
            min_supplies: 1,
            shutdown_command: None,
            powerdown_flag: None,
            final_delay_s: 5,
            dead_time_s: 15,
            poll_s: 5,
            poll_alert_s: 5,
            notify_command: None,
            notify_exec: BTreeSet::new(),
            off_duration_s: 30,
            alarm_critical: true,
            lost_lines: Vec::new(),
        }
    }
}

/// A user of upsd.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct UpsdUser {
    pub name: String,
    pub password: Option<Secret>,
    /// `upsmon primary`, or `actions = FSD`.
    pub may_shut_down: bool,
    /// Whether it may log in as upsmon does, primary or secondary.
    pub may_log_in: bool,
    /// In capitals: SET, FSD, …
    pub actions: BTreeSet<String>,
    /// In small letters; `all` is all.
    pub commands: BTreeSet<String>,
}

impl UpsdUser {
    /// Whether it may give this instant command.
    #[must_use]
    pub fn may_command(&self, command: &str) -> bool {
        self.commands.contains("all") || self.commands.contains(&command.to_ascii_lowercase())
    }
}

/// `upsd.users`
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct UpsdUsers {
    pub users: Vec<UpsdUser>,
    pub lost_lines: Vec<usize>,
}

impl UpsdUsers {
    /// The user of this name; of two the first counts, as for upsd.
    #[must_use]
    pub fn user(&self, name: &str) -> Option<&UpsdUser> {
        self.users.iter().find(|user| user.name == name)
    }
}

impl NutConf {
    /// Assignments as a shell and systemd read them.
    pub(super) fn parse(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        let value_of = |name: &str| {
            let assigned = |line: &str| {
                let (key, value) = line.trim().split_once('=')?;
                let value = value.split(" #").next().unwrap_or_default().trim();
                (key == name).then(|| value.trim_matches(['"', '\'']).to_owned())
            };
            text.lines().filter_map(assigned).next_back().filter(|value| !value.is_empty())
        };
        Self { mode: value_of("MODE"), poweroff_wait: value_of("POWEROFF_WAIT") }
    }
}

impl UpsConf {
    pub(super) fn parse(text: &[u8]) -> Self {
        let Lines { lines, lost } = split(text);
        let mut conf = Self { lost_lines: lost, ..Self::default() };
        let mut section: Option<String> = None;
        for Line { words, .. } in lines {
            if let Some(name) = section_name(&words[0]) {
                conf.units.entry(name.to_owned()).or_default();
                section = Some(name.to_owned());
                continue;
            }
            let Some(unit) = section.as_ref().and_then(|name| conf.units.get_mut(name)) else { continue };
            match words.as_slice() {
                [flag] => drop(unit.insert(flag.clone(), None)),
                [key, is, value, ..] if is == "=" => drop(unit.insert(key.clone(), Some(value.clone()))),
                _ => {}
            }
        }
        conf
    }
}

impl UpsmonConf {
    pub(super) fn parse(text: &[u8]) -> Self {
        let Lines { lines, lost } = split(text);
        let mut conf = Self { lost_lines: lost, ..Self::default() };
        for Line { words, .. } in lines {
            conf.read(&words.iter().map(String::as_str).collect::<Vec<_>>());
        }
        conf
    }

    /// One directive. Of one that comes twice the last counts; of two MONITOR lines for one UPS the first.
    fn read(&mut self, words: &[&str]) {
        match words {
            ["SHUTDOWNCMD", command, ..] => self.shutdown_command = Some((*command).to_owned()),
            ["POWERDOWNFLAG", path, ..] => self.powerdown_flag = Some((*path).to_owned()),
            ["NOTIFYCMD", command, ..] => self.notify_command = Some((*command).to_owned()),
            ["MINSUPPLIES", number, ..] => set(&mut self.min_supplies, number),
            ["FINALDELAY", number, ..] => set(&mut self.final_delay_s, number),
            ["DEADTIME", number, ..] => set(&mut self.dead_time_s, number),
            ["POLLFREQ", number, ..] => set(&mut self.poll_s, number),
            ["POLLFREQALERT", number, ..] => set(&mut self.poll_alert_s, number),
            ["OFFDURATION", number, ..] => self.off_duration_s = whole(number),
            ["ALARMCRITICAL", number, ..] => self.alarm_critical = whole(number) == 1,
            ["NOTIFYFLAG", kind, flags, ..] => {
                let flags: Vec<&str> = flags.split('+').collect();
                if flags.contains(&"EXEC") && !flags.contains(&"IGNORE") {
                    self.notify_exec.insert(kind.to_ascii_uppercase());
                } else {
                    self.notify_exec.remove(&kind.to_ascii_uppercase());
                }
            }
            ["MONITOR", system, power_value, user, password, role, ..] => {
                let (ups, host, port) = system_of(system);
                let monitor = Monitor {
                    ups,
                    host,
                    port,
                    power_value: u32::try_from(whole(power_value)).unwrap_or(0),
                    user: (*user).to_owned(),
                    password: Secret::new(password),
                    primary: ["primary", "master"].contains(&role.to_ascii_lowercase().as_str()),
                };
                self.monitors.push(monitor);
            }
            _ => {}
        }
    }
}

impl UpsdUsers {
    pub(super) fn parse(text: &[u8]) -> Self {
        let Lines { lines, lost } = split(text);
        let mut users: Vec<UpsdUser> = Vec::new();
        for Line { words, .. } in lines {
            if let Some(name) = section_name(&words[0]) {
                users.push(UpsdUser { name: name.to_owned(), ..UpsdUser::default() });
                continue;
            }
            let Some(user) = users.last_mut() else { continue };
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match words.as_slice() {
                [key, "=", values @ ..] => values.iter().for_each(|value| user.set(key, value)),
                // The one setting that needs no "=".
                [key, role, ..] if key.eq_ignore_ascii_case("upsmon") => user.set(key, role),
                _ => {}
            }
        }
        Self { users, lost_lines: lost }
    }
}

impl UpsdUser {
    fn set(&mut self, key: &str, value: &str) {
        let role = value.to_ascii_lowercase();
        match key.to_ascii_lowercase().as_str() {
            "password" => self.password = Some(Secret::new(value)),
            "instcmds" => drop(self.commands.insert(role)),
            "actions" => {
                let action = value.to_ascii_uppercase();
                self.may_shut_down |= action == "FSD";
                self.may_log_in |= action == "LOGIN";
                self.actions.insert(action);
            }
            "upsmon" => {
                let primary = role == "primary" || role == "master";
                self.may_shut_down |= primary;
                self.may_log_in |= primary || role == "secondary" || role == "slave";
            }
            _ => {}
        }
    }
}

fn section_name(word: &str) -> Option<&str> {
    word.strip_prefix('[')?.strip_suffix(']')
}

/// `ups@host:port`
fn system_of(system: &str) -> (String, String, u16) {
    const PORT: u16 = 3493;
    let (ups, address) = system.split_once('@').unwrap_or((system, "localhost"));
    let (host, port) = match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => match address.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        },
    };
    (ups.to_owned(), host.to_owned(), port.and_then(|port| port.parse().ok()).unwrap_or(PORT))
}

/// The number that a text begins with, 0 when it begins with none: what C's `atoi` makes of it.
fn whole(text: &str) -> i64 {
    let text = text.trim_start();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = digits.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse::<i64>().map_or(0, |number| sign * number)
}

/// A negative number is ignored.
fn set<N: TryFrom<i64>>(place: &mut N, text: &str) {
    if let Ok(number) = N::try_from(whole(text)) {
        *place = number;
    }
}
