//! A report as a drawing: energy left over time, a band for each mode, ticks for visits, for mains that came and went, for alarms.
//!
//! One SVG that carries its own style and reads on a light and a dark ground. What a colour says, a label or a title says, too.

use super::account::{Account, Phase, Span};
use super::report::Report;
use super::text::{span, title};
use crate::cabinet::power::policy::Method;
use crate::cabinet::power::sentence::wh;
use crate::cabinet::sentence::duration;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::fmt::Write as _;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 944.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 278.0;
/// Below the axis: its labels, then a lane for each kind of tick.
const LANES: f64 = 316.0;
const LANE: f64 = 22.0;

const STYLE: &str = "\
.o-bg{fill:#fff}.o-fg{fill:#1a1a1a}.o-faint{fill:#5f6368}.o-grid{stroke:#d5d8dc;stroke-width:1}\
.o-normal{fill:#cfe3ff}.o-conserve{fill:#ffe2ad}.o-standby{fill:#ddd6f3}.o-deep{fill:#bdb3e3}.o-manual{fill:#ffc7c2}.o-restoring{fill:#cdeccd}\
.o-curve{fill:none;stroke:#0b57d0;stroke-width:2.5;stroke-linejoin:round}\
.o-visit{stroke:#1a1a1a;stroke-width:2}.o-bad{fill:#b3261e;stroke:#b3261e;stroke-width:2}\
.o-text{font:13px system-ui,sans-serif}.o-small{font:12px system-ui,sans-serif}.o-head{font:600 15px system-ui,sans-serif}\
@media (prefers-color-scheme:dark){\
.o-bg{fill:#121417}.o-fg{fill:#e8eaed}.o-faint{fill:#a5abb3}.o-grid{stroke:#3a3f45}\
.o-normal{fill:#173a66}.o-conserve{fill:#5c430c}.o-standby{fill:#4d4287}.o-deep{fill:#352c66}.o-manual{fill:#66231d}.o-restoring{fill:#1f4d26}\
.o-curve{stroke:#8ab4f8}.o-visit{stroke:#e8eaed}.o-bad{fill:#ff8a80;stroke:#ff8a80}}";

/// The drawing.
#[must_use]
pub fn drawing(report: &Report, zone: &TimeZone) -> String {
    let account = &report.account;
    let mut lanes: Vec<Lane> = vec![visits(report)];
    if !account.flaps_at.is_empty() {
        lanes.push(Lane { name: "mains", marks: flaps(account) });
    }
    if !account.alarms.is_empty() {
        lanes.push(Lane { name: "alarms", marks: alarms(report) });
    }
    let legend_y = LANES + LANE * count(lanes.len()) + 12.0;
    let height = legend_y + 34.0;
    let scale = Scale::of(account);
    let mut svg = String::new();
    let about = format!("{}, {}", title(report), span(report, zone));
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">\
         <style>{STYLE}</style><rect class=\"o-bg\" width=\"{WIDTH}\" height=\"{height}\"/>",
        escape(&about)
    );
    text(&mut svg, LEFT, 24.0, "o-head o-fg", &about);
    text(&mut svg, LEFT, 41.0, "o-small o-faint", "energy left in the battery, Wh");
    bands(&mut svg, account, &scale);
    grid(&mut svg, &scale);
    axis(&mut svg, account, &scale, zone);
    curve(&mut svg, account, &scale);
    for (number, lane) in lanes.iter().enumerate() {
        lane.draw(&mut svg, LANES + LANE * count(number), &scale);
    }
    legend(&mut svg, account, legend_y);
    svg.push_str("</svg>\n");
    svg
}

/// From milliseconds and milliwatt-hours to the drawing.
struct Scale {
    span_ms: u64,
    top_mwh: u64,
}

impl Scale {
    fn of(account: &Account) -> Self {
        let ends = account.spans.iter().map(|span| span.to_ms).chain(account.curve.iter().map(|(at, _)| *at));
        let most = account.curve.iter().map(|(_, mwh)| *mwh).chain([account.full_mwh]).max().unwrap_or(0);
        Self { span_ms: ends.max().unwrap_or(0).max(60_000), top_mwh: most.max(1_000) }
    }

