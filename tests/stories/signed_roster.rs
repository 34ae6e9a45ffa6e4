//! A roster that was signed elsewhere: when it is taken, what it leaves as it is, whom it raises, how old it may be.

use crate::story::{Story, person, sample_roster, unit_key};
use cabinetd::cabinet::Event;
use cabinetd::cabinet::event::{Ask, KeyStep, StoreState};
use cabinetd::cabinet::fact::{Alarm, Fact};
use cabinetd::cabinet::outcome::{Answer, Denial, PinVerdict};
use cabinetd::cabinet::roster::{Key, Window};
use cabinetd::cabinet::signed::{Rise, RosterFault, SignedRoster};
use cabinetd::cabinet::snapshot::Snapshot;
use cabinetd::cabinet::types::{ClockQuality, Code, Reason, Role, SlotNo, Wall};

const DAY_MS: i64 = 86_400_000;

fn begins() -> Story {
    Story::with(|settings| settings.signed_roster = true)
}

/// The sample roster, signed, good for thirty days.
fn signed(story: &Story, version: u64, change: impl FnOnce(&mut SignedRoster)) -> SignedRoster {
    let sample = sample_roster();
    let mut roster = SignedRoster {
        source: "upstream".into(),
        version,
        hash: format!("{version:064}"),
        expires: Wall(story.now().wall.0 + 30 * DAY_MS),
        users: sample.users,
        keys: sample.keys,
    };
    for user in &mut roster.users {
        user.pin = None;
    }
    change(&mut roster);
    roster
}

fn arrives(story: &mut Story, version: u64, change: impl FnOnce(&mut SignedRoster)) {
    let roster = signed(story, version, change);
    story.event(Event::RosterArrived(Box::new(roster)));
}

fn brings(story: &mut Story, role: Role, request: &str, roster: SignedRoster, dry_run: bool) -> Answer {
    story.ask_as("office", Some(role), request, Ask::TakeRoster { roster: Box::new(roster), dry_run })
}

fn held(story: &Story) -> Option<u64> {
    story.cabinet.books().signed_roster.as_ref().map(|held| held.signed.version)
}

fn user<'a>(story: &'a Story, id: &str) -> Option<&'a cabinetd::cabinet::roster::User> {
    story.cabinet.books().roster.users.get(&id.into())
}

fn without(id: &'static str) -> impl FnOnce(&mut SignedRoster) {
    move |roster| roster.users.retain(|user| user.id.as_str() != id)
}

#[test]
fn it_is_taken_as_one_change_with_one_record_and_pins_stay() {
    let mut story = begins();
    arrives(&mut story, 7, |roster| {
        roster.users.push(person("finn", Role::Staff, &["a"]));
        roster.users[0].name = "Anna".into();
    });
    story.expect_records(&["roster version 2 from upstream: ~ user ana: name Ana → Anna; + user finn"]);
    assert_eq!(held(&story), Some(7));
    let finn = user(&story, "finn").expect("he is there");
    assert_eq!(finn.pin, None, "whatever it says, a PIN comes from nowhere else than here");
    story.comes("ana");
    story.expect_record("ana came");
    // It outlives a restart.
    story.power_cut(60, |_| {});
    assert_eq!(held(&story), Some(7));
}

#[test]
fn it_waits_until_the_visit_is_over() {
    let mut story = begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    arrives(&mut story, 7, without("ana"));
    assert_eq!((held(&story), story.cabinet.waiting_roster()), (None, Some(7)));
    arrives(&mut story, 6, |_| {});
    assert_eq!(story.cabinet.waiting_roster(), Some(7), "an older one does not take its place");
    assert!(user(&story, "ana").is_some());
    story.closes();
    assert_eq!((held(&story), story.cabinet.waiting_roster()), (Some(7), None));
    assert!(user(&story, "ana").is_none());
    story.wait_s(10);
    story.badge("ana");
    story.expect_record("nobody refused: unknown-badge (charged)");
}

