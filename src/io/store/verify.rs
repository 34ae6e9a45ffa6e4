//! Verifying a ledger: every record against its hash, every number, every head that somebody outside holds, and the views against
//! what the records add up to (`fold.rs`).
//!
//! What it proves is in `docs/ledger-format.md`. In short: the chain shows each clumsy edit; that nothing was cut off at the end, or
//! rewritten from some record on, only a head kept outside shows. The views make it harder: whoever edits records has to edit them too.
//!
//! **Does not** repair anything, nor judge whether what was recorded is true.

use super::envelope::{GENESIS, Hash, chain};
use super::fold::{Amiss, Fold, RowFound, ViewsFound};
use super::head::SignedHead;
use super::reader::{Entry, Filter, Illegible, Reader};
use super::{Head, Lost, StoreError, wal};
use crate::cabinet::fact::Fact;
use crate::hex::hex;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// Records read at a time.
const PAGE: usize = 2000;

const REMEDY: &str =
    "keep a copy of the state directory, compare with the head in the last mail or export, and restore a backup";

/// A head that was kept outside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutsideHead {
    /// Where it comes from: a file's name, a destination.
    pub source: String,
    pub head: Head,
    /// The device's word for it, where there is one.
    pub signed: Option<SignedHead>,
}

/// What a verification found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Report {
    pub site: String,
    pub cabinet: String,
    pub records: u64,
    /// `epoch:seq:hash` of the last record.
    pub head: String,
    /// Records whose payload is gone; their place in the chain was verified.
    pub without_payload: u64,
    /// Records of kinds that this program does not know; their place in the chain was verified.
    pub unknown_kinds: u64,
    /// The heads that were compared, by where they come from.
    pub heads: Vec<HeadFound>,
    pub views: ViewsFound,
    /// Records that tell of a loss which was found at a start: what is there since then is whole, what is missing stays missing.
    pub losses: Vec<u64>,
    pub problems: Vec<Problem>,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

/// A head that was compared.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct HeadFound {
    pub source: String,
    pub head: String,
    /// The public key that signed it, hex; whether it is the cabinet's is for the reader to compare.
    pub signed_by: Option<String>,
    pub fits: bool,
}

/// Something that is wrong, and where.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Problem {
    pub seq: u64,
    #[serde(flatten)]
    pub fault: Fault,
}

