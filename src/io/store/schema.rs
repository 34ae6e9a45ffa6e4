//! The database file: how it is opened, what is in it, and how an older one becomes a current one.
//!
//! Every pragma is read back after it was set. A database of a newer program, or of another program, is refused.

use super::StoreError;
use super::room::CHUNK;
use rusqlite::{Connection, FileControl, OpenFlags, Transaction, TransactionBehavior};
use std::os::raw::c_int;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

/// `CABD`, in the database header: `file` and `sqlite3` see whose it is.
pub const APPLICATION_ID: i64 = 0x4341_4244;

/// Bytes of a database page. Chosen by measurement (`tests/store_syncs.rs`: one record of a visit and one row per commit, checkpoints
/// apart): 1024 writes 2,682 bytes per commit, 4096 writes 8,734. Both take one `fdatasync`.
pub const PAGE_SIZE: i64 = 1024;

/// One step of the schema's history.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// `user_version` after it.
    pub to: i64,
    pub sql: &'static str,
}

/// The schema's history, from an empty file. Each step runs once, in one transaction with the new version's number.
pub const MIGRATIONS: &[Migration] = &[Migration { to: 1, sql: VERSION_1 }];

const VERSION_1: &str = r"
-- Names and values that hold for the whole ledger: site, cabinet, epoch.
CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The ledger: docs/ledger-format.md. No index but the primary key: each would be written with every record.
CREATE TABLE ledger (
    seq           INTEGER PRIMARY KEY,
    epoch         INTEGER NOT NULL,
    kind          TEXT NOT NULL,
    boot          BLOB NOT NULL,
    mono_ms       INTEGER NOT NULL,
    wall_ms       INTEGER NOT NULL,
    clock         TEXT NOT NULL,
    salt          BLOB,
    payload_state TEXT NOT NULL DEFAULT 'present',
    payload       TEXT,
    digest        BLOB,
    hash          BLOB NOT NULL,
    CHECK (payload_state IN ('present', 'withheld', 'erased', 'parked')),
    CHECK (payload_state <> 'present' OR payload IS NOT NULL),
    CHECK (payload_state <> 'erased' OR (payload IS NULL AND salt IS NULL)),
    CHECK ((payload IS NULL) = (salt IS NULL)),
    CHECK (payload IS NOT NULL OR digest IS NOT NULL)
) STRICT;

-- Against a slip of the hand in sqlite3, not against intent: that is what the chain and outside heads are for.
CREATE TRIGGER ledger_is_never_shortened BEFORE DELETE ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_is_never_edited
BEFORE UPDATE OF seq, epoch, kind, boot, mono_ms, wall_ms, clock, hash ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

-- The views derived from the ledger, row by row, as JSON. With a rowid: in its leaves a body of up to 989 bytes stays whole, where an
-- index keeps 231 and puts the rest on a page of its own, taken and given back at every change; and an update leaves the index alone.
CREATE TABLE row (
    view TEXT NOT NULL,
    id   TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (view, id)
) STRICT;

-- Signed heads, one per destination.
CREATE TABLE head (
    destination TEXT NOT NULL PRIMARY KEY,
    epoch       INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    hash        BLOB NOT NULL,
    public_key  BLOB NOT NULL,
    signature   BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Room kept for a full disk: see room.rs.
CREATE TABLE reserve (
    id     INTEGER PRIMARY KEY,
    filler BLOB NOT NULL
) STRICT;

-- For people with sqlite3.
CREATE VIEW slots AS
SELECT CAST(id AS INTEGER) AS slot,
       body ->> '$.present' AS present,
       body ->> '$.key' AS key,
       body ->> '$.evidence' AS evidence,
       datetime((body ->> '$.since.wall') / 1000, 'unixepoch') AS since_utc,
       body ->> '$.since.clock' AS clock,
       body ->> '$.seq' AS seq
FROM row WHERE view = 'slot' ORDER BY 1;

CREATE VIEW custody AS
SELECT row.id AS key,
       label.body ->> '$.label' AS label,
       row.body ->> '$.is' AS is_,
       row.body ->> '$.slot' AS slot,
       row.body ->> '$.holder' AS holder,
       row.body ->> '$.reason' AS reason,
       row.body ->> '$.reference' AS reference,
       row.body ->> '$.purpose' AS purpose,
       datetime((row.body ->> '$.since.wall') / 1000, 'unixepoch') AS since_utc,
       row.body ->> '$.since.clock' AS clock,
       row.body ->> '$.seq' AS seq
FROM row LEFT JOIN row AS label ON label.view = 'key' AND label.id = row.id
WHERE row.view = 'custody' ORDER BY 1;

CREATE VIEW alarms AS
SELECT CAST(id AS INTEGER) AS alarm,
       body ->> '$.alarm.alarm' AS what,
       body -> '$.alarm' AS details,
       datetime((body ->> '$.raised.wall') / 1000, 'unixepoch') AS raised_utc,
       body ->> '$.raised.clock' AS clock,
       body -> '$.acknowledged' AS acknowledged
FROM row WHERE view = 'alarm' AND body ->> '$.alarm.alarm' <> 'duress' ORDER BY 1;
";

/// How to open the database.
#[derive(Clone, Copy, Debug)]
pub struct Access<'a> {
    pub path: &'a Path,
    pub vfs: Option<&'a str>,
    /// Keep the WAL's index in memory: no other process may look in meanwhile.
    pub exclusive: bool,
    pub synchronous: i64,
}

