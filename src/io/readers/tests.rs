//! Readers on scripted devices: found, taken, heard, lost, found again.

use super::found::{Fit, Found, look};
use super::port::{Claim, Ear, Heard, Port, PortError};
use super::typing::Stroke;
use super::wanted::{By, Kind, Layout, Wanted};
use super::watch::Watch;
use crate::cabinet::Event;
use evdev::KeyCode;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

fn badge() -> Wanted {
    wanted(Kind::Badge, By { name: Some("Badge".into()), ..By::default() })
}

fn wanted(kind: Kind, by: By) -> Wanted {
    Wanted { kind, by, layout: Layout::Us, pause_ms: kind.usual_pause_ms() }
}

fn device(event: &str, name: &str, port: &str) -> Found {
    Found {
        node: Path::new("/dev/input").join(event),
        name: name.to_owned(),
        phys: port.to_owned(),
        id: (0x0c27, 0x3bfa),
        links: Vec::new(),
        digits: true,
        ends: true,
    }
}

// ---------------------------------------------------------------- which one

#[test]
fn a_description_fits_by_all_that_it_says() {
    let devices = [
        device("event0", "Badge", "usb-1.1/input0"),
        device("event1", "Pad ", "usb-1.2/input0"),
        Found { digits: false, ..device("event2", "Pad", "usb-1.2/input1") },
        Found {
            id: (1, 2),
            links: vec!["/dev/input/by-id/pad-kbd".into()],
            ..device("event3", "Pad", "usb-1.3/input0")
        },
        Found { ends: false, ..device("event4", "Buttons", "") },
    ];
    let name = |name: &str| By { name: Some(name.into()), ..By::default() };
    let of = |by: By| match wanted(Kind::Keypad, by).fit(&devices) {
        Fit::One(one) => one.node.display().to_string(),
        Fit::Nothing => "nothing".into(),
        Fit::Several(devices) => format!("{} of them", devices.len()),
        Fit::Mute(devices) => format!("{} mute", devices.len()),
    };
    assert_eq!(of(name("Badge")), "/dev/input/event0");
    assert_eq!(of(name("badge")), "nothing", "as the kernel calls it");
    assert_eq!(of(name("Pad")), "2 of them", "the interface without keys does not count");
    assert_eq!(of(By { port: Some("usb-1.2".into()), ..name("Pad") }), "/dev/input/event1");
    assert_eq!(of(By { port: Some("usb-1".into()), ..name("Pad") }), "nothing", "no part of a port's name");
    assert_eq!(of(By { id: Some((1, 2)), ..By::default() }), "/dev/input/event3");
    assert_eq!(of(By { id: Some((1, 2)), ..name("Badge") }), "nothing");
    assert_eq!(of(By { path: Some("/dev/input/by-id/pad-kbd".into()), ..By::default() }), "/dev/input/event3");
    assert_eq!(of(By { path: Some("/dev/input/event1".into()), ..By::default() }), "/dev/input/event1");
    assert_eq!(of(name("Buttons")), "1 mute");
    for fit in [wanted(Kind::Badge, name("Pad")).fit(&devices), wanted(Kind::Keypad, name("Buttons")).fit(&devices)] {
        let (what, remedy) = fit.trouble(Kind::Keypad).expect("nothing is taken");
        assert!(what.contains("/dev/input/event") && !remedy.is_empty(), "{what}");
    }
}

