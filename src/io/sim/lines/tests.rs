//! The backend against a fake hardware socket, over a real Unix socket.

use super::*;
use crate::cabinet::outcome::Message;
use crate::cabinet::types::{DoorNo, Input, Output, SlotNo};
use crate::io::lines::LONGEST_PULSE_MS;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixListener;

const LOCK: Output = Output::Lock(DoorNo(1));
const SLOT: Input = Input::Slot(SlotNo(7));

struct Fake {
    _folder: tempfile::TempDir,
    listener: UnixListener,
    outputs: Outputs,
    events: mpsc::Receiver<Event>,
}

/// One connection of the backend, seen from the hardware.
struct Seen {
    lines: Lines<OwnedReadHalf>,
    out: OwnedWriteHalf,
}

fn fake(queue: usize) -> Fake {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("hardware.sock");
    let listener = UnixListener::bind(&socket).expect("a socket");
    let (tx, events) = mpsc::channel(queue);
    Fake { _folder: folder, listener, outputs: connect(&socket, tx), events }
}

impl Fake {
    async fn accept(&self) -> Seen {
        let (stream, _) = within(self.listener.accept()).await.expect("a connection");
        let (read, out) = stream.into_split();
        let mut seen = Seen { lines: Lines::new(read), out };
        let first = seen.order().await;
        assert!(matches!(first.order, Order::Release(_)), "the first thing on each connection: {first:?}");
        seen.say(&FromHardware::Done(first.id)).await;
        seen
    }

    async fn event(&mut self) -> Event {
        within(self.events.recv()).await.expect("an event")
    }
}

impl Seen {
    async fn order(&mut self) -> ToHardware {
        within(self.lines.next()).await.expect("a line").expect("an order")
    }

    async fn say(&mut self, said: &FromHardware) {
        send(&mut self.out, said).await.expect("the backend reads");
    }

    /// Acknowledges the next order and gives it back.
    async fn done(&mut self) -> Order {
        let ToHardware { id, order } = self.order().await;
        self.say(&FromHardware::Done(id)).await;
        order
    }
}

async fn within<T>(what: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(5), what).await.expect("within 5 s")
}

fn picture() -> FromHardware {
    FromHardware::Picture(vec![(SLOT, Level::Active), (Input::Door(DoorNo(1)), Level::Active)])
}

fn off() -> Order {
    Order::Set { output: LOCK, level: Level::Inactive, for_ms: None }
}

#[tokio::test]
async fn the_picture_comes_first_then_edges_and_codes() {
    let mut fake = fake(16);
    let mut hardware = fake.accept().await;
    hardware.say(&picture()).await;
    hardware.say(&FromHardware::Code(" 1004\n".into())).await;
    hardware.say(&FromHardware::Login("77".into())).await;
    hardware.say(&FromHardware::Pin("482913".into())).await;
    hardware.say(&FromHardware::Cancel(true)).await;
    hardware.say(&FromHardware::Line { input: SLOT, level: Level::Inactive }).await;
    let expected = [
        Event::LinesRead(vec![(SLOT, Level::Active), (Input::Door(DoorNo(1)), Level::Active)]),
        Event::CodeRead(Code::new("1004")),
        Event::LoginTyped(Code::new("77")),
        Event::PinTyped(Pin::new("482913")),
        Event::CancelPressed,
        Event::LineChanged { input: SLOT, level: Level::Inactive },
    ];
    for event in expected {
        assert_eq!(fake.event().await, event);
    }
}

#[tokio::test]
async fn the_driver_ends_a_pulse_by_itself() {
    let fake = fake(16);
    let mut hardware = fake.accept().await;
    let (set, seen) = tokio::join!(fake.outputs.set(LOCK, Level::Active, Some(150)), hardware.done());
    assert_eq!(set, Ok(()));
    assert_eq!(seen, Order::Set { output: LOCK, level: Level::Active, for_ms: Some(150) });
    let began = Instant::now();
    assert_eq!(hardware.done().await, off());
    let lasted = began.elapsed();
    assert!(lasted > Duration::from_millis(100) && lasted < Duration::from_secs(1), "{lasted:?}");
}

