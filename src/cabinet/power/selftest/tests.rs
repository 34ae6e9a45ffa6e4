use super::*;

/// 2026-06-01, a Monday.
const MONDAY: i32 = 20_605;
const OFFICE: [Window; 1] = [Window { weekdays: 0b1_1111, from: 9 * 60, to: 18 * 60 }];

fn tokens(status: &str) -> BTreeSet<String> {
    status.split_whitespace().map(str::to_owned).collect()
}

fn at(day: i32, hour: u16, minute: u16) -> Civil {
    Civil { day: MONDAY + day, minute: hour * 60 + minute }
}

/// A Monday night on which everything is right for a test.
fn night(tokens: &BTreeSet<String>) -> Situation<'_> {
    Situation {
        every_days: 7,
        since_test_ms: Some(7 * DAY_MS),
        civil: Some(at(0, 22, 0)),
        office_hours: &OFFICE,
        tokens: Some(tokens),
        charge_pct: Some(100),
        since_outage_ms: Some(40 * HOUR_MS),
        is_busy: false,
        since_somebody_ms: 3 * HOUR_MS,
    }
}

#[test]
fn a_test_begins_only_when_all_is_quiet_and_charged() {
    let line = tokens("OL CHRG");
    let all = |edit: fn(&mut Situation<'_>)| {
        let mut situation = night(&line);
        edit(&mut situation);
        may_begin(&situation).map_err(|wait| (wait.why, wait.look_again_ms))
    };
    let ten = LOOK_AGAIN_MS;
    for (edit, expected) in [
        ((|_| ()) as fn(&mut Situation<'_>), Ok(())),
        (|s| s.since_test_ms = None, Ok(())),
        (|s| s.since_test_ms = Some(6 * DAY_MS), Err((NotNow::NotDue, DAY_MS))),
        (|s| s.since_test_ms = Some(7 * DAY_MS - 1), Err((NotNow::NotDue, MINUTE_MS))),
        (|s| s.tokens = None, Err((NotNow::NotOnLine, ten))),
        (|s| s.since_outage_ms = Some(23 * HOUR_MS), Err((NotNow::OutageLately, HOUR_MS))),
        (|s| s.since_outage_ms = Some(DAY_MS), Ok(())),
        (|s| s.since_outage_ms = None, Ok(())),
        (|s| s.charge_pct = Some(94), Err((NotNow::Charge, HOUR_MS))),
        (|s| s.charge_pct = Some(95), Ok(())),
        (|s| s.charge_pct = None, Err((NotNow::Charge, HOUR_MS))),
        (|s| s.is_busy = true, Err((NotNow::Somebody, ten))),
        (|s| s.since_somebody_ms = 5 * MINUTE_MS, Err((NotNow::Somebody, ten))),
        // The office: open, about to open, closed.
        (|s| s.civil = Some(at(0, 12, 0)), Err((NotNow::OfficeHours, ten))),
        (|s| s.civil = Some(at(1, 8, 40)), Err((NotNow::OfficeHours, ten))),
        (|s| s.civil = Some(at(1, 8, 29)), Ok(())),
        (|s| s.civil = Some(at(5, 12, 0)), Ok(())),
        // Nobody said when the office is open: then at night only.
        (|s| s.office_hours = &[], Err((NotNow::OfficeHours, ten))),
        (
            |s| {
                s.office_hours = &[];
                s.civil = Some(at(0, 3, 0));
            },
            Ok(()),
        ),
        // Nobody knows the time: then after hours without a visit.
        (|s| s.civil = None, Err((NotNow::Somebody, 3 * HOUR_MS))),
        (
            |s| {
                s.civil = None;
                s.since_somebody_ms = 6 * HOUR_MS;
            },
            Ok(()),
        ),
    ] {
        assert_eq!(all(edit), expected);
    }
}

#[test]
fn only_a_ups_that_is_plainly_on_line_is_tested() {
    for (status, why) in [
        ("OL", None),
        ("OL CHRG", None),
        ("OL BOOST", None),
        ("OL RB", Some(NotNow::ToBeReplaced)),
        ("OB DISCHRG", Some(NotNow::NotOnLine)),
        ("OL LB", Some(NotNow::NotOnLine)),
        ("OL CAL", Some(NotNow::NotOnLine)),
        ("OL BYPASS", Some(NotNow::NotOnLine)),
        ("OL OVER", Some(NotNow::NotOnLine)),
        ("OFF", Some(NotNow::NotOnLine)),
        ("FSD OL", Some(NotNow::NotOnLine)),
    ] {
        let tokens = tokens(status);
        assert_eq!(may_begin(&night(&tokens)).err().map(|wait| wait.why), why, "{status}");
    }
}

/// Windows that run past midnight, and an office that opens in the first minutes of a day.
#[test]
fn the_hour_before_an_opening_is_not_quiet_across_midnight() {
    let early = [Window { weekdays: 0b111_1111, from: 10, to: 600 }];
    let late = [Window { weekdays: 0b111_1111, from: 22 * 60, to: 2 * 60 }];
    let quiet = |day, hour, minute, hours: &[Window]| is_quiet(at(day, hour, minute), hours);
    assert!(!quiet(0, 23, 45, &early) && quiet(0, 23, 30, &early));
    assert!(!quiet(0, 1, 59, &late) && quiet(0, 2, 0, &late) && !quiet(0, 21, 45, &late));
}

/// A week of polls at every minute begins exactly one test, in the first quiet minute.
#[test]
fn a_week_has_one_test() {
    let line = tokens("OL");
    let mut since_test_ms = 0;
    let mut begun = Vec::new();
    for minute in 0..14 * 1_440_u64 {
        let civil = Civil { day: MONDAY + (minute / 1_440) as i32, minute: (minute % 1_440) as u16 };
        since_test_ms += MINUTE_MS;
        let visits = OFFICE[0].contains(civil);
        let situation = Situation {
            since_test_ms: Some(since_test_ms),
            civil: Some(civil),
            since_somebody_ms: if visits { 0 } else { HOUR_MS },
            ..night(&line)
        };
        if may_begin(&situation).is_ok() {
            begun.push((civil.day - MONDAY, civil.minute));
            since_test_ms = 0;
        }
    }
    assert_eq!(begun, [(6, 1_439), (13, 1_439)]);
}

#[test]
fn the_words_of_the_drivers() {
    for (text, expected) in [
        ("Done and passed", ResultWord::Passed),
        ("Done and warning", ResultWord::Warning),
        ("Done and error", ResultWord::Failed),
        ("Aborted", ResultWord::Aborted),
        ("In progress", ResultWord::InProgress),
        ("Test scheduled", ResultWord::InProgress),
        ("No test initiated", ResultWord::Never),
        ("No test performed", ResultWord::Never),
        ("Passed", ResultWord::Passed),
        ("10s test failed", ResultWord::Failed),
        ("OK", ResultWord::Passed),
        ("OK - Battery GOOD", ResultWord::Passed),
        ("Battery Bad (Replace)", ResultWord::Failed),
        ("Bad battery pack", ResultWord::Failed),
        ("NG", ResultWord::Failed),
        ("Test inhibited", ResultWord::Aborted),
        ("Idle", ResultWord::Unclear),
        ("Unknown", ResultWord::Unclear),
        ("", ResultWord::Unclear),
        // No word of it says that it passed.
        ("Broken", ResultWord::Unclear),
        ("Did not pass", ResultWord::Failed),
    ] {
        assert_eq!(result_word(text), expected, "{text:?}");
    }
}

/// Polls a run with (second, status, result, date); "-" = not shown, "" status = the UPS does not answer.
fn run(before: (&str, &str, &str), polls: &[(u64, &str, &str, &str)]) -> Option<(u64, Verdict)> {
    let report = |status: &str, result: &str, date: &str| {
        let shown = |text: &str| (text != "-").then(|| text.to_owned());
        TestReport { tokens: tokens(status), result: shown(result), date: shown(date) }
    };
    let began = Mono(1_000_000);
    let mut run = TestRun::begin(report(before.0, before.1, before.2), began);
    for (second, status, result, date) in polls {
        let report = report(status, result, date);
        let report = (!status.is_empty()).then_some(&report);
        if let Some(verdict) = run.look(report, began.plus_ms(second * 1_000)) {
            return Some((*second, verdict));
        }
    }
    None
}

#[test]
fn a_unit_that_tells_all_passes() {
    let before = ("OL", "Done and passed", "-");
    let polls = [
        (5, "OL", "Done and passed", "-"),
        (10, "OB DISCHRG", "In progress", "-"),
        (20, "OL CHRG", "Done and passed", "-"),
        (60, "OL CHRG", "Done and passed", "-"),
    ];
    assert_eq!(run(before, &polls), Some((60, Verdict::Passed)), "last week's text counts once this test was seen");
    let dated = [(5, "OL", "Passed", "05/01/26"), (15, "OL", "Passed", "05/08/26")];
    assert_eq!(run(("OL", "Passed", "05/01/26"), &dated), Some((15, Verdict::Passed)), "a new date");
}

#[test]
fn a_bad_battery_is_found_in_each_way_that_units_tell_it() {
    let before = ("OL", "Done and passed", "-");
    assert_eq!(run(before, &[(30, "OL", "Done and error", "-")]), Some((30, Verdict::Failed)));
    assert_eq!(run(before, &[(30, "OL RB", "Done and passed", "-")]), Some((30, Verdict::Failed)));
    assert_eq!(run(("OL", "-", "-"), &[(30, "OL RB", "-", "-")]), Some((30, Verdict::Failed)));
    assert_eq!(run(before, &[(30, "OL", "Done and warning", "-")]), Some((30, Verdict::Weak)));
    let low = [(10, "OB LB CAL", "In progress", "-"), (70, "OL", "Done and passed", "-")];
    assert_eq!(run(before, &low), Some((70, Verdict::Weak)), "low within seconds");
    assert_eq!(run(before, &[(30, "OL", "Aborted", "-")]), Some((30, Verdict::Aborted)));
}

#[test]
fn what_is_not_known_is_not_passed() {
    let unknown = |why| Some((600, Verdict::Unknown(why)));
    let before = ("OL", "Done and passed", "-");
    let unmoved =
        [(10, "OL", "Done and passed", "-"), (60, "OL", "Done and passed", "-"), (600, "OL", "Done and passed", "-")];
    assert_eq!(run(before, &unmoved), unknown(NoVerdict::NotSeen), "the text of last week alone says nothing");
    let mute = [(10, "OB", "-", "-"), (60, "OL", "-", "-"), (600, "OL", "-", "-")];
    assert_eq!(run(("OL", "-", "-"), &mute), unknown(NoVerdict::NoResult));
    let stuck = [(10, "OL CAL", "In progress", "-"), (600, "OL CAL", "In progress", "-")];
    assert_eq!(run(before, &stuck), unknown(NoVerdict::NoResult));
    let silent = [(10, "OB", "In progress", "-"), (300, "", "", ""), (600, "", "", "")];
    assert_eq!(run(before, &silent), unknown(NoVerdict::Silent));
    let never = [(60, "OL", "No test initiated", "-"), (600, "OL", "No test initiated", "-")];
    assert_eq!(run(before, &never), unknown(NoVerdict::NotSeen));
}

/// A UPS that goes on battery for its test shows what an outage shows; by its length they are told apart.
#[test]
fn mains_that_fails_in_the_middle_of_a_test_is_an_outage() {
    let before = ("OL", "-", "-");
    let polls = [(5, "OB", "-", "-"), (40, "OB", "-", "-"), (64, "OB", "-", "-"), (65, "OB", "-", "-")];
    assert_eq!(run(before, &polls), Some((65, Verdict::Unknown(NoVerdict::Outage))));

    let began = Mono(0);
    let mut test = TestRun::begin(TestReport::default(), began);
    assert!(test.explains(Mono(20_000)), "on battery 20 s after the command");
    let on_battery = TestReport { tokens: tokens("OB"), ..TestReport::default() };
    assert_eq!(test.look(Some(&on_battery), Mono(20_000)), None);
    assert!(test.explains(Mono(79_999)) && !test.explains(Mono(80_000)));
    let late = TestRun::begin(TestReport::default(), began);
    assert!(!late.explains(Mono(90_000)), "a test begins soon after its command");
}
