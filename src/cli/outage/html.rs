//! A report as a page: one file that needs nothing else, to be shown on a phone, printed, kept.

use super::report::Report;
use super::svg::{drawing, escape};
use super::text::{self, Style, day, time_of_day};
use super::timeline::{What, condensed};
use crate::cli::live::Paint;
use jiff::tz::TimeZone;
use std::fmt::Write as _;

const STYLE: &str = "\
:root{color-scheme:light dark;--bg:#fff;--fg:#1a1a1a;--faint:#5f6368;--line:#d5d8dc;--bad:#b3261e}\
@media (prefers-color-scheme:dark){:root{--bg:#121417;--fg:#e8eaed;--faint:#a5abb3;--line:#3a3f45;--bad:#ff8a80}}\
body{margin:0 auto;max-width:64rem;padding:1rem;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,sans-serif}\
h1{font-size:1.4rem;margin:.2rem 0}h2{font-size:1.1rem;margin:1.6rem 0 .4rem}p{margin:.3rem 0}.faint{color:var(--faint)}\
svg{width:100%;height:auto;margin:.8rem 0}\
table{border-collapse:collapse;width:100%}td,th{padding:.3rem .6rem .3rem 0;text-align:left;vertical-align:top;border-top:1px solid var(--line)}\
td.t{white-space:nowrap;color:var(--faint);font-variant-numeric:tabular-nums}tr.switch td.s{font-weight:600}tr.alarm td.s{color:var(--bad)}\
tr.day td{border:0;padding-top:1rem;font-weight:600}th{width:7rem;font-weight:600}\
@media print{body{max-width:none}tr{break-inside:avoid}}";

/// The page.
#[must_use]
pub fn page(report: &Report, zone: &TimeZone) -> String {
    let title = text::title(report);
    let mut page = String::from("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    let _ = write!(
        page,
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>{0}</title><style>{STYLE}</style></head><body>\n<h1>{0}</h1>\n<p>{1}</p>\n<p class=\"faint\">{2}, {3}</p>\n",
        escape(&title),
        escape(&text::span(report, zone)),
        escape(&report.cabinet),
        escape(&report.site)
    );
    page.push_str(&drawing(report, zone));
    let lines = condensed(&report.lines);
    let style = Style { paint: Paint::default(), zone: zone.clone(), columns: usize::MAX };
    page.push_str("<h2>Summary</h2>\n<table>\n");
    for (head, rest) in text::summary(report, &lines, &style) {
        let _ = writeln!(page, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", escape(head), escape(&rest));
    }
    page.push_str("</table>\n<h2>Timeline</h2>\n<table>\n");
    let mut today = String::new();
    for line in &lines {
        let on = day(line.moment.wall, zone);
        if on != today {
            let _ = writeln!(page, "<tr class=\"day\"><td colspan=\"3\">{}</td></tr>", escape(&on));
            today = on;
        }
        let class = match line.what {
            What::Switch { .. } => " class=\"switch\"",
            What::Alarm => " class=\"alarm\"",
            What::Visit | What::Word | What::Drill | What::Ups | What::Life | What::Battery => "",
        };
        let mark = if line.moment.is_trusted { "" } else { "~" };
        let _ = writeln!(
            page,
            "<tr{class}><td class=\"t\">{mark}{}</td><td class=\"t\">{}</td><td class=\"s\">{}</td></tr>",
            time_of_day(line.moment.wall, zone),
            escape(&text::after(line)),
            escape(&line.sentence)
        );
    }
    page.push_str("</table>\n");
    if report.lines.iter().any(|line| !line.moment.is_trusted) {
        page.push_str("<p class=\"faint\">~ before a time: the clock was not trusted then. The order holds.</p>\n");
    }
    page.push_str("</body></html>\n");
    page
}
