//! The supply of a story: mains that come and go, a UPS that says so when it is asked, a battery that really empties, and a machine
//! that really goes down when it is told to.
//!
//! The UPS is asked as the daemon asks it: every 30 s on mains, every 5 s on battery, every 60 s when the core wants it slow, and at once
//! when mains goes or comes. The battery holds what the core takes it to hold unless a story says otherwise.

use super::Story;
use crate::words::say;
use cabinetd::cabinet::Event;
use cabinetd::cabinet::event::{Ask, DrillStep, StopReason, StoreState};
use cabinetd::cabinet::fact::Fact;
use cabinetd::cabinet::outcome::{Answer, CommandResult, Denial};
use cabinetd::cabinet::power::energy::{Plant, UJ_PER_MWH};
use cabinetd::cabinet::power::policy::Mode;
use cabinetd::cabinet::power::state::{Outage, PowerOrder, PowerState, SwitchFigures, Told};
use cabinetd::cabinet::power::{Method, PowerSettings, UpsFigures, UpsReading, UpsSilence, UpsState};
use cabinetd::cabinet::settings::Settings;
use cabinetd::cabinet::types::{BootId, ClockQuality, CommandId, Input, Level, Mono, Role};
use std::collections::BTreeMap;

/// How far apart polls are: on mains, on battery, slowly.
const POLL_MS: (u64, u64, u64) = (30_000, 5_000, 60_000);

/// The UPS, its battery, and what feeds it.
pub struct Ups {
    pub on_mains: bool,
    /// It does not answer.
    pub silence: Option<UpsSilence>,
    /// Tokens beside OL and OB.
    pub tokens: Vec<&'static str>,
    /// It says `LB` at or below this charge.
    pub low_at_pct: u64,
    pub capacity_mwh: u64,
    used_uj: u64,
    counted_at: Mono,
    /// It tells its charge. What it says instead, if it lies.
    pub tells_charge: bool,
    pub lies_pct: Option<u8>,
    pub runtime_s: Option<u32>,
    pub load_pct: Option<u8>,
    pub real_power_mw: Option<u32>,
    pub serial: Option<&'static str>,
    next_poll: Mono,
    /// The machine is off.
    dark: bool,
    plant: Plant,
}

impl Ups {
    pub fn new(plant: Plant, now: Mono) -> Self {
        Self {
            on_mains: true,
            silence: None,
            tokens: Vec::new(),
            low_at_pct: 10,
            capacity_mwh: plant.full_mwh(None, false),
            used_uj: 0,
            counted_at: now,
            tells_charge: true,
            lies_pct: None,
            runtime_s: None,
            load_pct: None,
            real_power_mw: None,
            serial: None,
            next_poll: now,
            dark: false,
            plant,
        }
    }

    pub fn left_mwh(&self) -> u64 {
        self.capacity_mwh.saturating_sub(self.used_uj / UJ_PER_MWH)
    }

    fn charge_pct(&self) -> u64 {
        (self.left_mwh() * 100).div_ceil(self.capacity_mwh)
    }

    fn drain(&mut self, now: Mono, draw_mw: u64) {
        let ms = now.since_ms(self.counted_at);
        self.counted_at = now;
        if self.on_mains {
            let all_uj = self.capacity_mwh * UJ_PER_MWH;
            self.used_uj = self.used_uj.min(all_uj).saturating_sub(all_uj / 36_000_000 * ms);
        } else {
            self.used_uj += self.plant.felt_mw(draw_mw) * ms;
        }
    }

    fn reading(&self, at: Mono) -> UpsReading {
        UpsReading { at, state: self.silence.map_or_else(|| Ok(self.state()), Err) }
    }

    fn state(&self) -> UpsState {
        let mut tokens: Vec<&str> = vec![if self.on_mains { "OL" } else { "OB" }];
        tokens.extend(&self.tokens);
        if !self.on_mains && self.charge_pct() <= self.low_at_pct {
            tokens.push("LB");
        }
        let charge = self.lies_pct.unwrap_or(self.charge_pct() as u8);
        let figures = UpsFigures {
            charge_pct: self.tells_charge.then_some(charge),
            runtime_s: self.runtime_s,
            load_pct: self.load_pct,
            real_power_mw: self.real_power_mw,
            battery_mv: None,
        };
        let tokens = tokens.into_iter().map(str::to_owned).collect();
        UpsState { tokens, figures, serial: self.serial.map(str::to_owned), ..UpsState::default() }
    }
}

