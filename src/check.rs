//! `cabinetd check`: is the cabinet ready, for today and for the outage?
//!
//! Two steps that are kept apart, so that each judgement can be tested without the world:
//!
//! ```text
//!   gather (reads files, sockets, upsd) ──▶ Facts ──▶ judge (pure) ──▶ [Finding]: id, level, what, remedy
//! ```
//!
//! Promises: every finding that is not fine names its remedy; what could not be looked at is [`Level::Unknown`], never fine; ids are
//! stable words (`docs/check.md` lists them, a test holds the two together). It is safe beside a running daemon: it takes no lock
//! that the daemon holds, writes nothing to its state, logs in nowhere, drives nothing, and each look has an end. Lines that the daemon
//! has are not touched; where none runs, the inputs are claimed for a moment.
//!
//! **Does not** open the door (`--exercise` gives an admin's word to somebody who is there) nor any input device, nor repair anything.

pub mod alerts;
pub mod battery;
mod catalog;
pub mod clock;
pub mod config;
pub mod credentials;
pub mod daemon;
pub mod disk;
pub mod firmware;
pub mod gather;
pub mod ledger;
pub mod lines;
pub mod machine;
pub mod power;
pub mod readers;
pub mod ups;
pub mod upstream;
mod words;

#[cfg(test)]
mod tests;

pub use catalog::{GROUPS, Group, IDS, Id};
pub use gather::gather;

use std::collections::BTreeSet;

/// How bad it is, in rising order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// As it should be.
    Fine,
    /// Worth knowing; nothing needs to be done.
    Note,
    /// It could not be looked at, or nobody says: neither fine nor wrong.
    Unknown,
    /// Look at it soon.
    Warning,
    /// The cabinet does not do what it is for, or will not in an outage.
    Failure,
}

impl Level {
    /// The word in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Note => "note",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    pub id: Id,
    /// Which of several things under the same id, where another part names them.
    pub about: Option<&'static str>,
    pub level: Level,
    /// How it is, with its figures.
    pub what: String,
    /// What to do; none only where nothing is to be done.
    pub remedy: Option<String>,
}

impl Finding {
    fn fine(id: Id, what: impl Into<String>) -> Self {
        Self { id, about: None, level: Level::Fine, what: what.into(), remedy: None }
    }

    fn new(level: Level, id: Id, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { id, about: None, level, what: what.into(), remedy: Some(remedy.into()) }
    }

    /// Of what a person was part of.
    pub(crate) fn seen_well(id: Id, what: impl Into<String>) -> Self {
        Self::fine(id, what)
    }

    /// The same where it did not go well; `is_doubt`: perhaps nobody was there.
    pub(crate) fn seen_ill(id: Id, is_doubt: bool, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(if is_doubt { Level::Warning } else { Level::Failure }, id, what, remedy)
    }

    fn note(id: Id, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Level::Note, id, what, remedy)
    }

    fn unknown(id: Id, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Level::Unknown, id, what, remedy)
    }

    fn warning(id: Id, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Level::Warning, id, what, remedy)
    }

    fn failure(id: Id, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Level::Failure, id, what, remedy)
    }
}

/// Everything that was seen, group by group; none = not looked at, since nobody asked.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The groups that are wanted: some facts serve several.
    pub wanted: BTreeSet<Group>,
    pub config: Option<config::Facts>,
    pub daemon: Option<daemon::Facts>,
    pub lines: Option<lines::Facts>,
    pub readers: Option<readers::Facts>,
    pub clock: Option<clock::Facts>,
    pub machine: Option<machine::Facts>,
    pub disk: Option<disk::Facts>,
    pub credentials: Option<credentials::Facts>,
    pub ledger: Option<ledger::Facts>,
    pub upstream: Option<upstream::Facts>,
    pub alerts: Option<alerts::Facts>,
    pub ups: Option<ups::Facts>,
    pub power: Option<power::Facts>,
}

/// What is to be said of the facts, in the order of the groups.
#[must_use]
pub fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for group in &facts.wanted {
        let mut add = |found: Option<Vec<Finding>>| findings.extend(found.unwrap_or_default());
        match group {
            Group::Config => add(facts.config.as_ref().map(config::judge)),
            Group::Daemon => add(facts.daemon.as_ref().map(daemon::judge)),
            Group::Lines => add(facts.lines.as_ref().map(lines::judge)),
            Group::Readers => add(facts.readers.as_ref().map(readers::judge)),
            Group::Clock => add(facts.clock.as_ref().map(clock::judge)),
            Group::Machine => add(facts.machine.as_ref().map(machine::judge)),
            Group::Disk => add(facts.disk.as_ref().map(disk::judge)),
            Group::Credentials => add(facts.credentials.as_ref().map(credentials::judge)),
            Group::Ledger => add(facts.ledger.as_ref().map(ledger::judge)),
            Group::Upstream => add(facts.upstream.as_ref().map(upstream::judge)),
            Group::Alerts => add(facts.alerts.as_ref().map(alerts::judge)),
            Group::Ups => add(facts.ups.as_ref().zip(facts.power.as_ref()).map(|(ups, power)| ups::judge(ups, power))),
            Group::Battery => {
                add(facts.ups.as_ref().zip(facts.power.as_ref()).map(|(ups, power)| battery::judge(ups, power)));
            }
            Group::Power => {
                add(facts.ups.as_ref().zip(facts.power.as_ref()).map(|(ups, power)| power::judge(ups, power)));
            }
        }
    }
    findings
}

/// The worst of them; fine if there are none.
#[must_use]
pub fn worst(findings: &[Finding]) -> Level {
    findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Fine)
}
