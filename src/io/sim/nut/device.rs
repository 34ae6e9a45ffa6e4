//! The unit itself: battery, output, self-test, by elapsed time and in integers (energy in microjoules).
//!
//! What is to happen later (the script, the cut after FSD, the end of a test) happens at its own moment however rarely
//! somebody looks: [`Device::advance`] goes from one such moment to the next.

use super::{Button, SimUpsChange, SimUpsPlan};
use crate::cabinet::types::Mono;
use std::collections::VecDeque;

/// `LB` is shown at this charge and below.
const LOW_PCT: u64 = 20;
/// What the charger puts back, as a share of the capacity: full in four hours.
const CHARGE_HOURS: u64 = 4;
/// How long a quick self-test runs on the battery.
const TEST_MS: u64 = 8_000;
/// Mains is there when the output is cut (it came back during the shutdown): the output returns after this.
const RETURN_MS: u64 = 5_000;
/// A unit that saves energy cuts its output when the load on battery is too low for this long.
const ENERGYSAVE_MS: u64 = 60_000;

pub(super) const TEST_QUICK: &str = "test.battery.start.quick";
pub(super) const TEST_STOP: &str = "test.battery.stop";
pub(super) const BEEPER_OFF: &str = "beeper.disable";
pub(super) const BEEPER_ON: &str = "beeper.enable";
/// What it can be told to do.
pub(super) const COMMANDS: [&str; 4] = [BEEPER_OFF, BEEPER_ON, TEST_QUICK, TEST_STOP];

#[derive(Debug)]
pub(super) struct Device {
    plan: SimUpsPlan,
    at: Mono,
    mains: bool,
    output: bool,
    full_uj: u64,
    left_uj: u64,
    own_mw: u64,
    foreign_mw: u64,
    replace_battery: bool,
    spurious_low: bool,
    beeper: bool,
    fsd: bool,
    /// FSD was set: the output is cut then.
    cut_at: Option<Mono>,
    /// The output was cut with mains there: it is back then.
    back_at: Option<Mono>,
    test_until: Option<Mono>,
    test_result: &'static str,
    /// On battery with a load below that of `energysave_pct`, since then.
    idle_since: Option<Mono>,
    script: VecDeque<(Mono, SimUpsChange)>,
}

/// What happens by itself.
enum Moment {
    Script,
    Cut,
    Back,
    TestEnds,
    EnergySaved,
}

impl Device {
    pub(super) fn new(plan: SimUpsPlan, now: Mono) -> Self {
        let full_uj = u64::from(plan.capacity_wh.clamp(1, 100_000)) * 3_600_000_000;
        let mut script: Vec<_> =
            plan.script.iter().map(|(after_ms, change)| (Mono(now.0.saturating_add(*after_ms)), *change)).collect();
        script.sort_by_key(|(at, _)| *at);
        Self {
            at: now,
            mains: true,
            output: true,
            full_uj,
            left_uj: full_uj / 100 * u64::from(plan.charge_pct.min(100)),
            own_mw: plan.load_mw.into(),
            foreign_mw: 0,
            replace_battery: false,
            spurious_low: false,
            beeper: true,
            fsd: false,
            cut_at: None,
            back_at: None,
            test_until: None,
            test_result: "No test initiated",
            idle_since: None,
            script: script.into(),
            plan,
        }
    }

    // ------------------------------------------------------------ time

    pub(super) fn advance(&mut self, now: Mono) {
        while let Some((at, moment)) = self.next_moment().filter(|(at, _)| *at <= now) {
            self.pass(at);
            match moment {
                Moment::Script => {
                    if let Some((_, change)) = self.script.pop_front() {
                        self.change(change);
                    }
                }
                Moment::Cut => {
                    self.turn_off();
                    self.back_at = self.mains.then(|| later(at, RETURN_MS));
                }
                Moment::Back => self.turn_on(),
                Moment::TestEnds => {
                    self.test_until = None;
                    self.test_result = if self.replace_battery { "Done and warning" } else { "Done and passed" };
                }
                Moment::EnergySaved => self.turn_off(),
            }
        }
        self.pass(now);
    }

