//! `cabinetd simulate`: plays outages at a cabinet before they come, and says which policy and which battery would serve.

#![expect(clippy::cast_sign_loss, reason = "what people write is looked at first: it is never negative")]

use crate::cabinet::power::policy::Method;
use crate::cabinet::power::{PowerSettings, sentence::wh};
use crate::cli::number::whole;
use crate::cli::whole_file::{self, Unwritten};
use crate::config::Config;
use crate::simulate::outages::{self, Outage};
use crate::simulate::plot::{self, Sizing};
use crate::simulate::score::Class;
use crate::simulate::{Contender, Parameters, Progress, Report, run};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Bytes of a file of outages at most.
const LONGEST_FILE: u64 = 64 * 1024 * 1024;
/// How often the progress bar is drawn.
const REDRAW: Duration = Duration::from_millis(100);
/// Beyond this a battery is a mistake in its unit.
const LARGEST_WH: f64 = 1_000_000.0;
/// So many outages are played with each battery that is tried.
const SIZING_OUTAGES: usize = 120;
/// The longest outage that is played.
const LONGEST_H: f64 = 1_000.0;

/// What is simulated.
#[derive(Args, Debug)]
#[command(
    allow_negative_numbers = true,
    after_help = "Examples:\n  \
    cabinetd simulate                                            2,000 outages like those of utilities\n  \
    cabinetd simulate --fixed 24h --battery-ah 9 --sleep ups-off a day without mains\n  \
    cabinetd simulate --outages own.csv --json                   one's own, for scripts\n  \
    cabinetd simulate --fixed 24h --plot day.svg --sizing battery.svg\n\n\
    Powers, times and rules are those of the config, if there is one; flags go before it. The sleep method counts as proved. The policy\n\
    `cabinetd` is the daemon's own; the others are what else is done. `clairvoyant` knows the future: nobody can do better.\n\
    The CSV has a header and one outage a line: duration_h, and if known start_hour_local, major_event_day (0/1), etr_statements.\n\
    The model and its limits: docs/simulate.md. Exit codes: 0 done, 1 a file cannot be read or written, 2 wrong usage."
)]
pub struct SimulateArgs {
    /// Outages from a CSV file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["fixed", "prior"])]
    outages: Option<PathBuf>,
    /// Outages of this length, at any hour of the day: 24h, 90m, 2d
    #[arg(long, value_name = "LENGTH", value_parser = length, conflicts_with = "prior")]
    fixed: Option<u64>,
    /// So many outages drawn from the built-in prior [default: 2000]
    #[arg(long, value_name = "COUNT", value_parser = whole::<u32>(1..=200_000, 2000))]
    prior: Option<u32>,
    /// How many outages of a fixed length are played
    #[arg(long, value_name = "COUNT", default_value_t = 500, value_parser = whole::<u32>(1..=200_000, 500))]
    count: u32,
    /// The battery's ampere-hours
    #[arg(long, value_name = "AH", value_parser = positive)]
    battery_ah: Option<f64>,
    /// … and its volts
    #[arg(long, value_name = "V", value_parser = positive, default_value_t = 12.0)]
    battery_v: f64,
    /// What it really holds is equally likely from A to B of that
    #[arg(long, value_name = "A-B", value_parser = share_range, default_value = "0.6-1.0")]
    usable: (u32, u32),
    /// Peukert's exponent of the battery: 1.15 for lead-acid, 1 for lithium
    #[arg(long, value_name = "K", value_parser = positive)]
    peukert: Option<f64>,
    /// How the cabinet sleeps
    #[arg(long, value_enum)]
    sleep: Option<SleepWord>,
    /// Drawn from the battery awake, the UPS's own draw included, W
    #[arg(long, value_name = "W", value_parser = positive)]
    normal_w: Option<f64>,
    /// The same in standby, W
    #[arg(long, value_name = "W", value_parser = not_negative)]
    standby_w: Option<f64>,
    /// The same halted, W
    #[arg(long, value_name = "W", value_parser = not_negative)]
    halted_w: Option<f64>,
    /// From the button to ready, s
    #[arg(long, value_name = "S", value_parser = whole::<u64>(0..=3_600, 40))]
    boot_s: Option<u64>,
    /// From ready to off, s
    #[arg(long, value_name = "S", value_parser = whole::<u64>(0..=3_600, 20))]
    shutdown_s: Option<u64>,
    /// One visit, s
    #[arg(long, value_name = "S", value_parser = whole::<u64>(1..=3_600, 60))]
    visit_s: Option<u64>,
    /// How many people come on a day
    #[arg(long, value_name = "N", value_parser = positive)]
    requests_per_day: Option<f64>,
    /// Whether somebody tells the cabinet of storms: on 80 % of the major-event days, and wrongly on 5 % of the others
    #[arg(long, value_enum, default_value_t = Switch::On)]
    storm_flag: Switch,
    /// Somebody passes on what the utility states (the column `etr_statements`)
    #[arg(long)]
    statements: bool,
    /// The same seed gives the same outages, people and batteries
    #[arg(long, default_value_t = 1, value_parser = whole::<u64>(0..=u64::MAX, 7))]
    seed: u64,
    /// Draw an outage under `cabinetd` and under another policy
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// Which outage, from 1 [default: the one nearest to a day]
    #[arg(long, value_name = "N", requires = "plot", value_parser = whole::<usize>(1..=u64::MAX, 1))]
    plot_outage: Option<usize>,
    /// The other policy
    #[arg(long, value_name = "POLICY", value_enum, default_value_t = Other::AlwaysOn)]
    plot_against: Other,
    /// Draw which battery serves 99 % of an outage of a fixed length (--fixed, else 24 h), by sleep method
    #[arg(long, value_name = "FILE.svg")]
    sizing: Option<PathBuf>,
    /// Replace the drawings if they are there already
    #[arg(long)]
    force: bool,
    /// One JSON value for scripts
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
enum SleepWord {
    Standby,
    Halt,
    UpsOff,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
enum Switch {
    On,
    Off,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
enum Other {
    AlwaysOn,
    #[value(name = "elapsed-3h")]
    Elapsed3h,
    #[value(name = "elapsed-4h")]
    Elapsed4h,
    #[value(name = "off-30min")]
    Off30Min,
    WakeAtOnce,
}

impl From<Other> for Contender {
    fn from(other: Other) -> Self {
        match other {
            Other::AlwaysOn => Self::AlwaysOn,
            Other::Elapsed3h => Self::Elapsed3h,
            Other::Elapsed4h => Self::Elapsed4h,
            Other::Off30Min => Self::Off30Min,
            Other::WakeAtOnce => Self::WakeAtOnce,
        }
    }
}

/// A number and its unit: `90m`, `24h`, `2d`; milliseconds.
fn length(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no length: write a number and m, h or d, such as 24h");
    let unit = text.trim().char_indices().last().map(|(at, unit)| (&text.trim()[..at], unit)).ok_or_else(wrong)?;
    let hours = match unit {
        (number, 'm') => number.trim().parse::<f64>().map_err(|_| wrong())? / 60.0,
        (number, 'h') => number.trim().parse::<f64>().map_err(|_| wrong())?,
        (number, 'd') => number.trim().parse::<f64>().map_err(|_| wrong())? * 24.0,
        _ => return Err(wrong()),
    };
    if !(hours > 0.0 && hours <= LONGEST_H) {
        return Err(format!("{text:?} is no length that can be played: up to {LONGEST_H} h"));
    }
    Ok((hours * 3_600_000.0) as u64)
}

fn positive(text: &str) -> Result<f64, String> {
    let number = not_negative(text)?;
    if number > 0.0 { Ok(number) } else { Err(format!("{text:?} is not above 0: write a number such as 4.5")) }
}

fn not_negative(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| format!("{text:?} is no number: write one such as 4.5"))?;
    if (0.0..=100_000.0).contains(&number) {
        Ok(number)
    } else {
        Err(format!("{text:?} is not from 0 to 100000: write a number such as 4.5"))
    }
}

/// `0.6-1.0`, per mille.
fn share_range(text: &str) -> Result<(u32, u32), String> {
    let wrong = || format!("{text:?} is no range: write two shares from 0.05 to 1.5, such as 0.6-1.0");
    let (least, most) = text.split_once('-').ok_or_else(wrong)?;
    let share = |text: &str| {
        let share = text.trim().parse::<f64>().ok().filter(|share| (0.05..=1.5).contains(share)).ok_or_else(wrong)?;
        Ok::<u32, String>((share * 1_000.0).round() as u32)
    };
    let (least, most) = (share(least)?, share(most)?);
    if least <= most { Ok((least, most)) } else { Err(wrong()) }
}

/// Runs the command.
#[must_use]
pub fn simulate(args: &SimulateArgs, config: Option<&Path>) -> ExitCode {
    match play(args, config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("cabinetd: {why}");
            ExitCode::from(1)
        }
    }
}

fn play(args: &SimulateArgs, flag: Option<&Path>) -> Result<(), String> {
    let Rules { power, from, no_ups } = settings(flag)?;
    let parameters = parameters(args, power);
    let battery_wh = args.battery_ah.map_or(0.0, |ah| ah * args.battery_v);
    if battery_wh > LARGEST_WH {
        return Err(format!(
            "{battery_wh} Wh is no battery of a cabinet: --battery-ah × --battery-v is up to {LARGEST_WH}"
        ));
    }
    let (outages, source) = outages(args)?;
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let watched = !args.json && io::stderr().is_terminal();
    let report = with_progress(watched, outages.len(), |progress| run(&parameters, &outages, threads, progress));
    if let Some(path) = &args.plot {
        let number = chosen(args.plot_outage, &outages)?;
        write(path, args.force, &plot::timelines(&parameters, &outages[number], number, args.plot_against.into()))?;
    }
    let sizes = match &args.sizing {
        Some(path) => {
            let length_ms = args.fixed.unwrap_or(24 * 3_600_000);
            let played = outages::fixed(length_ms, SIZING_OUTAGES, args.seed);
            let sizes = plot::size(&parameters, &played, args.battery_v, threads);
            write(path, args.force, &plot::sizing(&sizes, args.battery_v))?;
            sizes
        }
        None => Vec::new(),
    };
    let mut text = if args.json {
        let value = as_json(&report, &parameters, &source, outages.len(), &sizes);
        format!("{value:#}\n")
    } else {
        no_ups + &as_text(&report, &parameters, &source, outages.len(), &from, &sizes)
    };
    for path in [&args.plot, &args.sizing].into_iter().flatten().filter(|_| !args.json) {
        let _ = writeln!(text, "Drawn: {}", path.display());
    }
    // Whoever reads may have gone.
    let _ = io::stdout().write_all(text.as_bytes());
    Ok(())
}

/// Rules and powers, and where they are from.
struct Rules {
    power: PowerSettings,
    from: String,
    /// What comes first where the cabinet has no UPS; else nothing.
    no_ups: String,
}

/// The config's rules and powers, or those as shipped where there is no config.
fn settings(flag: Option<&Path>) -> Result<Rules, String> {
    let path = Config::locate(flag);
    let no_ups = |of: &str| {
        format!(
            "No UPS is configured{of}: this plays a battery that the cabinet does not have, or does not know of; in an outage it goes dark at \
             once. Name yours under [ups] (`upsc -l` lists them; `cabinetd power recipe` says how it is set up).\n\n"
        )
    };
    if flag.is_none() && !path.exists() {
        let (power, from) = (PowerSettings::default(), "built-in defaults (no config)".to_owned());
        return Ok(Rules { power, from, no_ups: no_ups("") });
    }
    let config = Config::load(&path).map_err(|error| error.to_string())?;
    let from = path.display().to_string();
    let no_ups = if config.ups.is_none() { no_ups(&format!(" in {from}")) } else { String::new() };
    Ok(Rules { power: config.power, from, no_ups })
}

fn parameters(args: &SimulateArgs, power: PowerSettings) -> Parameters {
    let mut parameters = Parameters {
        power,
        usable_milli: args.usable,
        storm_flag: args.storm_flag == Switch::On,
        statements: args.statements,
        seed: args.seed,
        ..Parameters::default()
    };
    let milli = |value: f64| (value * 1_000.0).round() as u64;
    let (plant, demand) = (&mut parameters.power.plant, &mut parameters.power.demand);
    if let Some(battery_ah) = args.battery_ah {
        plant.nameplate_mwh = milli(battery_ah * args.battery_v).max(1);
    }
    for (place, watts) in [
        (&mut plant.normal_mw, args.normal_w),
        (&mut plant.standby_mw, args.standby_w),
        (&mut plant.halted_mw, args.halted_w),
    ] {
        *place = watts.map_or(*place, milli);
    }
    for (place, seconds) in [
        (&mut plant.boot_ms, args.boot_s),
        (&mut plant.shutdown_ms, args.shutdown_s),
        (&mut plant.visit_ms, args.visit_s),
    ] {
        *place = seconds.map_or(*place, |seconds| seconds * 1_000);
    }
    if let Some(peukert) = args.peukert {
        plant.peukert_milli = u32::try_from(milli(peukert)).unwrap_or(u32::MAX).clamp(1_000, 2_000);
    }
    demand.per_day_milli = args.requests_per_day.map_or(demand.per_day_milli, milli);
    if let Some(sleep) = args.sleep {
        parameters.power.sleep = match sleep {
            SleepWord::Standby => Method::Standby,
            SleepWord::Halt => Method::Halt,
            SleepWord::UpsOff => Method::UpsOff,
        };
    }
    parameters
}

fn outages(args: &SimulateArgs) -> Result<(Vec<Outage>, String), String> {
    if let Some(path) = &args.outages {
        let cannot = |why: String| format!("cannot read {}: {why}", path.display());
        let size = fs::metadata(path).map_err(|why| cannot(why.to_string()))?.len();
        if size > LONGEST_FILE {
            return Err(cannot(format!("it has {size} bytes, more than {LONGEST_FILE}; take a sample of it")));
        }
        let bytes = fs::read(path).map_err(|why| cannot(why.to_string()))?;
        let outages = outages::read(&bytes, args.seed).map_err(|bad| format!("{}:\n{bad}", path.display()))?;
        return Ok((outages, format!("outages of {}", path.display())));
    }
    if let Some(length_ms) = args.fixed {
        let source = format!("outages of {}", crate::cabinet::sentence::duration(length_ms));
        return Ok((outages::fixed(length_ms, args.count as usize, args.seed), source));
    }
    let count = args.prior.unwrap_or(2_000);
    Ok((
        outages::from_prior(count as usize, args.seed),
        "outages like those of utilities (the built-in prior)".to_owned(),
    ))
}

/// The outage to draw: as told, or the one whose length is nearest to a day.
fn chosen(told: Option<usize>, outages: &[Outage]) -> Result<usize, String> {
    const DAY_MS: u64 = 86_400_000;
    match told {
        Some(number) if (1..=outages.len()).contains(&number) => Ok(number - 1),
        Some(number) => Err(format!("there is no outage {number}: there are 1 to {}", outages.len())),
        None => (0..outages.len())
            .min_by_key(|at| outages[*at].length_ms.abs_diff(DAY_MS))
            .ok_or_else(|| "there is no outage to draw".to_owned()),
    }
}

fn write(path: &Path, force: bool, text: &str) -> Result<(), String> {
    let written = whole_file::write(path, force, |out| {
        out.write_all(text.as_bytes()).map_err(|error| Unwritten::io(path, &error))
    });
    written.map_err(|why: Unwritten| why.to_string())
}

/// Says that the work is over when it goes out of scope.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Works while a bar on the terminal tells how far it is.
fn with_progress<T>(watched: bool, all: usize, work: impl FnOnce(&Progress) -> T) -> T {
    let progress = Progress::default();
    if !watched {
        return work(&progress);
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                std::thread::sleep(REDRAW);
                let share = progress.done() * 40 / all.max(1);
                eprint!(
                    "\r{}{} {:>6} of {all} outages",
                    "█".repeat(share),
                    "░".repeat(40 - share.min(40)),
                    progress.done()
                );
            }
            eprint!("\r{:80}\r", "");
        });
        // Also when it panics: nobody waits for a bar.
        let _over = Over(&done);
        work(&progress)
    })
}

