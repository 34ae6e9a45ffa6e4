//! The whole daemon on a small disk that fills up while the cabinet is in use, driven as people drive the demo: opening is refused and said
//! so, alarms and the stop are still recorded, and once there is room it serves again without a restart.
//!
//! Needs the right to mount (root); without it this test fails rather than passes for nothing.

#[allow(dead_code, reason = "part of it is for the binary")]
#[path = "../examples/reference_upstream/receiver.rs"]
mod receiver;
#[allow(dead_code, reason = "part of it is for the binary")]
#[path = "../examples/reference_upstream/server.rs"]
mod server;

use cabinetd::cabinet::event::KeyStep;
use cabinetd::cabinet::fact::{Alarm, Fact};
use cabinetd::cabinet::outcome::{Answer, Denial};
use cabinetd::cabinet::snapshot::{Snapshot, StoreIs};
use cabinetd::cabinet::types::{Reason, Wall};
use cabinetd::hex::hex;
use cabinetd::io::control::wire::Ask;
use cabinetd::io::control::{Client, new_request_key};
use cabinetd::io::store::{Filter, Identity, Reader};
use cabinetd::upstream::roster::{self, Terms};
use ed25519_dalek::SigningKey;
use receiver::Cabinet;
use server::{Rosters, Server};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A demo whose ledger is on a disk of its own. Ended and unmounted when dropped.
struct Demo {
    folder: tempfile::TempDir,
    process: Child,
}

impl Demo {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let state = folder.path().join("state");
        fs::create_dir(&state).expect("a folder");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=12m", "tmpfs"]).arg(&state).output();
        let mount = mount.expect("mount is there");
        assert!(
            mount.status.success(),
            "this test needs the right to mount a file system of its own (run as root): {}",
            String::from_utf8_lossy(&mount.stderr)
        );
        let out = fs::File::create(folder.path().join("screen")).expect("a file");
        let process = Command::new(env!("CARGO_BIN_EXE_cabinetd"))
            .args(["demo", "--seed", "1", "--no-color", "--dir"])
            .arg(folder.path())
            .stdout(out.try_clone().expect("a second handle"))
            .stderr(out)
            .stdin(Stdio::null())
            .spawn()
            .expect("the demo starts");
        let demo = Self { folder, process };
        demo.wait("the sample people are in", Duration::from_secs(60), || {
            demo.screen().contains("The sample roster is in")
        });
        demo
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn client(&self) -> Option<Client> {
        Client::connect(&self.path().join("run")).ok()
    }

    fn status(&self) -> Snapshot {
        self.client().expect("the daemon answers").status().expect("a snapshot")
    }