/// Makes the state directory (0750) if it is missing.
pub fn make_directory(path: &Path) -> Result<(), StoreError> {
    std::fs::DirBuilder::new().recursive(true).mode(0o750).create(path).map_err(|source| StoreError::File {
        doing: "create",
        path: path.to_owned(),
        source,
    })
}

/// Makes an empty database file that only its owner can read (it holds badge numbers and PIN hashes), and makes its name
/// durable. SQLite gives the WAL the same permissions.
pub fn make_file(path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::File { doing: "create", path: path.to_owned(), source };
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => {
            file.sync_all().map_err(failed)?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// Opens the database for the writer: pragmas set and read back, schema brought up to date.
pub fn open(access: &Access<'_>, migrations: &[Migration]) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = match access.vfs {
        Some(vfs) => Connection::open_with_flags_and_vfs(access.path, flags, vfs),
        None => Connection::open_with_flags(access.path, flags),
    }
    .map_err(|source| StoreError::classify("open the ledger", source))?;
    conn.busy_timeout(Duration::from_secs(2)).map_err(|source| StoreError::classify("open the ledger", source))?;
    require_fdatasync()?;
    if access.exclusive {
        set(&conn, "locking_mode", "exclusive")?;
    }
    refuse_foreign(&conn, access.path, migrations)?;
    for (name, value, expected) in [
        ("page_size", PAGE_SIZE.to_string(), PAGE_SIZE.to_string()),
        ("journal_mode", "wal".into(), "wal".into()),
        ("synchronous", access.synchronous.to_string(), access.synchronous.to_string()),
        // The writer checkpoints by itself, after it has answered: see writer.rs.
        ("wal_autocheckpoint", "0".into(), "0".into()),
        // The WAL stays at its size.
        ("journal_size_limit", "-1".into(), "-1".into()),
        // An erased payload is gone from the file too.
        ("secure_delete", "on".into(), "1".into()),
        ("trusted_schema", "off".into(), "0".into()),
        ("cell_size_check", "on".into(), "1".into()),
        ("temp_store", "memory".into(), "2".into()),
    ] {
        set(&conn, name, &value)?;
        let found = text_pragma(&conn, name)?;
        if found != expected {
            return Err(StoreError::Pragma { name, wanted: expected, found });
        }
    }
    let mut persist: c_int = 1;
    let _ = conn.file_control(Some("main"), FileControl::PersistWal(&mut persist));
    persist = -1;
    if conn.file_control(Some("main"), FileControl::PersistWal(&mut persist)).is_ok() && persist != 1 {
        return Err(StoreError::Pragma { name: "persist_wal", wanted: "1".into(), found: persist.to_string() });
    }
    let mut chunk = CHUNK as c_int;
    // A VFS of the tests may know neither; then the file grows as it likes (room.rs).
    let _ = conn.file_control(Some("main"), FileControl::ChunkSize(&mut chunk));
    migrate(&conn, migrations)?;
    Ok(conn)
}

/// Runs the steps that the database has not seen.
pub fn migrate(conn: &Connection, migrations: &[Migration]) -> Result<(), StoreError> {
    let failed = |source| StoreError::classify("bring the ledger's tables up to date", source);
    let found = int_pragma(conn, "user_version")?;
    for step in migrations.iter().filter(|step| step.to > found) {
        let tx = Transaction::new_unchecked(conn, TransactionBehavior::Immediate).map_err(failed)?;
        tx.execute_batch(step.sql).map_err(failed)?;
        tx.execute_batch(&format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {};", step.to))
            .map_err(failed)?;
        tx.commit().map_err(failed)?;
    }
    Ok(())
}

/// Refuses a database that is not a ledger, or is one of a newer program, before anything in it is touched.
pub fn refuse_foreign(conn: &Connection, path: &Path, migrations: &[Migration]) -> Result<(), StoreError> {
    let known = migrations.last().map_or(0, |step| step.to);
    let application = int_pragma(conn, "application_id")?;
    let version = int_pragma(conn, "user_version")?;
    let tables: i64 = conn
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|source| StoreError::classify("read the ledger's schema", source))?;
    let is_new = application == 0 && version == 0 && tables == 0;
    if !is_new && application != APPLICATION_ID {
        return Err(StoreError::NotALedger { path: path.to_owned() });
    }
    if version > known {
        return Err(StoreError::Newer { path: path.to_owned(), found: version, known });
    }
    Ok(())
}

/// SQLite does not list `HAVE_FDATASYNC` among its compile options, so what counts is what the build gave to its compiler: the same
/// variable reaches libsqlite3-sys and this crate. `tests/store_syncs.rs` counts the system calls.
fn require_fdatasync() -> Result<(), StoreError> {
    let flags = option_env!("LIBSQLITE3_FLAGS").unwrap_or_default();
    if flags.split_whitespace().any(|flag| matches!(flag, "-DHAVE_FDATASYNC" | "-DHAVE_FDATASYNC=1")) {
        Ok(())
    } else {
        Err(StoreError::NoFdatasync)
    }
}

/// Sets a pragma, whether or not it answers with a row.
pub fn set(conn: &Connection, name: &'static str, value: &str) -> Result<(), StoreError> {
    let failed = |source| StoreError::classify("set a pragma", source);
    let mut statement = conn.prepare(&format!("PRAGMA {name} = {value}")).map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    while rows.next().map_err(failed)?.is_some() {}
    Ok(())
}

/// A pragma's value as text.
pub fn text_pragma(conn: &Connection, name: &str) -> Result<String, StoreError> {
    let value = conn.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, rusqlite::types::Value>(0));
    match value.map_err(|source| StoreError::classify("read a pragma", source))? {
        rusqlite::types::Value::Integer(number) => Ok(number.to_string()),
        rusqlite::types::Value::Text(text) => Ok(text),
        other => Ok(format!("{other:?}")),
    }
}

