use super::super::words::{COLUMNS, Paint, width};
use super::*;
use crate::cabinet::fact::SensorFault;
use crate::cabinet::snapshot::{Away, ConfigView, Counts, FaultView, Home, KeyName, LastView, Moment, StoreIs, Who};
use crate::cabinet::types::{BootId, ClockQuality, Evidence, Input, Mono, Reason, SlotNo, Stamp, Wall};
use jiff::tz::TimeZone;

const T0: i64 = 1_793_714_400_000;

fn plain(ascii: bool) -> View {
    View { paint: Paint { colour: false, ascii }, zone: TimeZone::UTC, age_ms: 0, columns: COLUMNS }
}

fn key(n: u16) -> KeyName {
    KeyName { id: (200 + n).to_string().as_str().into(), label: format!("Unit {}", 200 + n) }
}

const fn moment() -> Moment {
    Moment { wall: Wall(T0 - 2_100_000), clock: ClockQuality::Synced, ago_ms: 2_100_000, at_least: false }
}

fn out() -> Whereabouts {
    Whereabouts::Out {
        holder: Who { id: "ana".into(), name: "Ana Ruiz".into() },
        since: moment(),
        reason: Reason::Emergency,
        reference: None,
        purpose: None,
        overdue: false,
    }
}

/// Every key at home, in rows of `columns`.
fn full(slots: u16, columns: u16) -> Snapshot {
    let slot = |index: u16| {
        let n = index + 1;
        let whereabouts = Whereabouts::In { slot: SlotNo(n), evidence: Evidence::HomeSlot };
        SlotView {
            slot: SlotNo(n),
            door: DoorNo(1),
            row: index / columns + 1,
            column: index % columns + 1,
            present: Present::Yes,
            since: Some(moment()),
            key: Some(key(n)),
            evidence: Some(Evidence::HomeSlot),
            unknown_key: false,
            candidates: vec![],
            home: Some(Home { key: key(n), whereabouts }),
        }
    };
    Snapshot {
        site: "Palm Court".into(),
        cabinet: "office".into(),
        as_of: Stamp { mono: Mono(1), wall: Wall(T0), clock: ClockQuality::Synced, boot: BootId(1) },
        head_seq: 7,
        store: StoreIs::Writable,
        running_since: None,
        counts: Counts::default(),
        doors: vec![],
        session: None,
        opening: None,
        alarms: vec![],
        faults: vec![],
        supply: None,
        power: None,
        upstream: None,
        signed_roster: None,
        alerts: None,
        config: ConfigView::default(),
        away: vec![],
        slots: (0..slots).map(slot).collect(),
    }
}

fn empty(seen: &mut Snapshot, n: u16, whereabouts: Whereabouts) {
    let slot = &mut seen.slots[usize::from(n - 1)];
    (slot.present, slot.key, slot.evidence) = (Present::No, None, None);
    slot.home.as_mut().unwrap().whereabouts = whereabouts.clone();
    if !matches!(whereabouts, Whereabouts::In { .. } | Whereabouts::Retired { .. }) {
        seen.away.push(Away { key: key(n), home: Some(SlotNo(n)), whereabouts });
    }
}

/// 24 slots and every state that there is.
fn tricky() -> Snapshot {
    let mut seen = full(24, 6);
    empty(&mut seen, 2, out());
    empty(&mut seen, 3, Whereabouts::In { slot: SlotNo(4), evidence: Evidence::Tag });
    empty(&mut seen, 5, Whereabouts::Unaccounted { since: moment(), let_in: None, last: None });
    let taken = Moment { wall: Wall(T0 - 90_000_000), ago_ms: 90_000_000, ..moment() };
    let last = LastView { holder: Who { id: "ana".into(), name: "Ana Ruiz".into() }, since: taken, let_in: false };
    empty(&mut seen, 6, Whereabouts::Lost { since: moment(), last: Some(last) });
    empty(&mut seen, 7, Whereabouts::Unseen);
    empty(&mut seen, 8, Whereabouts::Retired { since: moment() });
    seen.slots[3].key = Some(key(3));
    let unknown = &mut seen.slots[8];
    (unknown.key, unknown.unknown_key, unknown.candidates) = (None, true, vec![key(9), key(4)]);
    seen.slots[9].present = Present::Fault;
    seen.slots[10].present = Present::Unknown;
    seen.slots[11].home = None;
    seen.slots[11].key = Some(KeyName { id: "gate".into(), label: "Pool gate \u{1b}[31m".into() });
    (seen.slots[12].present, seen.slots[12].key, seen.slots[12].home) = (Present::No, None, None);
    seen.faults.push(FaultView {
        line: Input::Slot(SlotNo(10)),
        fault: SensorFault::Chatter,
        sentence: "The sensor of slot 10 changes faster than any hand.".into(),
    });
    seen
}

