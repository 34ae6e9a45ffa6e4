//! The keys of the configuration: name, unit, range, default and destination of each, in one place.
//!
//! Defaults are written as TOML and go through the same reader as the file does. `config/cabinetd.toml` documents every
//! key with the very words of [`Key::facts`]; tests hold the two together, and the defaults to those of the core. What a key is, is in `form`;
//! what the cabinet is made of in `hardware`.

mod form;
mod hardware;

pub(super) use form::{Form, Key, Preset, ROLES, text, truth, whole};
pub(super) use hardware::{
    Backend, DOOR, DoorDraft, LINES, LOAD, LinesDraft, LoadDraft, READER, ReaderDraft, SLOT, SLOTS, SlotDraft,
    SlotsDraft,
};

use super::hours;
use super::{Config, UpsConfig, UpstreamConfig, problem::Fault};
use crate::cabinet::power::Method;
use crate::cabinet::types::{Group, Reason};
use form::role;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

pub(super) const PATH: &str = "a path, relative to this file's folder or absolute";
pub(super) const NAME: &str = "1 to 64 characters";
pub(super) const CREDENTIAL: &str = "the name of a credential";
const GROUP: &str = "the name of a group of the operating system";

pub(super) static CABINET: &[Key<Config>] = &[
    text("site", NAME, Preset::Required("\"riverside\""), |c, v| name_into(&mut c.settings.site, v)),
    text("name", NAME, Preset::Required("\"cabinet-1\""), |c, v| name_into(&mut c.settings.cabinet, v)),
    text(
        "time_zone",
        "an IANA time zone",
        Preset::Without("the machine's own zone", "\"America/New_York\""),
        |c, v| {
            c.time_zone = Some(time_zone(v)?);
            Ok(())
        },
    ),
    truth("tamper_contact", "false", |c, v| c.settings.tamper = v),
    truth("lockbox_contact", "false", |c, v| c.settings.lockbox = v),
    truth("status_lamp", "false", |c, v| c.settings.lamp = v),
];

pub(super) static PATHS: &[Key<Config>] = &[
    text("state_dir", PATH, Preset::Without("/var/lib/cabinetd", "\"/var/lib/cabinetd\""), |c, v| {
        path_into(&mut c.state_dir, v)
    }),
    text(
        "credentials_dir",
        PATH,
        Preset::Without("systemd's credentials, else /etc/cabinetd/credentials", "\"/etc/cabinetd/credentials\""),
        |c, v| path_into(&mut c.credentials_dir, v),
    ),
    text("run_dir", PATH, Preset::Without("/run/cabinetd", "\"/run/cabinetd\""), |c, v| path_into(&mut c.run_dir, v)),
];

pub(super) static IDENTIFY: &[Key<Config>] = &[
    Key {
        name: "modes",
        form: Form::List {
            what: "\"badge+pin\", \"login+pin\" or \"badge\"",
            start: |c| {
                let access = &mut c.settings.access;
                (access.badge_and_pin, access.login_and_pin, access.badge_alone) = (false, false, false);
            },
            add: |c, v| {
                let access = &mut c.settings.access;
                let flag = match v {
                    "badge+pin" => &mut access.badge_and_pin,
                    "login+pin" => &mut access.login_and_pin,
                    "badge" => &mut access.badge_alone,
                    _ => {
                        return Err(Fault::new(
                            format!("there is no mode {v:?}"),
                            "write \"badge+pin\", \"login+pin\" or \"badge\"",
                        ));
                    }
                };
                if std::mem::replace(flag, true) {
                    return Err(Fault::new(format!("{v:?} is listed twice"), "write it once"));
                }
                Ok(())
            },
        },
        preset: Preset::Is("[\"badge+pin\", \"login+pin\"]"),
    },
    whole("pin_timeout_ms", "ms", 5_000..=300_000, "30000", |c, v| c.settings.access.pin_timeout_ms = v),
    whole("failures_per_hour", "failures", 1..=100, "10", |c, v| c.settings.access.failures_per_hour = v as u32),
    whole("free_failures", "failures", 0..=20, "3", |c, v| c.settings.access.free_failures = v as u32),
    whole("delay_ms", "ms", 100..=600_000, "5000", |c, v| c.settings.access.delay_ms = v),
    whole("longest_delay_ms", "ms", 1_000..=86_400_000, "900000", |c, v| c.settings.access.longest_delay_ms = v),
    Key {
        name: "second_person_groups",
        form: Form::List {
            what: "names of roster groups",
            start: |c| c.settings.access.second_person_groups.clear(),
            add: |c, v| {
                let mut name = String::new();
                name_into(&mut name, v)?;
                let (groups, group) = (&mut c.settings.access.second_person_groups, Group::from(name));
                if groups.contains(&group) {
                    return Err(Fault::new(format!("{v:?} is listed twice"), "write it once"));
                }
                groups.push(group);
                Ok(())
            },
        },
        preset: Preset::Is("[]"),
    },
    role("acknowledge_role", "\"staff\"", |c, v| c.settings.access.acknowledge = v),
    role("declare_role", "\"assistant\"", |c, v| c.settings.access.declare = v),
    role("manage_roster_role", "\"admin\"", |c, v| c.settings.access.manage_roster = v),
];

