//! `cabinetd drill`: guided commissioning. The daemon sees and records ([`crate::cabinet::power`]); this says what to do next, waits for
//! it, and sums up.
//!
//! What was seen and proved is the daemon's: it is in the ledger, and survives a machine that goes dark. So this may end at any moment,
//! and go on with `--resume`.

pub mod guide;
pub mod network;
pub mod summary;
mod world;

use super::live::{self, Output, Place};
use crate::cabinet::power::Method;
use crate::cli::number::whole;
use clap::{Args, ValueEnum};
use guide::{Guide, Plan};
use std::process::ExitCode;
use world::Real;

/// Guided commissioning on battery: pull the plug, look what lives, prove how it sleeps and wakes.
#[derive(Args, Debug)]
#[command(after_help = concat!(
    "Some 20 minutes, with somebody at the cabinet and at the UPS's plug; nobody else can use the cabinet while a sleep is proved.\n",
    "Whoever needs it meanwhile shows badge and PIN, and the drill ends.\n\n",
    "Examples:\n",
    "  cabinetd drill                      the way of sleeping in the config ([power] sleep), and standby\n",
    "  cabinetd drill --method ups-off     only this one\n",
    "  cabinetd drill --resume             goes on: after the machine was dark, or in another terminal\n",
    "  cabinetd drill --abort              ends it; put the plug back\n",
    "  cabinetd drill --deep               measures the battery: down to a quarter of its charge, for hours\n\n",
    "docs/drill.md has it on one page. Ctrl-C ends the drill; put the plug back then.\n",
    "Exit codes: 0 all was seen and proved, or with --abort: it is ended; 1 refused, ended early, or something was not seen\n",
    "or proved, or the config cannot be used; 2 wrong usage; 3 it goes on without this command (--resume comes back to it);\n",
    "4 no daemon or no answer from it."
))]
pub struct DrillArgs {
    /// Measure the battery, too: down to a quarter of its charge. Proves no sleep unless --method says which
    #[arg(long)]
    deep: bool,
    /// Prove this way of sleeping; repeat it for more (default: the config's, and standby)
    #[arg(long = "method", value_enum, value_name = "METHOD")]
    methods: Vec<MethodWord>,
    /// How long to measure the load on battery, at least: two minutes, after which it counts as an outage
    #[arg(long, value_name = "MIN", default_value_t = 10, value_parser = whole::<u64>(0..=60, 10))]
    minutes: u64,
    /// Ask nothing: every step waits for what the cabinet sees. Whoever gives it says that somebody is at the cabinet, and that
    /// it is their press that wakes it. Needed where no terminal is there to ask at
    #[arg(long, short)]
    yes: bool,
    /// Do not look whether the network lives
    #[arg(long)]
    no_network: bool,
    /// Go on with the drill that is under way; with the same --method as it began with
    #[arg(long, conflicts_with_all = ["abort", "deep"])]
    resume: bool,
    /// End the drill that is under way
    #[arg(long, conflicts_with_all = ["deep", "methods", "minutes"])]
    abort: bool,
    #[command(flatten)]
    output: Output,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Debug)]
enum MethodWord {
    /// The machine stays up, loads are shed
    Standby,
    /// The machine powers off and is woken by its button
    Halt,
    /// The UPS switches itself off and is woken by its button
    UpsOff,
}

impl From<MethodWord> for Method {
    fn from(word: MethodWord) -> Self {
        match word {
            MethodWord::Standby => Self::Standby,
            MethodWord::Halt => Self::Halt,
            MethodWord::UpsOff => Self::UpsOff,
        }
    }
}

/// Runs the command.
#[must_use]
pub fn run(args: &DrillArgs, place: &Place) -> ExitCode {
    let mut methods: Vec<Method> = args.methods.iter().map(|word| Method::from(*word)).collect();
    methods.sort_unstable();
    methods.dedup();
    let plan = Plan {
        deep: args.deep,
        methods: (!methods.is_empty()).then_some(methods),
        // No sleep is proved before it counts as an outage.
        measure_ms: args.minutes.max(2) * 60_000,
        asks: !args.yes,
        network: !args.no_network,
        resume: args.resume,
    };
    let mut world = match Real::new(place, args.output, args.yes) {
        Ok(world) => world,
        Err(why) => {
            eprintln!("cabinetd: {why}");
            return ExitCode::from(live::NO_ANSWER);
        }
    };
    let mut guide = Guide::new(plan, &mut world);
    let outcome = if args.abort { guide.abort() } else { guide.run() };
    world.end(&outcome);
    ExitCode::from(outcome.code)
}
