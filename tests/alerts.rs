//! People are told: by a real mail server with STARTTLS and a password, and by a real HTTPS webhook, through everything that goes wrong with
//! them; and the same of a whole cabinet.

#[allow(dead_code, reason = "shared with other tests")]
#[path = "support/demo.rs"]
mod demo;

use cabinetd::alerts::{Post, Setup};
use cabinetd::cabinet::fact::{Alarm, Cleared, Fact, Record};
use cabinetd::cabinet::snapshot::{RecipientIs, RecipientView};
use cabinetd::cabinet::types::{
    AlarmId, BootId, Civil, ClockQuality, DoorNo, KeyId, Mono, Now, Origin, SessionId, SlotNo, Stamp, UserId, Wall,
};
use cabinetd::config::{MailConfig, Recipient, Security, To};
use cabinetd::io::store::{Identity, Store};
use demo::{Demo, until};
use ed25519_dalek::SigningKey;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::Value;
use sha2::Sha256;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const USER: &str = "cabinet@localhost";
const PASSWORD: &str = "mail pass word 90417";
const SECRET: &str = "webhook-secret-77134";

// ---------------------------------------------------------------- the servers

/// A mail server and a webhook.
struct Inbox {
    dir: tempfile::TempDir,
    smtp_port: u16,
    https_port: u16,
    child: Option<Child>,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}

fn certificates(dir: &Path) {
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
    fn start() -> Self {
        let mut inbox = Self::closed();
        inbox.open();
        inbox
    }

    /// Nobody answers there yet.
    fn closed() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        certificates(dir.path());
        Self { dir, smtp_port: free_port(), https_port: free_port(), child: None }
    }

    fn open(&mut self) {
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

    fn close(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it runs");
            child.wait().expect("it ends");
        }
    }

    fn mood(&self, mood: &str) {
        fs::write(self.dir.path().join("mood"), mood).expect("written");
    }

    fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// What arrived, in order: to whom, and what.
    fn arrived(&self, kind: &str, ending: &str) -> Vec<(String, String)> {
        let place = self.dir.path().join(kind);
        let read = |number: usize, ending: &str| fs::read_to_string(place.join(format!("{number}{ending}"))).ok();
        (1..).map_while(|number| Some((read(number, ".to")?, read(number, ending)?))).collect()
    }

    fn mails(&self) -> Vec<(String, String)> {
        self.arrived("mail", ".eml")
    }

    /// The mails to one address.
    fn mails_to(&self, address: &str) -> Vec<String> {
        self.mails().into_iter().filter(|(to, _)| to == address).map(|(_, mail)| mail).collect()
    }

    fn hooks(&self) -> Vec<(String, Value)> {
        let hooks = self.arrived("hook", ".json").into_iter();
        hooks.map(|(to, body)| (to, serde_json::from_str(&body).expect("JSON"))).collect()
    }

    fn mail_config(&self) -> MailConfig {
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

    fn by_webhook(&self, name: &str) -> Recipient {
        let url = format!("https://localhost:{}/{name}", self.https_port).parse().expect("a URL");
        let to = To::Webhook { url, secret: Some("webhook_secret".into()), ca_file: Some(self.ca()) };
        Recipient { to, ..by_mail(name) }
    }
}

fn by_mail(name: &str) -> Recipient {
    let to = To::Mail { address: format!("{name}@example.com") };
    Recipient {
        name: name.into(),
        to,
        urgent: true,
        routine: true,
        duress: false,
        digest_at: vec![450],
        urgent_per_h: 60,
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.close();
    }
}

fn credentials(dir: &Path) {
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

fn header<'a>(mail: &'a str, name: &str) -> &'a str {
    let line = mail.lines().find(|line| line.to_lowercase().starts_with(&format!("{}:", name.to_lowercase())));
    line.and_then(|line| line.split_once(": ")).unwrap_or_else(|| panic!("no {name}: {mail}")).1.trim()
}

// ---------------------------------------------------------------- a ledger with nobody around it

