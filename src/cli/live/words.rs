//! Times, colours and line ends for text on a terminal: as wide as it is, 80 columns where nobody knows.

use crate::cabinet::snapshot::{KeyName, Moment, Snapshot};
use crate::cabinet::types::{Reason, Wall};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The width where nobody knows how wide the terminal is.
pub const COLUMNS: usize = 80;
/// Longer lines are not read with ease.
const LONGEST_LINE: usize = 120;

/// What the terminal can show.
#[derive(Clone, Copy, Debug, Default)]
pub struct Paint {
    pub colour: bool,
    /// Plain ASCII symbols.
    pub ascii: bool,
}

/// How a snapshot is looked at.
#[derive(Clone, Debug)]
pub struct View {
    pub paint: Paint,
    pub zone: TimeZone,
    /// Milliseconds since the snapshot was taken.
    pub age_ms: u64,
    /// How wide the terminal is.
    pub columns: usize,
}

/// A colour by what it means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    Good,
    Out,
    Doubt,
    Bad,
    Faint,
    Strong,
}

impl Paint {
    /// The text in its colour, if there are colours.
    #[must_use]
    pub fn tone(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Out => "36",
            Tone::Doubt => "33",
            Tone::Bad => "1;31",
            Tone::Faint => "2",
            Tone::Strong => "1",
        };
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

impl View {
    /// A paragraph as wide as the terminal, within reason; the later lines are indented by `hang` more than the first.
    #[must_use]
    pub fn paragraph(&self, indent: usize, hang: usize, text: &str) -> String {
        paragraph(self.columns, indent, hang, text)
    }

    /// "14:03", "Sun 2 Nov 14:03" or "2024-11-03 14:03": as much as is needed to know which moment is meant.
    #[must_use]
    pub fn at(&self, wall: Wall, today: Wall) -> String {
        let civil = |wall: Wall| {
            Timestamp::from_millisecond(wall.0).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned_datetime(self.zone.clone())
        };
        let (then, today) = (civil(wall), civil(today));
        let format = if then.date() == today.date() {
            "%H:%M"
        } else if then.year() == today.year() {
            "%a %-d %b %H:%M"
        } else {
            "%Y-%m-%d %H:%M"
        };
        then.strftime(format).to_string()
    }

    /// Now, by the cabinet's clock.
    #[must_use]
    pub fn now(&self, seen: &Snapshot) -> Wall {
        Wall(seen.as_of.wall.0.saturating_add(i64::try_from(self.age_ms).unwrap_or(i64::MAX)))
    }

    /// "since 14:03 (35 min)"; what a clock that is not trusted said is "about", a lower bound "at least".
    #[must_use]
    pub fn since(&self, seen: &Snapshot, moment: Moment) -> String {
        let at = self.at(moment.wall, self.now(seen));
        let ago = lasting(moment.ago_ms.saturating_add(self.age_ms));
        let about = if moment.clock.is_trusted() { "" } else { "about " };
        let least = if moment.at_least { "at least " } else { "" };
        format!("since {about}{at} ({least}{ago})")
    }
}

/// The time zone by name; this machine's if there is no name or no such zone.
pub fn zone(name: Option<&str>) -> TimeZone {
    name.and_then(|name| TimeZone::get(name).ok()).unwrap_or_else(TimeZone::system)
}

/// "12 s", "35 min", "2 h 05 min", "3 d 4 h".
pub fn lasting(ms: u64) -> String {
    let (minutes, hours, days) = (ms / 60_000, ms / 3_600_000, ms / 86_400_000);
    match (minutes, hours, days) {
        (0, _, _) => format!("{} s", ms / 1000),
        (_, 0, _) => format!("{minutes} min"),
        (_, _, 0) => format!("{hours} h {:02} min", minutes % 60),
        (_, _, _) => format!("{days} d {} h", hours % 24),
    }
}

/// The same of a length that nobody knows to the minute: that of an outage.
pub fn about(ms: u64) -> String {
    let minutes = match ms / 60_000 {
        minutes @ 0..120 => minutes / 5 * 5,
        minutes @ 120..1_440 => minutes / 15 * 15,
        minutes => minutes / 60 * 60,
    };
    lasting(minutes.max(5) * 60_000)
}

/// "1 visit", "2 visits".
pub fn count(number: u32, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Mains that came and went in an outage.
pub fn came_and_went(flaps: u32) -> Option<String> {
    match flaps {
        0 => None,
        1 => Some("mains came and went once".to_owned()),
        _ => Some(format!("mains came and went {flaps} times")),
    }
}

/// Why, with the reference and for whom: "work order 8841, for plumber".
pub fn why(reason: Reason, reference: Option<&str>, purpose: Option<&str>) -> String {
    let mut text = match reason {
        Reason::Unstated => "no reason stated".to_owned(),
        Reason::WorkOrder | Reason::Emergency | Reason::UnitAccess | Reason::Showing => reason.word().replace('-', " "),
        Reason::DayToDay => reason.word().to_owned(),
    };
    if let Some(reference) = reference {
        text.push(' ');
        text.push_str(&clean(reference));
    }
    if let Some(purpose) = purpose {
        text.push_str(", for ");
        text.push_str(&clean(purpose));
    }
    text
}

/// "Unit 204, Unit 205".
pub fn labels(keys: &[KeyName], between: &str) -> String {
    keys.iter().map(|key| clean(&key.label)).collect::<Vec<_>>().join(between)
}

/// The text without control characters: a name in the roster must not steer a terminal.
pub fn clean(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

/// Characters that show; colours do not.
pub fn width(text: &str) -> usize {
    let mut shown = 0;
    let mut in_colour = false;
    for letter in text.chars() {
        match letter {
            '\u{1b}' => in_colour = true,
            'm' if in_colour => in_colour = false,
            _ => shown += usize::from(!in_colour),
        }
    }
    shown
}

/// A paragraph of lines of at most `columns` characters, within reason; the later ones are indented by `hang` more than the first.
pub fn paragraph(columns: usize, indent: usize, hang: usize, text: &str) -> String {
    let columns = columns.min(LONGEST_LINE);
    let mut lines = String::new();
    let mut line = " ".repeat(indent);
    let mut is_bare = true;
    for word in text.split(' ') {
        if !is_bare && width(&line) + 1 + width(word) > columns {
            lines.push_str(line.trim_end());
            lines.push('\n');
            line = " ".repeat(indent + hang);
            is_bare = true;
        }
        if !is_bare {
            line.push(' ');
        }
        line.push_str(word);
        is_bare = false;
    }
    lines.push_str(line.trim_end());
    lines.push('\n');
    lines
}