/// A figure of a policy in a class, as a table shows it.
type Cell = fn(&crate::simulate::Result) -> Option<String>;

fn as_text(
    report: &Report,
    parameters: &Parameters,
    source: &str,
    count: usize,
    from: &str,
    sizes: &[Sizing],
) -> String {
    let plant = &parameters.power.plant;
    let mut text = format!(
        "{count} {source}, {} requests; battery {} (usable {}–{} %), sleep by {}, storm flag {}, seed {}\nRules and powers: {from}\n",
        report.requests,
        wh(plant.nameplate_mwh),
        parameters.usable_milli.0 / 10,
        parameters.usable_milli.1 / 10,
        parameters.power.sleep.word(),
        if parameters.storm_flag { "on" } else { "off" },
        parameters.seed
    );
    text.push_str(&in_short(report));
    let blocks: [(&str, Cell); 4] = [
        ("share of the clairvoyant's score", |it| it.clairvoyant_ratio.map(|ratio| format!("{ratio:.3}"))),
        ("requests served electronically, %", |it| it.sums.served_share().map(|share| format!("{:.1}", share * 100.0))),
        ("mean wait of those served, s", |it| it.sums.mean_wait_s().map(|wait| format!("{wait:.1}"))),
        ("outages in which it went dark, %", |it| it.sums.dark_share().map(|share| format!("{:.1}", share * 100.0))),
    ];
    for (title, cell) in blocks {
        let _ = write!(text, "\n{title}\n{:<14}", "");
        for class in Class::ALL {
            let _ = write!(text, "{:>9}", class.word());
        }
        text.push('\n');
        for contender in Contender::ALL {
            let _ = write!(text, "{:<14}", contender.word());
            for class in Class::ALL {
                let found = report.results.iter().find(|it| it.contender == contender && it.class == class);
                let _ = write!(text, "{:>9}", found.and_then(cell).unwrap_or_else(|| "–".to_owned()));
            }
            text.push('\n');
        }
    }
    text.push_str(
        "\nclairvoyant: nobody can score more; it may leave two who would wait to the cabinet key for one who is served at once, so\n\
         that others can serve more than it does.\n",
    );
    text.push_str("\ncabinetd ahead of the others, in shares of the clairvoyant's score (95 % of resamplings)\n");
    for (contender, leads) in &report.leads {
        let _ = write!(text, "{:<14}", contender.word());
        for (class, lead) in Class::ALL.iter().zip(leads) {
            if let Some(lead) = lead {
                let _ = write!(text, "  {} {:+.3} ({:+.3}…{:+.3})", class.word(), lead.ahead, lead.low, lead.high);
            }
        }
        text.push('\n');
    }
    if !sizes.is_empty() {
        let _ = writeln!(text, "\nWhich battery ({SIZING_OUTAGES} outages with each)");
    }
    for size in sizes {
        let found = size.smallest_ah().map_or_else(
            || format!("none up to {} Ah", plot::BATTERIES_AH[plot::BATTERIES_AH.len() - 1]),
            |battery_ah| match battery_ah {
                _ if battery_ah <= plot::BATTERIES_AH[0] => format!("{battery_ah} Ah, the smallest that was tried"),
                _ => format!("{battery_ah} Ah"),
            },
        );
        let _ = writeln!(text, "99 % of an outage of {:.0} h, sleep by {}: {found}", size.hours, size.method.word());
    }
    text
}

