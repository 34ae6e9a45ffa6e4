//! The store against a real file system: opening, committing, coming back, a second instance, another cabinet, a full disk.

mod ledger_samples;

use cabinetd::cabinet::books::{Row, Throttle, View};
use cabinetd::cabinet::types::{AlarmId, SlotNo};
use cabinetd::io::store::Reader;
use cabinetd::io::store::verify::Fault;
use cabinetd::io::store::{Identity, OpenOptions, Store, StoreError};
use ledger_samples::{identity, record, slot, stamp};
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

fn open(dir: &Path) -> (Store, cabinetd::io::store::Stored) {
    Store::open(dir, &identity(), None).expect("the store opens")
}

#[test]
fn what_was_committed_is_there_after_closing_and_in_a_reload() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, stored) = open(&dir.path().join("state"));
    assert_eq!((stored.head.epoch, stored.head.seq), (1, 0));
    assert!(stored.rows.is_empty());
    let head = store
        .commit_blocking(
            vec![record(1), record(2)],
            vec![(View::Slot(SlotNo(7)), Some(slot(2))), (View::RosterVersion, Some(Row::RosterVersion(3)))],
            false,
        )
        .expect("committed");
    assert_eq!(head.seq, 2);
    let head = store
        .commit_blocking(
            vec![record(3)],
            vec![(View::RosterVersion, None), (View::Slot(SlotNo(7)), Some(slot(3)))],
            false,
        )
        .expect("committed");
    let reloaded = store.reload().expect("reloads");
    assert_eq!(reloaded.head, head);
    assert_eq!(reloaded.rows, vec![(View::Slot(SlotNo(7)), slot(3))]);
    drop(store);
    let (_store, stored) = open(&dir.path().join("state"));
    assert_eq!(stored, reloaded);
}

#[test]
fn a_record_out_of_order_is_refused_and_nothing_of_its_batch_is_kept() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, before) = open(dir.path());
    let error = store
        .commit_blocking(vec![record(1), record(3)], vec![(View::Slot(SlotNo(1)), Some(slot(1)))], false)
        .expect_err("out of order");
    assert!(matches!(error, StoreError::OutOfOrder { wanted: 2, found: 3 }), "{error}");
    assert_eq!(store.reload().expect("reloads"), before);
    store.commit_blocking(vec![record(1)], vec![], false).expect("goes on");
}

#[test]
fn a_second_instance_is_refused_before_it_looks_at_the_database() {
    let dir = tempfile::tempdir().expect("a folder");
    let (first, _) = open(dir.path());
    let error = Store::open(dir.path(), &identity(), None).expect_err("locked");
    let pid = std::process::id();
    assert!(matches!(error, StoreError::InUse { pid: Some(found), .. } if found == pid), "{error}");
    assert!(error.to_string().contains("stop it first"), "{error}");
    drop(first);
    drop(open(dir.path()));
}

#[test]
fn another_cabinets_ledger_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    drop(open(dir.path()));
    let other = Identity { cabinet: "annex".into(), ..identity() };
    let error = Store::open(dir.path(), &other, None).expect_err("another cabinet");
    assert!(matches!(error, StoreError::OtherCabinet { .. }), "{error}");
}

#[test]
fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a folder");
    let state = dir.path().join("a/state");
    let (store, _) = open(&state);
    store.commit_blocking(vec![record(1)], vec![], false).expect("committed");
    let mode = |path: &Path| path.metadata().expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&state) & 0o027, 0);
    for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm", "proof"] {
        assert_eq!(mode(&state.join(name)), 0o600, "{name}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn proof_of_life_ping_and_heartbeat() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, stored) = open(dir.path());
    assert_eq!(stored.last_proof, None);
    store.write_proof(stamp(77)).await.expect("written");
    store.ping().await.expect("alive");
    let (ms, _) = store.heartbeat();
    assert!(ms > 0);
    assert_eq!(store.reload().expect("reloads").last_proof, Some(stamp(77)));
    drop(store);
    let (store, stored) = open(dir.path());
    assert_eq!(stored.last_proof, Some(stamp(77)));
    // A record proves life as well.
    store.commit_blocking(vec![record(1)], vec![], false).expect("committed");
    assert_eq!(store.reload().expect("reloads").last_proof, Some(stamp(1_000)));
    store.write_proof(stamp(1_001)).await.expect("written");
    drop(store);
    assert_eq!(open(dir.path()).1.last_proof, Some(stamp(1_001)));
}

