//! `cabinetd sim`: somebody's hands at a simulated cabinet: a running demo's, or one of `cabinetd sim hardware`.
//!
//! Each word is a line on its `sim.sock` and comes back as one sentence. What the world refuses ends with exit
//! code 1; a demo that does not run, or a word that is none, with 2.

mod hardware;
mod look;
mod pace;
mod play;
mod script;

use crate::cabinet::types::{DoorNo, SlotNo};
use crate::cli::number::whole;
use crate::config::{Config, ConfigError};
use crate::io::sim::hardware::{Act, SensorFault};
use crate::io::sim::wire::LONGEST_LINE;
use crate::io::sim::words::{Reply, SOCKET, Status, UpsFault, Word};
use clap::{Args, Subcommand, ValueEnum};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

const EXAMPLES: &str = "Examples, a whole visit:\n  \
    cabinetd sim badge 1004\n  cabinetd sim pin 482913\n  cabinetd pull --key \"Unit 204\" --reason showing\n  \
    cabinetd sim door open\n  cabinetd sim take 7\n  cabinetd sim door close\n\n\
    And: cabinetd sim put 9 --key \"Unit 204\" | fault sensor 3 dead | fault sensor 3 ok\n\
    The power: cabinetd sim mains off | charge 15 | ups button | ups load 120 | fault ups spurious-low | fault ups ok\n\
    Exit codes: 0 done, 1 the world did not let it happen, 2 wrong usage or no simulated hardware.";

/// Longest wait for the demo's answer.
const ANSWER: Duration = Duration::from_secs(5);

/// Do something at the simulated cabinet of a running `cabinetd demo` or `cabinetd sim hardware`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct SimArgs {
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with = "config",
        help = "The demo's folder [default: $CABINETD_DIR, else the run folder of the config]"
    )]
    dir: Option<PathBuf>,
    #[command(subcommand)]
    command: SimCommand,
}

#[derive(Subcommand, Debug)]
enum SimCommand {
    #[command(flatten)]
    Word(SimWord),
    /// Serve the simulated hardware for a config of your own, until Ctrl-C; `cabinetd run` drives it
    Hardware(hardware::HardwareArgs),
    /// What somebody sees who stands before the cabinet.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Play a script: the same words, one a line, with `wait`, `expect` and `run`.
    Play {
        /// The script; `visit.txt` in a demo's folder is one
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Check every line and do nothing.
        #[arg(long)]
        dry_run: bool,
    },
}

/// What can be done at the cabinet, at the command line and in scripts.
#[derive(Subcommand)]
enum SimWord {
    /// Hold a badge to the reader.
    Badge {
        /// The number on the badge, as in the roster: 1004.
        #[arg(value_name = "CODE")]
        code: String,
    },
    /// Type a login number on the pad instead of a badge.
    Login {
        /// The number of a person who has one, as in the roster: 33.
        #[arg(value_name = "NUMBER")]
        number: String,
    },
    /// Type a PIN on the pad.
    Pin {
        /// The PIN, or a code that was made by `cabinetd user vouch`.
        #[arg(value_name = "DIGITS")]
        digits: String,
    },
    /// Hold a key's tag to the reader.
    Tag {
        /// The number of the tag, as in the roster: 70007.
        #[arg(value_name = "CODE")]
        code: String,
    },
    /// Press the cancel button.
    Cancel,
    /// Press the wake button.
    Button,
    /// Open, close or force a door (force: a crowbar, or the mechanical cabinet key).
    Door {
        what: DoorMove,
        /// The number on the door.
        #[arg(default_value_t = 1, value_parser = whole::<u8>(1..=255, 1))]
        door: u8,
    },
    /// Open or close the lockbox of the cabinet key.
    Lockbox { what: Lid },
    /// Take the key out of a slot.
    Take {
        /// The number of the slot, as `cabinetd keymap` shows it.
        #[arg(value_parser = whole::<u16>(1..=65_535, 7))]
        slot: u16,
    },
    /// Hang a key from the hand into a slot, right or wrong.
    Put {
        /// The number of the slot, as `cabinetd keymap` shows it.
        #[arg(value_parser = whole::<u16>(1..=65_535, 7))]
        slot: u16,
        /// Which one, by number or label, when more than one is in hand.
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
    },
    /// Say what is in hand.
    Hand,
    /// Cut the mains, or bring it back.
    Mains { what: Switch },
    /// Set the charge of the UPS's battery, in percent.
    Charge {
        /// 0 to 100.
        #[arg(value_parser = whole::<u8>(0..=100, 40))]
        pct: u8,
    },
    /// Do something at the UPS.
    #[command(subcommand)]
    Ups(UpsWord),
    /// Break something, or mend it with `ok`.
    #[command(subcommand)]
    Fault(FaultWord),
}

