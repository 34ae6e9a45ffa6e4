//! Looks into the write-ahead log itself, since `SQLite` says nothing of damage there: it takes the first frame that does not fit for the
//! log's end, and drops what comes after it.
//!
//! That is right after a power cut: the last transaction was under way, and nobody was told that it is durable. It is wrong when a
//! byte goes bad further up. The two are told apart by what stands behind: the writer syncs each transaction before it begins the
//! next, so behind the torn one there is no second one that hangs together with it. Two ends of transactions in an unbroken run of
//! frames behind the log's end are therefore damage. Damage within the last transaction looks like a power cut; that one the proof
//! of life shows.
//!
//! The format: <https://sqlite.org/fileformat2.html#the_write_ahead_log>.

use std::path::{Path, PathBuf};

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
const MAGIC: u32 = 0x377f_0682;

/// Where the log of a database is.
#[must_use]
pub fn beside(database: &Path) -> PathBuf {
    let mut path = database.to_owned().into_os_string();
    path.push("-wal");
    PathBuf::from(path)
}

/// The number of the last frame before damage; none = undamaged, or no log.
///
/// The log of a daemon at work changes while it is read, so that what looks like damage is looked at again.
pub fn damaged_after(path: &Path) -> Option<u64> {
    const LOOKS: usize = 4;
    let mut found = damage(&std::fs::read(path).ok()?)?;
    for _ in 1..LOOKS {
        let again = damage(&std::fs::read(path).ok()?)?;
        found = found.max(again);
    }
    Some(found)
}

/// The same for the bytes of a log.
#[must_use]
pub fn damage(log: &[u8]) -> Option<u64> {
    let header = log.get(..HEADER)?;
    let magic = word(header, 0);
    if magic & !1 != MAGIC {
        return None;
    }
    let sums = Sums { big_endian: magic & 1 == 1 };
    let page_size = usize::try_from(word(header, 8)).ok().filter(|size| (512..=65_536).contains(size))?;
    let frames: Vec<&[u8]> = log[HEADER..].chunks_exact(FRAME_HEADER + page_size).collect();
    let header_fits = sums.of((0, 0), &header[..24]) == stored(header, 24);
    // With a damaged header, the first frame tells which round of the log it is.
    let salts = if header_fits { &header[16..24] } else { frames.first()?.get(8..16)? };
    let fits = |before, frame: &[u8]| {
        frame[8..16] == *salts && sums.of(sums.of(before, &frame[..8]), &frame[FRAME_HEADER..]) == stored(frame, 16)
    };
    let mut sum = stored(header, 24);
    let mut end = 0;
    while header_fits && end < frames.len() && fits(sum, frames[end]) {
        sum = stored(frames[end], 16);
        end += 1;
    }
    // Behind the end: runs of frames of this round, each fitting the one before it.
    let mut ends_of_transactions = 0;
    for (at, frame) in frames.iter().enumerate().skip(end) {
        let fits_before = at > end && fits(stored(frames[at - 1], 16), frame);
        if !fits_before {
            ends_of_transactions = 0;
        }
        if frame[8..16] == *salts && word(frame, 4) != 0 {
            ends_of_transactions += 1;
        }
        if fits_before && ends_of_transactions >= 2 {
            return Some(end as u64);
        }
    }
    None
}

/// The log's checksum.
struct Sums {
    big_endian: bool,
}

impl Sums {
    fn of(&self, (mut one, mut two): (u32, u32), bytes: &[u8]) -> (u32, u32) {
        for pair in bytes.chunks_exact(8) {
            let word = |at: usize| {
                let four = pair[at..at + 4].try_into().expect("a slice of four bytes");
                if self.big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
            };
            one = one.wrapping_add(word(0)).wrapping_add(two);
            two = two.wrapping_add(word(4)).wrapping_add(one);
        }
        (one, two)
    }
}

fn stored(bytes: &[u8], at: usize) -> (u32, u32) {
    (word(bytes, at), word(bytes, at + 4))
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("a slice of four bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    const PAGE: usize = 512;
    const FRAME: usize = FRAME_HEADER + PAGE;

    /// A log as `SQLite` writes it: transactions of one row each; where each frame begins, and whether it ends a transaction.
    fn log() -> (Vec<u8>, Vec<bool>) {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a.db");
        let conn = Connection::open(&path).expect("opens");
        conn.execute_batch(
            "PRAGMA page_size = 512; PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0;
             CREATE TABLE a (b); CREATE INDEX c ON a (b);",
        )
        .expect("made");
        for number in 0..20 {
            conn.execute("INSERT INTO a VALUES (?1)", [number]).expect("inserted");
        }
        let log = std::fs::read(dir.path().join("a.db-wal")).expect("read");
        let ends = log[HEADER..].chunks_exact(FRAME).map(|frame| word(frame, 4) != 0).collect();
        (log, ends)
    }

    #[test]
    fn every_flipped_byte_but_in_the_last_transactions_shows() {
        let (log, ends) = log();
        assert_eq!(damage(&log), None, "undamaged");
        assert!(ends.len() > 30, "{} frames", ends.len());
        for (frame, _) in ends.iter().enumerate() {
            // The page's number, its end mark, a salt, the checksum, the content.
            for place in [0, 8, 15, 16, 23, 24, 300, FRAME - 1] {
                let mut flipped = log.clone();
                flipped[HEADER + frame * FRAME + place] ^= 0x40;
                let behind = ends[frame + 1..].iter().filter(|end| **end).count();
                let found = damage(&flipped);
                match behind {
                    0 => assert_eq!(found, None, "frame {frame}: as after a power cut"),
                    1 | 2 => assert!(found.is_none_or(|found| found == frame as u64), "frame {frame}: {found:?}"),
                    _ => assert_eq!(found, Some(frame as u64), "frame {frame}, byte {place}"),
                }
            }
        }
        let mut flipped = log.clone();
        flipped[25] ^= 1;
        assert_eq!(damage(&flipped), Some(0), "the header");
    }

    #[test]
    fn a_power_cut_is_no_damage() {
        let (log, ends) = log();
        for cut in (HEADER..log.len()).step_by(97) {
            assert_eq!(damage(&log[..cut]), None, "cut after {cut} bytes");
        }
        // The last transaction came to the disk but for any one of its frames.
        let last = ends.iter().rposition(|end| *end).expect("an end");
        let first = ends[..last].iter().rposition(|end| *end).expect("an end") + 1;
        assert!(last > first, "of several frames");
        for frame in first..=last {
            let mut torn = log.clone();
            torn[HEADER + frame * FRAME..HEADER + (frame + 1) * FRAME].fill(0);
            assert_eq!(damage(&torn), None, "frame {frame} is missing");
        }
    }

    #[test]
    fn what_a_former_round_left_behind_is_no_damage() {
        let dir = tempfile::tempdir().expect("a folder");
        let conn = Connection::open(dir.path().join("a.db")).expect("opens");
        conn.execute_batch("PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0; CREATE TABLE a (b);")
            .expect("made");
        let insert = || conn.execute("INSERT INTO a VALUES (randomblob(3000))", []).expect("inserted");
        for _ in 0..20 {
            insert();
        }
        conn.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(())).expect("checkpointed");
        insert();
        let log = std::fs::read(dir.path().join("a.db-wal")).expect("read");
        assert_eq!(damage(&log), None);
        assert_eq!(damage(&[]), None);
        assert_eq!(damage(&[0; 5000]), None);
    }
}
