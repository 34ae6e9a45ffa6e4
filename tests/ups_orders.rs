//! Orders to the UPS: against servers that are no upsd or bad ones, and against the real upsd of Debian with its dummy driver.

#[path = "support/nut.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod nut;

use cabinetd::cabinet::types::Mono;
use cabinetd::io::sim::nut::{Button, SimUps, SimUpsChange, SimUpsFault, SimUpsPlan};
use cabinetd::io::ups::orders::{
    Login, OrderError, Ordered, Place, force_shutdown, instant_command, list_clients, list_commands, list_variables,
    server_version,
};
use nut::{KEEPER, KEEPER_PASSWORD, RealNut};
use rustix::process::Signal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const QUICK: &str = "test.battery.start.quick";

/// A test measures real time.
#[expect(clippy::disallowed_methods, reason = "the test's own stopwatch")]
fn now() -> Instant {
    Instant::now()
}

fn login() -> Login {
    Login::new("cabinetd", r#"a "b" \ #c"#).unwrap()
}

// ---------------------------------------------------------------- scripted servers

/// A server that answers the n-th line of each connection with the n-th answer, then hangs up; and what it was asked.
struct Scripted {
    place: Place,
    asked: Arc<Mutex<Vec<String>>>,
}

async fn scripted(answers: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Scripted {
    let answers: Vec<Vec<u8>> = answers.into_iter().map(Into::into).collect();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(speak(stream, answers.clone(), Arc::clone(&noted)));
        }
    });
    let place = Place::new("u", &at.ip().to_string(), at.port()).within(Duration::from_millis(1_500));
    Scripted { place, asked }
}

async fn speak(stream: TcpStream, answers: Vec<Vec<u8>>, noted: Arc<Mutex<Vec<String>>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    for answer in answers {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok().filter(|count| *count > 0)?;
        noted.lock().unwrap().push(line.trim_end().to_owned());
        stream.write_all(&answer).await.ok()?;
    }
    Some(())
}

/// Runs an order and sees that its deadline holds.
async fn bounded<T>(place: &Place, order: impl Future<Output = T>) -> T {
    let begin = now();
    let result = order.await;
    assert!(begin.elapsed() < place.deadline + Duration::from_millis(500), "took {:?}", begin.elapsed());
    result
}

