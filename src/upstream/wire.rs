//! The contract's words (`docs/upstream.openapi.yaml`): what a batch looks like, and what answers say. No sockets here.

use super::sync::Answer;
use crate::cabinet::snapshot::Snapshot;
use crate::hex::{hex, unhex};
use crate::io::store::envelope::SALT_LEN;
use crate::io::store::{Excerpt, Head, SignedHead};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write as _;

/// The version of the contract, in every path.
pub const VERSION: &str = "v1";

/// The destination that heads are signed for.
pub const DESTINATION: &str = "upstream";

/// Of a refusal so many records count: one batch has no more bad ones, or is refused again.
const MOST_REFUSED: usize = 64;

/// Nobody states the end of an outage further ahead than this.
const LONGEST_STATED_MS: u64 = 90 * 24 * 3_600_000;

/// A batch as it is sent: its first line says what it is, then one line a record, all of it compressed.
#[must_use]
pub fn batch(excerpt: &Excerpt, head: &SignedHead, machine: &str) -> Vec<u8> {
    let first = json!({
        "after": head_json(&excerpt.after),
        "head": serde_json::from_str::<Value>(&head.to_json()).unwrap_or_default(),
        "machine": machine,
        "records": excerpt.records,
    });
    packed(&[format!("{first}\n").as_bytes(), &excerpt.lines])
}

/// Compressed, as every larger body is.
fn packed(pieces: &[&[u8]]) -> Vec<u8> {
    // Level 1: twice as fast as level 6, for a tenth more bytes.
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    let mut body = GzEncoder::new(Vec::with_capacity(length / 2), Compression::fast());
    // Writing to a vector does not fail.
    let _ = pieces.iter().try_for_each(|piece| body.write_all(piece));
    body.finish().unwrap_or_default()
}

/// Where each key is, as it is sent: as of the record `head`.
#[must_use]
pub fn keymap(seen: &Snapshot, head: &Head) -> Vec<u8> {
    let picture = json!({
        "as_of_ms": seen.as_of.wall.0,
        "clock": seen.as_of.clock,
        "head": head_json(head),
        "slots": seen.slots,
    });
    packed(&[picture.to_string().as_bytes()])
}

/// What upstream knows of the weather and of an outage. By its own clock: after an outage ours may know nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hint {
    /// How old it is.
    pub age_ms: u64,
    pub storm: bool,
    /// When the utility expects an outage to end, from now.
    pub ends_in_ms: Option<u64>,
}

/// A hint from the contract's form; none if it says nothing that can be understood.
#[must_use]
pub fn hint(body: &[u8]) -> Option<Hint> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let (now, as_of) = (value["now_ms"].as_i64()?, value["as_of_ms"].as_i64()?);
    let ahead = |at: i64| u64::try_from(at.checked_sub(now)?).ok().filter(|ms| *ms > 0);
    let ends_in_ms = match value.get("restoration_ms") {
        None | Some(Value::Null) => None,
        // An end in the past is none.
        Some(at) => ahead(at.as_i64()?).map(|ms| ms.min(LONGEST_STATED_MS)),
    };
    Some(Hint { age_ms: now.checked_sub(as_of)?.unsigned_abs(), storm: value["storm"].as_bool()?, ends_in_ms })
}

/// Payloads that were refused, once more.
#[must_use]
pub fn payloads(list: &[(u64, u64, [u8; SALT_LEN], String)]) -> Value {
    let one = |(seq, epoch, salt, payload): &(u64, u64, [u8; SALT_LEN], String)| {
        // As text: so its bytes stay what they were.
        json!({ "seq": seq, "epoch": epoch, "salt": hex(salt), "payload": payload })
    };
    json!({ "payloads": list.iter().map(one).collect::<Vec<_>>() })
}

/// A head in the contract's form.
#[must_use]
pub fn head_json(head: &Head) -> Value {
    json!({ "epoch": head.epoch, "seq": head.seq, "hash": hex(&head.hash) })
}

/// A head from the contract's form.
#[must_use]
pub fn head_of(value: &Value) -> Option<Head> {
    Some(Head { epoch: value["epoch"].as_u64()?, seq: value["seq"].as_u64()?, hash: unhex(value["hash"].as_str()?)? })
}

/// What an answer to `GET head` or to a heartbeat means; none if it says nothing that can be understood.
#[must_use]
pub fn has(body: &[u8]) -> Option<Answer> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let head = match value.get("head")? {
        Value::Null => None,
        head => Some(head_of(head)?),
    };
    let machine = value["machine"].as_str().map(|name| name.chars().take(64).collect());
    Some(Answer::Has { head, machine })
}