#[tokio::test]
async fn an_early_end_takes_the_timer_with_it() {
    let fake = fake(16);
    let mut hardware = fake.accept().await;
    for (level, for_ms) in [(Level::Active, Some(200)), (Level::Inactive, None), (Level::Active, Some(400))] {
        let (set, _) = tokio::join!(fake.outputs.set(LOCK, level, for_ms), hardware.done());
        assert_eq!(set, Ok(()));
    }
    // The first pulse's timer must not cut the second pulse short.
    let began = Instant::now();
    assert_eq!(hardware.done().await, off());
    assert!(began.elapsed() > Duration::from_millis(300), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_lock_is_never_energised_without_an_end() {
    let fake = fake(16);
    let mut hardware = fake.accept().await;
    assert_eq!(fake.outputs.set(LOCK, Level::Active, None).await, Err(LineError::Unbounded));
    assert_eq!(fake.outputs.set(Output::Latch(SlotNo(3)), Level::Active, None).await, Err(LineError::Unbounded));
    assert_eq!(fake.outputs.set(LOCK, Level::Fault, Some(1)).await, Err(LineError::NotALevel));
    let (set, seen) = tokio::join!(fake.outputs.set(LOCK, Level::Active, Some(u32::MAX)), hardware.done());
    assert_eq!(set, Ok(()));
    assert_eq!(seen, Order::Set { output: LOCK, level: Level::Active, for_ms: Some(LONGEST_PULSE_MS) });
}

#[tokio::test]
async fn a_relay_that_does_not_move_is_a_failure() {
    let fake = fake(16);
    let mut hardware = fake.accept().await;
    let failing = async {
        let id = hardware.order().await.id;
        hardware.say(&FromHardware::Failed { id, why: "the relay did not move".into() }).await;
    };
    let (set, ()) = tokio::join!(fake.outputs.set(LOCK, Level::Active, Some(1000)), failing);
    assert_eq!(set, Err(LineError::Failed("the relay did not move".into())));
}

#[tokio::test]
async fn silent_hardware_does_not_hold_an_order_for_ever() {
    let fake = fake(16);
    let mut hardware = fake.accept().await;
    let set = fake.outputs.set(LOCK, Level::Active, Some(60_000)).await;
    assert_eq!(set, Err(LineError::NoAnswer));
    assert!(matches!(hardware.order().await.order, Order::Set { .. }), "it was sent, once");
}

#[tokio::test]
async fn hardware_that_goes_leaves_nothing_readable_and_comes_back_whole() {
    let mut fake = fake(16);
    let mut hardware = fake.accept().await;
    hardware.say(&picture()).await;
    assert!(matches!(fake.event().await, Event::LinesRead(levels) if levels.len() == 2));
    // It takes an order with it.
    let going = async {
        hardware.order().await;
        drop(hardware);
    };
    let (set, ()) = tokio::join!(fake.outputs.set(LOCK, Level::Active, Some(300)), going);
    assert_eq!(set, Err(LineError::Lost));
    assert_eq!(fake.event().await, Event::LinesRead(Vec::new()));
    assert_eq!(fake.outputs.set(LOCK, Level::Active, Some(300)).await, Err(LineError::Away));
    // `accept` demands a release first; nothing of the old orders is repeated after it.
    let mut hardware = fake.accept().await;
    hardware.say(&picture()).await;
    assert!(matches!(fake.event().await, Event::LinesRead(levels) if levels.len() == 2));
    assert!(timeout(Duration::from_millis(400), hardware.lines.next::<ToHardware>()).await.is_err());
}

#[tokio::test]
async fn no_hardware_at_all_is_said_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("hardware.sock");
    let (tx, mut events) = mpsc::channel(4);
    let outputs = connect(&socket, tx);
    assert_eq!(within(events.recv()).await, Some(Event::LinesRead(Vec::new())));
    assert_eq!(outputs.show(Message::EnterPin).await, Err(LineError::Away));
    // It comes late, and is found.
    let listener = UnixListener::bind(&socket).expect("a socket");
    within(listener.accept()).await.expect("a connection");
    assert!(events.try_recv().is_err(), "it was said once");
}

#[tokio::test]
async fn a_full_queue_loses_edges_but_never_the_truth() {
    let mut fake = fake(2);
    let mut hardware = fake.accept().await;
    hardware.say(&picture()).await;
    for n in 0..501 {
        let level = if n % 2 == 0 { Level::Inactive } else { Level::Active };
        hardware.say(&FromHardware::Line { input: SLOT, level }).await;
    }
    hardware.say(&FromHardware::Code("1004".into())).await;
    // Orders still end while nobody takes events.
    let (shown, _) = tokio::join!(fake.outputs.show(Message::EnterPin), hardware.done());
    assert_eq!(shown, Ok(()));
    assert!(matches!(fake.event().await, Event::LinesRead(_)));
    let mut last = None;
    let mut pictures = 0;
    loop {
        match fake.event().await {
            Event::LineChanged { input, level } if input == SLOT => last = Some(level),
            Event::LinesRead(levels) => {
                pictures += 1;
                last = levels.iter().find(|(input, _)| *input == SLOT).map(|(_, level)| *level);
            }
            Event::CodeRead(_) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(pictures >= 1, "edges were lost, so a picture must follow");
    assert_eq!(last, Some(Level::Inactive), "what the line says at the end");
}

#[tokio::test]
async fn a_flood_without_line_ends_is_cut_off() {
    let mut fake = fake(16);
    let mut hardware = fake.accept().await;
    hardware.say(&picture()).await;
    fake.event().await;
    let flood = vec![b'{'; super::super::wire::LONGEST_LINE + 1];
    let _ = hardware.out.write_all(&flood).await;
    assert_eq!(fake.event().await, Event::LinesRead(Vec::new()));
    let mut hardware = fake.accept().await;
    // What is not the language ends a connection too: an edge could hide in it.
    let _ = hardware.out.write_all(b"{\"line\":{\"input\":{\"slot\":7}}}\n").await;
    assert_eq!(fake.event().await, Event::LinesRead(Vec::new()));
    fake.accept().await;
}

#[tokio::test]
async fn shutdown_and_the_last_handle_release_everything() {
    let fake = fake(16);
    let mut hardware = fake.accept().await;
    let (end, seen) = tokio::join!(fake.outputs.shutdown(), hardware.done());
    assert_eq!((end, seen), (Ok(()), Order::Release(true)));
    assert_eq!(fake.outputs.show(Message::EnterPin).await, Err(LineError::Away), "the backend has ended");

    let second = super::tests::fake(16);
    let mut hardware = second.accept().await;
    drop(second.outputs);
    assert_eq!(hardware.order().await.order, Order::Release(true));
}
