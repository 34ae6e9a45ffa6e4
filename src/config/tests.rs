//! The configuration: good ones, some fifty bad ones with the very words that a person reads, and no panic on any text.

use super::keys::{self, Key, Preset};
use super::*;
use crate::cabinet::power::Method;
use crate::cabinet::power::energy::Plant;
use crate::cabinet::power::policy::Rules;
use crate::cabinet::roster::Window;
use crate::cabinet::types::{DoorNo, Reason, SlotNo};
use proptest::prelude::*;

mod bad;
mod lines;

/// The least that is a configuration.
const LEAST: &str =
    "[cabinet]\nsite = \"site\"\nname = \"cabinet-1\"\n[lines]\nbackend = \"sim\"\n[slots]\ncount = 24\n";

fn around() -> Surroundings {
    Surroundings { folder: "/etc/cabinetd".into(), ..Surroundings::default() }
}

fn parse(text: &str) -> Config {
    Config::parse(text, &around()).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// Without what differs between two files that say the same.
fn essence(mut config: Config) -> Config {
    config.hash = String::new();
    config.entries = Vec::new();
    config
}

#[test]
fn the_annotated_default_is_the_built_in_default() {
    let annotated = parse(ANNOTATED);
    assert_eq!(annotated.settings, Settings::plain(24, 8));
    assert_eq!(essence(annotated), essence(parse(LEAST)), "a site without a UPS has no alarm for it");
}

#[test]
fn the_annotated_ups_is_the_built_in_default_once_it_is_uncommented() {
    let (head, ups) = ANNOTATED.split_once("#[ups]").expect("it is commented out");
    let (ups, rest) = ups.split_once("[accounts]").expect("then the accounts");
    let keys = ups.lines().map(|line| line.strip_prefix('#').filter(|key| key.starts_with(char::is_alphabetic)));
    let keys: Vec<&str> = keys.flatten().collect();
    let with_ups = format!("{head}[ups]\n{}\n[accounts]{rest}", keys.join("\n"));
    assert_eq!(essence(parse(&with_ups)), essence(parse(&format!("{LEAST}[ups]\n"))));
}

#[test]
fn the_defaults_are_those_of_the_core() {
    let config = parse(LEAST);
    assert_eq!(config.settings, Settings::plain(24, 8));
    assert_eq!(config.time_zone, None);
    assert_eq!(config.state_dir, Path::new("/var/lib/cabinetd"));
    assert_eq!(config.credentials_dir, Path::new("/etc/cabinetd/credentials"));
    assert_eq!(config.run_dir, Path::new("/run/cabinetd"));
    assert_eq!(config.lines, Lines::Sim { socket: "/run/cabinetd/hardware.sock".into() });
    assert_eq!((config.ups, config.accounts, config.socket_group), (None, Vec::new(), None));
}

/// Every key stands in the annotated default, under its section, with the very words of its unit, range and default.
#[test]
fn every_key_is_documented_and_every_documented_key_exists() {
    fn expect<T>(expected: &mut Vec<(String, String, String)>, section: &str, keys: &[Key<T>]) {
        for key in keys {
            let value = match key.preset {
                Preset::Required(_) | Preset::Stated(..) => String::new(),
                Preset::Is(preset) => preset.to_owned(),
                Preset::Without(_, example) => format!("#{example}"),
            };
            expected.push((format!("{section}.{}", key.name), key.facts(), value));
        }
    }
    let mut expected = Vec::new();
    expect(&mut expected, "cabinet", keys::CABINET);
    expect(&mut expected, "paths", keys::PATHS);
    expect(&mut expected, "lines", keys::LINES);
    expect(&mut expected, "door", keys::DOOR);
    expect(&mut expected, "slots", keys::SLOTS);
    expect(&mut expected, "input", wires::INPUT);
    expect(&mut expected, "output", wires::OUTPUT);
    expect(&mut expected, "reader", keys::READER);
    expect(&mut expected, "identify", keys::IDENTIFY);
    expect(&mut expected, "sessions", keys::SESSIONS);
    expect(&mut expected, "alerts", keys::ALERTS);
    expect(&mut expected, "control", keys::CONTROL);
    expect(&mut expected, "battery", keys::BATTERY);
    expect(&mut expected, "power", keys::POWER);
    expect(&mut expected, "load", keys::LOAD);
    expect(&mut expected, "upstream", keys::UPSTREAM);
    expect(&mut expected, "mail", recipients::MAIL);
    expect(&mut expected, "recipient", recipients::RECIPIENT);
    expect(&mut expected, "ups", keys::UPS);

    let mut found = Vec::new();
    let (mut section, mut comment, mut commented) = (String::new(), String::new(), false);
    for line in ANNOTATED.lines() {
        if line.starts_with('[') || line.starts_with("#[") {
            section = line.trim_matches(['#', '[', ']']).to_owned();
            commented = line.starts_with('#');
        } else if let Some(words) = line.strip_prefix("# ") {
            words.clone_into(&mut comment);
        } else if let Some((key, value)) = line.split_once(" = ").filter(|_| section != "accounts") {
            // In a section that is commented out every key is.
            let key = if commented { key.strip_prefix('#').expect("commented like its section") } else { key };
            let (key, mark) = key.strip_prefix('#').map_or((key, ""), |key| (key, "#"));
            let must = comment.ends_with("must be written.");
            let value = if must { String::new() } else { format!("{mark}{value}") };
            found.push((format!("{section}.{key}"), std::mem::take(&mut comment), value));
        }
    }
    assert_eq!(found, expected);

    for key in keys::SLOT {
        let documented = ANNOTATED.lines().any(|line| {
            line.strip_prefix(&format!("#     {} = ", key.name)).is_some_and(|rest| rest.contains(&key.facts()))
        });
        assert!(documented, "[[slot]] {}: {}", key.name, key.facts());
    }
}

#[test]
fn the_demo_loads_once_it_is_filled_in() {
    assert!(ANNOTATED.is_ascii() && DEMO.is_ascii());
    let filled = [
        ("{ups_port}", "40123"),
        ("{slots}", "24"),
        ("{latches}", "false"),
        ("{group}", "ana"),
        ("{month}", "2026-11"),
    ]
    .iter()
    .fold(DEMO.to_owned(), |text, (name, value)| text.replace(name, value));
    assert!(!filled.contains('{'), "a placeholder is left");
    let config = Config::parse(&filled, &Surroundings { folder: "/home/ana/demo".into(), ..Surroundings::default() });
    let config = config.expect("the demo's configuration has no problem");
    assert_eq!((config.settings.slots.len(), config.settings.sessions.unlock_ms), (24, 30_000));
    assert_eq!(config.state_dir, Path::new("/home/ana/demo/state"));
    assert_eq!(config.lines, Lines::Sim { socket: "/home/ana/demo/run/hardware.sock".into() });
    assert_eq!(config.ups.map(|ups| (ups.host, ups.port)), Some(("127.0.0.1".to_owned(), 40_123)));
}

/// A file that uses every key, none with its default.
const FULL: &str = r#"
[cabinet]
site = "Riverside \"A\""
name = "lobby"
time_zone = "america/new_york"
tamper_contact = true
lockbox_contact = true
status_lamp = true
[paths]
state_dir = "../state"
credentials_dir = "/srv/credentials"
run_dir = "run"
[lines]
backend = "sim"
socket = "/tmp/hardware.sock"
[[door]]
number = 1
contact = true
[[door]]
number = 2
contact = false
[[slot]]
number = 7
row = 1
column = 2
door = 2
latch = true
[[slot]]
number = 0x9
row = 1
column = 2
led = false
[[reader]]
kind = "both"
name = "RFID"
id = "08FF:0009"
port = "usb-1.3"
path = "/dev/input/by-id/usb-rfid-event-kbd"
layout = "fr"
pause_ms = 2000
[[reader]]
kind = "keypad"
id = "04d9:1203"
[identify]
modes = ["badge"]
pin_timeout_ms = 20_000
failures_per_hour = 20
free_failures = 0
delay_ms = 1000
longest_delay_ms = 60000
second_person_groups = ["leads"]
acknowledge_role = "manager"
declare_role = "manager"
manage_roster_role = "manager"
[sessions]
ask = "optional"
return = "free"
unlock_ms = 3000
ask_timeout_ms = 30000
door_open_ms = [10000, 20000, 30000]
debounce_ms = 50
chatter_edges = 30
chatter_window_ms = 1000
command_ms = 2000
[alerts]
overdue_work_order_h = 1
overdue_emergency_h = 2
overdue_unit_access_h = 3
overdue_showing_h = 0
overdue_day_to_day_h = 5
overdue_unstated_h = 6
office_hours = ["mon-fri 09:00-18:00", "sat 22:00-02:00"]
inactive_days = 0
[control]
socket_group = "office"
[battery]
nameplate_wh = 240
chemistry = "lithium"
installed = "2026-03"
ups_rated_w = 360
ups_overhead_mw = 6000
[power]
normal_mw = 15000
standby_mw = 9000
halted_mw = 7000
boot_s = 30
shutdown_s = 5
visit_s = 60
requests_per_day = 80
sleep = "ups-off"
rtc = true
rtc_wake_min = 30
wakes_on_mains = true
conserve_after_min = 300
conserve_uncovered_after_min = 200
conserve_only_if_needed = true
reserve_pulls = 10
idle_s = 90
idle_late_s = 30
runtime_goal_h = 6
weekly_self_test = true
[[load]]
name = "display"
[[load]]
name = "modem"
[ups]
name = "apc.1"
host = "::1"
port = 4000
poll_on_line_s = 60
poll_on_battery_s = 10
timeout_ms = 500
user = "cabinetd"
[accounts]
office = "manager"
"cabinet.admins" = "admin"
"#;

#[test]
fn every_key_reaches_its_place() {
    let config = parse(FULL);
    let settings = &config.settings;
    assert_eq!((settings.site.as_str(), settings.cabinet.as_str()), ("Riverside \"A\"", "lobby"));
    assert!(settings.tamper && settings.lockbox && settings.lamp && settings.button);
    assert_eq!(config.time_zone.as_deref(), Some("America/New_York"));
    assert_eq!(config.state_dir, Path::new("/etc/cabinetd/../state"));
    assert_eq!(config.credentials_dir, Path::new("/srv/credentials"));
    assert_eq!(config.run_dir, Path::new("/etc/cabinetd/run"));
    assert_eq!(config.lines, Lines::Sim { socket: "/tmp/hardware.sock".into() });
    let doors: Vec<_> = settings.doors.iter().map(|(number, door)| (number.0, door.contact)).collect();
    assert_eq!(doors, [(1, true), (2, false)]);
    let slots: Vec<_> =
        settings.slots.iter().map(|(number, s)| (number.0, s.row, s.column, s.door.0, s.latch, s.led)).collect();
    assert_eq!(slots, [(7, 1, 2, 2, true, true), (9, 1, 2, 1, false, false)]);
    let expected = AccessRules {
        badge_and_pin: false,
        login_and_pin: false,
        badge_alone: true,
        pin_timeout_ms: 20_000,
        failures_per_hour: 20,
        free_failures: 0,
        delay_ms: 1_000,
        longest_delay_ms: 60_000,
        second_person_groups: vec!["leads".into()],
        acknowledge: Role::Manager,
        declare: Role::Manager,
        manage_roster: Role::Manager,
    };
    assert_eq!(settings.access, expected);
    let expected = SessionRules {
        ask_required: false,
        fixed_return: false,
        unlock_ms: 3_000,
        ask_timeout_ms: 30_000,
        door_open_ms: [10_000, 20_000, 30_000],
        debounce_ms: 50,
        chatter_edges: 30,
        chatter_window_ms: 1_000,
        command_ms: 2_000,
    };
    assert_eq!(settings.sessions, expected);
    let hours = |reason| settings.alerts.overdue_ms.get(&reason).map(|ms| ms / 3_600_000);
    assert_eq!(hours(Reason::WorkOrder), Some(1));
    assert_eq!(hours(Reason::Emergency), Some(2));
    assert_eq!(hours(Reason::UnitAccess), Some(3));
    assert_eq!(hours(Reason::Showing), None);
    assert_eq!(hours(Reason::DayToDay), Some(5));
    assert_eq!(hours(Reason::Unstated), Some(6));
    let windows =
        [Window { weekdays: 0b001_1111, from: 540, to: 1080 }, Window { weekdays: 0b010_0000, from: 1320, to: 120 }];
    assert_eq!(settings.alerts.office_hours, windows);
    assert_eq!(settings.alerts.inactive_days, 0);
    let ups = UpsConfig {
        name: "apc.1".into(),
        host: "::1".into(),
        port: 4_000,
        poll_on_line_s: 60,
        poll_on_battery_s: 10,
        timeout_ms: 500,
        user: Some("cabinetd".into()),
    };
    assert_eq!(config.ups, Some(ups));
    assert_eq!(settings.power.as_ref(), Some(&config.power), "the core has the policy where there is a UPS");
    let plant = Plant {
        nameplate_mwh: 240_000,
        peukert_milli: 1_000,
        normal_mw: 15_000,
        standby_mw: 9_000,
        halted_mw: 7_000,
        overhead_mw: 6_000,
        boot_ms: 30_000,
        shutdown_ms: 5_000,
        visit_ms: 60_000,
        clock_wake_ms: 1_800_000,
    };
    assert_eq!(config.power.plant, plant);
    assert_eq!(config.power.demand.per_day_milli, 80_000);
    let rules = Rules {
        always_after_ms: 300 * 60_000,
        uncovered_after_ms: 200 * 60_000,
        only_if_needed: true,
        reserve_pulls: 10,
        idle_ms: 90_000,
        idle_late_ms: 30_000,
        ..Rules::default()
    };
    assert_eq!(config.power.rules, rules);
    assert_eq!(config.power.sleep, Method::UpsOff);
    assert_eq!((config.power.clock_wakes, config.power.wakes_on_mains, config.power.may_order), (true, true, true));
    assert_eq!(config.power.loads, ["display", "modem"]);
    let battery = BatteryConfig {
        installed: Some("2026-03".into()),
        ups_rated_w: 360,
        runtime_goal_h: 6,
        weekly_self_test: true,
    };
    assert_eq!(config.battery, battery);
    assert_eq!(config.accounts, [("office".to_owned(), Role::Manager), ("cabinet.admins".to_owned(), Role::Admin)]);
    assert_eq!(config.socket_group.as_deref(), Some("office"));
}

#[test]
fn what_is_shown_as_effective_reads_back_to_the_same() {
    for text in [LEAST, ANNOTATED, FULL] {
        let config = parse(text);
        let again = Config::parse(&config.effective(), &Surroundings { folder: "/elsewhere".into(), ..around() });
        assert_eq!(essence(again.expect("it reads back")), essence(config));
    }
}

#[test]
fn a_key_for_rosters_may_stand_alone_and_then_nothing_is_copied() {
    const KEY: &str = "roster_key = \"3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29\"";
    let alone = parse(&format!("{LEAST}[upstream]\n{KEY}\n"));
    assert!(alone.upstream.is_none() && alone.roster_key.is_some());
    let Settings { upstream, signed_roster, upstream_silent_ms, .. } = alone.settings;
    assert_eq!((upstream, signed_roster, upstream_silent_ms), (false, true, 0));
    assert!(alone.effective().contains("# [upstream]: without url, so the ledger is copied nowhere"));
    let again = parse(&alone.effective());
    assert_eq!((again.upstream, again.roster_key), (None, alone.roster_key));
    let both = parse(&format!("{LEAST}[upstream]\nurl = \"https://ledger.example.com\"\n{KEY}\n"));
    assert_eq!(both.upstream.and_then(|upstream| upstream.roster_key), both.roster_key);
    assert!(both.roster_key.is_some() && both.settings.upstream && both.settings.signed_roster);
    // What else stands there is for an upstream.
    for more in [format!("{KEY}\ntoken = \"upstream_token\"\n"), String::new()] {
        let problems = Config::parse(&format!("{LEAST}[upstream]\n{more}"), &around()).expect_err("no url");
        assert!(
            problems.iter().any(|problem| problem.to_string().contains("upstream.url: it is missing")),
            "{problems:?}"
        );
    }
}

#[test]
fn effective_says_where_each_value_comes_from() {
    let shown = parse(&format!("{LEAST}[sessions]\nunlock_ms = 9_000\n")).effective();
    let line = |key: &str| {
        let line = shown.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("no {key} in\n{shown}"));
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("unlock_ms"), "unlock_ms = 9000 # line 9");
    assert_eq!(line("debounce_ms"), "debounce_ms = 30 # default");
    assert_eq!(line("state_dir"), "state_dir = \"/var/lib/cabinetd\" # default");
    assert_eq!(line("# time_zone"), "# time_zone = # default: the machine's own zone");
    assert_eq!(line("# [ups]"), "# [ups]: not written, so no UPS is watched");
}

