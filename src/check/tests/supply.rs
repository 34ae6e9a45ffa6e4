use super::*;
use crate::cabinet::power::UpsSilence;

#[test]
fn a_site_without_a_ups_hears_of_it_once() {
    let facts = Facts { ups: Some(ups::Facts::NotWatched), ..good() };
    expect(&facts, Id::UpsWatched, Level::Note, "No UPS is watched");
    let groups: Vec<Group> = judge(&facts).iter().map(|finding| finding.id.group()).collect();
    assert!(!groups.contains(&Group::Power), "there is no policy without one");
    assert!(!groups.contains(&Group::Battery), "nor a battery");
    let facts = Facts { ups: Some(ups::Facts::NotJudged), ..good() };
    expect(&facts, Id::UpsWatched, Level::Unknown, "the config cannot be read or has mistakes");
    for id in [Id::BatteryCapacity, Id::PowerRuntime] {
        expect(&facts, id, Level::Unknown, "not known which UPS");
    }
    let told = judge(&facts).into_iter().filter(|finding| matches!(finding.id.group(), Group::Battery | Group::Power));
    assert_eq!(told.count(), 2, "nothing is said of a battery that nobody described");
}

#[test]
fn each_silence_has_its_remedy() {
    for (silence, what, remedy) in [
        (UpsSilence::Refused, "Nobody answers at 127.0.0.1 port 3493.", "nut-server"),
        (UpsSilence::TimedOut, "within 3000 ms", "upsc ups"),
        (UpsSilence::Garbled, "no upsd", "ss -ltnp"),
        (UpsSilence::UnknownUps, "knows no UPS named ups", "upsc -l"),
        (UpsSilence::Stale, "nothing new", "cable"),
        (UpsSilence::DriverGone, "does not run", "nut-driver@ups"),
        (UpsSilence::Waiting, "no status", "in a minute"),
    ] {
        let mut facts = good();
        watched(&mut facts).answer = Err(silence);
        expect(&facts, Id::UpsAnswers, Level::Failure, what);
        assert!(the(Id::UpsAnswers, &facts).remedy.expect("a remedy").contains(remedy), "{silence:?}");
        let silent: Vec<Id> = judge(&facts).iter().map(|finding| finding.id).collect();
        assert!(!silent.contains(&Id::UpsStatus) && silent.contains(&Id::PowerRuntime), "the rest is still judged");
    }
    expect(&good(), Id::UpsAnswers, Level::Fine, "status OL, charge 100 %, load 4 %, 12.0 W");
}

#[test]
fn a_upsd_elsewhere_hangs_on_the_network() {
    for (host, level) in [
        ("127.0.0.1", Level::Fine),
        ("::1", Level::Fine),
        ("127.0.1.1", Level::Fine),
        ("192.168.1.9", Level::Warning),
        ("2001:db8::9", Level::Warning),
    ] {
        let mut facts = good();
        host.clone_into(&mut watched(&mut facts).host);
        of_power(&mut facts).settings.sleep = Method::Halt;
        expect(&facts, Id::UpsLocal, level, "upsd runs on");
        if level == Level::Warning {
            expect(&facts, Id::UpsLocal, level, "password and its orders go there unencrypted");
            of_power(&mut facts).settings.may_order = false;
            assert!(!the(Id::UpsLocal, &facts).what.contains("password"), "it has none");
            of_power(&mut facts).settings.sleep = Method::UpsOff;
            expect(&facts, Id::UpsLocal, Level::Failure, "ups-off does not work");
        }
    }
}

#[test]
fn what_the_status_says() {
    for (status, level, words) in [
        ("OL CHRG", Level::Fine, "On line"),
        ("OB DISCHRG", Level::Note, "on battery just now"),
        ("OB CAL", Level::Note, "tests its battery"),
        ("OL FSD", Level::Failure, "shutdown was ordered"),
        ("OL BYPASS", Level::Failure, "bypassed"),
        ("OFF", Level::Failure, "switched off"),
        ("OL ALARM", Level::Warning, "raises an alarm."),
        ("CHRG", Level::Unknown, "neither"),
    ] {
        expect(&with(&[("ups.status", status)]), Id::UpsStatus, level, words);
    }
    let alarm = with(&[("ups.alarm", "Fan failure!")]);
    expect(&alarm, Id::UpsStatus, Level::Warning, "raises an alarm: Fan failure!");
}

