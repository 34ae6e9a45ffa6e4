//! The control socket, over a real Unix socket, with a daemon that is only a queue.

use cabinetd::cabinet::books::Books;
use cabinetd::cabinet::event::{Ask as CoreAsk, Event, Request, StoreState};
use cabinetd::cabinet::outcome::{Answer, Denial};
use cabinetd::cabinet::roster::{Key, Roster, RosterChange, User};
use cabinetd::cabinet::settings::Settings;
use cabinetd::cabinet::snapshot::Snapshot;
use cabinetd::cabinet::types::{
    Actor, BootId, Channel, Civil, ClockQuality, Code, Mono, Now, Pin, PinHash, Reason, RequestKey, Role, SlotNo, Wall,
};
use cabinetd::io::control::wire::{Ask, Digits, ErrorCode, Wanted, Whence};
use cabinetd::io::control::{
    Accounts, Client, ClientError, ControlError, Inbound, Limits, Listener, LocalAsk, Looked, Ports, SOCKET_NAME,
    Setup, Unhashed, new_request_key,
};
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// A server in a thread of its own, and the ends that the daemon would hold.
struct Rig {
    dir: tempfile::TempDir,
    inbound: mpsc::Receiver<Inbound>,
    unhashed: mpsc::Receiver<Unhashed>,
    records: mpsc::Receiver<Looked>,
    snapshot: watch::Sender<Arc<Snapshot>>,
    accounts: Accounts,
    stop: Option<oneshot::Sender<()>>,
    server: Option<thread::JoinHandle<()>>,
}

impl Rig {
    fn new() -> Self {
        Self::with(Limits::default(), |_| {})
    }

