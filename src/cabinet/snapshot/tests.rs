use super::super::books::{Custody, DoorState, Grant, Holding, Life, OpenAlarm, Presence, Session, Slot, SupplyState};
use super::super::fact::{Alarm, SensorFault};
use super::super::power::{Supply, UpsFigures, UpsState};
use super::super::roster::{Key, User};
use super::super::types::{
    Actor, AlarmId, BootId, Channel, Civil, ClockQuality, Code, DoorNo, Evidence, Input, KeyId, Mono, Origin, PinHash,
    Reason, Role, SessionId, SlotNo, UserId, Wall,
};
use super::*;
use std::collections::BTreeSet;

const T0: i64 = 1_762_171_200_000; // 2025-11-03 12:00 UTC

fn stamp(ms: u64) -> Stamp {
    Stamp { mono: Mono(ms), wall: Wall(T0 + i64::try_from(ms).unwrap()), clock: ClockQuality::Synced, boot: BootId(1) }
}

fn now(ms: u64) -> Now {
    let at = stamp(ms);
    Now { mono: at.mono, wall: at.wall, clock: at.clock, civil: Civil::default(), boot: at.boot }
}

fn user(id: &str, name: &str) -> (UserId, User) {
    let hash = || "0badc0de".repeat(4);
    let user = User {
        id: id.into(),
        name: name.into(),
        role: Role::Staff,
        badge: Some(Code::new("BADGE-1004")),
        login: Some(Code::new("LOGIN-77")),
        groups: BTreeSet::new(),
        valid_from: None,
        valid_until: None,
        schedule: Vec::new(),
        lone_emergency: true,
        revoked: false,
        pin: Some(PinHash { salt: hash(), cost: (1, 1, 1), tag: hash(), duress_tag: Some(hash()) }),
    };
    (id.into(), user)
}

fn key(id: &str, home: u16) -> (KeyId, Key) {
    let key = Key {
        id: id.into(),
        label: format!("Unit {id}"),
        building: "A".into(),
        unit: id.into(),
        groups: BTreeSet::new(),
        home: SlotNo(home),
        tag: Some(Code::new("TAG-9")),
        second_person: true,
    };
    (id.into(), key)
}

fn slot(present: Presence, key: Option<&str>, evidence: Option<Evidence>) -> Slot {
    let key = key.map(KeyId::from);
    Slot { present, key, evidence, seq: 3, since: stamp(0), session: None, candidates: Vec::new() }
}

/// Slots 1..=6; 201 hangs at home, 202 is out with Ana, an unknown key hangs in 3, sensor 4 is broken, 5 was never read,
/// 206 hangs in no slot and nobody has it.
fn books() -> Books {
    let mut books = Books::from_rows(42, Vec::new());
    books.roster.users = [user("ana", "Ana Ruiz"), user("ben", "Ben Okafor")].into();
    books.roster.keys = (1..=6).map(|n| key(&format!("20{n}"), n)).collect();
    books.slots = [
        (SlotNo(1), slot(Presence::Present, Some("201"), Some(Evidence::HomeSlot))),
        (SlotNo(2), slot(Presence::Empty, None, None)),
        (SlotNo(3), Slot { candidates: vec!["203".into(), "204".into()], ..slot(Presence::Present, None, None) }),
        (SlotNo(4), slot(Presence::Present, Some("204"), Some(Evidence::Tag))),
        (SlotNo(6), slot(Presence::Empty, None, None)),
    ]
    .into();
    books.faults = [(Input::Slot(SlotNo(4)), SensorFault::Chatter)].into();
    let holding = Holding {
        holder: "ana".into(),
        session: SessionId(7),
        slot: SlotNo(2),
        since: stamp(1_000),
        seq: 9,
        reason: Reason::WorkOrder,
        reference: Some("8841".into()),
        purpose: Some("plumber".into()),
    };
    books.custody = [
        ("201".into(), Custody::In { slot: SlotNo(1), evidence: Evidence::HomeSlot }),
        ("202".into(), Custody::Out(holding)),
        ("206".into(), Custody::Unaccounted { since: stamp(500), seq: 8, let_in: None, last: None }),
        ("gone".into(), Custody::Lost { since: stamp(600), seq: 8, last: None }),
    ]
    .into();
    books
}

