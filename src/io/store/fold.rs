//! The views against the records: whether what the ledger adds up to is what stands in the tables.
//!
//! The records go one by one through [`Books::apply`], which made the views in the first place; then row is compared with row.
//!
//! **Does not** compare what no record holds: people and keys of the roster (their secrets), vouched codes, remembered answers, and how
//! far the bucket of failures has leaked (the rate is in the config); nor how much was taken in the session under way, which a
//! version that did not count it yet may have begun. Nor does it guess: behind a record whose payload is gone, or
//! of a kind that this program does not know, nothing is compared, and that is said.
//!
//! So what [`Books::apply`] makes of a kind of record must stay as it is once ledgers hold such records; who changes it writes a
//! migration that brings the stored rows along.

use super::reader::Entry;
use super::rows::address;
use crate::cabinet::books::{Books, Row, Session, Throttle, View};
use crate::cabinet::fact::Record;
use serde::Serialize;
use std::collections::BTreeMap;

/// What became of the comparison.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum ViewsFound {
    /// Row by row; what differs is among the problems.
    Compared { rows: u64 },
    /// Why it could not be done.
    NotCompared { why: String },
}

/// A row that is not what the records add up to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RowFound {
    pub view: String,
    pub row: String,
    pub how: Amiss,
}

/// What is the matter with a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Amiss {
    /// It says something else.
    Differs,
    /// The records make it, and it is not there.
    Missing,
    /// It is there, and no record makes it.
    Unfounded,
}

/// The books as the records make them, so far.
#[derive(Debug, Default)]
pub struct Fold {
    books: Books,
    stopped: Option<String>,
}

impl Fold {
    /// Takes the next record in.
    pub fn take(&mut self, entry: &Entry) {
        if self.stopped.is_some() {
            return;
        }
        let seq = entry.header.seq;
        match entry.fact() {
            Some((by, fact)) => self.books.apply(&Record { seq, stamp: entry.header.stamp, by, fact }, 0),
            None if entry.payload.is_none() => {
                self.stopped = Some(format!("the payload of record {seq} is {}", entry.state.word()));
            }
            None => {
                self.stopped =
                    Some(format!("record {seq} is of kind {}, which this version does not know", entry.header.kind));
            }
        }
    }

    /// Compares with the rows as stored at the moment of the last record.
    pub fn compare(self, stored: Vec<(View, Row)>) -> (ViewsFound, Vec<RowFound>) {
        if let Some(why) = self.stopped {
            return (ViewsFound::NotCompared { why }, Vec::new());
        }
        let stored = Books::from_rows(self.books.next_seq, stored);
        let (made, mut stored) = (derivable(&self.books), derivable(&stored));
        let rows = made.len() as u64;
        let mut found = Vec::new();
        let mut tell = |view: &View, how| {
            let (view, row) = address(view);
            found.push(RowFound { view: view.to_owned(), row, how });
        };
        for (view, row) in made {
            match stored.remove(&view) {
                Some(kept) if kept == row => {}
                Some(_) => tell(&view, Amiss::Differs),
                None => tell(&view, Amiss::Missing),
            }
        }
        for view in stored.keys() {
            tell(view, Amiss::Unfounded);
        }
        (ViewsFound::Compared { rows }, found)
    }
}

/// The rows that records alone make.
fn derivable(books: &Books) -> BTreeMap<View, Row> {
    let rows = books.all_rows().into_iter().filter_map(|(view, row)| match row {
        Row::User(_) | Row::Key(_) | Row::Vouched(_) | Row::Answered(_) => None,
        Row::Throttle(throttle) => Some((view, Row::Throttle(Throttle { level_milli: 0, ..throttle }))),
        Row::Session(session) => Some((view, Row::Session(Session { taken: 0, returned: 0, ..session }))),
        row @ (Row::Slot(_)
        | Row::Custody(_)
        | Row::Door(_)
        | Row::Alarm(_)
        | Row::Life(_)
        | Row::Supply(_)
        | Row::Power(_)
        | Row::Fault(_)
        | Row::Person(_)
        | Row::RosterVersion(_)
        | Row::Hidden(_)
        | Row::SignedRoster(_)) => Some((view, row)),
    });
    rows.collect()
}
