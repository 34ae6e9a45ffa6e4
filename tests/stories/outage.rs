//! An outage from its first second to its last: when it counts, when the battery is saved, and when it is over.

use crate::story::Story;
use cabinetd::cabinet::event::StoreState;
use cabinetd::cabinet::fact::Fact;
use cabinetd::cabinet::power::policy::{Method, Mode, Remembered};
use cabinetd::cabinet::power::state::Told;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
pub const RESTORING: Mode = Mode::Restoring { remembered: Remembered::Conserve };
pub const STANDBY: Mode = Mode::Asleep { method: Method::Standby };

/// An outage that has got past its grace.
pub fn in_normal() -> Story {
    let mut story = Story::on_a_ups(|_| {});
    story.mains_fails();
    story.wait_s(120);
    story.expect_mode(Mode::Normal);
    story.news();
    story
}

/// An outage so long that the battery is saved; somebody was here a moment ago.
pub fn in_conserve() -> Story {
    let mut story = in_normal();
    story.wait_min(90);
    story.presses_the_button();
    story.expect_mode(Mode::Conserve);
    story.news();
    story
}

// ---------------------------------------------------------------- the beginning

#[test]
fn a_flicker_is_one_record_and_no_outage() {
    let mut story = Story::on_a_ups(|_| {});
    story.mains_fails();
    story.expect_mode(Mode::Grace);
    story.wait_s(20);
    story.mains_returns();
    story.wait_ms(9_999);
    story.expect_mode(Mode::Grace);
    story.wait_ms(1);
    story.expect_records(&[
        "supply: on line → on battery",
        "power: Grace (mains-lost)",
        "supply: on battery → on line",
        "power: Line (flicker)",
    ]);
    assert!(story.power().outage.is_none() && story.power().history.is_empty());
}

#[test]
fn flickers_in_a_row_are_one_grace_until_mains_has_been_back_for_ten_seconds() {
    let mut story = Story::on_a_ups(|_| {});
    for _ in 0..4 {
        story.mains_fails();
        story.wait_s(9);
        story.mains_returns();
        story.wait_s(9);
    }
    story.expect_mode(Mode::Grace);
    story.wait_s(1);
    story.expect_power(&["power: Grace (mains-lost)", "power: Line (flicker)"]);
}

#[test]
fn two_minutes_on_battery_are_an_outage_to_reckon_with() {
    let mut story = Story::on_a_ups(|_| {});
    story.mains_fails();
    story.wait_ms(119_999);
    story.expect_mode(Mode::Grace);
    story.wait_ms(1);
    story.expect_power(&["power: Grace (mains-lost)", "power: Normal (grace-over)"]);
}

#[test]
fn a_battery_that_is_low_at_once_is_no_flicker() {
    let mut story = Story::on_a_ups(|_| {});
    story.battery_has_pct(9);
    story.mains_fails();
    story.expect_power(&["power: Grace (mains-lost)", "power: Normal (low-at-once)"]);
}

#[test]
fn low_battery_at_95_percent_changes_nothing_until_it_is_said_three_times() {
    let mut story = Story::on_a_ups(|_| {});
    story.battery_has_pct(95);
    story.ups_mut().tokens.push("LB");
    story.mains_fails();
    story.wait_s(119);
    // Charge and energy say otherwise: it is not believed at once, and the grace is not cut short.
    story.expect_power(&["power: Grace (mains-lost)"]);
    story.wait_s(1);
    // But who keeps saying it for minutes may know something.
    story.expect_power(&["power: Normal (grace-over)", "power: Conserve (low-thrice)"]);
    story.ups_says_no_more("LB");
    story.wait_min(5);
    story.expect_power(&["power: FallingAsleep by standby (idle)", "power: Asleep in standby (ready)"]);
    story.presses_the_button();
    story.expect_mode(Mode::Conserve);
}

#[test]
fn a_self_test_is_no_outage() {
    let mut story = Story::on_a_ups(|_| {});
    story.ups_mut().tokens.push("CAL");
    story.mains_fails();
    story.wait_min(20);
    story.expect_records(&[]);
    story.mains_returns();
    story.ups_says_no_more("CAL");
    story.expect_records(&[]);
    story.expect_mode(Mode::Line);
}

