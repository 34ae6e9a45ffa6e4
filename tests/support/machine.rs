//! A booted machine: real systemd, journald and D-Bus in a container, with this program installed as a package would do it.
//!
//! The root is made once by debootstrap, of the release and from the mirror that this machine itself uses, and kept under `target/`.
//! Each boot lays a file system in memory over it, so that every machine begins new. It has no network but its loopback.

use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What the root has beside the smallest Debian.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,udev,procps,iproute2";
/// Nothing here takes longer, on a busy machine either.
const PATIENCE: Duration = Duration::from_secs(60);
/// What systemd takes as the order to power off.
const POWER_OFF: i32 = 38;

/// One machine at a time.
static ONE: Mutex<()> = Mutex::new(());

/// The files of `systemd/` and where a package puts them.
const INSTALLED: [(&str, &str); 6] = [
    ("cabinetd.service", "/usr/lib/systemd/system/cabinetd.service"),
    ("cabinetd.sysusers", "/usr/lib/sysusers.d/cabinetd.conf"),
    ("cabinetd.tmpfiles", "/usr/lib/tmpfiles.d/cabinetd.conf"),
    ("60-cabinetd.rules", "/usr/lib/udev/rules.d/60-cabinetd.rules"),
    ("60-cabinetd-journald.conf", "/usr/lib/systemd/journald.conf.d/60-cabinetd.conf"),
    ("cabinetd.catalog", "/usr/lib/systemd/catalog/cabinetd.catalog"),
];

/// A test measures real time.
#[expect(clippy::disallowed_methods, reason = "the test's own stopwatch")]
fn now() -> Instant {
    Instant::now()
}

/// How a command on the machine ended.
#[derive(Clone, Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// A machine that runs; it is powered off when it goes out of scope.
pub struct Machine {
    container: Child,
    /// Its first process, as this machine numbers it.
    leader: Pid,
    console: PathBuf,
    _one: MutexGuard<'static, ()>,
}

impl Machine {
    /// Boots a machine with the program, its account and folders, a config and secrets, and simulated hardware. The daemon is not started.
    pub fn boot(config: &str) -> Self {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("machine");
        fs::create_dir_all(&kept).expect("a folder under target");
        let root = root(&kept);
        let console = kept.join("console.log");
        let log = File::create(&console).expect("a file");
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd");
        let mut command = Command::new("systemd-nspawn");
        command.args(["--quiet", "--boot", "--volatile=overlay", "--register=no", "--keep-unit", "--private-network"]);
        command.args(["--link-journal=no", "--resolv-conf=off", "--timezone=off", "--directory"]).arg(&root);
        // With these systemd in it can enforce DeviceAllow= and IPAddressDeny=, as it does on a machine of its own.
        command.args(["--system-call-filter=bpf", "--capability=CAP_BPF,CAP_PERFMON,CAP_NET_ADMIN"]);
        command.env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1");
        let bind = |from: &Path, to: &str| format!("--bind-ro={}:{to}", from.display());
        command.arg(bind(Path::new(env!("CARGO_BIN_EXE_cabinetd")), "/usr/bin/cabinetd"));
        for (file, place) in INSTALLED {
            command.arg(bind(&sources.join(file), place));
        }
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
        let mut container = command.spawn().expect("systemd-nspawn (package systemd-container)");
        let leader = leader(&mut container, &console);
        let machine = Self { container, leader, console, _one: one };
        machine.until("the boot", "systemctl is-system-running | grep -E 'running|degraded'");
        assert_eq!(machine.ok("systemctl --failed --no-legend"), "", "the machine itself is well");
        machine.install(config);
        machine
    }

    /// As a package and its installer do it.
    fn install(&self, config: &str) {
        self.ok("systemd-sysusers && systemd-tmpfiles --create cabinetd.conf && journalctl --update-catalog");
        self.write("/etc/cabinetd/cabinetd.toml", config);
        self.ok("cabinetd init");
        // What a board would be. As the daemon's own account, since it keeps its hooks in the daemon's folder.
        self.write(
            "/etc/systemd/system/hardware.service",
            "[Service]\nUser=cabinetd\nExecStart=/usr/bin/cabinetd sim hardware\n",
        );
        self.ok("systemctl daemon-reload && systemctl start hardware");
        self.until("the hardware", "test -S /run/cabinetd/hardware.sock");
    }

