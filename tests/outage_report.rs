//! What `cabinetd outage list` and `report` tell of outages that a story played, from the ledger alone.

mod ledger_samples;

#[path = "support/laws.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod laws;
#[path = "support/sample.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod sample;
#[path = "support/story.rs"]
#[allow(dead_code, unused_imports, reason = "shared with other tests")]
mod story;
#[path = "support/words.rs"]
mod words;

use cabinetd::cabinet::event::DrillStep;
use cabinetd::cabinet::fact::Fact;
use cabinetd::cabinet::power::Method;
use cabinetd::cabinet::power::policy::Mode;
use cabinetd::cabinet::power::state::Told;
use cabinetd::cabinet::types::{ClockQuality, Reason};
use cabinetd::io::store::Store;
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use story::Story;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_cabinetd");

/// The ledger of a story, on the disk.
fn ledger_of(told: &Story) -> TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, _) = Store::open(dir.path(), &ledger_samples::identity(), None).expect("opens");
    let rows = told.cabinet.books().all_rows().into_iter().map(|(view, row)| (view, Some(row))).collect();
    store.commit_blocking(told.records().to_vec(), rows, false).expect("committed");
    dir
}

/// Runs `cabinetd outage …`: exit code, output, complaints.
fn outage(state: &Path, words: &[&str]) -> (i32, String, String) {
    let (command, rest) = words.split_first().expect("a command");
    let mut program = Command::new(PROGRAM);
    program.args(["outage", command, "--state-dir"]).arg(state).args(rest);
    let output = program.env("TZ", "UTC").env("LC_ALL", "C.UTF-8").output().expect("the program is there");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

fn ok(state: &Path, words: &[&str]) -> String {
    let (code, out, err) = outage(state, words);
    assert_eq!((code, err.as_str()), (0, ""), "{words:?}: {out}");
    out
}

fn json(state: &Path, words: &[&str]) -> Value {
    serde_json::from_str(&ok(state, &[words, &["--json"]].concat())).expect("JSON")
}

/// The wall clock jumps, is of this quality then, and is looked at.
fn clock_jumps(story: &mut Story, quality: ClockQuality, by_s: i64) {
    story.clock_is(quality);
    story.clock_jumps_s(by_s);
    story.wait_s(1);
}

/// As the list writes it, in UTC.
fn time_of(wall_ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(wall_ms).expect("a time").to_zoned_datetime(jiff::tz::TimeZone::UTC);
    at.strftime("%FT%T+00:00").to_string()
}

/// The text without its line breaks, as a reader takes it in.
fn flowing(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An afternoon on standby: a storm, a visit on battery, mains that comes and goes, sleep, a visit that wakes it.
fn an_afternoon() -> Story {
    let mut story = Story::on_a_ups(|_| {});
    story.mains_fails();
    story.wait_min(10);
    story.tells(Told::Storm { is: true });
    story.pulls("ana", 4);
    story.wait_min(20);
    story.mains_returns();
    story.wait_min(2);
    story.mains_fails();
    story.tells(Told::EndsIn { ms: 48 * 3_600_000 });
    while !matches!(story.cabinet.power_mode(), Mode::Asleep { .. }) {
        story.wait_s(1);
    }
    story.wait_min(90);
    story.comes("bob");
    story.pull("205", Reason::WorkOrder);
    story.door_opens();
    story.wait_s(20);
    story.take(5);
    story.closes();
    while !matches!(story.cabinet.power_mode(), Mode::Asleep { .. }) {
        story.wait_s(1);
    }
    story.wait_min(30);
    story.mains_returns();
    story.wait_min(20);
    story.expect_mode(Mode::Line);
    story
}

fn ended(story: &Story) -> Vec<(u64, Fact)> {
    let ends = story.records().iter().filter(|record| matches!(record.fact, Fact::OutageEnded { .. }));
    ends.map(|record| (record.seq, record.fact.clone())).collect()
}

#[test]
fn the_timeline_reads_like_a_story_and_the_figures_add_up() {
    let story = an_afternoon();
    let dir = ledger_of(&story);
    let text = flowing(&ok(dir.path(), &["report"]));
    for told in [
        "On battery: mains failed",
        "Serving as usual on battery: mains is out for 2 min, more than a flicker",
        "A storm was reported",
        "of Ana (ana)",
        "Mains is back, and is watched: mains came back after",
        "mains failed again after",
        "Saving the battery: after",
        "Asleep, waiting for a badge or the button: nobody was here for",
        "Saving the battery: somebody is here",
        "On mains: mains has been back for",
        "mains came back and went once in between",
        "Visits 2, each",
        "Sleeps 3",
        "Asleep by standby it drew",
        "Awake all along it would have taken",
    ] {
        assert!(text.contains(told), "\"{told}\" is not told: {text}");
    }
    assert!(!text.contains("Falling asleep"), "falling asleep and being asleep are one line: {text}");

    let report = json(dir.path(), &["report"]);
    let (_, fact) = ended(&story).pop().expect("it is over");
    let Fact::OutageEnded { outage, least_ms, flaps, sessions, sleeps, spent_mwh, .. } = fact else { unreachable!() };
    assert_eq!(report["id"], outage.0);
    assert_eq!(report["lasted"]["least_ms"], least_ms);
    assert_eq!((&report["flaps"], &report["sleeps"]), (&flaps.into(), &sleeps.into()));
    assert_eq!(report["visits"].as_array().expect("a list").len(), sessions as usize);
    assert_eq!(report["spent_mwh"], spent_mwh);
    let sum = |list: &str, field: &str| -> u64 {
        report[list].as_array().expect("a list").iter().filter_map(|entry| entry[field].as_u64()).sum()
    };
    assert_eq!(sum("modes", "spent_mwh"), spent_mwh, "what was spent by mode adds up: {}", report["modes"]);
    let of_mode =
        |mode: &str| report["modes"].as_array().expect("a list").iter().find(|entry| entry["mode"] == mode).cloned();
    let asleep = of_mode("asleep").expect("it slept");
    let minutes = asleep["lasted_ms"].as_u64().expect("a number") / 60_000;
    assert!(
        (135..=141).contains(&minutes),
        "a quarter of an hour and more, an hour and a half, half an hour: {minutes}"
    );
    let all_ms = sum("modes", "lasted_ms");
    let watched_ms = of_mode("restoring").expect("mains was watched")["lasted_ms"].as_u64().expect("a number");
    assert!(all_ms - watched_ms <= least_ms && least_ms <= all_ms, "{all_ms} {watched_ms} {least_ms}");
    assert!(report["visits"][1]["energy_mwh"].as_u64().is_some_and(|mwh| mwh > 0), "{}", report["visits"]);
    let why: Vec<&str> =
        report["timeline"].as_array().expect("a list").iter().filter_map(|line| line["why"].as_str()).collect();
    assert_eq!(why.first(), Some(&"mains-lost"));
    assert_eq!(why.last(), Some(&"mains-for-good"));
    assert_eq!(why.iter().filter(|why| **why == "ready").count(), 3, "each switch is there for scripts");
}

/// Every field that scripts may read is in the docs; a mode's and a switch's figures are the records'.
#[test]
fn the_fields_are_documented() {
    fn fields(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                for (name, value) in object {
                    found.push(name.clone());
                    let is_the_records =
                        matches!(name.as_str(), "from" | "to") || name == "figures" && value.is_object();
                    if !is_the_records {
                        fields(value, found);
                    }
                }
            }
            Value::Array(list) => list.iter().for_each(|value| fields(value, found)),
            _ => {}
        }
    }
    let dir = ledger_of(&an_afternoon());
    let mut found = Vec::new();
    fields(&json(dir.path(), &["report"]), &mut found);
    fields(&json(dir.path(), &["list"]), &mut found);
    assert!(found.len() > 60, "{found:?}");
    let docs = include_str!("../docs/json-output.md");
    let is_told = |name: &&String| {
        let forms = [format!("`{name}`"), format!("`{name}[]`"), format!("\"{name}\"")];
        forms.iter().any(|form| docs.contains(form))
    };
    let missing: Vec<&String> = found.iter().filter(|name| !is_told(name)).collect();
    assert!(missing.is_empty(), "docs/json-output.md lacks {missing:?}");
}