fn look(books: &Books, at_ms: u64) -> Snapshot {
    Snapshot::of(books, &Settings::plain(6, 3), now(at_ms), StoreState::Writable)
}

#[test]
fn each_slot_says_what_is_known_and_how() {
    let seen = look(&books(), 61_000);
    let presents: Vec<Present> = seen.slots.iter().map(|slot| slot.present).collect();
    assert_eq!(
        presents,
        [Present::Yes, Present::No, Present::Yes, Present::Fault, Present::Unknown, Present::No],
        "a broken sensor is a fault and an unread one unknown, neither is present"
    );
    assert_eq!(seen.slots[0].key.as_ref().unwrap().label, "Unit 201");
    assert_eq!(seen.slots[0].evidence, Some(Evidence::HomeSlot));
    assert!(seen.slots[2].unknown_key);
    assert_eq!(seen.slots[2].key, None);
    let candidates: Vec<&str> = seen.slots[2].candidates.iter().map(|key| key.label.as_str()).collect();
    assert_eq!(candidates, ["Unit 203", "Unit 204"]);
    assert_eq!((seen.slots[4].row, seen.slots[4].column), (2, 2));
    assert_eq!(seen.head_seq, 41);
}

#[test]
fn a_key_out_says_with_whom_since_when_and_why() {
    let seen = look(&books(), 61_000);
    let home = seen.slots[1].home.as_ref().unwrap();
    let Whereabouts::Out { holder, since, reason, reference, purpose, overdue } = &home.whereabouts else {
        panic!("202 is out: {home:?}")
    };
    assert_eq!(holder.name, "Ana Ruiz");
    assert_eq!((since.ago_ms, since.wall), (60_000, Wall(T0 + 1_000)));
    assert_eq!((*reason, reference.as_deref(), purpose.as_deref()), (Reason::WorkOrder, Some("8841"), Some("plumber")));
    assert!(!overdue);
}

#[test]
fn out_becomes_overdue_when_its_reason_says_so() {
    let ten_hours = 36_000_000;
    assert_eq!(look(&books(), 1_000 + ten_hours - 1).counts.overdue, 0);
    assert_eq!(look(&books(), 1_000 + ten_hours).counts.overdue, 1);
}

#[test]
fn away_keeps_keys_that_left_the_roster() {
    let seen = look(&books(), 61_000);
    let away: Vec<&str> = seen.away.iter().map(|away| away.key.label.as_str()).collect();
    assert_eq!(away, ["Unit 202", "Unit 203", "Unit 204", "Unit 205", "Unit 206", "gone"]);
    let counts = seen.counts;
    assert_eq!(
        (counts.keys_in, counts.keys_out, counts.keys_unaccounted, counts.keys_lost, counts.keys_unseen),
        (1, 1, 1, 1, 3)
    );
    assert_eq!((counts.present, counts.empty, counts.unknown, counts.fault, counts.unknown_keys), (2, 2, 1, 1, 1));
}

#[test]
fn a_person_who_left_the_roster_is_named_by_id() {
    let mut books = books();
    books.roster.users.clear();
    let Whereabouts::Out { holder, .. } = &look(&books, 61_000).away[0].whereabouts else { panic!() };
    assert_eq!(holder.name, "ana");
}

fn open(id: u64, alarm: Alarm, acknowledged: Option<Origin>) -> (AlarmId, OpenAlarm) {
    (AlarmId(id), OpenAlarm { id: AlarmId(id), alarm, raised: stamp(2_000), acknowledged })
}

/// Every kind of alarm there is, duress among them.
fn all_alarms() -> Vec<Alarm> {
    let (door, slot, session) = (DoorNo(1), SlotNo(3), SessionId(7));
    let user: UserId = "ana".into();
    vec![
        Alarm::OpenWithoutSession { door },
        Alarm::DoorLeftOpen { door, level: 2 },
        Alarm::WrongKey { slot, key: Some("203".into()), session: Some(session) },
        Alarm::UnexpectedSlot { slot, key: None },
        Alarm::UnknownReturn { slot },
        Alarm::DarkDifference { slot },
        Alarm::ChangedBehindDoor { slot },
        Alarm::LinesLost,
        Alarm::SensorFault { input: Input::Slot(slot) },
        Alarm::LockFault { door },
        Alarm::Tampered,
        Alarm::Overdue { key: "202".into() },
        Alarm::OutAtClosing { keys: vec!["202".into(), "gone".into()] },
        Alarm::LoneEmergency { session, user: user.clone() },
        Alarm::Duress { session: Some(session), user: user.clone() },
        Alarm::InactiveUser { user },
        Alarm::NoRoom,
        Alarm::UpsUnreachable,
        Alarm::RecordsMissing { after: 39, known: 167 },
        Alarm::UpstreamLostData { held: 900, has: 120 },
        Alarm::UpstreamAhead { seq: 7 },
        Alarm::CabinetCloned { seq: 7 },
        Alarm::RecordParked { record: 31 },
        Alarm::UpstreamBlocked { record: 41 },
        Alarm::InterruptDead { chip: "1-0020".into() },
        Alarm::LockboxOpened,
        Alarm::UpstreamSilent,
    ]
}

