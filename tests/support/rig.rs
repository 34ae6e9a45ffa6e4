//! The small virtual machine of `tests/gpio/rig`: Debian's kernel with simulated chips and virtual keyboards, on this machine's files.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The machine boots in some seconds, emulated as it is.
const PATIENCE: Duration = Duration::from_secs(240);
/// For each round beyond the first.
const ROUND: Duration = Duration::from_secs(60);

/// Builds the rig, boots it, and has it run the ignored tests of this very program; what was said there. Panics unless all passed.
pub fn runs_this_program() -> String {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rig = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gpio-rig");
    let built = Command::new(home.join("tests/gpio/rig")).arg(&rig).status().expect("bash is there");
    assert!(built.success(), "the rig was not built");

    let rounds: u32 = std::env::var("CABINETD_GPIO_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let program = std::env::current_exe().expect("it runs");
    let words = format!(
        "console=ttyS0 quiet mitigations=off tsc=reliable no_timer_check random.trust_cpu=on panic=-1 rig.rounds={rounds} rig.program={}",
        program.display()
    );
    let mut qemu = Command::new("qemu-system-x86_64");
    qemu.args([
        "-M",
        "q35",
        "-accel",
        "tcg,thread=multi",
        "-cpu",
        "max",
        "-smp",
        "2",
        "-m",
        "1024",
        "-nodefaults",
        "-no-reboot",
    ])
    .args(["-display", "none", "-serial", "stdio"])
    .arg("-kernel")
    .arg(rig.join("vmlinuz"))
    .arg("-initrd")
    .arg(rig.join("initrd.gz"))
    .args(["-append", &words])
    .args(["-fsdev", "local,id=host,path=/,security_model=none,readonly=on,multidevs=remap"])
    .args(["-device", "virtio-9p-pci,fsdev=host,mount_tag=host"])
    .stdin(Stdio::null())
    .stdout(Stdio::piped());
    let mut machine = qemu.spawn().expect("tests/gpio/rig installed it");
    let until = Instant::now() + PATIENCE + ROUND * rounds.saturating_sub(1);
    let console = BufReader::new(machine.stdout.take().expect("it is piped"));
    let (line_in, lines) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in console.lines().map_while(Result::ok) {
            let _ = line_in.send(line);
        }
    });
    let mut said = String::new();
    let mut passed = false;
    while let Ok(line) = lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
        passed |= line.starts_with("rig: ended with 0");
        said += &line;
        said.push('\n');
    }
    let _ = machine.kill();
    let _ = machine.wait();
    assert!(passed, "in the rig:\n{said}");
    said
}
