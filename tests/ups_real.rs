//! The UPS adapter against the real NUT: upsd, the dummy-ups driver, upsmon and upsc, as Debian ships them.

#[path = "support/nut.rs"]
mod nut;

use cabinetd::cabinet::power::UpsSilence::{self, DriverGone, Refused, Stale, TimedOut, UnknownUps, Waiting};
use cabinetd::cabinet::power::{Supply, UpsReading, UpsState};
use cabinetd::cabinet::types::Mono;
use cabinetd::io::notify::Doorbell;
use cabinetd::io::sim::nut::{SimUps, SimUpsFault, SimUpsPlan};
use cabinetd::io::ups::{Poller, Watch, poll_once};
use nut::{RealNut, UPS};
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;
use std::time::{Duration, Instant};
use tokio::process::Command;

/// A test measures real time.
#[expect(clippy::disallowed_methods, reason = "the test's own stopwatch")]
fn now() -> Instant {
    Instant::now()
}

fn supply(state: &Result<UpsState, UpsSilence>) -> Supply {
    UpsReading { at: Mono(0), state: state.clone() }.supply()
}

/// Polls until the supply is `expected`. On the way only the former supply and the silences of `between` may be seen.
async fn until(watch: &Watch, expected: Supply, between: &[Supply]) -> Result<UpsState, UpsSilence> {
    let begin = now();
    loop {
        let state = poll_once(watch).await;
        let seen = supply(&state);
        if seen == expected {
            return state;
        }
        assert!(between.contains(&seen), "waiting for {expected:?}: {state:?}");
        assert!(begin.elapsed() < Duration::from_secs(20), "{expected:?} never comes, still {state:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn an_outage_is_seen_as_it_goes() {
    let nut = RealNut::start();
    let watch = nut.watch();
    let starting = [Supply::Unreachable(DriverGone), Supply::Unreachable(Waiting)];
    let state = until(&watch, Supply::OnLine, &starting).await.unwrap();
    assert_eq!(state.serial.as_deref(), Some("REAL-1"));
    let figures = state.figures;
    assert_eq!((figures.charge_pct, figures.runtime_s, figures.load_pct), (Some(100), Some(1_800), Some(12)));
    assert_eq!((figures.real_power_mw, figures.battery_mv), (Some(31_500), Some(13_650)));

    nut.set("ups.status", "OB DISCHRG");
    until(&watch, Supply::OnBattery, &[Supply::OnLine]).await.unwrap();
    nut.set("battery.charge", "9");
    nut.set("ups.status", "OB DISCHRG LB");
    let state = until(&watch, Supply::LowBattery, &[Supply::OnBattery]).await.unwrap();
    assert_eq!(state.figures.charge_pct, Some(9));
    nut.set("ups.status", "OL CHRG");
    until(&watch, Supply::OnLine, &[Supply::LowBattery]).await.unwrap();

    nut.set("ups.status", "WAIT");
    until(&watch, Supply::Unreachable(Waiting), &[Supply::OnLine]).await.unwrap_err();
    let wrong = Watch { name: "nosuchups".into(), ..watch };
    assert_eq!(poll_once(&wrong).await, Err(UnknownUps));
}

#[tokio::test]
async fn a_stopped_driver_is_stale_and_a_killed_one_is_gone() {
    let mut nut = RealNut::start();
    let watch = nut.watch();
    let starting = [Supply::Unreachable(DriverGone), Supply::Unreachable(Waiting)];
    until(&watch, Supply::OnLine, &starting).await.unwrap();

    nut.driver.signal(Signal::STOP);
    until(&watch, Supply::Unreachable(Stale), &[Supply::OnLine]).await.unwrap_err();
    nut.driver.signal(Signal::CONT);
    until(&watch, Supply::OnLine, &[Supply::Unreachable(Stale)]).await.unwrap();

    nut.driver.kill();
    until(&watch, Supply::Unreachable(DriverGone), &[Supply::OnLine]).await.unwrap_err();
    nut.restart_driver();
    let coming = [Supply::Unreachable(DriverGone), Supply::Unreachable(Waiting), Supply::Unreachable(Stale)];
    until(&watch, Supply::OnLine, &coming).await.unwrap();
}

#[tokio::test]
async fn a_stopped_upsd_times_out_and_a_restarted_one_is_found_again() {
    let mut nut = RealNut::start();
    let watch = nut.watch();
    let starting = [Supply::Unreachable(DriverGone), Supply::Unreachable(Waiting)];
    until(&watch, Supply::OnLine, &starting).await.unwrap();

    nut.upsd.signal(Signal::STOP);
    for _ in 0..3 {
        let begin = now();
        assert_eq!(poll_once(&watch).await, Err(TimedOut));
        assert!(begin.elapsed() < watch.timeout + Duration::from_millis(500));
    }
    nut.upsd.signal(Signal::CONT);
    until(&watch, Supply::OnLine, &[Supply::Unreachable(TimedOut), Supply::Unreachable(Stale)]).await.unwrap();

    nut.upsd.kill();
    assert_eq!(poll_once(&watch).await, Err(Refused));
    nut.restart_upsd();
    let coming = [Supply::Unreachable(DriverGone), Supply::Unreachable(Waiting), Supply::Unreachable(Stale)];
    until(&watch, Supply::OnLine, &coming).await.unwrap();

    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..100 {
        let begin = now();
        poll_once(&watch).await.unwrap();
        times.push(begin.elapsed());
    }
    times.sort();
    println!("one poll of a real upsd: median {:?}, slowest of 100 {:?}", times[50], times[99]);
}

/// The whole chain: driver → upsd → upsmon → `cabinetd notify` → doorbell → poller, which else would sleep for an hour.
#[tokio::test]
async fn upsmon_wakes_a_slow_poller() {
    let nut = RealNut::start();
    let starting = [Supply::Unreachable(DriverGone), Supply::Unreachable(Waiting)];
    until(&nut.watch(), Supply::OnLine, &starting).await.unwrap();

    // upsmon's account may not get at the build folder: it runs a copy.
    let program = nut.dir.path().join("cabinetd");
    fs::copy(env!("CARGO_BIN_EXE_cabinetd"), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let run_dir = tempfile::tempdir().unwrap();
    fs::set_permissions(run_dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let bell = Doorbell::open(run_dir.path()).unwrap();

    let begin = now();
    let clock = move || Mono(u64::try_from(begin.elapsed().as_millis()).unwrap());
    let hour = Duration::from_secs(3_600);
    let (queue, mut readings) = tokio::sync::mpsc::channel(4);
    let poller =
        Poller::start(Watch { on_line: hour, on_battery: hour, ..nut.watch() }, clock, queue, |reading| reading);
    let poke = poller.poke_handle();
    let bell = tokio::spawn(bell.listen(move || poke.poke()));
    assert_eq!(readings.recv().await.unwrap().supply(), Supply::OnLine);

    // Power value 0: this upsmon watches and will not shut anything down.
    let config = format!(
        "MONITOR {UPS}@127.0.0.1:{} 0 watcher secret secondary\nMINSUPPLIES 0\nSHUTDOWNCMD /bin/true\nPOLLFREQ 1\n\
         POLLFREQALERT 1\nNOTIFYFLAG ONBATT EXEC\nNOTIFYFLAG ONLINE EXEC\nNOTIFYCMD \"{} notify --socket {}/notify.sock\"\n",
        nut.port,
        program.display(),
        run_dir.path().display()
    );
    fs::write(nut.dir.path().join("upsmon.conf"), config).unwrap();
    nut::give_to_nut(nut.dir.path());
    let _upsmon = nut.spawn_upsmon();
    tokio::time::sleep(Duration::from_secs(2)).await;

    for (status, expected) in [("OB DISCHRG", Supply::OnBattery), ("OL", Supply::OnLine)] {
        let changed = now();
        nut.set("ups.status", status);
        let told = async {
            loop {
                let reading = readings.recv().await.unwrap();
                if reading.supply() == expected {
                    return;
                }
            }
        };
        let log = || fs::read_to_string(nut.dir.path().join("upsmon.log")).unwrap_or_default();
        tokio::time::timeout(Duration::from_secs(15), told).await.unwrap_or_else(|_| panic!("{status}: {}", log()));
        println!("{status}: known {:?} after upsrw was asked to set it", changed.elapsed());
    }
    bell.abort();
}

async fn upsc(args: &[&str]) -> Output {
    Command::new("/usr/bin/upsc").args(args).output().await.expect("apt-get install nut-client")
}

/// The simulated UPS of the demo is good enough for NUT's own client.
#[tokio::test]
async fn upsc_understands_the_simulated_ups() {
    let sim = SimUps::start("127.0.0.1:0".parse().unwrap(), SimUpsPlan::default(), || Mono(0)).await.unwrap();
    let at = sim.addr();
    let name = format!("{}@{at}", sim.name());
    let text = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();

    assert_eq!(text(&upsc(&["-l", &at.to_string()]).await), "demo\n");
    let all = upsc(&[&name]).await;
    assert!(all.status.success(), "{all:?}");
    for line in ["ups.status: OL\n", "battery.charge: 100\n", "ups.realpower: 9.000\n", "ups.load: 15\n"] {
        assert!(text(&all).contains(line), "{line} is missing in {}", text(&all));
    }
    sim.mains(false);
    assert_eq!(text(&upsc(&[&name, "ups.status"]).await), "OB DISCHRG\n");
    sim.charge(15);
    assert_eq!(text(&upsc(&[&name, "ups.status"]).await), "OB DISCHRG LB\n");
    assert_eq!(text(&upsc(&[&name, "battery.charge"]).await), "15\n");
    sim.mains(true);
    assert_eq!(text(&upsc(&[&name, "ups.status"]).await), "OL CHRG\n");

    let unsupported = upsc(&[&name, "no.such"]).await;
    assert!(complaint(&unsupported).contains("Variable not supported"), "{unsupported:?}");
    assert!(complaint(&upsc(&[&format!("other@{at}")]).await).contains("Unknown UPS"));
    for (fault, words) in [
        (SimUpsFault::Stale, "Data stale"),
        (SimUpsFault::DriverGone, "Driver not connected"),
        (SimUpsFault::Refuse, "Connection refused"),
    ] {
        sim.fault(fault);
        // The change needs a turn of the simulation's task.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let output = upsc(&[&name]).await;
        assert!(complaint(&output).contains(words), "{fault:?}: {output:?}");
    }
    sim.fault(SimUpsFault::None);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(upsc(&[&name]).await.status.success(), "healed");
}
