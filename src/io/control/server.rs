//! The listening side: accepts, asks who it is, reads a line, answers a line.

use super::peer::{self, Account};
use super::socket::{ControlError, Setup, SocketFile, listen};
use super::wire::{self, ErrorCode, Parted, Read, Reply, Response, RosterView, VERSION, Wanted};
use super::{Inbound, LocalAsk, Looked, Unhashed};
use crate::cabinet::event::{Event, Request};
use crate::cabinet::outcome::{Answer, Denial};
use crate::cabinet::roster::Roster;
use crate::cabinet::snapshot::Snapshot;
use crate::cabinet::types::{Channel, Origin, RequestKey, Role};
use crate::messages::tell;
use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf, UCred};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// The bounds. The defaults are what the daemon runs with.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub connections: usize,
    /// Of these, how many are kept for root and the daemon's own account.
    pub kept_connections: usize,
    /// The longest line: an import of 300 keys and 200 users is some 100 KiB.
    pub line_bytes: usize,
    /// The longest line of an account without a role.
    pub stranger_line_bytes: usize,
    /// For a whole line to arrive, and for one to be taken off our hands.
    pub line: Duration,
    /// For the account's groups.
    pub look_up: Duration,
    /// For the daemon's answer.
    pub answer: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16,
            kept_connections: 2,
            line_bytes: 4 << 20,
            stranger_line_bytes: 64 << 10,
            line: Duration::from_secs(30),
            look_up: Duration::from_secs(5),
            answer: Duration::from_secs(10),
        }
    }
}

/// The daemon's ends.
#[derive(Clone, Debug)]
pub struct Ports {
    /// The daemon's queue.
    pub inbound: mpsc::Sender<Inbound>,
    /// Requests with plain digits, to be hashed.
    pub unhashed: mpsc::Sender<Unhashed>,
    pub snapshot: watch::Receiver<Arc<Snapshot>>,
    pub roster: watch::Receiver<Arc<Roster>>,
    /// Looks at records.
    pub looks: mpsc::Sender<Looked>,
}

/// The control socket, listening. Dropping it (or the future of [`Listener::serve`]) closes it and removes its file.
#[derive(Debug)]
pub struct Listener {
    inner: UnixListener,
    file: SocketFile,
    accounts: Accounts,
    limits: Limits,
}

/// Which group of the operating system stands for which role. Others may be put in their place; connections of before then end.
#[derive(Clone, Debug)]
pub struct Accounts(watch::Sender<Arc<[(String, Role)]>>);

impl Accounts {
    fn new(accounts: &[(String, Role)]) -> Self {
        Self(watch::channel(accounts.into()).0)
    }

    /// From now on.
    pub fn put(&self, accounts: &[(String, Role)]) {
        self.0.send_if_modified(|now| {
            let differ = **now != *accounts;
            if differ {
                *now = accounts.into();
            }
            differ
        });
    }
}

/// What all connections share.
struct Shared {
    ports: Ports,
    accounts: Accounts,
    limits: Limits,
    places: Arc<Semaphore>,
    /// Requests that wait for their answer: a second one with the same key must not displace the first.
    under_way: Mutex<BTreeSet<RequestKey>>,
}

impl Listener {
    /// Listens, with the daemon's limits. To be called within a tokio runtime.
    pub fn bind(setup: &Setup) -> Result<Self, ControlError> {
        Self::bind_with(setup, Limits::default())
    }

    /// Listens, with other limits.
    pub fn bind_with(setup: &Setup, limits: Limits) -> Result<Self, ControlError> {
        let (listener, file) = listen(setup)?;
        let inner = UnixListener::from_std(listener).map_err(|source| ControlError::File {
            doing: "listen in",
            path: setup.run_dir.clone(),
            source,
        })?;
        Ok(Self { inner, file, accounts: Accounts::new(&setup.accounts), limits })
    }

    /// The roles that it goes by, to be changed while it serves.
    #[must_use]
    pub fn accounts(&self) -> Accounts {
        self.accounts.clone()
    }

