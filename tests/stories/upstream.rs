//! Upstream: what alarms, and how long falling asleep waits for it.

use crate::outage::STANDBY;
use crate::story::Story;
use cabinetd::cabinet::Event;
use cabinetd::cabinet::event::{Ask, StoreState, UpstreamNews};
use cabinetd::cabinet::fact::Alarm;
use cabinetd::cabinet::outcome::{Answer, CommandResult, Denial};
use cabinetd::cabinet::power::policy::{Method, Mode, Then};
use cabinetd::cabinet::power::state::Told;
use cabinetd::cabinet::types::Role;

const FALLING: Mode = Mode::FallingAsleep { method: Method::Standby, then: Then::Asleep };

/// Mains fails, and the cabinet falls asleep; upstream has not said a word yet.
fn falls_asleep() -> Story {
    let mut story = Story::on_a_ups(|_| {});
    story.starts_with(|settings| settings.upstream = true);
    story.mains_fails();
    story.tells(Told::Storm { is: true });
    story.tells(Told::EndsIn { ms: 48 * 3_600_000 });
    for _ in 0..7_200 {
        if story.cabinet.power_mode() == FALLING {
            return story;
        }
        story.wait_s(1);
    }
    panic!("it never falls asleep: {:?}", story.cabinet.power_mode());
}

fn flush_ends(story: &mut Story, result: CommandResult) {
    let id = story.flushes.pop().expect("a flush was asked for");
    story.event(Event::CommandDone { id, result });
}

#[test]
fn it_sleeps_when_upstream_has_everything() {
    let mut story = falls_asleep();
    story.wait_s(3);
    story.expect_mode(FALLING);
    flush_ends(&mut story, CommandResult::Done);
    story.expect_mode(STANDBY);
}

#[test]
fn it_sleeps_when_upstream_cannot_be_reached() {
    let mut story = falls_asleep();
    flush_ends(&mut story, CommandResult::Failed("no network".into()));
    story.expect_mode(STANDBY);
}

#[test]
fn an_upstream_that_hangs_is_waited_for_no_longer_than_the_deadline() {
    let mut story = falls_asleep();
    story.wait_s(9);
    story.expect_mode(FALLING);
    story.wait_s(2);
    story.expect_mode(STANDBY);
    // Its late word means nothing, and waking does not wait for it either.
    flush_ends(&mut story, CommandResult::Done);
    story.expect_mode(STANDBY);
    story.presses_the_button();
    story.expect_mode(Mode::Conserve);
}

#[test]
fn a_badge_turns_it_back_while_it_waits() {
    let mut story = falls_asleep();
    story.wait_s(2);
    story.badge("ana");
    story.expect_mode(Mode::Conserve);
    flush_ends(&mut story, CommandResult::Done);
    story.expect_mode(Mode::Conserve);
}

#[test]
fn without_an_upstream_nothing_is_waited_for() {
    let mut story = falls_asleep();
    flush_ends(&mut story, CommandResult::Done);
    story.starts_with(|settings| settings.upstream = false);
    assert!(story.flushes.is_empty());
}

fn open(story: &Story) -> Vec<Alarm> {
    story.cabinet.books().alarms.values().map(|open| open.alarm.clone()).collect()
}

#[test]
fn an_older_card_alarms_until_upstream_and_the_ledger_agree() {
    let mut story = Story::begins();
    story.starts_with(|settings| settings.upstream = true);
    story.event(Event::UpstreamSaid(UpstreamNews::Ahead { seq: 900 }));
    story.event(Event::UpstreamSaid(UpstreamNews::Ahead { seq: 900 }));
    assert_eq!(open(&story), [Alarm::UpstreamAhead { seq: 900 }], "once");
    // It turns out to be another machine.
    story.event(Event::UpstreamSaid(UpstreamNews::Cloned { seq: 905 }));
    assert_eq!(open(&story), [Alarm::CabinetCloned { seq: 905 }]);
    story.event(Event::UpstreamSaid(UpstreamNews::Agrees));
    assert_eq!(open(&story), []);
    // Without an upstream nobody would ever say that it is over.
    story.event(Event::UpstreamSaid(UpstreamNews::Ahead { seq: 900 }));
    story.starts_with(|settings| settings.upstream = false);
    assert_eq!(open(&story), []);
}

