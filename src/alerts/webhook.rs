//! A letter as JSON to a webhook: https alone, no redirects, no proxy, bounded answers, and an end to each request.
//!
//! With a secret each request is signed: `X-Cabinetd-Signature: sha256=HEX` is the HMAC-SHA256 of the body's bytes. `Idempotency-Key` is the
//! letter's id: what comes twice has the same.

use super::letter::Letter;
use super::send::Failure;
use crate::hex::hex;
use crate::io::credentials::Secret;
use crate::io::trust::{self, chain};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Client, Url, redirect};
use sha2::Sha256;
use std::path::Path;
use std::time::Duration;

const CONNECT: Duration = Duration::from_secs(10);
/// From looking up the name to the answer's last byte.
const DEADLINE: Duration = Duration::from_secs(30);
/// Nothing in the answer counts but its status; a little of it is read, so that the connection ends in order.
const LONGEST_ANSWER_BYTES: usize = 64 << 10;

/// Sends a letter.
pub async fn send(url: &Url, ca_file: Option<&Path>, secret: Option<&Secret>, letter: &Letter) -> Result<(), Failure> {
    let client = client(ca_file)?;
    let body = letter.json.to_string();
    let mut request = client
        .post(url.clone())
        .header(CONTENT_TYPE, "application/json")
        .header(HeaderName::from_static("idempotency-key"), &letter.id);
    if let Some(secret) = secret {
        let mut value = HeaderValue::from_str(&format!("sha256={}", signature(secret, body.as_bytes())))
            .map_err(|_| Failure::certain("the signature is no header's value".to_owned()))?;
        value.set_sensitive(true);
        request = request.header(HeaderName::from_static("x-cabinetd-signature"), value);
    }
    let host = url.host_str().unwrap_or_default();
    let mut response = request.body(body).send().await.map_err(|error| {
        // Before there was a connection nothing can have arrived.
        let is_certain = error.is_connect() || error.is_builder();
        Failure { why: format!("{host} cannot be reached: {}", chain(&error.without_url())), is_certain }
    })?;
    let status = response.status();
    let mut read = 0;
    while let Ok(Some(piece)) = response.chunk().await {
        read += piece.len();
        if read > LONGEST_ANSWER_BYTES {
            break;
        }
    }
    if status.is_success() {
        return Ok(());
    }
    // A gateway's error often comes after the work was done.
    Err(Failure { why: format!("{host} answered {}", status.as_u16()), is_certain: !status.is_server_error() })
}

/// Connects, shows that its certificate is trusted, and sends no letter.
pub async fn knock(url: &Url, ca_file: Option<&Path>) -> Result<(), Failure> {
    let client = client(ca_file)?;
    let host = url.host_str().unwrap_or_default();
    let mut bare = url.clone();
    bare.set_path("/");
    bare.set_query(None);
    // Whatever it answers, it is there.
    match client.head(bare).send().await {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::certain(format!("{host} cannot be reached: {}", chain(&error.without_url())))),
    }
}

fn client(ca_file: Option<&Path>) -> Result<Client, Failure> {
    let tls = trust::client(ca_file).map_err(|why| Failure::certain(why.to_string()))?;
    Client::builder()
        .tls_backend_preconfigured(tls)
        .https_only(true)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT)
        .timeout(DEADLINE)
        .pool_max_idle_per_host(0)
        .user_agent(concat!("cabinetd/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|why| Failure::certain(format!("TLS cannot be set up: {}", chain(&why))))
}

/// HMAC-SHA256 of the body, hex.
fn signature(secret: &Secret, body: &[u8]) -> String {
    Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .map(|mac| hex(&mac.chain_update(body).finalize().into_bytes()))
        .unwrap_or_default()
}
