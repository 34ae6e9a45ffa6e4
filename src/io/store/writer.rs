//! The writer: the one thread that changes the database.
//!
//! A job comes, is done in one transaction with one `fdatasync`, and is answered. What can wait (the checkpoint) is done after the
//! answer. When it has been quiet for a while, and at the end, the log is emptied into the database ([`Writer::settle`]), so that
//! damage to the log finds nothing to destroy. After a failed sync or any other I/O error the writer is dead: it refuses everything, and closes without a checkpoint,
//! since nobody knows what the disk holds. Only a new process, through recovery, can tell.

use super::envelope::{GENESIS, Hash, Identity, SALT_LEN, Sealed, boot_bytes, clock_from, clock_word, seal};
use super::head::{SignedHead, sign};
use super::proof::Proof;
use super::room::{CHECKPOINT_FRAMES, Room, is_full};
use super::rows::{address, body_of, row_of, view_of};
use super::{Head, StoreError, Stored};
use crate::cabinet::books::{Row, View};
use crate::cabinet::fact::Record;
use crate::cabinet::types::{BootId, Mono, Stamp, Wall};
use crate::messages::tell;
use ed25519_dalek::SigningKey;
use rusqlite::{Connection, OptionalExtension as _, Statement, Transaction, TransactionBehavior, params};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Receiver;

/// What the thread can be asked. `done` carries the answer away.
pub enum Job {
    Commit {
        batch: Batch,
        done: Done<Head>,
    },
    Reload {
        done: Done<Stored>,
    },
    Proof {
        stamp: Stamp,
        done: Done<()>,
    },
    Refill {
        done: Done<bool>,
    },
    Sign {
        destination: String,
        done: Done<SignedHead>,
    },
    /// A destination has everything up to there.
    Acknowledge {
        head: Box<SignedHead>,
        done: Done<bool>,
    },
    /// A payload is refused upstream, or wanted there again.
    Park {
        seq: u64,
        parked: bool,
        done: Done<()>,
    },
    /// How far people were told of what the ledger has.
    Tell {
        marks: String,
        done: Done<()>,
    },
    Ping {
        done: Done<()>,
    },
}

/// How an answer leaves the thread.
pub type Done<T> = Box<dyn FnOnce(Result<T, StoreError>) + Send>;

/// What one transaction makes durable.
#[derive(Debug)]
pub struct Batch {
    pub records: Vec<Record>,
    pub rows: Vec<(View, Option<Row>)>,
    /// May use the reserve on a full disk.
    pub reserve: bool,
}

/// What the thread shows without being asked.
#[derive(Debug, Default)]
pub struct Vitals {
    /// Boot clock, ms, when a job last began or ended.
    pub last_activity_ms: AtomicU64,
    /// Whether a job is being done now.
    pub working: AtomicBool,
    /// Whether only the reserve is left.
    pub full: AtomicBool,
    /// Whether it refuses everything.
    pub dead: AtomicBool,
}

impl Vitals {
    fn beat(&self, working: bool) {
        self.working.store(working, Ordering::Relaxed);
        self.last_activity_ms.store(boot_ms(), Ordering::Relaxed);
    }
}

#[expect(clippy::disallowed_methods, reason = "the heartbeat of a thread; no record and no deadline of the core")]
fn boot_ms() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    now.tv_sec.unsigned_abs() * 1000 + now.tv_nsec.unsigned_abs() / 1_000_000
}

/// A proof of life that comes so long after the last write empties the log.
const QUIET_MS: u64 = 5_000;

/// Everything that the thread owns but the connection.
#[derive(Debug)]
pub struct Desk {
    pub identity: Identity,
    pub head: Head,
    pub room: Room,
    pub proof: Option<Proof>,
    /// Where the WAL is, if it is a file.
    pub wal: Option<PathBuf>,
    pub device_key: Option<SigningKey>,
}