#[test]
fn figures_that_are_missing_or_nonsense_are_named() {
    let id = Id::UpsFigures;
    let runtime = with(&[("battery.runtime", "65535")]);
    expect(&runtime, id, Level::Note, "battery.runtime (it says \"65535\")");
    expect(&with(&[("battery.charge", "-")]), id, Level::Warning, "battery.charge.");
    expect(&with(&[("ups.load", "0")]), id, Level::Fine, "make sense");
    let both = with(&[("ups.load", "0"), ("ups.realpower", "-"), ("battery.runtime", "-")]);
    expect(&both, id, Level::Note, "ups.load (it says \"0\") and battery.runtime.");
}

#[test]
fn the_load_against_the_rating() {
    let id = Id::UpsRating;
    for (load, level) in [("80", Level::Fine), ("81", Level::Warning), ("100", Level::Warning), ("101", Level::Failure)]
    {
        expect(&with(&[("ups.load", load)]), id, level, &format!("{load} % of its 300 W"));
    }
    expect(&with(&[("ups.status", "OL OVER")]), id, Level::Failure, "overloaded");
    // By the watts and the rating, where there are no percents.
    expect(&with(&[("ups.load", "-"), ("ups.realpower", "270")]), id, Level::Warning, "90 %");
    let silent = || with(&[("ups.load", "0"), ("ups.realpower", "-")]);
    expect(&silent(), id, Level::Fine, "by the config the cabinet takes 4 % of its 300 W");
    let mut tiny = silent();
    of_power(&mut tiny).battery.ups_rated_w = 14;
    expect(&tiny, id, Level::Warning, "86 %");
    let rated = |changed: &[(&str, &str)]| {
        let mut facts = with(&[&[("ups.load", "0"), ("ups.realpower", "-")], changed].concat());
        of_power(&mut facts).battery.ups_rated_w = 0;
        facts
    };
    expect(&rated(&[]), id, Level::Fine, "300 W");
    let volt_amperes = rated(&[("ups.realpower.nominal", "-"), ("ups.power.nominal", "600")]);
    expect(&volt_amperes, id, Level::Fine, "of its 360 W");
    expect(&rated(&[("ups.realpower.nominal", "-")]), id, Level::Unknown, "neither its load nor");
}

#[test]
fn a_load_of_somebody_elses() {
    let id = Id::UpsDedicated;
    let learned = |edit: fn(usize, &mut LoadDay)| {
        let mut facts = good();
        let days = (0..10).map(|day| {
            let mut taught = load_day(TODAY - 10 + i32::try_from(day).expect("small"));
            edit(day, &mut taught);
            taught
        });
        of_power(&mut facts).baseline = Baseline::learned(&days.collect::<Vec<_>>());
        facts
    };
    let is = |day: &mut LoadDay, hours, mw| (day.foreign, day.foreign_mw, day.peak_mw) = (hours, mw, mw);
    // 2026-05-22, a Friday, is the first of the ten days.
    let printer = learned(|day, taught| {
        let (foreign, mw) = if matches!(day, 1 | 2 | 8 | 9) { (0, 0) } else { (0xff << 9, 300_000) };
        (taught.foreign, taught.foreign_mw, taught.peak_mw) = (foreign, mw, mw);
    });
    expect(
        &printer,
        id,
        Level::Failure,
        "about 300 W from the UPS: Monday to Friday from 9 to 17 h (on 6 of 10 days), last 3 days ago",
    );
    let charger = learned(|day, taught| {
        let mw = if day % 2 == 0 { 8_000 } else { 0 };
        (taught.foreign, taught.foreign_mw, taught.peak_mw) = (u32::from(mw > 0) << day, mw, mw);
    });
    expect(
        &charger,
        id,
        Level::Warning,
        "about 8.0 W from the UPS: at changing hours on 5 of 10 days, last 2 days ago.",
    );
    let mut heater = learned(|_, _| ());
    let mut day = load_day(TODAY - 1);
    is(&mut day, 1 << 7, 1_500_000);
    day.clock_trusted = false;
    of_power(&mut heater).baseline.learn(day);
    expect(
        &heater,
        id,
        Level::Failure,
        "about 1500 W from the UPS: on one day, 7 to 8 h, by a clock that may be wrong.",
    );
    let router = learned(|day, taught| {
        let mw = if day >= 6 { 9_000 } else { 0 };
        (taught.foreign, taught.foreign_mw, taught.peak_mw) = (if mw > 0 { taught.judged } else { 0 }, mw, mw);
    });
    expect(&router, id, Level::Warning, "all the time for 4 days.");

    let mut new = good();
    of_power(&mut new).baseline = Baseline::learned(&[load_day(TODAY)]);
    expect(&new, id, Level::Unknown, "(1 of 3 days)");
    let dark = learned(|_, taught| taught.base_mw = None);
    expect(&dark, id, Level::Fine, "No large load was seen on the UPS in 10 days");
    expect(&good(), id, Level::Fine, "idle it takes 12.0 W");
}

