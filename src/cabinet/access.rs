//! Who is it, and may they come in: badge or login number, PIN or vouched code, validity, hours, and the charge for failures. Who has the code of
//! an enrolment goes on in `enrol`.
//!
//! Only failures are charged. A person's delay grows with each failure in a row; the device as a whole bears some failures an
//! hour, and when these are used up a badge that has not failed itself still gets its chance, so that ten wrong tries lock
//! nobody else out. Both counts live in the books and survive a restart. While the clock is not trusted, hours and validity
//! warn but do not deny; a revocation always denies.

use super::books::{Charge, Vouched, leaked};
use super::enrol::Choice;
use super::event::StoreState;
use super::fact::{Alarm, Cleared, Fact};
use super::outcome::{Action, CommandResult, Denial, Message, PinVerdict, Sound};
use super::power::Mode;
use super::power::policy::Then;
use super::roster::User;
use super::types::{Code, Mono, Origin, Pin, PinHash, Shown, UserId, VOUCHED_DIGITS};
use super::{Cabinet, Purpose, Reason, Turn};

/// A denial of the same kind is written at most once in this time; further ones are counted.
const DENIAL_WINDOW_MS: u64 = 60_000;
/// Different denials counted at the same time.
const DENIAL_KINDS: usize = 64;

/// Readers read a badge that lies on them again and again, within this.
const REREAD_MS: u64 = 5_000;
/// A hand needs longer than this to take a badge away and hold it there again.
const HAND_MS: u64 = 3_000;
/// So long a badge may be held to the reader and be somebody.
const HELD_MS: u64 = 60_000;
/// Codes that are remembered: badges that lie on the reader together are read in turn.
const LAST_READ: usize = 4;
/// Answers typed while a PIN is checked: reason, unit and work order are the whole dialogue.
const AHEAD: usize = 3;

/// A code that the reader read a moment ago.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct LastRead {
    code: Code,
    /// Since when it has never been away for longer than a reader's pause, and since when for longer than a hand's.
    first: Mono,
    steady: Mono,
    last: Mono,
    /// It counts as left there.
    left: bool,
}

/// What a reading is worth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reading {
    Fresh,
    /// The same code as a moment ago: perhaps a hand, perhaps a reader that stutters.
    Again,
    /// It was never taken away: somebody, who said it already.
    Held,
    /// It was left on the reader: nobody.
    Left {
        is_news: bool,
    },
}

/// What is going on at the reader.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Desk {
    Idle,
    /// Somebody said who they are; the PIN is awaited.
    AwaitingPin {
        user: UserId,
        shown: Shown,
        until: Mono,
    },
    /// The PIN is being hashed.
    Checking(Check),
    /// The enrolment's code was right; a PIN of their own is awaited, or the same once more.
    Choosing(Choice),
    /// That one is being hashed.
    Hashing(Choice),
}

/// Whose PIN is being checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Check {
    user: UserId,
    shown: Shown,
    by: Proof,
    /// It was not the code that stands.
    is_wrong_code: bool,
    /// They went away meanwhile: nobody is let in by it. A wrong PIN counts all the same, and so does the one for duress.
    is_cancelled: bool,
    /// The answers of somebody who does not wait for the tick.
    ahead: Vec<Pin>,
}

impl Check {
    pub(super) fn cancel(&mut self) {
        self.is_cancelled = true;
        self.ahead.clear();
    }
}

/// What was typed as proof.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Proof {
    OwnPin,
    /// A code that a manager vouched for.
    Vouched(Pin),
    /// The code with which a PIN is chosen.
    Enrolment(Pin),
}

impl Desk {
    pub(super) const fn is_busy(&self) -> bool {
        !matches!(self, Self::Idle)
    }

    pub(super) const fn next_deadline(&self) -> Option<(Mono, Reason)> {
        match self {
            Self::AwaitingPin { until, .. } | Self::Choosing(Choice { until, .. }) => {
                Some((*until, Reason::PinTimeout))
            }
            Self::Idle | Self::Checking(_) | Self::Hashing(_) => None,
        }
    }
}

/// Denials that are being counted, not yet written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Denials {
    open: Vec<Counted>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Counted {
    user: Option<UserId>,
    denial: Denial,
    /// Since the last one written.
    count: u32,
    until: Mono,
}