    fn x(&self, at_ms: u64) -> f64 {
        LEFT + (RIGHT - LEFT) * number(at_ms.min(self.span_ms)) / number(self.span_ms)
    }

    fn y(&self, mwh: u64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * number(mwh.min(self.top_mwh)) / number(self.top_mwh)
    }
}

fn bands(svg: &mut String, account: &Account, scale: &Scale) {
    for Span { what, from_ms, to_ms, spent_mwh, .. } in &account.spans {
        let (from, to) = (scale.x(*from_ms), scale.x(*to_ms));
        let words = what.words();
        let tip = format!("{words}: {}, {}", duration(to_ms.saturating_sub(*from_ms)), wh(*spent_mwh));
        let _ = write!(
            svg,
            "<rect class=\"{}\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\"><title>{}</title></rect>",
            class(*what),
            (to - from).max(0.5),
            BOTTOM - TOP,
            escape(&tip)
        );
        // Some seven units a letter.
        if to - from > 7.0 * count(words.len()) + 12.0 {
            text(svg, from + 6.0, BOTTOM - 8.0, "o-small o-fg", &words);
        }
    }
}

fn grid(svg: &mut String, scale: &Scale) {
    let step_mwh = nice(scale.top_mwh.div_ceil(5));
    let mut mwh = 0;
    while mwh <= scale.top_mwh {
        let y = scale.y(mwh);
        let _ = write!(svg, "<line class=\"o-grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>");
        let label = if step_mwh.is_multiple_of(1_000) {
            (mwh / 1_000).to_string()
        } else {
            format!("{:.1}", number(mwh) / 1_000.0)
        };
        anchored(svg, LEFT - 8.0, y + 4.0, "o-small o-faint", "end", &label);
        mwh += step_mwh;
    }
}

/// 1, 2 or 5 times a power of ten, at least this.
fn nice(least: u64) -> u64 {
    let mut unit = 100;
    loop {
        for times in [1, 2, 5] {
            if unit * times >= least {
                return unit * times;
            }
        }
        unit *= 10;
    }
}

fn axis(svg: &mut String, account: &Account, scale: &Scale, zone: &TimeZone) {
    const STEPS_MIN: [u64; 14] = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440, 2_880, 10_080];
    let span_min = scale.span_ms.div_ceil(60_000);
    let step_min = STEPS_MIN.into_iter().find(|step| span_min / step <= 10).unwrap_or(43_200);
    let step_ms = step_min * 60_000;
    let by_the_clock = account.started.is_trusted && account.lasted.least_ms == account.lasted.most_ms;
    // By the clock ticks are at round local times, else at round lengths.
    let started = Timestamp::from_millisecond(account.started.wall.0).unwrap_or(Timestamp::UNIX_EPOCH);
    let local_ms = started.as_millisecond() + i64::from(zone.to_offset(started).seconds()) * 1_000;
    let into =
        if by_the_clock { local_ms.rem_euclid(i64::try_from(step_ms).unwrap_or(i64::MAX)).unsigned_abs() } else { 0 };
    let mut at_ms = (step_ms - into) % step_ms;
    while at_ms <= scale.span_ms {
        let x = scale.x(at_ms);
        let _ =
            write!(svg, "<line class=\"o-grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{:.1}\"/>", BOTTOM + 5.0);
        let label = if by_the_clock {
            let moment = Timestamp::from_millisecond(account.started.wall.0.saturating_add_unsigned(at_ms));
            let moment = moment.unwrap_or(Timestamp::UNIX_EPOCH).to_zoned_datetime(zone.clone());
            let midnight = moment.hour() == 0 && moment.minute() == 0;
            moment.strftime(if midnight { "%a %-d" } else { "%H:%M" }).to_string()
        } else if at_ms == 0 {
            "begin".to_owned()
        } else {
            format!("+{}", duration(at_ms))
        };
        // At the edge a label stays within the drawing.
        let anchor = if x > RIGHT - 4.0 * count(label.len()) { "end" } else { "middle" };
        anchored(svg, x, BOTTOM + 20.0, "o-small o-faint", anchor, &label);
        at_ms += step_ms;
    }
    if account.lasted.least_ms != account.lasted.most_ms {
        let note = "A clock was not trusted: the axis shows the shortest time that it can have been.";
        anchored(svg, RIGHT, 41.0, "o-small o-faint", "end", note);
    }
}

