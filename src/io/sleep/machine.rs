//! Powering the machine off through logind, telling a shutdown from a restart of the daemon, and what the kernel says of its clock.
//!
//! They ask `systemctl` and `timedatectl`, which speak D-Bus so that we need not. The daemon is no root: logind asks polkit, whose rule
//! (`cabinetd power recipe`) gives the daemon's account just `power-off` and `power-off-multiple-sessions`.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio::time::timeout;

/// What is kept of what the program says.
const LONGEST_WORDS: u64 = 2_048;

/// The machine that we run on, through its `systemctl` and `timedatectl`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Machine {
    /// `/usr/bin/systemctl`.
    pub systemctl: PathBuf,
    /// `/usr/bin/timedatectl`.
    pub timedatectl: PathBuf,
    /// `/run/nologin`, which systemd makes when the machine goes down.
    pub nologin: PathBuf,
    /// The longest time that a power-off may take to be accepted (10 s as shipped).
    pub power_off_deadline: Duration,
    /// The longest time in which systemd is asked, as often as need be (5 s as shipped): a Pi that goes down is busy, and
    /// `TimeoutStopSec=` leaves 30 s for it and the books.
    pub ask_deadline: Duration,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            systemctl: PathBuf::from("/usr/bin/systemctl"),
            timedatectl: PathBuf::from("/usr/bin/timedatectl"),
            nologin: PathBuf::from("/run/nologin"),
            power_off_deadline: Duration::from_secs(10),
            ask_deadline: Duration::from_secs(5),
        }
    }
}

/// From a question to systemd that got no answer to the next.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// Whether the whole machine is going down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GoingDown {
    Yes,
    No,
    /// systemd could not be asked, and nothing else tells.
    Unknown,
}

/// Why the machine was not told to power off.
#[derive(Debug, thiserror::Error)]
pub enum PowerOffError {
    #[error("cannot start {}: {source}; is this a machine with systemd?", program.display())]
    NotStarted { program: PathBuf, source: io::Error },
    #[error("{} did not answer within {} s; is dbus running? `systemctl status dbus systemd-logind`", program.display(), after.as_secs())]
    TimedOut { program: PathBuf, after: Duration },
    #[error(
        "the account of the daemon may not power the machine off ({0}); install the polkit rule that `cabinetd power recipe` prints"
    )]
    NotAllowed(String),
    #[error("power-off was refused ({how}): {words}")]
    Refused { how: ExitStatus, words: String },
}

impl Machine {
    /// Powers the machine off. Ok means that it was accepted: within seconds systemd stops us like everything else.
    ///
    /// # Errors
    /// [`PowerOffError`]; after [`PowerOffError::TimedOut`] it may come all the same.
    pub async fn power_off(&self) -> Result<(), PowerOffError> {
        let ran =
            run(&self.systemctl, &["--no-ask-password", "--no-wall", "poweroff"], self.power_off_deadline).await?;
        if ran.how.success() {
            return Ok(());
        }
        // logind's words for "polkit would have to ask somebody", and polkit's for "no".
        let denied = ["authentication required", "Access denied", "Not authorized", "Permission denied"];
        if denied.iter().any(|words| ran.stderr.to_lowercase().contains(&words.to_lowercase())) {
            return Err(PowerOffError::NotAllowed(ran.stderr));
        }
        Err(PowerOffError::Refused { how: ran.how, words: ran.stderr })
    }

    /// Whether the SIGTERM that we got is part of a shutdown of the machine: answers within [`Machine::ask_deadline`].
    ///
    /// What is really there to see was tried on systemd 252 (Debian 12), with power-off by an ordinary user, with
    /// `shutdown -h +0` by root, during a boot that had not ended, and with a mere restart of the service:
    ///
    /// - `systemctl is-system-running` says `stopping` from the moment on at which `shutdown.target` is queued, which is before
    ///   any service gets its SIGTERM. But it asks through D-Bus, and dbus-daemon is stopped at the same time as we are
    ///   unless the unit says `After=dbus.service`; without that line there is no answer.
    /// - logind's `PreparingForShutdown` is no use: logind is gone by then, and D-Bus starts it no more.
    /// - The folder `/run/systemd/shutdown` is there in normal life too; its file `scheduled` only after `shutdown`, not
    ///   after `systemctl poweroff`.
    /// - `/run/nologin` is made by systemd-user-sessions when it stops, at about the same time as we do, and by logind five minutes
    ///   ahead of a planned shutdown; so it proves nothing by itself. It counts only when systemd cannot be asked.
    /// - One question is not enough: systemd signals a unit's processes until it finds no new ones, so a `systemctl` started
    ///   within moments of our own SIGTERM may get one too; and it may be asked before there is a `nologin`.
    pub async fn is_going_down(&self) -> GoingDown {
        // What tells where systemd does not.
        let otherwise = || if self.nologin.exists() { GoingDown::Yes } else { GoingDown::Unknown };
        let answer = async {
            let mut asked = 0;
            loop {
                let ran = run(&self.systemctl, &["is-system-running"], self.ask_deadline).await;
                match ran.as_ref().map(|ran| ran.stdout.as_str()) {
                    Ok("stopping") => return GoingDown::Yes,
                    Ok("initializing" | "starting" | "running" | "degraded" | "maintenance") => return GoingDown::No,
                    // No systemd runs this machine.
                    Ok("offline") | Err(PowerOffError::NotStarted { .. }) => return otherwise(),
                    // "unknown", nothing. One question that was cut off lets a shutdown that is planned for later count for nothing.
                    _ if asked > 0 && self.nologin.exists() => return GoingDown::Yes,
                    _ => tokio::time::sleep(ASK_AGAIN).await,
                }
                asked += 1;
            }
        };
        timeout(self.ask_deadline, answer).await.unwrap_or_else(|_| otherwise())
    }

