//! A visit from the badge to the closed door: asking, the second person, emergencies, duress.

use crate::story::{Lock, Story, sample_roster, unit_key};
use cabinetd::cabinet::fact::Fact;
use cabinetd::cabinet::outcome::{Action, Answer, Denial, Sound};
use cabinetd::cabinet::roster::RosterChange;
use cabinetd::cabinet::types::{DoorNo, Input, KeyId, Level, Output, Reason, SlotNo};

#[test]
fn ana_pulls_a_key_for_a_work_order() {
    let mut story = Story::begins();
    story.badge("ana");
    story.expect_told("Enter your PIN");
    story.pin_ok();
    story.expect_told("Which key, and why?");
    story.expect_locked();

    story.pull("Unit 204", Reason::WorkOrder);
    story.expect_unlocked();
    story.expect_energised(Output::Led(SlotNo(4)));
    story.expect_told("slot 4");

    story.door_opens();
    story.expect_locked();
    story.take(4);
    story.expect_told("Unit 204 taken from slot 4");
    story.closes();
    story.expect_told("1 taken, 0 returned");

    story.expect_custody("204", "out with ana for work-order");
    story.expect_records(&[
        "ana came",
        "authorised to take 204 for work-order at door 1",
        "door 1 opened",
        "ana took 204 from slot 4",
        "door 1 closed",
        "session closed: completed, 1 taken, 0 returned",
    ]);
    assert!(story.energised().is_empty(), "lights out, lock off");
    story.expect_alarms(&[]);
}

#[test]
fn the_session_is_closed_with_its_duration() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("204", Reason::Showing);
    story.wait_s(3);
    story.door_opens();
    story.wait_s(20);
    story.closes();
    let last = serde_json::to_value(&story.records().last().expect("records").fact).expect("json");
    assert_eq!(last["fact"]["duration_ms"], 23_060, "3 s + 20 s + two debounces of 30 ms");
}

#[test]
fn pull_and_return_in_one_visit() {
    let mut story = Story::begins();
    story.pulls("ana", 4);
    story.news();
    story.comes("ana");
    story.brings(&[]);
    story.pull("205", Reason::Showing);
    story.expect_energised(Output::Led(SlotNo(4)));
    story.expect_energised(Output::Led(SlotNo(5)));
    story.door_opens();
    story.put(4);
    story.take(5);
    story.closes();
    story.expect_records(&[
        "ana came",
        "authorised to return 204 for unstated at door 1",
        "authorised to take 205 for showing at door 1",
        "door 1 opened",
        "ana hung 204 in slot 4 (home-slot)",
        "ana took 205 from slot 5",
        "door 1 closed",
        "session closed: completed, 1 taken, 1 returned",
    ]);
}

#[test]
fn a_key_that_was_hung_back_was_taken_and_returned() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.take(4);
    story.put(4);
    story.closes();
    story.expect_told("1 taken, 1 returned");
    story.expect_record("session closed: completed, 1 taken, 1 returned");
}

#[test]
fn where_asking_is_optional_the_reason_is_unstated_but_the_key_is_still_hers() {
    let mut story = Story::with(|settings| settings.sessions.ask_required = false);
    story.comes("ana");
    story.expect_unlocked();
    story.door_opens();
    story.take(4);
    story.closes();
    story.expect_custody("204", "out with ana for unstated");
    story.expect_alarms(&[]);
}

#[test]
fn where_asking_is_optional_a_two_person_key_still_alarms() {
    let mut story = Story::with(|settings| settings.sessions.ask_required = false);
    story.comes("ana");
    story.door_opens();
    story.take(17);
    story.expect_heard(Sound::WrongKey);
    story.expect_alarms(&["wrong-key key safe slot 17"]);
}

#[test]
fn a_key_of_another_building_is_refused_and_the_refusal_is_on_record() {
    let mut story = Story::begins();
    story.comes("ana");
    let answer = story.pull("213", Reason::WorkOrder);
    assert_eq!(answer, Answer::Refused(Denial::KeyNotAllowed { key: "213".into() }));
    story.expect_locked();
    story.expect_record("ana refused: key-not-allowed key 213");
}

