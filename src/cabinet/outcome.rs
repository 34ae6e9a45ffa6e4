//! What a step decides: records to be made durable, rows that follow from them, commands to be performed afterwards.
//!
//! The two lists are apart so that the order can be seen: **record, then act**.

use super::books::{Row, View};
use super::enrol::BadPin;
use super::fact::Record;
use super::power::Method;
use super::roster::Difference;
use super::sentence::duration;
use super::types::{AlarmId, CommandId, DoorNo, KeyId, Mono, Pin, PinHash, RequestKey, Role, SlotNo, UserId};
use std::fmt;

/// The answer of [`super::Cabinet::step`].
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Outcome {
    /// To be appended to the ledger, in order.
    pub records: Vec<Record>,
    /// The rows of the views that these records changed, whole; `None` = the row goes. Same transaction as the records.
    pub rows: Vec<(View, Option<Row>)>,
    /// To be performed after the commit, in order.
    pub commands: Vec<Command>,
}

impl Outcome {
    /// Whether there is anything to commit.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        !self.records.is_empty() || !self.rows.is_empty()
    }

    /// Puts `later` behind this outcome, so that a batch of events becomes one transaction. Of two versions of a row the
    /// later one counts.
    pub fn append(&mut self, later: Self) {
        self.records.extend(later.records);
        for (view, row) in later.rows {
            match self.rows.iter_mut().find(|(seen, _)| *seen == view) {
                Some(slot) => slot.1 = row,
                None => self.rows.push((view, row)),
            }
        }
        self.commands.extend(later.commands);
    }
}

/// Something to be done by the shell. It ends in exactly one [`super::Event::CommandDone`], or in [`CommandResult::Unknown`] when
/// the core that gave it is gone or `deadline` passes; it is never repeated.
#[derive(Clone, PartialEq, Debug)]
pub struct Command {
    pub id: CommandId,
    /// By then its end is known, or it counts as unknown.
    pub deadline: Mono,
    pub action: Action,
}

/// What is to be done.
#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    /// Energise a door's lock relay, for at most `for_ms` (the driver bounds it too).
    Unlock { door: DoorNo, for_ms: u32 },
    /// De-energise it now.
    Relock { door: DoorNo },
    /// Energise a slot's latch, for at most `for_ms`.
    Unlatch { slot: SlotNo, for_ms: u32 },
    /// De-energise it now.
    Relatch { slot: SlotNo },
    /// A slot's LED.
    Light { slot: SlotNo, on: bool },
    /// A pattern on the buzzer.
    Sound(Sound),
    /// What the status lamp shows from now on.
    Lamp(Lamp),
    /// Tell the person at the cabinet.
    Show(Message),
    /// Hash a PIN off the event loop and compare.
    CheckPin { user: UserId, pin: Pin, hash: PinHash },
    /// Hash a new PIN off the event loop, by the rules for PINs; the duress PIN of `old` stays.
    HashPin { user: UserId, pin: Pin, old: Option<PinHash> },
    /// A switched load (from 1, in the order of the config). Off = shed, which is the energised relay.
    SwitchLoad { load: u8, on: bool },
    /// How often the UPS is asked and life is proved.
    Pace { slow: bool },
    /// Read every input line anew. Its end shows that the hardware answers, and that the loads before it are switched.
    ReadLines,
    /// Put the machine to sleep in a deep way. `wake_after_ms`: its clock is to wake it then.
    Sleep { method: Method, wake_after_ms: Option<u64> },
    /// Have the UPS test its battery.
    TestBattery,
    /// Have upstream get everything now, and people what is urgent, if they can be reached. Its end says that this is over, however it went.
    Flush,
    /// Try once more what upstream refused.
    RetryUpstream,
    /// Answer a request from outside.
    Reply { request: RequestKey, answer: Answer },
}

/// What the status lamp shows. Dark means that nothing runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lamp {
    /// It serves.
    Ready,
    /// It serves or not, and an alarm waits for somebody.
    Attention,
    /// It sleeps through an outage, or is out of power.
    Asleep,
}

/// How a command ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CommandResult {
    Done,
    Failed(String),
    Pin(PinVerdict),
    Hashed(PinHash),
    /// Nobody knows: the core was rebuilt, or the deadline passed.
    Unknown,
}

