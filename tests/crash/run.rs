//! A run: the real keeper over the real store on a disk that can crash, and a note of everything that was acknowledged.
//!
//! What a batch will make is known beforehand from a copy of the core: its records, its rows, its commands with the record of their intent.

use crate::crash_vfs::{Action as DiskAction, Disk, Entry, Mode as CutMode, VFS};
use crate::life::{Life, settings};
use cabinetd::cabinet::books::{Row, View};
use cabinetd::cabinet::event::StoreState;
use cabinetd::cabinet::fact::Fact;
use cabinetd::cabinet::outcome::{Action, Command, Outcome};
use cabinetd::cabinet::power::Method;
use cabinetd::cabinet::power::policy::Mode;
use cabinetd::cabinet::types::{DoorNo, Now};
use cabinetd::cabinet::{Cabinet, Event};
use cabinetd::daemon::keeper::{Keeper, Taken};
use cabinetd::io::store::{DATABASE, Hash, Head, Identity, OpenOptions, Store, StoreError, Stored};
use std::collections::BTreeMap;
use std::sync::Arc;

pub type Rows = BTreeMap<View, Row>;

/// What planted bug the run has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Planted {
    Nothing,
    /// The database does not wait for the disk.
    SynchronousNormal,
    /// Commands are performed first and recorded then.
    ActThenRecord,
}

/// The ledger and its views at some moment.
#[derive(Clone, Debug)]
pub struct State {
    pub seq: u64,
    /// Of the last record; none where it was never told.
    pub hash: Option<Hash>,
    pub rows: Arc<Rows>,
}

/// A lock that was energised.
#[derive(Clone, Copy, Debug)]
pub struct Unlocked {
    /// Operations of the disk that were done then.
    pub at: u64,
    pub door: DoorNo,
    /// The record of the intent.
    pub intent: u64,
}

/// The machine was told to go down.
#[derive(Clone, Copy, Debug)]
pub struct Slept {
    /// Operations of the disk that were done then.
    pub at: u64,
    pub method: Method,
    /// The record of it.
    pub record: u64,
}

/// A run and its notes.
pub struct Run {
    pub disk: Disk,
    pub life: Life,
    pub keeper: Option<Keeper>,
    pub planted: Planted,
    runtime: tokio::runtime::Runtime,
    /// After so many operations, this was acknowledged. In order.
    pub acknowledged: Vec<(u64, State)>,
    /// What the batches would make that were under way when the store failed.
    pub in_doubt: Vec<State>,
    pub unlocked: Vec<Unlocked>,
    pub slept: Vec<Slept>,
}

/// What became of a batch.
#[derive(Debug)]
pub enum Became {
    Committed,
    NoRoom,
    Failed(StoreError),
}

pub fn identity() -> Identity {
    Identity { site: "site".into(), cabinet: "cabinet-1".into() }
}

/// Opens the ledger of a disk, as the daemon does.
pub fn open(disk: &Disk, planted: Planted) -> Result<(Store, Stored), StoreError> {
    let path = disk.path(DATABASE);
    let mut options = OpenOptions::in_vfs(VFS, path);
    options.planted_synchronous_normal = planted == Planted::SynchronousNormal;
    Store::open_with(&options, &identity(), None)
}

impl Run {
    /// A cabinet from its first day on.
    pub fn begins(seed: u64, planted: Planted) -> Self {
        let mut run = Self::on(Disk::new(), Life::new(seed), planted, State::nothing());
        let (store, stored) = open(&run.disk, planted).expect("a fresh disk");
        run.keeper = Some(Keeper::new(settings(), store, stored, run.life.now()));
        let events = run.life.first_day();
        let became = run.take(events);
        assert!(matches!(became, Became::Committed), "{became:?}");
        run
    }

    fn on(disk: Disk, life: Life, planted: Planted, state: State) -> Self {
        Self {
            disk,
            life,
            keeper: None,
            planted,
            runtime: tokio::runtime::Builder::new_current_thread().build().expect("a runtime"),
            acknowledged: vec![(0, state)],
            in_doubt: Vec::new(),
            unlocked: Vec::new(),
            slept: Vec::new(),
        }
    }

