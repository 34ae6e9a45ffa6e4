//! Towards the event queue: what waits for room in it. Nothing here ever waits for the queue itself.

use crate::cabinet::Event;
use crate::cabinet::types::{Input, Level};
use crate::messages::tell;
use std::collections::{BTreeMap, VecDeque};
use tokio::sync::mpsc;

/// Codes, PINs and presses that wait for room in the event queue. More than that is a flood, not a hand.
const WAITING: usize = 32;

/// What waits for room in the event queue.
#[derive(Debug)]
pub struct Inbox {
    events: mpsc::Sender<Event>,
    /// The last level heard of each line; a line that cannot be read is not here.
    levels: BTreeMap<Input, Level>,
    /// Edges were lost (or the hardware came or went): the picture must be sent before anything else.
    picture_owed: bool,
    /// Chips whose interrupts are dead, when that is to be told.
    judged: Option<Vec<String>>,
    waiting: VecDeque<Event>,
}

impl Inbox {
    /// An inbox before `events`.
    #[must_use]
    pub const fn new(events: mpsc::Sender<Event>) -> Self {
        Self { events, levels: BTreeMap::new(), picture_owed: false, judged: None, waiting: VecDeque::new() }
    }

    /// The hardware came (its picture) or went (nothing can be read).
    pub fn picture(&mut self, levels: impl IntoIterator<Item = (Input, Level)>) {
        self.levels = levels.into_iter().collect();
        self.owe_picture();
    }

    /// What a part of the lines shows; a fault is a line that cannot be read. It is told with the next picture.
    pub fn note(&mut self, input: Input, level: Level) {
        match level {
            Level::Active | Level::Inactive => drop(self.levels.insert(input, level)),
            Level::Fault => drop(self.levels.remove(&input)),
        }
    }

    /// The picture goes out as soon as there is room.
    pub fn owe_picture(&mut self) {
        self.picture_owed = true;
        self.flush();
    }

    /// One line has a new level.
    pub fn edge(&mut self, input: Input, level: Level) {
        self.levels.insert(input, level);
        self.flush();
        if self.picture_owed || self.events.try_send(Event::LineChanged { input, level }).is_err() {
            if !self.picture_owed {
                tell!(EDGES_LOST, "the event queue is full: edges were lost, the whole picture follows");
            }
            self.picture_owed = true;
        }
    }

    /// Which chips' interrupts are dead, all of them.
    pub fn judge(&mut self, dead: Vec<String>) {
        self.judged = Some(dead);
        self.flush();
    }

    /// An input of a person.
    pub fn typed(&mut self, event: Event) {
        if self.waiting.len() >= WAITING {
            tell!(INPUT_DROPPED, "the event queue is full: an input of a person was dropped");
            return;
        }
        self.waiting.push_back(event);
        self.flush();
    }

    fn is_behind(&self) -> bool {
        self.picture_owed || self.judged.is_some() || !self.waiting.is_empty()
    }

    /// Sends what waits, as far as there is room.
    pub fn flush(&mut self) {
        while self.is_behind() {
            let Ok(room) = self.events.try_reserve() else { return };
            if self.picture_owed {
                self.picture_owed = false;
                room.send(Event::LinesRead(self.levels.iter().map(|(input, level)| (*input, *level)).collect()));
            } else if let Some(dead) = self.judged.take() {
                room.send(Event::InterruptsJudged { dead });
            } else if let Some(event) = self.waiting.pop_front() {
                room.send(event);
            }
        }
    }

    /// Ends when there is room for what waits; never, if nothing does.
    pub async fn room(&self) {
        if self.is_behind() && self.events.reserve().await.is_ok() {
            return;
        }
        std::future::pending::<()>().await;
    }
}
