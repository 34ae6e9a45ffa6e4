//! Records for accounts that may see them and do not read the ledger's file: looked up off the loop, one ask at a time, through a
//! connection that can only read.

use crate::cabinet::numbers::Hidden;
use crate::io::control::Looked;
use crate::io::control::wire::{Page, Seen, Wanted, Whence};
use crate::io::store::{Entry, Filter, Reader, StoreError};
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
    while let Some(Looked { wanted, reply }) = asks.recv().await {
        if reply.is_closed() {
            continue;
        }
        let dir = state_dir.clone();
        let looked = tokio::task::spawn_blocking(move || Reader::open(&dir).and_then(|reader| page(&reader, wanted)));
        // It panicked: the guard ends the daemon.
        let Ok(page) = looked.await else { return };
        // Whoever asked may be gone.
        let _ = reply.send(page.map_err(|error| error.to_string()));
    }
}

/// What is seen of the ledger from there.
fn page(reader: &Reader, wanted: Wanted) -> Result<Page, StoreError> {
    // The head first: what is hidden up to there is known then.
    let head = reader.head()?.seq;
    let hidden = reader.hidden()?;
    let Wanted { from, keys, users, session, kinds, since, until, dark } = wanted;
    let filter = Filter { keys, users, session, kinds, since, until, silent: false, dark };
    let (number, down) = match from {
        Whence::Behind(number) => (number, false),
        Whence::Before(number) => (number, true),
    };
    let glance = reader.glance(&filter, number, down, &hidden, head)?;
    let next = glance.reached.map(|number| if down { Whence::Before(number) } else { Whence::Behind(number) });
    let records = glance.entries.into_iter().map(|entry| seen(entry, &hidden)).collect();
    Ok(Page { records, next, head: hidden.number(head) })
}

fn seen(entry: Entry, hidden: &Hidden) -> Seen {
    Seen {
        epoch: entry.header.epoch,
        number: hidden.number(entry.header.seq),
        kind: entry.header.kind,
        stamp: entry.header.stamp,
        state: entry.state.word().to_owned(),
        payload: entry.payload,
    }
}
