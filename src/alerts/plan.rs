//! What one recipient is sent next, and when: no sockets, no clock, no chance, so that a simulation can drive it through every fault.
//!
//! A [`Lane`] is one recipient and one class. Nothing is queued: what is to be told is the ledger behind the lane's **mark**, the last record
//! that is told; what the lane holds is read from there again whenever the process begins anew.
//!
//! ```text
//!   ledger ──▶ news behind the mark ──▶ may it go now? ──▶ parcel (mark, upto] ──▶ sent ──▶ taken: the mark goes to upto
//!                    ▲                 held, pause, budget,       │                   ├──▶ refused: all that waits goes next time
//!                    └── full: read on later    hour of the digest│                   └──▶ unsure: the same parcel again
//!                                                      kept before it is sent
//! ```
//!
//! Promises: what is urgent is told at least once. A parcel that may have arrived is sent again as it was, under the same ends, so that its
//! name can be the same; one that was taken is never sent again. What waits goes in one parcel, however much it is; beyond what a person
//! reads it is counted by kind. What began and ended while it waited is told as over; whoever was told that something began is told in the
//! same class that it is over, also if something worse took its place meanwhile. That mains is back is told to nobody else.

use super::kinds::{Class, Kind, OUTAGE_BEGAN, Tie};
use crate::cabinet::types::{Civil, Mono, Now, Stamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// News that a lane holds at most; the rest stays in the ledger until they are told.
pub const MOST_HELD: usize = 500;
/// News that a message tells one by one.
pub const MOST_LINES: usize = 40;
/// The first pause after a failure; it doubles with each further one.
const PAUSE_MS: u64 = 2_000;
const LONGEST_PAUSE_MS: u64 = 300_000;
/// Asleep on battery the pauses grow so much longer.
const ASLEEP_LONGEST_PAUSE_MS: u64 = 1_800_000;
/// Heirs that a lane keeps at most: each is an alarm that is open.
const MOST_HEIRS: usize = 64;
const HOUR_MS: u64 = 3_600_000;
const DAY_MIN: i64 = 1_440;

/// A record that is to be told.
#[derive(Clone, PartialEq, Debug)]
pub struct News {
    pub seq: u64,
    /// By which it is known near the cabinet, where nothing counts what is silent.
    pub number: u64,
    pub at: Stamp,
    pub kind: &'static Kind,
    pub class: Class,
    pub tie: Tie,
    /// It may be taken back for so long.
    pub held_ms: u64,
    pub is_drill: bool,
    pub sentence: String,
}

impl News {
    /// The record of what takes the place of another one.
    const fn heir(&self) -> Option<u64> {
        match self.tie {
            Tie::Replaced { .. } => Some(self.seq + 1),
            Tie::Alone | Tie::Over { .. } | Tie::Closed { .. } | Tie::Recalled => None,
        }
    }
}

/// What a recipient wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wishes {
    /// Urgent messages in an hour; beyond that they are gathered.
    pub urgent_per_h: u32,
    /// Local minutes of the day at which a digest goes, rising.
    pub digest_at: Vec<u16>,
}

/// What is on the disk of a lane.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Kept {
    /// Everything up to this record is told.
    pub mark: u64,
    /// A parcel from the mark up to there was, or is, on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under_way: Option<u64>,
    /// The outage whose beginning was told and whose end was not: it may still turn out to be none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<u64>,
    /// What took the place of something that was told: its end is told in this class, too.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub heirs: BTreeSet<u64>,
    /// Urgent messages that may go at once.
    pub budget: u32,
    /// When the budget was counted last.
    pub counted: Stamp,
    /// The last digest's turn, as local minutes since 1970.
    pub turn: i64,
    /// When something was told last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Stamp>,
}

/// What to do now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Nothing waits.
    Rest,
    /// Not yet; look again after so many ms.
    Wait(u64),
    Send,
}

/// How the sending of a parcel ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    Taken,
    /// It did not arrive, for certain.
    Refused,
    /// Nobody knows.
    Unsure,
}

/// One of the news in a parcel.
#[derive(Clone, PartialEq, Debug)]
pub struct Line {
    pub news: Arc<News>,
    /// It is over already, by what this record said.
    pub over: Option<Arc<News>>,
}

/// What one message tells.
#[derive(Clone, PartialEq, Debug)]
pub struct Parcel {
    pub class: Class,
    /// Everything up to there had been told before.
    pub after: u64,
    /// Everything up to there is told by this.
    pub upto: u64,
    /// Oldest first, at most [`MOST_LINES`]: the first and the last of them.
    pub lines: Vec<Line>,
    /// What else there is, by kind.
    pub more: BTreeMap<&'static str, u32>,
    /// It waited because so many had gone before.
    pub gathered: bool,
}

