//! Power and sleep: does the energy last, is the sleep that the config asks for proved, does upsmon leave the decision to us.

use super::words::{age, hours, watts};
use super::{Finding, Id, Level, firmware, ups};
use crate::cabinet::power::baseline::Baseline;
use crate::cabinet::power::energy::Plant;
use crate::cabinet::power::selftest::Verdict;
use crate::cabinet::power::state::{PowerState, Proof};
use crate::cabinet::power::{Method, PowerSettings};
use crate::cabinet::types::Now;
use crate::config::BatteryConfig;

/// What was seen, beside the UPS itself.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Facts {
    /// What the config says of battery and policy.
    pub settings: PowerSettings,
    pub battery: BatteryConfig,
    /// The present; none while the clock is not trusted.
    pub now: Option<Now>,
    /// What the ledger knows: proofs, what was measured, the UPS's serial.
    pub state: Option<PowerState>,
    /// What the daemon learned of the load.
    pub baseline: Baseline,
    /// The last self-test that the daemon began.
    pub own_test: Option<OwnTest>,
    pub chips: Vec<ClockChip>,
    pub power_off: PowerOff,
    pub firmware: firmware::Facts,
    /// What stands against upsmon as the owner.
    pub upsmon: Upsmon,
    /// The upsmon that runs here; none while it is not seen, or the clock is not trusted.
    pub running: Option<Running>,
}

/// Whether polkit's rules let the daemon's account power the machine off.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub enum PowerOff {
    /// This machine does not know the account.
    #[default]
    NotJudged,
    Allowed,
    /// No rule speaks of it.
    NoRule,
    /// Why it is not known.
    Unknown(String),
}

/// The upsmon that runs on this machine, beside its file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Running {
    /// Seconds since 1970.
    pub started_s: i64,
    /// When upsmon.conf was last changed, likewise.
    pub changed_s: i64,
}

/// The last self-test that the daemon began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OwnTest {
    /// None where the clock was not trusted.
    pub days_ago: Option<u32>,
    pub verdict: Verdict,
}

/// A clock of `/sys/class/rtc`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClockChip {
    pub name: String,
    /// It can wake the machine.
    pub has_alarm: bool,
    /// Whether the daemon's account may set the alarm; none if there is none, or this machine does not know the account.
    pub may_set: Option<bool>,
    /// By how many seconds it differs from the system's clock; none if it cannot be read or that is not trusted.
    pub off_s: Option<u64>,
}

/// What is to be said of upsmon, by whoever reads its files.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub enum Upsmon {
    /// Not looked at.
    #[default]
    NotLookedAt,
    Judged(Vec<Outside>),
}

/// A finding that another part made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outside {
    /// Its own word for it.
    pub about: &'static str,
    pub level: Level,
    pub what: String,
    pub remedy: String,
}

/// Why a method does not count as proved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotProved {
    Never,
    /// Battery or UPS were replaced since anything was proved.
    Replaced,
    /// Proofs are of a UPS with another serial.
    OtherUps,
}

impl Facts {
    /// The drill of a method, if it still counts for this UPS.
    ///
    /// # Errors
    /// Why not.
    pub fn proof(&self, answer: &ups::Answer, method: Method) -> Result<&Proof, NotProved> {
        let state = self.state.as_ref().ok_or(NotProved::Never)?;
        let none = if state.replaced.is_some() { NotProved::Replaced } else { NotProved::Never };
        let proof = state.proof(method).ok_or(none)?;
        // A UPS without a serial cannot be told from another one of its kind.
        match (&state.serial, &answer.state.serial) {
            (Some(then), Some(now)) if then != now => Err(NotProved::OtherUps),
            _ => Ok(proof),
        }
    }

    /// Whether a drill that still counts had this cabinet on this battery.
    #[must_use]
    pub fn has_drilled(&self) -> bool {
        self.state.as_ref().is_some_and(|state| !state.proofs.is_empty())
    }

