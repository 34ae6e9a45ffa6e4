//! Life at a cabinet, made up from a seed: people badge, pull, put back, prop doors; the office edits the roster; the mains flicker.
//!
//! What happens next depends on how the cabinet stands, so that most of it makes sense and some of it does not.

use crate::crash_vfs::Rng;
use cabinetd::cabinet::event::{Ask, KeyStep, Pull, Request, Start, StopReason};
use cabinetd::cabinet::outcome::{Action, Command, CommandResult, PinVerdict};
use cabinetd::cabinet::power::{Method, PowerSettings, UpsFigures, UpsReading, UpsSilence, UpsState};
use cabinetd::cabinet::roster::{Key, RosterChange, User};
use cabinetd::cabinet::settings::Settings;
use cabinetd::cabinet::types::{
    Actor, BootId, Channel, Civil, ClockQuality, Code, DoorNo, Input, Level, Mono, Now, Origin, Pin, PinHash, Reason,
    RequestKey, Role, SlotNo, Stamp, Wall,
};
use cabinetd::cabinet::{Cabinet, Event};
use std::collections::{BTreeMap, VecDeque};

const SLOTS: u16 = 12;
const PEOPLE: [&str; 4] = ["ana", "bob", "cleo", "eve"];
const DOOR: Input = Input::Door(DoorNo(1));

/// The rules of the cabinet.
pub fn settings() -> Settings {
    let mut settings = Settings::plain(SLOTS, 6);
    // Failures must not shut everybody out for hours.
    settings.access.failures_per_hour = 600;
    settings.access.delay_ms = 200;
    settings.power = Some(PowerSettings {
        sleep: Method::UpsOff,
        may_order: true,
        loads: vec!["display".into()],
        ..PowerSettings::default()
    });
    settings
}

/// Where life stands.
#[derive(Clone)]
pub struct Life {
    rng: Rng,
    mono: u64,
    boot: u128,
    levels: BTreeMap<Input, Level>,
    /// Ends of commands that are not told yet.
    ends: VecDeque<Event>,
    pin_wanted: bool,
    requests: u64,
    last_request: Option<Request>,
}

impl Life {
    pub fn new(seed: u64) -> Self {
        let slots = (1..=SLOTS)
            .map(|slot| (Input::Slot(SlotNo(slot)), if slot <= 10 { Level::Active } else { Level::Inactive }));
        Self {
            rng: Rng(seed),
            mono: 5_000,
            boot: 1,
            levels: slots.chain([(DOOR, Level::Active)]).collect(),
            ends: VecDeque::new(),
            pin_wanted: false,
            requests: 0,
            last_request: None,
        }
    }

    pub const fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    pub fn now(&self) -> Now {
        let wall = 1_767_603_600_000
            + i64::try_from(self.mono).expect("small")
            + i64::try_from(self.boot).expect("small") * 3_600_000;
        let civil =
            Civil { day: (wall / 86_400_000) as i32, minute: (wall / 60_000).rem_euclid(1440).unsigned_abs() as u16 };
        Now { mono: Mono(self.mono), wall: Wall(wall), clock: ClockQuality::Synced, civil, boot: BootId(self.boot) }
    }

    /// The daemon starts.
    pub fn start(last_proof: Option<Stamp>) -> Event {
        Event::Started(Start { version: "0.0.0-crash".into(), last_proof, missing: None, config_hash: "c".repeat(64) })
    }

    /// All lines are read.
    pub fn lines(&self) -> Event {
        Event::LinesRead(self.levels.iter().map(|(input, level)| (*input, *level)).collect())
    }

    /// The first day: start, roster, lines.
    pub fn first_day(&mut self) -> Vec<Event> {
        let import = RosterChange {
            source: "first.toml".into(),
            hash: Some("a".repeat(64)),
            replace: true,
            users: PEOPLE.iter().map(|id| person(id)).collect(),
            keys: (1..=10).map(key).collect(),
            remove_users: vec![],
            remove_keys: vec![],
        };
        let import = self.request(Ask::ChangeRoster { change: import, dry_run: false });
        vec![Self::start(None), self.lines(), import]
    }