#[test]
fn a_restored_backup_begins_a_new_epoch_that_goes_on_from_the_last_record() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, _) = open(dir.path());
    let last = store.commit_blocking(vec![record(1), record(2)], vec![], false).expect("committed");
    drop(store);
    let options = OpenOptions { new_epoch: true, ..OpenOptions::in_directory(dir.path()) };
    let (store, stored) = Store::open_with(&options, &identity(), None).expect("opens");
    assert_eq!((stored.head.epoch, stored.head.seq, stored.head.hash), (2, 2, last.hash));
    let head = store.commit_blocking(vec![record(3)], vec![], false).expect("committed");
    assert_eq!((head.epoch, head.seq), (2, 3));
}

#[test]
fn the_wal_has_its_size_from_the_start_and_keeps_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, _) = open(dir.path());
    let wal = || dir.path().join("ledger.db-wal").metadata().expect("there").len();
    let size = wal();
    assert!(size >= 1500 * 1048, "{size}");
    for seq in 1..=3000 {
        let rows = vec![
            (View::Slot(SlotNo((seq % 300) as u16)), Some(slot(seq))),
            (View::Alarm(AlarmId(1)), None),
            (View::Throttle, Some(Row::Throttle(Throttle { level_milli: seq, as_of: stamp(seq) }))),
        ];
        store.commit_blocking(vec![record(seq)], rows, false).expect("committed");
    }
    assert_eq!(wal(), size, "the WAL grew");
    drop(store);
    assert_eq!(wal(), size, "the WAL was cut at the end");
    drop(open(dir.path()));
    assert_eq!(wal(), size, "the WAL was cut at the start");
}

/// What is wrong with the ledger, but for the views: the samples' rows are not what their records add up to.
fn faults(dir: &Path) -> Vec<String> {
    let report = Reader::open(dir).expect("opens").verify(&[]).expect("reads");
    let faults = report.problems.iter().filter(|problem| !matches!(problem.fault, Fault::View(_)));
    faults.map(ToString::to_string).collect()
}

/// The state directory as a power cut leaves it.
fn cut(dir: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a folder");
    for name in ["ledger.db", "ledger.db-wal", "proof"] {
        fs::copy(dir.join(name), copy.path().join(name)).expect("copied");
    }
    copy
}

fn flip(dir: &Path, frame: u64) {
    let file = fs::OpenOptions::new().read(true).write(true).open(dir.join("ledger.db-wal")).expect("opens");
    let (mut byte, at) = ([0], 32 + frame * (24 + 1024) + 500);
    file.read_exact_at(&mut byte, at).expect("read");
    file.write_all_at(&[byte[0] ^ 1], at).expect("written");
}

