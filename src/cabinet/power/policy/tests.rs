//! The table, tried in every way it can be met, and each condition at its very edge.

use super::super::forecast::Outlook;
use super::*;
use std::collections::BTreeSet;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;

/// Two hours into an outage, half a battery, nobody there.
fn quiet(mode: Mode) -> Situation {
    Situation {
        mode,
        in_mode_ms: 10 * MINUTE_MS,
        normal_ms: 20 * MINUTE_MS,
        conserve_ms: 0,
        elapsed_ms: 2 * HOUR_MS,
        flaps: 0,
        woken: None,
        mains: Mains::Off,
        low_polls: 0,
        charge_pct: Some(60),
        shut_down_by_others: false,
        energy_mwh: 45_000,
        full_mwh: 81_000,
        outlook: Outlook {
            total_ms: 2 * HOUR_MS + 30 * MINUTE_MS,
            r80_ms: HOUR_MS,
            r95_ms: 10 * HOUR_MS,
            covers_r80: true,
            covers_r95: false,
            requests: 17,
            need_mwh: 12_000,
            budget_ahead_ms: 5 * MINUTE_MS,
            // A quiet hour: nobody is expected for so long that lingering is no question.
            linger_ahead_ms: 20 * HOUR_MS,
            raised: false,
            budget_applies: true,
            cycle_mwh: 800,
            shutdown_mwh: 60,
            normal_mw: 24_000,
            sleep_mw: 0,
        },
        busy: false,
        in_session: false,
        someone: false,
        idle_ms: 0,
        visit_over: false,
        told_to_sleep: false,
        told_to_stay: false,
        flushed: false,
        method_failed: false,
        usable: Usable { halt: false, ups_off: true },
    }
}

fn decided(now: &Situation) -> Option<(Kind, Why)> {
    decide(&Rules::default(), now).map(|decision| (decision.to.kind(), decision.row.why))
}

fn with(mode: Mode, change: impl FnOnce(&mut Situation)) -> Option<(Kind, Why)> {
    let mut now = quiet(mode);
    change(&mut now);
    decided(&now)
}

const FALLING_ASLEEP: Mode = Mode::FallingAsleep { method: Method::UpsOff, then: Then::Asleep };
const TO_MANUAL: Mode = Mode::FallingAsleep { method: Method::UpsOff, then: Then::Manual };
const OFF: Mode = Mode::Asleep { method: Method::UpsOff };
const STANDBY: Mode = Mode::Asleep { method: Method::Standby };
const RESTORING: Mode = Mode::Restoring { remembered: Remembered::Conserve };

/// The tests that rows of this kind of mode ask, each once.
fn asked(kind: Kind) -> Vec<Test> {
    let rows = TABLE.iter().filter(|row| row.from.contains(&kind));
    rows.flat_map(|row| row.when).copied().collect::<BTreeSet<_>>().into_iter().collect()
}

/// For every mode and every combination of the conditions that its rows ask: the first row all of whose conditions hold is the one, and
/// there is none where no row's do. Combinations that cannot be (OL and OB at once) are harmless to try.
#[test]
fn every_combination_of_conditions_in_every_mode_is_the_first_row_that_applies() {
    let mut tried = 0_u64;
    let mut reached = BTreeSet::new();
    for kind in Kind::ALL {
        let tests = asked(kind);
        assert!(tests.len() <= 22, "{kind:?} asks {} conditions", tests.len());
        let place = |test: Test| tests.iter().position(|asked| *asked == test);
        for combination in 0_u32..1 << tests.len() {
            let holds = |test: Test| place(test).is_some_and(|place| combination >> place & 1 == 1);
            // The reference: said in another way, from the bottom up, the last word winning.
            let waits = kind != Kind::Line && holds(Test::Woken);
            let mut expected = None;
            for (number, row) in TABLE.iter().enumerate().rev() {
                let of_a_start =
                    row.when.iter().any(|test| matches!(test, Test::Woken | Test::WokenByBoot | Test::WokenByAlarm));
                let applies = row.from.contains(&kind) && !row.when.iter().any(|test| !holds(*test));
                if applies && (of_a_start || !waits) {
                    expected = Some(number);
                }
            }
            let found = first_row(kind, holds)
                .map(|found| TABLE.iter().position(|row| std::ptr::eq(row, found)).expect("it is of the table"));
            assert_eq!(found, expected, "{kind:?} {combination:b}");
            reached.extend(found.map(|number| (kind, number)));
            tried += 1;
        }
    }
    let wanted: BTreeSet<(Kind, usize)> =
        (TABLE.iter().enumerate()).flat_map(|(number, row)| row.from.iter().map(move |kind| (*kind, number))).collect();
    assert_eq!(reached, wanted, "a row that no combination reaches");
    assert!(tried > 100_000, "{tried}");
}