/// What is wrong.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "fault", rename_all = "kebab-case")]
pub enum Fault {
    /// Records are missing before this one.
    Gap { missing_from: u64 },
    /// The hash does not fit: the record was changed, or the one before it was replaced.
    Hash,
    /// The payload does not fit the digest that is kept with it.
    Digest,
    /// The epoch is lower than the one before, or higher than the ledger's.
    Epoch { epoch: u64 },
    /// A column makes no sense.
    Illegible { column: String },
    /// The ledger ends before a head that was kept outside: its end was cut off.
    CutOff { source: String, ends_at: u64 },
    /// Records that were durable when the proof of life was written are gone, from the one after `ends_at` on.
    Missing { ends_at: u64 },
    /// The write-ahead log is damaged: SQLite drops what stands in it behind this frame.
    LogDamaged { after_frame: u64 },
    /// The record is not the one that a head kept outside names: the ledger was rewritten.
    Rewritten { source: String },
    /// The signature of a head is not genuine.
    Forged { source: String },
    /// A head is of another cabinet.
    OtherCabinet { source: String },
    /// A row of a view is not what the records up to here add up to.
    View(RowFound),
    /// A row of a view makes no sense.
    IllegibleView { what: String },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seq = self.seq;
        match &self.fault {
            Fault::Gap { missing_from } if *missing_from + 1 == seq => {
                write!(f, "record {missing_from} is missing; record {seq} cannot be checked against it")
            }
            Fault::Gap { missing_from } => {
                write!(
                    f,
                    "records {missing_from} to {} are missing; record {seq} cannot be checked against them",
                    seq - 1
                )
            }
            Fault::Hash => {
                write!(f, "record {seq} does not fit its hash: it was changed, or the record before it was replaced")
            }
            Fault::Digest => write!(f, "the payload of record {seq} does not fit its digest"),
            Fault::Epoch { epoch } => write!(f, "record {seq} is of epoch {epoch}, which does not fit its neighbours"),
            Fault::Illegible { column } => write!(f, "record {seq} cannot be read: its {column} makes no sense"),
            Fault::CutOff { source, ends_at } => {
                write!(f, "the ledger ends at record {ends_at}, but {source} knows record {seq}: its end was cut off")
            }
            Fault::Missing { ends_at } if *ends_at < seq => {
                let (from, remedy) = (ends_at + 1, REMEDY);
                write!(f, "records {from} to {seq} are missing, though the cabinet had written them down: {remedy}")
            }
            Fault::Missing { .. } => {
                write!(f, "record {seq} is not the one that the cabinet had written down: {REMEDY}")
            }
            Fault::LogDamaged { after_frame } => write!(
                f,
                "the write-ahead log is damaged after frame {after_frame}, so the ledger ends at record {seq}, and what came after it is lost: {REMEDY}"
            ),
            Fault::Rewritten { source } => {
                write!(f, "record {seq} is not the one that {source} knows: the ledger was rewritten or replaced")
            }
            Fault::Forged { source } => write!(f, "the signature of {source} (record {seq}) is not genuine"),
            Fault::OtherCabinet { source } => write!(f, "{source} (record {seq}) is the head of another cabinet"),
            Fault::IllegibleView { what } => write!(f, "{what}: it was changed by hand, or the disk fails"),
            Fault::View(RowFound { view, row, how }) => {
                let row = if row.is_empty() {
                    format!("the view \"{view}\"")
                } else {
                    format!("row \"{row}\" of the view \"{view}\"")
                };
                match how {
                    Amiss::Differs => write!(
                        f,
                        "{row} does not say what records 1 to {seq} add up to: it was changed by hand, or the ledger was cut off or replaced"
                    ),
                    Amiss::Missing => write!(
                        f,
                        "{row} is missing, though records 1 to {seq} make it: it was removed by hand, or the ledger was replaced"
                    ),
                    Amiss::Unfounded => write!(
                        f,
                        "{row} is there, though none of records 1 to {seq} makes it: it was put in by hand, or the ledger was cut off or replaced"
                    ),
                }
            }
        }
    }
}

impl Reader {
    /// Verifies the whole ledger against itself, against the heads it signed, against heads from outside, and the views against it.
    pub fn verify(&self, outside: &[OutsideHead]) -> Result<Report, StoreError> {
        let mut heads: Vec<OutsideHead> = self
            .signed_heads()?
            .into_iter()
            .map(|signed| OutsideHead {
                source: format!("the head signed for {}", signed.destination),
                head: signed.head,
                signed: Some(signed),
            })
            .collect();
        heads.extend_from_slice(outside);
        let mut wanted: BTreeMap<u64, Option<Hash>> = heads.iter().map(|head| (head.head.seq, None)).collect();
        wanted.insert(0, Some(GENESIS));

        let lost = self.lost()?;
        let current_epoch = self.head()?.epoch;
        let mut walk = Walk { prev: Some(GENESIS), seq: 0, epoch: 1, current_epoch, ..Walk::default() };
        let everything = Filter::default();
        let mut fold = Fold::default();
        // Page by page, so that a daemon at work is not held up; the end and the rows in one transaction, so that they belong together.
        let mut end = None;
        loop {
            let page = self.page(walk.seq + 1, false, PAGE, &everything)?;
            if page.is_empty() {
                if end.is_some() {
                    break;
                }
                end = Some(self.transaction()?);
            }
            for entry in page {
                match entry {
                    Ok(entry) => {
                        if let Some(hash) = wanted.get_mut(&entry.header.seq) {
                            *hash = Some(entry.hash);
                        }
                        walk.check(&entry, self.identity());
                        fold.take(&entry);
                    }
                    Err(Illegible { seq, column }) => walk.skip(seq, column),
                }
            }
        }
        let rows = match self.rows() {
            Err(StoreError::Damaged { what }) => {
                walk.problem(walk.seq, Fault::IllegibleView { what });
                Vec::new()
            }
            rows => rows?,
        };
        drop(end);
        let found = heads.iter().map(|head| self.compare(head, wanted[&head.head.seq], &mut walk)).collect();
        if let Some(Lost { head, known }) = lost {
            walk.problem(known.seq, Fault::Missing { ends_at: head.seq });
        }
        if let Some(after_frame) = wal::damaged_after(&wal::beside(self.path())) {
            walk.problem(walk.seq, Fault::LogDamaged { after_frame });
        }
        let views = if walk.problems.is_empty() {
            let (views, amiss) = fold.compare(rows);
            walk.problems.extend(amiss.into_iter().map(|row| Problem { seq: walk.seq, fault: Fault::View(row) }));
            views
        } else {
            ViewsFound::NotCompared { why: "the records themselves are not sound".to_owned() }
        };
        walk.problems.sort_by_key(|problem| problem.seq);
        let head = Head { epoch: current_epoch, seq: walk.seq, hash: walk.prev.unwrap_or(GENESIS) };
        Ok(Report {
            site: self.identity().site.clone(),
            cabinet: self.identity().cabinet.clone(),
            records: walk.records,
            head: head.to_string(),
            without_payload: walk.without_payload,
            unknown_kinds: walk.unknown_kinds,
            heads: found,
            views,
            losses: walk.losses,
            problems: walk.problems,
        })
    }

