//! The room: keeps the mode in the books, feeds the table, and has each switch recorded and carried out.
//!
//! What is volatile here may be lost at any moment: the running energy count goes on from the last power record, what the UPS
//! says is heard again within seconds, and somebody may have been here a moment ago. So a core that is rebuilt in the middle decides as
//! the former one would have, but that nobody counts as come: who wants to wake it presses the button again.
//!
//! `drain.rs` counts the energy, `deeds.rs` carries the switches out.

use super::drill::Watching;
use super::energy::{Energy, Plant};
use super::forecast::{Ahead, Demand, Outlook};
use super::policy::{self, Decision, Kind, Mains, Method, Mode, Rules, Situation, Then, Usable, Why, Woken};
use super::reading::{Supply, UpsFigures, UpsReading};
use super::state::{PowerState, SwitchFigures};
use super::upkeep::Upkeep;
use crate::cabinet::event::{Ask, Start, StopReason};
use crate::cabinet::fact::{Alarm, Fact};
use crate::cabinet::outage::{Elapsed, Projection, Signs};
use crate::cabinet::outcome::CommandResult;
use crate::cabinet::types::{BootId, DoorNo, Mono, Now};
use crate::cabinet::{Cabinet, Event, Reason, Turn};

/// What the core is told of the site's power; none without a UPS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PowerSettings {
    pub rules: Rules,
    pub plant: Plant,
    pub demand: Demand,
    /// The deepest method that may be used once it is proved.
    pub sleep: Method,
    /// Whether there is a clock that wakes a halted machine.
    pub clock_wakes: bool,
    /// Whether a halted machine comes up when mains returns, as a drill saw it.
    pub wakes_on_mains: bool,
    /// Switched loads, in the order in which they are shed.
    pub loads: Vec<String>,
    /// Whether upsd may be told to shut down: a user is configured for that.
    pub may_order: bool,
    /// What the UPS is rated for, W; none = what it says itself.
    pub rated_w: Option<u32>,
    /// Whether it is told to test its battery once a week.
    pub weekly_self_test: bool,
}

impl Default for PowerSettings {
    fn default() -> Self {
        Self {
            rules: Rules::default(),
            plant: Plant::default(),
            demand: Demand::default(),
            sleep: Method::Standby,
            clock_wakes: false,
            wakes_on_mains: false,
            loads: Vec::new(),
            may_order: false,
            rated_w: None,
            weekly_self_test: false,
        }
    }
}

/// The volatile half.
#[derive(Clone, PartialEq, Debug, Default)]
pub(in crate::cabinet) struct Room {
    pub(super) energy: Energy,
    /// The energy count when the session began.
    pub(super) session_began_uj: Option<u64>,
    pub(super) heard: Heard,
    pub(super) upkeep: Upkeep,
    /// Since when nobody was here, as far as known: whoever was here before this core may have been so until it began.
    pub(super) idle_since: Mono,
    /// Somebody came since the last switch.
    pub(super) came: bool,
    /// Whoever was here last had a visit, and it is over.
    visit_over: bool,
    /// Whoever was here last, by the moment, was told that it will sleep.
    pub(super) warned: Option<Mono>,
    pub(super) woken: Option<(Woken, Mono)>,
    pub(super) shut_down_by_others: bool,
    pub(super) method_failed: bool,
    /// Whether the switched loads are shed and the UPS is asked seldom; none = it was ordered by a core that is gone.
    pub(super) is_low: Option<bool>,
    pub(super) outlook: Outlook,
    pub(super) outlook_at: Option<Mono>,
    /// When the table is asked again at the latest.
    pub(super) again_at: Option<Mono>,
    pub(super) watching: Watching,
}

/// What the UPS said.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Heard {
    /// Since when this core listens.
    since: Mono,
    /// Failed polls in a row.
    pub(super) silences: u32,
    /// The last good word.
    pub(super) last: Option<(Supply, Mono)>,
    on_line_since: Option<Mono>,
    pub(super) low_polls: u32,
    pub(super) replace: bool,
    pub(super) figures: UpsFigures,
    /// Draw from the battery while the cabinet serves, as the UPS measures it, mW.
    pub(super) served_mw: Option<u64>,
    /// A serial that is not the known one, and how often it came in a row.
    pub(super) other_serial: Option<(String, u32)>,
}

