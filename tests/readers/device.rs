//! One reader: recognised, grabbed, heard, unplugged, plugged in again.

use crate::chip::rounds;
use crate::keyboard::{Keyboard, keys};
use cabinetd::cabinet::Event;
use cabinetd::io::readers;
use cabinetd::io::readers::wanted::{By, Kind, Layout, Wanted};
use evdev::Device;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

fn wanted(kind: Kind, by: By) -> Wanted {
    Wanted { kind, by, layout: Layout::Us, pause_ms: kind.usual_pause_ms() }
}

fn named(kind: Kind, name: &str) -> Wanted {
    wanted(kind, By { name: Some(name.into()), ..By::default() })
}

fn start(wanted: &[Wanted]) -> mpsc::Receiver<Event> {
    let (events, queue) = mpsc::channel(16);
    readers::start(wanted, events);
    queue
}

/// The next code or group; none within two seconds.
async fn next(events: &mut mpsc::Receiver<Event>) -> Option<String> {
    loop {
        match timeout(Duration::from_secs(2), events.recv()).await.ok()?? {
            Event::CodeRead(code) => return Some(format!("code {}", code.expose())),
            Event::DigitsTyped(digits) => return Some(format!("digits {}", digits.expose())),
            Event::PadTouched => {}
            other => return Some(format!("{other:?}")),
        }
    }
}

/// Somebody else at the same device.
fn other(node: &Path) -> Device {
    let device = Device::open(node).expect("it can be opened by more than one");
    device.set_nonblocking(true).expect("set");
    device
}

fn hears_anything(other: &mut Device) -> bool {
    match other.fetch_events() {
        Ok(events) => events.count() > 0,
        Err(error) if error.kind() == ErrorKind::WouldBlock => false,
        Err(error) => panic!("{error}"),
    }
}

/// Time enough for what was plugged in to be taken.
async fn settle() {
    sleep(Duration::from_millis(1_500)).await;
}

#[tokio::test]
#[ignore = "runs in the rig"]
async fn a_code_comes_out_and_nobody_else_sees_its_keys() {
    let mut keyboard = Keyboard::plug("Rig Badge", (0x08ff, 0x0009));
    let mut other = other(&keyboard.node());
    keyboard.types("1");
    sleep(Duration::from_millis(200)).await;
    assert!(hears_anything(&mut other), "before it is grabbed everybody hears");
    let mut events = start(&[named(Kind::Badge, "Rig Badge")]);
    settle().await;
    keyboard.types("4471209985");
    assert_eq!(next(&mut events).await.as_deref(), Some("code 4471209985"));
    assert!(!hears_anything(&mut other), "it is the daemon's alone");
    drop(events);
    settle().await;
    keyboard.types("1");
    sleep(Duration::from_millis(200)).await;
    assert!(hears_anything(&mut other), "given back");
}

#[tokio::test]
#[ignore = "runs in the rig"]
async fn unplugged_and_plugged_in_again() {
    let mut events = start(&[named(Kind::Badge, "Rig Badge")]);
    settle().await;
    for round in 0..3 * rounds() {
        // Not there at first; then another one each time, on another node as like as not.
        let mut keyboard = Keyboard::plug("Rig Badge", (0x08ff, 0x0009));
        settle().await;
        keyboard.types(&format!("100{round}"));
        assert_eq!(next(&mut events).await, Some(format!("code 100{round}")));
        // Pulled out in the middle of a code.
        keyboard.presses(&keys("99")[..2], Duration::from_millis(2));
        drop(keyboard);
        settle().await;
    }
}

