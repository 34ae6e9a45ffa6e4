//! From exec to READY=1, with a short and a long ledger, against upsd until it answers, in turn. The daemon is killed each time, so
//! every start finds a WAL that was not checkpointed.

use crate::gauge::{median, ms, now, quantile, report};
use crate::nut::{RealNut, UPS};
use crate::place::Place;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

const STARTS: usize = 21;

pub fn measure() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut nut = RealNut::start();
    let [short, long] = [("short", 1_000), ("long", 1_000_000)].map(|(name, records)| {
        let dir = dir.path().join(name);
        let place = Place::new(&dir, Some((UPS, nut.port)));
        let begin = now();
        let program = std::env::current_exe().expect("this program has a name");
        let status = Command::new(program).arg("ledger").arg(&dir).arg(records.to_string()).status();
        assert!(status.expect("started").success());
        eprintln!("made in {:.0} s", begin.elapsed().as_secs_f64());
        place
    });
    let _hardware = [short.hardware(), long.hardware()];
    let (mut ours, mut longs, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..STARTS {
        ours.push(ms(short.start().1));
        longs.push(ms(long.start().1));
        theirs.push(upsd(&mut nut));
    }
    let (one, million, upsd) = (median(&ours), median(&longs), median(&theirs));
    let spread = |values: &[f64]| format!("{:.1} to {:.1}", quantile(values, 0.1), quantile(values, 0.9));
    let measured = format!(
        "{:.2} × upsd, {:.2} × its own time with 1,000 ({million:.1} ms; with 1,000 {one:.1} ms; upsd {upsd:.1} ms; 10th to 90th percentile {}, {}, {})",
        million / upsd,
        million / one,
        spread(&longs),
        spread(&ours),
        spread(&theirs)
    );
    report(
        "exec → READY with 1,000,000 records, after a kill with 0.8 to 1 MB in the WAL",
        "≤ 2 × upsd, ≤ 1.2 × with 1,000",
        &measured,
    );
}

/// upsd from exec until it answers a question.
fn upsd(nut: &mut RealNut) -> f64 {
    nut.upsd.kill();
    let begin = now();
    nut.upsd = nut.spawn("/lib/nut/upsd", &["-F"]);
    while !answers(nut.port) {
        assert!(begin.elapsed() < Duration::from_secs(10), "upsd does not start");
        std::thread::sleep(Duration::from_micros(300));
    }
    ms(begin.elapsed())
}

fn answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let asked = stream.set_read_timeout(Some(Duration::from_secs(2))).and_then(|()| stream.write_all(b"VER\n"));
    asked.is_ok() && matches!(stream.read(&mut [0; 64]), Ok(1..))
}
