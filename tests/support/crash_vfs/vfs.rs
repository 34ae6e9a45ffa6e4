//! The file system as SQLite calls it.

use super::Disk;
use super::running::{Shared, next_id, registry};
use sqlite_plugin::flags::{AccessFlags, CreateMode, LockLevel, OpenKind, OpenMode, OpenOpts, ShmLockMode};
use sqlite_plugin::vars;
use sqlite_plugin::vfs::{Vfs, VfsHandle, VfsResult};
use std::borrow::Cow;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// Not in the header that sqlite-plugin 0.10 brings.
const IOCAP_SUBPAGE_READ: i32 = 0x8000;

/// Public so that tests can also drive files without SQLite, through [`Vfs`].
pub struct CrashVfs;

pub struct Handle {
    disk: Arc<Shared>,
    pub(super) file: String,
    pub(super) ino: u64,
    id: u64,
    readonly: bool,
    delete_on_close: bool,
    /// Whether the next sync is one of the directory too.
    pub(super) sync_dir: bool,
}

impl VfsHandle for Handle {
    fn readonly(&self) -> bool {
        self.readonly
    }

    fn in_memory(&self) -> bool {
        false // SQLite would then not journal at all
    }
}

/// The disk and the file's name on it.
fn resolve(path: &str) -> Option<(Arc<Shared>, &str)> {
    let (id, file) = path.strip_prefix("/disk-")?.split_once('/')?;
    let disk = registry().get(&id.parse().ok()?)?.upgrade()?;
    Some((disk, file))
}

impl Vfs for CrashVfs {
    type Handle = Handle;

