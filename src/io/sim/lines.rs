//! The daemon's line backend `sim`: input levels and codes in, output levels out, over the hardware socket.
//!
//! What it promises, as every line backend must:
//!
//! - **De-energised is locked.** Every output is driven inactive first thing on each connection and at [`Outputs::shutdown`].
//!   A lock or a latch is energised for at most [`LONGEST_PULSE_MS`], and this driver ends the pulse itself.
//! - **An order ends.** Each is acknowledged by the hardware, refused, or given up after [`ANSWER_MS`]. None is repeated.
//! - **What cannot be read is said.** Hardware gone: one `LinesRead` with no lines. Hardware back: the whole picture.
//! - **No edge is lost silently.** A full event queue makes this backend remember that edges were lost and send the whole
//!   picture as soon as there is room. It never waits for the queue, since acknowledgements come the same way.
//!
//! What it does not do: debounce, know what a slot or a code means, or decide.

use super::wire::{FromHardware, Lines, Order, ToHardware, WireError, send};
use crate::cabinet::Event;
use crate::cabinet::outcome::{Message, Sound};
use crate::cabinet::types::{Code, Input, Level, Output, Pin};
use crate::messages::tell;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

/// The longest time that a lock or a latch is energised, whatever was asked for.
pub const LONGEST_PULSE_MS: u32 = 60_000;
/// How long the hardware may take to answer an order.
pub const ANSWER_MS: u64 = 2_000;
/// The first and the longest pause before the next attempt to connect.
const PAUSE_MS: (u64, u64) = (100, 5_000);
/// Orders on their way to the hardware, and orders that wait for its answer.
const ORDERS: usize = 64;
/// Codes and PINs that wait for room in the event queue. More than that is a flood, not a hand.
const WAITING: usize = 32;

/// Why an output was not driven.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LineError {
    #[error("the simulated hardware is not connected; start it for the same config: `cabinetd sim hardware`")]
    Away,
    #[error("the hardware went away before it answered: nobody knows whether it was done")]
    Lost,
    #[error("the hardware did not answer within {ANSWER_MS} ms: nobody knows whether it was done")]
    NoAnswer,
    #[error("{0}")]
    Failed(String),
    #[error("too many orders at once; wait for those under way")]
    Busy,
    #[error("a lock or a latch must not be energised without an end")]
    Unbounded,
    #[error("an output cannot be driven to \"fault\"")]
    NotALevel,
}

/// The outputs. Cloneable; when the last clone is dropped every output is driven inactive and the backend ends.
#[derive(Clone, Debug)]
pub struct Outputs {
    orders: mpsc::Sender<(Wanted, oneshot::Sender<Result<(), LineError>>)>,
}

#[derive(Debug)]
enum Wanted {
    Order(Order),
    Shutdown,
}

/// Starts the backend on the current runtime: it connects to `socket`, reconnects for ever, and sends to `events`.
#[must_use]
pub fn connect(socket: &Path, events: mpsc::Sender<Event>) -> Outputs {
    let (orders, wanted) = mpsc::channel(ORDERS);
    let backend = Backend { socket: socket.to_owned(), wanted, inbox: Inbox::new(events), pulses: BTreeMap::new() };
    tokio::spawn(backend.run());
    Outputs { orders }
}

impl Outputs {
    /// Drives an output. A lock or latch made active needs `for_ms`, and is driven inactive by this driver at its end.
    pub async fn set(&self, output: Output, level: Level, for_ms: Option<u32>) -> Result<(), LineError> {
        let for_ms = match (output, level, for_ms) {
            (_, Level::Fault, _) => return Err(LineError::NotALevel),
            (_, Level::Inactive, _) | (Output::Led(_) | Output::Buzzer | Output::Load(_), Level::Active, None) => None,
            (Output::Lock(_) | Output::Latch(_), Level::Active, None) => return Err(LineError::Unbounded),
            (Output::Lock(_) | Output::Latch(_), Level::Active, Some(ms)) => Some(ms.min(LONGEST_PULSE_MS)),
            (Output::Led(_) | Output::Buzzer | Output::Load(_), Level::Active, Some(ms)) => Some(ms),
        };
        self.ask(Wanted::Order(Order::Set { output, level, for_ms })).await
    }

    /// Plays a pattern on the buzzer.
    pub async fn sound(&self, sound: Sound) -> Result<(), LineError> {
        self.ask(Wanted::Order(Order::Sound(sound))).await
    }

    /// Shows this on the display.
    pub async fn show(&self, message: Message) -> Result<(), LineError> {
        self.ask(Wanted::Order(Order::Show(message))).await
    }

    /// Switches the simulated machine off that the daemon is said to run on.
    pub async fn power_off(&self, wake_after_ms: Option<u64>) -> Result<(), LineError> {
        self.ask(Wanted::Order(Order::PowerOff { wake_after_ms })).await
    }

    /// Has every input read anew; the picture comes as [`Event::LinesRead`].
    pub async fn read_lines(&self) -> Result<(), LineError> {
        self.ask(Wanted::Order(Order::Read(true))).await
    }

