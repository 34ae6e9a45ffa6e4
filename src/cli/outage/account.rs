//! The account of one outage: what its records add up to.
//!
//! Pure: records in, figures out. The outage's own fold ([`PowerState`]) counts its length, so that an interval is an interval here,
//! too. Energy is what the records say was spent; a length by mode is a lower bound where a clock was not trusted.

use super::find::{Corrections, End, Found};
use crate::cabinet::fact::{Alarm, Fact, SessionEnd};
use crate::cabinet::outage::Elapsed;
use crate::cabinet::power::policy::{Method, Mode, Why};
use crate::cabinet::power::state::{PowerState, SwitchFigures};
use crate::cabinet::types::{SessionId, Stamp, UserId, Wall};

/// One outage.
#[derive(Clone, PartialEq, Debug)]
pub struct Account {
    pub id: u64,
    pub is_drill: bool,
    pub started: Moment,
    /// When mains counted as back; none = it is open.
    pub ended: Option<Moment>,
    /// Without the time that mains took to settle.
    pub lasted: Elapsed,
    pub flaps: u32,
    pub sleeps: u32,
    pub spent_mwh: u64,
    /// What the battery held: at the start, at last, full.
    pub began_mwh: u64,
    pub left_mwh: u64,
    pub full_mwh: u64,
    pub spans: Vec<Span>,
    pub visits: Vec<Visit>,
    pub alarms: Vec<Raised>,
    /// When mains came back only to go again.
    pub flaps_at: Vec<u64>,
    /// Energy over time: (ms since the start, mWh).
    pub curve: Vec<(u64, u64)>,
    /// Switches, in order.
    pub switches: Vec<Switch>,
    /// Moments of all its records that are told, by their number.
    pub events: Vec<Told>,
    /// What the battery holds, as this outage measured it.
    pub measured_mwh: Option<u64>,
}

/// A time, and whether its clock was trusted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    pub wall: Wall,
    pub is_trusted: bool,
}

/// A stay in one mode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    pub what: Phase,
    /// Milliseconds since the start.
    pub from_ms: u64,
    pub to_ms: u64,
    pub spent_mwh: u64,
    /// Its length is a lower bound.
    pub at_least: bool,
}

/// What a mode comes to for people.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Phase {
    /// Serving as on mains.
    Normal,
    /// Awake, saving the battery.
    Conserve,
    Asleep(Method),
    /// Only the cabinet key opens.
    Manual,
    /// Mains is back, perhaps.
    Restoring,
}

/// A visit that ended in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Visit {
    pub session: SessionId,
    pub user: UserId,
    pub how: SessionEnd,
    /// When it ended, ms since the start.
    pub at_ms: u64,
    pub moment: Moment,
    pub duration_ms: u64,
    pub taken: u32,
    pub returned: u32,
    pub energy_mwh: Option<u64>,
}

/// An alarm that was raised in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Raised {
    pub number: u64,
    pub at_ms: u64,
    pub moment: Moment,
    pub alarm: Alarm,
}

/// A switch of modes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Switch {
    pub seq: u64,
    pub from: Mode,
    pub to: Mode,
    pub why: Why,
    pub figures: SwitchFigures,
}

/// A record that the timeline tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Told {
    pub seq: u64,
    pub elapsed: Elapsed,
    pub moment: Moment,
}

/// A record as the account takes it.
#[derive(Clone, PartialEq, Debug)]
pub struct Item {
    pub seq: u64,
    /// By which it names what it begins.
    pub number: u64,
    pub stamp: Stamp,
    pub fact: Fact,
}

impl Phase {
    /// What a mode comes to; none on line.
    #[must_use]
    pub const fn of(mode: Mode) -> Option<Self> {
        match mode {
            Mode::Line => None,
            Mode::Grace | Mode::Normal => Some(Self::Normal),
            Mode::Conserve | Mode::FallingAsleep { .. } => Some(Self::Conserve),
            Mode::Asleep { method } => Some(Self::Asleep(method)),
            Mode::Manual { .. } => Some(Self::Manual),
            Mode::Restoring { .. } => Some(Self::Restoring),
        }
    }

