//! The guide: one step after the other, each waiting for what the cabinet sees.
//!
//! It keeps nothing of its own that matters: where the drill is can be read off the daemon's view of it, so that `--resume` begins
//! wherever that is. It reaches outside only through [`World`].

mod sleeps;
mod steps;

use super::network::Network;
use super::summary::{Row, Summary};
use crate::cabinet::event::DrillStep;
use crate::cabinet::outcome::{Answer, Denial};
use crate::cabinet::power::state::{DrillEnd, Sight};
use crate::cabinet::power::{DrillView, Method, ModeWord, PowerView};
use crate::cabinet::snapshot::Snapshot;
use crate::cli::live;
use crate::cli::live::words::Tone;
use crate::io::control::ClientError;
use std::collections::BTreeMap;

const MINUTE_MS: u64 = 60_000;
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
    /// Whether a person is asked before it begins, and before it goes dark; without one nothing begins then.
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
    /// Somebody is to be asked, and nobody is there.
    NobodyToAsk,
}

/// The drill is under way, and this command is not with it any more.
pub const GOES_ON: u8 = 3;

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
        // Before anything is asked: without a UPS there is nothing to drill.
        self.look_once().map_err(Stop::NoAnswer)?;
        if self.power.is_none() {
            return Err(Stop::Refused(Box::new(Denial::NoUps)));
        }
        if self.plan.asks && !self.world.has_person() {
            return Err(Stop::NobodyToAsk);
        }
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
            Ok(_) => Stop::Aborted,
            // It is over already.
            Err(Stop::Refused(denial)) if *denial == Denial::NoDrill => Stop::Aborted,
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

    /// Whether a person agrees; yes, where nobody is to be asked.
    fn agrees(&mut self, question: &str) -> Result<bool, Stop> {
        if !self.plan.asks {
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

    /// The same where a no has consequences: asked until it is one of both.
    fn tells(&mut self, question: &str) -> Result<bool, Stop> {
        if !self.plan.asks {
            self.world.say(None, &format!("{question} Taken as yes, by --yes."));
            return Ok(true);
        }
        loop {
            match self.world.question(question) {
                Heard::Nothing => return Ok(true),
                Heard::Line(line) => match line.trim().to_lowercase().as_str() {
                    "" | "y" | "yes" => return Ok(true),
                    "n" | "no" => return Ok(false),
                    _ => self.world.say(None, "Type y or n."),
                },
                Heard::Interrupted | Heard::Ended => return Err(self.give_up()),
            }
        }
    }

    // ------------------------------------------------------------ the end

    fn stopped(&mut self, stop: Stop) -> Outcome {
        let error = |text: &str, code: u8| Outcome { code, json: serde_json::json!({ "error": { "text": text } }) };
        let on_battery = !self.is_on_mains();
        let plug = if on_battery { " Put the UPS's plug back into the wall." } else { "" };
        match stop {
            Stop::Refused(denial) => {
                self.world.say(Some(Tone::Bad), &format!("Refused: {denial}."));
                self.say_it_goes_on();
                Outcome { code: live::REFUSED, json: serde_json::json!({ "refused": *denial }) }
            }
            Stop::Problems(problems) => {
                let text = problems.join("; ");
                self.world.say(Some(Tone::Bad), &text);
                self.say_it_goes_on();
                error(&text, live::REFUSED)
            }
            Stop::NoAnswer(why) => {
                let text = why.to_string();
                self.world.say(Some(Tone::Bad), &text);
                self.say_it_goes_on();
                error(&text, live::NO_ANSWER)
            }
            Stop::NobodyToAsk => {
                let text = "Nobody is there to be asked: a drill switches the cabinet off until somebody wakes it; --yes says that \
                            somebody is at it.";
                self.world.say(Some(Tone::Bad), text);
                error(text, live::REFUSED)
            }
            Stop::NotBegun => {
                self.world.say(None, "Nothing was begun.");
                error("nothing was begun", live::REFUSED)
            }
            Stop::LeftAlone => {
                let text = format!("The drill goes on without this terminal: `{}` comes back to it.", self.resume());
                self.world.say(None, &text);
                Outcome { code: GOES_ON, json: serde_json::json!({ "goes_on": true }) }
            }
            Stop::StillDark => {
                let text = format!("Nobody woke it so far. Wake it, then `{}`.", self.resume());
                self.world.say(Some(Tone::Doubt), &text);
                Outcome { code: GOES_ON, json: serde_json::json!({ "goes_on": true }) }
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
                    DrillEnd::Interrupted => "mains was back before it was through, or nobody went on with it in time",
                };
                self.world.say(Some(Tone::Bad), &format!("The drill has ended: {why}.{plug}"));
                self.sum_up(Some(how), live::REFUSED)
            }
        }
    }

    /// After a word that did not end it.
    fn say_it_goes_on(&mut self) {
        if self.drill.is_some() {
            let text = format!("The drill goes on in the daemon: `{}`, or `--abort` and the plug back.", self.resume());
            self.world.say(None, &text);
        }
    }

    /// How to come back to it. The daemon does not know which ways of sleeping were wanted.
    fn resume(&self) -> String {
        let methods = self.plan.methods.iter().flatten().map(|method| format!(" --method {}", method.word()));
        format!("cabinetd drill --resume{}", methods.collect::<String>())
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
            earlier: self.power.as_ref().map(|power| power.proofs.clone()).unwrap_or_default(),
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