#[test]
fn twenty_four_slots_with_every_state() {
    let expected = "\
office, Palm Court: as of 14:00, record 7

 1 ■ 201      2 ○ 202      3 → 203      4 ◆ 203      5 ! 205      6 ! 206
 7 · 207      8 · 208      9 ?         10 × 210     11 ~ 211     12 ◆ gate
13 ·         14 ■ 214     15 ■ 215     16 ■ 216     17 ■ 217     18 ■ 218
19 ■ 219     20 ■ 220     21 ■ 221     22 ■ 222     23 ■ 223     24 ■ 224

■ in 12  ◆ another key 2  ? unknown key 1  ○ out 1  → in another slot 1
! missing 2  · free 3  × sensor fault 1  ~ not read 1

Look at
  slot 4: Unit 203, which belongs in slot 3
  slot 9: a key, perhaps Unit 209 or Unit 204; scan its tag or `cabinetd declare
    --slot 9 --key …`
  slot 12: Pool gate \u{fffd}[31m, which belongs in no slot here
  The sensor of slot 10 changes faster than any hand.

Out
  Unit 202 (slot 2): Ana Ruiz, since 13:25 (35 min), emergency

Missing
  Unit 205 (slot 5): nobody is known to have it, since 13:25 (35 min)
  Unit 206 (slot 6): lost, since 13:25 (35 min); Ana Ruiz had it last, taken Mon
    2 Nov 13:00

Never seen here
  Unit 207 (slot 7)
";
    let text = keymap(&tricky(), &plain(false));
    assert_eq!(text, expected, "\n{text}");
}

#[test]
fn ascii_terminals_get_ascii() {
    let text = keymap(&tricky(), &plain(true));
    assert!(text.contains(" 1 # 201      2 o 202      3 > 203      4 + 203      5 ! 205      6 ! 206\n"), "{text}");
    let of_ours: String = text.lines().take_while(|line| *line != "Look at").collect();
    assert!(of_ours.is_ascii(), "{of_ours}");
}

#[test]
fn three_hundred_slots_fit_eighty_columns() {
    let mut seen = full(300, 20);
    empty(&mut seen, 122, out());
    let text = keymap(&seen, &plain(false));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[2], "   1-20  ■ ■ ■ ■ ■ ■ ■ ■ ■ ■ ■ ■ ■ ■ ■ ■ ■ ■ ■ ■");
    assert_eq!(lines[8], "121-140  ■ ○ ■ ■ ■ ■ ■ ■ ■ ■ ■ ■ ■ ■ ■ ■ ■ ■ ■ ■");
    assert_eq!(lines[17..19], ["", "■ in 299  ○ out 1"]);
    assert!(text.ends_with("  Unit 322 (slot 122): Ana Ruiz, since 13:25 (35 min), emergency\n"), "{text}");
}

#[test]
fn labels_that_would_look_alike_when_cut_stand_below() {
    let mut seen = full(6, 3);
    let labels =
        ["Unit 204 – front", "Unit 204 – storage", "Boiler room", "Mail room", "Electromechanical-plant", "Pool"];
    for (slot, label) in seen.slots.iter_mut().zip(labels) {
        slot.key = Some(KeyName { id: format!("the-key-of-{label}").as_str().into(), label: label.into() });
        slot.home.as_mut().expect("it has one").key = slot.key.clone().expect("it hangs there");
    }
    let at = |columns| keymap(&seen, &View { columns, ..plain(false) });
    let narrow = "\
1 ■       2 ■       3 ■
Unit 204  Unit 204  Boiler
front     storage   room

4 ■       5 ■       6 ■
Mail      Elec…ant  Pool
room

■ in 6
";
    assert!(at(30).contains(narrow), "{}", at(30));
    assert!(at(48).contains("\nUnit 204        Unit 204        Boiler room\nfront           storage\n"), "{}", at(48));
    assert!(at(80).contains("Unit 204 – front          Unit 204 – storage        Boiler room\n"), "{}", at(80));
    assert!(at(120).contains("1 ■ Unit 204 – front        2 ■ Unit 204 – storage      3 ■ Boiler room"), "{}", at(120));
    for columns in [30, 48, 80, 120] {
        assert!(at(columns).lines().take(9).all(|line| width(line) <= columns), "{}", at(columns));
    }
}

