//! What to send next, given what upstream answered: no sockets, no clock, no chance, so that a simulation can drive it through every fault.
//!
//! ```text
//!            ┌── Unknown ──ask──▶ where upstream is ──▶ Agreed ──send──▶ answers ─┐
//!            │      ▲                    │                ▲  └──────────────────┘
//!            │      └── mismatch ────────┼────────────────┘
//!            │                           ▼
//!            └──────────────────────  Stopped: it holds what we never wrote
//! ```
//!
//! Two marks are kept apart. **Acknowledged** is durable, goes only forward, and is what upstream once said it has. **Sent from** is where
//! the next batch begins; it goes back when upstream lost something.
//!
//! Promises: a head counts only if it names a record of ours by its hash (of records that were never sent nobody can know it); nothing is
//! sent that would not fit behind what upstream has; where upstream holds what we do not, nothing is sent at all.

use crate::io::store::{Head, StoreError};
use std::collections::BTreeSet;

/// The ledger as far as this needs to know it.
pub trait Places {
    /// Its last record, in the epoch in force.
    fn head(&self) -> Result<Head, StoreError>;
    /// The record with this number; for 0 the beginning.
    fn place(&self, seq: u64) -> Result<Option<Head>, StoreError>;
    /// The last record of this epoch or of one before it.
    fn last_until(&self, epoch: u64) -> Result<Head, StoreError>;
}

impl Places for crate::io::store::Reader {
    fn head(&self) -> Result<Head, StoreError> {
        Self::head(self)
    }

    fn place(&self, seq: u64) -> Result<Option<Head>, StoreError> {
        Self::place(self, seq)
    }

    fn last_until(&self, epoch: u64) -> Result<Head, StoreError> {
        Self::last_until(self, epoch)
    }
}

/// The bounds of a batch and of the pauses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    pub records: usize,
    /// The first pause after a failure, ms; it doubles with each further one.
    pub pause_ms: u64,
    /// The longest pause, ms.
    pub longest_pause_ms: u64,
}

/// What is to be done next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Nobody knows what upstream has.
    Ask,
    /// Send what comes behind this record, at most so many.
    Send { after: u64, most: usize },
    /// Upstream has everything.
    Rest,
}

/// What upstream answered, or that it did not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// To the question: the last record that it has, if any, and the machine that sent it.
    Has { head: Option<Head>, machine: Option<String> },
    /// To a batch: it has everything up to there. `refused`: records that it will never take as they are.
    Took { head: Head, refused: BTreeSet<u64> },
    /// The batch does not fit behind what it has.
    Elsewhere,
    /// The batch is too large for it.
    TooLarge,
    /// No answer, or none that says anything. It may have arrived. `retry_after_ms`: how long it asks to be left alone.
    Failed { retry_after_ms: Option<u64> },
}

/// What somebody has to know, or to keep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum News {
    /// Upstream has everything up to there: to be kept.
    Acknowledged(Head),
    /// It had more once: it is sent again what is missing.
    LostData { held: u64, has: u64 },
    /// It refuses this payload for good: the record goes on without it.
    Refused { seq: u64 },
    /// It holds what this ledger does not, from `seq` on or from before that. `elsewhere`: another machine sent it.
    Stopped { seq: u64, elsewhere: bool },
    /// It does not even take the envelope of this record. Nothing goes on behind it.
    Blocked { seq: u64 },
    /// It takes records: nothing blocks, in a former life of the process perhaps.
    Takes,
    /// What stopped us is over, in a former life of the process perhaps.
    GoesOn,
}

/// Where upstream is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Known {
    Unknown,
    /// It has everything up to this record. `claimed`: as far as we can tell, for the last that it has is this one, of a life of the ledger
    /// that ended.
    Agreed {
        after: u64,
        claimed: Option<Head>,
    },
    /// It has what we do not.
    Stopped,
}

/// The state of the copying.
#[derive(Clone, Debug)]
pub struct Sync {
    bounds: Bounds,
    known: Known,
    acknowledged: u64,
    /// Our own machine's name, to tell a clone from an older card.
    machine: String,
    most: usize,
    failures: u32,
    retry_after_ms: u64,
    /// Batches in a row that led nowhere although upstream answers: what it says to questions does not make up for that.
    fruitless: u32,
    /// Where the last of them began.
    tried_from: u64,
    is_stopped: bool,
    /// Nobody knows yet whether we agree: a former life may have stopped, and said so.
    is_unsure: bool,
    blocked: Option<u64>,
    /// It was said that nothing blocks: a former life may have been blocked, and said so.
    is_taking: bool,
    is_loss_told: bool,
    refused: BTreeSet<u64>,
    /// A claim that was turned down is not made again.
    claim_refused: Option<Head>,
}