#[test]
fn a_half_typed_pin_and_a_full_disk_are_waited_for_too() {
    let mut story = begins();
    story.badge("ana");
    arrives(&mut story, 7, |_| {});
    assert_eq!(held(&story), None);
    story.wait_s(31);
    assert_eq!(held(&story), Some(7), "the PIN was not typed in time");
    story.store(StoreState::Reserve);
    arrives(&mut story, 8, |_| {});
    assert_eq!(held(&story), Some(7));
    story.store(StoreState::Writable);
    assert_eq!(held(&story), Some(8));
}

#[test]
fn only_a_higher_version_counts_and_an_older_one_is_told_once() {
    let mut story = begins();
    arrives(&mut story, 7, |_| {});
    story.news();
    arrives(&mut story, 7, |_| {});
    story.expect_records(&[]);
    for _ in 0..3 {
        arrives(&mut story, 6, without("bob"));
    }
    story.expect_records(&["ALARM roster-refused fault not-newer held 7 version 6"]);
    assert!(user(&story, "bob").is_some());
    assert_eq!(story.cabinet.settled_roster(), 7);
    // The same number with other words is no newer one.
    arrives(&mut story, 7, |roster| roster.hash = "ee".repeat(32));
    story.expect_alarms(&["roster-refused fault not-newer held 7 version 7"]);
    arrives(&mut story, 8, |_| {});
    story.expect_alarms(&[]);
    // Also after a restart, whatever was forgotten.
    story.power_cut(60, |_| {});
    arrives(&mut story, 7, without("bob"));
    assert_eq!(held(&story), Some(8));
}

#[test]
fn what_is_not_rightly_signed_is_told_and_is_over_with_one_that_is() {
    let mut story = begins();
    story.event(Event::RosterRefused(RosterFault::BadSignature));
    story.event(Event::RosterRefused(RosterFault::BadSignature));
    story.event(Event::RosterRefused(RosterFault::OtherKey));
    story.expect_alarms(&["roster-refused fault other-key"]);
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.expect_unlocked();
    story.door_opens();
    story.closes();
    arrives(&mut story, 1, |_| {});
    story.expect_alarms(&[]);
    story.event(Event::RosterRefused(RosterFault::OtherDevice));
    story.acknowledges("roster-refused fault other-device");
    story.expect_alarms(&[]);
}

#[test]
fn one_that_does_not_fit_counts_for_nothing() {
    let mut story = begins();
    arrives(&mut story, 3, |roster| roster.keys.push(unit_key(99, "a")));
    assert_eq!(held(&story), None);
    story.expect_alarms(&[
        "roster-refused fault does-not-fit problems key 299: slot 99 does not exist in this cabinet version 3",
    ]);
    assert_eq!(story.cabinet.settled_roster(), 3, "it need not be handed over again");
    arrives(&mut story, 4, |roster| roster.users[1].badge = roster.users[0].badge.clone());
    assert_eq!((held(&story), story.alarms().len()), (None, 1));
    arrives(&mut story, 5, |_| {});
    story.expect_alarms(&[]);
    assert_eq!(held(&story), Some(5));
}

#[test]
fn a_local_revocation_always_wins() {
    let mut story = begins();
    story.revokes("bob");
    arrives(&mut story, 7, |_| {});
    assert!(user(&story, "bob").is_some_and(|bob| bob.revoked));
    story.comes("bob");
    story.expect_record("bob refused: revoked");
    // Nor does leaving and coming back lift it.
    arrives(&mut story, 8, without("bob"));
    arrives(&mut story, 9, |_| {});
    assert!(user(&story, "bob").is_some_and(|bob| bob.revoked));
    // It is lifted here.
    story.edits_user("bob", |bob| bob.revoked = false);
    arrives(&mut story, 10, |_| {});
    assert!(user(&story, "bob").is_some_and(|bob| !bob.revoked));
}

