//! A roster as it travels: signed by a key that is kept offline, for one cabinet and its device key, with a version.
//!
//! ```text
//! {"cabinet":…,"device_key":…,"expires_ms":…,"public_key":…,"roster":{"keys":[…],"users":[…]},"signature":…,"site":…,"version":…}
//! ```
//!
//! The signature is Ed25519 over `cabinetd roster v1`, a line feed, and the canonical JSON of everything but itself. People and keys are those of
//! the control socket: no field for a PIN or its hash exists. What has a field too many is refused: whoever signed it meant something by it.
//!
//! Promises: nothing of it is believed before the signature is, and nothing of one that is for somebody else. Whether it is newer, and fits,
//! is the core's to say. No sockets, no files here.

use crate::cabinet::signed::{RosterFault, SignedRoster};
use crate::cabinet::types::Wall;
use crate::hex::{hex, unhex};
use crate::io::control::wire::{Change, KeyEntry, UserEntry};
use crate::io::store::Identity;
use crate::io::store::envelope::canonical;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// First line of the bytes that are signed: a signature made for this serves for nothing else.
const DOMAIN: &str = "cabinetd roster v1\n";

/// Larger ones are refused: 300 keys and their people are some 60 KB.
pub const LARGEST_BYTES: usize = 4 << 20;

/// Whom a roster must be by and for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expected {
    /// The public key that may sign rosters for this site.
    pub roster_key: [u8; 32],
    pub identity: Identity,
    /// This cabinet's own public key.
    pub device_key: [u8; 32],
}

/// What is signed, beside people and keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terms {
    pub version: u64,
    pub identity: Identity,
    pub device_key: [u8; 32],
    pub expires: Wall,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u64,
    site: String,
    cabinet: String,
    device_key: String,
    expires_ms: i64,
    roster: People,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct People {
    users: Vec<UserEntry>,
    keys: Vec<KeyEntry>,
}

/// Signs a roster. The entries hold no PIN: they have no field for one.
#[must_use]
pub fn sign(terms: &Terms, users: &[UserEntry], keys: &[KeyEntry], key: &SigningKey) -> Value {
    let mut document = json!({
        "version": terms.version,
        "site": terms.identity.site,
        "cabinet": terms.identity.cabinet,
        "device_key": hex(&terms.device_key),
        "expires_ms": terms.expires.0,
        "roster": { "users": users, "keys": keys },
        "public_key": hex(&key.verifying_key().to_bytes()),
    });
    let signature = key.sign(&signed_bytes(&document));
    document["signature"] = hex(&signature.to_bytes()).into();
    document
}

/// The bytes under the signature.
fn signed_bytes(document: &Value) -> Vec<u8> {
    let mut signed = document.clone();
    if let Value::Object(fields) = &mut signed {
        fields.remove("signature");
    }
    format!("{DOMAIN}{}", canonical(&signed)).into_bytes()
}

/// What a signed roster says, if it is by and for those expected. `source`: where it came from, for the record.
///
/// # Errors
/// Why it counts for nothing.
pub fn verify(source: &str, body: &[u8], expected: &Expected) -> Result<SignedRoster, RosterFault> {
    if body.len() > LARGEST_BYTES {
        return Err(RosterFault::TooLarge);
    }
    verify_value(source, &serde_json::from_slice(body).map_err(|_| RosterFault::NotUnderstood)?, expected)
}

/// [`verify`], of one that was read already.
///
/// # Errors
/// Why it counts for nothing.
pub fn verify_value(source: &str, document: &Value, expected: &Expected) -> Result<SignedRoster, RosterFault> {
    let text = |name: &str| document[name].as_str().ok_or(RosterFault::NotUnderstood);
    let public_key: [u8; 32] = unhex(text("public_key")?).ok_or(RosterFault::NotUnderstood)?;
    let signature: [u8; 64] = unhex(text("signature")?).ok_or(RosterFault::NotUnderstood)?;
    if public_key != expected.roster_key {
        return Err(RosterFault::OtherKey);
    }
    let key = VerifyingKey::from_bytes(&public_key).map_err(|_| RosterFault::OtherKey)?;
    let bytes = signed_bytes(document);
    key.verify_strict(&bytes, &Signature::from_bytes(&signature)).map_err(|_| RosterFault::BadSignature)?;
    // From here on it is the word of whoever has the key; whether it is for us is another matter.
    let mut terms = document.clone();
    if let Value::Object(fields) = &mut terms {
        fields.retain(|name, _| name != "public_key" && name != "signature");
    }
    let Document { version, site, cabinet, device_key, expires_ms, roster } =
        serde_json::from_value(terms).map_err(|_| RosterFault::NotUnderstood)?;
    if (&site, &cabinet) != (&expected.identity.site, &expected.identity.cabinet) {
        return Err(RosterFault::OtherCabinet);
    }
    if unhex(&device_key) != Some(expected.device_key) {
        return Err(RosterFault::OtherDevice);
    }
    let (hash, source) = (hex(&Sha256::digest(&bytes)), source.to_owned());
    let change = Change {
        source: source.clone(),
        hash: Some(hash.clone()),
        replace: true,
        users: roster.users,
        keys: roster.keys,
        remove_users: Vec::new(),
        remove_keys: Vec::new(),
    };
    // Signed or not, what is too long for a record or holds control characters is not taken.
    if change.problem().is_some() {
        return Err(RosterFault::NotUnderstood);
    }
    Ok(SignedRoster {
        source,
        version,
        hash,
        expires: Wall(expires_ms),
        users: change.users.into_iter().map(Into::into).collect(),
        keys: change.keys.into_iter().map(Into::into).collect(),
    })
}

#[cfg(test)]
mod tests;
