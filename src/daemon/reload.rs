//! The config, read again when systemd or somebody says so (SIGHUP), without a stop.
//!
//! It is read off the loop, as a whole or not at all: a file with mistakes changes nothing, nor does one whose rules do not go with what stays
//! as it is until a restart. Its rules are taken between two visits, by an event of the core, and with a record; what is read at a start
//! alone is said. Until it is taken it waits here, for room on the disk as well, and a later reading takes its place. What it takes away
//! from accounts does not wait: a door that is propped open keeps nobody's rights alive.

use crate::cabinet::Event;
use crate::cabinet::event::Reconfigured;
use crate::cabinet::snapshot::{ConfigIs, ConfigView};
use crate::cabinet::types::Role;
use crate::config::{Config, ConfigError};
use crate::messages::tell;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, timeout_at};

/// A file of some kilobytes takes no longer, unless it is a pipe or its mount hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why what was read is not taken at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hindrance {
    /// Somebody is at the cabinet, or about to be.
    Somebody,
    /// The disk has no room for the record of it.
    NoRoom,
}

type Reading = JoinHandle<Result<Config, ConfigError>>;

/// What is in force, and what may be next.
#[derive(Debug)]
pub struct Reload {
    file: PathBuf,
    running: Box<Config>,
    reading: Option<(Reading, Instant)>,
    /// Given up, and its thread hangs still: it is waited for again, rather than begun beside it.
    stuck: Option<Reading>,
    patience: Duration,
    /// Asked for again while it was read: it may have changed since.
    again: bool,
    waiting: Option<Box<Config>>,
    refused: bool,
    /// Keys that were read again and wait for a restart.
    after_restart: Vec<String>,
}

impl Reload {
    /// `running`: as read from `file` at the start.
    #[must_use]
    pub fn new(file: &Path, running: Config) -> Self {
        let file = file.to_owned();
        let running = Box::new(running);
        let patience = PATIENCE;
        Self {
            file,
            running,
            reading: None,
            stuck: None,
            patience,
            again: false,
            waiting: None,
            refused: false,
            after_restart: Vec::new(),
        }
    }

    /// Begins to read. Never waits.
    pub fn begin(&mut self) {
        if self.reading.is_some() {
            self.again = true;
            return;
        }
        let reading = self.stuck.take().filter(|reading| !reading.is_finished()).unwrap_or_else(|| {
            let file = self.file.clone();
            spawn_blocking(move || Config::load(&file))
        });
        self.reading = Some((reading, Instant::now() + self.patience));
    }

    /// Ends when it is read; never, if nothing is. Nothing is lost when this is dropped.
    pub async fn read(&mut self) -> Result<Config, ConfigError> {
        let Some((reading, until)) = &mut self.reading else { return std::future::pending().await };
        let read = timeout_at(*until, reading).await;
        let reading = self.reading.take();
        match read {
            Ok(Ok(config)) => config,
            // A panic there ends the daemon through the guard.
            Ok(Err(_)) => std::future::pending().await,
            Err(_) => {
                self.stuck = reading.map(|(reading, _)| reading);
                Err(ConfigError::TooSlow { path: self.file.clone(), seconds: self.patience.as_secs() })
            }
        }
    }

    /// What was read is wrong, or is as before, or waits from now on.
    pub fn heard(&mut self, read: Result<Config, ConfigError>, hindrance: Option<Hindrance>) {
        self.waiting = None;
        self.refused = false;
        match read {
            Err(error) => {
                self.refused = true;
                tell!(RELOAD_REFUSED, "the config was not taken: {error}");
            }
            Ok(config) if config.hash == self.running.hash => {
                tell!(RELOAD_SAME, "the config was read again: it is as it was");
                self.restart_is_for(&config);
            }
            Ok(config) => self.weigh(config, hindrance),
        }
        if std::mem::take(&mut self.again) {
            self.begin();
        }
    }

    /// It waits, if its rules go with what stays until a restart.
    fn weigh(&mut self, mut newer: Config, hindrance: Option<Hindrance>) {
        match self.running.joined(&newer) {
            Err(problems) => {
                self.refused = true;
                let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
                let problems = problems.join("; ");
                tell!(RELOAD_NEEDS_RESTART, "the config can be taken by a restart alone: {problems}");
            }
            Ok(joined) => {
                match hindrance {
                    Some(Hindrance::Somebody) => tell!(
                        RELOAD_WAITS,
                        "the config was read again and is taken when nobody is at the cabinet, every door is closed and no drill is \
                         under way; rights that it takes from accounts are gone already"
                    ),
                    Some(Hindrance::NoRoom) => tell_no_room(),
                    None => {}
                }
                newer.settings = joined.settings;
                self.waiting = Some(Box::new(newer));
            }
        }
    }

