//! What is typed on a pad of digits. The pad does not know what its digits are; this room does, by what the cabinet waits for:
//!
//! ```text
//!   nobody ── login ──▶ PIN awaited ── PIN ──▶ reason ── 2 to 5 ──▶ unit ───────────────▶ ask
//!                                               │ │ ── 1 ────────▶ unit ── work order ──▶ ask
//!                                               │ └─── 0 ── nothing is out with them ──▶ unit ──▶ bring back
//!                                               └───── 0 ─────────────────────────────────▶ bring back
//! ```
//!
//! The asks are those of the control socket, with the same refusals; a refusal leads back to the reason. Each answer has the visit's
//! time, and a visit has only so many. After the door is unlocked the next reason may be typed, for one more key.
//!
//! **Does not** know of keys pressed, of layouts, or of half a number: that is the reader's.

use super::access::Desk;
use super::event::Pull;
use super::outcome::{Denial, Message, Sound};
use super::roster::Key;
use super::types::{Code, KeyId, Mono, Origin, Pin, Reason, SlotNo};
use super::visit::may_take;
use super::{Cabinet, Turn};

/// Answers of one visit: more is not a person who wants a key.
const ANSWERS: u8 = 32;

/// The dialogue of a visit: what was answered so far, and what the next digits are.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Dialogue {
    awaits: Awaits,
    /// Until when a half-given answer counts; none before the first.
    until: Option<Mono>,
    answers: u8,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
enum Awaits {
    #[default]
    Reason,
    Unit(Want),
    WorkOrder {
        key: KeyId,
    },
}

/// What the first digit said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Want {
    Pull { reason: Reason, alone: bool },
    BringBack,
}

impl Want {
    fn of(digits: &str) -> Option<Self> {
        let pull = |reason| Some(Self::Pull { reason, alone: false });
        match digits {
            "0" => Some(Self::BringBack),
            "1" => pull(Reason::WorkOrder),
            "2" => pull(Reason::Emergency),
            "3" => pull(Reason::UnitAccess),
            "4" => pull(Reason::Showing),
            "5" => pull(Reason::DayToDay),
            // Twice is on purpose: nobody else is there for a key that needs two.
            "22" => Some(Self::Pull { reason: Reason::Emergency, alone: true }),
            _ => None,
        }
    }
}

impl Dialogue {
    pub(super) const fn until(&self) -> Option<Mono> {
        self.until
    }
}

impl Cabinet {
    pub(super) fn digits_typed(&mut self, turn: &mut Turn, digits: Pin) {
        let is_empty = digits.expose().is_empty();
        match &self.desk {
            // Enter alone is a slip, not a wrong PIN.
            Desk::AwaitingPin { .. } | Desk::Choosing(_) | Desk::Hashing(_) if is_empty => {}
            Desk::AwaitingPin { .. } | Desk::Checking(_) | Desk::Choosing(_) | Desk::Hashing(_) => {
                self.pin_typed(turn, digits);
            }
            Desk::Idle if self.books.session.is_some() && !self.visit.wants_second() => {
                self.answered(turn, digits.expose());
            }
            Desk::Idle if is_empty => {}
            Desk::Idle if self.settings.access.login_and_pin => self.login_typed(turn, &Code::new(digits.expose())),
            // Where nobody has a login number these were a PIN.
            Desk::Idle => {
                self.sound(turn, Sound::Refused);
                self.show(turn, Message::BadgeFirst);
            }
        }
    }

