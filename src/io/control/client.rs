//! The asking side, for the command line: blocking, with deadlines, and errors that say what to do.

use super::socket::SOCKET_NAME;
use super::wire::{Ask, ErrorCode, Page, Reply, Request, Response, RosterView, VERSION, Wanted};
use crate::cabinet::outcome::Answer;
use crate::cabinet::snapshot::Snapshot;
use crate::cabinet::types::RequestKey;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// For a read, and for a line to be taken.
const PATIENCE: Duration = Duration::from_secs(5);
/// For the answer to a request: longer than the server's own deadline, so that its explanation arrives.
const ANSWER: Duration = Duration::from_secs(12);
/// How often a lost connection is tried again, and how long between.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(500);
/// The longest answer: a snapshot of a large cabinet is some 200 KiB, a roster less than an import.
const LONGEST_ANSWER: u64 = 16 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("no cabinetd answers at {}; {}", .0.display(), start_remedy())]
    NoDaemon(PathBuf),
    #[error("no permission to talk to cabinetd at {}; {remedy}", path.display())]
    NoPermission { path: PathBuf, remedy: String },
    #[error("cabinetd does not answer; see `systemctl status cabinetd` and `journalctl -u cabinetd`")]
    TimedOut,
    #[error("the connection to cabinetd was lost before its answer; it may have been done: see `cabinetd status`")]
    Lost,
    #[error("cabinetd said something that this `cabinetd` does not understand; are both of the same version?")]
    NotUnderstood,
    #[error("{text}")]
    Refused { code: ErrorCode, text: String },
    #[error("cannot talk to cabinetd at {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// What to do where nobody answers: a demo's folder is known by its variable.
fn start_remedy() -> &'static str {
    if std::env::var_os("CABINETD_DIR").is_some_and(|folder| !folder.is_empty()) {
        "is the demo of CABINETD_DIR running (`cabinetd demo`)? If its machine is dark, `cabinetd sim ups button` starts it"
    } else {
        "see `systemctl status cabinetd`, or start the demo (`cabinetd demo`) and set CABINETD_DIR to its folder"
    }
}

/// A connection to the daemon.
#[derive(Debug)]
pub struct Client {
    path: PathBuf,
    stream: BufReader<UnixStream>,
}

/// A random idempotency key: one per thing that a person wants, kept when it is asked again.
#[must_use]
pub fn new_request_key() -> RequestKey {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).expect("the kernel has random bytes once it has booted");
    RequestKey(format!("{:032x}", u128::from_be_bytes(bytes)).into())
}

