//! Whom the cabinet trusts, who gets its token, and that nobody else reads it.

use crate::server::{Fault, Server};
use crate::site::{Ledger, config, copying, site};
use cabinetd::config::UpstreamConfig;
use std::os::unix::fs::OpenOptionsExt as _;

#[test]
fn nobody_else_is_trusted_and_nobody_else_gets_the_token() {
    let (dir, server, ledger) = site(3);
    let state = dir.path().join("state");
    let other = dir.path().join("other");
    std::fs::create_dir(&other).expect("a folder");
    let stranger = Server::start(&other, "127.0.0.1:0", None).expect("it serves");
    let mut wrong = config(&server, &state);
    std::fs::write(state.join("ca.pem"), &stranger.ca).expect("written");
    wrong.token = Some("upstream_token".to_owned());
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(state.join("upstream_token"))
        .expect("made");
    std::fs::write(state.join("upstream_token"), "swordfish-4711\n").expect("written");
    let mut copying = copying(&ledger, &state, wrong, "m1");
    copying.until("it says so", |copying| copying.link.state().trouble.is_some());
    let trouble = copying.link.state().trouble.expect("trouble");
    assert!(trouble.contains("certificate"), "{trouble}");
    assert!(!trouble.contains("swordfish"), "{trouble}");
    assert_eq!(server.requests(), 0);
}

#[test]
fn a_token_lets_in_and_a_wrong_one_is_said() {
    let dir = tempfile::tempdir().expect("a folder");
    let (there, state) = (dir.path().join("there"), dir.path().join("state"));
    std::fs::create_dir(&there).expect("a folder");
    let server = Server::start(&there, "127.0.0.1:0", Some("swordfish-4711")).expect("it serves");
    let mut ledger = Ledger::open(&state);
    ledger.write(3);
    let token = |word: &str| {
        let _ = std::fs::remove_file(state.join("t"));
        let open = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(state.join("t"));
        std::io::Write::write_all(&mut open.expect("made"), word.as_bytes()).expect("written");
    };
    let with_token = || UpstreamConfig { token: Some("t".to_owned()), ..config(&server, &state) };
    token("swordfish-0815");
    let mut wrong = copying(&ledger, &state, with_token(), "m1");
    wrong.until("it says so", |copying| copying.link.state().trouble.is_some());
    let trouble = wrong.link.state().trouble.expect("trouble");
    assert!(trouble.contains("401") && trouble.contains("token") && !trouble.contains("swordfish"), "{trouble}");
    drop(wrong);
    token("swordfish-4711");
    copying(&ledger, &state, with_token(), "m1").until_acknowledged(3);

    // One that is missing keeps nothing from starting, and counts once it is there.
    std::fs::remove_file(state.join("t")).expect("removed");
    ledger.write(1);
    let mut late = copying(&ledger, &state, with_token(), "m1");
    late.until("it says so", |copying| copying.link.state().trouble.is_some_and(|why| why.contains("is missing")));
    token("swordfish-4711");
    late.until_acknowledged(4);
}

#[test]
fn a_token_that_upstream_repeats_is_not_said() {
    let (dir, server, ledger) = site(3);
    let state = dir.path().join("state");
    let open = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(state.join("t"));
    std::io::Write::write_all(&mut open.expect("made"), b"swordfish-4711").expect("written");
    let config = UpstreamConfig { token: Some("t".to_owned()), ..config(&server, &state) };
    server.by_chance(Some(Box::new(|| Some(Fault::EchoToken))));
    let mut copying = copying(&ledger, &state, config, "m1");
    copying.until("it says so", |copying| copying.link.state().trouble.is_some());
    let trouble = copying.link.state().trouble.expect("trouble");
    assert!(trouble.contains("403") && trouble.contains("(the token)") && !trouble.contains("swordfish"), "{trouble}");
}
