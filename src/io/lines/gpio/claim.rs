//! Lines that are claimed together: held, or not and to be claimed again in growing pauses. The same for inputs and outputs.

use super::port::PortError;
use crate::messages::tell;
use std::time::Duration;
use tokio::time::Instant;

/// The first and the longest pause before lines are claimed again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

#[derive(Debug)]
pub(super) enum Claim<H> {
    Held(H),
    Away(Away),
}

/// Lines that are not held: when they are claimed again, and what was said of it.
#[derive(Debug)]
pub(super) struct Away {
    again: Instant,
    pause: Duration,
    pub(super) said: Option<PortError>,
}

impl Away {
    fn now() -> Self {
        Self { again: Instant::now(), pause: PAUSE.0, said: None }
    }

    /// It failed: to be tried later. True if that is news.
    fn later(&mut self, why: PortError) -> bool {
        self.again = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(PAUSE.1);
        let is_news = self.said.as_ref() != Some(&why);
        self.said = Some(why);
        is_news
    }
}

/// What became of a try.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tried {
    Held,
    /// One of several is another's: they are to be claimed one by one.
    Parted,
    /// To be tried again.
    Failed,
}

impl<H> Claim<H> {
    /// To be claimed at once.
    pub(super) fn due_now() -> Self {
        Self::Away(Away::now())
    }

    /// When they are to be claimed; none: they are held.
    pub(super) const fn due(&self) -> Option<Instant> {
        match self {
            Self::Held(_) => None,
            Self::Away(away) => Some(away.again),
        }
    }

    /// Takes in what a try to claim them came to, and says what is news: `words` name the `count` lines, which are `driven` or `read`.
    pub(super) fn tried(&mut self, claimed: Result<H, PortError>, count: usize, words: &str, driven: &str) -> Tried {
        let Self::Away(away) = self else { return Tried::Held };
        match claimed {
            Ok(held) => {
                if away.said.is_some() {
                    tell!(LINES_BACK, "{words} can be {driven} again");
                }
                *self = Self::Held(held);
                Tried::Held
            }
            Err(why) if why.is_one_lines() && count > 1 => Tried::Parted,
            Err(why) => {
                if away.later(why.clone()) {
                    tell!(LINES_LOST, "{words} cannot be {driven}: {why}");
                }
                Tried::Failed
            }
        }
    }

    /// They do not answer any more, which was said. Letting go may hang as well: the pause begins after it.
    pub(super) fn lose(&mut self, why: PortError) {
        *self = Self::due_now();
        let mut away = Away::now();
        away.later(why);
        *self = Self::Away(away);
    }
}
