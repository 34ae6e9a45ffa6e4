//! A file system to fill up and to break. Needs the right to mount; without it the tests fail rather than pass for nothing.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

/// A file system of its own, unmounted when dropped.
pub struct Disk {
    folder: tempfile::TempDir,
    mounted: PathBuf,
}

impl Disk {
    pub fn tmpfs(size: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mounted = folder.path().join("disk");
        fs::create_dir(&mounted).expect("a folder");
        run(Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(&mounted));
        Self { folder, mounted }
    }

    /// A journalling file system, with its delayed allocation and its own idea of when it is full.
    pub fn ext4(megabytes: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let image = folder.path().join("image");
        let mounted = folder.path().join("disk");
        fs::create_dir(&mounted).expect("a folder");
        fs::File::create(&image).expect("an image").set_len(megabytes << 20).expect("its size");
        run(Command::new("mkfs.ext4").args(["-q", "-m", "0"]).arg(&image));
        run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&mounted));
        Self { folder, mounted }
    }

    pub fn state(&self) -> PathBuf {
        self.mounted.join("state")
    }

    /// Fills what is left.
    pub fn fill(&self) {
        let mut filler = fs::OpenOptions::new().create(true).append(true).open(self.filler()).expect("a filler");
        for block in [1 << 16, 4096, 512, 1] {
            while filler.write_all(&vec![1; block]).is_ok() {}
        }
        let _ = filler.sync_all();
    }

    fn filler(&self) -> PathBuf {
        self.mounted.join("somebody-elses-log")
    }

    /// From now on every write and sync fails.
    pub fn break_it(&self) {
        run(Command::new("mount").args(["-o", "remount,abort"]).arg(&self.mounted));
    }

    pub fn make_room(&self) {
        fs::remove_file(self.filler()).expect("removed");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.mounted).status();
        let _ = &self.folder;
    }
}

fn run(command: &mut Command) {
    let output = command.output().expect("the command is there");
    assert!(
        output.status.success(),
        "this test needs the right to mount a file system of its own (run as root): {command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
