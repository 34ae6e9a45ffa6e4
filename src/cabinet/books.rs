//! The durable state: what the ledger's records add up to. "What is so", as against "what happened".
//!
//! [`Books::apply`] is the only way in: a record comes, rows change. So the views can always be rebuilt from the ledger
//! (but for the roster's secrets, which no record holds), and `ledger verify` does just that and compares.
//! Everything volatile (debounce, half-typed PINs, commands under way) lives elsewhere, in the rooms.

use super::fact::{Alarm, Fact, Record, SensorFault};
use super::outcome::Answer;
use super::power::{Supply, UpsFigures};
use super::roster::{Key, Roster, User};
use super::types::{
    Actor, AlarmId, BootId, DoorNo, Evidence, Input, KeyId, Origin, PinHash, Reason, RequestKey, SessionId, SlotNo,
    Stamp, UserId,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A row's address: the view and the row in it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum View {
    Slot(SlotNo),
    Custody(KeyId),
    Door(DoorNo),
    Session,
    Alarm(AlarmId),
    Life,
    Supply,
    Throttle,
    Fault(Input),
    Person(UserId),
    Vouched(UserId),
    User(UserId),
    Key(KeyId),
    RosterVersion,
    /// A place in the ring of remembered answers.
    Answered(u8),
}

/// A row as stored: `view` names the view, `row` is its body.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
#[serde(tag = "view", content = "row", rename_all = "kebab-case")]
pub enum Row {
    Slot(Slot),
    Custody(Custody),
    Door(DoorState),
    Session(Session),
    Alarm(OpenAlarm),
    Life(Life),
    Supply(SupplyState),
    Throttle(Throttle),
    Fault(SensorFault),
    Person(Person),
    Vouched(Vouched),
    User(User),
    Key(Key),
    RosterVersion(u64),
    Answered(Answered),
}

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
    },
    Lost {
        since: Stamp,
        seq: u64,
    },
    Retired {
        since: Stamp,
        seq: u64,
    },
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
    /// What was authorised; none while nothing was asked for.
    pub granted: Option<Grant>,
    /// Whether a door was seen open in this session.
    pub opened: bool,
}

/// What a session may do.
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
    /// Whether the slots were ever read.
    pub adopted: bool,
    /// Wall clock minus boot clock, in ms, within the boot of `started`.
    pub wall_minus_mono_ms: i64,
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
    /// Failures since the last success.
    pub failures: u32,
    pub last_failure: Option<Stamp>,
    pub last_visit: Option<Stamp>,
}

/// A code for one entry.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Vouched {
    pub by: UserId,
    pub code: PinHash,
    pub since: Stamp,
    pub for_minutes: u32,
}

/// An answer kept for a caller who asks again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Answered {
    pub seq: u64,
    pub actor: Actor,
    pub request: RequestKey,
    pub answer: Answer,
}

/// How many answers are remembered.
pub const ANSWERS: u8 = 64;

/// The rows by view.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Books {
    pub slots: BTreeMap<SlotNo, Slot>,
    pub custody: BTreeMap<KeyId, Custody>,
    pub doors: BTreeMap<DoorNo, DoorState>,
    pub session: Option<Session>,
    pub alarms: BTreeMap<AlarmId, OpenAlarm>,
    pub life: Option<Life>,
    pub supply: Option<SupplyState>,
    pub faults: BTreeMap<Input, SensorFault>,
    pub people: BTreeMap<UserId, Person>,
    pub roster: Roster,
    pub next_seq: u64,
}
