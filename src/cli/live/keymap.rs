//! The cabinet as a picture: a grid by row and column, and below it what the picture alone does not say.
//!
//! A slot is told by its symbol; colour only helps. The grid shows as much as fits the terminal: number, symbol and label for
//! small cabinets (the labels below, where cut ones would look alike), number and symbol for middling ones, symbols with the numbers
//! at the row's head for large ones.

use super::status::{away, header};
use super::words::{Tone, View, clean, labels};
use crate::cabinet::snapshot::{KeyName, Present, SlotView, Snapshot, Whereabouts};
use crate::cabinet::types::DoorNo;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// How a slot looks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Look {
    In,
    /// A key that belongs elsewhere.
    Astray,
    /// A key, nobody knows which.
    UnknownKey,
    Out,
    /// Empty; its key hangs in another slot.
    Elsewhere,
    /// Empty, and its key is lost or with nobody known.
    Missing,
    /// Empty, and nothing belongs here, or it was never here.
    Free,
    Fault,
    Unread,
}

impl Look {
    fn of(slot: &SlotView) -> Self {
        match slot.present {
            Present::Fault => Self::Fault,
            Present::Unknown => Self::Unread,
            Present::Yes => match (&slot.key, &slot.home) {
                (None, _) => Self::UnknownKey,
                (Some(key), Some(home)) if home.key.id == key.id => Self::In,
                (Some(_), _) => Self::Astray,
            },
            Present::No => match slot.home.as_ref().map(|home| &home.whereabouts) {
                Some(Whereabouts::Out { .. }) => Self::Out,
                Some(Whereabouts::In { .. }) => Self::Elsewhere,
                Some(Whereabouts::Unaccounted { .. } | Whereabouts::Lost { .. }) => Self::Missing,
                None | Some(Whereabouts::Retired { .. } | Whereabouts::Unseen) => Self::Free,
            },
        }
    }

    /// Symbol, ASCII symbol, word, colour.
    const fn drawn(self) -> (&'static str, &'static str, &'static str, Tone) {
        match self {
            Self::In => ("■", "#", "in", Tone::Good),
            Self::Astray => ("◆", "+", "another key", Tone::Doubt),
            Self::UnknownKey => ("?", "?", "unknown key", Tone::Doubt),
            Self::Out => ("○", "o", "out", Tone::Out),
            Self::Elsewhere => ("→", ">", "in another slot", Tone::Doubt),
            Self::Missing => ("!", "!", "missing", Tone::Bad),
            Self::Free => ("·", ".", "free", Tone::Faint),
            Self::Fault => ("×", "x", "sensor fault", Tone::Bad),
            Self::Unread => ("~", "~", "not read", Tone::Faint),
        }
    }

    fn symbol(self, view: &View) -> String {
        let (symbol, ascii, _, tone) = self.drawn();
        view.paint.tone(tone, if view.paint.ascii { ascii } else { symbol })
    }
}

/// The keymap as text.
#[must_use]
pub fn keymap(seen: &Snapshot, view: &View) -> String {
    let mut text = header(seen, view);
    let mut doors: BTreeMap<DoorNo, Vec<&SlotView>> = BTreeMap::new();
    for slot in &seen.slots {
        doors.entry(slot.door).or_default().push(slot);
    }
    for (door, slots) in &doors {
        text.push('\n');
        if doors.len() > 1 {
            let _ = writeln!(text, "{}", view.paint.tone(Tone::Strong, &format!("Door {door}")));
        }
        grid(&mut text, slots, view);
    }
    legend(&mut text, seen, view);
    oddities(&mut text, seen, view);
    text.push_str(&away(seen, view));
    text
}

/// Slots by their place; by their number if two share a place.
fn placed<'a>(slots: &[&'a SlotView]) -> BTreeMap<u16, BTreeMap<u16, &'a SlotView>> {
    const PER_ROW: usize = 10;
    let places: BTreeSet<(u16, u16)> = slots.iter().map(|slot| (slot.row, slot.column)).collect();
    let mut rows: BTreeMap<u16, BTreeMap<u16, &SlotView>> = BTreeMap::new();
    for (index, slot) in slots.iter().enumerate() {
        let by_number = ((index / PER_ROW) as u16, (index % PER_ROW) as u16);
        let (row, column) = if places.len() == slots.len() { (slot.row, slot.column) } else { by_number };
        rows.entry(row).or_default().insert(column, slot);
    }
    rows
}

