//! Signs of life, in both directions: a cabinet that falls silent, an upstream that does, and a core that may have missed how it stands.

use crate::rosters::{roster_signer, signed_roster};
use crate::server::{self, Fault, Rosters, Server};
use crate::site::{Copying, cabinet, config, copying, key, site};
use cabinetd::cabinet::Event;
use cabinetd::cabinet::event::UpstreamNews;
use cabinetd::cabinet::power::Mode;
use cabinetd::cabinet::signed::RosterFault;
use cabinetd::config::UpstreamConfig;
use std::collections::BTreeSet;
use std::time::Duration;

/// A cabinet that is dead cannot say so: who listens does, half a minute after its word was due, once.
#[test]
fn a_cabinet_that_falls_silent_is_told_and_one_that_sleeps_is_not() {
    let (dir, server, ledger) = site(3);
    let state = dir.path().join("state");
    let mut copying = copying(&ledger, &state, config(&server, &state), "m1");
    copying.until_acknowledged(3);
    copying.until("it rests", |_| server.receiver().last_heartbeat(&cabinet()).expect("readable").is_some());
    let due_ms = server::now_ms() + 3_600_000;
    let turned = |since_ms, now_ms| {
        let turned = server.receiver().turned(since_ms, now_ms).expect("readable");
        turned.iter().map(|turned| (turned.cabinet.clone(), turned.is_silent)).collect::<Vec<_>>()
    };
    assert_eq!(turned(0, due_ms), []);
    assert_eq!(turned(due_ms, due_ms + 60_000), [], "who did not listen cannot tell");
    assert_eq!(turned(due_ms, due_ms + 599_999), [], "nor before those come back who failed while it was away");
    // Records are a sign of life, too, and change nothing of when the next word is due.
    let heard = |at_ms| server.receiver().heard(&cabinet(), at_ms).expect("kept");
    heard(due_ms);
    assert_eq!(turned(0, due_ms + 30_001), []);
    heard(due_ms - 3_600_000);
    assert_eq!(turned(0, due_ms + 30_001), [(cabinet(), true)]);
    assert_eq!(turned(due_ms, due_ms + 30_002), [], "a receiver that starts anew has not heard it again");
    assert_eq!(turned(0, due_ms + 90_000), [], "once");
    assert_eq!(copying.link.flush().blocking_recv(), Ok(true));
    assert_eq!(turned(0, due_ms), [(cabinet(), false)]);
    // Asleep until somebody comes.
    let method = cabinetd::cabinet::power::Method::Halt;
    copying.link.recorded(3, Mode::Asleep { method });
    assert_eq!(copying.link.flush().blocking_recv(), Ok(true));
    assert_eq!(turned(0, due_ms + 86_400_000), []);
}

/// While many records go no heartbeat does: they are the sign of life.
#[test]
fn a_cabinet_that_sends_records_lives_though_no_heartbeat_is_due() {
    const HOUR_MS: i64 = 3_600_000;
    let (dir, server, mut ledger) = site(3);
    let state = dir.path().join("state");
    let mut copying = copying(&ledger, &state, config(&server, &state), "m1");
    copying.until_acknowledged(3);
    let beaten = |server: &Server| server.receiver().last_heartbeat(&cabinet()).expect("readable");
    copying.until("it rests", |_| beaten(&server).is_some());
    // As if its only word had been an hour and more ago: another one is due since.
    let now_ms = server::now_ms();
    server.receiver().heard(&cabinet(), now_ms - HOUR_MS - 60_000).expect("kept");
    let beat = beaten(&server);
    ledger.write(1);
    copying.link.recorded(4, Mode::Line);
    copying.until_acknowledged(4);
    assert_eq!(beaten(&server), beat, "the record alone went");
    let turned = |now_ms| server.receiver().turned(0, now_ms).expect("readable").len();
    assert_eq!(turned(now_ms), 0, "it was heard just now");
    assert_eq!(turned(now_ms + HOUR_MS), 0, "and the next word is due an hour later");
    assert_eq!(turned(now_ms + 2 * HOUR_MS), 1, "until it is silent for that long");
}

