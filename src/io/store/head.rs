//! Signed heads: what somebody outside keeps, so that a ledger cut short shows.
//!
//! The chain alone proves that nobody edited the ledger clumsily. Who owns the file can rewrite it from any record on, or drop its
//! end. A head that was handed out before (to a mail, a mirror, upstream, an inspector) cannot be made to fit again.

use super::envelope::{Identity, canonical};
use super::{Head, StoreError};
use crate::hex::{hex, unhex};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde_json::{Value, json};

/// First line of the bytes that are signed: a signature made for this serves for nothing else.
const DOMAIN: &str = "cabinetd head v1\n";

/// A head with the device's word for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedHead {
    pub identity: Identity,
    /// For whom it was signed: `local`, `upstream`, a mail address.
    pub destination: String,
    pub head: Head,
    pub public_key: [u8; 32],
    pub signature: [u8; 64],
}

/// Signs a head for a destination.
#[must_use]
pub fn sign(identity: &Identity, destination: &str, head: Head, key: &SigningKey) -> SignedHead {
    let mut signed = SignedHead {
        identity: identity.clone(),
        destination: destination.to_owned(),
        head,
        public_key: key.verifying_key().to_bytes(),
        signature: [0; 64],
    };
    signed.signature = key.sign(&signed.signed_bytes()).to_bytes();
    signed
}

impl SignedHead {
    /// The bytes under the signature: the domain line, then canonical JSON.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        format!("{DOMAIN}{}", canonical(&self.statement())).into_bytes()
    }

    fn statement(&self) -> Value {
        json!({
            "cabinet": self.identity.cabinet,
            "destination": self.destination,
            "epoch": self.head.epoch,
            "hash": hex(&self.head.hash),
            "public_key": hex(&self.public_key),
            "seq": self.head.seq,
            "site": self.identity.site,
        })
    }

    /// Whether the signature is that of the key it names. Whether that key is the cabinet's is for the reader to know.
    #[must_use]
    pub fn is_genuine(&self) -> bool {
        VerifyingKey::from_bytes(&self.public_key)
            .and_then(|key| key.verify_strict(&self.signed_bytes(), &Signature::from_bytes(&self.signature)))
            .is_ok()
    }

    /// As a line of JSON, to be kept elsewhere.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut value = self.statement();
        value["signature"] = Value::String(hex(&self.signature));
        canonical(&value)
    }

    /// From what [`Self::to_json`] wrote.
    pub fn from_json(text: &str) -> Result<Self, StoreError> {
        let wrong = |what: &str| StoreError::NotAHead { what: what.to_owned() };
        let value: Value = serde_json::from_str(text).map_err(|_| wrong("it is not JSON"))?;
        let field = |name: &str| value[name].as_str().ok_or_else(|| wrong(&format!("\"{name}\" is missing")));
        let number = |name: &str| value[name].as_u64().ok_or_else(|| wrong(&format!("\"{name}\" is missing")));
        Ok(Self {
            identity: Identity { site: field("site")?.to_owned(), cabinet: field("cabinet")?.to_owned() },
            destination: field("destination")?.to_owned(),
            head: Head {
                epoch: number("epoch")?,
                seq: number("seq")?,
                hash: unhex(field("hash")?).ok_or_else(|| wrong("\"hash\" is not 64 hex digits"))?,
            },
            public_key: unhex(field("public_key")?).ok_or_else(|| wrong("\"public_key\" is not 64 hex digits"))?,
            signature: unhex(field("signature")?).ok_or_else(|| wrong("\"signature\" is not 128 hex digits"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_head_holds_only_as_it_was_signed() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let identity = Identity { site: "Seaview".into(), cabinet: "c1".into() };
        let signed = sign(&identity, "local", Head { epoch: 1, seq: 9, hash: [3; 32] }, &key);
        assert!(signed.is_genuine());
        assert_eq!(SignedHead::from_json(&signed.to_json()).expect("reads"), signed);

        let edits: [fn(&mut SignedHead); 6] = [
            |head| head.head.seq = 8,
            |head| head.head.epoch = 2,
            |head| head.head.hash[0] ^= 1,
            |head| head.destination = "upstream".into(),
            |head| head.identity.cabinet = "c2".into(),
            |head| head.signature[0] ^= 1,
        ];
        for edit in edits {
            let mut edited = signed.clone();
            edit(&mut edited);
            assert!(!edited.is_genuine());
        }
    }
}
