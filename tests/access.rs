//! The roster commands against the real control socket, with the least of a daemon behind it: roster, hashing, nothing else.

use cabinetd::cabinet::books::Books;
use cabinetd::cabinet::event::{Ask, Event, StoreState};
use cabinetd::cabinet::outcome::{Answer, PinVerdict};
use cabinetd::cabinet::roster::Roster;
use cabinetd::cabinet::settings::Settings;
use cabinetd::cabinet::snapshot::Snapshot;
use cabinetd::cabinet::types::{BootId, Civil, ClockQuality, Mono, Now, Pin, SlotNo, UserId, Wall};
use cabinetd::cli::desk::{Desk, Failure, PinSource, Socket};
use cabinetd::cli::roster::RosterCommand;
use cabinetd::cli::user::UserCommand;
use cabinetd::io::control::{Inbound, Listener, LocalAsk, Ports, Setup, Unhashed};
use cabinetd::io::credentials::pin::set_pin;
use cabinetd::io::credentials::{Pepper, check_pin};
use cabinetd::io::roster_file::Format;
use jiff::tz::TimeZone;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::thread;
use tokio::sync::{mpsc, oneshot, watch};

struct NobodyTypes;

impl PinSource for NobodyTypes {
    fn agrees(&mut self, _: &str) -> Option<bool> {
        None
    }

    fn read(&mut self, _: &str) -> Result<Pin, String> {
        Err("nothing was typed".to_owned())
    }
}

/// Runs a command as the command line would, and says what it printed.
fn run(run_dir: &Path, command: impl FnOnce(&mut Desk<'_>) -> ExitCode) -> (ExitCode, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut cabinet = Socket::new(run_dir.to_owned());
    let mut desk =
        Desk { cabinet: &mut cabinet, pins: &mut NobodyTypes, zone: TimeZone::UTC, out: &mut out, err: &mut err };
    let code = command(&mut desk);
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

/// Serves until `stop` is dropped. The roster is shared so that the test can look at it.
fn serve(run_dir: PathBuf, shared: &Mutex<Roster>, ready: &std::sync::mpsc::Sender<()>, stop: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (to_daemon, mut inbound) = mpsc::channel(4);
        let (to_hashing, mut unhashed) = mpsc::channel::<Unhashed>(4);
        let (_snapshot, seen) = watch::channel(Arc::new(empty_snapshot()));
        let (publish, roster) = watch::channel(Arc::new(Roster::default()));
        let (looks, _looked) = mpsc::channel(1);
        let listener = Listener::bind(&Setup { run_dir, ..Setup::default() }).unwrap();
        ready.send(()).unwrap();
        let daemon = async {
            loop {
                tokio::select! {
                    Some(Inbound { event: Event::Requested(request), reply: Some(reply) }) = inbound.recv() => {
                        let Ask::ChangeRoster { change, dry_run } = request.ask else { panic!("not asked for here") };
                        let mut roster = shared.lock().unwrap();
                        let answer = match roster.after(&change, &(1..=24).map(SlotNo).collect()) {
                            Err(problems) => Answer::Problems(problems),
                            Ok((next, lines)) => {
                                if !dry_run {
                                    *roster = next;
                                }
                                Answer::Difference { applied: !dry_run && !lines.is_empty(), lines }
                            }
                        };
                        publish.send_replace(Arc::new(roster.clone()));
                        reply.send(answer).unwrap();
                    }
                    Some(asked) = unhashed.recv() => {
                        let LocalAsk::SetPin { user, pin, duress } = &asked.ask else { panic!("not asked for here") };
                        let old = shared.lock().unwrap().users[user].pin.clone();
                        let (pin, duress) = (pin.clone(), duress.clone());
                        let hash = tokio::task::spawn_blocking(move || {
                            set_pin(&Pepper::new([7; 32]), old.as_ref(), pin.as_ref(), duress.as_ref())
                        });
                        let hash = hash.await.unwrap().unwrap();
                        let mut roster = shared.lock().unwrap();
                        roster.users.get_mut(user).unwrap().pin = Some(hash);
                        publish.send_replace(Arc::new(roster.clone()));
                        asked.reply.send(Answer::Done { text: "set".to_owned(), seq: 1 }).unwrap();
                    }
                }
            }
        };
        tokio::select! {
            () = listener.serve(Ports { inbound: to_daemon, unhashed: to_hashing, snapshot: seen, roster, looks }) => {}
            () = daemon => {}
            _ = stop => {}
        }
    });
}