impl Story {
    /// A cabinet with a UPS, and everything at rest.
    pub fn on_a_ups(change: impl FnOnce(&mut PowerSettings)) -> Self {
        let mut power = PowerSettings { loads: vec!["display".into(), "modem".into()], ..PowerSettings::default() };
        // The times of these stories are the plain ones; lingering and haste have stories of their own.
        power.rules.linger_ms = 0;
        power.rules.budget_ahead_pct = 0;
        power.rules.idle_tight_ms = power.rules.idle_ms;
        change(&mut power);
        let mut story = Self::with(|settings| settings.power = Some(power.clone()));
        story.ups = Some(Ups::new(power.plant, story.mono));
        story.polls();
        story.wait_min(1);
        story.news();
        story
    }

    pub fn ups_mut(&mut self) -> &mut Ups {
        self.ups.as_mut().expect("this story has a UPS")
    }

    // ------------------------------------------------------------ polls

    /// When the UPS is asked next, if there is one and it is asked.
    pub(super) fn next_poll(&self) -> Option<Mono> {
        self.ups.as_ref().map(|ups| ups.next_poll)
    }

    /// The UPS is asked.
    pub fn polls(&mut self) {
        self.count_battery();
        let (now, slow) = (self.mono, self.paced_slowly);
        let ups = self.ups_mut();
        let every_ms = match (slow, ups.on_mains) {
            (true, _) => POLL_MS.2,
            (false, true) => POLL_MS.0,
            (false, false) => POLL_MS.1,
        };
        ups.next_poll = now.plus_ms(every_ms);
        let reading = ups.reading(now);
        self.event(Event::UpsRead(reading));
    }

    fn count_battery(&mut self) {
        let draw_mw = if self.cabinet.power_mode().is_low_power() { 12_000 } else { 20_000 };
        let now = self.mono;
        let ups = self.ups_mut();
        if !ups.dark {
            ups.drain(now, draw_mw);
        }
    }

    pub fn mains_fails(&mut self) {
        self.count_battery();
        self.ups_mut().on_mains = false;
        self.polls();
    }

    pub fn mains_returns(&mut self) {
        self.count_battery();
        self.ups_mut().on_mains = true;
        self.polls();
    }

    /// The UPS stops answering, or answers again.
    pub fn ups_falls_silent(&mut self) {
        self.ups_mut().silence = Some(UpsSilence::Stale);
        self.polls();
    }

    pub fn ups_speaks_again(&mut self) {
        self.ups_mut().silence = None;
        self.polls();
    }

    /// The battery has so much left in truth.
    pub fn battery_has_pct(&mut self, pct: u64) {
        self.count_battery();
        let ups = self.ups_mut();
        ups.used_uj = ups.capacity_mwh * UJ_PER_MWH / 100 * (100 - pct);
    }

    /// The UPS says this, too, from now on.
    pub fn ups_says(&mut self, token: &'static str) {
        self.ups_mut().tokens.push(token);
        self.polls();
    }

    pub fn ups_says_no_more(&mut self, token: &'static str) {
        self.ups_mut().tokens.retain(|said| *said != token);
        self.polls();
    }

    // ------------------------------------------------------------ the machine goes down and comes up

    /// The machine goes down (the shell is told as systemd tells it), and is off for some time, as deep as the method that it was told. It
    /// comes up with this clock; the UPS is asked for the first time a second after the start.
    pub fn sleeps(&mut self, dark_s: u64, clock: ClockQuality) {
        let (_, method) = *self.slept.last().expect("a sleep was ordered");
        self.goes_down();
        let draw_mw = match method {
            Method::Standby => panic!("standby is no sleep of the machine"),
            Method::Halt => 9_500,
            Method::UpsOff => 0,
        };
        self.boots(dark_s, draw_mw, clock);
    }

