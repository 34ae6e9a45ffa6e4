//! What people order of the cabinet's power: sleep now, stay awake, a new battery.

use super::live::words::clean;
use super::live::{self, Ends, Output, Place};
use crate::cabinet::power::state::PowerOrder;
use crate::io::control::wire::Ask;
use clap::Subcommand;
use jiff::{SignedDuration, Span};
use std::io::{self, BufRead, IsTerminal as _};
use std::process::ExitCode;

#[derive(Subcommand, Debug)]
pub enum PowerOrders {
    /// Put the cabinet to sleep now, on battery: nobody will come for a while
    #[command(after_help = concat!(
        "Works while the cabinet is on battery and nobody is at it. A badge or its button wakes it; out of a deep sleep, its\n",
        "button or that of the UPS.\n\n",
        "Exit codes: 0 done, 1 refused, 2 wrong usage, 4 no daemon or no answer from it, 5 not permitted."
    ))]
    SleepNow {
        #[command(flatten)]
        output: Output,
    },
    /// Keep the cabinet awake, on battery: people are about to come
    #[command(after_help = concat!(
        "Examples:\n",
        "  cabinetd power stay-awake            for an hour\n",
        "  cabinetd power stay-awake --for 3h\n\n",
        "It stays awake as long as its battery lasts, then closes down as ever.\n",
        "Exit codes: 0 done, 1 refused, 2 wrong usage, 4 no daemon or no answer from it, 5 not permitted."
    ))]
    StayAwake {
        /// How long: 30m, 1h30m; 1 min to 12 h
        #[arg(long = "for", value_name = "TIME", default_value = "1h", value_parser = minutes)]
        for_minutes: u32,
        #[command(flatten)]
        output: Output,
    },
    /// Say that the UPS has a new battery
    #[command(after_help = concat!(
        "What was measured and proved was measured and proved on the old one: the cabinet forgets its capacity, and uses no deep\n",
        "sleep until `cabinetd drill` has proved it anew. So it asks before it does that; --yes answers.\n\n",
        "Exit codes: 0 done, 1 refused, 2 wrong usage, 4 no daemon or no answer from it, 5 not permitted."
    ))]
    BatteryReplaced {
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        output: Output,
    },
}

/// The longest "stay awake", minutes: the daemon's own bound.
const STAY_MOST_MIN: i64 = 12 * 60;

fn minutes(text: &str) -> Result<u32, String> {
    let remedy = || format!("\"{text}\" is no length from 1 min to 12 h; write such as 30m, 1h30m");
    let span: Span = text.trim().parse().map_err(|_| remedy())?;
    let length = SignedDuration::try_from(span).map_err(|_| remedy())?;
    u32::try_from(length.as_mins()).ok().filter(|min| (1..=STAY_MOST_MIN).contains(&i64::from(*min))).ok_or_else(remedy)
}

/// Runs the command.
#[must_use]
pub fn run(orders: &PowerOrders, place: &Place) -> ExitCode {
    let is_terminal = io::stdout().is_terminal();
    let asks = io::stdin().is_terminal();
    let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
    let mut ends = Ends { out: &mut out, err: &mut err, is_terminal };
    ExitCode::from(run_with(orders, place, asks.then_some(&mut io::stdin().lock()), &mut ends))
}

/// Runs the command; `person` answers questions, if there is one.
fn run_with(orders: &PowerOrders, place: &Place, person: Option<&mut dyn BufRead>, ends: &mut Ends<'_>) -> u8 {
    match orders {
        PowerOrders::SleepNow { output } => live::act(place, *output, &Ask::OrderPower(PowerOrder::SleepNow), ends),
        PowerOrders::StayAwake { for_minutes, output } => {
            let order = PowerOrder::StayAwake { for_minutes: *for_minutes };
            live::act(place, *output, &Ask::OrderPower(order), ends)
        }
        PowerOrders::BatteryReplaced { yes, output } => {
            if *yes || confirmed(person, ends) {
                live::act(place, *output, &Ask::BatteryReplaced, ends)
            } else {
                live::REFUSED
            }
        }
    }
}

fn confirmed(person: Option<&mut dyn BufRead>, ends: &mut Ends<'_>) -> bool {
    let Some(person) = person else {
        ends.complain("nobody is there to be asked: with a new battery what was measured and proved is void; --yes says that it is so");
        return false;
    };
    let question = "With a new battery what was measured and proved on the old one is void: its capacity, and each deep sleep until \
                    `cabinetd drill` proves it anew.\nIs there a new battery in the UPS? [y/N] ";
    let asked = write!(ends.err, "{question}").and_then(|()| ends.err.flush());
    let mut answer = String::new();
    let answered = asked.and_then(|()| person.read_line(&mut answer));
    let yes = answered.is_ok() && matches!(clean(answer.trim()).to_lowercase().as_str(), "y" | "yes");
    if !yes {
        ends.complain("nothing was changed");
    }
    yes
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser, Debug)]
    struct Line {
        #[command(subcommand)]
        orders: PowerOrders,
    }

    fn parse(line: &[&str]) -> Result<PowerOrders, clap::Error> {
        Line::try_parse_from([&["power"], line].concat()).map(|line| line.orders)
    }

    /// Without a daemon: who gets as far as asking it ends with 4.
    fn told(line: &[&str], person: Option<&str>) -> (u8, String) {
        let dir = tempfile::tempdir().expect("a folder");
        let place = Place { run_dir: dir.path().into(), time_zone: None };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut ends = Ends { out: &mut out, err: &mut err, is_terminal: false };
        let mut person = person.map(str::as_bytes);
        let person = person.as_mut().map(|person| person as &mut dyn BufRead);
        let code = run_with(&parse(line).expect("it parses"), &place, person, &mut ends);
        (code, String::from_utf8(err).expect("UTF-8"))
    }

    #[test]
    fn lengths_are_bounded_and_nonsense_gets_a_remedy() {
        for (text, expected) in [("1h", 60), ("90m", 90), ("1h30m", 90), ("12h", 720), ("1 min", 1)] {
            assert_eq!(minutes(text), Ok(expected), "{text}");
        }
        for text in ["", "30", "13h", "20s", "-1h", "soon", "1d"] {
            let why = minutes(text).expect_err(text);
            assert!(why.contains("write such as 30m"), "{why}");
            assert_eq!(parse(&["stay-awake", "--for", text]).expect_err(text).exit_code(), 2);
        }
    }

    #[test]
    fn a_new_battery_is_asked_about_unless_one_says_yes() {
        assert_eq!(told(&["battery-replaced", "--yes"], None).0, live::NO_ANSWER);
        assert_eq!(told(&["battery-replaced"], Some("y\n")).0, live::NO_ANSWER);
        let (code, err) = told(&["battery-replaced"], Some("\n"));
        assert_eq!(code, live::REFUSED);
        assert!(err.contains("[y/N]") && err.contains("nothing was changed"), "{err}");
        let (code, err) = told(&["battery-replaced"], None);
        assert_eq!(code, live::REFUSED);
        assert!(err.contains("--yes"), "{err}");
    }
}
