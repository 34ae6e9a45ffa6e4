//! Where outages come from: a file of real ones, the built-in prior, or "so long from now".
//!
//! A file that has a bad line is refused as a whole, with every bad line, what is wrong with it and what to write: half a file would be
//! another statement about the site than the whole one.

use super::chance::{Chance, Purpose};
use crate::cabinet::outage::{Projection, Statement};
use std::collections::BTreeMap;
use std::fmt;

#[cfg(test)]
mod tests;

/// A power cut as the utility's books have it.
#[derive(Clone, PartialEq, Debug)]
pub struct Outage {
    pub length_ms: u64,
    /// Local minute of the day at its start.
    pub start_minute: u16,
    /// The probability that it was on a major-event day: 0 or 1 where the file says so.
    pub major: f64,
    /// What the utility said, oldest first.
    pub statements: Vec<Statement>,
    /// Lines that are one and the same outage, as it hit several, have the same number.
    pub group: u32,
}

/// What is wrong with a file of outages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadFile {
    pub problems: Vec<Problem>,
    /// How many more there are than are listed.
    pub more: usize,
}

/// What is wrong with a line, and what to write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// From 1; the header is line 1.
    pub line: u64,
    pub wrong: String,
    pub remedy: String,
}

const HOUR_MS: f64 = 3_600_000.0;
/// Six weeks: longer than anything a battery is asked about.
const LONGEST_H: f64 = 1_000.0;
const MOST_LINES: usize = 200_000;
const MOST_STATEMENTS: usize = 64;
const LISTED: usize = 20;

const LENGTH: &str = "duration_h";
const START: &str = "start_hour_local";
const MAJOR: &str = "major_event_day";
const STATEMENTS: &str = "etr_statements";
const COLUMNS: [&str; 4] = [LENGTH, START, MAJOR, STATEMENTS];

/// Reads a CSV file with a header. `duration_h` is needed; the other columns may be missing, and so may their values.
///
/// # Errors
/// [`BadFile`]: all that is wrong with it.
pub fn read(text: &[u8], seed: u64) -> Result<Vec<Outage>, BadFile> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(text);
    let mut found = Findings::default();
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => {
            return Err(BadFile::of(1, &format!("it is no CSV file: {error}"), "save it as CSV, UTF-8, with commas"));
        }
    };
    let Some(columns) = found.columns(&header) else { return Err(found.into()) };
    let mut outages = Vec::new();
    let mut groups = BTreeMap::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                found.note(line, error.to_string(), "save the file as CSV, UTF-8, with commas".to_owned());
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        if outages.len() == MOST_LINES {
            found.note(line, format!("it has more than {MOST_LINES} outages"), "take a sample of them".to_owned());
            break;
        }
        let hour = Chance::stream(seed, outages.len(), Purpose::Outage).share() * 24.0;
        if let Some(mut outage) = found.outage(line, &record, columns, hour) {
            let next = groups.len() as u32;
            outage.group = *groups.entry(record.iter().map(str::to_owned).collect::<Vec<_>>()).or_insert(next);
            outages.push(outage);
        }
    }
    if outages.is_empty() && found.problems.is_empty() {
        found.note(1, "it has no outage".to_owned(), "write one outage a line below the header".to_owned());
    }
    if found.problems.is_empty() { Ok(outages) } else { Err(found.into()) }
}

/// Draws outages from the built-in prior, at hours equally likely.
#[must_use]
pub fn from_prior(count: usize, seed: u64) -> Vec<Outage> {
    (0..count)
        .map(|number| {
            let mut chance = Chance::stream(seed, number, Purpose::Outage);
            let (hours, major) = prior::draw(&mut chance);
            let hours = hours.clamp(1.0 / 60.0, LONGEST_H);
            let start_minute = minute_of(chance.share() * 24.0);
            Outage { length_ms: milliseconds(hours), start_minute, major, statements: Vec::new(), group: number as u32 }
        })
        .collect()
}

