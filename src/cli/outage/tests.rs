use super::*;
use crate::cabinet::books::{Books, SupplyState};
use crate::cabinet::event::StoreState;
use crate::cabinet::outage::{Elapsed, Signs};
use crate::cabinet::outcome::{Answer, Denial};
use crate::cabinet::power::state::{DrillEnd, OutageId, Seen, Sight};
use crate::cabinet::power::{
    DrillView, LastDrillView, LastOutageView, Method, ModeWord, OutageView, PowerView, ProofView, Supply, UpsFigures,
    UpsSilence,
};
use crate::cabinet::settings::Settings;
use crate::cabinet::snapshot::Snapshot;
use crate::cabinet::types::{BootId, Now, Wall};
use crate::io::control::SOCKET_NAME;
use crate::io::control::wire::{Reply, Request, Response, VERSION};
use clap::{CommandFactory as _, Parser};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixListener;

const HOUR_MS: u64 = 3_600_000;

#[derive(Parser, Debug)]
struct Line {
    #[command(flatten)]
    outage: OutageArgs,
}

/// Runs a command against a daemon that says this once: exit code, output, complaints, what was asked.
fn told(line: &[&str], reply: Reply) -> (u8, String, String, Ask) {
    let dir = tempfile::tempdir().expect("a folder");
    let listener = UnixListener::bind(dir.path().join(SOCKET_NAME)).expect("a socket");
    let daemon = std::thread::spawn(move || {
        let mut stream = BufReader::new(listener.accept().expect("somebody comes").0);
        let mut line = String::new();
        stream.read_line(&mut line).expect("a line");
        let request: Request = serde_json::from_str(&line).expect("the language of the socket");
        let response = Response { v: VERSION, request: Some(request.request), reply };
        writeln!(stream.get_mut(), "{}", serde_json::to_string(&response).expect("plain data")).expect("it listens");
        request.ask
    });
    let (code, out, err) = run_at(line, dir.path());
    (code, out, err, daemon.join().expect("no panic"))
}

fn run_at(line: &[&str], run_dir: &Path) -> (u8, String, String) {
    let parsed = Line::try_parse_from([&["outage"], line].concat()).expect("it parses").outage;
    let place = Place { run_dir: run_dir.into(), time_zone: Some("UTC".into()) };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut ends = Ends { out: &mut out, err: &mut err, is_terminal: false };
    let command = parsed.command.unwrap_or(OutageCommand::Status { output: parsed.output });
    let code = speak(command, &place, &mut ends);
    (code, String::from_utf8(out).expect("UTF-8"), String::from_utf8(err).expect("UTF-8"))
}

fn done() -> Reply {
    Reply::Answer(Answer::Done { text: "noted".into(), seq: 7 })
}

fn power() -> PowerView {
    PowerView {
        mode: ModeWord::Line,
        method: None,
        for_ms: 0,
        sentence: "On mains.".into(),
        energy_mwh: 60_000,
        full_mwh: 81_000,
        measured: false,
        awake_ms: 2 * HOUR_MS,
        asleep_ms: None,
        pulls_left: 120,
        deepest: Method::UpsOff,
        configured: Method::UpsOff,
        proofs: Vec::new(),
        outage: None,
        last_outage: None,
        drill: None,
        last_drill: None,
        next: None,
    }
}

fn outage() -> OutageView {
    OutageView {
        id: OutageId(204),
        started: Wall(0),
        elapsed: Elapsed::exactly(2 * HOUR_MS),
        total_ms: 4 * HOUR_MS + 60_000,
        r80_ms: 5 * HOUR_MS,
        r95_ms: 29 * HOUR_MS,
        need_mwh: 30_000,
        requests: 31,
        flaps: 1,
        sessions: 3,
        sleeps: 2,
        spent_mwh: 21_000,
        storm: false,
        stated_end_ms: None,
        signs: Signs::default(),
        own_outages: 0,
        drill: false,
    }
}

/// What `cabinetd outage` says of this, without its line breaks.
fn said(power: Option<PowerView>) -> String {
    said_at(crate::io::clock::Clock::new(None).expect("a boot id").now(), power)
}