impl Denials {
    pub(super) fn next_deadline(&self) -> Option<(Mono, Reason)> {
        self.open.iter().map(|counted| (counted.until, Reason::DenialWindow)).min()
    }
}

impl Cabinet {
    /// Tells a badge that is held to the reader from one that was left on it: that one would ask for a PIN, count as wrong or keep the
    /// cabinet awake for ever.
    pub(super) fn weigh_reading(&mut self, now: Mono, code: &Code) -> Reading {
        self.last_reads.retain(|last| now.since_ms(last.last) <= REREAD_MS);
        let Some(last) = self.last_reads.iter_mut().find(|last| last.code == *code) else {
            if self.last_reads.len() >= LAST_READ {
                self.last_reads.remove(0);
            }
            let fresh = LastRead { code: code.clone(), first: now, steady: now, last: now, left: false };
            self.last_reads.push(fresh);
            return Reading::Fresh;
        };
        if now.since_ms(std::mem::replace(&mut last.last, now)) >= HAND_MS {
            last.steady = now;
        }
        let was_left = std::mem::replace(&mut last.left, now.since_ms(last.first) > HELD_MS);
        if last.left {
            Reading::Left { is_news: !was_left }
        } else if now.since_ms(last.steady) >= HAND_MS {
            Reading::Held
        } else {
            Reading::Again
        }
    }

    /// The reader read something: a key's tag, a badge, or neither.
    pub(super) fn code_read(&mut self, turn: &mut Turn, code: &Code, reading: Reading) {
        if let Some(key) = self.books.roster.by_tag(code) {
            let key = key.id.clone();
            return self.tag_read(turn, &key);
        }
        let badges_count = self.settings.access.badge_and_pin || self.settings.access.badge_alone;
        match self.books.roster.by_badge(code).filter(|_| badges_count) {
            Some(user) => {
                let user = user.id.clone();
                if !self.opens_on_word(turn, Some(&user)) {
                    self.identify(turn, user, Shown::Badge);
                }
            }
            // One swipe of a reader that stutters is one failure.
            None if reading == Reading::Again => {}
            None => self.unknown_person(turn, Denial::UnknownBadge),
        }
    }

    pub(super) fn login_typed(&mut self, turn: &mut Turn, login: &Code) {
        let user = self.books.roster.by_login(login).filter(|_| self.settings.access.login_and_pin);
        match user {
            Some(user) => {
                let user = user.id.clone();
                self.identify(turn, user, Shown::Login);
            }
            None => self.unknown_person(turn, Denial::UnknownLogin),
        }
    }

    fn unknown_person(&mut self, turn: &mut Turn, denial: Denial) {
        if let Some(user) = self.visitor_name() {
            return self.show(turn, Message::InUse { name: user });
        }
        if let Some(wait_s) = self.device_wait_s(turn) {
            return self.deny(turn, None, Denial::Throttled { wait_s }, None);
        }
        let shown = if denial == Denial::UnknownBadge { Shown::Badge } else { Shown::Login };
        self.deny(turn, None, denial, Some(shown));
    }

    fn identify(&mut self, turn: &mut Turn, user: UserId, shown: Shown) {
        match &self.desk {
            // They come too early, and would wait for nothing.
            Desk::Checking(check) if check.is_cancelled => {
                self.sound(turn, Sound::Refused);
                return self.show(turn, Message::Cancelled);
            }
            Desk::Checking(_) | Desk::Hashing(_) => return self.show(turn, Message::Checking),
            // The badge still lies there.
            Desk::Choosing(choice) if choice.user == user => return,
            Desk::Choosing(_) | Desk::AwaitingPin { .. } | Desk::Idle => {}
        }
        if let Some(session) = &self.books.session {
            let (visitor, wants_second) = (session.user.clone(), self.visit.wants_second());
            if !wants_second {
                let name = self.name_of(&visitor);
                return self.show(turn, Message::InUse { name });
            }
            if visitor == user {
                return self.deny(turn, Some(user), Denial::SamePerson, None);
            }
        }
        if let Err(denial) = self.may_enter(turn, &user, shown) {
            self.desk = Desk::Idle;
            return self.deny(turn, Some(user), denial, None);
        }
        if shown == Shown::Badge && self.settings.access.badge_alone {
            return self.admitted(turn, &user, false, false);
        }
        let until = turn.mono().plus_ms(self.settings.access.pin_timeout_ms);
        let has_pin = self.books.roster.users.get(&user).is_some_and(|user| user.pin.is_some());
        let enrols = !has_pin && self.enrolment_stands(turn, &user);
        self.desk = Desk::AwaitingPin { user, shown, until };
        self.sound(turn, Sound::Next);
        self.show(turn, if enrols { Message::EnterCode } else { Message::EnterPin });
    }

