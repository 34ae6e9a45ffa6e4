//! System calls and bytes of a transaction, checkpoints apart, by the difference between N and 2 N; to the files by strace, to the
//! device by the kernel's counters of a loop device of our own.

use crate::days::{Days, any_hash, settings};
use crate::gauge::report;
use crate::store::{commit, opened, outcomes};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// 2 N transactions must stay below a checkpoint.
const COUNT: u64 = 75;
const PAUSE_MS: u64 = 20;

/// Commits so many transactions, with a pause after each.
pub fn replay(dir: &Path, count: u64, pause_ms: u64) {
    let mut days = Days::new(settings(24, true), &any_hash());
    let store = opened(dir, &mut days);
    for outcome in outcomes(&mut days, count as usize).into_iter().take(count as usize) {
        commit(&store, outcome);
        std::thread::sleep(Duration::from_millis(pause_ms));
    }
    // Without the checkpoint of an orderly end.
    std::process::exit(0);
}

fn replay_command(dir: &Path, count: u64, pause_ms: u64) -> Vec<String> {
    let program = std::env::current_exe().expect("this program has a name");
    let words =
        [&program.to_string_lossy(), "replay", &dir.to_string_lossy(), &count.to_string(), &pause_ms.to_string()];
    words.into_iter().map(str::to_owned).collect()
}

pub fn measure() {
    let dir = tempfile::tempdir().expect("a folder");
    let [one, two] = [COUNT, 2 * COUNT].map(|count| traced(dir.path(), count));
    let each = |of: fn(&Calls) -> u64| (of(&two) - of(&one)) as f64 / COUNT as f64;
    report("fdatasync per transaction", "1", &format!("{:.3}", each(|calls| calls.fdatasync)));
    report("fsync per transaction", "0", &format!("{:.3}", each(|calls| calls.fsync)));
    report("bytes per transaction to the files", "≤ 3 kB", &format!("{:.0}", each(|calls| calls.bytes)));
    if rustix::process::getuid().is_root() {
        device(dir.path());
    } else {
        report(
            "device flushes and bytes per transaction",
            "≤ 1.05, ≤ 8 kB",
            "not measured: needs root for a loop device",
        );
    }
}

#[derive(Default)]
struct Calls {
    fdatasync: u64,
    fsync: u64,
    bytes: u64,
}

fn traced(dir: &Path, count: u64) -> Calls {
    let (state, log) = (dir.join(format!("state-{count}")), dir.join("strace"));
    let status = Command::new("strace")
        .args(["-f", "-y", "-e", "trace=pwrite64,pwritev,write,fdatasync,fsync", "-o"])
        .arg(&log)
        .args(replay_command(&state, count, 0))
        .status()
        .expect("strace is there: apt-get install strace");
    assert!(status.success());
    let mut calls = Calls::default();
    for line in fs::read_to_string(&log).expect("a log").lines().filter(|line| line.contains("/ledger.db")) {
        // A call that another thread interrupted is on two lines; only the first names the file, and only the sizes asked for.
        let call = line.split_once(' ').map_or("", |(_, call)| call.trim_start());
        if call.starts_with("fdatasync(") {
            calls.fdatasync += 1;
        } else if call.starts_with("fsync(") {
            calls.fsync += 1;
        } else if call.contains("write") {
            let result = line.rsplit_once("= ").and_then(|(_, result)| result.trim().parse::<u64>().ok());
            calls.bytes += result.expect("strace says how many bytes were written");
        }
    }
    calls
}

/// A file system of our own on a loop device.
struct Disk {
    device: String,
    mounted: PathBuf,
}

impl Disk {
    fn new(dir: &Path) -> Self {
        let (image, mounted) = (dir.join("disk"), dir.join("mounted"));
        fs::create_dir(&mounted).expect("a folder");
        fs::File::create(&image).and_then(|file| file.set_len(1 << 30)).expect("an image");
        run(Command::new("mkfs.ext4").arg("-qF").arg(&image));
        let device = run(Command::new("losetup").args(["--find", "--show"]).arg(&image));
        let disk = Self { device, mounted };
        run(Command::new("mount").arg(&disk.device).arg(&disk.mounted));
        disk
    }

    /// Sectors written and flushes since the device was made.
    fn counters(&self) -> (u64, u64) {
        run(Command::new("sync").arg("-f").arg(&self.mounted));
        let name = self.device.trim_start_matches("/dev/");
        let stat = fs::read_to_string(format!("/sys/block/{name}/stat")).expect("the kernel counts");
        let field = |index: usize| stat.split_ascii_whitespace().nth(index).and_then(|field| field.parse().ok());
        (field(6).expect("sectors"), field(15).expect("flushes"))
    }

    fn count(&self, count: u64, pause_ms: u64) -> (u64, u64) {
        let state = self.mounted.join(format!("state-{count}-{pause_ms}"));
        let before = self.counters();
        let words = replay_command(&state, count, pause_ms);
        run(Command::new(&words[0]).args(&words[1..]));
        let after = self.counters();
        (after.0 - before.0, after.1 - before.1)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.mounted).status();
        let _ = Command::new("losetup").args(["--detach", &self.device]).status();
    }
}

fn device(dir: &Path) {
    let disk = Disk::new(dir);
    let one = disk.count(COUNT, PAUSE_MS);
    let two = disk.count(2 * COUNT, PAUSE_MS);
    let each = |one: u64, two: u64| (two - one) as f64 / COUNT as f64;
    report("device flushes per transaction, one each 20 ms", "≤ 1.05", &format!("{:.2}", each(one.1, two.1)));
    let bytes = format!("{:.0}", each(one.0, two.0) * 512.0);
    report("bytes per transaction to the device, file-system journal included", "≤ 8 kB", &bytes);
    // For information: with the checkpoints, which are some thousand frames apart.
    let (one, two) = (disk.count(2_000, 0), disk.count(4_000, 0));
    let each = |one: u64, two: u64| (two - one) as f64 / 2_000.0;
    let measured = format!("{:.2} flushes, {:.0} bytes", each(one.1, two.1), each(one.0, two.0) * 512.0);
    report("the same with checkpoints, without pauses", "none", &measured);
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