/// Nobody would unlock it, and the ledger would say that somebody was let in to nothing.
#[test]
fn a_key_in_a_slot_that_the_config_has_no_more_is_refused() {
    let mut story = Story::begins();
    story.loses_slot(SlotNo(4));
    story.comes("ana");
    let denial = Denial::SlotNotConfigured { key: "204".into(), slot: SlotNo(4) };
    assert_eq!(story.pull("204", Reason::WorkOrder), Answer::Refused(denial));
    story.expect_locked();
}

#[test]
fn a_key_that_is_out_or_unknown_is_refused() {
    let mut story = Story::begins();
    story.pulls("bob", 4);
    story.comes("ana");
    let not_here = Denial::KeyNotHere { key: "204".into() };
    assert_eq!(story.pull("204", Reason::WorkOrder), Answer::Refused(not_here));
    let unknown = Denial::KeyUnknown { key: "999".into() };
    assert_eq!(story.pull("999", Reason::WorkOrder), Answer::Refused(unknown));
    assert_eq!(
        story.pull_all(&["205", "213"], Reason::WorkOrder),
        Answer::Refused(Denial::KeyNotAllowed { key: "213".into() })
    );
    story.expect_locked();
}

#[test]
fn an_ask_with_nobody_at_the_cabinet_opens_nothing() {
    let mut story = Story::begins();
    assert_eq!(story.pull("204", Reason::Emergency), Answer::Refused(Denial::NobodyIdentified));
    story.expect_locked();
    assert_eq!(story.unlocks(), 0);
}

#[test]
fn a_second_badge_is_told_who_is_using_the_cabinet() {
    let mut story = Story::begins();
    story.comes("ana");
    story.badge("bob");
    story.expect_told("Ana is using the cabinet");
    story.login("bob");
    story.expect_told("Ana is using the cabinet");
    assert!(!story.is_checking_a_pin());
}

#[test]
fn a_second_badge_joins_where_a_second_person_is_asked_for() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("safe", Reason::DayToDay);
    story.expect_told("second person");
    story.expect_locked();
    story.comes("bob");
    story.expect_unlocked();
    story.door_opens();
    story.take(17);
    story.closes();
    story.expect_custody("safe", "out with ana for day-to-day");
    story.expect_records(&[
        "ana came",
        "bob joined",
        "authorised to take safe for day-to-day at door 1",
        "door 1 opened",
        "ana took safe from slot 17",
        "door 1 closed",
        "session closed: completed, 1 taken, 0 returned",
    ]);
    story.expect_alarms(&[]);
}

#[test]
fn one_is_not_ones_own_second_person() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("safe", Reason::DayToDay);
    story.badge("ana");
    story.expect_told("must be somebody else");
    story.expect_locked();
    story.expect_record("ana refused: same-person");
}

#[test]
fn the_second_person_must_be_entitled() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("safe", Reason::DayToDay);
    story.comes("dan");
    story.expect_locked();
    story.expect_record("dan refused: second-person-not-entitled");
    story.comes("bob");
    story.expect_unlocked();
}

#[test]
fn the_config_may_say_who_stands_second() {
    let mut story = Story::with(|settings| settings.access.second_person_groups = vec!["b".into()]);
    story.comes("ana");
    story.pull("safe", Reason::DayToDay);
    story.comes("bob");
    story.expect_locked();
    story.comes("dan");
    story.expect_unlocked();
}

#[test]
fn no_second_person_came() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("safe", Reason::DayToDay);
    story.wait_s(61);
    story.expect_records(&["ana came", "session closed: timed out, 0 taken, 0 returned"]);
    story.expect_locked();
}

#[test]
fn a_lone_emergency_opens_and_alarms_until_countersigned() {
    let mut story = Story::begins();
    story.comes("eve");
    story.pull_alone("safe", Reason::Emergency);
    story.expect_unlocked();
    story.door_opens();
    story.take(17);
    story.closes();
    let alarm = "lone-emergency user eve";
    story.expect_alarms(&[alarm]);
    story.acknowledges(alarm);
    story.expect_alarms(&["lone-emergency user eve (seen)"]);
    assert_eq!(story.countersigns("eve", alarm), Answer::Refused(Denial::SamePerson));
    assert!(matches!(story.countersigns("cleo", alarm), Answer::Done { .. }));
    story.expect_alarms(&[]);
    let cleared = story.records().last().expect("records");
    assert_eq!(crate::words::say(cleared), "alarm cleared: countersigned");
    assert_eq!(crate::words::by_words(cleared), "account office", "the record says whose account it was");
    assert!(
        matches!(&cleared.fact, Fact::AlarmCleared { name: Some(name), .. } if name.as_str() == "cleo"),
        "and in whose name"
    );
}