pub(super) static SESSIONS: &[Key<Config>] = &[
    Key {
        name: "ask",
        form: Form::Choice {
            words: &[
                ("required", |c| c.settings.sessions.ask_required = true),
                ("optional", |c| c.settings.sessions.ask_required = false),
            ],
        },
        preset: Preset::Is("\"required\""),
    },
    Key {
        name: "return",
        form: Form::Choice {
            words: &[
                ("fixed", |c| c.settings.sessions.fixed_return = true),
                ("free", |c| c.settings.sessions.fixed_return = false),
            ],
        },
        preset: Preset::Is("\"fixed\""),
    },
    whole("unlock_ms", "ms", 500..=60_000, "8000", |c, v| c.settings.sessions.unlock_ms = v as u32),
    whole("ask_timeout_ms", "ms", 10_000..=600_000, "60000", |c, v| c.settings.sessions.ask_timeout_ms = v),
    Key {
        name: "door_open_ms",
        form: Form::Rising { unit: "ms", range: 5_000..=3_600_000, set: |c, v| c.settings.sessions.door_open_ms = v },
        preset: Preset::Is("[60000, 180000, 600000]"),
    },
    whole("debounce_ms", "ms", 5..=1_000, "30", |c, v| c.settings.sessions.debounce_ms = v),
    whole("chatter_edges", "edges", 4..=1_000, "20", |c, v| c.settings.sessions.chatter_edges = v as u32),
    whole("chatter_window_ms", "ms", 100..=60_000, "2000", |c, v| c.settings.sessions.chatter_window_ms = v),
    whole("command_ms", "ms", 500..=60_000, "5000", |c, v| c.settings.sessions.command_ms = v),
];

/// 0 = no limit.
const OVERDUE_H: RangeInclusive<u64> = 0..=8_760;

pub(super) static ALERTS: &[Key<Config>] = &[
    whole("overdue_work_order_h", "h", OVERDUE_H, "10", |c, v| overdue(c, Reason::WorkOrder, v)),
    whole("overdue_emergency_h", "h", OVERDUE_H, "4", |c, v| overdue(c, Reason::Emergency, v)),
    whole("overdue_unit_access_h", "h", OVERDUE_H, "4", |c, v| overdue(c, Reason::UnitAccess, v)),
    whole("overdue_showing_h", "h", OVERDUE_H, "2", |c, v| overdue(c, Reason::Showing, v)),
    whole("overdue_day_to_day_h", "h", OVERDUE_H, "12", |c, v| overdue(c, Reason::DayToDay, v)),
    whole("overdue_unstated_h", "h", OVERDUE_H, "12", |c, v| overdue(c, Reason::Unstated, v)),
    Key {
        name: "office_hours",
        form: Form::List {
            what: "windows like \"mon-fri 09:00-18:00\"",
            start: |c| c.settings.alerts.office_hours.clear(),
            add: |c, v| {
                c.settings.alerts.office_hours.push(hours::window(v)?);
                Ok(())
            },
        },
        preset: Preset::Is("[]"),
    },
    whole("inactive_days", "days", 0..=3_650, "90", |c, v| c.settings.alerts.inactive_days = v as u32),
];

