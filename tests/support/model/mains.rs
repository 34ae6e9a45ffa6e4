//! Mains that fail and return, a UPS that tells of it more or less, a battery that really empties, and a machine that really goes down.
//!
//! Time here is the world's own (`age_ms`): it goes on while the machine is off, when the boot clock does not.

use super::{PEOPLE, World};
use crate::laws::Law;
use cabinetd::cabinet::Event;
use cabinetd::cabinet::event::{Ask, DrillStep, Start, StopReason};
use cabinetd::cabinet::outage::Elapsed;
use cabinetd::cabinet::outcome::{CommandResult, Outcome};
use cabinetd::cabinet::power::energy::UJ_PER_MWH;
use cabinetd::cabinet::power::policy::{Kind, Mode};
use cabinetd::cabinet::power::state::{OutageId, PowerOrder, PowerState, Told};
use cabinetd::cabinet::power::{Method, PowerSettings, UpsFigures, UpsReading, UpsSilence, UpsState};
use cabinetd::cabinet::types::{BootId, ClockQuality, CommandId, Mono, Role};
use std::collections::BTreeSet;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
/// How far apart polls are: on mains or slow, on battery. The UPS pokes when mains changes.
const POLL_MS: (u64, u64) = (5 * MINUTE_MS, 20_000);
/// From the power to the process.
const BOOT_MS: u64 = 20_000;
/// A policy may be behind the world by this much beyond its own times.
const SLACK_MS: u64 = POLL_MS.0 + 10_000;

/// Mains, UPS, battery.
pub(super) struct Supply {
    pub on_mains: bool,
    next_change: u64,
    /// Said beside OL and OB: CAL, RB, FSD, a low battery that is none.
    tokens: BTreeSet<&'static str>,
    foreign_fsd: bool,
    silent_until: u64,
    capacity_mwh: u64,
    used_uj: u64,
    counted_at: u64,
    next_poll: u64,
    pub slow: bool,
    serial: u64,
    goes_off: Option<GoesOff>,
    pub off: Option<Off>,
    // --- for what the policy must know by now
    plain_since: u64,
    core_since: u64,
    touched_at: u64,
    /// The outage that is open, and when it began.
    outage: Option<(OutageId, u64)>,
    /// The UPS tests its battery: since when, until when.
    test: Option<(u64, u64)>,
}

/// The machine was told to go down.
#[derive(Clone, Copy)]
struct GoesOff {
    at: u64,
    off: Off,
}

/// The machine is off.
#[derive(Clone, Copy)]
pub(super) struct Off {
    draw_mw: u64,
    wakes_at: Option<u64>,
    /// It comes up when mains returns.
    with_mains: bool,
}

impl Supply {
    pub fn new(power: &PowerSettings, capacity_pct: u64, first_outage: u64) -> Self {
        Self {
            on_mains: true,
            next_change: first_outage,
            tokens: BTreeSet::new(),
            foreign_fsd: false,
            silent_until: 0,
            capacity_mwh: power.plant.nameplate_mwh * capacity_pct / 100,
            used_uj: 0,
            counted_at: 0,
            next_poll: 0,
            slow: false,
            serial: 1,
            goes_off: None,
            off: None,
            plain_since: 0,
            core_since: 0,
            touched_at: 0,
            outage: None,
            test: None,
        }
    }

    /// Whether the UPS is on battery for its test alone.
    fn tests(&self, now: u64) -> bool {
        self.on_mains && self.test.is_some_and(|(_, until)| now < until)
    }

    fn left_mwh(&self) -> u64 {
        self.capacity_mwh.saturating_sub(self.used_uj / UJ_PER_MWH)
    }

    fn is_flat(&self) -> bool {
        !self.on_mains && self.left_mwh() == 0
    }

    fn is_silent(&self, now: u64) -> bool {
        now < self.silent_until
    }
}

