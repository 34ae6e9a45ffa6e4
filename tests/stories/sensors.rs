//! Sensors that bounce, stick, chatter and break: unknown is its own value.

use crate::story::Story;
use cabinetd::cabinet::Event;
use cabinetd::cabinet::event::StoreState;
use cabinetd::cabinet::outcome::{Action, Lamp};
use cabinetd::cabinet::types::{DoorNo, Input, Level, Reason, SlotNo};

const SLOT_4: Input = Input::Slot(SlotNo(4));

fn ana_at_the_open_door() -> Story {
    let mut story = Story::begins();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.news();
    story
}

fn flutter(story: &mut Story, input: Input, times: u32, every_ms: u64) {
    for _ in 0..times {
        let other = if story.levels[&input] == Level::Active { Level::Inactive } else { Level::Active };
        story.raw(input, other);
        story.wait_ms(every_ms);
    }
}

#[test]
fn a_bouncing_sensor_is_one_edge() {
    let mut story = ana_at_the_open_door();
    flutter(&mut story, SLOT_4, 7, 4);
    story.wait_ms(30);
    story.expect_records(&["ana took 204 from slot 4"]);
}

#[test]
fn a_bounce_that_ends_where_it_began_is_no_edge() {
    let mut story = ana_at_the_open_door();
    flutter(&mut story, SLOT_4, 6, 4);
    story.wait_ms(30);
    story.expect_records(&[]);
}

#[test]
fn an_edge_counts_after_exactly_the_debounce_time() {
    let mut story = ana_at_the_open_door();
    story.raw(SLOT_4, Level::Inactive);
    story.wait_ms(29);
    story.expect_records(&[]);
    story.wait_ms(1);
    story.expect_records(&["ana took 204 from slot 4"]);
}

#[test]
fn a_chattering_sensor_is_a_fault_until_it_is_quiet() {
    let mut story = Story::begins();
    flutter(&mut story, SLOT_4, 40, 20);
    story.expect_records(&["sensor fault: Slot(SlotNo(4)) Chatter", "ALARM sensor-fault slot 4"]);
    story.wait_s(9);
    story.expect_records(&[]);
    story.wait_s(2);
    story.expect_records(&["sensor back: Slot(SlotNo(4)) active", "alarm cleared: resolved"]);
    story.expect_custody("204", "in slot 4 (home-slot)");
}

#[test]
fn an_unreadable_sensor_is_a_fault_and_not_an_empty_slot() {
    let mut story = Story::begins();
    story.raw(SLOT_4, Level::Fault);
    story.wait_ms(30);
    story.expect_records(&["sensor fault: Slot(SlotNo(4)) Unreadable", "ALARM sensor-fault slot 4"]);
    story.expect_custody("204", "in slot 4 (home-slot)");
    story.put(4);
    story.expect_records(&["sensor back: Slot(SlotNo(4)) active", "alarm cleared: resolved"]);
}

#[test]
fn what_a_broken_sensor_missed_was_not_seen_by_anybody() {
    let mut story = Story::begins();
    story.raw(SLOT_4, Level::Fault);
    story.wait_ms(30);
    story.news();
    story.wait_min(30);
    story.take(4);
    story.expect_records(&[
        "sensor back: Slot(SlotNo(4)) inactive",
        "alarm cleared: resolved",
        "found slot 4 empty, 204",
        "ALARM dark-difference slot 4",
    ]);
    story.expect_custody("204", "unaccounted");
}

#[test]
fn a_key_taken_while_its_sensor_recovers_in_the_visit_is_the_visitors() {
    let mut story = ana_at_the_open_door();
    story.raw(SLOT_4, Level::Fault);
    story.wait_s(1);
    story.take(4);
    story.expect_custody("204", "out with ana for work-order");
}

#[test]
fn a_slot_that_changes_behind_a_closed_door() {
    let mut story = Story::begins();
    story.take(4);
    story.expect_records(&["nobody took 204 from slot 4, not entitled", "ALARM changed-behind-door slot 4"]);
    story.expect_custody("204", "unaccounted");
}

#[test]
fn all_lines_lost_and_back() {
    let mut story = Story::begins();
    story.event(Event::LinesRead(vec![]));
    story.event(Event::LinesRead(vec![]));
    story.expect_records(&["all lines lost", "ALARM lines-lost"]);
    story.levels.insert(SLOT_4, Level::Inactive);
    story.read_lines();
    story.expect_records(&[
        "lines back",
        "alarm cleared: resolved",
        "found slot 4 empty, 204",
        "ALARM dark-difference slot 4",
        "compared across the dark: 1 differences",
    ]);
}