fn identity() -> Identity {
    Identity { site: "Palm Court / Süd".into(), cabinet: "cabinet 1".into() }
}

const WALL: i64 = 1_790_000_000_000;

fn now(ms: u64) -> Now {
    Now {
        mono: Mono(ms),
        wall: Wall(WALL + ms.cast_signed()),
        clock: ClockQuality::Synced,
        civil: Civil { day: 20_717, minute: (ms / 60_000 % 1_440) as u16 },
        boot: BootId(1),
    }
}

struct Site {
    dir: tempfile::TempDir,
    store: Store,
    next: u64,
    /// Where the clock stands, ms; it runs on by itself.
    set: Arc<AtomicU64>,
    begun: std::time::Instant,
}

impl Site {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        credentials(&dir.path().join("credentials"));
        let (store, _) = Store::open(&dir.path().join("state"), &identity(), Some(key())).expect("a ledger");
        let mut site = Self { dir, store, next: 1, set: Arc::new(AtomicU64::new(1_000_000)), begun: demo::now() };
        site.record(Fact::DoorOpened { door: DoorNo(1), session: None });
        site
    }

    fn ms(&self) -> u64 {
        self.set.load(Ordering::SeqCst) + self.begun.elapsed().as_millis() as u64
    }

    fn record(&mut self, fact: Fact) -> u64 {
        let now = now(self.ms());
        let stamp = Stamp { mono: now.mono, wall: now.wall, clock: now.clock, boot: now.boot };
        let record = Record { seq: self.next, stamp, by: Origin::cabinet(), fact };
        self.store.commit_blocking(vec![record], Vec::new(), false).expect("committed");
        self.next += 1;
        self.next - 1
    }

    fn post(&self, inbox: &Inbox, recipients: Vec<Recipient>) -> Post {
        let setup = Setup {
            mail: Some(inbox.mail_config()),
            recipients,
            identity: identity(),
            device_key: key(),
            credentials_dir: self.dir.path().join("credentials"),
            state_dir: self.dir.path().join("state"),
            zone: jiff::tz::TimeZone::UTC,
        };
        let (set, begun) = (Arc::clone(&self.set), self.begun);
        let clock = move || now(set.load(Ordering::SeqCst) + begun.elapsed().as_millis() as u64);
        Post::start(setup, self.store.marks(), clock).expect("it starts")
    }

    /// The same, once it knows where its recipients begin.
    fn settled(&self, inbox: &Inbox, recipients: Vec<Recipient>) -> Post {
        let post = self.post(inbox, recipients);
        let state = self.dir.path().join("state");
        until("its marks", || {
            cabinetd::io::store::Reader::open(&state).expect("readable").told().expect("readable").map(drop)
        });
        post
    }

    fn passes(&self, ms: u64) {
        self.set.fetch_add(ms, Ordering::SeqCst);
    }

    fn raise(&mut self, post: &Post, alarm: Alarm) -> u64 {
        let number = alarm.is_silent().then(|| AlarmId::silent(self.next));
        let seq = self.record(Fact::AlarmRaised { alarm, number });
        post.recorded(seq);
        seq
    }

    fn view(&self, post: &Post, name: &str) -> RecipientView {
        let view = post.view(Mono(self.ms()));
        view.recipients.into_iter().find(|recipient| recipient.name == name).expect("it is known")
    }
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn forced() -> Alarm {
    Alarm::OpenWithoutSession { door: DoorNo(1) }
}

fn duress() -> Alarm {
    Alarm::Duress { session: Some(SessionId(1)), user: UserId::from("ana") }
}