    /// The same cabinet on a copy of its disk, cleanly shut down and not opened again yet.
    pub fn copied(mut self) -> impl Fn() -> Self + Sync {
        self.keeper = None;
        let (files, life) = (self.disk.files(), self.life);
        let (_, state) = self.acknowledged.pop().expect("there is one");
        move || Self::on(Disk::with_files(files.clone()), life.clone(), Planted::Nothing, state.clone())
    }

    /// What a power cut after operation `op` left, not opened yet.
    pub fn cut_at(&self, op: u64, seed: u64, mode: CutMode) -> Self {
        let image = self.disk.crash_image(op, seed, mode);
        let copy = Disk::with_files(image.files());
        let (_, stored) = open(&copy, Planted::Nothing).expect("it opens");
        let state = State {
            seq: stored.head.seq,
            hash: Some(stored.head.hash),
            rows: Arc::new(stored.rows.into_iter().collect()),
        };
        Self::on(image, self.life.clone(), Planted::Nothing, state)
    }

    /// Opens the ledger and starts the cabinet, after a power cut or a copy.
    pub fn restart(&mut self) -> Result<Became, StoreError> {
        let (store, stored) = open(&self.disk, self.planted)?;
        self.life.reboot();
        let proof = stored.last_proof;
        self.keeper = Some(Keeper::new(settings(), store, stored, self.life.now()));
        Ok(self.take(vec![Life::start(proof), self.life.lines()]))
    }

    /// A batch of one to sixteen events.
    pub fn batch(&mut self) -> Became {
        let most = [1, 2, 4, 8, 16][self.life.rng().below(5)];
        let count = 1 + self.life.rng().below(most);
        let mut core = self.cabinet().clone();
        let mut plan = Plan::default();
        for _ in 0..count {
            let event = self.life.next(&core);
            plan.step(&mut core, self.life.now(), event);
        }
        self.carry_out(plan)
    }

    /// A batch that makes records, whatever happens.
    pub fn batch_with_records(&mut self) -> Became {
        let events = self.life.key_rekeyed();
        self.take(events)
    }

    /// These events as one batch.
    pub fn take(&mut self, events: Vec<Event>) -> Became {
        let mut core = self.cabinet().clone();
        let mut plan = Plan::default();
        for event in events {
            plan.step(&mut core, self.life.now(), event);
        }
        self.carry_out(plan)
    }

    fn carry_out(&mut self, plan: Plan) -> Became {
        let Plan { events, outcome, intents, sleeps } = plan;
        let before = self.disk.ops();
        let (_, state) = self.acknowledged.last().expect("there is one");
        let mut rows = Rows::clone(&state.rows);
        for (view, row) in &outcome.rows {
            match row {
                Some(row) => drop(rows.insert(view.clone(), row.clone())),
                None => drop(rows.remove(view)),
            }
        }
        let seq = outcome.records.last().map_or(state.seq, |record| record.seq);
        let mut planned = State { seq, hash: None, rows: Arc::new(rows) };
        if self.planted == Planted::ActThenRecord {
            self.perform(before, &outcome.commands, &intents, &sleeps);
        }
        let keeper = self.keeper.as_mut().expect("it runs");
        match self.runtime.block_on(keeper.take(events)) {
            Ok(Taken::Committed { commands, durable, .. }) => {
                assert_eq!(commands, outcome.commands, "the keeper and a copy of its core decide the same");
                let head: Head = *keeper.head();
                // The checkpoint after the answer must not make the acknowledgement look later than it was.
                let at = self.answered_at(before);
                if durable {
                    planned.hash = Some(head.hash);
                    self.acknowledged.push((at, planned));
                }
                if self.planted != Planted::ActThenRecord {
                    self.perform(at, &commands, &intents, &sleeps);
                }
                self.ping();
                Became::Committed
            }
            Ok(Taken::NoRoom) => {
                self.life.forget();
                Became::NoRoom
            }
            Err(error) => {
                self.in_doubt.push(planned);
                Became::Failed(error)
            }
        }
    }

