//! The daemon while its machine's clock is wrong, becomes right, and jumps: the clock of a real kernel.

use crate::chip::{Chip, until};
use crate::daemon::{CONFIG, cabinetd, out, signal, slots, start};
use rustix::process::Signal;
use std::fs;
use std::path::Path;
use std::process::Command;

const DAY_S: i64 = 86_400;
/// What timesyncd makes when the clock is right.
const SYNCED: &str = "/run/systemd/timesync/synchronized";

fn now_s() -> i64 {
    let said = Command::new("date").arg("+%s").output().expect("coreutils");
    String::from_utf8_lossy(&said.stdout).trim().parse().expect("seconds")
}

fn set(to_s: i64) {
    assert!(Command::new("date").args(["-s", &format!("@{to_s}")]).output().expect("coreutils").status.success());
}

/// By how many seconds the clock was corrected, each time.
fn corrections(home: &Path) -> Vec<i64> {
    let said = out(&cabinetd(home, &["ledger", "show", "--json", "--kind", "clock-corrected"]));
    let records = said.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    records.map(|record| record["fact"]["by_ms"].as_i64().expect("milliseconds") / 1_000).collect()
}

fn clock(home: &Path) -> String {
    let status = out(&cabinetd(home, &["status", "--json"]));
    let status: serde_json::Value = serde_json::from_str(&status).unwrap_or_else(|error| panic!("{error}: {status}"));
    status["as_of"]["clock"].as_str().expect("a word").to_owned()
}

#[test]
#[ignore = "runs in the rig"]
fn it_outlives_a_wrong_clock_and_records_each_jump() {
    let right = now_s();
    let _ = fs::remove_file(SYNCED);
    // The battery of its clock is empty: a date of long ago.
    set(11 * DAY_S);
    let (_header, expander) = (Chip::new("pinctrl-bcm2711", 28), Chip::new("expander", 16));
    let home = tempfile::tempdir().expect("a folder");
    let home = home.path();
    fs::write(home.join("cabinetd.toml"), CONFIG).expect("written");
    assert!(cabinetd(home, &["init"]).status.success());
    (0..4).for_each(|line| expander.pull(line, true));
    let mut daemon = start(home);
    until("the slots", || slots(home) == "0000");
    assert_eq!((clock(home).as_str(), corrections(home)), ("unknown", vec![]));

    // The time is learned; then it jumps three days forwards, and five back. Each jump shows at the next thing that happens.
    let jumps = [right - 11 * DAY_S, 3 * DAY_S, -5 * DAY_S];
    for (count, by) in (1..).zip(jumps) {
        if count == 1 {
            fs::create_dir_all(Path::new(SYNCED).parent().expect("a folder")).expect("made");
            fs::write(SYNCED, "").expect("written");
        }
        set(now_s() + by);
        expander.pull(count, false);
        until("the slot", || slots(home).as_bytes()[count as usize] == b'1');
        let said = corrections(home);
        assert_eq!(said.len(), count as usize, "{said:?}");
        let off = said.last().expect("the jump") - by;
        assert!(off.abs() < 120, "{said:?} of {jumps:?}");
        assert_eq!(clock(home), "synced");
    }
    assert!(daemon.try_wait().expect("it is ours").is_none(), "the same daemon all the time");

    // The order holds whatever the clock said.
    let verified = cabinetd(home, &["ledger", "verify"]);
    assert!(verified.status.success(), "{}", out(&verified));
    let all = out(&cabinetd(home, &["ledger", "show", "--json"]));
    let seqs = all.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["seq"].as_u64());
    assert!(seqs.eq((1..=all.lines().count() as u64).map(Some)), "{all}");

    signal(&daemon, Signal::TERM);
    assert!(daemon.wait().expect("it ends").success());
    let _ = fs::remove_file(SYNCED);
    set(now_s() + 2 * DAY_S);
}
