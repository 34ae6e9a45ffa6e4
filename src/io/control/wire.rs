//! What goes over the control socket: JSON, one line each way.
//!
//! ```text
//! → {"v":1,"request":"6f1c…","ask":{"pull":{"keys":["Unit 204"],"reason":"work-order","reference":"8841"}}}
//! ← {"v":1,"request":"6f1c…","reply":{"answer":{"done":{"text":"…","seq":1042}}}}
//! ```
//!
//! The asks mirror [`crate::cabinet::event::Ask`]; the roster's entries mirror its users and keys without hashes. Unknown
//! versions and fields are refused: a caller that says more than we understand must not be half-obeyed. Everything that
//! reaches the ledger or a terminal is bounded and free of control characters ([`Ask::problem`]).

mod entries;
mod records;

pub use entries::{Change, KeyEntry, RosterView, SignedFile, UserEntry, WindowEntry};
pub use records::{Page, Seen, Wanted, Whence};

use super::LocalAsk;
use crate::cabinet::enrol::LONGEST_MINUTES;
use crate::cabinet::event::{self, DrillStep, KeyStep, Pull};
use crate::cabinet::outcome::Answer;
use crate::cabinet::power::state::{PowerOrder, Told};
use crate::cabinet::snapshot::Snapshot;
use crate::cabinet::types::{AlarmId, DoorNo, KeyId, Pin, Reason, RequestKey, SlotNo, UserId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// The version of this protocol.
pub const VERSION: u32 = 1;

/// No utility states more.
const LONGEST_STATED_MS: u64 = 60 * 24 * 3_600_000;

/// A line to the daemon.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub v: u32,
    /// The caller's idempotency key, 1 to 64 printable ASCII characters: the same one again gives the first answer again.
    pub request: RequestKey,
    pub ask: Ask,
}

/// A line from the daemon.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
pub struct Response {
    pub v: u32,
    /// The request's key, if it could be read.
    pub request: Option<RequestKey>,
    pub reply: Reply,
}

/// What the daemon says.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// The core's answer.
    Answer(Answer),
    Snapshot(Box<Snapshot>),
    Roster(Box<RosterView>),
    Records(Box<Page>),
    /// The request did not reach the core, or its answer did not come back.
    Error {
        code: ErrorCode,
        text: String,
    },
}

/// Why there is no answer.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// Not JSON, an unknown version or field, something too long.
    BadRequest,
    /// Try again in a moment.
    Busy,
    /// The same request is still being worked on.
    InProgress,
    /// The daemon took it and did not answer: it may have been done.
    NoAnswer,
    /// The account's role does not cover it.
    RoleNeeded,
    /// Nothing was said for too long; the connection ends.
    Idle,
}

/// What is asked for.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ask {
    /// The snapshot; without slots for staff.
    Status,
    /// The snapshot with its slots; needs assistant.
    Keymap,
    /// The roster, without hashes; badges, logins and tags for admins only. Needs assistant.
    Roster,
    /// The snapshot as `status` gives it, and again after each change. The connection does nothing else any more.
    Follow,
    /// Some of the records, without those of silent alarms. Needs manager.
    Records(Wanted),
    Pull {
        keys: Vec<String>,
        reason: Reason,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        purpose: Option<String>,
        #[serde(default)]
        alone: bool,
    },
    Return {
        #[serde(default)]
        keys: Vec<String>,
    },
    Cancel,
    Declare {
        slot: SlotNo,
        key: String,
    },
    AlarmAcknowledge {
        alarm: AlarmId,
    },
    Countersign {
        alarm: AlarmId,
        by: UserId,
    },
    ChangeRoster {
        change: Change,
        #[serde(default)]
        dry_run: bool,
    },
    /// The digits are made by the caller, who knows them even if the answer is lost.
    SetPin {
        user: UserId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pin: Option<Digits>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        duress: Option<Digits>,
    },
    Vouch {
        user: UserId,
        by: UserId,
        code: Digits,
        for_minutes: u32,
    },
    /// A code with which somebody chooses a PIN at the cabinet, once. Needs the role that changes the roster.
    Enrol {
        user: UserId,
        code: Digits,
        for_minutes: u32,
    },
    /// A roster that was signed elsewhere and brought here, as it stands in its file.
    TakeRoster {
        name: String,
        signed: SignedFile,
        #[serde(default)]
        dry_run: bool,
    },
    KeyLife {
        key: KeyId,
        step: KeyStep,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// What is known of the outage, or of the weather before it. Needs assistant, as `order-power` does.
    TellOutage(Told),
    OrderPower(PowerOrder),
    /// Open on an admin's word for somebody who is there. Needs admin.
    Open {
        user: UserId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        door: Option<DoorNo>,
        why: String,
    },
    /// That word is taken back. Needs admin.
    CallOff,
    /// The UPS has a new battery. Needs manager, as `drill` does.
    BatteryReplaced,
    Drill(DrillStep),
    /// Records that upstream refused are tried there once more. Needs manager.
    RetryUpstream,
}

