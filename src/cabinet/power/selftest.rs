//! The UPS's own quick test of its battery: when it may begin, and what came of it.
//!
//! A battery that died in silence is found by the test or by the outage. The test is opt-in (`self_test` under `[power]`), since
//! it puts the cabinet on the battery for some seconds: a dead one drops it, which is better on a night of our choice than in an
//! outage. So [`may_begin`] asks for a moment in which nobody is there, nobody is expected, and the battery has had its charge.
//!
//! [`TestRun`] follows one test and reads its result from whatever the UPS shows: `ups.test.result` is an opaque text that differs from
//! driver to driver and may be last week's, many units show no result at all, and during the test some say `CAL`, some `OB`, some
//! nothing. What is not known is [`Verdict::Unknown`], never "passed".
//!
//! **Does not** send the command, nor decide what an `OB` is: [`TestRun::explains`] tells the power policy that this one may be ours.

use crate::cabinet::roster::Window;
use crate::cabinet::types::{Civil, Mono};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The instant command of NUT.
pub const COMMAND: &str = "test.battery.start.quick";

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

/// Charge that a test wants, in percent: a fresh battery, and enough left for an outage right after.
pub const LEAST_CHARGE_PCT: u8 = 95;
/// On line power for so long before a test.
pub const AFTER_OUTAGE_MS: u64 = DAY_MS;
/// Nobody there for so long before a test.
pub const QUIET_MS: u64 = 15 * MINUTE_MS;
/// Nobody there for so long, where neither office hours nor the time of day are known.
pub const QUIET_UNKNOWN_HOURS_MS: u64 = 6 * HOUR_MS;
/// Minutes before the office opens in which no test begins.
const OPENING_MINUTES: i32 = 30;
/// Where the config has no office hours: minutes of the day, 02:00 to 05:00.
const NIGHT: std::ops::Range<u16> = 120..300;
/// When to look again after a no that may change any time.
const LOOK_AGAIN_MS: u64 = 10 * MINUTE_MS;

/// A quick test lasts some 10 to 30 s; an `OB` of this length is an outage.
pub const LONGEST_ON_BATTERY_MS: u64 = MINUTE_MS;
/// When a result that shows is believed, and the former one counts as gone.
const SETTLED_MS: u64 = MINUTE_MS;
/// After this a test without a result has none.
pub const DEADLINE_MS: u64 = 10 * MINUTE_MS;

/// What speaks for and against a test now.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// Days between tests (7 = weekly).
    pub every_days: u32,
    /// Since the last test began, whatever came of it; none = never.
    pub since_test_ms: Option<u64>,
    /// Local time; none while the clock is not trusted.
    pub civil: Option<Civil>,
    /// The hours in which the office is open; empty = nobody said.
    pub office_hours: &'a [Window],
    /// The tokens of `ups.status`, of a reading that is fresh; none = the UPS does not answer.
    pub tokens: Option<&'a BTreeSet<String>>,
    pub charge_pct: Option<u8>,
    /// Since the end of the last outage or flicker; none = none is known.
    pub since_outage_ms: Option<u64>,
    /// A session, a half-typed PIN, an open door, a drill.
    pub is_busy: bool,
    /// Since somebody was there last.
    pub since_somebody_ms: u64,
}

/// Why there is no test now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotNow {
    /// The last one is not long enough ago.
    NotDue,
    /// The UPS does not answer, or is not plainly on line: on battery, bypassed, overloaded, in a test.
    NotOnLine,
    /// The UPS has said already that its battery is to be replaced: a test could only drop the cabinet.
    ToBeReplaced,
    /// Mains failed lately, and may again.
    OutageLately,
    /// Not charged enough, or the charge is not known.
    Charge,
    /// Somebody is there, or was a moment ago.
    Somebody,
    /// The office is open, or opens soon; or it is not night.
    OfficeHours,
}

/// A no, and when to ask again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wait {
    pub why: NotNow,
    /// Milliseconds until it is worth asking again.
    pub look_again_ms: u64,
}

