//! The sleeps: each is ordered, somebody wakes the cabinet, the daemon says what that proved.

use super::{Guide, Heard, MINUTE_MS, Stop, Waited};
use crate::cabinet::event::DrillStep;
use crate::cabinet::outcome::Denial;
use crate::cabinet::power::Method;
use crate::cabinet::power::state::Sight;
use crate::cli::live::Tone;
use crate::cli::live::words::lasting;

/// Somebody presses within this.
const PRESS_MS: u64 = 10 * MINUTE_MS;
/// The machine is back within this, or nobody pressed.
const DARK_MS: u64 = 20 * MINUTE_MS;
/// Somebody at the cabinet is waited for.
const BUSY_MS: u64 = 3 * MINUTE_MS;

impl Guide<'_> {
    fn is_proved(&self, method: Method) -> bool {
        self.drill.as_ref().is_some_and(|drill| drill.proved.iter().any(|proof| proof.method == method))
    }

    fn has_failed(&self, method: Method) -> bool {
        self.drill.as_ref().is_some_and(|drill| drill.failed.contains(&method))
    }

    fn is_proving(&self, method: Method) -> bool {
        self.drill.as_ref().is_some_and(|drill| drill.proving == Some(method))
    }

    pub(super) fn prove(&mut self, method: Method) -> Result<(), Stop> {
        const TRIES: u32 = 3;
        self.look()?;
        self.confirm(method)?;
        if self.is_proved(method) {
            return self.time(method);
        }
        if self.has_failed(method) {
            self.note_failed(method);
            return Ok(());
        }
        if self.is_on_mains() {
            self.unproved.insert(method, "the plug was back already".to_owned());
            return Ok(());
        }
        for _ in 0..TRIES {
            if !self.is_proving(method) && !self.order(method)? {
                return Ok(());
            }
            let came = match method {
                Method::Standby => self.wake_from_standby()?,
                Method::Halt | Method::UpsOff => self.wake_from_the_dark(method)?,
            };
            self.confirm(method)?;
            if self.is_proved(method) {
                self.world.say(Some(Tone::Good), &format!("Sleep by {} is proved.", method.word()));
                return self.time(method);
            }
            if self.has_failed(method) {
                self.note_failed(method);
                return Ok(());
            }
            if self.is_on_mains() {
                let restarted = if self.saw(Sight::RestartOnMains) {
                    "it came up when mains came back, not when a button was pressed"
                } else {
                    "the plug was put back before it woke"
                };
                self.unproved.insert(method, restarted.to_owned());
                return Ok(());
            }
            if came == Waited::TooLong {
                break;
            }
            self.world.say(Some(Tone::Doubt), "It was turned back before it slept; once more.");
        }
        self.unproved.insert(method, "nobody woke it in time".to_owned());
        self.world
            .say(Some(Tone::Doubt), &format!("Sleep by {} is not proved: nobody woke it in time.", method.word()));
        Ok(())
    }

    /// Whether the UPS was off is for whoever stands before it to say.
    fn confirm(&mut self, method: Method) -> Result<(), Stop> {
        let woke = method == Method::UpsOff && self.saw(Sight::Woke);
        if !woke || self.is_proved(method) || self.has_failed(method) {
            return Ok(());
        }
        let pressed = self.tells("It is awake. Was the UPS off, and did you press its button? [Y/n]")?;
        self.ask(DrillStep::Pressed { pressed })?;
        self.look()
    }

    fn note_failed(&mut self, method: Method) {
        let why = if method == Method::UpsOff && self.saw(Sight::Woke) {
            "the UPS was not off, or nobody pressed its button; does it obey `upsdrvctl shutdown`?".to_owned()
        } else {
            "it was ordered and did not come; the alarm and `cabinetd check` say more".to_owned()
        };
        self.world.say(Some(Tone::Bad), &format!("Sleep by {} is not proved: {why}.", method.word()));
        self.unproved.insert(method, why);
    }

    /// Orders the sleep, once nobody is at the cabinet; false if it is not to be.
    fn order(&mut self, method: Method) -> Result<bool, Stop> {
        if method.is_deep() {
            self.world.say(None, dark_to_come(method));
            let press = if method == Method::UpsOff { "the UPS's button" } else { "the machine's button" };
            let text = format!(
                "Wait until it is dark, then press {press}, and start a watch as you press. When the cabinet is ready again: `{}`.",
                self.resume()
            );
            self.world.say(None, &text);
            if !self.agrees(&format!("Sleep by {} now? [Y/n]", method.word()))? {
                self.unproved.insert(method, "left out".to_owned());
                return Ok(false);
            }
        }
        let began_ms = self.world.now_ms();
        loop {
            match self.ask(DrillStep::Prove { method }) {
                Ok(_) => return Ok(true),
                Err(Stop::Refused(denial)) => {
                    let waits = matches!(*denial, Denial::Busy | Denial::NotServingOnBattery);
                    if !waits || self.world.now_ms().saturating_sub(began_ms) >= BUSY_MS {
                        self.world.say(Some(Tone::Doubt), &format!("Sleep by {}: {denial}.", method.word()));
                        self.unproved.insert(method, denial.to_string());
                        return Ok(false);
                    }
                    self.world.awaits("somebody is at the cabinet, or it is not awake", "");
                }
                Err(stop) => return Err(stop),
            }
            self.heed()?;
            self.look()?;
        }
    }

    fn wake_from_standby(&mut self) -> Result<Waited, Stop> {
        self.world.say(
            Some(Tone::Strong),
            "It is in standby. Press the cabinet's button, or hold a badge to the reader (no PIN is needed).",
        );
        let left = |_: &Self, left_ms: u64| format!("{} left", lasting(left_ms));
        let is_over = |guide: &Self| !guide.is_proving(Method::Standby);
        self.until("the press", PRESS_MS, false, left, is_over)
    }

    /// The machine goes down under this command, and perhaps under its terminal.
    fn wake_from_the_dark(&mut self, method: Method) -> Result<Waited, Stop> {
        let began_ms = self.world.now_ms();
        let id = self.drill.as_ref().map(|drill| drill.id);
        loop {
            match self.look_once() {
                Ok(()) => {
                    let open = self.power.as_ref().and_then(|power| power.drill.as_ref()).map(|drill| drill.id);
                    if open != id {
                        self.look()?;
                    }
                    if !self.is_proving(method) {
                        return Ok(Waited::Came);
                    }
                }
                Err(_) => self.world.awaits("it is dark; waiting until somebody woke it", ""),
            }
            if self.world.now_ms().saturating_sub(began_ms) >= DARK_MS {
                return Err(Stop::StillDark);
            }
            match self.world.wait() {
                Heard::Nothing | Heard::Line(_) => {}
                Heard::Interrupted => return Err(self.give_up()),
                // The system goes down, as it was told to.
                Heard::Ended => return Err(Stop::LeftAlone),
            }
        }
    }

    /// The seconds of a person's stop-watch: the machine's own clock does not know those of its firmware.
    fn time(&mut self, method: Method) -> Result<(), Stop> {
        let proof = self.drill.as_ref().and_then(|drill| drill.proved.iter().find(|proof| proof.method == method));
        let Some(proof) = proof.filter(|proof| method.is_deep() && !proof.by_stopwatch).copied() else { return Ok(()) };
        if !self.plan.asks {
            return Ok(());
        }
        let own = proof.ready_ms / 1_000;
        let question = format!(
            "How many seconds were it by your watch from the press until it was ready? (The machine itself counted {own} s from its start. \
             Enter: not timed.)"
        );
        loop {
            let typed = match self.world.question(&question) {
                Heard::Nothing => return Ok(()),
                Heard::Line(line) => line,
                Heard::Interrupted | Heard::Ended => return Err(self.give_up()),
            };
            if typed.trim().is_empty() {
                return Ok(());
            }
            match typed.trim().trim_end_matches('s').trim().parse::<u64>() {
                Ok(seconds) if seconds >= own && seconds < 3_600 => {
                    self.ask(DrillStep::Timed { method, ready_ms: seconds * 1_000 })?;
                    return self.look();
                }
                Ok(_) => self.world.say(Some(Tone::Doubt), &format!("It must be at least {own} and less than 3600.")),
                Err(_) => self.world.say(Some(Tone::Doubt), "Type whole seconds, such as 58."),
            }
        }
    }
}

const fn dark_to_come(method: Method) -> &'static str {
    match method {
        Method::UpsOff => {
            "Next: the machine shuts down and the UPS cuts its output. All goes dark, this terminal too if it hangs on the UPS."
        }
        Method::Halt | Method::Standby => {
            "Next: the machine powers off. It goes dark, and this terminal with it if it runs there."
        }
    }
}