#[test]
fn the_drawing_and_the_page_stand_alone() {
    let dir = ledger_of(&an_afternoon());
    let (svg, html) = (dir.path().join("outage.svg"), dir.path().join("outage.html"));
    let arguments = ["report", "--svg", svg.to_str().expect("UTF-8"), "--html", html.to_str().expect("UTF-8")];
    let said = ok(dir.path(), &arguments);
    assert!(said.contains("outage.svg") && said.contains("outage.html"), "{said}");
    let (drawing, page) = (fs::read_to_string(&svg).expect("written"), fs::read_to_string(&html).expect("written"));
    well_formed(&drawing);
    let inside = page.find("<svg").expect("the drawing is in the page");
    let until = page.find("</svg>").expect("it ends") + "</svg>".len();
    well_formed(&page[inside..until]);
    for text in [&drawing, &page] {
        let origins = text.matches("http").count() - text.matches("http-equiv").count();
        assert_eq!(origins, 1, "but for the name of SVG itself no other origin is named");
        for foreign in ["<script", "src=", "href=", "@import", "url("] {
            assert!(!text.contains(foreign), "{foreign}");
        }
        assert!(text.contains("prefers-color-scheme:dark"));
        assert!(text.contains("asleep (standby)") && text.contains("serving as usual"));
    }
    assert_eq!(drawing.matches("class=\"o-visit\"").count(), 2);
    assert_eq!(drawing.matches("mains had come back and failed again").count(), 1);
    // A file that is there stays as it is.
    let (code, _, err) = outage(dir.path(), &arguments);
    assert_eq!(code, 4, "{err}");
    assert!(err.contains("--force"), "{err}");
    ok(dir.path(), &[&arguments[..], &["--force"]].concat());
}

