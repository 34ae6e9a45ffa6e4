//! The language of `cabinetd sim play`: the words of `cabinetd sim`, one a line, and `wait`, `expect`, `run`.
//!
//! ```text
//! # a comment
//! badge 1004
//! wait 500ms
//! run pull --key "Unit 204" --reason work-order
//! expect lock 1 on within 3s
//! expect slot 7 full else "hang Unit 204 into slot 7 first"
//! ```
//!
//! The whole script is read before its first line is played, and every bad line is listed.

use super::SimWord;
use crate::cabinet::types::{DoorNo, SlotNo};
use crate::io::sim::words::{Status, Word};
use clap::Parser;
use std::fmt;
use std::time::Duration;

/// How long an `expect` waits, unless it says `within`.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest `wait` and `within`.
const LONGEST: Duration = Duration::from_secs(3600);
/// Lines of the longest script.
const LINES: usize = 10_000;

/// One line of a script.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Step {
    /// From 1.
    pub line: usize,
    pub text: String,
    pub what: What,
}

impl Step {
    /// The line as it may be printed: a PIN stays dots, as on the pad.
    pub(super) fn shown(&self) -> String {
        match &self.what {
            What::Word(Word::Pin(digits)) => format!("pin {}", "•".repeat(digits.chars().count().min(16))),
            What::Expect { remedy: Some(_), .. } => {
                self.text.split_once(" else ").map_or(self.text.as_str(), |(that, _)| that).to_owned()
            }
            What::Word(_) | What::Wait(_) | What::Expect { .. } | What::Run(_) => self.text.clone(),
        }
    }
}

/// What a line wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum What {
    Word(Word),
    Wait(Duration),
    Expect {
        that: Expectation,
        within: Duration,
        /// What to tell a person if it does not become so.
        remedy: Option<String>,
    },
    /// This program's own command.
    Run(Vec<String>),
}

/// Something that should become so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Expectation {
    Lock {
        door: DoorNo,
        on: bool,
    },
    Door {
        door: DoorNo,
        open: bool,
    },
    SlotEmpty {
        slot: SlotNo,
        empty: bool,
    },
    Latch {
        slot: SlotNo,
        on: bool,
    },
    Led {
        slot: SlotNo,
        on: bool,
    },
    HandEmpty(bool),
    /// The display shows a text with this in it.
    Display(String),
    Daemon {
        running: bool,
    },
    /// Whether the UPS's output has power.
    Ups {
        on: bool,
    },
}

/// A line that is not understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Problem {
    pub line: usize,
    pub why: String,
}

/// A word of `cabinetd sim`, as in a script.
#[derive(Parser)]
#[command(no_binary_name = true, disable_help_subcommand = true, disable_help_flag = true)]
struct ScriptLine {
    #[command(subcommand)]
    word: SimWord,
}

/// The steps of a script, or every bad line.
pub(super) fn parse(script: &str) -> Result<Vec<Step>, Vec<Problem>> {
    let mut steps = Vec::new();
    let mut problems = Vec::new();
    for (index, text) in script.lines().enumerate() {
        let line = index + 1;
        if line > LINES {
            problems.push(Problem { line, why: format!("a script has at most {LINES} lines") });
            break;
        }
        match tokens(text).and_then(|tokens| if tokens.is_empty() { Ok(None) } else { what(&tokens).map(Some) }) {
            Ok(None) => {}
            Ok(Some(what)) => steps.push(Step { line, text: text.trim().to_owned(), what }),
            Err(why) => problems.push(Problem { line, why }),
        }
    }
    if problems.is_empty() { Ok(steps) } else { Err(problems) }
}

/// Splits a line as a shell would: white space, quotes, `#` for the rest of it.
fn tokens(line: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut token: Option<String> = None;
    let mut quote: Option<char> = None;
    for letter in line.chars() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                token.get_or_insert_default();
            }
            (None, '#') if token.is_none() => break,
            (None, _) if letter.is_whitespace() => tokens.extend(token.take()),
            (Some(_) | None, _) => token.get_or_insert_default().push(letter),
        }
    }
    if let Some(open) = quote {
        return Err(format!("a {open} is opened and not closed"));
    }
    tokens.extend(token);
    Ok(tokens)
}

