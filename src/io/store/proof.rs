//! Proof of life: a small block beside the ledger that says when the daemon last lived, and where the ledger ended then.
//!
//! The ledger's end is kept here too because a damaged write-ahead log loses records without a word from SQLite: what is in
//! this block was durable before, so a database that ends earlier has lost something ([`missing`]).
//!
//! Two slots of [`SLOT`] bytes, written in turn and in place, each with a counter and a checksum: a torn write spoils one
//! slot and leaves the former. The file has its full size from the start, so a proof needs no room and one `fdatasync`.

use super::envelope::{Hash, clock_from, clock_word};
use super::{Head, Lost};
use crate::cabinet::types::{BootId, Mono, Stamp, Wall};
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Bytes of a slot: a whole block of every usual device, so that writing one does not touch the other.
const SLOT: usize = 4096;
/// First bytes of a block without a head, as the first versions wrote it.
const MAGIC_1: &[u8; 8] = b"cabproof";
const BODY_1: usize = 8 + 8 + 8 + 8 + 16 + 8;
const MAGIC: &[u8; 8] = b"cabprf02";
const BODY: usize = BODY_1 + 8 + 8 + 32;
const BLOCK: usize = BODY + 32;

/// What a block says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kept {
    pub stamp: Stamp,
    /// The last record that was durable then; none in a block of the first versions.
    pub head: Option<Head>,
}

/// The open proof file.
#[derive(Debug)]
pub struct Proof {
    file: File,
    counter: u64,
    last: Option<Kept>,
}

/// What the newest whole block of a file says, for a look without the daemon. None: no file, or no whole block.
pub fn read(path: &Path) -> Option<Kept> {
    newest(&File::open(path).ok()?).ok()?.map(|(_, kept)| kept)
}

/// What the database lacks of what was durable when the proof was written. A database of a later epoch was restored on purpose.
/// `hash_at` tells the hash of a record.
pub fn missing<E>(
    head: Head,
    known: Option<Head>,
    hash_at: impl FnOnce(u64) -> Result<Option<Hash>, E>,
) -> Result<Option<Lost>, E> {
    let Some(known) = known.filter(|known| known.seq > 0 && known.epoch >= head.epoch) else { return Ok(None) };
    let is_there = known.seq <= head.seq && hash_at(known.seq)? == Some(known.hash);
    Ok((!is_there).then_some(Lost { head, known }))
}

fn newest(file: &File) -> io::Result<Option<(u64, Kept)>> {
    let mut newest: Option<(u64, Kept)> = None;
    for slot in 0..2 {
        let mut block = [0; BLOCK];
        file.read_exact_at(&mut block, slot * SLOT as u64)?;
        if let Some(found) = decode(&block)
            && newest.is_none_or(|(counter, _)| found.0 > counter)
        {
            newest = Some(found);
        }
    }
    Ok(newest)
}

impl Proof {
    /// Opens the file, or makes it at its full size.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        if file.metadata()?.len() < 2 * SLOT as u64 {
            file.write_all_at(&[0; 2 * SLOT], 0)?;
            file.sync_all()?;
        }
        let newest = newest(&file)?;
        Ok(Self { file, counter: newest.map_or(0, |(counter, _)| counter), last: newest.map(|(_, kept)| kept) })
    }

    /// The last proof that is whole.
    #[must_use]
    pub const fn last(&self) -> Option<Kept> {
        self.last
    }

    /// Writes a proof over the older slot and makes it durable.
    pub fn write(&mut self, stamp: Stamp, head: Head) -> io::Result<()> {
        let counter = self.counter + 1;
        self.file.write_all_at(&encode(counter, stamp, head), (counter % 2) * SLOT as u64)?;
        self.file.sync_data()?;
        self.counter = counter;
        self.last = Some(Kept { stamp, head: Some(head) });
        Ok(())
    }
}