impl Client {
    /// Connects to the daemon whose run directory this is.
    pub fn connect(run_dir: &Path) -> Result<Self, ClientError> {
        let path = run_dir.join(SOCKET_NAME);
        let stream = UnixStream::connect(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::NotADirectory => {
                ClientError::NoDaemon(path.clone())
            }
            io::ErrorKind::PermissionDenied => {
                ClientError::NoPermission { path: path.clone(), remedy: group_remedy(&path) }
            }
            _ => ClientError::Io { path: path.clone(), source },
        })?;
        let timeouts = stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
        timeouts.map_err(|source| ClientError::Io { path: path.clone(), source })?;
        Ok(Self { path, stream: BufReader::new(stream) })
    }

    /// Asks for something. If the connection is lost before the answer (the daemon was restarted), the same request is sent again
    /// with the same key; the daemon does it once.
    pub fn ask(&mut self, request: &RequestKey, ask: &Ask) -> Result<Answer, ClientError> {
        let mut tries = 0;
        loop {
            match self.exchange(request, ask, ANSWER) {
                Ok(Reply::Answer(answer)) => return Ok(answer),
                Ok(_) => return Err(ClientError::NotUnderstood),
                Err(ClientError::Lost | ClientError::Refused { code: ErrorCode::InProgress, .. }) if tries < TRIES => {}
                Err(error) => return Err(error),
            }
            loop {
                tries += 1;
                std::thread::sleep(PAUSE);
                match Self::connect(self.path.parent().unwrap_or(Path::new("/"))) {
                    Ok(again) => {
                        *self = again;
                        break;
                    }
                    Err(ClientError::NoDaemon(_)) if tries < TRIES => {}
                    // It was sent once, so "no daemon" alone would hide that it may have been done.
                    Err(ClientError::NoDaemon(_)) => return Err(ClientError::Lost),
                    Err(error) => return Err(error),
                }
            }
        }
    }

    /// The state of the cabinet.
    pub fn status(&mut self) -> Result<Snapshot, ClientError> {
        self.snapshot(&Ask::Status)
    }

    /// The state of the cabinet, slot by slot.
    pub fn keymap(&mut self) -> Result<Snapshot, ClientError> {
        self.snapshot(&Ask::Keymap)
    }

    fn snapshot(&mut self, ask: &Ask) -> Result<Snapshot, ClientError> {
        match self.exchange(&new_request_key(), ask, PATIENCE)? {
            Reply::Snapshot(snapshot) => Ok(*snapshot),
            _ => Err(ClientError::NotUnderstood),
        }
    }

    /// The roster, as far as the caller may see it.
    pub fn roster(&mut self) -> Result<RosterView, ClientError> {
        match self.exchange(&new_request_key(), &Ask::Roster, PATIENCE)? {
            Reply::Roster(roster) => Ok(*roster),
            _ => Err(ClientError::NotUnderstood),
        }
    }

    /// Some of the records, without those of silent alarms.
    pub fn records(&mut self, wanted: &Wanted) -> Result<Page, ClientError> {
        match self.exchange(&new_request_key(), &Ask::Records(wanted.clone()), ANSWER)? {
            Reply::Records(page) => Ok(*page),
            _ => Err(ClientError::NotUnderstood),
        }
    }

    /// The state of the cabinet, and again after each change, for as long as the daemon runs.
    pub fn follow(mut self) -> Result<Followed, ClientError> {
        self.send(&new_request_key(), &Ask::Follow)?;
        Ok(Followed { client: self, is_first: true })
    }

    fn exchange(&mut self, request: &RequestKey, ask: &Ask, patience: Duration) -> Result<Reply, ClientError> {
        self.send(request, ask)?;
        self.receive(Some(patience))
    }

    fn send(&mut self, request: &RequestKey, ask: &Ask) -> Result<(), ClientError> {
        let request = Request { v: VERSION, request: request.clone(), ask: ask.clone() };
        let line = serde_json::to_vec(&request).expect("texts, numbers and lists always serialise");
        let mut line = zeroize::Zeroizing::new(line);
        line.push(b'\n');
        match self.stream.get_mut().write_all(&line) {
            Err(error) => match self.failed(error) {
                // Refused at the door (all connections taken, the line too long): the reason waits to be read.
                ClientError::Lost if self.has_more() => Ok(()),
                error => Err(error),
            },
            Ok(()) => Ok(()),
        }
    }

    fn has_more(&mut self) -> bool {
        self.stream.fill_buf().is_ok_and(|waiting| !waiting.is_empty())
    }

    fn receive(&mut self, patience: Option<Duration>) -> Result<Reply, ClientError> {
        if let Err(error) = self.stream.get_mut().set_read_timeout(patience) {
            return Err(self.failed(error));
        }
        let mut line = Vec::new();
        match self.stream.by_ref().take(LONGEST_ANSWER).read_until(b'\n', &mut line) {
            Err(error) => return Err(self.failed(error)),
            Ok(_) if line.last() != Some(&b'\n') => return Err(ClientError::Lost),
            Ok(_) => {}
        }
        let response: Response = serde_json::from_slice(&line).map_err(|_| ClientError::NotUnderstood)?;
        match response.reply {
            Reply::Error { code, text } => Err(ClientError::Refused { code, text }),
            reply => Ok(reply),
        }
    }

    fn failed(&self, source: io::Error) -> ClientError {
        match source.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ClientError::TimedOut,
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => {
                ClientError::Lost
            }
            _ => ClientError::Io { path: self.path.clone(), source },
        }
    }
}

/// Snapshots as they come. It ends with an error when the daemon goes.
#[derive(Debug)]
pub struct Followed {
    client: Client,
    is_first: bool,
}

impl Iterator for Followed {
    type Item = Result<Snapshot, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        // The first comes at once; the next one when something changes, which may be tomorrow.
        let patience = std::mem::take(&mut self.is_first).then_some(PATIENCE);
        Some(match self.client.receive(patience) {
            Ok(Reply::Snapshot(snapshot)) => Ok(*snapshot),
            Ok(_) => Err(ClientError::NotUnderstood),
            Err(error) => Err(error),
        })
    }
}

/// Which group would help, as far as the socket's file tells.
fn group_remedy(path: &Path) -> String {
    let group = std::fs::metadata(path).ok().and_then(|found| uzers::get_group_by_gid(found.gid()));
    match group {
        Some(group) => {
            let group = group.name().to_string_lossy().into_owned();
            format!(
                "join the group {group} (`sudo usermod -aG {group} $USER`, then log in again) and have an admin give one of your groups a role \
                 under [accounts] in the config (then `systemctl reload cabinetd`), or use sudo"
            )
        }
        None => "ask an admin which group may use the cabinet, or use sudo".to_owned(),
    }
}
