//! Asleep and awake again: by each method, by each way of waking, and what keeps it up.

use crate::outage::{STANDBY, in_conserve, in_normal};
use crate::story::Story;
use cabinetd::cabinet::Event;
use cabinetd::cabinet::event::DrillStep;
use cabinetd::cabinet::fact::Fact;
use cabinetd::cabinet::outcome::{Action, Answer, Denial, Message, Sound};
use cabinetd::cabinet::power::policy::{Method, Mode, Remembered};
use cabinetd::cabinet::power::state::{PowerOrder, Told};
use cabinetd::cabinet::types::{ClockQuality, Input, Level, Output, Reason, SlotNo};

const ASLEEP_OFF: Mode = Mode::Asleep { method: Method::UpsOff };
const ASLEEP_HALTED: Mode = Mode::Asleep { method: Method::Halt };

/// A site whose UPS can be switched off, proved by a drill; in Conserve, with somebody here a moment ago.
fn may_be_switched_off() -> Story {
    let mut story = Story::on_a_ups(|power| {
        power.sleep = Method::UpsOff;
        power.may_order = true;
        power.clock_wakes = true;
    });
    story.proves(Method::UpsOff);
    conserves(&mut story);
    story
}

/// The same with halt alone.
fn may_halt() -> Story {
    let mut story = Story::on_a_ups(|power| {
        power.sleep = Method::Halt;
        power.clock_wakes = true;
    });
    story.proves(Method::Halt);
    conserves(&mut story);
    story
}

/// The same with both.
fn may_do_both() -> Story {
    let mut story = Story::on_a_ups(|power| {
        power.sleep = Method::UpsOff;
        power.may_order = true;
        power.clock_wakes = true;
    });
    story.proves(Method::Halt);
    story.proves(Method::UpsOff);
    conserves(&mut story);
    story
}

/// In a storm, with the utility speaking of days, the battery is soon saved, and it stays at that.
fn conserves(story: &mut Story) {
    story.mains_fails();
    story.tells(Told::Storm { is: true });
    story.tells(Told::EndsIn { ms: 48 * 3_600_000 });
    while story.cabinet.power_mode() != Mode::Conserve {
        story.wait_s(1);
    }
    story.presses_the_button();
    story.news();
}

// ---------------------------------------------------------------- falling asleep

#[test]
fn nobody_for_a_minute_and_it_sleeps() {
    let mut story = may_be_switched_off();
    story.wait_ms(59_999);
    story.expect_power(&[]);
    story.wait_ms(1);
    story.expect_power(&["power: FallingAsleep by ups-off (idle)", "power: Asleep in ups-off (ready)"]);
    story.expect_sleep_ordered(Method::UpsOff);
    story.expect_heard(Sound::Sleeping);
    story.expect_told("Press the button of the UPS");
}

/// Out of a deep sleep nobody gets in by a badge alone, so whoever hesitates is told in time.
#[test]
fn who_hesitates_is_told_twenty_seconds_before() {
    let mut story = may_be_switched_off();
    story.heard();
    story.wait_ms(39_999);
    assert_eq!(story.heard(), []);
    story.wait_ms(1);
    assert_eq!(story.heard(), [Sound::Sleeping]);
    story.expect_told("going to sleep in 20 s");
    story.event(Event::PadTouched);
    story.wait_ms(39_999);
    assert_eq!(story.heard(), []);
    story.wait_ms(20_000);
    story.expect_mode(Mode::Conserve);
    story.wait_ms(1);
    assert_eq!(story.heard(), [Sound::Sleeping, Sound::Sleeping], "the second time it sleeps");
    story.expect_mode(ASLEEP_OFF);
}

#[test]
fn who_is_done_or_loses_nothing_is_not_told() {
    let mut story = may_be_switched_off();
    story.pulls("ana", 4);
    story.heard();
    story.wait_s(60);
    assert_eq!(story.heard(), [Sound::Sleeping], "asleep, after a visit that was over");
    let mut story = in_conserve();
    story.heard();
    story.wait_s(60);
    assert_eq!(story.heard(), [Sound::Sleeping], "standby wakes by a badge");
}

#[test]
fn late_in_an_outage_twenty_seconds_are_enough() {
    let mut story = in_conserve();
    story.wait_min(60);
    story.presses_the_button();
    story.news();
    story.wait_ms(19_999);
    story.expect_power(&[]);
    story.wait_ms(1);
    story.expect_power(&["power: FallingAsleep by standby (idle)", "power: Asleep in standby (ready)"]);
}

