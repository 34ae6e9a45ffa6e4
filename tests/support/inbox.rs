//! A mail server with STARTTLS and a password, and an HTTPS webhook, both of a test's own authority (`inbox.py`).

use cabinetd::config::{MailConfig, Recipient, Security, To};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub const USER: &str = "cabinet@localhost";
pub const PASSWORD: &str = "mail pass word 90417";
pub const SECRET: &str = "webhook-secret-77134";

/// A mail server and a webhook.
pub struct Inbox {
    pub dir: tempfile::TempDir,
    pub smtp_port: u16,
    pub https_port: u16,
    child: Option<Child>,
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}

pub fn certificates(dir: &Path) {
    let mut params = CertificateParams::new(Vec::<String>::new()).expect("parameters");
    params.distinguished_name.push(DnType::CommonName, "the test's authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    params.distinguished_name.push(DnType::CommonName, "the test's server");
    let leaf = params.signed_by(&key, &authority).expect("a certificate");
    for (name, text) in [("ca.pem", authority.pem()), ("server.pem", leaf.pem()), ("server.key", key.serialize_pem())] {
        fs::write(dir.join(name), text).expect("written");
    }
}

impl Inbox {
    pub fn start() -> Self {
        let mut inbox = Self::closed();
        inbox.open();
        inbox
    }

    /// Nobody answers there yet.
    pub fn closed() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        certificates(dir.path());
        Self { dir, smtp_port: free_port(), https_port: free_port(), child: None }
    }

    pub fn open(&mut self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/inbox.py");
        // The distribution's, which has the distribution's packages.
        let mut child = Command::new("/usr/bin/python3")
            .arg(script)
            .arg(self.dir.path())
            .args([self.smtp_port.to_string(), self.https_port.to_string(), USER.to_owned(), PASSWORD.to_owned()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(self.dir.path().join("stderr")).expect("a file"))
            .spawn()
            .expect("python3");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("it says something");
        let errors = fs::read_to_string(self.dir.path().join("stderr")).unwrap_or_default();
        assert_eq!(line, "ready\n", "python3-aiosmtpd is needed: {errors}");
        self.child = Some(child);
    }

    pub fn close(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it runs");
            child.wait().expect("it ends");
        }
    }

    pub fn mood(&self, mood: &str) {
        fs::write(self.dir.path().join("mood"), mood).expect("written");
    }

    pub fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// What arrived, in order: to whom, and what.
    fn arrived(&self, kind: &str, ending: &str) -> Vec<(String, String)> {
        let place = self.dir.path().join(kind);
        let read = |number: usize, ending: &str| fs::read_to_string(place.join(format!("{number}{ending}"))).ok();
        (1..).map_while(|number| Some((read(number, ".to")?, read(number, ending)?))).collect()
    }

    pub fn mails(&self) -> Vec<(String, String)> {
        self.arrived("mail", ".eml")
    }

    /// The mails to one address.
    pub fn mails_to(&self, address: &str) -> Vec<String> {
        self.mails().into_iter().filter(|(to, _)| to == address).map(|(_, mail)| mail).collect()
    }

    pub fn hooks(&self) -> Vec<(String, Value)> {
        let hooks = self.arrived("hook", ".json").into_iter();
        hooks.map(|(to, body)| (to, serde_json::from_str(&body).expect("JSON"))).collect()
    }

    pub fn mail_config(&self) -> MailConfig {
        MailConfig {
            host: "localhost".into(),
            port: self.smtp_port,
            security: Security::StartTls,
            user: Some(USER.into()),
            password: Some("mail_password".into()),
            from: format!("Cabinet <{USER}>"),
            ca_file: Some(self.ca()),
        }
    }

    pub fn by_webhook(&self, name: &str) -> Recipient {
        let url = format!("https://localhost:{}/{name}", self.https_port).parse().expect("a URL");
        let to = To::Webhook { url, secret: Some("webhook_secret".into()), ca_file: Some(self.ca()) };
        Recipient { to, ..by_mail(name) }
    }
}

pub fn by_mail(name: &str) -> Recipient {
    let to = To::Mail { address: format!("{name}@example.com") };
    Recipient {
        name: name.into(),
        to,
        urgent: true,
        routine: true,
        duress: false,
        head: true,
        digest_at: vec![450],
        urgent_per_h: 60,
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.close();
    }
}

pub fn credentials(dir: &Path) {
    fs::create_dir_all(dir).expect("a folder");
    for (name, text) in [("mail_password", PASSWORD), ("webhook_secret", SECRET)] {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(dir.join(name))
            .expect("a file");
        file.write_all(text.as_bytes()).expect("written");
    }
}

pub fn header<'a>(mail: &'a str, name: &str) -> &'a str {
    let line = mail.lines().find(|line| line.to_lowercase().starts_with(&format!("{}:", name.to_lowercase())));
    line.and_then(|line| line.split_once(": ")).unwrap_or_else(|| panic!("no {name}: {mail}")).1.trim()
}
