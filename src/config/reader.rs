//! Walks a TOML document that knows its lines, and collects every problem instead of stopping at the first.
//!
//! A value that is wrong is reported once and replaced by its default, so that the checks that follow do not report
//! consequences. Text that is no TOML is reported too, together with what can be said of the rest.

use super::keys::{Form, Key, Preset, ROLES};
use super::problem::{Fault, Problem};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use toml::de::{DeTable, DeValue};

/// Where a value comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// This line of the file.
    File(usize),
    /// It is not written, so the default counts.
    Default,
}

/// A value in force, for `config show --effective`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The header it stands under, brackets included; it opens a new table if `first`.
    pub section: String,
    pub first: bool,
    pub key: String,
    /// As TOML; none for a key that has no value.
    pub value: Option<String>,
    pub origin: Origin,
    /// What it means that there is no value.
    pub note: &'static str,
}

/// The problems found so far, and the values read.
#[derive(Debug)]
pub(super) struct Reader {
    /// Where each line but the first begins, in bytes.
    starts: Vec<usize>,
    /// The text is no TOML: what is missing may only be unreadable.
    torn: bool,
    pub(super) problems: Vec<Problem>,
    pub(super) entries: Vec<Entry>,
    lines: BTreeMap<String, usize>,
}

/// A value with its line.
pub(super) type Place<'a, 't> = (usize, &'a DeValue<'t>);

impl Reader {
    pub(super) fn new(text: &str) -> (Self, DeTable<'_>) {
        let starts = text.match_indices('\n').map(|(at, _)| at + 1).collect();
        let mut reader =
            Self { starts, torn: false, problems: Vec::new(), entries: Vec::new(), lines: BTreeMap::new() };
        let (document, errors) = DeTable::parse_recoverable(text);
        reader.torn = !errors.is_empty();
        for error in errors {
            let line = error.span().map(|span| reader.line_at(span.start));
            let wrong = format!("this is no TOML: {}", error.message().replace('\n', ", "));
            let written = line.and_then(|line| text.lines().nth(line - 1)).unwrap_or_default();
            let remedy = if written.contains(['“', '”', '„', '‘', '’', '«', '»']) {
                "write straight quotes (\"): an editor for letters has made curly ones"
            } else {
                "write `key = value`, texts in quotes, each key once"
            };
            reader.problem(line, "", Fault::new(wrong, remedy));
        }
        (reader, document.into_inner())
    }

    /// The line of a byte, from 1.
    fn line_at(&self, byte: usize) -> usize {
        1 + self.starts.partition_point(|start| *start <= byte)
    }

    /// The line where `section.key` is written, if it is.
    pub(super) fn line_of(&self, path: &str) -> Option<usize> {
        self.lines.get(path).copied()
    }

    pub(super) fn problem(&mut self, line: Option<usize>, key: &str, fault: Fault) {
        // What follows from a line that is no TOML is not worth a second word.
        let torn_here = |problem: &Problem| problem.key.is_empty() && problem.line.is_some() && problem.line == line;
        if self.torn && !key.is_empty() && self.problems.iter().any(torn_here) {
            return;
        }
        let mut wrong: String = fault.wrong.chars().take(160).collect();
        if wrong.len() < fault.wrong.len() {
            wrong.push('…');
        }
        self.problems.push(Problem { line, key: key.to_owned(), wrong, remedy: fault.remedy });
    }

    /// Something is not there. In a torn text it may be there all the same.
    pub(super) fn missing(&mut self, line: Option<usize>, key: &str, fault: Fault) {
        if !self.torn {
            self.problem(line, key, fault);
        }
    }

