//! Secrets never print: after a full life of a cabinet, everything that it said or wrote is searched for every secret of it.

#[path = "support/demo.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod demo;

use cabinetd::cabinet::Event;
use cabinetd::cabinet::outcome::{Action, CommandResult};
use cabinetd::cabinet::types::{Code, Pin, PinHash};
use cabinetd::io::control::LocalAsk;
use cabinetd::io::control::wire::SignedFile;
use demo::{Demo, cabinetd, cabinetd_with, until};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// A badge, a login number and a tag that nothing else in the world looks like.
const BADGE: &str = "90417726531";
const UNKNOWN_BADGE: &str = "88420771553";
const LOGIN: &str = "7730914";
const TAG: &str = "E2801160600002";
const CHOSEN_PIN: &str = "83926154";
const DURESS_PIN: &str = "50719382";
const WRONG_PINS: [&str; 3] = ["61840297", "604918", "19375"];

/// Where a secret stands by itself in a text: not in the middle of a hash or of a longer number.
fn finds(text: &[u8], secret: &str) -> Option<usize> {
    let part_of_more = |at: Option<&u8>| at.is_some_and(u8::is_ascii_hexdigit);
    text.windows(secret.len()).enumerate().find_map(|(at, window)| {
        let alone = !part_of_more(at.checked_sub(1).and_then(|before| text.get(before)))
            && !part_of_more(text.get(at + secret.len()));
        (window == secret.as_bytes() && alone).then_some(at)
    })
}

fn holds_none(what: &str, text: &[u8], secrets: &[String]) {
    for secret in secrets {
        if let Some(at) = finds(text, secret) {
            let around = &text[at.saturating_sub(60)..text.len().min(at + 40)];
            panic!("{what} holds {secret}: …{}…", String::from_utf8_lossy(around));
        }
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .filter(|path| path.is_file())
        .collect()
}

/// Says a raw line on the control socket.
fn ask(dir: &Path, line: &str) -> String {
    let mut stream = UnixStream::connect(dir.join("run/control.sock")).expect("the daemon listens");
    writeln!(stream, "{line}").expect("it hears");
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).expect("it answers");
    answer
}

/// Answers to lines that nobody sane sends, too.
fn the_socket_tells_none(dir: &Path, secrets: &[String]) {
    let request = |key: &str, ask: Value| json!({ "v": 1, "request": key, "ask": ask }).to_string();
    let set_pin = json!({ "set-pin": { "user": "nobody", "pin": CHOSEN_PIN, "duress": DURESS_PIN } });
    let lines = [
        request("status-1", json!("status")),
        request("keymap-1", json!("keymap")),
        request("pin-1", set_pin.clone()),
        request("pin-2", json!({ "set-pin": { "user": "leasing", "pin": 83_926_154 } })),
        request("pin-3", json!({ "set-pin": { "user": "leasing", "pin": [CHOSEN_PIN] } })),
        request("pin-4", json!({ "set-pin": { "user": "leasing", "pin": "839261548392615483926154" } })),
        request("pin-5", json!({ "set-pin": { "user": "leasing", "pim": CHOSEN_PIN } })),
        request(
            "vouch-1",
            json!({ "vouch": { "user": "nobody", "by": "manager", "code": CHOSEN_PIN, "for_minutes": 15 } }),
        ),
        request("badge-1", json!({ "pull": { "keys": ["Unit 204"], "reason": CHOSEN_PIN } })),
        format!("{{\"v\":1,\"request\":\"x\",\"ask\":{{\"set-pin\":{{\"user\":\"leasing\",\"pin\":\"{CHOSEN_PIN}"),
        CHOSEN_PIN.to_owned(),
    ];
    for line in lines {
        let answer = ask(dir, &line);
        assert!(!answer.is_empty());
        holds_none("an answer of the control socket", answer.as_bytes(), secrets);
    }
}

