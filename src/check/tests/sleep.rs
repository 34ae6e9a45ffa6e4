use super::*;
use crate::check::power::Outside;

fn edited(edit: impl FnOnce(&mut power::Facts)) -> Facts {
    let mut facts = good();
    edit(of_power(&mut facts));
    facts
}

/// 12 V 9 Ah (108 Wh) of which three quarters count, at 20 W, as a lead-acid battery feels it: 3.3 h. See `power::energy`.
#[test]
fn the_runtime_against_the_goal() {
    let id = Id::PowerRuntime;
    let usual = |goal_h, replace| {
        let mut facts = if replace { with(&[("ups.status", "OL RB")]) } else { good() };
        let power = of_power(&mut facts);
        power.settings.plant.nameplate_mwh = 108_000;
        power.battery.runtime_goal_h = goal_h;
        state(&mut facts).measured = None;
        facts
    };
    expect(
        &usual(3, false),
        id,
        Level::Fine,
        "(81 Wh usable) carries the awake cabinet and the UPS itself (20 W) for 3.3 h",
    );
    expect(&usual(4, false), id, Level::Note, "3.3 h");
    expect(&usual(5, false), id, Level::Warning, "3.3 h");
    expect(&usual(14, false), id, Level::Failure, "3.3 h");
    expect(&usual(4, true), id, Level::Warning, "(68 Wh usable)");
    let remedy = the(id, &usual(4, false)).remedy.expect("a remedy");
    assert!(remedy.starts_with("One of 144 Wh (12 V 12 Ah)"), "{remedy}");
    let remedy = the(id, &usual(168, false)).remedy.expect("a remedy");
    assert!(remedy.starts_with("No common 12 V battery"), "{remedy}");
    // The battery that the remedy names does it.
    let mut larger = usual(4, false);
    of_power(&mut larger).settings.plant.nameplate_mwh = 144_000;
    expect(&larger, id, Level::Fine, "4.6 h");
}

/// A cabinet that draws more than the config says lasts shorter than the config says.
#[test]
fn the_runtime_counts_what_was_measured() {
    let thirsty = edited(|power| {
        let day = |day| LoadDay { base_mw: Some(40_000), ..load_day(day) };
        power.baseline = Baseline::learned(&(TODAY - 5..TODAY).map(day).collect::<Vec<_>>());
    });
    expect(&thirsty, Id::PowerRuntime, Level::Warning, "(48 W)");
    expect(
        &thirsty,
        Id::PowerDraw,
        Level::Warning,
        "draws 40 W (idle, learned over days); the forecast counts with 12.0 W",
    );
    let remedy = the(Id::PowerDraw, &thirsty).remedy.expect("a remedy");
    assert!(remedy.contains("`normal_mw = 48000`"), "{remedy}");
}

#[test]
fn the_draw_against_the_config() {
    let id = Id::PowerDraw;
    let now = |load: &str| {
        let mut facts = with(&[("ups.realpower", load), ("ups.load", "0")]);
        of_power(&mut facts).baseline = Baseline::default();
        facts
    };
    expect(&now("15"), id, Level::Fine, "15.0 W (just now)");
    expect(&now("15.1"), id, Level::Warning, "15.1 W");
    expect(&now("9"), id, Level::Fine, "9.0 W");
    expect(&now("8"), id, Level::Note, "8.0 W");
    expect(&now("-"), id, Level::Unknown, "does not show");
}

#[test]
fn a_sleep_that_was_not_proved_here_and_lately() {
    let id = Id::PowerMethod;
    let standby = edited(|power| power.settings.sleep = Method::Standby);
    expect(&standby, id, Level::Note, "standby");
    expect(&edited(|power| power.settings.sleep = Method::Halt), id, Level::Failure, "no drill has proved");
    expect(&edited(|power| power.state = None), id, Level::Failure, "no drill has proved");
    let mut replaced = good();
    state(&mut replaced).proofs.clear();
    expect(&replaced, id, Level::Failure, "no drill has proved");
    state(&mut replaced).replaced = Some(days_ago(1));
    expect(&replaced, id, Level::Failure, "were replaced");
    expect(&with(&[("ups.serial", "S2")]), id, Level::Failure, "another UPS");
    expect(&with(&[("ups.serial", "-")]), id, Level::Fine, "30 days ago: ready 43 s after the start of the machine");
    let mut timed = good();
    state(&mut timed).proofs[1].by_stopwatch = true;
    expect(&timed, id, Level::Fine, "ready 43 s after the press, by somebody's watch.");
    let at = |stamp| {
        let mut facts = good();
        state(&mut facts).proofs[1].at = stamp;
        facts
    };
    expect(&at(days_ago(0)), id, Level::Fine, "ups-off today");
    expect(&at(days_ago(365)), id, Level::Fine, "12 months ago");
    expect(&at(days_ago(366)), id, Level::Warning, "12 months ago");
    let guessed = Stamp { clock: ClockQuality::Unknown, ..days_ago(900) };
    expect(&at(guessed), id, Level::Fine, "some time ago");
}