/// What becomes due next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Mains,
    GoesOff,
    Wakes,
    Delivery,
    Tick,
    Poll,
}

/// What the config of a life says of power.
pub(super) fn power_settings(dice: &mut super::Dice, rough: bool) -> PowerSettings {
    let mut power = PowerSettings { loads: vec!["display".into(), "modem".into()], ..PowerSettings::default() };
    power.sleep = Method::ALL[(dice.next() % 3) as usize];
    power.may_order = power.sleep == Method::UpsOff;
    power.clock_wakes = dice.once_in(2);
    power.wakes_on_mains = !power.clock_wakes || dice.once_in(2);
    power.rules.only_if_needed = dice.once_in(4);
    power.weekly_self_test = power.may_order && dice.once_in(2);
    // In a calm life the battery never ends.
    power.plant.nameplate_mwh = if rough { dice.between(30_000, 250_000) } else { 3_000_000 };
    power
}

impl World {
    pub(super) const fn age_ms(&self) -> u64 {
        self.boot_began + self.mono.0
    }

    fn count_battery(&mut self) {
        let now = self.age_ms();
        let plant = &self.settings.power.as_ref().expect("a UPS").plant;
        let supply = &mut self.supply;
        let ms = now - supply.counted_at;
        supply.counted_at = now;
        if supply.on_mains {
            let all_uj = supply.capacity_mwh * UJ_PER_MWH;
            supply.used_uj = supply.used_uj.min(all_uj).saturating_sub(all_uj / (10 * HOUR_MS) * ms);
        } else {
            let draw_mw = match supply.off {
                Some(off) => off.draw_mw,
                None if supply.slow => plant.standby_mw,
                None => plant.normal_mw,
            };
            supply.used_uj += plant.felt_mw(draw_mw) * ms;
        }
    }

    /// Time passes, for the world: whatever is due on the way happens, each at its moment.
    pub(super) fn pass(&mut self, ms: u64) -> Law {
        let until = self.age_ms() + ms;
        self.flush()?;
        loop {
            let up = self.supply.off.is_none();
            let in_this_boot = |mono: Mono| self.boot_began + mono.0;
            let due = [
                (Some(self.supply.next_change), Due::Mains),
                (self.supply.goes_off.map(|goes| goes.at), Due::GoesOff),
                (self.supply.off.and_then(|off| off.wakes_at), Due::Wakes),
                (self.scheduled.keys().next().map(|(at, _)| in_this_boot(*at)).filter(|_| up), Due::Delivery),
                (self.cabinet.next_deadline().map(|(at, _)| in_this_boot(at)).filter(|_| up), Due::Tick),
                (Some(self.supply.next_poll).filter(|_| up), Due::Poll),
            ];
            let next = due.into_iter().filter_map(|(at, what)| at.map(|at| (at, what))).min();
            let Some((at, what)) = next.filter(|(at, _)| *at <= until) else { break };
            self.mono = self.mono.max(Mono(at.saturating_sub(self.boot_began)));
            self.count_battery();
            if up && self.supply.is_flat() {
                self.tally.died += 1;
                self.goes_dark(Off { draw_mw: 0, wakes_at: None, with_mains: true });
                continue;
            }
            match what {
                Due::Mains => self.mains_changes()?,
                Due::GoesOff => self.goes_off()?,
                Due::Wakes => self.boots()?,
                Due::Delivery => {
                    let (_, event) = self.scheduled.pop_first().expect("it was looked at");
                    self.event(event)?;
                }
                Due::Tick => self.event(Event::Tick)?,
                Due::Poll => self.polls()?,
            }
            self.flush()?;
            if self.supply.off.is_none() {
                self.presence_is_seen()?;
                self.policy_is_true()?;
                let open = self.cabinet.books().power.as_ref().and_then(|state| state.outage.as_ref());
                let (id, now) = (open.map(|outage| outage.id), self.age_ms());
                if id != self.supply.outage.map(|(id, _)| id) {
                    self.supply.outage = id.map(|id| (id, now));
                }
            }
        }
        self.mono = self.mono.max(Mono(until - self.boot_began));
        self.count_battery();
        Ok(())
    }

