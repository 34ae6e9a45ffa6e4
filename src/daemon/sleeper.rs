//! The sleeper: orders the deep sleeps that the core decided on, and says which failed.
//!
//! `ups-off` is an order to upsd, so that upsmon, the one owner of shutdown, does the rest. `halt` is a power-off through logind, with the
//! machine's clock set first: a halt that nothing would end is not begun. An order that was taken is all that can be known here; that
//! it came to nothing is the core's to notice, because the machine is still up.

use crate::cabinet::event::{Event, StopReason};
use crate::cabinet::outcome::CommandResult;
use crate::cabinet::power::Method;
use crate::cabinet::power::selftest::COMMAND;
use crate::cabinet::types::CommandId;
use crate::io::lines::Outputs;
use crate::io::sleep::{GoingDown, Machine, PowerOffError, Rtc, RtcError};
use crate::io::ups::orders::{self, Login, OrderError, Place};
use crate::messages::tell;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

/// upsd is on this machine, or near.
pub const ORDER_DEADLINE: Duration = Duration::from_secs(5);
/// The RTC's bus may hang.
const RTC_DEADLINE: Duration = Duration::from_secs(5);
/// systemd makes it where it runs the machine: `sd_booted(3)`.
const SYSTEMD_RUNS: &str = "/run/systemd/system";
/// So long after an order a SIGTERM is taken for the system's, if systemd does not say.
const ORDER_COUNTS: Duration = Duration::from_secs(90);

/// The machine that is put to sleep.
#[derive(Clone, Debug)]
pub enum World {
    /// The one that we run on.
    Real { machine: Machine, rtc: Rtc },
    /// The demo's, which says so through its hardware.
    Simulated(Outputs),
}

/// Orders sleep; the ends come back as events.
#[derive(Clone, Debug)]
pub struct Sleeper {
    world: World,
    ups: Option<(Place, Login)>,
    done: mpsc::Sender<Event>,
    /// When an order of ours was taken last, or may have been.
    ordered: Arc<Mutex<Option<Instant>>>,
}

impl Sleeper {
    /// `ups`: where and as whom upsd is told; none = it is not.
    #[must_use]
    pub fn new(world: World, ups: Option<(Place, Login)>, done: mpsc::Sender<Event>) -> Self {
        Self { world, ups, done, ordered: Arc::default() }
    }

    /// Begins an order. Never waits. `within`: so long upsd may take to answer.
    pub fn order(&self, id: CommandId, method: Method, wake_after_ms: Option<u64>, within: Duration) {
        let sleeper = self.clone();
        tokio::spawn(async move {
            let word = method.word();
            let result = sleeper.sleep(method, wake_after_ms, within).await;
            match &result {
                Ok(()) => tell!(SLEEP_ORDERED, METHOD = word, "sleep by {word} was ordered"),
                Err(Trouble::Perhaps(why)) => {
                    tell!(SLEEP_UNSURE, METHOD = word, "sleep by {word} was perhaps ordered: {why}");
                }
                Err(Trouble::Not(why)) => {
                    tell!(SLEEP_REFUSED, METHOD = word, "sleep by {word} could not be ordered: {why}");
                }
            }
            let result = match result {
                Err(Trouble::Not(why)) => CommandResult::Failed(why),
                taken => {
                    *sleeper.ordered.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                    if taken.is_ok() { CommandResult::Done } else { CommandResult::Unknown }
                }
            };
            // The loop is gone when the process ends: then nobody waits for it either.
            let _ = sleeper.done.send(Event::CommandDone { id, result }).await;
        });
    }

    /// Has the UPS test its battery; what comes of it shows in its readings.
    pub fn test_battery(&self, id: CommandId, within: Duration) {
        let sleeper = self.clone();
        tokio::spawn(async move {
            let ordered = match &sleeper.ups {
                Some((place, login)) => {
                    orders::instant_command(&place.clone().within(within), login, COMMAND, None).await
                }
                None => return drop(sleeper.done.send(failed(id, "nobody may tell upsd".into())).await),
            };
            let event = match ordered {
                Ok(_) => Event::CommandDone { id, result: CommandResult::Done },
                Err(why) => {
                    tell!(TEST_REFUSED, "the UPS does not test its battery: {why}");
                    failed(id, why.to_string())
                }
            };
            let _ = sleeper.done.send(event).await;
        });
    }

    /// An alarm that woke the machine, or that a button forestalled, is over: it must not start a machine that somebody switches off
    /// for good. Never waits.
    pub fn forget_alarm(&self) {
        if let World::Real { rtc, .. } = &self.world {
            let rtc = rtc.clone();
            tokio::spawn(async move {
                if let Err(why) = clocked(rtc, Rtc::clear).await {
                    tell!(CLOCK_ALARM_LEFT, "an alarm of the machine's clock may still be set: {why}");
                }
            });
        }
    }