    fn with(limits: Limits, setup: impl FnOnce(&mut Setup)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut wanted = Setup { run_dir: dir.path().join("run"), ..Setup::default() };
        setup(&mut wanted);
        let (to_daemon, inbound) = mpsc::channel(1);
        let (to_hashing, unhashed) = mpsc::channel(1);
        let (to_reading, records) = mpsc::channel(1);
        let (snapshot, seen) = watch::channel(Arc::new(picture(6, 1)));
        let (_, roster) = watch::channel(Arc::new(roster(2, 3)));
        let ports = Ports { inbound: to_daemon, unhashed: to_hashing, snapshot: seen, roster, looks: to_reading };
        let (stop, stopped) = oneshot::channel();
        let (listening, is_listening) = std::sync::mpsc::channel();
        let server = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = Listener::bind_with(&wanted, limits).unwrap();
                listening.send(listener.accounts()).unwrap();
                tokio::select! {
                    () = listener.serve(ports) => {}
                    _ = stopped => {}
                }
            });
        });
        let accounts = is_listening.recv().unwrap();
        Self { accounts, dir, inbound, unhashed, records, snapshot, stop: Some(stop), server: Some(server) }
    }

    fn run_dir(&self) -> std::path::PathBuf {
        self.dir.path().join("run")
    }

    fn client(&self) -> Client {
        Client::connect(&self.run_dir()).unwrap()
    }

    fn raw(&self) -> Raw {
        let stream = UnixStream::connect(self.run_dir().join(SOCKET_NAME)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        Raw(BufReader::new(stream))
    }

    /// The next request in the daemon's queue.
    fn asked(&mut self) -> (Request, oneshot::Sender<Answer>) {
        let Inbound { event: Event::Requested(request), reply: Some(reply) } = self.inbound.blocking_recv().unwrap()
        else {
            panic!("a request comes with its reply")
        };
        (request, reply)
    }

    fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
            self.server.take().unwrap().join().unwrap();
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A connection without the client's good manners.
struct Raw(BufReader<UnixStream>);

impl Raw {
    fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    fn line(&mut self) -> serde_json::Value {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    fn error(&mut self) -> (String, String) {
        let line = self.line();
        let error = &line["reply"]["error"];
        let text = |field: &str| error[field].as_str().unwrap_or_else(|| panic!("an error: {line}")).to_owned();
        (text("code"), text("text"))
    }

    fn is_at_its_end(&mut self) -> bool {
        matches!(self.0.read(&mut [0]), Ok(0))
            || self.0.read(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
    }
}

fn picture(slots: u16, head: u64) -> Snapshot {
    let books = Books::from_rows(head + 1, Vec::new());
    let now = Now {
        mono: Mono(1_000),
        wall: Wall(1_762_171_200_000),
        clock: ClockQuality::Synced,
        civil: Civil::default(),
        boot: BootId(1),
    };
    Snapshot::of(&books, &Settings::plain(slots, 20), now, StoreState::Writable)
}

fn roster(users: u16, keys: u16) -> Roster {
    let user = |n: u16| User {
        id: format!("user-{n}").into(),
        name: format!("Person Number {n} With A Long Name"),
        role: Role::Staff,
        badge: Some(Code::new(&format!("BADGE-{n:032}"))),
        login: Some(Code::new(&format!("{n:08}"))),
        groups: (0..5).map(|group| format!("building-{group}").as_str().into()).collect(),
        valid_from: Some(Wall(0)),
        valid_until: Some(Wall(9_000_000_000_000)),
        schedule: vec![cabinetd::cabinet::roster::Window { weekdays: 31, from: 480, to: 1080 }; 3],
        lone_emergency: false,
        revoked: false,
        pin: None,
    };
    let key = |n: u16| Key {
        id: n.to_string().into(),
        label: format!("Unit {n}"),
        building: "Building A, the one behind the pool".into(),
        unit: n.to_string(),
        groups: BTreeSet::from(["building-1".into()]),
        home: SlotNo(n),
        tag: Some(Code::new(&format!("TAG-{n:032}"))),
        second_person: false,
    };
    Roster {
        users: (1..=users).map(user).map(|user| (user.id.clone(), user)).collect(),
        keys: (1..=keys).map(key).map(|key| (key.id.clone(), key)).collect(),
    }
}

fn pull() -> Ask {
    Ask::Pull {
        keys: vec!["Unit 204".into()],
        reason: Reason::WorkOrder,
        reference: Some("8841".into()),
        purpose: Some("plumber".into()),
        alone: false,
    }
}

fn done(text: &str) -> Answer {
    Answer::Done { text: text.into(), seq: 7 }
}

const STATUS: &[u8] = b"{\"v\":1,\"request\":\"k\",\"ask\":\"status\"}\n";

// ---------------------------------------------------------------- the file

#[test]
fn the_socket_is_0660_in_a_directory_of_0755_and_goes_with_the_server() {
    let mut rig = Rig::new();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&rig.run_dir().join(SOCKET_NAME)), 0o660);
    assert_eq!(mode(&rig.run_dir()), 0o755);
    assert_eq!(std::fs::read_dir(rig.run_dir()).unwrap().count(), 1, "nothing is left of its making");
    rig.stop();
    assert_eq!(std::fs::read_dir(rig.run_dir()).unwrap().count(), 0);
}

#[test]
fn the_socket_gets_the_group_of_the_config() {
    let own = std::fs::metadata(".").map(|_| uzers::get_group_by_gid(uzers::get_effective_gid()).unwrap()).unwrap();
    let group = own.name().to_string_lossy().into_owned();
    let rig = Rig::with(Limits::default(), |setup| setup.group = Some(group));
    assert_eq!(rig.run_dir().join(SOCKET_NAME).metadata().unwrap().gid(), own.gid());
}

fn bind(run_dir: &Path, group: Option<&str>) -> Result<Listener, ControlError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    Listener::bind(&Setup { run_dir: run_dir.into(), group: group.map(Into::into), accounts: Vec::new() })
}

