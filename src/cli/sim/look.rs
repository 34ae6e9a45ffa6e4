//! `cabinetd sim status`: what somebody sees who stands before the cabinet, in lines.

use crate::io::sim::hardware::Sensor;
use crate::io::sim::words::Status;
use std::fmt::Write as _;

/// The status as text.
pub(super) fn at(status: &Status) -> String {
    let mut text = String::new();
    let mut line = |what: &str, is: &str| {
        let _ = writeln!(text, "{what:<10} {is}");
    };
    line("daemon", if status.daemon { "drives the hardware" } else { "not connected" });
    line("display", status.display.as_deref().unwrap_or("dark"));
    line("reader", if status.reader_plugged_in { "plugged in" } else { "unplugged" });
    line("ups", &status.ups);
    for door in &status.doors {
        let lock = if door.lock { "lock energised" } else { "lock de-energised" };
        let broken = if door.lock_broken { ", lock relay broken" } else { "" };
        let open = if door.open { "open" } else { "closed" };
        line(&format!("door {}", door.door), &format!("{open}, {lock}{broken}{}", health(door.contact)));
    }
    for hook in &status.slots {
        let key = hook.label.as_ref().zip(hook.key);
        let key = key.map_or_else(|| "empty".to_owned(), |(label, key)| format!("{label} (key {key})"));
        let latch = if hook.latch == Some(true) { ", latch energised" } else { "" };
        let led = if hook.led { ", LED on" } else { "" };
        line(&format!("slot {}", hook.slot), &format!("{key}{latch}{led}{}", health(hook.sensor)));
    }
    let hand: Vec<String> = status.hand.iter().map(|held| format!("{} (key {})", held.label, held.key)).collect();
    line("in hand", &if hand.is_empty() { "nothing".to_owned() } else { hand.join(", ") });
    text
}

const fn health(sensor: Sensor) -> &'static str {
    match sensor {
        Sensor::Ok => "",
        Sensor::Stuck(true) => ", sensor stuck at \"there\"",
        Sensor::Stuck(false) => ", sensor stuck at \"not there\"",
        Sensor::Dead => ", sensor dead",
        Sensor::Bouncing => ", sensor chatters",
    }
}
