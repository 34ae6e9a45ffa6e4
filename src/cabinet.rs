//! The core: decides, and keeps the books. No clock, no randomness, no files, no sockets, no async.
//!
//! ```text
//! Event ──▶ Cabinet::step(now, event) ──▶ Outcome { records, rows, commands }
//!              │  access    who is it, may they            (identification, PINs, throttling)
//!              │  enrol     a PIN of their own, with a code         (who has none yet)
//!              │  pad       digits: login, PIN, answers    (the dialogue of a cabinet with only a keypad)
//!              │  visit     one person's session           (ask, authorise, open, close)
//!              │  door      contacts, left open            ┐
//!              │  slot      keys taken and returned        ├ what the lines say
//!              │  sensing   debounce, faults, comparing    ┘
//!              │  custody   overdue, closing time, a key's life
//!              │  request   asks from outside, answered once
//!              │  alarm     raised, acknowledged, cleared
//!              │  signed    a roster from elsewhere: newer, fitting, not too old
//!              ├  upstream  what alarms there, how long sleep waits for it
//!              └  power     which supply, how long yet, when to sleep
//! ```
//!
//! The durable half of the state is [`books::Books`], which only records change. The volatile half is in the rooms and may be
//! lost at any moment: [`Cabinet::restore`] is the one way up, for boot, crash, full disk and wake.
//!
//! Deliberately absent: transport, rendering, salts and hashes, retries. The core never waits.

mod access;
mod alarm;
pub mod books;
mod custody;
mod door;
pub mod enrol;
pub mod event;
pub mod fact;
mod lamp;
pub mod mentions;
pub mod numbers;
mod opening;
pub mod outage;
pub mod outcome;
mod pad;
pub mod power;
mod request;
pub mod roster;
mod sensing;
pub mod sentence;
pub mod settings;
pub mod signed;
mod slot;
pub mod snapshot;
pub mod types;
mod upstream;
mod visit;

pub use event::Event;
pub use outcome::Outcome;

use access::Reading;
use books::Books;
use event::{Reconfigured, Start, StopReason, StoreState};
use fact::{Dark, Fact, Record, SessionEnd};
use outcome::{Action, Command, CommandResult, Message, Sound};
use settings::Settings;
use std::collections::BTreeMap;
use types::{CommandId, DoorNo, Mono, Now, Origin, SessionId, UserId};

/// A cabinet: its rules, its books, and what is under way.
#[derive(Clone, Debug)]
pub struct Cabinet {
    settings: Settings,
    books: Books,
    store: StoreState,
    desk: access::Desk,
    denials: access::Denials,
    last_reads: Vec<access::LastRead>,
    opening: Option<opening::Opening>,
    visit: visit::Visit,
    doors: door::Doors,
    sensing: sensing::Sensing,
    watch: custody::Watch,
    power: power::room::Room,
    /// Falling asleep waits until upstream, and whoever is told of alarms, have everything.
    is_flushing: bool,
    signed: signed::Waiting,
    /// Since when upstream does not answer; the time of outages does not count.
    upstream_silent: Option<Mono>,
    /// When the display's last word has been read.
    idle_at: Option<Mono>,
    /// What the status lamp was told last.
    lamp_shows: Option<outcome::Lamp>,
    /// Commands under way, by number, with what their end means.
    pending: BTreeMap<CommandId, Pending>,
    next_command: u64,
}

/// A command under way.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Pending {
    deadline: Mono,
    purpose: Purpose,
}

/// What the end of a command means to the core.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Purpose {
    Unlock {
        door: DoorNo,
        session: SessionId,
    },
    CheckPin {
        user: UserId,
    },
    HashPin {
        user: UserId,
    },
    Sleep {
        method: power::Method,
    },
    TestBattery,
    /// Upstream gets everything before the machine sleeps.
    Flush,
    /// Somebody pressed, and the hardware answers again.
    Wake {
        pressed: Mono,
    },
    /// Nothing: a light, a sound, a word, an answer.
    Courtesy,
}

/// How long a word on the display is for somebody.
const MESSAGE_MS: u64 = 10_000;

