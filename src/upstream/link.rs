//! The thread that copies: reads what is next, sends it, keeps what was acknowledged, and waits.
//!
//! One request is under way at a time. What hangs, hangs here; the daemon's loop only ever leaves a word and goes on.

mod answers;
mod aside;

use self::aside::{Aside, Seen};
use super::client::{Client, UpstreamError};
use super::sync::{Answer, Bounds, Step, Sync};
use super::wire::{self, DESTINATION};
use crate::cabinet::Event;
use crate::cabinet::event::UpstreamNews;
use crate::cabinet::power::Mode;
use crate::cabinet::signed::RosterFault;
use crate::cabinet::snapshot::{Snapshot, UpstreamIs, UpstreamView};
use crate::cabinet::types::Mono;
use crate::config::UpstreamConfig;
use crate::io::credentials::Token;
use crate::io::store::{Identity, Marks, Reader, StoreError, head};
use ed25519_dalek::SigningKey;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

/// Bytes of a batch before it is compressed. A record of a visit has some 600.
const BATCH_BYTES: usize = 4 << 20;
/// The first pause after a failure.
const PAUSE_MS: u64 = 1_000;
/// What was acknowledged is kept at least this often while much is sent: more often would only cost the card.
const KEEP_EACH: Duration = Duration::from_secs(2);
/// Asleep, so many times less often.
const ASLEEP_SLOWER: u32 = 12;
/// Orders that wait.
const ORDERS: usize = 64;
/// Payloads that are tried again at once.
const RETRIED_AT_ONCE: usize = 32;

/// Everything the thread needs.
#[derive(Debug)]
pub struct Setup {
    pub config: UpstreamConfig,
    pub identity: Identity,
    pub device_key: SigningKey,
    /// Where the token is.
    pub credentials_dir: PathBuf,
    pub state_dir: PathBuf,
    /// See [`super::machine_name`].
    pub machine: String,
    /// The cabinet as others see it. None: upstream is not shown where each key is.
    pub seen: Option<watch::Receiver<Arc<Snapshot>>>,
}

/// How hard it tries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    Awake,
    /// In standby, on battery.
    Asleep,
}

/// How it stands. Moments are of the boot clock.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct LinkState {
    /// The last record that upstream said it has.
    pub acknowledged: u64,
    /// Payloads that it refused.
    pub parked: BTreeSet<u64>,
    /// The last answer that made sense; none since the daemon's start.
    pub heard: Option<Mono>,
    /// The first failure since then.
    pub failing_since: Option<Mono>,
    /// What went wrong last.
    pub trouble: Option<String>,
    /// It holds what we do not: nothing is sent.
    pub stopped: bool,
    /// It does not even take the envelope of this record.
    pub blocked: Option<u64>,
    /// Why its roster counts for nothing, or was not to be had.
    pub roster_trouble: Option<String>,
}

impl LinkState {
    /// The same for whoever looks, as of `now`, with the ledger at record `head`.
    #[must_use]
    pub fn view(&self, head: u64, now: Mono) -> UpstreamView {
        let state = match (self.stopped, self.blocked, self.failing_since, self.heard) {
            (true, ..) => UpstreamIs::Stopped,
            (_, Some(_), ..) => UpstreamIs::Blocked,
            (.., Some(_), _) => UpstreamIs::Silent,
            (.., None) => UpstreamIs::Unknown,
            _ => UpstreamIs::Current,
        };
        UpstreamView {
            state,
            acknowledged_seq: self.acknowledged,
            waiting: head.saturating_sub(self.acknowledged),
            heard_ago_ms: self.heard.map(|at| now.since_ms(at)),
            silent_ms: self.failing_since.map(|at| now.since_ms(at)),
            parked: self.parked.iter().copied().collect(),
            trouble: self.trouble.clone(),
            roster_trouble: self.roster_trouble.clone(),
        }
    }
}

/// What is asked of the thread.
#[derive(Debug)]
enum Order {
    /// Try now, whatever the pause; the answer comes when upstream has everything or one try has failed. True: it has.
    Flush {
        done: oneshot::Sender<bool>,
    },
    /// Refused payloads once more, and whatever waits.
    Retry,
    /// What the core was told may be lost.
    SayAgain,
    Pace(Pace),
}

