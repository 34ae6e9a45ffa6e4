//! A report as text on a terminal.

use super::account::{Moment, Phase};
use super::report::Report;
use super::timeline::{Line, What, condensed, is_decision};
use crate::cabinet::power::policy::Why;
use crate::cabinet::power::sentence::{length, wh};
use crate::cabinet::sentence::duration;
use crate::cabinet::types::Wall;
use crate::cli::live::Paint;
use crate::cli::live::words::{Tone, clean, paragraph};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::fmt::Write as _;

/// Before a time whose clock was not trusted.
pub const MARK: char = '~';

/// How a report is shown.
#[derive(Clone, Debug)]
pub struct Style {
    pub paint: Paint,
    pub zone: TimeZone,
    pub columns: usize,
}

/// `Sun 1 Mar 2026`
#[must_use]
pub fn day(wall: Wall, zone: &TimeZone) -> String {
    format(wall, zone, "%a %-d %b %Y")
}

/// `14:03`
#[must_use]
pub fn time_of_day(wall: Wall, zone: &TimeZone) -> String {
    format(wall, zone, "%H:%M")
}

fn format(wall: Wall, zone: &TimeZone, format: &str) -> String {
    let moment = Timestamp::from_millisecond(wall.0).unwrap_or(Timestamp::UNIX_EPOCH);
    moment.to_zoned_datetime(zone.clone()).strftime(format).to_string()
}

/// What the report is of: `Outage 204`, `Drill, its outage 204`.
#[must_use]
pub fn title(report: &Report) -> String {
    let account = &report.account;
    if account.is_drill { format!("Drill: outage {}", account.id) } else { format!("Outage {}", account.id) }
}

/// From when to when: `Sun 1 Mar 2026 14:03 to 19:27, 5 h 24 min`.
#[must_use]
pub fn span(report: &Report, zone: &TimeZone) -> String {
    let account = &report.account;
    let at = |moment: &Moment, with_day: bool| {
        let mark = if moment.is_trusted { "" } else { "about " };
        let day = if with_day { format!("{} ", day(moment.wall, zone)) } else { String::new() };
        format!("{mark}{day}{}", time_of_day(moment.wall, zone))
    };
    let began = at(&account.started, true);
    let lasted = length(account.lasted.least_ms, account.lasted.most_ms);
    match &account.ended {
        Some(ended) => {
            let other_day = day(ended.wall, zone) != day(account.started.wall, zone);
            format!("{began} to {}, {lasted}", at(ended, other_day))
        }
        None => format!("since {began}, open as far as the records go: {lasted}"),
    }
}

/// The report.
#[must_use]
pub fn text(report: &Report, style: &Style) -> String {
    let mut text = String::new();
    let head = format!(
        "{}: {} ({}, {})",
        style.paint.tone(Tone::Strong, &title(report)),
        span(report, &style.zone),
        clean(&report.cabinet),
        clean(&report.site)
    );
    text.push_str(&paragraph(style.columns, 0, 2, &head));
    text.push('\n');
    let lines = condensed(&report.lines);
    timeline(&mut text, &lines, style);
    text.push('\n');
    for (head, rest) in summary(report, &lines, style) {
        const HEAD: usize = 10;
        text.push_str(&paragraph(style.columns, 0, HEAD, &format!("{head:<HEAD$}{}", clean(&rest))));
    }
    if report.lines.iter().any(|line| !line.moment.is_trusted) {
        let _ = writeln!(text, "\n{MARK} before a time: the clock was not trusted then. The order holds.");
    }
    text
}

fn timeline(text: &mut String, lines: &[Line], style: &Style) {
    const HANG: usize = 22;
    let mut today = String::new();
    for line in lines {
        let day = day(line.moment.wall, &style.zone);
        if day != today {
            let _ = writeln!(text, "{}", style.paint.tone(Tone::Faint, &day));
            today = day;
        }
        let mark = if line.moment.is_trusted { ' ' } else { MARK };
        let time = format!("{mark}{}", time_of_day(line.moment.wall, &style.zone));
        let after = after(line);
        // A switch stands out, what happened in between is set back.
        let is_switch = matches!(line.what, What::Switch { .. });
        let sentence = clean(&line.sentence);
        let sentence = match tone(&line.what) {
            Some(tone) if is_switch => {
                let (mode, why) = sentence.split_once(": ").unwrap_or((&sentence, ""));
                let mode = style.paint.tone(tone, mode);
                if why.is_empty() { mode } else { format!("{mode}: {why}") }
            }
            Some(tone) => style.paint.tone(tone, &sentence),
            None => sentence,
        };
        let dot = if is_switch { "" } else { "· " };
        text.push_str(&paragraph(style.columns, 0, HANG, &format!("{time}  {after:>12}  {dot}{sentence}")));
    }
}

