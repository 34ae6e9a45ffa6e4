//! The UPS: does it answer, what is wrong with it now, and what of its settings will be wrong in an outage.

mod load;
mod settings;

use super::power;
use super::words::{listed, watts};
use super::{Finding, Id};
use crate::cabinet::power::baseline::power_of;
use crate::cabinet::power::{Method, UpsSilence, UpsState};
use crate::io::ups::figures::milli;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What was seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Facts {
    /// The config names none.
    NotWatched,
    /// What the config says of it cannot be used.
    NotJudged,
    Watched(Box<Watched>),
}

/// The UPS that the config names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Watched {
    /// As upsd calls it.
    pub name: String,
    pub host: String,
    pub port: u16,
    pub timeout_ms: u64,
    pub answer: Result<Answer, UpsSilence>,
}

/// What it answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    pub state: UpsState,
    pub variables: Variables,
    /// Of the upsd that answered.
    pub version: Option<String>,
    /// Instant commands that it offers; none if it was not told.
    pub commands: Option<Vec<String>>,
    /// Addresses of those who are logged in; or why they are not known.
    pub clients: Result<Vec<String>, String>,
}

/// All variables by name, not interpreted.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Variables(pub BTreeMap<String, String>);

impl Variables {
    /// The text; none if the UPS does not have it, or has nothing to say.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|text| text.trim()).filter(|text| !text.is_empty())
    }

    /// A plain decimal number in thousandths.
    #[must_use]
    pub fn milli(&self, name: &str) -> Option<u64> {
        milli(self.text(name)?)
    }

    /// yes, on, enabled, 1; and no, off, disabled, 0.
    #[must_use]
    pub fn truth(&self, name: &str) -> Option<bool> {
        match self.text(name)?.to_ascii_lowercase().as_str() {
            "yes" | "on" | "enabled" | "true" | "1" => Some(true),
            "no" | "off" | "disabled" | "false" | "0" => Some(false),
            _ => None,
        }
    }
}

impl Facts {
    /// The UPS as NUT's own commands take it.
    #[must_use]
    pub fn target(&self) -> String {
        match self {
            Self::Watched(watched) => watched.target(),
            Self::NotWatched | Self::NotJudged => "NAME".to_owned(),
        }
    }

    /// The answer, if there is one.
    #[must_use]
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Watched(watched) => watched.answer.as_ref().ok(),
            Self::NotWatched | Self::NotJudged => None,
        }
    }
}

impl Watched {
    /// As NUT's own commands take it: the bare name where that is enough.
    #[must_use]
    pub fn target(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (is_loopback(&self.host), self.port) {
            (true, 3_493) => self.name.clone(),
            (_, port) => format!("{}@{host}:{port}", self.name),
        }
    }
}

impl Answer {
    /// Whether `ups.status` has this word.
    #[must_use]
    pub fn says(&self, token: &str) -> bool {
        self.state.tokens.contains(token)
    }

    /// Whether it is the simulated one of the demo, with a simulated machine behind it: NUT's files and the clock chips of the machine
    /// that it runs on are not theirs.
    #[must_use]
    pub fn is_simulated(&self) -> bool {
        self.variables.text("ups.mfr") == Some("cabinetd") && self.variables.text("ups.model") == Some("simulated UPS")
    }

    /// Whether it offers an instant command, as far as known.
    #[must_use]
    pub fn offers(&self, command: &str) -> Option<bool> {
        Some(self.commands.as_ref()?.iter().any(|offered| offered == command))
    }

    /// What the UPS is rated for, in watts: by the config, else by its own word; of volt-amperes sixty percent, as cheap units have it.
    #[must_use]
    pub fn rated_w(&self, power: &power::Facts) -> Option<u32> {
        let own = |name| self.variables.milli(name).filter(|milli| *milli >= 1_000).map(|milli| milli / 1_000);
        let by_word = || own("ups.realpower.nominal").or_else(|| own("ups.power.nominal").map(|va| va * 6 / 10));
        power.rated_w().or_else(|| by_word().and_then(|watts| u32::try_from(watts).ok()))
    }

    /// What it delivers now, in milliwatts.
    #[must_use]
    pub fn load_mw(&self, power: &power::Facts) -> Option<u32> {
        power_of(&self.state.figures, self.rated_w(power)).0
    }
}

