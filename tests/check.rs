//! `cabinetd check` as a person types it: beside a running cabinet, beside a real upsd, on a config with mistakes, with nothing there.

#[path = "support/demo.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod demo;
#[path = "support/nut.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod nut;

use demo::{Demo, Said, cabinetd, until};
use nut::RealNut;
use serde_json::Value;
use std::fs;
use std::path::Path;

fn parsed(said: &Said) -> Value {
    serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"))
}

/// The level of a finding, and what it says.
fn found(report: &Value, id: &str) -> (String, String) {
    let findings = report["findings"].as_array().expect("a list");
    let finding = findings.iter().find(|finding| finding["id"] == id).unwrap_or_else(|| panic!("{id}: {report:#}"));
    let text = |field: &str| finding[field].as_str().expect("a text").to_owned();
    (text("level"), text("what"))
}

fn level(report: &Value, id: &str) -> String {
    found(report, id).0
}

/// What is in a folder, and when it was changed.
fn listing(dir: &Path) -> Vec<(String, u64)> {
    let mut files: Vec<(String, u64)> = fs::read_dir(dir)
        .expect("a folder")
        .map(|entry| {
            let entry = entry.expect("an entry");
            (entry.file_name().to_string_lossy().into_owned(), entry.metadata().expect("a file").len())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn beside_a_running_cabinet_it_sees_what_is_wrong_and_leaves_no_trace() {
    let mut demo = Demo::start();
    until("a quiet cabinet", || {
        (level(&parsed(&demo.run(&["check", "--json"])), "ups.status") == "fine").then_some(())
    });
    let head = demo.status()["head_seq"].clone();
    let (state, credentials) = (listing(&demo.dir.join("state")), listing(&demo.dir.join("credentials")));

    let said = demo.run(&["check"]);
    for words in ["Config\n  ok ", "\nUPS\n  ok ", "[ups.clients]\n           \u{2192} ", "\nNot ready: "] {
        assert!(said.out.contains(words), "{words:?} is not in:\n{}", said.out);
    }
    assert_eq!((said.code, said.err.as_str()), (1, ""), "it sleeps as no drill has proved yet\n{}", said.out);
    assert!(!said.out.contains('\u{1b}'), "no terminal, no colours");

    let report = parsed(&demo.run(&["check", "--json"]));
    for id in ["config.sound", "daemon.running", "disk.state-dir", "credentials.usable", "ledger.owner", "ledger.whole"]
    {
        assert_eq!(level(&report, id), "fine", "{id}: {report:#}");
    }
    assert_eq!(level(&report, "ups.clients"), "note", "it is simulated");
    assert_eq!(level(&report, "power.method"), "failure");
    assert!(found(&report, "ups.rating").1.contains("15 %"), "{report:#}");

    assert_eq!(demo.status()["head_seq"], head, "no record was made");
    assert_eq!(listing(&demo.dir.join("state")), state);
    assert_eq!(listing(&demo.dir.join("credentials")), credentials);

    // The world goes wrong, one thing after the other.
    demo.sim("mains off");
    assert_eq!(level(&parsed(&demo.run(&["check", "--json", "--only", "ups"])), "ups.status"), "note");
    demo.sim("mains on");
    demo.sim("door force");
    until("the alarm", || {
        (level(&parsed(&demo.run(&["check", "--json"])), "daemon.alarms") == "warning").then_some(())
    });
    demo.sim("door close");
    demo.sim("fault ups stale");
    let said = demo.run(&["check", "--json", "--only", "ups", "--only", "power"]);
    let report = parsed(&said);
    assert_eq!((said.code, level(&report, "ups.answers").as_str()), (1, "failure"), "{report:#}");
    let groups: Vec<&Value> =
        report["findings"].as_array().expect("a list").iter().map(|found| &found["group"]).collect();
    assert!(groups.iter().all(|group| ["ups", "power"].contains(&group.as_str().expect("a word"))), "{groups:?}");
    demo.sim("fault ups ok");

    // A config with mistakes: each is told, and what they do not touch is looked at all the same.
    let text = fs::read_to_string(demo.dir.join("cabinetd.toml")).expect("the demo wrote it");
    let torn = demo.dir.join("torn.toml");
    let mistakes = text.replace("unlock_ms", "unlok_ms").replace("name = \"cabinet-1\"", "");
    fs::write(&torn, mistakes).expect("written");
    let said = demo.run(&["check", "--json", "--config", torn.to_str().expect("UTF-8")]);
    let report = parsed(&said);
    let sound: Vec<&Value> =
        report["findings"].as_array().expect("a list").iter().filter(|found| found["id"] == "config.sound").collect();
    assert_eq!((said.code, sound.len()), (1, 2), "{report:#}");
    assert!(sound[0]["what"].as_str().expect("a text").contains("cabinet.name"), "{sound:#?}");
    assert_eq!(sound[1]["remedy"], "Did you mean unlock_ms?");
    assert_eq!(level(&report, "ups.answers"), "fine", "{report:#}");
    assert_eq!(level(&report, "daemon.running"), "fine");
    assert_eq!(level(&report, "ledger.owner"), "unknown", "whose the ledger should be stands in the mistaken section");

    assert!(demo.end().success());
    let said = demo.run(&["check", "--json"]);
    let report = parsed(&said);
    assert_eq!((said.code, level(&report, "daemon.running").as_str()), (1, "warning"), "{report:#}");
    assert_eq!(level(&report, "ups.answers"), "failure", "the simulated UPS went with the demo");
    assert_eq!(level(&report, "ledger.whole"), "fine");
}

#[test]
fn with_nothing_there_it_says_what_is_to_come() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = cabinetd(folder.path(), &["check", "--json"]);
    let report = parsed(&said);
    assert_eq!((said.code, level(&report, "config.readable").as_str()), (1, "failure"), "{report:#}");
    assert_eq!(level(&report, "ups.watched"), "unknown");

    let example = cabinetd(folder.path(), &["config", "example"]).out;
    fs::write(folder.path().join("cabinetd.toml"), example).expect("written");
    let report = parsed(&cabinetd(folder.path(), &["check", "--json"]));
    for (id, expected) in [
        ("config.example-site", "warning"),
        ("daemon.running", "note"),
        ("disk.state-dir", "note"),
        ("credentials.usable", "failure"),
        ("ledger.readable", "note"),
        ("ups.watched", "note"),
    ] {
        assert_eq!(level(&report, id), expected, "{id}: {report:#}");
    }
    assert_eq!(cabinetd(folder.path(), &["init"]).code, 0);
    let report = parsed(&cabinetd(folder.path(), &["check", "--json", "--only", "credentials"]));
    assert_eq!(level(&report, "credentials.usable"), "fine");

    let said = cabinetd(folder.path(), &["check", "--only", "upss"]);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert!(said.err.contains("did you mean ups?"), "{}", said.err);
}

/// A real upsd with a driver that says this and that.
#[test]
fn a_real_upsd_is_asked_for_everything_it_has() {
    let mut nut = RealNut::start();
    let folder = tempfile::tempdir().expect("a folder");
    let example = cabinetd(folder.path(), &["config", "example"]).out;
    let ups = format!("\n[ups]\nname = \"{}\"\nport = {}\n", nut::UPS, nut.port);
    let accounts = example.find("\n[accounts]\n").expect("the last section");
    let config = format!("{}{ups}\n{}", &example[..accounts], &example[accounts..]);
    fs::write(folder.path().join("cabinetd.toml"), config).expect("written");
    let check = || parsed(&cabinetd(folder.path(), &["check", "--json", "--only", "ups", "--only", "battery"]));

    let report = until("the driver's first word", || {
        let report = check();
        (level(&report, "ups.answers") == "fine").then_some(report)
    });
    assert!(found(&report, "ups.answers").1.contains("status OL, charge 100 %, load 12 %, 32 W"), "{report:#}");
    assert_eq!(level(&report, "ups.clients"), "warning", "no upsmon is there");
    assert_eq!(level(&report, "ups.beeper"), "note");
    assert_eq!(level(&report, "battery.replace"), "fine");

    // The recipe's lines in the file alone change nothing: the driver that runs was started before.
    let passes_on = |report: &Value| {
        let (level, what) = found(report, "ups.low-battery");
        level == "failure" && what.contains("passes on the UPS's own")
    };
    assert!(passes_on(&report), "{report:#}");
    let file = nut.dir.path().join("ups.conf");
    let lines = "ignorelb\noverride.battery.charge.low = 2\noverride.battery.runtime.low = 0\n";
    let text = fs::read_to_string(&file).expect("written before") + lines;
    fs::write(&file, text).expect("written");
    assert!(passes_on(&check()), "the file is as it should be");
    nut.driver.kill();
    nut.restart_driver();
    until("the driver's word", || {
        let report = check();
        (level(&report, "ups.answers") == "fine" && level(&report, "ups.low-battery") == "fine").then_some(())
    });

    nut.set("ups.status", "OL RB");
    nut.set("ups.load", "93");
    let report = until("the new battery that it asks for", || {
        let report = check();
        (level(&report, "battery.replace") == "failure").then_some(report)
    });
    assert_eq!(level(&report, "ups.rating"), "warning", "{report:#}");
}
