//! The bench: the one place where the simulated hardware, the daemon that drives it, the people and the UPS meet.
//!
//! It owns the [`Hardware`], does what [`Input`]s say one after the other, sends raw edges to the daemon in the order in
//! which they happened, answers people, and tells a listener everything that can be seen or heard. The hardware outlives the
//! daemon: when the daemon dies, relays stay as they were driven, until the next one drives them.
//!
//! It keeps the physical state in a file, replaced as a whole after each change. It does no printing.

use super::hardware::{Act, DriveFault, Happening, Hardware, Refusal};
use super::nut::Button;
use super::wire::{FromHardware, Order, ToHardware};
use super::words::{Held, Reply, Status, UpsFault, Word};
use crate::cabinet::outcome::{Message, Sound};
use crate::cabinet::types::{Level, Output};
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use tokio::sync::{mpsc, oneshot, watch};

/// The simulated UPS as the bench needs it.
pub trait SimulatedUps: Send {
    /// Cuts or restores the mains.
    fn mains(&mut self, on: bool);
    /// Breaks the UPS's answers, or mends them.
    fn fault(&mut self, fault: UpsFault);
    /// Sets the charge of its battery, 0 to 100 percent.
    fn charge(&mut self, pct: u8);
    /// Presses its power button.
    fn button(&mut self) -> Button;
    /// Plugs in somebody else's devices, so many watts in all.
    fn foreign_load(&mut self, watts: u16);
    /// Whether what is plugged in has power.
    fn output(&self) -> bool;
    /// What it is doing, in words.
    fn status(&self) -> String;
}

/// What reaches the bench.
#[derive(Debug)]
pub enum Input {
    /// A daemon connected; what the hardware says to it goes into `say`. A newer connection takes the place of an older one.
    Connected { link: u64, say: mpsc::Sender<FromHardware> },
    /// That daemon orders something.
    Ordered { link: u64, message: ToHardware },
    /// That daemon is gone.
    Gone { link: u64 },
    /// Somebody does something.
    Person { word: Word, reply: oneshot::Sender<Reply> },
}

/// What can be seen or heard at the cabinet.
#[derive(Clone, PartialEq, Eq)]
pub enum Told {
    /// Somebody holds a badge or a tag to the reader, or types.
    Badge(String),
    Tag(String),
    Login(String),
    Pin {
        digits: usize,
    },
    Cancelled,
    WakePressed,
    /// The daemon had the machine switched off; its clock wakes it after so long.
    PoweredOff {
        wake_after_ms: Option<u64>,
    },
    /// By somebody's hand.
    Did(Happening),
    /// By the daemon.
    Drove {
        happening: Happening,
        for_ms: Option<u32>,
    },
    /// The daemon ordered it and the hardware did not follow.
    DidNotFollow {
        why: String,
    },
    /// Somebody tried, and the world refused.
    Refused(String),
    Showed(Message),
    Sounded(Sound),
    DaemonConnected,
    /// The daemon let go of the hardware; these relays stay energised.
    DaemonGone {
        energised: Vec<Output>,
    },
    Mains {
        on: bool,
    },
    Ups(UpsFault),
    Charge {
        pct: u8,
    },
    UpsButton(Button),
    ForeignLoad {
        watts: u16,
    },
    /// The physical state could not be written; a restart of the demo would forget it.
    NotKept {
        why: String,
    },
}