#[test]
fn one_folder_holds_everything_when_the_environment_says_so() {
    let folder = Surroundings { cabinetd_dir: Some("/home/ana/c".into()), ..around() };
    let config = Config::parse(LEAST, &folder).expect("it is sound");
    assert_eq!(config.state_dir, Path::new("/home/ana/c/state"));
    assert_eq!(config.credentials_dir, Path::new("/home/ana/c/credentials"));
    assert_eq!(config.run_dir, Path::new("/home/ana/c/run"));
    assert_eq!(config.lines, Lines::Sim { socket: "/home/ana/c/run/hardware.sock".into() });

    let systemd = Surroundings { credentials_directory: Some("/run/credentials/x".into()), ..around() };
    let config = Config::parse(LEAST, &systemd).expect("it is sound");
    assert_eq!(config.credentials_dir, Path::new("/run/credentials/x"));
}

#[test]
fn a_file_is_loaded_with_its_hash_and_its_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cabinetd.toml");
    std::fs::write(&path, format!("{LEAST}[paths]\nstate_dir = \"state\"\n")).expect("written");
    let config = Config::load(&path).expect("it is sound");
    assert_eq!(config.hash, "8274b30e38497e04385f299de5eb67bfc8a24f9bb11e09ab3a2d8f2c8fd68714");
    assert_eq!(config.state_dir, folder.path().join("state"));
    assert_eq!(Config::locate(Some(&path)), path);
}

