//! A cabinet that has nothing but a pad: login, PIN, reason, unit, work order; what is heard at each step.

use crate::sample::{sample_roster, unit_key};
use crate::story::Story;
use cabinetd::cabinet::outcome::{Action, Denial, Message, PinVerdict, Sound};
use cabinetd::cabinet::settings::Settings;
use cabinetd::cabinet::types::{Code, Role, UserId};

/// The people of the stories with login numbers that a pad can type: ana 11, bob 12, dan 13, cleo 14, eve 15.
fn at_a_keypad() -> Story {
    keypad_with(|_| {})
}

fn keypad_with(change: impl FnOnce(&mut Settings)) -> Story {
    let mut story = Story::with(change);
    let mut roster = sample_roster();
    for (user, login) in roster.users.iter_mut().zip(["11", "12", "13", "14", "15"]) {
        user.login = Some(Code::new(login));
    }
    story.import(roster);
    story.news();
    story.heard();
    story
}

/// In by number and PIN; the cabinet waits for the reason.
fn enters(story: &mut Story, login: &str) {
    story.typed(login);
    story.typed("482913");
    story.verdict(PinVerdict::Match);
}

#[test]
fn a_work_order_from_the_first_digit_to_the_closed_door() {
    let mut story = at_a_keypad();
    story.typed("11");
    assert_eq!(story.heard(), [Sound::Next], "the PIN, please");
    story.typed("482913");
    story.verdict(PinVerdict::Match);
    assert_eq!(story.heard(), [Sound::Next], "what for?");
    story.typed("1");
    story.expect_told("Which unit?");
    story.typed("204");
    story.expect_told("Which work order?");
    assert_eq!(story.heard(), [Sound::Next, Sound::Next]);
    story.expect_locked();
    story.typed("8841");
    assert_eq!(story.heard(), [Sound::Granted]);
    story.expect_unlocked();
    story.door_opens();
    story.take(4);
    story.closes();
    story.expect_records(&[
        "ana came",
        "authorised to take 204 for work-order 8841 at door 1",
        "door 1 opened",
        "ana took 204 from slot 4",
        "door 1 closed",
        "session closed: completed, 1 taken, 0 returned",
    ]);
}

/// A PIN's check takes a good part of a second, on a busy machine more: nobody has to wait for the tick.
#[test]
fn what_is_typed_while_the_pin_is_checked_counts_once_it_is_right() {
    let mut story = at_a_keypad();
    for digits in ["11", "482913", "1", "204"] {
        story.typed(digits);
    }
    story.expect_locked();
    story.verdict(PinVerdict::Match);
    story.expect_told("Which work order?");
    story.expect_locked();
    story.typed("8841");
    story.expect_unlocked();
    story.expect_record("authorised to take 204 for work-order 8841 at door 1");
}

#[test]
fn the_whole_dialogue_may_be_typed_ahead_and_no_more() {
    let mut story = at_a_keypad();
    for digits in ["11", "482913", "1", "204", "8841", "2", "205"] {
        story.typed(digits);
    }
    story.verdict(PinVerdict::Match);
    story.expect_unlocked();
    story.expect_record("authorised to take 204 for work-order 8841 at door 1");
    // One more key needs one more reason, and that was not kept.
    story.expect_told("Door 1 is unlocked for you: slot 4.");
}

#[test]
fn after_a_wrong_pin_or_a_cancel_nothing_typed_ahead_counts() {
    let mut story = at_a_keypad();
    for digits in ["11", "482914", "2", "204"] {
        story.typed(digits);
    }
    story.verdict(PinVerdict::Mismatch);
    story.expect_locked();
    // Not as the number of somebody else either.
    assert_eq!(story.heard(), [Sound::Next, Sound::Refused]);
    enters(&mut story, "11");
    story.expect_locked();
    assert_eq!(story.heard(), [Sound::Next, Sound::Next]);

    let mut story = at_a_keypad();
    for digits in ["11", "482913", "2", "204"] {
        story.typed(digits);
    }
    story.cancels();
    story.verdict(PinVerdict::Match);
    story.expect_locked();
    assert!(story.cabinet.books().session.is_none(), "whoever pressed it went away");
}

