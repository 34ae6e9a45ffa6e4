//! Upstream.

use super::*;
use crate::cabinet::snapshot::{KeyName, SignedRosterView, UpstreamIs, UpstreamView};
use crate::check::upstream::{Copied, Facts as Upstream, Roster};

fn copied(change: impl FnOnce(&mut Copied)) -> Facts {
    let mut facts = good();
    match &mut facts.upstream {
        Some(Upstream::Copied(copied)) => change(copied),
        other => panic!("{other:?}"),
    }
    facts
}

fn copy(change: impl FnOnce(&mut UpstreamView)) -> Facts {
    copied(|copied| change(copied.copy.as_mut().expect("the daemon says so")))
}

#[test]
fn whom_to_trust_and_the_token_are_looked_at_first() {
    let no_ca = copied(|copied| copied.trust = Err("the CA file x cannot be read: gone; name a PEM file".into()));
    expect(&no_ca, Id::UpstreamTrust, Level::Failure, "The CA file x cannot be read");
    let no_token = copied(|copied| copied.token = Some(Err("/c/t is missing; write it".into())));
    expect(&no_token, Id::UpstreamToken, Level::Failure, "/c/t is missing");
    expect(&copied(|copied| copied.token = None), Id::UpstreamToken, Level::Note, "No token");
}

#[test]
fn a_refused_token_and_a_strange_certificate_have_remedies_of_their_own() {
    let says = |why: &str| copied(|copied| copied.answer = Some(Err(why.into())));
    let refused = says("upstream answered 401: who are you");
    expect(&refused, Id::UpstreamAnswers, Level::Warning, "401");
    assert!(the(Id::UpstreamAnswers, &refused).remedy.expect("one").contains("token"));
    let strange = says("invalid peer certificate: UnknownIssuer");
    assert!(the(Id::UpstreamAnswers, &strange).remedy.expect("one").contains("ca_file"));
}

#[test]
fn silence_is_a_note_for_a_day_and_a_stop_is_a_failure_at_once() {
    let silent = |hours: u64| {
        copy(|copy| (copy.state, copy.silent_ms, copy.waiting) = (UpstreamIs::Silent, Some(hours * 3_600_000), 12))
    };
    expect(&silent(3), Id::UpstreamCurrent, Level::Note, "12 records wait");
    expect(&silent(24), Id::UpstreamCurrent, Level::Warning, "silent for 24 h");
    expect(&copy(|copy| copy.state = UpstreamIs::Stopped), Id::UpstreamCurrent, Level::Failure, "other records");
    expect(&copy(|copy| copy.state = UpstreamIs::Blocked), Id::UpstreamCurrent, Level::Failure, "envelope");
    expect(&copy(|copy| copy.parked = vec![31]), Id::UpstreamCurrent, Level::Warning, "1 of the records");
    expect(&copied(|copied| copied.copy = None), Id::UpstreamCurrent, Level::Unknown, "not known");
}

#[test]
fn where_nothing_is_copied_nothing_is_said() {
    let nowhere = Facts { upstream: Some(Upstream::Nowhere), ..good() };
    assert!(judge(&nowhere).iter().all(|finding| finding.id.group() != Group::Upstream));
    // But that only a stick brings rosters is said, and how the roster stands.
    let alone = |roster| Facts { upstream: Some(Upstream::RosterAlone(roster)), ..good() };
    expect(&alone(Roster::NoneYet), Id::UpstreamCurrent, Level::Note, "The ledger is copied nowhere");
    expect(&alone(Roster::NoneYet), Id::UpstreamRoster, Level::Note, "No signed roster");
}

#[test]
fn a_signed_roster_past_its_age_warns_and_an_untrusted_clock_does_not_judge_it() {
    let held = |is_overdue| {
        let (expires, since) = (Some(crate::cabinet::types::Wall(1)), None);
        let view = SignedRosterView { version: Some(7), since, expires, is_overdue, ..SignedRosterView::default() };
        copied(|copied| copied.roster = Roster::Held(view))
    };
    expect(&held(Some(true)), Id::UpstreamRoster, Level::Warning, "Signed roster 7 is past its age");
    expect(&held(None), Id::UpstreamRoster, Level::Note, "the clock does not know");
    expect(&held(Some(false)), Id::UpstreamRoster, Level::Fine, "in force");
    let waits = SignedRosterView {
        waiting: Some(8),
        waits_for: vec![KeyName { id: "204".into(), label: "Unit 204".into() }],
        ..SignedRosterView::default()
    };
    let waits = copied(|copied| copied.roster = Roster::Held(waits));
    expect(&waits, Id::UpstreamRoster, Level::Warning, "Signed roster 8 waits until Unit 204 is back");
    expect(&copied(|copied| copied.roster = Roster::NoneYet), Id::UpstreamRoster, Level::Note, "No signed roster");
    expect(&copied(|copied| copied.roster = Roster::NotSaid), Id::UpstreamRoster, Level::Unknown, "not known");
    let refused = copy(|copy| copy.roster_trouble = Some("it is for another cabinet; sign one for this".into()));
    expect(&refused, Id::UpstreamRoster, Level::Warning, "for another cabinet");
}