fn empty_snapshot() -> Snapshot {
    let now = Now {
        mono: Mono(1_000),
        wall: Wall(1_762_171_200_000),
        clock: ClockQuality::Synced,
        civil: Civil::default(),
        boot: BootId(1),
    };
    Snapshot::of(&Books::default(), &Settings::plain(24, 12), now, StoreState::Writable)
}

#[test]
fn a_roster_goes_in_through_the_socket_and_comes_out_the_same_and_its_pins_work() {
    let home = tempfile::tempdir().unwrap();
    let run_dir = home.path().join("run");
    let roster = Arc::new(Mutex::new(Roster::default()));
    let (ready, is_ready) = std::sync::mpsc::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = thread::spawn({
        let (run_dir, roster) = (run_dir.clone(), Arc::clone(&roster));
        move || serve(run_dir, &roster, &ready, stopped)
    });
    is_ready.recv().unwrap();

    let sample = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/config/roster-sample.toml"));
    let import =
        RosterCommand::Import { files: vec![sample], dry_run: false, generate_pins: true, yes: false, json: true };
    let (code, out, err) = run(&run_dir, |desk| cabinetd::cli::roster::run(import, desk));
    assert_eq!(code, ExitCode::SUCCESS, "{out}{err}");
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    for made in told["pins"].as_array().unwrap() {
        let user = UserId::from(made["user"].as_str().unwrap());
        let hash = roster.lock().unwrap().users[&user].pin.clone().unwrap();
        let pin = Pin::new(made["pin"].as_str().unwrap());
        assert_eq!(check_pin(&Pepper::new([7; 32]), &pin, &hash).unwrap(), PinVerdict::Match);
    }
    assert_eq!(told["pins"].as_array().unwrap().len(), 6);

    let exported = home.path().join("roster");
    let export = RosterCommand::Export { format: Format::Csv, out: Some(exported.clone()) };
    assert_eq!(run(&run_dir, |desk| cabinetd::cli::roster::run(export, desk)).0, ExitCode::SUCCESS);
    let diff = RosterCommand::Diff { files: vec![exported], json: false };
    let (code, out, _) = run(&run_dir, |desk| cabinetd::cli::roster::run(diff, desk));
    assert_eq!((code, out.as_str()), (ExitCode::SUCCESS, "nothing to change\n"));

    let revoke = UserCommand::Revoke { id: "leasing".to_owned(), json: false };
    assert_eq!(run(&run_dir, |desk| cabinetd::cli::user::run(revoke, desk)).0, ExitCode::SUCCESS);
    let after = roster.lock().unwrap().users[&UserId::from("leasing")].clone();
    assert!(after.revoked && after.badge.is_some() && after.pin.is_some());

    drop(stop);
    server.join().unwrap();
    let list = UserCommand::List { json: false };
    let (code, _, err) = run(&run_dir, |desk| cabinetd::cli::user::run(list, desk));
    assert_eq!(code, ExitCode::from(4));
    assert!(err.contains("no cabinetd answers"), "{err}");
}

#[test]
fn without_a_daemon_nothing_waits() {
    let home = tempfile::tempdir().unwrap();
    let mut cabinet = Socket::new(home.path().to_owned());
    let failure = cabinetd::cli::desk::Asking::roster(&mut cabinet).unwrap_err();
    assert!(matches!(failure, Failure::NoAnswer(text) if text.contains("CABINETD_DIR")));
}
