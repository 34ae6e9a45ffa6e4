//! Records and rows to fill a ledger with.
#![allow(dead_code, reason = "each test file takes what it needs")]

use cabinetd::cabinet::books::{Presence, Row, Slot};
use cabinetd::cabinet::fact::{Fact, Record};
use cabinetd::cabinet::types::{BootId, ClockQuality, Evidence, Mono, Origin, Reason, SessionId, SlotNo, Stamp, Wall};
use cabinetd::io::store::Identity;

pub fn identity() -> Identity {
    Identity { site: "Seaview \"Höhe\"".into(), cabinet: "office-1".into() }
}

pub fn stamp(mono: u64) -> Stamp {
    Stamp {
        mono: Mono(mono),
        wall: Wall(1_767_225_600_000 + i64::try_from(mono).expect("small")),
        clock: ClockQuality::Synced,
        boot: BootId(0x0123_4567_89ab_cdef_0011_2233_4455_6677),
    }
}

/// An ordinary record: a key taken.
pub fn record(seq: u64) -> Record {
    Record {
        seq,
        stamp: stamp(seq * 1000),
        by: Origin::reader("ana".into()),
        fact: Fact::Taken {
            slot: SlotNo((seq % 300) as u16),
            key: Some("204".into()),
            evidence: Some(Evidence::HomeSlot),
            session: Some(SessionId(seq)),
            holder: Some("ana".into()),
            reason: Reason::WorkOrder,
            reference: Some(format!("WO-{seq}")),
            purpose: Some("plumber, \"Müller & Söhne\"".into()),
            entitled: true,
        },
    }
}

pub fn slot(seq: u64) -> Row {
    Row::Slot(Slot {
        present: Presence::Empty,
        key: None,
        evidence: None,
        seq,
        since: stamp(seq * 1000),
        session: Some(SessionId(seq)),
        candidates: vec![],
    })
}
