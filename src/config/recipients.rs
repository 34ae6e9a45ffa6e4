//! `[mail]` and `[[recipient]]`: who is told of alarms, which way, and how often.

use super::keys::{CREDENTIAL, Form, Key, NAME, PATH, Preset, credential, name_into, path_into, text, truth, whole};
use super::problem::Fault;
use super::reader::Reader;
use super::sections::home_of;
use super::{Config, Surroundings};
use lettre::Address;
use lettre::message::Mailbox;
use std::net::IpAddr;
use std::path::PathBuf;
use toml::de::DeTable;

/// Recipients at most: each is sent its own message.
const MOST_RECIPIENTS: usize = 16;
/// Digests of a day at most.
const MOST_DIGESTS: usize = 24;

/// The mail server that takes what goes to people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MailConfig {
    pub host: String,
    pub port: u16,
    pub security: Security,
    /// Who logs in. None: nobody does.
    pub user: Option<String>,
    /// The name of the credential with the password.
    pub password: Option<String>,
    /// The address that mails come from.
    pub from: String,
    /// PEM. None: whom the machine trusts.
    pub ca_file: Option<PathBuf>,
}

/// How the way to the mail server is kept private.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Security {
    /// TLS from the first byte.
    #[default]
    Tls,
    /// TLS after a word; without it nothing is sent.
    StartTls,
    /// None, and so the server is on this machine.
    NoneOnLoopback,
}

impl Security {
    const fn usual_port(self) -> u16 {
        match self {
            Self::Tls => 465,
            Self::StartTls => 587,
            Self::NoneOnLoopback => 25,
        }
    }
}

/// Somebody, or something, that is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recipient {
    pub name: String,
    pub to: To,
    pub urgent: bool,
    pub routine: bool,
    /// An alarm under duress, too.
    pub duress: bool,
    /// The signed head goes along; it counts every record.
    pub head: bool,
    /// Local minutes of the day, rising.
    pub digest_at: Vec<u16>,
    pub urgent_per_h: u32,
}

/// Which way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum To {
    Mail {
        address: String,
    },
    Webhook {
        url: reqwest::Url,
        /// The name of the credential that signs what is sent.
        secret: Option<String>,
        /// PEM. None: whom the machine trusts.
        ca_file: Option<PathBuf>,
    },
}

/// `[mail]` while it is read.
#[derive(Debug, Default)]
pub(super) struct MailDraft {
    host: String,
    port: Option<u16>,
    security: Security,
    user: Option<String>,
    password: Option<String>,
    from: String,
    ca_file: Option<PathBuf>,
}

pub(super) static MAIL: &[Key<MailDraft>] = &[
    text("host", "a name or an IP address", Preset::Required("\"mail.example.com\""), |m, v| {
        let sound = |c: char| c.is_ascii_alphanumeric() || "-.:".contains(c);
        if v.is_empty() || v.len() > 253 || !v.chars().all(sound) {
            return Err(Fault::new(format!("{v:?} is no host"), "write the server's name, like \"mail.example.com\""));
        }
        v.clone_into(&mut m.host);
        Ok(())
    }),
    Key {
        name: "port",
        form: Form::Whole { unit: "", range: 1..=65_535, set: |m, v| m.port = Some(v as u16) },
        preset: Preset::Without("465 with tls, 587 with starttls, 25 with none-on-loopback", "587"),
    },
    Key {
        name: "security",
        form: Form::Choice {
            words: &[
                ("tls", |m| m.security = Security::Tls),
                ("starttls", |m| m.security = Security::StartTls),
                ("none-on-loopback", |m| m.security = Security::NoneOnLoopback),
            ],
        },
        preset: Preset::Is("\"tls\""),
    },
    text("user", "1 to 128 characters", Preset::Without("nobody logs in", "\"cabinet@example.com\""), |m, v| {
        if v.is_empty() || v.len() > 128 || v.chars().any(char::is_control) {
            return Err(Fault::new(format!("{v:?} is no user"), "write 1 to 128 characters"));
        }
        m.user = Some(v.to_owned());
        Ok(())
    }),
    text("password", CREDENTIAL, Preset::Without("nobody logs in", "\"mail_password\""), |m, v| {
        m.password = Some(credential(v, SECRET_REMEDY)?);
        Ok(())
    }),
    text("from", "a mail address", Preset::Required("\"cabinet@example.com\""), |m, v| {
        let mailbox: Result<Mailbox, _> = v.parse();
        if !mailbox.as_ref().is_ok_and(|mailbox| is_plain(&mailbox.email)) || v.chars().any(char::is_control) {
            return Err(not_an_address(v));
        }
        v.clone_into(&mut m.from);
        Ok(())
    }),
    text("ca_file", PATH, Preset::Without("the authorities that the machine trusts", "\"mail-ca.pem\""), |m, v| {
        let mut path = PathBuf::new();
        path_into(&mut path, v)?;
        m.ca_file = Some(path);
        Ok(())
    }),
];