/// What an answer to a batch means, by its status and body.
#[must_use]
pub fn took(status: u16, body: &[u8], retry_after_ms: Option<u64>) -> Answer {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let failed = Answer::Failed { retry_after_ms };
    match status {
        200 => head_of(&value["head"]).map_or(failed, |head| Answer::Took { head, refused: BTreeSet::new() }),
        422 => {
            let refused: BTreeSet<u64> = numbers(&value["refused"]);
            match head_of(&value["head"]) {
                Some(head) if !refused.is_empty() => Answer::Took { head, refused },
                _ => failed,
            }
        }
        409 => Answer::Elsewhere,
        413 => Answer::TooLarge,
        _ => failed,
    }
}

/// The numbers of records in a list of objects.
#[must_use]
pub fn numbers(list: &Value) -> BTreeSet<u64> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().take(MOST_REFUSED).filter_map(|item| item["seq"].as_u64()).collect()
}

/// `Retry-After` in ms: seconds, or a date, of which its distance from the answer's own `Date` counts; our clock may be wrong.
#[must_use]
pub fn retry_after_ms(value: &str, date: Option<&str>) -> Option<u64> {
    if let Ok(seconds) = value.trim().parse::<u64>() {
        return Some(seconds.saturating_mul(1_000));
    }
    let moment = |text: &str| Some(jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp().as_second());
    Some(u64::try_from(moment(value)? - moment(date?)?).unwrap_or(0).saturating_mul(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_make_no_sense_are_no_answers() {
        let failed = Answer::Failed { retry_after_ms: None };
        for (status, body) in [
            (200, ""),
            (200, "{}"),
            (200, r#"{"head":{"epoch":1,"seq":7,"hash":"ab"}}"#),
            (200, r#"{"head":{"epoch":-1,"seq":7}}"#),
            (422, "{}"),
            (422, r#"{"refused":[{"seq":3}]}"#),
            (500, "<html>"),
            (204, ""),
            (301, ""),
        ] {
            assert_eq!(took(status, body.as_bytes(), None), failed, "{status} {body}");
        }
        assert_eq!(has(b"{\"head\":7}"), None);
        assert_eq!(has(b"{\"head\":null}"), Some(Answer::Has { head: None, machine: None }));
    }

    #[test]
    fn a_refusal_names_records_and_how_far_it_went() {
        let hash = "00".repeat(32);
        let body =
            format!(r#"{{"head":{{"epoch":1,"seq":7,"hash":"{hash}"}},"refused":[{{"seq":8,"reason":"x"}},{{}}]}}"#);
        let head = Head { epoch: 1, seq: 7, hash: [0; 32] };
        assert_eq!(took(422, body.as_bytes(), None), Answer::Took { head, refused: BTreeSet::from([8]) });
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let at = "Fri, 31 Dec 1999 23:59:59 GMT";
        assert_eq!(retry_after_ms(" 120 ", None), Some(120_000));
        assert_eq!(retry_after_ms(at, Some("Fri, 31 Dec 1999 23:59:50 GMT")), Some(9_000));
        assert_eq!(retry_after_ms(at, Some("Sat, 01 Jan 2000 00:10:00 GMT")), Some(0), "it is over");
        assert_eq!((retry_after_ms(at, None), retry_after_ms("soon", Some(at))), (None, None));
    }

    #[test]
    fn a_hint_is_read_by_the_clock_of_whoever_gave_it() {
        let read = |text: &str| hint(text.as_bytes());
        assert_eq!(
            read(r#"{"now_ms":5000,"as_of_ms":2000,"storm":true,"restoration_ms":9000,"more":1}"#),
            Some(Hint { age_ms: 3_000, storm: true, ends_in_ms: Some(4_000) })
        );
        let plain = Some(Hint { age_ms: 0, storm: false, ends_in_ms: None });
        assert_eq!(read(r#"{"now_ms":5000,"as_of_ms":5000,"storm":false}"#), plain);
        assert_eq!(read(r#"{"now_ms":5000,"as_of_ms":5000,"storm":false,"restoration_ms":4999}"#), plain, "it is over");
        let far = format!(r#"{{"now_ms":0,"as_of_ms":0,"storm":false,"restoration_ms":{}}}"#, i64::MAX);
        assert_eq!(read(&far).and_then(|hint| hint.ends_in_ms), Some(LONGEST_STATED_MS));
        let odd = format!(r#"{{"now_ms":{},"as_of_ms":{},"storm":true}}"#, i64::MIN, i64::MAX);
        for nonsense in ["", "[]", r#"{"storm":true}"#, r#"{"now_ms":1,"as_of_ms":1,"storm":"yes"}"#, &odd] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
    }
}
