//! Enrolment: somebody without a PIN gets one of their own, at the cabinet, with a code that is good for that once.
//!
//! ```text
//!   badge or login ── code ──▶ choosing ── a PIN ──▶ again ── the same ──▶ hashed ──▶ recorded: from now on it is theirs
//!                                 ▲                   │ another
//!                                 └───────────────────┘
//! ```
//!
//! Nothing opens by it: with the new PIN they come in like everybody. The code is used up when the PIN is set, not before: whoever lost their way
//! begins again. A wrong code is charged like a wrong PIN; what is typed for a PIN and will not do costs nothing.
//!
//! **Does not** hash: that is done off the loop, by the rules of `io::credentials::pin`.

use super::access::Desk;
use super::books::Vouched;
use super::event::StoreState;
use super::fact::Fact;
use super::outcome::{Action, CommandResult, Denial, Message, Sound};
use super::types::{Mono, Origin, Pin, PinHash, UserId};
use super::{Cabinet, Purpose, Turn};
use serde::{Deserialize, Serialize};

/// PINs have this many digits.
pub const FEWEST_DIGITS: usize = 4;
/// See [`FEWEST_DIGITS`].
pub const MOST_DIGITS: usize = 8;
/// Who has chosen so often what will not do begins again.
const TRIES: u8 = 8;
/// Longest life of a code, minutes.
pub const LONGEST_MINUTES: u32 = 30 * 24 * 60;

/// Why nobody may choose this PIN.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum BadPin {
    /// Not 4 to 8 digits.
    Shape,
    /// A run (`3456`, `9876`) or a repetition (`7777`, `1212`, `123123`).
    Trivial,
    /// It is the code that somebody else made, or one that serves another purpose.
    Taken,
}

/// Whether a person may choose this PIN.
///
/// # Errors
/// Its shape, or that everybody tries it.
pub fn judge(pin: &Pin) -> Result<(), BadPin> {
    let digits = pin.expose().as_bytes();
    if !(FEWEST_DIGITS..=MOST_DIGITS).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return Err(BadPin::Shape);
    }
    if is_trivial(digits) { Err(BadPin::Trivial) } else { Ok(()) }
}

/// A run up or down, or a shorter piece repeated. Digits only.
#[must_use]
pub fn is_trivial(digits: &[u8]) -> bool {
    let steps = |by: u8| digits.windows(2).all(|pair| (pair[0] - b'0' + by) % 10 == pair[1] - b'0');
    let repeats = (1..=digits.len() / 2).any(|piece| {
        digits.len().is_multiple_of(piece) && digits.chunks_exact(piece).all(|chunk| chunk == &digits[..piece])
    });
    steps(1) || steps(9) || repeats
}

/// A PIN that is being chosen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Choice {
    pub(super) user: UserId,
    /// The code that was typed: it does not become the PIN.
    code: Pin,
    first: Option<Pin>,
    tries: u8,
    pub(super) until: Mono,
}

impl Cabinet {
    /// A code for somebody, with which they choose a PIN of their own.
    pub(super) fn offer_enrolment(
        &mut self,
        turn: &mut Turn,
        user: UserId,
        code: PinHash,
        for_minutes: u32,
    ) -> Result<String, Denial> {
        let Some(person) = self.books.roster.users.get(&user) else { return Err(Denial::UserUnknown { user }) };
        if !self.is_active(&user) {
            return Err(Denial::Revoked);
        }
        let text = format!("{} may choose a PIN at the cabinet with the code", person.name);
        let for_minutes = for_minutes.clamp(1, LONGEST_MINUTES);
        self.record(turn, Fact::EnrolmentOffered { user: user.clone(), for_minutes });
        let since = turn.now.stamp();
        self.books.set_vouched(user, Vouched { by: None, code, since, for_minutes, enrols: true });
        Ok(text)
    }

    /// The code was right: the PIN is next.
    pub(super) fn choose_pin(&mut self, turn: &mut Turn, user: &UserId, code: Pin) {
        self.desk = Desk::Choosing(Choice { user: user.clone(), code, first: None, tries: 0, until: turn.mono() });
        self.ask_choice(turn, Sound::Next, Message::ChoosePin);
    }

