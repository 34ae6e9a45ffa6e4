//! The store: the ledger and its views in one SQLite database, changed together by one writer thread.
//!
//! **Promises.** What [`Store::commit`] acknowledged survives any power cut. Records and rows of a batch change together or not at
//! all, with one `fdatasync`. Nothing is ever decided by reading back: a commit that failed is over, and [`Store::reload`] is the one
//! way to what the disk holds. No room is said before anything is recorded (`room.rs`); after a failed sync the store refuses
//! everything until the process has started again.
//!
//! **Does not** number records, or fold the ledger to serve it: opening and reloading cost as much as there are slots, keys and people,
//! never as there are records. Only verifying reads them all.
//!
//! Reading beside the daemon, or without it, is [`reader::Reader`]. The bytes are specified in `docs/ledger-format.md`.

pub mod envelope;
mod fold;
mod glance;
pub mod head;
mod lock;
mod proof;
pub mod reader;
mod room;
mod rows;
mod schema;
pub mod upload;
pub mod verify;
mod wal;
mod writer;

pub use envelope::{Hash, Identity};
pub use fold::{Amiss, RowFound, ViewsFound};
pub use glance::Glance;
pub use head::SignedHead;
pub use reader::{Entry, Filter, PayloadState, Reader};
pub use upload::{Excerpt, Withheld};
pub use verify::{OutsideHead, Report};

use crate::cabinet::books::{Row, View};
use crate::cabinet::fact::Record;
use crate::cabinet::types::Stamp;
use crate::messages::tell;
use ed25519_dalek::SigningKey;
use lock::InstanceLock;
use proof::Proof;
use rusqlite::{Connection, ErrorCode};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use tokio::sync::oneshot;
use writer::{Batch, Desk, Done, Job, Vitals};

/// The database's name in the state directory.
const LOCK: &str = "lock";
pub const DATABASE: &str = "ledger.db";

/// The proof of life's name there.
const PROOF: &str = "proof";

/// For the journal, at the start.
const RECORDS_MISSING: &str = "records that were written are gone: keep a copy of the state directory, run `cabinetd ledger verify`, compare the head in the \
last mail or export, and restore a backup";

/// Jobs that may wait for the writer. The daemon has one commit under way at a time; the rest is proofs, pings and heads.
const WAITING_JOBS: usize = 8;

/// A place in the ledger and the hash of the record there: it stands for everything before it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub epoch: u64,
    /// 0 = no record yet.
    pub seq: u64,
    pub hash: Hash,
}

impl fmt::Display for Head {
    /// `epoch:seq:hash`, as people copy it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.epoch, self.seq, crate::hex::hex(&self.hash))
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Head {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let wrong = || StoreError::NotAHead { what: "it is not epoch:seq:hash with 64 hex digits".to_owned() };
        let mut parts = text.trim().splitn(3, ':');
        let mut number = || parts.next().and_then(|part| part.parse().ok());
        let (epoch, seq) = (number().ok_or_else(wrong)?, number().ok_or_else(wrong)?);
        let hash = parts.next().and_then(crate::hex::unhex).ok_or_else(wrong)?;
        Ok(Self { epoch, seq, hash })
    }
}

/// What the disk holds: everything the core is rebuilt from.
#[derive(Clone, PartialEq, Debug)]
pub struct Stored {
    pub head: Head,
    pub rows: Vec<(View, Row)>,
    /// The last sign of life: the proof beside the ledger, or the last record if that is later.
    pub last_proof: Option<Stamp>,
    /// What was durable once and is gone.
    pub lost: Option<Lost>,
}

/// The database ends before a record that was durable when the proof beside it was written, or holds another one under its number:
/// a write-ahead log was damaged, a file was cut short, or an older copy was put in its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lost {
    /// Where the database ends.
    pub head: Head,
    /// What was there.
    pub known: Head,
}