#[tokio::test(flavor = "current_thread")]
async fn a_flipped_byte_in_the_log_is_told_at_the_start_and_by_verify() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, _) = open(dir.path());
    for seq in 1..=100 {
        store
            .commit(vec![record(seq)], vec![(View::Slot(SlotNo(1)), Some(slot(seq)))], false)
            .await
            .expect("committed");
    }
    let known = store.reload().expect("reloads").head;
    store.write_proof(stamp(100_000)).await.expect("written");
    let healthy = cut(dir.path());
    assert_eq!(faults(healthy.path()), Vec::<String>::new());
    assert_eq!(open(healthy.path()).1.lost, None);

    let damaged = cut(dir.path());
    flip(damaged.path(), 100);
    let problems = faults(damaged.path());
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(
        problems[0].starts_with("the write-ahead log is damaged after frame 100, so the ledger ends"),
        "{problems:?}"
    );
    assert!(problems[1].contains("to 100 are missing") && problems[1].contains("keep a copy"), "{problems:?}");
    let (store, stored) = open(damaged.path());
    let lost = stored.lost.expect("it says so");
    assert_eq!((lost.head, lost.known), (stored.head, known));
    assert!(lost.head.seq < 100, "{lost:?}");
    // Told once: what is written from now on is what counts.
    store.write_proof(stamp(100_001)).await.expect("written");
    drop(store);
    assert_eq!(open(damaged.path()).1.lost, None);
}

#[test]
fn an_older_copy_in_the_place_of_the_ledger_is_told() {
    let dir = tempfile::tempdir().expect("a folder");
    drop(open(dir.path()));
    let older = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for seq in 1..=5 {
        let (store, _) = open(dir.path());
        store.commit_blocking(vec![record(seq)], vec![], false).expect("committed");
        runtime.block_on(store.write_proof(stamp(seq))).expect("written");
        drop(store);
        if seq == 3 {
            fs::copy(dir.path().join("ledger.db"), older.path().join("ledger.db")).expect("copied");
        }
    }
    fs::copy(older.path().join("ledger.db"), dir.path().join("ledger.db")).expect("copied");
    fs::remove_file(dir.path().join("ledger.db-wal")).expect("removed");
    let problems = faults(dir.path());
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("records 4 to 5 are missing"), "{}", problems[0]);
    let lost = open(dir.path()).1.lost.expect("it says so");
    assert_eq!((lost.head.seq, lost.known.seq), (3, 5));
}

#[test]
fn after_a_clean_stop_no_byte_of_the_log_is_needed() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, _) = open(dir.path());
    for seq in 1..=100 {
        store
            .commit_blocking(vec![record(seq)], vec![(View::Slot(SlotNo(1)), Some(slot(seq)))], false)
            .expect("committed");
    }
    let before = store.reload().expect("reloads");
    let size = dir.path().join("ledger.db-wal").metadata().expect("there").len();
    drop(store);
    assert_eq!(dir.path().join("ledger.db-wal").metadata().expect("there").len(), size, "it keeps its size");
    for frame in [0, 1, 50, 99] {
        let stopped = cut(dir.path());
        flip(stopped.path(), frame);
        let (store, stored) = open(stopped.path());
        assert_eq!(stored, before, "frame {frame}");
        drop(store);
        assert_eq!(faults(stopped.path()), Vec::<String>::new());
    }
    let without = cut(dir.path());
    fs::remove_file(without.path().join("ledger.db-wal")).expect("removed");
    assert_eq!(open(without.path()).1, before);
}

#[tokio::test(flavor = "current_thread")]
async fn when_it_is_quiet_a_proof_empties_the_log() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, _) = open(dir.path());
    for seq in 1..=100 {
        store.commit(vec![record(seq)], vec![], false).await.expect("committed");
    }
    let before = store.reload().expect("reloads");
    store.write_proof(stamp(1)).await.expect("written");
    store.ping().await.expect("alive");
    let at_once = cut(dir.path());
    flip(at_once.path(), 50);
    assert!(open(at_once.path()).1.lost.is_some(), "it was not quiet yet");
    tokio::time::sleep(std::time::Duration::from_millis(5_200)).await;
    store.write_proof(stamp(2)).await.expect("written");
    store.ping().await.expect("alive");
    for frame in [0, 50] {
        let quiet = cut(dir.path());
        flip(quiet.path(), frame);
        let stored = open(quiet.path()).1;
        assert_eq!((stored.lost, stored.head), (None, before.head), "frame {frame}");
    }
    store.commit(vec![record(101)], vec![], false).await.expect("goes on");
}
