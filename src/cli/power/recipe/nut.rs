//! NUT's five files.

use super::{Note, RecipeFile, Site, USER};
use crate::io::upsmon::{COMMAND, NEWS, Version};

/// News that the daemon is told beside those that it must know at once.
const MORE_NEWS: [&str; 3] = ["COMMOK", "REPLBATT", "SHUTDOWN"];

fn file(name: &str, text: String) -> RecipeFile {
    RecipeFile { path: format!("/etc/nut/{name}"), owner: "root", group: "nut", mode: 0o640, text }
}

pub(super) fn files(site: &Site<'_>) -> Vec<RecipeFile> {
    vec![
        file("nut.conf", nut_conf(site)),
        file("ups.conf", ups_conf(site)),
        file("upsd.conf", upsd_conf(site)),
        file("upsd.users", upsd_users(site)),
        file("upsmon.conf", upsmon_conf(site)),
    ]
}

fn nut_conf(site: &Site<'_>) -> String {
    let mode = if site.here { "standalone" } else { "netclient" };
    format!(
        "\
# Which parts of NUT start on this machine.
MODE={mode}

# At the end of a shutdown the UPS is told to cut its output, and the machine waits for that. If mains has come back meanwhile the UPS
# may stay on; then, after this time, the machine starts again instead of waiting for ever. Longer than the UPS's own delay
# (`upsc {system} ups.delay.shutdown`, 20 to 60 s mostly). Whole words of sleep(1): 3m, 180s.
POWEROFF_WAIT=3m
",
        system = site.system,
    )
}

fn ups_conf(site: &Site<'_>) -> String {
    format!(
        "\
# The driver of the UPS. Take driver and port from `nut-scanner -U`, or keep those that you have; the rest is for any unit.
maxretry = 3

[{name}]
    driver = usbhid-ups
    port = auto
    desc = \"UPS of the key cabinet\"

    # Many units say \"low battery\" when mains fails, at 95 % charge too, and out of the box that alone shuts the machine down. With
    # this line the driver does not pass it on, and says it itself when charge or runtime is below one of the two limits that follow.
    # It needs a unit that tells battery.charge (`upsc {system} battery.charge`).
    ignorelb

    # A net below the power policy, which decides earlier and knows more. Left alone the unit's own limit counts: 20 %, or 100.
    override.battery.charge.low = 2

    # Below 0 s: never. At a small load the runtime that a unit tells is a guess, and 0 when it has none.
    override.battery.runtime.low = 0
",
        name = site.ups.name,
        system = site.system,
    )
}

fn upsd_conf(site: &Site<'_>) -> String {
    format!(
        "\
# Where upsd listens: for this machine alone. The UPS feeds the cabinet and nothing else, so nobody else needs to ask.
LISTEN {host} {port}
",
        host = site.ups.host,
        port = site.ups.port,
    )
}

fn upsd_users(site: &Site<'_>) -> String {
    format!(
        "\
# upsmon, the one owner of shutdown. Its password is in upsmon.conf too. Letters and digits only: upsmon sends it without quotes.
[upsmon]
    password = {upsmon}
    upsmon primary

# The daemon. `upsmon primary` lets it tell upsd that the power policy wants the UPS off (FSD); upsmon then does it. The command is
# the weekly self-test, if it is wanted. Its password is the credential upsd_password. It has no right to set anything, and none to
# switch the output itself.
[{user}]
    password = {daemon}
    upsmon primary
    instcmds = {COMMAND}
",
        upsmon = *site.passwords.upsmon,
        daemon = *site.passwords.daemon,
        user = site.user,
    )
}

fn upsmon_conf(site: &Site<'_>) -> String {
    let flags: Vec<String> =
        NEWS.iter().chain(&MORE_NEWS).map(|kind| format!("NOTIFYFLAG {kind} SYSLOG+EXEC")).collect();
    let flags = flags.join("\n");
    let mut text = format!(
        "\
# upsmon owns the shutdown: it is the one who stops this machine and has the UPS cut its output. Whether and when is the power policy's
# to say, through FSD; upsmon by itself acts only below the limits of ups.conf.
MONITOR {system} 1 upsmon {password} primary
MINSUPPLIES 1
SHUTDOWNCMD \"/sbin/shutdown -h +0\"

# Made just before the shutdown; the last thing that the system does is to look for it and have the UPS cut its output.
POWERDOWNFLAG /etc/killpower

# How often upsmon looks, also on battery: so soon it sees FSD.
POLLFREQ 5
POLLFREQALERT 5
HOSTSYNC 15

# Out of the box a UPS that falls silent on battery counts as empty after 15 s, and the machine goes down because of a pulled cable
# or a restarted driver. Silence is the policy's to judge: it goes on with what it knows of the battery. A day.
DEADTIME 86400

# Between FSD and the shutdown: somebody at the cabinet gets 15 s to finish, the rest is for the books. Out of the box it is 5.
FINALDELAY 20

RBWARNTIME 43200
NOCOMMWARNTIME 300

# Tells the daemon to look at the UPS at once, so that it may look seldom while mains is there.
NOTIFYCMD \"{notify}\"
{flags}
",
        system = site.system,
        password = *site.passwords.upsmon,
        notify = site.notify,
    );
    if site.nut > Version(2, 8, 0) {
        text.push_str("\n# A UPS that calls itself off while the machine runs is mistaken; since 2.8.1 that shuts down after 30 s.\nOFFDURATION -1\n");
    }
    if site.nut >= Version(2, 8, 3) {
        text.push_str(
            "\n# An old battery's alarm and a pulled cable together are no reason to shut down; since 2.8.3 they are.\nALARMCRITICAL 0\n",
        );
    }
    text
}

pub(super) fn notes(site: &Site<'_>) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut note = |title: &str, text: String| notes.push(Note { title: title.to_owned(), text });
    if [Version(2, 8, 1), Version(2, 8, 2)].contains(&site.nut) {
        note(
            "NUT 2.8.1 and 2.8.2 will not do",
            "Their upsmon takes the UPS for dead at the first missed poll on battery, whatever DEADTIME says: a restart of upsd in an\n\
             outage shuts the machine down. Install 2.8.0, or 2.8.3 and later."
                .into(),
        );
    }
    if !site.here {
        note(
            "upsd runs on another machine",
            format!(
                "ups.conf, upsd.conf and upsd.users belong on {host}, where the UPS's cable is; the others on this one. Only the machine\n\
                 with the cable can have the UPS cut its output: ups-off does not work like this. An outage must not take the network\n\
                 between the two along, and nobody else may be on it: passwords and orders go there unencrypted.",
                host = site.ups.host
            ),
        );
    }
    if site.ups.user.is_none() {
        note(
            "In cabinetd.toml",
            format!(
                "Under [ups] write  user = \"{USER}\"  so that the daemon may order a self-test; without it, it only looks."
            ),
        );
    }
    notes
}