/// So many polls in a row must fail before the UPS counts as unreachable: one lost answer is no news.
const SILENCES: u32 = 2;
/// A start waits this long for the first word of the UPS before it decides without.
const FIRST_WORD_MS: u64 = 5_000;
/// … and this long if its clock woke it: to look for mains is all that it came up for, and a driver takes its time.
const FIRST_WORD_TO_CLOCK_MS: u64 = 90_000;
/// The look ahead is renewed this often, and whenever the UPS speaks.
const OUTLOOK_MS: u64 = 10_000;
/// The table is asked at least this often on battery: awake, asleep.
const ASK_MS: (u64, u64) = (30_000, 300_000);
/// Behind a door without a slot edge for the second level of its alarm nobody counts as busy any more.
const DOOR_COUNTS_LEVEL: u8 = 2;
/// Of whom nothing was heard for so long, whatever they were doing, does not count as busy either.
const BUSY_MOST_MS: u64 = 600_000;
/// So long after the last sign of somebody, they may still be there.
const HERE_MS: u64 = 60_000;
/// A start so near to the time that the machine's clock was set to is the clock's doing.
const BY_CLOCK_MS: i64 = 60_000;
const CLOCK_STEP_MS: i64 = 2_000;
/// A chain of switches in one step ends somewhere.
const MOST_SWITCHES: usize = 8;

impl Room {
    pub(in crate::cabinet) fn restore(state: Option<&PowerState>, now: Now) -> Self {
        let mut room = Self { idle_since: now.mono, is_low: Some(false), ..Self::default() };
        room.heard.since = now.mono;
        if let Some(state) = state {
            room.energy = state.energy();
            if state.counted_at.boot != now.boot {
                room.energy.at = now.mono;
            }
            if state.mode.is_low_power() {
                room.is_low = None;
            }
            if state.mode != Mode::Line {
                // Not at once: what no disk can take would be tried again and again.
                room.again_at = Some(now.mono.plus_ms(FIRST_WORD_MS));
            }
        }
        room
    }

    pub(in crate::cabinet) fn next_deadline(&self) -> Option<(Mono, Reason)> {
        self.again_at.map(|at| (at, Reason::Power)).into_iter().chain(self.upkeep.next_deadline()).min()
    }

    pub(super) fn mains(&self, now: Mono) -> Mains {
        match self.heard.last {
            None => Mains::Silent { for_ms: now.since_ms(self.heard.since) },
            Some((_, at)) if self.heard.silences > 0 => Mains::Silent { for_ms: now.since_ms(at) },
            Some((Supply::OnLine, _)) => {
                Mains::On { for_ms: self.heard.on_line_since.map_or(0, |since| now.since_ms(since)) }
            }
            Some(_) => Mains::Off,
        }
    }
}

impl Cabinet {
    pub(super) fn power_settings(&self) -> Option<&PowerSettings> {
        self.settings.power.as_ref()
    }

    /// The mode; on line where no UPS is watched.
    #[must_use]
    pub fn power_mode(&self) -> Mode {
        self.books.power.as_ref().filter(|_| self.settings.power.is_some()).map_or(Mode::Line, |state| state.mode)
    }

    /// Whether the machine is about to go down: a session would be cut off.
    pub(in crate::cabinet) fn goes_down(&self) -> bool {
        match self.power_mode() {
            Mode::FallingAsleep { then: Then::Manual, .. } => true,
            Mode::Asleep { method } | Mode::Manual { method: Some(method) } => method.is_deep(),
            Mode::Line
            | Mode::Grace
            | Mode::Normal
            | Mode::Conserve
            | Mode::FallingAsleep { then: Then::Asleep, .. }
            | Mode::Restoring { .. }
            | Mode::Manual { method: None } => false,
        }
    }