    /// The power was away: another boot, commands forgotten; the keys hang as they hung.
    pub fn reboot(&mut self) {
        self.boot += 1;
        self.mono = 2_000;
        self.forget();
    }

    /// The core was rebuilt: the ends of its commands concern nobody.
    pub fn forget(&mut self) {
        self.ends.clear();
        self.pin_wanted = false;
    }

    /// Commands are performed; their ends will be heard.
    pub fn performed(&mut self, commands: &[Command]) {
        for Command { id, action, .. } in commands {
            let result = match action {
                Action::Unlock { .. } if self.rng.below(12) == 0 => {
                    CommandResult::Failed("the relay board is silent".into())
                }
                Action::Unlock { .. }
                | Action::ReadLines
                | Action::Sleep { .. }
                | Action::TestBattery
                | Action::Flush => CommandResult::Done,
                Action::CheckPin { .. } => CommandResult::Pin(match self.rng.below(20) {
                    0 | 1 => PinVerdict::Mismatch,
                    2 => PinVerdict::Duress,
                    _ => PinVerdict::Match,
                }),
                Action::Relock { .. }
                | Action::Unlatch { .. }
                | Action::Relatch { .. }
                | Action::Light { .. }
                | Action::Sound(_)
                | Action::Lamp(_)
                | Action::Show(_)
                | Action::SwitchLoad { .. }
                | Action::RetryUpstream
                | Action::HashPin { .. }
                | Action::Pace { .. }
                | Action::Reply { .. } => continue,
            };
            self.ends.push_back(Event::CommandDone { id: *id, result });
        }
    }

    /// What happens next at this cabinet.
    pub fn next(&mut self, cabinet: &Cabinet) -> Event {
        self.mono += [3, 20, 50, 400, 2_500, 20_000][self.rng.below(6)];
        if self.rng.below(4) != 0
            && let Some(end) = self.ends.pop_front()
        {
            return end;
        }
        if std::mem::take(&mut self.pin_wanted) && self.rng.below(8) != 0 {
            return Event::PinTyped(Pin::new("482913"));
        }
        match self.rng.below(20) {
            0 => self.office(cabinet),
            1 => self.mains(),
            2 => Event::Tick,
            3 => self.repeat(cabinet),
            4 if self.rng.below(3) == 0 => self.lines(),
            _ => self.visitor(cabinet),
        }
    }

    fn visitor(&mut self, cabinet: &Cabinet) -> Event {
        let Some(session) = &cabinet.books().session else {
            return match self.rng.below(12) {
                0 => Event::CodeRead(Code::new("badge-nobody")),
                1 => self.toggle(DOOR),
                2 => {
                    let slot = self.slot();
                    self.toggle(slot)
                }
                3 => Event::CodeRead(Code::new(&format!("tag-{}", 1 + self.rng.below(10)))),
                4 => Event::CancelPressed,
                5 => {
                    self.pin_wanted = true;
                    Event::LoginTyped(Code::new(&format!("login-{}", self.person())))
                }
                _ => {
                    self.pin_wanted = true;
                    Event::CodeRead(Code::new(&format!("badge-{}", self.person())))
                }
            };
        };
        let Some(granted) = session.granted.first().cloned() else {
            return match self.rng.below(8) {
                0 => Event::CancelPressed,
                1 => {
                    self.pin_wanted = true;
                    Event::CodeRead(Code::new(&format!("badge-{}", self.person())))
                }
                2 => self.request(Ask::Return { keys: vec![] }),
                _ => self.pull(),
            };
        };
        let closed = self.levels[&DOOR] == Level::Active;
        match self.rng.below(10) {
            0..=6 if closed && !session.opened => self.toggle(DOOR),
            0 | 1 if !closed => self.toggle(DOOR),
            2..=5 if !closed => {
                let wanted = granted.pull.iter().find_map(|key| key.as_str().parse().ok());
                let slot = wanted.map_or_else(|| self.slot(), |slot| Input::Slot(SlotNo(slot)));
                self.toggle(slot)
            }
            6 | 7 if !closed => {
                let slot = self.slot();
                self.toggle(slot)
            }
            8 => self.pull(),
            _ => Event::CodeRead(Code::new(&format!("tag-{}", 1 + self.rng.below(10)))),
        }
    }