#[test]
fn a_stale_socket_is_cleared_and_a_live_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(SOCKET_NAME);
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "what a killed daemon leaves behind");
    drop(bind(dir.path(), None).unwrap());

    let living = UnixListener::bind(&path).unwrap();
    let error = bind(dir.path(), None).unwrap_err();
    assert!(matches!(error, ControlError::AlreadyRunning(_)), "{error}");
    assert!(UnixStream::connect(&path).is_ok(), "the other one's socket is untouched");
    drop(living);
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(SOCKET_NAME);
    std::fs::write(&path, "precious").unwrap();
    assert!(matches!(bind(dir.path(), None), Err(ControlError::NotASocket(_))));
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    std::fs::remove_file(&path).unwrap();

    let error = bind(dir.path(), Some("no-such-group-here")).unwrap_err();
    assert!(error.to_string().contains("groupadd --system no-such-group-here"), "{error}");
    let long = dir.path().join("x".repeat(100));
    let error = bind(&long, None).unwrap_err();
    assert!(matches!(error, ControlError::TooLong(_)), "{error}");

    let listener = bind(dir.path(), None).unwrap();
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "another's").unwrap();
    drop(listener);
    assert!(path.exists(), "only its own file goes with the listener");
}

// ---------------------------------------------------------------- asking

#[test]
fn a_request_reaches_the_queue_with_account_role_and_key() {
    let mut rig = Rig::new();
    let mut client = rig.client();
    let key = new_request_key();
    let sent = key.clone();
    let asking = thread::spawn(move || {
        let first = client.ask(&sent, &pull());
        (first, client.ask(&sent, &pull()))
    });
    for text in ["first", "again"] {
        let (request, reply) = rig.asked();
        let Actor::Account { uid, name } = &request.origin.actor else { panic!("an account asks: {request:?}") };
        assert_eq!(*uid, uzers::get_effective_uid());
        assert!(!name.is_empty());
        assert_eq!((request.origin.channel, request.origin.request), (Channel::Control, Some(key.clone())));
        assert_eq!(request.role, Some(Role::Admin), "the daemon's own account is admin");
        let CoreAsk::Pull(pull) = request.ask else { panic!("{:?}", request.ask) };
        assert_eq!((pull.keys, pull.reference), (vec!["Unit 204".to_owned()], Some("8841".to_owned())));
        reply.send(done(text)).unwrap();
    }
    let (first, second) = asking.join().unwrap();
    assert_eq!((first.unwrap(), second.unwrap()), (done("first"), done("again")));
}

#[test]
fn a_refusal_is_an_answer() {
    let mut rig = Rig::new();
    let mut client = rig.client();
    let asking = thread::spawn(move || client.ask(&new_request_key(), &Ask::Cancel));
    rig.asked().1.send(Answer::Refused(Denial::NobodyIdentified)).unwrap();
    assert_eq!(asking.join().unwrap().unwrap(), Answer::Refused(Denial::NobodyIdentified));
}

#[test]
fn plain_digits_go_to_the_hashing_and_nowhere_else() {
    let mut rig = Rig::new();
    let mut client = rig.client();
    let ask = Ask::SetPin { user: "ana".into(), pin: Some(Digits(Pin::new("482913"))), duress: None };
    let asking = thread::spawn(move || client.ask(&RequestKey("k1".into()), &ask));
    let unhashed = rig.unhashed.blocking_recv().unwrap();
    assert!(!format!("{unhashed:?}").contains("482913"));
    assert_eq!(unhashed.ask, LocalAsk::SetPin { user: "ana".into(), pin: Some(Pin::new("482913")), duress: None });
    let hash = PinHash { salt: "5a17".into(), cost: (1, 1, 1), tag: "7a9".into(), duress_tag: None };
    let inbound = unhashed.into_inbound(CoreAsk::SetPin { user: "ana".into(), pin: hash.clone() });
    let Event::Requested(request) = inbound.event else { panic!() };
    assert_eq!(request.ask, CoreAsk::SetPin { user: "ana".into(), pin: hash });
    assert_eq!(request.origin.request, Some(RequestKey("k1".into())));
    inbound.reply.unwrap().send(done("set")).unwrap();
    assert_eq!(asking.join().unwrap().unwrap(), done("set"));
    assert!(rig.inbound.try_recv().is_err());
}

