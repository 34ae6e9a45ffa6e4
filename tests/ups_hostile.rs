//! A server that is no upsd, or a bad one: every poll ends in time, in bounded memory, and never in a false reading.

use cabinetd::cabinet::power::UpsSilence::{Garbled, Refused, Stale, TimedOut, UnknownUps, Waiting};
use cabinetd::cabinet::power::{UpsFigures, UpsSilence, UpsState};
use cabinetd::io::ups::{Watch, poll_once, quiet_contained_panics};
use std::collections::BTreeSet;
use std::future::Future;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A server that lives as long as the test: `serve` gets each connection and its number, from 0.
async fn server<F, S>(serve: S) -> Watch
where
    S: Fn(TcpStream, usize) -> F + Send + 'static,
    F: Future<Output = Option<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr: SocketAddr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, number));
        }
    });
    Watch { timeout: Duration::from_millis(600), ..Watch::new("u", &addr.ip().to_string(), addr.port()) }
}

/// Reads one question. `None` when the client has gone.
async fn question(stream: &mut TcpStream) -> Option<String> {
    let mut line = String::new();
    let read = BufReader::new(stream).read_line(&mut line).await.ok()?;
    (read > 0).then_some(line)
}

async fn say(stream: &mut TcpStream, bytes: impl AsRef<[u8]>) -> Option<()> {
    stream.write_all(bytes.as_ref()).await.ok()
}

/// Answers NETVER properly, waits for LIST VAR.
async fn until_list(stream: &mut TcpStream) -> Option<()> {
    assert_eq!(question(stream).await?, "NETVER\n");
    say(stream, "1.3\n").await?;
    assert_eq!(question(stream).await?, "LIST VAR u\n");
    Some(())
}

/// A server whose answer to LIST VAR is these bytes, after which it goes on listening.
async fn answering(answer: impl Into<Vec<u8>>) -> Watch {
    let answer = answer.into();
    server(move |mut stream, _| {
        let answer = answer.clone();
        async move {
            until_list(&mut stream).await?;
            say(&mut stream, answer).await?;
            question(&mut stream).await.map(drop)
        }
    })
    .await
}

async fn listing(variables: &str) -> Watch {
    answering(format!("BEGIN LIST VAR u\n{variables}END LIST VAR u\n")).await
}

/// Polls, and sees that the deadline holds.
async fn poll(watch: &Watch) -> Result<UpsState, UpsSilence> {
    let before = now();
    let state = poll_once(watch).await;
    assert!(before.elapsed() < watch.timeout + Duration::from_millis(500), "took {:?}", before.elapsed());
    state
}

/// A test measures real time.
#[expect(clippy::disallowed_methods, reason = "the test's own stopwatch")]
fn now() -> Instant {
    Instant::now()
}

fn words(status: &str) -> BTreeSet<String> {
    status.split(' ').map(str::to_owned).collect()
}

#[tokio::test]
async fn an_honest_server_is_understood() {
    let watch = listing("VAR u battery.charge \"87\"\nVAR u ups.status \"OL CHRG\"\n").await;
    let state = poll(&watch).await.unwrap();
    assert_eq!(state.tokens, words("OL CHRG"));
    assert_eq!(state.figures, UpsFigures { charge_pct: Some(87), ..UpsFigures::default() });
}

#[tokio::test]
async fn an_answer_that_is_followed_by_a_hang_up_counts() {
    let watch = server(|mut stream, _| async move {
        until_list(&mut stream).await?;
        say(&mut stream, "BEGIN LIST VAR u\nVAR u ups.status \"OB\"\nEND LIST VAR u\n").await
    })
    .await;
    assert_eq!(poll(&watch).await.unwrap().tokens, words("OB"));
}

#[tokio::test]
async fn a_server_too_old_for_netver_is_understood() {
    let watch = server(|mut stream, _| async move {
        question(&mut stream).await?;
        say(&mut stream, "ERR UNKNOWN-COMMAND\n").await?;
        question(&mut stream).await?;
        say(&mut stream, "BEGIN LIST VAR u\nVAR u ups.status \"OL\"\nEND LIST VAR u\n").await
    })
    .await;
    assert_eq!(poll(&watch).await.unwrap().tokens, words("OL"));
}

#[tokio::test]
async fn hanging_up_at_once_is_garbled() {
    let watch = server(|_, _| async { None }).await;
    assert_eq!(poll(&watch).await, Err(Garbled));
}