#[test]
fn lost_data_alarms_until_somebody_took_note() {
    let mut story = Story::begins();
    story.event(Event::UpstreamSaid(UpstreamNews::LostData { held: 90, has: 12 }));
    story.event(Event::UpstreamSaid(UpstreamNews::Agrees));
    assert_eq!(open(&story), [Alarm::UpstreamLostData { held: 90, has: 12 }]);
    story.acknowledges("upstream-lost-data has 12 held 90");
    assert_eq!(open(&story), []);
}

#[test]
fn a_parked_record_alarms_until_it_is_taken_and_a_manager_has_it_tried_again() {
    let mut story = Story::begins();
    let retry = |story: &mut Story, role, request: &str| story.ask_as("office", role, request, Ask::RetryUpstream);
    let nowhere = retry(&mut story, Some(Role::Manager), "r1");
    assert!(matches!(nowhere, Answer::Refused(Denial::NotPrepared { .. })), "{nowhere:?}");
    story.starts_with(|settings| settings.upstream = true);
    refuses(&mut story, &[31, 40]);
    let staff = retry(&mut story, Some(Role::Staff), "r2");
    assert_eq!((staff, story.retries), (Answer::Refused(Denial::RoleNeeded { role: Role::Manager }), 0));
    assert!(matches!(retry(&mut story, Some(Role::Manager), "r3"), Answer::Done { .. }));
    assert_eq!(story.retries, 1);
    refuses(&mut story, &[40]);
    assert_eq!(open(&story), [Alarm::RecordParked { record: 40 }]);
    // Without an upstream nobody would ever take it.
    story.starts_with(|settings| settings.upstream = false);
    assert_eq!(open(&story), []);
}

#[test]
fn a_record_that_upstream_does_not_take_in_any_form_alarms_until_records_go_again() {
    let mut story = Story::begins();
    story.starts_with(|settings| settings.upstream = true);
    for _ in 0..3 {
        story.event(Event::UpstreamSaid(UpstreamNews::Blocked { seq: 31 }));
        assert_eq!(open(&story), [Alarm::UpstreamBlocked { record: 31 }], "once");
    }
    story.event(Event::UpstreamSaid(UpstreamNews::Answers));
    assert_eq!(open(&story).len(), 1, "that it answers is not enough");
    story.event(Event::UpstreamSaid(UpstreamNews::Blocked { seq: 40 }));
    assert_eq!(open(&story), [Alarm::UpstreamBlocked { record: 40 }], "it went on, as far as the next one");
    story.event(Event::UpstreamSaid(UpstreamNews::Takes));
    assert_eq!(open(&story), []);
    // Without an upstream nobody would ever say that it is over.
    story.event(Event::UpstreamSaid(UpstreamNews::Blocked { seq: 40 }));
    story.starts_with(|settings| settings.upstream = false);
    assert_eq!(open(&story), []);
}

fn refuses(story: &mut Story, records: &[u64]) {
    let records = records.iter().copied().collect();
    story.event(Event::UpstreamSaid(UpstreamNews::Refuses { records }));
}

#[test]
fn an_upstream_that_refuses_every_alarm_is_not_sent_alarms_about_alarms_for_ever() {
    let mut story = Story::begins();
    story.starts_with(|settings| settings.upstream = true);
    let mut refused = vec![2];
    for _ in 0..50 {
        refuses(&mut story, &refused);
        let head = story.cabinet.books().next_seq - 1;
        if refused.last() != Some(&head) {
            refused.push(head);
        }
    }
    assert_eq!(open(&story).len(), 8);
    assert!(refused.len() <= 10, "{refused:?}");
    // What is taken makes room for the others' alarms.
    refuses(&mut story, &(100..120).collect::<Vec<_>>());
    assert_eq!(open(&story), (100..108).map(|record| Alarm::RecordParked { record }).collect::<Vec<_>>());
}

