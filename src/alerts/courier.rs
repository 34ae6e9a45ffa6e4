//! The thread that tells people: reads what is new in the ledger, has each [`Lane`] decide, sends, and keeps how far it came.
//!
//! One message is under way for each lane at a time, and none waits for another's. What hangs, hangs here; the daemon's loop only ever
//! leaves a word and goes on.
//!
//! What is told under duress moves nothing that anybody near the cabinet can see: no count, no time, no trouble, no entry of the log.

use super::kinds::{self, Class, Telling};
use super::letter::{Desk, Letter, Numbers};
use super::plan::{Ending, Kept, Lane, News, Next, Parcel, Wishes};
use super::send::{Failure, Ways};
use crate::cabinet::fact::Fact;
use crate::cabinet::roster::Roster;
use crate::cabinet::sentence::{Names, Sentence};
use crate::cabinet::snapshot::{AlertsView, RecipientIs, RecipientView};
use crate::cabinet::types::{Mono, Now};
use crate::config::{MailConfig, Recipient, To};
use crate::io::journal::DISCREET;
use crate::io::store::{Entry, Identity, Marks, Reader, StoreError, head};
use crate::messages::tell;
use ed25519_dalek::SigningKey;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::LocalSet;

/// Records that are read at once.
const PAGE: usize = 500;
/// So many records that nobody is told of are looked at again after a crash, at most.
const KEEP_EACH: u64 = 2_000;
/// Orders that wait.
const ORDERS: usize = 64;
/// The longest that it looks at nothing: clocks are set, and digests have an hour.
const LOOK: Duration = Duration::from_secs(600);
/// The ledger is out of reach for so long at least.
const PAUSE: Duration = Duration::from_secs(5);

/// Everything the thread needs.
#[derive(Debug)]
pub struct Setup {
    pub mail: Option<MailConfig>,
    pub recipients: Vec<Recipient>,
    pub identity: Identity,
    pub device_key: SigningKey,
    pub credentials_dir: PathBuf,
    pub state_dir: PathBuf,
    pub zone: TimeZone,
}

/// How a recipient stands, as far as it may be shown. Moments are of the boot clock.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Shown {
    name: String,
    by: &'static str,
    /// Urgent news that wait.
    urgent: usize,
    /// News that wait for the digest.
    routine: usize,
    /// Since this start.
    told: Option<Mono>,
    failing_since: Option<Mono>,
    trouble: Option<String>,
}

/// What is asked of the thread.
#[derive(Debug)]
enum Order {
    /// What is urgent is to go now; the answer comes when it went, or was tried once. True: it went.
    Flush {
        done: oneshot::Sender<bool>,
    },
    Pace {
        is_asleep: bool,
    },
}

/// A hand on the thread. Dropping it ends it.
#[derive(Debug)]
pub struct Post {
    orders: mpsc::Sender<Order>,
    head: watch::Sender<u64>,
    state: watch::Receiver<Vec<Shown>>,
}

impl Post {
    /// Starts the thread.
    ///
    /// # Errors
    /// It cannot be started. What else is wrong is shown, and tried again: it is no reason for a cabinet not to start.
    pub fn start(setup: Setup, marks: Marks, now: impl Fn() -> Now + Send + 'static) -> std::io::Result<Self> {
        let (orders, asked) = mpsc::channel(ORDERS);
        let (head, heads) = watch::channel(0);
        let shown: Vec<Shown> = setup.recipients.iter().map(Shown::of).collect();
        let (shown, state) = watch::channel(shown);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (ended, endings) = mpsc::channel(3 * setup.recipients.len().max(1));
        let ways = Ways { mail: setup.mail.clone(), credentials_dir: setup.credentials_dir.clone() };
        let courier = Courier {
            setup,
            ways,
            marks,
            now: Box::new(now),
            asked,
            heads,
            shown,
            ended,
            endings,
            lanes: Vec::new(),
            kept: BTreeMap::new(),
            flushing: Vec::new(),
            is_asleep: false,
            is_blind: false,
        };
        std::thread::Builder::new().name(DISCREET.to_owned()).spawn(move || {
            LocalSet::new().block_on(&runtime, courier.run());
            // A look-up of a name under way is nothing to wait for.
            runtime.shutdown_background();
        })?;
        Ok(Self { orders, head, state })
    }