    fn next_moment(&self) -> Option<(Mono, Moment)> {
        let script = self.script.front().map(|(at, _)| (*at, Moment::Script));
        let cut = self.cut_at.map(|at| (at, Moment::Cut));
        let back = self.back_at.map(|at| (at, Moment::Back));
        let test = self.test_until.map(|at| (at, Moment::TestEnds));
        let saved = self.idle_since.map(|since| (later(since, ENERGYSAVE_MS), Moment::EnergySaved));
        [script, cut, back, test, saved].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// Time in which nothing changes but the charge.
    fn pass(&mut self, to: Mono) {
        let passed_ms = to.since_ms(self.at).saturating_mul(u64::from(self.plan.speed.max(1)));
        self.at = self.at.max(to);
        if self.discharges() {
            self.left_uj = self.left_uj.saturating_sub(self.load_mw().saturating_mul(passed_ms));
            if self.left_uj == 0 && !self.mains {
                self.turn_off();
            }
        } else if self.mains {
            let charger_mw = self.full_uj / (CHARGE_HOURS * 3_600_000);
            let charged = self.left_uj.saturating_add(charger_mw.saturating_mul(passed_ms));
            self.left_uj = charged.min(self.full_uj);
        }
        let idle = self.plan.energysave_pct.is_some_and(|pct| self.load_pct() < u64::from(pct));
        if idle && self.output && !self.mains {
            self.idle_since.get_or_insert(self.at);
        } else {
            self.idle_since = None;
        }
    }

    // ------------------------------------------------------------ what is done to it

    /// To be called after `advance`, as all that follow.
    pub(super) fn change(&mut self, change: SimUpsChange) {
        match change {
            SimUpsChange::Mains(on) => {
                self.mains = on;
                if on && !self.output {
                    self.turn_on();
                }
                if !on && self.test_until.take().is_some() {
                    self.test_result = "Aborted";
                }
            }
            SimUpsChange::Charge(pct) => self.left_uj = self.full_uj / 100 * u64::from(pct.min(100)),
            SimUpsChange::Load(mw) => self.own_mw = mw.into(),
            SimUpsChange::ForeignLoad(mw) => self.foreign_mw = mw.into(),
            SimUpsChange::ReplaceBattery(on) => self.replace_battery = on,
            SimUpsChange::SpuriousLow(on) => self.spurious_low = on,
        }
        self.pass(self.at);
    }

    pub(super) fn power_button(&mut self) -> Button {
        match (self.output, self.mains || self.left_uj > 0) {
            (true, _) => Button::WasOn,
            (false, false) => Button::Empty,
            (false, true) => {
                self.turn_on();
                self.pass(self.at);
                Button::TurnedOn
            }
        }
    }

    pub(super) fn force_shutdown(&mut self) {
        self.fsd = true;
        self.cut_at.get_or_insert(later(self.at, self.plan.fsd_cut_ms.into()));
    }

    /// One of [`COMMANDS`]; whether the unit does it.
    pub(super) fn obey(&mut self, command: &str) -> bool {
        match command {
            TEST_QUICK if self.mains && self.test_until.is_none() => {
                self.test_until = Some(later(self.at, TEST_MS));
                self.test_result = "In progress";
                true
            }
            TEST_STOP => {
                if self.test_until.take().is_some() {
                    self.test_result = "Aborted";
                }
                true
            }
            BEEPER_OFF | BEEPER_ON => {
                self.beeper = command == BEEPER_ON;
                true
            }
            _ => false,
        }
    }

    /// The machine behind it starts anew, and with it upsd, which forgets FSD.
    fn turn_on(&mut self) {
        self.output = true;
        self.fsd = false;
        self.cut_at = None;
        self.back_at = None;
    }

    fn turn_off(&mut self) {
        self.output = false;
        self.cut_at = None;
        self.test_until = None;
        self.idle_since = None;
    }

    // ------------------------------------------------------------ what it says

    pub(super) const fn mains(&self) -> bool {
        self.mains
    }

    pub(super) const fn output(&self) -> bool {
        self.output
    }

    pub(super) const fn fsd(&self) -> bool {
        self.fsd
    }

    pub(super) const fn testing(&self) -> bool {
        self.test_until.is_some()
    }

    pub(super) const fn empty(&self) -> bool {
        !self.mains && self.left_uj == 0
    }

    pub(super) const fn foreign_mw(&self) -> u64 {
        self.foreign_mw
    }

    fn discharges(&self) -> bool {
        self.output && (!self.mains || self.testing())
    }

    fn load_mw(&self) -> u64 {
        if self.output { self.own_mw + self.foreign_mw } else { 0 }
    }

    fn load_pct(&self) -> u64 {
        self.load_mw() / 10 / u64::from(self.plan.rated_w.max(1))
    }

    pub(super) fn charge_pct(&self) -> u8 {
        u8::try_from(self.left_uj / (self.full_uj / 100)).unwrap_or(100).min(100)
    }

    /// Seconds the battery lasts at this load.
    pub(super) fn runtime_s(&self) -> u32 {
        u32::try_from(self.left_uj / (self.load_mw().max(1) * 1_000)).unwrap_or(u32::MAX)
    }

    /// The words of `ups.status`, in upsd's order.
    pub(super) fn status(&self) -> String {
        let low = self.spurious_low || u64::from(self.charge_pct()) <= LOW_PCT;
        let words = [
            (self.fsd, "FSD"),
            (self.mains && !self.testing(), "OL"),
            (self.mains && !self.testing() && self.charge_pct() < 100, "CHRG"),
            (!self.mains || self.testing(), "OB DISCHRG"),
            (self.testing(), "CAL"),
            (!self.mains && low, "LB"),
            (self.load_pct() > 100, "OVER"),
            (self.replace_battery, "RB"),
        ];
        words.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect::<Vec<_>>().join(" ")
    }

    /// What upsd lists, in its order.
    pub(super) fn variables(&self) -> Vec<(&'static str, String)> {
        let load_mw = self.load_mw();
        let plan = &self.plan;
        let energysave = plan
            .energysave_pct
            .map(|pct| [("battery.energysave", "yes".to_owned()), ("battery.energysave.load", pct.to_string())]);
        let mut variables = vec![
            ("battery.charge", self.charge_pct().to_string()),
            ("battery.charge.low", LOW_PCT.to_string()),
            ("battery.date", plan.battery_date.clone()),
            ("battery.runtime", self.runtime_s().to_string()),
            ("battery.type", "PbAc".into()),
            ("device.mfr", "cabinetd".into()),
            ("device.model", "simulated UPS".into()),
            ("device.serial", plan.serial.clone()),
            ("device.type", "ups".into()),
            ("ups.beeper.status", if self.beeper { "enabled" } else { "disabled" }.into()),
            ("ups.load", self.load_pct().to_string()),
            ("ups.mfr", "cabinetd".into()),
            ("ups.model", "simulated UPS".into()),
            ("ups.realpower", format!("{}.{:03}", load_mw / 1_000, load_mw % 1_000)),
            ("ups.realpower.nominal", plan.rated_w.to_string()),
            ("ups.serial", plan.serial.clone()),
            ("ups.status", self.status()),
            ("ups.test.result", self.test_result.into()),
        ];
        variables.extend(energysave.into_iter().flatten());
        variables.sort_by_key(|(name, _)| *name);
        variables
    }
}

const fn later(at: Mono, after_ms: u64) -> Mono {
    Mono(at.0.saturating_add(after_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    fn device(plan: SimUpsPlan) -> Device {
        Device::new(SimUpsPlan { load_mw: 10_000, ..plan }, Mono(0))
    }

    #[test]
    fn six_hours_of_battery_last_six_hours() {
        let mut device = device(SimUpsPlan::default());
        device.change(SimUpsChange::Mains(false));
        assert_eq!((device.runtime_s(), device.status().as_str()), (6 * 3_600, "OB DISCHRG"));
        device.advance(Mono(3 * HOUR));
        assert_eq!((device.charge_pct(), device.runtime_s()), (50, 3 * 3_600));
        device.advance(Mono(5 * HOUR));
        assert_eq!((device.charge_pct(), device.status().as_str()), (16, "OB DISCHRG LB"));
        device.advance(Mono(7 * HOUR));
        assert_eq!((device.charge_pct(), device.output(), device.empty()), (0, false, true));
        assert_eq!(device.power_button(), Button::Empty);
        device.change(SimUpsChange::Mains(true));
        assert_eq!((device.status().as_str(), device.output()), ("OL CHRG", true));
        device.advance(Mono(9 * HOUR));
        assert_eq!(device.charge_pct(), 50);
        device.advance(Mono(11 * HOUR));
        assert_eq!((device.charge_pct(), device.status().as_str()), (100, "OL"));
    }

    #[test]
    fn fsd_cuts_the_output_and_the_button_brings_it_back() {
        let mut device = device(SimUpsPlan { fsd_cut_ms: 20_000, ..SimUpsPlan::default() });
        device.change(SimUpsChange::Mains(false));
        device.force_shutdown();
        device.advance(Mono(19_999));
        assert_eq!((device.status().as_str(), device.output()), ("FSD OB DISCHRG", true));
        device.force_shutdown();
        device.advance(Mono(20_000));
        assert!(!device.output(), "a repeated FSD does not put it off");
        let left = device.left_uj;
        device.advance(Mono(24 * HOUR));
        assert_eq!((device.output(), device.left_uj), (false, left), "nothing is drawn while it is off");
        assert_eq!(device.power_button(), Button::TurnedOn);
        assert_eq!((device.status().as_str(), device.output()), ("OB DISCHRG", true));
        assert_eq!(device.power_button(), Button::WasOn);
    }

    #[test]
    fn mains_turns_it_on_again_also_when_it_was_back_before_the_cut() {
        let mut device = device(SimUpsPlan { fsd_cut_ms: 20_000, ..SimUpsPlan::default() });
        device.change(SimUpsChange::Mains(false));
        device.force_shutdown();
        device.advance(Mono(30_000));
        device.change(SimUpsChange::Mains(true));
        assert!(device.output());

        device.change(SimUpsChange::Mains(false));
        device.force_shutdown();
        device.advance(Mono(40_000));
        device.change(SimUpsChange::Mains(true));
        device.advance(Mono(50_000));
        assert!(!device.output(), "the order stands");
        device.advance(Mono(50_000 + RETURN_MS));
        assert_eq!((device.output(), device.status().as_str()), (true, "OL CHRG"));
    }

    #[test]
    fn a_self_test_runs_on_the_battery_and_says_how_it_went() {
        let result = |device: &Device| {
            device.variables().into_iter().find(|(name, _)| *name == "ups.test.result").expect("always there").1
        };
        let mut device = device(SimUpsPlan::default());
        assert_eq!(result(&device), "No test initiated");
        assert!(device.obey(TEST_QUICK) && !device.obey(TEST_QUICK), "one at a time");
        device.advance(Mono(4_000));
        assert_eq!((device.status().as_str(), result(&device).as_str()), ("OB DISCHRG CAL", "In progress"));
        device.advance(Mono(8_000));
        assert_eq!((device.status().as_str(), result(&device).as_str()), ("OL CHRG", "Done and passed"));
        device.change(SimUpsChange::ReplaceBattery(true));
        assert!(device.obey(TEST_QUICK));
        device.advance(Mono(20_000));
        assert_eq!((device.status().as_str(), result(&device).as_str()), ("OL CHRG RB", "Done and warning"));
        assert!(device.obey(TEST_QUICK));
        device.change(SimUpsChange::Mains(false));
        assert_eq!((device.status().as_str(), result(&device).as_str()), ("OB DISCHRG RB", "Aborted"));
        assert!(!device.obey(TEST_QUICK), "not in an outage");
    }

    #[test]
    fn a_printer_in_our_ups_shows_and_drains() {
        let mut device = device(SimUpsPlan::default());
        device.change(SimUpsChange::ForeignLoad(20_000));
        let of = |device: &Device, name: &str| {
            device.variables().into_iter().find(|(known, _)| *known == name).expect("always there").1
        };
        assert_eq!((of(&device, "ups.realpower").as_str(), of(&device, "ups.load").as_str()), ("30.000", "50"));
        device.change(SimUpsChange::Mains(false));
        device.advance(Mono(HOUR));
        assert_eq!(device.charge_pct(), 50, "30 Wh of 60");
        device.change(SimUpsChange::ForeignLoad(60_000));
        assert_eq!(device.status(), "OB DISCHRG OVER");
    }

    #[test]
    fn a_spurious_low_battery_comes_with_the_outage_alone() {
        let mut device = device(SimUpsPlan { charge_pct: 95, ..SimUpsPlan::default() });
        device.change(SimUpsChange::SpuriousLow(true));
        assert_eq!(device.status(), "OL CHRG");
        device.change(SimUpsChange::Mains(false));
        assert_eq!((device.status().as_str(), device.charge_pct()), ("OB DISCHRG LB", 95));
    }

    #[test]
    fn a_unit_that_saves_energy_lets_a_small_load_fall() {
        let plan = SimUpsPlan { energysave_pct: Some(10), rated_w: 60, ..SimUpsPlan::default() };
        let mut device = device(plan);
        device.change(SimUpsChange::Mains(false));
        device.advance(Mono(HOUR));
        assert!(device.output(), "16 %");
        device.change(SimUpsChange::Load(5_000));
        device.advance(Mono(HOUR + 59_999));
        assert!(device.output());
        device.advance(Mono(HOUR + 60_000));
        assert!(!device.output(), "8 % for a minute");
        assert!(device.variables().contains(&("battery.energysave.load", "10".into())));
    }

    #[test]
    fn a_script_plays_at_its_own_times_however_rarely_somebody_looks() {
        let script = vec![
            (2 * HOUR, SimUpsChange::Mains(true)),
            (HOUR, SimUpsChange::Mains(false)),
            (3 * HOUR, SimUpsChange::SpuriousLow(true)),
        ];
        let mut device = device(SimUpsPlan { script, ..SimUpsPlan::default() });
        device.advance(Mono(2 * HOUR));
        assert_eq!((device.mains(), device.charge_pct()), (true, 83), "an hour of six");
        device.advance(Mono(24 * HOUR));
        assert!(device.spurious_low && device.charge_pct() == 100);
    }
}
