//! Readers on the kernel's own input devices: virtual keyboards (uinput) in the small virtual machine that the lines' tests use, too.
//!
//! `cargo test --test readers` boots it, and runs the ignored tests below in it. Where the machine itself has /dev/uinput,
//! `cargo test --test readers -- --ignored` runs them here, as root; the keyboards are grabbed, so nothing is typed anywhere.

#![expect(clippy::disallowed_methods, reason = "a test of the real kernel takes the time it takes")]

#[path = "gpio/chip.rs"]
#[allow(dead_code, reason = "shared with the lines' tests")]
mod chip;
#[path = "readers/daemon.rs"]
mod daemon;
#[path = "readers/device.rs"]
mod device;
#[path = "readers/keyboard.rs"]
mod keyboard;
#[path = "support/rig.rs"]
mod rig;
#[path = "readers/udev.rs"]
mod udev;

#[test]
fn on_real_input_devices() {
    let said = rig::runs_this_program();
    // What ran there was not nothing.
    assert!(
        said.contains("test device::a_code") && said.contains("test daemon::") && said.contains("test udev::"),
        "{said}"
    );
    println!("{said}");
}
