//! The core is pure, adapters do not know one another, and `unsafe` is nowhere.
//!
//! It reads the sources, without comments and texts, and looks at every path that they name. The rules themselves are tried
//! on planted sources first, so a rule that stops finding anything fails here.

use std::fs;
use std::path::{Path, PathBuf};

/// What the core may use of `std` (and `core`, `alloc`): data, nothing that touches the world.
const STD: [&str; 19] = [
    "borrow",
    "cell",
    "cmp",
    "collections",
    "convert",
    "default",
    "error",
    "fmt",
    "hash",
    "iter",
    "marker",
    "mem",
    "num",
    "ops",
    "option",
    "result",
    "str",
    "string",
    "vec",
];

/// And these, path by path.
const STD_PATHS: [&str; 4] = ["f64::consts", "rc::Rc", "sync::Arc", "time::Duration"];

/// Crates that the core may name: data, and pure functions of numbers.
const CRATES: [&str; 3] = ["libm", "serde", "zeroize"];

/// Macros that print or end the process.
const MACROS: [&str; 7] = ["println", "eprintln", "print", "eprint", "dbg", "include_str", "include_bytes"];

/// Which room of `io` may use which other.
const MAY_USE: [(&str, &str); 2] = [("sim", "lines"), ("sim", "ups")];

// ---------------------------------------------------------------- the rules

/// What a source of the core must not do. Its tests may.
fn core_faults(source: &str) -> Vec<String> {
    let code = code(source);
    let code = without_tests(&code);
    let dependencies = dependencies();
    let mut faults = Vec::new();
    for path in paths(code) {
        let parts: Vec<&str> = path.split("::").collect();
        match parts[..] {
            ["std" | "core" | "alloc", ref rest @ ..] => {
                let joined = rest.join("::");
                let allowed = rest.first().is_some_and(|first| STD.contains(first))
                    || STD_PATHS.iter().any(|path| joined == *path || joined.starts_with(&format!("{path}::")));
                if !allowed {
                    faults.push(format!("uses {path}"));
                }
            }
            ["crate", room, ..] if room != "cabinet" => faults.push(format!("uses {path}")),
            ["crate"] => faults.push("uses the whole crate".to_owned()),
            [first, ..] if !CRATES.contains(&first) && dependencies.iter().any(|name| name == first) => {
                faults.push(format!("uses {path}"));
            }
            _ => {}
        }
    }
    for word in ["async", "await"] {
        if words(code).any(|found| found == word) {
            faults.push(format!("says {word}"));
        }
    }
    for pair in tokens(code).windows(2) {
        if pair[1] == "!" && MACROS.contains(&pair[0].as_str()) {
            faults.push(format!("calls {}!", pair[0]));
        }
    }
    faults.extend(unsafe_faults(source));
    faults
}

/// What a source of the room `room` of `io` must not do. Tests may.
fn adapter_faults(room: &str, source: &str, rooms: &[String]) -> Vec<String> {
    let code = code(source);
    let code = without_tests(&code);
    let mut faults = Vec::new();
    for path in paths(code) {
        let parts: Vec<&str> = path.split("::").collect();
        let other = match parts[..] {
            ["crate", "io"] => Some("every adapter"),
            ["crate", "io", other, ..] => Some(other),
            // The core's types, and what serves everybody: hex digits, the table of messages.
            ["crate", "cabinet" | "hex" | "messages", ..] => None,
            ["crate", other, ..] => {
                faults.push(format!("uses crate::{other}"));
                None
            }
            // From src/io/room.rs: `super` is io. Deeper files name their own room's parts.
            ["super", other, ..] if rooms.iter().any(|known| known == other) => Some(other),
            _ => None,
        };
        if let Some(other) = other
            && other != room
            && !MAY_USE.contains(&(room, other))
        {
            faults.push(format!("uses the adapter {other}"));
        }
    }
    faults
}

fn unsafe_faults(source: &str) -> Vec<String> {
    let says = words(&code(source)).any(|word| word == "unsafe");
    if says { vec!["says unsafe".to_owned()] } else { Vec::new() }
}

// ---------------------------------------------------------------- reading sources

/// Crates that Cargo.toml names, as Rust writes them.
fn dependencies() -> Vec<String> {
    let manifest = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    let (_, after) = manifest.split_once("\n[dependencies]\n").expect("Cargo.toml has dependencies");
    let section = after.split("\n[").next().unwrap_or_default();
    section.lines().filter_map(|line| Some(line.split_once(" = ")?.0.replace('-', "_"))).collect()
}