#[test]
fn who_leaves_it_with_keys_out_is_let_in_no_more_and_goes_when_they_are_back() {
    let mut story = begins();
    story.pulls("ana", 4);
    arrives(&mut story, 7, |roster| {
        roster.users.retain(|user| user.id.as_str() != "ana");
        roster.keys.retain(|key| key.id.as_str() != "204");
        // Somebody else has the badge by now.
        roster.users[0].badge = Some(cabinetd::cabinet::types::Code::new("badge-ana"));
    });
    assert_eq!(held(&story), Some(7));
    let ana = user(&story, "ana").expect("the books name her");
    assert!(ana.revoked && ana.badge.is_none());
    story.expect_custody("204", "out with ana for work-order");
    story.badge("ana");
    story.pin_ok();
    story.expect_record("bob came");
    story.cancels();
}

/// Another key where 204 has its home.
fn in_the_place_of_204(roster: &mut SignedRoster) {
    roster.keys.retain(|key| key.id.as_str() != "204");
    roster.keys.push(Key { id: "404".into(), label: "Unit 404".into(), ..unit_key(4, "a") });
}

/// What it waits for, as whoever looks sees it.
fn waits_for(story: &Story) -> Option<(u64, Vec<String>)> {
    let seen = Snapshot::taken(&story.cabinet, story.now()).signed_roster?;
    Some((seen.waiting?, seen.waits_for.into_iter().map(|key| key.label).collect()))
}

#[test]
fn one_that_gives_the_home_of_a_key_that_is_out_to_another_waits_until_it_is_back() {
    let mut story = begins();
    story.pulls("ana", 4);
    arrives(&mut story, 7, in_the_place_of_204);
    story.wait_min(60);
    assert_eq!((held(&story), waits_for(&story)), (None, Some((7, vec!["Unit 204".into()]))));
    story.expect_alarms(&["roster-waits key 204 version 7"]);
    assert_eq!(story.cabinet.settled_roster(), 7, "it is here: it need not be handed over again");
    // A restart loses it; whoever has it hands it over again.
    story.power_cut(60, |_| {});
    assert_eq!((waits_for(&story), story.cabinet.settled_roster()), (None, 0));
    arrives(&mut story, 7, in_the_place_of_204);
    assert_eq!(held(&story), None);
    story.comes("ana");
    story.brings(&["204"]);
    story.door_opens();
    story.put(4);
    assert_eq!(held(&story), None, "not in a visit");
    story.closes();
    assert_eq!((held(&story), waits_for(&story)), (Some(7), None));
    story.expect_alarms(&[]);
    assert_eq!(story.cabinet.books().roster.by_home(SlotNo(4)).map(|key| key.id.as_str()), Some("404"));

    // One that does not come back is marked as lost.
    let mut story = begins();
    story.pulls("ana", 4);
    arrives(&mut story, 7, in_the_place_of_204);
    story.key_is("204", KeyStep::Lost);
    assert_eq!(held(&story), Some(7));
    story.expect_alarms(&[]);

    // What is wrong with it whoever brings which key back is told at once; a newer one that needs not wait does not.
    let mut story = begins();
    story.pulls("ana", 4);
    arrives(&mut story, 7, |roster| {
        in_the_place_of_204(roster);
        roster.keys.push(unit_key(99, "a"));
    });
    assert_eq!((waits_for(&story), story.alarms().len()), (None, 1));
    arrives(&mut story, 8, in_the_place_of_204);
    arrives(&mut story, 9, |_| {});
    assert_eq!((held(&story), waits_for(&story)), (Some(9), None));

    // One that does not fit takes no place of one that waits, and stays to be looked at when that one is taken.
    let mut story = begins();
    story.pulls("ana", 4);
    arrives(&mut story, 7, in_the_place_of_204);
    story.expect_alarms(&["roster-waits key 204 version 7"]);
    arrives(&mut story, 8, |roster| {
        in_the_place_of_204(roster);
        roster.keys.push(unit_key(99, "a"));
    });
    assert_eq!((waits_for(&story), story.cabinet.settled_roster()), (Some((7, vec!["Unit 204".into()])), 8));
    story.key_is("204", KeyStep::Lost);
    assert_eq!(held(&story), Some(7));
    let open: Vec<&Alarm> = story.cabinet.books().alarms.values().map(|open| &open.alarm).collect();
    assert!(
        matches!(open[..], [Alarm::RosterRefused { fault: RosterFault::DoesNotFit { version: 8, .. } }]),
        "{open:?}"
    );
}