/// What hangs on the UPS, where the config does not say which.
pub(super) fn not_judged(id: Id) -> Finding {
    Finding::unknown(id, "It is not known which UPS the config means.", "See `ups.watched`.")
}

pub(super) fn judge(facts: &Facts, power: &power::Facts) -> Vec<Finding> {
    let watched = match facts {
        Facts::NotWatched => {
            return vec![Finding::note(
                Id::UpsWatched,
                "No UPS is watched, so in an outage the cabinet goes dark without warning.",
                "Write [ups] into the config; at a site without a UPS leave it as it is.",
            )];
        }
        Facts::NotJudged => {
            return vec![Finding::unknown(
                Id::UpsWatched,
                "Which UPS is meant is not known while the config cannot be read or has mistakes.",
                "See to that first (`cabinetd check --only config`).",
            )];
        }
        Facts::Watched(watched) => watched,
    };
    let mut findings = vec![
        Finding::fine(Id::UpsWatched, format!("{} is watched.", watched.name)),
        answers(watched, power),
        local(watched, power),
    ];
    if let Ok(answer) = &watched.answer {
        findings.extend([
            status(answer),
            figures(answer),
            load::rating(answer, power),
            load::dedicated(power),
            settings::clients(watched, answer, power),
            settings::low_battery(watched, answer),
            load::low_load(watched, answer, power),
            settings::beeper(watched, answer),
            settings::restart(watched, answer, power),
        ]);
    }
    findings
}

/// What a simulated UPS cannot have.
pub(super) fn simulated(id: Id, what: &str) -> Finding {
    Finding::note(id, format!("The UPS is simulated, {what}."), "Look at it again with a real one.")
}

fn answers(watched: &Watched, power: &power::Facts) -> Finding {
    let id = Id::UpsAnswers;
    let Watched { name, host, port, timeout_ms, .. } = watched;
    let at = format!("{host} port {port}");
    let driver =
        format!("`systemctl status nut-driver@{name}` (before NUT 2.8: nut-driver), and see whether the cable is in.");
    let (what, remedy) = match &watched.answer {
        Ok(answer) => return Finding::fine(id, said(watched, answer, power)),
        Err(UpsSilence::Refused) => (
            format!("Nobody answers at {at}."),
            "Start upsd (`systemctl status nut-server`); compare `host` and `port` under [ups] with LISTEN in upsd.conf.".to_owned(),
        ),
        Err(UpsSilence::TimedOut) => (
            format!("{at} does not answer within {timeout_ms} ms."),
            format!("`upsc {}` shows whether it answers at all; then the machine, or the network to it, is too busy.", watched.target()),
        ),
        Err(UpsSilence::Garbled) => (
            format!("What answers at {at} is no upsd, or broke off in the middle."),
            "See what listens there (`ss -ltnp`), and look into upsd's log.".to_owned(),
        ),
        Err(UpsSilence::UnknownUps) => (
            format!("upsd at {at} knows no UPS named {name}."),
            format!("`upsc -l {host}:{port}` lists the names; write the right one as `name` under [ups]."),
        ),
        Err(UpsSilence::Stale) => (format!("upsd has heard nothing new of {name} for a while."), driver),
        Err(UpsSilence::DriverGone) => (format!("The driver of {name} does not run."), driver),
        Err(UpsSilence::Waiting) => (
            format!("The driver of {name} has no status of it yet."),
            format!("Check again in a minute; if that does not help: {driver}"),
        ),
    };
    Finding::failure(id, what, remedy)
}

fn said(watched: &Watched, answer: &Answer, power: &power::Facts) -> String {
    let figures = &answer.state.figures;
    let status: Vec<&str> = answer.state.tokens.iter().map(String::as_str).collect();
    let parts: Vec<String> = [
        Some(format!("status {}", status.join(" "))),
        figures.charge_pct.map(|charge| format!("charge {charge} %")),
        figures.load_pct.map(|load| format!("load {load} %")),
        answer.load_mw(power).map(watts),
    ]
    .into_iter()
    .flatten()
    .collect();
    format!("{} at {} port {} answers: {}.", watched.name, watched.host, watched.port, parts.join(", "))
}

