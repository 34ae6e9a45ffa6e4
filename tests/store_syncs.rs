//! What a commit costs the card: system calls counted, not believed.

mod ledger_samples;

use cabinetd::cabinet::books::View;
use cabinetd::cabinet::types::SlotNo;
use cabinetd::io::store::Store;
use ledger_samples::{identity, record, slot, visit};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Commits of one record of a visit and one row each, fewer than a checkpoint's worth.
const COMMITS: u64 = 100;

/// Not a test of its own: what [`a_commit_is_one_fdatasync`] runs under the counter.
#[test]
#[ignore = "run by a_commit_is_one_fdatasync"]
fn commits_to_count() {
    let Ok(folder) = std::env::var("COUNTED_FOLDER") else { return };
    let commits: u64 = std::env::var("COUNTED_COMMITS").expect("set too").parse().expect("a number");
    let (store, stored) = Store::open(Path::new(&folder), &identity(), None).expect("opens");
    if stored.head.seq == 0 {
        // A cabinet in use: its slots are there.
        let rows = (0..300).map(|number| (View::Slot(SlotNo(number)), Some(slot(100)))).collect();
        store.commit_blocking(vec![record(1)], rows, false).expect("committed");
        return;
    }
    for seq in stored.head.seq + 1..=stored.head.seq + commits {
        let rows = vec![(View::Slot(SlotNo((seq % 300) as u16)), Some(slot(seq)))];
        store.commit_blocking(vec![visit(seq)], rows, false).expect("committed");
    }
    // The end of a process is no part of a commit.
    std::process::exit(0);
}

/// fsync, fdatasync and bytes written by a run of so many commits.
fn count(folder: &Path, commits: u64) -> (u64, u64, u64) {
    let log = folder.join("calls");
    let output = Command::new("strace")
        .args(["-f", "-qq", "-e", "trace=fsync,fdatasync,pwrite64,pwritev,write", "-o"])
        .arg(&log)
        .arg(std::env::current_exe().expect("this file"))
        .args(["--exact", "commits_to_count", "--ignored", "--nocapture"])
        .env("COUNTED_FOLDER", folder.join("state"))
        .env("COUNTED_COMMITS", commits.to_string())
        .output()
        .expect("strace is there (apt install strace)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let calls = std::fs::read_to_string(log).expect("the log");
    let (mut fsync, mut fdatasync, mut bytes) = (0, 0, 0);
    for call in calls.lines() {
        fsync += u64::from(call.contains(" fsync("));
        fdatasync += u64::from(call.contains(" fdatasync("));
        if call.contains(" pwrite64(") {
            bytes += call.rsplit("= ").next().and_then(|end| end.parse::<u64>().ok()).unwrap_or(0);
        }
    }
    (fsync, fdatasync, bytes)
}

#[test]
fn a_commit_is_one_fdatasync() {
    let folder = tempfile::tempdir().expect("a folder");
    // The first run makes the ledger, the second shows what opening costs, the third what commits cost beyond that, without a checkpoint.
    count(folder.path(), 1);
    let open = count(folder.path(), 1);
    let full = count(folder.path(), 1 + COMMITS);
    assert_eq!(full.0, open.0, "no fsync");
    assert_eq!(full.1 - open.1, COMMITS, "one fdatasync each");
    let bytes = (full.2 - open.2) / COMMITS;
    println!("{bytes} bytes per commit");
    assert!(bytes <= 3_072, "{bytes} bytes per commit");
}

#[test]
fn opening_costs_the_same_however_long_the_ledger_is() {
    let opened = |records: u64| {
        let folder = tempfile::tempdir().expect("a folder");
        let (store, _) = Store::open(folder.path(), &identity(), None).expect("opens");
        let rows = (1..=300).map(|slot_no| (View::Slot(SlotNo(slot_no)), Some(slot(1)))).collect();
        store.commit_blocking(vec![record(1)], rows, false).expect("committed");
        drop(store);
        // Filled in SQL: the hashes do not matter to opening.
        rusqlite::Connection::open(folder.path().join("ledger.db"))
            .expect("opens")
            .execute_batch(&format!(
                "WITH RECURSIVE n(seq) AS (SELECT 2 UNION ALL SELECT seq + 1 FROM n WHERE seq < {records})
                 INSERT INTO ledger SELECT seq, epoch, kind, boot, mono_ms, wall_ms, clock, salt, payload_state, payload, digest, hash
                 FROM n, (SELECT epoch, kind, boot, mono_ms, wall_ms, clock, salt, payload_state, payload, digest, hash FROM ledger);"
            ))
            .expect("filled");
        let mut best = Duration::MAX;
        for _ in 0..20 {
            #[expect(clippy::disallowed_methods, reason = "a measurement")]
            let start = Instant::now();
            let (store, stored) = Store::open(folder.path(), &identity(), None).expect("opens");
            best = best.min(start.elapsed());
            assert_eq!(stored.head.seq, records);
            drop(store);
        }
        best
    };
    let (few, many) = (opened(1_000), opened(1_000_000));
    println!("{few:?} with 1,000 records, {many:?} with 1,000,000");
    assert!(many < few * 3 / 2 + Duration::from_millis(1), "{few:?} with 1,000 records, {many:?} with 1,000,000");
}
