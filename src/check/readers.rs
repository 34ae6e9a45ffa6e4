//! Badge readers and keypads: described, plugged in, one device each, readable, and taken by the daemon alone.

use super::words::{listed, sentence};
use super::{Finding, Id};

/// What was seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Facts {
    /// The config has mistakes where readers or modes are described.
    NotJudged,
    Seen(Box<Seen>),
}

/// The readers of the config, and the devices there are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// The lines are simulated, and a reader with them.
    pub simulated: bool,
    pub daemon_runs: bool,
    pub readers: Vec<Reader>,
    /// Whether the modes under `[identify]` want badges, and digits.
    pub wants_badges: bool,
    pub wants_digits: bool,
    /// Devices that could be a reader and are described by nothing, in words.
    pub others: Vec<String>,
}

/// A described reader.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reader {
    /// "the badge reader with id 08ff:0009"
    pub what: String,
    pub has_badges: bool,
    pub has_digits: bool,
    pub is: Is,
}

/// What became of its description.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Is {
    /// It fits no device, or more than one, or one that cannot type.
    Trouble { what: String, remedy: String },
    There {
        /// The device in words.
        device: String,
        /// Whether the daemon's account may read it; none where there is no such account, or nobody can tell.
        may_read: Option<bool>,
        holders: Holders,
    },
}

/// Which programs have it open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Holders {
    /// The daemon, whoever else.
    Ours,
    /// These, "Xorg (612)"; empty = nobody.
    Others(Vec<String>),
    /// This account may not see them all.
    Unknown,
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let Facts::Seen(seen) = facts else {
        return vec![Finding::unknown(
            Id::ReadersDescribed,
            "The readers are not looked at: the config cannot be read, or their description has mistakes.",
            "See to that first (`cabinetd check --only config`).",
        )];
    };
    let mut findings = vec![described(seen)];
    if !seen.readers.is_empty() {
        findings.push(there(seen));
    }
    if seen.readers.iter().any(|reader| matches!(reader.is, Is::There { .. })) {
        findings.push(allowed(seen));
        findings.push(held(seen));
    }
    findings
}

fn described(seen: &Seen) -> Finding {
    let id = Id::ReadersDescribed;
    let others = match seen.others.as_slice() {
        [] => "Plug it in and look again: what could be one is listed here.".to_owned(),
        others => format!("What could be one: {}.", others.join("; ")),
    };
    let remedy = format!("Write a [[reader]] table for each into the config (docs/readers.md). {others}");
    if seen.readers.is_empty() {
        return if seen.simulated {
            Finding::note(id, "No reader is described; the simulated cabinet brings its own.", remedy)
        } else {
            Finding::failure(id, "No reader is described, so nobody can say who they are.", remedy)
        };
    }
    let lacks = |wants: bool, has: fn(&Reader) -> bool| wants && !seen.readers.iter().any(has);
    let badges = lacks(seen.wants_badges, |reader| reader.has_badges);
    let digits = lacks(seen.wants_digits, |reader| reader.has_digits);
    if (badges || digits) && !seen.simulated {
        let missing = match (badges, digits) {
            (true, true) => "read badges, nor for digits",
            (true, false) => "read badges",
            _ => "type digits",
        };
        let what = format!("No reader is described to {missing}, and the modes under [identify] want that.");
        return Finding::failure(id, what, format!("Correct `modes` under [identify], or describe it. {remedy}"));
    }
    let what: Vec<&str> = seen.readers.iter().map(|reader| reader.what.as_str()).collect();
    Finding::fine(id, sentence(&format!("{} {} described", listed(&what), if what.len() == 1 { "is" } else { "are" })))
}

