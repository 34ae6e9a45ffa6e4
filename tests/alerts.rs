//! People are told: by a real mail server with STARTTLS and a password, and by a real HTTPS webhook, through everything that goes wrong with
//! them; and the same of a whole cabinet.

#[allow(dead_code, reason = "shared with other tests")]
#[path = "support/demo.rs"]
mod demo;
#[path = "support/inbox.rs"]
mod inbox;

use cabinetd::alerts::{Post, Setup};
use cabinetd::cabinet::books::{Row, View};
use cabinetd::cabinet::fact::{Alarm, Cleared, Fact, Record};
use cabinetd::cabinet::snapshot::{RecipientIs, RecipientView};
use cabinetd::cabinet::types::{
    AlarmId, BootId, Civil, ClockQuality, DoorNo, KeyId, Mono, Now, Origin, SessionId, SlotNo, Stamp, UserId, Wall,
};
use cabinetd::config::{Recipient, To};
use cabinetd::io::store::{Identity, Store};
use demo::{Demo, until};
use ed25519_dalek::SigningKey;
use hmac::{Hmac, KeyInit as _, Mac as _};
use inbox::{Inbox, PASSWORD, SECRET, USER, by_mail, certificates, credentials, header};
use serde_json::Value;
use sha2::Sha256;
use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

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
        self.record_with(fact, Vec::new())
    }

    fn record_with(&mut self, fact: Fact, rows: Vec<(View, Option<Row>)>) -> u64 {
        let now = now(self.ms());
        let stamp = Stamp { mono: now.mono, wall: now.wall, clock: now.clock, boot: now.boot };
        let record = Record { seq: self.next, stamp, by: Origin::cabinet(), fact };
        self.store.commit_blocking(vec![record], rows, false).expect("committed");
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

    let view = until("it is shown", || {
        Some(site.view(&post, "office")).filter(|view| view.told_ago_ms.is_some() && view.urgent_waiting == 0)
    });
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

#[test]
fn who_is_told_of_what_is_urgent_alone_is_told_of_its_end_across_a_restart() {
    let (inbox, mut site) = (Inbox::start(), Site::new());
    let on_call = Recipient { routine: false, ..by_mail("on-call") };
    let post = site.settled(&inbox, vec![on_call.clone()]);
    let raised = site.raise(&post, forced());
    until("the mail", || inbox.mails().pop());
    until("it is kept", || {
        let told = cabinetd::io::store::Reader::open(&site.dir.path().join("state")).expect("readable").told();
        let told: Value = serde_json::from_str(&told.expect("readable")?).expect("JSON");
        (told["on-call/urgent"]["mark"] == raised).then_some(())
    });
    drop(post);
    // It ends while nobody looks.
    let cleared = Fact::AlarmCleared { alarm: AlarmId(raised), why: Cleared::Acknowledged, name: None };
    site.record(cleared);
    let _post = site.post(&inbox, vec![on_call]);
    let over = until("its end", || inbox.mails_to("on-call@example.com").into_iter().nth(1));
    assert!(header(&over, "subject").contains("An alarm is over"), "{over}");
    assert!(over.contains("was opened without a session"), "{over}");
}

#[test]
fn whoever_is_not_told_of_duress_counts_no_record_of_it() {
    let (inbox, mut site) = (Inbox::start(), Site::new());
    let watch = Recipient { head: false, ..inbox.by_webhook("watch") };
    let guard = Recipient { duress: true, ..inbox.by_webhook("guard") };
    let post = site.settled(&inbox, vec![watch, guard]);
    let silent = site.next;
    let hidden = Row::Hidden(serde_json::from_str(&format!("[{silent}]")).expect("a number"));
    let alarm = Fact::AlarmRaised { alarm: duress(), number: Some(AlarmId::silent(silent)) };
    site.record_with(alarm, vec![(View::Hidden, Some(hidden))]);
    let forced = site.raise(&post, forced());
    let told = |name: &'static str| {
        until("the webhook", || {
            let hooks = inbox.hooks().into_iter().map(|(_, body)| body);
            hooks.into_iter().find(|body| body["recipient"] == name && body["class"] == "urgent")
        })
    };
    let (watch, guard) = (told("watch"), told("guard"));
    let text = |body: &Value| body["text"].as_str().expect("a text").to_owned();
    assert_eq!((&watch["news"][0]["seq"], &watch["head"]), (&(forced - 1).into(), &Value::Null));
    assert!(text(&watch).contains(&format!("the ledger had {} records", forced - 1)), "{watch}");
    assert!(!watch.to_string().contains("HEAD"), "{watch}");
    assert_eq!((&guard["news"][0]["seq"], &guard["head"]["seq"]), (&forced.into(), &forced.into()));
}

/// The ids of what this process told the log.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> Layer<S> for Told {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            if field.name() == "MESSAGE_ID" {
                self.0.lock().expect("no panic there").push(format!("{value:?}").replace('"', ""));
            }
        });
    }
}

impl Told {
    fn count(&self, message: &cabinetd::messages::Message) -> usize {
        self.0.lock().expect("no panic there").iter().filter(|id| *id == message.id).count()
    }
}

