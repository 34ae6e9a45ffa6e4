use super::*;

const DOOR: DoorNo = DoorNo(1);

fn cabinet() -> Hardware {
    let mut settings = Settings::plain(24, 6);
    settings.slots.get_mut(&SlotNo(24)).expect("slot 24").latch = true;
    let labels = (1..=24).map(|n| (KeyNo(n), format!("Unit {n}"))).collect();
    Hardware::new(&settings, labels)
}

fn opened() -> Hardware {
    let mut cabinet = cabinet();
    cabinet.act(&Act::Force { door: DOOR }).expect("force always works");
    cabinet
}

fn take(slot: u16) -> Act {
    Act::Take { slot: SlotNo(slot) }
}

fn put(slot: u16, key: Option<&str>) -> Act {
    Act::Put { slot: SlotNo(slot), key: key.map(str::to_owned) }
}

fn slot_edge(slot: u16, level: Level) -> (Input, Level) {
    (Input::Slot(SlotNo(slot)), level)
}

#[test]
fn a_locked_door_opens_only_for_the_relay_or_by_force() {
    let mut cabinet = cabinet();
    let open = Act::Open { door: DOOR };
    assert_eq!(cabinet.act(&open), Err(Refusal::Locked { door: DOOR }));
    assert_eq!(cabinet.drive(Output::Lock(DOOR), true), Ok(Some(Happening::Lock { door: DOOR, energised: true })));
    assert_eq!(cabinet.drive(Output::Lock(DOOR), true), Ok(None), "it already is");
    let effect = cabinet.act(&open).expect("the relay is energised");
    assert_eq!(effect.edges, [(Input::Door(DOOR), Level::Inactive)]);
    assert_eq!(cabinet.act(&open), Err(Refusal::AlreadyOpen { door: DOOR }));

    // Closing with the relay still on does not lock; off, it does.
    let closed = cabinet.act(&Act::Close { door: DOOR }).expect("it was open");
    assert_eq!(closed.happening, Happening::DoorClosed { door: DOOR, locked: false });
    cabinet.drive(Output::Lock(DOOR), false).expect("the relay moves");
    assert_eq!(cabinet.act(&open), Err(Refusal::Locked { door: DOOR }));
    let forced = cabinet.act(&Act::Force { door: DOOR }).expect("force always works");
    assert_eq!(forced.happening, Happening::DoorForced { door: DOOR });
}

#[test]
fn nothing_is_reached_behind_a_closed_door() {
    let mut cabinet = cabinet();
    let before = cabinet.clone();
    assert_eq!(cabinet.act(&take(7)), Err(Refusal::DoorClosed { door: DOOR }));
    assert_eq!(cabinet.act(&put(7, None)), Err(Refusal::DoorClosed { door: DOOR }));
    assert_eq!(cabinet, before, "a refusal changes nothing");
    assert!(matches!(cabinet.act(&take(25)), Err(Refusal::NoSlot { last: SlotNo(24), .. })));
}

#[test]
fn a_key_goes_from_hook_to_hand_to_any_empty_hook() {
    let mut cabinet = opened();
    assert_eq!(cabinet.act(&take(7)).expect("it hangs there").edges, [slot_edge(7, Level::Inactive)]);
    assert_eq!(cabinet.act(&take(7)), Err(Refusal::Empty { slot: SlotNo(7) }));
    assert!(matches!(cabinet.act(&put(9, None)), Err(Refusal::Occupied { .. })));
    cabinet.act(&take(9)).expect("it hangs there");
    // Two in hand: one must be named; by number or by label.
    assert!(matches!(cabinet.act(&put(9, None)), Err(Refusal::WhichOne { .. })));
    assert!(matches!(cabinet.act(&put(9, Some("Unit 3"))), Err(Refusal::NotInHand { .. })));
    let hung = cabinet.act(&put(9, Some("unit 7"))).expect("held and free");
    assert_eq!(hung.edges, [slot_edge(9, Level::Active)]);
    assert!(matches!(hung.happening, Happening::Hung { slot: SlotNo(9), key: KeyNo(7), .. }));
    // One in hand: it is that one.
    cabinet.act(&put(7, None)).expect("the last one in hand");
    assert_eq!(cabinet.hand().count(), 0);
    assert_eq!(
        cabinet.act(&put(7, None)),
        Err(Refusal::Occupied { slot: SlotNo(7), key: KeyNo(9), label: "Unit 9".into() })
    );
}

#[test]
fn a_latch_holds_its_key_until_energised() {
    let mut cabinet = opened();
    assert_eq!(cabinet.act(&take(24)), Err(Refusal::Latched { slot: SlotNo(24) }));
    cabinet.drive(Output::Latch(SlotNo(24)), true).expect("there is a latch");
    cabinet.act(&take(24)).expect("unlatched");
    assert_eq!(cabinet.drive(Output::Latch(SlotNo(3)), true), Err(DriveFault::NoSuchLine), "slot 3 has no latch");
}

