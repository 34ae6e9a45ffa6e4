//! What the UPS is set to, and who is logged in at it: each of it shows in an outage, which is too late.

use super::super::words::{listed, sentence};
use super::super::{Finding, Id, power};
use super::{Answer, Watched, is_loopback, simulated};
use crate::cabinet::power::Method;

pub(super) fn clients(watched: &Watched, answer: &Answer, power: &power::Facts) -> Finding {
    let id = Id::UpsClients;
    let clients = match &answer.clients {
        Ok(clients) => clients,
        Err(why) => {
            return Finding::unknown(
                id,
                format!("Who is logged in at the UPS is not known: {}", sentence(why)),
                format!("`upsc -c {}` asks the same.", watched.target()),
            );
        }
    };
    if answer.is_simulated() && clients.is_empty() {
        return simulated(id, "and nobody needs to be logged in at it");
    }
    let recipe = "Start nut-monitor here (`cabinetd power recipe` writes its files): it owns the shutdown.";
    if clients.is_empty() && power.settings.sleep == Method::UpsOff {
        let what =
            "No upsmon is logged in at the UPS, so nobody would shut down and switch it off: ups-off never comes.";
        return Finding::failure(id, what, recipe);
    }
    let (own, others): (Vec<&String>, Vec<&String>) = clients.iter().partition(|client| is_loopback(client));
    if !is_loopback(&watched.host) {
        return match clients.len() {
            0 => Finding::warning(id, "No upsmon is logged in at the UPS.", recipe),
            1 => Finding::fine(id, format!("One upsmon is logged in at the UPS, {}.", clients[0])),
            _ => Finding::failure(
                id,
                format!("{} machines are shut down with the UPS: {}.", clients.len(), listed(clients)),
                "Each of them draws on the battery, or goes down when the cabinet sleeps. Give the others a UPS of their own.",
            ),
        };
    }
    match (own.len(), others.as_slice()) {
        (_, [_, ..]) => Finding::failure(
            id,
            format!("Another machine is shut down with the UPS: {}.", listed(&others)),
            "It draws on the battery, and goes down when the cabinet sleeps. Give it a UPS of its own, and take its MONITOR line out.",
        ),
        (1, []) => Finding::fine(id, "One upsmon is logged in at the UPS, on this machine."),
        (0, []) => Finding::warning(
            id,
            "No upsmon is logged in at the UPS, so nothing would shut this machine down in order.",
            recipe,
        ),
        (own, []) => Finding::warning(
            id,
            format!("{own} upsmon of this machine are logged in at the UPS."),
            "One must own the shutdown: stop the other (`systemctl list-units 'nut*'`, `pgrep -a upsmon`).",
        ),
    }
}

/// upsmon shuts down at "low battery", so the driver must not say it above this: a net below the policy, which decides earlier.
const LOW_PCT: u64 = 5;
const LOW_S: u64 = 30;