#[test]
fn who_else_is_shut_down_with_it() {
    let id = Id::UpsClients;
    let clients = |host: &str, clients: &[&str]| {
        let mut facts = good();
        let watched = watched(&mut facts);
        host.clone_into(&mut watched.host);
        let answer = watched.answer.as_mut().expect("it answers");
        answer.clients = Ok(clients.iter().map(|client| (*client).to_owned()).collect());
        facts
    };
    let here = "127.0.0.1";
    expect(&clients(here, &["::1"]), id, Level::Fine, "on this machine");
    expect(&clients(here, &["::ffff:127.0.0.1"]), id, Level::Fine, "on this machine");
    let lone = |host: &str, sleep| {
        let mut facts = clients(host, &[]);
        of_power(&mut facts).settings.sleep = sleep;
        facts
    };
    expect(&lone(here, Method::Halt), id, Level::Warning, "No upsmon");
    expect(&lone(here, Method::UpsOff), id, Level::Failure, "ups-off never comes");
    expect(&clients(here, &["127.0.0.1", "::1"]), id, Level::Warning, "2 upsmon");
    expect(&clients(here, &["127.0.0.1", "192.168.1.20"]), id, Level::Failure, "UPS: 192.168.1.20.");
    let away = "192.168.1.9";
    expect(&clients(away, &["192.168.1.5"]), id, Level::Fine, "192.168.1.5");
    expect(&lone(away, Method::Standby), id, Level::Warning, "No upsmon");
    expect(&clients(away, &["192.168.1.5", "192.168.1.20"]), id, Level::Failure, "2 machines");
    let mut refused = good();
    watched(&mut refused).answer.as_mut().expect("it answers").clients = Err("upsd refused".into());
    expect(&refused, id, Level::Unknown, "Upsd refused.");
}

/// The demo's UPS and machine are not this machine's.
#[test]
fn a_simulated_ups_has_no_upsmon_and_no_clock_chip() {
    let mut demo = with(&[("ups.mfr", "cabinetd"), ("ups.model", "simulated UPS")]);
    of_power(&mut demo).chips.clear();
    of_power(&mut demo).upsmon = Upsmon::NotLookedAt;
    watched(&mut demo).answer.as_mut().expect("it answers").clients = Ok(Vec::new());
    for id in [Id::UpsClients, Id::UpsLowBattery, Id::PowerRtc, Id::PowerUpsmon] {
        expect(&demo, id, Level::Note, "The UPS is simulated");
    }
}

