//! A whole cabinet in a folder: config, secrets, ledger, hardware that does what it is told, and the daemon beside it.

use crate::days::{Days, inputs, settings};
use crate::gauge::now;
use crate::store::{identity, opened};
use cabinetd::cabinet::outcome::Outcome;
use cabinetd::cabinet::types::{Level, Pin, PinHash};
use cabinetd::io::credentials::{Credentials, hash_pin};
use cabinetd::io::sim::wire::{FromHardware, Order, ToHardware};
use cabinetd::io::store::Store;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub const SLOTS: u16 = 24;
/// Records of one transaction while a ledger is made.
const BULK: usize = 200;

/// The folder of a cabinet.
pub struct Place {
    dir: std::path::PathBuf,
    pub credentials: Credentials,
}

impl Place {
    /// Makes config and secrets. `ask = "optional"`: the PIN is followed by the unlock.
    pub fn new(dir: &Path, ups: Option<(&str, u16)>) -> Self {
        fs::create_dir_all(dir.join("run")).expect("a folder");
        let ups = ups.map(|(name, port)| format!("[ups]\nname = \"{name}\"\nport = {port}\n")).unwrap_or_default();
        let config = format!(
            "[cabinet]\nsite = \"site\"\nname = \"cabinet-1\"\n\
             [paths]\nstate_dir = \"state\"\ncredentials_dir = \"credentials\"\nrun_dir = \"run\"\n\
             [lines]\nbackend = \"sim\"\n[slots]\ncount = {SLOTS}\ncolumns = 10\n[sessions]\nask = \"optional\"\n{ups}"
        );
        fs::write(dir.join("cabinetd.toml"), config).expect("a config");
        Credentials::create(&dir.join("credentials")).expect("secrets");
        let credentials = Credentials::load(&dir.join("credentials")).expect("secrets");
        Self { dir: dir.to_owned(), credentials }
    }

    /// The ledger is copied there, from the next start on.
    pub fn copy_to(&self, url: &str, ca: &Path) {
        let place = self.dir.join("cabinetd.toml");
        let config = fs::read_to_string(&place).expect("a config");
        let more =
            format!("[upstream]\nurl = \"{url}\"\nca_file = \"{}\"\ngather_ms = 0\nrequest_ms = 5000\n", ca.display());
        fs::write(&place, config + &more).expect("a config");
    }

    pub fn run_dir(&self) -> std::path::PathBuf {
        self.dir.join("run")
    }

    pub fn pin_hash(&self) -> PinHash {
        hash_pin(&self.credentials.pepper, &Pin::new(crate::days::PIN), None).expect("a hash")
    }

    /// Starts the daemon and waits until it says that it is ready: the process and how long that took.
    pub fn start(&self) -> (Daemon, Duration) {
        let notify = self.dir.join("run/ready.sock");
        let _ = fs::remove_file(&notify);
        let socket = UnixDatagram::bind(&notify).expect("a socket");
        socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out");
        let log = fs::File::create(self.dir.join("log")).expect("a log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_cabinetd"));
        command.arg("run").env("CABINETD_DIR", &self.dir).env("NOTIFY_SOCKET", &notify);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let begin = now();
        let daemon = Daemon(command.spawn().expect("the daemon starts"));
        let mut message = [0; 1024];
        loop {
            let Ok(length) = socket.recv(&mut message) else {
                panic!(
                    "the daemon does not get ready: {}",
                    fs::read_to_string(self.dir.join("log")).unwrap_or_default()
                );
            };
            if message[..length].split(|byte| *byte == b'\n').any(|line| line == b"READY=1") {
                return (daemon, begin.elapsed());
            }
        }
    }

    /// The simulated hardware, served until the bench ends.
    pub fn hardware(&self) -> Hardware {
        let path = self.dir.join("run/hardware.sock");
        let _ = fs::remove_file(&path);
        let listener = UnixListener::bind(path).expect("a socket");
        let (tell, orders) = channel();
        let daemon: Arc<Mutex<Option<UnixStream>>> = Arc::default();
        let shared = Arc::clone(&daemon);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.expect("a connection");
                *shared.lock().expect("not poisoned") = Some(stream.try_clone().expect("a second handle"));
                attend(&stream, &tell);
            }
        });
        Hardware { daemon, orders }
    }
}

