//! The drill: some minutes on battery, on purpose, with somebody there.
//!
//! It sees that reader, lock, door and sensors live on battery, measures the load (a deep one the battery too), and proves how the
//! cabinet sleeps and wakes. What it finds are records; `cabinetd drill` guides the person.
//!
//! ```text
//!   started ─▶ plug pulled ─▶ a visit, the load ─▶ each sleep: proving ─▶ proved, or failed ─▶ plug back ─▶ over
//! ```
//!
//! **Promises.** What counts as seen the cabinet saw itself, while on battery; only the network and the stop-watch are the command's
//! word. A deep sleep is proved by a start on battery that its own clock did not cause, and `ups-off` by the
//! word of whoever pressed. A drill ends by itself: when somebody needs the
//! cabinet once a sleep is being proved, when the battery gets low, when nobody goes on with it, when mains is back for good. Whatever
//! ends it, the outage goes on under the policy like any other; one that goes on long after it is a real one, by a record.
//! **Does not** pull plugs, and knows no way to: whether mains is there is the UPS's to say.

use super::policy::{Mains, Method, Mode, Why};
use super::reading::{Supply, UpsFigures};
use super::state::{Drill, DrillEnd, Outage, PowerState, Sight};
use crate::cabinet::event::DrillStep;
use crate::cabinet::fact::Fact;
use crate::cabinet::outcome::{Action, CommandResult, Denial};
use crate::cabinet::types::{Mono, Now, Origin, UserId};
use crate::cabinet::{Cabinet, Purpose, Turn};

const MINUTE_MS: u64 = 60_000;
/// The plug is pulled within this, or there is no drill.
const PLUG_MS: u64 = 15 * MINUTE_MS;
/// A drill is over after this, whatever it was doing; a deep one runs the battery down.
const DRILL_MS: u64 = 120 * MINUTE_MS;
const DEEP_DRILL_MS: u64 = 24 * 60 * MINUTE_MS;
/// It begins with at least this charge; a deep one with a full battery, or nothing can be reckoned from it.
const FROM_PCT: u8 = 90;
const DEEP_FROM_PCT: u8 = 95;
/// It ends below this charge: what is left is for an outage that comes at the wrong moment.
const LEAST_PCT: u8 = 40;
/// A deep one has measured at this charge, and ends below the other one. Lower would cost a lead-acid battery its life.
const DEEP_TO_PCT: u8 = 25;
const DEEP_LEAST_PCT: u8 = 15;
/// … or when the UPS has called its battery low so often.
const LOW_POLLS: u32 = 3;
/// So many readings on battery make a mean.
const LOAD_READINGS: u32 = 3;

/// The volatile half: what a restart may forget.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Watching {
    /// The load on battery so far: sums and counts of mW and of percent.
    load: (u64, u32),
    share: (u64, u32),
    /// A start out of the sleep that is being proved: the method, and from the kernel's start to ready. The UPS's first word decides
    /// what it proves.
    woke: Option<(Method, u64)>,
}

impl Cabinet {
    pub(in crate::cabinet) fn drill_step(&mut self, turn: &mut Turn, step: DrillStep) -> Result<String, Denial> {
        match step {
            DrillStep::Start { deep } => self.start_drill(turn, deep),
            DrillStep::Prove { method } => self.prove_method(turn, method),
            DrillStep::NetworkAnswered { after_ms } => {
                self.drill().ok_or(Denial::NoDrill)?;
                if !self.power_mode().is_on_battery() {
                    return Err(Denial::NotOnBattery);
                }
                self.drill_sees(turn, Sight::Network, after_ms);
                Ok("noted: the network lives on battery".into())
            }
            DrillStep::Timed { method, ready_ms } => self.time_method(turn, method, ready_ms),
            DrillStep::Pressed { pressed } => self.confirm_press(turn, pressed),
            DrillStep::Finish => self.end_drill(turn, DrillEnd::Finished),
            DrillStep::Abort => self.end_drill(turn, DrillEnd::Aborted),
        }
    }

    fn drill(&self) -> Option<&Drill> {
        self.books.power.as_ref()?.drill.as_ref()
    }