#[tokio::test]
#[ignore = "runs in the rig"]
async fn each_is_known_by_what_is_said_of_it() {
    let mut badge = Keyboard::plug("Rig Twin", (0x08ff, 0x0009));
    let mut pad = Keyboard::plug("Rig Twin", (0x08ff, 0x0009));
    let mut both = Keyboard::plug("Rig Both", (0x04d9, 0x1203));
    let by_path = |keyboard: &mut Keyboard| By { path: Some(keyboard.node()), ..By::default() };
    let by_id = By { id: Some((0x04d9, 0x1203)), ..By::default() };
    let readers = [
        wanted(Kind::Badge, by_path(&mut badge)),
        wanted(Kind::Keypad, By { name: Some("Rig Twin".into()), ..by_path(&mut pad) }),
        wanted(Kind::Both, by_id),
    ];
    let mut events = start(&readers);
    settle().await;
    badge.types("1001");
    assert_eq!(next(&mut events).await.as_deref(), Some("code 1001"));
    pad.is_typed_on("22");
    assert_eq!(next(&mut events).await.as_deref(), Some("digits 22"));
    both.types("1003");
    assert_eq!(next(&mut events).await.as_deref(), Some("code 1003"));
    both.is_typed_on("482913");
    assert_eq!(next(&mut events).await.as_deref(), Some("digits 482913"));
}

/// The description fits both: neither is taken, until one of them goes.
#[tokio::test]
#[ignore = "runs in the rig"]
async fn of_twins_neither_is_taken() {
    let mut first = Keyboard::plug("Rig Twin", (1, 1));
    let second = Keyboard::plug("Rig Twin", (1, 1));
    let mut events = start(&[named(Kind::Badge, "Rig Twin")]);
    settle().await;
    first.types("1001");
    assert_eq!(next(&mut events).await, None);
    drop(second);
    settle().await;
    first.types("1002");
    assert_eq!(next(&mut events).await.as_deref(), Some("code 1002"));
}

#[tokio::test]
#[ignore = "runs in the rig"]
async fn one_that_another_program_has_is_taken_when_it_lets_go() {
    let mut keyboard = Keyboard::plug("Rig Badge", (1, 1));
    let mut thief = other(&keyboard.node());
    thief.grab().expect("it has it");
    let mut events = start(&[named(Kind::Badge, "Rig Badge")]);
    settle().await;
    keyboard.types("1001");
    assert_eq!(next(&mut events).await, None);
    thief.ungrab().expect("it lets go");
    sleep(Duration::from_secs(5)).await;
    keyboard.types("1002");
    assert_eq!(next(&mut events).await.as_deref(), Some("code 1002"));
}

/// More keys than the kernel keeps, while nobody reads: what is left of them is no code.
#[tokio::test]
#[ignore = "runs in the rig"]
async fn keys_that_the_kernel_dropped_make_no_code() {
    let mut keyboard = Keyboard::plug("Rig Badge", (1, 1));
    let mut events = start(&[named(Kind::Badge, "Rig Badge")]);
    settle().await;
    // This thread is the one that reads, too: while it types nobody does.
    // Of so many, some are left before the last ones: 64 events are kept, four for each key.
    for count in [390, 397] {
        keyboard.presses(&vec![evdev::KeyCode::KEY_7; count], Duration::ZERO);
        keyboard.types("7777");
        assert_eq!(next(&mut events).await, None, "{count}");
    }
    keyboard.types("1002");
    assert_eq!(next(&mut events).await.as_deref(), Some("code 1002"));
}

/// Times that a thread of this process was woken, all threads together.
fn wakes() -> u64 {
    let threads = fs::read_dir("/proc/self/task").expect("there are threads");
    let count = |text: String| {
        let line = text.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.and_then(|count| count.trim().parse::<u64>().ok()).unwrap_or(0)
    };
    threads.filter_map(|thread| Some(count(fs::read_to_string(thread.ok()?.path().join("status")).ok()?))).sum()
}

/// One reader that is there and one that is not: nothing wakes while nothing happens.
#[tokio::test]
#[ignore = "runs in the rig"]
async fn an_idle_reader_wakes_nobody() {
    let _keyboard = Keyboard::plug("Rig Badge", (1, 1));
    let _events = start(&[named(Kind::Badge, "Rig Badge"), named(Kind::Keypad, "Rig Missing")]);
    sleep(Duration::from_secs(5)).await;
    let before = wakes();
    sleep(Duration::from_secs(20)).await;
    let woken = wakes() - before;
    // The end of this test's own sleep, and what reads these figures.
    assert!(woken <= 4, "woken {woken} times in 20 s");
}
