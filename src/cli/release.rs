//! `cabinetd release`: every output off when the daemon cannot do it any more.
//!
//! A process that is killed leaves its relays as they are. systemd runs this after every end of the daemon:
//!
//! ```text
//! ExecStopPost=/usr/bin/cabinetd release
//! ```
//!
//! It needs the config and the rights to the lines, nothing else, and leaves a running daemon's lines alone.

use crate::config::{Config, Lines};
use crate::io::lines::gpio;
use crate::io::store;
use std::process::ExitCode;

/// Nothing but the config.
#[derive(clap::Args, Debug)]
#[command(after_help = "In the unit: ExecStopPost=/usr/bin/cabinetd release\n\n\
    Exit codes: 0 every output is off, or the lines are simulated; 1 some are not, the daemon runs, or the config has mistakes.")]
pub struct ReleaseArgs {}

/// Runs the command.
#[must_use]
pub fn run(_args: &ReleaseArgs, config: &Config) -> ExitCode {
    let Lines::Real(wiring) = &config.lines else {
        println!("The lines are simulated: nothing is to be released.");
        return ExitCode::SUCCESS;
    };
    if store::is_in_use(&config.state_dir) {
        eprintln!(
            "the daemon runs and has the lines; stop it (`systemctl stop cabinetd`), which drives every output off"
        );
        return ExitCode::FAILURE;
    }
    let failures = gpio::release(wiring);
    for why in &failures {
        eprintln!("not released: {why}");
    }
    if failures.is_empty() {
        println!("Every output is off ({}).", wiring.outputs.len());
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
