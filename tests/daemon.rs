//! The daemon as a process: how it starts and stops, and what it leaves behind.

#[allow(dead_code, reason = "shared with other tests")]
mod disk;

use cabinetd::cabinet::fact::Fact;
use cabinetd::io::store::{Filter, Reader};
use disk::Disk;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_cabinetd");
const PATIENCE: Duration = Duration::from_secs(30);

/// A cabinet with its config and credentials, its state where the test wants it. Nobody plays its hardware.
fn cabinet(home: &Path, state: &Path) {
    let config = format!(
        "[cabinet]\nsite = \"here\"\nname = \"c1\"\n[paths]\nstate_dir = \"{}\"\n[lines]\nbackend = \"sim\"\n\
         [slots]\ncount = 4\ncolumns = 2\n",
        state.display()
    );
    fs::write(home.join("cabinetd.toml"), config).expect("written");
    let init = Command::new(PROGRAM).arg("init").env("CABINETD_DIR", home).output().expect("it runs");
    assert!(init.status.success(), "{init:?}");
}

#[test]
fn a_simulated_cabinet_has_nothing_to_release() {
    let home = tempfile::tempdir().expect("a folder");
    cabinet(home.path(), &home.path().join("state"));
    let said = Command::new(PROGRAM).arg("release").env("CABINETD_DIR", home.path()).output().expect("it runs");
    assert!(said.status.success() && String::from_utf8_lossy(&said.stdout).contains("simulated"), "{said:?}");
}

#[test]
fn lines_that_are_not_there_are_not_released() {
    let home = tempfile::tempdir().expect("a folder");
    let sample = include_str!("../config/header-24.toml").replace("pin = 17", "chip = \"no-such-chip\"\nline = 3");
    fs::write(home.path().join("cabinetd.toml"), sample).expect("written");
    let said = Command::new(PROGRAM).arg("release").env("CABINETD_DIR", home.path()).output().expect("it runs");
    let err = String::from_utf8_lossy(&said.stderr);
    assert!(!said.status.success() && err.contains("door 1's lock: there is no gpiochip \"no-such-chip\""), "{said:?}");
}

/// A daemon that says through the socket of its supervisor that it is ready.
struct Daemon {
    child: Child,
    supervisor: UnixDatagram,
}

impl Daemon {
    fn start(home: &Path, more: &[(&str, &str)]) -> Self {
        let socket = home.join("supervisor.sock");
        let _ = fs::remove_file(&socket);
        let supervisor = UnixDatagram::bind(&socket).expect("binds");
        supervisor.set_read_timeout(Some(PATIENCE)).expect("set");
        let log = fs::OpenOptions::new().create(true).append(true).open(home.join("log")).expect("a log");
        let child = Command::new(PROGRAM)
            .arg("run")
            .env("CABINETD_DIR", home)
            .env("NOTIFY_SOCKET", &socket)
            .envs(more.iter().copied())
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .expect("it starts");
        let daemon = Self { child, supervisor };
        daemon.hears("READY=1", home);
        daemon
    }

    /// Waits for a message.
    fn hears(&self, wanted: &str, home: &Path) {
        let mut message = [0; 2048];
        loop {
            let length = self.supervisor.recv(&mut message).unwrap_or_else(|error| {
                panic!("{wanted}: {error}\n{}", fs::read_to_string(home.join("log")).unwrap_or_default())
            });
            if String::from_utf8_lossy(&message[..length]).lines().any(|line| line == wanted) {
                return;
            }
        }
    }

    fn stop(mut self) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).expect("a process");
        kill_process(pid, Signal::TERM).expect("told");
        assert!(self.child.wait().expect("it ends").success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn facts(state: &Path) -> Vec<Fact> {
    let reader = Reader::open(state).expect("a ledger");
    let everything = Filter::default();
    let facts = reader.entries(&everything, 0).map(|entry| entry.expect("readable").fact().expect("known").1);
    facts.collect()
}

fn count(facts: &[Fact], wanted: impl Fn(&Fact) -> bool) -> usize {
    facts.iter().filter(|fact| wanted(fact)).count()
}

#[test]
fn at_a_stop_the_head_is_signed_and_verifies() {
    let home = tempfile::tempdir().expect("a folder");
    let state = home.path().join("state");
    cabinet(home.path(), &state);
    Daemon::start(home.path(), &[]).stop();
    let reader = Reader::open(&state).expect("a ledger");
    let heads = reader.signed_heads().expect("readable");
    assert_eq!(heads.len(), 1);
    assert_eq!((heads[0].destination.as_str(), heads[0].head), ("local", reader.head().expect("a head")));
    assert!(heads[0].is_genuine());
    let report = reader.verify(&[]).expect("readable");
    assert!(report.is_sound() && report.heads[0].fits, "{report:?}");
}

#[test]
fn the_watchdog_is_fed() {
    let home = tempfile::tempdir().expect("a folder");
    cabinet(home.path(), &home.path().join("state"));
    let daemon = Daemon::start(home.path(), &[("WATCHDOG_USEC", "200000")]);
    for _ in 0..3 {
        daemon.hears("WATCHDOG=1", home.path());
    }
    daemon.stop();
}

#[test]
fn a_start_and_a_stop_are_recorded_on_a_full_disk() {
    const LEFT: u64 = 300 << 10;
    let (home, disk) = (tempfile::tempdir().expect("a folder"), Disk::tmpfs("12m"));
    let state = disk.state();
    cabinet(home.path(), &state);
    Daemon::start(home.path(), &[]).stop();
    // What the ledger keeps ready is gone, and there is too little room to make it anew.
    fs::remove_file(state.join("ledger.db-wal")).expect("checkpointed at the stop");
    disk.fill();
    let filler = state.with_file_name("somebody-elses-log");
    let filler = fs::OpenOptions::new().write(true).open(filler).expect("the filler");
    filler.set_len(filler.metadata().expect("its size").len() - LEFT).expect("cut");
    Daemon::start(home.path(), &[]).stop();
    let facts = facts(&state);
    assert_eq!(
        count(&facts, |fact| matches!(fact, Fact::AlarmRaised { .. })),
        1 + 1,
        "no hardware, no room: {facts:#?}"
    );
    assert_eq!(count(&facts, |fact| matches!(fact, Fact::Started { .. })), 2, "{facts:#?}");
    assert_eq!(count(&facts, |fact| matches!(fact, Fact::Stopped { .. })), 2, "{facts:#?}");
}
