//! Power as others see it: part of the snapshot, with the sentence that explains the mode.

use super::forecast::Outlook;
use super::policy::{Kind, Method, Mode, Then};
use super::sentence::switched;
use super::state::{Drill, DrillEnd, Outage, OutageId, PastDrill, PowerState, Proof, Seen, Sight};
use crate::cabinet::Cabinet;
use crate::cabinet::outage::{Elapsed, Signs};
use crate::cabinet::types::{Now, Stamp, Wall};
use serde::{Deserialize, Serialize};

/// The policy's state.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct PowerView {
    pub mode: ModeWord,
    /// The method, where the mode has one.
    pub method: Option<Method>,
    /// How long the mode has lasted, ms; a lower bound if a clock was not trusted.
    pub for_ms: u64,
    /// The last switch, in a sentence.
    pub sentence: String,
    /// What is left and what a full battery holds, mWh.
    pub energy_mwh: u64,
    pub full_mwh: u64,
    /// Whether the capacity was measured, by a drill or an outage.
    pub measured: bool,
    /// How long it lasts awake, ms.
    pub awake_ms: u64,
    /// How long it lasts asleep by the deepest usable method, nobody coming, ms; none = as long as one likes (all is off).
    pub asleep_ms: Option<u64>,
    /// Visits out of sleep that it still bears.
    pub pulls_left: u64,
    /// The deepest method that may be used now.
    pub deepest: Method,
    /// The one that the config asks for, proved or not.
    pub configured: Method,
    pub proofs: Vec<ProofView>,
    pub outage: Option<OutageView>,
    /// The last outage of two minutes or more that was no drill.
    pub last_outage: Option<LastOutageView>,
    pub drill: Option<DrillView>,
    /// The last drill, however it ended.
    pub last_drill: Option<LastDrillView>,
    /// When the next switch may come without anything happening, in words; none on mains.
    pub next: Option<String>,
}

/// [`Mode`] as a word.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum ModeWord {
    Line,
    Grace,
    Normal,
    Conserve,
    FallingAsleep,
    /// Falling asleep, and then only the cabinet key.
    ClosingDown,
    Asleep,
    Restoring,
    Manual,
}

impl From<Mode> for ModeWord {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Line => Self::Line,
            Mode::Grace => Self::Grace,
            Mode::Normal => Self::Normal,
            Mode::Conserve => Self::Conserve,
            Mode::FallingAsleep { then: Then::Asleep, .. } => Self::FallingAsleep,
            Mode::FallingAsleep { then: Then::Manual, .. } => Self::ClosingDown,
            Mode::Asleep { .. } => Self::Asleep,
            Mode::Restoring { .. } => Self::Restoring,
            Mode::Manual { .. } => Self::Manual,
        }
    }
}

/// That a method is proved.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct ProofView {
    pub method: Method,
    /// From the press to ready, ms; for a deep method the firmware's seconds are in it only if it was timed by hand.
    pub ready_ms: u64,
    pub by_stopwatch: bool,
    /// How long ago, ms; a lower bound if a clock was not trusted.
    pub ago_ms: u64,
}

impl ProofView {
    fn of(proof: &Proof, now: Stamp) -> Self {
        let Proof { method, at, ready_ms, by_stopwatch } = *proof;
        Self { method, ready_ms, by_stopwatch, ago_ms: at.elapsed_ms(now) }
    }
}

/// An outage that is over.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct LastOutageView {
    pub id: OutageId,
    pub lasted: Elapsed,
    /// When it was over, by the wall clock of then, and how long ago, ms; a lower bound if a clock was not trusted.
    pub ended: Wall,
    pub ago_ms: u64,
}

