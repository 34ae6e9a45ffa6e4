//! The daemon's start: everything is opened and wired, in an order that leaves no output energised by accident.

use super::guard::Guard;
use super::keeper::Keeper;
use super::sleeper::{Sleeper, World};
use super::{Clerk, Daemon, Failure, Hands, QUEUE, Queues, Reload, SHORTEST_POLL, SPARING_MS, in_force, records};
use crate::alerts::{Post, Setup as Alerts};
use crate::cabinet::Event;
use crate::cabinet::books::Books;
use crate::cabinet::event::Start;
use crate::cabinet::snapshot::Snapshot;
use crate::config::{Config, Lines};
use crate::io::clock::sim::SimTime;
use crate::io::clock::{Clock, kernel};
use crate::io::control::{Listener, Ports, Setup};
use crate::io::credentials::Credentials;
use crate::io::journal::Log;
use crate::io::lines::gpio;
use crate::io::notify::Doorbell;
use crate::io::readers;
use crate::io::sim;
use crate::io::sleep::{Machine, Rtc};
use crate::io::store::{Identity, Store};
use crate::io::ups::orders::{Login, Place};
use crate::io::ups::{Poller, Watch};
use crate::upstream::roster::Expected;
use crate::upstream::{Link, Setup as Upstream, machine_name};
use ed25519_dalek::SigningKey;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

impl Daemon {
    /// In this order: the instance lock and the ledger, then the lines (driven inactive), then everybody else.
    pub(super) async fn start(config: Config, file: &Path, log: Log, guard: &Guard) -> Result<Self, Failure> {
        // From now on it is no reason to end.
        let hangup = signal(SignalKind::hangup())?;
        // Only a cabinet whose lines are simulated can be in a simulated time.
        let time = SimTime::from_environment()?;
        let clock = Clock::new(config.time_zone.as_deref())?;
        let clock = Arc::new(match time {
            Some(time) => clock.simulating(time),
            None => clock,
        });
        if time.is_none() {
            let kept = || async { Machine::default().clock_is_kept().await };
            tokio::spawn(kernel::follow(Arc::clone(&clock), kept));
        }
        let credentials = Credentials::load(&config.credentials_dir)?;
        let settings = config.settings.clone();
        let identity = Identity { site: settings.site.clone(), cabinet: settings.cabinet.clone() };
        let (store, stored) = Store::open(&config.state_dir, &identity, Some(credentials.device_key.clone()))?;
        let last_proof = stored.last_proof;
        let missing = stored.lost.map(|lost| (lost.head.seq, lost.known.seq));
        let keeper = Keeper::new(settings, store, stored, clock.now());
        let clerk = Clerk::new(log, keeper.cabinet().books());
        credentials.go_with(&config.state_dir, keeps_pins(keeper.cabinet().books()))?;

        if matches!(config.lines, Lines::Real(_)) && time.is_some() {
            return Err("real lines are in real time only".into());
        }
        in_force::begin(&config);
        let (line_events, lines_queue) = mpsc::channel(QUEUE);
        let outputs = match &config.lines {
            Lines::Sim { socket } => sim::lines::connect(socket, line_events),
            Lines::Real(wiring) => gpio::start(wiring, line_events)?,
        };
        let outputs = guard.outputs.get_or_init(|| outputs).clone();
        let (reader_events, readers) = mpsc::channel(QUEUE);
        readers::start(&config.readers, reader_events);
        let (done_events, done) = mpsc::channel(QUEUE);
        let pepper = Arc::new(credentials.pepper);
        let login = match (&config.ups, &credentials.upsd_password) {
            (Some(ups), Some(password)) => match &ups.user {
                Some(user) => Some((Place::new(&ups.name, &ups.host, ups.port), Login::new(user, password.expose())?)),
                None => None,
            },
            _ => None,
        };
        let world = match time {
            Some(_) => World::Simulated(outputs.clone()),
            None => World::Real { machine: Machine::default(), rtc: Rtc::default() },
        };
        let sleeper = Sleeper::new(world, login, done_events.clone());
        if config.settings.power.as_ref().is_some_and(|power| power.clock_wakes) {
            sleeper.forget_alarm();
        }
        let hands = Hands::start(outputs.clone(), Arc::clone(&pepper), done_events.clone());

        let first = Snapshot::taken(keeper.cabinet(), clock.now());
        let (snapshot, snapshots) = watch::channel(Arc::new(first));
        let (roster, rosters) = watch::channel(Arc::new(keeper.cabinet().books().roster.clone()));
        let (inbound, control) = mpsc::channel(QUEUE);
        let (unhashed_in, unhashed) = mpsc::channel(8);
        let setup = Setup {
            run_dir: config.run_dir.clone(),
            group: config.socket_group.clone(),
            accounts: config.accounts.clone(),
        };
        let listener = Listener::bind(&setup)?;
        let accounts = listener.accounts();
        let looks = records::start(config.state_dir.clone());
        let ports =
            Ports { inbound: inbound.clone(), unhashed: unhashed_in, snapshot: snapshots, roster: rosters, looks };
        tokio::spawn(listener.serve(ports));

        let (ups_events, ups) = mpsc::channel(QUEUE);
        let poller = watch_ups(&config, &clock, ups_events)?;
        let post = tell_people(&config, &identity, &credentials.device_key, &keeper, &clock)?;
        let signers = signers(&config, &identity, &credentials.device_key);
        let (upstream, upstream_said) =
            copy_upstream(&config, identity, credentials.device_key, &keeper, &clock, &snapshot)?;
        let queues = Queues { lines: lines_queue, readers, done, ups, upstream: upstream_said, control };
        let config_hash = config.hash.clone();
        let run_dirs = config.run_dirs();
        let reload = Reload::new(file, config);
        let mut daemon = Self {
            run_dirs,
            clock,
            keeper,
            clerk,
            hands,
            outputs,
            pepper,
            snapshot,
            roster,
            replies: HashMap::new(),
            queues,
            unhashed,
            done: done_events,
            inbound,
            sleeper,
            reload,
            hangup,
            accounts,
            poller,
            upstream,
            signers,
            post,
            reading: None,
            asleep: false,
            told: String::new(),
            signed: None,
        };
        let start = Start { version: env!("CARGO_PKG_VERSION").into(), last_proof, missing, config_hash };
        daemon.insist(Event::Started(start)).await?;
        daemon.prove_life().await?;
        Ok(daemon)
    }
}

