//! A real upsd with a real dummy-ups driver, in a folder and at a port of its own, gone when the test is.

use cabinetd::io::ups::Watch;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const UPS: &str = "office";
/// A user of upsd who may force a shutdown and give every command, with a password that wants care.
#[allow(dead_code, reason = "not every test gives orders")]
pub const KEEPER: &str = "keeper";
#[allow(dead_code, reason = "not every test gives orders")]
pub const KEEPER_PASSWORD: &str = r#"key "of" \ #7"#;
/// The number of no process.
#[allow(dead_code, reason = "not every test has an upsmon")]
pub const NO_PROCESS: &str = "4194303";
/// Seconds without news of the driver until upsd calls its data stale.
pub const MAXAGE_S: u64 = 3;

/// A process that is killed, by its id, when it goes out of scope.
#[derive(Debug)]
pub struct Guarded(Child);

impl Guarded {
    #[allow(dead_code, reason = "the benches measure by it, the tests do not")]
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    pub fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.kill();
    }
}

/// upsd and its driver.
pub struct RealNut {
    pub dir: TempDir,
    pub port: u16,
    pub upsd: Guarded,
    pub driver: Guarded,
    driver_program: String,
}

impl RealNut {
    /// Starts both and waits until upsd answers.
    pub fn start() -> Self {
        Self::start_playing(None)
    }

    /// The same with a driver that plays a script (`.seq`: variables, `TIMER` and seconds) once, from its start on.
    pub fn start_playing(script: Option<&str>) -> Self {
        Self::start_with("dummy-ups", |dir, port| write_config(dir, port, script))
    }

    /// The same with another driver and with files that `configure` puts into the folder, for an upsd at this port.
    pub fn start_with(driver: &str, configure: impl Fn(&Path, u16)) -> Self {
        let driver_program = format!("/lib/nut/{driver}");
        for program in ["/lib/nut/upsd", &driver_program, "/lib/nut/upsmon", "/usr/bin/upsrw", "/usr/bin/upsc"] {
            assert!(Path::new(program).exists(), "{program} is missing: apt-get install nut-server nut-client");
        }
        let dir = tempfile::tempdir().unwrap();
        // Root starts everything as user nut, who must get at the folder.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        // Somebody else may take the port between our look and upsd's start: then another one.
        for _ in 0..5 {
            let port = free_port();
            configure(dir.path(), port);
            give_to_nut(dir.path());
            let driver = spawn(dir.path(), &driver_program, &["-a", UPS, "-F"]);
            let mut upsd = spawn(dir.path(), "/lib/nut/upsd", &["-F"]);
            if answers(port, &mut upsd) {
                return Self { dir, port, upsd, driver, driver_program };
            }
        }
        panic!("upsd does not start:\n{}", fs::read_to_string(dir.path().join("upsd.log")).unwrap_or_default());
    }

    pub fn watch(&self) -> Watch {
        Watch { timeout: Duration::from_millis(800), ..Watch::new(UPS, "127.0.0.1", self.port) }
    }

    pub fn spawn(&self, program: &str, args: &[&str]) -> Guarded {
        spawn(self.dir.path(), program, args)
    }

    pub fn restart_upsd(&mut self) {
        self.upsd = self.spawn("/lib/nut/upsd", &["-F"]);
        assert!(answers(self.port, &mut self.upsd), "upsd does not start again");
    }

    pub fn restart_driver(&mut self) {
        self.driver = self.spawn(&self.driver_program, &["-a", UPS, "-F"]);
    }

    /// upsmon with the folder's `upsmon.conf`, as one process of NUT's account. Several of them may run at a time: each is told
    /// that the one in the system's pid file is another process.
    #[allow(dead_code, reason = "not every test has one")]
    pub fn spawn_upsmon(&self) -> Guarded {
        self.spawn("/lib/nut/upsmon", &["-F", "-p", "-P", NO_PROCESS])
    }

