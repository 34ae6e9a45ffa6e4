//! The count of the battery's energy: drained by what, over a start too, booked when, measured how.
//!
//! The running count is volatile. Its whole milliwatt-hours are in every power record (`drained_mwh`), and what is spent between two
//! of them is their difference, so that what was spent adds up to what was drained, over restarts too.

use super::energy::{Energy, Plant};
use super::policy::{Method, Mode};
use super::reading::Supply;
use super::state::{PowerState, Replaced};
use crate::cabinet::event::StoreState;
use crate::cabinet::fact::Fact;
use crate::cabinet::types::{Mono, Now, Stamp};
use crate::cabinet::{Cabinet, Turn};

/// Energy is booked this often.
const BOOK_MS: u64 = 3_600_000;
/// A drop of the charge by this much on one discharge measures the battery.
const MEASURING_PCT: u64 = 40;
/// … from at least this charge.
const MEASURING_FROM_PCT: u8 = 95;
/// No battery holds more than this much of what is printed on it.
const MOST_PCT: u64 = 130;
/// A serial that is another one must come so many times in a row: one garbled answer would void what was proved.
const SERIALS: u32 = 3;

impl Cabinet {
    /// What is left, mWh; none without a UPS.
    #[must_use]
    pub fn energy_left_mwh(&self) -> Option<u64> {
        self.settings.power.as_ref().map(|_| self.left_mwh())
    }

    pub(super) fn left_mwh(&self) -> u64 {
        let full_mwh = self.full_mwh();
        let counted_mwh = self.power.energy.left_mwh(full_mwh);
        // On mains the count presumes a charger of so many hours. What the UPS says is better where it is less: the next outage may be near.
        // A UPS that fell silent had that much: it is taken to have no more.
        let on_mains = !self.power_mode().is_on_battery();
        let said_pct = self.power.heard.figures.charge_pct.map(u64::from).filter(|pct| on_mains && *pct > 0);
        said_pct.map_or(counted_mwh, |pct| counted_mwh.min(full_mwh * pct / 100))
    }

    pub(super) fn full_mwh(&self) -> u64 {
        let Some(power) = self.power_settings() else { return 0 };
        if self.drill_measures() {
            // What is to be found out is not presumed: only the UPS's charge says how far down it is.
            return power.plant.nameplate_mwh * MOST_PCT / 100;
        }
        let measured = self.books.power.as_ref().and_then(|state| state.measured).map(|measured| measured.capacity_mwh);
        if measured.is_none()
            && let Some(full_mwh) = self.full_by_charge_mwh(&power.plant)
        {
            return full_mwh;
        }
        power.plant.full_mwh(measured, self.power.heard.replace)
    }

    /// What the battery holds by this very discharge, where it began full and nothing charged it since. A halted machine does not always
    /// know what was drawn meanwhile.
    fn full_by_charge_mwh(&self, plant: &Plant) -> Option<u64> {
        let outage = self.books.power.as_ref()?.outage.as_ref()?;
        if self.power_settings()?.sleep == Method::Halt {
            return None;
        }
        let began_pct = outage.charge_pct.filter(|pct| *pct >= MEASURING_FROM_PCT && outage.flaps == 0)?;
        self.power.energy.full_by_charge_mwh(plant, began_pct, outage.spent_mwh + self.spent_mwh())
    }

    /// What the cabinet draws now, as the battery feels it.
    pub(super) fn felt_mw(&self) -> u64 {
        let Some(power) = self.power_settings() else { return 0 };
        let plant = &power.plant;
        let rule_mw = match self.power_mode() {
            // Loads shed, the machine up.
            Mode::Asleep { method: Method::Standby } | Mode::Manual { .. } => plant.standby_mw,
            Mode::Line
            | Mode::Grace
            | Mode::Normal
            | Mode::Conserve
            | Mode::FallingAsleep { .. }
            | Mode::Asleep { .. }
            | Mode::Restoring { .. } => plant.normal_mw,
        };
        // A measured load counts where it is believable: foreign load on the UPS empties this battery too.
        let measured = self.power.heard.figures.real_power_mw.map(|mw| u64::from(mw) + plant.overhead_mw);
        let draw_mw = measured.filter(|mw| is_load(rule_mw, *mw)).unwrap_or(rule_mw);
        plant.felt_mw(draw_mw)
    }

    /// The site's powers with the load that is measured while it serves, in place of the configured one. What else hangs on the UPS
    /// goes on drawing while the cabinet sleeps, unless the UPS is off.
    pub(super) fn plant_as_measured(&self, plant: &Plant) -> Plant {
        let Some(normal_mw) = self.power.heard.served_mw else { return plant.clone() };
        let foreign_mw = normal_mw.saturating_sub(plant.normal_mw);
        Plant {
            normal_mw,
            standby_mw: plant.standby_mw.min(normal_mw) + foreign_mw,
            halted_mw: plant.halted_mw.min(normal_mw) + foreign_mw,
            ..plant.clone()
        }
    }