    /// Whether this person has hours or a validity that cannot be looked at now.
    pub(super) fn clock_is_missed(&self, turn: &Turn, user: &UserId) -> bool {
        let is_bound =
            |user: &User| user.valid_from.is_some() || user.valid_until.is_some() || !user.schedule.is_empty();
        !turn.now.clock.is_trusted() && self.books.roster.users.get(user).is_some_and(is_bound)
    }

    /// Whether anybody is let in: room on the disk, and power.
    fn is_serving(&self) -> Result<(), Denial> {
        if self.store == StoreState::Reserve {
            return Err(Denial::NoRoom);
        }
        match self.power_mode() {
            _ if !self.goes_down() => Ok(()),
            // No press of a button ends that.
            Mode::FallingAsleep { then: Then::Manual, .. } | Mode::Manual { .. } => Err(Denial::OutOfPower),
            _ => Err(Denial::GoingDown),
        }
    }

    /// What holds whatever is shown or typed: that anybody is let in, not revoked, the right time.
    pub(super) fn is_welcome(&self, turn: &Turn, user: &UserId) -> Result<&User, Denial> {
        let user = self.books.roster.users.get(user).ok_or(Denial::UnknownBadge)?;
        self.is_serving()?;
        if !self.is_active(&user.id) {
            return Err(Denial::Revoked);
        }
        if turn.now.clock.is_trusted() {
            check_time(turn, user)?;
        }
        Ok(user)
    }

    /// Whether the PIN is asked for; where there is none to be asked for, everything.
    fn may_enter(&self, turn: &Turn, user: &UserId, shown: Shown) -> Result<(), Denial> {
        self.is_serving()?;
        let person = self.books.roster.users.get(user).ok_or(Denial::UnknownBadge)?;
        let pin_needed = !(shown == Shown::Badge && self.settings.access.badge_alone);
        let user = if pin_needed && person.pin.is_some() { person } else { self.is_welcome(turn, user)? };
        if let Some(wait_s) = self.wait_s(turn, &user.id, shown) {
            return Err(Denial::Throttled { wait_s });
        }
        if pin_needed && user.pin.is_none() && self.vouched_code(turn, &user.id).is_none() {
            return Err(Denial::NoPin);
        }
        Ok(())
    }

    pub(super) fn pin_typed(&mut self, turn: &mut Turn, pin: Pin) {
        let (user, shown) = match &self.desk {
            Desk::AwaitingPin { user, shown, .. } => (user.clone(), *shown),
            Desk::Hashing(_) => return self.show(turn, Message::Checking),
            Desk::Checking(_) => return self.typed_ahead(turn, pin),
            Desk::Choosing(_) => return self.pin_chosen(turn, pin),
            // Digits in the middle of a visit are a slip.
            Desk::Idle if self.books.session.is_some() => return,
            Desk::Idle => return self.show(turn, Message::BadgeFirst),
        };
        self.desk = Desk::Idle;
        // Asked again: between badge and PIN the disk may have filled.
        if let Err(denial) = self.may_enter(turn, &user, shown) {
            return self.deny(turn, Some(user), denial, None);
        }
        let code = (pin.expose().len() == VOUCHED_DIGITS).then(|| self.vouched_code(turn, &user)).flatten();
        let own = self.books.roster.users.get(&user).and_then(|user| user.pin.as_ref());
        let (by, hash) = match (code, own) {
            (Some(code), _) if code.enrols => (Proof::Enrolment(pin.clone()), code.code.clone()),
            (Some(code), _) => (Proof::Vouched(pin.clone()), code.code.clone()),
            (None, Some(own)) => (Proof::OwnPin, own.clone()),
            (None, None) => return self.deny(turn, Some(user), Denial::NoPin, None),
        };
        self.show(turn, Message::Checking);
        let (is_wrong_code, is_cancelled, ahead) = (false, false, Vec::new());
        self.have_checked(turn, Check { user, shown, by, is_wrong_code, is_cancelled, ahead }, pin, hash);
    }

