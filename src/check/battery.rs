//! The battery: charged, young, tested, and as large as it says.

use super::power::{self, OwnTest};
use super::words::{age, month_of, months, sentence};
use super::{Finding, Id, Level, ups};
use crate::cabinet::power::selftest::{COMMAND, NoVerdict, ResultWord, Verdict, result_word};

pub(super) fn judge(facts: &ups::Facts, power: &power::Facts) -> Vec<Finding> {
    match facts {
        ups::Facts::NotWatched => return Vec::new(),
        ups::Facts::NotJudged => return vec![ups::not_judged(Id::BatteryCapacity)],
        ups::Facts::Watched(_) => {}
    }
    let answer = facts.answer();
    let mut findings = Vec::new();
    if let Some(answer) = answer {
        findings.extend([replace(answer), charge(answer)]);
    }
    findings.push(battery_age(answer, power));
    if answer.is_some() || power.own_test.is_some() {
        findings.push(test(facts, power));
    }
    findings.push(capacity(power));
    findings
}

fn replace(answer: &ups::Answer) -> Finding {
    let id = Id::BatteryReplace;
    let remedy = "Replace the battery, write its month as `installed` under [battery], and drill again: what was proved with the old one no longer counts.";
    if answer.says("RB") {
        return Finding::failure(id, "The UPS asks for a new battery (RB).", remedy);
    }
    match answer.variables.milli("battery.packs.bad") {
        Some(milli @ 1..) => {
            Finding::failure(id, format!("The UPS counts {} bad battery packs.", milli.div_ceil(1_000)), remedy)
        }
        Some(0) | None => Finding::fine(id, "The UPS does not ask for a new one."),
    }
}

/// The charge from which the cabinet counts as ready for an outage, in percent.
const READY_PCT: u8 = 90;

fn charge(answer: &ups::Answer) -> Finding {
    let id = Id::BatteryCharge;
    match answer.state.figures.charge_pct {
        Some(charge @ READY_PCT..) => Finding::fine(id, format!("The battery is charged to {charge} %.")),
        Some(charge) if answer.says("OB") => Finding::note(
            id,
            format!("The battery is at {charge} %, and carries the cabinet just now."),
            "Check again some hours after mains is back.",
        ),
        Some(charge) if answer.says("CHRG") => Finding::note(
            id,
            format!("The battery is at {charge} % and charging."),
            "Check again in some hours: a small UPS takes up to a day.",
        ),
        Some(charge) => Finding::warning(
            id,
            format!("The battery is at {charge} %, on line, and the UPS does not say that it charges."),
            "Wait a day; if it does not rise above 90 %, the battery or the charger is broken.",
        ),
        None => Finding::unknown(
            id,
            "The UPS does not tell its charge.",
            "Another driver or a newer NUT may. Until then an outage is counted from full.",
        ),
    }
}

/// What a battery is made of, and the months after which it is watched, and replaced.
const LEAD_ACID: (&str, u32, u32) = ("lead-acid", 36, 60);
const LITHIUM: (&str, u32, u32) = ("lithium", 96, 120);

/// A UPS that says its battery is older than this was never told of a new one, or never had a clock.
const FICTION_MONTHS: u32 = 144;

