//! The ledger as upstream is sent it: from any record on, line by line, as bytes that are ready to go.
//!
//! Each line is a record as `docs/upstream.openapi.yaml` has it: its payload stands byte for byte as it was hashed, so that nobody has to
//! write canonical JSON to verify it. A payload that stays here ([`Withheld`], parked, erased) is a digest there, and the chain holds.
//!
//! **Does not** decide how far upstream is, nor change anything.

use super::envelope::{GENESIS, Hash, SALT_LEN, digest};
use super::{Head, Reader, StoreError};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::collections::BTreeSet;
use std::io::Write as _;

/// Kinds of records whose payloads stay here.
pub type Withheld = BTreeSet<String>;

/// A stretch of the ledger, ready to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Excerpt {
    /// The record before the first one; at the ledger's beginning `0:0:0…`.
    pub after: Head,
    /// The last record.
    pub last: Head,
    pub records: usize,
    /// One line of JSON for each.
    pub lines: Vec<u8>,
}

impl Reader {
    /// The records behind number `after`: at least one if there is one, at most `most` and about `most_bytes` bytes. None: there is none.
    ///
    /// # Errors
    /// The ledger cannot be read, or record `after` is not there.
    pub fn excerpt(
        &self,
        after: u64,
        most: usize,
        most_bytes: usize,
        withheld: &Withheld,
    ) -> Result<Option<Excerpt>, StoreError> {
        let failed = |source| StoreError::classify("read the ledger", source);
        let after =
            self.place(after)?.ok_or_else(|| StoreError::Damaged { what: format!("record {after} is missing") })?;
        let mut statement = self
            .conn
            .prepare(
                "SELECT seq, epoch, kind, boot, mono_ms, wall_ms, clock, salt, payload_state, payload, digest, hash
                 FROM ledger WHERE seq > ?1 ORDER BY seq LIMIT ?2",
            )
            .map_err(failed)?;
        let limit = i64::try_from(most.max(1)).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![after.seq.cast_signed(), limit]).map_err(failed)?;
        let mut excerpt = Excerpt { after, last: after, records: 0, lines: Vec::new() };
        while let Some(row) = rows.next().map_err(failed)? {
            let seq = excerpt.last.seq + 1;
            let damaged = |what: &str| StoreError::Damaged { what: format!("record {seq}: its {what} cannot be read") };
            let found: i64 = row.get(0).map_err(failed)?;
            if found.cast_unsigned() != seq {
                return Err(StoreError::Damaged { what: format!("record {seq} is missing") });
            }
            let started = excerpt.lines.len();
            write_line(row, seq, withheld, &mut excerpt.lines).map_err(damaged)?;
            if excerpt.records > 0 && excerpt.lines.len() > most_bytes {
                excerpt.lines.truncate(started);
                break;
            }
            excerpt.last = Head {
                epoch: row.get::<_, i64>(1).map_err(failed)?.cast_unsigned(),
                seq,
                hash: row.get(11).map_err(failed)?,
            };
            excerpt.records += 1;
        }
        Ok((excerpt.records > 0).then_some(excerpt))
    }

    /// The place of a record: its epoch and hash. For 0 the beginning; none if it is not there.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn place(&self, seq: u64) -> Result<Option<Head>, StoreError> {
        if seq == 0 {
            return Ok(Some(Head { epoch: 0, seq: 0, hash: GENESIS }));
        }
        self.conn
            .prepare("SELECT epoch, hash FROM ledger WHERE seq = ?1")
            .and_then(|mut statement| {
                statement
                    .query_row([i64::try_from(seq).unwrap_or(i64::MAX)], |row| {
                        Ok(Head { epoch: row.get::<_, i64>(0)?.cast_unsigned(), seq, hash: row.get(1)? })
                    })
                    .optional()
            })
            .map_err(|source| StoreError::classify("read a record's place", source))
    }

    /// The last record of this epoch or of one before it; the beginning if there is none.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn last_until(&self, epoch: u64) -> Result<Head, StoreError> {
        // Epochs never go down, so the numbers can be halved; there is no index to ask.
        let (mut below, mut above) = (0, self.head()?.seq + 1);
        while above - below > 1 {
            let middle = below + (above - below) / 2;
            match self.place(middle)? {
                Some(place) if place.epoch <= epoch => below = middle,
                _ => above = middle,
            }
        }
        self.place(below)?.ok_or_else(|| StoreError::Damaged { what: format!("record {below} is missing") })
    }

    /// How far a destination has the ledger, as far as it was acknowledged.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn acknowledged(&self, destination: &str) -> Result<Option<Head>, StoreError> {
        Ok(self.signed_heads()?.into_iter().find(|signed| signed.destination == destination).map(|signed| signed.head))
    }

    /// The records whose payloads upstream refused.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn parked(&self) -> Result<BTreeSet<u64>, StoreError> {
        parked(&self.conn)
    }

    /// A payload and its salt, with the record's epoch; none if it is not there any more, or is to stay here.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn payload(&self, seq: u64, withheld: &Withheld) -> Result<Option<(u64, [u8; SALT_LEN], String)>, StoreError> {
        let found: Option<(String, _)> = self
            .conn
            .query_row(
                "SELECT kind, epoch, salt, payload FROM ledger WHERE seq = ?1 AND payload IS NOT NULL",
                [i64::try_from(seq).unwrap_or(i64::MAX)],
                |row| Ok((row.get(0)?, (row.get::<_, i64>(1)?.cast_unsigned(), row.get(2)?, row.get(3)?))),
            )
            .optional()
            .map_err(|source| StoreError::classify("read a payload", source))?;
        Ok(found.filter(|(kind, _)| !withheld.contains(kind)).map(|(_, payload)| payload))
    }
}

