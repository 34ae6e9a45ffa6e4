//! The simulator speaks for the daemon: one outage, played by `cabinetd simulate`'s policy and by the daemon's core, with the same battery
//! and the same people. Both must switch the same way, for the same reasons, at about the same times.
//!
//! The simulator keeps its own small count of what the core's room counts; this is what holds the two together. (No case here is one in
//! which two rows ask within a minute of each other: which is first there hangs on a percent of the charge.)

use crate::story::Story;
use cabinetd::cabinet::fact::Fact;
use cabinetd::cabinet::outage::{Hints, Projection};
use cabinetd::cabinet::power::PowerSettings;
use cabinetd::cabinet::power::policy::{Method, Mode, Why};
use cabinetd::cabinet::types::{ClockQuality, Reason};
use cabinetd::simulate::ours::Ours;
use cabinetd::simulate::world::{Case, play};
use std::fmt::Write as _;

const MIN: u64 = 60_000;
const HOUR: u64 = 60 * MIN;
/// The machine of the stories is down and up in this.
const DOWN_MS: u64 = 8_000;
const UP_MS: u64 = 21_000;
const VISIT_MS: u64 = 45_000;

/// A switch: when, ms since mains failed, to what, why.
type Switch = (u64, Mode, Why);

fn site(sleep: Method) -> PowerSettings {
    let mut power = PowerSettings { sleep, may_order: true, ..PowerSettings::default() };
    let plant = &mut power.plant;
    (plant.shutdown_ms, plant.boot_ms, plant.visit_ms) = (DOWN_MS, UP_MS, VISIT_MS);
    power
}

fn case(start_hour: u16, length_ms: u64, full_mwh: u64, every_ms: u64) -> Case {
    let requests_ms = (1..(length_ms - HOUR).div_ceil(every_ms)).map(|number| number * every_ms).collect();
    Case { length_ms, start_minute: start_hour * 60, requests_ms, full_mwh, storm: false, statements: Vec::new() }
}

fn by_the_simulator(power: &PowerSettings, case: &Case) -> Vec<Switch> {
    let prior = Projection::built_in();
    let mut ours = Ours::new(power, &prior, Hints::default());
    play(&power.plant, power.sleep, case, &mut ours, None);
    ours.switches().to_vec()
}

fn wall_ms(story: &Story) -> u64 {
    story.now().wall.0.unsigned_abs()
}

fn by_the_daemon(power: &PowerSettings, case: &Case) -> Vec<Switch> {
    let mut story = Story::on_a_ups(|settings| *settings = power.clone());
    if power.sleep.is_deep() {
        story.proves(power.sleep);
        // What the drill took is charged again.
        story.wait_min(10 * 60);
    }
    let ups = story.ups_mut();
    (ups.capacity_mwh, ups.low_at_pct) = (case.full_mwh, 20);
    story.battery_has_pct(100);
    story.polls();
    let minutes = i64::from(case.start_minute) - i64::from(story.now().civil.minute);
    story.clock_jumps_s(minutes.rem_euclid(24 * 60) * 60);
    story.news();
    let begun = story.records().len();
    let began_ms = wall_ms(&story);
    story.mains_fails();
    for request_ms in &case.requests_ms {
        let at_ms = began_ms + request_ms;
        lives_until(&mut story, at_ms);
        if matches!(story.cabinet.power_mode(), Mode::Manual { .. }) {
            break;
        }
        visits(&mut story);
    }
    let switch = |stamp_ms: u64, fact: &Fact| match fact {
        Fact::PowerSwitched { to, why, .. } => Some((stamp_ms.saturating_sub(began_ms), *to, *why)),
        _ => None,
    };
    story.records()[begun..]
        .iter()
        .filter_map(|record| switch(record.stamp.wall.0.unsigned_abs(), &record.fact))
        .collect()
}

/// Up to this moment. A machine that goes off is woken just then.
fn lives_until(story: &mut Story, wall_at_ms: u64) {
    while wall_ms(story) < wall_at_ms {
        if story.cabinet.power_mode() == (Mode::Asleep { method: Method::UpsOff }) {
            story.goes_down();
            let dark_ms = wall_at_ms.saturating_sub(wall_ms(story)) + UP_MS - 1_000;
            return story.boots(dark_ms / 1_000, 0, ClockQuality::Synced);
        }
        let left_ms = wall_at_ms - wall_ms(story);
        story.wait_ms(left_ms.min(1_000));
    }
}

/// Badge, PIN, a key looked at and hung back, the door shut.
fn visits(story: &mut Story) {
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.take(4);
    story.wait_s(20);
    story.put(4);
    story.wait_ms(VISIT_MS - 20_000);
    story.closes();
}

fn shown(switches: &[Switch]) -> String {
    let mut text = String::new();
    for (at_ms, mode, why) in switches {
        let _ = writeln!(text, "  {:>6} s {mode:?} ({why:?})", at_ms / 1_000);
    }
    text
}

#[track_caller]
fn the_same(power: &PowerSettings, case: &Case, within_ms: u64) {
    let (simulated, real) = (by_the_simulator(power, case), by_the_daemon(power, case));
    let both = || format!("simulated:\n{}in truth:\n{}", shown(&simulated), shown(&real));
    assert!(simulated.len() >= 6, "too little happens: {}", both());
    // The last visit's own end is not waited for.
    let common = simulated.len().min(real.len());
    assert!(simulated.len() - common <= 4 && real.len() - common <= 4, "{}", both());
    for (one, other) in simulated.iter().zip(&real) {
        assert_eq!((one.1, one.2), (other.1, other.2), "{}", both());
        assert!(one.0.abs_diff(other.0) <= within_ms, "at {} s and {} s: {}", one.0 / 1_000, other.0 / 1_000, both());
    }
}

#[test]
fn a_working_day_in_standby() {
    the_same(&site(Method::Standby), &case(9, 8 * HOUR, 70_000, 50 * MIN), 90_000);
}

#[test]
fn an_afternoon_and_a_night_switched_off() {
    the_same(&site(Method::UpsOff), &case(10, 20 * HOUR, 66_000, 70 * MIN), 90_000);
}

#[test]
fn a_storm_by_night_on_a_good_battery() {
    the_same(&site(Method::UpsOff), &case(23, 30 * HOUR, 100_000, 100 * MIN), 90_000);
}

#[test]
fn a_small_battery_whose_budget_asks() {
    let mut power = site(Method::UpsOff);
    power.plant.nameplate_mwh = 60_000;
    let case = case(12, 12 * HOUR, 45_000, 50 * MIN);
    assert!(by_the_simulator(&power, &case).iter().any(|(.., why)| *why == Why::Budget));
    // What the battery holds is learned from the charge's whole percents here, which the two hear at other moments: half a Wh.
    the_same(&power, &case, 300_000);
}