#[test]
fn keys_with_one_number_are_told_apart() {
    let mut seen = full(24, 8);
    for (slot, label) in [(0, "Building A 12"), (1, "Building B 12")] {
        seen.slots[slot].key = Some(KeyName { id: format!("a-long-id-{slot}").as_str().into(), label: label.into() });
    }
    let text = keymap(&seen, &plain(false));
    assert!(text.contains("\nBuilding  Building  Unit 203  "), "{text}");
    assert!(text.contains("\nA 12      B 12\n"), "{text}");
}

#[test]
fn a_middling_cabinet_shows_numbers() {
    let text = keymap(&full(48, 12), &plain(false));
    assert_eq!(text.lines().nth(2).unwrap(), " 1■   2■   3■   4■   5■   6■   7■   8■   9■  10■  11■  12■");
}

#[test]
fn any_shape_fits_and_colour_changes_no_width() {
    for (slots, columns) in [(1, 1), (24, 6), (24, 8), (24, 24), (60, 10), (100, 16), (300, 20), (300, 25), (300, 100)]
    {
        let seen = full(slots, columns);
        let text = keymap(&seen, &plain(false));
        let colour = View { paint: Paint { colour: true, ascii: false }, ..plain(false) };
        let painted = keymap(&seen, &colour);
        assert!(painted.contains("\u{1b}[32m■\u{1b}[0m"));
        for (line, painted) in text.lines().zip(painted.lines()) {
            assert!(width(line) <= COLUMNS, "{columns} columns: {line}");
            assert_eq!(width(line), width(painted));
        }
        let symbols = text.lines().take_while(|line| !line.contains("■ in")).collect::<String>().matches('■').count();
        assert_eq!(symbols, usize::from(slots), "every slot is drawn: {text}");
    }
}

#[test]
fn two_doors_and_slots_on_one_place() {
    let mut seen = full(4, 4);
    seen.slots[2].door = DoorNo(2);
    seen.slots[3].door = DoorNo(2);
    let text = keymap(&seen, &plain(false));
    assert!(text.contains("Door 1\n1 ■ Unit 201") && text.contains("Door 2\n3 ■ Unit 203"), "{text}");

    let mut seen = full(4, 2);
    seen.slots.iter_mut().for_each(|slot| (slot.row, slot.column) = (1, 1));
    let text = keymap(&seen, &plain(false));
    assert!(text.contains("1 ■ Unit 201       2 ■ Unit 202       3 ■ Unit 203"), "none hides another: {text}");
}

#[test]
fn a_wide_terminal_has_room_for_labels() {
    let mut seen = full(24, 8);
    let long = "Boiler room and plant";
    seen.slots[18].key.as_mut().expect("it hangs there").label = long.into();
    let at = |columns| keymap(&seen, &View { columns, ..plain(false) });
    assert!(!at(COLUMNS).contains("Boiler room"));
    assert!(at(160).contains(" 7 \u{25a0} Unit 207"), "{}", at(160));
    assert!(at(400).contains(long), "{}", at(400));
    for columns in [40, 80, 160, 400] {
        assert!(at(columns).lines().all(|line| width(line) <= columns), "{}", at(columns));
    }
}

#[test]
fn slots_that_nobody_can_read_are_drawn_so_and_keep_the_names_of_before() {
    let mut seen = full(4, 4);
    for slot in &mut seen.slots {
        (slot.present, slot.since) = (Present::Unknown, None);
    }
    let text = keymap(&seen, &plain(false));
    assert!(text.contains("1 ~ Unit 201") && text.contains("~ not read 4") && !text.contains('■'), "{text}");
    assert!(text.contains("no slot can be read: the keys named above are those that hung there last"), "{text}");
}
