//! The daemon, as its control socket shows it.

use super::words::{parted, sentence};
use super::{Finding, Id};

/// What was seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Facts {
    /// It answers.
    Running { full: bool, alarms: Vec<AlarmFact> },
    /// Nobody listens. With `ever`, there is a ledger: it ran before.
    Down { ever: bool },
    /// This account must not ask, or the answer could not be read; with what to do.
    Unknown { text: String },
    /// Somebody listens and does not answer.
    Stuck { text: String },
}

/// An open alarm.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AlarmFact {
    /// 1 = look when there is time, 2 = look today, 3 = look now.
    pub level: u8,
    pub sentence: String,
    pub acknowledged: bool,
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let (full, alarms) = match facts {
        Facts::Running { full, alarms } => (*full, alarms),
        Facts::Down { ever: true } => {
            return vec![Finding::warning(
                Id::DaemonRunning,
                "The daemon does not run, so the cabinet opens for nobody.",
                "Start it (`systemctl start cabinetd`); `journalctl -u cabinetd` says why it ended.",
            )];
        }
        Facts::Down { ever: false } => {
            return vec![Finding::note(
                Id::DaemonRunning,
                "The daemon was never started here.",
                "Start it when the rest of this check is fine: `systemctl enable --now cabinetd`.",
            )];
        }
        Facts::Unknown { text } => {
            let (what, remedy) = parted(text);
            return vec![Finding::unknown(Id::DaemonRunning, what, remedy)];
        }
        Facts::Stuck { text } => {
            let (what, remedy) = parted(text);
            return vec![Finding::failure(Id::DaemonRunning, what, remedy)];
        }
    };
    let mut findings = vec![Finding::fine(Id::DaemonRunning, "The daemon runs and answers.")];
    findings.push(if full {
        Finding::failure(
            Id::DaemonStore,
            "The disk is full: nothing can be recorded, so nothing opens.",
            "Make room on the disk of the state directory; it is noticed without a restart.",
        )
    } else {
        Finding::fine(Id::DaemonStore, "The daemon can record what happens.")
    });
    let waiting: Vec<&AlarmFact> = alarms.iter().filter(|alarm| !alarm.acknowledged).collect();
    let worst = waiting.iter().max_by_key(|alarm| alarm.level);
    findings.push(match (worst, alarms.len()) {
        (Some(worst), _) => {
            let others = match waiting.len() - 1 {
                0 => String::new(),
                more => format!(" (and {more} more)"),
            };
            let what = format!("An alarm waits for somebody{others}: {}", sentence(&worst.sentence));
            Finding::warning(Id::DaemonAlarms, what, "See to it; `cabinetd alarm list` shows them with what to do.")
        }
        (None, 0) => Finding::fine(Id::DaemonAlarms, "No alarm is open."),
        (None, open) => Finding::note(
            Id::DaemonAlarms,
            format!(
                "Somebody looks after {}.",
                if open == 1 { "the open alarm".to_owned() } else { format!("the {open} open alarms") }
            ),
            "They end when their cause does; `cabinetd alarm list` shows them.",
        ),
    });
    findings
}
