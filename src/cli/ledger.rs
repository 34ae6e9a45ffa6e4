//! `cabinetd ledger`: what was recorded, for people, for an inspector, for a program, and whether it still holds.
//!
//! Works beside the daemon and without it, and changes nothing. `show` of an account that may not read the file asks the daemon, which tells
//! managers. Duress alarms are hidden unless asked for: somebody may be looking
//! over the shoulder.

mod export;
pub(super) mod lines;
mod pick;
mod source;
pub(super) mod when;

use super::denied;
use super::live::Place;
use super::whole_file::{self, Unwritten};
use crate::alerts::letter::in_mails;
use crate::cabinet::mentions::Mentions;
use crate::cabinet::roster::Roster;
use crate::cli::number::whole;
use crate::io::control::ClientError;
use crate::io::store::DATABASE;
use crate::io::store::{Entry, Filter, Head, OutsideHead, Reader, SignedHead, StoreError, ViewsFound};
use clap::{Args, Subcommand, ValueEnum};
use lines::Lines;
use pick::Pick;
use serde_json::{Value, json};
use source::{Asked, Source, is_denied};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use when::Site;

/// Everything is well.
const OK: u8 = 0;
/// The ledger does not verify.
const UNSOUND: u8 = 1;
/// What was asked for makes no sense.
const USAGE: u8 = 2;
/// The ledger cannot be read, or the daemon does not answer.
pub(super) const UNREADABLE: u8 = 3;
/// What was asked for cannot be written down.
const UNWRITABLE: u8 = 4;

/// How often `--follow` looks.
const POLL: Duration = Duration::from_millis(500);

/// Problems that `verify` prints one by one.
const PROBLEMS_SHOWN: usize = 50;

const EXIT_CODES: &str = "Exit codes: 0 all is well, 1 the ledger does not verify, 2 wrong use, 3 the ledger cannot be read, 4 the output cannot be written, 5 not permitted.";

/// Look at the ledger: what was recorded, and whether it still holds.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct LedgerArgs {
    /// The state directory, for a ledger without its config (default: the config's)
    #[arg(long, value_name = "DIR", global = true)]
    pub state_dir: Option<PathBuf>,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Clone, Debug)]
enum What {
    /// Show records as sentences, oldest first.
    #[command(after_help = EXIT_CODES)]
    Show(Show),
    /// Write records as CSV (for people) or JSONL (complete: it can be verified elsewhere, docs/ledger-format.md says how).
    #[command(after_help = EXIT_CODES)]
    Export(Export),
    /// Check every record against its hash, the ledger against heads kept elsewhere, and the views against the records.
    #[command(after_help = EXIT_CODES)]
    Verify(Verify),
}

impl From<Show> for LedgerArgs {
    fn from(show: Show) -> Self {
        Self { state_dir: None, what: What::Show(show) }
    }
}

/// What `ledger show` shows.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Show {
    #[command(flatten)]
    pick: Pick,
    /// Only the last N of them.
    #[arg(long, value_name = "N", value_parser = whole::<usize>(1..=u64::MAX, 20))]
    last: Option<usize>,
    /// Go on with new records until Ctrl-C.
    #[arg(long, short)]
    follow: bool,
    /// One JSON object per line.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Clone, Debug)]
struct Export {
    #[command(flatten)]
    pick: Pick,
    #[arg(long, value_enum)]
    format: Format,
    /// Write into this file (whole or not at all) instead of to the terminal.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file if it is there already.
    #[arg(long, requires = "out")]
    force: bool,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    /// A table with one line per record.
    Csv,
    /// The records with salts and hashes: see docs/ledger-format.md.
    Jsonl,
}

