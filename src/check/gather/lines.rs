//! Looking at the lines: what the kernel shows of each, what the firmware is told of the pins, what the sensors say.
//!
//! A line that the daemon has is not touched. Where none runs, the inputs are claimed for a moment; outputs never are.

use crate::cabinet::books::{Presence, Row, View};
use crate::cabinet::fact::Fact;
use crate::cabinet::types::{Input, Output, SessionId, SlotNo};
use crate::check::lines::{BootFile, Facts, Kind, Line, Real, Seen, Sensors, Simulated};
use crate::check::words::parted;
use crate::config::{Config, Lines};
use crate::io::lines::gpio::{self, PortError};
use crate::io::lines::wiring::{Address, PinsBy, Place, Signal, Wiring, is_header_label, output_words};
use crate::io::store::{self, Filter, Reader, StoreError};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

/// The levels are read twice, so far apart.
const APART: Duration = Duration::from_millis(300);
/// Records that are looked through for sensors that saw nothing.
const RECORDS: u64 = 20_000;
/// So many visits in a row for a key whose sensor saw nothing are a stuck one, not a change of mind.
const VISITS: u32 = 3;

/// Everything about the lines of a config whose sections on them are sound.
pub(super) fn lines(config: &Config, is_clean: bool, is_service: bool, root: &Path) -> Facts {
    match &config.lines {
        _ if !is_clean => Facts::NotJudged,
        Lines::Sim { socket } => Facts::Simulated(Simulated {
            socket: socket.display().to_string(),
            answers: fs::read_to_string(root.join("proc/net/unix")).ok().map(|table| is_listened_at(&table, socket)),
            is_service,
        }),
        Lines::Real(wiring) => {
            // Not every account can see the lock.
            let is_held = store::is_in_use(&config.state_dir).unwrap_or_default();
            let lines = seen(wiring, is_held);
            let is_any = |wanted: fn(&Seen) -> bool| lines.iter().any(|line| wanted(&line.seen));
            // Who has the lines can be seen by all.
            let sensors = if is_held || is_any(|seen| *seen == Seen::Ours) {
                told(config)
            } else if is_any(|seen| matches!(seen, Seen::NotAllowed(_))) {
                Sensors::Unknown("this account may not look at the lines".to_owned())
            } else {
                read(wiring)
            };
            Facts::Real(Box::new(Real { lines, boot: boot_file(root), sensors }))
        }
    }
}

/// Whether somebody listens there, by the kernel's table of sockets. To connect would take the place of the daemon.
fn is_listened_at(table: &str, socket: &Path) -> bool {
    const ACCEPTS: &str = "00010000";
    table.lines().any(|line| {
        let mut fields = line.split_ascii_whitespace();
        fields.nth(3) == Some(ACCEPTS) && line.ends_with(&format!(" {}", socket.display()))
    })
}

/// How rppal calls itself at the kernel, where it waits for edges.
const RPPAL: &str = "RPPAL";

/// A line as the config describes it.
type Described<'a> = (String, &'a Address, Kind);

fn seen(wiring: &Wiring, is_held: bool) -> Vec<Line> {
    let inputs = wiring.inputs.iter().map(|line| (line.signal.to_string(), &line.at, Kind::Input));
    let outputs = wiring.outputs.iter().map(|line| {
        let active_low = line.active_low;
        let kind = match line.output {
            Output::Lock(_) | Output::Latch(_) => Kind::Relay { active_low },
            Output::Led(_) | Output::Buzzer | Output::Status | Output::Load(_) => Kind::Light { active_low },
        };
        (output_words(line.output), &line.at, kind)
    });
    let lines: Vec<Described<'_>> = outputs.chain(inputs).collect();
    let addresses: Vec<Address> = lines.iter().map(|(_, at, _)| (*at).clone()).collect();
    let shown = gpio::survey(wiring.pins, &addresses);
    told_apart(lines.into_iter().zip(shown), is_held && wiring.pins == PinsBy::Rppal)
}