#[test]
fn devices_are_found_as_the_kernel_shows_them() {
    let root = tempfile::tempdir().expect("a folder");
    assert_eq!(look(root.path()), []);
    let input = |event: &str, name: &str, keys: &[u16]| {
        let dir = root.path().join("sys/class/input").join(event).join("device");
        fs::create_dir_all(dir.join("id")).expect("made");
        fs::create_dir_all(dir.join("capabilities")).expect("made");
        // Words of the kernel's `long`, the highest first, without those that are 0 at its begin.
        let mut words = [0_usize; 12];
        for key in keys {
            words[usize::from(*key) / usize::BITS as usize] |= 1 << (u32::from(*key) % usize::BITS);
        }
        let words: Vec<String> =
            words.iter().rev().skip_while(|word| **word == 0).map(|word| format!("{word:x}")).collect();
        let write = |file: &str, text: &str| fs::write(dir.join(file), format!("{text}\n")).expect("written");
        write("name", name);
        write("phys", "usb-0000:01:00.0-1.3/input0");
        write("id/vendor", "0c27");
        write("id/product", "3bfa");
        write("capabilities/key", &words.join(" "));
    };
    let top: Vec<u16> = (2..=11).chain([28]).collect();
    let phone: Vec<u16> = (0x200..=0x209).chain([0x20b]).collect();
    input("event10", "Badge", &top);
    input("event2", "Mouse", &[0x110, 0x111]);
    input("event3", "Nine", &[2, 3, 4, 5, 6, 7, 8, 9, 10, 28]);
    input("event4", "Phone", &phone);
    fs::create_dir_all(root.path().join("sys/class/input/mouse0")).expect("made");
    let links = root.path().join("dev/input/by-id");
    fs::create_dir_all(&links).expect("made");
    symlink("../event10", links.join("usb-badge-event-kbd")).expect("linked");
    let found = look(root.path());
    let seen: Vec<(String, bool, bool)> =
        found.iter().map(|found| (found.node.display().to_string(), found.digits, found.ends)).collect();
    let is = |node: &str, digits, ends| (format!("/dev/input/{node}"), digits, ends);
    assert_eq!(
        seen,
        [is("event2", false, false), is("event3", false, true), is("event4", true, true), is("event10", true, true)]
    );
    let badge = Found {
        links: vec!["/dev/input/by-id/usb-badge-event-kbd".into()],
        ..device("event10", "Badge", "usb-0000:01:00.0-1.3/input0")
    };
    assert_eq!(found[3], badge);
}

// ---------------------------------------------------------------- taken, lost, taken again

/// What is plugged in, and who has it.
#[derive(Default)]
struct Desk {
    devices: Vec<Found>,
    refused: BTreeMap<PathBuf, PortError>,
    ears: BTreeMap<PathBuf, Ear>,
    looks: usize,
    claims: Vec<Instant>,
}

#[derive(Clone, Default)]
struct Script {
    desk: Arc<Mutex<Desk>>,
    changes: Arc<Mutex<Option<mpsc::Sender<()>>>>,
}

impl Port for Script {
    fn look(&mut self) -> Vec<Found> {
        let mut desk = self.desk.lock().expect("whole");
        desk.looks += 1;
        desk.devices.clone()
    }

    fn claim(&mut self, node: &Path, ear: Ear) -> Result<Claim, PortError> {
        let mut desk = self.desk.lock().expect("whole");
        desk.claims.push(Instant::now());
        if let Some(why) = desk.refused.get(node) {
            return Err(why.clone());
        }
        desk.ears.insert(node.to_owned(), ear);
        Ok(Claim(tokio::spawn(std::future::pending::<()>()).abort_handle()))
    }

    fn changes(&mut self) -> mpsc::Receiver<()> {
        let (sender, receiver) = mpsc::channel(1);
        *self.changes.lock().expect("whole") = Some(sender);
        receiver
    }
}

impl Script {
    fn start(&self, wanted: &[Wanted]) -> mpsc::Receiver<Event> {
        let (events, queue) = mpsc::channel(16);
        tokio::spawn(Watch::new(wanted, Box::new(self.clone()), events).run());
        queue
    }

    fn desk<T>(&self, change: impl FnOnce(&mut Desk) -> T) -> T {
        change(&mut self.desk.lock().expect("whole"))
    }

