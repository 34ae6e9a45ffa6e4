//! Days at a cabinet, through the real core: visits in which a key is taken, and visits in which it comes back.

use cabinetd::cabinet::books::Books;
use cabinetd::cabinet::event::{Ask, Pull, Request, Start, StopReason, StoreState};
use cabinetd::cabinet::outcome::{Action, Command, CommandResult, Outcome, PinVerdict};
use cabinetd::cabinet::roster::{Key, RosterChange, User};
use cabinetd::cabinet::settings::Settings;
use cabinetd::cabinet::types::{
    Actor, BootId, Channel, Civil, ClockQuality, Code, CommandId, DoorNo, Input, Level, Mono, Now, Origin, Pin,
    PinHash, Reason, RequestKey, Role, SlotNo, Wall,
};
use cabinetd::cabinet::{Cabinet, Event};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The badge of the one whose PIN is known, and that PIN.
pub const BADGE: &str = "1001";
pub const PIN: &str = "482913";

/// 2026-02-02, a Monday.
const BEGIN: Wall = Wall(1_769_990_400_000);

/// Goes through the visits of a cabinet and keeps what is to be committed.
pub struct Days {
    pub cabinet: Cabinet,
    now: Now,
    visits: u64,
    /// Durable outcomes, in order; commands are left out.
    pub durable: VecDeque<Outcome>,
}

/// The rules of the bench's cabinet: the defaults, and `ask`.
pub fn settings(slots: u16, ask_required: bool) -> Settings {
    let mut settings = Settings::plain(slots, 10);
    settings.sessions.ask_required = ask_required;
    settings
}

/// Everybody and everything: one key for each slot, 20 people (the first with a PIN).
pub fn roster(slots: u16, pin: &PinHash) -> RosterChange {
    let person = |number: u16| User {
        id: format!("person-{number}").into(),
        name: format!("Person {number}"),
        role: Role::Manager,
        badge: Some(Code::new(&format!("{}", 1001 + number))),
        login: None,
        groups: BTreeSet::new(),
        valid_from: None,
        valid_until: None,
        schedule: vec![],
        lone_emergency: false,
        revoked: false,
        pin: Some(pin.clone()),
    };
    let key = |slot: u16| Key {
        id: format!("unit-{slot}").into(),
        label: format!("Unit {slot}"),
        building: "North".into(),
        unit: slot.to_string(),
        groups: BTreeSet::from(["north".into()]),
        home: SlotNo(slot),
        tag: None,
        second_person: false,
    };
    RosterChange {
        source: "roster.toml".into(),
        hash: None,
        replace: true,
        users: (0..20).map(person).collect(),
        keys: (1..=slots).map(key).collect(),
        remove_users: vec![],
        remove_keys: vec![],
    }
}

/// A request of the account `office`.
pub fn request(key: u64, ask: Ask) -> Event {
    let actor = Actor::Account { uid: 1000, name: "office".into() };
    let origin = Origin { actor, channel: Channel::Control, request: Some(RequestKey(format!("r-{key}").into())) };
    Event::Requested(Request { origin, role: Some(Role::Admin), ask })
}

impl Days {
    /// A new cabinet whose slots are all occupied, with its roster in.
    pub fn new(settings: Settings, pin: &PinHash) -> Self {
        let boot = BootId(7);
        let now = Now { mono: Mono(60_000), wall: BEGIN, clock: ClockQuality::Synced, civil: Civil::default(), boot };
        let books = Books::from_rows(1, vec![]);
        let cabinet = Cabinet::restore(settings, books, StoreState::Writable, CommandId(1), now);
        let slots = cabinet.settings().slots.len() as u16;
        let mut days = Self { cabinet, now, visits: 0, durable: VecDeque::new() };
        let start = Start { version: "bench".into(), last_proof: None, missing: None, config_hash: String::new() };
        days.step(Event::Started(start));
        let levels: BTreeMap<Input, Level> = inputs(slots).map(|input| (input, Level::Active)).collect();
        days.step(Event::LinesRead(levels.into_iter().collect()));
        days.wait(1_000);
        days.step(request(0, Ask::ChangeRoster { change: roster(slots, pin), dry_run: false }));
        days
    }

    /// One visit; every second one brings back what the one before took.
    pub fn visit(&mut self) {
        let slots = self.cabinet.settings().slots.len() as u64;
        let turn = self.visits / 2;
        let slot = SlotNo((turn % slots) as u16 + 1);
        let person = 1001 + turn % 20;
        let takes = self.visits.is_multiple_of(2);
        self.visits += 1;
        self.wait(60_000);
        self.step(Event::CodeRead(Code::new(&person.to_string())));
        let asked = self.step(Event::PinTyped(Pin::new(PIN)));
        self.end(&asked, &CommandResult::Pin(PinVerdict::Match));
        if self.cabinet.settings().sessions.ask_required {
            let ask = if takes {
                Ask::Pull(Pull {
                    keys: vec![format!("unit-{}", slot.0)],
                    reason: Reason::WorkOrder,
                    reference: Some(format!("WO-{}", self.visits)),
                    purpose: Some("plumber".into()),
                    alone: false,
                })
            } else {
                Ask::Return { keys: vec![] }
            };
            let asked = self.step(request(self.visits, ask));
            self.end(&asked, &CommandResult::Done);
        }
        self.settle(Input::Door(DoorNo(1)), Level::Inactive);
        self.settle(Input::Slot(slot), if takes { Level::Inactive } else { Level::Active });
        self.settle(Input::Door(DoorNo(1)), Level::Active);
    }

    /// Says that it stops.
    pub fn stop(&mut self) {
        self.step(Event::Stopping { why: StopReason::Service });
    }

    fn settle(&mut self, input: Input, level: Level) {
        self.wait(2_000);
        self.step(Event::LineChanged { input, level });
        self.wait(40);
    }

    fn wait(&mut self, ms: u64) {
        self.now.mono = self.now.mono.plus_ms(ms);
        self.now.wall.0 += ms.cast_signed();
        self.step(Event::Tick);
    }

    /// The commands whose end matters end so.
    fn end(&mut self, commands: &[Command], result: &CommandResult) {
        for command in commands {
            if matches!(command.action, Action::CheckPin { .. } | Action::Unlock { .. }) {
                let more = self.step(Event::CommandDone { id: command.id, result: result.clone() });
                self.end(&more, &CommandResult::Done);
            }
        }
    }

    fn step(&mut self, event: Event) -> Vec<Command> {
        let mut outcome = self.cabinet.step(self.now, event);
        let commands = std::mem::take(&mut outcome.commands);
        if outcome.is_durable() {
            self.durable.push_back(outcome);
        }
        commands
    }
}

/// Every input of a cabinet with one door.
pub fn inputs(slots: u16) -> impl Iterator<Item = Input> {
    (1..=slots).map(|slot| Input::Slot(SlotNo(slot))).chain([Input::Door(DoorNo(1))])
}

/// A PIN hash that nobody will check.
pub fn any_hash() -> PinHash {
    PinHash { salt: "00".repeat(16), cost: (19 * 1024, 2, 1), tag: "00".repeat(32), duress_tag: None }
}