    /// Whether the kernel says that its clock is synchronised ([`crate::io::clock::kernel`]); none if nobody answers within
    /// [`Machine::ask_deadline`].
    pub async fn clock_is_kept(&self) -> Option<bool> {
        let arguments = ["show", "--property=NTPSynchronized", "--value"];
        let ran = run(&self.timedatectl, &arguments, self.ask_deadline).await.ok()?;
        match ran.stdout.as_str() {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        }
    }
}

async fn run(program: &Path, arguments: &[&str], deadline: Duration) -> Result<Ran, PowerOffError> {
    let not_started = |source| PowerOffError::NotStarted { program: program.to_owned(), source };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Its words are looked at: they must be the same in every language. Nothing it says may be cut or paged.
    command.env("LC_ALL", "C.UTF-8").env("SYSTEMD_PAGER", "").env("SYSTEMD_COLORS", "0").kill_on_drop(true);
    let mut child = command.spawn().map_err(not_started)?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let ended = async {
        let (stdout, stderr, how) = tokio::join!(words(out), words(err), child.wait());
        how.map(|how| Ran { how, stdout, stderr })
    };
    match timeout(deadline, ended).await {
        Ok(ran) => ran.map_err(not_started),
        Err(_) => Err(PowerOffError::TimedOut { program: program.to_owned(), after: deadline }),
    }
}

struct Ran {
    how: ExitStatus,
    stdout: String,
    stderr: String,
}

/// The beginning of what it says, on one line; the rest is read and forgotten.
async fn words(stream: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut stream) = stream else { return String::new() };
    let mut bytes = Vec::new();
    // What cannot be read was not said.
    let _ = (&mut stream).take(LONGEST_WORDS).read_to_end(&mut bytes).await;
    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("; ").replace(|letter: char| letter.is_control(), "?")
}

impl fmt::Display for GoingDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yes => "the machine is going down",
            Self::No => "the machine stays up",
            Self::Unknown => "systemd did not say whether the machine is going down",
        })
    }
}

