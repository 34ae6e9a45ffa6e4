//! Who may come in: PINs, badges, vouched codes, failures and their charge, hours, revocation.

use crate::story::{MONDAY_NINE_MS, Story};
use cabinetd::cabinet::Event;
use cabinetd::cabinet::fact::{Fact, Record};
use cabinetd::cabinet::outcome::{Action, Answer, CommandResult, Denial, PinVerdict, Sound};
use cabinetd::cabinet::roster::Window;
use cabinetd::cabinet::snapshot::Snapshot;
use cabinetd::cabinet::types::{ClockQuality, Code, CommandId, Reason, Role, Wall};

const HOUR_MS: i64 = 3_600_000;

#[test]
fn login_number_and_pin_serve_as_well() {
    let mut story = Story::begins();
    story.login("ana");
    story.pin_ok();
    story.expect_records(&["ana came"]);
}

#[test]
fn the_config_says_which_ways_in_there_are() {
    let mut story = Story::with(|settings| settings.access.login_and_pin = false);
    story.login("ana");
    story.expect_records(&["nobody refused: unknown-login (charged)"]);
    let mut story = Story::with(|settings| settings.access.badge_and_pin = false);
    story.badge("ana");
    story.expect_records(&["nobody refused: unknown-badge (charged)"]);
}

#[test]
fn badge_alone_where_configured() {
    let mut story = Story::with(|settings| settings.access.badge_alone = true);
    story.badge("ana");
    story.expect_records(&["ana came"]);
    assert!(!story.is_checking_a_pin());
}

#[test]
fn badge_alone_does_not_make_the_login_number_enough() {
    let mut story = Story::with(|settings| settings.access.badge_alone = true);
    story.login("ana");
    story.expect_told("Enter your PIN");
    story.expect_records(&[]);
}

#[test]
fn a_half_typed_pin_is_forgotten() {
    let mut story = Story::begins();
    story.badge("ana");
    assert!(story.cabinet.is_busy());
    story.wait_s(30);
    story.expect_told("Timed out");
    assert!(!story.cabinet.is_busy());
    story.types("482913");
    assert!(!story.is_checking_a_pin());
    story.expect_records(&[]);
}

#[test]
fn what_is_called_off_says_so() {
    let mut story = Story::begins();
    story.badge("ana");
    story.cancels();
    story.expect_told("Cancelled");
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.expect_told("unlocked for you");
    story.cancels();
    story.expect_told("Cancelled");
    story.expect_locked();
}

/// Badge, PIN, wrong; badge at once again: that is no badge that was left there.
#[test]
fn who_mistypes_in_a_hurry_may_hold_the_badge_there_again_at_once() {
    let mut story = Story::with(|settings| settings.access.free_failures = 5);
    for _ in 0..3 {
        story.badge("ana");
        story.expect_told("Enter your PIN");
        story.wait_s(2);
        story.pin_wrong();
        story.expect_told("wrong PIN");
    }
}

#[test]
fn a_pin_that_could_not_be_checked_is_nobodys_failure() {
    let mut story = Story::begins();
    story.badge("ana");
    story.types("482913");
    story.wait_s(5);
    story.expect_told("Timed out");
    story.expect_records(&[]);
    story.comes("ana");
    story.expect_records(&["ana came"]);
}

#[test]
fn a_late_or_foreign_verdict_opens_nothing() {
    let mut story = Story::begins();
    story.badge("ana");
    story.types("482913");
    story.wait_s(6);
    story.verdict(PinVerdict::Match);
    let result = CommandResult::Pin(PinVerdict::Match);
    story.event(Event::CommandDone { id: CommandId(9_999), result });
    story.expect_records(&[]);
}

#[test]
fn nobody_set_a_pin_yet() {
    let mut story = Story::begins();
    story.import(crate::story::edit_user({
        let mut new = crate::story::person("fay", Role::Staff, &["a"]);
        new.pin = None;
        new
    }));
    story.news();
    story.badge("fay");
    story.expect_records(&["fay refused: no-pin"]);
}

