//! `cabinetd outage`: what is expected of the outage, what people know of it, and what became of those that are over.
//!
//! `status`, `eta` and `storm` speak with the daemon; `list` and `report` read the ledger, with the daemon up or down, and change
//! nothing. A report says only what the records say: figures, and what follows from them by arithmetic.

mod account;
mod eta;
mod find;
mod helped;
mod html;
mod list;
mod report;
mod state;
mod svg;
mod text;
mod timeline;

use super::denied;
use super::ledger::when::Site;
use super::live::{self, Ends, Output, Place};
use super::whole_file::Unwritten;
use crate::cabinet::power::state::Told;
use crate::config::{Config, ConfigError};
use crate::io::control::Client;
use crate::io::control::wire::Ask;
use crate::io::store::{Reader, StoreError};
use clap::{Args, Subcommand, ValueEnum};
use jiff::ZonedDateTime;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Done.
const OK: u8 = 0;
/// The config cannot be used.
const UNUSABLE: u8 = 1;
/// What was asked for makes no sense, or is not there.
const USAGE: u8 = 2;
/// The ledger cannot be read.
const UNREADABLE: u8 = 3;
/// What was asked for cannot be written down.
const UNWRITABLE: u8 = 4;

const READ_EXIT_CODES: &str = "Exit codes: 0 done, 1 the config cannot be used, 2 wrong usage or no such outage, 3 the ledger cannot be read,\n4 the output cannot be written, 5 not permitted.";

/// What is expected of this outage, and why; nothing to type on mains but to see the last one.
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  \
    cabinetd outage                       what is expected, why, and what the battery bears\n  \
    cabinetd outage eta 18:30             the utility states when power will be back\n  \
    cabinetd outage eta none              … that it does not say\n  \
    cabinetd outage storm on              much of the area is out, or is about to be\n  \
    cabinetd outage report                the last outage: its timeline and its figures\n  \
    cabinetd outage report --html outage.html\n  \
    cabinetd outage list\n\n\
    docs/outage.md explains the modes and what to do. Exit codes: 0 done, 1 refused or the config cannot be used, 2 wrong usage,\n\
    4 no daemon or no answer from it; list and report have their own."
)]
pub struct OutageArgs {
    #[command(subcommand)]
    command: Option<OutageCommand>,
    #[command(flatten)]
    output: Output,
}

#[derive(Subcommand, Debug)]
enum OutageCommand {
    /// What is expected of this outage, and why (the same as `cabinetd outage`)
    #[command(after_help = live::EXIT_CODES)]
    Status {
        #[command(flatten)]
        output: Output,
    },
    /// Pass on what the utility states: when power will be back
    ///
    /// A long statement makes the cabinet expect a longer outage; a short one is not believed, since utilities state too short
    /// times as a rule. Saying `none` matters, too: where somebody follows the utility and it stays silent for an hour, long
    /// outages are more likely. Say it again whenever it changes: a time that is pushed back is a bad sign.
    #[command(after_help = concat!(
        "Examples:\n",
        "  cabinetd outage eta 2h30m        from now\n",
        "  cabinetd outage eta 18:30        local time, today or tomorrow; also 6:30pm\n",
        "  cabinetd outage eta 2026-03-02T06:00\n",
        "  cabinetd outage eta none         it states nothing\n\n",
        "Exit codes: 0 done, 1 refused, 2 wrong usage, 4 no daemon or no answer from it, 5 not permitted."
    ))]
    Eta {
        /// How long yet, or until when; or `none`
        #[arg(value_name = "WHEN")]
        when: String,
        #[command(flatten)]
        output: Output,
    },
    /// Say that there is a storm, or that much of the area is out; before an outage, too
    ///
    /// It may be said before an outage: the next one begins with it. It makes long outages more likely, so that the battery is saved
    /// sooner.
    #[command(after_help = live::EXIT_CODES)]
    Storm {
        what: Switch,
        #[command(flatten)]
        output: Output,
    },
    /// The outages and drills that were recorded
    #[command(after_help = READ_EXIT_CODES)]
    List(list::ListArgs),
    /// What happened in an outage: a timeline and its figures
    #[command(after_help = concat!(
        "Examples:\n",
        "  cabinetd outage report               the last outage or drill\n",
        "  cabinetd outage report 1042          `cabinetd outage list` has the numbers\n",
        "  cabinetd outage report --svg outage.svg --html outage.html\n",
        "  cabinetd outage report --all --json | jq '.[].spent_mwh'\n\n",
        "Works with the daemon down. Exit codes: 0 done, 1 the config cannot be used, 2 wrong usage or no such outage,\n",
        "3 the ledger cannot be read, 4 the output cannot be written, 5 not permitted."
    ))]
    Report(report::ReportArgs),
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
enum Switch {
    On,
    Off,
}

