//! What is signed counts as it was signed, by and for those expected, and in no other way.

use super::*;
use crate::cabinet::roster::{Roster, User};
use crate::cabinet::types::{Code, Role, SlotNo};

fn key() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

fn expected() -> Expected {
    Expected {
        roster_key: key().verifying_key().to_bytes(),
        identity: Identity { site: "Palm Court / Süd".into(), cabinet: "c1".into() },
        device_key: [7; 32],
    }
}

fn people() -> (Vec<UserEntry>, Vec<KeyEntry>) {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/roster-sample.toml");
    let file = crate::io::roster_file::read(&[file], &jiff::tz::TimeZone::UTC).expect("the sample is sound");
    let (users, keys) = (file.users.unwrap_or_default(), file.keys.unwrap_or_default());
    (users.iter().map(UserEntry::from).collect(), keys.iter().map(KeyEntry::from).collect())
}

fn terms() -> Terms {
    let Expected { identity, device_key, .. } = expected();
    Terms { version: 7, identity, device_key, expires: Wall(1_800_000_000_000) }
}

fn document() -> Value {
    let (users, keys) = people();
    sign(&terms(), &users, &keys, &key())
}

fn judged(document: &Value) -> Result<SignedRoster, RosterFault> {
    verify("upstream", document.to_string().as_bytes(), &expected())
}

/// The fault of one that was changed after it was signed, or before.
fn fault(change: impl Fn(&mut Value), and_sign: bool) -> Option<RosterFault> {
    let mut changed = document();
    change(&mut changed);
    if and_sign {
        changed["signature"] = hex(&key().sign(&signed_bytes(&changed)).to_bytes()).into();
    }
    judged(&changed).err()
}

#[test]
fn what_was_signed_comes_back() {
    let roster = judged(&document()).expect("it counts");
    let (users, keys) = people();
    let users: Vec<User> = users.into_iter().map(Into::into).collect();
    assert_eq!((roster.version, roster.expires, roster.users), (7, Wall(1_800_000_000_000), users));
    assert_eq!(roster.keys.len(), keys.len());
    assert_eq!(roster.hash.len(), 64);
    // Spaces and the order of its fields do not matter: they are not what is signed.
    let pretty = serde_json::to_string_pretty(&document()).expect("JSON");
    assert_eq!(verify("upstream", pretty.as_bytes(), &expected()).map(|same| same.hash), Ok(roster.hash));
}

#[test]
fn each_field_is_under_the_signature() {
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 12] = [
        ("version", |all| all["version"] = 8.into()),
        ("site", |all| all["site"] = "elsewhere".into()),
        ("cabinet", |all| all["cabinet"] = "c2".into()),
        ("device_key", |all| all["device_key"] = "00".repeat(32).into()),
        ("expires_ms", |all| all["expires_ms"] = i64::MAX.into()),
        ("a role", |all| all["roster"]["users"][0]["role"] = "admin".into()),
        ("a person less", |all| drop(all["roster"]["users"].as_array_mut().map(|users| users.remove(0)))),
        ("a badge", |all| all["roster"]["users"][0]["badge"] = "1".into()),
        ("a key", |all| {
            all["roster"]["keys"][0]["second_person"] =
                (!all["roster"]["keys"][0]["second_person"].as_bool().unwrap_or(false)).into();
        }),
        ("no keys", |all| all["roster"]["keys"] = json!([])),
        ("one more", |all| all["more"] = 1.into()),
        ("signature", |all| all["signature"] = "00".repeat(64).into()),
    ];
    for (what, change) in changes {
        assert_eq!(fault(change, false), Some(RosterFault::BadSignature), "{what}");
    }
}