#[test]
fn brought_on_a_stick_it_waits_for_a_key_too_and_whoever_brings_it_is_told() {
    let mut story = begins();
    story.pulls("ana", 4);
    let seven = signed(&story, 7, in_the_place_of_204);
    let dry = brings(&mut story, Role::Admin, "b1", seven.clone(), true);
    assert_eq!(waits_for(&story), None, "it only shows");
    let answer = brings(&mut story, Role::Admin, "b2", seven, false);
    assert_eq!(dry, answer, "in the same words");
    assert!(matches!(&answer, Answer::Done { text, .. } if text.contains("key 204 is back")), "{answer:?}");
    let wrong = signed(&story, 8, |roster| {
        in_the_place_of_204(roster);
        roster.keys.push(unit_key(99, "a"));
    });
    let answer = brings(&mut story, Role::Admin, "b3", wrong, false);
    assert!(matches!(&answer, Answer::Problems(why) if why[0].contains("slot 99")), "{answer:?}");
    assert_eq!(waits_for(&story), Some((7, vec!["Unit 204".into()])));
    story.key_is("204", KeyStep::Lost);
    assert_eq!(held(&story), Some(7));
}

#[test]
fn whom_one_that_waits_dismisses_is_let_in_no_more() {
    let may_come = |story: &mut Story, id: &str| {
        story.wait_s(10);
        story.comes(id);
        let came = story.cabinet.books().session.is_some();
        story.expect_told(if came { "Welcome" } else { "access was revoked" });
        story.cancels();
        came
    };
    let seven = |roster: &mut SignedRoster| {
        in_the_place_of_204(roster);
        roster.users.retain(|user| !["ana", "bob"].contains(&user.id.as_str()));
        roster.users.iter_mut().filter(|user| user.id.as_str() == "dan").for_each(|dan| dan.revoked = true);
    };
    let mut story = begins();
    story.pulls("ana", 4);
    story.badge("bob");
    story.types("482913");
    arrives(&mut story, 7, seven);
    story.verdict(PinVerdict::Match);
    story.expect_record("bob refused: revoked");
    for id in ["ana", "bob", "dan"] {
        assert!(!may_come(&mut story, id), "{id}");
    }
    assert_eq!(story.vouches("cleo", "bob", 30), Answer::Refused(Denial::Revoked));
    assert!(story.picture().alarms.iter().any(|open| open.sentence.contains("is let in no more meanwhile")));
    // Nothing else of it counts yet.
    assert_eq!((held(&story), user(&story, "bob").map(|bob| bob.revoked)), (None, Some(false)));
    // It is known again when it is here again.
    story.power_cut(60, |_| {});
    assert!(may_come(&mut story, "bob"));
    arrives(&mut story, 7, seven);
    assert!(!may_come(&mut story, "bob"));
    // One that takes its place counts in its place.
    arrives(&mut story, 8, |roster| {
        in_the_place_of_204(roster);
        roster.users.retain(|user| user.id.as_str() != "ana");
    });
    assert!(may_come(&mut story, "bob") && may_come(&mut story, "dan") && !may_come(&mut story, "ana"));
    // Her key comes back as a revoked person's does: by another hand.
    story.wait_s(10);
    story.comes("bob");
    story.brings(&["204"]);
    story.door_opens();
    story.put(4);
    story.closes();
    assert_eq!((held(&story), user(&story, "ana")), (Some(8), None));
    story.expect_alarms(&[]);
}

