//! The driver: hands each order to whoever does it, a task for the outputs of each place and one for the inputs. Each blocks for as long as
//! its own chips do; this one never does.

use super::bank::Bank;
use super::hand::Hand;
use super::port::Port;
use super::relays::Relays;
use super::senses::Senses;
use crate::cabinet::Event;
use crate::cabinet::types::Output;
use crate::io::lines::wiring::{InputLine, OutputLine, Place, Wiring, output_words};
use crate::io::lines::{LineError, ORDERS, Order, Outputs, Reply, Wanted};
use std::pin::Pin;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// Lines of one claim at most: the kernel takes no more.
const MOST: usize = 64;
/// An end waits so long for the inputs to be let go of; it is the outputs that count.
const INPUTS_GO: Duration = Duration::from_millis(200);

/// Where a part of the driver takes its orders from.
pub(super) type Orders = mpsc::Receiver<(Wanted, Reply)>;

/// Where they come from.
type Asks = mpsc::Sender<(Wanted, Reply)>;

/// A part of the driver, which is to have a thread of its own.
pub(super) type Part = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Everything that drives a wiring; each part has its own way to the lines.
pub(super) fn parts<P: Port + 'static>(
    wiring: &Wiring,
    port: impl Fn() -> P,
    events: mpsc::Sender<Event>,
) -> (Outputs, Vec<Part>) {
    let (outputs, wanted) = Outputs::new();
    let mut parts: Vec<Part> = Vec::new();
    let mut hands = Vec::new();
    for relays in by_place(wiring) {
        let (orders, wanted) = mpsc::channel(ORDERS);
        hands.push((relays.iter().flat_map(Relays::outputs).collect(), orders));
        parts.push(Box::pin(Hand::new(relays, Box::new(port()), wanted).run()));
    }
    let (senses, reads) = mpsc::channel(ORDERS);
    parts.push(Box::pin(Senses::new(wiring, Box::new(port()), reads, events).run()));
    parts.push(Box::pin(Driver { wanted, hands, senses }.run()));
    (outputs, parts)
}

struct Driver {
    wanted: Orders,
    /// The outputs of each place, and who drives them.
    hands: Vec<(Vec<Output>, Asks)>,
    senses: Asks,
}

impl Driver {
    /// Runs until told to end, or until nobody holds the outputs any more: then every part finds its queue closed, and ends.
    async fn run(mut self) {
        while let Some((wanted, reply)) = self.wanted.recv().await {
            match wanted {
                Wanted::Order(order) => self.hand_on(order, reply),
                Wanted::Shutdown => {
                    let (told, senses_end) = oneshot::channel();
                    hand_to(&self.senses, Wanted::Shutdown, told);
                    let ends = self.ask_all(|| Wanted::Shutdown);
                    // What hung too long to hear of it finds its queue closed.
                    self.hands.clear();
                    let released = all(ends).await;
                    let _ = timeout(INPUTS_GO, senses_end).await;
                    drop(reply.send(released));
                    return;
                }
            }
        }
    }

    fn hand_on(&self, order: Order, reply: Reply) {
        match order {
            Order::Set { output, .. } => match self.hand_of(output) {
                Some(hand) => hand_to(hand, Wanted::Order(order), reply),
                None => drop(reply.send(Err(not_wired(output)))),
            },
            Order::Sound(_) => match self.hand_of(Output::Buzzer) {
                Some(hand) => hand_to(hand, Wanted::Order(order), reply),
                // A cabinet may do without a buzzer.
                None => drop(reply.send(Ok(()))),
            },
            Order::Lamp(_) => match self.hand_of(Output::Status) {
                Some(hand) => hand_to(hand, Wanted::Order(order), reply),
                None => drop(reply.send(Ok(()))),
            },
            Order::Release(_) => {
                let ends = self.ask_all(|| Wanted::Order(order.clone()));
                tokio::spawn(async move { drop(reply.send(all(ends).await)) });
            }
            Order::Read(_) => hand_to(&self.senses, Wanted::Order(order), reply),
            // There is no display that hangs on lines.
            Order::Show(_) => drop(reply.send(Ok(()))),
            Order::PowerOff { .. } => {
                let why = "only a simulated machine is switched off so".into();
                drop(reply.send(Err(LineError::Failed(why))));
            }
        }
    }

    fn hand_of(&self, output: Output) -> Option<&Asks> {
        self.hands.iter().find(|(outputs, _)| outputs.contains(&output)).map(|(_, hand)| hand)
    }

