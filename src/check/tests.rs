//! Each finding in both directions: a cabinet where all is fine, and one thing after the other that is not.

mod cells;
mod copies;
mod desk;
mod places;
mod sleep;
mod supply;
mod wires;

use super::daemon::AlarmFact;
use super::disk::Disk;
use super::ledger::Open;
use super::power::{ClockChip, OwnTest, PowerOff, Running, Upsmon};
use super::ups::{Answer, Variables, Watched};
use super::*;
use crate::cabinet::power::baseline::{Baseline, LoadDay};
use crate::cabinet::power::selftest::Verdict;
use crate::cabinet::power::state::{Measured, PowerState, Proof};
use crate::cabinet::power::{Method, PowerSettings};
use crate::cabinet::snapshot::{AlertsView, SignedRosterView, UpstreamIs, UpstreamView};
use crate::cabinet::types::SlotNo;
use crate::cabinet::types::{BootId, Civil, ClockQuality, Mono, Now, Stamp, Wall};
use crate::config::BatteryConfig;
use crate::io::ups::figures;
use std::collections::BTreeMap;

const DAY_MS: i64 = 86_400_000;
/// 2026-06-01.
const TODAY: i32 = 20_605;

fn now() -> Now {
    Now {
        mono: Mono(1_000_000),
        wall: Wall(i64::from(TODAY) * DAY_MS),
        clock: ClockQuality::Synced,
        civil: Civil { day: TODAY, minute: 600 },
        boot: BootId(1),
    }
}

fn days_ago(days: i64) -> Stamp {
    Stamp { wall: Wall(now().wall.0 - days * DAY_MS), ..now().stamp() }
}

/// Variables of a UPS that says everything, and everything right.
const GOOD: [(&str, &str); 21] = [
    ("battery.charge", "100"),
    ("battery.charge.low", "2"),
    ("battery.charge.restart", "20"),
    ("battery.date", "2026/01/15"),
    ("battery.energysave", "no"),
    ("battery.energysave.load", "5"),
    ("battery.packs.bad", "0"),
    ("battery.runtime", "14400"),
    ("battery.voltage", "13.6"),
    ("driver.flag.ignorelb", "enabled"),
    ("ups.beeper.status", "disabled"),
    ("ups.load", "4"),
    ("ups.realpower", "12"),
    ("ups.realpower.nominal", "300"),
    ("ups.serial", "S1"),
    ("ups.start.auto", "yes"),
    ("ups.start.battery", "yes"),
    ("ups.status", "OL"),
    ("ups.test.date", "2026/05/25"),
    ("ups.test.result", "Done and passed"),
    ("ups.type", "offline"),
];

fn answer(variables: &BTreeMap<String, String>) -> Result<Answer, crate::cabinet::power::UpsSilence> {
    let state = figures::parse(variables.iter().map(|(name, value)| (name.as_str(), value.as_str())))?;
    let clients = Ok(vec!["127.0.0.1".to_owned()]);
    Ok(Answer { state, variables: Variables(variables.clone()), version: None, commands: None, clients })
}

fn load_day(day: i32) -> LoadDay {
    LoadDay {
        day,
        clock_trusted: true,
        own_mw: 12_000,
        base_mw: Some(12_000),
        threshold_mw: 6_000,
        judged: (1 << 24) - 1,
        foreign: 0,
        foreign_mw: 0,
        peak_mw: 0,
    }
}