fn said_at(now: Now, power: Option<PowerView>) -> String {
    let books = Books::from_rows(1, Vec::new());
    let seen = Snapshot { power, ..Snapshot::of(&books, &Settings::plain(24, 6), now, StoreState::Writable) };
    let (code, out, err, asked) = told(&[], Reply::Snapshot(Box::new(seen)));
    assert_eq!((code, err.as_str(), asked), (0, "", Ask::Status));
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_whole_tree_is_sound() {
    Line::command().debug_assert();
}

#[test]
fn every_command_asks_for_what_it_says() {
    let asked = |line: &[&str]| told(line, done()).3;
    assert_eq!(asked(&["eta", "2h30m"]), Ask::TellOutage(Told::EndsIn { ms: 9_000_000 }));
    assert_eq!(asked(&["eta", "none"]), Ask::TellOutage(Told::NothingStated));
    assert_eq!(asked(&["storm", "on"]), Ask::TellOutage(Told::Storm { is: true }));
    assert_eq!(asked(&["storm", "off"]), Ask::TellOutage(Told::Storm { is: false }));
    assert!(matches!(asked(&["eta", "18:30"]), Ask::TellOutage(Told::EndsIn { ms }) if ms <= 24 * HOUR_MS));
    let (code, out, err, _) = told(&["eta", "1h"], Reply::Answer(Answer::Refused(Denial::NoOutage)));
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("cabinetd outage storm"), "{err}");
}

#[test]
fn nonsense_never_reaches_the_daemon() {
    let dir = tempfile::tempdir().expect("a folder");
    let (code, out, err) = run_at(&["eta", "later"], dir.path());
    assert_eq!((code, out.as_str()), (USAGE, ""));
    assert!(err.contains("write how long yet"), "{err}");
    assert_eq!(run_at(&["eta", "1h"], dir.path()).0, live::NO_ANSWER, "that one is asked, and nobody answers");
}

/// Every field that scripts may read is in the docs.
#[test]
fn the_fields_of_power_are_documented() {
    fn fields(value: &serde_json::Value, found: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(object) => {
                for (name, value) in object {
                    found.push(name.clone());
                    fields(value, found);
                }
            }
            serde_json::Value::Array(list) => list.iter().for_each(|value| fields(value, found)),
            _ => {}
        }
    }
    let drill = DrillView {
        id: 300,
        for_ms: 1,
        deep: false,
        proving: None,
        seen: vec![Seen { what: Sight::Load, figure: 9_000 }],
        proved: vec![ProofView { method: Method::Standby, ready_ms: 4, by_stopwatch: false, ago_ms: 1 }],
        failed: Vec::new(),
        measured_mwh: None,
    };
    let whole = PowerView {
        proofs: drill.proved.clone(),
        outage: Some(outage()),
        last_outage: Some(LastOutageView { id: OutageId(1), lasted: Elapsed::exactly(1), ended: Wall(0), ago_ms: 1 }),
        last_drill: Some(LastDrillView { drill: drill.clone(), how: DrillEnd::Finished, ago_ms: 1 }),
        drill: Some(drill),
        ..power()
    };
    let mut found = Vec::new();
    fields(&serde_json::to_value(&whole).expect("plain data"), &mut found);
    let docs = include_str!("../../../docs/json-output.md");
    let missing: Vec<&String> = found.iter().filter(|name| !docs.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "docs/json-output.md lacks {missing:?}");
}

#[test]
fn while_mains_is_watched_nothing_is_expected() {
    let text = said(Some(PowerView { mode: ModeWord::Restoring, outage: Some(outage()), ..power() }));
    assert!(
        text.contains(
            "Mains is back, and has to stay for some minutes; the outage (since 1970-01-01 00:00) lasted 2 h."
        ),
        "{text}"
    );
    assert!(!text.contains("Expected") && !text.contains("Budget"), "{text}");
}

