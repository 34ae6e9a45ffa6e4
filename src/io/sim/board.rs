//! The demo's two sockets: `hardware.sock` for the daemon's line backend, `sim.sock` for people's words.
//!
//! Both bring what they hear to the [`bench`](super::bench) through one bounded queue. Each connection has bounded lines, and
//! people's connections a deadline. Sockets are made with access for their owner alone.

use super::bench::Input;
use super::wire::{FromHardware, Lines, ToHardware, send};
use super::words::{Reply, Word};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{sleep, timeout};

/// What the hardware may have to say to a daemon that is not listening, before it is cut off.
const UNHEARD: usize = 1024;
/// How long a daemon may leave the socket's buffer full, and how long a person's exchange may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// People's connections at a time.
const PEOPLE: usize = 16;

/// Makes a socket, in place of a stale one. The caller holds the folder's lock, so nobody listens on the old one.
pub fn listen(socket: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(socket) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(socket)?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves daemons, one after the other: the newest connection drives the hardware.
pub async fn serve_daemon(listener: UnixListener, bench: mpsc::Sender<Input>) {
    for link in 1.. {
        let stream = accept(&listener).await;
        tokio::spawn(daemon(stream, link, bench.clone()));
    }
}

async fn daemon(stream: UnixStream, link: u64, bench: mpsc::Sender<Input>) {
    let (read, mut out) = stream.into_split();
    let (say, mut said) = mpsc::channel::<FromHardware>(UNHEARD);
    if bench.send(Input::Connected { link, say }).await.is_err() {
        return;
    }
    let speak = async {
        // Ends when the bench lets go of this daemon, or when the daemon does not read.
        while let Some(said) = said.recv().await {
            if !matches!(timeout(DEADLINE, send(&mut out, &said)).await, Ok(Ok(()))) {
                break;
            }
        }
    };
    let listen = async {
        let mut lines = Lines::new(read);
        while let Ok(Some(message)) = lines.next::<ToHardware>().await {
            if bench.send(Input::Ordered { link, message }).await.is_err() {
                break;
            }
        }
    };
    tokio::select! { () = speak => {}, () = listen => {} }
    let _ = bench.send(Input::Gone { link }).await;
}

/// Serves people: one word, one reply, for as long as the connection lasts.
pub async fn serve_people(listener: UnixListener, bench: mpsc::Sender<Input>) {
    let places = Arc::new(Semaphore::new(PEOPLE));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let stream = accept(&listener).await;
        let bench = bench.clone();
        tokio::spawn(async move {
            let _ = person(stream, &bench).await;
            drop(place);
        });
    }
}

async fn person(stream: UnixStream, bench: &mpsc::Sender<Input>) -> Option<()> {
    let (read, mut out) = stream.into_split();
    let mut lines = Lines::new(read);
    loop {
        let answer = match timeout(DEADLINE, lines.next::<Word>()).await.ok()? {
            Ok(Some(word)) => {
                let (reply, answer) = oneshot::channel();
                timeout(DEADLINE, bench.send(Input::Person { word, reply })).await.ok()?.ok()?;
                timeout(DEADLINE, answer).await.ok()?.ok()?
            }
            Ok(None) => return None,
            Err(why) => {
                let sorry = Reply::Refused(format!("not a word of this socket ({why}); speak through `cabinetd sim`"));
                timeout(DEADLINE, send(&mut out, &sorry)).await.ok()?.ok()?;
                return None;
            }
        };
        timeout(DEADLINE, send(&mut out, &answer)).await.ok()?.ok()?;
    }
}

async fn accept(listener: &UnixListener) -> UnixStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            // Out of file descriptors, mostly: wait until some are free.
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}