/// A cabinet where all is fine.
fn good() -> Facts {
    let variables = GOOD.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let sound = config::Sound { slots: 24, doors: 1, ..config::Sound::default() };
    let proof = |method| Proof { method, at: days_ago(30), ready_ms: 43_500, by_stopwatch: false };
    let state = PowerState {
        measured: Some(Measured { capacity_mwh: 120_000, at: days_ago(30), by_drill: true }),
        proofs: vec![proof(Method::Standby), proof(Method::UpsOff)],
        serial: Some("S1".into()),
        ..PowerState::new(days_ago(60))
    };
    let mut settings =
        PowerSettings { sleep: Method::UpsOff, clock_wakes: true, may_order: true, ..PowerSettings::default() };
    settings.plant.nameplate_mwh = 144_000;
    Facts {
        wanted: GROUPS.into(),
        config: Some(config::Facts::Sound(sound)),
        daemon: Some(daemon::Facts::Running { full: false, alarms: Vec::new() }),
        lines: Some(lines::Facts::Real(Box::new(wires::good()))),
        readers: Some(readers::Facts::Seen(Box::new(desk::good()))),
        clock: Some(clock::Facts {
            quality: Ok(ClockQuality::Synced),
            configured: Some("America/New_York".into()),
            machine: None,
        }),
        machine: Some(machine::Facts {
            memory: Some(machine::Memory { total: 1 << 30, available: 700 << 20 }),
            watchdogs: vec![machine::Watchdog { name: "watchdog0".into(), is_armed: true, timeout_s: Some(15) }],
        }),
        disk: Some(disk::Facts {
            dir: "/var/lib/cabinetd".into(),
            disk: Ok(Some(Disk {
                free_bytes: 20 << 30,
                total_bytes: 30 << 30,
                kind: Some("ext4".into()),
                options: vec!["rw".into(), "noatime".into()],
            })),
            journal: disk::Journal::Kept,
        }),
        credentials: Some(credentials::Facts::Usable("/etc/cabinetd/credentials".into())),
        upstream: Some(upstream::Facts::Copied(Box::new(upstream::Copied {
            host: "ledger.example.com".into(),
            trust: Ok(()),
            token: Some(Ok(())),
            answer: Some(Ok(())),
            copy: Some(UpstreamView {
                state: UpstreamIs::Current,
                acknowledged_seq: 5_000,
                waiting: 0,
                heard_ago_ms: Some(60_000),
                silent_ms: None,
                parked: Vec::new(),
                trouble: None,
                roster_trouble: None,
            }),
            roster: upstream::Roster::Held(SignedRosterView {
                version: Some(7),
                since: None,
                expires: Some(crate::cabinet::types::Wall(1)),
                is_overdue: Some(false),
                ..SignedRosterView::default()
            }),
        }))),
        alerts: Some(alerts::Facts::Told(alerts::Told {
            recipients: vec![("office".into(), Ok(()))],
            urgent: true,
            duress: true,
            daemon: Some(AlertsView { recipients: Vec::new() }),
        })),
        ledger: Some(ledger::Facts::Open(Open {
            records: 5_000,
            found: ("Palm Court".into(), "cabinet-1".into()),
            wanted: Some(("Palm Court".into(), "cabinet-1".into())),
            lost: None,
            verified: 1_000,
            unfit: None,
            illegible: None,
            homeless: Some(Vec::new()),
        })),
        ups: Some(ups::Facts::Watched(Box::new(Watched {
            name: "ups".into(),
            host: "127.0.0.1".into(),
            port: 3_493,
            timeout_ms: 3_000,
            answer: answer(&variables),
        }))),
        power: Some(power::Facts {
            settings,
            battery: BatteryConfig {
                installed: Some("2025-10".into()),
                ups_rated_w: 300,
                runtime_goal_h: 4,
                weekly_self_test: true,
            },
            now: Some(now()),
            state: Some(state),
            baseline: Baseline::learned(&(TODAY - 10..TODAY).map(load_day).collect::<Vec<_>>()),
            own_test: Some(OwnTest { days_ago: Some(3), verdict: Verdict::Passed }),
            chips: vec![ClockChip { name: "rtc0".into(), has_alarm: true, may_set: Some(true), off_s: Some(1) }],
            firmware: firmware::Facts {
                board: Some(firmware::Board::Pi5),
                eeprom: Some(firmware::settings("[all]\nPOWER_OFF_ON_HALT=1\nWAIT_FOR_POWER_BUTTON=0\n")),
            },
            power_off: PowerOff::Allowed,
            upsmon: Upsmon::Judged(Vec::new()),
            running: Some(Running { started_s: 1_800_000_000, changed_s: 1_799_000_000 }),
        }),
    }
}

/// The good cabinet with other variables; "-" takes one away.
fn with(changed: &[(&str, &str)]) -> Facts {
    let mut facts = good();
    let mut variables = watched(&mut facts).answer.as_ref().expect("it answers").variables.0.clone();
    for (name, value) in changed {
        if *value == "-" {
            variables.remove(*name);
        } else {
            variables.insert((*name).to_owned(), (*value).to_owned());
        }
    }
    watched(&mut facts).answer = answer(&variables);
    facts
}

fn watched(facts: &mut Facts) -> &mut Watched {
    match &mut facts.ups {
        Some(ups::Facts::Watched(watched)) => watched,
        _ => panic!("a UPS is watched"),
    }
}

