//! Telling people: whether each recipient's server is there, knows us and is trusted, and how the daemon fares. Nobody is sent anything.
//! Without a `[[recipient]]` nothing is said.

use super::words::sentence;
use super::{Finding, Id};
use crate::alerts::send::remedy;
use crate::cabinet::snapshot::{AlertsView, RecipientIs};

/// What was seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Facts {
    /// The config names nobody, or nothing of it can be believed.
    Nobody,
    Told(Told),
}

/// Those who are told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// Each with whether its server took our knock.
    pub recipients: Vec<(String, Result<(), String>)>,
    /// Somebody is told of what is urgent.
    pub urgent: bool,
    /// Somebody is told of an alarm under duress.
    pub duress: bool,
    /// As the daemon has it; none if it does not run or does not say.
    pub daemon: Option<AlertsView>,
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let Facts::Told(told) = facts else { return Vec::new() };
    let mut findings = Vec::new();
    for (name, knocked) in &told.recipients {
        findings.push(match knocked {
            Ok(()) => Finding::fine(Id::AlertsReach, format!("The server of {name:?} is there, and takes us.")),
            Err(why) => {
                Finding::warning(Id::AlertsReach, sentence(&format!("{name:?} cannot be reached: {why}")), remedy(why))
            }
        });
    }
    findings.push(match &told.daemon {
        None => Finding::unknown(
            Id::AlertsArrive,
            "Whether people are told is not known: the daemon does not say.",
            "See the findings of the daemon; `cabinetd alerts status` asks it.",
        ),
        Some(view) => {
            let failing: Vec<&str> = view
                .recipients
                .iter()
                .filter(|recipient| recipient.state == RecipientIs::Failing)
                .map(|recipient| recipient.name.as_str())
                .collect();
            if failing.is_empty() {
                Finding::fine(Id::AlertsArrive, "Everybody was told what is urgent.")
            } else {
                Finding::warning(
                    Id::AlertsArrive,
                    format!("The daemon cannot tell {}.", failing.join(", ")),
                    "`cabinetd alerts status` says why; where this check reaches the server, the service lacks the drop-in (docs/alerts.md).",
                )
            }
        }
    });
    findings.push(if told.urgent {
        Finding::fine(Id::AlertsUrgent, "Somebody is told of what is urgent.")
    } else {
        Finding::warning(
            Id::AlertsUrgent,
            "Nobody is told of what is urgent.",
            "Write \"urgent\" under `classes` of a recipient who reads it at any hour.",
        )
    });
    findings.push(if told.duress {
        Finding::fine(Id::AlertsDuress, "Somebody is told when somebody acts under duress.")
    } else {
        Finding::note(
            Id::AlertsDuress,
            "Nobody is told when somebody acts under duress.",
            "Where duress PINs are given out: `duress = true` for a recipient who is not at the cabinet.",
        )
    });
    findings
}
