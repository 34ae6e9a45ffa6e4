//! What the ledger keeps: one [`Record`] per fact, numbered, stamped, with its origin.
//!
//! A fact's kind and payload are what the ledger stores (`docs/ledger-format.md`): integers, text, lists; no floats, no secrets.
//! Facts keep figures and names of things; sentences are rendered from them ([`Fact`]'s `Display`).

use super::event::{KeyStep, StopReason};
use super::outcome::Denial;
use super::power::baseline::LoadDay;
use super::power::policy::{Method, Mode, Why};
use super::power::selftest::Verdict;
use super::power::state::{DrillEnd, OutageId, PowerOrder, Replaced, Sight, SwitchFigures, Told};
use super::power::{Supply, UpsFigures};
use super::roster::Difference;
use super::signed::{Rise, RosterFault, Signed};
use super::types::{
    AlarmId, BootId, DoorNo, Evidence, Input, KeyId, Origin, Reason, SessionId, Shown, SlotNo, Stamp, UserId,
};
use serde::{Deserialize, Serialize};

/// One entry of the ledger as the core makes it. Salt and hashes are the store's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// From 1, without gaps; it runs on through epochs.
    pub seq: u64,
    pub stamp: Stamp,
    pub by: Origin,
    pub fact: Fact,
}

