//! The whole way: people's words → bench → hardware socket → the daemon's line backend, and back. Over real sockets.

use super::*;
use crate::cabinet::Event;
use crate::cabinet::settings::Settings;
use crate::cabinet::types::{DoorNo, Input as Line, SlotNo};
use crate::io::lines::{LineError, Outputs};
use crate::io::sim::board;
use crate::io::sim::hardware::KeyNo;
use crate::io::sim::lines::connect;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::time::timeout;

const LOCK: Output = Output::Lock(DoorNo(1));
const DOOR: DoorNo = DoorNo(1);

struct Rig {
    folder: tempfile::TempDir,
    inputs: mpsc::Sender<Input>,
    told: Arc<Mutex<Vec<Told>>>,
}

fn rig() -> Rig {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("hardware.json");
    let labels = (1..=24).map(|n| (KeyNo(n), format!("Unit {n}"))).collect();
    let hardware = kept(&file).expect("readable").unwrap_or_else(|| Hardware::new(&Settings::plain(24, 6), labels));
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = Arc::clone(&told);
    let bench = Bench::new(hardware, None, file, move |news| telling.lock().expect("no panic").push(news));
    let (inputs, waiting) = mpsc::channel(64);
    tokio::spawn(bench.run(waiting));
    let listen = |name: &str| board::listen(&folder.path().join(name)).expect("a socket");
    tokio::spawn(board::serve_daemon(listen("hardware.sock"), inputs.clone()));
    tokio::spawn(board::serve_people(listen("sim.sock"), inputs.clone()));
    Rig { folder, inputs, told }
}

impl Rig {
    fn daemon(&self) -> (Outputs, mpsc::Receiver<Event>) {
        let (tx, events) = mpsc::channel(64);
        (connect(&self.folder.path().join("hardware.sock"), tx), events)
    }

    async fn person(&self, word: Word) -> Reply {
        let (reply, answer) = oneshot::channel();
        self.inputs.send(Input::Person { word, reply }).await.expect("the bench works");
        answer.await.expect("an answer")
    }

    async fn status(&self) -> Status {
        match self.person(Word::Status).await {
            Reply::Status(status) => *status,
            other => panic!("{other:?}"),
        }
    }

    async fn until(&self, what: impl Fn(&Status) -> bool) {
        let look = async {
            while !what(&self.status().await) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(5), look).await.expect("within 5 s");
    }
}

async fn event(events: &mut mpsc::Receiver<Event>) -> Event {
    timeout(Duration::from_secs(5), events.recv()).await.expect("within 5 s").expect("an event")
}

#[tokio::test]
async fn a_visit_from_badge_to_closed_door() {
    let rig = rig();
    let (outputs, mut events) = rig.daemon();
    assert!(matches!(event(&mut events).await, Event::LinesRead(lines) if lines.len() == 25));
    assert!(matches!(rig.person(Word::Badge("1004".into())).await, Reply::Done(_)));
    assert!(matches!(event(&mut events).await, Event::CodeRead(_)));
    outputs.show(Message::EnterPin).await.expect("there is a display");
    assert_eq!(rig.status().await.display.as_deref(), Some("Enter your PIN."));

    assert!(matches!(rig.person(Word::Act(Act::Open { door: DOOR })).await, Reply::Refused(_)));
    outputs.set(LOCK, Level::Active, Some(5_000)).await.expect("the relay moves");
    assert!(matches!(rig.person(Word::Act(Act::Open { door: DOOR })).await, Reply::Done(_)));
    assert_eq!(event(&mut events).await, Event::LineChanged { input: Line::Door(DOOR), level: Level::Inactive });
    assert!(matches!(rig.person(Word::Act(Act::Take { slot: SlotNo(7) })).await, Reply::Done(_)));
    assert_eq!(event(&mut events).await, Event::LineChanged { input: Line::Slot(SlotNo(7)), level: Level::Inactive });
    assert_eq!(rig.person(Word::Hand).await, Reply::Done("In hand: Unit 7 (key 7).".into()));
    outputs.set(LOCK, Level::Inactive, None).await.expect("the relay moves");
    assert!(matches!(rig.person(Word::Act(Act::Close { door: DOOR })).await, Reply::Done(_)));
    assert_eq!(event(&mut events).await, Event::LineChanged { input: Line::Door(DOOR), level: Level::Active });
    let told = rig.told.lock().expect("no panic").clone();
    assert!(told.contains(&Told::Did(Happening::DoorClosed { door: DOOR, locked: true })), "{told:?}");
}

