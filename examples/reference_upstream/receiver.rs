//! The receiving side of `docs/upstream.openapi.yaml`, over SQLite: verifies every chain and head before it keeps anything.
//!
//! What it holds is in the database alone, and each batch is one transaction, so any number of these can serve one database. Nothing in it
//! sends anything to a cabinet but how far its records have come.

use cabinetd::hex::{hex, unhex};
use cabinetd::io::store::envelope::{canonical, chain, digest};
use cabinetd::io::store::{Hash, Head, SignedHead};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// An answer: its status and its body.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub body: Value,
}

/// Whose ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cabinet {
    pub site: String,
    pub name: String,
}

/// What this receiver does otherwise than it should, on command.
#[derive(Clone, Default, Debug)]
pub struct Policy {
    /// It never takes the payloads of these records.
    pub refused: BTreeSet<u64>,
    /// A batch with one of these is too large for it, whatever it holds.
    pub too_large: BTreeSet<u64>,
    /// It takes so many records of a batch and no more.
    pub most: Option<usize>,
}

/// The database.
#[derive(Debug)]
pub struct Receiver {
    conn: Connection,
}

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS cabinet (
    site TEXT NOT NULL, cabinet TEXT NOT NULL,
    epoch INTEGER NOT NULL, seq INTEGER NOT NULL, hash BLOB NOT NULL,
    machine TEXT, public_key BLOB NOT NULL, heartbeat TEXT,
    PRIMARY KEY (site, cabinet)
) STRICT;
CREATE TABLE IF NOT EXISTS record (
    arrival INTEGER PRIMARY KEY,
    site TEXT NOT NULL, cabinet TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
    hash BLOB NOT NULL, header TEXT NOT NULL, state TEXT NOT NULL, salt BLOB, payload TEXT, digest BLOB NOT NULL,
    UNIQUE (site, cabinet, epoch, seq)
) STRICT;
CREATE TABLE IF NOT EXISTS keymap (
    site TEXT NOT NULL, cabinet TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, picture TEXT NOT NULL,
    PRIMARY KEY (site, cabinet)
) STRICT;
CREATE TABLE IF NOT EXISTS life (
    site TEXT NOT NULL, cabinet TEXT NOT NULL, heard_ms INTEGER NOT NULL, within_ms INTEGER, is_silent INTEGER NOT NULL,
    PRIMARY KEY (site, cabinet)
) STRICT;
";

/// A heartbeat may be so late before people are told, ms.
pub const PATIENCE_MS: i64 = 30_000;

/// Cabinets that failed to reach a receiver come back only after a pause: one that was away waits so long for them, ms.
pub const AWAY_MS: i64 = 600_000;

/// A cabinet that fell silent, or is heard again. `heard_ms`: when it was heard last, Unix time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Turned {
    pub cabinet: Cabinet,
    pub is_silent: bool,
    pub heard_ms: i64,
}

impl Receiver {
    /// Opens the database, making it if it is missing.
    pub fn open(path: &Path) -> rusqlite::Result<Self> {
        let conn = Connection::open(path)?;
        conn.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
        conn.busy_timeout(std::time::Duration::from_secs(10))?;
        conn.execute_batch(SCHEMA)?;
        Ok(Self { conn })
    }

    /// `GET head`.
    pub fn head(&self, of: &Cabinet) -> rusqlite::Result<Reply> {
        Ok(match read_cabinet(&self.conn, of)? {
            Some(known) => ok(json!({ "head": head_json(&known.head), "machine": known.machine })),
            None => ok(json!({ "head": null, "machine": null })),
        })
    }

    /// `PUT heartbeat`: kept, and answered with the head. `now_ms` is the Unix time here.
    pub fn heartbeat(&self, of: &Cabinet, words: &str, now_ms: i64) -> rusqlite::Result<Reply> {
        let said: Value = serde_json::from_str(words).unwrap_or_default();
        // Until somebody wakes it, or from one that does not say when, no word is to be expected.
        let within_s = said["next_within_s"].as_i64().filter(|_| said["asleep_until_woken"] == false);
        self.conn.execute(
            "INSERT INTO life (site, cabinet, heard_ms, within_ms, is_silent)
             SELECT site, cabinet, ?3, ?4, 0 FROM cabinet WHERE site = ?1 AND cabinet = ?2
             ON CONFLICT (site, cabinet) DO UPDATE SET heard_ms = excluded.heard_ms, within_ms = excluded.within_ms",
            params![of.site, of.name, now_ms, within_s.map(|s| s.saturating_mul(1_000))],
        )?;
        self.conn.execute(
            "UPDATE cabinet SET heartbeat = ?3 WHERE site = ?1 AND cabinet = ?2",
            params![of.site, of.name, words],
        )?;
        self.head(of)
    }

