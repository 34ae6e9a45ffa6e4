//! Commands that talk to the running daemon: what the person at the cabinet wants, and what the cabinet looks like.
//!
//! They print text for people and, with `--json`, one JSON value (`status --follow`: one a line) for scripts; the fields are in
//! `docs/json-output.md`. Exit codes: 0 done, 1 refused, 2 wrong usage, 4 no daemon or no answer from it, 5 not permitted: the account, or
//! its role, may not (`denied.rs`). None of them stands in for badge and PIN: `pull` and `return` are the ask of whoever is identified at the cabinet.

mod alerts;
mod keymap;
mod power;
mod status;
mod upstream;
pub(super) mod words;

pub(super) use alerts::alerts;
pub use keymap::keymap;
pub(super) use power::{battery, mode_words, out_for};
pub use status::{alarms, status};
pub(super) use upstream::upstream;
pub use words::{Paint, Tone, View};
pub(super) use words::{clean, paragraph};

use super::denied::{self, NOT_PERMITTED};
use crate::cabinet::outcome::Answer;
use crate::cabinet::snapshot::Snapshot;
use crate::cabinet::types::{AlarmId, DoorNo, Reason, SlotNo};
use crate::cli::number::whole;
use crate::config::{Config, ConfigError};
use crate::io::clock::Clock;
use crate::io::control::wire::{Ask, ErrorCode};
use crate::io::control::{Client, ClientError, new_request_key};
use clap::{Args, Subcommand, ValueEnum, ValueHint};
use std::io::{IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(super) const EXIT_CODES: &str =
    "Exit codes: 0 done, 1 refused, 2 wrong usage, 4 no daemon or no answer from it, 5 not permitted.";

/// What the person at the cabinet wants, and what the cabinet looks like.
#[derive(Subcommand, Debug)]
pub enum LiveCommand {
    /// Ask for keys, as the person who is identified at the cabinet
    Pull(PullArgs),
    /// Say that keys come back, as the person who is identified at the cabinet
    Return(ReturnArgs),
    /// End the visit without opening, and drop what was asked for
    Cancel(CancelArgs),
    /// Open on an admin's word, for somebody who is at the cabinet (needs the role admin)
    Open(OpenArgs),
    /// Answer "which key is in slot 9?"
    Declare(DeclareArgs),
    /// List, acknowledge and countersign alarms
    Alarm(AlarmArgs),
    /// Show the cabinet's state: power, doors, visit, alarms, keys out
    Status(StatusArgs),
    /// Show the cabinet slot by slot
    Keymap(KeymapArgs),
}

/// Keys, and why.
#[derive(Args, Debug)]
#[command(after_help = concat!(
    "Examples:\n",
    "  cabinetd pull --key \"Unit 204\" --reason work-order --ref 8841 --for \"plumber\"\n",
    "  cabinetd pull --key 204 --key 205 --reason showing\n",
    "  cabinetd pull --key roof --reason emergency --alone\n\n",
    "Badge and PIN come first, at the cabinet; this does not replace them.\n",
    "Another pull in the same visit adds keys, with a reason of their own.\n",
    "Exit codes: 0 done, 1 refused, 2 wrong usage, 4 no daemon or no answer from it, 5 not permitted."
))]
pub struct PullArgs {
    /// A key by its label or id; repeat it for more
    #[arg(long = "key", value_name = "KEY", required = true, value_hint = ValueHint::Other)]
    keys: Vec<String>,
    /// Why; it also says for how long the key may be out ([alerts] in the config)
    #[arg(long, value_enum)]
    reason: ReasonWord,
    /// The work order's number, or the like
    #[arg(long = "ref", value_name = "NUMBER", value_hint = ValueHint::Other)]
    reference: Option<String>,
    /// For whom: a contractor, a resident
    #[arg(long = "for", value_name = "WHOM", value_hint = ValueHint::Other)]
    purpose: Option<String>,
    /// Take a two-person key alone, in an emergency: it alarms and waits to be countersigned
    #[arg(long)]
    alone: bool,
    #[command(flatten)]
    output: Output,
}