/// Where the office's numbers for people come in: other ids, the same badges; or other badges, too.
#[test]
fn one_that_waits_leaves_somebody_who_can_bring_the_key() {
    let mut story = begins();
    story.pulls("ana", 4);
    let other_ids = |roster: &mut SignedRoster| {
        in_the_place_of_204(roster);
        // Bob's badge is another's now.
        let bob = roster.users.iter_mut().find(|user| user.id.as_str() == "bob").expect("he is there");
        (bob.id, bob.login) = ("dora".into(), Some(Code::new("9999")));
        roster.users.iter_mut().for_each(|user| user.id = format!("x-{}", user.id).as_str().into());
    };
    arrives(&mut story, 7, other_ids);
    story.comes("bob");
    story.expect_told("access was revoked");
    // Found is not hung home: it waits on, and so do they.
    story.key_is("204", KeyStep::Found);
    assert_eq!(held(&story), None);
    story.wait_s(10);
    story.comes("bob");
    story.expect_told("access was revoked");
    // An older one that does not fit is no news behind it.
    arrives(&mut story, 6, |roster| roster.keys.push(unit_key(99, "a")));
    story.expect_alarms(&["roster-waits key 204 version 7"]);
    // Nobody of today is in the next one: then nobody is dismissed.
    arrives(&mut story, 8, |roster| {
        other_ids(roster);
        for user in &mut roster.users {
            (user.badge, user.login) = (Some(Code::new(&format!("other-{}", user.id))), None);
        }
    });
    story.wait_s(10);
    story.comes("bob");
    story.brings(&["204"]);
    story.door_opens();
    story.put(4);
    story.closes();
    assert_eq!((held(&story), user(&story, "bob")), (Some(8), None));
}

#[test]
fn a_visit_of_somebody_whom_it_dismisses_ends_as_with_a_revocation() {
    let mut story = begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.news();
    // One that does not fit dismisses nobody, and that is told at once.
    arrives(&mut story, 6, |roster| {
        roster.users.retain(|user| user.id.as_str() != "ana");
        roster.keys.push(unit_key(99, "a"));
    });
    story.expect_unlocked();
    assert_eq!((story.cabinet.waiting_roster(), story.alarms().len()), (None, 1));
    arrives(&mut story, 7, without("ana"));
    story.expect_record("session closed: cancelled, 0 taken, 0 returned");
    story.expect_locked();
    assert_eq!(held(&story), Some(7), "nobody is here any more");

    // At the open door they stay, entitled to nothing.
    let mut story = begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    arrives(&mut story, 7, without("ana"));
    assert_eq!(story.pull("205", Reason::WorkOrder), Answer::Refused(Denial::Revoked));
    story.take(4);
    story.expect_alarms(&["wrong-key key 204 slot 4"]);
    story.put(4);
    story.closes();
    assert_eq!((held(&story), user(&story, "ana")), (Some(7), None));
}

#[test]
fn forged_ones_that_take_turns_are_told_once_each_until_somebody_takes_note() {
    let mut story = begins();
    let turns = |story: &mut Story| {
        let before = story.records().len();
        for _ in 0..30 {
            story.event(Event::RosterRefused(RosterFault::BadSignature));
            story.event(Event::RosterRefused(RosterFault::OtherKey));
        }
        story.records().len() - before
    };
    assert_eq!(turns(&mut story), 3, "one, its end, the other");
    story.expect_alarms(&["roster-refused fault other-key"]);
    // A restart knows of what stands open alone.
    story.power_cut(60, |_| {});
    assert_eq!(turns(&mut story), 2);
    story.acknowledges("roster-refused fault bad-signature");
    assert_eq!(turns(&mut story), 3, "it goes on");
    // It ends with one that is right; what comes then is another trouble.
    arrives(&mut story, 7, |_| {});
    story.expect_alarms(&[]);
    assert_eq!(turns(&mut story), 3);
    // However many there are.
    for held in 0..100 {
        story.event(Event::RosterRefused(RosterFault::NotNewer { version: 1, held }));
    }
    let told = story.records().iter().filter(|record| matches!(record.fact, Fact::AlarmRaised { .. })).count();
    assert!(told < 30, "{told}");
}

