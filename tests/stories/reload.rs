//! The config read again while the cabinet runs: its rules count from then on, and what is wired stays.

use crate::outage::{STANDBY, in_conserve, in_normal};
use crate::story::Story;
use cabinetd::cabinet::event::{Ask, DrillStep, StoreState};
use cabinetd::cabinet::outcome::{Action, Answer};
use cabinetd::cabinet::power::policy::Mode;
use cabinetd::cabinet::power::{Method, PowerSettings};
use cabinetd::cabinet::types::{Reason, Role, SlotNo};

const MINUTE_MS: u64 = 60_000;

#[test]
fn rules_count_at_once_and_what_is_wired_stays() {
    let mut story = Story::on_a_ups(|power| power.may_order = true);
    story.reloads(|settings| {
        settings.sessions.unlock_ms = 3_000;
        settings.doors.clear();
        settings.slots.remove(&SlotNo(4));
        settings.tamper = !settings.tamper;
        let power = settings.power.as_mut().expect("there is a UPS");
        power.loads = vec!["lamp".into()];
        power.may_order = false;
        power.rules.always_after_ms = 10 * MINUTE_MS;
    });
    story.expect_records(&["config c1 in force"]);
    let settings = story.cabinet.settings();
    let power = settings.power.as_ref().expect("there is a UPS");
    assert_eq!((&power.loads[..], power.may_order), (&["display".to_owned(), "modem".to_owned()][..], true));
    assert_eq!(power.rules.always_after_ms, 10 * MINUTE_MS);
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    let unlocks = story.commanded().into_iter().filter(|action| matches!(action, Action::Unlock { for_ms: 3_000, .. }));
    assert_eq!(unlocks.count(), 1);
    story.expect_unlocked();
}

#[test]
fn a_ups_comes_and_goes_with_a_restart_alone() {
    let mut story = Story::on_a_ups(|_| {});
    story.reloads(|settings| settings.power = None);
    story.mains_fails();
    story.expect_mode(Mode::Grace);
    let mut story = Story::begins();
    story.reloads(|settings| settings.power = Some(PowerSettings::default()));
    assert!(story.cabinet.settings().power.is_none());
}

#[test]
fn in_an_outage_the_new_rules_decide_and_the_outage_is_the_same_one() {
    let mut story = in_normal();
    let outage = story.outage().id;
    story.reloads(|settings| {
        let rules = &mut settings.power.as_mut().expect("there is a UPS").rules;
        (rules.always_after_ms, rules.uncovered_after_ms) = (5 * MINUTE_MS, 5 * MINUTE_MS);
    });
    story.expect_mode(Mode::Normal);
    story.wait_min(6);
    story.expect_power(&[
        "power: Conserve (too-long)",
        "power: FallingAsleep by standby (idle)",
        "power: Asleep in standby (ready)",
    ]);
    assert_eq!(story.outage().id, outage);
}

#[test]
fn asleep_the_loads_that_were_shed_are_those_that_come_back() {
    let mut story = in_conserve();
    story.wait_min(1);
    story.expect_mode(STANDBY);
    story.reloads(|settings| settings.power.as_mut().expect("there is a UPS").loads.clear());
    story.expect_mode(STANDBY);
    story.commanded();
    story.presses_the_button();
    let switched = |action| if let Action::SwitchLoad { load, on } = action { Some((load, on)) } else { None };
    let switched: Vec<_> = story.commanded().into_iter().filter_map(switched).collect();
    assert_eq!(switched, [(2, true), (1, true)]);
    assert!(story.energised().is_empty());
}

#[test]
fn other_rules_open_nothing_on_a_full_disk() {
    let mut story = Story::begins();
    story.store(StoreState::Reserve);
    story.news();
    story.reloads(|settings| settings.sessions.unlock_ms = 3_000);
    story.badge("ana");
    assert!(story.cabinet.books().session.is_none());
    story.expect_locked();
    // A core that is rebuilt meanwhile has them.
    story.rebuild(StoreState::Reserve);
    assert_eq!(story.cabinet.settings().sessions.unlock_ms, 3_000);
    story.store(StoreState::Writable);
    story.expect_alarms(&[]);
    story.read_lines();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.expect_unlocked();
}

#[test]
fn a_drill_is_not_the_time_for_other_rules() {
    let mut story = Story::on_a_ups(|_| {});
    assert!(story.cabinet.may_change_rules());
    assert!(matches!(story.drill(DrillStep::Start { deep: false }), Answer::Done { .. }));
    assert!(!story.cabinet.may_change_rules());
    // It would outlive them all the same.
    story.reloads(|settings| settings.power.as_mut().expect("there is a UPS").sleep = Method::Standby);
    assert!(story.power().drill.is_some());
    story.drill(DrillStep::Abort);
    assert!(story.cabinet.may_change_rules());
}

#[test]
fn nor_is_a_visit_nor_a_word_that_stands() {
    let mut story = Story::begins();
    let word = Ask::Open { user: "ana".into(), door: None, why: "badge at home".into() };
    story.ask_as("boss", Some(Role::Admin), "word", word);
    assert!(story.cabinet.is_busy() && !story.cabinet.may_change_rules(), "she may press the button any moment");
    story.wait_s(60);
    assert!(story.cabinet.may_change_rules());
    story.badge("ana");
    assert!(!story.cabinet.may_change_rules(), "she types her PIN");
    story.pin_ok();
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.take(4);
    assert!(!story.cabinet.may_change_rules());
    story.closes();
    assert!(story.cabinet.may_change_rules());
}
