//! The demo's folder: what is in it, who may use it, and what it was made with.
//!
//! ```text
//! DIR/demo.json        seed, slots, latches, port, whether the roster is in
//! DIR/cabinetd.toml    the daemon's config, written anew at each start
//! DIR/hardware.json    the physical cabinet, after each change
//! DIR/visit.txt        the sample script with this seed's PIN
//! DIR/daemon.log       what the daemon says
//! DIR/run/             sockets     DIR/state/  the ledger     DIR/credentials/
//! ```

use super::DemoError;
use super::people::{SCRIPT_BADGE, SCRIPT_PIN, Sample, USUAL_SEED};
use crate::cabinet::types::{Code, Wall};
use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Slots of a cabinet for which nobody said how many.
const USUAL_SLOTS: u16 = 24;
/// Bytes of the longest path of a socket (`sun_path` without its end).
const LONGEST_SOCKET: usize = 107;

/// What a folder was made with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub(super) struct Plan {
    pub seed: u64,
    pub slots: u16,
    pub latches: bool,
    /// Where the simulated UPS listened last: the same again keeps the config the same.
    pub ups_port: Option<u16>,
    /// Whether the sample roster and its PINs are in the ledger.
    pub seeded: bool,
}

/// The folder, held by this process alone.
#[derive(Debug)]
pub(super) struct Folder {
    pub path: PathBuf,
    pub plan: Plan,
    /// Whether it was there before.
    pub continued: bool,
    _lock: File,
}

impl Folder {
    /// Opens a folder, or makes one. What the options say must be what it was made with.
    pub(super) fn open(
        dir: Option<PathBuf>,
        seed: Option<u64>,
        slots: Option<u16>,
        latches: bool,
    ) -> Result<Self, DemoError> {
        let path = match dir {
            Some(dir) => {
                // A cabinet of somebody's own must not be overwritten.
                if dir.join("cabinetd.toml").exists() && !dir.join("demo.json").exists() {
                    return Err(DemoError::NotADemo(dir));
                }
                make(&dir)?;
                dir
            }
            None => fresh()?,
        };
        let path = path.canonicalize().map_err(DemoError::io("find", path))?;
        let longest = path.join("run/hardware.sock");
        if longest.as_os_str().len() > LONGEST_SOCKET {
            return Err(DemoError::TooLong(longest));
        }
        let lock_path = path.join("demo.lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&lock_path);
        let lock = lock.map_err(DemoError::io("make", &lock_path))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(DemoError::Running(path)),
            Err(why) => return Err(DemoError::io("lock", lock_path)(why.into())),
        }
        let plan_path = path.join("demo.json");
        let stored = match std::fs::read(&plan_path) {
            Ok(text) => Some(serde_json::from_slice::<Plan>(&text).map_err(|why| {
                DemoError::Damaged(format!("{} is damaged ({why}); use another --dir", plan_path.display()))
            })?),
            Err(why) if why.kind() == io::ErrorKind::NotFound => None,
            Err(why) => return Err(DemoError::io("read", plan_path)(why)),
        };
        let continued = stored.is_some();
        let plan = match stored {
            Some(plan) => {
                let other = |was: String| DemoError::Other { dir: path.clone(), was };
                if seed.is_some_and(|seed| seed != plan.seed) {
                    return Err(other(format!("--seed {}", plan.seed)));
                }
                if slots.is_some_and(|slots| slots != plan.slots) {
                    return Err(other(format!("--slots {}", plan.slots)));
                }
                if latches && !plan.latches {
                    return Err(other("no latches".to_owned()));
                }
                plan
            }
            None => Plan {
                seed: seed.unwrap_or(USUAL_SEED),
                slots: slots.unwrap_or(USUAL_SLOTS),
                latches,
                ups_port: None,
                seeded: false,
            },
        };
        make(&path.join("run"))?;
        Ok(Self { path, plan, continued, _lock: lock })
    }

    /// Writes plan, config and sample script. `today`: the UPS and its battery are as new as the demo.
    pub(super) fn write(&mut self, ups_port: u16, sample: &Sample, today: Wall) -> Result<(), DemoError> {
        self.plan.ups_port = Some(ups_port);
        keep(&self.path, &self.plan)?;
        let month = Timestamp::from_millisecond(today.0).unwrap_or_default().strftime("%Y-%m").to_string();
        let group = uzers::get_current_groupname().unwrap_or_default();
        let config = crate::config::DEMO
            .replace("{slots}", &self.plan.slots.to_string())
            .replace("{latches}", &self.plan.latches.to_string())
            .replace("{ups_port}", &ups_port.to_string())
            .replace("{month}", &month)
            .replace("{group}", &group.to_string_lossy());
        replace(&self.config(), config.as_bytes())?;
        let code = Code::new(SCRIPT_BADGE);
        let person = sample.people.iter().find(|person| person.user.badge.as_ref() == Some(&code));
        let pin = person.map_or(SCRIPT_PIN, |person| &person.pin);
        let script = include_str!("../../../config/demo-script.txt").replace(SCRIPT_PIN, pin);
        replace(&self.script(), script.as_bytes())
    }