#[test]
fn of_a_silent_ups_it_does_not_say_that_mains_is_there() {
    let now = crate::io::clock::Clock::new(None).expect("a boot id").now();
    let silent = SupplyState {
        supply: Supply::Unreachable(UpsSilence::TimedOut),
        since: now.stamp(),
        figures: UpsFigures::default(),
    };
    let mut books = Books::from_rows(1, Vec::new());
    books.supply = Some(silent);
    let said = |power| {
        let seen = Snapshot::of(&books, &Settings::plain(24, 6), now, StoreState::Writable);
        let (code, out, ..) = told(&[], Reply::Snapshot(Box::new(Snapshot { power: Some(power), ..seen })));
        (code, out.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    let (_, text) = said(PowerView { outage: Some(outage()), ..power() });
    assert!(
        text.contains("The UPS does not answer") && text.contains("whether mains is there is not known."),
        "{text}"
    );
    let (code, text) = said(power());
    assert!(code == 0 && text.contains("whether mains is there is not known. No outage is open."), "{text}");
    assert!(text.starts_with("The UPS does not answer") && !text.contains("On mains"), "{text}");
}

#[test]
fn on_mains_it_tells_of_the_last_outage() {
    assert!(said(None).contains("No UPS is watched"));
    assert!(said(Some(power())).contains("No outage of two minutes or more was recorded so far"));
    let last = LastOutageView {
        id: OutageId(204),
        lasted: Elapsed::exactly(3 * HOUR_MS),
        ended: Wall(-7_200_000),
        ago_ms: 2 * HOUR_MS,
    };
    let text = said(Some(PowerView { last_outage: Some(last), ..power() }));
    for told in ["On mains; no outage is open", "lasted 3 h and was over", "cabinetd outage report 204"] {
        assert!(text.contains(told), "{text}");
    }
}

#[test]
fn in_an_outage_it_says_what_is_expected_and_why() {
    let with = |change: fn(&mut OutageView)| {
        let mut open = outage();
        change(&mut open);
        said(Some(PowerView { mode: ModeWord::Conserve, outage: Some(open), ..power() }))
    };
    let text = with(|_| {});
    for told in [
        "Mains has been out for 2 h (since ",
        "4 h 00 min in all, as likely less as more. In 1 of 5 such outages it takes another 5 h 00 min or more, in 1 of 20 another 1 d 5 h",
        "31 visits are expected if it takes another 1 d 5 h. Asleep in between they need 30.0 Wh; that is there.",
        "3 visits, 2 sleeps, 21.0 Wh spent, mains came and went once",
        "cabinetd outage eta",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert!(with(|open| open.own_outages = 4).contains("the last 4 of this site"));
    assert!(with(|open| open.signs.storm = true).contains("a storm was told"));
    assert!(with(|open| open.signs.silent = true).contains("no time within the first hour"));
    assert!(with(|open| open.signs.pushed_back = true).contains("moved its time"));
    assert!(with(|open| open.stated_end_ms = Some(7_200_000)).contains("shorten nothing"));
    assert!(with(|open| open.stated_end_ms = Some(-600_000)).contains("passed 10 min ago"));
    assert!(
        with(|open| (open.stated_end_ms, open.signs.stated_long) = (Some(40_000_000), true))
            .contains("believed in part")
    );
    assert!(with(|open| open.drill = true).contains("This is a drill"));
    // The daemon tells it seldom while it sleeps: what it told goes on.
    let told = crate::io::clock::Clock::new(None).expect("a boot id").now();
    let before = Now { boot: BootId(1), wall: Wall(told.wall.0 - 45 * 60_000), ..told };
    let late = said_at(before, Some(PowerView { mode: ModeWord::Asleep, outage: Some(outage()), ..power() }));
    assert!(late.contains("Mains has been out for 2 h 45 min"), "{late}");
    assert!(late.contains("On mains. That was 45 min ago."), "{late}");
    assert!(with(|open| open.need_mwh = 90_000).contains("there are 60.0 Wh"));
    assert!(
        with(|open| open.elapsed.most_ms = 99 * HOUR_MS)
            .contains("at least 2 h; the clock was lost, so up to 4 d 3 h is reckoned with")
    );
}

/// A kind that is misspelt would silently be left out.
#[test]
fn every_kind_that_a_report_reads_exists() {
    let docs_of_facts = include_str!("../../cabinet/fact.rs");
    let variant = |kind: &str| -> String {
        let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
        kind.split('-').map(capital).collect()
    };
    for kind in timeline::KINDS {
        assert!(docs_of_facts.contains(&format!("    {} {{", variant(kind))), "{kind}");
    }
}
