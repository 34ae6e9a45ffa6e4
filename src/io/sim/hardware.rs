//! The simulated cabinet as plain data and rules: hooks, doors, relays, sensors, and a pair of hands.
//!
//! It promises what a real cabinet promises. A door that is locked does not open unless its relay is energised or
//! somebody uses force (or the mechanical cabinet key: its sensors cannot tell). A latched key does not come off. A hand
//! can only hang up what it holds. A relay stays as it was last driven, whoever drove it and whatever became of them.
//! A broken sensor lies about the world but does not change it.
//!
//! It does no IO, reads no clock and prints nothing: acts go in, [`Happening`]s and raw sensor edges come out.

mod story;

pub use story::{DriveFault, Happening, Refusal};

use crate::cabinet::outcome::Lamp;
use crate::cabinet::settings::Settings;
use crate::cabinet::types::{DoorNo, Input, Level, Output, SlotNo};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A physical key set: the number stamped on its tag. At first each hangs in the slot of the same number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Debug)]
#[serde(transparent)]
pub struct KeyNo(pub u16);

impl fmt::Display for KeyNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many raw edges a bouncing sensor makes for one movement: more than any honest contact.
pub const BOUNCES: usize = 25;

/// The cabinet, the person before it, and what is broken.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Hardware {
    slots: BTreeMap<SlotNo, Hook>,
    doors: BTreeMap<DoorNo, Door>,
    tamper: bool,
    /// Whether the lockbox of the cabinet key stands open; none: it has no contact.
    #[serde(default)]
    lockbox: Option<bool>,
    /// What is written on each key set.
    labels: BTreeMap<KeyNo, String>,
    hand: BTreeSet<KeyNo>,
    reader_unplugged: bool,
    #[serde(skip)]
    buzzer: bool,
    #[serde(skip)]
    lamp: Option<Lamp>,
    /// Switched loads that were ever driven: shed or not.
    #[serde(skip)]
    loads: BTreeMap<u8, bool>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
struct Hook {
    door: DoorNo,
    key: Option<KeyNo>,
    sensor: Sensor,
    has_latch: bool,
    // Relays and LEDs fall off with the hardware's own power, so they are not kept.
    #[serde(skip)]
    latch: bool,
    #[serde(skip)]
    led: bool,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
struct Door {
    open: bool,
    contact: Sensor,
    has_contact: bool,
    lock_stuck: bool,
    #[serde(skip)]
    lock: bool,
}

/// The health of a sensor.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Sensor {
    #[default]
    Ok,
    /// Says for ever what it said when it stuck.
    Stuck(bool),
    /// Cannot be read.
    Dead,
    /// Chatters with every movement.
    Bouncing,
}

/// What somebody does to the cabinet.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    Take {
        slot: SlotNo,
    },
    /// `key`: a number or a label, where more than one is in hand.
    Put {
        slot: SlotNo,
        key: Option<String>,
    },
    Open {
        door: DoorNo,
    },
    Close {
        door: DoorNo,
    },
    /// With a crowbar, or with the mechanical cabinet key.
    Force {
        door: DoorNo,
    },
    /// The box of the cabinet key.
    Lockbox {
        open: bool,
    },
    SensorFault {
        slot: SlotNo,
        fault: SensorFault,
    },
    ContactFault {
        door: DoorNo,
        broken: bool,
    },
    LockFault {
        door: DoorNo,
        broken: bool,
    },
    ReaderFault {
        broken: bool,
    },
}

/// A fault that can be made at a slot's sensor.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum SensorFault {
    /// It keeps saying what it says now.
    Stuck,
    /// It cannot be read.
    Dead,
    /// It chatters with every movement.
    Bounce,
    /// It works again.
    Ok,
}

/// What an act leads to: the story, and the raw edges that the sensors make of it, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Effect {
    pub happening: Happening,
    pub edges: Vec<(Input, Level)>,
}

