//! The daemon's line backend `sim`: input levels and codes in, output levels out, over the hardware socket.
//!
//! It keeps what `io::lines` promises of every backend, on each connection anew. Badge and PIN come the same way here, since the
//! simulated reader is a part of the simulated hardware.

use super::wire::{FromHardware, Lines, ToHardware, WireError, send};
use crate::cabinet::Event;
use crate::cabinet::types::{Code, Level, Pin};
use crate::io::lines::inbox::Inbox;
use crate::io::lines::pulses::{Pulses, until};
use crate::io::lines::{ANSWER_MS, LineError, ORDERS, Order, Outputs, Reply, Wanted};
use crate::messages::tell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

/// The first and the longest pause before the next attempt to connect.
const PAUSE_MS: (u64, u64) = (100, 5_000);

/// Starts the backend on the current runtime: it connects to `socket`, reconnects for ever, and sends to `events`.
#[must_use]
pub fn connect(socket: &Path, events: mpsc::Sender<Event>) -> Outputs {
    let (outputs, wanted) = Outputs::new();
    let backend = Backend { socket: socket.to_owned(), wanted, inbox: Inbox::new(events), pulses: Pulses::default() };
    tokio::spawn(backend.run());
    outputs
}

struct Backend {
    socket: PathBuf,
    wanted: mpsc::Receiver<(Wanted, Reply)>,
    inbox: Inbox,
    pulses: Pulses,
}

/// Why a connection ended.
enum End {
    /// The hardware went; connect again.
    Gone(WireError),
    /// Told to end, or nobody holds the outputs any more.
    Finished,
}

/// One connection to the hardware.
struct Link {
    lines: Lines<OwnedReadHalf>,
    out: OwnedWriteHalf,
    next_id: u64,
    /// Orders that wait for their answer; none where nobody waits.
    pending: BTreeMap<u64, Reply>,
}

impl Link {
    /// Sends an order. The socket's buffer is the bound: hardware that does not read for a while is gone.
    async fn order(&mut self, order: Order, reply: Option<Reply>) -> Result<u64, WireError> {
        self.next_id += 1;
        let id = self.next_id;
        if let Some(reply) = reply {
            self.pending.retain(|_, waiting| !waiting.is_closed());
            if self.pending.len() >= ORDERS {
                let _ = reply.send(Err(LineError::Busy));
                return Ok(id);
            }
            self.pending.insert(id, reply);
        }
        let message = ToHardware { id, order };
        match timeout(Duration::from_millis(ANSWER_MS), send(&mut self.out, &message)).await {
            Ok(sent) => sent.map(|()| id).map_err(WireError::Io),
            Err(_) => Err(WireError::Io(io::ErrorKind::TimedOut.into())),
        }
    }
}

impl Backend {
    async fn run(mut self) {
        let mut pause_ms = PAUSE_MS.0;
        let mut said_gone = false;
        let mut why_said = None;
        loop {
            match UnixStream::connect(&self.socket).await {
                Ok(stream) => {
                    let (read, out) = stream.into_split();
                    let mut link = Link { lines: Lines::new(read), out, next_id: 0, pending: BTreeMap::new() };
                    let began = Instant::now();
                    let end = self.serve(&mut link).await;
                    let lost = link.pending.into_values();
                    lost.for_each(|reply| drop(reply.send(Err(LineError::Lost))));
                    // The relays are out of reach; the next connection begins with a release.
                    self.pulses.clear();
                    match end {
                        End::Finished => return,
                        End::Gone(why) => tell!(HARDWARE_GONE, "the hardware is gone: {why}; connecting again"),
                    }
                    (said_gone, why_said) = (false, None);
                    if began.elapsed() > Duration::from_millis(PAUSE_MS.1) {
                        pause_ms = PAUSE_MS.0;
                    }
                }
                // Told once, and again when it is for another reason.
                Err(why) if why_said == Some(why.kind()) => {}
                Err(why) => {
                    let remedy = match why.kind() {
                        io::ErrorKind::PermissionDenied => {
                            "it is another account's: remove its hardware.* in the state and run folders, and start it as this one"
                        }
                        _ => "start it with `cabinetd sim hardware`, as the account of the daemon",
                    };
                    tell!(NO_HARDWARE, "no hardware at {}: {why}; {remedy}; trying again", self.socket.display());
                    why_said = Some(why.kind());
                }
            }
            if !std::mem::replace(&mut said_gone, true) {
                self.inbox.picture([]);
            }
            if self.pause(pause_ms).await.is_break() {
                return;
            }
            pause_ms = (pause_ms * 2).min(PAUSE_MS.1);
        }
    }