    fn pull(&mut self) -> Event {
        let reason = [Reason::WorkOrder, Reason::Emergency, Reason::Showing][self.rng.below(3)];
        let keys = (0..=self.rng.below(2)).map(|_| (1 + self.rng.below(10)).to_string()).collect();
        let reference = (reason == Reason::WorkOrder).then(|| format!("WO-{}", self.rng.below(9_999)));
        let purpose = (self.rng.below(2) == 0).then(|| "plumber, \"Müller & Söhne\"".into());
        let alone = self.rng.below(3) == 0;
        self.request(Ask::Pull(Pull { keys, reason, reference, purpose, alone }))
    }

    fn office(&mut self, cabinet: &Cabinet) -> Event {
        let edit = |users: Vec<User>, keys: Vec<Key>| Ask::ChangeRoster {
            change: RosterChange {
                source: "edit".into(),
                hash: None,
                replace: false,
                users,
                keys,
                remove_users: vec![],
                remove_keys: vec![],
            },
            dry_run: false,
        };
        let ask = match self.rng.below(8) {
            0 => {
                let mut user = person(self.person());
                user.name = format!("{} the {}.", user.name, self.rng.below(99));
                edit(vec![user], vec![])
            }
            1 => {
                let mut key = key(1 + self.rng.below(10) as u16);
                key.label = format!("Unit {}, floor {}", key.id, self.rng.below(99));
                edit(vec![], vec![key])
            }
            2 => Ask::SetPin { user: self.person().into(), pin: hash(self.rng.next()) },
            3 => Ask::Vouch {
                user: self.person().into(),
                by: "cleo".into(),
                code: hash(self.rng.next()),
                for_minutes: 10,
            },
            4 => {
                let step = [KeyStep::Lost, KeyStep::Found, KeyStep::Rekeyed][self.rng.below(3)];
                Ask::KeyLife {
                    key: (1 + self.rng.below(10)).to_string().as_str().into(),
                    step,
                    note: Some("said by phone".into()),
                }
            }
            5 => Ask::Declare {
                slot: SlotNo(1 + self.rng.below(usize::from(SLOTS)) as u16),
                key: (1 + self.rng.below(10)).to_string(),
            },
            _ => {
                let alarms: Vec<_> = cabinet.books().alarms.keys().copied().collect();
                if alarms.is_empty() {
                    return Event::Tick;
                }
                Ask::AlarmAcknowledge { alarm: alarms[self.rng.below(alarms.len())] }
            }
        };
        self.request(ask)
    }

    /// A word of the UPS.
    pub fn ups_says(&mut self, tokens: &[&str], charge_pct: u8) -> Event {
        let figures = UpsFigures { charge_pct: Some(charge_pct), ..UpsFigures::default() };
        let tokens = tokens.iter().map(|token| (*token).to_owned()).collect();
        Event::UpsRead(UpsReading {
            at: Mono(self.mono),
            state: Ok(UpsState { tokens, figures, ..UpsState::default() }),
        })
    }

    /// A manager asks for something.
    pub fn asks(&mut self, ask: Ask) -> Event {
        self.request(ask)
    }