#[test]
fn what_is_urgent_goes_by_mail_and_webhook_signed_and_with_the_head() {
    let (inbox, mut site) = (Inbox::start(), Site::new());
    let post = site.settled(&inbox, vec![by_mail("office"), inbox.by_webhook("watch")]);
    site.raise(&post, Alarm::Overdue { key: KeyId::from("204") });
    site.raise(&post, forced());
    let mail = until("the mail", || inbox.mails_to("office@example.com").pop());
    assert!(mail.contains("Door 1 was opened without a session"), "{mail}");
    assert!(!mail.contains("overdue"), "that is for the digest: {mail}");
    assert_eq!(header(&mail, "auto-submitted"), "auto-generated");
    let heads = cabinetd::alerts::letter::in_mails(&mail);
    let [head] = &heads[..] else { panic!("one head: {mail}") };
    assert!(head.is_genuine() && head.head.seq == site.next - 1, "{head:?}");
    assert_eq!((head.identity.clone(), &*head.destination), (identity(), "office"));

    let (headers, body) = until("the webhook", || inbox.hooks().pop());
    assert_eq!((&body["class"], &body["news"][0]["kind"]), (&"urgent".into(), &"open-without-session".into()));
    let signed = headers.lines().find_map(|line| line.strip_prefix("x-cabinetd-signature: sha256=")).expect("signed");
    let raw = fs::read(inbox.dir.path().join("hook/1.json")).expect("bytes");
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key").chain_update(&raw).finalize();
    assert_eq!(signed.trim(), cabinetd::hex::hex(&mac.into_bytes()));
    assert!(headers.contains(&format!("idempotency-key: {}", body["id"].as_str().expect("an id"))), "{headers}");

    let view = until("it is shown", || Some(site.view(&post, "office")).filter(|view| view.told_ago_ms.is_some()));
    assert_eq!((view.state, view.routine_waiting), (RecipientIs::Fine, 1));
    // The digest at its hour: 07:30.
    site.passes(450 * 60_000);
    post.recorded(site.next - 1);
    let digest =
        until("the digest", || inbox.mails_to("office@example.com").into_iter().find(|mail| mail.contains("overdue")));
    assert!(header(&digest, "subject").contains("Digest"), "{digest}");
}

#[test]
fn a_server_that_was_away_gets_one_mail_that_says_it_is_late() {
    let (mut inbox, mut site) = (Inbox::closed(), Site::new());
    let post = site.settled(&inbox, vec![by_mail("office")]);
    let raised = site.raise(&post, forced());
    let view = until("it fails", || {
        Some(site.view(&post, "office")).filter(|view| view.state == RecipientIs::Failing && view.trouble.is_some())
    });
    assert!(view.trouble.as_deref().is_some_and(|why| why.contains("localhost")), "{view:?}");
    let seq = site.record(Fact::AlarmCleared { alarm: AlarmId(raised), why: Cleared::Acknowledged, name: None });
    post.recorded(seq);
    site.raise(&post, Alarm::WrongKey { slot: SlotNo(7), key: Some(KeyId::from("204")), session: None });
    // Three hours later.
    site.passes(3 * 3_600_000);
    inbox.open();
    post.recorded(site.next - 1);
    let mail = until("the mail", || inbox.mails().pop()).1;
    assert!(mail.contains("it could not be sent for 3 h"), "{mail}");
    assert!(mail.contains("It is over since") && mail.contains("was taken from slot 7"), "{mail}");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(inbox.mails().len(), 1, "one for all that waited");
    until("it is fine", || (site.view(&post, "office").state == RecipientIs::Fine).then_some(()));
}

