//! What the daemon says to whoever reads its log: one table, message by message, with what it means and what to do.
//!
//! Each message has an id of its own that never changes (`MESSAGE_ID=` in the journal), a priority, and the words that
//! `journalctl -x` shows beside it. `systemd/cabinetd.catalog` is this table as a file; a test holds the one to the other.
//!
//! - [`records`]: what the ledger keeps, told once it is on the disk.
//! - [`alarms`]: an alarm that was raised, by what alarms.
//! - [`own`]: what the daemon itself has to say, through [`tell!`](crate::messages::tell).
//!
//! **Does not** hold a sentence with figures in it: those are the records' own ([`crate::cabinet::sentence`]).

pub mod alarms;
pub mod own;
pub mod records;

use std::fmt::Write as _;

/// How much somebody has to care. The journal's words for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Priority {
    /// `err`: the cabinet does not do what it is for. Look now.
    Error,
    /// `warning`: somebody has to look at it today.
    Warning,
    /// `notice`: a day of the cabinet in some lines: starts, power, changes, what alarms.
    Notice,
    /// `info`: each visit, door and key.
    Info,
    /// `debug`: for whoever looks for a fault of the program.
    Debug,
}

impl Priority {
    /// The level that [`tell!`](crate::messages::tell) speaks with.
    #[must_use]
    pub const fn level(self) -> tracing::Level {
        match self {
            Self::Error => tracing::Level::ERROR,
            Self::Warning => tracing::Level::WARN,
            Self::Notice | Self::Info => tracing::Level::INFO,
            Self::Debug => tracing::Level::DEBUG,
        }
    }
}

/// A message that can be told, without its figures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message {
    /// Its name in the sources.
    pub name: &'static str,
    /// 32 hex digits, made once at random and never changed.
    pub id: &'static str,
    pub priority: Priority,
    /// The heading. `@FIELD@` stands for the entry's field.
    pub subject: &'static str,
    /// What happened, and why it does.
    pub cause: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

impl Message {
    /// See [`Priority::level`].
    #[must_use]
    pub const fn level(&self) -> tracing::Level {
        self.priority.level()
    }
}

/// One room of the table.
macro_rules! messages {
    ($($name:ident $priority:ident $id:literal: $subject:literal, $cause:literal, $remedy:literal;)*) => {
        $(
            #[doc = $subject]
            pub const $name: $crate::messages::Message = $crate::messages::Message {
                name: stringify!($name),
                id: $id,
                priority: $crate::messages::Priority::$priority,
                subject: $subject,
                cause: $cause,
                remedy: $remedy,
            };
        )*

        /// All of this room.
        pub const ALL: &[$crate::messages::Message] = &[$($name),*];
    };
}
use messages;

/// Says one of the [`own`] messages: `tell!(HARDWARE_GONE, "the hardware is gone: {why}")`, with fields before the text.
macro_rules! tell {
    ($name:ident, $($said:tt)+) => {
        ::tracing::event!(
            $crate::messages::own::$name.level(),
            MESSAGE_ID = $crate::messages::own::$name.id,
            $($said)+
        )
    };
}
pub(crate) use tell;

/// Every message there is.
pub fn all() -> impl Iterator<Item = &'static Message> {
    [own::ALL, alarms::ALL, records::ALL].into_iter().flatten()
}

/// The table as systemd's message catalog, for `journalctl -x`.
#[must_use]
pub fn catalog() -> String {
    let mut text = "\
# What `journalctl -x` shows beside cabinetd's messages. Made from the table in src/messages; edit that one.
# /usr/lib/systemd/catalog/cabinetd.catalog, then: journalctl --update-catalog
"
    .to_owned();
    for Message { id, subject, cause, remedy, .. } in all() {
        // Writing to a String does not fail.
        let (cause, remedy) = (wrapped(cause), wrapped(&format!("To do: {remedy}")));
        let _ = write!(text, "\n-- {id}\nSubject: {subject}\nDefined-By: cabinetd\n\n{cause}\n{remedy}");
    }
    text
}

/// A paragraph as lines that fit a terminal with `journalctl`'s margin.
fn wrapped(paragraph: &str) -> String {
    const COLUMNS: usize = 76;
    let (mut text, mut column) = (String::new(), 0);
    for word in paragraph.split(' ') {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > COLUMNS {
            text.push('\n');
            column = 0;
        }
        if column > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += width;
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests;