    fn start_drill(&mut self, turn: &mut Turn, deep: bool) -> Result<String, Denial> {
        if self.settings.power.is_none() {
            return Err(Denial::NoUps);
        }
        if self.drill().is_some() {
            return Err(Denial::DrillUnderWay);
        }
        if self.counts_as_busy(turn.mono()).0 {
            return Err(Denial::Busy);
        }
        if self.power_mode() != Mode::Line {
            return Err(Denial::OutageOpen);
        }
        if !matches!(self.power.mains(turn.mono()), Mains::On { .. }) {
            return Err(Denial::UpsSilent);
        }
        let needed_pct = if deep { DEEP_FROM_PCT } else { FROM_PCT };
        match self.power.heard.figures.charge_pct {
            Some(charge_pct) if charge_pct < needed_pct => {
                return Err(Denial::BatteryNotFull { charge_pct, needed_pct });
            }
            None if deep => {
                return Err(Denial::NotPrepared {
                    what: "a UPS that tells its battery's charge (battery.charge)".into(),
                });
            }
            Some(_) | None => {}
        }
        self.record(turn, Fact::DrillStarted { deep });
        self.power.watching = Watching::default();
        Ok("the drill has begun: pull the UPS's plug out of the wall".into())
    }

    /// Puts the cabinet to sleep in a way, to prove it.
    fn prove_method(&mut self, turn: &mut Turn, method: Method) -> Result<String, Denial> {
        let Some(power) = self.power_settings() else { return Err(Denial::NoUps) };
        if method == Method::UpsOff && !power.may_order {
            return Err(Denial::NotPrepared { what: "a user that may order upsd to shut down ([ups] user)".into() });
        }
        if method == Method::Halt && !(power.clock_wakes || power.wakes_on_mains) {
            return Err(Denial::NotPrepared {
                what:
                    "a clock that wakes the machine ([power] rtc), or a drilled wake on mains ([power] wakes_on_mains)"
                        .into(),
            });
        }
        if self.drill().is_none() {
            return Err(Denial::NoDrill);
        }
        match self.power_mode() {
            Mode::Normal | Mode::Conserve => {}
            Mode::Line => return Err(Denial::NotOnBattery),
            Mode::Grace
            | Mode::Restoring { .. }
            | Mode::FallingAsleep { .. }
            | Mode::Asleep { .. }
            | Mode::Manual { .. } => {
                return Err(Denial::NotServingOnBattery);
            }
        }
        if self.counts_as_busy(turn.mono()).0 {
            return Err(Denial::Busy);
        }
        let outage = self.books.power.as_ref().and_then(|state| state.outage.as_ref());
        if outage.is_some_and(|outage| outage.failed.contains(&method)) {
            return Err(Denial::NotPrepared {
                what:
                    "another drill: this way of sleeping failed in this one; see why, put the plug back, and begin anew"
                        .into(),
            });
        }
        self.record_load(turn);
        self.record(turn, Fact::DrillProving { method });
        Ok(match method {
            Method::Standby => "the cabinet goes to standby: press its button, or hold a badge to the reader".into(),
            Method::Halt => "the machine halts: wait until it is dark, then press its button".into(),
            Method::UpsOff => "the UPS switches itself off: wait until all is dark, then press the UPS's button".into(),
        })
    }

    /// A person timed a wake that this drill proved.
    fn time_method(&mut self, turn: &mut Turn, method: Method, ready_ms: u64) -> Result<String, Denial> {
        let drill = self.drill().ok_or(Denial::NoDrill)?;
        let proof = drill.proved.iter().find(|proof| proof.method == method);
        if proof.is_none_or(|proof| proof.ready_ms > ready_ms) {
            return Err(Denial::StopwatchWrong);
        }
        self.record(turn, Fact::MethodProved { method, ready_ms, by_stopwatch: true });
        Ok(format!("noted: out of {} it is ready {} s after the press", method.word(), ready_ms / 1_000))
    }

