//! What must hold of every disk that a power cut left.

use crate::crash_vfs::{Action as DiskAction, Disk, Mode, VFS};
use crate::life::settings;
use crate::run::{Planted, Rows, Run, State, goes_down_by, open};
use cabinetd::cabinet::books::{Books, Row, View};
use cabinetd::cabinet::fact::{Fact, Record};
use cabinetd::cabinet::power::policy::Mode as PowerMode;
use cabinetd::io::store::{DATABASE, Filter, Reader};
use std::num::NonZero;
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::sync_channel;
use std::time::Instant;

/// What was found in the images of a run.
#[derive(Debug, Default)]
pub struct Findings {
    pub images: u64,
    pub ms: u128,
    /// Each with the operation, the mode and the seed that make it again.
    pub broken: Vec<String>,
}

impl Findings {
    pub fn add(&mut self, other: Self) {
        self.images += other.images;
        self.ms += other.ms;
        self.broken.extend(other.broken);
    }

    /// Nothing is broken; else the first ones are told.
    pub fn are_none(&self) {
        self.tell("broken");
        let first: Vec<&String> = self.broken.iter().take(5).collect();
        assert!(self.broken.is_empty(), "{} of {} images are broken: {first:#?}", self.broken.len(), self.images);
    }
}

impl Findings {
    /// The figures.
    pub fn tell(&self, word: &str) {
        let rate = u128::from(self.images) * 1000 / self.ms.max(1);
        println!("{} images, {rate} images/s, {} {word}", self.images, self.broken.len());
    }
}

/// Cuts the power after each of these operations, several times, and checks what is left. The images are checked on all cores.
#[expect(clippy::disallowed_methods, reason = "the test's own stopwatch")]
pub fn sweep(run: &Run, ops: impl Iterator<Item = u64>, seeds: u64) -> Findings {
    let began = Instant::now();
    let log = run.disk.log_since(0);
    // Losing all unsynced work leaves the same disk from one sync to the next.
    let changes_the_least = |op: u64| {
        op == 0 || !matches!(log[op as usize - 1].action, DiskAction::Write { .. } | DiskAction::Truncate { .. })
    };
    let (images, wanted) = sync_channel::<(u64, Mode, u64, Disk)>(4);
    let wanted = Mutex::new(wanted);
    let broken = Mutex::new(Vec::new());
    let mut count = 0;
    let cores = std::thread::available_parallelism().map_or(2, NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let next = wanted.lock().expect("no checker panics with it").recv();
                    let Ok((op, mode, seed, image)) = next else { return };
                    if let Err(what) = check(run, op, &image) {
                        broken
                            .lock()
                            .expect("no checker panics with it")
                            .push(format!("op {op}, {mode:?}, seed {seed}: {what}"));
                    }
                }
            });
        }
        for op in ops {
            let least = changes_the_least(op).then_some((Mode::LoseAll, 0));
            let most = (Mode::KeepAll, 0);
            let between = (0..seeds).flat_map(|seed| [(Mode::Prefix, seed), (Mode::Random, seed)]);
            for (mode, seed) in least.into_iter().chain([most]).chain(between) {
                count += 1;
                images.send((op, mode, seed, run.disk.crash_image(op, seed, mode))).expect("checkers wait");
            }
        }
        drop(images);
    });
    let ms = began.elapsed().as_millis();
    Findings { images: count, ms, broken: broken.into_inner().expect("no checker panics with it") }
}