#[test]
fn whoever_comes_begins_the_minute_anew() {
    let mut story = in_conserve();
    for _ in 0..5 {
        story.wait_s(50);
        story.presses_the_button();
    }
    story.wait_s(50);
    story.badge("ana");
    story.wait_s(40);
    story.expect_mode(Mode::Conserve);
    story.wait_s(20);
    story.expect_mode(STANDBY);
}

#[test]
fn a_half_typed_pin_blocks_sleep_until_it_is_forgotten() {
    let mut story = may_be_switched_off();
    story.wait_s(59);
    story.badge("ana");
    story.types("482913");
    // The check takes its time.
    story.wait_s(4);
    story.expect_mode(Mode::Conserve);
    story.wait_s(56);
    story.expect_mode(ASLEEP_OFF);

    let mut story = in_conserve();
    story.badge("ana");
    story.orders_and_is_refused(PowerOrder::SleepNow, &Denial::Busy);
    story.wait_s(29);
    story.orders_and_is_refused(PowerOrder::SleepNow, &Denial::Busy);
    story.wait_s(1);
    story.orders(PowerOrder::SleepNow);
    story.expect_mode(STANDBY);
}

#[test]
fn a_visit_blocks_sleep_as_long_as_it_lasts() {
    let mut story = may_be_switched_off();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    for _ in 0..3 {
        story.wait_s(100);
        story.take(4);
        story.put(4);
    }
    story.expect_mode(Mode::Conserve);
    story.closes();
    story.news();
    story.wait_ms(59_999);
    story.expect_mode(Mode::Conserve);
    story.wait_ms(1);
    story.expect_mode(ASLEEP_OFF);
}

/// Half an hour of a propped door: it alarms, it keeps the cabinet up for three minutes, and then no longer.
#[test]
fn a_propped_door_blocks_sleep_for_some_minutes_and_alarms() {
    let mut story = in_conserve();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.take(4);
    story.news();
    story.wait_s(60);
    story.expect_alarms(&["door-left-open door 1 level 1"]);
    story.wait_s(119);
    story.expect_mode(Mode::Conserve);
    story.wait_s(1);
    story.expect_alarms(&["door-left-open door 1 level 2"]);
    story.expect_power(&["power: FallingAsleep by standby (idle)", "power: Asleep in standby (ready)"]);
    story.wait_min(30);
    story.expect_alarms(&["door-left-open door 1 level 3"]);
    story.expect_mode(STANDBY);
    // The visit goes on: who comes back to close the door wakes it, and the books are closed with it.
    story.closes();
    story.expect_records(&[
        "alarm cleared: escalated",
        "ALARM door-left-open door 1 level 3",
        "door 1 closed",
        "alarm cleared: resolved",
        "session closed: completed, 1 taken, 0 returned",
        "power: Conserve (someone-came)",
    ]);
}

#[test]
fn a_propped_door_does_not_keep_the_machine_up_and_its_visit_is_closed_before_it_goes() {
    let mut story = may_be_switched_off();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.take(4);
    story.news();
    story.wait_s(180);
    story.expect_records(&[
        "ALARM door-left-open door 1 level 1",
        "alarm cleared: escalated",
        "ALARM door-left-open door 1 level 2",
        "power: FallingAsleep by ups-off (idle)",
        "session closed: interrupted, 1 taken, 0 returned",
        "power: Asleep in ups-off (ready)",
    ]);
    story.expect_sleep_ordered(Method::UpsOff);
    story.expect_locked();
    story.expect_custody("204", "out with ana for work-order");
    story.sleeps(3_600, ClockQuality::Synced);
    // The door is in the books as open, and still is.
    story.expect_alarms(&["door-left-open door 1 level 2"]);
    // Nobody counts as busy because of it.
    story.wait_s(60);
    story.expect_mode(ASLEEP_OFF);
}

