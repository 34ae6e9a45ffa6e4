//! Messages to systemd, over a real datagram socket. The environment is read, so each case runs in a process of its own:
//! this test started again with the variables set.

use cabinetd::io::systemd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Output};
use std::time::Duration;

const CHILD: &str = "CABINETD_TEST_SAY";

/// What the child process says; by itself it does nothing.
#[test]
fn child() {
    let Ok(what) = std::env::var(CHILD) else { return };
    let said = match what.as_str() {
        "ready" => systemd::ready("24 slots\nREADY=0"),
        "status" => systemd::status("on battery"),
        "long" => systemd::status(&"\u{e4}".repeat(1_000)),
        "stopping" => systemd::stopping("told to"),
        "alive" => systemd::alive(),
        "reloading" => systemd::reloading(),
        "watchdog" => {
            println!("<{:?}>", systemd::watchdog_interval());
            Ok(())
        }
        other => panic!("{other}"),
    };
    match said {
        Ok(()) => println!("<said>"),
        Err(error) => println!("<{error}>"),
    }
}

fn run(what: &str, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", "child", "--nocapture"]).env(CHILD, what);
    for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied()).output().expect("the child runs")
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn received(what: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    let output = run(what, &[("NOTIFY_SOCKET", path.to_str().expect("plain text"))]);
    assert!(output.status.success() && printed(&output).contains("<said>"), "{output:?}");
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).expect("a message");
    String::from_utf8(buffer[..length].to_vec()).expect("text")
}

#[test]
fn systemd_hears_each_message() {
    assert_eq!(received("ready"), "READY=1\nSTATUS=24 slots\n");
    assert_eq!(received("status"), "STATUS=on battery\n");
    assert_eq!(received("stopping"), "STOPPING=1\nSTATUS=told to\n");
    assert_eq!(received("alive"), "WATCHDOG=1\n");
    // systemd takes only a READY=1 that is later than this.
    let reloading = received("reloading");
    let since_us = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").and_then(|text| text.trim_end().parse().ok());
    let uptime = std::fs::read_to_string("/proc/uptime").expect("Linux");
    let uptime_s: f64 = uptime.split(' ').next().and_then(|s| s.parse().ok()).expect("seconds");
    let since_us: f64 = since_us.unwrap_or_else(|| panic!("{reloading}"));
    assert!((uptime_s - since_us / 1e6).abs() < 60.0, "{reloading} {uptime}");
    assert_eq!(received("long"), format!("STATUS={}\n", "\u{e4}".repeat(256)));
}

#[test]
fn without_systemd_nothing_happens() {
    for what in ["ready", "status", "stopping", "alive", "reloading"] {
        let output = run(what, &[]);
        assert!(output.status.success() && printed(&output).contains("<said>"), "{output:?}");
    }
}

#[test]
fn a_socket_that_is_gone_is_an_error_with_its_remedy() {
    let output = run("alive", &[("NOTIFY_SOCKET", "/nonexistent/notify")]);
    let printed = printed(&output);
    assert!(printed.contains("<cannot tell systemd that it is alive: No such file"), "{printed}");
    assert!(printed.contains("; the unit needs Type=notify and NotifyAccess=main>"), "{printed}");
}

#[test]
fn the_watchdog_is_fed_twice_in_its_time() {
    let interval = |variables: &[(&str, &str)]| printed(&run("watchdog", variables));
    assert!(interval(&[("WATCHDOG_USEC", "30000000")]).contains("<Some(15s)>"));
    assert!(interval(&[]).contains("<None>"));
    assert!(interval(&[("WATCHDOG_USEC", "0")]).contains("<None>"));
    assert!(interval(&[("WATCHDOG_USEC", "soon")]).contains("<None>"));
    assert!(interval(&[("WATCHDOG_USEC", "30000000"), ("WATCHDOG_PID", "1")]).contains("<None>"), "another process's");
}