/// The driver that runs, not the file that it may have been started before.
#[test]
fn a_driver_that_lets_upsmon_shut_down_by_a_low_battery() {
    let id = Id::UpsLowBattery;
    expect(&good(), id, Level::Fine, "below 2 % only");
    expect(&with(&[("battery.charge.low", "5")]), id, Level::Fine, "below 5 % only");
    expect(&with(&[("battery.charge.low", "6")]), id, Level::Failure, "below 6 %");
    let runtime = |seconds| with(&[("battery.charge.low", "-"), ("battery.runtime.low", seconds)]);
    expect(&runtime("31"), id, Level::Failure, "31 s before the end");
    expect(&runtime("30"), id, Level::Fine, "30 s before the end");
    expect(&with(&[("battery.runtime.low", "120")]), id, Level::Failure, "120 s before the end");
    expect(&with(&[("battery.charge.low", "-")]), id, Level::Unknown, "shows no limit");

    let stock = |changed: &[(&str, &str)]| with(&[&[("driver.flag.ignorelb", "-")], changed].concat());
    let told = [("driver.name", "usbhid-ups"), ("battery.charge.low", "20")];
    expect(&stock(&told), id, Level::Failure, "(at 20 %), and upsmon shuts down by it");
    let silent = [("driver.name", "usbhid-ups"), ("battery.charge.low", "-")];
    expect(&stock(&silent), id, Level::Failure, "passes on the UPS's own \"low battery\", and upsmon");
    assert!(the(id, &stock(&told)).remedy.expect("a remedy").contains("systemctl restart nut-driver@ups"));
    expect(&stock(&[]), id, Level::Unknown, "does not show how its driver was started");
}

#[test]
fn a_ups_that_goes_off_at_a_small_load() {
    let id = Id::UpsLowLoad;
    // 12 W less the 8 W that are shed are 1 % of 300 W.
    expect(
        &with(&[("battery.energysave", "yes")]),
        id,
        Level::Failure,
        "below 5 % load, and with its loads shed the cabinet takes 1 %",
    );
    let high = with(&[("battery.energysave", "yes"), ("ups.realpower", "60")]);
    expect(&high, id, Level::Warning, "takes 17 %");
    let near = with(&[("battery.energysave", "yes"), ("ups.realpower", "30")]);
    expect(&near, id, Level::Failure, "takes 7 %");
    let watts = with(&[
        ("battery.energysave", "yes"),
        ("battery.energysave.load", "-"),
        ("battery.energysave.realpower", "30"),
    ]);
    expect(&watts, id, Level::Failure, "below 10 % load");
    let dark = with(&[("battery.energysave", "yes"), ("ups.realpower", "-"), ("ups.load", "0")]);
    expect(&dark, id, Level::Failure, "a load that it does not show");
    expect(&with(&[("battery.energysave", "-")]), id, Level::Fine, "A drill showed");
    let undrilled = |load: &str| {
        let mut facts = with(&[("battery.energysave", "-"), ("ups.realpower", load)]);
        state(&mut facts).proofs.clear();
        facts
    };
    expect(&undrilled("12"), id, Level::Unknown, "takes 1 %");
    expect(&undrilled("50"), id, Level::Fine, "14 % is not small");
}

#[test]
fn a_beeper_that_would_scream_all_night() {
    let id = Id::UpsBeeper;
    for (beeper, level) in [
        ("enabled", Level::Warning),
        ("muted", Level::Fine),
        ("disabled", Level::Fine),
        ("-", Level::Note),
        ("perhaps", Level::Note),
    ] {
        expect(&with(&[("ups.beeper.status", beeper)]), id, level, "beeper");
    }
    let mut far = with(&[("ups.beeper.status", "enabled")]);
    watched(&mut far).port = 3_500;
    let remedy = the(id, &far).remedy.expect("a remedy");
    assert!(remedy.contains("`upscmd -u USER ups@127.0.0.1:3500 beeper.disable`"), "{remedy}");
    let remedy =
        |commands| the(id, &offering(with(&[("ups.beeper.status", "enabled")]), commands)).remedy.expect("one");
    assert!(remedy(&["beeper.mute", "load.off"]).starts_with("`upscmd -u USER ups beeper.mute`"));
    assert!(remedy(&["load.off"]).starts_with("Switch it off in the UPS's own menu."));
}

#[test]
fn a_ups_that_stays_off_when_mains_is_back() {
    let id = Id::UpsRestart;
    expect(&with(&[("ups.start.auto", "no")]), id, Level::Failure, "stays off");
    expect(&with(&[("battery.charge.restart", "60")]), id, Level::Warning, "charged to 60 %");
    let silent = || with(&[("ups.start.auto", "-")]);
    expect(&silent(), id, Level::Fine, "A drill showed");
    let mut undrilled = silent();
    state(&mut undrilled).proofs.clear();
    expect(&undrilled, id, Level::Note, "does not tell");
}