fn what(tokens: &[String]) -> Result<What, String> {
    let words: Vec<&str> = tokens.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["wait", time] => duration(time).map(What::Wait),
        ["wait", ..] => Err("say how long: `wait 500ms`, `wait 2s`".to_owned()),
        ["expect", rest @ ..] => {
            let (rest, remedy) = match rest {
                [rest @ .., "else", text] => (rest, Some((*text).to_owned())),
                _ => (rest, None),
            };
            let (rest, within) = match rest {
                [rest @ .., "within", time] => (rest, duration(time)?),
                _ => (rest, PATIENCE),
            };
            expectation(rest).map(|that| What::Expect { that, within, remedy })
        }
        ["run"] => Err("say what to run: `run pull --key \"Unit 204\" --reason work-order`".to_owned()),
        ["run", "sim" | "demo" | "run", ..] => {
            Err("`run` is for this program's other commands, not for sim, demo or run".to_owned())
        }
        ["run", ..] => Ok(What::Run(tokens[1..].to_vec())),
        _ => {
            let word = ScriptLine::try_parse_from(tokens).map_err(|why| first_line(&why))?.word;
            word.check().map_err(str::to_owned)?;
            Ok(What::Word(word.into()))
        }
    }
}

/// The first line of clap's message: the rest is a usage text for a command line that nobody typed.
fn first_line(why: &clap::Error) -> String {
    let text = why.to_string();
    let first: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let message = first.join(" ").trim_start_matches("error: ").to_owned();
    if message.is_empty() || message.starts_with("Usage") { "this word needs more".to_owned() } else { message }
}

fn duration(text: &str) -> Result<Duration, String> {
    let sorry = || format!("\"{text}\" is no time: write 500ms or 2s, at most {} s", LONGEST.as_secs());
    let (number, unit_ms) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 1),
        (None, Some(number)) => (number, 1000),
        (None, None) => return Err(sorry()),
    };
    let number: u64 = number.parse().map_err(|_| sorry())?;
    let time = number.checked_mul(unit_ms).map(Duration::from_millis).ok_or_else(sorry)?;
    if time > LONGEST { Err(sorry()) } else { Ok(time) }
}

fn expectation(words: &[&str]) -> Result<Expectation, String> {
    match words {
        ["lock", door, state] => Ok(Expectation::Lock { door: DoorNo(number(door)?), on: on(state)? }),
        ["latch", slot, state] => Ok(Expectation::Latch { slot: SlotNo(number(slot)?), on: on(state)? }),
        ["led", slot, state] => Ok(Expectation::Led { slot: SlotNo(number(slot)?), on: on(state)? }),
        ["door", state] => Ok(Expectation::Door { door: DoorNo(1), open: open(state)? }),
        ["door", door, state] => Ok(Expectation::Door { door: DoorNo(number(door)?), open: open(state)? }),
        ["slot", slot, state] => Ok(Expectation::SlotEmpty {
            slot: SlotNo(number(slot)?),
            empty: one_of(state, ("empty", true), ("full", false))?,
        }),
        ["hand", state] => Ok(Expectation::HandEmpty(one_of(state, ("empty", true), ("full", false))?)),
        ["daemon", state] => Ok(Expectation::Daemon { running: one_of(state, ("running", true), ("gone", false))? }),
        ["ups", state] => Ok(Expectation::Ups { on: on(state)? }),
        ["display", text] => Ok(Expectation::Display((*text).to_owned())),
        _ => Err("expect what? lock N on|off, latch N on|off, led N on|off, door [N] open|closed, slot N empty|full, \
                  hand empty|full, display \"TEXT\", daemon running|gone, ups on|off"
            .to_owned()),
    }
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("\"{text}\" is no number of a slot or door"))
}

fn on(text: &str) -> Result<bool, String> {
    one_of(text, ("on", true), ("off", false))
}

fn open(text: &str) -> Result<bool, String> {
    one_of(text, ("open", true), ("closed", false))
}

fn one_of(text: &str, a: (&str, bool), b: (&str, bool)) -> Result<bool, String> {
    [a, b]
        .into_iter()
        .find(|(word, _)| *word == text)
        .map(|(_, value)| value)
        .ok_or_else(|| format!("\"{text}\" should be \"{}\" or \"{}\"", a.0, b.0))
}

