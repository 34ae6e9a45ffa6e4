//! The running disk: what connections see, and the log of operations.

use super::model::{Model, write_at};
use super::vfs::{CrashVfs, Handle};
use super::{Action, Entry, Fault, On, SECTOR, Times, VFS};
use sqlite_plugin::flags::LockLevel;
use sqlite_plugin::vars;
use sqlite_plugin::vfs::{RegisterOpts, VfsResult, register_static};
use std::collections::{BTreeMap, HashMap};
use std::ffi::CString;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

pub(super) struct Shared {
    pub(super) id: u64,
    pub(super) state: Mutex<State>,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        registry().remove(&self.id);
    }
}

pub(super) type Registry = HashMap<u64, Weak<Shared>>;

pub(super) fn registry() -> MutexGuard<'static, Registry> {
    static REGISTRY: LazyLock<Mutex<Registry>> = LazyLock::new(Mutex::default);
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn next_id() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

pub(super) fn register() {
    static REGISTERED: OnceLock<()> = OnceLock::new();
    REGISTERED.get_or_init(|| {
        let name = CString::new(VFS).expect("no zero byte");
        let result = register_static(name, CrashVfs, RegisterOpts { make_default: false });
        assert!(result.is_ok(), "could not register the VFS");
    });
}

#[derive(Default)]
pub(super) struct State {
    pub(super) names: BTreeMap<String, u64>,
    pub(super) nodes: HashMap<u64, Node>,
    pub(super) last_ino: u64,
    pub(super) log: Vec<Entry>,
    pub(super) faults: Vec<(u64, Fault, On, Times)>,
    pub(super) capacity: Option<usize>,
    /// As the disk was made, and as of the last image.
    pub(super) base: Model,
    pub(super) model: Model,
}

/// A file as running connections see it. Locks are kept by handle.
#[derive(Default)]
pub(super) struct Node {
    pub(super) data: Arc<Vec<u8>>,
    pub(super) locks: BTreeMap<u64, LockLevel>,
    pub(super) shm: Vec<Arc<[AtomicU64]>>,
    /// The shared and the exclusive locks on the shared memory, as bit sets.
    pub(super) shm_locks: BTreeMap<u64, (u32, u32)>,
}

impl Node {
    pub(super) fn others(&self, handle: u64) -> LockLevel {
        let others = self.locks.iter().filter(|(other, _)| **other != handle);
        others.map(|(_, level)| *level).max().unwrap_or(LockLevel::Unlocked)
    }

    pub(super) fn unmap(&mut self, handle: u64) {
        self.shm_locks.remove(&handle);
        if self.shm_locks.is_empty() {
            self.shm.clear();
        }
    }
}

impl State {
    pub(super) fn used(&self) -> usize {
        self.names.values().map(|ino| self.nodes[ino].data.len()).sum()
    }

    pub(super) fn model_at(&mut self, op: u64) -> &Model {
        let at = (op as usize).min(self.log.len());
        if at < self.model.at {
            self.model = self.base.clone();
        }
        for entry in &self.log[self.model.at..at] {
            self.model.apply(entry);
        }
        &self.model
    }

    pub(super) fn fault(&mut self, on: On) -> Option<Fault> {
        let op = self.log.len() as u64 + 1;
        let strikes = |f: &(u64, Fault, On, Times)| f.0 <= op && (f.2 == on || f.2 == On::Any);
        let i = self.faults.iter().position(strikes)?;
        let (_, fault, _, times) = self.faults[i];
        if times == Times::Once {
            self.faults.remove(i);
        }
        Some(fault)
    }

    pub(super) fn record(&mut self, file: &str, ino: u64, action: Action, failed: bool) {
        let op = self.log.len() as u64 + 1;
        self.log.push(Entry { op, file: file.to_owned(), action, failed, ino });
    }

    pub(super) fn node(&mut self, handle: &Handle) -> &mut Node {
        self.nodes.get_mut(&handle.ino).expect("nodes are never removed")
    }

    pub(super) fn create(&mut self, file: &str) -> VfsResult<u64> {
        let fault = self.fault(On::Any);
        self.last_ino += 1;
        let ino = self.last_ino;
        self.record(file, ino, Action::Create, fault.is_some());
        if fault.is_some() {
            return Err(vars::SQLITE_CANTOPEN);
        }
        self.nodes.insert(ino, Node::default());
        self.names.insert(file.to_owned(), ino);
        Ok(ino)
    }

    pub(super) fn delete(&mut self, file: &str) -> VfsResult<()> {
        let Some(ino) = self.names.get(file).copied() else {
            return Err(vars::SQLITE_IOERR_DELETE_NOENT);
        };
        let fault = self.fault(On::Any);
        self.record(file, ino, Action::Delete, fault.is_some());
        if fault.is_some() {
            return Err(vars::SQLITE_IOERR_DELETE);
        }
        self.names.remove(file);
        Ok(())
    }

    pub(super) fn write(&mut self, handle: &Handle, offset: usize, bytes: &[u8]) -> VfsResult<usize> {
        let mut fault = self.fault(On::Write);
        let mut done = bytes.len();
        if fault.is_some() {
            done = bytes.len() / 2 / SECTOR * SECTOR;
        }
        let growth = (offset + done).saturating_sub(self.node(handle).data.len());
        let room = self.capacity.map_or(usize::MAX, |bytes| bytes.saturating_sub(self.used()));
        if growth > room {
            done = done.saturating_sub(growth - room);
            fault = fault.or(Some(Fault::Enospc));
        }
        let bytes = &bytes[..done];
        if done > 0 {
            write_at(Arc::make_mut(&mut self.node(handle).data), offset, bytes);
        }
        // A write of nothing must not grow the file in the model either.
        let offset = if done > 0 { offset } else { 0 };
        let action = Action::Write { offset, data: bytes.into() };
        self.record(&handle.file, handle.ino, action, fault.is_some());
        match fault {
            None => Ok(done),
            Some(Fault::Eio) => Err(vars::SQLITE_IOERR_WRITE),
            Some(Fault::Enospc) => Err(vars::SQLITE_FULL),
        }
    }

    pub(super) fn truncate(&mut self, handle: &Handle, size: usize) -> VfsResult<()> {
        let growth = size.saturating_sub(self.node(handle).data.len());
        let full = self.capacity.is_some_and(|bytes| self.used() + growth > bytes) && growth > 0;
        let failed = self.fault(On::Write).is_some() || full;
        self.record(&handle.file, handle.ino, Action::Truncate { size }, failed);
        if failed {
            return Err(vars::SQLITE_IOERR_TRUNCATE);
        }
        Arc::make_mut(&mut self.node(handle).data).resize(size, 0);
        Ok(())
    }

    pub(super) fn sync(&mut self, handle: &mut Handle) -> VfsResult<()> {
        let fault = self.fault(On::Sync);
        let action = Action::Sync { dir: handle.sync_dir };
        self.record(&handle.file, handle.ino, action, fault.is_some());
        if fault.is_some() {
            return Err(vars::SQLITE_IOERR_FSYNC);
        }
        handle.sync_dir = false;
        Ok(())
    }
}
