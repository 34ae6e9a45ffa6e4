//! `cabinetd outage report`: one outage, or all, as text, JSON, drawing or page.

use super::account::{Account, Item, Moment, Phase};
use super::find::{self, Corrections, Found};
use super::helped::{self, Helped};
use super::text::{self, Style};
use super::timeline::{self, Line, What, is_decision};
use super::{Failure, Ledger, OK, Source, html, svg};
use crate::cabinet::fact::Fact;
use crate::cabinet::numbers::Hidden;
use crate::cabinet::roster::Roster;
use crate::cabinet::sentence::Names;
use crate::cli::ledger::when::Site;
use crate::cli::live::{self, Ends, Output};
use crate::cli::number::whole;
use crate::cli::whole_file;
use crate::io::store::{Entry, Filter, Reader};
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Which outage, and how it is told.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// The outage's number (default: the last one)
    #[arg(value_name = "ID", conflicts_with = "all", value_parser = whole::<u64>(1..=u64::MAX, 1031))]
    id: Option<u64>,
    /// The last one, drills included (the default)
    #[arg(long, conflicts_with_all = ["id", "all"])]
    last: bool,
    /// All of them, one after the other
    #[arg(long)]
    all: bool,
    /// Draw its timeline into this file
    #[arg(long, value_name = "FILE", conflicts_with = "all")]
    svg: Option<PathBuf>,
    /// Write it as a page into this file: nothing else is needed to show or print it
    #[arg(long, value_name = "FILE", conflicts_with = "all")]
    html: Option<PathBuf>,
    /// Replace the files if they are there already
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    output: Output,
}

/// All that is to be told of an outage.
#[derive(Clone, PartialEq, Debug)]
pub struct Report {
    pub site: String,
    pub cabinet: String,
    pub account: Account,
    pub lines: Vec<Line>,
    /// Alarms in words.
    pub alarms: Vec<(Moment, String)>,
    /// People in words, visit by visit.
    pub people: Vec<String>,
    pub helped: Vec<Helped>,
}

/// Runs the command.
pub(super) fn run(args: &ReportArgs, config: Option<&Path>, ends: &mut Ends<'_>) -> Result<u8, Failure> {
    let ledger = Ledger::open(args.source.state_dir.as_deref(), config)?;
    let found = find::all(&ledger.reader)?;
    let telling = |found: &&Found| found.is_worth_telling();
    let wanted: Vec<&Found> = match args.id {
        Some(id) => vec![find::named(&ledger.reader, &found, id)?],
        None if args.all => found.iter().filter(telling).collect(),
        None => found.iter().rev().find(telling).into_iter().collect(),
    };
    if wanted.is_empty() {
        if args.output.json {
            ends.say(if args.all { "[]" } else { "null" });
        } else {
            ends.say("No outage was recorded yet.");
        }
        return Ok(OK);
    }
    let corrections = Corrections::read(&ledger.reader)?;
    let roster = ledger.reader.roster()?;
    let read = |found: &&Found| Report::read(&ledger.reader, found, &corrections, &roster);
    let reports: Vec<Report> = wanted.iter().map(read).collect::<Result<_, _>>()?;
    write_files(args, &reports, &ledger.site, ends)?;
    if args.output.json {
        let told: Vec<Value> = reports.iter().map(|report| report.json(&ledger.site)).collect();
        let told = if args.all { Value::Array(told) } else { told.into_iter().next().unwrap_or_default() };
        writeln!(ends.out, "{told}")?;
    } else if args.svg.is_none() && args.html.is_none() {
        let style = Style {
            paint: args.output.paint(ends.is_terminal),
            zone: ledger.site.zone().clone(),
            columns: live::columns(ends.is_terminal).min(120),
        };
        for (number, report) in reports.iter().enumerate() {
            if number > 0 {
                writeln!(ends.out, "\n{}\n", "─".repeat(style.columns.min(60)))?;
            }
            write!(ends.out, "{}", text::text(report, &style))?;
        }
    }
    ends.out.flush()?;
    Ok(OK)
}

fn write_files(args: &ReportArgs, reports: &[Report], site: &Site, ends: &mut Ends<'_>) -> Result<(), Failure> {
    let [report] = reports else { return Ok(()) };
    let mut write = |path: &Option<PathBuf>, content: &dyn Fn() -> String| -> Result<(), Failure> {
        let Some(path) = path else { return Ok(()) };
        whole_file::write(path, args.force, |out| {
            out.write_all(content().as_bytes()).map_err(|error| whole_file::Unwritten::io(path, &error))
        })?;
        if !args.output.json {
            writeln!(ends.out, "{} is in {}.", text::title(report), path.display())?;
        }
        Ok(())
    };
    write(&args.svg, &|| svg::drawing(report, site.zone()))?;
    write(&args.html, &|| html::page(report, site.zone()))
}