/// Outages of one length, at hours equally likely.
#[must_use]
pub fn fixed(length_ms: u64, count: usize, seed: u64) -> Vec<Outage> {
    (0..count)
        .map(|number| {
            let mut chance = Chance::stream(seed, number, Purpose::Outage);
            let start_minute = minute_of(chance.share() * 24.0);
            let major = prior::major(hours(length_ms));
            Outage { length_ms, start_minute, major, statements: Vec::new(), group: number as u32 }
        })
        .collect()
}

/// The prior's two kinds, and how they stand to major-event days.
mod prior {
    use super::{Chance, Projection};

    /// Of the long kind, and of the short kind, so many are of major days: that is what makes P(T > 4 h) 0.40 on major days and
    /// 0.14 on others, as measured, with the prior's own kinds (0.477 and 0.113).
    const MAJOR: [f64; 2] = [0.060, 0.746];

    /// A length in hours, and the probability that its day is a major one.
    pub(super) fn draw(chance: &mut Chance) -> (f64, f64) {
        let kinds = Projection::built_in_kinds();
        let kind = usize::from(!chance.happens(kinds[0].0));
        let (_, mu, sigma) = kinds[kind];
        (libm::exp(mu + sigma * chance.normal()), MAJOR[kind])
    }

    /// The same for a length that is given.
    pub(super) fn major(hours: f64) -> f64 {
        let density = |(weight, mu, sigma): (f64, f64, f64)| {
            let z = (libm::log(hours) - mu) / sigma;
            weight * libm::exp(-0.5 * z * z) / sigma
        };
        let [short, long] = Projection::built_in_kinds().map(density);
        let is_long = if short + long > 0.0 { long / (short + long) } else { 1.0 };
        MAJOR[0] + (MAJOR[1] - MAJOR[0]) * is_long
    }
}

/// Where the columns are.
type Columns = [Option<usize>; 4];

/// The problems so far.
#[derive(Default)]
struct Findings {
    problems: Vec<Problem>,
    more: usize,
}

impl Findings {
    fn note(&mut self, line: u64, wrong: String, remedy: String) {
        if self.problems.len() < LISTED {
            self.problems.push(Problem { line, wrong, remedy });
        } else {
            self.more += 1;
        }
    }

    fn columns(&mut self, header: &csv::StringRecord) -> Option<Columns> {
        let known = COLUMNS.join(", ");
        for (at, name) in header.iter().enumerate() {
            if !COLUMNS.contains(&name) {
                self.note(1, format!("there is no column {name:?}"), format!("the columns are {known}"));
            } else if header.iter().take(at).any(|earlier| earlier == name) {
                self.note(1, format!("the column {name} stands there twice"), "take one of them away".to_owned());
            }
        }
        let columns = COLUMNS.map(|name| header.iter().position(|column| column == name));
        if columns[0].is_none() {
            self.note(1, format!("the column {LENGTH} is missing"), format!("write a first line with {known}"));
        }
        self.problems.is_empty().then_some(columns)
    }

