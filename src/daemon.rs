//! The daemon: the one place that wires the core to the world.
//!
//! ```text
//!   lines, reader ──┐                         ┌──▶ hands ──▶ relays, lights, display
//!   ends of commands ┤   drain up to 64       │
//!   UPS ─────────────┼─▶ step each ─▶ commit ─┼──▶ snapshot for readers
//!   control socket ──┤   (keeper)    once     │
//!   deadlines, stop ─┘                        └──▶ answers
//! ```
//!
//! Each source has a bounded queue of its own, so that a flood in one cannot keep another waiting; lines come first. The loop
//! waits for nothing but events and the commit. Whatever way it ends, the outputs are driven inactive (`guard.rs`).
//!
//! **Does not** decide anything, know what a record says, or repeat a command.

mod clerk;
mod guard;
mod hands;
pub mod in_force;
pub mod keeper;
mod publish;
pub mod records;
mod reload;
mod sleeper;
mod start;

use crate::alerts::Post;
use crate::cabinet::Event;
use crate::cabinet::event::{Ask, StopReason, StoreState};
use crate::cabinet::fact::Record;
use crate::cabinet::outcome::{Action, Answer, Command, CommandResult, Denial};
use crate::cabinet::power::UpsReading;
use crate::cabinet::roster::Roster;
use crate::cabinet::snapshot::Snapshot;
use crate::cabinet::types::{CommandId, Mono, RequestKey};
use crate::config::{Config, ConfigError, Lines};
use crate::io::clock::Clock;
use crate::io::control::{Accounts, Inbound, LocalAsk, Unhashed};
use crate::io::credentials::Pepper;
use crate::io::credentials::pin::{PinError, hash_pin, set_pin};
use crate::io::journal::Log;
use crate::io::lines::Outputs;
use crate::io::lines::wiring::Wiring;
use crate::io::store::{Head, StoreError};
use crate::io::systemd;
use crate::io::ups::Poller;
use crate::messages::tell;
use crate::upstream::roster::{self, Expected};
use crate::upstream::{Link, Pace};
use clerk::Clerk;
use guard::Guard;
use hands::Hands;
use keeper::{Keeper, Taken};
use reload::{Hindrance, Reload};
use sleeper::Sleeper;
use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior};

/// Events of one transaction at most.
const BATCH: usize = 64;
/// Events that wait, per source.
const QUEUE: usize = 256;
/// The proof of life is written this often.
const PROOF_MS: u64 = 60_000;
/// Asleep it is written so many times less often: each writing wakes the disk.
const ASLEEP_SLOWER: u32 = 5;
/// Asleep the UPS is asked this often: each poll wakes the machine some seven times. That mains is back, upsmon tells at once.
const SPARING_MS: u64 = 90_000;
/// Simulated time may run fast; polls do not.
const SHORTEST_POLL: Duration = Duration::from_millis(100);
/// While the disk is full, room is looked for this often; a failed deadline is not tried again sooner than this.
const ROOM: Duration = Duration::from_secs(10);
/// The head is signed this often, if it moved.
const SIGN: Duration = Duration::from_secs(3600);
/// A machine that goes down waits so long for what is urgent to leave.
const LAST_WORD: Duration = Duration::from_secs(5);
/// Every line is read anew this often, so that a lost edge is noticed.
const SELF_CHECK: Duration = Duration::from_secs(300);

/// Why the daemon ended, if not because it was told to.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Runs until told to stop. `config` was read from `file`, which is read again at a SIGHUP. Records are told to `log` once they are on
/// the disk.
///
/// # Errors
/// It could not start, or the ledger failed: the process must end and start again.
pub fn run(config: Config, file: &Path, log: Log) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let guard = Guard::default();
    guard.listen();
    let (dirs, state_dir, lines) = (config.run_dirs(), config.state_dir.clone(), config.lines.clone());
    let result = guard.run(&runtime, async {
        let daemon = Box::pin(Daemon::start(config, file, log, &guard)).await?;
        Box::pin(daemon.serve(&guard)).await
    });
    if let Err(error) = &result {
        // It did not come as far as the lines: what a killed one left energised goes off all the same, unless another daemon has them.
        let is_used = matches!(error.downcast_ref(), Some(StoreError::InUse { .. }));
        if guard.outputs.get().is_none() && !is_used {
            runtime.shutdown_timeout(Duration::from_millis(200));
            outputs_off(
                &dirs,
                &state_dir,
                match &lines {
                    Lines::Real(wiring) => Some(wiring),
                    Lines::Sim { .. } => None,
                },
            );
            return result;
        }
    }
    // A look-up of a name or a PIN under way is nothing to wait for.
    runtime.shutdown_timeout(Duration::from_millis(200));
    result
}

