//! Somebody without a PIN gets one of their own, at the cabinet, with a code that is good for that once.

use crate::story::{Story, some_hash};
use cabinetd::cabinet::Event;
use cabinetd::cabinet::event::{Ask, StoreState};
use cabinetd::cabinet::outcome::{Action, Answer, CommandResult, Denial, PinVerdict, Sound};
use cabinetd::cabinet::types::{ClockQuality, Pin, PinHash, Reason, Role};

const CODE: &str = "40917352";
const CHOSEN: &str = "482913";

/// Bob has no PIN.
fn begins() -> Story {
    let mut story = Story::begins();
    without_pin(&mut story, "bob");
    story.news();
    story.heard();
    story
}

/// As an import leaves somebody who is new.
fn without_pin(story: &mut Story, user: &str) {
    let row = story.cabinet.books().roster.users[&user.into()].clone();
    story.import(cabinetd::cabinet::roster::RosterChange {
        remove_users: vec![user.into()],
        users: vec![],
        ..crate::story::edit_user(row.clone())
    });
    story.import(crate::story::edit_user(cabinetd::cabinet::roster::User { pin: None, ..row }));
}

fn offers(story: &mut Story, request: &str, minutes: u32) -> Answer {
    let ask = Ask::Enrol { user: "bob".into(), code: some_hash(), for_minutes: minutes };
    story.ask_as("office", Some(Role::Admin), request, ask)
}

fn hash_ends(story: &mut Story, result: CommandResult) {
    let id = story.hashings.pop().expect("a new PIN is being hashed");
    story.event(Event::CommandDone { id, result });
}

fn new_hash() -> PinHash {
    PinHash { salt: "11".into(), ..some_hash() }
}

fn pin(story: &Story) -> Option<PinHash> {
    story.cabinet.books().roster.users[&"bob".into()].pin.clone()
}

/// As far as the choice: badge and code are right.
fn chooses(story: &mut Story) {
    story.badge("bob");
    story.expect_told("Enter the code");
    story.typed(CODE);
    story.verdict(PinVerdict::Match);
    story.expect_told("Choose a PIN");
}

#[test]
fn badge_code_and_a_pin_typed_twice() {
    let mut story = begins();
    story.badge("bob");
    story.expect_record("bob refused: no-pin");
    story.news();
    story.heard();
    assert!(matches!(offers(&mut story, "e1", 60), Answer::Done { .. }));
    chooses(&mut story);
    assert_eq!(story.heard(), [Sound::Next, Sound::Next]);
    story.typed(CHOSEN);
    story.expect_told("once more");
    story.typed(CHOSEN);
    assert_eq!(pin(&story), None, "not before it is hashed");
    story.commanded();
    hash_ends(&mut story, CommandResult::Hashed(new_hash()));
    assert_eq!(story.heard(), [Sound::Next, Sound::Next]);
    story.expect_told("the PIN is yours");
    story.expect_records(&["bob may choose a PIN for 60 min", "bob chose a PIN"]);
    assert_eq!(pin(&story), Some(new_hash()));
    story.expect_locked();
    assert!(story.cabinet.books().session.is_none(), "nothing opens by it");
    // From now on he comes in like everybody, and the code is used up.
    story.wait_s(10);
    story.badge("bob");
    story.expect_told("Enter your PIN");
    story.typed(CODE);
    let against_the_pin = story
        .commanded()
        .into_iter()
        .any(|action| matches!(action, Action::CheckPin { hash, .. } if hash == new_hash()));
    assert!(against_the_pin);
    story.verdict(PinVerdict::Mismatch);
    story.expect_record("bob refused: wrong-pin (charged)");
    story.wait_s(10);
    story.badge("bob");
    story.typed(CHOSEN);
    story.verdict(PinVerdict::Match);
    story.pull("204", Reason::WorkOrder);
    story.expect_unlocked();
}

#[test]
fn a_login_number_will_do_and_the_pad_may_know_what_is_a_pin() {
    let mut story = begins();
    offers(&mut story, "e1", 60);
    story.login("bob");
    story.types(CODE);
    story.verdict(PinVerdict::Match);
    story.types(CHOSEN);
    story.types(CHOSEN);
    hash_ends(&mut story, CommandResult::Hashed(new_hash()));
    assert_eq!(pin(&story), Some(new_hash()));
}