/// One recipient, one class.
#[derive(Clone, Debug)]
pub struct Lane {
    class: Class,
    wishes: Wishes,
    kept: Kept,
    /// Everything up to there was looked at.
    seen: u64,
    held: Vec<Arc<News>>,
    failures: u32,
    retry_at: Option<Mono>,
    /// A parcel is on its way just now.
    is_sending: bool,
    /// It may have arrived: it goes again as it was.
    is_fixed: bool,
    is_hurried: bool,
    was_gathered: bool,
}

impl Lane {
    /// At a start. `kept`: of a former life; without it the recipient is new, and is told what comes behind `head`.
    #[must_use]
    pub fn new(class: Class, wishes: Wishes, kept: Option<Kept>, head: u64, now: Now) -> Self {
        let fresh = || Kept {
            mark: head,
            under_way: None,
            began: None,
            heirs: BTreeSet::new(),
            budget: wishes.urgent_per_h,
            counted: now.stamp(),
            turn: turn_of(&wishes.digest_at, now.civil),
            told: None,
        };
        let mut kept = kept.unwrap_or_else(fresh);
        // An older ledger was put in: what comes next is news.
        kept.mark = kept.mark.min(head);
        kept.under_way = kept.under_way.filter(|upto| (kept.mark + 1..=head).contains(upto));
        kept.began = kept.began.filter(|began| *began <= kept.mark);
        // One may be the very next record.
        kept.heirs.retain(|heir| *heir <= kept.mark + 1);
        // A clock that ran ahead for a while must not end the digests.
        kept.turn = kept.turn.min(turn_of(&wishes.digest_at, now.civil));
        let (seen, is_fixed) = (kept.mark, kept.under_way.is_some());
        Self {
            class,
            wishes,
            kept,
            seen,
            held: Vec::new(),
            failures: 0,
            retry_at: None,
            is_sending: false,
            is_fixed,
            is_hurried: false,
            was_gathered: false,
        }
    }

    /// What is to be kept of it.
    #[must_use]
    pub const fn kept(&self) -> &Kept {
        &self.kept
    }

    #[must_use]
    pub const fn class(&self) -> Class {
        self.class
    }

    /// The record behind which it wants to read on; none while it holds as much as it may.
    #[must_use]
    pub fn reads_after(&self) -> Option<u64> {
        (self.held.len() < MOST_HELD).then_some(self.seen)
    }

    /// Takes news in, in the order of the ledger, if they are for it.
    pub fn take(&mut self, news: &Arc<News>) {
        if news.seq <= self.seen || self.held.len() >= MOST_HELD {
            return;
        }
        self.seen = news.seq;
        let holds = |of: u64| self.held.iter().any(|held| held.seq == of);
        let is_heir = |of: u64| self.kept.heirs.contains(&of) || self.held.iter().any(|held| held.heir() == Some(of));
        let ends_one = match news.tie {
            Tie::Alone => false,
            Tie::Over { of } | Tie::Replaced { of } => holds(of) || is_heir(of),
            Tie::Closed { of } => holds(of),
            Tie::Recalled => self.kept.began.is_some() || self.held.iter().any(|held| held.kind == &OUTAGE_BEGAN),
        };
        if news.class == self.class || ends_one {
            self.held.push(Arc::clone(news));
        }
    }

    /// Everything up to there was read.
    pub fn read_up_to(&mut self, seq: u64) {
        if self.held.len() < MOST_HELD {
            self.seen = self.seen.max(seq);
        }
        // What may have arrived is read to its end first, so that it goes again as it was.
        let is_fixed = self.kept.under_way.is_some_and(|upto| self.seen < upto);
        if self.held.is_empty() && !self.is_sending && !is_fixed {
            self.kept.mark = self.kept.mark.max(self.seen);
            (self.kept.under_way, self.is_fixed) = (None, false);
        }
    }