/// Whether an address is of this machine for sure.
fn is_loopback(address: &str) -> bool {
    let address = address.trim_start_matches('[').trim_end_matches(']');
    address == "localhost"
        || address.parse::<IpAddr>().is_ok_and(|address| match address {
            IpAddr::V4(address) => address.is_loopback(),
            IpAddr::V6(address) => address.is_loopback() || address.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback()),
        })
}

fn local(watched: &Watched, power: &power::Facts) -> Finding {
    let id = Id::UpsLocal;
    if is_loopback(&watched.host) {
        return Finding::fine(id, "upsd runs on this machine.");
    }
    let plain =
        if power.settings.may_order { " The daemon's password and its orders go there unencrypted." } else { "" };
    let host = &watched.host;
    if power.settings.sleep == Method::UpsOff {
        return Finding::failure(
            id,
            format!(
                "upsd runs on another machine, {host}: only the one with the UPS's cable can switch it off, so ups-off does not work.{plain}"
            ),
            "Plug the UPS's cable into this machine, or write `sleep = \"halt\"` or `\"standby\"` under [power].",
        );
    }
    Finding::warning(
        id,
        format!(
            "upsd runs on another machine, {host}: when that one or the network goes, the cabinet knows nothing more.{plain}"
        ),
        "Plug the UPS's cable into this machine. Otherwise that machine and the switch between must outlast the cabinet in an outage, \
         and nobody else be on that network.",
    )
}

fn status(answer: &Answer) -> Finding {
    let id = Id::UpsStatus;
    let alarm = answer.variables.text("ups.alarm").map_or_else(String::new, |text| format!(": {text}"));
    let bad = [
        (
            "FSD",
            "A shutdown was ordered (FSD), and upsd keeps saying so.",
            "Restart nut-server once the reason for it is gone: only that takes the order back.",
        ),
        (
            "BYPASS",
            "The UPS is bypassed: in an outage its battery carries nothing.",
            "Switch the bypass off at the UPS; if it switched there by itself, it is broken or overloaded.",
        ),
        (
            "OFF",
            "The UPS's output is switched off.",
            "Switch it on at its button; see that the cabinet is plugged into a backed-up socket.",
        ),
    ];
    if let Some((_, what, remedy)) = bad.iter().find(|(token, _, _)| answer.says(token)) {
        return Finding::failure(id, *what, *remedy);
    }
    if answer.says("ALARM") || !alarm.is_empty() {
        let what = format!("The UPS raises an alarm{alarm}.");
        return Finding::warning(
            id,
            what,
            "Its manual says what the alarm means; a beep, a lamp or its display tells the same.",
        );
    }
    match (answer.says("OL"), answer.says("OB")) {
        // A self-test.
        (_, true) if answer.says("CAL") => {
            Finding::note(id, "The UPS tests its battery just now.", "Check again when it is done.")
        }
        (_, true) => Finding::note(
            id,
            "The cabinet is on battery just now, so charge and load are those of an outage.",
            "Check again when mains is back; `cabinetd status` tells how the outage goes.",
        ),
        (true, false) => Finding::fine(id, "On line, with nothing against it."),
        (false, false) => Finding::unknown(
            id,
            "The UPS says neither that it is on line nor that it is on battery.",
            "See `upsc` for its status; another driver may understand it better.",
        ),
    }
}

fn figures(answer: &Answer) -> Finding {
    let id = Id::UpsFigures;
    let figures = &answer.state.figures;
    let mut missing = Vec::new();
    let mut lacks = |is_known: bool, name: &str| {
        if !is_known {
            let said = answer.variables.text(name).map_or_else(String::new, |text| format!(" (it says \"{text}\")"));
            missing.push(format!("{name}{said}"));
        }
    };
    lacks(figures.charge_pct.is_some(), "battery.charge");
    if figures.real_power_mw.is_none() {
        lacks(figures.load_pct.is_some(), "ups.load");
    }
    lacks(figures.runtime_s.is_some(), "battery.runtime");
    if missing.is_empty() {
        return Finding::fine(id, "The UPS tells charge, load and runtime, and they make sense.");
    }
    let what = format!("The UPS does not tell, or not sensibly: {}.", listed(&missing));
    if figures.charge_pct.is_none() {
        let remedy = "Without a charge the energy is modelled from the drill and the time on battery: drill with `--deep`. Another \
                      driver or a newer NUT may tell it.";
        return Finding::warning(id, what, remedy);
    }
    Finding::note(id, what, "The forecast does without; a drill makes its model better.")
}
