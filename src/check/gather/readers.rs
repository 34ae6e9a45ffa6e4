//! Looking at the readers: which devices there are, who may read them and who has them open. None is opened for it.

use super::machine::Account;
use crate::check::readers::{Facts, Holders, Is, Reader, Seen};
use crate::config::{Config, Lines};
use crate::io::readers::found::{Fit, Found, look};
use crate::io::store;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// More processes and files than a machine beside a cabinet has.
const MOST_PROCESSES: usize = 50_000;
const MOST_FILES: usize = 10_000;
/// The daemon's own name, as the kernel has it.
const DAEMON: &str = "cabinetd";

/// The readers of a config, on a machine whose file system begins at `root`.
pub(super) fn readers(config: &Config, is_clean: bool, account: Option<&Account>, root: &Path) -> Facts {
    if !is_clean {
        return Facts::NotJudged;
    }
    let found = look(root);
    let readers: Vec<Reader> = (config.readers.iter())
        .map(|wanted| {
            let fit = wanted.fit(&found);
            let is = match (&fit, fit.trouble(wanted.kind)) {
                (Fit::One(device), None) => Is::There {
                    device: device.to_string(),
                    may_read: account
                        .zip(fs::metadata(below(root, &device.node)).ok())
                        .map(|(a, file)| a.may_read(&file)),
                    holders: holders(root, &device.node),
                },
                (_, trouble) => {
                    let (what, remedy) = trouble.unwrap_or_default();
                    Is::Trouble { what, remedy: remedy.to_owned() }
                }
            };
            let (has_badges, has_digits) = (wanted.kind.has_badges(), wanted.kind.has_digits());
            Reader { what: wanted.to_string(), has_badges, has_digits, is }
        })
        .collect();
    let described = |device: &&Found| {
        config.readers.iter().any(|wanted| match wanted.fit(&found) {
            Fit::One(one) => one.node == device.node,
            Fit::Several(several) => several.iter().any(|one| one.node == device.node),
            Fit::Nothing | Fit::Mute(_) => false,
        })
    };
    let others = found.iter().filter(|device| device.digits && device.ends && !described(device));
    let access = &config.settings.access;
    Facts::Seen(Box::new(Seen {
        simulated: matches!(config.lines, Lines::Sim { .. }),
        daemon_runs: store::is_in_use(&config.state_dir).unwrap_or_default(),
        wants_badges: access.badge_and_pin || access.badge_alone,
        wants_digits: access.badge_and_pin || access.login_and_pin,
        others: others.map(ToString::to_string).collect(),
        readers,
    }))
}

fn below(root: &Path, path: &Path) -> std::path::PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// Who has a node open, as `/proc` tells.
fn holders(root: &Path, node: &Path) -> Holders {
    let Ok(processes) = fs::read_dir(root.join("proc")) else { return Holders::Unknown };
    let (mut others, mut hidden) = (Vec::new(), false);
    for entry in processes.take(MOST_PROCESSES).filter_map(Result::ok) {
        let id = entry.file_name().to_string_lossy().into_owned();
        if !id.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        match fs::read_dir(entry.path().join("fd")) {
            Ok(files) => {
                let is_node = |file: fs::DirEntry| fs::read_link(file.path()).is_ok_and(|to| to == node);
                if files.take(MOST_FILES).filter_map(Result::ok).any(is_node) {
                    let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default().trim().to_owned();
                    if name == DAEMON {
                        return Holders::Ours;
                    }
                    others.push(format!("{name} ({id})"));
                }
            }
            Err(error) => hidden |= error.kind() == ErrorKind::PermissionDenied,
        }
    }
    if hidden { Holders::Unknown } else { Holders::Others(others) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Surroundings;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    const CONFIG: &str = "[cabinet]\nsite = \"s\"\nname = \"c\"\n[lines]\nbackend = \"sim\"\n[slots]\ncount = 4\n\
                          [[reader]]\nkind = \"badge\"\nname = \"RFID\"\n[[reader]]\nkind = \"keypad\"\nid = \"0001:0002\"\n";

    #[test]
    fn a_reader_is_seen_with_who_may_read_it_and_who_has_it() {
        let root = tempfile::tempdir().expect("a folder");
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        };
        // Ten digits and Enter.
        let device = |event: &str, name: &str| {
            let dir = format!("sys/class/input/{event}/device");
            write(&format!("{dir}/name"), name);
            write(&format!("{dir}/capabilities/key"), "10000ffc\n");
            write(&format!("dev/input/{event}"), "");
        };
        device("event0", "RFID");
        device("event1", "Keyboard");
        let folder = tempfile::tempdir().expect("a folder");
        let around = Surroundings {
            folder: folder.path().to_owned(),
            cabinetd_dir: Some(folder.path().to_owned()),
            ..Surroundings::default()
        };
        let config = Config::parse(CONFIG, &around).expect("it is sound");
        let node = root.path().join("dev/input/event0");
        let of = std::os::unix::fs::MetadataExt::uid(&fs::metadata(&node).expect("there"));
        fs::set_permissions(&node, fs::Permissions::from_mode(0o640)).expect("set");
        let look = |account: Option<&Account>| match readers(&config, true, account, root.path()) {
            Facts::Seen(seen) => *seen,
            Facts::NotJudged => panic!("it is judged"),
        };
        let seen = look(Some(&Account::of(of + 7, &[])));
        assert!(seen.simulated && !seen.daemon_runs && seen.wants_badges && seen.wants_digits);
        assert_eq!(seen.others.len(), 1);
        assert!(seen.others[0].contains("event1 \"Keyboard\""), "{:?}", seen.others);
        let is = |seen: &Seen| match &seen.readers[0].is {
            Is::There { may_read, holders, .. } => (*may_read, holders.clone()),
            Is::Trouble { what, .. } => panic!("{what}"),
        };
        assert_eq!(is(&seen), (Some(false), Holders::Unknown), "there is no /proc");
        assert!(matches!(&seen.readers[1].is, Is::Trouble { what, .. } if what.contains("no such device")));

        let process = |id: &str, name: &str| {
            write(&format!("proc/{id}/comm"), name);
            fs::create_dir_all(root.path().join(format!("proc/{id}/fd"))).expect("made");
            symlink("/dev/input/event0", root.path().join(format!("proc/{id}/fd/3"))).expect("linked");
        };
        write("proc/self/comm", "x");
        process("612", "Xorg\n");
        assert_eq!(is(&look(None)), (None, Holders::Others(vec!["Xorg (612)".into()])));
        process("700", "cabinetd\n");
        assert_eq!(is(&look(Some(&Account::of(of, &[])))), (Some(true), Holders::Ours));
        assert_eq!(readers(&config, false, None, root.path()), Facts::NotJudged);
    }
}