    /// Serves until dropped.
    pub async fn serve(self, ports: Ports) {
        let Self { inner, file: _file, accounts, limits } = self;
        let places = Arc::new(Semaphore::new(limits.connections));
        let shared = Arc::new(Shared { ports, accounts, limits, places, under_way: Mutex::default() });
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = inner.accept() => match accepted {
                    Ok((stream, _)) => admit(&shared, stream, &mut connections),
                    Err(error) => {
                        // Out of descriptors or memory: it passes, and accepting again at once would spin.
                        tell!(SOCKET_TROUBLE, "the control socket cannot take a connection just now: {error}");
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                },
                Some(ended) = connections.join_next() => {
                    if let Err(error) = ended && error.is_panic() {
                        std::panic::resume_unwind(error.into_panic());
                    }
                }
            }
        }
    }
}

/// Gives a connection a place, or says that there is none.
fn admit(shared: &Arc<Shared>, stream: UnixStream, connections: &mut JoinSet<()>) {
    let Ok(peer) = stream.peer_cred() else { return };
    let kept = if peer::is_own(peer.uid()) { 0 } else { shared.limits.kept_connections };
    let place = if shared.places.available_permits() > kept {
        Arc::clone(&shared.places).try_acquire_owned().ok()
    } else {
        None
    };
    let Some(place) = place else {
        tell!(SOCKET_FULL, UID = peer.uid(), "control socket: all connections are taken, one more refused");
        let text = format!("all {} connections are taken; try again, or end a `--follow`", shared.limits.connections);
        // A fresh socket has room for one line; if not, the caller sees the end of the connection.
        let _ = stream.try_write(&line_of(None, Reply::Error { code: ErrorCode::Busy, text }));
        return;
    };
    let shared = Arc::clone(shared);
    connections.spawn(async move {
        if let Err(error) = attend(&shared, stream, peer, Arc::new(place)).await {
            tracing::debug!(uid = peer.uid(), %error, "a control connection ended");
        }
    });
}

/// One connection from its first line to its end.
async fn attend(shared: &Shared, stream: UnixStream, peer: UCred, place: Arc<OwnedSemaphorePermit>) -> io::Result<()> {
    let (reader, writer) = stream.into_split();
    let mut writer = Writer { inner: writer, limit: shared.limits.line };
    let mut roles = shared.accounts.0.subscribe();
    let accounts = Arc::clone(&roles.borrow_and_update());
    let look_up = tokio::task::spawn_blocking(move || {
        // A look-up that hangs keeps its place: hanging threads are bounded as connections are.
        (peer::look_up(peer.uid(), peer.gid(), &accounts), place)
    });
    let Ok(Ok((account, _place))) = timeout(shared.limits.look_up, look_up).await else {
        let text = "the account's groups could not be looked up; is the directory service reachable (`id`)?".to_owned();
        return writer.say(None, Reply::Error { code: ErrorCode::Busy, text }).await;
    };
    let longest = if account.role.is_some() { shared.limits.line_bytes } else { shared.limits.stranger_line_bytes };
    let mut reader = LineReader { inner: BufReader::new(reader), longest };
    loop {
        let line = match timeout(shared.limits.line, reader.next()).await {
            Ok(Ok(Some(line))) => line,
            Ok(Ok(None)) => return Ok(()),
            Ok(Err(LineError::TooLong)) => {
                let text = format!("the line is longer than {longest} bytes");
                return writer.say(None, Reply::Error { code: ErrorCode::BadRequest, text }).await;
            }
            Ok(Err(LineError::Io(error))) => return Err(error),
            Err(_) => {
                let text = format!("no whole line came within {} s", shared.limits.line.as_secs());
                return writer.say(None, Reply::Error { code: ErrorCode::Idle, text }).await;
            }
        };
        if roles.has_changed().unwrap_or_default() {
            return writer.say(None, roles_changed()).await;
        }
        let request = match wire::parse(&line) {
            Ok(request) => request,
            Err(bad) => {
                let reply = Reply::Error { code: ErrorCode::BadRequest, text: bad.text };
                writer.say(bad.request, reply).await?;
                continue;
            }
        };
        drop(line);
        let key = request.request;
        let word = request.ask.word();
        let reply = match request.ask.parted() {
            Parted::Read(Read::Follow) => match need(&account, Role::Staff) {
                Ok(role) => return follow(shared, role, &mut roles, &mut reader, &mut writer, key).await,
                Err(denied) => denied,
            },
            Parted::Read(read) => shared.read(read, &account),
            Parted::Records(wanted) => match need(&account, Role::Manager) {
                Ok(_) => shared.records(wanted).await,
                Err(denied) => denied,
            },
            Parted::Core(ask) => {
                let request = Request { origin: origin(&account, &key), role: account.role, ask };
                shared
                    .ask(&key, &shared.ports.inbound, |reply| Inbound {
                        event: Event::Requested(request),
                        reply: Some(reply),
                    })
                    .await
            }
            Parted::Local(ask) => shared.ask_local(&account, &key, ask).await,
        };
        // Of an alarm that was looked after the record tells, where it may.
        if word != "alarm-acknowledge" {
            log(&account, word, &reply);
        }
        writer.say(Some(key), reply).await?;
    }
}