impl Report {
    /// Reads the records of an outage.
    fn read(reader: &Reader, found: &Found, corrections: &Corrections, roster: &Roster) -> Result<Self, Failure> {
        // Alarms that nobody may read over a shoulder are left out here, too.
        let shown =
            Filter { kinds: timeline::KINDS.iter().map(|kind| (*kind).to_owned()).collect(), ..Filter::default() };
        let mut entries: Vec<Entry> = Vec::new();
        for entry in reader.entries(&shown, found.seq.saturating_sub(1)) {
            let entry = entry?;
            if found.last_seq().is_some_and(|last| entry.header.seq > last) {
                break;
            }
            if entry.fact().is_some() {
                entries.push(entry);
            }
        }
        let identity = reader.identity();
        Ok(Self::of((&identity.site, &identity.cabinet), found, &entries, &reader.hidden()?, corrections, roster))
    }

    /// Of an outage with these records.
    #[must_use]
    pub fn of(
        (site, cabinet): (&str, &str),
        found: &Found,
        entries: &[Entry],
        hidden: &Hidden,
        corrections: &Corrections,
        roster: &Roster,
    ) -> Self {
        let item = |entry: &Entry| {
            let (_, fact): (_, Fact) = entry.fact()?;
            let seq = entry.header.seq;
            Some(Item { seq, number: hidden.number(seq), stamp: entry.header.stamp, fact })
        };
        let items: Vec<Item> = entries.iter().filter_map(item).collect();
        let account = Account::of(found, &items, corrections);
        let names = Names(Some(roster));
        Self {
            site: site.to_owned(),
            cabinet: cabinet.to_owned(),
            lines: timeline::of(&account, entries, roster),
            alarms: account.alarms.iter().map(|raised| (raised.moment, names.alarm(&raised.alarm))).collect(),
            people: account.visits.iter().map(|visit| names.user(&visit.user)).collect(),
            helped: helped::of(&account),
            account,
        }
    }

    /// For scripts; `docs/json-output.md` has the fields.
    fn json(&self, site: &Site) -> Value {
        let account = &self.account;
        let moment = |moment: &Moment| json!({ "time": site.time(moment.wall), "trusted": moment.is_trusted });
        let method = |phase: Phase| match phase {
            Phase::Asleep(method) => Some(method.word()),
            Phase::Normal | Phase::Conserve | Phase::Manual | Phase::Restoring => None,
        };
        let modes: Vec<Value> = account
            .by_phase()
            .iter()
            .map(|sum| {
                json!({ "mode": sum.what.word(), "method": method(sum.what), "lasted_ms": sum.lasted_ms,
                        "at_least": sum.at_least, "spent_mwh": sum.spent_mwh })
            })
            .collect();
        let visits: Vec<Value> = account
            .visits
            .iter()
            .zip(&self.people)
            .map(|(visit, name)| {
                json!({ "session": visit.session, "user": { "id": visit.user, "name": name }, "ended": moment(&visit.moment),
                        "after_ms": visit.at_ms, "how": visit.how, "duration_ms": visit.duration_ms, "taken": visit.taken,
                        "returned": visit.returned, "energy_mwh": visit.energy_mwh })
            })
            .collect();
        let alarms: Vec<Value> = account
            .alarms
            .iter()
            .zip(&self.alarms)
            .map(|(raised, (_, words))| {
                json!({ "id": raised.number, "raised": moment(&raised.moment), "after_ms": raised.at_ms, "sentence": words })
            })
            .collect();
        let timeline: Vec<Value> = self.lines.iter().map(|line| line_json(line, site)).collect();
        let helped: Vec<Value> = self
            .helped
            .iter()
            .map(|helped| json!({ "what": helped.what, "mwh": helped.mwh, "sentence": helped.sentence }))
            .collect();
        json!({
            "id": account.id,
            "site": self.site,
            "cabinet": self.cabinet,
            "drill": account.is_drill,
            "open": account.ended.is_none(),
            "started": moment(&account.started),
            "ended": account.ended.as_ref().map(moment),
            "lasted": account.lasted,
            "flaps": account.flaps,
            "sleeps": account.sleeps,
            "spent_mwh": account.spent_mwh,
            "began_mwh": account.began_mwh,
            "left_mwh": account.left_mwh,
            "full_mwh": account.full_mwh,
            "measured_mwh": account.measured_mwh,
            "modes": modes,
            "visits": visits,
            "alarms": alarms,
            "timeline": timeline,
            "figures": helped,
        })
    }
}

fn line_json(line: &Line, site: &Site) -> Value {
    let mut told = json!({
        "seq": line.seq,
        "time": site.time(line.moment.wall),
        "trusted": line.moment.is_trusted,
        "after": line.elapsed,
        "what": line.what.word(),
        "sentence": line.sentence,
    });
    if let What::Switch { from, to, why, figures, .. } = &line.what {
        told["from"] = json!(from);
        told["to"] = json!(to);
        told["why"] = json!(why);
        told["decision"] = json!(is_decision(*why));
        told["figures"] = json!(figures);
    }
    told
}
