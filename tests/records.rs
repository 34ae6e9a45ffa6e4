//! Records for a manager who may not read the ledger's file: through the control socket, whole, in order, and without silent alarms.

mod ledger_samples;

use cabinetd::cabinet::books::Books;
use cabinetd::cabinet::event::StoreState;
use cabinetd::cabinet::fact::{Alarm, Cleared, Fact, Record};
use cabinetd::cabinet::roster::Roster;
use cabinetd::cabinet::settings::Settings;
use cabinetd::cabinet::snapshot::Snapshot;
use cabinetd::cabinet::types::{AlarmId, Civil, ClockQuality, Mono, Now, Origin, SessionId, Wall};
use cabinetd::cli::ledger::{LedgerArgs, execute, execute_asking};
use cabinetd::cli::live::Place;
use cabinetd::daemon::records;
use cabinetd::io::control::{Listener, Ports, Setup};
use cabinetd::io::store::{Head, Store};
use clap::Parser;
use ledger_samples::{identity, record, rows_of, stamp};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use tokio::sync::{mpsc, oneshot, watch};

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    ledger: LedgerArgs,
}

type Said = (u8, String, String);

/// A ledger, and a daemon that is only its socket and its reader.
struct Rig {
    dir: tempfile::TempDir,
    _store: Store,
    stop: Option<oneshot::Sender<()>>,
    server: Option<thread::JoinHandle<()>>,
}

impl Rig {
    fn of(facts: Vec<Fact>) -> Self {
        Self::stamped(facts.into_iter().enumerate().map(|(at, fact)| (at as u64, fact)).collect())
    }

    /// Facts, each with its moment.
    fn stamped(facts: Vec<(u64, Fact)>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(dir.path(), &identity(), None).unwrap();
        let records: Vec<Record> = (1_u64..)
            .zip(facts)
            .map(|(seq, (at, fact))| Record { seq, stamp: stamp(at * 1000), by: Origin::cabinet(), fact })
            .collect();
        let rows = rows_of(&records);
        let _: Head = store.commit_blocking(records, rows, false).unwrap();
        let (stop, stopped) = oneshot::channel();
        let (listening, is_listening) = std::sync::mpsc::channel();
        let state = dir.path().to_owned();
        let server = thread::spawn(move || serve(&state, &listening, stopped));
        is_listening.recv().unwrap();
        Self { dir, _store: store, stop: Some(stop), server: Some(server) }
    }

    fn args(words: &[&str]) -> LedgerArgs {
        Program::try_parse_from(["ledger"].iter().chain(words)).unwrap().ledger
    }

    /// As an account that may not read the file.
    fn asks(&self, words: &[&str]) -> Said {
        let place = Place { run_dir: self.dir.path().join("run"), ..Place::default() };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = execute_asking(&Self::args(words), self.dir.path(), &place, None, &mut out, &mut err);
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    /// As root.
    fn reads(&self, words: &[&str]) -> Said {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = execute(&Self::args(words), self.dir.path(), None, None, &mut out, &mut err);
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
        self.server.take().unwrap().join().unwrap();
    }
}

fn serve(state: &Path, listening: &std::sync::mpsc::Sender<()>, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let now = Now {
            mono: Mono(1),
            wall: Wall(1),
            clock: ClockQuality::Synced,
            civil: Civil::default(),
            boot: stamp(0).boot,
        };
        let settings = Settings::plain(4, 4);
        let picture = Snapshot::of(&Books::from_rows(1, Vec::new()), &settings, now, StoreState::Writable);
        let (_snapshots, snapshot) = watch::channel(Arc::new(picture));
        let (_rosters, roster) = watch::channel(Arc::new(Roster::default()));
        let (inbound, _asked) = mpsc::channel(1);
        let (unhashed, _hashed) = mpsc::channel(1);
        let (looks, looked) = mpsc::channel(records::QUEUE);
        tokio::spawn(records::serve(looked, state.to_owned()));
        let listener = Listener::bind(&Setup { run_dir: state.join("run"), ..Setup::default() }).unwrap();
        listening.send(()).unwrap();
        tokio::select! {
            () = listener.serve(Ports { inbound, unhashed, snapshot, roster, looks }) => {}
            _ = stopped => {}
        }
    });
}

fn taken(slot: u64) -> Fact {
    record(slot).fact
}

/// A silent alarm from the coercion to its end, as the record of these numbers.
fn silent(raised: u64) -> [Fact; 3] {
    let (alarm, session) = (AlarmId::silent(raised), SessionId(1));
    [
        Fact::AlarmRaised { alarm: Alarm::Duress { session: Some(session), user: "ana".into() }, number: Some(alarm) },
        Fact::AlarmAcknowledged { alarm },
        Fact::AlarmCleared { alarm, why: Cleared::Acknowledged, name: Some("cleo".into()) },
    ]
}

