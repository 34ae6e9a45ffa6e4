//! What the kernel tells: the disk under a folder, the clocks that run on without power.

use crate::cabinet::types::Wall;
use crate::check::disk::{Disk, Facts, Journal};
use crate::check::firmware::{Board, Facts as FirmwareFacts, settings};
use crate::check::machine::{Facts as MachineFacts, Memory, Watchdog};
use crate::check::power::{ClockChip, PowerOff};
use std::fs;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The file system that a folder is on.
pub(super) fn disk(dir: &Path) -> Facts {
    let disk = match fs::metadata(dir) {
        Ok(_) => disk_of(dir).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
    };
    Facts { dir: dir.display().to_string(), disk, journal: journal(Path::new("/")) }
}

/// Which Raspberry Pi this is, if it is one, and what its EEPROM says.
pub(super) fn firmware() -> FirmwareFacts {
    let board = Board::of_this_machine();
    // The bootloader's own tool knows where the settings are; it has an end by `timeout`.
    let said = board.and_then(|_| {
        let output = std::process::Command::new("timeout").args(["3", "rpi-eeprom-config"]).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    });
    FirmwareFacts { board, eeprom: said.map(|text| settings(&text)) }
}

/// Memory and watchdogs, on a file system that begins at `root`.
pub(super) fn machine(root: &Path) -> MachineFacts {
    let mut watchdogs: Vec<Watchdog> = fs::read_dir(root.join("sys/class/watchdog"))
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let said = |file: &str| fs::read_to_string(entry.path().join(file)).ok();
            Some(Watchdog {
                name: entry.file_name().into_string().ok()?,
                is_armed: said("state").is_some_and(|state| state.trim() == "active"),
                timeout_s: said("timeout").and_then(|seconds| seconds.trim().parse().ok()),
            })
        })
        .collect();
    watchdogs.sort_by(|a, b| a.name.cmp(&b.name));
    MachineFacts {
        memory: fs::read_to_string(root.join("proc/meminfo")).ok().and_then(|text| memory(&text)),
        watchdogs,
    }
}

fn memory(meminfo: &str) -> Option<Memory> {
    let bytes = |name: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.saturating_mul(1_024))
    };
    Some(Memory { total: bytes("MemTotal")?, available: bytes("MemAvailable")? })
}

/// journald writes below `var` when it may, else below `run`; the folder there is called by the machine's id.
fn journal(root: &Path) -> Journal {
    if !root.join("run/systemd/journal/socket").exists() {
        return Journal::None;
    }
    let id = fs::read_to_string(root.join("etc/machine-id")).unwrap_or_default();
    if root.join("var/log/journal").join(id.trim()).is_dir() && !id.trim().is_empty() {
        Journal::Kept
    } else {
        Journal::Volatile
    }
}

fn disk_of(dir: &Path) -> Result<Disk, String> {
    let seen = rustix::fs::statvfs(dir).map_err(|error| error.to_string());
    let mount =
        fs::canonicalize(dir).ok().and_then(|dir| mount_of(&fs::read_to_string("/proc/self/mountinfo").ok()?, &dir));
    seen.map(|seen| {
        let (kind, options) = mount.unzip();
        Disk {
            free_bytes: seen.f_bavail.saturating_mul(seen.f_frsize),
            total_bytes: seen.f_blocks.saturating_mul(seen.f_frsize),
            kind,
            options: options.unwrap_or_default(),
        }
    })
}

/// Kind and options of the mount that a path is on: the last of those with the longest mount point above it.
fn mount_of(mountinfo: &str, path: &Path) -> Option<(String, Vec<String>)> {
    let mounts = mountinfo.lines().filter_map(|line| {
        // 36 35 98:0 /root /point rw,noatime master:1 - ext4 /dev/sda1 rw,errors=continue
        let (mount, system) = line.split_once(" - ")?;
        let mount: Vec<&str> = mount.split(' ').collect();
        let system: Vec<&str> = system.split(' ').collect();
        let point = PathBuf::from(plain(mount.get(4)?));
        let options = mount.get(5)?.split(',').chain(system.get(2)?.split(','));
        Some((point, (*system.first()?).to_owned(), options.map(str::to_owned).collect()))
    });
    let above = mounts.filter(|(point, _, _)| path.starts_with(point));
    above.max_by_key(|(point, _, _)| point.components().count()).map(|(_, kind, options)| (kind, options))
}