    fn mains(&mut self) -> Event {
        // An outage takes its time.
        self.mono += [0, 15_000, 130_000, 1_000_000][self.rng.below(4)];
        let status: &[&str] = [["OL"].as_slice(), &["OB", "DISCHRG"], &["OB", "LB"]][self.rng.below(3)];
        let state = if self.rng.below(6) == 0 {
            Err(UpsSilence::Stale)
        } else {
            let figures = UpsFigures {
                charge_pct: Some(self.rng.below(101) as u8),
                runtime_s: Some(900),
                ..UpsFigures::default()
            };
            Ok(UpsState {
                tokens: status.iter().map(|token| (*token).to_owned()).collect(),
                figures,
                ..UpsState::default()
            })
        };
        Event::UpsRead(UpsReading { at: Mono(self.mono), state })
    }

    /// Somebody asks again with the same key: the first answer counts.
    fn repeat(&mut self, cabinet: &Cabinet) -> Event {
        self.last_request.clone().map_or_else(|| self.visitor(cabinet), Event::Requested)
    }

    fn request(&mut self, ask: Ask) -> Event {
        self.requests += 1;
        let origin = Origin {
            actor: Actor::Account { uid: 1000, name: "office".into() },
            channel: Channel::Control,
            request: Some(RequestKey(format!("request-{}-{}", self.boot, self.requests).into())),
        };
        let request = Request { origin, role: Some(Role::Admin), ask };
        self.last_request = Some(request.clone());
        Event::Requested(request)
    }

    fn toggle(&mut self, input: Input) -> Event {
        let level = self.levels.get_mut(&input).expect("all lines have a level");
        *level = match (*level, self.rng.below(30)) {
            (_, 0) => Level::Fault,
            (Level::Active, _) => Level::Inactive,
            (Level::Inactive | Level::Fault, _) => Level::Active,
        };
        Event::LineChanged { input, level: *level }
    }

    fn slot(&mut self) -> Input {
        Input::Slot(SlotNo(1 + self.rng.below(usize::from(SLOTS)) as u16))
    }

    fn person(&mut self) -> &'static str {
        PEOPLE[self.rng.below(PEOPLE.len())]
    }

    /// Somebody with a crowbar.
    pub fn force_the_door(&mut self) -> Vec<Event> {
        self.mono += 100;
        self.levels.insert(DOOR, Level::Inactive);
        vec![Event::LineChanged { input: DOOR, level: Level::Inactive }]
    }

    /// Somebody says on the phone that a key is lost.
    pub fn key_rekeyed(&mut self) -> Vec<Event> {
        let key = (1 + self.rng.below(10)).to_string().as_str().into();
        vec![self.request(Ask::KeyLife { key, step: KeyStep::Rekeyed, note: None })]
    }

    /// Long enough for everything to settle.
    pub fn wait(&mut self, ms: u64) {
        self.mono += ms;
    }

    /// The daemon is told to end.
    pub fn stop() -> Event {
        Event::Stopping { why: StopReason::Service }
    }

    /// The system goes down, and the daemon with it.
    pub fn system_stop() -> Event {
        Event::Stopping { why: StopReason::SystemShutdown }
    }
}

fn hash(random: u64) -> PinHash {
    let tag = |salt: u64| format!("{:016x}", random ^ salt).repeat(4);
    PinHash { salt: format!("{random:032x}"), cost: (19_456, 2, 1), tag: tag(0), duress_tag: Some(tag(7)) }
}

fn person(id: &str) -> User {
    User {
        id: id.into(),
        name: id.to_uppercase(),
        role: if id == "cleo" { Role::Manager } else { Role::Staff },
        badge: Some(Code::new(&format!("badge-{id}"))),
        login: Some(Code::new(&format!("login-{id}"))),
        groups: ["a".into()].into(),
        valid_from: None,
        valid_until: None,
        schedule: vec![],
        lone_emergency: id == "eve",
        revoked: false,
        pin: Some(hash(id.len() as u64)),
    }
}

fn key(slot: u16) -> Key {
    Key {
        id: slot.to_string().into(),
        label: format!("Unit {slot}"),
        building: "A".into(),
        unit: slot.to_string(),
        groups: ["a".into()].into(),
        home: SlotNo(slot),
        tag: Some(Code::new(&format!("tag-{slot}"))),
        second_person: slot == 10,
    }
}
