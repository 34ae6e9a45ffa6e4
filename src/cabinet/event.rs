//! Everything that can happen to a cabinet. Events are in the past tense; the shell sends them, [`super::Cabinet::step`]
//! answers each with an [`super::Outcome`].

use super::outcome::CommandResult;
use super::power::state::{PowerOrder, Told};
use super::power::{Method, UpsReading};
use super::roster::RosterChange;
use super::settings::Settings;
use super::signed::{RosterFault, SignedRoster};
use super::types::{
    AlarmId, Code, CommandId, DoorNo, Input, KeyId, Level, Mono, Origin, Pin, PinHash, Reason, SlotNo, Stamp, UserId,
};
use std::collections::BTreeSet;

/// What happened.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// The process started: once in its life, before anything else.
    Started(Start),
    /// All input lines were read: at start, after a rebuild of the core, and now and then as a self-check. A line that is
    /// missing here cannot be read.
    LinesRead(Vec<(Input, Level)>),
    /// One line has a new level (raw: the core debounces).
    LineChanged { input: Input, level: Level },
    /// Chips whose interrupts are dead, all of them: a level changed and no edge told it, so their lines are polled.
    InterruptsJudged { dead: Vec<String> },
    /// The badge reader read a badge or a key tag.
    CodeRead(Code),
    /// A login number was typed on the pad instead of a badge.
    LoginTyped(Code),
    /// A PIN (or a vouched code) was typed on the pad.
    PinTyped(Pin),
    /// Digits were typed on a pad that does not know what they are, and ended: a login number, a PIN, an answer. Secret like a PIN.
    DigitsTyped(Pin),
    /// The first key of something was pressed on the pad: somebody is here, more follows.
    PadTouched,
    /// The cancel button of the pad.
    CancelPressed,
    /// The wake button.
    ButtonPressed,
    /// Somebody asked for something through the control socket.
    Requested(Request),
    /// A command came to its end.
    CommandDone { id: CommandId, result: CommandResult },
    /// The UPS was polled, or could not be.
    UpsRead(UpsReading),
    /// Whether the store can take records of openings.
    StoreChanged(StoreState),
    /// The config was read again, and nobody is here: its rules are in force from now on.
    Reconfigured(Box<Reconfigured>),
    /// Copying the ledger upstream came upon something that somebody has to know.
    UpstreamSaid(UpstreamNews),
    /// Upstream has a roster for this cabinet that is rightly signed. Whether it is newer, and fits, is the core's to say.
    RosterArrived(Box<SignedRoster>),
    /// Upstream has one that counts for nothing.
    RosterRefused(RosterFault),
    /// A deadline of the core may have come.
    Tick,
    /// The process was told to end.
    Stopping { why: StopReason },
}

/// What copying the ledger upstream came upon. Numbers are those of records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UpstreamNews {
    /// It once had everything up to `held` and now has only what comes before `has`, that one included. It is sent again.
    LostData { held: u64, has: u64 },
    /// It holds records up to `seq` that this ledger does not have, or has others in their place. Nothing is sent.
    Ahead { seq: u64 },
    /// The same, and another machine sent them.
    Cloned { seq: u64 },
    /// What stood between us is over.
    Agrees,
    /// These are all the payloads that it refuses for good: their records were sent without them. Said at a start and whenever it changes.
    Refuses { records: BTreeSet<u64> },
    /// It does not take this record in any form, so nothing goes on behind it.
    Blocked { seq: u64 },
    /// It takes records: the first time in this life of the process, or again.
    Takes,
    /// What it knows of the weather, and in how many ms the utility expects an outage to end.
    Hints { storm: bool, ends_in_ms: Option<u64> },
    /// It does not answer, since this moment.
    Silent { since: Mono },
    /// It answers: the first time in this life of the process, or again.
    Answers,
}

impl UpstreamNews {
    /// What it is about: the last word on each matter is how that stands. None: a moment's.
    #[must_use]
    pub const fn matter(&self) -> Option<u8> {
        match self {
            Self::LostData { .. } => Some(0),
            Self::Ahead { .. } | Self::Cloned { .. } | Self::Agrees => Some(1),
            Self::Refuses { .. } => Some(2),
            Self::Blocked { .. } | Self::Takes => Some(3),
            Self::Silent { .. } | Self::Answers => Some(4),
            Self::Hints { .. } => None,
        }
    }
}

/// The circumstances of a start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Start {
    /// The program's version, for the record.
    pub version: String,
    /// The last proof of life before this start; none at the very first one.
    pub last_proof: Option<Stamp>,
    /// What the ledger lost: it ends at the first number, though the second had been written.
    pub missing: Option<(u64, u64)>,
    /// SHA-256 of the config in force, hex.
    pub config_hash: String,
}