#[test]
fn a_server_that_defers_refuses_or_drops_loses_nothing_and_what_comes_twice_has_one_name() {
    for (mood, copies) in [("defer", 1), ("refuse", 1), ("drop", 2)] {
        let (inbox, mut site) = (Inbox::start(), Site::new());
        inbox.mood(mood);
        let recipients = vec![by_mail("office"), inbox.by_webhook("watch")];
        let post = site.settled(&inbox, recipients.clone());
        site.raise(&post, forced());
        for name in ["office", "watch"] {
            until("it fails", || (site.view(&post, name).state == RecipientIs::Failing).then_some(()));
        }
        inbox.mood("ok");
        site.passes(400_000);
        post.recorded(site.next - 1);
        for name in ["office", "watch"] {
            until("it arrives", || (site.view(&post, name).state == RecipientIs::Fine).then_some(()));
        }
        let (mails, hooks) = (inbox.mails_to("office@example.com"), inbox.hooks());
        assert!(mails.len() >= copies && hooks.len() >= copies, "{mood}: {} {}", mails.len(), hooks.len());
        assert!(copies > 1 || (mails.len(), hooks.len()) == (1, 1), "{mood}: {} {}", mails.len(), hooks.len());
        let names: std::collections::BTreeSet<&str> = mails.iter().map(|mail| header(mail, "message-id")).collect();
        assert_eq!(names.len(), 1, "{mood}");
        assert!(hooks.iter().all(|(_, body)| body["id"] == hooks[0].1["id"]), "{mood}");

        // A new life of the process sends nothing of it again.
        let before = inbox.mails().len() + inbox.hooks().len();
        until("it is kept", || {
            let told = cabinetd::io::store::Reader::open(&site.dir.path().join("state")).expect("readable").told();
            let told: Value = serde_json::from_str(&told.expect("readable")?).expect("JSON");
            ["office/urgent", "watch/urgent"].iter().all(|lane| told[lane]["under_way"].is_null()).then_some(())
        });
        drop(post);
        let post = site.post(&inbox, recipients);
        site.raise(&post, Alarm::LinesLost);
        until("the next", || (inbox.mails().len() + inbox.hooks().len() >= before + 2).then_some(()));
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(inbox.mails().len() + inbox.hooks().len(), before + 2, "{mood}");
    }
}

#[test]
fn one_that_hangs_holds_up_no_other_and_a_wrong_password_is_said() {
    let (inbox, mut site) = (Inbox::start(), Site::new());
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = format!("https://localhost:{}/", listener.local_addr().expect("an address").port());
    let mut hanging = inbox.by_webhook("hanging");
    hanging.to = To::Webhook { url: silent.parse().expect("a URL"), secret: None, ca_file: Some(inbox.ca()) };
    let post = site.settled(&inbox, vec![hanging, by_mail("office")]);
    site.raise(&post, forced());
    until("the mail", || inbox.mails_to("office@example.com").pop());
    assert_eq!(site.view(&post, "hanging").state, RecipientIs::Waiting);

    fs::write(site.dir.path().join("credentials/mail_password"), "another").expect("written");
    site.raise(&post, Alarm::LinesLost);
    let why = until("it is refused", || site.view(&post, "office").trouble);
    assert!(why.contains("does not let us in"), "{why}");
    assert!(cabinetd::alerts::send::remedy(&why).contains("password"), "{why}");
    // What is put right counts without a restart.
    credentials(&site.dir.path().join("credentials"));
    site.passes(400_000);
    post.recorded(site.next - 1);
    until("the second", || (inbox.mails_to("office@example.com").len() == 2).then_some(()));
}

#[test]
fn a_certificate_of_a_stranger_is_told_nothing() {
    let (inbox, mut site) = (Inbox::start(), Site::new());
    let stranger = tempfile::tempdir().expect("a folder");
    certificates(stranger.path());
    let mut watch = inbox.by_webhook("watch");
    if let To::Webhook { ca_file, .. } = &mut watch.to {
        *ca_file = Some(stranger.path().join("ca.pem"));
    }
    let post = site.settled(&inbox, vec![watch]);
    site.raise(&post, forced());
    let why = until("it fails", || site.view(&post, "watch").trouble);
    assert!(why.to_lowercase().contains("certificate"), "{why}");
    assert_eq!(inbox.hooks().len(), 0);
}

