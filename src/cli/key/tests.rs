use crate::cabinet::event::{Ask, KeyStep};
use crate::cabinet::types::{KeyId, SlotNo};
use crate::cli::desk::LocalAsk;
use crate::cli::desk::fake::Fake;
use std::process::ExitCode;

#[test]
fn a_key_is_added_moved_and_removed() {
    let mut fake = Fake::sample();
    let run = fake.run(&[
        "key",
        "add",
        "205",
        "--label",
        "Unit 205",
        "--home",
        "8",
        "--groups",
        "building-b",
        "--second-person",
        "yes",
    ]);
    assert_eq!((run.code, run.out.as_str()), (ExitCode::SUCCESS, "+ key 205\ndone: 1 change\n"));
    let run = fake.run(&["key", "edit", "unit 205", "--home", "10"]);
    assert_eq!(run.out, "~ key 205: home 8 → 10\ndone: 1 change\n");
    let key = &fake.roster.keys[&KeyId::from("205")];
    assert_eq!((key.home, key.second_person, key.groups.len()), (SlotNo(10), true, 1));
    assert!(fake.run(&["key", "list"]).out.contains("slot  10  205     Unit 205  [second person]\n"));
    fake.run(&["key", "remove", "Unit 205"]);
    assert!(!fake.roster.keys.contains_key(&KeyId::from("205")));
}

#[test]
fn every_step_of_its_life_is_asked_for_by_id_or_label() {
    let mut fake = Fake::sample();
    for (word, expected) in [
        ("lost", KeyStep::Lost),
        ("found", KeyStep::Found),
        ("rekeyed", KeyStep::Rekeyed),
        ("retired", KeyStep::Retired),
        ("mistake", KeyStep::EnteredByMistake),
    ] {
        assert_eq!(fake.run(&["key", word, "unit 101", "--note", "n"]).code, ExitCode::SUCCESS);
        let Some(LocalAsk::Core(Ask::KeyLife { key, step, note })) = fake.asked.last() else { panic!("{word}") };
        assert_eq!((key.as_str(), *step, note.as_deref()), ("101", expected, Some("n")));
    }
}

#[test]
fn what_is_wrong_is_said_and_not_sent() {
    let mut fake = Fake::sample();
    for (line, code, says) in [
        (&["key", "lost", "Unit 999"][..], 1, "cabinetd keymap"),
        (&["key", "add", "x", "--label", "X"], 3, "--label and --home"),
        (&["key", "add", "101", "--label", "X", "--home", "8"], 3, "there already"),
        (&["key", "edit", "101", "--second-person", "perhaps"], 3, "--second-person: "),
    ] {
        let run = fake.run(line);
        assert_eq!(run.code, ExitCode::from(code), "{line:?}");
        assert!(run.err.contains(says), "{line:?}: {}", run.err);
    }
    assert!(fake.asked.is_empty());
    let run = fake.run(&["key", "edit", "101", "--home", "2"]);
    assert!(run.err.contains("slot 2 is already the home of key"), "{}", run.err);
}