/// Digits in clear on their way to the hashing. Never printed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Digits(pub Pin);

impl Serialize for Digits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for Digits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        Ok(Self(Pin::new(&text)))
    }
}

/// What a request comes down to.
#[derive(Clone, PartialEq, Debug)]
pub enum Parted {
    Read(Read),
    Records(Wanted),
    Core(event::Ask),
    Local(LocalAsk),
}

/// What is answered without the core.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Read {
    Status,
    Keymap,
    Roster,
    Follow,
}

/// A line that cannot be obeyed: the key if it could be read, and why, without any value of the line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadLine {
    pub request: Option<RequestKey>,
    pub text: String,
}

/// Reads a request line.
///
/// # Errors
/// In words that quote names of fields but never what was in them: a line may hold PINs and badges.
pub fn parse(line: &[u8]) -> Result<Request, BadLine> {
    #[derive(Deserialize)]
    struct Head {
        v: Option<u32>,
        request: Option<RequestKey>,
    }
    let bad = |request: Option<&RequestKey>, text: String| BadLine { request: request.cloned(), text };
    let head: Head = serde_json::from_slice(line).map_err(|error| bad(None, without_values(&error)))?;
    let key = head.request.as_ref().filter(|key| is_key(key));
    match head.v {
        Some(VERSION) => {}
        Some(v) => {
            let text =
                format!("version {v} is not known; this cabinetd speaks version {VERSION}: use its own `cabinetd`");
            return Err(bad(key, text));
        }
        None => return Err(bad(key, format!("the version is missing; begin with {{\"v\":{VERSION},…}}"))),
    }
    let request: Request = serde_json::from_slice(line).map_err(|error| bad(key, without_values(&error)))?;
    if !is_key(&request.request) {
        return Err(bad(None, "`request` must have 1 to 64 printable ASCII characters".to_owned()));
    }
    match request.ask.problem() {
        Some(text) => Err(bad(key, text)),
        None => Ok(request),
    }
}

/// serde's message if it names fields only, else just the place: "invalid type: string "482913"" would quote a PIN.
fn without_values(error: &serde_json::Error) -> String {
    let text = error.to_string();
    // "unknown variant `482913`, expected one of `pull`, …": the first name is a value.
    let text = match text.strip_prefix("unknown variant `").and_then(|rest| rest.split_once("`, ")) {
        Some((_, expected)) => format!("unknown variant, {expected}"),
        None => text,
    };
    let of_names = ["unknown field", "missing field", "duplicate field", "unknown variant, "];
    if of_names.iter().any(|start| text.starts_with(start)) {
        let mut text: String = text.chars().filter(|letter| !letter.is_control()).take(400).collect();
        text.insert_str(0, "not understood: ");
        return text;
    }
    let what = match error.classify() {
        serde_json::error::Category::Data => "a field has the wrong type or value",
        _ => "the line is not JSON",
    };
    format!("{what}, at column {}", error.column())
}