#[test]
fn a_dead_interrupt_alarms_until_edges_come_again() {
    let mut story = Story::begins();
    let judged = |chips: &[&str]| Event::InterruptsJudged { dead: chips.iter().map(ToString::to_string).collect() };
    story.event(judged(&["1-0020"]));
    story.event(judged(&["1-0020", "1-0021"]));
    story.expect_records(&["ALARM interrupt-dead chip 1-0020", "ALARM interrupt-dead chip 1-0021"]);
    story.event(judged(&["1-0021"]));
    story.expect_records(&["alarm cleared: resolved"]);
    story.expect_alarms(&["interrupt-dead chip 1-0021"]);
    // A start claims the lines anew: nothing is known of their interrupts.
    story.kill(|_| {});
    story.expect_alarms(&[]);
}

#[test]
fn the_self_check_finds_a_lost_edge() {
    let mut story = ana_at_the_open_door();
    story.levels.insert(SLOT_4, Level::Inactive);
    story.read_lines();
    story.wait_ms(30);
    story.expect_records(&["ana took 204 from slot 4"]);
}

#[test]
fn the_self_check_finds_a_line_that_cannot_be_read_any_more() {
    let mut story = Story::begins();
    story.levels.remove(&SLOT_4);
    story.read_lines();
    story.wait_ms(30);
    story.expect_records(&["sensor fault: Slot(SlotNo(4)) Unreadable", "ALARM sensor-fault slot 4"]);
}

#[test]
fn a_line_that_the_config_does_not_know_changes_nothing() {
    let mut story = Story::begins();
    story.raw(Input::Slot(SlotNo(99)), Level::Active);
    story.raw(Input::Door(DoorNo(9)), Level::Inactive);
    story.raw(Input::Tamper, Level::Inactive);
    story.wait_s(1);
    story.expect_records(&[]);
}

#[test]
fn the_lockbox_alarms_until_it_is_closed_and_somebody_has_looked_after_it() {
    let mut story = Story::with(|settings| settings.lockbox = true);
    story.settle(Input::Lockbox, Level::Inactive);
    story.expect_records(&["lockbox opened", "ALARM lockbox-opened"]);
    story.acknowledges("lockbox-opened");
    story.expect_alarms(&["lockbox-opened (seen)"]);
    // Not even a restart ends it while it stands open.
    story.kill(|_| {});
    story.expect_alarms(&["lockbox-opened (seen)"]);
    story.news();
    story.settle(Input::Lockbox, Level::Active);
    story.expect_records(&["lockbox closed", "alarm cleared: resolved"]);
    // The other way round.
    story.settle(Input::Lockbox, Level::Inactive);
    story.settle(Input::Lockbox, Level::Active);
    story.expect_alarms(&["lockbox-opened"]);
    story.acknowledges("lockbox-opened");
    story.expect_alarms(&[]);
    // In the dark: open when the daemon comes up.
    story.news();
    story.kill(|levels| {
        levels.insert(Input::Lockbox, Level::Inactive);
    });
    story.expect_record("lockbox opened");
    story.expect_alarms(&["lockbox-opened"]);
}

#[test]
fn the_lamp_shows_what_waits_for_somebody_and_nothing_silent() {
    let mut story = Story::with(|settings| settings.lamp = true);
    let shown = |story: &mut Story| -> Vec<Lamp> {
        let lamp = |action| if let Action::Lamp(lamp) = action { Some(lamp) } else { None };
        story.commanded().into_iter().filter_map(lamp).collect()
    };
    assert_eq!(shown(&mut story), [Lamp::Ready], "once");
    story.badge("ana");
    story.pin_duress();
    story.event(Event::CancelPressed);
    assert_eq!(shown(&mut story), []);
    story.door_opens();
    assert_eq!(shown(&mut story), [Lamp::Attention]);
    story.acknowledges("open-without-session door 1");
    story.closes();
    assert_eq!(shown(&mut story), [Lamp::Ready]);
    // The hardware was away, and is dark when it is back.
    story.event(Event::LinesRead(vec![]));
    story.read_lines();
    assert_eq!(shown(&mut story), [Lamp::Attention, Lamp::Ready]);
    story.event(Event::StoreChanged(StoreState::Reserve));
    assert_eq!(shown(&mut story), [Lamp::Attention]);
}

#[test]
fn the_housing_is_opened() {
    let mut story = Story::with(|settings| settings.tamper = true);
    story.raw(Input::Tamper, Level::Inactive);
    story.wait_ms(30);
    story.expect_alarms(&["tampered"]);
    story.raw(Input::Tamper, Level::Active);
    story.wait_ms(30);
    story.expect_alarms(&[]);
}