/// Another config.
#[derive(Clone, PartialEq, Debug)]
pub struct Reconfigured {
    /// Its rules count; the layout, the loads and whether there is a UPS stay as they were at the start.
    pub settings: Settings,
    /// SHA-256 of the file, hex.
    pub config_hash: String,
    /// What changes now, a line for each key.
    pub changed: Vec<String>,
    /// What changes after a restart.
    pub after_restart: Vec<String>,
}

/// Whether the store has room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StoreState {
    /// Records of every kind.
    Writable,
    /// No room on the disk: only alarms, evidence and shutdown, from the reserve. Nothing is opened.
    Reserve,
}

/// Why the process ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopReason {
    /// SIGTERM or SIGINT while the system stays up.
    Service,
    /// The system goes down.
    SystemShutdown,
}

/// A request from outside, by an authenticated caller. The core decides what the caller may do.
#[derive(Clone, PartialEq, Debug)]
pub struct Request {
    pub origin: Origin,
    /// The roster role that the caller's account maps to, none if it maps to none.
    pub role: Option<super::types::Role>,
    pub ask: Ask,
}

/// What is asked for.
#[derive(Clone, PartialEq, Debug)]
pub enum Ask {
    /// The person identified at the cabinet wants these keys.
    Pull(Pull),
    /// The person identified at the cabinet brings keys back.
    Return {
        /// Ids or labels; empty = whatever is in the hand.
        keys: Vec<String>,
    },
    /// The person at the cabinet is done without opening.
    Cancel,
    /// "Which key is in slot 9?": this one.
    Declare {
        slot: SlotNo,
        key: String,
    },
    AlarmAcknowledge {
        alarm: AlarmId,
    },
    /// A second person stands for a lone emergency pull afterwards.
    Countersign {
        alarm: AlarmId,
        by: UserId,
    },
    /// Import or edit of the roster. `dry_run` answers with the difference and changes nothing.
    ChangeRoster {
        change: RosterChange,
        dry_run: bool,
    },
    /// A signed roster, brought on a stick and rightly signed. `dry_run` answers with the difference and changes nothing.
    TakeRoster {
        roster: Box<SignedRoster>,
        dry_run: bool,
    },
    /// A new PIN for somebody, already hashed.
    SetPin {
        user: UserId,
        pin: PinHash,
    },
    /// A manager vouches for somebody whose PIN or badge is forgotten: a code, already hashed, for one entry.
    Vouch {
        user: UserId,
        by: UserId,
        code: PinHash,
        for_minutes: u32,
    },
    /// A code, already hashed, with which somebody chooses a PIN at the cabinet, once.
    Enrol {
        user: UserId,
        code: PinHash,
        for_minutes: u32,
    },
    /// A step in a key's life.
    KeyLife {
        key: KeyId,
        step: KeyStep,
        note: Option<String>,
    },
    /// What is known of the outage, or of the weather before it.
    TellOutage(Told),
    /// "Sleep now", "stay awake".
    OrderPower(PowerOrder),
    /// The UPS has a new battery.
    BatteryReplaced,
    Drill(DrillStep),
    /// Open on an admin's word, for this person, who is at the cabinet.
    Open {
        user: UserId,
        /// None = each door.
        door: Option<DoorNo>,
        why: String,
    },
    /// The word that stands is taken back.
    CallOff,
    /// Records that upstream refused are to be tried there once more.
    RetryUpstream,
}

/// A step of a drill.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DrillStep {
    /// `deep`: to the end of the battery, to measure it.
    Start {
        deep: bool,
    },
    /// Sleep in this way, to prove it.
    Prove {
        method: Method,
    },
    /// The network answered the command after so long: the cabinet itself asks nobody.
    NetworkAnswered {
        after_ms: u64,
    },
    /// From the press to ready, by the stop-watch of whoever pressed: the machine's clock does not know its firmware's seconds.
    Timed {
        method: Method,
        ready_ms: u64,
    },
    /// Whether all went dark and the person pressed the UPS's button: the machine cannot tell that from a UPS that never switched
    /// off and a system that started itself again.
    Pressed {
        pressed: bool,
    },
    Finish,
    Abort,
}

/// What [`Ask::Pull`] says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pull {
    /// Ids or labels.
    pub keys: Vec<String>,
    pub reason: Reason,
    /// Work-order number or the like.
    pub reference: Option<String>,
    /// For whom: a contractor, a resident.
    pub purpose: Option<String>,
    /// A lone person in an emergency takes a two-person key, if the roster lets them.
    pub alone: bool,
}

/// A step in a key's life. Adding and moving (another home) are roster changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyStep {
    Lost,
    Found,
    /// The lock was re-keyed: earlier copies open nothing any more.
    Rekeyed,
    Retired,
    /// The last custody entry was a mistake (typed or declared wrongly).
    EnteredByMistake,
}
