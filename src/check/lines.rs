//! The lines: whether they can be had, which relays would move while nobody drives them, pins with a second job, and what the sensors say.

use super::words::listed;
use super::{Finding, Id};

/// What was seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Facts {
    Simulated(Simulated),
    /// The config cannot be read, or has mistakes where the lines are described.
    NotJudged,
    Real(Box<Real>),
}

/// Lines that a program plays.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Simulated {
    /// Where it is to listen.
    pub socket: String,
    /// Whether somebody does; none if that cannot be seen.
    pub answers: Option<bool>,
    /// The config is that of the machine's service, not of a demo or of a trial in a folder of its own.
    pub is_service: bool,
}

/// Real lines.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Real {
    pub lines: Vec<Line>,
    /// None: this machine has no such file. An error: it cannot be read.
    pub boot: Result<Option<BootFile>, String>,
    pub sensors: Sensors,
}

/// One line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// "slot 7's sensor"
    pub what: String,
    /// "pin 17", "line 3 of 1-0020"
    pub at: String,
    /// Its BCM number, where it is a pin of the header.
    pub pin: Option<u32>,
    pub kind: Kind,
    pub seen: Seen,
}

/// What hangs on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Input,
    /// A lock or a latch: energised is unlocked.
    Relay {
        active_low: bool,
    },
    /// Anything else that is driven.
    Light {
        active_low: bool,
    },
}

/// How the kernel shows a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Seen {
    Free,
    /// The daemon has it.
    Ours,
    /// This account may not look; with what to do.
    NotAllowed(String),
    /// Somebody else has it, or it is not there; with what to do.
    Trouble {
        what: String,
        remedy: String,
    },
}

/// What `config.txt` says of the header's pins.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct BootFile {
    pub path: String,
    /// Pins that the firmware sets, and whether high: driven, or pulled.
    pub set: Vec<(u32, bool)>,
    /// Pins with a second job, and the words that give it.
    pub jobs: Vec<(u32, String)>,
}

/// What the slots' sensors say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Sensors {
    /// The daemon tells, and so do its books.
    Told {
        /// No line can be read.
        lost: bool,
        slots: usize,
        empty: usize,
        /// Slots whose sensor the daemon does not believe.
        faults: Vec<u16>,
        /// Slots whose key was asked for so many times while the door was open, and whose sensor never saw it taken.
        stuck: Vec<(u16, u32)>,
    },
    /// Read just now, since no daemon runs.
    Read {
        slots: usize,
        empty: usize,
        unreadable: Vec<String>,
        /// Levels that changed within a moment, with nobody there.
        restless: Vec<String>,
    },
    Unknown(String),
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    match facts {
        Facts::Simulated(simulated) => vec![played(simulated)],
        Facts::NotJudged => vec![Finding::unknown(
            Id::LinesThere,
            "The lines are not looked at: the config cannot be read, or has mistakes where they are described.",
            "See to that first (`cabinetd check --only config`).",
        )],
        Facts::Real(real) => vec![there(real), at_rest(real), second_jobs(real), sensors(&real.sensors)],
    }
}

fn played(simulated: &Simulated) -> Finding {
    let id = Id::LinesThere;
    let Simulated { socket, answers, is_service } = simulated;
    let real = "A cabinet with real lines has backend = \"gpiocdev\" under [lines], and each line by its role (docs/wiring.md)";
    match (answers, is_service) {
        (Some(false), _) => Finding::failure(
            id,
            format!("The lines are simulated and nobody plays them at {socket}, so the cabinet opens for nobody."),
            format!("{real}. To try it without: `cabinetd sim hardware`, as the daemon's account."),
        ),
        (_, true) => Finding::warning(
            id,
            "The lines of this service are simulated (backend = \"sim\"): no lock moves and no key is seen.",
            format!("{real}."),
        ),
        (Some(true) | None, false) => Finding::note(id, "The lines are simulated.", format!("{real}.")),
    }
}

