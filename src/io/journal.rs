//! Where the daemon's words go: the journal with real fields, or stderr where there is none.
//!
//! [`Log`] takes an entry and never waits: a thread of its own writes, since a journal that is stuck blocks whoever writes to it for
//! seconds. The queue is bounded; what finds no room is counted, and the count is an entry as soon as the writing goes on
//! ([`MESSAGES_LOST`](crate::messages::own::MESSAGES_LOST)). [`Writer`] writes out what waits when it is dropped, within a deadline.
//!
//! Entries come two ways: through `tracing` (a layer, [`Log`] itself), and by [`Log::put`], for records, which have fields that
//! repeat and names that are not known when the program is built.
//!
//! **Does not** keep anything from being printed: an entry that holds a secret must not be made.

mod layer;
mod sink;

pub use sink::{Dress, Sink};

use crate::messages::Priority;
use crate::messages::own::MESSAGES_LOST;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;
use tracing::{Level, enabled};

/// The name of the thread that tells people. What a library says there at `debug`, that it connects to somebody, would show that
/// somebody acted under duress: it is not taken in.
pub const DISCREET: &str = "alerts";

/// Entries that wait at most; about a day of a quiet cabinet.
const WAITING: usize = 1_024;
/// Longer texts are cut: a bounded queue is no use with unbounded entries.
const LONGEST_TEXT: usize = 2_000;
/// Fields of one entry at most.
const MOST_FIELDS: usize = 64;
/// At the end so long is waited for what still waits.
const FLUSH: Duration = Duration::from_secs(2);
/// A full queue is tried again so often at the end.
const FLUSH_PAUSE: Duration = Duration::from_millis(10);

/// One entry of the journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    pub priority: Priority,
    pub text: String,
    /// Names and values; a name may come more than once. Names are capital letters, digits and `_` in the journal.
    pub fields: Vec<(&'static str, String)>,
    /// The part of the program, and file and line there.
    pub target: &'static str,
    pub place: Option<(&'static str, u32)>,
}

impl Entry {
    /// An entry without a place in the sources.
    #[must_use]
    pub fn new(priority: Priority, text: String, fields: Vec<(&'static str, String)>) -> Self {
        Self { priority, text, fields, target: "cabinetd", place: None }
    }

    /// Cut to what may wait, on one line: what others wrote must not look like an entry of ours.
    fn bounded(mut self) -> Self {
        self.fields.truncate(MOST_FIELDS);
        for text in self.fields.iter_mut().map(|(_, value)| value).chain([&mut self.text]) {
            if text.len() > LONGEST_TEXT {
                let end = (0..=LONGEST_TEXT).rev().find(|end| text.is_char_boundary(*end));
                text.truncate(end.unwrap_or(0));
                text.push('…');
            }
            if text.contains(char::is_control) {
                *text = text.trim_end().replace('\n', "; ").replace(char::is_control, "?");
            }
        }
        self
    }
}

enum Job {
    Write(Entry),
    /// All before it is written.
    Flush(SyncSender<()>),
}

/// The way in. Clones share the queue.
#[derive(Clone, Debug)]
pub struct Log {
    queue: SyncSender<Job>,
    lost: Arc<AtomicU64>,
}

/// The thread that writes; dropping it waits for what still waits, for two seconds at most.
#[derive(Debug)]
pub struct Writer {
    queue: SyncSender<Job>,
}

/// Starts the writing.
///
/// # Errors
/// The thread cannot be started.
pub fn start(sink: Sink) -> io::Result<(Log, Writer)> {
    start_with(move |entry| sink.write(entry))
}

fn start_with(write: impl FnMut(&Entry) -> io::Result<()> + Send + 'static) -> io::Result<(Log, Writer)> {
    let (queue, jobs) = sync_channel(WAITING);
    let lost = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&lost);
    std::thread::Builder::new().name("log".into()).spawn(move || work(&jobs, &counted, write))?;
    Ok((Log { queue: queue.clone(), lost }, Writer { queue }))
}

fn work(jobs: &Receiver<Job>, lost: &AtomicU64, mut write: impl FnMut(&Entry) -> io::Result<()>) {
    while let Ok(job) = jobs.recv() {
        // What was lost was lost while this one waited.
        let missing = lost.swap(0, Ordering::Relaxed);
        if missing > 0 && write(&missed(missing)).is_err() {
            lost.fetch_add(missing, Ordering::Relaxed);
        }
        match job {
            Job::Write(entry) => {
                if write(&entry).is_err() {
                    lost.fetch_add(1, Ordering::Relaxed);
                }
            }
            // Whoever waited may have given up.
            Job::Flush(done) => drop(done.send(())),
        }
    }
}

fn missed(count: u64) -> Entry {
    let text = format!("{count} messages are missing before this one; the ledger has every record");
    let fields = vec![("MESSAGE_ID", MESSAGES_LOST.id.to_owned()), ("COUNT", count.to_string())];
    Entry::new(MESSAGES_LOST.priority, text, fields)
}

impl Log {
    /// Takes an entry, if entries of its priority are wanted (`CABINETD_LOG`). Never waits.
    pub fn put(&self, entry: Entry) {
        if is_wanted(entry.priority) {
            self.queue(entry);
        }
    }

    fn queue(&self, entry: Entry) {
        match self.queue.try_send(Job::Write(entry.bounded())) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// What the filter says of entries that do not come through `tracing`; there they count as `cabinetd::ledger`.
fn is_wanted(priority: Priority) -> bool {
    match priority {
        Priority::Error => enabled!(target: "cabinetd::ledger", Level::ERROR),
        Priority::Warning => enabled!(target: "cabinetd::ledger", Level::WARN),
        Priority::Notice | Priority::Info => enabled!(target: "cabinetd::ledger", Level::INFO),
        Priority::Debug => enabled!(target: "cabinetd::ledger", Level::DEBUG),
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let (done, written) = sync_channel(1);
        let mut job = Job::Flush(done);
        let mut left = FLUSH;
        while let Err(TrySendError::Full(again)) = self.queue.try_send(job) {
            if left.is_zero() {
                return;
            }
            std::thread::sleep(FLUSH_PAUSE);
            left = left.saturating_sub(FLUSH_PAUSE);
            job = again;
        }
        // What cannot be written by then is lost with the process.
        let _ = written.recv_timeout(left.max(FLUSH_PAUSE));
    }
}

#[cfg(test)]
mod tests;
