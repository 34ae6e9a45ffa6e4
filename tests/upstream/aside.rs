//! What goes beside the records: hints of an outage, and the keymap.

use crate::server::{Fault, Server};
use crate::site::{all_there, cabinet, config, copying, picture, site};
use cabinetd::cabinet::event::UpstreamNews;
use cabinetd::cabinet::power::Mode;
use cabinetd::cabinet::types::SlotNo;
use cabinetd::config::UpstreamConfig;
use std::path::Path;
use std::time::Duration;

/// What is known there, so long ago.
#[expect(clippy::disallowed_methods, reason = "the clock of the other side")]
pub fn tell(dir: &Path, age_ms: i64, storm: bool, ends_in_ms: Option<i64>) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    let now = i64::try_from(now.as_millis()).expect("not so long");
    let hint = serde_json::json!({
        "as_of_ms": now - age_ms, "storm": storm, "restoration_ms": ends_in_ms.map(|ms| now + ms),
    });
    std::fs::write(dir.join("there/outage-hints.json"), hint.to_string()).expect("written");
}

#[test]
fn hints_are_asked_for_on_battery_and_old_ones_count_for_nothing() {
    let (dir, server, ledger) = site(3);
    let state = dir.path().join("state");
    let config = UpstreamConfig { hints: true, ..config(&server, &state) };
    let mut copying = copying(&ledger, &state, config, "m1");
    // Nothing is known: that is no trouble.
    copying.until_acknowledged(3);
    assert_eq!(copying.link.flush().blocking_recv(), Ok(true));
    assert_eq!((copying.news(), copying.link.state().trouble), (vec![], None));
    tell(dir.path(), 60_000, true, Some(5 * 3_600_000));
    copying.link.recorded(3, Mode::Grace);
    copying.until("it is told", |copying| !copying.said.is_empty());
    let news = copying.news();
    let [UpstreamNews::Hints { storm: true, ends_in_ms: Some(ms) }] = news[..] else { panic!("{news:?}") };
    assert!((4 * 3_600_000..=5 * 3_600_000).contains(&ms), "{ms}");
    // Each heartbeat asks while it is on battery.
    tell(dir.path(), 0, false, None);
    assert_eq!(copying.link.flush().blocking_recv(), Ok(true));
    assert_eq!(copying.news(), [UpstreamNews::Hints { storm: false, ends_in_ms: None }]);
    tell(dir.path(), 7 * 3_600_000, true, None);
    assert_eq!(copying.link.flush().blocking_recv(), Ok(true));
    assert_eq!(copying.news(), [], "that was another weather");
    std::fs::write(dir.path().join("there/outage-hints.json"), "{}").expect("written");
    assert_eq!(copying.link.flush().blocking_recv(), Ok(true), "nonsense holds up nothing");
    assert_eq!(copying.news(), []);
}

#[test]
fn without_hints_and_keymap_in_the_config_nobody_is_asked_and_nothing_is_shown() {
    let (dir, server, ledger) = site(3);
    let state = dir.path().join("state");
    tell(dir.path(), 0, true, None);
    let mut copying = copying(&ledger, &state, config(&server, &state), "m1");
    copying.until_acknowledged(3);
    copying.sight.send_replace(picture(3, SlotNo(2)));
    copying.link.recorded(3, Mode::Grace);
    assert_eq!(copying.link.flush().blocking_recv(), Ok(true));
    assert_eq!(copying.news(), []);
    assert_eq!(server.receiver().last_keymap(&cabinet()).expect("readable"), None);
}

#[test]
fn the_keymap_is_shown_when_it_changed_and_not_every_time() {
    let (dir, server, mut ledger) = site(3);
    let state = dir.path().join("state");
    let config = UpstreamConfig { keymap: true, ..config(&server, &state) };
    let mut copying = copying(&ledger, &state, config, "m1");
    let shown = |server: &Server| {
        let text = server.receiver().last_keymap(&cabinet()).expect("readable")?;
        serde_json::from_str::<serde_json::Value>(&text).ok()
    };
    copying.until("it is shown", |_| shown(&server).is_some());
    let first = shown(&server).expect("a picture");
    assert_eq!((&first["head"]["seq"], &first["clock"]), (&serde_json::json!(0), &serde_json::json!("synced")));
    let slots = serde_json::to_value(&picture(0, SlotNo(1)).slots).expect("JSON");
    assert!(first["slots"] == slots && slots.as_array().is_some_and(|slots| slots.len() > 3), "{first}");
    copying.until_acknowledged(3);
    assert_eq!(copying.link.flush().blocking_recv(), Ok(true));

    // Time passes and records are made, but every key is where it was.
    let requests = server.requests();
    ledger.write(1);
    copying.sight.send_replace(picture(4, SlotNo(1)));
    copying.link.recorded(4, Mode::Line);
    copying.until_acknowledged(4);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(server.requests() - requests, 1, "the record alone");
    // Another picture waits for its minute, but for no minute before a sleep.
    copying.sight.send_replace(picture(4, SlotNo(2)));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(shown(&server).expect("a picture")["head"]["seq"], 0);
    assert_eq!(copying.link.flush().blocking_recv(), Ok(true));
    assert_eq!(shown(&server).expect("a picture")["head"]["seq"], 4);
    let requests = server.requests();
    assert_eq!(copying.link.flush().blocking_recv(), Ok(true));
    assert_eq!(server.requests() - requests, 1, "the heartbeat alone");
}

#[test]
fn an_upstream_without_keymaps_gets_its_records() {
    let (dir, server, ledger) = site(90);
    let state = dir.path().join("state");
    let config = UpstreamConfig { keymap: true, hints: true, ..config(&server, &state) };
    // The question, two batches, a heartbeat; then what is beside them.
    server.will(&[
        Fault::Slow(0),
        Fault::Slow(0),
        Fault::Slow(0),
        Fault::Slow(0),
        Fault::Status(404),
        Fault::Status(404),
    ]);
    let mut copying = copying(&ledger, &state, config, "m1");
    copying.until_acknowledged(90);
    copying.until("it rests", |_| server.requests() == 6);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!((server.requests(), copying.link.state().trouble), (6, None), "it is not asked again and again");
    assert_eq!(all_there(&server, 90), 90);
}