    // ------------------------------------------------------------ what comes in

    /// Which supply the cabinet is on; each change is a record. Then the table is asked.
    pub(in crate::cabinet) fn ups_read(&mut self, turn: &mut Turn, reading: &UpsReading) {
        self.upkeep_heard(turn, reading);
        if self.power.upkeep.explains(reading.supply(), reading.at) {
            // On battery for its own test: no news of mains.
            return;
        }
        self.note_supply(turn, reading);
        self.count_energy(turn.now);
        let supply = reading.supply();
        let heard = &mut self.power.heard;
        let Some(state) = reading.state.as_ref().ok().filter(|_| !matches!(supply, Supply::Unreachable(_))) else {
            if heard.silences >= SILENCES {
                heard.on_line_since = None;
            }
            return;
        };
        heard.last = Some((supply, reading.at));
        heard.replace = state.tokens.contains("RB");
        heard.figures = state.figures;
        heard.low_polls = if supply == Supply::LowBattery { heard.low_polls.saturating_add(1) } else { 0 };
        heard.on_line_since = if supply == Supply::OnLine { heard.on_line_since.or(Some(reading.at)) } else { None };
        if supply != Supply::OnLine
            && let Some(power) = &self.settings.power
        {
            self.power.energy.hear(&state.figures, power.plant.felt_mw(power.plant.normal_mw));
        }
        self.note_load();
        self.power.outlook_at = None;
        self.note_fsd(state.tokens.contains("FSD"));
        self.note_serial(turn, state.serial.as_deref());
        self.drill_heard(turn, supply, &state.figures);
    }

    /// A forced shutdown that nobody of ours ordered.
    fn note_fsd(&mut self, fsd: bool) {
        let ours = self.books.power.as_ref().is_some_and(|state| state.fsd_ours);
        self.power.shut_down_by_others = fsd && !ours;
    }

    fn note_supply(&mut self, turn: &mut Turn, reading: &UpsReading) {
        let to = reading.supply();
        let figures = reading.state.as_ref().map_or_else(|_| UpsFigures::default(), |state| state.figures);
        let from = self.books.supply.as_ref().map_or(Supply::Unknown, |state| state.supply);
        let silent = matches!(to, Supply::Unreachable(_));
        let silences = &mut self.power.heard.silences;
        *silences = if silent { silences.saturating_add(1) } else { 0 };
        let was_silent = matches!(from, Supply::Unreachable(_));
        // While it is silent, why it is silent may flutter; that is no news either.
        if to == from || (silent && (was_silent || *silences < SILENCES)) {
            return;
        }
        self.record(turn, Fact::SupplyChanged { from, to, figures });
        if silent {
            self.raise(turn, Alarm::UpsUnreachable);
        } else {
            self.resolve(turn, |alarm| *alarm == Alarm::UpsUnreachable);
        }
    }

    /// Notices an event that shows that somebody is at the cabinet. Doors and what is behind them tell it when their lines have settled:
    /// [`Cabinet::somebody_is_here`].
    pub(in crate::cabinet) fn notice_someone(&mut self, turn: &Turn, event: &Event) {
        let here = match event {
            Event::CodeRead(_)
            | Event::LoginTyped(_)
            | Event::PinTyped(_)
            | Event::DigitsTyped(_)
            | Event::PadTouched
            | Event::CancelPressed
            | Event::ButtonPressed => true,
            Event::Requested(request) => {
                matches!(request.ask, Ask::Pull(_) | Ask::Return { .. }) && self.books.session.is_some()
            }
            Event::LineChanged { .. }
            | Event::Started(_)
            | Event::LinesRead(_)
            | Event::InterruptsJudged { .. }
            | Event::CommandDone { .. }
            | Event::UpsRead(_)
            | Event::StoreChanged(_)
            | Event::UpstreamSaid(_)
            | Event::RosterArrived(_)
            | Event::RosterRefused(_)
            | Event::Reconfigured(_)
            | Event::Tick
            | Event::Stopping { .. } => false,
        };
        if here {
            self.somebody_is_here(turn);
        }
    }

