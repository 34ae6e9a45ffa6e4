//! What others see of the cabinet: one picture of the books, stamped, with names instead of ids alone.
//!
//! The daemon publishes a [`Snapshot`] after each change; control socket, CLI and later the web page read it, never the
//! live core. Its JSON is what `cabinetd status --json` and `keymap --json` print: fields are added, not renamed.
//!
//! It never holds a badge, a login number, a tag, a PIN or a hash, and never a silent alarm, not even in a count.
//! It decides nothing.

mod sentence;

pub(in crate::cabinet) use sentence::level as alarm_level;

use super::Cabinet;
use super::books::{Books, Custody, Grant, Presence};
use super::event::StoreState;
use super::fact::{LastHeld, SensorFault};
use super::power::{PowerView, Supply, UpsFigures, UpsReading};
use super::roster::Roster;
use super::settings::{Settings, SlotPlace};
use super::types::{
    Actor, AlarmId, ClockQuality, DoorNo, Evidence, Input, KeyId, Now, Reason, SessionId, SlotNo, Stamp, UserId, Wall,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

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

/// A moment in the past, seen from the snapshot's.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Moment {
    /// The wall time, corrected if the clock was learned later in the same boot.
    pub wall: Wall,
    pub clock: ClockQuality,
    /// Milliseconds before `as_of`.
    pub ago_ms: u64,
    /// `ago_ms` is only a lower bound: the machine was off in between, and the clock was not known before or after.
    pub at_least: bool,
}

/// Whether records of openings can be kept.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum StoreIs {
    Writable,
    /// No room: nothing opens.
    Full,
}

/// Sums over slots and keys.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Debug)]
pub struct Counts {
    pub slots: u32,
    /// Slots by what their sensor says.
    pub present: u32,
    pub empty: u32,
    pub unknown: u32,
    pub fault: u32,
    /// Slots where a key hangs and nobody knows which.
    pub unknown_keys: u32,
    /// Keys by where they are, as far as the books know; retired ones are in none of these.
    pub keys_in: u32,
    pub keys_out: u32,
    pub keys_unaccounted: u32,
    pub keys_lost: u32,
    /// In the roster, never seen in the cabinet.
    pub keys_unseen: u32,
    pub overdue: u32,
}

/// A person, by name.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Who {
    pub id: UserId,
    /// The id again, if the person is no longer in the roster.
    pub name: String,
}

/// An admin's word that nobody has taken up yet.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct OpeningView {
    /// Who is waited for.
    pub user: Who,
    /// Who gave the word.
    pub by: String,
    pub why: String,
    pub doors: Vec<DoorNo>,
    /// How long it stands from `as_of` on.
    pub left_ms: u64,
}

/// A key, by label.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct KeyName {
    pub id: KeyId,
    /// The id again, if the key is no longer in the roster.
    pub label: String,
}

/// A slot.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct SlotView {
    pub slot: SlotNo,
    pub door: DoorNo,
    pub row: u16,
    pub column: u16,
    pub present: Present,
    /// Since when; none if it was never read, or nothing can be read now.
    pub since: Option<Moment>,
    /// What hangs here, if that is known. With `present` = `fault` or `unknown`: what hung here last.
    pub key: Option<KeyName>,
    /// How it is known.
    pub evidence: Option<Evidence>,
    /// A key hangs here and nobody knows which; `candidates` are those it may be.
    pub unknown_key: bool,
    #[serde(default)]
    pub candidates: Vec<KeyName>,
    /// The key that belongs here, and where it is.
    pub home: Option<Home>,
}

/// What a slot's sensor says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Present {
    Yes,
    No,
    /// Not read yet, or no sensor can be read now.
    Unknown,
    /// The sensor cannot be believed.
    Fault,
}

/// The key that belongs into a slot.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Home {
    pub key: KeyName,
    pub whereabouts: Whereabouts,
}