    async fn sleep(&self, method: Method, wake_after_ms: Option<u64>, within: Duration) -> Result<(), Trouble> {
        match method {
            Method::Standby => Ok(()),
            Method::UpsOff => {
                let nobody = || Trouble::Not("nobody may tell upsd: [ups] user and upsd_password".into());
                let (place, login) = self.ups.as_ref().ok_or_else(nobody)?;
                orders::force_shutdown(&place.clone().within(within), login).await.map_err(|why| match why {
                    OrderError::TimedOut(_) | OrderError::Garbled => Trouble::Perhaps(why.to_string()),
                    _ => Trouble::Not(why.to_string()),
                })
            }
            Method::Halt => match &self.world {
                World::Simulated(outputs) => {
                    outputs.power_off(wake_after_ms).await.map_err(|why| Trouble::Not(why.to_string()))
                }
                World::Real { machine, rtc } => halt(machine, rtc, wake_after_ms).await,
            },
        }
    }

    /// Why the process is told to end, as far as that can be found out within seconds.
    pub async fn why_stopping(&self) -> StopReason {
        let ordered = *self.ordered.lock().unwrap_or_else(PoisonError::into_inner);
        let just_ordered = ordered.is_some_and(|at| at.elapsed() < ORDER_COUNTS);
        let going_down = match &self.world {
            World::Simulated(_) => GoingDown::Unknown,
            World::Real { machine, .. } => machine.is_going_down().await,
        };
        // Where no systemd runs the machine there is none to ask.
        if going_down == GoingDown::Unknown && !just_ordered && Path::new(SYSTEMD_RUNS).exists() {
            tell!(WHY_STOPPING_UNKNOWN, "{going_down}");
        }
        match going_down {
            GoingDown::Yes => StopReason::SystemShutdown,
            GoingDown::Unknown if just_ordered => StopReason::SystemShutdown,
            GoingDown::No | GoingDown::Unknown => StopReason::Service,
        }
    }
}

/// Why nobody can say that sleep was ordered.
#[derive(Debug)]
enum Trouble {
    /// It was not.
    Not(String),
    /// It may have been heard: whether the machine stays up is to be seen.
    Perhaps(String),
}

/// Sets the clock, then powers off: a halt that nothing would end is not begun.
async fn halt(machine: &Machine, rtc: &Rtc, wake_after_ms: Option<u64>) -> Result<(), Trouble> {
    if let Some(ms) = wake_after_ms {
        clocked(rtc.clone(), move |rtc| rtc.set_in(ms / 1_000).map(drop)).await.map_err(Trouble::Not)?;
    }
    let Err(why) = machine.power_off().await else { return Ok(()) };
    if matches!(why, PowerOffError::TimedOut { .. }) {
        // It may come all the same, and then the alarm is what ends it.
        return Err(Trouble::Perhaps(why.to_string()));
    }
    if wake_after_ms.is_some() {
        // Nobody is to be woken out of a sleep that was not begun. What cannot be cleared wakes a machine that is up.
        let _ = clocked(rtc.clone(), Rtc::clear).await;
    }
    Err(Trouble::Not(why.to_string()))
}

/// The machine's clock is read and written where it may block, and for so long only.
async fn clocked(rtc: Rtc, work: impl FnOnce(&Rtc) -> Result<(), RtcError> + Send + 'static) -> Result<(), String> {
    match timeout(RTC_DEADLINE, spawn_blocking(move || work(&rtc))).await {
        Ok(Ok(done)) => done.map_err(|why| why.to_string()),
        Ok(Err(_)) => Err("the machine's clock could not be asked".into()),
        Err(_) => {
            Err(format!("the machine's clock did not answer within {} s; is its bus stuck?", RTC_DEADLINE.as_secs()))
        }
    }
}

