//! Record, then act, as one piece: a batch of events goes through the core, one transaction makes its records durable, and only then are
//! the commands handed out.
//!
//! A commit that fails discards the core, which has run ahead of the disk, and rebuilds it from what the disk holds. No
//! command of a discarded batch ever leaves this room. A disk without room makes the keeper careful ([`StoreState::Reserve`]) until there is room
//! again; any other failure is fatal: the process ends and starts again through recovery.

use crate::cabinet::books::Books;
use crate::cabinet::event::StoreState;
use crate::cabinet::fact::Record;
use crate::cabinet::outcome::Command;
use crate::cabinet::settings::Settings;
use crate::cabinet::types::{CommandId, Now};
use crate::cabinet::{Cabinet, Event, Outcome};
use crate::io::store::{Head, Store, StoreError, Stored};

/// The core beside its ledger.
#[derive(Debug)]
pub struct Keeper {
    cabinet: Cabinet,
    store: Store,
    head: Head,
    /// Those that a record on the disk says are in force.
    settings: Settings,
}

/// What became of a batch.
#[derive(Debug)]
pub enum Taken {
    /// Durable, or nothing to make durable: to be performed now, in order. `records` are on the disk.
    Committed { commands: Vec<Command>, records: Vec<Record>, durable: bool },
    /// No room: nothing of the batch counts, the core was rebuilt, its outputs must be driven inactive and its lines read anew.
    NoRoom,
}

impl Keeper {
    /// Restores the cabinet from what the store holds.
    #[must_use]
    pub fn new(settings: Settings, store: Store, stored: Stored, now: Now) -> Self {
        let head = stored.head;
        let books = Books::from_rows(head.seq + 1, stored.rows);
        let cabinet = Cabinet::restore(settings.clone(), books, StoreState::Writable, CommandId(1), now);
        Self { cabinet, store, head, settings }
    }

    /// The cabinet as it is now.
    #[must_use]
    pub const fn cabinet(&self) -> &Cabinet {
        &self.cabinet
    }

    /// The ledger.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The last record on the disk.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// Takes a batch in: all of its records in one transaction, then its commands.
    ///
    /// # Errors
    /// The store failed in a way that only a new process can mend.
    pub async fn take(&mut self, events: impl IntoIterator<Item = (Now, Event)>) -> Result<Taken, StoreError> {
        let mut batch = Outcome::default();
        let mut last = None;
        let mut reconfigured = false;
        for (now, event) in events {
            last = Some(now);
            reconfigured |= matches!(event, Event::Reconfigured(_));
            batch.append(self.cabinet.step(now, event));
        }
        let durable = batch.is_durable();
        if durable {
            let reserve = self.cabinet.store_state() == StoreState::Reserve;
            match self.store.commit(batch.records.clone(), batch.rows, reserve).await {
                Ok(head) => self.head = head,
                Err(StoreError::Full) => {
                    if let Some(now) = last {
                        self.rebuild(now)?;
                    }
                    return Ok(Taken::NoRoom);
                }
                Err(error) => return Err(error),
            }
        }
        if reconfigured {
            self.settings = self.cabinet.settings().clone();
        }
        Ok(Taken::Committed { commands: batch.commands, records: batch.records, durable })
    }

    /// The core anew from the disk, careful because there is no room. Its commands count on.
    fn rebuild(&mut self, now: Now) -> Result<(), StoreError> {
        let stored = self.store.reload()?;
        self.head = stored.head;
        let books = Books::from_rows(self.head.seq + 1, stored.rows);
        let (settings, next) = (self.settings.clone(), self.cabinet.next_command());
        self.cabinet = Cabinet::restore(settings, books, StoreState::Reserve, next, now);
        Ok(())
    }
}
