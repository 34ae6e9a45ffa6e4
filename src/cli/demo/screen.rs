//! The first screen: what this is, who is who, and what to type.

use super::dir::Folder;
use super::paint::{Paint, Shade};
use super::people::{SCRIPT_BADGE, Sample};
use crate::cabinet::types::Code;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

/// Prints it.
pub(super) fn first(folder: &Folder, sample: &Sample, paint: Paint) {
    // A closed output must not end the demo.
    let text = text(&folder.path, folder.plan.slots, folder.continued, sample, paint);
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn text(dir: &Path, slots: u16, continued: bool, sample: &Sample, paint: Paint) -> String {
    let mut text = String::new();
    let mut line = |words: &str| {
        let _ = writeln!(text, "{words}");
    };
    let head = |words: &str| paint.on(Shade::Bold, words);
    line(&head("A key cabinet on your desk"));
    line("The daemon below is the real one. Its door, reader and UPS are simulated in this");
    line(&format!("terminal, and so are the {slots} hooks for keys."));
    line(&format!("Everything is in {}", dir.display()));
    if continued {
        line("It goes on where you left it: the same ledger, the same keys on the same hooks.");
    }
    line("");
    line(&head("People            badge  PIN     "));
    for person in &sample.people {
        let badge = person.user.badge.as_ref().map_or("", Code::expose);
        let duress = person.duress.as_ref().map(|pin| format!(" ({pin})")).unwrap_or_default();
        line(&format!("  {:<15} {badge:<6} {:<7} {}{duress}", person.user.name, person.pin, person.note));
    }
    line("");
    line(&format!("{}  (slot: what hangs there; ² needs two people; tag: 70000 + the slot)", head("Keys")));
    let width = sample.keys.iter().map(|key| key.label.chars().count()).max().unwrap_or(0) + 2;
    for row in sample.keys.chunks(4) {
        let cells: Vec<String> = row
            .iter()
            .map(|key| {
                let label = format!("{}{}", key.label, if key.second_person { "²" } else { "" });
                format!("{:>3}: {label:<width$}", key.home.0)
            })
            .collect();
        line(format!("  {}", cells.join("")).trim_end());
    }
    line("");
    let program = std::env::current_exe().map_or_else(|_| "cabinetd".to_owned(), |path| path.display().to_string());
    line(&head("Type this in a second terminal"));
    line(&format!("  export CABINETD_DIR={}", quoted(&dir.display().to_string())));
    line(&format!("  alias cabinetd={}", quoted(&program)));
    let begin = sample.people.iter().find(|person| person.user.badge.as_ref() == Some(&Code::new(SCRIPT_BADGE)));
    let pin = begin.map_or("", |person| &person.pin);
    let key = sample.keys.iter().find(|key| key.label == "Unit 204").or_else(|| sample.keys.first());
    let (label, slot) = key.map_or(("", 1), |key| (key.label.as_str(), key.home.0));
    let example = |command: &str, why: &str| {
        let why = if why.is_empty() { String::new() } else { paint.on(Shade::Dim, &format!("# {why}")) };
        format!("  {command:<40} {why}").trim_end().to_owned()
    };
    for (command, why) in [
        (format!("cabinetd sim badge {SCRIPT_BADGE}"), "Maintenance 1, at the reader"),
        (format!("cabinetd sim pin {pin}"), "types the PIN"),
        (format!("cabinetd pull --key \"{label}\" --reason work-order --ref 8841"), ""),
        ("cabinetd sim door open".to_owned(), "the lock is energised: it opens"),
        (format!("cabinetd sim take {slot}"), "the key comes off its hook"),
        ("cabinetd sim door close".to_owned(), "the visit is over"),
        ("cabinetd keymap".to_owned(), "who has what"),
        ("cabinetd ledger show --follow".to_owned(), "everything that was recorded"),
    ] {
        line(&example(&command, why));
    }
    line("");
    line(&head("Then try"));
    // The script is about this key in its usual place.
    let scripted = label == "Unit 204" && slot == 7;
    let tag = key.and_then(|key| key.tag.as_ref()).map_or("", Code::expose);
    let tag = format!("cabinetd sim tag {tag}");
    for (command, why) in [
        (tag.as_str(), "that key's tag: which key is it?"),
        ("cabinetd sim door force", "nobody was let in: it alarms"),
        ("cabinetd sim mains off", "a power cut; `mains on` ends it"),
        ("cabinetd sim fault sensor 3 dead", "and `ok` mends it"),
        ("kill -9 $(cat \"$CABINETD_DIR/run/daemon.pid\")", "it is started again"),
        ("cabinetd sim play \"$CABINETD_DIR/visit.txt\"", "a whole visit, by script"),
        ("cabinetd sim --help", "everything else that hands can do"),
        ("cabinetd --help", "everything else"),
    ] {
        if scripted || !command.contains("sim play") {
            line(&example(command, why));
        }
    }
    line("");
    line("Ctrl-C here ends it. What happens is told below; daemon.log in that folder is the");
    line("daemon's own log.");
    line("");
    text
}

/// As a shell takes it for one word.
pub(in crate::cli) fn quoted(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+:@".contains(letter);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newcomer_is_told_who_what_and_how() {
        let sample = Sample::new(7, 24);
        let text = text(Path::new("/srv/my demo"), 24, false, &sample, Paint::fixed(false));
        for person in &sample.people {
            assert!(text.contains(&person.pin) && text.contains(&person.user.name));
        }
        assert!(text.contains("export CABINETD_DIR='/srv/my demo'"));
        assert!(text.contains("sim take 7") && text.contains("  7: Unit 204"));
        assert!(!text.contains('\x1b'), "no colours unless there is a terminal");
        let program = std::env::current_exe().map(|path| path.display().to_string()).unwrap_or_default();
        for line in text.lines().filter(|line| !line.contains(&program)) {
            assert!(line.chars().count() <= 82, "it fits a terminal: {line}");
        }
    }
}
