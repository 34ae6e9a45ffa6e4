//! Who may tell upsd what: upsmon, the daemon, and nobody else.

use super::{Findings, Level, RECIPE};
use crate::cabinet::power::Method;
use crate::io::upsmon::{COMMAND, PASSWORD_PLACEHOLDER, UpsdUsers};

impl Findings<'_> {
    pub(super) fn upsd_users(&mut self) {
        if !self.our.is_here() {
            return;
        }
        let Some(conf) = self.read("upsd.users", "upsd.users", &self.setup.upsd_users) else { return };
        self.lost("upsd.users", "upsd.users", &conf.lost_lines);
        let monitors = self.setup.upsmon_conf.read().map_or(&[][..], |upsmon| &upsmon.monitors);
        let monitor = monitors.iter().find(|monitor| self.our.is_watched_by(monitor));
        if let Some(monitor) = monitor {
            let name = &monitor.user;
            let known = conf.user(name).filter(|user| user.password.as_ref() == Some(&monitor.password));
            let plain = monitor.password.goes_without_quotes() && !monitor.password.is_placeholder();
            let well = "upsmon can log in to upsd";
            if monitor.password.is_placeholder() {
                let what = format!("upsmon's password is the recipe's {PASSWORD_PLACEHOLDER}");
                self.add(
                    Level::Fail,
                    "upsd.upsmon-user",
                    what,
                    "`cabinetd power recipe --write-to DIR` makes passwords",
                );
            } else if !plain {
                let what =
                    "upsmon sends its password without quotes: with blanks or any of \" \\ # = upsd hears another one";
                self.add(
                    Level::Fail,
                    "upsd.upsmon-user",
                    what,
                    "give it a password of letters and digits, in both files",
                );
            } else {
                self.must(
                    known.is_some_and(|user| user.may_shut_down && user.may_log_in),
                    "upsd.upsmon-user",
                    well,
                    match known {
                        Some(_) => format!("upsd lets {name}, upsmon's user, shut nothing down"),
                        None => format!("upsd does not know {name} with upsmon's password: upsmon cannot log in"),
                    },
                    format!("write `upsmon primary` and upsmon's password under [{name}] in upsd.users"),
                );
            }
        }
        self.our_user(conf);
        let allowed = [monitor.map(|monitor| monitor.user.as_str()), self.our.user];
        let others: Vec<&str> = conf
            .users
            .iter()
            .filter(|user| user.may_shut_down && !allowed.contains(&Some(user.name.as_str())))
            .map(|user| user.name.as_str())
            .collect();
        self.should(
            others.is_empty(),
            "upsd.others",
            "nobody else may shut the UPS down",
            format!("others may shut the UPS down too: {}", others.join(", ")),
            "take `upsmon primary` and `actions = FSD` away from them, unless they are meant to",
        );
    }

    /// The daemon's own user.
    fn our_user(&mut self, conf: &UpsdUsers) {
        let deep = self.our.sleep == Method::UpsOff;
        let Some(name) = self.our.user else {
            let level = if deep { Level::Fail } else { Level::Ok };
            let what = if deep {
                "sleep is ups-off and the config names no user who may order it"
            } else {
                "the daemon has no user in upsd: it asks and never orders"
            };
            return self.add(
                level,
                "upsd.our-user",
                what,
                "write user = \"cabinetd\" under [ups]; the recipe makes it",
            );
        };
        let Some(user) = conf.user(name) else {
            let what = format!("upsd.users has no [{name}], the config's ups.user");
            return self.add(Level::Fail, "upsd.our-user", what, RECIPE.replace("file", "section"));
        };
        let Some(password) = &user.password else {
            let what = format!("[{name}] in upsd.users has no password");
            return self.add(
                Level::Fail,
                "upsd.our-user",
                what,
                "write password = … there and in the credential upsd_password",
            );
        };
        let same = self.our.password.is_none_or(|ours| password.is(ours.0));
        if password.is_placeholder() || !same {
            let what = if same {
                format!("[{name}] still has the recipe's {PASSWORD_PLACEHOLDER}")
            } else {
                format!("[{name}] in upsd.users has another password than the credential upsd_password")
            };
            self.add(Level::Fail, "upsd.our-user", what, "write the same password in both; then `upsd -c reload`");
        } else if !user.may_shut_down {
            let what = format!("[{name}] may not force a shutdown");
            let level = if deep { Level::Fail } else { Level::Warn };
            self.add(level, "upsd.our-user", what, format!("write `upsmon primary` under [{name}] in upsd.users"));
        } else {
            self.add(Level::Ok, "upsd.our-user", format!("{name} may order what the policy orders"), "");
        }
        self.should(
            user.may_command(COMMAND),
            "upsd.our-commands",
            "the daemon may test the battery",
            format!("[{name}] may not {COMMAND}: there is no weekly self-test"),
            format!("write under [{name}] in upsd.users: instcmds = {COMMAND}"),
        );
        let too_much = user.commands.contains("all") || user.actions.contains("SET");
        self.should(
            !too_much,
            "upsd.our-rights",
            "and nothing beyond",
            format!("[{name}] may do more than the daemon needs"),
            format!("grant {COMMAND} instead of ALL, and leave out `actions = SET`"),
        );
    }
}
