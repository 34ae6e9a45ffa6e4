use crate::cabinet::outcome::PinVerdict;
use crate::cabinet::types::{Code, Pin, UserId};
use crate::cli::desk::LocalAsk;
use crate::cli::desk::fake::{Fake, Run};
use crate::io::credentials::{Pepper, check_pin};
use std::process::ExitCode;

fn verdict(fake: &Fake, user: &str, pin: &str) -> PinVerdict {
    let hash = fake.roster.users[&UserId::from(user)].pin.as_ref().unwrap();
    check_pin(&Pepper::new([7; 32]), &Pin::new(pin), hash).unwrap()
}

fn told_pin(run: &Run) -> String {
    run.out.rsplit(' ').next().unwrap().trim().to_owned()
}

#[test]
fn a_new_person_gets_a_pin_that_works() {
    let mut fake = Fake::sample();
    let run = fake.run(&[
        "user",
        "add",
        "painter-2",
        "--name",
        "Painter 2",
        "--role",
        "staff",
        "--badge",
        "2001",
        "--groups",
        "a b",
        "--valid-until",
        "2026-12-31",
        "--schedule",
        "mon-fri 07:00-17:00; sat 8:00-12:00",
        "--lone-emergency",
        "yes",
    ]);
    assert_eq!(run.code, ExitCode::SUCCESS, "{run:?}");
    let user = &fake.roster.users[&UserId::from("painter-2")];
    assert_eq!((user.groups.len(), user.schedule.len(), user.lone_emergency), (2, 2, true));
    assert_eq!(user.badge, Some(Code::new("2001")));
    assert_eq!(verdict(&fake, "painter-2", &told_pin(&run)), PinVerdict::Match);
}

#[test]
fn a_new_person_needs_a_name_and_a_role_and_an_id_of_their_own() {
    let mut fake = Fake::sample();
    for (line, says) in [
        (&["user", "add", "x", "--name", "X"][..], "--name and --role"),
        (&["user", "add", "manager", "--name", "X", "--role", "staff"], "there already"),
        (&["user", "add", "x", "--name", "X", "--role", "boss"], "--role: \"boss\" is no role"),
        (
            &["user", "add", "x", "--name", "X", "--role", "staff", "--valid-from", "soon"],
            "--valid-from: this is no date",
        ),
        (&["user", "add", "x", "--name", "X", "--role", "staff", "--schedule", "mon"], "--schedule: "),
    ] {
        let run = fake.run(line);
        assert_eq!(run.code, ExitCode::from(3), "{line:?}");
        assert!(run.err.contains(says), "{line:?}: {}", run.err);
    }
    assert!(fake.asked.is_empty());
}

#[test]
fn an_edit_changes_what_is_given_and_nothing_else() {
    let mut fake = Fake::sample();
    let before = fake.roster.users[&UserId::from("painter")].clone();
    let run = fake.run(&["user", "edit", "painter", "--valid-from", "", "--groups", "building-a"]);
    assert_eq!(
        run.out,
        "~ user painter: groups building-b → building-a, valid_from no more 2026-01-01T00:00Z\ndone: 1 change\n"
    );
    let after = &fake.roster.users[&UserId::from("painter")];
    assert_eq!((after.valid_from, after.login.as_ref()), (None, before.login.as_ref()));
    assert_eq!(after.valid_until, before.valid_until);
}

#[test]
fn who_sees_no_badge_numbers_cannot_delete_them_by_an_edit() {
    let mut fake = Fake { codes_withheld: true, ..Fake::sample() };
    let badge = fake.roster.users[&UserId::from("leasing")].badge.clone();
    assert!(badge.is_some());
    for line in [&["user", "edit", "leasing", "--name", "X"][..], &["user", "revoke", "leasing"]] {
        assert_eq!(fake.run(line).code, ExitCode::SUCCESS);
    }
    let after = &fake.roster.users[&UserId::from("leasing")];
    assert_eq!((&*after.name, after.revoked, &after.badge), ("X", true, &badge));
    fake.run(&["user", "edit", "leasing", "--badge", "77"]);
    assert_ne!(fake.roster.users[&UserId::from("leasing")].badge, badge, "a new one may be given");
    fake.asked.clear();
    for line in [&["user", "edit", "leasing", "--badge", ""][..], &["key", "edit", "204", "--tag", ""]] {
        let run = fake.run(line);
        assert_eq!(run.code, ExitCode::from(5));
        assert!(run.err.contains("role admin"), "{}", run.err);
    }
    assert!(fake.asked.is_empty());
}

