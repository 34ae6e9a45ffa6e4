use super::*;
use crate::config::{Config, Surroundings};

fn with_config(config: config::Facts) -> Facts {
    Facts { config: Some(config), ..good() }
}

#[test]
fn every_mistake_of_a_config_is_a_finding_with_its_line() {
    let text = "[cabinet]\nsite = \"Palm Court\"\nnmae = \"c\"\n[sessions]\nunlock_ms = 5\n";
    let problems = Config::parse(text, &Surroundings::default()).expect_err("it has mistakes");
    let count = problems.len();
    let findings = judge(&with_config(config::Facts::Unsound(problems)));
    let found: Vec<&Finding> = findings.iter().filter(|finding| finding.id == Id::ConfigSound).collect();
    assert_eq!(found.len(), count, "each of its own");
    assert!(found.iter().all(|finding| finding.level == Level::Failure && finding.remedy.is_some()));
    let said = |what: &str, remedy: &str| {
        found.iter().any(|finding| finding.what == what && finding.remedy.as_deref() == Some(remedy))
    };
    assert!(said("Line 3: cabinet.nmae: there is no such key.", "Did you mean name?"), "{found:#?}");
    assert!(found.iter().any(|finding| finding.what.starts_with("Line 5: sessions.unlock_ms: 5 is")), "{found:#?}");
}

#[test]
fn a_config_that_cannot_be_read_is_wrong_or_not_known() {
    let unreadable = |not_allowed| {
        let (what, remedy) = ("Cannot read it.".to_owned(), "Make one.".to_owned());
        with_config(config::Facts::Unreadable { what, remedy, not_allowed })
    };
    expect(&unreadable(false), Id::ConfigReadable, Level::Failure, "Cannot read it.");
    expect(&unreadable(true), Id::ConfigReadable, Level::Unknown, "Cannot read it.");
}

#[test]
fn what_is_no_mistake_and_yet_not_good() {
    let sound = |edit: fn(&mut config::Sound)| {
        let mut sound = config::Sound { slots: 24, doors: 2, ..config::Sound::default() };
        edit(&mut sound);
        with_config(config::Facts::Sound(sound))
    };
    expect(&sound(|_| ()), Id::ConfigSound, Level::Fine, "24 slots, 2 doors");
    expect(&sound(|s| s.example_site = true), Id::ConfigExampleSite, Level::Warning, "example");
    expect(&sound(|s| s.badge_alone = true), Id::ConfigBadgeAlone, Level::Warning, "badge alone");
    expect(&sound(|s| s.mute = true), Id::ConfigMute, Level::Warning, "neither a buzzer nor a light");
    let groups = sound(|s| {
        s.missing_groups =
            vec![("[accounts]".into(), "office".into()), ("control.socket_group".into(), "cabinetd".into())];
    });
    expect(&groups, Id::ConfigGroups, Level::Warning, "no group \"office\" ([accounts]) and \"cabinetd\" (control");
}

#[test]
fn the_daemon_down_stuck_full_or_alarmed() {
    let daemon = |facts| Facts { daemon: Some(facts), ..good() };
    let down = |ever| daemon(daemon::Facts::Down { ever });
    expect(&down(true), Id::DaemonRunning, Level::Warning, "opens for nobody");
    expect(&down(false), Id::DaemonRunning, Level::Note, "never started");
    let text = "cabinetd does not answer; see `systemctl status cabinetd`".to_owned();
    expect(&daemon(daemon::Facts::Stuck { text: text.clone() }), Id::DaemonRunning, Level::Failure, "does not answer.");
    expect(&daemon(daemon::Facts::Unknown { text }), Id::DaemonRunning, Level::Unknown, "Cabinetd does not answer.");
    let running = |full, alarms| daemon(daemon::Facts::Running { full, alarms });
    expect(&running(true, Vec::new()), Id::DaemonStore, Level::Failure, "disk is full");
    let alarm = |level, sentence: &str, acknowledged| AlarmFact { level, sentence: sentence.into(), acknowledged };
    let three = || vec![alarm(1, "a", false), alarm(3, "door 1 is open", false), alarm(3, "c", true)];
    expect(&running(false, three()), Id::DaemonAlarms, Level::Warning, "(and 1 more): Door 1 is open.");
    expect(&running(false, vec![alarm(3, "c", true)]), Id::DaemonAlarms, Level::Note, "the open alarm");
    expect(&running(false, vec![alarm(1, "a", false)]), Id::DaemonAlarms, Level::Warning, "for somebody: A.");
}