    /// Keeps the load while the cabinet serves: a mean that forgets, since a lock's pulse is no load.
    pub(super) fn note_load(&mut self) {
        let serves = !self.power_mode().is_low_power();
        let Some(plant) = self.power_settings().map(|power| &power.plant).filter(|_| serves) else { return };
        let said = self.power.heard.figures.real_power_mw.map(|mw| u64::from(mw) + plant.overhead_mw);
        if let Some(mw) = said.filter(|mw| is_load(plant.normal_mw, *mw)) {
            let before = self.power.heard.served_mw;
            self.power.heard.served_mw = Some(before.map_or(mw, |before| (before * 7 + mw) / 8));
        }
    }

    /// Counts the energy on up to now.
    pub(super) fn count_energy(&mut self, now: Now) {
        if self.settings.power.is_none() {
            return;
        }
        let last_heard = self.power.heard.last.map(|(supply, _)| supply);
        if self.power_mode().is_on_battery() || matches!(last_heard, Some(Supply::OnBattery | Supply::LowBattery)) {
            let felt_mw = self.felt_mw();
            self.power.energy.drain(now.mono, felt_mw);
        } else {
            let full_mwh = self.full_mwh();
            self.power.energy.charge(now.mono, full_mwh);
        }
    }

    /// What was drawn since the last power record, mWh.
    pub(super) fn spent_mwh(&self) -> u64 {
        let booked_mwh = self.books.power.as_ref().map_or(0, |state| state.drained_mwh);
        self.power.energy.drained_mwh().saturating_sub(booked_mwh)
    }

    // ------------------------------------------------------------ over a start

    /// A start of the machine: what went on since the last power record, which the boot clock of now does not tell.
    ///
    /// `proof`: the last proof of life. Up to there the machine was as the last record has it; behind it, it was asleep if it had been
    /// sent to sleep, and else as hungry as ever. What it drew while nobody knows how long it lay halted is not known either: then no
    /// more than a third of the battery is reckoned with, until it was charged.
    pub(super) fn count_the_dark(&mut self, state: &PowerState, proof: Stamp, now: Now) {
        let Some(power) = &self.settings.power else { return };
        let plant = power.plant.clone();
        let (counted_at, here) = (state.counted_at, now.stamp());
        let one_boot = proof.boot == counted_at.boot;
        let lived_ms = if one_boot { counted_at.elapsed_ms(proof) } else { 0 };
        let dark_since = if one_boot { proof } else { counted_at };
        let dark_ms = dark_since.elapsed_ms(here);
        let full_mwh = self.full_mwh();
        let energy = &mut self.power.energy;
        if !state.mode.is_on_battery() {
            energy.charge_for(if one_boot { lived_ms } else { dark_ms.saturating_sub(now.mono.0) }, full_mwh);
        } else if let Some(method) = deep_sleep(state.mode) {
            let asleep_mw = plant.felt_mw(plant.sleep_mw(method));
            let up_ms = (plant.shutdown_ms + plant.boot_ms.max(now.mono.0)).min(dark_ms);
            energy.drain_for(lived_ms + up_ms, plant.felt_mw(plant.normal_mw));
            energy.drain_for(dark_ms - up_ms, asleep_mw);
            let dark_is_known = dark_since.clock.is_trusted() && here.clock.is_trusted();
            if asleep_mw > 0 && !dark_is_known {
                *energy = energy.with_at_most(full_mwh / 3, full_mwh);
            }
        } else {
            energy.drain_for(lived_ms + dark_ms, plant.felt_mw(plant.normal_mw));
        }
        energy.at = now.mono;
    }

    // ------------------------------------------------------------ booking

    /// An hour on battery is over: the count is kept.
    pub(super) fn book_by_the_hour(&mut self, turn: &mut Turn) {
        let due =
            (self.books.power.as_ref()).is_some_and(|state| state.counted_at.elapsed_ms(turn.now.stamp()) >= BOOK_MS);
        if due && self.store == StoreState::Writable {
            self.book_energy(turn);
        }
    }

