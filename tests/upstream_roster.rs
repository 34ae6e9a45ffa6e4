//! A roster that was signed offline, from the key to the keypad: made, signed, laid down upstream, fetched over real TLS by a whole cabinet, taken
//! after the visit; and somebody in it who chooses a PIN.

#[allow(dead_code, reason = "shared with other tests")]
#[path = "support/demo.rs"]
mod demo;
#[allow(dead_code, reason = "part of it is for the binary")]
#[path = "../examples/reference_upstream/receiver.rs"]
mod receiver;
#[allow(dead_code, reason = "part of it is for the binary")]
#[path = "../examples/reference_upstream/server.rs"]
mod server;

use demo::{Demo, until};
use receiver::Cabinet;
use server::{Rosters, Server};
use std::fmt::Write as _;
use std::fs;

/// A demo, an upstream, and the key that signs rosters, which neither of them has.
struct Site {
    server: Server,
    demo: Demo,
    of: Cabinet,
    there: tempfile::TempDir,
}

impl Site {
    fn begins() -> Self {
        let there = tempfile::tempdir().expect("a folder");
        let server = Server::start(there.path(), "127.0.0.1:0", None).expect("it serves");
        let demo = Demo::start();
        let status = demo.status();
        let text = |name: &str| status[name].as_str().expect("a name").to_owned();
        let of = Cabinet { site: text("site"), name: text("cabinet") };
        let site = Self { server, demo, of, there };
        let key = site.path("roster.key");
        let roster_key = site.demo.ok(&["roster", "keygen", "--out", &key]);
        site.demo.ok(&["roster", "export", "--out", &site.path("roster.toml")]);

        let place = site.demo.dir.join("cabinetd.toml");
        let mut config = fs::read_to_string(&place).expect("a config");
        let (url, ca) = (site.server.url(), site.there.path().join("ca.pem"));
        write!(
            config,
            "\n[upstream]\nurl = \"{url}\"\nca_file = \"{}\"\ngather_ms = 100\nheartbeat_s = 30\nlongest_pause_s = 1\n{roster_key}",
            ca.display()
        )
        .expect("text");
        fs::write(&place, config).expect("written");
        site.demo.kill_daemon();
        site.demo.wait_for_daemon(2);
        site
    }

    fn path(&self, name: &str) -> String {
        self.there.path().join(name).display().to_string()
    }

    /// Signs the exported roster as it was changed.
    fn signed(&self, version: u64, device_key: &str, change: impl FnOnce(String) -> String) -> String {
        let roster = fs::read_to_string(self.path("roster.toml")).expect("exported");
        let (file, out) = (self.path(&format!("{version}.toml")), self.path(&format!("{version}.json")));
        fs::write(&file, change(roster)).expect("written");
        let number = version.to_string();
        let line = ["roster", "sign", &file, "--key", &self.path("roster.key"), "--version", &number, "--site"];
        let more = [&self.of.site, "--cabinet", &self.of.name, "--device-key", device_key, "--out", &out];
        self.demo.ok(&[&line[..], &more[..]].concat());
        out
    }

    fn sign(&self, version: u64, change: impl FnOnce(String) -> String) -> String {
        let device_key = self.demo.ok(&["roster", "device-key"]);
        self.signed(version, device_key.trim(), change)
    }

    fn lay_down(&self, which: &str, file: &str) {
        let signed = fs::read_to_string(file).expect("signed");
        self.server.lay_down(&self.of, which, &signed).expect("laid down");
    }

    /// Upstream is asked now, not at the next heartbeat.
    fn ask(&self) {
        self.demo.ok(&["upstream", "retry"]);
    }

    fn version(&self) -> Option<u64> {
        self.demo.status()["signed_roster"]["version"].as_u64()
    }

    fn until_version(&self, version: u64) {
        until(&format!("version {version}"), || (self.version() == Some(version)).then_some(()));
    }
}

/// Somebody who is new, with a badge and without a PIN.
fn with_finn(roster: String) -> String {
    roster + "\n[[users]]\nid = \"finn\"\nname = \"Finn\"\nrole = \"manager\"\nbadge = \"7001\"\n"
}