/// A hand on the thread. Dropping it ends it.
#[derive(Debug)]
pub struct Link {
    orders: mpsc::Sender<Order>,
    head: watch::Sender<(u64, Mode)>,
    settled: watch::Sender<u64>,
    state: watch::Receiver<LinkState>,
}

impl Link {
    /// Starts the thread. `now`: the boot clock. What the core has to know goes to `events`.
    ///
    /// # Errors
    /// The thread cannot be started. What else is wrong is shown, and tried again: it is no reason for a cabinet not to start.
    pub fn start(
        setup: Setup,
        marks: Marks,
        events: mpsc::Sender<Event>,
        now: impl Fn() -> Mono + Send + 'static,
    ) -> Result<Self, UpstreamError> {
        let (orders, asked) = mpsc::channel(ORDERS);
        let (head, heads) = watch::channel((0, Mode::Line));
        let (settled, settled_roster) = watch::channel(0);
        let (shown, state) = watch::channel(LinkState::default());
        let failed = |error: std::io::Error| UpstreamError::Tls(format!("its thread cannot be started: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let copier = Copier {
            bounds: Bounds {
                records: setup.config.batch_records,
                pause_ms: PAUSE_MS,
                longest_pause_ms: setup.config.longest_pause_s * 1_000,
            },
            setup,
            marks,
            events,
            now: Box::new(now),
            asked,
            heads,
            shown,
            said: Vec::new(),
            flushing: Vec::new(),
            slower: 1,
            kept: 0,
            kept_at: None,
            beat_at: None,
            told: None,
            aside: Aside::default(),
            retry: false,
            settled_roster,
            roster: None,
            rosters_told: BTreeSet::new(),
        };
        std::thread::Builder::new()
            .name("upstream".to_owned())
            .spawn(move || {
                runtime.block_on(copier.run());
                // A look-up of a name under way is nothing to wait for.
                runtime.shutdown_background();
            })
            .map_err(failed)?;
        Ok(Self { orders, head, settled, state })
    }

    /// The ledger's last record and the cabinet's mode, after each commit. Never waits.
    pub fn recorded(&self, seq: u64, mode: Mode) {
        self.head.send_replace((seq, mode));
    }

    /// Up to this version signed rosters were taken or refused by the core: they need not be handed over again.
    pub fn roster_settled(&self, version: u64) {
        self.settled.send_if_modified(|settled| std::mem::replace(settled, version) != version);
    }

    /// Upstream is to have everything now, if that can be.
    #[must_use]
    pub fn flush(&self) -> oneshot::Receiver<bool> {
        let (done, flushed) = oneshot::channel();
        // A thread that is gone, or has too much to do, answers by the channel's end.
        let _ = self.orders.try_send(Order::Flush { done });
        flushed
    }

    /// Refused payloads are to be tried once more.
    pub fn retry(&self) {
        let _ = self.orders.try_send(Order::Retry);
    }

    /// What the core was told went with a disk that was full: how it stands is to be said once more.
    pub fn say_again(&self) {
        let _ = self.orders.try_send(Order::SayAgain);
    }

    /// How hard to try.
    pub fn pace(&self, pace: Pace) {
        let _ = self.orders.try_send(Order::Pace(pace));
    }

    /// How it stands.
    #[must_use]
    pub fn state(&self) -> LinkState {
        self.state.borrow().clone()
    }

    /// Ends when that changes.
    pub async fn changed(&mut self) {
        if self.state.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Why the thread's life is over.
struct Over;

struct Copier {
    bounds: Bounds,
    setup: Setup,
    marks: Marks,
    events: mpsc::Sender<Event>,
    now: Box<dyn Fn() -> Mono + Send>,
    asked: mpsc::Receiver<Order>,
    heads: watch::Receiver<(u64, Mode)>,
    shown: watch::Sender<LinkState>,
    /// The last word to the core on each matter.
    said: Vec<UpstreamNews>,
    flushing: Vec<oneshot::Sender<bool>>,
    slower: u32,
    /// The acknowledgement on the disk.
    kept: u64,
    kept_at: Option<Instant>,
    /// The next heartbeat.
    beat_at: Option<Instant>,
    /// What upstream was told last of how we live.
    told: Option<Life>,
    aside: Aside,
    retry: bool,
    settled_roster: watch::Receiver<u64>,
    /// The roster that upstream served last.
    roster: Option<Seen>,
    /// Those that count for nothing, as far as they were told.
    rosters_told: BTreeSet<(Option<String>, RosterFault)>,
}

/// How we live, as far as upstream is to hear of it at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Life {
    on_battery: bool,
    asleep_until_woken: bool,
}

impl Life {
    const fn of(mode: Mode) -> Self {
        Self {
            on_battery: mode.is_on_battery(),
            asleep_until_woken: matches!(
                mode,
                Mode::FallingAsleep { .. } | Mode::Asleep { .. } | Mode::Manual { method: Some(_) }
            ),
        }
    }
}

impl Copier {
    async fn run(mut self) {
        loop {
            // Authorities and token are read until they can be used: what is put right counts without a restart.
            let client = match self.client() {
                Ok(client) => client,
                Err(why) => {
                    self.show_trouble(&why);
                    self.fell_silent().await;
                    self.end_flush(false);
                    if self.wait(Duration::from_millis(self.bounds.longest_pause_ms)).await.is_err() {
                        return;
                    }
                    continue;
                }
            };
            // The ledger may be out of reach for a while (a full disk, a reader that cannot share it).
            let why = match self.open() {
                Ok((reader, sync)) => {
                    // A former life may have ended between the mark and the alarm, or its end.
                    self.inform(UpstreamNews::Refuses { records: sync.refused().clone() }).await;
                    match self.copy(&client, &reader, sync).await {
                        Ok(Over) => return,
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            if matches!(why, StoreError::Dead) {
                return;
            }
            self.show_trouble(&why.to_string());
            self.end_flush(false);
            let pause_ms = if matches!(why, StoreError::Busy) { PAUSE_MS } else { self.bounds.longest_pause_ms };
            let pause = Duration::from_millis(pause_ms);
            if self.wait(pause).await.is_err() {
                return;
            }
        }
    }

    fn open(&mut self) -> Result<(Reader, Sync), StoreError> {
        let reader = Reader::open(&self.setup.state_dir)?;
        let acknowledged = reader.acknowledged(DESTINATION)?.map_or(0, |head| head.seq);
        let parked = reader.parked()?;
        self.kept = acknowledged;
        self.shown.send_modify(|state| {
            state.acknowledged = acknowledged;
            state.parked.clone_from(&parked);
        });
        Ok((reader, Sync::new(self.bounds, self.setup.machine.clone(), acknowledged, parked)))
    }

    fn client(&self) -> Result<Client, String> {
        let Setup { config, identity, credentials_dir, .. } = &self.setup;
        let token = config.token.as_deref().map(|name| Token::read(credentials_dir, name)).transpose();
        let token = token.map_err(|why| why.to_string())?;
        let deadline = Duration::from_millis(config.request_ms);
        Client::new(&config.url, config.ca_file.as_deref(), token.as_ref(), identity, deadline)
            .map_err(|why| why.to_string())
    }

    async fn copy(&mut self, client: &Client, reader: &Reader, mut sync: Sync) -> Result<Over, StoreError> {
        loop {
            let head = reader.head()?.seq;
            match sync.next(head) {
                // The answer to a heartbeat says where it is as well, and so one that is stopped lives for those over there.
                Step::Ask if sync.is_stopped() && self.is_beat_due() => self.beat(client, reader, &mut sync).await?,
                Step::Ask => {
                    let answer = client.head().await;
                    self.heard(reader, &mut sync, None, answer).await?;
                }
                Step::Send { after, most } => {
                    let excerpt = reader.excerpt(after, most, BATCH_BYTES, &self.setup.config.withheld)?;
                    let Some(excerpt) = excerpt else { continue };
                    let signed = head::sign(&self.setup.identity, DESTINATION, excerpt.last, &self.setup.device_key);
                    let batch = wire::batch(&excerpt, &signed, &self.setup.machine);
                    let answer = match client.records(batch).await {
                        Ok((Answer::Failed { .. }, Some(why))) => Err(why),
                        Ok((answer, _)) => Ok(answer),
                        Err(error) => Err(error),
                    };
                    self.heard(reader, &mut sync, Some((after, excerpt.last.seq)), answer).await?;
                    if sync.held_up_by().is_some() {
                        // Records wait; what goes beside them does not.
                        self.beside_records(client, reader, &mut sync).await?;
                    }
                }
                Step::Rest => {
                    self.keep(reader, &sync, true).await?;
                    self.beside_records(client, reader, &mut sync).await?;
                    let head = reader.head()?.seq;
                    if sync.pause_ms(0) == 0 && sync.next(head) == Step::Rest && !self.is_beat_due() {
                        self.end_flush(true);
                        if self.rest(head).await.is_err() {
                            return Ok(Over);
                        }
                    }
                }
            }
            if self.pause(&sync).await.is_err() {
                return Ok(Over);
            }
        }
    }

    /// Upstream has everything, or takes nothing more: what else there is to say.
    async fn beside_records(&mut self, client: &Client, reader: &Reader, sync: &mut Sync) -> Result<(), StoreError> {
        if std::mem::take(&mut self.retry) {
            self.forget_roster();
            // They are said to be gone only behind an answer.
            self.beat_at = None;
            if let Err(error) = self.retry_payloads(client, reader, sync).await? {
                return self.heard(reader, sync, None, Err(error)).await;
            }
        }
        if !self.flushing.is_empty() || self.is_beat_due() {
            self.beat(client, reader, sync).await?;
        }
        if self.shown.borrow().failing_since.is_none() {
            self.show_keymap(client, reader).await?;
        }
        Ok(())
    }

    /// Says that we live, and how. Until upstream has heard it, it is to be said.
    async fn beat(&mut self, client: &Client, reader: &Reader, sync: &mut Sync) -> Result<(), StoreError> {
        let mode = self.mode();
        let life = Life::of(mode);
        let words = json!({
            "mode": serde_json::to_value(mode).unwrap_or_default()["is"],
            "asleep_until_woken": life.asleep_until_woken,
            "next_within_s": self.beat_each().as_secs(),
            "machine": self.setup.machine,
            "head": wire::head_json(&reader.head()?),
        });
        let answer = client.heartbeat(&words).await;
        if answer.is_ok() {
            self.told = Some(life);
            self.plan_beat();
            self.ask_hint(client, life).await;
            // Somebody who waits for the flush waits for that alone.
            if self.flushing.is_empty() {
                self.ask_for_roster(client).await;
            }
        }
        self.heard(reader, sync, None, answer).await
    }

    fn mode(&self) -> Mode {
        self.heads.borrow().1
    }

    /// All that was refused once more. An error: upstream did not answer.
    async fn retry_payloads(
        &mut self,
        client: &Client,
        reader: &Reader,
        sync: &mut Sync,
    ) -> Result<Result<(), UpstreamError>, StoreError> {
        let refused: Vec<u64> = sync.refused().iter().copied().collect();
        for some in refused.chunks(RETRIED_AT_ONCE) {
            let mut list = Vec::new();
            for seq in some {
                match reader.payload(*seq, &self.setup.config.withheld)? {
                    Some((epoch, salt, payload)) => list.push((*seq, epoch, salt, payload)),
                    // It is to stay here by now: there is nothing that upstream could take.
                    None => self.unpark(*seq, sync).await?,
                }
            }
            if list.is_empty() {
                continue;
            }
            let taken = match client.payloads(&wire::payloads(&list)).await {
                Ok(taken) => taken,
                Err(error) => return Ok(Err(error)),
            };
            for seq in taken.into_iter().filter(|taken| list.iter().any(|(seq, ..)| seq == taken)) {
                self.unpark(seq, sync).await?;
            }
        }
        if sync.refused().len() < refused.len() {
            self.show_refused(sync).await;
        }
        Ok(Ok(()))
    }

    async fn unpark(&self, seq: u64, sync: &mut Sync) -> Result<(), StoreError> {
        self.marks.park(seq, false).await?;
        sync.accepted(seq);
        Ok(())
    }

    /// Makes the acknowledgement durable: when everything is there, else now and then.
    async fn keep(&mut self, reader: &Reader, sync: &Sync, all: bool) -> Result<(), StoreError> {
        let acknowledged = sync.acknowledged();
        let is_due = self.kept_at.is_none_or(|at| at.elapsed() >= KEEP_EACH);
        if acknowledged <= self.kept || !(all || is_due) {
            return Ok(());
        }
        let Some(place) = reader.place(acknowledged)? else { return Ok(()) };
        let signed = head::sign(&self.setup.identity, DESTINATION, place, &self.setup.device_key);
        match self.marks.acknowledge(signed).await {
            // Without it, the next start asks upstream.
            Ok(_) => {
                (self.kept, self.kept_at) = (acknowledged, Some(Instant::now()));
                // What was recorded since is there: so is the alarm.
                self.said.retain(|said| !matches!(said, UpstreamNews::LostData { .. }));
            }
            Err(StoreError::Full | StoreError::Busy) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Waits as long as failures ask for; orders that came meanwhile are taken.
    async fn pause(&mut self, sync: &Sync) -> Result<(), Over> {
        let mut roll = [0; 4];
        // Without chance all cabinets would come back at once; that is all.
        let _ = getrandom::fill(&mut roll);
        let pause_ms = sync.pause_ms(u32::from_ne_bytes(roll));
        if pause_ms > 0 {
            self.end_flush(false);
            let pause = Duration::from_millis(pause_ms) * self.slower;
            let answers = sync.held_up_by().is_some() && self.shown.borrow().failing_since.is_none();
            let beat_at = self.beat_at.filter(|_| answers);
            let until_beat = beat_at.map(|at| at.saturating_duration_since(Instant::now()));
            return self.wait(until_beat.map_or(pause, |until| until.min(pause))).await;
        }
        while let Ok(order) = self.asked.try_recv() {
            self.obey(order).await;
        }
        if self.asked.is_closed() { Err(Over) } else { Ok(()) }
    }

    /// Waits until there is something to do, with everything up to `head` upstream.
    async fn rest(&mut self, head: u64) -> Result<(), Over> {
        while !self.retry && self.flushing.is_empty() && !self.is_beat_due() {
            let keymap_at = self.keymap_at();
            if keymap_at.is_some_and(|at| at <= Instant::now()) {
                return Ok(());
            }
            let until = self.beat_at.into_iter().chain(keymap_at).min().unwrap_or_else(Instant::now);
            tokio::select! {
                order = self.asked.recv() => {
                    let order = order.ok_or(Over)?;
                    let is_to_keep = matches!(order, Order::SayAgain);
                    self.obey(order).await;
                    if is_to_keep {
                        return Ok(());
                    }
                }
                changed = self.heads.changed() => {
                    changed.map_err(|_| Over)?;
                    if self.heads.borrow_and_update().0 > head {
                        // A visit makes several records: they go together.
                        let gather = Duration::from_millis(self.setup.config.gather_ms) * self.slower;
                        return self.wait(gather).await;
                    }
                }
                () = aside::changed(self.setup.seen.as_mut()) => {}
                () = tokio::time::sleep_until(until) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Waits so long, or until an order comes that cannot wait.
    async fn wait(&mut self, length: Duration) -> Result<(), Over> {
        let until = Instant::now() + length;
        while let Ok(order) = timeout(until.saturating_duration_since(Instant::now()), self.asked.recv()).await {
            let order = order.ok_or(Over)?;
            let is_urgent = matches!(order, Order::Flush { .. } | Order::Retry | Order::Pace(Pace::Awake));
            self.obey(order).await;
            if is_urgent {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn obey(&mut self, order: Order) {
        match order {
            Order::SayAgain => {
                for news in self.said.clone() {
                    self.inform(news).await;
                }
                self.forget_roster();
            }
            Order::Flush { done } => self.flushing.push(done),
            Order::Retry => self.retry = true,
            Order::Pace(pace) => {
                self.slower = match pace {
                    Pace::Awake => 1,
                    Pace::Asleep => ASLEEP_SLOWER,
                };
                if self.beat_at.is_some() {
                    self.plan_beat();
                }
            }
        }
    }

    fn beat_each(&self) -> Duration {
        Duration::from_secs(self.setup.config.heartbeat_s) * self.slower
    }

    fn plan_beat(&mut self) {
        self.beat_at = Some(Instant::now() + self.beat_each());
    }

    fn is_beat_due(&self) -> bool {
        self.told != Some(Life::of(self.mode())) || self.beat_at.is_none_or(|at| at <= Instant::now())
    }

    fn end_flush(&mut self, done: bool) {
        for flush in self.flushing.drain(..) {
            // Whoever waited may have given up.
            let _ = flush.send(done);
        }
    }
}