#[test]
fn a_work_order_without_a_number_may_be_typed_ahead_too() {
    let mut story = at_a_keypad();
    for digits in ["11", "482913", "", "1", "", "204", ""] {
        story.typed(digits);
    }
    story.verdict(PinVerdict::Match);
    story.expect_unlocked();
    story.expect_record("authorised to take 204 for work-order at door 1");
}

/// The second person's digits are no answers of the first, nor anybody's number.
#[test]
fn what_the_second_person_types_ahead_counts_for_nothing() {
    for may in [true, false] {
        let mut story = at_a_keypad();
        story.edits_user("bob", |bob| {
            if !may {
                bob.groups.clear();
            }
        });
        enters(&mut story, "11");
        story.typed("5");
        story.typed("017");
        story.expect_told("needs a second person");
        for digits in ["12", "482913", "5", "204", "13"] {
            story.typed(digits);
        }
        story.verdict(PinVerdict::Match);
        let records = story.news().join("\n");
        assert_eq!(records.contains("authorised to take safe"), may, "{records}");
        assert!(!records.contains("204"), "{records}");
        // Nor does the next PIN count for whoever has the number 13.
        story.typed("482913");
        assert!(
            !story
                .commanded()
                .iter()
                .any(|action| matches!(action, Action::CheckPin { user, .. } if user.as_str() == "dan"))
        );
    }
}

#[test]
fn no_answer_typed_ahead_is_the_number_of_a_second_person() {
    let mut story = at_a_keypad();
    for digits in ["11", "482913", "5", "017", "12"] {
        story.typed(digits);
    }
    story.verdict(PinVerdict::Match);
    story.expect_told("needs a second person");
}

/// A guess at a code is charged, also where the own PIN's hash is damaged.
#[test]
fn a_wrong_code_is_charged_whatever_becomes_of_the_second_check() {
    let mut story = at_a_keypad();
    story.vouches("cleo", "ana", 30);
    story.typed("11");
    story.typed("48291357");
    story.verdict(PinVerdict::Mismatch);
    story.news();
    story.pin_check_fails();
    story.expect_record("ana refused: wrong-pin (charged)");
}

/// Eight digits are looked up as the code that stands, then as the PIN: what follows them is kept meanwhile.
#[test]
fn what_is_typed_ahead_outlives_the_second_look_at_the_digits() {
    let mut story = at_a_keypad();
    story.vouches("cleo", "ana", 30);
    for digits in ["11", "48291357", "2", "204"] {
        story.typed(digits);
    }
    story.verdict(PinVerdict::Mismatch);
    story.expect_told("Checking");
    story.verdict(PinVerdict::Match);
    story.expect_record("authorised to take 204 for emergency at door 1");
}

#[test]
fn the_other_reasons_ask_for_the_unit_alone() {
    for (digit, reason) in [("2", "emergency"), ("3", "unit-access"), ("4", "showing"), ("5", "day-to-day")] {
        let mut story = at_a_keypad();
        enters(&mut story, "11");
        story.typed(digit);
        story.typed("204");
        story.expect_unlocked();
        story.expect_record(&format!("authorised to take 204 for {reason} at door 1"));
    }
}

#[test]
fn a_badge_does_instead_of_the_number_and_a_work_order_may_have_none() {
    let mut story = at_a_keypad();
    story.badge("ana");
    story.typed("482913");
    story.verdict(PinVerdict::Match);
    story.typed("1");
    story.typed("204");
    story.typed("");
    story.expect_unlocked();
    story.expect_record("authorised to take 204 for work-order at door 1");
}

#[test]
fn what_is_out_comes_back_with_a_zero() {
    let mut story = at_a_keypad();
    story.pulls("ana", 4);
    story.news();
    enters(&mut story, "11");
    story.typed("0");
    story.expect_unlocked();
    story.door_opens();
    story.put(4);
    story.closes();
    story.expect_custody("204", "in slot 4 (home-slot)");
}

