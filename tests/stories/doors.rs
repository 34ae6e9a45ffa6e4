//! Doors: left open, opened by nobody known, several of them, one without a contact.

use crate::story::Story;
use cabinetd::cabinet::outcome::Sound;
use cabinetd::cabinet::settings::Door;
use cabinetd::cabinet::types::{DoorNo, Input, Level, Output, Reason, SlotNo};

/// Slots 1 to 12 behind door 1, the others behind door 2.
fn two_doors(second_has_contact: bool) -> Story {
    Story::with(|settings| {
        settings.doors.insert(DoorNo(2), Door { contact: second_has_contact });
        for (slot, place) in &mut settings.slots {
            place.door = DoorNo(if slot.0 <= 12 { 1 } else { 2 });
        }
    })
}

#[test]
fn a_door_left_open_alarms_louder_and_louder() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.take(4);
    story.news();
    story.heard();
    story.wait_s(59);
    story.expect_alarms(&[]);
    story.wait_s(1);
    story.expect_heard(Sound::CloseDoor);
    story.expect_alarms(&["door-left-open door 1 level 1"]);
    story.wait_s(120);
    story.expect_alarms(&["door-left-open door 1 level 2"]);
    story.wait_s(420);
    story.expect_alarms(&["door-left-open door 1 level 3"]);
    story.wait_min(300);
    story.expect_alarms(&["door-left-open door 1 level 3"]);
    story.expect_records(&[
        "ALARM door-left-open door 1 level 1",
        "alarm cleared: escalated",
        "ALARM door-left-open door 1 level 2",
        "alarm cleared: escalated",
        "ALARM door-left-open door 1 level 3",
    ]);
    story.closes();
    story.expect_alarms(&[]);
    story.expect_record("session closed: completed, 1 taken, 0 returned");
}

#[test]
fn slot_edges_restart_the_door_timer() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull_all(&["204", "205", "206"], Reason::WorkOrder);
    story.door_opens();
    for slot in [4, 5, 6] {
        story.wait_s(50);
        story.take(slot);
    }
    story.expect_alarms(&[]);
    story.wait_s(60);
    story.expect_alarms(&["door-left-open door 1 level 1"]);
}

#[test]
fn the_machine_slept_and_the_door_is_still_open() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    // One late tick, long after all three levels.
    story.oversleeps_s(3_600);
    story.expect_alarms(&["door-left-open door 1 level 3"]);
}

#[test]
fn after_a_restart_an_alarm_does_not_shrink() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.wait_s(200);
    story.expect_alarms(&["door-left-open door 1 level 2"]);
    story.kill(|_| {});
    story.wait_s(300);
    story.expect_alarms(&["door-left-open door 1 level 2"]);
    story.wait_s(301);
    story.expect_alarms(&["door-left-open door 1 level 3"]);
}

#[test]
fn a_door_opened_by_nobody_known() {
    let mut story = Story::begins();
    story.door_opens();
    story.expect_heard(Sound::Alarm);
    story.expect_records(&["door 1 opened by nobody known", "ALARM open-without-session door 1"]);
    story.take(4);
    story.expect_custody("204", "unaccounted");
    story.put(4);
    story.expect_alarms(&["open-without-session door 1", "unknown-return slot 4"]);
    story.closes();
    // What was done with the cabinet key stays open until a person has looked at it.
    story.acknowledges("open-without-session door 1");
    story.declares(4, "204");
    story.expect_alarms(&[]);
    story.expect_custody("204", "in slot 4 (declared)");
}

#[test]
fn a_forced_door_that_somebody_has_seen_to_is_an_alarm_until_it_is_closed() {
    let mut story = Story::begins();
    story.door_opens();
    story.acknowledges("open-without-session door 1");
    story.expect_alarms(&["open-without-session door 1 (seen)"]);
    story.closes();
    story.expect_alarms(&[]);
    // Forced again it is another one, which waits for somebody.
    story.door_opens();
    story.closes();
    story.expect_alarms(&["open-without-session door 1"]);
    story.acknowledges("open-without-session door 1");
    story.expect_alarms(&[]);
    // A contact that breaks meanwhile is waited for.
    story.door_opens();
    story.acknowledges("open-without-session door 1");
    story.raw(Input::Door(DoorNo(1)), Level::Fault);
    story.wait_s(1);
    story.expect_alarms(&["open-without-session door 1 (seen)", "sensor-fault door 1"]);
    story.closes();
    story.expect_alarms(&[]);
}

#[test]
fn identified_is_not_authorised() {
    let mut story = Story::begins();
    story.comes("ana");
    story.door_opens();
    story.expect_alarms(&["open-without-session door 1"]);
}

#[test]
fn a_door_forced_in_the_middle_of_another_doors_visit() {
    let mut story = two_doors(true);
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.opens(1);
    story.opens(2);
    story.expect_alarms(&["open-without-session door 2"]);
    story.take(13);
    story.expect_custody("213", "unaccounted");
    story.take(4);
    story.expect_custody("204", "out with ana for work-order");
}

#[test]
fn several_doors_only_the_one_that_is_needed_opens() {
    let mut story = two_doors(true);
    story.comes("dan");
    story.pull("213", Reason::WorkOrder);
    story.expect_energised(Output::Lock(DoorNo(2)));
    assert!(!story.energised().contains(&Output::Lock(DoorNo(1))));
    story.opens(2);
    story.take(13);
    story.shuts(2);
    story.expect_custody("213", "out with dan for work-order");
    story.expect_record("session closed: completed, 1 taken, 0 returned");
}

