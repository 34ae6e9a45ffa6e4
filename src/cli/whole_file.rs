//! A file that is written whole or not at all.

use std::fs::{File, rename, symlink_metadata};
use std::io::{self, BufWriter, Write};
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
        let mut file = BufWriter::new(File::create(&partial).map_err(io_failed)?);
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