/// Keys that come back.
#[derive(Args, Debug)]
#[command(after_help = concat!(
    "Examples:\n",
    "  cabinetd return                     whatever is in the hand\n",
    "  cabinetd return --key \"Unit 204\"\n\n",
    "Exit codes: 0 done, 1 refused, 2 wrong usage, 4 no daemon or no answer from it, 5 not permitted."
))]
pub struct ReturnArgs {
    /// A key by its label or id; repeat it for more; none = whatever is in the hand
    #[arg(long = "key", value_name = "KEY", value_hint = ValueHint::Other)]
    keys: Vec<String>,
    #[command(flatten)]
    output: Output,
}

/// Nothing but how to print.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct CancelArgs {
    #[command(flatten)]
    output: Output,
}

/// Who stands there, and why the usual way does not do.
#[derive(Args, Debug)]
#[command(after_help = concat!(
    "Examples:\n",
    "  cabinetd open --for ana --reason \"badge at home, tenant locked out\"\n",
    "  cabinetd open --cancel             nobody is waited for any more\n\n",
    "There is no remote unlock: within a minute this person presses the cabinet's button (a key of\n",
    "the keypad where there is none) or holds their badge to its reader, and only then it opens. Who\n",
    "ordered it, for whom and why is on record first. What they take is theirs, as in any visit: ask\n",
    "for it with `cabinetd pull`. For a forgotten PIN or badge a manager's code is better\n",
    "(`cabinetd user vouch`).\n\n",
    "Exit codes: 0 ordered, 1 refused, 2 wrong usage, 4 no daemon or no answer from it, 5 not permitted."
))]
pub struct OpenArgs {
    /// Who is at the cabinet: the id in the roster (`cabinetd user list`)
    #[arg(long = "for", value_name = "USER", required_unless_present = "cancel", value_hint = ValueHint::Other)]
    user: Option<String>,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", required_unless_present = "cancel", value_hint = ValueHint::Other)]
    reason: Option<String>,
    /// Which door [default: each]
    #[arg(long, value_name = "N", value_parser = whole::<u8>(1..=255, 1))]
    door: Option<u8>,
    /// Take the word back that stands
    #[arg(long, conflicts_with_all = ["user", "reason", "door"])]
    cancel: bool,
    #[command(flatten)]
    output: Output,
}

/// A slot and the key in it.
#[derive(Args, Debug)]
#[command(after_help = concat!(
    "Example:\n",
    "  cabinetd declare --slot 9 --key \"Unit 204\"\n\n",
    "It is recorded as declared, never as sensed. Scanning the key's tag is better.\n",
    "Exit codes: 0 done, 1 refused, 2 wrong usage, 4 no daemon or no answer from it, 5 not permitted."
))]
pub struct DeclareArgs {
    /// The slot's number
    #[arg(long, value_name = "N", value_parser = whole::<u16>(1..=65_535, 7))]
    slot: u16,
    /// The key by its label or id
    #[arg(long, value_name = "KEY", value_hint = ValueHint::Other)]
    key: String,
    #[command(flatten)]
    output: Output,
}

/// What to do with alarms.
#[derive(Args, Debug)]
#[command(after_help = concat!(
    "Examples:\n",
    "  cabinetd alarm list\n",
    "  cabinetd alarm ack 1031\n",
    "  cabinetd alarm countersign 1031 --by manager\n\n",
    "Exit codes: 0 done, 1 refused, 2 wrong usage, 4 no daemon or no answer from it, 5 not permitted."
))]
pub struct AlarmArgs {
    #[command(subcommand)]
    command: AlarmCommand,
}

#[derive(Subcommand, Debug)]
enum AlarmCommand {
    /// Open alarms with their numbers
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Acknowledge an alarm: somebody looks after it
    Ack {
        /// The alarm's number
        #[arg(value_name = "N", value_parser = whole::<u64>(1..=u64::MAX, 1031))]
        alarm: u64,
        #[command(flatten)]
        output: Output,
    },
    /// Stand as the second person for a key that was taken alone in an emergency
    Countersign {
        /// The alarm's number
        #[arg(value_name = "N", value_parser = whole::<u64>(1..=u64::MAX, 1031))]
        alarm: u64,
        /// The second person's id in the roster
        #[arg(long, value_name = "USER", value_hint = ValueHint::Other)]
        by: String,
        #[command(flatten)]
        output: Output,
    },
}

