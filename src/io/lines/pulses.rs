//! The ends of pulses: each is the backend's own to bring about.

use super::Order;
use crate::cabinet::types::{Level, Output};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// When which pulse ends.
#[derive(Debug, Default)]
pub struct Pulses(BTreeMap<Output, Instant>);

impl Pulses {
    /// An order begins, replaces or ends pulses.
    pub fn heed(&mut self, order: &Order) {
        match order {
            Order::Set { output, level: Level::Active, for_ms: Some(ms) } => {
                self.0.insert(*output, Instant::now() + Duration::from_millis(u64::from(*ms)));
            }
            Order::Set { output, .. } => drop(self.0.remove(output)),
            Order::Release(_) => self.0.clear(),
            Order::Read(_) | Order::Sound(_) | Order::Lamp(_) | Order::Show(_) | Order::PowerOff { .. } => {}
        }
    }

    /// The next end.
    #[must_use]
    pub fn next(&self) -> Option<(Instant, Output)> {
        self.0.iter().map(|(output, at)| (*at, *output)).min()
    }

    /// It has ended.
    pub fn end(&mut self, output: Output) {
        self.0.remove(&output);
    }

    /// All outputs are out of reach, or off.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// Ends at that instant; never, if there is none.
pub async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