/// What can go wrong. [`StoreError::Full`] is a state the daemon lives with; [`StoreError::is_fatal`] tells when the process must
/// end and start again.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(
        "another cabinetd{} uses this state directory ({} is locked); stop it first (`systemctl stop cabinetd`), or give this one another directory",
        pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default(), path.display()
    )]
    InUse { pid: Option<u32>, path: PathBuf },
    #[error("cannot {doing} {}: {source}; {}", path.display(), file_remedy(source))]
    File { doing: &'static str, path: PathBuf, source: std::io::Error },
    #[error(
        "{} was written by a newer cabinetd (schema {found}, this program knows {known}); install that version again, or restore a backup made before it",
        path.display()
    )]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("{} has an older schema ({found}, this program needs {known}); start `cabinetd run` once, which brings it up to date", path.display())]
    Older { path: PathBuf, found: i64, known: i64 },
    #[error("{} is not a ledger of cabinetd, or its beginning is damaged; keep a copy, then restore a backup, or point the state directory elsewhere", path.display())]
    NotALedger { path: PathBuf },
    #[error("cannot read {}: {source}; run this as root or as the account that runs cabinetd", path.display())]
    Unreadable { path: PathBuf, source: rusqlite::Error },
    #[error("there is no ledger at {}; start `cabinetd run` first, or name the state directory with --state-dir", path.display())]
    NoLedger { path: PathBuf },
    #[error(
        "this ledger belongs to site \"{}\", cabinet \"{}\", the config says \"{}\", \"{}\"; correct the config, or give this cabinet a state directory of its own",
        found.site, found.cabinet, wanted.site, wanted.cabinet
    )]
    OtherCabinet { found: Identity, wanted: Identity },
    #[error(
        "this program was built without fdatasync in SQLite, which doubles the wear of the card; build it with LIBSQLITE3_FLAGS=-DHAVE_FDATASYNC (see .cargo/config.toml)"
    )]
    NoFdatasync,
    #[error(
        "SQLite did not take {name} = {wanted}, it says {found}; the file system may not support it: keep the state directory on a local disk"
    )]
    Pragma { name: &'static str, wanted: String, found: String },
    #[error(
        "no room for the ledger on its disk, so nothing may be opened; make room there, it is noticed without a restart"
    )]
    Full,
    #[error("the ledger is busy; try again")]
    Busy,
    #[error("cannot {doing}: {source}; the process must start again, and if this comes back, replace the card or disk")]
    Fatal { doing: &'static str, source: rusqlite::Error },
    #[error(
        "cannot write the proof of life: {0}; the process must start again, and if this comes back, replace the card or disk"
    )]
    Proof(std::io::Error),
    #[error("the ledger refuses everything since an earlier write failed; the process must start again")]
    Dead,
    #[error(
        "the ledger is damaged: {what}; run `cabinetd ledger verify`, keep a copy of the state directory, and restore a backup"
    )]
    Damaged { what: String },
    #[error("record {found} came where {wanted} belongs; this is a mistake in the program, please report it")]
    OutOfOrder { wanted: u64, found: u64 },
    #[error("a record cannot be written down: {0}; this is a mistake in the program, please report it")]
    Unwritable(serde_json::Error),
    #[error("the system gives no random bytes; the process must start again")]
    NoRandomness,
    #[error("there is no device key to sign with; `cabinetd init` makes one")]
    NoDeviceKey,
    #[error(
        "this is no head of a ledger: {what}; give epoch:seq:hash, or a file that `cabinetd ledger export` or a mail gave"
    )]
    NotAHead { what: String },
}

fn file_remedy(source: &std::io::Error) -> &'static str {
    match source.kind() {
        std::io::ErrorKind::PermissionDenied => "only root and the account that runs cabinetd may: use `sudo`",
        _ => "check that it exists and belongs to the account that runs cabinetd",
    }
}

impl StoreError {
    /// Whether nobody knows any more what the disk holds: the process must end and start again.
    #[must_use]
    pub const fn is_fatal(&self) -> bool {
        match self {
            Self::Fatal { .. } | Self::Proof(_) | Self::Dead | Self::Damaged { .. } | Self::NoRandomness => true,
            Self::InUse { .. }
            | Self::File { .. }
            | Self::Newer { .. }
            | Self::Older { .. }
            | Self::NotALedger { .. }
            | Self::NoLedger { .. }
            | Self::Unreadable { .. }
            | Self::OtherCabinet { .. }
            | Self::NoFdatasync
            | Self::Pragma { .. }
            | Self::Full
            | Self::Busy
            | Self::OutOfOrder { .. }
            | Self::Unwritable(_)
            | Self::NoDeviceKey
            | Self::NotAHead { .. } => false,
        }
    }

    fn classify(doing: &'static str, source: rusqlite::Error) -> Self {
        if room::is_full(&source) {
            return Self::Full;
        }
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged { what: source.to_string() },
            _ => Self::Fatal { doing, source },
        }
    }
}

