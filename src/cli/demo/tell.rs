//! What happens, one line each, with time and symbol: the only place of the demo, and of `sim hardware`, that prints once it
//! runs.
//!
//! Lines go through a bounded queue to a thread of their own: a terminal that is held (Ctrl-S) must not hold the hardware.
//! When the queue is full lines are dropped and counted, and the count is told.

use super::paint::{Paint, Shade};
use crate::cabinet::outcome::{Message, Sound};
use crate::cabinet::roster::{Key, User};
use crate::cabinet::types::{Code, Now};
use crate::io::clock::Clock;
use crate::io::sim::bench::Told;
use crate::io::sim::hardware::{Happening, SensorFault};
use crate::io::sim::nut::Button;
use crate::io::sim::words::UpsFault;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Lines that wait for a slow terminal.
const WAITING: usize = 1024;

/// Something to be told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::cli) enum News {
    World(Told),
    DaemonStarted {
        pid: u32,
    },
    /// The simulated machine lost its power, or powered off.
    MachineOff {
        cut: bool,
    },
    MachineStarts,
    DaemonDied {
        how: String,
        again_in_ms: u64,
        last_words: Option<String>,
    },
    OrphanEnded {
        pid: i32,
    },
    DaemonNotStarted {
        why: String,
    },
    RosterIn {
        people: usize,
        keys: usize,
    },
    RosterNotIn {
        why: String,
    },
    Ending,
    Ended {
        dir: PathBuf,
    },
    /// The hardware of a cabinet that is no demo's is put away.
    PutAway {
        kept: PathBuf,
    },
}