    /// The next answer of the visitor.
    fn answered(&mut self, turn: &mut Turn, digits: &str) {
        let Some(session) = &self.books.session else { return };
        let user = session.user.clone();
        turn.by = Origin::reader(user.clone());
        let dialogue = &mut self.visit.dialogue;
        dialogue.answers = dialogue.answers.saturating_add(1);
        if dialogue.answers > ANSWERS {
            return self.refuse_answer(turn, Denial::TooManyAsks);
        }
        dialogue.until = None;
        let asked = match std::mem::take(&mut dialogue.awaits) {
            Awaits::Reason => match Want::of(digits) {
                Some(Want::BringBack) if !self.held_by(&user).is_empty() => self.give_back(turn, &[]),
                Some(want) => return self.await_answer(turn, Awaits::Unit(want), Message::WhichUnit),
                None => {
                    self.sound(turn, Sound::Refused);
                    return self.show(turn, Message::WhatFor);
                }
            },
            Awaits::Unit(want) => match (self.key_of(digits), want) {
                (Err(denial), _) => Err(denial),
                (Ok(key), Want::BringBack) => self.give_back(turn, &[key.as_str().to_owned()]),
                (Ok(key), Want::Pull { reason: Reason::WorkOrder, .. }) => {
                    return self.await_answer(turn, Awaits::WorkOrder { key }, Message::WhichWorkOrder);
                }
                (Ok(key), Want::Pull { reason, alone }) => self.pull(turn, &pull_of(&key, reason, None, alone)),
            },
            Awaits::WorkOrder { key } => {
                let number = (!digits.is_empty()).then(|| digits.to_owned());
                self.pull(turn, &pull_of(&key, Reason::WorkOrder, number, false))
            }
        };
        match asked {
            Ok(_) if self.visit.wants_second() => self.sound(turn, Sound::Next),
            Ok(_) => {}
            Err(denial) => self.refuse_answer(turn, denial),
        }
    }

    fn await_answer(&mut self, turn: &mut Turn, awaits: Awaits, question: Message) {
        let until = turn.mono().plus_ms(self.settings.sessions.ask_timeout_ms);
        let is_granted = self.books.session.as_ref().is_some_and(super::books::Session::is_granted);
        if !is_granted {
            self.visit.goes_on(until);
        }
        let dialogue = &mut self.visit.dialogue;
        dialogue.awaits = awaits;
        dialogue.until = Some(until);
        self.sound(turn, Sound::Next);
        self.show(turn, question);
    }

    /// Told and heard; recorded where it is a denial of somebody.
    fn refuse_answer(&mut self, turn: &mut Turn, denial: Denial) {
        match denial {
            Denial::KeyNotAllowed { .. } | Denial::LoneEmergencyNotAllowed => {
                let user = self.books.session.as_ref().map(|session| session.user.clone());
                self.deny(turn, user, denial, None);
            }
            denial => {
                self.sound(turn, Sound::Refused);
                self.show(turn, Message::Denied { denial });
            }
        }
    }

    /// The key of a unit's number; with a 0 before it, of the slot that is its home. Of several that one which the visitor may take.
    fn key_of(&self, digits: &str) -> Result<KeyId, Denial> {
        let user = self.books.session.as_ref().and_then(|session| self.books.roster.users.get(&session.user));
        let user = user.ok_or(Denial::Revoked)?;
        let keys = || self.books.roster.keys.values();
        let number_in = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let home = digits.strip_prefix('0').and_then(|slot| slot.parse().ok()).map(SlotNo);
        let tiers: [&dyn Fn(&&Key) -> bool; 3] =
            [&|key| key.unit == digits || key.id.as_str() == digits, &|key| number_in(&key.unit) == digits, &|key| {
                Some(key.home) == home
            }];
        if digits.is_empty() {
            return Err(Denial::NumberUnknown);
        }
        let found = tiers.iter().map(|tier| keys().filter(tier).collect::<Vec<&Key>>()).find(|found| !found.is_empty());
        let found = found.ok_or(Denial::NumberUnknown)?;
        let allowed: Vec<&&Key> = found.iter().filter(|key| may_take(user, key)).collect();
        match (allowed.as_slice(), found.as_slice()) {
            ([key], _) => Ok(key.id.clone()),
            // Refused by name, and recorded, by the ask itself.
            ([], [key, ..]) => Ok(key.id.clone()),
            _ => Err(Denial::NumberAmbiguous),
        }
    }

    /// Cancelled: what was answered is forgotten, whatever becomes of the visit.
    pub(super) fn forget_answer(&mut self) {
        self.visit.dialogue = Dialogue { answers: self.visit.dialogue.answers, ..Dialogue::default() };
    }

    /// Nobody went on answering.
    pub(super) fn forget_answers(&mut self, turn: &mut Turn) {
        if self.visit.dialogue.until.is_some_and(|until| until <= turn.mono()) {
            self.forget_answer();
            self.show(turn, Message::WhatFor);
        }
    }
}

fn pull_of(key: &KeyId, reason: Reason, reference: Option<String>, alone: bool) -> Pull {
    Pull { keys: vec![key.as_str().to_owned()], reason, reference, purpose: None, alone }
}
