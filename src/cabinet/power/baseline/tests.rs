//! Simulated weeks on a cabinet's UPS: what is the cabinet's own must never be flagged, what is not must be, with its watts and hours.

use super::*;

/// Numbers that look random and are the same for the same seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Once in `times`.
    fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// About normal (the sum of twelve even ones), times `sigma`, in milliwatts.
    fn noise(&mut self, sigma_mw: u32) -> i64 {
        let sum: i64 = (0..12).map(|_| i64::try_from(self.below(2_001)).expect("small") - 1_000).sum();
        sum * i64::from(sigma_mw) / 2_000
    }
}

/// How the UPS shows a load.
#[derive(Clone, Copy)]
enum Shows {
    /// `ups.realpower`, to the watt.
    Watts,
    /// `ups.load`, percent of this rating; 0 is unknown.
    PercentOf(u32),
}

/// A cabinet, its UPS and an office, minute by minute.
struct Office {
    dice: Dice,
    watch: LoadWatch,
    baseline: Baseline,
    shows: Shows,
    idle_mw: u32,
    sigma_mw: u32,
    /// By which the idle load rises in a hundred days.
    drift_mw: i64,
    /// As the config says.
    own_mw: u32,
    minute: i64,
}

/// 2026-06-01, a Monday.
const MONDAY: i32 = 20_605;

impl Office {
    fn new(seed: u64, shows: Shows, idle_mw: u32) -> Self {
        let (watch, baseline) = (LoadWatch::default(), Baseline::default());
        let dice = Dice(seed);
        let minute = i64::from(MONDAY) * 1_440;
        Self { dice, watch, baseline, shows, idle_mw, sigma_mw: 500, drift_mw: 0, own_mw: 12_000, minute }
    }

    /// Lets days go by with a foreign load of `foreign(day, minute of the day)` milliwatts.
    fn days(mut self, days: i32, mut foreign: impl FnMut(i32, u16) -> u32) -> Self {
        let mut busy_for = 0_u32;
        for _ in 0..i64::from(days) * 1_440 {
            let day = i32::try_from(self.minute / 1_440).expect("a day");
            let minute = u16::try_from(self.minute % 1_440).expect("a minute");
            let at = Civil { day, minute };
            let office = at.weekday() < 5 && (9 * 60..18 * 60).contains(&minute);
            // Forty visits a day and more, each with display, relays and lights; now and then an update that keeps it busy for long.
            if busy_for == 0 && self.dice.once_in(if office { 12 } else { 600 }) {
                busy_for = 1 + u32::try_from(self.dice.below(3)).expect("small");
                if self.dice.once_in(50) {
                    busy_for = 45;
                }
            }
            let own = if busy_for > 0 { self.idle_mw + 4_000 + self.below(25_000) } else { self.idle_mw };
            let drift = self.drift_mw * (self.minute - i64::from(MONDAY) * 1_440) / 144_000;
            let glitch = if self.dice.once_in(700) { 40_000 } else { 0 };
            let load = i64::from(own + foreign(day - MONDAY, minute)) + drift + glitch + self.dice.noise(self.sigma_mw);
            let sample = self.sample(at, u32::try_from(load.max(0)).expect("small"), busy_for == 0);
            busy_for = busy_for.saturating_sub(1);
            // The daemon is started anew now and then; what it saw of the hour and the day is gone.
            if self.dice.once_in(9_000) {
                self.watch = LoadWatch::default();
            }
            if let Some(day) = self.watch.observe(&self.baseline, &sample) {
                self.baseline.learn(day);
            }
            self.minute += 1;
        }
        self
    }

    fn below(&mut self, bound: u64) -> u32 {
        u32::try_from(self.dice.below(bound)).expect("small")
    }