/// Why a deadline is set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reason {
    /// A line's new level has held long enough, or a chattering one has been quiet.
    Debounce,
    /// A half-typed PIN is forgotten.
    PinTimeout,
    /// A coalesced denial is written.
    DenialWindow,
    /// Nothing was asked for, no second person came, or the door was not opened.
    VisitTimeout,
    /// A half-given answer on the pad is forgotten.
    AnswerTimeout,
    /// A door was left open.
    DoorLeftOpen,
    /// A command's end is overdue.
    CommandOverdue,
    /// A key is overdue.
    KeyOverdue,
    /// Office hours end, or are looked up again.
    OfficeHours,
    /// A scanned tag is forgotten.
    TagForgotten,
    /// An admin's word to open has not been taken up.
    WordLapses,
    /// The display's last word has been read.
    DisplayIdle,
    /// The signed roster may be past its age.
    RosterAge,
    /// The power policy may have something new to say.
    Power,
    /// A test of the battery has had its time, or may be due.
    Upkeep,
    /// Upstream is silent for too long.
    UpstreamSilent,
}

/// One step: the moment, by whom, and what came of it so far.
#[derive(Debug)]
struct Turn {
    now: Now,
    by: Origin,
    out: Outcome,
}

impl Turn {
    const fn mono(&self) -> Mono {
        self.now.mono
    }
}

impl Cabinet {
    /// The cabinet as the store has it. `first_command` must be above every number that an earlier core of this process used.
    ///
    /// What was under way is gone: commands count as unknown and are not repeated; a session stays as it was recorded.
    /// The lines must be read anew ([`Event::LinesRead`]).
    #[must_use]
    pub fn restore(settings: Settings, books: Books, store: StoreState, first_command: CommandId, now: Now) -> Self {
        let power = power::room::Room::restore(books.power.as_ref(), now);
        let mut cabinet = Self {
            settings,
            books,
            store,
            desk: access::Desk::Idle,
            denials: access::Denials::default(),
            last_reads: Vec::new(),
            opening: None,
            visit: visit::Visit::default(),
            doors: door::Doors::default(),
            sensing: sensing::Sensing::default(),
            watch: custody::Watch::default(),
            power,
            is_flushing: false,
            signed: signed::Waiting::default(),
            upstream_silent: None,
            idle_at: None,
            lamp_shows: None,
            pending: BTreeMap::new(),
            next_command: first_command.0,
        };
        if cabinet.books.life.as_ref().is_some_and(|life| !life.compared) {
            cabinet.sensing.compare_again();
        }
        cabinet.resume_visit(now);
        cabinet.plan_watch(now);
        cabinet
    }

    /// The durable state.
    #[must_use]
    pub const fn books(&self) -> &Books {
        &self.books
    }

    /// The rules.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether the store takes everything, as far as the core was told.
    #[must_use]
    pub const fn store_state(&self) -> StoreState {
        self.store
    }

    /// The number that the next command will get.
    #[must_use]
    pub const fn next_command(&self) -> CommandId {
        CommandId(self.next_command)
    }

