#[path = "../../../tests/ledger_samples/mod.rs"]
mod ledger_samples;

use super::*;
use crate::cabinet::fact::Cleared;
use crate::cabinet::types::{BootId, ClockQuality, Evidence, Mono, Origin, Reason, SessionId, Stamp, UserId, Wall};
use crate::io::journal::{self, Dress, Sink};
use crate::messages::Priority;

fn clerk() -> Clerk {
    let (log, _) = journal::start(Sink::Stderr(Dress::Plain)).expect("a thread");
    Clerk::new(log, &Books::default())
}

fn record(seq: u64, fact: Fact) -> Record {
    let stamp = Stamp { mono: Mono(1), wall: Wall(1), clock: ClockQuality::Synced, boot: BootId(1) };
    Record { seq, stamp, by: Origin::cabinet(), fact }
}

fn told(clerk: &mut Clerk, record: &Record) -> Entry {
    clerk.entry(record, None).expect("it is told")
}

fn values<'a>(entry: &'a Entry, name: &str) -> Vec<&'a str> {
    entry.fields.iter().filter(|(known, _)| *known == name).map(|(_, value)| value.as_str()).collect()
}

fn taken() -> Fact {
    Fact::Taken {
        slot: SlotNo(7),
        key: Some("204".into()),
        evidence: Some(Evidence::HomeSlot),
        session: Some(SessionId(12)),
        holder: Some("ana".into()),
        reason: Reason::WorkOrder,
        reference: Some("8841".into()),
        purpose: Some("Mrs Miller's boiler".into()),
        entitled: true,
    }
}

#[test]
fn a_key_is_told_with_what_one_filters_by() {
    let entry = clerk().entry(&record(15, taken()), Some(OutageId(3))).expect("it is told");
    assert_eq!(entry.text, "key 204 was taken from slot 7 by ana for a work order (by its home slot, session 12).");
    assert_eq!(entry.priority, Priority::Info);
    let expected = [
        ("MESSAGE_ID", records::TAKEN.id),
        ("SLOT", "7"),
        ("SESSION", "12"),
        ("OUTAGE", "3"),
        ("KEY", "204"),
        ("USER", "ana"),
    ];
    assert_eq!(entry.fields, expected.map(|(name, value)| (name, value.to_owned())));
}

#[test]
fn what_names_itself_and_what_comes_more_than_once() {
    let clerk = &mut clerk();
    let started = Fact::SessionStarted { user: "ana".into(), vouched: false, clock_unverified: false, on_word: false };
    assert_eq!(values(&told(clerk, &record(12, started)), "SESSION"), ["12"]);
    let alarm = Alarm::OutAtClosing { keys: vec!["204".into(), "205".into()] };
    let entry = told(clerk, &record(20, Fact::AlarmRaised { alarm, number: None }));
    assert_eq!((values(&entry, "ALARM"), values(&entry, "KEY")), (vec!["20"], vec!["204", "205"]));
    assert_eq!(values(&entry, "MESSAGE_ID"), [alarms::OUT_AT_CLOSING.id]);
    let fault = Fact::SensorFault { input: Input::Door(DoorNo(2)), fault: crate::cabinet::fact::SensorFault::Chatter };
    assert_eq!(values(&told(clerk, &record(21, fault)), "DOOR"), ["2"]);
    let by = Origin { actor: Actor::Account { uid: 1000, name: "office".into() }, ..Origin::cabinet() };
    let set = Record { by, ..record(22, Fact::PinSet { user: "ana".into(), enrolled: false }) };
    assert_eq!(values(&told(clerk, &set), "BY"), ["office"]);
}

/// What comes of the roster, the machine or the config. Every other text of a fact was typed by somebody.
const NOT_TYPED_FREELY: [&str; 22] = [
    "after_restart",
    "by",
    "candidates",
    "changed",
    "chip",
    "field",
    "give_back",
    "hash",
    "holder",
    "key",
    "key-added",
    "key-removed",
    "keys",
    "let_in",
    "name",
    "pull",
    "serial",
    "source",
    "user",
    "user-added",
    "user-removed",
    "version",
];