/// Where and how to open a store. [`OpenOptions::in_directory`] is what the daemon uses; the rest is for tests.
#[derive(Clone, Debug)]
pub struct OpenOptions<'a> {
    pub database: PathBuf,
    /// A VFS registered under this name; none = the file system.
    pub vfs: Option<&'a str>,
    pub lock: Option<PathBuf>,
    pub proof: Option<PathBuf>,
    /// Begin a new epoch: the database was restored from a backup.
    pub new_epoch: bool,
    /// Keep the WAL's index in memory. No reader can look in meanwhile; a VFS without shared memory needs it.
    pub exclusive: bool,
    /// Planted bug: `synchronous=NORMAL` loses acknowledged records. Tests prove that they notice.
    #[doc(hidden)]
    pub planted_synchronous_normal: bool,
}

/// Whether a daemon uses this state directory. Takes nothing.
///
/// # Errors
/// This account cannot see it, so nobody knows.
pub fn is_in_use(state_dir: &Path) -> std::io::Result<bool> {
    lock::is_held(&state_dir.join(LOCK))
}

impl<'a> OpenOptions<'a> {
    /// The files of a state directory: `ledger.db`, `lock`, `proof`.
    #[must_use]
    pub fn in_directory(state_dir: &Path) -> Self {
        Self {
            database: state_dir.join(DATABASE),
            vfs: None,
            lock: Some(state_dir.join(LOCK)),
            proof: Some(state_dir.join(PROOF)),
            new_epoch: false,
            exclusive: false,
            planted_synchronous_normal: false,
        }
    }

    /// A database in a VFS of the tests, without lock file and proof.
    #[must_use]
    pub fn in_vfs(vfs: &'a str, database: impl Into<PathBuf>) -> Self {
        Self {
            database: database.into(),
            vfs: Some(vfs),
            lock: None,
            proof: None,
            new_epoch: false,
            exclusive: false,
            planted_synchronous_normal: false,
        }
    }
}

/// The open ledger. Dropping it finishes what waits, checkpoints and closes.
#[derive(Debug)]
pub struct Store {
    jobs: Option<Arc<SyncSender<Job>>>,
    vitals: Arc<Vitals>,
    thread: Option<JoinHandle<()>>,
}

impl Store {
    /// Opens the ledger of a state directory, which is made if it is missing, and starts the writer.
    ///
    /// # Errors
    /// If another daemon has it, it is of a newer program or another cabinet, or the disk does not do what it must. A full disk is
    /// no error: see [`Store::is_full`].
    pub fn open(
        state_dir: &Path,
        identity: &Identity,
        device_key: Option<SigningKey>,
    ) -> Result<(Self, Stored), StoreError> {
        schema::make_directory(state_dir)?;
        Self::open_with(&OpenOptions::in_directory(state_dir), identity, device_key)
    }

    /// Opens a ledger as told. The lock comes first, before the database is looked at.
    pub fn open_with(
        options: &OpenOptions<'_>,
        identity: &Identity,
        device_key: Option<SigningKey>,
    ) -> Result<(Self, Stored), StoreError> {
        let lock = options.lock.as_deref().map(InstanceLock::take).transpose()?;
        let proof = options
            .proof
            .as_deref()
            .map(|path| {
                Proof::open(path).map_err(|source| StoreError::File { doing: "open", path: path.to_owned(), source })
            })
            .transpose()?;
        let conn = open_database(options)?;
        own(&conn, identity)?;
        if options.new_epoch {
            begin_epoch(&conn)?;
        }
        let wal = options.vfs.is_none().then(|| wal::beside(&options.database));
        let room = room::Room::survey(&conn, wal.as_deref())?;
        let kept = proof.as_ref().and_then(Proof::last);
        let head = writer::read_head(&conn)?;
        let lost = proof::missing(head, kept.and_then(|kept| kept.head), |seq| writer::hash_at(&conn, seq))?;
        if let Some(Lost { head, known }) = lost {
            let (ends_at, known) = (head.seq, known.seq);
            tell!(LEDGER_SHORT, SEQ = ends_at, "{RECORDS_MISSING} (it ends at record {ends_at}, {known} was there)");
        }
        let stored = Stored {
            head,
            rows: writer::read_rows(&conn)?,
            last_proof: writer::last_life(&conn, kept.map(|kept| kept.stamp))?,
            lost,
        };
        let vitals = Arc::new(Vitals::default());
        vitals.full.store(room.full, Ordering::Release);
        let desk = Desk { identity: identity.clone(), head: stored.head, room, proof, wal, device_key };
        let (jobs, waiting) = sync_channel(WAITING_JOBS);
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn({
                let vitals = Arc::clone(&vitals);
                move || {
                    writer::run(&conn, desk, &waiting, &vitals);
                    drop(conn);
                    drop(lock);
                }
            })
            .map_err(|source| StoreError::File {
                doing: "start the writer of",
                path: options.database.clone(),
                source,
            })?;
        Ok((Self { jobs: Some(Arc::new(jobs)), vitals, thread: Some(thread) }, stored))
    }

