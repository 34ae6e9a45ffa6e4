//! The wiring in force, kept in the run directory: whoever has to switch off what a killed daemon left energised may find a config that
//! was edited since, or one with mistakes, and must drive the lines as they were driven.

use super::wiring::Wiring;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// In each run directory.
const FILE: &str = "wiring.json";
/// At a start of the machine every line is at rest, and may be wired anew.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// What a daemon drives, or drove until it was killed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Kept {
    boot: String,
    /// Where its instance lock is.
    pub state_dir: PathBuf,
    pub wiring: Wiring,
}

impl Kept {
    /// Of this boot.
    #[must_use]
    pub fn new(state_dir: &Path, wiring: &Wiring) -> Self {
        Self { boot: boot(), state_dir: state_dir.to_owned(), wiring: wiring.clone() }
    }

    /// Writes it into each folder, as a whole or not at all. It need not outlive the machine's power, so nothing is synced.
    ///
    /// # Errors
    /// It is not in every folder.
    pub fn keep(&self, dirs: &[PathBuf]) -> io::Result<()> {
        let text = serde_json::to_vec(self)?;
        dirs.iter().try_for_each(|dir| {
            fs::create_dir_all(dir)?;
            let fresh = dir.join(format!("{FILE}.new"));
            File::create(&fresh)?.write_all(&text)?;
            fs::rename(&fresh, dir.join(FILE))
        })
    }

    /// What is kept in these folders since the machine started, and what cannot be read of it.
    #[must_use]
    pub fn find(dirs: &[PathBuf]) -> (Vec<Self>, Vec<String>) {
        let (mut found, mut unreadable, boot) = (Vec::new(), Vec::new(), boot());
        for path in dirs.iter().map(|dir| dir.join(FILE)) {
            let read = fs::read(&path).and_then(|text| Ok(serde_json::from_slice::<Self>(&text)?));
            match read {
                Ok(kept) if kept.boot != boot || found.contains(&kept) => {}
                Ok(kept) => found.push(kept),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => unreadable.push(format!("{}: {error}", path.display())),
            }
        }
        (found, unreadable)
    }

    /// Everything is off: nothing is to be done any more.
    pub fn forget(dirs: &[PathBuf]) {
        for dir in dirs {
            // Driven off once more, it is off as well.
            let _ = fs::remove_file(dir.join(FILE));
        }
    }
}

fn boot() -> String {
    fs::read_to_string(BOOT).unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cabinet::types::{DoorNo, Output};
    use crate::io::lines::wiring::{Address, OutputLine, Place};

    #[test]
    fn what_is_kept_is_found_until_it_is_forgotten_or_the_machine_starts() {
        let root = tempfile::tempdir().expect("a folder");
        let dirs = [root.path().join("run"), root.path().join("other")];
        assert_eq!(Kept::find(&dirs), (vec![], vec![]));
        let at = Address { chip: Place::Chip("1-0020".into()), line: 3 };
        let lock = OutputLine { output: Output::Lock(DoorNo(1)), at, active_low: true, longest_ms: 1_000 };
        let kept = Kept::new(root.path(), &Wiring { outputs: vec![lock], ..Wiring::default() });
        kept.keep(&dirs).expect("written");
        assert_eq!(Kept::find(&dirs), (vec![kept.clone()], vec![]), "once, wherever it is kept");
        Kept { boot: "another".into(), ..kept.clone() }.keep(&dirs[..1]).expect("written");
        assert_eq!(Kept::find(&dirs[..1]), (vec![], vec![]));
        fs::write(dirs[0].join(FILE), "{").expect("written");
        let (found, unreadable) = Kept::find(&dirs);
        assert!(found == [kept] && unreadable.len() == 1, "{unreadable:?}");
        Kept::forget(&dirs);
        assert_eq!(Kept::find(&dirs), (vec![], vec![]));
    }
}