/// The outage that is open.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct OutageView {
    pub id: OutageId,
    /// When it began, by the wall clock of then.
    pub started: Wall,
    /// How long mains has been out; while it is back and watched, how long it was.
    pub elapsed: Elapsed,
    /// Projected length in all, and the remainders that 80 and 95 of 100 do not exceed, ms.
    pub total_ms: u64,
    pub r80_ms: u64,
    pub r95_ms: u64,
    /// What asleep service over R95 needs, mWh, and for how many requests.
    pub need_mwh: u64,
    pub requests: u32,
    pub flaps: u32,
    pub sessions: u32,
    pub sleeps: u32,
    pub spent_mwh: u64,
    pub storm: bool,
    /// What the utility stated last: the end, ms from now; negative = that moment has passed.
    pub stated_end_ms: Option<i64>,
    /// What makes it be expected to last longer than others.
    pub signs: Signs,
    /// So many of the site's own outages are reckoned in.
    pub own_outages: u32,
    pub drill: bool,
}

impl OutageView {
    /// What the outage itself tells; what is projected is zero.
    fn of(outage: &Outage, now: Stamp) -> Self {
        let elapsed = outage.elapsed(now);
        let stated = outage.hints.statements.last();
        Self {
            id: outage.id,
            started: outage.started.wall,
            elapsed: outage.dark(now),
            total_ms: 0,
            r80_ms: 0,
            r95_ms: 0,
            need_mwh: 0,
            requests: 0,
            flaps: outage.flaps,
            sessions: outage.sessions,
            sleeps: outage.sleeps,
            spent_mwh: outage.spent_mwh,
            storm: outage.hints.storm,
            stated_end_ms: stated.map(|stated| {
                let end = i64::try_from(stated.ends_at_ms).unwrap_or(i64::MAX);
                end.saturating_sub_unsigned(elapsed.least_ms)
            }),
            signs: outage.hints.signs(elapsed.longer_ms()),
            own_outages: 0,
            drill: outage.is_drill(now),
        }
    }
}

/// The drill under way.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct DrillView {
    pub id: u64,
    pub for_ms: u64,
    pub deep: bool,
    pub proving: Option<Method>,
    /// What was seen on battery, each with its figure.
    pub seen: Vec<Seen>,
    /// Methods that were proved in it, and those that were tried in vain.
    pub proved: Vec<ProofView>,
    pub failed: Vec<Method>,
    /// What the battery holds, as this drill measured it, mWh.
    pub measured_mwh: Option<u64>,
}

/// A drill that is over.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct LastDrillView {
    /// As it was at its end.
    pub drill: DrillView,
    pub how: DrillEnd,
    /// How long ago it ended, ms; a lower bound if a clock was not trusted.
    pub ago_ms: u64,
}

impl LastDrillView {
    fn of(past: &PastDrill, now: Stamp) -> Self {
        let for_ms = past.drill.lasted_ms(past.ended);
        let drill = DrillView { for_ms, ..DrillView::of(&past.drill, now) };
        Self { drill, how: past.how, ago_ms: past.ended.elapsed_ms(now) }
    }
}

impl DrillView {
    /// Whether this was seen, and its figure.
    #[must_use]
    pub fn saw(&self, what: Sight) -> Option<u64> {
        self.seen.iter().find(|seen| seen.what == what).map(|seen| seen.figure)
    }

    fn of(drill: &Drill, now: Stamp) -> Self {
        Self {
            id: drill.id,
            for_ms: drill.lasted_ms(now),
            deep: drill.deep,
            proving: drill.proving.map(|(method, _)| method),
            seen: drill.seen.clone(),
            proved: drill.proved.iter().map(|proof| ProofView::of(proof, now)).collect(),
            failed: drill.failed.clone(),
            measured_mwh: drill.measured_mwh,
        }
    }
}

