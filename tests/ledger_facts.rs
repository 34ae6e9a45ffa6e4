//! Every fact, as the ledger keeps it: it comes back as it went in, and reads as a sentence.

mod ledger_samples;

use cabinetd::cabinet::books::{Custody, Session};
use cabinetd::cabinet::fact::Fact;
use cabinetd::cabinet::types::{Evidence, Reason, SessionId, SlotNo};
use cabinetd::io::store::envelope::{canonical, fact_of, payload_of};
use ledger_samples::{every_fact, every_origin};
use proptest::prelude::*;

#[test]
fn every_fact_comes_back_from_its_kind_and_payload() {
    for by in every_origin() {
        for fact in every_fact() {
            let (kind, payload) = payload_of(&by, &fact).expect("can be written");
            let value: serde_json::Value = serde_json::from_str(&payload).expect("is JSON");
            assert_eq!(canonical(&value), payload, "canonical again");
            assert_eq!(fact_of(&kind, &payload).expect("can be read"), (by.clone(), fact), "{kind} {payload}");
        }
    }
}

#[test]
fn every_fact_is_one_sentence_or_more_and_no_debris() {
    for fact in every_fact() {
        let text = fact.to_string();
        assert!(text.ends_with(['.', ']']) && text.len() > 15, "{text}");
        for debris in ["None", "Some(", "{", "}", "\"204\"", "  ", " ,", " .", "()"] {
            assert!(!text.contains(debris), "\"{debris}\" in: {text}");
        }
    }
}

#[test]
fn a_session_that_an_older_version_began_is_read() {
    let stamp = r#"{"mono":1,"wall":2,"clock":"synced","boot":"00000000000000000000000000000003"}"#;
    let row = format!(r#"{{"id":7,"user":"ana","second":null,"started":{stamp},"granted":[],"opened":true}}"#);
    let session: Session = serde_json::from_str(&row).expect("it is read");
    assert_eq!((session.taken, session.returned), (0, 0));
    let row = format!(r#"{{"is":"lost","since":{stamp},"seq":9}}"#);
    assert!(matches!(serde_json::from_str(&row).expect("it is read"), Custody::Lost { last: None, .. }));
}

proptest! {
    #[test]
    fn whatever_people_type_comes_back(reference in any::<Option<String>>(), purpose in any::<Option<String>>(),
                                       key in any::<String>(), session in any::<u64>(), slot in any::<u16>()) {
        let fact = Fact::Taken {
            slot: SlotNo(slot),
            key: Some(key.into()),
            evidence: Some(Evidence::Declared),
            session: Some(SessionId(session)),
            holder: None,
            reason: Reason::Showing,
            reference,
            purpose,
            entitled: true,
        };
        let by = every_origin().remove(2);
        let (kind, payload) = payload_of(&by, &fact).expect("can be written");
        prop_assert_eq!(fact_of(&kind, &payload).expect("can be read"), (by, fact));
    }
}
