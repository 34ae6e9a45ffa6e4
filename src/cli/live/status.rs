//! The cabinet's state as text.

use super::words::{Tone, View, clean, labels, lasting, why};
use crate::cabinet::power::Supply;
use crate::cabinet::power::sentence::supply_words;
use crate::cabinet::snapshot::{
    AlarmView, Asked, Away, ConfigIs, DoorIs, LastView, SessionView, Snapshot, StoreIs, SupplyView, Whereabouts,
};
use crate::cabinet::types::{ClockQuality, Reason};
use std::fmt::Write as _;

/// The alarm that only a second person ends, as the snapshot names it.
const LONE_EMERGENCY: &str = "lone-emergency";

/// The state as text.
#[must_use]
pub fn status(seen: &Snapshot, view: &View) -> String {
    let mut text = header(seen, view);
    text.push('\n');
    if seen.store == StoreIs::Full {
        let warning = "the disk is full: nothing can be recorded, so nothing opens; make room";
        line(&mut text, view, "Store", &view.paint.tone(Tone::Bad, warning));
    }
    if !seen.as_of.clock.is_trusted() {
        let what = match seen.as_of.clock {
            ClockQuality::Restored => "where it was at the last shutdown",
            ClockQuality::Synced | ClockQuality::Rtc | ClockQuality::Unknown => "not set",
        };
        line(
            &mut text,
            view,
            "Clock",
            &view.paint.tone(Tone::Doubt, &format!("not trusted ({what}); times are about")),
        );
    }
    let config = match seen.config.state {
        ConfigIs::InForce => None,
        ConfigIs::Waiting => Some((
            Tone::Faint,
            "a new one was read and is taken when nobody is at the cabinet and every door is closed; rights that it takes from accounts are gone already",
        )),
        ConfigIs::Refused => Some((
            Tone::Bad,
            "the file was read again and not taken, the old one goes on; `cabinetd config check`, `journalctl -u cabinetd`",
        )),
    };
    if let Some((tone, words)) = config {
        line(&mut text, view, "Config", &view.paint.tone(tone, words));
    }
    if !seen.config.after_restart.is_empty() {
        let words = format!("a restart is needed for {}", clean(&seen.config.after_restart.join(", ")));
        line(&mut text, view, "Config", &view.paint.tone(Tone::Doubt, &words));
    }
    if let Some(since) = seen.running_since {
        line(&mut text, view, "Running", &view.since(seen, since));
    }
    line(&mut text, view, "Power", &power(seen, view));
    if let Some(policy) = &seen.power {
        super::power::lines(&mut text, policy, view);
    }
    if let Some(upstream) = &seen.upstream {
        super::upstream::lines(&mut text, upstream, view);
    }
    super::upstream::roster(&mut text, seen, view);
    if let Some(alerts) = &seen.alerts {
        super::alerts::lines(&mut text, alerts, view);
    }
    for door in &seen.doors {
        let since = door.since.map_or_else(String::new, |since| format!(" {}", view.since(seen, since)));
        let (word, tone) = match door.state {
            DoorIs::Open => ("open", Tone::Doubt),
            DoorIs::Closed => ("closed", Tone::Good),
            DoorIs::Unknown => ("not known", Tone::Faint),
            DoorIs::Fault => ("its contact cannot be believed", Tone::Bad),
        };
        let since = if door.state == DoorIs::Fault { "" } else { &since };
        line(&mut text, view, &format!("Door {}", door.door), &format!("{}{since}", view.paint.tone(tone, word)));
    }
    match &seen.session {
        Some(session) => line(&mut text, view, "Visit", &visit(seen, session, view)),
        None => line(&mut text, view, "Visit", &waiting(seen, view).unwrap_or_else(|| "nobody".to_owned())),
    }
    line(&mut text, view, "Keys", &counts(seen));
    if seen.alarms.is_empty() {
        line(&mut text, view, "Alarms", "none");
    } else {
        let _ = write!(text, "\n{}\n{}", view.paint.tone(Tone::Strong, "Alarms"), alarm_list(seen, view));
    }
    if !seen.faults.is_empty() {
        let _ = writeln!(text, "\n{}", view.paint.tone(Tone::Strong, "Faults"));
        for fault in &seen.faults {
            text.push_str(&view.paragraph(2, 2, &clean(&fault.sentence)));
        }
    }
    text.push_str(&away(seen, view));
    text
}

/// Open alarms as text.
#[must_use]
pub fn alarms(seen: &Snapshot, view: &View) -> String {
    if seen.alarms.is_empty() { "No open alarms.\n".to_owned() } else { alarm_list(seen, view) }
}