#[test]
fn it_comes_over_tls_is_taken_after_the_visit_and_somebody_in_it_enrols() {
    let site = Site::begins();
    let demo = &site.demo;
    site.lay_down("", &site.sign(7, with_finn));

    // In the middle of a visit it waits.
    demo.identify("1004", &demo.pin("1004"));
    demo.pull_204();
    demo.sim("door open");
    site.ask();
    until("it waits", || (demo.status()["signed_roster"]["waiting"] == 7).then_some(()));
    assert_eq!(site.version(), None);
    let told = demo.ok(&["status"]);
    assert!(told.contains("version 7 is taken when nobody is at the cabinet"), "{told}");
    demo.close();
    site.until_version(7);
    let record = demo.record("roster-changed", 2);
    let text = record.to_string();
    assert!(text.contains("finn") && text.contains("\"upstream\""), "{text}");
    let alarm = demo.alarm("privileges-rose").expect("a new manager is worth a word");
    assert!(alarm["sentence"].as_str().is_some_and(|text| text.contains("Finn")), "{alarm}");
    let id = alarm["id"].to_string();
    demo.ok(&["alarm", "ack", &id]);
    assert_eq!(demo.alarm("privileges-rose"), None);

    // PINs stayed, and it outlives a killed daemon; it is the same one and is not recorded again.
    let changes = demo.records("roster-changed").len();
    demo.kill_daemon();
    demo.wait_for_daemon(3);
    assert_eq!(site.version(), Some(7));
    site.ask();
    let sent = site.server.rosters_sent();
    until("it was served again", || (site.server.rosters_sent() >= sent.max(2)).then_some(()));
    assert_eq!(demo.records("roster-changed").len(), changes);
    let check = demo.run(&["check", "--only", "upstream"]);
    assert!(check.code == 0 && demo.ok(&["upstream", "status"]).contains("signed, version 7"), "{check:?}");

    // Finn has no PIN.
    let code = demo.json(&["user", "enrol", "finn", "--json"]);
    let code = code["code"].as_str().expect("a code").to_owned();
    let display = |text: &str| {
        until(text, || demo.look()["display"].as_str().is_some_and(|shown| shown.contains(text)).then_some(()));
    };
    demo.sim("badge 7001");
    display("Enter the code");
    demo.sim(&format!("pin {code}"));
    display("Choose a PIN");
    demo.sim("pin 123456");
    display("No runs");
    demo.sim("pin 482913");
    display("once more");
    demo.sim("pin 482913");
    display("the PIN is yours");
    demo.record("pin-set", 1);
    demo.identify("7001", "482913");
    demo.ok(&["cancel"]);
    let everything = [demo.log(), demo.everything_said(), format!("{:?}", demo.ledger())].join("\n");
    assert!(!everything.contains("482913"), "what somebody chose is theirs");
    assert_eq!(everything.matches(&code).count(), 1, "shown once");
}

#[test]
fn what_counts_for_nothing_is_told_and_what_is_brought_on_a_stick_counts() {
    let site = Site::begins();
    let demo = &site.demo;
    let (six, seven, eight) = (site.sign(6, |same| same), site.sign(7, |same| same), site.sign(8, with_finn));
    // On a stick: shown, then taken.
    let told = demo.ok(&["roster", "import", &seven]);
    assert!(told.contains("in force"), "{told}");
    assert_eq!(site.version(), Some(7));
    let why = demo.refused(1, &["roster", "import", &six]);
    assert!(why.contains("not above 7"), "{why}");
    let other = site.signed(9, &"07".repeat(32), with_finn);
    let why = demo.refused(1, &["roster", "import", &other]);
    assert!(why.contains("other device key") || why.contains("another device key"), "{why}");

    // The same, and worse, from upstream.
    site.lay_down("", &eight);
    site.lay_down(".older", &six);
    site.lay_down(".other", &other);
    for (rosters, fault) in [
        (Rosters::Forged, "signature does not fit"),
        (Rosters::OtherDevice, "another device key"),
        (Rosters::Oversized, "larger than 4 MiB"),
        (Rosters::Older, "version 6 is not above 7"),
    ] {
        site.server.serve(rosters);
        site.ask();
        until(fault, || {
            let alarm = demo.alarm("roster-refused")?;
            alarm["sentence"].as_str().is_some_and(|text| text.contains(fault)).then_some(())
        });
    }
    let before = demo.records("alarm-raised").len();
    site.ask();
    demo.take_204("1004");
    assert_eq!(demo.records("alarm-raised").len(), before, "it is told once, and nothing else suffers");
    assert!(!demo.ok(&["user", "list"]).contains("finn"));
    assert_eq!(site.version(), Some(7));
    site.server.serve(Rosters::Honest);
    site.ask();
    site.until_version(8);
    assert_eq!(demo.alarm("roster-refused"), None);
    assert!(demo.ok(&["user", "list"]).contains("finn"));
}
