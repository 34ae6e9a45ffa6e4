//! Keeps the daemon running: starts it, seeds it once, tells how it died, starts it again, and ends it.

use super::dir::{Folder, Plan, keep};
use super::people::Sample;
use super::tell::{News, Teller};
use super::{DemoError, seams};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// The pause before it is started again; it doubles while the daemon dies young, up to the second figure.
const PAUSE_MS: (u64, u64) = (1_000, 16_000);
/// Younger than this it dies young.
const YOUNG: Duration = Duration::from_secs(10);
/// How long it may take to end when it is told to.
const END: Duration = Duration::from_secs(8);
/// A log longer than this is begun anew at the next start.
const LONGEST_LOG: u64 = 16 * 1024 * 1024;
/// How long the daemon may take to take the roster in, how often this looks for it, and how often it is asked.
const READY: (Duration, Duration, Duration) =
    (Duration::from_secs(30), Duration::from_millis(100), Duration::from_secs(3));

/// Runs the daemon until told to stop.
pub(super) fn keep_running(
    folder: &Folder,
    sample: Sample,
    teller: Teller,
    stop: watch::Receiver<bool>,
) -> Result<impl Future<Output = ()> + Send + use<>, DemoError> {
    let program = std::env::current_exe().map_err(DemoError::NoSelf)?;
    let (dir, config, log) = (folder.path.clone(), folder.config(), folder.log());
    let keeper = Keeper { program, dir, config, log, plan: folder.plan.clone(), sample, teller, stop };
    Ok(keeper.run())
}

struct Keeper {
    program: PathBuf,
    dir: PathBuf,
    config: PathBuf,
    log: PathBuf,
    plan: Plan,
    sample: Sample,
    teller: Teller,
    stop: watch::Receiver<bool>,
}

impl Keeper {
    async fn run(mut self) {
        self.end_orphan().await;
        let mut pause_ms = PAUSE_MS.0;
        while !*self.stop.borrow() {
            let began = Instant::now();
            match self.start() {
                Ok(child) => {
                    if let Some(pid) = child.id() {
                        self.teller.tell(News::DaemonStarted { pid });
                        // For people who want to kill it, and for the next demo to find it.
                        let _ = std::fs::write(self.pid_file(), pid.to_string());
                    }
                    let Some(status) = self.watch(child).await else { return };
                    pause_ms = if began.elapsed() < YOUNG { pause_ms } else { PAUSE_MS.0 };
                    let last_words = if status.signal().is_none() { last_line(&self.log) } else { None };
                    self.teller.tell(News::DaemonDied { how: how(status), again_in_ms: pause_ms, last_words });
                }
                Err(why) => self.teller.tell(News::DaemonNotStarted { why: why.to_string() }),
            }
            tokio::select! {
                () = sleep(Duration::from_millis(pause_ms)) => {}
                _ = self.stop.changed() => return,
            }
            pause_ms = (pause_ms * 2).min(PAUSE_MS.1);
        }
    }

    fn start(&self) -> std::io::Result<Child> {
        let is_full = std::fs::metadata(&self.log).is_ok_and(|file| file.len() > LONGEST_LOG);
        let log = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.log)?;
        if is_full {
            log.set_len(0)?;
        }
        Command::new(&self.program)
            .arg("run")
            .arg("--config")
            .arg(&self.config)
            .env("CABINETD_DIR", &self.dir)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C is for the demo alone, which then ends the daemon in good order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }

    fn pid_file(&self) -> PathBuf {
        self.dir.join("run/daemon.pid")
    }

    /// Ends the daemon that a killed demo left behind: it would hold the ledger's lock. The folder's lock is held, so that
    /// demo is gone; that the process is this folder's daemon is seen from its command line.
    async fn end_orphan(&self) {
        let Some(pid) = std::fs::read_to_string(self.pid_file()).ok().and_then(|text| text.trim().parse().ok()) else {
            return;
        };
        let command_line = PathBuf::from(format!("/proc/{pid}/cmdline"));
        let config = self.config.as_os_str().as_encoded_bytes();
        let is_ours = || {
            std::fs::read(&command_line)
                .is_ok_and(|line| line.split(|byte| *byte == 0).any(|argument| argument == config))
        };
        let Some(process) = Pid::from_raw(pid).filter(|_| is_ours()) else { return };
        self.teller.tell(News::OrphanEnded { pid });
        let _ = kill_process(process, Signal::TERM);
        let begin = Instant::now();
        while is_ours() {
            if begin.elapsed() > END {
                let _ = kill_process(process, Signal::KILL);
                return;
            }
            sleep(READY.1).await;
        }
    }

    /// Waits for its death, and tells how; none when it was told to end.
    async fn watch(&mut self, mut child: Child) -> Option<ExitStatus> {
        let mut stop = self.stop.clone();
        let ended = tokio::select! {
            status = child.wait() => Some(status),
            _ = stop.changed() => None,
            () = self.seed(), if !self.plan.seeded => {
                // Seeded, or given up for this life of the daemon.
                tokio::select! {
                    status = child.wait() => Some(status),
                    _ = stop.changed() => None,
                }
            }
        };
        if let Some(status) = ended {
            status.ok()
        } else {
            end(&mut child).await;
            None
        }
    }

    /// Imports the sample roster once the daemon is ready.
    async fn seed(&mut self) {
        let socket = self.dir.join("run/control.sock");
        let begin = Instant::now();
        loop {
            let mut pause = READY.1;
            let why = match tokio::net::UnixStream::connect(&socket).await {
                Ok(_) => {
                    pause = READY.2;
                    let (dir, sample) = (self.dir.clone(), self.sample.clone());
                    match tokio::task::spawn_blocking(move || seams::seed_roster(&dir, &sample)).await {
                        Ok(Ok(())) => break,
                        Ok(Err(why)) => why,
                        Err(why) => why.to_string(),
                    }
                }
                Err(why) => format!("the daemon does not listen at {} ({why})", socket.display()),
            };
            if begin.elapsed() > READY.0 {
                self.teller.tell(News::RosterNotIn { why });
                return;
            }
            sleep(pause).await;
        }
        self.plan.seeded = true;
        let (people, keys) = (self.sample.people.len(), self.sample.keys.len());
        self.teller.tell(News::RosterIn { people, keys });
        if let Err(why) = keep(&self.dir, &self.plan) {
            self.teller.tell(News::RosterNotIn { why: why.to_string() });
        }
    }
}

/// Asks it to end, and makes it end when it does not.
async fn end(child: &mut Child) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It cannot be reaped and reused: nobody waits for it but this task.
        let _ = kill_process(pid, Signal::TERM);
    }
    if timeout(END, child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}

fn how(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(9), _) => "was killed (SIGKILL)".to_owned(),
        (Some(signal), _) => format!("died of signal {signal}"),
        (None, Some(0)) => "ended by itself".to_owned(),
        (None, code) => format!("ended with exit code {}", code.unwrap_or(-1)),
    }
}

/// The last line of the daemon's log.
fn last_line(log: &Path) -> Option<String> {
    const TAIL: u64 = 4096;
    let mut file = File::open(log).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL))).ok()?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail).ok()?;
    let text = String::from_utf8_lossy(&tail);
    text.lines().rev().find(|line| !line.trim().is_empty()).map(|line| line.trim().to_owned())
}