/// Spaces and the like are written as octal numbers there.
fn plain(point: &str) -> String {
    let mut text = String::new();
    let mut rest = point;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let code = rest.get(at + 1..at + 4).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if let Some(code) = code.filter(u8::is_ascii) {
            text.push(char::from(code));
            rest = &rest[at + 4..];
        } else {
            text.push('\\');
            rest = &rest[at + 1..];
        }
    }
    text + rest
}

/// An account of the operating system.
pub(super) struct Account {
    name: String,
    uid: u32,
    gids: Vec<u32>,
}

impl Account {
    pub(super) fn named(name: &str) -> Option<Self> {
        let user = uzers::get_user_by_name(name)?;
        let groups = uzers::get_user_groups(name, user.primary_group_id()).unwrap_or_default();
        let gids = groups.iter().map(uzers::Group::gid).chain([user.primary_group_id()]).collect();
        Some(Self { name: name.to_owned(), uid: user.uid(), gids })
    }

    fn may_write(&self, file: &fs::Metadata) -> bool {
        self.may(0o2, file)
    }

    pub(super) fn may_read(&self, file: &fs::Metadata) -> bool {
        self.may(0o4, file)
    }

    /// By owner, group and mode, the first that fits, as the kernel has it.
    fn may(&self, bit: u32, file: &fs::Metadata) -> bool {
        let bit = match (file.uid() == self.uid, self.gids.contains(&file.gid())) {
            (true, _) => bit << 6,
            (false, true) => bit << 3,
            (false, false) => bit,
        };
        self.uid == 0 || file.mode() & bit != 0
    }

    #[cfg(test)]
    pub(super) fn of(uid: u32, gids: &[u32]) -> Self {
        Self { name: "cabinetd".into(), uid, gids: gids.to_vec() }
    }
}

/// Bytes of the longest polkit rule that is read.
const LONGEST_RULE: u64 = 64 * 1_024;

/// Whether a polkit rule on a file system that begins at `root` speaks of powering off and of this account.
pub(super) fn power_off(root: &Path, account: Option<&Account>) -> PowerOff {
    let Some(account) = account else { return PowerOff::NotJudged };
    let mut unknown = None;
    for folder in ["etc/polkit-1/rules.d", "usr/share/polkit-1/rules.d"] {
        let files = match fs::read_dir(root.join(folder)) {
            Ok(files) => files,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => {
                unknown = Some(format!("/{folder} cannot be read ({error})"));
                continue;
            }
        };
        for path in files.take(1_000).filter_map(|file| Some(file.ok()?.path())) {
            let mut rule = String::new();
            match fs::File::open(&path).and_then(|file| file.take(LONGEST_RULE).read_to_string(&mut rule)) {
                Ok(_) if !rule.contains("org.freedesktop.login1.power-off") => {}
                Ok(_) if rule.contains(&format!("\"{}\"", account.name)) => return PowerOff::Allowed,
                Ok(_) => unknown = Some(format!("{} speaks of it and does not name the account", path.display())),
                Err(error) => unknown = Some(format!("{} cannot be read ({error})", path.display())),
            }
        }
    }
    unknown.map_or(PowerOff::NoRule, PowerOff::Unknown)
}

/// The clocks of `/sys/class/rtc`, on a file system that begins at `root`, and whether `account` may set their alarms. `wall`: the
/// system's clock, if it is trusted.
pub(super) fn clock_chips(root: &Path, wall: Option<Wall>, account: Option<&Account>) -> Vec<ClockChip> {
    let Ok(folder) = fs::read_dir(root.join("sys/class/rtc")) else { return Vec::new() };
    let mut chips: Vec<ClockChip> = folder
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let chip = entry.path();
            let alarm = fs::metadata(chip.join("wakealarm")).ok();
            let since_epoch = fs::read_to_string(chip.join("since_epoch")).ok();
            let seconds = since_epoch.and_then(|text| text.trim().parse::<i64>().ok());
            Some(ClockChip {
                name: entry.file_name().into_string().ok()?,
                has_alarm: alarm.is_some(),
                may_set: alarm.as_ref().zip(account).map(|(alarm, account)| account.may_write(alarm)),
                off_s: seconds.zip(wall).map(|(seconds, wall)| seconds.abs_diff(wall.0.div_euclid(1_000))),
            })
        })
        .collect();
    chips.sort_by(|a, b| a.name.cmp(&b.name));
    chips
}

/// More processes than any cabinet has.
const MOST_PROCESSES: usize = 50_000;
/// Of `/proc`, whatever the kernel itself counts in: 100 on every machine that Raspberry Pi OS runs on.
const TICKS_PER_S: u64 = 100;