    fn ask_choice(&mut self, turn: &mut Turn, sound: Sound, message: Message) {
        let until = turn.mono().plus_ms(self.settings.access.pin_timeout_ms);
        if let Desk::Choosing(choice) = &mut self.desk {
            choice.until = until;
        }
        self.sound(turn, sound);
        self.show(turn, message);
    }

    /// What was typed while a PIN is chosen.
    pub(super) fn pin_chosen(&mut self, turn: &mut Turn, pin: Pin) {
        let Desk::Choosing(choice) = &mut self.desk else { return };
        match choice.first.take() {
            None => match judge(&pin).and_then(|()| if pin == choice.code { Err(BadPin::Taken) } else { Ok(()) }) {
                Ok(()) => {
                    choice.first = Some(pin);
                    self.ask_choice(turn, Sound::Next, Message::ChoosePinAgain);
                }
                Err(bad) => self.choose_again(turn, Message::PinUnfit { bad }),
            },
            Some(first) if first == pin => {
                let choice = choice.clone();
                let user = choice.user.clone();
                let old = self.books.roster.users.get(&user).and_then(|user| user.pin.clone());
                self.desk = Desk::Hashing(choice);
                self.show(turn, Message::Checking);
                self.command(turn, Action::HashPin { user: user.clone(), pin, old }, Purpose::HashPin { user });
            }
            Some(_) => self.choose_again(turn, Message::PinsDiffer),
        }
    }

    fn choose_again(&mut self, turn: &mut Turn, why: Message) {
        let Desk::Choosing(choice) = &mut self.desk else { return };
        choice.tries += 1;
        if choice.tries >= TRIES {
            self.desk = Desk::Idle;
            self.sound(turn, Sound::Refused);
            return self.show(turn, Message::TimedOut);
        }
        self.ask_choice(turn, Sound::Refused, why);
    }

    /// It was hashed, or could not be.
    pub(super) fn pin_hashed(&mut self, turn: &mut Turn, user: &UserId, result: &CommandResult) {
        let choice = match std::mem::replace(&mut self.desk, Desk::Idle) {
            Desk::Hashing(choice) if choice.user == *user => choice,
            other => {
                self.desk = other;
                return;
            }
        };
        match result {
            CommandResult::Hashed(hash) => {
                // Asked once more: a manager may have revoked, or the code may be over.
                let stands = self.enrolment_stands(turn, user).then_some(()).ok_or(Denial::NoPin);
                match self.is_welcome(turn, user).map(drop).and(stands) {
                    Ok(()) => self.enrolled(turn, user, hash.clone()),
                    Err(denial) => self.deny(turn, Some(user.clone()), denial, None),
                }
            }
            // It will not do, and why is nobody's business: their own duress PIN, say.
            CommandResult::Failed(_) => {
                self.desk = Desk::Choosing(choice);
                self.choose_again(turn, Message::PinUnfit { bad: BadPin::Taken });
            }
            CommandResult::Done | CommandResult::Pin(_) | CommandResult::Unknown => self.show(turn, Message::TimedOut),
        }
    }

    fn enrolled(&mut self, turn: &mut Turn, user: &UserId, hash: PinHash) {
        debug_assert!(self.store == StoreState::Writable, "nobody is welcome without room");
        let mut roster = self.books.roster.clone();
        let Some(person) = roster.users.get_mut(user) else { return };
        person.pin = Some(hash);
        let name = person.name.clone();
        turn.by = Origin::reader(user.clone());
        self.record(turn, Fact::PinSet { user: user.clone(), enrolled: true });
        self.books.set_roster(roster);
        self.sound(turn, Sound::Next);
        self.show(turn, Message::Enrolled { name });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_that_everybody_tries_are_not_taken() {
        for bad in ["0000", "1234", "7890", "4321", "0987", "1212", "123123", "777777", "45454545", "12341234"] {
            assert_eq!(judge(&Pin::new(bad)), Err(BadPin::Trivial), "{bad}");
        }
        for bad in ["", "123", "123456789", "12a4", "12 34", "١٢٣٥"] {
            assert_eq!(judge(&Pin::new(bad)), Err(BadPin::Shape), "{bad}");
        }
        for good in ["1357", "1223", "482913", "12312", "90210", "48291357"] {
            assert_eq!(judge(&Pin::new(good)), Ok(()), "{good}");
        }
    }
}
