//! What a drill came to: what was seen, figures, what is proved, and what is not and why.

use super::guide::VISIT;
use super::network::Network;
use crate::cabinet::power::sentence::wh;
use crate::cabinet::power::state::{DrillEnd, Sight};
use crate::cabinet::power::{DrillView, Method, ProofView};
use crate::cabinet::sentence::duration;
use crate::cli::live::words::{Tone, lasting};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// All that is summed up.
#[derive(Clone, PartialEq, Debug)]
pub struct Summary {
    pub drill: DrillView,
    /// The ways of sleeping that were to be proved.
    pub methods: Vec<Method>,
    pub network: Option<Network>,
    pub network_wanted: bool,
    pub unproved: BTreeMap<Method, String>,
    /// Earlier proofs that hold.
    pub earlier: Vec<ProofView>,
    /// What is used from now on, and what the config asks for.
    pub deepest: Option<Method>,
    pub configured: Option<Method>,
    pub end: Option<DrillEnd>,
}

/// A row of the table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    pub tone: Option<Tone>,
    pub head: &'static str,
    pub text: String,
}

/// The network in words.
#[must_use]
pub fn network_words(network: &Network) -> String {
    match network {
        Network::Answered { address, after_ms } => format!("the gateway {address} answered after {after_ms} ms"),
        Network::Silent { address } => {
            format!("the gateway {address} did not answer; is the modem on the UPS, and is it meant to be?")
        }
        Network::NotTried(why) => format!("not looked at: {why}"),
    }
}

impl Summary {
    /// Whether everything that was to be seen and proved was.
    #[must_use]
    pub fn is_all_well(&self) -> bool {
        let seen = |sight: &Sight| self.drill.saw(*sight).is_some();
        self.end == Some(DrillEnd::Finished)
            && [Sight::OnBattery, Sight::MainsBack].iter().all(seen)
            && VISIT.iter().all(|(sight, _)| seen(sight))
            && self.methods.iter().all(|method| self.is_proved(*method))
            && (!self.drill.deep || self.drill.measured_mwh.is_some())
            && !matches!(self.network, Some(Network::Silent { .. }))
    }

    fn is_proved(&self, method: Method) -> bool {
        self.drill.proved.iter().any(|proof| proof.method == method)
    }

    /// Which drill, and how long it took.
    #[must_use]
    pub fn title(&self) -> String {
        let kind = if self.drill.deep { "Deep drill" } else { "Drill" };
        format!("{kind} {}, {}", self.drill.id, duration(self.drill.for_ms / 1_000 * 1_000))
    }

