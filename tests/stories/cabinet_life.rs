//! The daemon's own life: starts, dark intervals, a full disk, the clock, the supply.

use crate::story::Story;
use cabinetd::cabinet::Event;
use cabinetd::cabinet::event::{Start, StoreState};
use cabinetd::cabinet::outcome::{Answer, Denial};
use cabinetd::cabinet::power::UpsSilence;
use cabinetd::cabinet::settings::Settings;
use cabinetd::cabinet::types::{ClockQuality, Input, Level, Reason, SlotNo};

const SLOT_4: Input = Input::Slot(SlotNo(4));

#[test]
fn the_first_start_adopts_the_slots_as_they_are() {
    let mut story = Story::bare(Settings::plain(24, 6));
    story.import(crate::story::sample_roster());
    story.news();
    story.start(None);
    story.read_lines();
    story.expect_records(&["started for the first time", "config c0 in force", "door 1 closed", "adopted 24 slots"]);
    story.expect_custody("204", "in slot 4 (home-slot)");
    story.expect_alarms(&[]);
}

#[test]
fn a_planned_stop_is_a_dark_interval_too() {
    let mut story = Story::begins();
    story.stop();
    story.power_cut(600, |_| {});
    story.expect_records(&[
        "stopped",
        "started after a stop, dark for 600 s",
        "compared across the dark: 0 differences",
    ]);
}

#[test]
fn killed_in_the_middle_of_a_pull() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.expect_unlocked();
    story.news();
    let unlocks = story.unlocks();
    // In the dark the door was opened, the key taken, the door closed.
    story.kill(|levels| {
        levels.insert(SLOT_4, Level::Inactive);
    });
    story.expect_records(&[
        "started after a crash, dark for 2 s",
        "session closed: unknown, 0 taken, 0 returned",
        "found slot 4 empty, 204",
        "ALARM dark-difference slot 4",
        "compared across the dark: 1 differences",
    ]);
    assert_eq!(story.unlocks(), unlocks, "no relay fires again");
    story.expect_locked();
    story.expect_custody("204", "unaccounted, ana had been let in");
    story.comes("bob");
    story.expect_told("Which key");
}

#[test]
fn killed_before_anything_was_asked_for() {
    let mut story = Story::begins();
    story.comes("ana");
    story.news();
    story.kill(|_| {});
    story.expect_record("session closed: interrupted, 0 taken, 0 returned");
}

#[test]
fn killed_with_the_door_open_and_the_visit_ends_at_the_door() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.take(4);
    story.news();
    story.kill(|_| {});
    story.expect_records(&[
        "started after a crash, dark for 2 s",
        "session closed: unknown, 1 taken, 0 returned",
        "compared across the dark: 0 differences",
    ]);
    story.expect_custody("204", "out with ana for work-order");
    story.closes();
    story.expect_records(&["door 1 closed"]);
    story.expect_alarms(&[]);
}

#[test]
fn a_key_hung_in_the_dark_is_not_guessed() {
    let mut story = Story::begins();
    story.pulls("ana", 4);
    story.news();
    story.power_cut(3_600, |levels| {
        levels.insert(SLOT_4, Level::Active);
    });
    story.expect_records(&[
        "started after a crash, dark for 3600 s",
        "found slot 4 occupied, 204",
        "ALARM dark-difference slot 4",
        "compared across the dark: 1 differences",
    ]);
    story.expect_custody("204", "out with ana for work-order");
    story.declares(4, "204");
    story.expect_custody("204", "in slot 4 (declared)");
    story.expect_alarms(&[]);
}

#[test]
fn opened_in_the_dark_and_still_open() {
    let mut story = Story::begins();
    story.power_cut(60, |levels| {
        levels.insert(Input::Door(cabinetd::cabinet::types::DoorNo(1)), Level::Inactive);
    });
    story.expect_record("door 1 opened by nobody known");
    story.expect_alarms(&["open-without-session door 1"]);
}

#[test]
fn stopped_in_the_middle_of_a_visit() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.news();
    story.stop();
    story.expect_records(&["session closed: interrupted, 0 taken, 0 returned", "stopped"]);
    story.expect_locked();
}

#[test]
fn a_rebuilt_core_goes_on_with_the_visit_and_repeats_no_command() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.rebuild(StoreState::Writable);
    assert_eq!(story.unlocks(), 1);
    story.read_lines();
    story.door_opens();
    story.take(4);
    story.closes();
    assert_eq!(story.unlocks(), 1);
    story.expect_custody("204", "out with ana for work-order");
}

#[test]
fn a_rebuilt_core_still_ends_a_visit_whose_door_never_opens() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.rebuild(StoreState::Writable);
    story.read_lines();
    story.wait_s(11);
    story.expect_record("session closed: never opened, 0 taken, 0 returned");
}

#[test]
fn a_full_disk_opens_nothing_says_so_and_still_records_alarms() {
    let mut story = Story::begins();
    story.store(StoreState::Reserve);
    story.expect_records(&["ALARM no-room"]);
    story.badge("ana");
    story.expect_told("the disk is full");
    story.expect_records(&[]);
    story.door_opens();
    story.expect_records(&["door 1 opened by nobody known", "ALARM open-without-session door 1"]);
    story.closes();
    story.stop();
    story.expect_records(&["door 1 closed", "stopped"]);
    assert_eq!(story.unlocks(), 0);
}

#[test]
fn room_again_and_everything_is_as_before() {
    let mut story = Story::begins();
    story.store(StoreState::Reserve);
    story.store(StoreState::Writable);
    story.expect_alarms(&[]);
    story.pulls("ana", 4);
    story.expect_custody("204", "out with ana for work-order");
}