/// The UPS offers these commands.
fn offering(mut facts: Facts, commands: &[&str]) -> Facts {
    let commands = commands.iter().map(|command| (*command).to_owned()).collect();
    watched(&mut facts).answer.as_mut().expect("it answers").commands = Some(commands);
    facts
}

fn of_power(facts: &mut Facts) -> &mut power::Facts {
    facts.power.as_mut().expect("they were gathered")
}

fn state(facts: &mut Facts) -> &mut PowerState {
    of_power(facts).state.as_mut().expect("there is a ledger")
}

/// What is said under an id; it must be one thing.
fn the(id: Id, facts: &Facts) -> Finding {
    let findings = judge(facts);
    let found: Vec<&Finding> = findings.iter().filter(|finding| finding.id == id).collect();
    match found.as_slice() {
        [one] => (*one).clone(),
        other => panic!("{id}: {other:#?}"),
    }
}

/// Whether it is said under that id, as bad as that, in these words.
#[track_caller]
fn expect(facts: &Facts, id: Id, level: Level, words: &str) {
    let finding = the(id, facts);
    assert_eq!(finding.level, level, "{finding:?}");
    assert!(finding.what.contains(words), "{words:?} is not in {finding:?}");
}

/// Ids that are said only when something is wrong, or was tried with somebody there.
const ONLY_SOMETIMES: [Id; 6] = [
    Id::ConfigReadable,
    Id::ConfigExampleSite,
    Id::ConfigBadgeAlone,
    Id::ConfigMute,
    Id::ConfigGroups,
    Id::LinesExercise,
];

#[test]
fn where_all_is_fine_every_finding_says_so() {
    let findings = judge(&good());
    for finding in &findings {
        assert_eq!((finding.level, &finding.remedy), (Level::Fine, &None), "{finding:#?}");
    }
    let said: Vec<Id> = findings.iter().map(|finding| finding.id).collect();
    let expected: Vec<Id> = IDS.iter().copied().filter(|id| !ONLY_SOMETIMES.contains(id)).collect();
    assert_eq!(said, expected, "each once, in the order of the catalog");
    assert_eq!(worst(&findings), Level::Fine);
}

#[test]
fn only_what_is_wanted_is_judged() {
    let facts = Facts { wanted: [Group::Battery, Group::Clock].into(), ..good() };
    let groups: BTreeSet<Group> = judge(&facts).iter().map(|finding| finding.id.group()).collect();
    assert_eq!(groups, facts.wanted);
    assert!(judge(&Facts::default()).is_empty());
}

#[test]
fn ids_are_words_of_their_group() {
    let mut words = BTreeSet::new();
    for id in IDS {
        let (group, word) = id.word().split_once('.').expect("a group and a word");
        assert_eq!(group, id.group().word());
        assert!(word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{id}");
        assert!(words.insert(id.word()), "{id} is there twice");
    }
    assert!(IDS.is_sorted(), "in the order of the groups");
}

/// The page has a table for each group, with a row for each id, in the catalog's words.
#[test]
fn the_page_says_what_the_program_says() {
    let page = include_str!("../../docs/check.md");
    let mut heading = "";
    let mut rows = Vec::new();
    for line in page.lines() {
        if let Some(title) = line.strip_prefix("### ") {
            heading = title;
        }
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        if let [id, meaning, remedy] = cells.as_slice()
            && let Some(id) = id.strip_prefix('`').and_then(|id| id.strip_suffix('`'))
        {
            rows.push((heading, id, *meaning, *remedy));
        }
    }
    let known: Vec<_> = IDS.iter().map(|id| (id.group().title(), id.word(), id.meaning(), id.remedy())).collect();
    for (row, known) in rows.iter().zip(&known) {
        assert_eq!(row, known);
    }
    assert_eq!(rows.len(), known.len(), "{:?}", rows.last());
}

#[test]
fn keys_whose_slots_the_config_has_no_more_are_named() {
    let mut facts = good();
    let Some(ledger::Facts::Open(open)) = &mut facts.ledger else { panic!("a ledger") };
    open.homeless = Some((21..=27).map(|slot| (format!("Unit {slot}"), SlotNo(slot))).collect());
    let found = judge(&facts).into_iter().find(|finding| finding.id == Id::LedgerHomes).expect("it is looked at");
    assert_eq!(found.level, Level::Failure);
    assert!(
        found.what.contains("Unit 21 (slot 21), Unit 22 (slot 22)") && found.what.contains("and 2 more"),
        "{found:?}"
    );
}
