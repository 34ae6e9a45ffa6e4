//! The recipe against its judge, for every way to sleep; and what is written where.

use super::*;
use crate::cabinet::power::Method;
use crate::io::credentials::{UPSD_PASSWORD, UpsdPassword};
use crate::io::upsmon::{Level, NutSetup, OurUps, PASSWORD_PLACEHOLDER, Password, judge};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const CONFIG: &str = "[cabinet]\nsite = \"Palm Court\"\nname = \"office\"\n[lines]\nbackend = \"sim\"\n[slots]\ncount = 6\n\
    [paths]\nstate_dir = \"state\"\ncredentials_dir = \"credentials\"\n";

/// A config with this under [power] and [ups].
fn config(dir: &Path, power: &str, ups: &str) -> Config {
    let path = dir.join("cabinetd.toml");
    fs::write(&path, format!("{CONFIG}[power]\n{power}\n{ups}\n")).expect("written");
    Config::load(&path).expect("it is sound")
}

fn args(words: &[&str]) -> RecipeArgs {
    use clap::Parser;
    #[derive(Parser)]
    struct Try {
        #[command(flatten)]
        args: RecipeArgs,
    }
    Try::try_parse_from(std::iter::once("recipe").chain(words.iter().copied())).expect("it parses").args
}

/// What `judge` has against the files in `dir`.
fn complaints(dir: &Path, config: &Config, nut: &str, password: Option<&str>) -> Vec<(Level, &'static str)> {
    let ups = config.ups.as_ref().expect("a UPS");
    let our = OurUps {
        name: &ups.name,
        host: &ups.host,
        port: ups.port,
        user: ups.user.as_deref(),
        password: password.map(Password),
        sleep: config.power.sleep,
    };
    let setup = NutSetup::read(dir, Version::parse(nut));
    let found = judge(&setup, &our);
    found
        .into_iter()
        .filter(|finding| finding.level != Level::Ok)
        .map(|finding| (finding.level, finding.about))
        .collect()
}

#[test]
fn the_judge_has_nothing_against_the_recipe() {
    for sleep in Method::ALL {
        for nut in ["2.8.0", "2.8.3", "2.8.4"] {
            for ups in [
                "[ups]\nname = \"office\"\nuser = \"cabinetd\"",
                "[ups]\nname = \"ups\"\nport = 13493\nhost = \"::1\"\nuser = \"keys\"",
            ] {
                let home = tempfile::tempdir().expect("a folder");
                let power = format!("sleep = \"{}\"\nrtc = true", sleep.word());
                let config = config(home.path(), &power, ups);
                let dir = home.path().join("recipe");
                let said = recipe(&args(&["--nut", nut, "--write-to", dir.to_str().expect("plain")]), &config, None)
                    .expect("written");
                assert!(said.contains("INSTALL"), "{said}");
                let password = fs::read_to_string(dir.join(UPSD_PASSWORD)).expect("made");
                let found = complaints(&dir.join("etc/nut"), &config, nut, Some(password.trim_end()));
                assert_eq!(found, [], "{sleep:?} {nut} {ups}");
            }
        }
    }
}

