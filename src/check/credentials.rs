//! Pepper and device key: there, whole, closed to others. Nothing of them is kept or shown.

use super::{Finding, Id};

/// What was seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Facts {
    /// Whole, in this folder.
    Usable(String),
    /// They are there and cannot be used; what is wrong, and what to do.
    Unusable { what: String, remedy: String },
    /// There are none, and no PIN was set yet: `cabinetd init` is still to come.
    NotYet { dir: String },
    /// This account must not read them, as it should be.
    NotAllowed { dir: String },
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let id = Id::CredentialsUsable;
    vec![match facts {
        Facts::Usable(dir) => Finding::fine(id, format!("{dir} holds pepper and device key, closed to others.")),
        Facts::Unusable { what, remedy } => Finding::failure(id, what, remedy),
        Facts::NotYet { dir } => Finding::failure(
            id,
            format!("{dir} has no pepper and no device key yet, so the daemon cannot start."),
            "Run `cabinetd init`, and keep a copy of the folder off the machine.",
        ),
        Facts::NotAllowed { dir } => Finding::unknown(
            id,
            format!("This account must not read {dir}, as it should be."),
            "Run the check with `sudo`, or as the daemon's account.",
        ),
    }]
}
