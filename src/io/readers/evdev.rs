//! Devices through the kernel's event interface. One task for each, woken by its keys alone.
//!
//! Events are read here and not through the crate's own stream, whose buffer would keep a PIN's keys after they were used.

use super::found::{self, Found};
use super::hotplug;
use super::port::{Claim, Ear, Heard, Port, PortError};
use super::typing::Stroke;
use evdev::KeyCode;
use evdev::raw_stream::RawDevice;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::io::ErrorKind;
use std::path::Path;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

/// `struct input_event`: seconds and microseconds as the kernel's `long`, type, code, value.
const LONG: usize = size_of::<usize>();
const EVENT: usize = 2 * LONG + 8;
/// Events of one read.
const AT_ONCE: usize = 32;

const SYN: u16 = evdev::EventType::SYNCHRONIZATION.0;
const KEY: u16 = evdev::EventType::KEY.0;
const SYN_DROPPED: u16 = evdev::SynchronizationCode::SYN_DROPPED.0;

/// The machine's devices.
#[derive(Debug, Default)]
pub(super) struct Evdev {}

impl Port for Evdev {
    fn look(&mut self) -> Vec<Found> {
        found::look(Path::new("/"))
    }

    fn claim(&mut self, node: &Path, ear: Ear) -> Result<Claim, PortError> {
        let name = || node.display().to_string();
        let failed = |why: String| PortError::Failed { node: name(), why };
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::open(node, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::ACCESS | Errno::PERM => PortError::NotAllowed { node: name() },
            errno => failed(errno.to_string()),
        })?;
        // The grab is the open file's, whichever descriptor asked for it.
        let own = file.try_clone().map_err(|error| failed(error.to_string()))?;
        let mut device = RawDevice::from_fd(own).map_err(|error| failed(error.to_string()))?;
        device.grab().map_err(|error| match error.kind() {
            ErrorKind::ResourceBusy => PortError::Taken { node: name() },
            _ => failed(error.to_string()),
        })?;
        let keys = Receiver::from_owned_fd_unchecked(file).map_err(|error| failed(error.to_string()))?;
        Ok(Claim(tokio::spawn(listen(keys, ear)).abort_handle()))
    }

    fn changes(&mut self) -> mpsc::Receiver<()> {
        hotplug::watch()
    }
}

async fn listen(keys: Receiver, ear: Ear) {
    let mut buffer = Zeroizing::new([0_u8; AT_ONCE * EVENT]);
    let why = loop {
        if let Err(error) = keys.readable().await {
            break error.to_string();
        }
        match keys.try_read(&mut buffer[..]) {
            Ok(0) => break "it ended".to_owned(),
            Ok(length) => {
                for event in buffer[..length].chunks_exact(EVENT) {
                    if let Some(heard) = heard(event)
                        && !ear.hear(heard).await
                    {
                        return;
                    }
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) if error.raw_os_error() == Some(Errno::NODEV.raw_os_error()) => {
                break "it was unplugged".to_owned();
            }
            Err(error) => break error.to_string(),
        }
    };
    ear.hear(Heard::Gone(why)).await;
}

/// What an event says; a key that repeats itself says nothing.
fn heard(event: &[u8]) -> Option<Heard> {
    let long = |at: usize| Some(usize::from_ne_bytes(event.get(at..at + LONG)?.try_into().ok()?) as u64);
    let short = |at: usize| Some(u16::from_ne_bytes(event.get(at..at + 2)?.try_into().ok()?));
    let value = i32::from_ne_bytes(event.get(2 * LONG + 4..2 * LONG + 8)?.try_into().ok()?);
    match (short(2 * LONG)?, short(2 * LONG + 2)?, value) {
        (SYN, SYN_DROPPED, _) => Some(Heard::Lost),
        (KEY, key, 0 | 1) => {
            let at_ms = long(0)?.saturating_mul(1_000).saturating_add(long(LONG)? / 1_000);
            Some(Heard::Stroke(Stroke { key: KeyCode(key), pressed: value == 1, at_ms }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: u16, code: u16, value: i32) -> Vec<u8> {
        let time = [7_usize.to_ne_bytes(), 250_999_usize.to_ne_bytes()].concat();
        [time, kind.to_ne_bytes().to_vec(), code.to_ne_bytes().to_vec(), value.to_ne_bytes().to_vec()].concat()
    }

    #[test]
    fn an_event_is_read_as_the_kernel_writes_it() {
        assert_eq!(event(KEY, 2, 1).len(), EVENT);
        let pressed = heard(&event(KEY, KeyCode::KEY_1.0, 1));
        assert!(
            matches!(pressed, Some(Heard::Stroke(Stroke { key: KeyCode::KEY_1, pressed: true, at_ms: 7_250 }))),
            "{pressed:?}"
        );
        assert!(matches!(heard(&event(KEY, 2, 0)), Some(Heard::Stroke(Stroke { pressed: false, .. }))));
        assert!(heard(&event(KEY, 2, 2)).is_none(), "a key that is held repeats itself");
        assert!(matches!(heard(&event(SYN, SYN_DROPPED, 0)), Some(Heard::Lost)));
        assert!(heard(&event(SYN, 0, 0)).is_none() && heard(&event(4, 4, 30)).is_none() && heard(&[0; 5]).is_none());
    }
}
