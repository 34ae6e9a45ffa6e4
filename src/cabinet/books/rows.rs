//! What a row of each view holds.

use crate::cabinet::fact::{Alarm, LastHeld};
use crate::cabinet::outcome::Answer;
use crate::cabinet::power::{Supply, UpsFigures};
use crate::cabinet::signed::Signed;
use crate::cabinet::types::{
    Actor, AlarmId, DoorNo, Evidence, KeyId, Origin, PinHash, Reason, RequestKey, SessionId, Shown, SlotNo, Stamp,
    UserId,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A slot: whether something hangs there, and what, as far as known.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Slot {
    pub present: Presence,
    /// The key, when it is known; `evidence` says how.
    pub key: Option<KeyId>,
    pub evidence: Option<Evidence>,
    /// The record that made it so, and when.
    pub seq: u64,
    pub since: Stamp,
    /// The session that filled it.
    pub session: Option<SessionId>,
    /// Which keys it may be when `key` is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<KeyId>,
}

/// What a presence sensor says, after debounce.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    Present,
    Empty,
}

/// Where a key is. No row: it was never seen.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Custody {
    In {
        slot: SlotNo,
        evidence: Evidence,
    },
    Out(Holding),
    /// It left its slot and nobody is known to have it (or it was never seen at all).
    Unaccounted {
        since: Stamp,
        seq: u64,
        /// Who had been let in for it, when that session's end was not seen. A hint, no evidence.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        let_in: Option<UserId>,
        /// Who had it before it was found, or said to be.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last: Option<LastHeld>,
    },
    Lost {
        since: Stamp,
        seq: u64,
        /// Who had it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last: Option<LastHeld>,
    },
    Retired {
        since: Stamp,
        seq: u64,
    },
}

impl Custody {
    /// Out, or found again and not hung home: somebody may have it in hand.
    #[must_use]
    pub const fn may_be_in_a_hand(&self) -> bool {
        matches!(self, Self::Out(_) | Self::Unaccounted { last: Some(_), .. })
    }

    /// Who has it, or had it before nobody was known to.
    #[must_use]
    pub fn last(&self) -> Option<LastHeld> {
        match self {
            Self::Out(Holding { holder, since, .. }) => {
                Some(LastHeld { user: holder.clone(), since: *since, let_in: false })
            }
            Self::Unaccounted { since, let_in: Some(user), .. } => {
                Some(LastHeld { user: user.clone(), since: *since, let_in: true })
            }
            Self::Unaccounted { last, .. } | Self::Lost { last, .. } => last.clone(),
            Self::In { .. } | Self::Retired { .. } => None,
        }
    }
}

/// A key out with somebody.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Holding {
    pub holder: UserId,
    pub session: SessionId,
    /// The slot it came from.
    pub slot: SlotNo,
    pub since: Stamp,
    pub seq: u64,
    pub reason: Reason,
    pub reference: Option<String>,
    pub purpose: Option<String>,
}

/// A door's contact.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct DoorState {
    pub open: bool,
    pub since: Stamp,
    pub session: Option<SessionId>,
}

/// The session under way.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Session {
    pub id: SessionId,
    pub user: UserId,
    pub second: Option<UserId>,
    pub started: Stamp,
    /// What was authorised, ask by ask; empty while nothing was asked for.
    pub granted: Vec<Grant>,
    /// Whether a door was seen open in this session.
    pub opened: bool,
    /// How often a slot became empty, and how often one was filled, in this session.
    #[serde(default)]
    pub taken: u32,
    #[serde(default)]
    pub returned: u32,
}

impl Session {
    /// Whether anything was authorised.
    #[must_use]
    pub const fn is_granted(&self) -> bool {
        !self.granted.is_empty()
    }

    /// Whether this door may be opened in it.
    #[must_use]
    pub fn may_open(&self, door: DoorNo) -> bool {
        self.granted.iter().any(|grant| grant.doors.contains(&door))
    }

    /// The doors that may be opened in it.
    #[must_use]
    pub fn doors(&self) -> BTreeSet<DoorNo> {
        self.granted.iter().flat_map(|grant| grant.doors.iter().copied()).collect()
    }

    /// The ask that this key was asked for in: the latest one.
    #[must_use]
    pub fn ask_for(&self, key: &KeyId) -> Option<&Grant> {
        self.granted.iter().rev().find(|grant| grant.pull.contains(key))
    }
}

/// What one ask of a session may do. A visit may ask more than once, each time for a reason of its own.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Grant {
    pub pull: Vec<KeyId>,
    pub give_back: Vec<KeyId>,
    pub reason: Reason,
    pub reference: Option<String>,
    pub purpose: Option<String>,
    pub doors: Vec<DoorNo>,
    pub alone: bool,
}

/// An alarm that is raised and not cleared.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct OpenAlarm {
    pub id: AlarmId,
    pub alarm: Alarm,
    pub raised: Stamp,
    pub acknowledged: Option<Origin>,
}

/// The daemon's own life.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Life {
    pub started: Stamp,
    /// Whether the last thing it said was that it stops.
    pub stopped: bool,
    /// Wall clock minus boot clock, in ms, within the boot of `started`.
    pub wall_minus_mono_ms: i64,
    /// SHA-256 of the config in force, hex.
    pub config_hash: String,
    /// Whether the lines are lost.
    #[serde(default)]
    pub lines_lost: bool,
    /// Whether the slots were compared since the start.
    #[serde(default)]
    pub compared: bool,
    /// Whether the lockbox of the cabinet key stands open.
    #[serde(default, skip_serializing_if = "is_false")]
    pub lockbox_open: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape serde asks for")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// The supply and since when.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct SupplyState {
    pub supply: Supply,
    pub since: Stamp,
    pub figures: UpsFigures,
}

/// The device's own bucket of failures: it leaks by the hour.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Throttle {
    /// Thousandths of a failure, as of `as_of`.
    pub level_milli: u64,
    pub as_of: Stamp,
}

/// What the cabinet remembers of somebody's visits.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug, Default)]
pub struct Person {
    /// Failures since the last success, by the way they came.
    #[serde(default)]
    pub badge: Charge,
    #[serde(default)]
    pub login: Charge,
    pub last_visit: Option<Stamp>,
}

/// Failures in a row, and the last of them.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug, Default)]
pub struct Charge {
    pub failures: u32,
    pub last: Option<Stamp>,
}

impl Person {
    /// What was charged to this way of saying who they are.
    #[must_use]
    pub const fn charge(&self, shown: Shown) -> Charge {
        match shown {
            Shown::Badge => self.badge,
            Shown::Login => self.login,
        }
    }
}

/// A code for one entry, or for one enrolment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Vouched {
    /// Who stands for them; nobody for an enrolment, which is the account's that made the code.
    pub by: Option<UserId>,
    pub code: PinHash,
    pub since: Stamp,
    pub for_minutes: u32,
    /// It opens nothing, and they choose a PIN of their own with it.
    #[serde(default)]
    pub enrols: bool,
}

/// The signed roster in force.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct SignedState {
    pub signed: Signed,
    /// SHA-256 of what was signed, hex.
    pub hash: String,
    /// When it was taken.
    pub since: Stamp,
}

/// An answer kept for a caller who asks again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Answered {
    pub seq: u64,
    pub actor: Actor,
    pub request: RequestKey,
    pub answer: Answer,
}