    fn sample(&mut self, at: Civil, load_mw: u32, idle: bool) -> LoadSample {
        let figures = match self.shows {
            Shows::Watts => {
                UpsFigures { real_power_mw: Some((load_mw + 500) / 1_000 * 1_000), ..UpsFigures::default() }
            }
            Shows::PercentOf(rated_w) => {
                let pct = (load_mw + rated_w * 5) / (rated_w * 10);
                UpsFigures { load_pct: u8::try_from(pct).ok().filter(|pct| *pct > 0), ..UpsFigures::default() }
            }
        };
        let rated_w = match self.shows {
            Shows::Watts => None,
            Shows::PercentOf(rated_w) => Some(rated_w),
        };
        let (power_mw, step_mw) = power_of(&figures, rated_w);
        LoadSample { at, clock_trusted: true, power_mw, step_mw, own_mw: self.own_mw, idle }
    }

    fn finding(&self) -> ForeignLoad {
        self.baseline.finding().unwrap_or_else(|| panic!("nothing was found: {:#?}", self.baseline))
    }
}

fn nothing(_: i32, _: u16) -> u32 {
    0
}

/// Mon to Fri, nine to five.
fn printer(day: i32, minute: u16) -> u32 {
    if day % 7 < 5 && (9 * 60..17 * 60).contains(&minute) { 300_000 } else { 0 }
}

const NINE_TO_FIVE: u32 = 0b1_1111_1110_0000_0000;

#[test]
fn two_hundred_weeks_with_nothing_foreign_give_no_finding() {
    let mut measured = 0;
    for seed in 0..200 {
        let mut dice = Dice(seed);
        let shows = match dice.below(4) {
            0 => Shows::Watts,
            1 => Shows::PercentOf(300),
            2 => Shows::PercentOf(600),
            // Here an idle cabinet is mostly below what can be shown.
            _ => Shows::PercentOf(1_500),
        };
        let mut office = Office::new(seed, shows, 5_000 + u32::try_from(dice.below(11_000)).expect("small"));
        office.sigma_mw = 200 + u32::try_from(dice.below(1_000)).expect("small");
        office.drift_mw = i64::try_from(dice.below(5_000)).expect("small") - 2_000;
        let office = office.days(8, nothing);
        assert!(office.baseline.is_learned(), "seed {seed}");
        assert_eq!(office.baseline.finding(), None, "seed {seed}: {:#?}", office.baseline);
        if let Some(base) = office.baseline.base_mw() {
            measured += 1;
            let step_mw = if let Shows::PercentOf(rated_w) = shows { rated_w * 10 } else { 1_000 };
            let off = base.abs_diff(office.idle_mw);
            assert!(off <= 3_000 + step_mw, "seed {seed}: {base} mW for {} mW", office.idle_mw);
        }
    }
    assert!(measured > 120, "most of these units show what a cabinet draws: {measured}");
}

#[test]
fn a_printer_in_office_hours_is_found_with_its_watts_and_hours() {
    for seed in 0..10 {
        for shows in [Shows::Watts, Shows::PercentOf(300), Shows::PercentOf(600)] {
            let found = Office::new(seed, shows, 8_000).days(8, printer).finding();
            assert!((290_000..=310_000).contains(&found.watts_mw), "{found:?}");
            assert_eq!((found.hours, found.regular, found.always), (NINE_TO_FIVE, true, false), "{found:?}");
            // A restart of the daemon may cost a day.
            assert!(found.days >= 4 && found.weekdays & !0b1_1111 == 0, "seed {seed}: {found:?}");
        }
    }
}

/// Where the cabinet alone shows as 0, the printer must not become the base.
#[test]
fn a_printer_is_found_by_a_unit_that_does_not_show_the_cabinet() {
    let office = Office::new(3, Shows::PercentOf(2_000), 8_000).days(8, printer);
    assert_eq!(office.baseline.base_mw(), None);
    let found = office.finding();
    assert!((270_000..=310_000).contains(&found.watts_mw), "{found:?}");
    assert_eq!((found.hours, found.regular), (NINE_TO_FIVE, true));
}

