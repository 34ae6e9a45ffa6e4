//! Figures as people read them.

use crate::cabinet::types::Civil;

/// "8.4 W", "312 W".
pub(super) fn watts(mw: u32) -> String {
    if mw < 20_000 { format!("{}.{} W", mw / 1_000, mw % 1_000 / 100) } else { format!("{} W", (mw + 500) / 1_000) }
}

/// "3.4 h", "26 h".
pub(super) fn hours(minutes: u64) -> String {
    let tenths = minutes / 6;
    if tenths < 100 { format!("{}.{} h", tenths / 10, tenths % 10) } else { format!("{} h", minutes / 60) }
}

/// "9 to 17 h and 22 to 2 h": runs of the hours in bits 0 to 23.
pub(super) fn day_hours(mask: u32) -> String {
    const ALL: u32 = (1 << 24) - 1;
    if mask & ALL == ALL {
        return "0 to 24 h".to_owned();
    }
    let has = |hour: u32| mask >> (hour % 24) & 1 == 1;
    let runs = (0..24).filter(|hour| has(*hour) && !has(hour + 23)).map(|from| {
        let length = (1..24).find(|length| !has(from + length)).unwrap_or(24);
        let to = (from + length) % 24;
        format!("{from} to {} h", if to == 0 { 24 } else { to })
    });
    listed(&runs.collect::<Vec<_>>())
}

/// "Monday to Friday", "Monday, Tuesday and Sunday".
pub(super) fn weekdays(mask: u8) -> String {
    const NAMES: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    let days: Vec<&str> =
        NAMES.iter().enumerate().filter(|(day, _)| mask >> day & 1 == 1).map(|(_, name)| *name).collect();
    let in_a_row = mask.count_ones() >= 3 && (mask >> mask.trailing_zeros()).trailing_ones() == mask.count_ones();
    match days.as_slice() {
        _ if mask == 0b111_1111 => "every day".to_owned(),
        [first, .., last] if in_a_row => format!("{first} to {last}"),
        days => listed(days),
    }
}

/// "a, b and c".
pub(super) fn listed<T: AsRef<str>>(parts: &[T]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [parts @ .., last] => {
            let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", parts.join(", "), last.as_ref())
        }
    }
}

/// The first sentence of an error of ours, and its remedy: they are written "what is wrong; what to do".
pub(super) fn parted(text: &str) -> (String, String) {
    let (what, remedy) = text.split_once("; ").unwrap_or((text, "read the message above"));
    (sentence(what), sentence(remedy))
}

/// With a capital and a full stop.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let text: String = letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default();
    if text.ends_with(['.', '?', '!']) || text.is_empty() { text } else { text + "." }
}

/// Months from one month to another, never below 0.
pub(super) fn months(from: (i16, i8), to: (i16, i8)) -> u32 {
    let months = |(year, month): (i16, i8)| i32::from(year) * 12 + i32::from(month);
    (months(to) - months(from)).try_into().unwrap_or(0)
}

/// Year and month of a day since 1970-01-01.
pub(super) fn month_of(at: Civil) -> (i16, i8) {
    let epoch = jiff::civil::date(1970, 1, 1);
    let days = i64::from(at.day).clamp(-100_000, 1_000_000);
    epoch.checked_add(jiff::Span::new().days(days)).map_or((1970, 1), |date| (date.year(), date.month()))
}

/// "14 months", "2 years 3 months".
pub(super) fn age(months: u32) -> String {
    let count = |number: u32, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
    match (months / 12, months % 12) {
        (0 | 1, _) => count(months, "month"),
        (years, 0) => count(years, "year"),
        (years, rest) => format!("{} {}", count(years, "year"), count(rest, "month")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_in_words() {
        assert_eq!((watts(8_449), watts(312_400)), ("8.4 W".into(), "312 W".into()));
        assert_eq!((hours(204), hours(1_600)), ("3.4 h".into(), "26 h".into()));
        for (mask, text) in [
            (0b1_1111_1110_0000_0000, "9 to 17 h"),
            (1, "0 to 1 h"),
            (1 << 23, "23 to 24 h"),
            (0b1100_0000_0000_0000_0000_0011, "22 to 2 h"),
            (0b11_0000_0011, "0 to 2 h and 8 to 10 h"),
            ((1 << 24) - 1, "0 to 24 h"),
            (0, ""),
        ] {
            assert_eq!(day_hours(mask), text, "{mask:b}");
        }
        for (mask, text) in [
            (0b1_1111, "Monday to Friday"),
            (0b100_0001, "Monday and Sunday"),
            (0b1011, "Monday, Tuesday and Thursday"),
            (0b111_1111, "every day"),
            (0b10, "Tuesday"),
        ] {
            assert_eq!(weekdays(mask), text);
        }
        assert_eq!(
            (age(1), age(14), age(24), age(27)),
            ("1 month".into(), "14 months".into(), "2 years".into(), "2 years 3 months".into())
        );
        assert_eq!(month_of(Civil { day: 20_605, minute: 0 }), (2026, 6));
        assert_eq!((months((2025, 11), (2026, 2)), months((2027, 1), (2026, 2))), (3, 0));
    }

    #[test]
    fn an_error_is_parted_into_what_and_remedy() {
        assert_eq!(
            parted("the disk is full; make room; then wait"),
            ("The disk is full.".into(), "Make room; then wait.".into())
        );
        assert_eq!(parted("odd").0, "Odd.");
    }
}
