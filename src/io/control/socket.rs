//! The socket's file: made with its mode before anybody can connect, and removed again by whoever made it.

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use crate::cabinet::types::Role;

/// The socket's name in the run directory.
pub const SOCKET_NAME: &str = "control.sock";
/// The name under which it gets its mode and group, before it is moved to its place.
const NAME_WHILE_MADE: &str = "control.new";
const MODE: u32 = 0o660;
const DIRECTORY_MODE: u32 = 0o755;

/// Where the socket is and who may do what.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    pub run_dir: PathBuf,
    /// The group that may connect; none = the daemon's own.
    pub group: Option<String>,
    /// Which OS group stands for which role.
    pub accounts: Vec<(String, Role)>,
}

/// Why there is no socket to listen on.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    #[error("a cabinetd already answers at {}; stop it first (`systemctl stop cabinetd`), or use another CABINETD_DIR", .0.display())]
    AlreadyRunning(PathBuf),
    #[error("{} is not a socket; move it away, the control socket belongs there", .0.display())]
    NotASocket(PathBuf),
    #[error("the path {} is too long for a socket (107 bytes at most); choose a shorter run directory", .0.display())]
    TooLong(PathBuf),
    #[error(
        "the group {0} does not exist on this machine; create it (`groupadd --system {0}`) or change it in the config"
    )]
    NoSuchGroup(String),
    #[error(
        "the control socket's group could not be set to {group}; run cabinetd as root, or as a member of that group"
    )]
    Group { group: String, source: io::Error },
    #[error("cannot {doing} {}: {source}; the run directory must belong to cabinetd's account", path.display())]
    File { doing: &'static str, path: PathBuf, source: io::Error },
}

/// The socket's file; dropping it removes the file if it is still ours.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    inode: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes the directory if need be, clears a stale socket, listens.
pub(super) fn listen(setup: &Setup) -> Result<(UnixListener, SocketFile), ControlError> {
    let failed = |doing, path: &Path| {
        let path = path.to_owned();
        move |source| ControlError::File { doing, path, source }
    };
    let dir = &setup.run_dir;
    if !dir.is_dir() {
        fs::DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(dir).map_err(failed("create", dir))?;
        // The umask may have taken bits away.
        fs::set_permissions(dir, fs::Permissions::from_mode(DIRECTORY_MODE)).map_err(failed("set the mode of", dir))?;
    }
    let path = dir.join(SOCKET_NAME);
    match fs::symlink_metadata(&path) {
        Ok(found) if !found.file_type().is_socket() => return Err(ControlError::NotASocket(path)),
        Ok(_) if somebody_answers(&path)? => return Err(ControlError::AlreadyRunning(path)),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed("look at", &path)(error)),
    }
    let made = dir.join(NAME_WHILE_MADE);
    match fs::remove_file(&made) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("remove", &made)(error)),
        _ => {}
    }
    if SocketAddrUnix::new(&path).is_err() {
        return Err(ControlError::TooLong(path));
    }
    let listener = UnixListener::bind(&made).map_err(failed("listen at", &made))?;
    fs::set_permissions(&made, fs::Permissions::from_mode(MODE)).map_err(failed("set the mode of", &made))?;
    if let Some(group) = &setup.group {
        let found = uzers::get_group_by_name(group).ok_or_else(|| ControlError::NoSuchGroup(group.clone()))?;
        std::os::unix::fs::chown(&made, None, Some(found.gid()))
            .map_err(|source| ControlError::Group { group: group.clone(), source })?;
    }
    listener.set_nonblocking(true).map_err(failed("listen at", &made))?;
    let inode =
        fs::symlink_metadata(&made).map(|found| (found.dev(), found.ino())).map_err(failed("look at", &made))?;
    fs::rename(&made, &path).map_err(failed("put into place", &path))?;
    Ok((listener, SocketFile { path, inode }))
}

/// Whether a process accepts connections there. Never waits: a full backlog is somebody, too.
fn somebody_answers(path: &Path) -> Result<bool, ControlError> {
    let address = SocketAddrUnix::new(path).map_err(|_| ControlError::TooLong(path.to_owned()))?;
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let tried = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
        .and_then(|socket| rustix::net::connect(&socket, &address));
    match tried {
        Ok(()) | Err(Errno::AGAIN) => Ok(true),
        Err(Errno::CONNREFUSED | Errno::NOENT) => Ok(false),
        Err(error) => Err(ControlError::File { doing: "ask at", path: path.to_owned(), source: error.into() }),
    }
}
