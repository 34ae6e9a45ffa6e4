//! Each fault by itself, in a set-up that is good but for it.

use super::*;
use crate::cabinet::power::Method;
use std::os::unix::fs::PermissionsExt as _;

const NUT_CONF: &str = "# comment\nMODE=standalone\nPOWEROFF_WAIT=15m\n";
const UPS_CONF: &str = "maxretry = 3\n[office]\n  driver = usbhid-ups\n  port = auto\n  ignorelb\n  \
    override.battery.charge.low = 2\n  override.battery.runtime.low = 0\n";
const UPSMON_CONF: &str = "MONITOR office@localhost 1 upsmon s3cret primary\nMINSUPPLIES 1\n\
    SHUTDOWNCMD \"/sbin/shutdown -h +0\"\nPOWERDOWNFLAG /etc/killpower\nPOLLFREQ 5\nPOLLFREQALERT 5\nHOSTSYNC 15\n\
    DEADTIME 86400\nFINALDELAY 20\nNOTIFYCMD \"/usr/bin/cabinetd notify\"\nNOTIFYFLAG ONLINE SYSLOG+EXEC\n\
    NOTIFYFLAG ONBATT SYSLOG+EXEC\nNOTIFYFLAG LOWBATT SYSLOG+EXEC\nNOTIFYFLAG COMMBAD SYSLOG+EXEC\n\
    NOTIFYFLAG FSD SYSLOG+WALL+EXEC\n";
const UPSD_USERS: &str = "[upsmon]\n  password = s3cret\n  upsmon primary\n[cabinetd]\n  password = \"0ther \\#1\"\n  \
    upsmon primary\n  instcmds = test.battery.start.quick\n";

/// What Debian 12 installs, without its comments.
const STOCK: [(&str, &str); 4] = [
    ("nut.conf", "MODE=none\n"),
    ("ups.conf", "maxretry = 3\n"),
    (
        "upsmon.conf",
        "MINSUPPLIES 1\nSHUTDOWNCMD \"/sbin/shutdown -h +0\"\nPOLLFREQ 5\nPOLLFREQALERT 5\nHOSTSYNC 15\nDEADTIME 15\n\
         POWERDOWNFLAG /etc/killpower\nRBWARNTIME 43200\nNOCOMMWARNTIME 300\nFINALDELAY 5\n",
    ),
    ("upsd.users", ""),
];

const OUR: OurUps<'static> = OurUps {
    name: "office",
    host: "127.0.0.1",
    port: 3493,
    user: Some("cabinetd"),
    password: Some(Password("0ther #1")),
    sleep: Method::UpsOff,
};

/// The good files with one text in one of them replaced.
fn setup(name: &str, from: &str, to: &str) -> NutSetup {
    let text = |file: &str, good: &str| {
        if file != name {
            return good.to_owned();
        }
        assert!(good.contains(from), "{name} has no {from:?}");
        good.replacen(from, to, 1)
    };
    NutSetup {
        dir: PathBuf::from("/etc/nut"),
        nut_conf: Setup::Read(NutConf::parse(text("nut.conf", NUT_CONF).as_bytes())),
        ups_conf: Setup::Read(UpsConf::parse(text("ups.conf", UPS_CONF).as_bytes())),
        upsmon_conf: Setup::Read(UpsmonConf::parse(text("upsmon.conf", UPSMON_CONF).as_bytes())),
        upsd_users: Setup::Read(UpsdUsers::parse(text("upsd.users", UPSD_USERS).as_bytes())),
        version: Some(Version(2, 8, 0)),
    }
}

fn good() -> NutSetup {
    setup("", "", "")
}

/// What is not well.
fn complaints(setup: &NutSetup, our: &OurUps<'_>) -> Vec<(Level, &'static str)> {
    let findings = judge(setup, our);
    for finding in &findings {
        assert_eq!(finding.remedy.is_none(), finding.level == Level::Ok, "{finding:?}");
        assert!(!finding.what.contains("s3cret") && !finding.what.contains("0ther"), "{finding:?}");
    }
    findings.iter().filter(|finding| finding.level != Level::Ok).map(|finding| (finding.level, finding.about)).collect()
}