/// How a PIN compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PinVerdict {
    Match,
    /// The duress PIN: to be treated as a match in everything that shows.
    Duress,
    Mismatch,
}

/// A pattern on the buzzer: the whole vocabulary of a cabinet that has no display.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sound {
    /// Understood; the next thing, please: the PIN, the reason, the unit.
    Next,
    /// It is unlocked.
    Granted,
    Refused,
    WrongKey,
    CloseDoor,
    Alarm,
    /// The cabinet goes to sleep, or will within 20 s.
    Sleeping,
}

/// The answer to a request: it was done, or why not.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Done, in a sentence, with the number of the last record that it made (0 = none).
    Done {
        text: String,
        seq: u64,
    },
    /// The difference an import would make (dry run), or made.
    Difference {
        lines: Vec<Difference>,
        applied: bool,
    },
    Refused(Denial),
    /// Everything that is wrong with what was sent.
    Problems(Vec<String>),
}

/// Why something was refused. A value, not an error: it is recorded, shown and counted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", tag = "why")]
pub enum Denial {
    UnknownBadge,
    UnknownLogin,
    WrongPin,
    /// Nobody set a PIN for this person yet.
    NoPin,
    Revoked,
    NotYetValid,
    Expired,
    OutsideSchedule,
    /// Too many failures: wait.
    Throttled {
        wait_s: u32,
    },
    /// The disk is full: nothing can be recorded, so nothing opens.
    NoRoom,
    NobodyIdentified,
    Busy,
    /// An admin's word stands for somebody else.
    WordStands {
        name: String,
        left_s: u32,
    },
    /// No admin's word stands.
    NoWord,
    KeyUnknown {
        key: String,
    },
    /// No key has the number that was typed on the pad. It is not repeated: it may have been a PIN.
    NumberUnknown,
    /// More than one key has it.
    NumberAmbiguous,
    KeyNotAllowed {
        key: KeyId,
    },
    /// The books have it in a slot that the config has not.
    SlotNotConfigured {
        key: KeyId,
        slot: SlotNo,
    },
    KeyNotHere {
        key: KeyId,
    },
    /// It is not with the person who wants to return it.
    KeyNotOut {
        key: KeyId,
    },
    SecondPersonNotEntitled,
    SamePerson,
    LoneEmergencyNotAllowed,
    RoleNeeded {
        role: Role,
    },
    /// Whoever is to vouch is no manager.
    VoucherUnfit {
        name: String,
        role: Role,
    },
    AlarmUnknown {
        alarm: AlarmId,
    },
    SlotUnknown {
        slot: SlotNo,
    },
    DoorUnknown {
        door: DoorNo,
    },
    SlotEmpty {
        slot: SlotNo,
    },
    UserUnknown {
        user: UserId,
    },
    NothingToChange,
    /// One visit asks only so often.
    TooManyAsks,
    /// Nothing is out with this person.
    NothingToReturn,
    /// As far as the cabinet knows, it hangs here.
    KeyIsIn {
        key: KeyId,
        slot: SlotNo,
    },
    /// The machine is going down; a session would be cut off.
    GoingDown,
    /// Only mains helps, or the machine's next start.
    OutOfPower,
    /// Nobody needs to send it to sleep.
    AsleepAlready,
    /// No UPS is watched.
    NoUps,
    NotOnBattery,
    NoOutage,
    /// A drill is for quiet days.
    OutageOpen,
    DrillUnderWay,
    NoDrill,
    UpsSilent,
    BatteryNotFull {
        charge_pct: u8,
        needed_pct: u8,
    },
    /// A sleep is proved while the cabinet serves on battery: not in the first minutes, not while mains settles, not asleep.
    NotServingOnBattery,
    /// Nobody times a wake faster than the machine's own clock, nor one that was not.
    StopwatchWrong,
    /// Something that the ask needs is not there.
    NotPrepared {
        what: String,
    },
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownBadge => f.write_str("this badge is not in the roster; ask a manager"),
            Self::UnknownLogin => f.write_str("this number is not in the roster; ask a manager"),
            Self::WrongPin => f.write_str("wrong PIN"),
            Self::NoPin => f.write_str(
                "no PIN is set for this person; an admin sets one with `cabinetd user pin`, or makes a code with `cabinetd user enrol`",
            ),
            Self::Revoked => f.write_str("access was revoked; ask a manager"),
            Self::NotYetValid => f.write_str("access is not valid yet; ask a manager"),
            Self::Expired => f.write_str("access has expired; ask a manager"),
            Self::OutsideSchedule => f.write_str("outside this person's hours; ask a manager"),
            Self::Throttled { wait_s } => write!(f, "too many failures: try again in {}", duration(u64::from(*wait_s) * 1_000)),
            Self::NoRoom => f.write_str(
                "the disk is full, nothing can be recorded, so nothing opens; make room, or use the cabinet key",
            ),
            Self::NobodyIdentified => f.write_str("nobody is identified at the cabinet: badge and PIN first"),
            Self::Busy => f.write_str("the cabinet is in use; wait until it is free (`cabinetd status` says by whom)"),
            Self::WordStands { name, left_s } => write!(
                f,
                "the cabinet waits for {name} on an admin's word, {left_s} s left; `cabinetd open --cancel` calls it off"
            ),
            Self::NoWord => f.write_str("nobody is waited for on an admin's word"),
            Self::VoucherUnfit { name, role } => write!(f, "{name} is {}; only a manager can vouch", role.word()),
            Self::KeyUnknown { key } => write!(f, "no key is called \"{key}\"; `cabinetd keymap` lists them"),
            Self::NumberUnknown => f.write_str("no key here has this number"),
            Self::NumberAmbiguous => {
                f.write_str("several keys have this number: type 0 and the number of the key's own slot instead")
            }
            Self::KeyNotAllowed { key } => write!(f, "key {key} is not open to this person; ask a manager"),
            Self::SlotNotConfigured { key, slot } => write!(
                f,
                "key {key} hangs in slot {slot}, which the config has not; correct [slots], or give the key another home (`cabinetd key edit`)"
            ),
            Self::KeyNotHere { key } => write!(f, "key {key} is not in the cabinet; `cabinetd keymap` says who has it"),
            Self::KeyNotOut { key } => write!(f, "key {key} is not out"),
            Self::SecondPersonNotEntitled => f.write_str("this person may not stand as the second one for this key"),
            Self::SamePerson => f.write_str("the second person must be somebody else"),
            Self::LoneEmergencyNotAllowed => {
                f.write_str("this person may not take a two-person key alone, or the reason is not an emergency")
            }
            Self::RoleNeeded { role } => {
                write!(
                    f,
                    "this needs the role {}; one of the account's groups gets it under [accounts] in the config, which a reload takes (`systemctl reload cabinetd`)",
                    role.word()
                )
            }
            Self::AlarmUnknown { alarm } => write!(f, "no alarm {alarm} is open; `cabinetd status` lists them"),
            Self::SlotUnknown { slot } => write!(f, "there is no slot {slot} in this cabinet"),
            Self::DoorUnknown { door } => write!(f, "there is no door {door} at this cabinet"),
            Self::SlotEmpty { slot } => write!(f, "nothing hangs in slot {slot}"),
            Self::UserUnknown { user } => write!(f, "no user is called \"{user}\"; `cabinetd user list` lists them"),
            Self::NothingToChange => f.write_str("nothing to change"),
            Self::TooManyAsks => f.write_str("too many asks in one visit; close the door and badge again"),
            Self::NothingToReturn => {
                f.write_str("no key is out with this person; name the one that comes back (`cabinetd return --key …`)")
            }
            Self::KeyIsIn { key, slot } => write!(
                f,
                "key {key} hangs in slot {slot} as far as the cabinet knows; if another one hangs there, say so first \
                 (`cabinetd declare --slot {slot} --key …`)"
            ),
            Self::GoingDown => {
                f.write_str("the cabinet is going to sleep: wait until it is dark, then press its button, or that of the UPS if nothing lights")
            }
            Self::OutOfPower => f.write_str(
                "the battery is out of power, or the machine is being shut down: only the cabinet key opens until that is over",
            ),
            Self::AsleepAlready => f.write_str("the cabinet is asleep already, or on its way"),
            Self::NoUps => f.write_str("no UPS is configured, so the cabinet notices no outage and never sleeps; name one under [ups] in the config (`cabinetd power recipe` says how it is set up), then `systemctl restart cabinetd`"),
            Self::NotOnBattery => f.write_str("the cabinet is on mains; this is for the time on battery"),
            Self::NoOutage => {
                f.write_str("no outage is open; a storm can be told before one (`cabinetd outage storm`)")
            }
            Self::OutageOpen => f.write_str("an outage is open: a drill has to wait until mains has been back for some minutes (`cabinetd outage`)"),
            Self::DrillUnderWay => f.write_str("a drill is under way; `cabinetd drill --abort` ends it"),
            Self::NoDrill => f.write_str("no drill is under way; `cabinetd drill` begins one"),
            Self::UpsSilent => f.write_str("the UPS does not answer; `cabinetd check` says why"),
            Self::BatteryNotFull { charge_pct, needed_pct } => write!(
                f,
                "the battery is at {charge_pct} %: wait until it has {needed_pct} %, so that an outage in the middle finds it ready"
            ),
            Self::NotServingOnBattery => f.write_str(
                "not at this moment: the cabinet has to be awake and on battery, some two minutes after the plug was pulled",
            ),
            Self::StopwatchWrong => f.write_str(
                "that is less than the machine itself counted from its start, or this way of sleeping was not proved in this drill",
            ),
            Self::NotPrepared { what } => write!(f, "this needs {what}"),
        }
    }
}