fn battery_age(answer: Option<&ups::Answer>, power: &power::Facts) -> Finding {
    let id = Id::BatteryAge;
    let write = "Write the month in which it was put in as `installed = \"YYYY-MM\"` under [battery]: a label on it, or its invoice, tells.";
    let Some(today) = power.now.map(|now| month_of(now.civil)) else {
        return Finding::unknown(
            id,
            "How old the battery is cannot be told while the clock is not trusted.",
            "See to the clock first (clock.trusted).",
        );
    };
    let (kind, watched, worn) = if power.settings.plant.peukert_milli > 1_000 { LEAD_ACID } else { LITHIUM };
    if let Some(installed) = power.battery.installed.as_deref().and_then(vendor_month) {
        let old = months(installed, today);
        if installed > today {
            let what = format!(
                "By the config the battery was put in on {}-{:02}, which is to come.",
                installed.0, installed.1
            );
            return Finding::warning(id, what, write);
        }
        let what = format!("The battery is {} old ({kind}).", age(old));
        return if old >= worn {
            Finding::failure(id, what, format!("Replace it: {kind} ones are worn after {}, often suddenly.", age(worn)))
        } else if old >= watched {
            let remedy = format!(
                "Test it (battery.test), and plan a new one: {kind} ones are watched from {} on.",
                age(watched)
            );
            Finding::warning(id, what, remedy)
        } else {
            Finding::fine(id, what)
        };
    }
    let named = answer.and_then(|answer| {
        let date = |name| answer.variables.text(name).and_then(vendor_month);
        date("battery.date").or_else(|| date("battery.mfr.date")).filter(|date| *date <= today)
    });
    match named.map(|date| months(date, today)) {
        Some(old) if old >= FICTION_MONTHS => Finding::unknown(
            id,
            format!(
                "The UPS says that its battery is {} old, which is not believed: such dates are those of the maker, or were never set.",
                age(old)
            ),
            write,
        ),
        Some(old) if old >= watched => Finding::warning(
            id,
            format!("By the UPS's word the battery is {} old ({kind}); nobody else says.", age(old)),
            write,
        ),
        Some(old) => Finding::note(
            id,
            format!("By the UPS's word the battery is {} old; such dates are often wrong.", age(old)),
            write,
        ),
        None => Finding::unknown(id, "Nobody says how old the battery is.", write),
    }
}

/// Year and month of a date as vendors write it: 2021/09/25, 2021-09-25, 09/25/21, 25.09.2021, 20210925.
fn vendor_month(text: &str) -> Option<(i16, i8)> {
    if !text.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let parts: Vec<&str> = text.split(['/', '-', '.', ' ']).filter(|part| !part.is_empty()).collect();
    let number = |part: &str| part.parse::<i16>().ok().filter(|_| part.bytes().all(|byte| byte.is_ascii_digit()));
    let century = |year: i16| if year < 100 { year + 2_000 } else { year };
    let (year, month) = match *parts.as_slice() {
        [day] if day.len() == 8 && day.is_ascii() => (number(&day[..4])?, number(&day[4..6])?),
        [year, month, _] | [year, month] if year.len() == 4 => (number(year)?, number(month)?),
        [first, second, year] => {
            let (first, second) = (number(first)?, number(second)?);
            let month = if text.contains('.') || first > 12 { second } else { first };
            (century(number(year)?), month)
        }
        _ => return None,
    };
    let month = i8::try_from(month).ok().filter(|month| (1..=12).contains(month))?;
    (1_990..=2_200).contains(&year).then_some((year, month))
}

/// A test older than this says little.
const TEST_DAYS: u32 = 365;

