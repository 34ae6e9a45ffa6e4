//! `cabinetd sim play FILE`: plays a script against the demo, and says at which line it went wrong.

use super::say;
use super::script::{Expectation, Problem, Step, What, parse};
use super::{Demo, Place, SimError};
use crate::io::sim::words::Reply;
use std::io::Read;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

/// Bytes of the longest script.
const LONGEST_SCRIPT: u64 = 1024 * 1024;
/// How often an `expect` looks.
const LOOK: Duration = Duration::from_millis(50);

/// Checks every line and does nothing.
pub(super) fn check(file: &Path) -> ExitCode {
    match load(file) {
        Ok(steps) => {
            say(&format!("{}: {} steps, all understood.", file.display(), steps.len()));
            ExitCode::SUCCESS
        }
        Err(code) => code,
    }
}

/// Plays the script; stops at the first line that does not go as it says.
pub(super) fn play(place: &Place, file: &Path) -> Result<ExitCode, SimError> {
    let steps = match load(file) {
        Ok(steps) => steps,
        Err(code) => return Ok(code),
    };
    for step in steps {
        say(&format!("{:>4}  {}", step.line, step.shown()));
        // A fresh connection for each line: a script may wait for longer than the demo keeps an idle one.
        let result = match &step.what {
            What::Wait(time) => {
                std::thread::sleep(*time);
                Ok(())
            }
            What::Word(word) => match Demo::connect(place)?.say(word)? {
                Reply::Done(sentence) => {
                    say(&format!("      {sentence}"));
                    Ok(())
                }
                Reply::Refused(why) => Err(why),
                Reply::Status(_) => return Err(SimError::Strange),
            },
            What::Expect { that, within, remedy } => {
                let tries = within.as_millis().div_ceil(LOOK.as_millis());
                let late = || remedy.clone().unwrap_or_else(|| format!("not so within {} ms", within.as_millis()));
                let mut result = Err(late());
                for wait in 0..=tries {
                    let status = Demo::connect(place)?.status()?;
                    match that.holds(&status) {
                        Ok(true) => {
                            result = Ok(());
                            break;
                        }
                        Ok(false) if wait < tries => std::thread::sleep(LOOK),
                        Ok(false) => {
                            let shown = status.display.unwrap_or_default();
                            if matches!(that, Expectation::Display(_)) {
                                result = Err(format!("{}; the display shows \"{shown}\"", late()));
                            }
                        }
                        Err(never) => {
                            result = Err(never);
                            break;
                        }
                    }
                }
                result
            }
            What::Run(arguments) => run(place, arguments),
        };
        if let Err(why) = result {
            eprintln!("cabinetd: {}:{}: {}: {why}", file.display(), step.line, step.shown());
            return Ok(ExitCode::FAILURE);
        }
    }
    say(&format!("{}: played to its end.", file.display()));
    Ok(ExitCode::SUCCESS)
}

/// Runs this program's own command, on the same cabinet.
fn run(place: &Place, arguments: &[String]) -> Result<(), String> {
    let program = std::env::current_exe().map_err(|why| format!("this program cannot be found: {why}"))?;
    let mut command = Command::new(program);
    if let Some(dir) = &place.dir {
        command.env("CABINETD_DIR", dir);
    }
    if let Some(config) = &place.config {
        command.arg("--config").arg(config);
    }
    let status = command.args(arguments).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("ended with {status}")),
        Err(why) => Err(format!("could not be run: {why}")),
    }
}

fn load(file: &Path) -> Result<Vec<Step>, ExitCode> {
    let mut text = String::new();
    let read = std::fs::File::open(file).and_then(|open| open.take(LONGEST_SCRIPT + 1).read_to_string(&mut text));
    let problems = match read {
        Err(why) => {
            eprintln!("cabinetd: {} cannot be read: {why}", file.display());
            return Err(ExitCode::from(2));
        }
        Ok(bytes) if bytes as u64 > LONGEST_SCRIPT => {
            vec![Problem { line: 1, why: format!("a script has at most {LONGEST_SCRIPT} bytes") }]
        }
        Ok(_) => match parse(&text) {
            Ok(steps) => return Ok(steps),
            Err(problems) => problems,
        },
    };
    for problem in problems {
        eprintln!("cabinetd: {}:{problem}", file.display());
    }
    Err(ExitCode::from(2))
}
