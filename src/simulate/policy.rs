//! What a policy is, and the simple ones that others use.
//!
//! A policy sees what a controller sees: its own clock, the UPS's charge, who is there. Not the length, not what the battery holds, not
//! who will come. It answers when it is asked; between two answers nothing changes.

use crate::cabinet::power::policy::Rules;

/// What the cabinet's electronics are doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Body {
    Up,
    GoingDown,
    Asleep,
    Booting,
    /// For good: the battery is empty, or was given up.
    Dark,
}

/// How a moment is called in the timeline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shown {
    Normal,
    Conserve,
    Manual,
}

/// What a policy sees when it is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    /// Since the outage began.
    pub at_ms: u64,
    /// Local minute of the day.
    pub minute: u16,
    /// `Up`, or `Asleep` in standby.
    pub body: Body,
    /// What the UPS says of its charge.
    pub charge_pct: u8,
    /// A visit is under way.
    pub busy: bool,
    /// Somebody came just now.
    pub someone: bool,
    /// The machine has just come up, woken by its own clock.
    pub woken_by_clock: bool,
    /// Nobody has come since the last visit ended.
    pub visit_over: bool,
    /// Since the last visit ended; 0 while one is under way.
    pub idle_ms: u64,
}

/// What a policy wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// As it is. To be asked again then, or sooner if something happens.
    Stay { ask_at_ms: u64 },
    /// To sleep until somebody comes.
    Sleep,
    /// Off for good: the cabinet key.
    GiveUp,
}

/// A way to go through an outage. One is made anew for each.
pub trait Policy {
    /// What to do now.
    fn ask(&mut self, seen: &Seen) -> Answer;

    /// How the present is called.
    fn shown(&self) -> Shown;
}

/// The policies without a projection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Simple {
    /// Awake for so long, then …
    after_ms: u64,
    then: Answer,
    idle_ms: u64,
    idle_late_ms: u64,
    late_after_ms: u64,
    shown: Shown,
}

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;

impl Simple {
    const fn new(rules: &Rules, after_ms: u64, then: Answer) -> Self {
        Self {
            after_ms,
            then,
            idle_ms: rules.idle_ms,
            idle_late_ms: rules.idle_late_ms,
            late_after_ms: rules.late_after_ms,
            shown: Shown::Normal,
        }
    }

    /// Awake until the battery is empty.
    #[must_use]
    pub const fn always_on(rules: &Rules) -> Self {
        Self::new(rules, u64::MAX, Answer::Sleep)
    }

    /// Awake for half an hour, then off.
    #[must_use]
    pub const fn off_after_30_min(rules: &Rules) -> Self {
        Self::new(rules, 30 * MINUTE_MS, Answer::GiveUp)
    }

    /// Awake for some hours, then asleep between visits, until the battery is empty.
    #[must_use]
    pub const fn elapsed(rules: &Rules, hours: u64) -> Self {
        Self::new(rules, hours * HOUR_MS, Answer::Sleep)
    }

    /// Asleep between visits from the beginning.
    #[must_use]
    pub const fn wake_at_once(rules: &Rules) -> Self {
        Self::new(rules, 0, Answer::Sleep)
    }
}

impl Policy for Simple {
    fn ask(&mut self, seen: &Seen) -> Answer {
        let Some(left_ms) = seen.at_ms.checked_sub(self.after_ms) else {
            return Answer::Stay { ask_at_ms: self.after_ms };
        };
        if self.then == Answer::GiveUp {
            self.shown = Shown::Manual;
            return Answer::GiveUp;
        }
        self.shown = Shown::Conserve;
        if seen.body == Body::Asleep {
            return Answer::Stay { ask_at_ms: u64::MAX };
        }
        if seen.busy {
            return Answer::Stay { ask_at_ms: u64::MAX };
        }
        let idle_ms = if seen.at_ms >= self.late_after_ms { self.idle_late_ms } else { self.idle_ms };
        // As if somebody had gone when the hours were over.
        match idle_ms.checked_sub(seen.idle_ms.min(left_ms)) {
            Some(wait_ms @ 1..) if !seen.woken_by_clock => Answer::Stay { ask_at_ms: seen.at_ms + wait_ms },
            _ => Answer::Sleep,
        }
    }

    fn shown(&self) -> Shown {
        self.shown
    }
}