fn there(seen: &Seen) -> Finding {
    let id = Id::ReadersThere;
    let troubles = seen.readers.iter().filter_map(|reader| match &reader.is {
        Is::Trouble { what, remedy } => Some((format!("{}: {what}", reader.what), remedy)),
        Is::There { .. } => None,
    });
    let (whats, remedies): (Vec<String>, Vec<&String>) = troubles.unzip();
    if let Some(remedy) = remedies.first() {
        let others = match seen.others.as_slice() {
            [] => String::new(),
            others => format!(" Not described is: {}.", others.join("; ")),
        };
        return Finding::failure(id, sentence(&whats.join("; ")), format!("{}{others}", sentence(remedy)));
    }
    let devices = seen.readers.iter().filter_map(|reader| match &reader.is {
        Is::There { device, .. } => Some(device.clone()),
        Is::Trouble { .. } => None,
    });
    Finding::fine(id, format!("Each reader is one device: {}.", devices.collect::<Vec<_>>().join("; ")))
}

fn allowed(seen: &Seen) -> Finding {
    let id = Id::ReadersAllowed;
    let names = |wanted: fn(Option<bool>, &Holders) -> bool| -> Vec<&str> {
        let fits =
            |reader: &&Reader| matches!(&reader.is, Is::There { may_read, holders, .. } if wanted(*may_read, holders));
        seen.readers.iter().filter(fits).map(|reader| reader.what.as_str()).collect()
    };
    let refused = names(|may, holders| may == Some(false) && *holders != Holders::Ours);
    let unknown = names(|may, holders| may.is_none() && *holders != Holders::Ours);
    if !refused.is_empty() {
        let what = sentence(&format!("the daemon's account may not read {}", listed(&refused)));
        return Finding::failure(
            id,
            what,
            "`usermod -a -G input cabinetd`, or the udev rule that comes with the daemon (docs/readers.md); then restart it.",
        );
    }
    if !unknown.is_empty() {
        let what = sentence(&format!("whether the daemon's account may read {} is not known", listed(&unknown)));
        return Finding::unknown(id, what, "Make the account `cabinetd`, and look again.");
    }
    Finding::fine(id, "The daemon's account may read the readers.")
}

fn held(seen: &Seen) -> Finding {
    let id = Id::ReadersHeld;
    let readers = || {
        seen.readers.iter().filter_map(|reader| match &reader.is {
            Is::There { holders, .. } => Some((reader.what.as_str(), holders)),
            Is::Trouble { .. } => None,
        })
    };
    let strangers: Vec<String> = readers()
        .filter_map(|(what, holders)| match holders {
            Holders::Others(others) if !others.is_empty() => Some(format!("{} has {what}", listed(others))),
            Holders::Others(_) | Holders::Ours | Holders::Unknown => None,
        })
        .collect();
    let loose: Vec<&str> =
        readers().filter(|(_, holders)| matches!(holders, Holders::Others(_))).map(|(what, _)| what).collect();
    let hidden: Vec<&str> =
        readers().filter(|(_, holders)| **holders == Holders::Unknown).map(|(what, _)| what).collect();
    let others = if strangers.is_empty() { String::new() } else { format!(" {}", sentence(&strangers.join("; "))) };
    if seen.daemon_runs && !loose.is_empty() {
        let what = format!("{}{others}", sentence(&format!("the daemon runs and has not taken {}", listed(&loose))));
        return Finding::failure(
            id,
            what,
            "End the program that has it, or keep it off (docs/readers.md); `journalctl -u cabinetd` says why it was not taken. \
             If the config is new, restart the daemon.",
        );
    }
    if !hidden.is_empty() {
        let what = sentence(&format!("who has {} cannot be seen by this account", listed(&hidden)));
        return Finding::unknown(id, what, "Run the check with `sudo`.");
    }
    if !strangers.is_empty() {
        return Finding::warning(
            id,
            others.trim_start().to_owned(),
            "If it has taken it for itself the daemon cannot; and until the daemon runs, badges type there. Keep it off (docs/readers.md).",
        );
    }
    let what = if seen.daemon_runs { "The daemon has the readers for itself." } else { "Nobody has the readers." };
    Finding::fine(id, what)
}