    // ------------------------------------------------------------ mains

    fn mains_changes(&mut self) -> Law {
        let now = self.age_ms();
        let on_mains = !self.supply.on_mains;
        self.supply.on_mains = on_mains;
        self.supply.plain_since = self.supply.silent_until.max(now);
        let lasts = if on_mains {
            // Flaps, and then a day or two.
            if self.dice.once_in(4) {
                self.dice.between(1_000, 20 * MINUTE_MS)
            } else {
                self.dice.between(HOUR_MS, 40 * HOUR_MS)
            }
        } else {
            self.tally.outages += 1;
            match self.dice.between(0, 10) {
                0..=2 => self.dice.between(500, 20_000),
                3 | 4 => self.dice.between(20_000, 4 * MINUTE_MS),
                5..=7 => self.dice.between(4 * MINUTE_MS, 2 * HOUR_MS),
                _ => self.dice.between(2 * HOUR_MS, 16 * HOUR_MS),
            }
        };
        self.supply.next_change = now + lasts;
        if self.supply.off.is_some_and(|off| on_mains && off.with_mains) {
            return self.boots();
        }
        // The UPS has its say at once; now and then that is lost on the way.
        if self.supply.off.is_none() && !self.mishap(10) { self.polls() } else { Ok(()) }
    }

    /// The UPS is asked.
    fn polls(&mut self) -> Law {
        let now = self.age_ms();
        let supply = &mut self.supply;
        let seldom = supply.slow || supply.on_mains && !supply.tests(now);
        supply.next_poll = now + if seldom { POLL_MS.0 } else { POLL_MS.1 };
        let state = if supply.is_silent(now) {
            Err(UpsSilence::Stale)
        } else {
            let pct = (supply.left_mwh() * 100).div_ceil(supply.capacity_mwh) as u8;
            let on_line = supply.on_mains && !supply.tests(now);
            let mut tokens: Vec<&str> = vec![if on_line { "OL" } else { "OB" }];
            tokens.extend(&supply.tokens);
            if pct <= 10 && !supply.on_mains {
                tokens.push("LB");
            }
            let figures = UpsFigures { charge_pct: Some(pct), ..UpsFigures::default() };
            let tokens = tokens.into_iter().map(str::to_owned).collect();
            Ok(UpsState { tokens, figures, serial: Some(format!("serial-{}", supply.serial)), ..UpsState::default() })
        };
        self.event(Event::UpsRead(UpsReading { at: self.mono, state }))
    }

    /// What goes wrong with the UPS.
    pub(super) fn trouble_of_power(&mut self) -> Law {
        let now = self.age_ms();
        match self.dice.between(0, 12) {
            0 | 1 => {
                let most = if self.dice.once_in(3) { 4 * HOUR_MS } else { 3 * MINUTE_MS };
                self.supply.silent_until = now + self.dice.between(5_000, most);
                self.supply.plain_since = self.supply.silent_until;
            }
            2 => self.says("CAL", 2 * MINUTE_MS)?,
            3 => self.says("LB", HOUR_MS)?,
            4 => self.says("RB", HOUR_MS)?,
            5 => self.foreign_fsd()?,
            6 => self.ask(Some(Role::Assistant), Ask::OrderPower(PowerOrder::SleepNow))?,
            7 => {
                let for_minutes = self.dice.between(1, 90) as u32;
                self.ask(Some(Role::Assistant), Ask::OrderPower(PowerOrder::StayAwake { for_minutes }))?;
            }
            8 => {
                let told = match self.dice.between(0, 3) {
                    0 => Told::Storm { is: self.dice.once_in(2) },
                    1 => Told::EndsIn { ms: self.dice.between(HOUR_MS, 60 * HOUR_MS) },
                    _ => Told::NothingStated,
                };
                self.ask(Some(Role::Assistant), Ask::TellOutage(told))?;
            }
            9 => {
                self.count_battery();
                self.supply.used_uj = 0;
                if self.dice.once_in(3) {
                    self.supply.serial += 1;
                } else {
                    self.ask(Some(Role::Manager), Ask::BatteryReplaced)?;
                }
            }
            10 => self.drill()?,
            _ => self.event(Event::ButtonPressed)?,
        }
        Ok(())
    }