/// Why a look into the ledger ended early.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Config(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    #[error(transparent)]
    File(#[from] Unwritten),
}

/// Whose ledger, and in which zone its times are told.
struct Ledger {
    reader: Reader,
    site: Site,
}

impl Ledger {
    fn open(state_dir: Option<&Path>, config: Option<&Path>) -> Result<Self, Failure> {
        if let Some(dir) = state_dir {
            return Ok(Self { reader: Reader::open(dir)?, site: Site::of(None) });
        }
        let config = Config::load(&Config::locate(config)).map_err(|error| {
            Failure::Config(format!("{error}\nThe ledger can be read without a config: --state-dir DIR"))
        })?;
        Ok(Self { reader: Reader::open(&config.state_dir)?, site: Site::of(config.time_zone.as_deref()) })
    }
}

/// Where the ledger is, for the commands that read it.
#[derive(Args, Clone, Debug)]
struct Source {
    /// The state directory, for a ledger without its config (default: the config's)
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
}

/// Runs the command.
#[must_use]
pub fn run(args: OutageArgs, config: Option<&Path>) -> ExitCode {
    let is_terminal = io::stdout().is_terminal();
    let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
    let mut ends = Ends { out: &mut out, err: &mut err, is_terminal };
    let OutageArgs { command, output } = args;
    let read = |done: Result<u8, Failure>, ends: &mut Ends<'_>| match done {
        Ok(code) => code,
        // Whoever reads has seen enough: `outage report | head`.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => OK,
        Err(failure) => {
            ends.complain_lines(&failure.to_string());
            match failure {
                Failure::Usage(_) => USAGE,
                Failure::Config(_) => UNUSABLE,
                Failure::Store(error) if denied::is_of_the_file(&error) => denied::NOT_PERMITTED,
                Failure::Store(_) => UNREADABLE,
                Failure::Output(_) | Failure::File(_) => UNWRITABLE,
            }
        }
    };
    let code = match command.unwrap_or(OutageCommand::Status { output }) {
        OutageCommand::List(args) => read(list::run(&args, config, &mut ends), &mut ends),
        OutageCommand::Report(args) => read(report::run(&args, config, &mut ends), &mut ends),
        command => match Place::find(config) {
            Ok(place) => speak(command, &place, &mut ends),
            Err(error) => return unusable(&error),
        },
    };
    ExitCode::from(code)
}

fn unusable(error: &ConfigError) -> ExitCode {
    eprintln!("cabinetd: {error}");
    ExitCode::from(UNUSABLE)
}

/// The commands that speak with the daemon.
fn speak(command: OutageCommand, place: &Place, ends: &mut Ends<'_>) -> u8 {
    match command {
        OutageCommand::Status { output } => {
            live::show(place, output, Client::status, |seen| serde_json::to_string(&seen.power), state::text, ends)
        }
        OutageCommand::Eta { when, output } => match eta::parse(&when, &here_and_now(place)) {
            Ok(told) => live::act(place, output, &Ask::TellOutage(told), ends),
            Err(why) => {
                ends.complain(&why);
                USAGE
            }
        },
        OutageCommand::Storm { what, output } => {
            live::act(place, output, &Ask::TellOutage(Told::Storm { is: what == Switch::On }), ends)
        }
        // Read elsewhere.
        OutageCommand::List(_) | OutageCommand::Report(_) => OK,
    }
}

#[expect(clippy::disallowed_methods, reason = "\"18:30\" is the next one of whoever types it")]
fn here_and_now(place: &Place) -> ZonedDateTime {
    ZonedDateTime::now().with_time_zone(live::words::zone(place.time_zone.as_deref()))
}

#[cfg(test)]
mod tests;
