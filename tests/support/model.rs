//! A cabinet that exists: real keys on real hooks and in real hands, people with their habits, and everything that goes wrong.
//!
//! The model is the reference: what hangs where and who holds what is *true* here, and the core only hears of it through lines, badges and
//! requests. One seed is one life, to the last event. The shell is played as the daemon plays it: a batch is stepped, committed, then performed;
//! a commit that fails discards the core; a power cut also takes what was not committed.

#[path = "model/mains.rs"]
mod mains;
#[path = "model/people.rs"]
mod people;
#[path = "model/troubles.rs"]
mod troubles;

use crate::laws::{Law, Laws};
use crate::sample::{MONDAY_NINE_MS, now_of, sample_roster};
use crate::words::say;
use cabinetd::cabinet::books::{Books, Presence, Row, View};
use cabinetd::cabinet::event::{Ask, Request, StoreState};
use cabinetd::cabinet::fact::{Fact, Record};
use cabinetd::cabinet::outcome::{Action, Answer, Command, CommandResult, Message, Outcome, PinVerdict};
use cabinetd::cabinet::roster::Window;
use cabinetd::cabinet::settings::{Door, Settings};
use cabinetd::cabinet::types::{
    Actor, BootId, Channel, ClockQuality, Code, CommandId, DoorNo, Evidence, Input, KeyId, Level, Mono, Now, Origin,
    RequestKey, Role, SlotNo, Stamp, UserId,
};
use cabinetd::cabinet::{Cabinet, Event};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const DAY_MS: u64 = 86_400_000;
const PEOPLE: [&str; 5] = ["ana", "bob", "dan", "cleo", "eve"];
/// Events that a failure prints.
const LAST: usize = 30;

/// splitmix64: one word of state, and every seed is a good one.
pub struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From `from` up to, not including, `to`.
    fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.next() % (to - from)
    }

    /// Once in `n`.
    fn once_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        if all.is_empty() { None } else { all.get((self.next() % all.len() as u64) as usize) }
    }
}

/// What the shell does wrong, for the tests that show that the laws notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bug {
    None,
    /// Commands are performed before their batch is committed.
    ActsBeforeCommit,
    /// Once in a while the store loses a record.
    LosesRecord,
    /// Once in a while the store loses a row.
    LosesRow,
    /// The last unlock is performed again after a restore.
    RepeatsAfterRestore,
    /// After a failed commit the core is kept, although it has run ahead of the disk.
    KeepsCoreAfterFailedCommit,
    /// Now and then an edge of a sensor does not reach the core.
    LosesEdge,
    /// Once in a while a batch is committed twice.
    CommitsTwice,
    /// A key that came back unnamed is put down as the first of those that it may be.
    GuessesKeys,
}

/// One life.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    pub seed: u64,
    pub days: u32,
    /// Whether anything goes wrong. In a calm life the books are the truth after every visit.
    pub rough: bool,
    pub bug: Bug,
}

/// What happened in it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Tally {
    pub events: u64,
    pub records: u64,
    pub visits: u64,
    pub cuts: u64,
    pub failed_commits: u64,
    pub truths_compared: u64,
    /// Mains failed; the machine was told to sleep, came up, died of an empty battery; drills.
    pub outages: u64,
    pub sleeps: u64,
    pub boots: u64,
    pub died: u64,
    pub drills: u64,
    /// The battery was tested.
    pub tests: u64,
    /// The config was read again.
    pub reloads: u64,
    /// FNV-1a over all records.
    pub fingerprint: u64,
}

/// Lives a life. A broken law is told with the last events before it, and with how to see it again.
pub fn live(life: Life) -> Result<Tally, String> {
    let mut world = World::new(life);
    match world.days() {
        Ok(()) => Ok(world.tally),
        Err(broken) => {
            let last: Vec<String> = world.last.iter().map(|(at, event)| format!("  {at:>12} {event:?}")).collect();
            let records = world.ledger.iter().rev().take(LAST).rev();
            let records: Vec<String> = records.map(|record| format!("  {:>6} {}", record.seq, say(record))).collect();
            let (seed, days) = (life.seed, life.days);
            Err(format!(
                "{broken}\n{}the last {LAST} events:\n{}\nthe last records on the disk:\n{}\nagain: CABINETD_SEED={seed} CABINETD_SIM_DAYS={days} cargo test --test simulation",
                if life.rough { "" } else { "(in a calm life)\n" },
                last.join("\n"),
                records.join("\n")
            ))
        }
    }
}