    /// Drives every output inactive.
    pub async fn release(&self) -> Result<(), LineError> {
        self.ask(Wanted::Order(Order::Release(true))).await
    }

    /// Drives every output inactive and ends the backend, whatever other clones there are.
    pub async fn shutdown(&self) -> Result<(), LineError> {
        self.ask(Wanted::Shutdown).await
    }

    async fn ask(&self, wanted: Wanted) -> Result<(), LineError> {
        let (reply, answer) = oneshot::channel();
        self.orders.try_send((wanted, reply)).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => LineError::Busy,
            mpsc::error::TrySendError::Closed(_) => LineError::Away,
        })?;
        match timeout(Duration::from_millis(ANSWER_MS), answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(LineError::Lost),
            Err(_) => Err(LineError::NoAnswer),
        }
    }
}

// ---------------------------------------------------------------- towards the event queue

/// What waits for room in the event queue.
#[derive(Debug)]
struct Inbox {
    events: mpsc::Sender<Event>,
    /// The last level heard of each line.
    levels: BTreeMap<Input, Level>,
    /// Edges were lost (or the hardware came or went): the picture must be sent before anything else.
    picture_owed: bool,
    waiting: VecDeque<Event>,
}

impl Inbox {
    fn new(events: mpsc::Sender<Event>) -> Self {
        Self { events, levels: BTreeMap::new(), picture_owed: false, waiting: VecDeque::new() }
    }

    /// The hardware came (its picture) or went (nothing can be read).
    fn picture(&mut self, levels: impl IntoIterator<Item = (Input, Level)>) {
        self.levels = levels.into_iter().collect();
        self.picture_owed = true;
        self.flush();
    }

    fn edge(&mut self, input: Input, level: Level) {
        self.levels.insert(input, level);
        self.flush();
        if self.picture_owed || self.events.try_send(Event::LineChanged { input, level }).is_err() {
            if !self.picture_owed {
                tell!(EDGES_LOST, "the event queue is full: edges were lost, the whole picture follows");
            }
            self.picture_owed = true;
        }
    }

    fn typed(&mut self, event: Event) {
        if self.waiting.len() >= WAITING {
            tell!(INPUT_DROPPED, "the event queue is full: an input of the reader was dropped");
            return;
        }
        self.waiting.push_back(event);
        self.flush();
    }

    fn is_behind(&self) -> bool {
        self.picture_owed || !self.waiting.is_empty()
    }

    /// Sends what waits, as far as there is room.
    fn flush(&mut self) {
        while self.is_behind() {
            let Ok(room) = self.events.try_reserve() else { return };
            if self.picture_owed {
                self.picture_owed = false;
                room.send(Event::LinesRead(self.levels.iter().map(|(input, level)| (*input, *level)).collect()));
            } else if let Some(event) = self.waiting.pop_front() {
                room.send(event);
            }
        }
    }

    /// Ends when there is room for what waits; never, if nothing does.
    async fn room(&self) {
        if self.is_behind() && self.events.reserve().await.is_ok() {
            return;
        }
        std::future::pending::<()>().await;
    }
}

// ---------------------------------------------------------------- the backend's task

type Reply = oneshot::Sender<Result<(), LineError>>;

struct Backend {
    socket: PathBuf,
    wanted: mpsc::Receiver<(Wanted, Reply)>,
    inbox: Inbox,
    /// When which pulse ends.
    pulses: BTreeMap<Output, Instant>,
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
                    said_gone = false;
                    if began.elapsed() > Duration::from_millis(PAUSE_MS.1) {
                        pause_ms = PAUSE_MS.0;
                    }
                }
                Err(why) if !said_gone => {
                    tell!(
                        NO_HARDWARE,
                        "no hardware at {}: {why}; start it with `cabinetd sim hardware`; trying again",
                        self.socket.display()
                    );
                }
                Err(_) => {}
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
            let pulse = self.pulses.iter().map(|(output, at)| (*at, *output)).min();
            tokio::select! {
                // Ending a pulse goes before everything: it is what keeps the door locked.
                biased;
                () = until(pulse) => {
                    if let Some((_, output)) = pulse {
                        self.pulses.remove(&output);
                        link.order(Order::Set { output, level: Level::Inactive, for_ms: None }, None).await?;
                    }
                }
                wanted = self.wanted.recv() => match wanted {
                    Some((Wanted::Order(order), reply)) => {
                        self.keep_pulse(&order);
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

    fn keep_pulse(&mut self, order: &Order) {
        match order {
            Order::Set { output, level: Level::Active, for_ms: Some(ms) } => {
                self.pulses.insert(*output, Instant::now() + Duration::from_millis(u64::from(*ms)));
            }
            Order::Set { output, .. } => drop(self.pulses.remove(output)),
            Order::Release(_) => self.pulses.clear(),
            Order::Read(_) | Order::Sound(_) | Order::Show(_) | Order::PowerOff { .. } => {}
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

/// The end of the next pulse; never, if there is none.
async fn until(pulse: Option<(Instant, Output)>) {
    match pulse {
        Some((at, _)) => sleep_until(at).await,
        None => std::future::pending().await,
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