/// How to show the state.
#[derive(Args, Debug)]
#[command(after_help = concat!(
    "Examples:\n",
    "  cabinetd status\n",
    "  cabinetd status --json | jq -r '.away[] | select(.whereabouts.is == \"out\") | .key.label'\n",
    "  cabinetd status --follow --json     a line after each change\n\n",
    "Exit codes: 0 done, 1 refused, 2 wrong usage, 4 no daemon or no answer from it, 5 not permitted."
))]
pub struct StatusArgs {
    /// Show it again after each change, until stopped with Ctrl-C
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    output: Output,
}

/// How to show the slots.
#[derive(Args, Debug)]
#[command(after_help = concat!(
    "Examples:\n",
    "  cabinetd keymap\n",
    "  cabinetd keymap --json | jq '.slots[] | select(.unknown_key)'\n\n",
    "Exit codes: 0 done, 1 refused, 2 wrong usage, 4 no daemon or no answer from it, 5 not permitted."
))]
pub struct KeymapArgs {
    #[command(flatten)]
    output: Output,
}

/// How to print: what commands that show something have in common.
#[derive(Args, Debug, Clone, Copy)]
pub struct Output {
    /// JSON for scripts instead of text for people
    #[arg(long)]
    pub(super) json: bool,
    /// Colours; `auto` also respects `NO_COLOR`
    #[arg(long, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    color: Colour,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Auto,
    Always,
    Never,
}

#[derive(ValueEnum, Debug, Clone, Copy)]
enum ReasonWord {
    /// A repair or another job with a number
    WorkOrder,
    /// A leak, a fire alarm
    Emergency,
    /// A lock-out, a delivery: somebody must get into a unit
    UnitAccess,
    /// A tour with a prospect
    Showing,
    /// A key that staff use all day
    DayToDay,
}

impl From<ReasonWord> for Reason {
    fn from(word: ReasonWord) -> Self {
        match word {
            ReasonWord::WorkOrder => Self::WorkOrder,
            ReasonWord::Emergency => Self::Emergency,
            ReasonWord::UnitAccess => Self::UnitAccess,
            ReasonWord::Showing => Self::Showing,
            ReasonWord::DayToDay => Self::DayToDay,
        }
    }
}

/// Where the daemon is.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Its run directory.
    pub run_dir: PathBuf,
    /// The site's time zone (IANA name); none = this machine's.
    pub time_zone: Option<String>,
}

/// Where a command speaks.
pub struct Ends<'a> {
    pub out: &'a mut dyn Write,
    pub err: &'a mut dyn Write,
    /// Whether `out` is a terminal.
    pub is_terminal: bool,
}

impl std::fmt::Debug for Ends<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ends").field("is_terminal", &self.is_terminal).finish_non_exhaustive()
    }
}

pub(super) const DONE: u8 = 0;
pub(super) const REFUSED: u8 = 1;
pub(super) const NO_ANSWER: u8 = 4;

impl Place {
    /// As the config says. Without a readable one, unless it was named: where the daemon is by convention; an account that may use
    /// the socket need not be able to read the config.
    ///
    /// # Errors
    /// The config that was named cannot be used.
    pub fn find(config: Option<&Path>) -> Result<Self, ConfigError> {
        match Config::load(&Config::locate(config)) {
            Ok(config) => Ok(Self { run_dir: config.run_dir, time_zone: config.time_zone }),
            Err(error) if config.is_some() => Err(error),
            Err(_) => {
                let folder = std::env::var_os("CABINETD_DIR").filter(|folder| !folder.is_empty());
                let run_dir = folder.map_or_else(|| "/run/cabinetd".into(), |folder| PathBuf::from(folder).join("run"));
                Ok(Self { run_dir, time_zone: None })
            }
        }
    }
}

/// Runs a command.
#[must_use]
pub fn run(command: LiveCommand, place: &Place) -> ExitCode {
    let is_terminal = std::io::stdout().is_terminal();
    let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
    ExitCode::from(run_with(command, place, &mut Ends { out: &mut out, err: &mut err, is_terminal }))
}

