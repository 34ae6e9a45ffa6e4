//! Bad configurations (`bad.txt`) and what is said about them, word for word.

use super::{LEAST, around};
use crate::config::Config;
use std::fmt::Write as _;

const CASES: &str = include_str!("bad.txt");

/// A cabinet with two slots on real lines.
const REAL: &str = r#"[cabinet]
site = "site"
name = "cabinet-1"
[lines]
backend = "gpiocdev"
[slots]
count = 2
led = false
[[output]]
role = "lock"
number = 1
pin = 17
active = "high"
[[input]]
role = "door"
number = 1
pin = 27
active = "low"
bias = "pull-up"
[[input]]
role = "slot"
number = "1-2"
pin = "5, 6"
active = "low"
bias = "pull-up"
"#;

fn said(text: &str) -> Vec<String> {
    let (site, _) = LEAST.split_once("[slots]").expect("the least configuration ends with its slots");
    let text = text.replace("@least\n", LEAST).replace("@site\n", site).replace("@real\n", REAL);
    match Config::parse(&text, &around()) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn bad_configurations_are_told_what_is_wrong() {
    let (mut wrong, mut count) = (String::new(), 0);
    for case in CASES.split("=== ").skip(1) {
        let (name, rest) = case.split_once('\n').expect("a case has a name");
        let (text, expected) = rest.split_once("---\n").expect("a case has its text and what is said");
        let expected: Vec<&str> = expected.lines().filter(|line| !line.is_empty()).collect();
        let said = said(text);
        if said != expected || said.is_empty() {
            let _ = writeln!(wrong, "{name}\n  said:\n{}\n  expected:\n{}", said.join("\n"), expected.join("\n"));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!(count, 83, "cases were read");
}