    /// News that wait to be told.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.fold().map_or(0, |parcel| parcel.lines.len() + parcel.more.values().sum::<u32>() as usize)
    }

    /// What is to be done. `is_asleep`: on battery, and as little as possible is done.
    pub fn next(&mut self, now: Now, is_asleep: bool) -> Next {
        if self.is_sending {
            return Next::Rest;
        }
        let turn = turn_of(&self.wishes.digest_at, now.civil);
        // A clock that was ahead, and is put right, stops no digest.
        self.kept.turn = self.kept.turn.min(turn);
        if self.is_fixed && self.fold().is_none() {
            // Another version tells other kinds: nothing of it is left.
            (self.kept.under_way, self.is_fixed) = (None, false);
        }
        if self.fold().is_none() {
            let was_full = self.held.len() >= MOST_HELD;
            // Nothing, or only what took itself back.
            if let Some(last) = self.held.last() {
                self.kept.heirs = self.folded().heirs;
                self.kept.mark = last.seq;
                self.held.clear();
            }
            self.kept.turn = turn;
            self.is_hurried = false;
            // What it had no room for is still to be read.
            return if was_full { Next::Wait(0) } else { Next::Rest };
        }
        if let Some(at) = self.retry_at.filter(|at| *at > now.mono && !self.is_hurried) {
            return Next::Wait(at.since_ms(now.mono));
        }
        match self.class {
            Class::Silent => Next::Send,
            Class::Urgent => self.urgent(now),
            Class::Routine if is_asleep => Next::Wait(HOUR_MS),
            Class::Routine if turn > self.kept.turn || self.is_fixed || self.held.len() >= MOST_HELD => Next::Send,
            Class::Routine => Next::Wait(until_next(&self.wishes.digest_at, now.civil)),
        }
    }

    fn urgent(&mut self, now: Now) -> Next {
        // What had its turn to go does not ask for another.
        if self.is_hurried || self.is_fixed {
            return Next::Send;
        }
        let held_for = self.held.iter().map(|news| news.held_ms.saturating_sub(news.at.elapsed_ms(now.stamp()))).min();
        if let Some(ms) = held_for.filter(|ms| *ms > 0) {
            return Next::Wait(ms);
        }
        let each_ms = HOUR_MS / u64::from(self.wishes.urgent_per_h.max(1));
        let passed_ms = self.kept.counted.elapsed_ms(now.stamp());
        let earned = u32::try_from(passed_ms / each_ms).unwrap_or(u32::MAX);
        if earned > 0 {
            self.kept.budget = self.kept.budget.saturating_add(earned).min(self.wishes.urgent_per_h);
            self.kept.counted = now.stamp();
        }
        if self.kept.budget == 0 {
            self.was_gathered = true;
            return Next::Wait(each_ms.saturating_sub(passed_ms).max(1_000));
        }
        Next::Send
    }

    /// What waits is to go now, whatever it waits for: the network may be gone soon.
    pub fn hurry(&mut self) {
        self.is_hurried = !self.is_sending && !self.held.is_empty() && self.class != Class::Routine;
    }

    /// The parcel that goes now. What is to be [kept](Self::kept) is kept before it is sent.
    pub fn begin(&mut self, now: Now) -> Option<Parcel> {
        let parcel = self.fold()?;
        if self.class == Class::Urgent && !self.is_fixed && self.failures == 0 {
            if self.kept.budget == self.wishes.urgent_per_h {
                self.kept.counted = now.stamp();
            }
            self.kept.budget = self.kept.budget.saturating_sub(1);
        }
        self.kept.under_way = Some(parcel.upto);
        (self.is_sending, self.is_hurried) = (true, false);
        Some(parcel)
    }

    /// How that went. `roll`: any number, so that many cabinets do not come back at once.
    pub fn ended(&mut self, how: Ending, now: Now, is_asleep: bool, roll: u32) {
        let folded = (how == Ending::Taken).then(|| self.folded());
        self.is_sending = false;
        match how {
            Ending::Taken => {
                let (began, heirs) = folded.map(|folded| (folded.began, folded.heirs)).unwrap_or_default();
                (self.kept.began, self.kept.heirs) = (began, heirs);
                let upto = self.kept.under_way.take().unwrap_or(self.kept.mark);
                self.kept.mark = self.kept.mark.max(upto);
                self.held.retain(|news| news.seq > upto);
                self.kept.told = Some(now.stamp());
                self.kept.turn = turn_of(&self.wishes.digest_at, now.civil);
                (self.failures, self.retry_at, self.is_fixed, self.was_gathered) = (0, None, false, false);
            }
            Ending::Refused | Ending::Unsure => {
                self.is_fixed |= how == Ending::Unsure;
                let doublings = self.failures.min(20);
                self.failures = self.failures.saturating_add(1);
                let longest_ms = if is_asleep { ASLEEP_LONGEST_PAUSE_MS } else { LONGEST_PAUSE_MS };
                let pause_ms = (PAUSE_MS << doublings).min(longest_ms);
                // From half of it to all of it.
                let pause_ms = pause_ms / 2 + (pause_ms / 2).saturating_mul(u64::from(roll)) / u64::from(u32::MAX);
                self.retry_at = Some(now.mono.plus_ms(pause_ms));
            }
        }
    }

    /// What waits, as it would be told now.
    fn fold(&self) -> Option<Parcel> {
        let Folded { mut lines, upto, .. } = self.folded();
        let mut more = BTreeMap::new();
        if lines.len() > MOST_LINES {
            let middle = MOST_LINES / 2..lines.len() - MOST_LINES / 2;
            for line in lines.drain(middle) {
                *more.entry(line.news.kind.subject).or_insert(0) += 1;
            }
        }
        let (class, after, gathered) = (self.class, self.kept.mark, self.was_gathered);
        (!lines.is_empty()).then_some(Parcel { class, after, upto, lines, more, gathered })
    }

    /// What is held, or of a parcel that goes as it was what that holds, with what ends each other taken together.
    fn folded(&self) -> Folded {
        let fixed = self.kept.under_way.filter(|_| self.is_fixed || self.is_sending);
        let mut lines: Vec<Line> = Vec::new();
        let (mut upto, mut began, mut heirs) = (0, self.kept.began, self.kept.heirs.clone());
        for news in self.held.iter().take_while(|news| fixed.is_none_or(|fixed| news.seq <= fixed)) {
            let place = |of: u64| lines.iter().position(|line| line.news.seq == of);
            let (place, is_line) = match news.tie {
                Tie::Alone => (None, news.class == self.class),
                Tie::Over { of } => {
                    let is_heirs = heirs.remove(&of);
                    (place(of), place(of).is_none() && (is_heirs || news.class == self.class))
                }
                Tie::Replaced { of } => (place(of), false),
                // Of an end hears who heard of the beginning: a shutdown that mains failed in had none to tell.
                Tie::Closed { of } => (place(of), news.class == self.class && began == Some(of)),
                Tie::Recalled => {
                    let place = lines.iter().rposition(|line| line.news.kind == &OUTAGE_BEGAN);
                    let was_told = place.is_none() && began.is_some();
                    (place, was_told || news.class == self.class)
                }
            };
            // Its name must survive a restart: what counts only by what was held before is not found again from the mark.
            if place.is_some() || is_line {
                upto = news.seq;
            }
            match (place, news.tie) {
                (Some(place), Tie::Replaced { .. } | Tie::Recalled) => drop(lines.remove(place)),
                (Some(place), Tie::Over { .. } | Tie::Closed { .. }) => lines[place].over = Some(Arc::clone(news)),
                (None, _) | (_, Tie::Alone) => {}
            }
            match news.tie {
                Tie::Alone if is_line && news.kind == &OUTAGE_BEGAN => began = Some(news.seq),
                Tie::Closed { .. } | Tie::Recalled => began = None,
                Tie::Alone | Tie::Over { .. } | Tie::Replaced { .. } => {}
            }
            // What was told before lives on in what took its place.
            if let (None, Tie::Replaced { of }) = (place, news.tie)
                && (heirs.remove(&of) || news.class == self.class && of <= self.kept.mark)
            {
                heirs.extend(news.heir());
                while heirs.len() > MOST_HEIRS {
                    heirs.pop_first();
                }
            }
            if is_line {
                lines.push(Line { news: Arc::clone(news), over: None });
            }
        }
        Folded { lines, upto, began, heirs }
    }
}

