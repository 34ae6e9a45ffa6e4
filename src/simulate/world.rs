//! One outage, played through: the battery, the cabinet's states, the people who come.
//!
//! ```text
//!            sleep                    10 s                        somebody presses          45 s
//!   Up ───────────────▶ GoingDown ───────────▶ Asleep ───────────────────────────▶ Booting ──────▶ Up
//!    │                     │ for good             │ (standby: at once, and up again at once)         │
//!    └── battery empty ────┴──────────▶ Dark ◀────┴──────────────────────────────────────────────────┘
//! ```
//!
//! The world knows the truth: the length, what the battery really holds, who comes when. A [`Policy`] is asked at every event and at
//! the times it names, and sees only what a controller of that cabinet would ([`Seen`]).
//!
//! What is served: whoever comes while the cabinet is up is served at once; whoever finds it asleep presses the button and waits
//! until it is up; whoever finds it dark, or whose visit the battery does not outlive, takes the cabinet key. People who come together
//! are served one after the other, which costs energy but does not count as waiting: it is the same under every policy.

use super::policy::{Answer, Body, Policy, Seen, Shown};
use crate::cabinet::power::energy::{Plant, UJ_PER_MWH};
use crate::cabinet::power::policy::Method;

#[cfg(test)]
mod tests;

/// An outage with all that chance decided about it: the same for every policy.
#[derive(Clone, PartialEq, Debug)]
pub struct Case {
    pub length_ms: u64,
    pub start_minute: u16,
    /// When people come, ms since the outage began, rising.
    pub requests_ms: Vec<u64>,
    /// What the battery really holds at the 20-hour rate, mWh.
    pub full_mwh: u64,
    /// Whether somebody raised the storm flag.
    pub storm: bool,
    pub statements: Vec<crate::cabinet::outage::Statement>,
}

/// How a request ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    AtOnce,
    Late {
        wait_ms: u64,
    },
    /// By the cabinet key.
    Lost,
}

/// What came of an outage under a policy.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Played {
    /// One for each request, in their order.
    pub ends: Vec<End>,
    /// When the cabinet served nobody any more; none = it did to the end.
    pub dark_at_ms: Option<u64>,
    pub sleeps: u32,
}

/// A point of the timeline: from here on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Point {
    pub at_ms: u64,
    /// What is left, mWh, in truth.
    pub left_mwh: u64,
    pub body: Body,
    pub shown: Shown,
}

/// Plays an outage under a policy. `trace` gets the timeline.
pub fn play(
    plant: &Plant,
    method: Method,
    case: &Case,
    policy: &mut dyn Policy,
    trace: Option<&mut Vec<Point>>,
) -> Played {
    let felt = Felt::of(plant, method);
    let mut world = World {
        plant,
        method,
        felt,
        case,
        at_ms: 0,
        left_uj: case.full_mwh * UJ_PER_MWH,
        body: Body::Up,
        until_ms: u64::MAX,
        serving_until_ms: 0,
        clock_at_ms: u64::MAX,
        for_good: false,
        woken_by_clock: false,
        someone_at_ms: 0,
        visited: false,
        ask_at_ms: 0,
        waiting: Vec::new(),
        under_way: Vec::new(),
        next_request: 0,
        played: Played { ends: vec![End::Lost; case.requests_ms.len()], dark_at_ms: None, sleeps: 0 },
        trace,
    };
    world.run(policy);
    world.played
}

/// Draws as the battery feels them, mW.
#[derive(Clone, Copy, Debug)]
pub struct Felt {
    pub normal_mw: u64,
    pub asleep_mw: u64,
}

impl Felt {
    #[must_use]
    pub fn of(plant: &Plant, method: Method) -> Self {
        Self { normal_mw: plant.felt_mw(plant.normal_mw), asleep_mw: plant.felt_mw(plant.sleep_mw(method)) }
    }
}

struct World<'a> {
    plant: &'a Plant,
    method: Method,
    felt: Felt,
    case: &'a Case,
    at_ms: u64,
    left_uj: u64,
    body: Body,
    /// When the way down or up is over.
    until_ms: u64,
    /// When the visits under way are over.
    serving_until_ms: u64,
    /// When the halted machine's clock wakes it.
    clock_at_ms: u64,
    /// The way down is for good.
    for_good: bool,
    woken_by_clock: bool,
    someone_at_ms: u64,
    /// Somebody has been served.
    visited: bool,
    ask_at_ms: u64,
    /// Requests that wait for the cabinet to be up.
    waiting: Vec<usize>,
    /// Visits under way, with their ends.
    under_way: Vec<(usize, u64)>,
    next_request: usize,
    played: Played,
    trace: Option<&'a mut Vec<Point>>,
}