#[test]
fn a_phone_charger_at_random_times_is_found_without_hours_of_its_own() {
    for seed in 0..20 {
        for shows in [Shows::Watts, Shows::PercentOf(300)] {
            let mut dice = Dice(seed + 1_000);
            let mut until = 0;
            let mut clock = 0_u64;
            let charger = |_: i32, _: u16| {
                clock += 1;
                if clock >= until && dice.once_in(500) {
                    until = clock + 40 + dice.below(100);
                }
                if clock < until { 15_000 } else { 0 }
            };
            let office = Office::new(seed, shows, 8_000).days(15, charger);
            let found = office.finding();
            assert!((12_000..=19_000).contains(&found.watts_mw), "seed {seed}: {found:?}");
            assert!(!found.regular && found.days >= 5, "seed {seed}: {found:?}");
        }
    }
}

#[test]
fn a_fan_heater_once_is_told_and_forgotten_after_a_fortnight() {
    let heater = |day: i32, minute: u16| if day == 4 && (600..650).contains(&minute) { 1_200_000 } else { 0 };
    let shows = Shows::PercentOf(1_500);
    assert_eq!(Office::new(1, shows, 16_000).days(4, heater).baseline.finding(), None, "not yet");
    let office = Office::new(1, shows, 16_000).days(6, heater);
    let found = office.finding();
    assert!((1_150_000..=1_220_000).contains(&found.watts_mw), "{found:?}");
    assert_eq!((found.hours, found.regular, found.days, found.last_days), (1 << 10, false, 1, 1), "{found:?}");
    assert_eq!(office.days(14, nothing).baseline.finding(), None);
}

#[test]
fn a_small_load_on_one_day_is_not_believed_and_on_two_days_is() {
    let lamp = |days: &'static [i32]| {
        move |day: i32, minute: u16| if days.contains(&day) && minute >= 1_200 { 12_000 } else { 0 }
    };
    assert_eq!(Office::new(5, Shows::Watts, 8_000).days(9, lamp(&[4])).baseline.finding(), None);
    let found = Office::new(5, Shows::Watts, 8_000).days(9, lamp(&[4, 6])).finding();
    assert_eq!((found.hours, found.regular, found.days), (0b1111 << 20, true, 2), "{found:?}");
    assert_eq!((found.since_days, found.last_days), (4, 2), "{found:?}");
}

/// A router that stays: no hour without it, so only the base of before shows it. The base does not follow it for months.
#[test]
fn a_load_that_stays_is_told_for_two_months() {
    let router = |day: i32, _: u16| if day >= 5 { 10_000 } else { 0 };
    let office = Office::new(9, Shows::Watts, 8_000).days(9, router);
    let found = office.finding();
    assert!(found.always && (9_000..=13_500).contains(&found.watts_mw), "{found:?}");
    let office = office.days(56, router);
    assert!(office.finding().always, "{:?}", office.baseline);
}

/// A new display is the cabinet's own: once the config says so, what it draws is learned anew.
#[test]
fn a_correction_of_the_config_begins_anew() {
    let display = |day: i32, _: u16| if day >= 5 { 10_000 } else { 0 };
    let mut office = Office::new(11, Shows::Watts, 8_000).days(9, display);
    assert!(office.finding().always);
    office.own_mw = 20_000;
    let office = office.days(2, display);
    assert_eq!((office.baseline.finding(), office.baseline.days()), (None, 1), "{:?}", office.baseline);
    let office = office.days(5, display);
    assert_eq!((office.baseline.finding(), office.baseline.is_learned()), (None, true), "{:?}", office.baseline);
    assert!(office.baseline.base_mw().expect("learned").abs_diff(18_000) < 3_000);
}

#[test]
fn half_a_year_of_ageing_and_seasons_is_no_finding() {
    for (seed, drift_mw) in [(1, 3_000), (2, -2_000), (3, 4_000)] {
        for shows in [Shows::Watts, Shows::PercentOf(300)] {
            let mut office = Office::new(seed, shows, 8_000);
            office.drift_mw = drift_mw;
            for week in 0..26 {
                office = office.days(7, nothing);
                assert_eq!(office.baseline.finding(), None, "seed {seed}, week {week}: {:#?}", office.baseline);
            }
        }
    }
}