/// Polls the UPS, if the config names one, and listens for upsmon.
fn watch_ups(config: &Config, clock: &Arc<Clock>, events: mpsc::Sender<Event>) -> Result<Option<Poller>, Failure> {
    let Some(ups) = &config.ups else { return Ok(None) };
    let watch = Watch {
        name: ups.name.clone(),
        host: ups.host.clone(),
        port: ups.port,
        on_line: clock.real(ups.poll_on_line_s * 1_000).max(SHORTEST_POLL),
        on_battery: clock.real(ups.poll_on_battery_s * 1_000).max(SHORTEST_POLL),
        sparing: clock.real(SPARING_MS).max(SHORTEST_POLL),
        timeout: Duration::from_millis(ups.timeout_ms),
    };
    let mono = Arc::clone(clock);
    let poller = Poller::start(watch, move || mono.now().mono, events, Event::UpsRead);
    let poke = poller.poke_handle();
    tokio::spawn(Doorbell::open(&config.run_dir)?.listen(move || poke.poke()));
    Ok(Some(poller))
}

/// Whether anything in the books was hashed with the pepper.
fn keeps_pins(books: &Books) -> bool {
    !books.vouched.is_empty() || books.roster.users.values().any(|user| user.pin.is_some())
}

/// Whom a roster must be signed by, and for, if the config lets one count.
fn signers(config: &Config, identity: &Identity, device_key: &SigningKey) -> Option<Arc<Expected>> {
    let roster_key = config.roster_key?;
    let device_key = device_key.verifying_key().to_bytes();
    Some(Arc::new(Expected { roster_key, identity: identity.clone(), device_key }))
}

/// Starts the telling, if the config names anybody. Nothing waits for the network here.
fn tell_people(
    config: &Config,
    identity: &Identity,
    device_key: &SigningKey,
    keeper: &Keeper,
    clock: &Arc<Clock>,
) -> Result<Option<Post>, Failure> {
    if config.recipients.is_empty() {
        return Ok(None);
    }
    let setup = Alerts {
        mail: config.mail.clone(),
        recipients: config.recipients.clone(),
        identity: identity.clone(),
        device_key: device_key.clone(),
        credentials_dir: config.credentials_dir.clone(),
        state_dir: config.state_dir.clone(),
        zone: clock.zone().clone(),
    };
    let clock = Arc::clone(clock);
    Ok(Some(Post::start(setup, keeper.store().marks(), move || clock.now())?))
}

/// Starts the copying, if the config wants it, and hands out what it says. Nothing waits for the network here.
fn copy_upstream(
    config: &Config,
    identity: Identity,
    device_key: SigningKey,
    keeper: &Keeper,
    clock: &Arc<Clock>,
    snapshot: &watch::Sender<Arc<Snapshot>>,
) -> Result<(Option<Link>, mpsc::Receiver<Event>), Failure> {
    let (events, said) = mpsc::channel(QUEUE);
    let Some(upstream) = config.upstream.clone() else { return Ok((None, said)) };
    let (credentials_dir, state_dir) = (config.credentials_dir.clone(), config.state_dir.clone());
    let (machine, mono) = (machine_name(), Arc::clone(clock));
    let seen = upstream.keymap.then(|| snapshot.subscribe());
    let setup = Upstream { config: upstream, identity, device_key, credentials_dir, state_dir, machine, seen };
    let link = Link::start(setup, keeper.store().marks(), events, move || mono.now().mono)?;
    Ok((Some(link), said))
}
