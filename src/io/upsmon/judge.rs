//! The judgement: does NUT, set up like this, leave the power policy alone and do its part of it?
//!
//! Fail: upsmon would shut the machine down against the policy, or would not when the policy wants it to. Warn: it works,
//! worse than it could. Unknown: it could not be looked at. Pure: facts in, findings out.

mod users;

use super::{Monitor, NEWS, NutSetup, Setup, UpsmonConf, Version};
use crate::cabinet::power::Method;
use std::fmt::Display;
use std::net::IpAddr;

/// The policy wants 15 s to end a session and write everything down; upsmon's own default is 5.
const LEAST_FINAL_DELAY_S: u64 = 20;
/// The policy takes a sleep for failed when the machine still runs 60 s after its order (`Rules::still_up_ms`); upsmon sees the order
/// up to 10 s late, and what runs needs some seconds to stop.
pub(super) const LONGEST_FINAL_DELAY_S: u64 = 40;
/// A day: longer than any battery lasts.
const LEAST_DEAD_TIME_S: u64 = 86_400;
/// upsmon steps in below this charge, percent: a net below the policy, which decides earlier.
const HIGHEST_LOW_PCT: i64 = 5;
/// … and below this runtime; many a unit's own limit is two to five minutes.
const HIGHEST_LOW_S: i64 = 30;
/// FSD is seen at the next poll of upsmon.
pub(super) const LONGEST_POLL_S: u64 = 10;
/// Declares the UPS dead at the first missed poll on battery, whatever DEADTIME says.
const HASTY: [Version; 2] = [Version(2, 8, 1), Version(2, 8, 2)];

/// The UPS of the config, and what the daemon wants of it.
#[derive(Clone, Copy, Debug)]
pub struct OurUps<'a> {
    pub name: &'a str,
    pub host: &'a str,
    pub port: u16,
    /// The config's `ups.user`.
    pub user: Option<&'a str>,
    /// What the credential `upsd_password` says.
    pub password: Option<Password<'a>>,
    /// The deepest method that the config allows.
    pub sleep: Method,
}

/// A password that does not print.
#[derive(Clone, Copy)]
pub struct Password<'a>(pub &'a str);

impl std::fmt::Debug for Password<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

impl OurUps<'_> {
    /// `ups@host` or `ups@host:port`, as MONITOR wants it.
    #[must_use]
    pub fn system(&self) -> String {
        let host = match self.host.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) if !address.is_loopback() => format!("[{address}]"),
            Ok(address) if address.is_loopback() => "localhost".to_owned(),
            Ok(_) | Err(_) => self.host.to_owned(),
        };
        let port = if self.port == 3493 { String::new() } else { format!(":{}", self.port) };
        format!("{}@{host}{port}", self.name)
    }

    /// Whether upsd runs on this machine.
    #[must_use]
    pub fn is_here(&self) -> bool {
        is_loopback(self.host)
    }

    fn is_watched_by(&self, monitor: &Monitor) -> bool {
        let same_host = monitor.host == self.host || (is_loopback(&monitor.host) && self.is_here());
        monitor.ups == self.name && monitor.port == self.port && same_host
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// How good it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    Ok,
    /// It could not be looked at: neither good nor bad.
    Unknown,
    Warn,
    Fail,
}

/// One thing that was looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    pub level: Level,
    /// What it is about, for scripts: `upsmon.dead-time`.
    pub about: &'static str,
    /// How it is, in a sentence.
    pub what: String,
    /// What to do; none when it is well.
    pub remedy: Option<String>,
}

/// Everything that is to be said about the set-up for this UPS, in the order of the files.
#[must_use]
pub fn judge(setup: &NutSetup, our: &OurUps<'_>) -> Vec<Finding> {
    let mut findings = Findings { setup, our, list: Vec::new() };
    findings.version();
    findings.nut_conf();
    findings.ups_conf();
    findings.upsmon_conf();
    findings.upsd_users();
    findings.list
}

struct Findings<'a> {
    setup: &'a NutSetup,
    our: &'a OurUps<'a>,
    list: Vec<Finding>,
}

/// Where the remedies come from.
const RECIPE: &str = "`cabinetd power recipe` prints the whole file";

