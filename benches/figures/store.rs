//! Transactions per second of the real store against a raw loop that overwrites and syncs the same bytes.

use crate::days::{Days, any_hash, request, settings};
use crate::gauge::{bytes_written, median, now, report};
use cabinetd::cabinet::Event;
use cabinetd::cabinet::event::{Ask, KeyStep};
use cabinetd::cabinet::outcome::{Action, Outcome};
use cabinetd::cabinet::settings::Settings;
use cabinetd::daemon::keeper::{Keeper, Taken};
use cabinetd::io::clock::Clock;
use cabinetd::io::store::{Identity, Store};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

const ROUNDS: usize = 15;
const PER_ROUND: usize = 200;
const CALLERS: usize = 16;
/// As the daemon's loop: events of one transaction at most.
const BATCH: usize = 64;

pub fn identity(settings: &Settings) -> Identity {
    Identity { site: settings.site.clone(), cabinet: settings.cabinet.clone() }
}

/// A store in this folder, with the cabinet's first records in, and the days that go on from there.
pub fn opened(dir: &Path, days: &mut Days) -> Store {
    let (store, _) = Store::open(dir, &identity(days.cabinet.settings()), None).expect("the store opens");
    for outcome in days.durable.drain(..) {
        commit(&store, outcome);
    }
    store
}

pub fn commit(store: &Store, outcome: Outcome) {
    store.commit_blocking(outcome.records, outcome.rows, false).expect("committed");
}

/// Durable outcomes of visits, at least this many.
pub fn outcomes(days: &mut Days, count: usize) -> Vec<Outcome> {
    while days.durable.len() < count {
        days.visit();
    }
    days.durable.drain(..).collect()
}

pub fn measure() {
    let dir = tempfile::tempdir().expect("a folder");
    one_caller(dir.path());
    many_callers(dir.path());
}

fn one_caller(dir: &Path) {
    let mut days = Days::new(settings(24, true), &any_hash());
    let store = opened(&dir.join("one"), &mut days);
    // Too few for a checkpoint: the bytes of the transactions alone.
    let sample = outcomes(&mut days, 100);
    let count = sample.len() as u64;
    let before = bytes_written();
    for outcome in sample {
        commit(&store, outcome);
    }
    let bytes = ((bytes_written() - before) / count) as usize;

    let mut raw = Raw::new(&dir.join("raw"));
    let mut ratios = Vec::new();
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        let round = outcomes(&mut days, PER_ROUND);
        let count = round.len();
        let begin = now();
        for outcome in round {
            commit(&store, outcome);
        }
        let ours = rate(count, begin.elapsed());
        let raws = raw.rate(bytes, count);
        rates.push((ours, raws));
        ratios.push(ours / raws);
    }
    let (ours, raws): (Vec<f64>, Vec<f64>) = rates.into_iter().unzip();
    let measured = format!(
        "{:.2} ({:.0} against {:.0} transactions/s of {bytes} bytes, checkpoints included in ours)",
        median(&ratios),
        median(&ours),
        median(&raws)
    );
    report("transactions against a raw overwrite+fdatasync loop, one caller", "≥ 0.6", &measured);
}