    fn have_checked(&mut self, turn: &mut Turn, check: Check, pin: Pin, hash: PinHash) {
        let user = check.user.clone();
        self.desk = Desk::Checking(check);
        let purpose = Purpose::CheckPin { user: user.clone() };
        self.command(turn, Action::CheckPin { user, pin, hash }, purpose);
    }

    /// Hashing takes a good part of a second, and a hand that knows its way does not wait: what follows the PIN counts once that is right.
    fn typed_ahead(&mut self, turn: &mut Turn, digits: Pin) {
        if let Desk::Checking(Check { ahead, is_cancelled, .. }) = &mut self.desk {
            if *is_cancelled {
                // They begin anew, and too early: what they type now would be lost without a word.
                self.sound(turn, Sound::Refused);
                return self.show(turn, Message::Cancelled);
            }
            // Enter alone is a slip, or in the third place: no work order.
            let counts = !digits.expose().is_empty() || ahead.len() + 1 == AHEAD;
            if counts && ahead.len() < AHEAD {
                ahead.push(digits);
            }
        }
        self.show(turn, Message::Checking);
    }

    /// The answers of whoever began this visit, and of nobody else: what the second person typed is no answer of the first.
    fn play_ahead(&mut self, turn: &mut Turn, user: &UserId, ahead: Vec<Pin>) {
        for digits in ahead {
            let is_theirs = self.books.session.as_ref().is_some_and(|session| session.user == *user);
            if !is_theirs || self.visit.wants_second() {
                return;
            }
            self.digits_typed(turn, digits);
        }
    }

    pub(super) fn pin_checked(&mut self, turn: &mut Turn, user: &UserId, result: &CommandResult) {
        let check = match std::mem::replace(&mut self.desk, Desk::Idle) {
            Desk::Checking(check) if check.user == *user => check,
            other => {
                self.desk = other;
                return;
            }
        };
        match result {
            CommandResult::Pin(verdict @ (PinVerdict::Match | PinVerdict::Duress)) => {
                let duress = *verdict == PinVerdict::Duress;
                if check.is_cancelled {
                    if duress {
                        self.refused_under_duress(turn, user);
                    }
                    return;
                }
                let begins = self.books.session.is_none();
                match (self.is_welcome(turn, user).err(), check.by) {
                    (Some(denial), _) => {
                        self.deny(turn, Some(user.clone()), denial, None);
                        if duress {
                            self.refused_under_duress(turn, user);
                        }
                        return;
                    }
                    // What was typed after the code was no PIN that somebody was asked for.
                    (None, Proof::Enrolment(code)) => return self.choose_pin(turn, user, code),
                    (None, Proof::Vouched(_)) => self.admitted(turn, user, true, duress),
                    (None, Proof::OwnPin) => self.admitted(turn, user, false, duress),
                }
                if begins {
                    self.play_ahead(turn, user, check.ahead);
                }
            }
            CommandResult::Pin(PinVerdict::Mismatch) => {
                let own = self.books.roster.users.get(user).and_then(|user| user.pin.clone());
                match (&check.by, own) {
                    // As many digits as a code, and not the code: their own PIN may have as many. Neither is one failure.
                    (Proof::Vouched(pin) | Proof::Enrolment(pin), Some(own)) => {
                        let pin = pin.clone();
                        self.have_checked(turn, Check { by: Proof::OwnPin, is_wrong_code: true, ..check }, pin, own);
                    }
                    (Proof::OwnPin, _) | (_, None) => {
                        // Who typed has hands, and the badge in one of them: it may be held there again at once.
                        let roster = &self.books.roster;
                        let is_theirs =
                            |last: &&mut LastRead| roster.by_badge(&last.code).is_some_and(|of| of.id == *user);
                        self.last_reads.iter_mut().filter(is_theirs).for_each(|last| last.steady = turn.mono());
                        self.deny(turn, Some(check.user), Denial::WrongPin, Some(check.shown));
                    }
                }
            }
            // That it was not the code is known: guesses at one are not free because a PIN cannot be checked.
            _ if check.is_wrong_code => self.deny(turn, Some(check.user), Denial::WrongPin, Some(check.shown)),
            // It could not be checked: nobody's fault, nobody is charged.
            CommandResult::Done | CommandResult::Hashed(_) | CommandResult::Failed(_) | CommandResult::Unknown => {
                self.show(turn, Message::TimedOut);
            }
        }
    }

