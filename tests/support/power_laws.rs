//! The laws of power: each switch has a row that allows it and figures that bear it out, nobody busy is put to sleep, and the machine goes
//! down only after that is durable.

use super::{Law, Laws};
use crate::words::say;
use cabinetd::cabinet::books::Books;
use cabinetd::cabinet::event::StoreState;
use cabinetd::cabinet::fact::{Alarm, Fact, Record};
use cabinetd::cabinet::outcome::{Action, Outcome};
use cabinetd::cabinet::power::forecast::mwh;
use cabinetd::cabinet::power::policy::{Kind, Method, Mode, Next, Remembered, TABLE, Then, Why};
use cabinetd::cabinet::power::state::{PowerState, SwitchFigures};
use cabinetd::cabinet::power::{PowerSettings, Supply};
use cabinetd::cabinet::types::{Civil, CommandId, Mono, Now};
use cabinetd::cabinet::{Cabinet, Event};
use std::collections::{BTreeMap, BTreeSet};

/// What the laws of power remember.
#[derive(Clone, Default)]
pub struct Power {
    /// Spent in the outage that is open, added up from the records.
    pub(super) spent_mwh: u64,
    /// Sleep commands not performed yet, with the record that they follow from.
    sleeps: BTreeMap<CommandId, u64>,
    /// When somebody last did anything at the cabinet, and whether that was since this core began and since the last switch.
    touched_at: Mono,
    came: bool,
    /// Ticks that brought nothing, since so long ago.
    idle_ticks: (Mono, u32),
    /// Loads that are shed, and whether the pace is slow.
    shed: BTreeSet<u8>,
    slow: bool,
}

/// In a minute, no more ticks may come to nothing.
const IDLE_TICKS: u32 = 60;
/// The longest that anybody counts as busy without a sign.
const BUSY_MOST_MS: u64 = 600_000;
/// The table is asked this often at least while an outage is open: awake, asleep.
const ASK_MS: (u64, u64) = (30_000, 300_000);
/// More switches in one step are a circle.
const SWITCHES: usize = 5;

impl Laws {
    /// Before the record is taken in.
    pub(super) fn power_record(&mut self, record: &Record) -> Law {
        let before = self.fold.power.as_ref();
        match &record.fact {
            Fact::PowerSwitched { from, to, why, figures } => {
                // Folding what was recorded while there was a UPS.
                let Some(power) = &self.settings.power else { return Ok(()) };
                let mode = before.map_or(Mode::Line, |state| state.mode);
                law!(*from == mode, "record {}: it was {mode:?}, not {from:?}", record.seq);
                let allowed = TABLE
                    .iter()
                    .any(|row| row.why == *why && row.from.contains(&from.kind()) && leads(row.next, *from, *to));
                law!(allowed, "record {}: no row leads from {from:?} to {to:?} because of {why:?}", record.seq);
                figures_add_up(record, before, *from, figures)?;
                bears_out(power, &self.fold, record, *from, *to, *why, figures)
                    .map_err(|broken| format!("record {} ({}): {broken}; {figures:?}", record.seq, say(record)))?;
                let supply = self.fold.supply.as_ref().map_or(Supply::Unknown, |state| state.supply);
                method_is_usable(power, before, supply, *from, *to, *why)
                    .map_err(|broken| format!("record {} ({}): {broken}", record.seq, say(record)))?;
                self.power.spent_mwh = figures.spent_mwh + if *from == Mode::Line { 0 } else { self.power.spent_mwh };
            }
            Fact::EnergyBooked { spent_mwh, drained_mwh, .. } => {
                let drained_before = before.map_or(0, |state| state.drained_mwh);
                law!(
                    *drained_mwh == drained_before + spent_mwh,
                    "record {}: {drained_before} and {spent_mwh} spent do not make {drained_mwh} drained",
                    record.seq
                );
                self.power.spent_mwh += spent_mwh;
            }
            Fact::OutageEnded { outage, least_ms, most_ms, flaps, sessions, sleeps, spent_mwh, drill } => {
                let open = before.and_then(|state| state.outage.as_ref());
                let Some(open) = open else {
                    return Err(format!("record {}: an outage ended, and none was open", record.seq));
                };
                law!(
                    before.is_some_and(|state| state.mode == Mode::Line),
                    "record {}: it ended off the line",
                    record.seq
                );
                // One that began in a drill may have become real.
                law!(open.drill || !drill, "record {}: a real outage became a drill's", record.seq);
                let is = (open.id, open.flaps, open.sessions, open.sleeps, open.spent_mwh);
                let said = (*outage, *flaps, *sessions, *sleeps, *spent_mwh);
                law!(is == said, "record {}: the outage was {is:?}, not {said:?}", record.seq);
                law!(least_ms <= most_ms, "record {}: at least {least_ms}, at most {most_ms}", record.seq);
                let sum = self.power.spent_mwh;
                law!(sum == *spent_mwh, "record {}: its records add up to {sum} mWh, not {spent_mwh}", record.seq);
            }
            _ => {}
        }
        Ok(())
    }

