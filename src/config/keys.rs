//! The keys of the configuration: name, unit, range, default and destination of each, in one place.
//!
//! Defaults are written as TOML and go through the same reader as the file does. `config/cabinetd.toml` documents every
//! key with the very words of [`Key::facts`]; tests hold the two together, and the defaults to those of the core.

use super::hours;
use super::{Config, UpsConfig, UpstreamConfig, problem::Fault};
use crate::cabinet::power::Method;
use crate::cabinet::types::{Group, Reason, Role};
use crate::io::lines::wiring::PinsBy;
use crate::io::readers::wanted::{By, Kind, Layout};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// One key of a section whose values go into a `T`.
#[derive(Debug)]
pub(super) struct Key<T: 'static> {
    pub(super) name: &'static str,
    pub(super) form: Form<T>,
    pub(super) preset: Preset,
}

/// What may stand to the right of the equals sign, and where it goes.
#[derive(Debug)]
pub(super) enum Form<T: 'static> {
    Whole {
        unit: &'static str,
        range: RangeInclusive<u64>,
        set: fn(&mut T, u64),
    },
    /// Three numbers, each greater than the one before.
    Rising {
        unit: &'static str,
        range: RangeInclusive<u64>,
        set: fn(&mut T, [u64; 3]),
    },
    Truth {
        set: fn(&mut T, bool),
    },
    Choice {
        words: &'static [Choice<T>],
    },
    Role {
        set: fn(&mut T, Role),
    },
    /// `what` names it in messages ("1 to 64 characters").
    Text {
        what: &'static str,
        set: fn(&mut T, &str) -> Result<(), Fault>,
    },
    /// A whole number, or a text with several and ranges of them: `"1-8, 12"`.
    Numbers {
        range: RangeInclusive<u64>,
        set: fn(&mut T, Vec<u32>),
    },
    /// Texts; `start` empties the list before the first `add`.
    List {
        what: &'static str,
        start: fn(&mut T),
        add: fn(&mut T, &str) -> Result<(), Fault>,
    },
}

