use super::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn sources(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

#[test]
fn every_id_is_a_random_one_of_its_own() {
    let mut seen = BTreeMap::new();
    for message in all() {
        let digits =
            message.id.len() == 32 && message.id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        assert!(digits, "{}: {}", message.name, message.id);
        let kinds = message.id.bytes().collect::<std::collections::BTreeSet<_>>().len();
        assert!(kinds > 6, "{} was not made at random: {}", message.name, message.id);
        assert_eq!(seen.insert(message.id, message.name), None, "{}", message.name);
    }
    assert!(seen.len() > 90, "{}", seen.len());
}

#[test]
fn every_message_is_said_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let table = [root.join("messages"), root.join("messages.rs")];
    let files = sources(&root).into_iter().filter(|path| !table.iter().any(|own| path.starts_with(own)));
    let said: String = files
        .map(|path| fs::read_to_string(path).expect("text"))
        // Tests say things, too.
        .map(|text| text.split("#[cfg(test)]").next().unwrap_or_default().to_owned())
        .collect();
    let words: std::collections::BTreeSet<&str> =
        said.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_')).collect();
    for message in all() {
        assert!(words.contains(message.name), "nobody says {}", message.name);
    }
    assert!(!words.contains("MESSAGE_THAT_IS_NONE"), "the search itself can fail");
}

#[test]
fn every_message_tells_its_cause_and_what_to_do() {
    for message in all() {
        let Message { name, subject, cause, remedy, .. } = message;
        assert!(!subject.is_empty() && subject.len() <= 80 && !subject.ends_with('.'), "{name}: {subject}");
        for text in [cause, remedy] {
            assert!(text.len() >= 8 && text.ends_with('.') && !text.contains('\n'), "{name}: {text}");
        }
        // `@FIELD@` in pairs.
        for text in [subject, cause, remedy] {
            assert_eq!(text.matches('@').count() % 2, 0, "{name}: {text}");
        }
    }
    assert!(own::ALL.iter().all(|own| own.priority != Priority::Info), "tell! cannot say it so quietly");
}

#[test]
fn the_catalog_is_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/cabinetd.catalog");
    let made = catalog();
    if std::env::var_os("CABINETD_WRITE_CATALOG").is_some() {
        fs::write(&path, &made).expect("written");
    }
    let file = fs::read_to_string(&path).expect("systemd/cabinetd.catalog");
    assert_eq!(file, made, "write it anew: CABINETD_WRITE_CATALOG=1 cargo test --lib messages");
}
