//! What happens to the simulated hardware and what the world refuses, with a sentence for each.

use super::{KeyNo, SensorFault};
use crate::cabinet::outcome::Lamp;
use crate::cabinet::types::{DoorNo, SlotNo};
use std::fmt;

/// What happened to the hardware. The demo tells it in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Happening {
    Taken { slot: SlotNo, key: KeyNo, label: String },
    Hung { slot: SlotNo, key: KeyNo, label: String },
    DoorOpened { door: DoorNo },
    DoorForced { door: DoorNo },
    DoorClosed { door: DoorNo, locked: bool },
    Lock { door: DoorNo, energised: bool },
    Latch { slot: SlotNo, energised: bool },
    Led { slot: SlotNo, on: bool },
    Buzzer { on: bool },
    Lamp { shows: Option<Lamp> },
    Lockbox { open: bool },
    Load { load: u8, shed: bool },
    SensorFault { slot: SlotNo, fault: SensorFault },
    ContactFault { door: DoorNo, broken: bool },
    LockFault { door: DoorNo, broken: bool },
    ReaderFault { broken: bool },
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let energised = |on: &bool| if *on { "energised" } else { "de-energised" };
        match self {
            Self::Taken { slot, key, label } => write!(f, "{label} (key {key}) taken out of slot {slot}."),
            Self::Hung { slot, key, label } => write!(f, "{label} (key {key}) hung into slot {slot}."),
            Self::DoorOpened { door } => write!(f, "Door {door} opened."),
            Self::DoorForced { door } => write!(f, "Door {door} forced open (or opened with the cabinet key)."),
            Self::DoorClosed { door, locked: true } => write!(f, "Door {door} closed; it is locked."),
            Self::DoorClosed { door, locked: false } => {
                write!(f, "Door {door} closed; it is not locked, its relay is still energised.")
            }
            Self::Lock { door, energised: true } => write!(f, "Lock of door {door} energised: it can be opened."),
            Self::Lock { door, energised: false } => write!(f, "Lock of door {door} de-energised: locked once closed."),
            Self::Latch { slot, energised: on } => write!(f, "Latch of slot {slot} {}.", energised(on)),
            Self::Led { slot, on } => write!(f, "LED of slot {slot} {}.", if *on { "on" } else { "off" }),
            Self::Buzzer { on } => write!(f, "Buzzer {}.", if *on { "on" } else { "off" }),
            Self::Lamp { shows: None } => f.write_str("Status lamp dark."),
            Self::Lamp { shows: Some(Lamp::Ready) } => f.write_str("Status lamp lit: ready."),
            Self::Lamp { shows: Some(Lamp::Attention) } => f.write_str("Status lamp blinks: attention."),
            Self::Lamp { shows: Some(Lamp::Asleep) } => f.write_str("Status lamp flashes now and then: asleep."),
            Self::Lockbox { open } => {
                write!(f, "The cabinet key's lockbox is {}.", if *open { "opened" } else { "closed" })
            }
            Self::Load { load, shed } => write!(f, "Switched load {load} {}.", if *shed { "off" } else { "on" }),
            Self::SensorFault { slot, fault: SensorFault::Stuck } => write!(f, "Sensor of slot {slot} is stuck."),
            Self::SensorFault { slot, fault: SensorFault::Dead } => write!(f, "Sensor of slot {slot} is dead."),
            Self::SensorFault { slot, fault: SensorFault::Bounce } => write!(f, "Sensor of slot {slot} chatters."),
            Self::SensorFault { slot, fault: SensorFault::Ok } => write!(f, "Sensor of slot {slot} works again."),
            Self::ContactFault { door, broken: true } => write!(f, "Contact of door {door} is stuck."),
            Self::ContactFault { door, broken: false } => write!(f, "Contact of door {door} works again."),
            Self::LockFault { door, broken: true } => write!(f, "Lock relay of door {door} does not move any more."),
            Self::LockFault { door, broken: false } => write!(f, "Lock relay of door {door} moves again."),
            Self::ReaderFault { broken: true } => f.write_str("Badge reader unplugged."),
            Self::ReaderFault { broken: false } => f.write_str("Badge reader plugged in."),
        }
    }
}

/// Why the world does not let it happen.
#[derive(Clone, PartialEq, Eq, thiserror::Error, Debug)]
pub enum Refusal {
    #[error("there is no slot {slot} in this cabinet: it has slots 1 to {last}")]
    NoSlot { slot: SlotNo, last: SlotNo },
    #[error("there is no door {door} in this cabinet")]
    NoDoor { door: DoorNo },
    #[error("door {door} is closed: nothing can be reached behind it")]
    DoorClosed { door: DoorNo },
    #[error("door {door} is already open")]
    AlreadyOpen { door: DoorNo },
    #[error("door {door} is already closed")]
    AlreadyClosed { door: DoorNo },
    #[error("door {door} is locked: nobody was let in (badge and PIN first, or `sim door force`)")]
    Locked { door: DoorNo },
    #[error("the lockbox of the cabinet key has no contact here (lockbox_contact under [cabinet])")]
    NoLockbox,
    #[error("the lockbox is already {}", if *open { "open" } else { "closed" })]
    LockboxIsSo { open: bool },
    #[error("slot {slot} is empty")]
    Empty { slot: SlotNo },
    #[error("slot {slot} is taken: {label} (key {key}) hangs there")]
    Occupied { slot: SlotNo, key: KeyNo, label: String },
    #[error("slot {slot} is latched: its key does not come off")]
    Latched { slot: SlotNo },
    #[error("your hands are empty: take a key first")]
    EmptyHands,
    #[error("you do not hold \"{key}\"; you hold {hand}")]
    NotInHand { key: String, hand: String },
    #[error("you hold {hand}: say which with --key")]
    WhichOne { hand: String },
    #[error("the badge reader is unplugged: nothing hears you (`sim fault reader ok` plugs it in)")]
    ReaderUnplugged,
}

/// Why an output did not follow.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error, Debug)]
pub enum DriveFault {
    #[error("there is no such line on this board")]
    NoSuchLine,
    #[error("the relay did not move")]
    DidNotMove,
}