    /// In words.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Normal => "serving as usual".to_owned(),
            Self::Conserve => "awake, saving the battery".to_owned(),
            Self::Asleep(method) => format!("asleep ({})", method.word()),
            Self::Manual => "cabinet key only".to_owned(),
            Self::Restoring => "mains back, being watched".to_owned(),
        }
    }

    /// For scripts.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Conserve => "conserve",
            Self::Asleep(_) => "asleep",
            Self::Manual => "manual",
            Self::Restoring => "restoring",
        }
    }
}

impl Account {
    /// Of an outage whose records, from the one that opened it, are these.
    #[must_use]
    pub fn of(found: &Found, items: &[Item], corrections: &Corrections) -> Self {
        let mut fold = Fold::new(found, corrections);
        for item in items {
            fold.take(item);
        }
        fold.finish(found)
    }

    /// A stay, joined to the one before if that was of the same phase.
    fn stay(&mut self, span: Span) {
        match self.spans.last_mut().filter(|last| last.what == span.what && last.to_ms == span.from_ms) {
            Some(last) => {
                last.to_ms = span.to_ms;
                last.spent_mwh += span.spent_mwh;
                last.at_least |= span.at_least;
            }
            None => self.spans.push(span),
        }
    }

    /// Length and energy of each phase, in the order of the enum, those that did not occur left out.
    #[must_use]
    pub fn by_phase(&self) -> Vec<Sum> {
        let mut phases: Vec<Phase> = self.spans.iter().map(|span| span.what).collect();
        phases.sort();
        phases.dedup();
        let sum = |what: Phase| {
            let spans = || self.spans.iter().filter(move |span| span.what == what);
            Sum {
                what,
                lasted_ms: spans().map(|span| span.to_ms.saturating_sub(span.from_ms)).sum(),
                spent_mwh: spans().map(|span| span.spent_mwh).sum(),
                at_least: spans().any(|span| span.at_least),
            }
        };
        phases.into_iter().map(sum).collect()
    }

    /// What visits took from the battery, those of which it is known.
    #[must_use]
    pub fn visit_energies_mwh(&self) -> Vec<u64> {
        self.visits.iter().filter_map(|visit| visit.energy_mwh).collect()
    }
}

/// A phase's sum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sum {
    pub what: Phase,
    pub lasted_ms: u64,
    pub spent_mwh: u64,
    pub at_least: bool,
}

struct Fold<'a> {
    corrections: &'a Corrections,
    state: PowerState,
    account: Account,
    /// Since when the present mode lasts, and what was booked in it.
    since: (Phase, u64, bool),
    booked_mwh: u64,
    /// At the last record.
    last: Elapsed,
    last_stamp: Stamp,
}

impl<'a> Fold<'a> {
    fn new(found: &Found, corrections: &'a Corrections) -> Self {
        let (wall, is_trusted) = corrections.wall(found.started);
        Self {
            corrections,
            state: PowerState::new(found.started),
            account: Account {
                id: found.id,
                is_drill: found.is_drill(),
                started: Moment { wall, is_trusted },
                ended: None,
                lasted: Elapsed::default(),
                flaps: 0,
                sleeps: 0,
                spent_mwh: 0,
                began_mwh: 0,
                left_mwh: 0,
                full_mwh: 0,
                spans: Vec::new(),
                visits: Vec::new(),
                alarms: Vec::new(),
                flaps_at: Vec::new(),
                curve: Vec::new(),
                switches: Vec::new(),
                events: Vec::new(),
                measured_mwh: None,
            },
            since: (Phase::Normal, 0, false),
            booked_mwh: 0,
            last: Elapsed::default(),
            last_stamp: found.started,
        }
    }

