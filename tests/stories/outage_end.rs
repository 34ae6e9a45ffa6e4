//! The end of the battery, of the system, or of what was known of both: Manual, FSD, energy and capacity.

use crate::outage::{STANDBY, in_conserve, in_normal};
use crate::story::Story;
use cabinetd::cabinet::event::{DrillStep, StoreState};
use cabinetd::cabinet::fact::Fact;
use cabinetd::cabinet::outcome::{Action, Denial};
use cabinetd::cabinet::power::policy::{Method, Mode, Then};
use cabinetd::cabinet::power::state::PowerOrder;
use cabinetd::cabinet::types::{ClockQuality, Reason};

/// What is tried, and how.
type Way = (&'static str, fn(&mut Story));

const MANUAL: Mode = Mode::Manual { method: None };
const TO_MANUAL: Mode = Mode::FallingAsleep { method: Method::Standby, then: Then::Manual };
const MINUTE_MS: u64 = 60_000;

fn left_mwh(story: &Story) -> u64 {
    story.cabinet.energy_left_mwh().expect("a UPS")
}

/// The last percent goes.
fn closes_down(story: &mut Story) {
    while story.cabinet.power_mode() != TO_MANUAL {
        story.wait_s(1);
    }
}

// ---------------------------------------------------------------- Manual

#[test]
fn an_empty_battery_is_the_end_and_the_cabinet_key_is_announced() {
    let mut story = in_normal();
    story.battery_has_pct(1);
    story.ups_mut().low_at_pct = 0;
    story.wait_min(2);
    story.expect_power(&["power: FallingAsleep by standby, then Manual (empty)", "power: Manual (ready)"]);
    story.expect_alarms(&["cabinet-key-only"]);
    story.expect_told("Only the cabinet key opens; see the manager");
    assert!(story.slept.is_empty(), "with no method it stays up until the power ends");
}

#[test]
fn a_session_gets_its_minute_and_is_then_interrupted() {
    let mut story = in_normal();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.take(4);
    story.battery_has_pct(1);
    closes_down(&mut story);
    story.expect_told("please finish, and close the door at once");
    story.news();
    // Nobody else begins.
    story.badge("bob");
    story.expect_told("Ana is using the cabinet");
    story.wait_s(60);
    story.expect_records(&[
        "ALARM door-left-open door 1 level 1",
        "session closed: interrupted, 1 taken, 0 returned",
        "power: Manual (ready)",
    ]);
    story.expect_locked();
    story.expect_custody("204", "out with ana for work-order");
    assert!(story.cabinet.books().doors.values().all(|door| door.open), "the door is in the books as open");
}

#[test]
fn a_session_that_ends_in_its_minute_ends_well() {
    let mut story = in_normal();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.battery_has_pct(1);
    closes_down(&mut story);
    story.take(4);
    story.closes();
    story.expect_mode(MANUAL);
    story.expect_record("session closed: completed, 1 taken, 0 returned");
}

#[test]
fn nobody_new_is_let_in_while_it_closes_down() {
    let mut story = in_normal();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.closes();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.battery_has_pct(1);
    closes_down(&mut story);
    story.closes();
    story.expect_mode(MANUAL);
    // It stays up as long as there is power; who comes is served if it is enough for that.
    story.badge("bob");
    story.expect_told("Enter your PIN");
    story.expect_mode(MANUAL);
}

#[test]
fn low_battery_is_believed_at_twenty_percent_and_the_last_visit_is_kept() {
    let mut story = in_conserve();
    story.orders(PowerOrder::StayAwake { for_minutes: 600 });
    story.ups_mut().low_at_pct = 20;
    story.wait_min(100);
    story.news();
    story.expect_mode(Mode::Conserve);
    while story.cabinet.power_mode() == Mode::Conserve {
        story.wait_s(30);
    }
    story.expect_power(&[
        "power: FallingAsleep by standby, then Manual (low-and-last)",
        "power: Manual (ready)",
        "battery measured",
    ]);
    let figures = story.power().figures;
    assert!(figures.energy_mwh < 800 && figures.charge_pct.is_some_and(|pct| pct <= 2), "{figures:?}");
}

#[test]
fn somebody_at_the_last_is_served_while_it_is_enough() {
    let mut story = in_normal();
    story.ups_says("FSD");
    story.expect_mode(MANUAL);
    story.wait_min(1);
    // Somebody else shuts the system down: no way back.
    story.presses_the_button();
    story.wait_min(2);
    story.expect_mode(MANUAL);
    // But it did not come to that.
    story.ups_says_no_more("FSD");
    story.expect_mode(MANUAL);
    story.news();
    story.badge("ana");
    story.expect_power(&["power: Conserve (someone-at-the-last)"]);
    story.expect_alarms(&[]);
    story.pin_ok();
    story.pull("204", Reason::WorkOrder);
    story.expect_unlocked();
}

#[test]
fn manual_uses_the_deepest_proved_method() {
    let mut story = Story::on_a_ups(|power| {
        power.sleep = Method::UpsOff;
        power.may_order = true;
    });
    story.proves(Method::UpsOff);
    story.mains_fails();
    story.wait_min(3);
    story.battery_has_pct(1);
    story.ups_mut().low_at_pct = 0;
    story.news();
    story.wait_min(1);
    story.expect_power(&[
        "power: Conserve (budget)",
        "power: FallingAsleep by ups-off, then Manual (empty)",
        "power: Manual by ups-off (ready)",
    ]);
    story.expect_sleep_ordered(Method::UpsOff);
    // Somebody presses the UPS's button and has just enough to be told.
    story.sleeps(3_600, ClockQuality::Synced);
    story.wait_s(50);
    story.expect_power(&[
        "power: Conserve (started-on-battery)",
        "power: FallingAsleep by ups-off, then Manual (empty)",
        "power: Manual by ups-off (ready)",
    ]);
    // And if that does not work any more, it stays up until the end.
    story.wait_min(1);
    story.expect_power(&["power: FallingAsleep by standby, then Manual (method-failed)", "power: Manual (ready)"]);
    story.expect_alarms(&["cabinet-key-only", "sleep-failed method ups-off"]);
}

#[test]
fn mains_ends_manual() {
    let mut story = in_normal();
    story.battery_has_pct(1);
    story.wait_min(2);
    story.expect_mode(MANUAL);
    story.news();
    story.mains_returns();
    story.expect_power(&["power: Restoring, remembering Conserve (mains-back)"]);
    story.expect_alarms(&[]);
    story.expect_told("Hold your badge to the reader");
}

#[test]
fn a_battery_that_died_is_a_start_on_mains() {
    let mut story = in_conserve();
    story.orders(PowerOrder::StayAwake { for_minutes: 600 });
    story.wait_min(150);
    story.expect_mode(MANUAL);
    story.news();
    story.ups_mut().on_mains = true;
    story.boots(4 * 3_600, 0, ClockQuality::Restored);
    story.expect_power(&["power: Restoring, remembering Conserve (started-on-line)"]);
    story.wait_min(3);
    story.expect_mode(Mode::Line);
    // What a battery gave beyond what it held is not owed to the charger.
    story.battery_has_pct(100);
    story.wait_min(11 * 60);
    assert_eq!(left_mwh(&story), story.cabinet.power_view(story.now()).expect("a UPS").full_mwh);
}

// ---------------------------------------------------------------- the system is shut down

#[test]
fn a_foreign_fsd_closes_down_in_time() {
    let mut story = Story::on_a_ups(|_| {});
    story.mains_fails();
    story.ups_says("FSD");
    story.expect_power(&[
        "power: Grace (mains-lost)",
        "power: FallingAsleep by standby, then Manual (shut-down-by-others)",
        "power: Manual (ready)",
    ]);
    story.expect_alarms(&["cabinet-key-only"]);
}

#[test]
fn battery_and_fsd_heard_at_once_are_an_outage_first() {
    let mut story = Story::on_a_ups(|_| {});
    story.ups_mut().tokens.push("FSD");
    story.mains_fails();
    story.expect_power(&[
        "power: Grace (mains-lost)",
        "power: FallingAsleep by standby, then Manual (shut-down-by-others)",
        "power: Manual (ready)",
    ]);
    assert!(story.outage().mains_off);
}

#[test]
fn a_session_gets_fifteen_seconds_of_a_foreign_fsd() {
    let mut story = in_normal();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.news();
    story.ups_says("FSD");
    story.wait_ms(14_999);
    story.expect_mode(TO_MANUAL);
    story.wait_ms(1);
    story.expect_records(&[
        "power: FallingAsleep by standby, then Manual (shut-down-by-others)",
        "ALARM cabinet-key-only",
        "session closed: interrupted, 0 taken, 0 returned",
        "power: Manual (ready)",
    ]);
    story.expect_locked();
}

/// The battery is full: what the display says is true of a shutdown, too.
#[test]
fn a_shutdown_by_others_says_nothing_of_an_empty_battery() {
    let mut story = Story::on_a_ups(|_| {});
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.commanded();
    story.ups_says("FSD");
    story.expect_told("The cabinet goes down: please finish");
    story.wait_s(30);
    story.expect_mode(MANUAL);
    story.expect_told("Only the cabinet key opens");
    let said = |story: &mut Story| -> Vec<String> {
        let said = |action: &Action| if let Action::Show(message) = action { Some(message.to_string()) } else { None };
        story.commanded().iter().filter_map(said).collect()
    };
    let in_a_visit = said(&mut story);
    let mut story = Story::on_a_ups(|_| {});
    story.commanded();
    story.ups_says("FSD");
    let with_nobody = said(&mut story);
    assert!(with_nobody.iter().any(|text| text.starts_with("The cabinet goes down. From now on:")), "{with_nobody:?}");
    let mut said = in_a_visit.iter().chain(&with_nobody);
    assert!(!said.any(|text| text.to_lowercase().contains("battery") || text.to_lowercase().contains("power")));
}

/// No mains was lost: it is a shutdown and no outage, and it does not go round between the two.
#[test]
fn a_foreign_fsd_on_mains_is_no_outage() {
    let mut story = Story::on_a_ups(|_| {});
    story.ups_says("FSD");
    story
        .expect_power(&["power: FallingAsleep by standby, then Manual (shut-down-by-others)", "power: Manual (ready)"]);
    story.wait_min(10);
    story.expect_power(&[]);
    story.system_shuts_down();
    story.boots(3_600, 0, ClockQuality::Synced);
    story.expect_power(&["power: Restoring, remembering Conserve (started-on-line)"]);
    story.wait_min(3);
    story.expect_power(&["power: Line (mains-for-good)"]);
    assert!(story.power().history.is_empty() && story.power().outage.is_none());
    story.expect_alarms(&[]);
}

#[test]
fn mains_that_fails_after_the_fsd_is_an_outage_after_all() {
    let mut story = Story::on_a_ups(|_| {});
    story.ups_says("FSD");
    story.wait_s(30);
    story.mains_fails();
    story.boots(600, 0, ClockQuality::Synced);
    story.expect_mode(Mode::Conserve);
    story.mains_returns();
    story.wait_min(4);
    assert_eq!(story.power().history_ms(), [600_000 + 31_000]);
}

#[test]
fn sigterm_from_a_system_shutdown_on_battery_puts_in_order_what_can_be() {
    let mut story = in_normal();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.news();
    story.system_shuts_down();
    story.expect_records(&[
        "session closed: interrupted, 0 taken, 0 returned",
        "power: FallingAsleep by standby, then Manual (shut-down-by-others)",
        "ALARM cabinet-key-only",
        "power: Manual (ready)",
        "stopped with the system",
    ]);
    story.expect_locked();
    story.boots(60, 20_000, ClockQuality::Restored);
    story.expect_mode(Mode::Conserve);
    story.expect_alarms(&[]);
}

#[test]
fn sigterm_on_mains_and_of_the_service_alone_are_no_matter_of_power() {
    let mut story = Story::on_a_ups(|_| {});
    story.system_shuts_down();
    story.expect_records(&["stopped with the system"]);

    let mut story = in_normal();
    story.stop();
    story.expect_records(&["energy booked", "stopped"]);
    story.process_restarts();
    story.expect_mode(Mode::Normal);
}

#[test]
fn sigterm_asleep_is_what_sleep_is_made_of() {
    let mut story = Story::on_a_ups(|power| {
        power.sleep = Method::UpsOff;
        power.may_order = true;
    });
    story.proves(Method::UpsOff);
    story.mains_fails();
    story.wait_min(3);
    story.orders(PowerOrder::SleepNow);
    story.news();
    story.ups_says("FSD");
    story.system_shuts_down();
    story.expect_records(&["energy booked, asleep", "stopped with the system"]);
}

// ---------------------------------------------------------------- energy

#[test]
fn a_worn_battery_holds_twelve_percent_of_the_nameplate_less() {
    let mut story = in_normal();
    let before = left_mwh(&story);
    story.ups_says("RB");
    let now = left_mwh(&story);
    // 12 % of 108 Wh by the drain; what the charge says is a share of the smaller battery.
    assert!((11_900..13_100).contains(&(before - now)), "{before} → {now}");
    story.ups_says_no_more("RB");
    assert!(left_mwh(&story) + 100 > before);
}

#[test]
fn every_visit_on_battery_is_booked_with_its_energy() {
    let mut story = in_normal();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.wait_s(50);
    story.take(4);
    story.wait_s(40);
    story.closes();
    let energy = |story: &Story| {
        story.records().iter().rev().find_map(|record| match record.fact {
            Fact::SessionClosed { energy_mwh, .. } => Some(energy_mwh),
            _ => None,
        })
    };
    // 90 s at 24.3 W.
    assert!(matches!(energy(&story), Some(Some(606..612))), "{:?}", energy(&story));
    story.mains_returns();
    story.wait_min(4);
    story.pulls("bob", 5);
    assert_eq!(energy(&story), Some(None));
}

/// The count goes on over every kind of restart: what was drawn up to the last sign of life, what was drawn in the dark, what is drawn now.
#[test]
fn the_drain_is_counted_on_over_restarts() {
    let mut story = Story::on_a_ups(|_| {});
    story.ups_mut().tells_charge = false;
    story.mains_fails();
    let close = |story: &mut Story, when: &str| {
        let (counted, truth) = (left_mwh(story), story.ups_mut().left_mwh());
        assert!(counted.abs_diff(truth) < 450, "{when}: counted {counted}, in truth {truth}");
    };
    story.wait_min(40);
    story.polls();
    close(&mut story, "before");
    story.rebuild(StoreState::Writable);
    story.read_lines();
    story.polls();
    close(&mut story, "rebuilt");
    story.wait_min(10);
    story.process_restarts();
    story.polls();
    close(&mut story, "another process");
    story.wait_min(10);
    story.presses_the_button();
    story.polls();
    // An unannounced end forty minutes after the last power record.
    story.boots(120, 20_000, ClockQuality::Synced);
    story.polls();
    close(&mut story, "another boot");
    story.wait_s(10);
    story.boots(60, 20_000, ClockQuality::Restored);
    story.polls();
    // Without a clock the dark is as long as the new boot at least.
    let (counted, truth) = (left_mwh(&story), story.ups_mut().left_mwh());
    assert!(counted >= truth && counted - truth < 600, "counted {counted}, in truth {truth}");
    // What was spent adds up to what was drained: the laws have looked at each record.
    assert_eq!(story.power().drained_mwh, story.outage().spent_mwh);
}

#[test]
fn the_lower_witness_counts_and_a_silent_one_ages() {
    let mut story = in_normal();
    story.ups_mut().lies_pct = Some(30);
    story.wait_s(5);
    let by_charge = left_mwh(&story);
    assert_eq!(by_charge, 24_300);
    story.ups_falls_silent();
    story.wait_min(60);
    story.polls();
    let aged = left_mwh(&story);
    // Three minutes awake, the rest in standby.
    assert!((8_500..10_500).contains(&aged), "{aged}");
}

/// The UPS is heard no more, and the process is another one: what the UPS said last is in the record.
#[test]
fn what_the_ups_said_last_outlives_the_process() {
    let mut story = in_normal();
    story.ups_mut().lies_pct = Some(30);
    story.ups_falls_silent();
    story.ups_speaks_again();
    story.ups_falls_silent();
    story.wait_min(4);
    story.expect_mode(STANDBY);
    let before = left_mwh(&story);
    assert!(before < 24_000, "{before}");
    story.process_restarts();
    assert!(left_mwh(&story).abs_diff(before) < 50, "{}", left_mwh(&story));
    story.ups_mut().lies_pct = None;
    story.ups_speaks_again();
    assert!(left_mwh(&story) > 70_000, "its own word counts again");
}

#[test]
fn the_runtime_counts_where_the_load_is_high_enough_for_it() {
    let mut story = in_normal();
    (story.ups_mut().runtime_s, story.ups_mut().load_pct) = (Some(600), Some(14));
    story.wait_s(5);
    assert!(left_mwh(&story) > 70_000);
    story.ups_mut().load_pct = Some(15);
    story.wait_s(5);
    // Ten minutes at 24.3 W.
    assert!((4_050..4_060).contains(&left_mwh(&story)), "{}", left_mwh(&story));
}

#[test]
fn foreign_load_empties_the_battery_faster() {
    let mut story = in_normal();
    story.ups_mut().tells_charge = false;
    story.ups_mut().real_power_mw = Some(72_000);
    story.wait_s(5);
    let before = left_mwh(&story);
    story.wait_min(12);
    let spent = before - left_mwh(&story);
    // 80 W with the UPS's own, 120 W to this battery: 24 Wh.
    assert!((23_500..24_500).contains(&spent), "{spent}");
}

#[test]
fn mains_charges_it_again_in_ten_hours() {
    let mut story = in_normal();
    story.wait_min(58);
    story.mains_returns();
    let empty = left_mwh(&story);
    story.wait_min(60);
    let hour = left_mwh(&story) - empty;
    assert!((8_000..8_200).contains(&hour), "{hour}");
    // Also what was charged before a start of the machine.
    story.wait_min(60);
    story.boots(120, 0, ClockQuality::Synced);
    story.wait_min(1);
    let two = left_mwh(&story) - empty;
    assert!((16_000..16_600).contains(&two), "{two}");
}

// ---------------------------------------------------------------- capacity

#[test]
fn a_long_discharge_tells_what_the_battery_holds() {
    let mut story = Story::on_a_ups(|_| {});
    // Half of what is printed on it.
    story.ups_mut().capacity_mwh = 54_000;
    story.mains_fails();
    story.wait_min(60);
    assert!(story.power().measured.is_none());
    story.mains_returns();
    let measured = story.power().measured.expect("it was measured");
    assert!(!measured.by_drill && (53_000..55_500).contains(&measured.capacity_mwh), "{measured:?}");
    story.expect_record("battery measured");
    assert_eq!(story.cabinet.power_view(story.now()).map(|view| view.measured), Some(true));
}

#[test]
fn a_deep_drill_measures_it() {
    let mut story = Story::on_a_ups(|_| {});
    story.drill(DrillStep::Start { deep: true });
    story.mains_fails();
    story.wait_min(95);
    story.mains_returns();
    assert!(story.power().measured.is_some_and(|measured| measured.by_drill));
}

#[test]
fn a_discharge_of_which_something_was_not_seen_measures_nothing() {
    let spoilt: &[Way] = &[
        ("short", |story| story.wait_min(30)),
        ("flapped", |story| {
            story.wait_min(40);
            story.mains_returns();
            story.wait_s(10);
            story.mains_fails();
            story.wait_min(60);
        }),
        ("another boot", |story| {
            story.wait_min(60);
            story.boots(1_200, 20_000, ClockQuality::Synced);
            story.wait_min(10);
        }),
        ("zero percent", |story| {
            story.wait_min(60);
            story.ups_mut().lies_pct = Some(0);
        }),
        ("no charge", |story| {
            story.ups_mut().tells_charge = false;
            story.wait_min(60);
        }),
    ];
    for (what, spoils) in spoilt.iter().copied() {
        let mut story = Story::on_a_ups(|_| {});
        story.ups_mut().tells_charge = what != "no charge";
        story.mains_fails();
        spoils(&mut story);
        story.mains_returns();
        assert!(story.power().measured.is_none(), "{what}: {:?}", story.power().measured);
    }
}

#[test]
fn a_battery_that_was_not_full_measures_nothing() {
    let mut story = Story::on_a_ups(|_| {});
    story.battery_has_pct(90);
    story.mains_fails();
    story.wait_min(90);
    story.mains_returns();
    assert!(story.power().measured.is_none());
}

#[test]
fn a_new_battery_in_the_middle_of_an_outage_is_full_and_unknown() {
    let mut story = in_conserve();
    story.replaces_the_battery();
    assert_eq!(left_mwh(&story), 81_000);
    story.wait_min(10);
    let left = left_mwh(&story);
    assert!((76_500..79_500).contains(&left), "{left}");
    // It is so after a restart, too.
    story.process_restarts();
    assert!(left_mwh(&story).abs_diff(left) < 300);
    story.expect_mode(STANDBY);
    assert_eq!(story.outage().elapsed(story.now().stamp()).least_ms / MINUTE_MS, 102);
}

#[test]
fn orders_need_a_ups_and_an_outage() {
    let mut story = Story::begins();
    story.orders_and_is_refused(PowerOrder::SleepNow, &Denial::NoUps);
    let mut story = Story::on_a_ups(|_| {});
    story.orders_and_is_refused(PowerOrder::StayAwake { for_minutes: 5 }, &Denial::NotOnBattery);
}