pub(super) static UPS: &[Key<UpsConfig>] = &[
    text("name", "the UPS's name in upsd", Preset::Is("\"ups\""), |u, v| {
        let sound = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if v.is_empty() || v.len() > 64 || !v.chars().all(sound) {
            return Err(Fault::new(
                format!("{v:?} is no name of a UPS"),
                "write the section name of ups.conf: 1 to 64 letters, digits, - _ .",
            ));
        }
        v.clone_into(&mut u.name);
        Ok(())
    }),
    text("host", "an IP address", Preset::Is("\"127.0.0.1\""), |u, v| {
        let address = if v == "localhost" { "127.0.0.1" } else { v };
        let address: IpAddr = address.parse().map_err(|_| {
            Fault::new(
                format!("{v:?} is no IP address"),
                "write one like \"127.0.0.1\": names are not looked up, an outage often takes DNS along",
            )
        })?;
        u.host = address.to_string();
        Ok(())
    }),
    whole("port", "", 1..=65_535, "3493", |u, v| u.port = v as u16),
    whole("poll_on_line_s", "s", 1..=300, "30", |u, v| u.poll_on_line_s = v),
    whole("poll_on_battery_s", "s", 1..=60, "5", |u, v| u.poll_on_battery_s = v),
    whole("timeout_ms", "ms", 100..=30_000, "3000", |u, v| u.timeout_ms = v),
    text(
        "user",
        "the name of a user in upsd.users",
        Preset::Without("nobody: upsd is asked, never told", "\"cabinetd\""),
        |u, v| {
            let sound = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            if v.is_empty() || v.len() > 64 || !v.chars().all(sound) {
                return Err(Fault::new(
                    format!("{v:?} is no name of a user"),
                    "write the section name of upsd.users: 1 to 64 letters, digits, - _ .",
                ));
            }
            u.user = Some(v.to_owned());
            Ok(())
        },
    ),
];

/// The public key of a seed of zeros: no site's.
const ROSTER_KEY: &str = "\"3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29\"";

pub(super) static UPSTREAM: &[Key<UpstreamConfig>] = &[
    text("url", "an https URL without query", Preset::Required("\"https://ledger.example.com\""), |u, v| {
        u.url = upstream_url(v)?;
        Ok(())
    }),
    text("ca_file", PATH, Preset::Without("the authorities that the machine trusts", "\"upstream-ca.pem\""), |u, v| {
        let mut path = PathBuf::new();
        path_into(&mut path, v)?;
        u.ca_file = Some(path);
        Ok(())
    }),
    text("token", CREDENTIAL, Preset::Without("none is sent", "\"upstream_token\""), |u, v| {
        u.token = Some(credential(
            v,
            "write the name of a file in credentials_dir, like \"upstream_token\"; the token itself does not belong here",
        )?);
        Ok(())
    }),
    whole("gather_ms", "ms", 0..=60_000, "2000", |u, v| u.gather_ms = v),
    whole("heartbeat_s", "s", 30..=86_400, "60", |u, v| u.heartbeat_s = v),
    whole("request_ms", "ms", 1_000..=300_000, "30000", |u, v| u.request_ms = v),
    whole("longest_pause_s", "s", 1..=3_600, "300", |u, v| u.longest_pause_s = v),
    whole("batch_records", "records", 1..=10_000, "4000", |u, v| u.batch_records = v as usize),
    whole("flush_ms", "ms", 500..=60_000, "10000", |u, v| u.flush_ms = v),
    text("roster_key", "a public key, 64 hex digits", Preset::Without("no roster is asked for", ROSTER_KEY), |u, v| {
        let key = crate::hex::unhex(v).filter(|key| ed25519_dalek::VerifyingKey::from_bytes(key).is_ok());
        u.roster_key = Some(key.ok_or_else(|| {
            Fault::new("it is no public key".to_owned(), "write the one that `cabinetd roster keygen` printed")
        })?);
        Ok(())
    }),
    truth("hints", "true", |u, v| u.hints = v),
    truth("keymap", "false", |u, v| u.keymap = v),
    whole("silent_alarm_h", "h", 0..=720, "4", |u, v| u.silent_alarm_h = v as u16),
    Key {
        name: "withhold",
        form: Form::List {
            what: "kinds of records",
            start: |u| u.withheld.clear(),
            add: |u, v| {
                let sound = |c: char| c.is_ascii_lowercase() || c == '-';
                if v.is_empty() || v.len() > 64 || !v.chars().all(sound) {
                    return Err(Fault::new(
                        format!("{v:?} is no kind of a record"),
                        "write one as `cabinetd ledger show --kind` takes it, like \"session-closed\"",
                    ));
                }
                if !u.withheld.insert(v.to_owned()) {
                    return Err(Fault::new(format!("{v:?} is listed twice"), "write it once"));
                }
                Ok(())
            },
        },
        preset: Preset::Is("[]"),
    },
];