    /// Any request of a cabinet is a sign of life.
    pub fn heard(&self, of: &Cabinet, now_ms: i64) -> rusqlite::Result<()> {
        let update = "UPDATE life SET heard_ms = ?3 WHERE site = ?1 AND cabinet = ?2";
        self.conn.execute(update, params![of.site, of.name, now_ms]).map(drop)
    }

    /// `PUT keymap`: the last one is kept; the record that it is as of says which is the last.
    pub fn keymap(&self, of: &Cabinet, words: &str) -> rusqlite::Result<Reply> {
        let picture: Value = serde_json::from_str(words).unwrap_or_default();
        let (Some(head), Some(_)) = (head_of(&picture["head"]), picture["slots"].as_array()) else {
            return Ok(problem(400, "this is no keymap"));
        };
        let changed = self.conn.execute(
            "INSERT INTO keymap (site, cabinet, epoch, seq, picture) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (site, cabinet) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, picture = excluded.picture
             WHERE (excluded.epoch, excluded.seq) >= (keymap.epoch, keymap.seq)",
            params![of.site, of.name, number(head.epoch), number(head.seq), words],
        )?;
        Ok(if changed == 1 { Reply { status: 204, body: Value::Null } } else { problem(409, "a later one is here") })
    }

    /// `POST payloads`: payloads that were refused, once more.
    pub fn payloads(&self, of: &Cabinet, body: &Value, policy: &Policy) -> rusqlite::Result<Reply> {
        let (mut taken, mut refused) = (Vec::new(), Vec::new());
        for item in body["payloads"].as_array().map(Vec::as_slice).unwrap_or_default() {
            let (Some(seq), Some(epoch)) = (item["seq"].as_u64(), item["epoch"].as_u64()) else { continue };
            let (Some(salt), Some(payload)) = (item["salt"].as_str().and_then(unhex::<16>), item["payload"].as_str())
            else {
                continue;
            };
            let changed = if policy.refused.contains(&seq) {
                0
            } else {
                self.conn.execute(
                    "UPDATE record SET state = 'present', salt = ?5, payload = ?6
                     WHERE site = ?1 AND cabinet = ?2 AND epoch = ?3 AND seq = ?4 AND digest = ?7",
                    params![
                        of.site,
                        of.name,
                        number(epoch),
                        number(seq),
                        salt,
                        payload,
                        digest(&salt, payload.as_bytes())
                    ],
                )?
            };
            if changed == 1 { &mut taken } else { &mut refused }.push(json!({ "seq": seq }));
        }
        Ok(ok(json!({ "taken": taken, "refused": refused })))
    }

    /// `POST records`: takes what fits behind what it has, in one transaction.
    pub fn records(&mut self, of: &Cabinet, body: &str, policy: &Policy) -> rusqlite::Result<Reply> {
        let mut lines = body.lines();
        let first: Value = lines.next().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
        let signed = SignedHead::from_json(&first["head"].to_string()).ok();
        let (Some(after), Some(signed)) = (head_of(&first["after"]), signed) else {
            return Ok(problem(400, "the first line is not understood"));
        };
        if !signed.is_genuine()
            || signed.destination != "upstream"
            || signed.identity.site != of.site
            || signed.identity.cabinet != of.name
        {
            return Ok(problem(403, "the head is not signed by this cabinet"));
        }
        let tx = Transaction::new_unchecked(&self.conn, TransactionBehavior::Immediate)?;
        let known = read_cabinet(&tx, of)?;
        if known.as_ref().is_some_and(|known| known.public_key != signed.public_key) {
            return Ok(problem(403, "the head is signed with another key than before"));
        }
        if after.seq > 0 && held(&tx, of, after.epoch, after.seq)? != Some(after.hash) {
            return Ok(problem(409, "the record before this batch is not the one that is here"));
        }
        let mut last = after;
        let end = known.map(|known| known.head);
        let mut refused = Vec::new();
        for (index, line) in lines.enumerate() {
            if policy.most.is_some_and(|most| index >= most) {
                break;
            }
            let record = match Record::read(line, of, &last) {
                Ok(record) => record,
                Err(why) => return Ok(problem(400, why)),
            };
            if policy.too_large.contains(&record.head.seq) {
                return Ok(problem(413, "this receiver was told so"));
            }
            if policy.refused.contains(&record.head.seq) && record.state == "present" {
                refused.push(json!({ "seq": record.head.seq, "reason": "this receiver was told so" }));
                break;
            }
            match held(&tx, of, record.head.epoch, record.head.seq)? {
                Some(hash) if hash == record.head.hash => {}
                Some(_) => return Ok(problem(409, "another record is here under this number")),
                None => {
                    // Within an epoch nothing but the next one; a new epoch may begin behind any record.
                    let fits = end.is_none_or(|end| record.head.epoch > end.epoch || end.seq < record.head.seq);
                    if !fits || end.is_some_and(|end| record.head.epoch < end.epoch) {
                        return Ok(problem(409, "it does not follow what is here"));
                    }
                    record.insert(&tx, of)?;
                }
            }
            last = record.head;
        }
        if refused.is_empty() && policy.most.is_none() && last != signed.head {
            return Ok(problem(400, "the records do not lead to the signed head"));
        }
        let end = match end {
            Some(end) if (end.epoch, end.seq) >= (last.epoch, last.seq) => end,
            _ => last,
        };
        if end.seq > 0 {
            tx.execute(
                "INSERT INTO cabinet (site, cabinet, epoch, seq, hash, machine, public_key) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (site, cabinet) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, hash = excluded.hash,
                     machine = excluded.machine",
                params![of.site, of.name, number(end.epoch), number(end.seq), end.hash, first["machine"].as_str(), signed.public_key],
            )?;
        }
        tx.commit()?;
        Ok(if refused.is_empty() {
            ok(json!({ "head": head_json(&last) }))
        } else {
            let mut reply = problem(422, "a record is refused for good");
            (reply.body["head"], reply.body["refused"]) = (head_json(&last), Value::Array(refused));
            reply
        })
    }