    /// One outage; none, and a problem noted, if its line is not sound. `hour`: for a line that says none.
    fn outage(&mut self, line: u64, record: &csv::StringRecord, columns: Columns, hour: f64) -> Option<Outage> {
        let before = self.problems.len() + self.more;
        let value = |column: usize| columns[column].and_then(|at| record.get(at)).filter(|value| !value.is_empty());
        let mut number = |column: usize, most: f64, wanted: &str| {
            let text = value(column)?;
            let number = text.parse::<f64>().ok().filter(|number| (0.0..=most).contains(number));
            if number.is_none() {
                self.note(line, format!("{} is {text:?}", COLUMNS[column]), format!("write {wanted}"));
            }
            number
        };
        let length_h = number(0, LONGEST_H, "hours above 0 and at most 1000, for example 1.5");
        let start_h = number(1, 24.0, "the local hour at the start, 0 to 24, or nothing");
        let major = number(2, 1.0, "1 for a major-event day, 0 for another one, or nothing");
        if value(0).is_none() {
            self.note(line, format!("{LENGTH} is missing"), "write hours above 0, for example 1.5".to_owned());
        } else if length_h == Some(0.0) {
            self.note(line, format!("{LENGTH} is 0"), "write hours above 0, for example 1.5".to_owned());
        }
        if major.is_some_and(|major| ![0.0, 1.0].contains(&major)) {
            self.note(line, format!("{MAJOR} is between 0 and 1"), "write 0 or 1, or nothing".to_owned());
        }
        let statements = self.statements(line, value(3).unwrap_or_default());
        if record.len() > COLUMNS.len() || columns.iter().flatten().max().is_some_and(|last| *last >= record.len()) {
            let wrong = format!("it has {} values", record.len());
            self.note(line, wrong, "write as many values as the header has columns".to_owned());
        }
        if self.problems.len() + self.more > before {
            return None;
        }
        let length_h = length_h?;
        Some(Outage {
            length_ms: milliseconds(length_h).max(1),
            start_minute: minute_of(start_h.unwrap_or(hour)),
            major: major.unwrap_or_else(|| prior::major(length_h)),
            statements: statements?,
            group: 0,
        })
    }

    /// `t:end;t:end`, in hours since the start.
    fn statements(&mut self, line: u64, text: &str) -> Option<Vec<Statement>> {
        // Utilities state times before the start and years ahead: a statement like any other, though nobody believes it.
        let hours = |text: &str| text.trim().parse::<f64>().ok().filter(|hours| (-1e6..=1e6).contains(hours));
        let mut statements = Vec::new();
        for part in text.split(';').filter(|part| !part.trim().is_empty()) {
            let pair = part.split_once(':').and_then(|(at, end)| Some((hours(at)?, hours(end)?)));
            let Some((at_h, end_h)) = pair else {
                let wrong = format!("{STATEMENTS} has {:?}", part.trim());
                self.note(
                    line,
                    wrong,
                    "write t:end pairs in hours since the start, for example 0.3:1.9;1.5:3.5".to_owned(),
                );
                return None;
            };
            statements.push(Statement { at_ms: milliseconds(at_h), ends_at_ms: milliseconds(end_h) });
        }
        statements.sort_by_key(|statement| statement.at_ms);
        if statements.len() > MOST_STATEMENTS {
            let wrong = format!("{STATEMENTS} has {} of them", statements.len());
            self.note(line, wrong, format!("keep the first {MOST_STATEMENTS}"));
            return None;
        }
        Some(statements)
    }
}

impl BadFile {
    fn of(line: u64, wrong: &str, remedy: &str) -> Self {
        let problem = Problem { line, wrong: wrong.to_owned(), remedy: remedy.to_owned() };
        Self { problems: vec![problem], more: 0 }
    }
}

impl From<Findings> for BadFile {
    fn from(found: Findings) -> Self {
        Self { problems: found.problems, more: found.more }
    }
}

impl fmt::Display for BadFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Problem { line, wrong, remedy }) in self.problems.iter().enumerate() {
            let end = if at == 0 { "" } else { "\n" };
            write!(f, "{end}line {line}: {wrong}; {remedy}")?;
        }
        if self.more > 0 {
            write!(f, "\nand {} more", self.more)?;
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "some weeks in milliseconds")]
fn hours(ms: u64) -> f64 {
    ms as f64 / HOUR_MS
}

#[expect(clippy::cast_sign_loss, reason = "not below 0")]
fn milliseconds(hours: f64) -> u64 {
    libm::round(hours * HOUR_MS).max(0.0) as u64
}

#[expect(clippy::cast_sign_loss, reason = "never negative")]
fn minute_of(hour: f64) -> u16 {
    (hour * 60.0) as u16 % 1_440
}
