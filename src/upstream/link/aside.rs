//! What is said beside the records: hints of an outage and a signed roster are asked for, the keymap is shown.
//!
//! Promises: it comes behind the records and holds them up by no more than one request's deadline; what fails is told once and tried
//! again, ever less often.

use super::{Copier, Life, Setup};
use crate::cabinet::Event;
use crate::cabinet::event::UpstreamNews;
use crate::cabinet::signed::RosterFault;
use crate::cabinet::snapshot::{SlotView, Snapshot};
use crate::io::store::{Reader, StoreError};
use crate::messages::tell;
use crate::upstream::client::{Client, Served, UpstreamError};
use crate::upstream::roster::{self, Expected};
use crate::upstream::wire::{self, DESTINATION};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// An older hint is of another weather.
const HINT_COUNTS_MS: u64 = 6 * 3_600_000;
/// On line, hints are asked for with a heartbeat, at most so often.
const HINTED_EACH: Duration = Duration::from_secs(30 * 60);
/// Rosters that count for nothing are told anew when all was well for so long.
const WELL_FOR: Duration = Duration::from_secs(6 * 3_600);
/// The keymap is shown at most so often.
const KEYMAP_EACH: Duration = Duration::from_secs(60);
/// After so many failures it is tried no less often any more: about once an hour.
const MOST_DOUBLINGS: u32 = 6;
/// So many rosters that count for nothing are told in one spell.
const MOST_ROSTERS_TOLD: usize = 16;

/// How far that is.
#[derive(Default, Debug)]
pub(super) struct Aside {
    /// When hints were asked for last.
    hinted: Option<Instant>,
    /// When something was wrong with the roster last.
    roster_ailed: Option<Instant>,
    /// The keymap as upstream has it: its slots as JSON, without what changes because time passes.
    shown: Option<Value>,
    /// When it was shown last, or that was tried.
    tried: Option<Instant>,
    failures: u32,
    /// What does not work, and was told.
    told: BTreeSet<&'static str>,
}

impl Aside {
    /// On line. The first heartbeat asks.
    fn is_hint_due(&self, now: Instant, slower: u32) -> bool {
        self.hinted.is_none_or(|at| now.saturating_duration_since(at) >= HINTED_EACH * slower)
    }

    fn differs(&self, slots: &[SlotView]) -> bool {
        self.shown.as_ref() != Some(&timeless(slots))
    }

    fn next_at(&self, slower: u32) -> Instant {
        let pause = KEYMAP_EACH * slower * (1 << self.failures.min(MOST_DOUBLINGS));
        self.tried.map_or_else(Instant::now, |tried| tried + pause)
    }

    /// What is not of the records holds nothing up; that it fails is told once.
    fn answered<T>(&mut self, what: &'static str, answer: Result<T, UpstreamError>) -> Option<T> {
        match answer {
            Ok(answer) => {
                self.told.remove(what);
                Some(answer)
            }
            Err(why) => {
                if self.told.insert(what) {
                    tell!(UPSTREAM_ASIDE, "upstream does not answer to {what}: {why}");
                }
                None
            }
        }
    }
}

/// A roster that was served.
pub(super) struct Seen {
    etag: Option<String>,
    /// Its version, or why it counts for nothing.
    judged: Result<u64, RosterFault>,
}

impl Copier {
    /// On battery with each heartbeat, on line now and then. What comes of it is the core's.
    pub(super) async fn ask_hint(&mut self, client: &Client, life: Life) {
        let now = Instant::now();
        // Before a sleep nobody waits for it.
        let is_due = (life.on_battery || self.aside.is_hint_due(now, self.slower)) && !life.asleep_until_woken;
        if !self.setup.config.hints || !is_due {
            return;
        }
        self.aside.hinted = Some(now);
        let hint = client.hint().await;
        if let Some(Some(hint)) = self.aside.answered("outage-hints", hint)
            && hint.age_ms <= HINT_COUNTS_MS
        {
            self.inform(UpstreamNews::Hints { storm: hint.storm, ends_in_ms: hint.ends_in_ms }).await;
        }
    }

    /// Shows upstream where each key is, if that is another picture than the last one. Before a sleep it waits for no minute.
    pub(super) async fn show_keymap(&mut self, client: &Client, reader: &Reader) -> Result<(), StoreError> {
        let is_urgent = !self.flushing.is_empty();
        if self.keymap_at().is_none_or(|at| at > Instant::now() && !is_urgent) {
            return Ok(());
        }
        self.aside.tried = Some(Instant::now());
        let Some(seen) = self.setup.seen.as_mut().map(|seen| Arc::clone(&seen.borrow_and_update())) else {
            return Ok(());
        };
        let Some(head) = reader.place(reader.hidden()?.seq(seen.head_seq))? else { return Ok(()) };
        let sent = client.keymap(wire::keymap(&seen, &head)).await;
        if self.aside.answered("keymap", sent).is_some() {
            (self.aside.shown, self.aside.failures) = (Some(timeless(&seen.slots)), 0);
        } else {
            self.aside.failures = self.aside.failures.saturating_add(1);
        }
        Ok(())
    }