/// `rppal_is_ours`: the daemon runs, and reaches the header through it.
fn told_apart<'a>(
    lines: impl Iterator<Item = (Described<'a>, Result<gpio::Seen, PortError>)>,
    rppal_is_ours: bool,
) -> Vec<Line> {
    // By the chip that a name really means: two names may mean one.
    let mut roles: BTreeMap<(String, u32), String> = BTreeMap::new();
    let line = |((what, at, kind), seen): (Described<'a>, Result<gpio::Seen, PortError>)| {
        let is_pin = at.chip == Place::Header || seen.as_ref().is_ok_and(|seen| is_header_label(&seen.label));
        let is_ours = |consumer: &str| {
            consumer == gpio::CONSUMER || (rppal_is_ours && at.chip == Place::Header && consumer == RPPAL)
        };
        let first = seen.as_ref().ok().and_then(|seen| {
            let line = (seen.chip.clone(), at.line);
            let first = roles.get(&line).map(|first| (first.clone(), seen.chip.clone()));
            roles.entry(line).or_insert_with(|| what.clone());
            first
        });
        let seen = match (seen, first) {
            (_, Some((first, chip))) => Seen::Trouble {
                what: format!("line {} of {chip} is {first} already, under another name of that chip", at.line),
                remedy: "Give each line one role.".to_owned(),
            },
            (Ok(gpio::Seen { consumer: None, .. }), _) => Seen::Free,
            (Ok(gpio::Seen { consumer: Some(consumer), .. }), _) if is_ours(&consumer) => Seen::Ours,
            (Ok(gpio::Seen { consumer: Some(consumer), chip, .. }), _) => Seen::Trouble {
                what: format!("\"{consumer}\" has line {} of {chip}", at.line),
                remedy: "End that program or overlay (`gpioinfo` shows who has what), or wire another line.".to_owned(),
            },
            (Err(why @ PortError::NotAllowed(_)), _) => Seen::NotAllowed(parted(&why.to_string()).1),
            (Err(why), _) => {
                let text = why.to_string();
                let what = text.split_once("; ").map_or(text.as_str(), |(what, _)| what).to_owned();
                Seen::Trouble { what, remedy: parted(&text).1 }
            }
        };
        Line { what, at: at.to_string(), pin: is_pin.then_some(at.line), kind, seen }
    };
    lines.map(line).collect()
}

// ---------------------------------------------------------------- the firmware's file

