//! Room on the disk, so that a full one cannot surprise the ledger in the middle of a pull.
//!
//! A commit in WAL mode writes the WAL only; the database grows later, at a checkpoint, when it is too late to say no. So the
//! database file is grown *before* a commit may use the space: in chunks of [`CHUNK`] bytes with every block written, and
//! `max_page_count` stands at the end of what is there. Then a checkpoint never needs room, the WAL can always start over
//! within its size, and "no room" is said before anything is recorded.
//!
//! The **reserve** is [`RESERVE_ROWS`] rows of filler inside the database. On a full disk, records that must be kept (alarms,
//! evidence, shutdown) take the pages of one or more of these rows in the same transaction that writes them.

use super::StoreError;
use super::schema::{PAGE_SIZE, int_pragma, set};
use rusqlite::{Connection, ErrorCode, FileControl};
use std::path::Path;

/// The database file grows by this many bytes at a time.
pub const CHUNK: i64 = 1 << 20;

/// Rows of the reserve, and bytes of each. One row has room for some eighty records.
pub const RESERVE_ROWS: i64 = 16;
pub const RESERVE_BYTES: i64 = 32 << 10;

/// Frames after which the writer checkpoints.
pub const CHECKPOINT_FRAMES: i64 = 1000;

/// Frames for which the WAL is made at the beginning: a checkpoint's worth, and half as much again for what comes while a reader
/// holds the checkpoint up.
const WAL_FRAMES: i64 = 1500;
const WAL_BYTES: u64 = (32 + WAL_FRAMES * (24 + PAGE_SIZE)) as u64;

/// Free bytes on the disk that count as "there is room again": well above what a refill takes, so that it does not flap.
const ENOUGH_FREE_BYTES: u64 = 4 << 20;

/// How much the database file may hold.
#[derive(Debug)]
pub struct Room {
    /// Pages that the file has room for; none = the VFS cannot reserve, so nothing is known.
    limit: Option<i64>,
    /// Whether there is no room: only the reserve is left.
    pub full: bool,
    pub reserve_rows: i64,
}

impl Room {
    /// Looks what is there, and makes reserve and WAL whole if there is room for it.
    pub fn survey(conn: &Connection, wal: Option<&Path>) -> Result<Self, StoreError> {
        let mut room = Self { limit: None, full: false, reserve_rows: 0 };
        room.settle(conn)?;
        room.reserve_rows = count_reserve(conn)?;
        let wal_is_whole =
            wal.is_none_or(|path| std::fs::metadata(path).is_ok_and(|metadata| metadata.len() >= WAL_BYTES));
        if room.reserve_rows < RESERVE_ROWS || !wal_is_whole {
            room.full |= !room.restore(conn, !wal_is_whole)?;
        }
        Ok(room)
    }

    /// Makes the file as large as its pages say, rounded up to a chunk, and forbids more.
    pub fn settle(&mut self, conn: &Connection) -> Result<(), StoreError> {
        let bytes = int_pragma(conn, "page_count")? * PAGE_SIZE;
        let mut rounded = (bytes + CHUNK - 1) / CHUNK * CHUNK;
        match conn.file_control(Some("main"), FileControl::SizeHint(&mut rounded)) {
            Ok(()) => self.allow(conn, rounded / PAGE_SIZE),
            Err(error) if is_unknown_operation(&error) => Ok(()),
            Err(_) => {
                self.full = true;
                self.allow(conn, bytes / PAGE_SIZE)
            }
        }
    }

    /// Grows the file by one chunk. False if there is no room for it.
    pub fn grow(&mut self, conn: &Connection) -> Result<bool, StoreError> {
        let Some(limit) = self.limit else { return Ok(false) };
        let mut bytes = limit * PAGE_SIZE + CHUNK;
        // SQLite says no more than "write error" here. A disk that fails otherwise will say so at the next sync.
        if conn.file_control(Some("main"), FileControl::SizeHint(&mut bytes)).is_err() {
            return Ok(false);
        }
        self.allow(conn, bytes / PAGE_SIZE)?;
        Ok(true)
    }

    fn allow(&mut self, conn: &Connection, pages: i64) -> Result<(), StoreError> {
        set(conn, "max_page_count", &pages.to_string())?;
        self.limit = Some(pages);
        Ok(())
    }

    /// Whether there is room again; if so, the reserve is made whole and normal service may go on.
    pub fn try_refill(&mut self, conn: &Connection, wal: Option<&Path>) -> Result<bool, StoreError> {
        if let Some(folder) = wal.and_then(Path::parent)
            && rustix::fs::statvfs(folder).is_ok_and(|disk| disk.f_bavail * disk.f_frsize < ENOUGH_FREE_BYTES)
        {
            return Ok(!self.full);
        }
        if self.full || self.reserve_rows < RESERVE_ROWS {
            self.settle(conn)?;
            let wal_is_whole =
                wal.is_none_or(|path| std::fs::metadata(path).is_ok_and(|metadata| metadata.len() >= WAL_BYTES));
            self.full = !self.restore(conn, !wal_is_whole)?;
        }
        Ok(!self.full)
    }

    /// Fills the reserve up; with `wal`, brings the WAL to its size too. False if there is no room.
    fn restore(&mut self, conn: &Connection, wal: bool) -> Result<bool, StoreError> {
        for _ in 0..8 {
            match fill(conn, wal) {
                Ok(()) => {
                    self.reserve_rows = RESERVE_ROWS;
                    return Ok(true);
                }
                Err(error) if is_full(&error) => {
                    if !self.grow(conn)? {
                        return Ok(false);
                    }
                }
                Err(error) => return Err(StoreError::classify("prepare the ledger's reserve", error)),
            }
        }
        Ok(false)
    }
}

/// Fills the reserve up. For the WAL, the reserve is then overwritten until so many frames stand behind one another; the checkpoint
/// makes the next commit start at the WAL's beginning. Noise, not zeros: SQLite does not write what is there already, and some file
/// systems keep zeros in no room at all.
fn fill(conn: &Connection, wal: bool) -> Result<(), rusqlite::Error> {
    conn.execute(
        "WITH RECURSIVE place(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM place WHERE id < ?1)
         INSERT INTO reserve SELECT id, randomblob(?2) FROM place WHERE id NOT IN (SELECT id FROM reserve)",
        [RESERVE_ROWS, RESERVE_BYTES],
    )?;
    if wal {
        for _ in 0..=WAL_FRAMES / (RESERVE_ROWS * RESERVE_BYTES / PAGE_SIZE) {
            conn.execute("UPDATE reserve SET filler = randomblob(?1)", [RESERVE_BYTES])?;
        }
        conn.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()))?;
    }
    Ok(())
}

/// How many rows the reserve has.
pub fn count_reserve(conn: &Connection) -> Result<i64, StoreError> {
    conn.query_row("SELECT count(*) FROM reserve", [], |row| row.get(0))
        .map_err(|source| StoreError::classify("read the reserve", source))
}

/// Whether SQLite says that there is no room: the file may not grow, or the disk has none.
#[must_use]
pub fn is_full(error: &rusqlite::Error) -> bool {
    const SHMSIZE: i32 = rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
    matches!(error, rusqlite::Error::SqliteFailure(code, _) if code.code == ErrorCode::DiskFull || code.extended_code == SHMSIZE)
}

fn is_unknown_operation(error: &rusqlite::Error) -> bool {
    matches!(error, rusqlite::Error::SqliteFailure(code, _) if code.code == ErrorCode::NotFound)
}
