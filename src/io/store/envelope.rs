//! The canonical bytes of a record and its hash. Specified in `docs/ledger-format.md`; nothing here touches a disk.
//!
//! `hash = SHA-256(prev ‖ header ‖ SHA-256(salt ‖ payload))`. The header is the envelope (who wrote it, its place, its times), the
//! payload says what happened. Because the payload enters only through its salted digest, it can be erased or withheld while
//! the chain still verifies.

use crate::cabinet::fact::{Fact, Record};
use crate::cabinet::types::{BootId, ClockQuality, Origin, Stamp};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// A SHA-256.
pub type Hash = [u8; 32];

/// What stands before the first record of the first epoch.
pub const GENESIS: Hash = [0; 32];

/// Bytes of a record's salt.
pub const SALT_LEN: usize = 16;

/// Whose ledger it is. Both parts are in every record's header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    pub site: String,
    pub cabinet: String,
}

/// The envelope of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    pub epoch: u64,
    pub seq: u64,
    /// The fact's name in kebab case.
    pub kind: String,
    pub stamp: Stamp,
}

impl Header {
    /// The canonical bytes: a JSON object with these nine keys in this order, without spaces.
    #[must_use]
    pub fn canonical(&self, identity: &Identity) -> String {
        let text = |value: &str| canonical(&Value::String(value.to_owned()));
        format!(
            r#"{{"boot":"{}","cabinet":{},"clock":"{}","epoch":{},"kind":{},"mono_ms":{},"seq":{},"site":{},"wall_ms":{}}}"#,
            self.stamp.boot,
            text(&identity.cabinet),
            clock_word(self.stamp.clock),
            self.epoch,
            text(&self.kind),
            self.stamp.mono.0,
            self.seq,
            text(&identity.site),
            self.stamp.wall.0,
        )
    }
}

/// A record with everything that the ledger keeps of it.
#[derive(Clone, Debug)]
pub struct Sealed {
    pub header: Header,
    pub salt: [u8; SALT_LEN],
    pub payload: String,
    pub hash: Hash,
}

/// Seals a record behind the one whose hash is `prev`.
///
/// # Errors
/// If the fact cannot be written as canonical JSON (a float in it): a mistake in the program.
pub fn seal(
    record: &Record,
    epoch: u64,
    prev: &Hash,
    salt: [u8; SALT_LEN],
    identity: &Identity,
) -> Result<Sealed, serde_json::Error> {
    let (kind, payload) = payload_of(&record.by, &record.fact)?;
    let header = Header { epoch, seq: record.seq, kind, stamp: record.stamp };
    let hash = chain(prev, &header.canonical(identity), &digest(&salt, payload.as_bytes()));
    Ok(Sealed { header, salt, payload, hash })
}

/// The digest through which a payload enters the chain.
#[must_use]
pub fn digest(salt: &[u8], payload: &[u8]) -> Hash {
    Sha256::new().chain_update(salt).chain_update(payload).finalize().into()
}

/// The hash of a record.
#[must_use]
pub fn chain(prev: &Hash, header: &str, digest: &Hash) -> Hash {
    Sha256::new().chain_update(prev).chain_update(header.as_bytes()).chain_update(digest).finalize().into()
}

/// The record's kind and the canonical bytes of its payload: `{"by":…,"fact":…}`; without `fact` if the fact has no fields.
pub fn payload_of(by: &Origin, fact: &Fact) -> Result<(String, String), serde_json::Error> {
    let mut tagged = match serde_json::to_value(fact)? {
        Value::Object(tagged) => tagged,
        other => return Err(serde::ser::Error::custom(format!("a fact became {other}"))),
    };
    let Some(Value::String(kind)) = tagged.remove("kind") else {
        return Err(serde::ser::Error::custom("a fact has no kind"));
    };
    let mut payload = Map::new();
    payload.insert("by".to_owned(), serde_json::to_value(by)?);
    payload.append(&mut tagged);
    let payload = Value::Object(payload);
    if has_float(&payload) {
        return Err(serde::ser::Error::custom(format!("a {kind} holds a number that is not an integer")));
    }
    Ok((kind, canonical(&payload)))
}

/// A record's origin and fact from its stored kind and payload: the inverse of [`payload_of`].
pub fn fact_of(kind: &str, payload: &str) -> Result<(Origin, Fact), serde_json::Error> {
    let Value::Object(mut parts) = serde_json::from_str(payload)? else {
        return Err(serde::de::Error::custom("the payload is not an object"));
    };
    let by = serde_json::from_value(parts.remove("by").unwrap_or(Value::Null))?;
    parts.insert("kind".to_owned(), Value::String(kind.to_owned()));
    Ok((by, serde_json::from_value(Value::Object(parts))?))
}

/// Canonical JSON: keys sorted by their UTF-8 bytes, no spaces, text in UTF-8 with only `"`, `\` and U+0000–U+001F escaped.
#[must_use]
pub fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    text
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            // Sorted here, not by the map: another crate may switch serde_json to insertion order for the whole build.
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| key.as_bytes());
            out.push('{');
            for (index, (key, item)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_canonical(&Value::String(key.clone()), out);
                out.push(':');
                write_canonical(item, out);
            }
            out.push('}');
        }
        scalar => write!(out, "{scalar}").expect("writing to a String does not fail"),
    }
}

fn has_float(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_float),
        Value::Object(map) => map.values().any(has_float),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// The word for a clock's quality in headers and columns.
#[must_use]
pub const fn clock_word(clock: ClockQuality) -> &'static str {
    match clock {
        ClockQuality::Synced => "synced",
        ClockQuality::Rtc => "rtc",
        ClockQuality::Restored => "restored",
        ClockQuality::Unknown => "unknown",
    }
}

/// The inverse of [`clock_word`].
#[must_use]
pub fn clock_from(word: &str) -> Option<ClockQuality> {
    [ClockQuality::Synced, ClockQuality::Rtc, ClockQuality::Restored, ClockQuality::Unknown]
        .into_iter()
        .find(|clock| clock_word(*clock) == word)
}

/// A boot id as stored.
#[must_use]
pub const fn boot_bytes(boot: BootId) -> [u8; 16] {
    boot.0.to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cabinet::types::{Mono, Wall};

    #[test]
    fn canonical_json_is_sorted_and_escapes_little() {
        let value: Value =
            serde_json::from_str(r#"{ "z": [1, -2, null], "a": {"ü": "é\n\"\\\u0001\u007f/", "b": true} }"#)
                .expect("valid JSON");
        assert_eq!(canonical(&value), "{\"a\":{\"b\":true,\"ü\":\"é\\n\\\"\\\\\\u0001\u{7f}/\"},\"z\":[1,-2,null]}");
    }

    #[test]
    fn the_header_is_canonical_json_with_sorted_keys() {
        let header = Header {
            epoch: 1,
            seq: 7,
            kind: "taken".into(),
            stamp: Stamp { mono: Mono(12), wall: Wall(-3), clock: ClockQuality::Rtc, boot: BootId(0xab) },
        };
        let identity = Identity { site: "Höhe \"9\"".into(), cabinet: "c".into() };
        let text = header.canonical(&identity);
        let parsed: Value = serde_json::from_str(&text).expect("valid JSON");
        assert_eq!(canonical(&parsed), text);
        assert_eq!(parsed["boot"], "000000000000000000000000000000ab");
        assert_eq!(parsed["wall_ms"], -3);
    }

    #[test]
    fn floats_are_refused() {
        assert!(has_float(&serde_json::json!({"a": [1.5]})));
        assert!(!has_float(&serde_json::json!({"a": [1, u64::MAX]})));
    }
}
