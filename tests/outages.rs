//! Whole outages, played by a real dummy-ups through a real upsd at the real daemon, in hurried time; the ledger tells the story afterwards.
//!
//! The driver looks once a second; in an evening that takes a minute that is four minutes of the cabinet's time, which is how coarse
//! these stories are. The exact seconds are the stories' of the core.

#[path = "support/demo.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod demo;
#[path = "support/nut.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod nut;
#[path = "support/site.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod site;

use cabinetd::cabinet::power::Method;
use cabinetd::config::Config;
use cabinetd::io::clock;
use demo::{now, until};
use nut::{RealNut, UPS};
use rustix::process::Signal;
use serde_json::Value;
use site::{Site, serve_board};
use std::fmt::Write as _;
use std::fs;
use std::time::Duration;
use tempfile::TempDir;

const HOUR_MS: u64 = 3_600_000;
/// Nothing here takes longer, on a busy machine either.
const PATIENCE: Duration = Duration::from_secs(90);
/// 2026-03-02T09:00:00Z, a Monday.
const BEGAN_WALL_MS: i64 = 1_772_442_000_000;

struct Play {
    site: Site,
    nut: RealNut,
    began_mono_ms: u64,
    /// Seconds of the cabinet in a real one.
    rate: u32,
    _home: TempDir,
}

