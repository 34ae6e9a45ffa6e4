//! A story: one cabinet, a clock that the story moves, people and keys by name.
//!
//! The story plays the shell: each event is stepped, its rows are put into a map as a store would, and only then are its commands performed.
//! Time passes from deadline to deadline, never past one. A PIN check is answered by the story, right, wrong or under duress.
//! The laws of `support/laws.rs` are checked after every event.

#[path = "mains.rs"]
mod mains;

use crate::laws::Laws;
pub use crate::sample::{MONDAY_NINE_MS, edit_user, now_of, person, pull_of, sample_roster, some_hash, unit_key};
use crate::words::{alarm_words, custody_words, open_alarms, say};
use cabinetd::cabinet::books::{Books, Row, View};
use cabinetd::cabinet::event::{Ask, KeyStep, Reconfigured, Request, Start, StopReason, StoreState};
use cabinetd::cabinet::fact::Record;
use cabinetd::cabinet::outcome::{Action, Answer, Command, CommandResult, Message, Outcome, PinVerdict, Sound};
use cabinetd::cabinet::power::{Method, UpsFigures, UpsReading, UpsSilence, UpsState};
use cabinetd::cabinet::roster::{RosterChange, User};
use cabinetd::cabinet::settings::Settings;
use cabinetd::cabinet::snapshot::Snapshot;
use cabinetd::cabinet::types::{
    Actor, AlarmId, BootId, Channel, ClockQuality, Code, CommandId, DoorNo, Input, KeyId, Level, Mono, Now, Origin,
    Output, Pin, Reason, RequestKey, Role, SlotNo, Stamp, UserId,
};
use cabinetd::cabinet::{Cabinet, Event};
use mains::Ups;
use std::collections::{BTreeMap, BTreeSet};

/// What the lock relay does when told to unlock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lock {
    Works,
    Fails,
    /// Nothing is heard of the command any more.
    Silent,
}

pub struct Story {
    pub cabinet: Cabinet,
    settings: Settings,
    laws: Laws,
    // --- what a store has
    rows: BTreeMap<View, Row>,
    ledger: Vec<Record>,
    proof: Option<Stamp>,
    // --- the clock
    mono: Mono,
    wall_minus_mono: i64,
    /// Local time minus UTC.
    zone_min: i64,
    quality: ClockQuality,
    boot: BootId,
    /// How far the wall clock is behind, since it stood still while the machine was off.
    behind_ms: i64,
    // --- the hardware
    pub levels: BTreeMap<Input, Level>,
    relays: BTreeSet<Output>,
    pub lock: Lock,
    unlocks: u32,
    // --- what people perceive
    told: Vec<Message>,
    heard: Vec<Sound>,
    replies: BTreeMap<RequestKey, Answer>,
    pin_checks: Vec<CommandId>,
    /// New PINs that are being hashed.
    pub hashings: Vec<CommandId>,
    /// Deep sleeps that were ordered.
    pub slept: Vec<(CommandId, Method)>,
    pub paced_slowly: bool,
    /// Tests of the battery that were ordered.
    pub tests: Vec<CommandId>,
    /// Flushes that upstream has not ended.
    pub flushes: Vec<CommandId>,
    pub retries: u32,
    pub ups: Option<Ups>,
    commands: Vec<Action>,
    // --- book-keeping of the story
    told_until: usize,
    requests: u32,
}

impl Story {
    /// A cabinet of 24 slots and one door, started, with the sample roster, every key at home.
    pub fn begins() -> Self {
        Self::with(|_| {})
    }

