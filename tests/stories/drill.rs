//! Drills: the plug is pulled on purpose, and what that proves.

use crate::story::Story;
use cabinetd::cabinet::Event;
use cabinetd::cabinet::event::{Ask, DrillStep};
use cabinetd::cabinet::fact::Fact;
use cabinetd::cabinet::outage::Signs;
use cabinetd::cabinet::outcome::{Answer, CommandResult, Denial};
use cabinetd::cabinet::power::state::{DrillEnd, Sight, Told};
use cabinetd::cabinet::power::{Method, PowerSettings, UpsFigures, UpsReading, UpsState};
use cabinetd::cabinet::types::{Reason, Role};

const NORMAL_AFTER_S: u64 = 125;

/// A cabinet with a UPS of which `ups-off` may be ordered, on mains, its battery full.
fn with_ups(change: impl FnOnce(&mut PowerSettings)) -> Story {
    let mut power = PowerSettings { sleep: Method::UpsOff, may_order: true, ..PowerSettings::default() };
    change(&mut power);
    let mut story = Story::with(|settings| settings.power = Some(power));
    says(&mut story, "OL CHRG", 100);
    story.news();
    story
}

/// A reading of the UPS; it carries 12 W.
fn says(story: &mut Story, tokens: &str, charge_pct: u8) {
    let figures = UpsFigures { charge_pct: Some(charge_pct), real_power_mw: Some(12_000), ..UpsFigures::default() };
    let tokens = tokens.split(' ').map(str::to_owned).collect();
    let state = Ok(UpsState { tokens, figures, ..UpsState::default() });
    let at = story.now().mono;
    story.event(Event::UpsRead(UpsReading { at, state }));
}

fn step(story: &mut Story, step: DrillStep) -> Answer {
    let request = format!("drill-{}", story.records().len());
    story.ask_as("office", Some(Role::Manager), &request, Ask::Drill(step))
}

#[track_caller]
fn done(story: &mut Story, what: DrillStep) {
    let answer = step(story, what);
    assert!(matches!(answer, Answer::Done { .. }), "{what:?}: {answer:?}");
}

/// The drill has begun, the plug is out, the cabinet serves on battery.
fn on_battery(story: &mut Story, deep: bool) {
    done(story, DrillStep::Start { deep });
    for _ in 0..5 {
        says(story, "OB DISCHRG", 99);
        story.wait_s(NORMAL_AFTER_S / 5);
    }
    story.news();
}

fn plug_back(story: &mut Story) {
    says(story, "OL CHRG", 97);
}

fn drill_seen(story: &Story) -> Vec<Sight> {
    let power = story.cabinet.power_view(story.now()).expect("a UPS is watched");
    power.drill.map(|drill| drill.seen.iter().map(|seen| seen.what).collect()).unwrap_or_default()
}

fn is_over(story: &Story) -> Option<DrillEnd> {
    let mut ends = story.records().iter().rev().filter_map(|record| match record.fact {
        Fact::DrillEnded { how, .. } => Some(how),
        _ => None,
    });
    ends.next()
}

#[test]
fn a_drill_sees_what_lives_on_battery_and_proves_standby() {
    let mut story = with_ups(|_| {});
    done(&mut story, DrillStep::Start { deep: false });
    // On mains nothing counts: the proof is that it lives on battery.
    story.pulls("ana", 4);
    assert_eq!(drill_seen(&story), []);
    story.news();
    for _ in 0..5 {
        says(&mut story, "OB DISCHRG", 99);
        story.wait_s(NORMAL_AFTER_S / 5);
    }
    story.expect_records(&[
        "supply: on line → on battery",
        "drill saw OnBattery",
        "power: Grace (mains-lost)",
        "power: Normal (grace-over)",
    ]);
    story.pulls("bob", 5);
    done(&mut story, DrillStep::NetworkAnswered { after_ms: 3 });
    let seen = [Sight::OnBattery, Sight::Reader, Sight::Lock, Sight::Door, Sight::Sensor, Sight::Network];
    assert_eq!(drill_seen(&story), seen);
    story.news();
    done(&mut story, DrillStep::Prove { method: Method::Standby });
    story.expect_records(&[
        "drill saw Load",
        "drill: sleep by standby",
        "power: FallingAsleep by standby (told-to-sleep)",
        "power: Asleep in standby (ready)",
    ]);
    assert!(story.paced_slowly);
    story.wait_s(20);
    story.badge("bob");
    story.expect_records(&["power: Conserve (someone-came)", "proved: standby"]);
    // Nothing sleeps while the drill goes on.
    says(&mut story, "OB DISCHRG", 98);
    story.wait_min(10);
    assert_eq!(story.news(), Vec::<String>::new());
    plug_back(&mut story);
    story.expect_records(&[
        "supply: on battery → on line",
        "drill saw MainsBack",
        "power: Restoring, remembering Conserve (mains-back)",
    ]);
    done(&mut story, DrillStep::Finish);
    story.wait_min(4);
    story.expect_records(&[
        "drill over: Finished",
        "power: Line (mains-for-good)",
        "drill outage over: 12 min, 0 flaps, 1 visits, 1 sleeps",
    ]);
    assert!(
        story.cabinet.books().power.as_ref().expect("a row").history.is_empty(),
        "a drill teaches nothing of outages"
    );
}

