//! A cabinet that is not there: it keeps a roster and hashes, and remembers what it was asked.

use super::{Asking, Desk, Failure, Listing, LocalAsk, PinSource};
use crate::cabinet::event::Ask;
use crate::cabinet::outcome::{Answer, Denial};
use crate::cabinet::roster::Roster;
use crate::cabinet::types::{Pin, SlotNo, UserId};
use crate::io::credentials::Pepper;
use crate::io::credentials::pin::set_pin;
use jiff::tz::TimeZone;
use std::collections::{BTreeSet, VecDeque};
use std::process::ExitCode;

/// As much of a cabinet as the commands can tell.
#[derive(Default)]
pub struct Fake {
    pub roster: Roster,
    pub asked: Vec<LocalAsk>,
    pub codes_withheld: bool,
    /// Nobody makes a code for this person.
    pub dismissed: Option<UserId>,
    /// After so many asks the daemon is gone.
    pub dies_after: Option<usize>,
    /// What is typed when a PIN is asked for.
    pub typed: VecDeque<Result<Pin, String>>,
    /// Who is there when there is a question, and what they answer.
    pub agrees: Option<bool>,
}

impl Asking for Fake {
    fn ask(&mut self, ask: &LocalAsk) -> Result<Answer, Failure> {
        if self.dies_after.is_some_and(|asks| self.asked.len() >= asks) {
            return Err(Failure::NoAnswer("no cabinetd answers".to_owned()));
        }
        self.asked.push(ask.clone());
        let slots: BTreeSet<SlotNo> = (1..=24).map(SlotNo).collect();
        Ok(match ask {
            LocalAsk::Enrol { user, .. } if self.dismissed.as_ref() == Some(user) => {
                return Err(Failure::Refused(Denial::Revoked));
            }
            LocalAsk::Core(Ask::ChangeRoster { change, dry_run }) => {
                let mut change = change.clone();
                if self.codes_withheld {
                    change.keep_codes(&self.roster);
                }
                match self.roster.after(&change, &slots) {
                    Err(problems) => Answer::Problems(problems),
                    Ok((next, lines)) => {
                        let applied = !dry_run && !lines.is_empty();
                        if applied {
                            self.roster = next;
                        }
                        Answer::Difference { lines, applied }
                    }
                }
            }
            LocalAsk::SetPin { user, pin, duress } => {
                let Some(person) = self.roster.users.get_mut(user) else {
                    return Ok(Answer::Refused(Denial::UserUnknown { user: user.clone() }));
                };
                match set_pin(&Pepper::new([7; 32]), person.pin.as_ref(), pin.as_ref(), duress.as_ref()) {
                    Ok(hash) => person.pin = Some(hash),
                    Err(error) => return Ok(Answer::Problems(vec![error.to_string()])),
                }
                Answer::Done { text: format!("the PIN of {} is set", person.name), seq: 7 }
            }
            LocalAsk::Core(_) | LocalAsk::Vouch { .. } | LocalAsk::Enrol { .. } | LocalAsk::TakeRoster { .. } => {
                Answer::Done { text: "done".to_owned(), seq: 7 }
            }
        })
    }

    fn roster(&mut self) -> Result<Listing, Failure> {
        if self.dies_after == Some(0) {
            return Err(Failure::NoAnswer("no cabinetd answers".to_owned()));
        }
        let without_pin = self.roster.users.values().filter(|user| user.pin.is_none()).map(|user| user.id.clone());
        let without_pin: BTreeSet<UserId> = without_pin.collect();
        let mut roster = self.roster.clone();
        for user in roster.users.values_mut() {
            user.pin = None;
            if self.codes_withheld {
                (user.badge, user.login) = (None, None);
            }
        }
        Ok(Listing { roster, codes_withheld: self.codes_withheld, without_pin })
    }
}

struct Typed(VecDeque<Result<Pin, String>>, Option<bool>);

impl PinSource for Typed {
    fn read(&mut self, _: &str) -> Result<Pin, String> {
        self.0.pop_front().unwrap_or_else(|| Err("nothing was typed".to_owned()))
    }

    fn agrees(&mut self, _: &str) -> Option<bool> {
        self.1
    }
}

/// What a command did: exit code, standard output, standard error.
#[derive(Debug)]
pub struct Run {
    pub code: ExitCode,
    pub out: String,
    pub err: String,
}

impl Run {
    /// The first line of its output, as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.out.lines().next().unwrap_or_default()).unwrap()
    }
}

impl Fake {
    /// A fake with the sample roster.
    pub fn sample() -> Self {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/roster-sample.toml");
        let file = crate::io::roster_file::read(&[file], &TimeZone::UTC).unwrap();
        let slots = (1..=24).map(SlotNo).collect();
        let (roster, _) = Roster::default().after(&file.into_change(&Roster::default()), &slots).unwrap();
        Self { roster, ..Self::default() }
    }

    /// Runs a command line (`user list --json`) against it.
    pub fn run(&mut self, line: &[&str]) -> Run {
        use clap::{FromArgMatches as _, Subcommand as _};
        let command = |augment: fn(clap::Command) -> clap::Command| {
            augment(clap::Command::new("cabinetd")).try_get_matches_from(line)
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut typed = Typed(std::mem::take(&mut self.typed), self.agrees);
        let mut desk = Desk { cabinet: self, pins: &mut typed, zone: TimeZone::UTC, out: &mut out, err: &mut err };
        let code = match line[0] {
            "roster" => {
                let found = command(crate::cli::roster::RosterCommand::augment_subcommands).unwrap();
                crate::cli::roster::run(crate::cli::roster::RosterCommand::from_arg_matches(&found).unwrap(), &mut desk)
            }
            "user" => {
                let found = command(crate::cli::user::UserCommand::augment_subcommands).unwrap();
                crate::cli::user::run(crate::cli::user::UserCommand::from_arg_matches(&found).unwrap(), &mut desk)
            }
            _ => {
                let found = command(crate::cli::key::KeyCommand::augment_subcommands).unwrap();
                crate::cli::key::run(crate::cli::key::KeyCommand::from_arg_matches(&found).unwrap(), &mut desk)
            }
        };
        Run { code, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
    }
}