#[test]
fn the_delay_grows_with_each_failure_of_a_person() {
    let mut story = Story::begins();
    for _ in 0..4 {
        story.badge("ana");
        story.pin_wrong();
    }
    story.badge("ana");
    story.expect_told("try again in 5 s");
    story.wait_s(5);
    story.badge("ana");
    story.pin_wrong();
    story.badge("ana");
    story.expect_told("try again in 10 s");
    story.wait_s(10);
    story.comes("ana");
    story.expect_told("Which key");
    story.cancels();
    // A success makes the slate clean.
    story.badge("ana");
    story.pin_wrong();
    story.badge("ana");
    story.expect_told("Enter your PIN");
}

#[test]
fn the_delay_is_never_longer_than_the_rules_say() {
    let mut story = Story::with(|settings| settings.access.failures_per_hour = 1_000);
    for _ in 0..40 {
        story.badge("ana");
        story.pin_wrong();
        story.wait_s(900);
    }
    story.comes("ana");
    story.expect_told("Which key");
}

#[test]
fn ten_wrong_tries_an_hour_for_the_whole_device_and_nobody_else_is_locked_out() {
    let mut story = Story::begins();
    for number in 0..10 {
        story.event(Event::CodeRead(Code::new(&format!("stranger-{number}"))));
    }
    story.event(Event::CodeRead(Code::new("stranger-11")));
    story.expect_told("too many failures: try again in 6 min");
    // A login number can be tried by anybody: it waits.
    story.login("ana");
    story.expect_told("too many failures");
    // A badge that has not failed keeps an allowance of its own.
    story.comes("ana");
    story.expect_told("Which key");
    story.cancels();
    // The bucket leaks one failure in six minutes.
    story.wait_min(6);
    story.login("bob");
    story.expect_told("Enter your PIN");
}

#[test]
fn the_charge_survives_a_restart() {
    let mut story = Story::begins();
    for _ in 0..4 {
        story.badge("ana");
        story.pin_wrong();
    }
    for number in 0..6 {
        story.event(Event::CodeRead(Code::new(&format!("stranger-{number}"))));
    }
    story.kill(|_| {});
    story.badge("ana");
    story.expect_told("too many failures");
    story.login("bob");
    story.expect_told("too many failures");
    story.power_cut(1, |_| {});
    story.badge("ana");
    story.expect_told("too many failures");
    story.comes("bob");
    story.expect_told("Which key");
}

#[test]
fn after_a_reboot_without_a_clock_the_charge_does_not_shrink_by_guessing() {
    let mut story = Story::begins();
    story.clock_is(ClockQuality::Restored);
    for _ in 0..8 {
        story.wait_s(80);
        story.badge("ana");
        story.pin_wrong();
    }
    story.badge("ana");
    story.expect_told("too many failures");
    story.power_cut(1_000_000, |_| {});
    story.badge("ana");
    story.expect_told("too many failures");
}

#[test]
fn a_flood_of_refusals_is_two_records_a_minute() {
    let mut story = Story::begins();
    story.revokes("ana");
    story.news();
    for _ in 0..50 {
        story.login("ana");
        story.pin_ok();
        story.wait_s(1);
    }
    story.expect_records(&["ana refused: revoked"]);
    story.wait_s(10);
    story.expect_records(&["ana refused: revoked ×49"]);
    story.wait_min(10);
    story.expect_records(&[]);
}

#[test]
fn a_flood_of_strangers_is_coalesced_too() {
    let mut story = Story::begins();
    for number in 0..1_000 {
        story.event(Event::CodeRead(Code::new(&format!("stranger-{number}"))));
        story.wait_ms(50);
    }
    let news = story.news();
    assert!(news.len() <= 12, "{} records for 1,000 badges", news.len());
}

#[test]
fn refusals_counted_so_far_are_written_when_the_daemon_stops() {
    let mut story = Story::begins();
    story.revokes("ana");
    story.news();
    for _ in 0..5 {
        story.comes("ana");
    }
    story.stop();
    story.expect_records(&["ana refused: revoked", "ana refused: revoked ×4", "stopped"]);
}

