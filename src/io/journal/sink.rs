//! The two places where entries are written.

use super::Entry;
use crate::messages::Priority;
use log::kv::{Error, Key, Source, Value, VisitSource};
use std::fmt;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use systemd_journal_logger::{JournalLog, connected_to_journal};

/// `SYSLOG_IDENTIFIER=`
const IDENTIFIER: &str = "cabinetd";

/// Where entries are written. Writing may block for as long as the reader does.
pub enum Sink {
    /// The journal, by its own protocol: each field is one there.
    Journal(JournalLog),
    /// A line each.
    Stderr(Dress),
}

/// How a line on stderr begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dress {
    /// The priority as a word.
    Plain,
    /// … in its colour.
    Coloured,
    /// As systemd reads it from a service's stderr: `<4>`.
    Numbered,
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal(_) => f.write_str("Journal"),
            Self::Stderr(dress) => write!(f, "Stderr({dress:?})"),
        }
    }
}

impl Sink {
    /// The journal if systemd gave us one and it can be reached; else stderr.
    #[must_use]
    pub fn find() -> Self {
        if !connected_to_journal() {
            let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            let coloured = io::stderr().is_terminal() && !no_color;
            return Self::Stderr(if coloured { Dress::Coloured } else { Dress::Plain });
        }
        match JournalLog::empty() {
            Ok(journal) => Self::Journal(journal.with_syslog_identifier(IDENTIFIER.to_owned())),
            // Its socket is closed to us. What systemd does with stderr is still read by somebody.
            Err(_) => Self::Stderr(Dress::Numbered),
        }
    }

    pub(super) fn write(&self, entry: &Entry) -> io::Result<()> {
        match self {
            Self::Journal(journal) => {
                let fields = Fields(&entry.fields);
                let place = entry.place;
                journal.journal_send(
                    &log::Record::builder()
                        .level(level(entry.priority))
                        .target(entry.target)
                        .file_static(place.map(|(file, _)| file))
                        .line(place.map(|(_, line)| line))
                        .key_values(&fields)
                        .args(format_args!("{}", entry.text))
                        .build(),
                )
            }
            Self::Stderr(dress) => io::stderr().write_all(line(entry, *dress).as_bytes()),
        }
    }
}

/// The crate's own table: its `Info` is the journal's `notice`.
const fn level(priority: Priority) -> log::Level {
    match priority {
        Priority::Error => log::Level::Error,
        Priority::Warning => log::Level::Warn,
        Priority::Notice => log::Level::Info,
        Priority::Info => log::Level::Debug,
        Priority::Debug => log::Level::Trace,
    }
}

struct Fields<'a>(&'a [(&'static str, String)]);

impl Source for Fields<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), Error> {
        self.0.iter().try_for_each(|(name, value)| visitor.visit_pair(Key::from_str(name), Value::from(value.as_str())))
    }
}

/// An entry as a line of text.
pub(super) fn line(entry: &Entry, dress: Dress) -> String {
    let (word, number, shade) = match entry.priority {
        Priority::Error => ("ERROR", 3, "31"),
        Priority::Warning => ("WARNING", 4, "33"),
        Priority::Notice => ("NOTICE", 5, "32"),
        Priority::Info => ("INFO", 6, "2"),
        Priority::Debug => ("DEBUG", 7, "2"),
    };
    let mut line = match dress {
        Dress::Plain => format!("{word:>7} "),
        Dress::Coloured => format!("\x1b[{shade}m{word:>7}\x1b[0m "),
        Dress::Numbered => format!("<{number}>"),
    };
    line.push_str(&entry.text);
    for (name, value) in entry.fields.iter().filter(|(name, _)| *name != "MESSAGE_ID") {
        // Writing to a String does not fail.
        let _ = write!(line, " {name}={value}");
    }
    line.push('\n');
    line
}
