use crate::cabinet::event::Ask;
use crate::cabinet::roster::Roster;
use crate::cabinet::types::UserId;
use crate::cli::desk::LocalAsk;
use crate::cli::desk::fake::Fake;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::ExitCode;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/roster-sample.toml");
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/roster-sample");

#[test]
fn a_dry_run_shows_and_changes_nothing() {
    let mut fake = Fake::default();
    for line in [&["roster", "import", SAMPLE, "--dry-run", "--generate-pins"][..], &["roster", "diff", FOLDER]] {
        let run = fake.run(line);
        assert_eq!(run.code, ExitCode::SUCCESS, "{run:?}");
        assert!(run.out.contains("+ user leasing\n") && run.out.contains("nothing was changed yet"), "{}", run.out);
        assert_eq!(fake.roster, Roster::default());
    }
    let run = fake.run(&["roster", "import", SAMPLE, "--dry-run", "--generate-pins"]);
    assert!(run.out.contains("6 PINs would be made"), "{}", run.out);
}

#[test]
fn an_import_makes_each_missing_pin_and_tells_it_once() {
    let mut fake = Fake::default();
    let run = fake.run(&["roster", "import", SAMPLE, "--generate-pins", "--json"]);
    assert_eq!(run.code, ExitCode::SUCCESS, "{run:?}");
    let told = run.json();
    assert_eq!((&told["ok"], &told["applied"]), (&true.into(), &true.into()));
    let pins = told["pins"].as_array().unwrap();
    assert_eq!(pins.len(), 6);
    for pin in pins {
        assert_eq!(pin["pin"].as_str().unwrap().len(), 6);
        assert!(fake.roster.users[&UserId::from(pin["user"].as_str().unwrap())].pin.is_some());
    }
    let run = fake.run(&["roster", "import", SAMPLE, "--generate-pins"]);
    assert_eq!(run.code, ExitCode::SUCCESS);
    assert!(run.out.contains("nothing to change") && run.out.contains("0 PINs made"), "{}", run.out);
}