    /// The table.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let drill = &self.drill;
        let mut rows = Vec::new();
        let mut sight = |sight: Sight, head: &'static str| {
            let seen = drill.saw(sight).is_some();
            let (tone, text) = if seen { (None, "seen") } else { (Some(Tone::Doubt), "NOT SEEN") };
            rows.push(Row { tone, head, text: text.to_owned() });
        };
        sight(Sight::OnBattery, "on battery");
        for (what, head) in VISIT {
            sight(what, head);
        }
        sight(Sight::MainsBack, "mains back");
        let mut row = |tone: Option<Tone>, head: &'static str, text: String| rows.push(Row { tone, head, text });
        row(None, "load", self.load());
        if let Some(ready_ms) = drill.saw(Sight::RestartOnMains) {
            row(None, "restart on mains", format!("came up by itself, ready {} after its start", duration(ready_ms)));
        }
        let network = match (&self.network, drill.saw(Sight::Network)) {
            (Some(network), _) => network_words(network),
            (None, Some(after_ms)) => format!("answered after {after_ms} ms"),
            (None, None) if self.network_wanted => "not looked at".to_owned(),
            (None, None) => "not looked at: --no-network".to_owned(),
        };
        let doubt = matches!(self.network, Some(Network::Silent { .. })).then_some(Tone::Doubt);
        row(doubt, "network", network);
        for method in self.methods.iter().copied().chain(self.proved_besides()) {
            let (tone, text) = self.of_method(method);
            row(tone, method.word(), text);
        }
        match drill.measured_mwh {
            Some(mwh) => row(None, "battery", format!("holds {} when full, measured", wh(mwh))),
            None if drill.deep => row(Some(Tone::Doubt), "battery", "NOT MEASURED".to_owned()),
            None => {}
        }
        rows
    }

    fn load(&self) -> String {
        match (self.drill.saw(Sight::Load), self.drill.saw(Sight::LoadShare)) {
            (Some(mw), _) => format!("{}.{} W on average", mw / 1_000, mw % 1_000 / 100),
            (None, Some(pct)) => format!("{pct} % of what the UPS may carry, on average"),
            (None, None) if self.end != Some(DrillEnd::Finished) => {
                "not measured: the drill ended before that".to_owned()
            }
            (None, None) => "the UPS did not say it often enough".to_owned(),
        }
    }

    /// Proved in it though this command was not told to.
    fn proved_besides(&self) -> Vec<Method> {
        let proved = self.drill.proved.iter().map(|proof| proof.method);
        proved.filter(|method| !self.methods.contains(method)).collect()
    }

    fn why_not(&self, method: Method) -> &str {
        self.unproved.get(&method).map_or("the drill ended before that", String::as_str)
    }

    fn of_method(&self, method: Method) -> (Option<Tone>, String) {
        let proof = self.drill.proved.iter().find(|proof| proof.method == method);
        let Some(proof) = proof else {
            let why = self.why_not(method);
            let earlier = self.earlier.iter().find(|proof| proof.method == method);
            let holds = earlier
                .map_or_else(String::new, |proof| format!("; the proof of {} ago still holds", lasting(proof.ago_ms)));
            return (Some(Tone::Doubt), format!("NOT PROVED in this drill: {why}{holds}"));
        };
        let text = match (method.is_deep(), proof.by_stopwatch) {
            (false, _) => format!("proved: its hardware answered {} after the press", duration(proof.ready_ms)),
            (true, false) => format!(
                "proved: ready {} after the machine's start; its firmware's seconds before that were not timed",
                duration(proof.ready_ms)
            ),
            (true, true) => format!("proved: ready {} after the press, by the watch", duration(proof.ready_ms)),
        };
        (Some(Tone::Good), text)
    }

    /// How it sleeps from now on.
    #[must_use]
    pub fn from_now_on(&self) -> Option<String> {
        let (deepest, configured) = (self.deepest?, self.configured?);
        Some(if deepest == configured {
            format!("In an outage the cabinet sleeps by {}, as the config has it.", deepest.word())
        } else {
            format!(
                "In an outage the cabinet sleeps by {}: {}, which the config asks for, is not proved.",
                deepest.word(),
                configured.word()
            )
        })
    }

    /// For scripts; `docs/json-output.md` has the fields.
    #[must_use]
    pub fn json(&self) -> Value {
        let drill = &self.drill;
        let network = match &self.network {
            Some(Network::Answered { address, after_ms }) => json!({ "address": address, "answered_ms": after_ms }),
            Some(Network::Silent { address }) => json!({ "address": address, "answered_ms": null }),
            Some(Network::NotTried(why)) => json!({ "why_not": why }),
            None => Value::Null,
        };
        let methods: Vec<Value> = self
            .methods
            .iter()
            .copied()
            .chain(self.proved_besides())
            .map(|method| {
                let proof = drill.proved.iter().find(|proof| proof.method == method);
                json!({
                    "method": method,
                    "proved": proof.is_some(),
                    "ready_ms": proof.map(|proof| proof.ready_ms),
                    "by_stopwatch": proof.is_some_and(|proof| proof.by_stopwatch),
                    "why_not": if proof.is_some() { None } else { Some(self.why_not(method)) },
                })
            })
            .collect();
        json!({
            "drill": drill.id,
            "deep": drill.deep,
            "end": self.end,
            "all_well": self.is_all_well(),
            "lasted_ms": drill.for_ms,
            "seen": drill.seen,
            "network": network,
            "methods": methods,
            "measured_mwh": drill.measured_mwh,
            "deepest": self.deepest,
            "configured": self.configured,
        })
    }
}