#[test]
fn outside_her_hours() {
    let mut story = Story::begins();
    story.edits_user("ana", |ana| ana.schedule = vec![Window { weekdays: 0b001_1111, from: 10 * 60, to: 18 * 60 }]);
    story.news();
    // Who it is comes first.
    story.badge("ana");
    story.expect_told("Enter your PIN");
    story.expect_records(&[]);
    story.pin_ok();
    story.expect_told(&Denial::OutsideSchedule.to_string());
    story.expect_records(&["ana refused: outside-schedule"]);
    story.expect_locked();
    story.wait_min(61);
    story.news();
    story.comes("ana");
    story.expect_records(&["ana came"]);
}

#[test]
fn without_a_pin_to_ask_for_hours_are_said_at_the_badge() {
    let closed = vec![Window { weekdays: 0b001_1111, from: 10 * 60, to: 18 * 60 }];
    let mut story = Story::with(|settings| settings.access.badge_alone = true);
    story.edits_user("ana", |ana| ana.schedule.clone_from(&closed));
    story.news();
    story.badge("ana");
    story.expect_records(&["ana refused: outside-schedule"]);
    let mut story = Story::begins();
    story.import(crate::story::edit_user({
        let mut new = crate::story::person("fay", Role::Staff, &["a"]);
        (new.pin, new.schedule) = (None, closed);
        new
    }));
    story.news();
    story.badge("fay");
    story.expect_records(&["fay refused: outside-schedule"]);
}

/// Why ana is refused, whatever her PIN.
type Refusal = fn(&mut Story);

const REFUSALS: [(Refusal, Denial); 4] = [
    (|story| drop(story.revokes("ana")), Denial::Revoked),
    (
        |story| {
            let nights = vec![Window { weekdays: 1, from: 0, to: 60 }];
            drop(story.edits_user("ana", |ana| ana.schedule = nights));
        },
        Denial::OutsideSchedule,
    ),
    (|story| drop(story.edits_user("ana", |ana| ana.valid_until = Some(Wall(0)))), Denial::Expired),
    (|story| drop(story.edits_user("ana", |ana| ana.valid_from = Some(Wall(i64::MAX)))), Denial::NotYetValid),
];

/// Three tries within a minute and one after it, by badge or login: what is seen and heard, what can be looked up, and what alarms.
fn refused(
    refusal: Refusal,
    denial: &Denial,
    by_badge: bool,
    duress: bool,
) -> (Vec<Action>, Vec<Record>, Vec<Snapshot>, usize) {
    let mut story = Story::begins();
    refusal(&mut story);
    story.commanded();
    let before = story.records().len();
    let mut looked = Vec::new();
    for wait_s in [0, 10, 20, 60] {
        story.wait_s(wait_s);
        if by_badge {
            story.badge("ana");
        } else {
            story.login("ana");
        }
        if duress {
            story.pin_duress();
        } else {
            story.pin_ok();
        }
        story.expect_told(&denial.to_string());
        story.expect_locked();
        looked.push(story.picture());
    }
    story.wait_min(10);
    looked.push(story.picture());
    let seen = story.commanded();
    let seen = seen.into_iter().filter(|action| !matches!(action, Action::CheckPin { .. })).collect();
    let hidden = &story.cabinet.books().hidden;
    let number = |record: &Record| Record { seq: hidden.number(record.seq), ..record.clone() };
    let open = story.records()[before..].iter().filter(|record| !hidden.holds(record.seq)).map(number).collect();
    let raised = |record: &&Record| matches!(&record.fact, Fact::AlarmRaised { alarm, .. } if alarm.is_silent());
    (seen, open, looked, story.records().iter().filter(raised).count())
}

