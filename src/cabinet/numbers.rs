//! The numbers by which people know visits, alarms, outages and drills: that of the record that begins each, without counting the records
//! of silent alarms. So whoever counts what the log or the status shows finds no gap where one of those was.

use super::fact::{Fact, Record};
use super::types::AlarmId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The records of silent alarms, by `seq`, ascending.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug, Default)]
#[serde(transparent)]
pub struct Hidden(Vec<u64>);

impl Hidden {
    /// Takes note of a record.
    pub fn note(&mut self, seq: u64, fact: &Fact) -> bool {
        let is_hidden = match fact {
            Fact::AlarmRaised { number, .. } => number.is_some_and(AlarmId::is_silent),
            Fact::AlarmAcknowledged { alarm } | Fact::AlarmCleared { alarm, .. } => alarm.is_silent(),
            _ => false,
        };
        if is_hidden {
            self.0.push(seq);
        }
        is_hidden
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is a record of a silent alarm.
    #[must_use]
    pub fn holds(&self, seq: u64) -> bool {
        self.0.binary_search(&seq).is_ok()
    }

    /// The number of a record: how many there are up to it that may be seen.
    #[must_use]
    pub fn number(&self, seq: u64) -> u64 {
        seq.saturating_sub(self.0.partition_point(|hidden| *hidden <= seq) as u64)
    }

    /// Whether none of these records, which follow one another, may be seen.
    #[must_use]
    pub fn hides(&self, records: &[Record]) -> bool {
        match records {
            [first, .., last] => self.number(last.seq) == self.number(first.seq.saturating_sub(1)),
            [one] => self.0.binary_search(&one.seq).is_ok(),
            [] => false,
        }
    }

    /// The numbers of those of these records that may be seen.
    #[must_use]
    pub fn numbers(&self, records: &BTreeSet<u64>) -> BTreeSet<u64> {
        records.iter().filter(|seq| !self.holds(**seq)).map(|seq| self.number(*seq)).collect()
    }

    /// The record of a number.
    #[must_use]
    pub fn seq(&self, number: u64) -> u64 {
        self.0.iter().fold(number, |seq, hidden| if *hidden <= seq { seq.saturating_add(1) } else { seq })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cabinet::types::{BootId, ClockQuality, Mono, Origin, Stamp, Wall};

    #[test]
    fn numbers_have_no_gap_and_lead_back() {
        let hidden = Hidden(vec![3, 4, 7]);
        let seen = [1, 2, 5, 6, 8, 9];
        assert_eq!(seen.map(|seq| hidden.number(seq)), [1, 2, 3, 4, 5, 6]);
        assert_eq!([1, 2, 3, 4, 5, 6].map(|number| hidden.seq(number)), seen);
        let stamp = Stamp { mono: Mono(1), wall: Wall(1), clock: ClockQuality::Synced, boot: BootId(1) };
        let record = |seq| Record { seq, stamp, by: Origin::cabinet(), fact: Fact::LinesLost };
        let hides = |seqs: &[u64]| hidden.hides(&seqs.iter().map(|seq| record(*seq)).collect::<Vec<_>>());
        assert!(hides(&[3]) && hides(&[3, 4]) && hides(&[7]));
        assert!(!hides(&[2]) && !hides(&[2, 3]) && !hides(&[3, 4, 5]) && !hides(&[4, 5, 6, 7]) && !hides(&[]));
        assert_eq!((Hidden::default().number(9), Hidden::default().seq(9)), (9, 9), "as in every ledger so far");
    }
}
