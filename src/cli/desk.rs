//! What the roster commands share: the cabinet they ask, the terminal they speak on, their exit codes.
//!
//! Everything outside comes in as a value ([`Desk`]), so that each command can be tried against a cabinet that is not there.
//!
//! PINs are made or read here and travel in clear over the local socket, once: the pepper is the daemon's, so the daemon hashes. They are never an
//! argument (every account could see it in the list of processes) and are printed once, when the daemon has taken them.

mod socket;

pub use socket::Socket;

use crate::cabinet::event;
use crate::cabinet::outcome::{Answer, Denial};
use crate::cabinet::roster::{Difference, Key, Roster, User};
use crate::cabinet::types::{Pin, UserId};
use crate::io::control::wire::SignedFile;
use crate::io::roster_file::Problem;
use jiff::tz::TimeZone;
use rustix::termios::{self, LocalModes, OptionalActions, Termios};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{self, BufRead as _, IsTerminal as _, Write};
use std::process::ExitCode;
use zeroize::{Zeroize as _, Zeroizing};

/// For `--help` of every command here.
pub const EXIT_CODES: &str = "Exit codes: 0 done; 1 refused by the cabinet; 2 wrong command line; 3 a file or value is wrong, nothing was changed; \
4 no answer from the daemon (if it was asked, it may have been done); 5 not permitted.";

/// What is asked of the daemon: the core's asks as they are, and those with digits that the daemon hashes first.
#[derive(Clone, PartialEq, Debug)]
pub enum LocalAsk {
    Core(event::Ask),
    /// A new PIN, a new duress PIN, or both; what is not given stays.
    SetPin {
        user: UserId,
        pin: Option<Pin>,
        duress: Option<Pin>,
    },
    /// `by` vouches for `user` with a code for one entry.
    Vouch {
        user: UserId,
        by: UserId,
        code: Pin,
        for_minutes: u32,
    },
    /// A code with which `user` chooses a PIN at the cabinet.
    Enrol {
        user: UserId,
        code: Pin,
        for_minutes: u32,
    },
    /// A signed roster as it stands in its file.
    TakeRoster {
        name: String,
        signed: SignedFile,
        dry_run: bool,
    },
}

/// The roster as the daemon tells it, without hashes.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Listing {
    pub roster: Roster,
    /// Badges, logins and tags were left out. The daemon keeps them when this account sends an entry back without them.
    pub codes_withheld: bool,
    pub without_pin: BTreeSet<UserId>,
}

/// The daemon, as these commands need it. It connects when it is first asked, so that a bad file is told without a daemon.
pub trait Asking {
    /// Asks once (the idempotency key is the implementation's).
    ///
    /// # Errors
    /// No answer, or a request that did not reach the core; in words with the remedy.
    fn ask(&mut self, ask: &LocalAsk) -> Result<Answer, Failure>;

    /// The roster of this moment.
    ///
    /// # Errors
    /// No answer, or a request that did not reach the core; in words with the remedy.
    fn roster(&mut self) -> Result<Listing, Failure>;
}

/// Where a PIN that a person chooses comes from.
pub trait PinSource {
    /// Asks for it, twice if a person is there who may mistype.
    ///
    /// # Errors
    /// Nothing was typed, or two different things, in words.
    fn read(&mut self, what: &str) -> Result<Pin, String>;

    /// Asks a person whether something is to be done; none: nobody is there to be asked.
    fn agrees(&mut self, question: &str) -> Option<bool>;
}

/// What a command works with.
pub struct Desk<'a> {
    pub cabinet: &'a mut dyn Asking,
    pub pins: &'a mut dyn PinSource,
    /// The site's time zone, for dates.
    pub zone: TimeZone,
    pub out: &'a mut dyn Write,
    pub err: &'a mut dyn Write,
}

impl std::fmt::Debug for Desk<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Desk(…)")
    }
}