struct World {
    life: Life,
    dice: Dice,
    tally: Tally,
    settings: Settings,
    cabinet: Cabinet,
    laws: Laws,
    // --- the store
    rows: BTreeMap<View, Row>,
    ledger: Vec<Record>,
    batch: Outcome,
    store: StoreState,
    proof: Option<Stamp>,
    // --- the clock
    mono: Mono,
    wall_minus_mono: i64,
    quality: ClockQuality,
    boot: BootId,
    /// When this boot began, in the world's own time.
    boot_began: u64,
    scheduled: BTreeMap<(Mono, u64), Event>,
    deliveries: u64,
    // --- the truth
    supply: mains::Supply,
    hangs: BTreeMap<SlotNo, KeyId>,
    hands: BTreeMap<KeyId, UserId>,
    unlocked_until: BTreeMap<DoorNo, Mono>,
    levels: BTreeMap<Input, Level>,
    changed_at: BTreeMap<Input, Mono>,
    lines_lost: bool,
    // --- what people perceive
    told: Option<Message>,
    answer: Option<Answer>,
    requests: u64,
    last_unlock: Option<Command>,
    last: VecDeque<(u64, Event)>,
}

impl World {
    fn new(life: Life) -> Self {
        let mut dice = Dice(life.seed);
        let mut settings = Settings::plain(24, 6);
        settings.doors.insert(DoorNo(2), Door { contact: true });
        for (slot, place) in &mut settings.slots {
            place.door = DoorNo(if slot.0 <= 12 { 1 } else { 2 });
            place.latch = slot.0 % 3 == 0;
        }
        // Every other cabinet copies its ledger.
        settings.upstream = life.seed.is_multiple_of(2);
        settings.signed_roster = settings.upstream;
        settings.sessions.fixed_return = !dice.once_in(3);
        settings.sessions.ask_required = !dice.once_in(4);
        settings.alerts.office_hours = vec![Window { weekdays: 0b001_1111, from: 7 * 60, to: 19 * 60 }];
        settings.alerts.inactive_days = 3;
        let power = mains::power_settings(&mut dice, life.rough);
        let capacity_pct = if life.rough { dice.between(40, 100) } else { 75 };
        let first_outage = dice.between(DAY_MS / 4, DAY_MS);
        let supply = mains::Supply::new(&power, capacity_pct, first_outage);
        settings.power = Some(power);
        let boot = BootId(1);
        let mono = Mono(5_000);
        // Monday 06:00
        let wall_minus_mono = MONDAY_NINE_MS - 3 * 3_600_000 - 5_000;
        let books = Books::from_rows(1, Vec::new());
        let now = now_of(mono, wall_minus_mono, ClockQuality::Synced, boot);
        let cabinet = Cabinet::restore(settings.clone(), books, StoreState::Writable, CommandId(1), now);
        let hangs: BTreeMap<SlotNo, KeyId> = sample_roster().keys.into_iter().map(|key| (key.home, key.id)).collect();
        let mut levels: BTreeMap<Input, Level> = (settings.doors.keys().map(|no| (Input::Door(*no), Level::Active)))
            .chain(settings.slots.keys().map(|no| (Input::Slot(*no), Level::Inactive)))
            .collect();
        for slot in hangs.keys() {
            levels.insert(Input::Slot(*slot), Level::Active);
        }
        let tally = Tally { fingerprint: 0xCBF2_9CE4_8422_2325, ..Tally::default() };
        Self {
            life,
            dice,
            tally,
            cabinet,
            laws: Laws::new(settings.clone()),
            settings,
            rows: BTreeMap::new(),
            ledger: Vec::new(),
            batch: Outcome::default(),
            store: StoreState::Writable,
            proof: None,
            mono,
            wall_minus_mono,
            quality: ClockQuality::Synced,
            boot,
            boot_began: 0,
            scheduled: BTreeMap::new(),
            deliveries: 0,
            supply,
            hangs,
            hands: BTreeMap::new(),
            unlocked_until: BTreeMap::new(),
            changed_at: levels.keys().map(|input| (*input, mono)).collect(),
            levels,
            lines_lost: false,
            told: None,
            answer: None,
            requests: 0,
            last_unlock: None,
            last: VecDeque::new(),
        }
    }