/// One `[[recipient]]` while it is read.
#[derive(Debug, Default)]
pub(super) struct RecipientDraft {
    name: String,
    mail: Option<String>,
    webhook: Option<reqwest::Url>,
    secret: Option<String>,
    ca_file: Option<PathBuf>,
    urgent: bool,
    routine: bool,
    duress: bool,
    head: bool,
    digest_at: Vec<u16>,
    urgent_per_h: u32,
}

pub(super) static RECIPIENT: &[Key<RecipientDraft>] = &[
    text("name", NAME, Preset::Required("\"office\""), |r, v| name_into(&mut r.name, v)),
    text("mail", "a mail address", Preset::Without("it is a webhook", "\"office@example.com\""), |r, v| {
        if !v.parse::<Address>().as_ref().is_ok_and(is_plain) {
            return Err(not_an_address(v));
        }
        r.mail = Some(v.to_owned());
        Ok(())
    }),
    text(
        "webhook",
        "an https URL",
        Preset::Without("it is a mail address", "\"https://alerts.example.com/cabinet\""),
        |r, v| {
            r.webhook = Some(webhook(v)?);
            Ok(())
        },
    ),
    text("secret", CREDENTIAL, Preset::Without("what is sent is not signed", "\"webhook_secret\""), |r, v| {
        r.secret = Some(credential(v, SECRET_REMEDY)?);
        Ok(())
    }),
    text("ca_file", PATH, Preset::Without("the authorities that the machine trusts", "\"alerts-ca.pem\""), |r, v| {
        let mut path = PathBuf::new();
        path_into(&mut path, v)?;
        r.ca_file = Some(path);
        Ok(())
    }),
    Key {
        name: "classes",
        form: Form::List {
            what: "\"urgent\" and \"routine\"",
            start: |r| (r.urgent, r.routine) = (false, false),
            add: |r, v| {
                let place = match v {
                    "urgent" => &mut r.urgent,
                    "routine" => &mut r.routine,
                    _ => {
                        let remedy =
                            "write \"urgent\" or \"routine\"; alarms under duress are asked for with duress = true";
                        return Err(Fault::new(format!("{v:?} is no class"), remedy));
                    }
                };
                if std::mem::replace(place, true) {
                    return Err(Fault::new(format!("{v:?} is listed twice"), "write it once"));
                }
                Ok(())
            },
        },
        preset: Preset::Is("[\"urgent\", \"routine\"]"),
    },
    truth("duress", "false", |r, v| r.duress = v),
    truth("head", "true", |r, v| r.head = v),
    Key {
        name: "digest_at",
        form: Form::List {
            what: "local times",
            start: |r| r.digest_at.clear(),
            add: |r, v| {
                let minute =
                    minute(v).ok_or_else(|| Fault::new(format!("{v:?} is no time"), "write one like \"07:30\""))?;
                if r.digest_at.len() >= MOST_DIGESTS {
                    return Err(Fault::new(format!("more than {MOST_DIGESTS} times"), "take some away"));
                }
                r.digest_at.push(minute);
                r.digest_at.sort_unstable();
                r.digest_at.dedup();
                Ok(())
            },
        },
        preset: Preset::Is("[\"07:30\"]"),
    },
    whole("urgent_per_h", "messages", 1..=60, "12", |r, v| r.urgent_per_h = v as u32),
];

const SECRET_REMEDY: &str =
    "write the name of a file in credentials_dir, like \"mail_password\"; the secret itself does not belong here";

/// Servers seldom take others.
fn is_plain(address: &Address) -> bool {
    let text: &str = address.as_ref();
    text.is_ascii() && text.len() <= 254
}

fn not_an_address(value: &str) -> Fault {
    Fault::new(format!("{value:?} is no mail address"), "write one like \"office@example.com\"")
}