fn is_key(key: &RequestKey) -> bool {
    (1..=64).contains(&key.0.len()) && key.0.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The longest texts, in characters.
pub(super) const NAME: usize = 100;
pub(super) const NOTE: usize = 500;
const KEYS_AT_ONCE: usize = 300;

/// Why a text cannot be taken.
pub(super) fn text_problem(what: &str, text: &str, longest: usize) -> Option<String> {
    if text.trim().is_empty() {
        return Some(format!("{what} is empty"));
    }
    if text.chars().count() > longest {
        return Some(format!("{what} is longer than {longest} characters"));
    }
    text.chars().any(char::is_control).then(|| format!("{what} holds control characters"))
}

impl Ask {
    /// Why this cannot be taken, whoever asks.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let some = |what: &str, text: &Option<String>, longest| {
            text.as_ref().and_then(|text| text_problem(what, text, longest))
        };
        let keys = |keys: &[String]| {
            if keys.len() > KEYS_AT_ONCE {
                return Some(format!("more than {KEYS_AT_ONCE} keys at once"));
            }
            keys.iter().find_map(|key| text_problem("a key", key, NAME))
        };
        match self {
            Self::Status
            | Self::Keymap
            | Self::Roster
            | Self::Follow
            | Self::Cancel
            | Self::CallOff
            | Self::AlarmAcknowledge { .. }
            | Self::TellOutage(Told::Storm { .. } | Told::NothingStated)
            | Self::OrderPower(_)
            | Self::BatteryReplaced
            | Self::RetryUpstream
            | Self::Drill(_) => None,
            Self::Records(wanted) => wanted.problem(),
            Self::Pull { keys: wanted, reference, purpose, .. } => wanted
                .is_empty()
                .then(|| "no key is named".to_owned())
                .or_else(|| keys(wanted))
                .or_else(|| some("the reference", reference, NAME))
                .or_else(|| some("the purpose", purpose, NOTE)),
            Self::Return { keys: brought } => keys(brought),
            Self::Declare { key, .. } => text_problem("the key", key, NAME),
            Self::Countersign { by, .. } => text_problem("`by`", by.as_str(), NAME),
            Self::Open { user, why, .. } => {
                text_problem("the user", user.as_str(), NAME).or_else(|| text_problem("the reason", why, NOTE))
            }
            Self::ChangeRoster { change, .. } => change.problem(),
            Self::SetPin { user, pin, duress } => text_problem("the user", user.as_str(), NAME)
                .or_else(|| [pin, duress].into_iter().flatten().find_map(digits_problem))
                .or_else(|| {
                    (pin.is_none() && duress.is_none()).then(|| "neither `pin` nor `duress` is given".to_owned())
                }),
            Self::Vouch { user, by, code, for_minutes } => text_problem("the user", user.as_str(), NAME)
                .or_else(|| text_problem("`by`", by.as_str(), NAME))
                .or_else(|| digits_problem(code))
                .or_else(|| {
                    let day = 1..=1440;
                    (!day.contains(for_minutes)).then(|| "`for_minutes` must be 1 to 1440".to_owned())
                }),
            Self::Enrol { user, code, for_minutes } => {
                text_problem("the user", user.as_str(), NAME).or_else(|| digits_problem(code)).or_else(|| {
                    let good = 1..=LONGEST_MINUTES;
                    (!good.contains(for_minutes)).then(|| format!("`for_minutes` must be 1 to {LONGEST_MINUTES}"))
                })
            }
            Self::TakeRoster { name, .. } => text_problem("the file's name", name, 300),
            Self::KeyLife { key, note, .. } => {
                text_problem("the key", key.as_str(), NAME).or_else(|| some("the note", note, NOTE))
            }
            Self::TellOutage(Told::EndsIn { ms }) => {
                (*ms > LONGEST_STATED_MS).then(|| "the outage must be stated to end within 60 days".to_owned())
            }
        }
    }

    /// The ask's word, for logs.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Keymap => "keymap",
            Self::Roster => "roster",
            Self::Follow => "follow",
            Self::Records(_) => "records",
            Self::Pull { .. } => "pull",
            Self::Return { .. } => "return",
            Self::Cancel => "cancel",
            Self::Declare { .. } => "declare",
            Self::AlarmAcknowledge { .. } => "alarm-acknowledge",
            Self::Countersign { .. } => "countersign",
            Self::ChangeRoster { .. } => "change-roster",
            Self::SetPin { .. } => "set-pin",
            Self::Vouch { .. } => "vouch",
            Self::Enrol { .. } => "enrol",
            Self::TakeRoster { .. } => "take-roster",
            Self::KeyLife { .. } => "key-life",
            Self::TellOutage(_) => "tell-outage",
            Self::OrderPower(_) => "order-power",
            Self::BatteryReplaced => "battery-replaced",
            Self::Drill(_) => "drill",
            Self::Open { .. } => "open",
            Self::CallOff => "call-off",
            Self::RetryUpstream => "retry-upstream",
        }
    }

    /// To whom it goes.
    #[must_use]
    pub fn parted(self) -> Parted {
        let bare = |digits: Option<Digits>| digits.map(|digits| digits.0);
        Parted::Core(match self {
            Self::Status => return Parted::Read(Read::Status),
            Self::Keymap => return Parted::Read(Read::Keymap),
            Self::Roster => return Parted::Read(Read::Roster),
            Self::Follow => return Parted::Read(Read::Follow),
            Self::Records(wanted) => return Parted::Records(wanted),
            Self::SetPin { user, pin, duress } => {
                return Parted::Local(LocalAsk::SetPin { user, pin: bare(pin), duress: bare(duress) });
            }
            Self::Vouch { user, by, code, for_minutes } => {
                return Parted::Local(LocalAsk::Vouch { user, by, code: code.0, for_minutes });
            }
            Self::Enrol { user, code, for_minutes } => {
                return Parted::Local(LocalAsk::Enrol { user, code: code.0, for_minutes });
            }
            Self::TakeRoster { name, signed, dry_run } => {
                return Parted::Local(LocalAsk::TakeRoster { name, signed, dry_run });
            }
            Self::Pull { keys, reason, reference, purpose, alone } => {
                event::Ask::Pull(Pull { keys, reason, reference, purpose, alone })
            }
            Self::Return { keys } => event::Ask::Return { keys },
            Self::Cancel => event::Ask::Cancel,
            Self::Declare { slot, key } => event::Ask::Declare { slot, key },
            Self::AlarmAcknowledge { alarm } => event::Ask::AlarmAcknowledge { alarm },
            Self::Countersign { alarm, by } => event::Ask::Countersign { alarm, by },
            Self::ChangeRoster { change, dry_run } => event::Ask::ChangeRoster { change: change.into(), dry_run },
            Self::KeyLife { key, step, note } => event::Ask::KeyLife { key, step, note },
            Self::TellOutage(told) => event::Ask::TellOutage(told),
            Self::OrderPower(order) => event::Ask::OrderPower(order),
            Self::BatteryReplaced => event::Ask::BatteryReplaced,
            Self::Open { user, door, why } => event::Ask::Open { user, door, why },
            Self::CallOff => event::Ask::CallOff,
            Self::Drill(step) => event::Ask::Drill(step),
            Self::RetryUpstream => event::Ask::RetryUpstream,
        })
    }
}

fn digits_problem(digits: &Digits) -> Option<String> {
    let text = digits.0.expose();
    let good = (4..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    (!good).then(|| "a PIN or code has 4 to 8 digits and nothing else".to_owned())
}

#[cfg(test)]
mod tests;