    /// Whether all was dark until a person pressed the UPS's button.
    fn confirm_press(&mut self, turn: &mut Turn, pressed: bool) -> Result<String, Denial> {
        let drill = self.drill().ok_or(Denial::NoDrill)?;
        let Some(ready_ms) = drill.unconfirmed_ms() else {
            return Err(Denial::NotPrepared { what: "a wake out of ups-off that nobody spoke of yet".into() });
        };
        let method = Method::UpsOff;
        if pressed {
            self.record(turn, Fact::MethodProved { method, ready_ms, by_stopwatch: false });
            return Ok("noted: ups-off is proved".into());
        }
        self.record(turn, Fact::MethodDisproved { method });
        Ok("noted: ups-off is not used; does the UPS obey `upsdrvctl shutdown`, and is POWEROFF_WAIT long enough?"
            .into())
    }

    fn end_drill(&mut self, turn: &mut Turn, how: DrillEnd) -> Result<String, Denial> {
        let Some(drill) = self.drill() else { return Err(Denial::NoDrill) };
        let (id, lasted_ms) = (drill.id, drill.lasted_ms(turn.now.stamp()));
        self.record_load(turn);
        self.record(turn, Fact::DrillEnded { drill: id, how, lasted_ms });
        // A sleep that was only to be proved does not come any more.
        let mode = self.power_mode();
        if matches!(mode, Mode::FallingAsleep { .. } | Mode::Asleep { method: Method::Standby }) {
            self.somebody_is_here(turn);
        }
        if let Mode::Asleep { method: Method::UpsOff } = mode {
            return Ok(
                "the drill is over, but the UPS still switches itself off: put the plug back, and press its button"
                    .into(),
            );
        }
        let plug = matches!(self.power_mode(), Mode::Line | Mode::Restoring { .. });
        Ok(match (how, plug) {
            (DrillEnd::Finished, true) => "the drill is finished and recorded".into(),
            (DrillEnd::Finished, false) => "the drill is finished and recorded; put the plug back".into(),
            (_, true) => "the drill is over".into(),
            (_, false) => "the drill is over; put the plug back".into(),
        })
    }

    // ------------------------------------------------------------ what it sees

    fn drill_sees(&mut self, turn: &mut Turn, what: Sight, figure: u64) {
        if self.drill().is_some_and(|drill| !drill.saw(what)) {
            self.record(turn, Fact::DrillSaw { what, figure });
        }
    }

    fn drill_sees_on_battery(&mut self, turn: &mut Turn, what: Sight) {
        if self.power_mode().is_on_battery() {
            self.drill_sees(turn, what, 0);
        }
    }

    /// The lock's relay was driven and answered.
    pub(in crate::cabinet) fn drill_sees_lock(&mut self, turn: &mut Turn) {
        self.drill_sees_on_battery(turn, Sight::Lock);
    }

    /// What this step brought to light. `read`: the reader or the pad said something.
    pub(in crate::cabinet) fn drill_watches(&mut self, turn: &mut Turn, read: bool) {
        if self.drill().is_none() {
            return;
        }
        let by = std::mem::replace(&mut turn.by, Origin::cabinet());
        if read {
            self.drill_sees_on_battery(turn, Sight::Reader);
        }
        let mut came: Option<UserId> = None;
        let (mut door, mut sensor) = (false, false);
        for record in &turn.out.records {
            match &record.fact {
                Fact::DoorOpened { .. } | Fact::DoorClosed { .. } => door = true,
                Fact::Taken { .. } | Fact::Returned { .. } => sensor = true,
                Fact::SessionStarted { user, .. } => came = Some(user.clone()),
                _ => {}
            }
        }
        if door {
            self.drill_sees_on_battery(turn, Sight::Door);
        }
        if sensor {
            self.drill_sees_on_battery(turn, Sight::Sensor);
        }
        // The visit of the drill comes before the sleeps. Once they are proved, whoever else comes needs the cabinet.
        let needed = came.is_some() && self.drill().is_some_and(|drill| drill.has_slept() && drill.visitor != came);
        if needed {
            let _ = self.end_drill(turn, DrillEnd::NeededElsewhere);
        }
        turn.by = by;
    }

