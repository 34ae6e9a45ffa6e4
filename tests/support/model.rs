//! A cabinet that exists: real keys on real hooks and in real hands, people with their habits, and everything that goes wrong.
//!
//! The model is the reference: what hangs where and who holds what is *true* here, and the core only hears of it through lines, badges and
//! requests. One seed is one life, to the last event. The shell is played as the daemon plays it: a batch is stepped, committed, then performed;
//! a commit that fails discards the core; a power cut also takes what was not committed.

use crate::laws::{Law, Laws};
use crate::sample::{MONDAY_NINE_MS, edit_user, now_of, pull_of, sample_roster};
use crate::words::say;
use cabinetd::cabinet::books::{Books, Custody, Presence, Row, View};
use cabinetd::cabinet::event::{Ask, KeyStep, Request, Start, StoreState};
use cabinetd::cabinet::fact::{Alarm, Fact, Record};
use cabinetd::cabinet::outcome::{Action, Answer, Command, CommandResult, Message, Outcome, PinVerdict};
use cabinetd::cabinet::power::{UpsFigures, UpsReading, UpsSilence, UpsState};
use cabinetd::cabinet::roster::Window;
use cabinetd::cabinet::settings::{Door, Settings};
use cabinetd::cabinet::types::{
    Actor, BootId, Channel, ClockQuality, Code, CommandId, DoorNo, Evidence, Input, KeyId, Level, Mono, Now, Origin,
    Pin, Reason, RequestKey, Role, SlotNo, Stamp, UserId,
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
    scheduled: BTreeMap<(Mono, u64), Event>,
    deliveries: u64,
    // --- the truth
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
        settings.sessions.fixed_return = !dice.once_in(3);
        settings.sessions.ask_required = !dice.once_in(4);
        settings.alerts.office_hours = vec![Window { weekdays: 0b001_1111, from: 7 * 60, to: 19 * 60 }];
        settings.alerts.inactive_days = 3;
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
            scheduled: BTreeMap::new(),
            deliveries: 0,
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
        self.laws.committed();
        self.proof = Some(self.now().stamp());
        if self.life.bug == Bug::ActsBeforeCommit { Ok(()) } else { self.perform(batch.commands) }
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
                Action::Unlatch { .. } | Action::Relatch { .. } | Action::Light { .. } | Action::Sound(_) => {}
            }
        }
        Ok(())
    }

    fn later(&mut self, after_ms: u64, event: Event) {
        let after_ms = self.dice.between(after_ms / 2, after_ms * 2);
        self.deliveries += 1;
        self.scheduled.insert((self.mono.plus_ms(after_ms), self.deliveries), event);
    }

    /// Time passes: whatever is due on the way is delivered, each at its moment.
    fn pass(&mut self, ms: u64) -> Law {
        let until = self.mono.plus_ms(ms);
        self.flush()?;
        loop {
            let deadline = self.cabinet.next_deadline().map(|(due, _)| due);
            let delivery = self.scheduled.keys().next().map(|(due, _)| *due);
            let Some(next) = deadline.into_iter().chain(delivery).min().filter(|next| *next <= until) else { break };
            self.mono = self.mono.max(next);
            if delivery == Some(next) {
                let (_, event) = self.scheduled.pop_first().expect("it was looked at");
                self.event(event)?;
            } else {
                self.event(Event::Tick)?;
            }
            self.flush()?;
            self.presence_is_seen()?;
        }
        self.mono = until;
        Ok(())
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
        self.laws.restored(&self.ledger, &self.cabinet)?;
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
        self.tally.cuts += 1;
        self.batch = Outcome::default();
        self.scheduled.clear();
        self.unlocked_until.clear();
        let dark_ms = self.dice.between(1_000, 3 * 3_600_000);
        if self.dice.once_in(2) {
            self.mono = self.mono.plus_ms(dark_ms % 10_000);
        } else {
            let wall = self.now().wall.0 + i64::try_from(dark_ms).expect("hours");
            self.boot = BootId(self.boot.0 + 1);
            self.mono = Mono(9_000);
            self.wall_minus_mono = wall - 9_000;
        }
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
        self.restore_core()?;
        let start = Start { version: "sim".into(), last_proof: self.proof, config_hash: "c0".into() };
        self.event(Event::Started(start))?;
        self.read_lines()
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
            let (again, more) = (self.answer.take(), self.ledger.len() - records);
            if remembered && again.is_some() && (again != first || more > 0) {
                return Err(format!("asked twice: {first:?}, then {again:?} with {more} records"));
            }
        }
        Ok(())
    }

    // ------------------------------------------------------------ people

    fn comes(&mut self, user: &UserId) -> Law {
        let code = if self.dice.once_in(8) { "login" } else { "badge" };
        let code = Code::new(&format!("{code}-{user}"));
        let event = if code.expose().starts_with("login") { Event::LoginTyped(code) } else { Event::CodeRead(code) };
        self.event(event)?;
        let ms = self.dice.between(500, 6_000);
        self.pass(ms)?;
        if self.mishap(40) {
            self.power_cut()?;
        }
        let digits = if self.dice.once_in(12) {
            "wrong"
        } else if self.dice.once_in(200) {
            "duress"
        } else {
            "right"
        };
        self.event(Event::PinTyped(Pin::new(digits)))?;
        self.pass(500)
    }

    fn is_here(&self, user: &UserId) -> bool {
        self.cabinet.books().session.as_ref().is_some_and(|session| session.user == *user)
    }

    fn held(&self, user: &UserId) -> Vec<KeyId> {
        self.hands.iter().filter(|(_, holder)| *holder == user).map(|(key, _)| key.clone()).collect()
    }

    /// Somebody comes, asks, opens, hangs, takes, closes.
    fn visit(&mut self) -> Law {
        self.tally.visits += 1;
        let user: UserId = self.dice.pick(&PEOPLE).copied().expect("people").into();
        self.comes(&user)?;
        if !self.is_here(&user) {
            return Ok(());
        }
        // A colleague's key is brought along.
        let mut lent = None;
        if self.dice.once_in(6)
            && let Some((key, owner)) = self.hands.iter().next().map(|(key, owner)| (key.clone(), owner.clone()))
        {
            self.hands.insert(key.clone(), user.clone());
            lent = Some((key, owner));
        }
        let back = self.held(&user);
        let wanted = self.wanted(&user);
        if !back.is_empty() {
            self.ask(None, Ask::Return { keys: vec![] })?;
        }
        if !wanted.is_empty() {
            self.asks_for(&user, &wanted)?;
        }
        if self.mishap(30) {
            self.power_cut()?;
        }
        let ms = self.dice.between(300, 4_000);
        self.pass(ms)?;
        let doors: Vec<DoorNo> =
            self.unlocked_until.iter().filter(|(_, until)| **until > self.mono).map(|(d, _)| *d).collect();
        for door in &doors {
            self.settle(Input::Door(*door), Level::Inactive)?;
        }
        self.pass(40)?;
        for key in back {
            if self.mishap(60) {
                self.power_cut()?;
            }
            self.hangs_up(&key)?;
            let ms = self.dice.between(40, 9_000);
            self.pass(ms)?;
        }
        for key in wanted {
            self.takes(&user, &key)?;
            let ms = self.dice.between(0, 9_000);
            self.pass(ms)?;
        }
        self.pass(40)?;
        if self.dice.once_in(50) {
            let ms = self.dice.between(30_000, 1_500_000);
            self.pass(ms)?;
        }
        if self.mishap(60) {
            self.power_cut()?;
        }
        for door in self.settings.doors.keys().copied().collect::<Vec<_>>() {
            if self.door_is_open(door) {
                self.settle(Input::Door(door), Level::Active)?;
            }
        }
        self.pass(11_000)?;
        if let Some((key, owner)) = lent.filter(|(key, _)| !self.life.rough && self.hands.get(key) == Some(&user)) {
            self.hands.insert(key, owner); // It could not be hung: back it goes.
        }
        self.books_are_true()
    }

    /// Keys that this person may take and that the books have in the cabinet: none, one or two.
    fn wanted(&mut self, user: &UserId) -> Vec<KeyId> {
        let books = self.cabinet.books();
        let Some(person) = books.roster.users.get(user) else { return vec![] };
        let may = |key: &&cabinetd::cabinet::roster::Key| {
            let here = matches!(books.custody.get(&key.id), Some(Custody::In { .. }));
            here && (person.role >= Role::Manager || person.groups.intersection(&key.groups).next().is_some())
        };
        let all: Vec<KeyId> = books.roster.keys.values().filter(may).map(|key| key.id.clone()).collect();
        let mut wanted = BTreeSet::new();
        for _ in 0..self.dice.between(0, 3) {
            wanted.extend(self.dice.pick(&all).cloned());
        }
        wanted.into_iter().collect()
    }

    fn asks_for(&mut self, user: &UserId, wanted: &[KeyId]) -> Law {
        let keys: Vec<&str> = wanted.iter().map(KeyId::as_str).collect();
        let alone = keys.contains(&"safe") && self.dice.once_in(3);
        let reasons = [Reason::WorkOrder, Reason::Showing, Reason::UnitAccess, Reason::Emergency];
        let reason = if alone { Reason::Emergency } else { *self.dice.pick(&reasons).expect("reasons") };
        self.ask(None, Ask::Pull(pull_of(&keys, reason, alone)))?;
        if matches!(self.told, Some(Message::SecondPersonPlease { .. })) {
            let second = self.dice.pick(&PEOPLE).copied().expect("people").into();
            if second != *user {
                self.comes(&second)?;
            }
        }
        Ok(())
    }

    /// Hangs a key, if its door is open: careful people scan when they are asked, or before.
    fn hangs_up(&mut self, key: &KeyId) -> Law {
        if !self.hands.contains_key(key) {
            return Ok(());
        }
        let home = self.cabinet.books().roster.keys.get(key).map(|key| key.home);
        let places: Vec<SlotNo> = (self.settings.slots.iter())
            .filter(|(slot, place)| self.door_is_open(place.door) && !self.hangs.contains_key(slot))
            .map(|(slot, _)| *slot)
            .collect();
        let anywhere = !self.settings.sessions.fixed_return || self.mishap(25);
        let slot = if anywhere { self.dice.pick(&places).copied() } else { home.filter(|home| places.contains(home)) };
        let Some(slot) = slot else { return Ok(()) };
        let scans_before = anywhere && self.dice.once_in(2);
        if scans_before {
            self.scan(key)?;
        }
        self.put(slot, key)?;
        self.pass(60)?;
        let asked = matches!(&self.told, Some(Message::WhichKey { slot: asked }) if *asked == slot);
        if asked && !self.mishap(6) {
            self.scan(key)?;
        }
        Ok(())
    }

    /// Takes what hangs where the light is; in a rough life perhaps the neighbour.
    fn takes(&mut self, user: &UserId, key: &KeyId) -> Law {
        let slot = match self.cabinet.books().custody.get(key) {
            Some(Custody::In { slot, .. }) => *slot,
            _ => return Ok(()),
        };
        let open =
            |world: &Self, slot: SlotNo| world.settings.slots.get(&slot).is_some_and(|p| world.door_is_open(p.door));
        if !open(self, slot) || self.granted_to(user, key).is_none() {
            return Ok(());
        }
        if self.mishap(25) && open(self, SlotNo(slot.0 + 1)) {
            let wrong = SlotNo(slot.0 + 1);
            let hung = self.hangs.get(&wrong).cloned();
            self.take(wrong, user)?;
            self.pass(3_000)?;
            if let Some(hung) = hung.filter(|_| self.dice.once_in(2)) {
                self.put(wrong, &hung)?;
                self.pass(500)?;
            }
        }
        self.take(slot, user)?;
        if self.mishap(30)
            && let Some(key) = self.held(user).first().cloned()
        {
            self.pass(200)?;
            self.scan(&key)?;
        }
        Ok(())
    }

    /// In a calm life people take only what they were given.
    fn granted_to(&self, user: &UserId, key: &KeyId) -> Option<()> {
        if self.life.rough {
            return Some(());
        }
        let session = self.cabinet.books().session.as_ref().filter(|session| session.user == *user)?;
        session.granted.as_ref().filter(|grant| grant.pull.contains(key)).map(|_| ())
    }

    /// In a calm life, with nobody here, every key is where the books have it.
    fn books_are_true(&mut self) -> Law {
        if self.life.rough || self.cabinet.books().session.is_some() {
            return Ok(());
        }
        self.tally.truths_compared += 1;
        for (key, custody) in &self.cabinet.books().custody {
            let truth = match custody {
                Custody::In { slot, .. } => self.hangs.get(slot) == Some(key),
                Custody::Out(holding) => self.hands.get(key) == Some(&holding.holder),
                Custody::Unaccounted { .. } | Custody::Lost { .. } | Custody::Retired { .. } => false,
            };
            if !truth {
                let hangs = self.hangs.iter().find(|(_, hung)| *hung == key).map(|(slot, _)| slot);
                return Err(format!(
                    "the books say {key} is {custody:?}; in truth it hangs in {hangs:?} or is with {:?}",
                    self.hands.get(key)
                ));
            }
        }
        Ok(())
    }

    // ------------------------------------------------------------ days

    fn days(&mut self) -> Law {
        self.ask(Some(Role::Admin), Ask::ChangeRoster { change: sample_roster(), dry_run: false })?;
        self.event(Event::Started(Start { version: "sim".into(), last_proof: None, config_hash: "c0".into() }))?;
        self.read_lines()?;
        let end = self.now().wall.0 + i64::from(self.life.days) * DAY_MS.cast_signed();
        let mut day = 0;
        while self.now().wall.0 < end {
            let minute = self.now().civil.minute;
            let busy = (7 * 60..19 * 60).contains(&minute);
            let gap_min = if busy { self.dice.between(5, 40) } else { self.dice.between(30, 120) };
            self.pass(gap_min * 60_000)?;
            self.ups()?;
            if self.dice.once_in(3) && !self.lines_lost {
                self.read_lines()?;
            }
            if busy || self.dice.once_in(6) {
                self.visit()?;
            }
            if self.life.rough {
                self.trouble()?;
            }
            if self.now().civil.day != day {
                day = self.now().civil.day;
                self.evening()?;
            }
        }
        self.flush()?;
        // The whole ledger, from its first record.
        self.laws.unmark();
        self.laws.restored(&self.ledger, &self.cabinet)
    }

    fn ups(&mut self) -> Law {
        let state = match self.dice.between(0, 12) {
            0 => Err(UpsSilence::TimedOut),
            1 => Err(UpsSilence::Stale),
            2 => Ok("OB"),
            3 => Ok("OB LB"),
            _ => Ok("OL"),
        };
        let state = state.map(|tokens| UpsState {
            tokens: tokens.split(' ').map(str::to_owned).collect(),
            figures: UpsFigures { charge_pct: Some(90), ..UpsFigures::default() },
            serial: None,
        });
        self.event(Event::UpsRead(UpsReading { at: self.mono, state }))
    }

    fn trouble(&mut self) -> Law {
        match self.dice.between(0, 60) {
            0 => self.power_cut(),
            1 => self.chatter(),
            2 => self.line_breaks(),
            3 => self.all_lines_lost(),
            4 => self.disk_full(),
            5 => {
                self.wall_minus_mono += self.dice.between(1_000, 600_000).cast_signed() - 300_000;
                Ok(())
            }
            6 => {
                let qualities =
                    [ClockQuality::Synced, ClockQuality::Rtc, ClockQuality::Restored, ClockQuality::Unknown];
                self.quality = *self.dice.pick(&qualities).expect("qualities");
                Ok(())
            }
            7 | 8 => self.roster_edit(),
            9 => self.forced_door(),
            10 => self.strangers(),
            11 => self.key_life(),
            12 => {
                self.hooks_swapped_by_nobody();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn some_slot(&mut self) -> SlotNo {
        SlotNo(self.dice.between(1, 25) as u16)
    }

    fn chatter(&mut self) -> Law {
        let input = Input::Slot(self.some_slot());
        let truth = self.levels[&input];
        for _ in 0..self.dice.between(10, 50) {
            let other = if self.levels[&input] == Level::Active { Level::Inactive } else { Level::Active };
            self.edge(input, other)?;
            let ms = self.dice.between(5, 45);
            self.pass(ms)?;
        }
        self.edge(input, truth)
    }

    fn line_breaks(&mut self) -> Law {
        let input = Input::Slot(self.some_slot());
        self.edge(input, Level::Fault)?;
        let ms = self.dice.between(10, 1_800_000);
        self.pass(ms)?;
        self.mend(input)
    }

    fn mend(&mut self, input: Input) -> Law {
        let Input::Slot(slot) = input else { return Ok(()) };
        let truth = if self.hangs.contains_key(&slot) { Level::Active } else { Level::Inactive };
        self.edge(input, truth)
    }

    fn all_lines_lost(&mut self) -> Law {
        self.lines_lost = true;
        self.read_lines()?;
        if self.dice.once_in(2) {
            self.visit()?;
        }
        let ms = self.dice.between(1_000, 1_800_000);
        self.pass(ms)?;
        self.lines_lost = false;
        self.read_lines()
    }

    fn disk_full(&mut self) -> Law {
        self.store = StoreState::Reserve;
        self.event(Event::StoreChanged(self.store))?;
        let ms = self.dice.between(1_000, 3_600_000);
        self.pass(ms)?;
        self.visit()?;
        if self.dice.once_in(3) {
            self.power_cut()?;
        }
        self.store = StoreState::Writable;
        self.event(Event::StoreChanged(self.store))
    }

    fn roster_edit(&mut self) -> Law {
        let user: UserId = self.dice.pick(&PEOPLE).copied().expect("people").into();
        let known = self.cabinet.books().roster.users.get(&user).cloned();
        let change = match known {
            Some(mut user) if self.dice.once_in(2) => {
                user.revoked = !user.revoked;
                edit_user(user)
            }
            _ => sample_roster(),
        };
        let dry_run = self.dice.once_in(5);
        self.ask(Some(Role::Admin), Ask::ChangeRoster { change, dry_run })
    }

    fn forced_door(&mut self) -> Law {
        self.settle(Input::Door(DoorNo(1)), Level::Inactive)?;
        self.pass(2_000)?;
        let thief: UserId = "bob".into();
        let slot = self.some_slot();
        if slot.0 <= 12 {
            self.take(slot, &thief)?;
        }
        let ms = self.dice.between(10, 900_000);
        self.pass(ms)?;
        self.settle(Input::Door(DoorNo(1)), Level::Active)
    }

    fn strangers(&mut self) -> Law {
        for number in 0..self.dice.between(1, 40) {
            self.event(Event::CodeRead(Code::new(&format!("stranger-{number}"))))?;
            let ms = self.dice.between(200, 5_000);
            self.pass(ms)?;
        }
        Ok(())
    }

    fn key_life(&mut self) -> Law {
        let keys: Vec<KeyId> = self.cabinet.books().roster.keys.keys().cloned().collect();
        let key = self.dice.pick(&keys).cloned().expect("keys");
        let steps = [KeyStep::Lost, KeyStep::Found, KeyStep::Rekeyed, KeyStep::EnteredByMistake];
        let step = *self.dice.pick(&steps).expect("steps");
        self.ask(Some(Role::Manager), Ask::KeyLife { key, step, note: None })
    }

    /// What no sensor sees: two keys change their hooks, between two readings.
    fn hooks_swapped_by_nobody(&mut self) {
        let (a, b) = (self.some_slot(), self.some_slot());
        if let (Some(one), Some(other)) = (self.hangs.get(&a).cloned(), self.hangs.get(&b).cloned()) {
            self.hangs.insert(a, other);
            self.hangs.insert(b, one);
        }
    }

    /// The manager looks after the open questions: alarms, unnamed slots, keys marked lost that were found.
    fn evening(&mut self) -> Law {
        self.flush()?;
        let broken: Vec<Input> =
            self.levels.iter().filter(|(_, level)| **level == Level::Fault).map(|(i, _)| *i).collect();
        for input in broken {
            self.mend(input)?;
        }
        self.pass(60_000)?;
        if self.life.rough {
            let unnamed: Vec<SlotNo> = (self.cabinet.books().slots.iter())
                .filter(|(_, row)| row.present == Presence::Present && row.key.is_none())
                .map(|(slot, _)| *slot)
                .collect();
            for slot in unnamed {
                if let Some(key) = self.hangs.get(&slot).map(ToString::to_string) {
                    self.ask(Some(Role::Manager), Ask::Declare { slot, key })?;
                }
            }
        }
        let open: Vec<_> = self.cabinet.books().alarms.values().cloned().collect();
        for alarm in open {
            if alarm.acknowledged.is_none() {
                self.ask(Some(Role::Manager), Ask::AlarmAcknowledge { alarm: alarm.id })?;
            }
            if matches!(alarm.alarm, Alarm::LoneEmergency { .. }) {
                self.ask(Some(Role::Manager), Ask::Countersign { alarm: alarm.id, by: "cleo".into() })?;
            }
        }
        self.flush()?;
        self.laws.same_as(&self.cabinet)?;
        self.laws.mark();
        Ok(())
    }
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