    /// What the UPS is rated for by the config, in watts.
    #[must_use]
    pub fn rated_w(&self) -> Option<u32> {
        Some(self.battery.ups_rated_w).filter(|rated_w| *rated_w > 0)
    }

    /// What the cabinet draws from the UPS's sockets by the config, in milliwatts.
    #[must_use]
    pub fn said_mw(&self) -> u32 {
        let plant = &self.settings.plant;
        u32::try_from(plant.normal_mw.saturating_sub(plant.overhead_mw)).unwrap_or(u32::MAX)
    }

    /// What shedding takes away, in milliwatts.
    #[must_use]
    pub fn shed_mw(&self) -> u32 {
        let plant = &self.settings.plant;
        u32::try_from(plant.normal_mw.saturating_sub(plant.standby_mw)).unwrap_or(u32::MAX)
    }

    /// What the UPS takes for itself, in milliwatts.
    fn overhead_mw(&self) -> u32 {
        u32::try_from(self.settings.plant.overhead_mw).unwrap_or(u32::MAX)
    }

    /// What the battery was measured to hold, in milliwatt-hours.
    #[must_use]
    pub fn measured_mwh(&self) -> Option<u64> {
        self.state.as_ref()?.measured.map(|measured| measured.capacity_mwh)
    }
}

pub(super) fn judge(facts: &ups::Facts, power: &Facts) -> Vec<Finding> {
    match facts {
        ups::Facts::NotWatched => return Vec::new(),
        ups::Facts::NotJudged => return vec![ups::not_judged(Id::PowerRuntime)],
        ups::Facts::Watched(_) => {}
    }
    let answer = facts.answer();
    let mut findings = vec![runtime(answer, power)];
    findings.extend(answer.map(|answer| draw(answer, power)));
    findings.extend(answer.map(|answer| method(answer, power)));
    findings.extend(answer.map(|answer| cold_start(facts, answer, power)));
    if answer.is_some_and(ups::Answer::is_simulated) {
        findings.push(ups::simulated(Id::PowerRtc, "and so is the clock chip of its machine"));
        findings.push(ups::simulated(Id::PowerUpsmon, "and NUT's files on this machine do not speak of it"));
        return findings;
    }
    findings.push(rtc(power));
    findings.extend(polkit(power));
    findings.extend(firmware::judge(&power.firmware, power.settings.sleep));
    let running = running(power.running);
    // Files alone are no proof of an upsmon that does not go by them.
    let files = upsmon(&power.upsmon).into_iter().filter(|found| found.level != Level::Fine || running.is_none());
    findings.extend(files);
    findings.extend(running);
    findings
}

/// What is drawn from the battery in Normal, in milliwatts: as measured, where that is more than the config says.
fn draw_mw(answer: Option<&ups::Answer>, power: &Facts) -> u64 {
    let measured = power.baseline.base_mw().or_else(|| answer.and_then(|answer| answer.load_mw(power)));
    let measured = measured.map_or(0, |mw| u64::from(mw.saturating_add(power.overhead_mw())));
    measured.max(power.settings.plant.normal_mw).max(1)
}

/// Common sizes of 12 V batteries, in ampere-hours.
const SIZES_AH: [u64; 12] = [7, 9, 12, 18, 24, 35, 45, 55, 75, 100, 150, 200];