#[test]
fn an_upstream_that_loses_data_again_and_again_makes_one_alarm_until_somebody_took_note() {
    let mut story = Story::begins();
    for has in 0..20 {
        story.event(Event::UpstreamSaid(UpstreamNews::LostData { held: 90 + has, has }));
    }
    assert_eq!(open(&story), [Alarm::UpstreamLostData { held: 90, has: 0 }]);
    story.acknowledges("upstream-lost-data has 0 held 90");
    story.event(Event::UpstreamSaid(UpstreamNews::LostData { held: 120, has: 7 }));
    assert_eq!(open(&story), [Alarm::UpstreamLostData { held: 120, has: 7 }]);
}

// Hints. -----------------------------------------------------------------------------------------------------------------

const HOUR_MS: u64 = 3_600_000;

fn hints(story: &mut Story, is_stormy: bool, ends_in_ms: Option<u64>) {
    story.event(Event::UpstreamSaid(UpstreamNews::Hints { storm: is_stormy, ends_in_ms }));
}

/// A cabinet on a UPS, with an upstream.
fn on_line() -> Story {
    let mut story = Story::on_a_ups(|_| {});
    story.starts_with(|settings| settings.upstream = true);
    story
}

/// What was recorded since the last look, of what people and upstream said.
fn said(story: &mut Story) -> Vec<String> {
    story.news().into_iter().filter(|line| line.contains("told:") || line.contains("hinted:")).collect()
}

#[test]
fn what_upstream_hints_at_is_recorded_when_it_changes() {
    let mut story = on_line();
    hints(&mut story, false, None);
    hints(&mut story, true, Some(HOUR_MS));
    hints(&mut story, true, None);
    assert_eq!(said(&mut story), ["hinted: Storm { is: true }"], "on line there is no outage that could end");
    story.mains_fails();
    story.wait_s(60);
    assert!(story.outage().hints.storm, "it begins with the storm");
    hints(&mut story, true, Some(10 * HOUR_MS));
    story.wait_s(600);
    hints(&mut story, true, Some(10 * HOUR_MS - 600_000 + 60_000));
    assert_eq!(said(&mut story), [format!("hinted: EndsIn {{ ms: {} }}", 10 * HOUR_MS)], "the same end");
    hints(&mut story, true, Some(14 * HOUR_MS));
    assert_eq!(said(&mut story), [format!("hinted: EndsIn {{ ms: {} }}", 14 * HOUR_MS)]);
    // What makes it longer is not taken back: lines are down after the storm as well.
    hints(&mut story, false, None);
    assert_eq!(said(&mut story), [""; 0]);
    let outage = story.outage();
    assert!(outage.hints.storm && outage.hints.statements.len() == 2, "{outage:?}");
}

#[test]
fn what_people_say_goes_before_what_upstream_hints_at() {
    let mut story = on_line();
    story.tells(Told::Storm { is: false });
    said(&mut story);
    hints(&mut story, true, None);
    assert_eq!(said(&mut story), [""; 0], "they look out of the window");
    story.wait_s(49 * 3_600);
    hints(&mut story, true, None);
    assert_eq!(said(&mut story), ["hinted: Storm { is: true }"], "two days later it is another weather");

    story.mains_fails();
    story.wait_s(60);
    story.tells(Told::EndsIn { ms: 12 * HOUR_MS });
    said(&mut story);
    hints(&mut story, true, Some(2 * HOUR_MS));
    assert_eq!(said(&mut story), [""; 0]);
    assert_eq!(story.outage().hints.statements.len(), 1);
}

