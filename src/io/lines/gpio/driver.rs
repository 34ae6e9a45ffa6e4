//! The driver's task: orders, pulses, edges, polls and claims, one after the other, the ends of pulses first.

use super::Peeked;
use super::bank::{Bank, Look};
use super::buzzer::Buzzer;
use super::port::{Ear, Heard, LOTS, News, Port, PortError};
use super::relays::Relays;
use crate::cabinet::Event;
use crate::cabinet::types::{Level, Output};
use crate::io::lines::inbox::Inbox;
use crate::io::lines::pulses::{Pulses, until};
use crate::io::lines::wiring::{InputLine, OutputLine, Place, Signal, Wiring, output_words};
use crate::io::lines::{LineError, Order, Reply, Wanted};
use crate::messages::tell;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

/// Lines of one claim at most: the kernel takes no more.
const MOST: usize = 64;

pub(super) struct Driver {
    port: Box<dyn Port>,
    wanted: mpsc::Receiver<(Wanted, Reply)>,
    inbox: Inbox,
    pulses: Pulses,
    buzzer: Buzzer,
    relays: Vec<Relays>,
    banks: Vec<Bank>,
    poll: Duration,
    /// Claims so far: each has a number of its own.
    claims: u64,
    ear: mpsc::Sender<Heard>,
    heard: mpsc::Receiver<Heard>,
}

impl Driver {
    pub(super) fn new(
        wiring: &Wiring,
        port: Box<dyn Port>,
        wanted: mpsc::Receiver<(Wanted, Reply)>,
        events: mpsc::Sender<Event>,
    ) -> Self {
        let (ear, heard) = mpsc::channel(LOTS);
        Self {
            port,
            wanted,
            inbox: Inbox::new(events),
            pulses: Pulses::default(),
            buzzer: Buzzer::default(),
            relays: relays_of(wiring),
            banks: banks_of(wiring),
            poll: Duration::from_millis(wiring.poll_ms),
            claims: 0,
            ear,
            heard,
        }
    }

    /// Runs until told to end, or until nobody holds the outputs any more.
    pub(super) async fn run(mut self) {
        if !self.look() {
            // Nothing can be read, which has to be said.
            self.inbox.owe_picture();
        }
        loop {
            let pulse = self.pulses.next();
            let due = self.due();
            tokio::select! {
                // Ending a pulse goes before everything: it is what keeps the door locked.
                biased;
                () = until(pulse.map(|(at, _)| at)) => {
                    if let Some((_, output)) = pulse {
                        self.end_pulse(output);
                    }
                }
                wanted = self.wanted.recv() => match wanted {
                    // Whoever asked may be gone.
                    Some((Wanted::Order(order), reply)) => drop(reply.send(self.obey(&order))),
                    Some((Wanted::Shutdown, reply)) => {
                        let released = self.release();
                        self.relays.clear();
                        self.banks.clear();
                        // What read their edges lets go as well, before anybody hears of the end.
                        tokio::task::yield_now().await;
                        drop(reply.send(released));
                        return;
                    }
                    None => {
                        // Nobody is there to be told.
                        let _ = self.release();
                        return;
                    }
                },
                () = until(self.buzzer.next()) => {
                    let sounds = self.buzzer.step();
                    if self.drive(Output::Buzzer, sounds).is_err() {
                        self.buzzer.stop();
                    }
                }
                () = until(due) => { self.look(); }
                Some(heard) = self.heard.recv() => self.hear(heard),
                () = self.inbox.room() => self.inbox.flush(),
            }
        }
    }

    // ------------------------------------------------------------ outputs

