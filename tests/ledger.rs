//! Reading, verifying, exporting: with the daemon up, down, and after somebody laid hands on the file.

mod ledger_samples;

use cabinetd::cabinet::books::{Row, View};
use cabinetd::cabinet::fact::{Alarm, Cleared, Dark, Fact, Record};
use cabinetd::cabinet::roster::{Difference, Key, User};
use cabinetd::cabinet::types::{
    AlarmId, BootId, ClockQuality, Evidence, Origin, Reason, Role, SessionId, SlotNo, Stamp,
};
use cabinetd::cli::ledger::{LedgerArgs, execute};
use cabinetd::io::store::{Filter, Head, OutsideHead, Reader, Store, StoreError};
use clap::Parser;
use ed25519_dalek::SigningKey;
use ledger_samples::{every_fact, every_origin, identity, record, rows_of, stamp};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    ledger: LedgerArgs,
}

/// Runs `cabinetd ledger …` and returns its exit code and what it wrote.
fn ledger(state: &Path, words: &[&str]) -> (u8, String, String) {
    let mut argv = vec!["ledger"];
    argv.extend(words);
    argv.extend(["--state-dir", state.to_str().expect("UTF-8")]);
    let program = Program::try_parse_from(argv).expect("the arguments parse");
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = execute(&program.ledger, state, None, None, &mut out, &mut err);
    (code, String::from_utf8(out).expect("UTF-8"), String::from_utf8(err).expect("UTF-8"))
}