/// How much of a slot a cell shows.
#[derive(Clone, Copy)]
enum Cell {
    /// Number, symbol and label.
    Labelled { width: usize, label: usize },
    /// Number and symbol, and below them the label, in as many lines as it takes.
    Below { width: usize },
    /// Number and symbol.
    Numbered { width: usize },
    /// The symbol alone; the numbers stand at the row's head.
    Symbol,
}

fn grid(text: &mut String, slots: &[&SlotView], view: &View) {
    let rows = placed(slots);
    let columns = || rows.values().flat_map(BTreeMap::keys);
    let (Some(&first), Some(&last)) = (columns().min(), columns().max()) else { return };
    let across = usize::from(last - first) + 1;
    let digits = slots.iter().map(|slot| slot.slot.to_string().len()).max().unwrap_or(1);
    let room = view.columns / across;
    let cell = if room >= digits + 8 {
        // As wide as the longest label needs, so that short ones stay together.
        let longest = slots.iter().map(|slot| label(slot).chars().count()).max().unwrap_or(0);
        let width = room.min(digits + 4 + longest.max(14));
        let label = width - digits - 4;
        if are_told_apart(slots, label) { Cell::Labelled { width, label } } else { Cell::Below { width: room } }
    } else if room >= digits + 2 {
        Cell::Numbered { width: room.min(digits + 3) }
    } else {
        Cell::Symbol
    };
    let head = 2 * digits + 3;
    let at_once = match cell {
        Cell::Labelled { .. } | Cell::Below { .. } | Cell::Numbered { .. } => across,
        Cell::Symbol => (view.columns - head) / 2,
    };
    for (number, row) in rows.values().enumerate() {
        if number > 0 && matches!(cell, Cell::Below { .. }) {
            text.push('\n');
        }
        let all: Vec<u16> = (first..=last).collect();
        for part in all.chunks(at_once) {
            let shown = part.iter().map(|column| row.get(column).copied());
            let mut line = String::new();
            if let Cell::Symbol = cell {
                let numbers = || shown.clone().flatten().map(|slot| slot.slot);
                let (Some(low), Some(high)) = (numbers().min(), numbers().max()) else { continue };
                let range = format!("{low}-{high}");
                let _ = write!(line, "{range:>width$}  ", width = head - 2);
            }
            shown.clone().for_each(|slot| draw(&mut line, slot, cell, digits, view));
            text.push_str(line.trim_end());
            text.push('\n');
            if let Cell::Below { width } = cell {
                labels_below(text, &shown.collect::<Vec<_>>(), width);
            }
        }
    }
}