    /// The ledger's last record, after each commit. Never waits.
    pub fn recorded(&self, seq: u64) {
        self.head.send_replace(seq);
    }

    /// What is urgent is to go now, if that can be.
    #[must_use]
    pub fn flush(&self) -> oneshot::Receiver<bool> {
        let (done, flushed) = oneshot::channel();
        // A thread that is gone, or has too much to do, answers by the channel's end.
        let _ = self.orders.try_send(Order::Flush { done });
        flushed
    }

    /// Asleep on battery, as little as possible is done.
    pub fn pace(&self, is_asleep: bool) {
        let _ = self.orders.try_send(Order::Pace { is_asleep });
    }

    /// How it stands, as of `now`.
    #[must_use]
    pub fn view(&self, now: Mono) -> AlertsView {
        AlertsView { recipients: self.state.borrow().iter().map(|shown| shown.view(now)).collect() }
    }

    /// Ends when that changes.
    pub async fn changed(&mut self) {
        if self.state.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Shown {
    fn of(recipient: &Recipient) -> Self {
        let by = match recipient.to {
            To::Mail { .. } => "mail",
            To::Webhook { .. } => "webhook",
        };
        Self { name: recipient.name.clone(), by, urgent: 0, routine: 0, told: None, failing_since: None, trouble: None }
    }

    fn view(&self, now: Mono) -> RecipientView {
        let state = match (self.failing_since, self.urgent) {
            (Some(_), _) => RecipientIs::Failing,
            (None, 0) => RecipientIs::Fine,
            (None, _) => RecipientIs::Waiting,
        };
        RecipientView {
            name: self.name.clone(),
            by: self.by.to_owned(),
            state,
            urgent_waiting: self.urgent as u64,
            routine_waiting: self.routine as u64,
            told_ago_ms: self.told.map(|at| now.since_ms(at)),
            failing_ms: self.failing_since.map(|at| now.since_ms(at)),
            trouble: self.trouble.clone(),
        }
    }
}

/// Why the thread's life is over.
struct Over;

/// A lane and whose it is.
struct Route {
    recipient: usize,
    lane: Lane,
}

struct Flush {
    done: oneshot::Sender<bool>,
    /// Routes that were tried since, in vain.
    failed: BTreeSet<usize>,
}

struct Courier {
    setup: Setup,
    ways: Ways,
    marks: Marks,
    now: Box<dyn Fn() -> Now + Send>,
    asked: mpsc::Receiver<Order>,
    heads: watch::Receiver<u64>,
    shown: watch::Sender<Vec<Shown>>,
    ended: mpsc::Sender<(usize, Result<(), Failure>)>,
    endings: mpsc::Receiver<(usize, Result<(), Failure>)>,
    lanes: Vec<Route>,
    /// What is on the disk.
    kept: BTreeMap<String, Kept>,
    flushing: Vec<Flush>,
    is_asleep: bool,
    /// The ledger is out of reach, and that was said.
    is_blind: bool,
}

impl Courier {
    async fn run(mut self) {
        loop {
            // The ledger may be out of reach for a while (a full disk, a reader that cannot share it).
            let why = match Reader::open(&self.setup.state_dir) {
                Ok(reader) => match self.serve(&reader).await {
                    Ok(Over) => return,
                    Err(error) => error,
                },
                Err(error) => error,
            };
            if matches!(why, StoreError::Dead) {
                return;
            }
            if !std::mem::replace(&mut self.is_blind, true) {
                tell!(ALERTS_BLIND, "nobody can be told of what is new: {why}");
            }
            self.end_flushes(true);
            if self.wait(PAUSE).await.is_err() {
                return;
            }
        }
    }

    async fn serve(&mut self, reader: &Reader) -> Result<Over, StoreError> {
        if self.lanes.is_empty() {
            self.begin(reader)?;
            // A recipient that is new has its beginning from now on.
            self.keep().await?;
        }
        loop {
            self.read(reader)?;
            // What was written with the word to go does not wait either.
            for (index, Route { lane, .. }) in self.lanes.iter_mut().enumerate() {
                if self.flushing.iter().any(|flush| !flush.failed.contains(&index)) {
                    lane.hurry();
                }
            }
            let next = self.send_what_may_go(reader).await?;
            if std::mem::take(&mut self.is_blind) {
                tell!(ALERTS_SEE, "people can be told again of what is new");
            }
            self.show();
            self.end_flushes(false);
            if self.wait(next).await.is_err() {
                return Ok(Over);
            }
        }
    }

    fn begin(&mut self, reader: &Reader) -> Result<(), StoreError> {
        let head = reader.head()?.seq;
        let now = (self.now)();
        let kept = reader.told()?.map(|text| serde_json::from_str(&text));
        // One that cannot be read is as good as none: everybody is new.
        self.kept = kept.and_then(Result::ok).unwrap_or_default();
        for (index, recipient) in self.setup.recipients.iter().enumerate() {
            let wishes = Wishes { urgent_per_h: recipient.urgent_per_h, digest_at: recipient.digest_at.clone() };
            for class in Class::ALL {
                let is_wanted = match class {
                    Class::Silent => recipient.duress,
                    Class::Urgent => recipient.urgent,
                    Class::Routine => recipient.routine,
                };
                if is_wanted {
                    let kept = self.kept.get(&lane_name(recipient, class)).cloned();
                    let lane = Lane::new(class, wishes.clone(), kept, head, now);
                    self.lanes.push(Route { recipient: index, lane });
                }
            }
        }
        Ok(())
    }

    /// What is new in the ledger, for each lane that has room for it.
    fn read(&mut self, reader: &Reader) -> Result<(), StoreError> {
        let head = reader.head()?.seq;
        let mut roster = None;
        while let Some(after) =
            self.lanes.iter().filter_map(|route| route.lane.reads_after()).min().filter(|after| *after < head)
        {
            let (entries, last) = reader.news(after, PAGE)?;
            for entry in &entries {
                if let Some(news) = told_as(reader, entry, &mut roster)? {
                    let news = Arc::new(news);
                    for route in &mut self.lanes {
                        route.lane.take(&news);
                    }
                }
            }
            for route in &mut self.lanes {
                route.lane.read_up_to(last);
            }
            if last <= after {
                break;
            }
        }
        Ok(())
    }

    /// Sends what may go; how long until there may be more.
    async fn send_what_may_go(&mut self, reader: &Reader) -> Result<Duration, StoreError> {
        let now = (self.now)();
        let mut next = LOOK;
        let mut parcels = Vec::new();
        for (index, route) in self.lanes.iter_mut().enumerate() {
            match route.lane.next(now, self.is_asleep) {
                Next::Rest => {}
                Next::Wait(ms) => next = next.min(Duration::from_millis(ms)),
                Next::Send => parcels.extend(route.lane.begin(now).map(|parcel| (index, parcel))),
            }
        }
        let is_far = self.lanes.iter().any(|route| {
            let name = lane_name(&self.setup.recipients[route.recipient], route.lane.class());
            self.kept.get(&name).is_none_or(|kept| route.lane.kept().mark >= kept.mark + KEEP_EACH)
        });
        if !parcels.is_empty() || is_far {
            // Before it goes: should the process end now, the same parcel goes again.
            if let Err(error) = self.keep().await {
                return Err(self.not_gone(&parcels, now, error));
            }
        }
        let mut letters = Vec::with_capacity(parcels.len());
        for (index, parcel) in &parcels {
            match self.letter(reader, *index, parcel) {
                Ok(letter) => letters.push((*index, letter)),
                Err(error) => return Err(self.not_gone(&parcels, now, error)),
            }
        }
        for (index, letter) in letters {
            let recipient = self.setup.recipients[self.lanes[index].recipient].clone();
            let (ways, ended) = (self.ways.clone(), self.ended.clone());
            tokio::task::spawn_local(async move {
                let how = ways.send(&recipient, &letter).await;
                // The courier is gone when the process ends.
                let _ = ended.send((index, how)).await;
            });
        }
        Ok(next)
    }

    /// None of them has left: they wait as before.
    fn not_gone(&mut self, parcels: &[(usize, Parcel)], now: Now, why: StoreError) -> StoreError {
        for (index, _) in parcels {
            self.lanes[*index].lane.ended(Ending::Refused, now, self.is_asleep, 0);
        }
        why
    }

    fn letter(&self, reader: &Reader, index: usize, parcel: &Parcel) -> Result<Letter, StoreError> {
        let Setup { identity, device_key, zone, recipients, .. } = &self.setup;
        let recipient = &recipients[self.lanes[index].recipient];
        let last = reader.head()?;
        let head = recipient.head.then(|| head::sign(identity, &recipient.name, last, device_key));
        let records = Numbers::of(recipient, &reader.hidden()?, last.seq);
        let at_end = reader.place(parcel.upto)?.map(|place| place.hash).unwrap_or_default();
        let desk = Desk { identity, recipient: &recipient.name, zone, now: (self.now)(), head: head.as_ref(), records };
        Ok(desk.write(parcel, &at_end))
    }

    /// Waits for a word, a record, an ending, or until then.
    async fn wait(&mut self, length: Duration) -> Result<(), Over> {
        tokio::select! {
            order = self.asked.recv() => match order.ok_or(Over)? {
                Order::Flush { done } => {
                    for route in &mut self.lanes {
                        route.lane.hurry();
                    }
                    self.flushing.push(Flush { done, failed: BTreeSet::new() });
                }
                Order::Pace { is_asleep } => self.is_asleep = is_asleep,
            },
            changed = self.heads.changed() => changed.map_err(|_| Over)?,
            Some((index, how)) = self.endings.recv() => self.heard(index, how).await,
            () = tokio::time::sleep(length) => {}
        }
        Ok(())
    }

    /// A message was taken, or not.
    async fn heard(&mut self, index: usize, how: Result<(), Failure>) {
        let now = (self.now)();
        let mut roll = [0; 4];
        // Without chance the pause is the shortest one.
        let _ = getrandom::fill(&mut roll);
        let ending = match &how {
            Ok(()) => Ending::Taken,
            Err(Failure { is_certain: true, .. }) => Ending::Refused,
            Err(Failure { is_certain: false, .. }) => Ending::Unsure,
        };
        let route = &mut self.lanes[index];
        route.lane.ended(ending, now, self.is_asleep, u32::from_ne_bytes(roll));
        if how.is_err() {
            for flush in &mut self.flushing {
                flush.failed.insert(index);
            }
        }
        if route.lane.class() != Class::Silent {
            let recipient = route.recipient;
            self.show_ending(recipient, how, now.mono);
        }
        if ending == Ending::Taken {
            // What is not kept may be told once more after a restart. Nothing is said of it: it may have been under duress.
            let _ = self.keep().await;
        }
    }

    fn show_ending(&self, recipient: usize, how: Result<(), Failure>, now: Mono) {
        let name = self.setup.recipients[recipient].name.clone();
        let was_failing = self.shown.borrow()[recipient].failing_since.is_some();
        match how {
            Ok(()) => {
                if was_failing {
                    tell!(ALERTS_ARRIVE, "{name:?} is told again what is new");
                }
                self.shown.send_modify(|shown| {
                    let shown = &mut shown[recipient];
                    (shown.told, shown.failing_since, shown.trouble) = (Some(now), None, None);
                });
            }
            Err(Failure { why, .. }) => {
                if !was_failing {
                    tell!(ALERTS_FAIL, "{name:?} cannot be told what is new: {why}");
                }
                self.shown.send_modify(|shown| {
                    let shown = &mut shown[recipient];
                    shown.failing_since.get_or_insert(now);
                    shown.trouble = Some(why);
                });
            }
        }
    }

    /// What waits, for whoever looks.
    fn show(&self) {
        let mut counts = vec![(0, 0); self.setup.recipients.len()];
        for Route { recipient, lane } in &self.lanes {
            match lane.class() {
                Class::Silent => {}
                Class::Urgent => counts[*recipient].0 += lane.waiting(),
                Class::Routine => counts[*recipient].1 += lane.waiting(),
            }
        }
        self.shown.send_if_modified(|shown| {
            let mut is_news = false;
            for (shown, (urgent, routine)) in shown.iter_mut().zip(counts) {
                is_news |= (shown.urgent, shown.routine) != (urgent, routine);
                (shown.urgent, shown.routine) = (urgent, routine);
            }
            is_news
        });
    }

    /// Answers those who wait until what is urgent is told. `all`: it cannot be now.
    fn end_flushes(&mut self, all: bool) {
        let lanes = &self.lanes;
        let left: Vec<usize> = lanes
            .iter()
            .enumerate()
            .filter(|(_, route)| route.lane.class() != Class::Routine && route.lane.waiting() > 0)
            .map(|(index, _)| index)
            .collect();
        for flush in std::mem::take(&mut self.flushing) {
            if all || left.iter().all(|index| flush.failed.contains(index)) {
                // Whoever waited may have given up.
                let _ = flush.done.send(left.is_empty() && !all);
            } else {
                self.flushing.push(flush);
            }
        }
    }

    /// How far everybody was told, on the disk.
    async fn keep(&mut self) -> Result<(), StoreError> {
        let recipients = &self.setup.recipients;
        let all: BTreeMap<String, Kept> = self
            .lanes
            .iter()
            .map(|Route { recipient, lane }| (lane_name(&recipients[*recipient], lane.class()), lane.kept().clone()))
            .collect();
        if all == self.kept {
            return Ok(());
        }
        let text = serde_json::to_string(&all).unwrap_or_default();
        match self.marks.told(text).await {
            Ok(()) => self.kept = all,
            // With a full disk it is told all the more; some of it once more after a restart.
            Err(StoreError::Full | StoreError::Busy) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn lane_name(recipient: &Recipient, class: Class) -> String {
    format!("{}/{}", recipient.name, class.word())
}

/// How a record is told; none: not at all.
fn told_as(reader: &Reader, entry: &Entry, roster: &mut Option<Roster>) -> Result<Option<News>, StoreError> {
    let Some((_, fact)) = entry.fact() else { return Ok(None) };
    let about = reader.alarm_of(&fact)?;
    let hidden = reader.hidden()?;
    let Some(telling) = kinds::of_fact(&fact, about.as_ref(), &hidden) else { return Ok(None) };
    let roster = match roster {
        Some(roster) => roster,
        None => roster.insert(reader.roster()?),
    };
    let names = Names(Some(roster));
    let clock_trusted = entry.header.stamp.clock.is_trusted();
    let sentence = Sentence { fact: &fact, names, clock_trusted };
    let sentence = match &fact {
        Fact::AlarmRaised { alarm, .. } => format!("{}.", capital(&names.alarm(alarm))),
        Fact::AlarmCleared { .. } => match &about {
            Some(alarm) => format!("{sentence} It was: {}.", names.alarm(alarm)),
            None => sentence.to_string(),
        },
        _ => sentence.to_string(),
    };
    let (seq, at) = (entry.header.seq, entry.header.stamp);
    let number = hidden.number(seq);
    let Telling { kind, class, tie, held_ms, is_drill } = telling;
    Ok(Some(News { seq, number, at, kind, class, tie, held_ms, is_drill, sentence }))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
