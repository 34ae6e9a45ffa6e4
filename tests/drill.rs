//! A drill from end to end: the real command against the real daemon, a simulated UPS at the other end of the NUT protocol, a simulated
//! cabinet, in hurried time. What the guide says is rehearsed in `drill_guide.rs`; here the parts meet.

#[path = "support/demo.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod demo;
#[path = "support/nut.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod nut;
#[path = "support/site.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod site;

use cabinetd::config::Config;
use cabinetd::io::clock;
use cabinetd::io::sim::nut::{Button, SimUps, SimUpsPlan};
use demo::{PROGRAM, cabinetd_with, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use site::{Site, serve_board};
use std::fs::{self, File, Permissions};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use tempfile::TempDir;

/// Seconds of the cabinet in a real one: two minutes of grace pass in eight seconds.
const RATE: u32 = 15;
/// 2026-03-02T09:00:00Z, a Monday.
const BEGAN_WALL_MS: i64 = 1_772_442_000_000;
const PIN: &str = "482913";

struct Commissioning {
    site: Site,
    ups: SimUps,
    began_mono_ms: u64,
    boots: u32,
    _home: TempDir,
}

/// A `cabinetd drill` at a terminal of its own.
struct Terminal {
    child: Child,
    text: PathBuf,
}

impl Commissioning {
    fn begin() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let dir = home.path().to_owned();
        let ups = simulated_ups();
        let group = uzers::get_current_groupname().expect("a group").to_string_lossy().into_owned();
        fs::write(dir.join("cabinetd.toml"), config(&group, ups.addr().port())).expect("written");
        let site = Site::new(&dir);
        site.ok(&["init"]);
        let password = dir.join("credentials/upsd_password");
        fs::write(&password, "simulated\n").expect("written");
        fs::set_permissions(&password, Permissions::from_mode(0o600)).expect("set");
        let settings = Config::load(&dir.join("cabinetd.toml")).expect("it is sound").settings;
        serve_board(&dir, &settings);
        let mut here = Self { site, ups, began_mono_ms: clock::real().0.0, boots: 0, _home: home };
        here.switch_on();
        let roster = concat!(env!("CARGO_MANIFEST_DIR"), "/config/roster-sample.toml");
        here.site.ok(&["roster", "import", roster]);
        let set = cabinetd_with(&here.site.dir, &["user", "pin", "maintenance-1", "--set"], &format!("{PIN}\n"));
        assert_eq!(set.code, 0, "{set:?}");
        here.site.supply(&"on-line".into());
        here
    }

    /// The machine comes up.
    fn switch_on(&mut self) {
        self.boots += 1;
        let (boot, booted_ms, mono_ms) = (self.boots, clock::real().0.0, self.began_mono_ms);
        let time = format!(
            "boot={boot},booted_ms={booted_ms},rate={RATE},began_mono_ms={mono_ms},began_wall_ms={BEGAN_WALL_MS},clock=rtc"
        );
        self.site.environment = vec![(clock::sim::VARIABLE.to_owned(), time)];
        self.site.start();
    }

    fn drill(&self, options: &[&str]) -> Terminal {
        let text = self.site.dir.join(format!("terminal-{}", options.len()));
        let mut command = Command::new(PROGRAM);
        command.args(["drill", "--yes", "--no-network", "--minutes", "0", "--json"]).args(options);
        command.env("CABINETD_DIR", &self.site.dir).env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&text).expect("a file"));
        Terminal { child: command.spawn().expect("the program is there"), text }
    }

    fn visits(&self) {
        self.site.ok(&["sim", "badge", "1002"]);
        self.site.ok(&["sim", "pin", PIN]);
        until("a session", || (!self.site.status()["session"].is_null()).then_some(()));
        self.site.ok(&["pull", "--key", "Unit 101", "--reason", "unit-access"]);
        for words in ["door open", "take 1", "put 1", "door close"] {
            let words: Vec<&str> = words.split(' ').collect();
            self.site.ok(&[&["sim"], words.as_slice()].concat());
        }
    }

    fn seen(&self) -> Vec<String> {
        let seen = self.site.status()["power"]["drill"]["seen"].clone();
        let seen = seen.as_array().cloned().unwrap_or_default();
        seen.iter().map(|seen| seen["what"].as_str().expect("a word").to_owned()).collect()
    }
}

impl Terminal {
    fn says(&self, text: &str) {
        until(text, || self.said().contains(text).then_some(()));
    }

    /// Without its line breaks.
    fn said(&self) -> String {
        fs::read_to_string(&self.text).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid")).expect("a pid");
        kill_process(pid, signal).expect("it runs");
    }

    /// Its exit code and its JSON.
    fn ends(self) -> (i32, Value) {
        let output = self.child.wait_with_output().expect("it ends");
        let json = serde_json::from_slice(&output.stdout).expect("JSON");
        (output.status.code().unwrap_or(-1), json)
    }
}

/// In a thread of its own; it ends with the test's process.
fn simulated_ups() -> SimUps {
    let (started, ups) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let plan = SimUpsPlan { fsd_cut_ms: 1_000, ..SimUpsPlan::default() };
            let at = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let ups = SimUps::start(at, plan, || clock::real().0).await.expect("loopback");
            started.send(ups).expect("somebody waits");
            std::future::pending::<()>().await;
        });
    });
    ups.recv().expect("it starts")
}

