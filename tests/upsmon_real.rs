//! The power policy beside a real upsmon: with the recipe's files it shuts down exactly when we decided, once; with the files
//! that Debian ships it does not ask.
//!
//! Each scenario is a machine of its own: files, upsd, driver, upsmon, port. They run all at the same time, as long as the
//! longest of them, since the waits are real: a minute of silence is a minute.

#[path = "support/demo.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod demo;
#[path = "support/megatec.rs"]
mod megatec;
#[path = "support/nut.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod nut;
#[path = "support/site.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod site;
#[path = "support/upsmon.rs"]
mod upsmon;

use cabinetd::cabinet::event::DrillStep;
use cabinetd::cabinet::outcome::Answer;
use cabinetd::cabinet::power::Method;
use cabinetd::config::Config;
use cabinetd::io::clock;
use cabinetd::io::control::wire::Ask;
use cabinetd::io::control::{Client, new_request_key};
use cabinetd::io::ups::orders::{OrderError, force_shutdown, instant_command, list_clients, list_commands};
use cabinetd::io::upsmon::{Level, NutSetup, OurUps, Password, judge};
use rustix::process::Signal;
use site::{Site, serve_board};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};
use upsmon::{Machine, Setup, USER, Unit};

/// A test measures real time.
#[expect(clippy::disallowed_methods, reason = "the test's own stopwatch")]
fn now() -> Instant {
    Instant::now()
}

fn text_of(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

const S: fn(u64) -> Duration = Duration::from_secs;

#[test]
fn upsmon_shuts_down_when_we_decide_and_not_when_the_ups_is_nervous() {
    let scenarios: [(&str, fn()); 8] = [
        ("a spurious low battery, and a true one", a_spurious_low_battery_does_nothing_and_a_true_one_is_the_net),
        ("a minute of silence", a_minute_of_silence_on_battery_does_nothing),
        ("upsd restarted", an_upsd_that_starts_again_on_battery_does_nothing),
        ("our own order", our_own_order_shuts_down_once),
        ("the daemon's order", the_daemon_decides_and_upsmon_obeys_once),
        ("a real driver obeys", a_real_driver_carries_a_self_test_out),
        ("stock: a spurious low battery", stock_shuts_down_at_a_spurious_low_battery),
        ("stock: silence", stock_shuts_down_when_the_ups_falls_silent),
    ];
    let failed: Vec<&str> = std::thread::scope(|scope| {
        let running: Vec<_> = scenarios
            .into_iter()
            .map(|(name, scenario)| {
                let begun = std::thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, move || {
                    let begin = now();
                    scenario();
                    println!("{name}: as it should be, after {:.0?}", begin.elapsed());
                });
                (name, begun.unwrap())
            })
            .collect();
        running.into_iter().filter_map(|(name, scenario)| scenario.join().is_err().then_some(name)).collect()
    });
    assert!(failed.is_empty(), "these went wrong: {failed:?}");
}

/// The unit says "low" at 95 %. Later it is really at its end, and the policy (a dead daemon, here) has not acted.
fn a_spurious_low_battery_does_nothing_and_a_true_one_is_the_net() {
    let mut machine = Machine::start(Setup::Recipe, Unit::Serial);
    judge_finds_nothing(&machine);
    {
        let mut unit = machine.unit().state();
        (unit.mains, unit.charge_pct, unit.low) = (false, 95, true);
    }
    machine.until("the power is out", S(10), |status| status.contains("OB"));
    machine.until_news("ONBATT", S(10));
    // Two polls of upsmon more.
    machine.hold(S(12));
    assert_eq!(machine.status(), "OB", "the driver keeps the unit's nerves to itself");
    assert!(!machine.news().iter().any(|news| news == "LOWBATT"), "{:?}", machine.news());

    machine.unit().state().charge_pct = 1;
    machine.until("the battery is low", S(10), |status| status.contains("LB"));
    let low = now();
    let took = machine.until_shutdown(low, S(45));
    assert!(took > S(19), "somebody at the cabinet had {took:?}");
    std::thread::sleep(S(2));
    assert_eq!(machine.shutdowns().len(), 1, "once");
    late_shutdown_cuts_the_output(machine);
}

