//! HTTPS around the receiver, and everything that can go wrong on the way, on command. One thread a connection: it is for tests and for small
//! owners.

use super::receiver::{Cabinet, Policy, Receiver, Reply, problem};
use cabinetd::hex::hex;
use cabinetd::io::store::envelope::digest;
use flate2::read::GzDecoder;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Read as _, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The largest body, once it is unpacked.
const MOST_BYTES: u64 = 64 << 20;
/// What is known of the weather and of outages is written into this file, if anything is.
const HINTS: &str = "outage-hints.json";
/// Who says nothing for so long is gone.
const IDLE: Duration = Duration::from_secs(60);

/// One thing that goes wrong, for one request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The connection ends before anything is done.
    Drop,
    /// It is done, and the answer is lost.
    LoseAnswer,
    /// It is done, and the answer ends in its middle.
    Truncate,
    /// It is done twice, as when a proxy sends a request again.
    Twice,
    /// Nothing is done, and this status says so.
    Status(u16),
    /// The same, with a wish to be left alone for so many seconds.
    RetryAfter(u16, u64),
    /// It answers after so many ms.
    Slow(u64),
    /// It says nothing for so many ms, then ends the connection.
    Hang(u64),
    /// It takes only so many records.
    Partial(usize),
    /// The answer is no JSON.
    Garbage,
    /// It claims another record than it was sent.
    Lie,
    /// The TLS connection breaks.
    BreakTls,
    /// It sends elsewhere.
    Redirect,
    /// It turns the token down and says which.
    EchoToken,
}

/// Which roster is served in the place of the right one, until told otherwise. Each is a file beside the right one.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Rosters {
    #[default]
    Honest,
    /// With a letter of its signature changed.
    Forged,
    /// `….older.json`
    Older,
    /// `….other.json`, which is for another device.
    OtherDevice,
    Oversized,
}

/// What goes wrong when.
pub type Chance = Box<dyn FnMut() -> Option<Fault> + Send>;

struct Shared {
    dir: PathBuf,
    receiver: Mutex<Receiver>,
    policy: Mutex<Policy>,
    token: Option<String>,
    script: Mutex<VecDeque<Fault>>,
    chance: Mutex<Option<Chance>>,
    requests: AtomicU64,
    is_down: AtomicBool,
    /// Bodies are read and thrown away, for measuring.
    is_sink: AtomicBool,
    rosters: Mutex<Rosters>,
    /// Rosters that were sent whole.
    rosters_sent: AtomicU64,
}

/// A running server; it ends with the process.
pub struct Server {
    pub address: SocketAddr,
    /// Of the authority that signed its certificate, PEM.
    pub ca: String,
    shared: Arc<Shared>,
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Server {
    /// Serves the database in `dir` at this address, with certificates of its own for `localhost`, which are kept in `dir`.
    pub fn start(dir: &Path, address: &str, token: Option<&str>) -> io::Result<Self> {
        let (ca, tls) = certificates(dir)?;
        let listener = TcpListener::bind(address)?;
        let receiver = Receiver::open(&dir.join("upstream.db")).map_err(io::Error::other)?;
        let shared = Arc::new(Shared {
            dir: dir.to_owned(),
            receiver: Mutex::new(receiver),
            policy: Mutex::default(),
            token: token.map(str::to_owned),
            script: Mutex::default(),
            chance: Mutex::default(),
            requests: AtomicU64::new(0),
            is_down: AtomicBool::new(false),
            is_sink: AtomicBool::new(false),
            rosters: Mutex::default(),
            rosters_sent: AtomicU64::new(0),
        });
        let server = Self { address: listener.local_addr()?, ca, shared: Arc::clone(&shared) };
        std::thread::Builder::new().name("reference-upstream".to_owned()).spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, tls) = (Arc::clone(&shared), Arc::clone(&tls));
                std::thread::spawn(move || {
                    // Whoever is cut off comes again.
                    let _ = serve(&shared, tls, stream);
                });
            }
        })?;
        Ok(server)
    }

    /// The URL for a cabinet's config.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// The database.
    pub fn receiver(&self) -> std::sync::MutexGuard<'_, Receiver> {
        lock(&self.shared.receiver)
    }

    /// What it refuses.
    pub fn policy(&self) -> std::sync::MutexGuard<'_, Policy> {
        lock(&self.shared.policy)
    }

    /// These go wrong with the next requests, one each.
    pub fn will(&self, faults: &[Fault]) {
        lock(&self.shared.script).extend(faults);
    }

    /// What goes wrong is up to chance from now on.
    pub fn by_chance(&self, chance: Option<Chance>) {
        *lock(&self.shared.chance) = chance;
    }

    /// Nobody is answered.
    pub fn set_down(&self, is_down: bool) {
        self.shared.is_down.store(is_down, Ordering::SeqCst);
    }

    /// Lays down what is served as the roster of a cabinet. `which`: empty, or `.older`, `.other` for what it serves when it misbehaves.
    pub fn lay_down(&self, of: &Cabinet, which: &str, signed: &str) -> io::Result<()> {
        std::fs::write(roster_file(&self.shared.dir, of, which), signed)
    }

    /// Which roster is served from now on.
    pub fn serve(&self, rosters: Rosters) {
        *lock(&self.shared.rosters) = rosters;
    }

    /// Rosters that were sent whole so far.
    pub fn rosters_sent(&self) -> u64 {
        self.shared.rosters_sent.load(Ordering::SeqCst)
    }

    /// Bodies are counted and thrown away.
    pub fn set_sink(&self, is_sink: bool) {
        self.shared.is_sink.store(is_sink, Ordering::SeqCst);
    }

    /// Requests that came so far.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::SeqCst)
    }
}

