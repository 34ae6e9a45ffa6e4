//! Rosters that were signed offline and lie upstream: handed over until settled, and told once where they count for nothing.

use crate::server::{Rosters, Server};
use crate::site::{Copying, all_there, cabinet, config, copying, identity, key, site};
use cabinetd::cabinet::Event;
use cabinetd::cabinet::signed::RosterFault;
use cabinetd::cabinet::types::Wall;
use cabinetd::config::UpstreamConfig;
use cabinetd::upstream::roster::{self, Terms};
use ed25519_dalek::SigningKey;
use std::path::Path;
use std::time::Duration;

/// A signed roster of this version, for the cabinet with that device key.
pub fn signed_roster(version: u64, device_key: [u8; 32]) -> String {
    let terms = Terms { version, identity: identity(), device_key, expires: Wall(1_800_000_000_000) };
    roster::sign(&terms, &[], &[], &roster_signer()).to_string()
}

pub fn roster_signer() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

fn with_rosters(server: &Server, state: &Path) -> UpstreamConfig {
    let roster_key = Some(roster_signer().verifying_key().to_bytes());
    UpstreamConfig { roster_key, heartbeat_s: 0, ..config(server, state) }
}

#[test]
fn a_roster_is_handed_over_until_it_is_settled_and_then_its_etag_does() {
    let (dir, server, ledger) = site(5);
    let state = dir.path().join("state");
    server.lay_down(&cabinet(), "", &signed_roster(7, key().verifying_key().to_bytes())).expect("laid down");
    let mut copying = copying(&ledger, &state, with_rosters(&server, &state), "m1");
    // What else is said is another test's matter.
    let next = |copying: &mut Copying| {
        loop {
            copying.until("a roster", |copying| !copying.said.is_empty());
            match copying.said.try_recv() {
                Ok(Event::RosterArrived(roster)) => return Ok(roster.version),
                Ok(Event::RosterRefused(fault)) => return Err(fault),
                Ok(Event::UpstreamSaid(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    assert_eq!((next(&mut copying), next(&mut copying)), (Ok(7), Ok(7)), "nobody said that it was taken");
    copying.link.roster_settled(7);
    // Those that were on their way.
    std::thread::sleep(Duration::from_millis(200));
    while copying.said.try_recv().is_ok() {}
    let (sent, requests) = (server.rosters_sent(), server.requests());
    copying.until("it is asked again and again", |_| server.requests() > requests + 6);
    assert_eq!(server.rosters_sent(), sent, "304");
    assert!(copying.said.is_empty());

    // Each thing that counts for nothing is told once, and the copying goes on.
    let other = signed_roster(8, [1; 32]);
    server.lay_down(&cabinet(), ".other", &other).expect("laid down");
    for (rosters, fault) in [
        (Rosters::Forged, RosterFault::BadSignature),
        (Rosters::OtherDevice, RosterFault::OtherDevice),
        (Rosters::Oversized, RosterFault::TooLarge),
    ] {
        server.serve(rosters);
        assert_eq!(next(&mut copying), Err(fault.clone()));
        let requests = server.requests();
        copying.until("it is asked again", |_| server.requests() > requests + 4);
        assert!(copying.said.is_empty(), "{fault:?} is told once");
        let state = copying.link.state();
        assert_eq!((state.roster_trouble, state.trouble), (Some(fault.to_string()), None));
    }
    // None is meant for it any more.
    server.serve(Rosters::Older);
    copying.until("no trouble", |copying| copying.link.state().roster_trouble.is_none());
    server.serve(Rosters::Honest);
    assert_eq!(next(&mut copying), Ok(7));
    assert_eq!(all_there(&server, 5), 5);
}

/// What the core knows of rosters is lost with its process: so is the `ETag` of one that waited.
#[test]
fn a_roster_that_waited_is_asked_for_anew_after_a_restart_and_when_the_core_lost_it() {
    let (dir, server, ledger) = site(5);
    let state = dir.path().join("state");
    server.lay_down(&cabinet(), "", &signed_roster(7, key().verifying_key().to_bytes())).expect("laid down");
    let arrives = |copying: &mut Copying| {
        for _ in 0..1_000 {
            match copying.said.try_recv() {
                Ok(Event::RosterArrived(roster)) => return roster.version,
                Ok(_) => {}
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
        panic!("no roster");
    };
    for _ in 0..2 {
        let mut copying = copying(&ledger, &state, with_rosters(&server, &state), "m1");
        assert_eq!(arrives(&mut copying), 7);
        // It waits in the core: as long as it does it is not sent again.
        copying.link.roster_settled(7);
        std::thread::sleep(Duration::from_millis(200));
        while copying.said.try_recv().is_ok() {}
        let (sent, requests) = (server.rosters_sent(), server.requests());
        copying.until("it is asked again and again", |_| server.requests() > requests + 6);
        assert_eq!(server.rosters_sent(), sent, "304");
        // The core was built anew, and knows of none.
        copying.link.roster_settled(0);
        assert_eq!(arrives(&mut copying), 7);
    }
}

#[test]
fn forged_rosters_that_take_turns_are_told_once_each() {
    let (dir, server, ledger) = site(5);
    let state = dir.path().join("state");
    server.lay_down(&cabinet(), "", &signed_roster(7, key().verifying_key().to_bytes())).expect("laid down");
    server.lay_down(&cabinet(), ".other", &signed_roster(8, [1; 32])).expect("laid down");
    let mut copying = copying(&ledger, &state, with_rosters(&server, &state), "m1");
    copying.link.roster_settled(7);
    for rosters in [Rosters::Forged, Rosters::Honest, Rosters::OtherDevice].repeat(4) {
        server.serve(rosters);
        let requests = server.requests();
        copying.until("it is asked", |_| server.requests() > requests + 4);
    }
    let mut told = Vec::new();
    while let Ok(event) = copying.said.try_recv() {
        if let Event::RosterRefused(fault) = event {
            told.push(fault);
        }
    }
    assert_eq!(told, [RosterFault::BadSignature, RosterFault::OtherDevice]);
}

#[test]
fn without_a_key_no_roster_is_asked_for() {
    let (dir, server, ledger) = site(5);
    let state = dir.path().join("state");
    server.lay_down(&cabinet(), "", &signed_roster(7, key().verifying_key().to_bytes())).expect("laid down");
    let none = UpstreamConfig { roster_key: None, ..with_rosters(&server, &state) };
    let mut copying = copying(&ledger, &state, none, "m1");
    copying.until("heartbeats", |_| server.requests() > 8);
    assert_eq!((server.rosters_sent(), copying.news()), (0, vec![]));
}
