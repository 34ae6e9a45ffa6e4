//! Outages whose end can be reckoned on paper.

use super::*;
use crate::cabinet::power::policy::Rules;
use crate::simulate::policy::Simple;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

fn case(length_ms: u64, requests_ms: &[u64], full_mwh: u64) -> Case {
    Case {
        length_ms,
        start_minute: 600,
        requests_ms: requests_ms.to_vec(),
        full_mwh,
        storm: false,
        statements: Vec::new(),
    }
}

/// 20 W that the battery feels as 20 W: lithium.
fn plant() -> Plant {
    Plant { peukert_milli: 1_000, ..Plant::default() }
}

#[test]
fn always_on_serves_at_once_until_the_battery_is_empty() {
    // 40 Wh at 20 W: two hours. The visit that the battery does not outlive is lost, like all after it.
    let case = case(4 * HOUR, &[MINUTE, HOUR, 2 * HOUR - 30_000, 3 * HOUR], 40_000);
    let played = play(&plant(), Method::UpsOff, &case, &mut Simple::always_on(&Rules::default()), None);
    assert_eq!(played.ends, [End::AtOnce, End::AtOnce, End::Lost, End::Lost]);
    assert_eq!(played.dark_at_ms, Some(2 * HOUR));
}

#[test]
fn who_finds_it_asleep_waits_for_the_boot_and_the_next_one_for_its_rest() {
    // Asleep after a minute; boot 45 s; both are served one after the other, 90 s; then 60 s idle, 10 s down.
    let at = HOUR;
    let down = at + 45_000 + 90_000 + 60_000;
    let case = case(3 * HOUR, &[at, at + 20_000, down + 4_000], 80_000);
    let mut trace = Vec::new();
    let played = play(&plant(), Method::UpsOff, &case, &mut Simple::wake_at_once(&Rules::default()), Some(&mut trace));
    // The third comes on the way down: 6 s of it are left, and then a boot.
    assert_eq!(
        played.ends,
        [End::Late { wait_ms: 45_000 }, End::Late { wait_ms: 25_000 }, End::Late { wait_ms: 51_000 }]
    );
    assert_eq!((played.dark_at_ms, played.sleeps), (None, 3));
    // Awake: 60 + 10 s, 45 + 90 + 60 + 10 s, 45 + 45 + 60 + 10 s, at 20 W; asleep it draws nothing.
    let left_mwh = trace.last().expect("it has an end").left_mwh;
    assert_eq!(left_mwh, 80_000 - 20_000 * (70 + 205 + 160) / 3_600 - 1);
}

#[test]
fn standby_wakes_at_once_and_draws_all_the_while() {
    let case = case(3 * HOUR, &[HOUR], 80_000);
    let mut trace = Vec::new();
    let played = play(&plant(), Method::Standby, &case, &mut Simple::wake_at_once(&Rules::default()), Some(&mut trace));
    assert_eq!(played.ends, [End::AtOnce]);
    let awake_s = 60 + 45 + 60;
    let drawn_mwh = (20_000 * awake_s + 12_000 * (3 * 3_600 - awake_s)) / 3_600;
    assert!(trace.last().expect("it has an end").left_mwh.abs_diff(80_000 - drawn_mwh) <= 1);
}

#[test]
fn a_halted_machine_is_woken_by_its_clock_for_nobody() {
    let case = case(5 * HOUR + 30 * MINUTE, &[], 80_000);
    let mut trace = Vec::new();
    let _ = play(&plant(), Method::Halt, &case, &mut Simple::wake_at_once(&Rules::default()), Some(&mut trace));
    let nights = trace.iter().filter(|point| point.body == Body::GoingDown).count();
    assert_eq!(nights, 6, "asleep after a minute, and again after each of five hours");
}

#[test]
fn mains_that_comes_back_serves_whoever_waits() {
    let case = case(HOUR + 10_000, &[HOUR], 80_000);
    let played = play(&plant(), Method::UpsOff, &case, &mut Simple::wake_at_once(&Rules::default()), None);
    assert_eq!(played.ends, [End::Late { wait_ms: 45_000 }]);
}

#[test]
fn off_is_off() {
    let case = case(2 * HOUR, &[MINUTE, HOUR], 80_000);
    let played = play(&plant(), Method::UpsOff, &case, &mut Simple::off_after_30_min(&Rules::default()), None);
    assert_eq!(played.ends, [End::AtOnce, End::Lost]);
    assert_eq!(played.dark_at_ms, Some(30 * MINUTE + 10_000));
}