/// For a start that comes to nothing: what a killed daemon left energised goes off. `written`: the outputs that the config tells.
pub fn outputs_off(dirs: &[PathBuf], state_dir: &Path, written: Option<&Wiring>) {
    let mut released = in_force::release(dirs, state_dir, written);
    // The ledger's writer of this process may have the lock a moment longer.
    for _ in 0..10 {
        if !matches!(released, Err(in_force::Untouched::Runs)) {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
        released = in_force::release(dirs, state_dir, written);
    }
    match released {
        Ok(released) => released.failures.iter().for_each(|why| tell!(OUTPUTS_NOT_OFF, "{why}")),
        Err(why) => tell!(OUTPUTS_NOT_OFF, "{why}"),
    }
}

struct Daemon {
    /// Where the wiring in force is kept.
    run_dirs: Vec<PathBuf>,
    clock: Arc<Clock>,
    keeper: Keeper,
    clerk: Clerk,
    hands: Hands,
    outputs: Outputs,
    pepper: Arc<Pepper>,
    snapshot: watch::Sender<Arc<Snapshot>>,
    roster: watch::Sender<Arc<Roster>>,
    replies: HashMap<RequestKey, oneshot::Sender<Answer>>,
    queues: Queues,
    unhashed: mpsc::Receiver<Unhashed>,
    /// Where the ends of commands go.
    done: mpsc::Sender<Event>,
    inbound: mpsc::Sender<Inbound>,
    sleeper: Sleeper,
    reload: Reload,
    hangup: Signal,
    /// Which group stands for which role at the control socket.
    accounts: Accounts,
    /// Kept: dropping it ends the polling.
    poller: Option<Poller>,
    /// None: the ledger is copied nowhere.
    upstream: Option<Link>,
    /// Whom a roster must be signed by, and for. None: no signed roster counts.
    signers: Option<Arc<Expected>>,
    /// None: nobody elsewhere is told of alarms.
    post: Option<Post>,
    /// The last reading of the UPS: its figures are shown, and recorded only when the supply changes.
    reading: Option<UpsReading>,
    /// In standby, or out of power: as little as possible is done.
    asleep: bool,
    /// The state as last told to systemd.
    told: String,
    /// The head that was signed last.
    signed: Option<Head>,
}

/// Everything that comes in.
struct Queues {
    lines: mpsc::Receiver<Event>,
    readers: mpsc::Receiver<Event>,
    done: mpsc::Receiver<Event>,
    ups: mpsc::Receiver<Event>,
    upstream: mpsc::Receiver<Event>,
    control: mpsc::Receiver<Inbound>,
}

impl Queues {
    /// Fills a batch with what waits already, without waiting: lines first, but each other source has a share that they do not take.
    fn drain(&mut self, batch: &mut Vec<Inbound>) {
        const SHARE: usize = BATCH / 8;
        for (queue, most) in [
            (&mut self.lines, BATCH - 5 * SHARE),
            (&mut self.readers, BATCH - 4 * SHARE),
            (&mut self.done, BATCH - 3 * SHARE),
            (&mut self.ups, BATCH - 2 * SHARE),
            (&mut self.upstream, BATCH - SHARE),
        ] {
            while batch.len() < most
                && let Ok(event) = queue.try_recv()
            {
                batch.push(Inbound { event, reply: None });
            }
        }
        while batch.len() < BATCH
            && let Ok(inbound) = self.control.try_recv()
        {
            batch.push(inbound);
        }
    }
}

impl Daemon {
    async fn serve(mut self, guard: &Guard) -> Result<(), Failure> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let in_a_window = std::io::stderr().is_terminal();
        let proof_each = self.clock.real(PROOF_MS).max(SHORTEST_POLL);
        let mut proved = Instant::now();
        let mut check = tokio::time::interval_at(Instant::now() + SELF_CHECK, SELF_CHECK);
        let mut sign = tokio::time::interval_at(Instant::now() + SIGN, SIGN);
        let mut watchdog = systemd::watchdog_interval().map(tokio::time::interval);
        let mut room = tokio::time::interval_at(Instant::now() + ROOM, ROOM);
        // While there is room nobody waits for this one: what it missed must not come all at once.
        room.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tell_systemd(systemd::ready(&self.told));
        tell!(READY, "ready");
        loop {
            if self.reload.waits() && self.hindrance().is_none() {
                self.reconfigure().await?;
            }
            let deadline = self.deadline();
            let proof_due = proved + proof_each * if self.asleep { ASLEEP_SLOWER } else { 1 };
            let full = self.keeper.cabinet().store_state() == StoreState::Reserve;
            let plain = |event| Inbound { event, reply: None };
            let first = tokio::select! {
                biased;
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = self.hangup.recv() => {
                    // The window that it runs in was closed.
                    if in_a_window {
                        break;
                    }
                    tell_systemd(systemd::reloading());
                    self.reload.begin();
                    continue;
                }
                read = self.reload.read() => {
                    self.config_read(read).await?;
                    continue;
                }
                () = guard.fallen() => return Err("a part of the program panicked (see above); please report it".into()),
                // What the clock asks for is rare and short: before the queues, so that a flood does not put it off.
                () = tick(watchdog.as_mut()) => {
                    self.feed_watchdog().await?;
                    continue;
                }
                () = tokio::time::sleep_until(proof_due) => {
                    proved = Instant::now();
                    self.prove_life().await?;
                    continue;
                }
                _ = sign.tick() => {
                    self.sign_head().await?;
                    continue;
                }
                _ = check.tick() => {
                    self.read_lines();
                    continue;
                }
                _ = room.tick(), if full => {
                    if !self.keeper.store().try_refill_reserve().await? {
                        continue;
                    }
                    plain(Event::StoreChanged(StoreState::Writable))
                }
                Some(event) = self.queues.lines.recv() => plain(event),
                Some(event) = self.queues.readers.recv() => plain(event),
                Some(event) = self.queues.done.recv() => plain(event),
                () = sleep_until(deadline) => plain(Event::Tick),
                () = self.clock.learned() => {
                    self.take(vec![plain(Event::Tick)]).await?;
                    self.refresh(false);
                    continue;
                }
                Some(event) = self.queues.ups.recv() => plain(event),
                Some(event) = self.queues.upstream.recv() => plain(event),
                () = upstream_changed(self.upstream.as_mut()) => {
                    self.refresh(false);
                    continue;
                }
                () = post_changed(self.post.as_mut()) => {
                    self.refresh(false);
                    continue;
                }
                Some(inbound) = self.queues.control.recv() => inbound,
                Some(unhashed) = self.unhashed.recv() => {
                    self.hash(unhashed);
                    continue;
                }
            };
            let mut batch = vec![first];
            self.queues.drain(&mut batch);
            self.take(batch).await?;
        }
        self.stop().await
    }

    /// The config was read again. Taken or not, systemd is told that this is done.
    async fn config_read(&mut self, read: Result<Config, ConfigError>) -> Result<(), Failure> {
        let hindrance = self.hindrance();
        self.reload.heard(read, hindrance);
        // What it takes away from accounts waits for nobody.
        self.accounts.put(&self.reload.accounts());
        if self.reload.waits() && hindrance.is_none() {
            self.reconfigure().await?;
        }
        self.publish();
        tell_systemd(systemd::ready(&self.told));
        Ok(())
    }

    /// What keeps other rules from being taken now.
    fn hindrance(&self) -> Option<Hindrance> {
        let cabinet = self.keeper.cabinet();
        if cabinet.store_state() == StoreState::Reserve {
            Some(Hindrance::NoRoom)
        } else {
            (!cabinet.may_change_rules()).then_some(Hindrance::Somebody)
        }
    }

    /// The rules that were read again, between two visits.
    async fn reconfigure(&mut self) -> Result<(), Failure> {
        if let Some(event) = self.reload.event() {
            self.take(vec![Inbound { event, reply: None }]).await?;
        }
        let life = self.keeper.cabinet().books().life.as_ref();
        self.reload.taken(life.map_or("", |life| &life.config_hash));
        self.accounts.put(&self.reload.accounts());
        self.publish();
        Ok(())
    }

    /// A start and a stop are recorded whatever the room: the batch that finds the disk full counts for nothing, so it is taken once
    /// more, from the reserve.
    async fn insist(&mut self, event: Event) -> Result<(), Failure> {
        let before = self.keeper.cabinet().store_state();
        self.take(vec![Inbound { event: event.clone(), reply: None }]).await?;
        if self.keeper.cabinet().store_state() != before {
            self.take(vec![Inbound { event, reply: None }]).await?;
        }
        Ok(())
    }

    /// One batch through the keeper, and what follows from it.
    async fn take(&mut self, batch: Vec<Inbound>) -> Result<(), Failure> {
        // Whoever waited too long is gone.
        self.replies.retain(|_, reply| !reply.is_closed());
        let mut events = Vec::with_capacity(batch.len());
        let mut is_heard = false;
        for Inbound { event, reply } in batch {
            if let (Event::Requested(request), Some(reply)) = (&event, reply)
                && let Some(key) = &request.origin.request
            {
                self.replies.insert(key.clone(), reply);
            }
            if let Event::UpsRead(reading) = &event {
                is_heard = true;
                self.reading = Some(reading.clone());
            }
            events.push((self.clock.now(), event));
        }
        let was_full = self.keeper.cabinet().store_state() == StoreState::Reserve;
        match self.keeper.take(events).await? {
            Taken::Committed { commands, records, durable } => {
                if durable {
                    self.recorded();
                }
                if let Some(upstream) = &self.upstream {
                    upstream.roster_settled(self.keeper.cabinet().settled_roster());
                    if was_full && self.keeper.cabinet().store_state() == StoreState::Writable {
                        upstream.say_again();
                    }
                }
                let (answers, deeds): (Vec<Command>, Vec<Command>) =
                    commands.into_iter().partition(|command| matches!(command.action, Action::Reply { .. }));
                for command in deeds {
                    self.perform(command);
                }
                self.tell(&records);
                // A word that lapses or is taken back is no record, but whoever looks must not wait for it.
                let word_goes = self.snapshot.borrow().opening.is_some() && !self.keeper.cabinet().opening_stands();
                // Nor is a roster that waits.
                let moves = word_goes || self.shown_roster() != self.keeper.cabinet().waiting_roster();
                if durable && self.keeper.cabinet().books().hidden.hides(&records) && !moves {
                    // Who follows is not even told that something happened, nor does the moment of the last look move.
                    if is_heard {
                        self.refresh(true);
                    }
                } else if durable || moves {
                    self.publish();
                } else if is_heard {
                    self.refresh(true);
                }
                for command in answers {
                    if let Action::Reply { request, answer } = command.action {
                        self.reply(&request, answer);
                    }
                }
            }
            Taken::NoRoom => self.no_room().await?,
        }
        Ok(())
    }

    /// What is on the disk now, for the log. After the deeds: nobody waits for it.
    fn tell(&mut self, durable: &[Record]) {
        let power = self.keeper.cabinet().books().power.as_ref();
        let outage = power.and_then(|power| power.outage.as_ref()).map(|outage| outage.id);
        self.clerk.tell(durable, outage);
    }

    /// Each command to those who do it.
    fn perform(&mut self, command: Command) {
        match command.action {
            Action::Pace { slow } => {
                self.asleep = slow;
                if let Some(poller) = &self.poller {
                    poller.poke_handle().spare(slow);
                }
                if let Some(upstream) = &self.upstream {
                    upstream.pace(if slow { Pace::Asleep } else { Pace::Awake });
                }
                if let Some(post) = &self.post {
                    post.pace(slow);
                }
            }
            Action::Sleep { method, wake_after_ms } => {
                let within = self.answered_within(command.deadline);
                self.sleeper.order(command.id, method, wake_after_ms, within);
            }
            Action::TestBattery => self.sleeper.test_battery(command.id, self.answered_within(command.deadline)),
            Action::Flush => self.flush(command.id),
            Action::RetryUpstream => {
                if let Some(upstream) = &self.upstream {
                    upstream.retry();
                }
            }
            _ => self.hands.perform(command),
        }
    }

    /// Has upstream get everything now, and people what is urgent; the end comes as an event. Never waits.
    fn flush(&self, id: CommandId) {
        let flushed = [self.upstream.as_ref().map(Link::flush), self.post.as_ref().map(Post::flush)];
        let done = self.done.clone();
        tokio::spawn(async move {
            let mut result = CommandResult::Done;
            for flushed in flushed.into_iter().flatten() {
                if !matches!(flushed.await, Ok(true)) {
                    result = CommandResult::Failed("not everybody could be reached".into());
                }
            }
            // The loop is gone when the process ends: then nobody waits for it either.
            let _ = done.send(Event::CommandDone { id, result }).await;
        });
    }

    /// Whoever sends it elsewhere is told that there is more.
    fn recorded(&self) {
        if let Some(post) = &self.post {
            post.recorded(self.keeper.head().seq);
        }
        if let Some(upstream) = &self.upstream {
            upstream.recorded(self.keeper.head().seq, self.keeper.cabinet().power_mode());
        }
    }

    /// How long an order to upsd may take: it has an answer before the core stops waiting for it.
    fn answered_within(&self, deadline: Mono) -> Duration {
        sleeper::ORDER_DEADLINE.min(Duration::from_millis(deadline.since_ms(self.clock.now().mono) * 4 / 5))
    }

    /// The disk is full: nothing of the batch counts. Outputs off, lines anew, and the alarm from the reserve.
    async fn no_room(&mut self) -> Result<(), Failure> {
        tell!(
            NO_ROOM,
            "no room on the disk: nothing can be recorded, so nothing is opened; make room, it is noticed without a restart"
        );
        self.outputs_off();
        for (_, reply) in self.replies.drain() {
            // Whoever asked may be gone.
            let _ = reply.send(Answer::Refused(Denial::NoRoom));
        }
        let event = (self.clock.now(), Event::StoreChanged(StoreState::Reserve));
        match self.keeper.take([event]).await? {
            Taken::Committed { commands, records, .. } => {
                self.recorded();
                for command in commands {
                    self.perform(command);
                }
                self.tell(&records);
            }
            Taken::NoRoom => tell!(RESERVE_USED, "the reserve is used up as well: alarms are shown but not recorded"),
        }
        self.read_lines();
        self.publish();
        // What cannot be recorded would be tried again at once: not faster than this.
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok(())
    }

    fn reply(&mut self, request: &RequestKey, answer: Answer) {
        if let Some(reply) = self.replies.remove(request) {
            // Whoever asked may be gone.
            let _ = reply.send(answer);
        }
    }

    /// Hashes plain digits, or looks at a signature, off the loop; the request then comes in like any other.
    fn hash(&self, unhashed: Unhashed) {
        let (pepper, inbound) = (Arc::clone(&self.pepper), self.inbound.clone());
        let roster = Arc::clone(&self.roster.borrow());
        let signers = self.signers.clone();
        tokio::task::spawn_blocking(move || {
            let wrong = |error: PinError| error.to_string();
            let ask = match unhashed.ask.clone() {
                LocalAsk::SetPin { user, pin, duress } => {
                    let old = roster.users.get(&user).and_then(|user| user.pin.as_ref());
                    let hash = set_pin(&pepper, old, pin.as_ref(), duress.as_ref()).map_err(wrong);
                    hash.map(|pin| Ask::SetPin { user, pin })
                }
                LocalAsk::Vouch { user, by, code, for_minutes } => {
                    let hash = hash_pin(&pepper, &code, None).map_err(wrong);
                    hash.map(|code| Ask::Vouch { user, by, code, for_minutes })
                }
                LocalAsk::Enrol { user, code, for_minutes } => {
                    let hash = hash_pin(&pepper, &code, None).map_err(wrong);
                    hash.map(|code| Ask::Enrol { user, code, for_minutes })
                }
                LocalAsk::TakeRoster { name, signed, dry_run } => match &signers {
                    None => Err("this needs roster_key under [upstream] in the config".to_owned()),
                    Some(signers) => roster::verify_value(&name, &signed.0, signers)
                        .map(|roster| Ask::TakeRoster { roster: Box::new(roster), dry_run })
                        .map_err(|fault| format!("{name}: {fault}")),
                },
            };
            match ask {
                Ok(ask) => drop(inbound.blocking_send(unhashed.into_inbound(ask))),
                Err(why) => drop(unhashed.reply.send(Answer::Problems(vec![why]))),
            }
        });
    }

    async fn prove_life(&self) -> Result<(), Failure> {
        match self.keeper.store().write_proof(self.clock.now().stamp()).await {
            Err(error) => Err(error.into()),
            Ok(()) => Ok(()),
        }
    }

    /// Says that all is alive once a step of the core, the loop and the writer have shown it.
    async fn feed_watchdog(&mut self) -> Result<(), Failure> {
        self.take(vec![Inbound { event: Event::Tick, reply: None }]).await?;
        self.keeper.store().ping().await?;
        tell_systemd(systemd::alive());
        Ok(())
    }

    /// Signs the head, if it moved since. A full disk is no reason to end.
    async fn sign_head(&mut self) -> Result<(), Failure> {
        if self.signed.as_ref() == Some(self.keeper.head()) {
            return Ok(());
        }
        match self.keeper.store().sign_head("local").await {
            Ok(signed) => self.signed = Some(signed.head),
            Err(error) if error.is_fatal() => return Err(error.into()),
            Err(error) => tell!(HEAD_NOT_SIGNED, "the ledger's head was not signed: {error}"),
        }
        Ok(())
    }

    fn read_lines(&self) {
        let outputs = self.outputs.clone();
        tokio::spawn(async move {
            if let Err(error) = outputs.read_lines().await {
                tracing::debug!(%error, "the lines were not read anew");
            }
        });
    }

    fn outputs_off(&self) {
        let outputs = self.outputs.clone();
        tokio::spawn(async move {
            if let Err(error) = outputs.release().await {
                tell!(OUTPUTS_NOT_OFF, "the outputs could not be driven inactive: {error}");
            }
        });
    }

    /// When the core wants to be woken, on the runtime's clock.
    fn deadline(&self) -> Option<Instant> {
        let (due, _) = self.keeper.cabinet().next_deadline()?;
        Some(Instant::now() + self.clock.real(due.since_ms(self.clock.now().mono)))
    }

    /// Told to stop: locks off first, then the books.
    async fn stop(mut self) -> Result<(), Failure> {
        tell_systemd(systemd::stopping("stopping"));
        tell!(STOPPING, "told to stop");
        if let Err(error) = self.hands.rest().await {
            tell!(OUTPUTS_NOT_OFF, "the outputs could not be driven inactive: {error}");
        }
        let why = self.sleeper.why_stopping().await;
        self.insist(Event::Stopping { why }).await?;
        if let Some(post) = self.post.as_ref().filter(|_| why == StopReason::SystemShutdown) {
            // In vain or not: the machine waits for nobody's mail server.
            let _ = tokio::time::timeout(LAST_WORD, post.flush()).await;
        }
        self.prove_life().await?;
        self.sign_head().await?;
        // The last word: everything inactive, whatever the last batch wanted.
        if self.outputs.shutdown().await.is_ok() {
            in_force::end(&self.run_dirs);
        }
        Ok(())
    }
}