#[test]
fn revoked_and_restored_and_removed() {
    let mut fake = Fake::sample();
    let id = UserId::from("leasing");
    fake.run(&["user", "revoke", "leasing"]);
    assert!(fake.roster.users[&id].revoked);
    assert!(fake.run(&["user", "list"]).out.contains("Leasing office  [revoked, no PIN]"));
    fake.run(&["user", "restore", "leasing"]);
    assert!(!fake.roster.users[&id].revoked);
    fake.run(&["user", "remove", "leasing"]);
    assert!(!fake.roster.users.contains_key(&id));
    let run = fake.run(&["user", "remove", "leasing"]);
    assert_eq!((run.code, run.err.as_str()), (ExitCode::from(1), "cabinetd: user leasing: not in the roster\n"));
}

#[test]
fn pins_are_made_or_typed_and_a_typed_one_is_not_printed() {
    let mut fake = Fake::sample();
    let run = fake.run(&["user", "pin", "manager", "--digits", "8"]);
    let made = told_pin(&run);
    assert_eq!(made.len(), 8);
    assert_eq!(verdict(&fake, "manager", &made), PinVerdict::Match);

    fake.typed.push_back(Ok(Pin::new("482913")));
    let run = fake.run(&["user", "pin", "manager", "--set"]);
    assert_eq!(verdict(&fake, "manager", "482913"), PinVerdict::Match);
    assert!(!run.out.contains("482913") && !run.err.contains("482913"));

    let run = fake.run(&["user", "pin", "manager", "--duress"]);
    assert_eq!(verdict(&fake, "manager", &told_pin(&run)), PinVerdict::Duress);
    assert_eq!(verdict(&fake, "manager", "482913"), PinVerdict::Match);
}

#[test]
fn bad_pins_are_refused_before_anything_is_sent() {
    let mut fake = Fake::sample();
    for (typed, says) in [
        (Ok(Pin::new("123456")), "first that anybody tries"),
        (Ok(Pin::new("12")), "4 to 8 digits"),
        (Err("the two were not the same".to_owned()), "not the same"),
    ] {
        fake.typed.push_back(typed);
        let run = fake.run(&["user", "pin", "manager", "--set"]);
        assert_eq!(run.code, ExitCode::from(3));
        assert!(run.err.contains(says) && !run.err.contains("123456"), "{}", run.err);
    }
    assert!(fake.asked.is_empty());
}

#[test]
fn the_same_pin_and_duress_pin_are_refused_by_the_daemon() {
    let mut fake = Fake::sample();
    for line in [&["user", "pin", "manager", "--set"][..], &["user", "pin", "manager", "--set", "--duress"]] {
        fake.typed.push_back(Ok(Pin::new("482913")));
        let run = fake.run(line);
        assert_eq!(run.code == ExitCode::SUCCESS, line.len() == 4, "{run:?}");
    }
}

#[test]
fn a_refused_pin_is_not_printed() {
    let run = Fake::sample().run(&["user", "pin", "nobody"]);
    assert_eq!((run.code, run.out.as_str()), (ExitCode::from(1), ""));
}

#[test]
fn a_vouched_code_has_eight_digits() {
    let mut fake = Fake::sample();
    let run = fake.run(&["user", "vouch", "leasing", "--by", "manager", "--json"]);
    let told = run.json();
    let LocalAsk::Vouch { user, by, code, for_minutes } = &fake.asked[0] else { panic!("{:?}", fake.asked) };
    assert_eq!((user.as_str(), by.as_str(), *for_minutes), ("leasing", "manager", 15));
    assert_eq!(told["code"], code.expose());
    assert_eq!(code.expose().len(), 8);
}

