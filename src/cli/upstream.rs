//! `cabinetd upstream`: how the copy of the ledger stands, what was refused once more, and a new epoch after a restored card.

use super::live::{self, Ends, Output, Place};
use crate::config::Config;
use crate::io::control::Client;
use crate::io::control::wire::Ask;
use crate::io::store::{Identity, OpenOptions, Store, is_in_use};
use clap::Subcommand;
use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

#[derive(Subcommand, Debug)]
pub enum UpstreamCommand {
    /// What upstream has, what waits, since when it is silent, what it refuses
    #[command(after_help = live::EXIT_CODES)]
    Status {
        #[command(flatten)]
        output: Output,
    },
    /// Try now, whatever the pause, and send once more what upstream refused
    #[command(after_help = live::EXIT_CODES)]
    Retry {
        #[command(flatten)]
        output: Output,
    },
    /// Say that an older card or backup goes on from where it is (with the daemon stopped)
    #[command(after_help = concat!(
        "For a ledger that was restored from a backup, before the daemon runs on it (docs/upstream.md). What upstream holds beyond\n",
        "it stays there; what is recorded from now on stands beside it, as of a new epoch. It cannot be taken back.\n\n",
        "Exit codes: 0 done, 1 refused or not possible, 2 wrong usage."
    ))]
    NewEpoch {
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

/// Runs a command that asks the daemon.
#[must_use]
pub fn ask(command: &UpstreamCommand, place: &Place) -> ExitCode {
    let is_terminal = io::stdout().is_terminal();
    let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
    let mut ends = Ends { out: &mut out, err: &mut err, is_terminal };
    ExitCode::from(match command {
        UpstreamCommand::Status { output } => live::show(
            place,
            *output,
            Client::status,
            |seen| serde_json::to_string(&seen.upstream),
            live::upstream,
            &mut ends,
        ),
        UpstreamCommand::Retry { output } => live::act(place, *output, &Ask::RetryUpstream, &mut ends),
        UpstreamCommand::NewEpoch { .. } => live::REFUSED,
    })
}

/// Begins a new epoch of the ledger in the state directory.
#[must_use]
pub fn new_epoch(yes: bool, config: &Config) -> ExitCode {
    match begin(yes, config) {
        Ok(told) => {
            println!("{told}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("cabinetd: {why}");
            ExitCode::from(live::REFUSED)
        }
    }
}

fn begin(yes: bool, config: &Config) -> Result<String, Box<dyn std::error::Error>> {
    if is_in_use(&config.state_dir)? {
        return Err("the daemon runs; stop it first: systemctl stop cabinetd".into());
    }
    let question = "This ledger was restored from an older card or backup, and no newer one exists any more?\nThen a new epoch begins.";
    if !yes && !confirmed(question)? {
        return Err("nothing was changed".into());
    }
    // A mistyped folder must not become a ledger.
    let before = crate::io::store::Reader::open(&config.state_dir)?.head()?;
    let identity = Identity { site: config.settings.site.clone(), cabinet: config.settings.cabinet.clone() };
    let options = OpenOptions { new_epoch: true, ..OpenOptions::in_directory(&config.state_dir) };
    let (_store, stored) = Store::open_with(&options, &identity, None)?;
    Ok(format!("epoch {} begins behind record {}; now: systemctl start cabinetd", stored.head.epoch, before.seq))
}

fn confirmed(question: &str) -> io::Result<bool> {
    super::desk::asked(question)?
        .ok_or_else(|| io::Error::other("nobody is there to be asked; --yes says that it is so"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_epoch_begins_once_nobody_uses_the_ledger() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::parse(crate::config::ANNOTATED, &crate::config::Surroundings::default()).unwrap();
        config.state_dir = dir.path().join("state");
        let none = begin(true, &config).unwrap_err().to_string();
        assert!(none.contains("no ledger"), "{none}");
        let identity = Identity { site: config.settings.site.clone(), cabinet: config.settings.cabinet.clone() };
        let (store, _) = Store::open(&config.state_dir, &identity, None).unwrap();
        let busy = begin(true, &config).unwrap_err().to_string();
        assert!(busy.contains("the daemon runs"), "{busy}");
        drop(store);
        assert!(begin(false, &config).is_err(), "a test has no terminal to ask at");
        assert!(begin(true, &config).unwrap().starts_with("epoch 2 begins behind record 0"));
        let (_store, stored) = Store::open(&config.state_dir, &identity, None).unwrap();
        assert_eq!(stored.head.epoch, 2);
    }
}
