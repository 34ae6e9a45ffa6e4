//! The daemon, through its control socket.

use super::super::denied::is_denial;
use super::{Asking, Failure, Listing, LocalAsk};
use crate::cabinet::event::{Ask, Pull};
use crate::cabinet::outcome::Answer;
use crate::io::control::wire::{self, Digits, ErrorCode};
use crate::io::control::{Client, ClientError, new_request_key};
use std::path::PathBuf;

/// Connects to the daemon when it is first asked.
#[derive(Debug)]
pub struct Socket {
    run_dir: PathBuf,
    client: Option<Client>,
}

impl Socket {
    /// The daemon whose run directory this is.
    #[must_use]
    pub const fn new(run_dir: PathBuf) -> Self {
        Self { run_dir, client: None }
    }

    fn client(&mut self) -> Result<&mut Client, Failure> {
        let client = match self.client.take() {
            Some(client) => client,
            None => Client::connect(&self.run_dir).map_err(failure)?,
        };
        Ok(self.client.insert(client))
    }
}

impl Asking for Socket {
    fn ask(&mut self, ask: &LocalAsk) -> Result<Answer, Failure> {
        let ask = on_the_wire(ask)?;
        self.client()?.ask(&new_request_key(), &ask).map_err(failure)
    }

    fn roster(&mut self) -> Result<Listing, Failure> {
        let view = self.client()?.roster().map_err(failure)?;
        let (codes_withheld, without_pin) = (view.codes_withheld, view.without_pin.clone());
        Ok(Listing { roster: view.into_roster(), codes_withheld, without_pin })
    }
}

fn failure(error: ClientError) -> Failure {
    match error {
        denied if is_denial(&denied) => Failure::NotPermitted(denied.to_string()),
        ClientError::Refused { code: ErrorCode::BadRequest, .. } => Failure::Problems(vec![error.to_string()]),
        other => Failure::NoAnswer(other.to_string()),
    }
}

fn on_the_wire(ask: &LocalAsk) -> Result<wire::Ask, Failure> {
    let digits = |pin: &Option<_>| pin.clone().map(Digits);
    Ok(match ask {
        LocalAsk::SetPin { user, pin, duress } => {
            wire::Ask::SetPin { user: user.clone(), pin: digits(pin), duress: digits(duress) }
        }
        LocalAsk::Vouch { user, by, code, for_minutes } => wire::Ask::Vouch {
            user: user.clone(),
            by: by.clone(),
            code: Digits(code.clone()),
            for_minutes: *for_minutes,
        },
        LocalAsk::Enrol { user, code, for_minutes } => {
            wire::Ask::Enrol { user: user.clone(), code: Digits(code.clone()), for_minutes: *for_minutes }
        }
        LocalAsk::TakeRoster { name, signed, dry_run } => {
            wire::Ask::TakeRoster { name: name.clone(), signed: signed.clone(), dry_run: *dry_run }
        }
        LocalAsk::Core(ask) => match ask.clone() {
            Ask::Pull(Pull { keys, reason, reference, purpose, alone }) => {
                wire::Ask::Pull { keys, reason, reference, purpose, alone }
            }
            Ask::Return { keys } => wire::Ask::Return { keys },
            Ask::Cancel => wire::Ask::Cancel,
            Ask::Declare { slot, key } => wire::Ask::Declare { slot, key },
            Ask::AlarmAcknowledge { alarm } => wire::Ask::AlarmAcknowledge { alarm },
            Ask::Countersign { alarm, by } => wire::Ask::Countersign { alarm, by },
            Ask::ChangeRoster { change, dry_run } => {
                wire::Ask::ChangeRoster { change: wire::Change::from(&change), dry_run }
            }
            Ask::KeyLife { key, step, note } => wire::Ask::KeyLife { key, step, note },
            Ask::TellOutage(told) => wire::Ask::TellOutage(told),
            Ask::OrderPower(order) => wire::Ask::OrderPower(order),
            Ask::BatteryReplaced => wire::Ask::BatteryReplaced,
            Ask::Open { user, door, why } => wire::Ask::Open { user, door, why },
            Ask::CallOff => wire::Ask::CallOff,
            Ask::RetryUpstream => wire::Ask::RetryUpstream,
            Ask::Drill(step) => wire::Ask::Drill(step),
            Ask::SetPin { .. } | Ask::Vouch { .. } | Ask::Enrol { .. } | Ask::TakeRoster { .. } => {
                let why = "a hash and a verdict are the daemon's to make: send the digits, or the file";
                return Err(Failure::Value(why.to_owned()));
            }
        },
    })
}