#[test]
fn several_doors_one_visit_ends_when_all_are_closed() {
    let mut story = two_doors(true);
    story.comes("cleo");
    story.pull_all(&["204", "213"], Reason::WorkOrder);
    story.opens(1);
    story.opens(2);
    story.take(4);
    story.shuts(1);
    story.take(13);
    story.expect_custody("213", "out with cleo for work-order");
    story.shuts(2);
    story.expect_record("session closed: completed, 2 taken, 0 returned");
    story.expect_alarms(&[]);
}

#[test]
fn several_doors_one_after_the_other() {
    let mut story = two_doors(true);
    story.comes("cleo");
    story.pull_all(&["204", "213"], Reason::WorkOrder);
    story.opens(1);
    story.take(4);
    story.shuts(1);
    // Door 2 is still unlocked: this visit goes on.
    story.wait_s(2);
    story.opens(2);
    story.take(13);
    story.shuts(2);
    story.expect_custody("213", "out with cleo for work-order");
    story.expect_record("session closed: completed, 2 taken, 0 returned");
    story.expect_alarms(&[]);
}

#[test]
fn several_doors_the_second_never_opened() {
    let mut story = two_doors(true);
    story.comes("cleo");
    story.pull_all(&["204", "213"], Reason::WorkOrder);
    story.opens(1);
    story.take(4);
    story.shuts(1);
    story.wait_s(10);
    story.expect_record("session closed: completed, 1 taken, 0 returned");
    story.expect_locked();
    story.expect_alarms(&[]);
}

#[test]
fn a_door_without_a_contact_counts_as_closed_some_time_after_the_last_slot_edge() {
    let mut story = two_doors(false);
    story.comes("dan");
    story.pull("213", Reason::WorkOrder);
    story.wait_s(20);
    story.take(13);
    story.expect_custody("213", "out with dan for work-order");
    story.wait_s(14);
    story.badge("ana");
    story.expect_told("Dan is using the cabinet");
    story.wait_s(1);
    story.badge("ana");
    story.expect_told("Enter your PIN");
}

#[test]
fn a_visit_at_a_door_without_a_contact_ends_by_itself() {
    let mut story = two_doors(false);
    story.comes("dan");
    story.pull("213", Reason::WorkOrder);
    story.take(13);
    story.wait_s(24);
    story.expect_record("session closed: completed, 1 taken, 0 returned");
    story.expect_alarms(&[]);
}

#[test]
fn the_contact_bounces_while_the_door_closes() {
    use cabinetd::cabinet::types::{Input, Level};
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.take(4);
    story.news();
    for level in [Level::Active, Level::Inactive, Level::Active] {
        story.raw(Input::Door(DoorNo(1)), level);
        story.wait_ms(5);
    }
    story.wait_ms(30);
    story.expect_records(&["door 1 closed", "session closed: completed, 1 taken, 0 returned"]);
}

#[test]
fn a_key_hung_as_the_door_closes_still_belongs_to_the_visit() {
    use cabinetd::cabinet::types::{Input, Level};
    let mut story = Story::begins();
    story.pulls("ana", 4);
    story.comes("ana");
    story.brings(&[]);
    story.door_opens();
    story.raw(Input::Door(DoorNo(1)), Level::Active);
    story.raw(Input::Slot(SlotNo(4)), Level::Active);
    story.wait_ms(30);
    story.expect_custody("204", "in slot 4 (home-slot)");
    story.expect_alarms(&[]);
}

#[test]
fn the_visit_goes_on_at_a_door_that_stood_open_already() {
    let mut story = Story::begins();
    story.door_opens();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    assert_eq!(story.unlocks(), 0, "it is open");
    story.take(4);
    story.closes();
    story.expect_custody("204", "out with ana for work-order");
    story.expect_alarms(&["open-without-session door 1"]);
}

#[test]
fn authorised_but_the_door_is_still_closed_and_a_slot_changes() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.take(4);
    story.expect_custody("204", "unaccounted");
    story.expect_alarms(&["changed-behind-door slot 4"]);
}

#[test]
fn a_door_that_opens_in_the_same_instant_opens_before_its_slots_change() {
    use cabinetd::cabinet::types::{Input, Level};
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.raw(Input::Slot(SlotNo(4)), Level::Inactive);
    story.raw(Input::Door(DoorNo(1)), Level::Inactive);
    story.wait_ms(30);
    story.expect_custody("204", "out with ana for work-order");
    story.expect_alarms(&[]);
}

#[test]
fn a_scanned_tag_is_not_given_to_a_slot_behind_another_door() {
    let mut story = two_doors(true);
    story.pulls("ana", 4);
    story.comes("ana");
    story.brings(&[]);
    story.opens(1);
    story.scan_tag("204");
    story.put(20);
    story.expect_custody("204", "out with ana for work-order");
    story.put(4);
    story.expect_custody("204", "in slot 4 (tag)");
}

#[test]
fn a_rebuilt_core_does_not_end_a_visit_at_the_open_door() {
    use cabinetd::cabinet::event::StoreState;
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.rebuild(StoreState::Writable);
    story.read_lines();
    story.wait_s(30);
    story.take(4);
    story.expect_custody("204", "out with ana for work-order");
    story.closes();
    story.expect_record("session closed: completed, 1 taken, 0 returned");
}
