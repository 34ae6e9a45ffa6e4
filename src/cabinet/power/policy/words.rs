//! The table in words, as `docs/power.md` shows it.

use super::{Kind, Next, Row, TABLE, Test, Then};

/// The table as Markdown, row by row.
#[must_use]
pub fn table() -> String {
    let mut out = String::from("| in | when | then | recorded as |\n|---|---|---|---|\n");
    for row in TABLE {
        out.push_str(&line(row));
    }
    out
}

fn line(row: &Row) -> String {
    let from: Vec<&str> = row.from.iter().map(|kind| kind.word()).collect();
    let from = if row.from.len() == Kind::ALL.len() - 1 { "any but Line".to_owned() } else { from.join(", ") };
    let when: Vec<&str> = row.when.iter().map(|test| words(*test)).collect();
    // The record's word is serde's: kebab case of the name.
    let why = kebab(&format!("{:?}", row.why));
    format!("| {from} | {} | {} | `{why}` |\n", when.join("; "), next(row.next))
}

fn kebab(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.extend(letter.to_lowercase());
    }
    out
}

const fn next(next: Next) -> &'static str {
    match next {
        Next::Line => "Line",
        Next::Grace => "Grace",
        Next::Normal => "Normal",
        Next::Conserve => "Conserve",
        Next::FallAsleep(Then::Asleep) => "FallingAsleep, by the deepest usable method",
        Next::FallAsleep(Then::Manual) => "FallingAsleep, then Manual",
        Next::FallLighter => "FallingAsleep, by the next lighter usable method; alarm",
        Next::Sleep => "Asleep, or Manual, as it was meant",
        Next::Restoring => "Restoring, remembering Normal if it was Normal, else Conserve",
        Next::Remembered => "what was remembered; the same outage, one flap more",
    }
}

const fn words(test: Test) -> &'static str {
    match test {
        Test::Woken => "the process has just started",
        Test::WokenByBoot => "the machine has just started, by a person or its supply",
        Test::WokenByAlarm => "the machine has just started, by its own clock",
        Test::OnLine => "OL",
        Test::OnBattery => "OB",
        Test::NotOnLine => "OB, or the UPS does not answer",
        Test::FlickerOver => "OL for 10 s",
        Test::Settled => "OL for 180 s (900 s after a flap)",
        Test::ShutDownByOthers => "FSD that is not ours, or SIGTERM from a system shutdown on battery",
        Test::NotShutDownByOthers => "nobody else shuts the system down",
        Test::GraceOver => "for 120 s",
        Test::LowCorroborated => "LB, and charge ≤ 20 % or energy < 35 %",
        Test::LowThrice => "LB on 3 polls",
        Test::NotLow => "no LB",
        Test::Silent => "no data for 120 s",
        Test::Long => "D > 4 h (with `conserve_only_if_needed`: and R95 not covered)",
        Test::LongAndUncovered => "D > 3 h and R80 not covered in Normal",
        Test::Short => "D < 3 h",
        Test::Budget => {
            "energy − Normal for twice the time until the next visit is expected (5 min at least) < need (where sleep × R95 can be had at all)"
        }
        Test::Ample => "energy − 1 h of Normal (or what the budget looks ahead, if that is more) ≥ 1.15 × need",
        Test::NormalFirst => "5 min of Normal in this outage",
        Test::ConserveFirst => "5 min since Conserve began, sleep included",
        Test::NotBusy => "not busy",
        Test::Idle => {
            "nobody for 60 s (20 s after 2 h of outage, or on LB; 1 s after a visit, with energy < need; 20 min while it lingers)"
        }
        Test::ToldToSleep => "told to sleep now",
        Test::NotToldToStay => "not told to stay awake",
        Test::Someone => "somebody came: badge, button, in standby the door",
        Test::ThenAsleep => "on the way to sleep",
        Test::ThenManual => "on the way to Manual",
        Test::Ready => {
            "state durable, upstream flushed or 10 s over; no session (on the way to Manual for at most 60 s, 15 s on FSD)"
        }
        Test::InStandby => "in standby",
        Test::DeeperUsable => "a deeper method may be used",
        Test::InDeepSleep => "a deep method was ordered",
        Test::StaysUp => "the machine stays up",
        Test::NotAsleep => "it failed, or the machine is still up after 60 s",
        Test::Empty => "energy ≤ 0.5 Wh and a shutdown",
        Test::LessThanOneCycle => "not enough for one more visit",
        Test::OneCycleLeft => "enough for one more visit",
    }
}
