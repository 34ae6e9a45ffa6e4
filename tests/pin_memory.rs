//! A PIN check needs 19 MiB for some milliseconds. The daemon lives in 5 MiB, so they must go back to the system.
//! A test binary of its own: nothing else runs beside the measurement.

use cabinetd::cabinet::outcome::PinVerdict;
use cabinetd::cabinet::types::Pin;
use cabinetd::io::credentials::{Pepper, check_pin, hash_pin};
use std::thread;

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn the_memory_of_pin_checks_goes_back_to_the_system() {
    let pepper = Pepper::new([7; 32]);
    let pin = Pin::new("482913");
    let before = resident_kib();
    let hash = hash_pin(&pepper, &pin, None).unwrap();
    for _ in 0..4 {
        assert_eq!(check_pin(&pepper, &pin, &hash).unwrap(), PinVerdict::Match);
    }
    // As the daemon does it: on threads, two at once.
    for _ in 0..2 {
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| check_pin(&pepper, &pin, &hash).unwrap());
            }
        });
    }
    let after = resident_kib();
    println!("resident before {before} KiB, after {after} KiB");
    assert!(after < before + 4 * 1024, "resident memory grew from {before} to {after} KiB");
}