/// The daemon's process, killed when it goes out of scope: a ledger must stand that.
pub struct Daemon(Child);

impl Daemon {
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Tells it to stop, and waits.
    pub fn stop(mut self) {
        let pid = Pid::from_raw(self.0.id().cast_signed()).expect("a process");
        kill_process(pid, Signal::TERM).expect("it runs");
        self.0.wait().expect("it ends");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Hardware that obeys at once.
pub struct Hardware {
    daemon: Arc<Mutex<Option<UnixStream>>>,
    pub orders: Receiver<(Instant, Order)>,
}

impl Hardware {
    pub fn say(&self, message: &FromHardware) {
        let daemon = self.daemon.lock().expect("not poisoned");
        say(daemon.as_ref().expect("the daemon is connected"), message);
    }

    /// When the next order like this came; others are passed over.
    pub fn wait(&self, like: impl Fn(&Order) -> bool) -> Instant {
        loop {
            let (at, order) = self.orders.recv_timeout(Duration::from_secs(10)).expect("the daemon orders it");
            if like(&order) {
                return at;
            }
        }
    }
}

fn say(mut stream: &UnixStream, message: &FromHardware) {
    let mut line = serde_json::to_vec(message).expect("plain data");
    line.push(b'\n');
    // The daemon may be gone; then the next line read says so.
    let _ = stream.write_all(&line);
}

fn attend(stream: &UnixStream, tell: &Sender<(Instant, Order)>) {
    let picture = || FromHardware::Picture(inputs(SLOTS).map(|input| (input, Level::Active)).collect());
    say(stream, &picture());
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { return };
        let at = now();
        let ToHardware { id, order } = serde_json::from_str(&line).expect("the daemon speaks the language");
        say(stream, &FromHardware::Done(id));
        if matches!(order, Order::Read(_)) {
            say(stream, &picture());
        }
        // Nobody may be listening any more.
        let _ = tell.send((at, order));
    }
}

/// Writes the first records of a cabinet: its roster is in, nobody was there yet.
pub fn write_seed(dir: &Path, place: &Place) {
    let mut days = Days::new(settings(SLOTS, false), &place.pin_hash());
    days.stop();
    drop(opened(&dir.join("state"), &mut days));
}

/// Writes a ledger of so many records into a cabinet's folder, as visits make them, in big transactions; then small ones until the WAL
/// is short of its checkpoint. Ends the process without closing: the WAL stays, as after a power cut.
pub fn write_ledger(dir: &Path, records: u64) {
    let credentials = Credentials::load(&dir.join("credentials")).expect("secrets");
    let pin = hash_pin(&credentials.pepper, &Pin::new(crate::days::PIN), None).expect("a hash");
    let mut days = Days::new(settings(SLOTS, true), &pin);
    let identity = identity(days.cabinet.settings());
    let (store, _) = Store::open(&dir.join("state"), &identity, None).expect("the store opens");
    let bulk = |outcome: Outcome| store.commit_blocking(outcome.records, outcome.rows, false).expect("committed").seq;
    let mut batch = Outcome::default();
    loop {
        days.visit();
        for outcome in days.durable.drain(..) {
            batch.append(outcome);
        }
        if batch.records.len() >= BULK && bulk(std::mem::take(&mut batch)) + 600 >= records {
            break;
        }
    }
    let mut last = bulk(batch);
    while last < records || !(800..1_000).contains(&wal_frames(dir)) {
        days.visit();
        for outcome in days.durable.drain(..) {
            last = bulk(outcome);
        }
    }
    eprintln!("{last} records, {} frames in the WAL", wal_frames(dir));
    std::process::exit(0);
}

/// Frames of the WAL since its last checkpoint: those that carry the salt of its header.
fn wal_frames(dir: &Path) -> usize {
    let wal = fs::read(dir.join("state/ledger.db-wal")).expect("a WAL");
    let page_bytes = u32::from_be_bytes(wal[8..12].try_into().expect("four bytes"));
    let salt = &wal[16..24];
    wal[32..].chunks_exact(24 + page_bytes as usize).take_while(|frame| &frame[8..16] == salt).count()
}