#[test]
fn a_clock_that_may_be_wrong_and_one_in_another_zone() {
    let quality = |quality| {
        let mut facts = good();
        facts.clock.as_mut().expect("gathered").quality = quality;
        facts
    };
    for (found, level) in [
        (Ok(ClockQuality::Rtc), Level::Fine),
        (Ok(ClockQuality::Restored), Level::Warning),
        (Ok(ClockQuality::Unknown), Level::Warning),
        (Err("no /proc".to_owned()), Level::Unknown),
    ] {
        expect(&quality(found), Id::ClockTrusted, level, "clock");
    }
    let zone = |machine: Option<&str>| {
        let mut facts = good();
        let clock = facts.clock.as_mut().expect("gathered");
        (clock.configured, clock.machine) = (None, machine.map(str::to_owned));
        facts
    };
    expect(&zone(Some("Europe/Lisbon")), Id::ClockZone, Level::Fine, "the machine's zone");
    for utc in [None, Some("Etc/UTC"), Some("UTC")] {
        expect(&zone(utc), Id::ClockZone, Level::Warning, "in UTC");
    }
}

#[test]
fn a_machine_short_of_memory_and_one_that_nobody_restarts() {
    let with = |change: fn(&mut machine::Facts)| {
        let mut facts = good();
        change(facts.machine.as_mut().expect("gathered"));
        facts
    };
    let left = |mib: u64| {
        let mut facts = good();
        facts.machine.as_mut().expect("gathered").memory =
            Some(machine::Memory { total: 512 << 20, available: mib << 20 });
        facts
    };
    expect(&left(128), Id::MachineMemory, Level::Fine, "128 of 512 MiB");
    expect(&left(127), Id::MachineMemory, Level::Warning, "127 of 512 MiB");
    expect(&left(47), Id::MachineMemory, Level::Failure, "47 of 512 MiB");
    expect(&with(|machine| machine.memory = None), Id::MachineMemory, Level::Unknown, "does not say");
    expect(&with(|_| {}), Id::MachineWatchdog, Level::Fine, "restarted after 15 s (watchdog0)");
    expect(
        &with(|machine| machine.watchdogs[0].is_armed = false),
        Id::MachineWatchdog,
        Level::Warning,
        "Nobody feeds the machine's watchdog (watchdog0)",
    );
    expect(&with(|machine| machine.watchdogs.clear()), Id::MachineWatchdog, Level::Note, "has no watchdog");
}

#[test]
fn a_log_that_ends_with_the_power() {
    let kept = |journal| {
        let mut facts = good();
        if let Some(disk) = &mut facts.disk {
            disk.journal = journal;
        }
        facts
    };
    expect(&kept(disk::Journal::Kept), Id::DiskJournal, Level::Fine, "outlives");
    expect(&kept(disk::Journal::Volatile), Id::DiskJournal, Level::Warning, "kept in memory");
    let none = judge(&kept(disk::Journal::None));
    assert!(none.iter().all(|finding| finding.id != Id::DiskJournal), "{none:#?}");
}

