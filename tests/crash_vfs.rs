//! The crash-injecting VFS finds lost commits where SQLite may lose them, and none where not.

#[path = "support/crash_vfs.rs"]
mod crash_vfs;

use std::collections::BTreeSet;
use std::time::Instant;

use crash_vfs::{Action, CrashVfs, Disk, Fault, Handle, Mode, On, Rng, Times};
use rusqlite::{Connection, ErrorCode, params};
use sqlite_plugin::{flags::OpenOpts, vars, vfs::Vfs};

const DB: &str = "ledger.db";
const ROWS: usize = 40;

fn open(disk: &Disk, synchronous: &str) -> rusqlite::Result<Connection> {
    open_with(disk, "WAL", synchronous)
}

fn open_with(disk: &Disk, journal: &str, synchronous: &str) -> rusqlite::Result<Connection> {
    let db = disk.open(DB)?;
    db.execute_batch(&format!(
        "PRAGMA page_size = 1024;
         PRAGMA journal_mode = {journal};
         PRAGMA synchronous = {synchronous};
         PRAGMA wal_autocheckpoint = 25;
         PRAGMA cache_size = 10;"
    ))?;
    Ok(db)
}

fn create(db: &Connection) {
    db.execute_batch(
        "BEGIN;
         CREATE TABLE state(id INTEGER PRIMARY KEY, counter INTEGER, total INTEGER);
         CREATE TABLE item(id INTEGER PRIMARY KEY, value INTEGER, pad BLOB);
         INSERT INTO state VALUES (1, 0, 0);
         COMMIT;",
    )
    .unwrap();
}

/// One random transaction: on success the counter is `counter`, and `state.total` is the sum of
/// all values.
fn step(db: &mut Connection, counter: u64, rng: &mut Rng) -> rusqlite::Result<()> {
    let tx = db.transaction()?;
    for _ in 0..=rng.below(6) {
        let (id, value) = (rng.below(ROWS) as u32, rng.below(1000) as u32);
        let pad = vec![rng.next() as u8; rng.below(1500)];
        if rng.below(8) == 0 {
            tx.execute("DELETE FROM item WHERE id = ?1", [id])?;
        } else {
            tx.execute("REPLACE INTO item VALUES (?1, ?2, ?3)", params![id, value, pad])?;
        }
    }
    tx.execute("UPDATE state SET counter = ?1, total = (SELECT total(value) FROM item)", [counter.cast_signed()])?;
    tx.commit()
}

/// The counter after recovery, or what is broken.
fn check(disk: &Disk) -> Result<Option<u64>, String> {
    let text = |error: rusqlite::Error| error.to_string();
    let db = disk.open(DB).map_err(text)?;
    let verdict: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).map_err(text)?;
    if verdict != "ok" {
        return Err(verdict);
    }
    let tables = "SELECT count(*) FROM sqlite_schema";
    if db.query_row(tables, [], |row| row.get::<_, i64>(0)).map_err(text)? == 0 {
        return Ok(None);
    }
    let state = "SELECT counter, total = (SELECT total(value) FROM item) FROM state";
    let (counter, whole): (i64, bool) = db.query_row(state, [], |row| Ok((row.get(0)?, row.get(1)?))).map_err(text)?;
    if whole { Ok(Some(counter.cast_unsigned())) } else { Err("half a transaction".into()) }
}

/// (operations done, counter): that many operations after which the counter was acknowledged.
type Acks = Vec<(u64, u64)>;

/// What must be there after operation `op`: `None` if not even the tables.
fn acknowledged(acks: &Acks, op: u64) -> Option<u64> {
    acks.iter().rev().find(|ack| ack.0 <= op).map(|ack| ack.1)
}

fn workload(synchronous: &str, steps: u64, seed: u64) -> (Disk, Acks) {
    workload_with("WAL", synchronous, steps, seed)
}