/// The result in sentences.
fn in_short(report: &Report) -> String {
    let of =
        |contender: Contender| report.results.iter().find(|it| it.contender == contender && it.class == Class::All);
    let percent = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", share * 100.0));
    let (Some(ours), Some(awake)) = (of(Contender::Cabinetd), of(Contender::AlwaysOn)) else { return String::new() };
    // In standby nobody waits for a wake-up, so that sleeping from the start costs nothing but the loads that are shed.
    let lead = report.leads.iter().find(|(over, _)| *over == Contender::WakeAtOnce).and_then(|(_, leads)| leads[0]);
    let better = lead.filter(|lead| lead.high < 0.0).map(|_| {
        "Here it would serve more if it saved the battery from the start: lower `conserve_after_min` and\n\
         `conserve_uncovered_after_min` under [power] to 60. What that costs: switched loads (display, modem) are off sooner.\n"
    });
    let wait = match ours.sums.mean_wait_s() {
        Some(wait) if wait >= 0.5 => format!(", after {wait:.0} s on average"),
        Some(_) => ", at once".to_owned(),
        None => String::new(),
    };
    format!(
        "\nIn short: cabinetd serves {} of the requests{wait}. In {} of the outages its battery\n\
         ends before they do, and the cabinet key has to serve the rest. Awake all the time it would serve {}.\n{}",
        percent(ours.sums.served_share()),
        percent(ours.sums.dark_share()),
        percent(awake.sums.served_share()),
        better.unwrap_or_default(),
    )
}