/// Where a key is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Whereabouts {
    In {
        slot: SlotNo,
        evidence: Evidence,
    },
    Out {
        holder: Who,
        since: Moment,
        reason: Reason,
        reference: Option<String>,
        purpose: Option<String>,
        /// Longer out than its reason allows.
        overdue: bool,
    },
    /// It left its slot and nobody is known to have it.
    Unaccounted {
        since: Moment,
        /// Who had been let in for it by a session whose end nobody saw: a hint, no evidence.
        let_in: Option<Who>,
        /// Who had it before it was lost and found.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last: Option<LastView>,
    },
    Lost {
        since: Moment,
        /// Who had it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last: Option<LastView>,
    },
    Retired {
        since: Moment,
    },
    /// Never seen in the cabinet.
    Unseen,
}

/// Who had a key, before nobody was known to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct LastView {
    pub holder: Who,
    /// When they took it; with `let_in` when it was found gone.
    pub since: Moment,
    /// They had been let in for it, and nobody saw who took it: a hint, no evidence.
    pub let_in: bool,
}

/// A key that does not hang in the cabinet.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Away {
    pub key: KeyName,
    /// The slot it belongs into; none if it left the roster, or for readers who may not see slots.
    pub home: Option<SlotNo>,
    pub whereabouts: Whereabouts,
}

/// A door.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct DoorView {
    pub door: DoorNo,
    pub state: DoorIs,
    pub since: Option<Moment>,
}

/// What is known of a door.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum DoorIs {
    Open,
    Closed,
    /// It has no contact, was not read yet, or no sensor can be read now.
    Unknown,
    /// Its contact cannot be read.
    Fault,
}

/// The visit under way.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct SessionView {
    pub id: SessionId,
    pub user: Who,
    pub second: Option<Who>,
    pub since: Moment,
    /// Whether a door was seen open.
    pub opened: bool,
    /// What was asked for and granted, ask by ask.
    pub asked: Vec<Asked>,
}

/// What somebody at the cabinet asked for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Asked {
    pub pull: Vec<KeyName>,
    pub give_back: Vec<KeyName>,
    pub reason: Reason,
    pub reference: Option<String>,
    pub purpose: Option<String>,
    pub doors: Vec<DoorNo>,
}

/// An open alarm.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct AlarmView {
    pub id: AlarmId,
    /// Its word in the ledger, for example `door-left-open`.
    pub kind: String,
    /// 1 = look when there is time, 2 = look today, 3 = look now.
    pub level: u8,
    pub sentence: String,
    pub raised: Moment,
    /// Whoever acknowledged it, by name.
    pub acknowledged_by: Option<String>,
}

/// A line that cannot be believed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct FaultView {
    pub line: Input,
    pub fault: SensorFault,
    pub sentence: String,
}

/// The supply.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct SupplyView {
    pub supply: Supply,
    pub since: Moment,
    pub figures: UpsFigures,
    /// How old the figures were at `as_of`, in ms.
    pub figures_ago_ms: u64,
}

/// The roster that was signed elsewhere.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, Debug)]
pub struct SignedRosterView {
    /// Of the one that was taken last; none was yet if this is absent.
    pub version: Option<u64>,
    pub since: Option<Moment>,
    /// Milliseconds since 1970: after it the cabinet warns.
    pub expires: Option<Wall>,
    /// Whether that is over. None: the clock is not trusted.
    pub is_overdue: Option<bool>,
    /// A newer one, that waits for nobody to be at the cabinet.
    pub waiting: Option<u64>,
    /// Or for these keys: it gives their slots to others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<KeyName>,
}

/// How the ledger's copy upstream stands.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct UpstreamView {
    pub state: UpstreamIs,
    /// The last record that upstream said it has, by its number as in `head_seq`, 0 = none.
    pub acknowledged_seq: u64,
    /// Records that it does not have yet.
    pub waiting: u64,
    /// How long ago it said anything that made sense, at `as_of`, in ms; none if it did not since the daemon's start.
    pub heard_ago_ms: Option<u64>,
    /// Since when it does not, at `as_of`, in ms.
    pub silent_ms: Option<u64>,
    /// Records whose payloads it refuses.
    pub parked: Vec<u64>,
    /// What went wrong last.
    pub trouble: Option<String>,
    /// Why its roster counts for nothing, or is not to be had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roster_trouble: Option<String>,
}