    fn now(&self) -> Now {
        now_of(self.mono, self.wall_minus_mono, self.quality, self.boot)
    }

    /// Once in `n`, and only in a rough life.
    fn mishap(&mut self, n: u64) -> bool {
        let falls = self.dice.once_in(n);
        self.life.rough && falls
    }

    // ------------------------------------------------------------ the shell

    #[expect(clippy::needless_pass_by_value, reason = "an event is used up, as in the daemon")]
    fn event(&mut self, event: Event) -> Law {
        if self.supply.off.is_some() {
            return Ok(()); // Nobody hears it.
        }
        if laws_touch(&event) {
            self.touched();
        }
        if self.last.len() == LAST {
            self.last.pop_front();
        }
        self.last.push_back((self.mono.0, event.clone()));
        self.tally.events += 1;
        let now = self.now();
        let mut out = self.cabinet.step(now, event.clone());
        if self.life.bug == Bug::GuessesKeys {
            guess_keys(&mut out);
        }
        self.laws.stepped(&self.cabinet, now, &event, &out)?;
        self.batch.append(out);
        // Now and then the next event is already waiting and joins the batch.
        if self.dice.once_in(6) { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Law {
        if !self.batch.is_durable() && self.batch.commands.is_empty() {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.batch);
        if self.life.bug == Bug::ActsBeforeCommit {
            self.perform(batch.commands.clone())?;
        }
        if self.mishap(500) {
            self.tally.failed_commits += 1;
            return if self.life.bug == Bug::KeepsCoreAfterFailedCommit { Ok(()) } else { self.rebuild() };
        }
        let times = if self.life.bug == Bug::CommitsTwice && self.dice.once_in(1_000) { 2 } else { 1 };
        for _ in 0..times {
            self.ledger.extend(batch.records.iter().cloned());
        }
        for record in &batch.records {
            self.fingerprint(record);
        }
        for (view, row) in &batch.rows {
            match row {
                Some(row) => drop(self.rows.insert(view.clone(), row.clone())),
                None => drop(self.rows.remove(view)),
            }
        }
        match self.life.bug {
            Bug::LosesRecord if self.dice.once_in(200) => drop(self.ledger.pop()),
            Bug::LosesRow if self.dice.once_in(200) => {
                let lost =
                    batch.rows.iter().map(|(view, _)| view).find(|view| matches!(view, View::Slot(_) | View::Door(_)));
                if let Some(view) = lost {
                    self.rows.remove(view);
                }
            }
            _ => {}
        }
        // As the keeper does: rules count for a rebuild once their record is on the disk.
        self.settings = self.cabinet.settings().clone();
        self.laws.committed();
        self.proof = Some(self.now().stamp());
        if self.life.bug != Bug::ActsBeforeCommit {
            self.perform(batch.commands)?;
        }
        self.laws.all_performed(&self.cabinet)
    }

    fn fingerprint(&mut self, record: &Record) {
        self.tally.records += 1;
        let said = format!("{} {} {}", record.seq, record.stamp.wall.0, say(record));
        for byte in said.bytes() {
            self.tally.fingerprint = (self.tally.fingerprint ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }

    fn perform(&mut self, commands: Vec<Command>) -> Law {
        for command in commands {
            self.laws.performed(command.id, &command.action)?;
            let id = command.id;
            match &command.action {
                Action::Unlock { door, for_ms } => {
                    self.last_unlock = Some(command.clone());
                    if self.mishap(60) {
                        let result = CommandResult::Failed("no answer".into());
                        self.later(20, Event::CommandDone { id, result });
                    } else if !self.mishap(60) {
                        self.unlocked_until.insert(*door, self.mono.plus_ms(u64::from(*for_ms)));
                        self.later(8, Event::CommandDone { id, result: CommandResult::Done });
                        if self.mishap(20) {
                            // Told twice: the second time means nothing.
                            self.later(900, Event::CommandDone { id, result: CommandResult::Failed("late".into()) });
                        }
                    }
                }
                Action::Relock { door } => drop(self.unlocked_until.remove(door)),
                Action::CheckPin { pin, .. } => {
                    let verdict = match pin.expose() {
                        "right" => PinVerdict::Match,
                        "duress" => PinVerdict::Duress,
                        _ => PinVerdict::Mismatch,
                    };
                    if !self.mishap(80) {
                        self.later(60, Event::CommandDone { id, result: CommandResult::Pin(verdict) });
                    }
                }
                Action::Show(message) => self.told = Some(message.clone()),
                Action::Reply { answer, .. } => self.answer = Some(answer.clone()),
                Action::Unlatch { .. }
                | Action::Relatch { .. }
                | Action::Light { .. }
                | Action::SwitchLoad { .. }
                | Action::ReadLines
                | Action::RetryUpstream
                | Action::Sound(_)
                | Action::Lamp(_)
                // Nobody enrols here.
                | Action::HashPin { .. } => {}
                Action::Flush => {
                    // A network that is down answers nobody: the core's deadline ends it.
                    if !self.mishap(30) {
                        self.later(700, Event::CommandDone { id, result: CommandResult::Done });
                    }
                }
                Action::TestBattery => self.told_to_test(id),
                Action::Pace { slow } => self.supply.slow = *slow,
                Action::Sleep { method, wake_after_ms } => self.told_to_sleep(id, *method, *wake_after_ms),
            }
        }
        Ok(())
    }

    fn later(&mut self, after_ms: u64, event: Event) {
        let after_ms = self.dice.between(after_ms / 2, after_ms * 2);
        self.deliveries += 1;
        self.scheduled.insert((self.mono.plus_ms(after_ms), self.deliveries), event);
    }

    /// Slots are as their lines have been for longer than the debounce time.
    fn presence_is_seen(&self) -> Law {
        let debounce_ms = self.settings.sessions.debounce_ms;
        let books = self.cabinet.books();
        for (input, level) in &self.levels {
            let Input::Slot(slot) = input else { continue };
            let quiet_ms = self.mono.since_ms(self.changed_at[input]);
            if self.lines_lost || quiet_ms <= debounce_ms || *level == Level::Fault || books.faults.contains_key(input)
            {
                continue;
            }
            let seen = books.slots.get(slot).map(|row| row.present == Presence::Present);
            if seen != Some(*level == Level::Active) {
                return Err(format!("slot {slot} has been {level:?} for {quiet_ms} ms, but the books say {seen:?}"));
            }
        }
        Ok(())
    }

    // ------------------------------------------------------------ the end of a core, and the next one

    fn rebuild(&mut self) -> Law {
        self.restore_core()?;
        self.read_lines()
    }

    fn restore_core(&mut self) -> Law {
        self.batch = Outcome::default();
        let next_seq = self.ledger.last().map_or(1, |record| record.seq + 1);
        let books = Books::from_rows(next_seq, self.rows.clone().into_iter().collect());
        let first = self.cabinet.next_command();
        self.cabinet = Cabinet::restore(self.settings.clone(), books, self.store, first, self.now());
        self.core_is_new();
        self.laws.reconfigured(self.settings.clone());
        self.laws.restored(&self.ledger, &self.cabinet, self.now())?;
        if self.life.bug == Bug::RepeatsAfterRestore
            && let Some(unlock) = self.last_unlock.clone()
        {
            self.perform(vec![unlock])?;
        }
        Ok(())
    }

    fn read_lines(&mut self) -> Law {
        let now = self.mono;
        self.changed_at.values_mut().for_each(|at| *at = now);
        let levels = if self.lines_lost { vec![] } else { self.levels.iter().map(|(i, l)| (*i, *l)).collect() };
        self.event(Event::LinesRead(levels))
    }

    /// The process dies with all that was not committed; perhaps the whole machine. In the dark somebody may use the cabinet key.
    fn power_cut(&mut self) -> Law {
        if self.supply.off.is_some() {
            return Ok(());
        }
        self.tally.cuts += 1;
        self.process_ends();
        let dark_ms = self.dice.between(1_000, 3 * 3_600_000);
        let machine = self.dice.once_in(2);
        self.mono = self.mono.plus_ms(if machine { dark_ms } else { dark_ms % 10_000 });
        if self.dice.once_in(4) {
            let slots: Vec<SlotNo> = self.hangs.keys().copied().collect();
            if let Some(slot) = self.dice.pick(&slots).copied() {
                let key = self.hangs.remove(&slot).expect("it hangs there");
                self.levels.insert(Input::Slot(slot), Level::Inactive);
                let finder = self.dice.pick(&PEOPLE).copied().expect("people").into();
                self.hands.insert(key, finder);
            }
        }
        if self.dice.once_in(8) {
            self.levels.insert(Input::Door(DoorNo(1)), Level::Inactive);
        }
        if machine { self.boots() } else { self.starts() }
    }

    // ------------------------------------------------------------ hands and lines

    fn edge(&mut self, input: Input, level: Level) -> Law {
        let same = self.levels.insert(input, level) == Some(level);
        if same {
            return Ok(());
        }
        self.changed_at.insert(input, self.mono);
        if self.lines_lost || (self.life.bug == Bug::LosesEdge && self.dice.once_in(40)) {
            return Ok(());
        }
        self.event(Event::LineChanged { input, level })
    }

    /// An edge with its bounces; the line ends at `level`.
    fn settle(&mut self, input: Input, level: Level) -> Law {
        let other = if level == Level::Active { Level::Inactive } else { Level::Active };
        for _ in 0..self.dice.between(0, 3) {
            self.edge(input, level)?;
            let ms = self.dice.between(1, 9);
            self.pass(ms)?;
            self.edge(input, other)?;
            let ms = self.dice.between(1, 9);
            self.pass(ms)?;
        }
        self.edge(input, level)
    }

    fn door_is_open(&self, door: DoorNo) -> bool {
        self.levels[&Input::Door(door)] == Level::Inactive
    }

    fn take(&mut self, slot: SlotNo, user: &UserId) -> Law {
        let Some(key) = self.hangs.remove(&slot) else { return Ok(()) };
        self.hands.insert(key, user.clone());
        self.settle(Input::Slot(slot), Level::Inactive)
    }

    fn put(&mut self, slot: SlotNo, key: &KeyId) -> Law {
        if self.hangs.contains_key(&slot) {
            return Ok(());
        }
        self.hands.remove(key);
        self.hangs.insert(slot, key.clone());
        self.settle(Input::Slot(slot), Level::Active)
    }

    fn scan(&mut self, key: &KeyId) -> Law {
        self.event(Event::CodeRead(Code::new(&format!("tag-{key}"))))
    }

    // ------------------------------------------------------------ asks

    fn ask(&mut self, role: Option<Role>, ask: Ask) -> Law {
        self.requests += 1;
        let key = RequestKey(format!("r{}", self.requests).into());
        let actor = Actor::Account { uid: 1, name: "office".into() };
        let origin = Origin { actor, channel: Channel::Control, request: Some(key) };
        let request = Request { origin, role, ask };
        self.answer = None;
        self.event(Event::Requested(request.clone()))?;
        self.flush()?;
        let first = self.answer.take();
        if first.is_some() && self.mishap(15) {
            let records = self.ledger.len();
            self.event(Event::Requested(request))?;
            self.flush()?;
            let remembered = matches!(first, Some(Answer::Done { seq, .. }) if seq > 0);
            let (again, more) = (self.answer.take(), self.ledger.len().saturating_sub(records));
            if remembered && again.is_some() && (again != first || more > 0) {
                return Err(format!("asked twice: {first:?}, then {again:?} with {more} records"));
            }
        }
        Ok(())
    }
}

/// Whether it is a person's doing at the cabinet.
const fn laws_touch(event: &Event) -> bool {
    matches!(
        event,
        Event::CodeRead(_)
            | Event::LoginTyped(_)
            | Event::PinTyped(_)
            | Event::DigitsTyped(_)
            | Event::PadTouched
            | Event::CancelPressed
            | Event::ButtonPressed
            | Event::LineChanged { .. }
            | Event::LinesRead(_)
            | Event::Requested(_)
    )
}

fn guess_keys(out: &mut Outcome) {
    for record in &mut out.records {
        if let Fact::Returned { key: key @ None, evidence, candidates, .. } = &mut record.fact {
            *key = candidates.first().cloned();
            *evidence = key.as_ref().map(|_| Evidence::HomeSlot);
        }
    }
}

/// A record of this kind was made somewhere in the life: for the test that says what a campaign has seen.
pub fn kind(fact: &Fact) -> String {
    let value = serde_json::to_value(fact).expect("facts serialise");
    value["kind"].as_str().unwrap_or_default().to_owned()
}

/// The kinds of records that a life makes.
pub fn kinds(life: Life) -> BTreeSet<String> {
    let mut world = World::new(life);
    world.days().expect("the life is lawful");
    world.ledger.iter().map(|record| kind(&record.fact)).collect()
}
