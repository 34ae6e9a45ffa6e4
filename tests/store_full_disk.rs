//! A disk that fills up while the cabinet is in use: refused in time, alarms kept, recovery without hands.
//!
//! Needs the right to mount (root); without it these tests fail rather than pass for nothing.

mod ledger_samples;

use cabinetd::cabinet::books::View;
use cabinetd::cabinet::types::SlotNo;
use cabinetd::io::store::{Store, StoreError};
use ledger_samples::{identity, record, slot};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system of its own, unmounted when dropped.
struct Disk {
    folder: tempfile::TempDir,
    mounted: PathBuf,
}

impl Disk {
    fn tmpfs(size: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mounted = folder.path().join("disk");
        fs::create_dir(&mounted).expect("a folder");
        run(Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(&mounted));
        Self { folder, mounted }
    }

    /// A journalling file system, with its delayed allocation and its own idea of when it is full.
    fn ext4(megabytes: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let image = folder.path().join("image");
        let mounted = folder.path().join("disk");
        fs::create_dir(&mounted).expect("a folder");
        fs::File::create(&image).expect("an image").set_len(megabytes << 20).expect("its size");
        run(Command::new("mkfs.ext4").args(["-q", "-m", "0"]).arg(&image));
        run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&mounted));
        Self { folder, mounted }
    }

    fn state(&self) -> PathBuf {
        self.mounted.join("state")
    }

    /// Fills what is left.
    fn fill(&self) {
        let mut filler = fs::OpenOptions::new().create(true).append(true).open(self.filler()).expect("a filler");
        for block in [1 << 16, 4096, 512, 1] {
            while filler.write_all(&vec![1; block]).is_ok() {}
        }
        let _ = filler.sync_all();
    }

    fn filler(&self) -> PathBuf {
        self.mounted.join("somebody-elses-log")
    }

    fn make_room(&self) {
        fs::remove_file(self.filler()).expect("removed");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.mounted).status();
        let _ = &self.folder;
    }
}

fn run(command: &mut Command) {
    let output = command.output().expect("the command is there");
    assert!(
        output.status.success(),
        "this test needs the right to mount a file system of its own (run as root): {command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

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

    // A start on the full disk finds everything, says that it is full, and can still record.
    let (store, stored) = open(&state);
    assert_eq!(stored, before);
    assert!(store.is_full(), "a used reserve means that there is no room");
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
fn a_first_start_on_a_full_disk_says_so() {
    let disk = Disk::tmpfs("1m");
    disk.fill();
    let error = Store::open(&disk.state(), &identity(), None).map(|_| ()).expect_err("no room");
    assert!(error.to_string().contains("room") || error.to_string().contains("space"), "{error}");
}