/// Each row by a situation with figures, so that the conditions' meaning is in it too.
#[test]
#[expect(clippy::too_many_lines, reason = "one story per row of the table")]
fn each_row_has_its_situation() {
    use Kind as K;
    type Case = (Mode, fn(&mut Situation), Option<(Kind, Why)>);
    let cases: &[Case] = &[
        // Starts.
        (
            OFF,
            |s| (s.woken, s.mains) = (Some(Woken::Boot), Mains::On { for_ms: 0 }),
            Some((K::Restoring, Why::StartedOnLine)),
        ),
        (OFF, |s| s.woken = Some(Woken::Boot), Some((K::Conserve, Why::StartedOnBattery))),
        (
            OFF,
            |s| (s.woken, s.mains) = (Some(Woken::Boot), Mains::Silent { for_ms: 5_000 }),
            Some((K::Conserve, Why::StartedOnBattery)),
        ),
        (Mode::Normal, |s| s.woken = Some(Woken::Boot), Some((K::Conserve, Why::StartedOnBattery))),
        (
            Mode::Asleep { method: Method::Halt },
            |s| s.woken = Some(Woken::Alarm),
            Some((K::FallingAsleep, Why::WokenByClock)),
        ),
        (
            Mode::Manual { method: Some(Method::Halt) },
            |s| s.woken = Some(Woken::Alarm),
            Some((K::FallingAsleep, Why::WokenByClock)),
        ),
        (
            Mode::Asleep { method: Method::Halt },
            |s| (s.woken, s.mains) = (Some(Woken::Alarm), Mains::Silent { for_ms: 90_000 }),
            Some((K::Conserve, Why::StartedOnBattery)),
        ),
        (Mode::Normal, |s| s.woken = Some(Woken::Process), None),
        (
            Mode::Normal,
            |s| {
                s.woken = Some(Woken::Process);
                s.outlook.total_ms = 9 * HOUR_MS;
            },
            None,
        ),
        // Others shut the system down.
        (Mode::Normal, |s| s.shut_down_by_others = true, Some((K::FallingAsleep, Why::ShutDownByOthers))),
        (
            Mode::Line,
            |s| (s.shut_down_by_others, s.mains) = (true, Mains::On { for_ms: HOUR_MS }),
            Some((K::FallingAsleep, Why::ShutDownByOthers)),
        ),
        // On battery the outage opens first; the next row asked is Grace's.
        (Mode::Line, |s| s.shut_down_by_others = true, Some((K::Grace, Why::MainsLost))),
        (Mode::Grace, |s| s.shut_down_by_others = true, Some((K::FallingAsleep, Why::ShutDownByOthers))),
        // Mains does not help who is being shut down: round and round it would go.
        (
            Mode::Manual { method: None },
            |s| (s.shut_down_by_others, s.mains) = (true, Mains::On { for_ms: HOUR_MS }),
            None,
        ),
        (FALLING_ASLEEP, |s| s.shut_down_by_others = true, Some((K::FallingAsleep, Why::ShutDownByOthers))),
        (Mode::Manual { method: None }, |s| s.shut_down_by_others = true, None),
        (
            OFF,
            |s| {
                s.shut_down_by_others = true;
                s.in_mode_ms = 0;
            },
            None,
        ),
        // Mains goes.
        (Mode::Line, |_| {}, Some((K::Grace, Why::MainsLost))),
        (Mode::Line, |s| s.mains = Mains::Silent { for_ms: HOUR_MS }, None),
        (
            Mode::Grace,
            |s| {
                s.in_mode_ms = 30_000;
                s.mains = Mains::On { for_ms: 10_000 };
            },
            Some((K::Line, Why::Flicker)),
        ),
        (
            Mode::Grace,
            |s| {
                s.in_mode_ms = 30_000;
                s.mains = Mains::On { for_ms: 9_999 };
            },
            None,
        ),
        (Mode::Grace, |s| s.in_mode_ms = 119_999, None),
        (Mode::Grace, |s| s.in_mode_ms = 120_000, Some((K::Normal, Why::GraceOver))),
        (
            Mode::Grace,
            |s| {
                s.in_mode_ms = 120_000;
                s.mains = Mains::Silent { for_ms: 60_000 };
            },
            Some((K::Normal, Why::GraceOver)),
        ),
        (
            Mode::Grace,
            |s| {
                s.in_mode_ms = 120_000;
                s.energy_mwh = 13_000;
            },
            Some((K::Conserve, Why::GraceOverTight)),
        ),
        (
            Mode::Grace,
            |s| {
                s.in_mode_ms = 5_000;
                s.low_polls = 1;
                s.charge_pct = Some(20);
            },
            Some((K::Normal, Why::LowAtOnce)),
        ),
        (
            Mode::Grace,
            |s| {
                s.in_mode_ms = 5_000;
                s.low_polls = 1;
                s.charge_pct = Some(95);
            },
            None,
        ),
        (
            Mode::Grace,
            |s| {
                s.in_mode_ms = 5_000;
                s.low_polls = 1;
                s.energy_mwh = 9_000;
            },
            Some((K::Conserve, Why::LowAtOnceTight)),
        ),
        // Mains is back.
        (Mode::Normal, |s| s.mains = Mains::On { for_ms: 0 }, Some((K::Restoring, Why::MainsBack))),
        (Mode::Manual { method: None }, |s| s.mains = Mains::On { for_ms: 0 }, Some((K::Restoring, Why::MainsBack))),
        (STANDBY, |s| s.mains = Mains::On { for_ms: 0 }, Some((K::Restoring, Why::MainsBack))),
        (
            OFF,
            |s| {
                s.in_mode_ms = 5_000;
                s.mains = Mains::On { for_ms: 0 };
            },
            None,
        ),
        (FALLING_ASLEEP, |s| s.mains = Mains::On { for_ms: 0 }, Some((K::Restoring, Why::MainsBack))),
        (
            TO_MANUAL,
            |s| {
                s.mains = Mains::On { for_ms: 0 };
                s.shut_down_by_others = true;
                s.in_mode_ms = 1_000;
            },
            None,
        ),
        // The battery ends.
        (Mode::Conserve, |s| s.energy_mwh = 560, Some((K::FallingAsleep, Why::Empty))),
        (Mode::Normal, |s| s.energy_mwh = 560, Some((K::FallingAsleep, Why::Empty))),
        (STANDBY, |s| s.energy_mwh = 560, Some((K::FallingAsleep, Why::Empty))),
        (
            Mode::Conserve,
            |s| {
                s.energy_mwh = 1_299;
                s.low_polls = 1;
            },
            Some((K::FallingAsleep, Why::LowAndLast)),
        ),
        (
            STANDBY,
            |s| {
                s.energy_mwh = 1_299;
                s.low_polls = 1;
            },
            Some((K::FallingAsleep, Why::LowAndLast)),
        ),
        // When to conserve.
        (Mode::Normal, |_| {}, None),
        (Mode::Normal, |s| s.outlook.total_ms = 4 * HOUR_MS, None),
        (Mode::Normal, |s| s.outlook.total_ms = 4 * HOUR_MS + 1, Some((K::Conserve, Why::TooLong))),
        (
            Mode::Normal,
            |s| {
                s.outlook.total_ms = 9 * HOUR_MS;
                s.normal_ms = 5 * MINUTE_MS - 1;
            },
            None,
        ),
        (
            Mode::Normal,
            |s| {
                s.outlook.total_ms = 9 * HOUR_MS;
                s.busy = true;
            },
            None,
        ),
        (
            Mode::Normal,
            |s| {
                s.outlook.total_ms = 3 * HOUR_MS + 1;
                s.outlook.covers_r80 = false;
            },
            Some((K::Conserve, Why::LongAndUncovered)),
        ),
        (Mode::Normal, |s| s.outlook.total_ms = 3 * HOUR_MS + 1, None),
        (
            Mode::Normal,
            |s| {
                s.energy_mwh = 13_999;
                s.normal_ms = 0;
            },
            Some((K::Conserve, Why::Budget)),
        ),
        (Mode::Normal, |s| s.energy_mwh = 14_000, None),
        (
            Mode::Normal,
            |s| {
                s.energy_mwh = 13_999;
                s.outlook.budget_applies = false;
            },
            None,
        ),
        (Mode::Normal, |s| s.low_polls = 2, None),
        (Mode::Normal, |s| s.low_polls = 3, Some((K::Conserve, Why::LowThrice))),
        (Mode::Normal, |s| s.mains = Mains::Silent { for_ms: 119_999 }, None),
        (Mode::Normal, |s| s.mains = Mains::Silent { for_ms: 120_000 }, Some((K::Conserve, Why::Silent))),
        // And when not any more: an hour of Normal is 24 Wh.
        (
            Mode::Conserve,
            |s| {
                s.conserve_ms = 5 * MINUTE_MS;
                s.energy_mwh = 37_800;
            },
            Some((K::Normal, Why::ShortAndAmple)),
        ),
        (
            Mode::Conserve,
            |s| {
                s.conserve_ms = 5 * MINUTE_MS;
                s.energy_mwh = 37_799;
            },
            None,
        ),
        (Mode::Conserve, |s| s.conserve_ms = 5 * MINUTE_MS - 1, None),
        (
            Mode::Conserve,
            |s| {
                s.conserve_ms = HOUR_MS;
                s.outlook.total_ms = 3 * HOUR_MS;
            },
            None,
        ),
        (
            Mode::Conserve,
            |s| {
                s.conserve_ms = HOUR_MS;
                s.low_polls = 1;
            },
            None,
        ),
        (
            Mode::Conserve,
            |s| {
                s.conserve_ms = HOUR_MS;
                s.mains = Mains::Silent { for_ms: 0 };
            },
            None,
        ),
        // Sleep.
        (Mode::Conserve, |s| s.idle_ms = 19_999, None),
        (Mode::Conserve, |s| s.idle_ms = 20_000, Some((K::FallingAsleep, Why::Idle))),
        (
            Mode::Conserve,
            |s| {
                s.idle_ms = 59_999;
                s.elapsed_ms = HOUR_MS;
            },
            None,
        ),
        (
            Mode::Conserve,
            |s| {
                s.idle_ms = 60_000;
                s.elapsed_ms = HOUR_MS;
            },
            Some((K::FallingAsleep, Why::Idle)),
        ),
        (
            Mode::Conserve,
            |s| {
                s.idle_ms = 20_000;
                s.elapsed_ms = HOUR_MS;
                s.low_polls = 1;
            },
            Some((K::FallingAsleep, Why::Idle)),
        ),
        (
            Mode::Conserve,
            |s| {
                s.idle_ms = HOUR_MS;
                s.in_mode_ms = 19_999;
            },
            None,
        ),
        (
            Mode::Conserve,
            |s| {
                s.idle_ms = HOUR_MS;
                s.busy = true;
            },
            None,
        ),
        (
            Mode::Conserve,
            |s| {
                s.idle_ms = HOUR_MS;
                s.told_to_stay = true;
            },
            None,
        ),
        (Mode::Conserve, |s| s.told_to_sleep = true, Some((K::FallingAsleep, Why::ToldToSleep))),
        (Mode::Normal, |s| s.told_to_sleep = true, Some((K::FallingAsleep, Why::ToldToSleep))),
        (
            Mode::Grace,
            |s| {
                s.told_to_sleep = true;
                s.in_mode_ms = 1_000;
            },
            Some((K::FallingAsleep, Why::ToldToSleep)),
        ),
        (
            Mode::Conserve,
            |s| {
                s.told_to_sleep = true;
                s.busy = true;
            },
            None,
        ),
        (
            FALLING_ASLEEP,
            |s| {
                s.someone = true;
                s.flushed = true;
            },
            Some((K::Conserve, Why::SomeoneInTime)),
        ),
        (
            FALLING_ASLEEP,
            |s| {
                s.in_mode_ms = 9_999;
            },
            None,
        ),
        (
            FALLING_ASLEEP,
            |s| {
                s.in_mode_ms = 10_000;
            },
            Some((K::Asleep, Why::Ready)),
        ),
        (
            FALLING_ASLEEP,
            |s| {
                s.in_mode_ms = 0;
                s.flushed = true;
            },
            Some((K::Asleep, Why::Ready)),
        ),
        (
            FALLING_ASLEEP,
            |s| {
                s.flushed = true;
                s.busy = true;
            },
            None,
        ),
        (
            TO_MANUAL,
            |s| {
                s.flushed = true;
                s.energy_mwh = 500;
                s.someone = true;
            },
            Some((K::Manual, Why::Ready)),
        ),
        (
            TO_MANUAL,
            |s| {
                s.flushed = true;
                s.energy_mwh = 500;
                s.in_session = true;
                s.in_mode_ms = 59_999;
            },
            None,
        ),
        (
            TO_MANUAL,
            |s| {
                s.flushed = true;
                s.energy_mwh = 500;
                s.in_session = true;
                s.in_mode_ms = 60_000;
            },
            Some((K::Manual, Why::Ready)),
        ),
        (
            TO_MANUAL,
            |s| {
                s.shut_down_by_others = true;
                s.in_session = true;
                s.in_mode_ms = 14_999;
            },
            None,
        ),
        (
            TO_MANUAL,
            |s| {
                s.shut_down_by_others = true;
                s.in_session = true;
                s.in_mode_ms = 15_000;
            },
            Some((K::Manual, Why::Ready)),
        ),
        // Who shut the system down took it back, or the battery was not empty.
        (TO_MANUAL, |s| s.in_session = true, Some((K::Conserve, Why::ManualNoMore))),
        (STANDBY, |s| s.in_mode_ms = 1_000, Some((K::FallingAsleep, Why::Deeper))),
        (STANDBY, |s| s.mains = Mains::Silent { for_ms: 1_000 }, None),
        (STANDBY, |s| s.told_to_stay = true, None),
        (OFF, |s| s.in_mode_ms = 59_999, None),
        (OFF, |s| s.in_mode_ms = 60_000, Some((K::FallingAsleep, Why::MethodFailed))),
        (
            OFF,
            |s| {
                s.in_mode_ms = 1_000;
                s.method_failed = true;
            },
            Some((K::FallingAsleep, Why::MethodFailed)),
        ),
        (
            OFF,
            |s| {
                s.in_mode_ms = 1_000;
                s.someone = true;
            },
            None,
        ),
        (
            Mode::Manual { method: Some(Method::UpsOff) },
            |s| s.in_mode_ms = 60_000,
            Some((K::FallingAsleep, Why::MethodFailed)),
        ),
        (STANDBY, |s| s.someone = true, Some((K::Conserve, Why::SomeoneCame))),
        (STANDBY, |s| s.usable = Usable::default(), None),
        // Mains comes and goes.
        (RESTORING, |_| {}, Some((K::Conserve, Why::MainsLostAgain))),
        (RESTORING, |s| s.mains = Mains::Silent { for_ms: HOUR_MS }, None),
        (RESTORING, |s| s.mains = Mains::On { for_ms: 179_999 }, None),
        (RESTORING, |s| s.mains = Mains::On { for_ms: 180_000 }, Some((K::Line, Why::MainsForGood))),
        (RESTORING, |s| (s.mains, s.flaps) = (Mains::On { for_ms: 899_999 }, 1), None),
        (RESTORING, |s| (s.mains, s.flaps) = (Mains::On { for_ms: 900_000 }, 1), Some((K::Line, Why::MainsForGood))),
        // The last visits.
        (
            Mode::Manual { method: None },
            |s| {
                s.someone = true;
                s.energy_mwh = 1_360;
            },
            Some((K::Conserve, Why::SomeoneAtTheLast)),
        ),
        (
            Mode::Manual { method: None },
            |s| {
                s.someone = true;
                s.energy_mwh = 1_359;
            },
            None,
        ),
        (
            Mode::Manual { method: None },
            |s| {
                s.someone = true;
                s.shut_down_by_others = true;
            },
            None,
        ),
    ];
    let mut whys = BTreeSet::new();
    for (number, (mode, change, expected)) in cases.iter().enumerate() {
        assert_eq!(with(*mode, change), *expected, "case {number}: {mode:?}");
        whys.extend(expected.map(|(_, why)| why));
    }
    let all: BTreeSet<Why> = TABLE.iter().map(|row| row.why).collect();
    assert_eq!(whys, all, "a row without a case");
}

