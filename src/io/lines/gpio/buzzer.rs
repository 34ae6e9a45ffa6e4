//! The buzzer's patterns: how long it sounds, is silent, sounds, …

use crate::cabinet::outcome::Sound;
use std::time::Duration;
use tokio::time::Instant;

/// On, off, on, … in ms; each begins and ends sounding.
const fn pattern(sound: Sound) -> &'static [u64] {
    match sound {
        Sound::Granted => &[80],
        Sound::Refused => &[150, 100, 150, 100, 150],
        Sound::WrongKey => &[400, 150, 400, 150, 400],
        Sound::CloseDoor => &[200, 200, 200],
        Sound::Alarm => &[1_000, 300, 1_000, 300, 1_000],
        Sound::Sleeping => &[60, 200, 60],
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

    #[test]
    fn a_pattern_ends_silent() {
        for sound in [Sound::Granted, Sound::Refused, Sound::WrongKey, Sound::CloseDoor, Sound::Alarm, Sound::Sleeping]
        {
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