    /// Runs a script as root on the machine.
    pub fn run(&self, script: &str) -> Said {
        let leader = self.leader.as_raw_nonzero().to_string();
        let mut command = Command::new("nsenter");
        command.args(["--all", "--target", &leader, "--", "/bin/sh", "-c", script]);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C.UTF-8");
        let output = command.stdin(Stdio::null()).output().expect("nsenter (package util-linux)");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// … that must not fail; gives back what it printed.
    pub fn ok(&self, script: &str) -> String {
        let said = self.run(script);
        assert_eq!(said.code, 0, "{script}: {said:?}\n{}", self.log());
        said.out
    }

    /// Waits until a script succeeds.
    pub fn until(&self, what: &str, script: &str) -> String {
        let begin = now();
        loop {
            let said = self.run(script);
            if said.code == 0 {
                return said.out;
            }
            assert!(begin.elapsed() < PATIENCE, "it never comes: {what}: {said:?}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// A file there, whole.
    pub fn write(&self, path: &str, text: &str) {
        // systemd's own name for the root of a process.
        let root = format!("/proc/{}/root", self.leader.as_raw_nonzero());
        let file = Path::new(&root).join(path.trim_start_matches('/'));
        fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        fs::write(file, text).expect("written");
    }

    /// A property of the service, as systemd has it.
    pub fn property(&self, name: &str) -> String {
        self.ok(&format!("systemctl show cabinetd --property={name} --value")).trim_end().to_owned()
    }

    /// What the journal has of the service, for a message of a test that fails.
    fn log(&self) -> String {
        let said = self.run("journalctl --no-pager -u cabinetd -u hardware | tail -n 60");
        format!("{}{}\n{}", said.out, said.err, fs::read_to_string(&self.console).unwrap_or_default())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = Command::new("kill").args([format!("-{POWER_OFF}"), self.leader.as_raw_nonzero().to_string()]).status();
        let begin = now();
        while begin.elapsed() < Duration::from_secs(20) {
            if matches!(self.container.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = kill_process(self.leader, Signal::KILL);
        let _ = self.container.kill();
        let _ = self.container.wait();
    }
}

/// The container's first process: the only child of systemd-nspawn's.
fn leader(container: &mut Child, console: &Path) -> Pid {
    let children = format!("/proc/{0}/task/{0}/children", container.id());
    let begin = now();
    loop {
        let child = fs::read_to_string(&children).unwrap_or_default();
        let pid = child.split_whitespace().next().and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw);
        // Before it has a root of its own it is not there yet.
        let booted = pid.filter(|pid| {
            let name = fs::read_to_string(format!("/proc/{}/comm", pid.as_raw_nonzero()));
            name.is_ok_and(|name| name.trim() == "systemd")
        });
        if let Some(pid) = booted {
            return pid;
        }
        let ended = container.try_wait().expect("a child");
        let said = || fs::read_to_string(console).unwrap_or_default();
        assert!(ended.is_none(), "the container ended: {ended:?}\n{}", said());
        assert!(begin.elapsed() < PATIENCE, "the container never boots\n{}", said());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The root, made now if it is not there: some minutes at most.
fn root(kept: &Path) -> PathBuf {
    let (mirror, release) = mirror();
    let root = kept.join(format!("{release}-{}", PACKAGES.replace(',', "-")));
    if root.join("etc/os-release").exists() {
        return root;
    }
    let new = kept.join("new");
    if new.exists() {
        fs::remove_dir_all(&new).expect("what an end in the middle left behind");
    }
    let made = Command::new("debootstrap")
        .args(["--variant=minbase".to_owned(), format!("--include={PACKAGES}"), release])
        .args([new.as_os_str(), OsStr::new(&mirror)])
        .output()
        .expect("debootstrap (package debootstrap)");
    assert!(made.status.success(), "debootstrap: {}", String::from_utf8_lossy(&made.stdout));
    // Without an id each boot is a first one, which enables every unit that it finds.
    fs::write(new.join("etc/machine-id"), "5f0c5f9f1e3d4b0f8e0f3a1d2c4b6a78\n").expect("written");
    fs::rename(&new, &root).expect("moved into place");
    root
}

/// This machine's own mirror and release, from its apt sources.
fn mirror() -> (String, String) {
    let asked = Command::new("apt-get")
        .args(["indextargets", "--format", "$(SITE) $(CODENAME) $(COMPONENT)", "Created-By: Packages"])
        .output()
        .expect("apt-get");
    let release = fs::read_to_string("/etc/os-release").expect("/etc/os-release");
    let release = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).expect("a release");
    let text = String::from_utf8_lossy(&asked.stdout);
    let site = text.lines().find_map(|line| line.strip_suffix(&format!(" {release} main")));
    (site.expect("an apt source of this release, main").to_owned(), release.to_owned())
}