/// What upsd shows is what the running driver was started with, whatever its file says by now.
pub(super) fn low_battery(watched: &Watched, answer: &Answer) -> Finding {
    let id = Id::UpsLowBattery;
    if answer.is_simulated() {
        return simulated(id, "and no upsmon hears its \"low battery\"");
    }
    let variables = &answer.variables;
    let limit = |name| variables.milli(name).map(|milli| milli / 1_000);
    let (charge, runtime) = (limit("battery.charge.low"), limit("battery.runtime.low"));
    let remedy = format!(
        "`cabinetd power recipe` has the lines for ups.conf (`ignorelb` and both limits). The driver reads them at its start: \
         `systemctl restart nut-driver@{}`.",
        watched.name
    );
    let shows_its_start = variables.0.keys().any(|name| name.starts_with("driver."));
    let what = match (variables.truth("driver.flag.ignorelb"), charge, runtime) {
        (None, _, _) if !shows_its_start => {
            let what = "upsd does not show how its driver was started, so whether the UPS's own \"low battery\" shuts the machine \
                        down is not known.";
            return Finding::unknown(id, what, remedy);
        }
        (None | Some(false), charge, _) => format!(
            "The driver that runs passes on the UPS's own \"low battery\"{}, and upsmon shuts down by it, whatever the policy says.",
            charge.map_or_else(String::new, |charge| format!(" (at {charge} %)"))
        ),
        (Some(true), Some(charge), _) if charge > LOW_PCT => {
            format!("The driver that runs says \"low battery\" below {charge} %, and upsmon shuts down by it.")
        }
        (Some(true), _, Some(runtime)) if runtime > LOW_S => {
            format!(
                "The driver that runs says \"low battery\" {runtime} s before the end by its guess, and upsmon shuts down by it."
            )
        }
        (Some(true), None, None) => {
            let what = "The driver that runs ignores the UPS's own \"low battery\", and shows no limit of its own.";
            return Finding::unknown(id, what, remedy);
        }
        (Some(true), Some(charge), _) => {
            return Finding::fine(
                id,
                format!("\"Low battery\" is said below {charge} % only, as a net below the policy."),
            );
        }
        (Some(true), None, Some(runtime)) => {
            return Finding::fine(id, format!("\"Low battery\" is said {runtime} s before the end only."));
        }
    };
    Finding::failure(id, what, remedy)
}

pub(super) fn beeper(watched: &Watched, answer: &Answer) -> Finding {
    let id = Id::UpsBeeper;
    match answer.variables.text("ups.beeper.status") {
        Some("disabled") => Finding::fine(id, "The UPS's beeper is off."),
        Some("muted") => Finding::fine(id, "The UPS's beeper is muted."),
        Some("enabled") => {
            let offered = ["beeper.disable", "beeper.mute", "beeper.toggle"];
            let command = offered.into_iter().find(|command| answer.offers(command) != Some(false));
            let remedy = match command {
                Some(command) => format!("`upscmd -u USER {} {command}`, or in its own menu.", watched.target()),
                None => "Switch it off in the UPS's own menu.".to_owned(),
            };
            Finding::warning(
                id,
                "The UPS's beeper is on: one that screams for a night gets unplugged by people.",
                format!("{remedy} The cabinet tells of an outage itself."),
            )
        }
        Some(_) | None => Finding::note(
            id,
            "The UPS does not tell whether its beeper is on.",
            "If it beeps in the drill, switch that off in its menu: a UPS that screams for a night gets unplugged by people.",
        ),
    }
}

/// A higher charge than this keeps the cabinet dark for hours after mains is back.
const RESTART_PCT: u64 = 30;

pub(super) fn restart(watched: &Watched, answer: &Answer, power: &power::Facts) -> Finding {
    let id = Id::UpsRestart;
    let set = |setting: &str| format!("`upsrw -s {setting} -u USER {}`, or in its own menu.", watched.target());
    let charge = answer.variables.milli("battery.charge.restart").map(|milli| milli / 1_000);
    match (answer.variables.truth("ups.start.auto"), charge) {
        (Some(false), _) => Finding::failure(
            id,
            "The UPS stays off when mains is back, until somebody presses its button.",
            set("ups.start.auto=yes"),
        ),
        (_, Some(charge)) if charge > RESTART_PCT => Finding::warning(
            id,
            format!(
                "After an empty battery the UPS stays off until that is charged to {charge} % again, hours after mains is back."
            ),
            set("battery.charge.restart=20"),
        ),
        (Some(true), _) => Finding::fine(id, "The UPS switches on again by itself when mains is back."),
        (None, _) if power.proof(answer, Method::UpsOff).is_ok() => {
            Finding::fine(id, "A drill showed that the UPS comes back.")
        }
        (None, _) => Finding::note(
            id,
            "The UPS does not tell whether it switches on again by itself when mains is back.",
            "`cabinetd drill` shows it.",
        ),
    }
}