fn workload_with(journal: &str, synchronous: &str, steps: u64, seed: u64) -> (Disk, Acks) {
    let (disk, mut rng, mut acks) = (Disk::new(), Rng(seed), Vec::new());
    let mut db = open_with(&disk, journal, synchronous).unwrap();
    create(&db);
    acks.push((disk.ops(), 0));
    for counter in 1..=steps {
        step(&mut db, counter, &mut rng).unwrap();
        acks.push((disk.ops(), counter));
        if rng.below(20) == 0 {
            drop(db); // checkpoints, and deletes the WAL
            db = open_with(&disk, journal, synchronous).unwrap();
        }
    }
    (disk, acks)
}

#[derive(Debug, Default)]
struct Findings {
    images: usize,
    lost: usize,
    broken: Vec<String>,
}

#[expect(clippy::disallowed_methods, reason = "the test's own stopwatch")]
fn sweep(disk: &Disk, acks: &Acks, seeds: u64) -> Findings {
    let mut findings = Findings::default();
    let start = Instant::now();
    for op in 0..=disk.ops() {
        let modes = [(0, Mode::LoseAll), (0, Mode::KeepAll)].into_iter();
        let prefix = (0..seeds.div_ceil(3)).map(|seed| (seed, Mode::Prefix));
        for (seed, mode) in modes.chain(prefix).chain((0..seeds).map(|seed| (seed, Mode::Random))) {
            findings.images += 1;
            let must = acknowledged(acks, op);
            match check(&disk.crash_image(op, seed, mode)) {
                Err(what) => findings.broken.push(format!("op {op}, seed {seed}, {mode:?}: {what}")),
                Ok(is) if is < must => {
                    assert_ne!(mode, Mode::KeepAll);
                    findings.lost += 1;
                }
                // One more may be there: committed, but not acknowledged yet.
                Ok(is) => assert!(is <= must.map_or(Some(0), |counter| Some(counter + 1))),
            }
        }
    }
    let rate = (findings.images as u128 * 1000) / start.elapsed().as_millis().max(1);
    println!(
        "{} operations, {} images ({rate}/s), {} lost, {} broken",
        disk.ops(),
        findings.images,
        findings.lost,
        findings.broken.len()
    );
    findings
}

#[test]
fn full_loses_nothing_and_normal_does() {
    let (disk, acks) = workload("FULL", 25, 0);
    let findings = sweep(&disk, &acks, 5);
    assert!(findings.broken.is_empty(), "{:#?}", findings.broken);
    assert_eq!(findings.lost, 0);
    let (disk, acks) = workload("NORMAL", 25, 1);
    let findings = sweep(&disk, &acks, 5);
    assert!(findings.broken.is_empty(), "{:#?}", findings.broken);
    assert!(findings.lost > 50, "{}", findings.lost);
}

#[test]
fn synchronous_off_breaks_the_database() {
    let (disk, acks) = workload("OFF", 25, 1);
    let findings = sweep(&disk, &acks, 3);
    assert!(!findings.broken.is_empty() && findings.lost > 50);
}

#[test]
fn a_crash_during_recovery_is_survived() {
    let (disk, acks) = workload("FULL", 30, 5);
    let mut images = 0;
    for op in (0..=disk.ops()).step_by(61) {
        let first = disk.crash_image(op, 1, Mode::Random);
        check(&first).unwrap(); // its closing checkpoints and deletes the WAL
        for again in 0..=first.ops() {
            let is = check(&first.crash_image(again, again, Mode::Random)).unwrap();
            assert!(is >= acknowledged(&acks, op));
            images += 1;
        }
    }
    assert!(images > 100);
}