fn test(facts: &ups::Facts, power: &power::Facts) -> Finding {
    let id = Id::BatteryTest;
    let answer = facts.answer();
    let weekly = power.battery.weekly_self_test;
    if weekly && answer.is_some_and(|answer| answer.offers(COMMAND) == Some(false)) {
        return Finding::warning(
            id,
            "The UPS offers no quick test, so the weekly one cannot be.",
            "Write `weekly_self_test = false` under [power], and test by drill: `cabinetd drill` twice a year.",
        );
    }
    let by_hand = format!("`upscmd -u USER {} {COMMAND}` tests it now", facts.target());
    let remedy = match (weekly, power.settings.may_order) {
        (true, true) => format!("{by_hand}; the weekly one waits for a quiet hour with a full battery."),
        (true, false) => {
            format!("{by_hand}; the weekly one needs `user` under [ups], and its password (`cabinetd power recipe`).")
        }
        (false, _) => {
            format!("{by_hand}; `weekly_self_test = true` under [power] does so by itself, in quiet hours.")
        }
    };
    let replace = "Replace the battery; a quick test that fails is a battery that carries nothing.";
    if let Some(OwnTest { days_ago, verdict }) = power.own_test {
        let when = match days_ago {
            Some(0) => "today".to_owned(),
            Some(1) => "yesterday".to_owned(),
            Some(days) => format!("{days} days ago"),
            None => "some time ago".to_owned(),
        };
        return match verdict {
            Verdict::Passed if days_ago.is_some_and(|days| days > TEST_DAYS) => {
                Finding::warning(id, format!("The battery passed its last self-test {when}."), remedy)
            }
            Verdict::Passed => Finding::fine(id, format!("The battery passed its self-test {when}.")),
            Verdict::Weak => Finding::warning(
                id,
                format!("The self-test {when} found the battery weak."),
                "Plan a new battery, and test again next week.",
            ),
            Verdict::Failed => Finding::failure(id, format!("The battery failed its self-test {when}."), replace),
            Verdict::Aborted => {
                Finding::note(id, format!("The self-test of the battery {when} was broken off."), remedy)
            }
            Verdict::Unknown(why) => Finding::unknown(
                id,
                format!("The self-test of the battery {when} had no result: {}", no_verdict(why)),
                remedy,
            ),
        };
    }
    let Some(text) = answer.and_then(|answer| answer.variables.text("ups.test.result")) else {
        return Finding::unknown(id, "No self-test of the battery is known.", remedy);
    };
    let date = answer.and_then(|answer| answer.variables.text("ups.test.date"));
    let when = date.map_or_else(String::new, |date| format!(" of {date}"));
    let old = date.and_then(vendor_month).zip(power.now).map(|(date, now)| months(date, month_of(now.civil)));
    let said = format!("Of its last self-test{when} the UPS says \"{text}\".");
    match result_word(text) {
        ResultWord::Passed if old.is_some_and(|months| months > 12) => Finding::warning(id, said, remedy),
        ResultWord::Passed => Finding::fine(id, said),
        ResultWord::Warning => Finding::warning(id, said, "Plan a new battery, and test again next week."),
        ResultWord::Failed => Finding::failure(id, said, replace),
        ResultWord::Aborted | ResultWord::InProgress => Finding::note(id, said, remedy),
        ResultWord::Never => Finding::warning(id, "The UPS was never tested.", remedy),
        ResultWord::Unclear => Finding::unknown(id, said, remedy),
    }
}

fn no_verdict(why: NoVerdict) -> String {
    sentence(match why {
        NoVerdict::NotSeen => "nothing showed that the UPS tested",
        NoVerdict::NoResult => "the UPS tested and does not say with what result",
        NoVerdict::Silent => "the UPS fell silent",
        NoVerdict::Outage => "mains failed in the middle of it",
    })
}

fn capacity(power: &power::Facts) -> Finding {
    let id = Id::BatteryCapacity;
    let nameplate_mwh = power.settings.plant.nameplate_mwh.max(1);
    let wh = |mwh: u64| mwh / 1_000;
    let Some(measured_mwh) = power.measured_mwh() else {
        return Finding::note(
            id,
            format!(
                "What the battery holds was never measured; three quarters of its {} Wh are counted with.",
                wh(nameplate_mwh)
            ),
            "The next long outage measures it, or `cabinetd drill --deep`.",
        );
    };
    let pct = measured_mwh * 100 / nameplate_mwh;
    let what = format!(
        "The battery holds {} Wh, {pct} % of its nameplate's {} Wh, as measured.",
        wh(measured_mwh),
        wh(nameplate_mwh)
    );
    let (level, remedy) = match pct {
        0..40 => (Level::Failure, "Replace it."),
        40..60 => (
            Level::Warning,
            "It is worn: plan a new one. Was a smaller one put in, correct `nameplate_wh` under [battery].",
        ),
        60..130 => return Finding::fine(id, what),
        _ => (Level::Warning, "That is more than it can hold: correct `nameplate_wh` under [battery]."),
    };
    Finding::new(level, id, what, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_as_vendors_write_them() {
        for (text, expected) in [
            ("2021/09/25", Some((2021, 9))),
            ("2021-09-25", Some((2021, 9))),
            ("2021-09", Some((2021, 9))),
            ("09/25/21", Some((2021, 9))),
            ("25/09/21", Some((2021, 9))),
            ("25.09.2021", Some((2021, 9))),
            ("05.09.2021", Some((2021, 9))),
            ("20210925", Some((2021, 9))),
            ("not set", None),
            ("00/00/00", None),
            ("2021/13/01", None),
            ("", None),
            ("١٢٣٤٥٦٧٨", None),
            ("9999/01/01", None),
            ("-1/01/01", None),
        ] {
            assert_eq!(vendor_month(text), expected, "{text:?}");
        }
    }
}
