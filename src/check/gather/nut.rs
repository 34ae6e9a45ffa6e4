//! What `io::upsmon` says of NUT's files on this machine, in the words of a check.

use super::machine;
use crate::check::power::{Outside, Running, Upsmon};
use crate::check::words::sentence;
use crate::check::{Level, ups};
use crate::config::Config;
use crate::io::credentials::Credentials;
use crate::io::upsmon::{self, NutSetup, OurUps, Password, Version};
use std::path::{Path, PathBuf};

/// Where NUT's files are on Debian and Raspberry Pi OS.
const NUT_DIR: &str = "/etc/nut";

/// How upsmon is set up for the config's UPS.
pub(super) fn upsmon(config: &Config, seen: &ups::Facts) -> Upsmon {
    let Some(ups) = config.ups.as_ref().filter(|_| !matches!(seen, ups::Facts::NotJudged)) else {
        return Upsmon::NotLookedAt;
    };
    let version = seen.answer().and_then(|answer| Version::parse(answer.version.as_deref()?));
    let setup = NutSetup::read(&dir(), version);
    let password = Credentials::load(&config.credentials_dir).ok().and_then(|credentials| credentials.upsd_password);
    let our = OurUps {
        name: &ups.name,
        host: &ups.host,
        port: ups.port,
        user: ups.user.as_deref(),
        password: password.as_ref().map(|password| Password(password.expose())),
        sleep: config.power.sleep,
    };
    Upsmon::Judged(told(&setup, &our))
}

/// As NUT itself finds it.
fn dir() -> PathBuf {
    let named = std::env::var_os("NUT_CONFPATH").filter(|dir| !dir.is_empty());
    named.map_or_else(|| NUT_DIR.into(), PathBuf::from)
}

/// The upsmon that runs on this machine.
pub(super) fn running() -> Option<Running> {
    let started_s = machine::started(Path::new("/"), "upsmon")?;
    Some(Running { started_s, changed_s: machine::changed(&dir().join("upsmon.conf"))? })
}

/// What stands against it. A file that this account must not read is neither good nor bad.
fn told(setup: &NutSetup, our: &OurUps<'_>) -> Vec<Outside> {
    let outside = |found: upsmon::Finding| {
        let level = match found.level {
            upsmon::Level::Ok => return None,
            upsmon::Level::Unknown => Level::Unknown,
            upsmon::Level::Warn => Level::Warning,
            upsmon::Level::Fail => Level::Failure,
        };
        let remedy =
            found.remedy.unwrap_or_else(|| "`cabinetd power recipe` writes the files as they must be".to_owned());
        Some(Outside { about: found.about, level, what: told_of(&found.what), remedy: told_of(&remedy) })
    };
    upsmon::judge(setup, our).into_iter().filter_map(outside).collect()
}

/// As a sentence. Names of files and programs keep their small letter.
fn told_of(text: &str) -> String {
    let first = text.split(' ').next().unwrap_or_default();
    let is_name = first.contains(['.', '/', '`']) || ["upsmon", "upsd"].contains(&first);
    if !is_name {
        return sentence(text);
    }
    if text.ends_with(['.', '?', '!']) { text.to_owned() } else { format!("{text}.") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cabinet::power::Method;
    use crate::io::upsmon::Setup;
    use std::fs;
    use std::path::Path;

    const OUR: OurUps<'_> =
        OurUps { name: "ups", host: "127.0.0.1", port: 3493, user: None, password: None, sleep: Method::Standby };

    /// As Debian installs it, and somebody has filled in the least that works.
    fn stock(dir: &Path) {
        for (name, text) in [
            ("nut.conf", "MODE=standalone\n"),
            ("ups.conf", "[ups]\ndriver = usbhid-ups\nport = auto\n"),
            ("upsd.users", "[upsmon]\npassword = pass\nupsmon primary\n"),
            (
                "upsmon.conf",
                "MONITOR ups@localhost 1 upsmon pass primary\nMINSUPPLIES 1\nSHUTDOWNCMD \"/sbin/shutdown -h +0\"\nDEADTIME 15\nFINALDELAY 5\n",
            ),
        ] {
            fs::write(dir.join(name), text).expect("written");
        }
    }

    #[test]
    fn stock_upsmon_fails_and_what_may_not_be_read_is_not_known() {
        let dir = tempfile::tempdir().expect("a folder");
        stock(dir.path());
        let mut setup = NutSetup::read(dir.path(), Version::parse("2.8.0"));
        let found = told(&setup, &OUR);
        let has = |level, words: &str| found.iter().any(|found| found.level == level && found.what.contains(words));
        assert!(has(Level::Failure, "DEADTIME"), "stock upsmon would override the policy: {found:#?}");
        assert!(found.iter().all(|found| !found.remedy.is_empty() && found.what.ends_with('.')), "{found:#?}");

        setup.upsmon_conf = Setup::Unreadable("Permission denied".into());
        let found = told(&setup, &OUR);
        let unknown: Vec<_> = found.iter().filter(|found| found.level == Level::Unknown).collect();
        assert!(matches!(unknown.as_slice(), [one] if one.what.contains("upsmon.conf")), "{found:#?}");
    }
}
