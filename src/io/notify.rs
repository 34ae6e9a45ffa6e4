//! The doorbell: upsmon's NOTIFYCMD says "look at the UPS now" through a datagram socket, `notify.sock` in the run folder.
//!
//! upsmon runs its NOTIFYCMD as an account of its own (`nut` on Debian), so everybody on the machine may write to the socket
//! (mode 0622; the run folder lets everybody pass). That is harmless: a message can do nothing but cause a poll a little
//! early. Its content is a hint for the log, known words only; a flood is read slowly, costs at most
//! [`MOST_PER_LOOK`] messages in [`LOOK_GAP`], and ends in the poller's own rate limit.

use crate::messages::tell;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use thiserror::Error;
use tokio::net::UnixDatagram;

/// The socket's name in the run folder.
pub const SOCKET_NAME: &str = "notify.sock";
/// Longest message that is looked at; the rest of a longer one is lost.
pub const LONGEST_HINT: usize = 64;

const MOST_PER_LOOK: usize = 64;
const LOOK_GAP: Duration = Duration::from_millis(250);

/// The NOTIFYTYPEs of upsmon.
const KNOWN: [&str; 12] = [
    "ONLINE", "ONBATT", "LOWBATT", "FSD", "COMMOK", "COMMBAD", "SHUTDOWN", "REPLBATT", "NOCOMM", "NOPARENT", "CAL",
    "NOTCAL",
];

/// Why there is no doorbell.
#[derive(Debug, Error)]
pub enum NotifyError {
    /// Something that is not a socket is in the way.
    #[error("{path} is not a socket: move it away, its place is for upsmon's notifications")]
    InTheWay { path: PathBuf },
    /// The socket cannot be made.
    #[error("cannot make {path}: {source}. Does its folder exist, may this account write there?")]
    Make { path: PathBuf, source: io::Error },
}

/// The listening end.
#[derive(Debug)]
pub struct Doorbell {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Doorbell {
    /// Makes the socket in `run_dir`; one left over from an earlier run is replaced (the instance lock is held by now).
    ///
    /// # Errors
    /// See [`NotifyError`].
    pub fn open(run_dir: &Path) -> Result<Self, NotifyError> {
        let path = run_dir.join(SOCKET_NAME);
        let failed = |source| NotifyError::Make { path: path.clone(), source };
        match std::fs::symlink_metadata(&path) {
            Ok(found) if found.file_type().is_socket() => std::fs::remove_file(&path).map_err(failed)?,
            Ok(_) => return Err(NotifyError::InTheWay { path }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let socket = UnixDatagram::bind(&path).map_err(failed)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o622)).map_err(failed)?;
        Ok(Self { socket, path })
    }

    /// Calls `ring` for each message or handful of messages, for ever.
    pub async fn listen(self, ring: impl Fn()) {
        let mut hint = [0; LONGEST_HINT];
        loop {
            match self.socket.recv(&mut hint).await {
                Ok(length) => tell(&hint[..length]),
                Err(error) => {
                    tell!(NOTIFY_UNREADABLE, "upsmon's notifications cannot be read: {error}");
                    tokio::time::sleep(LOOK_GAP).await;
                    continue;
                }
            }
            ring();
            // What else waits is part of the same news.
            for _ in 1..MOST_PER_LOOK {
                if self.socket.try_recv(&mut hint).is_err() {
                    break;
                }
            }
            tokio::time::sleep(LOOK_GAP).await;
        }
    }
}

impl Drop for Doorbell {
    fn drop(&mut self) {
        // A socket that stays behind is replaced at the next start.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn tell(hint: &[u8]) {
    let word = hint.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    if let Some(known) = KNOWN.iter().find(|known| known.as_bytes() == word) {
        tell!(UPSMON_NEWS, NEWS = known, "upsmon has news ({known}): polling the UPS");
    } else {
        tracing::debug!("asked to poll the UPS");
    }
}

/// Rings the bell at `path`. Does not wait, ever: a full socket has the message already.
///
/// # Errors
/// Nobody listens there, or the socket may not be written to.
pub fn ring(path: &Path, hint: &str) -> io::Result<()> {
    let socket = std::os::unix::net::UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    let hint = &hint.as_bytes()[..hint.len().min(LONGEST_HINT)];
    match socket.send_to(hint, path) {
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}