fn webhook(value: &str) -> Result<reqwest::Url, Fault> {
    let remedy = "write one like \"https://alerts.example.com/cabinet\"";
    // It is not repeated: what stands behind the host may be as good as a password.
    let url: reqwest::Url = value.parse().map_err(|why| Fault::new(format!("it is no URL: {why}"), remedy))?;
    if url.scheme() != "https" {
        return Err(Fault::new("only https is spoken: alarms are nobody else's", remedy));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let remedy = "let the receiver know us by `secret`, which signs what is sent";
        return Err(Fault::new("a name or password in it would stand in this file", remedy));
    }
    Ok(url)
}

fn minute(value: &str) -> Option<u16> {
    let (hour, minute) = value.split_once(':')?;
    let digits = |text: &str, most: u16| {
        let number: u16 = text.parse().ok().filter(|_| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()))?;
        (number <= most).then_some(number)
    };
    Some(digits(hour, 23)? * 60 + digits(minute, 59)?)
}

impl Config {
    pub(super) fn read_recipients(&mut self, reader: &mut Reader, document: &DeTable<'_>, around: &Surroundings) {
        self.read_mail(reader, document, around);
        for (line, table) in reader.rows(document, "recipient") {
            let known: Vec<&str> = RECIPIENT.iter().map(|key| key.name).collect();
            reader.refuse_unknown(table, "recipient", &known, |_| None);
            let (mut draft, before) = (RecipientDraft::default(), reader.problems.len());
            reader.read("recipient", "[[recipient]]", Some((line, table)), RECIPIENT, &mut draft);
            if reader.problems.len() > before {
                continue;
            }
            match self.recipient(draft, around) {
                Ok(recipient) => self.recipients.push(recipient),
                Err(fault) => reader.problem(Some(line), "recipient", fault),
            }
        }
        self.settings.recipients = !self.recipients.is_empty();
    }

    fn read_mail(&mut self, reader: &mut Reader, document: &DeTable<'_>, around: &Surroundings) {
        let Some((line, table)) = reader.section(document, "mail") else { return };
        let known: Vec<&str> = MAIL.iter().map(|key| key.name).collect();
        reader.refuse_unknown(table, "mail", &known, home_of);
        let mut draft = MailDraft::default();
        reader.read("mail", "[mail]", Some((line, table)), MAIL, &mut draft);
        let MailDraft { host, port, security, user, password, from, ca_file } = draft;
        let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        if security == Security::NoneOnLoopback && !is_here {
            let wrong = "without TLS the mails would cross the network for everybody to read".to_owned();
            reader.conflict(
                "mail.security",
                &["mail.host"],
                wrong,
                "write \"tls\" or \"starttls\", or a server on this machine",
            );
        }
        if user.is_some() != password.is_some() {
            let wrong = "user and password go together".to_owned();
            reader.conflict("mail.user", &["mail.password"], wrong, "write both, or neither");
        }
        let port = port.unwrap_or_else(|| security.usual_port());
        let ca_file = ca_file.map(|path| around.folder.join(path));
        self.mail = Some(MailConfig { host, port, security, user, password, from, ca_file });
    }

