//! The inputs, on a thread of their own: edges, polls and claims, one after the other.

use super::Peeked;
use super::bank::{Bank, Look};
use super::driver::{Orders, banks_of};
use super::port::{Ear, Heard, LOTS, News, Port};
use crate::cabinet::Event;
use crate::cabinet::types::Level;
use crate::io::lines::inbox::Inbox;
use crate::io::lines::pulses::until;
use crate::io::lines::wiring::{Place, Signal, Wiring};
use crate::io::lines::{LineError, Wanted};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

pub(super) struct Senses {
    port: Box<dyn Port>,
    wanted: Orders,
    inbox: Inbox,
    banks: Vec<Bank>,
    poll: Duration,
    /// Claims so far: each has a number of its own.
    claims: u64,
    ear: mpsc::Sender<Heard>,
    heard: mpsc::Receiver<Heard>,
    /// Chips whose interrupts are dead, as told last.
    dead: Vec<String>,
}

impl Senses {
    pub(super) fn new(wiring: &Wiring, port: Box<dyn Port>, wanted: Orders, events: mpsc::Sender<Event>) -> Self {
        let (ear, heard) = mpsc::channel(LOTS);
        Self {
            port,
            wanted,
            inbox: Inbox::new(events),
            banks: banks_of(wiring),
            poll: Duration::from_millis(wiring.poll_ms),
            claims: 0,
            ear,
            heard,
            dead: Vec::new(),
        }
    }

    /// Runs until told to end, or until nobody holds the outputs any more.
    pub(super) async fn run(mut self) {
        if !self.look() {
            // Nothing can be read, which has to be said.
            self.inbox.owe_picture();
        }
        loop {
            let due = self.banks.iter().map(Bank::due).min();
            tokio::select! {
                biased;
                wanted = self.wanted.recv() => match wanted {
                    // Whoever asked may be gone.
                    Some((Wanted::Order(_), reply)) => drop(reply.send(self.read())),
                    Some((Wanted::Shutdown, reply)) => {
                        self.banks.clear();
                        // What read their edges lets go as well, before anybody hears of the end.
                        tokio::task::yield_now().await;
                        drop(reply.send(Ok(())));
                        return;
                    }
                    None => return,
                },
                () = until(due) => drop(self.look()),
                Some(heard) = self.heard.recv() => self.hear(heard),
                () = self.inbox.room() => self.inbox.flush(),
            }
        }
    }

    /// Does what is due. Whatever it finds comes in one picture; true if there was one.
    pub(super) fn look(&mut self) -> bool {
        // An edge that waits here already clears its interrupt.
        for _ in 0..LOTS {
            let Ok(heard) = self.heard.try_recv() else { break };
            self.hear(heard);
        }
        let mut is_whole = false;
        let mut index = 0;
        while let Some(bank) = self.banks.get_mut(index) {
            let (claims, ear) = (&mut self.claims, &self.ear);
            let before = Instant::now();
            let look = bank.look(
                &mut *self.port,
                || {
                    *claims += 1;
                    Ear { claim: *claims, to: ear.clone() }
                },
                self.poll,
            );
            self.forgive(before.elapsed());
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
        self.judge(false);
        is_whole
    }

    /// While a bus hung, nobody could hear an edge.
    pub(super) fn forgive(&mut self, blocked: Duration) {
        for bank in &mut self.banks {
            bank.forgive(blocked);
        }
    }

    fn hear(&mut self, heard: Heard) {
        let Some(index) = self.banks.iter().position(|bank| bank.is_claim(heard.claim)) else { return };
        let before = Instant::now();
        let look = match heard.news {
            News::Edges(edges) => self.banks[index].hear(&edges),
            News::Gone(why) => self.banks[index].lose(why),
        };
        self.forgive(before.elapsed());
        if self.tell(index, look) {
            self.inbox.owe_picture();
        }
        self.judge(false);
    }

    /// Tells which interrupts are dead, when that is news, or when whoever reads everything anew may not have heard of it.
    fn judge(&mut self, is_anew: bool) {
        let dead: BTreeSet<&Place> = self.banks.iter().filter_map(Bank::dead).collect();
        let dead: Vec<String> = dead.into_iter().map(ToString::to_string).collect();
        if dead != self.dead || (is_anew && !dead.is_empty()) {
            self.dead.clone_from(&dead);
            self.inbox.judge(dead);
        }
    }

    /// Reads everything anew.
    pub(super) fn read(&mut self) -> Result<(), LineError> {
        for index in 0..self.banks.len() {
            let before = Instant::now();
            let look = self.banks[index].read();
            self.forgive(before.elapsed());
            self.tell(index, look);
        }
        self.inbox.owe_picture();
        self.judge(true);
        let is_readable = self.banks.iter().flat_map(Bank::levels).any(|(_, level)| level.is_some());
        if is_readable { Ok(()) } else { Err(LineError::Failed("no line can be read".into())) }
    }

    /// Tells edges, and notes a whole bank for the next picture. True: a picture is owed.
    fn tell(&mut self, index: usize, look: Look) -> bool {
        match look {
            Look::Whole(changed) => {
                for (signal, shown) in self.banks[index].levels() {
                    if let Signal::Sense(input) = signal {
                        self.inbox.note(input, shown.map_or(Level::Fault, level));
                    }
                }
                // A sensor's level is in the picture; a press is nowhere else.
                if changed.contains(&(Signal::Button, true)) {
                    self.inbox.typed(Event::ButtonPressed);
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

/// Claims the inputs alone, reads them twice, and lets go.
pub(super) async fn peek(wiring: &Wiring, port: Box<dyn Port>, apart: Duration) -> Vec<Peeked> {
    let (events, _heard) = mpsc::channel(8);
    let (_orders, wanted) = mpsc::channel(1);
    let mut senses = Senses::new(wiring, port, wanted, events);
    senses.look();
    let shown = |senses: &Senses| senses.banks.iter().flat_map(Bank::levels).collect::<Vec<_>>();
    let first = shown(&senses);
    sleep(apart).await;
    // What cannot be read shows in the levels.
    let _ = senses.read();
    let changes = |(signal, active): (Signal, Option<bool>), then: Option<bool>| Peeked {
        signal,
        active,
        is_restless: active.is_some() && then.is_some() && active != then,
    };
    first.into_iter().zip(shown(&senses)).map(|(first, (_, then))| changes(first, then)).collect()
}

const fn level(active: bool) -> Level {
    if active { Level::Active } else { Level::Inactive }
}