/// 16 callers as the daemon has them: each waits for its answer before it asks again; the loop takes what waits, up to 64, into
/// one step of the keeper.
fn many_callers(dir: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut days = Days::new(settings(24, true), &any_hash());
    drop(opened(&dir.join("many"), &mut days));
    let rules = days.cabinet.settings().clone();
    let (store, stored) = Store::open(&dir.join("many"), &identity(&rules), None).expect("the store opens");
    let clock = Arc::new(Clock::new(None).expect("a clock"));
    let mut keeper = Keeper::new(rules, store, stored, clock.now());
    let mut raw = Raw::new(&dir.join("raw"));
    let mut key = 1_000_000;

    let mut run = |callers: usize, count: usize| {
        let before = bytes_written();
        let begin = now();
        let commits = runtime.block_on(serve(&mut keeper, &clock, callers, count, &mut key));
        (rate(count, begin.elapsed()), (bytes_written() - before) / commits, commits)
    };
    // The bytes of one request, no checkpoint within.
    let bytes = run(1, 64).1 as usize;
    let mut ratios = Vec::new();
    let mut alone = Vec::new();
    let mut batches = Vec::new();
    for _ in 0..ROUNDS {
        let single = run(1, PER_ROUND).0;
        let (grouped, _, commits) = run(CALLERS, PER_ROUND * CALLERS);
        let raws = raw.rate(bytes, PER_ROUND);
        alone.push(single / raws);
        ratios.push(grouped / raws);
        batches.push((PER_ROUND * CALLERS) as f64 / commits as f64);
    }
    let measured = format!(
        "{:.2} (the same request from one caller: {:.2}; {:.1} requests in a transaction, {bytes} bytes each alone)",
        median(&ratios),
        median(&alone),
        median(&batches)
    );
    report(
        "16 callers, each waiting for its answer, through queue, core and store as the loop drains them",
        "≥ 2.5",
        &measured,
    );
}

/// Serves requests of so many callers until each has asked its share; how many commits that took.
async fn serve(keeper: &mut Keeper, clock: &Clock, callers: usize, count: usize, key: &mut u64) -> u64 {
    let (ask, mut asked) = mpsc::channel::<(Event, oneshot::Sender<()>)>(256);
    for caller in 0..callers {
        let (ask, first) = (ask.clone(), *key);
        *key += (count / callers) as u64;
        tokio::spawn(async move {
            for number in 0..(count / callers) as u64 {
                let step = Ask::KeyLife {
                    key: format!("unit-{}", caller + 1).as_str().into(),
                    step: KeyStep::Rekeyed,
                    note: None,
                };
                let (reply, answer) = oneshot::channel();
                ask.send((request(first + number, step), reply)).await.expect("served");
                answer.await.expect("answered");
            }
        });
    }
    drop(ask);
    let mut commits = 0;
    while let Some(first) = asked.recv().await {
        let mut events = vec![first];
        while events.len() < BATCH
            && let Ok(next) = asked.try_recv()
        {
            events.push(next);
        }
        let (events, replies): (Vec<Event>, Vec<_>) = events.into_iter().unzip();
        let now = clock.now();
        let Taken::Committed { commands, durable, .. } =
            keeper.take(events.into_iter().map(|event| (now, event))).await.expect("the store works")
        else {
            panic!("the disk is full")
        };
        assert!(durable, "every request is recorded");
        commits += 1;
        let answers = commands.iter().filter(|command| matches!(command.action, Action::Reply { .. })).count();
        assert_eq!(answers, replies.len());
        for reply in replies {
            reply.send(()).expect("the caller waits");
        }
    }
    commits
}

/// The raw loop: a file of a WAL's size, overwritten from begin to end and again, synced after each write.
struct Raw {
    file: File,
    at: u64,
    count: u8,
}

const RAW_BYTES: u64 = 1 << 20;

impl Raw {
    fn new(path: &Path) -> Self {
        let file = File::create(path).expect("a file");
        file.write_all_at(&vec![1; RAW_BYTES as usize], 0).expect("written");
        file.sync_all().expect("synced");
        Self { file, at: 0, count: 0 }
    }

    fn rate(&mut self, bytes: usize, count: usize) -> f64 {
        let begin = now();
        for _ in 0..count {
            if self.at + bytes as u64 > RAW_BYTES {
                self.at = 0;
            }
            self.count = self.count.wrapping_add(1);
            self.file.write_all_at(&vec![self.count; bytes], self.at).expect("written");
            self.file.sync_data().expect("synced");
            self.at += bytes as u64;
        }
        rate(count, begin.elapsed())
    }
}

fn rate(count: usize, took: std::time::Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}
