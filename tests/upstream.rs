//! The ledger copied upstream, over real TLS on loopback, into the reference receiver, which verifies every chain and head and misbehaves as it
//! is told.
//!
//! The long run: `CABINETD_UPSTREAM_RECORDS=100000 cargo test --test upstream -- --nocapture campaign`, with `CABINETD_UPSTREAM_SEED` to replay.

#[path = "../examples/reference_upstream/receiver.rs"]
mod receiver;
#[path = "../examples/reference_upstream/server.rs"]
#[allow(dead_code, reason = "part of it is for the binary")]
mod server;

use cabinetd::cabinet::Event;
use cabinetd::cabinet::books::Books;
use cabinetd::cabinet::event::{StoreState, UpstreamNews};
use cabinetd::cabinet::fact::{Alarm, Fact, Record, SensorFault};
use cabinetd::cabinet::power::Mode;
use cabinetd::cabinet::signed::RosterFault;
use cabinetd::cabinet::snapshot::Snapshot;
use cabinetd::cabinet::types::{
    AlarmId, BootId, Civil, ClockQuality, DoorNo, Input, Mono, Now, Origin, SlotNo, Stamp, Wall,
};
use cabinetd::config::{ANNOTATED, Config, Surroundings, UpstreamConfig};
use cabinetd::io::store::{Identity, OpenOptions, Reader, Report, Store, Stored, verify};
use cabinetd::upstream::roster::{self, Terms};
use cabinetd::upstream::{Link, Setup};
use ed25519_dalek::SigningKey;
use receiver::Cabinet;
use server::{Fault, Rosters, Server};
use std::collections::BTreeSet;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

fn identity() -> Identity {
    Identity { site: "Palm Court / Süd".into(), cabinet: "cabinet 1".into() }
}