#[test]
fn pins_made_before_the_daemon_died_are_told() {
    for json in [false, true] {
        let mut fake = Fake { dies_after: Some(3), ..Fake::default() };
        let mut line = vec!["roster", "import", SAMPLE, "--generate-pins"];
        line.extend(json.then_some("--json"));
        let run = fake.run(&line);
        assert_eq!(run.code, ExitCode::from(4));
        let told: Vec<&str> = fake.asked[1..]
            .iter()
            .map(|ask| match ask {
                LocalAsk::SetPin { pin: Some(pin), .. } => pin.expose(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(told.len(), 2);
        assert!(told.iter().all(|pin| run.out.contains(pin)), "{}", run.out);
    }
}

#[test]
fn a_bad_file_is_told_whole_and_nothing_is_sent() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("users.csv");
    fs::write(&file, "id,name,role\na,A,bos\n,B,staff\n").unwrap();
    // The daemon is not even asked.
    let mut fake = Fake { dies_after: Some(0), ..Fake::default() };
    let run = fake.run(&["roster", "import", file.to_str().unwrap()]);
    assert_eq!(run.code, ExitCode::from(3));
    assert_eq!(run.err.lines().count(), 2, "{}", run.err);
    assert!(
        run.err.contains("users.csv:2: role: \"bos\" is no role") && run.err.contains("users.csv:3: id is missing")
    );
    assert!(fake.asked.is_empty());
}

#[test]
fn what_the_cabinet_refuses_is_told_whole() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("keys.csv");
    fs::write(&file, "id,label,home\n1,One,99\n2,Two,98\n").unwrap();
    let run = Fake::sample().run(&["roster", "import", file.to_str().unwrap()]);
    assert_eq!(run.code, ExitCode::from(1));
    assert!(run.err.contains("slot 99 does not exist") && run.err.contains("slot 98 does not exist"), "{}", run.err);
}

#[test]
fn an_import_of_users_alone_leaves_the_keys() {
    let mut fake = Fake::sample();
    let keys = fake.roster.keys.clone();
    let run = fake.run(&["roster", "import", &format!("{FOLDER}/users.csv")]);
    assert_eq!((run.code, run.out.as_str()), (ExitCode::SUCCESS, "nothing to change\n"));
    assert_eq!(fake.roster.keys, keys);
    assert!(matches!(&fake.asked[0], LocalAsk::Core(Ask::ChangeRoster { change, .. }) if !change.replace));
}

#[test]
fn exports_are_for_their_owner_only_and_overwrite_nothing() {
    let home = tempfile::tempdir().unwrap();
    for (format, name, file) in [("toml", "r.toml", "r.toml"), ("csv", "folder", "folder/users.csv")] {
        let path = home.path().join(name);
        let line = ["roster", "export", "--format", format, "--out", path.to_str().unwrap()];
        let mut fake = Fake::sample();
        assert_eq!(fake.run(&line).code, ExitCode::SUCCESS);
        assert_eq!(fs::metadata(home.path().join(file)).unwrap().permissions().mode() & 0o777, 0o600);
        let again = fake.run(&line);
        assert_eq!(again.code, ExitCode::from(3));
        assert!(again.err.contains("exists already"), "{}", again.err);
        let back = fake.run(&["roster", "diff", path.to_str().unwrap()]);
        assert_eq!(back.out, "nothing to change\n");
    }
    let run = Fake::sample().run(&["roster", "export", "--format", "csv"]);
    assert_eq!(run.code, ExitCode::from(3));
}

#[test]
fn who_sees_no_badge_numbers_exports_none() {
    let run = Fake { codes_withheld: true, ..Fake::sample() }.run(&["roster", "export"]);
    assert_eq!((run.code, run.out.as_str()), (ExitCode::from(5), ""));
    assert!(run.err.contains("role admin"), "{}", run.err);
}

#[test]
fn everything_wrong_with_a_roster_is_told_at_once_by_file_and_cabinet() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("roster.toml");
    let write = |date: &str| {
        let text = format!(
            "[[users]]\nid = 'a'\nname = 'A'\nrole = 'boss'\nbadge = '7001'\n[[users]]\nid = 'b'\nname = 'B'\nrole = 'staff'\nbadge = '7001'\n\
             [[users]]\nid = 'c'\nvalid_from = {date}\nname = 'C'\nrole = 'staff'\n[[keys]]\nid = '204'\nlabel = 'Unit 204'\nhome = 99\n"
        );
        fs::write(&file, text).unwrap();
    };
    // A date that is wrong as a word, and one that TOML itself does not take.
    for date in ["'2026-13-40'", "2026-13-40"] {
        write(date);
        let run = Fake::sample().run(&["roster", "import", file.to_str().unwrap()]);
        assert_eq!(run.code, ExitCode::from(3), "{run:?}");
        let lines: Vec<&str> = run.err.lines().collect();
        assert_eq!(lines.len(), 4, "{lines:#?}");
        assert!(lines[0].contains(":4: role: \"boss\" is no role"), "{lines:#?}");
        assert!(lines[1].contains(":10: the same badge or tag is on line 5"), "{lines:#?}");
        assert!(lines[2].contains(":13: ") && lines[2].contains("date"), "{lines:#?}");
        assert_eq!(lines[3], "cabinetd: key 204: slot 99 does not exist in this cabinet");

        let mut fake = Fake::sample();
        let before = fake.roster.clone();
        let run = fake.run(&["roster", "diff", file.to_str().unwrap()]);
        assert_eq!((run.code, run.err.lines().count()), (ExitCode::from(3), 4), "{run:?}");
        assert!(run.out.contains("- user manager\n") && run.out.contains(", refused:"), "{}", run.out);
        assert_eq!(fake.roster, before);
    }
    // Without the cabinet, what the file shows is told all the same.
    let run = Fake { dies_after: Some(0), ..Fake::sample() }.run(&["roster", "import", file.to_str().unwrap()]);
    assert_eq!(run.code, ExitCode::from(3));
    assert!(run.err.contains("\"boss\"") && run.err.contains("what only the cabinet knows was not checked"), "{run:?}");
}

#[test]
fn a_dry_run_that_is_refused_shows_the_difference_and_why() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("keys.csv");
    fs::write(&file, "id,label,home\n1,One,99\n").unwrap();
    let mut fake = Fake::sample();
    let run = fake.run(&["roster", "import", "--dry-run", file.to_str().unwrap()]);
    assert_eq!(run.code, ExitCode::from(1), "{run:?}");
    assert!(run.out.starts_with("- key ") && run.out.contains("+ key 1\n"), "{}", run.out);
    assert_eq!(run.err, "cabinetd: key 1: slot 99 does not exist in this cabinet\n");
    let run = fake.run(&["roster", "diff", "--json", file.to_str().unwrap()]);
    assert_eq!((&run.json()["ok"], run.json()["problems"].as_array().unwrap().len()), (&false.into(), 1));
    assert!(run.json()["difference"].as_array().unwrap().len() > 1, "{}", run.out);
}

