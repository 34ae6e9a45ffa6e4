//! Chips for the driver's tests: their lines are pushed and looked at from outside.

use super::port::{Driven, Ear, Edge, Heard, News, Port, PortError, Sensed};
use crate::io::lines::wiring::{InputLine, OutputLine, Place};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

type At = (Place, u32);

#[derive(Default)]
struct World {
    gone: BTreeSet<Place>,
    /// Lines that another program holds.
    taken: BTreeSet<At>,
    /// Chips without an interrupt line.
    edgeless: BTreeSet<Place>,
    levels: BTreeMap<At, bool>,
    seqnos: BTreeMap<At, u32>,
    ears: BTreeMap<At, Ear>,
    /// Every level that was driven, in order.
    driven: Vec<(At, bool)>,
    outputs: BTreeMap<At, bool>,
    claims: u32,
    reads: u32,
    /// Breaks the next so many reads or drives.
    glitches: u32,
    /// Buses that hang: every call takes so long, and fails.
    hung: BTreeMap<Place, Duration>,
    /// How often one was waited for.
    hangs: u32,
}

/// A handle to all chips.
#[derive(Clone, Default)]
pub(super) struct Fake(Arc<Mutex<World>>);

fn chip(name: &str) -> Place {
    Place::Chip(name.to_owned())
}

fn away(place: &Place) -> PortError {
    PortError::NoChip(place.to_string(), "plug it in".to_owned())
}

impl Fake {
    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().expect("no test panics with it")
    }

    /// A level changes, and its edge is told.
    pub(super) fn push(&self, name: &str, line: u32, active: bool) {
        self.change(name, line, active, true, 1);
    }

    /// A level changes, and its interrupt does not come.
    pub(super) fn push_silently(&self, name: &str, line: u32, active: bool) {
        self.change(name, line, active, false, 0);
    }

    /// So many edges come, of which only the last is kept by the kernel.
    pub(super) fn push_and_lose(&self, name: &str, line: u32, active: bool, edges: u32) {
        self.change(name, line, active, true, edges);
    }

    fn change(&self, name: &str, line: u32, active: bool, told: bool, edges: u32) {
        let mut world = self.world();
        let at = (chip(name), line);
        world.levels.insert(at.clone(), active);
        let seqno = world.seqnos.entry(at.clone()).or_default();
        *seqno += edges;
        let edge = Edge { line, active, seqno: *seqno };
        if let Some(ear) = world.ears.get(&at).filter(|_| told) {
            let heard = Heard { claim: ear.claim, news: News::Edges(vec![edge]) };
            ear.to.try_send(heard).expect("the driver listens");
        }
    }

    /// The chip goes: nothing answers, and its edges end.
    pub(super) fn unplug(&self, name: &str) {
        let mut world = self.world();
        let place = chip(name);
        world.gone.insert(place.clone());
        let ears: Vec<Ear> =
            world.ears.iter().filter(|((at, _), _)| *at == place).map(|(_, ear)| ear.clone()).collect();
        world.ears.retain(|(at, _), _| *at != place);
        for ear in ears {
            // One claim has one queue; the others of it find it closed already.
            let _ = ear.to.try_send(Heard { claim: ear.claim, news: News::Gone(away(&place)) });
        }
    }

    pub(super) fn plug(&self, name: &str) {
        self.world().gone.remove(&chip(name));
    }

    /// Every call to the chip blocks for so long, and fails.
    pub(super) fn hang(&self, name: &str, long: Duration) {
        self.world().hung.insert(chip(name), long);
    }

    pub(super) fn hangs(&self) -> u32 {
        self.world().hangs
    }

    /// The world, once the chip's bus has answered or has given up.
    fn reach(&self, place: &Place) -> Result<MutexGuard<'_, World>, PortError> {
        let mut world = self.world();
        let Some(long) = world.hung.get(place).copied() else { return Ok(world) };
        world.hangs += 1;
        drop(world);
        std::thread::sleep(long);
        Err(PortError::Failed(place.to_string(), "timed out".into()))
    }

    pub(super) fn take(&self, name: &str, line: u32) {
        self.world().taken.insert((chip(name), line));
    }

    pub(super) fn let_go(&self, name: &str, line: u32) {
        self.world().taken.remove(&(chip(name), line));
    }

    pub(super) fn without_edges(&self, name: &str) {
        self.world().edgeless.insert(chip(name));
    }

    pub(super) fn glitch(&self, times: u32) {
        self.world().glitches = times;
    }

    /// Whether an output is energised.
    pub(super) fn is_on(&self, name: &str, line: u32) -> bool {
        self.world().outputs.get(&(chip(name), line)).copied().unwrap_or_default()
    }

    /// Leaves an output energised, as a killed process does.
    pub(super) fn left_on(&self, name: &str, line: u32) {
        self.world().outputs.insert((chip(name), line), true);
    }

    /// What was driven since, in order: line and level.
    pub(super) fn driven(&self) -> Vec<(u32, bool)> {
        std::mem::take(&mut self.world().driven).into_iter().map(|((_, line), active)| (line, active)).collect()
    }

    pub(super) fn claims(&self) -> u32 {
        self.world().claims
    }

    pub(super) fn reads(&self) -> u32 {
        self.world().reads
    }
}

