//! The README's commands, typed as they stand there: the tour with the demo, and a cabinet of one's own.

#[path = "support/demo.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod demo;

use demo::{Demo, PROGRAM, until};
use serde_json::Value;
use std::fs::{self, create_dir_all};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

/// The indented lines of a section: what a reader types.
fn commands(heading: &str) -> Vec<&'static str> {
    let readme = include_str!("../README.md");
    let (_, section) = readme.split_once(&format!("## {heading}\n")).expect("the section");
    let section = section.split_once("\n## ").map_or(section, |(section, _)| section);
    section.lines().filter_map(|line| line.strip_prefix("    ")).collect()
}

/// Makes a folder look like that of the sources, with this build of the program.
fn sources(dir: &Path) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["config", "tests"] {
        symlink(here.join(folder), dir.join(folder)).expect("a link");
    }
    create_dir_all(dir.join("target/release")).expect("folders");
    symlink(PROGRAM, dir.join("target/release/cabinetd")).expect("a link");
}

/// Types the lines; the first one that fails ends it.
fn typed(dir: &Path, lines: &[String]) -> String {
    let script = dir.join("typed.sh");
    fs::write(&script, format!("shopt -s expand_aliases\nset -ev\n{}\n", lines.join("\n"))).expect("written");
    let mut bash = Command::new("bash");
    bash.arg("typed.sh").current_dir(dir).env("LC_ALL", "C.UTF-8").env_remove("CABINETD_DIR");
    let output = bash.output().expect("bash is there");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n-- and typed, with what was said on stderr:\n{err}", output.status);
    out.into_owned()
}

#[test]
fn the_tour_with_the_demo_ends_in_order() {
    let demo = Demo::start_with(&[]);
    let home = demo.dir.parent().expect("it has a parent");
    sources(home);
    let lines: Vec<String> = commands("Ten minutes with the demo").into_iter().map(str::to_owned).collect();
    let said = typed(home, &lines);
    // The outage goes on in the same terminal.
    let begin = lines.iter().take(2).cloned();
    let outage: Vec<String> = begin.chain(commands("An outage").into_iter().map(str::to_owned)).collect();
    let told = typed(home, &outage);
    for seen in ["Asleep", "somebody is here", "mains came back", "ups-off"] {
        assert!(told.contains(seen), "\"{seen}\" is not shown:\n{told}");
    }
    for seen in
        ["on battery", "was opened with no session", "Unit 205 was taken from slot 8", "changed while nobody saw it"]
    {
        assert!(said.contains(seen), "\"{seen}\" is not shown:\n{said}");
    }
    let status = demo.status();
    assert_eq!((&status["counts"]["keys_in"], &status["session"]), (&24.into(), &Value::Null), "{status}");
    assert_eq!(status["alarms"], Value::Array(Vec::new()), "it ends clean");
    assert!(home.join("log.csv").exists());

    // And the script, after all that.
    let script = demo.dir.join("visit.txt");
    assert!(demo.ok(&["sim", "play", script.to_str().expect("UTF-8")]).contains("played to its end"));
}

#[test]
fn a_cabinet_of_ones_own_works_as_written() {
    let home = tempfile::tempdir().expect("a folder");
    sources(home.path());
    // What stays in a terminal of its own goes into the background, and the printed PIN is read where a person reads it.
    let mut lines = vec!["trap 'kill $(jobs -p); wait' EXIT".to_owned()];
    for line in commands("A cabinet of your own") {
        lines.push(if line.starts_with("cabinetd sim hardware") {
            format!("{line} & until [ -S own/run/sim.sock ]; do sleep 0.1; done")
        } else if line == "cabinetd run" {
            format!("{line} & until cabinetd status >/dev/null 2>&1; do sleep 0.1; done")
        } else if line.ends_with("--generate-pins") {
            format!("{line} > printed; cat printed")
        } else if line.starts_with("cabinetd sim pin PIN") {
            line.replace("PIN", "$(sed -n 's/^maintenance-1\\t//p' printed)")
        } else {
            line.to_owned()
        });
    }
    assert!(lines.iter().filter(|line| line.contains(" & ") || line.contains("printed)")).count() == 3, "{lines:?}");
    let said = typed(home.path(), &lines);
    for seen in
        ["Palm Court", "Claim code", "unlocked for Maintenance 1", "Unit 204 (key 7) taken out of slot 7", "out 1"]
    {
        assert!(said.contains(seen), "\"{seen}\" is not shown:\n{said}");
    }
    assert!(!said.contains("warning"), "{said}");

    // What hangs where outlives the hardware.
    let kept = fs::read_to_string(home.path().join("own/state/hardware.json")).expect("kept");
    let kept: Value = serde_json::from_str(&kept).expect("JSON");
    assert_eq!(kept["hand"], serde_json::json!([7]));
    until("nobody holds the ledger any more", || {
        let mut verify = Command::new(PROGRAM);
        verify.args(["ledger", "verify"]).env("CABINETD_DIR", home.path().join("own"));
        verify.output().ok().filter(|output| output.status.success())
    });
}