impl Sync {
    /// At a start. `acknowledged`: the number up to which upstream once said that it has everything; `parked`: payloads that it refused.
    #[must_use]
    pub fn new(bounds: Bounds, machine: String, acknowledged: u64, parked: BTreeSet<u64>) -> Self {
        Self {
            bounds,
            known: Known::Unknown,
            acknowledged,
            machine,
            most: bounds.records,
            failures: 0,
            retry_after_ms: 0,
            fruitless: 0,
            tried_from: 0,
            is_stopped: false,
            is_unsure: true,
            blocked: None,
            is_taking: false,
            is_loss_told: false,
            refused: parked,
            claim_refused: None,
        }
    }

    /// The number up to which upstream said that it has everything.
    #[must_use]
    pub const fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Whether nothing is sent, because upstream holds what we do not.
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// The record that it takes in no form.
    #[must_use]
    pub const fn blocked(&self) -> Option<u64> {
        self.blocked
    }

    /// Why no records go although it answers; none if they do.
    #[must_use]
    pub const fn held_up_by(&self) -> Option<&'static str> {
        match (self.is_stopped, self.blocked) {
            (true, _) => Some("it holds other records than this ledger"),
            (false, Some(_)) => Some("it does not take a record, not even without its payload"),
            (false, None) => None,
        }
    }

    /// Whether it answers, and yet nothing comes of what it is sent: once is how a lost answer shows, again is no chance.
    #[must_use]
    pub const fn is_fruitless(&self) -> bool {
        self.fruitless > 1
    }

    /// The payloads that upstream refused.
    #[must_use]
    pub const fn refused(&self) -> &BTreeSet<u64> {
        &self.refused
    }

    /// Upstream took this payload after all.
    pub fn accepted(&mut self, seq: u64) {
        self.refused.remove(&seq);
    }

    /// What to do now. `head`: the number of the ledger's last record.
    #[must_use]
    pub const fn next(&self, head: u64) -> Step {
        match self.known {
            Known::Unknown | Known::Stopped => Step::Ask,
            Known::Agreed { after, .. } if after < head => Step::Send { after, most: self.most },
            Known::Agreed { .. } => Step::Rest,
        }
    }

    /// How long to wait before the next step, ms. `roll`: any number, so that many cabinets do not come back at once.
    #[must_use]
    pub fn pause_ms(&self, roll: u32) -> u64 {
        let Bounds { pause_ms, longest_pause_ms, .. } = self.bounds;
        if self.held_up_by().is_some() {
            return longest_pause_ms.max(self.retry_after_ms);
        }
        let Some(doublings) = self.failures.max(self.fruitless).checked_sub(1) else { return 0 };
        let pause = pause_ms.saturating_mul(1 << doublings.min(20)).min(longest_pause_ms);
        // From half of it to all of it; behind what was asked for, too, which all cabinets were told alike.
        let share = (pause / 2).saturating_mul(u64::from(roll)) / u64::from(u32::MAX);
        (pause / 2).max(self.retry_after_ms) + share
    }

    /// Takes an answer in. `after` and `last` are the ends of the batch that it answers, if it answers one.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn heard(
        &mut self,
        sent: Option<(u64, u64)>,
        answer: &Answer,
        ours: &impl Places,
    ) -> Result<Vec<News>, StoreError> {
        let mut news = Vec::new();
        match answer {
            Answer::Failed { retry_after_ms } => {
                // It may have arrived; the next batch will tell. A line that cannot carry so much carries less.
                self.failed(*retry_after_ms);
                if sent.is_some() {
                    self.most = (self.most / 2).max(1);
                }
            }
            Answer::Has { head, machine } => self.locate(*head, machine.as_deref(), ours, &mut news)?,
            Answer::Elsewhere => {
                if let Known::Agreed { claimed: Some(theirs), .. } = self.known {
                    self.claim_refused = Some(theirs);
                }
                self.turned_down(sent.map_or(0, |(after, _)| after));
            }
            Answer::TooLarge => match sent {
                Some((after, last)) if last == after + 1 => self.refuse(after, &[last], &mut news),
                _ => {
                    let size = sent.map_or(self.most, |(after, last)| (last - after) as usize);
                    self.most = (size / 2).max(1);
                }
            },
            Answer::Took { head, refused } => {
                let Some((after, last)) = sent else { return Ok(news) };
                if head.seq < after || ours.place(head.seq)? != Some(*head) {
                    // Not what we sent: nothing that it says counts.
                    self.turned_down(after);
                    return Ok(news);
                }
                self.agree(*head, None, &mut news);
                let taken = (head.seq - after) as usize;
                // Of what it was not sent it can refuse nothing.
                let sent = |seq: &u64| *seq > head.seq && *seq <= last;
                let refused: Vec<u64> = refused.iter().copied().filter(sent).collect();
                if !refused.is_empty() {
                    self.refuse(head.seq, &refused, &mut news);
                } else if head.seq >= last {
                    self.most = (self.most * 2).min(self.bounds.records);
                } else {
                    // What it does not take at once need not be sent at once.
                    self.most = taken.max(1);
                }
                // One that is sent again what it lost says nothing yet of the record that blocked.
                if taken > 0 && self.blocked.is_none() && head.seq >= self.acknowledged {
                    self.takes(&mut news);
                }
                if taken > 0 || !news.is_empty() {
                    self.fruitless = 0;
                } else {
                    // It took nothing and says nothing new.
                    self.fruitless = self.fruitless.saturating_add(1);
                }
            }
        }
        Ok(news)
    }

    /// A batch from there led nowhere: where upstream is has to be asked anew.
    const fn turned_down(&mut self, after: u64) {
        self.fruitless = self.fruitless.saturating_add(1);
        self.tried_from = after;
        self.known = Known::Unknown;
    }

    fn failed(&mut self, retry_after_ms: Option<u64>) {
        self.failures = self.failures.saturating_add(1);
        self.retry_after_ms = retry_after_ms.unwrap_or(0).min(LONGEST_RETRY_AFTER_MS);
    }

    /// Upstream has everything up to `head`.
    fn agree(&mut self, head: Head, claimed: Option<Head>, news: &mut Vec<News>) {
        self.known = Known::Agreed { after: head.seq, claimed };
        (self.failures, self.retry_after_ms) = (0, 0);
        // Only the record that comes next can block: what was taken does not, nor what is not sent yet because something was lost.
        self.blocked = self.blocked.filter(|seq| *seq == head.seq + 1);
        if claimed.is_some() {
            return;
        }
        self.claim_refused = None;
        if std::mem::take(&mut self.is_stopped) | std::mem::take(&mut self.is_unsure) {
            news.push(News::GoesOn);
        }
        if head.seq >= self.acknowledged {
            self.is_loss_told = false;
        }
        if head.seq > self.acknowledged {
            self.acknowledged = head.seq;
            news.push(News::Acknowledged(head));
        }
    }

    fn takes(&mut self, news: &mut Vec<News>) {
        if !std::mem::replace(&mut self.is_taking, true) {
            news.push(News::Takes);
        }
    }

    /// It has everything up to `held`, and refuses these records behind it, in order. Only the first behind `held` can block.
    fn refuse(&mut self, held: u64, refused: &[u64], news: &mut Vec<News>) {
        let mut stays = None;
        for seq in refused {
            if self.refused.len() < MOST_REFUSED && self.refused.insert(*seq) {
                news.push(News::Refused { seq: *seq });
            } else {
                // Its payload stays here already; or that goes for so many that it is not about records any more.
                stays = stays.or(Some(*seq));
            }
        }
        let Some(seq) = stays else { return };
        if seq > held + 1 {
            // What is before it can go.
            self.most = (seq - held - 1) as usize;
        } else if self.blocked.replace(seq) != Some(seq) {
            self.is_taking = false;
            news.push(News::Blocked { seq });
        }
    }

    /// Where upstream is, from the last record that it has.
    fn locate(
        &mut self,
        theirs: Option<Head>,
        machine: Option<&str>,
        ours: &impl Places,
        news: &mut Vec<News>,
    ) -> Result<(), StoreError> {
        let Some(theirs) = theirs.filter(|head| head.seq > 0) else {
            self.agree_or_lost(START, news);
            return Ok(());
        };
        let our_head = ours.head()?;
        match ours.place(theirs.seq)? {
            Some(place) if place == theirs => {
                self.agree_or_lost(theirs, news);
                if theirs.seq == our_head.seq {
                    // Nothing is left that could block.
                    self.takes(news);
                }
            }
            // It is in an epoch that ended for us: the ledger was restored, and a person said that it goes on from there.
            place
                if theirs.epoch < our_head.epoch
                    && place.is_none_or(|place| place.epoch > theirs.epoch)
                    && self.claim_refused != Some(theirs) =>
            {
                let common = ours.last_until(theirs.epoch)?;
                self.tell_loss(common, news);
                self.agree(common, Some(theirs), news);
            }
            _ => {
                self.known = Known::Stopped;
                (self.failures, self.retry_after_ms) = (0, 0);
                if !std::mem::replace(&mut self.is_stopped, true) {
                    let elsewhere = machine.is_some_and(|machine| machine != self.machine);
                    news.push(News::Stopped { seq: theirs.seq, elsewhere });
                }
            }
        }
        Ok(())
    }

    fn agree_or_lost(&mut self, head: Head, news: &mut Vec<News>) {
        self.tell_loss(head, news);
        if head.seq > self.tried_from {
            self.fruitless = 0;
        }
        self.agree(head, None, news);
    }

    fn tell_loss(&mut self, head: Head, news: &mut Vec<News>) {
        if head.seq < self.acknowledged && !std::mem::replace(&mut self.is_loss_told, true) {
            news.push(News::LostData { held: self.acknowledged, has: head.seq });
        }
    }
}

/// Nobody may have us wait longer than this.
const LONGEST_RETRY_AFTER_MS: u64 = 3_600_000;

/// An upstream that refuses more payloads than this refuses records: then it is blocked.
const MOST_REFUSED: usize = 1_000;

/// The beginning of every ledger.
const START: Head = Head { epoch: 0, seq: 0, hash: crate::io::store::envelope::GENESIS };

#[cfg(test)]
mod tests;