    /// The value in force of a path, once it is known where it begins.
    pub(super) fn settle(&mut self, key: &str, text: &str) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.key == key) {
            entry.value = Some(toml::Value::String(text.to_owned()).to_string());
        }
    }

    /// A check across keys failed: reported where `path` is written, unless one of them was wrong by itself.
    pub(super) fn conflict(&mut self, path: &str, others: &[&str], wrong: String, remedy: &str) {
        let known_bad = |path: &str| self.problems.iter().any(|problem| problem.key == path);
        if known_bad(path) || others.iter().any(|other| known_bad(other)) {
            return;
        }
        let line = others.iter().fold(self.line_of(path), |line, other| line.or_else(|| self.line_of(other)));
        self.problem(line, path, Fault::new(wrong, remedy));
    }

    /// Takes a section out of the document: its line and its table.
    pub(super) fn section<'a, 't>(
        &mut self,
        document: &'a DeTable<'t>,
        name: &str,
    ) -> Option<(usize, &'a DeTable<'t>)> {
        let (line, value) = self.place(document, name)?;
        let table = value.as_table();
        if table.is_none() {
            let wrong = format!("{} where a section belongs", kind_of(value));
            self.problem(
                Some(line),
                name,
                Fault::new(wrong, format!("write [{name}] on a line of its own, keys below")),
            );
        }
        Some((line, table?))
    }

    /// Takes the tables of `[[name]]` out of the document.
    pub(super) fn rows<'a, 't>(&mut self, document: &'a DeTable<'t>, name: &str) -> Vec<(usize, &'a DeTable<'t>)> {
        let Some((line, value)) = self.place(document, name) else { return Vec::new() };
        let mut rows = Vec::new();
        let found: Option<Vec<_>> = value.as_array().map(|array| array.iter().collect());
        for row in found.iter().flatten() {
            match row.get_ref().as_table() {
                Some(table) => rows.push((self.line_at(row.span().start), table)),
                None => self.not_rows(self.line_at(row.span().start), name, row.get_ref()),
            }
        }
        if found.is_none() {
            self.not_rows(line, name, value);
        }
        rows
    }

    fn not_rows(&mut self, line: usize, name: &str, value: &DeValue<'_>) {
        let wrong = format!("{} where a list of tables belongs", kind_of(value));
        self.problem(Some(line), name, Fault::new(wrong, format!("write [[{name}]] with two brackets, once for each")));
    }

    pub(super) fn place<'a, 't>(&self, table: &'a DeTable<'t>, name: &str) -> Option<Place<'a, 't>> {
        let (key, value) = table.get_key_value(name)?;
        Some((self.line_at(key.span().start), value.get_ref()))
    }

    /// Every key of a table with its line.
    pub(super) fn keys<'a, 't>(&self, table: &'a DeTable<'t>) -> Vec<(String, Place<'a, 't>)> {
        table
            .iter()
            .map(|(key, value)| (key.get_ref().to_string(), (self.line_at(key.span().start), value.get_ref())))
            .collect()
    }

    /// Reports every key of `table` that is not in `known`. `elsewhere` finds the section that has it.
    pub(super) fn refuse_unknown(
        &mut self,
        table: &DeTable<'_>,
        section: &str,
        known: &[&str],
        elsewhere: impl Fn(&str) -> Option<&'static str>,
    ) {
        for (name, (line, value)) in self.keys(table) {
            let outside = section.is_empty() && !(value.is_table() || value.is_array());
            // In a torn text a section's header may be what is torn.
            if known.contains(&name.as_str())
                || (self.torn && section.is_empty() && (outside || elsewhere(&name).is_some()))
            {
                continue;
            }
            let wrong = match section {
                "" if outside => "a key outside any section",
                "" => "there is no such section",
                _ => "there is no such key",
            };
            let remedy = if let Some(home) = elsewhere(&name) {
                format!("it belongs under {home}")
            } else if let Some(near) = nearest(&name, known.iter().copied()) {
                format!("did you mean {near}?")
            } else {
                format!("known here: {}", known.join(", "))
            };
            let path = if section.is_empty() { name } else { format!("{section}.{name}") };
            let path: String = path.chars().take(80).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
            self.problem(Some(line), &path, Fault::new(wrong, remedy));
        }
    }

    /// Reads the keys of a section into `target`. With no table every default counts, and what must be written is missing.
    pub(super) fn read<T>(
        &mut self,
        section: &str,
        header: &str,
        table: Option<(usize, &DeTable<'_>)>,
        keys: &[Key<T>],
        target: &mut T,
    ) {
        for (index, key) in keys.iter().enumerate() {
            let path = format!("{section}.{}", key.name);
            let place = table.and_then(|(_, table)| self.place(table, key.name));
            let entry = |value, origin, note| Entry {
                section: header.to_owned(),
                first: index == 0,
                key: key.name.to_owned(),
                value,
                origin,
                note,
            };
            if let Some((line, value)) = place {
                self.lines.insert(path.clone(), line);
                match take(key, value, target) {
                    Ok(()) => {
                        self.entries.push(entry(Some(written(value)), Origin::File(line), ""));
                        continue;
                    }
                    Err(fault) => self.problem(Some(line), &path, fault),
                }
            }
            match key.preset {
                Preset::Is(preset) => {
                    let default = DeValue::parse(preset).expect("the defaults of the table of keys are TOML");
                    take(key, default.get_ref(), target).map_err(|fault| fault.wrong).expect("a default is in range");
                    self.entries.push(entry(Some(written(default.get_ref())), Origin::Default, ""));
                }
                Preset::Without(meaning, _) => self.entries.push(entry(None, Origin::Default, meaning)),
                Preset::Required(_) | Preset::Stated(..) if place.is_some() => {}
                Preset::Required(example) => {
                    let remedy = format!("write {}, for example {} = {example}", key.form.wanted(), key.name);
                    self.missing(table.map(|(line, _)| line), &path, Fault::new("it is missing", remedy));
                }
                Preset::Stated(_, wrong, remedy) => {
                    self.missing(table.map(|(line, _)| line), &path, Fault::new(wrong, remedy));
                }
            }
        }
    }
}