// Codes and PINs stand in these words.
impl std::fmt::Debug for SimWord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SimWord(…)")
    }
}

#[derive(Subcommand, Debug)]
enum UpsWord {
    /// Press its power button: turns its output on again, on battery too.
    Button,
    /// Plug something into it that is not the cabinet's, a printer for example.
    Load {
        /// What it draws; 0 takes it away.
        #[arg(value_name = "WATTS", value_parser = whole::<u16>(0..=5000, 60))]
        watts: u16,
    },
}

#[derive(Subcommand, Debug)]
enum FaultWord {
    /// A slot's sensor.
    Sensor {
        /// The number of the slot, as `cabinetd keymap` shows it.
        #[arg(value_parser = whole::<u16>(1..=65_535, 7))]
        slot: u16,
        what: SensorFault,
    },
    /// A door's lock relay does not move any more.
    Lock {
        /// The number on the door.
        #[arg(value_parser = whole::<u8>(1..=255, 1))]
        door: u8,
        #[arg(default_value = "broken")]
        what: Health,
    },
    /// A door's contact is stuck.
    Contact {
        /// The number on the door.
        #[arg(value_parser = whole::<u8>(1..=255, 1))]
        door: u8,
        #[arg(default_value = "broken")]
        what: Health,
    },
    /// The UPS or its answers.
    Ups { what: UpsFault },
    /// The badge reader and pad are unplugged.
    Reader {
        #[arg(default_value = "broken")]
        what: Health,
    },
}