fn there(real: &Real) -> Finding {
    let id = Id::LinesThere;
    let troubles: Vec<(&Line, &str, &str)> = (real.lines.iter())
        .filter_map(|line| match &line.seen {
            Seen::Trouble { what, remedy } => Some((line, what.as_str(), remedy.as_str())),
            Seen::Free | Seen::Ours | Seen::NotAllowed(_) => None,
        })
        .collect();
    if let Some((first, what, remedy)) = troubles.first() {
        let others = match troubles.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        return Finding::failure(id, format!("{} ({}){others}: {what}.", capital(&first.what), first.at), *remedy);
    }
    let refused = real.lines.iter().find_map(|line| match &line.seen {
        Seen::NotAllowed(remedy) => Some(remedy),
        Seen::Free | Seen::Ours | Seen::Trouble { .. } => None,
    });
    if let Some(remedy) = refused {
        return Finding::unknown(id, "This account may not look at the lines.", remedy);
    }
    let ours = real.lines.iter().filter(|line| line.seen == Seen::Ours).count();
    let all = real.lines.len();
    match ours {
        0 => Finding::fine(id, format!("All {all} lines are there, and nobody else has them.")),
        ours if ours == all => Finding::fine(id, format!("All {all} lines are there, and the daemon has them.")),
        ours => {
            Finding::fine(id, format!("All {all} lines are there; the daemon has {ours} of them, the others are free."))
        }
    }
}

/// Pins of the header that start with a pull-up; the others start with a pull-down.
const UP_AT_BOOT: std::ops::RangeInclusive<u32> = 0..=8;

fn at_rest(real: &Real) -> Finding {
    let id = Id::LinesAtRest;
    let file = real.boot.as_ref().ok().and_then(Option::as_ref);
    let name = file.map_or("/boot/firmware/config.txt", |file| file.path.as_str());
    let (mut moving, mut brief, mut lights, mut elsewhere) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for line in &real.lines {
        let (active_low, is_relay) = match line.kind {
            Kind::Input => continue,
            Kind::Relay { active_low } => (active_low, true),
            Kind::Light { active_low } => (active_low, false),
        };
        let Some(pin) = line.pin else {
            if is_relay {
                elsewhere.push(format!("{} ({})", line.what, line.at));
            }
            continue;
        };
        let energised = UP_AT_BOOT.contains(&pin) != active_low;
        let set = file.and_then(|file| file.set.iter().rfind(|(set, _)| *set == pin)).map(|(_, high)| *high);
        let energised_then = set.map_or(energised, |high| high != active_low);
        let named = format!("{} (pin {pin})", line.what);
        match (is_relay, energised, energised_then) {
            (_, false, false) => {}
            (true, _, true) => moving.push((named, pin, active_low)),
            (true, true, false) => brief.push(named),
            (false, ..) => lights.push(named),
        }
    }
    if let Some((_, pin, active_low)) = moving.first() {
        let (level, drive, pull) = if *active_low { ("low", "dh", "up") } else { ("high", "dl", "down") };
        let names: Vec<&str> = moving.iter().map(|(named, ..)| named.as_str()).collect();
        let what = format!(
            "At each boot, and whenever nobody drives it, the pin is {level} and energises {}: what it locks is open then.",
            some(&names)
        );
        let better = if *active_low { "2 to 8" } else { "9 to 27" };
        let remedy = format!(
            "Fit a resistor of 1 kΩ that holds it {pull} (the pull in the chip is some 50 kΩ), and write `gpio={pin}=op,{drive}` into {name}; \
             or take one of the pins {better}, which start the other way."
        );
        return Finding::warning(id, what, remedy);
    }
    if !brief.is_empty() {
        let what = format!("{name} holds {} off, but only from the firmware's start on.", some(&brief));
        let remedy =
            "A resistor on the pin holds the relay for the first seconds too; listen for a click when the power comes.";
        return Finding::note(id, what, remedy);
    }
    if !elsewhere.is_empty() {
        let what = format!("What holds {} off while nobody drives it cannot be seen from here.", some(&elsewhere));
        let remedy = "An expander's lines float until the daemon claims them: each relay on one needs a resistor that holds it off.";
        return Finding::note(id, what, remedy);
    }
    if !lights.is_empty() {
        let what = format!("{} on at each boot until the daemon starts.", are(&lights));
        return Finding::note(id, what, "It harms nothing; another pin, or a resistor, keeps it dark.");
    }
    Finding::fine(id, "No lock or latch moves while the machine boots or nobody drives the lines.")
}

