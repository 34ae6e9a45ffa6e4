//! The words of the cabinet as types: who, which slot, when, how we know.
//!
//! Everything here is plain data. Times carry their unit in the name or the type; identifiers are cheap to clone.
//! Secrets ([`Code`], [`Pin`], [`PinHash`]) have a `Debug` that prints nothing of them.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text of the identifier.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

text_id!(
    /// A person in the roster (`id` in the roster file, for example `ana`). Never reused for another person.
    UserId
);
text_id!(
    /// A key set in the roster (`id` in the roster file, for example `204`).
    KeyId
);
text_id!(
    /// A group of keys and of the people who may take them (for example `building-a`).
    Group
);

/// A slot's number as printed on the cabinet, from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Debug)]
#[serde(transparent)]
pub struct SlotNo(pub u16);

/// A door's number, from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Debug)]
#[serde(transparent)]
pub struct DoorNo(pub u8);

/// A session is named by the number of its first record (see [`super::numbers`]).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Debug)]
#[serde(transparent)]
pub struct SessionId(pub u64);

/// An alarm is named by the number of the record that raised it (see [`super::numbers`]); a silent one by its `seq` in a range apart,
/// where it leaves no gap.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Debug)]
#[serde(transparent)]
pub struct AlarmId(pub u64);

impl AlarmId {
    /// Above every number of a record that a cabinet will ever have.
    const SILENT: u64 = 900_000_000;

    /// The silent alarm that the record `seq` raises.
    #[must_use]
    pub const fn silent(seq: u64) -> Self {
        Self(Self::SILENT + seq)
    }

    /// Whether it is one of those.
    #[must_use]
    pub const fn is_silent(self) -> bool {
        self.0 >= Self::SILENT
    }

    /// The record that raised a silent one.
    #[must_use]
    pub const fn silent_seq(self) -> Option<u64> {
        self.0.checked_sub(Self::SILENT)
    }
}

/// A command's number: unique within one run of the process, never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Debug)]
#[serde(transparent)]
pub struct CommandId(pub u64);

macro_rules! display_number {
    ($($name:ident)*) => { $(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )* };
}
display_number!(SlotNo DoorNo SessionId AlarmId CommandId);

// ---------------------------------------------------------------- time

/// Milliseconds of the boot clock (it runs on while the machine is suspended). Every deadline is one of these.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, Debug)]
#[serde(transparent)]
pub struct Mono(pub u64);

impl Mono {
    /// This instant plus `ms` milliseconds.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this instant; 0 when `earlier` is later.
    #[must_use]
    pub const fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Milliseconds since 1970-01-01T00:00:00Z. It only stamps records; it may be wrong (see [`ClockQuality`]).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, Debug)]
#[serde(transparent)]
pub struct Wall(pub i64);

/// How far the wall clock can be trusted, from best to worst.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum ClockQuality {
    /// Disciplined by a time server.
    Synced,
    /// Set from a battery-backed clock.
    Rtc,
    /// Where it was at the last shutdown: behind by the time the machine was off.
    Restored,
    /// No idea.
    Unknown,
}

impl ClockQuality {
    /// Whether schedules, validity and expiry may deny on the word of this clock.
    #[must_use]
    pub const fn is_trusted(self) -> bool {
        matches!(self, Self::Synced | Self::Rtc)
    }
}

/// One boot of the machine (128 bits, from the kernel).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct BootId(pub u128);

impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for BootId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BootId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        u128::from_str_radix(&text, 16).map(Self).map_err(serde::de::Error::custom)
    }
}

/// Local civil time as the shell computed it from the wall clock and the site's time zone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, Debug)]
pub struct Civil {
    /// Days since 1970-01-01 in local time.
    pub day: i32,
    /// Minutes since local midnight, 0..1440.
    pub minute: u16,
}

impl Civil {
    /// Day of the week, 0 = Monday … 6 = Sunday. 1970-01-01 was a Thursday.
    #[must_use]
    pub const fn weekday(self) -> u8 {
        (self.day + 3).rem_euclid(7) as u8
    }
}

/// What the shell says about the present when it hands over an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    pub mono: Mono,
    pub wall: Wall,
    pub clock: ClockQuality,
    pub civil: Civil,
    pub boot: BootId,
}

impl Now {
    /// The part of it that a record keeps.
    #[must_use]
    pub const fn stamp(self) -> Stamp {
        Stamp { mono: self.mono, wall: self.wall, clock: self.clock, boot: self.boot }
    }
}

/// The times of a record: wall time with its quality, boot clock with its boot.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Stamp {
    pub mono: Mono,
    pub wall: Wall,
    pub clock: ClockQuality,
    pub boot: BootId,
}

impl Stamp {
    /// Milliseconds from this stamp to a later one: exact within one boot; across boots by the wall clock if both ends are
    /// trusted; else the time since the later boot began, which is a lower bound.
    #[must_use]
    pub fn elapsed_ms(&self, later: Self) -> u64 {
        if self.boot == later.boot {
            later.mono.since_ms(self.mono)
        } else if self.clock.is_trusted() && later.clock.is_trusted() {
            // The wall clock may have been set back; since the later boot began it is at least this long.
            u64::try_from(later.wall.0.saturating_sub(self.wall.0)).unwrap_or(0).max(later.mono.0)
        } else {
            later.mono.0
        }
    }
}

