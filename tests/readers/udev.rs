//! The rules of udev, as the real udevd takes them: chips for the group `gpio`, readers for `input`, and for nobody else.

use crate::chip::{Chip, until};
use crate::keyboard::Keyboard;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

const RULES: &str = "/usr/lib/udev/rules.d";
const OURS: &str = include_str!("../../systemd/60-cabinetd.rules");
const GPIO: u32 = 9_971;

fn run(program: &str, args: &[&str]) {
    let said = Command::new(program).args(args).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(said.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&said.stderr));
}

/// The group of a node, and what it may.
fn of(node: &Path) -> (u32, u32) {
    let node = fs::metadata(node).expect("it is there");
    (node.gid(), node.mode() & 0o777)
}

#[test]
#[ignore = "runs in the rig"]
fn the_rules_give_the_nodes_to_their_groups() {
    // No rules but ours, and the groups that sysusers makes. The rig's files are this machine's and cannot be written.
    run("mount", &["-t", "tmpfs", "rig", RULES]);
    fs::write(format!("{RULES}/60-cabinetd.rules"), OURS).expect("written");
    fs::write("/tmp/group", format!("root:x:0:\ninput:x:{}:\ngpio:x:{GPIO}:\n", GPIO + 1)).expect("written");
    run("mount", &["--bind", "/tmp/group", "/etc/group"]);
    let mut udevd = Command::new("/usr/lib/systemd/systemd-udevd")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("tests/gpio/rig installed it");
    until("udevd", || Path::new("/run/udev/control").exists());

    // Plugged in while it runs, as at a site.
    let chip = Chip::new("expander", 16);
    let mut keyboard = Keyboard::plug("Rig Reader", (0x08ff, 9));
    let node = keyboard.node();
    until("the chip's group", || of(&chip.path()) == (GPIO, 0o660));
    until("the reader's group", || of(&node) == (GPIO + 1, 0o660));
    udevd.kill().expect("it runs");
    udevd.wait().expect("it ends");
    run("umount", &["/etc/group"]);
    run("umount", &[RULES]);

    // Without it they stay root's.
    let alone = Chip::new("alone", 4);
    assert_eq!(of(&alone.path()), (0, 0o600));
}
