//! The guide: one step after the other, each waiting for what the cabinet sees.
//!
//! It keeps nothing of its own that matters: where the drill is can be read off the daemon's view of it, so that `--resume` begins
//! wherever that is. It reaches outside only through [`World`].

use super::network::Network;
use super::summary::{self, Row, Summary};
use crate::cabinet::event::DrillStep;
use crate::cabinet::outcome::{Answer, Denial};
use crate::cabinet::power::state::{DrillEnd, Sight};
use crate::cabinet::power::{DrillView, Method, ModeWord, PowerView};
use crate::cabinet::snapshot::Snapshot;
use crate::cli::live;
use crate::cli::live::words::{Tone, lasting};
use crate::io::control::ClientError;
use std::collections::BTreeMap;

const MINUTE_MS: u64 = 60_000;
/// The daemon waits so long for the plug.
const PLUG_MS: u64 = 15 * MINUTE_MS;
/// A visit is made within this, or the drill goes on without.
const VISIT_MS: u64 = 10 * MINUTE_MS;
/// Somebody presses within this.
const PRESS_MS: u64 = 10 * MINUTE_MS;
/// The machine is back within this, or nobody pressed.
const DARK_MS: u64 = 20 * MINUTE_MS;
/// Somebody at the cabinet is waited for.
const BUSY_MS: u64 = 3 * MINUTE_MS;
/// The plug is put back within this.
const PLUG_BACK_MS: u64 = 60 * MINUTE_MS;
/// A daemon that is started anew is waited for.
const LOST_MS: u64 = 30_000;
/// What the cabinet is to see of a visit.
pub const VISIT: [(Sight, &str); 4] =
    [(Sight::Reader, "reader"), (Sight::Lock, "lock"), (Sight::Door, "door"), (Sight::Sensor, "slot sensor")];

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    pub deep: bool,
    /// The ways of sleeping to prove; none = the config's, and standby.
    pub methods: Option<Vec<Method>>,
    pub measure_ms: u64,
    /// Whether a person is asked before it begins, and before it goes dark.
    pub asks: bool,
    pub network: bool,
    pub resume: bool,
}

/// What came from the terminal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    Nothing,
    Line(String),
    /// Ctrl-C.
    Interrupted,
    /// The system goes down, or the terminal is gone.
    Ended,
}

/// What the guide needs of the world.
pub trait World {
    fn look(&mut self) -> Result<Snapshot, ClientError>;
    fn ask(&mut self, step: DrillStep) -> Result<Answer, ClientError>;
    /// A moment goes by.
    fn wait(&mut self) -> Heard;
    fn has_person(&self) -> bool;
    /// Asks the person, and waits for the answer.
    fn question(&mut self, text: &str) -> Heard;
    fn say(&mut self, tone: Option<Tone>, text: &str);
    /// A row of a table.
    fn row(&mut self, tone: Option<Tone>, head: &str, text: &str);
    /// What is awaited at this moment, and how far it is.
    fn awaits(&mut self, what: &str, progress: &str);
    fn begin_network(&mut self);
    /// What came of it, once.
    fn network(&mut self) -> Option<Network>;
    fn now_ms(&self) -> u64;
}

/// How it ended.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    pub code: u8,
    pub json: serde_json::Value,
}

/// Why it ended before its end.
enum Stop {
    /// The daemon said no.
    Refused(Box<Denial>),
    Problems(Vec<String>),
    NoAnswer(ClientError),
    /// A person ended it.
    Aborted,
    /// The daemon ended it.
    Ended(DrillEnd),
    /// It goes on without this terminal.
    LeftAlone,
    /// Nobody woke it.
    StillDark,
    /// Nothing was begun.
    NotBegun,
}

/// What became of waiting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Waited {
    Came,
    Skipped,
    TooLong,
}

/// The guide.
pub struct Guide<'a> {
    plan: Plan,
    world: &'a mut dyn World,
    /// The drill as last seen, and power around it.
    drill: Option<DrillView>,
    power: Option<PowerView>,
    figures: String,
    network: Option<Network>,
    /// Why a way of sleeping was not proved.
    unproved: BTreeMap<Method, String>,
}

impl std::fmt::Debug for Guide<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guide").field("plan", &self.plan).field("drill", &self.drill).finish_non_exhaustive()
    }
}

