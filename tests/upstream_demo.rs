//! A whole cabinet with an upstream: the demo's, as a person types it, through a hanging network, an outage and a restored backup.

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
use server::{Fault, Server};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;

const TOKEN: &str = "a-token-that-nobody-may-read-4711";

/// The demo with an upstream, which is there.
fn with_upstream() -> (tempfile::TempDir, Server, Demo, Cabinet) {
    let there = tempfile::tempdir().expect("a folder");
    let server = Server::start(there.path(), "127.0.0.1:0", Some(TOKEN)).expect("it serves");
    let demo = Demo::start();
    let place = demo.dir.join("cabinetd.toml");
    let mut config = fs::read_to_string(&place).expect("a config");
    let ca = there.path().join("ca.pem");
    write!(
        config,
        "\n[upstream]\nurl = \"{}\"\nca_file = \"{}\"\ntoken = \"upstream_token\"\ngather_ms = 100\nheartbeat_s = 30\n\
         request_ms = 2000\nlongest_pause_s = 1\nflush_ms = 6000\n",
        server.url(),
        ca.display()
    )
    .expect("text");
    fs::write(&place, config).expect("written");
    let token = demo.dir.join("credentials/upstream_token");
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(token).expect("a credential");
    std::io::Write::write_all(&mut file, TOKEN.as_bytes()).expect("written");
    // The next daemon reads it.
    demo.kill_daemon();
    demo.wait_for_daemon(2);
    let status = demo.status();
    let text = |name: &str| status[name].as_str().expect("a name").to_owned();
    let of = Cabinet { site: text("site"), name: text("cabinet") };
    (there, server, demo, of)
}

/// Waits until upstream has every record, and verifies them.
fn all_there(demo: &Demo, server: &Server, of: &Cabinet) {
    until("upstream has everything", || {
        let status = demo.status();
        let upstream = &status["upstream"];
        (upstream["waiting"] == 0 && upstream["state"] == "current").then_some(())
    });
    let records = demo.status()["upstream"]["acknowledged_seq"].as_u64().expect("a number");
    let (with, without) = server.receiver().verified(of).expect("it verifies");
    assert!(with + without >= records, "{with} {without} {records}");
}

#[test]
fn a_visit_does_not_wait_for_an_upstream_that_hangs_and_the_records_follow() {
    let (_there, server, demo, of) = with_upstream();
    all_there(&demo, &server, &of);
    assert_eq!(demo.run(&["check", "--only", "upstream"]).code, 0, "{}", demo.everything_said());

    server.by_chance(Some(Box::new(|| Some(Fault::Hang(60_000)))));
    demo.take_204("1004");
    let waits = until("it is silent", || {
        let upstream = demo.json(&["upstream", "status", "--json"]);
        (upstream["state"] == "silent").then_some(upstream)
    });
    assert!(waits["waiting"].as_u64().is_some_and(|count| count >= 6), "{waits}");
    let told = demo.ok(&["status"]);
    assert!(told.contains("Upstream") && told.contains("silent for"), "{told}");
    assert_eq!(demo.run(&["check", "--only", "upstream"]).code, 3, "it does not answer");

    server.by_chance(None);
    demo.ok(&["upstream", "retry"]);
    all_there(&demo, &server, &of);
    for said in [demo.log(), demo.everything_said(), demo.screen()] {
        assert!(!said.contains(TOKEN), "the token is nobody's to read");
    }
}

#[test]
fn the_cabinet_says_that_it_sleeps_before_it_does_and_a_refused_record_is_an_alarm() {
    let (_there, server, demo, of) = with_upstream();
    all_there(&demo, &server, &of);
    let next = demo.status()["head_seq"].as_u64().expect("a number") + 1;
    server.policy().refused.insert(next);
    demo.sim("mains off");
    until("on battery", || (demo.status()["supply"]["supply"] == "on-battery").then_some(()));
    until("the alarm", || demo.alarm("record-parked"));
    assert_eq!(demo.status()["upstream"]["parked"][0], next);
    server.policy().refused.clear();
    demo.ok(&["upstream", "retry"]);
    until("the alarm is over", || demo.alarm("record-parked").is_none().then_some(()));

    until("it may be told", || (demo.run(&["power", "sleep-now"]).code == 0).then_some(()));
    until("asleep", || (demo.status()["power"]["mode"] == "asleep").then_some(()));
    let heard = server.receiver().last_heartbeat(&of).expect("readable").expect("one");
    assert!(heard.contains("\"asleep_until_woken\":true") && heard.contains("falling-asleep"), "{heard}");
    demo.sim("mains on");
}