#[test]
fn an_import_of_a_large_house_fits() {
    let mut rig = Rig::new();
    let house = roster(200, 300);
    let change = RosterChange {
        source: "house.toml".into(),
        hash: Some("ab".repeat(32)),
        replace: true,
        users: house.users.into_values().collect(),
        keys: house.keys.into_values().collect(),
        remove_users: vec![],
        remove_keys: vec![],
    };
    let ask = Ask::ChangeRoster { change: (&change).into(), dry_run: false };
    let mut client = rig.client();
    let asking = thread::spawn(move || client.ask(&new_request_key(), &ask));
    let (request, reply) = rig.asked();
    assert_eq!(request.ask, CoreAsk::ChangeRoster { change, dry_run: false });
    reply.send(done("imported")).unwrap();
    assert_eq!(asking.join().unwrap().unwrap(), done("imported"));
}

#[test]
fn reads_are_answered_while_the_daemon_is_stuck() {
    let rig = Rig::new();
    let (ended, ends) = std::sync::mpsc::channel();
    let mut stuck = rig.client();
    thread::spawn(move || ended.send(stuck.ask(&new_request_key(), &pull())));
    let mut client = rig.client();
    assert_eq!(client.status().unwrap(), picture(6, 1));
    assert_eq!(client.keymap().unwrap().slots.len(), 6);
    let view = client.roster().unwrap();
    assert_eq!((view.users.len(), view.keys.len(), view.codes_withheld), (2, 3, false));
    assert!(ends.try_recv().is_err(), "the stuck one still waits");
}

#[test]
fn follow_gives_the_state_at_once_and_after_each_change() {
    let mut rig = Rig::new();
    let mut followed = rig.client().follow().unwrap();
    assert_eq!(followed.next().unwrap().unwrap().head_seq, 1);
    rig.snapshot.send_replace(Arc::new(picture(6, 2)));
    assert_eq!(followed.next().unwrap().unwrap().head_seq, 2);
    rig.stop();
    assert!(matches!(followed.next().unwrap(), Err(ClientError::Lost)));
}

// ---------------------------------------------------------------- bad callers

#[test]
fn garbage_is_answered_and_harms_nobody() {
    let rig = Rig::new();
    let mut raw = rig.raw();
    let lines: [(&[u8], &str); 6] = [
        (b"hello\n", "not JSON"),
        (b"\xff\xfe\x00\n", "not JSON"),
        (b"\n", "not JSON"),
        (b"{\"v\":2,\"request\":\"k\",\"ask\":\"status\"}\n", "version 2 is not known"),
        (b"{\"v\":1,\"request\":\"k\",\"ask\":\"status\",\"more\":1}\n", "unknown field `more`"),
        (b"{\"v\":1,\"request\":\"k\",\"ask\":\"teleport\"}\n", "unknown variant, expected one of"),
    ];
    for (line, expected) in lines {
        raw.send(line);
        let (code, text) = raw.error();
        assert_eq!(code, "bad-request");
        assert!(text.contains(expected), "{text}");
    }
    let mut deep = vec![b'['; 100_000];
    deep.push(b'\n');
    raw.send(&deep);
    assert_eq!(raw.error().0, "bad-request");
    raw.send(STATUS);
    assert_eq!(raw.line()["reply"]["snapshot"]["head_seq"], 1, "the connection still serves");
}

#[test]
fn an_endless_line_ends_the_connection() {
    let rig = Rig::with(Limits { line_bytes: 10_000, ..Limits::default() }, |_| {});
    let mut raw = rig.raw();
    let mut long = vec![b'x'; 10_000];
    long.push(b'\n');
    raw.send(&long);
    assert!(raw.error().1.contains("not JSON"), "the limit itself is allowed");
    raw.send(&vec![b'x'; 10_001]);
    let (code, text) = raw.error();
    assert_eq!(code, "bad-request");
    assert!(text.contains("longer than 10000 bytes"), "{text}");
    assert!(raw.is_at_its_end());
    assert!(rig.client().status().is_ok());

    let change = RosterChange {
        source: "x".repeat(20_000),
        hash: None,
        replace: false,
        users: vec![],
        keys: vec![],
        remove_users: vec![],
        remove_keys: vec![],
    };
    let ask = Ask::ChangeRoster { change: (&change).into(), dry_run: true };
    let error = rig.client().ask(&new_request_key(), &ask).unwrap_err();
    assert!(matches!(&error, ClientError::Refused { code: ErrorCode::BadRequest, .. }), "{error:?}");
}