#[derive(Clone, Copy, ValueEnum, Debug)]
enum DoorMove {
    Open,
    Close,
    Force,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
enum Lid {
    Open,
    Close,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
enum Switch {
    Off,
    On,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
enum Health {
    Broken,
    Ok,
}

impl SimWord {
    /// What no hand can do. The code itself is not repeated: it may be a PIN with a slip of the finger.
    fn check(&self) -> Result<(), &'static str> {
        const LONGEST: usize = 64;
        let is_code = |code: &str| {
            !code.trim().is_empty() && code.len() <= LONGEST && code.chars().all(|letter| letter.is_ascii_graphic())
        };
        let is_number =
            |digits: &str| (1..=LONGEST).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        match self {
            Self::Badge { code } if !is_code(code) => {
                Err("a badge has a number: letters and digits without a space, such as `badge 1004`")
            }
            Self::Tag { code } if !is_code(code) => {
                Err("a tag has a number: letters and digits without a space, such as `tag 70007`")
            }
            Self::Pin { digits } if !is_number(digits) => Err("a pad has digits only: a PIN is such as `pin 482913`"),
            Self::Login { number } if !is_number(number) => {
                Err("a pad has digits only: a login number is such as `login 33`")
            }
            _ => Ok(()),
        }
    }
}

impl From<SimWord> for Word {
    fn from(word: SimWord) -> Self {
        match word {
            SimWord::Badge { code } => Self::Badge(code),
            SimWord::Login { number } => Self::Login(number),
            SimWord::Pin { digits } => Self::Pin(digits),
            SimWord::Tag { code } => Self::Tag(code),
            SimWord::Cancel => Self::Cancel,
            SimWord::Button => Self::Button,
            SimWord::Door { what, door } => {
                let door = DoorNo(door);
                Self::Act(match what {
                    DoorMove::Open => Act::Open { door },
                    DoorMove::Close => Act::Close { door },
                    DoorMove::Force => Act::Force { door },
                })
            }
            SimWord::Lockbox { what } => Self::Act(Act::Lockbox { open: what == Lid::Open }),
            SimWord::Take { slot } => Self::Act(Act::Take { slot: SlotNo(slot) }),
            SimWord::Put { slot, key } => Self::Act(Act::Put { slot: SlotNo(slot), key }),
            SimWord::Hand => Self::Hand,
            SimWord::Mains { what } => Self::Mains { on: what == Switch::On },
            SimWord::Charge { pct } => Self::Charge { pct },
            SimWord::Ups(UpsWord::Button) => Self::UpsButton,
            SimWord::Ups(UpsWord::Load { watts }) => Self::UpsLoad { watts },
            SimWord::Fault(fault) => fault.into(),
        }
    }
}

impl From<FaultWord> for Word {
    fn from(fault: FaultWord) -> Self {
        let broken = |what: Health| what == Health::Broken;
        match fault {
            FaultWord::Sensor { slot, what } => Self::Act(Act::SensorFault { slot: SlotNo(slot), fault: what }),
            FaultWord::Lock { door, what } => Self::Act(Act::LockFault { door: DoorNo(door), broken: broken(what) }),
            FaultWord::Contact { door, what } => {
                Self::Act(Act::ContactFault { door: DoorNo(door), broken: broken(what) })
            }
            FaultWord::Ups { what } => Self::UpsFault(what),
            FaultWord::Reader { what } => Self::Act(Act::ReaderFault { broken: broken(what) }),
        }
    }
}

/// Why nothing could be done.
#[derive(Debug, thiserror::Error)]
enum SimError {
    #[error(
        "which cabinet? `export CABINETD_DIR=…` as the demo printed it, or --dir DIR, or --config FILE of your own one"
    )]
    NoFolder,
    #[error("`sim hardware` is for a config: say which with --config FILE or CABINETD_DIR, not with --dir")]
    NotByFolder,
    #[error("{0}")]
    NoSuchWord(&'static str),
    #[error("{0}")]
    Config(ConfigError),
    #[error(
        "no simulated hardware answers at {socket} ({why}); start a whole cabinet with `cabinetd demo` and \
         `export CABINETD_DIR=…` as it prints, or the hardware of your own config with `cabinetd sim hardware`"
    )]
    NoDemo { socket: PathBuf, why: std::io::Error },
    #[error("the simulated hardware did not answer: {0}; look at its terminal")]
    NoAnswer(std::io::Error),
    #[error("the simulated hardware answered something else than was asked; it may be of another version of cabinetd")]
    Strange,
}

/// Where the hardware is, and how this program's other commands find the same cabinet.
struct Place {
    run_dir: PathBuf,
    /// For a command's `CABINETD_DIR`.
    dir: Option<PathBuf>,
    /// For a command's `--config`.
    config: Option<PathBuf>,
}

impl Place {
    fn find(dir: Option<PathBuf>, config: Option<&Path>) -> Result<Self, SimError> {
        if let Some(dir) = dir {
            return Ok(Self { run_dir: dir.join("run"), dir: Some(dir), config: None });
        }
        let has_folder = std::env::var_os("CABINETD_DIR").is_some_and(|folder| !folder.is_empty());
        if config.is_none() && !has_folder && !Config::locate(None).exists() {
            return Err(SimError::NoFolder);
        }
        let place = super::live::Place::find(config).map_err(SimError::Config)?;
        Ok(Self { run_dir: place.run_dir, dir: None, config: config.map(Path::to_owned) })
    }
}

/// The demo, spoken to.
struct Demo {
    stream: BufReader<UnixStream>,
}