/// How the config in force and its file go together.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, Debug)]
pub struct ConfigView {
    pub state: ConfigIs,
    /// Keys whose new values a restart alone takes: `slots.count`.
    pub after_restart: Vec<String>,
}

/// What became of the file that was read last.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum ConfigIs {
    /// Its rules are in force.
    #[default]
    InForce,
    /// It is taken when nobody is at the cabinet and there is room for the record.
    Waiting,
    /// It was not taken, the old one goes on: it has mistakes, or needs a restart as a whole.
    Refused,
}

/// Whether the copy goes on.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum UpstreamIs {
    /// It was not heard yet.
    Unknown,
    /// It has everything, or is being sent it.
    Current,
    /// It does not answer, or not with what is understood.
    Silent,
    /// It holds what this ledger does not: nothing is sent.
    Stopped,
    /// It does not even take a record's envelope: nothing is sent behind it.
    Blocked,
}

/// How those stand who are told of alarms. An alarm under duress moves nothing here.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct AlertsView {
    pub recipients: Vec<RecipientView>,
}

/// How one of them stands.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct RecipientView {
    pub name: String,
    /// `mail` or `webhook`.
    pub by: String,
    pub state: RecipientIs,
    /// Urgent news that were not taken yet.
    pub urgent_waiting: u64,
    /// News that wait for the digest.
    pub routine_waiting: u64,
    /// How long ago it took something, at `as_of`, in ms; none if it did not since the daemon's start.
    pub told_ago_ms: Option<u64>,
    /// Since when it takes nothing, at `as_of`, in ms.
    pub failing_ms: Option<u64>,
    /// What went wrong last.
    pub trouble: Option<String>,
}

/// Whether a recipient is told.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum RecipientIs {
    /// It was told what is urgent.
    Fine,
    /// Something urgent is on its way, held for a moment, or gathered.
    Waiting,
    /// What was sent last was not taken.
    Failing,
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

impl Who {
    fn of(roster: &Roster, id: &UserId) -> Self {
        let name = roster.users.get(id).map_or_else(|| id.to_string(), |user| user.name.clone());
        Self { id: id.clone(), name }
    }
}

impl KeyName {
    fn of(roster: &Roster, id: &KeyId) -> Self {
        let label = roster.keys.get(id).map_or_else(|| id.to_string(), |key| key.label.clone());
        Self { id: id.clone(), label }
    }
}

/// Looks at the books from one moment.
struct Eye<'a> {
    books: &'a Books,
    settings: &'a Settings,
    now: Stamp,
}