/// By another program's judgement.
fn well_formed(xml: &str) {
    let script = "import sys, xml.dom.minidom; xml.dom.minidom.parseString(sys.stdin.buffer.read())";
    let mut python =
        Command::new("python3").args(["-c", script]).stdin(Stdio::piped()).spawn().expect("python3 is there");
    python.stdin.take().expect("piped").write_all(xml.as_bytes()).expect("it reads");
    assert!(python.wait().expect("it ends").success(), "{xml}");
}

#[test]
fn a_night_without_a_trusted_clock_is_an_interval() {
    let mut story = Story::on_a_ups(|power| {
        power.sleep = Method::UpsOff;
        power.may_order = true;
    });
    story.proves(Method::UpsOff);
    story.mains_fails();
    story.tells(Told::EndsIn { ms: 48 * 3_600_000 });
    while !matches!(story.cabinet.power_mode(), Mode::Asleep { .. }) {
        story.wait_s(1);
    }
    story.sleeps(5 * 3_600, ClockQuality::Restored);
    story.wait_s(5);
    story.mains_returns();
    story.wait_min(4);
    story.expect_mode(Mode::Line);
    let dir = ledger_of(&story);
    let report = json(dir.path(), &["report"]);
    let (least, most) =
        (report["lasted"]["least_ms"].as_u64().expect("ms"), report["lasted"]["most_ms"].as_u64().expect("ms"));
    assert!(least < 3_600_000 && most > 96 * 3_600_000, "{least} to {most}");
    let text = ok(dir.path(), &["report"]);
    assert!(flowing(&text).contains("since a clock was not trusted") && text.contains("~ before a time"), "{text}");
    assert!(flowing(&text).contains("Nobody saw the cabinet for at least"), "{text}");
    let drawing = dir.path().join("x.svg");
    ok(dir.path(), &["report", "--svg", drawing.to_str().expect("UTF-8")]);
    let drawing = fs::read_to_string(drawing).expect("written");
    well_formed(&drawing);
    assert!(drawing.contains("A clock was not trusted"));
    // The drill before it is another thing.
    let list = json(dir.path(), &["list"]);
    let what: Vec<&str> = list.as_array().expect("a list").iter().filter_map(|line| line["what"].as_str()).collect();
    assert_eq!(what, ["drill", "outage"]);
    let drill = list[0]["id"].to_string();
    let text = flowing(&ok(dir.path(), &["report", &drill]));
    assert!(text.starts_with(&format!("Drill: outage {drill}: Mon 5 Jan 2026")), "{text}");
    assert!(text.contains("Sleep by ups-off is proved: it slept, was woken on battery"), "{text}");
    // By the drill's own number, too.
    let began = |record: &cabinetd::cabinet::fact::Record| matches!(record.fact, Fact::DrillStarted { .. });
    let number = story.records().iter().find(|record| began(record)).expect("a drill").seq.to_string();
    assert_ne!(number, drill);
    assert_eq!(flowing(&ok(dir.path(), &["report", &number])), text);
}