impl Demo {
    fn connect(place: &Place) -> Result<Self, SimError> {
        let socket = place.run_dir.join(SOCKET);
        let stream = UnixStream::connect(&socket).map_err(|why| SimError::NoDemo { socket, why })?;
        let deadline = Some(ANSWER);
        stream.set_read_timeout(deadline).map_err(SimError::NoAnswer)?;
        stream.set_write_timeout(deadline).map_err(SimError::NoAnswer)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    fn say(&mut self, word: &Word) -> Result<Reply, SimError> {
        let mut line = serde_json::to_vec(word).map_err(|_| SimError::Strange)?;
        line.push(b'\n');
        self.stream.get_mut().write_all(&line).map_err(SimError::NoAnswer)?;
        let mut answer = Vec::new();
        let bound = LONGEST_LINE as u64;
        (&mut self.stream).take(bound).read_until(b'\n', &mut answer).map_err(SimError::NoAnswer)?;
        serde_json::from_slice(&answer).map_err(|_| SimError::Strange)
    }

    fn status(&mut self) -> Result<Status, SimError> {
        match self.say(&Word::Status)? {
            Reply::Status(status) => Ok(*status),
            Reply::Done(_) | Reply::Refused(_) => Err(SimError::Strange),
        }
    }
}

/// Prints a line. Whoever read may have seen enough (`sim status | head`): that is no failure.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Runs the command.
#[must_use]
pub fn run(args: SimArgs, config: Option<&Path>) -> ExitCode {
    // A script is checked without a demo.
    if let SimCommand::Play { file, dry_run: true } = &args.command {
        return play::check(file);
    }
    match perform(args, config) {
        Ok(code) => code,
        Err(why) => {
            eprintln!("cabinetd: {why}");
            ExitCode::from(2)
        }
    }
}

fn perform(args: SimArgs, config: Option<&Path>) -> Result<ExitCode, SimError> {
    let SimArgs { dir, command } = args;
    let place = || Place::find(dir.clone(), config);
    match command {
        SimCommand::Hardware(_) if dir.is_some() => Err(SimError::NotByFolder),
        SimCommand::Hardware(hardware) => Ok(hardware::serve(&hardware, config)),
        SimCommand::Word(word) => {
            word.check().map_err(SimError::NoSuchWord)?;
            let word = word.into();
            let mut demo = Demo::connect(&place()?)?;
            pace::before(&mut demo, &word)?;
            Ok(match demo.say(&word)? {
                Reply::Done(sentence) => {
                    say(&sentence);
                    pace::after(&mut demo, &word)?;
                    ExitCode::SUCCESS
                }
                Reply::Refused(why) => {
                    eprintln!("cabinetd: {why}");
                    ExitCode::FAILURE
                }
                Reply::Status(_) => return Err(SimError::Strange),
            })
        }
        SimCommand::Status { json } => {
            let status = Demo::connect(&place()?)?.status()?;
            if json {
                say(&serde_json::to_string_pretty(&status).map_err(|_| SimError::Strange)?);
            } else {
                say(look::at(&status).trim_end());
            }
            Ok(ExitCode::SUCCESS)
        }
        SimCommand::Play { file, .. } => play::play(&place()?, &file),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_hand_can_type_is_refused_without_repeating_it() {
        let text = |text: &str| text.to_owned();
        for bad in ["", " ", "abc", "48291e", "482 913", &"1".repeat(65)] {
            let why = SimWord::Pin { digits: text(bad) }.check().expect_err("no PIN");
            assert!(bad.trim().is_empty() || bad.len() > 64 || !why.contains(bad), "{why}");
            assert!(SimWord::Login { number: text(bad) }.check().is_err());
        }
        for bad in ["", " ", "10 04", "10\u{1b}04", &"1".repeat(65)] {
            assert!(SimWord::Badge { code: text(bad) }.check().is_err(), "{bad:?}");
            assert!(SimWord::Tag { code: text(bad) }.check().is_err(), "{bad:?}");
        }
        for good in ["1004", "E0040204", "04:a3-ff"] {
            assert_eq!(SimWord::Badge { code: text(good) }.check(), Ok(()));
        }
        assert_eq!(SimWord::Pin { digits: text("482913") }.check(), Ok(()));
    }
}