/// The value into the target, or what is wrong with it.
fn take<T>(key: &Key<T>, value: &DeValue<'_>, target: &mut T) -> Result<(), Fault> {
    let wanted = || {
        let (Preset::Required(example)
        | Preset::Stated(example, ..)
        | Preset::Is(example)
        | Preset::Without(_, example)) = key.preset;
        format!("write {}, for example {} = {example}", key.form.wanted(), key.name)
    };
    let misfit = || {
        let odd = value.as_array().and_then(|array| {
            let fits = |item: &DeValue<'_>| match key.form {
                Form::Rising { .. } => item.is_integer(),
                _ => item.is_str(),
            };
            array.iter().map(toml::Spanned::get_ref).find(|item| !fits(item))
        });
        let found = match odd {
            Some(item) if key.form.is_list() => format!("a list with {} in it", kind_of(item)),
            _ => kind_of(value).to_owned(),
        };
        Fault::new(format!("{found} where {} belongs", key.form.kind()), wanted())
    };
    match &key.form {
        Form::Whole { range, set, .. } => {
            let number = number(value).ok_or_else(misfit)?;
            let inside = u64::try_from(number).ok().filter(|number| range.contains(number));
            set(
                target,
                inside.ok_or_else(|| {
                    Fault::new(format!("{} is out of range", digits(value)), format!("write {}", key.form.wanted()))
                })?,
            );
        }
        Form::Rising { range, set, .. } => {
            let array = value.as_array().ok_or_else(misfit)?;
            let numbers: Option<Vec<i128>> = array.iter().map(|item| number(item.get_ref())).collect();
            let numbers = numbers.ok_or_else(misfit)?;
            let fault = |wrong: String| Fault::new(wrong, format!("write {}", key.form.wanted()));
            let outside = |number: &i128| !u64::try_from(*number).is_ok_and(|number| range.contains(&number));
            if let Some(bad) = numbers.iter().position(outside) {
                return Err(fault(format!("{} is out of range", digits(array[bad].get_ref()))));
            }
            let steps: Vec<u64> = numbers.iter().filter_map(|number| u64::try_from(*number).ok()).collect();
            let [first, second, third] = steps[..] else {
                return Err(fault(format!("the list has {} numbers", steps.len())));
            };
            if first >= second || second >= third {
                return Err(fault("the numbers do not rise".to_owned()));
            }
            set(target, [first, second, third]);
        }
        Form::Numbers { range, set } => {
            let fault = |wrong: String| Fault::new(wrong, wanted());
            let numbers = match (number(value), value.as_str()) {
                (Some(number), _) => {
                    vec![u64::try_from(number).map_err(|_| fault(format!("{} is out of range", digits(value))))?]
                }
                (None, Some(text)) => several(text).ok_or_else(|| fault(format!("{text:?} is no list of numbers")))?,
                (None, None) => return Err(misfit()),
            };
            if let Some(beyond) = numbers.iter().find(|number| !range.contains(number)) {
                return Err(fault(format!("{beyond} is out of range")));
            }
            if let Some((_, twice)) = numbers.iter().enumerate().find(|(at, number)| numbers[..*at].contains(number)) {
                return Err(fault(format!("{twice} is there twice")));
            }
            set(target, numbers.into_iter().filter_map(|number| u32::try_from(number).ok()).collect());
        }
        Form::Truth { set } => set(target, value.as_bool().ok_or_else(misfit)?),
        Form::Choice { words } => {
            let word = value.as_str().ok_or_else(misfit)?;
            let (_, choose) = words
                .iter()
                .find(|(known, _)| *known == word)
                .ok_or_else(|| Fault::new(format!("{word:?} is no choice"), format!("write {}", key.form.wanted())))?;
            choose(target);
        }
        Form::Role { set } => set(target, role(value.as_str().ok_or_else(misfit)?)?),
        Form::Text { set, .. } => set(target, value.as_str().ok_or_else(misfit)?)?,
        Form::List { start, add, .. } => {
            let array = value.as_array().ok_or_else(misfit)?;
            let texts: Option<Vec<&str>> = array.iter().map(|item| item.get_ref().as_str()).collect();
            let texts = texts.ok_or_else(misfit)?;
            start(target);
            for text in texts {
                add(target, text)?;
            }
        }
    }
    Ok(())
}