    /// Somebody is at the cabinet.
    pub(in crate::cabinet) const fn somebody_is_here(&mut self, turn: &Turn) {
        self.power.idle_since = turn.mono();
        self.power.came = true;
        self.power.visit_over = false;
    }

    /// A visit is over: whoever had it is done here.
    pub(in crate::cabinet) const fn somebody_is_done(&mut self) {
        self.power.visit_over = true;
    }

    /// A start: what was drained in the dark is counted, and the table waits for the first word of the UPS.
    pub(in crate::cabinet) fn power_started(&mut self, turn: &mut Turn, start: &Start, boot_before: Option<BootId>) {
        let Some(state) = self.books.power.clone() else { return };
        let new_boot = boot_before.is_some_and(|before| before != turn.now.boot);
        if let Some(proof) = start.last_proof.filter(|_| new_boot) {
            self.count_the_dark(&state, proof, turn.now);
        }
        if state.mode == Mode::Line {
            return;
        }
        let woken = match (new_boot, self.woken_by_clock(&state, turn.now)) {
            (false, _) => Woken::Process,
            (true, true) => Woken::Alarm,
            (true, false) => Woken::Boot,
        };
        let wait_ms = if woken == Woken::Alarm { FIRST_WORD_TO_CLOCK_MS } else { FIRST_WORD_MS };
        self.power.woken = Some((woken, turn.mono().plus_ms(wait_ms)));
        self.power.idle_since = turn.mono();
        if new_boot {
            self.drill_starts(turn, &state);
        }
    }

    /// A halted machine that came up about when its clock was to wake it. Only a machine whose clock goes on can be woken by it, so
    /// the wall time is to be had.
    fn woken_by_clock(&self, state: &PowerState, now: Now) -> bool {
        let (Mode::Asleep { method: Method::Halt } | Mode::Manual { method: Some(Method::Halt) }) = state.mode else {
            return false;
        };
        let Some(power) = self.power_settings().filter(|power| power.clock_wakes) else { return false };
        let came_up = now.wall.0.saturating_sub_unsigned(now.mono.0);
        let due = state.since.wall.0.saturating_add_unsigned(power.plant.clock_wake_ms);
        // Its alarm counts whole seconds; and it never rings early: then it was a person.
        now.clock.is_trusted() && (due - CLOCK_STEP_MS..=due + BY_CLOCK_MS).contains(&came_up)
    }

    /// SIGTERM: if the system goes down on battery, what can be put in order is.
    pub(in crate::cabinet) fn power_stopping(&mut self, turn: &mut Turn, why: StopReason) {
        let mode = self.power_mode();
        if self.settings.power.is_none() {
            return;
        }
        if why != StopReason::SystemShutdown
            || !matches!(mode.kind(), Kind::Grace | Kind::Normal | Kind::Conserve | Kind::FallingAsleep)
        {
            return self.book_energy(turn);
        }
        self.power.shut_down_by_others = true;
        self.ask_table(turn);
        // There is no time left to wait for anybody.
        if let Mode::FallingAsleep { then: Then::Manual, .. } = self.power_mode() {
            self.switch(turn, Mode::Manual { method: None }, Why::Ready);
        }
    }

    /// The end of a sleep command. That it was begun is no news: the machine goes down, or does not.
    pub(in crate::cabinet) fn sleep_ordered(&mut self, method: Method, result: &CommandResult) {
        let here = matches!(self.power_mode(), Mode::Asleep { method: of } | Mode::Manual { method: Some(of) } if of == method);
        if here && matches!(result, CommandResult::Failed(_)) {
            self.power.method_failed = true;
        }
    }

    // ------------------------------------------------------------ the table

