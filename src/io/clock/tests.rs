//! The clock on made-up file systems and times, and once on this machine.

use super::*;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

/// 2026-07-01T12:00:00Z.
const NOON: Wall = Wall(1_782_907_200_000);

/// A file system with a boot id and nothing else.
fn root() -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    put(root.path(), "proc/sys/kernel/random/boot_id", "01234567-89ab-cdef-0123-456789abcdef\n");
    root
}

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("it has a folder")).expect("folders");
    fs::write(path, text).expect("written");
}

fn quality(root: &Path) -> ClockQuality {
    Clock::on(root, Some("UTC")).expect("a clock").at(Mono(1_000), NOON).clock
}

#[test]
fn the_machines_own_clocks() {
    let clock = Clock::new(Some("America/New_York")).expect("a clock");
    let (first, second) = (clock.now(), clock.now());
    assert!(first.mono.0 > 0 && second.mono >= first.mono);
    let unix = fs::metadata("/proc/self").and_then(|file| file.modified()).expect("a time");
    let unix = Timestamp::try_from(unix).expect("in range").as_millisecond();
    assert!(first.wall.0.abs_diff(unix) < 60_000, "{:?} against {unix}", first.wall);
    assert_eq!(clock.zone_name(), Some("America/New_York"));
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("Linux has one");
    assert_eq!(first.boot.to_string(), id.trim().replace('-', ""));
    assert!(Clock::new(None).is_ok());
}

#[test]
fn the_boot_clock_is_the_kernels_uptime() {
    let uptime = fs::read_to_string("/proc/uptime").expect("Linux has one");
    let (seconds, _) = uptime.split_once('.').expect("seconds");
    let seconds: u64 = seconds.parse().expect("a number");
    let mono = Clock::new(None).expect("a clock").now().mono;
    assert!(mono.0.abs_diff(seconds * 1_000) < 10_000, "{mono:?} against {seconds} s");
}

#[test]
fn no_such_zone_and_no_boot_id_say_what_to_do() {
    let said = Clock::new(Some("Mars/Olympus")).expect_err("there is none").to_string();
    assert_eq!(
        said,
        "there is no time zone \"Mars/Olympus\"; write another as time_zone under [cabinet], or leave it out"
    );
    let empty = tempfile::tempdir().expect("a folder");
    let said = Clock::on(empty.path(), None).expect_err("no /proc").to_string();
    assert!(said.ends_with("(os error 2); is /proc mounted?"), "{said}");
    put(empty.path(), "proc/sys/kernel/random/boot_id", "soon\n");
    let said = Clock::on(empty.path(), None).expect_err("no id").to_string();
    assert!(said.ends_with("boot_id holds no boot id; is /proc mounted?"), "{said}");
}

#[test]
fn quality_from_best_to_worst() {
    let root = root();
    let root = root.path();
    assert_eq!(quality(root), ClockQuality::Unknown);
    put(root, "var/lib/systemd/timesync/clock", "");
    let saved = fs::File::options().write(true).open(root.join("var/lib/systemd/timesync/clock")).expect("opened");
    let noon = SystemTime::UNIX_EPOCH + Duration::from_millis(NOON.0.unsigned_abs());
    saved.set_modified(noon + Duration::from_secs(1)).expect("set");
    assert_eq!(quality(root), ClockQuality::Unknown, "the saved time is after the present one");
    saved.set_modified(noon - Duration::from_secs(1)).expect("set");
    assert_eq!(quality(root), ClockQuality::Restored);
    put(root, "dev/rtc0", "");
    put(root, "sys/class/rtc/rtc0/hctosys", "0\n");
    assert_eq!(quality(root), ClockQuality::Restored, "there is a battery-backed clock, but it was not read");
    put(root, "sys/class/rtc/rtc0/hctosys", "1\n");
    assert_eq!(quality(root), ClockQuality::Rtc);
    put(root, "run/systemd/timesync/synchronized", "");
    assert_eq!(quality(root), ClockQuality::Synced);
    let past = Clock::on(root, None).expect("a clock").at(Mono(1_000), Wall(WRITTEN_MS - 1));
    assert_eq!(past.clock, ClockQuality::Unknown, "an empty clock battery gives dates of long ago");
}

#[test]
fn quality_is_looked_up_again_after_a_minute_or_when_the_clock_was_set() {
    let root = root();
    let clock = Clock::on(root.path(), Some("UTC")).expect("a clock");
    let at = |ms: u64, set_ms: i64| clock.at(Mono(1_000 + ms), Wall(NOON.0 + ms.cast_signed() + set_ms)).clock;
    assert_eq!(at(0, 0), ClockQuality::Unknown);
    put(root.path(), "run/systemd/timesync/synchronized", "");
    assert_eq!(at(QUALITY_FOR_MS - 1, 0), ClockQuality::Unknown);
    assert_eq!(at(QUALITY_FOR_MS - 1, 900), ClockQuality::Unknown, "slewed");
    assert_eq!(at(QUALITY_FOR_MS, 0), ClockQuality::Synced);
    fs::remove_file(root.path().join("run/systemd/timesync/synchronized")).expect("removed");
    assert_eq!(at(QUALITY_FOR_MS + 1, 0), ClockQuality::Synced);
    assert_eq!(at(QUALITY_FOR_MS + 1, -5_000), ClockQuality::Unknown, "set");
}