    /// The core wants the battery tested, which takes the UPS some seconds.
    pub(super) fn told_to_test(&mut self, id: CommandId) {
        if self.mishap(4) {
            return self.later(50, Event::CommandDone { id, result: CommandResult::Failed("not supported".into()) });
        }
        self.tally.tests += 1;
        let now = self.age_ms();
        self.later(50, Event::CommandDone { id, result: CommandResult::Done });
        self.supply.test = Some((now, now + self.dice.between(8_000, 50_000)));
        self.supply.next_poll = now + 2_000;
    }

    fn says(&mut self, token: &'static str, for_ms: u64) -> Law {
        self.supply.tokens.insert(token);
        self.polls()?;
        let ms = self.dice.between(1_000, for_ms);
        self.pass(ms)?;
        self.supply.tokens.remove(token);
        self.supply.plain_since = self.supply.plain_since.max(self.age_ms());
        Ok(())
    }

    /// Somebody else shuts the system down; now and then it does not come to that.
    fn foreign_fsd(&mut self) -> Law {
        if self.supply.off.is_some() {
            return Ok(());
        }
        self.supply.tokens.insert("FSD");
        self.supply.foreign_fsd = true;
        self.polls()?;
        let ms = self.dice.between(5_000, 25_000);
        self.pass(ms)?;
        if self.dice.once_in(4) {
            self.supply.tokens.remove("FSD");
            self.supply.foreign_fsd = false;
            self.supply.plain_since = self.supply.plain_since.max(self.age_ms());
            return Ok(());
        }
        if self.supply.off.is_none() {
            self.event(Event::Stopping { why: StopReason::SystemShutdown })?;
            self.flush()?;
            let back = self.age_ms() + self.dice.between(MINUTE_MS, 6 * HOUR_MS);
            self.goes_dark(Off { draw_mw: 9_500, wakes_at: Some(back), with_mains: true });
        }
        Ok(())
    }

    // ------------------------------------------------------------ the machine

    /// The core wants to sleep.
    pub(super) fn told_to_sleep(&mut self, id: CommandId, method: Method, wake_after_ms: Option<u64>) {
        self.tally.sleeps += 1;
        let way = if self.life.rough { self.dice.between(0, 12) } else { 12 };
        if method == Method::UpsOff && way > 1 {
            self.supply.tokens.insert("FSD");
        }
        match way {
            0 => return self.later(300, Event::CommandDone { id, result: CommandResult::Failed("refused".into()) }),
            // Nobody does anything; in one of the ways upsd has the order all the same.
            1 | 2 => return,
            _ => self.later(50, Event::CommandDone { id, result: CommandResult::Done }),
        }
        let power = self.settings.power.as_ref().expect("a UPS");
        let at = self.age_ms() + self.dice.between(2_000, 12_000);
        let (draw_mw, with_mains) = match method {
            Method::UpsOff => (0, true),
            Method::Halt | Method::Standby => (power.plant.halted_mw, power.wakes_on_mains),
        };
        let wakes_at = wake_after_ms.map(|ms| at + ms);
        self.supply.goes_off = Some(GoesOff { at, off: Off { draw_mw, wakes_at, with_mains } });
    }