#[test]
fn a_good_set_up_has_no_complaint() {
    assert_eq!(complaints(&good(), &OUR), []);
    assert!(judge(&good(), &OUR).len() >= 20, "and all of it was looked at");
}

#[test]
fn each_fault_is_found_by_itself() {
    use Level::{Fail, Warn};
    for (file, from, to, expected) in [
        ("nut.conf", "MODE=standalone", "MODE=none", (Fail, "nut.mode")),
        ("nut.conf", "MODE=standalone", "", (Fail, "nut.mode")),
        ("nut.conf", "MODE=standalone", "MODE=netclient", (Fail, "nut.mode")),
        ("nut.conf", "POWEROFF_WAIT", "#POWEROFF_WAIT", (Fail, "nut.poweroff-wait")),
        ("ups.conf", "[office]", "[ups]", (Fail, "ups.section")),
        ("ups.conf", "  ignorelb\n", "", (Fail, "ups.ignorelb")),
        ("ups.conf", "  ignorelb\n", "#ignorelb\n", (Fail, "ups.ignorelb")),
        ("ups.conf", "charge.low = 2", "charge.low = 20", (Fail, "ups.charge-low")),
        ("ups.conf", "charge.low = 2", "charge.low = low", (Fail, "ups.charge-low")),
        ("ups.conf", "override.battery.charge.low", "default.battery.charge.low", (Fail, "ups.charge-low")),
        ("ups.conf", "runtime.low = 0", "runtime.low = 120", (Fail, "ups.runtime-low")),
        ("ups.conf", "  override.battery.runtime.low = 0\n", "", (Fail, "ups.runtime-low")),
        ("upsmon.conf", "office@localhost", "ups@localhost", (Fail, "upsmon.owner")),
        ("upsmon.conf", "office@localhost", "office@192.0.2.7", (Fail, "upsmon.owner")),
        ("upsmon.conf", "office@localhost", "office@localhost:3494", (Fail, "upsmon.owner")),
        ("upsmon.conf", "s3cret primary", "s3cret secondary", (Fail, "upsmon.owner")),
        ("upsmon.conf", "MINSUPPLIES 1", "MINSUPPLIES 0", (Fail, "upsmon.min-supplies")),
        ("upsmon.conf", "MINSUPPLIES 1", "MINSUPPLIES 2", (Fail, "upsmon.min-supplies")),
        (
            "upsmon.conf",
            "MINSUPPLIES 1",
            "MINSUPPLIES 1\nMONITOR spare@localhost 1 upsmon s3cret primary",
            (Fail, "upsmon.min-supplies"),
        ),
        ("upsmon.conf", "SHUTDOWNCMD \"/sbin/shutdown -h +0\"", "", (Fail, "upsmon.shutdown-command")),
        ("upsmon.conf", "POWERDOWNFLAG /etc/killpower", "", (Fail, "upsmon.powerdown-flag")),
        ("upsmon.conf", "DEADTIME 86400", "DEADTIME 15", (Fail, "upsmon.dead-time")),
        ("upsmon.conf", "DEADTIME 86400\n", "", (Fail, "upsmon.dead-time")),
        ("upsmon.conf", "FINALDELAY 20", "FINALDELAY 5", (Fail, "upsmon.final-delay")),
        ("upsmon.conf", "FINALDELAY 20", "FINALDELAY 41", (Fail, "upsmon.final-delay")),
        ("upsmon.conf", "POLLFREQALERT 5", "POLLFREQALERT 60", (Warn, "upsmon.poll")),
        ("upsmon.conf", "cabinetd notify", "upssched", (Warn, "upsmon.notify-command")),
        ("upsmon.conf", "NOTIFYCMD", "#NOTIFYCMD", (Warn, "upsmon.notify-command")),
        ("upsmon.conf", "ONBATT SYSLOG+EXEC", "ONBATT SYSLOG", (Warn, "upsmon.notify-flags")),
        ("upsmon.conf", "FSD SYSLOG+WALL+EXEC", "FSD EXEC+IGNORE", (Warn, "upsmon.notify-flags")),
        ("upsd.users", "password = s3cret", "password = an0ther", (Fail, "upsd.upsmon-user")),
        ("upsd.users", "upsmon primary", "upsmon secondary", (Fail, "upsd.upsmon-user")),
        ("upsd.users", "[upsmon]", "[monitor]", (Fail, "upsd.upsmon-user")),
        ("upsd.users", "[cabinetd]", "[cabinet]", (Fail, "upsd.our-user")),
        ("upsd.users", "0ther \\#1", "0ther \\#2", (Fail, "upsd.our-user")),
        ("upsd.users", "upsmon primary\n  instcmds", "upsmon secondary\n  instcmds", (Fail, "upsd.our-user")),
        ("upsd.users", "instcmds = test.battery.start.quick", "", (Warn, "upsd.our-commands")),
        ("upsd.users", "test.battery.start.quick", "beeper.disable", (Warn, "upsd.our-commands")),
        ("upsd.users", "test.battery.start.quick", "ALL", (Warn, "upsd.our-rights")),
        (
            "upsd.users",
            "instcmds = test.battery.start.quick",
            "instcmds = test.battery.start.quick\nactions = SET",
            (Warn, "upsd.our-rights"),
        ),
        ("upsd.users", "[cabinetd]", "[other]\npassword = x\nactions = FSD\n[cabinetd]", (Warn, "upsd.others")),
        ("upsd.users", "0ther \\#1", "0ther #1", (Fail, "upsd.users")),
    ] {
        let found = complaints(&setup(file, from, to), &OUR);
        assert!(found.contains(&expected), "{file}: {from:?} -> {to:?}: {found:?}");
        // Some faults have a consequence that is told as well, none is drowned.
        let worst = found.iter().map(|(level, _)| *level).max();
        assert!(found.len() <= 4 && worst == Some(expected.0), "{file}: {from:?} -> {to:?}: {found:?}");
    }
}

