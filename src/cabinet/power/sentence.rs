//! Power's records as sentences that a manager understands, with the figures that decided.

use super::policy::{Method, Mode, Then, Why};
use super::reading::{Supply, UpsSilence};
use super::selftest::{NoVerdict, Verdict};
use super::state::{DrillEnd, PowerOrder, Replaced, Sight, SwitchFigures, Told};
use crate::cabinet::fact::Fact;
use crate::cabinet::sentence::duration;
use std::fmt::{self, Formatter};

/// Writes the sentence of a power record; others write nothing.
pub(in crate::cabinet) fn sentence(f: &mut Formatter<'_>, fact: &Fact) -> fmt::Result {
    match fact {
        Fact::PowerSwitched { from, to, why, figures } => f.write_str(&switched(*from, *to, *why, figures)),
        Fact::OutageEnded { outage, least_ms, most_ms, flaps, sessions, sleeps, spent_mwh, drill } => {
            let what = if *drill { "The outage of the drill" } else { "The outage" };
            write!(f, "{what} (since record {outage}) is over: it lasted {}", length(*least_ms, *most_ms))?;
            match flaps {
                0 => {}
                1 => f.write_str(", mains came and went once in between")?,
                _ => write!(f, ", mains came and went {flaps} times in between")?,
            }
            write!(f, ". {} and {} took {}.", count(*sessions, "visit"), count(*sleeps, "sleep"), wh(*spent_mwh))
        }
        Fact::OutageTold { told, upstream } => f.write_str(&told_words(*told, *upstream)),
        Fact::PowerTold { order: PowerOrder::SleepNow } => f.write_str("The cabinet was told to sleep now."),
        Fact::PowerTold { order: PowerOrder::StayAwake { for_minutes } } => {
            write!(f, "The cabinet was told to stay awake for {}.", duration(u64::from(*for_minutes) * 60_000))
        }
        Fact::EnergyBooked { spent_mwh, left_mwh, asleep, .. } => {
            let how = asleep.map_or_else(|| "on battery".to_owned(), |method| format!("asleep ({})", method.word()));
            write!(f, "Energy: {} were spent {how}, about {} are left.", wh(*spent_mwh), wh(*left_mwh))
        }
        Fact::BatteryReplaced { what, serial } => {
            let serial = serial.as_ref().map(|serial| format!(" (serial {serial})")).unwrap_or_default();
            match what {
                Replaced::Nothing => write!(f, "The UPS told its serial for the first time{serial}."),
                Replaced::Ups => write!(
                    f,
                    "Another UPS answers{serial}: what was measured and proved on the former one does not count any more."
                ),
                Replaced::Battery => {
                    f.write_str("The battery was replaced: its capacity has to be measured and sleep proved anew.")
                }
            }
        }
        Fact::BatteryMeasured { capacity_mwh, by_drill } => {
            let by = if *by_drill { "a deep drill" } else { "this outage" };
            write!(f, "By {by} the battery holds {}.", wh(*capacity_mwh))
        }
        Fact::LoadLearned { day } => {
            let base =
                day.base_mw.map_or_else(|| "too little for the UPS to show".to_owned(), |mw| watts(u64::from(mw)));
            write!(f, "Load: the cabinet alone draws {base} from the UPS")?;
            match day.foreign.count_ones() {
                0 => f.write_str("."),
                hours => {
                    write!(
                        f,
                        "; in {} something else drew {} more.",
                        count(hours, "hour"),
                        watts(u64::from(day.foreign_mw))
                    )
                }
            }
        }
        Fact::SelfTestBegan => f.write_str("The UPS was told to test its battery."),
        Fact::SelfTestEnded { verdict } => f.write_str(match verdict {
            Verdict::Passed => "The UPS's test of its battery passed.",
            Verdict::Weak => "The UPS's test of its battery passed with a warning: replace it soon.",
            Verdict::Failed => "The UPS's test of its battery failed: replace it.",
            Verdict::Aborted => "The UPS's test of its battery was broken off; it is tried again.",
            Verdict::Unknown(NoVerdict::NotSeen) => "Nothing shows that the UPS tested its battery.",
            Verdict::Unknown(NoVerdict::NoResult) => "The UPS tested its battery and does not say with what result.",
            Verdict::Unknown(NoVerdict::Silent) => "The UPS fell silent in the test of its battery.",
            Verdict::Unknown(NoVerdict::Outage) => "Mains failed in the middle of the test of the battery.",
        }),
        Fact::DrillStarted { deep: false } => f.write_str("A drill began, with somebody there."),
        Fact::DrillStarted { deep: true } => {
            f.write_str("A deep drill began, to measure the battery, with somebody there.")
        }
        Fact::DrillSaw { what, figure } => f.write_str(&seen(*what, *figure)),
        Fact::DrillProving { method } => write!(f, "Drill: the cabinet is to sleep by {} and to wake.", method.word()),
        Fact::MethodProved { method, ready_ms, by_stopwatch: true } => {
            write!(f, "Timed by hand: out of {} it was ready {} after the press.", method.word(), duration(*ready_ms))
        }
        Fact::MethodProved { method: Method::Standby, ready_ms, by_stopwatch: false } => {
            write!(
                f,
                "Sleep by standby is proved: it slept, woke, and its hardware answered {} later.",
                duration(*ready_ms)
            )
        }
        Fact::MethodProved { method, ready_ms, by_stopwatch: false } => write!(
            f,
            "Sleep by {} is proved: it slept, was woken on battery, and was ready {} after the machine's start.",
            method.word(),
            duration(*ready_ms)
        ),
        Fact::MethodDisproved { method } => write!(
            f,
            "Sleep by {} is not to be had: the machine comes up by itself, with nobody there; see whether the UPS's output is really cut.",
            method.word()
        ),
        Fact::DrillEnded { drill, how, lasted_ms } => {
            let how = match how {
                DrillEnd::Finished => "was finished",
                DrillEnd::Aborted => "was broken off",
                DrillEnd::NeededElsewhere => "was broken off because somebody needed the cabinet",
                DrillEnd::BatteryLow => "was broken off because the battery got low",
                DrillEnd::Interrupted => "ended unfinished: mains was back for good, or nobody went on with it,",
            };
            write!(f, "The drill (since record {drill}) {how} after {}.", duration(*lasted_ms))
        }
        Fact::DrillOutlasted { outage } => {
            write!(f, "Mains did not come back after the drill: the outage (since record {outage}) is a real one.")
        }
        _ => Ok(()),
    }
}