fn runtime(answer: Option<&ups::Answer>, power: &Facts) -> Finding {
    let id = Id::PowerRuntime;
    let plant = &power.settings.plant;
    let replace = answer.is_some_and(|answer| answer.says("RB"));
    let draw_mw = draw_mw(answer, power);
    let minutes = |plant: &Plant, full_mwh: u64| full_mwh * 60 / plant.felt_mw(draw_mw).max(1);
    let usable_mwh = plant.full_mwh(power.measured_mwh(), replace);
    let lasts = minutes(plant, usable_mwh);
    let goal_h = power.battery.runtime_goal_h;
    let goal = u64::from(goal_h) * 60;
    let drawn = watts(u32::try_from(draw_mw).unwrap_or(u32::MAX));
    let what = format!(
        "A full battery ({} Wh usable) carries the awake cabinet and the UPS itself ({drawn}) for {}.",
        usable_mwh / 1_000,
        hours(lasts)
    );
    if lasts >= goal {
        return Finding::fine(id, what);
    }
    let would_do = |ah: &&u64| {
        let larger = Plant { nameplate_mwh: **ah * 12_000, ..plant.clone() };
        minutes(&larger, larger.full_mwh(None, false)) >= goal
    };
    let battery = SIZES_AH.iter().find(would_do).map_or_else(
        || "No common 12 V battery".to_owned(),
        |ah| format!("One of {} Wh (12 V {ah} Ah), new and in a UPS that is made for it,", ah * 12),
    );
    let remedy = format!(
        "{battery} would carry it for the {goal_h} h of `runtime_goal_h`. Sleep stretches the one that is there: `cabinetd simulate` shows how far."
    );
    let level = match lasts * 4 {
        quarters if quarters >= goal * 3 => Level::Note,
        quarters if quarters >= goal => Level::Warning,
        _ => Level::Failure,
    };
    Finding::new(level, id, what, remedy)
}

fn draw(answer: &ups::Answer, power: &Facts) -> Finding {
    let id = Id::PowerDraw;
    let said_mw = power.said_mw();
    let (measured_mw, how) = match (power.baseline.base_mw(), answer.load_mw(power)) {
        (Some(base), _) => (base, "idle, learned over days"),
        (None, Some(now)) => (now, "just now"),
        (None, None) => {
            return Finding::unknown(
                id,
                "The UPS does not show what the cabinet draws, so `normal_mw` is not checked.",
                "Measure it once with a plug-in meter, and write it plus `ups_overhead_mw` as `normal_mw` under [power].",
            );
        }
    };
    let what =
        format!("The cabinet draws {} ({how}); the forecast counts with {}.", watts(measured_mw), watts(said_mw));
    let normal_mw = measured_mw.saturating_add(power.overhead_mw()).div_ceil(100) * 100;
    // Small units measure to some watts at best.
    let differs = measured_mw.abs_diff(said_mw) > (said_mw / 4).max(3_000);
    if !differs {
        return Finding::fine(id, what);
    }
    if measured_mw > said_mw {
        let remedy = format!(
            "Find what draws the difference (ups.dedicated). If it is the cabinet's own, write `normal_mw = {normal_mw}` under [power]."
        );
        return Finding::warning(id, what, remedy);
    }
    let remedy = format!("The battery lasts longer than forecast; `normal_mw = {normal_mw}` under [power] is nearer.");
    Finding::note(id, what, remedy)
}

/// A drill older than this is to be done again, in days.
const PROOF_DAYS: u64 = 365;

fn method(answer: &ups::Answer, power: &Facts) -> Finding {
    let id = Id::PowerMethod;
    let method = power.settings.sleep;
    if method == Method::Standby {
        return Finding::note(
            id,
            "The cabinet sleeps in standby, which needs no proof and saves little.",
            "`cabinetd simulate` compares halt and ups-off on this battery; `cabinetd drill` proves them, then `sleep` under [power] sets them.",
        );
    }
    let word = method.word();
    let drill = "Run `cabinetd drill` with somebody there; until then the cabinet sleeps in standby only.";
    let proof = match power.proof(answer, method) {
        Ok(proof) => proof,
        Err(NotProved::Never) => {
            let what = format!("The config asks for {word}, and no drill has proved that the cabinet wakes from it.");
            return Finding::failure(id, what, drill);
        }
        Err(NotProved::Replaced) => {
            let what = format!("Battery or UPS were replaced, and no drill has proved {word} with the new one.");
            return Finding::failure(id, what, drill);
        }
        Err(NotProved::OtherUps) => {
            return Finding::failure(id, format!("{word} was proved with another UPS than this one."), drill);
        }
    };
    let days = power.now.and_then(|now| {
        let since_ms = now.wall.0.saturating_sub(proof.at.wall.0).max(0);
        proof.at.clock.is_trusted().then_some(since_ms.unsigned_abs() / 86_400_000)
    });
    let when = match days {
        Some(0) => "today".to_owned(),
        Some(days @ ..60) => format!("{days} days ago"),
        Some(days) => format!("{} ago", age(u32::try_from(days / 30).unwrap_or(u32::MAX))),
        None => "some time ago".to_owned(),
    };
    let ready_s = proof.ready_ms / 1_000;
    let since = if proof.by_stopwatch {
        "the press, by somebody's watch"
    } else {
        "the start of the machine; the seconds of its firmware before that were not timed"
    };
    let what = format!("A drill proved {word} {when}: ready {ready_s} s after {since}.");
    if days.is_some_and(|days| days > PROOF_DAYS) {
        return Finding::warning(id, what, "Drill again: batteries and hands change in a year.");
    }
    Finding::fine(id, what)
}

