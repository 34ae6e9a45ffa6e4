//! Readers: described, there, allowed and taken, or what to do.

use super::{expect, the};
use crate::check::readers::{Facts, Holders, Is, Reader, Seen};
use crate::check::{self, Id, Level};

fn reader(what: &str, badges: bool) -> Reader {
    let is = Is::There { device: format!("/dev/input/event0 ({what})"), may_read: Some(true), holders: Holders::Ours };
    Reader { what: what.into(), has_badges: badges, has_digits: !badges, is }
}

pub(super) fn good() -> Seen {
    Seen {
        simulated: false,
        daemon_runs: true,
        readers: vec![reader("the badge reader with name \"B\"", true), reader("the keypad with name \"K\"", false)],
        wants_badges: true,
        wants_digits: true,
        others: Vec::new(),
    }
}

/// The good cabinet with other readers.
fn with(change: impl FnOnce(&mut Seen)) -> check::Facts {
    let mut seen = good();
    change(&mut seen);
    check::Facts { readers: Some(Facts::Seen(Box::new(seen))), ..super::good() }
}

fn is(seen: &mut Seen, may: Option<bool>, by: Holders) {
    seen.readers[0].is = Is::There { device: "/dev/input/event0".into(), may_read: may, holders: by };
}

#[test]
fn readers_are_described_and_enough() {
    expect(&super::good(), Id::ReadersDescribed, Level::Fine, "The badge reader with name \"B\" and the keypad");
    let facts = with(|seen| seen.readers.clear());
    expect(&facts, Id::ReadersDescribed, Level::Failure, "nobody can say who they are");
    let facts = with(|seen| {
        seen.readers.clear();
        seen.simulated = true;
        seen.others = vec!["/dev/input/event3 \"RFID\"".into()];
    });
    expect(&facts, Id::ReadersDescribed, Level::Note, "brings its own");
    assert!(the(Id::ReadersDescribed, &facts).remedy.is_some_and(|remedy| remedy.contains("event3 \"RFID\"")));
    let facts = with(|seen| drop(seen.readers.pop()));
    expect(&facts, Id::ReadersDescribed, Level::Failure, "described to type digits");
    let facts = with(|seen| drop(seen.readers.remove(0)));
    expect(&facts, Id::ReadersDescribed, Level::Failure, "described to read badges");
    let facts = with(|seen| {
        seen.readers.remove(0);
        seen.wants_badges = false;
    });
    expect(&facts, Id::ReadersDescribed, Level::Fine, "keypad");
    let facts = check::Facts { readers: Some(Facts::NotJudged), ..super::good() };
    expect(&facts, Id::ReadersDescribed, Level::Unknown, "mistakes");
}

#[test]
fn readers_are_there_or_it_is_said_what_fits() {
    expect(&super::good(), Id::ReadersThere, Level::Fine, "/dev/input/event0");
    let facts = with(|seen| {
        let (what, remedy) = ("more than one device is such a one: x; y".into(), "add port".into());
        seen.readers[1].is = Is::Trouble { what, remedy };
        seen.others = vec!["z".into()];
    });
    expect(&facts, Id::ReadersThere, Level::Failure, "The keypad with name \"K\": more than one device");
    assert_eq!(the(Id::ReadersThere, &facts).remedy.as_deref(), Some("Add port. Not described is: z."));
}

#[test]
fn who_may_not_read_them_is_told() {
    expect(&super::good(), Id::ReadersAllowed, Level::Fine, "may read");
    let nobody = || Holders::Others(Vec::new());
    expect(&with(|seen| is(seen, Some(false), nobody())), Id::ReadersAllowed, Level::Failure, "may not read the badge");
    expect(&with(|seen| is(seen, None, nobody())), Id::ReadersAllowed, Level::Unknown, "is not known");
    // It has it: so it may.
    expect(&with(|seen| is(seen, None, Holders::Ours)), Id::ReadersAllowed, Level::Fine, "may read");
}

#[test]
fn who_has_them_is_told() {
    expect(&super::good(), Id::ReadersHeld, Level::Fine, "The daemon has the readers");
    let xorg = || Holders::Others(vec!["Xorg (612)".into()]);
    let facts = with(|seen| is(seen, Some(true), xorg()));
    expect(&facts, Id::ReadersHeld, Level::Failure, "has not taken the badge reader with name \"B\". Xorg (612) has");
    let facts = with(|seen| is(seen, Some(true), Holders::Others(Vec::new())));
    expect(&facts, Id::ReadersHeld, Level::Failure, "has not taken");
    let facts = with(|seen| is(seen, Some(true), Holders::Unknown));
    expect(&facts, Id::ReadersHeld, Level::Unknown, "cannot be seen");
    let facts = with(|seen| {
        seen.daemon_runs = false;
        seen.readers.truncate(1);
        is(seen, Some(true), xorg());
    });
    expect(&facts, Id::ReadersHeld, Level::Warning, "Xorg (612) has the badge reader");
    let facts = with(|seen| {
        seen.daemon_runs = false;
        seen.readers.truncate(1);
        is(seen, Some(true), Holders::Others(Vec::new()));
    });
    expect(&facts, Id::ReadersHeld, Level::Fine, "Nobody has");
}