fn cabinet() -> Cabinet {
    Cabinet { site: identity().site, name: identity().cabinet }
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

/// A ledger in a folder, without anybody around it.
struct Ledger {
    store: Store,
    next: u64,
    boot: u128,
}

impl Ledger {
    fn open(dir: &Path) -> Self {
        let (store, stored) = Store::open(dir, &identity(), Some(key())).expect("a ledger");
        Self::of(store, &stored)
    }

    fn of(store: Store, stored: &Stored) -> Self {
        Self { store, next: stored.head.seq + 1, boot: 1 }
    }

    fn record(&mut self, fact: Fact, wall_ms: i64, clock: ClockQuality) -> Record {
        let mono = Mono(self.next * 10);
        let stamp = Stamp { mono, wall: Wall(wall_ms), clock, boot: BootId(self.boot) };
        self.next += 1;
        Record { seq: self.next - 1, stamp, by: Origin::cabinet(), fact }
    }

    /// So many more records, in transactions of a thousand.
    fn write(&mut self, count: u64) {
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

/// The record of an alarm under duress, and what the views make of it.
fn writes_a_silent_record(ledger: &mut Ledger) -> u64 {
    let seq = ledger.next;
    let alarm = Alarm::Duress { session: None, user: "ana".into() };
    let fact = Fact::AlarmRaised { alarm, number: Some(AlarmId::silent(seq)) };
    let record = ledger.record(fact, 1_700_000_000_000, ClockQuality::Synced);
    let mut books = Books::default();
    books.next_seq = seq;
    books.apply(&record, 10);
    ledger.store.commit_blocking(vec![record], books.take_changes(), false).expect("committed");
    seq
}

/// The annotated config's cabinet as of a record, with a fault in one slot.
fn picture(head_seq: u64, faulty: SlotNo) -> Arc<Snapshot> {
    let settings = Config::parse(ANNOTATED, &Surroundings::default()).expect("a config").settings;
    let mut books = Books::default();
    books.next_seq = head_seq + 1;
    books.faults.insert(Input::Slot(faulty), SensorFault::Chatter);
    let civil = Civil { day: 20_000, minute: 0 };
    let (mono, boot) = (Mono(head_seq * 1_000), BootId(1));
    let now = Now { mono, wall: Wall(1_764_000_000_000), clock: ClockQuality::Synced, civil, boot };
    Arc::new(Snapshot::of(&books, &settings, now, StoreState::Writable))
}

/// A copying at work.
struct Copying {
    link: Link,
    said: mpsc::Receiver<Event>,
    /// What others see of the cabinet.
    sight: watch::Sender<Arc<Snapshot>>,
    /// It was told that upstream and the ledger agree.
    agrees: bool,
    /// It was told that records go.
    takes: bool,
    /// What it was told last of refused payloads.
    refused: Option<BTreeSet<u64>>,
}

fn config(server: &Server, dir: &Path) -> UpstreamConfig {
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

fn copying(ledger: &Ledger, dir: &Path, config: UpstreamConfig, machine: &str) -> Copying {
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
    fn until(&mut self, what: &str, is: impl Fn(&Self) -> bool) {
        for _ in 0..1_500 {
            if is(self) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("not within 15 s: {what}; {:?}", self.link.state());
    }

    fn until_acknowledged(&mut self, seq: u64) {
        self.until(&format!("record {seq} upstream"), |copying| copying.link.state().acknowledged >= seq);
    }

    fn news(&mut self) -> Vec<UpstreamNews> {
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

/// A cabinet with some records, and an upstream.
fn site(records: u64) -> (tempfile::TempDir, Server, Ledger) {
    let dir = tempfile::tempdir().expect("a folder");
    let there = dir.path().join("there");
    std::fs::create_dir(&there).expect("a folder");
    let server = Server::start(&there, "127.0.0.1:0", None).expect("it serves");
    let mut ledger = Ledger::open(&dir.path().join("state"));
    ledger.write(records);
    (dir, server, ledger)
}

/// What does not verify. These ledgers have records and no views.
fn of_records(report: &Report) -> Vec<&verify::Problem> {
    report.problems.iter().filter(|problem| !matches!(problem.fault, verify::Fault::View(_))).collect()
}

/// All records, each once, in order; how many have their payload.
fn all_there(server: &Server, records: u64) -> u64 {
    let receiver = server.receiver();
    let (with, without) = receiver.verified(&cabinet()).expect("it verifies");
    assert_eq!(with + without, records);
    let arrivals = receiver.arrivals(&cabinet()).expect("a list");
    assert!(arrivals.is_sorted(), "they came in order");
    with
}

#[test]
fn every_record_arrives_once_and_in_order_and_the_acknowledgement_outlives_a_restart() {
    let (dir, server, mut ledger) = site(320);
    let state = dir.path().join("state");
    let mut copying = copying(&ledger, &state, config(&server, &state), "m1");
    copying.until_acknowledged(320);
    assert_eq!(all_there(&server, 320), 320);
    ledger.write(7);
    copying.link.recorded(327, Mode::Line);
    copying.until_acknowledged(327);
    assert_eq!(copying.news(), []);
    let state_dir = state.clone();
    copying.until("it is on the disk", move |_| {
        let reader = Reader::open(&state_dir).expect("readable");
        reader.acknowledged("upstream").expect("readable").is_some_and(|head| head.seq == 327)
    });
    let report = Reader::open(&state).expect("readable").verify(&[]).expect("verified");
    assert!(of_records(&report).is_empty(), "{:?}", report.problems);
    assert!(report.heads.iter().any(|head| head.source.contains("upstream") && head.fits));
    drop((copying, ledger));

    let requests = server.requests();
    let ledger = Ledger::open(&state);
    let mut copying = self::copying(&ledger, &state, config(&server, &state), "m1");
    copying.until("it asked", |copying| copying.link.state().heard.is_some());
    std::thread::sleep(Duration::from_millis(200));
    // Where it is, and a heartbeat: nothing is sent again.
    assert!(server.requests() - requests <= 2, "{}", server.requests() - requests);
    assert_eq!(all_there(&server, 327), 327);
}

#[test]
fn each_fault_of_the_network_alone_loses_and_doubles_nothing() {
    for fault in [
        Fault::Drop,
        Fault::LoseAnswer,
        Fault::Truncate,
        Fault::Twice,
        Fault::Status(500),
        Fault::Status(503),
        Fault::Status(401),
        Fault::Status(413),
        Fault::Status(409),
        Fault::RetryAfter(429, 1),
        Fault::Slow(300),
        Fault::Hang(3_000),
        Fault::Partial(7),
        Fault::Partial(0),
        Fault::Garbage,
        Fault::Lie,
        Fault::BreakTls,
        Fault::Redirect,
    ] {
        let (dir, server, ledger) = site(120);
        let state = dir.path().join("state");
        // The question first, then a batch that goes well, then the fault.
        server.will(&[Fault::Slow(0), Fault::Slow(0), fault]);
        let mut copying = copying(&ledger, &state, config(&server, &state), "m1");
        copying.until_acknowledged(120);
        assert_eq!(all_there(&server, 120), 120, "{fault:?}");
        assert_eq!(copying.news(), [], "{fault:?}");
    }
}

#[test]
fn a_payload_that_is_refused_is_parked_and_the_rest_goes_on_and_it_is_tried_again_by_hand() {
    let (dir, server, ledger) = site(60);
    let state = dir.path().join("state");
    server.policy().refused.insert(31);
    let mut copying = copying(&ledger, &state, config(&server, &state), "m1");
    copying.until_acknowledged(60);
    assert_eq!(all_there(&server, 60), 59, "one went without its payload, and the chain holds");
    assert_eq!((copying.news(), copying.refused.take()), (vec![], Some(BTreeSet::from([31]))));
    assert_eq!(copying.link.state().parked, BTreeSet::from([31]));
    let report = Reader::open(&state).expect("readable").verify(&[]).expect("verified");
    assert!(of_records(&report).is_empty() && report.without_payload == 0, "here it is whole");

    copying.link.retry();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(copying.link.state().parked, BTreeSet::from([31]), "it is still refused");
    server.policy().refused.clear();
    copying.link.retry();
    copying.until("it is taken", |copying| copying.link.state().parked.is_empty());
    copying.until("it is told", |copying| !copying.said.is_empty());
    assert_eq!((copying.news(), copying.refused.take()), (vec![], Some(BTreeSet::new())));
    assert_eq!(all_there(&server, 60), 60);
    assert!(Reader::open(&state).expect("readable").parked().expect("readable").is_empty());
}

#[test]
fn a_record_that_is_too_large_in_any_form_is_told_and_holds_up_nothing_beside_the_records() {
    let (dir, server, ledger) = site(60);
    let state = dir.path().join("state");
    server.policy().too_large.insert(31);
    server.lay_down(&cabinet(), "", &signed_roster(7, key().verifying_key().to_bytes())).expect("laid down");
    tell(dir.path(), 1_000, true, None);
    // Tried again so seldom that nothing here waits for it.
    let roster_key = Some(roster_signer().verifying_key().to_bytes());
    let config = config(&server, &state);
    let config = UpstreamConfig { roster_key, hints: true, heartbeat_s: 1, longest_pause_s: 600, ..config };
    let mut copying = copying(&ledger, &state, config, "m1");
    let mut found = (false, false, false);
    for _ in 0..1_000 {
        match copying.said.try_recv() {
            Ok(Event::RosterArrived(_)) => found.0 = true,
            Ok(Event::UpstreamSaid(UpstreamNews::Hints { storm: true, .. })) => found.1 = true,
            Ok(Event::UpstreamSaid(UpstreamNews::Blocked { seq: 31 })) => found.2 = true,
            Ok(_) => {}
            Err(_) if found == (true, true, true) => break,
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    assert_eq!(found, (true, true, true), "the roster, the hint, and that a record is not taken");
    // It is on battery now, and that is heard there, again and again.
    copying.link.recorded(60, Mode::Conserve);
    let beats = |server: &Server| server.receiver().last_heartbeat(&cabinet()).expect("readable").unwrap_or_default();
    copying.until("a heartbeat", |_| beats(&server).contains("\"mode\":\"conserve\""));
    let stands = copying.link.state();
    assert_eq!((stands.blocked, stands.acknowledged, stands.failing_since), (Some(31), 30, None));
    assert!(stands.trouble.is_some_and(|why| why.contains("does not take a record")), "for as long as it lasts");
    assert_eq!(copying.link.flush().blocking_recv(), Ok(false), "it does not have everything");

    // Put right there, and tried by hand: all goes on, this record's payload as well.
    server.policy().too_large.clear();
    copying.takes = false;
    copying.link.retry();
    copying.until_acknowledged(60);
    copying.until("nothing waits for a person", |copying| copying.link.state().parked.is_empty());
    assert_eq!(all_there(&server, 60), 60);
    let stands = copying.link.state();
    assert_eq!((stands.blocked, stands.trouble), (None, None));
    copying.until("it is told", |copying| !copying.said.is_empty());
    while let Ok(said) = copying.said.try_recv() {
        copying.takes |= said == Event::UpstreamSaid(UpstreamNews::Takes);
    }
    assert!(copying.takes);
}

#[test]
fn an_upstream_that_lost_data_is_sent_it_again_and_that_is_told() {
    let (dir, server, mut ledger) = site(200);
    let state = dir.path().join("state");
    let mut copying = copying(&ledger, &state, config(&server, &state), "m1");
    copying.until_acknowledged(200);
    server.receiver().lose_behind(&cabinet(), 77).expect("lost");
    ledger.write(1);
    copying.link.recorded(201, Mode::Line);
    copying.until_acknowledged(201);
    assert_eq!(copying.news(), [UpstreamNews::LostData { held: 200, has: 77 }]);
    assert_eq!(all_there(&server, 201), 201);
    // Even all of it.
    server.receiver().lose_behind(&cabinet(), 0).expect("lost");
    ledger.write(1);
    copying.link.recorded(202, Mode::Line);
    copying.until_acknowledged(202);
    assert_eq!(copying.news(), [UpstreamNews::LostData { held: 201, has: 0 }]);
    assert_eq!(all_there(&server, 202), 202);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for name in ["ledger.db", "ledger.db-wal"] {
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.join(name)).expect("copied");
        }
    }
}

#[test]
fn a_restored_card_that_went_on_recording_stops_the_copying_and_overwrites_nothing() {
    let (dir, server, mut ledger) = site(100);
    let (state, restored) = (dir.path().join("state"), dir.path().join("restored"));
    let mut first = copying(&ledger, &state, config(&server, &state), "m1");
    first.until_acknowledged(100);
    drop(first);
    drop(ledger);
    copy(&state, &restored);
    ledger = Ledger::open(&state);
    ledger.write(40);
    let mut first = copying(&ledger, &state, config(&server, &state), "m1");
    first.until_acknowledged(140);
    drop((first, ledger));

    // The card of before, which goes on at 101 and would write others over those that upstream has.
    let mut ledger = Ledger::open(&restored);
    ledger.write(60);
    let mut second = copying(&ledger, &restored, config(&server, &restored), "m1");
    second.until("it stops", |copying| copying.link.state().stopped);
    assert_eq!((second.news(), second.agrees), (vec![UpstreamNews::Ahead { seq: 140 }], false));
    assert_eq!(all_there(&server, 140), 140, "nothing was overwritten");
    drop((second, ledger));

    // It does not fit even in a new epoch: records that differ were made in the old one.
    let options = OpenOptions { new_epoch: true, ..OpenOptions::in_directory(&restored) };
    let (store, stored) = Store::open_with(&options, &identity(), Some(key())).expect("opens");
    let mut ledger = Ledger::of(store, &stored);
    ledger.write(5);
    let mut third = copying(&ledger, &restored, config(&server, &restored), "m1");
    third.until("it stops", |copying| copying.link.state().stopped);
    assert_eq!(all_there(&server, 140), 140);
}

#[test]
fn after_a_new_epoch_the_records_go_on_behind_the_last_common_one() {
    let (dir, server, mut ledger) = site(100);
    let (state, restored) = (dir.path().join("state"), dir.path().join("restored"));
    drop(ledger);
    copy(&state, &restored);
    ledger = Ledger::open(&state);
    ledger.write(40);
    let mut first = copying(&ledger, &state, config(&server, &state), "m1");
    first.until_acknowledged(140);
    drop((first, ledger));

    let options = OpenOptions { new_epoch: true, ..OpenOptions::in_directory(&restored) };
    let (store, stored) = Store::open_with(&options, &identity(), Some(key())).expect("opens");
    let mut ledger = Ledger::of(store, &stored);
    ledger.write(60);
    let mut second = copying(&ledger, &restored, config(&server, &restored), "m1");
    second.until_acknowledged(160);
    assert_eq!((second.news(), second.agrees), (vec![], true), "the alarm of before is over");
    let receiver = server.receiver();
    let arrivals = receiver.arrivals(&cabinet()).expect("a list");
    assert_eq!(arrivals.len(), 200, "both lives are there");
    assert_eq!((arrivals[139], arrivals[140], arrivals[199]), ((1, 140), (2, 101), (2, 160)));
    assert_eq!(receiver.verified(&cabinet()), Ok((200, 0)));
}

#[test]
fn of_a_cabinet_and_its_clone_the_second_is_stopped() {
    let (dir, server, ledger) = site(30);
    let (state, cloned) = (dir.path().join("state"), dir.path().join("cloned"));
    drop(ledger);
    copy(&state, &cloned);
    let (mut ledger, mut twin) = (Ledger::open(&state), Ledger::open(&cloned));
    // Each start makes a record, and no two have the same salt.
    ledger.write(1);
    twin.write(1);
    let mut first = copying(&ledger, &state, config(&server, &state), "m1");
    first.until_acknowledged(31);
    let mut second = copying(&twin, &cloned, config(&server, &cloned), "m2");
    second.until("it stops", |copying| copying.link.state().stopped);
    assert_eq!(second.news(), [UpstreamNews::Cloned { seq: 31 }]);
    ledger.write(4);
    first.link.recorded(35, Mode::Line);
    first.until_acknowledged(35);
    assert_eq!(first.news(), []);
    assert_eq!(all_there(&server, 35), 35);
}

#[test]
fn payloads_of_chosen_kinds_stay_here_and_the_chain_verifies_there() {
    let (dir, server, ledger) = site(40);
    let state = dir.path().join("state");
    let config = UpstreamConfig { withheld: BTreeSet::from(["door-closed".to_owned()]), ..config(&server, &state) };
    let mut copying = copying(&ledger, &state, config, "m1");
    copying.until_acknowledged(40);
    assert_eq!(all_there(&server, 40), 20);
}

#[test]
fn records_of_a_boot_whose_clock_was_learned_later_can_be_dated_there() {
    const TRUE_MS: i64 = 1_764_000_000_000;
    let (dir, server, mut ledger) = site(0);
    let state = dir.path().join("state");
    // Since 1970, as a Pi without a clock starts; sent before the time is known, and after.
    let door = || Fact::DoorOpened { door: DoorNo(1), session: None };
    let before = vec![
        ledger.record(door(), 10_000, ClockQuality::Unknown),
        ledger.record(door(), 20_000, ClockQuality::Unknown),
    ];
    ledger.store.commit_blocking(before, Vec::new(), false).expect("committed");
    let mut copying = copying(&ledger, &state, config(&server, &state), "m1");
    copying.until_acknowledged(2);
    let dated = |server: &Server| server.receiver().dated(&cabinet()).expect("dates");
    assert_eq!(dated(&server), [(1, None), (2, None)], "nobody knows yet");
    let correction = Fact::ClockCorrected { by_ms: TRUE_MS - 30_000 };
    let after = vec![
        ledger.record(correction, TRUE_MS, ClockQuality::Synced),
        ledger.record(door(), TRUE_MS + 5_000, ClockQuality::Synced),
    ];
    ledger.store.commit_blocking(after, Vec::new(), false).expect("committed");
    copying.link.recorded(4, Mode::Line);
    copying.until_acknowledged(4);
    let at = |offset| Some(TRUE_MS + offset);
    assert_eq!(dated(&server), [(1, at(-20_000)), (2, at(-10_000)), (3, at(0)), (4, at(5_000))]);
}

#[test]
fn a_flush_ends_when_all_is_there_or_at_once_when_nobody_answers() {
    let (dir, server, mut ledger) = site(10);
    let state = dir.path().join("state");
    let slow = UpstreamConfig { gather_ms: 60_000, longest_pause_s: 600, ..config(&server, &state) };
    let mut copying = copying(&ledger, &state, slow, "m1");
    copying.until_acknowledged(10);
    let beaten = |server: &Server| server.receiver().last_heartbeat(&cabinet()).expect("readable");
    copying.until("it rests", |_| beaten(&server).is_some());
    std::thread::sleep(Duration::from_millis(100));
    ledger.write(20);
    copying.link.recorded(30, Mode::Conserve);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(copying.link.state().acknowledged, 10, "they are gathered");
    assert_eq!(copying.link.flush().blocking_recv(), Ok(true));
    assert_eq!(all_there(&server, 30), 30);
    let heard = beaten(&server).expect("a heartbeat");
    assert!(heard.contains("\"mode\":\"conserve\""), "{heard}");
    server.set_down(true);
    ledger.write(1);
    copying.link.recorded(31, Mode::Conserve);
    assert_eq!(copying.link.flush().blocking_recv(), Ok(false));
    // In the longest of pauses, too, the next one tries.
    server.set_down(false);
    assert_eq!(copying.link.flush().blocking_recv(), Ok(true));
    assert_eq!(all_there(&server, 31), 31);
}

/// A cabinet that is dead cannot say so: who listens does, half a minute after its word was due, once.
#[test]
fn a_cabinet_that_falls_silent_is_told_and_one_that_sleeps_is_not() {
    let (dir, server, ledger) = site(3);
    let state = dir.path().join("state");
    let mut copying = copying(&ledger, &state, config(&server, &state), "m1");
    copying.until_acknowledged(3);
    copying.until("it rests", |_| server.receiver().last_heartbeat(&cabinet()).expect("readable").is_some());
    let due_ms = server::now_ms() + 3_600_000;
    let turned = |since_ms, now_ms| {
        let turned = server.receiver().turned(since_ms, now_ms).expect("readable");
        turned.iter().map(|turned| (turned.cabinet.clone(), turned.is_silent)).collect::<Vec<_>>()
    };
    assert_eq!(turned(0, due_ms), []);
    assert_eq!(turned(due_ms, due_ms + 60_000), [], "who did not listen cannot tell");
    assert_eq!(turned(due_ms, due_ms + 599_999), [], "nor before those come back who failed while it was away");
    // Records are a sign of life, too, and change nothing of when the next word is due.
    let heard = |at_ms| server.receiver().heard(&cabinet(), at_ms).expect("kept");
    heard(due_ms);
    assert_eq!(turned(0, due_ms + 30_001), []);
    heard(due_ms - 3_600_000);
    assert_eq!(turned(0, due_ms + 30_001), [(cabinet(), true)]);
    assert_eq!(turned(due_ms, due_ms + 30_002), [], "a receiver that starts anew has not heard it again");
    assert_eq!(turned(0, due_ms + 90_000), [], "once");
    assert_eq!(copying.link.flush().blocking_recv(), Ok(true));
    assert_eq!(turned(0, due_ms), [(cabinet(), false)]);
    // Asleep until somebody comes.
    let method = cabinetd::cabinet::power::Method::Halt;
    copying.link.recorded(3, Mode::Asleep { method });
    assert_eq!(copying.link.flush().blocking_recv(), Ok(true));
    assert_eq!(turned(0, due_ms + 86_400_000), []);
}

/// While many records go no heartbeat does: they are the sign of life.
#[test]
fn a_cabinet_that_sends_records_lives_though_no_heartbeat_is_due() {
    const HOUR_MS: i64 = 3_600_000;
    let (dir, server, mut ledger) = site(3);
    let state = dir.path().join("state");
    let mut copying = copying(&ledger, &state, config(&server, &state), "m1");
    copying.until_acknowledged(3);
    let beaten = |server: &Server| server.receiver().last_heartbeat(&cabinet()).expect("readable");
    copying.until("it rests", |_| beaten(&server).is_some());
    // As if its only word had been an hour and more ago: another one is due since.
    let now_ms = server::now_ms();
    server.receiver().heard(&cabinet(), now_ms - HOUR_MS - 60_000).expect("kept");
    let beat = beaten(&server);
    ledger.write(1);
    copying.link.recorded(4, Mode::Line);
    copying.until_acknowledged(4);
    assert_eq!(beaten(&server), beat, "the record alone went");
    let turned = |now_ms| server.receiver().turned(0, now_ms).expect("readable").len();
    assert_eq!(turned(now_ms), 0, "it was heard just now");
    assert_eq!(turned(now_ms + HOUR_MS), 0, "and the next word is due an hour later");
    assert_eq!(turned(now_ms + 2 * HOUR_MS), 1, "until it is silent for that long");
}

#[test]
fn nobody_else_is_trusted_and_nobody_else_gets_the_token() {
    let (dir, server, ledger) = site(3);
    let state = dir.path().join("state");
    let other = dir.path().join("other");
    std::fs::create_dir(&other).expect("a folder");
    let stranger = Server::start(&other, "127.0.0.1:0", None).expect("it serves");
    let mut wrong = config(&server, &state);
    std::fs::write(state.join("ca.pem"), &stranger.ca).expect("written");
    wrong.token = Some("upstream_token".to_owned());
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(state.join("upstream_token"))
        .expect("made");
    std::fs::write(state.join("upstream_token"), "swordfish-4711\n").expect("written");
    let mut copying = copying(&ledger, &state, wrong, "m1");
    copying.until("it says so", |copying| copying.link.state().trouble.is_some());
    let trouble = copying.link.state().trouble.expect("trouble");
    assert!(trouble.contains("certificate"), "{trouble}");
    assert!(!trouble.contains("swordfish"), "{trouble}");
    assert_eq!(server.requests(), 0);
}

#[test]
fn a_token_lets_in_and_a_wrong_one_is_said() {
    let dir = tempfile::tempdir().expect("a folder");
    let (there, state) = (dir.path().join("there"), dir.path().join("state"));
    std::fs::create_dir(&there).expect("a folder");
    let server = Server::start(&there, "127.0.0.1:0", Some("swordfish-4711")).expect("it serves");
    let mut ledger = Ledger::open(&state);
    ledger.write(3);
    let token = |word: &str| {
        let _ = std::fs::remove_file(state.join("t"));
        let open = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(state.join("t"));
        std::io::Write::write_all(&mut open.expect("made"), word.as_bytes()).expect("written");
    };
    let with_token = || UpstreamConfig { token: Some("t".to_owned()), ..config(&server, &state) };
    token("swordfish-0815");
    let mut wrong = copying(&ledger, &state, with_token(), "m1");
    wrong.until("it says so", |copying| copying.link.state().trouble.is_some());
    let trouble = wrong.link.state().trouble.expect("trouble");
    assert!(trouble.contains("401") && trouble.contains("token") && !trouble.contains("swordfish"), "{trouble}");
    drop(wrong);
    token("swordfish-4711");
    copying(&ledger, &state, with_token(), "m1").until_acknowledged(3);

    // One that is missing keeps nothing from starting, and counts once it is there.
    std::fs::remove_file(state.join("t")).expect("removed");
    ledger.write(1);
    let mut late = copying(&ledger, &state, with_token(), "m1");
    late.until("it says so", |copying| copying.link.state().trouble.is_some_and(|why| why.contains("is missing")));
    token("swordfish-4711");
    late.until_acknowledged(4);
}

/// A signed roster of this version, for the cabinet with that device key.
fn signed_roster(version: u64, device_key: [u8; 32]) -> String {
    let terms = Terms { version, identity: identity(), device_key, expires: Wall(1_800_000_000_000) };
    roster::sign(&terms, &[], &[], &roster_signer()).to_string()
}

fn roster_signer() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

fn with_rosters(server: &Server, state: &Path) -> UpstreamConfig {
    let roster_key = Some(roster_signer().verifying_key().to_bytes());
    UpstreamConfig { roster_key, heartbeat_s: 0, ..config(server, state) }
}

#[test]
fn a_roster_is_handed_over_until_it_is_settled_and_then_its_etag_does() {
    let (dir, server, ledger) = site(5);
    let state = dir.path().join("state");
    server.lay_down(&cabinet(), "", &signed_roster(7, key().verifying_key().to_bytes())).expect("laid down");
    let mut copying = copying(&ledger, &state, with_rosters(&server, &state), "m1");
    // What else is said is another test's matter.
    let next = |copying: &mut Copying| {
        loop {
            copying.until("a roster", |copying| !copying.said.is_empty());
            match copying.said.try_recv() {
                Ok(Event::RosterArrived(roster)) => return Ok(roster.version),
                Ok(Event::RosterRefused(fault)) => return Err(fault),
                Ok(Event::UpstreamSaid(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    assert_eq!((next(&mut copying), next(&mut copying)), (Ok(7), Ok(7)), "nobody said that it was taken");
    copying.link.roster_settled(7);
    // Those that were on their way.
    std::thread::sleep(Duration::from_millis(200));
    while copying.said.try_recv().is_ok() {}
    let (sent, requests) = (server.rosters_sent(), server.requests());
    copying.until("it is asked again and again", |_| server.requests() > requests + 6);
    assert_eq!(server.rosters_sent(), sent, "304");
    assert!(copying.said.is_empty());

    // Each thing that counts for nothing is told once, and the copying goes on.
    let other = signed_roster(8, [1; 32]);
    server.lay_down(&cabinet(), ".other", &other).expect("laid down");
    for (rosters, fault) in [
        (Rosters::Forged, RosterFault::BadSignature),
        (Rosters::OtherDevice, RosterFault::OtherDevice),
        (Rosters::Oversized, RosterFault::TooLarge),
    ] {
        server.serve(rosters);
        assert_eq!(next(&mut copying), Err(fault.clone()));
        let requests = server.requests();
        copying.until("it is asked again", |_| server.requests() > requests + 4);
        assert!(copying.said.is_empty(), "{fault:?} is told once");
        let state = copying.link.state();
        assert_eq!((state.roster_trouble, state.trouble), (Some(fault.to_string()), None));
    }
    // None is meant for it any more.
    server.serve(Rosters::Older);
    copying.until("no trouble", |copying| copying.link.state().roster_trouble.is_none());
    server.serve(Rosters::Honest);
    assert_eq!(next(&mut copying), Ok(7));
    assert_eq!(all_there(&server, 5), 5);
}

/// What the core knows of rosters is lost with its process: so is the `ETag` of one that waited.
#[test]
fn a_roster_that_waited_is_asked_for_anew_after_a_restart_and_when_the_core_lost_it() {
    let (dir, server, ledger) = site(5);
    let state = dir.path().join("state");
    server.lay_down(&cabinet(), "", &signed_roster(7, key().verifying_key().to_bytes())).expect("laid down");
    let arrives = |copying: &mut Copying| {
        for _ in 0..1_000 {
            match copying.said.try_recv() {
                Ok(Event::RosterArrived(roster)) => return roster.version,
                Ok(_) => {}
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
        panic!("no roster");
    };
    for _ in 0..2 {
        let mut copying = copying(&ledger, &state, with_rosters(&server, &state), "m1");
        assert_eq!(arrives(&mut copying), 7);
        // It waits in the core: as long as it does it is not sent again.
        copying.link.roster_settled(7);
        std::thread::sleep(Duration::from_millis(200));
        while copying.said.try_recv().is_ok() {}
        let (sent, requests) = (server.rosters_sent(), server.requests());
        copying.until("it is asked again and again", |_| server.requests() > requests + 6);
        assert_eq!(server.rosters_sent(), sent, "304");
        // The core was built anew, and knows of none.
        copying.link.roster_settled(0);
        assert_eq!(arrives(&mut copying), 7);
    }
}

#[test]
fn how_it_stands_is_said_again_when_that_may_have_been_lost() {
    let (dir, server, mut ledger) = site(60);
    let state = dir.path().join("state");
    server.policy().refused.insert(7);
    server.policy().too_large.insert(31);
    server.lay_down(&cabinet(), "", &signed_roster(7, key().verifying_key().to_bytes())).expect("laid down");
    server.serve(Rosters::Forged);
    let roster_key = Some(roster_signer().verifying_key().to_bytes());
    let slow = UpstreamConfig { roster_key, heartbeat_s: 1, longest_pause_s: 600, ..config(&server, &state) };
    let mut copying = copying(&ledger, &state, slow, "m1");
    // What is said until nothing more is, in order.
    let said = |copying: &mut Copying| {
        let mut said = Vec::new();
        for _ in 0..25 {
            std::thread::sleep(Duration::from_millis(100));
            while let Ok(event) = copying.said.try_recv() {
                said.push(event);
            }
        }
        said
    };
    let first = said(&mut copying);
    let stands = [
        Event::UpstreamSaid(UpstreamNews::Answers),
        Event::UpstreamSaid(UpstreamNews::Agrees),
        Event::UpstreamSaid(UpstreamNews::Refuses { records: BTreeSet::from([7, 31]) }),
        Event::UpstreamSaid(UpstreamNews::Blocked { seq: 31 }),
        Event::RosterRefused(RosterFault::BadSignature),
    ];
    for event in &stands {
        assert!(first.contains(event), "{event:?} in {first:?}");
    }
    assert_eq!(said(&mut copying), [], "once");
    copying.link.say_again();
    let again = said(&mut copying);
    assert!(again.len() == stands.len() && stands.iter().all(|event| again.contains(event)), "{again:?}");

    // That it lost data is over soon, and is said again until something that was recorded later is there.
    server.policy().too_large.clear();
    copying.link.retry();
    copying.until_acknowledged(60);
    said(&mut copying);
    server.receiver().lose_behind(&cabinet(), 40).expect("lost");
    let lost = Event::UpstreamSaid(UpstreamNews::LostData { held: 60, has: 40 });
    assert!(said(&mut copying).contains(&lost));
    copying.link.say_again();
    assert!(said(&mut copying).contains(&lost));
    ledger.write(1);
    copying.link.recorded(61, Mode::Line);
    copying.until_acknowledged(61);
    said(&mut copying);
    copying.link.say_again();
    let again = said(&mut copying);
    assert!(!again.contains(&lost) && again.contains(&Event::UpstreamSaid(UpstreamNews::Takes)), "{again:?}");
}

#[test]
fn forged_rosters_that_take_turns_are_told_once_each() {
    let (dir, server, ledger) = site(5);
    let state = dir.path().join("state");
    server.lay_down(&cabinet(), "", &signed_roster(7, key().verifying_key().to_bytes())).expect("laid down");
    server.lay_down(&cabinet(), ".other", &signed_roster(8, [1; 32])).expect("laid down");
    let mut copying = copying(&ledger, &state, with_rosters(&server, &state), "m1");
    copying.link.roster_settled(7);
    for rosters in [Rosters::Forged, Rosters::Honest, Rosters::OtherDevice].repeat(4) {
        server.serve(rosters);
        let requests = server.requests();
        copying.until("it is asked", |_| server.requests() > requests + 4);
    }
    let mut told = Vec::new();
    while let Ok(event) = copying.said.try_recv() {
        if let Event::RosterRefused(fault) = event {
            told.push(fault);
        }
    }
    assert_eq!(told, [RosterFault::BadSignature, RosterFault::OtherDevice]);
}

#[test]
fn of_a_silent_record_that_goes_nothing_shows_here() {
    let (dir, server, mut ledger) = site(5);
    let state = dir.path().join("state");
    let mut copying = copying(&ledger, &state, config(&server, &state), "m1");
    copying.until_acknowledged(5);
    copying.link.flush().blocking_recv().expect("an answer");
    let shows = |copying: &Copying| cabinetd::upstream::link::LinkState { acknowledged: 0, ..copying.link.state() };
    let before = shows(&copying);
    copying.news();
    let silent = writes_a_silent_record(&mut ledger);
    copying.link.recorded(silent, Mode::Line);
    copying.until_acknowledged(silent);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(shows(&copying), before, "not even when upstream was heard last");
    // Nor that it cannot go: the next heartbeat, or another record, shows that.
    server.set_down(true);
    let silent = writes_a_silent_record(&mut ledger);
    copying.link.recorded(silent, Mode::Line);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(shows(&copying), before);
    assert!(copying.said.is_empty());
    ledger.write(1);
    copying.link.recorded(silent + 1, Mode::Line);
    copying.until("it is shown", |copying| copying.link.state().failing_since.is_some());
    server.set_down(false);
    copying.until_acknowledged(silent + 1);
    assert_ne!(shows(&copying).heard, before.heard);
    assert_eq!(all_there(&server, silent + 1), silent + 1);
}

#[test]
fn a_silent_record_that_is_taken_in_no_form_shows_as_the_next_one_that_may_be_seen() {
    let (dir, server, mut ledger) = site(5);
    let state = dir.path().join("state");
    let often = UpstreamConfig { heartbeat_s: 1, ..config(&server, &state) };
    let mut copying = copying(&ledger, &state, often, "m1");
    copying.until_acknowledged(5);
    server.policy().too_large.insert(6);
    let silent = writes_a_silent_record(&mut ledger);
    copying.link.recorded(silent, Mode::Line);
    // It was turned down with its payload and without, and heartbeats went since.
    let requests = server.requests();
    copying.until("it is tried", |_| server.requests() > requests + 8);
    let shows = |copying: &Copying| (copying.link.state().blocked, copying.link.state().trouble);
    assert_eq!((silent, shows(&copying)), (6, (None, None)), "nothing to be seen waits");
    let is_told = |copying: &mut Copying| {
        std::iter::from_fn(|| copying.said.try_recv().ok())
            .filter_map(|event| match event {
                Event::UpstreamSaid(UpstreamNews::Blocked { seq }) => Some(seq),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(is_told(&mut copying), Vec::<u64>::new());
    ledger.write(2);
    copying.link.recorded(8, Mode::Line);
    copying.until("it is shown", |copying| copying.link.state().trouble.is_some());
    assert_eq!(shows(&copying).0, Some(7));
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!(is_told(&mut copying), [7], "once");
    server.policy().too_large.clear();
    copying.link.retry();
    copying.until_acknowledged(8);
    assert_eq!(shows(&copying).0, None);
    all_there(&server, 8);
}

#[test]
fn without_a_key_no_roster_is_asked_for() {
    let (dir, server, ledger) = site(5);
    let state = dir.path().join("state");
    server.lay_down(&cabinet(), "", &signed_roster(7, key().verifying_key().to_bytes())).expect("laid down");
    let none = UpstreamConfig { roster_key: None, ..with_rosters(&server, &state) };
    let mut copying = copying(&ledger, &state, none, "m1");
    copying.until("heartbeats", |_| server.requests() > 8);
    assert_eq!((server.rosters_sent(), copying.news()), (0, vec![]));
}

/// Two hands on one ledger and two receivers over one database, all at the same time.
#[test]
fn any_number_of_receivers_serve_one_database() {
    let (dir, server, mut ledger) = site(400);
    let state = dir.path().join("state");
    let other = Server::start(&dir.path().join("there"), "127.0.0.1:0", None).expect("it serves");
    let mut first = copying(&ledger, &state, config(&server, &state), "m1");
    let mut second = copying(&ledger, &state, config(&other, &state), "m1");
    first.until_acknowledged(400);
    second.until_acknowledged(400);
    for count in [401, 402] {
        ledger.write(1);
        first.link.recorded(count, Mode::Line);
        second.link.recorded(count, Mode::Line);
        first.until_acknowledged(count);
        second.until_acknowledged(count);
    }
    assert_eq!((all_there(&server, 402), first.news(), second.news()), (402, vec![], vec![]));
    assert!(server.requests() > 2 && other.requests() > 2);
}

#[test]
fn a_payload_that_is_to_stay_here_by_now_does_not_go_with_those_that_are_tried_again() {
    let (dir, server, ledger) = site(60);
    let state = dir.path().join("state");
    server.policy().refused.extend([31, 32]);
    let mut before = copying(&ledger, &state, config(&server, &state), "m1");
    before.until_acknowledged(60);
    before.until("both are parked", |copying| copying.link.state().parked.len() == 2);
    drop(before);
    // Records with an even number are of this kind.
    let config = UpstreamConfig { withheld: BTreeSet::from(["door-closed".to_owned()]), ..config(&server, &state) };
    let mut copying = copying(&ledger, &state, config, "m1");
    copying.until("it rests", |copying| copying.link.state().heard.is_some());
    server.policy().refused.clear();
    copying.link.retry();
    copying.until("nothing waits for a person", |copying| copying.link.state().parked.is_empty());
    assert_eq!(all_there(&server, 60), 59, "one was taken, the other stays here");
}

#[test]
fn all_that_was_refused_is_tried_again_however_many_are_refused_again() {
    let (dir, server, ledger) = site(100);
    let state = dir.path().join("state");
    server.policy().refused.extend(1..=80);
    let mut copying = copying(&ledger, &state, config(&server, &state), "m1");
    copying.until_acknowledged(100);
    copying.until("all are parked", |copying| copying.link.state().parked.len() == 80);
    server.policy().refused.retain(|seq| *seq <= 40);
    copying.link.retry();
    copying.until("what is taken now is gone", |copying| copying.link.state().parked.len() == 40);
    copying.link.flush().blocking_recv().expect("an answer");
    copying.news();
    assert_eq!(copying.refused, Some((1..=40).collect()));
    assert_eq!(all_there(&server, 100), 60);
}

#[test]
fn an_upstream_that_is_silent_is_asked_ever_less_often_also_when_there_is_nothing_to_send() {
    let (dir, server, ledger) = site(3);
    let state = dir.path().join("state");
    let slow = UpstreamConfig { longest_pause_s: 600, ..config(&server, &state) };
    let mut copying = copying(&ledger, &state, slow, "m1");
    copying.until("it rests", |copying| copying.link.state().heard.is_some());
    copying.link.flush().blocking_recv().expect("an answer");
    server.by_chance(Some(Box::new(|| Some(Fault::Status(503)))));
    let before = server.requests();
    // The mode changed: upstream is to hear of it.
    copying.link.recorded(3, Mode::Conserve);
    std::thread::sleep(Duration::from_millis(3_500));
    let tries = server.requests() - before;
    assert!((2..=4).contains(&tries), "{tries} in 3.5 s, with pauses of 1, 2, 4 s");
    server.by_chance(None);
    assert_eq!(copying.link.flush().blocking_recv(), Ok(true));
    let heard = server.receiver().last_heartbeat(&cabinet()).expect("readable").expect("a heartbeat");
    assert!(heard.contains("\"mode\":\"conserve\""), "{heard}");
}

/// What is known there, so long ago.
#[expect(clippy::disallowed_methods, reason = "the clock of the other side")]
fn tell(dir: &Path, age_ms: i64, storm: bool, ends_in_ms: Option<i64>) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    let now = i64::try_from(now.as_millis()).expect("not so long");
    let hint = serde_json::json!({
        "as_of_ms": now - age_ms, "storm": storm, "restoration_ms": ends_in_ms.map(|ms| now + ms),
    });
    std::fs::write(dir.join("there/outage-hints.json"), hint.to_string()).expect("written");
}

#[test]
fn hints_are_asked_for_on_battery_and_old_ones_count_for_nothing() {
    let (dir, server, ledger) = site(3);
    let state = dir.path().join("state");
    let config = UpstreamConfig { hints: true, ..config(&server, &state) };
    let mut copying = copying(&ledger, &state, config, "m1");
    // Nothing is known: that is no trouble.
    copying.until_acknowledged(3);
    assert_eq!(copying.link.flush().blocking_recv(), Ok(true));
    assert_eq!((copying.news(), copying.link.state().trouble), (vec![], None));
    tell(dir.path(), 60_000, true, Some(5 * 3_600_000));
    copying.link.recorded(3, Mode::Grace);
    copying.until("it is told", |copying| !copying.said.is_empty());
    let news = copying.news();
    let [UpstreamNews::Hints { storm: true, ends_in_ms: Some(ms) }] = news[..] else { panic!("{news:?}") };
    assert!((4 * 3_600_000..=5 * 3_600_000).contains(&ms), "{ms}");
    // Each heartbeat asks while it is on battery.
    tell(dir.path(), 0, false, None);
    assert_eq!(copying.link.flush().blocking_recv(), Ok(true));
    assert_eq!(copying.news(), [UpstreamNews::Hints { storm: false, ends_in_ms: None }]);
    tell(dir.path(), 7 * 3_600_000, true, None);
    assert_eq!(copying.link.flush().blocking_recv(), Ok(true));
    assert_eq!(copying.news(), [], "that was another weather");
    std::fs::write(dir.path().join("there/outage-hints.json"), "{}").expect("written");
    assert_eq!(copying.link.flush().blocking_recv(), Ok(true), "nonsense holds up nothing");
    assert_eq!(copying.news(), []);
}

#[test]
fn without_hints_and_keymap_in_the_config_nobody_is_asked_and_nothing_is_shown() {
    let (dir, server, ledger) = site(3);
    let state = dir.path().join("state");
    tell(dir.path(), 0, true, None);
    let mut copying = copying(&ledger, &state, config(&server, &state), "m1");
    copying.until_acknowledged(3);
    copying.sight.send_replace(picture(3, SlotNo(2)));
    copying.link.recorded(3, Mode::Grace);
    assert_eq!(copying.link.flush().blocking_recv(), Ok(true));
    assert_eq!(copying.news(), []);
    assert_eq!(server.receiver().last_keymap(&cabinet()).expect("readable"), None);
}

#[test]
fn the_keymap_is_shown_when_it_changed_and_not_every_time() {
    let (dir, server, mut ledger) = site(3);
    let state = dir.path().join("state");
    let config = UpstreamConfig { keymap: true, ..config(&server, &state) };
    let mut copying = copying(&ledger, &state, config, "m1");
    let shown = |server: &Server| {
        let text = server.receiver().last_keymap(&cabinet()).expect("readable")?;
        serde_json::from_str::<serde_json::Value>(&text).ok()
    };
    copying.until("it is shown", |_| shown(&server).is_some());
    let first = shown(&server).expect("a picture");
    assert_eq!((&first["head"]["seq"], &first["clock"]), (&serde_json::json!(0), &serde_json::json!("synced")));
    let slots = serde_json::to_value(&picture(0, SlotNo(1)).slots).expect("JSON");
    assert!(first["slots"] == slots && slots.as_array().is_some_and(|slots| slots.len() > 3), "{first}");
    copying.until_acknowledged(3);
    assert_eq!(copying.link.flush().blocking_recv(), Ok(true));

    // Time passes and records are made, but every key is where it was.
    let requests = server.requests();
    ledger.write(1);
    copying.sight.send_replace(picture(4, SlotNo(1)));
    copying.link.recorded(4, Mode::Line);
    copying.until_acknowledged(4);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(server.requests() - requests, 1, "the record alone");
    // Another picture waits for its minute, but for no minute before a sleep.
    copying.sight.send_replace(picture(4, SlotNo(2)));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(shown(&server).expect("a picture")["head"]["seq"], 0);
    assert_eq!(copying.link.flush().blocking_recv(), Ok(true));
    assert_eq!(shown(&server).expect("a picture")["head"]["seq"], 4);
    let requests = server.requests();
    assert_eq!(copying.link.flush().blocking_recv(), Ok(true));
    assert_eq!(server.requests() - requests, 1, "the heartbeat alone");
}

#[test]
fn an_upstream_without_keymaps_gets_its_records() {
    let (dir, server, ledger) = site(90);
    let state = dir.path().join("state");
    let config = UpstreamConfig { keymap: true, hints: true, ..config(&server, &state) };
    // The question, two batches, a heartbeat; then what is beside them.
    server.will(&[
        Fault::Slow(0),
        Fault::Slow(0),
        Fault::Slow(0),
        Fault::Slow(0),
        Fault::Status(404),
        Fault::Status(404),
    ]);
    let mut copying = copying(&ledger, &state, config, "m1");
    copying.until_acknowledged(90);
    copying.until("it rests", |_| server.requests() == 6);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!((server.requests(), copying.link.state().trouble), (6, None), "it is not asked again and again");
    assert_eq!(all_there(&server, 90), 90);
}

#[test]
fn a_token_that_upstream_repeats_is_not_said() {
    let (dir, server, ledger) = site(3);
    let state = dir.path().join("state");
    let open = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(state.join("t"));
    std::io::Write::write_all(&mut open.expect("made"), b"swordfish-4711").expect("written");
    let config = UpstreamConfig { token: Some("t".to_owned()), ..config(&server, &state) };
    server.by_chance(Some(Box::new(|| Some(Fault::EchoToken))));
    let mut copying = copying(&ledger, &state, config, "m1");
    copying.until("it says so", |copying| copying.link.state().trouble.is_some());
    let trouble = copying.link.state().trouble.expect("trouble");
    assert!(trouble.contains("403") && trouble.contains("(the token)") && !trouble.contains("swordfish"), "{trouble}");
}

/// Each call of the contract, as METHOD and the path's last part.
fn calls_of_the_contract() -> BTreeSet<String> {
    let (mut calls, mut path) = (BTreeSet::new(), "");
    for line in include_str!("../docs/upstream.openapi.yaml").lines() {
        if let Some(what) = line.strip_prefix("  /v1/cabinets/{site}/{cabinet}/") {
            path = what.trim_end_matches(':');
        } else if let Some(method) = line.strip_prefix("    ").and_then(|line| line.strip_suffix(':'))
            && ["get", "put", "post", "patch", "delete"].contains(&method)
        {
            calls.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    calls
}

/// What stands between `before`, a method, `between`, a word and a quote.
fn calls_in(code: &str, before: &str, between: &str) -> BTreeSet<String> {
    let call = |piece: &str| {
        let (method, rest) = piece.split_once(between)?;
        Some(format!("{method} {}", rest.split_once('"')?.0)).filter(|_| method.chars().all(|c| c.is_ascii_uppercase()))
    };
    code.split(before).skip(1).filter_map(call).collect()
}

#[test]
fn contract_client_and_reference_speak_of_the_same_calls() {
    let contract = calls_of_the_contract();
    assert!(contract.len() >= 7, "{contract:?}");
    let client = calls_in(include_str!("../src/upstream/client.rs"), "Method::", ", \"");
    let mut reference = calls_in(include_str!("../examples/reference_upstream/server.rs"), "(\"", "\", \"");
    // Served apart, since its answer is no JSON of the receiver's; `tests/upstream_roster.rs` asks for it.
    reference.insert("GET roster".to_owned());
    for calls in [client, reference] {
        assert!(calls.is_subset(&contract), "{calls:?} is more than {contract:?}");
        let missing: Vec<&String> = contract.difference(&calls).collect();
        assert!(missing.is_empty(), "{missing:?} is asked or served by nobody");
    }
}

/// Three days offline, then a connection that fails in every way at random: all arrive exactly once, in order.
#[test]
fn campaign_of_three_days_offline_and_a_connection_that_fails_in_every_way() {
    let number = |name: &str, default| std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default);
    let (records, seed) = (number("CABINETD_UPSTREAM_RECORDS", 3_000_u64), number("CABINETD_UPSTREAM_SEED", 1_u64));
    println!("{records} records, seed {seed}");
    let (dir, server, mut ledger) = site(0);
    let state = dir.path().join("state");
    let mut dice = seed | 1;
    let mut roll = move |sides: u64| {
        // xorshift64*
        dice ^= dice >> 12;
        dice ^= dice << 25;
        dice ^= dice >> 27;
        (dice.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % sides
    };
    // 72 hours of starts and visits, a clock that is learned now and then; a record every so often.
    let step_ms = 72 * 3_600_000 / records.max(1);
    let mut batch = Vec::new();
    for index in 0..records {
        if index % 997 == 0 {
            ledger.boot += 1;
        }
        let fact = match index % 4 {
            0 => Fact::DoorOpened { door: DoorNo(1), session: None },
            1 => Fact::DoorClosed { door: DoorNo(1), session: None, open_ms: index },
            2 => Fact::LinesLost,
            _ => Fact::ClockCorrected { by_ms: index.cast_signed() },
        };
        let wall_ms = 1_764_000_000_000 + (index * step_ms).cast_signed();
        batch.push(ledger.record(fact, wall_ms, ClockQuality::Restored));
        if batch.len() == 500 || index + 1 == records {
            ledger.store.commit_blocking(std::mem::take(&mut batch), Vec::new(), false).expect("committed");
        }
    }
    server.by_chance(Some(Box::new(move || {
        (roll(3) > 0).then(|| match roll(14) {
            0 => Fault::Drop,
            1 => Fault::LoseAnswer,
            2 => Fault::Truncate,
            3 => Fault::Twice,
            4 => Fault::Status(500),
            5 => Fault::Status(413),
            6 => Fault::Status(409),
            7 => Fault::RetryAfter(429, 0),
            8 => Fault::Slow(roll(30)),
            9 => Fault::Hang(250),
            10 => Fault::Partial(roll(60) as usize),
            11 => Fault::Garbage,
            12 => Fault::Lie,
            _ => Fault::BreakTls,
        })
    })));
    let mut hurried = config(&server, &state);
    (hurried.request_ms, hurried.batch_records) = (200, 500);
    let mut copying = copying(&ledger, &state, hurried, "m1");
    let patience = 60 + records / 20;
    let mut news = Vec::new();
    for tenth in 0..patience * 10 {
        // As the daemon's loop does: whoever does not listen holds the copying up.
        news.append(&mut copying.news());
        let cabinetd::upstream::link::LinkState { acknowledged, parked, .. } = copying.link.state();
        if acknowledged == records {
            break;
        }
        if tenth % 100 == 0 {
            println!("{acknowledged} there, {} of them without payload, {} requests", parked.len(), server.requests());
        }
        // Nobody waits for the pauses here.
        copying.link.retry();
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(copying.link.state().acknowledged, records, "seed {seed}: {:?}", copying.link.state());
    // A single record that is "too large" by chance is parked like one that really is: when all is well it goes by hand.
    println!("{} requests, {} parked", server.requests(), copying.link.state().parked.len());
    server.by_chance(None);
    copying.until("nothing is parked", |copying| {
        copying.link.retry();
        copying.link.state().parked.is_empty()
    });
    assert_eq!(all_there(&server, records), records, "seed {seed}");
    news.append(&mut copying.news());
    // One that is "too large" twice by chance blocks until it is tried again.
    news.retain(|news| !matches!(news, UpstreamNews::Blocked { .. }));
    assert_eq!(news, []);
}