/// How long after the start.
#[must_use]
pub fn after(line: &Line) -> String {
    let short = |ms: u64| {
        let minutes = ms / 60_000;
        match (minutes / 60, minutes) {
            (0, 0) => format!("+{} s", ms / 1_000),
            (0, minutes @ 0..10) => format!("+{minutes} min {:02} s", ms / 1_000 % 60),
            (0, minutes) => format!("+{minutes} min"),
            (hours, minutes) => format!("+{hours} h {:02}", minutes % 60),
        }
    };
    if line.elapsed.least_ms == line.elapsed.most_ms {
        short(line.elapsed.least_ms)
    } else {
        format!("≥{}", &short(line.elapsed.least_ms)[1..])
    }
}

const fn tone(what: &What) -> Option<Tone> {
    match what {
        What::Switch { phase: Some(Phase::Normal | Phase::Conserve), .. } => Some(Tone::Doubt),
        What::Switch { phase: Some(Phase::Asleep(_)), .. } => Some(Tone::Out),
        What::Switch { phase: Some(Phase::Manual), .. } | What::Alarm => Some(Tone::Bad),
        What::Switch { phase: Some(Phase::Restoring) | None, .. } => Some(Tone::Good),
        What::Visit | What::Word | What::Drill | What::Ups | What::Life | What::Battery => None,
    }
}

/// The summary as heads and texts; a head that is empty goes on with the one before.
#[must_use]
pub fn summary(report: &Report, lines: &[Line], style: &Style) -> Vec<(&'static str, String)> {
    let account = &report.account;
    let mut all = Vec::new();
    let unsure = if account.lasted.least_ms == account.lasted.most_ms { "" } else { ", since a clock was not trusted" };
    let flaps = match account.flaps {
        0 => String::new(),
        1 => "; mains came back and went once in between".to_owned(),
        flaps => format!("; mains came back and went {flaps} times in between"),
    };
    all.push(("Length", format!("{}{unsure}{flaps}", length(account.lasted.least_ms, account.lasted.most_ms))));
    let measured = account.measured_mwh.map(|mwh| format!("; by this outage a full battery holds {}", wh(mwh)));
    all.push((
        "Energy",
        format!(
            "{} spent{}; of about {} at the start {} were left, a full battery counted as {}{}",
            wh(account.spent_mwh),
            if account.ended.is_none() { ", as of the last record that counts it" } else { "" },
            wh(account.began_mwh),
            wh(account.left_mwh),
            wh(account.full_mwh),
            measured.unwrap_or_default()
        ),
    ));
    for (number, sum) in account.by_phase().iter().enumerate() {
        let least = if sum.at_least { "at least " } else { "" };
        let spent = if sum.what == Phase::Restoring { String::new() } else { format!(", {}", wh(sum.spent_mwh)) };
        all.push((
            if number == 0 { "By mode" } else { "" },
            format!("{}: {least}{}{spent}", sum.what.words(), duration(coarse(sum.lasted_ms))),
        ));
    }
    all.push(("Visits", visits(report)));
    all.push(("Sleeps", account.sleeps.to_string()));
    if report.alarms.is_empty() {
        all.push(("Alarms", "none was raised".to_owned()));
    }
    for (number, (moment, words)) in report.alarms.iter().enumerate() {
        let head = if number == 0 { "Alarms" } else { "" };
        all.push((head, format!("{} {words}", time_of_day(moment.wall, &style.zone))));
    }
    // What a drill orders is no decision of the policy.
    let is_ordered = |why: Why| account.is_drill && why == Why::ToldToSleep;
    let decides = |line: &&Line| matches!(line.what, What::Switch { why, .. } if is_decision(why) && !is_ordered(why));
    let decisions = lines.iter().filter(decides);
    let mut head = "Decisions";
    for line in decisions {
        all.push((head, format!("{} {}", time_of_day(line.moment.wall, &style.zone), line.sentence)));
        head = "";
    }
    if !head.is_empty() {
        all.push((head, "none had to be made".to_owned()));
    }
    let mut head = "Figures";
    for helped in &report.helped {
        all.push((head, helped.sentence.clone()));
        head = "";
    }
    all
}

fn visits(report: &Report) -> String {
    let account = &report.account;
    let energies = account.visit_energies_mwh();
    let mut text = account.visits.len().to_string();
    if let (Some(least), Some(most @ 5..)) = (energies.iter().min(), energies.iter().max()) {
        let mean = energies.iter().sum::<u64>() / energies.len() as u64;
        let _ = write!(text, ", each {} from the battery on average ({} to {})", fine(mean), fine(*least), fine(*most));
    }
    text
}

/// Watt-hours with two decimals: a visit takes little.
fn fine(mwh: u64) -> String {
    let hundredths = (mwh + 5) / 10;
    format!("{}.{:02} Wh", hundredths / 100, hundredths % 100)
}

const fn coarse(ms: u64) -> u64 {
    match ms {
        0..600_000 => ms,
        _ => ms / 60_000 * 60_000,
    }
}
