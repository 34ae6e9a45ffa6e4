//! `cabinetd outage list`: which outages and drills there were.

use super::find::{self, Corrections, End, Found};
use super::text::{MARK, day, time_of_day};
use super::{Failure, Ledger, OK, Source};
use crate::cabinet::outage::Elapsed;
use crate::cabinet::power::sentence::{length, wh};
use crate::cli::live::words::Tone;
use crate::cli::live::{Ends, Output};
use clap::Args;
use serde_json::{Value, json};
use std::path::Path;

/// How to list them.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// With flickers: mains that was back within seconds
    #[arg(long)]
    flickers: bool,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    output: Output,
}

/// What a line of the list says.
struct Line {
    what: &'static str,
    lasted: Elapsed,
    spent_mwh: u64,
    visits: u32,
    sleeps: u32,
}

/// Runs the command.
pub(super) fn run(args: &ListArgs, config: Option<&Path>, ends: &mut Ends<'_>) -> Result<u8, Failure> {
    let ledger = Ledger::open(args.source.state_dir.as_deref(), config)?;
    let corrections = Corrections::read(&ledger.reader)?;
    let all = find::all(&ledger.reader)?;
    let shown: Vec<&Found> = all.iter().filter(|found| args.flickers || found.is_worth_telling()).collect();
    if args.output.json {
        let told: Vec<Value> = shown
            .iter()
            .map(|found| {
                let (wall, trusted) = corrections.wall(found.started);
                let line = line(found);
                json!({ "id": found.id, "what": line.what, "drill": found.is_drill(), "open": is_open(found),
                        "started": { "time": ledger.site.time(wall), "trusted": trusted }, "lasted": line.lasted,
                        "spent_mwh": line.spent_mwh, "visits": line.visits, "sleeps": line.sleeps })
            })
            .collect();
        writeln!(ends.out, "{}", Value::Array(told))?;
        return Ok(OK);
    }
    let left_out = all.len() - shown.len();
    if shown.is_empty() {
        writeln!(ends.out, "No outage was recorded yet.")?;
    } else {
        let paint = args.output.paint(ends.is_terminal);
        let head = format!(
            "{:>8}  {:<24}  {:<8}  {:>16}  {:>10}  {:>6}  {:>6}",
            "", "began", "", "lasted", "spent", "visits", "sleeps"
        );
        writeln!(ends.out, "{}", paint.tone(Tone::Faint, head.trim_end()))?;
        let mut marked = false;
        for found in &shown {
            let (wall, trusted) = corrections.wall(found.started);
            marked |= !trusted;
            let mark = if trusted { ' ' } else { MARK };
            let zone = ledger.site.zone();
            let began = format!("{mark}{} {}", day(wall, zone), time_of_day(wall, zone));
            let line = line(found);
            let lasted = match &found.end {
                End::Open { .. } => "open".to_owned(),
                End::Over(_) => length(line.lasted.least_ms, line.lasted.most_ms),
                End::Flicker | End::NoOutage => String::new(),
            };
            let text = format!(
                "{:>8}  {began:<24}  {:<8}  {lasted:>16}  {:>10}  {:>6}  {:>6}",
                found.id,
                line.what,
                wh(line.spent_mwh),
                line.visits,
                line.sleeps
            );
            writeln!(ends.out, "{}", text.trim_end())?;
        }
        if marked {
            writeln!(ends.out, "{MARK} before a time: the clock was not trusted then.")?;
        }
    }
    if left_out > 0 {
        let flickers = if left_out == 1 { "1 flicker" } else { &format!("{left_out} flickers") };
        writeln!(ends.out, "({flickers} not shown: mains was back within seconds; --flickers shows them)")?;
    }
    ends.out.flush()?;
    Ok(OK)
}

const fn is_open(found: &Found) -> bool {
    matches!(found.end, End::Open { .. })
}

fn line(found: &Found) -> Line {
    match &found.end {
        End::Over(over) => Line {
            what: if over.drill { "drill" } else { "outage" },
            lasted: over.lasted,
            spent_mwh: over.spent_mwh,
            visits: over.sessions,
            sleeps: over.sleeps,
        },
        End::Open { outage, is_drill } => Line {
            what: if *is_drill { "drill" } else { "outage" },
            lasted: outage.counted,
            spent_mwh: outage.spent_mwh,
            visits: outage.sessions,
            sleeps: outage.sleeps,
        },
        End::Flicker => Line { what: "flicker", ..Line::nothing() },
        End::NoOutage => Line { what: "shutdown", ..Line::nothing() },
    }
}

impl Line {
    const fn nothing() -> Self {
        Self { what: "", lasted: Elapsed { least_ms: 0, most_ms: 0 }, spent_mwh: 0, visits: 0, sleeps: 0 }
    }
}