/// Account, ask and verdict; never what was in the ask.
fn log(account: &Account, ask: &str, reply: &Reply) {
    let verdict = match reply {
        Reply::Answer(Answer::Done { .. } | Answer::Difference { .. }) => "done",
        Reply::Answer(Answer::Refused(_) | Answer::Problems(_)) => "refused",
        Reply::Error { .. } => "not answered",
        Reply::Snapshot(_) | Reply::Roster(_) | Reply::Records(_) => "read",
    };
    tracing::debug!(uid = account.uid, account = %account.name, ask, verdict, "control request");
}

fn origin(account: &Account, key: &RequestKey) -> Origin {
    Origin { actor: account.actor(), channel: Channel::Control, request: Some(key.clone()) }
}

/// The account's role, if it is at least `least`.
fn need(account: &Account, least: Role) -> Result<Role, Reply> {
    account.role.filter(|role| *role >= least).ok_or_else(|| Reply::Error {
        code: ErrorCode::RoleNeeded,
        text: format!("account {}: {}", account.name, Denial::RoleNeeded { role: least }),
    })
}

impl Shared {
    fn read(&self, read: Read, account: &Account) -> Reply {
        let least = match read {
            Read::Status | Read::Follow => Role::Staff,
            Read::Keymap | Read::Roster => Role::Assistant,
        };
        let role = match need(account, least) {
            Ok(role) => role,
            Err(denied) => return denied,
        };
        match read {
            Read::Status | Read::Keymap | Read::Follow => {
                Reply::Snapshot(Box::new(seen_by(role, &self.ports.snapshot.borrow())))
            }
            Read::Roster => Reply::Roster(Box::new(RosterView::of(&self.ports.roster.borrow(), role))),
        }
    }

    async fn records(&self, wanted: Wanted) -> Reply {
        let error = |code, text: String| Reply::Error { code, text };
        let (reply, page) = oneshot::channel();
        if self.ports.looks.try_send(Looked { wanted, reply }).is_err() {
            return error(ErrorCode::Busy, "others are looking at records just now; try again".to_owned());
        }
        match timeout(self.limits.answer, page).await {
            Ok(Ok(Ok(page))) => Reply::Records(Box::new(page)),
            Ok(Ok(Err(why))) => error(ErrorCode::NoAnswer, why),
            Ok(Err(_)) | Err(_) => error(
                ErrorCode::NoAnswer,
                format!("the records could not be read within {} s; try again", self.limits.answer.as_secs()),
            ),
        }
    }

    async fn ask_local(&self, account: &Account, key: &RequestKey, ask: LocalAsk) -> Reply {
        // The core decides by the role; but hashing costs more than a look, so strangers do not get that far.
        let role = match need(account, Role::Staff) {
            Ok(role) => Some(role),
            Err(denied) => return denied,
        };
        let origin = origin(account, key);
        self.ask(key, &self.ports.unhashed, |reply| Unhashed { origin, role, ask, reply }).await
    }

    /// Puts a request into a queue and waits for its answer.
    async fn ask<T>(
        &self,
        key: &RequestKey,
        queue: &mpsc::Sender<T>,
        make: impl FnOnce(oneshot::Sender<Answer>) -> T,
    ) -> Reply {
        let error = |code, text: String| Reply::Error { code, text };
        let Some(_under_way) = UnderWay::enter(&self.under_way, key) else {
            let text = "this very request is still being worked on; ask again with the same key".to_owned();
            return error(ErrorCode::InProgress, text);
        };
        let (reply, answer) = oneshot::channel();
        match queue.try_send(make(reply)) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => {
                return error(ErrorCode::Busy, "the cabinet is busy, nothing was done; try again".to_owned());
            }
            Err(mpsc::error::TrySendError::Closed(_)) => {
                return error(ErrorCode::Busy, "cabinetd is stopping, nothing was done; try again later".to_owned());
            }
        }
        match timeout(self.limits.answer, answer).await {
            Ok(Ok(answer)) => Reply::Answer(answer),
            Ok(Err(_)) => error(
                ErrorCode::NoAnswer,
                "cabinetd let the request go without an answer; it may have been done: see `cabinetd status`"
                    .to_owned(),
            ),
            Err(_) => error(
                ErrorCode::NoAnswer,
                format!(
                    "cabinetd did not answer within {} s; it may still be done: see `cabinetd status`",
                    self.limits.answer.as_secs()
                ),
            ),
        }
    }
}

