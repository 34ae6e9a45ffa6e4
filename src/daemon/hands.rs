//! The hands: they perform commands, one hardware command after the other, and say how each ended.
//!
//! The loop never waits for them. Hardware that hangs fills a bounded queue, and what does not fit has failed. A PIN is hashed on a
//! thread of its own, whose memory goes with it.

use crate::cabinet::event::Event;
use crate::cabinet::outcome::{Action, Command, CommandResult};
use crate::cabinet::types::{CommandId, Level, Output};
use crate::io::credentials::Pepper;
use crate::io::credentials::pin::check_pin;
use crate::io::sim::lines::{LineError, Outputs};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Hardware commands on their way.
const ORDERS: usize = 128;

/// Performs commands; their ends come back as events.
#[derive(Debug)]
pub struct Hands {
    orders: mpsc::Sender<(CommandId, Action)>,
    done: mpsc::Sender<Event>,
    pepper: Arc<Pepper>,
}

impl Hands {
    /// Starts the hands on the current runtime.
    #[must_use]
    pub fn start(outputs: Outputs, pepper: Arc<Pepper>, done: mpsc::Sender<Event>) -> Self {
        let (orders, mut wanted) = mpsc::channel::<(CommandId, Action)>(ORDERS);
        let ends = done.clone();
        tokio::spawn(async move {
            while let Some((id, action)) = wanted.recv().await {
                let tells_its_end = matters(&action);
                let result = match drive(&outputs, action).await {
                    Ok(()) => CommandResult::Done,
                    Err(LineError::Lost | LineError::NoAnswer) => CommandResult::Unknown,
                    Err(error) => {
                        tracing::warn!(%error, command = id.0, "an output was not driven");
                        CommandResult::Failed(error.to_string())
                    }
                };
                // A light or a word ends unnoticed: nothing hangs on it.
                if tells_its_end && ends.send(Event::CommandDone { id, result }).await.is_err() {
                    return;
                }
            }
        });
        Self { orders, done, pepper }
    }

    /// Begins a command that is not a reply. Never waits.
    pub fn perform(&self, command: Command) {
        let Command { id, action, .. } = command;
        match action {
            Action::CheckPin { pin, hash, .. } => {
                let (done, pepper) = (self.done.clone(), Arc::clone(&self.pepper));
                tokio::task::spawn_blocking(move || {
                    let result = match check_pin(&pepper, &pin, &hash) {
                        Ok(verdict) => CommandResult::Pin(verdict),
                        Err(error) => CommandResult::Failed(error.to_string()),
                    };
                    // The loop is gone when the process ends: then nobody waits for it either.
                    let _ = done.blocking_send(Event::CommandDone { id, result });
                });
            }
            action => {
                let tells_its_end = matters(&action);
                if self.orders.try_send((id, action)).is_err() && tells_its_end {
                    tracing::error!(command = id.0, "the hardware does not keep up; the command was not begun");
                    let result = CommandResult::Failed("the hardware does not keep up".into());
                    // When this queue is full as well, the command's deadline tells the core.
                    let _ = self.done.try_send(Event::CommandDone { id, result });
                }
            }
        }
    }
}

/// Whether the core waits for the end of such a command.
const fn matters(action: &Action) -> bool {
    match action {
        Action::Unlock { .. } | Action::CheckPin { .. } => true,
        Action::Relock { .. }
        | Action::Unlatch { .. }
        | Action::Relatch { .. }
        | Action::Light { .. }
        | Action::Sound(_)
        | Action::Show(_)
        | Action::Reply { .. } => false,
    }
}

async fn drive(outputs: &Outputs, action: Action) -> Result<(), LineError> {
    match action {
        Action::Unlock { door, for_ms } => outputs.set(Output::Lock(door), Level::Active, Some(for_ms)).await,
        Action::Relock { door } => outputs.set(Output::Lock(door), Level::Inactive, None).await,
        Action::Unlatch { slot, for_ms } => outputs.set(Output::Latch(slot), Level::Active, Some(for_ms)).await,
        Action::Relatch { slot } => outputs.set(Output::Latch(slot), Level::Inactive, None).await,
        Action::Light { slot, on } => {
            let level = if on { Level::Active } else { Level::Inactive };
            outputs.set(Output::Led(slot), level, None).await
        }
        Action::Sound(sound) => outputs.sound(sound).await,
        Action::Show(message) => outputs.show(message).await,
        // Not for these hands: the loop hashes and answers.
        Action::CheckPin { .. } | Action::Reply { .. } => Ok(()),
    }
}