/// The thread's life: until the last [`super::Store`] is gone.
pub fn run(conn: &Connection, mut desk: Desk, jobs: &Receiver<Job>, vitals: &Arc<Vitals>) {
    let mut writer = match Writer::new(conn, &mut desk) {
        Ok(writer) => writer,
        Err(error) => {
            // The schema was just read; this is a disk that fails. Every job's answer is dropped, which says so.
            tell!(LEDGER_FAILED, "the ledger's writer cannot start: {error}");
            vitals.dead.store(true, Ordering::Release);
            return;
        }
    };
    vitals.full.store(writer.desk.room.full, Ordering::Release);
    vitals.beat(false);
    while let Ok(job) = jobs.recv() {
        vitals.beat(true);
        let is_proof = matches!(job, Job::Proof { .. });
        writer.perform(job, vitals);
        writer.tidy(vitals, is_proof);
        vitals.beat(false);
    }
    if !vitals.dead.load(Ordering::Acquire) {
        // Best effort: what the log holds is durable as well.
        let settled = writer.settle();
        writer.note(vitals, settled);
    }
    if vitals.dead.load(Ordering::Acquire) {
        let _ = conn.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    }
}

struct Writer<'a> {
    conn: &'a Connection,
    desk: &'a mut Desk,
    append: Statement<'a>,
    put: Statement<'a>,
    remove: Statement<'a>,
    spend: Statement<'a>,
    frames: Statement<'a>,
    /// Boot clock, ms, of the last write that may stand in the log only.
    unsettled_ms: Option<u64>,
}

impl<'a> Writer<'a> {
    fn new(conn: &'a Connection, desk: &'a mut Desk) -> Result<Self, StoreError> {
        let failed = |source| StoreError::classify("prepare the ledger", source);
        let prepare = |sql| conn.prepare(sql).map_err(failed);
        Ok(Self {
            append: prepare(
                "INSERT INTO ledger (seq, epoch, kind, boot, mono_ms, wall_ms, clock, salt, payload, hash)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?,
            put: prepare(
                "INSERT INTO row (view, id, body) VALUES (?1, ?2, ?3)
                 ON CONFLICT (view, id) DO UPDATE SET body = excluded.body",
            )?,
            remove: prepare("DELETE FROM row WHERE view = ?1 AND id = ?2")?,
            spend: prepare("DELETE FROM reserve WHERE id IN (SELECT max(id) FROM reserve)")?,
            frames: prepare("PRAGMA wal_checkpoint(NOOP)")?,
            // What a former life left in the log.
            unsettled_ms: Some(boot_ms()),
            conn,
            desk,
        })
    }

    fn perform(&mut self, job: Job, vitals: &Vitals) {
        if matches!(
            job,
            Job::Commit { .. }
                | Job::Sign { .. }
                | Job::Refill { .. }
                | Job::Acknowledge { .. }
                | Job::Park { .. }
                | Job::Tell { .. }
        ) {
            self.unsettled_ms = Some(boot_ms());
        }
        match job {
            Job::Commit { batch, done } => self.answer(vitals, done, |writer| writer.commit(&batch)),
            Job::Reload { done } => self.answer(vitals, done, |writer| writer.reload()),
            Job::Proof { stamp, done } => self.answer(vitals, done, |writer| writer.prove(stamp)),
            Job::Refill { done } => self.answer(vitals, done, Self::refill),
            Job::Sign { destination, done } => self.answer(vitals, done, |writer| writer.sign(&destination)),
            Job::Acknowledge { head, done } => self.answer(vitals, done, |writer| writer.acknowledge(&head)),
            Job::Park { seq, parked, done } => self.answer(vitals, done, |writer| writer.park(seq, parked)),
            Job::Tell { marks, done } => self.answer(vitals, done, |writer| writer.told(&marks)),
            Job::Ping { done } => self.answer(vitals, done, |_| Ok(())),
        }
    }

    /// Refuses when the writer is dead, lets it die of what kills it, and shows its state before the answer can arrive.
    fn answer<T>(&mut self, vitals: &Vitals, done: Done<T>, work: impl FnOnce(&mut Self) -> Result<T, StoreError>) {
        if vitals.dead.load(Ordering::Acquire) {
            return done(Err(StoreError::Dead));
        }
        let result = work(self);
        if result.as_ref().is_err_and(StoreError::is_fatal) {
            vitals.dead.store(true, Ordering::Release);
        }
        vitals.full.store(self.desk.room.full, Ordering::Release);
        done(result);
    }

    /// After the answer: the checkpoint, when the WAL holds enough, or nothing has been written for a while.
    fn tidy(&mut self, vitals: &Vitals, is_proof: bool) {
        if vitals.dead.load(Ordering::Acquire) {
            return;
        }
        let is_quiet = is_proof && self.unsettled_ms.is_some_and(|last| boot_ms().saturating_sub(last) >= QUIET_MS);
        let checked = if is_quiet { self.settle() } else { self.check() };
        self.note(vitals, checked);
    }

    fn check(&mut self) -> Result<(), rusqlite::Error> {
        if self.count_frames()? >= CHECKPOINT_FRAMES {
            self.conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        }
        Ok(())
    }

    fn count_frames(&mut self) -> Result<i64, rusqlite::Error> {
        self.frames.query_row([], |row| row.get(1))
    }

    /// Everything into the database, and a log that starts over. A checkpoint alone leaves the log's frames in force: the next start reads
    /// them again, and a damaged one among them would bring back older pages. So one page is written behind it, as it is: it
    /// starts a new round of the log, in which the former frames do not count. The file keeps its size. A reader at work holds
    /// this up until the next time.
    fn settle(&mut self) -> Result<(), rusqlite::Error> {
        if self.unsettled_ms.is_none() {
            return Ok(());
        }
        let (frames, moved): (i64, i64) =
            self.conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| Ok((row.get(1)?, row.get(2)?)))?;
        if frames == moved {
            let version: i64 = self.conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
            self.conn.execute_batch(&format!("PRAGMA user_version = {version}"))?;
            if self.count_frames()? <= 1 {
                self.unsettled_ms = None;
            }
        }
        Ok(())
    }

