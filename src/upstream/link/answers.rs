//! What upstream's answers mean for those who look, for the core, and for what is kept.
//!
//! Promises: the core hears each change once, and the whole of it again when a full disk may have lost it; of silent records nothing shows.

use super::Copier;
use crate::cabinet::Event;
use crate::cabinet::event::UpstreamNews;
use crate::io::store::{Reader, StoreError};
use crate::messages::tell;
use crate::upstream::client::UpstreamError;
use crate::upstream::sync::{Answer, News, Sync};

impl Copier {
    /// Takes an answer in, and does what follows from it.
    pub(super) async fn heard(
        &mut self,
        reader: &Reader,
        sync: &mut Sync,
        sent: Option<(u64, u64)>,
        answer: Result<Answer, UpstreamError>,
    ) -> Result<(), StoreError> {
        let why = answer.as_ref().err().map(ToString::to_string);
        let answer = answer.unwrap_or_else(|error| error.as_answer());
        let news = sync.heard(sent, &answer, reader)?;
        let answers = !matches!(answer, Answer::Failed { .. });
        if !answers || sync.is_fruitless() {
            self.end_flush(false);
        }
        // That there was a silent record to send must not be seen: how it went, the next heartbeat shows.
        let is_quiet = !self.is_beat_due() && is_silent(reader, sent)?;
        let blocked = seen_blocked(reader, sync)?;
        if !is_quiet {
            let held_up_by = sync.held_up_by().filter(|_| sync.is_stopped() || blocked.is_some());
            self.show_answer(sync, answers, why, held_up_by).await;
        }
        for news in news {
            self.take(news, sync).await?;
        }
        if let Some(seq) = blocked.filter(|_| self.shown.borrow().blocked != blocked) {
            self.inform(UpstreamNews::Blocked { seq }).await;
        }
        let acknowledged = sync.acknowledged();
        self.shown.send_if_modified(|state| {
            let changed = state.acknowledged != acknowledged || state.blocked != blocked;
            (state.acknowledged, state.blocked) = (acknowledged, blocked);
            changed && !is_quiet
        });
        self.keep(reader, sync, false).await
    }

    /// Whether it answers, and what is wrong, for those who look and for the core.
    async fn show_answer(&mut self, sync: &Sync, answers: bool, why: Option<String>, held_up_by: Option<&str>) {
        let now = (self.now)();
        let is_first = self.shown.borrow().heard.is_none();
        if let Some(why) = why {
            self.show_trouble(&why);
        }
        if answers {
            self.shown.send_modify(|state| state.heard = Some(now));
        }
        if !answers || sync.is_fruitless() {
            if sync.is_fruitless() {
                self.show_trouble("it answers, but nothing comes of the records that it is sent");
            }
            return self.fell_silent().await;
        }
        let was_silent = self.shown.borrow().failing_since.is_some();
        if was_silent {
            tell!(UPSTREAM_BACK, "upstream answers again");
        }
        self.shown.send_modify(|state| {
            state.failing_since = None;
            state.trouble = state.trouble.take().filter(|_| held_up_by.is_some() && !was_silent);
        });
        if let Some(why) = held_up_by {
            self.show_trouble(why);
        }
        if was_silent || is_first {
            self.inform(UpstreamNews::Answers).await;
        }
    }

    async fn take(&mut self, news: News, sync: &Sync) -> Result<(), StoreError> {
        match news {
            News::Acknowledged(_) => {}
            News::LostData { held, has } => {
                // It forgets what it took: whoever waits to sleep does not wait for that to end.
                self.end_flush(false);
                self.inform(UpstreamNews::LostData { held, has }).await;
            }
            News::Refused { seq } => {
                // Kept before it is told: an alarm that names it must find it marked.
                self.marks.park(seq, true).await?;
                self.show_refused(sync).await;
            }
            // Whether it may be seen, and under which number, is another matter.
            News::Blocked { .. } => self.end_flush(false),
            News::Takes => self.inform(UpstreamNews::Takes).await,
            News::Stopped { seq, elsewhere } => {
                self.shown.send_modify(|state| state.stopped = true);
                self.end_flush(false);
                let news = if elsewhere { UpstreamNews::Cloned { seq } } else { UpstreamNews::Ahead { seq } };
                self.inform(news).await;
            }
            News::GoesOn => {
                self.shown.send_modify(|state| state.stopped = false);
                self.inform(UpstreamNews::Agrees).await;
            }
        }
        Ok(())
    }

    /// It does not answer: the core counts for how long.
    pub(super) async fn fell_silent(&mut self) {
        let since = (self.now)();
        let is_news = self.shown.borrow().failing_since.is_none();
        if is_news {
            self.shown.send_modify(|state| state.failing_since = Some(since));
            self.inform(UpstreamNews::Silent { since }).await;
        }
    }

    pub(super) async fn inform(&mut self, news: UpstreamNews) {
        let matter = news.matter();
        self.said.retain(|said| said.matter() != matter);
        self.said.extend(matter.map(|_| news.clone()));
        // The loop is gone when the process ends: then nobody waits for it either.
        let _ = self.events.send(Event::UpstreamSaid(news)).await;
    }

    pub(super) async fn show_refused(&mut self, sync: &Sync) {
        self.shown.send_modify(|state| state.parked.clone_from(sync.refused()));
        self.inform(UpstreamNews::Refuses { records: sync.refused().clone() }).await;
    }

    /// Says what is wrong, in the log once for each spell of it.
    pub(super) fn show_trouble(&self, why: &str) {
        let is_news = self.shown.borrow().trouble.is_none();
        if is_news {
            tell!(UPSTREAM_SILENT, "upstream does not take records: {why}");
        }
        self.shown.send_modify(|state| state.trouble = Some(why.to_owned()));
    }
}

/// The record that it takes in no form, as it may be seen: a silent one holds up the first behind it that is not. None: nothing to be seen
/// waits.
fn seen_blocked(reader: &Reader, sync: &Sync) -> Result<Option<u64>, StoreError> {
    let Some(seq) = sync.blocked() else { return Ok(None) };
    let (hidden, head) = (reader.hidden()?, reader.head()?.seq);
    let seen = hidden.seq(hidden.number(seq - 1) + 1);
    Ok((seen <= head).then_some(seen))
}

/// Whether a batch with these ends was about silent alarms alone.
fn is_silent(reader: &Reader, sent: Option<(u64, u64)>) -> Result<bool, StoreError> {
    let Some((after, last)) = sent else { return Ok(false) };
    let hidden = reader.hidden()?;
    Ok(hidden.number(after) == hidden.number(last))
}