#[test]
fn a_wrong_code_is_charged_and_the_right_one_counts_still() {
    let mut story = begins();
    offers(&mut story, "e1", 60);
    story.badge("bob");
    story.typed("11112222");
    story.verdict(PinVerdict::Mismatch);
    story.expect_record("bob refused: wrong-pin (charged)");
    assert_eq!(story.cabinet.books().people[&"bob".into()].badge.failures, 1);
    story.wait_s(10);
    // What has not the length of a code is none.
    story.badge("bob");
    story.typed("4829");
    story.expect_record("bob refused: no-pin");
    story.wait_s(10);
    chooses(&mut story);
}

#[test]
fn what_will_not_do_is_asked_for_again_and_costs_nothing() {
    let mut story = begins();
    offers(&mut story, "e1", 60);
    chooses(&mut story);
    story.news();
    for (typed, told) in
        [("123", "4 to 8 digits"), ("123456789", "4 to 8 digits"), ("123456", "No runs"), (CODE, "will not do")]
    {
        story.typed(typed);
        story.expect_heard(Sound::Refused);
        story.expect_told(told);
    }
    // Two that differ: from the first one on.
    story.typed(CHOSEN);
    story.typed("715302");
    story.expect_told("not the same");
    story.expect_heard(Sound::Refused);
    story.typed("715302");
    story.expect_told("once more");
    story.typed("715302");
    // Their own duress PIN, say.
    hash_ends(&mut story, CommandResult::Failed("no".into()));
    story.expect_told("will not do");
    story.typed(CHOSEN);
    story.typed("");
    story.typed(CHOSEN);
    hash_ends(&mut story, CommandResult::Hashed(new_hash()));
    story.expect_records(&["bob chose a PIN"]);
}

#[test]
fn nobody_tries_for_ever_and_the_code_is_good_still() {
    let mut story = begins();
    offers(&mut story, "e1", 60);
    chooses(&mut story);
    for _ in 0..8 {
        story.typed("1234");
    }
    story.expect_told("Timed out");
    story.typed(CHOSEN);
    assert!(story.hashings.is_empty());
    story.wait_s(10);
    chooses(&mut story);
}

#[test]
fn who_walks_away_or_cancels_has_chosen_nothing() {
    let mut story = begins();
    offers(&mut story, "e1", 60);
    chooses(&mut story);
    story.typed(CHOSEN);
    story.wait_s(31);
    assert!(!story.cabinet.is_busy());
    story.typed(CHOSEN);
    assert!(story.hashings.is_empty(), "the first half is forgotten");
    story.wait_s(10);
    chooses(&mut story);
    story.cancels();
    assert!(!story.cabinet.is_busy());
    story.wait_s(10);
    chooses(&mut story);
    // Somebody else's badge: it is their turn.
    story.badge("ana");
    story.expect_told("Enter your PIN");
    assert_eq!(pin(&story), None);
}

#[test]
fn a_hash_that_comes_for_nobody_sets_nothing() {
    let mut story = begins();
    offers(&mut story, "e1", 60);
    chooses(&mut story);
    story.typed(CHOSEN);
    story.typed(CHOSEN);
    // A badge that is read meanwhile waits.
    story.badge("ana");
    story.expect_told("Checking");
    story.revokes("bob");
    hash_ends(&mut story, CommandResult::Hashed(new_hash()));
    story.expect_record("bob refused: revoked");
    assert_eq!(pin(&story), None);
    // A core that was rebuilt knows of none.
    story.edits_user("bob", |bob| bob.revoked = false);
    story.wait_s(10);
    chooses(&mut story);
    story.typed(CHOSEN);
    story.typed(CHOSEN);
    let id = story.hashings.pop().expect("one");
    story.rebuild(StoreState::Writable);
    story.event(Event::CommandDone { id, result: CommandResult::Hashed(new_hash()) });
    assert_eq!(pin(&story), None);
}

#[test]
fn a_code_is_good_for_its_time_across_a_restart_as_far_as_clocks_tell() {
    let mut story = begins();
    offers(&mut story, "e1", 3 * 24 * 60);
    story.power_cut(3_600, |_| {});
    story.badge("bob");
    story.expect_told("Enter the code");
    story.wait_s(40);
    // Who cannot tell how long it was does not let it count.
    story.clock_is(ClockQuality::Restored);
    story.badge("bob");
    story.expect_record("bob refused: no-pin");
    story.clock_is(ClockQuality::Synced);
    story.wait_min(3 * 24 * 60);
    story.news();
    story.badge("bob");
    story.expect_record("bob refused: no-pin");
}

