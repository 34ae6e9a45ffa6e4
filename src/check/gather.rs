//! Looking at the world, for [`super::judge`]. Nothing here judges; every look has an end, and none leaves a trace.

mod lines;
mod machine;
mod nut;
mod places;
mod readers;

use super::{Facts, Group, clock, config, power, ups};
use crate::cabinet::power::{UpsSilence, UpsState};
use crate::cabinet::types::{Now, Output, Role};
use crate::config::{Config, ConfigError, Lines, Problem, Surroundings, UpsConfig};
use crate::io::clock::Clock;
use crate::io::ups::figures;
use crate::io::ups::orders::{OrderError, Place, list_clients, list_commands, list_variables, server_version};
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

/// The account that the unit runs the daemon as.
const ACCOUNT: &str = "cabinetd";
/// Its config.
const SERVICE: &str = "/etc/cabinetd/cabinetd.toml";
/// The site of the annotated default, which nobody's property is called.
const EXAMPLE_SITE: &str = "site";

/// Looks at what the wanted groups are about. `path` is the config's file. Takes some seconds at most; it blocks.
#[must_use]
pub fn gather(path: &Path, wanted: &BTreeSet<Group>) -> Facts {
    let seen = Seen::of(path);
    let wants = |group: Group| wanted.contains(&group);
    let clock = Clock::new(seen.config.time_zone.as_deref()).or_else(|_| Clock::new(None));
    let needs_time = [Group::Clock, Group::Battery, Group::Power].into_iter().any(wants);
    if let (true, Ok(clock)) = (needs_time, &clock) {
        places::ask_kernel(clock);
    }
    let now =
        clock.as_ref().ok().map(Clock::now).map(|now| Now { clock: places::clock(&seen.config, now.clock), ..now });
    let ups = [Group::Ups, Group::Battery, Group::Power].into_iter().any(wants).then(|| ups_of(&seen));
    Facts {
        wanted: wanted.clone(),
        config: wants(Group::Config).then(|| seen.judgeable()),
        daemon: wants(Group::Daemon).then(|| places::daemon(&seen.config)),
        lines: wants(Group::Lines).then(|| {
            let sections = ["lines", "input", "output", "door", "slots", "slot", "load"];
            let is_clean = sections.iter().all(|section| seen.is_clean(section));
            lines::lines(&seen.config, is_clean, path == Path::new(SERVICE), Path::new("/"))
        }),
        readers: wants(Group::Readers).then(|| {
            let is_clean = ["reader", "identify", "lines"].iter().all(|section| seen.is_clean(section));
            readers::readers(&seen.config, is_clean, machine::Account::named(ACCOUNT).as_ref(), Path::new("/"))
        }),
        clock: wants(Group::Clock).then(|| clock::Facts {
            quality: now
                .map(|now| now.clock)
                .ok_or_else(|| clock.as_ref().err().map(ToString::to_string).unwrap_or_default()),
            configured: seen.config.time_zone.clone(),
            machine: TimeZone::try_system().ok().and_then(|zone| zone.iana_name().map(str::to_owned)),
        }),
        machine: wants(Group::Machine).then(|| machine::machine(Path::new("/"))),
        disk: wants(Group::Disk).then(|| machine::disk(&seen.config.state_dir)),
        credentials: wants(Group::Credentials).then(|| places::credentials(&seen.config)),
        ledger: wants(Group::Ledger).then(|| {
            let has_slots = ["slots", "slot"].iter().all(|section| seen.is_clean(section));
            places::ledger(&seen.config, seen.is_clean("cabinet"), has_slots)
        }),
        upstream: wants(Group::Upstream).then(|| places::upstream(&seen.config, seen.is_clean("upstream"))),
        alerts: wants(Group::Alerts)
            .then(|| places::alerts(&seen.config, seen.is_clean("mail") && seen.is_clean("recipient"))),
        power: ups.as_ref().map(|ups| power_of(&seen, ups, now)),
        ups,
    }
}

/// The config as far as it can be read. Where it cannot, paths are those of the convention.
struct Seen {
    config: Config,
    problems: Vec<Problem>,
    /// There is no text at all.
    unreadable: Option<config::Facts>,
}

impl Seen {
    fn of(path: &Path) -> Self {
        match Config::look(path) {
            Ok((config, problems)) => Self { config, problems, unreadable: None },
            Err(error) => {
                let (config, _) = Config::draft("", &Surroundings::of(path));
                let unreadable = match &error {
                    ConfigError::Unreadable { .. } | ConfigError::TooLarge { .. } | ConfigError::TooSlow { .. } => {
                        let (what, remedy) = super::words::parted(&error.to_string());
                        let not_allowed = matches!(&error, ConfigError::Unreadable { source, .. }
                            if source.kind() == ErrorKind::PermissionDenied);
                        Some(config::Facts::Unreadable { what, remedy, not_allowed })
                    }
                    ConfigError::Problems { .. } => None,
                };
                Self { config, problems: error.problems().to_vec(), unreadable }
            }
        }
    }

