//! The status lamp's patterns: how long it is lit and dark, over and over.

use crate::cabinet::outcome::Lamp;
use std::time::Duration;
use tokio::time::Instant;

/// Lit and dark, ms; none: lit for good. Asleep, each flash wakes the machine, so they are rare.
const fn pattern(lamp: Lamp) -> Option<(u64, u64)> {
    match lamp {
        Lamp::Ready => None,
        Lamp::Attention => Some((1_000, 1_000)),
        Lamp::Asleep => Some((100, 19_900)),
    }
}

/// A lamp that blinks, or does not.
#[derive(Debug, Default)]
pub(super) struct Blinker {
    /// When it changes next, and how long it is lit and dark.
    blinking: Option<(Instant, (u64, u64))>,
    is_lit: bool,
}

impl Blinker {
    /// Begins: the lamp is to be lit from now on. Whether it stays so.
    pub(super) fn show(&mut self, lamp: Lamp) -> bool {
        self.blinking = pattern(lamp).map(|both| (Instant::now() + Duration::from_millis(both.0), both));
        self.is_lit = true;
        self.blinking.is_none()
    }

    /// It shows nothing.
    pub(super) fn stop(&mut self) {
        *self = Self::default();
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.blinking.map(|(at, _)| at)
    }

    /// The time has come: whether it is to be lit now.
    pub(super) fn step(&mut self) -> bool {
        let Some((at, both)) = self.blinking else { return self.is_lit };
        self.is_lit = !self.is_lit;
        let ms = if self.is_lit { both.0 } else { both.1 };
        // What a bus held up is not made up for.
        self.blinking = Some((at.max(Instant::now()) + Duration::from_millis(ms), both));
        self.is_lit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_on_wiring_has_the_patterns() {
        let page = include_str!("../../../../docs/wiring.md");
        for (lamp, row) in [
            (Lamp::Ready, "| lit | ready |"),
            (Lamp::Attention, "| one second lit, one dark | attention:"),
            (Lamp::Asleep, "| a short flash every 20 s | asleep:"),
        ] {
            assert!(page.contains(row), "{row}");
            let sum = pattern(lamp).map(|(lit, dark)| lit + dark);
            assert_eq!(sum, [None, Some(2_000), Some(20_000)][lamp as usize]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_blinks_for_ever_and_ready_is_steady() {
        let mut blinker = Blinker::default();
        assert!(blinker.show(Lamp::Ready) && blinker.next().is_none());
        assert!(!blinker.show(Lamp::Attention));
        for lit in [false, true, false, true] {
            tokio::time::sleep_until(blinker.next().expect("it goes on")).await;
            assert_eq!(blinker.step(), lit);
        }
        blinker.stop();
        assert_eq!(blinker.next(), None);
    }
}