/// A word and what it does.
pub(super) type Choice<T> = (&'static str, fn(&mut T));

/// What counts when a key is not written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Preset {
    /// It must be written; with an example.
    Required(&'static str),
    /// The same, where more is to be said of it: example, what is wrong, remedy.
    Stated(&'static str, &'static str, &'static str),
    /// This value, as TOML.
    Is(&'static str),
    /// No value; what that means, and an example of one.
    Without(&'static str, &'static str),
}

/// The words of a role, in the order of what they may do.
pub(super) const ROLES: [(&str, Role); 4] =
    [("staff", Role::Staff), ("assistant", Role::Assistant), ("manager", Role::Manager), ("admin", Role::Admin)];

pub(super) const fn whole<T>(
    name: &'static str,
    unit: &'static str,
    range: RangeInclusive<u64>,
    preset: &'static str,
    set: fn(&mut T, u64),
) -> Key<T> {
    Key { name, form: Form::Whole { unit, range, set }, preset: Preset::Is(preset) }
}

pub(super) const fn truth<T>(name: &'static str, preset: &'static str, set: fn(&mut T, bool)) -> Key<T> {
    Key { name, form: Form::Truth { set }, preset: Preset::Is(preset) }
}

const fn role<T>(name: &'static str, preset: &'static str, set: fn(&mut T, Role)) -> Key<T> {
    Key { name, form: Form::Role { set }, preset: Preset::Is(preset) }
}

pub(super) const fn text<T>(
    name: &'static str,
    what: &'static str,
    preset: Preset,
    set: fn(&mut T, &str) -> Result<(), Fault>,
) -> Key<T> {
    Key { name, form: Form::Text { what, set }, preset }
}

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

/// `[lines]` while it is read.
#[derive(Debug, Default)]
pub(super) struct LinesDraft {
    pub(super) backend: Backend,
    pub(super) poll_s: u64,
    pub(super) socket: Option<PathBuf>,
}

/// How lines are reached.
#[derive(Debug, Default, Clone, Copy)]
pub(super) enum Backend {
    #[default]
    Sim,
    /// Real ones, the header pins in this way.
    Real(PinsBy),
}

pub(super) static LINES: &[Key<LinesDraft>] = &[
    Key {
        name: "backend",
        form: Form::Choice {
            words: &[
                ("sim", |l| l.backend = Backend::Sim),
                ("gpiocdev", |l| l.backend = Backend::Real(PinsBy::Gpiocdev)),
                ("rppal", |l| l.backend = Backend::Real(PinsBy::Rppal)),
            ],
        },
        preset: Preset::Required("\"gpiocdev\""),
    },
    whole("poll_s", "s", 1..=300, "30", |l, v| l.poll_s = v),
    text("socket", PATH, Preset::Without("hardware.sock in run_dir", "\"hardware.sock\""), |l, v| {
        let mut path = PathBuf::new();
        path_into(&mut path, v)?;
        l.socket = Some(path);
        Ok(())
    }),
];

/// One `[[door]]` while it is read.
#[derive(Debug, Default)]
pub(super) struct DoorDraft {
    pub(super) number: u8,
    pub(super) contact: bool,
}

pub(super) static DOOR: &[Key<DoorDraft>] = &[
    Key {
        name: "number",
        form: Form::Whole { unit: "", range: 1..=16, set: |d, v| d.number = v as u8 },
        preset: Preset::Required("1"),
    },
    Key {
        name: "contact",
        form: Form::Truth { set: |d, v| d.contact = v },
        preset: Preset::Stated(
            "true",
            "the door has no contact",
            "without one nobody can tell whether the door is open: write contact = true, \
             or contact = false to do without",
        ),
    },
];

/// `[slots]` while it is read.
#[derive(Debug, Default)]
pub(super) struct SlotsDraft {
    pub(super) count: u16,
    pub(super) columns: u16,
    pub(super) rest: SlotDraft,
}

pub(super) static SLOTS: &[Key<SlotsDraft>] = &[
    Key {
        name: "count",
        form: Form::Whole { unit: "slots", range: 1..=1000, set: |s, v| s.count = v as u16 },
        preset: Preset::Required("24"),
    },
    whole("columns", "slots", 1..=100, "8", |s, v| s.columns = v as u16),
    whole("door", "", 1..=16, "1", |s, v| s.rest.door = v as u8),
    truth("led", "true", |s, v| s.rest.led = v),
    truth("latch", "false", |s, v| s.rest.latch = v),
];

/// One `[[slot]]` while it is read.
#[derive(Debug, Default)]
pub(super) struct SlotDraft {
    pub(super) number: u16,
    pub(super) row: u16,
    pub(super) column: u16,
    pub(super) door: u8,
    pub(super) latch: bool,
    pub(super) led: bool,
}

pub(super) static SLOT: &[Key<SlotDraft>] = &[
    Key {
        name: "number",
        form: Form::Whole { unit: "", range: 1..=1000, set: |s, v| s.number = v as u16 },
        preset: Preset::Required("1"),
    },
    Key {
        name: "row",
        form: Form::Whole { unit: "", range: 1..=200, set: |s, v| s.row = v as u16 },
        preset: Preset::Required("1"),
    },
    Key {
        name: "column",
        form: Form::Whole { unit: "", range: 1..=200, set: |s, v| s.column = v as u16 },
        preset: Preset::Required("1"),
    },
    whole("door", "", 1..=16, "1", |s, v| s.door = v as u8),
    truth("led", "true", |s, v| s.led = v),
    truth("latch", "false", |s, v| s.latch = v),
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
    whole("heartbeat_s", "s", 30..=86_400, "300", |u, v| u.heartbeat_s = v),
    whole("request_ms", "ms", 1_000..=300_000, "30000", |u, v| u.request_ms = v),
    whole("longest_pause_s", "s", 1..=3_600, "300", |u, v| u.longest_pause_s = v),
    whole("batch_records", "records", 1..=10_000, "4000", |u, v| u.batch_records = v as usize),
    whole("flush_ms", "ms", 500..=60_000, "10000", |u, v| u.flush_ms = v),
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

/// One `[[load]]` while it is read.
#[derive(Debug, Default)]
pub(super) struct LoadDraft {
    pub(super) name: String,
}

pub(super) static LOAD: &[Key<LoadDraft>] =
    &[text("name", NAME, Preset::Required("\"display\""), |l, v| name_into(&mut l.name, v))];

/// One `[[reader]]` while it is read.
#[derive(Debug, Default)]
pub(super) struct ReaderDraft {
    pub(super) kind: Kind,
    pub(super) by: By,
    pub(super) layout: Layout,
    pub(super) pause_ms: Option<u64>,
}

pub(super) static READER: &[Key<ReaderDraft>] = &[
    Key {
        name: "kind",
        form: Form::Choice {
            words: &[
                ("badge", |r| r.kind = Kind::Badge),
                ("keypad", |r| r.kind = Kind::Keypad),
                ("both", |r| r.kind = Kind::Both),
            ],
        },
        preset: Preset::Required("\"badge\""),
    },
    text(
        "name",
        "a name as `cabinetd check --only readers` shows it",
        Preset::Without("any", "\"Sycreader RFID Technology Co., Ltd SYC ID&IC USB Reader\""),
        |r, v| {
            r.by.name = Some(plain(v, 256)?);
            Ok(())
        },
    ),
    text("id", "vendor and product like \"08ff:0009\"", Preset::Without("any", "\"08ff:0009\""), |r, v| {
        let hex = |part: &str| (part.len() == 4).then(|| u16::from_str_radix(part, 16).ok()).flatten();
        let id = v.split_once(':').and_then(|(vendor, product)| Some((hex(vendor)?, hex(product)?)));
        r.by.id = Some(id.ok_or_else(|| {
            Fault::new(
                format!("{v:?} is no id of a device"),
                "write four hex digits, a colon, four more: \"08ff:0009\"",
            )
        })?);
        Ok(())
    }),
    text("port", "a port like \"usb-0000:01:00.0-1.3\"", Preset::Without("any", "\"usb-0000:01:00.0-1.3\""), |r, v| {
        r.by.port = Some(plain(v, 256)?);
        Ok(())
    }),
    text(
        "path",
        "a path under /dev/input",
        Preset::Without("any", "\"/dev/input/by-id/usb-08ff_20140315-event-kbd\""),
        |r, v| {
            if !v.starts_with("/dev/input/") || v.contains("..") || v.contains('\0') {
                return Err(Fault::new(
                    format!("{v:?} is no path under /dev/input"),
                    "write a link of /dev/input/by-id or by-path that ends in -event-kbd",
                ));
            }
            r.by.path = Some(PathBuf::from(v));
            Ok(())
        },
    ),
    Key {
        name: "layout",
        form: Form::Choice {
            words: &[
                ("us", |r| r.layout = Layout::Us),
                ("de", |r| r.layout = Layout::De),
                ("fr", |r| r.layout = Layout::Fr),
            ],
        },
        preset: Preset::Is("\"us\""),
    },
    Key {
        name: "pause_ms",
        form: Form::Whole { unit: "ms", range: 100..=60_000, set: |r, v| r.pause_ms = Some(v) },
        preset: Preset::Without("1000, with keys to type on 10000", "10000"),
    },
];

/// Text that a device says of itself: printable, not empty.
fn plain(value: &str, most: usize) -> Result<String, Fault> {
    if value.trim().is_empty() || value.len() > most || value.chars().any(char::is_control) {
        return Err(Fault::new(
            format!("{value:?} is no such text"),
            format!("write 1 to {most} printable characters"),
        ));
    }
    Ok(value.to_owned())
}

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

impl<T> Form<T> {
    /// What to write, for remedies: `500 to 60000 (ms)`.
    pub(super) fn wanted(&self) -> String {
        let bounds = |unit: &str, range: &RangeInclusive<u64>| {
            let unit = if unit.is_empty() { String::new() } else { format!(" ({unit})") };
            format!("{} to {}{unit}", range.start(), range.end())
        };
        match self {
            Self::Whole { unit, range, .. } => bounds(unit, range),
            Self::Rising { unit, range, .. } => format!("three rising numbers, each {}", bounds(unit, range)),
            Self::Truth { .. } => "true or false".to_owned(),
            Self::Numbers { range, .. } => {
                format!(
                    "a number, or several like \"{0}-{1}, {2}\", each {3}",
                    range.start() + 3,
                    range.start() + 8,
                    range.start() + 12,
                    bounds("", range)
                )
            }
            Self::Choice { words } => either(words.iter().map(|(word, _)| *word)),
            Self::Role { .. } => either(ROLES.iter().map(|(word, _)| *word)),
            Self::Text { what, .. } => (*what).to_owned(),
            Self::List { what, .. } => format!("a list of {what}"),
        }
    }

    pub(super) const fn is_list(&self) -> bool {
        matches!(self, Self::Rising { .. } | Self::List { .. })
    }

    /// What kind of value belongs here.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Whole { .. } => "a whole number",
            Self::Rising { .. } => "a list of three whole numbers",
            Self::Truth { .. } => "true or false",
            Self::Numbers { .. } => "a whole number or a text in quotes",
            Self::Choice { .. } | Self::Role { .. } | Self::Text { .. } => "a text in quotes",
            Self::List { .. } => "a list of texts",
        }
    }
}

impl<T> Key<T> {
    /// Unit, range and default as the annotated configuration must say them.
    #[cfg(test)]
    pub(super) fn facts(&self) -> String {
        let mut wanted = self.form.wanted();
        if let Some(first) = wanted.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        match self.preset {
            Preset::Required(_) | Preset::Stated(..) => format!("{wanted}; must be written."),
            Preset::Is(preset) => format!("{wanted}; default {preset}."),
            Preset::Without(meaning, _) => format!("{wanted}; default: {meaning}."),
        }
    }
}

fn either<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" or ")
}