#[test]
fn whoever_dribbles_bytes_is_shown_out() {
    let rig = Rig::with(Limits { line: Duration::from_millis(300), ..Limits::default() }, |_| {});
    let mut raw = rig.raw();
    let mut bytes = STATUS.iter().cycle();
    // Each byte well within the limit: what counts is the whole line.
    for _ in 0..5 {
        raw.send(&[*bytes.next().unwrap()]);
        thread::sleep(Duration::from_millis(50));
    }
    let (code, text) = raw.error();
    assert_eq!(code, "idle", "{text}");
    assert!(raw.is_at_its_end());
}

#[test]
fn there_is_no_seventeenth_connection() {
    let rig = Rig::new();
    let mut sixteen: Vec<Raw> = (0..16).map(|_| rig.raw()).collect();
    for raw in &mut sixteen {
        raw.send(STATUS);
        assert_eq!(raw.line()["v"], 1);
    }
    let error = rig.client().status().unwrap_err();
    assert!(matches!(&error, ClientError::Refused { code: ErrorCode::Busy, .. }), "{error:?}");
    assert!(error.to_string().contains("16 connections"), "{error}");
    sixteen.pop();
    let again = (0..50).any(|_| {
        thread::sleep(Duration::from_millis(20));
        rig.client().status().is_ok()
    });
    assert!(again, "a place that is left is free");
}

#[test]
fn a_follower_who_does_not_read_loses_his_place() {
    let limits = Limits { connections: 1, kept_connections: 0, line: Duration::from_millis(200), ..Limits::default() };
    let rig = Rig::with(limits, |_| {});
    let mut raw = rig.raw();
    raw.send(b"{\"v\":1,\"request\":\"k\",\"ask\":\"follow\"}\n");
    assert_eq!(raw.line()["reply"]["snapshot"]["head_seq"], 1);
    let gone = (2..200).any(|head| {
        rig.snapshot.send_replace(Arc::new(picture(300, head)));
        thread::sleep(Duration::from_millis(20));
        rig.client().status().is_ok()
    });
    assert!(gone);
}

#[test]
fn a_full_queue_is_said_at_once() {
    let mut rig = Rig::new();
    let mut first = rig.client();
    let waiting = thread::spawn(move || first.ask(&new_request_key(), &pull()));
    while rig.inbound.is_empty() {
        thread::sleep(Duration::from_millis(5));
    }
    // The queue has one place, and the first one holds it.
    let error = rig.client().ask(&new_request_key(), &Ask::Cancel).unwrap_err();
    assert!(matches!(&error, ClientError::Refused { code: ErrorCode::Busy, .. }), "{error:?}");
    assert!(error.to_string().contains("try again"), "{error}");
    rig.asked().1.send(done("late but good")).unwrap();
    assert_eq!(waiting.join().unwrap().unwrap(), done("late but good"));
}

#[test]
fn a_daemon_that_does_not_answer_is_given_up_on() {
    let mut rig = Rig::with(Limits { answer: Duration::from_millis(200), ..Limits::default() }, |_| {});
    let mut client = rig.client();
    let asking = thread::spawn(move || client.ask(&new_request_key(), &pull()));
    let (_, kept) = rig.asked();
    let error = asking.join().unwrap().unwrap_err();
    assert!(matches!(&error, ClientError::Refused { code: ErrorCode::NoAnswer, .. }), "{error:?}");
    assert!(error.to_string().contains("may still be done"), "{error}");
    drop(kept);

    let mut client = rig.client();
    let asking = thread::spawn(move || client.ask(&new_request_key(), &pull()));
    drop(rig.asked());
    let error = asking.join().unwrap().unwrap_err();
    assert!(error.to_string().contains("without an answer"), "a rebuilt core forgets who asked: {error}");
}

