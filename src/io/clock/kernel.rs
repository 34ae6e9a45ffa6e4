//! The kernel's own word on its clock, for machines whose clock chrony or ntpd keeps.
//!
//! What `adjtimex(2)` knows is asked of systemd-timedated (`timedatectl`), which calls the clock synchronised while the kernel's maximum
//! error is below 16 s (systemd 252, `ntp_synced()`): we need no `unsafe` and no library of our own for it. It is a program to start
//! and a question through D-Bus, so it is asked at the start and at once when the clock was set, then after five minutes, ten, and so on up to
//! each hour; and not at all once timesyncd has said so itself. What comes before the first answer is stamped without it.

use super::Clock;
use std::sync::Arc;
use std::time::Duration;

/// From the first question to the second; from then on twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_secs(300);
/// A cabinet in standby asks as well, and is to sleep.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// Keeps the clock told of what the kernel says, for ever, and whoever waits for [`Clock::learned`] of what came of it. `question`: whether the
/// kernel says that its clock is synchronised; none where nobody answers.
pub async fn follow<A: Future<Output = Option<bool>>>(clock: Arc<Clock>, question: impl Fn() -> A) {
    let (mut pause, mut known) = (FIRST_PAUSE, clock.now().clock);
    loop {
        ask(&clock, question()).await;
        let quality = clock.now().clock;
        if std::mem::replace(&mut known, quality) != quality {
            clock.learned.notify_one();
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = LONGEST_PAUSE.min(pause * 2),
            () = clock.set.notified() => (pause, known) = (FIRST_PAUSE, clock.now().clock),
        }
    }
}

/// Tells the clock what the kernel says now, where timesyncd has said nothing. Where no answer comes, what was said before holds: a clock that
/// was set has forgotten it by itself.
pub async fn ask(clock: &Clock, question: impl Future<Output = Option<bool>>) {
    if !clock.is_kept_by_timesyncd()
        && let Some(keeps) = question.await
    {
        clock.kernel_says(keeps);
    }
}