/// What somebody, or upstream, said of an outage.
fn told_words(told: Told, upstream: bool) -> String {
    let by = if upstream { " by upstream" } else { "" };
    match told {
        Told::Storm { is: true } => format!("A storm was reported{by}: outages are expected to last longer."),
        Told::Storm { is: false } => format!("It was reported{by} that there is no storm (any more)."),
        Told::EndsIn { ms } => format!("The utility was reported{by} to expect power back in {}.", duration(ms)),
        Told::NothingStated => format!("It was reported{by} that the utility states no restoration time."),
    }
}

/// What a drill saw.
fn seen(what: Sight, figure: u64) -> String {
    match what {
        Sight::OnBattery => "Drill: the UPS says that it is on battery.".to_owned(),
        Sight::Load => format!("Drill: the load was {}, on average.", watts(figure)),
        Sight::LoadShare => format!("Drill: the load was {figure} % of what the UPS may carry, on average."),
        Sight::Reader => "Drill: the reader lives on battery.".to_owned(),
        Sight::Lock => "Drill: the lock lives on battery.".to_owned(),
        Sight::Door => "Drill: the door's contact lives on battery.".to_owned(),
        Sight::Sensor => "Drill: a slot's sensor lives on battery.".to_owned(),
        Sight::Network => format!("Drill: the network lives on battery, it answered after {}.", duration(figure)),
        Sight::RestartOnMains => {
            format!("Drill: the machine came up by itself when mains was back, ready {} later.", duration(figure))
        }
        Sight::Woke => format!(
            "Drill: it came up on battery, ready {} after the machine's start; whether the UPS had been off is yours to say.",
            duration(figure)
        ),
        Sight::MainsBack => "Drill: mains is back, and the UPS says so.".to_owned(),
    }
}

/// A switch of modes: what, why, by which figures.
#[must_use]
pub fn switched(from: Mode, to: Mode, why: Why, figures: &SwitchFigures) -> String {
    let drill = if figures.drill { "Drill: " } else { "" };
    format!("{drill}{}: {}.", mode_words(to), why_words(from, why, figures))
}

/// The supply in words, in the middle of a sentence.
#[must_use]
pub const fn supply_words(supply: Supply) -> &'static str {
    match supply {
        Supply::Unknown => "not known yet",
        Supply::OnLine => "on line",
        Supply::OnBattery => "on battery",
        Supply::LowBattery => "battery low",
        Supply::Unreachable(silence) => match silence {
            UpsSilence::Refused => "the UPS does not answer (nobody listens)",
            UpsSilence::TimedOut => "the UPS does not answer (in time)",
            UpsSilence::Garbled => "the UPS does not answer (garbled)",
            UpsSilence::UnknownUps => "upsd knows no UPS of that name",
            UpsSilence::Stale => "the UPS's data are stale",
            UpsSilence::DriverGone => "the UPS's driver is gone",
            UpsSilence::Waiting => "the UPS's driver is starting",
        },
    }
}

/// A mode in words, as the head of a sentence.
#[must_use]
pub fn mode_words(mode: Mode) -> String {
    match mode {
        Mode::Line => "On mains".to_owned(),
        Mode::Grace => "On battery".to_owned(),
        Mode::Normal => "Serving as usual on battery".to_owned(),
        Mode::Conserve => "Saving the battery".to_owned(),
        Mode::FallingAsleep { method, then: Then::Asleep } => format!("Falling asleep ({})", method.word()),
        Mode::FallingAsleep { then: Then::Manual, .. } => "Closing down for the cabinet key".to_owned(),
        Mode::Asleep { method: Method::Standby } => "Asleep, waiting for a badge or the button".to_owned(),
        Mode::Asleep { method: Method::Halt } => "Asleep, halted until its button is pressed".to_owned(),
        Mode::Asleep { method: Method::UpsOff } => "Asleep, off until the UPS's button is pressed".to_owned(),
        Mode::Restoring { .. } => "Mains is back, and is watched".to_owned(),
        Mode::Manual { .. } => "Closed down, the cabinet key is needed".to_owned(),
    }
}