/// An authority and a certificate for this machine, made once.
fn certificates(dir: &Path) -> io::Result<(String, Arc<ServerConfig>)> {
    let place = |name: &str| dir.join(name);
    if !place("ca.pem").exists() {
        let mut params = CertificateParams::new(Vec::<String>::new()).map_err(io::Error::other)?;
        // Names of their own: some verifiers take a certificate that is named like its authority for a self-signed one.
        params.distinguished_name.push(DnType::CommonName, "reference upstream's authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().map_err(io::Error::other)?)
            .map_err(io::Error::other)?;
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let leaf = CertificateParams::new(names)
            .and_then(|mut params| {
                params.distinguished_name.push(DnType::CommonName, "reference upstream");
                params.signed_by(&key, &authority)
            })
            .map_err(io::Error::other)?;
        std::fs::write(place("server.der"), leaf.der())?;
        std::fs::write(place("server.key"), key.serialize_der())?;
        std::fs::write(place("ca.pem"), authority.pem())?;
    }
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(std::fs::read(place("server.key"))?));
    let chain = vec![CertificateDer::from(std::fs::read(place("server.der"))?)];
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(io::Error::other)?;
    Ok((std::fs::read_to_string(place("ca.pem"))?, Arc::new(config)))
}

type Stream = BufReader<StreamOwned<ServerConnection, TcpStream>>;

/// A cabinet's file: `SITE+CABINET.json`, with what no file can be called escaped.
fn roster_file(dir: &Path, of: &Cabinet, which: &str) -> PathBuf {
    let plain = |text: &str| -> String {
        text.bytes()
            .map(|byte| {
                if byte.is_ascii_alphanumeric() || byte == b'-' {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02x}")
                }
            })
            .collect()
    };
    dir.join(format!("{}+{}{which}.json", plain(&of.site), plain(&of.name)))
}

/// The roster that is meant for a cabinet, and its `ETag`; none if it has no file.
fn roster(shared: &Shared, of: &Cabinet) -> Option<(String, String)> {
    let read = |which: &str| std::fs::read_to_string(roster_file(&shared.dir, of, which)).ok();
    let body = match *lock(&shared.rosters) {
        Rosters::Honest => read("")?,
        Rosters::Forged => {
            let right = read("")?;
            let at = right.find("\"signature\":\"")? + 13;
            let digit = if right[at..].starts_with('0') { "1" } else { "0" };
            format!("{}{digit}{}", &right[..at], &right[at + 1..])
        }
        Rosters::Older => read(".older")?,
        Rosters::OtherDevice => read(".other")?,
        Rosters::Oversized => format!("{{\"roster\":\"{}\"}}", "x".repeat(5 << 20)),
    };
    let etag = format!("\"{}\"", hex(&digest(&[0; 16], body.as_bytes())[..8]));
    Some((etag, body))
}

/// A request as far as it is of interest.
struct Request {
    method: String,
    path: String,
    known: Option<String>,
    token: Option<String>,
    body: Vec<u8>,
}

fn serve(shared: &Shared, tls: Arc<ServerConfig>, stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(IDLE))?;
    stream.set_nodelay(true)?;
    let connection = ServerConnection::new(tls).map_err(io::Error::other)?;
    let mut stream = BufReader::with_capacity(64 << 10, StreamOwned::new(connection, stream));
    while let Some(request) = read_request(&mut stream)? {
        if shared.is_down.load(Ordering::SeqCst) {
            return Ok(());
        }
        shared.requests.fetch_add(1, Ordering::SeqCst);
        let scripted = lock(&shared.script).pop_front();
        let fault = scripted.or_else(|| lock(&shared.chance).as_mut().and_then(|chance| chance()));
        if !answer(shared, &request, fault, &mut stream)? {
            return Ok(());
        }
    }
    Ok(())
}

