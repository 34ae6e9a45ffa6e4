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
use crate::io::sim::lines::Outputs;
use crate::io::sleep::{GoingDown, Machine, Rtc};
use crate::io::ups::orders::{self, Login, Place};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// upsd is on this machine, or near.
const FSD_DEADLINE: Duration = Duration::from_secs(5);

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
    /// A power-off of ours was taken: the SIGTERM that follows is the system's.
    ordered: Arc<AtomicBool>,
}

impl Sleeper {
    /// `ups`: where and as whom upsd is told; none = it is not.
    #[must_use]
    pub fn new(world: World, ups: Option<(Place, Login)>, done: mpsc::Sender<Event>) -> Self {
        Self { world, ups, done, ordered: Arc::default() }
    }

    /// Begins an order. Never waits.
    pub fn order(&self, id: CommandId, method: Method, wake_after_ms: Option<u64>) {
        let sleeper = self.clone();
        tokio::spawn(async move {
            let result = match sleeper.sleep(method, wake_after_ms).await {
                Ok(()) => {
                    sleeper.ordered.store(true, Ordering::Relaxed);
                    tracing::info!(method = method.word(), "sleep was ordered");
                    CommandResult::Done
                }
                Err(why) => {
                    tracing::error!(method = method.word(), "sleep could not be ordered: {why}");
                    CommandResult::Failed(why)
                }
            };
            // The loop is gone when the process ends: then nobody waits for it either.
            let _ = sleeper.done.send(Event::CommandDone { id, result }).await;
        });
    }

    /// Has the UPS test its battery; what comes of it shows in its readings.
    pub fn test_battery(&self, id: CommandId) {
        let sleeper = self.clone();
        tokio::spawn(async move {
            let ordered = match &sleeper.ups {
                Some((place, login)) => orders::instant_command(place, login, COMMAND, None).await,
                None => return drop(sleeper.done.send(failed(id, "nobody may tell upsd".into())).await),
            };
            let event = match ordered {
                Ok(_) => Event::CommandDone { id, result: CommandResult::Done },
                Err(why) => {
                    tracing::warn!("the UPS does not test its battery: {why}");
                    failed(id, why.to_string())
                }
            };
            let _ = sleeper.done.send(event).await;
        });
    }

    async fn sleep(&self, method: Method, wake_after_ms: Option<u64>) -> Result<(), String> {
        match method {
            Method::Standby => Ok(()),
            Method::UpsOff => {
                let (place, login) = self.ups.as_ref().ok_or("nobody may tell upsd: [ups] user and upsd_password")?;
                orders::force_shutdown(place, login).await.map_err(|why| why.to_string())
            }
            Method::Halt => match &self.world {
                World::Simulated(outputs) => outputs.power_off(wake_after_ms).await.map_err(|why| why.to_string()),
                World::Real { machine, rtc } => {
                    if let Some(ms) = wake_after_ms {
                        rtc.set_in(ms / 1_000).map_err(|why| why.to_string())?;
                    }
                    let ordered = machine.power_off().await.map_err(|why| why.to_string());
                    if ordered.is_err() && wake_after_ms.is_some() {
                        // Nobody is to be woken out of a sleep that was not begun. What cannot be cleared wakes a machine that is up.
                        let _ = rtc.clear();
                    }
                    ordered
                }
            },
        }
    }

    /// Why the process is told to end, as far as that can be found out within a second.
    pub async fn why_stopping(&self) -> StopReason {
        if self.ordered.load(Ordering::Relaxed) {
            return StopReason::SystemShutdown;
        }
        match &self.world {
            World::Simulated(_) => StopReason::Service,
            World::Real { machine, .. } => match machine.is_going_down().await {
                GoingDown::Yes => StopReason::SystemShutdown,
                GoingDown::No | GoingDown::Unknown => StopReason::Service,
            },
        }
    }
}

const fn failed(id: CommandId, why: String) -> Event {
    Event::CommandDone { id, result: CommandResult::Failed(why) }
}

/// Where and as whom upsd is told, as the config and the credentials have it.
#[must_use]
pub fn place(ups: &crate::config::UpsConfig) -> Place {
    Place::new(&ups.name, &ups.host, ups.port).within(FSD_DEADLINE)
}