    fn obey(&mut self, order: &Order) -> Result<(), LineError> {
        match *order {
            Order::Set { output, level, for_ms } => {
                let longest_ms = self.place_of(output).and_then(|(relays, index)| relays.longest_ms(index));
                let for_ms = for_ms.map(|ms| match output {
                    Output::Lock(_) | Output::Latch(_) => longest_ms.map_or(ms, |longest| ms.min(longest)),
                    Output::Led(_) | Output::Buzzer | Output::Load(_) => ms,
                });
                if output == Output::Buzzer {
                    self.buzzer.stop();
                }
                self.pulses.heed(&Order::Set { output, level, for_ms });
                self.drive(output, level == Level::Active)
            }
            Order::Release(_) => self.release(),
            Order::Read(_) => self.read(),
            // A cabinet may do without a buzzer.
            Order::Sound(_) if self.place_of(Output::Buzzer).is_none() => Ok(()),
            Order::Sound(sound) => {
                self.buzzer.play(sound);
                self.drive(Output::Buzzer, true)
            }
            // There is no display that hangs on lines.
            Order::Show(_) => Ok(()),
            Order::PowerOff { .. } => Err(LineError::Failed("only a simulated machine is switched off so".into())),
        }
    }

    fn place_of(&mut self, output: Output) -> Option<(&mut Relays, usize)> {
        self.relays.iter_mut().find_map(|relays| relays.find(output).map(|index| (relays, index)))
    }

    fn drive(&mut self, output: Output, active: bool) -> Result<(), LineError> {
        let Some((relays, index)) = self.place_of(output) else {
            let words = output_words(output);
            return Err(LineError::Failed(format!("no line is wired for {words}; write an [[output]] for it")));
        };
        relays.drive(index, active).map_err(|why| LineError::Failed(why.to_string()))
    }

    fn end_pulse(&mut self, output: Output) {
        self.pulses.end(output);
        if let Err(why) = self.drive(output, false) {
            // Its claim was given up, which drove it inactive if it can be driven at all; the next claim begins inactive.
            tell!(OUTPUT_DISOBEYED, "{} was not driven inactive at the end of its pulse: {why}", output_words(output));
        }
    }

    /// Every output inactive; the first failure is told, after all were tried.
    fn release(&mut self) -> Result<(), LineError> {
        self.pulses.clear();
        self.buzzer.stop();
        let failures: Vec<PortError> = self.relays.iter_mut().filter_map(|relays| relays.release().err()).collect();
        failures.into_iter().next().map_or(Ok(()), |why| Err(LineError::Failed(why.to_string())))
    }

    // ------------------------------------------------------------ inputs

    /// When something is to be claimed, polled or judged.
    fn due(&self) -> Option<Instant> {
        let banks = self.banks.iter().map(Bank::due);
        banks.chain(self.relays.iter().filter_map(Relays::due)).min()
    }

    /// Does what is due; outputs first. Whatever it finds comes in one picture; true if there was one.
    fn look(&mut self) -> bool {
        claim_due(&mut self.relays, &mut *self.port);
        let mut is_whole = false;
        let mut index = 0;
        while let Some(bank) = self.banks.get_mut(index) {
            let (claims, ear) = (&mut self.claims, &self.ear);
            let look = bank.look(
                &mut *self.port,
                || {
                    *claims += 1;
                    Ear { claim: *claims, to: ear.clone() }
                },
                self.poll,
            );
            match look {
                Look::Parted(parts) => drop(self.banks.splice(index..=index, parts)),
                look => {
                    is_whole |= self.tell(index, look);
                    index += 1;
                }
            }
        }
        if is_whole {
            self.inbox.owe_picture();
        }
        is_whole
    }

    fn hear(&mut self, heard: Heard) {
        let Some(index) = self.banks.iter().position(|bank| bank.is_claim(heard.claim)) else { return };
        let look = match heard.news {
            News::Edges(edges) => self.banks[index].hear(&edges),
            News::Gone(why) => self.banks[index].lose(why),
        };
        if self.tell(index, look) {
            self.inbox.owe_picture();
        }
    }

