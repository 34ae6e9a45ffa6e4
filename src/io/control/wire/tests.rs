use super::*;
use crate::cabinet::roster::{Key, Roster, User};
use crate::cabinet::types::{Code, DoorNo, PinHash, Role};
use std::collections::BTreeSet;

fn read(line: &str) -> Result<Request, BadLine> {
    parse(line.as_bytes())
}

fn refused(line: &str) -> String {
    read(line).expect_err("must be refused").text
}

fn roster() -> Roster {
    let user = |id: &str| User {
        id: id.into(),
        name: id.to_uppercase(),
        role: Role::Staff,
        badge: Some(Code::new("BADGE-1004")),
        login: Some(Code::new("LOGIN-77")),
        groups: BTreeSet::from(["building-a".into()]),
        valid_from: None,
        valid_until: None,
        schedule: vec![crate::cabinet::roster::Window { weekdays: 31, from: 480, to: 1080 }],
        lone_emergency: true,
        revoked: true,
        pin: Some(PinHash { salt: "5a17".into(), cost: (1, 1, 1), tag: "7a9".into(), duress_tag: Some("d0".into()) }),
    };
    let key = |n: u16| Key {
        id: n.to_string().into(),
        label: format!("Unit {n}"),
        building: "A".into(),
        unit: n.to_string(),
        groups: BTreeSet::from(["building-a".into()]),
        home: SlotNo(n),
        tag: Some(Code::new("TAG-9")),
        second_person: true,
    };
    Roster {
        users: ["ana", "ben"].map(|id| (id.into(), user(id))).into(),
        keys: (1..=3).map(|n| (n.to_string().into(), key(n))).collect(),
    }
}