    pub(super) fn drill_heard(&mut self, turn: &mut Turn, supply: Supply, figures: &UpsFigures) {
        let Some(drill) = self.drill() else { return };
        let was_on_battery = drill.saw(Sight::OnBattery);
        let awake = drill.proving.is_none() && !self.power_mode().is_low_power();
        match supply {
            Supply::OnBattery | Supply::LowBattery => {
                self.drill_sees(turn, Sight::OnBattery, 0);
                if awake {
                    self.power.watching.hear(figures);
                }
            }
            Supply::OnLine if was_on_battery => {
                self.record_load(turn);
                self.drill_sees(turn, Sight::MainsBack, 0);
            }
            Supply::OnLine | Supply::Unknown | Supply::Unreachable(_) => {}
        }
    }

    /// The mean of the load on battery, once: before the first sleep, or when mains is back.
    fn record_load(&mut self, turn: &mut Turn) {
        let mean = |(sum, count): (u64, u32)| (count >= LOAD_READINGS).then(|| sum / u64::from(count));
        let (load, share) = (mean(self.power.watching.load), mean(self.power.watching.share));
        let by = std::mem::replace(&mut turn.by, Origin::cabinet());
        if let Some(mw) = load {
            self.drill_sees(turn, Sight::Load, mw);
        } else if let Some(pct) = share {
            self.drill_sees(turn, Sight::LoadShare, pct);
        }
        turn.by = by;
    }

    // ------------------------------------------------------------ sleeping and waking

    /// Whether the drill keeps the cabinet awake: while it measures, and until the next sleep is to be proved.
    pub(super) fn drill_keeps_awake(&self) -> bool {
        self.drill().is_some_and(|drill| drill.proving.is_none() && (!drill.deep || drill.measured_mwh.is_none()))
    }

    /// Whether a deep drill is finding out what the battery holds.
    pub(super) fn drill_measures(&self) -> bool {
        let measures = |drill: &Drill| drill.deep && drill.measured_mwh.is_none();
        self.power_mode().is_on_battery() && self.drill().is_some_and(measures)
    }

    /// The machine came up, perhaps out of the sleep that was to be proved.
    pub(super) fn drill_starts(&mut self, turn: &Turn, state: &PowerState) {
        let Some((method, _)) = state.drill.as_ref().and_then(|drill| drill.proving) else { return };
        let slept = matches!(state.mode, Mode::Asleep { method: of } if of == method);
        if slept && method.is_deep() {
            // The boot clock runs from the first moment of the kernel: the firmware's seconds before it are not in it.
            self.power.watching.woke = Some((method, turn.mono().0));
        }
    }

    /// After a switch: what a wake proves depends on why it came.
    pub(super) fn drill_switched(&mut self, turn: &mut Turn, why: Why) {
        match (why, self.power.watching.woke.take()) {
            // A UPS that did not switch off, and a system that gave up waiting and started itself, look the same from in here.
            (Why::StartedOnBattery, Some((Method::UpsOff, ready_ms)))
                if self.drill().is_some_and(|drill| !drill.saw(Sight::Woke)) =>
            {
                self.drill_sees(turn, Sight::Woke, ready_ms);
            }
            (Why::StartedOnBattery, Some((method, ready_ms))) if self.drill().is_some() => {
                self.record(turn, Fact::MethodProved { method, ready_ms, by_stopwatch: false });
            }
            // The plug was put back before anybody pressed: that is another thing worth knowing.
            (Why::StartedOnLine, Some((_, ready_ms))) => self.drill_sees(turn, Sight::RestartOnMains, ready_ms),
            _ => {}
        }
        let of_standby = |drill: &Drill| matches!(drill.proving, Some((Method::Standby, _)));
        if why == Why::SomeoneCame && self.drill().is_some_and(of_standby) {
            // Behind the loads that are switched on again: when this ends, all of it answers.
            self.command(turn, Action::ReadLines, Purpose::Wake { pressed: turn.mono() });
        }
    }