/// Tells; cloneable, never blocks.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Teller {
    lines: SyncSender<Option<News>>,
    dropped: Arc<AtomicU64>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Teller {
    pub(in crate::cli) fn start(paint: Paint, names: Names, clock: Clock) -> Self {
        let (lines, waiting) = sync_channel(WAITING);
        let dropped = Arc::new(AtomicU64::new(0));
        let lost = Arc::clone(&dropped);
        let thread = std::thread::spawn(move || print(&waiting, &names, paint, &clock, &lost));
        Self { lines, dropped, thread: Arc::new(Mutex::new(Some(thread))) }
    }

    pub(in crate::cli) fn tell(&self, news: News) {
        if self.lines.try_send(Some(news)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until all is told, if anybody is reading.
    pub(in crate::cli) fn finish(&self) {
        let thread = self.thread.lock().ok().and_then(|mut thread| thread.take());
        if self.lines.try_send(None).is_ok()
            && let Some(thread) = thread
        {
            let _ = thread.join();
        }
    }
}

fn print(waiting: &Receiver<Option<News>>, names: &Names, paint: Paint, clock: &Clock, dropped: &AtomicU64) {
    let out = std::io::stdout();
    while let Ok(Some(news)) = waiting.recv() {
        let time = time_of_day(clock.now());
        let (symbol, shade, words) = names.line(&news);
        let mut text = format!("{}  {}  {words}\n", paint.on(Shade::Dim, &time), paint.on(shade, symbol));
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _ = writeln!(text, "          …  {lost} lines were not printed: the terminal was too slow");
        }
        // A terminal that is gone must not end the demo.
        let _ = out.lock().write_all(text.as_bytes());
    }
}

/// Local hours and minutes; zones differ by whole minutes, so the seconds are those of the wall clock.
fn time_of_day(now: Now) -> String {
    let (minute, second) = (now.civil.minute, now.wall.0.div_euclid(1000).rem_euclid(60));
    format!("{:02}:{:02}:{second:02}", minute / 60, minute % 60)
}

/// Whose badge, which key's tag: what an onlooker would know.
#[derive(Default)]
pub(in crate::cli) struct Names {
    badges: BTreeMap<String, String>,
    logins: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
}

impl Names {
    pub(in crate::cli) fn of<'a>(users: impl IntoIterator<Item = &'a User>, keys: &[Key]) -> Self {
        let code = |code: &Code| code.expose().to_owned();
        let mut names = Self::default();
        for user in users {
            names.badges.extend(user.badge.as_ref().map(|badge| (code(badge), user.name.clone())));
            names.logins.extend(user.login.as_ref().map(|login| (code(login), user.name.clone())));
        }
        names.tags = keys.iter().filter_map(|key| Some((code(key.tag.as_ref()?), key.label.clone()))).collect();
        names
    }

    fn line(&self, news: &News) -> (&'static str, Shade, String) {
        match news {
            News::World(told) => self.world(told),
            News::DaemonStarted { pid } => ("▶", Shade::Bold, format!("The daemon starts (process {pid}).")),
            News::MachineOff { cut: true } => (
                "○",
                Shade::Power,
                "The UPS's output is off: the machine is dark. `sim ups button`, or mains, starts it.".to_owned(),
            ),
            News::MachineOff { cut: false } => {
                ("○", Shade::Power, "The machine is off. `sim button` starts it.".to_owned())
            }
            News::MachineStarts => ("●", Shade::Power, "The machine has power and starts.".to_owned()),
            News::DaemonDied { how, again_in_ms, last_words } => {
                let words = last_words.as_ref().map(|words| format!(" Its last words: {words}")).unwrap_or_default();
                let pause = *again_in_ms / 1000;
                ("×", Shade::Bad, format!("The daemon {how}; started again in {pause} s.{words}"))
            }
            News::OrphanEnded { pid } => (
                "■",
                Shade::Dim,
                format!("The daemon of an earlier demo (process {pid}) still runs here; it is ended."),
            ),
            News::DaemonNotStarted { why } => ("×", Shade::Bad, format!("The daemon cannot be started: {why}.")),
            News::RosterIn { people, keys } => (
                "▶",
                Shade::Bold,
                format!("The sample roster is in: {people} people, {keys} keys. Begin: `cabinetd sim badge 1004`"),
            ),
            News::RosterNotIn { why } => ("!", Shade::Bad, format!("The sample roster is not in yet: {why}.")),
            News::PutAway { kept } => (
                "■",
                Shade::Bold,
                format!("The hardware is switched off. What hangs where is kept in {}.", kept.display()),
            ),
            News::Ending => ("■", Shade::Bold, "Ending: the daemon lets go of its relays.".to_owned()),
            News::Ended { dir } => {
                let dir = dir.display();
                (
                    "■",
                    Shade::Bold,
                    format!("Ended. `cabinetd demo --dir {dir}` goes on; remove the folder to forget it."),
                )
            }
        }
    }

    fn world(&self, told: &Told) -> (&'static str, Shade, String) {
        let of = |names: &BTreeMap<String, String>, code: &String| {
            names.get(code).cloned().unwrap_or_else(|| "somebody unknown".to_owned())
        };
        match told {
            Told::Badge(code) => {
                ("→", Shade::Hand, format!("The badge of {} is held to the reader.", of(&self.badges, code)))
            }
            Told::Tag(code) => {
                let key = self.tags.get(code).cloned().unwrap_or_else(|| "an unknown key".to_owned());
                ("→", Shade::Hand, format!("The tag of {key} is held to the reader."))
            }
            Told::Login(code) => {
                ("→", Shade::Hand, format!("The number of {} is typed on the pad.", of(&self.logins, code)))
            }
            Told::Pin { digits } => ("→", Shade::Hand, format!("A PIN is typed: {}", "•".repeat((*digits).min(16)))),
            Told::Cancelled => ("→", Shade::Hand, "The cancel button is pressed.".to_owned()),
            Told::WakePressed => ("→", Shade::Hand, "The wake button is pressed.".to_owned()),
            Told::PoweredOff { wake_after_ms } => {
                let wake = wake_after_ms.map(|ms| format!("; its clock wakes it in {} min", ms / 60_000));
                ("○", Shade::Power, format!("The machine is told to power off{}.", wake.unwrap_or_default()))
            }
            Told::Did(happening) => did(happening),
            Told::Drove { happening, for_ms } => drove(happening, *for_ms),
            Told::DidNotFollow { why } => ("!", Shade::Bad, format!("The daemon drives an output, and {why}.")),
            Told::Refused(why) => ("×", Shade::Dim, format!("Not possible: {why}.")),
            Told::Showed(message) => ("▣", Shade::Display, format!("Display: {}", shown(message))),
            Told::Sounded(sound) => ("♪", Shade::Display, format!("Buzzer: {}.", sounded(*sound))),
            Told::DaemonConnected => {
                ("▶", Shade::Dim, "The daemon has the hardware and reads every sensor.".to_owned())
            }
            Told::DaemonGone { energised } if energised.is_empty() => {
                ("×", Shade::Dim, "The daemon has let go of the hardware; every relay is off.".to_owned())
            }
            Told::DaemonGone { energised } => (
                "!",
                Shade::Bad,
                format!("The daemon is gone and {} relay(s) stay energised, as on a real board.", energised.len()),
            ),
            Told::Mains { on: false } => {
                ("⚡", Shade::Power, "The mains fails; the UPS runs on its battery.".to_owned())
            }
            Told::Mains { on: true } => ("⚡", Shade::Power, "The mains is back.".to_owned()),
            Told::Ups(UpsFault::Ok) => ("⚡", Shade::Power, "The UPS answers again.".to_owned()),
            Told::Ups(UpsFault::ReplaceBattery) => {
                ("⚡", Shade::Power, "The UPS says that its battery is worn out.".to_owned())
            }
            Told::Ups(UpsFault::SpuriousLow) => (
                "⚡",
                Shade::Power,
                "From now on the UPS says \"low battery\" in each power cut, however full it is.".to_owned(),
            ),
            Told::Ups(fault) => ("⚡", Shade::Power, format!("The UPS is broken: {}.", fault.name())),
            Told::Charge { pct } => ("⚡", Shade::Power, format!("The UPS's battery is at {pct} % now.")),
            Told::UpsButton(Button::TurnedOn) => {
                ("⚡", Shade::Power, "The UPS's button is pressed; its output is on again.".to_owned())
            }
            Told::UpsButton(Button::WasOn) => ("⚡", Shade::Power, "The UPS's button is pressed; it beeps.".to_owned()),
            Told::UpsButton(Button::Empty) => {
                ("⚡", Shade::Power, "The UPS's button is pressed; it stays dark, its battery is empty.".to_owned())
            }
            Told::ForeignLoad { watts: 0 } => {
                ("⚡", Shade::Power, "What others had plugged into the UPS is taken away.".to_owned())
            }
            Told::ForeignLoad { watts } => {
                ("⚡", Shade::Power, format!("Somebody plugs {watts} W into the UPS, beside the cabinet."))
            }
            Told::NotKept { why } => ("!", Shade::Bad, format!("The physical cabinet could not be kept: {why}.")),
        }
    }
}

