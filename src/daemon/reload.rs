//! The config, read again when systemd or somebody says so (SIGHUP), without a stop.
//!
//! It is read off the loop, as a whole or not at all: a file with mistakes changes nothing. Its rules are taken between two visits, by an
//! event of the core, and with a record; what is read at a start alone is said. Until it is taken it waits here, and a later
//! reading takes its place.

use crate::cabinet::Event;
use crate::cabinet::event::Reconfigured;
use crate::config::{Config, ConfigError};
use crate::messages::tell;
use std::path::{Path, PathBuf};
use tokio::task::{JoinHandle, spawn_blocking};

/// What is in force, and what may be next.
#[derive(Debug)]
pub struct Reload {
    file: PathBuf,
    running: Box<Config>,
    reading: Option<JoinHandle<Result<Config, ConfigError>>>,
    /// Asked for again while it was read: it may have changed since.
    again: bool,
    waiting: Option<Box<Config>>,
    refused: bool,
}

impl Reload {
    /// `running`: as read from `file` at the start.
    #[must_use]
    pub fn new(file: &Path, running: Config) -> Self {
        let file = file.to_owned();
        Self { file, running: Box::new(running), reading: None, again: false, waiting: None, refused: false }
    }

    /// Begins to read. Never waits.
    pub fn begin(&mut self) {
        if self.reading.is_some() {
            self.again = true;
            return;
        }
        let file = self.file.clone();
        self.reading = Some(spawn_blocking(move || Config::load(&file)));
    }

    /// Ends when it is read; never, if nothing is. Nothing is lost when this is dropped.
    pub async fn read(&mut self) -> Result<Config, ConfigError> {
        let Some(reading) = &mut self.reading else { return std::future::pending().await };
        let read = reading.await;
        self.reading = None;
        // A panic there ends the daemon through the guard.
        match read {
            Ok(config) => config,
            Err(_) => std::future::pending().await,
        }
    }

    /// What was read is wrong, or is as before, or waits from now on. `busy`: somebody is at the cabinet.
    pub fn heard(&mut self, read: Result<Config, ConfigError>, busy: bool) {
        self.waiting = None;
        self.refused = read.is_err();
        match read {
            Err(error) => tell!(RELOAD_REFUSED, "the config was not taken: {error}"),
            Ok(config) if config.hash == self.running.hash => {
                tell!(RELOAD_SAME, "the config was read again: it is as it was");
            }
            Ok(config) => {
                if busy {
                    tell!(RELOAD_WAITS, "the config was read again and is taken when nobody is at the cabinet");
                }
                self.waiting = Some(Box::new(config));
            }
        }
        if std::mem::take(&mut self.again) {
            self.begin();
        }
    }

    /// Whether something waits to be taken.
    #[must_use]
    pub const fn waits(&self) -> bool {
        self.waiting.is_some()
    }

    /// Whether the file that was read last has mistakes.
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        self.refused
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
    /// no room for the record, and then nothing has changed.
    pub fn taken(&mut self, in_force: &str) {
        let Some(newer) = self.waiting.take() else { return };
        if newer.hash != in_force {
            self.refused = true;
            tell!(RELOAD_REFUSED, "the config was not taken: there is no room on the disk for its record");
            return;
        }
        let later = self.running.difference(&newer).after_restart;
        if !later.is_empty() {
            tell!(RELOAD_PARTLY, "a restart is needed for: {}", later.join("; "));
        }
        self.running.take_rules(*newer);
    }
}