#[test]
fn faults_lose_nothing_acknowledged() {
    let mut struck = 0;
    for op in (60..900).step_by(41) {
        for (fault, on) in [(Fault::Eio, On::Write), (Fault::Enospc, On::Write), (Fault::Eio, On::Sync)] {
            for times in [Times::Once, Times::Forever] {
                let (disk, mut rng, mut acks) = (Disk::new(), Rng(op), Vec::new());
                let mut db = open(&disk, "FULL").unwrap();
                create(&db);
                acks.push((disk.ops(), 0));
                disk.fail_at(op, fault, on, times);
                let mut counter = 0;
                for _ in 0..40 {
                    match step(&mut db, counter + 1, &mut rng) {
                        Ok(()) => {
                            counter += 1;
                            acks.push((disk.ops(), counter));
                        }
                        Err(error) => {
                            struck += 1;
                            let full = error.sqlite_error_code() == Some(ErrorCode::DiskFull);
                            assert_eq!(full, fault == Fault::Enospc, "{error}");
                        }
                    }
                }
                disk.clear_faults();
                let ops = disk.ops();
                for seed in 0..4 {
                    let at = op.min(ops) + rng.below(1 + ops.saturating_sub(op) as usize) as u64;
                    let is = check(&disk.crash_image(at, seed, Mode::Random)).unwrap();
                    assert!(is >= acknowledged(&acks, at), "{is:?} at {at}");
                }
                step(&mut db, counter + 1, &mut rng).unwrap();
                drop(db);
                assert_eq!(check(&disk).unwrap(), Some(counter + 1));
            }
        }
    }
    assert!(struck > 50, "{struck}");
}

#[test]
fn a_full_disk_refuses_growth_until_it_has_room() {
    let (disk, mut rng) = (Disk::new(), Rng(7));
    let mut db = open(&disk, "FULL").unwrap();
    create(&db);
    disk.set_capacity(Some(disk.used() + 20_000));
    let mut counter = 0;
    let error = loop {
        match step(&mut db, counter + 1, &mut rng) {
            Ok(()) => counter += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.sqlite_error_code(), Some(ErrorCode::DiskFull));
    assert!(counter > 0);
    disk.set_capacity(Some(1 << 20));
    step(&mut db, counter + 1, &mut rng).unwrap();
    drop(db);
    assert_eq!(check(&disk).unwrap(), Some(counter + 1));
}

#[test]
fn connections_share_the_wal() {
    let disk = Disk::new();
    let mut writer = open(&disk, "FULL").unwrap();
    create(&writer);
    let reader = open(&disk, "FULL").unwrap();
    let counter = "SELECT counter FROM state";
    reader.execute_batch("BEGIN").unwrap();
    let before: i64 = reader.query_row(counter, [], |row| row.get(0)).unwrap();
    step(&mut writer, 1, &mut Rng(1)).unwrap();
    let during: i64 = reader.query_row(counter, [], |row| row.get(0)).unwrap();
    reader.execute_batch("COMMIT").unwrap();
    let after: i64 = reader.query_row(counter, [], |row| row.get(0)).unwrap();
    assert_eq!((before, during, after), (0, 0, 1));

    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    reader.busy_timeout(std::time::Duration::ZERO).unwrap();
    let error = reader.execute_batch("BEGIN IMMEDIATE").unwrap_err();
    assert_eq!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy));
    writer.execute_batch("ROLLBACK").unwrap();

    // Writers in threads wait for each other.
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let db = disk.open(DB).unwrap();
                for _ in 0..50 {
                    db.execute("UPDATE state SET counter = counter + 1", []).unwrap();
                }
            });
        }
    });
    let sum: i64 = reader.query_row(counter, [], |row| row.get(0)).unwrap();
    assert_eq!(sum, 151);
}

/// The contents that a file may have after operation `op`.
fn contents(disk: &Disk, op: u64, mode: Mode) -> BTreeSet<Option<Vec<u8>>> {
    let image = |seed| disk.crash_image(op, seed, mode).files();
    (0..500).map(|seed| image(seed).get("f").map(|data| data.to_vec())).collect()
}

fn raw(disk: &Disk) -> Handle {
    let flags = vars::SQLITE_OPEN_READWRITE | vars::SQLITE_OPEN_CREATE | vars::SQLITE_OPEN_WAL;
    CrashVfs.open(Some(&disk.path("f")), OpenOpts::new(flags)).unwrap()
}

