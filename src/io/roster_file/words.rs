//! How people write the values of a roster, in files and on the command line.
//!
//! | value | written |
//! |---|---|
//! | role | `staff`, `assistant`, `manager`, `admin` |
//! | schedule | `mon-fri 07:00-19:00`, `sat,sun 09:00-13:00`, `daily 22:00-06:00` (past midnight), `never` |
//! | `valid_from`, `valid_until` | `2026-11-23` (the whole day, in the site's time zone), `2026-11-23 18:00`, `2026-11-23T18:00:00-05:00` |
//! | groups | `building-a workshop` |
//! | yes or no | `yes`, `no`, `true`, `false`, `1`, `0` |
//!
//! Every reader here has a writer that it reads back the same. Errors name the remedy and never repeat what may be a badge number.

use crate::cabinet::roster::Window;
use crate::cabinet::types::{Code, Group, Role, Wall};
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use std::collections::BTreeSet;

/// What is wrong with a value, and what helps.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what}; {remedy}")]
pub struct BadWord {
    pub what: String,
    pub remedy: String,
}

impl BadWord {
    pub(super) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }

    /// Several as one; none if there is none.
    fn all(mut several: Vec<Self>) -> Option<Self> {
        if several.len() < 2 {
            return several.pop();
        }
        let list = |of: fn(&Self) -> &str, between: &str| {
            let mut texts: Vec<&str> = several.iter().map(of).collect();
            texts.dedup();
            texts.join(between)
        };
        Some(Self { what: list(|bad| &bad.what, ", "), remedy: list(|bad| &bad.remedy, "; ") })
    }
}

const ROLES: [(&str, Role); 4] =
    [("staff", Role::Staff), ("assistant", Role::Assistant), ("manager", Role::Manager), ("admin", Role::Admin)];
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAY_NAMES: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const DAY_MINUTES: u16 = 24 * 60;
/// No name, label or group of a building is longer.
const LONGEST_TEXT_CHARS: usize = 100;

/// A role by its word.
///
/// # Errors
/// It is none of the four.
pub fn role(text: &str) -> Result<Role, BadWord> {
    let wanted = text.trim().to_lowercase();
    ROLES.iter().find(|(word, _)| *word == wanted).map(|(_, role)| *role).ok_or_else(|| {
        let near = nearest(&wanted, ROLES.iter().map(|(word, _)| *word));
        BadWord::new(
            format!("{} is no role", quoted(text)),
            near.map_or_else(
                || "write staff, assistant, manager or admin".to_owned(),
                |near| format!("did you mean {near}? (staff, assistant, manager, admin)"),
            ),
        )
    })
}

/// Yes or no.
///
/// # Errors
/// It is neither.
pub fn flag(text: &str) -> Result<bool, BadWord> {
    match text.trim().to_lowercase().as_str() {
        "yes" | "true" | "1" | "x" | "y" => Ok(true),
        "no" | "false" | "0" | "" | "n" => Ok(false),
        _ => Err(BadWord::new(format!("{} is neither yes nor no", quoted(text)), "write yes or no")),
    }
}

/// A schedule: windows separated by `;`.
///
/// # Errors
/// Everything that [`window`] does not read.
pub fn schedule(text: &str) -> Result<Vec<Window>, BadWord> {
    let (mut windows, mut wrong) = (Vec::new(), Vec::new());
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        match window(part) {
            Ok(window) => windows.push(window),
            Err(bad) => wrong.push(bad),
        }
    }
    BadWord::all(wrong).map_or(Ok(windows), Err)
}