/// Which cabinet, and as of when.
pub(super) fn header(seen: &Snapshot, view: &View) -> String {
    let now = view.now(seen);
    let name = view.paint.tone(Tone::Strong, &format!("{}, {}", clean(&seen.cabinet), clean(&seen.site)));
    let text = format!("{name}: as of {}, record {}", view.at(now, now), seen.head_seq);
    view.paragraph(0, 2, &text)
}

/// The keys that do not hang in the cabinet: out first, the longest first.
pub(super) fn away(seen: &Snapshot, view: &View) -> String {
    let mut out: Vec<&Away> = Vec::new();
    let mut missing = Vec::new();
    let mut unseen = Vec::new();
    for key in &seen.away {
        match key.whereabouts {
            Whereabouts::Out { .. } => out.push(key),
            Whereabouts::Unaccounted { .. } | Whereabouts::Lost { .. } => missing.push(key),
            Whereabouts::Unseen => unseen.push(key),
            Whereabouts::In { .. } | Whereabouts::Retired { .. } => {}
        }
    }
    out.sort_by_key(|key| match key.whereabouts {
        Whereabouts::Out { since, .. } => std::cmp::Reverse(since.ago_ms),
        _ => std::cmp::Reverse(0),
    });
    let mut text = String::new();
    let mut block = |title: &str, keys: &[&Away]| {
        if !keys.is_empty() {
            let _ = writeln!(text, "\n{}", view.paint.tone(Tone::Strong, title));
        }
        for key in keys {
            text.push_str(&view.paragraph(2, 2, &away_line(seen, key, view)));
        }
    };
    block("Out", &out);
    block("Missing", &missing);
    block("Never seen here", &unseen);
    text
}

fn away_line(seen: &Snapshot, key: &Away, view: &View) -> String {
    let home = key.home.map_or_else(String::new, |slot| format!(" (slot {slot})"));
    let label = format!("{}{home}", clean(&key.key.label));
    match &key.whereabouts {
        Whereabouts::Out { holder, since, reason, reference, purpose, overdue } => {
            let late = if *overdue { format!("  {}", view.paint.tone(Tone::Bad, "OVERDUE")) } else { String::new() };
            let why = why(*reason, reference.as_deref(), purpose.as_deref());
            format!("{label}: {}, {}, {why}{late}", clean(&holder.name), view.since(seen, *since))
        }
        Whereabouts::Unaccounted { since, let_in, last } => {
            let hint = let_in.as_ref().map(|who| format!("; {} had been let in for it", clean(&who.name)));
            let hint = hint.or_else(|| last.as_ref().map(|last| had_it(seen, last, view))).unwrap_or_default();
            format!("{label}: nobody is known to have it, {}{hint}", view.since(seen, *since))
        }
        Whereabouts::Lost { since, last } => {
            let hint = last.as_ref().map_or_else(String::new, |last| had_it(seen, last, view));
            format!("{label}: lost, {}{hint}", view.since(seen, *since))
        }
        Whereabouts::Unseen | Whereabouts::In { .. } | Whereabouts::Retired { .. } => label,
    }
}

/// Who had it last, and when they took it.
fn had_it(seen: &Snapshot, last: &LastView, view: &View) -> String {
    let name = clean(&last.holder.name);
    if last.let_in {
        return format!("; {name} had been let in for it");
    }
    let about = if last.since.clock.is_trusted() { "" } else { "about " };
    format!("; {name} had it last, taken {about}{}", view.at(last.since.wall, view.now(seen)))
}

pub(super) fn line(text: &mut String, view: &View, head: &str, rest: &str) {
    const HEAD: usize = 10;
    text.push_str(&view.paragraph(0, HEAD, &format!("{head:<HEAD$}{rest}")));
}

