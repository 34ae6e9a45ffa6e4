//! A look at the ledger for those who may not see silent alarms: bounded, and numbered so that nothing is missing.
//!
//! Records are numbered as everything else is ([`Hidden`]); a page ends after so many records that
//! may be seen, so neither numbers nor the length of a page tell where a silent one was.

use super::reader::Illegible;
use super::{Entry, Filter, Reader, StoreError};
use crate::cabinet::numbers::Hidden;
use crate::cabinet::types::Wall;

/// Records of one look at most, and how many are gone through for them.
const MOST: usize = 200;
const MOST_SCANNED: usize = 4_000;
/// About so many bytes of payload at most; one record may have more.
const MOST_BYTES: usize = 512 << 10;
/// Records read at a time.
const CHUNK: usize = 200;

/// Some of the records, in the order of the walk.
#[derive(Debug)]
pub struct Glance {
    pub entries: Vec<Entry>,
    /// The number of the last record that was gone through, if the walk is not at its end.
    pub reached: Option<u64>,
}

impl Reader {
    /// Wanted records behind a number, or with `down` before it, up to record `head`, without those of silent alarms whatever the filter
    /// says.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn glance(
        &self,
        filter: &Filter,
        number: u64,
        down: bool,
        hidden: &Hidden,
        head: u64,
    ) -> Result<Glance, StoreError> {
        let first = filter.session.map(|session| hidden.seq(session.0));
        let filter = &Filter { silent: false, ..filter.clone() };
        let (mut entries, mut scanned, mut bytes) = (Vec::new(), 0, 0);
        let mut next = match (down, hidden.seq(number)) {
            (true, seq) => Some(seq.min(head.saturating_add(1)).saturating_sub(1)),
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
                if seq > head {
                    return Ok(Glance { entries, reached: None });
                }
                next = if down { seq.checked_sub(1) } else { seq.checked_add(1) };
                if hidden.holds(seq) {
                    continue;
                }
                scanned += 1;
                if has_columns(filter, &entry) && self.is_wanted(&entry, filter, first)? {
                    bytes += entry.payload.as_ref().map_or(0, String::len);
                    entries.push(entry);
                }
                if entries.len() >= MOST || bytes >= MOST_BYTES || scanned >= MOST_SCANNED {
                    return Ok(Glance { entries, reached: Some(hidden.number(seq)) });
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
