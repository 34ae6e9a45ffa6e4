//! Takes the readers, hears them, and takes them again when they come back. One task for all.

use super::found::Fit;
use super::port::{Claim, Ear, Heard, Port};
use super::typing::{Dropped, Typed, Typing};
use super::wanted::Wanted;
use crate::cabinet::Event;
use crate::messages::tell;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// After a device came, udev gives it its rights and links.
const SETTLE: Duration = Duration::from_millis(300);
/// The first and the longest pause before one is tried again that is there and could not be taken.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// Where nobody tells of devices, they are looked for this often while one is missing.
const BLIND: Duration = Duration::from_secs(30);
/// Keys on their way; beyond, the kernel keeps them.
const STROKES: usize = 64;
/// What is dropped at one reader is said so often at most.
const SAID: Duration = Duration::from_secs(600);

/// All readers of this cabinet.
#[derive(Debug)]
pub(super) struct Watch {
    readers: Vec<Reader>,
    port: Box<dyn Port>,
    events: mpsc::Sender<Event>,
    ear: mpsc::Sender<(usize, u64, Heard)>,
    heard: mpsc::Receiver<(usize, u64, Heard)>,
    claims: u64,
}

impl std::fmt::Debug for dyn Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Port")
    }
}

#[derive(Debug)]
struct Reader {
    wanted: Wanted,
    typing: Typing,
    /// When what is half typed is forgotten.
    forget: Option<Instant>,
    state: State,
    /// What was said of it while it is away.
    said: Option<String>,
    dropped: Drops,
}

#[derive(Debug)]
enum State {
    Held {
        claim: u64,
        node: PathBuf,
        _device: Claim,
    },
    /// With when it is tried again; none = when something is plugged in.
    Away {
        again: Option<Instant>,
        pause: Duration,
    },
}

/// What came to nothing, counted between two words about it.
#[derive(Debug, Default)]
struct Drops {
    since: Option<Instant>,
    count: u32,
}

impl Watch {
    pub(super) fn new(wanted: &[Wanted], port: Box<dyn Port>, events: mpsc::Sender<Event>) -> Self {
        let (ear, heard) = mpsc::channel(STROKES);
        let readers = wanted.iter().cloned().map(Reader::new).collect();
        Self { readers, port, events, ear, heard, claims: 0 }
    }

    /// Until nobody wants the events any more.
    pub(super) async fn run(mut self) {
        let mut changes = self.port.changes();
        let mut look: Option<Instant> = Some(Instant::now());
        let mut blind = false;
        loop {
            let due = self.readers.iter().filter_map(Reader::due).chain(look).min();
            tokio::select! {
                () = self.events.closed() => return,
                Some((reader, claim, heard)) = self.heard.recv() => self.hear(reader, claim, heard),
                change = changes.recv(), if !blind => {
                    blind = change.is_none();
                    look.get_or_insert(Instant::now() + SETTLE);
                }
                () = until(due) => {
                    let now = Instant::now();
                    self.readers.iter_mut().for_each(|reader| reader.forget_half(now));
                    if look.is_some_and(|at| at <= now) || self.readers.iter().any(|reader| reader.is_tried(now)) {
                        self.look();
                        let missing = self.readers.iter().any(Reader::is_away);
                        look = (blind && missing).then(|| Instant::now() + BLIND);
                    }
                }
            }
        }
    }

    /// Looks at what there is, and takes what is wanted and not held.
    fn look(&mut self) {
        let found = self.port.look();
        let fits: Vec<Fit<'_>> = self.readers.iter().map(|reader| reader.wanted.fit(&found)).collect();
        for (index, fit) in fits.iter().enumerate() {
            if !self.readers[index].is_away() {
                continue;
            }
            let Fit::One(device) = fit else {
                let why =
                    fit.trouble(self.readers[index].wanted.kind).map(|(what, remedy)| format!("{what}; {remedy}"));
                self.readers[index].miss(why.unwrap_or_default(), false);
                continue;
            };
            let others = fits.iter().zip(&self.readers).enumerate().filter(|(other, _)| *other != index);
            let twice = others
                .filter(|(_, (fit, reader))| {
                    matches!(fit, Fit::One(other) if other.node == device.node) || reader.holds(&device.node)
                })
                .map(|(_, (_, reader))| reader.wanted.to_string())
                .next();
            if let Some(other) = twice {
                let why = format!("{device} is {other} as well; describe each so that it fits one device");
                self.readers[index].miss(why, false);
                continue;
            }
            self.claims += 1;
            let ear = Ear { reader: index, claim: self.claims, to: self.ear.clone() };
            match self.port.claim(&device.node, ear) {
                Ok(claim) => self.readers[index].take(claim, self.claims, device.node.clone(), &device.to_string()),
                Err(why) => self.readers[index].miss(why.to_string(), true),
            }
        }
    }