#[tokio::test]
async fn hanging_up_in_the_middle_is_garbled_wherever_it_happens() {
    let whole = "BEGIN LIST VAR u\nVAR u battery.charge \"87\"\nVAR u ups.status \"OL\"\nEND LIST VAR u\n";
    for cut in [0, 1, 8, 16, 17, 30, 60, whole.len() - 1] {
        let watch = server(move |mut stream, _| async move {
            until_list(&mut stream).await?;
            say(&mut stream, &whole[..cut]).await
        })
        .await;
        assert_eq!(poll(&watch).await, Err(Garbled), "cut at {cut}");
    }
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    for step in 0..3 {
        let watch = server(move |mut stream, _| async move {
            if step > 0 {
                question(&mut stream).await?;
                say(&mut stream, "1.3\n").await?;
            }
            if step > 1 {
                question(&mut stream).await?;
                say(&mut stream, "BEGIN LIST VAR u\nVAR u ups.status \"OL\"\n").await?;
            }
            std::future::pending().await
        })
        .await;
        assert_eq!(poll(&watch).await, Err(TimedOut), "silent after step {step}");
    }
}

#[tokio::test]
async fn dripping_bytes_do_not_stretch_the_deadline() {
    let watch = server(|mut stream, _| async move {
        until_list(&mut stream).await?;
        say(&mut stream, "BEGIN LIST VAR u\n").await?;
        loop {
            say(&mut stream, "VAR u ups.x \"1\"\n").await?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(poll(&watch).await, Err(TimedOut));
}

#[tokio::test]
async fn nobody_there_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    assert_eq!(poll(&Watch::new("u", "127.0.0.1", port)).await, Err(Refused));
    assert_eq!(poll(&Watch::new("u", "localhost", port)).await, Err(Refused));
    let nameless = Watch { timeout: Duration::from_secs(8), ..Watch::new("u", "no-such-host.invalid", port) };
    assert!(matches!(poll(&nameless).await, Err(Refused | TimedOut)));
}

#[tokio::test]
async fn localhost_needs_no_resolver() {
    let watch = listing("VAR u ups.status \"OL\"\n").await;
    let by_name = Watch { host: "localhost".into(), ..watch };
    assert_eq!(poll(&by_name).await.unwrap().tokens, words("OL"));
}

#[tokio::test]
async fn the_server_s_error_words_are_told_apart() {
    for (answer, expected) in [
        ("ERR DATA-STALE\n", Stale),
        ("ERR DRIVER-NOT-CONNECTED\n", UpsSilence::DriverGone),
        ("ERR UNKNOWN-UPS\n", UnknownUps),
        ("ERR ACCESS-DENIED\n", Garbled),
        ("ERR\n", Garbled),
        ("OK\n", Garbled),
        ("\n", Garbled),
        ("BEGIN LIST VAR other\nVAR other ups.status \"OL\"\nEND LIST VAR other\n", Garbled),
        ("BEGIN LIST VAR u\nVAR other ups.status \"OL\"\nEND LIST VAR u\n", Garbled),
        ("BEGIN LIST VAR u\nVAR u ups.status \"OL\nEND LIST VAR u\n", Garbled),
        ("BEGIN LIST VAR u\nRW u ups.status \"OL\"\nEND LIST VAR u\n", Garbled),
        ("BEGIN LIST VAR u\nEND LIST VAR u\n", Waiting),
        ("BEGIN LIST VAR u\nVAR u ups.status \"WAIT\"\nEND LIST VAR u\n", Waiting),
        ("\0\u{1}\u{1b}[2J\n", Garbled),
    ] {
        assert_eq!(poll(&answering(answer).await).await, Err(expected), "{answer:?}");
    }
}

#[tokio::test]
async fn bytes_that_are_not_utf8_cost_their_variable_and_not_the_list() {
    let watch = answering(
        b"BEGIN LIST VAR u\nVAR u ups.mfr \"J\xe4ger\"\nVAR u ups.load \"\xff\xfe\"\nVAR u ups.status \"OB\"\nEND LIST VAR u\n",
    )
    .await;
    let state = poll(&watch).await.unwrap();
    assert_eq!((state.tokens, state.figures.load_pct), (words("OB"), None));
    let watch = answering(b"BEGIN LIST VAR u\nVAR u ups.status \"OL \xf0\x9f\"\nEND LIST VAR u\n").await;
    assert_eq!(poll(&watch).await, Err(Garbled), "half a status is none");
}

#[tokio::test]
async fn garbage_numbers_are_unknown() {
    let watch = listing(
        "VAR u battery.charge \"255\"\nVAR u battery.runtime \"65535\"\nVAR u ups.load \"NaN\"\n\
         VAR u ups.realpower \"99999999999999999999999999\"\nVAR u battery.voltage \"-13.5\"\nVAR u ups.status \"OL\"\n",
    )
    .await;
    let state = poll(&watch).await.unwrap();
    assert_eq!(state.figures, UpsFigures::default());
}

#[tokio::test]
async fn an_odd_uptime_does_not_blind_us() {
    for uptime in ["soon", "-1", "99999999999999999999999999999999"] {
        let watch = listing(&format!("VAR u device.uptime \"{uptime}\"\nVAR u ups.status \"OB LB\"\n")).await;
        assert_eq!(poll(&watch).await.unwrap().tokens, words("OB LB"), "{uptime}");
    }
}

/// The answer of a former poll, held back past its deadline, never becomes the answer of a later one.
#[tokio::test]
async fn a_late_answer_is_nobody_s_answer() {
    let watch = server(|mut stream, number| async move {
        until_list(&mut stream).await?;
        let status = if number == 0 { "OB LB" } else { "OL" };
        if number == 0 {
            tokio::time::sleep(Duration::from_millis(700)).await;
        }
        say(&mut stream, format!("BEGIN LIST VAR u\nVAR u ups.status \"{status}\"\nEND LIST VAR u\n")).await
    })
    .await;
    assert_eq!(poll(&watch).await, Err(TimedOut));
    for _ in 0..20 {
        assert_eq!(poll(&watch).await.unwrap().tokens, words("OL"));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// An answer to nothing, sent ahead of the question, is not taken for the answer to it.
#[tokio::test]
async fn an_answer_ahead_of_its_question_gives_no_reading() {
    let watch = server(|mut stream, _| async move {
        say(&mut stream, "1.3\nBEGIN LIST VAR u\nVAR u ups.status \"OB LB\"\n").await?;
        std::future::pending().await
    })
    .await;
    assert_eq!(poll(&watch).await, Err(TimedOut));
}

/// The most memory this process has had, in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

const X64K: &[u8] = &[b'x'; 65_536];
const ZEROS64K: &[u8] = &[0; 65_536];

/// Endless lines and endless lists cost a few hundred KiB at most. The control shows what they cost the bare client.
#[tokio::test]
async fn no_answer_costs_more_memory_than_its_bound() {
    quiet_contained_panics();
    let flood = |head: &'static str, piece: &'static [u8], most: usize| {
        server(move |mut stream, _| async move {
            question(&mut stream).await?;
            say(&mut stream, "1.3\n").await?;
            question(&mut stream).await?;
            say(&mut stream, head).await?;
            for _ in 0..most {
                say(&mut stream, piece).await?;
            }
            say(&mut stream, "END LIST VAR u\n").await
        })
    };
    let line = flood("BEGIN LIST VAR u\nVAR u ups.status \"", X64K, usize::MAX).await;
    let list = flood("BEGIN LIST VAR u\n", b"VAR u ups.some.variable \"1\"\n", 100_000).await;
    let wanted = flood("BEGIN LIST VAR u\n", b"VAR u ups.status \"OL\"\n", 100_000).await;
    let binary = flood("", ZEROS64K, usize::MAX).await;
    for watch in [&line, &list, &wanted, &binary] {
        assert_eq!(poll(watch).await, Err(Garbled));
    }
    let before = peak_kib();
    for _ in 0..50 {
        for watch in [&line, &list, &wanted, &binary] {
            assert_eq!(poll(watch).await, Err(Garbled));
        }
    }
    let grown = peak_kib() - before;
    println!("peak memory after 200 floods: +{grown} KiB");
    assert!(grown < 4_096, "peak memory grew by {grown} KiB");

    let short = flood("BEGIN LIST VAR u\nVAR u ups.status \"", X64K, 512).await;
    let bare = tokio::spawn(async move {
        let address = SocketAddr::new(short.host.parse().unwrap(), short.port);
        let config = nut_client::ConfigBuilder::new().with_host(address.into()).build();
        let mut connection = nut_client::tokio::Connection::new(&config).await.unwrap();
        connection.list_vars("u").await.map(drop)
    });
    tokio::time::sleep(Duration::from_millis(800)).await;
    bare.abort();
    let grown = peak_kib() - before;
    println!("the bare client after a line of 32 MiB: +{grown} KiB");
    assert!(grown > 8_192, "the control shows nothing: the bare client grew by {grown} KiB only");
}
