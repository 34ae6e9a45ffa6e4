//! Inputs that were claimed together: their levels, the numbers of their edges, and whether their interrupt lives.

use super::claim::{Claim, Tried};
use super::port::{Ear, Edge, Port, PortError, Sensed};
use crate::io::lines::wiring::{InputLine, Place, Signal};
use crate::messages::tell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;
use tokio::time::Instant;

/// An edge follows the change of a level within this, or its interrupt is dead.
const GRACE: Duration = Duration::from_millis(500);
/// Without edges the levels are read this often.
const WITHOUT_EDGES: Duration = Duration::from_millis(100);
/// What is due so soon is done with what is due now.
const TOGETHER: Duration = Duration::from_millis(20);

/// Inputs of one place, claimed together.
#[derive(Debug)]
pub(super) struct Bank {
    place: Place,
    lines: Vec<InputLine>,
    claim: Claim<Held>,
}

struct Held {
    sensed: Box<dyn Sensed>,
    claim: u64,
    levels: Vec<bool>,
    /// The last number of each line's edges.
    seqnos: Vec<u32>,
    next_poll: Instant,
    /// Changed without an edge so far, and until when one may follow.
    suspects: BTreeMap<usize, Instant>,
    /// Changed without an edge at all.
    deaf: BTreeSet<usize>,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("claim", &self.claim).field("levels", &self.levels).finish_non_exhaustive()
    }
}

/// What became of a look at a bank.
#[derive(Debug)]
pub(super) enum Look {
    /// These lines changed.
    Changed(Vec<(Signal, bool)>),
    /// Its lines can be read again, or not any more, or edges were lost: all its levels are to be told. These lines changed
    /// meanwhile.
    Whole(Vec<(Signal, bool)>),
    /// To be claimed one by one.
    Parted(Vec<Bank>),
}

impl Look {
    const NOTHING: Self = Self::Changed(Vec::new());
}

impl Bank {
    pub(super) fn new(place: Place, lines: Vec<InputLine>) -> Self {
        Self { place, lines, claim: Claim::due_now() }
    }

    /// When it has something to do.
    pub(super) fn due(&self) -> Instant {
        match &self.claim {
            Claim::Held(held) => held.suspects.values().copied().fold(held.next_poll, Instant::min),
            Claim::Away(_) => self.claim.due().unwrap_or_else(Instant::now),
        }
    }

    /// Where it is, if a line of it changed without an interrupt.
    pub(super) fn dead(&self) -> Option<&Place> {
        matches!(&self.claim, Claim::Held(held) if !held.deaf.is_empty()).then_some(&self.place)
    }

    pub(super) fn is_claim(&self, claim: u64) -> bool {
        matches!(&self.claim, Claim::Held(held) if held.claim == claim)
    }

    /// What each line shows; none = it cannot be read.
    pub(super) fn levels(&self) -> impl Iterator<Item = (Signal, Option<bool>)> {
        let levels = match &self.claim {
            Claim::Held(held) => held.levels.as_slice(),
            Claim::Away(_) => &[],
        };
        self.lines.iter().enumerate().map(|(index, line)| (line.signal, levels.get(index).copied()))
    }

    /// Does what is due: claims, polls, judges interrupts.
    pub(super) fn look(&mut self, port: &mut dyn Port, ear: impl FnOnce() -> Ear, poll: Duration) -> Look {
        let now = Instant::now();
        let is_due = self.claim.due().is_some_and(|due| due <= now + TOGETHER);
        match &mut self.claim {
            Claim::Away(_) if is_due => self.take(port, ear(), poll),
            Claim::Away(_) => Look::NOTHING,
            Claim::Held(held) => {
                let (dead, waiting): (BTreeMap<_, _>, BTreeMap<_, _>) =
                    std::mem::take(&mut held.suspects).into_iter().partition(|(_, until)| *until <= now);
                held.suspects = waiting;
                for index in dead.into_keys().filter(|index| held.deaf.insert(*index)) {
                    let line = &self.lines[index];
                    tell!(
                        INTERRUPT_DEAD,
                        "{} ({}) changed without an interrupt: the interrupt line of its chip is dead, its levels are polled; \
                         look at that wire, and at `dmesg`",
                        line.signal,
                        line.at
                    );
                    held.next_poll = now;
                }
                if held.next_poll <= now + TOGETHER { self.poll(poll) } else { Look::NOTHING }
            }
        }
    }

