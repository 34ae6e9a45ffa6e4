//! Opened on an admin's word: only for somebody who is there, and only once.

use crate::outage::STANDBY;
use crate::story::Story;
use cabinetd::cabinet::Event;
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
fn where_there_is_no_button_a_key_of_the_pad_opens() {
    let mut story = Story::with(|settings| settings.button = false);
    word(&mut story, "ana", None);
    story.expect_told("press a key");
    story.event(Event::PadTouched);
    story.expect_unlocked();
    story.expect_record("ana came on an admin's word");
    // Without a word it is a key like any other, and so it is where there is a button.
    let mut story = Story::with(|settings| settings.button = false);
    story.event(Event::PadTouched);
    story.expect_locked();
    let mut story = Story::begins();
    word(&mut story, "ana", None);
    story.event(Event::PadTouched);
    story.expect_locked();
}

#[test]
fn the_badge_of_whom_it_is_for_opens_without_a_pin_and_no_other_does() {
    let mut story = Story::begins();
    word(&mut story, "ana", Some(1));
    story.badge("bob");
    story.expect_told("Enter your PIN");
    story.expect_locked();
    // He types none.
    story.wait_s(31);
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
    // Its display says what to do.
    word(&mut story, "ana", None);
    story.expect_mode(cabinetd::cabinet::power::policy::Mode::Conserve);
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

/// Somebody else's visit is between: what they take would be booked to Ana.
#[test]
fn another_persons_session_and_the_cancel_button_end_the_word() {
    let mut story = Story::begins();
    word(&mut story, "ana", None);
    story.pulls("bob", 5);
    story.news();
    story.presses_the_button();
    story.expect_locked();
    story.expect_records(&[]);

    word(&mut story, "ana", None);
    story.cancels();
    story.news();
    story.presses_the_button();
    story.expect_locked();
    story.expect_records(&[]);
}

#[test]
fn a_second_word_waits_for_the_first() {
    let mut story = Story::begins();
    word(&mut story, "ana", None);
    story.wait_s(10);
    let Answer::Refused(denial) = word(&mut story, "bob", None) else { panic!("must be refused") };
    assert_eq!(denial, Denial::WordStands { name: "Ana".into(), left_s: 50 });
    assert!(denial.to_string().contains("50 s left; `cabinetd open --cancel` calls it off"), "{denial}");
    story.wait_s(50);
    assert!(matches!(word(&mut story, "bob", None), Answer::Done { .. }));
}

fn call_off(story: &mut Story, role: Role, request: &str) -> Answer {
    story.ask_as("boss", Some(role), request, Ask::CallOff)
}

#[test]
fn a_word_shows_while_it_stands_and_can_be_called_off() {
    let mut story = Story::begins();
    assert_eq!(call_off(&mut story, Role::Admin, "c1"), Answer::Refused(Denial::NoWord));
    assert_eq!(story.looks().opening, None);
    word(&mut story, "ana", None);
    story.wait_s(10);
    let shown = story.looks().opening.expect("somebody is waited for");
    assert_eq!((shown.user.id.as_str(), shown.by.as_str()), ("ana", "account boss"));
    assert_eq!((shown.why.as_str(), shown.left_ms), ("badge at home", 50_000));
    let refused = call_off(&mut story, Role::Manager, "c2");
    assert_eq!(refused, Answer::Refused(Denial::RoleNeeded { role: Role::Admin }));
    assert!(matches!(call_off(&mut story, Role::Admin, "c3"), Answer::Done { .. }));
    assert_eq!(story.looks().opening, None);
    story.news();
    story.presses_the_button();
    story.expect_locked();
    story.expect_records(&[]);
    assert!(matches!(word(&mut story, "bob", None), Answer::Done { .. }), "the next one need not wait");
}

#[test]
fn hours_and_validity_count_for_a_word_too() {
    let mut story = Story::begins();
    story.edits_user("ana", |ana| ana.valid_until = Some(cabinetd::cabinet::types::Wall(1)));
    assert_eq!(word(&mut story, "ana", None), Answer::Refused(Denial::Expired));
    // Expired between the word and the press.
    word(&mut story, "bob", None);
    story.edits_user("bob", |bob| bob.valid_until = Some(cabinetd::cabinet::types::Wall(1)));
    story.presses_the_button();
    story.expect_locked();
}

/// Who is told that it opens within a minute finds it awake.
#[test]
fn a_word_keeps_the_cabinet_awake_as_long_as_it_stands() {
    let mut story = crate::outage::in_conserve();
    // Late in an outage it sleeps after twenty seconds.
    story.wait_min(40);
    story.presses_the_button();
    story.wait_s(5);
    word(&mut story, "ana", None);
    story.wait_s(59);
    story.expect_mode(cabinetd::cabinet::power::policy::Mode::Conserve);
    story.presses_the_button();
    story.expect_unlocked();
}