/// What a parcel will tell, before what is too much is counted.
struct Folded {
    lines: Vec<Line>,
    upto: u64,
    /// See [`Kept::began`], once it is told.
    began: Option<u64>,
    /// See [`Kept::heirs`], likewise.
    heirs: BTreeSet<u64>,
}

/// The last turn of a digest up to now, as local minutes since 1970; 0 if there is none.
fn turn_of(digest_at: &[u16], now: Civil) -> i64 {
    let today = i64::from(now.day) * DAY_MIN;
    let passed = digest_at.iter().rfind(|minute| **minute <= now.minute).map(|minute| today + i64::from(*minute));
    passed.or_else(|| digest_at.last().map(|minute| today - DAY_MIN + i64::from(*minute))).unwrap_or(0)
}

/// How long until the next one, ms; looked at again at least once an hour, since clocks are set.
fn until_next(digest_at: &[u16], now: Civil) -> u64 {
    let today = digest_at.iter().find(|minute| **minute > now.minute).map(|minute| u64::from(minute - now.minute));
    let minutes = today.or_else(|| digest_at.first().map(|minute| u64::from(1_440 - now.minute + minute)));
    minutes.map_or(HOUR_MS, |minutes| minutes * 60_000).min(HOUR_MS)
}

#[cfg(test)]
mod tests;
