//! What systemd is told: ready, status, stopping, alive. Without systemd (`NOTIFY_SOCKET` is not set) nothing happens.
//!
//! It promises never to stop the daemon: a message that cannot be sent is an error value, for a log line at most. It does not
//! decide when the daemon is alive: whoever calls [`alive`] must have seen the whole loop work, store included.

use sd_notify::NotifyState;
use std::time::Duration;

/// Longest status; systemd shows one line.
const STATUS_BYTES: usize = 512;

/// A message could not be sent.
#[derive(Debug, thiserror::Error)]
#[error("cannot tell systemd {what}: {source}; the unit needs Type=notify and NotifyAccess=main")]
pub struct NotifyError {
    what: &'static str,
    #[source]
    source: std::io::Error,
}

/// Start-up is finished, or a reload; with the first status.
///
/// # Errors
/// The socket that systemd named cannot be written to.
pub fn ready(status: &str) -> Result<(), NotifyError> {
    let line = one_line(status);
    send("that start-up is finished", &[NotifyState::Ready, NotifyState::Status(&line)])
}

/// What `systemctl status` shows. Only the first line counts, and no secret belongs in it: everybody can read it.
///
/// # Errors
/// The socket that systemd named cannot be written to.
pub fn status(text: &str) -> Result<(), NotifyError> {
    send("the status", &[NotifyState::Status(&one_line(text))])
}

/// The config is read again; [`ready`] follows, whatever comes of it.
///
/// # Errors
/// The socket that systemd named cannot be written to, or the clock that it wants beside it cannot be read.
pub fn reloading() -> Result<(), NotifyError> {
    let what = "that the config is read again";
    let now = NotifyState::monotonic_usec_now().map_err(|source| NotifyError { what, source })?;
    send(what, &[NotifyState::Reloading, now])
}

/// The daemon ends on its own account or because it was told to.
///
/// # Errors
/// The socket that systemd named cannot be written to.
pub fn stopping(why: &str) -> Result<(), NotifyError> {
    send("that it stops", &[NotifyState::Stopping, NotifyState::Status(&one_line(why))])
}

/// Feeds the watchdog.
///
/// # Errors
/// The socket that systemd named cannot be written to.
pub fn alive() -> Result<(), NotifyError> {
    send("that it is alive", &[NotifyState::Watchdog])
}

/// How often to call [`alive`]: half the unit's `WatchdogSec`. None: no watchdog is set for this process.
#[must_use]
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()).map(|limit| limit / 2)
}

fn send(what: &'static str, states: &[NotifyState<'_>]) -> Result<(), NotifyError> {
    sd_notify::notify(states).map_err(|source| NotifyError { what, source })
}

/// A line end in a status would begin another assignment.
fn one_line(text: &str) -> String {
    let mut line: String = text.lines().next().unwrap_or("").chars().filter(|c| !c.is_control()).collect();
    while line.len() > STATUS_BYTES {
        line.pop();
    }
    line
}