#[test]
fn under_duress_a_refusal_alarms_and_looks_like_any_other() {
    for (refusal, denial) in REFUSALS {
        for by_badge in [true, false] {
            let (seen, records, looked, alarms) = refused(refusal, &denial, by_badge, false);
            assert_eq!(alarms, 0);
            let (seen_too, records_too, looked_too, alarms) = refused(refusal, &denial, by_badge, true);
            assert_eq!(seen, seen_too, "{denial:?}: what is said, heard and opened");
            assert_eq!(records, records_too, "{denial:?}: what the log and `ledger show` have");
            assert_eq!(looked, looked_too, "{denial:?}: what the status has");
            assert_eq!(alarms, 2, "{denial:?}: at once, and again when it came again a minute later");
        }
    }
}

#[test]
fn a_wrong_pin_is_charged_outside_hours_too() {
    let mut story = Story::begins();
    story.revokes("ana");
    story.news();
    story.badge("ana");
    story.pin_wrong();
    story.expect_records(&["ana refused: wrong-pin (charged)"]);
    story.expect_alarms(&[]);
}

#[test]
fn under_duress_revoked_while_the_pin_is_being_checked() {
    let mut story = Story::begins();
    story.badge("ana");
    story.types("482914");
    story.revokes("ana");
    story.verdict(PinVerdict::Duress);
    story.expect_told("revoked");
    story.expect_alarms(&["duress user ana"]);
    story.expect_locked();
    assert!(matches!(story.acknowledges("duress user ana"), Answer::Done { .. }));
    story.expect_alarms(&[]);
}

#[test]
fn validity_has_a_beginning_and_an_end() {
    let mut story = Story::begins();
    story.edits_user("ana", |ana| ana.valid_from = Some(Wall(MONDAY_NINE_MS + HOUR_MS)));
    story.edits_user("bob", |bob| bob.valid_until = Some(Wall(MONDAY_NINE_MS - HOUR_MS)));
    story.news();
    story.comes("ana");
    story.comes("bob");
    story.expect_records(&["ana refused: not-yet-valid", "bob refused: expired"]);
}

#[test]
fn a_clock_that_is_not_trusted_warns_and_does_not_deny() {
    for quality in [ClockQuality::Restored, ClockQuality::Unknown] {
        let mut story = Story::begins();
        story.edits_user("ana", |ana| {
            ana.schedule = vec![Window { weekdays: 1, from: 0, to: 60 }];
            ana.valid_until = Some(Wall(0));
        });
        story.clock_is(quality);
        story.news();
        story.comes("ana");
        story.expect_records(&["ana came, clock unverified"]);
        story.cancels();
        story.news();
        story.comes("bob");
        story.expect_records(&["bob came"]);
    }
}

#[test]
fn a_revocation_denies_whatever_the_clock_says() {
    let mut story = Story::begins();
    story.revokes("ana");
    story.clock_is(ClockQuality::Unknown);
    story.comes("ana");
    story.expect_told("access was revoked");
    story.expect_locked();
}

#[test]
fn revoked_between_badge_and_pin() {
    let mut story = Story::begins();
    story.badge("ana");
    story.revokes("ana");
    story.pin_ok();
    story.expect_told("revoked");
    story.expect_locked();
}

#[test]
fn revoked_while_the_pin_is_being_checked() {
    let mut story = Story::begins();
    story.badge("ana");
    story.types("482913");
    story.revokes("ana");
    story.news();
    story.verdict(PinVerdict::Match);
    story.expect_records(&["ana refused: revoked"]);
}