// Codes pass through here.
impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Badge(_) => f.write_str("Badge(…)"),
            Self::Tag(_) => f.write_str("Tag(…)"),
            Self::Login(_) => f.write_str("Login(…)"),
            Self::Pin { digits } => write!(f, "Pin({digits} digits)"),
            Self::Cancelled => f.write_str("Cancelled"),
            Self::WakePressed => f.write_str("WakePressed"),
            Self::PoweredOff { wake_after_ms } => {
                f.debug_struct("PoweredOff").field("wake_after_ms", wake_after_ms).finish()
            }
            Self::Did(happening) => f.debug_tuple("Did").field(happening).finish(),
            Self::Drove { happening, for_ms } => f.debug_tuple("Drove").field(happening).field(for_ms).finish(),
            Self::DidNotFollow { why } => f.debug_tuple("DidNotFollow").field(why).finish(),
            Self::Refused(why) => f.debug_tuple("Refused").field(why).finish(),
            Self::Showed(message) => f.debug_tuple("Showed").field(message).finish(),
            Self::Sounded(sound) => f.debug_tuple("Sounded").field(sound).finish(),
            Self::DaemonConnected => f.write_str("DaemonConnected"),
            Self::DaemonGone { energised } => f.debug_tuple("DaemonGone").field(energised).finish(),
            Self::Mains { on } => f.debug_tuple("Mains").field(on).finish(),
            Self::Ups(fault) => f.debug_tuple("Ups").field(fault).finish(),
            Self::Charge { pct } => f.debug_tuple("Charge").field(pct).finish(),
            Self::UpsButton(done) => f.debug_tuple("UpsButton").field(done).finish(),
            Self::ForeignLoad { watts } => f.debug_struct("ForeignLoad").field("watts", watts).finish(),
            Self::NotKept { why } => f.debug_tuple("NotKept").field(why).finish(),
        }
    }
}

/// The bench itself. `tell` is called for everything that can be seen or heard; it must not block.
pub struct Bench<T> {
    hardware: Hardware,
    ups: Option<Box<dyn SimulatedUps>>,
    file: PathBuf,
    tell: T,
    daemon: Option<(u64, mpsc::Sender<FromHardware>)>,
    display: Option<Message>,
    machine: Option<watch::Sender<Machine>>,
}

/// The machine that the daemon is said to run on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Machine {
    #[default]
    On,
    /// Halted; its clock wakes it after so long.
    Off { wake_after_ms: Option<u64> },
}

impl<T> fmt::Debug for Bench<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bench").field("hardware", &self.hardware).finish_non_exhaustive()
    }
}

/// The hardware as it was kept in `file`; none when there is no such file.
pub fn kept(file: &Path) -> Result<Option<Hardware>, String> {
    match std::fs::read(file) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|why| {
            format!("{} is not a stored cabinet ({why}); move it away to begin with a full cabinet", file.display())
        }),
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(format!("{} cannot be read: {why}", file.display())),
    }
}

impl<T: FnMut(Told)> Bench<T> {
    /// A bench with this hardware on it. `file` keeps the physical state.
    #[must_use]
    pub fn new(hardware: Hardware, ups: Option<Box<dyn SimulatedUps>>, file: PathBuf, tell: T) -> Self {
        Self { hardware, ups, file, tell, daemon: None, display: None, machine: None }
    }

    /// With a machine that can be switched off, for whoever plays it.
    #[must_use]
    pub fn with_machine(self, machine: watch::Sender<Machine>) -> Self {
        Self { machine: Some(machine), ..self }
    }

    /// Works until nobody can send any more.
    pub async fn run(mut self, mut inputs: mpsc::Receiver<Input>) {
        self.keep();
        while let Some(input) = inputs.recv().await {
            self.take_in(input);
        }
    }

    fn take_in(&mut self, input: Input) {
        match input {
            Input::Connected { link, say } => {
                self.daemon = Some((link, say));
                (self.tell)(Told::DaemonConnected);
                self.say(FromHardware::Picture(self.hardware.picture()));
            }
            Input::Ordered { link, message } if self.is_driver(link) => self.carry_out(message),
            Input::Ordered { .. } => {}
            Input::Gone { link } => {
                if self.is_driver(link) {
                    self.let_go();
                }
            }
            Input::Person { word, reply } => {
                let answer = self.person(word);
                if let Reply::Refused(why) = &answer {
                    (self.tell)(Told::Refused(why.clone()));
                }
                let _ = reply.send(answer);
            }
        }
    }

    fn is_driver(&self, link: u64) -> bool {
        self.daemon.as_ref().is_some_and(|(driver, _)| *driver == link)
    }

    fn let_go(&mut self) {
        self.daemon = None;
        self.display = None;
        let locks = self.hardware.doors().filter(|door| door.lock).map(|door| Output::Lock(door.door));
        let latches =
            self.hardware.hooks().filter(|hook| hook.latch == Some(true)).map(|hook| Output::Latch(hook.slot));
        (self.tell)(Told::DaemonGone { energised: locks.chain(latches).collect() });
    }