#[test]
fn the_same_request_twice_at_once_is_one_request() {
    let mut rig = Rig::new();
    let line = b"{\"v\":1,\"request\":\"same\",\"ask\":\"cancel\"}\n";
    let (mut one, mut other) = (rig.raw(), rig.raw());
    one.send(line);
    let (_, reply) = rig.asked();
    other.send(line);
    assert_eq!(other.error().0, "in-progress");
    reply.send(done("once")).unwrap();
    assert_eq!(one.line()["reply"]["answer"]["done"]["text"], "once");
    assert!(rig.inbound.try_recv().is_err());
}

// ---------------------------------------------------------------- the client alone

#[test]
fn a_lost_answer_is_asked_for_again_with_the_same_key() {
    let dir = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(dir.path().join(SOCKET_NAME)).unwrap();
    let daemon = thread::spawn(move || {
        let mut lines = Vec::new();
        for answer in [
            None,
            Some(&b"{\"v\":1,\"request\":null,\"reply\":{\"answer\":{\"done\":{\"text\":\"ok\",\"seq\":7}}}}\n"[..]),
        ] {
            let mut stream = BufReader::new(listener.accept().unwrap().0);
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            lines.push(line);
            if let Some(answer) = answer {
                stream.get_mut().write_all(answer).unwrap();
            }
        }
        lines
    });
    let answer = Client::connect(dir.path()).unwrap().ask(&new_request_key(), &pull()).unwrap();
    assert_eq!(answer, done("ok"));
    let lines = daemon.join().unwrap();
    assert_eq!(lines[0], lines[1]);
}

#[test]
fn two_invocations_never_share_a_key() {
    let keys: BTreeSet<RequestKey> = (0..100).map(|_| new_request_key()).collect();
    assert_eq!(keys.len(), 100);
    assert!(keys.iter().all(|key| key.0.len() == 32));
}

#[test]
fn no_daemon_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    for stale in [false, true] {
        if stale {
            drop(UnixListener::bind(dir.path().join(SOCKET_NAME)).unwrap());
        }
        let error = Client::connect(dir.path()).unwrap_err();
        assert!(matches!(error, ClientError::NoDaemon(_)));
        assert!(error.to_string().contains("systemctl status cabinetd"), "{error}");
    }
}

#[test]
fn an_answer_that_makes_no_sense_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(dir.path().join(SOCKET_NAME)).unwrap();
    let daemon = thread::spawn(move || {
        let mut stream = BufReader::new(listener.accept().unwrap().0);
        stream.read_line(&mut String::new()).unwrap();
        stream.get_mut().write_all(b"{\"v\":7}\n").unwrap();
    });
    assert!(matches!(Client::connect(dir.path()).unwrap().status(), Err(ClientError::NotUnderstood)));
    daemon.join().unwrap();
}

// ---------------------------------------------------------------- another account

/// What [`other_accounts_are_what_their_groups_are`] runs as somebody else: without its environment it has nothing to do.
#[test]
fn as_another_account() {
    let Some(run_dir) = std::env::var_os("CONTROL_TEST_RUN_DIR") else { return };
    let mut client = match Client::connect(Path::new(&run_dir)) {
        Ok(client) => client,
        Err(error) => return println!("connect: {error}"),
    };
    match client.status() {
        Ok(seen) => println!("status: {} slots of {}", seen.slots.len(), seen.counts.slots),
        Err(error) => println!("status: {error}"),
    }
    let text = |error: Option<ClientError>| error.map_or_else(|| "done".to_owned(), |error| error.to_string());
    println!("keymap: {}", text(client.keymap().err()));
    println!("roster: {}", text(client.roster().err()));
    let pin = Ask::SetPin { user: "ana".into(), pin: Some(Digits(Pin::new("482913"))), duress: None };
    println!("pin: {}", text(client.ask(&new_request_key(), &pin).err()));
    let records = Wanted {
        from: Whence::Behind(0),
        keys: BTreeSet::new(),
        users: BTreeSet::new(),
        session: None,
        kinds: BTreeSet::new(),
        since: None,
        until: None,
        dark: false,
    };
    println!("records: {}", text(client.records(&records).err()));
    println!("cancel: {}", text(client.ask(&new_request_key(), &Ask::Cancel).err()));
}

