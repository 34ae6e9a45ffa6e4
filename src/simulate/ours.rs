//! `cabinetd` as a policy of the simulator: the daemon's own table ([`decide`]), energy estimate and outlook, fed with what it sees.
//!
//! It keeps what the daemon's room keeps (the mode and since when, the drain, who was here) and nothing else; every decision is the
//! table's. Simplified: the table is asked once a minute in Normal where the daemon asks at each poll; the UPS never falls silent; the
//! clock goes on while the cabinet is off.

use super::policy::{Answer, Body, Policy, Seen, Shown};
use crate::cabinet::outage::{Hints, Projection, Signs};
use crate::cabinet::power::energy::Energy;
use crate::cabinet::power::forecast::{Ahead, Outlook};
use crate::cabinet::power::policy::{Kind, Mains, Mode, Situation, Then, Usable, Why, Woken, decide};
use crate::cabinet::power::{Method, PowerSettings, UpsFigures};
use crate::cabinet::types::{Civil, Mono};

/// The daemon in one outage.
#[derive(Debug)]
pub struct Ours<'a> {
    power: &'a PowerSettings,
    prior: &'a Projection,
    hints: Hints,
    mode: Mode,
    /// When the mode began.
    since_ms: u64,
    /// In Normal, the present stay apart.
    normal_ms: u64,
    conserving_since_ms: Option<u64>,
    energy: Energy,
    low_polls: u32,
    someone_at_ms: u64,
    /// When it was asked last: what was drawn since then is known.
    asked_at_ms: u64,
    /// Every switch: when, to what, why.
    switches: Vec<(u64, Mode, Why)>,
}

/// How often the table is asked while nothing happens, awake and in standby.
const ASK_MS: u64 = 60_000;
/// `LB` comes at this charge.
const LOW_PCT: u8 = 20;
/// A chain of switches ends somewhere.
const MOST_SWITCHES: usize = 8;

impl<'a> Ours<'a> {
    /// At the start of an outage. `prior`: the site's; `hints`: what people and the utility say during this outage.
    #[must_use]
    pub fn new(power: &'a PowerSettings, prior: &'a Projection, hints: Hints) -> Self {
        Self {
            power,
            prior,
            hints,
            mode: Mode::Line,
            since_ms: 0,
            normal_ms: 0,
            conserving_since_ms: None,
            energy: Energy::drained(0, Mono(0)),
            low_polls: 0,
            someone_at_ms: 0,
            asked_at_ms: 0,
            switches: Vec::new(),
        }
    }

    /// Every switch so far: when, to what, why.
    #[must_use]
    pub fn switches(&self) -> &[(u64, Mode, Why)] {
        &self.switches
    }

    /// What was drawn since the last time: the cabinet knows what it did.
    fn count_energy(&mut self, seen: &Seen) {
        let plant = &self.power.plant;
        let mut drain = |to_ms: u64, draw_mw: u64| self.energy.drain(Mono(to_ms), plant.felt_mw(draw_mw));
        match self.mode {
            Mode::Asleep { method } if method.is_deep() => {
                let boot_ms = seen.at_ms.saturating_sub(plant.boot_ms);
                let off_ms = (self.asked_at_ms + plant.shutdown_ms).min(boot_ms);
                drain(off_ms, plant.normal_mw);
                drain(boot_ms, plant.sleep_mw(method));
                drain(seen.at_ms, plant.normal_mw);
            }
            Mode::Asleep { method } => drain(seen.at_ms, plant.sleep_mw(method)),
            _ => drain(seen.at_ms, plant.normal_mw),
        }
        self.asked_at_ms = seen.at_ms;
    }

    fn situation(&self, seen: &Seen, woken: Option<Woken>) -> Situation {
        let power = self.power;
        // As the daemon: halted, nobody knows what was drawn in the dark.
        let learned = (power.sleep != Method::Halt)
            .then(|| self.energy.full_by_charge_mwh(&power.plant, 100, self.energy.drained_mwh()))
            .flatten();
        let full_mwh = learned.unwrap_or_else(|| power.plant.full_mwh(None, false));
        let energy_mwh = self.energy.left_mwh(full_mwh);
        let in_mode_ms = seen.at_ms - self.since_ms;
        let projection = self.prior.with_hints(&self.hints, seen.at_ms);
        let outlook = Outlook::new(&Ahead {
            rules: &power.rules,
            plant: &power.plant,
            demand: &power.demand,
            projection: &projection,
            raised: self.hints.signs(seen.at_ms) != Signs::default(),
            elapsed_ms: seen.at_ms,
            civil: Some(Civil { minute: seen.minute, ..Civil::default() }),
            energy_mwh,
            method: power.sleep,
            idle_ms: power.rules.idle_after_visit_ms(power.sleep),
        });
        Situation {
            mode: self.mode,
            in_mode_ms,
            normal_ms: self.normal_ms + if self.mode == Mode::Normal { in_mode_ms } else { 0 },
            conserve_ms: self.conserving_since_ms.map_or(0, |since| seen.at_ms - since),
            elapsed_ms: seen.at_ms,
            flaps: 0,
            woken,
            mains: Mains::Off,
            low_polls: self.low_polls,
            charge_pct: Some(seen.charge_pct),
            shut_down_by_others: false,
            energy_mwh,
            full_mwh,
            outlook,
            busy: seen.busy,
            in_session: seen.busy,
            someone: self.someone_at_ms > self.since_ms || seen.someone,
            idle_ms: seen.at_ms - self.someone_at_ms,
            visit_over: seen.visit_over,
            told_to_sleep: false,
            told_to_stay: false,
            flushed: true,
            method_failed: false,
            usable: Usable { halt: power.sleep == Method::Halt, ups_off: power.sleep == Method::UpsOff },
        }
    }

