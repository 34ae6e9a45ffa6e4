//! Keys come back: which key is it, and how do we know?

use crate::story::Story;
use cabinetd::cabinet::outcome::{Answer, Denial};
use cabinetd::cabinet::types::Reason;

fn free_return() -> Story {
    Story::with(|settings| settings.sessions.fixed_return = false)
}

/// Comes to bring back what is in the hand, and opens the door.
fn brings_back(story: &mut Story, user: &str) {
    story.comes(user);
    story.brings(&[]);
    story.door_opens();
}

#[test]
fn fixed_return_a_key_hung_at_home_is_inferred() {
    let mut story = Story::begins();
    story.pulls("ana", 4);
    story.news();
    brings_back(&mut story, "ana");
    story.put(4);
    story.closes();
    story.expect_custody("204", "in slot 4 (home-slot)");
    story.expect_records(&[
        "ana came",
        "authorised to return 204 for unstated at door 1",
        "door 1 opened",
        "ana hung 204 in slot 4 (home-slot)",
        "door 1 closed",
        "session closed: completed, 0 taken, 1 returned",
    ]);
}

#[test]
fn a_colleague_brings_the_key_back() {
    let mut story = Story::begins();
    story.pulls("ana", 4);
    story.comes("bob");
    assert_eq!(story.brings(&[]), Answer::Refused(Denial::NothingToReturn), "he has none out himself");
    story.expect_locked();
    story.brings(&["204"]);
    story.door_opens();
    story.put(4);
    story.closes();
    story.expect_custody("204", "in slot 4 (home-slot)");
    story.expect_alarms(&[]);
}

#[test]
fn a_colleague_with_a_key_of_his_own_in_hand_is_asked_which_one_it_is() {
    let mut story = Story::begins();
    story.pulls("ana", 4);
    story.pulls("bob", 5);
    brings_back(&mut story, "bob");
    story.news();
    story.put(4);
    story.expect_records(&["bob hung an unknown key in slot 4 (one of: 204 205)"]);
    story.expect_told("Which key is in slot 4? Scan its tag.");
    story.scan_tag("204");
    story.expect_custody("204", "in slot 4 (tag)");
    story.closes();
    story.expect_alarms(&[]);
}

#[test]
fn a_tag_scanned_before_hanging_settles_it() {
    let mut story = free_return();
    story.pulls("ana", 4);
    brings_back(&mut story, "ana");
    story.scan_tag("204");
    story.expect_told("Unit 204: hang it into any free slot");
    story.put(20);
    story.closes();
    story.expect_custody("204", "in slot 20 (tag)");
    story.expect_alarms(&[]);
}

#[test]
fn a_tag_scanned_after_hanging_settles_it() {
    let mut story = free_return();
    story.pulls("ana", 4);
    brings_back(&mut story, "ana");
    story.put(20);
    story.expect_custody("204", "out with ana for work-order");
    story.expect_told("Which key is in slot 20?");
    story.scan_tag("204");
    story.expect_custody("204", "in slot 20 (tag)");
    story.closes();
    story.expect_alarms(&[]);
}

#[test]
fn a_tag_scanned_too_early_is_forgotten() {
    let mut story = free_return();
    story.pulls("ana", 4);
    brings_back(&mut story, "ana");
    story.scan_tag("204");
    story.wait_s(61);
    story.news();
    story.put(20);
    story.expect_records(&["ana hung an unknown key in slot 20 (one of: 204)"]);
}

#[test]
fn a_tag_turns_the_inference_into_knowledge() {
    let mut story = Story::begins();
    story.pulls("ana", 4);
    brings_back(&mut story, "ana");
    story.put(4);
    story.expect_custody("204", "in slot 4 (home-slot)");
    story.scan_tag("204");
    story.expect_custody("204", "in slot 4 (tag)");
}

#[test]
fn free_return_without_a_tag_stays_unknown_and_says_so() {
    let mut story = free_return();
    story.pulls("ana", 4);
    brings_back(&mut story, "ana");
    story.put(20);
    story.closes();
    story.expect_alarms(&["unknown-return slot 20"]);
    story.expect_custody("204", "out with ana for work-order");
    story.declares(20, "Unit 204");
    story.expect_custody("204", "in slot 20 (declared)");
    story.expect_alarms(&[]);
}