/// Needs root, to become the account `daemon` (uid and gid 1 everywhere).
#[test]
fn other_accounts_are_what_their_groups_are() {
    use std::os::unix::process::CommandExt as _;
    if uzers::get_effective_uid() != 0 {
        return;
    }
    let asks = |role: Option<Role>, group: Option<&str>| {
        let limits = Limits { answer: Duration::from_millis(300), ..Limits::default() };
        let mut rig = Rig::with(limits, |setup| {
            setup.group = group.map(Into::into);
            setup.accounts = role.map(|role| ("daemon".to_owned(), role)).into_iter().collect();
        });
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(rig.dir.path(), open.clone()).unwrap();
        let program = rig.dir.path().join("test");
        std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        let said = std::process::Command::new(program)
            .args(["--exact", "as_another_account", "--nocapture"])
            .env("CONTROL_TEST_RUN_DIR", rig.run_dir())
            .current_dir("/")
            .uid(1)
            .gid(1)
            .output()
            .unwrap();
        let asked = rig.inbound.try_recv().ok().map(|inbound| inbound.event);
        assert!(rig.records.try_recv().is_ok() == (role >= Some(Role::Manager)) || group.is_none());
        (String::from_utf8(said.stdout).unwrap(), asked, rig.unhashed.try_recv().is_ok())
    };

    let (said, asked, hashed) = asks(Some(Role::Assistant), Some("daemon"));
    assert!(
        said.contains("status: 6 slots of 6") && said.contains("keymap: done") && said.contains("roster: done"),
        "{said}"
    );
    let Some(Event::Requested(request)) = asked else { panic!("cancel arrives: {said}") };
    assert_eq!(request.role, Some(Role::Assistant));
    assert_eq!(request.origin.actor, Actor::Account { uid: 1, name: "daemon".into() });
    assert!(hashed, "whether an assistant may is the core's to say");
    assert!(said.contains("records: account daemon: this needs the role manager"), "{said}");

    let (said, _, _) = asks(Some(Role::Manager), Some("daemon"));
    assert!(said.contains("records: the records could not be read within"), "they get as far as the reader: {said}");

    let (said, asked, _) = asks(Some(Role::Staff), Some("daemon"));
    assert!(said.contains("status: 0 slots of 6"), "staff see keys out, not slots: {said}");
    assert!(said.contains("keymap: account daemon: this needs the role assistant"), "{said}");
    assert!(said.contains("roster: account daemon: this needs the role assistant"), "{said}");
    assert!(asked.is_some());

    let (said, asked, hashed) = asks(None, Some("daemon"));
    assert!(said.contains("status: account daemon: this needs the role staff"), "{said}");
    assert!(said.contains("pin: account daemon: this needs the role staff") && !hashed, "{said}");
    let Some(Event::Requested(request)) = asked else { panic!("{said}") };
    assert_eq!(request.role, None, "the core hears that the account has no role");

    let (said, asked, _) = asks(Some(Role::Admin), None);
    assert!(said.contains("connect: no permission") && said.contains("usermod -aG root"), "{said}");
    assert!(asked.is_none());
}

#[test]
fn other_roles_count_at_once_and_end_what_was_looked_up_before() {
    let rig = Rig::new();
    let mut following = rig.client().follow().unwrap();
    assert!(following.next().unwrap().is_ok());
    let mut client = rig.client();
    client.status().unwrap();
    rig.accounts.put(&[]);
    client.status().expect("nothing has changed");
    rig.accounts.put(&[("no-such-group-here".to_owned(), Role::Staff)]);
    let told = |error: ClientError| match error {
        ClientError::Refused { code: ErrorCode::Busy, text } => text,
        other => panic!("{other:?}"),
    };
    assert!(told(client.status().unwrap_err()).contains("[accounts] have changed"));
    assert!(told(following.next().unwrap().unwrap_err()).contains("ask again"));
    rig.client().status().expect("a new connection goes by the new roles");
}