/// Silence alone never means Manual, whatever else is so; an empty model does.
#[test]
fn silence_alone_never_means_manual() {
    let modes = [Mode::Line, Mode::Grace, Mode::Normal, Mode::Conserve, FALLING_ASLEEP, OFF, STANDBY, RESTORING];
    for mode in modes {
        for hours in 0..200 {
            let mut now = quiet(mode);
            now.mains = Mains::Silent { for_ms: hours * HOUR_MS };
            now.in_mode_ms = hours * HOUR_MS;
            now.idle_ms = hours * HOUR_MS;
            let to = decide(&Rules::default(), &now).map(|decision| decision.to);
            let manual = matches!(to, Some(Mode::Manual { .. } | Mode::FallingAsleep { then: Then::Manual, .. }));
            assert!(!manual, "{mode:?} after {hours} h: {to:?}");
        }
    }
}

/// Nobody who is busy is put to sleep: not from Normal, Conserve or on the way.
#[test]
fn nobody_busy_is_put_to_sleep() {
    for mode in [Mode::Normal, Mode::Conserve, FALLING_ASLEEP] {
        for bits in 0..64_u32 {
            let bit = |place: u32| bits >> place & 1 == 1;
            let mut now = quiet(mode);
            (now.busy, now.in_session) = (true, true);
            (now.told_to_sleep, now.flushed) = (bit(0), bit(1));
            now.idle_ms = if bit(2) { HOUR_MS } else { 0 };
            now.low_polls = if bit(3) { 9 } else { 0 };
            now.outlook.total_ms = if bit(4) { 20 * HOUR_MS } else { HOUR_MS };
            now.mains = if bit(5) { Mains::Silent { for_ms: HOUR_MS } } else { Mains::Off };
            let to = decide(&Rules::default(), &now).map(|decision| decision.to);
            assert!(!matches!(to, Some(Mode::Asleep { .. } | Mode::FallingAsleep { .. })), "{mode:?} {bits:b}: {to:?}");
        }
    }
}

