//! Records as lines for people: number, time, sentence; wrapped to the terminal.

use super::when::Site;
use crate::cabinet::fact::Fact;
use crate::cabinet::roster::Roster;
use crate::cabinet::sentence::{Names, Sentence};
use crate::cabinet::types::{Actor, Origin};
use crate::io::store::{Entry, Filter};
use rustix::termios;
use std::io::{self, Write};

/// Before a time whose clock was not verified.
const MARK: char = '~';

/// The terminal's width, if standard output is one.
pub fn width() -> Option<usize> {
    let out = io::stdout();
    if !termios::isatty(&out) {
        return None;
    }
    let size = termios::tcgetwinsize(&out).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns >= 20)
}

/// Writes records one below the other.
pub struct Lines<'a> {
    site: &'a Site,
    width: Option<usize>,
    filter: &'a Filter,
    /// Whether a mark was written that is not explained yet, and whether one was.
    unexplained: bool,
    explained: bool,
}

impl<'a> Lines<'a> {
    pub const fn new(site: &'a Site, width: Option<usize>, filter: &'a Filter) -> Self {
        Self { site, width, filter, unexplained: false, explained: false }
    }

    /// One record.
    pub fn show(&mut self, out: &mut dyn Write, entry: &Entry, roster: &Roster) -> io::Result<()> {
        let stamp = entry.header.stamp;
        let mark = if stamp.clock.is_trusted() { ' ' } else { MARK };
        self.unexplained |= mark == MARK && !self.explained;
        let head = format!("{:>6} {mark}{}  ", entry.header.seq, self.site.time(stamp.wall));
        let text = words(entry, known(entry, self.filter).as_ref(), roster);
        out.write_all(wrapped(&head, &text, self.width).as_bytes())
    }

    /// What the mark means, if there was one.
    pub fn explain(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if std::mem::take(&mut self.unexplained) {
            self.explained = true;
            writeln!(out, "{MARK} before a time: the clock was not verified then. The order of the records holds.")?;
        }
        Ok(())
    }
}

/// The text behind its head, on lines of at most so many columns; the later ones begin below the text, or near the margin if that
/// would leave too little room.
fn wrapped(head: &str, text: &str, width: Option<usize>) -> String {
    const ENOUGH: usize = 40;
    let Some(width) = width else { return format!("{head}{text}\n") };
    let length = |text: &str| text.chars().count();
    let hang = if width >= length(head) + ENOUGH { length(head) } else { 8 };
    let mut lines = String::new();
    let mut line = head.to_owned();
    let mut is_bare = true;
    for word in text.split(' ') {
        if !is_bare && length(&line) + 1 + length(word) > width {
            lines.push_str(&line);
            lines.push('\n');
            line = " ".repeat(hang);
            is_bare = true;
        }
        if !is_bare {
            line.push(' ');
        }
        line.push_str(word);
        is_bare = false;
    }
    lines + &line + "\n"
}

/// Who and what, of a change of the roster only the part that was asked for: a key's log must not tell whose badge changed.
pub fn known(entry: &Entry, filter: &Filter) -> Option<(Origin, Fact)> {
    let (by, mut fact) = entry.fact()?;
    if filter.keys.is_empty() && filter.users.is_empty() {
        return Some((by, fact));
    }
    if let Fact::RosterChanged { difference, rises, .. } = &mut fact {
        rises.retain(|rise| {
            rise.key().is_some_and(|key| filter.keys.contains(key))
                || rise.user().is_some_and(|user| filter.users.contains(user))
        });
        difference.retain(|line| {
            let alone = Fact::RosterChanged {
                source: String::new(),
                hash: None,
                version: 0,
                replace: false,
                difference: vec![line.clone()],
                signed: None,
                rises: Vec::new(),
            };
            let said = alone.mentions();
            said.keys.iter().any(|key| filter.keys.contains(*key))
                || said.users.iter().any(|user| filter.users.contains(*user))
        });
    }
    Some((by, fact))
}

/// What a record says, in words.
pub fn words(entry: &Entry, known: Option<&(Origin, Fact)>, roster: &Roster) -> String {
    let names = Names(Some(roster));
    match known {
        Some((by, fact)) => {
            let clock_trusted = entry.header.stamp.clock.is_trusted();
            let mut text = Sentence { fact, names, clock_trusted }.to_string();
            if let Some(others) = left_out(entry, fact) {
                text = format!("{text} ({others} more of it not shown.)");
            }
            let says_who = matches!(&by.actor, Actor::User(user) if fact.mentions().users.contains(&user));
            if !says_who && by.actor != Actor::Cabinet {
                text = format!("{text} By {}.", names.origin(by));
            }
            text
        }
        None if entry.payload.is_some() => {
            format!("({}: this version of cabinetd does not know this kind of record)", entry.header.kind)
        }
        None => format!("({}: what it said was {})", entry.header.kind, entry.state.word()),
    }
}

/// How many changes of a roster [`known`] left out.
fn left_out(entry: &Entry, shown: &Fact) -> Option<usize> {
    let Fact::RosterChanged { difference: shown, .. } = shown else { return None };
    let Some((_, Fact::RosterChanged { difference: all, .. })) = entry.fact() else { return None };
    Some(all.len() - shown.len()).filter(|others| *others > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_wrapped_to_the_terminal_and_nothing_is_lost() {
        let text =
            "Unit 204 was taken from slot 7 by Ana Ruiz (ana) for a work order (8841): the plumber comes at nine.";
        let head = "     2  2026-03-01T08:00:00-05:00  ";
        assert_eq!(wrapped(head, text, None), format!("{head}{text}\n"));
        for width in [20, 60, 80, 200] {
            let lines = wrapped(head, text, Some(width));
            assert!(lines.lines().skip(1).all(|line| line.chars().count() <= width), "{lines}");
            assert_eq!(
                lines.split_whitespace().collect::<Vec<_>>(),
                (head.to_owned() + text).split_whitespace().collect::<Vec<_>>()
            );
        }
        let lines = wrapped(head, text, Some(80));
        assert!(lines.lines().nth(1).is_some_and(|line| line.starts_with(&" ".repeat(head.len()))), "{lines}");
    }
}