#[test]
fn a_pull_as_a_script_would_write_it() {
    let line =
        r#"{"v":1,"request":"k1","ask":{"pull":{"keys":["Unit 204"],"reason":"work-order","reference":"8841"}}}"#;
    let request = read(line).unwrap();
    let pull = Pull {
        keys: vec!["Unit 204".into()],
        reason: Reason::WorkOrder,
        reference: Some("8841".into()),
        purpose: None,
        alone: false,
    };
    assert_eq!(&*request.request.0, "k1");
    assert_eq!(request.ask.parted(), Parted::Core(event::Ask::Pull(pull)));
    assert_eq!(read(r#"{"v":1,"request":"k","ask":"status"}"#).unwrap().ask.parted(), Parted::Read(Read::Status));
}

#[test]
fn every_ask_survives_the_way() {
    let digits = || Digits(Pin::new("482913"));
    let change = crate::cabinet::roster::RosterChange {
        source: "roster.toml".into(),
        hash: Some("ab".repeat(32)),
        replace: true,
        users: roster().users.into_values().map(|user| User { pin: None, ..user }).collect(),
        keys: roster().keys.into_values().collect(),
        remove_users: vec!["old".into()],
        remove_keys: vec!["99".into()],
    };
    let asks = [
        Ask::Status,
        Ask::Keymap,
        Ask::Roster,
        Ask::Follow,
        Ask::Pull { keys: vec!["1".into()], reason: Reason::Showing, reference: None, purpose: None, alone: true },
        Ask::Return { keys: vec![] },
        Ask::Cancel,
        Ask::Declare { slot: SlotNo(9), key: "Unit 1".into() },
        Ask::AlarmAcknowledge { alarm: AlarmId(7) },
        Ask::Countersign { alarm: AlarmId(7), by: "ben".into() },
        Ask::ChangeRoster { change: (&change).into(), dry_run: true },
        Ask::SetPin { user: "ana".into(), pin: Some(digits()), duress: None },
        Ask::Vouch { user: "ana".into(), by: "ben".into(), code: digits(), for_minutes: 30 },
        Ask::KeyLife { key: "1".into(), step: KeyStep::Lost, note: None },
        Ask::TellOutage(Told::EndsIn { ms: 3_600_000 }),
        Ask::OrderPower(PowerOrder::StayAwake { for_minutes: 60 }),
        Ask::RetryUpstream,
        Ask::BatteryReplaced,
        Ask::Drill(DrillStep::Start { deep: false }),
        Ask::Open { user: "ana".into(), door: Some(DoorNo(1)), why: "badge at home".into() },
    ];
    for ask in asks {
        let request = Request { v: VERSION, request: RequestKey("k".into()), ask: ask.clone() };
        let line = serde_json::to_string(&request).unwrap();
        assert!(line.contains(ask.word()), "the log's word is the wire's: {line}");
        assert_eq!(parse(line.as_bytes()).unwrap().ask, ask);
    }
    let sent = Ask::ChangeRoster { change: (&change).into(), dry_run: true }.parted();
    assert_eq!(sent, Parted::Core(event::Ask::ChangeRoster { change, dry_run: true }), "nothing is lost on the way");
}

#[test]
fn what_is_not_understood_is_refused_with_the_name_of_the_field() {
    assert!(refused(r#"{"v":2,"request":"k","ask":"teleport"}"#).contains("version 2 is not known"));
    assert!(refused(r#"{"request":"k","ask":"status"}"#).contains("version is missing"));
    assert!(refused(r#"{"v":1,"request":"k","ask":"teleport"}"#).contains("unknown variant, expected one of"));
    assert!(refused(r#"{"v":1,"request":"k","ask":"status","x":1}"#).contains("unknown field `x`"));
    let pull = r#"{"v":1,"request":"k","ask":{"pull":{"keys":["1"],"reason":"showing","unlock":true}}}"#;
    assert!(refused(pull).contains("unknown field `unlock`"));
    let user = r#"{"v":1,"request":"k","ask":{"change-roster":{"change":{"source":"s","replace":false,
        "users":[{"id":"a","name":"A","role":"staff","pin":{"salt":"","cost":[1,1,1],"tag":""}}]}}}}"#;
    assert!(refused(user).contains("unknown field `pin`"), "a hash cannot come in with a roster");
    assert!(refused("\u{0}\u{1}").contains("not JSON"));
    assert_eq!(read(r#"{"v":9,"request":"k7","ask":0}"#).unwrap_err().request, Some(RequestKey("k7".into())));
}

#[test]
fn errors_never_quote_what_was_in_a_field() {
    let lines = [
        r#"{"v":1,"request":"k","ask":{"set-pin":{"user":"ana","pin":482913}}}"#,
        r#"{"v":1,"request":"k","ask":{"set-pin":{"user":"ana","pin":["482913"]}}}"#,
        r#"{"v":1,"request":"k","ask":{"set-pin":{"user":"ana","pin":"482913x"}}}"#,
        r#"{"v":1,"request":"k","ask":{"vouch":{"user":"a","by":"b","code":"482913","for_minutes":"482913"}}}"#,
        r#"{"v":1,"request":"k","ask":{"vouch":{"user":"a","by":"b","code":"48291","for_minutes":1441}}}"#,
        r#"{"v":"482913","request":"k","ask":"status"}"#,
        r#"{"v":1,"request":"k","ask":{"set-pin":{"user":"ana","pin":"482913"#,
    ];
    for line in lines {
        let text = refused(line);
        assert!(!text.contains("4829"), "{text}");
    }
    let ask = Ask::SetPin { user: "ana".into(), pin: Some(Digits(Pin::new("482913"))), duress: None };
    assert!(!format!("{ask:?} {:?}", ask.clone().parted()).contains("4829"));
}

#[test]
fn texts_are_bounded_and_clean() {
    let pull = |keys: Vec<String>, reference: Option<String>| {
        Ask::Pull { keys, reason: Reason::Showing, reference, purpose: None, alone: false }.problem()
    };
    assert_eq!(pull(vec!["Unit 204".into()], Some("8841".into())), None);
    assert!(pull(vec![], None).unwrap().contains("no key"));
    assert!(pull(vec!["x".repeat(101)], None).unwrap().contains("longer than 100"));
    assert!(pull(vec!["x".into(); 301], None).unwrap().contains("300"));
    assert!(pull(vec!["x".into()], Some("\u{1b}[2J".into())).unwrap().contains("control characters"));
    assert!(pull(vec!["x".into()], Some("  ".into())).unwrap().contains("empty"));
    let pin = |pin: Option<&str>, duress: Option<&str>| {
        let digits = |text: &str| Digits(Pin::new(text));
        Ask::SetPin { user: "ana".into(), pin: pin.map(digits), duress: duress.map(digits) }.problem()
    };
    assert_eq!(pin(Some("4821"), None), None);
    assert_eq!(pin(None, Some("48217733")), None);
    assert!(pin(None, None).is_some() && pin(Some("123"), None).is_some() && pin(Some("123456789"), None).is_some());
    for key in ["", "a b", "ü", &"x".repeat(65)] {
        let line = serde_json::json!({"v": 1, "request": key, "ask": "status"}).to_string();
        assert!(refused(&line).contains("1 to 64"), "{key}");
    }
}

#[test]
fn the_roster_shows_codes_to_admins_and_hashes_to_nobody() {
    let all = serde_json::to_string(&RosterView::of(&roster(), Role::Admin)).unwrap();
    let some = serde_json::to_string(&RosterView::of(&roster(), Role::Manager)).unwrap();
    for code in ["BADGE-1004", "LOGIN-77", "TAG-9"] {
        assert!(all.contains(code) && !some.contains(code), "{code}");
    }
    for hash in ["5a17", "7a9", "duress", "salt"] {
        assert!(!all.contains(hash), "{hash}");
    }
    let mut bare = roster();
    bare.users.values_mut().for_each(|user| user.pin = None);
    let view: RosterView = serde_json::from_str(&all).unwrap();
    assert!(!view.codes_withheld && view.without_pin.is_empty());
    assert_eq!(view.into_roster(), bare);
}