/// False: the connection ends.
fn answer(shared: &Shared, request: &Request, fault: Option<Fault>, stream: &mut Stream) -> io::Result<bool> {
    let whole = |reply: &Reply, extra: &str| {
        let body = if reply.status == 204 { String::new() } else { reply.body.to_string() };
        let kind = if reply.status == 200 { "application/json" } else { "application/problem+json" };
        let (status, length) = (reply.status, body.len());
        format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n{extra}\r\n{body}")
    };
    if fault.is_none() && request.method == "GET" && request.path.ends_with("/roster") {
        return serve_roster(shared, request, stream.get_mut());
    }
    let out = stream.get_mut();
    let mut say = |text: &str| out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match fault {
        None => say(&whole(&perform(shared, request, None), ""))?,
        Some(Fault::Slow(ms)) => {
            std::thread::sleep(Duration::from_millis(ms));
            say(&whole(&perform(shared, request, None), ""))?;
        }
        Some(Fault::Twice) => {
            let _ = perform(shared, request, None);
            say(&whole(&perform(shared, request, None), ""))?;
        }
        Some(Fault::Partial(most)) => say(&whole(&perform(shared, request, Some(most)), ""))?,
        Some(Fault::Status(status)) => say(&whole(&problem(status, "on command"), ""))?,
        Some(Fault::RetryAfter(status, seconds)) => {
            say(&whole(&problem(status, "on command"), &format!("retry-after: {seconds}\r\n")))?;
        }
        Some(Fault::Redirect) => say(&whole(&problem(307, "elsewhere"), "location: https://localhost:1/\r\n"))?,
        Some(Fault::EchoToken) => {
            let token = request.token.as_deref().unwrap_or_default();
            say(&whole(&problem(403, &format!("nobody has the token {token}")), ""))?;
        }
        Some(Fault::Garbage) => {
            let _ = perform(shared, request, None);
            say("HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\n{\"head\":<")?;
        }
        Some(Fault::Lie) => {
            let hash = "ee".repeat(32);
            let body = format!(r#"{{"head":{{"epoch":1,"seq":3,"hash":"{hash}"}},"machine":null}}"#);
            // Only of batches: where it is, it says truly.
            let reply = if request.method == "POST" {
                Reply { status: 200, body: serde_json::from_str(&body).unwrap_or_default() }
            } else {
                perform(shared, request, None)
            };
            say(&whole(&reply, ""))?;
        }
        Some(Fault::Truncate) => {
            let text = whole(&perform(shared, request, None), "");
            say(&text[..text.len() - 5])?;
            return Ok(false);
        }
        Some(Fault::LoseAnswer) => {
            let _ = perform(shared, request, None);
            return Ok(false);
        }
        Some(Fault::Hang(ms)) => {
            std::thread::sleep(Duration::from_millis(ms));
            return Ok(false);
        }
        Some(Fault::BreakTls) => {
            // No record of TLS begins like this.
            out.sock.write_all(b"\xffnonsense on the wire")?;
            return Ok(false);
        }
        Some(Fault::Drop) => return Ok(false),
    }
    Ok(true)
}

/// `GET roster`: the only answer with a header of its own. What comes too large is cut off by the other side.
fn serve_roster(shared: &Shared, request: &Request, out: &mut impl Write) -> io::Result<bool> {
    let refused = match cabinet_of(shared, request) {
        Ok((of, _)) => match roster(shared, &of) {
            Some((etag, _)) if request.known.as_ref() == Some(&etag) => {
                write!(out, "HTTP/1.1 304 X\r\netag: {etag}\r\n\r\n")?;
                return out.flush().map(|()| true);
            }
            Some((etag, body)) => {
                shared.rosters_sent.fetch_add(1, Ordering::SeqCst);
                let length = body.len();
                write!(out, "HTTP/1.1 200 X\r\netag: {etag}\r\ncontent-type: application/json\r\n")?;
                write!(out, "content-length: {length}\r\n\r\n{body}")?;
                return out.flush().map(|()| true);
            }
            None => problem(404, "no roster is meant for it"),
        },
        Err(refused) => refused,
    };
    let (status, body) = (refused.status, refused.body.to_string());
    write!(
        out,
        "HTTP/1.1 {status} X\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    out.flush().map(|()| true)
}

/// Whose ledger a request is about, and what of it, if its token lets it in.
fn cabinet_of(shared: &Shared, request: &Request) -> Result<(Cabinet, String), Reply> {
    if shared.token.is_some() && request.token != shared.token {
        return Err(problem(
            401,
            match request.token {
                None => {
                    "no token came with it: the cabinet's [upstream] needs a line token = \"NAME\", and a credential of that name"
                }
                Some(_) => "the token is not the one of this cabinet",
            },
        ));
    }
    let parts: Vec<String> = request.path.split('/').skip(1).map(unescaped).collect();
    let ["v1", "cabinets", site, name, what] = &parts.iter().map(String::as_str).collect::<Vec<_>>()[..] else {
        return Err(problem(404, "there is no such path"));
    };
    Ok((Cabinet { site: (*site).to_owned(), name: (*name).to_owned() }, (*what).to_owned()))
}

fn perform(shared: &Shared, request: &Request, most: Option<usize>) -> Reply {
    let (of, what) = match cabinet_of(shared, request) {
        Ok(found) => found,
        Err(refused) => return refused,
    };
    let text = String::from_utf8_lossy(&request.body);
    if what == "records" && shared.is_sink.load(Ordering::SeqCst) {
        // The last record's head is what the first line says.
        let first: serde_json::Value =
            text.lines().next().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
        let head = &first["head"];
        let head = serde_json::json!({ "epoch": head["epoch"], "seq": head["seq"], "hash": head["hash"] });
        return Reply { status: 200, body: serde_json::json!({ "head": head }) };
    }
    let mut policy = lock(&shared.policy).clone();
    policy.most = most.or(policy.most);
    let mut receiver = lock(&shared.receiver);
    if let Err(error) = receiver.heard(&of, now_ms()) {
        return problem(500, &error.to_string());
    }
    let done = match (request.method.as_str(), what.as_str()) {
        ("GET", "head") => receiver.head(&of),
        ("POST", "records") => receiver.records(&of, &text, &policy),
        ("POST", "payloads") => receiver.payloads(&of, &serde_json::from_str(&text).unwrap_or_default(), &policy),
        ("PUT", "heartbeat") => receiver.heartbeat(&of, &text, now_ms()),
        ("PUT", "keymap") => receiver.keymap(&of, &text),
        ("GET", "outage-hints") => return hints(&shared.dir),
        _ => return problem(404, "there is no such path"),
    };
    done.unwrap_or_else(|error| problem(500, &error.to_string()))
}

/// Unix time, ms.
#[expect(clippy::disallowed_methods, reason = "it is the other side: its clock is its own")]
pub fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

/// `GET outage-hints`: what the file says, with the time that it is here.
fn hints(dir: &Path) -> Reply {
    let text = std::fs::read(dir.join(HINTS)).ok();
    let Some(mut body) = text.and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok()) else {
        return problem(404, "nothing is known");
    };
    body["now_ms"] = now_ms().into();
    Reply { status: 200, body }
}

/// None: the connection ended between two requests.
fn read_request(stream: &mut Stream) -> io::Result<Option<Request>> {
    let broken = || io::Error::from(io::ErrorKind::InvalidData);
    let mut line = String::new();
    if stream.by_ref().take(8 << 10).read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return Err(broken()) };
    let (method, path) = (method.to_owned(), path.to_owned());
    let mut request = Request { method, path, known: None, token: None, body: Vec::new() };
    let (mut length, mut is_packed) = (0, false);
    loop {
        let mut header = String::new();
        stream.by_ref().take(8 << 10).read_line(&mut header)?;
        let header = header.trim_end();
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').ok_or_else(broken)?;
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().map_err(|_| broken())?,
            "content-encoding" => is_packed = value == "gzip",
            "if-none-match" => request.known = Some(value.to_owned()),
            "authorization" => request.token = value.strip_prefix("Bearer ").map(str::to_owned),
            _ => {}
        }
    }
    if length > MOST_BYTES {
        return Err(broken());
    }
    stream.by_ref().take(length).read_to_end(&mut request.body)?;
    if request.body.len() as u64 != length {
        return Err(broken());
    }
    if is_packed {
        let mut body = Vec::new();
        GzDecoder::new(&request.body[..]).take(MOST_BYTES).read_to_end(&mut body)?;
        request.body = body;
    }
    Ok(Some(request))
}

/// `%20` and the like.
fn unescaped(part: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = part.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = if *first == b'%' { tail.get(..2).and_then(|two| std::str::from_utf8(two).ok()) } else { None };
        if let Some(byte) = code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            bytes.push(byte);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