#[test]
fn before_a_sleep_what_is_urgent_goes_and_what_cannot_go_is_not_waited_for() {
    let (mut inbox, mut site) = (Inbox::start(), Site::new());
    let post = site.settled(&inbox, vec![by_mail("office")]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    assert_eq!(runtime.block_on(post.flush()), Ok(true), "nothing waits");
    site.raise(&post, forced());
    assert_eq!(runtime.block_on(post.flush()), Ok(true));
    assert_eq!(inbox.mails().len(), 1);
    inbox.close();
    site.raise(&post, Alarm::LinesLost);
    assert_eq!(runtime.block_on(post.flush()), Ok(false));
    assert_eq!(inbox.mails().len(), 1);
}

#[test]
fn under_duress_only_who_asked_is_told_and_nothing_that_is_shown_moves() {
    let (mut inbox, mut site) = (Inbox::start(), Site::new());
    let guard = Recipient { urgent: false, routine: false, duress: true, ..by_mail("guard") };
    let both = Recipient { duress: true, ..inbox.by_webhook("watch") };
    let mut post = site.settled(&inbox, vec![by_mail("office"), guard, both]);
    let before = post.view(Mono(0));
    let raised = site.raise(&post, duress());
    let mail = until("the mail", || inbox.mails_to("guard@example.com").pop());
    let (_, hook) = until("the webhook", || inbox.hooks().pop());
    assert!(mail.contains("acted under duress") && !header(&mail, "subject").contains("uress"), "{mail}");
    assert_eq!(hook["class"], "duress");
    // It is acknowledged, and then it cannot be told for a while.
    let seq = site.record(Fact::AlarmAcknowledged { alarm: AlarmId::silent(raised) });
    let cleared =
        site.record(Fact::AlarmCleared { alarm: AlarmId::silent(raised), why: Cleared::Acknowledged, name: None });
    post.recorded(seq.max(cleared));
    inbox.close();
    site.raise(&post, duress());
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(post.view(Mono(0)), before, "nothing moves");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let changed = runtime.block_on(async { tokio::time::timeout(Duration::from_millis(50), post.changed()).await });
    assert!(changed.is_err(), "nor is anybody told to look");
    inbox.open();
    site.passes(400_000);
    post.recorded(site.next - 1);
    until("the second", || (inbox.mails_to("guard@example.com").len() == 2).then_some(()));
    assert_eq!(inbox.mails_to("office@example.com").len(), 0);
    // The digest at its hour knows nothing of it.
    site.raise(&post, Alarm::Overdue { key: KeyId::from("204") });
    site.passes(450 * 60_000);
    post.recorded(site.next - 1);
    let digest = until("the digest", || inbox.mails_to("office@example.com").pop());
    assert!(!digest.to_lowercase().contains("duress") && digest.contains("Digest: A key is"), "{digest}");
}

// ---------------------------------------------------------------- a whole cabinet

/// The demo, with somebody in the office and a guard.
fn with_people(inbox: &Inbox) -> Demo {
    let demo = Demo::start();
    let place = demo.dir.join("cabinetd.toml");
    let mut config = fs::read_to_string(&place).expect("a config");
    let ca = inbox.ca();
    write!(
        config,
        "\n[mail]\nhost = \"localhost\"\nport = {}\nsecurity = \"starttls\"\nuser = \"{USER}\"\npassword = \"mail_password\"\n\
         from = \"{USER}\"\nca_file = \"{}\"\n[[recipient]]\nname = \"office\"\nmail = \"office@example.com\"\n\
         [[recipient]]\nname = \"guard\"\nwebhook = \"https://localhost:{}/guard\"\nsecret = \"webhook_secret\"\nca_file = \"{}\"\n\
         classes = []\nduress = true\n",
        inbox.smtp_port,
        ca.display(),
        inbox.https_port,
        ca.display()
    )
    .expect("text");
    fs::write(&place, config).expect("written");
    credentials(&demo.dir.join("credentials"));
    // The next daemon reads it.
    demo.kill_daemon();
    demo.wait_for_daemon(2);
    demo
}

fn holds_no_secret(demo: &Demo) {
    let status = demo.ok(&["alerts", "status"]);
    for said in [demo.log(), demo.everything_said(), demo.screen(), status] {
        assert!(!said.contains(PASSWORD) && !said.contains(SECRET), "a secret is nobody's to read");
    }
}

#[test]
fn a_forced_door_is_mailed_within_seconds_and_the_inbox_anchors_the_ledger() {
    let inbox = Inbox::start();
    let demo = with_people(&inbox);
    assert_eq!(demo.run(&["check", "--only", "alerts"]).code, 0, "{}", demo.everything_said());
    let tested = demo.ok(&["alerts", "test", "office"]);
    assert!(tested.contains("took it for office@example.com"), "{tested}");
    assert!(inbox.mails()[0].1.contains("This is a test"));

    let begun = demo::now();
    demo.sim("door force");
    let mail = until("the mail", || {
        inbox.mails_to("office@example.com").into_iter().find(|mail| mail.contains("was opened without"))
    });
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let file = demo.dir.join("mail.eml");
    fs::write(&file, &mail).expect("written");
    let verified = demo.ok(&["ledger", "verify", "--head", file.to_str().expect("UTF-8")]);
    assert!(verified.contains("fits") && verified.contains("signed by") && verified.contains("Sound"), "{verified}");
    // A head that was edited, or is another ledger's, is not taken.
    let hash = mail.split("hash\":\r\n\"").nth(1).map(|rest| &rest[..8]).expect("a hash");
    fs::write(&file, mail.replace(hash, "00000000")).expect("written");
    assert_eq!(demo.run(&["ledger", "verify", "--head", file.to_str().expect("UTF-8")]).code, 1);
    assert_eq!(inbox.hooks().len(), 0, "the guard is told of nothing but duress");
    let status = demo.json(&["alerts", "status", "--json"]);
    assert_eq!(
        (&status["recipients"][0]["name"], &status["recipients"][0]["state"]),
        (&"office".into(), &"fine".into())
    );
    holds_no_secret(&demo);
}

#[test]
fn killed_in_the_middle_nothing_is_lost() {
    let inbox = Inbox::start();
    let demo = with_people(&inbox);
    inbox.mood("hang");
    demo.sim("door force");
    until("it is on its way", || {
        let told =
            cabinetd::io::store::Reader::open(&demo.dir.join("state")).expect("readable").told().expect("readable");
        let told: Value = serde_json::from_str(&told?).expect("JSON");
        told["office/urgent"]["under_way"].as_u64()
    });
    let before = inbox.mails().len();
    demo.kill_daemon();
    inbox.mood("ok");
    demo.wait_for_daemon(3);
    let is_it = |mail: &String| mail.contains("was opened without a session");
    until("the mail", || inbox.mails_to("office@example.com").iter().skip(before).any(is_it).then_some(()));
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(inbox.mails_to("office@example.com").iter().filter(|mail| is_it(mail)).count(), 1);
}

#[test]
fn a_visit_under_duress_tells_the_guard_and_nothing_at_the_cabinet() {
    let inbox = Inbox::start();
    let demo = with_people(&inbox);
    let view = |demo: &Demo| {
        let mut status = demo.json(&["alerts", "status", "--json"]);
        // Lengths of time move by themselves.
        for recipient in status["recipients"].as_array_mut().expect("a list") {
            recipient["told_ago_ms"] = Value::Bool(recipient["told_ago_ms"].is_null());
        }
        status
    };
    let (before, mails, log) = (view(&demo), inbox.mails().len(), demo.log().len());
    demo.identify("1001", &demo.duress_pin("1001"));
    demo.ok(&["pull", "--key", "Unit 204", "--reason", "showing"]);
    demo.wait_for_open();
    demo.sim("door open");
    demo.sim("take 7");
    demo.record("taken", 1);
    demo.close();
    let (_, told) = until("the guard", || inbox.hooks().pop());
    assert!(told["text"].as_str().is_some_and(|text| text.contains("Manager (manager) acted under duress")), "{told}");
    assert_eq!(view(&demo), before, "nothing that can be asked for moves");
    assert_eq!(inbox.mails().len(), mails, "the office is told nothing");
    let log = demo.log()[log..].to_lowercase();
    for word in ["duress", "guard", "webhook", &inbox.https_port.to_string()] {
        assert!(!log.contains(word), "{word}: {log}");
    }
    let shown = demo.ok(&["alerts", "status"]);
    assert!(!shown.to_lowercase().contains("duress"), "{shown}");
    holds_no_secret(&demo);
}