/// A pragma's value as a number.
pub fn int_pragma(conn: &Connection, name: &str) -> Result<i64, StoreError> {
    conn.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
        .map_err(|source| StoreError::classify("read a pragma", source))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLDER: &[Migration] =
        &[Migration { to: 1, sql: "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (7)" }];
    const NEWER: &[Migration] = &[
        OLDER[0],
        Migration { to: 2, sql: "ALTER TABLE a ADD COLUMN y INTEGER; UPDATE a SET y = x + 1" },
        Migration { to: 3, sql: "CREATE TABLE b (z INTEGER) STRICT; INSERT INTO b SELECT y FROM a" },
    ];

    fn access(path: &Path) -> Access<'_> {
        Access { path, vfs: None, exclusive: false, synchronous: 2 }
    }

    #[test]
    fn an_older_database_is_brought_up_to_date_and_then_left_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("ledger.db");
        drop(open(&access(&path), OLDER).expect("made"));
        for _ in 0..2 {
            let conn = open(&access(&path), NEWER).expect("migrated");
            assert_eq!(int_pragma(&conn, "user_version").expect("a version"), 3);
            let z: i64 = conn.query_row("SELECT z FROM b", [], |row| row.get(0)).expect("one row");
            assert_eq!(z, 8);
        }
    }

    #[test]
    fn a_failing_step_leaves_the_older_version_whole() {
        const BROKEN: &[Migration] = &[OLDER[0], Migration { to: 2, sql: "CREATE TABLE c (x INTEGER); NONSENSE" }];
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("ledger.db");
        drop(open(&access(&path), OLDER).expect("made"));
        open(&access(&path), BROKEN).expect_err("the step fails");
        let conn = open(&access(&path), OLDER).expect("still opens");
        let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).expect("a count");
        assert_eq!(tables, 1);
    }

    #[test]
    fn a_newer_database_is_refused_with_the_remedy() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("ledger.db");
        drop(open(&access(&path), NEWER).expect("made"));
        let error = open(&access(&path), OLDER).expect_err("newer");
        assert!(matches!(error, StoreError::Newer { found: 3, known: 1, .. }), "{error}");
        assert!(error.to_string().contains("newer cabinetd"), "{error}");
    }

    #[test]
    fn another_programs_database_is_refused_and_untouched() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("ledger.db");
        Connection::open(&path).expect("opens").execute_batch("CREATE TABLE t (x)").expect("made");
        let before = std::fs::read(&path).expect("readable");
        let error = open(&access(&path), MIGRATIONS).expect_err("not ours");
        assert!(matches!(error, StoreError::NotALedger { .. }), "{error}");
        assert_eq!(std::fs::read(&path).expect("readable"), before);
    }
}