    /// After a step, whose records are taken in.
    pub(super) fn power_step(&mut self, cabinet: &Cabinet, now: Now, event: &Event, out: &Outcome) -> Law {
        if touches(event) {
            self.power.touched_at = now.mono;
            self.power.came |= !matches!(event, Event::LinesRead(_));
        }
        self.power.came |= out.records.iter().any(|record| shows_somebody(&record.fact));
        self.ticks_bring_something(now, event, out)?;
        let Some(power) = &self.settings.power else {
            let switch = out.records.iter().find(|record| matches!(record.fact, Fact::PowerSwitched { .. }));
            law!(switch.is_none(), "a switch without a UPS: {switch:?}");
            return Ok(());
        };
        let mut switches: Vec<(Mode, Mode)> = Vec::new();
        for record in &out.records {
            let Fact::PowerSwitched { from, to, why, .. } = &record.fact else { continue };
            let woken = matches!(why, Why::SomeoneCame | Why::SomeoneInTime | Why::SomeoneAtTheLast);
            law!(!woken || self.power.came, "record {}: nobody has come", record.seq);
            self.power.came = false;
            switches.push((*from, *to));
        }
        law!(switches.len() <= SWITCHES, "{event:?} made {} switches in one step: {switches:?}", switches.len());
        let mode = cabinet.power_mode();
        let state = self.fold.power.as_ref();
        let open = state.is_some_and(|state| state.outage.is_some());
        law!(open == (mode != Mode::Line), "in {mode:?} an outage is {}", if open { "open" } else { "not open" });
        let told = self.fold.alarms.values().any(|open| open.alarm == Alarm::CabinetKeyOnly);
        let key_only = matches!(mode, Mode::Manual { .. } | Mode::FallingAsleep { then: Then::Manual, .. });
        law!(
            told == key_only,
            "in {mode:?} the alarm for the cabinet key is {}",
            if told { "open" } else { "not open" }
        );
        // How much a full battery holds is found out in the discharge itself; none holds more than this.
        if let Some(left) = cabinet.energy_left_mwh() {
            let most = power.plant.nameplate_mwh * 13 / 10;
            law!(left <= most, "{left} mWh are left of {most} at most");
        }
        let put_to_sleep = switches.iter().any(|(from, to)| {
            let on_the_way = matches!(from, Mode::FallingAsleep { .. } | Mode::Asleep { .. } | Mode::Manual { .. });
            !on_the_way && matches!(to, Mode::FallingAsleep { then: Then::Asleep, .. })
                || matches!(from, Mode::FallingAsleep { then: Then::Asleep, .. }) && matches!(to, Mode::Asleep { .. })
        });
        // Somebody else's shutdown and an empty battery wait for nobody, but for these nobody is put to sleep either.
        if put_to_sleep {
            self.nobody_is_busy(cabinet, now)?;
        }
        if let Mode::Asleep { method: Method::Halt | Method::UpsOff } | Mode::Manual { method: Some(_) } = mode
            && let Some(session) = &self.fold.session
        {
            return Err(format!("the machine goes down in the middle of session {}", session.id));
        }
        if mode != Mode::Line {
            let most_ms = if mode.is_low_power() { ASK_MS.1 } else { ASK_MS.0 };
            let due = cabinet.next_deadline().map(|(due, _)| due.since_ms(now.mono));
            law!(due.is_some_and(|due_ms| due_ms <= most_ms), "in {mode:?} the next look is in {due:?} ms");
        }
        self.sleeps_follow_from_records(out)
    }

