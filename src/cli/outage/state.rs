//! What is expected of the outage that is open, and why, in sentences; on mains what the last one was.

use crate::cabinet::power::sentence::{length, supply_words, wh};
use crate::cabinet::power::{LastOutageView, ModeWord, OutageView, PowerView, Supply};
use crate::cabinet::snapshot::Snapshot;
use crate::cli::live::words::{Tone, about, came_and_went, count, lasting};
use crate::cli::live::{self, View};

/// The answer of `cabinetd outage`.
pub fn text(seen: &Snapshot, view: &View) -> String {
    let Some(power) = &seen.power else {
        return view.paragraph(
            0,
            0,
            "No UPS is watched, so no outage can be seen; name one under [ups] in the config.",
        );
    };
    let mut said = Said { view, text: String::new() };
    match &power.outage {
        Some(outage) => of_outage(&mut said, seen, power, outage),
        None => on_mains(&mut said, seen, power),
    }
    said.text
}

struct Said<'a> {
    view: &'a View,
    text: String,
}

impl Said<'_> {
    fn paragraph(&mut self, text: &str) {
        self.text.push_str(&self.view.paragraph(0, 0, text));
    }

    fn under(&mut self, head: &str, text: &str) {
        const HEAD: usize = 10;
        self.text.push_str(&self.view.paragraph(0, HEAD, &format!("{head:<HEAD$}{text}")));
    }

    fn gap(&mut self) {
        self.text.push('\n');
    }
}

fn on_mains(said: &mut Said<'_>, seen: &Snapshot, power: &PowerView) {
    match silent_ups(said.view, seen) {
        Some(words) => said.paragraph(&format!("{words} No outage is open.")),
        None => said.paragraph(&said.view.paint.tone(Tone::Good, "On mains; no outage is open.")),
    }
    match &power.last_outage {
        Some(last) => said.paragraph(&last_words(said.view, seen, last)),
        None => said.paragraph("No outage of two minutes or more was recorded so far."),
    }
    said.gap();
    said.under("Battery", &live::battery(power));
}

/// That nobody knows whether mains is there, while the UPS does not say.
fn silent_ups(view: &View, seen: &Snapshot) -> Option<String> {
    let supply = seen.supply.as_ref().filter(|supply| matches!(supply.supply, Supply::Unreachable(_)))?;
    let (words, since) = (supply_words(supply.supply), view.since(seen, supply.since));
    let mut letters = words.chars();
    let words: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    Some(view.paint.tone(Tone::Doubt, &format!("{words} {since}: whether mains is there is not known.")))
}

fn last_words(view: &View, seen: &Snapshot, last: &LastOutageView) -> String {
    let ended = view.at(last.ended, view.now(seen));
    format!(
        "The last outage lasted {} and was over {} ago ({ended}). `cabinetd outage report {}` tells it.",
        length(last.lasted.least_ms, last.lasted.most_ms),
        lasting(last.ago_ms.saturating_add(view.age_ms)),
        last.id
    )
}

fn of_outage(said: &mut Said<'_>, seen: &Snapshot, power: &PowerView, outage: &OutageView) {
    let view = said.view;
    let elapsed = live::out_for(outage, power.mode, view);
    let since = view.at(outage.started, view.now(seen));
    let of_drill = if outage.drill { " This is a drill." } else { "" };
    if power.mode == ModeWord::Restoring {
        said.paragraph(&format!(
            "{}, and has to stay for some minutes; the outage (since {since}) lasted {elapsed}.{of_drill}",
            view.paint.tone(Tone::Good, "Mains is back")
        ));
    } else {
        let out = view.paint.tone(Tone::Doubt, "Mains has been out");
        said.paragraph(&if outage.elapsed.least_ms == outage.elapsed.most_ms {
            format!("{out} for {elapsed} (since {since}).{of_drill}")
        } else {
            format!("{out} since {since}: {elapsed}.{of_drill}")
        });
    }
    if let Some(words) = silent_ups(view, seen) {
        said.paragraph(&words);
    }
    said.gap();
    // While mains is back it is over, if that lasts.
    if power.mode != ModeWord::Restoring {
        said.under("Expected", &expected(outage));
        said.under("Why", &why(outage));
    }
    said.under("Mode", &live::mode_words(power, view));
    if let Some(next) = &power.next {
        said.under("", &format!("Next: {next}."));
    }
    said.under("Battery", &live::battery(power));
    if power.mode != ModeWord::Restoring {
        said.under("Budget", &budget(power, outage));
    }
    if outage.flaps + outage.sessions + outage.sleeps > 0 {
        let flaps = came_and_went(outage.flaps).map(|flaps| format!(", {flaps}")).unwrap_or_default();
        let (visits, sleeps) = (count(outage.sessions, "visit"), count(outage.sleeps, "sleep"));
        said.under("So far", &format!("{visits}, {sleeps}, {} spent{flaps}", wh(outage.spent_mwh)));
    }
    if power.mode != ModeWord::Restoring {
        said.gap();
        said.paragraph(tell(outage));
    }
}