    /// The deep methods that may be used in this outage, whether or not the UPS is heard just now.
    pub(super) fn usable(&self) -> Usable {
        let (Some(power), Some(state)) = (self.power_settings(), &self.books.power) else { return Usable::default() };
        let failed = |method| state.outage.as_ref().is_some_and(|outage| outage.failed.contains(&method));
        let proving = state.drill.as_ref().and_then(|drill| drill.proving).map(|(method, _)| method);
        let may = |method: Method| match proving {
            Some(proved) => proved == method && !failed(method),
            None => method <= power.sleep && state.proof(method).is_some() && !failed(method),
        };
        // Nothing else boots a halted Pi whose supply never dropped.
        let halt_wakes = power.clock_wakes || power.wakes_on_mains;
        Usable { halt: may(Method::Halt) && halt_wakes, ups_off: may(Method::UpsOff) && power.may_order }
    }

    /// Somebody is busy, within the bounds that a propped door has; and whether a session is under way, in these bounds too.
    pub(super) fn counts_as_busy(&self, now: Mono) -> (bool, bool) {
        let level = |door| self.doors.level_if_open(door);
        let doors = || self.books.doors.keys().filter(|door| self.door_is_open(**door)).filter_map(|door| level(*door));
        let in_use = doors().any(|level| level < DOOR_COUNTS_LEVEL);
        let gone = now.since_ms(self.power.idle_since) >= BUSY_MOST_MS;
        // Whoever left this session's door open is not in it any more.
        let is_left = |door: &DoorNo| level(*door).is_some_and(|level| level >= DOOR_COUNTS_LEVEL);
        let session = self.books.session.as_ref();
        let in_session = session.is_some_and(|session| !session.doors().iter().any(is_left)) && !gone;
        (in_session || in_use && !gone || self.desk.is_busy() || self.opening_stands(), in_session)
    }

    /// The ways of sleeping that would be used now: a UPS that is silent, and not for a moment only, is switched off by nobody.
    pub(super) fn usable_by_now(&self) -> Usable {
        if self.power.heard.silences >= SILENCES { Usable::default() } else { self.usable() }
    }

    fn look_ahead(&mut self, now: Now) {
        if self.power.outlook_at.is_some_and(|at| now.mono.since_ms(at) < OUTLOOK_MS) {
            return;
        }
        let Some(outlook) = self.outlook(now) else { return };
        self.power.outlook = outlook;
        self.power.outlook_at = Some(now.mono);
    }

    /// The look ahead as of now; none without a UPS.
    pub(super) fn outlook(&self, now: Now) -> Option<Outlook> {
        self.with_ahead(now, Outlook::new)
    }

