//! The parts of the picture, as they are printed and sent: fields are added, not renamed.

use super::super::fact::SensorFault;
use super::super::power::{Supply, UpsFigures};
use super::super::types::{
    AlarmId, ClockQuality, DoorNo, Evidence, Input, KeyId, Reason, SessionId, SlotNo, UserId, Wall,
};
use serde::{Deserialize, Serialize};

/// A moment in the past, seen from the snapshot's.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Moment {
    /// The wall time, corrected if the clock was learned later in the same boot.
    pub wall: Wall,
    pub clock: ClockQuality,
    /// Milliseconds before `as_of`.
    pub ago_ms: u64,
    /// `ago_ms` is only a lower bound: the machine was off in between, and the clock was not known before or after.
    pub at_least: bool,
}

/// Whether records of openings can be kept.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum StoreIs {
    Writable,
    /// No room: nothing opens.
    Full,
}

/// Sums over slots and keys.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Debug)]
pub struct Counts {
    pub slots: u32,
    /// Slots by what their sensor says.
    pub present: u32,
    pub empty: u32,
    pub unknown: u32,
    pub fault: u32,
    /// Slots where a key hangs and nobody knows which.
    pub unknown_keys: u32,
    /// Keys by where they are, as far as the books know; retired ones are in none of these.
    pub keys_in: u32,
    pub keys_out: u32,
    pub keys_unaccounted: u32,
    pub keys_lost: u32,
    /// In the roster, never seen in the cabinet.
    pub keys_unseen: u32,
    pub overdue: u32,
}

/// A person, by name.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Who {
    pub id: UserId,
    /// The id again, if the person is no longer in the roster.
    pub name: String,
}

/// An admin's word that nobody has taken up yet.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct OpeningView {
    /// Who is waited for.
    pub user: Who,
    /// Who gave the word.
    pub by: String,
    pub why: String,
    pub doors: Vec<DoorNo>,
    /// How long it stands from `as_of` on.
    pub left_ms: u64,
}

/// A key, by label.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct KeyName {
    pub id: KeyId,
    /// The id again, if the key is no longer in the roster.
    pub label: String,
}

/// A slot.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct SlotView {
    pub slot: SlotNo,
    pub door: DoorNo,
    pub row: u16,
    pub column: u16,
    pub present: Present,
    /// Since when; none if it was never read, or nothing can be read now.
    pub since: Option<Moment>,
    /// What hangs here, if that is known. With `present` = `fault` or `unknown`: what hung here last.
    pub key: Option<KeyName>,
    /// How it is known.
    pub evidence: Option<Evidence>,
    /// A key hangs here and nobody knows which; `candidates` are those it may be.
    pub unknown_key: bool,
    #[serde(default)]
    pub candidates: Vec<KeyName>,
    /// The key that belongs here, and where it is.
    pub home: Option<Home>,
}

/// What a slot's sensor says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Present {
    Yes,
    No,
    /// Not read yet, or no sensor can be read now.
    Unknown,
    /// The sensor cannot be believed.
    Fault,
}

/// The key that belongs into a slot.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Home {
    pub key: KeyName,
    pub whereabouts: Whereabouts,
}

/// Where a key is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Whereabouts {
    In {
        slot: SlotNo,
        evidence: Evidence,
    },
    Out {
        holder: Who,
        since: Moment,
        reason: Reason,
        reference: Option<String>,
        purpose: Option<String>,
        /// Longer out than its reason allows.
        overdue: bool,
    },
    /// It left its slot and nobody is known to have it.
    Unaccounted {
        since: Moment,
        /// Who had been let in for it by a session whose end nobody saw: a hint, no evidence.
        let_in: Option<Who>,
        /// Who had it before it was lost and found.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last: Option<LastView>,
    },
    Lost {
        since: Moment,
        /// Who had it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last: Option<LastView>,
    },
    Retired {
        since: Moment,
    },
    /// Never seen in the cabinet.
    Unseen,
}

/// Who had a key, before nobody was known to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct LastView {
    pub holder: Who,
    /// When they took it; with `let_in` when it was found gone.
    pub since: Moment,
    /// They had been let in for it, and nobody saw who took it: a hint, no evidence.
    pub let_in: bool,
}

/// A key that does not hang in the cabinet.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Away {
    pub key: KeyName,
    /// The slot it belongs into; none if it left the roster, or for readers who may not see slots.
    pub home: Option<SlotNo>,
    pub whereabouts: Whereabouts,
}

/// A door.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct DoorView {
    pub door: DoorNo,
    pub state: DoorIs,
    pub since: Option<Moment>,
}

/// What is known of a door.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum DoorIs {
    Open,
    Closed,
    /// It has no contact, was not read yet, or no sensor can be read now.
    Unknown,
    /// Its contact cannot be read.
    Fault,
}

