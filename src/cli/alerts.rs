//! `cabinetd alerts`: how those stand who are told of alarms, and a message to see whether messages arrive.

use super::live::{self, Ends, Output, Place};
use crate::alerts::letter::{Desk, Numbers};
use crate::alerts::send::{Ways, remedy};
use crate::config::{Config, Recipient, To};
use crate::io::clock::Clock;
use crate::io::control::Client;
use crate::io::credentials::Credentials;
use crate::io::store::{Identity, Reader, head};
use clap::Subcommand;
use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;

#[derive(Subcommand, Debug)]
pub enum AlertsCommand {
    /// Each recipient: told last, what waits, since when it cannot be told and why
    #[command(after_help = live::EXIT_CODES)]
    Status {
        #[command(flatten)]
        output: Output,
    },
    /// Send a test message to everybody, or to one, and say what came of it
    #[command(after_help = concat!(
        "It goes from this command, not from the daemon, with the same config and the same passwords: so it needs root, and tells\n",
        "nothing of whether the service may use the network (`cabinetd check --only alerts` does, run by systemd).\n\n",
        "Exit codes: 0 everybody's server took it, 1 one did not, 2 wrong usage or no such recipient."
    ))]
    Test {
        /// A recipient's name in the config; none = all
        name: Option<String>,
    },
}

/// Asks the daemon.
#[must_use]
pub fn status(output: Output, place: &Place) -> ExitCode {
    let is_terminal = io::stdout().is_terminal();
    let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
    let mut ends = Ends { out: &mut out, err: &mut err, is_terminal };
    let json = |seen: &crate::cabinet::snapshot::Snapshot| serde_json::to_string(&seen.alerts);
    ExitCode::from(live::show(place, output, Client::status, json, live::alerts, &mut ends))
}

/// Sends a test to those who are meant.
#[must_use]
pub fn test(name: Option<&str>, config: &Config) -> ExitCode {
    let meant: Vec<&Recipient> =
        config.recipients.iter().filter(|recipient| name.is_none_or(|name| recipient.name == name)).collect();
    if meant.is_empty() {
        let known: Vec<&str> = config.recipients.iter().map(|recipient| recipient.name.as_str()).collect();
        eprintln!(
            "cabinetd: {}",
            match (name, known.is_empty()) {
                (_, true) =>
                    "nobody is told of alarms: write a [[recipient]] into the config (docs/alerts.md)".to_owned(),
                (name, false) =>
                    format!("no recipient is called {:?}; there are: {}", name.unwrap_or_default(), known.join(", ")),
            }
        );
        return ExitCode::from(2);
    }
    match try_all(&meant, config, &mut io::stdout()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(live::REFUSED),
        Err(why) => {
            eprintln!("cabinetd: {why}");
            ExitCode::from(live::REFUSED)
        }
    }
}

fn try_all(meant: &[&Recipient], config: &Config, out: &mut dyn Write) -> Result<bool, Box<dyn std::error::Error>> {
    let credentials = Credentials::load(&config.credentials_dir)?;
    let clock = Clock::new(config.time_zone.as_deref())?;
    let identity = Identity { site: config.settings.site.clone(), cabinet: config.settings.cabinet.clone() };
    let reader = Reader::open(&config.state_dir)?;
    let (at, hidden) = (reader.head()?, reader.hidden()?);
    let ways = Ways { mail: config.mail.clone(), credentials_dir: config.credentials_dir.clone() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut salt = [0; 16];
    getrandom::fill(&mut salt)?;
    let mut all_took = true;
    for recipient in meant {
        let head = recipient.head.then(|| head::sign(&identity, &recipient.name, at, &credentials.device_key));
        let (now, zone) = (clock.now(), clock.zone());
        let (head, records) = (head.as_ref(), Numbers::of(recipient, &hidden, at.seq));
        let desk = Desk { identity: &identity, recipient: &recipient.name, zone, now, head, records };
        match runtime.block_on(ways.send(recipient, &desk.test(&salt))) {
            Ok(()) => match &recipient.to {
                To::Mail { address } => writeln!(
                    out,
                    "{}: the mail server took it for {address}; see whether it is there, and not in the spam.",
                    recipient.name
                )?,
                To::Webhook { .. } => writeln!(out, "{}: the webhook took it.", recipient.name)?,
            },
            Err(failure) => {
                all_took = false;
                writeln!(out, "{}: NOT SENT. {}\n  {}", recipient.name, failure.why, remedy(&failure.why))?;
            }
        }
    }
    // A look-up of a name may hang for longer than the question.
    runtime.shutdown_background();
    Ok(all_took)
}