/// Whether a test may begin now.
///
/// # Errors
/// Why not, and when to ask again.
pub fn may_begin(situation: &Situation<'_>) -> Result<(), Wait> {
    let wait = |why, look_again_ms: u64| Err(Wait { why, look_again_ms: look_again_ms.max(MINUTE_MS) });
    let every_ms = u64::from(situation.every_days) * DAY_MS;
    if let Some(since_ms) = situation.since_test_ms.filter(|since_ms| *since_ms < every_ms) {
        return wait(NotNow::NotDue, every_ms - since_ms);
    }
    let has = |token: &str| situation.tokens.is_some_and(|tokens| tokens.contains(token));
    if has("RB") {
        return wait(NotNow::ToBeReplaced, HOUR_MS);
    }
    let other = ["OB", "LB", "CAL", "TEST", "BYPASS", "OVER", "OFF", "FSD"].iter().any(|token| has(token));
    if !has("OL") || other {
        return wait(NotNow::NotOnLine, LOOK_AGAIN_MS);
    }
    if let Some(since_ms) = situation.since_outage_ms.filter(|since_ms| *since_ms < AFTER_OUTAGE_MS) {
        return wait(NotNow::OutageLately, AFTER_OUTAGE_MS - since_ms);
    }
    if situation.charge_pct.is_none_or(|charge| charge < LEAST_CHARGE_PCT) {
        return wait(NotNow::Charge, HOUR_MS);
    }
    if situation.is_busy {
        return wait(NotNow::Somebody, LOOK_AGAIN_MS);
    }
    let hours = situation.civil.map(|at| is_quiet(at, situation.office_hours));
    if hours == Some(false) {
        return wait(NotNow::OfficeHours, LOOK_AGAIN_MS);
    }
    let quiet_ms = if hours.is_none() { QUIET_UNKNOWN_HOURS_MS } else { QUIET_MS };
    if situation.since_somebody_ms < quiet_ms {
        return wait(NotNow::Somebody, quiet_ms - situation.since_somebody_ms);
    }
    Ok(())
}

/// Whether the office is closed and stays so for a while; at night, where nobody said when it is open.
fn is_quiet(at: Civil, office_hours: &[Window]) -> bool {
    if office_hours.is_empty() {
        return NIGHT.contains(&at.minute);
    }
    let soon = i32::from(at.minute) + OPENING_MINUTES;
    let soon = Civil { day: at.day.saturating_add(soon / 1_440), minute: (soon % 1_440).unsigned_abs() as u16 };
    !office_hours.iter().any(|window| window.contains(at) || window.contains(soon))
}

/// What a UPS says about its test in one poll.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TestReport {
    /// The tokens of `ups.status`.
    pub tokens: BTreeSet<String>,
    /// `ups.test.result`.
    pub result: Option<String>,
    /// `ups.test.date`.
    pub date: Option<String>,
}

/// What a text of `ups.test.result` means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResultWord {
    Passed,
    Warning,
    Failed,
    Aborted,
    InProgress,
    /// No test since the UPS was switched on.
    Never,
    Unclear,
}

/// Reads an `ups.test.result`. Drivers write it as they like ("Done and passed", "Battery Bad (Replace)", "10s test failed", "OK"), so
/// words are looked for, the bad ones first.
#[must_use]
pub fn result_word(text: &str) -> ResultWord {
    let text = text.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let is_word =
        |words: &[&str]| text.split(|letter: char| !letter.is_ascii_alphanumeric()).any(|word| words.contains(&word));
    if has(&["no test", "not tested", "not initiated", "never", "not yet"]) {
        ResultWord::Never
    } else if has(&["progress", "running", "scheduled", "testing"]) {
        ResultWord::InProgress
    } else if has(&["abort", "cancel", "inhibit", "not possible", "interrupt"]) {
        ResultWord::Aborted
    } else if has(&["fail", "error", "replace", "overload", "not pass", "not ok"])
        || is_word(&["bad", "ng", "bt", "weak", "low"])
    {
        ResultWord::Failed
    } else if has(&["warn"]) {
        ResultWord::Warning
    } else if has(&["pass", "success"]) || is_word(&["ok", "good"]) {
        ResultWord::Passed
    } else {
        ResultWord::Unclear
    }
}