impl Expectation {
    /// Whether it is so; or why it can never be.
    pub(super) fn holds(&self, status: &Status) -> Result<bool, String> {
        let door = |no: &DoorNo| {
            status.doors.iter().find(|door| door.door == *no).ok_or_else(|| format!("there is no door {no}"))
        };
        let slot = |no: &SlotNo| {
            status.slots.iter().find(|hook| hook.slot == *no).ok_or_else(|| format!("there is no slot {no}"))
        };
        Ok(match self {
            Self::Lock { door: no, on } => door(no)?.lock == *on,
            Self::Door { door: no, open } => door(no)?.open == *open,
            Self::SlotEmpty { slot: no, empty } => slot(no)?.key.is_none() == *empty,
            Self::Latch { slot: no, on } => slot(no)?.latch.ok_or_else(|| format!("slot {no} has no latch"))? == *on,
            Self::Led { slot: no, on } => slot(no)?.led == *on,
            Self::HandEmpty(empty) => status.hand.is_empty() == *empty,
            Self::Display(text) => {
                status.display.as_ref().is_some_and(|shown| shown.to_lowercase().contains(&text.to_lowercase()))
            }
            Self::Daemon { running } => status.daemon == *running,
            Self::Ups { on } => status.ups_output.ok_or_else(|| "there is no UPS".to_owned())? == *on,
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::sim::hardware::Act;
    use crate::io::sim::words::UpsFault;

    fn whats(script: &str) -> Vec<What> {
        parse(script).expect("a good script").into_iter().map(|step| step.what).collect()
    }

    #[test]
    fn a_good_script_is_read_line_by_line() {
        let steps = parse("# visit\n\n  badge 1004 # Ana\nput 9 --key \"Unit 204\"\n").expect("a good script");
        assert_eq!(steps[0].line, 3);
        assert_eq!(parse("pin 482913").expect("a word")[0].shown(), "pin ••••••");
        assert_eq!(steps[0].what, What::Word(Word::Badge("1004".into())));
        assert_eq!(steps[1].what, What::Word(Word::Act(Act::Put { slot: SlotNo(9), key: Some("Unit 204".into()) })));
        assert_eq!(
            whats(
                "wait 500ms\nwait 2s\ndoor open\ndoor force 2\nfault lock 1\nfault lock 1 ok\n\
                   ups button\nups load 120\nfault ups spurious-low"
            ),
            [
                What::Wait(Duration::from_millis(500)),
                What::Wait(Duration::from_secs(2)),
                What::Word(Word::Act(Act::Open { door: DoorNo(1) })),
                What::Word(Word::Act(Act::Force { door: DoorNo(2) })),
                What::Word(Word::Act(Act::LockFault { door: DoorNo(1), broken: true })),
                What::Word(Word::Act(Act::LockFault { door: DoorNo(1), broken: false })),
                What::Word(Word::UpsButton),
                What::Word(Word::UpsLoad { watts: 120 }),
                What::Word(Word::UpsFault(UpsFault::SpuriousLow)),
            ]
        );
        assert_eq!(
            whats(
                "expect lock 1 on\nexpect slot 7 empty within 200ms\nexpect display \"enter your\" else 'look at it'"
            ),
            [
                What::Expect { that: Expectation::Lock { door: DoorNo(1), on: true }, within: PATIENCE, remedy: None },
                What::Expect {
                    that: Expectation::SlotEmpty { slot: SlotNo(7), empty: true },
                    within: Duration::from_millis(200),
                    remedy: None
                },
                What::Expect {
                    that: Expectation::Display("enter your".into()),
                    within: PATIENCE,
                    remedy: Some("look at it".into())
                },
            ]
        );
        let run = ["pull", "--key", "Unit 204", "--for", ""].map(str::to_owned).to_vec();
        assert_eq!(whats("run pull --key 'Unit 204' --for \"\""), [What::Run(run)]);
    }

    #[test]
    fn every_bad_line_is_listed_with_its_number() {
        let script = "badge\nbadge 1004\ntake seven\njump\nwait 5\nwait 9999s\nwait\nexpect lock on\n\
                      expect door ajar\nexpect slot 99999 empty\nput 9 --key \"Unit\nrun\nrun demo\nmains sideways\n\
                      fault sensor 7 tired\nstatus\nexpect\n--help";
        let problems = parse(script).expect_err("all but one line is bad");
        let lines: Vec<usize> = problems.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]);
        for problem in problems {
            assert!(!problem.why.is_empty() && !problem.why.contains('\n'), "{problem}");
        }
    }

    #[test]
    fn the_shipped_script_is_good() {
        parse(include_str!("../../../config/demo-script.txt")).expect("every line is understood");
    }
}
