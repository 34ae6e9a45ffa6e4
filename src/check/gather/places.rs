//! What the daemon keeps and says: its socket, its credentials, its ledger. Looked at as a stranger does, with no lock of the daemon's.

use crate::alerts::send::Ways;
use crate::cabinet::books::Row;
use crate::cabinet::power::state::PowerState;
use crate::cabinet::snapshot::{Snapshot, StoreIs};
use crate::cabinet::types::ClockQuality;
use crate::check::daemon::AlarmFact;
use crate::check::ledger::Open;
use crate::check::words::{parted, sentence};
use crate::check::{alerts, credentials, daemon, ledger, upstream};
use crate::config::{Config, Lines, Recipient};
use crate::io::clock::{Clock, kernel};
use crate::io::control::{Client, ClientError};
use crate::io::credentials::{Credentials, CredentialsError, Token};
use crate::io::sleep::Machine;
use crate::io::store::envelope::chain;
use crate::io::store::{DATABASE, Filter, Identity, Reader, StoreError};
use crate::upstream::Client as Upstream;
use std::io::ErrorKind;
use std::time::Duration;

/// Upstream is asked for so long.
const ASKED_FOR: Duration = Duration::from_secs(8);
/// Records at the end that are verified: some milliseconds' worth.
const TAIL: u64 = 1_000;

/// How far the cabinet's clock can be trusted. A simulated machine has one of its own, of which its daemon knows.
pub(super) fn clock(config: &Config, real: ClockQuality) -> ClockQuality {
    if matches!(config.lines, Lines::Real(_)) || real.is_trusted() {
        return real;
    }
    let status = Client::connect(&config.run_dir).and_then(|mut client| client.status());
    status.map_or(real, |seen| seen.as_of.clock)
}

/// How long the kernel's word on the clock is waited for: the service's start waits as long.
const KERNEL_WAIT: Duration = Duration::from_secs(2);

/// Asks what the kernel says of the clock.
pub(super) fn ask_kernel(clock: &Clock) {
    if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
        let machine = Machine { ask_deadline: KERNEL_WAIT, ..Machine::default() };
        runtime.block_on(kernel::ask(clock, machine.clock_is_kept()));
    }
}

/// What answers at the control socket.
pub(super) fn daemon(config: &Config) -> daemon::Facts {
    let status = Client::connect(&config.run_dir).and_then(|mut client| client.status());
    match status {
        Ok(seen) => daemon::Facts::Running {
            full: seen.store == StoreIs::Full,
            alarms: seen
                .alarms
                .into_iter()
                .map(|alarm| AlarmFact {
                    level: alarm.level,
                    sentence: alarm.sentence,
                    acknowledged: alarm.acknowledged_by.is_some(),
                })
                .collect(),
        },
        Err(ClientError::NoDaemon(_)) => daemon::Facts::Down { ever: config.state_dir.join(DATABASE).exists() },
        Err(error @ (ClientError::TimedOut | ClientError::Lost)) => daemon::Facts::Stuck { text: error.to_string() },
        Err(
            error @ (ClientError::NoPermission { .. }
            | ClientError::NotUnderstood
            | ClientError::Refused { .. }
            | ClientError::Io { .. }),
        ) => daemon::Facts::Unknown { text: error.to_string() },
    }
}

