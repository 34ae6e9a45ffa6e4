//! The whole product as a person meets it: `cabinetd demo`, and the commands typed from a second terminal.

#[path = "support/demo.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod demo;

use demo::{Demo, PROGRAM, cabinetd, now, until};
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

fn kinds(records: &[Value]) -> Vec<&str> {
    records.iter().filter_map(|record| record["kind"].as_str()).collect()
}

/// The table of people on the first screen.
fn people(screen: &str) -> String {
    let begin = screen.find("People").expect("a table");
    screen[begin..screen.find("Keys  (").expect("then keys")].to_owned()
}

#[test]
fn a_visit_goes_as_the_first_screen_says() {
    // Without --seed: the PINs of the documentation.
    let demo = Demo::start_with(&[]);
    assert_eq!(demo.pin("1004"), "482913");
    assert_eq!(demo.status()["counts"]["keys_in"], 24);

    let mut follower = Command::new(PROGRAM)
        .args(["ledger", "show", "--follow"])
        .env("CABINETD_DIR", &demo.dir)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program is there");
    let mut lines = BufReader::new(follower.stdout.take().expect("piped")).lines();

    demo.sim("badge 1004");
    until("the question for the PIN", || demo.look()["display"].as_str()?.contains("PIN").then_some(()));
    demo.sim("pin 482913");
    until("the question which key", || demo.look()["display"].as_str()?.contains("Which key").then_some(()));
    assert!(!demo.lock_is_on(), "nothing was asked for yet");
    let answer = demo.ok(&["pull", "--key", "Unit 204", "--reason", "work-order", "--ref", "8841", "--for", "plumber"]);
    assert!(answer.contains("slot 7"), "{answer}");
    until("the lock", || demo.lock_is_on().then_some(()));
    assert_eq!(demo.look()["slots"][6]["led"], true);
    let session = demo.status()["session"].clone();
    assert_eq!(session["user"]["id"], "maintenance-1");
    assert_eq!(session["asked"][0]["reference"], "8841");

    demo.sim("door open");
    until("the lock rests", || (!demo.lock_is_on()).then_some(()));
    demo.sim("take 7");
    demo.record("taken", 1);
    demo.sim("door close");
    let closed = demo.record("session-closed", 1);
    assert_eq!((&closed["fact"]["how"], &closed["fact"]["taken"]), (&"completed".into(), &1.into()));

    // Custody, in every view of it.
    let status = demo.status();
    assert_eq!((&status["counts"]["keys_in"], &status["counts"]["keys_out"]), (&23.into(), &1.into()));
    let away = &status["away"][0];
    assert_eq!((&away["key"]["label"], &away["whereabouts"]["is"]), (&"Unit 204".into(), &"out".into()));
    assert_eq!(away["whereabouts"]["holder"]["name"], "Maintenance 1");
    let keymap = demo.ok(&["keymap"]);
    assert!(keymap.contains(" 7 ○") && keymap.contains("Maintenance 1"), "{keymap}");
    let taken = demo.record("taken", 1);
    assert_eq!(
        taken["sentence"],
        "Unit 204 was taken from slot 7 by Maintenance 1 (maintenance-1) for a work order (8841), for plumber \
         (by its home slot, session 39)."
            .replace("session 39", &format!("session {}", taken["fact"]["session"]))
    );
    assert_eq!(demo.records("alarm-raised"), Vec::<Value>::new());

    // A newcomer who asks what is wrong is told nothing of this machine's clock: the demo's is right, and its battery is new.
    let check = demo.run(&["check", "--only", "clock", "--only", "battery", "--json"]);
    let findings: Value = serde_json::from_str(&check.out).expect("JSON");
    for id in ["clock.trusted", "battery.age"] {
        let found = findings["findings"].as_array().expect("a list").iter().find(|finding| finding["id"] == id);
        assert_eq!(found.expect("it is looked at")["level"], "fine", "{findings:#}");
    }

    // The terminal explained each step, in order; the relay came after the intent was durable.
    let news = demo.news();
    let mut rest = news.as_str();
    for step in [
        "The badge of Maintenance 1 is held to the reader.",
        "A PIN is typed: ••••••",
        "Lock of door 1 energised: it can be opened.",
        "Door 1 opened.",
        "Lock of door 1 de-energised: locked once closed.",
        "Unit 204 (key 7) taken out of slot 7.",
        "Display: “Done: 1 taken, 0 returned.”",
    ] {
        let at = rest.find(step).unwrap_or_else(|| panic!("\"{step}\" is not told, or too early:\n{news}"));
        rest = &rest[at..];
    }

    // It comes back.
    demo.identify("1004", "482913");
    demo.ok(&["return"]);
    demo.wait_for_open();
    demo.sim("door open");
    demo.sim("put 7");
    demo.record("returned", 1);
    demo.close();
    assert_eq!(demo.status()["counts"]["keys_in"], 24);

    // Whoever follows the ledger saw it as well.
    let seen = lines.by_ref().map_while(Result::ok).find(|line| line.contains("Unit 204 was returned to slot 7"));
    assert!(seen.is_some());
    follower.kill().expect("it runs");
    follower.wait().expect("it ends");
}