    /// The same with other rules.
    pub fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::plain(24, 6);
        change(&mut settings);
        let mut story = Self::bare(settings);
        story.import(sample_roster());
        story.start(None);
        story.read_lines();
        story.told_until = story.ledger.len();
        story
    }

    /// A cabinet just out of its box: no roster, not started.
    pub fn bare(settings: Settings) -> Self {
        let boot = BootId(1);
        let mono = Mono(10_000);
        let wall_minus_mono = MONDAY_NINE_MS - 10_000;
        let mut levels = BTreeMap::new();
        for (door, _) in settings.doors.iter().filter(|(_, door)| door.contact) {
            levels.insert(Input::Door(*door), Level::Active);
        }
        if settings.tamper {
            levels.insert(Input::Tamper, Level::Active);
        }
        if settings.lockbox {
            levels.insert(Input::Lockbox, Level::Active);
        }
        for slot in settings.slots.keys() {
            levels.insert(Input::Slot(*slot), if slot.0 <= 17 { Level::Active } else { Level::Inactive });
        }
        let books = Books::from_rows(1, Vec::new());
        let quality = ClockQuality::Synced;
        let now = now_of(mono, wall_minus_mono, quality, boot);
        Self {
            cabinet: Cabinet::restore(settings.clone(), books, StoreState::Writable, CommandId(1), now),
            laws: Laws::new(settings.clone()),
            settings,
            rows: BTreeMap::new(),
            ledger: Vec::new(),
            proof: None,
            mono,
            wall_minus_mono,
            zone_min: 0,
            quality,
            boot,
            behind_ms: 0,
            levels,
            relays: BTreeSet::new(),
            lock: Lock::Works,
            unlocks: 0,
            told: Vec::new(),
            heard: Vec::new(),
            replies: BTreeMap::new(),
            pin_checks: Vec::new(),
            hashings: Vec::new(),
            slept: Vec::new(),
            paced_slowly: false,
            tests: Vec::new(),
            flushes: Vec::new(),
            retries: 0,
            ups: None,
            commands: Vec::new(),
            told_until: 0,
            requests: 0,
        }
    }

    /// What whoever looks sees now.
    pub fn looks(&self) -> Snapshot {
        Snapshot::taken(&self.cabinet, self.now())
    }

    pub fn now(&self) -> Now {
        let now = now_of(self.mono, self.wall_minus_mono, self.quality, self.boot);
        let local = now_of(self.mono, self.wall_minus_mono + self.zone_min * 60_000, self.quality, self.boot);
        Now { civil: local.civil, ..now }
    }

    // ------------------------------------------------------------ the shell

    /// Steps, commits, performs; then tells how the commands ended.
    pub fn event(&mut self, event: Event) {
        let (law_event, now) = (event.clone(), self.now());
        let out = self.cabinet.step(now, event);
        if let Err(broken) = self.laws.stepped(&self.cabinet, now, &law_event, &out) {
            panic!("{broken}\n{}", self.tail());
        }
        self.commit(&out);
        self.perform(out.commands);
    }

    fn commit(&mut self, out: &Outcome) {
        for (view, row) in &out.rows {
            match row {
                Some(row) => drop(self.rows.insert(view.clone(), row.clone())),
                None => drop(self.rows.remove(view)),
            }
        }
        self.ledger.extend(out.records.iter().cloned());
        self.proof = Some(self.now().stamp());
        self.laws.committed();
    }

    fn perform(&mut self, commands: Vec<Command>) {
        let mut ended = Vec::new();
        for Command { id, action, .. } in commands {
            self.laws.performed(id, &action).unwrap_or_else(|broken| panic!("{broken}\n{}", self.tail()));
            self.commands.push(action.clone());
            match action {
                Action::Unlock { door, .. } => {
                    self.unlocks += 1;
                    match self.lock {
                        Lock::Works => {
                            self.relays.insert(Output::Lock(door));
                            ended.push((id, CommandResult::Done));
                        }
                        Lock::Fails => ended.push((id, CommandResult::Failed("relay board does not answer".into()))),
                        Lock::Silent => {}
                    }
                }
                Action::Relock { door } => drop(self.relays.remove(&Output::Lock(door))),
                Action::Unlatch { slot, .. } => drop(self.relays.insert(Output::Latch(slot))),
                Action::Relatch { slot } => drop(self.relays.remove(&Output::Latch(slot))),
                Action::Light { slot, on: true } => drop(self.relays.insert(Output::Led(slot))),
                Action::Light { slot, on: false } => drop(self.relays.remove(&Output::Led(slot))),
                Action::Sound(sound) => self.heard.push(sound),
                Action::Lamp(_) => {}
                Action::Show(message) => self.told.push(message),
                Action::CheckPin { .. } => self.pin_checks.push(id),
                Action::HashPin { .. } => self.hashings.push(id),
                Action::SwitchLoad { load, on: false } => drop(self.relays.insert(Output::Load(load))),
                Action::SwitchLoad { load, on: true } => drop(self.relays.remove(&Output::Load(load))),
                Action::Pace { slow } => self.paced_slowly = slow,
                // The UPS takes it.
                Action::TestBattery => self.tests.push(id),
                Action::Flush => self.flushes.push(id),
                Action::RetryUpstream => self.retries += 1,
                Action::ReadLines => ended.push((id, CommandResult::Done)),
                // What becomes of it is the story's to say: it goes dark, or the machine stays up.
                Action::Sleep { method, .. } => self.slept.push((id, method)),
                Action::Reply { request, answer } => drop(self.replies.insert(request, answer)),
            }
        }
        self.laws.all_performed(&self.cabinet).unwrap_or_else(|broken| panic!("{broken}\n{}", self.tail()));
        for (id, result) in ended {
            self.event(Event::CommandDone { id, result });
        }
    }

    /// Time passes, stopping at every deadline on the way, and whenever the UPS is asked.
    pub fn wait_ms(&mut self, ms: u64) {
        let until = self.mono.plus_ms(ms);
        loop {
            let deadline = self.cabinet.next_deadline().map(|(due, _)| due);
            let poll = self.next_poll();
            let Some(next) = deadline.into_iter().chain(poll).min().filter(|next| *next <= until) else { break };
            self.mono = self.mono.max(next);
            if poll == Some(next) { self.polls() } else { self.event(Event::Tick) }
        }
        self.mono = until;
    }

    pub fn wait_s(&mut self, seconds: u64) {
        self.wait_ms(seconds * 1_000);
    }

    pub fn wait_min(&mut self, minutes: u64) {
        self.wait_ms(minutes * 60_000);
    }

    /// Time passes and the shell is late: nothing is stepped meanwhile.
    pub fn late_by_ms(&mut self, ms: u64) {
        self.mono = self.mono.plus_ms(ms);
    }

    /// The machine was suspended; one late tick follows.
    pub fn oversleeps_s(&mut self, seconds: u64) {
        self.late_by_ms(seconds * 1_000);
        self.event(Event::Tick);
    }

    // ------------------------------------------------------------ starting and stopping

    pub fn start(&mut self, last_proof: Option<Stamp>) {
        self.event(Event::Started(Start {
            version: "test".into(),
            last_proof,
            missing: None,
            config_hash: "c0".into(),
        }));
    }

    pub fn read_lines(&mut self) {
        let levels = self.levels.iter().map(|(input, level)| (*input, *level)).collect();
        self.event(Event::LinesRead(levels));
    }

    /// The core is discarded and rebuilt from what was committed; no start.
    pub fn rebuild(&mut self, store: StoreState) {
        let next_seq = self.ledger.len() as u64 + 1;
        let rows = self.rows.clone().into_iter().collect();
        let books = Books::from_rows(next_seq, rows);
        let first = self.cabinet.next_command();
        self.cabinet = Cabinet::restore(self.settings.clone(), books, store, first, self.now());
        self.pin_checks.clear();
        self.laws
            .restored(&self.ledger, &self.cabinet, self.now())
            .unwrap_or_else(|broken| panic!("{broken}\n{}", self.tail()));
    }

    /// The power goes for some time, and comes back: a new boot. All outputs fall off; whatever moves meanwhile is not seen.
    pub fn power_cut(&mut self, dark_s: u64, meanwhile: impl FnOnce(&mut BTreeMap<Input, Level>)) {
        let wall = self.now().wall.0 + i64::try_from(dark_s * 1_000).expect("a story is short");
        self.outputs_fall_off();
        meanwhile(&mut self.levels);
        self.boot = BootId(self.boot.0 + 1);
        self.mono = Mono(8_000);
        self.wall_minus_mono = wall - 8_000;
        self.rebuild(StoreState::Writable);
        self.start(self.proof);
        self.read_lines();
    }

    /// The process alone is killed and started again at once, in the same boot.
    pub fn kill(&mut self, meanwhile: impl FnOnce(&mut BTreeMap<Input, Level>)) {
        self.outputs_fall_off();
        meanwhile(&mut self.levels);
        self.mono = self.mono.plus_ms(2_000);
        self.rebuild(StoreState::Writable);
        self.start(self.proof);
        self.read_lines();
    }

    /// Started again with a config that has this slot no more.
    pub fn loses_slot(&mut self, slot: SlotNo) {
        self.settings.slots.remove(&slot);
        self.levels.remove(&Input::Slot(slot));
        self.kill(|_| {});
    }

    /// Killed and started again; the start is recorded, and then the disk is full before the lines were compared.
    pub fn starts_onto_a_full_disk(&mut self, meanwhile: impl FnOnce(&mut BTreeMap<Input, Level>)) {
        self.outputs_fall_off();
        meanwhile(&mut self.levels);
        self.mono = self.mono.plus_ms(2_000);
        self.rebuild(StoreState::Writable);
        self.start(self.proof);
        self.rebuild(StoreState::Reserve);
        self.read_lines();
    }

    fn outputs_fall_off(&mut self) {
        self.relays.clear();
        self.paced_slowly = false;
        self.laws.outputs_fell_off();
    }

    pub fn stop(&mut self) {
        self.event(Event::Stopping { why: StopReason::Service });
    }

    /// The config was read again and is this one. Its rules count; layout, loads and UPS are those of the start.
    #[allow(dead_code, reason = "the simulation keeps its config")]
    pub fn reloads(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.settings.clone();
        change(&mut settings);
        let new = settings.clone();
        (self.settings.access, self.settings.sessions) = (new.access, new.sessions);
        self.settings.alerts = new.alerts;
        if let (Some(power), Some(new)) = (&mut self.settings.power, new.power) {
            let stays = (power.loads.clone(), power.may_order);
            *power = new;
            (power.loads, power.may_order) = stays;
        }
        self.laws.reconfigured(self.settings.clone());
        self.event(Event::Reconfigured(Box::new(Reconfigured {
            settings,
            config_hash: "c1".into(),
            changed: Vec::new(),
            after_restart: Vec::new(),
        })));
        assert_eq!(*self.cabinet.settings(), self.settings);
    }

    pub fn store(&mut self, state: StoreState) {
        self.event(Event::StoreChanged(state));
    }

    // ------------------------------------------------------------ the clock

    /// The wall clock jumps (the boot clock does not).
    pub fn clock_jumps_s(&mut self, seconds: i64) {
        self.wall_minus_mono += seconds * 1_000;
    }

    /// Daylight saving time begins or ends: local time moves against UTC.
    pub fn local_time_moves_min(&mut self, minutes: i64) {
        self.zone_min += minutes;
    }

    pub fn clock_is(&mut self, quality: ClockQuality) {
        self.quality = quality;
    }

    // ------------------------------------------------------------ people at the reader

    pub fn badge(&mut self, user: &str) {
        self.event(Event::CodeRead(Code::new(&format!("badge-{user}"))));
    }

    pub fn login(&mut self, user: &str) {
        self.event(Event::LoginTyped(Code::new(&format!("login-{user}"))));
    }

    pub fn scan_tag(&mut self, key: &str) {
        self.event(Event::CodeRead(Code::new(&format!("tag-{key}"))));
    }

    /// Digits are typed; the check is under way.
    pub fn types(&mut self, digits: &str) {
        self.event(Event::PinTyped(Pin::new(digits)));
    }

    /// Digits and Enter on a pad that does not know what they are.
    pub fn typed(&mut self, digits: &str) {
        self.event(Event::DigitsTyped(Pin::new(digits)));
    }

    /// The check that is under way ends so.
    pub fn verdict(&mut self, verdict: PinVerdict) {
        let id = self.pin_checks.pop().expect("a PIN check is under way");
        self.event(Event::CommandDone { id, result: CommandResult::Pin(verdict) });
    }

    /// The check that is under way comes to nothing.
    pub fn pin_check_fails(&mut self) {
        let id = self.pin_checks.pop().expect("a PIN check is under way");
        self.event(Event::CommandDone { id, result: CommandResult::Failed("a damaged hash".into()) });
    }

    pub fn pin_ok(&mut self) {
        self.types("482913");
        self.verdict(PinVerdict::Match);
    }

    pub fn pin_wrong(&mut self) {
        self.types("000000");
        self.verdict(PinVerdict::Mismatch);
    }

    pub fn pin_duress(&mut self) {
        self.types("482914");
        self.verdict(PinVerdict::Duress);
    }

    pub fn is_checking_a_pin(&self) -> bool {
        !self.pin_checks.is_empty()
    }

    /// Badge and the right PIN.
    pub fn comes(&mut self, user: &str) {
        self.badge(user);
        self.pin_ok();
    }

    pub fn cancels(&mut self) {
        self.event(Event::CancelPressed);
    }

    // ------------------------------------------------------------ asks

    /// An ask through the control socket, by an account of this role.
    pub fn ask_as(&mut self, account: &str, role: Option<Role>, request: &str, ask: Ask) -> Answer {
        let key = RequestKey(request.into());
        let actor = Actor::Account { uid: 1_000, name: account.into() };
        let origin = Origin { actor, channel: Channel::Control, request: Some(key.clone()) };
        self.event(Event::Requested(Request { origin, role, ask }));
        self.replies.get(&key).cloned().expect("every request is answered")
    }

    fn ask(&mut self, role: Option<Role>, ask: Ask) -> Answer {
        self.requests += 1;
        let request = format!("request-{}", self.requests);
        self.ask_as("office", role, &request, ask)
    }

    pub fn pull(&mut self, key: &str, reason: Reason) -> Answer {
        self.pull_all(&[key], reason)
    }

    pub fn pull_all(&mut self, keys: &[&str], reason: Reason) -> Answer {
        self.ask(Some(Role::Staff), Ask::Pull(pull_of(keys, reason, false)))
    }

    pub fn pull_alone(&mut self, key: &str, reason: Reason) -> Answer {
        self.ask(Some(Role::Staff), Ask::Pull(pull_of(&[key], reason, true)))
    }

    pub fn brings(&mut self, keys: &[&str]) -> Answer {
        self.ask(Some(Role::Staff), Ask::Return { keys: keys.iter().map(|key| (*key).to_owned()).collect() })
    }

    pub fn declares(&mut self, slot: u16, key: &str) -> Answer {
        self.ask(Some(Role::Manager), Ask::Declare { slot: SlotNo(slot), key: key.into() })
    }

    pub fn acknowledges(&mut self, alarm: &str) -> Answer {
        let alarm = self.alarm_id(alarm);
        self.ask(Some(Role::Manager), Ask::AlarmAcknowledge { alarm })
    }

    pub fn countersigns(&mut self, by: &str, alarm: &str) -> Answer {
        let alarm = self.alarm_id(alarm);
        self.ask(Some(Role::Manager), Ask::Countersign { alarm, by: by.into() })
    }

    /// The cabinet as it is shown to others now.
    pub fn picture(&self) -> Snapshot {
        Snapshot::taken(&self.cabinet, self.now())
    }

    pub fn alarm_id(&self, words: &str) -> AlarmId {
        let open = self.cabinet.books().alarms.values().find(|open| alarm_words(&open.alarm) == words);
        open.unwrap_or_else(|| panic!("no alarm \"{words}\" is open, but: {:?}", self.alarms())).id
    }

    pub fn import(&mut self, change: RosterChange) -> Answer {
        self.ask(Some(Role::Admin), Ask::ChangeRoster { change, dry_run: false })
    }

    pub fn would_import(&mut self, change: RosterChange) -> Answer {
        self.ask(Some(Role::Admin), Ask::ChangeRoster { change, dry_run: true })
    }

    pub fn revokes(&mut self, user: &str) -> Answer {
        self.edits_user(user, |user| user.revoked = true)
    }

    pub fn edits_user(&mut self, user: &str, change: impl FnOnce(&mut User)) -> Answer {
        let mut user = self.cabinet.books().roster.users[&UserId::from(user)].clone();
        change(&mut user);
        self.import(edit_user(user))
    }

    pub fn vouches(&mut self, by: &str, user: &str, for_minutes: u32) -> Answer {
        let ask = Ask::Vouch { user: user.into(), by: by.into(), code: some_hash(), for_minutes };
        self.ask(Some(Role::Manager), ask)
    }

    pub fn key_is(&mut self, key: &str, step: KeyStep) -> Answer {
        self.ask(Some(Role::Manager), Ask::KeyLife { key: key.into(), step, note: None })
    }

    // ------------------------------------------------------------ hands on the cabinet

    /// A raw edge, nothing more.
    pub fn raw(&mut self, input: Input, level: Level) {
        self.levels.insert(input, level);
        self.event(Event::LineChanged { input, level });
    }

    /// An edge, and long enough for it to be believed.
    pub fn settle(&mut self, input: Input, level: Level) {
        self.raw(input, level);
        self.wait_ms(self.settings.sessions.debounce_ms);
    }

    pub fn door_opens(&mut self) {
        self.opens(1);
    }

    pub fn opens(&mut self, door: u8) {
        self.settle(Input::Door(DoorNo(door)), Level::Inactive);
    }

    pub fn closes(&mut self) {
        self.shuts(1);
    }

    pub fn shuts(&mut self, door: u8) {
        self.settle(Input::Door(DoorNo(door)), Level::Active);
    }

    pub fn take(&mut self, slot: u16) {
        self.settle(Input::Slot(SlotNo(slot)), Level::Inactive);
    }

    pub fn put(&mut self, slot: u16) {
        self.settle(Input::Slot(SlotNo(slot)), Level::Active);
    }

    /// The whole of an ordinary pull.
    pub fn pulls(&mut self, user: &str, slot: u16) {
        self.comes(user);
        self.pull(&(200 + slot).to_string(), Reason::WorkOrder);
        self.door_opens();
        self.take(slot);
        self.closes();
    }

    pub fn ups(&mut self, state: Result<&str, UpsSilence>) {
        let state = state.map(|tokens| UpsState {
            tokens: tokens.split(' ').map(str::to_owned).collect(),
            figures: UpsFigures::default(),
            ..UpsState::default()
        });
        self.event(Event::UpsRead(UpsReading { at: self.mono, state }));
    }

    // ------------------------------------------------------------ what is expected

    /// Exactly these records since the last look, in this order.
    #[track_caller]
    pub fn expect_records(&mut self, expected: &[&str]) {
        let said = self.news();
        assert_eq!(said, expected, "\nthe records since the last look are not as expected");
    }

    /// The records since the last look.
    pub fn news(&mut self) -> Vec<String> {
        let said = self.ledger[self.told_until..].iter().map(say).collect();
        self.told_until = self.ledger.len();
        said
    }

    /// This record is among those since the last look; the look goes on.
    #[track_caller]
    pub fn expect_record(&self, expected: &str) {
        let said: Vec<String> = self.ledger[self.told_until..].iter().map(say).collect();
        assert!(said.iter().any(|said| said == expected), "no record \"{expected}\" in {said:#?}");
    }

    pub fn records(&self) -> &[Record] {
        &self.ledger
    }

    pub fn alarms(&self) -> Vec<String> {
        open_alarms(self.cabinet.books().alarms.values())
    }

    /// Exactly these alarms are open.
    #[track_caller]
    pub fn expect_alarms(&self, expected: &[&str]) {
        assert_eq!(self.alarms(), expected, "\nthe open alarms are not as expected");
    }

    #[track_caller]
    pub fn expect_custody(&self, key: &str, expected: &str) {
        let custody = self.cabinet.books().custody.get(&KeyId::from(key));
        assert_eq!(custody_words(custody), expected, "\ncustody of {key}");
    }

    #[track_caller]
    pub fn expect_locked(&self) {
        let on: Vec<&Output> = self.relays.iter().filter(|output| matches!(output, Output::Lock(_))).collect();
        assert!(on.is_empty(), "energised: {on:?}");
    }

    #[track_caller]
    pub fn expect_energised(&self, output: Output) {
        assert!(self.relays.contains(&output), "{output:?} is not energised, only {:?}", self.relays);
    }

    #[track_caller]
    pub fn expect_unlocked(&self) {
        self.expect_energised(Output::Lock(DoorNo(1)));
    }

    pub fn energised(&self) -> Vec<Output> {
        self.relays.iter().copied().collect()
    }

    /// How often a lock was energised so far.
    pub const fn unlocks(&self) -> u32 {
        self.unlocks
    }

    /// The last thing said at the cabinet.
    #[track_caller]
    pub fn expect_told(&self, text: &str) {
        let told = self.told.last().map(ToString::to_string).unwrap_or_default();
        assert!(told.contains(text), "\"{told}\" does not say \"{text}\"");
    }

    #[track_caller]
    pub fn expect_heard(&mut self, sound: Sound) {
        let heard = std::mem::take(&mut self.heard);
        assert!(heard.contains(&sound), "{sound:?} was not heard, but {heard:?}");
    }

    pub fn heard(&mut self) -> Vec<Sound> {
        std::mem::take(&mut self.heard)
    }

    /// Everything commanded since the last look.
    pub fn commanded(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.commands)
    }

    fn tail(&self) -> String {
        let from = self.ledger.len().saturating_sub(30);
        let last: Vec<String> =
            self.ledger[from..].iter().map(|record| format!("  {:>4} {}", record.seq, say(record))).collect();
        last.join("\n")
    }
}