#[test]
fn what_failed_gives_way_to_the_next_lighter_usable_method_and_at_last_to_standby() {
    let failed = |mode: Mode, usable: Usable| {
        let mut now = quiet(mode);
        (now.method_failed, now.usable) = (true, usable);
        decide(&Rules::default(), &now).map(|decision| decision.to)
    };
    let falling = |method, then| Some(Mode::FallingAsleep { method, then });
    let both = Usable { halt: true, ups_off: true };
    let off = Usable { halt: false, ups_off: true };
    let halted = Mode::Asleep { method: Method::Halt };
    assert_eq!(failed(OFF, both), falling(Method::Halt, Then::Asleep));
    assert_eq!(failed(OFF, off), falling(Method::Standby, Then::Asleep));
    assert_eq!(failed(halted, both), falling(Method::Standby, Then::Asleep));
    let manual = Mode::Manual { method: Some(Method::UpsOff) };
    assert_eq!(failed(manual, off), falling(Method::Standby, Then::Manual));
}

#[test]
fn a_large_battery_may_be_told_to_serve_through() {
    let rules = Rules { only_if_needed: true, ..Rules::default() };
    let mut now = quiet(Mode::Normal);
    now.outlook.total_ms = 9 * HOUR_MS;
    now.outlook.covers_r95 = true;
    assert_eq!(decide(&rules, &now), None);
    now.outlook.covers_r95 = false;
    assert_eq!(decide(&rules, &now).map(|decision| decision.to), Some(Mode::Conserve));
}