// ---------------------------------------------------------------- when to conserve

#[test]
fn an_outage_that_is_expected_to_last_four_hours_is_too_long_whatever_the_battery() {
    let mut story = Story::on_a_ups(|power| power.plant.nameplate_mwh = 2_000_000);
    story.mains_fails();
    story.wait_min(100);
    story.expect_power(&["power: Grace (mains-lost)", "power: Normal (grace-over)"]);
    story.wait_min(20);
    story.expect_power(&[
        "power: Conserve (too-long)",
        "power: FallingAsleep by standby (idle)",
        "power: Asleep in standby (ready)",
    ]);
    let total_ms = story.switches().iter().find(|(_, to, _)| *to == Mode::Conserve).map(|(_, _, f)| f.total_ms);
    assert!(total_ms.is_some_and(|ms| (4 * HOUR_MS..4 * HOUR_MS + 5 * MINUTE_MS).contains(&ms)), "{total_ms:?}");
}

#[test]
fn a_large_battery_may_be_told_to_conserve_only_if_needed() {
    let mut story = Story::on_a_ups(|power| {
        power.plant.nameplate_mwh = 3_000_000;
        power.rules.only_if_needed = true;
    });
    story.mains_fails();
    story.wait_min(8 * 60);
    story.expect_power(&["power: Grace (mains-lost)", "power: Normal (grace-over)"]);
    // Its time comes: what is left does not cover the longest of twenty such outages any more.
    story.battery_has_pct(25);
    story.wait_s(5);
    story.expect_power(&["power: Conserve (too-long)"]);
}

#[test]
fn an_outage_of_three_hours_is_too_long_for_a_battery_that_does_not_cover_it() {
    let mut story = in_normal();
    story.wait_min(80);
    let (_, _, figures) = *story.switches().iter().find(|(_, to, _)| *to == Mode::Conserve).expect("it conserves");
    assert!((3 * HOUR_MS..4 * HOUR_MS).contains(&figures.total_ms), "{figures:?}");
    story.expect_power(&[
        "power: Conserve (long-and-uncovered)",
        "power: FallingAsleep by standby (idle)",
        "power: Asleep in standby (ready)",
    ]);
}

#[test]
fn a_small_battery_asks_for_it_before_the_hours_do() {
    let mut story = Story::on_a_ups(|power| {
        power.sleep = Method::UpsOff;
        power.may_order = true;
        power.plant.nameplate_mwh = 40_000;
    });
    story.proves(Method::UpsOff);
    story.mains_fails();
    story.wait_min(2);
    story.expect_power(&["power: Grace (mains-lost)", "power: Conserve (grace-over-tight)"]);
    story.expect_mode(Mode::Conserve);
}

#[test]
fn the_budget_never_waits_for_five_minutes_of_normal() {
    let mut story = Story::on_a_ups(|power| {
        power.sleep = Method::UpsOff;
        power.may_order = true;
    });
    story.proves(Method::UpsOff);
    story.mains_fails();
    story.wait_min(3);
    story.expect_power(&["power: Grace (mains-lost)", "power: Normal (grace-over)"]);
    story.battery_has_pct(40);
    story.wait_s(5);
    story.expect_power(&["power: Conserve (budget)"]);
}

/// Sleep in standby alone would empty the battery: there is no budget to be kept, and the hours decide.
#[test]
fn where_only_standby_is_proved_the_budget_does_not_ask() {
    let mut story = in_normal();
    story.battery_has_pct(40);
    story.wait_min(30);
    story.expect_power(&[]);
    story.expect_mode(Mode::Normal);
}

#[test]
fn a_storm_told_in_the_middle_makes_the_outage_longer() {
    let mut story = in_normal();
    story.wait_min(45);
    story.expect_power(&[]);
    story.tells(Told::Storm { is: true });
    story.expect_power(&["told: Storm { is: true }", "power: Conserve (too-long)"]);
}