#[test]
fn a_countersignature_without_an_earlier_acknowledgement() {
    let mut story = Story::begins();
    story.comes("eve");
    story.pull_alone("safe", Reason::Emergency);
    story.countersigns("cleo", "lone-emergency user eve");
    story.expect_alarms(&[]);
}

#[test]
fn a_lone_emergency_that_took_nothing_is_over_with_the_visit() {
    let mut story = Story::begins();
    story.comes("eve");
    story.pull_alone("safe", Reason::Emergency);
    story.expect_alarms(&["lone-emergency user eve"]);
    story.door_opens();
    story.closes();
    story.expect_alarms(&[]);
}

#[test]
fn the_revoked_countersign_nothing() {
    let mut story = Story::begins();
    story.comes("eve");
    story.pull_alone("safe", Reason::Emergency);
    story.revokes("bob");
    assert_eq!(story.countersigns("bob", "lone-emergency user eve"), Answer::Refused(Denial::Revoked));
    story.expect_alarms(&["lone-emergency user eve"]);
}

#[test]
fn breaking_the_two_person_rule_needs_an_emergency_and_the_rosters_word() {
    let mut story = Story::begins();
    story.comes("eve");
    assert_eq!(story.pull_alone("safe", Reason::DayToDay), Answer::Refused(Denial::LoneEmergencyNotAllowed));
    story.cancels();
    story.comes("ana");
    assert_eq!(story.pull_alone("safe", Reason::Emergency), Answer::Refused(Denial::LoneEmergencyNotAllowed));
    story.expect_locked();
    story.expect_record("ana refused: lone-emergency-not-allowed");
}

/// The whole visit as somebody standing beside the cabinet perceives it.
fn visit_as_seen(duress: bool) -> (Vec<Action>, Vec<String>) {
    let mut story = Story::begins();
    story.commanded();
    story.badge("ana");
    if duress {
        story.pin_duress();
    } else {
        story.pin_ok();
    }
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.take(4);
    story.wait_s(200);
    story.closes();
    let seen = story.commanded();
    let seen = seen.into_iter().filter(|action| !matches!(action, Action::CheckPin { .. }));
    (seen.collect(), story.alarms())
}

#[test]
fn a_duress_pin_looks_like_any_other_and_alarms_silently() {
    let (normal, no_alarms) = visit_as_seen(false);
    let (duress, alarms) = visit_as_seen(true);
    assert_eq!(normal, duress, "what is said, heard, lit and opened");
    assert!(no_alarms.is_empty());
    assert_eq!(alarms, ["duress user ana"]);
}

#[test]
fn nothing_that_is_counted_shows_a_silent_alarm() {
    let after = |duress: bool| {
        let mut story = Story::begins();
        story.badge("ana");
        if duress {
            story.pin_duress();
        } else {
            story.pin_ok();
        }
        story.pull("204", Reason::WorkOrder);
        let visit = story.picture();
        story.door_opens();
        story.take(4);
        story.closes();
        if duress {
            assert!(matches!(story.acknowledges("duress user ana"), Answer::Done { .. }));
        } else {
            // The same time passes.
            story.wait_s(0);
        }
        story.door_opens();
        let alarm = story.alarm_id("open-without-session door 1");
        story.closes();
        story.comes("ana");
        let picture = story.picture();
        let next = picture.session.as_ref().expect("the next visit").id;
        (visit.session.expect("a visit").id, alarm, next, picture.head_seq, picture.alarms.len())
    };
    assert_eq!(after(false), after(true));
}