    fn canonical_path<'a>(&self, path: Cow<'a, str>) -> VfsResult<Cow<'a, str>> {
        Ok(path)
    }

    fn open(&self, path: Option<&str>, opts: OpenOpts) -> VfsResult<Handle> {
        let (disk, file) = match path {
            Some(path) => resolve(path).ok_or(vars::SQLITE_CANTOPEN)?,
            None => (Disk::new().0, "temp"),
        };
        let mut state = disk.lock();
        let create = match opts.mode() {
            OpenMode::ReadOnly => CreateMode::None,
            OpenMode::ReadWrite { create } => create,
        };
        let ino = match (state.names.get(file).copied(), &create) {
            (Some(_), CreateMode::MustCreate) | (None, CreateMode::None) => {
                return Err(vars::SQLITE_CANTOPEN);
            }
            (Some(ino), _) => ino,
            (None, _) => state.create(file)?,
        };
        drop(state);
        let journal = matches!(opts.kind(), OpenKind::MainJournal | OpenKind::SuperJournal | OpenKind::Wal);
        Ok(Handle {
            disk,
            file: file.to_owned(),
            ino,
            id: next_id(),
            readonly: opts.mode().is_readonly(),
            delete_on_close: opts.delete_on_close(),
            sync_dir: journal && create != CreateMode::None,
        })
    }

    fn close(&self, handle: Handle) -> VfsResult<()> {
        let mut state = handle.disk.lock();
        let node = state.node(&handle);
        node.locks.remove(&handle.id);
        node.unmap(handle.id);
        if handle.delete_on_close { state.delete(&handle.file) } else { Ok(()) }
    }

    fn delete(&self, path: &str) -> VfsResult<()> {
        let (disk, file) = resolve(path).ok_or(vars::SQLITE_IOERR_DELETE_NOENT)?;
        disk.lock().delete(file)
    }

    fn access(&self, path: &str, flags: AccessFlags) -> VfsResult<bool> {
        let Some((disk, file)) = resolve(path) else {
            return Ok(false);
        };
        let state = disk.lock();
        // As in the unix VFS, an empty file does not "exist".
        let size = state.names.get(file).map(|ino| state.nodes[ino].data.len());
        Ok(size.is_some_and(|size| size > 0 || flags != AccessFlags::Exists))
    }

    fn file_size(&self, handle: &mut Handle) -> VfsResult<usize> {
        Ok(handle.disk.lock().node(handle).data.len())
    }

    fn read(&self, handle: &mut Handle, offset: usize, out: &mut [u8]) -> VfsResult<usize> {
        let mut state = handle.disk.lock();
        let data = &state.node(handle).data;
        let from = offset.min(data.len());
        let to = (offset + out.len()).min(data.len());
        out[..to - from].copy_from_slice(&data[from..to]);
        Ok(to - from)
    }

    fn write(&self, handle: &mut Handle, offset: usize, data: &[u8]) -> VfsResult<usize> {
        handle.disk.lock().write(handle, offset, data)
    }

    fn truncate(&self, handle: &mut Handle, size: usize) -> VfsResult<()> {
        handle.disk.lock().truncate(handle, size)
    }

    fn sync(&self, handle: &mut Handle) -> VfsResult<()> {
        let disk = handle.disk.clone();
        disk.lock().sync(handle)
    }

    fn sector_size(&self, _: &mut Handle) -> VfsResult<i32> {
        Ok(4096)
    }

    fn device_characteristics(&self, _: &mut Handle) -> VfsResult<i32> {
        Ok(vars::SQLITE_IOCAP_POWERSAFE_OVERWRITE | IOCAP_SUBPAGE_READ)
    }

    fn lock(&self, handle: &mut Handle, level: LockLevel) -> VfsResult<()> {
        let mut state = handle.disk.lock();
        let node = state.node(handle);
        let own = node.locks.get(&handle.id).copied().unwrap_or(LockLevel::Unlocked);
        if own >= level {
            return Ok(());
        }
        let others = node.others(handle.id);
        let (got, result) = match level {
            LockLevel::Shared if others >= LockLevel::Pending => (own, Err(vars::SQLITE_BUSY)),
            LockLevel::Shared => (level, Ok(())),
            _ if others >= LockLevel::Reserved => (own, Err(vars::SQLITE_BUSY)),
            // Readers are let finish, new ones kept out.
            LockLevel::Exclusive if others == LockLevel::Shared => (LockLevel::Pending, Err(vars::SQLITE_BUSY)),
            _ => (level, Ok(())),
        };
        node.locks.insert(handle.id, got);
        result
    }

    fn unlock(&self, handle: &mut Handle, level: LockLevel) -> VfsResult<()> {
        let mut state = handle.disk.lock();
        let own = state.node(handle).locks.entry(handle.id).or_insert(LockLevel::Unlocked);
        *own = level.min(*own);
        Ok(())
    }

    fn check_reserved_lock(&self, handle: &mut Handle) -> VfsResult<bool> {
        let mut state = handle.disk.lock();
        Ok(state.node(handle).locks.values().any(|level| *level >= LockLevel::Reserved))
    }

    fn shm_map(&self, handle: &mut Handle, region: usize, size: usize, extend: bool) -> VfsResult<Option<NonNull<u8>>> {
        let mut state = handle.disk.lock();
        let node = state.node(handle);
        node.shm_locks.entry(handle.id).or_default();
        while extend && node.shm.len() <= region {
            node.shm.push((0..size / 8).map(|_| AtomicU64::new(0)).collect());
        }
        // Stays in place until the last handle unmaps it.
        Ok(node.shm.get(region).map(|memory| NonNull::from(&**memory).cast()))
    }

    fn shm_lock(&self, handle: &mut Handle, offset: u32, count: u32, mode: ShmLockMode) -> VfsResult<()> {
        let bits = ((1u32 << count) - 1) << offset;
        let mut state = handle.disk.lock();
        let locks = &mut state.node(handle).shm_locks;
        let others = locks.iter().filter(|(other, _)| **other != handle.id);
        let (shared, exclusive) = others.fold((0, 0), |(s, e), (_, own)| (s | own.0, e | own.1));
        let own = locks.entry(handle.id).or_default();
        match mode {
            ShmLockMode::LockShared if bits & exclusive != 0 => return Err(vars::SQLITE_BUSY),
            ShmLockMode::LockExclusive if bits & (shared | exclusive) != 0 => {
                return Err(vars::SQLITE_BUSY);
            }
            ShmLockMode::LockShared => own.0 |= bits,
            ShmLockMode::LockExclusive => own.1 |= bits,
            ShmLockMode::UnlockShared | ShmLockMode::UnlockExclusive => {
                *own = (own.0 & !bits, own.1 & !bits);
            }
        }
        Ok(())
    }

    fn shm_barrier(&self, _: &mut Handle) {
        fence(Ordering::SeqCst);
    }

    fn shm_unmap(&self, handle: &mut Handle, _delete: bool) -> VfsResult<()> {
        handle.disk.lock().node(handle).unmap(handle.id);
        Ok(())
    }
}