const fn failed(id: CommandId, why: String) -> Event {
    Event::CommandDone { id, result: CommandResult::Failed(why) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write as _;
    use std::path::Path;
    use std::process::{Command, Stdio};

    /// A machine whose `systemctl` does this, and whose clock has an alarm.
    fn machine(systemctl: &str) -> (tempfile::TempDir, Sleeper, mpsc::Receiver<Event>) {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("systemctl");
        // Another process writes it: what is open for writing here could not be run while some other test starts a program.
        let mut install = Command::new("install");
        install.args(["-m", "755", "/dev/stdin"]).arg(&program).stdin(Stdio::piped());
        let mut child = install.spawn().unwrap();
        child.stdin.take().unwrap().write_all(format!("#!/bin/sh\n{systemctl}\n").as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        let clock = dir.path().join("rtc/rtc0");
        fs::create_dir_all(&clock).unwrap();
        fs::write(clock.join("since_epoch"), "2000\n").unwrap();
        fs::write(clock.join("wakealarm"), "").unwrap();
        let machine = Machine {
            nologin: dir.path().join("nologin"),
            power_off_deadline: Duration::from_secs(1),
            ask_deadline: Duration::from_secs(1),
            ..Machine::through(&program)
        };
        let (done, ends) = mpsc::channel(4);
        let world = World::Real { machine, rtc: Rtc::below(&dir.path().join("rtc")) };
        (dir, Sleeper::new(world, None, done), ends)
    }

    fn alarm(dir: &Path) -> String {
        fs::read_to_string(dir.join("rtc/rtc0/wakealarm")).unwrap().trim().to_owned()
    }

    async fn halted(sleeper: &Sleeper, ends: &mut mpsc::Receiver<Event>) -> CommandResult {
        sleeper.order(CommandId(1), Method::Halt, Some(3_600_000), ORDER_DEADLINE);
        match ends.recv().await {
            Some(Event::CommandDone { result, .. }) => result,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_halt_sets_the_clock_first_and_keeps_it() {
        let (dir, sleeper, mut ends) = machine("exit 0");
        assert_eq!(halted(&sleeper, &mut ends).await, CommandResult::Done);
        assert_eq!(alarm(dir.path()), "5600");
    }

    /// Each order has the time of its own command: rules may change between two.
    #[tokio::test]
    async fn a_upsd_that_is_silent_is_waited_for_as_long_as_the_command_has() {
        let upsd = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = Place::new("office", "127.0.0.1", upsd.local_addr().unwrap().port());
        let (done, mut ends) = mpsc::channel(4);
        let world = World::Simulated(Outputs::new().0);
        let sleeper = Sleeper::new(world, Some((place, Login::new("cabinetd", "secret").unwrap())), done);
        for ms in [100, 400] {
            let began = Instant::now();
            sleeper.order(CommandId(ms), Method::UpsOff, None, Duration::from_millis(ms));
            let end = ends.recv().await.unwrap();
            assert_eq!(end, Event::CommandDone { id: CommandId(ms), result: CommandResult::Unknown });
            let took = began.elapsed();
            assert!(took >= Duration::from_millis(ms) && took < ORDER_DEADLINE, "{took:?}");
        }
    }

    #[tokio::test]
    async fn a_halt_that_was_refused_leaves_no_alarm_behind() {
        let (dir, sleeper, mut ends) = machine("echo 'Access denied' >&2; exit 1");
        assert!(matches!(halted(&sleeper, &mut ends).await, CommandResult::Failed(_)));
        assert_eq!(alarm(dir.path()), "0");
    }

    #[tokio::test]
    async fn a_halt_that_may_still_come_keeps_its_alarm() {
        let (dir, sleeper, mut ends) = machine("sleep 5");
        assert_eq!(halted(&sleeper, &mut ends).await, CommandResult::Unknown);
        assert_eq!(alarm(dir.path()), "5600", "nothing else would end it");
    }

    #[tokio::test]
    async fn a_start_takes_an_alarm_back() {
        let (dir, sleeper, _ends) = machine("exit 0");
        fs::write(dir.path().join("rtc/rtc0/wakealarm"), "5600\n").unwrap();
        sleeper.forget_alarm();
        for _ in 0..100 {
            if alarm(dir.path()) == "0" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it is still set: {}", alarm(dir.path()));
    }

    #[tokio::test]
    async fn a_restart_after_an_order_that_came_to_nothing_is_no_shutdown() {
        let (_dir, sleeper, mut ends) = machine("[ \"$1\" = is-system-running ] && echo running; exit 0");
        assert_eq!(halted(&sleeper, &mut ends).await, CommandResult::Done);
        assert_eq!(sleeper.why_stopping().await, StopReason::Service, "systemd says that the machine stays up");
    }

    #[tokio::test]
    async fn just_after_an_order_a_silent_systemd_means_that_the_machine_goes_down() {
        let (_dir, sleeper, mut ends) = machine("exit 0");
        assert_eq!(sleeper.why_stopping().await, StopReason::Service);
        assert_eq!(halted(&sleeper, &mut ends).await, CommandResult::Done);
        assert_eq!(sleeper.why_stopping().await, StopReason::SystemShutdown);
        let long_ago = Instant::now().checked_sub(ORDER_COUNTS);
        *sleeper.ordered.lock().unwrap() = long_ago;
        assert_eq!(sleeper.why_stopping().await, StopReason::Service);
    }
}