impl Machine {
    /// The same machine with another program in place of both, for tests and rehearsals.
    #[must_use]
    pub fn through(program: &Path) -> Self {
        Self { systemctl: program.to_owned(), timedatectl: program.to_owned(), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    /// A program that does this, and the folder that it is in. Another process writes it: a file that is open for writing
    /// here could not be run while some other test starts a program.
    fn program(text: &str) -> (tempfile::TempDir, Machine) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("systemctl");
        let mut install = std::process::Command::new("install");
        install.args(["-m", "755", "/dev/stdin"]).arg(&path).stdin(Stdio::piped());
        let mut child = install.spawn().unwrap();
        let text = format!("#!/bin/sh\necho \"$@\" > {}/asked\n{text}\n", dir.path().display());
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        let nologin = dir.path().join("nologin");
        let deadline = Duration::from_secs(3);
        let machine =
            Machine { nologin, power_off_deadline: deadline, ask_deadline: deadline, ..Machine::through(&path) };
        (dir, machine)
    }

    #[tokio::test]
    async fn power_off_asks_logind_and_nobody_at_a_terminal() {
        let (dir, machine) = program("exit 0");
        machine.power_off().await.unwrap();
        let asked = std::fs::read_to_string(dir.path().join("asked")).unwrap();
        assert_eq!(asked.trim(), "--no-ask-password --no-wall poweroff");
    }

    #[tokio::test]
    async fn a_refusal_says_what_to_do() {
        let (_dir, machine) =
            program("echo 'Call to PowerOff failed: Interactive authentication required.' >&2; exit 1");
        let error = machine.power_off().await.unwrap_err();
        assert!(matches!(error, PowerOffError::NotAllowed(_)), "{error}");
        assert!(error.to_string().contains("polkit rule that `cabinetd power recipe` prints"), "{error}");

        let (_dir, machine) = program("echo 'Operation inhibited by \"apt\"' >&2; echo 'second line' >&2; exit 1");
        let error = machine.power_off().await.unwrap_err().to_string();
        assert!(error.contains("exit status: 1") && error.ends_with("inhibited by \"apt\"; second line"), "{error}");

        let nothing = Machine::through(Path::new("/nonexistent/systemctl"));
        let error = nothing.power_off().await.unwrap_err();
        assert!(matches!(error, PowerOffError::NotStarted { .. }), "{error}");
        assert_eq!(nothing.is_going_down().await, GoingDown::Unknown);
    }

    #[tokio::test]
    async fn one_that_hangs_or_never_stops_talking_is_left_behind() {
        let (_dir, machine) = program("exec sleep 60");
        let error = machine.power_off().await.unwrap_err();
        assert!(matches!(error, PowerOffError::TimedOut { .. }), "{error}");
        assert_eq!(machine.is_going_down().await, GoingDown::Unknown);
        let (_dir, machine) = program("while :; do echo chatter >&2; done");
        assert!(matches!(machine.power_off().await, Err(PowerOffError::TimedOut { .. })));
        let (_dir, machine) = program("head -c 1000000 /dev/zero >&2; exit 3");
        let error = machine.power_off().await.unwrap_err().to_string();
        assert!(error.len() < 3_000 && error.contains("exit status: 3"), "{}", error.len());
    }

    #[tokio::test]
    async fn a_shutdown_is_told_from_a_restart() {
        for (word, code, expected) in [
            ("stopping", 1, GoingDown::Yes),
            ("running", 0, GoingDown::No),
            ("degraded", 1, GoingDown::No),
            ("starting", 1, GoingDown::No),
            ("unknown", 1, GoingDown::Unknown),
            ("offline", 1, GoingDown::Unknown),
            ("", 1, GoingDown::Unknown),
        ] {
            let (_dir, machine) = program(&format!("echo '{word}'; exit {code}"));
            assert_eq!(machine.is_going_down().await, expected, "{word}");
        }
    }

    /// As when the first `systemctl` gets the SIGTERM that was meant for us, or when D-Bus is not yet there again.
    #[tokio::test]
    async fn a_question_without_an_answer_is_asked_again() {
        let (dir, machine) = program("cd ${0%/*}; [ -e once ] && echo stopping && exit 1; touch once; kill -TERM $$");
        assert_eq!(machine.is_going_down().await, GoingDown::Yes);
        assert!(dir.path().join("once").exists());
        let (_dir, machine) = program("cd ${0%/*}; [ -e once ] && touch nologin; touch once; exit 1");
        assert_eq!(machine.is_going_down().await, GoingDown::Yes, "made a moment later");
        let (dir, machine) = program("cd ${0%/*}; [ -e once ] && echo running && exit; touch once; kill -TERM $$");
        std::fs::write(&machine.nologin, "").unwrap();
        assert_eq!(machine.is_going_down().await, GoingDown::No, "a shutdown is planned, and this is a restart");
        assert!(dir.path().join("once").exists());
    }

    #[tokio::test]
    async fn the_kernels_word_on_the_clock_is_yes_no_or_none() {
        let (dir, machine) = program("echo yes");
        assert_eq!(machine.clock_is_kept().await, Some(true));
        let asked = std::fs::read_to_string(dir.path().join("asked")).unwrap();
        assert_eq!(asked.trim(), "show --property=NTPSynchronized --value");
        for (does, expected) in
            [("echo no", Some(false)), ("echo Host is down >&2; exit 1", None), ("exec sleep 60", None)]
        {
            let (_dir, machine) = program(does);
            assert_eq!(machine.clock_is_kept().await, expected, "{does}");
        }
        assert_eq!(Machine::through(Path::new("/nonexistent/timedatectl")).clock_is_kept().await, None);
    }

    #[tokio::test]
    async fn nologin_counts_only_when_systemd_cannot_be_asked() {
        let (_dir, machine) = program("echo 'Transport endpoint is not connected' >&2; echo unknown; exit 1");
        std::fs::write(&machine.nologin, "").unwrap();
        assert_eq!(machine.is_going_down().await, GoingDown::Yes);
        let (_dir, machine) = program("echo running");
        std::fs::write(&machine.nologin, "").unwrap();
        assert_eq!(machine.is_going_down().await, GoingDown::No, "somebody planned one, or keeps people out");
    }
}