    /// The machine goes down, as it was told.
    pub fn goes_down(&mut self) {
        self.wait_s(8);
        self.event(Event::Stopping { why: StopReason::SystemShutdown });
    }

    /// The machine is off for some time, drawing so much, and comes up. What had not ended has ended.
    pub fn boots(&mut self, dark_s: u64, draw_mw: u64, clock: ClockQuality) {
        self.comes_up(dark_s, draw_mw, clock, |_| {});
        self.hears_the_ups();
    }

    /// The same up to the start itself: nothing was heard of the UPS yet, and the keys may hang otherwise.
    pub fn comes_up(
        &mut self,
        dark_s: u64,
        draw_mw: u64,
        clock: ClockQuality,
        meanwhile: impl FnOnce(&mut BTreeMap<Input, Level>),
    ) {
        const BOOT_MS: u64 = 20_000;
        self.count_battery();
        let wall = self.now().wall.0;
        let (now, off_ms) = (self.mono, dark_s * 1_000);
        let ups = self.ups_mut();
        ups.drain(now.plus_ms(off_ms), draw_mw);
        (ups.counted_at, ups.next_poll) = (Mono(0), Mono(BOOT_MS + 1_000));
        ups.tokens.retain(|token| *token != "FSD");
        self.outputs_fall_off();
        meanwhile(&mut self.levels);
        self.boot = BootId(self.boot.0 + 1);
        self.mono = Mono(BOOT_MS);
        self.quality = clock;
        // A clock that does not go on while the machine is off is behind by that.
        self.behind_ms += (off_ms - BOOT_MS).cast_signed();
        let made_up_ms = if clock.is_trusted() { std::mem::take(&mut self.behind_ms) } else { 0 };
        self.wall_minus_mono = wall + made_up_ms;
        self.rebuild(StoreState::Writable);
        let proof = self.proof;
        self.start(proof);
        self.read_lines();
    }

    /// The UPS is asked for the first time after a start.
    pub fn hears_the_ups(&mut self) {
        self.wait_s(1);
    }

    /// A time server answers at last.
    pub fn clock_becomes_known(&mut self) {
        self.quality = ClockQuality::Synced;
        self.wall_minus_mono += std::mem::take(&mut self.behind_ms);
        self.event(Event::Tick);
    }

    /// Only the process is killed and started again; the UPS is asked a second later.
    pub fn process_restarts(&mut self) {
        self.outputs_fall_off();
        self.mono = self.mono.plus_ms(2_000);
        self.rebuild(StoreState::Writable);
        let (proof, next) = (self.proof, self.mono.plus_ms(1_000));
        self.start(proof);
        self.read_lines();
        self.ups_mut().next_poll = next;
        self.wait_s(1);
    }

    /// The system shuts down; the daemon is told to end.
    pub fn system_shuts_down(&mut self) {
        self.event(Event::Stopping { why: StopReason::SystemShutdown });
    }

    /// The order to sleep came to nothing, and says so.
    pub fn sleep_fails(&mut self) {
        let (id, _) = *self.slept.last().expect("a sleep was ordered");
        self.event(Event::CommandDone { id, result: CommandResult::Failed("logind refuses".into()) });
    }

    pub fn sleep_is_begun(&mut self) {
        let (id, _): (CommandId, Method) = *self.slept.last().expect("a sleep was ordered");
        self.event(Event::CommandDone { id, result: CommandResult::Done });
    }

    // ------------------------------------------------------------ people

    pub fn presses_the_button(&mut self) {
        self.event(Event::ButtonPressed);
    }

    pub fn orders(&mut self, order: PowerOrder) -> Answer {
        self.ask(Some(Role::Assistant), Ask::OrderPower(order))
    }

    #[track_caller]
    pub fn orders_and_is_refused(&mut self, order: PowerOrder, denial: &Denial) {
        assert_eq!(self.orders(order), Answer::Refused(denial.clone()));
    }

    /// No line can be read any more.
    pub fn loses_all_lines(&mut self) {
        self.event(Event::LinesRead(vec![]));
    }

