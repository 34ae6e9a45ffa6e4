//! The commands. Each room below owns some of them; this one finds the config and hands over.

pub mod alerts;
pub mod check;
pub mod config;
pub mod demo;
mod denied;
pub mod desk;
pub mod drill;
pub mod init;
pub mod key;
pub mod ledger;
pub mod live;
pub mod notify;
mod number;
pub mod outage;
pub mod power;
pub mod power_orders;
pub mod release;
pub mod roster;
pub mod sim;
pub mod simulate;
pub mod upstream;
pub mod user;
mod whole_file;

use crate::config::{Config, ConfigError};
use crate::io::journal;
use crate::messages::tell;
use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use desk::{Desk, Socket, Terminal};
use jiff::tz::TimeZone;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The daemon of an electronic key cabinet, and the commands to work with it.
///
/// New here? `cabinetd demo` runs a whole simulated cabinet and says what to try.
#[derive(Parser, Debug)]
#[command(name = "cabinetd", version, max_term_width = 100)]
#[command(
    after_help = "The config is --config FILE, else $CABINETD_DIR/cabinetd.toml, else /etc/cabinetd/cabinetd.toml.\n\
        docs/NAME.md in a message: in the sources, or installed as /usr/share/doc/cabinetd/NAME.md."
)]
struct Cli {
    /// The config file
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the daemon (what systemd starts)
    #[command(after_help = "Exit codes: 0 told to stop; 1 it could not start, or the ledger failed: start it again.\n\
        SIGHUP: read the config again (`systemctl reload cabinetd`).\n\
        Log: to the journal where systemd runs it (`journalctl -u cabinetd`), else to stderr; CABINETD_LOG=debug says more.")]
    Run,
    /// Drive every lock, latch, light and load off when no daemon runs (the unit's `ExecStopPost=`)
    Release(release::ReleaseArgs),
    /// Run a whole simulated cabinet, to try everything out
    Demo(demo::DemoArgs),
    /// Work the simulated hardware: badge, PIN, door, keys, mains
    Sim(sim::SimArgs),
    #[command(flatten)]
    Live(live::LiveCommand),
    /// What is expected of an outage, what you know of it, and what became of those that are over
    Outage(outage::OutageArgs),
    /// Guided commissioning on battery: what lives, how it sleeps and wakes
    Drill(drill::DrillArgs),
    /// Is the cabinet ready, for today and for an outage? Says what to do where it is not
    Check(check::CheckArgs),
    /// Read, export and verify the ledger; works with the daemon down
    #[command(after_help = "Examples:\n  \
        cabinetd ledger show --last 20\n  \
        cabinetd ledger show --unit 204 --since 30d\n  \
        cabinetd ledger export --format csv --out log.csv\n  \
        cabinetd ledger verify\n  \
        cabinetd ledger verify --head head.txt      against a head that was kept elsewhere, or a mail that carries one\n\n\
        Exit codes: 0 all is well, 1 the ledger does not verify, 2 wrong use, 3 the ledger cannot be read, 5 not\n\
        permitted. Without the right to read its file, `ledger show` and `events` ask the daemon, which tells managers.")]
    Ledger(ledger::LedgerArgs),
    /// Import, export and compare the roster
    #[command(
        subcommand,
        after_help = "Examples:\n  \
        cabinetd roster import roster.toml --dry-run         what would change\n  \
        cabinetd roster import roster.toml --generate-pins   imports, and makes the missing PINs\n  \
        cabinetd roster import users.csv                     only people; the keys stay\n  \
        cabinetd roster export --format csv --out roster\n  \
        cabinetd roster import signed.json                   one that was signed elsewhere, brought on a stick\n\n\
        FILE: TOML, CSV or a folder with users.csv and keys.csv; config/roster-sample* in the sources are samples."
    )]
    Roster(roster::RosterCommand),
    /// People: badges, PINs, groups, schedules
    #[command(
        subcommand,
        after_help = "Examples:\n  \
        cabinetd user add painter --name \"Painter\" --role staff --badge 1009 --groups \"building-a plant\"\n  \
        cabinetd user pin painter                    a new PIN, printed once\n  \
        cabinetd user pin painter --duress           a second one: it opens, and alarms silently\n  \
        cabinetd user vouch painter --by manager     a code for one entry\n  \
        cabinetd user enrol painter                  a code to choose a PIN with, at the cabinet\n  \
        cabinetd user revoke painter                 lets nobody in with it from now on\n\n\
        ID is a person's short name in the roster; `cabinetd user list` shows them all."
    )]
    User(user::UserCommand),
    /// Keys: homes, tags, and what becomes of them
    #[command(
        subcommand,
        after_help = "Examples:\n  \
        cabinetd key add 305 --label \"Unit 305\" --unit 305 --home 14 --groups building-b\n  \
        cabinetd key edit \"Unit 305\" --tag 70014\n  \
        cabinetd key lost 305 --note \"left on the bus\"\n  \
        cabinetd key rekeyed 305\n\n\
        KEY is a key's id or its label; `cabinetd key list` shows them all, SLOT the number on a hook."
    )]
    Key(key::KeyCommand),
    /// Make the pepper, the device key and the claim code: once, before the first start
    Init(init::InitArgs),
    /// Sleep now, stay awake, a new battery; and what to set up on the machine for the power policy
    #[command(subcommand)]
    Power(power::PowerCommand),
    /// Show what was recorded, as it is recorded: `events --follow` (short for `ledger show`)
    Events(ledger::Show),
    /// The copy of the ledger elsewhere: how it stands, what was refused, what after a restored card
    #[command(subcommand)]
    Upstream(upstream::UpstreamCommand),
    /// Who is told of alarms by mail or webhook: how they stand, and a test
    #[command(subcommand)]
    Alerts(alerts::AlertsCommand),
    /// Show the config in force, or check it
    Config(config::ConfigArgs),
    /// Play outages at this cabinet before they come: which policy, which battery
    Simulate(Box<simulate::SimulateArgs>),
    /// Tell the daemon to look at the UPS now (upsmon's NOTIFYCMD)
    Notify(notify::NotifyArgs),
    /// Print what makes a shell complete these commands
    #[command(after_help = "Examples:\n  \
        cabinetd completions bash > /usr/share/bash-completion/completions/cabinetd\n  \
        cabinetd completions zsh > /usr/local/share/zsh/site-functions/_cabinetd\n  \
        cabinetd completions fish > ~/.config/fish/completions/cabinetd.fish")]
    Completions { shell: Shell },
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let Cli { config, command } = Cli::parse();
    let config = config.as_deref();
    match command {
        Command::Demo(args) => demo::run(args, config),
        Command::Sim(args) => sim::run(args, config),
        Command::Notify(args) => notify::run(args),
        Command::Simulate(args) => simulate::simulate(&args, config),
        Command::Config(args) => config::run(&args),
        Command::Check(args) => check::run(&args, &Config::locate(config)),
        Command::Run => run(&Config::locate(config)),
        Command::Release(args) => release::run(&args, &Config::locate(config)),
        Command::Outage(args) => outage::run(args, config),
        Command::Drill(args) => match live::Place::find(config) {
            Ok(place) => drill::run(&args, &place),
            Err(error) => unusable(&error),
        },
        Command::Ledger(args) => ledger(&args, config),
        Command::Events(show) => ledger(&show.into(), config),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "cabinetd", &mut script);
            // Whoever reads may have seen enough.
            let _ = io::stdout().write_all(&script);
            ExitCode::SUCCESS
        }
        // An account that may use the socket need not be able to read the config.
        Command::Live(command) => match live::Place::find(config) {
            Ok(place) => live::run(command, &place),
            Err(error) => unusable(&error),
        },
        Command::Roster(roster::RosterCommand::Signing(command)) => roster::signing::run(&command, config),
        Command::Roster(command) => with_config(config, |config| at_desk(&config, |desk| roster::run(command, desk))),
        Command::User(command) => with_config(config, |config| at_desk(&config, |desk| user::run(command, desk))),
        Command::Key(command) => with_config(config, |config| at_desk(&config, |desk| key::run(command, desk))),
        Command::Power(power::PowerCommand::Orders(orders)) => match live::Place::find(config) {
            Ok(place) => power_orders::run(&orders, &place),
            Err(error) => unusable(&error),
        },
        Command::Upstream(upstream::UpstreamCommand::NewEpoch { yes }) => {
            with_config(config, |config| upstream::new_epoch(yes, &config))
        }
        Command::Alerts(alerts::AlertsCommand::Status { output }) => match live::Place::find(config) {
            Ok(place) => alerts::status(output, &place),
            Err(error) => unusable(&error),
        },
        Command::Alerts(alerts::AlertsCommand::Test { name }) => {
            with_config(config, |config| alerts::test(name.as_deref(), &config))
        }
        Command::Upstream(command) => match live::Place::find(config) {
            Ok(place) => upstream::ask(&command, &place),
            Err(error) => unusable(&error),
        },
        Command::Power(power::PowerCommand::Recipe(args)) => with_config(config, |config| power::run(&args, &config)),
        Command::Init(args) => with_config(config, |config| {
            init::run(&args, &config.credentials_dir, &config.state_dir, &mut io::stdout(), &mut io::stderr())
        }),
    }
}