/// The core gives a sleep up some time after its order: upsmon must be done by then.
#[test]
fn a_final_delay_that_the_policy_waits_for_is_well() {
    for delay in ["FINALDELAY 20", "FINALDELAY 40"] {
        assert_eq!(complaints(&setup("upsmon.conf", "FINALDELAY 20", delay), &OUR), [], "{delay}");
    }
    let still_up_s = crate::cabinet::power::policy::Rules::default().still_up_ms / 1_000;
    assert!(judge::LONGEST_FINAL_DELAY_S + judge::LONGEST_POLL_S < still_up_s, "some seconds are left to stop in");
}

#[test]
fn what_only_ups_off_needs_is_a_warning_for_the_others() {
    use Level::Warn;
    let halt = OurUps { sleep: Method::Halt, ..OUR };
    for (file, from, about) in
        [("nut.conf", "POWEROFF_WAIT", "nut.poweroff-wait"), ("upsmon.conf", "POWERDOWNFLAG", "upsmon.powerdown-flag")]
    {
        assert_eq!(complaints(&setup(file, from, "#"), &halt), [(Warn, about)]);
    }
    let silent = OurUps { user: None, password: None, sleep: Method::Standby, ..OUR };
    assert_eq!(complaints(&good(), &silent), [(Warn, "upsd.others")], "the daemon's user is a stranger then");
    let deep = OurUps { user: None, password: None, ..OUR };
    assert!(complaints(&good(), &deep).contains(&(Level::Fail, "upsd.our-user")));
}