    /// Within the bounds that a propped door has.
    fn nobody_is_busy(&self, cabinet: &Cabinet, now: Now) -> Law {
        let propped =
            self.fold.alarms.values().any(|open| matches!(open.alarm, Alarm::DoorLeftOpen { level: 2.., .. }));
        let gone = now.mono.since_ms(self.power.touched_at) >= BUSY_MOST_MS;
        // On a full disk a door's alarm keeps its level.
        let unsaid =
            cabinet.store_state() == StoreState::Reserve && now.mono.since_ms(self.power.touched_at) >= 180_000;
        law!(
            !cabinet.is_busy() || propped || gone || unsaid,
            "put to sleep while somebody is busy (session {:?})",
            self.fold.session.as_ref().map(|session| session.id)
        );
        Ok(())
    }

    fn sleeps_follow_from_records(&mut self, out: &Outcome) -> Law {
        for command in &out.commands {
            let Action::Sleep { method, .. } = &command.action else { continue };
            law!(method.is_deep(), "standby is nothing to order");
            let follows = |fact: &Fact| matches!(fact, Fact::PowerSwitched { to: Mode::Asleep { method: of } | Mode::Manual { method: Some(of) }, .. } if of == method);
            let record = out.records.iter().rev().find(|record| follows(&record.fact));
            let Some(record) = record else {
                return Err(format!("sleep by {} is ordered without its record", method.word()));
            };
            self.power.sleeps.insert(command.id, record.seq);
        }
        Ok(())
    }

    /// A command is performed.
    pub(super) fn power_performed(&mut self, id: CommandId, action: &Action) -> Law {
        match action {
            Action::Sleep { method, .. } => {
                let Some(record) = self.power.sleeps.remove(&id) else {
                    return Err(format!("sleep command {id} is of a core that is gone"));
                };
                let durable = record <= self.committed_seq;
                law!(durable, "the machine goes down by {} before that (record {record}) is durable", method.word());
            }
            Action::SwitchLoad { load, on: false } => drop(self.power.shed.insert(*load)),
            Action::SwitchLoad { load, on: true } => drop(self.power.shed.remove(load)),
            Action::Pace { slow } => self.power.slow = *slow,
            _ => {}
        }
        Ok(())
    }

    /// Every command of the core so far is performed: whoever may be served finds all loads on.
    pub fn all_performed(&self, cabinet: &Cabinet) -> Law {
        let (mode, power) = (cabinet.power_mode(), &self.power);
        let serves = matches!(mode.kind(), Kind::Grace | Kind::Normal | Kind::Conserve | Kind::Restoring);
        law!(!serves || power.shed.is_empty() && !power.slow, "in {mode:?} loads are shed: {:?}", power.shed);
        Ok(())
    }

    /// The outputs are off, since the process is new: nothing is shed.
    pub fn outputs_fell_off(&mut self) {
        self.power.shed.clear();
        self.power.slow = false;
    }

    /// The core is another one: its commands are gone, the ledger is folded anew; who was here is not known.
    pub(super) fn power_restored(&self, now: Mono) -> Power {
        Power { touched_at: now, shed: self.power.shed.clone(), slow: self.power.slow, ..Power::default() }
    }

