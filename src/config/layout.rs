//! Doors and slots: which there are, where they are, and that nothing is there twice.

use super::keys::{DOOR, DoorDraft, SLOT, SLOTS, SlotDraft, SlotsDraft};
use super::problem::Fault;
use super::reader::{Entry, Origin, Reader};
use crate::cabinet::settings::{Door, Settings, SlotPlace};
use crate::cabinet::types::{DoorNo, SlotNo};
use std::collections::BTreeMap;
use toml::de::DeTable;

/// Reads `[[door]]`, `[slots]` and `[[slot]]`.
pub(super) fn read(reader: &mut Reader, document: &DeTable<'_>, settings: &mut Settings) {
    read_doors(reader, document, settings);
    settings.slots.clear();
    let table = reader.section(document, "slots");
    let rows = reader.rows(document, "slot");
    match (table, rows.is_empty()) {
        (Some((line, _)), false) => {
            let fault = Fault::new("there are [[slot]] tables too", "keep either [slots] or the [[slot]] tables");
            reader.problem(Some(line), "slots", fault);
        }
        (None, true) => {
            let known_bad = |name: &str| document.get(name).is_some();
            if !known_bad("slots") && !known_bad("slot") {
                let remedy = "write [slots] with count and columns, or a [[slot]] table for each";
                reader.missing(None, "slots", Fault::new("no slots are described", remedy));
            }
        }
        (Some(table), true) => read_regular(reader, table, settings),
        (None, false) => read_rows(reader, &rows, settings),
    }
}

fn read_doors(reader: &mut Reader, document: &DeTable<'_>, settings: &mut Settings) {
    let rows = reader.rows(document, "door");
    if document.get("door").is_none() {
        settings.doors = BTreeMap::from([(DoorNo(1), Door { contact: true })]);
        for (index, (key, value)) in [("number", "1"), ("contact", "true")].into_iter().enumerate() {
            reader.entries.push(Entry {
                section: "[[door]]".to_owned(),
                first: index == 0,
                key: key.to_owned(),
                value: Some(value.to_owned()),
                origin: Origin::Default,
                note: "",
            });
        }
        return;
    }
    settings.doors.clear();
    for (line, table) in rows {
        reader.refuse_unknown(table, "door", &names(DOOR), |_| None);
        let mut draft = DoorDraft::default();
        let before = reader.problems.len();
        reader.read("door", "[[door]]", Some((line, table)), DOOR, &mut draft);
        let sound = reader.problems[before..].iter().all(|problem| problem.key != "door.number");
        if sound && settings.doors.insert(DoorNo(draft.number), Door { contact: draft.contact }).is_some() {
            let wrong = format!("door {} is described twice", draft.number);
            reader.problem(Some(line), "door.number", Fault::new(wrong, "give each door a number of its own"));
        }
    }
}

fn read_regular(reader: &mut Reader, table: (usize, &DeTable<'_>), settings: &mut Settings) {
    reader.refuse_unknown(table.1, "slots", &names(SLOTS), |name| {
        names(SLOT).contains(&name).then_some("[[slot]], which describes one slot")
    });
    let mut draft = SlotsDraft::default();
    reader.read("slots", "[slots]", Some(table), SLOTS, &mut draft);
    let line = reader.line_of("slots.door").unwrap_or(table.0);
    check_door(reader, "slots.door", line, draft.rest.door, settings);
    for index in 0..draft.count {
        let place = SlotPlace {
            door: DoorNo(draft.rest.door),
            row: index / draft.columns + 1,
            column: index % draft.columns + 1,
            latch: draft.rest.latch,
            led: draft.rest.led,
        };
        settings.slots.insert(SlotNo(index + 1), place);
    }
}

fn read_rows(reader: &mut Reader, rows: &[(usize, &DeTable<'_>)], settings: &mut Settings) {
    let mut places: BTreeMap<(u8, u16, u16), u16> = BTreeMap::new();
    for &(line, table) in rows {
        reader.refuse_unknown(table, "slot", &names(SLOT), |_| None);
        let mut draft = SlotDraft::default();
        let before = reader.problems.len();
        reader.read("slot", "[[slot]]", Some((line, table)), SLOT, &mut draft);
        let line_of = |name: &str| reader.place(table, name).map_or(line, |(line, _)| line);
        let (number_line, row_line, door_line) = (line_of("number"), line_of("row"), line_of("door"));
        let broken: Vec<String> = reader.problems[before..].iter().map(|problem| problem.key.clone()).collect();
        let sound = |keys: &[&str]| !broken.iter().any(|broken| keys.contains(&broken.as_str()));
        if sound(&["slot.door"]) {
            check_door(reader, "slot.door", door_line, draft.door, settings);
        }
        if !sound(&["slot.number"]) {
            continue;
        }
        if settings.slots.contains_key(&SlotNo(draft.number)) {
            let wrong = format!("slot {} is described twice", draft.number);
            reader.problem(Some(number_line), "slot.number", Fault::new(wrong, "give each slot a number of its own"));
            continue;
        }
        if sound(&["slot.row", "slot.column"])
            && let Some(other) = places.insert((draft.door, draft.row, draft.column), draft.number)
        {
            let wrong = format!("slot {other} is at row {}, column {} already", draft.row, draft.column);
            reader.problem(Some(row_line), "slot.row", Fault::new(wrong, "give each slot a place of its own"));
        }
        let SlotDraft { row, column, latch, led, .. } = draft;
        settings.slots.insert(SlotNo(draft.number), SlotPlace { door: DoorNo(draft.door), row, column, latch, led });
    }
}

fn check_door(reader: &mut Reader, path: &str, line: usize, door: u8, settings: &Settings) {
    if settings.doors.contains_key(&DoorNo(door)) || settings.doors.is_empty() {
        return;
    }
    let known: Vec<String> = settings.doors.keys().map(ToString::to_string).collect();
    let remedy = format!("write {}, or describe it: [[door]] with number = {door}", known.join(" or "));
    reader.problem(Some(line), path, Fault::new(format!("door {door} does not exist"), remedy));
}

fn names<T>(keys: &[super::keys::Key<T>]) -> Vec<&'static str> {
    keys.iter().map(|key| key.name).collect()
}
