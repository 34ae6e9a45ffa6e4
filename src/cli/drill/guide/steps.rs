//! The steps but for the sleeps: the plug, the visit, the load or the battery, the plug again.

use super::super::network::Network;
use super::super::summary;
use super::{Guide, MINUTE_MS, Stop, VISIT, Waited};
use crate::cabinet::event::DrillStep;
use crate::cabinet::outcome::Denial;
use crate::cabinet::power::state::{DrillEnd, Sight};
use crate::cabinet::power::{Method, ModeWord};
use crate::cli::live::Tone;
use crate::cli::live::words::lasting;

/// The daemon waits so long for the plug.
const PLUG_MS: u64 = 15 * MINUTE_MS;
/// A visit is made within this, or the drill goes on without.
const VISIT_MS: u64 = 10 * MINUTE_MS;
/// The plug is put back within this.
const PLUG_BACK_MS: u64 = 15 * MINUTE_MS;

impl Guide<'_> {
    pub(super) fn begin(&mut self) -> Result<(), Stop> {
        for (number, line) in self.introduction().iter().enumerate() {
            self.world.say((number == 0).then_some(Tone::Strong), line);
        }
        if !self.agrees("Begin? [Y/n]")? {
            return Err(Stop::NotBegun);
        }
        self.ask(DrillStep::Start { deep: self.plan.deep })?;
        self.adopt()
    }

    pub(super) fn introduction(&self) -> Vec<String> {
        let methods: Vec<&str> = self.methods().into_iter().map(Method::word).collect();
        let minutes = self.plan.measure_ms / MINUTE_MS;
        let mut lines = vec![if self.plan.deep {
            "A deep drill: it measures the battery, which takes hours.".to_owned()
        } else {
            format!("A drill: some {} minutes.", minutes.max(3) + 5 * methods.len() as u64)
        }];
        lines.push(
            "You need to be at the cabinet, with a badge, and to reach the plug and the button of the UPS.".to_owned(),
        );
        let mut number = 0;
        let mut step = |text: String| {
            number += 1;
            lines.push(format!("{number}. {text}"));
        };
        step("You pull the UPS's plug out of the wall; the cabinet goes on from the battery.".to_owned());
        step(
            "You make one visit as on any day. The cabinet sees whether reader, lock, door and sensors live."
                .to_owned(),
        );
        if self.plan.deep {
            step("The battery runs down to a quarter of its charge. You may leave meanwhile.".to_owned());
        } else if minutes > 0 {
            let minutes = if minutes == 1 { "a minute".to_owned() } else { format!("{minutes} minutes") };
            step(format!("The load is measured, for {minutes} in all."));
        }
        if !methods.is_empty() {
            step(format!("It sleeps, and you wake it: by {}.", methods.join(", then by ")));
        }
        step("You put the plug back.".to_owned());
        lines.push("It is recorded as a drill, apart from real outages. Ctrl-C ends it at any moment.".to_owned());
        lines
    }

    /// The ways of sleeping that are to be proved, from light to deep.
    pub(super) fn methods(&self) -> Vec<Method> {
        if let Some(methods) = &self.plan.methods {
            return methods.clone();
        }
        if self.plan.deep {
            return Vec::new();
        }
        let configured = self.power.as_ref().map_or(Method::Standby, |power| power.configured);
        if configured == Method::Standby { vec![Method::Standby] } else { vec![Method::Standby, configured] }
    }

    pub(super) fn pull_plug(&mut self) -> Result<(), Stop> {
        self.look()?;
        if !self.saw(Sight::OnBattery) {
            self.world.say(Some(Tone::Strong), "Pull the UPS's plug out of the wall.");
            let what = "waiting for the UPS to say that it is on battery";
            let left = |_: &Self, left_ms: u64| format!("{} left", lasting(left_ms));
            if self.until(what, PLUG_MS, false, left, |guide| guide.saw(Sight::OnBattery))? != Waited::Came {
                return Err(self.give_up());
            }
            self.world.say(Some(Tone::Good), "The UPS says that it is on battery.");
        }
        if self.plan.network && !self.saw(Sight::Network) {
            self.world.begin_network();
        }
        Ok(())
    }

    pub(super) fn tell_network(&mut self) -> Result<(), Stop> {
        let Some(found) = self.world.network() else { return Ok(()) };
        if let Network::Answered { after_ms, .. } = found {
            match self.ask(DrillStep::NetworkAnswered { after_ms }) {
                // The plug was back before the answer came.
                Ok(_) | Err(Stop::Refused(_)) => {}
                Err(stop) => return Err(stop),
            }
        }
        let tone = if matches!(found, Network::Silent { .. }) { Some(Tone::Doubt) } else { None };
        self.world.say(tone, &format!("Network: {}.", summary::network_words(&found)));
        self.network = Some(found);
        Ok(())
    }

    pub(super) fn is_visited(&self) -> bool {
        VISIT.iter().all(|(sight, _)| self.saw(*sight))
    }

    pub(super) fn visit(&mut self) -> Result<(), Stop> {
        self.look()?;
        // Once a sleep was proved, the time for it is over.
        if self.is_visited() || self.has_slept() {
            return Ok(());
        }
        let may_skip = self.world.has_person();
        let skip = if may_skip { " (Enter: go on without.)" } else { "" };
        self.world.say(
            Some(Tone::Strong),
            &format!(
                "Now one visit at the cabinet: badge, PIN, ask for a key, open the door, take it out of its slot, hang it back, \
                 close the door.{skip}"
            ),
        );
        let seen = |guide: &Self, _: u64| {
            let part = |(sight, word): &(Sight, &str)| {
                if guide.saw(*sight) { format!("{word} seen") } else { format!("{word} not yet") }
            };
            VISIT.iter().map(part).collect::<Vec<_>>().join(", ")
        };
        self.until("the visit", VISIT_MS, may_skip, seen, Self::is_visited)?;
        let missing: Vec<&str> = VISIT.iter().filter(|(sight, _)| !self.saw(*sight)).map(|(_, word)| *word).collect();
        if missing.is_empty() {
            self.world.say(Some(Tone::Good), "Reader, lock, door and a slot's sensor live on battery.");
        } else {
            self.world.say(Some(Tone::Doubt), &format!("Not seen on battery: {}.", missing.join(", ")));
        }
        Ok(())
    }

    pub(super) fn has_slept(&self) -> bool {
        self.drill
            .as_ref()
            .is_some_and(|drill| drill.proving.is_some() || !drill.proved.is_empty() || !drill.failed.is_empty())
            || self.saw(Sight::Woke)
    }

    pub(super) fn measure(&mut self) -> Result<(), Stop> {
        self.look()?;
        if self.plan.deep {
            return self.measure_battery();
        }
        let (measure_ms, has_methods) = (self.plan.measure_ms, !self.methods().is_empty());
        let serves = |guide: &Self| matches!(guide.mode(), ModeWord::Normal | ModeWord::Conserve);
        if self.has_slept() || self.is_on_mains() {
            return Ok(());
        }
        // Nothing sleeps before it counts as an outage.
        let is_over = move |guide: &Self| guide.out_ms() >= measure_ms && (!has_methods || serves(guide));
        let progress = move |guide: &Self, _: u64| {
            let left_ms = measure_ms.saturating_sub(guide.out_ms());
            let left = if left_ms > 0 { format!("{} to go", lasting(left_ms)) } else { "a moment".to_owned() };
            if guide.figures.is_empty() { left } else { format!("{left}; {}", guide.figures) }
        };
        let most_ms = measure_ms + 10 * MINUTE_MS;
        self.until("the load is measured", most_ms, false, progress, move |guide| {
            is_over(guide) || guide.is_on_mains()
        })?;
        Ok(())
    }

    pub(super) fn is_on_mains(&self) -> bool {
        matches!(self.mode(), ModeWord::Line | ModeWord::Restoring)
    }

    pub(super) fn measure_battery(&mut self) -> Result<(), Stop> {
        const DAY_MS: u64 = 24 * 60 * MINUTE_MS;
        let measured = |guide: &Self| guide.drill.as_ref().is_some_and(|drill| drill.measured_mwh.is_some());
        if measured(self) || self.is_on_mains() {
            return Ok(());
        }
        let may_leave = self.world.has_person();
        let leave = if may_leave { " Enter leaves it alone; --resume comes back to it." } else { "" };
        self.world.say(
            None,
            &format!("The battery runs down to a quarter of its charge. People may use the cabinet meanwhile.{leave}"),
        );
        let progress = |guide: &Self, _: u64| format!("{}, {} so far", guide.figures, lasting(guide.out_ms()));
        let is_over = move |guide: &Self| measured(guide) || guide.is_on_mains();
        match self.until("the battery is measured", DAY_MS, may_leave, progress, is_over)? {
            Waited::Skipped => Err(Stop::LeftAlone),
            Waited::Came | Waited::TooLong => Ok(()),
        }
    }

    pub(super) fn put_plug_back(&mut self) -> Result<(), Stop> {
        let is_back = |guide: &Self| guide.saw(Sight::MainsBack) && guide.is_on_mains();
        // Mains for good ends it in the daemon, too: that is no surprise.
        let over = |ended: Result<Waited, Stop>| match ended {
            Err(Stop::Ended(DrillEnd::Finished)) => Ok(Waited::Came),
            other => other,
        };
        let may_skip = self.world.has_person();
        let skip = if may_skip { " (Enter: it is in, and mains stays out.)" } else { "" };
        self.world.say(Some(Tone::Strong), &format!("Put the UPS's plug back into the wall.{skip}"));
        let left = |_: &Self, left_ms: u64| format!("{} left", lasting(left_ms));
        let waited =
            over(self.until("waiting for the UPS to say that mains is back", PLUG_BACK_MS, may_skip, left, is_back))?;
        if waited == Waited::Came {
            self.world.say(Some(Tone::Good), "Mains is back, and the UPS says so.");
        }
        match self.ask(DrillStep::Finish) {
            Ok(_) => {}
            Err(Stop::Refused(denial)) if *denial == Denial::NoDrill => {}
            Err(stop) => return Err(stop),
        }
        let _ = self.look_once();
        Ok(())
    }
}