/// Runs a command that speaks elsewhere; gives the exit code.
pub fn run_with(command: LiveCommand, place: &Place, ends: &mut Ends<'_>) -> u8 {
    match command {
        LiveCommand::Pull(PullArgs { keys, reason, reference, purpose, alone, output }) => {
            act(place, output, &Ask::Pull { keys, reason: reason.into(), reference, purpose, alone }, ends)
        }
        LiveCommand::Return(ReturnArgs { keys, output }) => act(place, output, &Ask::Return { keys }, ends),
        LiveCommand::Cancel(CancelArgs { output }) => act(place, output, &Ask::Cancel, ends),
        LiveCommand::Open(OpenArgs { user: Some(user), reason: Some(why), door, cancel: false, output }) => {
            act(place, output, &Ask::Open { user: user.into(), door: door.map(DoorNo), why }, ends)
        }
        LiveCommand::Open(OpenArgs { output, .. }) => act(place, output, &Ask::CallOff, ends),
        LiveCommand::Declare(DeclareArgs { slot, key, output }) => {
            act(place, output, &Ask::Declare { slot: SlotNo(slot), key }, ends)
        }
        LiveCommand::Alarm(AlarmArgs { command }) => match command {
            AlarmCommand::List { output } => {
                show(place, output, Client::status, |seen| serde_json::to_string(&seen.alarms), alarms, ends)
            }
            AlarmCommand::Ack { alarm, output } => {
                act(place, output, &Ask::AlarmAcknowledge { alarm: AlarmId(alarm) }, ends)
            }
            AlarmCommand::Countersign { alarm, by, output } => {
                act(place, output, &Ask::Countersign { alarm: AlarmId(alarm), by: by.into() }, ends)
            }
        },
        LiveCommand::Status(StatusArgs { follow: true, output }) => follow(place, output, ends),
        LiveCommand::Status(StatusArgs { follow: false, output }) => {
            show(place, output, Client::status, serde_json::to_string, status, ends)
        }
        LiveCommand::Keymap(KeymapArgs { output }) => {
            show(place, output, Client::keymap, serde_json::to_string, keymap, ends)
        }
    }
}

/// Asks for something and says how it went.
pub(super) fn act(place: &Place, output: Output, ask: &Ask, ends: &mut Ends<'_>) -> u8 {
    let answer = match Client::connect(&place.run_dir).and_then(|mut client| client.ask(&new_request_key(), ask)) {
        Ok(answer) => answer,
        Err(error) => return ends.failed(output, &error),
    };
    if output.json {
        ends.say(&serde_json::to_string(&answer).expect(SERIALISES));
    }
    match &answer {
        _ if output.json => {}
        Answer::Done { text, .. } => {
            ends.say(&words::clean(text));
        }
        Answer::Difference { lines, applied } => {
            let last = if *applied { "Done." } else { "Nothing was changed: this was a dry run." };
            let lines = lines.iter().map(|line| words::clean(&line.to_string()) + "\n").collect::<String>();
            ends.say(&(lines + last));
        }
        Answer::Refused(denial) => ends.complain(&format!("refused: {denial}")),
        Answer::Problems(problems) => problems.iter().for_each(|problem| ends.complain(problem)),
    }
    match &answer {
        Answer::Done { .. } | Answer::Difference { .. } => DONE,
        refused if denied::is_of_the_role(refused) => NOT_PERMITTED,
        Answer::Refused(_) | Answer::Problems(_) => REFUSED,
    }
}

const SERIALISES: &str = "texts, numbers and lists always serialise";

/// Reads the state and shows it.
pub(super) fn show(
    place: &Place,
    output: Output,
    read: fn(&mut Client) -> Result<Snapshot, ClientError>,
    json: impl Fn(&Snapshot) -> serde_json::Result<String>,
    text: impl Fn(&Snapshot, &View) -> String,
    ends: &mut Ends<'_>,
) -> u8 {
    match Client::connect(&place.run_dir).and_then(|mut client| read(&mut client)) {
        Ok(seen) => {
            let json = || json(&seen).expect(SERIALISES);
            let shown = if output.json { json() } else { text(&seen, &view(place, output, &seen, ends.is_terminal)) };
            ends.say(shown.trim_end());
            DONE
        }
        Err(error) => ends.failed(output, &error),
    }
}

