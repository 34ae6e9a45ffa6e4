//! Upstream: the ledger copied to a service elsewhere, each record exactly once and in order, whatever the network does.
//!
//! ```text
//!   the daemon's loop ── last record, flush, retry ──▶ a thread of its own ◀── https ──▶ upstream
//!        ▲                                                │      │
//!        └── what it has to decide on (events) ───────────┘      └──▶ marks in the store
//! ```
//!
//! There is no outbox: what is to be sent *is* the ledger behind what upstream has, read through a connection that can only read. [`sync`]
//! decides what to send, [`wire`] has the contract's words (`docs/upstream.openapi.yaml`), [`client`] speaks, [`link`] is the thread. The
//! other way comes one thing: a roster that somebody signed offline ([`roster`]).
//!
//! Promises: the loop never waits for any of this; every request ends; with the network gone for days nothing is kept but the ledger.
//!
//! **Does not** take orders: nothing that upstream says can open anything. A roster counts by its signature, whoever hands it over.

pub mod client;
pub mod link;
pub mod roster;
pub mod sync;
pub mod wire;

pub use client::{Client, UpstreamError};
pub use link::{Link, Pace, Setup};

use sha2::{Digest as _, Sha256};

/// A name for the machine that this runs on, which a copied card does not carry along: the board's serial number, hashed. Without one
/// the machine's id, which does go along, but is another on a machine that was set up anew.
#[must_use]
pub fn machine_name() -> String {
    let places = ["/sys/firmware/devicetree/base/serial-number", "/sys/class/dmi/id/product_uuid", "/etc/machine-id"];
    let serial = places.iter().find_map(|place| std::fs::read(place).ok().filter(|bytes| !bytes.is_empty()));
    let digest = Sha256::new()
        .chain_update(b"cabinetd machine v1\n")
        .chain_update(serial.unwrap_or_default().trim_ascii())
        .finalize();
    crate::hex::hex(&digest[..8])
}