fn cold_start(facts: &ups::Facts, answer: &ups::Answer, power: &Facts) -> Finding {
    let id = Id::PowerColdStart;
    let forbidden =
        ["ups.start.battery", "ups.start.reboot"].iter().find(|name| answer.variables.truth(name) == Some(false));
    if let Some(name) = forbidden {
        let level = if power.settings.sleep == Method::UpsOff { Level::Failure } else { Level::Warning };
        let remedy = format!(
            "`upsrw -s {name}=yes -u USER {}`, or in its own menu; then prove it with `cabinetd drill`.",
            facts.target()
        );
        return Finding::new(level, id, format!("The UPS does not start from its battery ({name} = no)."), remedy);
    }
    match power.proof(answer, Method::UpsOff) {
        Ok(_) => Finding::fine(id, "A drill started the UPS from its battery, by its button."),
        Err(_) if power.settings.sleep == Method::UpsOff => Finding::failure(
            id,
            "No drill has started the UPS from its battery, and ups-off depends on it.",
            "Run `cabinetd drill` with somebody there: some small units start on mains only.",
        ),
        Err(_) => Finding::unknown(
            id,
            "Nobody tried whether the UPS starts from its battery, by its button.",
            "`cabinetd drill` tries it: once the UPS is off in an outage, that is the only way back before mains.",
        ),
    }
}

/// A clock chip further off than this has lost its battery.
const CHIP_OFF_S: u64 = 3_600;

fn rtc(power: &Facts) -> Finding {
    let id = Id::PowerRtc;
    let PowerSettings { sleep: method, clock_wakes: rtc, wakes_on_mains, .. } = power.settings;
    let fit = "Fit a battery to the Pi 5's own clock, or a clock module (DS3231) to another Pi.";
    let alarmed = power.chips.iter().find(|chip| chip.has_alarm);
    let Some(chip) = alarmed.or_else(|| power.chips.first()) else {
        return match method {
            _ if rtc => Finding::failure(
                id,
                "The config says that there is a clock chip with an alarm, and there is none.",
                format!("{fit} Or write `rtc = false` under [power]."),
            ),
            Method::Standby => Finding::fine(id, "There is no clock chip, and standby needs none."),
            Method::Halt if wakes_on_mains => Finding::warning(
                id,
                "There is no clock chip, so only the return of mains wakes the cabinet from halt.",
                fit,
            ),
            Method::Halt => Finding::failure(
                id,
                "There is no clock chip whose alarm could wake the cabinet from halt, so it would stay off when mains is back.",
                fit,
            ),
            Method::UpsOff => Finding::warning(
                id,
                "There is no clock chip, so after ups-off nobody knows how long the outage has lasted.",
                fit,
            ),
        };
    };
    let name = &chip.name;
    if rtc && !chip.has_alarm {
        return Finding::failure(
            id,
            format!(
                "The config says that a clock wakes the cabinet, and the clock chip {name} has no alarm: each halt would fail."
            ),
            format!("{fit} Or write `rtc = false` under [power]."),
        );
    }
    if let Some(off_s) = chip.off_s.filter(|off_s| *off_s > CHIP_OFF_S) {
        let off = if off_s > 172_800 { format!("{} days", off_s / 86_400) } else { format!("{} h", off_s / 3_600) };
        return Finding::warning(
            id,
            format!("The clock chip {name} is off by {off}."),
            "Set it (`hwclock --systohc`) and look again after a day without power; if it is off again, its battery is empty.",
        );
    }
    if rtc && chip.may_set == Some(false) {
        return Finding::failure(
            id,
            format!("The daemon's account may not set the alarm of the clock chip {name}: each halt would fail."),
            "Install the udev rule 60-cabinetd-rtc.rules that `cabinetd power recipe` prints, and start the machine again.",
        );
    }
    match (method, chip.has_alarm) {
        (Method::Halt, false) if !wakes_on_mains => Finding::failure(
            id,
            format!(
                "The clock chip {name} has no alarm, so nothing would wake the cabinet from halt when mains is back."
            ),
            fit,
        ),
        (_, true) if !rtc => Finding::note(
            id,
            format!("There is a clock chip with an alarm ({name}), and the config does not use it."),
            "Write `rtc = true` under [power], unless its battery is missing.",
        ),
        (_, has_alarm) => {
            let alarm = if has_alarm { "with an alarm" } else { "without an alarm" };
            Finding::fine(id, format!("There is a clock chip {alarm}, {name}."))
        }
    }
}