impl<'a> Guide<'a> {
    /// For this plan, in this world.
    pub fn new(plan: Plan, world: &'a mut dyn World) -> Self {
        Self { plan, world, drill: None, power: None, figures: String::new(), network: None, unproved: BTreeMap::new() }
    }

    /// Ends the drill that is under way.
    pub fn abort(&mut self) -> Outcome {
        let ended = self.adopt().and_then(|()| self.ask(DrillStep::Abort));
        match ended {
            Ok(text) => {
                self.world.say(None, &sentence(&text));
                let _ = self.look_once();
                self.sum_up(Some(DrillEnd::Aborted), live::DONE)
            }
            Err(stop) => self.stopped(stop),
        }
    }

    /// Begins, or goes on, to the end.
    pub fn run(&mut self) -> Outcome {
        match self.steps() {
            Ok(()) => self.sum_up(Some(DrillEnd::Finished), live::DONE),
            Err(stop) => self.stopped(stop),
        }
    }

    fn steps(&mut self) -> Result<(), Stop> {
        if self.plan.resume {
            self.adopt()?;
            self.world.say(None, "The drill goes on.");
        } else {
            self.begin()?;
        }
        self.pull_plug()?;
        self.visit()?;
        self.measure()?;
        for method in self.methods() {
            self.prove(method)?;
        }
        self.put_plug_back()
    }

    // ------------------------------------------------------------ looking and asking

    /// The daemon's view as of now. A drill that it ended meanwhile is over here, too.
    fn look(&mut self) -> Result<(), Stop> {
        let began_ms = self.world.now_ms();
        loop {
            match self.look_once() {
                Ok(()) => break,
                // It may be starting anew.
                Err(_) if self.world.now_ms().saturating_sub(began_ms) < LOST_MS => {
                    self.world.awaits("the daemon does not answer", "");
                    self.heed()?;
                }
                Err(error) => return Err(Stop::NoAnswer(error)),
            }
        }
        let Some(id) = self.drill.as_ref().map(|drill| drill.id) else { return Ok(()) };
        let power = self.power.as_ref();
        if power.and_then(|power| power.drill.as_ref()).is_some_and(|drill| drill.id == id) {
            return Ok(());
        }
        let how = power.and_then(|power| power.last_drill.as_ref()).filter(|last| last.drill.id == id);
        Err(Stop::Ended(how.map_or(DrillEnd::Interrupted, |last| last.how)))
    }

    fn look_once(&mut self) -> Result<(), ClientError> {
        let seen = self.world.look()?;
        self.figures = figures(&seen);
        if let Some(power) = &seen.power {
            let mine = |drill: &&DrillView| self.drill.as_ref().is_some_and(|known| known.id == drill.id);
            let open = power.drill.as_ref().filter(mine);
            let over = power.last_drill.as_ref().map(|last| &last.drill).filter(mine);
            if let Some(drill) = open.or(over).cloned() {
                self.drill = Some(drill);
            }
        }
        self.power = seen.power;
        Ok(())
    }

    /// The drill that is under way becomes this guide's.
    fn adopt(&mut self) -> Result<(), Stop> {
        self.look_once().map_err(Stop::NoAnswer)?;
        let power = self.power.as_ref().ok_or_else(|| Stop::Refused(Box::new(Denial::NoUps)))?;
        let drill = power.drill.clone().ok_or_else(|| Stop::Refused(Box::new(Denial::NoDrill)))?;
        self.plan.deep |= drill.deep;
        self.drill = Some(drill);
        Ok(())
    }

    fn ask(&mut self, step: DrillStep) -> Result<String, Stop> {
        match self.world.ask(step).map_err(Stop::NoAnswer)? {
            Answer::Done { text, .. } => Ok(text),
            Answer::Refused(denial) => Err(Stop::Refused(Box::new(denial))),
            Answer::Problems(problems) => Err(Stop::Problems(problems)),
            Answer::Difference { .. } => Ok(String::new()),
        }
    }

    fn saw(&self, what: Sight) -> bool {
        self.drill.as_ref().is_some_and(|drill| drill.saw(what).is_some())
    }

