//! Starts in the middle of an outage: of the machine or the process alone, with a clock that knows the time and with one that does not,
//! finding mains, battery or silence.

use crate::outage::{RESTORING, STANDBY, in_conserve, in_normal};
use crate::story::Story;
use cabinetd::cabinet::outage::Elapsed;
use cabinetd::cabinet::power::UpsSilence;
use cabinetd::cabinet::power::policy::{Mode, Remembered};
use cabinetd::cabinet::types::{ClockQuality, Input, Level, Reason, SlotNo};

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const UNSEEN_MS: u64 = 96 * HOUR_MS;

fn elapsed(story: &Story) -> Elapsed {
    story.outage().elapsed(story.now().stamp())
}

// ---------------------------------------------------------------- the machine

#[test]
fn a_start_on_battery_goes_on_in_conserve() {
    for clock in [ClockQuality::Synced, ClockQuality::Rtc, ClockQuality::Restored, ClockQuality::Unknown] {
        let mut story = in_normal();
        story.boots(600, 20_000, clock);
        story.expect_power(&["power: Conserve (started-on-battery)"]);
    }
}

#[test]
fn a_start_on_mains_settles() {
    let mut story = in_normal();
    story.ups_mut().on_mains = true;
    story.boots(600, 0, ClockQuality::Synced);
    story.expect_power(&["power: Restoring, remembering Normal (started-on-line)"]);
    story.mains_fails();
    story.expect_power(&["power: Normal (mains-lost-again)"]);
}

#[test]
fn a_start_with_a_silent_ups_waits_five_seconds_and_goes_on_in_conserve() {
    let mut story = in_normal();
    story.ups_mut().silence = Some(UpsSilence::DriverGone);
    story.comes_up(60, 20_000, ClockQuality::Synced, |_| {});
    story.wait_ms(4_999);
    story.expect_power(&[]);
    story.wait_ms(1);
    story.expect_power(&["power: Conserve (started-on-battery)"]);
    // The first word comes late and is heard all the same.
    story.wait_s(20);
    story.ups_mut().on_mains = true;
    story.ups_speaks_again();
    story.expect_power(&["power: Restoring, remembering Conserve (mains-back)"]);
}

/// Whoever pressed the button may badge before the UPS has spoken.
#[test]
fn nobody_waits_for_the_ups_to_be_served() {
    let mut story = in_normal();
    story.ups_mut().silence = Some(UpsSilence::Waiting);
    story.comes_up(60, 20_000, ClockQuality::Synced, |_| {});
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.expect_unlocked();
}

#[test]
fn a_start_on_line_that_finds_the_battery_is_the_beginning_of_an_outage() {
    let mut story = Story::on_a_ups(|_| {});
    story.ups_mut().on_mains = false;
    story.boots(60, 20_000, ClockQuality::Restored);
    story.expect_power(&["power: Grace (mains-lost)"]);
    assert_eq!(elapsed(&story), Elapsed::exactly(0));
}

#[test]
fn a_start_on_line_is_no_news() {
    let mut story = in_normal();
    story.mains_returns();
    story.wait_min(4);
    story.news();
    story.boots(60, 20_000, ClockQuality::Synced);
    story.wait_min(10);
    story.expect_power(&[]);
}

// ---------------------------------------------------------------- the clock

#[test]
fn with_a_clock_that_knows_the_elapsed_time_is_exact() {
    let mut story = in_normal();
    story.boots(3 * 3_600, 20_000, ClockQuality::Rtc);
    assert_eq!(elapsed(&story), Elapsed::exactly(2 * MINUTE_MS + 3 * HOUR_MS + 1_000));
}

#[test]
fn with_one_that_does_not_it_is_an_interval_whose_longer_end_decides() {
    let mut story = in_normal();
    story.boots(1_800, 20_000, ClockQuality::Restored);
    let up_ms = 21_000;
    let least_ms = 2 * MINUTE_MS + up_ms;
    assert_eq!(elapsed(&story), Elapsed { least_ms, most_ms: least_ms + UNSEEN_MS });
    // By the shorter end this is an outage of minutes and no reason to save anything; by the longer one there is no way back to Normal.
    story.battery_has_pct(100);
    for _ in 0..5 {
        story.wait_min(10);
        story.presses_the_button();
    }
    story.expect_mode(Mode::Conserve);
    let view = story.cabinet.power_view(story.now()).and_then(|view| view.outage).expect("an outage");
    assert!(view.total_ms > UNSEEN_MS, "{}", view.total_ms);
    // Another start does not add another four days.
    story.boots(1_800, 20_000, ClockQuality::Restored);
    let Elapsed { least_ms, most_ms } = elapsed(&story);
    assert_eq!(most_ms - least_ms, UNSEEN_MS);
}

#[test]
fn it_closes_when_the_clock_becomes_known() {
    let mut story = in_normal();
    story.boots(3 * 3_600, 20_000, ClockQuality::Restored);
    story.wait_min(10);
    assert!(elapsed(&story).most_ms > UNSEEN_MS);
    story.clock_becomes_known();
    let exact_ms = 2 * MINUTE_MS + 3 * HOUR_MS + 1_000 + 10 * MINUTE_MS;
    assert_eq!(elapsed(&story), Elapsed::exactly(exact_ms));
    story.expect_record("clock corrected by 10780 s");
    // And it stays closed over the next start without a clock, as far as it goes.
    story.wait_min(1);
    story.presses_the_button();
    story.boots(600, 20_000, ClockQuality::Restored);
    let Elapsed { least_ms, most_ms } = elapsed(&story);
    assert_eq!((least_ms, most_ms), (exact_ms + MINUTE_MS + 21_000, exact_ms + MINUTE_MS + UNSEEN_MS + 21_000));
}

