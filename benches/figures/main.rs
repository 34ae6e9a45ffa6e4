//! The figures that the daemon has to reach, each measured beside what it is compared with, in one run.
//!
//! `benches/run` runs them all; `cargo bench --bench figures -- NAME` runs one of `store`, `counts`, `snapshot`, `relay`, `start`, `idle`,
//! `asleep`, `simulate`, `upload`.
//! Each prints lines of a Markdown table: figure, target, measured, load average. `benches/RESULTS.md` keeps them.
//!
//! Network on loopback only; folders are temporary; processes are ended by their ids.

#![expect(clippy::cast_precision_loss, reason = "counts and milliseconds are small")]

mod counts;
mod days;
mod gauge;
mod idle;
#[path = "../../tests/support/nut.rs"]
#[expect(dead_code, reason = "made for tests")]
mod nut;
mod place;
#[path = "../../examples/reference_upstream/receiver.rs"]
#[expect(dead_code, reason = "only a sink is needed")]
mod receiver;
mod relay;
#[path = "../../examples/reference_upstream/server.rs"]
#[expect(dead_code, reason = "only a sink is needed")]
mod server;
mod simulate;
mod snapshot;
mod start;
mod store;
mod upload;

use std::path::Path;

fn main() {
    // `cargo bench` adds --bench.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["store"] => store::measure(),
        ["counts"] => counts::measure(),
        ["snapshot"] => snapshot::measure(),
        ["relay"] => relay::measure(),
        ["start"] => start::measure(),
        ["idle"] => idle::measure(),
        ["simulate"] => simulate::measure(),
        ["upload"] => upload::measure(),
        ["asleep"] => idle::measure_asleep(),
        // What these run as processes of their own.
        ["replay", dir, count, pause_ms] => counts::replay(Path::new(dir), number(count), number(pause_ms)),
        ["upload-send", state, ca, url] => upload::send(Path::new(state), Path::new(ca), url),
        ["upload-read", state] => upload::read(Path::new(state)),
        ["ledger", dir, records] => place::write_ledger(Path::new(dir), number(records)),
        _ => {
            eprintln!("usage: figures store|counts|snapshot|relay|start|idle|asleep|simulate|upload");
            std::process::exit(2);
        }
    }
}

fn number(word: &str) -> u64 {
    word.parse().expect("a number")
}