#[test]
fn a_clock_that_becomes_known_puts_the_times_right() {
    let mut story = Story::on_a_ups(|power| {
        power.sleep = Method::UpsOff;
        power.may_order = true;
    });
    story.proves(Method::UpsOff);
    story.mains_fails();
    let began = story.now().wall.0;
    story.tells(Told::EndsIn { ms: 48 * 3_600_000 });
    while !matches!(story.cabinet.power_mode(), Mode::Asleep { .. }) {
        story.wait_s(1);
    }
    story.sleeps(5 * 3_600, ClockQuality::Restored);
    story.mains_returns();
    story.wait_min(1);
    story.clock_becomes_known();
    let back_after_min = (story.now().wall.0 - began) / 60_000;
    story.wait_min(4);
    story.expect_mode(Mode::Line);
    let dir = ledger_of(&story);
    let report = json(dir.path(), &["report"]);
    assert_eq!(report["lasted"]["least_ms"], report["lasted"]["most_ms"], "it is known after all");
    assert_eq!(report["lasted"]["least_ms"].as_i64().expect("ms") / 60_000, back_after_min - 1);
    let line = |why: &str| {
        let lines = report["timeline"].as_array().expect("a list").iter();
        lines.clone().find(|line| line["why"] == why).cloned().expect(why)
    };
    assert_eq!(line("started-on-battery")["trusted"], true, "the record itself was off, its time is put right");
    let minute = |time: &Value| {
        let part =
            |range: std::ops::Range<usize>| time.as_str().expect("a time")[range].parse::<i64>().expect("a number");
        part(11..13) * 60 + part(14..16)
    };
    let dark_min = minute(&line("started-on-battery")["time"]) - minute(&line("mains-lost")["time"]);
    assert!((300..330).contains(&dark_min), "less than half an hour awake, then five hours: {dark_min}");
}

/// Somebody sets the clock wrong and right again while it is trusted: what was stamped before was right, and stays.
#[test]
fn a_clock_that_jumps_moves_nothing_that_was_right() {
    let mut story = Story::on_a_ups(|_| {});
    let began = story.now().wall.0;
    story.mains_fails();
    story.wait_min(10);
    clock_jumps(&mut story, ClockQuality::Synced, 3 * 3_600);
    story.wait_min(10);
    story.mains_returns();
    story.wait_min(4);
    let dir = ledger_of(&story);
    let list = json(dir.path(), &["list"]);
    assert_eq!(list[0]["started"]["trusted"], true);
    assert_eq!(list[0]["started"]["time"], time_of(began), "{list}");
}

/// A clock that was never trusted jumps, too: that makes nothing known.
#[test]
fn a_jump_of_a_clock_that_is_not_trusted_makes_nothing_known() {
    let mut story = Story::on_a_ups(|_| {});
    clock_jumps(&mut story, ClockQuality::Unknown, -24 * 3_600);
    let wrong = story.now().wall.0;
    let right = wrong + 24 * 3_600_000;
    story.mains_fails();
    story.wait_min(10);
    clock_jumps(&mut story, ClockQuality::Unknown, 3_600);
    story.wait_min(1);
    let list = json(ledger_of(&story).path(), &["list"]);
    assert_eq!(list[0]["started"], serde_json::json!({ "time": time_of(wrong), "trusted": false }));
    // The rest of it, at last.
    clock_jumps(&mut story, ClockQuality::Synced, 23 * 3_600);
    story.wait_min(1);
    let list = json(ledger_of(&story).path(), &["list"]);
    assert_eq!(list[0]["started"], serde_json::json!({ "time": time_of(right), "trusted": true }));
}

