//! `cabinetd notify`: what upsmon runs when the UPS has news, so that the daemon may poll slowly and still know at once.
//!
//! In `/etc/nut/upsmon.conf`:
//!
//! ```text
//! NOTIFYCMD "/usr/bin/cabinetd notify"
//! NOTIFYFLAG ONLINE   SYSLOG+EXEC
//! NOTIFYFLAG ONBATT   SYSLOG+EXEC
//! NOTIFYFLAG LOWBATT  SYSLOG+EXEC
//! NOTIFYFLAG FSD      SYSLOG+EXEC
//! NOTIFYFLAG COMMOK   SYSLOG+EXEC
//! NOTIFYFLAG COMMBAD  SYSLOG+EXEC
//! NOTIFYFLAG NOCOMM   SYSLOG+EXEC
//! NOTIFYFLAG SHUTDOWN SYSLOG+EXEC
//! ```
//!
//! upsmon gives the kind of news in `NOTIFYTYPE`, the UPS in `UPSNAME` and a sentence as argument, and it waits for the command's
//! end in a child of its own. The command needs no config file (upsmon's account may not read it), says nothing when all
//! is well, and is done within [`LONGEST`] whatever happens. It is no way to command anything: see [`crate::io::notify`].

use crate::io::notify::{SOCKET_NAME, ring};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

/// The command's own deadline.
const LONGEST: Duration = Duration::from_millis(1_500);

/// Tell the daemon to look at the UPS now (for NOTIFYCMD in upsmon.conf).
#[derive(clap::Args, Debug)]
pub struct NotifyArgs {
    /// The daemon's socket; without it `$CABINETD_DIR/run/notify.sock`, else `/run/cabinetd/notify.sock`
    #[arg(long, value_name = "SOCKET")]
    socket: Option<PathBuf>,
    /// What upsmon says; not used
    #[arg(num_args = 0.., trailing_var_arg = true, allow_hyphen_values = true)]
    message: Vec<std::ffi::OsString>,
}

/// Rings the daemon's bell.
#[must_use]
pub fn run(args: NotifyArgs) -> ExitCode {
    let path = args.socket.unwrap_or_else(|| {
        let run_dir = std::env::var_os("CABINETD_DIR")
            .map_or_else(|| PathBuf::from("/run/cabinetd"), |dir| Path::new(&dir).join("run"));
        run_dir.join(SOCKET_NAME)
    });
    drop(args.message);
    let word = |name| std::env::var(name).unwrap_or_default();
    let hint = format!("{} {}", word("NOTIFYTYPE"), word("UPSNAME"));
    // Sending does not wait, but a path on a dead network file system would.
    let (done, ended) = mpsc::channel();
    let target = path.clone();
    std::thread::spawn(move || done.send(ring(&target, &hint)));
    match ended.recv_timeout(LONGEST) {
        Ok(Ok(())) => return ExitCode::SUCCESS,
        Ok(Err(error)) => eprintln!("cabinetd: {}: {}", path.display(), remedy(&error)),
        Err(_) => eprintln!("cabinetd: {}: no answer from the file system", path.display()),
    }
    ExitCode::FAILURE
}

fn remedy(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            "the daemon does not listen there; is cabinetd running, is the path right (--socket)?".into()
        }
        io::ErrorKind::PermissionDenied => {
            "no permission; the socket has mode 0622 and every folder above it must be passable (x) for upsmon's account"
                .into()
        }
        _ => error.to_string(),
    }
}
