//! A cabinet of one's own, without the demo: `init`, a config and a roster file written by hand, the daemon as systemd would start it,
//! and the real NUT of Debian: upsd with the dummy-ups driver. Only the board behind the line backend is simulated.

#[path = "support/demo.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod demo;
#[path = "support/nut.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod nut;
#[path = "support/site.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod site;

use cabinetd::config::Config;
use demo::until;
use nut::{RealNut, UPS};
use serde_json::{Value, json};
use site::{Site, serve_board};
use std::fs;
use std::process::Command;
use std::time::Duration;

const ROSTER: &str = r#"
[[users]]
id = "caretaker"
name = "Caretaker"
role = "staff"
badge = "0417725519"
groups = ["house"]

[[users]]
id = "office"
name = "Office"
role = "manager"
login = "5120"

[[keys]]
id = "cellar"
label = "Cellar"
home = 1
tag = "E2-0001"
groups = ["house"]

[[keys]]
id = "attic"
label = "Attic"
home = 2
groups = ["house"]

[[keys]]
id = "safe"
label = "Safe"
home = 6
groups = ["office"]
"#;

fn config(group: &str, port: u16) -> String {
    format!(
        r#"
[cabinet]
site = "elm-street"
name = "lobby"
time_zone = "America/New_York"

[paths]
state_dir = "state"
credentials_dir = "credentials"
run_dir = "run"

[lines]
backend = "sim"
socket = "run/hardware.sock"

[[door]]
number = 1
contact = true

[slots]
count = 6
columns = 3

[ups]
name = "{UPS}"
port = {port}
poll_on_line_s = 300
poll_on_battery_s = 1
timeout_ms = 900

[accounts]
"{group}" = "admin"
"#
    )
}

/// Somebody takes a key; somebody else comes without a badge.
fn visit(site: &Site, caretaker: &str, office: &str) {
    let display = |text: &str| {
        until(text, || {
            let seen: Value = serde_json::from_str(&site.ok(&["sim", "status", "--json"])).expect("JSON");
            seen["display"].as_str()?.contains(text).then_some(())
        });
    };
    site.ok(&["sim", "badge", "0417725519"]);
    site.ok(&["sim", "pin", caretaker]);
    display("Which key");
    assert!(site.cmd(&["pull", "--key", "Safe", "--reason", "day-to-day"]).err.contains("not open to this person"));
    site.ok(&["pull", "--key", "cellar", "--reason", "day-to-day"]);
    display("is unlocked for you");
    site.ok(&["sim", "door", "open"]);
    site.ok(&["sim", "take", "1"]);
    until("the key", || (site.status()["counts"]["keys_out"] == 1).then_some(()));
    site.ok(&["sim", "door", "close"]);
    until("the end", || site.status()["session"].is_null().then_some(()));
    let keymap = site.ok(&["keymap"]);
    assert!(keymap.contains("Cellar") && keymap.contains("Caretaker"), "{keymap}");
    // Somebody without a badge types a number.
    site.ok(&["sim", "login", "5120"]);
    site.ok(&["sim", "pin", office]);
    display("Which key");
    site.ok(&["sim", "cancel"]);
}