#[tokio::test]
async fn every_word_of_ours_goes_in_quotes() {
    let upsd = scripted(["OK\n", "OK\n", "OK FSD-SET\n"]).await;
    force_shutdown(&upsd.place, &login()).await.unwrap();
    let said = upsd.asked.lock().unwrap().clone();
    assert_eq!(said, [r#"USERNAME "cabinetd""#, r#"PASSWORD "a \"b\" \\ \#c""#, r#"FSD "u""#]);

    for (user, password) in [("a\nFSD u", "x"), ("u", "x\nFSD u"), ("", "x"), ("u", ""), ("Jäger", "x")] {
        assert!(matches!(Login::new(user, password), Err(OrderError::NotPlain)), "{user:?}");
    }
    let two_lines = instant_command(&upsd.place, &login(), "x\nFSD u", None).await;
    assert!(matches!(two_lines, Err(OrderError::Garbled | OrderError::NotPlain)), "{two_lines:?}");
    assert_eq!(upsd.asked.lock().unwrap().iter().filter(|line| line.contains("FSD")).count(), 1);
}

#[tokio::test]
async fn the_password_is_in_no_message() {
    let secret = "hunter2hunter2";
    let login = Login::new("cabinetd", secret).unwrap();
    let mut said = vec![format!("{login:?}")];
    for answers in
        [vec!["OK\n", "OK\n", "ERR ACCESS-DENIED\n"], vec!["OK\n", "ERR INVALID-PASSWORD\n"], vec!["OK\n", "hunter\n"]]
    {
        let upsd = scripted(answers).await;
        let error = force_shutdown(&upsd.place, &login).await.unwrap_err();
        said.push(format!("{error} {error:?}"));
    }
    assert!(said.iter().all(|text| !text.contains(secret)), "{said:?}");
}

#[tokio::test]
async fn refusals_are_told_apart_and_say_what_to_do() {
    for (word, wanted) in [
        ("UNKNOWN-UPS", "upsd has no UPS \"u\"; write ups.name"),
        ("DRIVER-NOT-CONNECTED", "nut-driver"),
        ("DATA-STALE", "heard nothing new"),
        ("CMD-NOT-SUPPORTED", "no command \"test.battery.start.quick\""),
        ("ACCESS-DENIED", "`instcmds = test.battery.start.quick`"),
        ("INSTCMD-FAILED", "refused the command"),
        ("SOMETHING-NEW", "refused with \"SOMETHING-NEW\""),
    ] {
        let upsd = scripted(["OK\n", "OK\n", "OK\n", &format!("ERR {word}\n")]).await;
        let error = instant_command(&upsd.place, &login(), QUICK, None).await.unwrap_err().to_string();
        assert!(error.contains(wanted), "{word}: {error}");
    }
    // The login that follows is refused as well, so it is the name or the password.
    let stranger = scripted(["OK\n", "OK\n", "ERR ACCESS-DENIED\n"]).await;
    let error = force_shutdown(&stranger.place, &login()).await.unwrap_err();
    assert!(
        matches!(error, OrderError::AccessDenied { .. }) && error.to_string().contains("upsmon primary"),
        "{error}"
    );
}

#[tokio::test]
async fn an_instant_command_is_followed_to_its_end() {
    let queued = "OK TRACKING 1bd31808-cb49-4aec-9d75-d056e6f018d2\n";
    let open = ["OK\n", "OK\n", "OK\n", queued];
    let following = |end: &'static [&'static str]| scripted(open.into_iter().chain(end.iter().copied()));
    let upsd = following(&["PENDING\n", "PENDING\n", "SUCCESS\n"]).await;
    let login = login();
    let order = instant_command(&upsd.place, &login, QUICK, Some("10"));
    assert_eq!(bounded(&upsd.place, order).await.unwrap(), Ordered::Done);
    let asked = upsd.asked.lock().unwrap().clone();
    assert_eq!(asked[2..4], ["SET TRACKING ON", r#"INSTCMD "u" "test.battery.start.quick" "10""#]);
    assert_eq!(asked[4], r#"GET TRACKING "1bd31808-cb49-4aec-9d75-d056e6f018d2""#);

    for why in ["FAILED", "UNKNOWN", "INVALID-ARGUMENT"] {
        let upsd = scripted(open.into_iter().map(str::to_owned).chain([format!("ERR {why}\n")])).await;
        let error = instant_command(&upsd.place, &login, QUICK, None).await.unwrap_err();
        assert!(matches!(&error, OrderError::Failed { why: told, .. } if told == why), "{error}");
    }
    let slow = following(&["PENDING\n"; 50]).await;
    let order = instant_command(&slow.place, &login, QUICK, None);
    assert_eq!(bounded(&slow.place, order).await.unwrap(), Ordered::Pending);
    // One that knows no tracking.
    let old = scripted(["OK\n", "OK\n", "ERR INVALID-ARGUMENT\n", "OK\n"]).await;
    assert_eq!(instant_command(&old.place, &login, QUICK, None).await.unwrap(), Ordered::Accepted);
}

#[tokio::test]
async fn lists_are_read_whole_and_plain() {
    let upsd = scripted([
        "BEGIN LIST VAR u\nVAR u ups.mfr \"J\u{e4}ger \\\"&\\\" Co\x1b[31m\"\nVAR U ups.status \"OL\"\nEND LIST VAR u\n",
    ])
    .await;
    let variables = list_variables(&upsd.place).await.unwrap();
    let plain = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(variables, [plain("ups.mfr", "J??ger \"&\" Co?[31m"), plain("ups.status", "OL")]);
    let upsd = scripted(["BEGIN LIST CLIENT u\nCLIENT u 127.0.0.1\nCLIENT u ::1\nEND LIST CLIENT u\n"]).await;
    assert_eq!(list_clients(&upsd.place).await.unwrap(), ["127.0.0.1", "::1"]);
    let upsd = scripted(["BEGIN LIST CMD u\nEND LIST CMD u\n"]).await;
    assert_eq!(list_commands(&upsd.place).await.unwrap(), Vec::<String>::new());
    let upsd = scripted(["Network UPS Tools upsd 2.8.0 - http://www.networkupstools.org/\n"]).await;
    assert_eq!(server_version(&upsd.place).await.unwrap(), "2.8.0");
}

#[tokio::test]
async fn nonsense_is_garbled_and_ends_in_time() {
    let many = format!("BEGIN LIST VAR u\n{}", "VAR u a.b \"1\"\n".repeat(1_001));
    let long = format!("BEGIN LIST VAR u\nVAR u a.b \"{}\"\n", "1".repeat(3_000));
    let huge = format!("BEGIN LIST VAR u\n{}", format!("VAR u a.b \"{}\"\n", "1".repeat(1_900)).repeat(200));
    for answer in [
        "\n",
        "OK\n",
        "\u{1}\u{2}BEGIN \"LIST VAR\n",
        "BEGIN LIST VAR other\nEND LIST VAR other\n",
        "BEGIN LIST VAR u\nVAR other a.b \"1\"\nEND LIST VAR u\n",
        "BEGIN LIST VAR u\nVAR u a.b\nEND LIST VAR u\n",
        "BEGIN LIST VAR u\nVAR u a.b \"1\" \"2\"\nEND LIST VAR u\n",
        "BEGIN LIST VAR u\nVAR u a.b \"open\nEND LIST VAR u\n",
        "BEGIN LIST VAR u\nVAR u a.b \"1\"\n",
        "BEGIN LIST VAR u\nEND LIST CMD u\n",
        "no end of line",
        many.as_str(),
        long.as_str(),
        huge.as_str(),
    ] {
        let upsd = scripted([answer]).await;
        let listed = bounded(&upsd.place, list_variables(&upsd.place)).await;
        assert!(matches!(listed, Err(OrderError::Garbled)), "{answer:.80}: {listed:?}");
        let upsd = scripted(["OK\n", "OK\n", answer]).await;
        let forced = bounded(&upsd.place, force_shutdown(&upsd.place, &login())).await;
        // The one line that is an honest answer to FSD.
        assert_eq!(forced.is_ok(), answer == "OK\n", "{answer:.80}: {forced:?}");
    }
    let upsd = scripted(Vec::<Vec<u8>>::new()).await;
    let forced = bounded(&upsd.place, force_shutdown(&upsd.place, &login())).await;
    assert!(matches!(forced, Err(OrderError::Garbled)), "{forced:?}");
}

#[tokio::test]
async fn one_that_says_nothing_and_one_that_never_stops_end_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let place = Place::new("u", "localhost", at.port()).within(Duration::from_millis(400));
    tokio::spawn(async move {
        let mut silent = Vec::new();
        loop {
            silent.push(listener.accept().await.unwrap());
        }
    });
    let forced = bounded(&place, force_shutdown(&place, &login())).await;
    assert!(matches!(forced, Err(OrderError::TimedOut(_))), "{forced:?}");
    let listed = bounded(&place, list_clients(&place)).await;
    assert!(matches!(listed, Err(OrderError::TimedOut(_))), "{listed:?}");

    // Drops one byte every 50 ms, for ever.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let place = Place::new("u", "127.0.0.1", at.port()).within(Duration::from_millis(400));
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = [0; 64];
        assert!(stream.read(&mut asked).await.unwrap() > 0);
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let listed = bounded(&place, list_variables(&place)).await;
    assert!(matches!(listed, Err(OrderError::TimedOut(_))), "{listed:?}");
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let place = Place::new("u", "127.0.0.1", port);
    let error = list_commands(&place).await.unwrap_err();
    assert!(matches!(error, OrderError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("is nut-server running"), "{error}");
}

// ---------------------------------------------------------------- the simulated one

/// A simulated UPS whose clock the test turns.
async fn simulated(plan: SimUpsPlan) -> (SimUps, Place, Arc<AtomicU64>) {
    let time_ms = Arc::new(AtomicU64::new(0));
    let clock = Arc::clone(&time_ms);
    let clock = move || Mono(clock.load(Ordering::SeqCst));
    let sim = SimUps::start("127.0.0.1:0".parse().unwrap(), plan, clock).await.unwrap();
    let place = Place::new(sim.name(), "127.0.0.1", sim.addr().port());
    (sim, place, time_ms)
}

#[tokio::test]
async fn a_forced_shutdown_takes_the_power_away_until_somebody_presses_the_button() {
    let (sim, place, time_ms) = simulated(SimUpsPlan::default()).await;
    let cabinetd = Login::new("cabinetd", "simulated").unwrap();
    let watcher = Login::new("watcher", "simulated").unwrap();
    let not_primary = force_shutdown(&place, &watcher).await.unwrap_err();
    assert!(matches!(not_primary, OrderError::NotPrimary { .. }), "{not_primary}");
    nobody_stays_logged_in(&place).await;

    sim.mains(false);
    force_shutdown(&place, &cabinetd).await.unwrap();
    assert_eq!(status(&place).await, "FSD OB DISCHRG");
    assert!(sim.status().forced_shutdown && sim.status().output);
    time_ms.store(15_000, Ordering::SeqCst);
    assert!(!sim.status().output, "whoever plays the world takes the power away now");
    let dead = force_shutdown(&place, &cabinetd).await.unwrap_err();
    assert!(matches!(dead, OrderError::Garbled), "nobody is at home behind a dead output: {dead}");
    time_ms.store(7_200_000, Ordering::SeqCst);
    assert_eq!(sim.power_button(), Button::TurnedOn);
    assert_eq!(status(&place).await, "OB DISCHRG", "upsd started again, so FSD is forgotten");
}

#[tokio::test]
async fn a_self_test_is_ordered_followed_and_read() {
    let (sim, place, time_ms) = simulated(SimUpsPlan::default()).await;
    let cabinetd = Login::new("cabinetd", "simulated").unwrap();
    let commands = list_commands(&place).await.unwrap();
    assert!(commands.iter().any(|command| command == QUICK), "{commands:?}");
    assert_eq!(instant_command(&place, &cabinetd, QUICK, None).await.unwrap(), Ordered::Done);
    assert_eq!(status(&place).await, "OB DISCHRG CAL");
    let again = instant_command(&place, &cabinetd, QUICK, None).await.unwrap_err();
    assert!(matches!(&again, OrderError::Failed { why, .. } if why == "FAILED"), "{again}");
    time_ms.store(10_000, Ordering::SeqCst);
    assert_eq!(status(&place).await, "OL CHRG");
    let variables = list_variables(&place).await.unwrap();
    let of = |name: &str| variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    assert_eq!(of("ups.test.result"), Some("Done and passed"));
    assert_eq!((of("battery.date"), of("battery.type")), (Some("2026-01"), Some("PbAc")));
    assert_eq!((of("ups.realpower.nominal"), of("ups.serial")), (Some("60"), Some("SIM-1")));
    assert_eq!(of("battery.energysave"), None);

    let unknown = instant_command(&place, &cabinetd, "load.off", None).await.unwrap_err();
    assert!(matches!(unknown, OrderError::UnknownCommand(_)), "{unknown}");
    let watcher = Login::new("watcher", "simulated").unwrap();
    let denied = instant_command(&place, &watcher, QUICK, None).await.unwrap_err();
    assert!(matches!(denied, OrderError::AccessDenied { .. }), "{denied}");
    sim.change(SimUpsChange::Mains(false));
    let refused = instant_command(&place, &cabinetd, QUICK, None).await.unwrap_err();
    assert!(matches!(refused, OrderError::Failed { .. }), "no test in an outage: {refused}");
    for (fault, wanted) in [(SimUpsFault::Stale, "nothing new"), (SimUpsFault::DriverGone, "driver")] {
        sim.fault(fault);
        tokio::time::sleep(Duration::from_millis(50)).await;
        let error = instant_command(&place, &cabinetd, QUICK, None).await.unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

// ---------------------------------------------------------------- the real upsd

/// Orders leave no login behind: the server has heard of the hang-up in a moment.
async fn nobody_stays_logged_in(place: &Place) {
    let begin = now();
    while !list_clients(place).await.unwrap().is_empty() {
        assert!(begin.elapsed() < Duration::from_secs(3), "a login stays");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn status(place: &Place) -> String {
    let variables = list_variables(place).await.unwrap();
    variables.into_iter().find(|(name, _)| name == "ups.status").expect("a status").1
}

/// Waits until upsd has heard all that the driver has to say; its commands come last.
async fn ready(place: &Place) {
    let begin = now();
    loop {
        match list_commands(place).await {
            Ok(commands) if !commands.is_empty() => return,
            Ok(_) | Err(OrderError::DriverGone | OrderError::Stale) => {}
            Err(error) => panic!("{error}"),
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "the driver does not come");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_real_upsd_takes_fsd_of_a_primary_user_alone() {
    let mut nut = RealNut::start();
    let place = Place::of(&nut.watch());
    ready(&place).await;
    assert_eq!(server_version(&place).await.unwrap().split('.').next(), Some("2"));

    let user = |user: &str, password: &str| Login::new(user, password).unwrap();
    let not_primary = force_shutdown(&place, &user("watcher", "secret")).await.unwrap_err();
    assert!(matches!(not_primary, OrderError::NotPrimary { .. }), "{not_primary}");
    let text = not_primary.to_string();
    assert!(text.contains("FSD needs `upsmon primary`") && text.contains("[watcher]"), "{text}");
    for (name, password) in [("watcher", "wrong"), ("nobody", "secret"), (KEEPER, "secret")] {
        let denied = force_shutdown(&place, &user(name, password)).await.unwrap_err();
        assert!(matches!(denied, OrderError::AccessDenied { .. }), "{name}: {denied}");
    }
    let elsewhere = Place { ups: "nosuchups".into(), ..place.clone() };
    let unknown = force_shutdown(&elsewhere, &user(KEEPER, KEEPER_PASSWORD)).await.unwrap_err();
    assert!(matches!(unknown, OrderError::UnknownUps(_)), "{unknown}");
    assert_eq!(status(&place).await, "OL", "none of these did anything");

    force_shutdown(&place, &user(KEEPER, KEEPER_PASSWORD)).await.unwrap();
    assert_eq!(status(&place).await, "FSD OL");
    nut.set("ups.status", "OB DISCHRG");
    assert_eq!(status(&place).await, "FSD OB DISCHRG", "it latches");
    force_shutdown(&place, &user(KEEPER, KEEPER_PASSWORD)).await.expect("harmless to repeat");
    nobody_stays_logged_in(&place).await;
    nut.upsd.kill();
    nut.restart_upsd();
    ready(&place).await;
    assert_eq!(status(&place).await, "OB DISCHRG", "until upsd starts again");
}

#[tokio::test]
async fn a_real_upsd_passes_commands_on_to_the_driver() {
    let mut nut = RealNut::start();
    let place = Place::of(&nut.watch());
    ready(&place).await;
    let keeper = Login::new(KEEPER, KEEPER_PASSWORD).unwrap();
    assert_eq!(list_commands(&place).await.unwrap(), ["load.off"]);

    let unknown = instant_command(&place, &keeper, QUICK, None).await.unwrap_err();
    assert!(matches!(unknown, OrderError::UnknownCommand(_)), "{unknown}");
    // The dummy driver lists this command and knows none.
    let refused = instant_command(&place, &keeper, "load.off", None).await.unwrap_err();
    assert!(matches!(&refused, OrderError::Failed { why, .. } if why == "UNKNOWN"), "{refused}");
    let watcher = Login::new("watcher", "secret").unwrap();
    let denied = instant_command(&place, &watcher, "load.off", None).await.unwrap_err();
    assert!(denied.to_string().contains("`instcmds = load.off`"), "{denied}");

    nut.driver.signal(Signal::STOP);
    let begin = now();
    let stale = loop {
        match list_variables(&place).await {
            Ok(_) => assert!(begin.elapsed() < Duration::from_secs(20), "it never goes stale"),
            Err(error) => break error,
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(matches!(stale, OrderError::Stale), "{stale}");
    let stale = instant_command(&place, &keeper, "load.off", None).await.unwrap_err();
    assert!(matches!(stale, OrderError::Stale), "{stale}");
    // FSD is upsd's own: it works while the driver is silent.
    force_shutdown(&place, &keeper).await.unwrap();
    nut.driver.kill();
    let gone = instant_command(&place, &keeper, "load.off", None).await.unwrap_err();
    assert!(matches!(gone, OrderError::DriverGone), "{gone}");
}