    fn mode(&self) -> ModeWord {
        self.power.as_ref().map_or(ModeWord::Line, |power| power.mode)
    }

    /// How long the mains has been out in it.
    fn out_ms(&self) -> u64 {
        let outage = self.power.as_ref().and_then(|power| power.outage.as_ref());
        outage.map_or(0, |outage| outage.elapsed.least_ms)
    }

    /// A moment goes by; Ctrl-C ends the drill.
    fn heed(&mut self) -> Result<Option<String>, Stop> {
        self.tell_network()?;
        match self.world.wait() {
            Heard::Nothing => Ok(None),
            Heard::Line(line) => Ok(Some(line)),
            Heard::Interrupted | Heard::Ended => Err(self.give_up()),
        }
    }

    fn give_up(&mut self) -> Stop {
        match self.ask(DrillStep::Abort) {
            // Whether or not it was under way: it is not any more.
            Ok(_) | Err(Stop::Refused(_) | Stop::Problems(_)) => Stop::Aborted,
            Err(stop) => stop,
        }
    }

    /// Waits for something. Enter goes on without it, where a person may decide that.
    fn until(
        &mut self,
        what: &str,
        most_ms: u64,
        may_skip: bool,
        progress: impl Fn(&Self, u64) -> String,
        is_there: impl Fn(&Self) -> bool,
    ) -> Result<Waited, Stop> {
        let began_ms = self.world.now_ms();
        loop {
            self.look()?;
            if is_there(self) {
                return Ok(Waited::Came);
            }
            let waited_ms = self.world.now_ms().saturating_sub(began_ms);
            if waited_ms >= most_ms {
                return Ok(Waited::TooLong);
            }
            let progress = progress(self, most_ms - waited_ms);
            self.world.awaits(what, &progress);
            if self.heed()?.is_some() && may_skip {
                return Ok(Waited::Skipped);
            }
        }
    }

    /// Whether a person agrees; yes, where nobody is to be asked. `None`: what was typed is neither yes nor no.
    fn agrees(&mut self, question: &str) -> Result<bool, Stop> {
        if !(self.plan.asks && self.world.has_person()) {
            return Ok(true);
        }
        match self.world.question(question) {
            Heard::Nothing => Ok(true),
            Heard::Line(line) => Ok(matches!(line.trim().to_lowercase().as_str(), "" | "y" | "yes")),
            Heard::Interrupted | Heard::Ended => {
                Err(if self.drill.is_some() { self.give_up() } else { Stop::NotBegun })
            }
        }
    }

    // ------------------------------------------------------------ the steps

    fn begin(&mut self) -> Result<(), Stop> {
        self.look_once().map_err(Stop::NoAnswer)?;
        if self.power.is_none() {
            return Err(Stop::Refused(Box::new(Denial::NoUps)));
        }
        for (number, line) in self.introduction().iter().enumerate() {
            self.world.say((number == 0).then_some(Tone::Strong), line);
        }
        if !self.agrees("Begin? [Y/n]")? {
            return Err(Stop::NotBegun);
        }
        self.ask(DrillStep::Start { deep: self.plan.deep })?;
        self.adopt()
    }

