use super::*;
use crate::cabinet::books::Books;
use crate::cabinet::event::StoreState;
use crate::cabinet::outcome::Denial;
use crate::cabinet::settings::Settings;
use crate::cabinet::types::{BootId, Civil, ClockQuality, Mono, Now, Wall};
use crate::io::control::SOCKET_NAME;
use crate::io::control::wire::{Reply, Request, Response, VERSION};
use clap::{CommandFactory as _, Parser};
use std::io::{BufRead as _, BufReader};
use std::os::unix::net::UnixListener;

#[derive(Parser, Debug)]
struct Line {
    #[command(subcommand)]
    command: LiveCommand,
}

fn parse(line: &[&str]) -> Result<LiveCommand, clap::Error> {
    Line::try_parse_from([&["cabinetd"], line].concat()).map(|line| line.command)
}

/// Runs a command against no daemon, or against one that says `reply` once: exit code, output, complaints, what was asked.
fn told(line: &[&str], reply: Option<Reply>) -> (u8, String, String, Option<Ask>) {
    let dir = tempfile::tempdir().unwrap();
    let daemon = reply.map(|reply| {
        let listener = UnixListener::bind(dir.path().join(SOCKET_NAME)).unwrap();
        std::thread::spawn(move || {
            let mut stream = BufReader::new(listener.accept().unwrap().0);
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            let request: Request = serde_json::from_str(&line).unwrap();
            let response = Response { v: VERSION, request: Some(request.request), reply };
            writeln!(stream.get_mut(), "{}", serde_json::to_string(&response).unwrap()).unwrap();
            request.ask
        })
    });
    let place = Place { run_dir: dir.path().into(), time_zone: Some("UTC".into()) };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = run_with(parse(line).unwrap(), &place, &mut Ends { out: &mut out, err: &mut err, is_terminal: false });
    let asked = daemon.map(|daemon| daemon.join().unwrap());
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap(), asked)
}

fn seen() -> Snapshot {
    let now =
        Now { mono: Mono(0), wall: Wall(0), clock: ClockQuality::Synced, civil: Civil::default(), boot: BootId(1) };
    Snapshot::of(&Books::from_rows(1, Vec::new()), &Settings::plain(24, 6), now, StoreState::Writable)
}

fn done() -> Reply {
    Reply::Answer(Answer::Done { text: "Door 1 is open to you.".into(), seq: 7 })
}

#[test]
fn the_whole_tree_is_sound() {
    Line::command().debug_assert();
}

#[test]
fn a_pull_as_in_the_readme() {
    let line =
        ["pull", "--key", "Unit 204", "--key", "7", "--reason", "work-order", "--ref", "8841", "--for", "plumber"];
    let (code, out, err, asked) = told(&line, Some(done()));
    assert_eq!((code, out.as_str(), err.as_str()), (0, "Door 1 is open to you.\n", ""));
    let wanted = Ask::Pull {
        keys: vec!["Unit 204".into(), "7".into()],
        reason: Reason::WorkOrder,
        reference: Some("8841".into()),
        purpose: Some("plumber".into()),
        alone: false,
    };
    assert_eq!(asked, Some(wanted));
}

#[test]
fn every_command_asks_for_what_it_says() {
    let asked = |line: &[&str]| told(line, Some(done())).3.unwrap();
    assert_eq!(asked(&["return"]), Ask::Return { keys: vec![] });
    assert_eq!(asked(&["return", "--key", "7"]), Ask::Return { keys: vec!["7".into()] });
    assert_eq!(asked(&["cancel"]), Ask::Cancel);
    assert_eq!(asked(&["declare", "--slot", "9", "--key", "7"]), Ask::Declare { slot: SlotNo(9), key: "7".into() });
    assert_eq!(asked(&["alarm", "ack", "31"]), Ask::AlarmAcknowledge { alarm: AlarmId(31) });
    let countersign = ["alarm", "countersign", "31", "--by", "maria"];
    assert_eq!(asked(&countersign), Ask::Countersign { alarm: AlarmId(31), by: "maria".into() });
    assert_eq!(asked(&["open", "--cancel"]), Ask::CallOff);
    let open = ["open", "--for", "ana", "--reason", "badge at home"];
    assert_eq!(asked(&open), Ask::Open { user: "ana".into(), door: None, why: "badge at home".into() });
    for (line, ask) in [("status", Ask::Status), ("keymap", Ask::Keymap)] {
        let (code, out, _, asked) = told(&[line], Some(Reply::Snapshot(Box::new(seen()))));
        assert_eq!((code, asked), (0, Some(ask)));
        assert!(out.starts_with("cabinet-1, site: as of "), "{out}");
    }
}