#[test]
fn a_cabinet_of_ones_own_lives_with_a_real_upsd() {
    let mut nut = RealNut::start();
    let ups = format!("{UPS}@127.0.0.1:{}", nut.port);
    until("the driver", || {
        let output = Command::new("/usr/bin/upsc").args([&ups, "ups.status"]).output().expect("upsc is there");
        String::from_utf8_lossy(&output.stdout).starts_with("OL").then_some(())
    });
    let home = tempfile::tempdir().expect("a folder");
    let dir = home.path().to_owned();
    let group = uzers::get_current_groupname().expect("a group").to_string_lossy().into_owned();
    let config = config(&group, nut.port);
    fs::write(dir.join("cabinetd.toml"), config).expect("written");
    let mut site = Site::new(&dir);
    site.ok(&["config", "check"]);
    let missing = site.cmd(&["run"]);
    assert!(missing.code == 1 && missing.err.contains("cabinetd init"), "{missing:?}");
    let made = site.ok(&["init"]);
    assert!(made.contains("Claim code") && made.contains("Back up"), "{made}");

    let settings = Config::load(&dir.join("cabinetd.toml")).expect("it was checked").settings;
    serve_board(&dir, &settings);
    site.start();
    site.supply(&json!("on-line"));
    assert_eq!(site.status()["supply"]["figures"]["charge_pct"], 100);

    // The roster of one's own.
    let roster = dir.join("own.toml");
    fs::write(&roster, ROSTER).expect("written");
    let path = roster.to_str().expect("UTF-8");
    let dry = site.ok(&["roster", "import", path, "--dry-run"]);
    assert!(dry.contains("nothing was changed yet"), "{dry}");
    let imported: Value =
        serde_json::from_str(&site.ok(&["roster", "import", path, "--generate-pins", "--json"])).expect("JSON");
    let pins = imported["pins"].as_array().expect("PINs");
    assert_eq!((pins.len(), &imported["all_pins_made"]), (2, &json!(true)));
    let pin_of = |user: &str| {
        let found = pins.iter().find(|made| made["user"] == user).expect("a PIN for everybody");
        found["pin"].as_str().expect("digits").to_owned()
    };
    let record = site.records("roster-changed").pop().expect("a record");
    assert!(record["fact"]["source"].as_str().is_some_and(|source| source.contains("own.toml")), "{record}");
    assert_eq!(record["fact"]["hash"].as_str().map(str::len), Some(64));
    assert_eq!(site.status()["counts"]["keys_in"], 3);

    visit(&site, &pin_of("caretaker"), &pin_of("office"));

    // The power goes. The daemon looks every five minutes, so that it knows is upsmon's doing.
    nut.set("ups.status", "OB DISCHRG");
    assert_eq!(site.status()["supply"]["supply"], "on-line");
    site.notify("ONBATT");
    let took = site.supply(&json!("on-battery"));
    assert!(took < Duration::from_secs(5), "told at once, known after {took:?}");
    nut.set("battery.charge", "9");
    nut.set("ups.status", "OB DISCHRG LB");
    site.supply(&json!("low-battery"));
    until("the charge", || (site.status()["supply"]["figures"]["charge_pct"] == 9).then_some(()));
    assert!(site.ok(&["status"]).contains("battery low"));
    nut.set("ups.status", "OL CHRG");
    site.supply(&json!("on-line"));

    // The driver dies: that is neither on line nor on battery.
    nut.driver.kill();
    site.notify("COMMBAD");
    site.supply(&json!({ "unreachable": "driver-gone" }));
    let alarms = site.status()["alarms"].clone();
    assert_eq!(alarms[0]["kind"], "ups-unreachable", "{alarms}");
    nut.restart_driver();
    site.notify("COMMOK");
    site.supply(&json!("on-line"));
    until("the alarm is over", || site.status()["alarms"].as_array()?.is_empty().then_some(()));

    let told: Vec<Value> = site.records("supply-changed").iter().map(|record| record["fact"]["to"].clone()).collect();
    let lines = ["on-line", "on-battery", "low-battery", "on-line"].map(Value::from);
    assert_eq!(told[..4], lines);
    // The restarted driver begins with its file, which says OL, perhaps after a WAIT.
    assert_eq!(told[4], json!({ "unreachable": "driver-gone" }));
    assert_eq!(told.last(), Some(&json!("on-line")));

    assert_eq!(site.stop().code(), Some(0));
    site.ok(&["ledger", "verify"]);
    let of_key = site.ok(&["ledger", "show", "--key", "Cellar"]);
    assert!(of_key.contains("Cellar was taken from slot 1 by Caretaker (caretaker) for day-to-day work"), "{of_key}");
    site.start();
    assert_eq!(site.status()["counts"]["keys_out"], 1);
    assert_eq!(site.stop().code(), Some(0));
}
