//! Stories: a script of events at one cabinet, and what is recorded, said and done. Written to be read by a manager.
//!
//! The words (`badge`, `take`, `power_cut` …) are those of `support/story.rs`. Beside what a story expects, the laws of
//! `support/laws.rs` are checked after each of its events.

#[path = "support/laws.rs"]
mod laws;
#[path = "support/sample.rs"]
mod sample;
#[path = "support/story.rs"]
mod story;
#[path = "support/words.rs"]
mod words;

#[path = "stories/access.rs"]
mod access;
#[path = "stories/cabinet_life.rs"]
mod cabinet_life;
#[path = "stories/doors.rs"]
mod doors;
#[path = "stories/drill.rs"]
mod drill;
#[path = "stories/enrolment.rs"]
mod enrolment;
#[path = "stories/keypad.rs"]
mod keypad;
#[path = "stories/keys.rs"]
mod keys;
#[path = "stories/openings.rs"]
mod openings;
#[path = "stories/outage.rs"]
mod outage;
#[path = "stories/outage_corners.rs"]
mod outage_corners;
#[path = "stories/outage_end.rs"]
mod outage_end;
#[path = "stories/outage_simulated.rs"]
mod outage_simulated;
#[path = "stories/outage_sleep.rs"]
mod outage_sleep;
#[path = "stories/outage_starts.rs"]
mod outage_starts;
#[path = "stories/reload.rs"]
mod reload;
#[path = "stories/requests.rs"]
mod requests;
#[path = "stories/returns.rs"]
mod returns;
#[path = "stories/sensors.rs"]
mod sensors;
#[path = "stories/signed_roster.rs"]
mod signed_roster;
#[path = "stories/upstream.rs"]
mod upstream;
#[path = "stories/visits.rs"]
mod visits;