fn boot_file(root: &Path) -> Result<Option<BootFile>, String> {
    for path in ["boot/firmware/config.txt", "boot/config.txt"] {
        match fs::read_to_string(root.join(path)) {
            Ok(text) => return Ok(Some(parse(&format!("/{path}"), &text))),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(None)
}

/// Every line counts, also one that is for another model only: better a second job too many than one too few.
fn parse(path: &str, text: &str) -> BootFile {
    let mut file = BootFile { path: path.to_owned(), ..BootFile::default() };
    for line in text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()) {
        let mut job = |pins: &[u32]| file.jobs.extend(pins.iter().map(|pin| (*pin, line.to_owned())));
        let is_on = |value: &str| matches!(value, "on" | "yes" | "true" | "1");
        match line.split_once('=') {
            Some(("gpio", rest)) => {
                let (pins, words) = rest.split_once('=').unwrap_or((rest, ""));
                let mut level = words.split(',').filter_map(|word| match word.trim() {
                    "dh" | "pu" => Some(true),
                    "dl" | "pd" => Some(false),
                    _ => None,
                });
                if let Some(high) = level.next_back() {
                    file.set.extend(numbers(pins).into_iter().map(|pin| (pin, high)));
                }
            }
            Some(("enable_uart", value)) if is_on(value) => job(&[14, 15]),
            Some(("dtparam", params)) => {
                for param in params.split(',') {
                    match param.split_once('=').unwrap_or((param, "on")) {
                        ("i2c_arm" | "i2c" | "i2c1", value) if is_on(value) => job(&[2, 3]),
                        ("spi", value) if is_on(value) => job(&[7, 8, 9, 10, 11]),
                        ("i2s", value) if is_on(value) => job(&[18, 19, 20, 21]),
                        ("uart0", value) if is_on(value) => job(&[14, 15]),
                        _ => {}
                    }
                }
            }
            Some(("dtoverlay", overlay)) => {
                let (name, params) = overlay.split_once(',').unwrap_or((overlay, ""));
                let given = |key: &str| {
                    let value = params.split(',').find_map(|param| param.strip_prefix(key)?.strip_prefix('='));
                    value.and_then(|value| value.trim().parse::<u32>().ok())
                };
                match name {
                    "gpio-shutdown" => job(&[given("gpio_pin").unwrap_or(3)]),
                    "w1-gpio" => job(&[given("gpiopin").unwrap_or(4)]),
                    "mcp23017" | "gpio-key" => job(&given("gpiopin").or(given("gpio")).map_or(vec![], |pin| vec![pin])),
                    _ => {}
                }
            }
            Some(_) | None => {}
        }
    }
    file
}

/// "4,17-19"
fn numbers(text: &str) -> Vec<u32> {
    let range = |part: &str| -> Option<std::ops::RangeInclusive<u32>> {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        (last <= 1_000).then_some(first..=last)
    };
    text.split(',').filter_map(range).flatten().collect()
}

// ---------------------------------------------------------------- the sensors

/// Read now: nobody else has them.
fn read(wiring: &Wiring) -> Sensors {
    let peeked = match gpio::peek(wiring, APART) {
        Ok(peeked) => peeked,
        Err(why) => return Sensors::Unknown(why.to_string()),
    };
    let slots = peeked.iter().filter(|line| matches!(line.signal, Signal::Sense(Input::Slot(_))));
    let levels: Vec<Option<bool>> = slots.map(|line| line.active).collect();
    let named = |wanted: fn(&gpio::Peeked) -> bool| {
        peeked.iter().filter(|line| wanted(line)).map(|line| line.signal.to_string()).collect()
    };
    Sensors::Read {
        slots: levels.len(),
        empty: levels.iter().filter(|level| **level == Some(false)).count(),
        unreadable: named(|line| line.active.is_none()),
        restless: named(|line| line.is_restless),
    }
}

/// As the daemon's books have it.
fn told(config: &Config) -> Sensors {
    Reader::open(&config.state_dir).and_then(|reader| by_books(&reader)).unwrap_or_else(|error| {
        let (what, _) = parted(&error.to_string());
        Sensors::Unknown(what.trim_end_matches('.').to_owned())
    })
}

fn by_books(reader: &Reader) -> Result<Sensors, StoreError> {
    let (mut lost, mut slots, mut empty, mut faults) = (false, 0, 0, Vec::new());
    for (view, row) in reader.rows()? {
        match (view, row) {
            (_, Row::Slot(row)) => {
                slots += 1;
                empty += usize::from(row.present == Presence::Empty);
            }
            (_, Row::Life(life)) => lost = life.lines_lost,
            (View::Fault(Input::Slot(slot)), _) => faults.push(slot.0),
            _ => {}
        }
    }
    faults.sort_unstable();
    let roster = reader.roster()?;
    let kinds = ["session-authorised", "door-opened", "taken", "returned", "found-changed"];
    let filter = Filter { kinds: kinds.map(str::to_owned).into(), ..Filter::default() };
    let mut visits = Visits::default();
    for entry in reader.entries(&filter, reader.head()?.seq.saturating_sub(RECORDS)) {
        if let Some((_, fact)) = entry?.fact() {
            visits.heed(&fact, |key| roster.keys.get(key).map(|key| key.home));
        }
    }
    Ok(Sensors::Told { lost, slots, empty, faults, stuck: visits.stuck() })
}

/// Visits in a row in which a slot's key was asked for, the door was opened, and the slot's sensor saw nothing.
#[derive(Default)]
struct Visits {
    asked: Option<(SessionId, Vec<SlotNo>)>,
    blind: BTreeMap<SlotNo, u32>,
}

impl Visits {
    fn heed(&mut self, fact: &Fact, home: impl Fn(&crate::cabinet::types::KeyId) -> Option<SlotNo>) {
        match fact {
            Fact::SessionAuthorised { session, pull, .. } => {
                let asked = self.asked.get_or_insert_with(|| (*session, Vec::new()));
                if asked.0 != *session {
                    *asked = (*session, Vec::new());
                }
                asked.1.extend(pull.iter().filter_map(home));
            }
            // It counts once, whatever opens again in the same visit.
            Fact::DoorOpened { session: Some(session), .. } => {
                if let Some((_, slots)) = self.asked.take_if(|(asked, _)| asked == session) {
                    for slot in slots {
                        *self.blind.entry(slot).or_default() += 1;
                    }
                }
            }
            Fact::Taken { slot, .. } | Fact::Returned { slot, .. } | Fact::FoundChanged { slot, .. } => {
                self.blind.remove(slot);
            }
            _ => {}
        }
    }

    fn stuck(self) -> Vec<(u16, u32)> {
        self.blind.into_iter().filter(|(_, visits)| *visits >= VISITS).map(|(slot, visits)| (slot.0, visits)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cabinet::types::{DoorNo, KeyId, Reason};

    #[test]
    fn the_firmware_s_file_tells_levels_and_second_jobs() {
        let root = tempfile::tempdir().expect("a folder");
        assert_eq!(boot_file(root.path()), Ok(None));
        fs::create_dir_all(root.path().join("boot/firmware")).expect("made");
        let text = "# enable_uart=1\n[pi4]\ngpio=17,22-23=op,dh\ngpio=5=ip,pd # the button\ngpio=6=op\ndtparam=audio=on,i2c_arm=on\n\
                    dtparam=spi=off\nenable_uart=1\ndtoverlay=gpio-shutdown\ndtoverlay=w1-gpio,gpiopin=25\n\
                    dtoverlay=mcp23017,addr=0x20,gpiopin=26\n";
        fs::write(root.path().join("boot/firmware/config.txt"), text).expect("written");
        let file = boot_file(root.path()).expect("it can be read").expect("it is there");
        assert_eq!(file.path, "/boot/firmware/config.txt");
        assert_eq!(file.set, [(17, true), (22, true), (23, true), (5, false)]);
        let pins: Vec<u32> = file.jobs.iter().map(|(pin, _)| *pin).collect();
        assert_eq!(pins, [2, 3, 14, 15, 3, 25, 26]);
        assert_eq!(file.jobs[2].1, "enable_uart=1");
    }

    #[test]
    fn rppal_is_the_daemon_s_while_it_runs_and_a_line_under_two_names_is_one() {
        let at = |chip: Option<&str>, line| Address {
            chip: chip.map_or(Place::Header, |name| Place::Chip(name.into())),
            line,
        };
        let (header, by_name, other) = (at(None, 17), at(Some("gpiochip0"), 17), at(Some("gpiochip0"), 18));
        let shown = |consumer: &str| {
            Ok(gpio::Seen {
                chip: "gpiochip0".into(),
                label: "pinctrl-bcm2711".into(),
                consumer: Some(consumer.into()),
            })
        };
        let lines = |is_held| {
            let described = [("door 1's contact", &header), ("the button", &by_name), ("slot 1's sensor", &other)];
            let described = described.map(|(what, at)| ((what.to_owned(), at, Kind::Input), shown("RPPAL")));
            told_apart(described.into_iter(), is_held).into_iter().map(|line| line.seen).collect::<Vec<_>>()
        };
        let running = lines(true);
        assert_eq!(running[0], Seen::Ours);
        let what = |seen: &Seen| match seen {
            Seen::Trouble { what, .. } => what.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            what(&running[1]),
            "line 17 of gpiochip0 is door 1's contact already, under another name of that chip"
        );
        assert_eq!(what(&running[2]), "\"RPPAL\" has line 18 of gpiochip0", "that line is not reached by rppal");
        assert_eq!(what(&lines(false)[0]), "\"RPPAL\" has line 17 of gpiochip0", "the daemon does not run");
    }

    #[test]
    fn who_listens_at_a_socket_is_seen_without_a_knock() {
        let dir = tempfile::tempdir().expect("a folder");
        let socket = dir.path().join("hardware.sock");
        let table = || fs::read_to_string("/proc/net/unix").expect("Linux has one");
        assert!(!is_listened_at(&table(), &socket));
        let listener = std::os::unix::net::UnixListener::bind(&socket).expect("free");
        assert!(is_listened_at(&table(), &socket));
        drop(listener);
        assert!(!is_listened_at(&table(), &socket), "its file alone is nobody");
    }

    #[test]
    fn a_sensor_that_saw_nothing_in_three_visits_is_stuck() {
        let mut visits = Visits::default();
        let home = |key: &KeyId| key.as_str().parse().ok().map(SlotNo);
        let visit = |visits: &mut Visits, session: u64, keys: &[&str], opens: bool| {
            let pull = keys.iter().map(|key| KeyId::from(*key)).collect();
            let fact = Fact::SessionAuthorised {
                session: SessionId(session),
                user: "ana".into(),
                pull,
                give_back: Vec::new(),
                reason: Reason::DayToDay,
                reference: None,
                purpose: None,
                doors: vec![DoorNo(1)],
                alone: false,
            };
            visits.heed(&fact, home);
            for _ in 0..if opens { 2 } else { 0 } {
                visits.heed(&Fact::DoorOpened { door: DoorNo(1), session: Some(SessionId(session)) }, home);
            }
        };
        let back = |slot| Fact::Returned {
            slot: SlotNo(slot),
            key: None,
            evidence: None,
            session: None,
            by: None,
            candidates: Vec::new(),
        };
        for session in 1..=3 {
            visit(&mut visits, session, &["7", "8"], true);
            visits.heed(&back(8), home);
            visit(&mut visits, session + 10, &["9"], false);
        }
        assert_eq!(visits.stuck(), [(7, 3)], "8 was seen, and nobody opened the door for 9");
    }
}
