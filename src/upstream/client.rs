//! The HTTP client: https only, one request at a time, an end to each of them.
//!
//! Whom it trusts is the machine's certificates, or the one CA that the config names and then nobody else. Redirects are not followed and
//! no proxy is used: the token goes to the host that the config names. What an answer may hold is bounded.

use super::sync::Answer;
use super::{roster, wire};
use crate::io::credentials::Token;
use crate::io::store::Identity;
use crate::io::trust::{self, TrustError};
use reqwest::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, DATE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, RETRY_AFTER,
};
use reqwest::{Method, RequestBuilder, Response, Url, redirect};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// An answer of the contract has some hundred bytes.
const LONGEST_ANSWER_BYTES: usize = 256 << 10;
/// An `ETag` that is longer is none.
const LONGEST_ETAG: usize = 256;
/// A host that takes longer to be connected to is not there.
const CONNECT: Duration = Duration::from_secs(10);
/// Connections that idle so long are closed.
const IDLE: Duration = Duration::from_secs(60);

/// Why upstream cannot be asked at all, or did not answer.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    #[error("{0}")]
    Request(String),
    #[error("{what} answered {status}{}", why.as_ref().map(|why| format!(": {why}")).unwrap_or_default())]
    Status { what: &'static str, status: u16, why: Option<String>, retry_after_ms: Option<u64> },
    #[error("{0} answered what is not in the contract")]
    Garbled(&'static str),
}

impl UpstreamError {
    /// As an answer to the copying: none, perhaps with the wish to be left alone for a while.
    #[must_use]
    pub const fn as_answer(&self) -> Answer {
        match self {
            Self::Status { retry_after_ms, .. } => Answer::Failed { retry_after_ms: *retry_after_ms },
            Self::Trust(_) | Self::Tls(_) | Self::Request(_) | Self::Garbled(_) => {
                Answer::Failed { retry_after_ms: None }
            }
        }
    }
}

/// What upstream has in the place of a roster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Served {
    /// The one of the `ETag` that was sent along.
    Same,
    /// None is meant for this cabinet.
    Nothing,
    Roster {
        etag: Option<String>,
        body: Vec<u8>,
    },
    TooLarge {
        etag: Option<String>,
    },
}

/// One upstream, for one cabinet.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    /// `…/v1/cabinets/SITE/CABINET`
    base: Url,
    /// To know it in what upstream says.
    token: Option<Token>,
}

