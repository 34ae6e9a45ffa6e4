//! What no single key can know: values that go together, or do not.

use super::Config;
use super::reader::Reader;
use crate::cabinet::power::Method;

impl Config {
    /// Everything that does not go together.
    pub(super) fn check(&self, reader: &mut Reader) {
        let (access, sessions) = (&self.settings.access, &self.settings.sessions);
        self.check_power(reader);
        if !(access.badge_and_pin || access.login_and_pin || access.badge_alone) {
            let wrong = "nobody could identify themselves".to_owned();
            reader.conflict("identify.modes", &[], wrong, "list at least one mode, for example [\"badge+pin\"]");
        }
        if access.delay_ms > access.longest_delay_ms {
            let wrong = format!("{} ms is above longest_delay_ms ({} ms)", access.delay_ms, access.longest_delay_ms);
            reader.conflict(
                "identify.delay_ms",
                &["identify.longest_delay_ms"],
                wrong,
                "write a number not above longest_delay_ms",
            );
        }
        if sessions.debounce_ms > sessions.chatter_window_ms {
            let wrong = format!("{} ms is above chatter_window_ms", sessions.debounce_ms);
            reader.conflict(
                "sessions.debounce_ms",
                &["sessions.chatter_window_ms"],
                wrong,
                "write a number not above chatter_window_ms",
            );
        }
    }

    /// Powers that fall, hours that rise, methods that can wake.
    fn check_power(&self, reader: &mut Reader) {
        let (plant, rules) = (&self.power.plant, &self.power.rules);
        let mut rising = |path: &str, other: &str, wrong: bool, text: String, remedy: &str| {
            if wrong {
                reader.conflict(path, &[other], text, remedy);
            }
        };
        rising(
            "power.standby_mw",
            "power.normal_mw",
            plant.standby_mw > plant.normal_mw,
            format!("{} mW asleep is more than {} mW awake", plant.standby_mw, plant.normal_mw),
            "write what the battery feels in standby, not above normal_mw",
        );
        rising(
            "power.halted_mw",
            "power.standby_mw",
            plant.halted_mw > plant.standby_mw,
            format!("{} mW halted is more than {} mW in standby", plant.halted_mw, plant.standby_mw),
            "write what the battery feels with the machine halted, not above standby_mw",
        );
        rising(
            "battery.ups_overhead_mw",
            "power.normal_mw",
            plant.overhead_mw > plant.normal_mw,
            format!("{} mW of the UPS alone is more than {} mW in all", plant.overhead_mw, plant.normal_mw),
            "normal_mw is what the battery feels, the UPS's own draw included",
        );
        rising(
            "power.conserve_uncovered_after_min",
            "power.conserve_after_min",
            rules.uncovered_after_ms > rules.always_after_ms,
            "it is above conserve_after_min".to_owned(),
            "write a number not above conserve_after_min",
        );
        rising(
            "power.idle_late_s",
            "power.idle_s",
            rules.idle_late_ms > rules.idle_ms,
            "it is above idle_s".to_owned(),
            "write a number not above idle_s",
        );
        let halts = self.power.sleep == Method::Halt;
        rising(
            "power.sleep",
            "power.rtc",
            halts && !(self.power.clock_wakes && plant.clock_wake_ms > 0) && !self.power.wakes_on_mains,
            "nothing would start a halted machine whose supply never dropped".to_owned(),
            "set rtc = true with rtc_wake_min above 0, or wakes_on_mains = true once a drill has seen it",
        );
        let ordered = self.power.sleep == Method::UpsOff && self.ups.is_some() && !self.power.may_order;
        rising(
            "power.sleep",
            "ups.user",
            ordered,
            "nobody may tell the UPS to switch off".to_owned(),
            "write user under [ups] and its password into the credential upsd_password (`cabinetd power recipe`)",
        );
    }
}
