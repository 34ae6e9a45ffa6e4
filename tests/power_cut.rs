//! Real power cuts, without a machine to pull the plug of: the real store on ext4 on a loop device, under it a disk with a volatile write
//! cache that is killed together with the process that writes.
//!
//! ```text
//!   child process: Store::commit ──▶ ext4 ──▶ loop ──▶ nbdfuse ──▶ nbdkit, cache=writeback ──▶ image file
//!        │ ACK after each commit                         ╰──── SIGKILL, all at once ────╯
//! ```
//!
//! Whatever was not flushed is gone, as with a card that loses power. The control mounts without barriers: there the same rig must lose
//! records, or it would see nothing. It drops all unflushed writes; torn and reordered ones are for `tests/crash.rs`.
//!
//! Needs root, and the packages nbdkit, libnbd-bin, fuse3 and e2fsprogs; without them it fails rather than passes for nothing.

mod ledger_samples;

use cabinetd::cabinet::books::Books;
use cabinetd::cabinet::fact::Record;
use cabinetd::io::store::{Reader, Store};
use ledger_samples::{identity, record};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const CHILD: &str = "CABINETD_TEST_WRITE_TO";
/// Bytes of the disk.
const DISK: u64 = 48 << 20;

/// The process that dies: commits for ever, and says so after each. By itself it does nothing.
#[test]
fn child() {
    let Ok(state) = std::env::var(CHILD) else { return };
    let (store, stored) = Store::open(Path::new(&state), &identity(), None).expect("it opens");
    let mut out = std::io::stdout().lock();
    let mut seq = stored.head.seq;
    let mut books = Books::from_rows(seq + 1, stored.rows);
    loop {
        let first = seq + 1;
        // Batches of one, and now and then of more.
        seq += if first.is_multiple_of(7) { 5 } else { 1 };
        let records: Vec<Record> = (first..=seq).map(record).collect();
        for record in &records {
            books.apply(record, 10);
        }
        store.commit_blocking(records, books.take_changes(), false).expect("committed");
        writeln!(out, "ACK {seq}").and_then(|()| out.flush()).expect("somebody listens");
    }
}

/// A disk image and where it is plugged in.
struct Rig {
    folder: tempfile::TempDir,
    /// Mount options beside the usual.
    options: &'static str,
}

/// A disk with power: mounted, and served by processes of ours. Dropping it pulls the plug.
struct Powered {
    mounted: PathBuf,
    fuse: PathBuf,
    running: Vec<Child>,
}

impl Rig {
    fn new(options: &'static str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let rig = Self { folder, options };
        fs::create_dir(rig.mounted()).expect("a folder");
        fs::create_dir(rig.fuse()).expect("a folder");
        fs::File::create(rig.image()).expect("an image").set_len(DISK).expect("its size");
        run(Command::new("mkfs.ext4").args(["-q", "-m", "0"]).arg(rig.image()));
        rig
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn mounted(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    fn fuse(&self) -> PathBuf {
        self.folder.path().join("fuse")
    }

    fn state(&self) -> PathBuf {
        self.mounted().join("state")
    }

    /// Plugs the disk in.
    fn power(&self) -> Powered {
        let socket = self.folder.path().join("nbd");
        let _ = fs::remove_file(&socket);
        let mut powered = Powered { mounted: self.mounted(), fuse: self.fuse(), running: Vec::new() };
        let mut nbdkit = Command::new("nbdkit");
        nbdkit
            .args(["-f", "-U"])
            .arg(&socket)
            .args(["--filter=cache", "file"])
            .arg(self.image())
            .arg("cache=writeback");
        powered.start(&mut nbdkit, || socket.exists());
        let mut nbdfuse = Command::new("nbdfuse");
        nbdfuse.arg(self.fuse()).arg(format!("nbd+unix:///?socket={}", socket.display()));
        let device = self.fuse().join("nbd");
        powered.start(&mut nbdfuse, || device.exists());
        let options = format!("loop,noatime{}", self.options);
        run(Command::new("mount").args(["-t", "ext4", "-o", &options]).arg(&device).arg(self.mounted()));
        powered
    }
}

impl Powered {
    fn start(&mut self, command: &mut Command, is_there: impl Fn() -> bool) {
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.unwrap_or_else(|why| panic!("{command:?}: {why}; {NEEDED}"));
        self.running.push(child);
        for _ in 0..1000 {
            if is_there() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{command:?} does not come up; {NEEDED}");
    }

    /// Lets the store work for so long, then pulls the plug under it. Then: what it was sure of.
    fn work_and_die(mut self, for_ms: u64) -> Worked {
        let mut command = Command::new(std::env::current_exe().expect("this test"));
        command.args(["--exact", "child", "--nocapture"]).env(CHILD, self.mounted.join("state"));
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).stdin(Stdio::null()).spawn().expect("the child");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        self.running.push(child);
        let listening = std::thread::spawn(move || {
            let mut worked = Worked::default();
            for line in out.lines().map_while(Result::ok) {
                if let Some(seq) = line.strip_prefix("ACK ").and_then(|seq| seq.parse().ok()) {
                    worked.acknowledged = Some(seq);
                    worked.commits += 1;
                }
            }
            worked
        });
        std::thread::sleep(Duration::from_millis(for_ms));
        drop(self);
        listening.join().expect("it listens to the end")
    }
}

/// What the child said before it died.
#[derive(Clone, Copy, Default, Debug)]
struct Worked {
    acknowledged: Option<u64>,
    commits: u64,
}

impl Drop for Powered {
    /// Disk, device and whatever writes to it: all at once, then what is left of them is taken away.
    fn drop(&mut self) {
        for child in &mut self.running {
            let _ = child.kill();
        }
        for child in &mut self.running {
            let _ = child.wait();
        }
        let _ = Command::new("umount").arg("-l").arg(&self.mounted).stderr(Stdio::null()).status();
        let _ = Command::new("fusermount3").arg("-uz").arg(&self.fuse).stderr(Stdio::null()).status();
    }
}

const NEEDED: &str = "this test needs root, and the packages nbdkit, libnbd-bin, fuse3 and e2fsprogs";

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|why| panic!("{command:?}: {why}; {NEEDED}"));
    assert!(output.status.success(), "{command:?}: {}; {NEEDED}", String::from_utf8_lossy(&output.stderr));
}