/// The one key of [`UPSTREAM`] that may stand without the others.
pub(super) fn roster_key() -> &'static [Key<UpstreamConfig>] {
    let at = UPSTREAM.iter().position(|key| key.name == "roster_key");
    at.map_or(&[], |at| &UPSTREAM[at..=at])
}

/// The name of a file among the credentials.
pub(super) fn credential(value: &str, remedy: &'static str) -> Result<String, Fault> {
    let sound = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if value.is_empty() || value.len() > 64 || value.starts_with('.') || !value.chars().all(sound) {
        return Err(Fault::new(format!("{value:?} is no name of a credential"), remedy));
    }
    Ok(value.to_owned())
}

/// Where the contract's paths begin.
fn upstream_url(value: &str) -> Result<reqwest::Url, Fault> {
    let remedy = "write one like \"https://ledger.example.com\"";
    let url: reqwest::Url = value.parse().map_err(|why| Fault::new(format!("{value:?} is no URL: {why}"), remedy))?;
    if url.scheme() != "https" {
        return Err(Fault::new("only https is spoken: the token and the records are nobody else's".to_owned(), remedy));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Fault::new(
            "a name or password in it would stand in this file".to_owned(),
            "write the token into a credential and its name under token",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Fault::new("it has a query or a fragment".to_owned(), remedy));
    }
    Ok(url)
}

pub(super) static BATTERY: &[Key<Config>] = &[
    whole("nameplate_wh", "Wh", 5..=20_000, "108", |c, v| c.power.plant.nameplate_mwh = v * 1_000),
    Key {
        name: "chemistry",
        form: Form::Choice {
            words: &[
                ("lead-acid", |c| c.power.plant.peukert_milli = 1_150),
                ("lithium", |c| c.power.plant.peukert_milli = 1_000),
            ],
        },
        preset: Preset::Is("\"lead-acid\""),
    },
    text("installed", "a month like \"2026-03\"", Preset::Without("not known", "\"2026-03\""), |c, v| {
        c.battery.installed = Some(month(v)?);
        Ok(())
    }),
    whole("ups_rated_w", "W", 0..=20_000, "0", |c, v| c.battery.ups_rated_w = v as u32),
    whole("ups_overhead_mw", "mW", 0..=100_000, "8000", |c, v| c.power.plant.overhead_mw = v),
];