impl Client {
    /// `deadline`: how long a request may take, from looking up the name to the answer's last byte.
    ///
    /// # Errors
    /// The CA file cannot be used, or there is nobody to trust.
    pub fn new(
        url: &Url,
        ca_file: Option<&Path>,
        token: Option<&Token>,
        identity: &Identity,
        deadline: Duration,
    ) -> Result<Self, UpstreamError> {
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
                .map_err(|_| UpstreamError::Tls("the token is no header's value".to_owned()))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(trust::client(ca_file)?)
            .https_only(true)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT.min(deadline))
            .timeout(deadline)
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(IDLE)
            .user_agent(concat!("cabinetd/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .build()
            .map_err(|error| UpstreamError::Tls(trust::chain(&error)))?;
        let mut base = url.clone();
        base.path_segments_mut()
            .map_err(|()| UpstreamError::Tls("the URL cannot have a path".to_owned()))?
            .pop_if_empty()
            .extend([wire::VERSION, "cabinets", &identity.site, &identity.cabinet]);
        Ok(Self { http, base, token: token.cloned() })
    }

    /// Where upstream is.
    ///
    /// # Errors
    /// It did not say so.
    pub async fn head(&self) -> Result<Answer, UpstreamError> {
        let (status, body, retry) = self.send(self.request(Method::GET, "head")).await?;
        self.understood(status, &body, retry)?;
        wire::has(&body).ok_or(UpstreamError::Garbled("upstream"))
    }

    /// Sends a batch; every status has a meaning of its own here. The second: why, where it was not taken.
    ///
    /// # Errors
    /// No answer came.
    pub async fn records(&self, batch: Vec<u8>) -> Result<(Answer, Option<UpstreamError>), UpstreamError> {
        let request = self
            .request(Method::POST, "records")
            .header(CONTENT_TYPE, "application/x-ndjson")
            .header(CONTENT_ENCODING, "gzip")
            .body(batch);
        let (status, body, retry) = self.send(request).await?;
        Ok((wire::took(status, &body, retry), self.understood(status, &body, retry).err()))
    }

    /// Sends refused payloads once more; which of them were taken now.
    ///
    /// # Errors
    /// It did not say so.
    pub async fn payloads(&self, payloads: &Value) -> Result<BTreeSet<u64>, UpstreamError> {
        let request = self.request(Method::POST, "payloads").header(CONTENT_TYPE, JSON).body(payloads.to_string());
        let (status, body, retry) = self.send(request).await?;
        self.understood(status, &body, retry)?;
        let answer: Value = serde_json::from_slice(&body).map_err(|_| UpstreamError::Garbled("upstream"))?;
        Ok(wire::numbers(&answer["taken"]))
    }

    /// Says that we live, and how; upstream says where it is.
    ///
    /// # Errors
    /// It did not.
    pub async fn heartbeat(&self, words: &Value) -> Result<Answer, UpstreamError> {
        let request = self.request(Method::PUT, "heartbeat").header(CONTENT_TYPE, JSON).body(words.to_string());
        let (status, body, retry) = self.send(request).await?;
        self.understood(status, &body, retry)?;
        wire::has(&body).ok_or(UpstreamError::Garbled("upstream"))
    }

    /// The signed roster that is meant for this cabinet, unless it is the one of this `ETag`.
    ///
    /// # Errors
    /// It did not say.
    pub async fn roster(&self, known: Option<&str>) -> Result<Served, UpstreamError> {
        let mut request = self.request(Method::GET, "roster");
        if let Some(known) = known {
            request = request.header(IF_NONE_MATCH, known);
        }
        let mut response = request.send().await.map_err(failed)?;
        let etag = response.headers().get(ETAG).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let etag = etag.filter(|etag| etag.len() <= LONGEST_ETAG);
        match response.status().as_u16() {
            304 => return Ok(Served::Same),
            404 => return Ok(Served::Nothing),
            200 => {}
            status => {
                let retry = retry_after(&response);
                let body = body_of(&mut response, LONGEST_ANSWER_BYTES).await?.unwrap_or_default();
                self.understood(status, &body, retry)?;
                return Err(UpstreamError::Garbled("upstream"));
            }
        }
        Ok(match body_of(&mut response, roster::LARGEST_BYTES).await? {
            Some(body) => Served::Roster { etag, body },
            None => Served::TooLarge { etag },
        })
    }

    /// What upstream knows of the weather and of an outage here; none if it knows nothing.
    ///
    /// # Errors
    /// It did not say so.
    pub async fn hint(&self) -> Result<Option<wire::Hint>, UpstreamError> {
        let (status, body, retry) = self.send(self.request(Method::GET, "outage-hints")).await?;
        if status == 404 {
            return Ok(None);
        }
        self.understood(status, &body, retry)?;
        wire::hint(&body).map(Some).ok_or(UpstreamError::Garbled("upstream"))
    }

    /// Shows upstream where each key is ([`wire::keymap`]).
    ///
    /// # Errors
    /// It did not take it. One that has a newer picture has what it needs.
    pub async fn keymap(&self, picture: Vec<u8>) -> Result<(), UpstreamError> {
        let request = self
            .request(Method::PUT, "keymap")
            .header(CONTENT_TYPE, JSON)
            .header(CONTENT_ENCODING, "gzip")
            .body(picture);
        let (status, body, retry) = self.send(request).await?;
        if matches!(status, 204 | 409) { Ok(()) } else { self.understood(status, &body, retry) }
    }

    fn request(&self, method: Method, what: &str) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.push(what);
        }
        self.http.request(method, url)
    }

    async fn send(&self, request: RequestBuilder) -> Result<(u16, Vec<u8>, Option<u64>), UpstreamError> {
        let mut response = request.send().await.map_err(failed)?;
        let (status, retry) = (response.status().as_u16(), retry_after(&response));
        let body = body_of(&mut response, LONGEST_ANSWER_BYTES).await?;
        Ok((status, body.ok_or(UpstreamError::Garbled("upstream"))?, retry))
    }

    /// Fine, or what the problem says: in printable words, and never the token, which some services repeat.
    fn understood(&self, status: u16, body: &[u8], retry_after_ms: Option<u64>) -> Result<(), UpstreamError> {
        if status == 200 {
            return Ok(());
        }
        let problem: Value = serde_json::from_slice(body).unwrap_or_default();
        let words = problem["detail"].as_str().or_else(|| problem["title"].as_str()).map(|words| match &self.token {
            Some(token) => words.replace(token.expose(), "(the token)"),
            None => words.to_owned(),
        });
        let why = words.map(|words| words.chars().filter(|letter| !letter.is_control()).take(200).collect());
        Err(UpstreamError::Status { what: "upstream", status, why, retry_after_ms })
    }
}

fn failed(error: reqwest::Error) -> UpstreamError {
    UpstreamError::Request(trust::chain(&error.without_url()))
}

/// How long upstream asks to be left alone, by its own clock where it says a date.
fn retry_after(response: &Response) -> Option<u64> {
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    wire::retry_after_ms(header(RETRY_AFTER)?, header(DATE))
}

/// An answer's body; none if it is longer than that.
async fn body_of(response: &mut Response, longest: usize) -> Result<Option<Vec<u8>>, UpstreamError> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(failed)? {
        if body.len() + piece.len() > longest {
            return Ok(None);
        }
        body.extend_from_slice(&piece);
    }
    Ok(Some(body))
}

const JSON: &str = "application/json";