#[test]
fn the_answer_under_duress_reads_the_same() {
    let answer = |duress: bool| {
        let mut story = Story::begins();
        story.badge("ana");
        if duress {
            story.pin_duress();
        } else {
            story.pin_ok();
        }
        match story.pull("204", Reason::WorkOrder) {
            Answer::Done { text, seq } => (text, seq),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(answer(false), answer(true));
}

#[test]
fn a_silent_alarm_is_not_the_staffs_to_acknowledge() {
    use cabinetd::cabinet::event::Ask;
    use cabinetd::cabinet::types::Role;
    let mut story = Story::begins();
    story.badge("ana");
    story.pin_duress();
    let alarm = story.alarm_id("duress user ana");
    let answer = story.ask_as("desk", Some(Role::Staff), "guess", Ask::AlarmAcknowledge { alarm });
    assert_eq!(answer, Answer::Refused(Denial::AlarmUnknown { alarm }), "it does not even exist for them");
    story.expect_alarms(&["duress user ana"]);
    assert!(matches!(story.acknowledges("duress user ana"), Answer::Done { .. }));
}

#[test]
fn a_wrong_key_alarms_at_once_and_is_cleared_when_put_back() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.news();
    story.take(5);
    story.expect_heard(Sound::WrongKey);
    story.expect_told("Wrong key: put Unit 205 back into slot 5");
    story.expect_records(&["ana took 205 from slot 5, not entitled", "ALARM wrong-key key 205 slot 5"]);
    story.put(5);
    story.expect_records(&["ana hung 205 in slot 5 (home-slot)", "alarm cleared: resolved"]);
    story.closes();
    story.expect_alarms(&[]);
}

#[test]
fn a_wrong_key_carried_off_stays_an_alarm() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.take(13);
    story.closes();
    story.expect_told("Done: 1 taken, 0 returned. Not asked for, bring it back: Unit 213.");
    story.expect_alarms(&["wrong-key key 213 slot 13"]);
    story.expect_custody("213", "out with ana for unstated");
    story.acknowledges("wrong-key key 213 slot 13");
    story.expect_alarms(&[]);
}

#[test]
fn two_keys_in_the_same_millisecond() {
    use cabinetd::cabinet::types::{Input, Level};
    let mut story = Story::begins();
    story.comes("ana");
    story.pull_all(&["204", "205"], Reason::WorkOrder);
    story.door_opens();
    story.news();
    story.raw(Input::Slot(SlotNo(5)), Level::Inactive);
    story.raw(Input::Slot(SlotNo(4)), Level::Inactive);
    story.wait_ms(30);
    story.expect_records(&["ana took 204 from slot 4", "ana took 205 from slot 5"]);
    story.closes();
    story.expect_custody("204", "out with ana for work-order");
    story.expect_custody("205", "out with ana for work-order");
}

#[test]
fn never_opened() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.wait_s(10);
    story.expect_told("was not opened");
    story.expect_locked();
    story.expect_records(&[
        "ana came",
        "authorised to take 204 for work-order at door 1",
        "session closed: never opened, 0 taken, 0 returned",
    ]);
}

#[test]
fn nothing_was_asked_for() {
    let mut story = Story::begins();
    story.comes("ana");
    story.wait_s(60);
    story.expect_records(&["ana came", "session closed: timed out, 0 taken, 0 returned"]);
    story.comes("bob");
    story.expect_told("Which key");
}

#[test]
fn ana_changes_her_mind() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.cancels();
    story.expect_locked();
    story.expect_record("session closed: cancelled, 0 taken, 0 returned");
    story.door_opens();
    story.expect_alarms(&["open-without-session door 1"]);
}

#[test]
fn an_open_door_is_not_cancelled() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.cancels();
    story.take(4);
    story.closes();
    story.expect_custody("204", "out with ana for work-order");
}

#[test]
fn the_lock_does_not_answer() {
    let mut story = Story::begins();
    story.lock = Lock::Fails;
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.expect_told("lock of door 1 does not answer");
    story.expect_alarms(&["lock-fault door 1"]);
    story.expect_record("session closed: lock fault, 0 taken, 0 returned");

    story.lock = Lock::Works;
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.expect_unlocked();
    story.expect_alarms(&[]);
}

#[test]
fn a_lock_command_of_which_nothing_is_heard_is_overdue() {
    let mut story = Story::begins();
    story.lock = Lock::Silent;
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.wait_s(4);
    story.expect_alarms(&[]);
    story.wait_s(1);
    story.expect_alarms(&["lock-fault door 1"]);
    story.expect_locked();
    assert_eq!(story.unlocks(), 1, "never repeated");
}