/// Somebody else's key, or one of which nobody knows: named by its unit.
#[test]
fn who_has_nothing_out_names_the_unit_that_comes_back() {
    let mut story = at_a_keypad();
    story.pulls("ana", 4);
    enters(&mut story, "12");
    story.typed("0");
    story.expect_told("Which unit?");
    story.typed("205");
    story.expect_told("key 205 is not out");
    story.expect_locked();
    story.typed("0");
    story.typed("204");
    story.expect_unlocked();
}

#[test]
fn one_more_key_while_the_door_is_open() {
    let mut story = at_a_keypad();
    enters(&mut story, "11");
    story.typed("5");
    story.typed("204");
    story.door_opens();
    story.typed("4");
    story.typed("205");
    story.take(4);
    story.take(5);
    story.closes();
    story.expect_alarms(&[]);
    story.expect_record("session closed: completed, 2 taken, 0 returned");
}

#[test]
fn a_refusal_is_heard_and_leads_back_to_the_reason() {
    let mut story = at_a_keypad();
    enters(&mut story, "11");
    story.heard();
    for (answers, told) in [
        (&["9"][..], "1 work order"),
        (&["3", "999"], "no key here has this number"),
        (&["3", ""], "no key here has this number"),
        (&["3", "213"], "key 213 is not open"),
        (&["3", "0999"], "no key here has this number"),
    ] {
        for answer in answers {
            story.typed(answer);
        }
        story.expect_told(told);
        assert_eq!(story.heard().last(), Some(&Sound::Refused), "{answers:?}");
    }
    story.expect_records(&["ana came", "ana refused: key-not-allowed key 213"]);
    story.expect_locked();
    story.typed("3");
    story.typed("204");
    story.expect_unlocked();
}

/// What was typed for a unit may have been a PIN: it is neither told nor recorded.
#[test]
fn a_number_that_is_no_unit_is_not_repeated() {
    let mut story = at_a_keypad();
    enters(&mut story, "11");
    story.typed("3");
    story.commanded();
    story.typed("482913");
    let said = format!("{:?}{:?}", story.commanded(), story.records());
    assert!(said.contains("NumberUnknown") && !said.contains("482913"), "{said}");
}

#[test]
fn a_zero_before_it_is_the_slots_number() {
    let mut story = at_a_keypad();
    story.import({
        let mut roster = sample_roster();
        roster.replace = false;
        roster.users.clear();
        roster.keys = vec![unit_key(18, "a")];
        roster.keys[0].id = "pool".into();
        roster.keys[0].label = "Pool".into();
        roster.keys[0].unit = String::new();
        roster
    });
    story.put(18);
    enters(&mut story, "11");
    story.typed("5");
    story.typed("018");
    story.expect_record("authorised to take pool for day-to-day at door 1");
}

#[test]
fn of_two_units_with_one_number_the_own_one_is_meant() {
    let mut story = at_a_keypad();
    let twins = |groups: [&str; 2]| {
        let mut roster = sample_roster();
        roster.replace = false;
        roster.users.clear();
        roster.keys = groups.iter().zip([5, 14]).map(|(group, slot)| unit_key(slot, group)).collect();
        roster.keys[0].unit = "A-77".into();
        roster.keys[1].unit = "B-77".into();
        roster
    };
    story.import(twins(["a", "b"]));
    enters(&mut story, "11");
    story.typed("5");
    story.typed("77");
    story.expect_record("authorised to take 205 for day-to-day at door 1");
    story.wait_s(60);
    story.import(twins(["a", "a"]));
    enters(&mut story, "11");
    story.typed("5");
    story.typed("77");
    story.expect_told("several keys have this number");
    story.typed("5");
    story.typed("014");
    story.expect_record("authorised to take 214 for day-to-day at door 1");
}

#[test]
fn a_key_for_two_asks_for_the_second_number_and_pin() {
    let mut story = at_a_keypad();
    enters(&mut story, "11");
    story.typed("5");
    story.heard();
    story.typed("017");
    story.expect_told("needs a second person");
    assert_eq!(story.heard(), [Sound::Next]);
    enters(&mut story, "12");
    story.expect_record("authorised to take safe for day-to-day at door 1");
    story.expect_unlocked();
}

