//! The pace of a hand. A person looks before the next move; whoever pastes a whole visit into a terminal does not, and would
//! be through the door before its contact has settled. So a command of the hand waits as a person would. Scripts do not: they say what they
//! wait for.

use super::{Demo, SimError};
use crate::cabinet::outcome::Message;
use crate::io::sim::hardware::Act;
use crate::io::sim::words::Word;
use std::thread::sleep;
use std::time::Duration;

/// One move of a hand: longer than any sensor needs to settle.
const MOVE: Duration = Duration::from_millis(120);
/// How often a person looks, and how often at most.
const LOOK: (Duration, u32) = (Duration::from_millis(50), 20);

/// Before the move: a hand at the door pulls for a moment, until the lock lets go.
pub(super) fn before(demo: &mut Demo, word: &Word) -> Result<(), SimError> {
    let Word::Act(Act::Open { door }) = word else { return Ok(()) };
    for _ in 0..LOOK.1 {
        let status = demo.status()?;
        if !status.daemon || status.doors.iter().any(|state| state.door == *door && (state.lock || state.open)) {
            break;
        }
        sleep(LOOK.0);
    }
    Ok(())
}

/// After the move: until it is over, and until the cabinet has thought about a PIN.
pub(super) fn after(demo: &mut Demo, word: &Word) -> Result<(), SimError> {
    match word {
        Word::Badge(_) | Word::Login(_) | Word::Tag(_) | Word::Cancel | Word::Button | Word::Act(_) => sleep(MOVE),
        Word::Pin(_) => {
            sleep(MOVE);
            let checking = Message::Checking.to_string();
            for _ in 0..LOOK.1 {
                if demo.status()?.display.as_ref() != Some(&checking) {
                    break;
                }
                sleep(LOOK.0);
            }
        }
        Word::Hand
        | Word::Mains { .. }
        | Word::UpsFault(_)
        | Word::Charge { .. }
        | Word::UpsButton
        | Word::UpsLoad { .. }
        | Word::Status => {}
    }
    Ok(())
}
