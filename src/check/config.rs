//! The config: what is wrong with it, and what is not wrong and yet not good.

use super::words::{listed, sentence};
use super::{Finding, Id};
use crate::config::Problem;

/// What was seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Facts {
    /// There is no text to judge: it cannot be read, or is far too large.
    Unreadable {
        what: String,
        remedy: String,
        /// It may be fine: this account must not look at it.
        not_allowed: bool,
    },
    Unsound(Vec<Problem>),
    Sound(Sound),
}

/// A config without mistakes.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Sound {
    pub slots: usize,
    pub doors: usize,
    /// The site is called as in the example.
    pub example_site: bool,
    pub badge_alone: bool,
    /// People type on a keypad, and neither buzzer nor light answers them.
    pub mute: bool,
    /// Groups that the config names and the system does not know, each with its key.
    pub missing_groups: Vec<(String, String)>,
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let sound = match facts {
        Facts::Unreadable { what, remedy, not_allowed: true } => {
            return vec![Finding::unknown(Id::ConfigReadable, what, remedy)];
        }
        Facts::Unreadable { what, remedy, not_allowed: false } => {
            return vec![Finding::failure(Id::ConfigReadable, what, remedy)];
        }
        Facts::Unsound(problems) => return problems.iter().map(problem).collect(),
        Facts::Sound(sound) => sound,
    };
    let doors = if sound.doors == 1 { "1 door".to_owned() } else { format!("{} doors", sound.doors) };
    let mut findings =
        vec![Finding::fine(Id::ConfigSound, format!("The config has no mistakes: {} slots, {doors}.", sound.slots))];
    if sound.example_site {
        findings.push(Finding::warning(
            Id::ConfigExampleSite,
            "`cabinet.site` is still the example's name.",
            "Write the property's name before the first start: every record keeps the name that it got.",
        ));
    }
    if sound.badge_alone {
        findings.push(Finding::warning(
            Id::ConfigBadgeAlone,
            "A badge alone opens the cabinet, one that was found or copied too.",
            "Take \"badge\" out of `identify.modes`; \"badge+pin\" is safer.",
        ));
    }
    if sound.mute {
        findings.push(Finding::warning(
            Id::ConfigMute,
            "There is a keypad, but neither a buzzer nor a light: people cannot tell whether what they type was taken.",
            "Give the buzzer a line (`[[output]]` with role \"buzzer\", docs/wiring.md); where all pins are used, a slot or an expander makes room.",
        ));
    }
    if !sound.missing_groups.is_empty() {
        let named: Vec<String> =
            sound.missing_groups.iter().map(|(key, group)| format!("\"{group}\" ({key})")).collect();
        let what = format!("This system has no group {}, so nobody has what is granted to it.", listed(&named));
        let remedy = format!("Correct the name, or make it: `groupadd {}`.", sound.missing_groups[0].1);
        findings.push(Finding::warning(Id::ConfigGroups, what, remedy));
    }
    findings
}

fn problem(problem: &Problem) -> Finding {
    let line = problem.line.map_or_else(String::new, |line| format!("Line {line}: "));
    let key = if problem.key.is_empty() { String::new() } else { format!("{}: ", problem.key) };
    let remedy = sentence(&problem.remedy);
    Finding::failure(Id::ConfigSound, sentence(&format!("{line}{key}{}", problem.wrong)), remedy)
}