#[test]
fn stock_debian_fails_where_upsmon_would_override_the_policy() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in STOCK {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let found = complaints(&NutSetup::read(dir.path(), None), &OUR);
    for about in ["nut.mode", "ups.section", "upsmon.owner", "upsmon.dead-time", "upsmon.final-delay", "upsd.our-user"]
    {
        assert!(found.contains(&(Level::Fail, about)), "{about}: {found:?}");
    }
    // As the manual has one set it up: the UPS is there and watched, nothing else is touched.
    let ups = "[office]\ndriver = usbhid-ups\nport = auto\n";
    std::fs::write(dir.path().join("ups.conf"), ups).unwrap();
    let upsmon = format!("MONITOR office@localhost 1 upsmon s3cret primary\n{}", STOCK[2].1);
    std::fs::write(dir.path().join("upsmon.conf"), upsmon).unwrap();
    std::fs::write(dir.path().join("nut.conf"), "MODE=standalone\n").unwrap();
    std::fs::write(dir.path().join("upsd.users"), "[upsmon]\npassword = s3cret\nupsmon primary\n").unwrap();
    let standby = OurUps { user: None, password: None, sleep: Method::Standby, ..OUR };
    let found = complaints(&NutSetup::read(dir.path(), None), &standby);
    let fails: Vec<&str> = found.iter().filter(|(level, _)| *level == Level::Fail).map(|(_, about)| *about).collect();
    let expected = ["ups.ignorelb", "ups.charge-low", "ups.runtime-low", "upsmon.final-delay", "upsmon.dead-time"];
    assert_eq!(fails, expected, "{found:?}");
}

#[test]
fn a_version_that_does_not_wait_is_named() {
    let of = |version: &str| NutSetup { version: Version::parse(version), ..good() };
    for (version, expected) in [
        ("2.8.0", &[][..]),
        ("2.8.1", &["nut.version", "upsmon.off-duration"]),
        ("2.8.2", &["nut.version", "upsmon.off-duration"]),
        ("2.8.4", &["upsmon.off-duration", "upsmon.alarm-critical"]),
    ] {
        let found: Vec<&str> = complaints(&of(version), &OUR).iter().map(|(_, about)| *about).collect();
        assert_eq!(found, expected, "{version}");
    }
    let lines = "FINALDELAY 20\nOFFDURATION -1\nALARMCRITICAL 0";
    let newer = NutSetup { version: Version::parse("2.8.4"), ..setup("upsmon.conf", "FINALDELAY 20", lines) };
    assert_eq!(complaints(&newer, &OUR), []);
    for (text, expected) in [
        ("2.8.4-rc1", Some(Version(2, 8, 4))),
        ("2.7.4.1", Some(Version(2, 7, 4))),
        ("2.8", Some(Version(2, 8, 0))),
        ("two", None),
        ("", None),
    ] {
        assert_eq!(Version::parse(text), expected, "{text:?}");
    }
}

#[test]
fn passwords_must_be_such_that_upsmon_can_send_them() {
    for password in ["with blank", "q\"uote", "a=b", "h#sh", "back\\slash", ""] {
        let line = format!("\"{}\"", password.replace('\\', "\\\\").replace('"', "\\\"").replace('#', "\\#"));
        let found = complaints(&setup("upsmon.conf", "s3cret", &line), &OUR);
        assert!(found.contains(&(Level::Fail, "upsd.upsmon-user")), "{password:?}: {found:?}");
    }
    let placeholder = setup("upsmon.conf", "s3cret", PASSWORD_PLACEHOLDER);
    assert!(complaints(&placeholder, &OUR).contains(&(Level::Fail, "upsd.upsmon-user")));
    let placeholder = setup("upsd.users", "\"0ther \\#1\"", PASSWORD_PLACEHOLDER);
    let unsaid = OurUps { password: None, ..OUR };
    assert!(complaints(&placeholder, &unsaid).contains(&(Level::Fail, "upsd.our-user")));
}

