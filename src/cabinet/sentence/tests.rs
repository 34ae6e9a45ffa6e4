//! Facts read aloud: with names, with ids, and what may not be said.

use super::super::fact::{Alarm, Dark};
use super::super::roster::{Key, Roster, User};
use super::super::types::{BootId, ClockQuality, Evidence, Mono, Reason, Role, SessionId, SlotNo, Stamp, Wall};
use super::*;

fn roster() -> Roster {
    let user = User {
        id: "ana".into(),
        name: "Ana Ruiz".into(),
        role: Role::Staff,
        badge: None,
        login: None,
        groups: std::collections::BTreeSet::new(),
        valid_from: None,
        valid_until: None,
        schedule: vec![],
        lone_emergency: false,
        revoked: false,
        pin: None,
    };
    let key = Key {
        id: "204".into(),
        label: "Unit 204".into(),
        building: "A".into(),
        unit: "204".into(),
        groups: std::collections::BTreeSet::new(),
        home: SlotNo(7),
        tag: None,
        second_person: false,
    };
    let mut roster = Roster::default();
    roster.users.insert(user.id.clone(), user);
    roster.keys.insert(key.id.clone(), key);
    roster
}

#[test]
fn a_pull_reads_like_a_sentence() {
    let fact = Fact::Taken {
        slot: SlotNo(7),
        key: Some("204".into()),
        evidence: Some(Evidence::HomeSlot),
        session: Some(SessionId(12)),
        holder: Some("ana".into()),
        reason: Reason::WorkOrder,
        reference: Some("8841".into()),
        purpose: Some("the plumber".into()),
        entitled: true,
    };
    let roster = roster();
    assert_eq!(
        Sentence { fact: &fact, names: Names(Some(&roster)), clock_trusted: true }.to_string(),
        "Unit 204 was taken from slot 7 by Ana Ruiz (ana) for a work order (8841), for the plumber (by its home slot, session 12)."
    );
    assert_eq!(
        fact.to_string(),
        "key 204 was taken from slot 7 by ana for a work order (8841), for the plumber (by its home slot, session 12)."
    );
}

#[test]
fn an_unknown_return_says_what_it_may_be() {
    let fact = Fact::Returned {
        slot: SlotNo(9),
        key: None,
        evidence: None,
        session: None,
        by: None,
        candidates: vec!["204".into(), "205".into()],
    };
    let roster = roster();
    assert_eq!(
        Sentence { fact: &fact, names: Names(Some(&roster)), clock_trusted: true }.to_string(),
        "An unknown key was returned to slot 9; it may be Unit 204, key 205."
    );
}

#[test]
fn what_upstream_counts_is_no_number_of_this_ledger() {
    for alarm in [Alarm::UpstreamAhead { seq: 987_654 }, Alarm::CabinetCloned { seq: 987_654 }] {
        let words = Names(None).alarm(&alarm);
        assert!(!words.contains(|letter: char| letter.is_ascii_digit()), "{words}");
    }
}

#[test]
fn a_dark_interval_nobody_announced_is_at_most_as_long_as_since_the_last_sign_of_life() {
    let from = Stamp { mono: Mono(1), wall: Wall(1), clock: ClockQuality::Unknown, boot: BootId(1) };
    let dark = |announced, boot| Dark { from, boot: BootId(boot), announced, asleep: None, lasted_ms: 22_000 };
    for (dark, words) in [
        (dark(true, 1), "for 22 s before: it had been stopped"),
        (dark(false, 1), "for at most 22 s before: it had ended without notice"),
        (dark(true, 2), "for at least 22 s before: the machine had been shut down"),
        (dark(false, 2), "for at least 22 s before: the machine had gone down without notice"),
    ] {
        let text = Fact::Started { version: "1".into(), dark: Some(dark) }.to_string();
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn lengths_of_time_have_two_units_at_most() {
    for (ms, words) in [
        (0, "0 ms"),
        (999, "999 ms"),
        (59_999, "59 s"),
        (60_000, "1 min"),
        (200_000, "3 min 20 s"),
        (18_120_000, "5 h 2 min"),
        (273_600_000, "3 d 4 h"),
    ] {
        assert_eq!(duration(ms), words);
    }
}