/// One window of a schedule.
///
/// # Errors
/// It has another shape, or every unknown day and every time in it that no clock shows.
pub fn window(text: &str) -> Result<Window, BadWord> {
    const REMEDY: &str = "write for example: mon-fri 07:00-19:00";
    let plain = text.trim().to_lowercase();
    if plain == "never" {
        return Ok(Window { weekdays: 0, from: 0, to: DAY_MINUTES });
    }
    let bad = || BadWord::new(format!("the schedule {} is not understood", quoted(text)), REMEDY);
    // The time is the last word; the days may have spaces after their commas.
    let (days, times) = plain.rsplit_once(char::is_whitespace).ok_or_else(bad)?;
    let (from, to) = times.split_once('-').ok_or_else(bad)?;
    let time =
        |text: &str| minutes(text).ok_or_else(|| BadWord::new(format!("{} is no time of day", quoted(text)), REMEDY));
    let from = time(from).and_then(|from| match from {
        DAY_MINUTES => Err(BadWord::new("a window cannot begin at 24:00", "write 00:00 of the next day")),
        from => Ok(from),
    });
    match (weekdays(days), from, time(to)) {
        (Ok(weekdays), Ok(from), Ok(to)) => Ok(Window { weekdays, from, to: if to == 0 { DAY_MINUTES } else { to } }),
        (days, from, to) => {
            let wrong = [days.err(), from.err(), to.err()].into_iter().flatten().collect();
            Err(BadWord::all(wrong).unwrap_or_else(bad))
        }
    }
}

fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str, longest: usize| {
        ((1..=longest).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse::<u16>().ok())
            .flatten()
    };
    let (hours, minutes) = (number(hours, 2)?, number(minutes, 2).filter(|_| minutes.len() == 2)?);
    (minutes < 60 && (hours < 24 || (hours == 24 && minutes == 0))).then_some(hours * 60 + minutes)
}

fn weekdays(text: &str) -> Result<u8, BadWord> {
    let mut bits = 0;
    for part in text.split(',').map(str::trim) {
        match part {
            "daily" => bits = 0x7f,
            _ => match part.split_once('-') {
                Some((first, last)) => {
                    let (mut day, last) = (weekday(first)?, weekday(last)?);
                    bits |= 1 << day;
                    while day != last {
                        day = (day + 1) % 7;
                        bits |= 1 << day;
                    }
                }
                None => bits |= 1 << weekday(part)?,
            },
        }
    }
    Ok(bits)
}

fn weekday(text: &str) -> Result<u8, BadWord> {
    let text = text.trim();
    let found = (0..7).find(|day| DAYS[usize::from(*day)] == text || DAY_NAMES[usize::from(*day)] == text);
    found.ok_or_else(|| {
        BadWord::new(
            format!("{} is no day of the week", quoted(text)),
            "write mon, tue, wed, thu, fri, sat, sun, mon-fri or daily",
        )
    })
}

/// A window as [`window`] reads it.
#[must_use]
pub fn window_text(window: Window) -> String {
    let days: Vec<usize> = (0..7).filter(|day| window.weekdays & (1 << day) != 0).collect();
    let names = match (days.as_slice(), days.first(), days.last()) {
        ([], ..) => return "never".to_owned(),
        (days, ..) if days.len() == 7 => "daily".to_owned(),
        (days, Some(&first), Some(&last)) if days.len() > 2 && last - first + 1 == days.len() => {
            format!("{}-{}", DAYS[first], DAYS[last])
        }
        (days, ..) => days.iter().map(|day| DAYS[*day]).collect::<Vec<_>>().join(","),
    };
    let Window { from, to, .. } = window;
    format!("{names} {:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
}

/// Which end of a validity a date stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// A date means its first moment.
    From,
    /// A date means its last moment: validity is inclusive.
    Until,
}

/// A date or date-time. Without an offset it is of `zone`; a time that the clocks skip or repeat is read as the later or the
/// earlier one.
///
/// # Errors
/// It is neither, or no such day exists.
pub fn moment(text: &str, end: End, zone: &TimeZone) -> Result<Wall, BadWord> {
    let text = text.trim();
    let bad = || BadWord::new("this is no date that exists", "write 2026-11-23 or 2026-11-23 18:00");
    if let Ok(stamp) = text.parse::<Timestamp>() {
        return Ok(Wall(stamp.as_millisecond()));
    }
    // Years, months and days in any other order are ambiguous, so only one way of writing is taken.
    let shaped = text.len() >= 10
        && text.bytes().enumerate().take(10).all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !shaped {
        return Err(bad());
    }
    let at = |local: civil::DateTime| -> Result<Wall, BadWord> {
        let stamp = zone.to_ambiguous_timestamp(local).compatible().map_err(|_| bad())?;
        Ok(Wall(stamp.as_millisecond()))
    };
    if text.len() == 10 {
        let day: civil::Date = text.parse().map_err(|_| bad())?;
        return match end {
            End::From => at(day.at(0, 0, 0, 0)),
            End::Until => at(day.tomorrow().map_err(|_| bad())?.at(0, 0, 0, 0)).map(|next| Wall(next.0 - 1)),
        };
    }
    at(text.parse::<civil::DateTime>().map_err(|_| bad())?)
}

