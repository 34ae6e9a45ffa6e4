//! The control socket: how accounts of the operating system reach the daemon.
//!
//! A Unix stream socket, `control.sock` in the run directory, mode 0660. One JSON line asks, one JSON line answers
//! ([`wire`]); `follow` answers with a line per changed snapshot. Who asks is attested by the kernel (peer credentials), which
//! role that is comes from the account's groups ([`peer`]); what the role may do is the core's decision.
//!
//! Promises:
//! - Bounded: 16 connections (the last two for root and the daemon's own account), lines of 4 MiB (64 KiB for accounts without a
//!   role), one request at a time per connection, 30 s for a whole line, 10 s for an answer. Nobody can hold the daemon up: a full
//!   queue is answered with "busy".
//! - A read is answered from the published snapshot and roster, never from the live core; records, for managers, by whoever reads the ledger.
//! - A request keeps the caller's idempotency key. Asked again after a lost answer, it is done once.
//! - PIN digits travel in a [`Pin`] from the line to the hashing and are in no log, no error and no answer.
//!
//! It does not decide, hash or record anything.

mod client;
pub mod peer;
mod server;
mod socket;
pub mod wire;

pub use client::{Client, ClientError, Followed, new_request_key};
pub use server::{Accounts, Limits, Listener, Ports};
pub use socket::{ControlError, SOCKET_NAME, Setup};

use crate::cabinet::event::{Ask, Event};
use crate::cabinet::outcome::Answer;
use crate::cabinet::types::{Origin, Pin, Role, UserId};
use tokio::sync::oneshot;
use wire::{Page, SignedFile, Wanted};

/// An event for the daemon's queue, and where its answer goes.
#[derive(Debug)]
pub struct Inbound {
    pub event: Event,
    pub reply: Option<oneshot::Sender<Answer>>,
}

/// A look at records, and where what is seen goes; or why nothing is, in words.
#[derive(Debug)]
pub struct Looked {
    pub wanted: Wanted,
    pub reply: oneshot::Sender<Result<Page, String>>,
}

/// A request that takes work before the core can see it, digits to be hashed or a signature to be looked at: the daemon does that off its loop,
/// then queues [`Unhashed::into_inbound`].
#[derive(Debug)]
pub struct Unhashed {
    pub origin: Origin,
    pub role: Option<Role>,
    pub ask: LocalAsk,
    pub reply: oneshot::Sender<Answer>,
}

/// What is asked for with plain digits, or with a signed file. Digits are 4 to 8 digits; whether they are good ones is for the hashing to judge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LocalAsk {
    /// A new PIN, a new duress PIN, or both; the one that is not given stays. At least one is given.
    SetPin { user: UserId, pin: Option<Pin>, duress: Option<Pin> },
    /// `by` vouches for `user` with a code for one entry.
    Vouch { user: UserId, by: UserId, code: Pin, for_minutes: u32 },
    /// A code with which somebody chooses a PIN at the cabinet.
    Enrol { user: UserId, code: Pin, for_minutes: u32 },
    /// A signed roster as it was brought, by the name of its file.
    TakeRoster { name: String, signed: SignedFile, dry_run: bool },
}

impl Unhashed {
    /// The event, with what became of it in place of the digits or the file. Digits are wiped.
    #[must_use]
    pub fn into_inbound(self, ask: Ask) -> Inbound {
        let request = crate::cabinet::event::Request { origin: self.origin, role: self.role, ask };
        Inbound { event: Event::Requested(request), reply: Some(self.reply) }
    }
}
