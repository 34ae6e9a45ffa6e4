//! The UPS, as upsd tells of it.
//!
//! A [`Poller`] asks upsd at intervals and sends each [`UpsReading`] into the daemon's queue. It promises: never more than
//! one poll under way, each with an end; slow on quiet line power and fast otherwise; bounded memory whatever the server
//! sends; silence is told as [`UpsSilence`], never guessed over. It does not decide anything or remember readings.
//! Answers are read in [`figures`], one poll is in `ask`, its bounds in `relay`. What the UPS is told to do goes through [`orders`].

mod ask;
pub mod figures;
pub mod orders;
mod relay;

pub use ask::{panic_is_contained, quiet_contained_panics};

use crate::cabinet::power::{Supply, UpsReading, UpsSilence, UpsState};
use crate::cabinet::types::Mono;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

/// Pokes are answered by at most one poll in this time.
const POKE_GAP: Duration = Duration::from_millis(500);
/// After the last reading that was not "on line" polling stays fast for this long: power that is back may go again.
const SETTLING_MS: u64 = 180_000;
/// A UPS that has been silent for a time is asked again after an eighth of that time (not less than the fast interval,
/// not more than twice the slow one).
const SILENCE_SHARE: u64 = 8;

/// Which UPS to watch, and how often.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Watch {
    /// The name in upsd's `ups.conf`.
    pub name: String,
    /// An IP address, `localhost`, or a host name.
    pub host: String,
    /// 3493 unless upsd was told otherwise.
    pub port: u16,
    /// Between polls on line power (30 s as shipped).
    pub on_line: Duration,
    /// Between polls on battery, while it settles, and while the UPS is silent (5 s as shipped).
    pub on_battery: Duration,
    /// Between polls while they are spared: the cabinet sleeps in standby (90 s as shipped).
    pub sparing: Duration,
    /// Longest time one poll may take, from the look-up of the name to the last line (3 s as shipped).
    pub timeout: Duration,
}

impl Watch {
    /// A UPS of this name at this place, with the times as shipped.
    #[must_use]
    pub fn new(name: &str, host: &str, port: u16) -> Self {
        Self {
            name: name.into(),
            host: host.into(),
            port,
            on_line: Duration::from_secs(30),
            on_battery: Duration::from_secs(5),
            sparing: Duration::from_secs(90),
            timeout: Duration::from_secs(3),
        }
    }
}

/// Asks once, within `watch.timeout`.
///
/// # Errors
/// Why there is no reading.
pub async fn poll_once(watch: &Watch) -> Result<UpsState, UpsSilence> {
    ask::poll(watch, &mut ask::Resolver::default()).await
}

/// Says "poll now", and how fast. Cheap to clone; any number of pokes before the next poll count as one.
#[derive(Clone, Debug, Default)]
pub struct Poke(Arc<Poked>);

#[derive(Debug, Default)]
struct Poked {
    now: Notify,
    sparing: AtomicBool,
}

impl Poke {
    /// Polls at once; if a poll is under way, once more after it (its answer may be older than the reason to poke).
    pub fn poke(&self) {
        self.0.now.notify_one();
    }

    /// Whether polling on battery is to be spared: the cabinet sleeps, and a poll every [`Watch::sparing`] does. What upsmon tells
    /// still comes at once.
    pub fn spare(&self, sparing: bool) {
        self.0.sparing.store(sparing, Ordering::Relaxed);
        if !sparing {
            self.poke();
        }
    }
}

/// The task that watches one UPS. Dropping it ends the task.
#[derive(Debug)]
pub struct Poller {
    poke: Poke,
    task: JoinHandle<()>,
}

impl Poller {
    /// Begins at once with a first poll. Each reading goes through `wrap` into `queue`; while the queue is full the poller
    /// waits. It ends when the queue is closed.
    pub fn start<T, W, C>(watch: Watch, clock: C, queue: mpsc::Sender<T>, wrap: W) -> Self
    where
        T: Send + 'static,
        W: Fn(UpsReading) -> T + Send + 'static,
        C: Fn() -> Mono + Send + 'static,
    {
        let poke = Poke::default();
        let task = tokio::spawn(run(watch, clock, queue, wrap, poke.clone()));
        Self { poke, task }
    }

    /// See [`Poke::poke`].
    pub fn poke(&self) {
        self.poke.poke();
    }

    /// A handle that pokes this poller.
    #[must_use]
    pub fn poke_handle(&self) -> Poke {
        self.poke.clone()
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run<T, W, C>(watch: Watch, clock: C, queue: mpsc::Sender<T>, wrap: W, poke: Poke)
where
    W: Fn(UpsReading) -> T,
    C: Fn() -> Mono,
{
    let mut resolver = ask::Resolver::default();
    let mut cadence = Cadence::default();
    loop {
        let state = ask::poll(&watch, &mut resolver).await;
        let reading = UpsReading { at: clock(), state };
        let at = reading.at;
        let pause = cadence.pause(&watch, at, reading.supply());
        let pause = if poke.0.sparing.load(Ordering::Relaxed) { pause.max(watch.sparing) } else { pause };
        if queue.send(wrap(reading)).await.is_err() {
            return;
        }
        if tokio::time::timeout(pause, poke.0.now.notified()).await.is_ok() {
            let since = Duration::from_millis(clock().since_ms(at));
            tokio::time::sleep(POKE_GAP.saturating_sub(since)).await;
        }
    }
}

/// How long to wait, by what was heard.
#[derive(Debug, Default)]
struct Cadence {
    /// The last reading that was not "on line".
    unquiet: Option<Mono>,
    /// The first of the silent readings since the last good one.
    silent_since: Option<Mono>,
}

impl Cadence {
    fn pause(&mut self, watch: &Watch, at: Mono, supply: Supply) -> Duration {
        let (slow, fast) = (watch.on_line, watch.on_battery);
        match supply {
            Supply::OnLine => {
                self.silent_since = None;
                let settling = self.unquiet.is_some_and(|unquiet| at.since_ms(unquiet) < SETTLING_MS);
                if settling { fast.min(slow) } else { slow }
            }
            Supply::OnBattery | Supply::LowBattery => {
                self.silent_since = None;
                self.unquiet = Some(at);
                fast
            }
            Supply::Unknown | Supply::Unreachable(_) => {
                self.unquiet = Some(at);
                let since = *self.silent_since.get_or_insert(at);
                let share = Duration::from_millis(at.since_ms(since) / SILENCE_SHARE);
                share.min(slow.saturating_mul(2)).max(fast)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_on_line_fast_on_battery_and_patient_with_the_silent() {
        let watch = Watch::new("u", "localhost", 3493);
        let mut cadence = Cadence::default();
        let silent = Supply::Unreachable(UpsSilence::TimedOut);
        let story = [
            (0, Supply::OnLine, 30),
            (30, Supply::OnBattery, 5),
            (35, Supply::LowBattery, 5),
            (40, Supply::OnLine, 5),
            (214, Supply::OnLine, 5),
            (215, Supply::OnLine, 30),
            (300, silent, 5),
            (340, silent, 5),
            (420, silent, 15),
            (540, silent, 30),
            (1_500, silent, 60),
            (90_000, silent, 60),
            (90_060, Supply::OnLine, 5),
            (90_061, silent, 5),
            (90_300, Supply::OnLine, 30),
        ];
        for (at_s, supply, expected_s) in story {
            let pause = cadence.pause(&watch, Mono(at_s * 1_000), supply);
            assert_eq!(pause.as_secs(), expected_s, "at {at_s} s: {supply:?}");
        }
    }
}
