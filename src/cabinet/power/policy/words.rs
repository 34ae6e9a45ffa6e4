//! The table in words, as `docs/power.md` shows it.

use super::{Kind, LOW_CHARGE_PCT, LOW_ENERGY_PCT, Next, Row, Rules, TABLE, Test, Then};

/// The table as Markdown, row by row, with the figures as shipped.
#[must_use]
pub fn table() -> String {
    let mut out = String::from("| in | when | then | recorded as |\n|---|---|---|---|\n");
    let rules = Rules::default();
    for row in TABLE {
        out.push_str(&line(row, &rules));
    }
    out
}

fn line(row: &Row, rules: &Rules) -> String {
    let from: Vec<&str> = row.from.iter().map(|kind| kind.word()).collect();
    let from = if row.from.len() == Kind::ALL.len() - 1 { "any but Line".to_owned() } else { from.join(", ") };
    let when: Vec<String> = row.when.iter().map(|test| words(*test, rules)).collect();
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

fn words(test: Test, rules: &Rules) -> String {
    let s = |ms: u64| ms / 1_000;
    let min = |ms: u64| ms / 60_000;
    let h = |ms: u64| ms / 3_600_000;
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let share = |pct: u64| pct as f64 / 100.0;
    let times = |pct: u64| if pct == 200 { "twice".to_owned() } else { format!("{} times", share(pct)) };
    match test {
        Test::Woken => "the process has just started".into(),
        Test::WokenByBoot => "the machine has just started, by a person or its supply".into(),
        Test::WokenByAlarm => "the machine has just started, by its own clock".into(),
        Test::OnLine => "OL".into(),
        Test::OnBattery => "OB".into(),
        Test::NotOnLine => "OB, or the UPS does not answer".into(),
        Test::FlickerOver => format!("OL for {} s", s(rules.flicker_ms)),
        Test::Settled => format!("OL for {} s ({} s after a flap)", s(rules.settle_ms), s(rules.settle_flapped_ms)),
        Test::ShutDownByOthers => "FSD that is not ours, or SIGTERM from a system shutdown on battery".into(),
        Test::NotShutDownByOthers => "nobody else shuts the system down".into(),
        Test::GraceOver => format!("for {} s", s(rules.grace_ms)),
        Test::LowCorroborated => format!("LB, and charge ≤ {LOW_CHARGE_PCT} % or energy < {LOW_ENERGY_PCT} %"),
        Test::LowThrice => format!("LB on {} polls", rules.low_polls),
        Test::NotLow => "no LB".into(),
        Test::Silent => format!("no data for {} s", s(rules.silent_ms)),
        Test::Long => {
            format!("D > {} h (with `conserve_only_if_needed`: and R95 not covered)", h(rules.always_after_ms))
        }
        Test::LongAndUncovered => format!("D > {} h and R80 not covered in Normal", h(rules.uncovered_after_ms)),
        Test::Short => format!("D < {} h", h(rules.uncovered_after_ms)),
        Test::Budget => format!(
            "energy − Normal for {} the time until the next visit is expected ({} min at least) < need (where sleep × R95 can be had at all)",
            times(rules.budget_ahead_pct),
            min(rules.budget_ahead_ms)
        ),
        Test::Ample => format!(
            "energy − {} h of Normal (or what the budget looks ahead, if that is more) ≥ {} × need",
            h(rules.return_ahead_ms),
            share(rules.return_margin_pct)
        ),
        Test::NormalFirst => format!("{} min of Normal in this outage", min(rules.normal_first_ms)),
        Test::ConserveFirst => format!("{} min since Conserve began, sleep included", min(rules.conserve_first_ms)),
        Test::NotBusy => "not busy".into(),
        Test::Idle => format!(
            "nobody for {} s ({} s after {} h of outage, or on LB; {} s after a visit, with energy < need; {} min while it lingers)",
            s(rules.idle_ms),
            s(rules.idle_late_ms),
            h(rules.late_after_ms),
            s(rules.idle_tight_ms),
            min(rules.linger_ms)
        ),
        Test::ToldToSleep => "told to sleep now".into(),
        Test::NotToldToStay => "not told to stay awake".into(),
        Test::Someone => "somebody came: badge, button, in standby the door".into(),
        Test::ThenAsleep => "on the way to sleep".into(),
        Test::ThenManual => "on the way to Manual".into(),
        Test::Ready => format!(
            "state durable, upstream flushed or {} s over; no session (on the way to Manual for at most {} s, {} s on FSD)",
            s(rules.flush_ms),
            s(rules.finish_ms),
            s(rules.finish_fsd_ms)
        ),
        Test::InStandby => "in standby".into(),
        Test::DeeperUsable => "a deeper method may be used".into(),
        Test::InDeepSleep => "a deep method was ordered".into(),
        Test::StaysUp => "the machine stays up".into(),
        Test::NotAsleep => format!("it failed, or the machine is still up after {} s", s(rules.still_up_ms)),
        Test::Empty => {
            format!("energy ≤ {} Wh and a shutdown", share(rules.clock_reserve_mwh / 10))
        }
        Test::LessThanOneCycle => "not enough for one more visit".into(),
        Test::OneCycleLeft => "enough for one more visit".into(),
    }
}