    /// Somebody is busy here, or about to be: a session, a PIN half typed or being checked, an admin's word that stands, an open door.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.books.session.is_some()
            || self.desk.is_busy()
            || self.opening.is_some()
            || self.books.doors.keys().any(|door| self.door_is_open(*door))
    }

    /// Whether other rules may come in force now: nobody is here, and nobody proves by a drill what the present ones do.
    #[must_use]
    pub fn may_change_rules(&self) -> bool {
        !self.is_busy() && self.books.power.as_ref().is_none_or(|power| power.drill.is_none())
    }

    /// Takes an event in and decides. The books run ahead of the disk from here on: commit the outcome, or discard the cabinet.
    pub fn step(&mut self, now: Now, event: Event) -> Outcome {
        let mut turn = Turn { now, by: Origin::cabinet(), out: Outcome::default() };
        let turn_ref = &mut turn;
        self.notice_clock(turn_ref, &event);
        self.deadlines_passed(turn_ref);
        let weighed = match &event {
            Event::CodeRead(code) => self.weigh_reading(now.mono, code),
            _ => Reading::Fresh,
        };
        if !matches!(weighed, Reading::Left { .. }) {
            self.notice_someone(turn_ref, &event);
        }
        let read = matches!(event, Event::CodeRead(_) | Event::LoginTyped(_) | Event::DigitsTyped(_));
        match event {
            Event::Started(start) => self.started(turn_ref, start),
            Event::LinesRead(levels) => self.lines_read(turn_ref, &levels),
            Event::LineChanged { input, level } => self.line_changed(turn_ref, input, level),
            Event::InterruptsJudged { dead } => self.interrupts_judged(turn_ref, dead),
            Event::CodeRead(code) => match weighed {
                Reading::Fresh | Reading::Again => self.code_read(turn_ref, &code, weighed),
                Reading::Left { is_news: true } => self.show(turn_ref, Message::BadgeLeft),
                Reading::Held | Reading::Left { is_news: false } => {}
            },
            Event::LoginTyped(login) => self.login_typed(turn_ref, &login),
            Event::PinTyped(pin) => self.pin_typed(turn_ref, pin),
            Event::DigitsTyped(digits) => self.digits_typed(turn_ref, digits),
            Event::CancelPressed => self.cancel_pressed(turn_ref),
            // That somebody is here is noticed above; there is nothing else to it.
            Event::Tick => {}
            Event::PadTouched => self.pad_touched(turn_ref),
            Event::ButtonPressed => drop(self.opens_on_word(turn_ref, None)),
            Event::Requested(request) => self.requested(turn_ref, request),
            Event::CommandDone { id, result } => self.command_done(turn_ref, id, &result),
            Event::UpsRead(reading) => self.ups_read(turn_ref, &reading),
            Event::StoreChanged(state) => self.store_changed(turn_ref, state),
            Event::UpstreamSaid(news) => self.upstream_said(turn_ref, news),
            Event::RosterArrived(roster) => self.roster_arrived(turn_ref, *roster),
            Event::RosterRefused(fault) => self.roster_refused(turn_ref, fault),
            Event::Reconfigured(new) => self.reconfigured(turn_ref, *new),
            Event::Stopping { why } => self.stopping(turn_ref, why),
        }
        self.deadlines_passed(turn_ref);
        self.take_offered(turn_ref);
        turn_ref.by = Origin::cabinet();
        self.drill_watches(turn_ref, read);
        self.ask_table(turn_ref);
        self.light_lamp(turn_ref);
        let mut out = turn.out;
        out.rows = self.books.take_changes();
        out
    }

    /// When [`Event::Tick`] is wanted next, and why.
    #[must_use]
    pub fn next_deadline(&self) -> Option<(Mono, Reason)> {
        let commands = self.pending.values().map(|pending| (pending.deadline, Reason::CommandOverdue)).min();
        [
            self.sensing.next_deadline(),
            self.desk.next_deadline(),
            self.denials.next_deadline(),
            self.visit.next_deadline(),
            self.doors.next_deadline(&self.settings),
            self.watch.next_deadline(),
            self.opening.as_ref().map(opening::Opening::next_deadline),
            self.power.next_deadline(),
            self.signed.next_deadline(),
            self.idle_at.map(|at| (at, Reason::DisplayIdle)),
            self.upstream_deadline(),
            commands,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// What a deadline brings is the cabinet's own doing, whoever's event came with it.
    fn deadlines_passed(&mut self, turn: &mut Turn) {
        turn.by = Origin::cabinet();
        self.settle_lines(turn);
        turn.by = Origin::cabinet();
        self.forget_pin(turn);
        self.write_denials(turn);
        self.visit_deadline(turn);
        self.forget_answers(turn);
        self.word_lapses(turn);
        self.door_deadlines(turn);
        self.watch_deadlines(turn);
        self.clear_display(turn);
        self.upkeep_deadline(turn);
        self.look_at_roster_age(turn);
        self.watch_upstream(turn);
        let overdue: Vec<CommandId> =
            self.pending.iter().filter(|(_, pending)| pending.deadline <= turn.mono()).map(|(id, _)| *id).collect();
        for id in overdue {
            self.command_done(turn, id, &CommandResult::Unknown);
        }
    }

    // ------------------------------------------------------------ recording and commanding

    /// Records a fact: numbered, stamped, and taken into the books.
    fn record(&mut self, turn: &mut Turn, fact: Fact) -> u64 {
        let seq = self.books.next_seq;
        let record = Record { seq, stamp: turn.now.stamp(), by: turn.by.clone(), fact };
        self.books.apply(&record, self.settings.access.failures_per_hour);
        turn.out.records.push(record);
        seq
    }

    fn command(&mut self, turn: &mut Turn, action: Action, purpose: Purpose) {
        self.command_within(turn, action, purpose, self.settings.sessions.command_ms);
    }

    fn command_within(&mut self, turn: &mut Turn, action: Action, purpose: Purpose, within_ms: u64) {
        let id = CommandId(self.next_command);
        self.next_command += 1;
        let deadline = turn.mono().plus_ms(within_ms);
        if purpose != Purpose::Courtesy {
            self.pending.insert(id, Pending { deadline, purpose });
        }
        turn.out.commands.push(Command { id, deadline, action });
    }

    fn courtesy(&mut self, turn: &mut Turn, action: Action) {
        self.command(turn, action, Purpose::Courtesy);
    }

    fn show(&mut self, turn: &mut Turn, message: Message) {
        self.idle_at = (message != self.resting_message()).then(|| turn.mono().plus_ms(MESSAGE_MS));
        self.courtesy(turn, Action::Show(message));
    }

    /// The visit is over: what the display says is for nobody soon.
    fn read_by_now(&mut self, turn: &Turn) {
        self.idle_at.get_or_insert(turn.mono().plus_ms(MESSAGE_MS));
    }

    /// A word to somebody who has left goes away again.
    fn clear_display(&mut self, turn: &mut Turn) {
        if self.idle_at.is_some_and(|at| at <= turn.mono()) {
            self.idle_at = None;
            if self.books.session.is_none() && !self.desk.is_busy() {
                self.show(turn, self.resting_message());
            }
        }
    }

    fn sound(&mut self, turn: &mut Turn, sound: Sound) {
        self.courtesy(turn, Action::Sound(sound));
    }

    fn command_done(&mut self, turn: &mut Turn, id: CommandId, result: &CommandResult) {
        let Some(pending) = self.pending.remove(&id) else { return };
        match pending.purpose {
            Purpose::Unlock { door, session } => match result {
                CommandResult::Done | CommandResult::Pin(_) | CommandResult::Hashed(_) => {
                    self.drill_sees_lock(turn);
                    self.lock_energised(turn, door);
                }
                CommandResult::Failed(_) | CommandResult::Unknown => self.lock_failed(turn, door, session),
            },
            Purpose::CheckPin { user } => self.pin_checked(turn, &user, result),
            Purpose::HashPin { user } => self.pin_hashed(turn, &user, result),
            Purpose::Sleep { method } => self.sleep_ordered(method, result),
            Purpose::TestBattery => self.test_ordered(turn, result),
            Purpose::Flush => self.flush_ended(),
            Purpose::Wake { pressed } => self.drill_woke(turn, pressed, result),
            Purpose::Courtesy => {}
        }
    }

    // ------------------------------------------------------------ the daemon's own life

    fn started(&mut self, turn: &mut Turn, start: Start) {
        let boot_before = self.books.life.as_ref().map(|life| life.started.boot);
        let announced = self.books.life.as_ref().is_some_and(|life| life.stopped);
        let dark = start.last_proof.map(|from| Dark {
            from,
            boot: turn.now.boot,
            announced,
            asleep: self
                .books
                .power
                .as_ref()
                .and_then(power::state::PowerState::off_by)
                .filter(|_| from.boot != turn.now.boot),
            lasted_ms: from.elapsed_ms(turn.now.stamp()),
        });
        self.record(turn, Fact::Started { version: start.version.clone(), dark });
        self.power_started(turn, &start, boot_before);
        if let Some((after, known)) = start.missing {
            self.record(turn, Fact::RecordsMissing { after, known });
            self.raise(turn, fact::Alarm::RecordsMissing { after, known });
        }
        if self.books.life.as_ref().is_none_or(|life| life.config_hash != start.config_hash) {
            let (changed, after_restart) = (Vec::new(), Vec::new());
            self.record(turn, Fact::ConfigLoaded { hash: start.config_hash, changed, after_restart });
        }
        // The lines are claimed anew: whether their interrupts live has to show again.
        self.interrupts_judged(turn, Vec::new());
        self.forget_unwatched(turn);
        let unseen = self.books.session.clone();
        if let Some(session) = &unseen {
            // After the intent nobody knows how far it went; before it, nothing was energised.
            let how = if session.is_granted() { SessionEnd::Unknown } else { SessionEnd::Interrupted };
            self.close_visit(turn, how);
        }
        self.sensing.compare_next(unseen.as_ref());
        self.plan_watch(turn.now);
    }

    /// Other rules. What was wired and laid out at the start stays: nothing here was made for another cabinet.
    fn reconfigured(&mut self, turn: &mut Turn, new: Reconfigured) {
        let Reconfigured { settings, config_hash, changed, after_restart } = new;
        (self.settings.access, self.settings.sessions) = (settings.access, settings.sessions);
        self.settings.alerts = settings.alerts;
        if let (Some(power), Some(new)) = (&mut self.settings.power, settings.power) {
            let loads = std::mem::take(&mut power.loads);
            *power = power::PowerSettings { loads, may_order: power.may_order, ..new };
        }
        self.record(turn, Fact::ConfigLoaded { hash: config_hash, changed, after_restart });
        self.forget_unwatched(turn);
        self.plan_watch(turn.now);
    }

    /// Alarms of what the config does not have any more would stand for ever: nothing looks there.
    fn forget_unwatched(&mut self, turn: &mut Turn) {
        let settings = self.settings.clone();
        let doors: Vec<DoorNo> = self.books.doors.keys().copied().collect();
        for door in doors.into_iter().filter(|door| settings.doors.get(door).is_none_or(|door| !door.contact)) {
            self.resolve_acknowledged(turn, &fact::Alarm::OpenWithoutSession { door });
        }
        self.resolve(turn, |alarm| match alarm {
            fact::Alarm::SensorFault { input: types::Input::Slot(slot) } => !settings.slots.contains_key(slot),
            fact::Alarm::SensorFault { input: types::Input::Door(door) } => {
                settings.doors.get(door).is_none_or(|door| !door.contact)
            }
            fact::Alarm::SensorFault { input: types::Input::Tamper } | fact::Alarm::Tampered => !settings.tamper,
            fact::Alarm::SensorFault { input: types::Input::Lockbox } | fact::Alarm::LockboxOpened => !settings.lockbox,
            fact::Alarm::LockFault { door } | fact::Alarm::DoorLeftOpen { door, .. } => {
                !settings.doors.contains_key(door)
            }
            fact::Alarm::UpsUnreachable
            | fact::Alarm::CabinetKeyDue
            | fact::Alarm::CabinetKeyOnly
            | fact::Alarm::ReplaceBattery => settings.power.is_none(),
            fact::Alarm::RosterRefused { .. } | fact::Alarm::RosterOverdue { .. } | fact::Alarm::RosterWaits { .. } => {
                !settings.signed_roster
            }
            fact::Alarm::UpstreamAhead { .. }
            | fact::Alarm::CabinetCloned { .. }
            | fact::Alarm::RecordParked { .. }
            | fact::Alarm::UpstreamBlocked { .. } => !settings.upstream,
            fact::Alarm::UpstreamSilent => settings.upstream_silent_ms == 0,
            fact::Alarm::InactiveUser { .. } => settings.alerts.inactive_days == 0,
            _ => false,
        });
    }

    fn stopping(&mut self, turn: &mut Turn, why: StopReason) {
        if self.books.session.is_some() {
            self.close_visit(turn, SessionEnd::Interrupted);
        }
        self.write_all_denials(turn);
        self.power_stopping(turn, why);
        self.record(turn, Fact::Stopped { why });
    }

    fn store_changed(&mut self, turn: &mut Turn, state: StoreState) {
        self.store = state;
        match state {
            StoreState::Reserve => {
                self.raise(turn, fact::Alarm::NoRoom);
            }
            // Also when there was room again before this core was told: the alarm may be an earlier one's.
            StoreState::Writable => self.resolve(turn, |alarm| *alarm == fact::Alarm::NoRoom),
        }
    }

    /// The wall clock against the boot clock: a jump is recorded before anything else of this step.
    fn notice_clock(&mut self, turn: &mut Turn, event: &Event) {
        const JUMP_MS: u64 = 2_000;
        let Some(life) = &self.books.life else { return };
        if matches!(event, Event::Started(_)) || life.started.boot != turn.now.boot {
            return;
        }
        let by_ms = books::offset_ms(turn.now.stamp()).saturating_sub(life.wall_minus_mono_ms);
        if by_ms.unsigned_abs() >= JUMP_MS && self.store == StoreState::Writable {
            self.record(turn, Fact::ClockCorrected { by_ms });
            self.plan_watch(turn.now);
        }
    }
}
