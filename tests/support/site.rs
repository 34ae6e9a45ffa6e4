//! A cabinet of one's own: a folder, the real daemon in it, and the board that it drives.

use crate::demo::{PROGRAM, Said, cabinetd, now, until};
use crate::nut::UPS;
use cabinetd::cabinet::settings::Settings;
use cabinetd::io::sim::bench::Bench;
use cabinetd::io::sim::board;
use cabinetd::io::sim::hardware::{Hardware, KeyNo};
use cabinetd::io::sim::words;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use tokio::sync::mpsc;

/// A folder with a config, and the daemon that serves it.
pub struct Site {
    pub dir: PathBuf,
    daemon: Option<Child>,
    /// What the daemon finds in its environment.
    pub environment: Vec<(String, String)>,
}

impl Site {
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), daemon: None, environment: Vec::new() }
    }

    pub fn cmd(&self, arguments: &[&str]) -> Said {
        cabinetd(&self.dir, arguments)
    }

    pub fn ok(&self, arguments: &[&str]) -> String {
        let said = self.cmd(arguments);
        let log = || fs::read_to_string(self.dir.join("daemon.log")).unwrap_or_default();
        assert_eq!(said.code, 0, "{arguments:?}: {said:?}\n{}", log());
        said.out
    }

    pub fn status(&self) -> Value {
        serde_json::from_str(&self.ok(&["status", "--json"])).expect("JSON")
    }

    pub fn records(&self, kind: &str) -> Vec<Value> {
        let text = self.ok(&["ledger", "show", "--json", "--kind", kind]);
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    pub fn start(&mut self) {
        let log = OpenOptions::new().create(true).append(true).open(self.dir.join("daemon.log")).expect("a file");
        let mut command = Command::new(PROGRAM);
        command.arg("run").env("CABINETD_DIR", &self.dir).stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdout(log.try_clone().expect("a second handle")).stderr(log);
        self.daemon = Some(command.spawn().expect("the program is there"));
        until("the daemon", || (self.cmd(&["status"]).code == 0).then_some(()));
    }

    /// As `systemctl stop` does.
    pub fn stop(&mut self) -> ExitStatus {
        let mut daemon = self.daemon.take().expect("it runs");
        let pid = Pid::from_raw(i32::try_from(daemon.id()).expect("a pid")).expect("a pid");
        kill_process(pid, Signal::TERM).expect("it runs");
        daemon.wait().expect("it ends")
    }

    /// The power is gone.
    pub fn go_dark(&mut self) {
        let mut daemon = self.daemon.take().expect("it runs");
        daemon.kill().expect("it runs");
        daemon.wait().expect("it ends");
    }

    /// Whether the daemon has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.daemon.as_mut().is_none_or(|daemon| daemon.try_wait().expect("a child").is_some())
    }

    /// What upsmon runs, with its words.
    pub fn notify(&self, kind: &str) {
        let mut command = Command::new(PROGRAM);
        command.args(["notify", &format!("UPS {UPS}@localhost: {kind}")]).env("CABINETD_DIR", &self.dir);
        let status = command.env("NOTIFYTYPE", kind).env("UPSNAME", format!("{UPS}@localhost")).status();
        assert!(status.expect("the program is there").success());
    }

    /// Waits for a supply and says how long it took.
    pub fn supply(&self, wanted: &Value) -> Duration {
        let begin = now();
        until(&wanted.to_string(), || (self.status()["supply"]["supply"] == *wanted).then_some(()));
        begin.elapsed()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

/// The board, in a thread of its own; it ends with the test's process.
pub fn serve_board(dir: &Path, settings: &Settings) {
    fs::create_dir_all(dir.join("run")).expect("a folder");
    let (hardware_socket, people_socket) = (dir.join("run/hardware.sock"), dir.join("run").join(words::SOCKET));
    let labels = BTreeMap::from([(1, "Cellar"), (2, "Attic"), (6, "Safe")]);
    let labels = labels.into_iter().map(|(key, label)| (KeyNo(key), label.to_owned())).collect();
    let hardware = Hardware::new(settings, labels);
    let kept = dir.join("hardware.json");
    let (listening, is_listening) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (inputs, bench_inputs) = mpsc::channel(64);
            let daemons = board::listen(&hardware_socket).expect("a socket");
            let people = board::listen(&people_socket).expect("a socket");
            listening.send(()).expect("somebody waits");
            tokio::spawn(board::serve_daemon(daemons, inputs.clone()));
            tokio::spawn(board::serve_people(people, inputs));
            Bench::new(hardware, None, kept, |_| {}).run(bench_inputs).await;
        });
    });
    is_listening.recv().expect("it listens");
}
