//! Files, good and bad, and what is drawn.

use super::*;

fn problems(text: &str) -> Vec<(u64, String)> {
    let bad = read(text.as_bytes(), 1).expect_err("it is bad");
    bad.problems.into_iter().map(|problem| (problem.line, format!("{}; {}", problem.wrong, problem.remedy))).collect()
}

#[test]
fn a_file_of_outages_is_read() {
    let text = "duration_h,start_hour_local,major_event_day,etr_statements\n\
        1.5,23.5,0,0.3:1.9;1.2:3.0\n\
        0.25,,,\n\
        1.5,23.5,0,0.3:1.9;1.2:3.0\n\
        30,0,1,-0.1:70000\n";
    let outages = read(text.as_bytes(), 1).expect("it is sound");
    assert_eq!(outages.len(), 4);
    let first = &outages[0];
    assert_eq!((first.length_ms, first.start_minute), (5_400_000, 1_410));
    assert_eq!(first.statements[1], Statement { at_ms: 4_320_000, ends_at_ms: 10_800_000 });
    assert!((0.05..0.2).contains(&outages[1].major), "a short one is hardly of a major day: {}", outages[1].major);
    assert_eq!(outages[2].group, first.group, "one outage in two lines");
    assert!(outages[1].group != first.group && outages[3].group != first.group);
    assert_eq!(outages[3].statements[0].at_ms, 0, "stated before it began");
    // The columns may stand in any order, and only one is needed.
    let some = read(b"start_hour_local, duration_h\n12, 4\n".as_slice(), 1).expect("it is sound");
    assert_eq!((some[0].length_ms, some[0].start_minute), (14_400_000, 720));
}

#[test]
fn every_bad_line_is_told_with_its_number_and_a_remedy() {
    let found =
        problems("duration_h,start_hour_local,major_event_day\nlong,1,0\n2,25,0\n2,3,0.5\n,3,0\n0,3,0\n2,3\n1,2,0\n");
    let lines: Vec<u64> = found.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6, 7], "{found:#?}");
    assert!(found[0].1.contains("\"long\"") && found[0].1.contains("for example 1.5"), "{}", found[0].1);
    assert!(problems("duration_h,etr_statements\n1,soon\n")[0].1.contains("t:end"));
    assert!(problems("hours\n1\n").iter().any(|(line, text)| *line == 1 && text.contains("duration_h")));
    assert!(problems("duration_h\n")[0].1.contains("no outage"));
    assert!(problems("duration_h,duration_h\n1,1\n")[0].1.contains("twice"));
    let many = format!("duration_h\n{}", "x\n".repeat(30));
    let bad = read(many.as_bytes(), 1).expect_err("it is bad");
    assert_eq!((bad.problems.len(), bad.more), (20, 10));
    assert!(bad.to_string().ends_with("and 10 more"));
}

#[test]
fn what_is_drawn_is_the_prior() {
    let outages = from_prior(20_000, 3);
    let share = |longer_h: f64, of: &dyn Fn(&Outage) -> f64| {
        let (sum, all) = outages.iter().fold((0.0, 0.0), |(sum, all), outage| {
            (sum + if hours(outage.length_ms) > longer_h { of(outage) } else { 0.0 }, all + of(outage))
        });
        sum / all
    };
    let near = |found: f64, expected: f64| assert!((found - expected).abs() < 0.015, "{found} is not {expected}");
    for longer_h in [1.0, 4.0, 20.0] {
        near(share(longer_h, &|_| 1.0), Projection::built_in().survival(0, milliseconds(longer_h)));
    }
    near(share(4.0, &|outage| outage.major), 0.40);
    near(share(4.0, &|outage| 1.0 - outage.major), 0.14);
    assert_eq!(from_prior(50, 3), outages[..50], "the same seed, the same outages");
}

#[test]
fn a_fixed_length_begins_at_any_hour() {
    let outages = fixed(86_400_000, 1_000, 1);
    assert!(outages.iter().all(|outage| outage.length_ms == 86_400_000));
    let night = outages.iter().filter(|outage| outage.start_minute < 360).count();
    assert!((200..300).contains(&night), "{night}");
}