    // What tests and their stories ask. ------------------------------------------------------------------------------

    /// Loses everything behind a record, as a restored backup does.
    pub fn lose_behind(&self, of: &Cabinet, seq: u64) -> rusqlite::Result<()> {
        let tx = self.conn.unchecked_transaction()?;
        tx.execute(
            "DELETE FROM record WHERE site = ?1 AND cabinet = ?2 AND seq > ?3",
            params![of.site, of.name, number(seq)],
        )?;
        let last: Option<(u64, Hash)> = tx
            .query_row(
                "SELECT epoch, hash FROM record WHERE site = ?1 AND cabinet = ?2 AND seq = ?3 ORDER BY epoch DESC",
                params![of.site, of.name, number(seq)],
                |row| Ok((unsigned(row, 0)?, row.get(1)?)),
            )
            .optional()?;
        match last {
            Some((epoch, hash)) => tx.execute(
                "UPDATE cabinet SET epoch = ?3, seq = ?4, hash = ?5 WHERE site = ?1 AND cabinet = ?2",
                params![of.site, of.name, number(epoch), number(seq), hash],
            )?,
            None => tx.execute("DELETE FROM cabinet WHERE site = ?1 AND cabinet = ?2", params![of.site, of.name])?,
        };
        tx.commit()
    }

    /// How many records there are, with and without payload; after all of them were verified in the order in which they arrived. Of each
    /// epoch the chain must lead on from a record of the one before.
    pub fn verified(&self, of: &Cabinet) -> Result<(u64, u64), String> {
        let wrong = |error: rusqlite::Error| error.to_string();
        let mut statement = self
            .conn
            .prepare(
                "SELECT epoch, seq, hash, header, salt, payload, digest FROM record
                 WHERE site = ?1 AND cabinet = ?2 ORDER BY epoch, seq",
            )
            .map_err(wrong)?;
        let mut rows = statement.query(params![of.site, of.name]).map_err(wrong)?;
        let (mut with, mut without) = (0, 0);
        let mut before: Option<(u64, u64, Hash)> = None;
        while let Some(row) = rows.next().map_err(wrong)? {
            let (epoch, seq) = (unsigned(row, 0).map_err(wrong)?, unsigned(row, 1).map_err(wrong)?);
            let hash: Hash = row.get(2).map_err(wrong)?;
            let header: String = row.get(3).map_err(wrong)?;
            let kept: Hash = row.get(6).map_err(wrong)?;
            let prev = match before {
                Some((last_epoch, last, prev)) if last_epoch == epoch => {
                    if seq != last + 1 {
                        return Err(format!("record {seq} comes behind {last}"));
                    }
                    prev
                }
                // A new epoch leads on from a record of an earlier one.
                Some((last_epoch, ..)) => (last_epoch..epoch)
                    .rev()
                    .chain((0..last_epoch).rev())
                    .find_map(|earlier| held(&self.conn, of, earlier, seq - 1).ok().flatten())
                    .ok_or_else(|| format!("epoch {epoch} begins at {seq} behind nothing"))?,
                None if seq == 1 => [0; 32],
                None => return Err(format!("the first record is {seq}")),
            };
            let (salt, payload): (Option<[u8; 16]>, Option<String>) =
                (row.get(4).map_err(wrong)?, row.get(5).map_err(wrong)?);
            match (salt, payload) {
                (Some(salt), Some(payload)) if digest(&salt, payload.as_bytes()) == kept => with += 1,
                (None, None) => without += 1,
                _ => return Err(format!("the payload of record {seq} is not the one that was hashed")),
            }
            if chain(&prev, &header, &kept) != hash {
                return Err(format!("the chain breaks at record {seq}"));
            }
            before = Some((epoch, seq, hash));
        }
        Ok((with, without))
    }