#[test]
fn a_disk_that_is_full_or_does_not_keep_what_it_is_given() {
    let disk = |edit: fn(&mut Disk)| {
        let mut facts = good();
        if let Some(disk::Facts { disk: Ok(Some(disk)), .. }) = &mut facts.disk {
            edit(disk);
        }
        facts
    };
    for (free_bytes, level) in [(7 << 20, Level::Failure), (8 << 20, Level::Warning), (200 << 20, Level::Fine)] {
        let mut facts = good();
        if let Some(disk::Facts { disk: Ok(Some(disk)), .. }) = &mut facts.disk {
            disk.free_bytes = free_bytes;
        }
        expect(&facts, Id::DiskRoom, level, "MiB free");
    }
    let kind = Id::DiskFileSystem;
    expect(&disk(|d| d.kind = Some("tmpfs".into())), kind, Level::Failure, "gone with the power");
    expect(&disk(|d| d.kind = Some("overlay".into())), kind, Level::Warning, "overlay");
    expect(&disk(|d| d.kind = Some("vfat".into())), kind, Level::Warning, "vfat");
    expect(&disk(|d| d.kind = Some("f2fs".into())), kind, Level::Fine, "f2fs");
    expect(&disk(|d| d.kind = None), kind, Level::Unknown, "not known");
    let mount = Id::DiskMount;
    expect(&disk(|d| d.options.push("ro".into())), mount, Level::Failure, "read-only");
    expect(&disk(|d| d.options.push("barrier=0".into())), mount, Level::Failure, "barrier=0");
    expect(&disk(|d| d.options.push("barrier=1".into())), mount, Level::Fine, "sync");
    expect(&disk(|d| d.kind = None), mount, Level::Unknown, "not known");

    let dir = |found| {
        let mut facts = good();
        facts.disk.as_mut().expect("gathered").disk = found;
        facts
    };
    expect(&dir(Ok(None)), Id::DiskStateDir, Level::Note, "not there yet");
    expect(&dir(Err("permission denied".into())), Id::DiskStateDir, Level::Unknown, "permission denied");
}

#[test]
fn credentials_that_are_missing_open_or_out_of_reach() {
    let said = |facts, level, words| {
        expect(&Facts { credentials: Some(facts), ..good() }, Id::CredentialsUsable, level, words);
    };
    let dir = || "/c".to_owned();
    said(credentials::Facts::NotYet { dir: dir() }, Level::Failure, "no pepper");
    said(credentials::Facts::NotAllowed { dir: dir() }, Level::Unknown, "must not read");
    let unusable = credentials::Facts::Unusable { what: "It is damaged.".into(), remedy: "Restore it.".into() };
    said(unusable, Level::Failure, "damaged");
}

#[test]
fn a_ledger_that_cannot_be_opened_is_anothers_or_is_not_whole() {
    let ledger = |facts| Facts { ledger: Some(facts), ..good() };
    let readable = Id::LedgerReadable;
    expect(&ledger(ledger::Facts::NotYet), readable, Level::Note, "no ledger yet");
    expect(&ledger(ledger::Facts::Unknown("it is busy; try again".into())), readable, Level::Unknown, "It is busy.");
    expect(&ledger(ledger::Facts::Unreadable("torn; restore it".into())), readable, Level::Failure, "Torn.");
    let open = |edit: fn(&mut Open)| {
        let mut facts = good();
        if let Some(ledger::Facts::Open(open)) = &mut facts.ledger {
            edit(open);
        }
        facts
    };
    expect(&open(|o| o.found.0 = "Elm Court".into()), Id::LedgerOwner, Level::Failure, "of \"Elm Court\"; the config");
    expect(&open(|o| o.wanted = None), Id::LedgerOwner, Level::Unknown, "does not say");
    let whole = Id::LedgerWhole;
    expect(&open(|o| o.lost = Some(5_001)), whole, Level::Failure, "Record 5001");
    expect(&open(|o| o.unfit = Some(4_990)), whole, Level::Failure, "Record 4990");
    expect(&open(|o| o.illegible = Some("column".into())), whole, Level::Failure, "column");
    expect(&open(|_| ()), whole, Level::Fine, "The last 1000 records");
    expect(&open(|o| o.records = 1_000), whole, Level::Fine, "All records");
}
