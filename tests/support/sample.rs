//! The people, keys and clock that stories and simulation share.

use cabinetd::cabinet::event::Pull;
use cabinetd::cabinet::roster::{Key, RosterChange, User};
use cabinetd::cabinet::types::{BootId, Civil, ClockQuality, Code, Mono, Now, PinHash, Reason, Role, SlotNo, Wall};

/// Monday 2026-01-05, 09:00 UTC, which is also the site's local time in the stories.
pub const MONDAY_NINE_MS: i64 = 1_767_603_600_000;

/// A PIN hash for the stories: nothing is ever hashed here.
pub fn some_hash() -> PinHash {
    PinHash { salt: "00".into(), cost: (8, 1, 1), tag: "00".into(), duress_tag: Some("11".into()) }
}

/// A member of the staff with a PIN, whose badge is `badge-NAME` and whose login number is `login-NAME`.
pub fn person(id: &str, role: Role, groups: &[&str]) -> User {
    User {
        id: id.into(),
        name: id[..1].to_uppercase() + &id[1..],
        role,
        badge: Some(Code::new(&format!("badge-{id}"))),
        login: Some(Code::new(&format!("login-{id}"))),
        groups: groups.iter().map(|group| (*group).into()).collect(),
        valid_from: None,
        valid_until: None,
        schedule: Vec::new(),
        lone_emergency: false,
        revoked: false,
        pin: Some(some_hash()),
    }
}

/// The key of unit 200 + `slot`, tag `tag-ID`.
pub fn unit_key(slot: u16, group: &str) -> Key {
    let id = (200 + slot).to_string();
    Key {
        label: format!("Unit {id}"),
        building: String::new(),
        unit: id.clone(),
        groups: [group.into()].into(),
        home: SlotNo(slot),
        tag: Some(Code::new(&format!("tag-{id}"))),
        second_person: false,
        id: id.into(),
    }
}

/// The people and keys of the stories. Building A: 201 to 212 in slots 1 to 12; building B: 213 to 216; the safe's key, for two, in slot 17.
/// Ana, Bob and Eve work in A, Dan in B, Cleo is the manager. Eve may break the two-person rule in an emergency.
pub fn sample_roster() -> RosterChange {
    let mut eve = person("eve", Role::Staff, &["a"]);
    eve.lone_emergency = true;
    let mut safe = unit_key(17, "a");
    safe.id = "safe".into();
    safe.label = "Safe".into();
    safe.tag = Some(Code::new("tag-safe"));
    safe.second_person = true;
    let mut keys: Vec<Key> = (1..=12).map(|slot| unit_key(slot, "a")).collect();
    keys.extend((13..=16).map(|slot| unit_key(slot, "b")));
    keys.push(safe);
    RosterChange {
        source: "sample".into(),
        hash: None,
        replace: true,
        users: vec![
            person("ana", Role::Staff, &["a"]),
            person("bob", Role::Staff, &["a"]),
            person("dan", Role::Staff, &["b"]),
            person("cleo", Role::Manager, &[]),
            eve,
        ],
        keys,
        remove_users: vec![],
        remove_keys: vec![],
    }
}

/// An edit of one user's row.
pub fn edit_user(user: User) -> RosterChange {
    RosterChange {
        source: "edit".into(),
        hash: None,
        replace: false,
        users: vec![user],
        keys: vec![],
        remove_users: vec![],
        remove_keys: vec![],
    }
}

pub fn pull_of(keys: &[&str], reason: Reason, alone: bool) -> Pull {
    let keys = keys.iter().map(|key| (*key).to_owned()).collect();
    Pull { keys, reason, reference: None, purpose: None, alone }
}

/// The clock of the stories: local time is UTC.
pub fn now_of(mono: Mono, wall_minus_mono: i64, clock: ClockQuality, boot: BootId) -> Now {
    let wall = wall_minus_mono + i64::try_from(mono.0).expect("a story is short");
    let day = i32::try_from(wall.div_euclid(86_400_000)).expect("a story is short");
    let minute = u16::try_from(wall.rem_euclid(86_400_000) / 60_000).expect("a day has 1,440 minutes");
    Now { mono, wall: Wall(wall), clock, civil: Civil { day, minute }, boot }
}
