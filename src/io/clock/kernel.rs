//! The kernel's own word on its clock, for machines whose clock chrony or ntpd keeps.
//!
//! What `adjtimex(2)` knows is asked of systemd-timedated (`timedatectl`), which calls the clock synchronised while the kernel's maximum
//! error is below 16 s (systemd 252, `ntp_synced()`): we need no `unsafe` and no library of our own for it. It is a program to start
//! and a question through D-Bus, so it is asked at the start and at once when the clock was set, then after five minutes, ten, and so on up to
//! each hour; and not at all once timesyncd has said so itself. What comes before the first answer is stamped without it.

use super::Clock;
use crate::io::sleep::Machine;
use std::sync::Arc;
use std::time::Duration;

/// From the first question to the second; from then on twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_secs(300);
/// A cabinet in standby asks as well, and is to sleep.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// Keeps the clock told of what the kernel says, for ever.
pub async fn follow(clock: Arc<Clock>, machine: Machine) {
    let mut pause = FIRST_PAUSE;
    loop {
        ask(&clock, &machine).await;
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = LONGEST_PAUSE.min(pause * 2),
            () = clock.set.notified() => pause = FIRST_PAUSE,
        }
    }
}

/// Tells the clock what the kernel says now, where timesyncd has said nothing. Where no answer comes, what was said before holds: a clock that
/// was set has forgotten it by itself.
pub async fn ask(clock: &Clock, machine: &Machine) {
    if !clock.is_kept_by_timesyncd()
        && let Some(keeps) = machine.clock_is_kept().await
    {
        clock.kernel_says(keeps);
    }
}