/// Why a command did not do what it was told.
#[derive(Debug)]
pub enum Failure {
    /// The cabinet said no.
    Refused(Denial),
    /// The cabinet said what is wrong.
    Problems(Vec<String>),
    /// Files are wrong, and what the cabinet said of the rest; nothing was changed.
    Files(Vec<Problem>, Vec<String>),
    /// What would have changed, and why it does not.
    Difference(Vec<Difference>, Box<Self>),
    /// A value is wrong, or several, one a line; nothing was sent.
    Value(String),
    /// The daemon did not answer.
    NoAnswer(String),
    /// This account may not.
    NotPermitted(String),
    /// The output could not be written.
    Output(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl Failure {
    const fn code(&self) -> u8 {
        match self {
            Self::NotPermitted(_) | Self::Refused(Denial::RoleNeeded { .. }) => super::denied::NOT_PERMITTED,
            Self::Refused(_) | Self::Problems(_) => 1,
            Self::Difference(_, why) => why.code(),
            Self::Files(..) | Self::Value(_) | Self::Output(_) => 3,
            Self::NoAnswer(_) => 4,
        }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        match self {
            Self::Refused(denial) => vec![denial.to_string()],
            Self::Problems(problems) => problems.clone(),
            Self::Files(problems, more) => {
                problems.iter().map(Problem::to_string).chain(more.iter().cloned()).collect()
            }
            Self::Difference(_, why) => why.lines(),
            Self::Value(text) => text.lines().map(str::to_owned).collect(),
            Self::NoAnswer(text) | Self::NotPermitted(text) => vec![text.clone()],
            Self::Output(error) => vec![format!("cannot write the output: {error}")],
        }
    }
}

impl Desk<'_> {
    /// Ends a command: what went wrong goes to standard error, or as JSON to standard output.
    pub fn finish(&mut self, done: Result<(), Failure>, as_json: bool) -> ExitCode {
        let Err(failure) = done else { return ExitCode::SUCCESS };
        let lines = failure.lines();
        let written = if as_json {
            let mut told = json!({ "ok": false, "code": failure.code(), "problems": lines });
            if let Failure::Difference(difference, _) = &failure {
                told["difference"] = json!(difference);
            }
            self.json(&told)
        } else {
            if let Failure::Difference(difference, _) = &failure {
                let told = difference.iter().try_for_each(|line| writeln!(self.out, "{line}"));
                let told = told.and_then(|()| writeln!(self.out, "{}, refused:", changes(difference.len())));
                // The reasons are told even if this could not be.
                let _ = told.and_then(|()| self.out.flush());
            }
            lines.iter().try_for_each(|line| writeln!(self.err, "cabinetd: {line}").map_err(Failure::from))
        };
        // Nobody is left to be told that telling failed.
        drop(written);
        ExitCode::from(failure.code())
    }

    /// Asks; a refusal is a failure.
    pub fn ask(&mut self, ask: &LocalAsk) -> Result<Answer, Failure> {
        match self.cabinet.ask(ask)? {
            Answer::Refused(denial) => Err(Failure::Refused(denial)),
            Answer::Problems(problems) => Err(Failure::Problems(problems)),
            answer => Ok(answer),
        }
    }

    /// The roster as it is.
    pub fn roster(&mut self) -> Result<Listing, Failure> {
        self.cabinet.roster()
    }

    /// The roster, if it holds what a file needs, or what an edit takes away.
    ///
    /// # Errors
    /// Badge numbers and tags are not shown to this account, and it `needs_codes`.
    pub fn roster_with(&mut self, needs_codes: bool) -> Result<Listing, Failure> {
        let listing = self.roster()?;
        if needs_codes && listing.codes_withheld {
            return Err(Failure::NotPermitted(
                "this account does not see badge numbers and tags, so it can neither write them to a file nor take them away; an account \
                 with the role admin can ([accounts] in the config)"
                    .to_owned(),
            ));
        }
        Ok(listing)
    }

    /// Sends a change of the roster.
    pub fn change(&mut self, change: crate::cabinet::roster::RosterChange, dry_run: bool) -> Result<Answer, Failure> {
        self.ask(&LocalAsk::Core(event::Ask::ChangeRoster { change, dry_run }))
    }

    /// Says what the cabinet answered; `more` joins the JSON.
    pub fn say(&mut self, answer: &Answer, as_json: bool, more: Value) -> Result<(), Failure> {
        if as_json {
            let mut told = match answer {
                Answer::Done { text, seq } => json!({ "ok": true, "text": text, "seq": seq }),
                Answer::Difference { lines, applied } => json!({ "ok": true, "applied": applied, "difference": lines }),
                Answer::Refused(_) | Answer::Problems(_) => json!({ "ok": false }),
            };
            if let (Value::Object(told), Value::Object(more)) = (&mut told, more) {
                told.extend(more);
            }
            return self.json(&told);
        }
        match answer {
            Answer::Done { text, .. } => writeln!(self.out, "{text}")?,
            Answer::Difference { lines, applied } => {
                for line in lines {
                    writeln!(self.out, "{line}")?;
                }
                match (lines.is_empty(), applied) {
                    (true, _) => writeln!(self.out, "nothing to change")?,
                    (false, true) => writeln!(self.out, "done: {}", changes(lines.len()))?,
                    (false, false) => writeln!(self.out, "{}; nothing was changed yet", changes(lines.len()))?,
                }
            }
            Answer::Refused(_) | Answer::Problems(_) => {}
        }
        Ok(())
    }

    /// One line of JSON.
    pub fn json(&mut self, value: &Value) -> Result<(), Failure> {
        Ok(writeln!(self.out, "{value}")?)
    }
}

/// One user or key, a field a line, without those that say nothing.
pub(super) fn show(desk: &mut Desk<'_>, told: &Value, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return desk.json(told);
    }
    let list = |items: &[Value]| items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; ");
    for (field, value) in told.as_object().into_iter().flatten() {
        let text = match value {
            Value::Null => continue,
            Value::Bool(flag) => if *flag { "yes" } else { "no" }.to_owned(),
            Value::String(text) => text.clone(),
            Value::Array(items) => list(items),
            other => other.to_string(),
        };
        if !text.is_empty() {
            writeln!(desk.out, "{:15} {text}", field.replace('_', " "))?;
        }
    }
    Ok(())
}