fn follow(place: &Place, output: Output, ends: &mut Ends<'_>) -> u8 {
    let followed = match Client::connect(&place.run_dir).and_then(Client::follow) {
        Ok(followed) => followed,
        Err(error) => return ends.failed(output, &error),
    };
    for seen in followed {
        let text = match seen {
            Ok(seen) if output.json => serde_json::to_string(&seen).expect(SERIALISES),
            Ok(seen) => {
                let clear = if ends.is_terminal { "\u{1b}[H\u{1b}[2J" } else { "" };
                format!("{clear}{}", status(&seen, &view(place, output, &seen, ends.is_terminal)))
            }
            Err(error) => return ends.failed(output, &error),
        };
        if !ends.say(&text) {
            break;
        }
    }
    DONE
}

fn view(place: &Place, output: Output, seen: &Snapshot, is_terminal: bool) -> View {
    View {
        paint: output.paint(is_terminal),
        zone: words::zone(place.time_zone.as_deref()),
        age_ms: age_ms(seen),
        columns: columns(is_terminal),
    }
}

/// How old the snapshot is. The daemon runs on this machine, so its boot clock is ours, unless it simulates a machine of its own.
fn age_ms(seen: &Snapshot) -> u64 {
    let Ok(now) = Clock::new(None).map(|clock| clock.now()) else { return 0 };
    if now.boot == seen.as_of.boot {
        return now.mono.since_ms(seen.as_of.mono);
    }
    u64::try_from(now.wall.0.saturating_sub(seen.as_of.wall.0)).unwrap_or(0)
}

impl Output {
    /// What may be printed to standard output, which is a terminal or not.
    pub(super) fn paint(self, is_terminal: bool) -> Paint {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let colour = match self.color {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => {
                let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
                is_terminal && !is_set("NO_COLOR") && !is_dumb
            }
        };
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find(|name| is_set(name));
        let locale = locale.and_then(|name| std::env::var(name).ok()).unwrap_or_default().to_ascii_lowercase();
        Paint { colour, ascii: !(locale.contains("utf-8") || locale.contains("utf8")) }
    }
}

/// How wide standard output is, and 80 where it is no terminal.
pub(super) fn columns(is_terminal: bool) -> usize {
    const NARROWEST: usize = 40;
    if !is_terminal {
        return words::COLUMNS;
    }
    match rustix::termios::tcgetwinsize(std::io::stdout()) {
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col).max(NARROWEST),
        Ok(_) | Err(_) => words::COLUMNS,
    }
}

impl Ends<'_> {
    /// Prints a text; says whether anybody still reads.
    pub(super) fn say(&mut self, text: &str) -> bool {
        writeln!(self.out, "{text}").and_then(|()| self.out.flush()).is_ok()
    }

    pub(super) fn complain(&mut self, text: &str) {
        // Nobody is left to be told that telling failed.
        let _ = writeln!(self.err, "cabinetd: {}", words::clean(text));
    }

    /// The same for a text of several lines.
    pub(super) fn complain_lines(&mut self, text: &str) {
        text.lines().for_each(|line| self.complain(line));
    }

    pub(super) fn failed(&mut self, output: Output, error: &ClientError) -> u8 {
        let text = error.to_string();
        if output.json {
            self.say(&serde_json::json!({ "error": { "text": text } }).to_string());
        }
        self.complain(&text);
        match error {
            ClientError::NoPermission { .. } | ClientError::Refused { code: ErrorCode::RoleNeeded, .. } => {
                NOT_PERMITTED
            }
            ClientError::Refused { code: ErrorCode::BadRequest, .. } => REFUSED,
            ClientError::Refused {
                code: ErrorCode::Busy | ErrorCode::InProgress | ErrorCode::NoAnswer | ErrorCode::Idle,
                ..
            }
            | ClientError::NoDaemon(_)
            | ClientError::TimedOut
            | ClientError::Lost
            | ClientError::NotUnderstood
            | ClientError::Io { .. } => NO_ANSWER,
        }
    }
}

#[cfg(test)]
mod tests;