    /// Says it to the daemon. One that does not listen is cut off: its next connection begins with the whole picture.
    fn say(&mut self, said: FromHardware) {
        if let Some((_, daemon)) = &self.daemon
            && daemon.try_send(said).is_err()
        {
            self.let_go();
        }
    }

    // ------------------------------------------------------------ the daemon's side

    fn carry_out(&mut self, ToHardware { id, order }: ToHardware) {
        let result = match order {
            Order::Set { output, level, for_ms } => {
                let driven = self.hardware.drive(output, level == Level::Active);
                driven.map(|happening| {
                    if let Some(happening) = happening {
                        (self.tell)(Told::Drove { happening, for_ms });
                    }
                })
            }
            Order::Release(_) => {
                let (happenings, result) = self.hardware.release();
                for happening in happenings {
                    (self.tell)(Told::Drove { happening, for_ms: None });
                }
                result
            }
            Order::Read(_) => {
                self.say(FromHardware::Picture(self.hardware.picture()));
                Ok(())
            }
            Order::Sound(sound) => {
                (self.tell)(Told::Sounded(sound));
                Ok(())
            }
            Order::Lamp(lamp) => {
                if let Some(happening) = self.hardware.shine(Some(lamp)) {
                    (self.tell)(Told::Drove { happening, for_ms: None });
                }
                Ok(())
            }
            Order::Show(message) => {
                (self.tell)(Told::Showed(message.clone()));
                self.display = Some(message);
                Ok(())
            }
            Order::PowerOff { wake_after_ms } => match &self.machine {
                Some(machine) => {
                    machine.send_replace(Machine::Off { wake_after_ms });
                    (self.tell)(Told::PoweredOff { wake_after_ms });
                    Ok(())
                }
                None => Err(DriveFault::NoSuchLine),
            },
        };
        match result {
            Ok(()) => self.say(FromHardware::Done(id)),
            Err(fault) => {
                let why = fault.to_string();
                (self.tell)(Told::DidNotFollow { why: why.clone() });
                self.say(FromHardware::Failed { id, why });
            }
        }
    }

    // ------------------------------------------------------------ the people's side

    fn person(&mut self, word: Word) -> Reply {
        match word {
            Word::Badge(code) => {
                let told = Told::Badge(code.clone());
                self.reader(FromHardware::Code(code), told, "The badge was read.")
            }
            Word::Tag(code) => {
                let told = Told::Tag(code.clone());
                self.reader(FromHardware::Code(code), told, "The tag was read.")
            }
            Word::Login(number) => {
                let told = Told::Login(number.clone());
                self.reader(FromHardware::Login(number), told, "The number was typed.")
            }
            Word::Pin(digits) => {
                let told = Told::Pin { digits: digits.chars().count() };
                self.reader(FromHardware::Pin(digits), told, "The PIN was typed.")
            }
            Word::Cancel => self.reader(FromHardware::Cancel(true), Told::Cancelled, "The cancel button was pressed."),
            Word::Button => self.wake_button(),
            Word::Act(act) => self.act(&act),
            Word::Hand => Reply::Done(self.in_hand()),
            Word::Mains { on } => match &mut self.ups {
                Some(ups) => {
                    ups.mains(on);
                    (self.tell)(Told::Mains { on });
                    Reply::Done(if on { "The mains is back." } else { "The mains is off." }.to_owned())
                }
                None => no_ups(),
            },
            Word::UpsFault(fault) => match &mut self.ups {
                Some(ups) => {
                    ups.fault(fault);
                    (self.tell)(Told::Ups(fault));
                    Reply::Done(format!("The UPS: {}.", fault.name()))
                }
                None => no_ups(),
            },
            Word::Charge { pct } => match &mut self.ups {
                Some(ups) => {
                    ups.charge(pct);
                    (self.tell)(Told::Charge { pct });
                    Reply::Done(format!("The battery's charge is {pct} % now."))
                }
                None => no_ups(),
            },
            Word::UpsButton => match &mut self.ups {
                Some(ups) => {
                    let done = ups.button();
                    (self.tell)(Told::UpsButton(done));
                    match done {
                        Button::TurnedOn => Reply::Done("The UPS's output is on again.".to_owned()),
                        Button::WasOn => Reply::Done("The UPS beeps; its output was on already.".to_owned()),
                        Button::Empty => {
                            Reply::Refused("the UPS stays dark: its battery is empty and the mains is off (`cabinetd sim mains on` brings it back)".to_owned())
                        }
                    }
                }
                None => no_ups(),
            },
            Word::UpsLoad { watts } => match &mut self.ups {
                Some(ups) => {
                    ups.foreign_load(watts);
                    (self.tell)(Told::ForeignLoad { watts });
                    Reply::Done(match watts {
                        0 => "Nothing but the cabinet is plugged into the UPS.".to_owned(),
                        watts => format!("Something that draws {watts} W is plugged into the UPS beside the cabinet."),
                    })
                }
                None => no_ups(),
            },
            Word::Status => Reply::Status(Box::new(self.status())),
        }
    }

