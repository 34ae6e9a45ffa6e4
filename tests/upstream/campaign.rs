//! Days offline, and a connection that fails in every way at random.

use crate::server::Fault;
use crate::site::{all_there, config, copying, site};
use cabinetd::cabinet::event::UpstreamNews;
use cabinetd::cabinet::fact::Fact;
use cabinetd::cabinet::types::{ClockQuality, DoorNo};
use std::time::Duration;

/// Three days offline, then a connection that fails in every way at random: all arrive exactly once, in order.
#[test]
fn campaign_of_three_days_offline_and_a_connection_that_fails_in_every_way() {
    let number = |name: &str, default| std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default);
    let (records, seed) = (number("CABINETD_UPSTREAM_RECORDS", 3_000_u64), number("CABINETD_UPSTREAM_SEED", 1_u64));
    println!("{records} records, seed {seed}");
    let (dir, server, mut ledger) = site(0);
    let state = dir.path().join("state");
    let mut dice = seed | 1;
    let mut roll = move |sides: u64| {
        // xorshift64*
        dice ^= dice >> 12;
        dice ^= dice << 25;
        dice ^= dice >> 27;
        (dice.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % sides
    };
    // 72 hours of starts and visits, a clock that is learned now and then; a record every so often.
    let step_ms = 72 * 3_600_000 / records.max(1);
    let mut batch = Vec::new();
    for index in 0..records {
        if index % 997 == 0 {
            ledger.boot += 1;
        }
        let fact = match index % 4 {
            0 => Fact::DoorOpened { door: DoorNo(1), session: None },
            1 => Fact::DoorClosed { door: DoorNo(1), session: None, open_ms: index },
            2 => Fact::LinesLost,
            _ => Fact::ClockCorrected { by_ms: index.cast_signed() },
        };
        let wall_ms = 1_764_000_000_000 + (index * step_ms).cast_signed();
        batch.push(ledger.record(fact, wall_ms, ClockQuality::Restored));
        if batch.len() == 500 || index + 1 == records {
            ledger.store.commit_blocking(std::mem::take(&mut batch), Vec::new(), false).expect("committed");
        }
    }
    server.by_chance(Some(Box::new(move || {
        (roll(3) > 0).then(|| match roll(14) {
            0 => Fault::Drop,
            1 => Fault::LoseAnswer,
            2 => Fault::Truncate,
            3 => Fault::Twice,
            4 => Fault::Status(500),
            5 => Fault::Status(413),
            6 => Fault::Status(409),
            7 => Fault::RetryAfter(429, 0),
            8 => Fault::Slow(roll(30)),
            9 => Fault::Hang(250),
            10 => Fault::Partial(roll(60) as usize),
            11 => Fault::Garbage,
            12 => Fault::Lie,
            _ => Fault::BreakTls,
        })
    })));
    let mut hurried = config(&server, &state);
    (hurried.request_ms, hurried.batch_records) = (200, 500);
    let mut copying = copying(&ledger, &state, hurried, "m1");
    let patience = 60 + records / 20;
    let mut news = Vec::new();
    for tenth in 0..patience * 10 {
        // As the daemon's loop does: whoever does not listen holds the copying up.
        news.append(&mut copying.news());
        let cabinetd::upstream::link::LinkState { acknowledged, parked, .. } = copying.link.state();
        if acknowledged == records {
            break;
        }
        if tenth % 100 == 0 {
            println!("{acknowledged} there, {} of them without payload, {} requests", parked.len(), server.requests());
        }
        // Nobody waits for the pauses here.
        copying.link.retry();
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(copying.link.state().acknowledged, records, "seed {seed}: {:?}", copying.link.state());
    // A single record that is "too large" by chance is parked like one that really is: when all is well it goes by hand.
    println!("{} requests, {} parked", server.requests(), copying.link.state().parked.len());
    server.by_chance(None);
    copying.until("nothing is parked", |copying| {
        copying.link.retry();
        copying.link.state().parked.is_empty()
    });
    assert_eq!(all_there(&server, records), records, "seed {seed}");
    news.append(&mut copying.news());
    // One that is "too large" twice by chance blocks until it is tried again.
    news.retain(|news| !matches!(news, UpstreamNews::Blocked { .. }));
    assert_eq!(news, []);
}
