//! The daemon with a keypad and a lock, both real to it: from the first digit to the relay.

use crate::chip::{Chip, until};
use crate::keyboard::Keyboard;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_cabinetd");

/// A door, one slot, a keypad and a badge reader; the lock's relay board is active low.
const CONFIG: &str = r#"
[cabinet]
site = "rig"
name = "cabinet-1"
[lines]
backend = "gpiocdev"
[slots]
count = 1
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
number = 1
pin = 5
active = "low"
bias = "off"
[[reader]]
kind = "keypad"
name = "Rig Pad"
[[reader]]
kind = "badge"
id = "08ff:0009"
[accounts]
"root" = "admin"
"#;

const ROSTER: &str = r#"
[[users]]
id = "ana"
name = "Ana"
role = "staff"
badge = "90417726531"
login = "7730914"
groups = ["a"]
[[keys]]
id = "204"
label = "Unit 204"
unit = "204"
groups = ["a"]
home = 1
"#;

fn cabinetd(home: &Path, args: &[&str]) -> Output {
    Command::new(PROGRAM).args(args).env("CABINETD_DIR", home).stdin(Stdio::null()).output().expect("it runs")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn log(home: &Path) -> String {
    fs::read_to_string(home.join("log")).expect("it writes one")
}

/// Ends with the test, however that ends: one that lived on would take the other tests' readers for itself.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(home: &Path) -> Daemon {
    let log = fs::File::create(home.join("log")).expect("a log");
    let daemon = Command::new(PROGRAM)
        .arg("run")
        .env("CABINETD_DIR", home)
        .stderr(log)
        .stdin(Stdio::null())
        .spawn()
        .expect("it starts");
    let daemon = Daemon(daemon);
    until("the daemon", || cabinetd(home, &["status"]).status.success());
    daemon
}

fn ledger(home: &Path) -> String {
    out(&cabinetd(home, &["ledger", "show", "--last", "20"]))
}

/// The PIN that the import made, the only number of six digits in what it printed.
fn pin(printed: &str) -> String {
    let mut numbers = printed.split(|char: char| !char.is_ascii_digit());
    numbers.rfind(|number| number.len() == 6).unwrap_or_else(|| panic!("no PIN in {printed}")).to_owned()
}

#[test]
#[ignore = "runs in the rig"]
fn digits_on_a_keypad_open_the_lock() {
    let header = Chip::new("pinctrl-bcm2711", 28);
    let home = tempfile::tempdir().expect("a folder");
    let home = home.path();
    fs::write(home.join("cabinetd.toml"), CONFIG).expect("written");
    fs::write(home.join("roster.toml"), ROSTER).expect("written");
    assert!(cabinetd(home, &["init"]).status.success());
    // The key hangs, the door is closed, a resistor holds the relay off.
    header.pull(17, true);
    header.pull(27, false);
    header.pull(5, false);
    let mut pad = Keyboard::plug("Rig Pad", (1, 1));
    let daemon = start(home);
    until("the keypad", || log(home).contains("Rig Pad\" (id 0001:0001"));
    let roster = home.join("roster.toml");
    let imported = cabinetd(home, &["roster", "import", roster.to_str().expect("plain"), "--generate-pins"]);
    assert!(imported.status.success(), "{}", out(&imported));
    let pin = pin(&out(&imported));

    // Nobody waits for the tick: here the PIN's check takes longer than a hand.
    for group in ["7730914", &pin, "1", "204"] {
        pad.is_typed_on(group);
    }
    assert!(header.is_high(17), "locked until the last answer");
    pad.is_typed_on("8841");
    until("the lock", || !header.is_high(17));
    header.pull(27, true);
    until("the relay to rest", || header.is_high(17));
    header.pull(5, true);
    until("the key", || ledger(home).contains("204"));
    header.pull(27, false);
    until("the end", || ledger(home).contains("8841"));

    // The badge reader is plugged in only now.
    let mut badge = Keyboard::plug("Rig Badge", (0x08ff, 0x0009));
    until("the badge reader", || log(home).contains("Rig Badge\" (id 08ff:0009"));
    badge.types("90417726531");
    std::thread::sleep(std::time::Duration::from_millis(800));
    pad.is_typed_on(&pin);
    pad.is_typed_on("0");
    until("the lock", || !header.is_high(17));

    let report = out(&cabinetd(home, &["check", "--json", "--only", "readers"]));
    let report: serde_json::Value = serde_json::from_str(&report).unwrap_or_else(|error| panic!("{error}: {report}"));
    for finding in report["findings"].as_array().expect("a list") {
        assert_eq!(finding["level"], "fine", "{finding:#}");
    }
    drop(badge);
    until("the loss", || log(home).contains("is gone: it was unplugged"));
    let report = out(&cabinetd(home, &["check", "--only", "readers"]));
    assert!(report.contains("no such device is plugged in"), "{report}");

    drop(daemon);
    for secret in ["90417726531", "7730914", pin.as_str()] {
        assert!(!log(home).contains(secret), "{}", log(home));
    }
}