    /// Somebody proved who they are.
    fn admitted(&mut self, turn: &mut Turn, user: &UserId, vouched: bool, duress: bool) {
        self.desk = Desk::Idle;
        turn.by = Origin::reader(user.clone());
        if self.books.session.is_some() {
            self.joined(turn, user);
        } else {
            let clock_unverified = self.clock_is_missed(turn, user);
            self.session_started(turn, user, vouched, clock_unverified);
        }
        if duress && let Some(session) = self.books.session.as_ref().map(|session| session.id) {
            self.raise(turn, Alarm::Duress { session: Some(session), user: user.clone() });
        }
    }

    /// The PIN for duress was right, and the door stays shut. Whoever is told of that is told again when it comes again, as often as a denial
    /// is written.
    fn refused_under_duress(&mut self, turn: &mut Turn, user: &UserId) {
        let alarm = Alarm::Duress { session: None, user: user.clone() };
        let stands = self.books.alarms.values().find(|open| open.alarm == alarm);
        if stands.is_some_and(|open| open.raised.elapsed_ms(turn.now.stamp()) < DENIAL_WINDOW_MS) {
            return;
        }
        self.clear(turn, |open| *open == alarm, Cleared::Escalated);
        let by = std::mem::replace(&mut turn.by, Origin::reader(user.clone()));
        self.raise(turn, alarm);
        turn.by = by;
    }

    pub(super) fn cancel_pressed(&mut self, turn: &mut Turn) {
        self.opening = None;
        match &mut self.desk {
            Desk::AwaitingPin { .. } | Desk::Choosing(_) => {
                self.desk = Desk::Idle;
                return self.show(turn, Message::Cancelled);
            }
            Desk::Checking(check) => {
                check.cancel();
                self.show(turn, Message::Cancelled);
            }
            Desk::Idle | Desk::Hashing(_) => {}
        }
        self.forget_answer();
        drop(self.cancel_visit(turn));
    }

    pub(super) fn forget_pin(&mut self, turn: &mut Turn) {
        if let Desk::AwaitingPin { until, .. } | Desk::Choosing(Choice { until, .. }) = &self.desk
            && *until <= turn.mono()
        {
            self.desk = Desk::Idle;
            self.show(turn, Message::TimedOut);
        }
    }

    // ------------------------------------------------------------ the charge for failures

    /// Seconds this person has to wait; none = come in.
    fn wait_s(&self, turn: &Turn, user: &UserId, shown: Shown) -> Option<u32> {
        let rules = &self.settings.access;
        let person = self.books.people.get(user);
        // Wrong PINs at somebody's number, which is no secret, do not take away what their badge is good for.
        let charge = person.map_or(Charge::default(), |person| person.charge(shown));
        let failures = charge.failures;
        let own_ms = charge.last.map_or(0, |last| {
            let beyond = failures.saturating_sub(rules.free_failures);
            if beyond == 0 {
                return 0;
            }
            let delay_ms = rules.delay_ms.saturating_mul(1 << (beyond - 1).min(20)).min(rules.longest_delay_ms);
            delay_ms.saturating_sub(last.elapsed_ms(turn.now.stamp()))
        });
        if own_ms > 0 {
            return Some(seconds(own_ms));
        }
        if shown == Shown::Badge && failures == 0 { None } else { self.device_wait_s(turn) }
    }

    /// Seconds until the device as a whole bears another failure; none = now.
    fn device_wait_s(&self, turn: &Turn) -> Option<u32> {
        let rate = self.settings.access.failures_per_hour;
        let level = leaked(self.books.throttle.as_ref()?, turn.now.stamp(), rate);
        let bearable = u64::from(rate).saturating_sub(1) * 1_000;
        (level > bearable).then(|| seconds((level - bearable) * 3_600 / u64::from(rate.max(1))))
    }