    pub fn tells(&mut self, told: Told) -> Answer {
        self.ask(Some(Role::Assistant), Ask::TellOutage(told))
    }

    pub fn replaces_the_battery(&mut self) -> Answer {
        let answer = self.ask(Some(Role::Manager), Ask::BatteryReplaced);
        self.ups_mut().used_uj = 0;
        answer
    }

    pub fn drill(&mut self, step: DrillStep) -> Answer {
        self.ask(Some(Role::Manager), Ask::Drill(step))
    }

    /// A drill proves a method, from the plug out of the wall to mains for good; nothing of it is news.
    pub fn proves(&mut self, method: Method) {
        self.drill(DrillStep::Start { deep: false });
        self.mains_fails();
        self.wait_min(3);
        self.drill(DrillStep::Prove { method });
        self.sleeps(60, ClockQuality::Synced);
        if method == Method::UpsOff {
            self.drill(DrillStep::Pressed { pressed: true });
        }
        self.drill(DrillStep::Finish);
        self.mains_returns();
        self.wait_min(4);
        self.expect_mode(Mode::Line);
        self.battery_has_pct(100);
        // What was drained is charged again.
        self.wait_min(40);
        self.slept.clear();
        self.news();
    }

    /// The same with standby, which needs no start.
    pub fn proves_standby(&mut self) {
        self.drill(DrillStep::Start { deep: false });
        self.mains_fails();
        self.wait_min(3);
        self.drill(DrillStep::Prove { method: Method::Standby });
        self.wait_s(20);
        self.presses_the_button();
        self.drill(DrillStep::Finish);
        self.mains_returns();
        self.wait_min(4);
        self.expect_mode(Mode::Line);
        self.news();
    }

    /// The process is started anew with another config.
    pub fn starts_with(&mut self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings);
        self.laws.reconfigured(self.settings.clone());
        if self.settings.power.is_none() {
            self.ups = None;
        }
        self.outputs_fall_off();
        self.mono = self.mono.plus_ms(2_000);
        self.rebuild(StoreState::Writable);
        self.start(self.proof);
        self.read_lines();
    }

    // ------------------------------------------------------------ what is expected

    pub fn power(&self) -> &PowerState {
        self.cabinet.books().power.as_ref().expect("there was a power record")
    }

    pub fn outage(&self) -> &Outage {
        self.power().outage.as_ref().expect("an outage is open")
    }

    #[track_caller]
    pub fn expect_mode(&self, mode: Mode) {
        assert_eq!(self.cabinet.power_mode(), mode, "\n{}", self.tail());
    }

    /// Exactly these records of the power policy since the last look, other records apart.
    #[track_caller]
    pub fn expect_power(&mut self, expected: &[&str]) {
        let said: Vec<String> =
            (self.ledger[self.told_until..].iter()).filter(|record| is_of_the_policy(&record.fact)).map(say).collect();
        self.told_until = self.ledger.len();
        assert_eq!(said, expected, "\nthe policy's records since the last look are not as expected");
    }

    /// The last sleep that was ordered.
    #[track_caller]
    pub fn expect_sleep_ordered(&self, method: Method) {
        let ordered = self.slept.last().map(|(_, method)| *method);
        assert_eq!(ordered, Some(method), "\n{}", self.tail());
    }

    /// The figures of every switch so far.
    pub fn switches(&self) -> Vec<(Mode, Mode, SwitchFigures)> {
        let switch = |fact: &Fact| match fact {
            Fact::PowerSwitched { from, to, figures, .. } => Some((*from, *to, *figures)),
            _ => None,
        };
        self.ledger.iter().filter_map(|record| switch(&record.fact)).collect()
    }
}

const fn is_of_the_policy(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::PowerSwitched { .. }
            | Fact::OutageEnded { .. }
            | Fact::OutageTold { .. }
            | Fact::PowerTold { .. }
            | Fact::BatteryReplaced { .. }
            | Fact::BatteryMeasured { .. }
            | Fact::MethodProved { .. }
            | Fact::MethodDisproved { .. }
    )
}