    fn switch(&mut self, at_ms: u64, to: Mode, why: Why) {
        if self.mode == Mode::Normal {
            self.normal_ms += at_ms - self.since_ms;
        }
        self.conserving_since_ms = match to.kind() {
            Kind::Conserve | Kind::FallingAsleep | Kind::Asleep => self.conserving_since_ms.or(Some(at_ms)),
            Kind::Restoring | Kind::Manual => self.conserving_since_ms,
            Kind::Line | Kind::Grace | Kind::Normal => None,
        };
        (self.mode, self.since_ms) = (to, at_ms);
        self.switches.push((at_ms, to, why));
    }

    /// When the table may have something new to say though nothing happens.
    fn ask_again_ms(&self, situation: &Situation, at_ms: u64) -> u64 {
        let rules = &self.power.rules;
        let after = |ms: u64, passed_ms: u64| if ms > passed_ms { at_ms + ms - passed_ms } else { u64::MAX };
        let timer = match situation.mode.kind() {
            Kind::Grace => after(rules.grace_ms, situation.in_mode_ms),
            Kind::Normal => after(rules.normal_first_ms, situation.normal_ms),
            Kind::Conserve => after(situation.idle_limit_ms(rules), situation.idle_ms.min(situation.in_mode_ms))
                .min(after(rules.conserve_first_ms, situation.conserve_ms)),
            Kind::Line | Kind::FallingAsleep | Kind::Asleep | Kind::Restoring | Kind::Manual => u64::MAX,
        };
        timer.min(at_ms + ASK_MS)
    }
}

impl Policy for Ours<'_> {
    fn ask(&mut self, seen: &Seen) -> Answer {
        self.count_energy(seen);
        let plant = &self.power.plant;
        let figures = UpsFigures { charge_pct: Some(seen.charge_pct), ..UpsFigures::default() };
        self.energy.hear(&figures, plant.felt_mw(plant.normal_mw));
        self.low_polls = if seen.charge_pct <= LOW_PCT { self.low_polls + 1 } else { 0 };
        if seen.someone || seen.busy {
            self.someone_at_ms = seen.at_ms;
        } else {
            self.someone_at_ms = self.someone_at_ms.max(seen.at_ms.saturating_sub(seen.idle_ms));
        }
        // A machine that is up after a deep sleep has started anew.
        let slept_deep = matches!(self.mode, Mode::Asleep { method } if method.is_deep());
        let mut woken = match (slept_deep && seen.body == Body::Up, seen.woken_by_clock) {
            (false, _) => None,
            (true, true) => Some(Woken::Alarm),
            (true, false) => Some(Woken::Boot),
        };
        let mut situation = self.situation(seen, woken);
        for _ in 0..MOST_SWITCHES {
            let Some(decision) = decide(&self.power.rules, &situation) else { break };
            self.switch(seen.at_ms, decision.to, decision.row.why);
            match decision.to {
                Mode::Asleep { .. } => return Answer::Sleep,
                Mode::Manual { .. } => return Answer::GiveUp,
                _ => {}
            }
            woken = None;
            situation = self.situation(seen, woken);
        }
        if let Mode::FallingAsleep { then: Then::Manual, .. } = self.mode {
            // A visit is under way, and may end.
            return Answer::Stay { ask_at_ms: seen.at_ms + 1_000 };
        }
        Answer::Stay { ask_at_ms: self.ask_again_ms(&situation, seen.at_ms) }
    }

    fn shown(&self) -> Shown {
        match self.mode.kind() {
            Kind::Line | Kind::Grace | Kind::Normal | Kind::Restoring => Shown::Normal,
            Kind::Conserve | Kind::FallingAsleep | Kind::Asleep => Shown::Conserve,
            Kind::Manual => Shown::Manual,
        }
    }
}
