//! Upstream: whether it can be trusted and asked, and how the copy of the ledger stands. Without an `[upstream]` nothing is said.

use super::words::{parted, sentence};
use super::{Finding, Id};
use crate::cabinet::snapshot::{SignedRosterView, UpstreamIs, UpstreamView};

/// What was seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Facts {
    /// The config says nothing of it, or nothing that can be believed.
    Nowhere,
    /// No copy is wanted: a key for signed rosters alone.
    RosterAlone(Roster),
    Copied(Box<Copied>),
}

/// A copy that is wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Copied {
    pub host: String,
    /// Whether there is somebody to trust: the machine's authorities, or the config's; or why not.
    pub trust: Result<(), String>,
    /// None: no token is sent. An error: why it cannot be used.
    pub token: Option<Result<(), String>>,
    /// What it answered to this check; none if it could not be asked for one of the above.
    pub answer: Option<Result<(), String>>,
    /// As the daemon has it; none if it does not run or does not say.
    pub copy: Option<UpstreamView>,
    pub roster: Roster,
}

/// A roster that is signed elsewhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Roster {
    /// The config names no key for it.
    NotWanted,
    /// The daemon does not say.
    NotSaid,
    /// None was taken yet.
    NoneYet,
    Held(SignedRosterView),
}

/// A copy that is older than this is no copy.
const SILENT_MS: u64 = 24 * 3_600_000;

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let copied = match facts {
        Facts::Nowhere => return Vec::new(),
        Facts::RosterAlone(held) => {
            let nowhere = Finding::note(
                Id::UpstreamCurrent,
                "The ledger is copied nowhere, and signed rosters come on a stick alone.",
                "Write `url` under [upstream] if there is an upstream.",
            );
            return [nowhere].into_iter().chain(roster(None, held)).collect();
        }
        Facts::Copied(copied) => copied,
    };
    let mut findings = vec![match &copied.trust {
        Ok(()) => Finding::fine(Id::UpstreamTrust, "There is an authority to know upstream's certificate by."),
        Err(why) => {
            let (what, remedy) = parted(why);
            Finding::failure(Id::UpstreamTrust, what, remedy)
        }
    }];
    match &copied.token {
        None => findings.push(Finding::note(
            Id::UpstreamToken,
            "No token is sent to upstream.",
            "Write `token` under [upstream] if it wants one.",
        )),
        Some(Ok(())) => findings.push(Finding::fine(Id::UpstreamToken, "The token for upstream is there.")),
        Some(Err(why)) => {
            let (what, remedy) = parted(why);
            findings.push(Finding::failure(Id::UpstreamToken, what, remedy));
        }
    }
    findings.extend(copied.answer.as_ref().map(|answer| answers(&copied.host, answer)));
    findings.push(copied.copy.as_ref().map_or_else(
        || {
            Finding::unknown(
                Id::UpstreamCurrent,
                "How far upstream has the ledger is not known: the daemon does not say.",
                "See the findings of the daemon; `cabinetd upstream status` asks it.",
            )
        },
        current,
    ));
    let trouble = copied.copy.as_ref().and_then(|copy| copy.roster_trouble.as_deref());
    findings.extend(roster(trouble, &copied.roster));
    findings
}

fn roster(trouble: Option<&str>, roster: &Roster) -> Option<Finding> {
    let id = Id::UpstreamRoster;
    if let Some(why) = trouble {
        let (what, remedy) = parted(why);
        let what = format!("Upstream's roster for this cabinet is not taken: {what}");
        return Some(Finding::warning(id, sentence(&what), remedy));
    }
    if let Roster::Held(SignedRosterView { waiting: Some(version), waits_for, .. }) = roster
        && let Some(key) = waits_for.first()
    {
        return Some(Finding::warning(
            id,
            format!("Signed roster {version} waits until {} is back, whose slot it gives to another key.", key.label),
            "Get the key back: then it is taken by itself. If it does not come back: `cabinetd key lost`.",
        ));
    }
    let none = "No signed roster was taken yet.";
    let get_one = "Have one signed (`cabinetd roster sign`) and laid down upstream, or bring it: `cabinetd roster import FILE.json`.";
    Some(match roster {
        Roster::NotWanted => return None,
        Roster::NotSaid => Finding::unknown(
            id,
            "How the signed roster stands is not known: the daemon does not say.",
            "See the findings of the daemon.",
        ),
        Roster::NoneYet | Roster::Held(SignedRosterView { version: None, .. }) => Finding::note(id, none, get_one),
        Roster::Held(SignedRosterView { version: Some(version), is_overdue, .. }) => match is_overdue {
            Some(true) => Finding::warning(
                id,
                format!("Signed roster {version} is past its age; nobody is locked out for it."),
                get_one,
            ),
            Some(false) => Finding::fine(id, format!("Signed roster {version} is in force.")),
            None => Finding::note(
                id,
                format!("Signed roster {version} is in force; whether it is past its age the clock does not know."),
                "See the findings of the clock.",
            ),
        },
    })
}

fn answers(host: &str, answer: &Result<(), String>) -> Finding {
    let id = Id::UpstreamAnswers;
    let Err(why) = answer else { return Finding::fine(id, format!("{host} answers.")) };
    let remedy = if why.contains("401") || why.contains("403") {
        "Ask whoever runs upstream for this cabinet's token, and write it into the credential anew."
    } else if why.contains("certificate") {
        "Its certificate must be of an authority that is trusted here (`ca_file`), be for this host, and not be over; look at the clock, too."
    } else {
        "The network, the name (`getent hosts`), the port, upstream itself. Records wait in the ledger meanwhile."
    };
    Finding::warning(id, sentence(&format!("{host} does not answer as it should: {why}")), remedy)
}

fn current(copy: &UpstreamView) -> Finding {
    let id = Id::UpstreamCurrent;
    let waiting = copy.waiting;
    match copy.state {
        UpstreamIs::Stopped => Finding::failure(
            id,
            format!("Upstream holds other records than this ledger; nothing is sent, and {waiting} wait."),
            "docs/upstream.md, \"After a restored card\" and \"Two machines, one name\".",
        ),
        UpstreamIs::Blocked => Finding::failure(
            id,
            format!("Upstream does not even take the envelope of a record; {waiting} wait."),
            "Ask whoever runs upstream; then `cabinetd upstream retry`.",
        ),
        _ if !copy.parked.is_empty() => Finding::warning(
            id,
            format!("Upstream refuses what is in {} of the records.", copy.parked.len()),
            "Ask whoever runs upstream why; when it is put right there: `cabinetd upstream retry`.",
        ),
        UpstreamIs::Silent if copy.silent_ms.is_some_and(|ms| ms >= SILENT_MS) => Finding::warning(
            id,
            format!(
                "Upstream has been silent for {} h; {waiting} records wait.",
                copy.silent_ms.unwrap_or(0) / 3_600_000
            ),
            "As the finding about its answer says. The records are safe here.",
        ),
        UpstreamIs::Silent => Finding::note(
            id,
            format!("Upstream is silent just now; {waiting} records wait."),
            "Nothing yet: it is tried again and again.",
        ),
        UpstreamIs::Unknown => Finding::note(
            id,
            format!("Upstream was not heard since the daemon's start; {waiting} records wait."),
            "Look again in a minute.",
        ),
        UpstreamIs::Current if waiting == 0 => Finding::fine(id, "Upstream has every record."),
        UpstreamIs::Current => Finding::fine(id, format!("Upstream is being sent the last {waiting} records.")),
    }
}
