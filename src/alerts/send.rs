//! One letter to one recipient, whichever way.

use super::letter::Letter;
use super::{mail, webhook};
use crate::config::{MailConfig, Recipient, To};
use crate::io::credentials::Secret;
use std::path::{Path, PathBuf};

/// Why a letter was not taken, in words for a person.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{why}")]
pub struct Failure {
    pub why: String,
    /// It did not arrive. Else nobody knows.
    pub is_certain: bool,
}

impl Failure {
    /// It did not arrive.
    pub(super) fn certain(why: impl Into<String>) -> Self {
        Self { why: why.into(), is_certain: true }
    }
}

/// The ways out. Credentials and authorities are read for each letter: what is put right counts without a restart.
#[derive(Clone, Debug)]
pub struct Ways {
    pub mail: Option<MailConfig>,
    pub credentials_dir: PathBuf,
}

impl Ways {
    /// Sends a letter.
    ///
    /// # Errors
    /// It was not taken, or nobody knows.
    pub async fn send(&self, recipient: &Recipient, letter: &Letter) -> Result<(), Failure> {
        let sent = match (&recipient.to, &self.mail) {
            (To::Mail { address }, Some(mail)) => mail::send(mail, &self.credentials_dir, address, letter).await,
            (To::Mail { .. }, None) => Err(Failure::certain("no mail server is named")),
            (To::Webhook { url, secret, ca_file }, _) => {
                let secret = self.secret(secret.as_deref())?;
                webhook::send(url, ca_file.as_deref(), secret.as_ref(), letter).await
            }
        };
        sent.map_err(cleaned)
    }

    /// Whether the recipient's server is there, knows us and is trusted; nobody is told anything.
    ///
    /// # Errors
    /// What is wrong.
    pub async fn knock(&self, recipient: &Recipient) -> Result<(), Failure> {
        let knocked = match (&recipient.to, &self.mail) {
            (To::Mail { .. }, Some(mail)) => mail::knock(mail, &self.credentials_dir).await,
            (To::Mail { .. }, None) => Err(Failure::certain("no mail server is named")),
            (To::Webhook { url, secret, ca_file }, _) => {
                self.secret(secret.as_deref())?;
                webhook::knock(url, ca_file.as_deref()).await
            }
        };
        knocked.map_err(cleaned)
    }

    fn secret(&self, name: Option<&str>) -> Result<Option<Secret>, Failure> {
        let read = |name| Secret::read(Path::new(&self.credentials_dir), name);
        name.map(read).transpose().map_err(|why| Failure::certain(why.to_string()))
    }
}

/// What to do about it, for whoever reads why it failed.
#[must_use]
pub fn remedy(why: &str) -> &'static str {
    let why = why.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| why.contains(word));
    if has(&["is missing", "can be read by others", "is no password"]) {
        "Put the file into the credentials folder, one line, mode 0600; under systemd name it in the drop-in as well (docs/alerts.md)."
    } else if has(&["does not let us in", "535", "authentication"]) {
        "User and password under [mail]: many providers want a password made for this program, not the account's own."
    } else if has(&["certificate", "unknownissuer", "notvalidforname"]) {
        "The certificate must be of an authority that is trusted here (`ca_file`), be for this very host, and not be over; look at the clock, too."
    } else if has(&["starttls", "corrupt message", "invalid message"]) {
        "`security` and `port` under [mail] go together: tls with 465, starttls with 587."
    } else if has(&["failed to lookup", "name or service", "dns", "resolve"]) {
        "The host's name: `getent hosts NAME`; without a network nothing is sent, and it is tried again."
    } else if has(&["operation not permitted", "permission denied"]) {
        "The service may not use the network: it needs the drop-in systemd/network.conf (docs/alerts.md)."
    } else if has(&["does not take the mail"]) {
        "What the server says: mostly the address under `from` is not the user's own, or the recipient's address is wrong."
    } else if has(&["answered"]) {
        "Ask whoever runs the webhook: the URL, and the secret that it checks the signature by."
    } else {
        "The network, the host, the port. What is to be told waits in the ledger meanwhile, and is tried again."
    }
}

/// A server's words are a stranger's: printable, and not too many.
fn cleaned(Failure { why, is_certain }: Failure) -> Failure {
    let why = why.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(400).collect();
    Failure { why, is_certain }
}