#[test]
fn the_disk_fills_between_badge_and_pin_or_during_the_check() {
    let mut story = Story::begins();
    story.badge("ana");
    story.types("482913");
    story.store(StoreState::Reserve);
    story.news();
    story.verdict(cabinetd::cabinet::outcome::PinVerdict::Match);
    story.expect_told("the disk is full");
    story.expect_records(&[]);
}

#[test]
fn the_disk_fills_after_the_person_was_identified() {
    let mut story = Story::begins();
    story.comes("ana");
    story.store(StoreState::Reserve);
    assert_eq!(story.pull("204", Reason::Emergency), Answer::Refused(Denial::NoRoom));
    assert_eq!(story.unlocks(), 0);
}

#[test]
fn the_disk_fills_at_the_open_door_and_the_evidence_is_kept() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.store(StoreState::Reserve);
    story.take(4);
    story.closes();
    story.expect_custody("204", "out with ana for work-order");
    story.expect_record("session closed: completed, 1 taken, 0 returned");
}

#[test]
fn room_found_while_the_daemon_was_down_clears_the_alarm() {
    let mut story = Story::begins();
    story.store(StoreState::Reserve);
    story.kill(|_| {});
    story.store(StoreState::Writable);
    story.expect_alarms(&[]);
}

#[test]
fn the_clock_jumps_and_a_record_says_by_how_much() {
    let mut story = Story::begins();
    story.clock_jumps_s(3_600);
    story.badge("ana");
    story.expect_records(&["clock corrected by 3600 s"]);
    story.pin_ok();
    story.expect_records(&["ana came"]);
    story.clock_jumps_s(-30);
    story.cancels();
    story.expect_records(&["clock corrected by -30 s", "session closed: cancelled, 0 taken, 0 returned"]);
}

#[test]
fn a_clock_that_is_only_slewed_is_no_news() {
    let mut story = Story::begins();
    story.clock_jumps_s(1);
    story.badge("ana");
    story.expect_records(&[]);
}

#[test]
fn deadlines_do_not_care_about_the_wall_clock() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.clock_jumps_s(-86_400);
    story.wait_s(10);
    story.expect_record("session closed: never opened, 0 taken, 0 returned");
}

#[test]
fn after_a_start_without_a_clock_time_is_learned() {
    let mut story = Story::begins();
    story.clock_is(ClockQuality::Restored);
    story.power_cut(5, |_| {});
    story.news();
    story.clock_is(ClockQuality::Synced);
    story.clock_jumps_s(7_200);
    story.wait_min(60);
    story.expect_records(&["clock corrected by 7200 s"]);
}

#[test]
fn mains_goes_and_comes_back() {
    let mut story = Story::begins();
    for tokens in ["OL", "OL CHRG", "OB DISCHRG", "OB DISCHRG", "OB LB", "OL CHRG"] {
        story.ups(Ok(tokens));
    }
    story.expect_records(&[
        "supply: unknown → on line",
        "supply: on line → on battery",
        "supply: on battery → low battery",
        "supply: low battery → on line",
    ]);
}

#[test]
fn one_lost_poll_is_no_news() {
    let mut story = Story::begins();
    story.ups(Ok("OL"));
    story.news();
    story.ups(Err(UpsSilence::TimedOut));
    story.ups(Ok("OL"));
    story.ups(Err(UpsSilence::TimedOut));
    story.expect_records(&[]);
    story.ups(Err(UpsSilence::Refused));
    story.ups(Err(UpsSilence::Stale));
    story.expect_records(&["supply: on line → unreachable", "ALARM ups-unreachable"]);
    story.ups(Ok("OB"));
    story.expect_records(&["supply: unreachable → on battery", "alarm cleared: resolved"]);
}

#[test]
fn an_unreachable_ups_is_neither_on_line_nor_low() {
    let mut story = Story::begins();
    story.ups(Err(UpsSilence::Refused));
    story.ups(Err(UpsSilence::Refused));
    story.expect_records(&["supply: unknown → unreachable", "ALARM ups-unreachable"]);
}

#[test]
fn a_self_test_is_no_outage() {
    let mut story = Story::begins();
    story.ups(Ok("OL"));
    story.news();
    story.ups(Ok("OB CAL"));
    story.expect_records(&[]);
}

#[test]
fn the_supply_is_not_put_down_to_whoever_just_hung_a_key() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.raw(SLOT_4, Level::Inactive);
    story.late_by_ms(40);
    story.ups(Ok("OB"));
    assert_eq!(crate::words::by_words(story.records().last().expect("records")), "cabinet");
}

#[test]
fn records_that_are_missing_at_a_start_are_recorded_and_an_alarm_until_somebody_takes_note() {
    let mut story = Story::begins();
    let last_proof = Some(story.now().stamp());
    story.news();
    story.event(Event::Started(Start {
        version: "test".into(),
        last_proof,
        missing: Some((39, 167)),
        config_hash: "c0".into(),
    }));
    let news = story.news();
    assert_eq!(news[1], "records after 39 are missing, 167 was known", "{news:?}");
    story.expect_alarms(&["records-missing after 39 known 167"]);
    assert!(matches!(story.acknowledges("records-missing after 39 known 167"), Answer::Done { .. }));
    story.expect_alarms(&[]);
}

#[test]
fn what_changed_in_the_dark_stays_unseen_though_the_disk_filled_before_the_comparison() {
    let mut story = Story::begins();
    story.news();
    story.starts_onto_a_full_disk(|levels| {
        levels.insert(SLOT_4, Level::Inactive);
    });
    story.wait_s(1);
    story.expect_record("found slot 4 empty, 204");
    story.expect_record("compared across the dark: 1 differences");
    story.expect_custody("204", "unaccounted");
}