#[test]
fn a_hint_of_a_storm_lengthens_and_one_of_an_early_end_does_not_shorten() {
    let mut story = on_line();
    story.mains_fails();
    story.wait_s(60);
    let total = |story: &Story| {
        let now = story.now();
        story.cabinet.power_view(now).and_then(|power| power.outage).map(|outage| outage.total_ms).expect("an outage")
    };
    let before = total(&story);
    hints(&mut story, false, Some(60_000));
    assert_eq!(total(&story), before, "a short one changes nothing");
    hints(&mut story, true, None);
    assert!(total(&story) > before);
}

#[test]
fn without_a_ups_or_without_room_a_hint_is_no_record() {
    let mut story = Story::begins();
    story.starts_with(|settings| settings.upstream = true);
    hints(&mut story, true, Some(HOUR_MS));
    assert_eq!(said(&mut story), [""; 0]);
    let mut story = on_line();
    story.event(Event::StoreChanged(StoreState::Reserve));
    hints(&mut story, true, None);
    assert_eq!(said(&mut story), [""; 0]);
}

const HOUR_S: u64 = 3_600;

#[test]
fn upstream_that_is_silent_for_hours_alarms_until_it_answers() {
    let mut story = Story::begins();
    story.starts_with(|settings| (settings.upstream, settings.upstream_silent_ms) = (true, 4 * HOUR_S * 1_000));
    let since = story.now().mono;
    story.event(Event::UpstreamSaid(UpstreamNews::Silent { since }));
    story.wait_s(4 * HOUR_S - 60);
    assert_eq!(open(&story), []);
    story.wait_s(61);
    assert_eq!(open(&story), [Alarm::UpstreamSilent]);
    story.wait_s(10 * HOUR_S);
    assert_eq!(open(&story), [Alarm::UpstreamSilent], "once for each silence");
    story.event(Event::UpstreamSaid(UpstreamNews::Answers));
    assert_eq!(open(&story), []);
    // A short one is none, and without the hours nothing alarms.
    let since = story.now().mono;
    story.event(Event::UpstreamSaid(UpstreamNews::Silent { since }));
    story.wait_s(HOUR_S);
    story.event(Event::UpstreamSaid(UpstreamNews::Answers));
    story.wait_s(10 * HOUR_S);
    assert_eq!(open(&story), []);
    story.starts_with(|settings| settings.upstream_silent_ms = 0);
    let since = story.now().mono;
    story.event(Event::UpstreamSaid(UpstreamNews::Silent { since }));
    story.wait_s(100 * HOUR_S);
    assert_eq!(open(&story), []);
}

#[test]
fn in_an_outage_a_silent_upstream_is_no_news_and_its_hours_count_from_the_end() {
    let mut story = Story::on_a_ups(|_| {});
    story.starts_with(|settings| (settings.upstream, settings.upstream_silent_ms) = (true, HOUR_S * 1_000));
    let is_silent = |story: &Story| open(story).contains(&Alarm::UpstreamSilent);
    let since = story.now().mono;
    story.event(Event::UpstreamSaid(UpstreamNews::Silent { since }));
    story.mains_fails();
    story.wait_s(90 * 60);
    assert!(!is_silent(&story));
    story.mains_returns();
    story.wait_s(20 * 60);
    story.expect_mode(Mode::Line);
    story.wait_s(30 * 60);
    assert!(!is_silent(&story), "its router comes up");
    story.wait_s(2 * HOUR_S);
    assert!(is_silent(&story));
}

#[test]
fn it_sleeps_when_people_were_told_of_it() {
    let mut story = Story::on_a_ups(|_| {});
    story.starts_with(|settings| settings.recipients = true);
    story.mains_fails();
    story.tells(Told::Storm { is: true });
    story.tells(Told::EndsIn { ms: 48 * 3_600_000 });
    while story.cabinet.power_mode() != FALLING {
        story.wait_s(1);
    }
    story.wait_s(3);
    story.expect_mode(FALLING);
    flush_ends(&mut story, CommandResult::Done);
    story.expect_mode(STANDBY);
}