    /// Makes records and rows durable, together, and answers with the new head. `reserve`: these must be kept even on a full disk.
    ///
    /// Dropping the future does not stop a commit that was handed over.
    ///
    /// # Errors
    /// [`StoreError::Full`]: nothing was written. Any other: what was written is not known, discard the core and [`Store::reload`], or
    /// end the process if it [is fatal](StoreError::is_fatal).
    pub async fn commit(
        &self,
        records: Vec<Record>,
        rows: Vec<(View, Option<Row>)>,
        reserve: bool,
    ) -> Result<Head, StoreError> {
        self.ask(|done| Job::Commit { batch: Batch { records, rows, reserve }, done }).await
    }

    /// [`Store::commit`] for callers without a runtime.
    pub fn commit_blocking(
        &self,
        records: Vec<Record>,
        rows: Vec<(View, Option<Row>)>,
        reserve: bool,
    ) -> Result<Head, StoreError> {
        self.ask_blocking(|done| Job::Commit { batch: Batch { records, rows, reserve }, done })
    }

    /// What the disk holds now: the same that [`Store::open`] gave. The one path back after a failed commit. Blocks for as long as the
    /// reading takes (a millisecond for 300 slots).
    pub fn reload(&self) -> Result<Stored, StoreError> {
        self.ask_blocking(|done| Job::Reload { done })
    }

    /// Writes a proof of life, with the ledger's present head, and makes it durable.
    pub async fn write_proof(&self, stamp: Stamp) -> Result<(), StoreError> {
        self.ask(|done| Job::Proof { stamp, done }).await
    }

    /// Looks whether there is room again; if so the reserve is made whole. True: records of every kind may come.
    pub async fn try_refill_reserve(&self) -> Result<bool, StoreError> {
        self.ask(|done| Job::Refill { done }).await
    }

    /// Signs the present head for a destination and keeps it.
    pub async fn sign_head(&self, destination: &str) -> Result<SignedHead, StoreError> {
        let destination = destination.to_owned();
        self.ask(|done| Job::Sign { destination, done }).await
    }

    /// For whoever copies the ledger upstream, or tells people of it.
    #[must_use]
    pub fn marks(&self) -> Marks {
        Marks { jobs: self.jobs.as_ref().map(Arc::downgrade).unwrap_or_default() }
    }

    /// Returns when the writer has come to it: proof that it is not stuck.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.ask(|done| Job::Ping { done }).await
    }

    /// Boot clock, in ms, of the writer's last sign of life, and whether it is at work on something since then.
    #[must_use]
    pub fn heartbeat(&self) -> (u64, bool) {
        (self.vitals.last_activity_ms.load(Ordering::Relaxed), self.vitals.working.load(Ordering::Relaxed))
    }

    /// Whether only the reserve is left: commits without `reserve` are refused.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.vitals.full.load(Ordering::Acquire)
    }

    /// Whether it refuses everything: the process must end.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.vitals.dead.load(Ordering::Acquire)
    }

    async fn ask<T: Send + 'static>(&self, job: impl FnOnce(Done<T>) -> Job) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.send(job(Box::new(move |result| drop(answer.send(result)))))?;
        answered.await.unwrap_or(Err(StoreError::Dead))
    }

    fn ask_blocking<T: Send + 'static>(&self, job: impl FnOnce(Done<T>) -> Job) -> Result<T, StoreError> {
        let (answer, answered) = sync_channel(1);
        self.send(job(Box::new(move |result| drop(answer.send(result)))))?;
        answered.recv().unwrap_or(Err(StoreError::Dead))
    }

    fn send(&self, job: Job) -> Result<(), StoreError> {
        let jobs = self.jobs.as_ref().expect("taken only by drop");
        jobs.try_send(job).map_err(|error| unsent(&error))
    }
}