/// Ends when the copying stands otherwise than before; never, where nothing is copied.
async fn upstream_changed(upstream: Option<&mut Link>) {
    match upstream {
        Some(upstream) => upstream.changed().await,
        None => std::future::pending().await,
    }
}

/// Ends when somebody who is told of alarms stands otherwise than before; never, where there is nobody.
async fn post_changed(post: Option<&mut Post>) {
    match post {
        Some(post) => post.changed().await,
        None => std::future::pending().await,
    }
}

/// Nothing hangs on systemd having heard it.
fn tell_systemd(told: Result<(), systemd::NotifyError>) {
    if let Err(error) = told {
        tell!(SYSTEMD_DEAF, "{error}");
    }
}

/// The next tick; never, if there is no such clock.
async fn tick(interval: Option<&mut tokio::time::Interval>) {
    match interval {
        Some(interval) => drop(interval.tick().await),
        None => std::future::pending().await,
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_edges_leaves_room_for_the_others() {
        let (lines_in, lines) = mpsc::channel(QUEUE);
        let (readers_in, readers) = mpsc::channel(QUEUE);
        let (done_in, done) = mpsc::channel(QUEUE);
        let (_ups_in, ups) = mpsc::channel(QUEUE);
        let (control_in, control) = mpsc::channel(QUEUE);
        for _ in 0..QUEUE {
            lines_in.try_send(Event::CancelPressed).expect("room");
            readers_in.try_send(Event::PadTouched).expect("room");
            done_in.try_send(Event::Tick).expect("room");
            control_in.try_send(Inbound { event: Event::LinesRead(vec![]), reply: None }).expect("room");
        }
        let (_upstream_in, upstream) = mpsc::channel(QUEUE);
        let mut queues = Queues { lines, readers, done, ups, upstream, control };
        let mut batch = vec![Inbound { event: Event::CancelPressed, reply: None }];
        queues.drain(&mut batch);
        let count = |wanted: &Event| batch.iter().filter(|inbound| inbound.event == *wanted).count();
        assert_eq!(
            (
                count(&Event::CancelPressed),
                count(&Event::PadTouched),
                count(&Event::Tick),
                count(&Event::LinesRead(vec![])),
                batch.len()
            ),
            (24, 8, 8, 24, BATCH)
        );
    }
}