/// Asks upstream once, as the daemon would, and the daemon how its copy stands.
pub(super) fn upstream(config: &Config, clean: bool) -> upstream::Facts {
    let status = || Client::connect(&config.run_dir).and_then(|mut client| client.status()).ok();
    let roster = |seen: Option<&Snapshot>| match (config.roster_key, seen) {
        (None, _) => upstream::Roster::NotWanted,
        (Some(_), None) => upstream::Roster::NotSaid,
        (Some(_), Some(seen)) => seen.signed_roster.clone().map_or(upstream::Roster::NoneYet, upstream::Roster::Held),
    };
    let wanted = match &config.upstream {
        Some(wanted) if clean => wanted,
        None if clean && config.roster_key.is_some() => {
            return upstream::Facts::RosterAlone(roster(status().as_ref()));
        }
        Some(_) | None => return upstream::Facts::Nowhere,
    };
    let token = wanted.token.as_deref().map(|name| Token::read(&config.credentials_dir, name));
    let identity = Identity { site: config.settings.site.clone(), cabinet: config.settings.cabinet.clone() };
    let usable = token.as_ref().and_then(|token| token.as_ref().ok());
    let client = Upstream::new(&wanted.url, wanted.ca_file.as_deref(), usable, &identity, ASKED_FOR);
    let answer = match (&client, &token) {
        (Ok(client), None | Some(Ok(_))) => Some(ask_head(client)),
        _ => None,
    };
    let copy = status();
    upstream::Facts::Copied(Box::new(upstream::Copied {
        host: wanted.url.host_str().unwrap_or_default().to_owned(),
        trust: client.map(drop).map_err(|why| why.to_string()),
        token: token.map(|token| token.map(drop).map_err(|why| why.to_string())),
        answer,
        roster: roster(copy.as_ref()),
        copy: copy.and_then(|seen| seen.upstream),
    }))
}

/// Knocks at each recipient's server, all at once, and asks the daemon how they stand. Nobody is told anything.
pub(super) fn alerts(config: &Config, clean: bool) -> alerts::Facts {
    if config.recipients.is_empty() || !clean {
        return alerts::Facts::Nobody;
    }
    let ways = Ways { mail: config.mail.clone(), credentials_dir: config.credentials_dir.clone() };
    let knocked = knock(&config.recipients, &ways);
    let names = config.recipients.iter().map(|recipient| recipient.name.clone());
    let status = Client::connect(&config.run_dir).and_then(|mut client| client.status()).ok();
    alerts::Facts::Told(alerts::Told {
        recipients: names.zip(knocked).collect(),
        urgent: config.recipients.iter().any(|recipient| recipient.urgent),
        duress: config.recipients.iter().any(|recipient| recipient.duress),
        daemon: status.and_then(|seen| seen.alerts),
    })
}

fn knock(recipients: &[Recipient], ways: &Ways) -> Vec<Result<(), String>> {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return Vec::new() };
    let knocks: Vec<_> = recipients
        .iter()
        .cloned()
        .map(|recipient| {
            let ways = ways.clone();
            runtime.spawn(async move {
                match tokio::time::timeout(ASKED_FOR, ways.knock(&recipient)).await {
                    Ok(knocked) => knocked.map_err(|failure| failure.why),
                    Err(_) => Err("no answer in time".to_owned()),
                }
            })
        })
        .collect();
    let knocked = knocks
        .into_iter()
        .map(|knock| runtime.block_on(knock).unwrap_or_else(|_| Err("the attempt broke off".to_owned())));
    let knocked = knocked.collect();
    runtime.shutdown_background();
    knocked
}

fn ask_head(client: &Upstream) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|why| why.to_string())?;
    let answered = runtime.block_on(client.head()).map(drop).map_err(|why| why.to_string());
    // A look-up of a name may hang for longer than the question.
    runtime.shutdown_background();
    answered
}

/// Whether the secrets can be used. They are dropped at once.
pub(super) fn credentials(config: &Config) -> credentials::Facts {
    let dir = config.credentials_dir.display().to_string();
    let loaded = Credentials::load(&config.credentials_dir)
        .and_then(|credentials| credentials.goes_with(&config.state_dir, keeps_pins(config)));
    match loaded {
        Ok(_) => credentials::Facts::Usable(dir),
        Err(CredentialsError::Missing(_)) if !config.state_dir.join(DATABASE).exists() => {
            credentials::Facts::NotYet { dir }
        }
        Err(CredentialsError::Io { source, .. }) if source.kind() == ErrorKind::PermissionDenied => {
            credentials::Facts::NotAllowed { dir }
        }
        Err(error) => {
            let (what, remedy) = remedied(&error);
            credentials::Facts::Unusable { what, remedy }
        }
    }
}

