//! An in-memory file system for SQLite (a VFS named [`VFS`]) that can cut the power after any
//! write, and can refuse writes and syncs. For tests only.
//!
//! One VFS is registered per process; each [`Disk`] is a directory in it (`/disk-17/`), so a file
//! is opened as `disk.path("ledger.db")`. Dropping the last clone of a `Disk` and closing its
//! connections frees it. Temporary files (those SQLite opens without a name) live on hidden disks.
//!
//! # Operations
//!
//! Every create, write, truncate, sync and delete of a disk has a number, from 1, and is kept in
//! the disk's log. Reads, locks and shared memory are not numbered.
//! [`Disk::crash_image`]`(n, ..)` is a disk as a power cut right after operation n may leave it
//! (n = 0: before anything was done). The same seed gives the same image.
//!
//! # What is modelled
//!
//! * What was written before the file's last successful sync is there.
//! * Each later write is kept, lost, or torn: some of its 512-byte sectors are there (a prefix, a
//!   suffix, or any). Kept writes may reach the disk in any order, but not across a truncate.
//!   A lost write past the end may still have grown the file, with zeros or garbage in it.
//! * Each later truncate is kept or lost as a whole.
//! * Creating and deleting a file is lasting only once the directory is synced: of the unsynced
//!   changes to one name, any prefix is kept, whatever happens to other names. As in SQLite's unix
//!   VFS, only the first sync through a handle of a journal or WAL syncs the directory too; so the
//!   sync of a database file alone does not make the name of that file lasting.
//! * After a failed sync, nothing it should have covered is ever made lasting by a later sync,
//!   unless written again (Linux drops the error and marks the pages clean). Running connections
//!   still read what they wrote.
//! * A failed write may have written a part: what fits the capacity, or half the sectors.
//! * Device characteristics are those of the unix VFS on Linux: 4096-byte sectors,
//!   `POWERSAFE_OVERWRITE` (so a torn write never damages bytes outside its range, and SQLite pads
//!   nothing to sector ends) and `SUBPAGE_READ`; neither ATOMIC, SEQUENTIAL nor `SAFE_APPEND`.
//! * File locks and the WAL's shared memory, between the connections of this process. The shared
//!   memory is not a file here, and is never in an image: the first connection to open a database
//!   rebuilds it in the unix VFS too.
//!
//! # What is not
//!
//! Damage to synced data, read errors, memory-mapped database files, several processes, file
//! controls (all answered "not found", `PERSIST_WAL` among them), and the directory sync that
//! `xDelete` asks for in `synchronous=EXTRA` or with super-journals (sqlite-plugin does not pass
//! it on): in rollback-journal modes a deleted journal may be back, as with FULL on a real disk.
//! Shared memory takes no room of the capacity.

#![allow(dead_code, reason = "each test file takes what it needs")]

#[path = "crash_vfs/model.rs"]
mod model;
#[path = "crash_vfs/running.rs"]
mod running;
#[path = "crash_vfs/vfs.rs"]
mod vfs;

use model::Inode;
use running::{Node, Shared, State, next_id, register, registry};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
#[allow(unused_imports, reason = "each test file takes what it needs")]
pub use vfs::{CrashVfs, Handle};

/// The name under which the VFS is registered.
pub const VFS: &str = "crash";

const SECTOR: usize = 512;

/// What of the unsynced work an image holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing: the least that a power cut may leave.
    LoseAll,
    /// Everything: what the death of the process alone leaves.
    KeepAll,
    /// All up to some operation, that one torn, nothing after it: a disk that keeps the order.
    Prefix,
    /// Each change by itself kept, lost or torn, and writes in any order.
    Random,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Eio,
    Enospc,
}

/// The operations that a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// Writes and truncates.
    Write,
    Sync,
    /// Those, and creates and deletes.
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    Once,
    /// Until [`Disk::clear_faults`].
    Forever,
}

