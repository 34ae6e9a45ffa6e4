//! What can be wrong with a configuration, said so that it can be mended.

use std::fmt;
use std::path::{Path, PathBuf};

/// One thing that is wrong: where, what, and what to write instead.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Problem {
    /// The line of the file, from 1; none when it is about the file as a whole.
    pub line: Option<usize>,
    /// `section.key`, `section`, or empty when the text is no TOML.
    pub key: String,
    pub wrong: String,
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}; {}", self.wrong, self.remedy)
    }
}

/// What a single value has against it; the reader adds where it stands.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) wrong: String,
    pub(super) remedy: String,
}

impl Fault {
    pub(super) fn new(wrong: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { wrong: wrong.into(), remedy: remedy.into() }
    }
}

/// Why there is no configuration. Nothing is ever half applied.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read {}: {source}; {}", path.display(), unreadable_remedy(path, source))]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{} is larger than {limit_kib} KiB; that is no configuration of a cabinet: name another with --config", path.display())]
    TooLarge { path: PathBuf, limit_kib: u64 },
    #[error("{} was not read within {seconds} s; is it a pipe, or on a mount that hangs?", path.display())]
    TooSlow { path: PathBuf, seconds: u64 },
    #[error("{}: {}", path.display(), Listed(problems))]
    Problems { path: PathBuf, problems: Vec<Problem> },
}

/// A file that is there is nothing to make anew.
fn unreadable_remedy(path: &Path, source: &std::io::Error) -> String {
    match source.kind() {
        std::io::ErrorKind::NotFound => {
            "make one with `cabinetd config example`, or name another with --config".to_owned()
        }
        std::io::ErrorKind::PermissionDenied => format!(
            "let the daemon's account read it (`sudo chgrp cabinetd {0} && sudo chmod 0640 {0}`), or use sudo",
            path.display()
        ),
        _ => "is it a file, and its disk well? Or name another with --config".to_owned(),
    }
}

impl ConfigError {
    /// Every problem of the text, in the order of the lines; empty when the file could not be read at all.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Problems { problems, .. } => problems,
            Self::Unreadable { .. } | Self::TooLarge { .. } | Self::TooSlow { .. } => &[],
        }
    }
}

struct Listed<'a>(&'a [Problem]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [one] => write!(f, "{one}"),
            many => {
                write!(f, "{} problems", many.len())?;
                many.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
            }
        }
    }
}