fn second_jobs(real: &Real) -> Finding {
    let id = Id::LinesSecondJob;
    if !real.lines.iter().any(|line| line.pin.is_some()) {
        return Finding::fine(id, "No pin of the header is used.");
    }
    let file = match &real.boot {
        Ok(Some(file)) => file,
        Ok(None) => {
            let remedy = "On a Raspberry Pi it is /boot/firmware/config.txt; is the boot partition mounted?";
            return Finding::unknown(id, "What else the pins are for is not known: there is no config.txt.", remedy);
        }
        Err(why) => {
            return Finding::unknown(id, format!("config.txt cannot be read: {why}."), "Run the check with `sudo`.");
        }
    };
    let both = real.lines.iter().find_map(|line| {
        let job = file.jobs.iter().find(|(pin, _)| Some(*pin) == line.pin)?;
        Some((line, &job.1))
    });
    match both {
        Some((line, words)) => Finding::failure(
            id,
            format!(
                "{} (pin {}) is also what `{words}` in {} is about.",
                capital(&line.what),
                line.pin.unwrap_or_default(),
                file.path
            ),
            format!("Take `{words}` out of {}, or wire another pin; then restart the machine.", file.path),
        ),
        None => Finding::fine(id, "No pin that is used has a second job."),
    }
}

fn sensors(sensors: &Sensors) -> Finding {
    let id = Id::LinesSensors;
    let all_empty = |slots: usize, empty: usize| slots >= 4 && slots == empty;
    let inverted = |slots: usize| {
        Finding::warning(
            id,
            format!("All {slots} sensors say that their slot is empty."),
            "If keys hang there, `active` has the wrong level, or the sensors' common wire or supply is off.",
        )
    };
    match sensors {
        Sensors::Unknown(why) => Finding::unknown(
            id,
            format!("What the sensors say is not known: {why}."),
            "Run the check with `sudo`, or as the daemon's account.",
        ),
        Sensors::Told { lost: true, .. } => Finding::failure(
            id,
            "The daemon can read no sensor: nobody sees what is taken.",
            "See what `lines.there` says; `journalctl -u cabinetd` has why. When they are back, the slots are compared with the books.",
        ),
        Sensors::Told { faults, .. } if !faults.is_empty() => {
            let names: Vec<String> = faults.iter().map(|slot| format!("slot {slot}")).collect();
            Finding::warning(
                id,
                format!("The daemon does not believe the sensor of {}.", some(&names)),
                "`cabinetd alarm list` says why: a line that cannot be read, or one that chatters. Look at its switch and wire.",
            )
        }
        Sensors::Told { stuck, .. } if !stuck.is_empty() => {
            let names: Vec<String> =
                stuck.iter().map(|(slot, visits)| format!("slot {slot} ({visits} visits)")).collect();
            Finding::warning(
                id,
                format!("The door opened for a key and its sensor saw nothing: {}.", some(&names)),
                "Take the key out and hang it back while `cabinetd keymap` is watched; a sensor that stays as it is hangs, or its wire is off.",
            )
        }
        Sensors::Read { unreadable, .. } if !unreadable.is_empty() => Finding::warning(
            id,
            format!("These cannot be read: {}.", some(unreadable)),
            "See what `lines.there` says of them.",
        ),
        Sensors::Read { restless, .. } if !restless.is_empty() => Finding::warning(
            id,
            format!("These change with nobody there: {}.", some(restless)),
            "An open line without a resistor floats: write bias = \"pull-up\" or fit one; a long wire wants a shield.",
        ),
        Sensors::Told { slots, empty, .. } | Sensors::Read { slots, empty, .. } if all_empty(*slots, *empty) => {
            inverted(*slots)
        }
        Sensors::Told { slots, empty, .. } | Sensors::Read { slots, empty, .. } => {
            Finding::fine(id, format!("The sensors can be read: {} keys in {slots} slots.", slots - empty))
        }
    }
}

/// "a, b, c and 5 more".
fn some<T: AsRef<str>>(names: &[T]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| name.as_ref().to_owned()).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => listed(&shown),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// "Slot 1's LED is", "Slot 1's LED and the buzzer are".
fn are(names: &[String]) -> String {
    format!("{} {}", capital(&some(names)), if names.len() == 1 { "is" } else { "are" })
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