    /// What is to be said of what lies ahead as of now; none without a UPS.
    pub(super) fn with_ahead<T>(&self, now: Now, look: impl FnOnce(&Ahead<'_>) -> T) -> Option<T> {
        let power = self.power_settings()?;
        let state = self.books.power.as_ref();
        let outage = state.and_then(|state| state.outage.as_ref());
        let elapsed_ms = outage.map_or(0, |outage| outage.elapsed(now.stamp()).longer_ms());
        let history_ms = state.map_or_else(Vec::new, PowerState::history_ms);
        let mut projection = Projection::built_in().with_history(&history_ms);
        let (mut raised, method) = (false, self.usable().deepest());
        if let Some(outage) = outage {
            projection = projection.with_hints(&outage.hints, elapsed_ms);
            raised = outage.hints.signs(elapsed_ms) != Signs::default();
        }
        Some(look(&Ahead {
            rules: &power.rules,
            plant: &self.plant_as_measured(&power.plant),
            demand: &power.demand,
            projection: &projection,
            raised,
            elapsed_ms,
            civil: now.clock.is_trusted().then_some(now.civil),
            energy_mwh: self.left_mwh(),
            method,
            idle_ms: power.rules.idle_after_visit_ms(method),
        }))
    }

    pub(super) fn situation(&self, now: Now) -> Situation {
        let (mode, stamp) = (self.power_mode(), now.stamp());
        let state = self.books.power.as_ref();
        let in_mode_ms = state.map_or(0, |state| state.since.elapsed_ms(stamp));
        let outage = state.and_then(|state| state.outage.as_ref());
        let runs_on = mode == Mode::Normal && state.is_some_and(|state| state.since.boot == now.boot);
        let (busy, in_session) = self.counts_as_busy(now.mono);
        let (mains, usable) = (self.power.mains(now.mono), self.usable());
        let idle_ms = now.mono.since_ms(self.power.idle_since);
        Situation {
            mode,
            in_mode_ms,
            normal_ms: outage.map_or(0, |outage| outage.normal_ms) + if runs_on { in_mode_ms } else { 0 },
            conserve_ms: outage
                .and_then(|outage| outage.conserving)
                .map_or(0, |conserving| conserving.elapsed_ms(stamp)),
            elapsed_ms: outage.map_or(0, |outage| outage.elapsed(stamp).longer_ms()),
            flaps: outage.map_or(0, |outage| outage.flaps),
            woken: self.power.woken.map(|(woken, _)| woken),
            mains,
            low_polls: self.power.heard.low_polls,
            charge_pct: self.power.heard.figures.charge_pct,
            shut_down_by_others: self.power.shut_down_by_others,
            energy_mwh: self.left_mwh(),
            full_mwh: self.full_mwh(),
            outlook: self.power.outlook,
            busy,
            in_session,
            // Who came in vain, and is not there any more, is nobody.
            someone: self.power.came && idle_ms <= HERE_MS,
            idle_ms,
            visit_over: self.power.visit_over,
            told_to_sleep: state.is_some_and(PowerState::told_to_sleep),
            told_to_stay: self.drill_keeps_awake() || state.is_some_and(|state| state.stays_awake_ms(stamp) > 0),
            flushed: !self.is_flushing,
            method_failed: self.power.method_failed,
            usable: if mains == Mains::Off { usable } else { Usable::default() },
        }
    }

    /// Asks the table until it has no more to say. Runs at the end of every step; on quiet line power it looks at nothing.
    pub(in crate::cabinet) fn ask_table(&mut self, turn: &mut Turn) {
        let Some(power) = &self.settings.power else {
            self.power.again_at = None;
            return;
        };
        let quiet = self.power_mode() == Mode::Line
            && !self.power.shut_down_by_others
            && !matches!(self.power.mains(turn.mono()), Mains::Off);
        if quiet {
            self.power.woken = None;
            self.drill_deadline(turn);
            self.power.again_at = self.drill_ends_at(turn.now);
            return;
        }
        let rules = power.rules.clone();
        self.count_energy(turn.now);
        self.outlast_drill(turn);
        for _ in 0..MOST_SWITCHES {
            // A start decides with the UPS's first word, or without it when that does not come.
            let may_wait = self
                .power
                .woken
                .is_some_and(|(woken, until)| until > turn.mono() && !(woken == Woken::Alarm && self.power.came));
            if may_wait && self.power.heard.last.is_none() {
                break;
            }
            self.look_ahead(turn.now);
            let decision = policy::decide(&rules, &self.situation(turn.now));
            let was_woken = self.power.woken.take().is_some();
            match decision {
                Some(Decision { row, to }) => self.switch(turn, to, row.why),
                None if was_woken => {}
                None => break,
            }
        }
        if self.power.woken.is_none() {
            self.book_by_the_hour(turn);
            self.shed(turn, self.power_mode().is_low_power());
        }
        // At a start nothing is known before the first look ahead.
        if self.power.woken.is_none() && self.power.outlook_at.is_some() {
            self.warn_of_the_end(turn);
        }
        self.drill_deadline(turn);
        self.warn_of_sleep(turn, &rules);
        self.plan_next_look(turn, &rules);
    }

    /// When the table may have something new to say though nothing happens.
    fn plan_next_look(&mut self, turn: &Turn, rules: &Rules) {
        let now = turn.mono();
        let situation = self.situation(turn.now);
        let after = |ms: u64, passed: u64| (ms > passed).then(|| now.plus_ms(ms - passed));
        let (line_ms, silent_ms) = match situation.mains {
            Mains::On { for_ms } => (Some(for_ms), None),
            Mains::Off => (None, None),
            Mains::Silent { for_ms } => (None, Some(for_ms)),
        };
        let on_line = |ms| line_ms.and_then(|passed| after(ms, passed));
        let in_mode = |ms| after(ms, situation.in_mode_ms);
        let timers: [Option<Mono>; 4] = match situation.mode.kind() {
            Kind::Line => [None; 4],
            Kind::Grace => [in_mode(rules.grace_ms), on_line(rules.flicker_ms), None, None],
            Kind::Normal => {
                let silent = silent_ms.and_then(|passed| after(rules.silent_ms, passed));
                [after(rules.normal_first_ms, situation.normal_ms), silent, self.empty_at(&situation, rules, now), None]
            }
            Kind::Conserve => {
                let idle_ms = situation.idle_ms.min(situation.in_mode_ms);
                let stay_ms = self.books.power.as_ref().map_or(0, |state| state.stays_awake_ms(turn.now.stamp()));
                [
                    after(situation.idle_limit_ms(rules), idle_ms),
                    after(rules.conserve_first_ms, situation.conserve_ms),
                    after(stay_ms, 0),
                    self.empty_at(&situation, rules, now),
                ]
            }
            Kind::FallingAsleep => {
                [in_mode(rules.flush_ms), in_mode(rules.finish_fsd_ms), in_mode(rules.finish_ms), None]
            }
            Kind::Asleep => [in_mode(rules.still_up_ms), self.empty_at(&situation, rules, now), None, None],
            Kind::Manual => [in_mode(rules.still_up_ms), None, None, None],
            Kind::Restoring => [on_line(rules.settle_ms), on_line(rules.settle_flapped_ms), None, None],
        };
        let woken = self.power.woken.map(|(_, until)| until);
        let ask_ms = if situation.mode.is_low_power() { ASK_MS.1 } else { ASK_MS.0 };
        let at_least = (situation.mode != Mode::Line).then(|| now.plus_ms(ask_ms));
        let drill = self.drill_ends_at(turn.now).or_else(|| self.outlasts_drill_at(turn.now));
        let warning = self.warning(&situation, rules).map(|(in_ms, _)| now.plus_ms(in_ms));
        let others = woken.into_iter().chain(at_least).chain(drill).chain(warning);
        self.power.again_at = timers.into_iter().flatten().chain(others).min();
    }

    /// When the battery is empty, if all goes on as it does.
    fn empty_at(&self, situation: &Situation, rules: &Rules, now: Mono) -> Option<Mono> {
        let empty_mwh = rules.clock_reserve_mwh + situation.outlook.shutdown_mwh;
        let left_mwh = situation.energy_mwh.checked_sub(empty_mwh)?;
        let left_ms = (left_mwh + 1).saturating_mul(super::energy::UJ_PER_MWH) / self.felt_mw().max(1);
        Some(now.plus_ms(left_ms.max(1)))
    }

    /// The figures as they stand.
    pub(super) fn switch_figures(&self, now: Now) -> SwitchFigures {
        let (state, outlook, stamp) = (self.books.power.as_ref(), self.power.outlook, now.stamp());
        let outage = state.and_then(|state| state.outage.as_ref());
        SwitchFigures {
            elapsed: outage.map_or_else(Elapsed::default, |outage| outage.elapsed(stamp)),
            total_ms: outlook.total_ms,
            r80_ms: outlook.r80_ms,
            r95_ms: outlook.r95_ms,
            requests: outlook.requests,
            energy_mwh: self.left_mwh(),
            need_mwh: outlook.need_mwh,
            full_mwh: self.full_mwh(),
            drained_mwh: self.power.energy.drained_mwh(),
            spent_mwh: if self.power_mode().is_on_battery() { self.spent_mwh() } else { 0 },
            lasted_ms: state.map_or(0, |state| state.since.elapsed_ms(stamp)),
            idle_ms: now.mono.since_ms(self.power.idle_since),
            charge_pct: self.power.heard.figures.charge_pct,
            // An outage that outlasts its drill is a real one.
            drill: outage
                .map_or_else(|| state.is_some_and(|state| state.drill.is_some()), |outage| outage.is_drill(stamp)),
        }
    }
}