#[test]
fn what_a_manager_is_shown_is_the_same_with_and_without_a_silent_alarm() {
    let [raised, acknowledged, cleared] = silent(3);
    let with = Rig::stamped(vec![
        (1, taken(1)),
        (2, taken(2)),
        (2, raised),
        (3, taken(3)),
        (4, acknowledged),
        (5, cleared),
        (6, taken(4)),
    ]);
    let without = Rig::stamped(vec![(1, taken(1)), (2, taken(2)), (3, taken(3)), (6, taken(4))]);
    for words in [
        vec!["show"],
        vec!["show", "--json"],
        vec!["show", "--last", "3"],
        vec!["show", "--last", "3", "--json"],
        vec!["show", "--kind", "alarm-raised"],
        vec!["show", "--kind", "alarm-cleared", "--last", "1"],
        vec!["show", "--user", "cleo"],
        vec!["show", "--kind", "taken", "--json"],
    ] {
        let shown = with.asks(&words);
        assert_eq!(shown, without.asks(&words), "{words:?}");
        assert!(!shown.1.contains("uress") && !shown.2.contains("uress"), "{words:?}: {}", shown.1);
    }
    let (code, out, _) = with.asks(&["show", "--json"]);
    let numbers: Vec<u64> = (out.lines())
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"].as_u64().unwrap())
        .collect();
    assert_eq!((code, numbers), (0, vec![1, 2, 3, 4]));
    assert!(with.reads(&["show", "--duress"]).1.contains("uress"), "it is there for whoever reads the file");
}

#[test]
fn many_records_come_page_by_page_whole_and_in_order() {
    let rig = Rig::of((1..=950).map(taken).collect());
    for words in [
        vec!["show", "--json"],
        vec!["show", "--json", "--last", "450"],
        vec!["show", "--json", "--key", "k7", "--kind", "taken"],
        vec!["show", "--json", "--since", "2026-01-01T00:05:00Z", "--until", "2026-01-01T00:10:00Z"],
        vec!["show"],
    ] {
        let (asked, read) = (rig.asks(&words), rig.reads(&words));
        assert_eq!(asked, read, "{words:?}");
    }
    assert_eq!(rig.asks(&["show", "--json"]).1.lines().count(), 950);
    assert_eq!(rig.asks(&["show", "--json", "--last", "450"]).1.lines().count(), 450);
}

#[test]
fn a_page_is_bounded_and_a_walk_over_what_nobody_wants_ends() {
    let rig = Rig::of((1..=9_000).map(taken).collect());
    let (code, out, err) = rig.asks(&["show", "--kind", "returned"]);
    assert!(code == 0 && out.is_empty() && err.contains("No record matches"), "{err}");
    let run = rig.dir.path().join("run");
    let mut client = cabinetd::io::control::Client::connect(&run).unwrap();
    let wanted: cabinetd::io::control::wire::Wanted =
        serde_json::from_value(serde_json::json!({ "from": { "behind": 0 } })).unwrap();
    let page = client.records(&wanted).unwrap();
    assert_eq!((page.records.len(), page.head), (200, 9_000));
    assert_eq!(page.next, Some(cabinetd::io::control::wire::Whence::Behind(200)));
}

#[test]
fn what_only_the_files_reader_may_says_so_and_names_the_command() {
    let rig = Rig::of(vec![taken(1)]);
    for (words, command) in [
        (vec!["show", "--duress"], "`sudo cabinetd ledger show --duress`"),
        (vec!["verify"], "`sudo cabinetd ledger verify`"),
        (vec!["export", "--format", "csv"], "`sudo cabinetd ledger export …`"),
    ] {
        let (code, out, err) = rig.asks(&words);
        assert!(code == 5 && out.is_empty() && err.contains(command), "{code} {err}");
        assert!(err.starts_with("cabinetd: ") && err.contains("only root"), "{err}");
    }
}

#[test]
fn a_kind_that_there_is_not_is_refused_here_too() {
    let rig = Rig::of(vec![taken(1)]);
    let (code, _, err) = rig.asks(&["show", "--kind", "take"]);
    assert!(code == 2 && err.contains("did you mean taken"), "{code} {err}");
}

#[test]
fn no_daemon_is_no_records() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place { run_dir: dir.path().join("run"), ..Place::default() };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = execute_asking(&Rig::args(&["show"]), Path::new("/nowhere"), &place, None, &mut out, &mut err);
    let err = String::from_utf8(err).unwrap();
    assert!(code == 3 && err.contains("no cabinetd answers"), "{code} {err}");
}
