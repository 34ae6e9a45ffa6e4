//! The views' rows as text: `view` and `id` address a row, `body` is its JSON.

use crate::cabinet::books::{Row, View};
use crate::cabinet::types::{AlarmId, DoorNo, Input, SlotNo};
use serde_json::Value;

/// The view's name (the tag of its [`Row`]) and the row's id within it; views with a single row use the empty id.
#[must_use]
pub fn address(view: &View) -> (&'static str, String) {
    match view {
        View::Slot(slot) => ("slot", slot.to_string()),
        View::Custody(key) => ("custody", key.to_string()),
        View::Door(door) => ("door", door.to_string()),
        View::Session => ("session", String::new()),
        View::Alarm(alarm) => ("alarm", alarm.to_string()),
        View::Life => ("life", String::new()),
        View::Supply => ("supply", String::new()),
        View::Power => ("power", String::new()),
        View::Throttle => ("throttle", String::new()),
        View::Fault(Input::Slot(slot)) => ("fault", format!("slot-{slot}")),
        View::Fault(Input::Door(door)) => ("fault", format!("door-{door}")),
        View::Fault(Input::Tamper) => ("fault", "tamper".to_owned()),
        View::Fault(Input::Lockbox) => ("fault", "lockbox".to_owned()),
        View::Person(user) => ("person", user.to_string()),
        View::Vouched(user) => ("vouched", user.to_string()),
        View::User(user) => ("user", user.to_string()),
        View::Key(key) => ("key", key.to_string()),
        View::RosterVersion => ("roster-version", String::new()),
        View::Hidden => ("hidden", String::new()),
        View::SignedRoster => ("signed-roster", String::new()),
        View::Answered(place) => ("answered", place.to_string()),
    }
}

/// The inverse of [`address`]; none if no view is called so.
#[must_use]
pub fn view_of(view: &str, id: &str) -> Option<View> {
    let single = |view: View| id.is_empty().then_some(view);
    match view {
        "slot" => id.parse().ok().map(|slot| View::Slot(SlotNo(slot))),
        "custody" => Some(View::Custody(id.into())),
        "door" => id.parse().ok().map(|door| View::Door(DoorNo(door))),
        "session" => single(View::Session),
        "alarm" => id.parse().ok().map(|alarm| View::Alarm(AlarmId(alarm))),
        "life" => single(View::Life),
        "supply" => single(View::Supply),
        "power" => single(View::Power),
        "throttle" => single(View::Throttle),
        "fault" => match id.split_once('-') {
            None if id == "lockbox" => Some(View::Fault(Input::Lockbox)),
            None => (id == "tamper").then_some(View::Fault(Input::Tamper)),
            Some(("slot", slot)) => slot.parse().ok().map(|slot| View::Fault(Input::Slot(SlotNo(slot)))),
            Some(("door", door)) => door.parse().ok().map(|door| View::Fault(Input::Door(DoorNo(door)))),
            Some(_) => None,
        },
        "person" => Some(View::Person(id.into())),
        "vouched" => Some(View::Vouched(id.into())),
        "user" => Some(View::User(id.into())),
        "key" => Some(View::Key(id.into())),
        "roster-version" => single(View::RosterVersion),
        "hidden" => single(View::Hidden),
        "signed-roster" => single(View::SignedRoster),
        "answered" => id.parse().ok().map(View::Answered),
        _ => None,
    }
}

/// The body of a row, without the view's name: that is a column of its own.
pub fn body_of(row: &Row) -> Result<String, serde_json::Error> {
    match serde_json::to_value(row)? {
        Value::Object(mut tagged) => Ok(tagged.remove("row").unwrap_or(Value::Null).to_string()),
        other => Err(serde::ser::Error::custom(format!("a row became {other}"))),
    }
}

/// A row from its view's name and its body.
pub fn row_of(view: &str, body: &str) -> Result<Row, serde_json::Error> {
    // `view` is one of our own words (see view_of), so it needs no escaping.
    serde_json::from_str(&format!(r#"{{"view":"{view}","row":{body}}}"#))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cabinet::books::{Presence, Slot, Throttle};
    use crate::cabinet::fact::SensorFault;
    use crate::cabinet::types::{BootId, ClockQuality, Mono, Stamp, Wall};

    #[test]
    fn every_view_has_an_address_that_leads_back() {
        let views = [
            View::Slot(SlotNo(7)),
            View::Custody("204 / \"a\"".into()),
            View::Door(DoorNo(2)),
            View::Session,
            View::Alarm(AlarmId(99)),
            View::Life,
            View::Supply,
            View::Power,
            View::Throttle,
            View::Fault(Input::Slot(SlotNo(3))),
            View::Fault(Input::Door(DoorNo(1))),
            View::Fault(Input::Tamper),
            View::Fault(Input::Lockbox),
            View::Person("ana".into()),
            View::Vouched("ana".into()),
            View::User("ana".into()),
            View::Key("204".into()),
            View::RosterVersion,
            View::Hidden,
            View::SignedRoster,
            View::Answered(63),
        ];
        for view in views {
            let (name, id) = address(&view);
            assert_eq!(view_of(name, &id), Some(view));
        }
        assert_eq!(view_of("fault", "roof-1"), None);
        assert_eq!(view_of("life", "1"), None);
        assert_eq!(view_of("nonsense", ""), None);
    }

    #[test]
    fn rows_go_both_ways() {
        let since = Stamp { mono: Mono(1), wall: Wall(2), clock: ClockQuality::Synced, boot: BootId(3) };
        let slot = Slot {
            present: Presence::Present,
            key: Some("204".into()),
            evidence: None,
            seq: 4,
            since,
            session: None,
            candidates: vec![],
        };
        for (view, row) in [
            ("slot", Row::Slot(slot)),
            ("fault", Row::Fault(SensorFault::Chatter)),
            ("roster-version", Row::RosterVersion(u64::MAX)),
            ("throttle", Row::Throttle(Throttle { level_milli: 5, as_of: since })),
        ] {
            assert_eq!(row_of(view, &body_of(&row).expect("a body")).expect("a row"), row);
        }
    }
}