impl Hardware {
    /// A cabinet as the settings describe it, each key set in the slot of its number, doors closed.
    /// `labels` is what is written on the key sets; a slot without one starts empty.
    #[must_use]
    pub fn new(settings: &Settings, labels: BTreeMap<KeyNo, String>) -> Self {
        let hook = |slot: SlotNo, door: DoorNo, has_latch: bool| Hook {
            door,
            key: Some(KeyNo(slot.0)).filter(|key| labels.contains_key(key)),
            sensor: Sensor::Ok,
            has_latch,
            latch: false,
            led: false,
        };
        Self {
            slots: settings.slots.iter().map(|(slot, place)| (*slot, hook(*slot, place.door, place.latch))).collect(),
            doors: settings
                .doors
                .iter()
                .map(|(door, shape)| {
                    let contact = Sensor::Ok;
                    (*door, Door { open: false, contact, has_contact: shape.contact, lock_stuck: false, lock: false })
                })
                .collect(),
            tamper: settings.tamper,
            lockbox: settings.lockbox.then_some(false),
            labels,
            hand: BTreeSet::new(),
            reader_unplugged: false,
            buzzer: false,
            lamp: None,
            loads: BTreeMap::new(),
        }
    }

    /// Whether a stored cabinet is the one that these settings describe: same slots, same doors.
    #[must_use]
    pub fn fits(&self, settings: &Settings) -> bool {
        self.slots.keys().eq(settings.slots.keys()) && self.doors.keys().eq(settings.doors.keys())
    }

    /// Does it, or says why the world does not let it happen. A refusal changes nothing.
    pub fn act(&mut self, act: &Act) -> Result<Effect, Refusal> {
        match act {
            Act::Take { slot } => self.take(*slot),
            Act::Put { slot, key } => self.put(*slot, key.as_deref()),
            Act::Open { door } => self.open(*door, false),
            Act::Force { door } => self.open(*door, true),
            Act::Close { door } => self.close(*door),
            Act::Lockbox { open } => self.move_lockbox(*open),
            Act::SensorFault { slot, fault } => self.break_sensor(*slot, *fault),
            Act::ContactFault { door, broken } => self.break_contact(*door, *broken),
            Act::LockFault { door, broken } => {
                self.door_mut(*door)?.lock_stuck = *broken;
                Ok(still(Happening::LockFault { door: *door, broken: *broken }))
            }
            Act::ReaderFault { broken } => {
                self.reader_unplugged = *broken;
                Ok(still(Happening::ReaderFault { broken: *broken }))
            }
        }
    }

    /// Whether the badge reader and pad are heard.
    pub fn reader(&self) -> Result<(), Refusal> {
        if self.reader_unplugged { Err(Refusal::ReaderUnplugged) } else { Ok(()) }
    }

    /// Drives an output. `Ok(None)`: it already was so.
    pub fn drive(&mut self, output: Output, on: bool) -> Result<Option<Happening>, DriveFault> {
        let (now, happening) = match output {
            Output::Lock(door) => {
                let lock = self.doors.get_mut(&door).ok_or(DriveFault::NoSuchLine)?;
                if lock.lock_stuck && lock.lock != on {
                    return Err(DriveFault::DidNotMove);
                }
                (&mut lock.lock, Happening::Lock { door, energised: on })
            }
            Output::Latch(slot) => {
                let hook = self.slots.get_mut(&slot).filter(|hook| hook.has_latch).ok_or(DriveFault::NoSuchLine)?;
                (&mut hook.latch, Happening::Latch { slot, energised: on })
            }
            Output::Led(slot) => {
                let hook = self.slots.get_mut(&slot).ok_or(DriveFault::NoSuchLine)?;
                (&mut hook.led, Happening::Led { slot, on })
            }
            Output::Buzzer => (&mut self.buzzer, Happening::Buzzer { on }),
            Output::Status => return Ok(self.shine(on.then_some(Lamp::Ready))),
            Output::Load(load) => (self.loads.entry(load).or_insert(false), Happening::Load { load, shed: on }),
        };
        Ok((std::mem::replace(now, on) != on).then_some(happening))
    }