    /// Asks every hand at once; one that hangs keeps no other waiting.
    fn ask_all(&self, wanted: impl Fn() -> Wanted) -> Vec<oneshot::Receiver<Result<(), LineError>>> {
        let ask = |(_, hand): &(Vec<Output>, Asks)| {
            let (reply, end) = oneshot::channel();
            hand_to(hand, wanted(), reply);
            end
        };
        self.hands.iter().map(ask).collect()
    }
}

/// Never waits.
fn hand_to(part: &Asks, wanted: Wanted, reply: Reply) {
    if let Err(refused) = part.try_send((wanted, reply)) {
        let (why, (_, reply)) = match refused {
            mpsc::error::TrySendError::Full(back) => (LineError::Busy, back),
            mpsc::error::TrySendError::Closed(back) => (LineError::Away, back),
        };
        drop(reply.send(Err(why)));
    }
}

/// The first failure, after all have ended.
async fn all(ends: Vec<oneshot::Receiver<Result<(), LineError>>>) -> Result<(), LineError> {
    let mut result = Ok(());
    for end in ends {
        result = result.and(end.await.unwrap_or(Err(LineError::Lost)));
    }
    result
}

pub(super) fn not_wired(output: Output) -> LineError {
    LineError::Failed(format!("no line is wired for {0}; write an [[output]] for it", output_words(output)))
}

/// Drives every output inactive and lets go, each place on a thread of its own; what could not be driven, in words.
pub(super) fn release<P: Port>(wiring: &Wiring, port: impl Fn() -> P) -> Vec<String> {
    std::thread::scope(|scope| {
        let start = |relays: Vec<Relays>| {
            let mut port = port();
            scope.spawn(move || release_place(relays, &mut port))
        };
        let threads: Vec<_> = by_place(wiring).into_iter().map(start).collect();
        let ended = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
        ended.flat_map(|ended| ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

fn release_place(relays: Vec<Relays>, port: &mut dyn Port) -> Vec<String> {
    let mut failures = Vec::new();
    for mut these in relays {
        let mut parts = these.claim(port).unwrap_or_default();
        // Those that were not claimed together are claimed one by one.
        for part in &mut parts {
            // Alone it has no parts.
            let _ = part.claim(port);
        }
        let all = if parts.is_empty() { std::slice::from_mut(&mut these) } else { parts.as_mut_slice() };
        failures
            .extend(all.iter_mut().filter_map(|these| Some(format!("{}: {}", these.words(), these.release().err()?))));
    }
    failures
}

/// What lines of one claim have in common: the place, polarity, and what an input has beside them.
type Key<T> = (Place, bool, T);

/// The inputs by claims.
pub(super) fn banks_of(wiring: &Wiring) -> Vec<Bank> {
    let key = |line: &InputLine| (line.at.chip.clone(), line.active_low, (line.bias, line.debounce_ms));
    grouped(&wiring.inputs, key).into_iter().map(|(place, lines)| Bank::new(place, lines)).collect()
}

/// The outputs by places, and there by claims. Locks and latches come first everywhere, as they are to be off first.
fn by_place(wiring: &Wiring) -> Vec<Vec<Relays>> {
    let mut lines = wiring.outputs.clone();
    lines.sort_by_key(|line| !matches!(line.output, Output::Lock(_) | Output::Latch(_)));
    let key = |line: &OutputLine| (line.at.chip.clone(), line.active_low, ());
    let mut places: Vec<(Place, Vec<Relays>)> = Vec::new();
    for (place, lines) in grouped(&lines, key) {
        let relays = Relays::new(place.clone(), lines);
        match places.iter_mut().find(|(known, _)| *known == place) {
            Some((_, there)) => there.push(relays),
            None => places.push((place, vec![relays])),
        }
    }
    places.into_iter().map(|(_, relays)| relays).collect()
}

fn grouped<L: Clone, T: PartialEq>(lines: &[L], key: impl Fn(&L) -> Key<T>) -> Vec<(Place, Vec<L>)> {
    let mut groups: Vec<(Key<T>, Vec<L>)> = Vec::new();
    for line in lines {
        let key = key(line);
        match groups.iter_mut().find(|(known, lines)| *known == key && lines.len() < MOST) {
            Some((_, lines)) => lines.push(line.clone()),
            None => groups.push((key, vec![line.clone()])),
        }
    }
    groups.into_iter().map(|((place, _, _), lines)| (place, lines)).collect()
}