    fn hear(&mut self, index: usize, claim: u64, heard: Heard) {
        let Some(reader) = self.readers.get_mut(index) else { return };
        if !matches!(reader.state, State::Held { claim: held, .. } if held == claim) {
            return;
        }
        match heard {
            Heard::Stroke(stroke) => {
                let typed = reader.typing.stroke(stroke);
                reader.forget =
                    reader.typing.is_half().then(|| Instant::now() + Duration::from_millis(reader.wanted.pause_ms));
                match typed {
                    Typed::Nothing => {}
                    Typed::Event(event) => {
                        if self.events.try_send(event).is_err() {
                            tell!(
                                INPUT_DROPPED,
                                "the event queue is full: what was read at {} was dropped",
                                reader.wanted
                            );
                        }
                    }
                    Typed::Dropped(why) => reader.drop_one(why),
                }
            }
            Heard::Lost => {
                reader.typing.lose();
                reader.forget = Some(Instant::now() + Duration::from_millis(reader.wanted.pause_ms));
                tell!(READER_NONSENSE, "keys of {} were lost: what was half read is forgotten", reader.wanted);
            }
            Heard::Gone(why) => reader.lose(&why),
        }
    }
}

impl Reader {
    fn new(wanted: Wanted) -> Self {
        let state = State::Away { again: None, pause: PAUSE.0 };
        let typing = Typing::new(&wanted);
        Self { wanted, typing, forget: None, state, said: None, dropped: Drops::default() }
    }

    fn is_away(&self) -> bool {
        matches!(self.state, State::Away { .. })
    }

    fn holds(&self, other: &std::path::Path) -> bool {
        matches!(&self.state, State::Held { node, .. } if node == other)
    }

    fn is_tried(&self, now: Instant) -> bool {
        matches!(self.state, State::Away { again: Some(again), .. } if again <= now)
    }

    fn due(&self) -> Option<Instant> {
        let again = if let State::Away { again, .. } = self.state { again } else { None };
        again.into_iter().chain(self.forget).min()
    }

    fn forget_half(&mut self, now: Instant) {
        if self.forget.is_some_and(|at| at <= now) {
            self.forget = None;
            self.typing.forget();
        }
    }

    fn take(&mut self, device: Claim, claim: u64, node: PathBuf, words: &str) {
        self.typing.begin_anew();
        self.state = State::Held { claim, node, _device: device };
        self.said = None;
        tell!(READER_TAKEN, "{} is {words}; what it types goes to the cabinet alone", self.wanted);
    }

    /// It is not there, or could not be taken: said once for each reason. What is there is tried again after a growing pause, and the first
    /// time nothing is said: udev may not have given it its rights yet, or its former owner is about to let go.
    fn miss(&mut self, why: String, is_there: bool) {
        let State::Away { again, pause } = &mut self.state else { return };
        let is_early = is_there && *pause == PAUSE.0;
        *again = is_there.then(|| Instant::now() + *pause);
        *pause = if is_there { (*pause * 2).min(PAUSE.1) } else { PAUSE.0 };
        if !is_early && self.said.as_ref() != Some(&why) {
            tell!(READER_NOT_TAKEN, "{} is not taken: {why}", self.wanted);
            self.said = Some(why);
        }
    }

    fn lose(&mut self, why: &str) {
        self.typing.begin_anew();
        self.forget = None;
        tell!(READER_GONE, "{} is gone: {why}; it is taken again when it is back", self.wanted);
        // That it is missing need not be said as well.
        self.said = Fit::Nothing.trouble(self.wanted.kind).map(|(what, remedy)| format!("{what}; {remedy}"));
        self.state = State::Away { again: Some(Instant::now() + PAUSE.0), pause: PAUSE.0 };
    }

    fn drop_one(&mut self, why: Dropped) {
        self.dropped.count = self.dropped.count.saturating_add(1);
        if self.dropped.since.is_none_or(|since| since.elapsed() >= SAID) {
            tell!(READER_NONSENSE, "{} of what was read at {} came to nothing: {why}", self.dropped.count, self.wanted);
            self.dropped = Drops { since: Some(Instant::now()), count: 0 };
        }
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
