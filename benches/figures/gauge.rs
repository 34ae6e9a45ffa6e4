//! Stopwatch, medians, and what the kernel counts.

use std::fs;
use std::time::{Duration, Instant};

/// A bench measures real time.
#[expect(clippy::disallowed_methods, reason = "the bench's own stopwatch")]
pub fn now() -> Instant {
    Instant::now()
}

/// The middle one.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value that this share of all values does not exceed.
#[expect(clippy::cast_sign_loss, reason = "a handful of values")]
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1).expect("at least one value");
    sorted[((last as f64 * share).ceil() as usize).min(last)]
}

pub fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// One line of the results: figure, target, measured, and the machine's load at that moment.
pub fn report(figure: &str, target: &str, measured: &str) {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split(' ').take(2).collect();
    println!("| {figure} | {target} | {measured} | {} |", load.join(" "));
}

/// Bytes that this process has handed to `write` and its kin.
pub fn bytes_written() -> u64 {
    let io = fs::read_to_string("/proc/self/io").expect("/proc is mounted");
    number_after(&io, "wchar:").expect("the kernel counts")
}

/// Voluntary context switches of all threads of a process.
pub fn wake_ups(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the process lives");
    let count = |task: std::io::Result<fs::DirEntry>| {
        let status = fs::read_to_string(task.ok()?.path().join("status")).ok()?;
        number_after(&status, "\nvoluntary_ctxt_switches:")
    };
    tasks.filter_map(count).sum()
}

/// RSS, PSS and what of it belongs to no file, of some processes together, in MiB.
pub fn memory(pids: &[u32]) -> [f64; 3] {
    let of = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("the process lives");
    let rollups: Vec<String> = pids.iter().map(of).collect();
    ["\nRss:", "\nPss:", "\nPss_Anon:"].map(|name| {
        let kib: u64 = rollups.iter().map(|rollup| number_after(rollup, name).expect("the kernel counts")).sum();
        kib as f64 / 1024.0
    })
}

/// Threads of a process.
pub fn threads(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/task")).expect("the process lives").count()
}

/// The children of a process.
pub fn children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_ascii_whitespace().filter_map(|child| child.parse().ok()).collect()
}

fn number_after(text: &str, name: &str) -> Option<u64> {
    text.split_once(name)?.1.split_ascii_whitespace().next()?.parse().ok()
}