    fn recipient(&self, draft: RecipientDraft, around: &Surroundings) -> Result<Recipient, Fault> {
        let RecipientDraft {
            name,
            mail,
            webhook,
            secret,
            ca_file,
            urgent,
            routine,
            duress,
            head,
            digest_at,
            urgent_per_h,
        } = draft;
        if self.recipients.iter().any(|other| other.name == name) {
            return Err(Fault::new(format!("{name:?} is there twice"), "give each recipient a name of its own"));
        }
        if self.recipients.len() >= MOST_RECIPIENTS {
            let remedy = "write the address of a list, or a service that tells others";
            return Err(Fault::new(format!("more than {MOST_RECIPIENTS} recipients"), remedy));
        }
        if !(urgent || routine || duress) {
            return Err(Fault::new(
                format!("{name:?} is told nothing"),
                "write classes = [\"urgent\"], or take it away",
            ));
        }
        if digest_at.is_empty() && routine {
            return Err(Fault::new(
                "there is no time for the digest",
                "write digest_at = [\"07:30\"], or classes = [\"urgent\"]",
            ));
        }
        let to = match (mail, webhook) {
            (Some(_), None) if self.mail.is_none() => {
                return Err(Fault::new("no mail server is named", "write [mail] with host and from"));
            }
            (Some(_), None) if secret.is_some() || ca_file.is_some() => {
                return Err(Fault::new("secret and ca_file are for webhooks", "a mail server's stand under [mail]"));
            }
            (Some(address), None) => To::Mail { address },
            (None, Some(url)) => To::Webhook { url, secret, ca_file: ca_file.map(|path| around.folder.join(path)) },
            (None, None) | (Some(_), Some(_)) => {
                return Err(Fault::new("it is told one way", "write either mail or webhook"));
            }
        };
        Ok(Recipient { name, to, urgent, routine, duress, head, digest_at, urgent_per_h })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "[cabinet]\nsite = \"s\"\nname = \"c\"\n[lines]\nbackend = \"sim\"\n[slots]\ncount = 4\n";
    const MAIL_LEAST: &str = "[mail]\nhost = \"mail.example.com\"\nfrom = \"c@example.com\"\n";

    fn problems(more: &str) -> Vec<String> {
        let parsed = Config::parse(&format!("{LEAST}{more}"), &Surroundings::default());
        parsed.err().into_iter().flatten().map(|problem| format!("{}: {}", problem.key, problem.wrong)).collect()
    }

    #[test]
    fn a_mail_and_a_webhook_are_read_with_their_defaults() {
        let text = format!(
            "{LEAST}{MAIL_LEAST}security = \"starttls\"\n[[recipient]]\nname = \"office\"\nmail = \"o@example.com\"\n\
             [[recipient]]\nname = \"watch\"\nwebhook = \"https://h.example.com/x?y=z\"\nclasses = []\nduress = true\nhead = false\n"
        );
        let config = Config::parse(&text, &Surroundings::default()).expect("it is sound");
        let mail = config.mail.clone().expect("a server");
        assert_eq!((mail.port, mail.security), (587, Security::StartTls));
        let [office, watch] = &config.recipients[..] else { panic!("two") };
        assert_eq!((office.urgent, office.routine, office.duress, office.urgent_per_h), (true, true, false, 12));
        assert_eq!(office.digest_at, [450]);
        assert_eq!((watch.urgent, watch.routine, watch.duress), (false, false, true));
        assert_eq!((office.head, watch.head), (true, false));
        assert!(config.settings.recipients);
        let again = Config::parse(&config.effective(), &Surroundings::default()).expect("it reads back");
        assert_eq!((again.mail, again.recipients), (config.mail, config.recipients));
    }

    #[test]
    fn what_would_tell_nobody_or_everybody_is_refused() {
        let office = "[[recipient]]\nname = \"office\"\n";
        for (more, wanted) in [
            (format!("{office}mail = \"o@example.com\"\n"), "recipient: no mail server is named"),
            (format!("{MAIL_LEAST}{office}"), "recipient: it is told one way"),
            (format!("{office}webhook = \"http://h.example.com\"\n"), "recipient.webhook: only https"),
            (format!("{office}webhook = \"https://u:pw@h.example.com\"\n"), "recipient.webhook: a name or password"),
            (
                format!("{office}webhook = \"https://h.example.com\"\nclasses = []\n"),
                "recipient: \"office\" is told nothing",
            ),
            (
                format!("{office}webhook = \"https://h.example.com\"\nclasses = [\"duress\"]\n"),
                "recipient.classes: \"duress\" is no",
            ),
            (
                format!("{office}webhook = \"https://h.example.com\"\ndigest_at = [\"7:30\"]\n"),
                "recipient.digest_at: \"7:30\" is no time",
            ),
            (format!("{MAIL_LEAST}{office}mail = \"o@example.com\\r\\nBcc: x@example.com\"\n"), "recipient.mail: "),
            (format!("{MAIL_LEAST}security = \"none-on-loopback\"\n"), "mail.security: without TLS"),
            (format!("{MAIL_LEAST}user = \"u\"\n"), "mail.user: user and password"),
        ] {
            let found = problems(&more);
            assert!(found.iter().any(|problem| problem.starts_with(wanted)), "{more}: {found:?}");
        }
        let here = MAIL_LEAST.replace("mail.example.com", "127.0.0.1");
        assert_eq!(problems(&format!("{here}security = \"none-on-loopback\"\n")), Vec::<String>::new());
    }
}