/// The user of that id.
pub fn user_of<'a>(listing: &'a Listing, id: &str) -> Result<&'a User, Failure> {
    listing
        .roster
        .users
        .get(&UserId::from(id))
        .ok_or_else(|| Failure::Refused(Denial::UserUnknown { user: UserId::from(id) }))
}

/// The key of that id or label.
pub fn key_of<'a>(listing: &'a Listing, text: &str) -> Result<&'a Key, Failure> {
    listing.roster.find_key(text).ok_or_else(|| Failure::Refused(Denial::KeyUnknown { key: text.to_owned() }))
}

/// PINs from the terminal without echo, or from standard input when something is piped in.
#[derive(Debug, Default)]
pub struct Terminal;

impl PinSource for Terminal {
    fn read(&mut self, what: &str) -> Result<Pin, String> {
        let input = io::stdin();
        if !termios::isatty(&input) {
            return read_line(&input).map(|line| Pin::new(line.trim()));
        }
        let _silence = Silence::on(&input)?;
        let mut typed = [Zeroizing::new(String::new()), Zeroizing::new(String::new())];
        for (line, prompt) in typed.iter_mut().zip([format!("{what}: "), "Again: ".to_owned()]) {
            eprint!("{prompt}");
            *line = read_line(&input)?;
        }
        if typed[0].trim() == typed[1].trim() {
            Ok(Pin::new(typed[0].trim()))
        } else {
            Err("the two were not the same; nothing was changed, try again".to_owned())
        }
    }

    fn agrees(&mut self, question: &str) -> Option<bool> {
        asked(question).unwrap_or(None)
    }
}

/// A question with yes or no, on the terminal. None: nobody is there to be asked.
///
/// # Errors
/// The terminal cannot be read or written.
pub fn asked(question: &str) -> io::Result<Option<bool>> {
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    let mut err = io::stderr().lock();
    write!(err, "{question} [y/N] ").and_then(|()| err.flush())?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(Some(matches!(answer.trim(), "y" | "Y" | "yes")))
}

/// A line, byte by byte: a buffer would keep the digits.
fn read_line(input: &io::Stdin) -> Result<Zeroizing<String>, String> {
    const LONGEST_BYTES: usize = 64;
    let mut line = Zeroizing::new(String::with_capacity(LONGEST_BYTES));
    let mut byte = [0_u8; 1];
    while line.len() < LONGEST_BYTES {
        match rustix::io::read(input, &mut byte) {
            Ok(0) => break,
            Ok(_) if byte[0] == b'\n' => break,
            Ok(_) => line.push(char::from(byte[0])),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(format!("cannot read standard input: {error}")),
        }
    }
    byte.zeroize();
    if line.trim().is_empty() { Err("nothing was typed; nothing was changed".to_owned()) } else { Ok(line) }
}

fn changes(number: usize) -> String {
    format!("{number} change{}", if number == 1 { "" } else { "s" })
}

/// The terminal does not show what is typed, until this is dropped.
struct Silence<'a> {
    input: &'a io::Stdin,
    before: Termios,
}

impl<'a> Silence<'a> {
    fn on(input: &'a io::Stdin) -> Result<Self, String> {
        let loud = |error| format!("cannot stop the terminal from showing the PIN ({error}); pipe it in instead");
        let before = termios::tcgetattr(input).map_err(loud)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        silent.local_modes.insert(LocalModes::ECHONL);
        termios::tcsetattr(input, OptionalActions::Flush, &silent).map_err(loud)?;
        Ok(Self { input, before })
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(self.input, OptionalActions::Now, &self.before);
    }
}

#[cfg(test)]
pub(super) mod fake;
#[cfg(test)]
mod tests;