    /// Whether what the file says under `[section]` can be believed: no mistake there, nor one after which nobody knows where a section
    /// begins.
    fn is_clean(&self, section: &str) -> bool {
        let within = |key: &str| key.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        self.unreadable.is_none() && !self.problems.iter().any(|problem| problem.key.is_empty() || within(&problem.key))
    }

    fn judgeable(&self) -> config::Facts {
        if let Some(unreadable) = &self.unreadable {
            return unreadable.clone();
        }
        if !self.problems.is_empty() {
            return config::Facts::Unsound(self.problems.clone());
        }
        let Config { settings, accounts, socket_group, .. } = &self.config;
        let named = accounts.iter().map(|(group, _): &(String, Role)| ("[accounts]", group));
        let named = named.chain(socket_group.iter().map(|group| ("control.socket_group", group)));
        let missing = named.filter(|(_, group)| uzers::get_group_by_name(group).is_none());
        config::Facts::Sound(config::Sound {
            slots: settings.slots.len(),
            doors: settings.doors.len(),
            example_site: settings.site == EXAMPLE_SITE,
            badge_alone: settings.access.badge_alone,
            mute: is_mute(&self.config),
            missing_groups: missing.map(|(key, group)| (key.to_owned(), group.clone())).collect(),
        })
    }
}

/// Whether people type on a keypad and nothing can answer them. A simulated cabinet has a display.
fn is_mute(config: &Config) -> bool {
    let Lines::Real(wiring) = &config.lines else { return false };
    let answers = |output: Output| matches!(output, Output::Buzzer | Output::Led(_));
    config.readers.iter().any(|reader| reader.kind.has_digits())
        && !wiring.outputs.iter().any(|line| answers(line.output))
}

fn ups_of(seen: &Seen) -> ups::Facts {
    match &seen.config.ups {
        _ if !seen.is_clean("ups") => ups::Facts::NotJudged,
        None => ups::Facts::NotWatched,
        Some(ups) => ups::Facts::Watched(Box::new(ups::Watched {
            name: ups.name.clone(),
            host: ups.host.clone(),
            port: ups.port,
            timeout_ms: ups.timeout_ms,
            answer: ask(ups),
        })),
    }
}

/// Asks upsd for everything it has. Nobody is logged in for that.
fn ask(ups: &UpsConfig) -> Result<ups::Answer, UpsSilence> {
    let place = Place::new(&ups.name, &ups.host, ups.port).within(Duration::from_millis(ups.timeout_ms));
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return Err(UpsSilence::Refused);
    };
    runtime.block_on(async {
        let variables = list_variables(&place).await.map_err(|error| silence(&error))?;
        let state: UpsState = figures::parse(variables.iter().map(|(name, value)| (name.as_str(), value.as_str())))?;
        Ok(ups::Answer {
            state,
            variables: ups::Variables(variables.into_iter().collect()),
            version: server_version(&place).await.ok(),
            commands: list_commands(&place).await.ok(),
            clients: list_clients(&place).await.map_err(|error| error.to_string()),
        })
    })
}

fn silence(error: &OrderError) -> UpsSilence {
    match error {
        OrderError::Unreachable { .. } => UpsSilence::Refused,
        OrderError::TimedOut(_) => UpsSilence::TimedOut,
        OrderError::UnknownUps(_) => UpsSilence::UnknownUps,
        OrderError::Stale => UpsSilence::Stale,
        OrderError::DriverGone => UpsSilence::DriverGone,
        OrderError::Garbled
        | OrderError::AccessDenied { .. }
        | OrderError::NotPrimary { .. }
        | OrderError::UnknownCommand(_)
        | OrderError::Failed { .. }
        | OrderError::Refused(_)
        | OrderError::NotPlain => UpsSilence::Garbled,
    }
}

fn power_of(seen: &Seen, ups: &ups::Facts, now: Option<Now>) -> power::Facts {
    let trusted = now.filter(|now| now.clock.is_trusted());
    let state = places::power_state(&seen.config);
    let own_test = state.as_ref().and_then(|state| state.test_ended).map(|(at, verdict)| power::OwnTest {
        days_ago: trusted
            .filter(|_| at.clock.is_trusted())
            .map(|now| u32::try_from(at.elapsed_ms(now.stamp()) / 86_400_000).unwrap_or(u32::MAX)),
        verdict,
    });
    let (root, account) = (Path::new("/"), machine::Account::named(ACCOUNT));
    power::Facts {
        settings: seen.config.power.clone(),
        battery: seen.config.battery.clone(),
        now: trusted,
        baseline: state.as_ref().map(|state| state.baseline.clone()).unwrap_or_default(),
        own_test,
        state,
        chips: machine::clock_chips(root, trusted.map(|now| now.wall), account.as_ref()),
        firmware: machine::firmware(),
        power_off: machine::power_off(root, account.as_ref()),
        upsmon: nut::upsmon(&seen.config, ups),
        running: trusted.and_then(|_| nut::running()),
    }
}
