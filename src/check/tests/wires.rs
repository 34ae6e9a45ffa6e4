//! The lines: there, at rest, without a second job, and with sensors that can be believed.

use super::{expect, the};
use crate::check::lines::{BootFile, Facts, Kind, Line, Real, Seen, Sensors, Simulated};
use crate::check::{self, Id, Level};

fn line(what: &str, pin: u32, kind: Kind) -> Line {
    Line { what: what.into(), at: format!("pin {pin}"), pin: Some(pin), kind, seen: Seen::Ours }
}

/// A lock that rests low on a pin that starts low, and two sensors.
fn good_lines() -> Vec<Line> {
    vec![
        line("door 1's lock", 17, Kind::Relay { active_low: false }),
        line("door 1's contact", 27, Kind::Input),
        line("slot 1's sensor", 4, Kind::Input),
    ]
}

pub(super) fn good() -> Real {
    Real {
        lines: good_lines(),
        boot: Ok(Some(BootFile { path: "/boot/firmware/config.txt".into(), ..BootFile::default() })),
        sensors: Sensors::Told { lost: false, slots: 24, empty: 3, faults: Vec::new(), stuck: Vec::new() },
    }
}

/// The good cabinet with other lines.
fn with(change: impl FnOnce(&mut Real)) -> check::Facts {
    let mut real = good();
    change(&mut real);
    check::Facts { lines: Some(Facts::Real(Box::new(real))), ..super::good() }
}

fn boot(real: &mut Real) -> &mut BootFile {
    real.boot.as_mut().expect("it can be read").as_mut().expect("it is there")
}

#[test]
fn lines_are_there_or_it_is_said_whose_they_are() {
    expect(&super::good(), Id::LinesThere, Level::Fine, "the daemon has them");
    let facts = with(|real| real.lines.iter_mut().for_each(|line| line.seen = Seen::Free));
    expect(&facts, Id::LinesThere, Level::Fine, "nobody else has them");
    let facts = with(|real| real.lines[0].seen = Seen::Free);
    expect(&facts, Id::LinesThere, Level::Fine, "the daemon has 2 of them");
    let trouble = Seen::Trouble { what: "\"w1\" has line 4 of gpiochip0".into(), remedy: "End it.".into() };
    let facts = with(|real| {
        real.lines[2].seen = trouble.clone();
        real.lines[1].seen = trouble;
    });
    expect(&facts, Id::LinesThere, Level::Failure, "Door 1's contact (pin 27) (and 1 more): \"w1\" has line 4");
    assert_eq!(the(Id::LinesThere, &facts).remedy.as_deref(), Some("End it."));
    let facts = with(|real| real.lines[0].seen = Seen::NotAllowed("Join the group.".into()));
    expect(&facts, Id::LinesThere, Level::Unknown, "may not look");
}

#[test]
fn relays_that_would_fire_at_boot_are_told() {
    // BCM pins 0 to 8 start pulled up, 9 to 27 pulled down.
    for (pin, active_low, fires) in
        [(17, true, true), (17, false, false), (5, true, false), (5, false, true), (9, true, true)]
    {
        let facts = with(|real| real.lines[0] = line("door 1's lock", pin, Kind::Relay { active_low }));
        let finding = the(Id::LinesAtRest, &facts);
        let expected = if fires { Level::Warning } else { Level::Fine };
        assert_eq!(finding.level, expected, "{pin} {active_low}: {finding:?}");
        let drive = if active_low { "dh" } else { "dl" };
        if fires {
            let remedy = finding.remedy.expect("there is one");
            assert!(remedy.contains(&format!("gpio={pin}=op,{drive}")), "{remedy}");
        }
    }
    // The firmware sets it right, or wrong.
    let low = |real: &mut Real| real.lines[0] = line("door 1's lock", 17, Kind::Relay { active_low: true });
    let facts = with(|real| {
        low(real);
        boot(real).set = vec![(17, false), (17, true)];
    });
    expect(&facts, Id::LinesAtRest, Level::Note, "only from the firmware's start on");
    let facts = with(|real| boot(real).set = vec![(17, true)]);
    expect(&facts, Id::LinesAtRest, Level::Warning, "the pin is high and energises door 1's lock (pin 17)");
    // A light may shine, and an expander's lines cannot be known.
    let facts = with(|real| real.lines.push(line("slot 1's LED", 18, Kind::Light { active_low: true })));
    expect(&facts, Id::LinesAtRest, Level::Note, "Slot 1's LED (pin 18) is on at each boot");
    let facts = with(|real| {
        let latch = line("slot 2's latch", 3, Kind::Relay { active_low: true });
        real.lines.push(Line { pin: None, at: "line 3 of 1-0020".into(), ..latch });
    });
    expect(&facts, Id::LinesAtRest, Level::Note, "slot 2's latch (line 3 of 1-0020)");
}