/// Whether the ledger has anything that was hashed with the pepper. One that cannot be read is taken to have.
fn keeps_pins(config: &Config) -> bool {
    let rows = match Reader::open(&config.state_dir).and_then(|reader| reader.rows()) {
        Ok(rows) => rows,
        Err(StoreError::NoLedger { .. }) => return false,
        Err(_) => return true,
    };
    rows.iter().any(|(_, row)| match row {
        Row::User(user) => user.pin.is_some(),
        Row::Vouched(_) => true,
        _ => false,
    })
}

/// Most of these errors say at length what to do, behind the first sentence.
fn remedied(error: &CredentialsError) -> (String, String) {
    let text = error.to_string();
    match text.split_once(". ") {
        Some((what, remedy)) if !what.contains("; ") => (sentence(what), sentence(remedy)),
        _ => parted(&text),
    }
}

/// The ledger beside the daemon. `named`: the config says whose it should be.
pub(super) fn ledger(config: &Config, named: bool, has_slots: bool) -> ledger::Facts {
    let reader = match Reader::open(&config.state_dir) {
        Ok(reader) => reader,
        Err(StoreError::NoLedger { .. }) => return ledger::Facts::NotYet,
        Err(error) => return unopened(&error),
    };
    match looked(&reader, config, named, has_slots) {
        Ok(open) => ledger::Facts::Open(open),
        Err(error) => unopened(&error),
    }
}

/// What the ledger knows of power: proofs, what was measured. None where there is no ledger, or none that this account may read.
pub(super) fn power_state(config: &Config) -> Option<PowerState> {
    let rows = Reader::open(&config.state_dir).and_then(|reader| reader.rows()).ok()?;
    rows.into_iter().find_map(|(_, row)| match row {
        Row::Power(state) => Some(*state),
        _ => None,
    })
}

fn unopened(error: &StoreError) -> ledger::Facts {
    let denied = match error {
        StoreError::File { source, .. } => source.kind() == ErrorKind::PermissionDenied,
        // SQLite does not say why it cannot open a file that is there.
        StoreError::Unreadable { .. } | StoreError::Busy => true,
        _ => false,
    };
    let text = error.to_string();
    if denied { ledger::Facts::Unknown(text) } else { ledger::Facts::Unreadable(text) }
}

fn looked(reader: &Reader, config: &Config, named: bool, has_slots: bool) -> Result<Open, StoreError> {
    let identity = reader.identity();
    let head = reader.head()?;
    let keys = reader.roster()?.keys.into_values();
    let strays = keys.filter(|key| !config.settings.slots.contains_key(&key.home)).map(|key| (key.label, key.home));
    let mut open = Open {
        records: head.seq,
        found: (identity.site.clone(), identity.cabinet.clone()),
        wanted: named.then(|| (config.settings.site.clone(), config.settings.cabinet.clone())),
        lost: reader.lost()?.map(|lost| lost.known.seq),
        verified: 0,
        unfit: None,
        illegible: None,
        homeless: has_slots.then(|| strays.collect()),
    };
    let everything = Filter { silent: true, ..Filter::default() };
    for entry in reader.entries(&everything, head.seq.saturating_sub(TAIL)) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(StoreError::Damaged { what }) => {
                open.illegible = Some(what);
                break;
            }
            Err(error) => return Err(error),
        };
        let digest = entry.digest();
        let fits = entry
            .prev
            .zip(digest)
            .is_some_and(|(prev, digest)| chain(&prev, &entry.header.canonical(identity), &digest) == entry.hash);
        if !fits {
            open.unfit = Some(entry.header.seq);
            break;
        }
        open.verified += 1;
    }
    Ok(open)
}
