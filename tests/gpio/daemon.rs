//! The daemon itself on real chips: what it holds, sees, records and leaves, through SIGKILL, SIGSTOP and a stop.

use crate::chip::{Chip, until};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_cabinetd");

/// Four slots and a door; the lock's relay board is active low. What hangs on a simulated line and the chip's own bias are one and the
/// same there, so there is none.
pub const CONFIG: &str = r#"
[cabinet]
site = "rig"
name = "cabinet-1"
[lines]
backend = "gpiocdev"
poll_s = 1
[slots]
count = 4
columns = 4
led = false
[[output]]
role = "lock"
number = 1
pin = 17
active = "low"
[[input]]
role = "door"
number = 1
pin = 27
active = "low"
bias = "off"
[[input]]
role = "slot"
number = "1-4"
chip = "expander"
line = "0-3"
active = "low"
bias = "off"
debounce_ms = 0
"#;

pub fn cabinetd(home: &Path, args: &[&str]) -> Output {
    Command::new(PROGRAM).args(args).env("CABINETD_DIR", home).stdin(Stdio::null()).output().expect("it runs")
}

pub fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

pub fn start(home: &Path) -> Child {
    let log = fs::OpenOptions::new().create(true).append(true).open(home.join("log")).expect("a log");
    let daemon = Command::new(PROGRAM)
        .arg("run")
        .env("CABINETD_DIR", home)
        .stderr(log)
        .stdin(Stdio::null())
        .spawn()
        .expect("it starts");
    until("the daemon", || cabinetd(home, &["status"]).status.success());
    daemon
}

fn log(home: &Path) -> String {
    fs::read_to_string(home.join("log")).expect("it writes one")
}

pub fn signal(daemon: &Child, signal: Signal) {
    kill_process(Pid::from_child(daemon), signal).expect("it lives");
}

/// What hangs in the slots, as the books have it: a digit for each, ? where nobody knows.
pub fn slots(home: &Path) -> String {
    let keymap = out(&cabinetd(home, &["keymap", "--json"]));
    let keymap: serde_json::Value = serde_json::from_str(&keymap).unwrap_or_else(|error| panic!("{error}: {keymap}"));
    let slots = keymap["slots"].as_array().expect("a list").iter();
    let digit = |slot: &serde_json::Value| match slot["present"].as_str() {
        Some("yes") => '1',
        Some("no") => '0',
        _ => '?',
    };
    slots.map(digit).collect()
}

fn check(home: &Path) -> serde_json::Value {
    let said = out(&cabinetd(home, &["check", "--json", "--only", "lines"]));
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// The level of a finding, and what it says.
fn found(report: &serde_json::Value, id: &str) -> (String, String) {
    let findings = report["findings"].as_array().expect("a list");
    let finding = findings.iter().find(|finding| finding["id"] == id).unwrap_or_else(|| panic!("{id}: {report:#}"));
    (finding["level"].as_str().expect("a word").into(), finding["what"].as_str().expect("a sentence").into())
}

#[test]
#[ignore = "runs in the rig"]
fn it_holds_sees_and_leaves_the_lines_as_it_should() {
    let (header, expander) = (Chip::new("pinctrl-bcm2711", 28), Chip::new("expander", 16));
    let home = tempfile::tempdir().expect("a folder");
    let home = home.path();
    fs::write(home.join("cabinetd.toml"), CONFIG).expect("written");
    // A start that fails before it has come to the lines drives the relays off all the same.
    assert!(!header.is_output(17));
    let failed = cabinetd(home, &["run"]);
    assert!(!failed.status.success() && out(&failed).contains("init"), "{}", out(&failed));
    assert!(header.is_output(17) && header.holder(17).is_none());
    assert!(cabinetd(home, &["init"]).status.success());
    // Keys hang in 1 and 2, the door is closed, a resistor holds the relay off.
    header.pull(17, true);
    header.pull(27, false);
    for (line, empty) in [false, false, true, true].into_iter().enumerate() {
        expander.pull(line as u32, empty);
    }
    let mut daemon = start(home);
    until("the slots", || slots(home) == "1100");
    assert_eq!(header.holder(17).as_deref(), Some("cabinetd"));
    assert!(header.is_high(17), "locked");
    let refused = cabinetd(home, &["release"]);
    assert!(!refused.status.success() && out(&refused).contains("the daemon runs"), "{}", out(&refused));

    // A check beside it: the daemon's lines are no trouble, and what pin 17 does at boot is told.
    let report = check(home);
    assert_eq!(
        found(&report, "lines.there"),
        ("fine".into(), "All 6 lines are there, and the daemon has them.".into())
    );
    assert_eq!(found(&report, "lines.sensors"), ("fine".into(), "The sensors can be read: 2 keys in 4 slots.".into()));
    assert_eq!(found(&report, "lines.at-rest").0, "warning");
    assert!(header.is_high(17) && slots(home) == "1100");

    // An edge is a record.
    expander.pull(0, true);
    until("the slot", || slots(home) == "0100");

    // More changes than the kernel keeps, while nobody reads: the numbers show it, and the lines are read.
    signal(&daemon, Signal::STOP);
    for n in 0..1_600 {
        expander.pull(1, n % 2 == 0);
        // The simulated interrupt is a thread of the kernel, which takes its time.
        sleep(Duration::from_millis(1));
    }
    expander.pull(2, false);
    signal(&daemon, Signal::CONT);
    until("the loss to be noticed", || log(home).contains("were lost: its lines are read anew"));
    until("the truth", || slots(home).ends_with("10"));

    // Killed in the middle: what changes meanwhile is found at the next start, and no relay moves.
    daemon.kill().expect("SIGKILL");
    daemon.wait().expect("it ends");
    assert_eq!(header.holder(17), None);
    let released = cabinetd(home, &["release"]);
    assert!(released.status.success(), "{}", out(&released));
    // Nobody has the lines: a check reads the sensors itself, and tells whoever has one of them.
    let report = check(home);
    assert_eq!(found(&report, "lines.there").1, "All 6 lines are there, and nobody else has them.");
    assert_eq!(found(&report, "lines.sensors").0, "fine");
    let other = gpiocdev::Request::builder().on_chip(expander.path()).with_line(3).with_consumer("other").request();
    let report = check(home);
    assert!(found(&report, "lines.there").1.contains("\"other\" has line 3"), "{report:#}");
    assert_eq!(found(&report, "lines.there").0, "failure");
    drop(other);

    expander.pull(3, false);
    let mut daemon = start(home);
    until("the difference", || slots(home).ends_with("11"));
    let alarms = out(&cabinetd(home, &["alarm", "list"]));
    assert!(alarms.contains("changed while nobody saw it"), "{alarms}");

    // The expander is unplugged: its slots cannot be read, which is not empty.
    expander.unplug();
    until("the alarm", || out(&cabinetd(home, &["alarm", "list"])).to_lowercase().contains("sensor"));
    until("all of its sensors", || {
        found(&check(home), "lines.sensors").1.contains("slot 1, slot 2, slot 3 and 1 more")
    });
    assert!(found(&check(home), "lines.there").1.contains("there is no"), "{:#}", check(home));

    signal(&daemon, Signal::TERM);
    assert!(daemon.wait().expect("it ends").success());
    assert_eq!(header.holder(17), None);
    assert!(header.is_high(17), "locked");
}
