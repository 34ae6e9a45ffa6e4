//! What comes and goes under /dev/input, by the kernel's word: nobody looks while nothing happens.

use crate::messages::tell;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::io::Errno;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::path::Path;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::mpsc;

/// The last are there only once something is plugged in, the first but on a machine without any input device.
const FOLDERS: [&str; 4] = ["/dev", "/dev/input", "/dev/input/by-id", "/dev/input/by-path"];

/// Says each time that something may be another. The end of the channel: the kernel cannot tell (and that was logged).
pub(super) fn watch() -> mpsc::Receiver<()> {
    let (say, changes) = mpsc::channel(1);
    let begun = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).map_err(std::io::Error::from);
    let begun = begun.and_then(|watch| Ok((watch.try_clone()?, Receiver::from_owned_fd_unchecked(watch)?)));
    match begun {
        Ok((watch, told)) => drop(tokio::spawn(follow(watch, told, say))),
        Err(error) => {
            tell!(READERS_UNWATCHED, %error, "nobody tells when readers are plugged in; they are looked for now and then");
        }
    }
    changes
}

async fn follow(watch: OwnedFd, told: Receiver, say: mpsc::Sender<()>) {
    // Which file it was is looked at anew.
    let mut buffer = [0_u8; 4_096];
    loop {
        follow_folders(&watch);
        let read = match told.readable().await {
            Ok(()) => told.try_read(&mut buffer),
            Err(error) => Err(error),
        };
        match read {
            // One that waits is enough.
            Ok(_) => drop(say.try_send(())),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => {
                tell!(READERS_UNWATCHED, %error, "nobody tells any more when readers are plugged in");
                return;
            }
        }
        if say.is_closed() {
            return;
        }
    }
}

/// Watches every folder that is there; the one above only where /dev/input itself is missing, since much else comes and goes there.
fn follow_folders(watch: &OwnedFd) {
    let flags = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVED_TO | WatchFlags::ATTRIB;
    let [above, folders @ ..] = FOLDERS;
    let add = |folder: &str| match inotify::add_watch(watch, folder, flags | WatchFlags::ONLYDIR) {
        Ok(_) => true,
        Err(Errno::NOENT) => false,
        Err(errno) => {
            tell!(READERS_UNWATCHED, %errno, "{folder} cannot be watched");
            false
        }
    };
    for folder in folders {
        add(folder);
    }
    if !Path::new(folders[0]).is_dir() {
        add(above);
    }
}