/// What is recorded. The variant's name in kebab case is the record's `kind`; its fields are the payload.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(tag = "kind", content = "fact", rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum Fact {
    // --- life of the daemon
    /// The daemon started. `dark` is what went before: not seen by anybody.
    Started {
        version: String,
        dark: Option<Dark>,
    },
    Stopped {
        why: StopReason,
    },
    /// Slots seen for the first time, as they were found. A key is named where its home slot is occupied.
    SlotsAdopted {
        slots: Vec<Adopted>,
    },
    /// The slots were compared across a dark interval; each difference has a record of its own before this one.
    DarkCompared {
        differences: u32,
    },
    /// A slot is not as it was before the dark interval (or between two readings of all lines): nobody saw it change.
    /// `let_in`: who had been let in for the key that is gone, when the last session's end was not seen.
    FoundChanged {
        slot: SlotNo,
        present: bool,
        key: Option<KeyId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        let_in: Option<UserId>,
    },
    /// Wall time jumped or became known: records of this boot before this one are off by `by_ms` (true minus recorded).
    ClockCorrected {
        by_ms: i64,
    },
    /// The config in force, when it is another one than before. Read again while the daemon runs, it says what changes, a line for each
    /// key, and what will after a restart.
    ConfigLoaded {
        hash: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        changed: Vec<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        after_restart: Vec<String>,
    },
    /// No input line can be read any more: until they are back nobody sees the slots.
    LinesLost,
    LinesBack,
    /// Records that were durable once were gone at the start: the ledger ended at `after`, though `known` had been written. Where
    /// `known` is not above `after`, the record of that number was another one.
    RecordsMissing {
        after: u64,
        known: u64,
    },

    // --- roster
    RosterChanged {
        source: String,
        hash: Option<String>,
        version: u64,
        replace: bool,
        difference: Vec<Difference>,
        /// It was signed elsewhere.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signed: Option<Signed>,
        /// Whom that roster gives more than before.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        rises: Vec<Rise>,
    },
    PinSet {
        user: UserId,
        /// They chose it themselves, at the cabinet.
        #[serde(default, skip_serializing_if = "is_false")]
        enrolled: bool,
    },
    /// A code was made with which this person may choose a PIN, once.
    EnrolmentOffered {
        user: UserId,
        for_minutes: u32,
    },
    /// `by` stands for `user` with a code for one entry.
    Vouched {
        user: UserId,
        by: UserId,
        for_minutes: u32,
    },

    // --- access
    /// Refused, `count` times within a minute for the same reason and person.
    Denied {
        user: Option<UserId>,
        denial: Denial,
        count: u32,
        /// A failure, charged to the person's badge or number and to the device; none = no failure.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        charged: Option<Shown>,
    },
    /// Somebody proved who they are. The session is named by this record's number.
    SessionStarted {
        user: UserId,
        #[serde(default, skip_serializing_if = "is_false")]
        vouched: bool,
        #[serde(default, skip_serializing_if = "is_false")]
        clock_unverified: bool,
        /// Let in on an admin's word: who it was nobody proved.
        #[serde(default, skip_serializing_if = "is_false")]
        on_word: bool,
    },
    /// A second person joined.
    SessionJoined {
        session: SessionId,
        user: UserId,
    },
    /// An admin's word that this person may open, once, within a minute, if they are there.
    OpeningOrdered {
        user: UserId,
        doors: Vec<DoorNo>,
        why: String,
    },
    /// The intent: what may be taken or returned, why, and the doors whose locks are energised next.
    SessionAuthorised {
        session: SessionId,
        user: UserId,
        pull: Vec<KeyId>,
        give_back: Vec<KeyId>,
        reason: Reason,
        reference: Option<String>,
        purpose: Option<String>,
        doors: Vec<DoorNo>,
        #[serde(default, skip_serializing_if = "is_false")]
        alone: bool,
    },
    /// `taken`: how often a slot became empty in it. `returned`: how often one was filled. A key that was taken and hung back is in both.
    SessionClosed {
        session: SessionId,
        user: UserId,
        how: SessionEnd,
        duration_ms: u64,
        taken: u32,
        returned: u32,
        /// What it took from the battery; none on mains.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        energy_mwh: Option<u64>,
    },

    // --- doors and slots
    DoorOpened {
        door: DoorNo,
        session: Option<SessionId>,
    },
    DoorClosed {
        door: DoorNo,
        session: Option<SessionId>,
        open_ms: u64,
    },
    /// A slot became empty. `key`: what hung there as far as known, and how that is known.
    Taken {
        slot: SlotNo,
        key: Option<KeyId>,
        evidence: Option<Evidence>,
        session: Option<SessionId>,
        holder: Option<UserId>,
        reason: Reason,
        reference: Option<String>,
        purpose: Option<String>,
        /// Whether the session asked for it and may have it.
        entitled: bool,
    },
    /// A slot became occupied. Without `key` nobody knows yet which key it is; `candidates` are those it may be.
    Returned {
        slot: SlotNo,
        key: Option<KeyId>,
        evidence: Option<Evidence>,
        session: Option<SessionId>,
        by: Option<UserId>,
        candidates: Vec<KeyId>,
    },
    /// Which key hangs in a slot became known later.
    SlotIdentified {
        slot: SlotNo,
        key: KeyId,
        evidence: Evidence,
        session: Option<SessionId>,
    },
    /// A key thought to hang in `slot` was scanned in somebody's hand: what hangs there is another.
    TagContradicted {
        slot: SlotNo,
        key: KeyId,
        session: Option<SessionId>,
        holder: Option<UserId>,
    },
    SensorFault {
        input: Input,
        fault: SensorFault,
    },
    SensorRecovered {
        input: Input,
        present: bool,
    },
    /// The lockbox of the cabinet key, by its contact.
    LockboxOpened,
    LockboxClosed,
    /// A lock relay command failed or its end is not known.
    LockFault {
        door: DoorNo,
        session: Option<SessionId>,
    },

    // --- life of a key
    KeyStepped {
        key: KeyId,
        step: KeyStep,
        note: Option<String>,
        /// Who had it last, when it is said to be lost or found.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last: Option<LastHeld>,
    },

    // --- alarms
    /// `number`: that of a silent alarm; any other is named by this record's number.
    AlarmRaised {
        alarm: Alarm,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        number: Option<AlarmId>,
    },
    AlarmAcknowledged {
        alarm: AlarmId,
    },
    /// `name`: in whose name an account countersigned.
    AlarmCleared {
        alarm: AlarmId,
        why: Cleared,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<UserId>,
    },

    // --- power
    SupplyChanged {
        from: Supply,
        to: Supply,
        figures: UpsFigures,
    },
    /// The policy switched modes. The first one that leaves `line` opens an outage, named by its number.
    PowerSwitched {
        from: Mode,
        to: Mode,
        why: Why,
        figures: SwitchFigures,
    },
    /// Mains is back for good. Its length is an interval when a clock was not trusted.
    OutageEnded {
        outage: OutageId,
        least_ms: u64,
        most_ms: u64,
        flaps: u32,
        sessions: u32,
        sleeps: u32,
        spent_mwh: u64,
        #[serde(default, skip_serializing_if = "is_false")]
        drill: bool,
    },
    OutageTold {
        told: Told,
        /// Upstream said so, nobody here.
        #[serde(default, skip_serializing_if = "is_false")]
        upstream: bool,
    },
    PowerTold {
        order: PowerOrder,
    },
    /// What was drawn since the last power record, and what is left.
    EnergyBooked {
        spent_mwh: u64,
        left_mwh: u64,
        drained_mwh: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        asleep: Option<Method>,
    },
    /// Capacity and proofs of before do not count any more, unless `what` is `nothing`.
    BatteryReplaced {
        what: Replaced,
        serial: Option<String>,
    },
    BatteryMeasured {
        capacity_mwh: u64,
        by_drill: bool,
    },
    /// What a day taught of the load on the UPS.
    LoadLearned {
        day: LoadDay,
    },
    /// The UPS took the order to test its battery.
    SelfTestBegan,
    SelfTestEnded {
        verdict: Verdict,
    },
    DrillStarted {
        deep: bool,
    },
    /// `figure`: as [`Sight`] says, 0 where it says nothing.
    DrillSaw {
        what: Sight,
        figure: u64,
    },
    DrillProving {
        method: Method,
    },
    /// `ready_ms`: from the start of the machine's kernel to ready; in standby from the press to the answer of the hardware.
    /// `by_stopwatch`: from the press to ready, as a person timed it; an addition to a proof.
    MethodProved {
        method: Method,
        ready_ms: u64,
        #[serde(default, skip_serializing_if = "is_false")]
        by_stopwatch: bool,
    },
    /// The machine came up by itself, or a person says that it never was dark: the proof is void.
    MethodDisproved {
        method: Method,
    },
    /// `lasted_ms`: a lower bound if a clock was not trusted.
    DrillEnded {
        drill: u64,
        how: DrillEnd,
        lasted_ms: u64,
    },
    /// Its drill is over, and nobody put the plug back: the outage is a real one.
    DrillOutlasted {
        outage: OutageId,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape serde asks for")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// The interval nobody saw: from the last proof of life to a start.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Dark {
    pub from: Stamp,
    /// The boot that the daemon came up in; another one than `from.boot` if the machine itself was down.
    pub boot: BootId,
    /// Whether the daemon had said that it stops.
    pub announced: bool,
    /// It had been sent to this sleep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asleep: Option<Method>,
    /// Its length, by [`Stamp::elapsed_ms`]: a lower bound when the clock is not trusted.
    pub lasted_ms: u64,
}

