//! The quiet days: the load is learned, the battery tested, and a battery that its UPS wants replaced is an alarm.

use super::baseline::{LoadSample, LoadWatch, power_of};
use super::policy::Mode;
use super::reading::{Supply, UpsReading, UpsState};
use super::selftest::{self, TestReport, TestRun, Verdict};
use crate::cabinet::event::StoreState;
use crate::cabinet::fact::{Alarm, Fact};
use crate::cabinet::outcome::{Action, CommandResult};
use crate::cabinet::types::{Mono, Now};
use crate::cabinet::{Cabinet, Purpose, Reason, Turn};

/// A cabinet that has been up for less is still settling: its load is none to learn from.
const SETTLED_MS: u64 = 10 * 60_000;
/// Nobody there for so long, and the load is the idle cabinet's.
const IDLE_MS: u64 = 2 * 60_000;
/// Days between tests of the battery.
const TEST_DAYS: u32 = 7;
/// A test that the UPS did not take is tried again after this.
const REFUSED_MS: u64 = 24 * 3_600_000;

/// What is volatile of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Upkeep {
    watch: LoadWatch,
    test: Option<TestRun>,
    /// A test was ordered and is not taken yet.
    ordered: bool,
    test_again_at: Option<Mono>,
    last: Option<UpsState>,
    /// Mains was there and quiet since.
    on_line_since: Option<Mono>,
}

// Today's readings are no state that two cores could differ in.
impl PartialEq for Upkeep {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Upkeep {
    pub(super) fn next_deadline(&self) -> Option<(Mono, Reason)> {
        let test = self.test.as_ref().map(TestRun::deadline);
        [test, self.test_again_at].into_iter().flatten().min().map(|at| (at, Reason::Upkeep))
    }

    /// Whether a UPS on battery at this moment may be so for its test.
    pub(super) fn explains(&self, supply: Supply, at: Mono) -> bool {
        let on_battery = matches!(supply, Supply::OnBattery | Supply::LowBattery);
        on_battery && self.test.as_ref().is_some_and(|test| test.explains(at))
    }
}

impl Cabinet {
    /// A reading on quiet days teaches the load, and tells of a test under way.
    pub(super) fn upkeep_heard(&mut self, turn: &mut Turn, reading: &UpsReading) {
        if self.settings.power.is_none() {
            return;
        }
        let report = reading.state.as_ref().ok().map(|state| TestReport {
            tokens: state.tokens.clone(),
            result: state.test_result.clone(),
            date: state.test_date.clone(),
        });
        self.look_at_test(turn, report.as_ref());
        let Ok(state) = &reading.state else {
            self.power.upkeep.on_line_since = None;
            return;
        };
        let upkeep = &mut self.power.upkeep;
        upkeep.on_line_since =
            if reading.supply() == Supply::OnLine { upkeep.on_line_since.or(Some(reading.at)) } else { None };
        upkeep.last = Some(state.clone());
        if state.tokens.contains("RB") {
            self.raise(turn, Alarm::ReplaceBattery);
        }
        self.learn_load(turn, state);
        self.may_test(turn);
    }

    fn learn_load(&mut self, turn: &mut Turn, state: &UpsState) {
        let Some(power) = self.power_settings() else { return };
        let rated_w = power.rated_w.or(state.rated_w);
        let (power_mw, step_mw) = power_of(&state.figures, rated_w);
        let own_mw = power.plant.normal_mw.saturating_sub(power.plant.overhead_mw);
        let quiet = self.power_mode() == Mode::Line
            && self.power.upkeep.test.is_none()
            && !self.is_busy()
            && turn.mono().0 >= SETTLED_MS
            && turn.mono().since_ms(self.power.idle_since) >= IDLE_MS;
        let sample = LoadSample {
            at: turn.now.civil,
            clock_trusted: turn.now.clock.is_trusted(),
            power_mw,
            step_mw,
            own_mw: u32::try_from(own_mw).unwrap_or(u32::MAX),
            idle: quiet,
        };
        let baseline = self.books.power.as_ref().map(|state| state.baseline.clone()).unwrap_or_default();
        let taught = self.power.upkeep.watch.observe(&baseline, &sample);
        if let Some(day) = taught.filter(|_| self.store == StoreState::Writable) {
            self.record(turn, Fact::LoadLearned { day });
        }
    }