    /// Numbers of records in the order of their arrival.
    pub fn arrivals(&self, of: &Cabinet) -> rusqlite::Result<Vec<(u64, u64)>> {
        let mut statement =
            self.conn.prepare("SELECT epoch, seq FROM record WHERE site = ?1 AND cabinet = ?2 ORDER BY arrival")?;
        let rows = statement.query_map(params![of.site, of.name], |row| Ok((unsigned(row, 0)?, unsigned(row, 1)?)))?;
        rows.collect()
    }

    /// Which cabinets fell silent or were heard again since the last look. Before `since_ms` nobody listened: of whom nothing was heard since,
    /// it takes longer.
    pub fn turned(&self, since_ms: i64, now_ms: i64) -> rusqlite::Result<Vec<Turned>> {
        let mut statement = self.conn.prepare(
            "UPDATE life SET is_silent = NOT is_silent
             WHERE CASE is_silent
                 WHEN 0 THEN heard_ms + within_ms + ?2 < ?3 AND (heard_ms >= ?1 OR ?1 + max(within_ms + ?2, ?4) < ?3)
                 ELSE within_ms IS NULL OR heard_ms + within_ms + ?2 >= ?3
             END
             RETURNING site, cabinet, is_silent, heard_ms",
        )?;
        let rows = statement.query_map(params![since_ms, PATIENCE_MS, now_ms, AWAY_MS], |row| {
            let cabinet = Cabinet { site: row.get(0)?, name: row.get(1)? };
            Ok(Turned { cabinet, is_silent: row.get(2)?, heard_ms: row.get(3)? })
        })?;
        rows.collect()
    }

    /// The last heartbeat.
    pub fn last_heartbeat(&self, of: &Cabinet) -> rusqlite::Result<Option<String>> {
        let words = self.conn.query_row(
            "SELECT heartbeat FROM cabinet WHERE site = ?1 AND cabinet = ?2",
            params![of.site, of.name],
            |row| row.get(0),
        );
        Ok(words.optional()?.flatten())
    }

    /// The last keymap.
    pub fn last_keymap(&self, of: &Cabinet) -> rusqlite::Result<Option<String>> {
        let select = "SELECT picture FROM keymap WHERE site = ?1 AND cabinet = ?2";
        self.conn.query_row(select, params![of.site, of.name], |row| row.get(0)).optional()
    }

    /// When each record was, as far as the records themselves tell: the recorded wall time, plus what later records of the same boot say
    /// that it was off by. None: no clock of that boot was ever known.
    pub fn dated(&self, of: &Cabinet) -> rusqlite::Result<Vec<(u64, Option<i64>)>> {
        let mut statement = self.conn.prepare(
            "SELECT seq, header, payload FROM record WHERE site = ?1 AND cabinet = ?2 ORDER BY epoch DESC, seq DESC",
        )?;
        let rows = statement.query_map(params![of.site, of.name], |row| {
            Ok((unsigned(row, 0)?, row.get::<_, String>(1)?, row.get::<_, Option<String>>(2)?))
        })?;
        let mut dates = Vec::new();
        let (mut boot, mut off_ms, mut is_known) = (Value::Null, 0, false);
        for row in rows {
            let (seq, header, payload) = row?;
            let header: Value = serde_json::from_str(&header).unwrap_or_default();
            if header["boot"] != boot {
                (boot, off_ms, is_known) = (header["boot"].clone(), 0, false);
            }
            is_known |= matches!(header["clock"].as_str(), Some("synced" | "rtc"));
            dates.push((seq, header["wall_ms"].as_i64().filter(|_| is_known).map(|wall| wall + off_ms)));
            if header["kind"] == "clock-corrected" {
                let payload: Value = payload.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
                off_ms += payload["fact"]["by_ms"].as_i64().unwrap_or(0);
            }
        }
        dates.reverse();
        Ok(dates)
    }
}

