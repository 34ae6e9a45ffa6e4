//! What others see of the cabinet: one picture of the books, stamped, with names instead of ids alone.
//!
//! The daemon publishes a [`Snapshot`] after each change; control socket, CLI and later the web page read it, never the
//! live core. Its JSON is what `cabinetd status --json` and `keymap --json` print: fields are added, not renamed.
//!
//! It never holds a badge, a login number, a tag, a PIN or a hash, and never a silent alarm, not even in a count.
//! It decides nothing.

mod eye;
mod sentence;
mod views;

pub(in crate::cabinet) use sentence::level as alarm_level;
pub use views::{
    AlarmView, AlertsView, Asked, Away, ConfigIs, ConfigView, Counts, DoorIs, DoorView, FaultView, Home, KeyName,
    LastView, Moment, OpeningView, Present, RecipientIs, RecipientView, SessionView, SignedRosterView, SlotView,
    StoreIs, SupplyView, UpstreamIs, UpstreamView, Whereabouts, Who,
};

use super::Cabinet;
use super::books::Books;
use super::event::StoreState;
use super::power::{PowerView, UpsReading};
use super::settings::Settings;
use super::types::{Now, Stamp};
use eye::Eye;
use serde::{Deserialize, Serialize};

/// The cabinet as of one moment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Snapshot {
    pub site: String,
    pub cabinet: String,
    /// When the picture was taken. It stays true until the next one: a quiet cabinet publishes nothing.
    pub as_of: Stamp,
    /// How many records there are that may be seen; those of silent alarms do not count.
    pub head_seq: u64,
    pub store: StoreIs,
    /// Since when the daemon runs.
    pub running_since: Option<Moment>,
    pub counts: Counts,
    pub doors: Vec<DoorView>,
    pub session: Option<SessionView>,
    /// Who is waited for, on an admin's word.
    #[serde(default)]
    pub opening: Option<OpeningView>,
    /// Open alarms, the oldest first.
    pub alarms: Vec<AlarmView>,
    pub faults: Vec<FaultView>,
    pub supply: Option<SupplyView>,
    /// The power policy: mode, battery, outage. None without a UPS.
    #[serde(default)]
    pub power: Option<PowerView>,
    /// The copy of the ledger elsewhere. None if there is none.
    #[serde(default)]
    pub upstream: Option<UpstreamView>,
    /// The signed roster. None: no roster that is signed elsewhere was taken, and none waits.
    #[serde(default)]
    pub signed_roster: Option<SignedRosterView>,
    /// Who is told of alarms; none if nobody is.
    #[serde(default)]
    pub alerts: Option<AlertsView>,
    /// How the config in force and its file go together.
    #[serde(default)]
    pub config: ConfigView,
    /// Every key that does not hang in the cabinet, retired ones apart.
    pub away: Vec<Away>,
    /// Slots by number. Empty for readers who may not see them.
    pub slots: Vec<SlotView>,
}

impl Snapshot {
    /// The cabinet as others may see it.
    #[must_use]
    pub fn taken(cabinet: &Cabinet, now: Now) -> Self {
        let seen = Self::of(cabinet.books(), cabinet.settings(), now, cabinet.store_state());
        // What a UPS said that is watched no more is no news of the supply.
        let supply = seen.supply.filter(|_| cabinet.settings().power.is_some());
        let signed_roster = match (seen.signed_roster, cabinet.waiting_roster()) {
            (None, None) => None,
            (held, waiting) => {
                let keys = cabinet.roster_waits_for().iter();
                let waits_for = keys.map(|key| KeyName::of(&cabinet.books().roster, key)).collect();
                Some(SignedRosterView { waiting, waits_for, ..held.unwrap_or_default() })
            }
        };
        let opening = cabinet.opening_view(now.mono);
        Self { power: cabinet.power_view(now), supply, signed_roster, opening, ..seen }
    }

    /// The books as others may see them; nothing of the power policy, which is more than books.
    #[must_use]
    pub fn of(books: &Books, settings: &Settings, now: Now, state: StoreState) -> Self {
        let eye = Eye { books, settings, now: now.stamp() };
        let slots = eye.slots();
        let away = eye.away();
        let counts = eye.counts(&slots, &away);
        Self {
            site: settings.site.clone(),
            cabinet: settings.cabinet.clone(),
            as_of: eye.now,
            head_seq: books.hidden.number(books.next_seq.saturating_sub(1)),
            store: match state {
                StoreState::Writable => StoreIs::Writable,
                StoreState::Reserve => StoreIs::Full,
            },
            running_since: books.life.as_ref().map(|life| eye.moment(life.started)),
            counts,
            doors: eye.doors(),
            session: eye.session(),
            opening: None,
            alarms: eye.alarms(),
            faults: eye.faults(),
            supply: books.supply.as_ref().map(|supply| SupplyView {
                supply: supply.supply,
                since: eye.moment(supply.since),
                figures: supply.figures,
                figures_ago_ms: supply.since.elapsed_ms(eye.now),
            }),
            power: None,
            upstream: None,
            signed_roster: eye.signed_roster(),
            alerts: None,
            config: ConfigView::default(),
            away,
            slots,
        }
    }

    /// The same with the figures of a reading that is newer than the last change of supply. A reading without figures
    /// leaves the old ones, ageing.
    #[must_use]
    pub fn with_reading(mut self, reading: &UpsReading) -> Self {
        if let (Some(supply), Ok(state)) = (&mut self.supply, &reading.state) {
            supply.figures = state.figures;
            supply.figures_ago_ms = self.as_of.mono.since_ms(reading.at);
        }
        self
    }

    /// What staff may see: the keys that are out, not which slot is whose.
    #[must_use]
    pub fn without_slots(&self) -> Self {
        let away = self.away.iter().map(|away| Away { home: None, ..away.clone() }).collect();
        Self { slots: Vec::new(), away, ..self.clone() }
    }
}

#[cfg(test)]
mod tests;
