//! A ledger without anybody around it, an upstream, and the copying between the two.

use crate::receiver::Cabinet;
use crate::server::Server;
use cabinetd::cabinet::Event;
use cabinetd::cabinet::books::Books;
use cabinetd::cabinet::event::{StoreState, UpstreamNews};
use cabinetd::cabinet::fact::{Fact, Record, SensorFault};
use cabinetd::cabinet::snapshot::Snapshot;
use cabinetd::cabinet::types::{BootId, Civil, ClockQuality, DoorNo, Input, Mono, Now, Origin, SlotNo, Stamp, Wall};
use cabinetd::config::{ANNOTATED, Config, Surroundings, UpstreamConfig};
use cabinetd::io::store::{Identity, Report, Store, Stored, verify};
use cabinetd::upstream::{Link, Setup};
use ed25519_dalek::SigningKey;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

pub fn identity() -> Identity {
    Identity { site: "Palm Court / Süd".into(), cabinet: "cabinet 1".into() }
}

pub fn cabinet() -> Cabinet {
    Cabinet { site: identity().site, name: identity().cabinet }
}

pub fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

/// A ledger in a folder, without anybody around it.
pub struct Ledger {
    pub store: Store,
    pub next: u64,
    pub boot: u128,
}

impl Ledger {
    pub fn open(dir: &Path) -> Self {
        let (store, stored) = Store::open(dir, &identity(), Some(key())).expect("a ledger");
        Self::of(store, &stored)
    }

    pub fn of(store: Store, stored: &Stored) -> Self {
        Self { store, next: stored.head.seq + 1, boot: 1 }
    }

    pub fn record(&mut self, fact: Fact, wall_ms: i64, clock: ClockQuality) -> Record {
        let mono = Mono(self.next * 10);
        let stamp = Stamp { mono, wall: Wall(wall_ms), clock, boot: BootId(self.boot) };
        self.next += 1;
        Record { seq: self.next - 1, stamp, by: Origin::cabinet(), fact }
    }

    /// So many more records, in transactions of a thousand.
    pub fn write(&mut self, count: u64) {
        for start in (0..count).step_by(1_000) {
            let records = (start..count.min(start + 1_000))
                .map(|index| {
                    let fact = if index % 2 == 0 {
                        Fact::DoorOpened { door: DoorNo(1), session: None }
                    } else {
                        Fact::DoorClosed { door: DoorNo(1), session: None, open_ms: index }
                    };
                    self.record(fact, 1_700_000_000_000 + self.next.cast_signed(), ClockQuality::Synced)
                })
                .collect();
            self.store.commit_blocking(records, Vec::new(), false).expect("committed");
        }
    }
}

/// A copying at work.
pub struct Copying {
    pub link: Link,
    pub said: mpsc::Receiver<Event>,
    /// What others see of the cabinet.
    pub sight: watch::Sender<Arc<Snapshot>>,
    /// It was told that upstream and the ledger agree.
    pub agrees: bool,
    /// It was told that records go.
    pub takes: bool,
    /// What it was told last of refused payloads.
    pub refused: Option<BTreeSet<u64>>,
}

pub fn config(server: &Server, dir: &Path) -> UpstreamConfig {
    std::fs::write(dir.join("ca.pem"), &server.ca).expect("written");
    UpstreamConfig {
        url: format!("{}/base/..", server.url()).parse().expect("a URL"),
        ca_file: Some(dir.join("ca.pem")),
        token: None,
        gather_ms: 0,
        heartbeat_s: 3_600,
        request_ms: 2_000,
        longest_pause_s: 1,
        batch_records: 50,
        flush_ms: 5_000,
        roster_key: None,
        hints: false,
        keymap: false,
        silent_alarm_h: 4,
        withheld: BTreeSet::new(),
    }
}

pub fn copying(ledger: &Ledger, dir: &Path, config: UpstreamConfig, machine: &str) -> Copying {
    let (events, said) = mpsc::channel(256);
    let (sight, seen) = watch::channel(picture(0, SlotNo(1)));
    let config_keymap = config.keymap;
    let setup = Setup {
        config,
        identity: identity(),
        device_key: key(),
        credentials_dir: dir.to_owned(),
        state_dir: dir.to_owned(),
        machine: machine.to_owned(),
        seen: config_keymap.then_some(seen),
    };
    let ticks = AtomicU64::new(1);
    let clock = move || Mono(ticks.fetch_add(1, Ordering::Relaxed));
    let link = Link::start(setup, ledger.store.marks(), events, clock).expect("it starts");
    Copying { link, said, sight, agrees: false, takes: false, refused: None }
}

impl Copying {
    /// Waits until that is so.
    pub fn until(&mut self, what: &str, is: impl Fn(&Self) -> bool) {
        for _ in 0..1_500 {
            if is(self) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("not within 15 s: {what}; {:?}", self.link.state());
    }

    pub fn until_acknowledged(&mut self, seq: u64) {
        self.until(&format!("record {seq} upstream"), |copying| copying.link.state().acknowledged >= seq);
    }

    pub fn news(&mut self) -> Vec<UpstreamNews> {
        let mut news = Vec::new();
        while let Ok(Event::UpstreamSaid(said)) = self.said.try_recv() {
            match said {
                // Once in each life.
                UpstreamNews::Agrees => self.agrees = true,
                UpstreamNews::Takes => self.takes = true,
                UpstreamNews::Refuses { records } => self.refused = Some(records),
                // What comes of a silence the core decides, and its stories tell.
                UpstreamNews::Silent { .. } | UpstreamNews::Answers => {}
                other => news.push(other),
            }
        }
        news
    }
}

/// The annotated config's cabinet as of a record, with a fault in one slot.
pub fn picture(head_seq: u64, faulty: SlotNo) -> Arc<Snapshot> {
    let settings = Config::parse(ANNOTATED, &Surroundings::default()).expect("a config").settings;
    let mut books = Books::default();
    books.next_seq = head_seq + 1;
    books.faults.insert(Input::Slot(faulty), SensorFault::Chatter);
    let civil = Civil { day: 20_000, minute: 0 };
    let (mono, boot) = (Mono(head_seq * 1_000), BootId(1));
    let now = Now { mono, wall: Wall(1_764_000_000_000), clock: ClockQuality::Synced, civil, boot };
    Arc::new(Snapshot::of(&books, &settings, now, StoreState::Writable))
}

/// A cabinet with some records, and an upstream.
pub fn site(records: u64) -> (tempfile::TempDir, Server, Ledger) {
    let dir = tempfile::tempdir().expect("a folder");
    let there = dir.path().join("there");
    std::fs::create_dir(&there).expect("a folder");
    let server = Server::start(&there, "127.0.0.1:0", None).expect("it serves");
    let mut ledger = Ledger::open(&dir.path().join("state"));
    ledger.write(records);
    (dir, server, ledger)
}

/// What does not verify. These ledgers have records and no views.
pub fn of_records(report: &Report) -> Vec<&verify::Problem> {
    report.problems.iter().filter(|problem| !matches!(problem.fault, verify::Fault::View(_))).collect()
}

/// All records, each once, in order; how many have their payload.
pub fn all_there(server: &Server, records: u64) -> u64 {
    let receiver = server.receiver();
    let (with, without) = receiver.verified(&cabinet()).expect("it verifies");
    assert_eq!(with + without, records);
    let arrivals = receiver.arrivals(&cabinet()).expect("a list");
    assert!(arrivals.is_sorted(), "they came in order");
    with
}
