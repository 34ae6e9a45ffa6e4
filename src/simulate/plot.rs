//! Drawings: one outage under two policies, and which battery would do. SVG, readable on white and on black.

#![expect(clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "places on a drawing")]

use super::outages::Outage;
use super::policy::{Body, Shown};
use super::world::{Case, End, Played, Point};
use super::{Contender, Parameters, Progress, case, in_parallel, run, score::Class, timeline};
use crate::cabinet::power::Method;
use std::fmt::Write as _;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const LANE: f64 = 150.0;
const GAP: f64 = 96.0;
const HOUR_MS: f64 = 3_600_000.0;

/// Colours by role: text and lines adapt, bands and marks are told apart without colour too (by height, place and legend).
const STYLE: &str = "<style>\
    svg{font:14px system-ui,sans-serif;background:#fff;color:#1a1a1a}\
    text{fill:currentColor}.grid{stroke:currentColor;stroke-opacity:.15}.axis{stroke:currentColor;stroke-opacity:.5}\
    .left{fill:none;stroke:currentColor;stroke-width:2}.normal{fill:#2a9d4a;fill-opacity:.25}.awake{fill:#e0a100;fill-opacity:.35}\
    .asleep{fill:#4a6fa5;fill-opacity:.25}.dark{fill:#b00020;fill-opacity:.25}\
    .at-once{stroke:#2a9d4a}.late{stroke:#e0a100}.lost{stroke:#d01030}.mark{stroke-width:2}\
    .c0{stroke:#2a9d4a}.c1{stroke:#e0a100}.c2{stroke:#4a8fd5}.line{fill:none;stroke-width:2.5}\
    @media (prefers-color-scheme:dark){svg{background:#111;color:#eee}}</style>";

/// Draws an outage under our policy above another one's: charge, what the cabinet does, who was served.
#[must_use]
pub fn timelines(parameters: &Parameters, outage: &Outage, number: usize, other: Contender) -> String {
    let case = case(parameters, outage, number);
    let height = 90.0 + 2.0 * LANE + GAP + 60.0;
    let mut svg = open(height);
    let hours = case.length_ms as f64 / HOUR_MS;
    let storm = if case.storm { ", storm flag up" } else { "" };
    let title = format!(
        "An outage of {hours:.1} h from {:02}:{:02} on; the battery holds {:.0} Wh{storm}",
        outage.start_minute / 60,
        outage.start_minute % 60,
        case.full_mwh as f64 / 1_000.0
    );
    let _ = write!(svg, "<text x=\"{LEFT}\" y=\"26\" font-size=\"17\" font-weight=\"600\">{title}</text>");
    legend(&mut svg, 50.0);
    for (lane, contender) in [Contender::Cabinetd, other].into_iter().enumerate() {
        let top = 90.0 + lane as f64 * (LANE + GAP);
        let (played, points) = timeline(parameters, &case, contender);
        draw_lane(&mut svg, top, contender, &case, &played, &points);
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw_lane(svg: &mut String, top: f64, contender: Contender, case: &Case, played: &Played, points: &[Point]) {
    let bottom = top + LANE;
    let x = |ms: u64| LEFT + (WIDTH - LEFT - RIGHT) * ms as f64 / case.length_ms.max(1) as f64;
    let y = |mwh: u64| bottom - LANE * mwh as f64 / case.full_mwh.max(1) as f64;
    let ends = points.iter().skip(1).map(|point| point.at_ms).chain([case.length_ms]);
    for (point, until_ms) in points.iter().zip(ends) {
        let class = match (point.body, point.shown) {
            (Body::Dark, _) | (_, Shown::Manual) => "dark",
            (Body::Up, Shown::Normal) => "normal",
            (Body::Asleep, _) => "asleep",
            (Body::Up | Body::GoingDown | Body::Booting, _) => "awake",
        };
        let (from, to) = (x(point.at_ms), x(until_ms.min(case.length_ms)));
        if to > from {
            let _ = write!(
                svg,
                "<rect class=\"{class}\" x=\"{from:.1}\" y=\"{top}\" width=\"{:.1}\" height=\"{LANE}\"/>",
                to - from
            );
        }
    }
    let line: Vec<String> = points
        .iter()
        .map(|point| format!("{:.1},{:.1}", x(point.at_ms.min(case.length_ms)), y(point.left_mwh)))
        .collect();
    let _ = write!(svg, "<polyline class=\"left\" points=\"{}\"/>", line.join(" "));
    for share in [0, 50, 100] {
        let at = bottom - LANE * f64::from(share) / 100.0;
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at}\" y2=\"{at}\"/>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{share} %</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 5.0
        );
    }
    let hours = case.length_ms as f64 / HOUR_MS;
    let step =
        [0.25, 0.5, 1.0, 2.0, 6.0, 12.0, 24.0, 48.0].into_iter().find(|step| hours / step <= 12.0).unwrap_or(96.0);
    let mut at = 0.0;
    while at <= hours {
        let place = x((at * HOUR_MS) as u64);
        let _ = write!(svg, "<text x=\"{place:.1}\" y=\"{}\" text-anchor=\"middle\">{at} h</text>", bottom + 46.0);
        at += step;
    }
    let (mut at_once, mut late, mut lost) = (0, 0, 0);
    for (ms, end) in case.requests_ms.iter().zip(&played.ends) {
        let (class, length, count) = match end {
            End::AtOnce => ("at-once", 10.0, &mut at_once),
            End::Late { .. } => ("late", 17.0, &mut late),
            End::Lost => ("lost", 24.0, &mut lost),
        };
        *count += 1;
        let place = x(*ms);
        let _ = write!(
            svg,
            "<line class=\"mark {class}\" x1=\"{place:.1}\" x2=\"{place:.1}\" y1=\"{}\" y2=\"{}\"/>",
            bottom + 4.0,
            bottom + 4.0 + length
        );
    }
    let _ = write!(
        svg,
        "<text x=\"{LEFT}\" y=\"{}\" font-weight=\"600\">{}: {at_once} served at once, {late} after a wait, {lost} by cabinet key</text>",
        top - 8.0,
        contender.word()
    );
}