/// A request's place among those under way, until dropped.
struct UnderWay<'a> {
    keys: &'a Mutex<BTreeSet<RequestKey>>,
    key: RequestKey,
}

impl<'a> UnderWay<'a> {
    fn enter(keys: &'a Mutex<BTreeSet<RequestKey>>, key: &RequestKey) -> Option<Self> {
        let is_new = keys.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
        is_new.then(|| Self { keys, key: key.clone() })
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

fn seen_by(role: Role, snapshot: &Snapshot) -> Snapshot {
    if role >= Role::Assistant { snapshot.clone() } else { snapshot.without_slots() }
}

/// What the account may do was looked up before.
fn roles_changed() -> Reply {
    let text = "the roles under [accounts] have changed, nothing was done; ask again".to_owned();
    Reply::Error { code: ErrorCode::Busy, text }
}

/// A line per changed snapshot until the caller goes or says anything.
async fn follow(
    shared: &Shared,
    role: Role,
    roles: &mut watch::Receiver<Arc<[(String, Role)]>>,
    reader: &mut LineReader,
    writer: &mut Writer,
    key: RequestKey,
) -> io::Result<()> {
    let mut snapshots = shared.ports.snapshot.clone();
    loop {
        let seen = seen_by(role, &snapshots.borrow_and_update());
        writer.say(Some(key.clone()), Reply::Snapshot(Box::new(seen))).await?;
        tokio::select! {
            _ = roles.changed() => return writer.say(None, roles_changed()).await,
            changed = snapshots.changed() => if changed.is_err() { return Ok(()) },
            said = reader.inner.read_u8() => {
                return match said {
                    Ok(_) => {
                        let text = "this connection follows; open another one to ask".to_owned();
                        writer.say(None, Reply::Error { code: ErrorCode::BadRequest, text }).await
                    }
                    Err(_) => Ok(()),
                };
            }
        }
    }
}

struct Writer {
    inner: OwnedWriteHalf,
    limit: Duration,
}

impl Writer {
    async fn say(&mut self, request: Option<RequestKey>, reply: Reply) -> io::Result<()> {
        let line = line_of(request, reply);
        match timeout(self.limit, self.inner.write_all(&line)).await {
            Ok(written) => written,
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the caller does not read")),
        }
    }
}

fn line_of(request: Option<RequestKey>, reply: Reply) -> Vec<u8> {
    let response = Response { v: VERSION, request, reply };
    let mut line = serde_json::to_vec(&response).expect("maps with text keys and integers always serialise");
    line.push(b'\n');
    line
}

struct LineReader {
    inner: BufReader<OwnedReadHalf>,
    longest: usize,
}

enum LineError {
    TooLong,
    Io(io::Error),
}

impl LineReader {
    /// The next line without its end; none at the end of the connection. It may hold digits, so it is wiped after use, and begins
    /// large enough that a line with digits is not copied while it grows.
    async fn next(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, LineError> {
        let mut line = Zeroizing::new(Vec::with_capacity(1024));
        loop {
            let waiting = self.inner.fill_buf().await.map_err(LineError::Io)?;
            if waiting.is_empty() {
                // A half line at the end is no request.
                return Ok(None);
            }
            let end = waiting.iter().position(|byte| *byte == b'\n');
            let part = &waiting[..end.unwrap_or(waiting.len())];
            if line.len() + part.len() > self.longest {
                return Err(LineError::TooLong);
            }
            line.extend_from_slice(part);
            let used = part.len() + usize::from(end.is_some());
            self.inner.consume(used);
            if end.is_some() {
                return Ok(Some(line));
            }
        }
    }
}