#[test]
fn it_is_offered_by_whoever_may_set_a_pin_and_to_whoever_may_come_in() {
    let mut story = begins();
    let ask = |user: &str| Ask::Enrol { user: user.into(), code: some_hash(), for_minutes: 60 };
    let manager = story.ask_as("office", Some(Role::Manager), "o1", ask("bob"));
    assert_eq!(manager, Answer::Refused(Denial::RoleNeeded { role: Role::Admin }));
    let nobody = story.ask_as("office", Some(Role::Admin), "o2", ask("nobody"));
    assert_eq!(nobody, Answer::Refused(Denial::UserUnknown { user: "nobody".into() }));
    story.revokes("bob");
    assert_eq!(story.ask_as("office", Some(Role::Admin), "o3", ask("bob")), Answer::Refused(Denial::Revoked));
    // It lets nobody stand as the second person.
    story.edits_user("bob", |bob| bob.revoked = false);
    story.ask_as("office", Some(Role::Admin), "o4", ask("bob"));
    story.comes("ana");
    story.pull("safe", Reason::WorkOrder);
    story.badge("bob");
    story.expect_told("no PIN is set");
    assert!(!format!("{:?}", Pin::new(CHOSEN)).contains(CHOSEN));
}

#[test]
fn a_pin_of_ones_own_that_is_as_long_as_a_code_counts_while_one_stands() {
    for (enrols, verdict) in [(true, PinVerdict::Match), (true, PinVerdict::Duress), (false, PinVerdict::Match)] {
        let mut story = Story::begins();
        let (user, code, for_minutes) = ("bob".into(), new_hash(), 60);
        let ask = if enrols {
            Ask::Enrol { user, code, for_minutes }
        } else {
            Ask::Vouch { user, by: "cleo".into(), code, for_minutes }
        };
        assert!(matches!(story.ask_as("office", Some(Role::Admin), "e1", ask), Answer::Done { .. }));
        story.commanded();
        let hashes = |story: &mut Story| {
            let checked = |action| if let Action::CheckPin { hash, .. } = action { Some(hash) } else { None };
            story.commanded().into_iter().filter_map(checked).collect::<Vec<_>>()
        };
        let failures =
            |story: &Story| story.cabinet.books().people.get(&"bob".into()).map_or(0, |bob| bob.badge.failures);
        // Neither the code nor his PIN: two checks, and one failure.
        story.badge("bob");
        story.typed("11112222");
        assert_eq!(hashes(&mut story), [new_hash()]);
        story.verdict(PinVerdict::Mismatch);
        assert_eq!((hashes(&mut story), failures(&story)), (vec![some_hash()], 0), "it may be his own PIN");
        story.news();
        story.verdict(PinVerdict::Mismatch);
        story.expect_records(&["bob refused: wrong-pin (charged)"]);
        assert_eq!(failures(&story), 1);
        story.wait_s(30);
        // The code is as good as before.
        story.badge("bob");
        story.typed(CODE);
        story.verdict(PinVerdict::Match);
        if !enrols {
            story.expect_record("bob came with a vouched code");
            continue;
        }
        story.expect_told("Choose a PIN");
        story.cancels();
        story.wait_s(10);
        // His own, or his own under duress.
        story.badge("bob");
        story.typed("29184756");
        story.verdict(PinVerdict::Mismatch);
        story.verdict(verdict);
        story.expect_record("bob came");
        let under_duress = story.cabinet.books().alarms.values().any(|open| open.alarm.is_silent());
        assert_eq!(under_duress, verdict == PinVerdict::Duress);
        assert_eq!(failures(&story), 0);
    }
}

#[test]
fn a_new_pin_keeps_what_the_old_one_had_beside_it() {
    let mut story = Story::begins();
    offers(&mut story, "e1", 60);
    story.commanded();
    story.badge("bob");
    // He still has his old one, and with it comes in.
    story.expect_told("Enter your PIN");
    story.typed(CODE);
    story.verdict(PinVerdict::Match);
    story.typed(CHOSEN);
    story.typed(CHOSEN);
    let old = story.commanded().into_iter().find_map(|action| match action {
        Action::HashPin { old, .. } => Some(old),
        _ => None,
    });
    assert_eq!(old, Some(Some(some_hash())), "the duress PIN stays");
}