fn counts(seen: &Snapshot) -> String {
    let counts = &seen.counts;
    let is_blind = counts.slots > 0 && counts.unknown == counts.slots && counts.keys_in > 0;
    let known = format!("{} in, {} out", counts.keys_in, counts.keys_out);
    let mut parts = vec![if is_blind {
        format!("{} slots, of which none can be read; last known: {known}", counts.slots)
    } else {
        format!("{} slots: {known}", counts.slots)
    }];
    let some = [
        (counts.overdue, "overdue"),
        (counts.keys_unaccounted, "not accounted for"),
        (counts.keys_lost, "lost"),
        (counts.unknown_keys, "unknown"),
        (counts.keys_unseen, "never seen"),
        (counts.fault, "with a sensor fault"),
        (if is_blind { 0 } else { counts.unknown }, "not read"),
    ];
    parts.extend(some.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
    parts.join(", ")
}

fn power(seen: &Snapshot, view: &View) -> String {
    let Some(supply) = &seen.supply else {
        // The daemon says so: the file may have been changed since it was read.
        let word = if seen.power.is_none() { "no UPS is watched ([ups] in the config)" } else { "not known yet" };
        return word.to_owned();
    };
    let tone = match supply.supply {
        Supply::Unknown => Tone::Faint,
        Supply::OnLine => Tone::Good,
        Supply::OnBattery => Tone::Doubt,
        Supply::LowBattery | Supply::Unreachable(_) => Tone::Bad,
    };
    let word = supply_words(supply.supply);
    let mut text = format!("{} {}", view.paint.tone(tone, word), view.since(seen, supply.since));
    if let Some(figures) = figures(supply, view.age_ms) {
        let _ = write!(text, "; {figures}");
    }
    text
}

/// What is known, and how old it is; none if nothing is.
fn figures(supply: &SupplyView, age_ms: u64) -> Option<String> {
    let known = &supply.figures;
    let parts: Vec<String> = [
        known.charge_pct.map(|charge| format!("charge {charge} %")),
        known.runtime_s.map(|runtime| format!("{} by its own reckoning", lasting(u64::from(runtime) * 1000))),
        known.load_pct.map(|load| format!("load {load} %")),
        known.real_power_mw.map(|power| format!("{}.{} W", power / 1000, power % 1000 / 100)),
        known.battery_mv.map(|volts| format!("{}.{} V", volts / 1000, volts % 1000 / 100)),
    ]
    .into_iter()
    .flatten()
    .collect();
    let ago = lasting(supply.figures_ago_ms.saturating_add(age_ms));
    (!parts.is_empty()).then(|| format!("{} ({ago} ago)", parts.join(", ")))
}

fn visit(seen: &Snapshot, session: &SessionView, view: &View) -> String {
    let mut text = format!("{}, {}", clean(&session.user.name), view.since(seen, session.since));
    if let Some(second) = &session.second {
        let _ = write!(text, ", with {}", clean(&second.name));
    }
    if session.asked.is_empty() {
        text.push_str(": nothing asked for yet");
        return text;
    }
    let wants: Vec<String> = session.asked.iter().map(want).collect();
    let _ = write!(text, ": {}", wants.join("; "));
    if !session.opened {
        text.push_str("; the door was not opened yet");
    }
    text
}

/// Who is waited for on an admin's word, while it stands.
fn waiting(seen: &Snapshot, view: &View) -> Option<String> {
    let word = seen.opening.as_ref()?;
    let left_s = word.left_ms.saturating_sub(view.age_ms).div_ceil(1_000);
    (left_s > 0).then(|| {
        let (name, by, why) = (clean(&word.user.name), clean(&word.by), clean(&word.why));
        format!(
            "waiting for {name}, on the word of {by} ({why}), {left_s} s left; `cabinetd open --cancel` calls it off"
        )
    })
}

/// One ask, with its own reason.
fn want(asked: &Asked) -> String {
    let mut wants = Vec::new();
    if !asked.pull.is_empty() {
        wants.push(format!("takes {}", labels(&asked.pull, ", ")));
    }
    if !asked.give_back.is_empty() {
        wants.push(format!("returns {}", labels(&asked.give_back, ", ")));
    }
    if wants.is_empty() {
        wants.push("may open".to_owned());
    }
    if asked.pull.is_empty() && asked.reason == Reason::Unstated {
        return wants.join(" and ");
    }
    format!("{}, {}", wants.join(" and "), why(asked.reason, asked.reference.as_deref(), asked.purpose.as_deref()))
}

fn alarm_list(seen: &Snapshot, view: &View) -> String {
    let entry = |alarm: &AlarmView| {
        let (mark, tone) = match alarm.level {
            1 => ("!  ", Tone::Doubt),
            2 => ("!! ", Tone::Doubt),
            _ => ("!!!", Tone::Bad),
        };
        let by = match &alarm.acknowledged_by {
            Some(by) => format!("; acknowledged by {}", clean(by)),
            None => String::new(),
        };
        // To take note is not enough where a second person must stand for it.
        let next = match (alarm.kind.as_str(), &alarm.acknowledged_by) {
            (LONE_EMERGENCY, _) => format!("; `cabinetd alarm countersign {} --by USER`", alarm.id),
            (_, None) => format!("; `cabinetd alarm ack {}`", alarm.id),
            (_, Some(_)) => String::new(),
        };
        // A command stays on one line, to be copied.
        let next = next.replace(' ', "\u{a0}").replacen('\u{a0}', " ", 1);
        let since = view.since(seen, alarm.raised);
        let mark = view.paint.tone(tone, mark).replace(' ', "\u{a0}");
        view.paragraph(2, 4, &format!("{mark} {:>4} {} {since}{by}{next}", alarm.id, clean(&alarm.sentence)))
            .replace('\u{a0}', " ")
    };
    seen.alarms.iter().map(entry).collect()
}

#[cfg(test)]
mod tests;
