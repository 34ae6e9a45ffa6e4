//! The guide's surroundings: the daemon, the person at the terminal, Ctrl-C, time.

use super::guide::{Heard, Outcome, World};
use super::network::{self, Network};
use crate::cabinet::event::DrillStep;
use crate::cabinet::outcome::Answer;
use crate::cabinet::snapshot::Snapshot;
use crate::cli::live::words::{Tone, clean, paragraph};
use crate::cli::live::{self, Output, Paint, Place};
use crate::io::clock::Clock;
use crate::io::control::wire::Ask;
use crate::io::control::{Client, ClientError, new_request_key};
use std::io::{self, BufRead as _, IsTerminal as _, Write};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How often the daemon is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// The real ones.
pub struct Real {
    run_dir: PathBuf,
    output: Output,
    paint: Paint,
    columns: usize,
    /// Text goes to standard output, unless that is for JSON.
    to_stderr: bool,
    is_terminal: bool,
    /// Somebody is at the keyboard and is to be asked.
    has_person: bool,
    heard: Receiver<Heard>,
    clock: Clock,
    /// A line that is overwritten by the next.
    pending: bool,
    /// What was awaited last, where nothing can be overwritten.
    awaited: String,
    network: Option<Receiver<Network>>,
}

impl Real {
    /// Listens for signals and, unless `quiet`, for a person.
    ///
    /// # Errors
    /// What does not work, in words.
    pub fn new(place: &Place, output: Output, quiet: bool) -> Result<Self, String> {
        let clock = Clock::new(None).map_err(|error| error.to_string())?;
        let to_stderr = output.json;
        let is_terminal = if to_stderr { io::stderr().is_terminal() } else { io::stdout().is_terminal() };
        let has_person = !quiet && io::stdin().is_terminal();
        let (tells, heard) = mpsc::channel();
        listen_for_signals(tells.clone())?;
        if has_person {
            thread::spawn(move || listen_for_lines(&tells));
        }
        Ok(Self {
            run_dir: place.run_dir.clone(),
            output,
            paint: output.paint(is_terminal),
            columns: live::columns(is_terminal),
            to_stderr,
            is_terminal,
            has_person,
            heard,
            clock,
            pending: false,
            awaited: String::new(),
            network: None,
        })
    }

    /// The last word.
    pub fn end(&mut self, outcome: &Outcome) {
        self.clear();
        if self.output.json {
            // Nobody is left to be told that telling failed.
            let _ = writeln!(io::stdout(), "{}", outcome.json);
        }
    }

    fn write(&mut self, text: &str) {
        let written = if self.to_stderr {
            let mut out = io::stderr().lock();
            out.write_all(text.as_bytes()).and_then(|()| out.flush())
        } else {
            let mut out = io::stdout().lock();
            out.write_all(text.as_bytes()).and_then(|()| out.flush())
        };
        // A terminal that is gone is noticed by its hang-up.
        drop(written);
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.pending) {
            self.write("\r\u{1b}[2K");
        }
    }
}

impl World for Real {
    fn look(&mut self) -> Result<Snapshot, ClientError> {
        Client::connect(&self.run_dir)?.status()
    }

    fn ask(&mut self, step: DrillStep) -> Result<Answer, ClientError> {
        Client::connect(&self.run_dir)?.ask(&new_request_key(), &Ask::Drill(step))
    }

    fn wait(&mut self) -> Heard {
        match self.heard.recv_timeout(LOOK) {
            Ok(heard) => heard,
            Err(RecvTimeoutError::Timeout) => Heard::Nothing,
            // The threads live as long as this process.
            Err(RecvTimeoutError::Disconnected) => {
                thread::sleep(LOOK);
                Heard::Nothing
            }
        }
    }

    fn has_person(&self) -> bool {
        self.has_person
    }

    fn question(&mut self, text: &str) -> Heard {
        if let Some(heard) = forget_lines(&self.heard) {
            return heard;
        }
        self.clear();
        let text = paragraph(self.columns, 0, 0, &clean(text));
        self.write(&format!("{} ", self.paint.tone(Tone::Strong, text.trim_end())));
        loop {
            match self.heard.recv() {
                Ok(Heard::Nothing) => {}
                Ok(heard) => return heard,
                Err(_) => return Heard::Interrupted,
            }
        }
    }