#[test]
fn duress_shows_nowhere() {
    let quiet = look(&books(), 61_000);
    let mut under_duress = books();
    under_duress.alarms = [open(13, Alarm::Duress { session: Some(SessionId(7)), user: "ana".into() }, None)].into();
    assert_eq!(look(&under_duress, 61_000), quiet, "a duress alarm changes nothing that can be seen");

    let mut books = books();
    books.alarms = (20..).zip(all_alarms()).map(|(id, alarm)| open(id, alarm, None)).collect();
    let seen = look(&books, 61_000);
    assert_eq!(seen.alarms.len(), all_alarms().len() - 1);
    let json = serde_json::to_string(&seen).unwrap().to_lowercase();
    assert!(!json.contains("duress"), "{json}");
    assert!(seen.alarms.iter().all(|alarm| alarm.sentence.ends_with('.') || alarm.sentence.ends_with('?')));
}

#[test]
fn what_upstream_counts_is_no_number_of_this_ledger() {
    let mut books = books();
    let alarms = [Alarm::UpstreamAhead { seq: 987_654 }, Alarm::CabinetCloned { seq: 987_654 }];
    books.alarms = (20..).zip(alarms).map(|(id, alarm)| open(id, alarm, None)).collect();
    let json = serde_json::to_string(&look(&books, 61_000)).unwrap();
    assert!(!json.contains("987654"), "{json}");
}

#[test]
fn the_kind_of_an_alarm_is_its_word_in_the_ledger() {
    for alarm in all_alarms() {
        let json = serde_json::to_value(&alarm).unwrap();
        assert_eq!(json["alarm"], sentence::kind(&alarm));
        assert!((1..=3).contains(&sentence::level(&alarm)));
    }
}

#[test]
fn alarms_speak_in_labels_and_names() {
    let mut books = books();
    let by = |actor| Some(Origin { actor, channel: Channel::Control, request: None });
    books.alarms = [
        open(20, all_alarms()[2].clone(), by(Actor::User("ben".into()))),
        open(21, all_alarms()[13].clone(), by(Actor::Account { uid: 1000, name: "maria".into() })),
        open(22, all_alarms()[1].clone(), None),
    ]
    .into();
    let alarms = look(&books, 61_000).alarms;
    assert_eq!(alarms[0].sentence, "Unit 203 was taken from slot 3 and was not asked for or not allowed.");
    assert_eq!(alarms[0].acknowledged_by.as_deref(), Some("Ben Okafor"));
    assert!(alarms[1].sentence.starts_with("Ana Ruiz took"));
    assert_eq!(alarms[1].acknowledged_by.as_deref(), Some("maria"));
    assert_eq!((alarms[2].level, alarms[2].raised.ago_ms, alarms[2].acknowledged_by.clone()), (2, 59_000, None));
}

#[test]
fn no_secret_is_in_the_json() {
    let mut books = books();
    books.session = Some(Session {
        taken: 0,
        returned: 0,
        id: SessionId(7),
        user: "ana".into(),
        second: Some("ben".into()),
        started: stamp(3_000),
        granted: vec![Grant {
            pull: vec!["202".into()],
            give_back: vec!["gone".into()],
            reason: Reason::Emergency,
            reference: None,
            purpose: None,
            doors: vec![DoorNo(1)],
            alone: false,
        }],
        opened: true,
    });
    let seen = look(&books, 61_000);
    let json = serde_json::to_string(&seen).unwrap();
    for secret in ["BADGE-1004", "LOGIN-77", "TAG-9", "0badc0de"] {
        assert!(!json.contains(secret), "{secret} in {json}");
    }
    assert_eq!(serde_json::from_str::<Snapshot>(&json).unwrap(), seen, "what is written can be read");
    let session = seen.session.unwrap();
    assert_eq!((session.user.name.as_str(), session.second.unwrap().name.as_str()), ("Ana Ruiz", "Ben Okafor"));
    assert_eq!(session.asked[0].pull[0].label, "Unit 202");
}

