//! Proof of life: a small block beside the ledger that says when the daemon last lived.
//!
//! Two slots of [`SLOT`] bytes, written in turn and in place, each with a counter and a checksum: a torn write spoils one
//! slot and leaves the former. The file has its full size from the start, so a proof needs no room and one `fdatasync`.

use super::envelope::{clock_from, clock_word};
use crate::cabinet::types::{BootId, Mono, Stamp, Wall};
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Bytes of a slot: a whole block of every usual device, so that writing one does not touch the other.
const SLOT: usize = 4096;
const MAGIC: &[u8; 8] = b"cabproof";
const BODY: usize = 8 + 8 + 8 + 8 + 16 + 8;

/// The open proof file.
#[derive(Debug)]
pub struct Proof {
    file: File,
    counter: u64,
    last: Option<Stamp>,
}

impl Proof {
    /// Opens the file, or makes it at its full size.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        if file.metadata()?.len() < 2 * SLOT as u64 {
            file.write_all_at(&[0; 2 * SLOT], 0)?;
            file.sync_all()?;
        }
        let mut newest: Option<(u64, Stamp)> = None;
        for slot in 0..2 {
            let mut block = [0; BODY + 32];
            file.read_exact_at(&mut block, slot * SLOT as u64)?;
            if let Some(found) = decode(&block)
                && newest.is_none_or(|(counter, _)| found.0 > counter)
            {
                newest = Some(found);
            }
        }
        Ok(Self { file, counter: newest.map_or(0, |(counter, _)| counter), last: newest.map(|(_, stamp)| stamp) })
    }

    /// The last proof that is whole.
    #[must_use]
    pub const fn last(&self) -> Option<Stamp> {
        self.last
    }

    /// Writes a proof over the older slot and makes it durable.
    pub fn write(&mut self, stamp: Stamp) -> io::Result<()> {
        let counter = self.counter + 1;
        self.file.write_all_at(&encode(counter, stamp), (counter % 2) * SLOT as u64)?;
        self.file.sync_data()?;
        self.counter = counter;
        self.last = Some(stamp);
        Ok(())
    }
}

fn encode(counter: u64, stamp: Stamp) -> [u8; BODY + 32] {
    let mut block = [0; BODY + 32];
    let mut clock = [0; 8];
    let word = clock_word(stamp.clock).as_bytes();
    clock[..word.len()].copy_from_slice(word);
    block[..8].copy_from_slice(MAGIC);
    block[8..16].copy_from_slice(&counter.to_be_bytes());
    block[16..24].copy_from_slice(&stamp.mono.0.to_be_bytes());
    block[24..32].copy_from_slice(&stamp.wall.0.to_be_bytes());
    block[32..48].copy_from_slice(&stamp.boot.0.to_be_bytes());
    block[48..56].copy_from_slice(&clock);
    let sum = Sha256::digest(&block[..BODY]);
    block[BODY..].copy_from_slice(&sum);
    block
}

fn decode(block: &[u8; BODY + 32]) -> Option<(u64, Stamp)> {
    if block[..8] != *MAGIC || Sha256::digest(&block[..BODY])[..] != block[BODY..] {
        return None;
    }
    let word = |at: usize| u64::from_be_bytes(block[at..at + 8].try_into().expect("a slice of eight bytes"));
    let clock = std::str::from_utf8(&block[48..56]).ok()?;
    let stamp = Stamp {
        mono: Mono(word(16)),
        wall: Wall(word(24).cast_signed()),
        boot: BootId(u128::from(word(32)) << 64 | u128::from(word(40))),
        clock: clock_from(clock.trim_end_matches('\0'))?,
    };
    Some((word(8), stamp))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cabinet::types::ClockQuality;

    fn stamp(mono: u64) -> Stamp {
        Stamp { mono: Mono(mono), wall: Wall(-5), clock: ClockQuality::Restored, boot: BootId(u128::MAX - 7) }
    }

    #[test]
    fn the_last_proof_survives_a_torn_write_of_the_next() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("proof");
        let mut proof = Proof::open(&path).expect("opens");
        assert_eq!(proof.last(), None);
        for mono in 1..=5 {
            proof.write(stamp(mono)).expect("writes");
            assert_eq!(Proof::open(&path).expect("opens").last(), Some(stamp(mono)));
        }
        // The sixth write is cut at every byte: never is the fifth lost before the sixth is whole.
        let next = encode(6, stamp(6));
        let file = OpenOptions::new().write(true).open(&path).expect("opens");
        for cut in 0..=next.len() {
            file.write_all_at(&next[..cut], 0).expect("writes");
            let expected = if cut == next.len() { 6 } else { 5 };
            assert_eq!(Proof::open(&path).expect("opens").last(), Some(stamp(expected)), "cut after {cut} bytes");
        }
    }
}