#[test]
fn who_shuts_down_does_it_alone_and_a_shallow_manual_stays_up() {
    let sleeps = |mode: Mode, others: bool| {
        let mut now = quiet(mode);
        (now.flushed, now.shut_down_by_others, now.energy_mwh) = (true, others, 500);
        decide(&Rules::default(), &now).map(|decision| decision.to)
    };
    assert_eq!(sleeps(TO_MANUAL, false), Some(Mode::Manual { method: Some(Method::UpsOff) }));
    assert_eq!(sleeps(TO_MANUAL, true), Some(Mode::Manual { method: None }));
    let shallow = Mode::FallingAsleep { method: Method::Standby, then: Then::Manual };
    assert_eq!(sleeps(shallow, false), Some(Mode::Manual { method: None }));
}

/// Awake for nobody: the budget looks ahead to the next visits, and at night they are far.
#[test]
fn the_budget_asks_earlier_when_nobody_is_expected() {
    let tight = |energy_mwh, ahead_ms| {
        with(Mode::Normal, |s| (s.energy_mwh, s.outlook.budget_ahead_ms) = (energy_mwh, ahead_ms))
    };
    // An hour of Normal is 24 Wh, the need 12.
    assert_eq!(tight(35_999, HOUR_MS), Some((Kind::Conserve, Why::Budget)));
    assert_eq!(tight(36_000, HOUR_MS), None);
    assert_eq!(tight(81_000, 8 * HOUR_MS), Some((Kind::Conserve, Why::Budget)));
    // And it does not go back to Normal only to leave it at once.
    let back = |ahead_ms| {
        with(Mode::Conserve, |s| {
            (s.conserve_ms, s.energy_mwh, s.outlook.budget_ahead_ms) = (HOUR_MS, 61_799, ahead_ms);
        })
    };
    assert_eq!(back(HOUR_MS), Some((Kind::Normal, Why::ShortAndAmple)));
    assert_eq!(back(2 * HOUR_MS), None, "48 Wh until the next visits and 13.8 after it are not left");
}

