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
use cabinetd::cabinet::event::UpstreamNews;
use cabinetd::cabinet::fact::{Fact, Record};
use cabinetd::cabinet::power::Mode;
use cabinetd::cabinet::types::{BootId, ClockQuality, DoorNo, Mono, Origin, Stamp, Wall};
use cabinetd::config::UpstreamConfig;
use cabinetd::io::store::{Identity, OpenOptions, Reader, Report, Store, Stored, verify};
use cabinetd::upstream::{Link, Setup};
use ed25519_dalek::SigningKey;
use receiver::Cabinet;
use server::{Fault, Server};
use std::collections::BTreeSet;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc;

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

/// A copying at work.
struct Copying {
    link: Link,
    said: mpsc::Receiver<Event>,
    /// It was told that upstream and the ledger agree.
    agrees: bool,
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
        silent_alarm_h: 4,
        withheld: BTreeSet::new(),
    }
}

fn copying(ledger: &Ledger, dir: &Path, config: UpstreamConfig, machine: &str) -> Copying {
    let (events, said) = mpsc::channel(256);
    let setup = Setup {
        config,
        identity: identity(),
        device_key: key(),
        credentials_dir: dir.to_owned(),
        state_dir: dir.to_owned(),
        machine: machine.to_owned(),
    };
    let link = Link::start(setup, ledger.store.marks(), events, || Mono(1)).expect("it starts");
    Copying { link, said, agrees: false }
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
            // Once in each life.
            match said {
                UpstreamNews::Agrees => self.agrees = true,
                // What comes of a silence the core decides, and its stories tell.
                UpstreamNews::Silent { .. } | UpstreamNews::Answers => {}
                _ => news.push(said),
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
    assert_eq!(copying.news(), [UpstreamNews::Parked { record: 31 }]);
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
    assert_eq!(copying.news(), [UpstreamNews::Unparked { record: 31 }]);
    assert_eq!(all_there(&server, 60), 60);
    assert!(Reader::open(&state).expect("readable").parked().expect("readable").is_empty());
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
    for _ in 0..patience * 10 {
        if copying.link.state().acknowledged == records {
            break;
        }
        // Nobody waits for the pauses here.
        copying.link.retry();
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(copying.link.state().acknowledged, records, "seed {seed}: {:?}", copying.link.state());
    let parked: BTreeSet<u64> = copying.link.state().parked;
    let with = all_there(&server, records);
    // A single record that is "too large" by chance is parked like one that really is.
    assert_eq!(with, records - parked.len() as u64, "seed {seed}");
    let news = copying.news();
    assert!(
        news.iter().all(|news| matches!(news, UpstreamNews::Parked { .. } | UpstreamNews::Unparked { .. })),
        "{news:?}"
    );
    println!("{} requests, {} parked", server.requests(), parked.len());
}
