//! Weekly windows as people write them: `mon-fri 09:00-18:00`, `sat,sun 10:00-14:00`, `daily 22:00-06:00`.

use super::problem::Fault;
use crate::cabinet::roster::Window;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Reads a window. One that ends before it begins runs past midnight.
pub(super) fn window(text: &str) -> Result<Window, Fault> {
    let fault = |wrong: String| Fault::new(wrong, "write it like \"mon-fri 09:00-18:00\" or \"sat,sun 10:00-14:00\"");
    let mut words = text.split_whitespace();
    let (Some(days), Some(times), None) = (words.next(), words.next(), words.next()) else {
        return Err(fault(format!("{text:?} is not days and times")));
    };
    let weekdays = weekdays(days).ok_or_else(|| fault(format!("{days:?} names no days")))?;
    let clock = |text: &str| minute(text).ok_or_else(|| fault(format!("{text:?} is no time of day")));
    let Some((from, to)) = times.split_once('-') else {
        return Err(fault(format!("{times:?} is not from-to")));
    };
    let (from, to) = (clock(from)?, clock(to)?);
    if from == 1440 || to == 0 {
        return Err(Fault::new(
            format!("{times:?} begins at 24:00 or ends at 00:00"),
            "write 00:00 for the begin and 24:00 for the end of a day",
        ));
    }
    if from == to {
        return Err(Fault::new(format!("{times:?} ends when it begins"), "write 00:00-24:00 for the whole day"));
    }
    Ok(Window { weekdays, from, to })
}

fn weekdays(text: &str) -> Option<u8> {
    let day = |name: &str| DAYS.iter().position(|day| name.eq_ignore_ascii_case(day));
    if text.eq_ignore_ascii_case("daily") {
        return Some(0b111_1111);
    }
    let mut bits = 0u8;
    for part in text.split(',') {
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (day(first)?, day(last)?),
            None => (day(part)?, day(part)?),
        };
        // `fri-mon` goes over the week's end.
        let length = (last + 7 - first) % 7;
        for offset in 0..=length {
            bits |= 1 << ((first + offset) % 7);
        }
    }
    Some(bits)
}

fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    if hours.is_empty()
        || hours.len() > 2
        || minutes.len() != 2
        || !(hours.to_owned() + minutes).bytes().all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let minute = hours * 60 + minutes;
    (minutes < 60 && minute <= 1440).then_some(minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_as_people_write_them() {
        let read = |text: &str| window(text).ok().map(|w| (w.weekdays, w.from, w.to));
        assert_eq!(read("mon-fri 09:00-18:00"), Some((0b001_1111, 540, 1080)));
        assert_eq!(read("  Sat,SUN   9:30-24:00 "), Some((0b110_0000, 570, 1440)));
        assert_eq!(read("daily 22:00-06:00"), Some((0b111_1111, 1320, 360)));
        assert_eq!(read("fri-mon 00:00-24:00"), Some((0b111_0001, 0, 1440)));
        for bad in ["", "mon", "mon 9-18", "mon 09:00-25:00", "mon 09:60-10:00", "mon 09:00-09:00", "mon +9:00-10:00"] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
        for bad in ["mon-xyz 09:00-18:00", "mon 24:00-10:00", "mon 10:00-00:00", "mon 09:00-18:00 x", ", 09:00-18:00"] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