fn config(group: &str, port: u16) -> String {
    format!(
        r#"
[cabinet]
site = "elm-street"
name = "lobby"
[paths]
state_dir = "state"
credentials_dir = "credentials"
run_dir = "run"
[lines]
backend = "sim"
socket = "run/hardware.sock"
[slots]
count = 24
columns = 8
[sessions]
command_ms = 60000
unlock_ms = 60000
[battery]
nameplate_wh = 60
[power]
sleep = "ups-off"
[ups]
name = "demo"
port = {port}
poll_on_line_s = 5
poll_on_battery_s = 2
timeout_ms = 900
user = "cabinetd"
[accounts]
"{group}" = "admin"
"#
    )
}

#[test]
fn commissioning_over_a_night_that_was_ordered() {
    let mut here = Commissioning::begin();
    let terminal = here.drill(&["--method", "standby", "--method", "ups-off"]);
    terminal.says("Pull the UPS's plug");
    here.ups.mains(false);
    terminal.says("Now one visit");
    here.visits();
    terminal.says("Reader, lock, door and a slot's sensor live on battery.");
    assert_eq!(here.seen(), ["on-battery", "reader", "lock", "door", "sensor"]);

    terminal.says("It is in standby");
    here.site.ok(&["sim", "button"]);
    terminal.says("Sleep by standby is proved.");

    // upsd was told to shut down; the output goes, and the terminal with it.
    until("the UPS to cut its output", || (!here.ups.status().output).then_some(()));
    here.site.go_dark();
    terminal.says("it is dark");
    terminal.signal(Signal::HUP);
    let (code, json) = terminal.ends();
    assert_eq!((code, &json["goes_on"]), (3, &true.into()), "the drill is the daemon's");

    assert_eq!(here.ups.power_button(), Button::TurnedOn);
    here.switch_on();
    until("the wake", || here.seen().contains(&"woke".to_owned()).then_some(()));
    // Whoever pressed says so; `--yes` says it for them.
    let again = here.drill(&["--method", "standby", "--method", "ups-off", "--resume"]);
    until("the proof", || (here.site.records("method-proved").len() == 2).then_some(()));
    again.says("Put the UPS's plug back");
    here.ups.mains(true);
    let said = || fs::read_to_string(&again.text).unwrap_or_default();
    until("the summary", || said().contains("In an outage the cabinet sleeps by ups-off").then_some(()));
    let (code, json) = again.ends();
    assert_eq!((code, &json["all_well"], &json["end"]), (0, &true.into(), &"finished".into()), "{json}");
    let proved: Vec<&str> = json["methods"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|method| method["proved"] == true)
        .filter_map(|method| method["method"].as_str())
        .collect();
    assert_eq!(proved, ["standby", "ups-off"]);
    let load = here.site.records("drill-saw").into_iter().find(|record| record["fact"]["what"] == "load");
    assert_eq!(load.expect("it was measured")["fact"]["figure"], 9_000);

    // It is over as a drill, and teaches nothing of outages.
    until("mains for good", || (here.site.status()["power"]["mode"] == "line").then_some(()));
    let status = here.site.status();
    assert_eq!(
        (&status["power"]["deepest"], &status["power"]["last_outage"], &status["power"]["last_drill"]["how"]),
        (&"ups-off".into(), &Value::Null, &"finished".into())
    );
    let list: Value = serde_json::from_str(&here.site.ok(&["outage", "list", "--json"])).expect("JSON");
    assert_eq!(
        (list.as_array().map(Vec::len), &list[0]["drill"], &list[0]["visits"]),
        (Some(1), &true.into(), &1.into())
    );
    assert_eq!(here.site.stop().code(), Some(0));
    here.site.ok(&["ledger", "verify"]);
}

#[test]
fn ctrl_c_and_another_terminal_end_it_and_the_daemon_knows() {
    let here = Commissioning::begin();
    // Without a terminal nobody answers; the daemon hears nothing of it.
    let unattended = here.site.cmd(&["drill", "--method", "ups-off"]);
    assert_eq!(unattended.code, 1, "{unattended:?}");
    assert!(unattended.out.contains("--yes says that somebody is at it"), "{unattended:?}");
    assert!(here.site.status()["power"]["drill"].is_null());

    let terminal = here.drill(&["--method", "standby"]);
    terminal.says("Pull the UPS's plug");
    here.ups.mains(false);
    terminal.says("Now one visit");
    // It is under way: no second one.
    let second = here.drill(&[]);
    let (code, json) = second.ends();
    assert_eq!((code, &json["refused"]["why"]), (1, &"drill-under-way".into()));
    terminal.signal(Signal::INT);
    until("the end", || (here.site.records("drill-ended").len() == 1).then_some(()));
    // The record comes before the terminal has heard of it.
    terminal.says("The drill is aborted. Put the UPS's plug back");
    let (code, json) = terminal.ends();
    assert_eq!((code, &json["end"]), (1, &"aborted".into()));
    assert_eq!(here.site.cmd(&["drill", "--abort"]).code, 1, "there is none");
    here.ups.mains(true);
    until("mains for good", || (here.site.status()["power"]["mode"] == "line").then_some(()));
    assert_eq!(here.site.records("drill-ended")[0]["fact"]["how"], "aborted");
}