/// Each text in there, by its path.
fn texts(value: &serde_json::Value, path: &str, found: &mut Vec<String>) {
    match value {
        serde_json::Value::String(_) => found.push(path.to_owned()),
        serde_json::Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| texts(item, &format!("{path}/{index}"), found));
        }
        serde_json::Value::Object(items) => {
            items.iter().for_each(|(name, item)| texts(item, &format!("{path}/{name}"), found));
        }
        _ => {}
    }
}

/// Writes `Typed freely` into every text of every sample, one at a time; what a fact takes there was free to be anything.
#[test]
fn nothing_that_was_typed_freely_is_told() {
    let (mut tried, mut told) = (BTreeSet::new(), Vec::new());
    for fact in ledger_samples::every_fact() {
        let sound = serde_json::to_value(&fact).expect("JSON");
        let mut paths = Vec::new();
        texts(&sound, "", &mut paths);
        for path in paths {
            let mut typed = sound.clone();
            *typed.pointer_mut(&path).expect("it is there") = "Typed freely".into();
            let Ok(fact) = serde_json::from_value::<Fact>(typed) else { continue };
            let names: Vec<&str> = path.split('/').filter(|part| part.parse::<usize>().is_err()).collect();
            let is_unknown_key =
                matches!(&fact, Fact::Denied { denial: Denial::KeyUnknown { key }, .. } if key == "Typed freely");
            if !is_unknown_key && names.last().is_some_and(|name| NOT_TYPED_FREELY.contains(name)) {
                continue;
            }
            tried.insert(format!("{}{path}", sound["kind"].as_str().expect("a kind")));
            let entry = clerk().entry(&record(1, fact), None);
            if format!("{entry:?}").contains("Typed freely") {
                told.push((path, entry));
            }
        }
    }
    assert!(told.is_empty(), "{told:#?}");
    for known in ["opening-ordered/fact/why", "taken/fact/purpose", "key-stepped/fact/note"] {
        assert!(tried.contains(known), "{tried:#?}");
    }
}

#[test]
fn an_order_to_open_is_found_by_its_doors() {
    let fact =
        Fact::OpeningOrdered { user: "ana".into(), doors: vec![DoorNo(1), DoorNo(2)], why: "a flat badge".into() };
    let entry = told(&mut clerk(), &record(1, fact));
    assert_eq!(values(&entry, "DOOR"), ["1", "2"]);
    assert_eq!(entry.text, "It was ordered to open door 1, 2 for ana, who has to be there within a minute: ….");
}

#[test]
fn duress_is_told_nowhere_nor_what_becomes_of_it() {
    let clerk = &mut clerk();
    let alarm = Alarm::Duress { session: Some(SessionId(1)), user: UserId::from("ana") };
    let id = AlarmId::silent(30);
    let duress = Fact::AlarmRaised { alarm, number: Some(id) };
    let acknowledged = Fact::AlarmAcknowledged { alarm: id };
    let cleared = Fact::AlarmCleared { alarm: id, why: Cleared::Acknowledged, name: None };
    for (seq, fact) in [(30, duress), (31, acknowledged), (32, cleared)] {
        assert_eq!(clerk.entry(&record(seq, fact), None), None);
    }
    let alarm = Fact::AlarmRaised { alarm: Alarm::Tampered, number: None };
    assert_eq!(values(&told(clerk, &record(33, alarm)), "ALARM"), ["30"], "and no number shows that there were any");
    let another = Fact::AlarmAcknowledged { alarm: AlarmId(30) };
    assert!(clerk.entry(&record(34, another), None).is_some());
}

#[test]
fn what_was_silent_before_a_start_stays_so() {
    let alarm = Alarm::Duress { session: Some(SessionId(1)), user: UserId::from("ana") };
    let mut books = Books::default();
    books.apply(&record(1, Fact::AlarmRaised { alarm, number: None }), 10);
    let (log, _) = journal::start(Sink::Stderr(Dress::Plain)).expect("a thread");
    let mut clerk = Clerk::new(log, &books);
    assert_eq!(clerk.entry(&record(9, Fact::AlarmAcknowledged { alarm: AlarmId(1) }), None), None);
}
