use super::fake::Fake;
use super::*;

#[test]
fn a_daemon_that_is_not_there_is_exit_code_4_everywhere() {
    for line in [
        &["user", "list"][..],
        &["user", "pin", "manager"],
        &["user", "vouch", "leasing", "--by", "manager"],
        &["user", "revoke", "leasing"],
        &["key", "lost", "101"],
        &["key", "list"],
        &["roster", "export"],
        &["roster", "diff", concat!(env!("CARGO_MANIFEST_DIR"), "/config/roster-sample.toml")],
    ] {
        let run = Fake { dies_after: Some(0), ..Fake::sample() }.run(line);
        assert_eq!(run.code, ExitCode::from(4), "{line:?}");
        assert_eq!((run.out.as_str(), run.err.as_str()), ("", "cabinetd: no cabinetd answers\n"), "{line:?}");
    }
}

#[test]
fn failures_in_json_are_one_object_on_standard_output() {
    let run = Fake::sample().run(&["user", "show", "nobody", "--json"]);
    assert_eq!(run.code, ExitCode::from(1));
    assert_eq!(run.json()["ok"], false);
    assert_eq!(run.json()["code"], 1);
    assert!(run.json()["problems"][0].as_str().unwrap().contains("cabinetd user list"));
    assert_eq!(run.err, "");
}

#[test]
fn badge_numbers_show_only_in_an_export() {
    let mut fake = Fake::sample();
    let mut printed = String::new();
    for line in [
        &["user", "list"][..],
        &["user", "list", "--json"],
        &["user", "show", "maintenance-1"],
        &["user", "show", "maintenance-1", "--json"],
        &["user", "edit", "maintenance-1", "--badge", "1001"],
        &["user", "edit", "maintenance-1", "--badge", "90210"],
        &["key", "list", "--json"],
        &["key", "show", "Unit 101"],
        &["key", "edit", "101", "--tag", "1002"],
    ] {
        let run = fake.run(line);
        printed.push_str(&run.out);
        printed.push_str(&run.err);
    }
    for code in ["1001", "1002", "90210", "E0040101"] {
        assert!(!printed.contains(code), "{code} in {printed}");
    }
    assert!(fake.run(&["roster", "export"]).out.contains("90210"));
}
