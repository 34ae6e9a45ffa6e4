//! The power policy as text: what the cabinet does about its battery, and what that comes to.

use super::status::line;
use super::words::{Tone, View, about, came_and_went, count, lasting};
use crate::cabinet::power::sentence::{length, wh};
use crate::cabinet::power::{DrillView, Method, ModeWord, OutageView, PowerView};
use std::fmt::Write as _;

/// The lines below `Power`: nothing on quiet mains but what the battery would carry.
pub(super) fn lines(text: &mut String, policy: &PowerView, view: &View) {
    if policy.mode != ModeWord::Line {
        let tone = match policy.mode {
            ModeWord::Line | ModeWord::Restoring => Tone::Good,
            ModeWord::Grace | ModeWord::Normal | ModeWord::Conserve | ModeWord::FallingAsleep | ModeWord::Asleep => {
                Tone::Doubt
            }
            ModeWord::ClosingDown | ModeWord::Manual => Tone::Bad,
        };
        line(text, view, "Mode", &view.paint.tone(tone, &mode_words(policy, view)));
        if let Some(next) = &policy.next {
            line(text, view, "", &format!("Next: {next}."));
        }
    }
    if let Some(outage) = &policy.outage {
        line(text, view, "Outage", &outage_words(outage, policy.mode, view));
    }
    line(text, view, "Battery", &battery(policy));
    if let Some(drill) = &policy.drill {
        line(text, view, "Drill", &drill_words(drill));
    }
}

fn drill_words(drill: &DrillView) -> String {
    let what = if drill.deep { "a deep drill" } else { "a drill" };
    let proving = drill.proving.map(|method| format!(", sleep by {} is being proved", method.word()));
    format!(
        "{what} is under way for {}{}; `cabinetd drill --resume` goes on with it, `--abort` ends it",
        lasting(drill.for_ms),
        proving.unwrap_or_default()
    )
}

/// The last switch, and how long ago it was: its figures are of then.
pub(in crate::cli) fn mode_words(policy: &PowerView, view: &View) -> String {
    match policy.for_ms.saturating_add(view.age_ms) {
        0..10_000 => policy.sentence.clone(),
        ago_ms => format!("{} That was {} ago.", policy.sentence, lasting(ago_ms)),
    }
}

/// How long mains has been out, by now: asleep the daemon tells it seldom. With the certain figure first where a clock was lost.
pub(in crate::cli) fn out_for(outage: &OutageView, mode: ModeWord, view: &View) -> String {
    let since_ms = if mode == ModeWord::Restoring { 0 } else { view.age_ms };
    let least_ms = outage.elapsed.least_ms.saturating_add(since_ms);
    let most_ms = outage.elapsed.most_ms.saturating_add(since_ms);
    if least_ms == most_ms {
        length(least_ms, most_ms)
    } else {
        format!(
            "at least {}; the clock was lost, so up to {} is reckoned with",
            length(least_ms, least_ms),
            about(most_ms)
        )
    }
}

fn outage_words(outage: &OutageView, mode: ModeWord, view: &View) -> String {
    let so_far = out_for(outage, mode, view);
    let mut text = if mode == ModeWord::Restoring {
        format!("it lasted {so_far}, if mains stays")
    } else {
        format!("{so_far} so far")
    };
    if outage.elapsed.least_ms != outage.elapsed.most_ms {
        text = so_far;
    }
    // While mains is back it is over, if that lasts.
    if mode != ModeWord::Restoring {
        let (total, another) = (about(outage.total_ms), about(outage.r80_ms));
        let _ = write!(text, ", expected {total} in all (in 1 of 5 another {another} or more)");
    }
    let mut also = |what: String| {
        text.push_str("; ");
        text.push_str(&what);
    };
    if outage.drill {
        also("part of a drill".to_owned());
    }
    if outage.storm {
        also("a storm was reported".to_owned());
    }
    match outage.stated_end_ms {
        Some(ms) if ms >= 0 => also(format!("the utility states {} more", lasting(ms.unsigned_abs()))),
        Some(ms) => also(format!("the time that the utility stated passed {} ago", lasting(ms.unsigned_abs()))),
        None => {}
    }
    if let Some(flaps) = came_and_went(outage.flaps) {
        also(flaps);
    }
    if outage.sessions + outage.sleeps > 0 {
        also(format!("{}, {}", count(outage.sessions, "visit"), count(outage.sleeps, "sleep")));
    }
    text
}

/// The battery in hours and visits.
pub(in crate::cli) fn battery(policy: &PowerView) -> String {
    let known = if policy.measured { "measured" } else { "never measured" };
    let asleep = match policy.asleep_ms {
        Some(ms) => format!("{} asleep", lasting(ms)),
        None => "asleep as long as needed (all is off)".to_owned(),
    };
    let sleep = match policy.deepest {
        Method::Standby => "standby".to_owned(),
        deep if policy.proofs.iter().any(|proof| proof.method == deep) => format!("{} (proved)", deep.word()),
        deep => format!("{} (being proved)", deep.word()),
    };
    let visits = match u32::try_from(policy.pulls_left).unwrap_or(u32::MAX) {
        0 => "hardly until the next visit is due".to_owned(),
        pulls => format!("or {} with sleep in between", count(pulls, "visit")),
    };
    format!(
        "about {} of {} ({known}): enough for either {} awake, or {asleep}, {visits}; sleeps by {sleep}",
        wh(policy.energy_mwh),
        wh(policy.full_mwh),
        lasting(policy.awake_ms)
    )
}