    fn goes_off(&mut self) -> Law {
        let goes = self.supply.goes_off.take().expect("it was looked at");
        if !self.mishap(4) {
            self.event(Event::Stopping { why: StopReason::SystemShutdown })?;
            self.flush()?;
        }
        self.goes_dark(goes.off);
        Ok(())
    }

    /// The process is gone with all that was not committed, and the machine with it.
    fn goes_dark(&mut self, off: Off) {
        self.count_battery();
        self.process_ends();
        self.supply.goes_off = None;
        self.supply.off = Some(off);
    }

    pub(super) fn process_ends(&mut self) {
        self.batch = Outcome::default();
        self.scheduled.clear();
        self.unlocked_until.clear();
        self.supply.slow = false;
        self.laws.outputs_fell_off();
    }

    /// The machine comes up: another boot, and a clock that went on or did not.
    pub(super) fn boots(&mut self) -> Law {
        self.tally.boots += 1;
        self.count_battery();
        self.supply.off = None;
        self.supply.goes_off = None;
        self.supply.tokens.remove("FSD");
        self.supply.foreign_fsd = false;
        let wall = self.now().wall.0;
        let age = self.age_ms();
        self.boot = BootId(self.boot.0 + 1);
        self.mono = Mono(BOOT_MS);
        self.boot_began = age;
        // The clock runs on with the boot clock; while it lay in the dark it may have stood still.
        self.wall_minus_mono = wall;
        self.supply.counted_at = self.age_ms();
        let qualities = [ClockQuality::Synced, ClockQuality::Rtc, ClockQuality::Restored];
        self.quality = if self.life.rough { *self.dice.pick(&qualities).expect("three") } else { ClockQuality::Rtc };
        if !self.quality.is_trusted() {
            self.wall_minus_mono -= self.dice.between(0, 2 * HOUR_MS).cast_signed();
        }
        let first_poll = self.age_ms() + self.dice.between(500, 9_000);
        self.supply.next_poll = first_poll;
        self.starts()
    }

    /// A new process on what is on the disk.
    pub(super) fn starts(&mut self) -> Law {
        self.restore_core()?;
        let start = Start { version: "sim".into(), last_proof: self.proof, missing: None, config_hash: "c0".into() };
        self.event(Event::Started(start))?;
        self.read_lines()
    }

    /// Somebody stands before a dark cabinet and presses the button. Whether it comes up depends on what there is.
    pub(super) fn press_the_button(&mut self) -> Law {
        if self.supply.off.is_none() {
            return Ok(());
        }
        if self.supply.is_flat() {
            return Ok(());
        }
        self.boots()?;
        self.pass(12_000)
    }

    /// The core is another one: what the UPS said is to be heard again.
    pub(super) const fn core_is_new(&mut self) {
        self.supply.core_since = self.age_ms();
    }

    pub(super) const fn touched(&mut self) {
        self.supply.touched_at = self.age_ms();
    }

    /// A drill: plug out, sleep and wake, plug in.
    pub(super) fn drill(&mut self) -> Law {
        if self.supply.off.is_some() || !self.supply.on_mains || self.supply.is_silent(self.age_ms()) {
            return Ok(());
        }
        let method = self.settings.power.as_ref().expect("a UPS").sleep;
        self.tally.drills += 1;
        let before = self.supply.next_change;
        self.polls()?;
        self.ask(Some(Role::Manager), Ask::Drill(DrillStep::Start { deep: false }))?;
        let plug = |world: &mut Self| {
            world.supply.next_change = world.age_ms();
            world.pass(1)?;
            world.supply.next_change = world.age_ms() + 2 * HOUR_MS;
            Ok::<(), String>(())
        };
        plug(self)?;
        self.pass(150_000)?;
        self.ask(Some(Role::Manager), Ask::Drill(DrillStep::Prove { method }))?;
        self.pass(30_000)?;
        self.press_the_button()?;
        self.event(Event::ButtonPressed)?;
        self.pass(5_000)?;
        if method == Method::UpsOff {
            // Mostly it was as it should be.
            let pressed = !self.dice.once_in(10);
            self.ask(Some(Role::Manager), Ask::Drill(DrillStep::Pressed { pressed }))?;
        }
        self.ask(Some(Role::Manager), Ask::Drill(DrillStep::Finish))?;
        plug(self)?;
        self.pass(4 * MINUTE_MS)?;
        self.supply.next_change = before.max(self.age_ms() + MINUTE_MS);
        Ok(())
    }

