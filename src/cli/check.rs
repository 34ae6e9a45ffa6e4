//! `cabinetd check`: looks at the config, the daemon, the disk, the ledger, the UPS and the battery, and says what to do.
//!
//! It prints what was found group by group, or as JSON; `docs/check.md` lists every id with its meaning and remedy.

mod exercise;

use super::live::{Output, Paint, Tone, clean, columns, paragraph};
use crate::check::{Finding, GROUPS, Group, IDS, Level, gather, judge, worst};
use crate::config::Config;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Nothing is worse than a note.
const FINE: u8 = 0;
/// Something fails.
const FAILURE: u8 = 1;
/// Nothing fails, and something is to be looked at or is not known.
const WARNING: u8 = 3;
/// The answer cannot be written.
const UNWRITABLE: u8 = 4;

/// Is the cabinet ready, for today and for an outage?
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    cabinetd check\n  \
    cabinetd check --only ups --only battery\n  \
    cabinetd check --json | jq -r '.findings[] | select(.level == \"failure\") | .id'\n\n\
    It is safe while the daemon runs: it takes none of its locks, writes nothing, drives nothing (but for --exercise). With the rights of the daemon's\n\
    account, or with sudo, it sees more. docs/check.md in the sources explains every finding; --list prints them.\n\n\
    Exit codes: 0 nothing worse than a note; 1 something fails; 2 wrong usage; 3 nothing fails, but something is to be looked at\n\
    or is not known; 4 the answer cannot be written.")]
pub struct CheckArgs {
    /// Only this group; repeat it for more
    #[arg(long, value_name = "GROUP", value_parser = GroupParser)]
    only: Vec<Group>,
    /// Print what can be found, each with what to do as a rule, and look at nothing
    #[arg(long, conflicts_with = "only")]
    list: bool,
    /// Only what is worse than a note, a line each: for the log of the service
    #[arg(long, conflicts_with_all = ["list", "json"])]
    brief: bool,
    /// Try lock and door, too, with this person (their id in the roster) at the cabinet: they press its button, or show their badge,
    /// open and close the door. Needs the role admin; it is on record like any visit
    #[arg(long, value_name = "USER", value_hint = clap::ValueHint::Other, conflicts_with_all = ["list", "brief"])]
    exercise: Option<String>,
    #[command(flatten)]
    output: Output,
}

/// Reads a group; a shell offers those there are.
#[derive(Clone)]
struct GroupParser;

impl clap::builder::TypedValueParser for GroupParser {
    type Value = Group;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<Group, clap::Error> {
        (group as fn(&str) -> Result<Group, String>).parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = clap::builder::PossibleValue> + '_>> {
        Some(Box::new(GROUPS.into_iter().map(|group| clap::builder::PossibleValue::new(group.word()))))
    }
}

fn group(word: &str) -> Result<Group, String> {
    GROUPS.into_iter().find(|group| group.word() == word).ok_or_else(|| {
        let words: Vec<&str> = GROUPS.iter().map(|group| group.word()).collect();
        let near = words.iter().find(|known| strsim::damerau_levenshtein(known, word) <= 2);
        let near = near.map_or_else(String::new, |near| format!("did you mean {near}? "));
        format!("{near}The groups are {}", words.join(", "))
    })
}

/// Runs the command on the config at `path`.
#[must_use]
pub fn run(args: &CheckArgs, path: &Path) -> ExitCode {
    let is_terminal = std::io::stdout().is_terminal();
    let look = Look { paint: args.output.paint(is_terminal), columns: columns(is_terminal) };
    let (text, code) = if args.list {
        let text = if args.output.json { list_json().to_string() + "\n" } else { list(look) };
        (text, FINE)
    } else {
        let wanted: BTreeSet<Group> =
            if args.only.is_empty() { GROUPS.into() } else { args.only.iter().copied().collect() };
        let mut findings = judge(&gather(path, &wanted));
        if let Some(user) = &args.exercise {
            // The person there reads along.
            let found = exercise::exercise(&run_dir(path), user, &mut |text| eprintln!("{}", clean(text)));
            let after = findings.iter().rposition(|finding| finding.id.group() <= found.id.group());
            findings.insert(after.map_or(0, |at| at + 1), found);
        }
        let text = if args.brief {
            brief(&findings, std::env::var_os("JOURNAL_STREAM").is_some())
        } else if args.output.json {
            to_json(path, &findings).to_string() + "\n"
        } else {
            report(path, &findings, look)
        };
        (text, exit_code(&findings))
    };
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("cabinetd: cannot write the answer: {error}");
            ExitCode::from(UNWRITABLE)
        }
        Ok(()) | Err(_) => ExitCode::from(code),
    }
}

/// Where the daemon of this config is; by convention, if the config cannot be used.
fn run_dir(path: &Path) -> PathBuf {
    Config::load(path).map_or_else(|_| "/run/cabinetd".into(), |config| config.run_dir)
}

fn exit_code(findings: &[Finding]) -> u8 {
    match worst(findings) {
        Level::Fine | Level::Note => FINE,
        Level::Unknown | Level::Warning => WARNING,
        Level::Failure => FAILURE,
    }
}

/// How it is printed.
#[derive(Clone, Copy)]
struct Look {
    paint: Paint,
    columns: usize,
}

/// Width of the level's word, and so the indent of what stands behind it.
const MARGIN: usize = 11;