    pub(super) fn config(&self) -> PathBuf {
        self.path.join("cabinetd.toml")
    }

    pub(super) fn hardware(&self) -> PathBuf {
        self.path.join("hardware.json")
    }

    pub(super) fn script(&self) -> PathBuf {
        self.path.join("visit.txt")
    }

    pub(super) fn run(&self) -> PathBuf {
        self.path.join("run")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.path.join("daemon.log")
    }
}

/// Keeps the plan in the folder.
pub(super) fn keep(dir: &Path, plan: &Plan) -> Result<(), DemoError> {
    let file = dir.join("demo.json");
    let text = serde_json::to_vec_pretty(plan).map_err(|why| DemoError::Damaged(why.to_string()))?;
    replace(&file, &text)
}

fn replace(file: &Path, text: &[u8]) -> Result<(), DemoError> {
    let new = file.with_extension("new");
    let written = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new);
    let written = written.and_then(|mut out| out.write_all(text).and_then(|()| out.sync_data()));
    written.map_err(DemoError::io("write", &new))?;
    std::fs::rename(&new, file).map_err(DemoError::io("write", file))
}

fn make(dir: &Path) -> Result<(), DemoError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(DemoError::io("make", dir))
}

/// A folder that nobody had before.
fn fresh() -> Result<PathBuf, DemoError> {
    let base = std::env::temp_dir();
    for number in 1..=9999 {
        let dir = base.join(format!("cabinetd-demo-{number}"));
        match DirBuilder::new().mode(0o700).create(&dir) {
            Ok(()) => return Ok(dir),
            Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {}
            Err(why) => return Err(DemoError::io("make", dir)(why)),
        }
    }
    Err(DemoError::Damaged(format!("{} is full of old demos; remove cabinetd-demo-*", base.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(dir: &Path, seed: Option<u64>, slots: Option<u16>) -> Result<Folder, DemoError> {
        Folder::open(Some(dir.to_owned()), seed, slots, false)
    }

    #[test]
    fn a_folder_goes_on_with_what_it_was_made_with() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut folder = open(dir.path(), Some(7), Some(12)).expect("a new one");
        assert!(matches!(open(dir.path(), None, None), Err(DemoError::Running(_))), "one demo at a time");
        folder.plan.seeded = true;
        folder.write(4711, &Sample::new(7, 12), Wall(1_793_714_400_000)).expect("written");
        drop(folder);

        let again = open(dir.path(), None, None).expect("the same one");
        assert!(again.continued);
        assert_eq!(again.plan, Plan { seed: 7, slots: 12, latches: false, ups_port: Some(4711), seeded: true });
        drop(again);
        let other = open(dir.path(), Some(8), None).expect_err("another seed has other PINs");
        assert!(other.to_string().contains("--seed 7"), "{other}");
        assert!(matches!(open(dir.path(), None, Some(24)), Err(DemoError::Other { .. })));
    }

    #[test]
    fn a_cabinet_that_no_demo_made_is_left_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        let config = dir.path().join("cabinetd.toml");
        std::fs::write(&config, "mine").expect("written");
        let refused = open(dir.path(), None, None).expect_err("it would be overwritten");
        assert!(refused.to_string().contains("use another --dir"), "{refused}");
        assert_eq!(std::fs::read_dir(dir.path()).expect("a folder").count(), 1, "nothing was put there");
        assert_eq!(std::fs::read_to_string(&config).expect("kept"), "mine");
    }

    #[test]
    fn the_config_has_no_placeholder_left_and_the_script_this_seeds_pin() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut folder = open(dir.path(), Some(7), None).expect("a new one");
        let sample = Sample::new(7, 24);
        folder.write(4711, &sample, Wall(1_793_714_400_000)).expect("written");
        let config = std::fs::read_to_string(folder.config()).expect("written");
        let config: toml::Table = config.parse().expect("good TOML");
        assert_eq!(config["ups"]["port"].as_integer(), Some(4711));
        assert_eq!(config["slots"]["count"].as_integer(), Some(24));
        let script = std::fs::read_to_string(folder.script()).expect("written");
        assert!(!script.contains(SCRIPT_PIN) && script.contains(&sample.people[3].pin));
    }

    #[test]
    fn a_path_that_no_socket_can_have_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let deep = dir.path().join("d".repeat(100));
        assert!(matches!(open(&deep, None, None), Err(DemoError::TooLong(_))));
    }
}