    /// The status lamp shows something, or goes dark. None: it already was so.
    pub fn shine(&mut self, lamp: Option<Lamp>) -> Option<Happening> {
        (std::mem::replace(&mut self.lamp, lamp) != lamp).then_some(Happening::Lamp { shows: lamp })
    }

    /// Drives every output inactive, and says what changed and whether a relay did not follow.
    pub fn release(&mut self) -> (Vec<Happening>, Result<(), DriveFault>) {
        let locks = self.doors.keys().map(|door| Output::Lock(*door));
        let latches = self.slots.iter().filter(|(_, hook)| hook.has_latch).map(|(slot, _)| Output::Latch(*slot));
        let leds = self.slots.keys().map(|slot| Output::Led(*slot));
        let loads = self.loads.keys().map(|load| Output::Load(*load));
        let outputs: Vec<Output> =
            locks.chain(latches).chain(leds).chain([Output::Buzzer, Output::Status]).chain(loads).collect();
        let mut changed = Vec::new();
        let mut result = Ok(());
        for output in outputs {
            match self.drive(output, false) {
                Ok(happening) => changed.extend(happening),
                Err(fault) => result = Err(fault),
            }
        }
        (changed, result)
    }

    /// Every input line as its sensor says it. Faults are told as [`Level::Fault`].
    #[must_use]
    pub fn picture(&self) -> Vec<(Input, Level)> {
        let slots = self.slots.iter().map(|(slot, hook)| (Input::Slot(*slot), hook.level()));
        let doors = self
            .doors
            .iter()
            .filter(|(_, door)| door.has_contact)
            .map(|(no, door)| (Input::Door(*no), sensed(door.contact, !door.open)));
        let tamper = self.tamper.then_some((Input::Tamper, Level::Active));
        let lockbox = self.lockbox.map(|open| (Input::Lockbox, if open { Level::Inactive } else { Level::Active }));
        slots.chain(doors).chain(tamper).chain(lockbox).collect()
    }

    /// The number of a key set that somebody names by number or by label.
    #[must_use]
    pub fn find_key(&self, text: &str) -> Option<KeyNo> {
        let wanted = text.trim();
        let by_number = wanted.parse().ok().map(KeyNo).filter(|key| self.labels.contains_key(key));
        by_number
            .or_else(|| self.labels.iter().find(|(_, label)| label.eq_ignore_ascii_case(wanted)).map(|(key, _)| *key))
    }

    /// What is in hand, with what is written on it.
    pub fn hand(&self) -> impl Iterator<Item = (KeyNo, &str)> {
        self.hand.iter().map(|key| (*key, self.label(*key)))
    }