    /// The count is kept: an hour is over, or the process ends.
    pub(super) fn book_energy(&mut self, turn: &mut Turn) {
        if !self.power_mode().is_on_battery() {
            return;
        }
        self.count_energy(turn.now);
        let asleep = match self.power_mode() {
            Mode::Asleep { method } => Some(method),
            Mode::Line
            | Mode::Grace
            | Mode::Normal
            | Mode::Conserve
            | Mode::FallingAsleep { .. }
            | Mode::Restoring { .. }
            | Mode::Manual { .. } => None,
        };
        let fact = Fact::EnergyBooked {
            spent_mwh: self.spent_mwh(),
            left_mwh: self.left_mwh(),
            drained_mwh: self.power.energy.drained_mwh(),
            asleep,
        };
        self.record(turn, fact);
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

    // ------------------------------------------------------------ the battery itself

    /// A long discharge tells what the battery holds: one discharge of a full battery, all of it seen, in one boot.
    pub(super) fn measure_battery(&mut self, turn: &mut Turn, from: Mode, to: Mode) {
        let ended = match to {
            Mode::Restoring { .. } => from.is_on_battery() && !matches!(from, Mode::Manual { .. }),
            Mode::Manual { .. } => true,
            Mode::Line
            | Mode::Grace
            | Mode::Normal
            | Mode::Conserve
            | Mode::FallingAsleep { .. }
            | Mode::Asleep { .. } => false,
        };
        let drill = self.books.power.as_ref().and_then(|state| state.drill.as_ref());
        if ended && drill.is_none_or(|drill| drill.measured_mwh.is_none()) {
            self.measure_discharge(turn);
        }
    }

    /// What the battery holds, by the discharge so far.
    pub(super) fn measure_discharge(&mut self, turn: &mut Turn) {
        let Some(state) = &self.books.power else { return };
        let (Some(outage), Some(power)) = (&state.outage, &self.settings.power) else { return };
        let (Some(began), Some(now)) = (outage.charge_pct, self.power.heard.figures.charge_pct) else { return };
        // The charge of a UPS that is silent is of some earlier time.
        if self.power.heard.silences > 0 {
            return;
        }
        // "0 %" is what a confused unit says.
        if began < MEASURING_FROM_PCT || now == 0 || outage.flaps > 0 || outage.started.boot != turn.now.boot {
            return;
        }
        let fell = u64::from(began.saturating_sub(now));
        if fell < MEASURING_PCT {
            return;
        }
        let capacity_mwh = (outage.spent_mwh + self.spent_mwh()) * 100 / fell;
        let by_drill = state.drill.as_ref().is_some_and(|drill| drill.deep);
        if believable(&power.plant, capacity_mwh) {
            self.record(turn, Fact::BatteryMeasured { capacity_mwh, by_drill });
        }
    }

    /// The unit's serial: another one is another unit.
    pub(super) fn note_serial(&mut self, turn: &mut Turn, serial: Option<&str>) {
        let Some(serial) = serial.map(str::trim).filter(|serial| !serial.is_empty()) else { return };
        let known = self.books.power.as_ref().and_then(|state| state.serial.as_deref());
        if known == Some(serial) {
            self.power.heard.other_serial = None;
            return;
        }
        let times = match &self.power.heard.other_serial {
            Some((other, times)) if other == serial => times.saturating_add(1),
            Some(_) | None => 1,
        };
        self.power.heard.other_serial = Some((serial.to_owned(), times));
        if times < SERIALS || self.store == StoreState::Reserve {
            return;
        }
        let what = if known.is_none() { Replaced::Nothing } else { Replaced::Ups };
        self.record(turn, Fact::BatteryReplaced { what, serial: Some(serial.to_owned()) });
        self.power.heard.other_serial = None;
    }

    /// A new battery: full, and nothing is known of it.
    pub(super) fn energy_of_a_new_battery(&mut self, now: Mono) {
        self.power.energy = Energy::drained(0, now);
        self.power.session_began_uj = None;
    }
}

/// The method that the machine was sent to sleep by, if that is a start to wake from.
fn deep_sleep(mode: Mode) -> Option<Method> {
    match mode {
        Mode::Asleep { method } | Mode::Manual { method: Some(method) } => {
            Some(method).filter(|method| method.is_deep())
        }
        Mode::Line
        | Mode::Grace
        | Mode::Normal
        | Mode::Conserve
        | Mode::FallingAsleep { .. }
        | Mode::Restoring { .. }
        | Mode::Manual { method: None } => None,
    }
}

/// A load between half and twenty times of what is reckoned with is believed.
fn is_load(rule_mw: u64, mw: u64) -> bool {
    (rule_mw / 2..=rule_mw * 20).contains(&mw)
}

/// A battery holds between a fifth of what is printed on it and a third more.
fn believable(plant: &Plant, capacity_mwh: u64) -> bool {
    (plant.nameplate_mwh / 5..=plant.nameplate_mwh * MOST_PCT / 100).contains(&capacity_mwh)
}