#[test]
fn a_ups_that_may_not_start_from_its_battery() {
    let id = Id::PowerColdStart;
    let undrilled = |sleep| {
        let mut facts = edited(|power| power.settings.sleep = sleep);
        state(&mut facts).proofs.clear();
        facts
    };
    expect(&undrilled(Method::UpsOff), id, Level::Failure, "No drill");
    expect(&undrilled(Method::Standby), id, Level::Unknown, "Nobody tried");
    let forbidden = |sleep, name: &str| {
        let mut facts = with(&[(name, "no")]);
        of_power(&mut facts).settings.sleep = sleep;
        facts
    };
    expect(&forbidden(Method::UpsOff, "ups.start.battery"), id, Level::Failure, "(ups.start.battery = no)");
    expect(&forbidden(Method::Standby, "ups.start.reboot"), id, Level::Warning, "(ups.start.reboot = no)");
}

#[test]
fn the_clock_chip_for_the_sleep_that_needs_it() {
    let id = Id::PowerRtc;
    let chip = |has_alarm, off_s| Some(ClockChip { name: "rtc0".into(), has_alarm, may_set: None, off_s });
    let none = None;
    for (sleep, rtc, on_mains, chip, level, words) in [
        (Method::UpsOff, true, false, chip(true, Some(3_600)), Level::Fine, "with an alarm"),
        (Method::UpsOff, true, false, chip(true, None), Level::Fine, "with an alarm"),
        (Method::UpsOff, true, false, chip(true, Some(3_601)), Level::Warning, "off by 1 h"),
        (Method::UpsOff, true, false, chip(true, Some(400 * 86_400)), Level::Warning, "off by 400 days"),
        (Method::UpsOff, false, false, chip(true, Some(0)), Level::Note, "does not use it"),
        (Method::UpsOff, false, false, chip(false, Some(0)), Level::Fine, "without an alarm"),
        (Method::UpsOff, false, false, none.clone(), Level::Warning, "how long the outage"),
        (Method::Halt, false, false, none.clone(), Level::Failure, "stay off"),
        (Method::Halt, false, true, none.clone(), Level::Warning, "only the return of mains"),
        (Method::Halt, false, false, chip(false, Some(0)), Level::Failure, "has no alarm"),
        (Method::Halt, false, true, chip(false, Some(0)), Level::Fine, "without an alarm"),
        (Method::Halt, true, true, chip(false, Some(0)), Level::Failure, "each halt would fail"),
        (Method::UpsOff, true, false, chip(false, None), Level::Failure, "each halt would fail"),
        (Method::Standby, false, false, none.clone(), Level::Fine, "needs none"),
        (Method::Standby, true, false, none, Level::Failure, "there is none"),
    ] {
        let facts = edited(|power| {
            (power.settings.sleep, power.settings.clock_wakes) = (sleep, rtc);
            power.settings.wakes_on_mains = on_mains;
            power.chips = chip.into_iter().collect();
        });
        expect(&facts, id, level, words);
    }
    expect(&edited(|power| power.chips[0].may_set = Some(false)), id, Level::Failure, "may not set the alarm");
}

#[test]
fn the_account_that_must_power_the_machine_off() {
    let id = Id::PowerPolkit;
    let of = |sleep, power_off: &PowerOff| {
        edited(|power| (power.settings.sleep, power.power_off) = (sleep, power_off.clone()))
    };
    expect(&of(Method::Halt, &PowerOff::NoRule), id, Level::Failure, "halt fails");
    expect(&of(Method::UpsOff, &PowerOff::NoRule), id, Level::Warning, "in place of a ups-off that fails");
    let closed = PowerOff::Unknown("/etc/polkit-1/rules.d cannot be read".into());
    expect(&of(Method::Halt, &closed), id, Level::Unknown, "cannot be read");
    for facts in [of(Method::Standby, &PowerOff::NoRule), of(Method::Halt, &PowerOff::NotJudged)] {
        assert!(judge(&facts).iter().all(|finding| finding.id != id), "there is nothing to judge");
    }
}

#[test]
fn what_is_said_of_upsmon_is_handed_on() {
    let id = Id::PowerUpsmon;
    expect(&edited(|power| power.upsmon = Upsmon::NotLookedAt), id, Level::Unknown, "not looked at");
    let outside =
        |level, what: &str| Outside { about: "upsmon.dead-time", level, what: what.into(), remedy: "Do this.".into() };
    let found = vec![outside(Level::Failure, "DEADTIME is 15."), outside(Level::Warning, "FINALDELAY is 5.")];
    let findings = judge(&edited(|power| power.upsmon = Upsmon::Judged(found)));
    let said: Vec<_> = findings.iter().filter(|finding| finding.id == id).collect();
    assert_eq!(said.len(), 2, "{said:#?}");
    assert_eq!((said[0].level, said[0].what.as_str()), (Level::Failure, "DEADTIME is 15."));
    assert_eq!(said[1].about, Some("upsmon.dead-time"));
}

/// Whoever writes the recipe and restarts nothing is told.
#[test]
fn an_upsmon_that_is_older_than_its_file_may_not_go_by_it() {
    let id = Id::PowerUpsmon;
    let changed = |after_s: i64| {
        edited(|power| power.running = Some(Running { started_s: 1_800_000_000, changed_s: 1_800_000_000 + after_s }))
    };
    expect(&changed(5), id, Level::Fine, "leaves the decision to cabinetd");
    expect(&changed(6), id, Level::Warning, "runs since before upsmon.conf was last changed");
    assert_eq!(the(id, &changed(6)).about, Some("upsmon.running"));
    expect(&edited(|power| power.running = None), id, Level::Fine, "leaves the decision to cabinetd");
}
