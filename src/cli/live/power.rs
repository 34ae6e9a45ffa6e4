//! The power policy as text: what the cabinet does about its battery, and what that comes to.

use super::status::line;
use super::words::{Tone, View, lasting};
use crate::cabinet::power::sentence::{length, wh};
use crate::cabinet::power::{Method, ModeWord, OutageView, PowerView};

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
        line(text, view, "Mode", &view.paint.tone(tone, &policy.sentence));
        if let Some(next) = &policy.next {
            line(text, view, "", &format!("Next: {next}."));
        }
    }
    if let Some(outage) = &policy.outage {
        line(text, view, "Outage", &outage_words(outage));
    }
    line(text, view, "Battery", &battery(policy));
    if let Some(drill) = &policy.drill {
        let deep = if drill.deep { "a deep drill" } else { "a drill" };
        line(text, view, "Drill", &format!("{deep} is under way for {}", lasting(drill.for_ms)));
    }
}

fn outage_words(outage: &OutageView) -> String {
    let mut text = format!(
        "{} so far, expected {} in all (in 1 of 5 another {} or more)",
        length(outage.elapsed.least_ms, outage.elapsed.most_ms),
        lasting(outage.total_ms),
        lasting(outage.r80_ms)
    );
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
    if outage.flaps > 0 {
        also(format!("mains came and went {} time(s)", outage.flaps));
    }
    if outage.sessions + outage.sleeps > 0 {
        also(format!("{} visit(s), {} sleep(s)", outage.sessions, outage.sleeps));
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
        deep => format!("{} (proved)", deep.word()),
    };
    format!(
        "about {} of {} ({known}): {} awake, {asleep}, or {} visits; sleeps by {sleep}",
        wh(policy.energy_mwh),
        wh(policy.full_mwh),
        lasting(policy.awake_ms),
        policy.pulls_left
    )
}