impl<'a> Findings<'a> {
    fn add(&mut self, level: Level, about: &'static str, what: impl Into<String>, remedy: impl Into<String>) {
        let remedy = Some(remedy.into()).filter(|_| level != Level::Ok);
        self.list.push(Finding { level, about, what: what.into(), remedy });
    }

    /// Fail, or ok.
    fn must(&mut self, is: bool, about: &'static str, well: impl Display, wrong: impl Display, remedy: impl Display) {
        let (level, what) = if is { (Level::Ok, well.to_string()) } else { (Level::Fail, wrong.to_string()) };
        self.add(level, about, what, remedy.to_string());
    }

    /// Warn, or ok.
    fn should(&mut self, is: bool, about: &'static str, well: impl Display, wrong: impl Display, remedy: impl Display) {
        let (level, what) = if is { (Level::Ok, well.to_string()) } else { (Level::Warn, wrong.to_string()) };
        self.add(level, about, what, remedy.to_string());
    }

    /// The file's facts, or a finding that says why there are none.
    fn read<T>(&mut self, name: &str, about: &'static str, setup: &'a Setup<T>) -> Option<&'a T> {
        let path = self.setup.dir.join(name);
        let path = path.display();
        match setup {
            Setup::Read(facts) => return Some(facts),
            Setup::Missing => self.add(
                Level::Fail,
                about,
                format!("{path} is not there"),
                format!("install nut-server and nut-client; {RECIPE}"),
            ),
            Setup::Unreadable(why) => self.add(
                Level::Unknown,
                about,
                format!("{path} could not be looked at ({why})"),
                "run this as root: NUT's files hold passwords",
            ),
        }
        None
    }

    fn lost(&mut self, name: &str, about: &'static str, lines: &[usize]) {
        for line in lines {
            let what = format!("{}, line {line}, is lost on NUT: # inside quotes", self.setup.dir.join(name).display());
            self.add(Level::Fail, about, what, "write \\# inside quotes");
        }
    }

    fn version(&mut self) {
        let Some(version) = self.setup.version else { return };
        self.must(
            !HASTY.contains(&version),
            "nut.version",
            format!("NUT is of version {version}"),
            format!(
                "upsmon of NUT {version} takes the UPS for dead at the first missed poll on battery and shuts down"
            ),
            "install NUT 2.8.0, or 2.8.3 and later",
        );
    }

    fn nut_conf(&mut self) {
        let Some(conf) = self.read("nut.conf", "nut.conf", &self.setup.nut_conf) else { return };
        let mode = conf.mode.as_deref().unwrap_or("none");
        let wanted: &[&str] =
            if self.our.is_here() { &["standalone", "netserver"] } else { &["netclient", "standalone", "netserver"] };
        self.must(
            wanted.contains(&mode),
            "nut.mode",
            format!("NUT starts in the mode {mode}"),
            format!("NUT's mode is {mode}: what the cabinet needs of it does not start"),
            format!("write MODE={} in nut.conf", wanted[0]),
        );
        let what = "the machine waits forever for the UPS to cut it off; if mains returns meanwhile it stays down";
        let (well, remedy) =
            ("mains that returns during a shutdown starts it again", "write POWEROFF_WAIT=3m in nut.conf");
        let is = conf.poweroff_wait.is_some();
        if self.our.sleep == Method::UpsOff {
            self.must(is, "nut.poweroff-wait", well, what, remedy);
        } else {
            self.should(is, "nut.poweroff-wait", well, what, remedy);
        }
    }

    fn ups_conf(&mut self) {
        if !self.our.is_here() {
            let what = format!("upsd runs on {}: its ups.conf was not looked at", self.our.host);
            return self.add(
                Level::Unknown,
                "ups.conf",
                what,
                "see there that [ups] has what `cabinetd power recipe` prints",
            );
        }
        let Some(conf) = self.read("ups.conf", "ups.conf", &self.setup.ups_conf) else { return };
        self.lost("ups.conf", "ups.conf", &conf.lost_lines);
        let name = self.our.name;
        let Some(unit) = conf.units.get(name) else {
            let known: Vec<&str> = conf.units.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none at all".to_owned() } else { known.join(", ") };
            return self.add(
                Level::Fail,
                "ups.section",
                format!("ups.conf has no [{name}], it has {known}"),
                "write the section's name as ups.name of the config, or the section",
            );
        };
        self.must(
            unit.contains_key("ignorelb"),
            "ups.ignorelb",
            "a \"low battery\" of the UPS alone shuts nothing down",
            "the UPS's own \"low battery\" shuts the machine down, and many say it at 95 % charge",
            format!("write ignorelb under [{name}] in ups.conf"),
        );
        let number =
            |key: &str| unit.get(key).map(|value| value.as_deref().and_then(|text| text.trim().parse::<i64>().ok()));
        for (key, about, highest, of) in [
            ("override.battery.charge.low", "ups.charge-low", HIGHEST_LOW_PCT, "% of charge"),
            ("override.battery.runtime.low", "ups.runtime-low", HIGHEST_LOW_S, "s of runtime"),
        ] {
            let remedy =
                format!("write {key} = {} under [{name}] in ups.conf", if highest == HIGHEST_LOW_PCT { 2 } else { 0 });
            match number(key) {
                Some(Some(low)) if low <= highest => {
                    self.add(Level::Ok, about, format!("upsmon steps in below {low} {of}, not before"), "");
                }
                Some(Some(low)) => {
                    let what: String =
                        format!("upsmon shuts down below {low} {of}, whatever the policy would do with it");
                    self.add(Level::Fail, about, what, remedy);
                }
                Some(None) => self.add(Level::Fail, about, format!("{key} is no whole number"), remedy),
                None => self.add(
                    Level::Fail,
                    about,
                    format!("upsmon shuts down at whatever {of} the UPS calls low; some say 100"),
                    remedy,
                ),
            }
        }
    }

    fn upsmon_conf(&mut self) {
        let Some(conf) = self.read("upsmon.conf", "upsmon.conf", &self.setup.upsmon_conf) else { return };
        self.lost("upsmon.conf", "upsmon.conf", &conf.lost_lines);
        self.owner(conf);
        self.shutdown(conf);
        self.patience(conf);
        self.news(conf);
    }

    /// upsmon owns the shutdown, for our UPS and no other.
    fn owner(&mut self, conf: &UpsmonConf) {
        let system = self.our.system();
        let ours: Vec<&Monitor> = conf.monitors.iter().filter(|monitor| self.our.is_watched_by(monitor)).collect();
        let line = format!("MONITOR {system} 1 upsmon PASSWORD primary");
        match ours.as_slice() {
            [] => self.add(
                Level::Fail,
                "upsmon.owner",
                format!("upsmon does not watch {system}: nobody shuts down when the policy says so"),
                format!("write in upsmon.conf: {line}"),
            ),
            [monitor, ..] if !monitor.primary => self.add(
                Level::Fail,
                "upsmon.owner",
                format!("upsmon is a secondary of {system}: it does not have the UPS cut its output"),
                format!("write in upsmon.conf: {line}"),
            ),
            [monitor, ..] if monitor.power_value == 0 => self.add(
                Level::Fail,
                "upsmon.owner",
                format!("upsmon looks on at {system} (power value 0): it does not shut down when the policy says so"),
                format!("write in upsmon.conf: {line}"),
            ),
            [_, ..] => {
                self.add(Level::Ok, "upsmon.owner", format!("upsmon is the one owner of shutdown for {system}"), "");
            }
        }
        let total: u32 = conf.monitors.iter().map(|monitor| monitor.power_value).fold(0, u32::saturating_add);
        let others = ours.first().map_or(0, |monitor| total.saturating_sub(monitor.power_value));
        self.must(
            conf.min_supplies >= 1 && conf.min_supplies <= total && conf.min_supplies > others,
            "upsmon.min-supplies",
            "the machine goes down with its UPS",
            format!(
                "MINSUPPLIES is {} with {total} supplies, {others} of them others': {}",
                conf.min_supplies,
                if conf.min_supplies > total {
                    "upsmon does not even start"
                } else {
                    "it does not shut down with our UPS"
                }
            ),
            "write MINSUPPLIES 1 and a power value for our UPS alone",
        );
    }

    /// The shutdown itself.
    fn shutdown(&mut self, conf: &UpsmonConf) {
        self.must(
            conf.shutdown_command.as_ref().is_some_and(|command| !command.trim().is_empty()),
            "upsmon.shutdown-command",
            "upsmon has a command to shut down with",
            "upsmon has no SHUTDOWNCMD",
            "write SHUTDOWNCMD \"/sbin/shutdown -h +0\" in upsmon.conf",
        );
        let (well, wrong) = (
            "the UPS is told to cut its output at the end",
            "POWERDOWNFLAG is missing: the UPS is never told to cut its output",
        );
        let remedy = "write POWERDOWNFLAG /etc/killpower in upsmon.conf";
        let is = conf.powerdown_flag.as_ref().is_some_and(|path| path.starts_with('/'));
        if self.our.sleep == Method::UpsOff {
            self.must(is, "upsmon.powerdown-flag", well, wrong, remedy);
        } else {
            self.should(is, "upsmon.powerdown-flag", well, wrong, remedy);
        }
        let delay = conf.final_delay_s;
        let remedy = format!("write FINALDELAY {LEAST_FINAL_DELAY_S} in upsmon.conf");
        let wrong = if delay > LONGEST_FINAL_DELAY_S {
            format!("FINALDELAY is {delay} s: what is still up 60 s after its order counts as a sleep that failed")
        } else {
            format!("FINALDELAY is {delay} s: somebody at the cabinet is cut off before the session is closed")
        };
        self.must(
            (LEAST_FINAL_DELAY_S..=LONGEST_FINAL_DELAY_S).contains(&delay),
            "upsmon.final-delay",
            format!("a session gets {delay} s to end"),
            wrong,
            remedy,
        );
    }

    /// Silence is the policy's to judge.
    fn patience(&mut self, conf: &UpsmonConf) {
        self.must(
            conf.dead_time_s >= LEAST_DEAD_TIME_S,
            "upsmon.dead-time",
            "a silent UPS is no reason for upsmon to shut down",
            format!("{} s after the UPS falls silent on battery upsmon shuts down (DEADTIME)", conf.dead_time_s),
            format!("write DEADTIME {LEAST_DEAD_TIME_S} in upsmon.conf"),
        );
        let slow = conf.poll_s.max(conf.poll_alert_s);
        self.should(
            (1..=LONGEST_POLL_S).contains(&slow) && conf.poll_s.min(conf.poll_alert_s) > 0,
            "upsmon.poll",
            format!("upsmon looks every {slow} s"),
            format!("upsmon looks every {} s, on battery every {} s", conf.poll_s, conf.poll_alert_s),
            "write POLLFREQ 5 and POLLFREQALERT 5 in upsmon.conf",
        );
        if self.setup.version.is_some_and(|version| version > Version(2, 8, 0)) {
            self.must(
                conf.off_duration_s < 0,
                "upsmon.off-duration",
                "a UPS that calls itself off is no reason for upsmon to shut down",
                "a UPS that calls itself off shuts the machine down (OFFDURATION)",
                "write OFFDURATION -1 in upsmon.conf",
            );
        }
        if self.setup.version.is_some_and(|version| version >= Version(2, 8, 3)) {
            self.must(
                !conf.alarm_critical,
                "upsmon.alarm-critical",
                "a silent UPS with an alarm is no reason for upsmon to shut down",
                "a UPS that falls silent with an alarm on, such as an old battery's, shuts the machine down (ALARMCRITICAL)",
                "write ALARMCRITICAL 0 in upsmon.conf",
            );
        }
    }

    /// The daemon hears at once.
    fn news(&mut self, conf: &UpsmonConf) {
        let command = conf.notify_command.as_deref().unwrap_or_default();
        let mut words = command.split_ascii_whitespace();
        let program = words.next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
        self.should(
            program == "cabinetd" && words.any(|word| word == "notify"),
            "upsmon.notify-command",
            "upsmon tells the daemon of news",
            "upsmon does not tell the daemon of news: a power cut is noticed only at the next poll",
            "write NOTIFYCMD \"/usr/bin/cabinetd notify\" in upsmon.conf",
        );
        let missing: Vec<&str> = NEWS.into_iter().filter(|kind| !conf.notify_exec.contains(*kind)).collect();
        let lines: Vec<String> = missing.iter().map(|kind| format!("NOTIFYFLAG {kind} SYSLOG+EXEC")).collect();
        self.should(
            missing.is_empty(),
            "upsmon.notify-flags",
            "it tells of every kind of news that matters",
            format!("upsmon does not run its NOTIFYCMD for {}", missing.join(", ")),
            format!("write in upsmon.conf: {}", lines.join("; ")),
        );
    }
}
