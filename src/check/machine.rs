//! The machine: memory, and whether anything restarts it when it hangs.

use super::{Finding, Id};

/// What was seen.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Facts {
    /// Of `/proc/meminfo`; none if that cannot be read.
    pub memory: Option<Memory>,
    pub watchdogs: Vec<Watchdog>,
}

/// Bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Memory {
    pub total: u64,
    /// For new programs, without what the kernel can give back.
    pub available: u64,
}

/// One of `/sys/class/watchdog`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Watchdog {
    pub name: String,
    /// Somebody feeds it, and it would restart the machine.
    pub is_armed: bool,
    /// Seconds until it does; none if the driver does not say.
    pub timeout_s: Option<u32>,
}

/// A PIN check takes 19 MiB for a moment, the ledger's cache and the log a few more: below this the kernel begins to kill.
const LITTLE: u64 = 48 << 20;
/// Below this an update or a large export may bring it there.
const SCARCE: u64 = 128 << 20;

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    vec![memory(facts.memory), watchdog(&facts.watchdogs)]
}

fn memory(memory: Option<Memory>) -> Finding {
    let id = Id::MachineMemory;
    let Some(Memory { total, available }) = memory else {
        return Finding::unknown(
            id,
            "The kernel does not say how much memory is left.",
            "Mount /proc for this process.",
        );
    };
    let what = format!("{} of {} MiB of memory are available.", available >> 20, total >> 20);
    let remedy =
        "`ps aux --sort=-rss` shows what takes it; the daemon itself needs some 20 MiB, and 20 more for a PIN.";
    match available {
        0..LITTLE => Finding::failure(id, what, remedy),
        LITTLE..SCARCE => Finding::warning(id, what, remedy),
        _ => Finding::fine(id, what),
    }
}

fn watchdog(watchdogs: &[Watchdog]) -> Finding {
    let id = Id::MachineWatchdog;
    let remedy = "`RuntimeWatchdogSec=15s` under [Manager] in /etc/systemd/system.conf.d/watchdog.conf, then `systemctl daemon-reexec`: \
                  systemd feeds it, and a machine that hangs restarts.";
    match (watchdogs.iter().find(|dog| dog.is_armed), watchdogs.first()) {
        (Some(Watchdog { name, timeout_s, .. }), _) => {
            let after = timeout_s.map_or_else(String::new, |seconds| format!(" after {seconds} s"));
            Finding::fine(id, format!("A machine that hangs is restarted{after} ({name})."))
        }
        (None, Some(Watchdog { name, .. })) => {
            let what = format!(
                "Nobody feeds the machine's watchdog ({name}): if the kernel hangs, only a person restarts it."
            );
            Finding::warning(id, what, remedy)
        }
        (None, None) => Finding::note(
            id,
            "This machine has no watchdog that the kernel knows: if it hangs, only a person restarts it.",
            "A Raspberry Pi has one (`dtparam=watchdog=on` in config.txt); in a virtual machine its host may.",
        ),
    }
}
