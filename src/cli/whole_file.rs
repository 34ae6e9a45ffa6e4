//! A file that is written whole or not at all.

use std::fs::{File, OpenOptions, remove_file, rename, symlink_metadata};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {what}", path.display())]
pub struct Unwritten {
    path: PathBuf,
    what: String,
}

impl Unwritten {
    /// The disk did not take it.
    #[must_use]
    pub fn io(path: &Path, error: &io::Error) -> Self {
        Self { path: path.to_owned(), what: format!("{error}; name another place, or make room") }
    }
}

/// A new file, nobody else's to read. What a killed one left goes first: it would keep its mode.
fn open(partial: &Path) -> io::Result<File> {
    match remove_file(partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(MODE).open(partial)
}

/// For whoever asked only: it may hold names and reasons.
const MODE: u32 = 0o600;

/// Writes beside the file first: a failure leaves no half of one, and a former one as it was. A file that is there is replaced only with
/// `force`, and only if it is a plain one.
///
/// # Errors
/// [`Unwritten`], or what `write` fails with.
pub fn write<T, E: From<Unwritten>>(
    path: &Path,
    force: bool,
    write: impl FnOnce(&mut dyn Write) -> Result<T, E>,
) -> Result<T, E> {
    let failed = |what: &str| Unwritten { path: path.to_owned(), what: what.to_owned() };
    match symlink_metadata(path) {
        Ok(found) if !found.is_file() => {
            return Err(failed("it is there and is no plain file; name another").into());
        }
        Ok(_) if !force => {
            return Err(failed("it is there already; name another, or replace it with --force").into());
        }
        Ok(_) | Err(_) => {}
    }
    let io_failed = |error: io::Error| Unwritten::io(path, &error);
    let mut partial = path.to_owned().into_os_string();
    partial.push(".part");
    let partial = PathBuf::from(partial);
    let written = (|| {
        let mut file = BufWriter::new(open(&partial).map_err(io_failed)?);
        let done = write(&mut file)?;
        file.into_inner()
            .map_err(io::IntoInnerError::into_error)
            .and_then(|file| file.sync_all())
            .map_err(io_failed)?;
        rename(&partial, path).map_err(io_failed)?;
        Ok(done)
    })();
    written.inspect_err(|_| drop(std::fs::remove_file(&partial)))
}
