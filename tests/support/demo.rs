//! A demo of one's own: the real program in a folder of its own, driven by the commands that a person types.
//!
//! Everything that any command said, and what the demo's terminal and the daemon's log hold, is kept, so that a test can search it.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::cell::RefCell;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_cabinetd");
/// The seed of these tests; not the usual one.
pub const SEED: &str = "7";
/// Nothing here takes longer, on a busy machine either.
const PATIENCE: Duration = Duration::from_secs(40);

/// A test measures real time.
#[expect(clippy::disallowed_methods, reason = "the test's own stopwatch")]
pub fn now() -> Instant {
    Instant::now()
}

/// Waits until there is something.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begin = now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begin.elapsed() < PATIENCE, "it never comes: {what}");
        std::thread::sleep(Duration::from_millis(25));
    }
}

/// How a command ended.
#[derive(Clone, Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Runs this program with that folder.
pub fn cabinetd(dir: &Path, arguments: &[&str]) -> Said {
    cabinetd_with(dir, arguments, "")
}

/// The same with something piped in.
pub fn cabinetd_with(dir: &Path, arguments: &[&str], input: &str) -> Said {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env("CABINETD_DIR", dir).env("LC_ALL", "C.UTF-8").env_remove("CABINETD_LOG");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program is there");
    // A command that reads nothing may be gone already.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}

/// A running demo, ended when it goes out of scope.
pub struct Demo {
    pub dir: PathBuf,
    _home: TempDir,
    child: Child,
    said: RefCell<Vec<String>>,
}

impl Demo {
    /// With the seed of these tests.
    pub fn start() -> Self {
        Self::start_with(&["--seed", SEED])
    }

    pub fn start_with(options: &[&str]) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let dir = home.path().join("demo");
        let child = spawn(home.path(), &dir, options);
        let demo = Self { dir, _home: home, child, said: RefCell::new(Vec::new()) };
        until("the sample roster", || demo.screen().contains("The sample roster is in").then_some(()));
        demo
    }

    /// Starts it again in the same folder, after it ended.
    pub fn start_again(&mut self) {
        let home = self.dir.parent().expect("it has a parent").to_owned();
        self.child = spawn(&home, &self.dir, &[]);
        until("the daemon", || (self.run(&["status"]).code == 0).then_some(()));
    }

    /// Everything on the demo's terminal so far.
    pub fn screen(&self) -> String {
        fs::read_to_string(self.dir.with_extension("screen")).unwrap_or_default()
    }

    /// What happened, without the first screen with its people.
    pub fn news(&self) -> String {
        let screen = self.screen();
        let begin = screen.find("▶").unwrap_or(screen.len());
        screen[begin..].to_owned()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("daemon.log")).unwrap_or_default()
    }

    /// Everything that commands said.
    pub fn everything_said(&self) -> String {
        self.said.borrow().join("\n")
    }

    /// A person's PIN, as the first screen tells it.
    pub fn pin(&self, badge: &str) -> String {
        self.person(badge).1
    }

    pub fn duress_pin(&self, badge: &str) -> String {
        let (note, _) = self.person(badge);
        note.rsplit_once('(').expect("a duress PIN").1.trim_end_matches(')').to_owned()
    }

    fn person(&self, badge: &str) -> (String, String) {
        let screen = self.screen();
        let line = screen.lines().find(|line| line.contains(&format!(" {badge} "))).expect("a person with that badge");
        let rest = line.split_once(&format!(" {badge} ")).expect("seen").1.trim();
        (rest.to_owned(), rest.split_whitespace().next().expect("a PIN").to_owned())
    }

    /// Types a command.
    pub fn run(&self, arguments: &[&str]) -> Said {
        let said = cabinetd(&self.dir, arguments);
        self.said.borrow_mut().extend([said.out.clone(), said.err.clone()]);
        said
    }

    /// Types a command that must be done.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(said.code, 0, "cabinetd {arguments:?}: {said:?}\n{}", self.news());
        said.out
    }

    /// Types a command that must not be done, and gives back why.
    pub fn refused(&self, code: i32, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(said.code, code, "cabinetd {arguments:?}: {said:?}");
        said.err
    }

    /// `cabinetd sim …`
    pub fn sim(&self, words: &str) -> String {
        let words: Vec<&str> = words.split_whitespace().collect();
        self.ok(&[&["sim"], words.as_slice()].concat())
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ok(arguments)).expect("JSON")
    }

    pub fn status(&self) -> Value {
        self.json(&["status", "--json"])
    }

    /// What somebody sees who stands before the cabinet.
    pub fn look(&self) -> Value {
        self.json(&["sim", "status", "--json"])
    }

    pub fn lock_is_on(&self) -> bool {
        self.look()["doors"][0]["lock"] == true
    }

    /// The ledger, duress alarms included.
    pub fn ledger(&self) -> Vec<Value> {
        let text = self.ok(&["ledger", "show", "--json", "--duress"]);
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    pub fn records(&self, kind: &str) -> Vec<Value> {
        self.ledger().into_iter().filter(|record| record["kind"] == kind).collect()
    }

    /// Waits until so many records of a kind are there, and gives the last one back.
    pub fn record(&self, kind: &str, count: usize) -> Value {
        until(&format!("{count} × {kind}"), || {
            let mut found = self.records(kind);
            (found.len() >= count).then(|| found.pop()).flatten()
        })
    }

    /// Whether an alarm of that kind is open.
    pub fn alarm(&self, kind: &str) -> Option<Value> {
        let status = self.status();
        status["alarms"].as_array().expect("a list").iter().find(|alarm| alarm["kind"] == kind).cloned()
    }

    /// Badge and PIN, until the cabinet knows who it is.
    pub fn identify(&self, badge: &str, pin: &str) {
        self.sim(&format!("badge {badge}"));
        self.sim(&format!("pin {pin}"));
        until("a session", || (!self.status()["session"].is_null()).then_some(()));
    }

    /// Asks for Unit 204 and waits for the lock.
    pub fn pull_204(&self) {
        self.ok(&["pull", "--key", "Unit 204", "--reason", "work-order", "--ref", "8841", "--for", "plumber"]);
        self.wait_for_open();
    }

    /// Waits until the lock is energised and the display says so.
    pub fn wait_for_open(&self) {
        until("the lock", || {
            let seen = self.look();
            let said = seen["display"].as_str().is_some_and(|text| text.contains("is unlocked for you"));
            (said && seen["doors"][0]["lock"] == true).then_some(())
        });
    }

    /// A whole visit that takes Unit 204.
    pub fn take_204(&self, badge: &str) {
        self.identify(badge, &self.pin(badge));
        self.pull_204();
        self.sim("door open");
        self.sim("take 7");
        let is_out = |away: &Value| away["key"]["id"] == "204" && away["whereabouts"]["is"] == "out";
        until("the key is out", || self.status()["away"].as_array()?.iter().any(is_out).then_some(()));
        self.close();
    }

    /// Closes the door and waits for the end of the visit.
    pub fn close(&self) {
        self.sim("door close");
        until("the end of the visit", || self.status()["session"].is_null().then_some(()));
    }

    /// Whether the process that was this demo's last daemon is still there.
    pub fn daemon_lives(&self) -> bool {
        let line = fs::read(format!("/proc/{}/cmdline", self.daemon_pid())).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(self.dir.to_str().expect("UTF-8"))
    }

    pub fn daemon_pid(&self) -> i32 {
        let text = fs::read_to_string(self.dir.join("run/daemon.pid")).expect("the demo wrote it");
        text.trim().parse().expect("a number")
    }

    /// kill -9. Returns once the demo has noticed.
    pub fn kill_daemon(&self) {
        let deaths = self.screen().matches("was killed (SIGKILL)").count();
        kill_process(Pid::from_raw(self.daemon_pid()).expect("a pid"), Signal::KILL).expect("it runs");
        until("its death", || (self.screen().matches("was killed (SIGKILL)").count() > deaths).then_some(()));
        until("the hardware noticed", || (self.look()["daemon"] == false).then_some(()));
    }

    /// Waits until the demo has started it again and it serves.
    pub fn wait_for_daemon(&self, starts: usize) {
        until("the next start", || (self.records("started").len() >= starts).then_some(()));
        until("it serves", || (self.run(&["status"]).code == 0 && self.look()["daemon"] == true).then_some(()));
    }

    /// What the terminal told since the last start of the daemon.
    pub fn since_last_start(&self) -> String {
        let screen = self.screen();
        let begin = screen.rfind("The daemon starts").expect("it started");
        screen[begin..].to_owned()
    }

    /// Ctrl-C.
    pub fn end(&mut self) -> ExitStatus {
        self.end_by(Signal::INT)
    }

    pub fn end_by(&mut self, signal: Signal) -> ExitStatus {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid")).expect("a pid");
        kill_process(pid, signal).expect("it runs");
        self.child.wait().expect("it ends")
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if self.child.try_wait().ok().flatten().is_none() {
            self.end();
        }
    }
}

fn spawn(home: &Path, dir: &Path, options: &[&str]) -> Child {
    let screen = File::create(dir.with_extension("screen")).expect("a file");
    let mut command = Command::new(PROGRAM);
    command.args(["demo", "--no-color", "--dir"]).arg(dir).args(options).env("CABINETD_LOG", "trace");
    command.current_dir(home).stdin(Stdio::null()).stdout(screen.try_clone().expect("a second handle")).stderr(screen);
    // A Ctrl-C at the test is not the demo's.
    command.process_group(0).spawn().expect("the program is there")
}
