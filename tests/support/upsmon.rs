//! A machine with a real upsmon: files as `cabinetd power recipe` writes them, or as Debian ships them, with the real upsd and a
//! real driver. Its SHUTDOWNCMD writes down when it was run, and nothing else happens.
//!
//! Of the recipe just that is changed which an installer would change (the driver and its port), and what must not touch the
//! machine that the test runs on: the commands, the flag and the places of files. Every time stands as printed.

use crate::megatec::{EMPTY_CV, FULL_CV, Megatec};
use crate::nut::{Guarded, MAXAGE_S, RealNut, UPS};
use crate::{now, text_of};
use cabinetd::io::ups::orders::{Login, Place, list_variables};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The daemon's user in the recipe.
pub const USER: &str = "cabinetd";

/// Whose set-up it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    Recipe,
    /// Debian's, with the MONITOR line that its manual has one add.
    Stock,
}

/// What stands for the UPS.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// NUT's dummy driver; told with `upsrw`.
    Dummy,
    /// A real driver with a simulated unit at its port.
    Serial,
}

/// The machine.
pub struct Machine {
    pub nut: RealNut,
    pub serial: Option<Megatec>,
    upsmon: Guarded,
    password: String,
}

impl Machine {
    /// Everything started, the UPS on line, upsmon logged in.
    pub fn start(setup: Setup, unit: Unit) -> Self {
        let serial = (unit == Unit::Serial).then(Megatec::start);
        let port = serial.as_ref().map(|unit| unit.port.clone());
        let driver = if serial.is_some() { "blazer_ser" } else { "dummy-ups" };
        let nut = RealNut::start_with(driver, |dir, upsd_port| {
            write_programs(dir);
            match setup {
                Setup::Recipe => write_recipe(dir, upsd_port, port.as_deref()),
                Setup::Stock => write_stock(dir, upsd_port, port.as_deref()),
            }
        });
        let password = fs::read_to_string(nut.dir.path().join("upsd_password")).unwrap_or_default().trim().to_owned();
        let upsmon = nut.spawn_upsmon();
        let mut machine = Self { nut, serial, upsmon, password };
        machine
            .until("the UPS is on line", Duration::from_secs(20), |status| status.split(' ').any(|word| word == "OL"));
        // Two polls: upsmon knows the UPS as on line, and has logged in.
        machine.hold(Duration::from_secs(7));
        machine
    }

    pub fn place(&self) -> Place {
        Place::new(UPS, "127.0.0.1", self.nut.port)
    }

    pub fn login(&self) -> Login {
        Login::new(USER, &self.password).expect("letters and digits")
    }

    pub fn unit(&self) -> &Megatec {
        self.serial.as_ref().expect("a serial unit")
    }

