//! The service on a booted machine, under real systemd, journald and D-Bus: how it starts and stops, what its sandbox lets through, what
//! a technician reads. As root, since it boots a container.

#[path = "support/machine.rs"]
mod machine;
#[path = "../examples/reference_upstream/receiver.rs"]
#[allow(dead_code, reason = "part of it is for the binary")]
mod receiver;
#[path = "../examples/reference_upstream/server.rs"]
#[allow(dead_code, reason = "part of it is for the binary")]
mod server;

use cabinetd::cabinet::event::StopReason;
use cabinetd::cabinet::fact::Fact;
use cabinetd::io::store::{Filter, Reader};
use machine::Machine;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const BADGE: &str = "90417726531";
const LOGIN: &str = "7730914";
const PIN: &str = "83926154";
const DURESS_PIN: &str = "50719382";
const WRONG_PIN: &str = "61840297";

const CONFIG: &str = "\
[cabinet]
site = \"Palm Court\"
name = \"office\"
[lines]
backend = \"sim\"
[slots]
count = 8
[identify]
modes = [\"badge+pin\", \"login+pin\"]
";

const ROSTER: &str = "\
[[users]]
id = \"ana\"
name = \"Ana Ruiz\"
role = \"staff\"
badge = \"90417726531\"
login = \"7730914\"
groups = [\"a\"]

[[keys]]
id = \"204\"
label = \"Unit 204\"
home = 7
groups = [\"a\"]
";

/// A machine whose cabinet is started, with Ana in its roster.
fn cabinet() -> Machine {
    let machine = Machine::boot(CONFIG);
    machine.ok("systemctl start cabinetd");
    machine.write("/root/roster.toml", ROSTER);
    machine.ok("cabinetd roster import /root/roster.toml");
    machine.ok(&format!("echo {PIN} | cabinetd user pin ana --set"));
    machine.ok(&format!("echo {DURESS_PIN} | cabinetd user pin ana --set --duress"));
    machine
}

fn identify(machine: &Machine, pin: &str) {
    // The simulated hardware is connected to a moment after the daemon is ready.
    machine.until("they are heard", &format!("cabinetd sim badge {BADGE} && cabinetd sim pin {pin}"));
    machine.until("she is let in", "cabinetd status --json | grep '\"session\":{'");
}

/// The lock is energised from the moment that this returns.
fn unlock(machine: &Machine) {
    identify(machine, PIN);
    machine.ok("cabinetd pull --key 'Unit 204' --reason work-order --ref order-8841 --for 'Mrs Miller'");
    machine.until("the lock", "cabinetd sim status | grep 'lock energised'");
}

fn assert_locked(machine: &Machine, when: &str) {
    let seen = machine.ok("cabinetd sim status");
    assert!(seen.contains("lock de-energised") && !seen.contains("lock energised"), "{when}: {seen}");
}

fn journal(machine: &Machine, what: &str) -> Vec<Value> {
    let text = machine.ok(&format!("journalctl --sync; journalctl --no-pager -o json -u cabinetd {what}"));
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn texts(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["MESSAGE"].as_str().expect("text")).collect()
}

#[test]
fn a_visit_can_be_read_in_the_journal_and_holds_no_secret() {
    let machine = cabinet();
    machine.until("they are heard", &format!("cabinetd sim badge {BADGE} && cabinetd sim pin {WRONG_PIN}"));
    machine.until("the denial", "cabinetd ledger show --json --kind denied | grep wrong-pin");
    unlock(&machine);
    machine.ok("cabinetd sim door open && cabinetd sim take 7 && cabinetd sim door close");
    machine.until("the end", "cabinetd ledger show --json --kind session-closed | grep completed");
    // Somebody forces her.
    identify(&machine, DURESS_PIN);
    machine.until("the alarm", "cabinetd ledger show --duress --json --kind alarm-raised | grep duress");
    machine.ok("cabinetd cancel");

    // By slot.
    let slot = journal(&machine, "SLOT=7");
    let taken = slot.last().expect("an entry");
    let text = taken["MESSAGE"].as_str().expect("text");
    assert!(
        text.starts_with("key 204 was taken from slot 7 by ana for a work order (by its home slot, session"),
        "{text}"
    );
    let fields: BTreeMap<&str, &str> = ["PRIORITY", "KEY", "USER", "SESSION", "SYSLOG_IDENTIFIER", "_SYSTEMD_UNIT"]
        .into_iter()
        .map(|name| (name, taken[name].as_str().unwrap_or_default()))
        .collect();
    let session = fields["SESSION"];
    assert_eq!(
        fields.into_iter().filter(|(name, _)| *name != "SESSION").collect::<Vec<_>>(),
        [
            ("KEY", "204"),
            ("PRIORITY", "6"),
            ("SYSLOG_IDENTIFIER", "cabinetd"),
            ("USER", "ana"),
            ("_SYSTEMD_UNIT", "cabinetd.service"),
        ]
    );
    // By session: all of the visit, in order.
    let visit = journal(&machine, &format!("SESSION={session}"));
    let ids: Vec<&str> = visit.iter().map(|entry| entry["MESSAGE_ID"].as_str().expect("an id")).collect();
    let name = |id: &&str| cabinetd::messages::all().find(|message| message.id == *id).expect("known").name;
    assert_eq!(
        ids.iter().map(name).collect::<Vec<_>>(),
        ["SESSION_STARTED", "SESSION_AUTHORISED", "DOOR_OPENED", "TAKEN", "DOOR_CLOSED", "SESSION_CLOSED"]
    );
    // With the catalog: the heading names the slot, the remedy is there.
    let explained = machine.ok("journalctl --no-pager -x -u cabinetd SLOT=7");
    println!("{explained}");
    for part in
        ["Subject: A key was taken from slot 7\n", "Defined-By: cabinetd\n", "To do: Nothing. One that was not asked"]
    {
        assert!(explained.contains(part), "{part}: {explained}");
    }
    // A day in a minute: what is above `info` has no visits in it.
    let day = journal(&machine, "-p notice");
    assert!(texts(&day).contains(&"ready"), "{day:#?}");
    assert!(day.iter().all(|entry| entry["MESSAGE_ID"] != taken["MESSAGE_ID"]), "{day:#?}");

    // Everything that the journal has of the whole machine, with every field, and what `systemctl` shows.
    let all =
        machine.ok("journalctl --no-pager -o export; journalctl --no-pager -o verbose; systemctl status cabinetd");
    assert!(all.contains("was refused: wrong PIN"), "it is the journal");
    let secrets = machine.ok("cat /etc/cabinetd/credentials/*");
    // Where it stands by itself: in the middle of a time or a cursor of the journal any digits may come.
    let words: BTreeSet<&str> = all.split(|letter: char| !letter.is_ascii_alphanumeric()).collect();
    for secret in [BADGE, LOGIN, PIN, DURESS_PIN, WRONG_PIN].into_iter().chain(secrets.lines()) {
        assert!(!words.contains(secret), "{secret}");
    }
    // Of the daemon neither names, nor what was typed freely, nor that she was forced. (The simulated hardware says what it shows.)
    let own = machine.ok("journalctl --no-pager -o export -u cabinetd; systemctl status cabinetd");
    for private in ["Ana Ruiz", "Miller", "order-8841", "duress", "Duress"] {
        assert!(!own.contains(private), "{private}");
    }
}

#[test]
fn it_starts_offline_says_how_it_is_reloads_and_stops_with_everything_off() {
    let machine = cabinet();
    assert_eq!(machine.ok("ls /sys/class/net").trim(), "lo", "there is no network");
    assert_eq!((machine.property("ActiveState"), machine.property("NRestarts")), ("active".into(), "0".into()));
    assert_eq!(machine.property("StatusText"), "idle, no alarm");
    // The check says what it found and keeps nobody from starting.
    let all = journal(&machine, "");
    let found = all.iter().find(|entry| entry["MESSAGE"].as_str().is_some_and(|text| text.contains("[clock.trusted]")));
    match kernels_word(&machine).as_str() {
        "no" => assert_eq!(found.expect("a finding")["PRIORITY"], "4", "nothing set this machine's clock"),
        _ => assert_eq!(found, None, "what is well is not said"),
    }
    assert_locked(&machine, "at first");
    unlock(&machine);
    assert_eq!(machine.property("StatusText"), "in use, no alarm");
    // Other rules in the middle of a visit wait for its end; a file with mistakes changes nothing.
    machine.ok("echo '[sessions]\nunlock_ms = 6000' >> /etc/cabinetd/cabinetd.toml && systemctl reload cabinetd");
    machine.until("it is heard", "journalctl -u cabinetd | grep 'taken when nobody is at the cabinet'");
    let changed = "cabinetd ledger show --json --kind config-loaded | grep 'sessions.unlock_ms: 8000 → 6000'";
    assert_ne!(machine.run(changed).code, 0, "she is still there");
    machine.ok("cabinetd cancel");
    machine.until("it is taken", changed);
    machine.ok("echo 'nonsense = 1' >> /etc/cabinetd/cabinetd.toml && systemctl reload cabinetd");
    machine.until("the status", "systemctl show cabinetd --property=StatusText | grep 'NEW CONFIG WAS NOT TAKEN'");
    machine.ok("sed -i /nonsense/d /etc/cabinetd/cabinetd.toml && systemctl reload cabinetd");
    machine.until("the status", "systemctl show cabinetd --property=StatusText | grep 'idle, no alarm$'");
    assert_eq!((machine.property("ActiveState"), machine.property("NRestarts")), ("active".into(), "0".into()));
    unlock(&machine);
    machine.ok("systemctl stop cabinetd");
    assert_locked(&machine, "after a stop in the middle of a visit");
    let release = machine.property("ExecStopPost");
    assert!(release.contains("cabinetd release") && release.contains("status=0"), "{release}");
    assert_eq!((machine.property("ActiveState"), machine.property("Result")), ("inactive".into(), "success".into()));
    let stop = journal(&machine, "-p notice");
    assert!(texts(&stop).contains(&"cabinetd was stopped."), "{stop:#?}");
    // The journal outlives the power.
    assert!(machine.ok("ls /var/log/journal/*/system.journal").contains("system.journal"));
}

#[test]
fn a_daemon_that_hangs_is_killed_and_the_next_one_switches_off() {
    let machine = cabinet();
    machine.write("/etc/systemd/system/cabinetd.service.d/soon.conf", "[Service]\nWatchdogSec=2s\nRestartSec=100ms\n");
    machine.ok("systemctl daemon-reload && systemctl restart cabinetd");
    unlock(&machine);
    // Fed, it lives on.
    std::thread::sleep(std::time::Duration::from_secs(5));
    assert_eq!(machine.property("NRestarts"), "0");
    let before = machine.property("MainPID");
    machine.ok(&format!("kill -STOP {before}"));
    machine.until("the watchdog", "systemctl show cabinetd --property=NRestarts --value | grep -x 1");
    machine.until("the next one", "systemctl is-active cabinetd && cabinetd status");
    assert_ne!(machine.property("MainPID"), before);
    machine.until("the lock is off", "cabinetd sim status | grep 'lock de-energised'");
    let said = machine.ok("journalctl --sync; journalctl --no-pager -u cabinetd");
    assert!(said.contains("Watchdog timeout"), "{said}");
    // The visit is closed as unknown, and the interval that nobody saw is told.
    for part in ["was cut off in the middle", "it had ended without notice"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // Killed without a word, as by the kernel when memory is short.
    unlock(&machine);
    machine.ok("systemctl kill --kill-whom=main --signal=KILL cabinetd");
    machine.until("one more", "systemctl show cabinetd --property=NRestarts --value | grep -x 2");
    machine.until("the lock is off", "cabinetd sim status | grep 'lock de-energised'");
}

/// What the kernel that the machine shares with this one says of its clock: `yes` or `no`.
fn kernels_word(machine: &Machine) -> String {
    machine.ok("timedatectl show --property=NTPSynchronized --value").trim().to_owned()
}

/// As under chrony: timesyncd has nothing to say.
#[test]
fn the_clock_is_trusted_as_far_as_the_kernel_says() {
    let machine = Machine::boot(CONFIG);
    machine.ok("systemctl start cabinetd");
    let is = |quality: &str| format!("cabinetd status --json | grep '\"clock\": *\"{quality}\"'");
    let trusted = "cabinetd check --only clock | grep 'A time server keeps the clock'";
    let kept = kernels_word(&machine) == "yes";
    assert_eq!(machine.run(trusted).code == 0, kept);
    if kept {
        machine.until("as it is", &is("synced"));
    }
    for (word, counts) in [("yes", true), ("no", false)] {
        machine.write("/usr/local/timedatectl", &format!("#!/bin/sh\necho {word}\ntouch /var/lib/cabinetd/{word}\n"));
        machine.ok("chmod 755 /usr/local/timedatectl; mount --bind /usr/local/timedatectl /usr/bin/timedatectl");
        machine.ok("systemctl restart cabinetd");
        machine
            .until("the daemon has asked", &format!("test -O /var/lib/cabinetd/{word} -o -e /var/lib/cabinetd/{word}"));
        assert_eq!(machine.run(trusted).code == 0, counts, "{word}");
        if counts {
            machine.until("as the kernel says", &is("synced"));
        } else {
            assert_ne!(machine.run(&is("synced")).code, 0, "{word}");
        }
    }
}

#[test]
fn a_credentials_folder_that_was_restored_without_its_claim_starts() {
    let machine = Machine::boot(CONFIG);
    machine.ok("rm /etc/cabinetd/credentials/claim && systemctl start cabinetd && cabinetd status");
    assert_eq!(machine.property("NRestarts"), "0");
}

/// The drop-in names secrets that not every cabinet has.
#[test]
fn the_drop_in_for_the_network_needs_no_secret_and_hands_over_those_that_are_there() {
    let people = "[mail]\nhost = \"127.0.0.1\"\nport = 1\nsecurity = \"none-on-loopback\"\nuser = \"u\"\npassword = \"mail_password\"\n\
                  from = \"c@example.com\"\n[[recipient]]\nname = \"office\"\nmail = \"o@example.com\"\n";
    let machine = Machine::boot(&format!("{CONFIG}{people}"));
    let drop_in = include_str!("../systemd/network.conf");
    machine.write("/etc/systemd/system/cabinetd.service.d/network.conf", drop_in);
    machine.ok("systemctl daemon-reload && systemctl start cabinetd && cabinetd status");
    machine.ok("cabinetd sim door force");
    machine.until("it is said", "cabinetd alerts status | grep 'mail_password is missing; write'");
    machine.ok("umask 077; echo secret > /etc/cabinetd/credentials/mail_password; systemctl restart cabinetd");
    machine.until("it is handed over", "cabinetd alerts status | grep -i 'refused'");
    assert_eq!(machine.property("NRestarts"), "0");
}

#[test]
fn without_a_journal_it_speaks_to_stderr() {
    let machine = Machine::boot(CONFIG);
    machine.write(
        "/etc/systemd/system/cabinetd.service.d/deaf.conf",
        "[Service]\nInaccessiblePaths=/run/systemd/journal/socket\n",
    );
    machine.ok("systemctl daemon-reload && systemctl start cabinetd");
    let said = journal(&machine, "_TRANSPORT=stdout");
    let ready = said.iter().find(|entry| entry["MESSAGE"].as_str().is_some_and(|text| text == "ready"));
    let ready = ready.unwrap_or_else(|| panic!("{said:#?}"));
    assert_eq!((&ready["PRIORITY"], &ready["MESSAGE_ID"]), (&Value::from("5"), &Value::Null));
    assert!(journal(&machine, "_TRANSPORT=journal _COMM=cabinetd").is_empty());
}

/// The recipe's rule, the account's rights, the sandbox and the unit's order against D-Bus, together: the daemon's account powers the machine off, and
/// the daemon knows at its SIGTERM that the machine goes down.
#[test]
fn the_account_powers_the_machine_off_and_the_daemon_knows_why_it_ends() {
    let (kept, journal) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let outside = |dir: &tempfile::TempDir, place: &str| format!("{}:{place}", dir.path().display());
    let machine =
        Machine::boot_with(CONFIG, &[outside(&kept, "/var/lib/cabinetd"), outside(&journal, "/var/log/journal")]);
    machine.ok("systemctl start cabinetd");
    machine.ok("systemctl restart cabinetd");
    let halt = format!("{CONFIG}[power]\nsleep = \"halt\"\nrtc = true\nrtc_wake_min = 60\n[ups]\nname = \"office\"\n");
    machine.write("/root/halt.toml", &halt);
    let recipe: Value =
        serde_json::from_str(&machine.ok("cabinetd --config /root/halt.toml power recipe --json")).expect("JSON");
    let unit = sandbox(&machine, "/usr/bin/systemctl --no-ask-password --no-wall poweroff");
    machine.write("/etc/systemd/system/off.service", &unit);
    machine.ok("systemctl daemon-reload");
    assert_ne!(machine.run("systemctl start off").code, 0, "without the rule it may not");
    let rule = "/etc/polkit-1/rules.d/50-cabinetd.rules";
    machine.write(rule, recipe["files"][rule].as_str().expect("a rule"));
    machine.ok("systemctl restart polkit");
    // It may be gone before it has answered.
    machine.run("systemctl start --no-block off");
    machine.await_end();
    let reader = Reader::open(kept.path()).expect("a ledger");
    let everything = Filter::default();
    let facts = reader.entries(&everything, 0).map(|entry| entry.expect("readable").fact().expect("known").1);
    let stops: Vec<StopReason> = facts
        .filter_map(|fact| match fact {
            Fact::Stopped { why } => Some(why),
            _ => None,
        })
        .collect();
    let said = std::process::Command::new("journalctl")
        .arg("-D")
        .arg(journal.path())
        .args(["-o", "short-precise", "-n", "150"])
        .output();
    let said = String::from_utf8_lossy(&said.expect("journalctl").stdout).into_owned();
    assert!(said.contains("told to stop"), "the journal is kept: {said}");
    assert_eq!(
        stops,
        [StopReason::Service, StopReason::SystemShutdown],
        "a restart, and the end of the machine: {said}"
    );
}

/// Where the upstream of the machine keeps its things: this program serves it if the variable is set, and is no test then.
const SERVES: &str = "CABINETD_TEST_SERVES";
const TOKEN: &str = "a-token-that-nobody-may-read-4711";

#[test]
fn serves_as_upstream_on_the_machine() {
    let Ok(dir) = std::env::var(SERVES) else { return };
    let _server = server::Server::start(std::path::Path::new(&dir), "192.0.2.7:8443", Some(TOKEN)).expect("it serves");
    loop {
        std::thread::park();
    }
}

/// An address that is not this machine's own, as far as the unit is concerned, with the reference upstream behind it.
#[test]
fn upstream_is_reached_with_its_drop_in_and_not_without() {
    let own = std::env::current_exe().expect("this program");
    let machine = Machine::boot_with(CONFIG, &[format!("{}:/opt/booted", own.display())]);
    machine.ok("ip address add 192.0.2.7/32 dev lo && echo 192.0.2.7 localhost > /etc/hosts && mkdir /root/there");
    machine.write(
        "/etc/systemd/system/there.service",
        &format!(
            "[Service]\nEnvironment={SERVES}=/root/there\nExecStart=/opt/booted --exact serves_as_upstream_on_the_machine\n"
        ),
    );
    machine.ok("systemctl daemon-reload && systemctl start there");
    machine.until("it serves", "test -s /root/there/ca.pem && ss -ltn | grep 192.0.2.7:8443");
    machine.ok("cp /root/there/ca.pem /etc/cabinetd/upstream-ca.pem && chmod 644 /etc/cabinetd/upstream-ca.pem");

    let upstream = "[upstream]\nurl = \"https://localhost:8443\"\nca_file = \"upstream-ca.pem\"\nrequest_ms = 2000\nlongest_pause_s = 1\n";
    machine.write("/etc/cabinetd/cabinetd.toml", &format!("{CONFIG}{upstream}"));
    machine.ok("systemctl start cabinetd");
    machine.until("it is not reached", "cabinetd upstream status --json | grep '\"state\":\"silent\"'");
    machine.ok("sleep 3");
    let told = machine.ok("cabinetd upstream status --json");
    assert!(told.contains("\"silent\"") && !told.contains("401"), "{told}");

    machine.write("/etc/systemd/system/cabinetd.service.d/network.conf", include_str!("../systemd/network.conf"));
    machine.write("/etc/cabinetd/credentials/upstream_token", TOKEN);
    machine.ok("chmod 600 /etc/cabinetd/credentials/upstream_token && systemctl daemon-reload");
    machine.write("/etc/cabinetd/cabinetd.toml", &format!("{CONFIG}{upstream}token = \"upstream_token\"\n"));
    machine.ok("systemctl restart cabinetd");
    let current = "cabinetd upstream status --json | grep '\"state\":\"current\"' | grep '\"waiting\":0'";
    machine.until("it has everything", current);
    assert!(!machine.ok("journalctl --no-pager").contains(TOKEN), "the token is nobody's to read");
}

/// The unit's own text with another program in it, which runs once.
fn sandbox(machine: &Machine, program: &str) -> String {
    let unit = machine.ok("cat /usr/lib/systemd/system/cabinetd.service");
    let own = ["ExecStart", "ExecReload", "ExecStop", "Type=", "NotifyAccess=", "WatchdogSec=", "Restart="];
    let lines = unit.lines().filter(|line| !own.iter().any(|own| line.starts_with(own)));
    let sandbox: String = lines.flat_map(|line| [line, "\n"]).collect();
    sandbox.replace("[Service]\n", &format!("[Service]\nType=oneshot\nExecStart={program}\n"))
}

/// What is tried from inside: the unit's own text with this program in it.
const TRIES: &str = r#"
try() { what=$1; shift; if "$@" >/dev/null 2>&1; then echo "$what yes"; else echo "$what no"; fi; }
# Whether it is the rights that are missing; the devices themselves need not be there.
may() { case $( (exec 3<"$1") 2>&1) in *ermi*) return 1;; esac; }
sends() { bash -c "echo > /dev/udp/$1/9"; }
try state    touch /var/lib/cabinetd/tried
try run      touch /run/cabinetd/tried
try pepper   cat "$CREDENTIALS_DIRECTORY/pepper"
try manager  sh -c 'systemctl is-system-running | grep -e running -e degraded -e starting'
try timedate sh -c 'timedatectl show --property=NTPSynchronized --value | grep -x -e yes -e no'
try loopback sends 127.0.0.1
try input    may /devices/input
try null     may /dev/null
try far      sends 192.0.2.7
try netlink  ip link
try memory   may /devices/memory
try kmsg     may /devices/kmsg
try disk     may /devices/disk
try etc      touch /etc/tried
try usr      touch /usr/tried
try home     ls /root
try sysctl   sh -c 'echo 1 > /proc/sys/kernel/sysrq'
try hostname hostname other
try mount    mount -t tmpfs none /mnt
try user     unshare --user true
try clock    date -s 2001-01-01
try priority renice -n 5 -p $$
try realtime chrt -r 1 true
try suid     chmod u+s /var/lib/cabinetd/tried
try module   modprobe loop
try others   ls -d /proc/1
try kernel   dmesg
grep -E '^(CapBnd|CapEff|NoNewPrivs|Seccomp):' /proc/self/status
"#;

/// With the account of the unit, and as root: what is closed is closed by the sandbox, not only by file modes.
#[test]
fn the_sandbox_lets_lines_and_readers_through_and_nothing_else() {
    let machine = cabinet();
    let tried = sandbox(&machine, "/bin/sh /usr/local/bin/try");
    let tried = tried.replace("[Service]\n", "[Service]\nStandardOutput=file:/run/tried\nStandardError=null\n");
    machine.write("/etc/systemd/system/try.service", &tried);
    machine.write("/etc/systemd/system/tryroot.service", &tried.replace("\nUser=cabinetd\n", "\nUser=root\n"));
    machine.write("/usr/local/bin/try", TRIES);
    // Their numbers are the kernel's own. It has no GPIO chip here, so the rule for those is only looked at.
    machine.ok("mkdir /devices && cd /devices && mknod -m 666 input c 13 64 && mknod -m 666 memory c 1 1 && \
         mknod -m 666 kmsg c 1 11 && mknod -m 666 disk b 7 0");
    machine.ok("ip address add 192.0.2.7/32 dev lo && bash -c 'echo > /dev/udp/192.0.2.7/9'");
    let open = ["state", "run", "pepper", "manager", "timedate", "loopback", "input", "null"].map(|what| (what, "yes"));
    let closed = [
        "far", "netlink", "memory", "kmsg", "disk", "etc", "usr", "home", "sysctl", "hostname", "mount", "user",
        "clock", "priority", "realtime", "suid", "module", "others", "kernel",
    ];
    let expected = open.into_iter().chain(closed.map(|what| (what, "no")));
    let rights = ["CapBnd:\t0000000000000000", "CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"];
    let expected = expected.map(|(what, may)| format!("{what} {may}")).chain(rights.map(str::to_owned));
    let expected: BTreeSet<String> = expected.collect();
    machine.ok("systemctl daemon-reload");
    for service in ["try", "tryroot"] {
        machine.ok(&format!("rm -f /run/tried /var/lib/cabinetd/tried; systemctl start {service}"));
        let tried = machine.ok("cat /run/tried");
        assert_eq!(tried.lines().map(str::to_owned).collect::<BTreeSet<_>>(), expected, "{service}");
    }
    for rule in ["char-gpiochip rw", "char-input r", "/dev/gpiomem rw", "/dev/gpiomem0 rw"] {
        assert!(machine.property("DeviceAllow").contains(rule), "{rule}");
    }
}

#[test]
fn systemd_has_nothing_against_the_unit() {
    let machine = Machine::boot(CONFIG);
    let verified = machine.run("systemd-analyze verify --man=no cabinetd.service");
    assert_eq!((verified.code, verified.err.as_str()), (0, ""), "{verified:?}");
    // A misspelt key is no error to it: what it says is looked at, so it must say something.
    let unit = machine.ok("cat /usr/lib/systemd/system/cabinetd.service");
    machine.write("/root/wrong.service", &unit.replace("ProtectHome=", "ProtectHouse="));
    assert!(machine.run("systemd-analyze verify --man=no /root/wrong.service").err.contains("ProtectHouse"));
    let security = machine.ok("systemd-analyze security --offline=true /usr/lib/systemd/system/cabinetd.service");
    let line = security.lines().last().expect("a last line");
    println!("{line}");
    let exposure: f64 = line.split(' ').find_map(|word| word.parse().ok()).expect("a figure");
    assert!(exposure <= 1.5, "{security}");
    // The account is no login, and is where the lines are.
    let account = machine.ok("getent passwd cabinetd; id -Gn cabinetd");
    assert!(
        account.contains("/usr/sbin/nologin") && account.contains("gpio") && account.contains("input"),
        "{account}"
    );
    // Without secrets it is not even tried, and says why; the same words stand in docs/install.md.
    machine.ok("mv /etc/cabinetd/credentials /root/kept");
    machine.ok("systemctl start cabinetd");
    assert_eq!(machine.property("ActiveState"), "inactive");
    let status = machine.run("systemctl status cabinetd").out;
    assert!(status.contains("unmet condition check (ConditionPathExists=/etc/cabinetd/credentials/"), "{status}");
    machine.ok("mv /root/kept /etc/cabinetd/credentials");
    // What others must not read they cannot.
    let modes = machine
        .ok("systemctl start cabinetd; stat -c '%a %U %n' /var/lib/cabinetd /run/cabinetd /etc/cabinetd/credentials");
    assert_eq!(
        modes,
        "700 cabinetd /var/lib/cabinetd\n755 cabinetd /run/cabinetd\n700 root /etc/cabinetd/credentials\n"
    );
}
