//! The ledger, as a reader beside the daemon sees it. Its end is verified; `cabinetd ledger verify` verifies all of it.

use super::words::parted;
use super::{Finding, Id};
use crate::cabinet::types::SlotNo;

/// What was seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Facts {
    /// There is none yet.
    NotYet,
    /// This account must not read it, or the daemon holds it up just now.
    Unknown(String),
    /// It cannot be opened; an error of the store.
    Unreadable(String),
    Open(Open),
}

/// A ledger that was opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Open {
    pub records: u64,
    /// Site and cabinet in its records.
    pub found: (String, String),
    /// Site and cabinet of the config; none while the config has mistakes.
    pub wanted: Option<(String, String)>,
    /// The last record that was durable once, where the ledger ends before it or has another in its place.
    pub lost: Option<u64>,
    /// How many of the last records were verified, and the first that does not fit.
    pub verified: u64,
    pub unfit: Option<u64>,
    /// Its end could not be read.
    pub illegible: Option<String>,
    /// Keys, by their labels, whose home slot the config has not; none while the config has mistakes there.
    pub homeless: Option<Vec<(String, SlotNo)>>,
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let open = match facts {
        Facts::NotYet => {
            let remedy = "It is made at the daemon's first start.";
            return vec![Finding::note(Id::LedgerReadable, "There is no ledger yet.", remedy)];
        }
        Facts::Unknown(text) => {
            let (what, remedy) = parted(text);
            return vec![Finding::unknown(Id::LedgerReadable, what, remedy)];
        }
        Facts::Unreadable(text) => {
            let (what, remedy) = parted(text);
            return vec![Finding::failure(Id::LedgerReadable, what, remedy)];
        }
        Facts::Open(open) => open,
    };
    vec![
        Finding::fine(Id::LedgerReadable, format!("The ledger has {} records.", open.records)),
        owner(open),
        whole(open),
        homes(open),
    ]
}

fn owner(open: &Open) -> Finding {
    let id = Id::LedgerOwner;
    let name = |(site, cabinet): &(String, String)| format!("\"{cabinet}\" of \"{site}\"");
    match &open.wanted {
        Some(wanted) if *wanted == open.found => Finding::fine(id, format!("The ledger is that of {}.", name(wanted))),
        Some(wanted) => Finding::failure(
            id,
            format!(
                "The ledger is that of {}; the config says {}. The daemon does not start on it.",
                name(&open.found),
                name(wanted)
            ),
            "Correct `site` and `name` in the config, or give this cabinet a state directory of its own.",
        ),
        None => Finding::unknown(
            id,
            format!(
                "The ledger is that of {}; whether that is this cabinet the config does not say.",
                name(&open.found)
            ),
            "Correct the config first.",
        ),
    }
}

/// The config can get fewer slots than there are keys for.
fn homes(open: &Open) -> Finding {
    const NAMED: usize = 5;
    let id = Id::LedgerHomes;
    match open.homeless.as_deref() {
        None => {
            Finding::unknown(id, "Whether every key has its slot the config does not say.", "Correct the config first.")
        }
        Some([]) => Finding::fine(id, "Every key has its home in a slot of the config."),
        Some(keys) => {
            let named = keys.iter().take(NAMED).map(|(label, slot)| format!("{label} (slot {slot})"));
            let more = keys.len().saturating_sub(NAMED);
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            Finding::failure(
                id,
                format!(
                    "These keys have their homes in slots that the config has not: {}{more}. Nobody sees or unlocks them.",
                    named.collect::<Vec<_>>().join(", ")
                ),
                "Correct `[slots]` in the config, or give them other homes (`cabinetd key edit KEY --home SLOT`).",
            )
        }
    }
}

fn whole(open: &Open) -> Finding {
    let id = Id::LedgerWhole;
    let keep = "Keep a copy of the state directory before anything else; then `cabinetd ledger verify`, and a backup that has what is missing.";
    if let Some(text) = &open.illegible {
        return Finding::failure(id, format!("The ledger's end cannot be read: {text}."), keep);
    }
    if let Some(seq) = open.lost {
        return Finding::failure(
            id,
            format!("Record {seq} was durable once and is gone, or is another one now."),
            keep,
        );
    }
    if let Some(seq) = open.unfit {
        return Finding::failure(
            id,
            format!("Record {seq} does not fit its hash: it, or the one before it, was changed."),
            keep,
        );
    }
    let how = if open.verified >= open.records {
        "All records".to_owned()
    } else {
        format!("The last {} records", open.verified)
    };
    Finding::fine(id, format!("{how} fit their hashes, and nothing that was durable is missing."))
}