fn expected(outage: &OutageView) -> String {
    format!(
        "{} in all, as likely less as more. In 1 of 5 such outages it takes another {} or more, in 1 of 20 another {} or more.",
        about(outage.total_ms),
        about(outage.r80_ms),
        about(outage.r95_ms)
    )
}

/// What the projection rests on.
fn why(outage: &OutageView) -> String {
    let mut reasons = vec![match outage.own_outages {
        0 => "that is how outages of utilities go on that have lasted so long".to_owned(),
        1 => "that is how outages of utilities go on that have lasted so long, with the one of this site reckoned in"
            .to_owned(),
        own => format!(
            "that is how outages of utilities go on that have lasted so long, with the last {own} of this site reckoned in"
        ),
    }];
    if outage.elapsed.least_ms != outage.elapsed.most_ms {
        reasons.push(
            "the clock was not trusted, so the longest length that it can have counts, until the clock is known again (`cabinetd check` tells what it lacks)"
                .to_owned(),
        );
    }
    // They are signs of one bad day: only the strongest is reckoned with.
    if outage.signs.storm {
        reasons.push("a storm was told, so it is expected to take longer".to_owned());
    }
    if outage.signs.silent {
        reasons.push("the utility has stated no time within the first hour, which is a bad sign".to_owned());
    }
    if outage.signs.pushed_back {
        reasons.push("the utility has moved its time by half an hour or more, which is a bad sign".to_owned());
    }
    match outage.stated_end_ms {
        Some(ms) if ms < 0 => reasons.push(format!(
            "the time that the utility stated passed {} ago: tell what it states now",
            lasting(ms.unsigned_abs())
        )),
        Some(ms) if outage.signs.stated_long => {
            reasons.push(format!(
                "the utility states {} more, and long times are believed in part",
                lasting(ms.unsigned_abs())
            ));
        }
        Some(ms) => reasons.push(format!(
            "the utility states {} more, but short times are too short as a rule, so that they shorten nothing",
            lasting(ms.unsigned_abs())
        )),
        None => {}
    }
    let mut text = reasons.join("; ");
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text + "."
}

fn budget(power: &PowerView, outage: &OutageView) -> String {
    let left = wh(power.energy_mwh);
    let visits = match outage.requests {
        1 => "1 visit is expected".to_owned(),
        requests => format!("{requests} visits are expected"),
    };
    let enough = if power.energy_mwh >= outage.need_mwh {
        "that is there".to_owned()
    } else {
        format!("there are {left}, which would not do for such a long one")
    };
    format!(
        "{visits} if it takes another {}. Asleep in between they need {}; {enough}.",
        about(outage.r95_ms),
        wh(outage.need_mwh)
    )
}

const fn tell(outage: &OutageView) -> &'static str {
    if outage.signs.storm {
        "If you know more: `cabinetd outage eta 18:30` (or `none`) says what the utility states."
    } else {
        "If you know more: `cabinetd outage eta 18:30` (or `none`) says what the utility states, `cabinetd outage storm on` that much of the area is out."
    }
}