#[test]
fn an_outage_that_goes_on_is_told_as_far_as_the_records_go() {
    let mut story = Story::on_a_ups(|_| {});
    story.mains_fails();
    story.wait_min(30);
    story.pulls("ana", 4);
    let dir = ledger_of(&story);
    let report = json(dir.path(), &["report"]);
    assert_eq!((&report["open"], &report["ended"]), (&true.into(), &Value::Null));
    assert!(report["lasted"]["least_ms"].as_u64().is_some_and(|ms| ms >= 30 * 60_000), "{}", report["lasted"]);
    assert!(flowing(&ok(dir.path(), &["report"])).contains("open as far as the records go"));
    assert_eq!(json(dir.path(), &["list"])[0]["open"], true);
}

#[test]
fn the_battery_at_its_end_and_what_would_have_helped() {
    let mut story = Story::on_a_ups(|power| power.plant.nameplate_mwh = 30_000);
    story.mains_fails();
    story.tells(Told::EndsIn { ms: 48 * 3_600_000 });
    while !matches!(story.cabinet.power_mode(), Mode::Manual { .. }) {
        story.wait_min(1);
    }
    story.wait_min(5);
    story.mains_returns();
    story.wait_min(4);
    let dir = ledger_of(&story);
    let text = flowing(&ok(dir.path(), &["report"]));
    for told in [
        "Closed down, the cabinet key is needed",
        "cabinet key only: ",
        "only the cabinet key opens: the battery ends, or the machine is shut down",
        "only the cabinet key opened. At the rate of before",
        "Decisions ",
    ] {
        assert!(text.contains(told), "\"{told}\": {text}");
    }
}

#[test]
fn an_alarm_that_nobody_may_read_over_a_shoulder_is_not_told() {
    let mut story = Story::on_a_ups(|_| {});
    story.mains_fails();
    story.wait_min(5);
    story.badge("ana");
    story.pin_duress();
    story.cancels();
    story.mains_returns();
    story.wait_min(20);
    assert!(story.records().iter().any(|record| format!("{:?}", record.fact).contains("Duress")), "it was raised");
    let dir = ledger_of(&story);
    let html = dir.path().join("x.html");
    let all = ok(dir.path(), &["report"])
        + &json(dir.path(), &["report"]).to_string()
        + &ok(dir.path(), &["report", "--html", html.to_str().expect("UTF-8")])
        + &fs::read_to_string(html).expect("written");
    assert!(!all.to_lowercase().contains("duress"), "{all}");
}

#[test]
fn a_name_is_text_and_nothing_else() {
    let mut story = Story::on_a_ups(|_| {});
    story.edits_user("ana", |ana| ana.name = "<b>Ana</b> & \"Co\"".into());
    story.mains_fails();
    story.wait_min(5);
    story.pulls("ana", 4);
    story.mains_returns();
    story.wait_min(20);
    let dir = ledger_of(&story);
    let (svg, html) = (dir.path().join("x.svg"), dir.path().join("x.html"));
    ok(dir.path(), &["report", "--svg", svg.to_str().expect("UTF-8"), "--html", html.to_str().expect("UTF-8")]);
    let drawing = fs::read_to_string(svg).expect("written");
    well_formed(&drawing);
    let page = fs::read_to_string(html).expect("written");
    for text in [drawing, page] {
        assert!(text.contains("&lt;b&gt;Ana&lt;/b&gt; &amp; &quot;Co&quot;") && !text.contains("<b>Ana"), "{text}");
    }
}

