//! What readers cost the loop: building and publishing the picture of 300 slots, after each commit.

use crate::days::{Days, any_hash, settings};
use crate::gauge::{median, now, report};
use cabinetd::cabinet::event::StoreState;
use cabinetd::cabinet::snapshot::Snapshot;
use cabinetd::cabinet::types::{BootId, Civil, ClockQuality, Mono, Now, Wall};
use std::hint::black_box;
use std::sync::Arc;
use tokio::sync::watch;

pub fn measure() {
    let mut days = Days::new(settings(300, true), &any_hash());
    // An odd number of visits: one key is out.
    for _ in 0..601 {
        days.visit();
    }
    let (books, rules) = (days.cabinet.books(), days.cabinet.settings());
    let boot = BootId(7);
    let moment =
        Now { mono: Mono(1 << 40), wall: Wall(1 << 41), clock: ClockQuality::Synced, civil: Civil::default(), boot };
    let picture = || Snapshot::of(books, rules, moment, StoreState::Writable);
    let build = micros(|| drop(black_box(picture())));
    let (sender, _receiver) = watch::channel(Arc::new(picture()));
    let publish = micros(|| drop(black_box(sender.send_replace(Arc::new(picture())))));
    let roster = books.roster.clone();
    let compare = micros(|| assert!(black_box(&roster) == black_box(&books.roster)));
    let json = micros(|| drop(black_box(serde_json::to_string(&picture()))));
    let measured = format!(
        "{build:.0} µs to build, {publish:.0} µs to build and publish, {compare:.0} µs to see that the roster is the same; {json:.0} µs as JSON"
    );
    report("the picture of 300 slots after a commit", "small beside a commit", &measured);
}

fn micros(mut work: impl FnMut()) -> f64 {
    let times: Vec<f64> = (0..500)
        .map(|_| {
            let begin = now();
            work();
            begin.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    median(&times)
}