    fn take(&mut self, port: &mut dyn Port, ear: Ear, poll: Duration) -> Look {
        let claim = ear.claim;
        let claimed = port.claim_inputs(&self.place, &self.lines, ear);
        let held = claimed.and_then(|mut sensed| {
            let levels = sensed.read()?;
            let seqnos = vec![0; levels.len()];
            let (next_poll, suspects, deaf) = (Instant::now() + poll, BTreeMap::new(), BTreeSet::new());
            Ok(Held { sensed, claim, levels, seqnos, next_poll, suspects, deaf })
        });
        match self.claim.tried(held, self.lines.len(), &self.words(), "read") {
            Tried::Held => {
                if matches!(&self.claim, Claim::Held(held) if !held.sensed.tells_edges()) {
                    tell!(
                        POLLED,
                        "{} give no interrupts, so they are polled ten times a second; wire the chip's interrupt line",
                        self.words()
                    );
                }
                self.pace(poll);
                Look::Whole(Vec::new())
            }
            Tried::Parted => {
                let alone = |line: InputLine| Self::new(self.place.clone(), vec![line]);
                Look::Parted(std::mem::take(&mut self.lines).into_iter().map(alone).collect())
            }
            Tried::Failed => Look::NOTHING,
        }
    }

    /// "slot 7's sensor", "16 inputs at gpiochip2".
    fn words(&self) -> String {
        match self.lines.as_slice() {
            [one] => one.signal.to_string(),
            many => format!("{} inputs at {}", many.len(), self.place),
        }
    }

    /// When the levels are read next.
    fn pace(&mut self, poll: Duration) {
        if let Claim::Held(held) = &mut self.claim {
            let blind = !held.sensed.tells_edges() || !held.deaf.is_empty();
            held.next_poll = Instant::now() + if blind { WITHOUT_EDGES.min(poll) } else { poll };
        }
    }

    /// Nobody could hear an edge for so long.
    pub(super) fn forgive(&mut self, blocked: Duration) {
        if let Claim::Held(held) = &mut self.claim {
            for until in held.suspects.values_mut() {
                *until += blocked;
            }
        }
    }

    /// Reads the levels, behind the edges.
    fn poll(&mut self, poll: Duration) -> Look {
        match self.compare(true) {
            Ok(changed) => {
                self.pace(poll);
                Look::Changed(changed)
            }
            Err(why) => self.lose(why),
        }
    }

    /// Reads every level anew, for whoever asked.
    pub(super) fn read(&mut self) -> Look {
        match self.compare(true) {
            Ok(changed) => Look::Whole(changed),
            Err(why) => self.lose(why),
        }
    }

    /// Reads the levels, with a second try for a glitch of the bus: what changed, of which an edge is expected still.
    fn compare(&mut self, edges_follow: bool) -> Result<Vec<(Signal, bool)>, PortError> {
        let Claim::Held(held) = &mut self.claim else { return Ok(Vec::new()) };
        let levels = held.sensed.read().or_else(|_| held.sensed.read())?;
        let mut changed = Vec::new();
        for (index, level) in levels.into_iter().enumerate() {
            if std::mem::replace(&mut held.levels[index], level) != level {
                changed.push((self.lines[index].signal, level));
                if edges_follow && held.sensed.tells_edges() && !held.deaf.contains(&index) {
                    held.suspects.insert(index, Instant::now() + GRACE);
                }
            }
        }
        Ok(changed)
    }

    /// It does not answer any more.
    pub(super) fn lose(&mut self, why: PortError) -> Look {
        tell!(LINES_LOST, "{} cannot be read any more: {why}; claiming them again", self.words());
        self.claim.lose(why);
        Look::Whole(Vec::new())
    }

    /// Edges, in their order.
    pub(super) fn hear(&mut self, edges: &[Edge]) -> Look {
        let Claim::Held(held) = &mut self.claim else { return Look::NOTHING };
        let (mut changed, mut lost) = (Vec::new(), 0_u32);
        for edge in edges {
            let Some(index) = self.lines.iter().position(|line| line.at.line == edge.line) else { continue };
            let line = &self.lines[index];
            lost = lost.saturating_add(edge.seqno.wrapping_sub(held.seqnos[index]).wrapping_sub(1));
            held.seqnos[index] = edge.seqno;
            held.suspects.remove(&index);
            if held.deaf.remove(&index) {
                tell!(LINES_BACK, "{} ({}) gives interrupts again", line.signal, line.at);
            }
            // A poll may have been quicker; a button is pressed once.
            if std::mem::replace(&mut held.levels[index], edge.active) != edge.active {
                changed.push((line.signal, edge.active));
            }
        }
        if lost == 0 {
            return Look::Changed(changed);
        }
        tell!(EDGES_LOST, "{lost} edges of {} were lost: its lines are read anew", self.words());
        // The edge of what is found now may be among those that were lost.
        match self.compare(false) {
            Ok(found) => {
                changed.extend(found);
                Look::Whole(changed)
            }
            Err(why) => self.lose(why),
        }
    }
}