    /// Time passes between ticks, and what is waited for comes.
    fn ticks_bring_something(&mut self, now: Now, event: &Event, out: &Outcome) -> Law {
        if !matches!(event, Event::Tick) || out.is_durable() || !out.commands.is_empty() {
            return Ok(());
        }
        let (since, count) = &mut self.power.idle_ticks;
        if now.mono.since_ms(*since) >= 60_000 || now.mono < *since {
            (*since, *count) = (now.mono, 0);
        }
        *count += 1;
        law!(*count <= IDLE_TICKS, "{count} ticks within a minute came to nothing");
        Ok(())
    }
}

/// Whether a row's end is this mode.
fn leads(next: Next, from: Mode, to: Mode) -> bool {
    match next {
        Next::Line => to == Mode::Line,
        Next::Grace => to == Mode::Grace,
        Next::Normal => to == Mode::Normal,
        Next::Conserve => to == Mode::Conserve,
        Next::FallAsleep(wanted) => matches!(to, Mode::FallingAsleep { then, .. } if then == wanted),
        Next::FallLighter => match (from, to) {
            (Mode::Asleep { method: failed }, Mode::FallingAsleep { method, then: Then::Asleep })
            | (Mode::Manual { method: Some(failed) }, Mode::FallingAsleep { method, then: Then::Manual }) => {
                method < failed
            }
            _ => false,
        },
        Next::Sleep => match (from, to) {
            (Mode::FallingAsleep { method, then: Then::Asleep }, Mode::Asleep { method: of }) => method == of,
            (Mode::FallingAsleep { then: Then::Manual, .. }, Mode::Manual { method: None }) => true,
            (Mode::FallingAsleep { method, then: Then::Manual }, Mode::Manual { method: Some(of) }) => {
                method == of && method.is_deep()
            }
            _ => false,
        },
        Next::Restoring => {
            let remembered = match from {
                Mode::Normal => Remembered::Normal,
                Mode::Restoring { remembered } => remembered,
                _ => Remembered::Conserve,
            };
            to == Mode::Restoring { remembered }
        }
        Next::Remembered => match from {
            Mode::Restoring { remembered: Remembered::Normal } => to == Mode::Normal,
            Mode::Restoring { remembered: Remembered::Conserve } => to == Mode::Conserve,
            _ => false,
        },
    }
}

/// What is spent on battery is what was drained more; on mains nothing is spent, and the battery only fills.
fn figures_add_up(record: &Record, before: Option<&PowerState>, from: Mode, figures: &SwitchFigures) -> Law {
    let (seq, stamp) = (record.seq, record.stamp);
    let drained_before = before.map_or(0, |state| state.drained_mwh);
    let SwitchFigures { drained_mwh, spent_mwh, .. } = *figures;
    if from.is_on_battery() {
        law!(
            drained_mwh == drained_before + spent_mwh,
            "record {seq}: {drained_before} and {spent_mwh} spent do not make {drained_mwh} drained"
        );
    } else {
        law!(spent_mwh == 0, "record {seq}: {spent_mwh} mWh are spent on mains");
        law!(
            drained_mwh <= drained_before,
            "record {seq}: on mains the drain grew from {drained_before} to {drained_mwh}"
        );
    }
    law!(figures.energy_mwh <= figures.full_mwh, "record {seq}: more is left than a full battery holds: {figures:?}");
    let by_drain = figures.full_mwh.saturating_sub(drained_mwh);
    law!(figures.energy_mwh <= by_drain, "record {seq}: more is left than was not drained: {figures:?}");
    let elapsed = before.and_then(|state| state.outage.as_ref()).map(|outage| outage.elapsed(stamp));
    law!(
        figures.elapsed == elapsed.unwrap_or_default(),
        "record {seq}: the outage has lasted {elapsed:?}, not {:?}",
        figures.elapsed
    );
    let lasted_ms = before.map_or(0, |state| state.since.elapsed_ms(stamp));
    law!(figures.lasted_ms == lasted_ms, "record {seq}: {from:?} lasted {lasted_ms} ms, not {}", figures.lasted_ms);
    Ok(())
}

