//! Upstream, as far as the cabinet has to decide: what alarms, and how long falling asleep waits for it.
//!
//! What is sent when is the copying's own matter. Whatever upstream says, it opens nothing.

use super::event::UpstreamNews;
use super::fact::Alarm;
use super::outcome::{Action, Denial};
use super::types::Mono;
use super::{Cabinet, Purpose, Reason, Turn};
use std::collections::BTreeSet;

/// Refused payloads that have an alarm of their own; `status` lists them all.
const MOST_PARKED_ALARMS: usize = 8;

impl Cabinet {
    pub(super) fn upstream_said(&mut self, turn: &mut Turn, news: UpstreamNews) {
        let is_apart = |alarm: &Alarm| matches!(alarm, Alarm::UpstreamAhead { .. } | Alarm::CabinetCloned { .. });
        match news {
            UpstreamNews::LostData { held, has } => {
                // Alarms are shown beside the cabinet: they name records as everything else there does.
                let (held, has) = (self.books.hidden.number(held), self.books.hidden.number(has));
                // Each alarm is a record, which goes upstream: one that loses data all the time must not make more and more of them.
                if !self.is_open(|alarm| matches!(alarm, Alarm::UpstreamLostData { .. })) {
                    self.raise(turn, Alarm::UpstreamLostData { held, has });
                }
            }
            UpstreamNews::Ahead { seq } => {
                let alarm = Alarm::UpstreamAhead { seq };
                self.resolve(turn, |open| is_apart(open) && *open != alarm);
                self.raise(turn, alarm.clone());
            }
            UpstreamNews::Cloned { seq } => {
                let alarm = Alarm::CabinetCloned { seq };
                self.resolve(turn, |open| is_apart(open) && *open != alarm);
                self.raise(turn, alarm.clone());
            }
            UpstreamNews::Agrees => self.resolve(turn, is_apart),
            UpstreamNews::Blocked { seq } => {
                let alarm = Alarm::UpstreamBlocked { record: self.books.hidden.number(seq) };
                self.resolve(turn, |open| matches!(open, Alarm::UpstreamBlocked { .. }) && *open != alarm);
                self.raise(turn, alarm.clone());
            }
            UpstreamNews::Takes => self.resolve(turn, |alarm| matches!(alarm, Alarm::UpstreamBlocked { .. })),
            UpstreamNews::Refuses { records } => self.refused_upstream(turn, &records),
            UpstreamNews::Hints { storm, ends_in_ms } => self.outage_hinted(turn, storm, ends_in_ms),
            UpstreamNews::Silent { since } => self.upstream_silent = self.upstream_silent.or(Some(since)),
            UpstreamNews::Answers => {
                self.upstream_silent = None;
                self.resolve(turn, |alarm| *alarm == Alarm::UpstreamSilent);
            }
        }
    }

    /// An alarm for each of the first few. The alarm is a record as well: an upstream that refuses what alarms say would be sent alarms about
    /// alarms for ever.
    fn refused_upstream(&mut self, turn: &mut Turn, records: &BTreeSet<u64>) {
        let records = &self.books.hidden.numbers(records);
        self.resolve(turn, |alarm| matches!(alarm, Alarm::RecordParked { record } if !records.contains(record)));
        let told = |alarm: &Alarm| match alarm {
            Alarm::RecordParked { record } => Some(*record),
            _ => None,
        };
        let told: BTreeSet<u64> = self.books.alarms.values().filter_map(|open| told(&open.alarm)).collect();
        for record in records.difference(&told).take(MOST_PARKED_ALARMS.saturating_sub(told.len())) {
            self.raise(turn, Alarm::RecordParked { record: *record });
        }
    }

    fn is_open(&self, which: impl Fn(&Alarm) -> bool) -> bool {
        self.books.alarms.values().any(|open| which(&open.alarm))
    }

    pub(super) fn retry_upstream(&mut self, turn: &mut Turn) -> Result<String, Denial> {
        if !self.settings.upstream {
            return Err(Denial::NotPrepared { what: "a url under [upstream] in the config".to_owned() });
        }
        self.courtesy(turn, Action::RetryUpstream);
        Ok("upstream is tried now; `cabinetd upstream status` says what came of it".to_owned())
    }

    /// In an outage the network's own supply is out as well: the silence counts from its end.
    pub(super) fn watch_upstream(&mut self, turn: &mut Turn) {
        if self.upstream_silent.is_some() && self.is_outage() {
            self.upstream_silent = Some(turn.mono());
        } else if self.upstream_deadline().is_some_and(|(at, _)| at <= turn.mono()) {
            // Once for each silence.
            self.upstream_silent = None;
            self.raise(turn, Alarm::UpstreamSilent);
        }
    }

    pub(super) fn upstream_deadline(&self) -> Option<(Mono, Reason)> {
        let after_ms = self.settings.upstream_silent_ms;
        let since = self.upstream_silent.filter(|_| after_ms > 0 && !self.is_outage())?;
        Some((since.plus_ms(after_ms), Reason::UpstreamSilent))
    }

    fn is_outage(&self) -> bool {
        self.books.power.as_ref().is_some_and(|power| power.outage.is_some())
    }

    /// Falling asleep: upstream, and whoever is told of alarms, are to have everything before the network may be gone.
    pub(super) fn ask_flush(&mut self, turn: &mut Turn, within_ms: u64) {
        self.is_flushing = self.settings.upstream || self.settings.recipients;
        if self.is_flushing {
            self.command_within(turn, Action::Flush, Purpose::Flush, within_ms);
        }
    }

    /// It has everything, or could not be reached in time: there is nothing to wait for.
    pub(super) const fn flush_ended(&mut self) {
        self.is_flushing = false;
    }
}