#[test]
fn a_refusal_is_exit_code_1_and_a_right_that_lacks_5() {
    let refused = || Some(Reply::Answer(Answer::Refused(Denial::NobodyIdentified)));
    let (code, out, err, _) = told(&["cancel"], refused());
    assert_eq!((code, out.as_str()), (1, ""));
    assert_eq!(err, "cabinetd: refused: nobody is identified at the cabinet: badge and PIN first\n");
    let (code, out, err, _) = told(&["cancel", "--json"], refused());
    assert_eq!((code, out.as_str(), err.as_str()), (1, "{\"refused\":{\"why\":\"nobody-identified\"}}\n", ""));
    let role = Reply::Error { code: ErrorCode::RoleNeeded, text: "not you".into() };
    let (code, _, err, _) = told(&["keymap"], Some(role));
    assert_eq!((code, err.as_str()), (5, "cabinetd: not you\n"));
    let role = Reply::Answer(Answer::Refused(Denial::RoleNeeded { role: crate::cabinet::types::Role::Staff }));
    let (code, _, err, _) = told(&["cancel"], Some(role));
    assert!(code == 5 && err.contains("this needs the role staff"), "{code} {err}");
}

#[test]
fn no_daemon_is_exit_code_4_with_the_remedy() {
    let (code, out, err, _) = told(&["status"], None);
    assert_eq!((code, out.as_str()), (4, ""));
    assert!(err.contains("systemctl status cabinetd"), "{err}");
    let (code, out, _, _) = told(&["status", "--json"], None);
    assert_eq!(code, 4);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(json["error"]["text"].as_str().unwrap().contains("no cabinetd answers"));
    let busy = Reply::Error { code: ErrorCode::Busy, text: "try again".into() };
    assert_eq!(told(&["cancel"], Some(busy)).0, 4);
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let wrong: [&[&str]; 10] = [
        &["open"],
        &["open", "--for", "ana"],
        &["open", "--for", "ana", "--cancel"],
        &["pull", "--key", "7"],
        &["pull", "--reason", "showing"],
        &["pull", "--key", "7", "--reason", "unstated"],
        &["pull", "--key", "7", "--reason", "because"],
        &["declare", "--slot", "nine", "--key", "7"],
        &["alarm", "ack"],
        &["alarm", "countersign", "31"],
    ];
    for line in wrong {
        assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line:?}");
    }
}

#[test]
fn json_is_one_value_and_follow_one_a_line() {
    let reply = || Some(Reply::Snapshot(Box::new(seen())));
    let (_, out, _, _) = told(&["keymap", "--json"], reply());
    assert_eq!(serde_json::from_str::<Snapshot>(&out).unwrap(), seen());
    assert_eq!(told(&["alarm", "list", "--json"], reply()).1, "[]\n");
    let (code, out, err, asked) = told(&["status", "--follow", "--json"], reply());
    assert_eq!((code, asked), (4, Some(Ask::Follow)), "the daemon went away");
    assert_eq!(serde_json::from_str::<Snapshot>(out.lines().next().unwrap()).unwrap(), seen());
    assert!(err.contains("connection to cabinetd was lost"), "{err}");
}

#[test]
fn colours_are_asked_for_or_absent() {
    let reply = || Some(Reply::Snapshot(Box::new(seen())));
    assert!(!told(&["keymap"], reply()).1.contains('\u{1b}'), "not a terminal");
    assert!(told(&["keymap", "--color", "always"], reply()).1.contains('\u{1b}'));
}

/// A line of help that is longer than clap's breaks in the middle.
#[test]
fn what_help_says_at_its_end_fits_its_width() {
    for command in Line::command().get_subcommands() {
        let said = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let long: Vec<&str> = said.lines().filter(|line| line.chars().count() > 100).collect();
        assert!(long.is_empty(), "{}: {long:#?}", command.get_name());
    }
}