    /// Whether something waits to be taken.
    #[must_use]
    pub const fn waits(&self) -> bool {
        self.waiting.is_some()
    }

    /// How what is in force and what was read last go together.
    #[must_use]
    pub fn view(&self) -> ConfigView {
        let state = if self.refused {
            ConfigIs::Refused
        } else if self.waiting.is_some() {
            ConfigIs::Waiting
        } else {
            ConfigIs::InForce
        };
        ConfigView { state, after_restart: self.after_restart.clone() }
    }

    /// Which group stands for which role: as in force, less what one that waits takes away.
    #[must_use]
    pub fn accounts(&self) -> Vec<(String, Role)> {
        let Some(newer) = &self.waiting else { return self.running.accounts.clone() };
        let lesser = |(group, role): &(String, Role)| {
            let (_, next) = newer.accounts.iter().find(|(named, _)| named == group)?;
            Some((group.clone(), *role.min(next)))
        };
        self.running.accounts.iter().filter_map(lesser).collect()
    }

    /// What waits, for the core.
    #[must_use]
    pub fn event(&self) -> Option<Event> {
        let newer = self.waiting.as_ref()?;
        let difference = self.running.difference(newer);
        Some(Event::Reconfigured(Box::new(Reconfigured {
            settings: newer.settings.clone(),
            config_hash: newer.hash.clone(),
            changed: difference.now,
            after_restart: difference.after_restart,
        })))
    }

    /// What waited was given to the core. `in_force`: the hash that the books name now; another one than its own says that the disk had
    /// no room for the record: then nothing has changed, and it waits on.
    pub fn taken(&mut self, in_force: &str) {
        let Some(newer) = self.waiting.take_if(|newer| newer.hash == in_force) else {
            if self.waiting.is_some() {
                tell_no_room();
            }
            return;
        };
        self.restart_is_for(&newer);
        self.running.take_rules(*newer);
    }

    /// What `newer` changes and a start alone reads.
    fn restart_is_for(&mut self, newer: &Config) {
        let lines = self.running.difference(newer).after_restart;
        if !lines.is_empty() {
            tell!(RELOAD_PARTLY, "a restart is needed for: {}", lines.join("; "));
        }
        // Their values are for those who may read the file.
        let keys = lines.iter().map(|line| line.split(':').next().unwrap_or_default().to_owned());
        self.after_restart = keys.collect();
    }
}