/// One numbered operation.
#[derive(Clone, Debug)]
pub struct Entry {
    pub op: u64,
    /// The file's name without the disk's directory.
    pub file: String,
    pub action: Action,
    /// Whether SQLite was told that it failed. A failed write lists the bytes that went through.
    pub failed: bool,
    ino: u64,
}

#[derive(Clone, Debug)]
pub enum Action {
    Create,
    Write {
        offset: usize,
        data: Arc<[u8]>,
    },
    Truncate {
        size: usize,
    },
    /// `dir`: the directory too.
    Sync {
        dir: bool,
    },
    Delete,
}

/// A disk; clones are handles to the same one.
#[derive(Clone)]
pub struct Disk(Arc<Shared>);

impl Disk {
    pub fn new() -> Disk {
        Disk::with_files(BTreeMap::new())
    }

    /// A disk on which these files are lasting.
    pub fn with_files(files: BTreeMap<String, Arc<Vec<u8>>>) -> Disk {
        register();
        let mut state = State::default();
        for (ino, (name, data)) in (1..).zip(files) {
            state.base.dir.insert(name.clone(), vec![(0, Some(ino))]);
            let inode = Inode { lasting: data.clone(), pending: Vec::new() };
            state.base.inodes.insert(ino, inode);
            state.names.insert(name, ino);
            state.nodes.insert(ino, Node { data, ..Node::default() });
            state.last_ino = ino;
        }
        state.model = state.base.clone();
        let shared = Arc::new(Shared { id: next_id(), state: Mutex::new(state) });
        registry().insert(shared.id, Arc::downgrade(&shared));
        Disk(shared)
    }

    /// The path under which SQLite opens a file of this disk through the VFS.
    pub fn path(&self, file: &str) -> String {
        format!("/disk-{}/{file}", self.0.id)
    }

    /// The same for code that knows nothing of the VFS and opens with `SQLITE_OPEN_URI`, as
    /// `rusqlite::Connection::open` does.
    pub fn uri(&self, file: &str) -> String {
        format!("file:{}?vfs={VFS}", self.path(file))
    }

    /// Opens a database on this disk, which is made if it is missing.
    pub fn open(&self, file: &str) -> rusqlite::Result<rusqlite::Connection> {
        let flags = rusqlite::OpenFlags::default();
        rusqlite::Connection::open_with_flags_and_vfs(self.path(file), flags, VFS)
    }

    /// The number of the last operation.
    pub fn ops(&self) -> u64 {
        self.0.lock().log.len() as u64
    }

    pub fn log(&self) -> Vec<Entry> {
        self.0.lock().log.clone()
    }

    /// The operations behind number `op`.
    pub fn log_since(&self, op: u64) -> Vec<Entry> {
        self.0.lock().log[op as usize..].to_vec()
    }

    /// The files as connections see them now.
    pub fn files(&self) -> BTreeMap<String, Arc<Vec<u8>>> {
        let state = self.0.lock();
        state.names.iter().map(|(name, ino)| (name.clone(), state.nodes[ino].data.clone())).collect()
    }

    pub fn used(&self) -> usize {
        self.0.lock().used()
    }

    /// A disk as a power cut right after operation `at_op` may leave it. Going up through the
    /// operations is cheap, going back replays the log from its start.
    pub fn crash_image(&self, at_op: u64, seed: u64, mode: Mode) -> Disk {
        let mut rng = Rng(seed ^ at_op.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        let files = self.0.lock().model_at(at_op).image(mode, &mut rng);
        Disk::with_files(files)
    }

    /// Makes the first operation from number `op` on that `on` names fail, or all of them.
    pub fn fail_at(&self, op: u64, fault: Fault, on: On, times: Times) {
        self.0.lock().faults.push((op, fault, on, times));
    }

    pub fn clear_faults(&self) {
        self.0.lock().faults.clear();
    }

    /// Limits the sum of all file sizes; `None`: no limit. Only growth past it fails.
    pub fn set_capacity(&self, bytes: Option<usize>) {
        self.0.lock().capacity = bytes;
    }
}

/// The one random source: splitmix64.
#[derive(Clone)]
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`, which is not 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}