/// What the copying upstream may change: how far upstream has the ledger, and whose payload waits for a person; and how far people were
/// told of it. It keeps no store open:
/// once that is dropped, every call says [`StoreError::Dead`].
#[derive(Clone, Debug)]
pub struct Marks {
    jobs: Weak<SyncSender<Job>>,
}

impl Marks {
    /// Keeps a head that a destination holds, for good. False: it had one as far on already, and nothing was changed.
    ///
    /// # Errors
    /// [`StoreError::NotAHead`]: no record of this ledger is there. [`StoreError::Full`], [`StoreError::Busy`]: not kept now.
    pub async fn acknowledge(&self, head: SignedHead) -> Result<bool, StoreError> {
        self.ask(|done| Job::Acknowledge { head: Box::new(head), done }).await
    }

    /// Marks a record's payload as refused upstream, or as wanted there again. The record itself stays as it is.
    ///
    /// # Errors
    /// As [`Marks::acknowledge`].
    pub async fn park(&self, seq: u64, parked: bool) -> Result<(), StoreError> {
        self.ask(|done| Job::Park { seq, parked, done }).await
    }

    /// Keeps how far people were told of the ledger, as one text.
    ///
    /// # Errors
    /// As [`Marks::acknowledge`].
    pub async fn told(&self, marks: String) -> Result<(), StoreError> {
        self.ask(|done| Job::Tell { marks, done }).await
    }

    async fn ask<T: Send + 'static>(&self, job: impl FnOnce(Done<T>) -> Job) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let jobs = self.jobs.upgrade().ok_or(StoreError::Dead)?;
        jobs.try_send(job(Box::new(move |result| drop(answer.send(result))))).map_err(|error| unsent(&error))?;
        // Whoever closes the store waits for nobody here.
        drop(jobs);
        answered.await.unwrap_or(Err(StoreError::Dead))
    }
}

fn unsent(error: &TrySendError<Job>) -> StoreError {
    match error {
        TrySendError::Full(_) => StoreError::Busy,
        TrySendError::Disconnected(_) => StoreError::Dead,
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn open_database(options: &OpenOptions<'_>) -> Result<Connection, StoreError> {
    if options.vfs.is_none() {
        schema::make_file(&options.database)?;
    }
    let mut access = schema::Access {
        path: &options.database,
        vfs: options.vfs,
        exclusive: options.exclusive,
        synchronous: if options.planted_synchronous_normal { 1 } else { 2 },
    };
    match schema::open(&access, schema::MIGRATIONS) {
        // On a full disk there is no room for the WAL's shared index (32 KiB): it is kept in memory, and no reader can look in until
        // the next start.
        Err(StoreError::Full) if !access.exclusive => {
            access.exclusive = true;
            schema::open(&access, schema::MIGRATIONS)
        }
        opened => opened,
    }
}

/// Writes down whose ledger it is, or checks it.
fn own(conn: &Connection, identity: &Identity) -> Result<(), StoreError> {
    let failed = |source| StoreError::classify("read whose ledger it is", source);
    if let Some(found) = read_identity(conn).map_err(failed)? {
        return if found == *identity {
            Ok(())
        } else {
            Err(StoreError::OtherCabinet { found, wanted: identity.clone() })
        };
    }
    conn.execute(
        "INSERT INTO meta (name, value) VALUES ('site', ?1), ('cabinet', ?2), ('epoch', '1')",
        [&identity.site, &identity.cabinet],
    )
    .map_err(failed)?;
    Ok(())
}

fn read_identity(conn: &Connection) -> Result<Option<Identity>, rusqlite::Error> {
    let mut statement = conn.prepare("SELECT name, value FROM meta WHERE name IN ('site', 'cabinet') ORDER BY name")?;
    let mut values = statement.query_map([], |row| row.get::<_, String>(1))?;
    match (values.next(), values.next()) {
        (Some(cabinet), Some(site)) => Ok(Some(Identity { site: site?, cabinet: cabinet? })),
        _ => Ok(None),
    }
}

fn begin_epoch(conn: &Connection) -> Result<(), StoreError> {
    conn.execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE name = 'epoch'", [])
        .map_err(|source| StoreError::classify("begin a new epoch", source))?;
    Ok(())
}
