//! What is wrong with a roster, and whom one raises, in words.

use super::super::sentence::Names;
use super::super::types::Group;
use super::{Rise, RosterFault};
use std::fmt;

/// So many are named in one sentence.
const NAMED: usize = 12;

impl fmt::Display for RosterFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("it is larger than 4 MiB; look at what is served there"),
            Self::NotUnderstood => {
                f.write_str("it is no signed roster as this version knows it; sign it with `cabinetd roster sign`")
            }
            Self::OtherKey => f.write_str(
                "it is signed by another key than roster_key under [upstream]; sign it with the right one, and find out who signed it",
            ),
            Self::BadSignature => {
                f.write_str("its signature does not fit: it was changed on the way; fetch it anew from whoever signed it")
            }
            Self::OtherCabinet => f.write_str("it is for another cabinet; sign one with this cabinet's --site and --cabinet"),
            Self::OtherDevice => f.write_str(
                "it is for another device key; sign one with the key that `cabinetd roster device-key` shows here",
            ),
            Self::NotNewer { version, held } => {
                write!(f, "its version {version} is not above {held}, which was taken before; sign it with a higher one")
            }
            Self::DoesNotFit { version, problems } => {
                write!(f, "version {version} does not fit this cabinet")?;
                if !problems.is_empty() {
                    write!(f, " ({})", problems.join("; "))?;
                }
                f.write_str("; mend it and sign a higher version")
            }
        }
    }
}

impl Names<'_> {
    /// What a roster does that somebody has to know: `gives more than before: Ana Ruiz (ana) is manager, was staff`, or that nobody leads.
    #[must_use]
    pub fn rises(self, rises: &[Rise]) -> String {
        let leaderless = rises.contains(&Rise::NobodyLeads).then(|| "leaves nobody who is manager or admin".to_owned());
        let given: Vec<&Rise> = rises.iter().filter(|rise| **rise != Rise::NobodyLeads).collect();
        let given = (!given.is_empty()).then(|| format!("gives more than before: {}", self.listed(&given)));
        given.into_iter().chain(leaderless).collect::<Vec<_>>().join("; it ")
    }

    fn listed(self, rises: &[&Rise]) -> String {
        let mut words: Vec<String> = rises.iter().take(NAMED).map(|rise| self.rise(rise)).collect();
        if rises.len() > NAMED {
            words.push(format!("and {} more", rises.len() - NAMED));
        }
        words.join("; ")
    }

    fn rise(self, rise: &Rise) -> String {
        match rise {
            Rise::New { user, role } => format!("{} is new, and {}", self.user(user), role.word()),
            Rise::Role { user, from, to } => format!("{} is {}, was {}", self.user(user), to.word(), from.word()),
            Rise::Groups { user, groups } => format!("{} is in more groups{}", self.user(user), listed(groups)),
            Rise::Hours { user } => format!("{} may come at more hours", self.user(user)),
            Rise::Validity { user } => format!("{} is valid for longer", self.user(user)),
            Rise::LoneEmergency { user } => {
                format!("{} may take two-person keys alone in an emergency", self.user(user))
            }
            Rise::KeyAlone { key } => format!("{} needs no second person any more", self.key(key)),
            Rise::KeyGroups { key, groups } => format!("{} is open to more groups{}", self.key(key), listed(groups)),
            Rise::NobodyLeads => "nobody is manager or admin".to_owned(),
        }
    }
}

fn listed(groups: &[Group]) -> String {
    if groups.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = groups.iter().map(Group::as_str).collect();
    format!(" ({})", names.join(" "))
}
