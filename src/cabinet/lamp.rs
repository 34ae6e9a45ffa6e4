//! The status lamp: what somebody who walks by shall know of the cabinet. Dark, it says that nothing runs here, so nothing is ever told by dark.
//!
//! It never shows a silent alarm.

use super::event::StoreState;
use super::outcome::{Action, Lamp};
use super::power::Mode;
use super::snapshot::alarm_level;
use super::{Cabinet, Turn};

/// An alarm of this level and above is worth a walk to the cabinet today.
const TODAY: u8 = 2;

impl Cabinet {
    fn lamp(&self) -> Lamp {
        let waits =
            self.books.alarms.values().any(|open| {
                !open.alarm.is_silent() && open.acknowledged.is_none() && alarm_level(&open.alarm) >= TODAY
            });
        match self.power_mode() {
            Mode::Asleep { .. } | Mode::Manual { .. } => Lamp::Asleep,
            _ if waits || self.store == StoreState::Reserve => Lamp::Attention,
            _ => Lamp::Ready,
        }
    }

    /// Has the lamp show what is so, if there is one and it shows something else.
    pub(super) fn light_lamp(&mut self, turn: &mut Turn) {
        let lamp = self.lamp();
        if self.settings.lamp && self.lamp_shows.replace(lamp) != Some(lamp) {
            self.courtesy(turn, Action::Lamp(lamp));
        }
    }
}