    /// The kernel says that something changed, and everybody has had the time to look.
    async fn told(&self) {
        let sender = self.changes.lock().expect("whole").clone().expect("it is asked for");
        sender.send(()).await.expect("somebody listens");
        sleep(Duration::from_secs(2)).await;
    }

    async fn says(&self, node: &str, heard: Heard) -> bool {
        let ear = self.desk(|desk| desk.ears.get(Path::new(node)).cloned()).expect("it was taken");
        ear.hear(heard).await
    }

    async fn types(&self, node: &str, keys: &[KeyCode]) {
        for (index, key) in keys.iter().enumerate() {
            let stroke = Stroke { key: *key, pressed: true, at_ms: 1_000 + index as u64 * 10 };
            assert!(self.says(node, Heard::Stroke(stroke)).await);
        }
    }

    fn holds(&self, node: &str) -> bool {
        self.desk(|desk| desk.ears.contains_key(Path::new(node)))
    }
}

async fn next(events: &mut mpsc::Receiver<Event>) -> Option<String> {
    match timeout(Duration::from_millis(500), events.recv()).await.ok()?? {
        Event::CodeRead(code) => Some(code.expose().to_owned()),
        other => Some(format!("{other:?}")),
    }
}

const CODE: [KeyCode; 5] = [KeyCode::KEY_1, KeyCode::KEY_0, KeyCode::KEY_0, KeyCode::KEY_4, KeyCode::KEY_ENTER];
const EVENT0: &str = "/dev/input/event0";
const EVENT5: &str = "/dev/input/event5";

#[tokio::test(start_paused = true)]
async fn a_reader_is_taken_unplugged_and_taken_again() {
    let script = Script::default();
    script.desk(|desk| desk.devices = vec![device("event0", "Badge", "a")]);
    let mut events = script.start(&[badge()]);
    sleep(Duration::from_secs(1)).await;
    script.types(EVENT0, &CODE).await;
    assert_eq!(next(&mut events).await.as_deref(), Some("1004"));

    // Pulled out in the middle of a code, and plugged in elsewhere.
    script.types(EVENT0, &CODE[..3]).await;
    let old = script.desk(|desk| {
        desk.devices.clear();
        desk.ears.remove(Path::new(EVENT0)).expect("it was taken")
    });
    assert!(old.hear(Heard::Gone("it was unplugged".into())).await);
    script.told().await;
    script.desk(|desk| desk.devices = vec![device("event5", "Badge", "b")]);
    script.told().await;
    // What the old one still says is nobody's.
    assert!(old.hear(Heard::Stroke(Stroke { key: KeyCode::KEY_9, pressed: true, at_ms: 1 })).await);
    script.types(EVENT5, &CODE).await;
    assert_eq!(next(&mut events).await.as_deref(), Some("1004"), "whole, and nothing of the half one");
    assert_eq!(next(&mut events).await, None);
}

/// While a reader is missing nobody looks until the kernel says that something was plugged in.
#[tokio::test(start_paused = true)]
async fn nothing_is_polled() {
    let script = Script::default();
    let _events = script.start(&[badge()]);
    sleep(Duration::from_secs(1)).await;
    let looks = script.desk(|desk| desk.looks);
    sleep(Duration::from_secs(3_600)).await;
    assert_eq!((looks, script.desk(|desk| desk.looks)), (1, 1));
    script.desk(|desk| desk.devices = vec![device("event0", "Badge", "a")]);
    script.told().await;
    assert!(script.holds(EVENT0));
    sleep(Duration::from_secs(3_600)).await;
    assert_eq!(script.desk(|desk| desk.looks), 2);
}

