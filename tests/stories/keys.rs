//! A key's life, and who is late: lost, found, retired, re-keyed, overdue, out at closing time; people who come no more.

use crate::story::Story;
use cabinetd::cabinet::event::KeyStep;
use cabinetd::cabinet::outcome::{Answer, Denial};
use cabinetd::cabinet::roster::Window;
use cabinetd::cabinet::types::{ClockQuality, Input, Level, Reason, SlotNo};

fn with_hours() -> Story {
    Story::with(|settings| {
        settings.alerts.office_hours = vec![Window { weekdays: 0b001_1111, from: 8 * 60, to: 18 * 60 }];
    })
}

#[test]
fn lost_found_and_hung_home() {
    let mut story = Story::begins();
    story.pulls("ana", 4);
    let answer = story.key_is("204", KeyStep::Lost);
    assert!(
        matches!(&answer, Answer::Done { text, .. } if text == "Unit 204 is recorded as lost (Ana had it last)"),
        "{answer:?}"
    );
    story.expect_custody("204", "lost, ana had it");
    assert_eq!(story.key_is("204", KeyStep::Lost), Answer::Refused(Denial::NothingToChange));
    story.key_is("204", KeyStep::Found);
    story.expect_custody("204", "unaccounted, ana had it");
    story.key_is("204", KeyStep::Lost);
    story.expect_custody("204", "lost, ana had it");
    story.key_is("204", KeyStep::Found);
    story.comes("bob");
    story.brings(&["204"]);
    story.door_opens();
    story.put(4);
    story.closes();
    story.expect_custody("204", "in slot 4 (home-slot)");
    story.expect_alarms(&[]);
}

#[test]
fn who_had_been_let_in_for_a_key_is_still_a_hint_when_it_is_found() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.kill(|levels| {
        levels.insert(Input::Slot(SlotNo(4)), Level::Inactive);
    });
    story.expect_custody("204", "unaccounted, ana had been let in");
    story.key_is("204", KeyStep::Lost);
    story.key_is("204", KeyStep::Found);
    story.expect_custody("204", "unaccounted, ana had been let in");
}

#[test]
fn who_took_a_key_by_a_mistaken_entry_had_it_not() {
    let mut story = Story::begins();
    story.pulls("ana", 4);
    story.key_is("204", KeyStep::EnteredByMistake);
    story.expect_custody("204", "unaccounted");
    story.pulls("ana", 5);
    story.key_is("205", KeyStep::Lost);
    story.key_is("205", KeyStep::EnteredByMistake);
    story.expect_custody("205", "unaccounted, ana had it");
}

#[test]
fn a_lost_key_is_not_overdue() {
    let mut story = Story::begins();
    story.pulls("ana", 4);
    story.key_is("204", KeyStep::Lost);
    story.wait_min(20 * 60);
    story.expect_alarms(&[]);
}

#[test]
fn rekeyed_changes_no_custody() {
    let mut story = Story::begins();
    story.key_is("204", KeyStep::Rekeyed);
    story.expect_records(&["key 204: Rekeyed"]);
    story.expect_custody("204", "in slot 4 (home-slot)");
}

#[test]
fn a_retired_key_cannot_be_pulled() {
    let mut story = Story::begins();
    story.key_is("204", KeyStep::Retired);
    story.expect_custody("204", "retired");
    story.expect_alarms(&["unexpected-slot slot 4"]);
    story.comes("ana");
    assert_eq!(story.pull("204", Reason::WorkOrder), Answer::Refused(Denial::KeyNotHere { key: "204".into() }));
}

#[test]
fn entered_by_mistake_opens_the_question_again() {
    let mut story = Story::begins();
    story.key_is("204", KeyStep::EnteredByMistake);
    story.expect_custody("204", "unaccounted");
    story.expect_alarms(&["unexpected-slot slot 4"]);
    story.declares(4, "204");
    story.expect_custody("204", "in slot 4 (declared)");
    story.expect_alarms(&[]);
}

#[test]
fn lost_is_not_said_of_a_key_that_hangs_here() {
    let mut story = Story::begins();
    let denial = Denial::KeyIsIn { key: "204".into(), slot: SlotNo(4) };
    assert_eq!(story.key_is("204", KeyStep::Lost), Answer::Refused(denial));
    story.expect_alarms(&[]);
}