fn tell_no_room() {
    tell!(RELOAD_NO_ROOM, "the config was read again and is taken when the disk has room for its record");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn text(more: &str) -> String {
        format!("[cabinet]\nsite = \"here\"\nname = \"c\"\n[lines]\nbackend = \"sim\"\n[slots]\ncount = 4\n{more}")
    }

    fn reload(more: &str) -> (tempfile::TempDir, Reload) {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("cabinetd.toml");
        fs::write(&file, text(more)).expect("written");
        let running = Config::load(&file).expect("it is sound");
        let mut reload = Reload::new(&file, running);
        reload.patience = Duration::from_millis(100);
        (dir, reload)
    }

    fn is_refused(reload: &Reload) -> bool {
        reload.view().state == ConfigIs::Refused
    }

    async fn reads(reload: &mut Reload) {
        reload.begin();
        let read = reload.read().await;
        reload.heard(read, None);
    }

    #[tokio::test]
    async fn a_file_that_hangs_is_refused_and_read_when_it_hangs_no_more() {
        let (dir, mut reload) = reload("");
        let file = dir.path().join("cabinetd.toml");
        fs::remove_file(&file).expect("removed");
        assert!(std::process::Command::new("mkfifo").arg(&file).status().expect("it runs").success());
        for _ in 0..2 {
            reload.begin();
            let read = reload.read().await;
            assert!(matches!(read, Err(ConfigError::TooSlow { .. })), "{read:?}");
            reload.heard(read, None);
            assert!(is_refused(&reload) && !reload.waits());
        }
        // The same thread waits there still: now it gets what it waits for.
        reload.begin();
        let new = text("[alerts]\ninactive_days = 10\n");
        tokio::task::spawn_blocking(move || fs::write(file, new)).await.expect("no panic").expect("somebody reads");
        let read = reload.read().await;
        reload.heard(read, None);
        assert!(reload.waits() && !is_refused(&reload));
    }

    #[tokio::test]
    async fn without_room_it_waits_on_and_is_taken_with_room() {
        let (dir, mut reload) = reload("");
        fs::write(dir.path().join("cabinetd.toml"), text("[alerts]\ninactive_days = 10\n")).expect("written");
        reads(&mut reload).await;
        let Some(Event::Reconfigured(new)) = reload.event() else { panic!("it waits") };
        reload.taken("what was before");
        assert!(reload.waits() && !is_refused(&reload), "nothing is wrong with it");
        assert_eq!(reload.event(), Some(Event::Reconfigured(new.clone())));
        reload.taken(&new.config_hash);
        assert!(!reload.waits());
    }

    #[tokio::test]
    async fn rules_that_go_only_with_what_a_restart_brings_are_refused() {
        let ups = "[ups]\nname = \"office\"\n";
        let (dir, mut reload) = reload(ups);
        let newer = format!("{ups}user = \"cabinetd\"\n[power]\nsleep = \"ups-off\"\n");
        fs::write(dir.path().join("cabinetd.toml"), text(&newer)).expect("written");
        reads(&mut reload).await;
        assert!(is_refused(&reload) && !reload.waits());
        fs::write(dir.path().join("cabinetd.toml"), text(&format!("{ups}[alerts]\ninactive_days = 10\n")))
            .expect("written");
        reads(&mut reload).await;
        assert!(reload.waits() && !is_refused(&reload));
    }

    #[tokio::test]
    async fn rights_that_it_takes_away_are_gone_while_it_waits_and_no_new_ones_are_there() {
        let accounts = "[accounts]\nadm = \"admin\"\ndesk = \"staff\"\nkeys = \"manager\"\n";
        let (dir, mut reload) = reload(accounts);
        let file = dir.path().join("cabinetd.toml");
        let newer = "[accounts]\nadm = \"staff\"\nkeys = \"admin\"\nnew = \"admin\"\n";
        fs::write(&file, text(newer)).expect("written");
        reads(&mut reload).await;
        let role = |group: &str, role| (group.to_owned(), role);
        assert_eq!(reload.accounts(), [role("adm", Role::Staff), role("keys", Role::Manager)]);
        // A file with mistakes takes nothing away.
        fs::write(&file, "[cabinet").expect("written");
        reads(&mut reload).await;
        let before = [role("adm", Role::Admin), role("desk", Role::Staff), role("keys", Role::Manager)];
        assert_eq!(reload.accounts(), before);
        fs::write(&file, text(newer)).expect("written");
        reads(&mut reload).await;
        let Some(Event::Reconfigured(new)) = reload.event() else { panic!("it waits") };
        reload.taken(&new.config_hash);
        let after = [role("adm", Role::Staff), role("keys", Role::Admin), role("new", Role::Admin)];
        assert_eq!(reload.accounts(), after);
    }

    #[tokio::test]
    async fn what_waits_for_a_restart_is_kept_until_the_file_is_as_before() {
        let (dir, mut reload) = reload("");
        let file = dir.path().join("cabinetd.toml");
        let newer =
            text("[alerts]\ninactive_days = 10\n[accounts]\nadm = \"staff\"\n").replace("count = 4", "count = 6");
        fs::write(&file, newer).expect("written");
        reads(&mut reload).await;
        assert_eq!(reload.view(), ConfigView { state: ConfigIs::Waiting, after_restart: Vec::new() });
        assert_eq!(reload.accounts(), []);
        let Some(Event::Reconfigured(new)) = reload.event() else { panic!("it waits") };
        reload.taken(&new.config_hash);
        let partly = ConfigView { state: ConfigIs::InForce, after_restart: vec!["slots.count".to_owned()] };
        assert_eq!(reload.view(), partly);
        assert_eq!(reload.accounts(), [("adm".to_owned(), Role::Staff)]);
        fs::write(&file, "[cabinet").expect("written");
        reads(&mut reload).await;
        assert_eq!(reload.view(), ConfigView { state: ConfigIs::Refused, ..partly });
        fs::write(&file, text("")).expect("written");
        reads(&mut reload).await;
        let Some(Event::Reconfigured(new)) = reload.event() else { panic!("it waits") };
        reload.taken(&new.config_hash);
        assert_eq!(reload.view(), ConfigView::default());
        assert_eq!(reload.accounts(), []);
    }
}
