//! Records and rows to fill a ledger with.
#![allow(dead_code, reason = "each test file takes what it needs")]

mod power;

use cabinetd::cabinet::books::{Books, Presence, Row, Slot, View};
use cabinetd::cabinet::event::{KeyStep, StopReason};
use cabinetd::cabinet::fact::{Adopted, Alarm, Cleared, Dark, Fact, LastHeld, Record, SensorFault, SessionEnd};
use cabinetd::cabinet::outcome::Denial;
use cabinetd::cabinet::power::{Method, Supply, UpsFigures, UpsSilence};
use cabinetd::cabinet::roster::{Difference, FieldChange};
use cabinetd::cabinet::signed::{Rise, RosterFault, Signed};
use cabinetd::cabinet::types::{
    Actor, AlarmId, BootId, Channel, ClockQuality, DoorNo, Evidence, Input, KeyId, Mono, Origin, Reason, RequestKey,
    Role, SessionId, Shown, SlotNo, Stamp, UserId, Wall,
};
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

fn changed(field: &str, from: Option<&str>, to: Option<&str>) -> FieldChange {
    FieldChange { field: field.into(), from: from.map(Into::into), to: to.map(Into::into) }
}

/// The rows that the core would commit with these records, the first ones of a ledger.
pub fn rows_of(records: &[Record]) -> Vec<(View, Option<Row>)> {
    let mut books = Books::default();
    for record in records {
        books.apply(record, 10);
    }
    books.take_changes()
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

/// Records as they come in a visit, one after the other.
pub fn visit(seq: u64) -> Record {
    let (door, session) = (DoorNo(1), SessionId(seq - seq % 6));
    let fact = match seq % 6 {
        0 => Fact::SessionStarted { user: "ana".into(), vouched: false, clock_unverified: false, on_word: false },
        1 => Fact::SessionAuthorised {
            session,
            user: "ana".into(),
            pull: vec!["204".into()],
            give_back: vec![],
            reason: Reason::WorkOrder,
            reference: Some("8841".into()),
            purpose: Some("plumber".into()),
            doors: vec![door],
            alone: false,
        },
        2 => Fact::DoorOpened { door, session: Some(session) },
        3 => record(seq).fact,
        4 => Fact::DoorClosed { door, session: Some(session), open_ms: 12_345 },
        _ => Fact::SessionClosed {
            session,
            user: "ana".into(),
            how: SessionEnd::Completed,
            duration_ms: 23_456,
            taken: 1,
            returned: 0,
            energy_mwh: None,
        },
    };
    Record { fact, ..record(seq) }
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

fn every_rise() -> Vec<Rise> {
    let ana = || UserId::from("ana");
    vec![
        Rise::New { user: "mia".into(), role: Role::Admin },
        Rise::Role { user: ana(), from: Role::Staff, to: Role::Manager },
        Rise::Groups { user: ana(), groups: vec!["building-b".into()] },
        Rise::Hours { user: ana() },
        Rise::Validity { user: ana() },
        Rise::LoneEmergency { user: ana() },
        Rise::KeyAlone { key: "safe".into() },
        Rise::KeyGroups { key: "204".into(), groups: vec!["building-b".into(), "pool".into()] },
        Rise::NobodyLeads,
    ]
}

/// At least one fact of every kind, with every shape of its parts that is stored differently. The match makes a new kind fail to
/// compile here until it has a sample.
pub fn every_fact() -> Vec<Fact> {
    let all = samples();
    for fact in &all {
        match fact {
            Fact::Started { .. }
            | Fact::Stopped { .. }
            | Fact::SlotsAdopted { .. }
            | Fact::DarkCompared { .. }
            | Fact::FoundChanged { .. }
            | Fact::ClockCorrected { .. }
            | Fact::ConfigLoaded { .. }
            | Fact::LinesLost
            | Fact::LinesBack
            | Fact::RecordsMissing { .. }
            | Fact::RosterChanged { .. }
            | Fact::PinSet { .. }
            | Fact::Vouched { .. }
            | Fact::EnrolmentOffered { .. }
            | Fact::OpeningOrdered { .. }
            | Fact::Denied { .. }
            | Fact::SessionStarted { .. }
            | Fact::SessionJoined { .. }
            | Fact::SessionAuthorised { .. }
            | Fact::SessionClosed { .. }
            | Fact::DoorOpened { .. }
            | Fact::DoorClosed { .. }
            | Fact::Taken { .. }
            | Fact::Returned { .. }
            | Fact::SlotIdentified { .. }
            | Fact::TagContradicted { .. }
            | Fact::SensorFault { .. }
            | Fact::SensorRecovered { .. }
            | Fact::LockboxOpened
            | Fact::LockboxClosed
            | Fact::LockFault { .. }
            | Fact::KeyStepped { .. }
            | Fact::AlarmRaised { .. }
            | Fact::AlarmAcknowledged { .. }
            | Fact::AlarmCleared { .. }
            | Fact::SupplyChanged { .. }
            | Fact::PowerSwitched { .. }
            | Fact::OutageEnded { .. }
            | Fact::OutageTold { .. }
            | Fact::PowerTold { .. }
            | Fact::EnergyBooked { .. }
            | Fact::BatteryReplaced { .. }
            | Fact::BatteryMeasured { .. }
            | Fact::LoadLearned { .. }
            | Fact::SelfTestBegan
            | Fact::SelfTestEnded { .. }
            | Fact::DrillStarted { .. }
            | Fact::DrillSaw { .. }
            | Fact::DrillProving { .. }
            | Fact::MethodProved { .. }
            | Fact::MethodDisproved { .. }
            | Fact::DrillEnded { .. }
            | Fact::DrillOutlasted { .. } => {}
        }
    }
    let kinds: std::collections::HashSet<_> = all.iter().map(std::mem::discriminant).collect();
    assert_eq!(kinds.len(), 53, "each kind has a sample");
    all
}

fn alarms() -> Vec<Alarm> {
    let (door, slot, session, user) = (DoorNo(1), SlotNo(7), SessionId(12), UserId::from("ana"));
    let key = KeyId::from("204");
    let all = vec![
        Alarm::OpenWithoutSession { door },
        Alarm::DoorLeftOpen { door, level: 2 },
        Alarm::WrongKey { slot, key: Some(key.clone()), session: Some(session) },
        Alarm::WrongKey { slot, key: None, session: None },
        Alarm::UnexpectedSlot { slot, key: None },
        Alarm::UnknownReturn { slot },
        Alarm::DarkDifference { slot },
        Alarm::ChangedBehindDoor { slot },
        Alarm::InterruptDead { chip: "1-0020".into() },
        Alarm::LinesLost,
        Alarm::SensorFault { input: Input::Slot(slot) },
        Alarm::SensorFault { input: Input::Tamper },
        Alarm::LockFault { door },
        Alarm::Tampered,
        Alarm::LockboxOpened,
        Alarm::Overdue { key: key.clone() },
        Alarm::OutAtClosing { keys: vec![key, "205".into()] },
        Alarm::LoneEmergency { session, user: user.clone() },
        Alarm::Duress { session: Some(session), user: user.clone() },
        Alarm::Duress { session: None, user: user.clone() },
        Alarm::InactiveUser { user },
        Alarm::NoRoom,
        Alarm::UpsUnreachable,
        Alarm::RecordsMissing { after: 39, known: 167 },
        Alarm::SleepFailed { method: Method::UpsOff },
        Alarm::CabinetKeyDue,
        Alarm::CabinetKeyOnly,
        Alarm::ReplaceBattery,
        Alarm::UpstreamLostData { held: 900, has: 120 },
        Alarm::UpstreamAhead { seq: u64::MAX },
        Alarm::CabinetCloned { seq: 7 },
        Alarm::RecordParked { record: 31 },
        Alarm::UpstreamBlocked { record: 41 },
        Alarm::RosterRefused { fault: RosterFault::NotNewer { version: 6, held: 7 } },
        Alarm::RosterRefused {
            fault: RosterFault::DoesNotFit { version: 8, problems: vec!["key 300: slot 30 is not here".into()] },
        },
        Alarm::RosterRefused { fault: RosterFault::BadSignature },
        Alarm::RosterOverdue { version: 7 },
        Alarm::RosterWaits { version: 8, key: "204".into() },
        Alarm::PrivilegesRose { version: 8, rises: every_rise() },
        Alarm::UpstreamSilent,
    ];
    for alarm in &all {
        match alarm {
            Alarm::OpenWithoutSession { .. }
            | Alarm::DoorLeftOpen { .. }
            | Alarm::WrongKey { .. }
            | Alarm::UnexpectedSlot { .. }
            | Alarm::UnknownReturn { .. }
            | Alarm::DarkDifference { .. }
            | Alarm::ChangedBehindDoor { .. }
            | Alarm::InterruptDead { .. }
            | Alarm::LinesLost
            | Alarm::SensorFault { .. }
            | Alarm::LockFault { .. }
            | Alarm::Tampered
            | Alarm::LockboxOpened
            | Alarm::Overdue { .. }
            | Alarm::OutAtClosing { .. }
            | Alarm::LoneEmergency { .. }
            | Alarm::Duress { .. }
            | Alarm::InactiveUser { .. }
            | Alarm::NoRoom
            | Alarm::UpsUnreachable
            | Alarm::SleepFailed { .. }
            | Alarm::CabinetKeyDue
            | Alarm::CabinetKeyOnly
            | Alarm::ReplaceBattery
            | Alarm::UpstreamLostData { .. }
            | Alarm::UpstreamAhead { .. }
            | Alarm::CabinetCloned { .. }
            | Alarm::RecordParked { .. }
            | Alarm::UpstreamBlocked { .. }
            | Alarm::RosterRefused { .. }
            | Alarm::RosterOverdue { .. }
            | Alarm::RosterWaits { .. }
            | Alarm::PrivilegesRose { .. }
            | Alarm::UpstreamSilent
            | Alarm::RecordsMissing { .. } => {}
        }
    }
    let kinds: std::collections::HashSet<_> = all.iter().map(std::mem::discriminant).collect();
    assert_eq!(kinds.len(), 35, "each alarm has a sample");
    all
}

#[expect(clippy::too_many_lines, reason = "one list")]
fn samples() -> Vec<Fact> {
    let (door, slot, session) = (DoorNo(1), SlotNo(7), SessionId(12));
    let (ana, key) = (UserId::from("ana"), KeyId::from("204"));
    let dark = |from: Stamp, boot, announced| Dark { from, boot, announced, asleep: None, lasted_ms: 3_600_000 };
    let started = |dark| Fact::Started { version: "0.1.0".into(), dark };
    let denied = |denial| Fact::Denied { user: Some("ana".into()), denial, count: 1, charged: Some(Shown::Login) };
    let supply = |from, to, figures| Fact::SupplyChanged { from, to, figures };
    let last = |let_in| Some(LastHeld { user: "bob".into(), since: stamp(9), let_in });
    let figures = UpsFigures {
        charge_pct: Some(87),
        runtime_s: Some(1234),
        load_pct: None,
        real_power_mw: Some(12_345),
        battery_mv: Some(27_100),
    };
    let mut all = vec![
        started(None),
        started(Some(dark(stamp(5), stamp(5).boot, false))),
        started(Some(dark(Stamp { clock: ClockQuality::Unknown, ..stamp(5) }, BootId(u128::MAX), true))),
        Fact::Stopped { why: StopReason::Service },
        Fact::Stopped { why: StopReason::SystemShutdown },
        Fact::SlotsAdopted {
            slots: vec![
                Adopted { slot, present: true, key: Some(key.clone()) },
                Adopted { slot: SlotNo(8), present: true, key: None },
                Adopted { slot: SlotNo(9), present: false, key: None },
            ],
        },
        Fact::DarkCompared { differences: 0 },
        Fact::DarkCompared { differences: 2 },
        Fact::FoundChanged { slot, present: true, key: Some(key.clone()), let_in: None },
        Fact::FoundChanged { slot, present: false, key: None, let_in: Some("bob".into()) },
        Fact::ClockCorrected { by_ms: -3_600_000 },
        Fact::ClockCorrected { by_ms: i64::MAX },
        Fact::ConfigLoaded { hash: "ab".repeat(32), changed: vec![], after_restart: vec![] },
        Fact::ConfigLoaded {
            hash: "cd".repeat(32),
            changed: vec!["sessions.unlock_ms: 8000 → 5000".into()],
            after_restart: vec!["slots.count: 4 → 6".into()],
        },
        Fact::LinesLost,
        Fact::LinesBack,
        Fact::RecordsMissing { after: 39, known: 167 },
        Fact::RecordsMissing { after: 39, known: 12 },
        Fact::RosterChanged {
            source: "roster \"new\".toml\u{1}\n".into(),
            hash: Some("cd".repeat(32)),
            version: u64::from(u32::MAX) + 1,
            replace: true,
            difference: vec![
                Difference::UserAdded("ana".into()),
                Difference::UserRemoved("bob".into()),
                Difference::UserChanged { user: "eve".into(), fields: vec![changed("badge", None, None)] },
                Difference::KeyAdded("204".into()),
                Difference::KeyRemoved("205".into()),
                Difference::KeyChanged {
                    key: "206".into(),
                    fields: vec![changed("home", Some("6"), Some("7")), changed("tag", None, None)],
                },
            ],
            signed: None,
            rises: vec![],
        },
        Fact::RosterChanged {
            source: "upstream".into(),
            hash: Some("ef".repeat(32)),
            version: 9,
            replace: true,
            difference: vec![],
            signed: Some(Signed { version: u64::MAX, expires: Wall(-1) }),
            rises: every_rise(),
        },
        Fact::PinSet { user: ana.clone(), enrolled: false },
        Fact::PinSet { user: ana.clone(), enrolled: true },
        Fact::EnrolmentOffered { user: ana.clone(), for_minutes: 10_080 },
        Fact::Vouched { user: ana.clone(), by: "mia".into(), for_minutes: 30 },
        Fact::Denied { user: None, denial: Denial::UnknownBadge, count: 12, charged: Some(Shown::Badge) },
        denied(Denial::Throttled { wait_s: 40 }),
        denied(Denial::KeyUnknown { key: "Zimmer 7".into() }),
        denied(Denial::KeyNotAllowed { key: key.clone() }),
        denied(Denial::RoleNeeded { role: Role::Manager }),
        denied(Denial::AlarmUnknown { alarm: AlarmId(9) }),
        denied(Denial::SlotUnknown { slot }),
        denied(Denial::UserUnknown { user: "nobody".into() }),
        Fact::Denied { user: None, denial: Denial::NoRoom, count: 1, charged: None },
        Fact::SessionStarted { user: ana.clone(), vouched: false, clock_unverified: false, on_word: false },
        Fact::OpeningOrdered { user: ana.clone(), doors: vec![door], why: "badge at home".into() },
        Fact::SessionStarted { user: ana.clone(), vouched: false, clock_unverified: false, on_word: true },
        Fact::SessionStarted { user: ana.clone(), vouched: true, clock_unverified: true, on_word: false },
        Fact::SessionJoined { session, user: "bob".into() },
        Fact::SessionAuthorised {
            session,
            user: "ana".into(),
            pull: vec![key.clone()],
            give_back: vec!["205".into()],
            reason: Reason::Emergency,
            reference: None,
            purpose: Some("Mrs. O'Hara 🏠".into()),
            doors: vec![door],
            alone: true,
        },
        Fact::DoorOpened { door, session: Some(session) },
        Fact::DoorOpened { door, session: None },
        Fact::DoorClosed { door, session: None, open_ms: 61_000 },
        record(12).fact,
        Fact::Taken {
            slot,
            key: None,
            evidence: None,
            session: None,
            holder: None,
            reason: Reason::Unstated,
            reference: None,
            purpose: None,
            entitled: false,
        },
        Fact::Returned {
            slot,
            key: Some(key.clone()),
            evidence: Some(Evidence::Tag),
            session: Some(session),
            by: Some(ana.clone()),
            candidates: vec![],
        },
        Fact::Returned {
            slot,
            key: None,
            evidence: None,
            session: None,
            by: None,
            candidates: vec![key.clone(), "205".into()],
        },
        Fact::SlotIdentified { slot, key: key.clone(), evidence: Evidence::Declared, session: None },
        Fact::TagContradicted { slot, key: key.clone(), session: Some(session), holder: Some(ana.clone()) },
        Fact::SensorFault { input: Input::Slot(slot), fault: SensorFault::Chatter },
        Fact::SensorFault { input: Input::Door(door), fault: SensorFault::Unreadable },
        Fact::SensorFault { input: Input::Tamper, fault: SensorFault::Contradicted },
        Fact::SensorRecovered { input: Input::Door(door), present: false },
        Fact::LockboxOpened,
        Fact::LockboxClosed,
        Fact::SensorRecovered { input: Input::Lockbox, present: true },
        Fact::LockFault { door, session: Some(session) },
        Fact::KeyStepped { key: key.clone(), step: KeyStep::Lost, note: Some("fell into the lake".into()), last: None },
        Fact::KeyStepped { key: key.clone(), step: KeyStep::EnteredByMistake, note: None, last: None },
        Fact::KeyStepped { key: key.clone(), step: KeyStep::Found, note: None, last: last(false) },
        Fact::KeyStepped { key, step: KeyStep::Found, note: Some("under the mat".into()), last: last(true) },
        Fact::AlarmAcknowledged { alarm: AlarmId(3) },
        supply(Supply::Unknown, Supply::OnLine, figures),
        supply(Supply::OnLine, Supply::Unreachable(UpsSilence::Stale), UpsFigures::default()),
        supply(Supply::OnBattery, Supply::LowBattery, figures),
    ];
    for how in [
        SessionEnd::Completed,
        SessionEnd::NeverOpened,
        SessionEnd::TimedOut,
        SessionEnd::Cancelled,
        SessionEnd::LockFault,
        SessionEnd::Unknown,
        SessionEnd::Interrupted,
    ] {
        let energy_mwh = (how == SessionEnd::Completed).then_some(310);
        let user = ana.clone();
        all.push(Fact::SessionClosed { session, user, how, duration_ms: 42_000, taken: 1, returned: 0, energy_mwh });
    }
    for why in [Cleared::Resolved, Cleared::Acknowledged, Cleared::Countersigned, Cleared::Escalated] {
        all.push(Fact::AlarmCleared { alarm: AlarmId(3), why, name: Some("bob".into()) });
    }
    all.extend(power::samples());
    all.extend(
        alarms()
            .into_iter()
            .map(|alarm| Fact::AlarmRaised { number: alarm.is_silent().then(|| AlarmId::silent(7)), alarm }),
    );
    all
}

/// Origins of every shape.
pub fn every_origin() -> Vec<Origin> {
    vec![
        Origin::cabinet(),
        Origin::reader("ana".into()),
        Origin {
            actor: Actor::Account { uid: 1000, name: "mia \"m\"".into() },
            channel: Channel::Control,
            request: Some(RequestKey("01J-é".into())),
        },
    ]
}
