//! The outputs of one place, on a thread of their own: what another chip's bus does holds up no pulse of this one.

use super::buzzer::Buzzer;
use super::driver::Orders;
use super::lamp::Blinker;
use super::port::{Port, PortError};
use super::relays::Relays;
use crate::cabinet::types::{Level, Output};
use crate::io::lines::pulses::{Pulses, until};
use crate::io::lines::wiring::output_words;
use crate::io::lines::{LineError, Order, Wanted};
use crate::messages::tell;
use std::collections::BTreeSet;
use tokio::time::Instant;

pub(super) struct Hand {
    port: Box<dyn Port>,
    wanted: Orders,
    pulses: Pulses,
    buzzer: Buzzer,
    lamp: Blinker,
    /// Lights and loads that are energised until they are told otherwise. A claim begins with all inactive, and nobody orders them
    /// anew. No lock or latch is ever here.
    steady: BTreeSet<Output>,
    relays: Vec<Relays>,
}

impl Hand {
    pub(super) fn new(relays: Vec<Relays>, port: Box<dyn Port>, wanted: Orders) -> Self {
        let (pulses, buzzer, lamp) = (Pulses::default(), Buzzer::default(), Blinker::default());
        Self { port, wanted, pulses, buzzer, lamp, steady: BTreeSet::new(), relays }
    }

    /// Runs until told to end, or until nobody holds the outputs any more.
    pub(super) async fn run(mut self) {
        while self.claim_one() {}
        loop {
            let pulse = self.pulses.next();
            let due = self.relays.iter().filter_map(Relays::due).min();
            tokio::select! {
                // Ending a pulse goes before everything: it is what keeps the door locked.
                biased;
                () = until(pulse.map(|(at, _)| at)) => {
                    if let Some((_, output)) = pulse {
                        self.end_pulse(output);
                    }
                }
                wanted = self.wanted.recv() => match wanted {
                    // A bus that hung held it up.
                    Some((Wanted::Order(order), reply)) if reply.is_closed() && order.energises() => {
                        tell!(ORDER_TOO_LATE, "an order came too late and was left alone: {order:?}");
                    }
                    // Whoever asked may be gone.
                    Some((Wanted::Order(order), reply)) => drop(reply.send(self.obey(&order))),
                    Some((Wanted::Shutdown, reply)) => {
                        let released = self.release();
                        self.relays.clear();
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
                () = until(self.lamp.next()) => {
                    let lit = self.lamp.step();
                    // Its chip is away, which is said elsewhere; the next step tries again.
                    let _ = self.drive(Output::Status, lit);
                }
                // One claim a turn: each may hang.
                () = until(due) => drop(self.claim_one()),
            }
        }
    }

    fn obey(&mut self, order: &Order) -> Result<(), LineError> {
        match *order {
            Order::Set { output, level, for_ms } => {
                let longest_ms = self.place_of(output).and_then(|(relays, index)| relays.longest_ms(index));
                let for_ms = for_ms.map(|ms| match output {
                    Output::Lock(_) | Output::Latch(_) => longest_ms.map_or(ms, |longest| ms.min(longest)),
                    Output::Led(_) | Output::Buzzer | Output::Status | Output::Load(_) => ms,
                });
                if output == Output::Buzzer {
                    self.buzzer.stop();
                }
                self.pulses.heed(&Order::Set { output, level, for_ms });
                self.remember(output, level == Level::Active && for_ms.is_none());
                self.drive(output, level == Level::Active)
            }
            Order::Release(_) => self.release(),
            Order::Sound(sound) => {
                self.buzzer.play(sound);
                self.drive(Output::Buzzer, true)
            }
            Order::Lamp(lamp) => {
                let is_steady = self.lamp.show(lamp);
                self.remember(Output::Status, is_steady);
                self.drive(Output::Status, true)
            }
            Order::Read(_) | Order::Show(_) | Order::PowerOff { .. } => Ok(()),
        }
    }

    fn remember(&mut self, output: Output, is_steady: bool) {
        match output {
            Output::Led(_) | Output::Load(_) | Output::Status if is_steady => drop(self.steady.insert(output)),
            Output::Led(_) | Output::Load(_) | Output::Status | Output::Lock(_) | Output::Latch(_) | Output::Buzzer => {
                self.steady.remove(&output);
            }
        }
    }

    fn place_of(&mut self, output: Output) -> Option<(&mut Relays, usize)> {
        self.relays.iter_mut().find_map(|relays| relays.find(output).map(|index| (relays, index)))
    }

    fn drive(&mut self, output: Output, active: bool) -> Result<(), LineError> {
        let Some((relays, index)) = self.place_of(output) else { return Err(super::driver::not_wired(output)) };
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
        self.lamp.stop();
        self.steady.clear();
        let failures: Vec<PortError> = self.relays.iter_mut().filter_map(|relays| relays.release().err()).collect();
        failures.into_iter().next().map_or(Ok(()), |why| Err(LineError::Failed(why.to_string())))
    }

    /// Claims the first outputs that are due; true if there were any. What was steady is so again.
    fn claim_one(&mut self) -> bool {
        let now = Instant::now();
        let is_due = |relays: &Relays| relays.due().is_some_and(|due| due <= now);
        let Some(index) = self.relays.iter().position(is_due) else { return false };
        let relays = &mut self.relays[index];
        if let Some(parts) = relays.claim(&mut *self.port) {
            self.relays.splice(index..=index, parts);
        } else if relays.due().is_none() {
            let lines = self.steady.iter().filter_map(|output| relays.find(*output)).collect::<Vec<_>>();
            // A failure is told there, and the claim is due again.
            let _ = lines.into_iter().try_for_each(|line| relays.drive(line, true));
        }
        true
    }
}
