//! Opened on an admin's word: only for somebody who is there, and only once.

use crate::outage::STANDBY;
use crate::story::Story;
use cabinetd::cabinet::event::Ask;
use cabinetd::cabinet::outcome::{Answer, Denial};
use cabinetd::cabinet::power::state::PowerOrder;
use cabinetd::cabinet::types::{DoorNo, Reason, Role};

fn word(story: &mut Story, user: &str, door: Option<u8>) -> Answer {
    let ask = Ask::Open { user: user.into(), door: door.map(DoorNo), why: "badge at home".into() };
    let request = format!("open-{}", story.records().len());
    story.ask_as("boss", Some(Role::Admin), &request, ask)
}

#[test]
fn the_word_alone_moves_nothing_and_the_button_opens() {
    let mut story = Story::begins();
    assert!(matches!(word(&mut story, "ana", None), Answer::Done { .. }));
    story.expect_records(&["opening ordered for ana: badge at home"]);
    story.expect_told("press the button");
    story.wait_s(59);
    story.expect_locked();
    story.presses_the_button();
    story.expect_unlocked();
    story.expect_records(&["ana came on an admin's word", "authorised for unstated badge at home at door 1"]);
    // It is a visit like any other.
    story.door_opens();
    story.pull("204", Reason::WorkOrder);
    story.take(4);
    story.closes();
    story.expect_custody("204", "out with ana for work-order");
    // And the word is used up.
    story.news();
    story.presses_the_button();
    story.expect_locked();
    story.expect_records(&[]);
}

#[test]
fn the_badge_of_whom_it_is_for_opens_without_a_pin_and_no_other_does() {
    let mut story = Story::begins();
    word(&mut story, "ana", Some(1));
    story.badge("bob");
    story.expect_told("Enter your PIN");
    story.expect_locked();
    story.cancels();
    story.badge("ana");
    story.expect_unlocked();
    story.expect_record("ana came on an admin's word");
}

#[test]
fn nobody_in_a_minute_and_it_lapses() {
    let mut story = Story::begins();
    word(&mut story, "ana", None);
    story.wait_s(60);
    story.news();
    story.presses_the_button();
    story.badge("ana");
    story.expect_told("Enter your PIN");
    story.expect_locked();
    story.expect_records(&[]);
}

#[test]
fn a_restart_forgets_it_and_a_revocation_voids_it() {
    let mut story = Story::begins();
    word(&mut story, "ana", None);
    story.kill(|_| {});
    story.presses_the_button();
    story.expect_locked();
    word(&mut story, "ana", None);
    story.revokes("ana");
    story.presses_the_button();
    story.expect_locked();
    story.expect_told("access was revoked");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut story = Story::begins();
    assert_eq!(word(&mut story, "zoe", None), Answer::Refused(Denial::UserUnknown { user: "zoe".into() }));
    assert_eq!(word(&mut story, "ana", Some(9)), Answer::Refused(Denial::DoorUnknown { door: DoorNo(9) }));
    story.revokes("bob");
    assert_eq!(word(&mut story, "bob", None), Answer::Refused(Denial::Revoked));
    story.comes("ana");
    assert_eq!(word(&mut story, "ana", None), Answer::Refused(Denial::Busy));
}

#[test]
fn it_wakes_a_cabinet_in_standby() {
    let mut story = crate::outage::in_conserve();
    story.orders(PowerOrder::SleepNow);
    story.expect_mode(STANDBY);
    word(&mut story, "ana", None);
    story.presses_the_button();
    story.expect_unlocked();
}

#[test]
fn where_a_visit_opens_by_itself_the_word_opens_once() {
    let mut story = Story::with(|settings| settings.sessions.ask_required = false);
    word(&mut story, "ana", None);
    let before = story.unlocks();
    story.presses_the_button();
    assert_eq!(story.unlocks(), before + 1);
}
