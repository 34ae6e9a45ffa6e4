//! The drill: ten minutes on battery, on purpose, with somebody there. It sees that door, reader, lock and sensors live on battery, and
//! proves how the cabinet sleeps and wakes. What it finds are records; `cabinetd drill` guides the person.

use super::policy::{Mains, Method, Mode, Why};
use super::reading::{Supply, UpsFigures};
use super::state::{DrillEnd, PowerState, Sight};
use crate::cabinet::event::DrillStep;
use crate::cabinet::fact::Fact;
use crate::cabinet::outcome::Denial;
use crate::cabinet::types::{Input, Mono, Now};
use crate::cabinet::{Cabinet, Event, Turn};

/// A drill is over after this, whatever it was doing.
const DRILL_MS: u64 = 4 * 3_600_000;
/// A drill ends when the battery is below this, but for a deep one.
const DRILL_LEAST_PCT: u8 = 40;
/// It begins with at least this charge.
const DRILL_FROM_PCT: u8 = 90;

impl Cabinet {
    pub(in crate::cabinet) fn drill_step(&mut self, turn: &mut Turn, step: DrillStep) -> Result<String, Denial> {
        match step {
            DrillStep::Start { deep } => self.start_drill(turn, deep),
            DrillStep::Prove { method } => self.prove_method(turn, method),
            DrillStep::Saw { what, figure } => {
                self.drill_sees(turn, what, figure);
                Ok("noted".into())
            }
            DrillStep::Finish => self.end_drill(turn, DrillEnd::Finished),
            DrillStep::Abort => self.end_drill(turn, DrillEnd::Aborted),
        }
    }