    fn vouched_code(&self, turn: &Turn, user: &UserId) -> Option<&Vouched> {
        let vouched = self.books.vouched.get(user)?;
        let Vouched { since, for_minutes, enrols, .. } = vouched;
        // One for an entry lives in one boot, one for an enrolment as long as its age is known: after a restart of the machine nobody
        // knows how long that took, unless two clocks say so.
        let is_known =
            since.boot == turn.now.boot || *enrols && since.clock.is_trusted() && turn.now.clock.is_trusted();
        let is_fresh = is_known && since.elapsed_ms(turn.now.stamp()) < u64::from(*for_minutes) * 60_000;
        // A second person is known already, or is none.
        (is_fresh && !(*enrols && self.books.session.is_some())).then_some(vouched)
    }

    /// Whether there is a code with which this person may choose a PIN.
    pub(super) fn enrolment_stands(&self, turn: &Turn, user: &UserId) -> bool {
        self.vouched_code(turn, user).is_some_and(|code| code.enrols)
    }

    // ------------------------------------------------------------ denials

    /// Refuses somebody at the cabinet: told, heard, recorded.
    pub(super) fn deny(&mut self, turn: &mut Turn, user: Option<UserId>, denial: Denial, charged: Option<Shown>) {
        self.sound(turn, Sound::Refused);
        self.show(turn, Message::Denied { denial: denial.clone() });
        if self.store == StoreState::Reserve {
            return; // The reserve is for alarms and evidence.
        }
        if charged.is_some() {
            self.record(turn, Fact::Denied { user, denial, count: 1, charged });
            return;
        }
        let kind = without_figures(&denial);
        let same = |counted: &&mut Counted| counted.user == user && counted.denial == kind;
        if let Some(counted) = self.denials.open.iter_mut().find(same) {
            counted.count = counted.count.saturating_add(1);
        } else {
            if self.denials.open.len() >= DENIAL_KINDS {
                // The one that has been counted longest makes room.
                let oldest = self.denials.open.iter().map(|counted| counted.until).min().unwrap_or(turn.mono());
                self.write_denials_until(turn, oldest);
            }
            let until = turn.mono().plus_ms(DENIAL_WINDOW_MS);
            self.record(turn, Fact::Denied { user: user.clone(), denial, count: 1, charged });
            self.denials.open.push(Counted { user, denial: kind, count: 0, until });
        }
    }

    pub(super) fn write_denials(&mut self, turn: &mut Turn) {
        let now = turn.mono();
        self.write_denials_until(turn, now);
    }

    pub(super) fn write_all_denials(&mut self, turn: &mut Turn) {
        self.write_denials_until(turn, Mono(u64::MAX));
    }

    fn write_denials_until(&mut self, turn: &mut Turn, until: Mono) {
        let (done, open) =
            std::mem::take(&mut self.denials.open).into_iter().partition(|counted| counted.until <= until);
        self.denials.open = open;
        let done: Vec<Counted> = done;
        for Counted { user, denial, count, .. } in done.into_iter().filter(|counted| counted.count > 0) {
            if self.store == StoreState::Writable {
                self.record(turn, Fact::Denied { user, denial, count, charged: None });
            }
        }
    }

    pub(super) fn name_of(&self, user: &UserId) -> String {
        self.books.roster.users.get(user).map_or_else(|| user.as_str().to_owned(), |user| user.name.clone())
    }

    fn visitor_name(&self) -> Option<String> {
        self.books.session.as_ref().map(|session| self.name_of(&session.user))
    }
}

fn check_time(turn: &Turn, user: &User) -> Result<(), Denial> {
    if user.valid_from.is_some_and(|from| turn.now.wall < from) {
        return Err(Denial::NotYetValid);
    }
    if user.valid_until.is_some_and(|until| turn.now.wall > until) {
        return Err(Denial::Expired);
    }
    let open = user.schedule.is_empty() || user.schedule.iter().any(|window| window.contains(turn.now.civil));
    if open { Ok(()) } else { Err(Denial::OutsideSchedule) }
}

/// The denial as a kind: so that a growing wait does not make each one new.
fn without_figures(denial: &Denial) -> Denial {
    match denial {
        Denial::Throttled { .. } => Denial::Throttled { wait_s: 0 },
        other => other.clone(),
    }
}

fn seconds(ms: u64) -> u32 {
    u32::try_from(ms.div_ceil(1_000)).unwrap_or(u32::MAX)
}
