//! Corners of an outage: what was found by looking hard, and is easily lost again.

use crate::outage::{STANDBY, in_conserve};
use crate::story::Story;
use cabinetd::cabinet::fact::Fact;
use cabinetd::cabinet::outage::Elapsed;
use cabinetd::cabinet::outcome::Denial;
use cabinetd::cabinet::power::policy::{Method, Mode};
use cabinetd::cabinet::power::state::{PowerOrder, Told};
use cabinetd::cabinet::power::{OutageView, PowerView};
use cabinetd::cabinet::types::{ClockQuality, Reason};

const ASLEEP_OFF: Mode = Mode::Asleep { method: Method::UpsOff };
const HOUR_S: i64 = 3_600;

fn view(story: &Story) -> PowerView {
    story.cabinet.power_view(story.now()).expect("a UPS")
}

fn open(story: &Story) -> OutageView {
    view(story).outage.expect("an outage is open")
}

/// A site that sleeps by ups-off, in a storm that will take days, with so much in the battery that a second counts: idle for a minute
/// before it sleeps, but a second only after a visit.
fn saves_every_second() -> Story {
    let mut story = Story::on_a_ups(|power| {
        power.sleep = Method::UpsOff;
        power.may_order = true;
        power.rules.idle_tight_ms = 1_000;
    });
    story.proves(Method::UpsOff);
    story.battery_has_pct(30);
    story.mains_fails();
    story.tells(Told::Storm { is: true });
    story.tells(Told::EndsIn { ms: 48 * 3_600_000 });
    while story.cabinet.power_mode() != Mode::Conserve {
        story.wait_s(1);
    }
    story.presses_the_button();
    story.news();
    story
}

#[test]
fn after_a_visit_that_ended_well_nobody_is_waited_for() {
    let mut story = saves_every_second();
    story.pulls("ana", 4);
    story.closes();
    story.wait_s(2);
    story.expect_mode(ASLEEP_OFF);
}

/// At a door that sticks they are still there, and try again.
#[test]
fn after_a_door_that_never_opened_the_minute_is_waited() {
    let mut story = saves_every_second();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.wait_s(10);
    story.expect_record("session closed: never opened, 0 taken, 0 returned");
    story.wait_s(49);
    story.expect_mode(Mode::Conserve);
    story.wait_s(11);
    story.expect_mode(ASLEEP_OFF);
}

/// A door that somebody else left open says nothing of the one who stands there now.
#[test]
fn whoever_comes_to_a_propped_door_is_somebody() {
    let mut story = in_conserve();
    story.comes("ana");
    story.pull("204", Reason::WorkOrder);
    story.door_opens();
    story.take(4);
    story.wait_min(30);
    story.expect_mode(STANDBY);
    // The process starts anew: Ana's session is over, her door is still open.
    story.process_restarts();
    story.expect_alarms(&["door-left-open door 1 level 3"]);
    story.wait_min(5);
    story.expect_mode(STANDBY);
    story.comes("bob");
    story.orders_and_is_refused(PowerOrder::SleepNow, &Denial::Busy);
}

/// Its charge is of the time before it fell silent: it would make the battery look larger than it is.
#[test]
fn a_silent_ups_measures_no_battery() {
    let mut story = Story::on_a_ups(|_| {});
    story.ups_mut().capacity_mwh = 40_000;
    story.mains_fails();
    story.wait_min(75);
    story.ups_falls_silent();
    for _ in 0..200 {
        story.wait_min(5);
        story.presses_the_button();
    }
    assert!(matches!(story.cabinet.power_mode(), Mode::Manual { .. }), "{:?}", story.cabinet.power_mode());
    assert!(story.power().measured.is_none(), "{:?}", story.power().measured);
}

#[test]
fn what_else_hangs_on_the_ups_is_reckoned_with() {
    let lasts_ms = |real_power_mw: Option<u32>| {
        let mut story = Story::on_a_ups(|_| {});
        story.ups_mut().real_power_mw = real_power_mw;
        story.mains_fails();
        story.wait_min(3);
        let view = view(&story);
        (view.awake_ms, view.asleep_ms.expect("standby draws"))
    };
    let (alone_ms, alone_asleep_ms) = lasts_ms(None);
    // 12 W are the cabinet's, 18 W somebody's screen.
    let (shared_ms, shared_asleep_ms) = lasts_ms(Some(30_000));
    assert!(shared_ms * 2 < alone_ms, "{shared_ms} of {alone_ms}");
    assert!(
        shared_asleep_ms * 2 < alone_asleep_ms,
        "the screen does not sleep: {shared_asleep_ms} of {alone_asleep_ms}"
    );
}

