//! From the PIN's last digit to the energised lock, through the real daemon and the hardware socket, less the two things that must take
//! time: one Argon2 check and one commit, both measured beside it after each visit.

use crate::days::{Days, PIN, any_hash, settings};
use crate::gauge::{median, ms, now, quantile, report};
use crate::place::{Place, SLOTS, write_seed};
use crate::server::{Fault, Server};
use crate::store::{commit, opened, outcomes};
use cabinetd::cabinet::outcome::{Message, Outcome};
use cabinetd::cabinet::types::{DoorNo, Input, Level, Output, Pin};
use cabinetd::io::credentials::check_pin;
use cabinetd::io::sim::wire::{FromHardware, Order};
use std::path::Path;
use std::time::Duration;

const VISITS: usize = 300;
const LOCK: Output = Output::Lock(DoorNo(1));
const DOOR: Input = Input::Door(DoorNo(1));

pub fn measure() {
    measure_with(None, "");
    let there = tempfile::tempdir().expect("a folder");
    let server = Server::start(there.path(), "127.0.0.1:0", None).expect("it serves");
    // It takes what it is sent, says nothing, and is sent it again.
    server.by_chance(Some(Box::new(|| Some(Fault::Hang(60_000)))));
    measure_with(Some((&server.url(), &there.path().join("ca.pem"))), ", while upstream hangs");
    assert!(server.requests() > 0, "it was never asked");
}

fn measure_with(upstream: Option<(&str, &Path)>, meanwhile: &str) {
    let dir = tempfile::tempdir().expect("a folder");
    let place = Place::new(dir.path(), None);
    write_seed(dir.path(), &place);
    if let Some((url, ca)) = upstream {
        place.copy_to(url, ca);
    }
    let hardware = place.hardware();
    let (daemon, _) = place.start();
    hardware.wait(|order| matches!(order, Order::Release(_)));
    std::thread::sleep(Duration::from_millis(500));

    // The same step of the core, into a store beside the daemon's.
    let mut days = Days::new(settings(SLOTS, false), &any_hash());
    let store = opened(&dir.path().join("beside"), &mut days);
    let (pin, hash) = (Pin::new(PIN), place.pin_hash());
    let (mut whole, mut parts, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..VISITS {
        // One badge again and again would lie on the reader, and be nobody.
        let took = visit(&hardware, &(1001 + number % 20).to_string());
        let begin = now();
        check_pin(&place.credentials.pepper, &pin, &hash).expect("checked");
        let mut beside = ms(begin.elapsed());
        for outcome in outcomes(&mut days, 1) {
            let (opens, begin) = (is_opening(&outcome), now());
            commit(&store, outcome);
            beside += if opens { ms(begin.elapsed()) } else { 0.0 };
        }
        whole.push(took);
        parts.push(beside);
        rest.push(took - beside);
    }
    daemon.stop();
    let p99 = |values: &[f64]| quantile(values, 0.99);
    let measured = format!(
        "{:.1} ms (p99 {:.1} less p99 {:.1} of check + commit; medians {:.1} and {:.1}, median of the difference visit by visit {:.1})",
        p99(&whole) - p99(&parts),
        p99(&whole),
        p99(&parts),
        median(&whole),
        median(&parts),
        median(&rest)
    );
    let figure = format!("PIN typed → lock energised, on top of one Argon2 check and one commit{meanwhile}");
    report(&figure, "≤ 5 ms p99", &measured);
}

/// The step that authorises: the one before the lock.
fn is_opening(outcome: &Outcome) -> bool {
    use cabinetd::cabinet::fact::Fact;
    outcome.records.iter().any(|record| matches!(record.fact, Fact::SessionAuthorised { .. }))
}

fn visit(hardware: &crate::place::Hardware, badge: &str) -> f64 {
    hardware.say(&FromHardware::Code(badge.into()));
    hardware.wait(|order| matches!(order, Order::Show(Message::EnterPin)));
    std::thread::sleep(Duration::from_millis(20));
    let begin = now();
    hardware.say(&FromHardware::Pin(PIN.into()));
    let energised = hardware.wait(|order| matches!(order, Order::Set { output: LOCK, level: Level::Active, .. }));
    let took = ms(energised - begin);
    hardware.say(&FromHardware::Line { input: DOOR, level: Level::Inactive });
    hardware.wait(|order| matches!(order, Order::Set { output: LOCK, level: Level::Inactive, .. }));
    hardware.say(&FromHardware::Line { input: DOOR, level: Level::Active });
    // Debounce, the last record, its commit.
    std::thread::sleep(Duration::from_millis(100));
    took
}