#[test]
fn a_drill_is_refused_with_the_reason() {
    let refused = |story: &mut Story, what| match step(story, what) {
        Answer::Refused(denial) => denial,
        other => panic!("{what:?}: {other:?}"),
    };
    let start = |deep| DrillStep::Start { deep };
    assert_eq!(refused(&mut Story::begins(), start(false)), Denial::NoUps);
    let mut story = with_ups(|power| power.may_order = false);
    says(&mut story, "OL CHRG", 89);
    assert_eq!(refused(&mut story, start(false)), Denial::BatteryNotFull { charge_pct: 89, needed_pct: 90 });
    says(&mut story, "OL CHRG", 92);
    assert_eq!(refused(&mut story, start(true)), Denial::BatteryNotFull { charge_pct: 92, needed_pct: 95 });
    story.ups(Ok("OL"));
    let denial = refused(&mut story, start(true));
    assert!(matches!(&denial, Denial::NotPrepared { what } if what.contains("battery.charge")), "{denial:?}");
    says(&mut story, "OL CHRG", 92);
    story.comes("ana");
    assert_eq!(refused(&mut story, start(false)), Denial::Busy);
    story.cancels();
    for what in
        [DrillStep::Prove { method: Method::Standby }, DrillStep::Abort, DrillStep::NetworkAnswered { after_ms: 1 }]
    {
        assert_eq!(refused(&mut story, what), Denial::NoDrill);
    }
    done(&mut story, start(false));
    assert_eq!(refused(&mut story, start(false)), Denial::DrillUnderWay);
    assert_eq!(refused(&mut story, DrillStep::NetworkAnswered { after_ms: 1 }), Denial::NotOnBattery);
    assert_eq!(refused(&mut story, DrillStep::Prove { method: Method::Standby }), Denial::NotOnBattery);
    says(&mut story, "OB", 92);
    assert_eq!(refused(&mut story, DrillStep::Prove { method: Method::Standby }), Denial::NotServingOnBattery);
    story.wait_s(NORMAL_AFTER_S);
    for (method, needs) in [(Method::UpsOff, "[ups] user"), (Method::Halt, "[power] rtc")] {
        let denial = refused(&mut story, DrillStep::Prove { method });
        assert!(matches!(&denial, Denial::NotPrepared { what } if what.contains(needs)), "{denial:?}");
    }
    assert_eq!(
        refused(&mut story, DrillStep::Timed { method: Method::UpsOff, ready_ms: 60_000 }),
        Denial::StopwatchWrong
    );
    done(&mut story, DrillStep::Abort);
    assert_eq!(refused(&mut story, start(false)), Denial::OutageOpen);
    let by_staff = story.ask_as("desk", Some(Role::Assistant), "x", Ask::Drill(start(false)));
    assert_eq!(by_staff, Answer::Refused(Denial::RoleNeeded { role: Role::Manager }));
}

#[test]
fn a_plug_that_nobody_pulls_ends_the_drill_and_the_next_outage_is_real() {
    let mut story = with_ups(|_| {});
    done(&mut story, DrillStep::Start { deep: false });
    story.wait_min(14);
    assert_eq!(is_over(&story), None);
    story.wait_min(2);
    assert_eq!(is_over(&story), Some(DrillEnd::Interrupted));
    says(&mut story, "OB", 100);
    story.wait_min(10);
    plug_back(&mut story);
    story.wait_min(4);
    story.expect_record("outage over: 10 min, 0 flaps, 0 visits, 0 sleeps");
}

#[test]
fn a_plug_that_is_put_back_at_once_was_no_drill() {
    let mut story = with_ups(|_| {});
    done(&mut story, DrillStep::Start { deep: false });
    says(&mut story, "OB", 100);
    story.wait_s(4);
    plug_back(&mut story);
    story.wait_s(11);
    assert_eq!(is_over(&story), Some(DrillEnd::Interrupted));
}