    /// `ups.status`, or why there is none.
    pub fn status(&self) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        match runtime.block_on(list_variables(&self.place())) {
            Ok(variables) => variables
                .into_iter()
                .find(|(name, _)| name == "ups.status")
                .map_or_else(|| "no status".to_owned(), |(_, status)| status),
            Err(error) => error.to_string(),
        }
    }

    /// Waits until the status is so.
    pub fn until(&self, what: &str, within: Duration, is: impl Fn(&str) -> bool) {
        let begin = now();
        loop {
            let status = self.status();
            if is(&status) {
                return;
            }
            assert!(begin.elapsed() < within, "{what}: still {status:?}\n{}", self.logs());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Lets time pass. Nothing was shut down before or after, and upsmon is there to do it.
    pub fn hold(&mut self, time: Duration) {
        assert!(self.shutdowns().is_empty(), "before\n{}", self.logs());
        std::thread::sleep(time);
        assert!(!self.upsmon.has_ended(), "upsmon ended\n{}", self.logs());
        assert!(self.shutdowns().is_empty(), "after {time:?}\n{}", self.logs());
    }

    /// Waits for the shutdown, and says how long after `since` it came.
    pub fn until_shutdown(&self, since: Instant, within: Duration) -> Duration {
        while self.shutdowns().is_empty() {
            assert!(since.elapsed() < within, "no shutdown within {within:?}\n{}", self.logs());
            std::thread::sleep(Duration::from_millis(50));
        }
        since.elapsed()
    }

    /// When SHUTDOWNCMD was run, one line each time.
    pub fn shutdowns(&self) -> Vec<String> {
        text_of(&self.nut.dir.path().join("shutdowns")).lines().map(str::to_owned).collect()
    }

    /// The kinds of news that upsmon ran NOTIFYCMD for.
    pub fn news(&self) -> Vec<String> {
        text_of(&self.nut.dir.path().join("news")).lines().map(str::to_owned).collect()
    }

    /// Waits for news.
    pub fn until_news(&self, kind: &str, within: Duration) {
        let begin = now();
        while !self.news().iter().any(|news| news == kind) {
            assert!(begin.elapsed() < within, "upsmon never told {kind}, only {:?}\n{}", self.news(), self.logs());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Runs a program of NUT's with this machine's files, as root would.
    pub fn run(&self, program: &str, args: &[&str]) -> std::process::Output {
        let mut command = Command::new(program);
        for variable in ["NUT_CONFPATH", "NUT_STATEPATH", "NUT_ALTPIDPATH"] {
            command.env(variable, self.nut.dir.path());
        }
        command.args(args).output().unwrap()
    }

    pub fn powerdown_flag(&self) -> PathBuf {
        self.nut.dir.path().join("killpower")
    }

    /// What the programs said.
    pub fn logs(&self) -> String {
        let log = |name: &str| format!("-- {name}\n{}", text_of(&self.nut.dir.path().join(name)));
        ["upsmon.log", "upsd.log", "blazer_ser.log", "dummy-ups.log"].map(log).join("\n")
    }
}

/// The harmless commands, and a `wall` that reaches no terminal.
fn write_programs(dir: &Path) {
    let script = |name: &str, text: &str| {
        let path = dir.join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    script("shut-down", &format!("date +%s.%N >> {}/shutdowns", dir.display()));
    script("tell", &format!("echo \"$NOTIFYTYPE\" >> {}/news", dir.display()));
    let bin = dir.join("bin");
    if !bin.exists() {
        fs::create_dir(&bin).unwrap();
        symlink("/bin/true", bin.join("wall")).unwrap();
    }
}

fn put(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
}

/// The driver's own settings.
fn driver(dir: &Path, port: Option<&Path>) -> String {
    let Some(port) = port else {
        put(dir, "office.dev", "ups.status: OL\nbattery.charge: 95\nbattery.runtime: 1800\nups.load: 12\n");
        return format!("driver = dummy-ups\n    port = {}/office.dev\n    mode = dummy-once\n", dir.display());
    };
    let volts = |hundredths: u32| format!("{}.{:02}", hundredths / 100, hundredths % 100);
    format!(
        "driver = blazer_ser\n    port = {}\n    default.battery.voltage.low = {}\n    default.battery.voltage.high = {}\n",
        port.display(),
        volts(EMPTY_CV),
        volts(FULL_CV)
    )
}

/// What `cabinetd power recipe --write-to` writes, moved to the folder.
fn write_recipe(dir: &Path, upsd_port: u16, port: Option<&Path>) {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("cabinetd.toml");
    let text = format!(
        "[cabinet]\nsite = \"elm-street\"\nname = \"lobby\"\n[lines]\nbackend = \"sim\"\n[slots]\ncount = 6\n[paths]\n\
         credentials_dir = \"credentials\"\n[power]\nsleep = \"ups-off\"\n[ups]\nname = \"{UPS}\"\nport = {upsd_port}\nuser = \"{USER}\"\n"
    );
    fs::write(&config, text).unwrap();
    let recipe = home.path().join("recipe");
    let output = Command::new(env!("CARGO_BIN_EXE_cabinetd"))
        .args(["power", "recipe", "--write-to"])
        .arg(&recipe)
        .arg("--config")
        .arg(&config)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let read = |name: &str| fs::read_to_string(recipe.join("etc/nut").join(name)).unwrap();
    let change = |text: String, from: &str, to: &str| {
        assert_eq!(text.matches(from).count(), 1, "the recipe has {from:?} once:\n{text}");
        text.replace(from, to)
    };
    put(dir, "nut.conf", &read("nut.conf"));
    put(dir, "ups.conf", &change(read("ups.conf"), "driver = usbhid-ups\n    port = auto\n", &driver(dir, port)));
    // The state is the folder's; upsd notices a silent driver sooner than after its 15 s.
    put(dir, "upsd.conf", &format!("{}STATEPATH {}\nMAXAGE {MAXAGE_S}\n", read("upsd.conf"), dir.display()));
    // Who turns the dummy's knobs.
    put(dir, "upsd.users", &format!("{}[admin]\npassword = secret\nactions = SET\n", read("upsd.users")));
    let dir_name = dir.display();
    let upsmon = change(read("upsmon.conf"), "\"/sbin/shutdown -h +0\"", &format!("{dir_name}/shut-down"));
    let upsmon = change(upsmon, "POWERDOWNFLAG /etc/killpower", &format!("POWERDOWNFLAG {dir_name}/killpower"));
    put(dir, "upsmon.conf", &change(upsmon, "\"/usr/bin/cabinetd notify\"", &format!("{dir_name}/tell")));
    fs::copy(recipe.join("upsd_password"), dir.join("upsd_password")).unwrap();
}

/// What Debian 12 ships, without its comments, and the UPS as its manual has one name it.
fn write_stock(dir: &Path, upsd_port: u16, port: Option<&Path>) {
    let dir_name = dir.display();
    put(dir, "ups.conf", &format!("maxretry = 3\n[{UPS}]\n    {}", driver(dir, port)));
    put(dir, "upsd.conf", &format!("LISTEN 127.0.0.1 {upsd_port}\nSTATEPATH {dir_name}\nMAXAGE {MAXAGE_S}\n"));
    put(dir, "upsd.users", "[admin]\npassword = secret\nactions = SET\n[upsmon]\npassword = s3cret\nupsmon primary\n");
    put(
        dir,
        "upsmon.conf",
        &format!(
            "MONITOR {UPS}@localhost:{upsd_port} 1 upsmon s3cret primary\nMINSUPPLIES 1\nSHUTDOWNCMD {dir_name}/shut-down\n\
             POLLFREQ 5\nPOLLFREQALERT 5\nHOSTSYNC 15\nDEADTIME 15\nPOWERDOWNFLAG {dir_name}/killpower\nRBWARNTIME 43200\n\
             NOCOMMWARNTIME 300\nFINALDELAY 5\n"
        ),
    );
}