/// What a number of cuts did.
#[derive(Default, Debug)]
struct Tally {
    cycles: u32,
    /// Cycles in which a commit was acknowledged before the cut.
    at_work: u32,
    commits: u64,
    /// Cycles after which something acknowledged was gone, or the ledger or its disk could not be used.
    lost: Vec<String>,
}

/// Cuts the power until there were enough cycles or the time is up. When it is back, the ledger must hold what was acknowledged.
/// `fresh`: each cycle on a disk of its own, so that one loss is one loss.
#[expect(clippy::disallowed_methods, reason = "the test's own stopwatch")]
fn cut_the_power(options: &'static str, cycles: u32, longest: Duration, fresh: bool) -> Tally {
    let began = Instant::now();
    let mut tally = Tally::default();
    let mut rig = Rig::new(options);
    let mut powered = rig.power();
    let mut acknowledged = 0;
    let mut moments = 0x9E37_79B9_u64;
    while tally.cycles < cycles && began.elapsed() < longest {
        tally.cycles += 1;
        moments = moments.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let worked = powered.work_and_die(150 + (moments >> 40) % 700);
        tally.commits += worked.commits;
        tally.at_work += u32::from(worked.acknowledged.is_some());
        acknowledged = worked.acknowledged.unwrap_or(acknowledged);
        let back =
            std::panic::catch_unwind(|| rig.power()).map_err(|_| "the disk cannot be mounted any more".to_owned());
        let there = back.and_then(|back| Ok((verify(&rig)?, back)));
        let problem = match there {
            Ok((there, back)) if there >= acknowledged && !fresh => {
                acknowledged = there;
                powered = back;
                continue;
            }
            // Unplugged here, before its folder goes.
            Ok((there, _back)) => (there < acknowledged).then(|| format!("{there} of {acknowledged} records")),
            Err(what) => Some(format!("{what} ({acknowledged} records)")),
        };
        tally.lost.extend(problem.map(|what| format!("cycle {}: {what}", tally.cycles)));
        acknowledged = 0;
        rig = Rig::new(options);
        powered = rig.power();
    }
    println!("{options:?}: {tally:?}, {:.1} s", began.elapsed().as_secs_f64());
    tally
}

/// The records that are there, now that the power is back; or what is wrong.
fn verify(rig: &Rig) -> Result<u64, String> {
    if !rig.state().join("ledger.db").exists() {
        return Ok(0);
    }
    let (store, stored) = Store::open(&rig.state(), &identity(), None).map_err(|error| error.to_string())?;
    let report = Reader::open(&rig.state()).and_then(|reader| reader.verify(&[])).map_err(|error| error.to_string())?;
    if !report.is_sound() || report.records != stored.head.seq {
        return Err(format!("{report:?}"));
    }
    drop(store);
    Ok(stored.head.seq)
}

#[test]
fn what_was_acknowledged_survives_the_power_cut() {
    let tally = cut_the_power("", 30, Duration::from_secs(35), false);
    assert!(tally.lost.is_empty(), "{:#?}", tally.lost);
    assert!(tally.cycles >= 12 && tally.at_work >= tally.cycles / 2, "too few cuts hit a store at work: {tally:?}");
}

#[test]
fn the_rig_sees_a_loss_on_a_disk_that_is_not_told_to_flush() {
    let tally = cut_the_power(",nobarrier", 4, Duration::from_secs(30), true);
    assert!(!tally.lost.is_empty(), "nothing was lost without barriers: this rig sees nothing: {tally:?}");
}