#[test]
fn a_drill_that_nobody_finishes_ends_with_its_outage() {
    let mut story = with_ups(|_| {});
    on_battery(&mut story, false);
    plug_back(&mut story);
    story.wait_min(4);
    story.expect_record("drill over: Finished");
    says(&mut story, "OB", 100);
    story.wait_min(30);
    plug_back(&mut story);
    story.wait_min(4);
    story.expect_record("outage over: 30 min, 0 flaps, 0 visits, 0 sleeps");
}

#[test]
fn mains_that_stays_out_long_after_the_drill_is_a_real_outage() {
    for (minutes, ended) in [(4, "drill outage over: "), (60, "outage over: ")] {
        let mut story = with_ups(|_| {});
        on_battery(&mut story, false);
        done(&mut story, DrillStep::Abort);
        story.wait_min(minutes);
        plug_back(&mut story);
        story.wait_min(4);
        let power = story.cabinet.books().power.as_ref().expect("a row");
        // A hand on the plug began it: its length says nothing of the site's mains.
        assert_eq!(power.history.len(), 0, "{minutes} min after the drill");
        assert!(story.news().iter().any(|news| news.starts_with(ended)), "{minutes} min after the drill");
    }
}

#[test]
fn people_hear_of_mains_that_stays_out_after_the_drill() {
    const OUTLASTED: &str = "the outage outlasted its drill";
    let mut story = with_ups(|_| {});
    on_battery(&mut story, false);
    done(&mut story, DrillStep::Abort);
    story.expect_record("drill over: Aborted");
    story.news();
    // As long as a hand on the plug takes.
    story.wait_s(5 * 60);
    assert!(!story.news().iter().any(|news| news == OUTLASTED));
    story.wait_s(2);
    assert!(story.news().iter().any(|news| news == OUTLASTED));
    assert!(!story.cabinet.power_view(story.now()).expect("a UPS").outage.expect("it goes on").drill);
    // Once, whatever else comes.
    story.kill(|_| {});
    says(&mut story, "OB DISCHRG", 90);
    story.wait_min(30);
    plug_back(&mut story);
    story.wait_min(10);
    let news = story.news();
    assert!(!news.iter().any(|news| news == OUTLASTED), "{news:?}");
    assert!(news.iter().any(|news| news.starts_with("outage over: ")), "{news:?}");
    // A plug that is put back in time is the drill's.
    let mut story = with_ups(|_| {});
    on_battery(&mut story, false);
    done(&mut story, DrillStep::Abort);
    story.wait_min(4);
    plug_back(&mut story);
    story.wait_min(30);
    let news = story.news();
    assert!(!news.iter().any(|news| news == OUTLASTED), "{news:?}");
    assert!(news.iter().any(|news| news.starts_with("drill outage over: ")), "{news:?}");
}

#[test]
fn an_outage_that_comes_before_the_plug_is_pulled_is_told_after_its_drill() {
    let mut story = with_ups(|_| {});
    done(&mut story, DrillStep::Start { deep: false });
    story.wait_min(10);
    for _ in 0..(120 + 6) {
        says(&mut story, "OB DISCHRG", 95);
        story.wait_min(1);
    }
    assert_eq!(is_over(&story), Some(DrillEnd::Interrupted));
    story.expect_record("the outage outlasted its drill");
}

#[test]
fn each_switch_says_whether_it_is_a_drills() {
    let switches = |story: &Story| -> Vec<bool> {
        let figures = |fact: &Fact| match fact {
            Fact::PowerSwitched { figures, .. } => Some(figures.drill),
            _ => None,
        };
        story.records().iter().filter_map(|record| figures(&record.fact)).collect()
    };
    let mut story = with_ups(|_| {});
    on_battery(&mut story, false);
    plug_back(&mut story);
    story.wait_min(4);
    let in_drill = switches(&story);
    assert!(in_drill.len() >= 4 && in_drill.iter().all(|drill| *drill), "{in_drill:?}");
    // The next outage is nobody's drill, nor is one that outlasts its drill.
    says(&mut story, "OB", 100);
    story.wait_min(5);
    plug_back(&mut story);
    story.wait_min(4);
    assert!(switches(&story)[in_drill.len()..].iter().all(|drill| !drill));
    let mut story = with_ups(|_| {});
    on_battery(&mut story, false);
    done(&mut story, DrillStep::Abort);
    story.wait_min(60);
    plug_back(&mut story);
    assert_eq!(switches(&story).last(), Some(&false));
}