/// What Debian's nutshutdown does at the very end.
fn late_shutdown_cuts_the_output(mut machine: Machine) {
    assert!(machine.powerdown_flag().exists());
    let flag = machine.run("/lib/nut/upsmon", &["-P", nut::NO_PROCESS, "-K"]);
    assert!(flag.status.success(), "{flag:?}");
    machine.nut.upsd.kill();
    machine.nut.driver.kill();
    machine.unit().state().told.clear();
    let output = machine.run("/sbin/upsdrvctl", &["shutdown"]);
    let told = machine.unit().state().told.clone();
    assert!(told.last().is_some_and(|order| order.starts_with('S')), "{told:?} {output:?}");
}

/// The recipe as it is on the disk of the machine, a wrong turn by this rig included.
fn judge_finds_nothing(machine: &Machine) {
    let password = text_of(&machine.nut.dir.path().join("upsd_password"));
    let our = OurUps {
        name: nut::UPS,
        host: "127.0.0.1",
        port: machine.nut.port,
        user: Some(USER),
        password: Some(Password(password.trim())),
        sleep: Method::UpsOff,
    };
    let found = judge(&NutSetup::read(machine.nut.dir.path(), None), &our);
    let wrong: Vec<_> = found.iter().filter(|finding| finding.level == Level::Fail).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

fn a_minute_of_silence_on_battery_does_nothing() {
    let mut machine = Machine::start(Setup::Recipe, Unit::Dummy);
    machine.nut.set("ups.status", "OB DISCHRG");
    machine.until_news("ONBATT", S(10));
    machine.nut.driver.signal(Signal::STOP);
    machine.until("the data are stale", S(15), |status| status.contains("nothing new"));
    machine.hold(S(60));
    assert!(machine.news().iter().any(|news| news == "COMMBAD"), "it was noticed: {:?}", machine.news());
    machine.nut.driver.signal(Signal::CONT);
    machine.until("the driver is back", S(15), |status| status == "OB DISCHRG");
    machine.until_news("COMMOK", S(10));
    machine.hold(S(6));
}

fn an_upsd_that_starts_again_on_battery_does_nothing() {
    let mut machine = Machine::start(Setup::Recipe, Unit::Dummy);
    machine.nut.set("ups.status", "OB DISCHRG");
    machine.until_news("ONBATT", S(10));
    machine.nut.upsd.kill();
    // Longer than the DEADTIME of a stock upsmon, with its poll.
    machine.hold(S(22));
    machine.nut.restart_upsd();
    machine.until("the driver is connected", S(20), |status| status == "OB DISCHRG");
    machine.until_news("COMMOK", S(15));
    machine.hold(S(6));
    assert_eq!(wait(list_clients(&machine.place())).unwrap().len(), 1, "upsmon has logged in again");
}

fn our_own_order_shuts_down_once() {
    let mut machine = Machine::start(Setup::Recipe, Unit::Dummy);
    let (place, login) = (machine.place(), machine.login());
    assert_eq!(wait(list_clients(&place)).unwrap(), ["127.0.0.1"], "upsmon alone draws on this UPS");
    machine.nut.set("ups.status", "OB DISCHRG");
    machine.nut.set("battery.charge", "60");
    machine.until_news("ONBATT", S(10));
    machine.hold(S(6));
    let decided = now();
    wait(force_shutdown(&place, &login)).unwrap();
    assert_eq!(machine.status(), "FSD OB DISCHRG");
    // Who is impatient changes nothing.
    wait(force_shutdown(&place, &login)).unwrap();
    machine.until_news("FSD", S(10));
    let took = machine.until_shutdown(decided, S(45));
    // FINALDELAY, and at most a poll before it. upsmon does not wait for other machines: there are none.
    assert!((S(19)..S(30)).contains(&took), "{took:?}");
    wait(force_shutdown(&place, &login)).unwrap();
    std::thread::sleep(S(12));
    assert_eq!(machine.shutdowns().len(), 1, "once\n{}", machine.logs());
    assert!(machine.powerdown_flag().exists());
}

/// The whole way: the daemon decides and records, upsd is told, upsmon shuts down, once. In a drill, which is how a site meets it first.
fn the_daemon_decides_and_upsmon_obeys_once() {
    // Twice as fast as life: the grace is a minute, and FINALDELAY still ends before the daemon gives the order up.
    const RATE: u32 = 2;
    let mut machine = Machine::start(Setup::Recipe, Unit::Dummy);
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    let group = uzers::get_current_groupname().unwrap().to_string_lossy().into_owned();
    std::fs::write(dir.join("cabinetd.toml"), config(&group, machine.nut.port)).unwrap();
    let mut site = Site::new(dir);
    site.ok(&["init"]);
    let password = dir.join("credentials/upsd_password");
    std::fs::copy(machine.nut.dir.path().join("upsd_password"), &password).unwrap();
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).unwrap();
    serve_board(dir, &Config::load(&dir.join("cabinetd.toml")).unwrap().settings);
    let mono_ms = clock::real().0.0;
    let time = format!(
        "boot=1,booted_ms={mono_ms},rate={RATE},began_mono_ms={mono_ms},began_wall_ms=1772442000000,clock=synced"
    );
    site.environment = vec![(clock::sim::VARIABLE.to_owned(), time)];
    site.start();
    site.supply(&"on-line".into());
    let asks = |step| {
        let mut daemon = Client::connect(&dir.join("run")).unwrap();
        let answer = daemon.ask(&new_request_key(), &Ask::Drill(step)).unwrap();
        assert!(matches!(answer, Answer::Done { .. }), "{step:?}: {answer:?}");
    };
    let mode = || site.status()["power"]["mode"].as_str().unwrap_or_default().to_owned();

    asks(DrillStep::Start { deep: false });
    machine.nut.set("ups.status", "OB DISCHRG");
    machine.until_news("ONBATT", S(10));
    let begin = now();
    while mode() != "normal" {
        assert!(begin.elapsed() < S(120), "still {}", mode());
        machine.hold(S(1));
    }
    let decided = now();
    asks(DrillStep::Prove { method: Method::UpsOff });
    machine.until_shutdown(decided, S(45));
    // It was recorded before it was done, and it was not taken for somebody else's.
    let switches = site.records("power-switched");
    let whys: Vec<&str> = switches.iter().filter_map(|record| record["fact"]["why"].as_str()).collect();
    assert_eq!(whys, ["mains-lost", "grace-over", "told-to-sleep", "ready"], "{switches:?}");
    assert_eq!(mode(), "asleep");
    std::thread::sleep(S(5));
    assert_eq!(machine.shutdowns().len(), 1, "once\n{}", machine.logs());
    assert!(machine.powerdown_flag().exists());
    site.go_dark();
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
count = 6
columns = 3
[power]
sleep = "ups-off"
[ups]
name = "{}"
port = {port}
poll_on_line_s = 5
poll_on_battery_s = 5
user = "{USER}"
[accounts]
"{group}" = "admin"
"#,
        nut::UPS
    )
}

