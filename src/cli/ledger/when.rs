//! Times as people write and read them, in the site's zone.

use crate::cabinet::types::Wall;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan, ZonedDateTime};

/// The zone that times are shown in.
#[derive(Clone, Debug)]
pub struct Site {
    zone: TimeZone,
}

/// Which end of a range a time is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    From,
    /// A day without a time is included.
    Until,
}

impl Site {
    /// An IANA time zone; none, or one that this machine does not know = the machine's own.
    #[must_use]
    pub fn of(name: Option<&str>) -> Self {
        let named = name.and_then(|name| TimeZone::get(name).ok());
        Self { zone: named.unwrap_or_else(TimeZone::system) }
    }

    /// The zone itself.
    #[must_use]
    pub const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// ISO 8601 with the offset, to the second: `2026-03-01T08:00:00-05:00`.
    #[must_use]
    pub fn time(&self, wall: Wall) -> String {
        Timestamp::from_millisecond(wall.0).map_or_else(
            |_| format!("{} ms", wall.0),
            |time| time.to_zoned_datetime(self.zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        )
    }

    /// The same in UTC, for tables that are sorted.
    #[must_use]
    pub fn time_utc(wall: Wall) -> String {
        Timestamp::from_millisecond(wall.0).map_or_else(|_| format!("{} ms", wall.0), |time| format!("{time:.3}"))
    }

    /// A time as typed.
    #[expect(clippy::disallowed_methods, reason = "\"7d\" counts from the present of whoever typed it")]
    pub fn parse(&self, text: &str, when: When) -> Result<Wall, String> {
        let text = text.trim();
        let wall = |time: Timestamp| Wall(time.as_millisecond());
        if let Ok(time) = text.parse::<Timestamp>() {
            return Ok(wall(time));
        }
        let civil = |time: DateTime| time.to_zoned_datetime(self.zone.clone()).map(|time| wall(time.timestamp()));
        let has_time = text.contains(':');
        let parsed = if has_time {
            text.parse::<DateTime>().and_then(civil)
        } else if let Ok(day) = text.parse::<Date>() {
            let day = if when == When::Until { day.checked_add(1.day()) } else { Ok(day) };
            day.and_then(|day| civil(day.at(0, 0, 0, 0)))
        } else {
            text.parse::<Span>().and_then(|ago| Ok(wall(ZonedDateTime::now().checked_sub(ago)?.timestamp())))
        };
        parsed.map_err(|_| {
            format!("\"{text}\" is no time; write 2026-03-01, 2026-03-01T08:00, 2026-03-01T08:00-05:00, or how long ago: 24h, 7d")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn florida() -> Site {
        Site::of(Some("America/New_York"))
    }

    #[test]
    fn a_day_is_included_at_both_ends() {
        let site = florida();
        let from = site.parse("2026-03-08", When::From).expect("a day");
        let until = site.parse("2026-03-08", When::Until).expect("a day");
        // The day summer time began had 23 hours.
        assert_eq!(until.0 - from.0, 23 * 3_600_000);
        assert_eq!(site.time(from), "2026-03-08T00:00:00-05:00");
        assert_eq!(site.time(until), "2026-03-09T00:00:00-04:00");
    }

    #[test]
    fn times_are_local_unless_they_say_otherwise() {
        let site = florida();
        let local = site.parse("2026-03-01T08:00", When::From).expect("a time");
        assert_eq!(Site::time_utc(local), "2026-03-01T13:00:00.000Z");
        assert_eq!(site.parse("2026-03-01T08:00-05:00", When::From), Ok(local));
        assert_eq!(site.parse("2026-03-01 08:00", When::Until), Ok(local));
    }

    #[test]
    fn so_long_ago_and_nonsense() {
        let site = florida();
        #[expect(clippy::disallowed_methods, reason = "to compare with")]
        let now = Timestamp::now().as_millisecond();
        let day = now - site.parse("24h", When::From).expect("a length").0;
        assert!((86_400_000..86_410_000).contains(&day), "{day}");
        site.parse("7d", When::From).expect("a length");
        for text in ["", "soon", "2026-13-01", "25:00"] {
            assert!(site.parse(text, When::From).expect_err("nonsense").contains("is no time"), "{text}");
        }
    }
}