#[test]
fn a_key_in_an_unexpected_slot() {
    let mut story = Story::begins();
    story.pulls("ana", 4);
    brings_back(&mut story, "ana");
    story.news();
    story.put(20);
    story.expect_records(&["ana hung an unknown key in slot 20 (one of: 204)", "ALARM unexpected-slot slot 20"]);
    story.scan_tag("204");
    story.expect_custody("204", "in slot 20 (tag)");
    story.expect_alarms(&["unexpected-slot key 204 slot 20"]);
    story.take(20);
    story.expect_alarms(&["wrong-key key 204 slot 20"]);
    story.put(4);
    story.expect_custody("204", "in slot 4 (home-slot)");
    story.expect_alarms(&["wrong-key key 204 slot 20"]);
}

#[test]
fn swapped_hooks_are_never_recorded_as_certain() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull_all(&["204", "205"], Reason::WorkOrder);
    story.door_opens();
    story.take(4);
    story.take(5);
    story.closes();
    brings_back(&mut story, "ana");
    // Her left hand hangs 205 into slot 4, her right hand 204 into slot 5: no sensor sees the difference.
    story.put(4);
    story.put(5);
    story.closes();
    story.expect_custody("204", "in slot 4 (home-slot)");
    story.expect_custody("205", "in slot 5 (home-slot)");

    // Bob takes what hangs in slot 4 and scans it: it is 205. The books follow the tag.
    story.comes("bob");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.take(4);
    story.news();
    story.scan_tag("205");
    story.expect_custody("205", "out with bob for unstated");
    story.expect_records(&["bob has 205 in hand, so slot 5 does not hold it", "ALARM unexpected-slot slot 5"]);
}

#[test]
fn a_tag_that_contradicts_a_certain_slot_means_a_broken_sensor() {
    let mut story = Story::begins();
    story.pulls("ana", 4);
    brings_back(&mut story, "ana");
    story.scan_tag("204");
    story.put(4);
    story.closes();
    story.expect_custody("204", "in slot 4 (tag)");
    story.comes("bob");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    // He takes it; the sensor sticks at "present". Then he scans the key in his hand.
    story.scan_tag("204");
    story.expect_custody("204", "out with bob for work-order");
    story.expect_record("sensor fault: Slot(SlotNo(4)) Contradicted");
    story.expect_alarms(&["sensor-fault slot 4"]);
}

#[test]
fn a_contradicted_key_is_watched_like_any_other_that_is_out() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.take(4);
    story.scan_tag("205");
    story.closes();
    story.expect_custody("205", "out with ana for unstated");
    story.wait_min(12 * 60 + 1);
    assert!(story.alarms().contains(&"overdue key 205".to_owned()), "{:?}", story.alarms());
}

#[test]
fn a_tag_without_a_visit_is_only_told() {
    let mut story = Story::begins();
    story.scan_tag("204");
    story.expect_told("Badge first");
    story.expect_records(&[]);
}

#[test]
fn a_declaration_moves_the_claim_from_the_other_slot() {
    let mut story = Story::begins();
    story.pulls("ana", 4);
    brings_back(&mut story, "ana");
    story.put(20);
    story.closes();
    story.declares(20, "205");
    story.expect_custody("205", "in slot 20 (declared)");
    story.expect_alarms(&["unexpected-slot key 205 slot 20", "unexpected-slot slot 5"]);
    assert_eq!(story.declares(20, "205"), Answer::Refused(Denial::NothingToChange));
    assert_eq!(
        story.declares(21, "205"),
        Answer::Refused(Denial::SlotEmpty { slot: cabinetd::cabinet::types::SlotNo(21) })
    );
}

#[test]
fn a_key_that_is_in_cannot_be_brought_back() {
    let mut story = Story::begins();
    story.comes("ana");
    assert_eq!(story.brings(&["204"]), Answer::Refused(Denial::KeyNotOut { key: "204".into() }));
    story.expect_locked();
}

#[test]
fn a_lost_key_comes_back_to_its_slot_and_is_asked_for() {
    let mut story = Story::begins();
    story.pulls("ana", 4);
    story.key_is("204", cabinetd::cabinet::event::KeyStep::Lost);
    story.comes("ana");
    story.brings(&["204"]);
    story.door_opens();
    story.news();
    story.put(4);
    story.expect_records(&["ana hung an unknown key in slot 4 (one of: 204)", "ALARM unexpected-slot slot 4"]);
    story.scan_tag("204");
    story.expect_custody("204", "in slot 4 (tag)");
    story.closes();
    story.expect_alarms(&[]);
}

#[test]
fn a_declaration_displaces_the_key_that_was_thought_to_hang_there() {
    let mut story = Story::begins();
    story.pulls("ana", 5);
    story.declares(4, "205");
    story.expect_custody("205", "in slot 4 (declared)");
    story.expect_custody("204", "unaccounted");
    story.expect_alarms(&["unexpected-slot key 205 slot 4"]);
}
