//! One poll: connect, list the variables, drop, all of it before one deadline.
//!
//! `nut-client` has no timeouts and takes the late answer to an earlier question for the answer to this one. A connection
//! of its own for each poll cures the second, the deadline around everything the first. It panics on some answers; it
//! runs in a task of its own where a panic means [`UpsSilence::Garbled`] and nothing else. What reaches it comes
//! through [`super::relay`], so that memory is bounded and the known causes of its panics do not even arrive.

use super::{Watch, figures, relay};
use crate::cabinet::power::{UpsSilence, UpsState};
use crate::messages::tell;
use nut_client::tokio::Connection;
use nut_client::{ClientError, ConfigBuilder, Host, NutError};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// Of a host name with many addresses the first few are tried.
const MOST_ADDRESSES: usize = 4;

tokio::task_local! {
    /// Set while a task runs whose panic is expected and dealt with.
    static CONTAINED: ();
}

/// Whether the code that runs now is inside a task whose panic is expected and dealt with. A panic hook that ends the
/// process, or prints, asks this first.
#[must_use]
pub fn panic_is_contained() -> bool {
    CONTAINED.try_with(|()| ()).is_ok()
}

/// Wraps the panic hook that is there: panics of a contained task become one line at debug level (the place, not the
/// message, which may quote what a stranger sent); all others go to the hook as before. Call once, at start, after
/// any other hook was set.
pub fn quiet_contained_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic_is_contained() {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            tracing::debug!(place, "the NUT client gave up on an answer");
        } else {
            before(panic);
        }
    }));
}

/// A look-up of a host name that outlived its poll: the system's resolver cannot be interrupted, so the next poll waits
/// for the same one instead of starting a thread of its own.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    pending: Option<JoinHandle<io::Result<Vec<SocketAddr>>>>,
}

impl Resolver {
    async fn addresses(&mut self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        if host.eq_ignore_ascii_case("localhost") {
            let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
            return Ok(loopback.map(|ip| SocketAddr::new(ip, port)).to_vec());
        }
        let name = (host.to_owned(), port);
        let pending = self.pending.get_or_insert_with(|| {
            tokio::spawn(async { Ok(tokio::net::lookup_host(name).await?.take(MOST_ADDRESSES).collect()) })
        });
        let found = pending.await;
        self.pending = None;
        found.map_err(io::Error::other)?
    }

    /// A connection to the first address of the host that takes one.
    pub(super) async fn connect(&mut self, host: &str, port: u16) -> io::Result<TcpStream> {
        let mut last = io::Error::from(io::ErrorKind::ConnectionRefused);
        for address in self.addresses(host, port).await? {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// Asks once. Never takes longer than `watch.timeout`.
pub(super) async fn poll(watch: &Watch, resolver: &mut Resolver) -> Result<UpsState, UpsSilence> {
    tokio::time::timeout(watch.timeout, converse(watch, resolver)).await.unwrap_or(Err(UpsSilence::TimedOut))
}

async fn converse(watch: &Watch, resolver: &mut Resolver) -> Result<UpsState, UpsSilence> {
    let upsd = resolver.connect(&watch.host, watch.port).await.map_err(|error| silence_of(&error))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let (listener, address) =
        listener.and_then(|listener| listener.local_addr().map(|at| (listener, at))).map_err(|error| {
            tell!(NO_LOOPBACK, "no loopback listener for the UPS poll ({error}): is the interface up, are files left?");
            UpsSilence::Garbled
        })?;
    // Dropping the set, at the deadline too, ends the task.
    let mut client = JoinSet::new();
    client.spawn(CONTAINED.scope((), list_variables(address, watch.name.clone())));
    let variables = tokio::select! {
        biased;
        ended = client.join_next() => verdict(ended)?,
        silence = relay::carry(listener, upsd, &watch.name) => return Err(silence),
    };
    figures::parse(variables.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

type Variables = Vec<(String, String)>;

/// The contained part: everything `nut-client` does happens in here.
async fn list_variables(address: SocketAddr, ups: String) -> Result<Variables, ClientError> {
    let config = ConfigBuilder::new().with_host(Host::from(address)).build();
    let mut connection = Connection::new(&config).await?;
    let variables = connection.list_vars(&ups).await?;
    Ok(variables.iter().map(|variable| (variable.name().to_owned(), variable.value())).collect())
}

/// What the contained task's end means.
fn verdict(
    ended: Option<Result<Result<Variables, ClientError>, tokio::task::JoinError>>,
) -> Result<Variables, UpsSilence> {
    match ended {
        Some(Ok(Ok(variables))) => Ok(variables),
        Some(Ok(Err(ClientError::Nut(NutError::UnknownUps)))) => Err(UpsSilence::UnknownUps),
        Some(Ok(Err(ClientError::Nut(NutError::Generic(text))))) => Err(silence_in(&text)),
        // Any other error, a panic, a task that was ended.
        Some(Ok(Err(_)) | Err(_)) | None => Err(UpsSilence::Garbled),
    }
}

/// `nut-client` hands upsd's error words on as text.
fn silence_in(text: &str) -> UpsSilence {
    match text.strip_prefix("Server error: ").and_then(|rest| rest.split_ascii_whitespace().next()) {
        Some("DATA-STALE") => UpsSilence::Stale,
        Some("DRIVER-NOT-CONNECTED") => UpsSilence::DriverGone,
        Some("UNKNOWN-UPS") => UpsSilence::UnknownUps,
        _ => UpsSilence::Garbled,
    }
}

/// Why there was no connection. Not being able to get there at all, or to find the host, is nobody answering.
fn silence_of(error: &io::Error) -> UpsSilence {
    match error.kind() {
        io::ErrorKind::TimedOut => UpsSilence::TimedOut,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => UpsSilence::Garbled,
        _ => UpsSilence::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// The hook lies over another one, here one that counts (and hands on, so that other tests' failures are printed).
    #[tokio::test]
    async fn a_panic_of_the_contained_task_is_a_garbled_answer_and_makes_no_noise() {
        static NOISE: AtomicU32 = AtomicU32::new(0);
        let printing = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if panic.payload_as_str() == Some("ours") {
                NOISE.fetch_add(1, Ordering::SeqCst);
            } else {
                printing(panic);
            }
        }));
        quiet_contained_panics();

        let mut client: JoinSet<Result<Variables, ClientError>> = JoinSet::new();
        client.spawn(CONTAINED.scope((), async {
            tokio::task::yield_now().await;
            panic!("ours");
        }));
        assert_eq!(verdict(client.join_next().await), Err(UpsSilence::Garbled));
        assert_eq!(NOISE.load(Ordering::SeqCst), 0, "a contained panic is not printed");

        assert!(!panic_is_contained(), "outside of it nothing is contained");
        assert!(tokio::spawn(async { panic!("ours") }).await.is_err());
        assert_eq!(NOISE.load(Ordering::SeqCst), 1, "any other panic is");
    }

    #[test]
    fn the_servers_words_are_told_apart() {
        assert_eq!(silence_in("Server error: DATA-STALE "), UpsSilence::Stale);
        assert_eq!(silence_in("Server error: DRIVER-NOT-CONNECTED "), UpsSilence::DriverGone);
        assert_eq!(silence_in("Server error: UNKNOWN-UPS "), UpsSilence::UnknownUps);
        assert_eq!(silence_in("Server error: ACCESS-DENIED "), UpsSilence::Garbled);
        assert_eq!(silence_in("Parsing server response failed: DATA-STALE"), UpsSilence::Garbled);
    }
}