#[test]
fn images_hold_each_mix_of_the_unsynced_sectors_and_nothing_else() {
    let disk = Disk::new();
    let mut file = raw(&disk);
    assert_eq!(contents(&disk, 1, Mode::Random), BTreeSet::from([None, Some(vec![])]));
    CrashVfs.write(&mut file, 0, &[1; 1536]).unwrap();
    CrashVfs.sync(&mut file).unwrap(); // op 3
    assert_eq!(contents(&disk, 3, Mode::Random), BTreeSet::from([Some(vec![1; 1536])]));

    // Parts of three sectors: each has all of its new bytes or none, and the rest is untouched.
    CrashVfs.write(&mut file, 300, &[2; 1000]).unwrap(); // op 4
    let seen = contents(&disk, 4, Mode::Random);
    assert_eq!(seen.len(), 8);
    for data in seen.into_iter().flatten() {
        assert_eq!(data.len(), 1536);
        for (range, sector) in [(300..512, 0), (512..1024, 1), (1024..1300, 2)] {
            assert!(data[range.clone()].iter().all(|byte| *byte == data[range.start]), "{sector}");
        }
        assert!(data[..300].iter().chain(&data[1300..]).all(|byte| *byte == 1));
    }
    assert_eq!(contents(&disk, 4, Mode::LoseAll), BTreeSet::from([Some(vec![1; 1536])]));
    assert_eq!(contents(&disk, 4, Mode::KeepAll).len(), 1);

    // Truncated, written again: old data never comes back behind the truncate.
    CrashVfs.truncate(&mut file, 0).unwrap();
    CrashVfs.write(&mut file, 512, &[3; 10]).unwrap(); // op 6
    let seen = contents(&disk, 6, Mode::Random);
    let is = |len: usize| seen.iter().flatten().filter(|data| data.len() == len).count();
    assert!(is(0) == 1 && is(522) > 1 && is(1536) > 8, "{} {} {}", is(0), is(522), is(1536));

    // An unsynced delete may be undone, and with it everything that was lasting.
    CrashVfs.sync(&mut file).unwrap();
    CrashVfs.delete(&disk.path("f")).unwrap();
    let kept = disk.crash_image(7, 0, Mode::LoseAll).files()["f"].to_vec();
    assert_eq!(contents(&disk, 8, Mode::Random), BTreeSet::from([None, Some(kept)]));
}

#[test]
fn what_a_failed_sync_left_out_is_lasting_only_when_written_again() {
    let disk = Disk::new();
    let mut file = raw(&disk);
    CrashVfs.sync(&mut file).unwrap();
    CrashVfs.write(&mut file, 0, &[1; 512]).unwrap();
    CrashVfs.write(&mut file, 512, &[1; 512]).unwrap();
    disk.fail_at(0, Fault::Eio, On::Sync, Times::Once);
    assert_eq!(CrashVfs.sync(&mut file), Err(vars::SQLITE_IOERR_FSYNC));
    CrashVfs.sync(&mut file).unwrap(); // op 6: succeeds, and says nothing of what was lost
    let lost = contents(&disk, 6, Mode::LoseAll);
    assert_eq!(lost, BTreeSet::from([Some(vec![])]));
    CrashVfs.write(&mut file, 0, &[2; 512]).unwrap();
    CrashVfs.sync(&mut file).unwrap(); // op 8
    for data in contents(&disk, 8, Mode::Random).into_iter().flatten() {
        assert_eq!(data[..512], [2; 512]);
        assert!(data.len() <= 1024);
    }
    assert!(contents(&disk, 8, Mode::Random).len() > 1);
    CrashVfs.write(&mut file, 512, &[2; 512]).unwrap();
    CrashVfs.sync(&mut file).unwrap();
    assert_eq!(contents(&disk, disk.ops(), Mode::Random), BTreeSet::from([Some(vec![2; 1024])]));
}