    fn start_drill(&mut self, turn: &mut Turn, deep: bool) -> Result<String, Denial> {
        if self.settings.power.is_none() {
            return Err(Denial::NoUps);
        }
        if self.counts_as_busy(turn.mono()).0 {
            return Err(Denial::Busy);
        }
        if self.books.power.as_ref().is_some_and(|state| state.drill.is_some()) {
            return Err(Denial::DrillUnderWay);
        }
        if self.power_mode() != Mode::Line {
            return Err(Denial::OutageOpen);
        }
        if !matches!(self.power.mains(turn.mono()), Mains::On { .. }) {
            return Err(Denial::UpsSilent);
        }
        let charge_pct = self.power.heard.figures.charge_pct;
        if charge_pct.is_some_and(|pct| pct < DRILL_FROM_PCT) {
            return Err(Denial::BatteryNotFull { charge_pct: charge_pct.unwrap_or(0) });
        }
        self.record(turn, Fact::DrillStarted { deep });
        self.power.again_at = Some(turn.mono());
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
                what: "a clock that wakes the machine ([power] rtc), or a drilled wake on mains".into(),
            });
        }
        if self.books.power.as_ref().is_none_or(|state| state.drill.is_none()) {
            return Err(Denial::NoDrill);
        }
        if !self.power_mode().is_on_battery() || self.power_mode() == Mode::Grace {
            return Err(Denial::NotOnBattery);
        }
        if self.counts_as_busy(turn.mono()).0 {
            return Err(Denial::Busy);
        }
        self.record(turn, Fact::DrillProving { method });
        Ok(match method {
            Method::Standby => "the cabinet goes to standby: press its button, or hold a badge to the reader".into(),
            Method::Halt => "the machine halts: wait until it is dark, then press its button".into(),
            Method::UpsOff => "the UPS switches itself off: wait until all is dark, then press the UPS's button".into(),
        })
    }

    fn end_drill(&mut self, turn: &mut Turn, how: DrillEnd) -> Result<String, Denial> {
        let Some(drill) = self.books.power.as_ref().and_then(|state| state.drill.clone()) else {
            return Err(Denial::NoDrill);
        };
        let lasted_ms = drill.started.elapsed_ms(turn.now.stamp());
        self.record(turn, Fact::DrillEnded { drill: drill.id, how, lasted_ms });
        Ok(match how {
            DrillEnd::Finished => "the drill is finished and recorded".into(),
            DrillEnd::Aborted | DrillEnd::NeededElsewhere | DrillEnd::BatteryLow | DrillEnd::Interrupted => {
                "the drill is over; put the plug back if that is not done".into()
            }
        })
    }

    /// What the person who drills saw, or the command measured for them (the network).
    fn drill_sees(&mut self, turn: &mut Turn, what: Sight, figure: u64) {
        let Some(drill) = self.books.power.as_ref().and_then(|state| state.drill.as_ref()) else { return };
        if !drill.seen.contains(&what) {
            self.record(turn, Fact::DrillSaw { what, figure });
        }
    }

    /// Events that a drill waits for.
    pub(in crate::cabinet) fn drill_watches(&mut self, turn: &mut Turn, event: &Event) {
        let on_battery = self.power_mode().is_on_battery();
        if !on_battery || self.books.power.as_ref().is_none_or(|state| state.drill.is_none()) {
            return;
        }
        let seen = match event {
            Event::CodeRead(_) | Event::LoginTyped(_) => Some(Sight::Reader),
            Event::LineChanged { input: Input::Door(door), .. } if self.door_is_open(*door) => Some(Sight::Door),
            Event::LineChanged { input: Input::Slot(_), .. } => Some(Sight::Sensor),
            _ => None,
        };
        if let Some(what) = seen {
            self.drill_sees(turn, what, 0);
        }
    }

    pub(super) fn drill_heard(&mut self, turn: &mut Turn, supply: Supply, figures: &UpsFigures) {
        let Some(drill) = self.books.power.as_ref().and_then(|state| state.drill.clone()) else { return };
        match supply {
            Supply::OnBattery | Supply::LowBattery => {
                self.drill_sees(turn, Sight::OnBattery, 0);
                if let Some(mw) = figures.real_power_mw {
                    self.drill_sees(turn, Sight::Load, u64::from(mw));
                }
            }
            Supply::OnLine if drill.seen.contains(&Sight::OnBattery) => self.drill_sees(turn, Sight::MainsBack, 0),
            Supply::OnLine | Supply::Unknown | Supply::Unreachable(_) => {}
        }
        let least = figures.charge_pct.is_some_and(|pct| pct < DRILL_LEAST_PCT && pct > 0);
        if least && !drill.deep && supply != Supply::OnLine {
            let _ = self.end_drill(turn, DrillEnd::BatteryLow);
        }
    }

    /// The machine came up out of the sleep that was to be proved.
    pub(super) fn drill_woke(&mut self, turn: &mut Turn, state: &PowerState) {
        let Some((method, _)) = state.drill.as_ref().and_then(|drill| drill.proving) else { return };
        let slept = matches!(state.mode, Mode::Asleep { method: of } if of == method);
        if slept && method.is_deep() {
            // The boot clock runs from the first moment of the kernel: the firmware's seconds before it are not in it.
            self.record(turn, Fact::MethodProved { method, ready_ms: turn.mono().0 });
        }
    }

    /// When the drill is over at the latest, on the boot clock.
    pub(super) fn drill_ends_at(&self, now: Now) -> Option<Mono> {
        let drill = self.books.power.as_ref()?.drill.as_ref()?;
        Some(now.mono.plus_ms(DRILL_MS.saturating_sub(drill.started.elapsed_ms(now.stamp())).max(1)))
    }

    pub(super) fn drill_deadline(&mut self, turn: &mut Turn) {
        let Some(drill) = self.books.power.as_ref().and_then(|state| state.drill.clone()) else { return };
        if drill.started.elapsed_ms(turn.now.stamp()) >= DRILL_MS {
            let _ = self.end_drill(turn, DrillEnd::Interrupted);
        }
        // Standby needs no start of the machine: it is proved as soon as somebody woke it.
        if let (Some((Method::Standby, since)), Mode::Conserve) = (drill.proving, self.power_mode())
            && self.books.power.as_ref().is_some_and(|state| state.why == Some(Why::SomeoneCame))
        {
            let _ = since;
            self.record(turn, Fact::MethodProved { method: Method::Standby, ready_ms: 0 });
        }
    }
}