#[test]
fn a_key_nobody_knows_has_no_life() {
    let mut story = Story::begins();
    assert_eq!(story.key_is("999", KeyStep::Lost), Answer::Refused(Denial::KeyUnknown { key: "999".into() }));
}

#[test]
fn overdue_by_the_reason_it_was_taken_for() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("204", Reason::Showing);
    story.door_opens();
    story.take(4);
    story.closes();
    story.wait_min(119);
    story.expect_alarms(&[]);
    story.wait_min(1);
    story.expect_alarms(&["overdue key 204"]);
    story.acknowledges("overdue key 204");
    story.expect_alarms(&["overdue key 204 (seen)"]);
    story.comes("ana");
    story.brings(&[]);
    story.door_opens();
    story.put(4);
    story.expect_alarms(&[]);
}

#[test]
fn overdue_across_a_power_cut_counts_the_dark_time() {
    let mut story = Story::begins();
    story.pulls("ana", 4);
    story.power_cut(9 * 3_600, |_| {});
    story.expect_alarms(&[]);
    story.wait_min(61);
    story.expect_alarms(&["overdue key 204"]);
}

#[test]
fn keys_out_when_the_office_closes() {
    let mut story = with_hours();
    story.pulls("ana", 4);
    story.pulls("bob", 5);
    story.wait_min(9 * 60 - 5);
    story.expect_alarms(&[]);
    story.wait_min(6);
    story.expect_alarms(&["out-at-closing keys 204 205"]);
    story.comes("ana");
    story.brings(&[]);
    story.door_opens();
    story.put(4);
    story.closes();
    story.expect_alarms(&["out-at-closing keys 204 205"]);
    story.comes("bob");
    story.brings(&[]);
    story.door_opens();
    story.put(5);
    story.closes();
    story.expect_alarms(&[]);
}

#[test]
fn closing_time_is_local_time_when_daylight_saving_time_ends_or_begins() {
    for (moves_min, early_min, late_min) in [(-60, 10 * 60 - 10, 20), (60, 8 * 60 - 10, 20)] {
        let mut story = Story::with(|settings| {
            settings.alerts.office_hours = vec![Window { weekdays: 0b001_1111, from: 8 * 60, to: 18 * 60 }];
            settings.alerts.overdue_ms.clear();
        });
        story.pulls("ana", 4);
        story.news();
        story.local_time_moves_min(moves_min);
        story.wait_min(early_min);
        story.expect_records(&[]);
        story.wait_min(late_min);
        story.expect_records(&["ALARM out-at-closing keys 204"]);
    }
}

#[test]
fn all_keys_in_at_closing_time_is_no_news() {
    let mut story = with_hours();
    story.wait_min(10 * 60);
    story.expect_records(&[]);
}

#[test]
fn a_clock_that_is_not_trusted_knows_no_closing_time() {
    let mut story = with_hours();
    story.pulls("ana", 4);
    story.clock_is(ClockQuality::Restored);
    story.wait_min(9 * 60 + 5);
    story.expect_alarms(&[]);
}

#[test]
fn somebody_who_comes_no_more() {
    let mut story = Story::begins();
    story.comes("ana");
    story.cancels();
    story.wait_min(91 * 24 * 60);
    story.expect_alarms(&["inactive-user user ana"]);
    story.comes("ana");
    story.expect_alarms(&[]);
}

#[test]
fn an_inactive_user_is_mentioned_once_and_not_every_day() {
    let mut story = Story::begins();
    story.comes("ana");
    story.cancels();
    story.wait_min(91 * 24 * 60);
    story.acknowledges("inactive-user user ana");
    story.news();
    story.wait_min(10 * 24 * 60);
    story.expect_records(&[]);
    story.revokes("ana");
    story.expect_alarms(&[]);
}

#[test]
fn closing_time_is_noticed_by_a_daemon_started_just_before() {
    let mut story = with_hours();
    story.pulls("ana", 4);
    story.wait_min(9 * 60 - 10);
    story.kill(|_| {});
    story.wait_min(11);
    story.expect_alarms(&["out-at-closing keys 204"]);
}

#[test]
fn an_alarm_is_acknowledged_once() {
    let mut story = Story::begins();
    story.comes("eve");
    story.pull_alone("safe", Reason::Emergency);
    story.acknowledges("lone-emergency user eve");
    let again = story.acknowledges("lone-emergency user eve");
    assert_eq!(again, Answer::Refused(Denial::NothingToChange));
}