/// Who had a key, before nobody was known to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct LastHeld {
    pub user: UserId,
    /// When they took it; with `let_in` when it was found gone.
    pub since: Stamp,
    /// They had been let in for it, and nobody saw who took it. A hint, no evidence.
    #[serde(default, skip_serializing_if = "is_false")]
    pub let_in: bool,
}

/// A slot as found at its first reading.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Adopted {
    pub slot: SlotNo,
    pub present: bool,
    /// The key whose home it is, if it is occupied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
}

/// How a session ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum SessionEnd {
    /// Door closed, lock off.
    Completed,
    /// Authorised, but the door was not opened in time.
    NeverOpened,
    /// Nothing was asked for in time, or no second person came.
    TimedOut,
    /// The person cancelled, or was revoked, before the door opened.
    Cancelled,
    /// The lock did not answer.
    LockFault,
    /// The daemon ended in the middle, after the intent: what the relay and the person did is unknown. Nothing is repeated.
    Unknown,
    /// The daemon was stopped in the middle, or ended before anything was authorised.
    Interrupted,
}

/// What is wrong with a sensor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum SensorFault {
    /// The line cannot be read.
    Unreadable,
    /// It changes faster than any hand.
    Chatter,
    /// It says the opposite of what a tag scan proved.
    Contradicted,
}