fn legend(svg: &mut String, y: f64) {
    let mut x = LEFT;
    for (class, words, width) in [
        ("normal", "as usual", 112.0),
        ("awake", "saving, awake", 146.0),
        ("asleep", "asleep", 100.0),
        ("dark", "dark: cabinet key", 186.0),
    ] {
        let _ = write!(
            svg,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{}\" width=\"18\" height=\"14\"/><text x=\"{}\" y=\"{y}\">{words}</text>",
            y - 12.0,
            x + 24.0
        );
        x += width;
    }
    for (class, words, width) in
        [("at-once", "at once", 84.0), ("late", "after a wait", 114.0), ("lost", "by cabinet key", 0.0)]
    {
        let _ = write!(
            svg,
            "<line class=\"mark {class}\" x1=\"{x}\" x2=\"{x}\" y1=\"{}\" y2=\"{y}\"/><text x=\"{}\" y=\"{y}\">{words}</text>",
            y - 12.0,
            x + 8.0
        );
        x += width;
    }
}

/// What share of the requests of an outage of a fixed length each battery serves, by sleep method.
#[derive(Clone, PartialEq, Debug)]
pub struct Sizing {
    pub hours: f64,
    pub method: Method,
    /// Ampere-hours at the site's voltage, and the share served.
    pub served: Vec<(f64, f64)>,
}

/// Batteries that can be bought, Ah.
pub const BATTERIES_AH: [f64; 12] = [4.5, 7.0, 9.0, 12.0, 18.0, 26.0, 40.0, 55.0, 75.0, 100.0, 150.0, 200.0];
/// What is to be served.
pub const GOAL: f64 = 0.99;

impl Sizing {
    /// The smallest battery that serves the goal; none of those tried = none.
    #[must_use]
    pub fn smallest_ah(&self) -> Option<f64> {
        let holds = |from: usize| self.served[from..].iter().all(|(_, served)| *served >= GOAL);
        (0..self.served.len()).find(|from| holds(*from)).map(|from| self.served[from].0)
    }
}

/// Plays outages of this length with each battery and method.
#[must_use]
pub fn size(parameters: &Parameters, outages: &[Outage], volts: f64, threads: usize) -> Vec<Sizing> {
    let hours = outages.first().map_or(0.0, |outage| outage.length_ms as f64 / HOUR_MS);
    let cells: Vec<(Method, f64)> =
        Method::ALL.into_iter().flat_map(|method| BATTERIES_AH.map(|battery_ah| (method, battery_ah))).collect();
    let served = in_parallel(cells.len(), threads, |at| {
        let (method, battery_ah) = cells[at];
        let mut parameters = parameters.clone();
        parameters.power.sleep = method;
        parameters.power.plant.nameplate_mwh = (battery_ah * volts * 1_000.0) as u64;
        let report = run(&parameters, outages, 1, &Progress::default());
        let ours = report.results.iter().find(|it| it.contender == Contender::Cabinetd && it.class == Class::All);
        (method, battery_ah, ours.and_then(|ours| ours.sums.served_share()).unwrap_or(1.0))
    });
    let of =
        |method: Method| served.iter().filter(|(of, ..)| *of == method).map(|(_, ah, share)| (*ah, *share)).collect();
    Method::ALL.map(|method| Sizing { hours, method, served: of(method) }).into()
}