fn curve(svg: &mut String, account: &Account, scale: &Scale) {
    let mut points = String::new();
    for (at_ms, mwh) in &account.curve {
        let _ = write!(points, "{:.1},{:.1} ", scale.x(*at_ms), scale.y(*mwh));
    }
    let _ = write!(svg, "<polyline class=\"o-curve\" points=\"{}\"/>", points.trim_end());
}

/// Ticks below the axis.
struct Lane {
    name: &'static str,
    marks: Vec<Mark>,
}

struct Mark {
    at_ms: u64,
    is_bad: bool,
    title: String,
}

impl Lane {
    fn draw(&self, svg: &mut String, y: f64, scale: &Scale) {
        anchored(svg, LEFT - 8.0, y + 12.0, "o-small o-faint", "end", self.name);
        let _ =
            write!(svg, "<line class=\"o-grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{0:.1}\" y2=\"{0:.1}\"/>", y + 15.0);
        for Mark { at_ms, is_bad, title } in &self.marks {
            let x = scale.x(*at_ms);
            let tip = escape(title);
            let _ = if *is_bad {
                write!(
                    svg,
                    "<path class=\"o-bad\" d=\"M{:.1} {:.1}l5 -10l5 10z\"><title>{tip}</title></path>",
                    x - 5.0,
                    y + 14.0
                )
            } else {
                write!(
                    svg,
                    "<line class=\"o-visit\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"><title>{tip}</title></line>",
                    y + 2.0,
                    y + 15.0
                )
            };
        }
    }
}

fn visits(report: &Report) -> Lane {
    let mark = |(visit, name): (&super::account::Visit, &String)| Mark {
        at_ms: visit.at_ms,
        is_bad: false,
        title: format!("{name}: {} taken, {} returned", visit.taken, visit.returned),
    };
    Lane { name: "visits", marks: report.account.visits.iter().zip(&report.people).map(mark).collect() }
}

fn flaps(account: &Account) -> Vec<Mark> {
    let mark =
        |at_ms: &u64| Mark { at_ms: *at_ms, is_bad: true, title: "mains had come back and failed again".to_owned() };
    account.flaps_at.iter().map(mark).collect()
}

fn alarms(report: &Report) -> Vec<Mark> {
    let raised = report.account.alarms.iter().zip(&report.alarms);
    raised.map(|(raised, (_, words))| Mark { at_ms: raised.at_ms, is_bad: true, title: words.clone() }).collect()
}

fn legend(svg: &mut String, account: &Account, y: f64) {
    let mut x = LEFT;
    for sum in account.by_phase() {
        let words = sum.what.words();
        let _ = write!(
            svg,
            "<rect class=\"{}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"14\" height=\"14\" rx=\"2\"/>",
            class(sum.what)
        );
        text(svg, x + 20.0, y + 12.0, "o-small o-fg", &words);
        x += 20.0 + 7.0 * count(words.len()) + 18.0;
    }
}

const fn class(phase: Phase) -> &'static str {
    match phase {
        Phase::Normal => "o-normal",
        Phase::Conserve => "o-conserve",
        Phase::Asleep(Method::Standby) => "o-standby",
        Phase::Asleep(Method::Halt | Method::UpsOff) => "o-deep",
        Phase::Manual => "o-manual",
        Phase::Restoring => "o-restoring",
    }
}

fn text(svg: &mut String, x: f64, y: f64, class: &str, words: &str) {
    anchored(svg, x, y, class, "start", words);
}

fn anchored(svg: &mut String, x: f64, y: f64, class: &str, anchor: &str, words: &str) {
    let class = if class.contains("o-head") || class.contains("o-small") {
        class.to_owned()
    } else {
        format!("o-text {class}")
    };
    let _ = write!(
        svg,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>",
        escape(words)
    );
}

/// Text that is nothing but text in XML and HTML.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter if letter.is_control() => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out
}

#[expect(clippy::cast_precision_loss, reason = "a drawing is a thousand units wide")]
const fn number(value: u64) -> f64 {
    value as f64
}

#[expect(clippy::cast_precision_loss, reason = "a drawing is a thousand units wide")]
const fn count(value: usize) -> f64 {
    value as f64
}