#[test]
fn an_upstream_that_is_silent_is_asked_ever_less_often_also_when_there_is_nothing_to_send() {
    let (dir, server, ledger) = site(3);
    let state = dir.path().join("state");
    let slow = UpstreamConfig { longest_pause_s: 600, ..config(&server, &state) };
    let mut copying = copying(&ledger, &state, slow, "m1");
    copying.until("it rests", |copying| copying.link.state().heard.is_some());
    copying.link.flush().blocking_recv().expect("an answer");
    server.by_chance(Some(Box::new(|| Some(Fault::Status(503)))));
    let before = server.requests();
    // The mode changed: upstream is to hear of it.
    copying.link.recorded(3, Mode::Conserve);
    std::thread::sleep(Duration::from_millis(3_500));
    let tries = server.requests() - before;
    assert!((2..=4).contains(&tries), "{tries} in 3.5 s, with pauses of 1, 2, 4 s");
    server.by_chance(None);
    assert_eq!(copying.link.flush().blocking_recv(), Ok(true));
    let heard = server.receiver().last_heartbeat(&cabinet()).expect("readable").expect("a heartbeat");
    assert!(heard.contains("\"mode\":\"conserve\""), "{heard}");
}

#[test]
fn how_it_stands_is_said_again_when_that_may_have_been_lost() {
    let (dir, server, mut ledger) = site(60);
    let state = dir.path().join("state");
    server.policy().refused.insert(7);
    server.policy().too_large.insert(31);
    server.lay_down(&cabinet(), "", &signed_roster(7, key().verifying_key().to_bytes())).expect("laid down");
    server.serve(Rosters::Forged);
    let roster_key = Some(roster_signer().verifying_key().to_bytes());
    let slow = UpstreamConfig { roster_key, heartbeat_s: 1, longest_pause_s: 600, ..config(&server, &state) };
    let mut copying = copying(&ledger, &state, slow, "m1");
    // What is said until nothing more is, in order.
    let said = |copying: &mut Copying| {
        let mut said = Vec::new();
        for _ in 0..25 {
            std::thread::sleep(Duration::from_millis(100));
            while let Ok(event) = copying.said.try_recv() {
                said.push(event);
            }
        }
        said
    };
    let first = said(&mut copying);
    let stands = [
        Event::UpstreamSaid(UpstreamNews::Answers),
        Event::UpstreamSaid(UpstreamNews::Agrees),
        Event::UpstreamSaid(UpstreamNews::Refuses { records: BTreeSet::from([7, 31]) }),
        Event::UpstreamSaid(UpstreamNews::Blocked { seq: 31 }),
        Event::RosterRefused(RosterFault::BadSignature),
    ];
    for event in &stands {
        assert!(first.contains(event), "{event:?} in {first:?}");
    }
    assert_eq!(said(&mut copying), [], "once");
    copying.link.say_again();
    let again = said(&mut copying);
    assert!(again.len() == stands.len() && stands.iter().all(|event| again.contains(event)), "{again:?}");

    // That it lost data is over soon, and is said again until something that was recorded later is there.
    server.policy().too_large.clear();
    copying.link.retry();
    copying.until_acknowledged(60);
    said(&mut copying);
    server.receiver().lose_behind(&cabinet(), 40).expect("lost");
    let lost = Event::UpstreamSaid(UpstreamNews::LostData { held: 60, has: 40 });
    assert!(said(&mut copying).contains(&lost));
    copying.link.say_again();
    assert!(said(&mut copying).contains(&lost));
    ledger.write(1);
    copying.link.recorded(61, Mode::Line);
    copying.until_acknowledged(61);
    said(&mut copying);
    copying.link.say_again();
    let again = said(&mut copying);
    assert!(!again.contains(&lost) && again.contains(&Event::UpstreamSaid(UpstreamNews::Takes)), "{again:?}");
}
