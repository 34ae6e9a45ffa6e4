//! Writes the recipe's files below a folder of somebody's choice, for looking at and installing by hand.
//!
//! They hold passwords: made here, or the one that the cabinet has already. The folder is closed to others; nothing that
//! exists is overwritten, and nothing is written into the system.

use super::recipe::{Passwords, Recipe};
use crate::config::Config;
use crate::io::credentials::{CredentialsError, UPSD_PASSWORD, UpsdPassword};
use std::fmt::Write as _;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The list of commands that put the files where they belong.
const INSTALL: &str = "INSTALL";

/// Why nothing, or not all, was written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error("{} is in the system's own folder; name another one and install from there by hand", .0.display())]
    System(PathBuf),
    #[error("{} exists already and is not overwritten; name an empty folder", .0.display())]
    Exists(PathBuf),
    #[error("cannot write {}: {source}; name a folder that can be made, on a disk with room", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{0}")]
    Credentials(#[from] CredentialsError),
}

impl WriteError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::AlreadyExists => Self::Exists(path),
            _ => Self::Io { path, source },
        }
    }
}

/// The passwords of a new set-up, and the daemon's own if it is new too.
pub(super) fn passwords(config: &Config) -> Result<(Passwords, Option<UpsdPassword>), WriteError> {
    let of = |password: &UpsdPassword| Zeroizing::new(password.expose().to_owned());
    let upsmon = of(&UpsdPassword::make()?);
    if let Some(known) = UpsdPassword::read(&config.credentials_dir)? {
        return Ok((Passwords { upsmon, daemon: of(&known) }, None));
    }
    let made = UpsdPassword::make()?;
    Ok((Passwords { upsmon, daemon: of(&made) }, Some(made)))
}

/// Writes all, and says what.
pub(super) fn write(
    recipe: &Recipe,
    dir: &Path,
    new_password: Option<&UpsdPassword>,
    config: &Config,
) -> Result<String, WriteError> {
    let absolute = std::path::absolute(dir).map_err(WriteError::io(dir))?;
    if ["/etc", "/usr", "/lib", "/boot"].iter().any(|system| absolute.starts_with(system)) {
        return Err(WriteError::System(dir.to_owned()));
    }
    if dir.exists() && std::fs::read_dir(dir).map_err(WriteError::io(dir))?.next().is_some() {
        return Err(WriteError::Exists(dir.to_owned()));
    }
    folder(dir)?;
    let mut install = format!(
        "# As root, in this folder. Look at each file first: some may replace one of yours.\napt-get install {}\n",
        recipe.packages
    );
    for file in &recipe.files {
        let inside = file.path.trim_start_matches('/');
        put(&dir.join(inside), file.text.as_bytes(), file.mode)?;
        let (owner, group, mode) = (file.owner, file.group, file.mode);
        // Writing to a String does not fail.
        let _ = writeln!(install, "install -D -o {owner} -g {group} -m {mode:04o} {inside} {}", file.path);
    }
    if let Some(password) = new_password {
        let line = Zeroizing::new(format!("{}\n", password.expose()));
        put(&dir.join(UPSD_PASSWORD), line.as_bytes(), 0o600)?;
        let place = config.credentials_dir.join(UPSD_PASSWORD);
        let _ = writeln!(install, "install -o root -g root -m 0600 {UPSD_PASSWORD} {}", place.display());
    }
    for note in &recipe.notes {
        let _ = write!(install, "\n# {}\n", note.title);
        for line in note.text.lines() {
            let _ = writeln!(install, "#   {line}");
        }
    }
    put(&dir.join(INSTALL), install.as_bytes(), 0o600)?;
    let dir = dir.display();
    Ok(format!(
        "Written below {dir}: {} files. How to install them, and what else is to be done: {dir}/{INSTALL}\n\
         They hold passwords; remove the folder afterwards.\n",
        recipe.files.len() + usize::from(new_password.is_some()),
    ))
}

fn put(path: &Path, bytes: &[u8], mode: u32) -> Result<(), WriteError> {
    if let Some(parent) = path.parent() {
        folder(parent)?;
    }
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(WriteError::io(path))?;
    file.write_all(bytes).map_err(WriteError::io(path))
}

fn folder(path: &Path) -> Result<(), WriteError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(WriteError::io(path))
}