#[test]
fn another_key_counts_for_nothing_whatever_it_signs() {
    let other = SigningKey::from_bytes(&[8; 32]);
    let (users, keys) = people();
    assert_eq!(judged(&sign(&terms(), &users, &keys, &other)).err(), Some(RosterFault::OtherKey));
    // Nor if it names the right one.
    let mut forged = sign(&terms(), &users, &keys, &other);
    forged["public_key"] = hex(&expected().roster_key).into();
    assert_eq!(judged(&forged).err(), Some(RosterFault::BadSignature));
    // A signature of the right key for something else is none for this.
    let mut head = document();
    head["signature"] = hex(&key().sign(canonical(&head).as_bytes()).to_bytes()).into();
    assert_eq!(judged(&head).err(), Some(RosterFault::BadSignature));
}

#[test]
fn rightly_signed_for_somebody_else_is_for_somebody_else() {
    assert_eq!(fault(|all| all["site"] = "elsewhere".into(), true), Some(RosterFault::OtherCabinet));
    assert_eq!(fault(|all| all["cabinet"] = "c2".into(), true), Some(RosterFault::OtherCabinet));
    assert_eq!(fault(|all| all["device_key"] = "00".repeat(32).into(), true), Some(RosterFault::OtherDevice));
    assert_eq!(fault(|all| all["device_key"] = "zz".into(), true), Some(RosterFault::OtherDevice));
    assert_eq!(fault(|_| {}, true), None, "the change alone is not what is refused");
}

#[test]
fn what_is_not_understood_counts_for_nothing_though_signed() {
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 10] = [
        ("a field too many", |all| all["orders"] = json!(["open"])),
        ("a PIN", |all| all["roster"]["users"][0]["pin"] = "482913".into()),
        ("a hash", |all| all["roster"]["users"][0]["pin_hash"] = json!({ "tag": "00" })),
        ("no version", |all| all["version"] = Value::Null),
        ("a version below zero", |all| all["version"] = (-1).into()),
        ("half a version", |all| all["version"] = json!(7.5)),
        ("an age in words", |all| all["expires_ms"] = "never".into()),
        ("no keys at all", |all| drop(all["roster"].as_object_mut().map(|roster| roster.remove("keys")))),
        ("control characters", |all| all["roster"]["users"][0]["name"] = "a\u{1b}[2J".into()),
        ("a role of its own", |all| all["roster"]["users"][0]["role"] = "god".into()),
    ];
    for (what, change) in changes {
        assert_eq!(fault(change, true), Some(RosterFault::NotUnderstood), "{what}");
    }
    for garbage in ["", "{}", "[]", "null", "{\"public_key\":7}", "<html>"] {
        let found = verify("upstream", garbage.as_bytes(), &expected());
        assert_eq!(found.err(), Some(RosterFault::NotUnderstood), "{garbage}");
    }
    let large = vec![b' '; LARGEST_BYTES + 1];
    assert_eq!(verify("upstream", &large, &expected()).err(), Some(RosterFault::TooLarge));
}

#[test]
fn a_hash_cannot_be_signed_along() {
    let hash = crate::cabinet::types::PinHash {
        salt: "5a".repeat(16),
        cost: (8, 1, 1),
        tag: "c3".repeat(32),
        duress_tag: None,
    };
    let (users, keys) = people();
    let mut user: User = users[0].clone().into();
    (user.pin, user.badge) = (Some(hash), Some(Code::new("1009")));
    let signed = sign(&terms(), &[UserEntry::from(&user)], &keys, &key());
    assert!(!signed.to_string().contains("c3c3"));
    let roster = judged(&signed).expect("it counts");
    assert_eq!((roster.users[0].pin.clone(), user.role >= Role::Staff), (None, true));
    let slots = (1..=300).map(SlotNo).collect();
    let change = crate::cabinet::roster::RosterChange {
        source: roster.source,
        hash: Some(roster.hash),
        replace: true,
        users: roster.users,
        keys: roster.keys,
        remove_users: vec![],
        remove_keys: vec![],
    };
    assert!(Roster::default().after(&change, &slots).is_ok());
}
