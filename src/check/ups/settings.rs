//! What the UPS is set to, and who is logged in at it: each of it shows in an outage, which is too late.

use super::super::words::{listed, sentence};
use super::super::{Finding, Id, power};
use super::{Answer, Watched, is_loopback, simulated};
use crate::cabinet::power::Method;

pub(super) fn clients(watched: &Watched, answer: &Answer) -> Finding {
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

/// Lower than this a UPS may call its battery low.
const LOW_PCT: u64 = 35;
const LOW_S: u64 = 600;

pub(super) fn low_battery(answer: &Answer) -> Finding {
    let id = Id::UpsLowBattery;
    let charge = answer.variables.milli("battery.charge.low").map(|milli| milli / 1_000);
    let runtime = answer.variables.milli("battery.runtime.low").map(|milli| milli / 1_000);
    let remedy = "In ups.conf, under the UPS: `ignorelb`, and a low `override.battery.charge.low` (`cabinetd power recipe` writes them).";
    match (charge, runtime) {
        (Some(charge @ 90..), _) => Finding::failure(
            id,
            format!("The UPS calls its battery low at {charge} %: low as soon as mains fails."),
            remedy,
        ),
        (Some(charge), _) if charge > LOW_PCT => {
            Finding::warning(id, format!("The UPS calls its battery low at {charge} % already."), remedy)
        }
        (_, Some(runtime)) if runtime > LOW_S => {
            let what = format!("The UPS calls its battery low {} min before the end, by its own guess.", runtime / 60);
            Finding::warning(id, what, remedy)
        }
        (Some(charge), _) => Finding::fine(id, format!("The UPS calls its battery low at {charge} %.")),
        (None, Some(runtime)) => {
            Finding::fine(id, format!("The UPS calls its battery low {runtime} s before the end."))
        }
        (None, None) => Finding::note(
            id,
            "The UPS does not tell when it calls its battery low.",
            "A low battery is believed only when charge or energy agree, so nothing needs to be done.",
        ),
    }
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