    fn wake_button(&mut self) -> Reply {
        if let Some(machine) = &self.machine
            && *machine.borrow() != Machine::On
        {
            machine.send_replace(Machine::On);
            (self.tell)(Told::WakePressed);
            return Reply::Done("The wake button was pressed: the machine starts.".to_owned());
        }
        self.reader(FromHardware::Button(true), Told::WakePressed, "The wake button was pressed.")
    }

    fn reader(&mut self, said: FromHardware, told: Told, sentence: &str) -> Reply {
        if let Err(refusal) = self.hardware.reader() {
            return Reply::Refused(refusal.to_string());
        }
        if self.daemon.is_none() {
            return Reply::Refused("nobody hears it: the daemon is not running".to_owned());
        }
        (self.tell)(told);
        self.say(said);
        Reply::Done(sentence.to_owned())
    }

    fn act(&mut self, act: &Act) -> Reply {
        let effect = match self.hardware.act(act) {
            Ok(effect) => effect,
            Err(refusal) => return Reply::Refused(refusal.to_string()),
        };
        // Kept and told before the daemon hears of it, so that the order on the terminal is the order of the world.
        self.keep();
        let sentence = effect.happening.to_string();
        (self.tell)(Told::Did(effect.happening));
        for (input, level) in effect.edges {
            self.say(FromHardware::Line { input, level });
        }
        Reply::Done(sentence)
    }

    fn in_hand(&self) -> String {
        let held: Vec<String> = self.hardware.hand().map(|(key, label)| format!("{label} (key {key})")).collect();
        if held.is_empty() { "Nothing is in hand.".to_owned() } else { format!("In hand: {}.", held.join(", ")) }
    }

    fn status(&self) -> Status {
        Status {
            daemon: self.daemon.is_some(),
            display: self.display.as_ref().map(ToString::to_string),
            reader_plugged_in: !matches!(self.hardware.reader(), Err(Refusal::ReaderUnplugged)),
            ups: self.ups.as_ref().map_or_else(|| "there is no UPS".to_owned(), |ups| ups.status()),
            ups_output: self.ups.as_ref().map(|ups| ups.output()),
            doors: self.hardware.doors().collect(),
            slots: self.hardware.hooks().collect(),
            hand: self.hardware.hand().map(|(key, label)| Held { key, label: label.to_owned() }).collect(),
        }
    }

    fn keep(&mut self) {
        if let Err(why) = replace(&self.file, &self.hardware) {
            (self.tell)(Told::NotKept { why: format!("{}: {why}", self.file.display()) });
        }
    }
}

fn no_ups() -> Reply {
    Reply::Refused("there is no UPS at this hardware; `cabinetd demo` simulates one".to_owned())
}

/// Replaces the file as a whole: a reader sees the old state or the new one.
fn replace(file: &Path, hardware: &Hardware) -> std::io::Result<()> {
    let fresh = file.with_extension("json.new");
    let mut out = std::fs::File::create(&fresh)?;
    out.write_all(&serde_json::to_vec_pretty(hardware)?)?;
    out.sync_data()?;
    std::fs::rename(&fresh, file)
}

#[cfg(test)]
mod tests;