fn python(arguments: &[&str]) -> (i32, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verify_ledger.py");
    let output = Command::new("python3").arg(script).args(arguments).output().expect("python3 is there");
    (output.status.code().expect("an exit code"), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A ledger with every kind of fact by every kind of actor.
fn full_ledger(state: &Path) -> (Store, Head) {
    let (store, _) = Store::open(state, &identity(), Some(SigningKey::from_bytes(&[7; 32]))).expect("opens");
    let mut seq = 0;
    let mut records = Vec::new();
    for by in every_origin() {
        for fact in every_fact() {
            seq += 1;
            records.push(Record { seq, stamp: stamp(seq * 1000), by: by.clone(), fact });
        }
    }
    let rows = rows_of(&records);
    let head = store.commit_blocking(records, rows, false).expect("committed");
    (store, head)
}

fn problems(state: &Path, outside: &[OutsideHead]) -> Vec<String> {
    let report = Reader::open(state).expect("opens").verify(outside).expect("can be read");
    report.problems.iter().map(ToString::to_string).collect()
}

fn outside(head: Head) -> Vec<OutsideHead> {
    vec![OutsideHead { source: "a mail".into(), head, signed: None }]
}

/// What somebody does who has the file and knows SQL.
fn tamper(state: &Path, sql: &str) {
    let conn = rusqlite::Connection::open(state.join("ledger.db")).expect("opens");
    conn.execute_batch(
        "DROP TRIGGER IF EXISTS ledger_is_never_shortened; DROP TRIGGER IF EXISTS ledger_is_never_edited",
    )
    .expect("dropped");
    conn.execute_batch(sql).expect("tampered");
}

#[test]
fn a_sound_ledger_verifies_here_and_in_python_while_the_daemon_runs_and_after() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, head) = full_ledger(dir.path());
    let database = dir.path().join("ledger.db");
    let database = database.to_str().expect("UTF-8");
    for _ in 0..2 {
        assert_eq!(problems(dir.path(), &outside(head)), Vec::<String>::new());
        assert_eq!(
            python(&[database, "--head", &head.to_string()]),
            (0, format!("sound: {} records, head {head}\n", head.seq))
        );
    }
    drop(store);
    assert_eq!(problems(dir.path(), &outside(head)), Vec::<String>::new());
    assert_eq!(
        python(&[database, "--head", &head.to_string()]),
        (0, format!("sound: {} records, head {head}\n", head.seq))
    );
    let (code, out, _) = ledger(dir.path(), &["verify"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("Sound") && out.contains(&head.to_string()) && out.contains("kept elsewhere"), "{out}");
}

#[test]
fn the_verifier_says_of_each_tampering_where_it_is_and_so_does_python() {
    let rows = [
        (
            "a changed payload",
            "UPDATE ledger SET payload = replace(payload, 'cabinet', 'Cabinet') WHERE seq = 50",
            vec![50],
        ),
        ("a changed kind", "UPDATE ledger SET kind = 'returned' WHERE seq = 50", vec![50]),
        ("a changed time", "UPDATE ledger SET wall_ms = wall_ms + 1 WHERE seq = 50", vec![50]),
        ("a better clock", "UPDATE ledger SET clock = 'rtc' WHERE seq = 50", vec![50]),
        ("a new salt", "UPDATE ledger SET salt = randomblob(16) WHERE seq = 50", vec![50]),
        ("a changed hash", "UPDATE ledger SET hash = randomblob(32) WHERE seq = 50", vec![50, 51]),
        ("a removed record", "DELETE FROM ledger WHERE seq = 50", vec![51]),
        ("removed records", "DELETE FROM ledger WHERE seq BETWEEN 1 AND 5", vec![6]),
        (
            "a removed record, the rest moved up",
            "DELETE FROM ledger WHERE seq = 50;
             UPDATE ledger SET seq = -seq WHERE seq > 50; UPDATE ledger SET seq = -seq - 1 WHERE seq < 0",
            (50..end()).collect(),
        ),
        (
            "two records changed places",
            "UPDATE ledger SET seq = -1 WHERE seq = 50; UPDATE ledger SET seq = 50 WHERE seq = 51;
             UPDATE ledger SET seq = 51 WHERE seq = -1",
            vec![50, 51, 52],
        ),
        ("a lower epoch", "UPDATE ledger SET epoch = 0 WHERE seq = 50", vec![50]),
        ("another cabinet", "UPDATE meta SET value = 'annex' WHERE name = 'cabinet'", (1..=end()).collect()),
    ];
    for (what, sql, wanted) in rows {
        let dir = tempfile::tempdir().expect("a folder");
        drop(full_ledger(dir.path()));
        tamper(dir.path(), sql);
        let report = Reader::open(dir.path()).expect("opens").verify(&[]).expect("can be read");
        let found: BTreeSet<u64> = report.problems.iter().map(|problem| problem.seq).collect();
        assert_eq!(found, wanted.iter().copied().collect(), "{what}: {:?}", report.problems);
        let database = dir.path().join("ledger.db");
        let (code, out) = python(&[database.to_str().expect("UTF-8")]);
        assert_eq!(code, 1, "{what}: {out}");
        let first = wanted.first().expect("at least one");
        assert!(out.contains(&format!("record {first}:")), "{what}: {out}");
        let (code, out, _) = ledger(dir.path(), &["verify"]);
        assert!(code == 1 && out.contains("NOT SOUND") && out.contains("PROBLEM"), "{what}: {out}");
    }
}

/// How many records the full ledger has.
fn end() -> u64 {
    (every_fact().len() * every_origin().len()) as u64
}

#[test]
fn a_cut_off_end_passes_the_chain_and_fails_against_a_head_kept_outside() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, head) = full_ledger(dir.path());
    drop(store);
    tamper(dir.path(), "DELETE FROM ledger WHERE seq > 100");
    let found = problems(dir.path(), &[]);
    assert!(
        !found.is_empty()
            && found.iter().all(|problem| problem.contains("of the view") || problem.contains("the view")),
        "the views know more than the chain: {found:?}"
    );
    cut_views(dir.path());
    assert_eq!(problems(dir.path(), &[]), Vec::<String>::new(), "whoever cuts them as well is not found");
    let database = dir.path().join("ledger.db");
    let database = database.to_str().expect("UTF-8");
    assert_eq!(python(&[database]).0, 0);

    let found = problems(dir.path(), &outside(head));
    assert!(found.len() == 1 && found[0].contains("cut off") && found[0].contains("ends at record 100"), "{found:?}");
    let (code, out) = python(&[database, "--head", &head.to_string()]);
    assert!(code == 1 && out.contains("ends at 100"), "{out}");
    let (code, out, _) = ledger(dir.path(), &["verify", "--head", &head.to_string()]);
    assert!(code == 1 && out.contains("its end was cut off"), "{out}");
}

/// What somebody does who knows this program: the views as the records that are left make them.
fn cut_views(state: &Path) {
    let left = Reader::open(state).expect("opens");
    let records: Vec<Record> = (left.entries(&Filter { silent: true, ..Filter::default() }, 0))
        .map(|entry| {
            let entry = entry.expect("readable");
            let (by, fact) = entry.fact().expect("known");
            Record { seq: entry.header.seq, stamp: entry.header.stamp, by, fact }
        })
        .collect();
    // Made by the program itself in a ledger beside it, then copied.
    let other = tempfile::tempdir().expect("a folder");
    let (store, _) = Store::open(other.path(), &identity(), None).expect("opens");
    let rows = rows_of(&records);
    store.commit_blocking(records, rows, false).expect("committed");
    drop(store);
    let other = other.path().join("ledger.db");
    tamper(
        state,
        &format!(
            "ATTACH '{}' AS other; DELETE FROM main.row; INSERT INTO main.row SELECT * FROM other.row;",
            other.display()
        ),
    );
}