/// When the oldest process of this name was started, in seconds since 1970, as `/proc` below `root` tells.
pub(super) fn started(root: &Path, name: &str) -> Option<i64> {
    let proc = root.join("proc");
    let stat = fs::read_to_string(proc.join("stat")).ok()?;
    let booted: i64 = stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    let ticks = fs::read_dir(&proc).ok()?.take(MOST_PROCESSES).filter_map(|entry| {
        let dir = entry.ok()?.path();
        let is_one = dir.file_name()?.to_str()?.bytes().all(|byte| byte.is_ascii_digit());
        (is_one && fs::read_to_string(dir.join("comm")).ok()?.trim_end() == name).then_some(())?;
        started_ticks(&fs::read_to_string(dir.join("stat")).ok()?)
    });
    let seconds = ticks.min()? / TICKS_PER_S;
    booted.checked_add(i64::try_from(seconds).ok()?)
}

/// The 22nd field of a process's `stat`. The second is a name in parentheses, which may have blanks and parentheses of its own.
fn started_ticks(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// When a file was last changed, in seconds since 1970.
pub(super) fn changed(path: &Path) -> Option<i64> {
    fs::metadata(path).ok().map(|file| file.mtime())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_oldest_process_of_a_name_is_told() {
        let root = tempfile::tempdir().expect("a folder");
        let write = |path: &str, text: &str| {
            let path = root.path().join("proc").join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        };
        assert_eq!(started(root.path(), "upsmon"), None, "no /proc at all");
        write("stat", "cpu 1 2 3\nbtime 1800000000\nprocesses 9\n");
        let process = |id: &str, name: &str, after_s: u64| {
            write(&format!("{id}/comm"), &format!("{name}\n"));
            let fields = "S 1 2 2 0 -1 4 5 6 7 8 9 10 11 12 20 0 1 0";
            write(&format!("{id}/stat"), &format!("{id} ({name} (x) y) {fields} {} 99 100\n", after_s * TICKS_PER_S));
        };
        process("7", "sh", 1);
        process("self", "upsmon", 2);
        assert_eq!(started(root.path(), "upsmon"), None);
        process("81", "upsmon", 30);
        process("80", "upsmon", 20);
        assert_eq!(started(root.path(), "upsmon"), Some(1_800_000_020));
        write("80/stat", "torn");
        assert_eq!(started(root.path(), "upsmon"), Some(1_800_000_030));

        // The real one tells of this very process, which is older than the file.
        let own = fs::read_to_string("/proc/self/comm").expect("it is there");
        let (started, changed) = (started(Path::new("/"), own.trim_end()), changed(&root.path().join("proc/stat")));
        let age_s = changed.zip(started).map(|(changed, started)| changed - started);
        assert!(age_s.is_some_and(|age_s| (-2..86_400).contains(&age_s)), "{age_s:?}");
    }

    #[test]
    fn the_log_is_kept_where_journald_has_a_folder_of_this_machine() {
        let root = tempfile::tempdir().expect("a folder");
        let make = |path: &str| fs::create_dir_all(root.path().join(path)).expect("made");
        assert_eq!(journal(root.path()), Journal::None);
        make("run/systemd/journal/socket");
        make("etc");
        make("var/log/journal/another");
        assert_eq!(journal(root.path()), Journal::Volatile, "it has no id, so no folder is its own");
        fs::write(root.path().join("etc/machine-id"), "2458df97\n").expect("written");
        assert_eq!(journal(root.path()), Journal::Volatile);
        make("var/log/journal/2458df97");
        assert_eq!(journal(root.path()), Journal::Kept);
    }

    #[test]
    fn the_mount_of_a_path_is_the_nearest_above_it() {
        let mountinfo = "\
            22 1 179:2 / / rw,noatime shared:1 - ext4 /dev/root rw,data=ordered\n\
            23 22 0:21 / /run rw,nosuid shared:2 - tmpfs tmpfs rw,size=91M\n\
            31 22 8:1 / /var/lib/my\\040disk rw - ext4 /dev/sda1 ro,barrier=0\n\
            32 22 8:2 / /var/lib rw - xfs /dev/sda2 rw\n\
            33 22 8:3 / /var/lib ro - f2fs /dev/sda3 rw\n\
            not a mount\n";
        let mount = |path: &str| mount_of(mountinfo, Path::new(path)).map(|(kind, options)| (kind, options.join(",")));
        let is = |kind: &str, options: &str| Some((kind.to_owned(), options.to_owned()));
        assert_eq!(mount("/home/pi"), is("ext4", "rw,noatime,rw,data=ordered"));
        assert_eq!(mount("/run/cabinetd"), is("tmpfs", "rw,nosuid,rw,size=91M"));
        assert_eq!(mount("/runny"), is("ext4", "rw,noatime,rw,data=ordered"), "no part of a name");
        assert_eq!(mount("/var/lib/my disk/state"), is("ext4", "rw,ro,barrier=0"));
        assert_eq!(mount("/var/lib/cabinetd"), is("f2fs", "ro,rw"), "the one mounted over the other");
        assert_eq!(mount_of("", Path::new("/")), None);
        assert_eq!(plain("a\\040b\\\\c\\9"), "a b\\\\c\\9");
    }

    #[test]
    fn clock_chips_are_what_the_kernel_shows() {
        let root = tempfile::tempdir().expect("a folder");
        assert_eq!(clock_chips(root.path(), None, None), []);
        let chip = |name: &str, alarm: bool, time: &str| {
            let dir = root.path().join("sys/class/rtc").join(name);
            fs::create_dir_all(&dir).expect("a folder");
            fs::write(dir.join("since_epoch"), time).expect("written");
            if alarm {
                fs::write(dir.join("wakealarm"), "").expect("written");
            }
        };
        chip("rtc1", false, "1800000100\n");
        chip("rtc0", true, "nonsense");
        let is = |name: &str, has_alarm, off_s| ClockChip { name: name.to_owned(), has_alarm, may_set: None, off_s };
        let wall = Some(Wall(1_800_000_000_500));
        assert_eq!(clock_chips(root.path(), wall, None), [is("rtc0", true, None), is("rtc1", false, Some(100))]);
        assert_eq!(clock_chips(root.path(), None, None)[1].off_s, None, "a clock that is not trusted measures nothing");

        let alarm = root.path().join("sys/class/rtc/rtc0/wakealarm");
        let of = fs::metadata(&alarm).expect("there");
        let account = |uid, gid| Account { name: "cabinetd".into(), uid, gids: vec![gid] };
        let may_set = |account: Account| {
            clock_chips(root.path(), None, Some(&account)).iter().map(|chip| chip.may_set).collect::<Vec<_>>()
        };
        let mode = |mode| fs::set_permissions(&alarm, fs::Permissions::from_mode(mode)).expect("set");
        let (other, none) = (of.uid() + 7, of.gid() + 7);
        mode(0o644);
        assert_eq!(may_set(account(other, of.gid())), [Some(false), None], "as the kernel has it");
        mode(0o664);
        assert_eq!(may_set(account(other, of.gid())), [Some(true), None], "as the udev rule leaves it");
        assert_eq!(may_set(account(other, none)), [Some(false), None]);
        assert_eq!(may_set(account(0, none)), [Some(true), None]);
    }

    #[test]
    fn a_polkit_rule_lets_the_account_power_off() {
        let root = tempfile::tempdir().expect("a folder");
        let account = Account { name: "cabinetd".into(), uid: 900, gids: vec![900] };
        let said = || power_off(root.path(), Some(&account));
        assert_eq!((power_off(root.path(), None), said()), (PowerOff::NotJudged, PowerOff::NoRule));
        let folder = root.path().join("etc/polkit-1/rules.d");
        fs::create_dir_all(&folder).expect("made");
        let rule = |name: &str, text: &str| fs::write(folder.join(name), text).expect("written");
        rule("10-network.rules", "subject.user == \"cabinetd\" && action.id == \"org.freedesktop.network1.x\"");
        assert_eq!(said(), PowerOff::NoRule);
        rule("20-admins.rules", "if (action.id == \"org.freedesktop.login1.power-off\" && subject.isInGroup(\"ops\"))");
        assert!(matches!(said(), PowerOff::Unknown(why) if why.contains("20-admins.rules")));
        rule(
            "50-cabinetd.rules",
            "subject.user == \"cabinetd\" && (action.id == \"org.freedesktop.login1.power-off\")",
        );
        assert_eq!(said(), PowerOff::Allowed);
        fs::remove_dir_all(&folder).expect("gone");
        fs::write(&folder, "no folder").expect("written");
        assert!(matches!(said(), PowerOff::Unknown(why) if why.contains("cannot be read")));
    }

    #[test]
    fn a_folder_that_is_not_there_is_not_there_yet() {
        let root = tempfile::tempdir().expect("a folder");
        assert_eq!(disk(&root.path().join("state")).disk, Ok(None));
        let disk = disk(root.path()).disk.expect("it can be looked at").expect("it is there");
        assert!(disk.total_bytes > 0 && disk.kind.is_some() && !disk.options.is_empty(), "{disk:?}");
    }
}