/// Codes are in the roster's rows alone, PINs nowhere.
fn the_disk_holds_none(demo: &Demo, secrets: &[String]) {
    let dir = &demo.dir;
    let (codes, pins): (Vec<String>, Vec<String>) = secrets
        .iter()
        .cloned()
        .partition(|secret| [BADGE, UNKNOWN_BADGE, LOGIN, TAG, "4471209985"].contains(&secret.as_str()));
    let own = [dir.join("visit.txt"), dir.with_extension("screen")];
    for file in files(dir).into_iter().filter(|file| !own.contains(file)) {
        let bytes = fs::read(&file).expect("it can be read");
        holds_none(&file.display().to_string(), &bytes, &pins);
        if !file.starts_with(dir.join("state")) {
            holds_none(&file.display().to_string(), &bytes, &codes);
        }
    }
    let db = rusqlite::Connection::open(dir.join("state/ledger.db")).expect("opens");
    let mut statement = db.prepare("SELECT seq, kind, payload FROM ledger").expect("a table");
    let mut rows = statement.query([]).expect("readable");
    while let Some(row) = rows.next().expect("a row") {
        let payload: Option<String> = row.get(2).expect("text");
        let kind: String = row.get(1).expect("text");
        holds_none(&format!("a record ({kind})"), payload.unwrap_or_default().as_bytes(), secrets);
    }
}

#[test]
fn no_output_of_a_cabinets_life_holds_a_secret() {
    let demo = Demo::start();
    let dir = demo.dir.clone();
    // What is meant to be told once is typed apart from what is searched.
    let apart = |arguments: &[&str]| {
        let said = cabinetd(&dir, arguments);
        assert_eq!(said.code, 0, "{arguments:?}: {said:?}");
        serde_json::from_str::<Value>(&said.out).expect("JSON")
    };
    let text = |value: &Value| value.as_str().expect("text").to_owned();

    demo.ok(&["user", "edit", "maintenance-1", "--badge", BADGE, "--login", LOGIN]);
    demo.ok(&["key", "edit", "Unit 204", "--tag", TAG]);
    for (digits, option) in [(CHOSEN_PIN, None), (DURESS_PIN, Some("--duress"))] {
        let mut arguments = vec!["user", "pin", "maintenance-1", "--set"];
        arguments.extend(option);
        let said = cabinetd_with(&dir, &arguments, &format!("{digits}\n"));
        assert_eq!(said.code, 0, "{said:?}");
        holds_none("user pin --set", format!("{said:?}").as_bytes(), &[digits.to_owned()]);
    }
    let trivial = cabinetd_with(&dir, &["user", "pin", "maintenance-1", "--set"], "77777777\n");
    assert_eq!(trivial.code, 3);
    let generated = text(&apart(&["user", "pin", "leasing", "--digits", "8", "--json"])["pin"]);
    let added = text(
        &apart(&["user", "add", "porter", "--name", "Porter", "--role", "staff", "--badge", "4471209985", "--json"])["pin"],
    );
    let vouched = text(&apart(&["user", "vouch", "maintenance-1", "--by", "manager", "--json"])["code"]);

    let mut secrets: Vec<String> = [BADGE, UNKNOWN_BADGE, LOGIN, TAG, CHOSEN_PIN, DURESS_PIN, "77777777", "4471209985"]
        .map(str::to_owned)
        .to_vec();
    secrets.extend(WRONG_PINS.map(str::to_owned));
    secrets.extend([generated, added, vouched.clone()]);
    secrets.extend(["1001", "1002", "1003", "1005", "1006", "1007", "1008"].map(|badge| demo.pin(badge)));
    secrets.push(demo.duress_pin("1001"));

    // Right, wrong, unknown, vouched, under duress; a tag; a whole visit each time the door opens.
    demo.sim(&format!("badge {UNKNOWN_BADGE}"));
    demo.sim("login 4040404");
    for wrong in WRONG_PINS {
        let failures = demo.records("denied").len();
        demo.sim(&format!("login {LOGIN}"));
        demo.sim(&format!("pin {wrong}"));
        until("the denial", || (demo.records("denied").len() > failures).then_some(()));
    }
    demo.identify(BADGE, &vouched);
    demo.sim("cancel");
    until("nobody", || demo.status()["session"].is_null().then_some(()));
    demo.identify(BADGE, CHOSEN_PIN);
    demo.pull_204();
    demo.sim("door open");
    demo.sim("take 7");
    demo.record("taken", 1);
    demo.close();
    demo.identify(BADGE, DURESS_PIN);
    demo.ok(&["return"]);
    demo.wait_for_open();
    demo.sim("door open");
    demo.sim(&format!("tag {TAG}"));
    demo.sim("put 7");
    demo.record("returned", 1);
    demo.close();
    assert_eq!(demo.records("alarm-raised").pop().expect("the silent alarm")["fact"]["alarm"]["alarm"], "duress");
    // A PIN typed where nobody asked for one, and a restart in between.
    demo.sim(&format!("pin {CHOSEN_PIN}"));
    demo.kill_daemon();
    demo.wait_for_daemon(2);

    // Everything there is to look at.
    for arguments in [
        &["status"][..],
        &["status", "--json"],
        &["keymap"],
        &["keymap", "--json"],
        &["alarm", "list"],
        &["user", "list"],
        &["user", "list", "--json"],
        &["user", "show", "maintenance-1"],
        &["user", "show", "maintenance-1", "--json"],
        &["key", "list"],
        &["key", "list", "--json"],
        &["key", "show", "Unit 204"],
        &["key", "show", "Unit 204", "--json"],
        &["ledger", "show", "--duress"],
        &["ledger", "show", "--json", "--duress"],
        &["ledger", "export", "--format", "csv", "--duress"],
        &["ledger", "export", "--format", "jsonl", "--duress"],
        &["ledger", "verify", "--json"],
        &["sim", "status"],
        &["config", "show"],
    ] {
        demo.ok(arguments);
    }
    // Its exit code says how the cabinet is.
    for arguments in [&["check"][..], &["check", "--json"]] {
        assert!([1, 3].contains(&demo.run(arguments).code));
    }
    // Files that are wrong, with secrets in them: what is said of them names the place, not the value.
    let wrong = dir.join("wrong.toml");
    fs::write(&wrong, format!("[[users]]\nid = \"a\"\nname = \"A\"\nrole = \"staff\"\nbadge = \"{BADGE}\"\n\n[[users]]\nid = \"b\"\nname = \"B\"\nrole = \"staff\"\nbadge = \"{BADGE}\"\npin = \"{CHOSEN_PIN}\"\n")).expect("written");
    demo.refused(3, &["roster", "import", wrong.to_str().expect("UTF-8")]);
    fs::remove_file(&wrong).expect("removed");
    demo.refused(1, &["user", "edit", "leasing", "--badge", BADGE]);
    assert_ne!(demo.run(&["user", "edit", "leasing", "--badge", &format!("{BADGE}\n")]).code, -1);
    holds_none("a command's output", demo.everything_said().as_bytes(), &secrets);
    holds_none("the demo's terminal", demo.news().as_bytes(), &secrets);
    let log = demo.log();
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "the log is at its most talkative: {}", log.len());
    assert!(log.contains("was taken from slot 7 by maintenance-1"), "the records are told: {log}");
    holds_none("the daemon's log", log.as_bytes(), &secrets);

    the_socket_tells_none(&dir, &secrets);
    holds_none("the daemon's log", demo.log().as_bytes(), &secrets);
    the_disk_holds_none(&demo, &secrets);
}