/// Who does not know the hour expects no office hours, and no night.
#[test]
fn without_a_clock_the_day_is_even() {
    let expected = |quality: ClockQuality, hour: i64| {
        let mut story = Story::on_a_ups(|_| {});
        story.clock_is(quality);
        story.clock_jumps_s(hour * HOUR_S);
        story.mains_fails();
        story.wait_min(3);
        let outage = open(&story);
        (outage.requests, outage.need_mwh)
    };
    let known: Vec<_> = [0, 8, 16].map(|hour| expected(ClockQuality::Synced, hour)).into();
    let unknown: Vec<_> = [0, 8, 16].map(|hour| expected(ClockQuality::Unknown, hour)).into();
    assert!(known.iter().any(|figures| *figures != known[0]), "{known:?}");
    assert!(unknown.iter().all(|figures| *figures == unknown[0]), "{unknown:?}");
}

#[test]
fn alarms_of_a_ups_that_is_not_watched_any_more_are_cleared() {
    let mut story = Story::on_a_ups(|_| {});
    story.ups_says("RB");
    story.wait_min(2);
    story.ups_falls_silent();
    story.wait_min(10);
    story.expect_alarms(&["replace-battery", "ups-unreachable"]);
    story.starts_with(|settings| settings.power = None);
    story.expect_alarms(&[]);
}

/// While mains is back and watched, the outage does not grow.
#[test]
fn how_long_mains_was_out_stands_still_while_it_is_back() {
    let mut story = in_conserve();
    let least_ms = open(&story).elapsed.least_ms;
    story.wait_s(60);
    assert_eq!(open(&story).elapsed, Elapsed::exactly(least_ms + 60_000));
    story.mains_returns();
    let lasted = open(&story).elapsed;
    story.wait_s(90);
    assert_eq!(open(&story).elapsed, lasted);
    story.wait_s(100);
    assert_eq!(view(&story).last_outage.map(|last| last.lasted), Some(lasted), "and that is what it lasted");
}

/// A machine that was sent to sleep did not go down without notice, even if its supply went before it had said goodbye.
#[test]
fn the_dark_of_an_ordered_sleep_is_told_as_such() {
    let mut story = saves_every_second();
    story.wait_s(61);
    story.expect_mode(ASLEEP_OFF);
    // No SIGTERM was seen.
    story.boots(3_600, 0, ClockQuality::Synced);
    let slept = |story: &Story| {
        let dark = |fact: &Fact| match fact {
            Fact::Started { dark, .. } => *dark,
            _ => None,
        };
        story
            .records()
            .iter()
            .rev()
            .find_map(|record| dark(&record.fact))
            .expect("a start after a dark interval")
            .asleep
    };
    assert_eq!(slept(&story), Some(Method::UpsOff));
    // Awake, it is a power cut.
    story.boots(3_600, 0, ClockQuality::Synced);
    assert_eq!(slept(&story), None);
}

/// Readers read a badge that lies on them once a second.
#[test]
fn a_badge_left_on_the_reader_is_nobody() {
    let mut story = in_conserve();
    let lies = |story: &mut Story, seconds: u32| {
        for _ in 0..seconds {
            story.badge("ana");
            story.wait_s(1);
        }
    };
    lies(&mut story, 65);
    story.expect_told("take the badge off the reader");
    lies(&mut story, 600);
    story.expect_mode(STANDBY);
    // Taken off and held there again, it is Ana.
    story.wait_s(10);
    story.badge("ana");
    story.expect_mode(Mode::Conserve);
    story.expect_told("Enter your PIN");
    story.wait_min(5);
    // A wrong one is refused for a minute, and then no more.
    story.news();
    for _ in 0..3_600 {
        story.badge("nobody");
        story.wait_s(1);
    }
    let news = story.news();
    assert!(news.len() <= 4, "{news:#?}");
}