#[test]
fn past_its_age_it_warns_and_locks_nobody_out() {
    let mut story = begins();
    arrives(&mut story, 7, |roster| roster.expires = Wall(roster.expires.0 - 29 * DAY_MS));
    story.wait_min(24 * 60 - 1);
    story.expect_alarms(&[]);
    story.wait_min(2);
    story.expect_alarms(&["roster-overdue version 7"]);
    story.wait_min(48 * 60);
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.expect_unlocked();
    story.door_opens();
    story.closes();
    story.expect_alarms(&["roster-overdue version 7"]);
    // A newer one ends it.
    arrives(&mut story, 8, |_| {});
    story.expect_alarms(&[]);
}

#[test]
fn a_clock_that_is_not_trusted_does_not_judge_its_age() {
    let mut story = begins();
    arrives(&mut story, 7, |roster| roster.expires = Wall(roster.expires.0 - 29 * DAY_MS));
    story.clock_is(ClockQuality::Restored);
    story.wait_min(72 * 60);
    story.expect_alarms(&[]);
    story.clock_is(ClockQuality::Synced);
    story.wait_min(61);
    story.expect_alarms(&["roster-overdue version 7"]);
    // The clock had been wrong.
    story.clock_jumps_s(-4 * 86_400);
    story.wait_min(61);
    story.expect_alarms(&[]);
}

#[test]
fn one_that_leaves_nobody_who_leads_is_taken_and_stands_in_an_alarm() {
    let mut story = begins();
    story.news();
    arrives(&mut story, 7, |roster| {
        for user in &mut roster.users {
            user.role = Role::Staff;
        }
    });
    let open = story.cabinet.books().alarms.values().next().expect("an alarm").alarm.clone();
    assert!(matches!(&open, Alarm::PrivilegesRose { rises, .. } if *rises == [Rise::NobodyLeads]), "{open:?}");
    let changed = story.records().iter().rev().find(|record| matches!(record.fact, Fact::RosterChanged { .. }));
    let sentence = changed.expect("a record").fact.to_string();
    assert!(sentence.contains("It leaves nobody who is manager or admin."), "{sentence}");
    // Nobody led before: that is no news.
    arrives(&mut story, 8, |roster| roster.users.iter_mut().for_each(|user| user.role = Role::Staff));
    assert_eq!(story.cabinet.books().alarms.len(), 1);
}

#[test]
fn whom_it_raises_stands_in_an_alarm_until_somebody_who_may_give_it_takes_note() {
    let mut story = begins();
    story.edits_user("bob", |bob| {
        bob.schedule = vec![Window { weekdays: 0b11111, from: 480, to: 1_020 }];
        bob.valid_until = Some(Wall(i64::MAX / 2));
    });
    story.news();
    arrives(&mut story, 7, |roster| {
        for user in &mut roster.users {
            match user.id.as_str() {
                "ana" => user.role = Role::Manager,
                "dan" => user.groups = ["a".into(), "b".into()].into(),
                "eve" => user.groups.clear(),
                "cleo" => user.lone_emergency = true,
                _ => {}
            }
        }
        roster.users.push(person("mia", Role::Admin, &[]));
        roster.users.push(person("finn", Role::Staff, &["a"]));
        for key in &mut roster.keys {
            match key.id.as_str() {
                "safe" => key.second_person = false,
                "201" => key.groups = ["a".into(), "b".into()].into(),
                _ => {}
            }
        }
    });
    let ledger = story.records();
    let rises = ledger.iter().rev().find_map(|record| match &record.fact {
        Fact::RosterChanged { rises, .. } => Some(rises.clone()),
        _ => None,
    });
    let expected = vec![
        Rise::Role { user: "ana".into(), from: Role::Staff, to: Role::Manager },
        Rise::Hours { user: "bob".into() },
        Rise::Validity { user: "bob".into() },
        Rise::LoneEmergency { user: "cleo".into() },
        Rise::Groups { user: "dan".into(), groups: vec!["a".into()] },
        Rise::New { user: "mia".into(), role: Role::Admin },
        Rise::KeyGroups { key: "201".into(), groups: vec!["b".into()] },
        Rise::KeyAlone { key: "safe".into() },
    ];
    assert_eq!(rises, Some(expected));
    let changed = ledger.iter().rev().find(|record| matches!(record.fact, Fact::RosterChanged { .. }));
    let sentence = changed.expect("a record").fact.to_string();
    assert!(sentence.contains("ana is manager, was staff; bob may come at more hours"), "{sentence}");
    let alarm = story.cabinet.books().alarms.values().next().expect("an alarm").id;
    let ack = |story: &mut Story, role, request: &str| {
        story.ask_as("office", Some(role), request, Ask::AlarmAcknowledge { alarm })
    };
    // A manager may acknowledge what is broken, not what was given.
    let refused = ack(&mut story, Role::Manager, "a1");
    assert_eq!(refused, Answer::Refused(Denial::RoleNeeded { role: Role::Admin }));
    assert!(matches!(ack(&mut story, Role::Admin, "a2"), Answer::Done { .. }));
    story.expect_alarms(&[]);
    // What gives less, or the same, is nobody's alarm.
    arrives(&mut story, 8, |roster| {
        roster.users.retain(|user| user.id.as_str() != "dan");
        roster.users.iter_mut().filter(|user| user.id.as_str() == "eve").for_each(|eve| eve.groups.clear());
    });
    story.expect_alarms(&[]);
}