#[derive(Args, Clone, Debug)]
struct Verify {
    /// A head that was kept elsewhere: epoch:seq:hash, or a file that holds one: signed, an export, a mail (or a whole folder of them in
    /// one file, as mbox has it; forwarded and quoted ones, too). May be given more than once.
    #[arg(long, value_name = "HEAD")]
    head: Vec<String>,
    /// The findings as JSON.
    #[arg(long)]
    json: bool,
}

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Asked(#[from] ClientError),
    #[error("{0}")]
    NotPermitted(String),
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    #[error(transparent)]
    File(#[from] Unwritten),
}

/// Runs the command on the terminal, on the ledger in `state_dir`, with times in this zone (none = the machine's). Where this account may
/// not read that, the daemon at `place` is asked, if there is one to ask.
#[must_use]
pub fn run(args: &LedgerArgs, state_dir: &Path, time_zone: Option<&str>, place: Option<&Place>) -> ExitCode {
    // Locked once: a long export writes a million lines.
    let mut out = io::BufWriter::new(io::stdout().lock());
    let (width, err) = (lines::width(), &mut io::stderr());
    ExitCode::from(match place.filter(|_| is_denied(state_dir)) {
        Some(place) => execute_asking(args, state_dir, place, width, &mut out, err),
        None => execute(args, state_dir, time_zone, width, &mut out, err),
    })
}

/// The same, for an account that may not read the file: `show` asks the daemon, which tells managers; the rest is said to be root's.
pub fn execute_asking(
    args: &LedgerArgs,
    state_dir: &Path,
    place: &Place,
    width: Option<usize>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let file = state_dir.join(DATABASE);
    let roots = |what: &str, command: &str| {
        Failure::NotPermitted(format!(
            "{what} takes reading {}, which only root and the account that runs cabinetd may: `sudo cabinetd {command}`",
            file.display()
        ))
    };
    let done = match &args.what {
        What::Show(show) if show.pick.is_of_duress() => {
            Err(roots("what duress alarms recorded", "ledger show --duress"))
        }
        What::Show(show) => Asked::connect(&place.run_dir)
            .map_err(Failure::from)
            .and_then(|asked| show.run(&asked, &Site::of(place.time_zone.as_deref()), width, out, err)),
        What::Export(_) => Err(roots("an export", "ledger export …")),
        What::Verify(_) => Err(roots("verifying", "ledger verify")),
    };
    finish(args, done, out, err)
}

/// Runs the command and returns its exit code. Sentences are wrapped to `width` columns, if there is one.
pub fn execute(
    args: &LedgerArgs,
    state_dir: &Path,
    time_zone: Option<&str>,
    width: Option<usize>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let site = &Site::of(time_zone);
    let done = Reader::open(state_dir).map_err(Failure::from).and_then(|reader| match &args.what {
        What::Show(show) => show.run(&reader, site, width, out, err),
        What::Export(export) => export.run(&reader, site, out, err),
        What::Verify(verify) => verify.run(&reader, out),
    });
    finish(args, done, out, err)
}

/// Says what went wrong, and gives the exit code.
fn finish(args: &LedgerArgs, done: Result<u8, Failure>, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let done = done.and_then(|code| out.flush().map(|()| code).map_err(Failure::from));
    let (code, message) = match done {
        Ok(code) => return code,
        // Whoever reads has seen enough: `ledger show | head`.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => return OK,
        Err(Failure::Usage(message)) => (USAGE, message),
        Err(failure @ (Failure::Output(_) | Failure::File(_))) => (UNWRITABLE, failure.to_string()),
        Err(failure @ Failure::Store(StoreError::Damaged { .. })) if matches!(args.what, What::Verify(_)) => {
            (UNSOUND, failure.to_string())
        }
        Err(Failure::Asked(error)) if denied::is_denial(&error) => (denied::NOT_PERMITTED, error.to_string()),
        Err(Failure::NotPermitted(message)) => (denied::NOT_PERMITTED, message),
        Err(Failure::Store(error)) if denied::is_of_the_file(&error) => (denied::NOT_PERMITTED, error.to_string()),
        Err(failure) => (UNREADABLE, failure.to_string()),
    };
    let _ = writeln!(err, "cabinetd: {message}");
    code
}

impl Show {
    fn run(
        &self,
        source: &dyn Source,
        site: &Site,
        width: Option<usize>,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<u8, Failure> {
        let mut roster = source.roster()?;
        let filter = self.pick.filter(source, &roster, site)?;
        let mut version = source.version()?;
        let mut seen = source.head()?;
        let mut shown = 0_u64;
        let mut lines = Lines::new(site, width, &filter);
        let mut show = |entry: &Entry, roster: &Roster| {
            shown += 1;
            if self.json { show_json(out, entry, &filter, roster, site) } else { lines.show(out, entry, roster) }
        };
        if let Some(last) = self.last {
            for entry in source.last(&filter, last)? {
                seen = seen.max(entry.header.seq);
                show(&entry, &roster)?;
            }
        } else {
            for entry in source.entries(&filter, 0) {
                let entry = entry?;
                seen = seen.max(entry.header.seq);
                show(&entry, &roster)?;
            }
        }
        if shown == 0 {
            writeln!(err, "{}", nothing(source)?)?;
        }
        lines.explain(out)?;
        if !self.follow {
            return Ok(OK);
        }
        out.flush()?;
        loop {
            std::thread::sleep(POLL);
            match source.version() {
                Ok(same) if same == version => continue,
                Ok(newer) => version = newer,
                Err(Failure::Store(StoreError::Busy)) => continue,
                Err(error) => return Err(error),
            }
            roster = source.roster()?;
            let until = source.head()?;
            for entry in source.entries(&filter, seen) {
                let entry = entry?;
                seen = seen.max(entry.header.seq);
                if self.json {
                    show_json(out, &entry, &filter, &roster, site)?;
                } else {
                    lines.show(out, &entry, &roster)?;
                }
            }
            seen = seen.max(until);
            lines.explain(out)?;
            out.flush()?;
        }
    }
}

/// Why nothing is shown, and what to do.
fn nothing(source: &dyn Source) -> Result<String, Failure> {
    Ok(if source.head()? == 0 {
        "The ledger is empty: nothing has been recorded yet."
    } else {
        "No record matches. Ask for less: each of --key, --unit, --user, --since, --until, --kind and --session narrows."
    }
    .to_owned())
}

fn show_json(out: &mut dyn Write, entry: &Entry, filter: &Filter, roster: &Roster, site: &Site) -> io::Result<()> {
    let known = lines::known(entry, filter);
    let mut value = json!({
        "epoch": entry.header.epoch,
        "seq": entry.header.seq,
        "time": site.time(entry.header.stamp.wall),
        "clock": entry.header.stamp.clock,
        "kind": entry.header.kind,
        "state": entry.state.word(),
        "sentence": lines::words(entry, known.as_ref(), roster),
    });
    if let Some(Ok(Value::Object(payload))) = entry.payload.as_deref().map(serde_json::from_str) {
        value.as_object_mut().expect("made as an object").extend(payload);
    }
    writeln!(out, "{value}")
}

impl Export {
    fn run(&self, reader: &Reader, site: &Site, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, Failure> {
        let roster = reader.roster()?;
        let filter = self.pick.filter(reader, &roster, site)?;
        let count = match &self.out {
            None => self.write(reader, &filter, &roster, site, out)?,
            Some(path) => self.write_file(path, |out| self.write(reader, &filter, &roster, site, out))?,
        };
        if count == 0 {
            writeln!(err, "{}", nothing(reader)?)?;
        } else if let Some(path) = &self.out {
            writeln!(err, "{count} records written to {}.", path.display())?;
        }
        Ok(OK)
    }

    fn write_file(
        &self,
        path: &Path,
        write: impl FnOnce(&mut dyn Write) -> Result<u64, Failure>,
    ) -> Result<u64, Failure> {
        let write = |out: &mut dyn Write| {
            write(out).map_err(|failure| match failure {
                Failure::Output(error) => Unwritten::io(path, &error).into(),
                other => other,
            })
        };
        whole_file::write(path, self.force, write)
    }

    fn write(
        &self,
        reader: &Reader,
        filter: &Filter,
        roster: &Roster,
        site: &Site,
        out: &mut dyn Write,
    ) -> Result<u64, Failure> {
        match self.format {
            Format::Csv => export::csv(reader, filter, roster, site, out),
            Format::Jsonl => export::jsonl(reader, filter, out),
        }
    }
}

impl Verify {
    fn run(&self, reader: &Reader, out: &mut dyn Write) -> Result<u8, Failure> {
        let mut outside = Vec::new();
        for text in &self.head {
            outside.extend(heads_of(text)?);
        }
        let report = reader.verify(&outside)?;
        let code = if report.is_sound() { OK } else { UNSOUND };
        if self.json {
            let mut value = serde_json::to_value(&report).expect("a report is plain data");
            value["sound"] = Value::Bool(report.is_sound());
            value["messages"] = report.problems.iter().map(ToString::to_string).collect();
            writeln!(out, "{value}")?;
            return Ok(code);
        }
        writeln!(out, "Site {}, cabinet {}: {} records.", report.site, report.cabinet, report.records)?;
        writeln!(out, "Head: {}", report.head)?;
        if report.without_payload > 0 {
            writeln!(
                out,
                "{} records without payload (erased or withheld): their place was verified.",
                report.without_payload
            )?;
        }
        if report.unknown_kinds > 0 {
            writeln!(
                out,
                "{} records of kinds that this version does not know: their place was verified.",
                report.unknown_kinds
            )?;
        }
        for head in &report.heads {
            let key = head.signed_by.as_ref().map(|key| format!(", signed by {key}")).unwrap_or_default();
            writeln!(out, "{} {}: {}{key}", if head.fits { "fits   " } else { "DIFFERS" }, head.source, head.head)?;
        }
        match &report.views {
            ViewsFound::Compared { rows } => {
                writeln!(out, "Views: {rows} rows compared with what the records add up to.")?;
            }
            ViewsFound::NotCompared { why } => writeln!(out, "Views: not compared with the records, since {why}.")?,
        }
        for problem in report.problems.iter().take(PROBLEMS_SHOWN) {
            writeln!(out, "PROBLEM {problem}")?;
        }
        if report.problems.len() > PROBLEMS_SHOWN {
            writeln!(out, "… and {} more (--json lists all)", report.problems.len() - PROBLEMS_SHOWN)?;
        }
        for seq in &report.losses {
            writeln!(
                out,
                "LOSS    record {seq} tells that records were missing at a start; restore a backup if there is one that has them."
            )?;
        }
        if report.is_sound() {
            writeln!(out, "Sound: every record fits its hash and the record before it.")?;
            if outside.is_empty() {
                writeln!(
                    out,
                    "Without a head kept elsewhere a cut-off end does not show. Keep the head above, and compare it next time with --head."
                )?;
            }
        } else {
            writeln!(
                out,
                "NOT SOUND: {} problems. Keep a copy of the state directory before anything else.",
                report.problems.len()
            )?;
        }
        Ok(code)
    }
}

/// The heads that an argument gives: itself, or those in the file it names (plain, signed, or an export).
fn heads_of(text: &str) -> Result<Vec<OutsideHead>, Failure> {
    if let Ok(head) = text.parse::<Head>() {
        return Ok(vec![OutsideHead { source: "the head given".to_owned(), head, signed: None }]);
    }
    let content = std::fs::read_to_string(text).map_err(|error| {
        Failure::Usage(format!("\"{text}\" is neither epoch:seq:hash nor a file that can be read ({error})"))
    })?;
    let mut heads: Vec<OutsideHead> = in_mails(&content)
        .into_iter()
        .map(|signed| OutsideHead { source: text.to_owned(), head: signed.head, signed: Some(signed) })
        .collect();
    for line in content.lines() {
        let signed = SignedHead::from_json(line).ok().or_else(|| {
            let value: Value = serde_json::from_str(line).ok()?;
            SignedHead::from_json(&value.get("signed_head")?.to_string()).ok()
        });
        let plain = || {
            let value: Option<Value> = serde_json::from_str(line).ok();
            let text = value.as_ref().and_then(|value| value["head"].as_str()).unwrap_or(line);
            text.parse::<Head>().ok()
        };
        if let Some(head) = signed.as_ref().map(|signed| signed.head).or_else(plain) {
            heads.push(OutsideHead { source: text.to_owned(), head, signed });
        }
    }
    if heads.is_empty() {
        return Err(Failure::Usage(format!(
            "{text} holds no head; it should hold epoch:seq:hash, a signed head, or a mail that carries one"
        )));
    }
    Ok(heads)
}

/// The ids that a record speaks of, for tables.
fn ids(said: &Mentions<'_>) -> (String, String) {
    let keys: Vec<&str> = said.keys.iter().map(|key| key.as_str()).collect();
    let users: Vec<&str> = said.users.iter().map(|user| user.as_str()).collect();
    (keys.join(" "), users.join(" "))
}
