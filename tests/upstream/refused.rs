//! What upstream does not take: a payload, or a record in any form; and how it is tried again.

use crate::aside::tell;
use crate::rosters::{roster_signer, signed_roster};
use crate::server::Server;
use crate::site::{all_there, cabinet, config, copying, key, of_records, site};
use cabinetd::cabinet::Event;
use cabinetd::cabinet::event::UpstreamNews;
use cabinetd::cabinet::power::Mode;
use cabinetd::config::UpstreamConfig;
use cabinetd::io::store::Reader;
use std::collections::BTreeSet;
use std::time::Duration;

#[test]
fn a_payload_that_is_refused_is_parked_and_the_rest_goes_on_and_it_is_tried_again_by_hand() {
    let (dir, server, ledger) = site(60);
    let state = dir.path().join("state");
    server.policy().refused.insert(31);
    let mut copying = copying(&ledger, &state, config(&server, &state), "m1");
    copying.until_acknowledged(60);
    assert_eq!(all_there(&server, 60), 59, "one went without its payload, and the chain holds");
    assert_eq!((copying.news(), copying.refused.take()), (vec![], Some(BTreeSet::from([31]))));
    assert_eq!(copying.link.state().parked, BTreeSet::from([31]));
    let report = Reader::open(&state).expect("readable").verify(&[]).expect("verified");
    assert!(of_records(&report).is_empty() && report.without_payload == 0, "here it is whole");

    copying.link.retry();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(copying.link.state().parked, BTreeSet::from([31]), "it is still refused");
    server.policy().refused.clear();
    copying.link.retry();
    copying.until("it is taken", |copying| copying.link.state().parked.is_empty());
    copying.until("it is told", |copying| !copying.said.is_empty());
    assert_eq!((copying.news(), copying.refused.take()), (vec![], Some(BTreeSet::new())));
    assert_eq!(all_there(&server, 60), 60);
    assert!(Reader::open(&state).expect("readable").parked().expect("readable").is_empty());
}

#[test]
fn a_record_that_is_too_large_in_any_form_is_told_and_holds_up_nothing_beside_the_records() {
    let (dir, server, ledger) = site(60);
    let state = dir.path().join("state");
    server.policy().too_large.insert(31);
    server.lay_down(&cabinet(), "", &signed_roster(7, key().verifying_key().to_bytes())).expect("laid down");
    tell(dir.path(), 1_000, true, None);
    // Tried again so seldom that nothing here waits for it.
    let roster_key = Some(roster_signer().verifying_key().to_bytes());
    let config = config(&server, &state);
    let config = UpstreamConfig { roster_key, hints: true, heartbeat_s: 1, longest_pause_s: 600, ..config };
    let mut copying = copying(&ledger, &state, config, "m1");
    let mut found = (false, false, false);
    for _ in 0..1_000 {
        match copying.said.try_recv() {
            Ok(Event::RosterArrived(_)) => found.0 = true,
            Ok(Event::UpstreamSaid(UpstreamNews::Hints { storm: true, .. })) => found.1 = true,
            Ok(Event::UpstreamSaid(UpstreamNews::Blocked { seq: 31 })) => found.2 = true,
            Ok(_) => {}
            Err(_) if found == (true, true, true) => break,
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    assert_eq!(found, (true, true, true), "the roster, the hint, and that a record is not taken");
    // It is on battery now, and that is heard there, again and again.
    copying.link.recorded(60, Mode::Conserve);
    let beats = |server: &Server| server.receiver().last_heartbeat(&cabinet()).expect("readable").unwrap_or_default();
    copying.until("a heartbeat", |_| beats(&server).contains("\"mode\":\"conserve\""));
    let stands = copying.link.state();
    assert_eq!((stands.blocked, stands.acknowledged, stands.failing_since), (Some(31), 30, None));
    assert!(stands.trouble.is_some_and(|why| why.contains("does not take a record")), "for as long as it lasts");
    assert_eq!(copying.link.flush().blocking_recv(), Ok(false), "it does not have everything");

    // Put right there, and tried by hand: all goes on, this record's payload as well.
    server.policy().too_large.clear();
    copying.takes = false;
    copying.link.retry();
    copying.until_acknowledged(60);
    copying.until("nothing waits for a person", |copying| copying.link.state().parked.is_empty());
    assert_eq!(all_there(&server, 60), 60);
    let stands = copying.link.state();
    assert_eq!((stands.blocked, stands.trouble), (None, None));
    copying.until("it is told", |copying| !copying.said.is_empty());
    while let Ok(said) = copying.said.try_recv() {
        copying.takes |= said == Event::UpstreamSaid(UpstreamNews::Takes);
    }
    assert!(copying.takes);
}

#[test]
fn a_payload_that_is_to_stay_here_by_now_does_not_go_with_those_that_are_tried_again() {
    let (dir, server, ledger) = site(60);
    let state = dir.path().join("state");
    server.policy().refused.extend([31, 32]);
    let mut before = copying(&ledger, &state, config(&server, &state), "m1");
    before.until_acknowledged(60);
    before.until("both are parked", |copying| copying.link.state().parked.len() == 2);
    drop(before);
    // Records with an even number are of this kind.
    let config = UpstreamConfig { withheld: BTreeSet::from(["door-closed".to_owned()]), ..config(&server, &state) };
    let mut copying = copying(&ledger, &state, config, "m1");
    copying.until("it rests", |copying| copying.link.state().heard.is_some());
    server.policy().refused.clear();
    copying.link.retry();
    copying.until("nothing waits for a person", |copying| copying.link.state().parked.is_empty());
    assert_eq!(all_there(&server, 60), 59, "one was taken, the other stays here");
}

#[test]
fn all_that_was_refused_is_tried_again_however_many_are_refused_again() {
    let (dir, server, ledger) = site(100);
    let state = dir.path().join("state");
    server.policy().refused.extend(1..=80);
    let mut copying = copying(&ledger, &state, config(&server, &state), "m1");
    copying.until_acknowledged(100);
    copying.until("all are parked", |copying| copying.link.state().parked.len() == 80);
    server.policy().refused.retain(|seq| *seq <= 40);
    copying.link.retry();
    copying.until("what is taken now is gone", |copying| copying.link.state().parked.len() == 40);
    copying.link.flush().blocking_recv().expect("an answer");
    copying.news();
    assert_eq!(copying.refused, Some((1..=40).collect()));
    assert_eq!(all_there(&server, 100), 60);
}