#[test]
fn an_emergency_alone_is_typed_twice() {
    let mut story = at_a_keypad();
    enters(&mut story, "15");
    story.typed("22");
    story.typed("017");
    story.expect_unlocked();
    story.expect_alarms(&["lone-emergency user eve"]);
    let mut story = at_a_keypad();
    enters(&mut story, "11");
    story.typed("22");
    story.typed("017");
    story.expect_locked();
    story.expect_record("ana refused: lone-emergency-not-allowed");
}

#[test]
fn each_answer_has_its_time() {
    let mut story = at_a_keypad();
    enters(&mut story, "11");
    story.wait_s(55);
    story.typed("1");
    story.wait_s(55);
    story.typed("204");
    story.wait_s(55);
    assert!(story.cabinet.is_busy());
    story.wait_s(6);
    assert!(!story.cabinet.is_busy());
    story.expect_records(&["ana came", "session closed: timed out, 0 taken, 0 returned"]);
    // What is typed now is a login number.
    story.typed("8841");
    story.expect_records(&["nobody refused: unknown-login (charged)"]);
}

/// At an open door the visit has no end of its own; half an answer has.
#[test]
fn half_an_answer_at_an_open_door_is_forgotten() {
    let mut story = at_a_keypad();
    enters(&mut story, "11");
    story.typed("5");
    story.typed("204");
    story.door_opens();
    story.typed("4");
    story.wait_s(60);
    story.typed("205");
    assert_eq!(story.heard().last(), Some(&Sound::Refused), "205 is no reason");
    story.typed("4");
    story.cancels();
    story.typed("205");
    assert_eq!(story.heard().last(), Some(&Sound::Refused));
}

#[test]
fn cancel_leaves_at_any_question() {
    for answers in [&[][..], &["1"], &["1", "204"]] {
        let mut story = at_a_keypad();
        enters(&mut story, "11");
        for answer in answers {
            story.typed(answer);
        }
        story.cancels();
        story.expect_records(&["ana came", "session closed: cancelled, 0 taken, 0 returned"]);
        story.expect_locked();
    }
    let mut story = at_a_keypad();
    story.typed("11");
    story.cancels();
    assert!(!story.cabinet.is_busy());
}

#[test]
fn nobody_answers_for_ever() {
    let mut story = at_a_keypad();
    enters(&mut story, "11");
    let mut answers = 0;
    while story.cabinet.is_busy() && answers < 100 {
        story.typed("5");
        story.typed("999");
        answers += 2;
        story.wait_s(10);
    }
    assert!((32..50).contains(&answers), "{answers}");
    story.expect_records(&["ana came", "session closed: timed out, 0 taken, 0 returned"]);
}

#[test]
fn enter_alone_is_no_wrong_pin() {
    let mut story = at_a_keypad();
    story.typed("");
    story.typed("11");
    story.typed("");
    assert!(!story.is_checking_a_pin());
    story.typed("482913");
    assert!(story.is_checking_a_pin());
    story.expect_records(&[]);
}

/// Where only badges say who it is, digits before the badge are a PIN: nobody is charged for it.
#[test]
fn without_login_numbers_a_pin_that_comes_too_early_costs_nothing() {
    let mut story = keypad_with(|settings| settings.access.login_and_pin = false);
    story.typed("482913");
    story.expect_told("Badge first");
    story.expect_heard(Sound::Refused);
    story.expect_records(&[]);
}

#[test]
fn a_revoked_visitor_gets_nothing_more() {
    let mut story = at_a_keypad();
    enters(&mut story, "11");
    story.typed("5");
    story.typed("204");
    story.door_opens();
    story.revokes("ana");
    story.typed("5");
    story.typed("205");
    story.expect_told(&Message::Denied { denial: Denial::Revoked }.to_string());
    assert!(story.cabinet.books().roster.users[&UserId::from("ana")].role == Role::Staff);
}
