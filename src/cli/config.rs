//! `cabinetd config`: look at the configuration before the daemon does.

use crate::config::{ANNOTATED, Config, ConfigError};
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// Check, show or begin a configuration.
#[derive(clap::Args, Debug)]
pub struct ConfigArgs {
    #[arg(
        long,
        value_name = "FILE",
        global = true,
        help = "The configuration [default: $CABINETD_DIR/cabinetd.toml, else /etc/cabinetd/cabinetd.toml]"
    )]
    config: Option<PathBuf>,

    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(clap::Subcommand, Debug)]
enum ConfigCommand {
    /// List everything that is wrong with it, with line and remedy; exit code 1 if anything is
    Check,
    /// Print it
    Show {
        /// Every value in force, defaults too, each with where it comes from
        #[arg(long)]
        effective: bool,
    },
    /// Print the annotated default, with every key, unit, range and default
    Example,
}

/// Runs the command. Exit code 0 = fine, 1 = there are problems, or the file cannot be read.
#[must_use]
pub fn run(args: &ConfigArgs) -> ExitCode {
    let path = Config::locate(args.config.as_deref());
    let text = match &args.command {
        ConfigCommand::Check => Config::load(&path).map(|config| {
            let (slots, doors) = (config.settings.slots.len(), config.settings.doors.len());
            format!("{}: no problems ({slots} slots, doors: {doors}, SHA-256 {})\n", path.display(), config.hash)
        }),
        ConfigCommand::Show { effective: true } => Config::load(&path)
            .map(|config| format!("# {}\n# SHA-256 {}\n\n{}", path.display(), config.hash, config.effective())),
        ConfigCommand::Show { effective: false } => {
            std::fs::read_to_string(&path).map_err(|source| ConfigError::Unreadable { path: path.clone(), source })
        }
        ConfigCommand::Example => Ok(ANNOTATED.to_owned()),
    };
    match text {
        Ok(text) => print(&text),
        Err(error) => {
            eprintln!("cabinetd: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes to standard output; a reader that has seen enough (`| head`) is no failure.
fn print(text: &str) -> ExitCode {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("cabinetd: cannot write the answer: {error}");
            ExitCode::FAILURE
        }
        Ok(()) | Err(_) => ExitCode::SUCCESS,
    }
}
