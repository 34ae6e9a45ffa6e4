//! Drills as `cabinetd drill` guides through them, rehearsed: the real guide and the real core; the person, the plug and the clock are
//! played. Whoever drills does what the guide says, when it says so.

#[path = "support/laws.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod laws;
#[path = "support/sample.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod sample;
#[path = "support/story.rs"]
#[allow(dead_code, unused_imports, reason = "shared with other tests")]
mod story;
#[path = "support/words.rs"]
mod words;

use cabinetd::cabinet::event::{Ask, DrillStep, StoreState};
use cabinetd::cabinet::fact::Fact;
use cabinetd::cabinet::outcome::Answer;
use cabinetd::cabinet::power::state::DrillEnd;
use cabinetd::cabinet::power::{Method, PowerSettings};
use cabinetd::cabinet::snapshot::Snapshot;
use cabinetd::cabinet::types::{ClockQuality, Role};
use cabinetd::cli::drill::guide::{Guide, Heard, Outcome, Plan, World};
use cabinetd::cli::drill::network::Network;
use cabinetd::cli::live::Tone;
use cabinetd::io::control::ClientError;
use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use story::Story;

/// When the guide has said this, somebody does that, once.
type Cue = (&'static str, Box<dyn FnMut(&mut Rehearsal)>);

struct Rehearsal {
    story: Story,
    /// In this order.
    cues: VecDeque<Cue>,
    /// What was said before this was answered by a cue already.
    heeded: usize,
    /// Everything on the terminal, the newest last.
    said: Vec<String>,
    /// What is heard next.
    heard: VecDeque<Heard>,
    /// What a person at the keyboard answers; none = nobody is there.
    person: Option<VecDeque<Heard>>,
    network: Option<Network>,
    looks_at_network: bool,
    is_dark: bool,
    waited_s: u64,
    /// A moment, in seconds.
    moment_s: u64,
}

impl Rehearsal {
    fn of(change: impl FnOnce(&mut PowerSettings)) -> Self {
        let mut story = Story::on_a_ups(change);
        story.ups_mut().real_power_mw = Some(12_000);
        Self {
            story,
            cues: VecDeque::new(),
            heeded: 0,
            said: Vec::new(),
            heard: VecDeque::new(),
            person: None,
            network: Some(Network::Answered { address: Ipv4Addr::new(10, 0, 0, 1), after_ms: 2 }),
            looks_at_network: false,
            is_dark: false,
            waited_s: 0,
            moment_s: 5,
        }
    }

    fn when(mut self, said: &'static str, act: impl FnMut(&mut Self) + 'static) -> Self {
        self.cues.push_back((said, Box::new(act)));
        self
    }

    /// Pulls the plug and makes the visit, as told.
    fn visits(self) -> Self {
        self.when("Pull the UPS's plug", |here| here.story.mains_fails())
            .when("Now one visit", |here| here.story.pulls("ana", 4))
    }

    fn puts_the_plug_back(self) -> Self {
        self.when("waiting for the UPS to say that mains is back", |here| here.story.mains_returns())
    }

    /// Somebody at the keyboard is asked; where nobody is, nothing is.
    fn plays(&mut self, plan: Plan) -> Outcome {
        Guide::new(Plan { asks: self.person.is_some(), ..plan }, self).run()
    }

    #[track_caller]
    fn expect_said(&self, text: &str) {
        assert!(self.said.iter().any(|said| said.contains(text)), "\"{text}\" was not said: {:#?}", self.said);
    }

    #[track_caller]
    fn expect_never_said(&self, text: &str) {
        assert!(!self.said.iter().any(|said| said.contains(text)), "\"{text}\" was said: {:#?}", self.said);
    }

    fn ended(&self) -> Option<DrillEnd> {
        self.story.records().iter().rev().find_map(|record| match record.fact {
            Fact::DrillEnded { how, .. } => Some(how),
            _ => None,
        })
    }
}

fn ordinary(methods: &[Method]) -> Plan {
    Plan {
        deep: false,
        methods: Some(methods.to_vec()),
        measure_ms: 4 * 60_000,
        asks: true,
        network: true,
        resume: false,
    }
}

/// A UPS that may be switched off.
fn switchable(power: &mut PowerSettings) {
    (power.sleep, power.may_order) = (Method::UpsOff, true);
}

impl World for Rehearsal {
    fn look(&mut self) -> Result<Snapshot, ClientError> {
        if self.is_dark {
            return Err(ClientError::NoDaemon(PathBuf::from("control.sock")));
        }
        Ok(Snapshot::taken(&self.story.cabinet, self.story.now()))
    }

    fn ask(&mut self, step: DrillStep) -> Result<Answer, ClientError> {
        if self.is_dark {
            return Err(ClientError::NoDaemon(PathBuf::from("control.sock")));
        }
        let request = format!("guide-{}", self.story.records().len());
        let answer = self.story.ask_as("office", Some(Role::Manager), &request, Ask::Drill(step));
        // The machine obeys a deep sleep.
        if let (DrillStep::Prove { method }, Answer::Done { .. }) = (step, &answer) {
            self.is_dark = method.is_deep();
        }
        Ok(answer)
    }

    fn wait(&mut self) -> Heard {
        self.waited_s += self.moment_s;
        assert!(self.waited_s < 30 * 3_600, "it never ends: {:#?}", self.said);
        if !self.is_dark {
            self.story.wait_s(self.moment_s);
        }
        let since = &self.said[self.heeded..];
        if self.cues.front().is_some_and(|(cue, _)| since.iter().any(|said| said.contains(cue))) {
            let (_, mut act) = self.cues.pop_front().expect("seen");
            // The line that is being overwritten may be a cue again.
            self.heeded = self.said.len() - 1;
            act(self);
        }
        self.heard.pop_front().unwrap_or(Heard::Nothing)
    }

    fn has_person(&self) -> bool {
        self.person.is_some()
    }

    fn question(&mut self, text: &str) -> Heard {
        self.said.push(text.to_owned());
        let person = self.person.as_mut().expect("somebody is there");
        person.pop_front().unwrap_or_else(|| Heard::Line(String::new()))
    }

    fn say(&mut self, _: Option<Tone>, text: &str) {
        self.said.push(text.to_owned());
    }

    fn row(&mut self, _: Option<Tone>, head: &str, text: &str) {
        self.said.push(format!("{head}: {text}"));
    }

    fn awaits(&mut self, what: &str, progress: &str) {
        let text = format!("… {what}: {progress}");
        // A line that is overwritten.
        match self.said.last_mut().filter(|last| last.starts_with(&format!("… {what}"))) {
            Some(last) => *last = text,
            None => self.said.push(text),
        }
    }

    fn begin_network(&mut self) {
        self.looks_at_network = true;
    }

    fn network(&mut self) -> Option<Network> {
        if self.looks_at_network && !self.is_dark { self.network.take() } else { None }
    }

    fn now_ms(&self) -> u64 {
        self.waited_s * 1_000
    }
}

// ---------------------------------------------------------------- by the book

#[test]
fn from_the_plug_to_the_summary() {
    let mut drill = Rehearsal::of(switchable)
        .visits()
        .when("It is in standby", |here| here.story.presses_the_button())
        .when("it is dark", |here| {
            here.story.sleeps(60, ClockQuality::Synced);
            here.is_dark = false;
        })
        .puts_the_plug_back();
    let outcome = drill.plays(Plan { methods: None, ..ordinary(&[]) });
    assert_eq!(outcome.code, 0, "{:#?}", drill.said);
    for said in [
        "A drill: some 14 minutes.",
        "It sleeps, and you wake it: by standby, then by ups-off.",
        "The UPS says that it is on battery.",
        "Reader, lock, door and a slot's sensor live on battery.",
        "Network: the gateway 10.0.0.1 answered after 2 ms.",
        "Sleep by standby is proved.",
        "Sleep by ups-off is proved.",
        "Mains is back, and the UPS says so.",
        "load: 12.0 W on average",
        "standby: proved: its hardware answered",
        "ups-off: proved: ready 20 s after the machine's start",
        "In an outage the cabinet sleeps by ups-off, as the config has it.",
    ] {
        drill.expect_said(said);
    }
    let json = &outcome.json;
    assert_eq!(
        (&json["all_well"], &json["end"], &json["deepest"]),
        (&true.into(), &"finished".into(), &"ups-off".into())
    );
    assert_eq!(json["methods"][1]["ready_ms"], 20_000);
    let docs = include_str!("../docs/json-output.md");
    for field in
        json.as_object().expect("an object").keys().chain(json["methods"][0].as_object().expect("an object").keys())
    {
        assert!(
            docs.contains(&format!("`{field}`")) || docs.contains(&format!("`{field}[]`")),
            "{field} is not in the docs"
        );
    }
    assert_eq!(drill.ended(), Some(DrillEnd::Finished));
    assert!(drill.cues.is_empty(), "everything was asked for");
}

#[test]
fn a_site_that_sleeps_by_standby_proves_just_that() {
    let mut drill =
        Rehearsal::of(|_| {}).visits().when("It is in standby", |here| here.story.badge("ana")).puts_the_plug_back();
    assert_eq!(drill.plays(Plan { methods: None, network: false, ..ordinary(&[]) }).code, 0, "{:#?}", drill.said);
    drill.expect_said("network: not looked at: --no-network");
    drill.expect_never_said("ups-off");
}

#[test]
fn nothing_sleeps_before_it_counts_as_an_outage() {
    let mut drill = Rehearsal::of(|_| {})
        .visits()
        .when("It is in standby", |here| here.story.presses_the_button())
        .puts_the_plug_back();
    let outcome = drill.plays(Plan { measure_ms: 0, ..ordinary(&[Method::Standby]) });
    assert_eq!(outcome.code, 0, "{:#?}", drill.said);
    drill.expect_said("… the load is measured: a moment");
}

// ---------------------------------------------------------------- what is missing is said

#[test]
fn what_was_not_seen_is_in_the_summary_and_in_the_exit_code() {
    let mut drill = Rehearsal::of(|_| {})
        .when("Pull the UPS's plug", |here| here.story.mains_fails())
        // Only a badge.
        .when("Now one visit", |here| here.story.badge("ana"))
        .when("It is in standby", |here| here.story.presses_the_button())
        .puts_the_plug_back();
    drill.network = Some(Network::Silent { address: Ipv4Addr::new(10, 0, 0, 1) });
    let outcome = drill.plays(ordinary(&[Method::Standby]));
    assert_eq!((outcome.code, &outcome.json["all_well"]), (1, &false.into()));
    drill.expect_said("Not seen on battery: lock, door, slot sensor.");
    drill.expect_said("lock: NOT SEEN");
    drill.expect_said("the gateway 10.0.0.1 did not answer; is the modem on the UPS");
    drill.expect_said("standby: proved");
}

#[test]
fn a_refusal_comes_with_its_remedy_and_begins_nothing() {
    let mut drill = Rehearsal::of(|_| {});
    drill.story.battery_has_pct(70);
    drill.story.polls();
    let outcome = drill.plays(ordinary(&[Method::Standby]));
    assert_eq!(outcome.code, 1);
    drill.expect_said("Refused: the battery is at 70 %: wait until it has 90 %");
    assert_eq!(outcome.json["refused"]["why"], "battery-not-full");
    assert_eq!(drill.ended(), None);
    let mut busy = Rehearsal::of(|_| {});
    busy.story.comes("ana");
    assert_eq!(busy.plays(ordinary(&[Method::Standby])).code, 1);
    busy.expect_said("Refused: the cabinet is in use");
}

#[test]
fn a_way_of_sleeping_that_is_not_prepared_is_left_out_with_the_reason() {
    let mut drill = Rehearsal::of(|power| power.sleep = Method::UpsOff)
        .visits()
        .when("It is in standby", |here| here.story.presses_the_button())
        .puts_the_plug_back();
    let outcome = drill.plays(ordinary(&[Method::Standby, Method::Halt, Method::UpsOff]));
    assert_eq!(outcome.code, 1);
    drill.expect_said("standby: proved");
    drill.expect_said("halt: NOT PROVED in this drill: this needs a clock that wakes the machine");
    drill.expect_said("ups-off: NOT PROVED in this drill: this needs a user that may order upsd to shut down");
    drill.expect_said("In an outage the cabinet sleeps by standby: ups-off, which the config asks for, is not proved.");
}

#[test]
fn a_sleep_that_does_not_come_is_not_proved() {
    let mut drill = Rehearsal::of(switchable).visits().puts_the_plug_back();
    // upsd refuses; the machine stays up.
    drill.cues.insert(
        2,
        (
            "it is dark",
            Box::new(|here: &mut Rehearsal| {
                here.is_dark = false;
                here.story.sleep_fails();
            }),
        ),
    );
    assert_eq!(drill.plays(ordinary(&[Method::UpsOff])).code, 1);
    drill.expect_said("Sleep by ups-off is not proved: it was ordered and did not come");
    drill.expect_said("ups-off: NOT PROVED in this drill: it was ordered and did not come");
}

#[test]
fn a_machine_that_mains_woke_is_not_proved() {
    let mut drill = Rehearsal::of(switchable).visits().when("it is dark", |here| {
        // The plug was put back before the button was pressed.
        here.story.ups_mut().on_mains = true;
        here.story.sleeps(60, ClockQuality::Synced);
        here.is_dark = false;
    });
    assert_eq!(drill.plays(ordinary(&[Method::UpsOff])).code, 1);
    drill.expect_said(
        "ups-off: NOT PROVED in this drill: it came up when mains came back, not when a button was pressed",
    );
    drill.expect_said("restart on mains: came up by itself");
}

#[test]
fn nobody_wakes_the_machine() {
    let mut drill = Rehearsal::of(switchable).visits();
    let outcome = drill.plays(ordinary(&[Method::UpsOff]));
    assert_eq!((outcome.code, &outcome.json["goes_on"]), (3, &true.into()));
    drill.expect_said("Nobody woke it so far. Wake it, then `cabinetd drill --resume --method ups-off`.");
}

#[test]
fn nobody_presses() {
    let mut drill = Rehearsal::of(|_| {}).visits().puts_the_plug_back();
    assert_eq!(drill.plays(ordinary(&[Method::Standby])).code, 1);
    drill.expect_said("standby: NOT PROVED in this drill: nobody woke it in time");
    assert_eq!(drill.ended(), Some(DrillEnd::Finished));
}

// ---------------------------------------------------------------- it ends early

#[test]
fn a_plug_that_nobody_pulls_is_no_drill() {
    let mut drill = Rehearsal::of(|_| {});
    assert_eq!(drill.plays(ordinary(&[Method::Standby])).code, 1);
    assert!(matches!(drill.ended(), Some(DrillEnd::Aborted | DrillEnd::Interrupted)), "{:?}", drill.ended());
    drill.expect_never_said("Put the UPS's plug back into the wall.");
}

#[test]
fn ctrl_c_ends_it_wherever_it_is() {
    for (at, is_out) in [("Pull the UPS's plug", false), ("the load is measured", true), ("the press", true)] {
        let mut drill = Rehearsal::of(|_| {});
        if is_out {
            drill = drill.visits();
        }
        let mut drill = drill.when(at, |here| here.heard.push_back(Heard::Interrupted));
        let outcome = drill.plays(ordinary(&[Method::Standby]));
        assert_eq!((outcome.code, drill.ended()), (1, Some(DrillEnd::Aborted)), "at \"{at}\"");
        let plug = if is_out { "The drill is aborted. Put the UPS's plug back" } else { "The drill is aborted." };
        drill.expect_said(plug);
        assert_eq!(outcome.json["end"], "aborted");
        assert_eq!(outcome.json["methods"][0]["why_not"], "the drill ended before that");
        if !is_out {
            drill.expect_said("load: not measured: the drill ended before that");
        }
        // The cabinet is as it ever is: somebody who comes is served.
        drill.story.mains_returns();
        drill.story.pulls("bob", 5);
        drill.story.expect_custody("205", "out with bob for work-order");
    }
}

#[test]
fn what_was_proved_before_holds_and_that_is_said() {
    let mut drill = Rehearsal::of(|_| {});
    drill.story.proves_standby();
    let mut drill = drill.visits().when("the press", |here| here.heard.push_back(Heard::Interrupted));
    drill.plays(ordinary(&[Method::Standby]));
    drill.expect_said("standby: NOT PROVED in this drill: the drill ended before that; the proof of ");
    drill.expect_said(" ago still holds");
}

/// The end of a drill is a record, too: without room for it the drill goes on.
#[test]
fn an_end_that_is_refused_is_no_end() {
    let mut drill = Rehearsal::of(|_| {}).visits().when("the load is measured", |here| {
        here.story.store(StoreState::Reserve);
        here.heard.push_back(Heard::Interrupted);
    });
    let outcome = drill.plays(ordinary(&[Method::Standby]));
    assert_eq!((outcome.code, &outcome.json["refused"]["why"]), (1, &"no-room".into()), "{:#?}", drill.said);
    drill.expect_said("The drill goes on in the daemon: `cabinetd drill --resume --method standby`, or `--abort`");
    drill.expect_never_said("The drill is aborted");
    assert_eq!(drill.ended(), None);
}

#[test]
fn without_somebody_to_ask_nothing_begins_and_nothing_goes_on() {
    for resume in [false, true] {
        let mut drill = Rehearsal::of(switchable);
        let outcome = Guide::new(Plan { resume, asks: true, ..ordinary(&[Method::UpsOff]) }, &mut drill).run();
        assert_eq!(outcome.code, 1);
        drill.expect_said("--yes says that");
        assert!(!drill.story.records().iter().any(|record| matches!(record.fact, Fact::DrillStarted { .. })));
    }
}

#[test]
fn somebody_who_needs_the_cabinet_has_it() {
    let mut drill = Rehearsal::of(|_| {}).visits().when("It is in standby", |here| here.story.comes("bob"));
    let outcome = drill.plays(ordinary(&[Method::Standby, Method::UpsOff]));
    assert_eq!((outcome.code, drill.ended()), (1, Some(DrillEnd::NeededElsewhere)));
    drill.expect_said("The drill has ended: somebody needs the cabinet. Put the UPS's plug back");
    assert_eq!(outcome.json["end"], "needed-elsewhere");
}

#[test]
fn before_it_begins_one_may_say_no() {
    for no in [Heard::Line("n".into()), Heard::Interrupted] {
        let mut drill = Rehearsal::of(|_| {});
        drill.person = Some(VecDeque::from([no]));
        assert_eq!(drill.plays(ordinary(&[Method::Standby])).code, 1);
        drill.expect_said("Nothing was begun.");
        assert!(!drill.story.records().iter().any(|record| matches!(record.fact, Fact::DrillStarted { .. })));
    }
}

// ---------------------------------------------------------------- it goes on

#[test]
fn a_terminal_that_goes_dark_comes_back_to_it_and_the_watch_is_asked_for() {
    let mut drill = Rehearsal::of(switchable).visits().when("it is dark", |here| here.heard.push_back(Heard::Ended));
    drill.person = Some(VecDeque::new());
    let outcome = drill.plays(ordinary(&[Method::UpsOff]));
    assert_eq!((outcome.code, &outcome.json["goes_on"]), (3, &true.into()), "{:#?}", drill.said);
    drill.expect_said(
        "start a watch as you press. When the cabinet is ready again: `cabinetd drill --resume --method ups-off`.",
    );
    assert_eq!(drill.ended(), None);

    drill.story.sleeps(300, ClockQuality::Restored);
    drill.is_dark = false;
    (drill.said, drill.heeded) = (Vec::new(), 0);
    let answers = ["er", "y", "soon", "7", "58"];
    drill.person = Some(answers.into_iter().map(|text| Heard::Line(text.into())).collect());
    let mut drill = drill.puts_the_plug_back();
    let outcome = drill.plays(Plan { resume: true, ..ordinary(&[Method::UpsOff]) });
    assert_eq!(outcome.code, 0, "{:#?}", drill.said);
    drill.expect_said("The drill goes on.");
    drill.expect_said("Type y or n.");
    drill.expect_said("Type whole seconds");
    drill.expect_said("It must be at least 20");
    drill.expect_said("ups-off: proved: ready 58 s after the press, by the watch");
    drill.expect_never_said("Now one visit");
}

#[test]
fn a_ups_that_was_not_off_proves_nothing() {
    let mut drill = Rehearsal::of(switchable).visits().when("it is dark", |here| here.heard.push_back(Heard::Ended));
    drill.person = Some(VecDeque::new());
    drill.plays(ordinary(&[Method::UpsOff]));
    drill.story.sleeps(200, ClockQuality::Restored);
    drill.is_dark = false;
    (drill.said, drill.heeded) = (Vec::new(), 0);
    drill.person = Some(VecDeque::from([Heard::Line("n".into())]));
    let mut drill = drill.puts_the_plug_back();
    let outcome = drill.plays(Plan { resume: true, ..ordinary(&[Method::UpsOff]) });
    assert_eq!(outcome.code, 1, "{:#?}", drill.said);
    drill.expect_said("Sleep by ups-off is not proved: the UPS was not off, or nobody pressed its button");
}

#[test]
fn there_must_be_something_to_go_on_with() {
    let mut drill = Rehearsal::of(|_| {});
    assert_eq!(drill.plays(Plan { resume: true, ..ordinary(&[]) }).code, 1);
    drill.expect_said("Refused: no drill is under way; `cabinetd drill` begins one.");
    let mut drill = Rehearsal::of(|_| {});
    assert_eq!(Guide::new(ordinary(&[]), &mut drill).abort().code, 1);
}

#[test]
fn another_terminal_ends_it() {
    let mut drill = Rehearsal::of(|_| {}).visits().when("the load is measured", |here| {
        let outcome = Guide::new(ordinary(&[]), here).abort();
        assert_eq!(outcome.code, 0);
    });
    assert_eq!(drill.plays(ordinary(&[Method::Standby])).code, 1);
    drill.expect_said("The drill is over; put the plug back.");
    drill.expect_said("The drill has ended: somebody aborted it.");
}

#[test]
fn a_deep_drill_may_be_left_alone_and_measures_the_battery() {
    let deep = Plan { deep: true, methods: None, ..ordinary(&[]) };
    let mut drill = Rehearsal::of(|_| {})
        .visits()
        .when("the battery is measured", |here| here.heard.push_back(Heard::Line(String::new())));
    drill.person = Some(VecDeque::new());
    let outcome = drill.plays(deep.clone());
    assert_eq!((outcome.code, &outcome.json["goes_on"]), (3, &true.into()), "{:#?}", drill.said);
    let mut drill = drill.puts_the_plug_back();
    drill.moment_s = 60;
    let outcome = drill.plays(Plan { resume: true, ..deep });
    assert_eq!(outcome.code, 0, "{:#?}", drill.said);
    let measured = outcome.json["measured_mwh"].as_u64().expect("it is measured");
    assert!((75_000..87_000).contains(&measured), "81 Wh are in it: {measured}");
    drill.expect_said("when full, measured");
}

/// Mains failed by itself meanwhile: to the cabinet that is the pulled plug. Whoever stands there says so, or the guide waits no longer.
#[test]
fn a_plug_that_is_in_while_mains_stays_out_ends_the_drill_and_people_are_told() {
    for is_there in [true, false] {
        let mut drill = Rehearsal::of(|_| {}).visits().when("It is in standby", |here| here.story.badge("ana"));
        if is_there {
            let enter = |here: &mut Rehearsal| here.heard.push_back(Heard::Line(String::new()));
            drill = drill.when("waiting for the UPS to say that mains is back", enter);
            drill.person = Some(VecDeque::new());
        }
        drill.plays(ordinary(&[Method::Standby]));
        assert_eq!(drill.ended(), Some(DrillEnd::Finished));
        let most_s = if is_there { 10 * 60 } else { 25 * 60 };
        assert!(drill.waited_s < most_s, "{} s: {:#?}", drill.waited_s, drill.said);
        drill.story.wait_s(5 * 60 + 2);
        drill.story.expect_record("the outage outlasted its drill");
    }
}

#[test]
fn without_a_ups_that_is_said_before_anybody_is_asked_for() {
    let mut here = Rehearsal { story: Story::begins(), ..Rehearsal::of(|_| {}) };
    let outcome = Guide::new(Plan { asks: true, ..ordinary(&[]) }, &mut here).run();
    assert_eq!(outcome.code, 1);
    assert!(here.said[0].contains("no UPS is configured"), "{:?}", here.said);
}