fn did(happening: &Happening) -> (&'static str, Shade, String) {
    let shade = match happening {
        Happening::SensorFault { fault: SensorFault::Stuck | SensorFault::Dead | SensorFault::Bounce, .. }
        | Happening::ContactFault { broken: true, .. }
        | Happening::LockFault { broken: true, .. }
        | Happening::ReaderFault { broken: true }
        | Happening::Lockbox { open: true }
        | Happening::DoorForced { .. } => Shade::Bad,
        Happening::SensorFault { fault: SensorFault::Ok, .. }
        | Happening::ContactFault { broken: false, .. }
        | Happening::LockFault { broken: false, .. }
        | Happening::ReaderFault { broken: false }
        | Happening::Taken { .. }
        | Happening::Hung { .. }
        | Happening::DoorOpened { .. }
        | Happening::DoorClosed { .. }
        | Happening::Lock { .. }
        | Happening::Latch { .. }
        | Happening::Led { .. }
        | Happening::Buzzer { .. }
        | Happening::Lamp { .. }
        | Happening::Lockbox { open: false }
        | Happening::Load { .. } => Shade::Hand,
    };
    ("→", shade, happening.to_string())
}

fn drove(happening: &Happening, for_ms: Option<u32>) -> (&'static str, Shade, String) {
    let symbol = match happening {
        Happening::Lock { energised: true, .. } | Happening::Latch { energised: true, .. } => "●",
        Happening::Led { on: true, .. } | Happening::Buzzer { on: true } | Happening::Lamp { shows: Some(_) } => "◦",
        _ => "○",
    };
    let bound = for_ms.map(|ms| format!(" For {} s at most.", f64::from(ms) / 1000.0)).unwrap_or_default();
    (symbol, Shade::Relay, format!("{happening}{bound}"))
}

fn shown(message: &Message) -> String {
    format!("“{message}”")
}

const fn sounded(sound: Sound) -> &'static str {
    match sound {
        Sound::Next => "a tick (next, please)",
        Sound::Granted => "one long (unlocked)",
        Sound::Refused => "three short (refused)",
        Sound::WrongKey => "three long (wrong key)",
        Sound::CloseDoor => "two long (close the door)",
        Sound::Alarm => "the alarm",
        Sound::Sleeping => "one long, two short (going to sleep)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cabinet::types::SlotNo;
    use crate::cli::demo::people::Sample;
    use crate::io::sim::hardware::KeyNo;

    fn line(told: Told) -> String {
        let sample = Sample::new(7, 24);
        Names::of(sample.people.iter().map(|person| &person.user), &sample.keys).line(&News::World(told)).2
    }

    #[test]
    fn an_onlooker_reads_names_and_no_secrets() {
        assert_eq!(line(Told::Badge("1004".into())), "The badge of Maintenance 1 is held to the reader.");
        assert_eq!(line(Told::Badge("9".into())), "The badge of somebody unknown is held to the reader.");
        assert_eq!(line(Told::Tag("70007".into())), "The tag of Unit 204 is held to the reader.");
        assert_eq!(line(Told::Pin { digits: 6 }), "A PIN is typed: ••••••");
        let taken = Happening::Taken { slot: SlotNo(7), key: KeyNo(7), label: "Unit 204".into() };
        assert_eq!(line(Told::Did(taken)), "Unit 204 (key 7) taken out of slot 7.");
    }

    #[test]
    fn a_slow_terminal_loses_lines_and_nothing_else() {
        let (lines, held) = sync_channel(WAITING);
        let teller = Teller { lines, dropped: Arc::new(AtomicU64::new(0)), thread: Arc::new(Mutex::new(None)) };
        for _ in 0..WAITING + 5 {
            teller.tell(News::Ending);
        }
        assert_eq!(teller.dropped.load(Ordering::Relaxed), 5);
        drop(held);
        teller.finish();
    }
}