impl Eye<'_> {
    fn moment(&self, stamp: Stamp) -> Moment {
        let ago_ms = stamp.elapsed_ms(self.now);
        let same_boot = stamp.boot == self.now.boot;
        let at_least = !(same_boot || stamp.clock.is_trusted() && self.now.clock.is_trusted());
        // A stamp of this boot that a worse clock gave is read by the better one of now.
        if same_boot && self.now.clock < stamp.clock {
            let ago = i64::try_from(ago_ms).unwrap_or(i64::MAX);
            let wall = Wall(self.now.wall.0.saturating_sub(ago));
            return Moment { wall, clock: self.now.clock, ago_ms, at_least };
        }
        Moment { wall: stamp.wall, clock: stamp.clock, ago_ms, at_least }
    }

    fn who(&self, id: &UserId) -> Who {
        Who::of(&self.books.roster, id)
    }

    fn key(&self, id: &KeyId) -> KeyName {
        KeyName::of(&self.books.roster, id)
    }

    fn keys(&self, ids: &[KeyId]) -> Vec<KeyName> {
        ids.iter().map(|id| self.key(id)).collect()
    }

    /// No line can be read: what the books say of slots and doors is how it was.
    fn is_blind(&self) -> bool {
        self.books.life.as_ref().is_some_and(|life| life.lines_lost)
    }

    fn slots(&self) -> Vec<SlotView> {
        let homes: BTreeMap<SlotNo, &KeyId> = self.books.roster.keys.values().map(|key| (key.home, &key.id)).collect();
        let home = |slot| {
            let id = *homes.get(&slot)?;
            Some(Home { key: self.key(id), whereabouts: self.whereabouts(id) })
        };
        self.settings.slots.iter().map(|(&slot, place)| self.slot(slot, place, home(slot))).collect()
    }

    fn slot(&self, slot: SlotNo, place: &SlotPlace, home: Option<Home>) -> SlotView {
        let row = self.books.slots.get(&slot);
        let hangs = row.filter(|row| row.present == Presence::Present);
        let key = hangs.and_then(|row| row.key.as_ref());
        let present = match row {
            _ if self.is_blind() => Present::Unknown,
            _ if self.books.faults.contains_key(&Input::Slot(slot)) => Present::Fault,
            None => Present::Unknown,
            Some(_) if hangs.is_some() => Present::Yes,
            Some(_) => Present::No,
        };
        let unknown_key = present == Present::Yes && key.is_none();
        SlotView {
            slot,
            door: place.door,
            row: place.row,
            column: place.column,
            present,
            since: row.filter(|_| !self.is_blind()).map(|row| self.moment(row.since)),
            key: key.map(|id| self.key(id)),
            evidence: key.and(hangs).and_then(|row| row.evidence),
            unknown_key,
            candidates: hangs.filter(|_| unknown_key).map(|row| self.keys(&row.candidates)).unwrap_or_default(),
            home,
        }
    }

    fn whereabouts(&self, key: &KeyId) -> Whereabouts {
        match self.books.custody.get(key) {
            None => Whereabouts::Unseen,
            Some(Custody::In { slot, evidence }) => Whereabouts::In { slot: *slot, evidence: *evidence },
            Some(Custody::Out(holding)) => {
                let since = self.moment(holding.since);
                let limit = self.settings.alerts.overdue_ms.get(&holding.reason);
                Whereabouts::Out {
                    holder: self.who(&holding.holder),
                    since,
                    reason: holding.reason,
                    reference: holding.reference.clone(),
                    purpose: holding.purpose.clone(),
                    overdue: limit.is_some_and(|limit| since.ago_ms >= *limit),
                }
            }
            Some(Custody::Unaccounted { since, let_in, last, .. }) => Whereabouts::Unaccounted {
                since: self.moment(*since),
                let_in: let_in.as_ref().map(|user| self.who(user)),
                last: last.as_ref().map(|last| self.last(last)),
            },
            Some(Custody::Lost { since, last, .. }) => {
                Whereabouts::Lost { since: self.moment(*since), last: last.as_ref().map(|last| self.last(last)) }
            }
            Some(Custody::Retired { since, .. }) => Whereabouts::Retired { since: self.moment(*since) },
        }
    }

    fn last(&self, last: &LastHeld) -> LastView {
        LastView { holder: self.who(&last.user), since: self.moment(last.since), let_in: last.let_in }
    }

    /// Over the roster and over custody: a key that left the roster while it was out is still out.
    fn away(&self) -> Vec<Away> {
        let ids: BTreeSet<&KeyId> = self.books.roster.keys.keys().chain(self.books.custody.keys()).collect();
        let view = |id: &KeyId| Away {
            key: self.key(id),
            home: self.books.roster.keys.get(id).map(|key| key.home),
            whereabouts: self.whereabouts(id),
        };
        ids.into_iter()
            .map(view)
            .filter(|away| !matches!(away.whereabouts, Whereabouts::In { .. } | Whereabouts::Retired { .. }))
            .collect()
    }

    fn counts(&self, slots: &[SlotView], away: &[Away]) -> Counts {
        let mut counts = Counts::default();
        for slot in slots {
            counts.slots += 1;
            counts.unknown_keys += u32::from(slot.unknown_key);
            match slot.present {
                Present::Yes => counts.present += 1,
                Present::No => counts.empty += 1,
                Present::Unknown => counts.unknown += 1,
                Present::Fault => counts.fault += 1,
            }
        }
        for away in away {
            match &away.whereabouts {
                Whereabouts::Out { overdue, .. } => {
                    counts.keys_out += 1;
                    counts.overdue += u32::from(*overdue);
                }
                Whereabouts::Unaccounted { .. } => counts.keys_unaccounted += 1,
                Whereabouts::Lost { .. } => counts.keys_lost += 1,
                Whereabouts::Unseen => counts.keys_unseen += 1,
                Whereabouts::In { .. } | Whereabouts::Retired { .. } => {}
            }
        }
        let hanging = self.books.custody.values().filter(|custody| matches!(custody, Custody::In { .. })).count();
        counts.keys_in = u32::try_from(hanging).unwrap_or(u32::MAX);
        counts
    }

    fn doors(&self) -> Vec<DoorView> {
        let view = |door: DoorNo| {
            let row = self.books.doors.get(&door);
            let state = match row.map(|row| row.open) {
                _ if self.is_blind() => DoorIs::Unknown,
                _ if self.books.faults.contains_key(&Input::Door(door)) => DoorIs::Fault,
                None => DoorIs::Unknown,
                Some(true) => DoorIs::Open,
                Some(false) => DoorIs::Closed,
            };
            let seen = row.filter(|_| !self.is_blind());
            DoorView { door, state, since: seen.map(|row| self.moment(row.since)) }
        };
        self.settings.doors.keys().copied().map(view).collect()
    }

    fn session(&self) -> Option<SessionView> {
        let session = self.books.session.as_ref()?;
        Some(SessionView {
            id: session.id,
            user: self.who(&session.user),
            second: session.second.as_ref().map(|second| self.who(second)),
            since: self.moment(session.started),
            opened: session.opened,
            asked: session.granted.iter().map(|grant| self.asked(grant)).collect(),
        })
    }

    fn asked(&self, grant: &Grant) -> Asked {
        Asked {
            pull: self.keys(&grant.pull),
            give_back: self.keys(&grant.give_back),
            reason: grant.reason,
            reference: grant.reference.clone(),
            purpose: grant.purpose.clone(),
            doors: grant.doors.clone(),
        }
    }

    fn alarms(&self) -> Vec<AlarmView> {
        let named = |actor: &Actor| match actor {
            Actor::Cabinet => "the cabinet".to_owned(),
            Actor::User(id) => self.who(id).name,
            Actor::Account { name, .. } => name.to_string(),
        };
        let shown = self.books.alarms.values().filter(|open| !open.alarm.is_silent());
        shown
            .map(|open| AlarmView {
                id: open.id,
                kind: sentence::kind(&open.alarm).to_owned(),
                level: sentence::level(&open.alarm),
                sentence: sentence::alarm(&open.alarm, self),
                raised: self.moment(open.raised),
                acknowledged_by: open.acknowledged.as_ref().map(|origin| named(&origin.actor)),
            })
            .collect()
    }

    fn signed_roster(&self) -> Option<SignedRosterView> {
        let held = self.books.signed_roster.as_ref().filter(|_| self.settings.signed_roster)?;
        let expires = held.signed.expires;
        Some(SignedRosterView {
            version: Some(held.signed.version),
            since: Some(self.moment(held.since)),
            expires: Some(expires),
            is_overdue: self.now.clock.is_trusted().then_some(self.now.wall > expires),
            ..SignedRosterView::default()
        })
    }

    fn faults(&self) -> Vec<FaultView> {
        let view = |(&line, &fault)| FaultView { line, fault, sentence: sentence::fault(line, fault) };
        self.books.faults.iter().map(view).collect()
    }
}

#[cfg(test)]
mod tests;