#[test]
fn somebody_who_needs_the_cabinet_ends_the_drill() {
    let mut story = with_ups(|_| {});
    on_battery(&mut story, false);
    // Before the sleeps anybody may come.
    story.pulls("dan", 14);
    story.pulls("ana", 4);
    done(&mut story, DrillStep::Prove { method: Method::Standby });
    story.badge("ana");
    story.pin_ok();
    assert_eq!(is_over(&story), None, "whoever drills woke it, and goes on to be identified");
    story.cancels();
    done(&mut story, DrillStep::Prove { method: Method::Standby });
    story.news();
    story.comes("bob");
    assert_eq!(is_over(&story), Some(DrillEnd::NeededElsewhere));
    story.expect_record("proved: standby");
    story.pull("205", Reason::WorkOrder);
    story.expect_unlocked();
}

#[test]
fn a_ups_that_did_not_switch_off_is_not_used() {
    let mut story = with_ups(|_| {});
    on_battery(&mut story, false);
    done(&mut story, DrillStep::Prove { method: Method::UpsOff });
    story.power_cut(200, |_| {});
    says(&mut story, "OB DISCHRG", 98);
    done(&mut story, DrillStep::Pressed { pressed: false });
    story.expect_record("disproved: ups-off");
    let again = step(&mut story, DrillStep::Prove { method: Method::UpsOff });
    assert!(matches!(again, Answer::Refused(Denial::NotPrepared { .. })), "{again:?}");
    assert!(story.cabinet.books().power.as_ref().expect("a row").proofs.is_empty());
}

#[test]
fn ups_off_is_proved_by_a_start_on_battery_and_the_word_of_whoever_pressed() {
    let mut story = with_ups(|_| {});
    on_battery(&mut story, false);
    let usable = |story: &Story| story.cabinet.power_view(story.now()).expect("a UPS is watched").deepest;
    assert_eq!(usable(&story), Method::Standby);
    done(&mut story, DrillStep::Prove { method: Method::UpsOff });
    story.expect_record("power: Asleep in ups-off (ready)");
    assert_eq!(story.slept.last().map(|(_, method)| *method), Some(Method::UpsOff));
    story.power_cut(120, |_| {});
    story.news();
    says(&mut story, "OB DISCHRG", 98);
    story.expect_records(&["drill saw Load", "power: Conserve (started-on-battery)", "drill saw Woke"][1..]);
    // A system that waited in vain for its UPS to switch off starts itself again: from in here that looks the same.
    story.wait_min(5);
    assert_eq!(usable(&story), Method::Standby);
    assert_eq!(story.news(), [""; 0], "the drill waits for the person's word");
    done(&mut story, DrillStep::Pressed { pressed: true });
    story.expect_records(&["proved: ups-off"]);
    assert_eq!(usable(&story), Method::UpsOff);
    let again = step(&mut story, DrillStep::Pressed { pressed: false });
    assert!(matches!(again, Answer::Refused(Denial::NotPrepared { .. })), "{again:?}");
    let ready_ms = |story: &Story| story.cabinet.books().power.as_ref().expect("a row").proofs[0].ready_ms;
    assert_eq!(ready_ms(&story), 8_000, "the machine's own clock");
    let refused = step(&mut story, DrillStep::Timed { method: Method::UpsOff, ready_ms: 7_000 });
    assert_eq!(refused, Answer::Refused(Denial::StopwatchWrong));
    done(&mut story, DrillStep::Timed { method: Method::UpsOff, ready_ms: 31_000 });
    assert_eq!(ready_ms(&story), 31_000);
    plug_back(&mut story);
    done(&mut story, DrillStep::Finish);
    assert_eq!(is_over(&story), Some(DrillEnd::Finished));
}

#[test]
fn a_machine_that_came_up_with_mains_proved_just_that() {
    let mut story = with_ups(|_| {});
    on_battery(&mut story, false);
    done(&mut story, DrillStep::Prove { method: Method::UpsOff });
    story.power_cut(120, |_| {});
    story.news();
    plug_back(&mut story);
    story.expect_records(&[
        "supply: on battery → on line",
        "drill saw MainsBack",
        "power: Restoring, remembering Conserve (started-on-line)",
        "drill saw RestartOnMains",
    ]);
    assert!(story.cabinet.books().power.as_ref().expect("a row").proofs.is_empty());
}

#[test]
fn a_machine_that_its_clock_woke_is_not_proved_until_somebody_presses() {
    let mut story = with_ups(|power| (power.sleep, power.clock_wakes) = (Method::Halt, true));
    on_battery(&mut story, false);
    done(&mut story, DrillStep::Prove { method: Method::Halt });
    story.power_cut(3_610, |_| {});
    says(&mut story, "OB DISCHRG", 97);
    story.expect_record("power: FallingAsleep by halt (woken-by-clock)");
    assert!(!story.records().iter().any(|record| matches!(record.fact, Fact::MethodProved { .. })));
    story.power_cut(300, |_| {});
    says(&mut story, "OB DISCHRG", 96);
    story.expect_record("proved: halt");
}