    /// Reads everything anew.
    fn read(&mut self) -> Result<(), LineError> {
        for index in 0..self.banks.len() {
            let look = self.banks[index].read();
            self.tell(index, look);
        }
        self.inbox.owe_picture();
        let is_readable = self.banks.iter().flat_map(Bank::levels).any(|(_, level)| level.is_some());
        if is_readable { Ok(()) } else { Err(LineError::Failed("no line can be read".into())) }
    }

    /// Tells edges, and notes a whole bank for the next picture. True: a picture is owed.
    fn tell(&mut self, index: usize, look: Look) -> bool {
        match look {
            Look::Whole => {
                for (signal, shown) in self.banks[index].levels() {
                    if let Signal::Sense(input) = signal {
                        self.inbox.note(input, shown.map_or(Level::Fault, level));
                    }
                }
                true
            }
            Look::Changed(changed) => {
                for (signal, active) in changed {
                    match signal {
                        Signal::Sense(input) => self.inbox.edge(input, level(active)),
                        Signal::Button if active => self.inbox.typed(Event::ButtonPressed),
                        Signal::Button => {}
                    }
                }
                false
            }
            Look::Parted(_) => false,
        }
    }
}

/// Claims the outputs that are due, in parts where a line is taken.
fn claim_due(relays: &mut Vec<Relays>, port: &mut dyn Port) {
    let mut index = 0;
    while let Some(these) = relays.get_mut(index) {
        let is_due = these.due().is_some_and(|due| due <= Instant::now());
        match if is_due { these.claim(port) } else { None } {
            Some(parts) => drop(relays.splice(index..=index, parts)),
            None => index += 1,
        }
    }
}

/// Claims the inputs alone, reads them twice, and lets go.
pub(super) async fn peek(wiring: &Wiring, port: Box<dyn Port>, apart: Duration) -> Vec<Peeked> {
    let (events, _heard) = mpsc::channel(8);
    let (_orders, wanted) = mpsc::channel(1);
    let inputs = Wiring { outputs: Vec::new(), ..wiring.clone() };
    let mut driver = Driver::new(&inputs, port, wanted, events);
    driver.look();
    let shown = |driver: &Driver| driver.banks.iter().flat_map(Bank::levels).collect::<Vec<_>>();
    let first = shown(&driver);
    sleep(apart).await;
    // What cannot be read shows in the levels.
    let _ = driver.read();
    let changes = |(signal, active): (Signal, Option<bool>), then: Option<bool>| Peeked {
        signal,
        active,
        is_restless: active.is_some() && then.is_some() && active != then,
    };
    first.into_iter().zip(shown(&driver)).map(|(first, (_, then))| changes(first, then)).collect()
}

/// Drives every output inactive and lets go; what could not be driven, in words.
pub(super) fn release(wiring: &Wiring, port: &mut dyn Port) -> Vec<String> {
    let mut relays = relays_of(wiring);
    claim_due(&mut relays, port);
    relays.iter_mut().filter_map(|these| Some(format!("{}: {}", these.words(), these.release().err()?))).collect()
}

const fn level(active: bool) -> Level {
    if active { Level::Active } else { Level::Inactive }
}

/// What lines of one claim have in common: the place, polarity, and what an input has beside them.
type Key<T> = (Place, bool, T);

/// The inputs by claims.
fn banks_of(wiring: &Wiring) -> Vec<Bank> {
    let key = |line: &InputLine| (line.at.chip.clone(), line.active_low, (line.bias, line.debounce_ms));
    grouped(&wiring.inputs, key).into_iter().map(|(place, lines)| Bank::new(place, lines)).collect()
}

/// The outputs by claims.
fn relays_of(wiring: &Wiring) -> Vec<Relays> {
    let key = |line: &OutputLine| (line.at.chip.clone(), line.active_low, ());
    grouped(&wiring.outputs, key).into_iter().map(|(place, lines)| Relays::new(place, lines)).collect()
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
