//! `cabinetd check --exercise USER`: the lock is pulsed and the door seen, with that person at the cabinet.
//!
//! It opens nothing by itself: it gives an admin's word ([`Ask::Open`]), which the person there takes up with the button or their badge,
//! and watches what the cabinet sees. All of it is on record like any visit.

use crate::cabinet::outcome::Answer;
use crate::cabinet::snapshot::{SessionView, Snapshot};
use crate::check::{Finding, Id};
use crate::io::control::wire::Ask;
use crate::io::control::{Client, ClientError, new_request_key};
use std::path::Path;
use std::time::Duration;

/// How often the cabinet is looked at, and how often at most: the word stands for a minute, a door that is opened is closed again.
const LOOK: Duration = Duration::from_millis(500);
const LOOKS: (u32, u32) = (130, 240);
const WHY: &str = "check --exercise";

/// What was seen, look by look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Seen {
    Nobody,
    /// They are there and the lock was let go.
    Came,
    Opened,
    Closed,
}

/// Goes through it with this person. `say` tells them what is awaited.
pub(super) fn exercise(run_dir: &Path, user: &str, say: &mut dyn FnMut(&str)) -> Finding {
    let id = Id::LinesExercise;
    let ask = Ask::Open { user: user.into(), door: None, why: WHY.to_owned() };
    let answer = Client::connect(run_dir).and_then(|mut client| client.ask(&new_request_key(), &ask));
    let text = match answer {
        Ok(Answer::Done { text, .. }) => text,
        Ok(Answer::Refused(denial)) => {
            return finding(
                id,
                false,
                format!("The daemon refused to open for {user}: {denial}."),
                "What the refusal says.",
            );
        }
        Ok(Answer::Problems(_) | Answer::Difference { .. }) => {
            return finding(
                id,
                false,
                "The daemon did not understand.".to_owned(),
                "Is it of this version? Restart it.",
            );
        }
        Err(error) => return finding(id, false, format!("{error}."), "`systemctl status cabinetd`."),
    };
    say(&text);
    let mut look = || -> Result<Snapshot, ClientError> {
        std::thread::sleep(LOOK);
        Client::connect(run_dir)?.status()
    };
    watch(id, user, &mut look, say)
}

fn watch(
    id: Id,
    user: &str,
    look: &mut dyn FnMut() -> Result<Snapshot, ClientError>,
    say: &mut dyn FnMut(&str),
) -> Finding {
    let mut seen = Seen::Nobody;
    for round in 0..LOOKS.1 {
        let before = seen;
        seen = match look() {
            Ok(snapshot) => next(seen, user, snapshot.session.as_ref()),
            // It may be starting anew; the looks are counted.
            Err(_) => seen,
        };
        match (before, seen) {
            (Seen::Nobody, Seen::Came) => say("the lock is energised: open the door"),
            (_, Seen::Opened) if before != Seen::Opened => say("the door is seen open: close it"),
            (_, Seen::Closed) => break,
            (Seen::Nobody, Seen::Nobody) if round >= LOOKS.0 => break,
            _ => {}
        }
    }
    match seen {
        Seen::Closed => Finding::seen_well(id, "The lock let the door go, and the contact saw it open and closed."),
        Seen::Nobody => finding(
            id,
            true,
            format!("{user} did not press the button, nor show their badge, within a minute."),
            "Do it again with them at the cabinet. If they were: the button's wire, or the reader.",
        ),
        Seen::Came => finding(
            id,
            false,
            "The lock was energised, and no door was seen open.".to_owned(),
            "Did the lock click? If not: relay, fuse and wire of the lock. If the door opened: its contact (`contact` under [[door]]).",
        ),
        Seen::Opened => finding(
            id,
            false,
            "The door was seen open, and not closed again.".to_owned(),
            "Close it. If it is closed: the contact's magnet or wire.",
        ),
    }
}

fn next(seen: Seen, user: &str, session: Option<&SessionView>) -> Seen {
    let theirs = session.filter(|session| session.user.id.as_str() == user);
    match (seen, theirs) {
        (_, Some(session)) if session.opened => Seen::Opened,
        (Seen::Nobody, Some(_)) => Seen::Came,
        // The visit is over.
        (Seen::Opened, None) => Seen::Closed,
        (seen, _) => seen,
    }
}

fn finding(id: Id, is_doubt: bool, what: String, remedy: &str) -> Finding {
    Finding::seen_ill(id, is_doubt, what, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cabinet::snapshot::{Moment, Who};
    use crate::cabinet::types::{ClockQuality, SessionId, Wall};

    fn session(user: &str, opened: bool) -> SessionView {
        SessionView {
            id: SessionId(1),
            user: Who { id: user.into(), name: user.into() },
            second: None,
            since: Moment { wall: Wall(0), ago_ms: 0, clock: ClockQuality::Synced, at_least: false },
            opened,
            asked: Vec::new(),
        }
    }

    #[test]
    fn each_look_goes_one_step() {
        let ana = session("ana", false);
        let open = session("ana", true);
        let bob = session("bob", true);
        assert_eq!(next(Seen::Nobody, "ana", None), Seen::Nobody);
        assert_eq!(next(Seen::Nobody, "ana", Some(&bob)), Seen::Nobody, "somebody else's visit proves nothing");
        assert_eq!(next(Seen::Nobody, "ana", Some(&ana)), Seen::Came);
        assert_eq!(next(Seen::Came, "ana", None), Seen::Came, "it was never seen open");
        assert_eq!(next(Seen::Came, "ana", Some(&open)), Seen::Opened);
        assert_eq!(next(Seen::Opened, "ana", Some(&open)), Seen::Opened);
        assert_eq!(next(Seen::Opened, "ana", None), Seen::Closed);
    }

    #[test]
    fn without_a_daemon_it_says_so() {
        let dir = tempfile::tempdir().expect("a folder");
        let found = exercise(dir.path(), "ana", &mut |_| {});
        assert!(found.level > crate::check::Level::Warning && found.what.contains("no cabinetd answers"), "{found:?}");
    }
}
