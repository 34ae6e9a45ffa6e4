//! The way to the devices: the kernel's, or a test's script.

use super::found::Found;
use super::typing::Stroke;
use std::fmt;
use std::path::Path;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// Why a device was not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum PortError {
    #[error("another program has taken it for itself; end that one (`fuser -v {node}` names it)")]
    Taken { node: String },
    #[error("this account may not read {node}; give it the group `input`, or a udev rule (docs/readers.md)")]
    NotAllowed { node: String },
    #[error("{node} cannot be opened: {why}; `dmesg` may say more")]
    Failed { node: String, why: String },
}

/// What is heard of a device that was taken.
#[derive(Debug)]
pub(super) enum Heard {
    Stroke(Stroke),
    /// The kernel dropped keys.
    Lost,
    /// It is gone, or cannot be read.
    Gone(String),
}

/// Where a device speaks: which reader it is, and the how-manieth time it was taken.
#[derive(Clone, Debug)]
pub(super) struct Ear {
    pub(super) reader: usize,
    pub(super) claim: u64,
    pub(super) to: mpsc::Sender<(usize, u64, Heard)>,
}

impl Ear {
    /// False when nobody listens any more. A listener that is behind is waited for: the kernel keeps the keys meanwhile.
    pub(super) async fn hear(&self, heard: Heard) -> bool {
        self.to.send((self.reader, self.claim, heard)).await.is_ok()
    }
}

/// A device that was taken; dropping it gives it back.
pub(super) struct Claim(pub(super) AbortHandle);

impl Drop for Claim {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claim")
    }
}

pub(super) trait Port: Send {
    /// Every device there is.
    fn look(&mut self) -> Vec<Found>;

    /// Takes one for this process alone.
    fn claim(&mut self, node: &Path, ear: Ear) -> Result<Claim, PortError>;

    /// Says that devices came or went, or that their rights changed. Ends where the kernel cannot tell.
    fn changes(&mut self) -> mpsc::Receiver<()>;
}
