//! Requests from outside: answered once, by role, with the actor in the record; the roster's imports.

use crate::story::{Story, edit_user, person, pull_of, sample_roster, some_hash, unit_key};
use cabinetd::cabinet::event::{Ask, KeyStep};
use cabinetd::cabinet::fact::Fact;
use cabinetd::cabinet::outcome::{Answer, Denial};
use cabinetd::cabinet::roster::{Difference, FieldChange, RosterChange};
use cabinetd::cabinet::signed::Rise;
use cabinetd::cabinet::types::{Actor, AlarmId, Code, Reason, Role, SlotNo, Wall};

#[test]
fn the_same_request_twice_gives_the_same_answer_and_no_second_effect() {
    let mut story = Story::begins();
    story.comes("ana");
    let ask = || Ask::Pull(pull_of(&["204"], Reason::WorkOrder, false));
    let first = story.ask_as("desk", Some(Role::Staff), "k1", ask());
    story.news();
    let second = story.ask_as("desk", Some(Role::Staff), "k1", ask());
    assert_eq!(first, second);
    story.expect_records(&[]);
    assert_eq!(story.unlocks(), 1);
    assert!(matches!(first, Answer::Done { seq, .. } if seq > 0), "{first:?}");
}

#[test]
fn an_import_that_gives_somebody_more_keeps_that_in_its_record_and_is_no_alarm() {
    let mut story = Story::begins();
    let rises = |story: &Story| match story.records().last().map(|record| &record.fact) {
        Some(Fact::RosterChanged { rises, signed: None, .. }) => rises.clone(),
        other => panic!("{other:?}"),
    };
    story.edits_user("bob", |bob| bob.role = Role::Manager);
    assert_eq!(rises(&story), [Rise::Role { user: "bob".into(), from: Role::Staff, to: Role::Manager }]);
    let words = story.records().last().expect("one").fact.to_string();
    assert!(words.contains("gives more than before"), "{words}");
    story.expect_alarms(&[]);
    story.edits_user("bob", |bob| bob.role = Role::Staff);
    assert_eq!(rises(&story), [], "less is nothing to remember");
}

#[test]
fn the_answer_is_remembered_across_a_restart() {
    let mut story = Story::begins();
    let ask = || Ask::KeyLife { key: "204".into(), step: KeyStep::Rekeyed, note: None };
    let first = story.ask_as("desk", Some(Role::Manager), "k1", ask());
    story.kill(|_| {});
    story.news();
    assert_eq!(story.ask_as("desk", Some(Role::Manager), "k1", ask()), first);
    story.expect_records(&[]);
}

#[test]
fn somebody_elses_key_is_another_request() {
    let mut story = Story::begins();
    let ask = || Ask::KeyLife { key: "204".into(), step: KeyStep::Rekeyed, note: None };
    story.ask_as("desk", Some(Role::Manager), "k1", ask());
    story.news();
    story.ask_as("phone", Some(Role::Manager), "k1", ask());
    story.expect_records(&["key 204: Rekeyed"]);
}

#[test]
fn what_an_account_may_do_follows_its_role() {
    let mut story = Story::begins();
    let asks: Vec<(Ask, Role)> = vec![
        (Ask::Declare { slot: SlotNo(4), key: "204".into() }, Role::Assistant),
        (Ask::AlarmAcknowledge { alarm: AlarmId(1) }, Role::Staff),
        (Ask::Countersign { alarm: AlarmId(1), by: "cleo".into() }, Role::Manager),
        (Ask::ChangeRoster { change: sample_roster(), dry_run: true }, Role::Admin),
        (Ask::SetPin { user: "ana".into(), pin: some_hash() }, Role::Admin),
        (Ask::Vouch { user: "ana".into(), by: "cleo".into(), code: some_hash(), for_minutes: 5 }, Role::Manager),
        (Ask::KeyLife { key: "204".into(), step: KeyStep::Lost, note: None }, Role::Manager),
        (Ask::Open { user: "ana".into(), door: None, why: "badge at home".into() }, Role::Admin),
    ];
    for (number, (ask, needed)) in asks.into_iter().enumerate() {
        let below = [Role::Staff, Role::Assistant, Role::Manager].into_iter().filter(|role| *role < needed).max();
        let answer = story.ask_as("desk", below, &format!("k{number}"), ask);
        assert_eq!(answer, Answer::Refused(Denial::RoleNeeded { role: needed }));
    }
    story.expect_records(&[]);
}

