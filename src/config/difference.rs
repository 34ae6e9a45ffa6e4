//! What another config changes: key by key, and whether it takes a restart.

use super::reader::Entry;
use super::{Config, Problem, Surroundings};
use std::collections::BTreeMap;

/// Rules, and who may do what, which can change while the daemon runs. What else there is (sockets, lines, places, the layout, the UPS) is read at a
/// start alone.
const RULES: [&str; 6] = ["[identify]", "[sessions]", "[alerts]", "[battery]", "[power]", "[accounts]"];
/// Longer values are cut.
const LONGEST_VALUE: usize = 80;

/// What differs, a line for each key: `sessions.unlock_ms: 8000 → 5000`.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Difference {
    /// Rules: in force as soon as they are taken.
    pub now: Vec<String>,
    /// In force after a restart.
    pub after_restart: Vec<String>,
}

impl Config {
    /// What `newer` changes of this one.
    #[must_use]
    pub fn difference(&self, newer: &Self) -> Difference {
        let (old, new) = (values(&self.entries), values(&newer.entries));
        let mut difference = Difference::default();
        let mut keys: Vec<_> = old.keys().chain(new.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            let (from, to) = (old.get(key), new.get(key));
            if from == to {
                continue;
            }
            let (section, name) = *key;
            let place = section.trim_matches(['[', ']']);
            let line = if section.starts_with("[[") {
                format!("{place}: changed")
            } else {
                format!("{place}.{name}: {} \u{2192} {}", shown(from), shown(to))
            };
            let lines = if RULES.contains(&section) { &mut difference.now } else { &mut difference.after_restart };
            if lines.last() != Some(&line) {
                lines.push(line);
            }
        }
        difference
    }

    /// The rules of `newer` with everything else as it runs, checked as one file: `newer` may be sound as a whole and still have rules
    /// that go only with its own lines or its own UPS.
    ///
    /// # Errors
    /// What does not go together. It has no lines: no file says so.
    pub fn joined(&self, newer: &Self) -> Result<Self, Vec<Problem>> {
        let mut both = self.clone();
        both.take_rules(newer.clone());
        // Every path in there is absolute.
        match Self::parse(&both.effective(), &Surroundings::default()) {
            Ok(joined) => Ok(Self { hash: both.hash, ..joined }),
            Err(problems) => Err(problems.into_iter().map(|problem| Problem { line: None, ..problem }).collect()),
        }
    }

    /// What is in force once the rules of `newer` are: a later [`Self::difference`] is to that.
    pub fn take_rules(&mut self, newer: Self) {
        let is_rule = |entry: &Entry| RULES.contains(&entry.section.as_str());
        self.entries.retain(|entry| !is_rule(entry));
        self.entries.extend(newer.entries.into_iter().filter(is_rule));
        self.accounts = newer.accounts;
        self.hash = newer.hash;
    }
}

/// Each key's values, in the order of the file: tables in double brackets come more than once.
fn values(entries: &[Entry]) -> BTreeMap<(&str, &str), Vec<Option<&str>>> {
    let mut values: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for entry in entries {
        values.entry((entry.section.as_str(), entry.key.as_str())).or_default().push(entry.value.as_deref());
    }
    values
}