#[test]
fn no_argument_takes_a_pin() {
    use clap::Subcommand as _;
    let command = super::UserCommand::augment_subcommands(clap::Command::new("cabinetd"));
    command.clone().debug_assert();
    for bad in [
        &["user", "pin", "a", "482913"][..],
        &["user", "pin", "a", "--set", "482913"],
        &["user", "pin", "a", "--set=4829"],
    ] {
        assert!(command.clone().try_get_matches_from(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn every_mistake_of_an_edit_is_told_at_once() {
    let mut fake = Fake::sample();
    let run = fake.run(&["user", "edit", "manager", "--role", "boss", "--schedule", "mon-fry 7-9; sat 25:00-9:00"]);
    assert_eq!(run.code, ExitCode::from(3));
    let lines: Vec<&str> = run.err.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("cabinetd: --role: \"boss\" is no role"), "{lines:?}");
    for mistake in ["\"fry\" is no day", "\"7\" is no time", "\"9\" is no time", "\"25:00\" is no time"] {
        assert!(lines[1].contains(mistake), "{mistake}: {lines:?}");
    }
    assert!(fake.asked.is_empty());
}

#[test]
fn a_code_to_enrol_with_is_told_once() {
    let mut fake = Fake::sample();
    let run = fake.run(&["user", "enrol", "manager", "--days", "3"]);
    assert_eq!(run.code, ExitCode::SUCCESS, "{run:?}");
    let [LocalAsk::Enrol { user, code, for_minutes }] = &fake.asked[..] else { panic!("{:?}", fake.asked) };
    assert_eq!((user.as_str(), code.expose().len(), *for_minutes), ("manager", 8, 3 * 1_440));
    assert_eq!(told_pin(&run), code.expose());
    let json = fake.run(&["user", "enrol", "manager", "--json"]).json();
    assert_eq!((&json["user"], json["code"].as_str().unwrap().len()), (&"manager".into(), 8));
}

#[test]
fn everybody_without_a_pin_gets_a_code_and_those_made_are_told_whatever_happens() {
    let mut fake = Fake::sample();
    fake.run(&["user", "pin", "manager"]);
    fake.run(&["user", "revoke", "painter"]);
    fake.asked.clear();
    let run = fake.run(&["user", "enrol", "--all"]);
    assert_eq!(run.code, ExitCode::SUCCESS, "{run:?}");
    let codes = fake.asked.iter().filter(|ask| matches!(ask, LocalAsk::Enrol { .. })).count();
    assert_eq!(codes, fake.roster.users.len() - 2, "not for those who have one, nor for the revoked");
    assert!(run.out.contains(&format!("{codes} codes made, good for 7 days")), "{}", run.out);
    let mut fake = Fake { dismissed: Some("painter".into()), ..Fake::sample() };
    let run = fake.run(&["user", "enrol", "--all"]);
    assert!(run.code == ExitCode::SUCCESS && run.err.contains("no code for painter: access was revoked"), "{run:?}");
    assert!(run.out.contains(&format!("{} codes made", fake.roster.users.len() - 1)), "{}", run.out);
    let mut fake = Fake { dies_after: Some(2), ..Fake::sample() };
    let run = fake.run(&["user", "enrol", "--all", "--json"]);
    assert_eq!(run.code, ExitCode::from(4));
    assert_eq!(run.json()["codes"].as_array().unwrap().len(), 2, "{}", run.out);
}

#[test]
fn a_group_that_opens_nothing_is_noted() {
    let mut fake = Fake::sample();
    let add =
        ["user", "add", "pat", "--name", "Pat", "--role", "staff", "--no-pin", "--groups", "building-a building-z"];
    let run = fake.run(&add);
    assert_eq!((run.code, run.err.as_str()), (ExitCode::SUCCESS, "note: no key is in group building-z yet\n"));
    let run = fake.run(&["user", "edit", "pat", "--groups", "building-y building-z"]);
    assert!(run.err.contains("no key is in these groups yet: building-y building-z"), "{}", run.err);
    assert_eq!(fake.run(&["user", "edit", "pat", "--name", "Pat R"]).err, "", "it was said already");
}