/// The figures are such that the row may apply.
fn bears_out(
    power: &PowerSettings,
    fold: &Books,
    record: &Record,
    from: Mode,
    to: Mode,
    why: Why,
    figures: &SwitchFigures,
) -> Law {
    let (rules, plant) = (&power.rules, &power.plant);
    let felt_mw = plant.felt_mw(plant.normal_mw);
    let supply = fold.supply.as_ref().map_or(Supply::Unknown, |state| state.supply);
    let supply_ms = fold.supply.as_ref().map_or(0, |state| state.since.elapsed_ms(record.stamp));
    let on_battery = matches!(supply, Supply::OnBattery | Supply::LowBattery);
    let outage = fold.power.as_ref().and_then(|state| state.outage.as_ref());
    // The look ahead may be some seconds old, and knows the minute of the day only.
    let minutes = record.stamp.wall.0.div_euclid(60_000);
    let civil = |ago: i64| Civil { day: 0, minute: (minutes - ago).rem_euclid(1_440) as u16 };
    let demand = power.demand.at(record.stamp.clock.is_trusted().then(|| civil(0)));
    let until_next_ms = |ago| demand.until_ms(civil(ago), 1_000) * rules.budget_ahead_pct / 100;
    let ahead_ms = until_next_ms(0).max(until_next_ms(1)).max(rules.budget_ahead_ms);
    let tight = figures.energy_mwh.saturating_sub(mwh(felt_mw, ahead_ms)) < figures.need_mwh;
    let corroborated =
        figures.charge_pct.is_some_and(|pct| pct <= 20) || figures.energy_mwh * 100 < figures.full_mwh * 35;
    let normal_ms = outage.map_or(0, |outage| outage.normal_ms) + figures.lasted_ms;
    let holds = match why {
        Why::MainsLost | Why::MainsLostAgain => on_battery,
        Why::MainsBack | Why::StartedOnLine => supply == Supply::OnLine,
        Why::Flicker => supply == Supply::OnLine && supply_ms >= rules.flicker_ms,
        Why::GraceOver => figures.lasted_ms >= rules.grace_ms,
        Why::GraceOverTight => figures.lasted_ms >= rules.grace_ms && tight,
        Why::LowAtOnce => supply == Supply::LowBattery && corroborated,
        Why::LowAtOnceTight => supply == Supply::LowBattery && corroborated && tight,
        Why::LowAndLast => corroborated,
        Why::Budget => tight,
        Why::TooLong => figures.total_ms > rules.always_after_ms && normal_ms >= rules.normal_first_ms,
        Why::LongAndUncovered => {
            figures.total_ms > rules.uncovered_after_ms
                && figures.energy_mwh < mwh(felt_mw, figures.r80_ms)
                && normal_ms >= rules.normal_first_ms
        }
        Why::Empty => figures.energy_mwh <= rules.clock_reserve_mwh + mwh(felt_mw, plant.shutdown_ms),
        Why::ShortAndAmple => {
            let left = figures.energy_mwh.saturating_sub(mwh(felt_mw, rules.return_ahead_ms));
            let conserve_ms =
                outage.and_then(|outage| outage.conserving).map_or(0, |conserving| conserving.elapsed_ms(record.stamp));
            on_battery
                && figures.total_ms < rules.uncovered_after_ms
                && left * 100 >= figures.need_mwh * rules.return_margin_pct
                && conserve_ms >= rules.conserve_first_ms
        }
        Why::Idle => {
            let low = supply == Supply::LowBattery || figures.elapsed.longer_ms() >= rules.late_after_ms;
            let limit_ms = if low { rules.idle_late_ms } else { rules.idle_ms };
            // LB may be remembered over a silence.
            let limit_ms = if matches!(supply, Supply::Unreachable(_)) { rules.idle_late_ms } else { limit_ms };
            // Whoever has had a visit is done, where seconds are dear.
            let dear = power.sleep.is_deep() && figures.energy_mwh < figures.need_mwh;
            let limit_ms = if dear { limit_ms.min(rules.idle_tight_ms) } else { limit_ms };
            figures.idle_ms.min(figures.lasted_ms) >= limit_ms
        }
        Why::ToldToSleep => fold.power.as_ref().is_some_and(PowerState::told_to_sleep),
        Why::MainsForGood => {
            let flapped = outage.is_some_and(|outage| outage.flaps > 0);
            let settle_ms = if flapped { rules.settle_flapped_ms } else { rules.settle_ms };
            supply == Supply::OnLine && supply_ms >= settle_ms
        }
        Why::WokenByClock => from == Mode::Asleep { method: Method::Halt } && power.clock_wakes,
        Why::Ready => {
            // Whoever was in the middle of it had the time that was theirs.
            let cut_off = matches!(to, Mode::Manual { .. }) && fold.session.is_some();
            let propped = fold.alarms.values().any(|open| matches!(open.alarm, Alarm::DoorLeftOpen { level: 2.., .. }));
            !cut_off || propped || figures.lasted_ms >= rules.finish_fsd_ms || figures.idle_ms >= BUSY_MOST_MS
        }
        Why::SomeoneInTime | Why::SomeoneCame => figures.idle_ms <= figures.lasted_ms,
        Why::SomeoneAtTheLast => {
            figures.energy_mwh > rules.clock_reserve_mwh && figures.idle_ms <= figures.lasted_ms.min(60_000)
        }
        // Deeper than standby, and the UPS is heard.
        Why::Deeper => {
            on_battery
                && from == (Mode::Asleep { method: Method::Standby })
                && matches!(to, Mode::FallingAsleep { method, then: Then::Asleep } if method.is_deep())
        }
        Why::ManualNoMore => figures.energy_mwh > rules.clock_reserve_mwh,
        Why::LowThrice | Why::Silent | Why::ShutDownByOthers | Why::MethodFailed | Why::StartedOnBattery => true,
    };
    law!(holds, "its figures do not bear it out (supply {supply:?})");
    Ok(())
}

