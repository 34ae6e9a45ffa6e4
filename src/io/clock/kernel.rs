//! The kernel's own word on its clock, for machines whose clock chrony or ntpd keeps.
//!
//! What `adjtimex(2)` knows is asked of systemd-timedated (`timedatectl`), which calls the clock synchronised while the kernel's maximum
//! error is below 16 s (systemd 252, `ntp_synced()`): we need no `unsafe` and no library of our own for it. It is a program to start
//! and a question through D-Bus, so it is asked at the start, each five minutes, and at once when the clock was set; and
//! not at all once timesyncd has said so itself.

use super::Clock;
use crate::io::sleep::Machine;
use std::sync::Arc;
use std::time::Duration;

/// From one question to the next.
const ASK_EACH: Duration = Duration::from_secs(300);

/// Keeps the clock told of what the kernel says, for ever.
pub async fn follow(clock: Arc<Clock>, machine: Machine) {
    loop {
        ask(&clock, &machine).await;
        tokio::select! {
            () = tokio::time::sleep(ASK_EACH) => {}
            () = clock.set.notified() => {}
        }
    }
}

/// Tells the clock what the kernel says now, where timesyncd has said nothing. An answer that does not come is a no.
pub async fn ask(clock: &Clock, machine: &Machine) {
    if !clock.is_kept_by_timesyncd() {
        clock.kernel_says(machine.clock_is_kept().await == Some(true));
    }
}
