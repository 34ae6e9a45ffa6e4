//! `cabinetd user …`: people, one at a time.

use super::desk::{Desk, EXIT_CODES, Failure, Listing, LocalAsk, user_of};
use crate::cabinet::outcome::Denial;
use crate::cabinet::roster::{RosterChange, User};
use crate::cabinet::types::{Group, Pin, Role, UserId};
use crate::cli::number::whole;
use crate::io::credentials::pin::{PIN_DIGITS, VOUCHED_DIGITS, judge_pin, make_pin};
use crate::io::roster_file::words::{self, BadWord, End};
use serde_json::{Value, json};
use std::process::ExitCode;

/// People in the roster.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum UserCommand {
    /// Everybody in the roster
    #[command(after_help = EXIT_CODES)]
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// One person
    #[command(after_help = EXIT_CODES)]
    Show {
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Add a person, and make a PIN
    #[command(after_help = EXIT_CODES)]
    Add {
        /// A short name that is never given to another person
        id: String,
        #[command(flatten)]
        fields: UserFields,
        /// Make no PIN yet
        #[arg(long)]
        no_pin: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change what is known of a person; what is not given stays, an empty text takes away
    #[command(after_help = EXIT_CODES)]
    Edit {
        id: String,
        #[command(flatten)]
        fields: UserFields,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Let a person in no more, from now on; no import lifts it
    #[command(after_help = EXIT_CODES)]
    Revoke {
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Lift a revocation
    #[command(after_help = EXIT_CODES)]
    Restore {
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Take a person out of the roster; the ledger keeps what they did
    #[command(after_help = EXIT_CODES)]
    Remove {
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a new PIN and print it once
    #[command(after_help = EXIT_CODES)]
    Pin {
        id: String,
        /// The duress PIN: it opens, and raises an alarm that nothing near the cabinet shows
        #[arg(long)]
        duress: bool,
        /// Choose it: typed twice, or piped in; never an argument, which every account could see
        #[arg(long)]
        set: bool,
        /// How many digits to make
        #[arg(long, value_name = "N", default_value_t = PIN_DIGITS, value_parser = digits, conflicts_with = "set")]
        digits: usize,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// A code for one entry, for somebody whose PIN or badge is forgotten
    #[command(after_help = EXIT_CODES)]
    Vouch {
        id: String,
        /// The manager who vouches
        #[arg(long, value_name = "MANAGER")]
        by: String,
        #[arg(long, value_name = "N", default_value_t = 15, value_parser = whole::<u32>(1..=1440, 15))]
        minutes: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// A code with which a person chooses a PIN of their own at the cabinet, once
    ///
    /// They show their badge or type their number, type the code, then a PIN of their own, twice. It opens nothing by itself. The code is shown once.
    #[command(after_help = EXIT_CODES)]
    Enrol {
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        id: Option<String>,
        /// For everybody who has no PIN
        #[arg(long)]
        all: bool,
        /// How many days the code is good for
        #[arg(long, value_name = "N", default_value_t = 7, value_parser = whole::<u32>(1..=30, 7))]
        days: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Minutes of a day.
const DAY_MINUTES: u32 = 24 * 60;

fn digits(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|digits| (4..=8).contains(digits)).ok_or_else(|| "a PIN has 4 to 8 digits".to_owned())
}

/// What is known of a person.
#[derive(clap::Args, Clone, Default, Debug)]
pub struct UserFields {
    #[arg(long)]
    pub name: Option<String>,
    /// staff, assistant, manager or admin
    #[arg(long)]
    pub role: Option<String>,
    /// What the badge reader reads
    #[arg(long, value_name = "NUMBER")]
    pub badge: Option<String>,
    /// A number to type on the pad instead of a badge
    #[arg(long, value_name = "NUMBER")]
    pub login: Option<String>,
    /// All groups, separated by spaces
    #[arg(long, value_name = "GROUPS")]
    pub groups: Option<String>,
    /// First day or moment: 2026-11-23 or "2026-11-23 18:00"
    #[arg(long, value_name = "DATE")]
    pub valid_from: Option<String>,
    /// Last day (the whole of it) or moment
    #[arg(long, value_name = "DATE")]
    pub valid_until: Option<String>,
    /// All hours, for example "mon-fri 07:00-19:00; sat 09:00-13:00"
    #[arg(long, value_name = "HOURS")]
    pub schedule: Option<String>,
    /// Whether this person takes a two-person key alone in an emergency: yes or no
    #[arg(long, value_name = "YES|NO")]
    pub lone_emergency: Option<String>,
}

impl UserFields {
    fn take_codes_away(&self) -> bool {
        [&self.badge, &self.login].into_iter().flatten().any(|code| code.trim().is_empty())
    }

    /// Puts the fields in, or tells everything that is wrong with them.
    fn apply(&self, user: &mut User, desk: &Desk<'_>) -> Result<(), Failure> {
        let mut wrong = Vec::new();
        let mut take = Taker { wrong: &mut wrong };
        let moment = |end| move |text: &str| words::moment(text, end, &desk.zone);
        take.set("name", self.name.as_deref(), &mut user.name, words::plain);
        take.set("role", self.role.as_deref(), &mut user.role, words::role);
        take.set_or_clear("badge", self.badge.as_deref(), &mut user.badge, words::code);
        take.set_or_clear("login", self.login.as_deref(), &mut user.login, words::code);
        take.set("groups", self.groups.as_deref(), &mut user.groups, words::groups);
        take.set_or_clear("valid-from", self.valid_from.as_deref(), &mut user.valid_from, moment(End::From));
        take.set_or_clear("valid-until", self.valid_until.as_deref(), &mut user.valid_until, moment(End::Until));
        take.set("schedule", self.schedule.as_deref(), &mut user.schedule, words::schedule);
        take.set("lone-emergency", self.lone_emergency.as_deref(), &mut user.lone_emergency, words::flag);
        if wrong.is_empty() { Ok(()) } else { Err(Failure::Value(wrong.join("\n"))) }
    }
}

/// Reads options into fields; what cannot be read goes to the list.
struct Taker<'a> {
    wrong: &'a mut Vec<String>,
}

impl Taker<'_> {
    fn set<T>(
        &mut self,
        option: &str,
        text: Option<&str>,
        field: &mut T,
        read: impl FnOnce(&str) -> Result<T, BadWord>,
    ) {
        match text.map(read) {
            None => {}
            Some(Ok(value)) => *field = value,
            Some(Err(bad)) => self.wrong.push(format!("--{option}: {bad}")),
        }
    }

    /// The same; an empty text takes the value away.
    fn set_or_clear<T>(
        &mut self,
        option: &str,
        text: Option<&str>,
        field: &mut Option<T>,
        read: impl FnOnce(&str) -> Result<T, BadWord>,
    ) {
        self.set(option, text, field, |text| if text.trim().is_empty() { Ok(None) } else { read(text).map(Some) });
    }
}

/// Does it.
pub fn run(command: UserCommand, desk: &mut Desk<'_>) -> ExitCode {
    let (done, json) = match command {
        UserCommand::List { json } => (list(desk, json), json),
        UserCommand::Show { id, json } => (show(desk, &id, json), json),
        UserCommand::Add { id, fields, no_pin, json } => (add(desk, &id, &fields, no_pin, json), json),
        UserCommand::Edit { id, fields, json } => {
            let done =
                alter(desk, &id, "user edit", fields.take_codes_away(), json, |user, desk| fields.apply(user, desk));
            (done, json)
        }
        UserCommand::Revoke { id, json } => {
            (alter(desk, &id, "user revoke", false, json, |user, _| set_revoked(user, true)), json)
        }
        UserCommand::Restore { id, json } => {
            (alter(desk, &id, "user restore", false, json, |user, _| set_revoked(user, false)), json)
        }
        UserCommand::Remove { id, json } => (remove(desk, &id, json), json),
        UserCommand::Pin { id, duress, set, digits, json } => (pin(desk, &id, duress, set, digits, json), json),
        UserCommand::Vouch { id, by, minutes, json } => (vouch(desk, &id, &by, minutes, json), json),
        UserCommand::Enrol { id, all: _, days, json } => (enrol(desk, id.as_deref(), days, json), json),
    };
    desk.finish(done, json)
}

#[expect(clippy::unnecessary_wraps, reason = "the shape that alter() takes")]
const fn set_revoked(user: &mut User, revoked: bool) -> Result<(), Failure> {
    user.revoked = revoked;
    Ok(())
}

/// What may be shown of a person: whether there is a badge, never which.
fn shown(user: &User, listing: &Listing, desk: &Desk<'_>) -> Value {
    let moment = |wall: Option<_>, end| wall.map(|wall| words::moment_text(wall, end, &desk.zone));
    let known = |has: bool| if listing.codes_withheld { Value::Null } else { has.into() };
    json!({
        "id": user.id,
        "name": user.name,
        "role": user.role.word(),
        "groups": user.groups,
        "has_badge": known(user.badge.is_some()),
        "has_login": known(user.login.is_some()),
        "has_pin": !listing.without_pin.contains(&user.id),
        "valid_from": moment(user.valid_from, End::From),
        "valid_until": moment(user.valid_until, End::Until),
        "schedule": user.schedule.iter().map(|window| words::window_text(*window)).collect::<Vec<_>>(),
        "lone_emergency": user.lone_emergency,
        "revoked": user.revoked,
    })
}

fn list(desk: &mut Desk<'_>, as_json: bool) -> Result<(), Failure> {
    let listing = desk.roster()?;
    if as_json {
        let users: Vec<Value> = listing.roster.users.values().map(|user| shown(user, &listing, desk)).collect();
        return desk.json(&Value::Array(users));
    }
    let users = &listing.roster.users;
    let width = users.keys().map(|id| id.as_str().chars().count()).max().unwrap_or(0);
    for user in users.values() {
        let mut notes = Vec::new();
        if user.revoked {
            notes.push("revoked");
        }
        if listing.without_pin.contains(&user.id) {
            notes.push("no PIN");
        }
        let notes = if notes.is_empty() { String::new() } else { format!("  [{}]", notes.join(", ")) };
        writeln!(desk.out, "{:width$}  {:9}  {}{notes}", user.id, user.role.word(), user.name)?;
    }
    Ok(())
}

fn show(desk: &mut Desk<'_>, id: &str, as_json: bool) -> Result<(), Failure> {
    let listing = desk.roster()?;
    let told = shown(user_of(&listing, id)?, &listing, desk);
    super::desk::show(desk, &told, as_json)
}

fn add(desk: &mut Desk<'_>, id: &str, fields: &UserFields, no_pin: bool, as_json: bool) -> Result<(), Failure> {
    let id = words::plain(id).map_err(|bad| Failure::Value(format!("the id: {bad}")))?;
    let listing = desk.roster()?;
    if listing.roster.users.contains_key(&UserId::from(id.as_str())) {
        return Err(Failure::Value(format!("user {id} is there already; `cabinetd user edit {id}` changes it")));
    }
    let (Some(_), Some(role)) = (&fields.name, &fields.role) else {
        return Err(Failure::Value("a new user needs --name and --role".to_owned()));
    };
    let mut user = User {
        id: UserId::from(id),
        name: String::new(),
        // What it says is read with the other fields.
        role: words::role(role).unwrap_or(Role::Staff),
        badge: None,
        login: None,
        groups: std::collections::BTreeSet::new(),
        valid_from: None,
        valid_until: None,
        schedule: Vec::new(),
        lone_emergency: false,
        revoked: false,
        pin: None,
    };
    fields.apply(&mut user, desk)?;
    let id = user.id.clone();
    let note = stray_groups(&user, &listing);
    let answer = desk.change(RosterChange { users: vec![user], ..edit("user add") }, false)?;
    tell_note(desk, note)?;
    if no_pin {
        return desk.say(&answer, as_json, Value::Null);
    }
    if !as_json {
        desk.say(&answer, false, Value::Null)?;
    }
    let made = make(PIN_DIGITS).and_then(|pin| {
        desk.ask(&LocalAsk::SetPin { user: id.clone(), pin: Some(pin.clone()), duress: None })?;
        Ok(pin)
    });
    match made {
        Ok(pin) if as_json => desk.say(&answer, true, json!({ "user": id, "pin": pin.expose() })),
        Ok(pin) => tell_once(desk, "PIN", &pin),
        Err(failure) => {
            writeln!(
                desk.err,
                "cabinetd: user {id} is in the roster, but has no PIN yet; `cabinetd user pin {id}` makes one"
            )?;
            Err(failure)
        }
    }
}

fn alter(
    desk: &mut Desk<'_>,
    id: &str,
    command: &str,
    takes_codes_away: bool,
    as_json: bool,
    change: impl FnOnce(&mut User, &Desk<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let listing = desk.roster_with(takes_codes_away)?;
    let old = user_of(&listing, id)?;
    let mut user = old.clone();
    change(&mut user, desk)?;
    let note = stray_groups(&user, &listing).filter(|_| user.groups != old.groups);
    let answer = desk.change(RosterChange { users: vec![user], ..edit(command) }, false)?;
    tell_note(desk, note)?;
    desk.say(&answer, as_json, Value::Null)
}

/// Groups that open nothing: mistyped, or their keys come later.
fn stray_groups(user: &User, listing: &Listing) -> Option<String> {
    let opens = |group| listing.roster.keys.values().any(|key| key.groups.contains(group));
    let stray: Vec<&str> = user.groups.iter().filter(|group| !opens(*group)).map(Group::as_str).collect();
    match stray.as_slice() {
        [] => None,
        [one] => Some(format!("no key is in group {one} yet")),
        more => Some(format!("no key is in these groups yet: {}", more.join(" "))),
    }
}

/// A note changes nothing of what is printed for programs.
fn tell_note(desk: &mut Desk<'_>, note: Option<String>) -> Result<(), Failure> {
    Ok(note.map_or(Ok(()), |note| writeln!(desk.err, "note: {note}"))?)
}

fn remove(desk: &mut Desk<'_>, id: &str, as_json: bool) -> Result<(), Failure> {
    let answer = desk.change(RosterChange { remove_users: vec![UserId::from(id)], ..edit("user remove") }, false)?;
    desk.say(&answer, as_json, Value::Null)
}

/// An edit that touches nothing yet.
pub(super) fn edit(command: &str) -> RosterChange {
    RosterChange {
        source: command.to_owned(),
        hash: None,
        replace: false,
        users: Vec::new(),
        keys: Vec::new(),
        remove_users: Vec::new(),
        remove_keys: Vec::new(),
    }
}

fn make(digits: usize) -> Result<Pin, Failure> {
    make_pin(digits).map_err(|error| Failure::Value(error.to_string()))
}

fn tell_once(desk: &mut Desk<'_>, what: &str, pin: &Pin) -> Result<(), Failure> {
    Ok(writeln!(desk.out, "{what}, shown this once: {}", pin.expose())?)
}

fn pin(desk: &mut Desk<'_>, id: &str, is_duress: bool, set: bool, digits: usize, as_json: bool) -> Result<(), Failure> {
    let what = if is_duress { "Duress PIN" } else { "PIN" };
    let chosen = if set {
        let pin = desk.pins.read(what).map_err(Failure::Value)?;
        judge_pin(&pin).map_err(|error| Failure::Value(error.to_string()))?;
        pin
    } else {
        make(digits)?
    };
    let user = UserId::from(id);
    let (pin, duress) = if is_duress { (None, Some(chosen.clone())) } else { (Some(chosen.clone()), None) };
    let answer = desk.ask(&LocalAsk::SetPin { user, pin, duress })?;
    match (as_json, set) {
        (true, true) => desk.say(&answer, true, Value::Null),
        (true, false) => desk.say(&answer, true, json!({ "user": id, "pin": chosen.expose() })),
        (false, set) => {
            desk.say(&answer, false, Value::Null)?;
            if set { Ok(()) } else { tell_once(desk, what, &chosen) }
        }
    }
}

fn vouch(desk: &mut Desk<'_>, id: &str, by: &str, for_minutes: u32, as_json: bool) -> Result<(), Failure> {
    let code = make(VOUCHED_DIGITS)?;
    let ask = LocalAsk::Vouch { user: UserId::from(id), by: UserId::from(by), code: code.clone(), for_minutes };
    let answer = desk.ask(&ask)?;
    if as_json {
        return desk.say(&answer, true, json!({ "user": id, "code": code.expose() }));
    }
    desk.say(&answer, false, Value::Null)?;
    tell_once(desk, "Code", &code)
}

/// `id`: none = everybody who has no PIN.
fn enrol(desk: &mut Desk<'_>, id: Option<&str>, days: u32, as_json: bool) -> Result<(), Failure> {
    let for_minutes = days * DAY_MINUTES;
    let ask = |user: UserId, code: &Pin| LocalAsk::Enrol { user, code: code.clone(), for_minutes };
    if let Some(id) = id {
        let code = make(VOUCHED_DIGITS)?;
        let answer = desk.ask(&ask(UserId::from(id), &code))?;
        if as_json {
            return desk.say(&answer, true, json!({ "user": id, "code": code.expose(), "days": days }));
        }
        desk.say(&answer, false, Value::Null)?;
        return tell_once(desk, "Code", &code);
    }
    let listing = desk.roster()?;
    let revoked = |user: &UserId| listing.roster.users.get(user).is_some_and(|user| user.revoked);
    let mut made = Vec::new();
    let mut refused = Vec::new();
    // Whatever happens on the way, the codes that were made must be told.
    let ended = listing.without_pin.iter().filter(|user| !revoked(user)).try_for_each(|user| {
        let code = make(VOUCHED_DIGITS)?;
        match desk.ask(&ask(user.clone(), &code)) {
            Ok(_) => {}
            // A signed roster that waits dismisses them; the others are no worse off for it.
            Err(Failure::Refused(denial @ Denial::Revoked)) => {
                writeln!(desk.err, "cabinetd: no code for {user}: {denial}")?;
                refused.push(user.clone());
                return Ok(());
            }
            Err(failure) => return Err(failure),
        }
        if !as_json {
            writeln!(desk.out, "{user}\t{}", code.expose())?;
        }
        made.push(json!({ "user": user, "code": code.expose() }));
        Ok(())
    });
    if as_json {
        let count = made.len();
        desk.json(&json!({ "ok": ended.is_ok(), "codes": made, "days": days, "made": count, "refused": refused }))?;
        return ended;
    }
    match &ended {
        Ok(()) => writeln!(desk.out, "{} codes made, good for {days} days; they are shown this once", made.len())?,
        Err(_) => writeln!(desk.err, "cabinetd: not every code was made; run it again, the new codes count")?,
    }
    ended
}

#[cfg(test)]
mod tests;