#[test]
fn the_views_must_be_what_the_records_add_up_to() {
    let edits = [
        (
            "UPDATE row SET body = json_set(body, '$.since.wall', 0) WHERE view = 'custody' AND id = '204'",
            "row \"204\" of the view \"custody\" does not say what records 1 to",
        ),
        ("DELETE FROM row WHERE view = 'life'", "the view \"life\" is missing"),
        (
            "INSERT INTO row SELECT 'custody', '999', body FROM row WHERE view = 'custody' AND id = '204'",
            "row \"999\" of the view \"custody\" is there, though none",
        ),
        ("DELETE FROM row WHERE view = 'roster-version'", "the view \"roster-version\" does not say"),
        ("UPDATE row SET body = '{}' WHERE view = 'throttle'", "row \"\" of view \"throttle\" cannot be read"),
    ];
    for (sql, wanted) in edits {
        let dir = tempfile::tempdir().expect("a folder");
        drop(full_ledger(dir.path()));
        let (code, out, _) = ledger(dir.path(), &["verify"]);
        assert!(code == 0 && out.contains("rows compared with what the records add up to"), "{out}");
        tamper(dir.path(), sql);
        let found = problems(dir.path(), &[]);
        assert!(found.len() == 1 && found[0].contains(wanted), "{sql}: {found:?}");
        let (code, out, _) = ledger(dir.path(), &["verify"]);
        assert!(code == 1 && out.contains("PROBLEM") && out.contains("NOT SOUND"), "{out}");
    }
}

#[test]
fn rows_that_no_record_holds_are_left_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    drop(a_day(dir.path()));
    let found = problems(dir.path(), &[]);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn a_ledger_rewritten_with_all_hashes_fails_against_a_head_kept_outside() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, _) = Store::open(dir.path(), &identity(), None).expect("opens");
    let head = store.commit_blocking(vec![record(1), record(2), record(3)], vec![], false).expect("committed");
    drop(store);
    std::fs::remove_dir_all(dir.path()).expect("removed");
    let (store, _) = Store::open(dir.path(), &identity(), None).expect("opens");
    let records = vec![record(1), record(2), record(3), record(4)];
    let rows = rows_of(&records);
    store.commit_blocking(records, rows, false).expect("committed");
    assert_eq!(problems(dir.path(), &[]), Vec::<String>::new());
    let found = problems(dir.path(), &outside(head));
    assert!(found.len() == 1 && found[0].contains("rewritten or replaced"), "{found:?}");
}

#[tokio::test(flavor = "current_thread")]
async fn signed_heads_are_compared_and_a_forged_one_shows() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, head) = full_ledger(dir.path());
    let signed = store.sign_head("local").await.expect("signed");
    assert_eq!(signed.head, head);
    assert!(signed.is_genuine());
    let file = dir.path().join("head.json");
    std::fs::write(&file, signed.to_json()).expect("written");
    let (code, out, _) = ledger(dir.path(), &["verify", "--head", file.to_str().expect("UTF-8")]);
    assert!(code == 0 && out.contains("signed by"), "{out}");

    let mut forged = signed.clone();
    forged.head.seq -= 1;
    std::fs::write(&file, forged.to_json()).expect("written");
    let (code, out, _) = ledger(dir.path(), &["verify", "--head", file.to_str().expect("UTF-8")]);
    assert!(code == 1 && out.contains("is not genuine"), "{out}");

    // The one the ledger keeps for a destination is checked without being asked for.
    drop(store);
    tamper(dir.path(), "DELETE FROM ledger WHERE seq > 100");
    let found = problems(dir.path(), &[]);
    assert!(found.len() == 1 && found[0].contains("the head signed for local"), "{found:?}");
}

#[test]
fn no_device_key_no_signature() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, _) = Store::open(dir.path(), &identity(), None).expect("opens");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let error = runtime.block_on(store.sign_head("local")).expect_err("no key");
    assert!(matches!(error, StoreError::NoDeviceKey), "{error}");
}