#[test]
fn a_failed_command_of_a_session_that_is_over_does_not_end_the_next_one() {
    let mut story = Story::begins();
    story.lock = Lock::Silent;
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.cancels();
    story.lock = Lock::Works;
    story.comes("bob");
    story.pull("205", Reason::WorkOrder);
    story.wait_s(4);
    story.news();
    story.wait_s(1);
    story.door_opens();
    story.take(5);
    story.closes();
    story.expect_custody("205", "out with bob for work-order");
}

#[test]
fn latches_and_lights_where_configured() {
    let mut story = Story::with(|settings| {
        let place = settings.slots.get_mut(&SlotNo(4)).expect("slot 4");
        place.latch = true;
        settings.slots.get_mut(&SlotNo(5)).expect("slot 5").led = false;
    });
    story.comes("ana");
    story.pull_all(&["204", "205"], Reason::WorkOrder);
    story.expect_energised(Output::Latch(SlotNo(4)));
    assert_eq!(
        story.energised(),
        [Output::Lock(DoorNo(1)), Output::Latch(SlotNo(4)), Output::Led(SlotNo(4))],
        "slot 5 has neither light nor latch"
    );
    story.door_opens();
    story.take(4);
    story.take(5);
    story.closes();
    assert!(story.energised().is_empty());
}

#[test]
fn what_hangs_at_home_unnamed_may_be_asked_for_and_taken_without_alarm() {
    let mut story = Story::begins();
    story.key_is("204", cabinetd::cabinet::event::KeyStep::EnteredByMistake);
    story.acknowledges("unexpected-slot slot 4");
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.take(4);
    story.closes();
    assert!(!story.alarms().iter().any(|alarm| alarm.starts_with("wrong-key")), "{:?}", story.alarms());
    assert!(story.cabinet.books().custody.contains_key(&KeyId::from("204")));
}

#[test]
fn a_visit_asks_only_so_often() {
    let mut story = Story::begins();
    story.comes("ana");
    for _ in 0..16 {
        assert!(matches!(story.pull("204", Reason::WorkOrder), Answer::Done { .. }));
    }
    assert_eq!(story.pull("204", Reason::WorkOrder), Answer::Refused(Denial::TooManyAsks), "no person asks that often");
}

#[test]
fn a_second_person_stands_only_for_the_keys_they_may_take() {
    let mut story = Story::begins();
    story.edits_user("ana", |ana| {
        ana.groups.insert("b".into());
    });
    let mut vault = unit_key(13, "b");
    vault.second_person = true;
    let change = RosterChange { replace: false, users: vec![], keys: vec![vault], ..sample_roster() };
    assert!(matches!(story.import(change), Answer::Difference { applied: true, .. }));
    story.comes("ana");
    story.pull("safe", Reason::DayToDay);
    story.comes("bob");
    story.news();
    // Bob stood for the safe. The vault is not his to take, so he does not stand for it.
    let Answer::Done { text, .. } = story.pull("213", Reason::DayToDay) else { panic!("asked for a second person") };
    assert!(text.contains("second person"), "{text}");
    story.expect_records(&[]);
}

#[test]
fn a_door_contact_that_breaks_while_open_does_not_hold_the_visit() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.take(4);
    story.raw(Input::Door(DoorNo(1)), Level::Fault);
    story.wait_s(60);
    assert!(story.cabinet.books().session.is_none(), "nobody will see it close");
    story.expect_custody("204", "out with ana for work-order");
    // The next one is let in with a pulse of the lock, not on the word of a broken contact.
    story.comes("bob");
    story.pull("205", Reason::WorkOrder);
    story.expect_unlocked();
}

#[test]
fn a_clock_set_back_across_a_boot_freezes_no_delay() {
    use cabinetd::cabinet::types::{BootId, ClockQuality, Mono, Stamp, Wall};
    let then = Stamp { mono: Mono(9), wall: Wall(2_000_000_000_000), clock: ClockQuality::Rtc, boot: BootId(1) };
    let now = Stamp { mono: Mono(60_000), wall: Wall(1_700_000_000_000), clock: ClockQuality::Rtc, boot: BootId(2) };
    assert_eq!(then.elapsed_ms(now), 60_000, "at least since the later boot");
}

#[test]
fn a_lone_emergency_cut_off_by_a_stop_stays_open() {
    let mut story = Story::begins();
    story.comes("eve");
    story.pull_alone("safe", Reason::Emergency);
    story.door_opens();
    story.stop();
    story.expect_alarms(&["lone-emergency user eve"]);
}
