//! The disk under the ledger: room, kind, and how it is mounted; and whether the log outlives the power. Nothing is written to try it.

use super::{Finding, Id};

/// What was seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// The state directory.
    pub dir: String,
    /// None: there is no such folder yet. An error: it cannot be looked at.
    pub disk: Result<Option<Disk>, String>,
    pub journal: Journal,
}

/// Where systemd keeps the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Journal {
    /// On the disk.
    Kept,
    /// In memory.
    Volatile,
    /// There is none on this machine.
    None,
}

/// The file system that the state directory is on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Disk {
    /// For an account that is not root.
    pub free_bytes: u64,
    pub total_bytes: u64,
    /// As in `/proc/self/mountinfo`; none where that could not be read.
    pub kind: Option<String>,
    /// Options of the mount and of the file system.
    pub options: Vec<String>,
}

/// Below this a card is full within days: the journal and the ledger grow.
const LITTLE_BYTES: u64 = 200 << 20;
/// Below this the ledger may be refused room at any time: it grows by 1 MiB, and wants 4 MiB free to go on after a full disk.
const NO_BYTES: u64 = 8 << 20;

/// File systems that end with the power.
const IN_MEMORY: [&str; 3] = ["tmpfs", "ramfs", "rootfs"];
/// File systems that a crash-safe ledger can stand on.
const SOUND: [&str; 7] = ["ext4", "ext3", "xfs", "btrfs", "f2fs", "zfs", "bcachefs"];
/// Options with which a sync reaches no further than the device's own cache.
const HOLLOW: [&str; 3] = ["nobarrier", "barrier=0", "fsync_mode=nobarrier"];

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings = state_dir(facts);
    findings.extend(journal(facts.journal));
    findings
}

fn journal(journal: Journal) -> Option<Finding> {
    let id = Id::DiskJournal;
    match journal {
        Journal::Kept => Some(Finding::fine(id, "The log outlives a power-off.")),
        Journal::Volatile => Some(Finding::warning(
            id,
            "The log is kept in memory: after a night of sleeps nothing of it is left.",
            "Install the drop-in 60-cabinetd-journald.conf (docs/install.md), or `Storage=persistent` in journald.conf; then \
             `systemctl restart systemd-journald`.",
        )),
        Journal::None => None,
    }
}

fn state_dir(facts: &Facts) -> Vec<Finding> {
    let disk = match &facts.disk {
        Ok(Some(disk)) => disk,
        Ok(None) => {
            return vec![Finding::note(
                Id::DiskStateDir,
                format!("{} is not there yet.", facts.dir),
                "It is made at the first start; check again then.",
            )];
        }
        Err(why) => {
            let what = format!("{} cannot be looked at: {why}.", facts.dir);
            return vec![Finding::unknown(
                Id::DiskStateDir,
                what,
                "Run the check with `sudo`, or as the daemon's account.",
            )];
        }
    };
    vec![Finding::fine(Id::DiskStateDir, format!("{} is there.", facts.dir)), room(disk), kind(disk), mount(disk)]
}

fn room(disk: &Disk) -> Finding {
    let id = Id::DiskRoom;
    let mib = |bytes: u64| bytes >> 20;
    let what = format!("The ledger's disk has {} of {} MiB free.", mib(disk.free_bytes), mib(disk.total_bytes));
    if disk.free_bytes < NO_BYTES {
        let remedy = "Make room now, or nothing opens: `journalctl --vacuum-size=50M`, `apt-get clean`, then look for what fills it.";
        return Finding::failure(id, what, remedy);
    }
    if disk.free_bytes < LITTLE_BYTES {
        let remedy = "Make room: `journalctl --vacuum-size=50M`, `apt-get clean`, or a larger card.";
        return Finding::warning(id, what, remedy);
    }
    Finding::fine(id, what)
}

fn kind(disk: &Disk) -> Finding {
    let id = Id::DiskFileSystem;
    match disk.kind.as_deref() {
        None => Finding::unknown(
            id,
            "The kind of the ledger's file system is not known.",
            "Mount /proc for this process, so that mountinfo can be read.",
        ),
        Some(kind) if SOUND.contains(&kind) => Finding::fine(id, format!("The ledger's file system is {kind}.")),
        Some(kind) if IN_MEMORY.contains(&kind) => Finding::failure(
            id,
            format!("The ledger's file system is {kind}: what it holds is gone with the power."),
            "Put `state_dir` on a disk or card; on a read-only system with an overlay, give it a partition of its own.",
        ),
        // What is under it this process cannot tell: a disk, or memory.
        Some("overlay") => Finding::warning(
            id,
            "The ledger's file system is an overlay: on a Pi that is set to a read-only system, what it holds is gone with the power.",
            "Give `state_dir` a partition of its own, or switch the overlay off (`raspi-config`, Performance).",
        ),
        Some(kind) => Finding::warning(
            id,
            format!(
                "The ledger's file system is {kind}, of which nobody has tried whether it keeps a ledger across a power cut."
            ),
            "Put `state_dir` on ext4, xfs, btrfs or f2fs of this machine; network and FAT file systems lose or tear records.",
        ),
    }
}

fn mount(disk: &Disk) -> Finding {
    let id = Id::DiskMount;
    let has = |option: &str| disk.options.iter().any(|found| found == option);
    if disk.kind.is_none() {
        return Finding::unknown(
            id,
            "How the ledger's file system is mounted is not known.",
            "Mount /proc for this process.",
        );
    }
    if has("ro") {
        return Finding::failure(
            id,
            "The ledger's file system is mounted read-only, often after an error of the card.",
            "`dmesg` says why; `mount -o remount,rw` if it was on purpose, a new card if it was not.",
        );
    }
    if let Some(option) = HOLLOW.iter().find(|option| has(option)) {
        return Finding::failure(
            id,
            format!(
                "The ledger's file system is mounted with {option}: a power cut loses records that were acknowledged."
            ),
            format!("Take {option} out of /etc/fstab, and restart."),
        );
    }
    Finding::fine(id, "The ledger's file system can be written, and a sync is one.")
}
