//! All that a decision depends on, as of one moment.

use super::super::forecast::Outlook;
use super::{Method, Mode, Rules};

/// What is heard of the mains.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mains {
    /// `OL`, for so long without another word.
    On { for_ms: u64 },
    /// `OB`.
    Off,
    /// No answer, for so long; the last one was `OB` or `OL`, or there was none since the start.
    Silent { for_ms: u64 },
}

/// A start that found an outage open, until the UPS was heard or the wait for it is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Woken {
    /// The machine came up: somebody pressed a button, or its supply came back.
    Boot,
    /// The machine's own clock woke it: nobody is there.
    Alarm,
    /// Only the process started anew.
    Process,
}

/// All that a decision depends on. Ages and lengths in ms, energies in mWh.
#[derive(Clone, PartialEq, Debug)]
pub struct Situation {
    pub mode: Mode,
    /// Since this mode began.
    pub in_mode_ms: u64,
    /// In Normal during this outage, over all flaps.
    pub normal_ms: u64,
    /// Since Conserve began, sleep included.
    pub conserve_ms: u64,
    /// The outage's length so far: the longer end, when it is an interval.
    pub elapsed_ms: u64,
    /// Times that mains came back and went again.
    pub flaps: u32,
    pub woken: Option<Woken>,
    pub mains: Mains,
    /// Polls in a row with `LB`.
    pub low_polls: u32,
    pub charge_pct: Option<u8>,
    /// `FSD` that we did not order, or SIGTERM from a system shutdown on battery.
    pub shut_down_by_others: bool,
    /// What is left, by the estimate.
    pub energy_mwh: u64,
    /// What the battery holds when full.
    pub full_mwh: u64,
    pub outlook: Outlook,
    /// A session, a half-typed PIN, or an open door that still counts.
    pub busy: bool,
    /// A session is open.
    pub in_session: bool,
    /// Somebody was here since this mode began: badge, button, in standby the door.
    pub someone: bool,
    /// Since anybody was here last.
    pub idle_ms: u64,
    /// Whoever was here last had a visit, and it is over: nobody is on the way to the reader.
    pub visit_over: bool,
    /// Told "sleep now".
    pub told_to_sleep: bool,
    /// Told "stay awake", and that still counts.
    pub told_to_stay: bool,
    /// Upstream has all that it will get.
    pub flushed: bool,
    /// The ordered method said that it failed.
    pub method_failed: bool,
    /// The methods that may be used now.
    pub usable: Usable,
}

/// The deep methods that may be used: configured, proved by a drill on this battery, not failed in this outage, and only
/// while the UPS is heard to be on battery. A silent one would switch off at some later time, with mains long back; and a machine that
/// halted beside it might sleep on mains.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usable {
    pub halt: bool,
    pub ups_off: bool,
}

impl Usable {
    /// The deepest of them. Standby needs no proof.
    #[must_use]
    pub const fn deepest(self) -> Method {
        match self {
            Self { ups_off: true, .. } => Method::UpsOff,
            Self { halt: true, .. } => Method::Halt,
            Self { .. } => Method::Standby,
        }
    }

    /// The next lighter one than what failed.
    #[must_use]
    pub const fn lighter_than(self, failed: Method) -> Method {
        match failed {
            Method::UpsOff if self.halt => Method::Halt,
            Method::UpsOff | Method::Halt | Method::Standby => Method::Standby,
        }
    }
}

impl Situation {
    /// The idle time that counts now.
    ///
    /// Whoever just woke the cabinet has the time to reach the reader; whoever is done is done. While the battery can afford it, the
    /// cabinet lingers, so that the next one finds it awake.
    #[must_use]
    pub const fn idle_limit_ms(&self, rules: &Rules) -> u64 {
        let late = self.elapsed_ms >= rules.late_after_ms || self.low_polls > 0;
        // Out of standby a visit costs the same whenever it begins: only the way into a deep sleep and back makes seconds dear.
        let dear = self.usable.deepest().is_deep() && self.energy_mwh < self.outlook.need_mwh;
        let idle_ms = if late { rules.idle_late_ms } else { rules.idle_ms };
        if self.lingers(rules) {
            if rules.linger_ms > idle_ms { rules.linger_ms } else { idle_ms }
        } else if self.visit_over && dear && rules.idle_tight_ms < idle_ms {
            rules.idle_tight_ms
        } else {
            idle_ms
        }
    }

    /// Whether the battery can afford to be awake for the next ones. Out of standby everybody is served at once: nothing is to be gained.
    #[must_use]
    pub const fn lingers(&self, rules: &Rules) -> bool {
        let Outlook { need_mwh, linger_ahead_ms, raised, budget_applies, .. } = self.outlook;
        let may_be_short = self.elapsed_ms < rules.linger_before_ms && !raised;
        let pct = if may_be_short { rules.linger_need_pct } else { rules.return_margin_pct };
        let left_mwh = self.energy_mwh.saturating_sub(self.outlook.normal_mwh(linger_ahead_ms));
        self.usable.deepest().is_deep() && self.low_polls == 0 && budget_applies && left_mwh * 100 >= need_mwh * pct
    }
}