#[test]
fn a_storm_told_before_it_counts_from_the_first_second_and_for_two_days() {
    let mut story = Story::on_a_ups(|_| {});
    story.tells(Told::Storm { is: true });
    story.mains_fails();
    assert!(story.outage().hints.storm);
    story.wait_min(47);
    story.presses_the_button();
    story.expect_power(&[
        "told: Storm { is: true }",
        "power: Grace (mains-lost)",
        "power: Normal (grace-over)",
        "power: Conserve (long-and-uncovered)",
        "power: FallingAsleep by standby (idle)",
        "power: Asleep in standby (ready)",
        "power: Conserve (someone-came)",
    ]);
    story.mains_returns();
    story.wait_min(4);
    story.expect_mode(Mode::Line);
    // A storm brings more than one.
    story.mains_fails();
    assert!(story.outage().hints.storm);
    story.mains_returns();
    story.wait_min(48 * 60);
    story.mains_fails();
    assert!(!story.outage().hints.storm);
}

#[test]
fn a_visitor_is_not_hurried_by_the_projection() {
    let mut story = in_normal();
    story.wait_min(68);
    story.comes("ana");
    story.pull("204", cabinetd::cabinet::types::Reason::WorkOrder);
    story.door_opens();
    story.news();
    for _ in 0..8 {
        story.wait_min(1);
        story.take(4);
        story.wait_min(1);
        story.put(4);
    }
    story.expect_mode(Mode::Normal);
    story.closes();
    story.expect_power(&["power: Conserve (long-and-uncovered)"]);
}

// ---------------------------------------------------------------- silence

#[test]
fn two_minutes_of_silence_on_battery_are_a_reason_to_save_it() {
    let mut story = in_normal();
    story.ups_falls_silent();
    story.wait_s(114);
    story.expect_mode(Mode::Normal);
    story.wait_s(10);
    story.expect_power(&["power: Conserve (silent)"]);
    story.expect_alarms(&["ups-unreachable"]);
}

#[test]
fn one_lost_answer_is_no_silence() {
    let mut story = in_normal();
    for _ in 0..40 {
        story.ups_falls_silent();
        story.wait_s(4);
        story.ups_speaks_again();
        story.wait_s(4);
    }
    story.expect_records(&[]);
    story.expect_mode(Mode::Normal);
}

/// Hours without a word: the state is kept on the cabinet's own count, and only when that is empty it is the cabinet key.
#[test]
fn silence_alone_is_never_manual_and_an_empty_model_is() {
    let mut story = in_normal();
    story.ups_falls_silent();
    story.wait_min(4);
    story.expect_power(&[
        "power: Conserve (silent)",
        "power: FallingAsleep by standby (idle)",
        "power: Asleep in standby (ready)",
    ]);
    story.wait_min(5 * 60);
    story.expect_power(&[]);
    assert!(story.cabinet.energy_left_mwh().is_some_and(|left| left < 15_000));
    story.wait_min(90);
    story.expect_power(&["power: FallingAsleep by standby, then Manual (empty)", "power: Manual (ready)"]);
    story.expect_alarms(&["ups-unreachable", "cabinet-key-only"]);
    story.expect_told("Only the cabinet key opens");
}

#[test]
fn a_battery_without_a_charge_figure_is_known_by_its_drain() {
    let mut story = Story::on_a_ups(|_| {});
    story.ups_mut().tells_charge = false;
    story.mains_fails();
    story.wait_min(60);
    // 20 W are 24 W to this battery.
    let left = story.cabinet.energy_left_mwh().expect("a UPS");
    assert!((56_000..57_500).contains(&left), "{left}");
    assert!(left.abs_diff(story.ups_mut().left_mwh()) < 100);
}

#[test]
fn zero_percent_of_a_unit_that_carries_its_load_is_not_believed() {
    let mut story = in_normal();
    story.ups_mut().lies_pct = Some(0);
    story.wait_min(10);
    story.expect_power(&[]);
    story.expect_mode(Mode::Normal);
}

// ---------------------------------------------------------------- back to Normal