/// What is tried, and how.
type Way = (&'static str, fn(&mut Story));

/// Lines that are lost for good show no door closing, and no visit ending.
#[test]
fn a_visit_of_which_nothing_is_seen_any_more_does_not_keep_it_up_for_ever() {
    let mut story = in_conserve();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.loses_all_lines();
    story.rebuild(cabinetd::cabinet::event::StoreState::Writable);
    story.wait_min(9);
    story.expect_mode(Mode::Conserve);
    story.wait_min(2);
    story.expect_mode(STANDBY);
}

#[test]
fn a_sensor_that_plays_up_behind_a_closed_door_is_nobody() {
    let mut story = in_conserve();
    story.wait_min(2);
    story.expect_mode(STANDBY);
    story.news();
    for _ in 0..60 {
        let level =
            if story.levels[&Input::Slot(SlotNo(3))] == Level::Active { Level::Inactive } else { Level::Active };
        story.raw(Input::Slot(SlotNo(3)), level);
        story.wait_s(7);
    }
    story.expect_power(&[]);
    story.expect_mode(STANDBY);
}

// ---------------------------------------------------------------- orders

#[test]
fn told_to_sleep_it_sleeps_and_a_badge_wakes_it() {
    let mut story = in_normal();
    story.orders(PowerOrder::SleepNow);
    story.expect_power(&[
        "ordered: SleepNow",
        "power: FallingAsleep by standby (told-to-sleep)",
        "power: Asleep in standby (ready)",
    ]);
    story.orders_and_is_refused(PowerOrder::SleepNow, &Denial::AsleepAlready);
    story.wait_min(10);
    story.badge("ana");
    story.expect_power(&["power: Conserve (someone-came)"]);
    story.expect_told("Enter your PIN");
    story.wait_s(30);
    story.expect_mode(Mode::Conserve);
}

#[test]
fn told_in_the_grace_to_sleep_it_does_so_at_once() {
    let mut story = Story::on_a_ups(|_| {});
    story.orders_and_is_refused(PowerOrder::SleepNow, &Denial::NotOnBattery);
    story.mains_fails();
    story.orders(PowerOrder::SleepNow);
    story.expect_power(&[
        "power: Grace (mains-lost)",
        "ordered: SleepNow",
        "power: FallingAsleep by standby (told-to-sleep)",
        "power: Asleep in standby (ready)",
    ]);
    story.wait_min(5);
    story.expect_mode(STANDBY);
}

/// Told at the keyboard while a colleague is at the door.
#[test]
fn told_to_sleep_in_a_visit_it_refuses() {
    let mut story = Story::on_a_ups(|_| {});
    story.mains_fails();
    story.wait_s(130);
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.orders_and_is_refused(PowerOrder::SleepNow, &Denial::Busy);
    story.expect_mode(Mode::Normal);
}

#[test]
fn told_to_stay_awake_it_stays_awake_for_so_long() {
    let mut story = in_conserve();
    story.orders(PowerOrder::StayAwake { for_minutes: 45 });
    story.wait_min(44);
    story.expect_power(&["ordered: StayAwake { for_minutes: 45 }"]);
    // A rebuilt core knows it, too: it is a record.
    story.rebuild(cabinetd::cabinet::event::StoreState::Writable);
    story.read_lines();
    story.polls();
    story.wait_ms(59_999);
    story.expect_mode(Mode::Conserve);
    story.wait_ms(1);
    story.expect_mode(STANDBY);
}

#[test]
fn told_to_stay_awake_it_wakes_from_standby_and_told_to_sleep_it_sleeps_all_the_same() {
    let mut story = in_conserve();
    story.wait_min(2);
    story.expect_mode(STANDBY);
    story.news();
    story.orders(PowerOrder::StayAwake { for_minutes: 600 });
    story.expect_power(&["ordered: StayAwake { for_minutes: 600 }", "power: Conserve (someone-came)"]);
    story.wait_min(5);
    story.expect_mode(Mode::Conserve);
    story.orders(PowerOrder::SleepNow);
    story.expect_mode(STANDBY);
    story.presses_the_button();
    // The later order took the place of the earlier one.
    story.wait_min(1);
    story.expect_mode(STANDBY);
}

#[test]
fn nothing_keeps_an_empty_battery_awake() {
    let mut story = in_conserve();
    story.orders(PowerOrder::StayAwake { for_minutes: 600 });
    story.wait_min(300);
    story.expect_mode(Mode::Manual { method: None });
}

// ---------------------------------------------------------------- standby

#[test]
fn standby_sheds_the_loads_in_order_and_wakes_in_the_other() {
    let mut story = in_conserve();
    story.commanded();
    story.wait_min(1);
    let loads = |commands: Vec<Action>| -> Vec<(u8, bool)> {
        let load = |action| if let Action::SwitchLoad { load, on } = action { Some((load, on)) } else { None };
        commands.into_iter().filter_map(load).collect()
    };
    assert_eq!(loads(story.commanded()), [(1, false), (2, false)]);
    story.expect_energised(Output::Load(1));
    story.expect_energised(Output::Load(2));
    assert!(story.paced_slowly);
    story.presses_the_button();
    assert_eq!(loads(story.commanded()), [(2, true), (1, true)]);
    assert!(story.energised().is_empty() && !story.paced_slowly);
}

#[test]
fn standby_is_woken_by_badge_button_pad_and_door() {
    let ways: &[Way] = &[
        ("badge", |story| story.badge("ana")),
        ("a strange badge", |story| story.badge("nobody")),
        ("number", |story| story.login("ana")),
        ("button", Story::presses_the_button),
        ("cancel", Story::cancels),
        ("door", Story::door_opens),
    ];
    for (way, wakes) in ways.iter().copied() {
        let mut story = in_conserve();
        story.wait_min(5);
        story.expect_mode(STANDBY);
        wakes(&mut story);
        assert_eq!(story.cabinet.power_mode(), Mode::Conserve, "by {way}");
    }
}

#[test]
fn asleep_the_display_says_so_and_goes_on_saying_so() {
    let mut story = in_conserve();
    story.wait_min(1);
    story.expect_told("Asleep. Hold your badge to the reader");
    story.wait_min(10);
    story.expect_told("Asleep. Hold your badge to the reader");
    story.badge("nobody");
    story.expect_told("not in the roster");
    story.wait_s(11);
    story.expect_told("Hold your badge to the reader.");
    story.wait_min(1);
    story.expect_told("Asleep.");
    story.presses_the_button();
    story.expect_told("Hold your badge to the reader.");
}

#[test]
fn energy_asleep_is_booked_by_the_hour() {
    let mut story = in_conserve();
    story.wait_min(1);
    story.news();
    let from = story.records().len();
    story.wait_min(182);
    let booked: Vec<(u64, Option<Method>)> = story.records()[from..]
        .iter()
        .filter_map(|record| match record.fact {
            Fact::EnergyBooked { spent_mwh, asleep, .. } => Some((spent_mwh, asleep)),
            _ => None,
        })
        .collect();
    assert_eq!(booked.len(), 3);
    // 12 W are 13.5 W to this battery.
    for (spent_mwh, asleep) in booked {
        assert_eq!(asleep, Some(Method::Standby));
        assert!((13_000..15_000).contains(&spent_mwh), "{spent_mwh}");
    }
}

// ---------------------------------------------------------------- off and halted

#[test]
fn a_method_that_is_not_proved_is_not_used() {
    let mut story = Story::on_a_ups(|power| {
        power.sleep = Method::UpsOff;
        power.may_order = true;
        power.clock_wakes = true;
    });
    conserves(&mut story);
    story.wait_min(1);
    story.expect_power(&["power: FallingAsleep by standby (idle)", "power: Asleep in standby (ready)"]);
    assert!(story.slept.is_empty());
}

#[test]
fn a_proved_method_is_used_as_deep_as_the_config_allows() {
    let mut story = Story::on_a_ups(|power| {
        power.sleep = Method::UpsOff;
        power.may_order = true;
    });
    story.proves(Method::UpsOff);
    story.starts_with(|settings| settings.power.as_mut().expect("a UPS").sleep = Method::Halt);
    story.polls();
    conserves(&mut story);
    story.wait_min(1);
    story.expect_mode(STANDBY);
}

#[test]
fn a_night_off_takes_nothing_and_the_button_brings_it_back() {
    let mut story = may_be_switched_off();
    story.wait_min(1);
    story.expect_sleep_ordered(Method::UpsOff);
    let left = story.cabinet.energy_left_mwh().expect("a UPS");
    story.news();
    story.sleeps(8 * 3_600, ClockQuality::Synced);
    story.expect_power(&["power: Conserve (started-on-battery)"]);
    let now = story.cabinet.energy_left_mwh().expect("a UPS");
    // Down, off, and up again: a minute and a half awake.
    assert!((400..1_200).contains(&(left - now)), "{left} → {now}");
    assert!(now <= story.ups_mut().left_mwh() && now + 1_500 > story.ups_mut().left_mwh());
    assert!(story.energised().is_empty() && !story.paced_slowly);
    // Whoever pressed the button has their time: a minute, and this late twenty seconds.
    story.pulls("ana", 4);
    story.wait_s(19);
    story.expect_mode(Mode::Conserve);
    story.wait_s(1);
    story.expect_mode(ASLEEP_OFF);
}

#[test]
fn mains_back_while_it_was_off_is_an_outage_that_is_over() {
    let mut story = may_be_switched_off();
    story.wait_min(1);
    story.news();
    story.ups_mut().on_mains = false;
    story.goes_down();
    story.ups_mut().on_mains = true;
    story.boots(3_600, 0, ClockQuality::Synced);
    story.expect_power(&["power: Restoring, remembering Conserve (started-on-line)"]);
    story.wait_min(3);
    story.expect_power(&["power: Line (mains-for-good)", "outage over: 63 min, 0 flaps, 0 visits, 1 sleeps"]);
}

#[test]
fn halted_it_asks_for_the_hourly_alarm() {
    let mut story = may_halt();
    story.commanded();
    story.wait_min(1);
    let wake = story.commanded().into_iter().find_map(|action| match action {
        Action::Sleep { method: Method::Halt, wake_after_ms } => Some(wake_after_ms),
        _ => None,
    });
    assert_eq!(wake, Some(Some(3_600_000)));
    story.expect_mode(ASLEEP_HALTED);
    story.expect_told("Press the button and wait a minute");
}

/// The hourly alarm finds nobody: mains is looked for, and if it is not there it sleeps on.
#[test]
fn the_alarm_is_nobody() {
    let mut story = may_halt();
    story.wait_min(1);
    story.news();
    for _ in 0..3 {
        story.slept.clear();
        story.goes_down();
        story.boots(3_610, 9_500, ClockQuality::Rtc);
        story.expect_power(&["power: FallingAsleep by halt (woken-by-clock)", "power: Asleep in halt (ready)"]);
        story.expect_sleep_ordered(Method::Halt);
    }
    story.goes_down();
    story.ups_mut().on_mains = true;
    story.boots(3_610, 9_500, ClockQuality::Rtc);
    story.expect_power(&["power: Restoring, remembering Conserve (started-on-line)"]);
}

#[test]
fn the_alarm_waits_for_the_first_word_of_the_ups() {
    let mut story = may_halt();
    story.wait_min(1);
    story.news();
    story.goes_down();
    story.ups_mut().silence = Some(cabinetd::cabinet::power::UpsSilence::DriverGone);
    story.comes_up(3_610, 9_500, ClockQuality::Rtc, |_| {});
    // It came up to look for mains: it does not go back to sleep because nobody says anything.
    story.wait_ms(89_999);
    story.expect_power(&[]);
    story.wait_ms(1);
    story.expect_power(&["power: Conserve (started-on-battery)"]);
    // And while the UPS is silent only standby is sure to wake.
    story.wait_min(5);
    story.expect_power(&["power: FallingAsleep by standby (idle)", "power: Asleep in standby (ready)"]);
    story.ups_mut().silence = None;
    story.wait_min(1);
    story.expect_power(&["power: FallingAsleep by halt (deeper)", "power: Asleep in halt (ready)"]);
    story.expect_sleep_ordered(Method::Halt);
}

#[test]
fn somebody_who_comes_while_the_alarm_waits_for_the_ups_is_served() {
    let mut story = may_halt();
    story.wait_min(1);
    story.news();
    story.goes_down();
    story.ups_mut().silence = Some(cabinetd::cabinet::power::UpsSilence::DriverGone);
    story.comes_up(3_610, 9_500, ClockQuality::Rtc, |_| {});
    story.wait_s(10);
    story.presses_the_button();
    story.expect_power(&["power: Conserve (started-on-battery)"]);
}

/// An alarm never rings early.
#[test]
fn the_button_just_before_the_alarm_is_somebody() {
    let mut story = may_halt();
    story.wait_min(1);
    story.news();
    story.goes_down();
    story.boots(3_560, 9_500, ClockQuality::Rtc);
    story.expect_power(&["power: Conserve (started-on-battery)"]);
}

#[test]
fn the_button_between_two_alarms_is_somebody() {
    let mut story = may_halt();
    story.wait_min(1);
    story.news();
    story.sleeps(1_800, ClockQuality::Rtc);
    story.expect_power(&["power: Conserve (started-on-battery)"]);
    story.wait_s(59);
    story.expect_mode(Mode::Conserve);
}

#[test]
fn halted_takes_what_it_takes() {
    let mut story = may_halt();
    story.wait_min(1);
    let left = story.cabinet.energy_left_mwh().expect("a UPS");
    story.sleeps(2 * 3_600 + 300, ClockQuality::Rtc);
    let now = story.cabinet.energy_left_mwh().expect("a UPS");
    // 9.5 W are 10.3 W to this battery.
    assert!((20_500..23_000).contains(&(left - now)), "{left} → {now}");
}

/// Nobody knows how long it lay halted: no more than a third of the battery is reckoned with, and not less than nothing.
#[test]
fn halted_for_nobody_knows_how_long_leaves_a_third_at_most() {
    let mut story = Story::on_a_ups(|power| {
        power.sleep = Method::Halt;
        power.wakes_on_mains = true;
    });
    story.ups_mut().tells_charge = false;
    story.proves(Method::Halt);
    conserves(&mut story);
    story.wait_min(1);
    story.sleeps(2 * 3_600, ClockQuality::Restored);
    let left = story.cabinet.energy_left_mwh().expect("a UPS");
    assert!((26_000..=27_000).contains(&left), "{left}");
    story.expect_mode(Mode::Conserve);
}

// ---------------------------------------------------------------- methods that fail

#[test]
fn still_up_after_a_minute_the_next_lighter_method_is_taken_with_an_alarm() {
    let mut story = may_do_both();
    story.wait_min(1);
    story.expect_sleep_ordered(Method::UpsOff);
    story.sleep_is_begun();
    story.news();
    story.wait_ms(59_999);
    story.expect_power(&[]);
    story.wait_ms(1);
    story.expect_power(&["power: FallingAsleep by halt (method-failed)", "power: Asleep in halt (ready)"]);
    story.expect_sleep_ordered(Method::Halt);
    story.expect_alarms(&["sleep-failed method ups-off"]);
    story.wait_s(60);
    story.expect_power(&["power: FallingAsleep by standby (method-failed)", "power: Asleep in standby (ready)"]);
    story.expect_alarms(&["sleep-failed method ups-off", "sleep-failed method halt"]);
    assert!(story.paced_slowly);
    // In this outage neither is tried again.
    story.presses_the_button();
    story.wait_min(1);
    story.expect_power(&[
        "power: Conserve (someone-came)",
        "power: FallingAsleep by standby (idle)",
        "power: Asleep in standby (ready)",
    ]);
}

#[test]
fn a_method_that_says_that_it_failed_is_not_waited_for() {
    let mut story = may_do_both();
    story.wait_min(1);
    story.news();
    story.sleep_fails();
    story.expect_power(&["power: FallingAsleep by halt (method-failed)", "power: Asleep in halt (ready)"]);
    story.expect_sleep_ordered(Method::Halt);
    // The end of a command of before concerns nobody.
    story.wait_s(10);
    story.expect_mode(ASLEEP_HALTED);
}

#[test]
fn in_the_next_outage_a_failed_method_has_another_chance() {
    let mut story = may_be_switched_off();
    story.wait_min(1);
    story.sleep_fails();
    story.expect_mode(STANDBY);
    story.mains_returns();
    story.wait_min(4);
    story.expect_mode(Mode::Line);
    story.wait_min(60);
    story.acknowledges("sleep-failed method ups-off");
    conserves(&mut story);
    story.wait_min(1);
    story.expect_mode(ASLEEP_OFF);
}

/// Our FSD stays in upsd until it is started anew: it is ours for as long, whatever became of the outage.
#[test]
fn our_own_fsd_is_not_a_foreign_one_also_after_a_fallback() {
    let mut story = may_be_switched_off();
    story.wait_min(1);
    story.ups_says("FSD");
    story.expect_mode(ASLEEP_OFF);
    story.wait_min(1);
    story.expect_mode(STANDBY);
    story.presses_the_button();
    story.wait_s(30);
    story.expect_mode(Mode::Conserve);
    story.process_restarts();
    story.expect_mode(Mode::Conserve);
    story.mains_returns();
    story.wait_min(4);
    story.expect_mode(Mode::Line);
    story.wait_min(60);
    story.expect_mode(Mode::Line);
    story.mains_fails();
    story.wait_min(3);
    story.expect_mode(Mode::Normal);
    // With the next start of the machine it is over, and so is that excuse.
    story.boots(60, 20_000, ClockQuality::Synced);
    story.wait_s(10);
    story.expect_mode(Mode::Conserve);
    story.ups_says("FSD");
    story.expect_mode(Mode::Manual { method: None });
}

#[test]
fn nobody_begins_a_visit_while_the_machine_goes_down() {
    let mut story = may_be_switched_off();
    story.wait_min(1);
    story.expect_mode(ASLEEP_OFF);
    story.badge("ana");
    story.expect_told("wait until it is dark");
    story.expect_mode(ASLEEP_OFF);
}

/// No button helps then.
#[test]
fn who_comes_while_an_empty_battery_is_switched_off_is_not_sent_to_a_button() {
    let mut story = may_be_switched_off();
    story.battery_has_pct(1);
    for _ in 0..120 {
        if matches!(story.cabinet.power_mode(), Mode::Manual { .. }) {
            break;
        }
        story.wait_s(1);
    }
    story.expect_mode(Mode::Manual { method: Some(Method::UpsOff) });
    story.badge("ana");
    story.expect_told("only the cabinet key opens until that is over");
}

/// The process dies between the record and the deed: nobody goes to sleep, and after a minute the next lighter way is taken.
#[test]
fn a_sleep_that_was_recorded_and_never_ordered_is_a_sleep_that_failed() {
    let mut story = may_be_switched_off();
    story.wait_min(1);
    story.process_restarts();
    story.expect_mode(ASLEEP_OFF);
    story.wait_min(1);
    story.expect_mode(STANDBY);
    story.expect_alarms(&["sleep-failed method ups-off"]);
}

// ---------------------------------------------------------------- drills and what they prove

#[test]
fn a_drill_proves_by_doing_and_is_kept_apart() {
    let mut story = Story::on_a_ups(|power| {
        power.sleep = Method::UpsOff;
        power.may_order = true;
    });
    story.drill(DrillStep::Start { deep: false });
    story.mains_fails();
    story.wait_min(3);
    story.drill(DrillStep::Prove { method: Method::UpsOff });
    story.expect_sleep_ordered(Method::UpsOff);
    story.sleeps(60, ClockQuality::Synced);
    assert!(story.power().proofs.is_empty(), "whether the UPS was off nobody has said yet");
    story.drill(DrillStep::Pressed { pressed: true });
    assert!(story.power().proof(Method::UpsOff).is_some_and(|proof| proof.ready_ms == 20_000));
    story.drill(DrillStep::Finish);
    story.mains_returns();
    story.wait_min(3);
    story.expect_power(&[
        "power: Grace (mains-lost)",
        "power: Normal (grace-over)",
        "power: FallingAsleep by ups-off (told-to-sleep)",
        "power: Asleep in ups-off (ready)",
        "power: Conserve (started-on-battery)",
        "proved: ups-off",
        "power: Restoring, remembering Conserve (mains-back)",
        "power: Line (mains-for-good)",
        "drill outage over: 4 min, 0 flaps, 0 visits, 1 sleeps",
    ]);
    assert!(story.power().history.is_empty());
}

#[test]
fn a_drill_whose_method_fails_proves_nothing_and_does_not_try_for_ever() {
    let mut story = Story::on_a_ups(|power| {
        power.sleep = Method::UpsOff;
        power.may_order = true;
    });
    story.drill(DrillStep::Start { deep: false });
    story.mains_fails();
    story.wait_min(3);
    story.drill(DrillStep::Prove { method: Method::UpsOff });
    story.sleep_fails();
    story.expect_mode(STANDBY);
    story.presses_the_button();
    story.slept.clear();
    story.wait_min(5);
    // A drill keeps the cabinet awake between its steps.
    story.expect_mode(Mode::Conserve);
    assert!(story.slept.is_empty() && story.power().proofs.is_empty());
}

#[test]
fn a_drill_whose_plug_nobody_pulls_ends_by_itself() {
    let mut story = Story::on_a_ups(|_| {});
    story.drill(DrillStep::Start { deep: false });
    story.wait_min(14);
    assert!(story.power().drill.is_some());
    story.wait_min(1);
    assert!(story.power().drill.is_none());
}

#[test]
fn a_new_battery_and_a_new_ups_void_what_was_proved_and_measured() {
    let mut story = Story::on_a_ups(|power| {
        power.sleep = Method::UpsOff;
        power.may_order = true;
    });
    story.ups_mut().serial = Some("A1");
    story.wait_min(2);
    story.proves(Method::UpsOff);
    story.replaces_the_battery();
    assert!(story.power().proofs.is_empty() && story.power().measured.is_none());
    assert_eq!(story.cabinet.energy_left_mwh(), Some(81_000));
    story.expect_record("replaced: Battery");

    story.proves(Method::UpsOff);
    // One garbled answer is not another unit.
    story.ups_mut().serial = Some("\u{fffd}1");
    story.polls();
    story.ups_mut().serial = Some("A1");
    story.wait_min(5);
    assert!(story.power().proof(Method::UpsOff).is_some());
    story.ups_mut().serial = Some("B2");
    story.wait_min(2);
    assert!(story.power().proofs.is_empty());
    assert_eq!(story.power().serial.as_deref(), Some("B2"));
    story.expect_record("replaced: Ups");
}

#[test]
fn with_a_second_badge_in_the_same_millisecond_nobody_is_lost() {
    let mut story = in_conserve();
    story.wait_ms(59_999);
    story.late_by_ms(1);
    // The badge and the end of the minute come in one and the same moment.
    story.badge("ana");
    story.expect_mode(Mode::Conserve);
    story.pin_ok();
    story.expect_told("Which key, and why?");
}

#[test]
fn a_button_in_the_moment_of_falling_asleep_wakes_standby_at_once() {
    let mut story = in_conserve();
    story.wait_min(1);
    story.expect_mode(STANDBY);
    story.presses_the_button();
    story.expect_mode(Mode::Conserve);
}

#[test]
fn what_falls_asleep_for_good_is_said_and_heard() {
    let mut story = in_conserve();
    story.commanded();
    story.wait_min(1);
    let said: Vec<Message> = story
        .commanded()
        .into_iter()
        .filter_map(|action| if let Action::Show(message) = action { Some(message) } else { None })
        .collect();
    assert_eq!(said, [Message::GoingToSleep { method: Method::Standby }, Message::Asleep { method: Method::Standby }]);
    story.expect_heard(Sound::Sleeping);
}

#[test]
fn the_mode_says_what_comes_next() {
    let mut story = in_conserve();
    let view = |story: &Story| story.cabinet.power_view(story.now()).expect("a UPS");
    assert!(view(&story).next.is_some_and(|next| next.contains("nobody comes for 1 min")));
    assert_eq!(view(&story).outage.map(|outage| outage.sleeps), Some(1));
    story.wait_min(1);
    assert!(view(&story).sentence.contains("Asleep, waiting for a badge or the button"));
    assert_eq!(view(&story).method, Some(Method::Standby));
    story.mains_returns();
    assert_eq!(story.cabinet.power_mode(), Mode::Restoring { remembered: Remembered::Conserve });
}

/// A UPS that obeys no order leaves a system that starts itself again after some minutes, with nobody there.
#[test]
fn starts_that_nobody_asked_for_end_the_use_of_ups_off() {
    let mut story = may_be_switched_off();
    for hollow in 1..=4 {
        while story.cabinet.power_mode() != ASLEEP_OFF {
            story.wait_s(1);
        }
        assert!(story.power().proof(Method::UpsOff).is_some(), "{hollow}");
        story.goes_down();
        story.boots(200, 20_000, ClockQuality::Synced);
    }
    story.expect_record("disproved: ups-off");
    story.expect_record("ALARM sleep-failed method ups-off");
    story.wait_min(2);
    story.expect_mode(STANDBY);
}

/// What a UPS says besides `OB` and `OL` is no word on the mains: nothing is drained by it, and on battery it is silence.
#[test]
fn a_ups_on_bypass_is_silent_about_the_mains() {
    let mut story = Story::on_a_ups(|_| {});
    for _ in 0..600 {
        story.ups(Ok("BYPASS"));
        story.wait_s(60);
    }
    assert_eq!(story.cabinet.energy_left_mwh(), Some(81_000));
    story.expect_mode(Mode::Line);
}

/// Two cuts in a row: what the count presumes of the charger is no better than what the UPS says of the battery.
#[test]
fn on_mains_a_lower_charge_of_the_ups_is_believed() {
    let mut story = Story::on_a_ups(|_| {});
    story.battery_has_pct(3);
    story.wait_min(1);
    let left_mwh = story.cabinet.energy_left_mwh().expect("a UPS");
    assert!(left_mwh <= 81_000 * 6 / 100, "{left_mwh}");
}

#[test]
fn sleep_now_says_what_wakes_it_and_nothing_is_promised_on_the_way_out() {
    let said = |answer: Answer| match answer {
        Answer::Done { text, .. } => text,
        other => panic!("{other:?}"),
    };
    let mut story = in_conserve();
    assert!(said(story.orders(PowerOrder::SleepNow)).contains("a badge or its button wakes it"));
    let mut story = may_be_switched_off();
    story.presses_the_button();
    if story.cabinet.power_mode() != ASLEEP_OFF {
        assert!(said(story.orders(PowerOrder::SleepNow)).contains("only the UPS's button"));
    }
    story.expect_mode(ASLEEP_OFF);
    story.orders_and_is_refused(PowerOrder::StayAwake { for_minutes: 60 }, &Denial::GoingDown);
}