    fn compare(&self, outside: &OutsideHead, here: Option<Hash>, walk: &mut Walk) -> HeadFound {
        let (seq, source) = (outside.head.seq, outside.source.clone());
        let before = walk.problems.len();
        let mut problem = |fault| walk.problems.push(Problem { seq, fault });
        if let Some(signed) = &outside.signed {
            if !signed.is_genuine() {
                problem(Fault::Forged { source: source.clone() });
            }
            if signed.identity != *self.identity() {
                problem(Fault::OtherCabinet { source: source.clone() });
            }
        }
        match here {
            Some(hash) if hash == outside.head.hash => {}
            None if seq > walk.seq => {
                let ends_at = walk.seq;
                problem(Fault::CutOff { source: source.clone(), ends_at });
            }
            Some(_) | None => problem(Fault::Rewritten { source: source.clone() }),
        }
        HeadFound {
            source,
            head: outside.head.to_string(),
            signed_by: outside.signed.as_ref().map(|signed| hex(&signed.public_key)),
            fits: walk.problems.len() == before,
        }
    }
}

/// The walk from the first record to the last.
#[derive(Default)]
struct Walk {
    /// The hash of the record before; none after one that could not be read.
    prev: Option<Hash>,
    seq: u64,
    epoch: u64,
    current_epoch: u64,
    records: u64,
    without_payload: u64,
    unknown_kinds: u64,
    losses: Vec<u64>,
    problems: Vec<Problem>,
}

impl Walk {
    fn check(&mut self, entry: &Entry, identity: &super::Identity) {
        let header = &entry.header;
        let seq = header.seq;
        self.step(seq);
        if header.epoch < self.epoch || header.epoch > self.current_epoch {
            self.problem(seq, Fault::Epoch { epoch: header.epoch });
        } else {
            self.epoch = header.epoch;
        }
        match entry.digest() {
            None => self.problem(seq, Fault::Illegible { column: "payload".to_owned() }),
            Some(digest) => {
                if entry.stored_digest.is_some_and(|stored| stored != digest) {
                    self.problem(seq, Fault::Digest);
                }
                // Each record is checked behind the one that is there, so that one edit is one problem, not a thousand.
                if self.prev.is_some_and(|prev| chain(&prev, &header.canonical(identity), &digest) != entry.hash) {
                    self.problem(seq, Fault::Hash);
                }
            }
        }
        if entry.payload.is_none() {
            self.without_payload += 1;
        } else {
            match entry.fact() {
                None => self.unknown_kinds += 1,
                Some((_, Fact::RecordsMissing { .. })) => self.losses.push(seq),
                Some(_) => {}
            }
        }
        self.prev = Some(entry.hash);
    }

    fn skip(&mut self, seq: u64, column: &str) {
        self.step(seq);
        self.problem(seq, Fault::Illegible { column: column.to_owned() });
        self.prev = None;
    }

    /// Goes to the next record; numbers without records are a gap, behind which the chain cannot be followed.
    fn step(&mut self, seq: u64) {
        if seq != self.seq + 1 {
            self.problem(seq, Fault::Gap { missing_from: self.seq + 1 });
            self.prev = None;
        }
        self.seq = seq;
        self.records += 1;
    }

    fn problem(&mut self, seq: u64, fault: Fault) {
        self.problems.push(Problem { seq, fault });
    }
}