/// SQLite's integers have a sign.
const fn number(value: u64) -> i64 {
    value.cast_signed()
}

fn unsigned(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.cast_unsigned())
}

struct Known {
    head: Head,
    machine: Option<String>,
    public_key: [u8; 32],
}

fn read_cabinet(conn: &Connection, of: &Cabinet) -> rusqlite::Result<Option<Known>> {
    conn.query_row(
        "SELECT epoch, seq, hash, machine, public_key FROM cabinet WHERE site = ?1 AND cabinet = ?2",
        params![of.site, of.name],
        |row| {
            let head = Head { epoch: unsigned(row, 0)?, seq: unsigned(row, 1)?, hash: row.get(2)? };
            Ok(Known { head, machine: row.get(3)?, public_key: row.get(4)? })
        },
    )
    .optional()
}

fn held(conn: &Connection, of: &Cabinet, epoch: u64, seq: u64) -> rusqlite::Result<Option<Hash>> {
    conn.prepare("SELECT hash FROM record WHERE site = ?1 AND cabinet = ?2 AND epoch = ?3 AND seq = ?4")?
        .query_row(params![of.site, of.name, number(epoch), number(seq)], |row| row.get(0))
        .optional()
}

/// A record whose hash was computed here.
struct Record {
    head: Head,
    header: String,
    state: String,
    salt: Option<[u8; 16]>,
    payload: Option<String>,
    digest: Hash,
}

/// A line: the payload stays the text that it is.
#[derive(serde::Deserialize)]
struct Line<'a> {
    boot: &'a str,
    clock: &'a str,
    epoch: u64,
    hash: &'a str,
    kind: &'a str,
    mono_ms: u64,
    seq: u64,
    state: &'a str,
    wall_ms: i64,
    #[serde(borrow, default)]
    payload: Option<&'a serde_json::value::RawValue>,
    #[serde(default)]
    salt: Option<&'a str>,
    #[serde(default)]
    digest: Option<&'a str>,
}

impl Record {
    fn read(line: &str, of: &Cabinet, before: &Head) -> Result<Self, &'static str> {
        let line: Line<'_> = serde_json::from_str(line).map_err(|_| "a line is not a record")?;
        if line.seq != before.seq + 1 || line.epoch < before.epoch {
            return Err("the records are not in order");
        }
        let header = canonical(&json!({
            "boot": line.boot, "cabinet": of.name, "clock": line.clock, "epoch": line.epoch, "kind": line.kind,
            "mono_ms": line.mono_ms, "seq": line.seq, "site": of.site, "wall_ms": line.wall_ms,
        }));
        let payload = line.payload.map(|raw| raw.get().to_owned());
        let salt = line.salt.map(|salt| unhex::<16>(salt).ok_or("a salt is no salt")).transpose()?;
        let digest = match (&salt, &payload, line.digest) {
            (Some(salt), Some(payload), None) => digest(salt, payload.as_bytes()),
            (None, None, Some(kept)) => unhex(kept).ok_or("a digest is no digest")?,
            _ => return Err("a record has a payload with its salt, or a digest"),
        };
        let hash = chain(&before.hash, &header, &digest);
        if unhex(line.hash) != Some(hash) {
            return Err("the chain breaks");
        }
        let head = Head { epoch: line.epoch, seq: line.seq, hash };
        Ok(Self { head, header, state: line.state.to_owned(), salt, payload, digest })
    }

    fn insert(&self, conn: &Connection, of: &Cabinet) -> rusqlite::Result<()> {
        let Head { epoch, seq, hash } = self.head;
        conn.prepare(
            "INSERT INTO record (site, cabinet, epoch, seq, hash, header, state, salt, payload, digest)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            of.site,
            of.name,
            number(epoch),
            number(seq),
            hash,
            self.header,
            self.state,
            self.salt,
            self.payload,
            self.digest
        ])?;
        Ok(())
    }
}

fn head_of(value: &Value) -> Option<Head> {
    Some(Head { epoch: value["epoch"].as_u64()?, seq: value["seq"].as_u64()?, hash: unhex(value["hash"].as_str()?)? })
}

fn head_json(head: &Head) -> Value {
    json!({ "epoch": head.epoch, "seq": head.seq, "hash": hex(&head.hash) })
}

const fn ok(body: Value) -> Reply {
    Reply { status: 200, body }
}

/// `application/problem+json`.
pub fn problem(status: u16, detail: &str) -> Reply {
    Reply { status, body: json!({ "type": "about:blank", "title": detail, "status": status, "detail": detail }) }
}