#[test]
fn an_erased_payload_leaves_the_chain_whole() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, head) = full_ledger(dir.path());
    drop(store);
    let digest = Reader::open(dir.path())
        .expect("opens")
        .entries(&Filter::default(), 49)
        .next()
        .expect("a record")
        .expect("readable")
        .digest()
        .expect("a digest");
    let hex = cabinetd::hex::hex(&digest);
    // The program's own path needs no dropped triggers: erasing is no edit of the chain.
    let conn = rusqlite::Connection::open(dir.path().join("ledger.db")).expect("opens");
    conn.execute_batch(&format!(
        "UPDATE ledger SET payload = NULL, salt = NULL, payload_state = 'erased', digest = x'{hex}' WHERE seq = 50"
    ))
    .expect("erased");
    conn.execute_batch("DELETE FROM ledger WHERE seq = 50").expect_err("the ledger is never shortened by mistake");
    conn.execute_batch("UPDATE ledger SET wall_ms = 0").expect_err("nor edited");
    drop(conn);
    assert_eq!(problems(dir.path(), &outside(head)), Vec::<String>::new());
    let database = dir.path().join("ledger.db");
    assert_eq!(python(&[database.to_str().expect("UTF-8"), "--head", &head.to_string()]).0, 0);
    let (_, out, _) = ledger(dir.path(), &["show"]);
    assert!(out.contains("what it said was erased"), "{out}");
    let (_, out, _) = ledger(dir.path(), &["verify"]);
    assert!(out.contains("1 records without payload"), "{out}");
    assert!(out.contains("Views: not compared with the records, since the payload of record 50 is erased."), "{out}");
}

#[test]
fn an_illegible_record_is_a_problem_and_not_the_end() {
    let dir = tempfile::tempdir().expect("a folder");
    drop(full_ledger(dir.path()));
    tamper(
        dir.path(),
        "UPDATE ledger SET hash = x'00' WHERE seq = 50; UPDATE ledger SET clock = 'sundial' WHERE seq = 60",
    );
    let found = problems(dir.path(), &[]);
    assert!(found.iter().any(|problem| problem.contains("record 50 cannot be read: its hash")), "{found:?}");
    assert!(found.iter().any(|problem| problem.contains("record 60 cannot be read: its clock")), "{found:?}");
    let (code, _, err) = ledger(dir.path(), &["show"]);
    assert!(code == 3 && err.contains("record 50") && err.contains("ledger verify"), "{err}");
}