/// The visit under way.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct SessionView {
    pub id: SessionId,
    pub user: Who,
    pub second: Option<Who>,
    pub since: Moment,
    /// Whether a door was seen open.
    pub opened: bool,
    /// What was asked for and granted, ask by ask.
    pub asked: Vec<Asked>,
}

/// What somebody at the cabinet asked for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Asked {
    pub pull: Vec<KeyName>,
    pub give_back: Vec<KeyName>,
    pub reason: Reason,
    pub reference: Option<String>,
    pub purpose: Option<String>,
    pub doors: Vec<DoorNo>,
}

/// An open alarm.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct AlarmView {
    pub id: AlarmId,
    /// Its word in the ledger, for example `door-left-open`.
    pub kind: String,
    /// 1 = look when there is time, 2 = look today, 3 = look now.
    pub level: u8,
    pub sentence: String,
    pub raised: Moment,
    /// Whoever acknowledged it, by name.
    pub acknowledged_by: Option<String>,
}

/// A line that cannot be believed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct FaultView {
    pub line: Input,
    pub fault: SensorFault,
    pub sentence: String,
}

/// The supply.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct SupplyView {
    pub supply: Supply,
    pub since: Moment,
    pub figures: UpsFigures,
    /// How old the figures were at `as_of`, in ms.
    pub figures_ago_ms: u64,
}

/// The roster that was signed elsewhere.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, Debug)]
pub struct SignedRosterView {
    /// Of the one that was taken last; none was yet if this is absent.
    pub version: Option<u64>,
    pub since: Option<Moment>,
    /// Milliseconds since 1970: after it the cabinet warns.
    pub expires: Option<Wall>,
    /// Whether that is over. None: the clock is not trusted.
    pub is_overdue: Option<bool>,
    /// A newer one, that waits for nobody to be at the cabinet.
    pub waiting: Option<u64>,
    /// Or for these keys: it gives their slots to others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<KeyName>,
}

/// How the ledger's copy upstream stands.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct UpstreamView {
    pub state: UpstreamIs,
    /// The last record that upstream said it has, by its number as in `head_seq`, 0 = none.
    pub acknowledged_seq: u64,
    /// Records that it does not have yet.
    pub waiting: u64,
    /// How long ago it said anything that made sense, at `as_of`, in ms; none if it did not since the daemon's start.
    pub heard_ago_ms: Option<u64>,
    /// Since when it does not, at `as_of`, in ms.
    pub silent_ms: Option<u64>,
    /// Records whose payloads it refuses.
    pub parked: Vec<u64>,
    /// What went wrong last.
    pub trouble: Option<String>,
    /// Why its roster counts for nothing, or is not to be had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roster_trouble: Option<String>,
}

/// How the config in force and its file go together.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, Debug)]
pub struct ConfigView {
    pub state: ConfigIs,
    /// Keys whose new values a restart alone takes: `slots.count`.
    pub after_restart: Vec<String>,
}

/// What became of the file that was read last.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum ConfigIs {
    /// Its rules are in force.
    #[default]
    InForce,
    /// It is taken when nobody is at the cabinet and there is room for the record.
    Waiting,
    /// It was not taken, the old one goes on: it has mistakes, or needs a restart as a whole.
    Refused,
}

/// Whether the copy goes on.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum UpstreamIs {
    /// It was not heard yet.
    Unknown,
    /// It has everything, or is being sent it.
    Current,
    /// It does not answer, or not with what is understood.
    Silent,
    /// It holds what this ledger does not: nothing is sent.
    Stopped,
    /// It does not even take a record's envelope: nothing is sent behind it.
    Blocked,
}

/// How those stand who are told of alarms. An alarm under duress moves nothing here.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct AlertsView {
    pub recipients: Vec<RecipientView>,
}

/// How one of them stands.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct RecipientView {
    pub name: String,
    /// `mail` or `webhook`.
    pub by: String,
    pub state: RecipientIs,
    /// Urgent news that were not taken yet.
    pub urgent_waiting: u64,
    /// News that wait for the digest.
    pub routine_waiting: u64,
    /// How long ago it took something, at `as_of`, in ms; none if it did not since the daemon's start.
    pub told_ago_ms: Option<u64>,
    /// Since when it takes nothing, at `as_of`, in ms.
    pub failing_ms: Option<u64>,
    /// What went wrong last.
    pub trouble: Option<String>,
}

/// Whether a recipient is told.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum RecipientIs {
    /// It was told what is urgent.
    Fine,
    /// Something urgent is on its way, held for a moment, or gathered.
    Waiting,
    /// What was sent last was not taken.
    Failing,
}