/// Not upsmon's matter, but it wants a driver that carries something out.
fn a_real_driver_carries_a_self_test_out() {
    let machine = Machine::start(Setup::Recipe, Unit::Serial);
    let (place, login) = (machine.place(), machine.login());
    let commands = wait(list_commands(&place)).unwrap();
    assert!(commands.iter().any(|command| command == "test.battery.start.quick"), "{commands:?}");
    let ordered = wait(instant_command(&place, &login, "test.battery.start.quick", None)).unwrap();
    println!("a real driver on a self-test: {ordered:?}");
    assert_eq!(machine.unit().state().told, ["T"]);
    let denied = wait(instant_command(&place, &login, "load.off", None)).unwrap_err();
    assert!(matches!(denied, OrderError::AccessDenied { .. }), "the recipe's user may not: {denied}");
    assert_eq!(machine.unit().state().told, ["T"], "and nothing reached the unit");
}

fn stock_shuts_down_at_a_spurious_low_battery() {
    let machine = Machine::start(Setup::Stock, Unit::Serial);
    {
        let mut unit = machine.unit().state();
        (unit.mains, unit.charge_pct, unit.low) = (false, 95, true);
    }
    let took = machine.until_shutdown(now(), S(30));
    println!("stock: shut down at 95 % charge, {took:.1?} after mains failed");
    assert_eq!(machine.status(), "FSD OB LB");
}

fn stock_shuts_down_when_the_ups_falls_silent() {
    let machine = Machine::start(Setup::Stock, Unit::Dummy);
    machine.nut.set("ups.status", "OB DISCHRG");
    std::thread::sleep(S(7));
    machine.nut.driver.signal(Signal::STOP);
    let took = machine.until_shutdown(now(), S(60));
    println!("stock: shut down {took:.1?} after the driver fell silent");
}