pub(super) static POWER: &[Key<Config>] = &[
    whole("normal_mw", "mW", 500..=1_000_000, "20000", |c, v| c.power.plant.normal_mw = v),
    whole("standby_mw", "mW", 100..=1_000_000, "12000", |c, v| c.power.plant.standby_mw = v),
    whole("halted_mw", "mW", 0..=1_000_000, "9500", |c, v| c.power.plant.halted_mw = v),
    whole("boot_s", "s", 1..=600, "45", |c, v| c.power.plant.boot_ms = v * 1_000),
    whole("shutdown_s", "s", 1..=600, "10", |c, v| c.power.plant.shutdown_ms = v * 1_000),
    whole("visit_s", "s", 5..=600, "45", |c, v| c.power.plant.visit_ms = v * 1_000),
    whole("requests_per_day", "requests", 1..=2_000, "40", |c, v| c.power.demand.per_day_milli = v * 1_000),
    Key {
        name: "sleep",
        form: Form::Choice {
            words: &[
                ("standby", |c| c.power.sleep = Method::Standby),
                ("halt", |c| c.power.sleep = Method::Halt),
                ("ups-off", |c| c.power.sleep = Method::UpsOff),
            ],
        },
        preset: Preset::Is("\"standby\""),
    },
    truth("rtc", "false", |c, v| c.power.clock_wakes = v),
    whole("rtc_wake_min", "min", 0..=1_440, "60", |c, v| c.power.plant.clock_wake_ms = v * 60_000),
    truth("wakes_on_mains", "false", |c, v| c.power.wakes_on_mains = v),
    whole("conserve_after_min", "min", 10..=10_080, "240", |c, v| c.power.rules.always_after_ms = v * 60_000),
    whole("conserve_uncovered_after_min", "min", 10..=10_080, "180", |c, v| {
        c.power.rules.uncovered_after_ms = v * 60_000;
    }),
    truth("conserve_only_if_needed", "false", |c, v| c.power.rules.only_if_needed = v),
    whole("reserve_pulls", "pulls", 0..=1_000, "6", |c, v| c.power.rules.reserve_pulls = v as u32),
    whole("idle_s", "s", 10..=3_600, "60", |c, v| c.power.rules.idle_ms = v * 1_000),
    whole("idle_late_s", "s", 5..=3_600, "20", |c, v| c.power.rules.idle_late_ms = v * 1_000),
    whole("runtime_goal_h", "h", 1..=168, "4", |c, v| c.battery.runtime_goal_h = v as u32),
    truth("weekly_self_test", "false", |c, v| c.battery.weekly_self_test = v),
];

/// A month of the civil calendar, `YYYY-MM`.
fn month(value: &str) -> Result<String, Fault> {
    let sound = value.len() == 7 && format!("{value}-01").parse::<jiff::civil::Date>().is_ok();
    if sound {
        Ok(value.to_owned())
    } else {
        Err(Fault::new(format!("{value:?} is no month"), "write one like \"2026-03\""))
    }
}

pub(super) static CONTROL: &[Key<Config>] =
    &[text("socket_group", GROUP, Preset::Without("the group the daemon runs as", "\"cabinetd\""), |c, v| {
        c.socket_group = Some(group(v)?);
        Ok(())
    })];

fn overdue(config: &mut Config, reason: Reason, hours: u64) {
    let limits = &mut config.settings.alerts.overdue_ms;
    match hours {
        0 => limits.remove(&reason),
        hours => limits.insert(reason, hours * 3_600_000),
    };
}

/// A name that goes into every record: no control characters, no space around it.
pub(super) fn name_into(place: &mut String, value: &str) -> Result<(), Fault> {
    let length = value.chars().count();
    if !(1..=64).contains(&length) {
        return Err(Fault::new(format!("it has {length} characters"), "write 1 to 64 characters"));
    }
    if value.trim() != value || value.chars().any(char::is_control) {
        return Err(Fault::new(
            format!("{value:?} has spaces around it or control characters"),
            "write plain text without them",
        ));
    }
    value.clone_into(place);
    Ok(())
}

pub(super) fn path_into(place: &mut PathBuf, value: &str) -> Result<(), Fault> {
    if value.is_empty() || value.contains('\0') {
        return Err(Fault::new(format!("{value:?} is no path"), "write a folder or file"));
    }
    *place = PathBuf::from(value);
    Ok(())
}

/// The name of an OS group, as `groupadd` would take it.
pub(super) fn group(value: &str) -> Result<String, Fault> {
    let sound = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if value.is_empty() || value.len() > 32 || value.starts_with('-') || !value.chars().all(sound) {
        return Err(Fault::new(
            format!("{value:?} is no name of a group"),
            "write a group of the operating system: 1 to 32 letters, digits, - _ .",
        ));
    }
    Ok(value.to_owned())
}

fn time_zone(value: &str) -> Result<String, Fault> {
    if let Ok(zone) = jiff::tz::TimeZone::get(value)
        && !zone.is_unknown()
    {
        return Ok(zone.iana_name().unwrap_or(value).to_owned());
    }
    let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    let remedy = match super::reader::nearest(value, known.iter().map(String::as_str)) {
        Some(name) => format!("did you mean {name:?}?"),
        None => "write one like \"America/New_York\" (`timedatectl list-timezones` lists them)".to_owned(),
    };
    Err(Fault::new(format!("there is no time zone {value:?}"), remedy))
}