#[test]
fn an_ample_battery_and_a_short_outage_are_no_reason_to_sleep() {
    let mut story = Story::on_a_ups(|power| power.plant.nameplate_mwh = 2_000_000);
    story.mains_fails();
    story.wait_min(3);
    story.ups_falls_silent();
    story.wait_min(4);
    story.ups_speaks_again();
    story.expect_power(&[
        "power: Grace (mains-lost)",
        "power: Normal (grace-over)",
        "power: Conserve (silent)",
        "power: FallingAsleep by standby (idle)",
        "power: Asleep in standby (ready)",
    ]);
    story.presses_the_button();
    story.wait_min(2);
    // Five minutes of Conserve are not over.
    story.expect_power(&[
        "power: Conserve (someone-came)",
        "power: FallingAsleep by standby (idle)",
        "power: Asleep in standby (ready)",
    ]);
    // Asleep nobody asks.
    story.wait_min(5);
    story.expect_power(&[]);
    story.presses_the_button();
    // Sleep included, so that the first visitor finds it back in Normal.
    story.expect_power(&["power: Conserve (someone-came)", "power: Normal (short-and-ample)"]);
}

// ---------------------------------------------------------------- mains comes and goes

#[test]
fn an_outage_is_over_when_mains_has_been_back_for_three_minutes() {
    let mut story = in_normal();
    story.wait_min(20);
    story.mains_returns();
    story.expect_power(&["power: Restoring, remembering Normal (mains-back)"]);
    story.wait_ms(3 * MINUTE_MS - 1);
    story.expect_power(&[]);
    story.wait_ms(1);
    story.expect_power(&["power: Line (mains-for-good)", "outage over: 22 min, 0 flaps, 0 visits, 0 sleeps"]);
    let history = story.power().history.clone();
    // Without the three minutes.
    assert_eq!(history.iter().map(|past| past.lasted_ms).collect::<Vec<_>>(), [22 * MINUTE_MS]);
}

#[test]
fn flapping_mains_is_one_outage_and_its_time_in_normal_runs_on() {
    let mut story = in_normal();
    story.tells(Told::Storm { is: true });
    story.tells(Told::EndsIn { ms: 48 * HOUR_MS });
    story.news();
    let outage = story.outage().id;
    for flap in 1..=4 {
        story.wait_s(66);
        story.mains_returns();
        story.expect_mode(Mode::Restoring { remembered: Remembered::Normal });
        story.wait_s(30);
        story.mains_fails();
        story.expect_mode(Mode::Normal);
        assert_eq!((story.outage().id, story.outage().flaps), (outage, flap));
        story.news();
    }
    // Four times 66 s are 264 s: the rest of five minutes, not five minutes anew.
    story.wait_s(35);
    story.expect_power(&[]);
    story.wait_s(1);
    story.expect_power(&["power: Conserve (too-long)"]);
    story.wait_s(20);
    story.mains_returns();
    story.wait_s(60);
    story.mains_fails();
    story.expect_power(&["power: Restoring, remembering Conserve (mains-back)", "power: Conserve (mains-lost-again)"]);
    story.mains_returns();
    story.wait_ms(15 * MINUTE_MS - 1);
    story.expect_power(&["power: Restoring, remembering Conserve (mains-back)"]);
    story.wait_ms(1);
    story.expect_power(&["power: Line (mains-for-good)", "outage over: 10 min, 5 flaps, 0 visits, 0 sleeps"]);
}

#[test]
fn one_lost_answer_does_not_begin_the_settling_anew_but_a_silence_does() {
    let mut story = in_normal();
    story.mains_returns();
    story.wait_s(100);
    story.ups_falls_silent();
    story.ups_speaks_again();
    story.wait_s(80);
    story.expect_mode(Mode::Line);

    let mut story = in_normal();
    story.mains_returns();
    story.wait_s(100);
    story.ups_falls_silent();
    story.polls();
    story.ups_speaks_again();
    story.wait_s(179);
    story.expect_mode(Mode::Restoring { remembered: Remembered::Normal });
    story.wait_s(1);
    story.expect_mode(Mode::Line);
}

