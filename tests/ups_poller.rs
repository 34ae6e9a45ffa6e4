//! How often the poller asks, what a poke does, and the doorbell that pokes it.

use cabinetd::cabinet::power::{Supply, UpsReading, UpsSilence};
use cabinetd::cabinet::types::Mono;
use cabinetd::io::notify::{Doorbell, NotifyError, SOCKET_NAME, ring};
use cabinetd::io::sim::nut::{SimUps, SimUpsFault, SimUpsPlan};
use cabinetd::io::ups::{Poller, Watch};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;

/// A test measures real time.
#[expect(clippy::disallowed_methods, reason = "the test's own stopwatch")]
fn now() -> Instant {
    Instant::now()
}

static BEGIN: LazyLock<Instant> = LazyLock::new(now);

fn clock() -> Mono {
    Mono(u64::try_from(BEGIN.elapsed().as_millis()).unwrap())
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A simulated UPS with a thread of its own, so that only the poller is measured.
fn sim_elsewhere() -> std::net::SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let sim = SimUps::start("127.0.0.1:0".parse().unwrap(), SimUpsPlan::default(), clock).await.unwrap();
            tell.send(sim.addr()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    told.recv().unwrap()
}

fn start(watch: Watch) -> (Poller, mpsc::Receiver<UpsReading>) {
    let (queue, readings) = mpsc::channel(64);
    (Poller::start(watch, clock, queue, |reading| reading), readings)
}

/// How many readings come within this time.
async fn count(readings: &mut mpsc::Receiver<UpsReading>, within: Duration) -> usize {
    let mut count = 0;
    let counting = async {
        while readings.recv().await.is_some() {
            count += 1;
        }
    };
    let _ = tokio::time::timeout(within, counting).await;
    count
}

#[tokio::test]
async fn slow_on_line_fast_on_battery_and_silence_is_told() {
    let sim = SimUps::start("127.0.0.1:0".parse().unwrap(), SimUpsPlan::default(), clock).await.unwrap();
    let watch = Watch { on_line: ms(500), on_battery: ms(50), ..Watch::new("demo", "127.0.0.1", sim.addr().port()) };
    let (_poller, mut readings) = start(watch);
    assert_eq!(readings.recv().await.unwrap().supply(), Supply::OnLine);
    let on_line = count(&mut readings, ms(1_400)).await;
    assert_eq!(on_line, 2, "every half second");
    sim.mains(false);
    while readings.recv().await.unwrap().supply() != Supply::OnBattery {}
    let on_battery = count(&mut readings, ms(1_000)).await;
    assert!((8..=20).contains(&on_battery), "{on_battery} readings in a second on battery");
    for (fault, silence) in [
        (SimUpsFault::Stale, UpsSilence::Stale),
        (SimUpsFault::DriverGone, UpsSilence::DriverGone),
        (SimUpsFault::Refuse, UpsSilence::Refused),
        (SimUpsFault::Garbage, UpsSilence::Garbled),
        (SimUpsFault::Silent, UpsSilence::TimedOut),
    ] {
        sim.fault(fault);
        let told = async { while readings.recv().await.unwrap().supply() != Supply::Unreachable(silence) {} };
        tokio::time::timeout(ms(5_000), told).await.unwrap_or_else(|_| panic!("{fault:?} is never told"));
    }
    sim.fault(SimUpsFault::Slow(100));
    let back = async { while readings.recv().await.unwrap().supply() != Supply::OnBattery {} };
    tokio::time::timeout(ms(5_000), back).await.expect("slow is not silent");
}

#[tokio::test]
async fn a_poke_polls_at_once_and_a_thousand_pokes_are_no_flood() {
    let addr = sim_elsewhere();
    let hour = Duration::from_secs(3_600);
    let watch = Watch { on_line: hour, on_battery: hour, ..Watch::new("demo", "127.0.0.1", addr.port()) };
    let (poller, mut readings) = start(watch);
    readings.recv().await.unwrap();
    assert_eq!(count(&mut readings, ms(700)).await, 0, "asleep for an hour");
    let before = now();
    poller.poke();
    readings.recv().await.unwrap();
    assert!(before.elapsed() < ms(250), "a poke took {:?}", before.elapsed());

    let poke = poller.poke_handle();
    tokio::spawn(async move {
        for _ in 0..1_500 {
            poke.poke();
            tokio::time::sleep(ms(1)).await;
        }
    });
    let polls = count(&mut readings, ms(2_600)).await;
    assert!((2..=6).contains(&polls), "{polls} polls for a flood of pokes");
}

/// A poke while a poll is under way asks again afterwards, and never at the same time.
#[tokio::test]
async fn there_is_never_more_than_one_poll_under_way() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (open, most, all) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let counts = (Arc::clone(&open), Arc::clone(&most), Arc::clone(&all));
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (open, most, all) = counts.clone();
            tokio::spawn(async move {
                all.fetch_add(1, Ordering::SeqCst);
                most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                // Never answers; ends when the client hangs up.
                let mut rest = Vec::new();
                let _ = stream.read_to_end(&mut rest).await;
                open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    let watch = Watch { timeout: ms(100), on_battery: ms(10), ..Watch::new("u", "127.0.0.1", port) };
    let (poller, mut readings) = start(watch);
    for _ in 0..5 {
        poller.poke();
        assert_eq!(readings.recv().await.unwrap().state, Err(UpsSilence::TimedOut));
    }
    assert!(all.load(Ordering::SeqCst) >= 5);
    assert_eq!(most.load(Ordering::SeqCst), 1);
}

/// A full queue holds the poller back, and a closed one ends it.
#[tokio::test]
async fn a_full_queue_holds_the_poller_back() {
    let addr = sim_elsewhere();
    let watch = Watch { on_line: ms(5), on_battery: ms(5), ..Watch::new("demo", "127.0.0.1", addr.port()) };
    let (queue, mut readings) = mpsc::channel(2);
    let _poller = Poller::start(watch, clock, queue, |reading| reading);
    tokio::time::sleep(ms(300)).await;
    assert_eq!(readings.len(), 2);
    let waiting_since = readings.recv().await.unwrap().at;
    assert!(clock().since_ms(waiting_since) > 200, "a reading says how old it is");
}

fn voluntary_switches() -> u64 {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_poll_wakes_the_daemon_a_few_times_only() {
    let addr = sim_elsewhere();
    let watch = Watch { on_line: ms(50), ..Watch::new("demo", "127.0.0.1", addr.port()) };
    let (_poller, mut readings) = start(watch);
    readings.recv().await.unwrap();
    let before = voluntary_switches();
    for _ in 0..50 {
        readings.recv().await.unwrap();
    }
    let tenths = (voluntary_switches() - before) * 10 / 50;
    println!(
        "{}.{} wake-ups a poll: {}.{} a minute on line power",
        tenths / 10,
        tenths % 10,
        tenths / 5,
        tenths % 5 * 2
    );
    assert!(tenths <= 120, "{tenths} tenths of a wake-up for one poll");
}

// ---------------------------------------------------------------- the doorbell

#[tokio::test]
async fn the_bell_may_be_rung_by_anybody_and_read_by_us() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(SOCKET_NAME);
    drop(UnixDatagram::bind(&path).unwrap());
    assert!(path.exists(), "a socket is left over from a killed run");
    let bell = Doorbell::open(dir.path()).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o622);
    let (rung, mut rings) = mpsc::unbounded_channel();
    let task = tokio::spawn(bell.listen(move || rung.send(()).unwrap()));

    let before = now();
    ring(&path, "ONBATT office@localhost").unwrap();
    rings.recv().await.unwrap();
    assert!(before.elapsed() < ms(250));
    for junk in ["", "\0\u{1b}[2J", &"x".repeat(100_000)] {
        ring(&path, junk).unwrap();
        rings.recv().await.unwrap();
    }

    let flood_path = path.clone();
    let flood = std::thread::spawn(move || {
        let begin = now();
        while begin.elapsed() < ms(1_000) {
            ring(&flood_path, "flood").unwrap();
        }
    });
    tokio::time::sleep(ms(1_000)).await;
    let rung = rings.len();
    flood.join().unwrap();
    assert!((2..=6).contains(&rung), "{rung} rings in a second of flood");

    task.abort();
    let _ = task.await;
    assert!(!path.exists(), "the bell takes its socket away");
    assert!(ring(&path, "ONLINE").is_err());
}

#[tokio::test]
async fn nothing_but_a_socket_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(SOCKET_NAME);
    std::fs::write(&path, "precious").unwrap();
    assert!(matches!(Doorbell::open(dir.path()), Err(NotifyError::InTheWay { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    assert!(matches!(Doorbell::open(&dir.path().join("missing")), Err(NotifyError::Make { .. })));
}

/// Runs `cabinetd notify` as upsmon would; also how long it took.
fn notify(dir: &std::path::Path) -> (std::process::Output, Duration) {
    let before = now();
    let output = Command::new(env!("CARGO_BIN_EXE_cabinetd"))
        .args(["notify", "UPS office@localhost on battery"])
        .env("CABINETD_DIR", dir)
        .env("NOTIFYTYPE", "ONBATT")
        .env("UPSNAME", "office@localhost")
        .output()
        .unwrap();
    (output, before.elapsed())
}

#[test]
fn the_notify_command_rings_and_never_hangs() {
    let dir = tempfile::tempdir().unwrap();
    let run_dir = dir.path().join("run");
    std::fs::create_dir(&run_dir).unwrap();
    let path = run_dir.join(SOCKET_NAME);

    let (output, took) = notify(dir.path());
    assert!(!output.status.success() && took < ms(2_000));
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.contains("is cabinetd running"), "{complaint}");

    let bell = UnixDatagram::bind(&path).unwrap();
    let (output, took) = notify(dir.path());
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
    assert!(took < ms(2_000));
    let mut hint = [0; 64];
    let length = bell.recv(&mut hint).unwrap();
    assert_eq!(&hint[..length], b"ONBATT office@localhost");

    // A daemon that hangs and reads no more: the socket is full, the news is there already.
    let sender = UnixDatagram::unbound().unwrap();
    sender.set_nonblocking(true).unwrap();
    while sender.send_to(b"full", &path).is_ok() {}
    let (output, took) = notify(dir.path());
    assert!(output.status.success() && took < ms(2_000), "{took:?} {output:?}");

    drop(bell);
    assert!(!notify(dir.path()).0.status.success(), "a socket nobody listens at");
}