/// An alarm as raised.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Debug)]
#[serde(tag = "alarm", rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum Alarm {
    /// A door opened with no session: forced, or the cabinet key.
    OpenWithoutSession {
        door: DoorNo,
    },
    /// `level` 1, 2, 3: it grows with time.
    DoorLeftOpen {
        door: DoorNo,
        level: u8,
    },
    /// A key was taken that was not asked for or not allowed.
    WrongKey {
        slot: SlotNo,
        key: Option<KeyId>,
        session: Option<SessionId>,
    },
    /// A key hangs where it does not belong, or where none should be.
    UnexpectedSlot {
        slot: SlotNo,
        key: Option<KeyId>,
    },
    /// A key came back and nobody knows which.
    UnknownReturn {
        slot: SlotNo,
    },
    /// Something changed while nobody saw it.
    DarkDifference {
        slot: SlotNo,
    },
    /// A slot changed although its door was closed.
    ChangedBehindDoor {
        slot: SlotNo,
    },
    SensorFault {
        input: Input,
    },
    /// Lines of a chip changed without an interrupt: they are polled until edges come again.
    InterruptDead {
        chip: String,
    },
    /// No line can be read.
    LinesLost,
    LockFault {
        door: DoorNo,
    },
    Tampered,
    /// The lockbox of the cabinet key was opened.
    LockboxOpened,
    Overdue {
        key: KeyId,
    },
    OutAtClosing {
        keys: Vec<KeyId>,
    },
    /// A two-person key was taken alone in an emergency: open until countersigned.
    LoneEmergency {
        session: SessionId,
        user: UserId,
    },
    /// Shown nowhere near the cabinet. Without a session nothing opened: they were refused.
    Duress {
        session: Option<SessionId>,
        user: UserId,
    },
    /// Somebody in the roster has not been here for a long time.
    InactiveUser {
        user: UserId,
    },
    NoRoom,
    UpsUnreachable,
    /// A deep sleep was ordered and did not come.
    SleepFailed {
        method: Method,
    },
    /// The UPS wants a new battery, or its test failed.
    ReplaceBattery,
    /// The battery nears its end: time to fetch the cabinet key.
    CabinetKeyDue,
    /// The battery is empty, or somebody shuts the machine down: only the cabinet key opens.
    CabinetKeyOnly,
    /// The ledger lost records: see [`Fact::RecordsMissing`].
    RecordsMissing {
        after: u64,
        known: u64,
    },
    /// Upstream had everything up to record `held` and now ends at `has`: it was sent again from there.
    UpstreamLostData {
        held: u64,
        has: u64,
    },
    /// Upstream holds records up to `seq` that are not in this ledger: an older card or backup was put in.
    UpstreamAhead {
        seq: u64,
    },
    /// The same, sent by another machine under this cabinet's name.
    CabinetCloned {
        seq: u64,
    },
    /// Upstream refuses what is in this record.
    RecordParked {
        record: u64,
    },
    /// Upstream does not take this record in any form: nothing goes on behind it.
    UpstreamBlocked {
        record: u64,
    },
    /// The roster that upstream has for this cabinet counts for nothing.
    RosterRefused {
        fault: RosterFault,
    },
    /// The signed roster in force is past its age. Nobody is locked out for it.
    RosterOverdue {
        version: u64,
    },
    /// A signed roster is not in force yet: this key must be back first. Whom it dismisses is let in no more meanwhile.
    RosterWaits {
        version: u64,
        key: KeyId,
    },
    /// A signed roster gives somebody more than before: somebody here has to take note.
    PrivilegesRose {
        version: u64,
        rises: Vec<Rise>,
    },
    /// Upstream has not answered for hours, and mains is there.
    UpstreamSilent,
}

impl Alarm {
    /// Whether it must not be shown at the cabinet nor in anything read beside it.
    #[must_use]
    pub const fn is_silent(&self) -> bool {
        matches!(self, Self::Duress { .. })
    }
}

/// Why an alarm was cleared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Cleared {
    /// Its cause is gone.
    Resolved,
    /// A person acknowledged it and nothing else can clear it.
    Acknowledged,
    Countersigned,
    /// A higher level took its place.
    Escalated,
}
