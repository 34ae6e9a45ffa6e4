//! `cabinetd release`: every output off when the daemon cannot do it any more.
//!
//! A process that is killed leaves its relays as they are. systemd runs this after every end of the daemon:
//!
//! ```text
//! ExecStopPost=/usr/bin/cabinetd release
//! ```
//!
//! It drives the wiring that was in force, which the daemon keeps in its run directory, and then what the config has beside it; so it
//! works whatever became of the config since. It leaves a running daemon's lines alone.

use crate::config::{Config, Lines};
use crate::daemon::in_force;
use std::path::Path;
use std::process::ExitCode;

/// Nothing but the config.
#[derive(clap::Args, Debug)]
#[command(after_help = "In the unit: ExecStopPost=/usr/bin/cabinetd release\n\n\
    Exit codes: 0 every output is off, or the lines are simulated; 1 some are not, the daemon runs, or the config has\n\
    mistakes and nothing tells how the lines were driven.")]
pub struct ReleaseArgs {}

/// Runs the command.
#[must_use]
pub fn run(_args: &ReleaseArgs, file: &Path) -> ExitCode {
    let (config, error) = Config::salvage(file);
    if let Some(error) = &error {
        eprintln!("cabinetd: {error}");
    }
    let dirs = if error.is_some() { config.run_dirs_of(file) } else { config.run_dirs() };
    let written = config.told_wiring(error.as_ref());
    let released = match in_force::release(&dirs, &config.state_dir, written) {
        Ok(released) => released,
        Err(why) => {
            eprintln!("cabinetd: {why}");
            return ExitCode::FAILURE;
        }
    };
    for why in &released.failures {
        eprintln!("cabinetd: not released: {why}");
    }
    let is_simulated = error.is_none() && matches!(config.lines, Lines::Sim { .. });
    if !released.failures.is_empty() {
        return ExitCode::FAILURE;
    }
    if released.was_kept || written.is_some() {
        println!("Every output is off ({}).", released.outputs);
        ExitCode::SUCCESS
    } else if is_simulated {
        println!("The lines are simulated: nothing is to be released.");
        ExitCode::SUCCESS
    } else {
        eprintln!("cabinetd: nothing tells how the lines were driven: nothing was released");
        ExitCode::FAILURE
    }
}
