//! "When will power be back?", as people say it.

use crate::cabinet::power::state::Told;
use jiff::civil::{DateTime, Time};
use jiff::{Span, SpanRound, ToSpan as _, Unit, ZonedDateTime};

const REMEDY: &str =
    "write how long yet (2h30m, 45m), until when (18:30, 6:30pm, 2026-03-02T06:00), or none if nothing is stated";
/// No utility states more, and the daemon takes no more.
const MOST_DAYS: u64 = 60;
const DAY_MS: u64 = 24 * 3_600_000;

/// What was typed, as of `now`.
///
/// # Errors
/// In words, with what to write instead.
pub fn parse(text: &str, now: &ZonedDateTime) -> Result<Told, String> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("none") {
        return Ok(Told::NothingStated);
    }
    let ms = if let Some(time) = time_of_day(text) {
        until(&next(time, now).ok_or_else(|| format!("\"{text}\" is no time; {REMEDY}"))?, now)
    } else if let Ok(moment) = text.parse::<DateTime>() {
        let moment = moment
            .to_zoned_datetime(now.time_zone().clone())
            .map_err(|_| format!("\"{text}\" is no time; {REMEDY}"))?;
        if moment <= *now {
            return Err(format!("{text} is past; {REMEDY}"));
        }
        until(&moment, now)
    } else {
        text.parse::<Span>().ok().and_then(|span| length_ms(&span, now))
    };
    match ms {
        Some(0) => Err(format!("\"{text}\" is no time from now; {REMEDY}")),
        Some(ms) if ms > MOST_DAYS * DAY_MS => Err(format!("\"{text}\" is more than {MOST_DAYS} days; {REMEDY}")),
        Some(ms) => Ok(Told::EndsIn { ms }),
        None => Err(format!("\"{text}\" is no time; {REMEDY}")),
    }
}

/// `18:30`, `6:30pm`, `6pm`.
fn time_of_day(text: &str) -> Option<Time> {
    let small = text.to_ascii_lowercase();
    let half = [("am", 0), ("pm", 12)].into_iter().find_map(|(word, add)| {
        let rest = small.strip_suffix(word)?.trim_end();
        Some((rest, add))
    });
    let (clock, add) = half.map_or((small.as_str(), None), |(rest, add)| (rest, Some(add)));
    let (hour, minute) = match (clock.split_once(':'), add) {
        (Some((hour, minute)), _) if minute.len() == 2 => (hour, minute),
        (None, Some(_)) => (clock, "00"),
        _ => return None,
    };
    let (hour, minute): (i8, i8) = (hour.parse().ok()?, minute.parse().ok()?);
    let hour = match add {
        Some(add) => (1..=12).contains(&hour).then_some(hour % 12 + add)?,
        None => hour,
    };
    Time::new(hour, minute, 0, 0).ok()
}

/// Its next occurrence.
fn next(time: Time, now: &ZonedDateTime) -> Option<ZonedDateTime> {
    let on = |day: jiff::civil::Date| day.to_datetime(time).to_zoned_datetime(now.time_zone().clone()).ok();
    let today = on(now.date())?;
    if today > *now { Some(today) } else { on(now.date().checked_add(1.day()).ok()?) }
}

fn until(moment: &ZonedDateTime, now: &ZonedDateTime) -> Option<u64> {
    u64::try_from(now.duration_until(moment).as_millis()).ok()
}

fn length_ms(span: &Span, now: &ZonedDateTime) -> Option<u64> {
    let whole = span.round(SpanRound::new().largest(Unit::Second).smallest(Unit::Second).relative(now)).ok()?;
    u64::try_from(whole.get_seconds()).ok()?.checked_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> ZonedDateTime {
        format!("{text}[America/New_York]").parse().expect("a moment")
    }

    fn minutes(text: &str, now: &str) -> u64 {
        match parse(text, &at(now)) {
            Ok(Told::EndsIn { ms }) => ms / 60_000,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn how_long_yet_and_until_when() {
        let now = "2026-03-02T14:00";
        assert_eq!(parse("none", &at(now)), Ok(Told::NothingStated));
        for (text, expected) in [
            ("2h30m", 150),
            ("45m", 45),
            ("90 min", 90),
            ("2d", 2 * 24 * 60),
            ("18:30", 270),
            ("6:30pm", 270),
            ("6 PM", 240),
            ("12am", 600),
            ("2026-03-03T06:00", 16 * 60),
            // It has been half past one today: tomorrow's is meant.
            ("13:30", 23 * 60 + 30),
        ] {
            assert_eq!(minutes(text, now), expected, "{text}");
        }
    }

    #[test]
    fn the_night_when_the_clocks_change_has_an_hour_less() {
        assert_eq!(minutes("06:00", "2026-03-07T23:00"), 6 * 60);
        assert_eq!(minutes("06:00", "2026-03-06T23:00"), 7 * 60);
    }

    #[test]
    fn what_is_no_time_gets_a_remedy() {
        let now = at("2026-03-02T14:00");
        for text in ["", "soon", "90", "25:00", "13pm", "0m", "-1h", "2026-03-01T06:00", "61d", "1:2", "\u{1b}[2J"] {
            let why = parse(text, &now).expect_err(text);
            assert!(why.contains("write how long yet"), "{text}: {why}");
        }
    }
}