/// What came of a test.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Passed,
    /// The UPS passed it with a warning, or called its battery low in the middle of it: watch it, or replace it soon.
    Weak,
    /// The battery does not do: replace it.
    Failed,
    /// Something broke the test off; it is tried again.
    Aborted,
    Unknown(NoVerdict),
}

/// Why a test said nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoVerdict {
    /// The UPS took the command, and nothing shows that it tested.
    NotSeen,
    /// It tested, and does not say with what result.
    NoResult,
    /// The UPS fell silent.
    Silent,
    /// Mains failed in the middle of it.
    Outage,
}

/// One test from the command to its verdict.
#[derive(Clone, Debug)]
pub struct TestRun {
    began: Mono,
    before: TestReport,
    /// Something showed that the UPS tests.
    seen: bool,
    low: bool,
    on_battery_since: Option<Mono>,
}

impl TestRun {
    /// A test whose command the UPS took at `at`; `before` is what it said before.
    #[must_use]
    pub fn begin(before: TestReport, at: Mono) -> Self {
        Self { began: at, before, seen: false, low: false, on_battery_since: None }
    }

    /// Whether a UPS on battery at `at` may be on it for the test, so that it is no outage yet.
    #[must_use]
    pub fn explains(&self, at: Mono) -> bool {
        let since = self.on_battery_since.unwrap_or(at);
        since.since_ms(self.began) < SETTLED_MS && at.since_ms(since) < LONGEST_ON_BATTERY_MS
    }

    /// When to call [`Self::look`] at the latest, poll or no poll.
    #[must_use]
    pub const fn deadline(&self) -> Mono {
        self.began.plus_ms(DEADLINE_MS)
    }

    /// Takes a poll (none: the UPS did not answer); gives the verdict once there is one.
    pub fn look(&mut self, report: Option<&TestReport>, at: Mono) -> Option<Verdict> {
        let is_late = at >= self.deadline();
        let Some(report) = report else {
            return is_late.then_some(Verdict::Unknown(NoVerdict::Silent));
        };
        let has = |token: &str| report.tokens.contains(token);
        if has("RB") && !self.before.tokens.contains("RB") {
            return Some(Verdict::Failed);
        }
        let on_battery = has("OB") || has("DISCHRG");
        if on_battery && !has("CAL") {
            let since = *self.on_battery_since.get_or_insert(at);
            if at.since_ms(since) >= LONGEST_ON_BATTERY_MS {
                return Some(Verdict::Unknown(NoVerdict::Outage));
            }
        } else {
            self.on_battery_since = None;
        }
        self.low |= on_battery && has("LB");
        let testing = on_battery || has("CAL") || has("TEST");
        let word = report.result.as_deref().map(result_word);
        self.seen |= testing || word == Some(ResultWord::InProgress);
        let is_new = report.result != self.before.result || report.date != self.before.date;
        if testing || word == Some(ResultWord::InProgress) {
            return is_late.then_some(Verdict::Unknown(NoVerdict::NoResult));
        }
        // What stands there may be the former result for a while yet.
        let settled = at.since_ms(self.began) >= SETTLED_MS;
        if !(is_new || settled) {
            return None;
        }
        let verdict = match word.filter(|_| is_new || self.seen) {
            Some(ResultWord::Passed) if self.low => Verdict::Weak,
            Some(ResultWord::Passed) => Verdict::Passed,
            Some(ResultWord::Warning) => Verdict::Weak,
            Some(ResultWord::Failed) => Verdict::Failed,
            Some(ResultWord::Aborted) => Verdict::Aborted,
            Some(ResultWord::Never | ResultWord::Unclear | ResultWord::InProgress) | None => {
                let why = if self.seen { NoVerdict::NoResult } else { NoVerdict::NotSeen };
                return is_late.then_some(if self.low { Verdict::Weak } else { Verdict::Unknown(why) });
            }
        };
        Some(verdict)
    }
}

#[cfg(test)]
mod tests;