#[test]
fn what_the_kernel_said_counts_at_once_and_until_the_clock_is_set() {
    let root = root();
    let clock = Clock::on(root.path(), Some("UTC")).expect("a clock");
    let at = |ms: u64, set_ms: i64| clock.at(Mono(1_000 + ms), Wall(NOON.0 + ms.cast_signed() + set_ms)).clock;
    assert_eq!(at(0, 0), ClockQuality::Unknown);
    clock.kernel_says(true);
    assert_eq!(at(1, 0), ClockQuality::Synced);
    assert_eq!(at(QUALITY_FOR_MS + 1, 0), ClockQuality::Synced);
    assert_eq!(at(QUALITY_FOR_MS + 2, -5_000), ClockQuality::Unknown, "that was another time");
    clock.kernel_says(true);
    assert_eq!(at(QUALITY_FOR_MS + 3, -5_000), ClockQuality::Synced);
    clock.kernel_says(false);
    assert_eq!(at(QUALITY_FOR_MS + 4, -5_000), ClockQuality::Unknown);
}

#[tokio::test]
async fn the_kernel_is_asked_at_the_start_and_when_the_clock_was_set_but_not_where_timesyncd_keeps_it() {
    let dir = root();
    let clock = Arc::new(Clock::on(dir.path(), Some("UTC")).expect("a clock"));
    let asked = Arc::new(AtomicUsize::new(0));
    let says = |word: Option<bool>| {
        let asked = Arc::clone(&asked);
        async move {
            asked.fetch_add(1, Ordering::Relaxed);
            word
        }
    };
    let count = || asked.load(Ordering::Relaxed);
    let follower = {
        let (clock, asked) = (Arc::clone(&clock), Arc::clone(&asked));
        kernel::follow(clock, move || {
            asked.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Some(true))
        })
    };
    let follower = tokio::spawn(follower);
    clock.learned().await;
    assert_eq!((count(), clock.now().clock), (1, ClockQuality::Synced));
    let later = |set_ms: i64| {
        let Now { mono, wall, .. } = clock.now();
        clock.at(mono, Wall(wall.0 + set_ms)).clock
    };
    assert_eq!(later(DAY_MS), ClockQuality::Unknown, "set by a day");
    while clock.now().clock != ClockQuality::Synced || count() < 2 {
        clock.learned().await;
    }
    follower.abort();
    let before = count();
    put(dir.path(), "run/systemd/timesync/synchronized", "");
    kernel::ask(&clock, says(Some(false))).await;
    assert_eq!(count(), before, "timesyncd says it already");
    fs::remove_file(dir.path().join("run/systemd/timesync/synchronized")).expect("removed");
    kernel::ask(&clock, says(None)).await;
    assert_eq!((count(), later(0)), (before + 1, ClockQuality::Synced), "no answer is none");
    kernel::ask(&clock, says(Some(false))).await;
    assert_eq!(later(0), ClockQuality::Unknown);
}

/// Against jiff's own conversion, forth and back over the changes of daylight saving time.
#[test]
fn local_time_over_the_changes_of_daylight_saving_time() {
    let root = root();
    for zone in ["America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"] {
        let clock = Clock::on(root.path(), Some(zone)).expect("a clock");
        let tz = TimeZone::get(zone).expect("a zone");
        for step in 0..3_000_i64 {
            // About two years in steps of six hours and some, with jumps back.
            let back = if step % 7 == 0 { 40 * DAY_MS } else { 0 };
            let wall = Wall(NOON.0 + step * 21_660_000 - back);
            let local = tz.to_datetime(Timestamp::from_millisecond(wall.0).expect("in range"));
            let civil = clock.at(Mono(1_000), wall).civil;
            let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).expect("a minute");
            let days = local.date().since(jiff::civil::date(1970, 1, 1)).expect("days").get_days();
            assert_eq!((civil.day, civil.minute), (days, minute), "{zone} {local}");
            assert_eq!(i32::from(civil.weekday()), i32::from(local.weekday().to_monday_zero_offset()));
        }
    }
}

#[test]
fn a_clock_out_of_range_does_not_panic() {
    let root = root();
    let clock = Clock::on(root.path(), Some("America/New_York")).expect("a clock");
    for wall in [i64::MIN, -1, 0, i64::MAX] {
        let _ = clock.at(Mono(u64::MAX), Wall(wall));
    }
    assert_eq!(clock.at(Mono(1), Wall(0)).civil, Civil { day: -1, minute: 19 * 60 });
}

/// The promise is < 1 µs; a debug build on a busy machine is given more. `--nocapture` shows the figure.
#[test]
#[expect(clippy::disallowed_methods, reason = "it measures the clock itself")]
fn now_is_cheap() {
    const CALLS: u32 = 20_000;
    let clock = Clock::new(Some("America/New_York")).expect("a clock");
    let round = |_| {
        let start = rustix::time::clock_gettime(ClockId::Monotonic);
        for _ in 0..CALLS {
            std::hint::black_box(clock.now());
        }
        let end = rustix::time::clock_gettime(ClockId::Monotonic);
        (end.tv_sec - start.tv_sec) * 1_000_000_000 + end.tv_nsec - start.tv_nsec
    };
    let best = (0..5).map(round).min().expect("five rounds") / i64::from(CALLS);
    println!("Clock::now: {best} ns");
    assert!(best < 5_000, "{best} ns");
}
