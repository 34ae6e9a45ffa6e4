//! A simulated gpiochip, as the kernel's gpio-sim makes them, and what hangs on its lines.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

const CONFIGFS: &str = "/sys/kernel/config/gpio-sim";

static MADE: AtomicU32 = AtomicU32::new(0);

/// A chip. It is there until it is dropped or unplugged.
pub struct Chip {
    config: PathBuf,
    /// Its device on the bus: `gpio-sim.0`.
    pub device: String,
    /// `gpiochip0`
    pub name: String,
}

impl Chip {
    pub fn new(label: &str, lines: u32) -> Self {
        let config = Path::new(CONFIGFS).join(format!("chip{}", MADE.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir(&config).expect("gpio-sim is there: this runs in the rig");
        fs::create_dir(config.join("bank")).expect("a bank");
        fs::write(config.join("bank/num_lines"), lines.to_string()).expect("as many lines");
        fs::write(config.join("bank/label"), label).expect("a label");
        let mut chip = Self { config, device: String::new(), name: String::new() };
        chip.plug();
        chip
    }

    pub fn plug(&mut self) {
        fs::write(self.config.join("live"), "1").expect("it comes");
        let read = |file: &str| fs::read_to_string(self.config.join(file)).expect("its name").trim().to_owned();
        (self.device, self.name) = (read("dev_name"), read("bank/chip_name"));
        until("its device", || self.path().exists());
    }

    pub fn unplug(&self) {
        fs::write(self.config.join("live"), "0").expect("it goes");
    }

    pub fn path(&self) -> PathBuf {
        Path::new("/dev").join(&self.name)
    }

    fn line(&self, line: u32, file: &str) -> PathBuf {
        Path::new("/sys/devices/platform")
            .join(&self.device)
            .join(&self.name)
            .join(format!("sim_gpio{line}"))
            .join(file)
    }

    /// What hangs on an input draws it up or down.
    pub fn pull(&self, line: u32, up: bool) {
        fs::write(self.line(line, "pull"), if up { "pull-up" } else { "pull-down" }).expect("it is pulled");
    }

    /// Whether the pull in the chip is up.
    pub fn is_pulled_up(&self, line: u32) -> bool {
        fs::read_to_string(self.line(line, "pull")).expect("a pull").trim() == "pull-up"
    }

    /// The electrical level of a line.
    pub fn is_high(&self, line: u32) -> bool {
        fs::read_to_string(self.line(line, "value")).expect("a level").trim() == "1"
    }

    /// Who holds a line.
    pub fn holder(&self, line: u32) -> Option<String> {
        let chip = gpiocdev::chip::Chip::from_path(self.path()).expect("it is there");
        let info = chip.line_info(line).expect("it has the line");
        info.used.then_some(info.consumer)
    }
}

impl Chip {
    /// Whether a line was driven last, by whoever it was.
    pub fn is_output(&self, line: u32) -> bool {
        let chip = gpiocdev::chip::Chip::from_path(self.path()).expect("it is there");
        chip.line_info(line).expect("it has the line").direction == gpiocdev::line::Direction::Output
    }
}

impl Drop for Chip {
    fn drop(&mut self) {
        // One that was unplugged is not live any more.
        let _ = fs::write(self.config.join("live"), "0");
        let _ = fs::remove_dir(self.config.join("bank"));
        let _ = fs::remove_dir(&self.config);
    }
}

/// Waits for it, forty seconds at most: the machine is emulated.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < end, "{what} did not come");
        sleep(Duration::from_millis(20));
    }
}

/// So many rounds of what is worth repeating.
pub fn rounds() -> u32 {
    std::env::var("CABINETD_GPIO_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}
