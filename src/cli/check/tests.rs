use super::*;
use crate::check::Id;
use clap::Parser;

#[derive(Parser, Debug)]
struct Try {
    #[command(flatten)]
    args: CheckArgs,
}

fn parsed(words: &[&str]) -> Result<CheckArgs, clap::Error> {
    Try::try_parse_from(std::iter::once("check").chain(words.iter().copied())).map(|tried| tried.args)
}

fn finding(id: Id, level: Level, what: &str, remedy: Option<&str>) -> Finding {
    Finding { id, about: None, level, what: what.to_owned(), remedy: remedy.map(str::to_owned) }
}

fn some() -> Vec<Finding> {
    vec![
        finding(Id::UpsStatus, Level::Fine, "On line, with nothing against it.", None),
        finding(
            Id::UpsBeeper,
            Level::Warning,
            "The UPS's beeper is on: one that screams for a night gets unplugged by people.",
            Some("Switch it off in its menu."),
        ),
        finding(Id::BatteryAge, Level::Unknown, "Nobody says\u{1b}[2J how old the battery is.", Some("Write it down.")),
        finding(Id::BatteryReplace, Level::Failure, "The UPS asks for a new battery (RB).", Some("Replace it.")),
    ]
}

const PLAIN: Look = Look { paint: Paint { colour: false, ascii: true }, columns: 60 };

#[test]
fn the_worst_finding_is_the_exit_code() {
    let code = |levels: &[Level]| {
        exit_code(&levels.iter().map(|level| finding(Id::UpsStatus, *level, "", None)).collect::<Vec<_>>())
    };
    assert_eq!(code(&[]), 0);
    assert_eq!(code(&[Level::Fine, Level::Note]), 0);
    assert_eq!(code(&[Level::Note, Level::Unknown]), 3, "not known is not well");
    assert_eq!(code(&[Level::Warning, Level::Fine]), 3);
    assert_eq!(code(&[Level::Failure, Level::Warning]), 1);
}

#[test]
fn in_the_services_log_stands_what_has_to_be_looked_at() {
    let beeper = "check: WARNING [ups.beeper] The UPS's beeper is on: one that screams for a night gets unplugged by people. \
        Switch it off in its menu.";
    let lines = brief(&some(), false);
    assert_eq!(lines.lines().count(), 3, "{lines}");
    assert_eq!(lines.lines().next(), Some(beeper));
    assert!(lines.contains("says\u{fffd}[2J how") && !lines.contains('\u{1b}'), "{lines}");
    let journal = brief(&some(), true);
    assert!(journal.starts_with("<4>check: WARNING") && journal.contains("\n<3>check: FAILURE"), "{journal}");
    assert_eq!(brief(&[], true), "");
}

#[test]
fn the_report_as_a_person_reads_it() {
    let text = report(Path::new("/etc/cabinetd/cabinetd.toml"), &some(), PLAIN);
    assert_eq!(
        text,
        "\
Checked by /etc/cabinetd/cabinetd.toml.

UPS
  ok       On line, with nothing against it.
  WARNING  The UPS's beeper is on: one that screams for a
           night gets unplugged by people. [ups.beeper]
           -> Switch it off in its menu.

Battery
  unknown  Nobody says\u{fffd}[2J how old the battery is.
           [battery.age]
           -> Write it down.
  FAILURE  The UPS asks for a new battery (RB).
           [battery.replace]
           -> Replace it.

Not ready: 1 failure, 1 warning, 1 not known, 1 ok.
"
    );
    let fine = report(Path::new("c"), &some()[..1], PLAIN);
    assert!(fine.ends_with("\nReady: 1 ok.\n"), "{fine}");
}

#[test]
fn colours_change_nothing_but_colours() {
    let look = Look { paint: Paint { colour: true, ascii: true }, ..PLAIN };
    let text = report(Path::new("c"), &some(), look);
    assert!(text.contains("\u{1b}[1;31mFAILURE\u{1b}[0m"), "{text}");
    let mut bare = text;
    for code in ["0", "1", "2", "32", "33", "36", "1;31"] {
        bare = bare.replace(&format!("\u{1b}[{code}m"), "");
    }
    assert_eq!(bare, report(Path::new("c"), &some(), PLAIN));
}

#[test]
fn json_has_every_finding_and_how_many_of_each_level() {
    let value = to_json(Path::new("/c.toml"), &some());
    assert_eq!((&value["config"], &value["worst"]), (&json!("/c.toml"), &json!("failure")));
    assert_eq!(value["counts"], json!({"fine": 1, "note": 0, "unknown": 1, "warning": 1, "failure": 1}));
    assert_eq!(value["findings"][0]["remedy"], Value::Null);
    assert_eq!(
        value["findings"][3],
        json!({
            "id": "battery.replace",
            "about": null,
            "group": "battery",
            "level": "failure",
            "what": "The UPS asks for a new battery (RB).",
            "remedy": "Replace it.",
        })
    );
}

#[test]
fn groups_are_picked_by_their_words() {
    let args = parsed(&["--only", "battery", "--only", "ups", "--json"]).expect("it parses");
    assert_eq!((args.only, args.output.json), (vec![Group::Battery, Group::Ups], true));
    let error = parsed(&["--only", "batery"]).expect_err("there is none").to_string();
    assert!(error.contains("did you mean battery?") && error.contains("credentials"), "{error}");
    assert!(parsed(&["--list", "--only", "ups"]).is_err());
}

#[test]
fn the_list_has_every_finding() {
    let text = list(PLAIN);
    assert!(IDS.iter().all(|id| text.contains(&format!("  {id}: "))), "{text}");
    assert_eq!(list_json().as_array().map(Vec::len), Some(IDS.len()));
    assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
}