#[test]
fn an_account_without_a_role_asks_nothing_in_the_name_of_the_person_at_the_cabinet() {
    let mut story = Story::begins();
    story.comes("ana");
    story.news();
    let ask = || {
        let keys = vec!["204".to_owned()];
        [Ask::Pull(pull_of(&["204"], Reason::WorkOrder, false)), Ask::Return { keys }, Ask::Cancel]
    };
    for (number, ask) in ask().into_iter().enumerate() {
        let answer = story.ask_as("ann", None, &format!("k{number}"), ask);
        assert_eq!(answer, Answer::Refused(Denial::RoleNeeded { role: Role::Staff }));
    }
    story.expect_records(&[]);
    assert_eq!(story.unlocks(), 0);
    let [pull, ..] = ask();
    assert!(matches!(story.ask_as("desk", Some(Role::Staff), "k9", pull), Answer::Done { .. }));
    assert_eq!(story.unlocks(), 1);
}

#[test]
fn the_actor_is_in_the_record() {
    let mut story = Story::begins();
    story.ask_as("office", Some(Role::Admin), "k1", Ask::SetPin { user: "ana".into(), pin: some_hash() });
    let record = story.records().last().expect("records");
    assert!(matches!(&record.by.actor, Actor::Account { name, .. } if &**name == "office"));
    assert_eq!(record.by.request.as_ref().map(|key| &*key.0), Some("k1"));
    story.expect_records(&["PIN of ana set"]);
}

#[test]
fn nothing_but_the_request_is_put_down_to_its_actor() {
    let mut story = Story::begins();
    story.revokes("ana");
    story.comes("ana");
    story.comes("ana");
    story.wait_ms(59_999);
    story.news();
    // The next event comes as the minute of the refusals ends.
    story.late_by_ms(2);
    story.key_is("204", KeyStep::Rekeyed);
    let by: Vec<String> = story.records().iter().rev().take(2).map(crate::words::by_words).collect();
    assert_eq!(by, ["account office", "cabinet"]);
}

#[test]
fn an_import_lists_every_problem_and_changes_nothing() {
    let mut story = Story::begins();
    let mut change = sample_roster();
    change.users.push(person("ana", Role::Staff, &[]));
    let mut twin = person("gus", Role::Staff, &[]);
    twin.badge = Some(Code::new("badge-bob"));
    twin.login = Some(Code::new("login-bob"));
    twin.valid_from = Some(Wall(10));
    twin.valid_until = Some(Wall(5));
    change.users.push(twin);
    let mut stray = unit_key(9, "a");
    stray.id = "x".into();
    stray.home = SlotNo(99);
    stray.tag = Some(Code::new("badge-dan"));
    change.keys.push(stray);
    let mut crowd = unit_key(4, "a");
    crowd.id = "y".into();
    crowd.label = " ".into();
    crowd.tag = None;
    change.keys.push(crowd);
    let Answer::Problems(problems) = story.import(change) else { panic!("must be refused") };
    for expected in [
        "user ana: listed twice",
        "the badge of user gus: the same as the badge of user bob",
        "the login of user gus: the same as the login of user bob",
        "user gus: valid_until is before valid_from",
        "key x: slot 99 does not exist in this cabinet",
        "the tag of key x: the same as the badge of user dan",
        "key y: slot 4 is already the home of key 204",
        "key y: the label is empty",
    ] {
        assert!(problems.iter().any(|problem| problem == expected), "\"{expected}\" is missing in {problems:#?}");
    }
    assert!(problems.iter().all(|problem| !problem.contains("badge-")), "no code in a message: {problems:?}");
    story.expect_records(&[]);
}

#[test]
fn a_dry_run_tells_the_difference_and_changes_nothing() {
    let mut story = Story::begins();
    let mut change = sample_roster();
    change.users.retain(|user| user.id.as_str() != "dan");
    change.keys[0].label = "Unit 201 (attic)".into();
    let expected = vec![
        Difference::UserRemoved("dan".into()),
        Difference::KeyChanged {
            key: "201".into(),
            fields: vec![FieldChange {
                field: "label".into(),
                from: Some("Unit 201".into()),
                to: Some("Unit 201 (attic)".into()),
            }],
        },
    ];
    assert_eq!(story.would_import(change.clone()), Answer::Difference { lines: expected.clone(), applied: false });
    story.expect_records(&[]);
    assert_eq!(story.import(change), Answer::Difference { lines: expected, applied: true });
    story.expect_records(&["roster version 2 from sample: - user dan; ~ key 201: label Unit 201 → Unit 201 (attic)"]);
}

