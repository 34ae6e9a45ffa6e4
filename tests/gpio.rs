//! The lines on the kernel's real character device, with simulated chips (gpio-sim) in a small virtual machine.
//!
//! `cargo test --test gpio` builds the rig (`tests/gpio/rig`), boots it, and runs the ignored tests below in it, with this very program:
//! the machine sees this one's files, read-only. `CABINETD_GPIO_ROUNDS` makes them longer.

#![expect(clippy::disallowed_methods, reason = "a test of the real kernel takes the time it takes")]

#[path = "gpio/chip.rs"]
mod chip;
#[path = "gpio/clock.rs"]
mod clock;
#[path = "gpio/daemon.rs"]
mod daemon;
#[path = "gpio/driver.rs"]
mod driver;
#[path = "support/rig.rs"]
mod rig;

#[test]
fn on_the_real_character_device() {
    let said = rig::runs_this_program();
    // What ran there was not nothing.
    assert!(
        said.contains("test driver::edges") && said.contains("test daemon::") && said.contains("test clock::"),
        "{said}"
    );
    println!("{said}");
}