/// The source without the module of tests at its end.
fn without_tests(code: &str) -> &str {
    let module = |at: usize| {
        code[at..].split_once(']').is_some_and(|(_, rest)| {
            let words: Vec<&str> = rest.split_whitespace().take(3).collect();
            words.first() == Some(&"mod") && words.last() == Some(&"{")
        })
    };
    let end = code.match_indices("#[cfg(test)]").map(|(at, _)| at).find(|at| module(*at));
    &code[..end.unwrap_or(code.len())]
}

/// The source without comments, texts and characters; each of these becomes a space.
fn code(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |at| at + 2)
        } else if let Some(length) =
            raw_text(rest).filter(|_| !out.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        {
            length
        } else if first == '"' {
            quoted(rest)
        } else if let Some(escape) = rest.strip_prefix("'\\") {
            // The escaped character may be a quote itself.
            2 + escape.char_indices().skip(1).find(|(_, c)| *c == '\'').map_or(0, |(at, _)| at + 1)
        } else if first == '\'' && rest[1..].chars().nth(1) == Some('\'') {
            rest[1..].chars().next().map_or(1, |c| c.len_utf8() + 2)
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        out.push(' ');
        rest = rest.get(skipped..).unwrap_or_default();
    }
    out
}

/// The length of a raw text that begins here.
fn raw_text(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let before = rest.len() - body.len();
    Some(body.find(&end).map_or(rest.len(), |at| before + at + end.len()))
}

/// The length of a quoted text that begins here.
fn quoted(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    rest.len()
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

/// Every path that the code names, `use a::{b, c::d}` unfolded.
fn paths(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    // The paths that open braces continue.
    let mut open: Vec<Option<String>> = Vec::new();
    let mut current = String::new();
    let mut joined = false;
    for token in tokens(code) {
        match token.as_str() {
            "::" => joined = true,
            "{" => {
                open.push(joined.then(|| std::mem::take(&mut current)));
                found.extend(take(&mut current));
                joined = false;
            }
            "}" => {
                found.extend(take(&mut current));
                joined = false;
                open.pop();
            }
            word if word.starts_with(|c: char| c.is_alphanumeric() || c == '_') || word == "*" => {
                if joined && !current.is_empty() {
                    current = format!("{current}::{word}");
                } else if word != "*" {
                    found.extend(take(&mut current));
                    current = match open.last().cloned().flatten() {
                        Some(prefix) => format!("{prefix}::{word}"),
                        None => word.to_owned(),
                    };
                }
                joined = false;
            }
            _ => {
                found.extend(take(&mut current));
                joined = false;
            }
        }
    }
    found.extend(take(&mut current));
    found
}

fn take(current: &mut String) -> Option<String> {
    Some(std::mem::take(current)).filter(|path| !path.is_empty())
}

fn tokens(code: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut chars = code.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_alphanumeric() || c == '_' {
            let mut word = String::from(c);
            while let Some(next) = chars.next_if(|next| next.is_alphanumeric() || *next == '_') {
                word.push(next);
            }
            tokens.push(word);
        } else if c == ':' && chars.next_if_eq(&':').is_some() {
            tokens.push("::".to_owned());
        } else if !c.is_whitespace() {
            tokens.push(c.to_string());
        }
    }
    tokens
}

