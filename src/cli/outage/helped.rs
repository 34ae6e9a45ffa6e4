//! What would have helped: arithmetic on what was drawn, no guesses.

use super::account::{Account, Phase, Sum};
use crate::cabinet::power::sentence::wh;
use crate::cabinet::sentence::duration;

/// One such figure.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Helped {
    /// For scripts.
    pub what: &'static str,
    pub mwh: u64,
    pub sentence: String,
}

/// A draw means something over at least this.
const LONG_ENOUGH_MS: u64 = 300_000;
const HOUR_MS: u64 = 3_600_000;

/// The figures of an outage.
#[must_use]
pub fn of(account: &Account) -> Vec<Helped> {
    let sums = account.by_phase();
    let of_phase = |what: Phase| sums.iter().find(|sum| sum.what == what);
    let mut all = Vec::new();
    let length_ms = account.lasted.least_ms;
    if let Some(draw_mw) = of_phase(Phase::Normal).and_then(draw_mw)
        && length_ms >= LONG_ENOUGH_MS
    {
        let mwh = draw_mw * length_ms / HOUR_MS;
        let held = wh(account.began_mwh);
        let done = if mwh <= account.began_mwh { "which would have done" } else { "which would not have done" };
        all.push(Helped {
            what: "awake-all-along",
            mwh,
            sentence: format!(
                "Awake all along it would have taken {} ({} for {}); the battery held {held}, {done}.",
                wh(mwh),
                watts(draw_mw),
                about(length_ms)
            ),
        });
    }
    for sum in &sums {
        let Phase::Asleep(method) = sum.what else { continue };
        if let Some(draw_mw) = draw_mw(sum).filter(|_| sum.spent_mwh >= 100) {
            let share = sum.spent_mwh * 100 / account.spent_mwh.max(1);
            all.push(Helped {
                what: "asleep-for-nothing",
                mwh: sum.spent_mwh,
                sentence: format!(
                    "Asleep by {} it drew {}: {} in {}, {share} % of all. A sleep that draws nothing would have left these.",
                    method.word(),
                    watts(draw_mw),
                    wh(sum.spent_mwh),
                    about(sum.lasted_ms)
                ),
            });
        }
    }
    if let Some(manual) = of_phase(Phase::Manual) {
        let before = sums.iter().filter(|sum| matches!(sum.what, Phase::Conserve | Phase::Asleep(_)));
        let (lasted_ms, spent_mwh) = before.fold((0, 0), |(ms, mwh), sum| (ms + sum.lasted_ms, mwh + sum.spent_mwh));
        if lasted_ms >= LONG_ENOUGH_MS {
            let mwh = spent_mwh * manual.lasted_ms / lasted_ms;
            all.push(Helped {
                what: "battery-to-the-end",
                mwh,
                sentence: format!(
                    "For {} only the cabinet key opened. At the rate of before (asleep and awake, {}) it would have taken {} more.",
                    about(manual.lasted_ms),
                    watts(spent_mwh * HOUR_MS / lasted_ms),
                    wh(mwh)
                ),
            });
        }
    }
    all
}

fn draw_mw(sum: &Sum) -> Option<u64> {
    (sum.lasted_ms >= LONG_ENOUGH_MS).then(|| sum.spent_mwh * HOUR_MS / sum.lasted_ms)
}

fn watts(mw: u64) -> String {
    let tenths = (mw + 50) / 100;
    format!("{}.{} W", tenths / 10, tenths % 10)
}

fn about(ms: u64) -> String {
    duration(ms / 60_000 * 60_000)
}