/// The same as a drawing.
#[must_use]
pub fn sizing(sizes: &[Sizing], volts: f64) -> String {
    let (top, bottom, height) = (70.0, 400.0, 470.0);
    let mut svg = open(height);
    let hours = sizes.first().map_or(0.0, |size| size.hours);
    let _ = write!(
        svg,
        "<text x=\"{LEFT}\" y=\"26\" font-size=\"17\" font-weight=\"600\">Which battery serves an outage of {hours:.0} h ({volts:.0} V)</text>"
    );
    let (least, most) = (BATTERIES_AH[0].ln(), BATTERIES_AH[BATTERIES_AH.len() - 1].ln());
    let x = |ah: f64| LEFT + (WIDTH - LEFT - RIGHT) * (ah.ln() - least) / (most - least);
    let y = |share: f64| bottom - (bottom - top) * share;
    for share in [0.0, 0.25, 0.5, 0.75, GOAL] {
        let at = y(share);
        let _ = write!(
            svg,
            "<line class=\"{}\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{:.0} %</text>",
            if share == GOAL { "axis" } else { "grid" },
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 5.0,
            share * 100.0
        );
    }
    for battery_ah in BATTERIES_AH {
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{battery_ah}</text>",
            x(battery_ah),
            bottom + 22.0
        );
    }
    let _ =
        write!(svg, "<text x=\"{LEFT}\" y=\"{}\">battery, Ah; requests served electronically, %</text>", bottom + 46.0);
    for (at, size) in sizes.iter().enumerate() {
        let line: Vec<String> =
            size.served.iter().map(|(ah, share)| format!("{:.1},{:.1}", x(*ah), y(*share))).collect();
        let found = size.smallest_ah().map_or_else(|| "none of these".to_owned(), |ah| format!("{ah} Ah"));
        let dash = ["", "7 4", "2 4"][at.min(2)];
        let legend_x = LEFT + at as f64 * 290.0;
        let _ = write!(
            svg,
            "<polyline class=\"line c{at}\" stroke-dasharray=\"{dash}\" points=\"{}\"/>\
             <line class=\"line c{at}\" stroke-dasharray=\"{dash}\" x1=\"{legend_x}\" x2=\"{}\" y1=\"46\" y2=\"46\"/>\
             <text x=\"{}\" y=\"51\">{}: 99 % with {found}</text>",
            line.join(" "),
            legend_x + 30.0,
            legend_x + 38.0,
            size.method.word()
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn open(height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\">{STYLE}<rect width=\"100%\" height=\"100%\" fill=\"none\"/>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::outages::fixed;

    fn parameters() -> Parameters {
        let mut parameters = Parameters::default();
        parameters.power.sleep = Method::UpsOff;
        parameters
    }

    #[test]
    fn a_timeline_has_a_mark_for_each_request_in_each_lane() {
        let outages = fixed(24 * 3_600_000, 1, 3);
        let svg = timelines(&parameters(), &outages[0], 0, Contender::AlwaysOn);
        let requests = case(&parameters(), &outages[0], 0).requests_ms.len();
        assert!(requests > 10);
        // Three more are the legend's.
        assert_eq!(svg.matches("class=\"mark ").count(), 2 * requests + 3);
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n") && svg.contains("prefers-color-scheme:dark"));
        assert!(svg.contains("always-on: ") && !svg.contains("NaN"));
    }

    #[test]
    fn a_deeper_sleep_does_with_a_smaller_battery() {
        let sizes = size(&parameters(), &fixed(24 * 3_600_000, 12, 3), 12.0, 2);
        let smallest = |method| sizes.iter().find(|size| size.method == method).and_then(Sizing::smallest_ah);
        let (standby, off) = (smallest(Method::Standby), smallest(Method::UpsOff).expect("one of these does"));
        assert!(off <= 26.0 && standby.is_none_or(|standby| standby > off), "{standby:?} {off}");
        let svg = sizing(&sizes, 12.0);
        assert!(svg.contains("ups-off: 99 % with") && !svg.contains("NaN"));
    }
}
