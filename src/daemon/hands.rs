//! The hands: they perform commands and say how each ended.
//!
//! One hand drives relays, the other lights, sounds and words; each does one command after the other. So a slow display never stands
//! between the record and the lock, nor between an open door and its relock. The loop never waits for them. Hardware that hangs fills a
//! bounded queue, and what does not fit has failed. A PIN is hashed on a thread of its own, whose memory goes with it.

use crate::cabinet::event::Event;
use crate::cabinet::outcome::{Action, Command, CommandResult};
use crate::cabinet::types::{CommandId, Level, Output};
use crate::io::credentials::Pepper;
use crate::io::credentials::pin::{PinError, check_pin, replace_pin};
use crate::io::lines::{LineError, Outputs};
use crate::messages::tell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc;

/// Hardware commands on their way, for each hand.
const ORDERS: usize = 128;

/// Performs commands; their ends come back as events.
#[derive(Debug)]
pub struct Hands {
    relays: mpsc::Sender<(CommandId, Action)>,
    courtesies: mpsc::Sender<(CommandId, Action)>,
    done: mpsc::Sender<Event>,
    pepper: Arc<Pepper>,
    outputs: Outputs,
    /// Told to stop: what energises is not begun any more, also where it waits already.
    resting: Arc<AtomicBool>,
}

impl Hands {
    /// Starts the hands on the current runtime.
    #[must_use]
    pub fn start(outputs: Outputs, pepper: Arc<Pepper>, done: mpsc::Sender<Event>) -> Self {
        let resting = Arc::new(AtomicBool::new(false));
        let relays = hand(outputs.clone(), done.clone(), Arc::clone(&resting));
        let courtesies = hand(outputs.clone(), done.clone(), Arc::clone(&resting));
        Self { relays, courtesies, done, pepper, outputs, resting }
    }

    /// Everything off, for good: what waits and would energise comes to nothing, whichever of the two has its turn first.
    ///
    /// # Errors
    /// The outputs could not be driven inactive.
    pub async fn rest(&self) -> Result<(), LineError> {
        self.resting.store(true, Ordering::SeqCst);
        self.outputs.release().await
    }

    /// Begins a command that is not a reply. Never waits.
    pub fn perform(&self, command: Command) {
        let Command { id, action, .. } = command;
        match action {
            Action::CheckPin { pin, hash, .. } => {
                self.hash(id, move |pepper| check_pin(pepper, &pin, &hash).map(CommandResult::Pin));
            }
            Action::HashPin { pin, old, .. } => {
                self.hash(id, move |pepper| replace_pin(pepper, old.as_ref(), &pin).map(CommandResult::Hashed));
            }
            action => {
                let tells_its_end = matters(&action);
                let orders = if is_for_a_relay(&action) { &self.relays } else { &self.courtesies };
                if orders.try_send((id, action)).is_err() && tells_its_end {
                    tell!(HANDS_BEHIND, "the hardware does not keep up; the command was not begun");
                    let result = CommandResult::Failed("the hardware does not keep up".into());
                    // When this queue is full as well, the command's deadline tells the core.
                    let _ = self.done.try_send(Event::CommandDone { id, result });
                }
            }
        }
    }

    /// Hashes on a thread of its own, whose memory goes with it.
    fn hash(&self, id: CommandId, work: impl FnOnce(&Pepper) -> Result<CommandResult, PinError> + Send + 'static) {
        let (done, pepper) = (self.done.clone(), Arc::clone(&self.pepper));
        tokio::task::spawn_blocking(move || {
            let result = work(&pepper).unwrap_or_else(|error| CommandResult::Failed(error.to_string()));
            // The loop is gone when the process ends: then nobody waits for it either.
            let _ = done.blocking_send(Event::CommandDone { id, result });
        });
    }
}

/// Starts one hand: what it is given is driven in order.
fn hand(outputs: Outputs, done: mpsc::Sender<Event>, resting: Arc<AtomicBool>) -> mpsc::Sender<(CommandId, Action)> {
    let (orders, mut wanted) = mpsc::channel::<(CommandId, Action)>(ORDERS);
    tokio::spawn(async move {
        while let Some((id, action)) = wanted.recv().await {
            let tells_its_end = matters(&action);
            if energises(&action) && resting.load(Ordering::SeqCst) {
                // The loop has ended, or is about to: nobody waits for its end.
                continue;
            }
            let result = match drive(&outputs, action).await {
                Ok(()) => CommandResult::Done,
                Err(LineError::Lost | LineError::NoAnswer) => CommandResult::Unknown,
                Err(error) => {
                    tell!(OUTPUT_NOT_DRIVEN, "an output was not driven: {error}");
                    CommandResult::Failed(error.to_string())
                }
            };
            // A light or a word ends unnoticed: nothing hangs on it.
            if tells_its_end && done.send(Event::CommandDone { id, result }).await.is_err() {
                return;
            }
        }
    });
    orders
}

/// Which hand: what locks and unlocks, or what only tells.
const fn is_for_a_relay(action: &Action) -> bool {
    match action {
        Action::Unlock { .. } | Action::Relock { .. } | Action::Unlatch { .. } | Action::Relatch { .. } => true,
        Action::Light { .. }
        | Action::Sound(_)
        | Action::Lamp(_)
        | Action::Show(_)
        | Action::SwitchLoad { .. }
        | Action::CheckPin { .. }
        | Action::HashPin { .. }
        | Action::Pace { .. }
        | Action::ReadLines
        | Action::Sleep { .. }
        | Action::TestBattery
        | Action::Flush
        | Action::RetryUpstream
        | Action::Reply { .. } => false,
    }
}