impl Cabinet {
    /// Power as of now; none without a UPS.
    #[must_use]
    pub fn power_view(&self, now: Now) -> Option<PowerView> {
        let power = self.power_settings()?;
        let (outlook, pulls_left) = self.with_ahead(now, |ahead| {
            let outlook = Outlook::new(ahead);
            (outlook, outlook.pulls_left(ahead))
        })?;
        let nothing_yet = PowerState::new(now.stamp());
        let state = self.books().power.as_ref().unwrap_or(&nothing_yet);
        let stamp = now.stamp();
        let energy_mwh = self.energy_left_mwh()?;
        let for_ms = state.since.elapsed_ms(stamp);
        let sentence = match state.why {
            Some(why) => switched(state.mode, state.mode, why, &state.figures),
            None => "On mains; no outage was seen yet.".to_owned(),
        };
        let method = match state.mode {
            Mode::FallingAsleep { method, .. } | Mode::Asleep { method } => Some(method),
            Mode::Manual { method } => method,
            Mode::Line | Mode::Grace | Mode::Normal | Mode::Conserve | Mode::Restoring { .. } => None,
        };
        let asleep_ms = (outlook.sleep_mw > 0).then(|| energy_mwh.saturating_mul(3_600_000) / outlook.sleep_mw);
        let outage = state.outage.as_ref().map(|outage| OutageView {
            total_ms: outlook.total_ms,
            r80_ms: outlook.r80_ms,
            r95_ms: outlook.r95_ms,
            need_mwh: outlook.need_mwh,
            requests: outlook.requests,
            own_outages: state.history.len() as u32,
            ..OutageView::of(outage, stamp)
        });
        let usable = self.usable();
        Some(PowerView {
            mode: state.mode.into(),
            method,
            for_ms,
            sentence,
            energy_mwh,
            full_mwh: self.full_mwh(),
            measured: state.measured.is_some(),
            awake_ms: outlook.awake_ms(energy_mwh),
            asleep_ms,
            pulls_left,
            deepest: usable.deepest(),
            configured: power.sleep,
            proofs: state.proofs.iter().map(|proof| ProofView::of(proof, stamp)).collect(),
            outage,
            last_outage: state.history.last().map(|past| LastOutageView {
                id: past.id,
                lasted: Elapsed { least_ms: past.lasted_ms, most_ms: past.most_ms },
                ended: past.ended.wall,
                ago_ms: past.ended.elapsed_ms(stamp),
            }),
            drill: state.drill.as_ref().map(|drill| DrillView::of(drill, stamp)),
            last_drill: state.last_drill.as_ref().map(|past| LastDrillView::of(past, stamp)),
            next: self.what_is_next(now),
        })
    }

    /// What comes next if nothing happens, as far as it is a matter of time alone.
    fn what_is_next(&self, now: Now) -> Option<String> {
        let power = self.power_settings()?;
        let mode = self.power_mode();
        let situation = self.situation(now);
        let words = crate::cabinet::sentence::duration;
        let coarse = |ms: u64| words(ms / 1_000 * 1_000);
        Some(match mode.kind() {
            Kind::Line => return None,
            Kind::Grace => "if mains stays out, it counts as an outage after two minutes".to_owned(),
            Kind::Normal => {
                let ahead_mwh = situation.outlook.normal_mwh(situation.outlook.budget_ahead_ms);
                let left = situation.energy_mwh.saturating_sub(situation.outlook.need_mwh + ahead_mwh);
                let until_ms = left.saturating_mul(3_600_000) / situation.outlook.normal_mw.max(1);
                if situation.outlook.budget_applies {
                    format!("it saves the battery in {} at the latest", coarse(until_ms / 60_000 * 60_000))
                } else {
                    "it saves the battery when the outage gets long or the battery low".to_owned()
                }
            }
            Kind::Conserve => {
                let limit_ms = situation.idle_limit_ms(&power.rules);
                match situation.told_to_stay {
                    true if self.drill_keeps_awake() => "it stays awake for the drill".to_owned(),
                    true => "it stays awake as it was told".to_owned(),
                    false if situation.busy => "it falls asleep when nobody is here any more".to_owned(),
                    false => format!("it falls asleep when nobody comes for {}", coarse(limit_ms)),
                }
            }
            Kind::FallingAsleep => "it sleeps as soon as all is in order".to_owned(),
            Kind::Asleep => match mode {
                Mode::Asleep { method: Method::Standby } => "a badge or the cabinet's button wakes it".to_owned(),
                Mode::Asleep { method: Method::UpsOff } => "the button of the UPS wakes it".to_owned(),
                _ => "the button of its machine wakes it".to_owned(),
            },
            Kind::Restoring => "mains has to stay for some minutes".to_owned(),
            Kind::Manual => "fetch the cabinet key, and write down who takes what".to_owned(),
        })
    }
}
