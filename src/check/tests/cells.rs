use super::*;
use crate::cabinet::power::selftest::NoVerdict;

#[test]
fn a_battery_that_is_to_be_replaced() {
    let id = Id::BatteryReplace;
    expect(&with(&[("ups.status", "OL RB")]), id, Level::Failure, "(RB)");
    expect(&with(&[("battery.packs.bad", "001")]), id, Level::Failure, "1 bad");
    expect(&with(&[("battery.packs.bad", "-")]), id, Level::Fine, "does not ask");
}

#[test]
fn a_battery_that_is_not_full() {
    let id = Id::BatteryCharge;
    for (charge, status, level) in [
        ("90", "OL", Level::Fine),
        ("89", "OL CHRG", Level::Note),
        ("89", "OL", Level::Warning),
        ("40", "OB DISCHRG", Level::Note),
        ("-", "OL", Level::Unknown),
    ] {
        expect(&with(&[("battery.charge", charge), ("ups.status", status)]), id, level, "");
    }
}

fn installed(month: Option<&str>, peukert_milli: u32, date: &str) -> Facts {
    let mut facts = with(&[("battery.date", date)]);
    let power = of_power(&mut facts);
    power.battery.installed = month.map(str::to_owned);
    power.settings.plant.peukert_milli = peukert_milli;
    facts
}

/// Today is June 2026.
#[test]
fn the_age_by_the_config() {
    let id = Id::BatteryAge;
    for (month, peukert_milli, level, words) in [
        ("2026-06", 1_150, Level::Fine, "0 months old (lead-acid)"),
        ("2023-07", 1_150, Level::Fine, "2 years 11 months"),
        ("2023-06", 1_150, Level::Warning, "3 years"),
        ("2021-07", 1_150, Level::Warning, "4 years 11 months"),
        ("2021-06", 1_150, Level::Failure, "5 years"),
        ("2021-06", 1_000, Level::Fine, "5 years old (lithium)"),
        ("2018-06", 1_000, Level::Warning, "8 years"),
        ("2016-06", 1_000, Level::Failure, "10 years"),
        ("2026-07", 1_150, Level::Warning, "to come"),
    ] {
        expect(&installed(Some(month), peukert_milli, "2010/01/01"), id, level, words);
    }
}

/// What a vendor's date says is doubted, and never more than a warning.
#[test]
fn the_age_by_the_ups_alone() {
    let id = Id::BatteryAge;
    for (date, level, words) in [
        ("2025/06/01", Level::Note, "By the UPS's word the battery is 12 months old"),
        ("06/20/23", Level::Warning, "3 years"),
        ("2015/01/01", Level::Warning, "11 years"),
        ("2001/09/25", Level::Unknown, "not believed"),
        ("2030/01/01", Level::Unknown, "Nobody says"),
        ("not set", Level::Unknown, "Nobody says"),
        ("-", Level::Unknown, "Nobody says"),
    ] {
        expect(&installed(None, 1_150, date), id, level, words);
    }
    let mut dark = good();
    of_power(&mut dark).now = None;
    expect(&dark, id, Level::Unknown, "while the clock is not trusted");
}

#[test]
fn the_self_tests_that_the_daemon_began() {
    let id = Id::BatteryTest;
    let tested = |days_ago, verdict| {
        let mut facts = good();
        of_power(&mut facts).own_test = Some(OwnTest { days_ago, verdict });
        facts
    };
    for (days, verdict, level, words) in [
        (Some(0), Verdict::Passed, Level::Fine, "passed its self-test today"),
        (Some(365), Verdict::Passed, Level::Fine, "365 days ago"),
        (Some(366), Verdict::Passed, Level::Warning, "366 days ago"),
        (None, Verdict::Passed, Level::Fine, "some time ago"),
        (Some(1), Verdict::Weak, Level::Warning, "yesterday found the battery weak"),
        (Some(2), Verdict::Failed, Level::Failure, "failed its self-test 2 days ago"),
        (Some(2), Verdict::Aborted, Level::Note, "broken off"),
        (Some(2), Verdict::Unknown(NoVerdict::NotSeen), Level::Unknown, "Nothing showed"),
        (Some(2), Verdict::Unknown(NoVerdict::NoResult), Level::Unknown, "does not say"),
        (Some(2), Verdict::Unknown(NoVerdict::Silent), Level::Unknown, "fell silent"),
        (Some(2), Verdict::Unknown(NoVerdict::Outage), Level::Unknown, "Mains failed"),
    ] {
        expect(&tested(days, verdict), id, level, words);
    }
}

#[test]
fn the_self_test_that_the_ups_tells_of() {
    let id = Id::BatteryTest;
    let told = |result, date, weekly| {
        let mut facts = with(&[("ups.test.result", result), ("ups.test.date", date)]);
        let power = of_power(&mut facts);
        power.own_test = None;
        power.battery.weekly_self_test = weekly;
        facts
    };
    for (result, date, level, words) in [
        (
            "Done and passed",
            "2026/05/25",
            Level::Fine,
            "Of its last self-test of 2026/05/25 the UPS says \"Done and passed\".",
        ),
        ("Done and passed", "-", Level::Fine, "Of its last self-test the UPS"),
        ("Done and passed", "2024/05/25", Level::Warning, "2024/05/25"),
        ("Done and warning", "-", Level::Warning, "warning"),
        ("Done and error", "-", Level::Failure, "error"),
        ("Aborted", "-", Level::Note, "Aborted"),
        ("No test initiated", "-", Level::Warning, "never tested"),
        ("Idle", "-", Level::Unknown, "Idle"),
        ("-", "-", Level::Unknown, "No self-test"),
    ] {
        expect(&told(result, date, true), id, level, words);
    }
    let remedy = |weekly, may_order| {
        let mut facts = told("-", "-", weekly);
        of_power(&mut facts).settings.may_order = may_order;
        the(id, &facts).remedy.expect("a remedy")
    };
    assert!(remedy(false, true).contains("weekly_self_test = true"), "{}", remedy(false, true));
    assert!(remedy(true, true).contains("waits for a quiet hour"), "{}", remedy(true, true));
    assert!(remedy(true, false).contains("needs `user` under [ups]"), "{}", remedy(true, false));
    let without = offering(told("Done and passed", "-", true), &["beeper.mute"]);
    expect(&without, id, Level::Warning, "offers no quick test");
    let with_it = offering(told("Done and passed", "-", true), &["test.battery.start.quick"]);
    expect(&with_it, id, Level::Fine, "Done and passed");
}

#[test]
fn what_it_holds() {
    let id = Id::BatteryCapacity;
    // Its nameplate says 144 Wh.
    for (measured, level, words) in [
        (None, Level::Note, "three quarters of its 144 Wh"),
        (Some(57), Level::Failure, "39 %"),
        (Some(60), Level::Warning, "41 %"),
        (Some(87), Level::Fine, "60 %"),
        (Some(180), Level::Fine, "125 %"),
        (Some(190), Level::Warning, "131 %"),
    ] {
        let mut facts = good();
        state(&mut facts).measured =
            measured.map(|wh: u64| Measured { capacity_mwh: wh * 1_000, at: days_ago(1), by_drill: false });
        expect(&facts, id, level, words);
    }
}
