//! A ledger of 72 hours offline into a receiver that counts and throws away, over TLS on loopback: the daemon's own copying, beside a plain loop
//! in Python that sends the same records, and beside reading and packing alone. Each sender is a process of its own, so that its CPU is.

use crate::gauge::{median, now, report};
use crate::place::Place;
use crate::server::Server;
use cabinetd::cabinet::types::Mono;
use cabinetd::config::UpstreamConfig;
use cabinetd::io::store::{Reader, Store};
use cabinetd::upstream::{Link, Setup, wire};
use ed25519_dalek::SigningKey;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const RECORDS: u64 = 200_000;
const BATCH: usize = 4_000;
const ROUNDS: usize = 3;

pub fn measure() {
    let dir = tempfile::tempdir().expect("a folder");
    let (state, there) = (dir.path().join("state"), dir.path().join("there"));
    std::fs::create_dir(&there).expect("a folder");
    let place = Place::new(dir.path(), None);
    drop(place);
    let me = std::env::current_exe().expect("a program");
    let made = Command::new(&me).arg("ledger").arg(dir.path()).arg(RECORDS.to_string()).status().expect("it runs");
    assert!(made.success());
    let server = Server::start(&there, "127.0.0.1:0", None).expect("it serves");
    server.set_sink(true);
    let ca = there.join("ca.pem");
    let (mut ours, mut plain, mut alone, mut cpu, mut plain_cpu) = (vec![], vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let sent = outcome(Command::new(&me).arg("upload-send").args([&state, &ca]).arg(server.url()));
        // A copy that knows nothing of the other's marks.
        ours.push(sent[0] / sent[1]);
        cpu.push(sent[2] / sent[0] * 1e6);
        let read = outcome(Command::new(&me).arg("upload-read").arg(&state));
        alone.push(read[0] / read[1]);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/upload_plain.py");
        let url = format!("{}/v1/cabinets/site/cabinet/records", server.url());
        let ledger = state.join("ledger.db");
        let sent = outcome(Command::new("python3").arg(script).args([&ledger, &ca]).args([&url, "500"]));
        plain.push(sent[0] / sent[1]);
        plain_cpu.push(sent[2] / sent[0] * 1e6);
    }
    let (ours, plain, alone) = (median(&ours), median(&plain), median(&alone));
    let (cpu, plain_cpu) = (median(&cpu), median(&plain_cpu));
    let measured = format!(
        "{ours:.0} records/s, {:.1} × Python requests ({plain:.0}); {cpu:.1} µs CPU a record, 1/{:.1} of Python's ({plain_cpu:.1}); reading and packing alone {alone:.0}",
        ours / plain,
        plain_cpu / cpu
    );
    report(
        &format!("upload of {RECORDS} records over TLS on loopback into a counting sink"),
        "≥ 100,000/s; ≥ 2.5 × Python, ≤ 1/3 of its CPU",
        &measured,
    );
}

fn outcome(command: &mut Command) -> Vec<f64> {
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().map(|word| word.parse().expect("a number")).collect()
}

/// The daemon's copying, in this process: prints records, seconds, seconds of CPU.
pub fn send(state: &Path, ca: &Path, url: &str) {
    // A copy of the ledger for each sending: it keeps its marks there.
    let copy = tempfile::tempdir().expect("a folder");
    for name in ["ledger.db", "ledger.db-wal"] {
        if state.join(name).exists() {
            std::fs::copy(state.join(name), copy.path().join(name)).expect("copied");
        }
    }
    let device_key = SigningKey::from_bytes(&[7; 32]);
    let identity = Reader::open(copy.path()).expect("a ledger").identity().clone();
    let (store, stored) = Store::open(copy.path(), &identity, Some(device_key.clone())).expect("a ledger");
    let config = UpstreamConfig {
        url: url.parse().expect("a URL"),
        ca_file: Some(ca.to_owned()),
        token: None,
        gather_ms: 0,
        heartbeat_s: 3_600,
        request_ms: 30_000,
        longest_pause_s: 1,
        batch_records: BATCH,
        flush_ms: 1_000,
        roster_key: None,
        hints: false,
        keymap: false,
        silent_alarm_h: 0,
        withheld: BTreeSet::new(),
    };
    let setup = Setup {
        config,
        identity,
        device_key,
        credentials_dir: copy.path().to_owned(),
        state_dir: copy.path().to_owned(),
        machine: "m".into(),
        seen: None,
    };
    let (events, _said) = tokio::sync::mpsc::channel(16);
    let (used, begin) = (cpu_s(), now());
    let link = Link::start(setup, store.marks(), events, || Mono(0)).expect("it starts");
    while link.state().acknowledged < stored.head.seq {
        std::thread::sleep(Duration::from_millis(2));
    }
    println!("{} {} {}", stored.head.seq, begin.elapsed().as_secs_f64(), cpu_s() - used);
}

/// Reading and packing alone.
pub fn read(state: &Path) {
    let reader = Reader::open(state).expect("a ledger");
    let key = SigningKey::from_bytes(&[7; 32]);
    let (used, begin, mut after) = (cpu_s(), now(), 0);
    while let Some(excerpt) = reader.excerpt(after, BATCH, 4 << 20, &BTreeSet::new()).expect("readable") {
        after = excerpt.last.seq;
        let head = cabinetd::io::store::head::sign(reader.identity(), "upstream", excerpt.last, &key);
        std::hint::black_box(wire::batch(&excerpt, &head, "m"));
    }
    println!("{after} {} {}", begin.elapsed().as_secs_f64(), cpu_s() - used);
}

/// CPU of this process, s.
fn cpu_s() -> f64 {
    // In clock ticks of 10 ms, in the 14th and 15th field; the name in the 2nd may hold spaces.
    let stat = std::fs::read_to_string("/proc/self/stat").expect("/proc is mounted");
    let fields: Vec<&str> = stat.rsplit_once(')').expect("a name").1.split_whitespace().collect();
    let ticks: f64 = fields[11..13].iter().map(|field| field.parse::<f64>().expect("a number")).sum();
    ticks / 100.0
}