fn sources(under: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(under)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// `src/io/clock/tests.rs` → `clock`.
fn room(path: &Path) -> String {
    let io = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/io");
    let inside = path.strip_prefix(io).expect("it is under src/io");
    let first = inside.components().next().expect("it has a name");
    Path::new(first.as_os_str()).file_stem().expect("a name").to_string_lossy().into_owned()
}

// ---------------------------------------------------------------- the tests

#[test]
fn the_core_is_pure() {
    let mut files = sources("src/cabinet");
    files.retain(|path| path.file_stem().is_none_or(|name| name != "tests"));
    assert!(files.len() >= 8, "the core was found: {files:?}");
    files.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cabinet.rs"));
    let faults: Vec<String> = files
        .iter()
        .flat_map(|path| core_faults(&read(path)).into_iter().map(move |fault| format!("{}: {fault}", path.display())))
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn adapters_do_not_know_one_another() {
    let files = sources("src/io");
    let rooms: Vec<String> = files.iter().map(|path| room(path)).collect();
    assert!(rooms.contains(&"clock".to_owned()), "the adapters were found: {rooms:?}");
    let faults: Vec<String> = files
        .iter()
        .filter(|path| path.file_stem().is_none_or(|name| name != "tests"))
        .flat_map(|path| {
            let faults = adapter_faults(&room(path), &read(path), &rooms);
            faults.into_iter().map(move |fault| format!("{}: {fault}", path.display()))
        })
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn nothing_is_unsafe() {
    let files: Vec<PathBuf> = sources("src").into_iter().chain(sources("tests")).collect();
    let faults: Vec<&PathBuf> = files.iter().filter(|path| !unsafe_faults(&read(path)).is_empty()).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    let manifest = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    assert!(manifest.contains("unsafe_code = \"forbid\""), "the compiler refuses it too");
}

/// Each planted source breaks the rule; each of the sound ones looks as if it did.
#[test]
fn the_rules_find_what_is_planted() {
    for planted in [
        "use std::fs;",
        "use std::{fmt, fs::File};",
        "use std::{collections::BTreeMap, net::{TcpStream, UdpSocket}};",
        "fn f() { std::process::exit(1) }",
        "fn f() { let t = std::time::Instant::now(); }",
        "use std::time::{Duration, SystemTime};",
        "use std::thread;",
        "use std::sync::Mutex;",
        "use std::*;",
        "use std as other;",
        "use tokio::sync::mpsc;",
        "fn f() { rusqlite::Connection::open_in_memory(); }",
        "use tracing::info;",
        "fn f() { ::tracing::info!(\"x\") }",
        "use crate::io::clock::Clock;",
        "use crate::{cabinet::types::Mono, daemon};",
        "use crate::config::Config;",
        "use crate as all;",
        "fn f() { println!(\"x\") }",
        "fn f() { dbg! (1); }",
        "async fn f() {}",
        "fn f() { unsafe { g() } }",
        "fn f() { let c = '\"'; std::fs::read(c); let d = '\"'; }",
        "fn f() { let c = r#\"\"\"#; std::fs::read(c); }",
    ] {
        assert!(!core_faults(planted).is_empty(), "not found: {planted}");
    }
    for sound in [
        "use std::collections::{BTreeMap, BTreeSet};\nuse std::sync::Arc;\nuse std::fmt;",
        "use serde::{Deserialize, Serialize};\n#[derive(zeroize::ZeroizeOnDrop)] struct S;",
        "use crate::cabinet::types::Mono;\nuse super::io_words::fs;",
        "// use std::fs;\n/* unsafe */ const TEXT: &str = \"std::fs::read, println!(), unsafe \\\" tokio::\";",
        "const TEXT: &str = r#\"use std::fs; \" unsafe\"#; fn f<'a>(x: &'a str) {}",
        "enum Why { Unsafe, Print } fn f() { let print = 1; write!(f, \"{print}\"); }",
        "use std::time::Duration;",
        "fn f() {}\n#[cfg(test)]\nmod tests { use std::fs; }",
    ] {
        assert_eq!(core_faults(sound), Vec::<String>::new(), "{sound}");
    }

    let rooms: Vec<String> = ["clock", "control", "sim", "store", "ups"].map(str::to_owned).to_vec();
    for (room, planted) in [
        ("store", "use crate::io::clock::Clock;"),
        ("control", "use crate::{cabinet::types::Mono, io::store::Store};"),
        ("ups", "use super::clock::Clock;"),
        ("store", "use crate::daemon::Queue;"),
        ("store", "use crate::config::Config;"),
        ("ups", "use crate::io::sim;"),
        ("ups", "use crate::io;"),
        ("ups", "#[cfg(test)]\nmod tests;\nuse crate::io::clock::Clock;"),
        ("ups", "#[cfg(test)]\nfn f() {}\nuse crate::io::clock::Clock;"),
    ] {
        assert!(!adapter_faults(room, planted, &rooms).is_empty(), "not found in {room}: {planted}");
    }
    for (room, sound) in [
        ("store", "use crate::io::store::schema; use super::frame; use crate::cabinet::types::Mono;"),
        ("sim", "use crate::io::ups::wire;"),
        ("store", "fn f() {}\n#[cfg(test)]\nmod tests { use crate::io::clock::Clock; }"),
        ("store", "//! Unlike [`crate::io::clock`].\nuse std::fs;"),
    ] {
        assert_eq!(adapter_faults(room, sound, &rooms), Vec::<String>::new(), "{room}: {sound}");
    }
    assert!(unsafe_faults("fn f() { unsafe {} }").len() == 1 && unsafe_faults("#![forbid(unsafe_code)]").is_empty());
}