const fn badge(level: Level) -> (&'static str, Tone) {
    match level {
        Level::Fine => ("ok", Tone::Good),
        Level::Note => ("note", Tone::Out),
        Level::Unknown => ("unknown", Tone::Doubt),
        Level::Warning => ("WARNING", Tone::Doubt),
        Level::Failure => ("FAILURE", Tone::Bad),
    }
}

/// The findings as text, group by group.
fn report(path: &Path, findings: &[Finding], look: Look) -> String {
    let arrow = if look.paint.ascii { "->" } else { "\u{2192}" };
    let mut text = paragraph(look.columns, 0, 2, &format!("Checked by {}.", clean(&path.display().to_string())));
    let mut group = None;
    for finding in findings {
        if group.replace(finding.id.group()) != Some(finding.id.group()) {
            let _ = writeln!(text, "\n{}", look.paint.tone(Tone::Strong, finding.id.group().title()));
        }
        let (word, tone) = badge(finding.level);
        // Not a place to break the line.
        let gap = "\u{a0}".repeat(MARGIN - 3 - word.len());
        let word = look.paint.tone(tone, word) + &gap;
        let about = finding.about.map_or_else(String::new, |about| format!(": {about}"));
        let name = look.paint.tone(Tone::Faint, &format!("[{}{about}]", finding.id));
        let name = if finding.level == Level::Fine { String::new() } else { format!(" {name}") };
        let what = clean(&finding.what);
        text.push_str(&paragraph(look.columns, 2, MARGIN - 2, &format!("{word} {what}{name}")).replace('\u{a0}', " "));
        if let Some(remedy) = &finding.remedy {
            text.push_str(&paragraph(
                look.columns,
                MARGIN,
                arrow.chars().count() + 1,
                &format!("{arrow} {}", clean(remedy)),
            ));
        }
    }
    let _ = write!(text, "\n{}", summary(findings, look));
    text
}

/// What has to be looked at, line by line. `for_journal`: each begins with its priority as systemd reads it.
fn brief(findings: &[Finding], for_journal: bool) -> String {
    let mut text = String::new();
    for finding in findings.iter().filter(|finding| finding.level > Level::Note) {
        let priority = match finding.level {
            _ if !for_journal => "",
            Level::Failure => "<3>",
            _ => "<4>",
        };
        let remedy = finding.remedy.as_deref().map_or_else(String::new, |remedy| format!(" {}", clean(remedy)));
        let (word, what) = (badge(finding.level).0, clean(&finding.what));
        let _ = writeln!(text, "{priority}check: {word} [{}] {what}{remedy}", finding.id);
    }
    text
}

fn summary(findings: &[Finding], look: Look) -> String {
    let counts = counts(findings);
    let count = |level: Level| counts.get(&level).copied().unwrap_or(0);
    let parts: Vec<String> = [
        (Level::Failure, "failure", "failures"),
        (Level::Warning, "warning", "warnings"),
        (Level::Unknown, "not known", "not known"),
        (Level::Note, "note", "notes"),
        (Level::Fine, "ok", "ok"),
    ]
    .into_iter()
    .filter(|(level, _, _)| count(*level) > 0)
    .map(|(level, one, many)| {
        let number = count(level);
        look.paint.tone(badge(level).1, &format!("{number} {}", if number == 1 { one } else { many }))
    })
    .collect();
    let verdict = match worst(findings) {
        Level::Fine | Level::Note => "Ready",
        Level::Unknown | Level::Warning => "Ready as far as known, but look at the above",
        Level::Failure => "Not ready",
    };
    format!("{}: {}.\n", look.paint.tone(Tone::Strong, verdict), parts.join(", "))
}

fn counts(findings: &[Finding]) -> BTreeMap<Level, usize> {
    let mut counts = BTreeMap::new();
    for finding in findings {
        *counts.entry(finding.level).or_default() += 1;
    }
    counts
}

/// The findings for scripts.
fn to_json(path: &Path, findings: &[Finding]) -> Value {
    let counts = counts(findings);
    let count = |level: Level| (level.word().to_owned(), json!(counts.get(&level).copied().unwrap_or(0)));
    let levels = [Level::Fine, Level::Note, Level::Unknown, Level::Warning, Level::Failure];
    let found = findings.iter().map(|finding| {
        json!({
            "id": finding.id.word(),
            "about": finding.about,
            "group": finding.id.group().word(),
            "level": finding.level.word(),
            "what": finding.what,
            "remedy": finding.remedy,
        })
    });
    json!({
        "config": path.display().to_string(),
        "worst": worst(findings).word(),
        "counts": levels.into_iter().map(count).collect::<serde_json::Map<_, _>>(),
        "findings": found.collect::<Vec<_>>(),
    })
}

/// Every finding there is, as text.
fn list(look: Look) -> String {
    let mut text = String::new();
    for group in GROUPS {
        let _ = writeln!(text, "{}", look.paint.tone(Tone::Strong, group.title()));
        for id in IDS.iter().filter(|id| id.group() == group) {
            let name = look.paint.tone(Tone::Out, id.word());
            text.push_str(&paragraph(look.columns, 2, 2, &format!("{name}: {}", clean(id.meaning()))));
            text.push_str(&paragraph(look.columns, 4, 2, &clean(id.remedy())));
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text + "\n"
}

fn list_json() -> Value {
    let entry = |id: &crate::check::Id| json!({ "id": id.word(), "group": id.group().word(), "meaning": id.meaning(), "remedy": id.remedy() });
    IDS.iter().map(entry).collect()
}

#[cfg(test)]
mod tests;