#[test]
fn what_may_not_be_read_is_neither_good_nor_bad() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(
        complaints(&NutSetup::read(dir.path(), None), &OUR),
        ["nut.conf", "ups.conf", "upsmon.conf", "upsd.users"].map(|about| (Level::Fail, about)),
        "nothing there"
    );
    // A folder cannot be read as a file, by root neither.
    for name in ["nut.conf", "ups.conf", "upsmon.conf", "upsd.users"] {
        std::fs::create_dir(dir.path().join(name)).unwrap();
    }
    let setup = NutSetup::read(dir.path(), None);
    assert!(matches!(setup.upsmon_conf, Setup::Unreadable(_)));
    assert_eq!(
        complaints(&setup, &OUR),
        ["nut.conf", "ups.conf", "upsmon.conf", "upsd.users"].map(|about| (Level::Unknown, about))
    );
    let finding = judge(&setup, &OUR).remove(0);
    assert!(finding.remedy.is_some_and(|remedy| remedy.contains("as root")));

    std::fs::remove_dir(dir.path().join("ups.conf")).unwrap();
    let huge = "x".repeat(usize::try_from(LONGEST_FILE).unwrap() + 1);
    std::fs::write(dir.path().join("ups.conf"), huge).unwrap();
    assert!(matches!(NutSetup::read(dir.path(), None).ups_conf, Setup::Unreadable(_)));
    if !rustix::process::getuid().is_root() {
        std::fs::set_permissions(dir.path().join("ups.conf"), std::fs::Permissions::from_mode(0o000)).unwrap();
        assert!(matches!(NutSetup::read(dir.path(), None).ups_conf, Setup::Unreadable(_)));
    }
}

#[test]
fn an_upsd_elsewhere_is_looked_at_as_far_as_this_machine_knows() {
    let far = OurUps { host: "192.0.2.7", ..OUR };
    let setup = setup("upsmon.conf", "office@localhost", "office@192.0.2.7");
    assert_eq!(complaints(&setup, &far), [(Level::Unknown, "ups.conf")]);
    assert_eq!(far.system(), "office@192.0.2.7");
    assert_eq!(OurUps { port: 3494, ..OUR }.system(), "office@localhost:3494");
    assert_eq!(OurUps { host: "2001:db8::7", ..OUR }.system(), "office@[2001:db8::7]");
    let v6 = super::UpsmonConf::parse(b"MONITOR office@[2001:db8::7]:3494 1 u p primary\n");
    assert_eq!((v6.monitors[0].host.as_str(), v6.monitors[0].port), ("2001:db8::7", 3494));
}

#[test]
fn facts_are_read_as_nut_reads_them() {
    let conf = UpsmonConf::parse(
        b"monitor x@y 1 a b primary\nMONITOR office 1 upsmon \"p w\" MASTER\nDEADTIME 30s\nFINALDELAY -5\n\
          NOTIFYFLAG onbatt EXEC\nSHUTDOWNCMD \"a \\\"b\\\"\"\nDEADTIME 40\n",
    );
    assert_eq!(conf.monitors.len(), 1, "directives are in capitals");
    let monitor = &conf.monitors[0];
    assert_eq!((monitor.host.as_str(), monitor.port, monitor.primary), ("localhost", 3493, true));
    assert_eq!((conf.dead_time_s, conf.final_delay_s), (40, 5), "the last counts; a negative one does not");
    assert_eq!(conf.shutdown_command.as_deref(), Some("a \"b\""));
    assert!(conf.notify_exec.contains("ONBATT"));
    assert!(!format!("{conf:?}").contains("p w"), "{conf:?}");

    let users = UpsdUsers::parse(
        b"password = lost\n[A]\npassword=x\nUPSMON = master\nactions = set fsd\ninstcmds = Test.Battery.Start.Quick\n",
    );
    let user = users.user("A").unwrap();
    assert!(user.may_shut_down && user.may_log_in && user.may_command("test.battery.start.quick"));
    assert!(!user.may_command("load.off") && users.user("a").is_none());
    assert!(user.actions.contains("SET"));

    let nut = NutConf::parse(b"MODE = none\nMODE='netserver'  # comment\n POWEROFF_WAIT=15m\n");
    assert_eq!((nut.mode.as_deref(), nut.poweroff_wait.as_deref()), (Some("netserver"), Some("15m")));

    let ups = UpsConf::parse(b"ignorelb\n[a]\ndriver=x\nignorelb\nport = \"/dev/tty S0\"\n[b]\n");
    assert_eq!(ups.units["a"]["port"].as_deref(), Some("/dev/tty S0"));
    assert!(ups.units["a"].contains_key("ignorelb") && ups.units["b"].is_empty());
}
