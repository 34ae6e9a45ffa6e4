//! The durable part of a drill: what it saw and proved, until it ends.

use super::super::policy::{Method, Mode, Why};
use crate::cabinet::types::{Stamp, UserId};
use serde::{Deserialize, Serialize};

/// A drill under way.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Drill {
    pub id: u64,
    pub started: Stamp,
    /// Its length as of `counted_at`; what the machine was dark in it without a trusted clock is not in it.
    pub counted_ms: u64,
    pub counted_at: Stamp,
    /// Down to a quarter of the battery's charge, to measure it.
    pub deep: bool,
    /// The method that is being proved, and since when.
    pub proving: Option<(Method, Stamp)>,
    /// What was seen on battery so far.
    pub seen: Vec<Seen>,
    /// Who made the visit of the drill, before any sleep was proved. Somebody else later needs the cabinet.
    #[serde(default)]
    pub visitor: Option<UserId>,
    /// Methods that were proved in it, and those that were tried in vain.
    #[serde(default)]
    pub proved: Vec<Proof>,
    #[serde(default)]
    pub failed: Vec<Method>,
    /// What the battery holds, as this drill measured it, mWh.
    #[serde(default)]
    pub measured_mwh: Option<u64>,
}

impl Drill {
    /// Begun, and nothing seen.
    #[must_use]
    pub const fn new(id: u64, started: Stamp, deep: bool) -> Self {
        Self {
            id,
            started,
            counted_ms: 0,
            counted_at: started,
            deep,
            proving: None,
            seen: Vec::new(),
            visitor: None,
            proved: Vec::new(),
            failed: Vec::new(),
            measured_mwh: None,
        }
    }

    /// Its length; a lower bound if a clock was not trusted.
    #[must_use]
    pub fn lasted_ms(&self, now: Stamp) -> u64 {
        self.counted_ms + self.counted_at.elapsed_ms(now)
    }

    /// A start of the machine: the boot clock of before tells nothing any more.
    pub(super) fn count_up_to(&mut self, stamp: Stamp) {
        self.counted_ms = self.lasted_ms(stamp);
        self.counted_at = stamp;
    }

    /// Whether this was seen.
    #[must_use]
    pub fn saw(&self, what: Sight) -> bool {
        self.seen.iter().any(|seen| seen.what == what)
    }

    /// A switch that ends a try: the method failed, somebody turned it back, mains or others came between.
    pub(super) fn switched(&mut self, from: Mode, to: Mode, why: Why) {
        if let (Why::MethodFailed, Mode::Asleep { method } | Mode::Manual { method: Some(method) }) = (why, from)
            && !self.failed.contains(&method)
        {
            self.failed.push(method);
        }
        let is_over = matches!(why, Why::MethodFailed | Why::SomeoneInTime | Why::ShutDownByOthers)
            || matches!(to, Mode::Restoring { .. } | Mode::Line | Mode::Manual { .. });
        if is_over {
            self.proving = None;
        }
    }

    /// What is to be said of its sleep by `ups-off`: ms from the machine's start to ready.
    #[must_use]
    pub fn unconfirmed_ms(&self) -> Option<u64> {
        let is_told =
            self.proved.iter().any(|proof| proof.method == Method::UpsOff) || self.failed.contains(&Method::UpsOff);
        self.seen.iter().find(|seen| seen.what == Sight::Woke && !is_told).map(|seen| seen.figure)
    }

    /// Whether a sleep was ordered in it: from then on the cabinet is nobody's but the drill's.
    #[must_use]
    pub fn has_slept(&self) -> bool {
        self.proving.is_some() || !self.proved.is_empty() || !self.failed.is_empty() || self.saw(Sight::Woke)
    }
}

/// A drill that is over.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct PastDrill {
    /// As it was at its end.
    pub drill: Drill,
    pub how: DrillEnd,
    pub ended: Stamp,
}

/// What was seen, with its figure.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Seen {
    pub what: Sight,
    /// As [`Sight`] says; 0 where it says nothing.
    pub figure: u64,
}

/// What a drill wants to see on battery.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Sight {
    /// The UPS says that it is on battery.
    OnBattery,
    /// The load was measured over some minutes (the figure: mW, the mean).
    Load,
    /// The UPS says only its load's share of what it may carry (the figure: percent, the mean).
    LoadShare,
    /// A badge or login was read.
    Reader,
    /// The lock was energised.
    Lock,
    /// The door was seen open.
    Door,
    /// A slot's sensor changed.
    Sensor,
    /// The network answered (the figure: ms).
    Network,
    /// The machine came up because mains came back (the figure: ms from its start to ready).
    RestartOnMains,
    /// The machine came up on battery out of `ups-off`, by whatever (the figure: ms from its start to ready).
    Woke,
    /// Mains is back and the UPS says so.
    MainsBack,
}

/// How a drill ended.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum DrillEnd {
    Finished,
    /// A person ended it.
    Aborted,
    /// Somebody needed the cabinet.
    NeededElsewhere,
    /// The battery got too low for it.
    BatteryLow,
    /// It took too long, or the process started anew without a method being proved.
    Interrupted,
}

/// That a method puts the cabinet to sleep and wakes it, as a drill saw it, on the battery and UPS of then.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Proof {
    pub method: Method,
    pub at: Stamp,
    /// From the press to ready, as far as the machine's own clock knows: that of a deep one begins with the kernel.
    pub ready_ms: u64,
    /// … by the stop-watch of whoever pressed: the firmware's seconds included.
    #[serde(default)]
    pub by_stopwatch: bool,
}
