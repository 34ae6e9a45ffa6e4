//! What a key is: its name, what may stand to the right of the equals sign, what counts when it is not written.

use crate::cabinet::types::Role;
use crate::config::problem::Fault;
use std::ops::RangeInclusive;

/// One key of a section whose values go into a `T`.
#[derive(Debug)]
pub(in crate::config) struct Key<T: 'static> {
    pub(in crate::config) name: &'static str,
    pub(in crate::config) form: Form<T>,
    pub(in crate::config) preset: Preset,
}

/// What may stand to the right of the equals sign, and where it goes.
#[derive(Debug)]
pub(in crate::config) enum Form<T: 'static> {
    Whole {
        unit: &'static str,
        range: RangeInclusive<u64>,
        set: fn(&mut T, u64),
    },
    /// Three numbers, each greater than the one before.
    Rising {
        unit: &'static str,
        range: RangeInclusive<u64>,
        set: fn(&mut T, [u64; 3]),
    },
    Truth {
        set: fn(&mut T, bool),
    },
    Choice {
        words: &'static [Choice<T>],
    },
    Role {
        set: fn(&mut T, Role),
    },
    /// `what` names it in messages ("1 to 64 characters").
    Text {
        what: &'static str,
        set: fn(&mut T, &str) -> Result<(), Fault>,
    },
    /// A whole number, or a text with several and ranges of them: `"1-8, 12"`.
    Numbers {
        range: RangeInclusive<u64>,
        set: fn(&mut T, Vec<u32>),
    },
    /// Texts; `start` empties the list before the first `add`.
    List {
        what: &'static str,
        start: fn(&mut T),
        add: fn(&mut T, &str) -> Result<(), Fault>,
    },
}

/// A word and what it does.
pub(in crate::config) type Choice<T> = (&'static str, fn(&mut T));

/// What counts when a key is not written.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) enum Preset {
    /// It must be written; with an example.
    Required(&'static str),
    /// The same, where more is to be said of it: example, what is wrong, remedy.
    Stated(&'static str, &'static str, &'static str),
    /// This value, as TOML.
    Is(&'static str),
    /// No value; what that means, and an example of one.
    Without(&'static str, &'static str),
}

/// The words of a role, in the order of what they may do.
pub(in crate::config) const ROLES: [(&str, Role); 4] =
    [("staff", Role::Staff), ("assistant", Role::Assistant), ("manager", Role::Manager), ("admin", Role::Admin)];

pub(in crate::config) const fn whole<T>(
    name: &'static str,
    unit: &'static str,
    range: RangeInclusive<u64>,
    preset: &'static str,
    set: fn(&mut T, u64),
) -> Key<T> {
    Key { name, form: Form::Whole { unit, range, set }, preset: Preset::Is(preset) }
}

pub(in crate::config) const fn truth<T>(name: &'static str, preset: &'static str, set: fn(&mut T, bool)) -> Key<T> {
    Key { name, form: Form::Truth { set }, preset: Preset::Is(preset) }
}

pub(super) const fn role<T>(name: &'static str, preset: &'static str, set: fn(&mut T, Role)) -> Key<T> {
    Key { name, form: Form::Role { set }, preset: Preset::Is(preset) }
}

pub(in crate::config) const fn text<T>(
    name: &'static str,
    what: &'static str,
    preset: Preset,
    set: fn(&mut T, &str) -> Result<(), Fault>,
) -> Key<T> {
    Key { name, form: Form::Text { what, set }, preset }
}

impl<T> Form<T> {
    /// What to write, for remedies: `500 to 60000 (ms)`.
    pub(in crate::config) fn wanted(&self) -> String {
        let bounds = |unit: &str, range: &RangeInclusive<u64>| {
            let unit = if unit.is_empty() { String::new() } else { format!(" ({unit})") };
            format!("{} to {}{unit}", range.start(), range.end())
        };
        match self {
            Self::Whole { unit, range, .. } => bounds(unit, range),
            Self::Rising { unit, range, .. } => format!("three rising numbers, each {}", bounds(unit, range)),
            Self::Truth { .. } => "true or false".to_owned(),
            Self::Numbers { range, .. } => {
                format!(
                    "a number, or several like \"{0}-{1}, {2}\", each {3}",
                    range.start() + 3,
                    range.start() + 8,
                    range.start() + 12,
                    bounds("", range)
                )
            }
            Self::Choice { words } => either(words.iter().map(|(word, _)| *word)),
            Self::Role { .. } => either(ROLES.iter().map(|(word, _)| *word)),
            Self::Text { what, .. } => (*what).to_owned(),
            Self::List { what, .. } => format!("a list of {what}"),
        }
    }

    pub(in crate::config) const fn is_list(&self) -> bool {
        matches!(self, Self::Rising { .. } | Self::List { .. })
    }

    /// What kind of value belongs here.
    pub(in crate::config) const fn kind(&self) -> &'static str {
        match self {
            Self::Whole { .. } => "a whole number",
            Self::Rising { .. } => "a list of three whole numbers",
            Self::Truth { .. } => "true or false",
            Self::Numbers { .. } => "a whole number or a text in quotes",
            Self::Choice { .. } | Self::Role { .. } | Self::Text { .. } => "a text in quotes",
            Self::List { .. } => "a list of texts",
        }
    }
}

impl<T> Key<T> {
    /// Unit, range and default as the annotated configuration must say them.
    #[cfg(test)]
    pub(in crate::config) fn facts(&self) -> String {
        let mut wanted = self.form.wanted();
        if let Some(first) = wanted.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        match self.preset {
            Preset::Required(_) | Preset::Stated(..) => format!("{wanted}; must be written."),
            Preset::Is(preset) => format!("{wanted}; default {preset}."),
            Preset::Without(meaning, _) => format!("{wanted}; default: {meaning}."),
        }
    }
}

fn either<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" or ")
}