/// What a cut after operation `op` left.
pub fn check(run: &Run, op: u64, image: &Disk) -> Result<(), String> {
    let (store, stored) = open(image, Planted::Nothing).map_err(|error| format!("it does not open: {error}"))?;
    let rows: Rows = stored.rows.iter().cloned().collect();
    if rows.len() != stored.rows.len() {
        return Err("a row is there twice".into());
    }
    let found = State { seq: stored.head.seq, hash: Some(stored.head.hash), rows: rows.into() };
    let behind = run.acknowledged.partition_point(|(at, _)| *at <= op);
    let (_, acknowledged) = &run.acknowledged[behind - 1];
    let in_flight = run.acknowledged.get(behind).map(|(_, state)| state);
    if !std::iter::once(acknowledged).chain(in_flight).chain(&run.in_doubt).any(|state| found.is(state)) {
        let wanted = in_flight.map_or_else(String::new, |state| format!(" or {}", state.seq));
        return Err(format!(
            "it holds {} records, acknowledged are {}{wanted}; {}",
            found.seq,
            acknowledged.seq,
            found.difference(acknowledged)
        ));
    }
    let reader = Reader::open_in_vfs(VFS, Path::new(&image.path(DATABASE)))
        .map_err(|error| format!("it is not read: {error}"))?;
    let report = reader.verify(&[]).map_err(|error| format!("it is not verified: {error}"))?;
    if !report.is_sound() || report.records != found.seq || report.unknown_kinds + report.without_payload > 0 {
        return Err(format!("the chain: {report:?}"));
    }
    let facts = Filter { silent: true, ..Filter::default() };
    let mut books = Books::from_rows(1, Vec::new());
    let mut intents = Vec::new();
    let mut switches = Vec::new();
    for entry in reader.entries(&facts, 0) {
        let entry = entry.map_err(|error| error.to_string())?;
        let (by, fact) = entry.fact().ok_or("a record without its fact")?;
        let record = Record { seq: entry.header.seq, stamp: entry.header.stamp, by, fact };
        books.apply(&record, settings().access.failures_per_hour);
        match record.fact {
            Fact::SessionAuthorised { doors, .. } => intents.push((record.seq, doors)),
            fact @ Fact::PowerSwitched { .. } => switches.push((record.seq, fact)),
            _ => {}
        }
    }
    if told(books.all_rows()) != told(stored.rows) {
        return Err("the rows are not the sum of the records".into());
    }
    for unlocked in run.unlocked.iter().filter(|unlocked| unlocked.at <= op) {
        if !intents.iter().any(|(seq, doors)| *seq == unlocked.intent && doors.contains(&unlocked.door)) {
            return Err(format!(
                "door {} was unlocked, and the intent (record {}) is not there",
                unlocked.door, unlocked.intent
            ));
        }
    }
    for slept in run.slept.iter().filter(|slept| slept.at <= op) {
        let place = switches.iter().position(|(seq, fact)| *seq == slept.record && goes_down_by(fact, slept.method));
        let before = place.and_then(|place| switches.get(place.checked_sub(1)?)).map(|(_, fact)| fact);
        let falls = |fact: &Fact| matches!(fact, Fact::PowerSwitched { to: PowerMode::FallingAsleep { method, .. }, .. } if *method == slept.method);
        if !before.is_some_and(falls) {
            return Err(format!(
                "the machine was told to go down by {}, and that it falls asleep (before record {}) is not there",
                slept.method.word(),
                slept.record
            ));
        }
    }
    drop(store);
    Ok(())
}

/// The rows that records tell of: without secrets, and without the remembered answers.
fn told(rows: Vec<(View, Row)>) -> Rows {
    let apart = |row: &Row| {
        matches!(row, Row::User(_) | Row::Key(_) | Row::Vouched(_) | Row::Answered(_) | Row::RosterVersion(0))
    };
    rows.into_iter().filter(|(_, row)| !apart(row)).collect()
}

impl State {
    fn is(&self, other: &Self) -> bool {
        self.seq == other.seq && other.hash.is_none_or(|hash| self.hash == Some(hash)) && self.rows == other.rows
    }

    fn difference(&self, other: &Self) -> String {
        let views: Vec<&View> = self
            .rows
            .keys()
            .chain(other.rows.keys())
            .filter(|view| self.rows.get(view) != other.rows.get(view))
            .collect();
        format!("rows that differ: {views:?}")
    }
}
