//! Records for accounts that may see them and do not read the ledger's file: looked up off the loop, one ask at a time, through a
//! connection that can only read.

use crate::io::control::Looked;
use crate::io::control::wire::{Page, Seen, Wanted, Whence};
use crate::io::store::{Entry, Filter, Reader, StoreError, Unheard};
use std::path::PathBuf;
use tokio::sync::mpsc;

/// Asks that wait.
pub const QUEUE: usize = 4;

/// Begins to answer. To be called within the daemon's runtime.
#[must_use]
pub fn start(state_dir: PathBuf) -> mpsc::Sender<Looked> {
    let (asks, asked) = mpsc::channel(QUEUE);
    tokio::spawn(serve(asked, state_dir));
    asks
}

/// Answers until nobody can ask any more.
pub async fn serve(mut asks: mpsc::Receiver<Looked>, state_dir: PathBuf) {
    let mut unheard = Unheard::default();
    while let Some(Looked { wanted, reply }) = asks.recv().await {
        if reply.is_closed() {
            continue;
        }
        let dir = state_dir.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let page = Reader::open(&dir).and_then(|reader| page(&reader, wanted, &mut unheard));
            (page, unheard)
        });
        // It panicked: the guard ends the daemon.
        let Ok((page, kept)) = looked.await else { return };
        unheard = kept;
        // Whoever asked may be gone.
        let _ = reply.send(page.map_err(|error| error.to_string()));
    }
}

/// What is seen of the ledger from there.
fn page(reader: &Reader, wanted: Wanted, unheard: &mut Unheard) -> Result<Page, StoreError> {
    unheard.catch_up(reader)?;
    let head = unheard.number(reader.head()?.seq);
    let Wanted { from, keys, users, session, kinds, since, until, dark } = wanted;
    let filter = Filter { keys, users, session, kinds, since, until, silent: false, dark };
    let (number, down) = match from {
        Whence::Behind(number) => (number, false),
        Whence::Before(number) => (number, true),
    };
    let glance = reader.glance(&filter, number, down, unheard)?;
    let next = glance.reached.map(|number| if down { Whence::Before(number) } else { Whence::Behind(number) });
    let records = glance.entries.into_iter().map(|entry| seen(entry, unheard)).collect();
    Ok(Page { records, next, head })
}

fn seen(entry: Entry, unheard: &Unheard) -> Seen {
    Seen {
        epoch: entry.header.epoch,
        number: unheard.number(entry.header.seq),
        kind: entry.header.kind,
        stamp: entry.header.stamp,
        state: entry.state.word().to_owned(),
        payload: entry.payload,
    }
}
