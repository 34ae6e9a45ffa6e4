//! What a switch asks for: recorded first, then carried out.

use super::policy::{Kind, Method, Mode, Rules, Situation, Then, Why};
use super::state::Outage;
use crate::cabinet::fact::{Alarm, Fact, SessionEnd};
use crate::cabinet::outage::Elapsed;
use crate::cabinet::outcome::{Action, Message, Sound};
use crate::cabinet::{Cabinet, Purpose, Turn};

/// So many starts out of `ups-off` with no visit after them, and the next one is nobody's either.
const HOLLOW_WAKES: u32 = 3;

/// So long before it falls asleep whoever is still there is told; where it waits for less than twice that, at half of it.
const WARNING_MS: u64 = 20_000;

impl Cabinet {
    /// Whoever woke it and hesitates is told before it sleeps again.
    pub(super) fn warn_of_sleep(&mut self, turn: &mut Turn, rules: &Rules) {
        let Some((0, left_ms)) = self.warning(&self.situation(turn.now), rules) else { return };
        self.power.warned = Some(self.power.idle_since);
        self.sound(turn, Sound::Sleeping);
        let in_s = u32::try_from(left_ms.div_ceil(1_000)).unwrap_or(u32::MAX);
        self.show(turn, Message::SleepsSoon { in_s });
    }

    /// In how many ms somebody is to be told, and how many are left from then; none where nobody is there any more, or nothing is lost
    /// by it: out of standby a badge is enough.
    pub(super) fn warning(&self, now: &Situation, rules: &Rules) -> Option<(u64, u64)> {
        let limit_ms = now.idle_limit_ms(rules);
        let told = self.power.warned == Some(self.power.idle_since);
        let gone = now.visit_over || now.idle_ms >= limit_ms;
        let stays = now.busy || now.told_to_stay || now.told_to_sleep || !now.usable.deepest().is_deep();
        if now.mode.kind() != Kind::Conserve || told || gone || stays {
            return None;
        }
        let idle_ms = now.idle_ms.min(now.in_mode_ms);
        let at_ms = limit_ms - WARNING_MS.min(limit_ms / 2);
        Some((at_ms.saturating_sub(idle_ms), limit_ms - idle_ms.max(at_ms)))
    }

    /// Records the switch, then does what it asks for.
    pub(super) fn switch(&mut self, turn: &mut Turn, to: Mode, why: Why) {
        let from = self.power_mode();
        let figures = self.switch_figures(turn.now);
        // A deep sleep cuts a session off: its end is in the books before the machine goes.
        let goes_down = matches!(to, Mode::Asleep { method } if method.is_deep()) || matches!(to, Mode::Manual { .. });
        if goes_down && self.books.session.is_some() {
            self.close_visit(turn, SessionEnd::Interrupted);
        }
        self.record(turn, Fact::PowerSwitched { from, to, why, figures });
        self.power.came = false;
        self.power.method_failed = false;
        self.power.outlook_at = None;
        self.drill_switched(turn, why);
        self.doubt_hollow_wakes(turn, why);
        self.measure_battery(turn, from, to);
        self.end_outage(turn, to);
        if to == Mode::Line {
            self.drill_back_on_line(turn, why);
        }
        self.alarms_of_mode(turn, from, to, why);
        self.act_on(turn, from, to);
    }

    /// A UPS that does not switch off has the system start itself again after some minutes: that is no sleep, and costs more than
    /// staying up.
    fn doubt_hollow_wakes(&mut self, turn: &mut Turn, why: Why) {
        let method = Method::UpsOff;
        let state = self.books.power.as_ref().filter(|state| state.drill.is_none());
        let Some(outage) = state.and_then(|state| state.outage.as_ref()) else { return };
        if why == Why::StartedOnBattery && outage.hollow_wakes > HOLLOW_WAKES && !outage.failed.contains(&method) {
            self.record(turn, Fact::MethodDisproved { method });
            self.raise(turn, Alarm::SleepFailed { method });
        }
    }

    fn end_outage(&mut self, turn: &mut Turn, to: Mode) {
        if to != Mode::Line {
            return;
        }
        let Some(outage) = self.books.power.as_ref().and_then(|state| state.outage.clone()) else { return };
        let Elapsed { least_ms, most_ms } = outage.dark(turn.now.stamp());
        let drill = outage.is_drill(turn.now.stamp());
        let Outage { id, flaps, sessions, sleeps, spent_mwh, .. } = outage;
        let fact = Fact::OutageEnded { outage: id, least_ms, most_ms, flaps, sessions, sleeps, spent_mwh, drill };
        self.record(turn, fact);
    }

