//! The guard: whatever way the daemon ends, nothing stays energised that this process can still reach.
//!
//! An error, a panic of the loop, a panic of any task or thread of ours: each ends the loop, and then every output is driven
//! inactive, within the backend's own deadline. Panics that are expected and dealt with (the UPS client's) do not count.
//!
//! **Does not** help against SIGKILL or a crash of the machine: that is for the resistor at the relay,
//! `cabinetd release` after the process, and the next start.

use super::Failure;
use crate::io::lines::Outputs;
use crate::io::ups::panic_is_contained;
use crate::messages::tell;
use std::cell::OnceCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind};
use std::sync::Arc;
use tokio::runtime::Runtime;
use tokio::sync::Notify;

/// What the loop needs to know of it.
#[derive(Debug, Default)]
pub struct Guard {
    /// The outputs, from the moment that they can be driven.
    pub outputs: OnceCell<Outputs>,
    fallen: Arc<Notify>,
}

impl Guard {
    /// Hears of every panic of this process from now on, and tells its place. What it says is said nowhere: it may quote anything, and
    /// stderr is the journal, too.
    pub fn listen(&self) {
        self.listen_beside(|_| {});
    }

    /// `beside`: what hears of it as well.
    fn listen_beside(&self, beside: impl Fn(&PanicHookInfo<'_>) + Send + Sync + 'static) {
        let fallen = Arc::clone(&self.fallen);
        std::panic::set_hook(Box::new(move |panic| {
            beside(panic);
            if !panic_is_contained() {
                let place = panic.location().map(ToString::to_string).unwrap_or_default();
                tell!(PANICKED, "a part of the program panicked at {place}");
                fallen.notify_one();
            }
        }));
    }

    /// Ends when something of ours panicked.
    pub async fn fallen(&self) {
        self.fallen.notified().await;
    }

    /// Runs the daemon. If it does not end in peace, drives every output inactive before saying so.
    ///
    /// # Errors
    /// Those of `life`.
    pub fn run(&self, runtime: &Runtime, life: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
        let ended = catch_unwind(AssertUnwindSafe(|| runtime.block_on(life)));
        if !matches!(ended, Ok(Ok(())))
            && let Some(outputs) = self.outputs.get()
            && let Err(error) = runtime.block_on(outputs.shutdown())
        {
            tell!(OUTPUTS_NOT_OFF, "the outputs could not be driven inactive: {error}");
        }
        ended.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cabinet::types::{DoorNo, Level, Output};
    use crate::io::journal;
    use crate::io::sim::lines;
    use std::time::Duration;
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::UnixListener;
    use tokio::sync::mpsc;
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::util::SubscriberInitExt as _;

    /// Energises the lock, then ends as told; gives back what the hardware heard last.
    fn last_order(end: impl AsyncFnOnce(&Guard) -> Result<(), Failure>) -> (Result<(), String>, String) {
        let dir = tempfile::tempdir().expect("a folder");
        let socket = dir.path().join("hardware.sock");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let guard = Guard::default();
        // A test that fails says why.
        guard.listen_beside(std::panic::take_hook());
        let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
        let life = async {
            let hardware = UnixListener::bind(&socket).expect("binds");
            let ear = Arc::clone(&heard);
            tokio::spawn(async move {
                let (stream, _) = hardware.accept().await.expect("the backend");
                let (read, mut write) = stream.into_split();
                let mut lines = BufReader::new(read).lines();
                while let Ok(Some(line)) = lines.next_line().await {
                    let order: serde_json::Value = serde_json::from_str(&line).expect("JSON");
                    let done = format!("{{\"done\":{}}}\n", order["id"]);
                    ear.lock().expect("no panic here").push(line);
                    write.write_all(done.as_bytes()).await.expect("the backend listens");
                }
            });
            let (events, _queue) = mpsc::channel(64);
            let outputs = guard.outputs.get_or_init(|| lines::connect(&socket, events));
            while outputs.set(Output::Lock(DoorNo(1)), Level::Active, Some(60_000)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            end(&guard).await
        };
        let ended = catch_unwind(AssertUnwindSafe(|| guard.run(&runtime, life)));
        let ended = ended.map_or_else(|_| Err("panic".to_owned()), |ended| ended.map_err(|error| error.to_string()));
        let last = heard.lock().expect("no panic there").last().cloned().unwrap_or_default();
        (ended, last)
    }

    #[test]
    fn an_error_releases_every_output() {
        let (ended, last) = last_order(async |_: &Guard| Err("the ledger failed".into()));
        assert_eq!(ended, Err("the ledger failed".to_owned()));
        assert!(last.contains("\"release\""), "{last}");
    }

    #[test]
    fn a_panic_of_the_loop_releases_every_output() {
        let (ended, last) = last_order(async |_: &Guard| panic!("planted"));
        assert_eq!(ended, Err("panic".to_owned()));
        assert!(last.contains("\"release\""), "{last}");
    }

    #[test]
    fn a_panic_of_a_task_ends_the_loop_and_releases_every_output() {
        let (ended, last) = last_order(async |guard: &Guard| {
            tokio::spawn(async { panic!("planted") });
            guard.fallen().await;
            Err("something panicked".into())
        });
        assert_eq!(ended, Err("something panicked".to_owned()));
        assert!(last.contains("\"release\""), "{last}");
    }

    /// Runs in a process of its own: the hook is the whole process's.
    #[test]
    fn what_a_panic_says_is_said_nowhere() {
        const CHILD: &str = "CABINETD_TEST_PANICS";
        if std::env::var_os(CHILD).is_some() {
            let (log, writer) = journal::start(journal::Sink::Stderr(journal::Dress::Plain)).expect("a thread");
            tracing_subscriber::registry().with(log).init();
            let guard = Guard::default();
            guard.listen();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let ended = guard.run(&runtime, async {
                tokio::spawn(async { panic!("the PIN is {}", 482_913) });
                guard.fallen().await;
                Err("something panicked".into())
            });
            drop(writer);
            std::process::exit(i32::from(ended.is_err()));
        }
        let name = "daemon::guard::tests::what_a_panic_says_is_said_nowhere";
        let child = std::process::Command::new(std::env::current_exe().expect("this program"))
            .args([name, "--exact", "--nocapture"])
            .env(CHILD, "1")
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&child.stderr) + String::from_utf8_lossy(&child.stdout);
        assert_eq!(child.status.code(), Some(1), "{said}");
        assert!(said.contains("panicked at src/daemon/guard.rs"), "{said}");
        assert!(!said.contains("482913"), "{said}");
    }
}