#[test]
fn the_cores_values_print_nothing_of_a_secret() {
    let secrets = [BADGE.to_owned(), CHOSEN_PIN.to_owned()];
    let (salt, tag) = ("5c".repeat(16), "7e".repeat(32));
    let secrets: Vec<String> = secrets.into_iter().chain([salt.clone(), tag.clone()]).collect();
    let hash = PinHash { salt, cost: (19_456, 2, 1), tag: tag.clone(), duress_tag: Some(tag) };
    let hashed = CommandResult::Hashed(hash.clone());
    let hashing = Action::HashPin { user: "leasing".into(), pin: Pin::new(CHOSEN_PIN), old: Some(hash.clone()) };
    let file = SignedFile(json!({ "roster": { "users": [{ "badge": BADGE }] } }));
    let code = LocalAsk::Enrol { user: "leasing".into(), code: Pin::new(CHOSEN_PIN), for_minutes: 60 };
    let brought = LocalAsk::TakeRoster { name: "x.json".into(), signed: file.clone(), dry_run: false };
    let action = Action::CheckPin { user: "leasing".into(), pin: Pin::new(CHOSEN_PIN), hash };
    let printed = format!(
        "{hashed:?} {hashing:?} {file:?} {code:?} {brought:?} {:?} {:?} {:?} {action:?} {:#?}",
        Event::CodeRead(Code::new(BADGE)),
        Event::LoginTyped(Code::new(BADGE)),
        Event::PinTyped(Pin::new(CHOSEN_PIN)),
        action,
    );
    holds_none("Debug", printed.as_bytes(), &secrets);
    assert!(finds(format!("pin={CHOSEN_PIN}!").as_bytes(), CHOSEN_PIN).is_some(), "the search itself finds");
    assert!(finds(format!("a{CHOSEN_PIN}f").as_bytes(), CHOSEN_PIN).is_none(), "but not in the middle of a hash");
}
