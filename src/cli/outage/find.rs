//! The outages in a ledger: where each begins and ends.

use super::Failure;
use crate::cabinet::books::{Row, View};
use crate::cabinet::fact::Fact;
use crate::cabinet::outage::Elapsed;
use crate::cabinet::power::Mode;
use crate::cabinet::power::policy::Why;
use crate::cabinet::power::state::Outage;
use crate::cabinet::types::{Stamp, Wall};
use crate::io::store::{Filter, Reader, StoreError};
use std::collections::BTreeSet;

/// An outage as it is found in the ledger.
#[derive(Clone, PartialEq, Debug)]
pub struct Found {
    pub id: u64,
    /// The record that opened it.
    pub seq: u64,
    pub started: Stamp,
    /// The switch that took it back on line.
    pub closed: Option<u64>,
    pub end: End,
}

/// What became of it.
#[derive(Clone, PartialEq, Debug)]
pub enum End {
    /// It is open, as far as the ledger goes.
    Open {
        outage: Box<Outage>,
        is_drill: bool,
    },
    /// Mains was back within seconds: no outage to speak of.
    Flicker,
    /// Others shut the machine down on mains: no outage at all.
    NoOutage,
    Over(Over),
}

/// An outage that is over, as its last record has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Over {
    /// That record, and its time.
    pub seq: u64,
    pub stamp: Stamp,
    pub lasted: Elapsed,
    pub flaps: u32,
    pub sessions: u32,
    pub sleeps: u32,
    pub spent_mwh: u64,
    pub drill: bool,
}

/// Jumps of the wall clock, in the order of the records: when one was noticed, and by how many milliseconds it went. What records
/// of one boot were off by follows from them.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Corrections(Vec<(Stamp, i64)>);

impl Corrections {
    /// Those of a ledger.
    pub fn read(reader: &Reader) -> Result<Self, StoreError> {
        let mut found = Vec::new();
        for entry in reader.entries(&of_kinds(&["clock-corrected"]), 0) {
            let entry = entry?;
            if let Some((_, Fact::ClockCorrected { by_ms })) = entry.fact() {
                found.push((entry.header.stamp, by_ms));
            }
        }
        Ok(Self(found))
    }

    /// A stamp's wall time, and whether it can be trusted. One of a clock that was not is put right where that became known later in
    /// the same boot: by all jumps up to the first to a trusted time. A trusted one stays as it is, whatever the clock did later.
    #[must_use]
    pub fn wall(&self, stamp: Stamp) -> (Wall, bool) {
        if stamp.clock.is_trusted() {
            return (stamp.wall, true);
        }
        let mut wall = stamp.wall;
        for (at, by_ms) in self.0.iter().filter(|(at, _)| at.boot == stamp.boot && at.mono > stamp.mono) {
            wall.0 = wall.0.saturating_add(*by_ms);
            if at.clock.is_trusted() {
                return (wall, true);
            }
        }
        (stamp.wall, false)
    }
}

impl Found {
    /// The last record of it, if it is over.
    #[must_use]
    pub const fn last_seq(&self) -> Option<u64> {
        match &self.end {
            End::Over(over) => Some(over.seq),
            End::Open { .. } => None,
            End::Flicker | End::NoOutage => self.closed,
        }
    }

    /// Whether it is part of a drill.
    #[must_use]
    pub const fn is_drill(&self) -> bool {
        match &self.end {
            End::Over(over) => over.drill,
            End::Open { is_drill, .. } => *is_drill,
            End::Flicker | End::NoOutage => false,
        }
    }

    /// Whether there is anything to tell of it.
    #[must_use]
    pub const fn is_worth_telling(&self) -> bool {
        matches!(self.end, End::Over(_) | End::Open { .. })
    }
}

/// All of a ledger's, the oldest first.
pub fn all(reader: &Reader) -> Result<Vec<Found>, StoreError> {
    let open = reader.rows()?.into_iter().find_map(|(view, row)| match (view, row) {
        (View::Power, Row::Power(state)) => state.outage,
        _ => None,
    });
    let hidden = reader.hidden()?;
    let mut found: Vec<Found> = Vec::new();
    for entry in reader.entries(&of_kinds(&["power-switched", "outage-ended"]), 0) {
        let entry = entry?;
        let (seq, stamp) = (entry.header.seq, entry.header.stamp);
        match entry.fact() {
            Some((_, Fact::PowerSwitched { from: Mode::Line, .. })) => {
                let id = hidden.number(seq);
                found.push(Found { id, seq, started: stamp, closed: None, end: End::NoOutage });
            }
            Some((_, Fact::PowerSwitched { to: Mode::Line, why, .. })) => {
                if let Some(last) = found.last_mut() {
                    last.closed = Some(seq);
                    if why == Why::Flicker {
                        last.end = End::Flicker;
                    }
                }
            }
            Some((_, Fact::OutageEnded { outage, least_ms, most_ms, flaps, sessions, sleeps, spent_mwh, drill })) => {
                let lasted = Elapsed { least_ms, most_ms };
                let over = Over { seq, stamp, lasted, flaps, sessions, sleeps, spent_mwh, drill };
                if let Some(of) = found.iter_mut().rev().find(|found| found.id == outage.0) {
                    of.end = End::Over(over);
                }
            }
            _ => {}
        }
    }
    if let Some(open) = open
        && let Some(last) = found.iter_mut().rev().find(|found| found.id == open.id.0)
    {
        // As of the last record, as everything else that is told of an open one.
        let now = reader.last(&Filter::default(), 1)?.last().map_or(last.started, |entry| entry.header.stamp);
        last.end = End::Open { is_drill: open.is_drill(now), outage: Box::new(open) };
    }
    Ok(found)
}

/// The one of this number; else which was meant.
pub fn named<'a>(reader: &Reader, found: &'a [Found], id: u64) -> Result<&'a Found, Failure> {
    if let Some(found) = found.iter().find(|found| found.id == id) {
        return Ok(found);
    }
    let seq = reader.hidden()?.seq(id);
    // A drill has a number, too: that of the record that began it, before the plug was pulled.
    let drill = reader.entries(&of_kinds(&["drill-started"]), seq.saturating_sub(1)).next().transpose()?;
    let is_drill = drill.is_some_and(|drill| drill.header.seq == seq);
    if let Some(of_drill) = found.iter().find(|found| is_drill && found.id > id && found.is_drill()) {
        return Ok(of_drill);
    }
    let told: Vec<u64> = found.iter().filter(|found| found.is_worth_telling()).map(|found| found.id).collect();
    if told.is_empty() {
        return Err(Failure::Usage("no outage was recorded yet".to_owned()));
    }
    // Any record of an outage may have been meant by its number.
    let within = |found: &&Found| found.seq <= seq && found.last_seq().is_some_and(|last| seq <= last);
    let meant = found.iter().find(within).map(|found| format!("; did you mean {}, which it is part of?", found.id));
    let last: Vec<String> = told.iter().rev().take(5).map(ToString::to_string).collect();
    let last = match &last[..] {
        [one] => format!("The only one is {one}"),
        _ => format!("The last ones are {}", last.join(", ")),
    };
    Err(Failure::Usage(format!(
        "no outage has the number {id}{}. {last}; `cabinetd outage list` shows all",
        meant.unwrap_or_default()
    )))
}

fn of_kinds(kinds: &[&str]) -> Filter {
    let kinds: BTreeSet<String> = kinds.iter().map(|kind| (*kind).to_owned()).collect();
    Filter { kinds, ..Filter::default() }
}