#[test]
fn a_wrong_number_is_answered_with_the_right_one() {
    let story = an_afternoon();
    let dir = ledger_of(&story);
    let id = json(dir.path(), &["list"])[0]["id"].as_u64().expect("a number");
    let within = format!("did you mean {id}, which it is part of?");
    let nowhere = format!("The only one is {id}; ");
    for (wrong, hint, why) in [(id + 3, &within, "a record within it"), (9_999, &nowhere, "nowhere near")] {
        let (code, out, err) = outage(dir.path(), &["report", &wrong.to_string()]);
        assert_eq!((code, out.as_str()), (2, ""), "{why}");
        assert!(err.contains(hint.as_str()) && err.contains("outage list"), "{why}: {err}");
    }
    let empty = ledger_of(&Story::begins());
    let (code, out, err) = outage(empty.path(), &["report", "7"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("no outage was recorded yet"), "{err}");
    assert_eq!(ok(empty.path(), &["report"]), "No outage was recorded yet.\n");
    assert_eq!(json(empty.path(), &["report"]), Value::Null);
    assert_eq!(json(empty.path(), &["report", "--all"]), Value::Array(vec![]));
    assert_eq!(ok(empty.path(), &["list"]), "No outage was recorded yet.\n");
    let (code, _, err) = outage(&empty.path().join("nowhere"), &["list"]);
    assert_eq!(code, 3, "{err}");
}

/// As with every other command that needs the config.
#[test]
fn a_config_that_cannot_be_used_is_told_alike() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = dir.path().join("cabinetd.toml");
    fs::write(&config, "[cabinet\n").expect("written");
    for command in ["list", "report", "status", "storm on"] {
        let words = command.split(' ');
        let output = Command::new(PROGRAM).arg("--config").arg(&config).arg("outage").args(words).output();
        let output = output.expect("the program is there");
        assert_eq!(output.status.code(), Some(1), "{command}: {output:?}");
        assert!(!output.stderr.is_empty(), "{command}");
    }
}

#[test]
fn flickers_are_counted_and_not_told_unless_asked_for() {
    let mut story = Story::on_a_ups(|_| {});
    for _ in 0..3 {
        story.mains_fails();
        story.wait_s(3);
        story.mains_returns();
        story.wait_min(1);
    }
    story.mains_fails();
    story.wait_min(5);
    story.mains_returns();
    story.wait_min(4);
    let dir = ledger_of(&story);
    let text = ok(dir.path(), &["list"]);
    assert!(text.contains("3 flickers not shown"), "{text}");
    assert_eq!(json(dir.path(), &["list"]).as_array().expect("a list").len(), 1);
    let all = json(dir.path(), &["list", "--flickers"]);
    let what: Vec<&str> = all.as_array().expect("a list").iter().filter_map(|line| line["what"].as_str()).collect();
    assert_eq!(what, ["flicker", "flicker", "flicker", "outage"]);
    let flicker = ok(dir.path(), &["report", &all[0]["id"].to_string()]);
    assert!(flowing(&flicker).contains("On mains: mains was back after"), "{flicker}");
}

/// Between the drill's end and mains for good it is no outage yet, unless mains stays out.
#[test]
fn a_drill_whose_plug_is_just_back_is_still_a_drill() {
    let mut story = Story::on_a_ups(|_| {});
    story.drill(DrillStep::Start { deep: false });
    story.mains_fails();
    story.wait_min(5);
    story.drill(DrillStep::Finish);
    story.wait_min(1);
    story.mains_returns();
    story.wait_min(1);
    let told = |story: &Story| {
        let dir = ledger_of(story);
        let (list, report) = (json(dir.path(), &["list"]), json(dir.path(), &["report"]));
        (list[0]["open"] == true, list[0]["what"] == "drill", report["drill"] == true)
    };
    assert_eq!(told(&story), (true, true, true));

    let mut story = Story::on_a_ups(|_| {});
    story.drill(DrillStep::Start { deep: false });
    story.mains_fails();
    story.wait_min(5);
    story.drill(DrillStep::Finish);
    story.wait_min(20);
    story.pulls("ana", 4);
    assert_eq!(told(&story), (true, false, false), "mains is really out");
}

#[test]
fn a_drill_is_told_apart() {
    let mut story = Story::on_a_ups(|_| {});
    story.proves_standby();
    let dir = ledger_of(&story);
    let report = json(dir.path(), &["report"]);
    assert_eq!(report["drill"], true);
    let drilled = story.drill(DrillStep::Abort);
    assert!(format!("{drilled:?}").contains("NoDrill"), "it is over");
    let all = json(dir.path(), &["report", "--all"]);
    assert_eq!(all.as_array().expect("a list").len(), 1);
}