fn why_words(from: Mode, why: Why, figures: &SwitchFigures) -> String {
    let elapsed = length(figures.elapsed.least_ms, figures.elapsed.most_ms);
    let total = duration(coarse(figures.total_ms));
    let energy = wh(figures.energy_mwh);
    let need = wh(figures.need_mwh);
    let battery = match figures.charge_pct {
        Some(pct) => format!("about {energy} are left, charge {pct} %"),
        None => format!("about {energy} are left"),
    };
    match why {
        Why::StartedOnLine => "the cabinet came up and finds mains there".to_owned(),
        Why::StartedOnBattery => {
            format!("the cabinet came up in the middle of an outage ({elapsed} so far; {battery})")
        }
        Why::Deeper => "still nobody is here, and the UPS is heard again, so that it may sleep deeper".to_owned(),
        Why::ManualNoMore => format!("what made it give up is over ({battery})"),
        Why::WokenByClock => "the cabinet's clock woke it, nobody is here, mains is still out".to_owned(),
        Why::ShutDownByOthers => "somebody else shuts the system down".to_owned(),
        Why::MainsLost => format!("mains failed ({battery})"),
        Why::Flicker => format!("mains was back after {}", duration(figures.lasted_ms)),
        Why::LowAtOnce | Why::LowAtOnceTight => format!("the UPS calls its battery low at once ({battery})"),
        Why::GraceOver => format!("mains is out for {elapsed}, more than a flicker ({battery})"),
        Why::MainsBack => format!("mains came back after {elapsed}"),
        Why::Empty => format!("the battery is empty after {elapsed}"),
        Why::LowAndLast => format!(
            "the UPS calls its battery low after {elapsed}, and it is not enough for one more visit ({battery})"
        ),
        Why::TooLong => {
            format!("after {elapsed} this outage is expected to last {total} in all, so the battery is kept for visits")
        }
        Why::LongAndUncovered => format!(
            "after {elapsed} this outage is expected to last {total} in all, and the battery may not carry that ({battery}; to be prepared for {} more)",
            duration(coarse(figures.r80_ms))
        ),
        Why::Budget | Why::GraceOverTight => format!(
            "{energy} are left, {} in the next {} need {need} of it, and awake until the next ones come it would not be enough",
            count(figures.requests, "expected visit"),
            duration(coarse(figures.r95_ms))
        ),
        Why::LowThrice => format!("the UPS keeps calling its battery low ({battery})"),
        Why::Silent => format!("the UPS says nothing any more; by the cabinet's own count {energy} are left"),
        Why::ShortAndAmple => format!(
            "this outage is expected to last {total} in all, and {energy} are ample for it (a long one would need {need})"
        ),
        Why::ToldToSleep => "it was told to".to_owned(),
        Why::Idle if figures.idle_ms < 10_000 => "the visit is over, and the battery is kept for later ones".to_owned(),
        Why::Idle => format!("nobody was here for {}", duration(coarse(figures.idle_ms))),
        Why::SomeoneInTime | Why::SomeoneCame => "somebody is here, or wants it awake".to_owned(),
        Why::Ready => format!("all is written down ({battery})"),
        Why::MethodFailed => match from {
            Mode::Asleep { method } | Mode::Manual { method: Some(method) } => {
                format!("sleep by {} did not come, a lighter way is taken", method.word())
            }
            _ => "sleep did not come, a lighter way is taken".to_owned(),
        },
        Why::MainsLostAgain => format!("mains failed again after {} ({battery})", duration(figures.lasted_ms)),
        Why::MainsForGood => format!("mains has been back for {}", duration(figures.lasted_ms)),
        Why::SomeoneAtTheLast => format!("somebody is here, and it is enough for one more visit ({battery})"),
    }
}

/// A length that may be known from both sides only.
#[must_use]
pub fn length(least_ms: u64, most_ms: u64) -> String {
    if least_ms == most_ms {
        duration(coarse(least_ms))
    } else {
        format!("{} to {}", duration(coarse(least_ms)), duration(coarse(most_ms)))
    }
}

/// Nobody wants the seconds of hours.
const fn coarse(ms: u64) -> u64 {
    match ms {
        0..600_000 => ms,
        _ => ms / 60_000 * 60_000,
    }
}

/// Watt-hours with one decimal: `63.4 Wh`.
#[must_use]
pub fn wh(mwh: u64) -> String {
    let tenths = (mwh + 50) / 100;
    format!("{}.{} Wh", tenths / 10, tenths % 10)
}

fn watts(mw: u64) -> String {
    let tenths = (mw + 50) / 100;
    format!("{}.{} W", tenths / 10, tenths % 10)
}

fn count(number: u32, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
