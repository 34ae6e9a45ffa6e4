//! The daemon as a process: how it starts and stops, and what it leaves behind.

#[allow(dead_code, reason = "shared with other tests")]
#[path = "support/demo.rs"]
mod demo;
#[allow(dead_code, reason = "shared with other tests")]
mod disk;

use cabinetd::cabinet::fact::Fact;
use cabinetd::io::store::{Filter, Reader};
use demo::{Demo, until};
use disk::Disk;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt as _;
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

/// What a daemon keeps of its lines: a lock at a chip that is not there, so that driving it is told.
fn keep_wiring(home: &Path) {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("Linux has one");
    let lock =
        r#"{"output":{"lock":1},"at":{"chip":{"Chip":"old-board"},"line":5},"active_low":true,"longest_ms":1000}"#;
    let kept = format!(
        r#"{{"boot":"{}","state_dir":"{}","wiring":{{"pins":"Gpiocdev","poll_ms":1000,"inputs":[],"outputs":[{lock}]}}}}"#,
        boot.trim(),
        home.join("state").display()
    );
    fs::create_dir_all(home.join("run")).expect("made");
    fs::write(home.join("run/wiring.json"), kept).expect("written");
}

#[test]
fn a_config_with_mistakes_or_another_wiring_keeps_nothing_energised() {
    const OLD: &str = "door 1's lock: there is no gpiochip \"old-board\"";
    let home = tempfile::tempdir().expect("a folder");
    let said = |command: &str| {
        let said = Command::new(PROGRAM).arg(command).env("CABINETD_DIR", home.path()).output().expect("it runs");
        assert!(!said.status.success(), "{said:?}");
        String::from_utf8_lossy(&said.stderr).into_owned()
    };
    keep_wiring(home.path());
    let sample = include_str!("../config/header-24.toml").replace("pin = 17", "chip = \"new-board\"\nline = 3");
    for config in ["[cabinet", "[output]\nrole = 3\n", &sample] {
        fs::write(home.path().join("cabinetd.toml"), config).expect("written");
        for command in ["release", "run"] {
            let err = said(command);
            assert!(err.contains(OLD), "{command}, {config}: {err}");
            assert_eq!(err.contains("new-board"), config == sample, "{command}: {err}");
        }
    }
    // No config at all.
    fs::remove_file(home.path().join("cabinetd.toml")).expect("removed");
    assert!(said("release").contains(OLD));
}