fn polkit(power: &Facts) -> Option<Finding> {
    let id = Id::PowerPolkit;
    let remedy = "Install the polkit rule 50-cabinetd.rules that `cabinetd power recipe` prints.";
    let level = match power.settings.sleep {
        Method::Standby => return None,
        Method::Halt => Level::Failure,
        Method::UpsOff => Level::Warning,
    };
    match &power.power_off {
        PowerOff::NotJudged => None,
        PowerOff::Allowed => Some(Finding::fine(id, "A polkit rule lets the daemon's account power the machine off.")),
        PowerOff::NoRule => {
            let halt = if level == Level::Failure {
                "halt fails"
            } else {
                "halt, in place of a ups-off that fails, fails too"
            };
            let what = format!("No polkit rule lets the daemon's account power the machine off: {halt}.");
            Some(Finding::new(level, id, what, remedy))
        }
        PowerOff::Unknown(why) => Some(Finding::unknown(
            id,
            format!("Whether polkit lets the daemon's account power the machine off is not known: {why}."),
            "Look again with `sudo`; the rule is 50-cabinetd.rules of `cabinetd power recipe`.",
        )),
    }
}

fn upsmon(upsmon: &Upsmon) -> Vec<Finding> {
    let id = Id::PowerUpsmon;
    match upsmon {
        Upsmon::NotLookedAt => vec![Finding::unknown(
            id,
            "Whether upsmon would override the policy was not looked at.",
            "Compare /etc/nut with what `cabinetd power recipe` prints.",
        )],
        Upsmon::Judged(found) if found.is_empty() => {
            vec![Finding::fine(id, "upsmon owns the shutdown, and leaves the decision to cabinetd.")]
        }
        Upsmon::Judged(found) => {
            let handed_on = |found: &Outside| Finding {
                about: Some(found.about),
                ..Finding::new(found.level, id, &*found.what, &*found.remedy)
            };
            found.iter().map(handed_on).collect()
        }
    }
}

/// A change within this of the start was there before it: file times and process times differ by a second or so.
const SAME_TIME_S: i64 = 5;

fn running(running: Option<Running>) -> Option<Finding> {
    let Running { started_s, changed_s } = running?;
    (changed_s > started_s.saturating_add(SAME_TIME_S)).then(|| Finding {
        about: Some("upsmon.running"),
        ..Finding::warning(
            Id::PowerUpsmon,
            "upsmon runs since before upsmon.conf was last changed, so it may go by what stood there before.",
            "`systemctl restart nut-monitor`; on mains that shuts nothing down.",
        )
    })
}