struct Claim {
    fake: Fake,
    place: Place,
    lines: Vec<u32>,
    edges: bool,
}

impl World {
    fn answers(&mut self, place: &Place) -> Result<(), PortError> {
        if self.gone.contains(place) {
            return Err(away(place));
        }
        if self.glitches > 0 {
            self.glitches -= 1;
            return Err(PortError::Failed(place.to_string(), "a glitch".into()));
        }
        Ok(())
    }

    fn claim(&mut self, place: &Place, lines: impl Iterator<Item = u32>) -> Result<Vec<u32>, PortError> {
        self.claims += 1;
        self.answers(place)?;
        let lines: Vec<u32> = lines.collect();
        match lines.iter().find(|line| self.taken.contains(&(place.clone(), **line))) {
            Some(line) => Err(PortError::Busy(format!("line {line} of {place}"), "\"another\"".into())),
            None => Ok(lines),
        }
    }
}

impl Port for Fake {
    fn claim_inputs(&mut self, place: &Place, lines: &[InputLine], ear: Ear) -> Result<Box<dyn Sensed>, PortError> {
        let mut world = self.reach(place)?;
        let lines = world.claim(place, lines.iter().map(|line| line.at.line))?;
        let edges = !world.edgeless.contains(place);
        for &line in lines.iter().filter(|_| edges) {
            world.ears.insert((place.clone(), line), ear.clone());
            world.seqnos.insert((place.clone(), line), 0);
        }
        Ok(Box::new(Claim { fake: self.clone(), place: place.clone(), lines, edges }))
    }

    fn claim_outputs(&mut self, place: &Place, lines: &[OutputLine]) -> Result<Box<dyn Driven>, PortError> {
        let mut world = self.reach(place)?;
        let lines = world.claim(place, lines.iter().map(|line| line.at.line))?;
        for &line in &lines {
            world.outputs.insert((place.clone(), line), false);
        }
        Ok(Box::new(Claim { fake: self.clone(), place: place.clone(), lines, edges: false }))
    }
}

impl Sensed for Claim {
    fn read(&mut self) -> Result<Vec<bool>, PortError> {
        let mut world = self.fake.reach(&self.place)?;
        world.reads += 1;
        world.answers(&self.place)?;
        let level = |line: &u32| world.levels.get(&(self.place.clone(), *line)).copied().unwrap_or_default();
        Ok(self.lines.iter().map(level).collect())
    }

    fn tells_edges(&self) -> bool {
        self.edges
    }
}

impl Driven for Claim {
    fn drive(&mut self, index: usize, active: bool) -> Result<(), PortError> {
        let mut world = self.fake.reach(&self.place)?;
        world.answers(&self.place)?;
        let at = (self.place.clone(), self.lines[index]);
        world.driven.push((at.clone(), active));
        world.outputs.insert(at, active);
        Ok(())
    }
}