// ---------------------------------------------------------------- secrets

/// What a badge reader read: a badge or a key tag. The core finds out which. Never printed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Code(Arc<str>);

impl Code {
    /// A code as read; surrounding white space does not count.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.trim().into())
    }

    /// The code itself, for storing and comparing, never for printing.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

/// Digits typed on the pad. Never printed, not serialisable; wiped when dropped.
#[derive(Clone, PartialEq, Eq, zeroize::ZeroizeOnDrop)]
pub struct Pin(String);

impl Pin {
    /// Digits as typed.
    #[must_use]
    pub fn new(digits: &str) -> Self {
        Self(digits.to_owned())
    }

    /// The digits, for hashing only.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(…)")
    }
}

/// How somebody said who they are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Shown {
    Badge,
    Login,
}

/// Digits of a vouched code; PINs are shorter, so that the length tells them apart.
pub const VOUCHED_DIGITS: usize = 8;

/// A PIN's hash: Argon2id over HMAC(pepper, PIN), see `io::credentials`. One computation serves both tags, so a duress
/// PIN costs nothing and shows in no timing. Never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinHash {
    /// 16 bytes, hex.
    pub salt: String,
    /// Argon2id memory in KiB, passes, lanes.
    pub cost: (u32, u32, u32),
    /// 32 bytes, hex: the tag of the PIN.
    pub tag: String,
    /// 32 bytes, hex: the tag of the duress PIN under the same salt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duress_tag: Option<String>,
}

impl fmt::Debug for PinHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PinHash(…)")
    }
}

// ---------------------------------------------------------------- lines

/// An input line by its role.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Input {
    /// A slot's presence sensor; [`Level::Active`] = a key hangs there.
    Slot(SlotNo),
    /// A door's contact; [`Level::Active`] = closed.
    Door(DoorNo),
    /// The housing's tamper contact; [`Level::Active`] = intact.
    Tamper,
    /// The contact of the lockbox that has the cabinet key; [`Level::Active`] = closed.
    Lockbox,
}

/// An output line by its role. [`Level::Active`] is energised.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Output {
    /// A door's lock relay. De-energised is locked.
    Lock(DoorNo),
    /// A slot's latch relay. De-energised is latched.
    Latch(SlotNo),
    /// A slot's LED.
    Led(SlotNo),
    /// The buzzer.
    Buzzer,
    /// The status lamp.
    Status,
    /// A switched load (display, modem, …), from 1. Energised is shed, so that it runs when nobody drives the line.
    Load(u8),
}

/// The logical level of an input line. A line that cannot be read is not inactive: it is a fault.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    Active,
    Inactive,
    Fault,
}

// ---------------------------------------------------------------- evidence and reasons

/// How a record knows which key it speaks of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// The key's tag was scanned.
    Tag,
    /// Inferred: the slot is the key's home and nothing speaks against it.
    HomeSlot,
    /// A person said so.
    Declared,
}

/// Why a key is pulled.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    WorkOrder,
    Emergency,
    UnitAccess,
    Showing,
    DayToDay,
    /// Nobody was asked (`ask = "optional"`).
    Unstated,
}

impl Reason {
    /// The word used in commands, config and records.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::WorkOrder => "work-order",
            Self::Emergency => "emergency",
            Self::UnitAccess => "unit-access",
            Self::Showing => "showing",
            Self::DayToDay => "day-to-day",
            Self::Unstated => "unstated",
        }
    }
}

/// What a person may do beyond taking keys. Each role includes the ones before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Staff,
    Assistant,
    Manager,
    Admin,
}

impl Role {
    /// The word used in config, roster files and records.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Staff => "staff",
            Self::Assistant => "assistant",
            Self::Manager => "manager",
            Self::Admin => "admin",
        }
    }

    /// Whether badge numbers, logins and tags are shown to this role. Who does not see them cannot take them away either.
    #[must_use]
    pub const fn sees_codes(self) -> bool {
        matches!(self, Self::Admin)
    }
}

// ---------------------------------------------------------------- requests from outside

/// Who asks.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// The cabinet itself.
    Cabinet,
    /// Somebody at the cabinet, by what they showed there.
    User(UserId),
    /// An account of the operating system, through the control socket (login name, kernel-attested).
    Account { uid: u32, name: Arc<str> },
}

/// The way a request came.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// The cabinet's own sensors and clocks.
    Cabinet,
    /// Badge reader and PIN pad.
    Reader,
    /// The control socket.
    Control,
}

/// An idempotency key chosen by the caller (1..=64 bytes): the same one again gives the first answer again.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Debug)]
#[serde(transparent)]
pub struct RequestKey(pub Arc<str>);

/// By whom and which way a record came to be.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Origin {
    pub actor: Actor,
    pub channel: Channel,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestKey>,
}

impl Origin {
    /// The cabinet's own doing.
    #[must_use]
    pub const fn cabinet() -> Self {
        Self { actor: Actor::Cabinet, channel: Channel::Cabinet, request: None }
    }

    /// Somebody known, at the reader.
    #[must_use]
    pub const fn reader(user: UserId) -> Self {
        Self { actor: Actor::User(user), channel: Channel::Reader, request: None }
    }
}