fn ledger(args: &ledger::LedgerArgs, config: Option<&Path>) -> ExitCode {
    if let Some(dir) = &args.state_dir {
        return ledger::run(args, dir, None, None);
    }
    match Config::load(&Config::locate(config)) {
        Ok(config) => {
            let place = live::Place { run_dir: config.run_dir, time_zone: config.time_zone.clone() };
            ledger::run(args, &config.state_dir, config.time_zone.as_deref(), Some(&place))
        }
        // Exit code 1 would say that the ledger does not verify.
        Err(error) => {
            eprintln!("cabinetd: {error}\nThe ledger can be read without a config: --state-dir DIR");
            ExitCode::from(ledger::UNREADABLE)
        }
    }
}

fn with_config(flag: Option<&Path>, command: impl FnOnce(Config) -> ExitCode) -> ExitCode {
    match Config::load(&Config::locate(flag)) {
        Ok(config) => command(config),
        Err(error) => unusable(&error),
    }
}

fn unusable(error: &ConfigError) -> ExitCode {
    eprintln!("cabinetd: {error}");
    ExitCode::from(1)
}

fn at_desk(config: &Config, command: impl FnOnce(&mut Desk<'_>) -> ExitCode) -> ExitCode {
    let zone = config.time_zone.as_deref().and_then(|name| TimeZone::get(name).ok());
    let mut desk = Desk {
        cabinet: &mut Socket::new(config.run_dir.clone()),
        pins: &mut Terminal,
        zone: zone.unwrap_or_else(TimeZone::system),
        out: &mut io::stdout(),
        err: &mut io::stderr(),
    };
    command(&mut desk)
}

fn run(file: &Path) -> ExitCode {
    let (log, _writer) = match journal::start(journal::Sink::find()) {
        Ok(started) => started,
        Err(error) => {
            eprintln!("cabinetd: cannot start the log's thread: {error}");
            return ExitCode::from(1);
        }
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("CABINETD_LOG").unwrap_or_else(|_| "info".into());
    tracing_subscriber::registry().with(filter).with(log.clone()).init();
    crate::io::ups::quiet_contained_panics();
    let (config, error) = Config::salvage(file);
    if let Some(error) = error {
        tell!(ENDED, "{error}");
        // What a killed daemon left energised goes off all the same.
        let written = config.told_wiring(Some(&error));
        crate::daemon::outputs_off(&config.run_dirs_of(file), &config.state_dir, written);
        return ExitCode::from(1);
    }
    match crate::daemon::run(config, file, log) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell!(ENDED, "{error}");
            ExitCode::from(1)
        }
    }
}
