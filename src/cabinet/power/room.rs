//! The room: keeps the mode in the books, feeds the table, records each switch and then acts on it.
//!
//! What is volatile here may be lost at any moment: the running energy count begins anew from the last power record, what the UPS
//! says is heard again within seconds.

use super::energy::{Energy, Plant};
use super::forecast::{Ahead, Demand, Outlook};
use super::policy::{self, Decision, Kind, Mains, Method, Mode, Rules, Situation, Then, Usable, Why, Woken};
use super::reading::{Supply, UpsFigures, UpsReading};
use super::state::{Outage, OutageId, PowerState, Replaced, SwitchFigures};
use crate::cabinet::event::{Start, StopReason, StoreState};
use crate::cabinet::fact::{Alarm, Fact, SessionEnd};
use crate::cabinet::outage::{Elapsed, Projection};
use crate::cabinet::outcome::{Action, CommandResult, Message, Sound};
use crate::cabinet::types::{BootId, Mono, Now};
use crate::cabinet::{Cabinet, Event, Purpose, Reason, Turn};

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
        }
    }
}

/// The volatile half.
#[derive(Clone, PartialEq, Debug, Default)]
pub(in crate::cabinet) struct Room {
    pub(super) energy: Energy,
    /// The energy count at the last power record.
    pub(super) booked_uj: u64,
    pub(super) heard: Heard,
    /// Somebody was here last.
    pub(super) someone_at: Option<Mono>,
    pub(super) woken: Option<(Woken, Mono)>,
    shut_down_by_others: bool,
    method_failed: bool,
    pub(super) told_to_sleep: bool,
    pub(super) stay_until: Option<Mono>,
    /// The switched loads are shed, and the UPS is asked seldom.
    is_low: bool,
    outlook: Outlook,
    pub(super) outlook_at: Option<Mono>,
    /// The energy count when the session began.
    session_began_uj: Option<u64>,
    /// When the table is asked again at the latest.
    pub(super) again_at: Option<Mono>,
    pub(super) booked_at: Option<Mono>,
}

/// What the UPS said.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Heard {
    /// Failed polls in a row.
    silences: u32,
    /// The last good word.
    last: Option<(Supply, Mono)>,
    on_line_since: Option<Mono>,
    low_polls: u32,
    replace: bool,
    pub(super) figures: UpsFigures,
}

/// So many polls in a row must fail before the UPS counts as unreachable: one lost answer is no news.
const SILENCES: u32 = 2;
/// A start waits this long for the first word of the UPS before it decides without.
const FIRST_WORD_MS: u64 = 5_000;
/// The look ahead is renewed this often, and whenever the UPS speaks.
const OUTLOOK_MS: u64 = 10_000;
/// The table is asked at least this often on battery: awake, asleep.
const ASK_MS: (u64, u64) = (30_000, 300_000);
/// Energy is booked this often.
const BOOK_MS: u64 = 3_600_000;
/// Behind a door without a slot edge for the second level of its alarm nobody counts as busy any more.
const DOOR_COUNTS_LEVEL: u8 = 2;
/// A start so near to the time that the machine's clock was set to is the clock's doing.
const BY_CLOCK_MS: u64 = 120_000;
/// A chain of switches in one step ends somewhere.
const MOST_SWITCHES: usize = 8;
/// A drop of the charge by this much on one discharge measures the battery.
const MEASURING_PCT: u64 = 40;

impl Room {
    pub(in crate::cabinet) fn restore(state: Option<&PowerState>, now: Now) -> Self {
        let mut room = Self::default();
        if let Some(state) = state {
            room.energy = state.energy();
            if state.counted_at.boot != now.boot {
                room.energy.at = now.mono;
            }
            room.booked_uj = room.energy.drained_uj;
            // A core that was rebuilt in the middle does not know when somebody was here: as if just now.
            room.someone_at = Some(now.mono);
            if state.mode != Mode::Line {
                room.again_at = Some(now.mono);
            }
        }
        room
    }

    pub(in crate::cabinet) fn next_deadline(&self) -> Option<(Mono, Reason)> {
        self.again_at.map(|at| (at, Reason::Power))
    }