#[test]
fn nobody_who_cannot_see_the_lock_takes_the_lines() {
    let home = tempfile::tempdir().expect("a folder");
    fs::write(home.path().join("cabinetd.toml"), include_str!("../config/header-24.toml")).expect("written");
    // A folder in its place: root, too, cannot see the lock.
    fs::write(home.path().join("state"), "").expect("written");
    let said = Command::new(PROGRAM).arg("release").env("CABINETD_DIR", home.path()).output().expect("it runs");
    let err = String::from_utf8_lossy(&said.stderr);
    assert!(!said.status.success() && err.contains("cannot see whether the daemon runs"), "{said:?}");
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

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).expect("a process");
        kill_process(pid, signal).expect("told");
    }

    /// Tells it to read its config again, and waits until it has.
    fn reload(&self, home: &Path) {
        self.signal(Signal::HUP);
        self.hears("RELOADING=1", home);
        self.hears("READY=1", home);
    }

    fn stop(mut self) {
        self.signal(Signal::TERM);
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

/// A command as its administrator types it: its exit code, and all that it said.
fn typed(home: &Path, words: &[&str]) -> (i32, String) {
    let said = Command::new(PROGRAM).args(words).env("CABINETD_DIR", home).stdin(Stdio::null()).output();
    let said = said.expect("it runs");
    let text = [said.stdout, said.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    (said.status.code().expect("it ended"), text)
}

#[test]
fn lost_secrets_are_told_by_check_and_the_way_back_leads_to_a_cabinet_that_serves() {
    let home = tempfile::tempdir().expect("a folder");
    let (home, state) = (home.path(), home.path().join("state"));
    cabinet(home, &state);
    fs::write(home.join("roster.toml"), "[[users]]\nid = \"ana\"\nname = \"Ana\"\nrole = \"staff\"\nbadge = \"B-1\"\n")
        .expect("written");
    let daemon = Daemon::start(home, &[]);
    let (code, told) =
        typed(home, &["roster", "import", home.join("roster.toml").to_str().expect("plain"), "--generate-pins"]);
    assert_eq!(code, 0, "{told}");
    daemon.stop();
    let check = || typed(home, &["check", "--only", "credentials", "--only", "ledger", "--json"]);
    assert_eq!(check().0, 0, "{}", check().1);

    // The folder is gone, and there is no backup.
    fs::remove_dir_all(home.join("credentials")).expect("removed");
    let (code, told) = check();
    assert_eq!(code, 1, "{told}");
    for step in ["cabinetd init", "remove pepper-id", "cabinetd user pin"] {
        assert!(told.contains(step), "{step}: {told}");
    }
    // As the old remedy said it: that alone is not ready, and is told as such.
    let (code, told) = typed(home, &["init"]);
    assert!(code == 0 && told.contains("pepper-id (`sudo rm`)"), "{told}");
    let (code, told) = check();
    assert!(code == 1 && told.contains("another pepper") && told.contains("pepper-id"), "{told}");
    let (code, told) = typed(home, &["run"]);
    assert!(code != 0 && told.contains("another pepper"), "{told}");

    fs::remove_file(state.join("pepper-id")).expect("removed");
    let daemon = Daemon::start(home, &[]);
    let (code, told) = typed(home, &["user", "pin", "ana"]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(check().0, 0, "{}", check().1);
    daemon.stop();

    // The device key alone is made anew beside the pepper.
    fs::remove_file(home.join("credentials/device-key")).expect("removed");
    let (code, told) = check();
    assert!(code == 1 && told.contains("cabinetd init --device-key"), "{told}");
    assert_eq!(typed(home, &["init"]).0, 1, "it makes nothing over a pepper");
    assert_eq!(typed(home, &["init", "--device-key"]).0, 0);
    assert_eq!(check().0, 0, "{}", check().1);
    Daemon::start(home, &[]).stop();
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
fn a_changed_config_is_taken_without_a_stop_and_one_with_mistakes_is_not() {
    let home = tempfile::tempdir().expect("a folder");
    let (home, state) = (home.path(), home.path().join("state"));
    cabinet(home, &state);
    let daemon = Daemon::start(home, &[]);
    let file = home.join("cabinetd.toml");
    let first = fs::read_to_string(&file).expect("readable");
    let changed = first.clone() + "[sessions]\nunlock_ms = 6000\n";
    let loaded = || {
        let facts = facts(&state).into_iter();
        let loaded = facts.filter_map(|fact| match fact {
            Fact::ConfigLoaded { hash, changed, after_restart } => Some((hash, changed, after_restart)),
            _ => None,
        });
        loaded.collect::<Vec<_>>()
    };
    // Nobody waits for the log, so it may come a moment later.
    let says_times = |wanted: &str, times: usize| {
        let log = || fs::read_to_string(home.join("log")).expect("a log");
        for _ in 0..1_000 {
            if log().matches(wanted).count() >= times {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{wanted}: {}", log());
    };
    let says = |wanted: &str| says_times(wanted, 1);

    fs::write(&file, &changed).expect("written");
    daemon.reload(home);
    let [(at_start, none, _), (hash, lines, later)] = &loaded()[..] else { panic!("{:?}", loaded()) };
    assert_ne!(hash, at_start);
    assert_eq!((none.len(), later.len()), (0, 0));
    assert_eq!(lines[..], ["sessions.unlock_ms: 8000 → 6000"]);

    // As it is: no record.
    daemon.reload(home);
    assert_eq!(loaded().len(), 2);
    says("it is as it was");

    // Two mistakes: both are told, nothing is taken, and the status says so.
    fs::write(&file, changed.replace("6000", "0") + "nonsense = 1\n").expect("written");
    daemon.signal(Signal::HUP);
    daemon.hears("STATUS=idle, 1 alarm, THE NEW CONFIG WAS NOT TAKEN", home);
    assert_eq!(loaded().len(), 2);
    for told in ["ERROR the config was not taken:", "sessions.unlock_ms", "nonsense"] {
        says(told);
    }

    // Good again, and with something that takes a restart. Once that has come, nothing of it is left to tell.
    fs::write(&file, changed.replace("6000", "7000").replace("count = 4", "count = 6")).expect("written");
    daemon.reload(home);
    let (_, lines, later) = loaded().pop().expect("a record");
    assert_eq!(
        (&lines[..], &later[..]),
        (&["sessions.unlock_ms: 6000 → 7000".to_owned()][..], &["slots.count: 4 → 6".to_owned()][..])
    );
    says("WARNING a restart is needed for: slots.count: 4 → 6");
    let config = || {
        let seen = typed(home, &["status", "--json"]).1;
        serde_json::from_str::<serde_json::Value>(&seen).expect("JSON")["config"].clone()
    };
    assert_eq!(config(), serde_json::json!({ "state": "in-force", "after_restart": ["slots.count"] }));
    let slots = || {
        let seen =
            Command::new(PROGRAM).args(["keymap", "--json"]).env("CABINETD_DIR", home).output().expect("it runs");
        serde_json::from_slice::<serde_json::Value>(&seen.stdout).expect("JSON")["slots"].as_array().map(Vec::len)
    };
    assert_eq!(slots(), Some(4));
    // Read once more as it is: what waits for a restart is not forgotten.
    daemon.reload(home);
    says_times("WARNING a restart is needed for: slots.count: 4 → 6", 2);
    daemon.stop();
    let daemon = Daemon::start(home, &[]);
    assert_eq!(slots(), Some(6));
    assert_eq!(config(), serde_json::json!({ "state": "in-force", "after_restart": [] }));
    daemon.reload(home);
    daemon.stop();
    assert_eq!(loaded().len(), 3, "the restart found the file that was recorded");
}

/// Needs root, to become the account `daemon` (uid and gid 1 everywhere).
#[test]
fn rights_that_a_new_config_takes_away_are_gone_in_the_visit_that_it_waits_for() {
    let demo = Demo::start();
    let home = demo.dir.parent().expect("it has a parent");
    for folder in [home, &demo.dir, &demo.dir.join("run")] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("set");
    }
    let program = home.join("cabinetd");
    // By another process: a file that is open for writing here could not be run while some other test starts a program.
    assert!(Command::new("cp").args([PROGRAM.as_ref(), program.as_os_str()]).status().expect("cp is there").success());
    let daemon_types = |words: &[&str]| {
        let mut command = Command::new(&program);
        command.args(words).env("CABINETD_DIR", &demo.dir).current_dir("/").uid(1).gid(1).stdin(Stdio::null());
        let said = command.output().expect("it runs");
        (
            said.status.success(),
            [said.stdout, said.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat(),
        )
    };
    let file = demo.dir.join("cabinetd.toml");
    for shared in [&file, &demo.dir.join("run/control.sock")] {
        chown(shared, None, Some(1)).expect("this test needs to be run as root");
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("set");
    let first = fs::read_to_string(&file).expect("a config");
    let changes_to = |role: &str, state: &str| {
        let with = format!("[accounts]\ndaemon = \"{role}\"\n");
        fs::write(&file, first.replace("[accounts]\n", &with)).expect("written");
        kill_process(Pid::from_raw(demo.daemon_pid()).expect("a process"), Signal::HUP).expect("told");
        until(state, || (demo.status()["config"]["state"] == state).then_some(()));
    };
    let loaded = demo.records("config-loaded").len();
    changes_to("admin", "in-force");
    demo.record("config-loaded", loaded + 1);
    let (is_done, told) = daemon_types(&["user", "revoke", "maintenance-2"]);
    assert!(is_done, "{told}");

    demo.identify("1004", &demo.pin("1004"));
    demo.pull_204();
    demo.sim("door open");
    changes_to("staff", "waiting");
    let changes = demo.records("roster-changed").len();
    for words in [&["user", "restore", "maintenance-2"][..], &["keymap"]] {
        let (is_done, told) = daemon_types(words);
        assert!(!is_done && told.contains("needs the role"), "{words:?}: {told}");
    }
    assert_eq!((demo.records("roster-changed").len(), demo.records("config-loaded").len()), (changes, loaded + 1));

    demo.close();
    let taken = demo.record("config-loaded", loaded + 2);
    assert!(taken.to_string().contains("accounts.daemon"), "{taken}");
    until("in force", || (demo.status()["config"]["state"] == "in-force").then_some(()));
    assert!(!daemon_types(&["keymap"]).0 && daemon_types(&["status"]).0, "staff from now on");
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

#[test]
fn errors_begin_in_one_way_and_a_number_that_is_none_is_told_with_one_that_would_do() {
    let home = tempfile::tempdir().expect("a folder");
    let said = |words: &[&str]| {
        let output = Command::new(PROGRAM).args(words).env("CABINETD_DIR", home.path()).output().expect("it runs");
        assert!(!output.status.success(), "{words:?}");
        String::from_utf8(output.stderr).expect("text")
    };
    for words in [
        &["simulate", "--outages", "nowhere.csv"][..],
        &["sim", "door", "open"],
        &["sim", "play", "nowhere.txt", "--dry-run"],
        &["sim", "hardware"],
        &["demo", "--config", "nowhere.toml"],
        &["power", "recipe"],
        &["release"],
        &["notify"],
        &["outage"],
        &["outage", "list"],
        &["user", "list"],
        &["status"],
        &["roster", "device-key"],
        &["roster", "keygen", "--out", "/nowhere/key"],
    ] {
        let text = said(words);
        assert!(text.starts_with("cabinetd: "), "{words:?}: {text}");
    }
    for (words, remedy) in [
        (&["sim", "take", "seven"][..], "write a whole number from 1 to 65535, for example 7"),
        (&["demo", "--slots", "301"], "write a whole number from 1 to 300, for example 24"),
        (&["alarm", "ack", "x"], "write a whole number from 1 on, for example 1031"),
    ] {
        let text = said(words);
        assert!(text.contains(remedy), "{words:?}: {text}");
    }
}
