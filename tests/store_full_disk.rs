//! A disk that fills up while the cabinet is in use: refused in time, alarms kept, recovery without hands.
//!
//! Needs the right to mount (root); without it these tests fail rather than pass for nothing.

mod disk;
mod ledger_samples;

use cabinetd::cabinet::books::View;
use cabinetd::cabinet::types::SlotNo;
use cabinetd::io::store::{Store, StoreError};
use disk::Disk;
use ledger_samples::{identity, record, slot};
use std::path::Path;

fn open(state: &Path) -> (Store, cabinetd::io::store::Stored) {
    Store::open(state, &identity(), None).expect("opens")
}

fn commit(store: &Store, seq: u64, reserve: bool) -> Result<cabinetd::io::store::Head, StoreError> {
    let rows = vec![(View::Slot(SlotNo((seq % 300) as u16)), Some(slot(seq)))];
    store.commit_blocking(vec![record(seq)], rows, reserve)
}

fn story(disk: &Disk) {
    let state = disk.state();
    let (store, _) = open(&state);
    let mut seq = 0;
    for _ in 0..200 {
        seq += 1;
        commit(&store, seq, false).expect("there is room");
    }
    disk.fill();

    // What the file already holds is used up, then it is refused; the WAL started over many times meanwhile.
    let error = loop {
        match commit(&store, seq + 1, false) {
            Ok(_) => seq += 1,
            Err(error) => break error,
        }
        assert!(seq < 100_000, "it never fills");
    };
    assert!(matches!(error, StoreError::Full), "{error}");
    assert!(store.is_full() && !store.is_dead());
    assert_eq!(store.reload().expect("readable").head.seq, seq);

    // Alarms and shutdown are still recorded; ordinary records are not, not even small ones.
    for _ in 0..500 {
        seq += 1;
        commit(&store, seq, true).expect("the reserve has room");
        assert!(matches!(commit(&store, seq + 1, false), Err(StoreError::Full)));
    }
    let before = store.reload().expect("readable");
    assert_eq!(before.head.seq, seq);
    drop(store);

    // The WAL's shared index got lost, as when the ledger was copied back without it, and there is no room for a new one.
    std::fs::remove_file(state.join("ledger.db-shm")).expect("removed");
    disk.fill();

    // A start on the full disk finds everything, says that it is full, and can still record.
    let (store, stored) = open(&state);
    assert_eq!(stored, before);
    assert!(store.is_full(), "a used reserve means that there is no room");
    // Without room for the shared index nobody else can look in until the next start; it says so.
    let error = cabinetd::io::store::Reader::open(&state).map(|_| ()).expect_err("kept in memory");
    assert!(matches!(error, StoreError::Busy), "{error}");
    seq += 1;
    commit(&store, seq, true).expect("the reserve has room");
    assert!(!futures(store.try_refill_reserve()).expect("looked"), "there is no room yet");
    let error = loop {
        match commit(&store, seq + 1, true) {
            Ok(_) => seq += 1,
            Err(error) => break error,
        }
        assert!(seq < 100_000, "the reserve never ends");
    };
    assert!(matches!(error, StoreError::Full), "{error}");
    assert_eq!(store.reload().expect("readable").head.seq, seq);

    // Somebody makes room: noticed without hands.
    disk.make_room();
    assert!(futures(store.try_refill_reserve()).expect("looked"), "there is room");
    assert!(!store.is_full());
    for _ in 0..3000 {
        seq += 1;
        commit(&store, seq, false).expect("there is room");
    }
    drop(store);
    let (store, stored) = open(&state);
    assert_eq!(stored.head.seq, seq);
    assert!(!store.is_full());

    // And the reserve is whole again.
    disk.fill();
    while commit(&store, seq + 1, false).is_ok() {
        seq += 1;
    }
    for _ in 0..500 {
        seq += 1;
        commit(&store, seq, true).expect("the reserve has room");
    }
}

fn futures<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

#[test]
fn a_disk_that_fills_up_on_tmpfs() {
    story(&Disk::tmpfs("12m"));
}

#[test]
fn a_disk_that_fills_up_on_ext4() {
    story(&Disk::ext4(20));
}

#[test]
fn a_disk_that_breaks_ends_the_store_until_the_next_process() {
    let disk = Disk::ext4(20);
    let (store, _) = open(&disk.state());
    commit(&store, 1, false).expect("committed");
    disk.break_it();
    let error = commit(&store, 2, true).expect_err("the disk is broken");
    assert!(error.is_fatal() && error.to_string().contains("must start again"), "{error}");
    assert!(store.is_dead() && !store.is_full());
    // It does not look whether the record is there after all.
    assert!(matches!(store.reload().expect_err("dead"), StoreError::Dead));
    assert!(matches!(commit(&store, 2, true).expect_err("dead"), StoreError::Dead));
    assert!(matches!(futures(store.write_proof(ledger_samples::stamp(1))), Err(StoreError::Dead)));
    assert!(matches!(futures(store.try_refill_reserve()), Err(StoreError::Dead)));
}

#[test]
fn a_first_start_on_a_full_disk_says_so() {
    let disk = Disk::tmpfs("1m");
    disk.fill();
    let error = Store::open(&disk.state(), &identity(), None).map(|_| ()).expect_err("no room");
    assert!(error.to_string().contains("room") || error.to_string().contains("space"), "{error}");
}