/// The outage began while the clock was still the one of the last shutdown; then a time server answered. Its beginning is put right with it.
#[test]
fn an_outage_that_began_before_the_clock_was_known_begins_when_it_did() {
    let mut story = Story::on_a_ups(|_| {});
    story.boots(7 * 3_600, 20_000, ClockQuality::Restored);
    story.mains_fails();
    story.wait_min(5);
    story.clock_becomes_known();
    assert_eq!(story.outage().started.clock, ClockQuality::Synced);
    story.boots(3_600, 20_000, ClockQuality::Rtc);
    assert_eq!(elapsed(&story), Elapsed::exactly(5 * MINUTE_MS + HOUR_MS + 1_000));
}

#[test]
fn a_wall_clock_that_was_set_back_makes_no_outage_shorter_than_it_was_seen_to_be() {
    let mut story = in_normal();
    story.wait_min(30);
    story.clock_jumps_s(-7_200);
    story.wait_min(1);
    assert_eq!(elapsed(&story), Elapsed::exactly(33 * MINUTE_MS));
    story.boots(600, 20_000, ClockQuality::Synced);
    assert!(elapsed(&story).least_ms >= 33 * MINUTE_MS);
}

#[test]
fn the_end_of_an_interval_is_an_interval() {
    let mut story = in_normal();
    story.boots(3_600, 20_000, ClockQuality::Restored);
    story.mains_returns();
    story.wait_min(4);
    story.expect_mode(Mode::Line);
    // What was seen of it would teach that outages are short.
    assert_eq!(story.power().history_ms(), [0; 0]);
}

#[test]
fn minutes_of_normal_do_not_go_by_while_the_machine_is_down() {
    let mut story = in_normal();
    story.wait_s(30);
    story.boots(3_600, 20_000, ClockQuality::Synced);
    assert_eq!(story.outage().normal_ms, 0);
    story.expect_mode(Mode::Conserve);
}

// ---------------------------------------------------------------- the process alone

#[test]
fn a_process_started_anew_goes_on_as_stored() {
    let mut story = in_normal();
    story.wait_min(2);
    story.process_restarts();
    story.expect_power(&[]);
    story.expect_mode(Mode::Normal);
    // The five minutes of Normal run on.
    assert_eq!(story.outage().normal_ms, 0);
    assert_eq!(elapsed(&story), Elapsed::exactly(4 * MINUTE_MS + 3_000));

    let mut story = in_conserve();
    story.process_restarts();
    story.expect_mode(Mode::Conserve);
    // Whoever was here may still be.
    story.wait_s(56);
    story.expect_mode(Mode::Conserve);
    story.wait_s(4);
    story.expect_mode(STANDBY);
    story.news();
    story.process_restarts();
    story.expect_power(&[]);
    story.expect_mode(STANDBY);
    assert!(story.paced_slowly && !story.energised().is_empty(), "the outputs fell off; the loads are shed anew");
    story.wait_min(20);
    story.expect_power(&[]);
}

#[test]
fn a_process_started_anew_that_finds_mains_settles() {
    let mut story = in_conserve();
    story.ups_mut().on_mains = true;
    story.process_restarts();
    story.expect_power(&["power: Restoring, remembering Conserve (started-on-line)", "battery measured"]);

    // In the grace, too: nobody saw when mains came back.
    let mut story = Story::on_a_ups(|_| {});
    story.mains_fails();
    story.ups_mut().on_mains = true;
    story.process_restarts();
    story.expect_mode(RESTORING);
    story.wait_min(3);
    story.expect_mode(Mode::Line);
}

#[test]
fn a_process_started_anew_while_mains_settles_does_not_make_the_outage_longer() {
    let mut story = in_normal();
    story.wait_min(8);
    story.mains_returns();
    story.wait_min(2);
    story.process_restarts();
    story.expect_mode(Mode::Restoring { remembered: Remembered::Normal });
    story.wait_min(3);
    story.expect_mode(Mode::Line);
    assert_eq!(story.power().history_ms(), [10 * MINUTE_MS]);
}

#[test]
fn a_process_started_anew_under_a_silent_ups_counts_the_silence_from_there() {
    let mut story = in_normal();
    story.ups_mut().silence = Some(UpsSilence::Refused);
    story.process_restarts();
    story.expect_mode(Mode::Normal);
    story.wait_s(115);
    story.expect_mode(Mode::Normal);
    story.wait_s(5);
    story.expect_power(&["power: Conserve (silent)"]);
}

#[test]
fn what_moved_in_the_dark_is_compared_as_after_any_start() {
    let mut story = in_normal();
    story.comes_up(600, 20_000, ClockQuality::Restored, |levels| {
        levels.insert(Input::Slot(SlotNo(3)), Level::Inactive);
    });
    story.hears_the_ups();
    story.expect_record("found slot 3 empty, 203");
    story.expect_record("power: Conserve (started-on-battery)");
}

/// Records of a start come in the order in which things were: the start, what it ended, and then what the policy makes of it.
#[test]
fn the_records_of_a_start_are_in_order() {
    let mut story = in_normal();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.news();
    story.comes_up(60, 20_000, ClockQuality::Synced, |_| {});
    story.hears_the_ups();
    story.expect_records(&[
        "started after a crash, dark for 60 s",
        "session closed: unknown, 0 taken, 0 returned",
        "compared across the dark: 0 differences",
        "power: Conserve (started-on-battery)",
    ]);
}
