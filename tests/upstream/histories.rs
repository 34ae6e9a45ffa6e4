//! Upstream and the ledger hold different histories: data that was lost there, a card of before, a new epoch, a clone.

use crate::site::{Ledger, all_there, cabinet, config, copying, identity, key, site};
use cabinetd::cabinet::event::UpstreamNews;
use cabinetd::cabinet::power::Mode;
use cabinetd::io::store::{OpenOptions, Store};
use std::path::Path;

#[test]
fn an_upstream_that_lost_data_is_sent_it_again_and_that_is_told() {
    let (dir, server, mut ledger) = site(200);
    let state = dir.path().join("state");
    let mut copying = copying(&ledger, &state, config(&server, &state), "m1");
    copying.until_acknowledged(200);
    server.receiver().lose_behind(&cabinet(), 77).expect("lost");
    ledger.write(1);
    copying.link.recorded(201, Mode::Line);
    copying.until_acknowledged(201);
    assert_eq!(copying.news(), [UpstreamNews::LostData { held: 200, has: 77 }]);
    assert_eq!(all_there(&server, 201), 201);
    // Even all of it.
    server.receiver().lose_behind(&cabinet(), 0).expect("lost");
    ledger.write(1);
    copying.link.recorded(202, Mode::Line);
    copying.until_acknowledged(202);
    assert_eq!(copying.news(), [UpstreamNews::LostData { held: 201, has: 0 }]);
    assert_eq!(all_there(&server, 202), 202);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for name in ["ledger.db", "ledger.db-wal"] {
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.join(name)).expect("copied");
        }
    }
}

#[test]
fn a_restored_card_that_went_on_recording_stops_the_copying_and_overwrites_nothing() {
    let (dir, server, mut ledger) = site(100);
    let (state, restored) = (dir.path().join("state"), dir.path().join("restored"));
    let mut first = copying(&ledger, &state, config(&server, &state), "m1");
    first.until_acknowledged(100);
    drop(first);
    drop(ledger);
    copy(&state, &restored);
    ledger = Ledger::open(&state);
    ledger.write(40);
    let mut first = copying(&ledger, &state, config(&server, &state), "m1");
    first.until_acknowledged(140);
    drop((first, ledger));

    // The card of before, which goes on at 101 and would write others over those that upstream has.
    let mut ledger = Ledger::open(&restored);
    ledger.write(60);
    let mut second = copying(&ledger, &restored, config(&server, &restored), "m1");
    second.until("it stops", |copying| copying.link.state().stopped);
    assert_eq!((second.news(), second.agrees), (vec![UpstreamNews::Ahead { seq: 140 }], false));
    assert_eq!(all_there(&server, 140), 140, "nothing was overwritten");
    drop((second, ledger));

    // It does not fit even in a new epoch: records that differ were made in the old one.
    let options = OpenOptions { new_epoch: true, ..OpenOptions::in_directory(&restored) };
    let (store, stored) = Store::open_with(&options, &identity(), Some(key())).expect("opens");
    let mut ledger = Ledger::of(store, &stored);
    ledger.write(5);
    let mut third = copying(&ledger, &restored, config(&server, &restored), "m1");
    third.until("it stops", |copying| copying.link.state().stopped);
    assert_eq!(all_there(&server, 140), 140);
}

#[test]
fn after_a_new_epoch_the_records_go_on_behind_the_last_common_one() {
    let (dir, server, mut ledger) = site(100);
    let (state, restored) = (dir.path().join("state"), dir.path().join("restored"));
    drop(ledger);
    copy(&state, &restored);
    ledger = Ledger::open(&state);
    ledger.write(40);
    let mut first = copying(&ledger, &state, config(&server, &state), "m1");
    first.until_acknowledged(140);
    drop((first, ledger));

    let options = OpenOptions { new_epoch: true, ..OpenOptions::in_directory(&restored) };
    let (store, stored) = Store::open_with(&options, &identity(), Some(key())).expect("opens");
    let mut ledger = Ledger::of(store, &stored);
    ledger.write(60);
    let mut second = copying(&ledger, &restored, config(&server, &restored), "m1");
    second.until_acknowledged(160);
    assert_eq!((second.news(), second.agrees), (vec![], true), "the alarm of before is over");
    let receiver = server.receiver();
    let arrivals = receiver.arrivals(&cabinet()).expect("a list");
    assert_eq!(arrivals.len(), 200, "both lives are there");
    assert_eq!((arrivals[139], arrivals[140], arrivals[199]), ((1, 140), (2, 101), (2, 160)));
    assert_eq!(receiver.verified(&cabinet()), Ok((200, 0)));
}

#[test]
fn of_a_cabinet_and_its_clone_the_second_is_stopped() {
    let (dir, server, ledger) = site(30);
    let (state, cloned) = (dir.path().join("state"), dir.path().join("cloned"));
    drop(ledger);
    copy(&state, &cloned);
    let (mut ledger, mut twin) = (Ledger::open(&state), Ledger::open(&cloned));
    // Each start makes a record, and no two have the same salt.
    ledger.write(1);
    twin.write(1);
    let mut first = copying(&ledger, &state, config(&server, &state), "m1");
    first.until_acknowledged(31);
    let mut second = copying(&twin, &cloned, config(&server, &cloned), "m2");
    second.until("it stops", |copying| copying.link.state().stopped);
    assert_eq!(second.news(), [UpstreamNews::Cloned { seq: 31 }]);
    ledger.write(4);
    first.link.recorded(35, Mode::Line);
    first.until_acknowledged(35);
    assert_eq!(first.news(), []);
    assert_eq!(all_there(&server, 35), 35);
}