#[test]
fn a_file_that_cannot_be_read_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cabinetd.toml");
    let said = |path: &Path| Config::load(path).expect_err("it is not there").to_string();
    let name = path.display();
    assert_eq!(
        said(&path),
        format!(
            "cannot read {name}: No such file or directory (os error 2); make one with `cabinetd config example`, \
             or name another with --config"
        )
    );
    std::fs::write(&path, b"[cabinet]\nsite = \"a\"\nname = \"\xff\"\n").expect("written");
    assert_eq!(said(&path), format!("{name}: line 3: this is no UTF-8 text; save the file as UTF-8"));
    std::fs::write(&path, vec![b'#'; 1024 * 1024 + 1]).expect("written");
    assert_eq!(
        said(&path),
        format!("{name} is larger than 1024 KiB; that is no configuration of a cabinet: name another with --config")
    );
    std::fs::write(&path, "[cabinet]\nsite = \"a\"\n").expect("written");
    let listed = said(&path);
    assert!(listed.starts_with(&format!("{name}: 3 problems\n  lines.backend: it is missing;")), "{listed}");
}

/// Lines of sound and unsound configurations, torn, doubled and mixed.
fn scraps() -> impl Strategy<Value = String> {
    let lines: Vec<String> = FULL.lines().chain(ANNOTATED.lines()).chain(DEMO.lines()).map(str::to_owned).collect();
    let line = (prop::sample::select(lines), any::<prop::sample::Index>(), ".{0,6}", 0..4u8).prop_map(
        |(mut line, at, noise, how)| {
            let at =
                (0..=line.len()).filter(|at| line.is_char_boundary(*at)).nth(at.index(line.len() + 1)).unwrap_or(0);
            match how {
                0 => line.insert_str(at, &noise),
                1 => line.truncate(at),
                _ => {}
            }
            line
        },
    );
    prop::collection::vec(line, 0..40).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in "(?s).{0,400}") {
        check_any(&text)?;
    }

    #[test]
    fn no_torn_configuration_panics(text in scraps()) {
        check_any(&text)?;
    }
}

/// Any text is a sound configuration or has problems, each on a line of the text and with a remedy.
fn check_any(text: &str) -> Result<(), TestCaseError> {
    match Config::parse(text, &around()) {
        Ok(config) => prop_assert!(!config.settings.slots.is_empty()),
        Err(problems) => {
            prop_assert!(!problems.is_empty());
            let lines = text.split('\n').count();
            for problem in problems {
                prop_assert!(problem.line.is_none_or(|line| (1..=lines).contains(&line)), "{problem}");
                prop_assert!(!problem.wrong.is_empty() && !problem.remedy.is_empty(), "{problem:?}");
                prop_assert!(problem.to_string().chars().all(|c| !c.is_control()), "{problem:?}");
            }
        }
    }
    Ok(())
}

#[test]
fn slots_in_rows() {
    let config = parse(&LEAST.replace("24", "10\ncolumns = 4"));
    let last = &config.settings.slots[&SlotNo(10)];
    assert_eq!((last.row, last.column, last.door), (3, 2, DoorNo(1)));
}