    /// Waits, and refuses every order meanwhile.
    async fn pause(&mut self, ms: u64) -> std::ops::ControlFlow<()> {
        let until = Instant::now() + Duration::from_millis(ms);
        loop {
            tokio::select! {
                () = sleep_until(until) => return std::ops::ControlFlow::Continue(()),
                () = self.inbox.room() => self.inbox.flush(),
                wanted = self.wanted.recv() => match wanted {
                    Some((Wanted::Order(_), reply)) => drop(reply.send(Err(LineError::Away))),
                    Some((Wanted::Shutdown, reply)) => {
                        drop(reply.send(Err(LineError::Away)));
                        return std::ops::ControlFlow::Break(());
                    }
                    None => return std::ops::ControlFlow::Break(()),
                },
            }
        }
    }

    async fn serve(&mut self, link: &mut Link) -> End {
        self.serve_until(link).await.unwrap_or_else(End::Gone)
    }

    async fn serve_until(&mut self, link: &mut Link) -> Result<End, WireError> {
        // Whatever the last driver left on goes off before anything else.
        link.order(Order::Release(true), None).await?;
        loop {
            let pulse = self.pulses.next();
            tokio::select! {
                // Ending a pulse goes before everything: it is what keeps the door locked.
                biased;
                () = until(pulse.map(|(at, _)| at)) => {
                    if let Some((_, output)) = pulse {
                        self.pulses.end(output);
                        link.order(Order::Set { output, level: Level::Inactive, for_ms: None }, None).await?;
                    }
                }
                wanted = self.wanted.recv() => match wanted {
                    Some((Wanted::Order(order), reply)) => {
                        self.pulses.heed(&order);
                        link.order(order, Some(reply)).await?;
                    }
                    Some((Wanted::Shutdown, reply)) => return finish(link, Some(reply)).await,
                    None => return finish(link, None).await,
                },
                said = link.lines.next::<FromHardware>() => match said? {
                    Some(said) => self.hear(said, &mut link.pending),
                    None => return Ok(End::Gone(WireError::Io(io::ErrorKind::UnexpectedEof.into()))),
                },
                () = self.inbox.room() => self.inbox.flush(),
            }
        }
    }

    fn hear(&mut self, said: FromHardware, pending: &mut BTreeMap<u64, Reply>) {
        match said {
            FromHardware::Picture(levels) => self.inbox.picture(levels),
            FromHardware::Line { input, level } => self.inbox.edge(input, level),
            FromHardware::Code(code) => self.inbox.typed(Event::CodeRead(Code::new(&code))),
            FromHardware::Login(login) => self.inbox.typed(Event::LoginTyped(Code::new(&login))),
            FromHardware::Pin(mut pin) => {
                self.inbox.typed(Event::PinTyped(Pin::new(&pin)));
                zeroize::Zeroize::zeroize(&mut pin);
            }
            FromHardware::Cancel(_) => self.inbox.typed(Event::CancelPressed),
            FromHardware::Button(_) => self.inbox.typed(Event::ButtonPressed),
            FromHardware::Done(id) => {
                pending.remove(&id).map(|reply| reply.send(Ok(())));
            }
            FromHardware::Failed { id, why } => {
                if let Some(reply) = pending.remove(&id) {
                    let _ = reply.send(Err(LineError::Failed(why)));
                } else {
                    tell!(OUTPUT_DISOBEYED, "an output did not follow this driver: {why}");
                }
            }
        }
    }
}

/// Releases everything, and waits a little for the hardware to say so.
async fn finish(link: &mut Link, reply: Option<Reply>) -> Result<End, WireError> {
    let id = link.order(Order::Release(true), None).await?;
    let answered = async {
        loop {
            match link.lines.next::<FromHardware>().await? {
                Some(FromHardware::Done(done)) if done == id => return Ok(Ok(())),
                Some(FromHardware::Failed { id: failed, why }) if failed == id => {
                    return Ok(Err(LineError::Failed(why)));
                }
                Some(_) => {}
                None => return Ok(Err(LineError::Lost)),
            }
        }
    };
    let result: Result<Result<(), LineError>, WireError> =
        timeout(Duration::from_millis(ANSWER_MS), answered).await.unwrap_or(Ok(Err(LineError::NoAnswer)));
    if let Some(reply) = reply {
        let _ = reply.send(result.unwrap_or(Err(LineError::Lost)));
    }
    Ok(End::Finished)
}

#[cfg(test)]
mod tests;
