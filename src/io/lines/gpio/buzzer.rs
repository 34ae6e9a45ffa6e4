//! The buzzer's patterns: how long it sounds, is silent, sounds, …

use crate::cabinet::outcome::Sound;
use std::time::Duration;
use tokio::time::Instant;

/// On, off, on, … in ms; each begins and ends sounding.
const fn pattern(sound: Sound) -> &'static [u64] {
    match sound {
        Sound::Next => &[60],
        Sound::Granted => &[600],
        Sound::Refused => &[100, 100, 100, 100, 100],
        Sound::CloseDoor => &[400, 200, 400],
        Sound::WrongKey => &[400, 200, 400, 200, 400],
        Sound::Sleeping => &[400, 200, 100, 100, 100],
        Sound::Alarm => &[1_000, 300, 1_000, 300, 1_000],
    }
}

/// A pattern that is being played; a new one takes its place.
#[derive(Debug, Default)]
pub(super) struct Buzzer {
    /// When it changes next, and what is still to come.
    playing: Option<(Instant, &'static [u64])>,
    sounds: bool,
}

impl Buzzer {
    /// Begins: the buzzer is to sound from now on.
    pub(super) fn play(&mut self, sound: Sound) {
        if let Some((first, rest)) = pattern(sound).split_first() {
            self.playing = Some((Instant::now() + Duration::from_millis(*first), rest));
            self.sounds = true;
        }
    }

    /// Forgets the pattern.
    pub(super) fn stop(&mut self) {
        *self = Self::default();
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.playing.map(|(at, _)| at)
    }

    /// The time has come: whether it is to sound now.
    pub(super) fn step(&mut self) -> bool {
        let Some((at, rest)) = self.playing else { return false };
        self.sounds = !self.sounds;
        self.playing = rest.split_first().map(|(next, rest)| (at + Duration::from_millis(*next), rest));
        self.sounds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Sound; 7] =
        [Sound::Next, Sound::Granted, Sound::Refused, Sound::CloseDoor, Sound::WrongKey, Sound::Sleeping, Sound::Alarm];

    /// How the page that hangs beside the cabinet writes a pattern.
    fn written(sound: Sound) -> String {
        let tones = pattern(sound).iter().step_by(2);
        let marks = tones.map(|ms| match ms {
            0..=200 => "▪",
            201..=700 => "▬",
            _ => "▬▬▬",
        });
        marks.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_page_beside_the_cabinet_has_each_pattern_as_it_sounds() {
        let page = include_str!("../../../../docs/keypad.md");
        let words = ["Next", "Open", "Refused", "Close the door", "Wrong key", "Going to sleep", "Alarm"];
        for (sound, word) in ALL.into_iter().zip(words) {
            let row = format!("| {} | **{word}", written(sound));
            assert!(page.contains(&row), "{sound:?}: {row}");
        }
        let different: std::collections::BTreeSet<String> = ALL.into_iter().map(written).collect();
        assert_eq!(different.len(), ALL.len(), "no two sound alike");
    }

    #[test]
    fn a_pattern_ends_silent() {
        for sound in ALL {
            let mut buzzer = Buzzer::default();
            buzzer.play(sound);
            let mut heard = vec![true];
            while buzzer.next().is_some() {
                heard.push(buzzer.step());
                assert!(heard.len() < 20);
            }
            let expected: Vec<bool> = (0..heard.len()).map(|step| step % 2 == 0).collect();
            assert_eq!((heard.last(), &heard), (Some(&false), &expected), "{sound:?}");
        }
    }
}