/// The labels of a row of slots, each below its own.
fn labels_below(text: &mut String, slots: &[Option<&SlotView>], width: usize) {
    let labels: Vec<Vec<String>> =
        slots.iter().map(|slot| slot.map_or_else(Vec::new, |slot| folded(slot, width - 2))).collect();
    for number in 0..labels.iter().map(Vec::len).max().unwrap_or(0) {
        let mut line = String::new();
        for label in &labels {
            let _ = write!(line, "{:<width$}", label.get(number).map_or("", String::as_str));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

fn draw(line: &mut String, slot: Option<&SlotView>, cell: Cell, digits: usize, view: &View) {
    let width = match cell {
        Cell::Labelled { width, .. } | Cell::Below { width } | Cell::Numbered { width } => width,
        Cell::Symbol => 2,
    };
    let Some(slot) = slot else {
        line.push_str(&" ".repeat(width));
        return;
    };
    let symbol = Look::of(slot).symbol(view);
    let number = slot.slot.to_string();
    let used = match cell {
        Cell::Labelled { label, .. } => {
            let label = short_label(slot, label).unwrap_or_default();
            let _ = write!(line, "{number:>digits$} {symbol} {label}");
            digits + 3 + label.chars().count()
        }
        Cell::Below { .. } => {
            let _ = write!(line, "{number:>digits$} {symbol}");
            digits + 2
        }
        Cell::Numbered { .. } => {
            let _ = write!(line, "{number:>digits$}{symbol}");
            digits + 1
        }
        Cell::Symbol => {
            line.push_str(&symbol);
            1
        }
    };
    line.push_str(&" ".repeat(width - used));
}

/// The key of a slot: its label, or its id, or the number that the label ends with. None: neither fits.
fn short_label(slot: &SlotView, room: usize) -> Option<String> {
    let Some(key) = key_of(slot) else { return Some(String::new()) };
    let label = clean(&key.label);
    let id = clean(key.id.as_str());
    let number = label.rsplit(' ').next().filter(|word| word.chars().any(|letter| letter.is_ascii_digit()));
    let number = number.map(str::to_owned);
    let fits = |text: &&String| text.chars().count() <= room;
    [Some(&label), Some(&id), number.as_ref()].into_iter().flatten().find(fits).cloned()
}

/// Whether each key has a word that fits, and none that another one has, too.
fn are_told_apart(slots: &[&SlotView], room: usize) -> bool {
    let mut words = BTreeMap::new();
    for slot in slots {
        let Some(key) = key_of(slot) else { continue };
        let Some(word) = short_label(slot, room) else { return false };
        if *words.entry(word).or_insert(&key.id) != &key.id {
            return false;
        }
    }
    true
}

/// The label of a slot's key in lines of at most `room` characters. A word that is longer loses its middle, not its end; a dash between
/// two lines is not needed.
fn folded(slot: &SlotView, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut dash = String::new();
    for word in label(slot).split_whitespace() {
        if !word.chars().any(char::is_alphanumeric) {
            dash = format!(" {word}");
            continue;
        }
        let more = format!("{} {word}", std::mem::take(&mut dash));
        match lines.last_mut() {
            Some(line) if line.chars().count() + more.chars().count() <= room => line.push_str(&more),
            _ => lines.push(without_middle(word, room)),
        }
    }
    lines
}

fn without_middle(word: &str, room: usize) -> String {
    let letters: Vec<char> = word.chars().collect();
    if letters.len() <= room {
        return word.to_owned();
    }
    let end = (room - 1) / 2;
    letters[..room - 1 - end].iter().chain(&['…']).chain(&letters[letters.len() - end..]).collect()
}

/// The key that hangs here, else the one that belongs here.
fn key_of(slot: &SlotView) -> Option<&KeyName> {
    match slot.present {
        Present::Yes => slot.key.as_ref(),
        Present::No | Present::Unknown | Present::Fault => {
            slot.key.as_ref().or_else(|| slot.home.as_ref().map(|home| &home.key))
        }
    }
}

fn label(slot: &SlotView) -> String {
    key_of(slot).map_or_else(String::new, |key| clean(&key.label))
}

/// The symbols that occur, with their words and how often.
fn legend(text: &mut String, seen: &Snapshot, view: &View) {
    let mut looks: BTreeMap<Look, u32> = BTreeMap::new();
    for slot in &seen.slots {
        *looks.entry(Look::of(slot)).or_default() += 1;
    }
    // Symbol and word stay on one line.
    let entries: Vec<String> = looks
        .iter()
        .map(|(look, count)| {
            format!("{}\u{a0}{}\u{a0}{count}", look.symbol(view), look.drawn().2.replace(' ', "\u{a0}"))
        })
        .collect();
    let _ = write!(text, "\n{}", view.paragraph(0, 0, &entries.join("  ")).replace('\u{a0}', " "));
}

/// Slots that need a word: unknown keys, keys in the wrong place, faults.
fn oddities(text: &mut String, seen: &Snapshot, view: &View) {
    let mut lines = Vec::new();
    if seen.slots.iter().any(|slot| slot.key.is_some())
        && seen.slots.iter().all(|slot| slot.present == Present::Unknown)
    {
        lines.push("no slot can be read: the keys named above are those that hung there last".to_owned());
    }
    for slot in &seen.slots {
        let number = slot.slot;
        match Look::of(slot) {
            Look::UnknownKey => {
                let which = if slot.candidates.is_empty() {
                    "which one is not known".to_owned()
                } else {
                    format!("perhaps {}", labels(&slot.candidates, " or "))
                };
                lines.push(format!(
                    "slot {number}: a key, {which}; scan its tag or `cabinetd declare --slot {number} --key …`"
                ));
            }
            Look::Astray => {
                let key = slot.key.as_ref().map_or_else(String::new, |key| clean(&key.label));
                let home = seen.slots.iter().find(|other| {
                    other.home.as_ref().is_some_and(|home| slot.key.as_ref().is_some_and(|key| key.id == home.key.id))
                });
                let belongs = home.map_or_else(
                    || "which belongs in no slot here".to_owned(),
                    |home| format!("which belongs in slot {}", home.slot),
                );
                lines.push(format!("slot {number}: {key}, {belongs}"));
            }
            Look::In | Look::Out | Look::Elsewhere | Look::Missing | Look::Free | Look::Fault | Look::Unread => {}
        }
    }
    lines.extend(seen.faults.iter().map(|fault| clean(&fault.sentence)));
    if !lines.is_empty() {
        let _ = writeln!(text, "\n{}", view.paint.tone(Tone::Strong, "Look at"));
    }
    for line in lines {
        text.push_str(&view.paragraph(2, 2, &line));
    }
}

#[cfg(test)]
mod tests;