#[test]
fn a_sleep_that_did_not_come_is_not_proved_and_not_used() {
    let mut story = with_ups(|_| {});
    on_battery(&mut story, false);
    done(&mut story, DrillStep::Prove { method: Method::UpsOff });
    let (id, _) = story.slept.pop().expect("it was ordered");
    story.event(Event::CommandDone { id, result: CommandResult::Failed("ACCESS-DENIED".into()) });
    story.expect_record("power: Asleep in standby (ready)");
    story.expect_alarms(&["sleep-failed method ups-off"]);
    story.badge("ana");
    story.expect_record("power: Conserve (someone-came)");
    let power = story.cabinet.power_view(story.now()).expect("a UPS is watched");
    let drill = power.drill.expect("it goes on");
    assert_eq!((drill.failed, drill.proved, drill.proving), (vec![Method::UpsOff], vec![], None));
    assert_eq!(power.deepest, Method::Standby);
}

#[test]
fn whoever_presses_too_early_turns_it_back_and_nothing_is_proved() {
    // Somebody types on the pad: the cabinet does not sleep at once.
    let mut story = with_ups(|_| {});
    on_battery(&mut story, false);
    story.badge("ana");
    assert_eq!(step(&mut story, DrillStep::Prove { method: Method::Standby }), Answer::Refused(Denial::Busy));
    story.cancels();
    done(&mut story, DrillStep::Prove { method: Method::Standby });
    done(&mut story, DrillStep::Abort);
    story.badge("ana");
    story.expect_record("power: Conserve (someone-came)");
    assert!(!story.records().iter().any(|record| matches!(record.fact, Fact::MethodProved { .. })), "it was aborted");
}

#[test]
fn a_low_battery_ends_a_drill() {
    let mut story = with_ups(|_| {});
    on_battery(&mut story, false);
    says(&mut story, "OB DISCHRG", 41);
    assert_eq!(is_over(&story), None);
    says(&mut story, "OB DISCHRG", 40);
    assert_eq!(is_over(&story), Some(DrillEnd::BatteryLow));
}

#[test]
fn a_deep_drill_stays_awake_until_the_battery_is_measured() {
    let mut story = with_ups(|_| {});
    on_battery(&mut story, true);
    // 20 W drawn (12 W and the UPS's own 8 W): felt as 25.6 W. Four hours of them are 102 Wh.
    for hour in 0..16 {
        says(&mut story, "OB DISCHRG", 95 - hour * 4);
        story.wait_min(15);
    }
    assert!(!story.news().iter().any(|record| record.contains("Asleep")), "it stays awake");
    says(&mut story, "OB DISCHRG", 25);
    story.expect_record("battery measured by drill");
    let power = story.cabinet.books().power.as_ref().expect("a row");
    let measured = power.measured.expect("just now").capacity_mwh;
    assert!((130_000..145_000).contains(&measured), "102 Wh were three quarters of it: {measured}");
    assert_eq!(is_over(&story), None, "the plug is still out");
    story.wait_min(5);
    assert!(story.news().iter().any(|record| record.contains("Asleep in standby")), "now the battery is for visits");
    plug_back(&mut story);
    story.wait_min(4);
    assert_eq!(is_over(&story), Some(DrillEnd::Finished));
    let counted = story.records().iter().filter(|record| matches!(record.fact, Fact::BatteryMeasured { .. }));
    assert_eq!(counted.count(), 1);
}

#[test]
fn what_people_tell_of_an_outage_is_seen_with_what_it_comes_to() {
    let mut story = with_ups(|_| {});
    says(&mut story, "OB", 100);
    story.wait_min(30);
    let tell = |story: &mut Story, told| {
        let request = format!("told-{}", story.records().len());
        drop(story.ask_as("office", Some(Role::Assistant), &request, Ask::TellOutage(told)));
    };
    let signs =
        |story: &Story| story.cabinet.power_view(story.now()).and_then(|power| power.outage).expect("open").signs;
    tell(&mut story, Told::EndsIn { ms: 3_600_000 });
    assert_eq!(signs(&story), Signs::default());
    story.wait_min(30);
    tell(&mut story, Told::EndsIn { ms: 9 * 3_600_000 });
    assert!(signs(&story).pushed_back && signs(&story).stated_long && !signs(&story).silent);
    tell(&mut story, Told::Storm { is: true });
    assert!(signs(&story).storm);
}