    pub(super) fn mains(&self, now: Mono) -> Mains {
        match self.heard.last {
            None => Mains::Silent { for_ms: 0 },
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
        self.books.power.as_ref().map_or(Mode::Line, |state| state.mode)
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

    /// The state, made at the first power record.
    fn power_state(&self, now: Now) -> PowerState {
        self.books.power.clone().unwrap_or_else(|| PowerState::new(now.stamp()))
    }

    // ------------------------------------------------------------ what comes in

    /// Which supply the cabinet is on; each change is a record. Then the table is asked.
    pub(in crate::cabinet) fn ups_read(&mut self, turn: &mut Turn, reading: &UpsReading) {
        self.note_supply(turn, reading);
        self.count_energy(turn.now);
        let supply = reading.supply();
        let heard = &mut self.power.heard;
        let Ok(state) = &reading.state else {
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
        self.power.outlook_at = None;
        self.note_fsd(state.tokens.contains("FSD"));
        self.note_serial(turn, state.serial.as_deref());
        self.drill_heard(turn, supply, &state.figures);
    }

    /// A forced shutdown that nobody of ours ordered.
    fn note_fsd(&mut self, fsd: bool) {
        let ours = match &self.books.power {
            Some(state) => {
                let ordered = matches!(
                    state.mode,
                    Mode::Asleep { method: Method::UpsOff } | Mode::Manual { method: Some(Method::UpsOff) }
                );
                ordered || state.outage.as_ref().is_some_and(|outage| outage.fsd_ours)
            }
            None => false,
        };
        self.power.shut_down_by_others = fsd && !ours;
    }

    fn note_serial(&mut self, turn: &mut Turn, serial: Option<&str>) {
        let Some(serial) = serial.filter(|serial| !serial.trim().is_empty()) else { return };
        let known = self.books.power.as_ref().and_then(|state| state.serial.as_deref());
        if known == Some(serial) || self.store == StoreState::Reserve {
            return;
        }
        let what = if known.is_none() { Replaced::Nothing } else { Replaced::Ups };
        self.record(turn, Fact::BatteryReplaced { what, serial: Some(serial.to_owned()) });
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

    /// Whether this event shows that somebody is at the cabinet.
    pub(in crate::cabinet) fn notice_someone(&mut self, turn: &Turn, event: &Event) {
        use crate::cabinet::event::Ask;
        use crate::cabinet::types::{Input, Level};
        let here = match event {
            Event::CodeRead(_)
            | Event::LoginTyped(_)
            | Event::PinTyped(_)
            | Event::CancelPressed
            | Event::ButtonPressed => true,
            Event::LineChanged { input: Input::Door(_) | Input::Slot(_), level } => *level != Level::Fault,
            Event::Requested(request) => {
                matches!(request.ask, Ask::Pull(_) | Ask::Return { .. }) && self.books.session.is_some()
            }
            Event::LineChanged { input: Input::Tamper, .. }
            | Event::Started(_)
            | Event::LinesRead(_)
            | Event::CommandDone { .. }
            | Event::UpsRead(_)
            | Event::StoreChanged(_)
            | Event::Tick
            | Event::Stopping { .. } => false,
        };
        if here {
            self.power.someone_at = Some(turn.mono());
        }
    }

    /// A start: what was drained in the dark is counted, and the table waits for the first word of the UPS.
    pub(in crate::cabinet) fn power_started(&mut self, turn: &mut Turn, start: &Start, boot_before: Option<BootId>) {
        let Some(state) = self.books.power.clone() else { return };
        let new_boot = boot_before.is_some_and(|before| before != turn.now.boot);
        if let (Some(power), Some(from)) = (&self.settings.power, start.last_proof)
            && state.mode.is_on_battery()
        {
            let slept_mw = match state.mode {
                Mode::Asleep { method } | Mode::Manual { method: Some(method) } if method.is_deep() => {
                    power.plant.sleep_mw(method)
                }
                _ => power.plant.normal_mw,
            };
            // Between the last proof of life and the end nobody counted: up to a minute awake.
            let dark_ms = from.elapsed_ms(turn.now.stamp());
            let mut energy = self.power.energy;
            energy.at = Mono(0);
            energy.drain(Mono(dark_ms), power.plant.felt_mw(slept_mw));
            energy.at = turn.mono();
            self.power.energy = energy;
        }
        if state.mode == Mode::Line {
            return;
        }
        let woken = match (new_boot, self.woken_by_clock(&state, turn.now)) {
            (false, _) => Woken::Process,
            (true, true) => Woken::Alarm,
            (true, false) => Woken::Boot,
        };
        self.power.woken = Some((woken, turn.mono().plus_ms(FIRST_WORD_MS)));
        self.power.someone_at = (woken == Woken::Boot).then(|| turn.mono());
        self.power.again_at = Some(turn.mono());
        if new_boot {
            self.drill_woke(turn, &state);
        }
    }

    /// A halted machine that came up about when its clock was to wake it. Only a machine whose clock goes on can be woken by it, so
    /// the wall time is to be had.
    fn woken_by_clock(&self, state: &PowerState, now: Now) -> bool {
        let Mode::Asleep { method: Method::Halt } = state.mode else { return false };
        let Some(power) = self.power_settings().filter(|power| power.clock_wakes) else { return false };
        let came_up = now.wall.0.saturating_sub_unsigned(now.mono.0);
        let due = state.since.wall.0.saturating_add_unsigned(power.plant.clock_wake_ms);
        now.clock.is_trusted() && came_up.abs_diff(due) <= BY_CLOCK_MS
    }

    /// SIGTERM: if the system goes down on battery, what can be put in order is.
    pub(in crate::cabinet) fn power_stopping(&mut self, turn: &mut Turn, why: StopReason) {
        let mode = self.power_mode();
        if why != StopReason::SystemShutdown
            || !matches!(mode.kind(), Kind::Grace | Kind::Normal | Kind::Conserve | Kind::FallingAsleep)
        {
            return self.book_energy(turn);
        }
        self.power.shut_down_by_others = true;
        self.ask_table(turn);
        // There is no time left to wait for anybody.
        if let Mode::FallingAsleep { then: Then::Manual, .. } = self.power_mode() {
            let figures = self.switch_figures(turn.now);
            self.switch(turn, Mode::Manual { method: None }, Why::Ready, figures);
        }
    }

    /// The end of a sleep command. That it was begun is no news: the machine goes down, or does not.
    pub(in crate::cabinet) fn sleep_ordered(&mut self, method: Method, result: &CommandResult) {
        let here = matches!(self.power_mode(), Mode::Asleep { method: of } | Mode::Manual { method: Some(of) } if of == method);
        if here && matches!(result, CommandResult::Failed(_)) {
            self.power.method_failed = true;
        }
    }

    // ------------------------------------------------------------ energy

    /// What the cabinet draws now, as the battery feels it.
    fn felt_mw(&self) -> u64 {
        let Some(power) = self.power_settings() else { return 0 };
        let plant = &power.plant;
        let rule_mw = match self.power_mode() {
            Mode::Asleep { method: Method::Standby } => plant.standby_mw,
            _ => plant.normal_mw,
        };
        // A measured load counts where it is believable: foreign load on the UPS empties this battery too.
        let measured = self.power.heard.figures.real_power_mw.map(|mw| u64::from(mw) + plant.overhead_mw);
        let draw_mw = measured.filter(|mw| (rule_mw / 2..=rule_mw * 20).contains(mw)).unwrap_or(rule_mw);
        plant.felt_mw(draw_mw)
    }

    pub(super) fn full_mwh(&self) -> u64 {
        let Some(power) = self.power_settings() else { return 0 };
        let measured = self.books.power.as_ref().and_then(|state| state.measured).map(|measured| measured.capacity_mwh);
        power.plant.full_mwh(measured, self.power.heard.replace)
    }

    /// Counts the energy on up to now.
    fn count_energy(&mut self, now: Now) {
        if self.settings.power.is_none() {
            return;
        }
        let on_line =
            matches!(self.power.heard.last, Some((Supply::OnLine, _)) | None) && !self.power_mode().is_on_battery();
        let (felt_mw, full_mwh) = (self.felt_mw(), self.full_mwh());
        if on_line {
            self.power.energy.charge(now.mono, full_mwh);
        } else {
            self.power.energy.drain(now.mono, felt_mw);
        }
    }

    /// What is left, mWh; none without a UPS.
    #[must_use]
    pub fn energy_left_mwh(&self) -> Option<u64> {
        self.settings.power.as_ref().map(|_| self.power.energy.left_mwh(self.full_mwh()))
    }

    fn spent_mwh(&self) -> u64 {
        self.power.energy.drained_uj.saturating_sub(self.power.booked_uj) / super::energy::UJ_PER_MWH
    }

    /// An hour, or a stop: the count is kept.
    fn book_energy(&mut self, turn: &mut Turn) {
        if !self.power_mode().is_on_battery() || self.settings.power.is_none() {
            return;
        }
        self.count_energy(turn.now);
        let asleep = match self.power_mode() {
            Mode::Asleep { method } => Some(method),
            _ => None,
        };
        let fact = Fact::EnergyBooked {
            spent_mwh: self.spent_mwh(),
            left_mwh: self.power.energy.left_mwh(self.full_mwh()),
            drained_mwh: self.power.energy.drained_mwh(),
            asleep,
        };
        self.record(turn, fact);
        self.power.booked_uj = self.power.energy.drained_uj;
        self.power.booked_at = Some(turn.mono());
    }

    /// A session begins: its energy is counted from here.
    pub(in crate::cabinet) fn energy_of_session_begins(&mut self, now: Now) {
        self.count_energy(now);
        self.power.session_began_uj = self.power_mode().is_on_battery().then_some(self.power.energy.drained_uj);
    }

    /// What the session took from the battery, mWh; none on mains, or when its begin was not seen.
    pub(in crate::cabinet) fn energy_of_session(&mut self, now: Now) -> Option<u64> {
        self.count_energy(now);
        let began_uj = self.power.session_began_uj.take()?;
        Some(self.power.energy.drained_uj.saturating_sub(began_uj) / super::energy::UJ_PER_MWH)
    }

    // ------------------------------------------------------------ the table

    /// The deep methods that may be used now.
    pub(super) fn usable(&self, now: Now) -> Usable {
        let Some(power) = self.power_settings() else { return Usable::default() };
        let state = self.power_state(now);
        let failed = |method| state.outage.as_ref().is_some_and(|outage| outage.failed.contains(&method));
        let proving = state.drill.as_ref().and_then(|drill| drill.proving).map(|(method, _)| method);
        let may = |method: Method| match proving {
            Some(proved) => proved == method,
            None => method <= power.sleep && state.proof(method).is_some() && !failed(method),
        };
        // Nothing else boots a halted Pi whose supply never dropped.
        let halt_wakes = power.clock_wakes || power.wakes_on_mains;
        Usable { halt: may(Method::Halt) && halt_wakes, ups_off: may(Method::UpsOff) && power.may_order }
    }

    /// Somebody is busy, within the bounds that a propped door has.
    pub(super) fn counts_as_busy(&self) -> (bool, bool) {
        let propped = self
            .books
            .doors
            .keys()
            .any(|door| self.door_is_open(*door) && self.doors.level(*door) >= DOOR_COUNTS_LEVEL);
        let fresh_door =
            self.books.doors.keys().any(|door| self.door_is_open(*door) && self.doors.level(*door) < DOOR_COUNTS_LEVEL);
        let in_session = self.books.session.is_some() && !propped;
        (in_session || fresh_door || self.desk.is_busy(), in_session)
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
        let power = self.power_settings()?;
        let state = self.power_state(now);
        let elapsed_ms = state.outage.as_ref().map_or(0, |outage| outage.elapsed(now.stamp()).longer_ms());
        let hints = state.outage.as_ref().map(|outage| outage.hints.clone()).unwrap_or_default();
        let projection = Projection::built_in().with_history(&state.history_ms()).with_hints(&hints, elapsed_ms);
        Some(Outlook::new(&Ahead {
            rules: &power.rules,
            plant: &power.plant,
            demand: &power.demand,
            projection: &projection,
            elapsed_ms,
            civil: now.civil,
            energy_mwh: self.power.energy.left_mwh(self.full_mwh()),
            method: self.usable(now).deepest(),
            idle_ms: power.rules.idle_late_ms,
        }))
    }

    pub(super) fn situation(&self, now: Now) -> Situation {
        let state = self.power_state(now);
        let stamp = now.stamp();
        let in_mode_ms = state.since.elapsed_ms(stamp);
        let outage = state.outage.as_ref();
        let in_normal_ms = if state.mode == Mode::Normal { in_mode_ms } else { 0 };
        let (busy, in_session) = self.counts_as_busy();
        let since = if state.since.boot == now.boot { state.since.mono } else { Mono(0) };
        let someone_at = self.power.someone_at;
        Situation {
            mode: state.mode,
            in_mode_ms,
            normal_ms: outage.map_or(0, |outage| outage.normal_ms) + in_normal_ms,
            conserve_ms: outage
                .and_then(|outage| outage.conserving)
                .map_or(0, |conserving| conserving.elapsed_ms(stamp)),
            elapsed_ms: outage.map_or(0, |outage| outage.elapsed(stamp).longer_ms()),
            flaps: outage.map_or(0, |outage| outage.flaps),
            woken: self.power.woken.map(|(woken, _)| woken),
            mains: self.power.mains(now.mono),
            low_polls: self.power.heard.low_polls,
            charge_pct: self.power.heard.figures.charge_pct,
            shut_down_by_others: self.power.shut_down_by_others,
            energy_mwh: self.power.energy.left_mwh(self.full_mwh()),
            full_mwh: self.full_mwh(),
            outlook: self.power.outlook,
            busy,
            in_session,
            someone: someone_at.is_some_and(|at| at > since || (at == since && now.mono == at)),
            idle_ms: now.mono.since_ms(someone_at.unwrap_or_default()),
            told_to_sleep: self.power.told_to_sleep,
            told_to_stay: self.power.stay_until.is_some_and(|until| until > now.mono),
            // Nothing is copied upstream yet: there is nothing to wait for.
            flushed: true,
            method_failed: self.power.method_failed,
            usable: self.usable(now),
        }
    }

    /// Asks the table until it has no more to say. Runs at the end of every step; cheap on quiet line power.
    pub(in crate::cabinet) fn ask_table(&mut self, turn: &mut Turn) {
        let Some(power) = self.settings.power.clone() else { return };
        let quiet = self.power_mode() == Mode::Line
            && !self.power.shut_down_by_others
            && !matches!(self.power.mains(turn.mono()), Mains::Off);
        if quiet || self.store == StoreState::Reserve && self.power_mode() == Mode::Line {
            self.power.again_at = None;
            self.power.woken = None;
            return;
        }
        self.count_energy(turn.now);
        let heard_since_start = self.power.heard.last.is_some();
        for _ in 0..MOST_SWITCHES {
            self.look_ahead(turn.now);
            let mut situation = self.situation(turn.now);
            // A start decides with the UPS's first word, or without it when that does not come.
            if let Some((_, until)) = self.power.woken {
                let decided = heard_since_start || until <= turn.mono();
                if !decided {
                    break;
                }
                if situation.mains == (Mains::Silent { for_ms: 0 }) {
                    situation.mains = Mains::Silent { for_ms: power.rules.silent_ms.min(FIRST_WORD_MS) };
                }
            }
            let decision = policy::decide(&power.rules, &situation);
            let was_woken = self.power.woken.take().is_some();
            match decision {
                Some(Decision { row, to }) => {
                    let figures = self.switch_figures(turn.now);
                    self.switch(turn, to, row.why, figures);
                }
                None if was_woken => {}
                None => break,
            }
        }
        if self.power.booked_at.is_none_or(|at| turn.mono().since_ms(at) >= BOOK_MS) {
            if self.power.booked_at.is_some() {
                self.book_energy(turn);
            } else {
                self.power.booked_at = Some(turn.mono());
            }
        }
        self.drill_deadline(turn);
        self.plan_next_look(turn, &power.rules);
    }

    /// When the table may have something new to say though nothing happens.
    fn plan_next_look(&mut self, turn: &Turn, rules: &Rules) {
        let now = turn.mono();
        let situation = self.situation(turn.now);
        let after = |ms: u64, passed: u64| (ms > passed).then(|| now.plus_ms(ms - passed));
        let since_line = match situation.mains {
            Mains::On { for_ms } => for_ms,
            Mains::Off | Mains::Silent { .. } => 0,
        };
        let silent = match situation.mains {
            Mains::Silent { for_ms } => after(rules.silent_ms, for_ms),
            Mains::On { .. } | Mains::Off => None,
        };
        let in_mode = |ms| after(ms, situation.in_mode_ms);
        let timers: [Option<Mono>; 5] = match situation.mode.kind() {
            Kind::Line => [None; 5],
            Kind::Grace => [in_mode(rules.grace_ms), after(rules.flicker_ms, since_line), None, None, None],
            Kind::Normal => [after(rules.normal_first_ms, situation.normal_ms), silent, None, None, None],
            Kind::Conserve => {
                let limit_ms = situation.idle_limit_ms(rules);
                let stay = self.power.stay_until.filter(|until| *until > now);
                [
                    after(limit_ms, situation.idle_ms.min(situation.in_mode_ms)),
                    after(rules.conserve_first_ms, situation.conserve_ms),
                    stay,
                    silent,
                    None,
                ]
            }
            Kind::FallingAsleep => {
                [in_mode(rules.flush_ms), in_mode(rules.finish_fsd_ms), in_mode(rules.finish_ms), None, None]
            }
            Kind::Asleep | Kind::Manual => [in_mode(rules.still_up_ms), None, None, None, None],
            Kind::Restoring => {
                [after(rules.settle_ms, since_line), after(rules.settle_flapped_ms, since_line), None, None, None]
            }
        };
        let woken = self.power.woken.map(|(_, until)| until);
        let ask_ms = if situation.mode.is_low_power() { ASK_MS.1 } else { ASK_MS.0 };
        let at_least = (situation.mode != Mode::Line).then(|| now.plus_ms(ask_ms));
        self.power.again_at = timers.into_iter().flatten().chain(woken).chain(at_least).min();
    }

    fn switch_figures(&self, now: Now) -> SwitchFigures {
        let state = self.power_state(now);
        let outlook = self.power.outlook;
        SwitchFigures {
            elapsed: state.outage.as_ref().map_or_else(Elapsed::default, |outage| outage.elapsed(now.stamp())),
            total_ms: outlook.total_ms,
            r80_ms: outlook.r80_ms,
            r95_ms: outlook.r95_ms,
            requests: outlook.requests,
            energy_mwh: self.power.energy.left_mwh(self.full_mwh()),
            need_mwh: outlook.need_mwh,
            full_mwh: self.full_mwh(),
            drained_mwh: self.power.energy.drained_mwh(),
            spent_mwh: if state.mode.is_on_battery() { self.spent_mwh() } else { 0 },
            lasted_ms: state.since.elapsed_ms(now.stamp()),
            idle_ms: now.mono.since_ms(self.power.someone_at.unwrap_or_default()),
            charge_pct: self.power.heard.figures.charge_pct,
        }
    }

    /// Records the switch, then does what it asks for.
    fn switch(&mut self, turn: &mut Turn, to: Mode, why: Why, figures: SwitchFigures) {
        let from = self.power_mode();
        // A deep sleep cuts a session off: its end is in the books before the machine goes.
        let goes_down = matches!(to, Mode::Asleep { method } if method.is_deep()) || matches!(to, Mode::Manual { .. });
        if goes_down && self.books.session.is_some() {
            self.close_visit(turn, SessionEnd::Interrupted);
        }
        self.record(turn, Fact::PowerSwitched { from, to, why, figures });
        self.power.booked_uj = self.power.energy.drained_uj;
        self.power.booked_at = Some(turn.mono());
        self.power.method_failed = false;
        self.power.outlook_at = None;
        if !matches!(to, Mode::Conserve | Mode::Normal) {
            self.power.told_to_sleep = false;
        }
        self.measure_battery(turn, from, to);
        self.end_outage(turn, to);
        self.alarms_of_mode(turn, from, to, why);
        self.act_on(turn, to);
    }

    /// A long discharge tells what the battery holds.
    fn measure_battery(&mut self, turn: &mut Turn, from: Mode, to: Mode) {
        let ended = matches!(to, Mode::Restoring { .. }) && from.is_on_battery() || matches!(to, Mode::Manual { .. });
        let Some(state) = self.books.power.as_ref().filter(|_| ended) else { return };
        let (Some(outage), Some(power)) = (&state.outage, &self.settings.power) else { return };
        let (Some(began), Some(now)) = (outage.charge_pct, self.power.heard.figures.charge_pct) else { return };
        // Only a battery that was full, one discharge, and a charge that is not the "0 %" of a confused unit.
        if began < 95 || now == 0 || outage.flaps > 0 {
            return;
        }
        let fell = u64::from(began.saturating_sub(now));
        if fell < MEASURING_PCT {
            return;
        }
        let capacity_mwh = outage.spent_mwh * 100 / fell;
        let believable = power.plant.nameplate_mwh / 5..=power.plant.nameplate_mwh * 13 / 10;
        let by_drill = state.drill.as_ref().is_some_and(|drill| drill.deep);
        if believable.contains(&capacity_mwh) {
            self.record(turn, Fact::BatteryMeasured { capacity_mwh, by_drill });
        }
    }

    fn end_outage(&mut self, turn: &mut Turn, to: Mode) {
        if to != Mode::Line {
            return;
        }
        let Some(Outage { id, started: _, flaps, sessions, sleeps, spent_mwh, drill, .. }) =
            self.books.power.as_ref().and_then(|state| state.outage.clone())
        else {
            return;
        };
        let Elapsed { least_ms, most_ms } = self.outage_elapsed(turn.now, id);
        self.record(
            turn,
            Fact::OutageEnded { outage: id, least_ms, most_ms, flaps, sessions, sleeps, spent_mwh, drill },
        );
    }

    /// Its length without the time that mains took to settle.
    fn outage_elapsed(&self, now: Now, id: OutageId) -> Elapsed {
        let Some(outage) =
            self.books.power.as_ref().and_then(|state| state.outage.as_ref()).filter(|outage| outage.id == id)
        else {
            return Elapsed::default();
        };
        let elapsed = outage.elapsed(now.stamp());
        let settled_ms = self.power.heard.on_line_since.map_or(0, |since| now.mono.since_ms(since));
        Elapsed {
            least_ms: elapsed.least_ms.saturating_sub(settled_ms),
            most_ms: elapsed.most_ms.saturating_sub(settled_ms),
        }
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

    fn act_on(&mut self, turn: &mut Turn, to: Mode) {
        match to {
            Mode::FallingAsleep { method, then: Then::Asleep } => {
                self.sound(turn, Sound::Sleeping);
                self.show(turn, Message::GoingToSleep { method });
            }
            Mode::FallingAsleep { then: Then::Manual, .. } => {
                self.sound(turn, Sound::Sleeping);
                self.show(turn, Message::CabinetKeyNext);
            }
            Mode::Asleep { method } => {
                self.show(turn, Message::Asleep { method });
                self.order_sleep(turn, method);
            }
            Mode::Manual { method } => {
                self.show(turn, Message::CabinetKeyOnly);
                if let Some(method) = method {
                    self.order_sleep(turn, method);
                }
            }
            Mode::Conserve | Mode::Normal | Mode::Grace | Mode::Restoring { .. } | Mode::Line => {
                if self.power.is_low && self.books.session.is_none() && !self.desk.is_busy() {
                    self.show(turn, Message::Ready);
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
    fn shed(&mut self, turn: &mut Turn, low: bool) {
        if self.power.is_low == low {
            return;
        }
        self.power.is_low = low;
        let count = self.power_settings().map_or(0, |power| power.loads.len()) as u8;
        self.courtesy(turn, Action::Pace { slow: low });
        let order: Vec<u8> = if low { (1..=count).collect() } else { (1..=count).rev().collect() };
        for load in order {
            self.courtesy(turn, Action::SwitchLoad { load, on: !low });
        }
    }
}