/// Whether it switches something on. A load is shed by a relay that is energised.
const fn energises(action: &Action) -> bool {
    match action {
        Action::Unlock { .. } | Action::Unlatch { .. } | Action::Sound(_) | Action::Lamp(_) => true,
        Action::Light { on, .. } => *on,
        Action::SwitchLoad { on, .. } => !*on,
        Action::Relock { .. }
        | Action::Relatch { .. }
        | Action::Show(_)
        | Action::CheckPin { .. }
        | Action::HashPin { .. }
        | Action::Pace { .. }
        | Action::ReadLines
        | Action::Sleep { .. }
        | Action::TestBattery
        | Action::Flush
        | Action::RetryUpstream
        | Action::Reply { .. } => false,
    }
}

/// Whether the core waits for the end of such a command.
const fn matters(action: &Action) -> bool {
    match action {
        Action::Unlock { .. }
        | Action::CheckPin { .. }
        | Action::HashPin { .. }
        | Action::ReadLines
        | Action::Sleep { .. }
        | Action::TestBattery
        | Action::Flush => true,
        Action::Relock { .. }
        | Action::Unlatch { .. }
        | Action::Relatch { .. }
        | Action::Light { .. }
        | Action::Sound(_)
        | Action::Lamp(_)
        | Action::Show(_)
        | Action::SwitchLoad { .. }
        | Action::Pace { .. }
        | Action::RetryUpstream
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
        Action::Lamp(lamp) => outputs.lamp(lamp).await,
        Action::Show(message) => outputs.show(message).await,
        Action::SwitchLoad { load, on } => {
            // Energised is shed: a load runs when nobody drives its relay.
            let level = if on { Level::Inactive } else { Level::Active };
            outputs.set(Output::Load(load), level, None).await
        }
        Action::ReadLines => outputs.read_lines().await,
        // Not for these hands: the loop hashes, answers, and sees to the machine's sleep.
        Action::CheckPin { .. }
        | Action::HashPin { .. }
        | Action::Pace { .. }
        | Action::Sleep { .. }
        | Action::TestBattery
        | Action::Flush
        | Action::RetryUpstream
        | Action::Reply { .. } => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cabinet::outcome::{Message, Sound};
    use crate::cabinet::types::{DoorNo, Mono};
    use crate::io::lines::{ANSWER_MS, Wanted};
    use crate::io::sim::lines::connect;
    use crate::io::sim::wire::{FromHardware, Lines, Order, ToHardware, send};
    use std::time::Duration;
    use tokio::net::UnixListener;

    #[tokio::test]
    async fn a_display_that_hangs_keeps_no_lock_waiting() {
        let dir = tempfile::tempdir().expect("a folder");
        let socket = dir.path().join("hardware.sock");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let (events, mut heard) = mpsc::channel(8);
        let (done, mut ends) = mpsc::channel(8);
        let hands = Hands::start(connect(&socket, events), Arc::new(Pepper::new([7; 32])), done);
        let (stream, _) = listener.accept().await.expect("the daemon connects");
        let (read, mut write) = stream.into_split();
        send(&mut write, &FromHardware::Picture(vec![])).await.expect("sent");
        heard.recv().await.expect("the picture");

        let command = |id, action| Command { id: CommandId(id), deadline: Mono(0), action };
        hands.perform(command(1, Action::Show(Message::Checking)));
        hands.perform(command(2, Action::Unlock { door: DoorNo(1), for_ms: 1_000 }));
        tokio::spawn(async move {
            let mut lines = Lines::new(read);
            while let Some(ToHardware { id, order }) = lines.next().await.expect("the language") {
                if !matches!(order, Order::Show(_)) {
                    send(&mut write, &FromHardware::Done(id)).await.expect("sent");
                }
            }
        });
        let end = tokio::time::timeout(Duration::from_millis(ANSWER_MS / 2), ends.recv()).await;
        let end = end.expect("the lock does not wait for the display");
        assert_eq!(end, Some(Event::CommandDone { id: CommandId(2), result: CommandResult::Done }));
    }

    #[tokio::test]
    async fn what_waits_when_it_is_told_to_stop_energises_nothing() {
        let (outputs, mut wanted) = Outputs::new();
        let (done, _ends) = mpsc::channel(8);
        let hands = Hands::start(outputs, Arc::new(Pepper::new([7; 32])), done);
        let command = |id, action| Command { id: CommandId(id), deadline: Mono(0), action };
        hands.perform(command(1, Action::Unlock { door: DoorNo(1), for_ms: 1_000 }));
        hands.perform(command(2, Action::Sound(Sound::Alarm)));
        hands.perform(command(3, Action::Relock { door: DoorNo(1) }));
        let hardware = tokio::spawn(async move {
            let mut heard = Vec::new();
            // Until nothing more comes.
            while let Ok(Some((order, reply))) = tokio::time::timeout(Duration::from_millis(200), wanted.recv()).await {
                heard.push(order);
                // Whoever asked may be gone.
                let _ = reply.send(Ok(()));
            }
            heard
        });
        hands.rest().await.expect("the hardware is there");
        let heard = hardware.await.expect("no panic there");
        let is_release = |order: &Wanted| matches!(order, Wanted::Order(crate::io::lines::Order::Release(_)));
        assert!(heard.first().is_some_and(is_release), "{heard:?}");
        let energised = heard.iter().filter(|order| matches!(order, Wanted::Order(order) if order.energises()));
        assert_eq!(energised.count(), 0, "{heard:?}");
        assert_eq!(heard.len(), 2, "what locks is done all the same: {heard:?}");
    }
}
