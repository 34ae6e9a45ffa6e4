//! Where records come from: the ledger's file, for whoever may read it, or the daemon, for managers.
//!
//! The daemon leaves out what silent alarms wrote, and numbers the rest without a gap; the file has everything.

use super::Failure;
use crate::cabinet::roster::Roster;
use crate::io::control::wire::{Page, Seen, Wanted, Whence};
use crate::io::control::{Client, ClientError};
use crate::io::store::envelope::Header;
use crate::io::store::{DATABASE, Entry, Filter, PayloadState, Reader};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::path::Path;

/// Records one after the other.
pub type Walk<'a> = Box<dyn Iterator<Item = Result<Entry, Failure>> + 'a>;

/// What `ledger show` needs of a ledger.
pub trait Source {
    /// People and keys, for their names.
    fn roster(&self) -> Result<Roster, Failure>;
    /// The last record's number.
    fn head(&self) -> Result<u64, Failure>;
    /// Something that differs when there is more.
    fn version(&self) -> Result<i64, Failure>;
    /// The wanted records behind number `after`, oldest first.
    fn entries<'a>(&'a self, filter: &'a Filter, after: u64) -> Walk<'a>;
    /// The last `count` wanted ones, oldest first.
    fn last(&self, filter: &Filter, count: usize) -> Result<Vec<Entry>, Failure>;
    /// The file, if it is one.
    fn reader(&self) -> Option<&Reader>;
}

impl Source for Reader {
    fn roster(&self) -> Result<Roster, Failure> {
        Ok(Self::roster(self)?)
    }

    fn head(&self) -> Result<u64, Failure> {
        Ok(Self::head(self)?.seq)
    }

    fn version(&self) -> Result<i64, Failure> {
        Ok(self.data_version()?)
    }

    fn entries<'a>(&'a self, filter: &'a Filter, after: u64) -> Walk<'a> {
        Box::new(Self::entries(self, filter, after).map(|entry| entry.map_err(Failure::from)))
    }

    fn last(&self, filter: &Filter, count: usize) -> Result<Vec<Entry>, Failure> {
        Ok(Self::last(self, filter, count)?)
    }

    fn reader(&self) -> Option<&Reader> {
        Some(self)
    }
}

/// Whether this account must not read the ledger of that directory.
pub fn is_denied(state_dir: &Path) -> bool {
    std::fs::File::open(state_dir.join(DATABASE)).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

/// The daemon, through its socket.
pub struct Asked(RefCell<Client>);

impl Asked {
    /// The daemon whose run directory this is.
    pub fn connect(run_dir: &Path) -> Result<Self, ClientError> {
        Client::connect(run_dir).map(|client| Self(RefCell::new(client)))
    }

    fn page(&self, wanted: &Wanted) -> Result<Page, Failure> {
        Ok(self.0.borrow_mut().records(wanted)?)
    }
}

impl Source for Asked {
    fn roster(&self) -> Result<Roster, Failure> {
        Ok(self.0.borrow_mut().roster()?.into_roster())
    }

    fn head(&self) -> Result<u64, Failure> {
        // Nothing comes before the first one.
        Ok(self.page(&wanted(&Filter::default(), Whence::Before(1)))?.head)
    }

    fn version(&self) -> Result<i64, Failure> {
        Ok(i64::try_from(Source::head(self)?).unwrap_or(i64::MAX))
    }

    fn entries<'a>(&'a self, filter: &'a Filter, after: u64) -> Walk<'a> {
        Box::new(Pages { asked: self, filter, next: Some(Whence::Behind(after)), page: VecDeque::new() })
    }

    fn last(&self, filter: &Filter, count: usize) -> Result<Vec<Entry>, Failure> {
        let walk = Pages { asked: self, filter, next: Some(Whence::Before(u64::MAX)), page: VecDeque::new() };
        let mut found = walk.take(count).collect::<Result<Vec<_>, _>>()?;
        found.reverse();
        Ok(found)
    }

    fn reader(&self) -> Option<&Reader> {
        None
    }
}

struct Pages<'a> {
    asked: &'a Asked,
    filter: &'a Filter,
    next: Option<Whence>,
    page: VecDeque<Seen>,
}

impl Iterator for Pages<'_> {
    type Item = Result<Entry, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(seen) = self.page.pop_front() {
                return Some(Ok(entry(seen)));
            }
            match self.asked.page(&wanted(self.filter, self.next.take()?)) {
                Ok(page) => (self.next, self.page) = (page.next, page.records.into()),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

fn wanted(filter: &Filter, from: Whence) -> Wanted {
    let Filter { keys, users, session, kinds, since, until, silent: _, dark } = filter.clone();
    Wanted { from, keys, users, session, kinds, since, until, dark }
}

fn entry(seen: Seen) -> Entry {
    let Seen { epoch, number, kind, stamp, state, payload } = seen;
    Entry {
        header: Header { epoch, seq: number, kind, stamp },
        state: PayloadState::from_word(&state).unwrap_or(PayloadState::Withheld),
        salt: None,
        payload,
        stored_digest: None,
        hash: [0; 32],
        prev: None,
    }
}