    fn introduction(&self) -> Vec<String> {
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
            step(format!("The load is measured, for {minutes} minutes in all."));
        }
        if !methods.is_empty() {
            step(format!("It sleeps, and you wake it: by {}.", methods.join(", then by ")));
        }
        step("You put the plug back.".to_owned());
        lines.push("It is recorded as a drill, apart from real outages. Ctrl-C ends it at any moment.".to_owned());
        lines
    }

    /// The ways of sleeping that are to be proved, from light to deep.
    fn methods(&self) -> Vec<Method> {
        if let Some(methods) = &self.plan.methods {
            return methods.clone();
        }
        if self.plan.deep {
            return Vec::new();
        }
        let configured = self.power.as_ref().map_or(Method::Standby, |power| power.configured);
        if configured == Method::Standby { vec![Method::Standby] } else { vec![Method::Standby, configured] }
    }

    fn pull_plug(&mut self) -> Result<(), Stop> {
        self.look()?;
        if !self.saw(Sight::OnBattery) {
            let what = "pull the UPS's plug out of the wall; waiting for the UPS to say that it is on battery";
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

    fn tell_network(&mut self) -> Result<(), Stop> {
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

    fn is_visited(&self) -> bool {
        VISIT.iter().all(|(sight, _)| self.saw(*sight))
    }

    fn visit(&mut self) -> Result<(), Stop> {
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

    fn has_slept(&self) -> bool {
        self.drill
            .as_ref()
            .is_some_and(|drill| drill.proving.is_some() || !drill.proved.is_empty() || !drill.failed.is_empty())
    }

    fn measure(&mut self) -> Result<(), Stop> {
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

    fn is_on_mains(&self) -> bool {
        matches!(self.mode(), ModeWord::Line | ModeWord::Restoring)
    }

    fn measure_battery(&mut self) -> Result<(), Stop> {
        const DAY_MS: u64 = 24 * 60 * MINUTE_MS;
        let measured = |guide: &Self| guide.drill.as_ref().is_some_and(|drill| drill.measured_mwh.is_some());
        if measured(self) || self.is_on_mains() {
            return Ok(());
        }
        let may_leave = self.world.has_person();
        let leave = if may_leave { " Enter leaves it alone; `cabinetd drill --resume` comes back to it." } else { "" };
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

    // ------------------------------------------------------------ sleeping

    fn is_proved(&self, method: Method) -> bool {
        self.drill.as_ref().is_some_and(|drill| drill.proved.iter().any(|proof| proof.method == method))
    }

    fn has_failed(&self, method: Method) -> bool {
        self.drill.as_ref().is_some_and(|drill| drill.failed.contains(&method))
    }

    fn is_proving(&self, method: Method) -> bool {
        self.drill.as_ref().is_some_and(|drill| drill.proving == Some(method))
    }

    fn prove(&mut self, method: Method) -> Result<(), Stop> {
        const TRIES: u32 = 3;
        self.look()?;
        if self.is_proved(method) {
            return self.time(method);
        }
        if self.has_failed(method) {
            return Ok(self.note_failed(method));
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
            if self.is_proved(method) {
                self.world.say(Some(Tone::Good), &format!("Sleep by {} is proved.", method.word()));
                return self.time(method);
            }
            if self.has_failed(method) {
                return Ok(self.note_failed(method));
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

    fn note_failed(&mut self, method: Method) {
        let why = "it was ordered and did not come; the alarm and `cabinetd check` say more".to_owned();
        self.world.say(Some(Tone::Bad), &format!("Sleep by {} is not proved: {why}.", method.word()));
        self.unproved.insert(method, why);
    }

    /// Orders the sleep, once nobody is at the cabinet; false if it is not to be.
    fn order(&mut self, method: Method) -> Result<bool, Stop> {
        if method.is_deep() {
            for line in before_the_dark(method) {
                self.world.say(None, line);
            }
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
            "It is in standby. Press its button, or hold a badge to the reader (no PIN is needed).",
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
        if !(self.plan.asks && self.world.has_person()) {
            return Ok(());
        }
        let own = proof.ready_ms.div_ceil(1_000);
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

    fn put_plug_back(&mut self) -> Result<(), Stop> {
        let is_back = |guide: &Self| guide.saw(Sight::MainsBack) && guide.is_on_mains();
        // Mains for good ends it in the daemon, too: that is no surprise.
        let over = |ended: Result<Waited, Stop>| match ended {
            Err(Stop::Ended(DrillEnd::Finished)) => Ok(Waited::Came),
            other => other,
        };
        self.world.say(Some(Tone::Strong), "Put the UPS's plug back into the wall.");
        let may_skip = self.world.has_person();
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

    // ------------------------------------------------------------ the end

    fn stopped(&mut self, stop: Stop) -> Outcome {
        let error = |text: &str, code: u8| Outcome { code, json: serde_json::json!({ "error": { "text": text } }) };
        let on_battery = !self.is_on_mains();
        let plug = if on_battery { " Put the UPS's plug back into the wall." } else { "" };
        match stop {
            Stop::Refused(denial) => {
                self.world.say(Some(Tone::Bad), &format!("Refused: {denial}."));
                Outcome { code: live::REFUSED, json: serde_json::json!({ "refused": *denial }) }
            }
            Stop::Problems(problems) => {
                let text = problems.join("; ");
                self.world.say(Some(Tone::Bad), &text);
                error(&text, live::REFUSED)
            }
            Stop::NoAnswer(why) => {
                let text = why.to_string();
                self.world.say(Some(Tone::Bad), &text);
                if self.drill.is_some() {
                    self.world.say(
                        None,
                        "The drill goes on in the daemon: `cabinetd drill --resume`, or `--abort` and the plug back.",
                    );
                }
                error(&text, live::NO_ANSWER)
            }
            Stop::NotBegun => {
                self.world.say(None, "Nothing was begun.");
                error("nothing was begun", live::REFUSED)
            }
            Stop::LeftAlone => {
                self.world
                    .say(None, "The drill goes on without this terminal: `cabinetd drill --resume` comes back to it.");
                Outcome { code: live::DONE, json: serde_json::json!({ "goes_on": true }) }
            }
            Stop::StillDark => {
                let text = "Nobody woke it so far. Wake it, then `cabinetd drill --resume`.";
                self.world.say(Some(Tone::Doubt), text);
                Outcome { code: live::REFUSED, json: serde_json::json!({ "goes_on": true }) }
            }
            Stop::Aborted => {
                let _ = self.look_once();
                self.world.say(Some(Tone::Doubt), &format!("The drill is aborted.{plug}"));
                self.sum_up(Some(DrillEnd::Aborted), live::REFUSED)
            }
            Stop::Ended(how) => {
                let why = match how {
                    DrillEnd::Finished => "it was finished",
                    DrillEnd::Aborted => "somebody aborted it",
                    DrillEnd::NeededElsewhere => "somebody needs the cabinet",
                    DrillEnd::BatteryLow => "the battery got low",
                    DrillEnd::Interrupted => "nobody went on with it in time",
                };
                self.world.say(Some(Tone::Bad), &format!("The drill has ended: {why}.{plug}"));
                self.sum_up(Some(how), live::REFUSED)
            }
        }
    }

    fn sum_up(&mut self, end: Option<DrillEnd>, code: u8) -> Outcome {
        let Some(drill) = self.drill.clone() else {
            return Outcome { code, json: serde_json::json!({}) };
        };
        let summary = Summary {
            methods: self.methods(),
            network: self.network.clone(),
            network_wanted: self.plan.network,
            unproved: self.unproved.clone(),
            deepest: self.power.as_ref().map(|power| power.deepest),
            configured: self.power.as_ref().map(|power| power.configured),
            end,
            drill,
        };
        self.world.say(None, "");
        self.world.say(Some(Tone::Strong), &summary.title());
        for Row { tone, head, text } in summary.rows() {
            self.world.row(tone, head, &text);
        }
        if let Some(text) = summary.from_now_on() {
            self.world.say(None, &text);
        }
        let code = if code == live::DONE && end == Some(DrillEnd::Finished) && !summary.is_all_well() {
            live::REFUSED
        } else {
            code
        };
        Outcome { code, json: summary.json() }
    }
}

const fn before_the_dark(method: Method) -> [&'static str; 2] {
    match method {
        Method::UpsOff => [
            "Next: the machine shuts down and the UPS cuts its output. All goes dark, this terminal too if it hangs on the UPS.",
            "Wait until all is dark, then press the UPS's button, and start a watch as you press. When the cabinet is ready again: \
             `cabinetd drill --resume`.",
        ],
        Method::Halt | Method::Standby => [
            "Next: the machine powers off. It goes dark, and this terminal with it if it runs there.",
            "Wait until it is dark, then press its button, and start a watch as you press. When the cabinet is ready again: \
             `cabinetd drill --resume`.",
        ],
    }
}

/// What the UPS says at this moment: load and charge.
fn figures(seen: &Snapshot) -> String {
    let Some(supply) = &seen.supply else { return String::new() };
    let known = &supply.figures;
    let watts = known.real_power_mw.map(|mw| format!("load {}.{} W", mw / 1_000, mw % 1_000 / 100));
    let load = watts.or_else(|| known.load_pct.map(|pct| format!("load {pct} %")));
    let charge = known.charge_pct.map(|pct| format!("charge {pct} %"));
    [load, charge].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn sentence(text: &str) -> String {
    let mut sentence = text.to_owned();
    if let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    sentence + "."
}