    /// As the daemon does it: the alarm from the reserve, lines anew.
    pub fn no_room(&mut self) -> Became {
        let lines = self.life.lines();
        let became = self.take(vec![Event::StoreChanged(StoreState::Reserve)]);
        if matches!(became, Became::Committed) { self.take(vec![lines]) } else { became }
    }

    /// As the daemon does it, every ten seconds while there is no room.
    pub fn look_for_room(&mut self) -> Result<bool, StoreError> {
        let keeper = self.keeper.as_ref().expect("it runs");
        let there_is = self.runtime.block_on(keeper.store().try_refill_reserve())?;
        if there_is {
            self.take(vec![Event::StoreChanged(StoreState::Writable)]);
        }
        Ok(there_is)
    }

    /// The first write to the database itself behind an operation.
    pub fn first_checkpoint_behind(&self, op: u64) -> Option<u64> {
        let to_database = |entry: &&Entry| entry.file == DATABASE && matches!(entry.action, DiskAction::Write { .. });
        self.disk.log_since(op).iter().find(to_database).map(|entry| entry.op)
    }

    pub fn cabinet(&self) -> &Cabinet {
        self.keeper.as_ref().expect("it runs").cabinet()
    }

    pub fn store(&self) -> &Store {
        self.keeper.as_ref().expect("it runs").store()
    }

    /// Waits until the writer has done what it does after its answer.
    fn ping(&self) {
        // A writer that died of it says so at the next commit.
        let _ = self.runtime.block_on(self.store().ping());
    }

    fn perform(&mut self, at: u64, commands: &[Command], intents: &[(DoorNo, u64)], sleeps: &[(Method, u64)]) {
        self.slept.extend(sleeps.iter().map(|(method, record)| Slept { at, method: *method, record: *record }));
        self.unlocked.extend(intents.iter().map(|(door, intent)| Unlocked { at, door: *door, intent: *intent }));
        self.life.performed(commands);
    }

    /// The operation after which the commit that began behind `before` was answered: the last one before the database itself is written.
    fn answered_at(&self, before: u64) -> u64 {
        let refused = self.disk.log_since(before).iter().any(|entry| entry.failed);
        // With a full disk the checkpoint is part of the commit.
        let checkpoint = if refused { None } else { self.first_checkpoint_behind(before) };
        checkpoint.map_or_else(|| self.disk.ops(), |op| op - 1)
    }
}

impl State {
    pub fn nothing() -> Self {
        Self { seq: 0, hash: None, rows: Arc::default() }
    }
}

/// A batch, and what it will make.
#[derive(Default)]
struct Plan {
    events: Vec<(Now, Event)>,
    outcome: Outcome,
    intents: Vec<(DoorNo, u64)>,
    sleeps: Vec<(Method, u64)>,
}

impl Plan {
    fn step(&mut self, core: &mut Cabinet, now: Now, event: Event) {
        self.events.push((now, event.clone()));
        let outcome = core.step(now, event);
        for command in &outcome.commands {
            if let Action::Sleep { method, .. } = command.action {
                let switch = outcome.records.iter().rev().find(|record| goes_down_by(&record.fact, method));
                self.sleeps.push((method, switch.expect("a sleep has its record in the same step").seq));
            }
            let Action::Unlock { door, .. } = command.action else { continue };
            let intent =
                outcome.records.iter().rev().find(
                    |record| matches!(&record.fact, Fact::SessionAuthorised { doors, .. } if doors.contains(&door)),
                );
            self.intents.push((door, intent.expect("an unlock has its intent in the same step").seq));
        }
        self.outcome.append(outcome);
    }
}

/// Whether a record says that the machine goes down now.
pub fn goes_down_by(fact: &Fact, method: Method) -> bool {
    matches!(fact, Fact::PowerSwitched { to: Mode::Asleep { method: of } | Mode::Manual { method: Some(of) }, .. } if *of == method)
}
