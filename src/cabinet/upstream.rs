//! Upstream, as far as the cabinet has to decide: what alarms, and how long falling asleep waits for it.
//!
//! What is sent when is the copying's own matter. Whatever upstream says, it opens nothing.

use super::event::UpstreamNews;
use super::fact::Alarm;
use super::outcome::{Action, Denial};
use super::{Cabinet, Purpose, Turn};

impl Cabinet {
    pub(super) fn upstream_said(&mut self, turn: &mut Turn, news: UpstreamNews) {
        let is_apart = |alarm: &Alarm| matches!(alarm, Alarm::UpstreamAhead { .. } | Alarm::CabinetCloned { .. });
        match news {
            UpstreamNews::LostData { held, has } => drop(self.raise(turn, Alarm::UpstreamLostData { held, has })),
            UpstreamNews::Ahead { seq } => {
                let alarm = Alarm::UpstreamAhead { seq };
                self.resolve(turn, |open| is_apart(open) && *open != alarm);
                self.raise(turn, alarm.clone());
            }
            UpstreamNews::Cloned { seq } => {
                let alarm = Alarm::CabinetCloned { seq };
                self.resolve(turn, |open| is_apart(open) && *open != alarm);
                self.raise(turn, alarm.clone());
            }
            UpstreamNews::Agrees => self.resolve(turn, is_apart),
            UpstreamNews::Parked { record } => drop(self.raise(turn, Alarm::RecordParked { record })),
            UpstreamNews::Unparked { record } => {
                self.resolve(turn, |alarm| *alarm == Alarm::RecordParked { record });
            }
        }
    }

    pub(super) fn retry_upstream(&mut self, turn: &mut Turn) -> Result<String, Denial> {
        if !self.settings.upstream {
            return Err(Denial::NotPrepared { what: "an [upstream] in the config".to_owned() });
        }
        self.courtesy(turn, Action::RetryUpstream);
        Ok("upstream is tried now; `cabinetd upstream status` says what came of it".to_owned())
    }

    /// Falling asleep: upstream is to have everything before the network may be gone.
    pub(super) fn ask_flush(&mut self, turn: &mut Turn, within_ms: u64) {
        self.is_flushing = self.settings.upstream;
        if self.is_flushing {
            self.command_within(turn, Action::Flush, Purpose::Flush, within_ms);
        }
    }

    /// It has everything, or could not be reached in time: there is nothing to wait for.
    pub(super) const fn flush_ended(&mut self) {
        self.is_flushing = false;
    }
}