/// The numbers of a text like "1-8, 12", in its order; a range may fall as well.
fn several(text: &str) -> Option<Vec<u64>> {
    const MOST: u64 = 1_024;
    let mut numbers = Vec::new();
    for part in text.split(',').map(str::trim) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let plain = |number: &str| -> Option<u64> {
            let digits = number.trim();
            (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
        };
        let (first, last) = (plain(first)?, plain(last)?);
        if first.abs_diff(last) >= MOST || numbers.len() as u64 + first.abs_diff(last) >= MOST {
            return None;
        }
        if first <= last {
            numbers.extend(first..=last);
        } else {
            numbers.extend((last..=first).rev());
        }
    }
    Some(numbers)
}

/// The role that a word means.
pub(super) fn role(word: &str) -> Result<crate::cabinet::types::Role, Fault> {
    let known = ROLES.iter().find(|(known, _)| *known == word);
    known.map(|(_, role)| *role).ok_or_else(|| {
        let words = ROLES.map(|(word, _)| format!("{word:?}")).join(" or ");
        Fault::new(format!("there is no role {word:?}"), format!("write {words}"))
    })
}

/// A whole number as it is written.
fn digits(value: &DeValue<'_>) -> String {
    value.as_integer().map_or_else(String::new, ToString::to_string)
}

fn number(value: &DeValue<'_>) -> Option<i128> {
    let integer = value.as_integer()?;
    // What does not fit is out of every range.
    Some(i128::from_str_radix(integer.as_str(), integer.radix()).unwrap_or(i128::MAX))
}

/// What a value is, in words.
pub(super) const fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A value as TOML again.
pub(super) fn written(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => toml::Value::String(text.to_string()).to_string(),
        DeValue::Integer(_) => number(value).map_or_else(String::new, |number| number.to_string()),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Float(float) => float.as_str().to_owned(),
        DeValue::Datetime(datetime) => datetime.to_string(),
        DeValue::Array(array) => {
            let items: Vec<String> = array.iter().map(|item| written(item.get_ref())).collect();
            format!("[{}]", items.join(", "))
        }
        DeValue::Table(table) => {
            let mut text = String::from("{");
            for (index, (key, value)) in table.iter().enumerate() {
                let comma = if index == 0 { "" } else { "," };
                let _ = write!(text, "{comma} {} = {}", quoted_key(key.get_ref()), written(value.get_ref()));
            }
            text + " }"
        }
    }
}

/// A key as TOML: bare where it may be.
pub(super) fn quoted_key(key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { key.to_owned() } else { toml::Value::String(key.to_owned()).to_string() }
}

/// The known word that is nearest to what was written, if one is near enough to be meant.
pub(super) fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if written.len() > 64 {
        return None;
    }
    let written = written.to_lowercase();
    let distance = |word: &str| {
        let word = word.to_lowercase();
        let bare = word.rsplit_once('_').filter(|(_, unit)| ["ms", "s", "h"].contains(unit)).map(|(bare, _)| bare);
        let far = strsim::damerau_levenshtein(&written, &word);
        let without_unit = bare.map(|bare| 1 + strsim::damerau_levenshtein(&written, bare));
        without_unit.map_or(far, |near| near.min(far))
    };
    known
        .map(|word| (distance(word), word))
        .filter(|(distance, word)| *distance <= 2.max(word.len() / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}