    /// When the keymap may be shown; none if upstream has it, or is not to have it.
    pub(super) fn keymap_at(&self) -> Option<Instant> {
        let seen = self.setup.seen.as_ref()?.borrow();
        self.aside.differs(&seen.slots).then(|| self.aside.next_at(self.slower))
    }

    /// Whether there is a signed roster for this cabinet that was not seen yet. Whatever becomes of it, nothing else suffers.
    pub(super) async fn ask_for_roster(&mut self, client: &Client) {
        let Some(roster_key) = self.setup.config.roster_key else { return };
        // One that the core had no chance to take is served, and handed over, once more.
        let settled = *self.settled_roster.borrow();
        let seen = self
            .roster
            .as_ref()
            .filter(|seen| seen.judged.as_ref().is_ok_and(|version| *version <= settled) || seen.judged.is_err());
        let (etag, judged) = match client.roster(seen.and_then(|seen| seen.etag.as_deref())).await {
            Ok(Served::Same) => {
                let fault = self.roster.as_ref().and_then(|seen| seen.judged.as_ref().err());
                let fault = fault.map(ToString::to_string);
                return self.show_roster_trouble(fault);
            }
            Ok(Served::Nothing) => {
                self.roster = None;
                return self.show_roster_trouble(None);
            }
            Ok(Served::TooLarge { etag }) => (etag, Err(RosterFault::TooLarge)),
            Ok(Served::Roster { etag, body }) => {
                let Setup { identity, device_key, .. } = &self.setup;
                let device_key = device_key.verifying_key().to_bytes();
                (
                    etag,
                    roster::verify(
                        DESTINATION,
                        &body,
                        &Expected { roster_key, identity: identity.clone(), device_key },
                    ),
                )
            }
            Err(error) => return self.show_roster_trouble(Some(error.to_string())),
        };
        let judged = match judged {
            Ok(arrived) => {
                self.show_roster_trouble(None);
                let version = arrived.version;
                let _ = self.events.send(Event::RosterArrived(Box::new(arrived))).await;
                Ok(version)
            }
            Err(fault) => {
                self.show_roster_trouble(Some(fault.to_string()));
                // Forged ones that take turns are told once each.
                let told = &mut self.rosters_told;
                if told.len() < MOST_ROSTERS_TOLD && told.insert((etag.clone(), fault.clone())) {
                    tell!(ROSTER_REFUSED, "upstream's roster for this cabinet counts for nothing: {fault}");
                    let _ = self.events.send(Event::RosterRefused(fault.clone())).await;
                }
                Err(fault)
            }
        };
        self.roster = Some(Seen { etag, judged });
    }

    /// What is served is looked at as if it were new.
    pub(super) fn forget_roster(&mut self) {
        self.roster = None;
        self.rosters_told.clear();
    }

    fn show_roster_trouble(&mut self, why: Option<String>) {
        // A good one in between ends nothing: good and forged in turn would be told for ever.
        let ailed = if why.is_some() { self.aside.roster_ailed.replace(Instant::now()) } else { None };
        if ailed.is_some_and(|at| at.elapsed() >= WELL_FOR) {
            self.rosters_told.clear();
        }
        self.shown.send_if_modified(|state| {
            let changed = state.roster_trouble != why;
            state.roster_trouble = why;
            changed
        });
    }
}

/// Ends when there is another picture.
pub(super) async fn changed(seen: Option<&mut watch::Receiver<Arc<Snapshot>>>) {
    let Some(seen) = seen else { return std::future::pending().await };
    if seen.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn timeless(slots: &[SlotView]) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.remove("ago_ms");
                fields.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut value = serde_json::to_value(slots).unwrap_or_default();
    strip(&mut value);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_line_hints_are_asked_for_each_half_hour_however_often_the_heart_beats() {
        let mut aside = Aside::default();
        let asked = Instant::now();
        assert!(aside.is_hint_due(asked, 1), "with the first heartbeat");
        aside.hinted = Some(asked);
        let due = |minutes: u64, slower| aside.is_hint_due(asked + Duration::from_secs(minutes * 60), slower);
        assert_eq!([due(0, 1), due(29, 1), due(30, 1), due(150, 1)], [false, false, true, true]);
        assert_eq!([due(30, 12), due(360, 12)], [false, true], "asleep, less often");
    }
}