fn as_json(report: &Report, parameters: &Parameters, source: &str, count: usize, sizes: &[Sizing]) -> Value {
    let policies: Vec<Value> = report
        .results
        .iter()
        .map(|it| {
            json!({
                "name": it.contender.word(),
                "class": it.class.word(),
                "outages": it.sums.outages,
                "requests": it.sums.requests,
                "served": it.sums.served_share(),
                "clairvoyant_ratio": it.clairvoyant_ratio,
                "mean_wait_s": it.sums.mean_wait_s(),
                "went_dark": it.sums.dark_share(),
            })
        })
        .collect();
    let leads: Vec<Value> = report
        .leads
        .iter()
        .flat_map(|(contender, leads)| {
            Class::ALL.iter().zip(leads).filter_map(|(class, lead)| {
                let lead = lead.as_ref()?;
                Some(json!({ "over": contender.word(), "class": class.word(), "ahead": lead.ahead, "low": lead.low, "high": lead.high }))
            })
        })
        .collect();
    let sizing: Vec<Value> = sizes
        .iter()
        .map(|size| {
            let served: Vec<Value> =
                size.served.iter().map(|(ah, served)| json!({ "battery_ah": ah, "served": served })).collect();
            json!({ "hours": size.hours, "sleep": size.method.word(), "smallest_ah": size.smallest_ah(), "batteries": served })
        })
        .collect();
    let plant = &parameters.power.plant;
    json!({
        "policies": policies,
        "leads": leads,
        "sizing": sizing,
        "parameters": {
            "outages": count,
            "source": source,
            "seed": parameters.seed,
            "battery_mwh": plant.nameplate_mwh,
            "usable_milli": [parameters.usable_milli.0, parameters.usable_milli.1],
            "peukert_milli": plant.peukert_milli,
            "sleep": parameters.power.sleep.word(),
            "normal_mw": plant.normal_mw,
            "standby_mw": plant.standby_mw,
            "halted_mw": plant.halted_mw,
            "boot_ms": plant.boot_ms,
            "shutdown_ms": plant.shutdown_ms,
            "visit_ms": plant.visit_ms,
            "requests_per_day_milli": parameters.power.demand.per_day_milli,
            "storm_flag": parameters.storm_flag,
            "statements": parameters.statements,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_a_unit_and_an_end() {
        assert_eq!(length("24h"), Ok(86_400_000));
        assert_eq!(length("90m"), Ok(5_400_000));
        assert_eq!(length("1.5d"), Ok(129_600_000));
        for text in ["", "24", "h", "-1h", "0h", "1e9h", "24 hours", "nan h"] {
            assert!(length(text).is_err(), "{text:?}");
        }
        assert_eq!(share_range("0.6-1.0"), Ok((600, 1_000)));
        for text in ["0.6", "1-0.6", "0-1", "a-b"] {
            assert!(share_range(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn without_a_ups_that_comes_first() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("cabinetd.toml");
        let text = "[cabinet]\nsite = \"here\"\nname = \"c\"\n[lines]\nbackend = \"sim\"\n[slots]\ncount = 4\n";
        fs::write(&file, text).expect("written");
        let rules = settings(Some(&file)).expect("it is sound");
        assert!(
            rules.no_ups.starts_with("No UPS is configured in ") && rules.no_ups.contains("[ups]"),
            "{}",
            rules.no_ups
        );
        fs::write(&file, format!("{text}[ups]\nname = \"office\"\n")).expect("written");
        assert_eq!(settings(Some(&file)).expect("it is sound").no_ups, "");
    }

    #[test]
    fn the_outage_nearest_to_a_day_is_drawn() {
        let hours = |hours: u64| outages::fixed(hours * 3_600_000, 1, 1).remove(0);
        let outages = [hours(2), hours(30), hours(100)];
        assert_eq!(chosen(None, &outages), Ok(1));
        assert_eq!(chosen(Some(3), &outages), Ok(2));
        assert!(chosen(Some(4), &outages).is_err_and(|why| why.contains("1 to 3")));
    }
}