    /// The slots, in order: number, key set, latch energised, LED on, sensor.
    pub fn hooks(&self) -> impl Iterator<Item = HookView> + '_ {
        self.slots.iter().map(|(slot, hook)| HookView {
            slot: *slot,
            key: hook.key,
            label: hook.key.map(|key| self.label(key).to_owned()),
            latch: hook.has_latch.then_some(hook.latch),
            led: hook.led,
            sensor: hook.sensor,
        })
    }

    /// The doors, in order.
    pub fn doors(&self) -> impl Iterator<Item = DoorView> + '_ {
        self.doors.iter().map(|(door, state)| DoorView {
            door: *door,
            open: state.open,
            lock: state.lock,
            lock_broken: state.lock_stuck,
            contact: state.contact,
        })
    }

    fn move_lockbox(&mut self, open: bool) -> Result<Effect, Refusal> {
        match &mut self.lockbox {
            None => Err(Refusal::NoLockbox),
            Some(is) if *is == open => Err(Refusal::LockboxIsSo { open }),
            Some(is) => {
                *is = open;
                let level = if open { Level::Inactive } else { Level::Active };
                Ok(Effect { happening: Happening::Lockbox { open }, edges: vec![(Input::Lockbox, level)] })
            }
        }
    }

    fn label(&self, key: KeyNo) -> &str {
        self.labels.get(&key).map_or("an unnamed key", String::as_str)
    }

    fn hook(&self, slot: SlotNo) -> Result<&Hook, Refusal> {
        let last = self.slots.keys().next_back().copied().unwrap_or(SlotNo(0));
        self.slots.get(&slot).ok_or(Refusal::NoSlot { slot, last })
    }

    fn hook_mut(&mut self, slot: SlotNo) -> Result<&mut Hook, Refusal> {
        let last = self.slots.keys().next_back().copied().unwrap_or(SlotNo(0));
        self.slots.get_mut(&slot).ok_or(Refusal::NoSlot { slot, last })
    }

    fn door_mut(&mut self, door: DoorNo) -> Result<&mut Door, Refusal> {
        self.doors.get_mut(&door).ok_or(Refusal::NoDoor { door })
    }

    /// The slot, if a hand can reach it.
    fn reach(&self, slot: SlotNo) -> Result<&Hook, Refusal> {
        let hook = self.hook(slot)?;
        match self.doors.get(&hook.door) {
            Some(door) if door.open => Ok(hook),
            Some(_) => Err(Refusal::DoorClosed { door: hook.door }),
            None => Err(Refusal::NoDoor { door: hook.door }),
        }
    }

    fn take(&mut self, slot: SlotNo) -> Result<Effect, Refusal> {
        let hook = self.reach(slot)?;
        let key = hook.key.ok_or(Refusal::Empty { slot })?;
        if hook.has_latch && !hook.latch {
            return Err(Refusal::Latched { slot });
        }
        let edges = self.move_key(slot, None)?;
        self.hand.insert(key);
        Ok(Effect { happening: Happening::Taken { slot, key, label: self.label(key).to_owned() }, edges })
    }

    fn put(&mut self, slot: SlotNo, wanted: Option<&str>) -> Result<Effect, Refusal> {
        let hook = self.reach(slot)?;
        if let Some(key) = hook.key {
            return Err(Refusal::Occupied { slot, key, label: self.label(key).to_owned() });
        }
        let key = self.choose(wanted)?;
        let edges = self.move_key(slot, Some(key))?;
        self.hand.remove(&key);
        Ok(Effect { happening: Happening::Hung { slot, key, label: self.label(key).to_owned() }, edges })
    }

    fn choose(&self, wanted: Option<&str>) -> Result<KeyNo, Refusal> {
        if self.hand.is_empty() {
            return Err(Refusal::EmptyHands);
        }
        let hand = || self.hand().map(|(key, label)| format!("{label} (key {key})")).collect::<Vec<_>>().join(", ");
        match wanted {
            Some(text) => self
                .find_key(text)
                .filter(|key| self.hand.contains(key))
                .ok_or_else(|| Refusal::NotInHand { key: text.to_owned(), hand: hand() }),
            None if self.hand.len() == 1 => self.hand.first().copied().ok_or(Refusal::EmptyHands),
            None => Err(Refusal::WhichOne { hand: hand() }),
        }
    }

    fn move_key(&mut self, slot: SlotNo, key: Option<KeyNo>) -> Result<Vec<(Input, Level)>, Refusal> {
        let hook = self.hook_mut(slot)?;
        let before = hook.level();
        hook.key = key;
        Ok(edges(Input::Slot(slot), hook.sensor, before, hook.level()))
    }

    fn open(&mut self, no: DoorNo, force: bool) -> Result<Effect, Refusal> {
        let door = self.door_mut(no)?;
        if door.open {
            return Err(Refusal::AlreadyOpen { door: no });
        }
        if !door.lock && !force {
            return Err(Refusal::Locked { door: no });
        }
        let happening = if force { Happening::DoorForced { door: no } } else { Happening::DoorOpened { door: no } };
        Ok(Effect { happening, edges: door.swing(no, true) })
    }

    fn close(&mut self, no: DoorNo) -> Result<Effect, Refusal> {
        let door = self.door_mut(no)?;
        if !door.open {
            return Err(Refusal::AlreadyClosed { door: no });
        }
        let edges = door.swing(no, false);
        Ok(Effect { happening: Happening::DoorClosed { door: no, locked: !door.lock }, edges })
    }

    fn break_sensor(&mut self, slot: SlotNo, fault: SensorFault) -> Result<Effect, Refusal> {
        let hook = self.hook_mut(slot)?;
        let before = hook.level();
        hook.sensor = match fault {
            SensorFault::Stuck => Sensor::Stuck(before == Level::Active),
            SensorFault::Dead => Sensor::Dead,
            SensorFault::Bounce => Sensor::Bouncing,
            SensorFault::Ok => Sensor::Ok,
        };
        let edges = edges(Input::Slot(slot), hook.sensor, before, hook.level());
        Ok(Effect { happening: Happening::SensorFault { slot, fault }, edges })
    }

    fn break_contact(&mut self, no: DoorNo, broken: bool) -> Result<Effect, Refusal> {
        let door = self.door_mut(no)?;
        let before = sensed(door.contact, !door.open);
        door.contact = if broken { Sensor::Stuck(before == Level::Active) } else { Sensor::Ok };
        let edges = edges(Input::Door(no), door.contact, before, sensed(door.contact, !door.open));
        Ok(Effect { happening: Happening::ContactFault { door: no, broken }, edges })
    }
}