#[tokio::test]
async fn a_killed_daemon_leaves_its_relay_on_and_the_next_one_drives_it_off() {
    let rig = rig();
    // A daemon that dies without a word: the socket closes, nothing is released.
    let mut killed = UnixStream::connect(rig.folder.path().join("hardware.sock")).await.expect("the hardware listens");
    let order = Order::Set { output: LOCK, level: Level::Active, for_ms: Some(200) };
    super::super::wire::send(&mut killed, &ToHardware { id: 1, order }).await.expect("sent");
    rig.until(|status| status.doors[0].lock).await;
    drop(killed);
    rig.until(|status| !status.daemon).await;
    // Long after the pulse would have ended: nobody is there to end it, as on a real board.
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(rig.status().await.doors[0].lock);
    assert!(rig.told.lock().expect("no panic").contains(&Told::DaemonGone { energised: vec![LOCK] }));
    // The cabinet stays usable by hand meanwhile, and the new daemon finds it as it is.
    assert!(matches!(rig.person(Word::Badge("1004".into())).await, Reply::Refused(_)));
    assert!(matches!(rig.person(Word::Act(Act::Open { door: DOOR })).await, Reply::Done(_)));
    assert!(matches!(rig.person(Word::Act(Act::Take { slot: SlotNo(7) })).await, Reply::Done(_)));
    let (_outputs, mut events) = rig.daemon();
    let Event::LinesRead(lines) = event(&mut events).await else { panic!("the picture comes first") };
    assert!(lines.contains(&(Line::Slot(SlotNo(7)), Level::Inactive)));
    assert!(lines.contains(&(Line::Door(DOOR), Level::Inactive)));
    rig.until(|status| !status.doors[0].lock).await;
}

#[tokio::test]
async fn faults_reach_the_daemon_as_faults() {
    let rig = rig();
    let (outputs, mut events) = rig.daemon();
    event(&mut events).await;
    rig.person(Word::Act(Act::LockFault { door: DOOR, broken: true })).await;
    let set = outputs.set(LOCK, Level::Active, Some(1_000)).await;
    assert_eq!(set, Err(LineError::Failed("the relay did not move".into())));
    rig.person(Word::Act(Act::ReaderFault { broken: true })).await;
    assert!(matches!(rig.person(Word::Pin("482913".into())).await, Reply::Refused(_)));
    assert!(events.try_recv().is_err(), "nothing was heard");
    assert!(matches!(rig.person(Word::Mains { on: false }).await, Reply::Refused(_)), "there is no UPS on this bench");
    outputs.read_lines().await.expect("the hardware reads");
    assert!(matches!(event(&mut events).await, Event::LinesRead(lines) if lines.len() == 25));
}

#[tokio::test]
async fn the_physical_state_is_kept_after_each_change() {
    let rig = rig();
    rig.person(Word::Act(Act::Force { door: DOOR })).await;
    rig.person(Word::Act(Act::Take { slot: SlotNo(7) })).await;
    let stored = kept(&rig.folder.path().join("hardware.json")).expect("readable").expect("kept");
    assert_eq!(stored.hand().map(|(key, _)| key).collect::<Vec<_>>(), [KeyNo(7)]);
    assert!(stored.doors().all(|door| door.open));
    std::fs::write(rig.folder.path().join("hardware.json"), "{").expect("written");
    assert!(kept(&rig.folder.path().join("hardware.json")).is_err(), "a damaged file is not a full cabinet");
}

#[tokio::test]
async fn what_is_no_word_gets_an_answer_and_an_end() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let rig = rig();
    let mut stream = UnixStream::connect(rig.folder.path().join("sim.sock")).await.expect("it listens");
    stream.write_all(b"open sesame\n").await.expect("sent");
    let mut answer = String::new();
    timeout(Duration::from_secs(5), stream.read_to_string(&mut answer)).await.expect("in time").expect("text");
    assert!(answer.contains("refused") && answer.contains("cabinetd sim"), "{answer}");
}