#[tokio::test(start_paused = true)]
async fn one_that_somebody_else_has_is_tried_again_ever_more_seldom() {
    let script = Script::default();
    script.desk(|desk| {
        desk.devices = vec![device("event0", "Badge", "a")];
        desk.refused.insert(EVENT0.into(), PortError::Taken { node: EVENT0.into() });
    });
    let mut events = script.start(&[badge()]);
    sleep(Duration::from_secs(600)).await;
    let claims = script.desk(|desk| desk.claims.clone());
    let gaps: Vec<u64> = claims.windows(2).map(|pair| (pair[1] - pair[0]).as_secs()).collect();
    assert_eq!(gaps[..8], [1, 2, 4, 8, 16, 32, 60, 60], "{gaps:?}");
    script.desk(|desk| desk.refused.clear());
    sleep(Duration::from_secs(61)).await;
    script.types(EVENT0, &CODE).await;
    assert_eq!(next(&mut events).await.as_deref(), Some("1004"));
}

#[tokio::test(start_paused = true)]
async fn of_two_that_fit_neither_is_taken() {
    let script = Script::default();
    script.desk(|desk| desk.devices = vec![device("event0", "Badge", "a"), device("event5", "Badge", "b")]);
    let _events = script.start(&[badge()]);
    sleep(Duration::from_secs(100)).await;
    assert!(!script.holds(EVENT0) && !script.holds(EVENT5));
    script.desk(|desk| desk.devices.truncate(1));
    script.told().await;
    assert!(script.holds(EVENT0));
}

#[tokio::test(start_paused = true)]
async fn one_device_is_not_two_readers() {
    let script = Script::default();
    script.desk(|desk| desk.devices = vec![device("event0", "Badge", "a")]);
    let by_port = wanted(Kind::Keypad, By { port: Some("a".into()), ..By::default() });
    let _events = script.start(&[badge(), by_port]);
    sleep(Duration::from_secs(100)).await;
    assert!(!script.holds(EVENT0));
}

#[tokio::test(start_paused = true)]
async fn half_a_code_is_wiped_when_nobody_goes_on_and_when_keys_were_lost() {
    let script = Script::default();
    script.desk(|desk| desk.devices = vec![device("event0", "Badge", "a")]);
    let mut events = script.start(&[badge()]);
    sleep(Duration::from_secs(1)).await;
    // The same moment by the kernel's clock: only the pause itself forgets.
    script.types(EVENT0, &CODE[..2]).await;
    sleep(Duration::from_millis(1_100)).await;
    script.types(EVENT0, &CODE).await;
    assert_eq!(next(&mut events).await.as_deref(), Some("1004"));
    script.types(EVENT0, &CODE[..2]).await;
    // Nobody knows where the next one begins: what comes may be the rest of this one.
    assert!(script.says(EVENT0, Heard::Lost).await);
    script.types(EVENT0, &CODE).await;
    assert_eq!(next(&mut events).await, None);
    script.types(EVENT0, &CODE).await;
    assert_eq!(next(&mut events).await.as_deref(), Some("1004"));
    // Or it was whole, and only its end was lost.
    assert!(script.says(EVENT0, Heard::Lost).await);
    sleep(Duration::from_millis(1_100)).await;
    script.types(EVENT0, &CODE).await;
    assert_eq!(next(&mut events).await.as_deref(), Some("1004"));
}

/// A queue that is full costs that code, not the reader.
#[tokio::test(start_paused = true)]
async fn a_full_queue_stops_nothing() {
    let script = Script::default();
    script.desk(|desk| desk.devices = vec![device("event0", "Badge", "a")]);
    let (events, mut queue) = mpsc::channel(1);
    tokio::spawn(Watch::new(&[badge()], Box::new(script.clone()), events).run());
    sleep(Duration::from_secs(1)).await;
    script.types(EVENT0, &CODE).await;
    script.types(EVENT0, &CODE).await;
    sleep(Duration::from_millis(10)).await;
    assert_eq!(next(&mut queue).await.as_deref(), Some("1004"));
    script.types(EVENT0, &CODE).await;
    assert_eq!(next(&mut queue).await.as_deref(), Some("1004"));
    assert_eq!(next(&mut queue).await, None);
}