impl Hook {
    fn level(&self) -> Level {
        sensed(self.sensor, self.key.is_some())
    }
}

impl Door {
    fn swing(&mut self, no: DoorNo, open: bool) -> Vec<(Input, Level)> {
        let before = sensed(self.contact, !self.open);
        self.open = open;
        if !self.has_contact {
            return Vec::new();
        }
        edges(Input::Door(no), self.contact, before, sensed(self.contact, !open))
    }
}

/// A slot as somebody who looks into the cabinet sees it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct HookView {
    pub slot: SlotNo,
    pub key: Option<KeyNo>,
    pub label: Option<String>,
    /// Whether the latch is energised; none where there is no latch.
    pub latch: Option<bool>,
    pub led: bool,
    pub sensor: Sensor,
}

/// A door as somebody before the cabinet sees it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct DoorView {
    pub door: DoorNo,
    pub open: bool,
    /// Whether the lock relay is energised.
    pub lock: bool,
    pub lock_broken: bool,
    pub contact: Sensor,
}

fn still(happening: Happening) -> Effect {
    Effect { happening, edges: Vec::new() }
}

/// What a sensor says of the truth.
fn sensed(sensor: Sensor, truth: bool) -> Level {
    let said = match sensor {
        Sensor::Ok | Sensor::Bouncing => truth,
        Sensor::Stuck(level) => level,
        Sensor::Dead => return Level::Fault,
    };
    if said { Level::Active } else { Level::Inactive }
}

/// The raw edges of one movement: none, one, or a burst that ends at the new level.
fn edges(input: Input, sensor: Sensor, before: Level, after: Level) -> Vec<(Input, Level)> {
    let other = if after == Level::Active { Level::Inactive } else { Level::Active };
    match sensor {
        Sensor::Bouncing if before != after => {
            (0..BOUNCES).map(|n| (input, if n % 2 == 0 { after } else { other })).collect()
        }
        // It starts to chatter where it stands.
        Sensor::Bouncing => (0..=BOUNCES).map(|n| (input, if n % 2 == 0 { other } else { after })).collect(),
        Sensor::Ok | Sensor::Stuck(_) | Sensor::Dead if before != after => vec![(input, after)],
        Sensor::Ok | Sensor::Stuck(_) | Sensor::Dead => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
