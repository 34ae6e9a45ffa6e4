//! A letter as a mail: one connection for each, TLS unless the server is on this machine, an end to everything.

use super::letter::Letter;
use super::send::Failure;
use crate::config::{MailConfig, Security};
use crate::io::credentials::Secret;
use crate::io::trust::{self, chain};
use lettre::address::Envelope;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message};
use std::path::Path;
use std::time::Duration;
use tokio::time::timeout;

/// A host that takes longer to be connected to is not there.
const CONNECT: Duration = Duration::from_secs(10);
/// From looking up the name to being let in.
const GREET: Duration = Duration::from_secs(25);
/// From the first word of the mail to the server's answer to its last.
const HAND_OVER: Duration = Duration::from_secs(60);
/// A good-bye is a courtesy.
const QUIT: Duration = Duration::from_secs(2);

/// Sends a letter to one address.
pub async fn send(config: &MailConfig, credentials_dir: &Path, address: &str, letter: &Letter) -> Result<(), Failure> {
    let (envelope, mail) = written(config, address, letter).map_err(Failure::certain)?;
    let mut connection = greet(config, credentials_dir).await?;
    // From here on it may arrive without our hearing of it.
    match timeout(HAND_OVER, connection.send(&envelope, &mail)).await {
        Ok(Ok(_)) => {
            let _ = timeout(QUIT, connection.quit()).await;
            Ok(())
        }
        Ok(Err(error)) => {
            let is_answer = error.status().is_some();
            let why = format!("{} does not take the mail: {}", config.host, chain(&error));
            Err(Failure { why, is_certain: is_answer })
        }
        Err(_) => Err(Failure { why: format!("{} took the mail and did not answer", config.host), is_certain: false }),
    }
}

/// Connects and logs in, and sends nothing.
pub async fn knock(config: &MailConfig, credentials_dir: &Path) -> Result<(), Failure> {
    let mut connection = greet(config, credentials_dir).await?;
    let _ = timeout(QUIT, connection.quit()).await;
    Ok(())
}

async fn greet(config: &MailConfig, credentials_dir: &Path) -> Result<AsyncSmtpConnection, Failure> {
    let login = match (&config.user, &config.password) {
        (Some(user), Some(password)) => {
            let secret = Secret::read(credentials_dir, password).map_err(|why| Failure::certain(why.to_string()))?;
            Some(Credentials::new(user.clone(), secret.expose().to_owned()))
        }
        _ => None,
    };
    let host = &config.host;
    match timeout(GREET, connect(config, login.as_ref())).await {
        Ok(connected) => connected,
        Err(_) => Err(Failure::certain(format!("{host} does not answer in time on port {}", config.port))),
    }
}

async fn connect(config: &MailConfig, login: Option<&Credentials>) -> Result<AsyncSmtpConnection, Failure> {
    let host = &config.host;
    let failed = |doing: &str, error: &lettre::transport::smtp::Error| {
        Failure::certain(format!("{host} port {}: {doing}: {}", config.port, chain(error)))
    };
    let hello = ClientId::Domain("cabinetd".to_owned());
    let implicit = match config.security {
        Security::Tls => Some(tls(config)?),
        Security::StartTls | Security::NoneOnLoopback => None,
    };
    let server = (host.as_str(), config.port);
    let mut connection = AsyncSmtpConnection::connect_tokio1(server, Some(CONNECT), &hello, implicit, None)
        .await
        .map_err(|error| failed("no connection", &error))?;
    if config.security == Security::StartTls {
        if !connection.can_starttls() {
            return Err(Failure::certain(format!(
                "{host} port {}: it offers no STARTTLS, so nothing is sent; perhaps security = \"tls\" and port 465",
                config.port
            )));
        }
        connection.starttls(tls(config)?, &hello).await.map_err(|error| failed("no TLS", &error))?;
    }
    if let Some(login) = login {
        connection
            .auth(&[Mechanism::Plain, Mechanism::Login], login)
            .await
            .map_err(|error| failed("it does not let us in", &error))?;
    }
    Ok(connection)
}

fn tls(config: &MailConfig) -> Result<TlsParameters, Failure> {
    let authorities = trust::authorities(config.ca_file.as_deref()).map_err(|why| Failure::certain(why.to_string()))?;
    let mut tls = TlsParameters::builder(config.host.clone()).certificate_store(CertificateStore::None);
    for authority in authorities {
        // Some machines have one that is odd.
        if let Ok(certificate) = Certificate::from_der(authority.to_vec()) {
            tls = tls.add_root_certificate(certificate);
        }
    }
    tls.build().map_err(|why| Failure::certain(format!("TLS cannot be set up: {}", chain(&why))))
}

/// The mail's bytes.
fn written(config: &MailConfig, address: &str, letter: &Letter) -> Result<(Envelope, Vec<u8>), String> {
    let from: Mailbox = config.from.parse().map_err(|_| "the address under `from` is none".to_owned())?;
    let to: Address = address.parse().map_err(|_| "the recipient's address is none".to_owned())?;
    let envelope = Envelope::new(Some(from.email.clone()), vec![to.clone()]).map_err(|why| why.to_string())?;
    let id = format!("<{}@{}>", letter.id, from.email.domain());
    let body = Body::new_with_encoding(letter.text.clone(), ContentTransferEncoding::QuotedPrintable)
        .map_err(|_| "the mail cannot be encoded".to_owned())?;
    let mut mail = Message::builder()
        .from(from)
        .to(Mailbox::new(None, to))
        .subject(letter.subject.clone())
        .message_id(Some(id))
        .header(ContentType::TEXT_PLAIN)
        .body(body)
        .map_err(|why| why.to_string())?;
    // So that nobody's holiday answers it.
    mail.headers_mut()
        .insert_raw(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()));
    Ok((envelope, mail.formatted()))
}
