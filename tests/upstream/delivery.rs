//! Each record arrives once, in order, with the payload that is meant to go; and what is to be there before a sleep is.

use crate::server::{Fault, Server};
use crate::site::{Ledger, all_there, cabinet, config, copying, of_records, site};
use cabinetd::cabinet::fact::Fact;
use cabinetd::cabinet::power::Mode;
use cabinetd::cabinet::types::{ClockQuality, DoorNo};
use cabinetd::config::UpstreamConfig;
use cabinetd::io::store::Reader;
use std::collections::BTreeSet;
use std::time::Duration;

#[test]
fn every_record_arrives_once_and_in_order_and_the_acknowledgement_outlives_a_restart() {
    let (dir, server, mut ledger) = site(320);
    let state = dir.path().join("state");
    let mut copying = copying(&ledger, &state, config(&server, &state), "m1");
    copying.until_acknowledged(320);
    assert_eq!(all_there(&server, 320), 320);
    ledger.write(7);
    copying.link.recorded(327, Mode::Line);
    copying.until_acknowledged(327);
    assert_eq!(copying.news(), []);
    let state_dir = state.clone();
    copying.until("it is on the disk", move |_| {
        let reader = Reader::open(&state_dir).expect("readable");
        reader.acknowledged("upstream").expect("readable").is_some_and(|head| head.seq == 327)
    });
    let report = Reader::open(&state).expect("readable").verify(&[]).expect("verified");
    assert!(of_records(&report).is_empty(), "{:?}", report.problems);
    assert!(report.heads.iter().any(|head| head.source.contains("upstream") && head.fits));
    drop((copying, ledger));

    let requests = server.requests();
    let ledger = Ledger::open(&state);
    let mut copying = self::copying(&ledger, &state, config(&server, &state), "m1");
    copying.until("it asked", |copying| copying.link.state().heard.is_some());
    std::thread::sleep(Duration::from_millis(200));
    // Where it is, and a heartbeat: nothing is sent again.
    assert!(server.requests() - requests <= 2, "{}", server.requests() - requests);
    assert_eq!(all_there(&server, 327), 327);
}

#[test]
fn each_fault_of_the_network_alone_loses_and_doubles_nothing() {
    for fault in [
        Fault::Drop,
        Fault::LoseAnswer,
        Fault::Truncate,
        Fault::Twice,
        Fault::Status(500),
        Fault::Status(503),
        Fault::Status(401),
        Fault::Status(413),
        Fault::Status(409),
        Fault::RetryAfter(429, 1),
        Fault::Slow(300),
        Fault::Hang(3_000),
        Fault::Partial(7),
        Fault::Partial(0),
        Fault::Garbage,
        Fault::Lie,
        Fault::BreakTls,
        Fault::Redirect,
    ] {
        let (dir, server, ledger) = site(120);
        let state = dir.path().join("state");
        // The question first, then a batch that goes well, then the fault.
        server.will(&[Fault::Slow(0), Fault::Slow(0), fault]);
        let mut copying = copying(&ledger, &state, config(&server, &state), "m1");
        copying.until_acknowledged(120);
        assert_eq!(all_there(&server, 120), 120, "{fault:?}");
        assert_eq!(copying.news(), [], "{fault:?}");
    }
}

#[test]
fn payloads_of_chosen_kinds_stay_here_and_the_chain_verifies_there() {
    let (dir, server, ledger) = site(40);
    let state = dir.path().join("state");
    let config = UpstreamConfig { withheld: BTreeSet::from(["door-closed".to_owned()]), ..config(&server, &state) };
    let mut copying = copying(&ledger, &state, config, "m1");
    copying.until_acknowledged(40);
    assert_eq!(all_there(&server, 40), 20);
}

#[test]
fn records_of_a_boot_whose_clock_was_learned_later_can_be_dated_there() {
    const TRUE_MS: i64 = 1_764_000_000_000;
    let (dir, server, mut ledger) = site(0);
    let state = dir.path().join("state");
    // Since 1970, as a Pi without a clock starts; sent before the time is known, and after.
    let door = || Fact::DoorOpened { door: DoorNo(1), session: None };
    let before = vec![
        ledger.record(door(), 10_000, ClockQuality::Unknown),
        ledger.record(door(), 20_000, ClockQuality::Unknown),
    ];
    ledger.store.commit_blocking(before, Vec::new(), false).expect("committed");
    let mut copying = copying(&ledger, &state, config(&server, &state), "m1");
    copying.until_acknowledged(2);
    let dated = |server: &Server| server.receiver().dated(&cabinet()).expect("dates");
    assert_eq!(dated(&server), [(1, None), (2, None)], "nobody knows yet");
    let correction = Fact::ClockCorrected { by_ms: TRUE_MS - 30_000 };
    let after = vec![
        ledger.record(correction, TRUE_MS, ClockQuality::Synced),
        ledger.record(door(), TRUE_MS + 5_000, ClockQuality::Synced),
    ];
    ledger.store.commit_blocking(after, Vec::new(), false).expect("committed");
    copying.link.recorded(4, Mode::Line);
    copying.until_acknowledged(4);
    let at = |offset| Some(TRUE_MS + offset);
    assert_eq!(dated(&server), [(1, at(-20_000)), (2, at(-10_000)), (3, at(0)), (4, at(5_000))]);
}

#[test]
fn a_flush_ends_when_all_is_there_or_at_once_when_nobody_answers() {
    let (dir, server, mut ledger) = site(10);
    let state = dir.path().join("state");
    let slow = UpstreamConfig { gather_ms: 60_000, longest_pause_s: 600, ..config(&server, &state) };
    let mut copying = copying(&ledger, &state, slow, "m1");
    copying.until_acknowledged(10);
    let beaten = |server: &Server| server.receiver().last_heartbeat(&cabinet()).expect("readable");
    copying.until("it rests", |_| beaten(&server).is_some());
    std::thread::sleep(Duration::from_millis(100));
    ledger.write(20);
    copying.link.recorded(30, Mode::Conserve);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(copying.link.state().acknowledged, 10, "they are gathered");
    assert_eq!(copying.link.flush().blocking_recv(), Ok(true));
    assert_eq!(all_there(&server, 30), 30);
    let heard = beaten(&server).expect("a heartbeat");
    assert!(heard.contains("\"mode\":\"conserve\""), "{heard}");
    server.set_down(true);
    ledger.write(1);
    copying.link.recorded(31, Mode::Conserve);
    assert_eq!(copying.link.flush().blocking_recv(), Ok(false));
    // In the longest of pauses, too, the next one tries.
    server.set_down(false);
    assert_eq!(copying.link.flush().blocking_recv(), Ok(true));
    assert_eq!(all_there(&server, 31), 31);
}

/// Two hands on one ledger and two receivers over one database, all at the same time.
#[test]
fn any_number_of_receivers_serve_one_database() {
    let (dir, server, mut ledger) = site(400);
    let state = dir.path().join("state");
    let other = Server::start(&dir.path().join("there"), "127.0.0.1:0", None).expect("it serves");
    let mut first = copying(&ledger, &state, config(&server, &state), "m1");
    let mut second = copying(&ledger, &state, config(&other, &state), "m1");
    first.until_acknowledged(400);
    second.until_acknowledged(400);
    for count in [401, 402] {
        ledger.write(1);
        first.link.recorded(count, Mode::Line);
        second.link.recorded(count, Mode::Line);
        first.until_acknowledged(count);
        second.until_acknowledged(count);
    }
    assert_eq!((all_there(&server, 402), first.news(), second.news()), (402, vec![], vec![]));
    assert!(server.requests() > 2 && other.requests() > 2);
}
