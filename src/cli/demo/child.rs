//! Keeps the daemon running: starts it, seeds it once, tells how it died, starts it again, and ends it.

use super::dir::{Folder, Plan, keep};
use super::people::Sample;
use super::tell::{News, Teller};
use super::{DemoError, seams};
use crate::io::clock;
use crate::io::clock::sim::VARIABLE;
use crate::io::sim::bench::Machine;
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
/// How often the machine's power is looked at, and how long it takes to come up.
const LOOK: Duration = Duration::from_millis(200);
const BOOT: Duration = Duration::from_secs(3);
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
    power: Power,
    stop: watch::Receiver<bool>,
) -> Result<impl Future<Output = ()> + Send + use<>, DemoError> {
    let program = std::env::current_exe().map_err(DemoError::NoSelf)?;
    let (dir, config, log) = (folder.path.clone(), folder.config(), folder.log());
    let keeper = Keeper {
        program,
        dir,
        config,
        log,
        plan: folder.plan.clone(),
        sample,
        teller,
        power,
        boots: 0,
        booted_ms: 0,
        stop,
    };
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
    power: Power,
    /// Boots of the simulated machine so far, and when the last one began by the real boot clock.
    boots: u32,
    booted_ms: u64,
    stop: watch::Receiver<bool>,
}

/// What the simulated machine hangs on.
pub(super) struct Power {
    /// Whether the UPS gives it power.
    pub(super) output: Box<dyn Fn() -> bool + Send + Sync>,
    pub(super) switch: watch::Sender<Machine>,
    pub(super) machine: watch::Receiver<Machine>,
    /// What is said of its clock, beside the boot.
    pub(super) clock: &'static str,
}

/// How the daemon's life ended.
enum Ended {
    Died(ExitStatus),
    /// The demo ends.
    Told,
    /// The machine went off under it.
    Off(Off),
}

/// How the machine went off under its daemon.
enum Off {
    /// The UPS cut its output: a hard end.
    Cut,
    /// It was told to power off.
    Halted,
}

impl Power {
    fn is_on(&self) -> bool {
        (self.output)() && *self.machine.borrow() == Machine::On
    }

    /// Waits until the machine goes off.
    async fn goes_off(&self) -> Off {
        loop {
            if !(self.output)() {
                return Off::Cut;
            }
            if *self.machine.borrow() != Machine::On {
                return Off::Halted;
            }
            sleep(LOOK).await;
        }
    }

    /// Waits until it is on again: a button, its clock, or its supply that had gone and came back.
    async fn comes_on(&self) {
        let began = Instant::now();
        let mut went_dark = false;
        while !self.is_on() {
            let output = (self.output)();
            let by_clock = match *self.machine.borrow() {
                Machine::On => None,
                Machine::Off { wake_after_ms } => wake_after_ms.map(Duration::from_millis),
            };
            let is_due = by_clock.is_some_and(|after| began.elapsed() >= after);
            if output && (is_due || went_dark) {
                self.switch.send_replace(Machine::On);
            }
            went_dark |= !output;
            sleep(LOOK).await;
        }
    }
}

impl Keeper {
    async fn run(mut self) {
        self.end_orphan().await;
        let mut pause_ms = PAUSE_MS.0;
        let mut is_up = false;
        while !*self.stop.borrow() {
            let mut stop = self.stop.clone();
            if !is_up {
                tokio::select! {
                    () = self.power.comes_on() => {}
                    _ = stop.changed() => return,
                }
                self.boots += 1;
                self.booted_ms = clock::real().0.0;
                is_up = true;
                if self.boots > 1 {
                    self.teller.tell(News::MachineStarts);
                    sleep(BOOT).await;
                }
            }
            let began = Instant::now();
            match self.start() {
                Ok(child) => {
                    if let Some(pid) = child.id() {
                        self.teller.tell(News::DaemonStarted { pid });
                        // For people who want to kill it, and for the next demo to find it.
                        let _ = std::fs::write(self.pid_file(), pid.to_string());
                    }
                    let status = match self.watch(child).await {
                        Ended::Died(status) => status,
                        Ended::Told => return,
                        Ended::Off(off) => {
                            self.teller.tell(News::MachineOff { cut: matches!(off, Off::Cut) });
                            (is_up, pause_ms) = (false, PAUSE_MS.0);
                            continue;
                        }
                    };
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
            // The simulated machine has a clock chip: where this one's clock is not verified, it is good enough for it.
            .env(VARIABLE, format!("boot={},booted_ms={}{}", self.boots, self.booted_ms, self.power.clock))
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

    /// Waits for its end.
    async fn watch(&mut self, mut child: Child) -> Ended {
        let mut stop = self.stop.clone();
        let mut seeds = !self.plan.seeded;
        loop {
            tokio::select! {
                status = child.wait() => return status.map_or(Ended::Told, Ended::Died),
                _ = stop.changed() => {
                    end(&mut child).await;
                    return Ended::Told;
                }
                off = self.power.goes_off() => {
                    match off {
                        Off::Cut => drop(child.kill().await),
                        Off::Halted => end(&mut child).await,
                    }
                    return Ended::Off(off);
                }
                // Seeded, or given up for this life of the daemon.
                () = seed(&self.dir, &self.sample, &mut self.plan, &self.teller), if seeds => seeds = false,
            }
        }
    }
}

/// Imports the sample roster once the daemon is ready.
async fn seed(dir: &Path, sample: &Sample, plan: &mut Plan, teller: &Teller) {
    let socket = dir.join("run/control.sock");
    let begin = Instant::now();
    loop {
        let mut pause = READY.1;
        let why = match tokio::net::UnixStream::connect(&socket).await {
            Ok(_) => {
                pause = READY.2;
                let (dir, sample) = (dir.to_owned(), sample.clone());
                match tokio::task::spawn_blocking(move || seams::seed_roster(&dir, &sample)).await {
                    Ok(Ok(())) => break,
                    Ok(Err(why)) => why,
                    Err(why) => why.to_string(),
                }
            }
            Err(why) => format!("the daemon does not listen at {} ({why})", socket.display()),
        };
        if begin.elapsed() > READY.0 {
            teller.tell(News::RosterNotIn { why });
            return;
        }
        sleep(pause).await;
    }
    plan.seeded = true;
    let (people, keys) = (sample.people.len(), sample.keys.len());
    teller.tell(News::RosterIn { people, keys });
    if let Err(why) = keep(dir, plan) {
        teller.tell(News::RosterNotIn { why: why.to_string() });
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