    // ------------------------------------------------------------ what the policy must know by now

    /// The policy is not behind the world by more than its own times, and what it promises of the battery is there.
    fn policy_is_true(&self) -> Law {
        let (supply, now) = (&self.supply, self.age_ms());
        let mode = self.cabinet.power_mode();
        let calibrates = supply.tokens.contains("CAL");
        let plain_for = now.saturating_sub(supply.plain_since.max(supply.core_since).max(self.boot_began));
        let deep = matches!(mode, Mode::Asleep { method } | Mode::Manual { method: Some(method) } if method.is_deep());
        if supply.on_mains
            && !supply.foreign_fsd
            && !deep
            && plain_for > 15 * MINUTE_MS + SLACK_MS
            && mode != Mode::Line
        {
            return Err(format!(
                "mains has been there for {plain_for} ms without a break, and the policy is in {mode:?}"
            ));
        }
        let tested_by_this_core =
            supply.test.is_some_and(|(since, _)| supply.core_since < since && supply.plain_since < since);
        if supply.tests(now) && tested_by_this_core && mode != Mode::Line {
            return Err(format!("the battery is being tested, and the policy is in {mode:?}"));
        }
        let blind = matches!(mode.kind(), Kind::Line | Kind::Grace | Kind::Restoring);
        if !supply.on_mains && !calibrates && plain_for > 2 * MINUTE_MS + SLACK_MS && blind {
            return Err(format!("mains has been out for {plain_for} ms, and the policy is in {mode:?}"));
        }
        let state = self.cabinet.books().power.as_ref();
        let stays = state.is_some_and(|state: &PowerState| state.stays_awake_ms(self.now().stamp()) > 0);
        let in_mode_ms = state.map_or(0, |state| state.since.elapsed_ms(self.now().stamp()));
        let alone_for = now.saturating_sub(supply.touched_at.max(supply.core_since)).min(in_mode_ms);
        // Whoever seems to be busy counts for ten minutes, and where the battery can afford it, it lingers for the next one.
        let linger_ms = self.settings.power.as_ref().map_or(0, |power| power.rules.linger_ms);
        if mode == Mode::Conserve && !stays && alone_for > linger_ms.max(10 * MINUTE_MS) + MINUTE_MS {
            return Err(format!("nobody has been here for {alone_for} ms, and it does not sleep"));
        }
        if !self.life.rough {
            // Its clock is trusted all the time.
            let open = state.and_then(|state| state.outage.as_ref());
            if let (Some(open), Some((id, began))) = (open, supply.outage)
                && open.id == id
            {
                let Elapsed { least_ms, most_ms } = open.elapsed(self.now().stamp());
                if least_ms != most_ms || least_ms != now - began {
                    return Err(format!("an outage of {} ms is said to last {least_ms} to {most_ms}", now - began));
                }
            }
            let (promised, there) = (self.cabinet.energy_left_mwh().unwrap_or(0), supply.left_mwh());
            if promised > there + supply.capacity_mwh / 50 {
                return Err(format!("{promised} mWh are said to be left, and {there} are"));
            }
        }
        Ok(())
    }

    /// Who of the people comes to the cabinet at all while it is dark.
    pub(super) fn somebody(&mut self) -> cabinetd::cabinet::types::UserId {
        self.dice.pick(&PEOPLE).copied().expect("people").into()
    }
}