#[test]
fn a_signed_file_goes_to_the_daemon_as_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("signed.json");
    fs::write(&file, "{\"version\":7}").unwrap();
    let path = file.to_str().unwrap();
    let mut fake = Fake::sample();
    assert_eq!(fake.run(&["roster", "import", path]).code, ExitCode::SUCCESS);
    assert_eq!(fake.run(&["roster", "diff", path]).code, ExitCode::SUCCESS);
    let asked: Vec<_> = (fake.asked.iter())
        .map(|ask| match ask {
            LocalAsk::TakeRoster { name, signed, dry_run } => (name.as_str(), signed.0["version"].as_u64(), *dry_run),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(asked, [("signed.json", Some(7), false), ("signed.json", Some(7), true)]);
    assert!(!format!("{:?}", fake.asked).contains("version"), "badge numbers stand in it");
    for (line, says) in [
        (&["roster", "import", path, SAMPLE][..], "name it alone"),
        (&["roster", "import", path, "--generate-pins"], "user enrol --all"),
        (&["roster", "import", "/nowhere/x.json"], "cannot read it"),
    ] {
        let run = fake.run(line);
        assert!(run.code == ExitCode::from(3) && run.err.contains(says), "{run:?}");
    }
}

/// A file with one person of the sample, and no keys.
fn one_of_many(home: &std::path::Path) -> String {
    let file = home.join("users.csv");
    fs::write(&file, "id,name,role\nleasing,Leasing,staff\n").unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn a_short_file_takes_nobody_away_unasked() {
    let home = tempfile::tempdir().unwrap();
    let file = one_of_many(home.path());
    let mut fake = Fake::sample();
    let before = fake.roster.clone();
    let run = fake.run(&["roster", "import", &file]);
    assert_eq!(run.code, ExitCode::from(3), "{run:?}");
    let losses = "cabinetd: 5 of 6 people would leave the roster, nobody would be manager or admin any more";
    assert!(run.err.starts_with(losses) && run.err.contains("--yes imports it all the same"), "{}", run.err);
    assert_eq!(fake.roster, before);
    // Somebody is there, and says no.
    fake.agrees = Some(false);
    let run = fake.run(&["roster", "import", &file]);
    assert!(run.err.contains("nothing was changed") && fake.roster == before, "{}", run.err);

    fake.agrees = None;
    let run = fake.run(&["roster", "import", &file, "--dry-run"]);
    assert_eq!(run.code, ExitCode::SUCCESS);
    assert!(
        run.out.contains("5 of 6 people") && run.out.contains("the import asks first, or takes --yes"),
        "{}",
        run.out
    );
    let told = fake.run(&["roster", "diff", &file, "--json"]).json();
    assert!(told["warning"].as_str().unwrap().contains("5 of 6 people"), "{told}");

    let mut willing = Fake { agrees: Some(true), ..Fake::sample() };
    assert_eq!(willing.run(&["roster", "import", &file]).code, ExitCode::SUCCESS);
    assert_eq!(fake.run(&["roster", "import", &file, "--yes"]).code, ExitCode::SUCCESS);
    for roster in [&willing.roster, &fake.roster] {
        assert_eq!((roster.users.len(), &roster.keys), (1, &before.keys));
    }
}

#[test]
fn a_file_that_takes_few_away_asks_nobody() {
    let mut fake = Fake::sample();
    assert_eq!(fake.run(&["roster", "import", SAMPLE]).code, ExitCode::SUCCESS);
    fake.roster.users.retain(|_, user| user.role < crate::cabinet::types::Role::Manager);
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("roster.toml");
    let out = out.to_str().unwrap();
    assert_eq!(fake.run(&["roster", "export", "--out", out]).code, ExitCode::SUCCESS);
    // Nobody led before either.
    assert_eq!(fake.run(&["roster", "import", out]).code, ExitCode::SUCCESS);
}

#[test]
fn an_export_says_which_secrets_are_in_which_file() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("csv");
    let run = Fake::sample().run(&["roster", "export", "--format", "csv", "--out", out.to_str().unwrap()]);
    assert!(run.err.contains("users.csv is written; it holds badge numbers\n"), "{}", run.err);
    assert!(run.err.contains("keys.csv is written; it holds tags\n"), "{}", run.err);
}
