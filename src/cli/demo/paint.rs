//! Colours for a terminal, dark or light, and none for anything else.
//!
//! The shades are from the middle of the 256-colour table, so that each has a contrast of about 4:1 or more on black and
//! on white. A colour never says what the words do not.

use std::io::IsTerminal;

/// Whether there are colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cli) struct Paint(bool);

/// What a colour stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cli) enum Shade {
    /// Headings.
    Bold,
    /// What a person does.
    Hand,
    /// What the daemon drives.
    Relay,
    /// What the display shows.
    Display,
    /// What is refused or broken.
    Bad,
    /// Power.
    Power,
    /// The demo itself.
    Dim,
}

impl Paint {
    /// Colours if standard output is a terminal and nobody forbids them (`--no-color`, `NO_COLOR`, `TERM=dumb`).
    pub(in crate::cli) fn for_terminal(forbidden: bool) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self(!forbidden && !no_color && !dumb && std::io::stdout().is_terminal())
    }

    /// The text in its shade.
    pub(in crate::cli) fn on(self, shade: Shade, text: &str) -> String {
        let code = match shade {
            Shade::Bold => "1",
            Shade::Hand => "38;5;33",
            Shade::Relay => "38;5;28",
            Shade::Display => "38;5;133",
            Shade::Bad => "38;5;160",
            Shade::Power => "38;5;166",
            Shade::Dim => "38;5;244",
        };
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    #[cfg(test)]
    pub(in crate::cli) const fn fixed(on: bool) -> Self {
        Self(on)
    }
}