#[test]
fn the_same_file_again_is_no_change() {
    let mut story = Story::begins();
    assert_eq!(story.import(sample_roster()), Answer::Difference { lines: vec![], applied: false });
    story.expect_records(&[]);
}

#[test]
fn a_revocation_survives_an_import_and_a_pin_too() {
    let mut story = Story::begins();
    story.revokes("ana");
    let mut change = sample_roster();
    for user in &mut change.users {
        user.pin = None;
    }
    story.import(change.clone());
    story.comes("ana");
    story.expect_told("revoked");
    story.comes("bob");
    story.expect_told("Which key");
    story.cancels();
    // Not even absence from the file lifts it.
    change.users.retain(|user| user.id.as_str() != "ana");
    story.import(change);
    story.comes("ana");
    story.expect_told("revoked");
    // Only a local edit does.
    story.edits_user("ana", |ana| ana.revoked = false);
    story.comes("ana");
    story.expect_told("Which key");
}

#[test]
fn a_key_that_is_out_cannot_leave_the_roster() {
    let mut story = Story::begins();
    story.pulls("ana", 4);
    let without = RosterChange {
        users: vec![],
        keys: vec![],
        replace: false,
        remove_keys: vec!["204".into()],
        ..sample_roster()
    };
    let Answer::Problems(problems) = story.import(without.clone()) else { panic!("must be refused") };
    assert!(problems[0].contains("key 204: is out with somebody"), "{problems:?}");
    story.key_is("204", KeyStep::Lost);
    story.key_is("204", KeyStep::Found);
    // Found, but not hung home: it may be in the same hand.
    let Answer::Problems(problems) = story.import(without.clone()) else { panic!("must be refused") };
    assert!(problems[0].contains("key 204: was found and is not back in its slot"), "{problems:?}");
    story.key_is("204", KeyStep::Lost);
    assert!(matches!(story.import(without), Answer::Difference { applied: true, .. }));
}

#[test]
fn a_new_key_is_taken_to_be_what_hangs_unnamed_at_its_home() {
    let mut story = Story::begins();
    story.power_cut(60, |levels| {
        levels.insert(cabinetd::cabinet::types::Input::Slot(SlotNo(20)), cabinetd::cabinet::types::Level::Active);
    });
    story.expect_alarms(&["dark-difference slot 20"]);
    let change = RosterChange { keys: vec![unit_key(20, "a")], ..edit_user(person("ana", Role::Staff, &["a"])) };
    story.import(change);
    story.expect_custody("220", "in slot 20 (home-slot)");
}

#[test]
fn the_last_one_may_be_told_the_disk_is_full_by_request_too() {
    use cabinetd::cabinet::event::StoreState;
    let mut story = Story::begins();
    story.store(StoreState::Reserve);
    story.news();
    let refused = Answer::Refused(Denial::NoRoom);
    assert_eq!(story.key_is("204", KeyStep::Lost), refused);
    assert_eq!(story.import(edit_user(person("gus", Role::Staff, &["a"]))), refused);
    story.expect_records(&[]);
}

#[test]
fn who_is_not_shown_badges_and_tags_cannot_wipe_them() {
    let mut story = Story::with(|settings| settings.access.manage_roster = Role::Manager);
    let before = story.cabinet.books().roster.clone();
    let stripped = || {
        let mut change = sample_roster();
        for user in &mut change.users {
            (user.badge, user.login) = (None, None);
        }
        change.keys.iter_mut().for_each(|key| key.tag = None);
        change
    };
    let ask = |change| Ask::ChangeRoster { change, dry_run: false };
    let answer = story.ask_as("manager", Some(Role::Manager), "k1", ask(stripped()));
    assert_eq!(answer, Answer::Difference { lines: vec![], applied: false });
    assert_eq!(story.cabinet.books().roster, before);
    // Who sees them says what is to be.
    let answer = story.ask_as("office", Some(Role::Admin), "k2", ask(stripped()));
    assert!(matches!(answer, Answer::Difference { applied: true, .. }), "{answer:?}");
    assert!(story.cabinet.books().roster.users.values().all(|user| user.badge.is_none()));
}
