//! What people say and order: how the outage goes on, "sleep now", "stay awake", a new battery. What upstream hints at goes behind that.

use super::policy::{Method, Mode};
use super::state::{PowerOrder, PowerState, Replaced, Told};
use crate::cabinet::event::StoreState;
use crate::cabinet::fact::{Alarm, Fact};
use crate::cabinet::outcome::Denial;
use crate::cabinet::sentence::duration;
use crate::cabinet::{Cabinet, Turn};

/// The longest "stay awake".
const STAY_MOST_MINUTES: u32 = 12 * 60;

impl Cabinet {
    pub(in crate::cabinet) fn order_power(&mut self, turn: &mut Turn, order: PowerOrder) -> Result<String, Denial> {
        if self.settings.power.is_none() {
            return Err(Denial::NoUps);
        }
        if !self.power_mode().is_on_battery() {
            return Err(Denial::NotOnBattery);
        }
        match order {
            PowerOrder::SleepNow => {
                if self.counts_as_busy(turn.mono()).0 {
                    return Err(Denial::Busy);
                }
                if self.power_mode().is_low_power() {
                    return Err(Denial::AsleepAlready);
                }
                self.record(turn, Fact::PowerTold { order });
                // It is told at the cabinet's keyboard or from afar: whoever tells it is done here.
                Ok(match self.situation(turn.now).usable.deepest() {
                    Method::Standby => "the cabinet goes to sleep; a badge or its button wakes it".into(),
                    Method::Halt => "the cabinet's machine goes off; only its button wakes it".into(),
                    Method::UpsOff => "the cabinet goes off with its UPS; only the UPS's button wakes it".into(),
                })
            }
            PowerOrder::StayAwake { for_minutes } => {
                // The order to go off is out: it would be a promise that nobody can keep.
                if self.goes_down() {
                    return Err(Denial::GoingDown);
                }
                if matches!(self.power_mode(), Mode::Manual { .. }) {
                    return Err(Denial::OutOfPower);
                }
                let for_minutes = for_minutes.clamp(1, STAY_MOST_MINUTES);
                self.record(turn, Fact::PowerTold { order: PowerOrder::StayAwake { for_minutes } });
                // Whoever wants that is as good as here.
                self.somebody_is_here(turn);
                Ok(format!("the cabinet stays awake for {for_minutes} minutes, as long as its battery lasts"))
            }
        }
    }

    pub(in crate::cabinet) fn tell_outage(&mut self, turn: &mut Turn, told: Told) -> Result<String, Denial> {
        if self.settings.power.is_none() {
            return Err(Denial::NoUps);
        }
        let open = self.books.power.as_ref().is_some_and(|state| state.outage.is_some());
        if !open && !matches!(told, Told::Storm { .. }) {
            return Err(Denial::NoOutage);
        }
        self.record(turn, Fact::OutageTold { told, upstream: false });
        self.power.outlook_at = None;
        let projected = match self.power_mode() {
            _ if !open => "",
            Mode::Restoring { .. } => "; it counts if mains does not stay",
            _ => "; `cabinetd outage` shows what is expected now",
        };
        Ok(match told {
            Told::Storm { is: true } => format!("noted: a storm{projected}"),
            Told::Storm { is: false } => format!("noted: no storm{projected}"),
            Told::EndsIn { ms } => {
                format!("noted: over in {} as stated{projected}", duration(ms))
            }
            Told::NothingStated => format!("noted: the utility states nothing{projected}"),
        })
    }

    /// Upstream knows of the weather and of the outage. Only news is recorded, only what makes an open outage longer, and nothing against the
    /// word of people, who see the site.
    pub(in crate::cabinet) fn outage_hinted(&mut self, turn: &mut Turn, storm: bool, ends_in_ms: Option<u64>) {
        if self.settings.power.is_none() || self.store == StoreState::Reserve {
            return;
        }
        let now = turn.now.stamp();
        let state = self.books.power.clone().unwrap_or_else(|| PowerState::new(now));
        let of_storm = state.news_of_storm(storm, now);
        let of_end = ends_in_ms.and_then(|ms| state.news_of_end(ms, now));
        for told in of_storm.into_iter().chain(of_end) {
            self.record(turn, Fact::OutageTold { told, upstream: true });
            self.power.outlook_at = None;
        }
    }

    pub(in crate::cabinet) fn battery_replaced(&mut self, turn: &mut Turn) -> Result<String, Denial> {
        if self.settings.power.is_none() {
            return Err(Denial::NoUps);
        }
        self.record(turn, Fact::BatteryReplaced { what: Replaced::Battery, serial: None });
        self.resolve(turn, |alarm| *alarm == Alarm::ReplaceBattery);
        self.energy_of_a_new_battery(turn.mono());
        Ok("noted: a new battery; its capacity is not measured and no sleep method is proved on it (`cabinetd drill`)"
            .into())
    }
}