    /// What came of tidying.
    fn note(&mut self, vitals: &Vitals, tidied: Result<(), rusqlite::Error>) {
        if let Err(source) = tidied {
            match StoreError::classify("checkpoint the ledger", source) {
                StoreError::Full => self.desk.room.full = true,
                StoreError::Busy => {}
                error => {
                    tell!(LEDGER_FAILED, "the ledger is closed: {error}");
                    vitals.dead.store(true, Ordering::Release);
                }
            }
            vitals.full.store(self.desk.room.full, Ordering::Release);
        }
    }

    fn commit(&mut self, batch: &Batch) -> Result<Head, StoreError> {
        if self.desk.room.full && !batch.reserve {
            return Err(StoreError::Full);
        }
        let sealed = self.seal(&batch.records)?;
        let mut rows = Vec::with_capacity(batch.rows.len());
        for (view, row) in &batch.rows {
            let body = row.as_ref().map(body_of).transpose().map_err(StoreError::Unwritable)?;
            rows.push((address(view), body));
        }
        let mut spent = 0;
        let mut restarted = false;
        let mut grown = 0;
        loop {
            match self.attempt(&sealed, &rows, spent) {
                Ok(()) => break,
                Err(error) if is_full(&error) => {
                    // First more room in the file, then a WAL that starts over, then the reserve.
                    if !self.desk.room.full && grown < 256 && self.desk.room.grow(self.conn)? {
                        grown += 1;
                    } else if !restarted {
                        restarted = true;
                        let _ = self.conn.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()));
                    } else {
                        self.desk.room.full = true;
                        if !batch.reserve || spent >= self.desk.room.reserve_rows {
                            self.desk.room.settle(self.conn)?;
                            return Err(StoreError::Full);
                        }
                        spent += 1;
                    }
                }
                Err(error) => return Err(StoreError::classify("write to the ledger", error)),
            }
        }
        self.desk.room.reserve_rows -= spent;
        if let Some(last) = sealed.last() {
            self.desk.head = Head { epoch: self.desk.head.epoch, seq: last.header.seq, hash: last.hash };
        }
        Ok(self.desk.head)
    }

    fn seal(&self, records: &[Record]) -> Result<Vec<Sealed>, StoreError> {
        let mut salts = vec![0; records.len() * SALT_LEN];
        getrandom::fill(&mut salts).map_err(|_| StoreError::NoRandomness)?;
        let mut sealed: Vec<Sealed> = Vec::with_capacity(records.len());
        for (record, salt) in records.iter().zip(salts.chunks_exact(SALT_LEN)) {
            let (seq, prev) =
                sealed.last().map_or((self.desk.head.seq, self.desk.head.hash), |last| (last.header.seq, last.hash));
            if record.seq != seq + 1 {
                return Err(StoreError::OutOfOrder { wanted: seq + 1, found: record.seq });
            }
            let salt = salt.try_into().expect("chunks of SALT_LEN bytes");
            sealed.push(
                seal(record, self.desk.head.epoch, &prev, salt, &self.desk.identity).map_err(StoreError::Unwritable)?,
            );
        }
        Ok(sealed)
    }

    fn attempt(
        &mut self,
        sealed: &[Sealed],
        rows: &[((&'static str, String), Option<String>)],
        spend: i64,
    ) -> Result<(), rusqlite::Error> {
        let tx = Transaction::new_unchecked(self.conn, TransactionBehavior::Immediate)?;
        for _ in 0..spend {
            self.spend.execute([])?;
        }
        for record in sealed {
            let Sealed { header, salt, payload, hash } = record;
            self.append.execute(params![
                header.seq.cast_signed(),
                header.epoch.cast_signed(),
                header.kind,
                boot_bytes(header.stamp.boot),
                header.stamp.mono.0.cast_signed(),
                header.stamp.wall.0,
                clock_word(header.stamp.clock),
                salt,
                payload,
                hash,
            ])?;
        }
        for ((view, id), body) in rows {
            match body {
                Some(body) => self.put.execute([view, id.as_str(), body])?,
                None => self.remove.execute([view, id.as_str()])?,
            };
        }
        tx.commit()
    }

    fn reload(&self) -> Result<Stored, StoreError> {
        let head = read_head(self.conn)?;
        if head != self.desk.head {
            return Err(StoreError::Damaged {
                what: format!("the last record is {} but {} was written last", head.seq, self.desk.head.seq),
            });
        }
        let proof = self.desk.proof.as_ref().and_then(Proof::last);
        let last_proof = last_life(self.conn, proof.map(|kept| kept.stamp))?;
        Ok(Stored { head, rows: read_rows(self.conn)?, last_proof, lost: None })
    }

    fn prove(&mut self, stamp: Stamp) -> Result<(), StoreError> {
        match &mut self.desk.proof {
            Some(proof) => proof.write(stamp, self.desk.head).map_err(StoreError::Proof),
            None => Ok(()),
        }
    }

    fn refill(&mut self) -> Result<bool, StoreError> {
        self.desk.room.try_refill(self.conn, self.desk.wal.as_deref())
    }

    fn sign(&mut self, destination: &str) -> Result<SignedHead, StoreError> {
        let key = self.desk.device_key.as_ref().ok_or(StoreError::NoDeviceKey)?;
        let head = sign(&self.desk.identity, destination, self.desk.head, key);
        keep_head(self.conn, &head)?;
        Ok(head)
    }

    /// Only forward, and only to a record that is here.
    fn acknowledge(&mut self, signed: &SignedHead) -> Result<bool, StoreError> {
        let SignedHead { destination, head, .. } = signed;
        if hash_at(self.conn, head.seq)? != Some(head.hash) {
            return Err(StoreError::NotAHead { what: format!("record {} of this ledger is another one", head.seq) });
        }
        let failed = |source| StoreError::classify("read an acknowledged head", source);
        let before: Option<i64> = self
            .conn
            .query_row("SELECT seq FROM head WHERE destination = ?1", [destination], |row| row.get(0))
            .optional()
            .map_err(failed)?;
        if before.is_some_and(|seq| seq.cast_unsigned() >= head.seq) {
            return Ok(false);
        }
        if self.desk.room.full {
            return Err(StoreError::Full);
        }
        keep_head(self.conn, signed)?;
        Ok(true)
    }

    /// The mark of one payload, and the list of all that are marked: looking for them must not read the whole ledger.
    fn park(&mut self, seq: u64, parked: bool) -> Result<(), StoreError> {
        let failed = |source| StoreError::classify("park a record", source);
        let mut marked = super::upload::parked(self.conn)?;
        if self.desk.room.full {
            return Err(StoreError::Full);
        }
        let tx = Transaction::new_unchecked(self.conn, TransactionBehavior::Immediate).map_err(failed)?;
        let (from, to) = if parked { ("present", "parked") } else { ("parked", "present") };
        let changed = tx
            .execute(
                "UPDATE ledger SET payload_state = ?3 WHERE seq = ?1 AND payload_state = ?2",
                params![seq.cast_signed(), from, to],
            )
            .map_err(failed)?;
        let known = if parked { changed > 0 && marked.insert(seq) } else { marked.remove(&seq) };
        if changed > 0 || known {
            let list = marked.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
            tx.execute(
                "INSERT INTO meta (name, value) VALUES ('parked', ?1)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                [list],
            )
            .map_err(failed)?;
        }
        tx.commit().map_err(failed)
    }

    fn told(&mut self, marks: &str) -> Result<(), StoreError> {
        if self.desk.room.full {
            return Err(StoreError::Full);
        }
        self.conn
            .execute(
                "INSERT INTO meta (name, value) VALUES ('told', ?1)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                [marks],
            )
            .map(drop)
            .map_err(|source| StoreError::classify("keep who was told", source))
    }
}

fn keep_head(conn: &Connection, signed: &SignedHead) -> Result<(), StoreError> {
    let SignedHead { destination, head, public_key, signature, .. } = signed;
    conn.execute(
        "INSERT INTO head (destination, epoch, seq, hash, public_key, signature) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (destination) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, hash = excluded.hash,
             public_key = excluded.public_key, signature = excluded.signature",
        params![destination, head.epoch.cast_signed(), head.seq.cast_signed(), head.hash, public_key, signature],
    )
    .map_err(|source| StoreError::classify("keep a signed head", source))?;
    Ok(())
}

/// When the daemon lived last: a record proves it as well as the block beside the ledger does, whichever is later. Each start makes a
/// record before its first proof, so a record of another boot than the proof is the later one.
pub fn last_life(conn: &Connection, proof: Option<Stamp>) -> Result<Option<Stamp>, StoreError> {
    let failed = |source| StoreError::classify("read the last record's time", source);
    let last =
        conn.query_row("SELECT boot, mono_ms, wall_ms, clock FROM ledger ORDER BY seq DESC LIMIT 1", [], |row| {
            Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?, row.get::<_, String>(3)?))
        });
    let (boot, mono, wall, clock) = match last {
        Ok(last) => last,
        Err(rusqlite::Error::QueryReturnedNoRows) => return Ok(proof),
        Err(source) => return Err(failed(source)),
    };
    let Some(clock) = clock_from(&clock) else { return Ok(proof) };
    let record =
        Stamp { mono: Mono(mono.cast_unsigned()), wall: Wall(wall), clock, boot: BootId(u128::from_be_bytes(boot)) };
    Ok(match proof {
        Some(proof) if proof.boot == record.boot && proof.mono >= record.mono => Some(proof),
        Some(_) | None => Some(record),
    })
}

