//! Upstream: what alarms, and how long falling asleep waits for it.

use crate::outage::STANDBY;
use crate::story::Story;
use cabinetd::cabinet::Event;
use cabinetd::cabinet::event::{Ask, UpstreamNews};
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
    story.event(Event::UpstreamSaid(UpstreamNews::Parked { record: 31 }));
    story.event(Event::UpstreamSaid(UpstreamNews::Parked { record: 40 }));
    let staff = retry(&mut story, Some(Role::Staff), "r2");
    assert_eq!((staff, story.retries), (Answer::Refused(Denial::RoleNeeded { role: Role::Manager }), 0));
    assert!(matches!(retry(&mut story, Some(Role::Manager), "r3"), Answer::Done { .. }));
    assert_eq!(story.retries, 1);
    story.event(Event::UpstreamSaid(UpstreamNews::Unparked { record: 31 }));
    assert_eq!(open(&story), [Alarm::RecordParked { record: 40 }]);
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
