//! What lets the daemon power the machine off, set its clock's alarm and log in at upsd.

use super::{ACCOUNT, Note, RecipeFile, Site};
use crate::cabinet::power::Method;
use crate::io::credentials::UPSD_PASSWORD;
use std::fmt::Write as _;

fn root_file(path: &str, text: String) -> RecipeFile {
    RecipeFile { path: path.to_owned(), owner: "root", group: "root", mode: 0o644, text }
}

/// Whether the machine is ever powered off by the daemon itself: ups-off leaves that to upsmon, and falls back on halt.
fn powers_off(site: &Site<'_>) -> bool {
    site.sleep != Method::Standby
}

pub(super) fn files(site: &Site<'_>) -> Vec<RecipeFile> {
    let mut files = Vec::new();
    if powers_off(site) {
        files.push(root_file("/etc/polkit-1/rules.d/50-cabinetd.rules", polkit_rule()));
    }
    if site.clock_wakes {
        files.push(root_file("/etc/udev/rules.d/60-cabinetd-rtc.rules", udev_rule()));
    }
    files.push(root_file("/etc/systemd/system/cabinetd.service.d/power.conf", drop_in(site)));
    files
}

fn polkit_rule() -> String {
    format!(
        "\
// The daemon's account may power the machine off, also while somebody is logged in. Not reboot it, not override an inhibitor.
polkit.addRule(function(action, subject) {{
    if (subject.user == \"{ACCOUNT}\" &&
        (action.id == \"org.freedesktop.login1.power-off\" ||
         action.id == \"org.freedesktop.login1.power-off-multiple-sessions\")) {{
        return polkit.Result.YES;
    }}
}});
"
    )
}

fn udev_rule() -> String {
    format!(
        "\
# The daemon sets the alarm that wakes the halted machine. Only the alarm: the clock itself stays root's.
SUBSYSTEM==\"rtc\", ACTION==\"add|change\", RUN+=\"/bin/chgrp {ACCOUNT} /sys%p/wakealarm\", RUN+=\"/bin/chmod 0664 /sys%p/wakealarm\"
"
    )
}

/// What the unit cannot know: where the password is, and that upsd is elsewhere.
fn drop_in(site: &Site<'_>) -> String {
    let mut text = format!(
        "\
[Service]
# The daemon's own password for upsd: systemd reads it as root and hands the daemon a copy. Without the file the unit does not start.
LoadCredential={UPSD_PASSWORD}:{}
",
        site.password_file.display()
    );
    if !site.here {
        // Writing to a String does not fail.
        let _ = write!(
            text,
            "# upsd is not on this machine. The unit lets the daemon reach this machine alone.\nIPAddressAllow={}\n",
            site.ups.host
        );
    }
    text
}

pub(super) fn notes(site: &Site<'_>) -> Vec<Note> {
    let mut notes = vec![Note {
        title: format!("The daemon's password, in the credentials folder as {UPSD_PASSWORD}"),
        text: format!(
            "The same as under [{}] in upsd.users, one line, mode 0600, owned by root. `--write-to` makes one.",
            site.user
        ),
    }];
    let system = &site.system;
    let mut install = "\
systemctl daemon-reload
systemctl restart nut-driver-enumerator nut-server nut-monitor
systemctl enable nut-server nut-monitor
"
    .to_owned();
    if site.clock_wakes {
        install.push_str("udevadm control --reload && udevadm trigger --subsystem-match=rtc --action=add\n");
    }
    // Writing to a String does not fail.
    let _ = writeln!(
        install,
        "upsc {system}                     # does the driver speak?\n\
         upscmd -l {system}                # has it test.battery.start.quick?\n\
         cabinetd check                    # is it all in force?"
    );
    notes.push(Note { title: "Then".into(), text: install });
    if let Some(note) = sleep_note(site) {
        notes.push(note);
    }
    notes.push(Note {
        title: "The UPS itself".into(),
        text: format!(
            "Some units cut their output on battery when the load is small, 5 to 10 % of what they are rated for, and call it saving\n\
             energy. A cabinet is a small load, in standby even more so. Look at `upsc {} | grep energysave` and turn it off: on the\n\
             unit's own keys, or with upsrw if it can be written.",
            site.system
        ),
    });
    notes
}

fn sleep_note(site: &Site<'_>) -> Option<Note> {
    let every = match site.wake_every_min {
        0 => "never, by rtc_wake_min = 0".to_owned(),
        minutes => format!("every {minutes} min"),
    };
    match site.sleep {
        Method::Standby => None,
        Method::Halt => Some(Note {
            title: "halt: nothing boots a machine whose supply never dropped".into(),
            text: if site.clock_wakes {
                format!(
                    "The UPS's output stays on, so the return of mains starts nothing. The clock wakes the machine to look ({every});\n\
                     `cat /sys/class/rtc/rtc0/wakealarm` shows the alarm once one is set. `cabinetd drill` proves it."
                )
            } else {
                "The UPS's output stays on, so the return of mains starts nothing by itself. The config says that this machine starts all the\n\
                 same (power.wakes_on_mains): halt is used once `cabinetd drill` has seen it."
                    .to_owned()
            },
        }),
        Method::UpsOff => Some(Note {
            title: "ups-off: what happens at the end".into(),
            text: format!(
                "FSD -> upsmon waits FINALDELAY, makes /etc/killpower and runs SHUTDOWNCMD -> systemd stops everything -> Debian's\n\
                 /lib/systemd/system-shutdown/nutshutdown finds the flag (`upsmon -K`) and runs `upsdrvctl shutdown` -> the UPS cuts its\n\
                 output after ups.delay.shutdown. It comes back with mains, or when somebody presses the UPS's button: try both.\n\
                 - /etc must be on the root file system, and the driver must know the command (`upsdrvctl -t shutdown` says what it would\n  \
                 do, and does nothing).\n\
                 - load.off as an instant command is something else: on many units nothing turns the output on again.\n\
                 - {user} needs no right to it: upsmon does it, as root's.\n\
                 - The first time do it with the drill, with the mechanical cabinet key in hand.",
                user = site.user
            ),
        }),
    }
}