#[test]
fn the_same_seed_makes_the_same_people_and_a_folder_goes_on() {
    let mut one = Demo::start();
    let two = Demo::start();
    assert_eq!(people(&one.screen()), people(&two.screen()));
    drop(two);
    assert_ne!(one.pin("1004"), "482913", "another seed than the usual one");

    one.take_204("1004");
    let before = one.ledger();
    let status = one.end();
    assert_eq!(status.code(), Some(0), "{}", one.screen());
    let screen = one.screen();
    assert!(screen.contains("Ended. `cabinetd demo --dir"), "{screen}");
    assert!(!one.daemon_lives(), "the daemon ended with its demo");

    // With the daemon down: read, verified here and by a stranger's program, exported.
    let down = one.ledger();
    assert_eq!(down[..before.len()], before[..]);
    assert_eq!(kinds(&down).last(), Some(&"stopped"));
    let verified = one.ok(&["ledger", "verify"]);
    assert!(verified.contains(&down.last().expect("records")["seq"].to_string()), "{verified}");
    let csv = one.ok(&["ledger", "export", "--format", "csv"]);
    assert_eq!(
        csv.lines().count(),
        one.ok(&["ledger", "export", "--format", "jsonl"]).lines().count().min(down.len()) + 1
    );
    let of_unit = one.ok(&["ledger", "show", "--unit", "204"]);
    assert!(of_unit.contains("Unit 204 was taken") && !of_unit.contains("got a new PIN"), "{of_unit}");
    let jsonl = one.dir.join("ledger.jsonl");
    one.ok(&["ledger", "export", "--format", "jsonl", "--out", jsonl.to_str().expect("UTF-8")]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify_ledger.py");
    for ledger in [one.dir.join("state/ledger.db"), jsonl] {
        let output = Command::new("python3").arg(script).arg(&ledger).output().expect("python3 is there");
        assert!(output.status.success(), "{}: {output:?}", ledger.display());
    }

    one.start_again();
    assert!(one.screen().contains("It goes on where you left it"));
    let after = one.ledger();
    assert_eq!(after[..down.len()], down[..]);
    assert_eq!(one.status()["counts"]["keys_out"], 1, "the key is still in somebody's hand");
    let started = one.records("started").pop().expect("a start");
    assert_eq!(started["fact"]["dark"]["announced"], true);
    until("the comparison", || (one.records("dark-compared").len() == 1).then_some(()));
    assert_eq!(one.records("dark-compared")[0]["fact"]["differences"], 0);
    // The same people still get in.
    one.identify("1004", &one.pin("1004"));
}

/// Nobody looks at anything between two commands.
#[test]
fn the_commands_of_the_first_screen_can_be_pasted_at_once() {
    let demo = Demo::start();
    let screen = demo.screen();
    let begin = screen.find("Type this in a second terminal").expect("what to type");
    let typed = &screen[begin..screen.find("Then try").expect("and more")];
    let block: String =
        typed.lines().skip(1).filter(|line| !line.contains("--follow")).flat_map(|line| [line, "\n"]).collect();
    assert_eq!(block.matches("  cabinetd ").count(), 7);
    let mut shell = Command::new("sh").arg("-ex").stdin(Stdio::piped()).spawn().expect("a shell");
    shell.stdin.take().expect("piped").write_all(block.as_bytes()).expect("it reads");
    assert!(shell.wait().expect("it ends").success(), "{}", demo.news());
    until("the end of the visit", || demo.status()["session"].is_null().then_some(()));
    assert_eq!(demo.status()["away"][0]["whereabouts"]["holder"]["id"], "maintenance-1");
    assert_eq!(demo.records("alarm-raised"), Vec::<Value>::new());
    assert_eq!(demo.record("session-closed", 1)["fact"]["how"], "completed");
}

/// kill -9 at some moment of a pull; while the daemon is dead `meanwhile` happens.
fn killed(moment: &str, before: impl Fn(&Demo), meanwhile: impl Fn(&Demo)) -> Demo {
    let demo = Demo::start();
    demo.identify("1004", &demo.pin("1004"));
    before(&demo);
    let ledger = demo.ledger();
    demo.kill_daemon();
    meanwhile(&demo);
    demo.wait_for_daemon(2);
    until("the comparison", || (!demo.records("dark-compared").is_empty()).then_some(()));
    assert_eq!(demo.ledger()[..ledger.len()], ledger[..], "{moment}: nothing recorded is lost");
    let verified = demo.run(&["ledger", "verify"]);
    assert_eq!(verified.code, 0, "{moment}: {verified:?}");
    let dark = demo.records("started").pop().expect("a start")["fact"]["dark"].clone();
    assert_eq!(dark["announced"], false, "{moment}");
    assert!(dark["lasted_ms"].as_u64().is_some_and(|ms| ms < 30_000), "{moment}: from the last sign of life: {dark}");
    // Long enough for a relay that wanted to fire.
    std::thread::sleep(Duration::from_millis(300));
    let since = demo.since_last_start();
    assert!(!since.contains('●') && !since.contains("can be opened"), "{moment}: a relay fired again:\n{since}");
    assert!(!demo.lock_is_on(), "{moment}");
    assert!(demo.status()["session"].is_null(), "{moment}");
    demo
}

/// The next person is served as ever.
fn serves_again(demo: &Demo) {
    if demo.look()["doors"][0]["open"] == true {
        demo.sim("door close");
    }
    let sessions = demo.records("session-closed").len();
    demo.identify("1005", &demo.pin("1005"));
    demo.ok(&["pull", "--key", "Unit 205", "--reason", "showing"]);
    demo.wait_for_open();
    demo.sim("door open");
    demo.sim("take 8");
    until("the key", || demo.records("taken").iter().any(|record| record["fact"]["key"] == "205").then_some(()));
    demo.close();
    let closed = demo.record("session-closed", sessions + 1);
    assert_eq!(closed["fact"]["how"], "completed");
}

#[test]
fn killed_after_the_pin_nothing_was_authorised() {
    let demo = killed("after the PIN", |_| {}, |_| {});
    assert_eq!(demo.record("session-closed", 1)["fact"]["how"], "interrupted");
    assert!(demo.refused(1, &["pull", "--key", "Unit 204", "--reason", "showing"]).contains("badge and PIN first"));
    serves_again(&demo);
}

#[test]
fn killed_with_the_lock_energised_a_key_taken_meanwhile_is_found() {
    let demo = killed("with the lock energised", Demo::pull_204, |demo| {
        // As on a real board the relay stays as it was: the cabinet can be opened, and nobody writes it down.
        assert!(demo.lock_is_on());
        demo.sim("door open");
        demo.sim("take 7");
        demo.sim("take 9");
        demo.sim("door close");
    });
    assert_eq!(demo.record("session-closed", 1)["fact"]["how"], "unknown");
    let found: BTreeSet<u64> =
        demo.records("found-changed").iter().filter_map(|record| record["fact"]["slot"].as_u64()).collect();
    assert_eq!(found, BTreeSet::from([7, 9]));
    assert_eq!(demo.records("dark-compared")[0]["fact"]["differences"], 2);
    let status = demo.status();
    assert_eq!(status["counts"]["keys_unaccounted"], 2);
    assert!(demo.alarm("dark-difference").is_some());
    let of_key = demo.ok(&["ledger", "show", "--unit", "204"]);
    assert!(of_key.contains("Nobody saw the cabinet for"), "the key's log shows the dark interval: {of_key}");
    assert!(of_key.contains("Slot 7 was found empty, Unit 204 is gone"), "{of_key}");
    serves_again(&demo);
}

#[test]
fn killed_with_the_door_open() {
    let before = |demo: &Demo| {
        demo.pull_204();
        demo.sim("door open");
        demo.record("door-opened", 1);
    };
    let demo = killed("with the door open", before, |demo| {
        demo.sim("take 7");
    });
    assert_eq!(demo.record("session-closed", 1)["fact"]["how"], "unknown");
    assert_eq!(demo.status()["doors"][0]["state"], "open");
    assert_eq!(demo.record("found-changed", 1)["fact"]["key"], "204");
    serves_again(&demo);
}

#[test]
fn killed_with_the_key_in_hand_custody_stays() {
    let before = |demo: &Demo| {
        demo.pull_204();
        demo.sim("door open");
        demo.sim("take 7");
        demo.record("taken", 1);
    };
    let demo = killed("with the key in hand", before, |demo| {
        demo.sim("door close");
    });
    let closed = demo.record("session-closed", 1);
    assert_eq!((&closed["fact"]["how"], &closed["fact"]["taken"]), (&"unknown".into(), &1.into()));
    let away = demo.status()["away"][0].clone();
    assert_eq!(away["whereabouts"]["holder"]["id"], "maintenance-1");
    assert_eq!(demo.records("found-changed"), Vec::<Value>::new());
    // The door was closed meanwhile: found so.
    assert_eq!(demo.status()["doors"][0]["state"], "closed");
    serves_again(&demo);
}

#[test]
fn a_forced_door_alarms_and_the_alarm_has_a_life() {
    let demo = Demo::start();
    assert!(demo.run(&["sim", "door", "open"]).err.contains("locked"));
    demo.sim("door force");
    let alarm = until("the alarm", || demo.alarm("open-without-session"));
    assert_eq!(alarm["level"], 3);
    assert!(demo.news().contains("Buzzer: the alarm."));
    demo.sim("take 3");
    let taken = demo.record("taken", 1);
    assert_eq!((&taken["fact"]["holder"], &taken["fact"]["entitled"]), (&Value::Null, &false.into()));
    demo.sim("door close");
    let number = alarm["id"].to_string();
    let list = demo.ok(&["alarm", "list"]);
    assert!(list.contains(&format!("cabinetd alarm ack {number}")), "{list}");
    assert!(demo.ok(&["alarm", "ack", &number]).contains("acknowledged"));
    let acknowledged = demo.record("alarm-acknowledged", 1);
    assert_eq!(acknowledged["by"]["actor"]["account"]["uid"], rustix::process::getuid().as_raw());
    assert!(demo.alarm("open-without-session").is_none());
    assert!(demo.refused(1, &["alarm", "ack", &number]).contains("alarm"));
}

#[test]
fn power_cuts_and_a_silent_ups_reach_status_and_ledger() {
    let demo = Demo::start();
    let supply = |wanted: Value| {
        until(&format!("{wanted}"), || {
            // As upsmon would; the slow way is tried first.
            let _ = demo.run(&["notify", "ONBATT"]);
            (demo.status()["supply"]["supply"] == wanted).then_some(())
        });
    };
    let unreachable = |why: &str| serde_json::json!({ "unreachable": why });
    until("on line", || (demo.status()["supply"]["supply"] == "on-line").then_some(()));
    demo.sim("mains off");
    until("on battery, without being told", || (demo.status()["supply"]["supply"] == "on-battery").then_some(()));
    assert!(demo.ok(&["status"]).contains("on battery"));
    demo.sim("charge 57");
    until("the charge, without a change of supply", || {
        (demo.status()["supply"]["figures"]["charge_pct"].as_u64().is_some_and(|pct| pct <= 57)).then_some(())
    });
    demo.sim("charge 10");
    supply("low-battery".into());
    demo.sim("mains on");
    supply("on-line".into());
    for (fault, why) in [
        ("gone", "refused"),
        ("silent", "timed-out"),
        ("stale", "stale"),
        ("driver", "driver-gone"),
        ("garbage", "garbled"),
    ] {
        demo.sim(&format!("fault ups {fault}"));
        supply(unreachable(why));
        assert!(demo.alarm("ups-unreachable").is_some(), "{fault}");
        demo.sim("fault ups ok");
        supply("on-line".into());
        assert!(demo.alarm("ups-unreachable").is_none(), "{fault}");
    }
    let changes: Vec<Value> =
        demo.records("supply-changed").iter().map(|record| record["fact"]["to"].clone()).collect();
    let line = || Value::from("on-line");
    let expected = [
        line(),
        "on-battery".into(),
        "low-battery".into(),
        line(),
        unreachable("refused"),
        line(),
        unreachable("timed-out"),
        line(),
        unreachable("stale"),
        line(),
        unreachable("driver-gone"),
        line(),
        unreachable("garbled"),
        line(),
    ];
    assert_eq!(changes, expected);
}

#[test]
fn broken_hardware_is_said_and_does_not_lie() {
    let demo = Demo::start();
    demo.sim("fault sensor 3 dead");
    until("the fault", || demo.alarm("sensor-fault"));
    let slot = &demo.status()["slots"].as_array().map_or(Value::Null, |slots| slots[2].clone());
    assert_eq!(slot["present"], "fault");
    demo.sim("fault sensor 3 ok");
    until("it works again", || demo.alarm("sensor-fault").is_none().then_some(()));

    demo.sim("fault lock 1");
    demo.identify("1004", &demo.pin("1004"));
    demo.ok(&["pull", "--key", "Unit 204", "--reason", "showing"]);
    assert_eq!(demo.record("session-closed", 1)["fact"]["how"], "lock-fault");
    assert!(demo.alarm("lock-fault").is_some());
    demo.sim("fault lock 1 ok");
    demo.take_204("1004");
    assert!(demo.alarm("lock-fault").is_none(), "a lock that answers is no fault any more");

    demo.sim("fault reader");
    assert!(demo.refused(1, &["sim", "badge", "1004"]).contains("unplugged"));
    demo.sim("fault reader ok");

    // A sensor that chatters: a fault, not a hundred keys taken.
    let taken = demo.records("taken").len();
    demo.sim("fault sensor 9 bounce");
    demo.identify("1005", &demo.pin("1005"));
    demo.ok(&["pull", "--key", "Unit 206", "--reason", "showing"]);
    demo.wait_for_open();
    demo.sim("door open");
    demo.sim("take 9");
    until("chatter is said", || demo.alarm("sensor-fault"));
    demo.close();
    assert!(demo.records("taken").len() <= taken + 1);
}

#[test]
fn a_strange_key_is_asked_for_and_a_tag_or_a_declaration_settles_it() {
    let demo = Demo::start();
    // Two keys out, and one of them comes back to where the other belongs.
    demo.identify("1004", &demo.pin("1004"));
    demo.ok(&["pull", "--key", "Unit 204", "--key", "Unit 205", "--reason", "unit-access"]);
    demo.wait_for_open();
    demo.sim("door open");
    demo.sim("take 7");
    demo.sim("take 8");
    demo.record("taken", 2);
    demo.close();
    demo.identify("1004", &demo.pin("1004"));
    demo.ok(&["return"]);
    demo.wait_for_open();
    demo.sim("door open");
    demo.sim("tag 70008");
    until("where it belongs", || demo.look()["display"].as_str()?.contains("Unit 205").then_some(()));
    demo.ok(&["sim", "put", "7", "--key", "Unit 205"]);
    let returned = demo.record("returned", 1);
    assert_eq!((&returned["fact"]["key"], &returned["fact"]["evidence"]), (&"205".into(), &"tag".into()));
    demo.close();
    assert!(demo.alarm("unexpected-slot").is_some(), "205 hangs where 204 belongs");

    let declared = demo.run(&["declare", "--slot", "7", "--key", "Unit 204"]);
    assert_eq!(declared.code, 0, "{declared:?}");
    let record = until("the declaration", || {
        demo.records("slot-identified").into_iter().find(|record| record["fact"]["evidence"] == "declared")
    });
    assert_eq!(record["fact"]["key"], "204");
    assert!(demo.refused(1, &["declare", "--slot", "99", "--key", "Unit 204"]).contains("slot 99"));
}

#[test]
fn people_and_keys_are_worked_on_through_the_daemon() {
    let demo = Demo::start();
    let exported = demo.dir.join("roster.toml");
    let path = exported.to_str().expect("UTF-8");
    demo.ok(&["roster", "export", "--out", path]);
    assert!(demo.ok(&["roster", "diff", path]).contains("nothing to change"));
    let text = fs::read_to_string(&exported).expect("written");
    fs::write(&exported, text.replace("Weekend helper", "Weekend team")).expect("written");
    assert!(demo.ok(&["roster", "diff", path]).contains("weekend"));
    assert!(demo.ok(&["roster", "import", path]).contains("weekend"));
    let changed = demo.records("roster-changed").pop().expect("a record");
    assert_eq!(changed["fact"]["hash"].as_str().map(str::len), Some(64));
    fs::write(&exported, text.replace("role = \"staff\"", "role = \"king\"")).expect("written");
    let problems = demo.refused(3, &["roster", "import", path]);
    assert!(problems.lines().count() >= 5, "every problem is listed: {problems}");

    let added = demo.json(&[
        "user",
        "add",
        "porter",
        "--name",
        "Porter",
        "--role",
        "staff",
        "--badge",
        "1009",
        "--groups",
        "building-a",
        "--json",
    ]);
    let pin = added["pin"].as_str().expect("a PIN was made").to_owned();
    demo.identify("1009", &pin);
    assert!(demo.refused(1, &["pull", "--key", "Unit 301", "--reason", "showing"]).contains("not open to this person"));
    demo.sim("cancel");
    until("nobody", || demo.status()["session"].is_null().then_some(()));

    demo.ok(&["user", "revoke", "porter"]);
    demo.sim("badge 1009");
    demo.sim(&format!("pin {pin}"));
    let denied = until("the denial", || {
        demo.records("denied").into_iter().find(|record| record["fact"]["denial"]["why"] == "revoked")
    });
    assert_eq!(denied["fact"]["user"], "porter");
    demo.ok(&["user", "restore", "porter"]);
    let vouched = demo.json(&["user", "vouch", "porter", "--by", "manager", "--json"]);
    demo.identify("1009", vouched["code"].as_str().expect("a code"));
    demo.sim("cancel");
    until("nobody", || demo.status()["session"].is_null().then_some(()));
    demo.sim("badge 1009");
    demo.sim(&format!("pin {}", vouched["code"].as_str().expect("a code")));
    until("a code is for one entry", || {
        demo.records("denied").into_iter().find(|record| record["fact"]["denial"]["why"] == "wrong-pin")
    });
    assert!(demo.ok(&["user", "list"]).contains("Porter"));

    assert!(demo.ok(&["key", "list"]).contains("Unit 204"));
    demo.take_204("1004");
    demo.ok(&["key", "lost", "Unit 204", "--note", "in the lake"]);
    assert_eq!(demo.status()["counts"]["keys_lost"], 1);
    demo.ok(&["key", "found", "Unit 204"]);
    let steps: Vec<Value> = demo.records("key-stepped").iter().map(|record| record["fact"]["step"].clone()).collect();
    assert_eq!(steps, ["lost", "found"]);
}

#[test]
fn the_written_script_plays_to_its_end() {
    let demo = Demo::start();
    let script = demo.dir.join("visit.txt");
    let told = demo.ok(&["sim", "play", script.to_str().expect("UTF-8")]);
    assert!(told.contains("played to its end"), "{told}");
    assert!(!told.contains(&demo.pin("1004")), "a PIN stays dots here too: {told}");
    assert_eq!(demo.status()["counts"]["keys_in"], 24);
    demo.record("session-closed", 2);
    fs::write(&script, "badge 1004\ntake seven\njump\n").expect("written");
    let said = demo.run(&["sim", "play", script.to_str().expect("UTF-8")]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains(":2:") && said.err.contains(":3:"), "{}", said.err);
}

#[test]
fn under_duress_the_cabinet_behaves_as_ever() {
    let (one, two) = (Demo::start(), Demo::start());
    let visit = |demo: &Demo, pin: &str| {
        demo.identify("1001", pin);
        let during = demo.ok(&["status"]);
        demo.ok(&["pull", "--key", "Unit 204", "--reason", "showing"]);
        demo.wait_for_open();
        demo.sim("door open");
        demo.sim("take 7");
        demo.record("taken", 1);
        demo.close();
        (
            during,
            demo.ok(&["status"]),
            demo.ok(&["keymap"]),
            demo.ok(&["alarm", "list"]),
            demo.ok(&["alarm", "list", "--json"]),
        )
    };
    let normal = visit(&one, &one.pin("1001"));
    let duress = visit(&two, &two.duress_pin("1001"));
    let raised = two.records("alarm-raised").pop().expect("the silent alarm");
    assert_eq!(raised["fact"]["alarm"]["alarm"], "duress");
    assert_eq!(one.records("alarm-raised"), Vec::<Value>::new());

    // Figures apart, everything reads the same.
    let plain = |text: &str| {
        let figure =
            |word: &&str| word.contains(|letter: char| letter.is_ascii_digit()) || ["ms", "s", "s:"].contains(word);
        text.split_whitespace().filter(|word| !figure(word)).collect::<Vec<_>>().join(" ")
    };
    for (normal, duress) in [
        (&normal.0, &duress.0),
        (&normal.1, &duress.1),
        (&normal.2, &duress.2),
        (&normal.3, &duress.3),
        (&normal.4, &duress.4),
    ] {
        assert_eq!(plain(normal), plain(duress));
    }
    assert_eq!(normal.3, "No open alarms.\n");
    // A relay and a hand may be told in either order.
    let lines = |demo: &Demo| demo.news().lines().map(&plain).collect::<BTreeSet<String>>();
    assert_eq!(lines(&one), lines(&two), "the terminal, the display, the buzzer");
    let hidden = two.ok(&["ledger", "show"]);
    assert!(!hidden.to_lowercase().contains("duress"), "{hidden}");
    // When the UPS tells its serial is the UPS's own.
    let visit = |text: &str| {
        let visit = text[text.find("identified").expect("a visit")..].lines();
        visit.filter(|line| !line.contains("told its serial")).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(plain(&visit(&hidden)), plain(&visit(&one.ok(&["ledger", "show"]))));
    assert!(two.ok(&["ledger", "show", "--duress"]).contains("Manager (manager) acted under duress"));
    let log = two.log();
    assert!(!log.to_lowercase().contains("duress"), "{log}");
}

#[test]
fn without_a_daemon_every_command_says_what_to_do() {
    let home = tempfile::tempdir().expect("a folder");
    let nowhere = home.path().join("nowhere");
    let commands: [&[&str]; 22] = [
        &["status"],
        &["status", "--json"],
        &["keymap"],
        &["pull", "--key", "Unit 204", "--reason", "showing"],
        &["return"],
        &["cancel"],
        &["declare", "--slot", "1", "--key", "101"],
        &["alarm", "list"],
        &["alarm", "ack", "1"],
        &["alarm", "countersign", "1", "--by", "manager"],
        &["user", "list"],
        &["user", "pin", "manager"],
        &["user", "vouch", "manager", "--by", "admin"],
        &["key", "list"],
        &["roster", "export"],
        &["roster", "diff", "roster.toml"],
        &["ledger", "show"],
        &["ledger", "verify"],
        &["ledger", "export", "--format", "csv"],
        &["sim", "status"],
        &["notify"],
        &["run"],
    ];
    // No config at all.
    for arguments in commands {
        let said = cabinetd(&nowhere, arguments);
        assert_ne!(said.code, 0, "{arguments:?}");
        assert!(said.out.is_empty() || arguments.contains(&"--json"), "{arguments:?}: {said:?}");
        assert!(!said.err.is_empty() && !said.err.contains("panicked"), "{arguments:?}: {said:?}");
    }
    assert!(cabinetd(&nowhere, &["user", "list"]).err.contains("cabinetd.toml"));
    assert!(cabinetd(&nowhere, &["status"]).err.contains("cabinetd demo"));

    // A config, but nobody runs.
    let mut demo = Demo::start();
    demo.end();
    for arguments in commands.iter().filter(|arguments| arguments[0] != "ledger" && arguments[0] != "run") {
        let said = demo.run(arguments);
        assert_ne!(said.code, 0, "{arguments:?}: {said:?}");
        let remedy = ["cabinetd demo", "systemctl", "is cabinetd running", "check the name"];
        assert!(remedy.iter().any(|remedy| said.err.contains(remedy)), "{arguments:?}: {said:?}");
    }
}

#[test]
fn a_second_daemon_a_second_demo_and_a_broken_config_are_refused() {
    let mut demo = Demo::start();
    let second = demo.run(&["run"]);
    assert_eq!(second.code, 1);
    assert!(second.err.contains("another cabinetd") && second.err.contains("stop it first"), "{second:?}");
    let dir = demo.dir.to_str().expect("UTF-8").to_owned();
    let said = demo.run(&["demo", "--dir", &dir]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("another demo runs"), "{said:?}");
    assert_eq!(demo.status()["session"], Value::Null, "the first one goes on");
    demo.end();
    assert!(demo.run(&["demo", "--dir", &dir, "--seed", "8"]).err.contains("--seed 7"));

    // Another pepper under these PINs: refused, with the way back.
    let credentials = demo.dir.join("credentials");
    fs::rename(&credentials, demo.dir.join("kept")).expect("moved");
    let missing = demo.run(&["run"]);
    assert_eq!(missing.code, 1);
    assert!(missing.err.contains("credentials is missing") && missing.err.contains("restore"), "{missing:?}");
    demo.ok(&["init"]);
    let other = demo.run(&["run"]);
    assert_eq!(other.code, 1);
    assert!(other.err.contains("another pepper") && other.err.contains("backup"), "{other:?}");
    fs::remove_dir_all(&credentials).expect("removed");
    fs::rename(demo.dir.join("kept"), &credentials).expect("moved back");

    let config = demo.dir.join("cabinetd.toml");
    let text = fs::read_to_string(&config).expect("written");
    let broken =
        text.replace("columns = 8", "columns = 0\nrows = 3").replace("poll_on_line_s = 2", "poll_on_line_s = \"soon\"");
    fs::write(&config, broken).expect("written");
    for arguments in [&["run"][..], &["user", "list"], &["config", "check"]] {
        let said = demo.run(arguments);
        assert_ne!(said.code, 0, "{arguments:?}");
        for problem in ["columns", "rows", "poll_on_line_s"] {
            assert!(said.err.contains(problem), "{arguments:?} lists {problem}: {said:?}");
        }
    }
    fs::write(&config, text).expect("written");
    demo.start_again();
    demo.identify("1004", &demo.pin("1004"));
}

#[test]
fn a_closed_window_ends_it_and_a_killed_demo_leaves_nothing_in_the_way() {
    let mut demo = Demo::start();
    assert_eq!(demo.end_by(Signal::HUP).code(), Some(0));
    assert!(!demo.daemon_lives());
    demo.start_again();
    demo.end_by(Signal::KILL);
    assert!(demo.daemon_lives(), "nobody told it");
    demo.start_again();
    // The socket of the killed one is still there until the new one takes its place.
    until("the sensors", || {
        let said = demo.run(&["sim", "status", "--json"]);
        let seen: Value = serde_json::from_str(&said.out).unwrap_or_default();
        (seen["daemon"] == true).then_some(())
    });
    assert!(demo.screen().contains("of an earlier demo"), "{}", demo.screen());
    assert_eq!(demo.run(&["ledger", "verify"]).code, 0);
    demo.take_204("1004");
}

#[test]
fn ctrl_c_in_the_middle_of_a_visit_locks_up_and_says_so() {
    let mut demo = Demo::start();
    demo.identify("1004", &demo.pin("1004"));
    demo.pull_204();
    let begin = now();
    assert_eq!(demo.end().code(), Some(0));
    assert!(begin.elapsed() < Duration::from_secs(8));
    let screen = demo.screen();
    let last_lock = screen.lines().rfind(|line| line.contains("Lock of door 1")).expect("it pulsed");
    assert!(last_lock.contains("de-energised"), "{screen}");
    let ledger = demo.ledger();
    assert_eq!(kinds(&ledger)[ledger.len() - 2..], ["session-closed", "stopped"]);
    assert_eq!(ledger[ledger.len() - 2]["fact"]["how"], "interrupted");
}