#[test]
fn a_stuck_sensor_lies_until_it_is_mended() {
    let mut cabinet = opened();
    let fault = |fault| Act::SensorFault { slot: SlotNo(7), fault };
    assert!(cabinet.act(&fault(SensorFault::Stuck)).expect("a fault").edges.is_empty());
    assert!(cabinet.act(&take(7)).expect("taken unseen").edges.is_empty());
    assert!(cabinet.picture().contains(&slot_edge(7, Level::Active)), "it still says that a key hangs there");
    assert_eq!(cabinet.act(&fault(SensorFault::Ok)).expect("mended").edges, [slot_edge(7, Level::Inactive)]);
}

#[test]
fn a_dead_sensor_is_a_fault_and_not_an_empty_slot() {
    let mut cabinet = cabinet();
    let dead = Act::SensorFault { slot: SlotNo(7), fault: SensorFault::Dead };
    assert_eq!(cabinet.act(&dead).expect("a fault").edges, [slot_edge(7, Level::Fault)]);
    assert!(cabinet.picture().contains(&slot_edge(7, Level::Fault)));
}

#[test]
fn a_bouncing_sensor_chatters_and_ends_at_the_truth() {
    let mut cabinet = opened();
    let bounce = Act::SensorFault { slot: SlotNo(7), fault: SensorFault::Bounce };
    let started = cabinet.act(&bounce).expect("a fault").edges;
    assert_eq!(started.last(), Some(&slot_edge(7, Level::Active)));
    let edges = cabinet.act(&take(7)).expect("taken").edges;
    assert_eq!(edges.len(), BOUNCES);
    assert_eq!(edges.last(), Some(&slot_edge(7, Level::Inactive)));
    assert!(edges.windows(2).all(|pair| pair[0].1 != pair[1].1), "every one is an edge");
}

#[test]
fn a_broken_lock_says_so_and_stays_where_it_was() {
    let mut cabinet = cabinet();
    cabinet.drive(Output::Lock(DOOR), true).expect("the relay moves");
    cabinet.act(&Act::LockFault { door: DOOR, broken: true }).expect("a fault");
    assert_eq!(cabinet.drive(Output::Lock(DOOR), false), Err(DriveFault::DidNotMove));
    assert_eq!(cabinet.drive(Output::Lock(DOOR), true), Ok(None), "it hangs in this position");
    let (_, released) = cabinet.release();
    assert_eq!(released, Err(DriveFault::DidNotMove));
    cabinet.act(&Act::Open { door: DOOR }).expect("energised for ever");
    cabinet.act(&Act::LockFault { door: DOOR, broken: false }).expect("mended");
    assert_eq!(cabinet.release(), (vec![Happening::Lock { door: DOOR, energised: false }], Ok(())));
}

#[test]
fn a_stuck_contact_hides_an_open_door() {
    let mut cabinet = cabinet();
    cabinet.act(&Act::ContactFault { door: DOOR, broken: true }).expect("a fault");
    assert!(cabinet.act(&Act::Force { door: DOOR }).expect("forced").edges.is_empty());
    let mended = cabinet.act(&Act::ContactFault { door: DOOR, broken: false }).expect("mended");
    assert_eq!(mended.edges, [(Input::Door(DOOR), Level::Inactive)]);
}

#[test]
fn an_unplugged_reader_hears_nothing() {
    let mut cabinet = cabinet();
    cabinet.reader().expect("plugged in");
    cabinet.act(&Act::ReaderFault { broken: true }).expect("a fault");
    assert_eq!(cabinet.reader(), Err(Refusal::ReaderUnplugged));
}

#[test]
fn release_drives_everything_inactive() {
    let mut cabinet = cabinet();
    for output in [Output::Lock(DOOR), Output::Latch(SlotNo(24)), Output::Led(SlotNo(7)), Output::Buzzer] {
        cabinet.drive(output, true).expect("it is on this board");
    }
    let (changed, result) = cabinet.release();
    assert_eq!((changed.len(), result), (4, Ok(())));
    assert_eq!(cabinet.release(), (Vec::new(), Ok(())), "nothing was left on");
}

#[test]
fn what_is_stored_comes_back_without_the_relays() {
    let mut cabinet = opened();
    cabinet.act(&take(7)).expect("taken");
    cabinet.drive(Output::Lock(DOOR), true).expect("the relay moves");
    let text = serde_json::to_string(&cabinet).expect("plain data");
    let back: Hardware = serde_json::from_str(&text).expect("as it was written");
    cabinet.release().1.expect("no relay is broken");
    assert_eq!(back, cabinet, "keys, hand and doors as they were; the relays fell off with the power");
    assert!(back.fits(&Settings::plain(24, 6)) && !back.fits(&Settings::plain(12, 6)));
}