#[test]
fn mains_back_wakes_it_from_standby() {
    let mut story = in_conserve();
    story.wait_min(2);
    story.expect_mode(STANDBY);
    story.news();
    story.mains_returns();
    // More than half of a full battery went: that tells what it holds.
    story.expect_power(&["power: Restoring, remembering Conserve (mains-back)", "battery measured"]);
    assert!(story.energised().is_empty() && !story.paced_slowly);
}

#[test]
fn the_end_of_an_outage_tells_its_figures() {
    let mut story = in_normal();
    story.wait_min(10);
    story.pulls("ana", 4);
    story.wait_min(5);
    story.mains_returns();
    story.wait_s(60);
    story.mains_fails();
    story.wait_min(80);
    story.expect_mode(STANDBY);
    story.pulls("bob", 5);
    story.wait_min(3);
    story.mains_returns();
    story.wait_min(15);
    let ended = story.records().iter().rev().find_map(|record| match record.fact {
        Fact::OutageEnded { least_ms, most_ms, flaps, sessions, sleeps, spent_mwh, drill, .. } => {
            Some((least_ms, most_ms, flaps, sessions, sleeps, spent_mwh, drill))
        }
        _ => None,
    });
    let (least_ms, most_ms, flaps, sessions, sleeps, spent_mwh, drill) = ended.expect("it ended");
    assert_eq!((flaps, sessions, sleeps, drill), (1, 2, 2, false));
    assert_eq!(least_ms, most_ms);
    assert!((100 * MINUTE_MS..102 * MINUTE_MS).contains(&least_ms), "{least_ms}");
    let physical = story.ups_mut().capacity_mwh * 13 / 100;
    assert!(spent_mwh > physical, "{spent_mwh}");
}

// ---------------------------------------------------------------- what the site remembers

#[test]
fn only_real_outages_of_two_minutes_and_more_are_taught() {
    let mut story = Story::on_a_ups(|_| {});
    // A flicker.
    story.mains_fails();
    story.wait_s(60);
    story.mains_returns();
    story.wait_min(1);
    // 119 s, with a grace that was cut short.
    story.battery_has_pct(9);
    story.mains_fails();
    story.wait_s(119);
    story.mains_returns();
    story.battery_has_pct(100);
    story.wait_min(4);
    story.expect_mode(Mode::Line);
    assert!(story.power().history.is_empty());
    // Two minutes.
    story.mains_fails();
    story.wait_s(121);
    story.mains_returns();
    story.wait_min(4);
    story.expect_mode(Mode::Line);
    assert_eq!(story.power().history_ms(), [121_000]);
    // A drill.
    story.wait_min(600);
    story.proves_standby();
    assert_eq!(story.power().history_ms(), [121_000]);
}

#[test]
fn the_last_32_outages_are_remembered() {
    let mut story = Story::on_a_ups(|power| power.plant.nameplate_mwh = 2_000_000);
    for minutes in 1..=40 {
        story.mains_fails();
        story.wait_min(2 + minutes);
        story.mains_returns();
        story.wait_min(4);
        story.expect_mode(Mode::Line);
    }
    let history = story.power().history_ms();
    assert_eq!(history.len(), 32);
    assert_eq!((history[0], history[31]), (11 * MINUTE_MS, 42 * MINUTE_MS));
}

// ---------------------------------------------------------------- in the middle of it

