//! The cabinet opened on an admin's word: for somebody whose badge and PIN do not help, who stands before it.
//!
//! There is no remote unlock: the word alone moves nothing. Within a minute the named person's badge, or the cabinet's button (where there is
//! none, a key of the keypad), says that somebody is there; then a session begins as theirs, without a PIN, and the door is unlocked. The word is a record before that, with
//! who gave it and why. It does not survive a restart, another person's session or the cancel button; it opens once, and opens nothing
//! where no session of this person could begin: not when revoked, not outside hours or validity.

use super::fact::Fact;
use super::outcome::{Denial, Message, Sound};
use super::sentence::Names;
use super::snapshot::{OpeningView, Who};
use super::types::{DoorNo, Mono, Origin, UserId};
use super::visit::unstated;
use super::{Cabinet, Reason, Turn};

/// So long the word stands.
pub const WORD_STANDS_MS: u64 = 60_000;

/// A word that stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Opening {
    user: UserId,
    doors: Vec<DoorNo>,
    why: String,
    by: Origin,
    until: Mono,
}

impl Opening {
    pub(super) const fn next_deadline(&self) -> (Mono, Reason) {
        (self.until, Reason::WordLapses)
    }
}

impl Cabinet {
    /// An admin's word: this person may open this door (none = each), for this reason.
    pub(super) fn order_opening(
        &mut self,
        turn: &mut Turn,
        user: &UserId,
        door: Option<DoorNo>,
        why: &str,
    ) -> Result<String, Denial> {
        if !self.books.roster.users.contains_key(user) {
            return Err(Denial::UserUnknown { user: user.clone() });
        }
        // Hours and validity count: where no session could begin, a word begins none.
        self.is_welcome(turn, user)?;
        let doors: Vec<DoorNo> = match door {
            Some(door) if self.settings.doors.contains_key(&door) => vec![door],
            Some(door) => return Err(Denial::DoorUnknown { door }),
            None => self.settings.doors.keys().copied().collect(),
        };
        // Whoever gave the word that stands was told that it opens.
        if let Some(stands) = &self.opening {
            let left_s = u32::try_from(stands.until.since_ms(turn.mono()).div_ceil(1_000)).unwrap_or(u32::MAX);
            return Err(Denial::WordStands { name: self.name_of(&stands.user), left_s });
        }
        if self.books.session.is_some() || self.desk.is_busy() {
            return Err(Denial::Busy);
        }
        let (user, why) = (user.clone(), why.to_owned());
        self.record(turn, Fact::OpeningOrdered { user: user.clone(), doors: doors.clone(), why: why.clone() });
        let name = self.name_of(&user);
        let (by, until) = (turn.by.clone(), turn.mono().plus_ms(WORD_STANDS_MS));
        self.opening = Some(Opening { user, doors, why, by, until });
        // Who is waited for is as good as here.
        self.somebody_is_here(turn);
        self.sound(turn, Sound::Granted);
        let on_pad = !self.settings.button;
        self.show(turn, Message::PressToOpen { name: name.clone(), on_pad });
        let press = if on_pad { "presses a key of the keypad" } else { "presses the cabinet's button" };
        Ok(format!("within a minute {name} {press}, or holds their badge to its reader; then it opens"))
    }

    /// An admin takes a word back that nobody has taken up yet.
    pub(super) fn call_off(&mut self, turn: &mut Turn) -> Result<String, Denial> {
        let Some(opening) = self.opening.take() else { return Err(Denial::NoWord) };
        self.show(turn, Message::TimedOut);
        Ok(format!("{} is not waited for any more; nothing opens", self.name_of(&opening.user)))
    }

    /// The word that stands, for whoever looks.
    #[must_use]
    pub fn opening_view(&self, now: Mono) -> Option<OpeningView> {
        let Opening { user, doors, why, by, until } = self.opening.as_ref()?;
        Some(OpeningView {
            user: Who { id: user.clone(), name: self.name_of(user) },
            by: Names(Some(&self.books.roster)).actor(by),
            why: why.clone(),
            doors: doors.clone(),
            left_ms: until.since_ms(now),
        })
    }

    /// Whether a word stands that nobody has taken up yet.
    #[must_use]
    pub const fn opening_stands(&self) -> bool {
        self.opening.is_some()
    }

    /// A key of the pad: it is the button where there is none.
    pub(super) fn pad_touched(&mut self, turn: &mut Turn) {
        if !self.settings.button {
            self.opens_on_word(turn, None);
        }
    }

    /// Somebody is there: the named person's badge (`shown`), or the button. Whether it was for them.
    pub(super) fn opens_on_word(&mut self, turn: &mut Turn, shown: Option<&UserId>) -> bool {
        let meant = |opening: &mut Opening| shown.is_none_or(|user| *user == opening.user);
        let free = self.books.session.is_none() && !self.desk.is_busy() && !self.goes_down();
        let Some(Opening { user, doors, why, .. }) = self.opening.take_if(|opening| free && meant(opening)) else {
            return false;
        };
        // Roster, hours and disk may have changed since.
        if let Err(denial) = self.is_welcome(turn, &user) {
            self.show(turn, Message::Denied { denial });
            return true;
        }
        turn.by = if shown.is_some() { Origin::reader(user.clone()) } else { Origin::cabinet() };
        let (vouched, clock_unverified) = (false, self.clock_is_missed(turn, &user));
        let started = Fact::SessionStarted { user: user.clone(), vouched, clock_unverified, on_word: true };
        self.begin_session(turn, started, &user);
        let ask = super::event::Pull { purpose: Some(why), ..unstated() };
        self.authorise(turn, &ask, &[], &[], &doors);
        true
    }

    /// Nobody came in time.
    pub(super) fn word_lapses(&mut self, turn: &mut Turn) {
        let now = turn.mono();
        if self.opening.take_if(|opening| opening.until <= now).is_some() {
            self.show(turn, Message::TimedOut);
        }
    }
}
