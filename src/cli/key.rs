//! `cabinetd key …`: keys, one at a time, and the steps of their life.

use super::desk::{Desk, EXIT_CODES, Failure, Listing, LocalAsk, key_of};
use super::user::edit;
use crate::cabinet::event::{Ask, KeyStep};
use crate::cabinet::roster::{Key, RosterChange};
use crate::cabinet::types::{KeyId, SlotNo};
use crate::cli::number::whole;
use crate::io::roster_file::words::{self, BadWord};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::ExitCode;

/// Keys in the roster.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum KeyCommand {
    /// Every key in the roster; `cabinetd keymap` says where they are
    #[command(after_help = EXIT_CODES)]
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// One key, by id or label
    #[command(after_help = EXIT_CODES)]
    Show {
        /// Id or label
        #[arg(value_name = "KEY")]
        key: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Add a key
    #[command(after_help = EXIT_CODES)]
    Add {
        /// A short name that is never given to another key, for example 204
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        fields: KeyFields,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change what is known of a key; what is not given stays, an empty text takes away
    #[command(after_help = EXIT_CODES)]
    Edit {
        /// Id or label
        #[arg(value_name = "KEY")]
        key: String,
        #[command(flatten)]
        fields: KeyFields,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Take a key out of the roster; the ledger keeps what was done with it
    #[command(after_help = EXIT_CODES)]
    Remove {
        /// Id or label
        #[arg(value_name = "KEY")]
        key: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// It is lost
    #[command(after_help = EXIT_CODES)]
    Lost(Step),
    /// It was found again
    #[command(after_help = EXIT_CODES)]
    Found(Step),
    /// Its lock was re-keyed: earlier copies open nothing any more
    #[command(after_help = EXIT_CODES)]
    Rekeyed(Step),
    /// It is used no more
    #[command(after_help = EXIT_CODES)]
    Retired(Step),
    /// The last entry about it was a mistake
    #[command(after_help = EXIT_CODES)]
    Mistake(Step),
}

/// A step in a key's life.
#[derive(clap::Args, Clone, Debug)]
pub struct Step {
    /// Id or label
    pub key: String,
    /// For the record
    #[arg(long)]
    pub note: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What is known of a key.
#[derive(clap::Args, Clone, Default, Debug)]
pub struct KeyFields {
    /// What people call it, for example "Unit 204"
    #[arg(long)]
    pub label: Option<String>,
    #[arg(long)]
    pub building: Option<String>,
    #[arg(long)]
    pub unit: Option<String>,
    /// All groups, separated by spaces; people who share one may take it
    #[arg(long, value_name = "GROUPS")]
    pub groups: Option<String>,
    /// The slot where it belongs
    #[arg(long, value_name = "SLOT", value_parser = whole::<u16>(1..=65_535, 7))]
    pub home: Option<u16>,
    /// The number of its tag
    #[arg(long, value_name = "NUMBER")]
    pub tag: Option<String>,
    /// Whether it needs a second person: yes or no
    #[arg(long, value_name = "YES|NO")]
    pub second_person: Option<String>,
}

impl KeyFields {
    fn apply(&self, key: &mut Key) -> Result<(), Failure> {
        let said = |option: &str, bad: BadWord| Failure::Value(format!("--{option}: {bad}"));
        if let Some(text) = &self.label {
            key.label = words::plain(text).map_err(|bad| said("label", bad))?;
        }
        if let Some(text) = &self.building {
            key.building = words::plain(text).map_err(|bad| said("building", bad))?;
        }
        if let Some(text) = &self.unit {
            key.unit = words::plain(text).map_err(|bad| said("unit", bad))?;
        }
        if let Some(text) = &self.groups {
            key.groups = words::groups(text).map_err(|bad| said("groups", bad))?;
        }
        if let Some(home) = self.home {
            key.home = SlotNo(home);
        }
        if let Some(text) = &self.tag {
            let tag = Some(text).filter(|text| !text.trim().is_empty());
            key.tag = tag.map(|text| words::code(text)).transpose().map_err(|bad| said("tag", bad))?;
        }
        if let Some(text) = &self.second_person {
            key.second_person = words::flag(text).map_err(|bad| said("second-person", bad))?;
        }
        Ok(())
    }
}

/// Does it.
pub fn run(command: KeyCommand, desk: &mut Desk<'_>) -> ExitCode {
    let (done, json) = match command {
        KeyCommand::List { json } => (list(desk, json), json),
        KeyCommand::Show { key, json } => (show(desk, &key, json), json),
        KeyCommand::Add { id, fields, json } => (add(desk, &id, &fields, json), json),
        KeyCommand::Edit { key, fields, json } => (alter(desk, &key, &fields, json), json),
        KeyCommand::Remove { key, json } => (remove(desk, &key, json), json),
        KeyCommand::Lost(step) => (life(desk, &step, KeyStep::Lost), step.json),
        KeyCommand::Found(step) => (life(desk, &step, KeyStep::Found), step.json),
        KeyCommand::Rekeyed(step) => (life(desk, &step, KeyStep::Rekeyed), step.json),
        KeyCommand::Retired(step) => (life(desk, &step, KeyStep::Retired), step.json),
        KeyCommand::Mistake(step) => (life(desk, &step, KeyStep::EnteredByMistake), step.json),
    };
    desk.finish(done, json)
}

/// What may be shown of a key: whether there is a tag, never which.
fn shown(key: &Key, listing: &Listing) -> Value {
    json!({
        "id": key.id,
        "label": key.label,
        "building": key.building,
        "unit": key.unit,
        "groups": key.groups,
        "home": key.home,
        "has_tag": if listing.codes_withheld { Value::Null } else { key.tag.is_some().into() },
        "second_person": key.second_person,
    })
}

fn list(desk: &mut Desk<'_>, as_json: bool) -> Result<(), Failure> {
    let listing = desk.roster()?;
    if as_json {
        let keys: Vec<Value> = listing.roster.keys.values().map(|key| shown(key, &listing)).collect();
        return desk.json(&Value::Array(keys));
    }
    let mut keys: Vec<&Key> = listing.roster.keys.values().collect();
    keys.sort_by_key(|key| key.home);
    let width = keys.iter().map(|key| key.id.as_str().chars().count()).max().unwrap_or(0);
    for key in keys {
        let second = if key.second_person { "  [second person]" } else { "" };
        writeln!(desk.out, "slot {:>3}  {:width$}  {}{second}", key.home, key.id, key.label)?;
    }
    Ok(())
}

fn show(desk: &mut Desk<'_>, text: &str, as_json: bool) -> Result<(), Failure> {
    let listing = desk.roster()?;
    let told = shown(key_of(&listing, text)?, &listing);
    super::desk::show(desk, &told, as_json)
}

fn add(desk: &mut Desk<'_>, id: &str, fields: &KeyFields, as_json: bool) -> Result<(), Failure> {
    let id = words::plain(id).map_err(|bad| Failure::Value(format!("the id: {bad}")))?;
    if desk.roster()?.roster.keys.contains_key(&KeyId::from(id.as_str())) {
        return Err(Failure::Value(format!("key {id} is there already; `cabinetd key edit {id}` changes it")));
    }
    let (Some(_), Some(home)) = (&fields.label, fields.home) else {
        return Err(Failure::Value("a new key needs --label and --home".to_owned()));
    };
    let mut key = Key {
        id: KeyId::from(id),
        label: String::new(),
        building: String::new(),
        unit: String::new(),
        groups: BTreeSet::new(),
        home: SlotNo(home),
        tag: None,
        second_person: false,
    };
    fields.apply(&mut key)?;
    let answer = desk.change(RosterChange { keys: vec![key], ..edit("key add") }, false)?;
    desk.say(&answer, as_json, Value::Null)
}

fn alter(desk: &mut Desk<'_>, text: &str, fields: &KeyFields, as_json: bool) -> Result<(), Failure> {
    let takes_tag_away = fields.tag.as_ref().is_some_and(|tag| tag.trim().is_empty());
    let listing = desk.roster_with(takes_tag_away)?;
    let mut key = key_of(&listing, text)?.clone();
    fields.apply(&mut key)?;
    let answer = desk.change(RosterChange { keys: vec![key], ..edit("key edit") }, false)?;
    desk.say(&answer, as_json, Value::Null)
}

fn remove(desk: &mut Desk<'_>, text: &str, as_json: bool) -> Result<(), Failure> {
    let listing = desk.roster()?;
    let id = key_of(&listing, text)?.id.clone();
    let answer = desk.change(RosterChange { remove_keys: vec![id], ..edit("key remove") }, false)?;
    desk.say(&answer, as_json, Value::Null)
}

fn life(desk: &mut Desk<'_>, step: &Step, to: KeyStep) -> Result<(), Failure> {
    let listing = desk.roster()?;
    let key = key_of(&listing, &step.key)?.id.clone();
    let note = match &step.note {
        Some(note) => Some(words::plain(note).map_err(|bad| Failure::Value(format!("--note: {bad}")))?),
        None => None,
    };
    let answer = desk.ask(&LocalAsk::Core(Ask::KeyLife { key, step: to, note }))?;
    desk.say(&answer, step.json, Value::Null)
}

#[cfg(test)]
mod tests;
