//! The wiring in force: kept while the daemon has the lines, and what whoever comes after it drives off.
//!
//! A config that was edited, or has mistakes, does not tell how the lines were driven that a killed daemon left energised. What was
//! in force is driven off as it was; then the config's outputs, but none at a line that was known under another role or
//! polarity: driving that one could energise a relay.

use crate::config::{Config, Lines};
use crate::io::lines::gpio;
use crate::io::lines::kept::Kept;
use crate::io::lines::wiring::Wiring;
use crate::io::store;
use crate::messages::tell;
use std::io;
use std::path::{Path, PathBuf};

/// Why nothing was driven.
#[derive(Debug, thiserror::Error)]
pub enum Untouched {
    #[error("the daemon runs and has the lines; stop it (`systemctl stop cabinetd`), which drives every output off")]
    Runs,
    #[error(
        "this account cannot see whether the daemon runs ({}: {source}), and would take its lines away: nothing was driven; run this as \
         root, or as the daemon's account",
        dir.display()
    )]
    Unknown { dir: PathBuf, source: io::Error },
}

/// What was driven off.
#[derive(Debug, Default)]
pub struct Released {
    pub outputs: usize,
    /// Whether the wiring in force was known.
    pub was_kept: bool,
    /// What was not, each with why and what to do.
    pub failures: Vec<String>,
}

/// Drives off what was in force, then what the config tells beside it, for a moment when no daemon has the lines.
///
/// # Errors
/// One has them, or nobody knows: nothing was driven.
pub fn release(dirs: &[PathBuf], state_dir: &Path, written: Option<&Wiring>) -> Result<Released, Untouched> {
    let (kept, unreadable) = Kept::find(dirs);
    for dir in kept.iter().map(|kept| kept.state_dir.as_path()).chain([state_dir]) {
        match store::is_in_use(dir) {
            Ok(false) => {}
            Ok(true) => return Err(Untouched::Runs),
            Err(source) => return Err(Untouched::Unknown { dir: dir.to_owned(), source }),
        }
    }
    let released = drive(&kept, unreadable, written, gpio::release);
    if released.failures.is_empty() {
        Kept::forget(dirs);
    }
    Ok(released)
}

fn drive(
    kept: &[Kept],
    unreadable: Vec<String>,
    written: Option<&Wiring>,
    off: impl Fn(&Wiring) -> Vec<String>,
) -> Released {
    let mut released = Released { was_kept: !kept.is_empty(), failures: unreadable, ..Released::default() };
    let mut off = |wiring: &Wiring| {
        released.outputs += wiring.outputs.len();
        released.failures.extend(off(wiring));
    };
    for kept in kept {
        off(&kept.wiring);
    }
    if let Some(written) = written {
        let beside = |rest: Wiring, kept: &Kept| rest.beside(&kept.wiring, gpio::resolved);
        let first = Wiring { inputs: Vec::new(), ..written.clone() };
        off(&kept.iter().fold(first, beside));
    }
    released
}

/// The wiring of `config` is in force from now on. What another one had left is driven off, where the new one does not do that.
pub fn begin(config: &Config) {
    let dirs = config.run_dirs();
    let none = Wiring::default();
    let new = match &config.lines {
        Lines::Real(wiring) => wiring,
        Lines::Sim { .. } => &none,
    };
    let (kept, unreadable) = Kept::find(&dirs);
    let failures = kept.iter().flat_map(|kept| gpio::release(&kept.wiring.beside(new, gpio::resolved)));
    for why in unreadable.into_iter().chain(failures) {
        tell!(OUTPUTS_NOT_OFF, "{why}");
    }
    if let Lines::Sim { .. } = config.lines {
        Kept::forget(&dirs);
    } else if let Err(error) = Kept::new(&config.state_dir, new).keep(&dirs) {
        tell!(WIRING_NOT_KEPT, "the wiring in force could not be written to {}: {error}", config.run_dir.display());
    }
}

/// Every output of it is off.
pub fn end(dirs: &[PathBuf]) {
    Kept::forget(dirs);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cabinet::types::{DoorNo, Output};
    use crate::io::lines::wiring::{Address, OutputLine, Place};
    use std::cell::RefCell;

    fn output(output: Output, line: u32, active_low: bool) -> OutputLine {
        let at = Address { chip: Place::Chip("no-such-board".into()), line };
        OutputLine { output, at, active_low, longest_ms: 1_000 }
    }

    #[test]
    fn what_was_in_force_goes_off_as_it_was_and_no_line_of_it_by_the_new_config() {
        let lock = |door, line, active_low| output(Output::Lock(DoorNo(door)), line, active_low);
        let old = Wiring { outputs: vec![lock(1, 17, true), lock(2, 18, true)], ..Wiring::default() };
        // The new one turns a polarity round and adds a line.
        let new = Wiring { outputs: vec![lock(1, 17, false), lock(2, 22, false)], ..Wiring::default() };
        let driven = RefCell::new(Vec::new());
        let off = |wiring: &Wiring| {
            driven.borrow_mut().extend(wiring.outputs.iter().map(|line| (line.at.line, line.active_low)));
            vec![]
        };
        let released = drive(&[Kept::new(Path::new("/state"), &old)], vec![], Some(&new), off);
        assert_eq!(*driven.borrow(), [(17, true), (18, true), (22, false)]);
        assert!(released.was_kept && released.outputs == 3 && released.failures.is_empty(), "{released:?}");
    }
}