#[test]
fn a_check_that_was_cancelled_lets_nobody_in_and_counts_all_the_same() {
    let cancelled = |verdict| {
        let mut story = Story::begins();
        story.badge("ana");
        story.types("482913");
        story.cancels();
        story.expect_told("Cancelled");
        story.typed("5");
        story.news();
        story.commanded();
        story.verdict(verdict);
        assert!(!story.cabinet.is_busy(), "nobody came");
        story
    };
    // Right, or right under duress: what shows is the same.
    for (verdict, alarms) in [(PinVerdict::Match, vec![]), (PinVerdict::Duress, vec!["duress user ana"])] {
        let mut story = cancelled(verdict);
        assert_eq!(story.commanded(), []);
        story.expect_alarms(&alarms);
        story.comes("ana");
        story.expect_record("ana came");
    }
    let mut story = cancelled(PinVerdict::Mismatch);
    story.expect_records(&["ana refused: wrong-pin (charged)"]);

    // Neither as the second person, nor alone in the place of the first.
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("safe", Reason::DayToDay);
    story.badge("bob");
    story.types("482913");
    story.cancels();
    story.news();
    story.verdict(PinVerdict::Match);
    story.expect_records(&[]);
    story.expect_locked();

    // Nor where the first one's visit ends in another way meanwhile.
    for ends in [|story: &mut Story| drop(story.revokes("ana")), |story: &mut Story| story.wait_min(5)] {
        let mut story = Story::begins();
        story.comes("ana");
        story.pull("safe", Reason::DayToDay);
        story.badge("bob");
        story.types("482913");
        ends(&mut story);
        story.news();
        story.verdict(PinVerdict::Match);
        story.expect_records(&[]);
        assert!(!story.cabinet.is_busy(), "nobody is let in in her place");
        story.expect_locked();
    }

    // What is typed before the check is over is refused, and told.
    let mut story = Story::begins();
    story.badge("ana");
    story.types("482913");
    story.cancels();
    story.commanded();
    story.typed("5");
    story.expect_told("Cancelled");
    assert!(story.commanded().contains(&Action::Sound(Sound::Refused)));

    // A code that was no code is one failure, and the PIN after it opens nothing either.
    let mut story = Story::begins();
    story.vouches("cleo", "ana", 30);
    story.badge("ana");
    story.types("12345678");
    story.cancels();
    story.verdict(PinVerdict::Mismatch);
    story.news();
    story.verdict(PinVerdict::Match);
    story.expect_records(&[]);
    assert!(!story.cabinet.is_busy() && !story.cabinet.books().vouched.is_empty(), "the code is not used up");
}

#[test]
fn revoked_in_the_middle_of_a_visit_before_the_ask() {
    let mut story = Story::begins();
    story.comes("ana");
    story.revokes("ana");
    assert_eq!(story.pull("204", Reason::WorkOrder), Answer::Refused(Denial::NobodyIdentified));
    story.expect_record("session closed: cancelled, 0 taken, 0 returned");
    story.expect_locked();
}

#[test]
fn revoked_while_the_lock_is_energised() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.expect_unlocked();
    story.revokes("ana");
    story.expect_locked();
    story.door_opens();
    story.expect_alarms(&["open-without-session door 1"]);
}

#[test]
fn revoked_at_the_open_door_whatever_is_taken_now_alarms() {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.revokes("ana");
    story.take(4);
    story.expect_alarms(&["wrong-key key 204 slot 4"]);
    assert_eq!(story.pull("205", Reason::WorkOrder), Answer::Refused(Denial::Revoked));
    story.closes();
    story.expect_custody("204", "out with ana for work-order");
}

#[test]
fn a_vouched_code_opens_once() {
    let mut story = Story::begins();
    story.vouches("cleo", "ana", 30);
    story.badge("ana");
    story.types("12345678");
    story.verdict(PinVerdict::Match);
    story.expect_record("ana came with a vouched code");
    story.cancels();
    story.news();
    // The second time eight digits are only a wrong PIN.
    story.badge("ana");
    story.types("12345678");
    story.verdict(PinVerdict::Mismatch);
    story.expect_records(&["ana refused: wrong-pin (charged)"]);
    assert!(story.cabinet.books().vouched.is_empty());
}

#[test]
fn a_vouched_code_serves_the_second_person_once_too() {
    let mut story = Story::begins();
    story.vouches("cleo", "bob", 30);
    story.comes("ana");
    story.pull("safe", Reason::DayToDay);
    story.badge("bob");
    story.types("12345678");
    story.verdict(PinVerdict::Match);
    story.expect_unlocked();
    assert!(story.cabinet.books().vouched.is_empty(), "used up");
}

