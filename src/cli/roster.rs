//! `cabinetd roster import|export|diff`.

pub mod signing;

use super::desk::{Desk, EXIT_CODES, Failure, Listing, LocalAsk};
use crate::cabinet::event::Ask;
use crate::cabinet::outcome::Answer;
use crate::cabinet::roster::{Difference, Roster, RosterChange};
use crate::cabinet::signed::leads;
use crate::cabinet::types::UserId;
use crate::io::control::wire::SignedFile;
use crate::io::credentials::pin::{PIN_DIGITS, make_pin};
use crate::io::roster_file::{self, Format, Reading};
use serde_json::{Value, json};
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The roster as a whole: people and keys.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum RosterCommand {
    /// Make the roster what the files say: who and what they do not name leaves it
    ///
    /// A `.json` file is one that was signed elsewhere (`cabinetd roster sign`): it counts by its signature and its version. The others:
    /// TOML with [[users]] and [[keys]], CSV of users or of keys, or a folder with users.csv and keys.csv. People and keys that the files do not
    /// name leave the roster; if they name only people or only keys, the others stay. PINs stay. A revocation is not lifted. Where more than half of the people
    /// or of the keys would leave, or the last manager or admin, it asks first; without a terminal it does nothing unless --yes.
    #[command(after_help = EXIT_CODES)]
    Import {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Show what would change and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Then make a PIN for everybody who has none, and print each once
        #[arg(long)]
        generate_pins: bool,
        /// Also where more than half, or the last manager or admin, would leave the roster
        #[arg(long)]
        yes: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write the roster to a file, badge numbers and tags included, PINs not
    #[command(after_help = EXIT_CODES)]
    Export {
        #[arg(long, value_enum, default_value = "toml")]
        format: Format,
        /// A new file (TOML) or folder (CSV: users.csv and keys.csv); without it TOML is printed
        #[arg(long, value_name = "PATH")]
        out: Option<PathBuf>,
    },
    /// Show what an import would change
    #[command(after_help = EXIT_CODES)]
    Diff {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    #[command(flatten)]
    Signing(signing::SigningCommand),
}

/// Does it.
pub fn run(command: RosterCommand, desk: &mut Desk<'_>) -> ExitCode {
    match command {
        RosterCommand::Import { files, dry_run, generate_pins, yes, json } => {
            let done = import(desk, &files, Manner { dry_run, pins: generate_pins, yes, as_json: json });
            desk.finish(done, json)
        }
        RosterCommand::Export { format, out } => {
            let done = export(desk, format, out.as_deref());
            desk.finish(done, false)
        }
        RosterCommand::Diff { files, json } => {
            let done = import(desk, &files, Manner { dry_run: true, pins: false, yes: false, as_json: json });
            desk.finish(done, json)
        }
        RosterCommand::Signing(command) => signing::run(&command, None),
    }
}

/// How an import goes.
#[derive(Clone, Copy)]
struct Manner {
    dry_run: bool,
    /// Makes the missing PINs.
    pins: bool,
    /// Nobody is to be asked.
    yes: bool,
    as_json: bool,
}

fn import(desk: &mut Desk<'_>, files: &[PathBuf], manner: Manner) -> Result<(), Failure> {
    let Manner { dry_run, pins, yes, as_json } = manner;
    if let Some(file) = files.iter().find(|file| file.extension().is_some_and(|extension| extension == "json")) {
        return import_signed(desk, file, files.len(), manner);
    }
    let reading = roster_file::read_all(files, &desk.zone);
    if !reading.problems.is_empty() {
        return Err(refused(desk, reading, dry_run));
    }
    let file = reading.file;
    let listing = desk.roster()?;
    let change = file.into_change(&listing.roster);
    let named: Vec<UserId> = change.users.iter().map(|user| user.id.clone()).collect();
    let losses = losses(&listing.roster, &after(&listing, change.clone()));
    if let (Some(losses), false, false) = (&losses, dry_run, yes) {
        // What else is wrong is told first.
        desk.change(change.clone(), true)?;
        match desk.pins.agrees(&format!("{losses}. Import it all the same?")) {
            Some(true) => {}
            Some(false) => return Err(Failure::Value("nothing was changed".to_owned())),
            None => {
                let how = "nothing was changed; --dry-run shows it all, --yes imports it all the same";
                return Err(Failure::Value(format!("{losses}\n{how}")));
            }
        }
    }
    let warning = losses.filter(|_| dry_run).map(|losses| format!("{losses}: the import asks first, or takes --yes"));
    let answer = match desk.change(change.clone(), dry_run) {
        Err(failure @ Failure::Problems(_)) if dry_run => {
            return Err(Failure::Difference(difference(&listing, change), Box::new(failure)));
        }
        answer => answer?,
    };
    let warn = |desk: &mut Desk<'_>| match &warning {
        Some(warning) if !as_json => writeln!(desk.out, "{warning}"),
        _ => Ok(()),
    };
    let more = warning.as_ref().map_or_else(|| json!({}), |warning| json!({ "warning": warning }));
    if !pins {
        desk.say(&answer, as_json, more)?;
        return Ok(warn(desk)?);
    }
    if dry_run {
        let needed =
            named.iter().filter(|id| listing.without_pin.contains(*id) || !listing.roster.users.contains_key(*id));
        let needed = needed.count();
        let mut more = more;
        more["pins_to_make"] = needed.into();
        desk.say(&answer, as_json, more)?;
        warn(desk)?;
        if !as_json {
            writeln!(desk.out, "{needed} PINs would be made")?;
        }
        return Ok(());
    }
    if !as_json {
        desk.say(&answer, false, Value::Null)?;
    }
    // The roster is in. Whatever happens from here, the PINs that were made must be told.
    let mut made = Vec::new();
    let ended = make_pins(desk, as_json, &mut made);
    if as_json {
        let pins: Vec<Value> = made.iter().map(|(user, pin)| json!({ "user": user, "pin": pin })).collect();
        desk.say(&answer, true, json!({ "pins": pins, "all_pins_made": ended.is_ok() }))?;
        return ended;
    }
    match &ended {
        Ok(()) => writeln!(desk.out, "{} PINs made; they are shown this once", made.len())?,
        Err(_) => writeln!(desk.err, "cabinetd: not every PIN was made: run it again, it goes on where it stopped")?,
    }
    ended
}

/// One that was signed elsewhere. Whether its signature holds is the daemon's to say: it has the keys.
fn import_signed(desk: &mut Desk<'_>, file: &Path, files: usize, manner: Manner) -> Result<(), Failure> {
    let Manner { dry_run, pins, as_json, .. } = manner;
    let wrong = |what: &str| Failure::Value(format!("{}: {what}", file.display()));
    if files > 1 {
        return Err(wrong("a signed roster is whole: name it alone"));
    }
    if pins {
        return Err(wrong(
            "people of a signed roster choose their PINs: `cabinetd user enrol --all` makes their codes",
        ));
    }
    let signed = signing::read_signed(file).map_err(|what| wrong(&what))?;
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
    let answer = desk.ask(&LocalAsk::TakeRoster { name, signed: SignedFile(signed), dry_run })?;
    desk.say(&answer, as_json, Value::Null)
}

/// Everything that is wrong, of files that are: what the files show, and what the cabinet says of their sound entries, so that it need not be
/// found out one after the other.
fn refused(desk: &mut Desk<'_>, reading: Reading, dry_run: bool) -> Failure {
    let Reading { file, problems, unsound_users, unsound_keys } = reading;
    let sound = file.users.as_ref().map_or(0, Vec::len) + file.keys.as_ref().map_or(0, Vec::len);
    if sound == 0 {
        return Failure::Files(problems, Vec::new());
    }
    let asked = desk.roster().and_then(|listing| {
        let change = file.into_change(&listing.roster);
        Ok((
            desk.cabinet.ask(&LocalAsk::Core(Ask::ChangeRoster { change: change.clone(), dry_run: true }))?,
            listing,
            change,
        ))
    });
    let (answer, listing, change) = match asked {
        Ok(asked) => asked,
        Err(failure) => {
            let why = failure.lines().join("; ");
            return Failure::Files(problems, vec![format!("what only the cabinet knows was not checked: {why}")]);
        }
    };
    let mut more = match answer {
        Answer::Problems(problems) => problems,
        Answer::Refused(denial) => vec![denial.to_string()],
        Answer::Done { .. } | Answer::Difference { .. } => Vec::new(),
    };
    // An entry that is not sound was not sent: it does not leave the roster.
    more.retain(|line| !unsound_keys.iter().any(|key| line.starts_with(&format!("key {key}: is out"))));
    let failure = Failure::Files(problems, more);
    if !dry_run {
        return failure;
    }
    let mut lines = difference(&listing, change);
    lines.retain(|line| match line {
        Difference::UserRemoved(user) => !unsound_users.contains(user),
        Difference::KeyRemoved(key) => !unsound_keys.contains(key),
        _ => true,
    });
    Failure::Difference(lines, Box::new(failure))
}

/// What is rarely meant: more than half of the people or the keys leave, or the last who leads. None, if that is not so.
fn losses(now: &Roster, next: &Roster) -> Option<String> {
    let gone = |all: usize, stay: usize, what: &str| {
        let gone = all - stay;
        (gone * 2 > all).then(|| format!("{gone} of {all} {what} would leave the roster"))
    };
    let people = now.users.keys().filter(|user| next.users.contains_key(*user)).count();
    let keys = now.keys.keys().filter(|key| next.keys.contains_key(*key)).count();
    let last = (leads(now) && !leads(next)).then(|| "nobody would be manager or admin any more".to_owned());
    let said: Vec<String> = [gone(now.users.len(), people, "people"), gone(now.keys.len(), keys, "keys"), last]
        .into_iter()
        .flatten()
        .collect();
    (!said.is_empty()).then(|| said.join(", "))
}

/// How a change would differ from the roster, whether or not it may be made.
fn difference(listing: &Listing, change: RosterChange) -> Vec<Difference> {
    listing.roster.differences(&after(listing, change))
}

/// What a change would make of the roster.
fn after(listing: &Listing, mut change: RosterChange) -> Roster {
    let now = &listing.roster;
    if listing.codes_withheld {
        change.keep_codes(now);
    }
    let mut next = if change.replace { Roster::default() } else { now.clone() };
    for mut user in change.users {
        user.revoked |= change.replace && now.users.get(&user.id).is_some_and(|old| old.revoked);
        next.users.insert(user.id.clone(), user);
    }
    next.keys.extend(change.keys.into_iter().map(|key| (key.id.clone(), key)));
    next.users.retain(|id, _| !change.remove_users.contains(id));
    next.keys.retain(|id, _| !change.remove_keys.contains(id));
    for user in now.users.values().filter(|user| change.replace && user.revoked) {
        next.users.entry(user.id.clone()).or_insert_with(|| user.clone());
    }
    next
}

fn make_pins(desk: &mut Desk<'_>, as_json: bool, made: &mut Vec<(UserId, String)>) -> Result<(), Failure> {
    let listing = desk.roster()?;
    let revoked = |user: &UserId| listing.roster.users.get(user).is_some_and(|user| user.revoked);
    for user in listing.without_pin.iter().filter(|user| !revoked(user)) {
        let pin = make_pin(PIN_DIGITS).map_err(|error| Failure::Value(error.to_string()))?;
        desk.ask(&LocalAsk::SetPin { user: user.clone(), pin: Some(pin.clone()), duress: None })?;
        if !as_json {
            // At once: a PIN that was set and not told is of no use to anybody.
            writeln!(desk.out, "{user}\t{}", pin.expose())?;
        }
        made.push((user.clone(), pin.expose().to_owned()));
    }
    Ok(())
}

fn export(desk: &mut Desk<'_>, format: Format, out: Option<&Path>) -> Result<(), Failure> {
    let listing = desk.roster_with(true)?;
    let files = roster_file::write(&listing.roster, format, &desk.zone);
    let Some(out) = out else {
        return match files.as_slice() {
            [(_, only)] => Ok(desk.out.write_all(only.as_bytes())?),
            _ => Err(Failure::Value("CSV makes two files: name a new folder with --out".to_owned())),
        };
    };
    let cannot = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Failure::Value(format!("{path} exists already; name a new one")),
            _ => Failure::Value(format!("cannot write {path}: {error}; name another place")),
        }
    };
    if format == Format::Csv {
        DirBuilder::new().mode(0o700).create(out).map_err(cannot(out))?;
    }
    for (name, content) in files {
        let path = if format == Format::Csv { out.join(name) } else { out.to_owned() };
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(cannot(&path))?;
        file.write_all(content.as_bytes()).and_then(|()| file.sync_all()).map_err(cannot(&path))?;
        let what = match (format, name) {
            (Format::Csv, "keys.csv") => "tags",
            (Format::Csv, _) => "badge numbers",
            (Format::Toml, _) => "badge numbers and tags",
        };
        writeln!(desk.err, "{} is written; it holds {what}", path.display())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