/// The list of parked records.
pub(super) fn parked(conn: &Connection) -> Result<BTreeSet<u64>, StoreError> {
    let list: Option<String> = conn
        .query_row("SELECT value FROM meta WHERE name = 'parked'", [], |row| row.get(0))
        .optional()
        .map_err(|source| StoreError::classify("read which records are parked", source))?;
    list.unwrap_or_default()
        .split(',')
        .filter(|word| !word.is_empty())
        .map(|word| word.parse().map_err(|_| StoreError::Damaged { what: format!("a parked record reads \"{word}\"") }))
        .collect()
}

/// One record as a line; or the column that makes no sense.
fn write_line(row: &rusqlite::Row<'_>, seq: u64, withheld: &Withheld, out: &mut Vec<u8>) -> Result<(), &'static str> {
    let number = |index, name| row.get::<_, i64>(index).map_err(|_| name);
    let text = |index, name| row.get_ref(index).ok().and_then(|value| value.as_str().ok()).ok_or(name);
    let bytes = |index, name| row.get_ref(index).ok().and_then(|value| value.as_blob_or_null().ok()).ok_or(name);
    let (kind, state) = (text(2, "kind")?, text(8, "payload_state")?);
    // Words of our own, which need no escaping: kinds, clocks, states.
    let plain = |word: &str| word.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
    if !plain(kind) || !plain(text(6, "clock")?) {
        return Err("kind or clock");
    }
    out.extend_from_slice(b"{\"boot\":\"");
    push_hex(bytes(3, "boot")?.ok_or("boot")?, out);
    // Writing to a vector does not fail.
    let _ = write!(
        out,
        "\",\"clock\":\"{}\",\"epoch\":{},\"hash\":\"",
        text(6, "clock")?,
        number(1, "epoch")?.cast_unsigned()
    );
    push_hex(bytes(11, "hash")?.ok_or("hash")?, out);
    let _ = write!(out, "\",\"kind\":\"{kind}\",\"mono_ms\":{},", number(4, "mono_ms")?.cast_unsigned());
    let payload = row.get_ref(9).ok().and_then(|value| value.as_str_or_null().ok()).ok_or("payload")?;
    let salt = bytes(7, "salt")?;
    let stays = state == "present" && withheld.contains(kind);
    match (payload, salt) {
        (Some(payload), Some(salt)) if state == "present" && !stays => {
            out.extend_from_slice(b"\"payload\":");
            out.extend_from_slice(payload.as_bytes());
            out.extend_from_slice(b",\"salt\":\"");
            push_hex(salt, out);
        }
        (payload, salt) => {
            let kept: Hash = match (payload, salt) {
                (Some(payload), Some(salt)) => digest(salt, payload.as_bytes()),
                _ => bytes(10, "digest")?.and_then(|kept| kept.try_into().ok()).ok_or("digest")?,
            };
            out.extend_from_slice(b"\"digest\":\"");
            push_hex(&kept, out);
        }
    }
    let state = if stays { "withheld" } else { state };
    let _ = writeln!(out, "\",\"seq\":{seq},\"state\":\"{state}\",\"wall_ms\":{}}}", number(5, "wall_ms")?);
    Ok(())
}

fn push_hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}