/// What the person at the cabinet is told.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", tag = "say")]
pub enum Message {
    /// Nobody is here.
    Ready,
    EnterPin,
    /// They have no PIN yet, and a code to choose one with.
    EnterCode,
    ChoosePin,
    ChoosePinAgain,
    PinUnfit {
        bad: BadPin,
    },
    PinsDiffer,
    /// The PIN is theirs now.
    Enrolled {
        name: String,
    },
    /// An admin lets this person in: one press (of the pad, where there is no button), or their badge.
    PressToOpen {
        name: String,
        #[serde(default)]
        on_pad: bool,
    },
    /// The cabinet goes down in the middle of a visit: the battery ends, or somebody shuts the machine down.
    FinishNow,
    /// A badge lies on the reader.
    BadgeLeft,
    Checking,
    /// A PIN was typed and nobody said who it is.
    BadgeFirst,
    Welcome {
        name: String,
    },
    SayWhatYouWant {
        name: String,
    },
    /// The pad's questions.
    WhatFor,
    WhichUnit,
    WhichWorkOrder,
    SecondPersonPlease {
        key: KeyId,
    },
    Denied {
        denial: Denial,
    },
    InUse {
        name: String,
    },
    Open {
        door: DoorNo,
        slots: Vec<SlotNo>,
    },
    Taken {
        slot: SlotNo,
        key: Option<String>,
    },
    WrongKey {
        slot: SlotNo,
        key: Option<String>,
    },
    /// They went away before a door was unlocked, or called it off.
    Cancelled,
    Returned {
        slot: SlotNo,
        key: Option<String>,
    },
    /// Which key is in this slot? Scan its tag, or `cabinetd declare`.
    WhichKey {
        slot: SlotNo,
    },
    HangKey {
        key: String,
        slot: Option<SlotNo>,
    },
    TagUnknownHere,
    CloseDoor {
        door: DoorNo,
    },
    NeverOpened {
        door: DoorNo,
    },
    LockFault {
        door: DoorNo,
    },
    Goodbye {
        taken: u32,
        returned: u32,
        /// Keys that were taken and not asked for, and are still out; by their labels.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        wrong: Vec<String>,
    },
    TimedOut,
    /// It will sleep unless somebody is still there.
    SleepsSoon {
        in_s: u32,
    },
    /// The battery is saved.
    GoingToSleep {
        method: Method,
    },
    Asleep {
        method: Method,
    },
    /// The battery ends, or somebody shuts the machine down.
    CabinetKeyNext,
    CabinetKeyOnly,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let some = |key: &Option<String>| key.clone().unwrap_or_else(|| "a key".to_owned());
        match self {
            Self::Ready => f.write_str("Hold your badge to the reader."),
            Self::BadgeFirst => f.write_str("Badge first, please, then the PIN."),
            Self::PressToOpen { name, on_pad } => {
                let press = if *on_pad { "a key" } else { "the button" };
                write!(f, "{name}: press {press}, or hold your badge to the reader, to open.")
            }
            Self::FinishNow => f.write_str("The cabinet goes down: please finish, and close the door at once."),
            Self::BadgeLeft => f.write_str("Please take the badge off the reader."),
            Self::EnterPin => f.write_str("Enter your PIN."),
            Self::EnterCode => f.write_str("Enter the code that you were given."),
            Self::ChoosePin => f.write_str("Choose a PIN of 4 to 8 digits, then Enter."),
            Self::ChoosePinAgain => f.write_str("The same PIN once more, please."),
            Self::PinUnfit { bad: BadPin::Shape } => f.write_str("A PIN has 4 to 8 digits. Choose one."),
            Self::PinUnfit { bad: BadPin::Trivial } => {
                f.write_str("No runs and no repetitions, everybody tries those. Choose another PIN.")
            }
            Self::PinUnfit { bad: BadPin::Taken } => f.write_str("This one will not do. Choose another PIN."),
            Self::PinsDiffer => f.write_str("The two were not the same. Choose a PIN, then type it again."),
            Self::Enrolled { name } => write!(f, "{name}, the PIN is yours. Come in with it from now on."),
            Self::Checking => f.write_str("Checking…"),
            Self::Welcome { name } => write!(f, "Welcome, {name}."),
            Self::SayWhatYouWant { name } => write!(f, "Welcome, {name}. Which key, and why?"),
            Self::WhatFor => f.write_str(
                "What for? 1 work order, 2 emergency, 3 unit access, 4 showing, 5 day to day, 0 bring back.",
            ),
            Self::WhichUnit => f.write_str("Which unit? Its number, then Enter."),
            Self::WhichWorkOrder => f.write_str("Which work order? Its number, or just Enter."),
            Self::SecondPersonPlease { key } => write!(f, "Key {key} needs a second person: badge and PIN, please."),
            Self::Denied { denial } => write!(f, "Refused: {denial}."),
            Self::InUse { name } => write!(f, "{name} is using the cabinet."),
            Self::Open { door, slots } if slots.is_empty() => write!(f, "Door {door} is unlocked for you."),
            Self::Open { door, slots } => {
                let list: Vec<String> = slots.iter().map(ToString::to_string).collect();
                write!(f, "Door {door} is unlocked for you: slot {}.", list.join(", "))
            }
            Self::Taken { slot, key } => write!(f, "{} taken from slot {slot}.", some(key)),
            Self::WrongKey { slot, key } => write!(f, "Wrong key: put {} back into slot {slot}.", some(key)),
            Self::Returned { slot, key } => write!(f, "{} is back in slot {slot}.", some(key)),
            Self::WhichKey { slot } => write!(f, "Which key is in slot {slot}? Scan its tag."),
            Self::HangKey { key, slot: Some(slot) } => write!(f, "{key}: hang it into slot {slot}."),
            Self::HangKey { key, slot: None } => write!(f, "{key}: hang it into any free slot."),
            Self::TagUnknownHere => f.write_str("That is a key's tag. Badge first, please."),
            Self::CloseDoor { door } => write!(f, "Please close door {door}."),
            Self::NeverOpened { door } => write!(f, "Door {door} was not opened; it is locked again."),
            Self::LockFault { door } => write!(f, "The lock of door {door} does not answer."),
            Self::Goodbye { taken, returned, wrong } => {
                write!(f, "Done: {taken} taken, {returned} returned.")?;
                if wrong.is_empty() {
                    Ok(())
                } else {
                    write!(f, " Not asked for, bring it back: {}.", wrong.join(", "))
                }
            }
            Self::TimedOut => f.write_str("Timed out. Badge again, please."),
            Self::Cancelled => f.write_str("Cancelled."),
            Self::SleepsSoon { in_s } => {
                write!(f, "Power is out: going to sleep in {in_s} s. Press any key if you are still there.")
            }
            Self::GoingToSleep { .. } => f.write_str("Power is out: going to sleep to save the battery."),
            Self::Asleep { method: Method::Standby } => {
                f.write_str("Asleep. Hold your badge to the reader, or press the button.")
            }
            Self::Asleep { method: Method::Halt } => f.write_str("Asleep. Press the button and wait a minute."),
            Self::Asleep { method: Method::UpsOff } => {
                f.write_str("Asleep. Press the button of the UPS and wait a minute.")
            }
            Self::CabinetKeyNext => {
                f.write_str("The cabinet goes down. From now on: the cabinet key, see the manager.")
            }
            Self::CabinetKeyOnly => f.write_str("Only the cabinet key opens; see the manager."),
        }
    }
}
