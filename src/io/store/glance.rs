//! A look at the ledger for those who may not see silent alarms: bounded, and numbered so that nothing is missing.
//!
//! The number of a record is how many there are up to it that may be seen ([`Unheard::number`]); a page ends after so many records that
//! may be seen, so neither numbers nor the length of a page tell where a silent one was.

use super::reader::Illegible;
use super::{Entry, Filter, Reader, StoreError};
use crate::cabinet::types::Wall;
use std::collections::BTreeSet;

/// Records of one look at most, and how many are gone through for them.
const MOST: usize = 200;
const MOST_SCANNED: usize = 4_000;
/// About so many bytes of payload at most; one record may have more.
const MOST_BYTES: usize = 512 << 10;
/// Records read at a time.
const CHUNK: usize = 200;

/// The records of silent alarms, by `seq`, ascending, up to a record.
#[derive(Debug, Default)]
pub struct Unheard {
    seqs: Vec<u64>,
    until: u64,
}

impl Unheard {
    /// Takes note of what was recorded since.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn catch_up(&mut self, reader: &Reader) -> Result<(), StoreError> {
        let kinds = ["alarm-raised", "alarm-acknowledged", "alarm-cleared"].map(str::to_owned);
        let alarms = Filter { kinds: BTreeSet::from(kinds), silent: true, ..Filter::default() };
        let head = reader.head()?.seq;
        for entry in reader.entries(&alarms, self.until) {
            let entry = entry?;
            if entry.header.seq > head {
                break;
            }
            if let Some((_, fact)) = entry.fact()
                && reader.is_silent(&fact)?
            {
                self.seqs.push(entry.header.seq);
            }
        }
        self.until = head;
        Ok(())
    }

    /// The number of a record: how many there are up to it that may be seen.
    #[must_use]
    pub fn number(&self, seq: u64) -> u64 {
        seq.saturating_sub(self.seqs.partition_point(|silent| *silent <= seq) as u64)
    }

    /// The record of a number.
    #[must_use]
    pub fn seq(&self, number: u64) -> u64 {
        self.seqs.iter().fold(number, |seq, silent| if *silent <= seq { seq.saturating_add(1) } else { seq })
    }

    fn holds(&self, seq: u64) -> bool {
        self.seqs.binary_search(&seq).is_ok()
    }
}

/// Some of the records, in the order of the walk.
#[derive(Debug)]
pub struct Glance {
    pub entries: Vec<Entry>,
    /// The number of the last record that was gone through, if the walk is not at its end.
    pub reached: Option<u64>,
}

impl Reader {
    /// Wanted records behind a number, or with `down` before it, without those of silent alarms whatever the filter says.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn glance(&self, filter: &Filter, number: u64, down: bool, unheard: &Unheard) -> Result<Glance, StoreError> {
        let filter = &Filter { silent: false, ..filter.clone() };
        let (mut entries, mut scanned, mut bytes) = (Vec::new(), 0, 0);
        let mut next = match (down, unheard.seq(number)) {
            (true, seq) => Some(seq.min(unheard.until.saturating_add(1)).saturating_sub(1)),
            (false, seq) => seq.checked_add(1),
        };
        while let Some(from) = next {
            let page = self.page(from, down, CHUNK, &Filter::default())?;
            next = None;
            for entry in page {
                let entry = entry.map_err(|Illegible { seq, column }| StoreError::Damaged {
                    what: format!("record {seq} cannot be read (its {column})"),
                })?;
                let seq = entry.header.seq;
                // What came since the numbers were made is for the next look.
                if seq > unheard.until {
                    return Ok(Glance { entries, reached: None });
                }
                next = if down { seq.checked_sub(1) } else { seq.checked_add(1) };
                if unheard.holds(seq) {
                    continue;
                }
                scanned += 1;
                if has_columns(filter, &entry) && self.is_wanted(&entry, filter)? {
                    bytes += entry.payload.as_ref().map_or(0, String::len);
                    entries.push(entry);
                }
                if entries.len() >= MOST || bytes >= MOST_BYTES || scanned >= MOST_SCANNED {
                    return Ok(Glance { entries, reached: Some(unheard.number(seq)) });
                }
            }
        }
        Ok(Glance { entries, reached: None })
    }
}

/// What a page asked of the database would be picked by.
fn has_columns(filter: &Filter, entry: &Entry) -> bool {
    let wall = entry.header.stamp.wall;
    let from = filter.since.unwrap_or(Wall(i64::MIN));
    wall >= from
        && filter.until.is_none_or(|until| wall < until)
        && (filter.kinds.is_empty() || filter.kinds.contains(&entry.header.kind))
}