    fn alarms_of_mode(&mut self, turn: &mut Turn, from: Mode, to: Mode, why: Why) {
        if let (Why::MethodFailed, Mode::Asleep { method } | Mode::Manual { method: Some(method) }) = (why, from) {
            self.raise(turn, Alarm::SleepFailed { method });
        }
        if matches!(to, Mode::Manual { .. } | Mode::FallingAsleep { then: Then::Manual, .. }) {
            self.raise(turn, Alarm::CabinetKeyOnly);
        } else {
            self.resolve(turn, |alarm| *alarm == Alarm::CabinetKeyOnly);
        }
    }

    /// In time, before the battery ends: asleep for half an hour more, or two visits where sleep draws nothing.
    pub(super) fn warn_of_the_end(&mut self, turn: &mut Turn) {
        const DUE_MS: u64 = 30 * 60_000;
        const DUE_VISITS: u64 = 2;
        let situation = self.situation(turn.now);
        let mode = situation.mode;
        let Some(power) = self.power_settings() else { return };
        let outlook = situation.outlook;
        let left_mwh = situation.energy_mwh.saturating_sub(power.rules.clock_reserve_mwh + outlook.shutdown_mwh);
        let plant = self.plant_as_measured(&power.plant);
        let sleep_mw = plant.felt_mw(plant.sleep_mw(self.usable_by_now().deepest()));
        let due_mwh = super::forecast::mwh(sleep_mw, DUE_MS).max(outlook.cycle_mwh * DUE_VISITS);
        let is_known = self.books.alarms.values().any(|open| open.alarm == Alarm::CabinetKeyDue);
        let over = matches!(mode, Mode::Manual { .. } | Mode::FallingAsleep { then: Then::Manual, .. });
        if !mode.is_on_battery() || over || (is_known && left_mwh > due_mwh * 3 / 2) {
            self.resolve(turn, |alarm| *alarm == Alarm::CabinetKeyDue);
        } else if !is_known && left_mwh <= due_mwh && mode != Mode::Grace {
            self.raise(turn, Alarm::CabinetKeyDue);
        }
    }

    /// What the display says while nobody is here.
    pub(in crate::cabinet) fn resting_message(&self) -> Message {
        match self.power_mode() {
            Mode::Line | Mode::Grace | Mode::Normal | Mode::Conserve | Mode::Restoring { .. } => Message::Ready,
            Mode::FallingAsleep { method, then: Then::Asleep } => Message::GoingToSleep { method },
            Mode::FallingAsleep { then: Then::Manual, .. } => Message::CabinetKeyNext,
            Mode::Asleep { method } => Message::Asleep { method },
            Mode::Manual { .. } => Message::CabinetKeyOnly,
        }
    }

    fn act_on(&mut self, turn: &mut Turn, from: Mode, to: Mode) {
        let resting = self.resting_message();
        match to {
            Mode::FallingAsleep { .. } => {
                let within_ms = self.power_settings().map_or(0, |power| power.rules.flush_ms);
                self.ask_flush(turn, within_ms);
                self.sound(turn, Sound::Sleeping);
                let is_visited = self.books.session.is_some();
                self.show(turn, if is_visited { Message::FinishNow } else { resting });
            }
            Mode::Asleep { method } | Mode::Manual { method: Some(method) } => {
                self.show(turn, resting);
                self.order_sleep(turn, method);
            }
            Mode::Manual { method: None } => self.show(turn, resting),
            Mode::Conserve | Mode::Normal | Mode::Grace | Mode::Restoring { .. } | Mode::Line => {
                let said_otherwise =
                    matches!(from, Mode::FallingAsleep { .. } | Mode::Asleep { .. } | Mode::Manual { .. });
                // Who woke it and was told something reads that first.
                let is_told = turn.out.commands.iter().any(|command| matches!(command.action, Action::Show(_)));
                if said_otherwise && !is_told && self.books.session.is_none() && !self.desk.is_busy() {
                    self.show(turn, resting);
                }
            }
        }
        self.shed(turn, to.is_low_power());
    }

    fn order_sleep(&mut self, turn: &mut Turn, method: Method) {
        if method.is_deep() {
            let wake_after_ms = self
                .power_settings()
                .filter(|power| method == Method::Halt && power.clock_wakes)
                .map(|power| power.plant.clock_wake_ms)
                .filter(|ms| *ms > 0);
            self.command(turn, Action::Sleep { method, wake_after_ms }, Purpose::Sleep { method });
        }
    }

    /// Loads off in the order of the config, on in the other one; the UPS is asked seldom while they are off.
    pub(super) fn shed(&mut self, turn: &mut Turn, low: bool) {
        if self.power.is_low == Some(low) {
            return;
        }
        self.power.is_low = Some(low);
        let count = self.power_settings().map_or(0, |power| power.loads.len()) as u8;
        // Who only waits for mains looks for it, while it can.
        let slow = low && matches!(self.power_mode(), Mode::Asleep { .. });
        self.courtesy(turn, Action::Pace { slow });
        let order: Vec<u8> = if low { (1..=count).collect() } else { (1..=count).rev().collect() };
        for load in order {
            self.courtesy(turn, Action::SwitchLoad { load, on: !low });
        }
    }
}