/// A foreign load that runs while the cabinet is learned is no base for ever: the first day without it corrects that.
#[test]
fn learning_may_begin_while_the_printer_runs() {
    let always_then_office = |day: i32, minute: u16| if day < 2 { 300_000 } else { printer(day, minute) };
    let office = Office::new(4, Shows::Watts, 8_000).days(2, always_then_office);
    assert!(office.baseline.base_mw().expect("one day was learned") > 300_000);
    let office = office.days(8, |day, minute| always_then_office(day + 2, minute));
    assert!(office.baseline.base_mw().expect("learned") < 9_000);
    assert!(office.finding().watts_mw > 250_000);
}

#[test]
fn what_the_cabinet_does_itself_never_counts() {
    let mut watch = LoadWatch::default();
    let baseline = Baseline::default();
    for minute in 0..1_440 {
        let at = Civil { day: MONDAY, minute };
        // Busy every other minute: the minutes between are too near to it to count.
        let sample = LoadSample {
            at,
            clock_trusted: true,
            power_mw: Some(60_000),
            step_mw: 0,
            own_mw: 12_000,
            idle: minute % 2 == 0,
        };
        assert_eq!(watch.observe(&baseline, &sample), None);
    }
    let next = Civil { day: MONDAY + 1, minute: 0 };
    let sample =
        LoadSample { at: next, clock_trusted: true, power_mw: Some(8_000), step_mw: 0, own_mw: 12_000, idle: true };
    assert_eq!(watch.observe(&baseline, &sample), None, "nothing was learned of that day");
}

#[test]
fn a_clock_that_is_set_back_or_jumps_ends_the_day_and_nothing_else() {
    let mut watch = LoadWatch::default();
    let mut baseline = Baseline::default();
    let mut learned = Vec::new();
    let mut day_of = |day: i32, watch: &mut LoadWatch| {
        for minute in 0..1_440 {
            let at = Civil { day, minute };
            let sample = LoadSample {
                at,
                clock_trusted: day == MONDAY,
                power_mw: Some(8_000),
                step_mw: 1_000,
                own_mw: 12_000,
                idle: true,
            };
            if let Some(day) = watch.observe(&baseline, &sample) {
                learned.push((day.day, day.clock_trusted, day.judged));
                baseline.learn(day);
            }
        }
    };
    for day in [MONDAY, MONDAY - 9_000, MONDAY + 1, MONDAY + 1, i32::MAX, i32::MIN] {
        day_of(day, &mut watch);
    }
    let all = (1 << 24) - 1;
    assert_eq!(
        learned,
        [
            (MONDAY, true, all),
            (MONDAY - 9_000, false, all),
            // The day that came twice is one.
            (MONDAY + 1, false, all),
            (i32::MAX, false, all)
        ]
    );
    assert_eq!((baseline.finding(), baseline.base_mw()), (None, Some(8_000)));
}

#[test]
fn the_record_and_the_view_are_small_and_come_back() {
    let office = Office::new(2, Shows::Watts, 8_000).days(40, printer);
    let row = serde_json::to_string(&office.baseline).expect("plain data");
    assert!(row.len() < 28 * 200, "{} bytes", row.len());
    assert_eq!(serde_json::from_str::<Baseline>(&row).expect("it reads"), office.baseline);
    assert_eq!(Baseline::learned(&office.baseline.days), office.baseline);
    assert_eq!(office.baseline.days(), DAYS);
}

#[test]
fn power_by_what_the_unit_says() {
    let figures = |load_pct, real_power_mw| UpsFigures { load_pct, real_power_mw, ..UpsFigures::default() };
    assert_eq!(power_of(&figures(Some(5), Some(14_500)), Some(300)), (Some(14_500), 1_000), "measured");
    assert_eq!(power_of(&figures(Some(5), Some(15_000)), Some(300)), (Some(15_000), 3_000), "computed by the driver");
    assert_eq!(power_of(&figures(Some(5), None), Some(300)), (Some(15_000), 3_000));
    assert_eq!(power_of(&figures(Some(5), None), None), (None, 1_000), "percent of nobody knows what");
    assert_eq!(power_of(&figures(None, None), Some(300)), (None, 3_000));
}