#[test]
fn that_the_ledger_cannot_be_read_is_said_once_and_so_is_that_it_can_again() {
    use cabinetd::messages::own::{ALERTS_BLIND, ALERTS_SEE};
    let told = Told::default();
    tracing_subscriber::registry().with(told.clone()).try_init().expect("no other test of this file listens");
    let (inbox, mut site) = (Inbox::start(), Site::new());
    let (state, aside) = (site.dir.path().join("state"), site.dir.path().join("aside"));
    fs::rename(&state, &aside).expect("it is ours");
    let post = site.post(&inbox, vec![by_mail("office")]);
    until("it is said", || (told.count(&ALERTS_BLIND) > 0).then_some(()));
    // Two tries more.
    std::thread::sleep(Duration::from_secs(11));
    assert_eq!((told.count(&ALERTS_BLIND), told.count(&ALERTS_SEE)), (1, 0));
    fs::rename(&aside, &state).expect("it is ours");
    until("that, too", || (told.count(&ALERTS_SEE) > 0).then_some(()));
    site.raise(&post, forced());
    until("the mail", || inbox.mails().pop());
    assert_eq!((told.count(&ALERTS_BLIND), told.count(&ALERTS_SEE)), (1, 1));
}

// ---------------------------------------------------------------- before anything is to be told

/// The findings of `check --only alerts` in a folder with this config.
fn checked(folder: &Path, more: &str) -> Vec<(String, String, String)> {
    let least = "[cabinet]\nsite = \"s\"\nname = \"c\"\n[lines]\nbackend = \"sim\"\n[slots]\ncount = 4\n";
    fs::write(folder.join("cabinetd.toml"), format!("{least}{more}")).expect("written");
    let said = demo::cabinetd(folder, &["check", "--json", "--only", "alerts"]);
    let report: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    let findings = report["findings"].as_array().expect("a list");
    let text = |finding: &Value, field: &str| finding[field].as_str().expect("a text").to_owned();
    findings.iter().map(|finding| (text(finding, "id"), text(finding, "level"), text(finding, "what"))).collect()
}

#[test]
fn check_says_what_would_keep_people_from_being_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path();
    assert_eq!(checked(place, ""), [], "nobody is to be told");

    let mut inbox = Inbox::start();
    let config = format!(
        "[mail]\nhost = \"localhost\"\nport = {}\nsecurity = \"starttls\"\nuser = \"{USER}\"\npassword = \"mail_password\"\n\
         from = \"{USER}\"\nca_file = \"{}\"\n[[recipient]]\nname = \"office\"\nmail = \"office@example.com\"\n",
        inbox.smtp_port,
        inbox.ca().display()
    );
    let found = |more: &str, id: &str| {
        let findings = checked(place, &format!("{config}{more}"));
        let found = findings.iter().find(|(found, ..)| found == id).cloned();
        let (_, level, what) = found.unwrap_or_else(|| panic!("{id}: {findings:?}"));
        (level, what)
    };
    let reach = |expected: &str, words: &str| {
        let (level, what) = found("", "alerts.reach");
        assert!(level == expected && what.contains(words), "{level}: {what}");
    };
    reach("warning", "missing");
    let secrets = place.join("credentials");
    credentials(&secrets);
    reach("fine", "takes us");
    assert_eq!(found("", "alerts.arrive").0, "unknown", "no daemon says how they stand");
    assert_eq!((found("", "alerts.urgent").0, found("", "alerts.duress").0), ("fine".into(), "note".into()));
    assert_eq!(found("classes = [\"routine\"]\n", "alerts.urgent").0, "warning");
    assert_eq!(found("duress = true\n", "alerts.duress").0, "fine");

    let password = secrets.join("mail_password");
    fs::set_permissions(&password, fs::Permissions::from_mode(0o644)).expect("it is ours");
    reach("warning", "can be read by others");
    fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).expect("it is ours");
    reach("fine", "takes us");
    inbox.close();
    reach("warning", "cannot be reached");
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
    // Revoked, they are refused, and the guard is told all the same.
    demo.ok(&["user", "revoke", "manager"]);
    let routine = |view: &Value| view["recipients"][0]["routine_waiting"].as_u64();
    let settled = || Some(view(&demo)).filter(|now| routine(now) > routine(&before));
    let (told, before) = (inbox.hooks().len(), until("the revocation", settled));
    demo.sim("badge 1001");
    demo.sim(&format!("pin {}", demo.duress_pin("1001")));
    let (_, refused) = until("the guard", || inbox.hooks().into_iter().nth(told));
    assert!(refused["text"].as_str().is_some_and(|text| text.contains("was refused: nothing was opened")), "{refused}");
    assert_eq!((view(&demo), inbox.mails().len()), (before, mails));
    assert!(demo.status()["session"].is_null());
    let log = demo.log()[log..].to_lowercase();
    for word in ["duress", "guard", "webhook", &inbox.https_port.to_string()] {
        assert!(!log.contains(word), "{word}: {log}");
    }
    let shown = demo.ok(&["alerts", "status"]);
    assert!(!shown.to_lowercase().contains("duress"), "{shown}");
    holds_no_secret(&demo);
}