/// A moment as [`moment`] reads it: the date alone if that says it all.
#[must_use]
pub fn moment_text(wall: Wall, end: End, zone: &TimeZone) -> String {
    let within = wall.0.clamp(Timestamp::MIN.as_millisecond(), Timestamp::MAX.as_millisecond());
    let stamp = Timestamp::from_millisecond(within).unwrap_or(Timestamp::UNIX_EPOCH);
    let local = zone.to_datetime(stamp);
    let date = local.date().to_string();
    if moment(&date, end, zone) == Ok(wall) {
        return date;
    }
    let offset = zone.to_offset(stamp);
    if offset.seconds() % 60 == 0 { stamp.display_with_offset(offset).to_string() } else { stamp.to_string() }
}

/// Groups separated by white space, `;` or `,`.
///
/// # Errors
/// A group with characters that do not print.
pub fn groups(text: &str) -> Result<BTreeSet<Group>, BadWord> {
    text.split(|letter: char| letter.is_whitespace() || letter == ';' || letter == ',')
        .filter(|word| !word.is_empty())
        .map(group)
        .collect()
}

/// One group.
///
/// # Errors
/// White space, `;` or `,` in it: a list in CSV could not hold it.
pub fn group(text: &str) -> Result<Group, BadWord> {
    let text = text.trim();
    if text.is_empty() || text.contains(|letter: char| letter.is_whitespace() || letter == ';' || letter == ',') {
        return Err(BadWord::new("a group's name has no spaces, commas or semicolons", "write for example building-a"));
    }
    plain(text).map(|text| Group::from(text.as_str()))
}

/// A badge, login or tag.
///
/// # Errors
/// Empty, too long, not printable, or mangled by a spreadsheet.
pub fn code(text: &str) -> Result<Code, BadWord> {
    let text = plain(text)?;
    if text.is_empty() || text.len() > 64 {
        return Err(BadWord::new("the number must have 1 to 64 characters", "copy it as the reader shows it"));
    }
    let scientific = text.split_once("E+").is_some_and(|(mantissa, exponent)| {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits(exponent) && digits(&mantissa.replace(['.', ','], ""))
    });
    if scientific {
        return Err(BadWord::new(
            "a spreadsheet turned this number into a rounded one",
            "format the column as text and enter the number again",
        ));
    }
    Ok(Code::new(&text))
}

/// Text that prints on one line, trimmed.
///
/// # Errors
/// Control characters, or too long.
pub fn plain(text: &str) -> Result<String, BadWord> {
    let text = text.trim();
    if text.contains('\n') {
        return Err(BadWord::new("there is a line break in the text", "is a quotation mark missing or too many?"));
    }
    // Marks that reverse or hide text would let one name pass for another on a screen.
    let hidden = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    if text.contains(hidden) {
        return Err(BadWord::new("there is a character that does not print", "type the text again"));
    }
    if text.chars().count() > LONGEST_TEXT_CHARS {
        return Err(BadWord::new(format!("it is longer than {LONGEST_TEXT_CHARS} characters"), "shorten it"));
    }
    Ok(text.to_owned())
}

/// What may be shown of a wrong value: columns slip, so anything with four digits may be a badge number or a PIN.
pub(super) fn quoted(text: &str) -> String {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    if digits >= 4 && !text.contains(':') || text.chars().count() > 40 || text.chars().any(char::is_control) {
        "this value".to_owned()
    } else {
        format!("\"{}\"", text.trim())
    }
}

/// The candidate that is nearest to a word, if it is near.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = word.chars().count().div_ceil(3).min(3);
    candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .min()
        .filter(|(far, _)| *far <= limit)
        .map(|(_, near)| near)
}

/// Levenshtein's distance, of words no longer than a column's name.
fn distance(left: &str, right: &str) -> usize {
    if left.len() > 64 {
        return usize::MAX;
    }
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, one) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, other) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(one != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}