impl World<'_> {
    fn run(&mut self, policy: &mut dyn Policy) {
        self.ask(policy, true);
        while self.body != Body::Dark {
            let next = self.next_event();
            if next >= self.case.length_ms {
                self.pass(self.case.length_ms);
                break;
            }
            self.pass(next);
            if self.body == Body::Dark {
                break;
            }
            self.happen(policy);
        }
        if self.body == Body::Dark {
            self.trace(policy.shown());
        } else {
            // Mains is back: whoever waits is served when the cabinet is up, whoever is being served stays so.
            for request in std::mem::take(&mut self.waiting) {
                self.played.ends[request] = self.late(request, self.ready_ms());
            }
            self.trace(policy.shown());
        }
    }

    /// When a cabinet that somebody waits for is up.
    const fn ready_ms(&self) -> u64 {
        match self.body {
            Body::Booting => self.until_ms,
            Body::GoingDown => self.until_ms + self.plant.boot_ms,
            Body::Up | Body::Asleep | Body::Dark => self.at_ms,
        }
    }

    fn next_event(&self) -> u64 {
        let request = self.case.requests_ms.get(self.next_request).copied().unwrap_or(u64::MAX);
        let ask = match self.body {
            Body::Up => self.ask_at_ms,
            Body::Asleep if !self.method.is_deep() => self.ask_at_ms,
            Body::Asleep | Body::GoingDown | Body::Booting | Body::Dark => u64::MAX,
        };
        let served = if self.serving_until_ms > self.at_ms { self.serving_until_ms } else { u64::MAX };
        let clock = if self.body == Body::Asleep { self.clock_at_ms } else { u64::MAX };
        request.min(ask).min(self.until_ms).min(served).min(clock).max(self.at_ms)
    }

    /// Time goes by; the battery may end.
    fn pass(&mut self, to_ms: u64) {
        let draw_mw = match self.body {
            Body::Up | Body::GoingDown | Body::Booting => self.felt.normal_mw,
            Body::Asleep => self.felt.asleep_mw,
            Body::Dark => 0,
        };
        let drained_uj = draw_mw * (to_ms - self.at_ms);
        if drained_uj > 0 && drained_uj >= self.left_uj {
            let empty_ms = self.at_ms + self.left_uj / draw_mw;
            self.left_uj = 0;
            self.at_ms = empty_ms;
            return self.go_dark();
        }
        self.left_uj -= drained_uj;
        self.at_ms = to_ms;
    }

    fn go_dark(&mut self) {
        self.body = Body::Dark;
        self.played.dark_at_ms = Some(self.at_ms);
        self.waiting.clear();
        for (request, until_ms) in std::mem::take(&mut self.under_way) {
            if until_ms > self.at_ms {
                self.played.ends[request] = End::Lost;
            }
        }
    }

    fn happen(&mut self, policy: &mut dyn Policy) {
        let mut someone = false;
        if self.until_ms <= self.at_ms {
            self.until_ms = u64::MAX;
            match self.body {
                Body::GoingDown if self.for_good => return self.go_dark(),
                Body::GoingDown => {
                    self.body = Body::Asleep;
                    self.set_clock();
                    self.trace(policy.shown());
                    if !self.waiting.is_empty() {
                        self.boot(false);
                    }
                }
                Body::Booting => {
                    self.body = Body::Up;
                    someone = self.serve_waiting();
                    self.ask_at_ms = self.at_ms;
                }
                Body::Up | Body::Asleep | Body::Dark => {}
            }
        }
        if self.body == Body::Asleep && self.clock_at_ms <= self.at_ms {
            self.boot(true);
        }
        while self.case.requests_ms.get(self.next_request).is_some_and(|at| *at <= self.at_ms) {
            let request = self.next_request;
            self.next_request += 1;
            self.someone_at_ms = self.at_ms;
            match self.body {
                Body::Up => {
                    self.serve(request);
                    someone = true;
                }
                Body::Asleep if !self.method.is_deep() => {
                    self.body = Body::Up;
                    self.serve(request);
                    someone = true;
                }
                Body::Asleep => {
                    self.waiting.push(request);
                    self.boot(false);
                }
                Body::GoingDown if self.for_good => {}
                Body::GoingDown => self.waiting.push(request),
                Body::Booting => {
                    self.waiting.push(request);
                    self.woken_by_clock = false;
                }
                Body::Dark => {}
            }
        }
        if self.serving_until_ms <= self.at_ms && !self.under_way.is_empty() {
            self.under_way.clear();
            self.visited = true;
            self.someone_at_ms = self.at_ms;
            self.ask_at_ms = self.at_ms;
        }
        let is_asked = match self.body {
            Body::Up => true,
            Body::Asleep => !self.method.is_deep(),
            Body::GoingDown | Body::Booting | Body::Dark => false,
        };
        if is_asked && (someone || self.ask_at_ms <= self.at_ms) {
            self.ask(policy, someone);
        }
    }

    fn set_clock(&mut self) {
        let every_ms = self.plant.clock_wake_ms;
        self.clock_at_ms = if self.method == Method::Halt && every_ms > 0 { self.at_ms + every_ms } else { u64::MAX };
    }

    fn boot(&mut self, by_clock: bool) {
        self.body = Body::Booting;
        self.woken_by_clock = by_clock;
        self.until_ms = self.at_ms + self.plant.boot_ms;
    }

    fn serve_waiting(&mut self) -> bool {
        let waiting = std::mem::take(&mut self.waiting);
        for request in &waiting {
            self.serve(*request);
        }
        !waiting.is_empty()
    }

    fn serve(&mut self, request: usize) {
        self.serving_until_ms = self.serving_until_ms.max(self.at_ms) + self.plant.visit_ms;
        self.under_way.push((request, self.serving_until_ms));
        self.played.ends[request] = self.late(request, self.at_ms);
    }

    fn late(&self, request: usize, ready_ms: u64) -> End {
        match ready_ms - self.case.requests_ms[request] {
            0 => End::AtOnce,
            wait_ms => End::Late { wait_ms },
        }
    }

    fn ask(&mut self, policy: &mut dyn Policy, someone: bool) {
        let full_uj = self.case.full_mwh * UJ_PER_MWH;
        let busy = self.serving_until_ms > self.at_ms;
        let seen = Seen {
            at_ms: self.at_ms,
            minute: self.minute(),
            body: self.body,
            // A UPS rounds what it says; one that is about empty says so.
            charge_pct: (self.left_uj * 100).div_ceil(full_uj.max(1)) as u8,
            busy,
            someone,
            woken_by_clock: self.woken_by_clock,
            visit_over: !busy && self.visited,
            idle_ms: if busy { 0 } else { self.at_ms - self.someone_at_ms },
        };
        self.woken_by_clock = false;
        let answer = policy.ask(&seen);
        match answer {
            Answer::Stay { ask_at_ms } => {
                self.ask_at_ms = ask_at_ms.max(self.at_ms + 1);
            }
            // Nobody is cut off; the policy is asked again when they are gone.
            Answer::Sleep | Answer::GiveUp if busy => self.ask_at_ms = self.serving_until_ms,
            Answer::Sleep => self.go_down(false),
            Answer::GiveUp => self.go_down(true),
        }
        self.trace(policy.shown());
    }

    fn go_down(&mut self, for_good: bool) {
        self.for_good = for_good;
        self.played.sleeps += u32::from(!for_good && self.body == Body::Up);
        if self.method.is_deep() || for_good {
            self.body = Body::GoingDown;
            self.until_ms = self.at_ms + self.plant.shutdown_ms;
        } else {
            self.body = Body::Asleep;
            self.ask_at_ms = self.at_ms + 60_000;
        }
    }

    const fn minute(&self) -> u16 {
        ((self.case.start_minute as u64 + self.at_ms / 60_000) % 1_440) as u16
    }

    fn trace(&mut self, shown: Shown) {
        let point = Point { at_ms: self.at_ms, left_mwh: self.left_uj / UJ_PER_MWH, body: self.body, shown };
        if let Some(trace) = &mut self.trace {
            trace.push(point);
        }
    }
}