#[test]
fn staff_see_keys_out_but_no_slots() {
    let seen = look(&books(), 61_000).without_slots();
    assert!(seen.slots.is_empty());
    assert_eq!(seen.away.len(), 6);
    assert!(seen.away.iter().all(|away| away.home.is_none()));
    assert_eq!(seen.counts.slots, 6);
}

#[test]
fn doors_supply_and_store() {
    let mut books = books();
    books.doors = [(DoorNo(1), DoorState { open: true, since: stamp(5_000), session: None })].into();
    books.supply = Some(SupplyState { supply: Supply::OnBattery, since: stamp(1_000), figures: UpsFigures::default() });
    let seen = Snapshot::of(&books, &Settings::plain(6, 3), now(61_000), StoreState::Reserve);
    assert_eq!(seen.store, StoreIs::Full);
    assert_eq!((seen.doors[0].state, seen.doors[0].since.unwrap().ago_ms), (DoorIs::Open, 56_000));
    assert_eq!(seen.supply.as_ref().unwrap().figures_ago_ms, 60_000);

    let figures = UpsFigures { charge_pct: Some(88), ..UpsFigures::default() };
    let state = Ok(UpsState { figures, ..UpsState::default() });
    let newer = seen.with_reading(&UpsReading { at: Mono(60_000), state }).supply.unwrap();
    assert_eq!((newer.figures.charge_pct, newer.figures_ago_ms, newer.since.ago_ms), (Some(88), 1_000, 60_000));

    books.faults.insert(Input::Door(DoorNo(1)), SensorFault::Unreadable);
    let seen = look(&books, 61_000);
    assert_eq!(seen.doors[0].state, DoorIs::Fault, "a broken contact says neither open nor closed");
    assert_eq!(seen.faults.last().unwrap().sentence, "The contact of door 1 cannot be read.");
}

fn life(started: Stamp) -> Life {
    Life {
        started,
        stopped: false,
        wall_minus_mono_ms: 0,
        config_hash: String::new(),
        lines_lost: false,
        compared: true,
        lockbox_open: false,
    }
}

#[test]
fn where_no_line_can_be_read_the_books_are_no_picture_of_now() {
    let mut books = books();
    books.doors = [(DoorNo(1), DoorState { open: false, since: stamp(1), session: None })].into();
    books.life = Some(Life { lines_lost: true, ..life(stamp(1)) });
    let seen = look(&books, 61_000);
    assert!(
        seen.slots.iter().all(|slot| slot.present == Present::Unknown && slot.since.is_none() && !slot.unknown_key)
    );
    assert_eq!((seen.counts.unknown, seen.counts.present, seen.counts.empty, seen.counts.unknown_keys), (6, 0, 0, 0));
    assert_eq!((seen.doors[0].state, seen.doors[0].since), (DoorIs::Unknown, None));
    assert_eq!(seen.slots[0].key.as_ref().unwrap().label, "Unit 201", "what hung there last is still named");
    assert_eq!((seen.counts.keys_in, seen.counts.keys_out), (1, 1), "where the keys are is known from evidence");
}

#[test]
fn a_stamp_of_a_bad_clock_is_read_by_the_better_one() {
    let mut books = books();
    let started = Stamp { wall: Wall(1_000), clock: ClockQuality::Unknown, ..stamp(1_000) };
    books.life = Some(life(started));
    let since = look(&books, 61_000).running_since.unwrap();
    assert_eq!(since, Moment { wall: Wall(T0 + 1_000), clock: ClockQuality::Synced, ago_ms: 60_000, at_least: false });

    let earlier_boot = Stamp { boot: BootId(9), ..started };
    books.life = Some(life(earlier_boot));
    let since = look(&books, 61_000).running_since.unwrap();
    assert_eq!(
        (since.wall, since.clock, since.at_least),
        (Wall(1_000), ClockQuality::Unknown, true),
        "another boot cannot be corrected"
    );
}