    fn take(&mut self, item: &Item) {
        let Item { seq, number, stamp, fact } = item;
        // Its end takes the outage off the row: what it counts is read before that.
        let before = self.state.outage.as_ref().map(|outage| outage.elapsed(*stamp));
        if let (Fact::PowerSwitched { to: Mode::Line, .. }, Some(outage)) = (fact, &self.state.outage) {
            let back = outage.back.unwrap_or(*stamp);
            let (wall, is_trusted) = self.corrections.wall(back);
            self.account.ended = Some(Moment { wall, is_trusted });
        }
        self.state.apply(fact, *number, *stamp);
        self.last_stamp = *stamp;
        let after = self.state.outage.as_ref().map(|outage| outage.elapsed(*stamp));
        let elapsed = after.or(before).unwrap_or(self.last);
        self.last = elapsed;
        let (wall, is_trusted) = self.corrections.wall(*stamp);
        let moment = Moment { wall, is_trusted };
        let at_ms = elapsed.least_ms;
        self.account.events.push(Told { seq: *seq, elapsed, moment });
        match fact {
            Fact::PowerSwitched { from, to, why, figures } => {
                let switch = Switch { seq: *seq, from: *from, to: *to, why: *why, figures: *figures };
                self.switched(&switch, elapsed);
            }
            Fact::EnergyBooked { spent_mwh, left_mwh, .. } => {
                self.booked_mwh += spent_mwh;
                self.account.spent_mwh += spent_mwh;
                self.account.left_mwh = *left_mwh;
                self.account.curve.push((at_ms, *left_mwh));
            }
            Fact::SessionClosed { session, user, how, duration_ms, taken, returned, energy_mwh } => {
                self.account.visits.push(Visit {
                    session: *session,
                    user: user.clone(),
                    how: *how,
                    at_ms,
                    moment,
                    duration_ms: *duration_ms,
                    taken: *taken,
                    returned: *returned,
                    energy_mwh: *energy_mwh,
                });
            }
            Fact::AlarmRaised { alarm, .. } => {
                self.account.alarms.push(Raised { number: *number, at_ms, moment, alarm: alarm.clone() });
            }
            Fact::BatteryMeasured { capacity_mwh, .. } => self.account.measured_mwh = Some(*capacity_mwh),
            Fact::OutageEnded { least_ms, most_ms, .. } => {
                self.account.lasted = Elapsed { least_ms: *least_ms, most_ms: *most_ms };
            }
            _ => {}
        }
    }

    fn switched(&mut self, switch: &Switch, elapsed: Elapsed) {
        let at_ms = elapsed.least_ms;
        let figures = &switch.figures;
        let account = &mut self.account;
        if switch.from == Mode::Line {
            (account.began_mwh, account.left_mwh) = (figures.energy_mwh, figures.energy_mwh);
        } else {
            account.spent_mwh += figures.spent_mwh;
            let (what, from_ms, unsure) = self.since;
            account.stay(Span {
                what,
                from_ms,
                to_ms: at_ms,
                spent_mwh: self.booked_mwh + figures.spent_mwh,
                at_least: unsure || elapsed.least_ms != elapsed.most_ms,
            });
        }
        // While mains is watched the charger is at work.
        if switch.from.is_on_battery() {
            account.left_mwh = figures.energy_mwh;
        }
        account.flaps += u32::from(switch.why == Why::MainsLostAgain);
        if switch.why == Why::MainsLostAgain {
            account.flaps_at.push(at_ms);
        }
        account.sleeps += u32::from(matches!(switch.to, Mode::Asleep { .. }));
        account.switches.push(*switch);
        account.full_mwh = figures.full_mwh;
        self.booked_mwh = 0;
        if let Some(phase) = Phase::of(switch.to) {
            self.since = (phase, at_ms, elapsed.least_ms != elapsed.most_ms);
        }
        account.curve.push((at_ms, figures.energy_mwh));
    }

    fn finish(mut self, found: &Found) -> Account {
        if let (End::Open { .. }, Some(outage)) = (&found.end, &self.state.outage) {
            self.account.lasted = outage.dark(self.last_stamp);
            // The present stay goes on, as far as the records do.
            let (what, from_ms, at_least) = self.since;
            let span = Span { what, from_ms, to_ms: self.last.least_ms, spent_mwh: self.booked_mwh, at_least };
            self.account.stay(span);
        }
        self.account
    }
}