#[test]
fn a_printed_recipe_has_placeholders_and_the_judge_sees_them() {
    let home = tempfile::tempdir().expect("a folder");
    let config = config(home.path(), "sleep = \"ups-off\"", "[ups]\nname = \"office\"\nuser = \"cabinetd\"");
    let printed = recipe(&args(&["--json"]), &config, None).expect("printed");
    let value: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!((value["ups"].as_str(), value["sleep"].as_str()), (Some("office@localhost"), Some("ups-off")));
    assert_eq!(value["rights"]["/etc/nut/upsd.users"], "root:nut 0640");
    let dir = home.path().join("nut");
    fs::create_dir(&dir).expect("made");
    for (path, text) in value["files"].as_object().expect("files") {
        if let Some(name) = path.strip_prefix("/etc/nut/") {
            fs::write(dir.join(name), text.as_str().expect("text")).expect("written");
        }
    }
    let found = complaints(&dir, &config, "2.8.0", None);
    assert_eq!(found, [(Level::Fail, "upsd.upsmon-user"), (Level::Fail, "upsd.our-user")]);
    let text = recipe(&args(&["--color=never"]), &config, None).expect("printed");
    for part in [PASSWORD_PLACEHOLDER, "==> /etc/nut/upsmon.conf  (root:nut 0640)", "ignorelb", "upsdrvctl shutdown"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn each_way_to_sleep_has_what_it_needs_and_no_more() {
    let home = tempfile::tempdir().expect("a folder");
    let text = |power: &str, board: &[&str]| {
        let config = config(home.path(), power, "[ups]\nname = \"ups\"\nuser = \"cabinetd\"");
        recipe(&args(&[board, &["--color=never"]].concat()), &config, None).expect("printed")
    };
    let standby = text("sleep = \"standby\"", &[]);
    assert!(!standby.contains("polkit-1") && !standby.contains("udev/rules.d"), "{standby}");
    assert!(standby.contains("LoadCredential=upsd_password:") && !standby.contains("IPAddressAllow"), "{standby}");
    let away = config(home.path(), "", "[ups]\nname = \"ups\"\nhost = \"192.0.2.7\"\nuser = \"cabinetd\"");
    let away = recipe(&args(&["--color=never"]), &away, None).expect("printed");
    assert!(away.contains("\nIPAddressAllow=192.0.2.7\n"), "{away}");
    let halt = text("sleep = \"halt\"\nrtc = true\nrtc_wake_min = 30", &["--board", "pi5"]);
    for part in [
        "org.freedesktop.login1.power-off-multiple-sessions",
        "/sys%p/wakealarm",
        "every 30 min",
        "POWER_OFF_ON_HALT=1 ",
        "WAIT_FOR_POWER_BUTTON=0",
        "rtc_bbat_vchg",
    ] {
        assert!(halt.contains(part), "{part}: {halt}");
    }
    assert!(!halt.contains("WAKE_ON_GPIO") && !halt.contains("ups-off:"), "{halt}");
    let blind = text("sleep = \"halt\"\nwakes_on_mains = true", &["--board", "pi4"]);
    assert!(
        blind.contains("power.wakes_on_mains") && blind.contains("WAKE_ON_GPIO=1") && blind.contains("i2c_arm=off")
    );
    let deep = text("sleep = \"ups-off\"", &["--board", "pi3"]);
    assert!(deep.contains("nutshutdown") && deep.contains("It has no clock of its own"), "{deep}");
    let all = text("sleep = \"ups-off\"", &[]);
    assert!(["Raspberry Pi 3", "Raspberry Pi 4", "Raspberry Pi 5"].iter().all(|board| all.contains(board)));
}

#[test]
fn what_does_not_fit_is_said() {
    let home = tempfile::tempdir().expect("a folder");
    let none = config(home.path(), "", "");
    let refused = recipe(&args(&[]), &none, None).expect_err("no UPS").to_string();
    assert!(refused.contains("write [ups]"), "{refused}");
    let nobody = config(home.path(), "", "[ups]\nname = \"ups\"\nhost = \"192.0.2.7\"");
    let text = recipe(&args(&["--color=never", "--nut", "2.8.2"]), &nobody, None).expect("printed");
    for part in ["user = \"cabinetd\"", "belong on 192.0.2.7", "NUT 2.8.1 and 2.8.2 will not do", "OFFDURATION -1"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("ALARMCRITICAL"), "2.8.2 does not know it");
}

#[test]
fn files_are_written_once_closed_to_others_and_never_into_the_system() {
    let home = tempfile::tempdir().expect("a folder");
    let config = config(home.path(), "sleep = \"halt\"\nrtc = true", "[ups]\nname = \"ups\"\nuser = \"cabinetd\"");
    let dir = home.path().join("recipe");
    let into = |dir: &Path| recipe(&args(&["--write-to", dir.to_str().expect("plain")]), &config, None);
    into(&dir).expect("written");
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o7777;
    assert_eq!(mode(&dir), 0o700);
    assert_eq!(mode(&dir.join(UPSD_PASSWORD)), 0o600);
    let install = fs::read_to_string(dir.join("INSTALL")).expect("there");
    assert!(
        install.contains("install -D -o root -g nut -m 0640 etc/nut/upsmon.conf /etc/nut/upsmon.conf\n"),
        "{install}"
    );
    let password = fs::read_to_string(dir.join(UPSD_PASSWORD)).expect("made").trim_end().to_owned();
    assert!(!install.contains(&password), "{install}");
    let users = fs::read_to_string(dir.join("etc/nut/upsd.users")).expect("there");
    assert!(users.contains(&format!("password = {password}\n")), "the same in both");

    assert!(into(&dir).expect_err("it is there").to_string().contains("not overwritten"));
    for system in ["/etc/nut", "/etc/cabinetd-recipe", "/usr/share/x"] {
        let refused = into(Path::new(system)).expect_err("not there").to_string();
        assert!(refused.contains("the system's own folder"), "{refused}");
        assert!(!Path::new("/etc/cabinetd-recipe").exists());
    }

    // A cabinet that has a password keeps it.
    fs::create_dir(home.path().join("credentials")).expect("made");
    let known = home.path().join("credentials").join(UPSD_PASSWORD);
    fs::write(&known, "AlreadyKnown1\n").expect("written");
    fs::set_permissions(&known, fs::Permissions::from_mode(0o600)).expect("set");
    let again = home.path().join("again");
    into(&again).expect("written");
    let users = fs::read_to_string(again.join("etc/nut/upsd.users")).expect("there");
    assert!(users.contains("password = AlreadyKnown1\n") && !again.join(UPSD_PASSWORD).exists());
    let shown = recipe(&args(&["--color=never"]), &config, None).expect("printed");
    assert!(!shown.contains("AlreadyKnown1"), "what is printed has placeholders");
    fs::set_permissions(&known, fs::Permissions::from_mode(0o644)).expect("set");
    assert!(into(&home.path().join("third")).expect_err("exposed").to_string().contains("chmod 0600"));
}

#[test]
fn made_passwords_differ_and_need_no_quotes() {
    let (one, other) = (UpsdPassword::make().expect("made"), UpsdPassword::make().expect("made"));
    assert_ne!(one.expose(), other.expose());
    assert!(one.expose().len() == 24 && one.expose().bytes().all(|byte| byte.is_ascii_alphanumeric()));
}