#[test]
fn the_capacity_and_faults_strike_as_asked() {
    let disk = Disk::new();
    let mut file = raw(&disk);
    disk.set_capacity(Some(1000));
    assert_eq!(CrashVfs.write(&mut file, 0, &[1; 1200]), Err(vars::SQLITE_FULL));
    assert_eq!(disk.used(), 1000); // a short write
    assert_eq!(CrashVfs.write(&mut file, 0, &[2; 1000]), Ok(1000));
    disk.set_capacity(Some(500));
    assert_eq!(CrashVfs.write(&mut file, 0, &[3; 1000]), Ok(1000));
    assert_eq!(CrashVfs.write(&mut file, 1000, &[3]), Err(vars::SQLITE_FULL));
    disk.set_capacity(None);
    assert_eq!(CrashVfs.write(&mut file, 1000, &[3]), Ok(1));

    disk.fail_at(disk.ops() + 2, Fault::Enospc, On::Any, Times::Once);
    disk.fail_at(disk.ops() + 4, Fault::Eio, On::Write, Times::Forever);
    assert_eq!(CrashVfs.sync(&mut file), Ok(()));
    assert_eq!(CrashVfs.sync(&mut file), Err(vars::SQLITE_IOERR_FSYNC));
    assert_eq!(CrashVfs.write(&mut file, 0, &[4]), Ok(1));
    assert_eq!(CrashVfs.write(&mut file, 0, &[5; 1024]), Err(vars::SQLITE_IOERR_WRITE));
    assert_eq!(disk.files()["f"][511..513], [5, 3]); // half of the sectors went through
    assert_eq!(CrashVfs.truncate(&mut file, 0), Err(vars::SQLITE_IOERR_TRUNCATE));
    assert_eq!(CrashVfs.sync(&mut file), Ok(()));
    let failed: Vec<u64> = disk.log().iter().filter(|e| e.failed).map(|e| e.op).collect();
    assert_eq!(failed, [2, 5, 8, 10, 11]);
    assert!(matches!(&disk.log()[1].action, Action::Write { data, .. } if data.len() == 1000));
}

#[test]
fn other_ways_to_open_and_journal_work() {
    let disk = Disk::new();
    let db = Connection::open(disk.uri(DB)).unwrap();
    db.execute_batch("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL").unwrap();
    create(&db);
    db.execute_batch(&format!("VACUUM INTO '{}'", disk.path("copy.db"))).unwrap();
    db.execute_batch("CREATE TEMP TABLE t AS SELECT * FROM state; VACUUM;").unwrap();
    drop(db);
    assert_eq!(disk.files().into_keys().collect::<Vec<_>>(), ["copy.db", DB]);
    assert_eq!(check(&disk).unwrap(), Some(0));

    // With a rollback journal: truncating it is synced, so nothing is lost either.
    for (journal, loses) in [("TRUNCATE", false), ("PERSIST", false), ("DELETE", true)] {
        let (disk, acks) = workload_with(journal, "FULL", 8, 4);
        let findings = sweep(&disk, &acks, 2);
        assert!(findings.broken.is_empty(), "{:#?}", findings.broken);
        assert_eq!(findings.lost > 0, loses, "{journal}");
    }
}

#[test]
fn the_same_seed_gives_the_same_image_and_dropped_disks_are_gone() {
    let (disk, _) = workload("FULL", 20, 9);
    let files = |seed| disk.crash_image(disk.ops() / 2, seed, Mode::Random).files();
    assert_eq!(files(3), files(3));
    assert!((0..50).any(|seed| files(seed) != files(3)));
    assert!(files(3).contains_key(DB));
    let path = disk.path(DB);
    drop(disk);
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let error = Connection::open_with_flags_and_vfs(path, flags, crash_vfs::VFS).unwrap_err();
    assert_eq!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen));
}
