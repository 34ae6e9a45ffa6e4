//! `cabinetd config`: look at the configuration before the daemon does.

use crate::config::{ANNOTATED, Config, ConfigError};
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// The site of the annotated default, which nobody's property is called.
const EXAMPLE_SITE: &str = "site";

/// Check, show or begin a configuration.
#[derive(clap::Args, Debug)]
pub struct ConfigArgs {
    #[arg(
        long,
        value_name = "FILE",
        global = true,
        help = "The config [default: $CABINETD_DIR/cabinetd.toml, else /etc/cabinetd/cabinetd.toml]"
    )]
    config: Option<PathBuf>,

    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(clap::Subcommand, Debug)]
enum ConfigCommand {
    /// List everything that is wrong with it, with line and remedy; exit code 1 if anything is. A warning is none
    Check,
    /// Print the file as it is; with --effective what the daemon makes of it
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
    match answer(args) {
        Ok((text, warnings)) => {
            for warning in warnings {
                eprintln!("warning: {warning}");
            }
            print(&text)
        }
        Err(error) => {
            eprintln!("cabinetd: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The text, and what is no problem but worth a word.
fn answer(args: &ConfigArgs) -> Result<(String, Vec<String>), ConfigError> {
    let path = Config::locate(args.config.as_deref());
    let text = match &args.command {
        ConfigCommand::Check => {
            let config = Config::load(&path)?;
            let (slots, doors) = (config.settings.slots.len(), config.settings.doors.len());
            let text =
                format!("{}: no problems ({slots} slots, doors: {doors}, SHA-256 {})\n", path.display(), config.hash);
            return Ok((text, warnings(&config)));
        }
        ConfigCommand::Show { effective: true } => Config::load(&path)
            .map(|config| format!("# {}\n# SHA-256 {}\n\n{}", path.display(), config.hash, config.effective())),
        ConfigCommand::Show { effective: false } => {
            std::fs::read_to_string(&path).map_err(|source| ConfigError::Unreadable { path: path.clone(), source })
        }
        ConfigCommand::Example => Ok(ANNOTATED.to_owned()),
    };
    text.map(|text| (text, Vec::new()))
}

fn warnings(config: &Config) -> Vec<String> {
    let settings = &config.settings;
    let mut warnings = Vec::new();
    if settings.site == EXAMPLE_SITE {
        warnings.push(format!(
            "cabinet.site is still \"{EXAMPLE_SITE}\", as in the example; write the property's name before the first start: \
             every record keeps the name that it got"
        ));
    }
    if settings.access.badge_alone {
        warnings.push(
            "identify.modes has \"badge\": a badge that was found or copied opens the cabinet; \"badge+pin\" is safer"
                .to_owned(),
        );
    }
    warnings
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser, Debug)]
    struct Try {
        #[command(flatten)]
        args: ConfigArgs,
    }

    fn args(words: &[&str]) -> ConfigArgs {
        Try::try_parse_from(std::iter::once("config").chain(words.iter().copied())).expect("it parses").args
    }

    #[test]
    fn the_example_checks_and_shows() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cabinetd.toml");
        let file = path.to_str().expect("plain text");
        let (example, _) = answer(&args(&["example"])).expect("it is built in");
        std::fs::write(&path, &example).expect("written");
        let (said, warnings) = answer(&args(&["check", "--config", file])).expect("it is sound");
        assert!(
            matches!(warnings.as_slice(), [site] if site.contains("cabinet.site is still \"site\"")),
            "{warnings:?}"
        );
        assert!(said.starts_with(&format!("{file}: no problems (24 slots, doors: 1, SHA-256 ")), "{said}");
        assert_eq!(answer(&args(&["--config", file, "show"])).expect("it is there").0, example);
        let (shown, _) = answer(&args(&["show", "--effective", "--config", file])).expect("it is sound");
        assert!(shown.contains("\nunlock_ms = 8000 ") && shown.contains("# line "), "{shown}");
        assert_eq!(run(&args(&["check", "--config", file])), ExitCode::SUCCESS, "a warning is no failure");
        let named =
            example.replace("site = \"site\"", "site = \"Palm Court\"").replace("modes = [", "modes = [\"badge\", ");
        std::fs::write(&path, named).expect("written");
        let (_, warnings) = answer(&args(&["check", "--config", file])).expect("it is sound");
        assert!(matches!(warnings.as_slice(), [modes] if modes.contains("identify.modes")), "{warnings:?}");
    }

    #[test]
    fn problems_are_listed_and_fail() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cabinetd.toml");
        let file = path.to_str().expect("plain text");
        std::fs::write(&path, ANNOTATED.replace("unlock_ms = 8000", "unlok_ms = 8000")).expect("written");
        let error = answer(&args(&["check", "--config", file])).expect_err("a key is misspelt").to_string();
        assert!(error.ends_with("sessions.unlok_ms: there is no such key; did you mean unlock_ms?"), "{error}");
        assert_eq!(run(&args(&["check", "--config", file])), ExitCode::FAILURE);
        assert_eq!(run(&args(&["show", "--effective", "--config", file])), ExitCode::FAILURE);
        assert_eq!(run(&args(&["show", "--config", "/nonexistent"])), ExitCode::FAILURE);
    }
}
