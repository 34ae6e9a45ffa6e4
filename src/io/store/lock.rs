//! The instance lock: one daemon per state directory.

use super::StoreError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Held while it lives. The file stays behind: removing it would let two daemons lock two files of one name.
#[derive(Debug)]
pub struct InstanceLock {
    _file: File,
}

/// Whether a daemon holds the lock.
///
/// # Errors
/// This account cannot see it, so nobody knows.
pub fn is_held(path: &Path) -> io::Result<bool> {
    match File::open(path) {
        Ok(file) => match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

impl InstanceLock {
    /// Takes the lock or says who has it.
    pub fn take(path: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::File { doing: "lock", path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        let file =
            options.read(true).write(true).create(true).truncate(false).mode(0o640).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = [0; 20];
                let len = file.read_at(&mut text, 0).unwrap_or(0);
                let pid = std::str::from_utf8(&text[..len]).ok().and_then(|text| text.trim().parse().ok());
                return Err(StoreError::InUse { pid, path: path.to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        // Always the same length, so that it can be overwritten on a full disk; it only serves the message of the next one.
        let _ = file.write_all_at(format!("{:<19}\n", std::process::id()).as_bytes(), 0);
        Ok(Self { _file: file })
    }
}