#[test]
fn an_export_verifies_elsewhere_whole_and_in_part_and_shows_tampering() {
    let dir = tempfile::tempdir().expect("a folder");
    let (_store, head) = full_ledger(dir.path());
    let file = dir.path().join("export.jsonl");
    let path = file.to_str().expect("UTF-8");
    let (code, _, err) = ledger(dir.path(), &["export", "--format", "jsonl", "--out", path]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(
        python(&[path, "--head", &head.to_string()]),
        (0, format!("sound: {} records, head {head}\n", head.seq))
    );
    // The export is itself a head to compare with.
    assert_eq!(ledger(dir.path(), &["verify", "--head", path]).0, 0);

    let text = std::fs::read_to_string(&file).expect("readable");
    assert!(!text.contains("\"alarm\":\"duress\""), "duress is withheld");
    assert!(text.contains("\"state\":\"withheld\""));
    let (_, with_duress, _) = ledger(dir.path(), &["export", "--format", "jsonl", "--duress"]);
    assert!(with_duress.contains("\"alarm\":\"duress\""));

    std::fs::write(&file, text.replacen("\"reference\":\"WO-12\"", "\"reference\":\"WO-13\"", 1)).expect("written");
    assert_eq!(python(&[path]).0, 1);
    let mut lines: Vec<&str> = text.lines().collect();
    lines.remove(20);
    std::fs::write(&file, lines.join("\n")).expect("written");
    assert_eq!(python(&[path]).0, 1);
    assert_eq!(python(&[path, "--partial"]).0, 0);
    lines.swap(3, 4);
    std::fs::write(&file, lines.join("\n")).expect("written");
    assert_eq!(python(&[path, "--partial"]).0, 0, "each record still verifies by itself");
    assert_eq!(python(&[path]).0, 1);

    let (_, part, _) = ledger(dir.path(), &["export", "--format", "jsonl", "--kind", "taken"]);
    std::fs::write(&file, &part).expect("written");
    assert_eq!(python(&[path, "--partial"]).0, 0);
    assert!(part.contains("\"complete\":false"));
}

/// A day at the cabinet: people and keys with names, two units, a night in the dark.
fn a_day(state: &Path) -> Store {
    let (store, _) = Store::open(state, &identity(), None).expect("opens");
    let person = |id: &str, name: &str| User {
        id: id.into(),
        name: name.into(),
        role: Role::Staff,
        badge: None,
        login: None,
        groups: BTreeSet::new(),
        valid_from: None,
        valid_until: None,
        schedule: vec![],
        lone_emergency: false,
        revoked: false,
        pin: None,
    };
    let key = |id: &str, unit: &str, home: u16| Key {
        id: id.into(),
        label: format!("Unit {unit}"),
        building: "A".into(),
        unit: unit.into(),
        groups: BTreeSet::new(),
        home: SlotNo(home),
        tag: None,
        second_person: false,
    };
    let mut rows = vec![
        (View::User("ana".into()), Some(Row::User(person("ana", "Ana Ruiz")))),
        (View::User("bob".into()), Some(Row::User(person("bob", "Bob Day")))),
        (View::Key("k204".into()), Some(Row::Key(key("k204", "204", 7)))),
        (View::Key("k205".into()), Some(Row::Key(key("k205", "205", 8)))),
    ];
    let taken = |slot: u16, key: &str, who: &str, session: u64, purpose: &str| Fact::Taken {
        slot: SlotNo(slot),
        key: Some(key.into()),
        evidence: Some(Evidence::HomeSlot),
        session: Some(SessionId(session)),
        holder: Some(who.into()),
        reason: Reason::WorkOrder,
        reference: Some("8841".into()),
        purpose: Some(purpose.into()),
        entitled: true,
    };
    let returned = |slot: u16, key: &str, who: &str, session: u64| Fact::Returned {
        slot: SlotNo(slot),
        key: Some(key.into()),
        evidence: Some(Evidence::Tag),
        session: Some(SessionId(session)),
        by: Some(who.into()),
        candidates: vec![],
    };
    let dark = Dark { from: stamp(6000), boot: BootId(9), announced: false, asleep: None, lasted_ms: 7_200_000 };
    let session = |user: &str| Fact::SessionStarted {
        user: user.into(),
        vouched: false,
        clock_unverified: false,
        on_word: false,
    };
    let facts = vec![
        session("ana"),
        taken(7, "k204", "ana", 1, "=HYPERLINK(\"plumber\")"),
        session("bob"),
        taken(8, "k205", "bob", 3, "the painter"),
        Fact::AlarmRaised { alarm: Alarm::Overdue { key: "k204".into() }, number: None },
        Fact::AlarmRaised {
            alarm: Alarm::Duress { session: Some(SessionId(1)), user: "ana".into() },
            number: Some(AlarmId::silent(6)),
        },
        Fact::Started { version: "0.1.0".into(), dark: Some(dark) },
        returned(7, "k204", "bob", 3),
        Fact::AlarmCleared { alarm: AlarmId(5), why: Cleared::Resolved, name: None },
        Fact::AlarmAcknowledged { alarm: AlarmId::silent(6) },
    ];
    let records = facts.into_iter().zip(1..).map(|(fact, seq)| {
        let stamp =
            Stamp { clock: if seq < 7 { ClockQuality::Synced } else { ClockQuality::Restored }, ..stamp(seq * 1000) };
        Record { seq, stamp, by: Origin::cabinet(), fact }
    });
    let records: Vec<Record> = records.collect();
    rows.extend(rows_of(&records));
    store.commit_blocking(records, rows, false).expect("committed");
    store
}

fn numbers(out: &str) -> Vec<u64> {
    let records = out.lines().filter(|line| !line.starts_with('~'));
    records.map(|line| line.split_whitespace().next().expect("a number").parse().expect("a number")).collect()
}

#[test]
fn the_log_of_a_unit_has_its_issues_and_returns_and_the_dark() {
    let dir = tempfile::tempdir().expect("a folder");
    let _store = a_day(dir.path());
    let (code, out, err) = ledger(dir.path(), &["show", "--unit", "204"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(numbers(&out), [2, 5, 7, 8, 9], "{out}");
    assert!(out.contains("Unit 204 was taken from slot 7 by Ana Ruiz (ana) for a work order (8841)"), "{out}");
    assert!(out.contains("Unit 204 was returned to slot 7 by Bob Day (bob) (tag scanned, session 3)."), "{out}");
    assert!(out.contains("Nobody saw the cabinet for at least 2 h before"), "{out}");
    let returned = out.lines().find(|line| line.contains("was returned")).expect("a return");
    assert!(returned.starts_with("     8 ~2026"), "{returned}");
    let taken = out.lines().find(|line| line.contains("was taken")).expect("a pull");
    assert!(taken.starts_with("     2  2026"), "{taken}");
    assert_eq!(out.matches("was not verified").count(), 1, "said once: {out}");
    assert!(out.ends_with("The order of the records holds.\n"), "{out}");
}

#[test]
fn each_filter_narrows() {
    let dir = tempfile::tempdir().expect("a folder");
    let _store = a_day(dir.path());
    let show = |words: &[&str]| {
        let mut all = vec!["show"];
        all.extend(words);
        numbers(&ledger(dir.path(), &all).1)
    };
    assert_eq!(show(&[]), [1, 2, 3, 4, 5, 7, 8, 9], "duress and its acknowledgement are hidden");
    assert_eq!(show(&["--duress"]), (1..=10).collect::<Vec<_>>());
    assert_eq!(show(&["--key", "unit 205"]), [4, 7]);
    assert_eq!(show(&["--key", "k205", "--kind", "taken"]), [4]);
    assert_eq!(show(&["--user", "bob"]), [3, 4, 8]);
    assert_eq!(show(&["--user", "Ana Ruiz"]), [1, 2]);
    assert_eq!(show(&["--user", "Ana Ruiz", "--duress"]), [1, 2, 6, 10]);
    assert_eq!(show(&["--session", "3"]), [3, 4, 8]);
    assert_eq!(show(&["--kind", "taken", "--kind", "returned"]), [2, 4, 8]);
    assert_eq!(show(&["--last", "2"]), [8, 9]);
    assert_eq!(show(&["--last", "1", "--user", "ana"]), [2]);
    assert_eq!(show(&["--since", "2026-01-01T00:00:05Z", "--until", "2026-01-01T00:00:08Z"]), [5, 7]);
}

#[test]
fn nothing_found_says_why_and_what_to_do() {
    let dir = tempfile::tempdir().expect("a folder");
    let empty = tempfile::tempdir().expect("a folder");
    drop(Store::open(empty.path(), &identity(), None).expect("opens"));
    let (code, out, err) = ledger(empty.path(), &["show"]);
    assert!(code == 0 && out.is_empty() && err.contains("nothing has been recorded yet"), "{err}");

    let _store = a_day(dir.path());
    let (code, _, err) = ledger(dir.path(), &["show", "--user", "bob", "--key", "k204", "--kind", "taken"]);
    assert!(code == 0 && err.contains("No record matches"), "{err}");
    for (words, said) in [
        (["--user", "nobody"], "nobody is called \"nobody\", in the roster or in the records; `cabinetd key list`"),
        (["--kind", "take"], "there are no records of kind \"take\"; did you mean taken"),
        (["--kind", "alarm"], "or alarm-raised"),
        (["--kind", "session-start"], "did you mean session-started or "),
        (["--kind", "xyz"], "the kinds are started, stopped, "),
        (["--user", "anna"], "did you mean ana?"),
        (["--key", "nokey"], "no key is called \"nokey\""),
        (["--key", "K206"], "did you mean k204?"),
        (["--unit", "Unit 204"], "did you mean 204?"),
        (["--unit", "room 205"], "did you mean 205?"),
        (["--unit", "20"], "did you mean 204?"),
        (["--session", "9999"], "there is no session 9999"),
        (["--session", "9999"], "did you mean 3?"),
        (["--session", "2"], "did you mean 1?"),
    ] {
        let (code, out, err) = ledger(dir.path(), &[&["show"][..], &words].concat());
        assert!(code == 2 && out.is_empty() && err.contains(said), "{words:?}: {err}");
    }
    let (code, _, err) = ledger(dir.path(), &["show", "--unit", "999"]);
    assert!(code == 2 && err.contains("--key ID"), "{err}");
    let (code, _, err) = ledger(dir.path(), &["show", "--since", "yesterday-ish"]);
    assert!(code == 2 && err.contains("is no time"), "{err}");
    let (code, _, err) = ledger(dir.path(), &["verify", "--head", "1:2:abc"]);
    assert!(code == 2 && err.contains("epoch:seq:hash"), "{err}");
    let (code, _, err) = ledger(&dir.path().join("nowhere"), &["show"]);
    assert!(code == 3 && err.contains("there is no ledger") && err.contains("--state-dir"), "{err}");
    let foreign = dir.path().join("foreign");
    std::fs::create_dir(&foreign).expect("a folder");
    std::fs::write(foreign.join("ledger.db"), "hello, this is not a database at all").expect("written");
    let (code, _, err) = ledger(&foreign, &["show"]);
    assert!(code == 3 && err.contains("not a ledger"), "{err}");
}

#[test]
fn the_table_and_the_json_lines_say_the_same() {
    let dir = tempfile::tempdir().expect("a folder");
    let _store = a_day(dir.path());
    let file = dir.path().join("log.csv");
    std::fs::write(&file, "a former export").expect("written");
    let (code, _, err) = ledger(dir.path(), &["export", "--format", "csv", "--out", file.to_str().expect("UTF-8")]);
    assert!(code == 4 && err.contains("log.csv") && err.contains("--force"), "{err}");
    assert_eq!(std::fs::read_to_string(&file).expect("readable"), "a former export");
    let words = ["export", "--format", "csv", "--unit", "204", "--force", "--out", file.to_str().expect("UTF-8")];
    let (code, _, err) = ledger(dir.path(), &words);
    assert!(code == 0 && err.contains("5 records written"), "{err}");
    let mut table = csv::Reader::from_path(&file).expect("a table");
    let columns = table.headers().expect("a first line").clone();
    let rows: Vec<csv::StringRecord> = table.records().collect::<Result<_, _>>().expect("rows");
    let cell = |row: usize, name: &str| {
        rows[row][columns.iter().position(|column| column == name).expect("the column")].to_owned()
    };
    assert_eq!(rows.len(), 5);
    assert_eq!(cell(0, "seq"), "2");
    assert_eq!(cell(0, "units"), "204");
    assert_eq!(cell(0, "people"), "ana");
    assert_eq!(cell(0, "reason"), "work-order");
    assert_eq!(cell(0, "reference"), "8841");
    assert_eq!(cell(0, "purpose"), "'=HYPERLINK(\"plumber\")", "no formula for the spreadsheet");
    assert_eq!(cell(0, "clock"), "synced");
    assert_eq!(cell(3, "evidence"), "tag");
    assert!(cell(2, "what").contains("Nobody saw the cabinet"));

    let (_, out, _) = ledger(dir.path(), &["show", "--json", "--unit", "204"]);
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 5);
    assert_eq!(lines[0]["fact"]["holder"], "ana");
    assert_eq!(lines[0]["sentence"], cell(0, "what"));
    assert_eq!(lines[3]["clock"], "restored");

    let missing = dir.path().join("no/such/folder/log.csv");
    let (code, _, err) = ledger(dir.path(), &["export", "--format", "csv", "--out", missing.to_str().expect("UTF-8")]);
    assert!(code == 4 && err.contains("cannot write") && err.contains("no/such/folder/log.csv"), "{err}");
    let folder = dir.path().to_str().expect("UTF-8");
    let (code, _, err) = ledger(dir.path(), &["export", "--format", "csv", "--force", "--out", folder]);
    assert!(code == 4 && err.contains("no plain file"), "{err}");
}

#[test]
fn a_damaged_database_is_called_damaged_and_does_not_verify() {
    let dir = tempfile::tempdir().expect("a folder");
    drop(a_day(dir.path()));
    let path = dir.path().join("ledger.db");
    let healthy = std::fs::read(&path).expect("readable");
    let damage = |from: usize, until: usize| {
        let mut bytes = healthy.clone();
        bytes[from..until].fill(0x5a);
        std::fs::write(&path, bytes).expect("written");
        std::fs::remove_file(dir.path().join("ledger.db-wal")).ok();
    };
    // The first page behind its header, where the schema is; then everything behind it.
    for (from, until) in [(100, 1024), (1024, healthy.len())] {
        damage(from, until);
        let (code, _, err) = ledger(dir.path(), &["show"]);
        assert!(code == 3 && err.contains("damaged") && err.contains("keep a copy"), "{from}: {code} {err}");
        assert!(!err.contains("as root"), "{err}");
        let (code, _, err) = ledger(dir.path(), &["verify"]);
        assert!(code == 1 || code == 3, "{from}: {code} {err}");
    }
    damage(0, 16);
    let (code, _, err) = ledger(dir.path(), &["show"]);
    assert!(code == 3 && err.contains("its beginning is damaged; keep a copy"), "{err}");
}

#[test]
fn the_log_of_a_key_or_person_shows_only_their_part_of_a_change_of_the_roster() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = a_day(dir.path());
    let difference = vec![
        Difference::UserAdded("bob".into()),
        Difference::KeyAdded("k204".into()),
        Difference::KeyAdded("k205".into()),
    ];
    let fact = Fact::RosterChanged {
        source: "roster.toml".into(),
        hash: None,
        version: 2,
        replace: true,
        difference,
        signed: None,
        rises: vec![],
    };
    let records = vec![Record { fact, ..record(11) }];
    store.commit_blocking(records, vec![], false).expect("committed");
    let (_, out, _) = ledger(dir.path(), &["show", "--unit", "204", "--last", "1"]);
    assert!(out.contains("[+ key k204] (2 more of it not shown.)") && !out.contains("bob"), "{out}");
    let (_, out, _) = ledger(dir.path(), &["export", "--format", "csv", "--user", "bob", "--kind", "roster-changed"]);
    assert!(out.contains("bob") && !out.contains("k204") && !out.contains("k205"), "{out}");
    let (_, out, _) = ledger(dir.path(), &["show", "--last", "1"]);
    assert!(out.contains("k205") && !out.contains("not shown"), "{out}");
}

#[test]
fn the_sql_views_are_there_for_people() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, _) = Store::open(dir.path(), &identity(), None).expect("opens");
    let alarm = |id: u64, alarm| {
        let id = AlarmId(id);
        let row = cabinetd::cabinet::books::OpenAlarm { id, alarm, raised: stamp(0), acknowledged: None };
        (View::Alarm(id), Some(Row::Alarm(row)))
    };
    let holding = cabinetd::cabinet::books::Custody::Out(cabinetd::cabinet::books::Holding {
        holder: "ana".into(),
        session: SessionId(1),
        slot: SlotNo(7),
        since: stamp(0),
        seq: 1,
        reason: Reason::Showing,
        reference: None,
        purpose: None,
    });
    let rows = vec![
        (View::Slot(SlotNo(7)), Some(ledger_samples::slot(1))),
        (View::Custody("204".into()), Some(Row::Custody(holding))),
        alarm(3, Alarm::Tampered),
        alarm(4, Alarm::Duress { session: Some(SessionId(1)), user: "ana".into() }),
    ];
    store.commit_blocking(vec![record(1)], rows, false).expect("committed");
    let conn = rusqlite::Connection::open(dir.path().join("ledger.db")).expect("opens");
    let one = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, String>(0)).expect("one row");
    assert_eq!(one("SELECT slot || present || since_utc FROM slots"), "7empty2026-01-01 00:00:01");
    assert_eq!(one("SELECT key || is_ || holder || reason FROM custody"), "204outanashowing");
    assert_eq!(one("SELECT group_concat(alarm || what) FROM alarms"), "3tampered");
}