fn shown(values: Option<&Vec<Option<&str>>>) -> String {
    let value = values.and_then(|values| *values.first()?).unwrap_or("not set");
    match value.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Surroundings;

    fn config(more: &str) -> Config {
        let text = format!("[cabinet]\nsite = \"here\"\nname = \"c\"\n[lines]\nbackend = \"sim\"\n{more}");
        let slots = if more.contains("[slots]") { "" } else { "[slots]\ncount = 4\n" };
        Config::parse(&(text + slots), &Surroundings::default()).expect("it is sound")
    }

    #[test]
    fn rules_change_at_once_and_the_rest_after_a_restart() {
        let old = config("[slots]\ncount = 4\n[sessions]\nunlock_ms = 5000\n");
        let new = config(
            "[slots]\ncount = 6\n[sessions]\nunlock_ms = 6000\n[alerts]\ninactive_days = 10\n[ups]\nname = \"office\"\n\
             [accounts]\nadm = \"staff\"\n[[load]]\nname = \"modem\"\n",
        );
        let difference = old.difference(&new);
        assert_eq!(
            difference.now,
            ["accounts.adm: not set → \"staff\"", "alerts.inactive_days: 90 → 10", "sessions.unlock_ms: 5000 → 6000"]
        );
        let later = difference.after_restart;
        for line in ["load: changed", "slots.count: 4 → 6"] {
            assert!(later.contains(&line.to_owned()), "{line}: {later:?}");
        }
        assert!(later.iter().any(|line| line.starts_with("ups.name: not set → \"office\"")), "{later:?}");
        // Turned round it is told the other way.
        assert!(new.difference(&old).after_restart.contains(&"slots.count: 6 → 4".to_owned()));
    }

    #[test]
    fn words_beside_the_values_change_nothing_but_the_hash() {
        let (old, new) = (config("[sessions]\nunlock_ms = 8000\n"), config("# a word\n"));
        assert_eq!(old.difference(&new), Difference::default());
        assert_ne!(old.hash, new.hash);
    }

    #[test]
    fn what_still_waits_for_a_restart_is_told_again() {
        let mut running = config("[slots]\ncount = 4\n");
        let new = config("[slots]\ncount = 6\n[alerts]\ninactive_days = 10\n");
        running.take_rules(new.clone());
        assert_eq!(running.hash, new.hash);
        let again = running.difference(&new);
        assert_eq!((again.now.len(), again.after_restart), (0, vec!["slots.count: 4 → 6".to_owned()]));
    }

    const WIRED: &str = "[slots]\ncount = 1\nled = false\n[[input]]\nrole = \"slot\"\nnumber = 1\npin = 5\nactive = \"low\"\n\
        bias = \"pull-up\"\n[[input]]\nrole = \"door\"\nnumber = 1\npin = 6\nactive = \"low\"\nbias = \"pull-up\"\n\
        [[output]]\nrole = \"lock\"\nnumber = 1\npin = 17\nactive = \"high\"\n";

    fn wired(more: &str) -> Config {
        let text = format!("[cabinet]\nsite = \"here\"\nname = \"c\"\n[lines]\nbackend = \"gpiocdev\"\n{WIRED}{more}");
        Config::parse(&text, &Surroundings::default()).expect("it is sound")
    }

    /// Sound as a whole, but the lock's line runs with its old limit until a restart.
    #[test]
    fn rules_are_checked_against_what_stays_until_a_restart() {
        let running = wired("longest_ms = 8000\n[sessions]\nunlock_ms = 5000\n");
        let newer = wired("longest_ms = 20000\n[sessions]\nunlock_ms = 15000\n");
        let problems = running.joined(&newer).expect_err("the driver would cut the pulse");
        let [problem] = &problems[..] else { panic!("{problems:?}") };
        assert_eq!((problem.line, problem.key.as_str()), (None, "output.longest_ms"));

        // A way of sleeping that only its own UPS offers.
        let running = config("[ups]\nname = \"office\"\n");
        let newer = config("[ups]\nname = \"office\"\nuser = \"cabinetd\"\n[power]\nsleep = \"ups-off\"\n");
        let problems = running.joined(&newer).expect_err("nobody may tell that UPS");
        assert!(problems.iter().any(|problem| problem.key == "power.sleep"), "{problems:?}");
    }

    #[test]
    fn rules_go_with_the_layout_and_the_lines_that_run() {
        let running = wired("longest_ms = 8000\n[sessions]\nunlock_ms = 5000\n[ups]\nname = \"office\"\n");
        let newer = wired("longest_ms = 20000\n[sessions]\nunlock_ms = 7000\n[alerts]\ninactive_days = 10\n");
        let joined = running.joined(&newer).expect("they do");
        assert_eq!((&joined.hash, &joined.lines, &joined.ups), (&newer.hash, &running.lines, &running.ups));
        assert_eq!(joined.settings.sessions.unlock_ms, 7_000);
        assert!(joined.settings.power.is_some(), "there is a UPS until a restart");
        assert_eq!(running.joined(&running).expect("it does").settings, running.settings);
    }

    #[test]
    fn long_values_are_cut() {
        let groups: Vec<String> = (0..60).map(|number| format!("\"group-{number}\"")).collect();
        let new = config(&format!("[identify]\nsecond_person_groups = [{}]\n", groups.join(", ")));
        let [line] = &config("").difference(&new).now[..] else { panic!("one line") };
        assert!(line.ends_with('…') && line.chars().count() < 140, "{line}");
    }
}