/// Whatever the moment, a core that is rebuilt from the disk decides as the one before it.
#[test]
fn a_core_rebuilt_in_the_middle_of_an_outage_decides_the_same() {
    let script = |rebuilds: bool| {
        let mut story = Story::on_a_ups(|_| {});
        let step = |story: &mut Story, what: &mut dyn FnMut(&mut Story)| {
            what(story);
            if rebuilds {
                story.rebuild(StoreState::Writable);
                story.read_lines();
                story.polls();
            }
        };
        step(&mut story, &mut Story::mains_fails);
        step(&mut story, &mut |story| story.wait_s(60));
        step(&mut story, &mut |story| story.wait_s(70));
        step(&mut story, &mut |story| story.wait_min(50));
        step(&mut story, &mut |story| story.wait_min(50));
        step(&mut story, &mut |story| story.pulls("ana", 4));
        step(&mut story, &mut |story| story.wait_min(3));
        step(&mut story, &mut Story::presses_the_button);
        step(&mut story, &mut |story| story.wait_min(3));
        step(&mut story, &mut Story::mains_returns);
        step(&mut story, &mut |story| story.wait_s(100));
        step(&mut story, &mut Story::mains_fails);
        step(&mut story, &mut |story| story.wait_min(2));
        step(&mut story, &mut Story::mains_returns);
        step(&mut story, &mut |story| story.wait_min(17));
        story.expect_mode(Mode::Line);
        assert!(story.energised().is_empty() && !story.paced_slowly);
        story.news().into_iter().filter(|said| said.starts_with("power") || said.contains("outage")).collect::<Vec<_>>()
    };
    let (plain, rebuilt) = (script(false), script(true));
    assert!(plain.len() > 15, "{plain:#?}");
    assert_eq!(plain, rebuilt);
}

#[test]
fn a_rebuilt_core_counts_nobody_as_come() {
    let mut story = in_conserve();
    story.wait_min(2);
    story.expect_mode(STANDBY);
    story.news();
    story.rebuild(StoreState::Writable);
    story.read_lines();
    story.wait_min(30);
    story.expect_power(&[]);
    story.expect_mode(STANDBY);
    // And who comes then finds the loads on again.
    assert!(!story.energised().is_empty() && story.paced_slowly);
    story.presses_the_button();
    story.expect_mode(Mode::Conserve);
    assert!(story.energised().is_empty() && !story.paced_slowly);
}

/// The very first thing that a rebuilt core hears is the one who wakes it: the loads that its predecessor shed come on again.
#[test]
fn what_a_core_that_is_gone_has_shed_is_switched_on_by_the_next_one() {
    let mut story = in_conserve();
    story.wait_min(2);
    assert!(!story.energised().is_empty() && story.paced_slowly);
    story.rebuild(StoreState::Writable);
    story.presses_the_button();
    story.expect_mode(Mode::Conserve);
    assert!(story.energised().is_empty() && !story.paced_slowly);
}

#[test]
fn a_full_disk_keeps_the_door_shut_and_the_policy_going() {
    let mut story = Story::on_a_ups(|_| {});
    story.store(StoreState::Reserve);
    story.news();
    story.mains_fails();
    story.wait_min(100);
    story.expect_power(&[
        "power: Grace (mains-lost)",
        "power: Normal (grace-over)",
        "power: Conserve (long-and-uncovered)",
        "power: FallingAsleep by standby (idle)",
        "power: Asleep in standby (ready)",
    ]);
    let energy_booked = |story: &Story| {
        story.records().iter().filter(|record| matches!(record.fact, Fact::EnergyBooked { .. })).count()
    };
    assert_eq!(energy_booked(&story), 0, "the reserve is for what must be kept");
    story.badge("ana");
    story.expect_power(&["power: Conserve (someone-came)"]);
    story.expect_told("the disk is full");
    story.wait_min(5);
    story.store(StoreState::Writable);
    story.mains_returns();
    story.wait_min(4);
    story.expect_mode(Mode::Line);
    story.expect_alarms(&[]);
}

/// The switches of a whole long outage are few; the reserve has room for a thousand records.
#[test]
fn an_outage_on_a_full_disk_takes_little_of_the_reserve() {
    let mut story = Story::on_a_ups(|_| {});
    story.store(StoreState::Reserve);
    story.news();
    story.mains_fails();
    for _ in 0..20 {
        story.wait_min(15);
        story.presses_the_button();
    }
    story.mains_returns();
    story.wait_min(4);
    let news = story.news();
    assert!(news.len() < 80, "{} records: {news:#?}", news.len());
}

#[test]
fn without_a_ups_there_is_no_policy_and_what_was_open_waits() {
    let mut story = in_conserve();
    story.starts_with(|settings| settings.power = None);
    story.expect_mode(Mode::Line);
    story.wait_min(600);
    story.pulls("ana", 4);
    story.expect_custody("204", "out with ana for work-order");
}