/// A deep method only if a drill has proved it on this battery, it has not failed in this outage, and the site is made for it; or if a drill
/// is about to prove it.
fn method_is_usable(
    power: &PowerSettings,
    before: Option<&PowerState>,
    supply: Supply,
    from: Mode,
    to: Mode,
    why: Why,
) -> Law {
    let Mode::FallingAsleep { method, .. } = to else { return Ok(()) };
    if !method.is_deep() {
        return Ok(());
    }
    let prepared = match method {
        Method::Halt => power.clock_wakes || power.wakes_on_mains,
        Method::UpsOff => power.may_order,
        Method::Standby => true,
    };
    let proving = before.and_then(|state| state.drill.as_ref()).and_then(|drill| drill.proving);
    let proved = before.is_some_and(|state| state.proof(method).is_some()) && method <= power.sleep;
    let failed_before = before.and_then(|state| state.outage.as_ref()).is_some_and(|o| o.failed.contains(&method));
    let fails_now = why == Why::MethodFailed
        && matches!(from, Mode::Asleep { method: of } | Mode::Manual { method: Some(of) } if of == method);
    law!(
        matches!(supply, Supply::OnBattery | Supply::LowBattery),
        "sleep by {} while the UPS is not heard to be on battery",
        method.word()
    );
    law!(
        prepared && !failed_before && !fails_now && proving.map_or(proved, |(of, _)| of == method),
        "sleep by {} is not to be used",
        method.word()
    );
    Ok(())
}

/// Whether a record shows that somebody moved something, though its line was read late.
const fn shows_somebody(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::DoorOpened { .. }
            | Fact::DoorClosed { .. }
            | Fact::Taken { .. }
            | Fact::Returned { .. }
            | Fact::FoundChanged { .. }
    )
}

/// Whether somebody did something at the cabinet.
const fn touches(event: &Event) -> bool {
    match event {
        Event::CodeRead(_)
        | Event::LoginTyped(_)
        | Event::PinTyped(_)
        | Event::DigitsTyped(_)
        | Event::PadTouched
        | Event::CancelPressed
        | Event::ButtonPressed
        | Event::LineChanged { .. }
        | Event::LinesRead(_)
        | Event::Requested(_) => true,
        Event::Started(_)
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
    }
}