#[test]
fn a_pin_with_a_second_job_is_told() {
    let facts = with(|real| boot(real).jobs = vec![(2, "dtparam=i2c_arm=on".into()), (4, "dtoverlay=w1-gpio".into())]);
    expect(&facts, Id::LinesSecondJob, Level::Failure, "Slot 1's sensor (pin 4) is also what `dtoverlay=w1-gpio`");
    let facts = with(|real| real.boot = Ok(None));
    expect(&facts, Id::LinesSecondJob, Level::Unknown, "there is no config.txt");
    let facts = with(|real| real.boot = Err("permission denied".into()));
    expect(&facts, Id::LinesSecondJob, Level::Unknown, "permission denied");
    let facts = with(|real| {
        real.boot = Ok(None);
        real.lines.iter_mut().for_each(|line| line.pin = None);
    });
    expect(&facts, Id::LinesSecondJob, Level::Fine, "No pin of the header is used");
}

#[test]
fn sensors_that_cannot_be_believed_are_told() {
    let told = |empty, faults: &[u16], stuck: &[(u16, u32)]| {
        with(|real| {
            real.sensors = Sensors::Told { lost: false, slots: 24, empty, faults: faults.into(), stuck: stuck.into() };
        })
    };
    expect(&told(3, &[], &[]), Id::LinesSensors, Level::Fine, "21 keys in 24 slots");
    expect(&told(24, &[], &[]), Id::LinesSensors, Level::Warning, "All 24 sensors say that their slot is empty");
    expect(&told(0, &[], &[]), Id::LinesSensors, Level::Fine, "24 keys");
    expect(&told(3, &[3, 4, 5, 9, 11], &[]), Id::LinesSensors, Level::Warning, "slot 3, slot 4, slot 5 and 2 more");
    expect(&told(3, &[], &[(7, 4)]), Id::LinesSensors, Level::Warning, "slot 7 (4 visits)");
    let lost = with(|real| {
        real.sensors = Sensors::Told { lost: true, slots: 24, empty: 3, faults: vec![3], stuck: vec![(7, 4)] };
    });
    expect(&lost, Id::LinesSensors, Level::Failure, "can read no sensor");
    let read = |unreadable: &[&str], restless: &[&str]| {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let (unreadable, restless) = (names(unreadable), names(restless));
        with(|real| real.sensors = Sensors::Read { slots: 24, empty: 3, unreadable, restless })
    };
    expect(&read(&[], &[]), Id::LinesSensors, Level::Fine, "21 keys in 24 slots");
    expect(&read(&["slot 3's sensor"], &[]), Id::LinesSensors, Level::Warning, "cannot be read: slot 3's sensor");
    expect(&read(&[], &["slot 4's sensor"]), Id::LinesSensors, Level::Warning, "nobody there: slot 4's sensor");
    let facts = with(|real| real.sensors = Sensors::Unknown("the ledger cannot be read".into()));
    expect(&facts, Id::LinesSensors, Level::Unknown, "the ledger cannot be read");
}

#[test]
fn simulated_or_mistaken_lines_are_not_judged() {
    let played = |answers, is_service| {
        let simulated = Simulated { socket: "/run/cabinetd/hardware.sock".into(), answers, is_service };
        check::Facts { lines: Some(Facts::Simulated(simulated)), ..super::good() }
    };
    expect(&played(Some(true), false), Id::LinesThere, Level::Note, "simulated");
    expect(&played(None, false), Id::LinesThere, Level::Note, "simulated");
    expect(&played(Some(true), true), Id::LinesThere, Level::Warning, "no lock moves");
    let nobody = "nobody plays them at /run/cabinetd/hardware.sock, so the cabinet opens for nobody";
    for is_service in [true, false] {
        expect(&played(Some(false), is_service), Id::LinesThere, Level::Failure, nobody);
    }
    let facts = check::Facts { lines: Some(Facts::NotJudged), ..super::good() };
    expect(&facts, Id::LinesThere, Level::Unknown, "mistakes");
}