#[test]
fn brought_on_a_stick_it_counts_by_the_same_rules() {
    let mut story = begins();
    let roster = |story: &Story, version| signed(story, version, without("dan"));
    let seven = roster(&story, 7);
    let refused = brings(&mut story, Role::Manager, "b1", seven.clone(), false);
    assert_eq!(refused, Answer::Refused(Denial::RoleNeeded { role: Role::Admin }));
    let dry = brings(&mut story, Role::Admin, "b2", seven.clone(), true);
    assert!(matches!(&dry, Answer::Difference { lines, applied: false } if lines.len() == 1), "{dry:?}");
    assert_eq!(held(&story), None);
    let taken = brings(&mut story, Role::Admin, "b3", seven.clone(), false);
    assert!(matches!(&taken, Answer::Difference { applied: true, .. }), "{taken:?}");
    assert_eq!(held(&story), Some(7));
    assert!(matches!(brings(&mut story, Role::Admin, "b4", seven, false), Answer::Done { .. }), "it is there already");
    let six = roster(&story, 6);
    let older = brings(&mut story, Role::Admin, "b5", six, false);
    assert!(matches!(&older, Answer::Problems(why) if why[0].contains("not above 7")), "{older:?}");
    // Whoever brought it sees that; it is no alarm.
    story.expect_alarms(&[]);
    // During a visit it waits, and is theirs all the same.
    story.comes("ana");
    let eight = signed(&story, 8, |roster| roster.users[1].name = "Robert".into());
    assert!(matches!(brings(&mut story, Role::Admin, "b6", eight, false), Answer::Done { .. }));
    assert_eq!(held(&story), Some(7));
    story.cancels();
    assert_eq!(held(&story), Some(8));
    let record = story.records().iter().rev().find(|record| matches!(record.fact, Fact::RosterChanged { .. }));
    assert_eq!(crate::words::by_words(record.expect("a record")), "account office");
}

#[test]
fn without_a_key_in_the_config_none_counts() {
    let mut story = Story::begins();
    let roster = signed(&story, 7, |_| {});
    let answer = brings(&mut story, Role::Admin, "n1", roster, false);
    assert!(matches!(answer, Answer::Refused(Denial::NotPrepared { .. })), "{answer:?}");
}

#[test]
fn a_key_that_is_new_in_it_is_found_in_its_slot() {
    let mut story = begins();
    story.put(20);
    arrives(&mut story, 7, |roster| roster.keys.push(unit_key(20, "a")));
    story.expect_custody("220", "in slot 20 (home-slot)");
    assert!(story.cabinet.books().roster.by_home(SlotNo(20)).is_some());
}
