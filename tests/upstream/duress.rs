//! Records of silent alarms go upstream like all others, and nothing near the cabinet shows it.

use crate::site::{Copying, Ledger, all_there, config, copying, site};
use cabinetd::cabinet::Event;
use cabinetd::cabinet::books::Books;
use cabinetd::cabinet::event::UpstreamNews;
use cabinetd::cabinet::fact::{Alarm, Fact};
use cabinetd::cabinet::power::Mode;
use cabinetd::cabinet::types::{AlarmId, ClockQuality};
use cabinetd::config::UpstreamConfig;
use std::time::Duration;

/// The record of an alarm under duress, and what the views make of it.
fn writes_a_silent_record(ledger: &mut Ledger) -> u64 {
    let seq = ledger.next;
    let alarm = Alarm::Duress { session: None, user: "ana".into() };
    let fact = Fact::AlarmRaised { alarm, number: Some(AlarmId::silent(seq)) };
    let record = ledger.record(fact, 1_700_000_000_000, ClockQuality::Synced);
    let mut books = Books::default();
    books.next_seq = seq;
    books.apply(&record, 10);
    ledger.store.commit_blocking(vec![record], books.take_changes(), false).expect("committed");
    seq
}

#[test]
fn of_a_silent_record_that_goes_nothing_shows_here() {
    let (dir, server, mut ledger) = site(5);
    let state = dir.path().join("state");
    let mut copying = copying(&ledger, &state, config(&server, &state), "m1");
    copying.until_acknowledged(5);
    copying.link.flush().blocking_recv().expect("an answer");
    let shows = |copying: &Copying| cabinetd::upstream::link::LinkState { acknowledged: 0, ..copying.link.state() };
    let before = shows(&copying);
    copying.news();
    let silent = writes_a_silent_record(&mut ledger);
    copying.link.recorded(silent, Mode::Line);
    copying.until_acknowledged(silent);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(shows(&copying), before, "not even when upstream was heard last");
    // Nor that it cannot go: the next heartbeat, or another record, shows that.
    server.set_down(true);
    let silent = writes_a_silent_record(&mut ledger);
    copying.link.recorded(silent, Mode::Line);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(shows(&copying), before);
    assert!(copying.said.is_empty());
    ledger.write(1);
    copying.link.recorded(silent + 1, Mode::Line);
    copying.until("it is shown", |copying| copying.link.state().failing_since.is_some());
    server.set_down(false);
    copying.until_acknowledged(silent + 1);
    assert_ne!(shows(&copying).heard, before.heard);
    assert_eq!(all_there(&server, silent + 1), silent + 1);
}

#[test]
fn a_silent_record_that_is_taken_in_no_form_shows_as_the_next_one_that_may_be_seen() {
    let (dir, server, mut ledger) = site(5);
    let state = dir.path().join("state");
    let often = UpstreamConfig { heartbeat_s: 1, ..config(&server, &state) };
    let mut copying = copying(&ledger, &state, often, "m1");
    copying.until_acknowledged(5);
    server.policy().too_large.insert(6);
    let silent = writes_a_silent_record(&mut ledger);
    copying.link.recorded(silent, Mode::Line);
    // It was turned down with its payload and without, and heartbeats went since.
    let requests = server.requests();
    copying.until("it is tried", |_| server.requests() > requests + 8);
    let shows = |copying: &Copying| (copying.link.state().blocked, copying.link.state().trouble);
    assert_eq!((silent, shows(&copying)), (6, (None, None)), "nothing to be seen waits");
    let is_told = |copying: &mut Copying| {
        std::iter::from_fn(|| copying.said.try_recv().ok())
            .filter_map(|event| match event {
                Event::UpstreamSaid(UpstreamNews::Blocked { seq }) => Some(seq),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(is_told(&mut copying), Vec::<u64>::new());
    ledger.write(2);
    copying.link.recorded(8, Mode::Line);
    copying.until("it is shown", |copying| copying.link.state().trouble.is_some());
    assert_eq!(shows(&copying).0, Some(7));
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!(is_told(&mut copying), [7], "once");
    server.policy().too_large.clear();
    copying.link.retry();
    copying.until_acknowledged(8);
    assert_eq!(shows(&copying).0, None);
    all_there(&server, 8);
}