fn encode(counter: u64, stamp: Stamp, head: Head) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut clock = [0; 8];
    let word = clock_word(stamp.clock).as_bytes();
    clock[..word.len()].copy_from_slice(word);
    block[..8].copy_from_slice(MAGIC);
    block[8..16].copy_from_slice(&counter.to_be_bytes());
    block[16..24].copy_from_slice(&stamp.mono.0.to_be_bytes());
    block[24..32].copy_from_slice(&stamp.wall.0.to_be_bytes());
    block[32..48].copy_from_slice(&stamp.boot.0.to_be_bytes());
    block[48..56].copy_from_slice(&clock);
    block[56..64].copy_from_slice(&head.epoch.to_be_bytes());
    block[64..72].copy_from_slice(&head.seq.to_be_bytes());
    block[72..104].copy_from_slice(&head.hash);
    let sum = Sha256::digest(&block[..BODY]);
    block[BODY..].copy_from_slice(&sum);
    block
}

fn decode(block: &[u8; BLOCK]) -> Option<(u64, Kept)> {
    let body = match &block[..8] {
        magic if magic == MAGIC => BODY,
        magic if magic == MAGIC_1 => BODY_1,
        _ => return None,
    };
    if Sha256::digest(&block[..body])[..] != block[body..body + 32] {
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
    let hash = || block[72..104].try_into().expect("a slice of 32 bytes");
    let head = (body == BODY).then(|| Head { epoch: word(56), seq: word(64), hash: hash() });
    Some((word(8), Kept { stamp, head }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cabinet::types::ClockQuality;

    fn stamp(mono: u64) -> Stamp {
        Stamp { mono: Mono(mono), wall: Wall(-5), clock: ClockQuality::Restored, boot: BootId(u128::MAX - 7) }
    }

    fn head(seq: u64) -> Head {
        Head { epoch: 2, seq, hash: [seq.to_be_bytes()[7]; 32] }
    }

    fn kept(mono: u64) -> Kept {
        Kept { stamp: stamp(mono), head: Some(head(mono)) }
    }

    #[test]
    fn the_last_proof_survives_a_torn_write_of_the_next() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("proof");
        assert_eq!(read(&path), None);
        let mut proof = Proof::open(&path).expect("opens");
        assert_eq!(proof.last(), None);
        for mono in 1..=5 {
            proof.write(stamp(mono), head(mono)).expect("writes");
            assert_eq!(Proof::open(&path).expect("opens").last(), Some(kept(mono)));
            assert_eq!(read(&path), Some(kept(mono)));
        }
        // The sixth write is cut at every byte: never is the fifth lost before the sixth is whole.
        let next = encode(6, stamp(6), head(6));
        let file = OpenOptions::new().write(true).open(&path).expect("opens");
        for cut in 0..=next.len() {
            file.write_all_at(&next[..cut], 0).expect("writes");
            let expected = if cut == next.len() { 6 } else { 5 };
            assert_eq!(Proof::open(&path).expect("opens").last(), Some(kept(expected)), "cut after {cut} bytes");
        }
    }

    #[test]
    fn a_block_of_the_first_versions_is_read_without_a_head() {
        let mut block = encode(9, stamp(7), head(1));
        block[..8].copy_from_slice(MAGIC_1);
        let sum = Sha256::digest(&block[..BODY_1]);
        block[BODY_1..BODY_1 + 32].copy_from_slice(&sum);
        assert_eq!(decode(&block), Some((9, Kept { stamp: stamp(7), head: None })));
    }

    #[test]
    fn a_database_behind_the_proof_or_another_one_has_lost_something() {
        let at = |_: u64| Ok::<_, ()>(Some([5; 32]));
        let lost = |head, known| Some(Lost { head, known });
        assert_eq!(missing(head(5), None, at), Ok(None), "an old proof");
        assert_eq!(missing(head(5), Some(head(5)), at), Ok(None));
        assert_eq!(missing(head(9), Some(head(5)), at), Ok(None));
        assert_eq!(missing(head(5), Some(head(9)), at), Ok(lost(head(5), head(9))), "behind");
        assert_eq!(missing(head(9), Some(head(6)), at), Ok(lost(head(9), head(6))), "another hash");
        let restored = Head { epoch: 3, ..head(2) };
        assert_eq!(missing(restored, Some(head(9)), at), Ok(None), "restored on purpose");
    }
}