/// The last record's place and hash, by the primary key; before the first one the epoch's beginning.
pub fn read_head(conn: &Connection) -> Result<Head, StoreError> {
    let failed = |source| StoreError::classify("read the ledger's head", source);
    let epoch: String =
        conn.query_row("SELECT value FROM meta WHERE name = 'epoch'", [], |row| row.get(0)).map_err(failed)?;
    let epoch = epoch.parse().map_err(|_| StoreError::Damaged { what: format!("the epoch reads \"{epoch}\"") })?;
    let last = conn.query_row("SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1", [], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?))
    });
    match last {
        Ok((seq, hash)) => Ok(Head { epoch, seq: seq.cast_unsigned(), hash }),
        Err(rusqlite::Error::QueryReturnedNoRows) => Ok(Head { epoch, seq: 0, hash: GENESIS }),
        Err(source) => Err(failed(source)),
    }
}

/// The hash of a record; none if it is not there.
pub fn hash_at(conn: &Connection, seq: u64) -> Result<Option<Hash>, StoreError> {
    conn.query_row("SELECT hash FROM ledger WHERE seq = ?1", [seq.cast_signed()], |row| row.get(0))
        .optional()
        .map_err(|source| StoreError::classify("read a record's hash", source))
}

/// Every row of the views: as many as the cabinet has slots, keys and people, however long the ledger is.
pub fn read_rows(conn: &Connection) -> Result<Vec<(View, Row)>, StoreError> {
    let failed = |source| StoreError::classify("read the ledger's views", source);
    let mut statement = conn.prepare("SELECT view, id, body FROM row").map_err(failed)?;
    let mut cursor = statement.query([]).map_err(failed)?;
    let mut rows = Vec::new();
    while let Some(row) = cursor.next().map_err(failed)? {
        let text = |column| row.get_ref(column).and_then(|value| Ok(value.as_str()?)).map_err(failed);
        let (view, id, body) = (text(0)?, text(1)?, text(2)?);
        // The body stays out of the message: it may hold a secret.
        let damaged = || StoreError::Damaged { what: format!("row \"{id}\" of view \"{view}\" cannot be read") };
        rows.push((view_of(view, id).ok_or_else(damaged)?, row_of(view, body).map_err(|_| damaged())?));
    }
    Ok(rows)
}