    fn say(&mut self, tone: Option<Tone>, text: &str) {
        self.clear();
        self.awaited.clear();
        let text = paragraph(self.columns, 0, 2, &clean(text));
        let text = match tone {
            Some(tone) => format!("{}\n", self.paint.tone(tone, text.trim_end())),
            None => text,
        };
        self.write(&text);
    }

    fn row(&mut self, tone: Option<Tone>, head: &str, text: &str) {
        const HEAD: usize = 18;
        self.clear();
        let text = paragraph(self.columns, 2, HEAD, &clean(&format!("{head:<HEAD$}{text}")));
        let text = match tone {
            Some(tone) => format!("{}\n", self.paint.tone(tone, text.trim_end())),
            None => text,
        };
        self.write(&text);
    }

    fn awaits(&mut self, what: &str, progress: &str) {
        if self.is_terminal {
            let mut line = format!("  … {what}");
            if !progress.is_empty() {
                line.push_str(": ");
                line.push_str(progress);
            }
            let line: String = clean(&line).chars().take(self.columns.saturating_sub(1)).collect();
            self.write(&format!("\r\u{1b}[2K{}", self.paint.tone(Tone::Doubt, &line)));
            self.pending = true;
        } else if self.awaited != what {
            what.clone_into(&mut self.awaited);
            self.write(&format!("  … {what}\n"));
        }
    }

    fn begin_network(&mut self) {
        let (done, network) = mpsc::channel();
        self.network = Some(network);
        let Ok(clock) = Clock::new(None) else { return };
        // Whoever waits for it may be gone.
        thread::spawn(move || drop(done.send(network::look(|| clock.now().mono.0))));
    }

    fn network(&mut self) -> Option<Network> {
        let found = self.network.as_ref()?.try_recv().ok()?;
        self.network = None;
        Some(found)
    }

    fn now_ms(&self) -> u64 {
        self.clock.now().mono.0
    }
}

/// Drops what was typed before there was a question: it is no answer to it. What else was heard meanwhile counts.
fn forget_lines(heard: &Receiver<Heard>) -> Option<Heard> {
    heard.try_iter().find(|heard| !matches!(heard, Heard::Nothing | Heard::Line(_)))
}

fn listen_for_lines(tells: &Sender<Heard>) {
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        if tells.send(Heard::Line(line)).is_err() {
            return;
        }
    }
    // Its keyboard is gone, or Ctrl-D: as good as Ctrl-C.
    let _ = tells.send(Heard::Interrupted);
}

fn listen_for_signals(tells: Sender<Heard>) -> Result<(), String> {
    let (ready, is_ready) = mpsc::channel();
    thread::spawn(move || {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_io().build() {
            Ok(runtime) => runtime,
            Err(error) => return drop(ready.send(Err(error.to_string()))),
        };
        runtime.block_on(async {
            let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
            let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = signals else {
                return drop(ready.send(Err("it cannot listen for Ctrl-C".to_owned())));
            };
            if ready.send(Ok(())).is_err() {
                return;
            }
            loop {
                let heard = tokio::select! {
                    _ = interrupt.recv() => Heard::Interrupted,
                    _ = terminate.recv() => Heard::Ended,
                    _ = hangup.recv() => Heard::Ended,
                };
                if tells.send(heard).is_err() {
                    return;
                }
            }
        });
    });
    is_ready.recv().unwrap_or_else(|_| Err("it cannot listen for Ctrl-C".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_before_a_question_answers_nothing() {
        let (tells, heard) = mpsc::channel();
        let tell = |what| tells.send(what).expect("somebody listens");
        tell(Heard::Line(String::new()));
        tell(Heard::Line("y".into()));
        assert_eq!(forget_lines(&heard), None);
        assert!(heard.try_recv().is_err(), "nothing is left to answer it");

        tell(Heard::Line(String::new()));
        tell(Heard::Interrupted);
        tell(Heard::Line(String::new()));
        assert_eq!(forget_lines(&heard), Some(Heard::Interrupted), "Ctrl-C is never lost");
    }
}