/// Whoever woke the cabinet has the time to reach the reader. Whoever is done is done.
#[test]
fn a_visit_that_is_over_ends_the_idle_time_where_energy_is_short() {
    let limit_ms = |change: fn(&mut Situation)| {
        let mut now = quiet(Mode::Conserve);
        change(&mut now);
        now.idle_limit_ms(&Rules::default())
    };
    assert_eq!(limit_ms(|_| {}), 20_000);
    assert_eq!(limit_ms(|s| s.visit_over = true), 20_000, "there is energy for more than the need");
    assert_eq!(limit_ms(|s| (s.visit_over, s.energy_mwh) = (true, 11_999)), 1_000);
    assert_eq!(
        limit_ms(|s| s.energy_mwh = 11_999),
        20_000,
        "somebody who pressed the button is on the way to the reader"
    );
    assert_eq!(limit_ms(|s| s.elapsed_ms = HOUR_MS), 60_000);
}

/// While the battery can afford it and people are expected, the next one finds the cabinet awake.
#[test]
fn it_lingers_in_a_busy_hour_while_the_battery_can_afford_it() {
    let limit_ms = |change: fn(&mut Situation)| {
        let mut now = quiet(Mode::Conserve);
        // Four times sixteen minutes: 25.6 Wh of Normal.
        (now.outlook.linger_ahead_ms, now.outlook.need_mwh, now.energy_mwh) = (64 * MINUTE_MS, 40_000, 39_600);
        change(&mut now);
        now.idle_limit_ms(&Rules::default()) / MINUTE_MS
    };
    assert_eq!(limit_ms(|_| {}), 20);
    assert_eq!(limit_ms(|s| s.energy_mwh = 39_599), 0, "0.35 of the need would not be left");
    assert_eq!(limit_ms(|s| s.outlook.linger_ahead_ms = 65 * MINUTE_MS), 0, "a quieter hour");
    assert_eq!(limit_ms(|s| s.outlook.raised = true), 0, "a storm");
    assert_eq!(limit_ms(|s| s.elapsed_ms = 6 * HOUR_MS), 0, "an old outage lasts");
    assert_eq!(limit_ms(|s| s.low_polls = 1), 0);
    assert_eq!(limit_ms(|s| s.usable = Usable::default()), 0, "out of standby nobody waits");
    assert_eq!(limit_ms(|s| s.outlook.budget_applies = false), 0);
    // A large battery carries it through any of these: 1.15 times the need is left.
    let large = |s: &mut Situation| (s.energy_mwh, s.outlook.raised, s.elapsed_ms) = (71_600, true, 30 * HOUR_MS);
    assert_eq!(limit_ms(large), 20);
}

/// The table that people read is the table that decides.
#[test]
fn the_documentation_shows_this_table() {
    let documented = include_str!("../../../../docs/power.md");
    let table = words::table();
    assert!(documented.contains(&table), "docs/power.md lacks this table; put it in:\n{table}");
}
