//! Wake-ups and memory of the idle daemon on line power, beside upsd, upsmon and a plain Python daemon, all in the same minutes.

use crate::days::{BADGE, PIN};
use crate::gauge::{children, memory, now, report, threads, wake_ups};
use crate::nut::{RealNut, UPS, give_to_nut};
use crate::place::{Place, write_seed};
use cabinetd::cabinet::outcome::{Answer, Message};
use cabinetd::cabinet::power::state::PowerOrder;
use cabinetd::cabinet::types::{DoorNo, Input, Level, Output};
use cabinetd::io::control::wire::Ask;
use cabinetd::io::control::{Client, new_request_key};
use cabinetd::io::sim::wire::{FromHardware, Order};
use rustix::process::{Pid, Signal, getuid, kill_process};
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What has to become quiet: a thread that checked a PIN ends after 10 s without work.
const SETTLING: Duration = Duration::from_secs(20);
/// Four polls of the UPS, two proofs of life.
const WATCHED: Duration = Duration::from_secs(120);

pub fn measure() {
    let dir = tempfile::tempdir().expect("a folder");
    let nut = RealNut::start();
    // The driver's first figures: a UPS that was silent is polled fast for a while.
    std::thread::sleep(Duration::from_secs(3));
    let upsmon = Upsmon::start(&nut);
    let place = Place::new(dir.path(), Some((UPS, nut.port)));
    write_seed(dir.path(), &place);
    let hardware = place.hardware();
    let (daemon, _) = place.start();
    let python = Python::start(dir.path(), nut.port);
    std::thread::sleep(Duration::from_secs(1));

    // One visit: badge, PIN, door open, door closed.
    let (lock, door) = (Output::Lock(DoorNo(1)), Input::Door(DoorNo(1)));
    hardware.say(&FromHardware::Code(BADGE.into()));
    hardware.wait(|order| matches!(order, Order::Show(Message::EnterPin)));
    hardware.say(&FromHardware::Pin(PIN.into()));
    for (lock_level, door_level) in [(Level::Active, Level::Inactive), (Level::Inactive, Level::Active)] {
        hardware
            .wait(|order| matches!(order, Order::Set { output, level, .. } if *output == lock && *level == lock_level));
        hardware.say(&FromHardware::Line { input: door, level: door_level });
    }
    std::thread::sleep(SETTLING);

    let (ours, monitors, upsd, python) =
        (vec![daemon.pid()], upsmon.0.clone(), vec![nut.upsd.pid()], vec![python.0.id()]);
    let wakes = |pids: &[u32]| pids.iter().map(|pid| wake_ups(*pid)).sum::<u64>();
    let all = [&ours, &monitors, &python];
    let before = all.map(|pids| wakes(pids));
    let begin = now();
    std::thread::sleep(WATCHED);
    let seconds = begin.elapsed().as_secs_f64();
    let after = all.map(|pids| wakes(pids));
    let rate = |index: usize| (after[index] - before[index]) as f64 / seconds;
    let measured = format!(
        "{:.2} in {} threads (upsmon beside it {:.2}, plain Python {:.2}; over {seconds:.0} s)",
        rate(0),
        threads(daemon.pid()),
        rate(1),
        rate(2)
    );
    report("idle wake-ups per second, on line power, default polling", "≤ upsmon beside it", &measured);

    let [own, upsd, upsmon, python] = [&ours, &upsd, &monitors, &python].map(|pids| memory(pids));
    let shown = |[rss, pss, anonymous]: [f64; 3]| format!("{rss:.1} ({pss:.1}, {anonymous:.1})");
    let measured = format!(
        "{} against upsd {} and upsmon {}: {:.1}; plain Python {}: a share of {:.2}",
        shown(own),
        shown(upsd),
        shown(upsmon),
        upsd[0] + upsmon[0],
        shown(python),
        own[0] / python[0]
    );
    report("idle RSS (PSS, of this in no file) after a PIN check, MiB", "≤ upsd + upsmon, ≤ 1/3 of Python", &measured);
}

/// What standby saves: wake-ups of the daemon on battery, awake and asleep, in the same life.
pub fn measure_asleep() {
    let dir = tempfile::tempdir().expect("a folder");
    let nut = RealNut::start();
    std::thread::sleep(Duration::from_secs(3));
    let place = Place::new(dir.path(), Some((UPS, nut.port)));
    write_seed(dir.path(), &place);
    let _hardware = place.hardware();
    let (daemon, _) = place.start();
    nut.set("ups.status", "OB DISCHRG");
    // The slow poll of line power sees it within 30 s; then it is awake on battery.
    std::thread::sleep(Duration::from_secs(35) + SETTLING);
    let per_second = |pid: u32| {
        let (before, begin) = (wake_ups(pid), now());
        std::thread::sleep(WATCHED);
        (wake_ups(pid) - before) as f64 / begin.elapsed().as_secs_f64()
    };
    let awake = per_second(daemon.pid());
    let mut client = Client::connect(&place.run_dir()).expect("the daemon listens");
    let answer = client.ask(&new_request_key(), &Ask::OrderPower(PowerOrder::SleepNow)).expect("an answer");
    assert!(matches!(answer, Answer::Done { .. }), "{answer:?}");
    drop(client);
    std::thread::sleep(SETTLING);
    let asleep = per_second(daemon.pid());
    let measured = format!("{asleep:.2} asleep, {awake:.2} awake on battery (over {} s each)", WATCHED.as_secs());
    report("wake-ups per second in standby", "≤ 0.1", &measured);
}

/// upsmon as Debian runs it: started by root, it keeps a small parent, and a child does the work. (Without root there is one process.)
struct Upsmon(Vec<u32>, Child);

impl Upsmon {
    fn start(nut: &RealNut) -> Self {
        let config = format!(
            "MONITOR {UPS}@127.0.0.1:{} 0 watcher secret secondary\nMINSUPPLIES 0\nSHUTDOWNCMD /bin/true\nPOLLFREQ 5\nPOLLFREQALERT 5\n",
            nut.port
        );
        let dir = nut.dir.path();
        fs::write(dir.join("upsmon.conf"), config).expect("a config");
        give_to_nut(dir);
        let mut command = Command::new("/lib/nut/upsmon");
        for variable in ["NUT_CONFPATH", "NUT_STATEPATH", "NUT_ALTPIDPATH"] {
            command.env(variable, dir);
        }
        command.args(if getuid().is_root() { &["-F", "-u", "nut"][..] } else { &["-F", "-p"] });
        let parent = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("upsmon starts");
        std::thread::sleep(Duration::from_secs(1));
        let pids = [parent.id()].into_iter().chain(children(parent.id())).collect();
        Self(pids, parent)
    }
}

impl Drop for Upsmon {
    fn drop(&mut self) {
        for pid in self.0.iter().skip(1).filter_map(|pid| Pid::from_raw(pid.cast_signed())) {
            let _ = kill_process(pid, Signal::KILL);
        }
        let _ = self.1.kill();
        let _ = self.1.wait();
    }
}

/// What one would write in an evening: `benches/plain_daemon.py`.
struct Python(Child);

impl Python {
    fn start(dir: &std::path::Path, ups_port: u16) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/plain_daemon.py");
        let mut command = Command::new("/usr/bin/python3");
        command.arg(script).arg(dir.join("plain.db")).arg(ups_port.to_string()).stdout(Stdio::null());
        Self(command.spawn().expect("python3 is there"))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
