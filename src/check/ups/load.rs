//! The load: is the UPS made for it, is it the cabinet's alone, and is it enough for the UPS to stay on.

use super::super::words::{day_hours, watts, weekdays};
use super::super::{Finding, Id, Level, power};
use super::{Answer, Watched};
use crate::cabinet::power::baseline::{ForeignLoad, LEARNED_DAYS};

pub(super) fn rating(answer: &Answer, power: &power::Facts) -> Finding {
    let id = Id::UpsRating;
    let rated_w = answer.rated_w(power);
    let load_mw = answer.load_mw(power);
    let of_rating =
        |mw: u32| rated_w.filter(|rated_w| *rated_w > 0).map(|rated_w| mw.div_ceil(rated_w.saturating_mul(10)));
    let percent = answer.state.figures.load_pct.map(u32::from).or_else(|| load_mw.and_then(of_rating));
    let rated = rated_w.map_or_else(String::new, |rated_w| format!(" of its {rated_w} W"));
    let smaller = "Unplug what is not the cabinet's (ups.dedicated), or take a larger UPS: near its limit it switches off when mains fails.";
    match percent {
        _ if answer.says("OVER") => Finding::failure(id, "The UPS is overloaded.", smaller),
        Some(percent) if percent > 100 => Finding::failure(id, format!("The UPS carries {percent} %{rated}."), smaller),
        Some(percent) if percent > 80 => {
            Finding::warning(id, format!("The UPS carries {percent} %{rated}, more than 80 %."), smaller)
        }
        Some(percent) => Finding::fine(id, format!("The UPS carries {percent} %{rated}.")),
        // Too little for it to show: by what the cabinet is said to draw.
        None => match of_rating(power.said_mw()) {
            Some(percent) if percent <= 80 => Finding::fine(
                id,
                format!("The UPS does not show so small a load; by the config the cabinet takes {percent} %{rated}."),
            ),
            Some(percent) => {
                Finding::warning(id, format!("By the config the cabinet takes {percent} %{rated}."), smaller)
            }
            None => Finding::unknown(
                id,
                "The UPS tells neither its load nor what it is rated for.",
                "Write `ups_rated_w` under [battery], as printed on its back; in volt-amperes take 60 % of it.",
            ),
        },
    }
}

pub(super) fn dedicated(power: &power::Facts) -> Finding {
    let id = Id::UpsDedicated;
    let baseline = &power.baseline;
    let own_mw = baseline.base_mw();
    if let Some(found) = baseline.finding() {
        let remedy = "Trace the UPS's sockets, unplug what is not the cabinet's, and label them. If it is the cabinet's own after all (a \
                      new display), correct `normal_mw` under [power]: the load is then learned anew.";
        let level = if own_mw.is_some_and(|own| found.watts_mw < own) { Level::Warning } else { Level::Failure };
        return Finding::new(level, id, foreign(&found), remedy);
    }
    if !baseline.is_learned() {
        return Finding::unknown(
            id,
            format!("The cabinet's own load is still being learned ({} of {LEARNED_DAYS} days).", baseline.days()),
            "Let the daemon run, and check again then. Nothing but the cabinet belongs into the UPS's sockets.",
        );
    }
    let days = baseline.days();
    Finding::fine(
        id,
        match own_mw {
            Some(own) => {
                format!("Nothing but the cabinet was seen on the UPS in {days} days; idle it takes {}.", watts(own))
            }
            None => format!(
                "No large load was seen on the UPS in {days} days; it does not show one as small as the cabinet's."
            ),
        },
    )
}

fn foreign(found: &ForeignLoad) -> String {
    let load = if found.peak_mw > found.watts_mw.saturating_mul(3) / 2 {
        format!("about {} and up to {}", watts(found.watts_mw), watts(found.peak_mw))
    } else {
        format!("about {}", watts(found.watts_mw))
    };
    let guessed = if found.clock_trusted { "" } else { ", by a clock that may be wrong" };
    let when = if found.always {
        format!("all the time for {} days", found.since_days)
    } else if found.days == 1 {
        format!("on one day, {}{guessed}", day_hours(found.hours))
    } else if found.regular {
        let days = format!("on {} of {} days", found.days, found.since_days);
        format!("{} from {}{guessed} ({days})", weekdays(found.weekdays), day_hours(found.hours))
    } else {
        format!("at changing hours on {} of {} days{guessed}", found.days, found.since_days)
    };
    let last = match found.last_days {
        1 => String::new(),
        days => format!(", last {days} days ago"),
    };
    format!("Something else draws {load} from the UPS: {when}{last}.")
}

/// Units that cut off at low load do so below about this, where they do not say it themselves.
const LOW_LOAD_PCT: u32 = 10;

pub(super) fn low_load(watched: &Watched, answer: &Answer, power: &power::Facts) -> Finding {
    let id = Id::UpsLowLoad;
    let rated_w = answer.rated_w(power).filter(|rated_w| *rated_w > 0);
    let in_pct = |mw: u32| rated_w.map(|rated_w| mw / rated_w.saturating_mul(10));
    // The least it ever carries: what is left when the loads are shed.
    let shed_mw = answer.load_mw(power).map(|load| load.saturating_sub(power.shed_mw()));
    let least = shed_mw.and_then(in_pct);
    let named = answer.variables.milli("battery.energysave.load").map(|milli| milli / 1_000);
    let named = named.and_then(|pct| u32::try_from(pct).ok()).or_else(|| {
        let milliwatts = answer.variables.milli("battery.energysave.realpower")?;
        in_pct(u32::try_from(milliwatts).ok()?)
    });
    let limit = named.unwrap_or(LOW_LOAD_PCT);
    let off = format!(
        "Switch that off: `upsrw -s battery.energysave=no -u USER {}`, or in the UPS's own menu.",
        watched.target()
    );
    let least_words = least.map_or("a load that it does not show".to_owned(), |least| format!("{least} %"));
    match answer.variables.truth("battery.energysave") {
        Some(false) => Finding::fine(id, "The UPS does not cut its output at a small load."),
        Some(true) if least.is_some_and(|least| least * 2 > limit * 3) => Finding::warning(
            id,
            format!(
                "The UPS cuts its output on battery below {limit} % load; with all loads shed the cabinet takes {least_words}."
            ),
            off,
        ),
        Some(true) => Finding::failure(
            id,
            format!(
                "The UPS cuts its output on battery below {limit} % load, and with its loads shed the cabinet takes {least_words}: it would go dark."
            ),
            off,
        ),
        None if power.has_drilled() => Finding::fine(id, "A drill showed that the UPS carries the cabinet on battery."),
        None if least.is_some_and(|least| least > LOW_LOAD_PCT) => Finding::fine(
            id,
            format!("The UPS does not say whether it cuts its output at a small load; {least_words} is not small."),
        ),
        None => Finding::unknown(
            id,
            format!(
                "The UPS does not say whether it cuts its output at a small load, and with its loads shed the cabinet takes {least_words}."
            ),
            "Some units do below some 10 %. `cabinetd drill` (ten minutes on battery) shows it; then switch it off in the UPS's menu.",
        ),
    }
}