    /// Standby needs no start of the machine: it is proved when its hardware answers after the press.
    pub(in crate::cabinet) fn drill_woke(&mut self, turn: &mut Turn, pressed: Mono, result: &CommandResult) {
        let of_standby = self.drill().is_some_and(|drill| matches!(drill.proving, Some((Method::Standby, _))));
        if of_standby && *result == CommandResult::Done {
            let ready_ms = turn.mono().since_ms(pressed);
            self.record(turn, Fact::MethodProved { method: Method::Standby, ready_ms, by_stopwatch: false });
        }
    }

    // ------------------------------------------------------------ its end

    /// When [`Self::drill_deadline`] is to be asked at the latest.
    pub(super) fn drill_ends_at(&self, now: Now) -> Option<Mono> {
        let drill = self.drill()?;
        let after_ms = limit_ms(drill).saturating_sub(drill.lasted_ms(now.stamp()));
        Some(now.mono.plus_ms(after_ms.max(1)))
    }

    /// What ends a drill without anybody's word, and when a deep one has measured enough.
    pub(super) fn drill_deadline(&mut self, turn: &mut Turn) {
        let Some(drill) = self.drill() else { return };
        let deep = drill.deep;
        let too_long = drill.lasted_ms(turn.now.stamp()) >= limit_ms(drill);
        if too_long {
            let _ = self.end_drill(turn, DrillEnd::Interrupted);
            return;
        }
        if !self.power_mode().is_on_battery() {
            return;
        }
        let low = self.is_drained_to(DEEP_TO_PCT) || self.power.heard.low_polls >= LOW_POLLS;
        if self.drill_measures() && low {
            self.measure_discharge(turn);
        }
        if self.is_drained_to(if deep { DEEP_LEAST_PCT } else { LEAST_PCT }) {
            let _ = self.end_drill(turn, DrillEnd::BatteryLow);
        }
    }

    /// When [`Self::outlast_drill`] has something to record.
    pub(super) fn outlasts_drill_at(&self, now: Now) -> Option<Mono> {
        let outage = self.books.power.as_ref()?.outage.as_ref()?;
        Some(now.mono.plus_ms(outage.outlasts_drill_in_ms(now.stamp())?.max(1)))
    }

    /// An outage that its drill does not explain any more is a real one, and people have to hear of it.
    pub(super) fn outlast_drill(&mut self, turn: &mut Turn) {
        let outage = self.books.power.as_ref().and_then(|state| state.outage.as_ref());
        let outlasted = |outage: &&Outage| outage.outlasts_drill_in_ms(turn.now.stamp()) == Some(0);
        if let Some(outage) = outage.filter(outlasted).map(|outage| outage.id) {
            self.record(turn, Fact::DrillOutlasted { outage });
        }
    }

    /// By the UPS's charge; by our own count where it says none.
    fn is_drained_to(&self, pct: u8) -> bool {
        match self.power.heard.figures.charge_pct.filter(|said| *said > 0) {
            Some(said) => said <= pct,
            None => self.left_mwh() * 100 <= self.full_mwh() * u64::from(pct),
        }
    }

    /// Back on line for good: the drill is over, whether or not anybody says so. The next outage is a real one.
    pub(super) fn drill_back_on_line(&mut self, turn: &mut Turn, why: Why) {
        let how = if why == Why::Flicker { DrillEnd::Interrupted } else { DrillEnd::Finished };
        let _ = self.end_drill(turn, how);
    }
}

impl Watching {
    fn hear(&mut self, figures: &UpsFigures) {
        let add = |(sum, count): &mut (u64, u32), said: Option<u64>| {
            if let Some(said) = said {
                (*sum, *count) = (*sum + said, *count + 1);
            }
        };
        add(&mut self.load, figures.real_power_mw.map(u64::from));
        add(&mut self.share, figures.load_pct.map(u64::from));
    }
}

fn limit_ms(drill: &Drill) -> u64 {
    match (drill.saw(Sight::OnBattery), drill.deep) {
        (false, _) => PLUG_MS,
        (true, false) => DRILL_MS,
        (true, true) => DEEP_DRILL_MS,
    }
}