#[test]
fn a_vouched_code_expires() {
    let mut story = Story::begins();
    story.edits_user("ana", |ana| ana.pin = None);
    story.import(crate::story::edit_user({
        let mut new = crate::story::person("fay", Role::Staff, &["a"]);
        new.pin = None;
        new
    }));
    story.vouches("cleo", "fay", 10);
    story.badge("fay");
    story.expect_told("Enter your PIN");
    story.cancels();
    story.wait_min(10);
    story.badge("fay");
    story.expect_told("no PIN is set");
}

#[test]
fn a_vouched_code_does_not_survive_a_reboot() {
    let mut story = Story::begins();
    story.import(crate::story::edit_user({
        let mut new = crate::story::person("fay", Role::Staff, &["a"]);
        new.pin = None;
        new
    }));
    story.vouches("cleo", "fay", 60);
    story.kill(|_| {});
    story.badge("fay");
    story.expect_told("Enter your PIN");
    story.cancels();
    story.power_cut(5, |_| {});
    story.badge("fay");
    story.expect_told("no PIN is set");
}

#[test]
fn only_a_manager_vouches_and_not_for_the_revoked_nor_oneself() {
    let mut story = Story::begins();
    let Answer::Refused(denial) = story.vouches("bob", "ana", 30) else { panic!("must be refused") };
    assert_eq!(denial, Denial::VoucherUnfit { name: "Bob".into(), role: Role::Staff });
    assert_eq!(denial.to_string(), "Bob is staff; only a manager can vouch");
    assert_eq!(story.vouches("cleo", "cleo", 30), Answer::Refused(Denial::SamePerson));
    assert_eq!(story.vouches("cleo", "zoe", 30), Answer::Refused(Denial::UserUnknown { user: "zoe".into() }));
    story.revokes("ana");
    assert_eq!(story.vouches("cleo", "ana", 30), Answer::Refused(Denial::Revoked));
}

#[test]
fn a_night_shift_belongs_to_the_day_it_began_on() {
    let mut story = Story::begins();
    // Mondays from 22:00 to 06:00 on Tuesday.
    story.edits_user("ana", |ana| ana.schedule = vec![Window { weekdays: 0b000_0001, from: 22 * 60, to: 6 * 60 }]);
    story.news();
    story.wait_min(14 * 60);
    story.comes("ana");
    story.cancels();
    story.wait_min(5 * 60);
    story.comes("ana");
    story.cancels();
    story.news();
    story.wait_min(3 * 60);
    story.comes("ana");
    story.expect_records(&["ana refused: outside-schedule"]);
}

#[test]
fn wrong_pins_at_a_number_leave_the_badge_its_allowance() {
    let mut story = Story::begins();
    for user in ["ana", "bob", "dan", "eve", "ana", "bob", "dan", "eve", "ana", "bob"] {
        story.login(user);
        if story.cabinet.is_busy() {
            story.pin_wrong();
        }
    }
    story.login("ana");
    assert!(!story.cabinet.is_busy(), "numbers wait now");
    story.comes("ana");
    assert!(story.cabinet.books().session.is_some(), "her badge has not failed");
}

// ---------------------------------------------------------------- badges that lie on the reader

/// A badge alone opens there, without an ask: left on the reader, it would open for nobody again and again.
#[test]
fn a_badge_that_was_never_taken_away_comes_once() {
    let mut story = Story::with(|settings| {
        settings.access.badge_alone = true;
        settings.sessions.ask_required = false;
    });
    for _ in 0..90 {
        story.badge("ana");
        story.wait_s(1);
    }
    assert_eq!(story.unlocks(), 1);
    // Taken away and held there again, it is Ana again.
    story.wait_s(6);
    story.badge("ana");
    assert_eq!(story.unlocks(), 2);
}

/// However slowly the reader stutters, an unknown badge is one failure, and so are two that lie there together.
#[test]
fn an_unknown_badge_that_lies_there_is_one_failure() {
    let mut story = Story::begins();
    for round in 0..60 {
        story.badge(if round % 2 == 0 { "nobody" } else { "neither" });
        story.wait_s(2);
    }
    story.comes("ana");
    let charged = story.news().iter().filter(|said| said.contains("unknown-badge")).count();
    assert_eq!(charged, 2);
}