    /// Sets a variable of the driver and waits until it says it has it. In a driver's first seconds upsd does not know yet that the
    /// variable may be set.
    #[expect(clippy::disallowed_methods, reason = "a test's own patience")]
    pub fn set(&self, variable: &str, value: &str) {
        let setting = format!("{variable}={value}");
        let ups = format!("{UPS}@127.0.0.1:{}", self.port);
        let args = ["-w", "-s", &setting, "-u", "admin", "-p", "secret", &ups];
        let begin = Instant::now();
        loop {
            let output = Command::new("/usr/bin/upsrw").args(args).output().unwrap();
            if output.status.success() {
                return;
            }
            let refusal = String::from_utf8_lossy(&output.stderr);
            let early = ["ERR READONLY", "ERR DRIVER-NOT-CONNECTED"].iter().any(|reason| refusal.contains(reason));
            assert!(early && begin.elapsed() < Duration::from_secs(20), "upsrw {setting}: {output:?}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn write_config(dir: &Path, port: u16, script: Option<&str>) {
    let write = |name: &str, text: String| {
        let path = dir.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    };
    let dev = dir.join(if script.is_some() { "office.seq" } else { "office.dev" });
    write(
        "ups.conf",
        format!(
            "maxretry = 1\npollinterval = 1\n[{UPS}]\ndriver = dummy-ups\nport = {}\nmode = dummy-once\ndesc = office\n",
            dev.display()
        ),
    );
    write("upsd.conf", format!("LISTEN 127.0.0.1 {port}\nSTATEPATH {}\nMAXAGE {MAXAGE_S}\n", dir.display()));
    write(
        "upsd.users",
        "[admin]\npassword = secret\nactions = SET\n[watcher]\npassword = secret\nupsmon secondary\n\
         [keeper]\npassword = \"key \\\"of\\\" \\\\ \\#7\"\nupsmon primary\ninstcmds = ALL\n"
            .into(),
    );
    if let Some(script) = script {
        write("office.seq", script.to_owned());
    }
    write(
        "office.dev",
        "ups.status: OL\nbattery.charge: 100\nbattery.runtime: 1800\nbattery.voltage: 13.65\nups.load: 12\n\
         ups.realpower: 31.5\nups.serial: REAL-1\nups.mfr: Office\nups.model: Dummy\n"
            .into(),
    );
}

pub fn nut_account() -> Option<(u32, u32)> {
    rustix::process::getuid().is_root().then(|| {
        let nut = uzers::get_user_by_name("nut").expect("no account nut: apt-get install nut-server nut-client");
        (nut.uid(), nut.primary_group_id())
    })
}

/// Gives a folder and what is in it to the account that NUT runs as; without root everything is ours and stays so.
pub fn give_to_nut(dir: &Path) {
    if let Some((uid, gid)) = nut_account() {
        let inside = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        for path in inside.chain([dir.to_owned()]).collect::<Vec<PathBuf>>() {
            chown(path, Some(uid), Some(gid)).unwrap();
        }
    }
}

fn spawn(dir: &Path, program: &str, args: &[&str]) -> Guarded {
    let name = Path::new(program).file_name().unwrap().to_str().unwrap();
    let log = fs::File::create(dir.join(format!("{name}.log"))).unwrap();
    let mut command = Command::new(program);
    for variable in ["NUT_CONFPATH", "NUT_STATEPATH", "NUT_ALTPIDPATH"] {
        command.env(variable, dir);
    }
    // Programs that a test puts into the folder go before the system's.
    command.env("PATH", format!("{}/bin:/usr/sbin:/usr/bin:/sbin:/bin", dir.display()));
    command.args(args).current_dir(dir).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    if let Some((uid, gid)) = nut_account() {
        command.uid(uid).gid(gid);
    }
    Guarded(command.spawn().unwrap())
}

/// Whether upsd takes connections within 10 s.
fn answers(port: u16, upsd: &mut Guarded) -> bool {
    (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        !upsd.has_ended() && std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
    })
}