impl Play {
    /// A site whose battery holds so much, with a UPS that plays this script.
    fn begin(nameplate_wh: u32, rate: u32, script: Option<&str>) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let dir = home.path().to_owned();
        let nut = RealNut::start_playing(script);
        let group = uzers::get_current_groupname().expect("a group").to_string_lossy().into_owned();
        fs::write(dir.join("cabinetd.toml"), config(&group, nut.port, nameplate_wh)).expect("written");
        let site = Site::new(&dir);
        site.ok(&["init"]);
        let settings = Config::load(&dir.join("cabinetd.toml")).expect("it is sound").settings;
        serve_board(&dir, &settings);
        let mut play = Self { site, nut, rate, began_mono_ms: clock::real().0.0, _home: home };
        play.switch_on(1, "synced");
        play.site.supply(&"on-line".into());
        play
    }

    /// The machine comes up: boot `boot`, with a clock of this quality.
    fn switch_on(&mut self, boot: u32, clock_quality: &str) {
        let (mono_ms, booted_ms, rate) = (self.began_mono_ms, clock::real().0.0, self.rate);
        let time = format!(
            "boot={boot},booted_ms={booted_ms},rate={rate},began_mono_ms={mono_ms},began_wall_ms={BEGAN_WALL_MS},clock={clock_quality}"
        );
        self.site.environment = vec![(clock::sim::VARIABLE.to_owned(), time)];
        self.site.start();
    }

    fn mode(&self) -> String {
        self.site.status()["power"]["mode"].as_str().unwrap_or_default().to_owned()
    }

    fn awaits(&self, mode: &str) {
        let begin = now();
        while self.mode() != mode {
            assert!(begin.elapsed() < PATIENCE, "it is never {mode}: {} after {:?}", self.mode(), self.story());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the mode changed for this reason so many times.
    fn awaits_why(&self, why: &str, times: usize) {
        let begin = now();
        while self.story().iter().filter(|told| *told == why).count() < times {
            assert!(begin.elapsed() < PATIENCE, "never {why} ({times}): {} after {:?}", self.mode(), self.story());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Why the mode changed, switch by switch.
    fn story(&self) -> Vec<String> {
        let words = |record: Value| record["fact"]["why"].as_str().unwrap_or_default().to_owned();
        self.site.records("power-switched").into_iter().map(words).collect()
    }

    fn alarms(&self) -> Vec<String> {
        let raised = self.site.records("alarm-raised");
        raised.iter().map(|record| record["fact"]["alarm"]["alarm"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn ends(mut self) {
        assert_eq!(self.site.stop().code(), Some(0));
        self.site.ok(&["ledger", "verify"]);
    }
}

fn config(group: &str, port: u16, nameplate_wh: u32) -> String {
    format!(
        r#"
[cabinet]
site = "elm-street"
name = "lobby"
time_zone = "America/New_York"
[paths]
state_dir = "state"
credentials_dir = "credentials"
run_dir = "run"
[lines]
backend = "sim"
socket = "run/hardware.sock"
[slots]
count = 6
columns = 3
[sessions]
command_ms = 60000
[battery]
nameplate_wh = {nameplate_wh}
[ups]
name = "{UPS}"
port = {port}
poll_on_line_s = 60
poll_on_battery_s = 5
timeout_ms = 900
[accounts]
"{group}" = "admin"
"#
    )
}

/// A discharge in steps of `step_s` real seconds, from `from` percent down by `by` each.
fn discharge(script: &mut String, from: i32, by: i32, steps: i32, each_s: u32) {
    for step in 0..steps {
        let _ = writeln!(script, "ups.status: OB DISCHRG\nbattery.charge: {}\nTIMER {each_s}", from - by * step);
    }
}

/// Three hours and a quarter on a battery that bears them: the hours decide, the cabinet sleeps, somebody wakes it, mains returns.
#[test]
fn a_long_evening_is_slept_through_and_told() {
    let mut script = "ups.status: OL\nbattery.charge: 100\nups.load: 12\nups.serial: PLAY-1\nTIMER 6\n".to_owned();
    discharge(&mut script, 99, 2, 16, 3);
    script.push_str("ups.status: OL CHRG\nbattery.charge: 67\nTIMER 600\n");
    let play = Play::begin(1_000, 240, Some(&script));
    play.awaits("normal");
    play.awaits("asleep");
    // Two hours into it, give or take what a second of the driver is here.
    let elapsed_ms = play.site.status()["power"]["outage"]["elapsed"]["least_ms"].as_u64().expect("a length");
    assert!((HOUR_MS * 3 / 2..HOUR_MS * 5 / 2).contains(&elapsed_ms), "{elapsed_ms}");
    play.site.ok(&["sim", "button"]);
    play.awaits_why("someone-came", 1);
    play.awaits("asleep");
    play.awaits("restoring");
    play.awaits("line");
    let story = play.story();
    let expected = [
        "mains-lost",
        "grace-over",
        "too-long",
        "idle",
        "ready",
        "someone-came",
        "idle",
        "ready",
        "mains-back",
        "mains-for-good",
    ];
    assert_eq!(story, expected);
    let ended = play.site.records("outage-ended").pop().expect("a record");
    let ended = &ended["fact"];
    let length_ms = ended["least_ms"].as_u64().expect("a length");
    assert!((HOUR_MS * 5 / 2..HOUR_MS * 4).contains(&length_ms), "{ended}");
    assert_eq!((&ended["sleeps"], &ended["flaps"], &ended["most_ms"]), (&2.into(), &0.into(), &length_ms.into()));
    // Awake for two hours at 20 W and asleep for one at 12 W, as a battery of this size feels it.
    let spent_mwh = ended["spent_mwh"].as_u64().expect("energy");
    assert!((30_000..80_000).contains(&spent_mwh), "{ended}");
    assert_eq!(play.site.status()["power"]["outage"], Value::Null);
    play.ends();
}

/// Mains flaps, the driver dies and comes back, upsd is restarted: one outage, and the cabinet never takes silence for the end.
#[test]
fn flaps_a_dead_driver_and_a_restarted_upsd_are_one_outage() {
    let mut play = Play::begin(1_000, 30, None);
    let set = |play: &Play, status: &str| play.nut.set("ups.status", status);
    set(&play, "OB DISCHRG");
    play.awaits("normal");
    set(&play, "OL");
    play.awaits("restoring");
    set(&play, "OB DISCHRG");
    play.awaits("normal");
    // The driver hangs: stale data. Two minutes of that, and the battery is saved.
    play.nut.driver.signal(Signal::STOP);
    play.awaits_why("silent", 1);
    play.awaits("asleep");
    play.nut.driver.signal(Signal::CONT);
    until("the UPS", || (play.site.status()["supply"]["supply"] == "on-battery").then_some(()));
    // An hour is short, the energy ample: whoever comes after five minutes finds it serving as usual again.
    std::thread::sleep(Duration::from_secs(11));
    play.site.ok(&["sim", "button"]);
    play.awaits_why("short-and-ample", 1);
    play.awaits("normal");
    // The driver dies, upsd goes and comes.
    play.nut.driver.kill();
    play.nut.upsd.kill();
    play.awaits_why("silent", 2);
    play.nut.restart_driver();
    play.nut.restart_upsd();
    // Its file says OL.
    play.awaits("restoring");
    play.awaits("line");
    let ended = play.site.records("outage-ended");
    assert_eq!(ended.len(), 1, "{ended:?}");
    assert_eq!(ended[0]["fact"]["flaps"], 1, "{ended:?}");
    assert!(!play.story().iter().any(|why| why == "empty" || why == "low-and-last"), "{:?}", play.story());
    play.ends();
}

/// A small battery: the cabinet says that the cabinet key is next before it goes dark, and the books are right when it is back.
#[test]
fn a_small_battery_ends_in_order_and_the_books_go_on() {
    let mut play = Play::begin(30, 30, None);
    play.nut.set("ups.status", "OB DISCHRG");
    play.awaits("normal");
    play.nut.set("battery.charge", "15");
    play.nut.set("ups.status", "OB DISCHRG LB");
    play.awaits_why("low-thrice", 1);
    play.awaits("manual");
    assert!(play.alarms().contains(&"cabinet-key-only".to_owned()), "{:?}", play.alarms());
    assert!(play.site.ok(&["sim", "status"]).contains("cabinet key"), "the display says so");
    // The battery ends. Hours later mains is back, and the clock is where it was.
    play.site.go_dark();
    play.nut.set("ups.status", "OL CHRG");
    play.nut.set("battery.charge", "40");
    play.switch_on(2, "restored");
    play.awaits("line");
    let story = play.story();
    assert_eq!(story.last().map(String::as_str), Some("mains-for-good"));
    assert!(story.iter().any(|why| why == "started-on-line" || why == "mains-back"), "{story:?}");
    let ended = play.site.records("outage-ended").pop().expect("a record");
    let (least, most) = (ended["fact"]["least_ms"].as_u64(), ended["fact"]["most_ms"].as_u64());
    assert!(least < most, "nobody knows how long it was dark: {ended}");
    let cleared = play.site.records("alarm-cleared");
    assert!(!cleared.is_empty() && play.site.status()["alarms"].as_array().is_some_and(Vec::is_empty));
    // Proof of standby needs no drill; no deep method was ever usable.
    assert_eq!(play.site.status()["power"]["deepest"], Method::Standby.word());
    play.ends();
}