#[test]
fn following_shows_what_comes_and_ends_on_ctrl_c() {
    use std::io::BufRead as _;
    let dir = tempfile::tempdir().expect("a folder");
    let (store, _) = Store::open(dir.path(), &identity(), None).expect("opens");
    store.commit_blocking(vec![record(1)], vec![], false).expect("committed");
    // A shell's background job has Ctrl-C ignored, and so would its children.
    let mut child = Command::new("env")
        .args(["--default-signal=INT", env!("CARGO_BIN_EXE_cabinetd")])
        .args(["ledger", "show", "--follow", "--kind", "taken", "--state-dir"])
        .arg(dir.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("starts");
    let mut lines = std::io::BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut next = || lines.next().expect("a line").expect("readable");
    assert!(next().trim_start().starts_with("1 "));
    for seq in 2..=3 {
        store.commit_blocking(vec![record(seq)], vec![], false).expect("committed");
        assert!(next().trim_start().starts_with(&format!("{seq} ")));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("sent");
    assert!(lines.next().is_none(), "nothing more");
    child.wait().expect("ended");
}

#[test]
fn without_a_config_the_exit_code_is_not_that_of_a_broken_ledger() {
    let dir = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_cabinetd"))
        .args(["ledger", "verify"])
        .env("CABINETD_DIR", dir.path())
        .output()
        .expect("runs");
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--state-dir"));
}

#[test]
fn an_export_is_its_owners_alone_and_every_kind_is_known() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().expect("a folder");
    let _store = a_day(dir.path());
    let file = dir.path().join("log.csv");
    // What a killed one left must not lend its mode.
    std::fs::write(dir.path().join("log.csv.part"), "half").expect("written");
    let (code, _, err) = ledger(dir.path(), &["export", "--format", "csv", "--out", file.to_str().expect("UTF-8")]);
    let mode = file.metadata().expect("it is there").permissions().mode() & 0o777;
    assert_eq!((code, mode), (0, 0o600), "{err}");

    let full = tempfile::tempdir().expect("a folder");
    let (_store, _) = full_ledger(full.path());
    for kind in Reader::open(full.path()).expect("opens").kinds().expect("can be read") {
        assert_eq!(ledger(dir.path(), &["show", "--kind", &kind]).0, 0, "{kind}");
    }
}
