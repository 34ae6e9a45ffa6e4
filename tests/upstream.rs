//! The ledger copied upstream, over real TLS on loopback, into the reference receiver, which verifies every chain and head and misbehaves as it
//! is told.
//!
//! The long run: `CABINETD_UPSTREAM_RECORDS=100000 cargo test --test upstream -- --nocapture campaign`, with `CABINETD_UPSTREAM_SEED` to replay.

#[path = "../examples/reference_upstream/receiver.rs"]
mod receiver;
#[path = "../examples/reference_upstream/server.rs"]
#[allow(dead_code, reason = "part of it is for the binary")]
mod server;

#[path = "upstream/aside.rs"]
mod aside;
#[path = "upstream/campaign.rs"]
mod campaign;
#[path = "upstream/contract.rs"]
mod contract;
#[path = "upstream/delivery.rs"]
mod delivery;
#[path = "upstream/duress.rs"]
mod duress;
#[path = "upstream/histories.rs"]
mod histories;
#[path = "upstream/refused.rs"]
mod refused;
#[path = "upstream/rosters.rs"]
mod rosters;
#[path = "upstream/silence.rs"]
mod silence;
#[path = "upstream/site.rs"]
mod site;
#[path = "upstream/tokens.rs"]
mod tokens;