    /// Orders a test of the battery when one is due and the moment is right.
    fn may_test(&mut self, turn: &mut Turn) {
        let Some(power) = self.power_settings() else { return };
        let upkeep = &self.power.upkeep;
        let wanted = power.weekly_self_test && power.may_order && self.store == StoreState::Writable;
        if !wanted || upkeep.ordered || upkeep.test.is_some() {
            return;
        }
        if upkeep.test_again_at.is_some_and(|at| at > turn.mono()) {
            return;
        }
        let verdict = selftest::may_begin(&self.test_situation(turn.now));
        match verdict {
            Ok(()) => {
                self.power.upkeep.ordered = true;
                self.power.upkeep.test_again_at = None;
                self.command(turn, Action::TestBattery, Purpose::TestBattery);
            }
            Err(wait) => self.power.upkeep.test_again_at = Some(turn.mono().plus_ms(wait.look_again_ms)),
        }
    }

    fn test_situation(&self, now: Now) -> selftest::Situation<'_> {
        let state = self.books.power.as_ref();
        let last = self.power.upkeep.last.as_ref();
        // While mains settles the outage is still open: it ended no time ago.
        let since_outage_ms = state.and_then(|state| match state.mode {
            Mode::Line => state.why.map(|_| state.since.elapsed_ms(now.stamp())),
            _ => Some(0),
        });
        selftest::Situation {
            every_days: TEST_DAYS,
            since_test_ms: state.and_then(|state| state.test_began).map(|began| began.elapsed_ms(now.stamp())),
            civil: now.clock.is_trusted().then_some(now.civil),
            office_hours: &self.settings.alerts.office_hours,
            tokens: last.map(|last| &last.tokens),
            charge_pct: last.and_then(|last| last.figures.charge_pct),
            since_outage_ms,
            is_busy: self.is_busy() || state.is_some_and(|state| state.drill.is_some()),
            since_somebody_ms: now.mono.since_ms(self.power.idle_since),
        }
    }

    /// Whether the UPS took the order.
    pub(in crate::cabinet) fn test_ordered(&mut self, turn: &mut Turn, result: &CommandResult) {
        let upkeep = &mut self.power.upkeep;
        upkeep.ordered = false;
        if *result == CommandResult::Done {
            let before = upkeep.last.as_ref().map(|last| TestReport {
                tokens: last.tokens.clone(),
                result: last.test_result.clone(),
                date: last.test_date.clone(),
            });
            upkeep.test = Some(TestRun::begin(before.unwrap_or_default(), turn.mono()));
            self.record(turn, Fact::SelfTestBegan);
        } else {
            upkeep.test_again_at = Some(turn.mono().plus_ms(REFUSED_MS));
        }
    }

    /// A test is over when the UPS says so, or has had its time.
    pub(super) fn look_at_test(&mut self, turn: &mut Turn, report: Option<&TestReport>) {
        let at = turn.mono();
        let Some(verdict) = self.power.upkeep.test.as_mut().and_then(|test| test.look(report, at)) else { return };
        self.power.upkeep.test = None;
        self.record(turn, Fact::SelfTestEnded { verdict });
        match verdict {
            Verdict::Failed => drop(self.raise(turn, Alarm::ReplaceBattery)),
            Verdict::Passed => self.resolve(turn, |alarm| *alarm == Alarm::ReplaceBattery),
            Verdict::Weak | Verdict::Aborted | Verdict::Unknown(_) => {}
        }
    }

    /// A test that nobody speaks of any more has had its time; a moment may have come for one.
    pub(in crate::cabinet) fn upkeep_deadline(&mut self, turn: &mut Turn) {
        if self.power.upkeep.test.as_ref().is_some_and(|test| test.deadline() <= turn.mono()) {
            self.look_at_test(turn, None);
        }
        if self.power.upkeep.test_again_at.is_some_and(|at| at <= turn.mono()) {
            self.power.upkeep.test_again_at = None;
            self.may_test(turn);
        }
    }
}