    fn screen(&self) -> String {
        fs::read_to_string(self.path().join("screen")).expect("readable")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path().join("daemon.log")).expect("readable")
    }

    fn cabinetd(&self, args: &[&str]) -> Output {
        let command = Command::new(env!("CARGO_BIN_EXE_cabinetd")).args(args).env("CABINETD_DIR", self.path()).output();
        command.expect("it runs")
    }

    fn sim(&self, words: &[&str]) {
        let output = self.cabinetd(&[&["sim"], words].concat());
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Ana's PIN, as the demo printed it.
    fn pin(&self) -> String {
        let screen = self.screen();
        let line = screen.lines().find(|line| line.contains(" 1004 ")).expect("Ana is printed");
        line.split_whitespace()
            .find(|word| word.len() == 6 && word.parse::<u32>().is_ok())
            .expect("with a PIN")
            .to_owned()
    }

    fn ask(&self, ask: &Ask) -> Answer {
        self.client().expect("the daemon answers").ask(&new_request_key(), ask).expect("an answer")
    }

    fn pull(&self) -> Answer {
        self.ask(&Ask::Pull {
            keys: vec!["204".into()],
            reason: Reason::WorkOrder,
            reference: Some("8841".into()),
            purpose: None,
            alone: false,
        })
    }

    fn filler(&self) -> PathBuf {
        self.path().join("state/somebody-elses-log")
    }

    /// Fills the disk to its last byte, and then the ledger what room its own file has left. How many records that took.
    fn fill(&self) -> u32 {
        let mut filler = fs::OpenOptions::new().create(true).append(true).open(self.filler()).expect("a filler");
        for block in [1 << 16, 4096, 512, 1] {
            while filler.write_all(&vec![1; block]).is_ok() {}
        }
        let note = Some("somebody keeps asking: ".repeat(20));
        let mut client = self.client().expect("the daemon answers");
        for asked in 0..20_000 {
            let ask = Ask::KeyLife { key: "101".into(), step: KeyStep::Rekeyed, note: note.clone() };
            match client.ask(&new_request_key(), &ask).expect("an answer") {
                Answer::Done { .. } => {}
                Answer::Refused(Denial::NoRoom) => return asked,
                other => panic!("{other:?}"),
            }
        }
        panic!("the disk never fills")
    }

    fn facts(&self) -> Vec<Fact> {
        let reader = Reader::open(&self.path().join("state")).expect("a ledger");
        let everything = Filter { silent: true, ..Filter::default() };
        let facts =
            reader.entries(&everything, 0).map(|entry| entry.expect("legible").fact().expect("known").1).collect();
        assert!(reader.verify(&[]).expect("verifies").is_sound());
        facts
    }

    #[expect(clippy::disallowed_methods, reason = "the test's own stopwatch")]
    fn wait(&self, what: &str, longest: Duration, mut is_so: impl FnMut() -> bool) -> Duration {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < longest, "waited {longest:?}: {what}\n{}\n{}", self.screen(), self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        began.elapsed()
    }

    fn daemon_pid(&self) -> String {
        fs::read_to_string(self.path().join("run/daemon.pid")).expect("the daemon's number").trim().to_owned()
    }

    /// Ends the daemon alone; the demo starts it again.
    fn restart_daemon(&self) {
        let pid = self.daemon_pid();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill is there").success());
        self.wait("the daemon is there again", Duration::from_secs(20), || {
            self.daemon_pid() != pid && self.client().is_some_and(|mut client| client.status().is_ok())
        });
    }

    /// Told to end, as by a service manager.
    fn stop(&mut self) {
        let kill =
            Command::new("kill").arg("-TERM").arg(self.process.id().to_string()).status().expect("kill is there");
        assert!(kill.success());
        let status = self.process.wait().expect("it ends");
        assert!(status.success(), "{status}\n{}\n{}", self.screen(), self.log());
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // The child ends with its parent: it loses its hardware, and its control socket goes; make sure of it.
        if self.process.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = Command::new("kill").arg("-TERM").arg(self.process.id().to_string()).status();
            for _ in 0..100 {
                if self.process.try_wait().is_ok_and(|ended| ended.is_some()) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
        let _ = Command::new("umount").arg("-l").arg(self.path().join("state")).status();
    }
}

#[test]
fn a_full_disk_is_survived_by_the_whole_daemon() {
    let mut demo = Demo::start();
    let (pin, pid) = (demo.pin(), demo.daemon_pid());

    let records = demo.fill();
    println!("{records} records fitted into what the ledger's file had left");
    // The refusal may come before the picture.
    demo.wait("a full store", Duration::from_secs(5), || demo.status().store == StoreIs::Full);
    let status = demo.status();
    assert!(status.alarms.iter().any(|open| open.kind == "no-room"), "{:?}", status.alarms);
    assert!(demo.log().contains("no room on the disk"), "{}", demo.log());

    // Nobody gets in, and is told why.
    demo.sim(&["badge", "1004"]);
    demo.wait("the refusal on the display", Duration::from_secs(5), || demo.screen().contains("the disk is full"));
    demo.sim(&["pin", &pin]);
    assert_eq!(demo.pull(), Answer::Refused(Denial::NoRoom));
    let refused = demo.cabinetd(&["pull", "--key", "Unit 204", "--reason", "work-order", "--ref", "8841"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("the disk is full"), "{refused:?}");
    assert!(demo.status().session.is_none());

    // Somebody comes with a crowbar: that is recorded all the same.
    demo.sim(&["door", "force"]);
    let forced = |fact: &Fact| matches!(fact, Fact::AlarmRaised { alarm: Alarm::OpenWithoutSession { .. }, .. });
    demo.wait("the alarm of the forced door", Duration::from_secs(5), || demo.facts().iter().any(forced));
    demo.sim(&["door", "close"]);
    demo.wait("the door closed", Duration::from_secs(5), || {
        demo.facts().iter().any(|fact| matches!(fact, Fact::DoorClosed { .. }))
    });
    let facts = demo.facts();
    assert!(!facts.iter().any(|fact| matches!(fact, Fact::SessionStarted { .. } | Fact::SessionAuthorised { .. })));

    // Somebody makes room: it is noticed without hands, and the cabinet serves again.
    fs::remove_file(demo.filler()).expect("removed");
    let writable = || demo.status().store == StoreIs::Writable;
    let took = demo.wait("room is noticed", Duration::from_secs(13), writable);
    println!("room was noticed after {:.1} s", took.as_secs_f64());
    assert!(!demo.status().alarms.iter().any(|open| open.kind == "no-room"));
    demo.sim(&["badge", "1004"]);
    demo.sim(&["pin", &pin]);
    demo.wait("Ana is let in", Duration::from_secs(10), || demo.status().session.is_some());
    assert!(matches!(demo.pull(), Answer::Done { .. }));
    // A hand is slower than the debouncing.
    let seen: [fn(&Fact) -> bool; 3] = [
        |fact| matches!(fact, Fact::DoorOpened { session: Some(_), .. }),
        |fact| matches!(fact, Fact::Taken { entitled: true, .. }),
        |fact| matches!(fact, Fact::SessionClosed { taken: 1, .. }),
    ];
    for (words, seen) in [["door", "open"], ["take", "7"], ["door", "close"]].into_iter().zip(seen) {
        demo.sim(&words);
        demo.wait(&words.join(" "), Duration::from_secs(5), || demo.facts().iter().any(seen));
    }

    // Full once more, and the daemon is told to end: the last record says so.
    demo.fill();
    assert_eq!(demo.daemon_pid(), pid, "the daemon was started again");
    demo.stop();
    let facts = demo.facts();
    assert!(matches!(facts.last(), Some(Fact::Stopped { .. })), "{:?}", facts.last());
    assert_eq!(facts.iter().filter(|fact| matches!(fact, Fact::Started { .. })).count(), 1);
}

/// What counts for nothing is told once, and on a full disk the core leaves it at that: its alarm is for when there is room.
#[test]
fn what_a_full_disk_swallowed_of_upstream_is_said_again_once_there_is_room() {
    let demo = Demo::start();
    let there = tempfile::tempdir().expect("a folder");
    let server = Server::start(there.path(), "127.0.0.1:0", None).expect("it serves");
    let Snapshot { site, cabinet, .. } = demo.status();
    let signer = SigningKey::from_bytes(&[9; 32]);
    let terms = Terms {
        version: 7,
        identity: Identity { site: site.clone(), cabinet: cabinet.clone() },
        device_key: [1; 32],
        expires: Wall(1_800_000_000_000),
    };
    let text = roster::sign(&terms, &[], &[], &signer).to_string();
    server.lay_down(&Cabinet { site, name: cabinet }, "", &text).expect("laid down");
    server.serve(Rosters::Forged);

    // It does not answer before the disk is full.
    server.set_down(true);
    let mut config = fs::OpenOptions::new().append(true).open(demo.path().join("cabinetd.toml")).expect("a config");
    let key = hex(&signer.verifying_key().to_bytes());
    let (url, ca) = (server.url(), there.path().join("ca.pem"));
    let section = format!(
        "\n[upstream]\nurl = \"{url}\"\nca_file = \"{}\"\nlongest_pause_s = 1\nroster_key = \"{key}\"\n",
        ca.display()
    );
    config.write_all(section.as_bytes()).expect("written");
    demo.restart_daemon();
    demo.fill();
    demo.wait("a full store", Duration::from_secs(20), || demo.status().store == StoreIs::Full);

    server.set_down(false);
    let trouble = || demo.status().upstream.and_then(|upstream| upstream.roster_trouble);
    let ails = || trouble().is_some_and(|why| why.contains("signature"));
    demo.wait("the roster is looked at", Duration::from_secs(60), ails);
    // The word to the core comes right behind what is shown.
    std::thread::sleep(Duration::from_millis(500));
    let refused = |fact: &Fact| matches!(fact, Fact::AlarmRaised { alarm: Alarm::RosterRefused { .. }, .. });
    let alarms = || demo.facts().iter().filter(|fact| refused(fact)).count();
    assert_eq!((demo.status().store, alarms()), (StoreIs::Full, 0));

    fs::remove_file(demo.filler()).expect("removed");
    demo.wait("room is noticed", Duration::from_secs(30), || demo.status().store == StoreIs::Writable);
    // It is asked for with the next heartbeat; whoever goes on battery has one at once.
    demo.sim(&["mains", "off"]);
    demo.wait("it is said again", Duration::from_secs(60), || alarms() == 1);
    assert!(demo.status().alarms.iter().any(|open| open.kind == "roster-refused"));
}
