//! A reference upstream for tests and for small owners: `docs/upstream.openapi.yaml` over one SQLite database.
//!
//!     cargo run --example reference_upstream -- DIR [ADDRESS [TOKEN]]
//!
//! DIR gets the database and, once, a certificate authority and a certificate for `localhost`. Lines on its standard input make it
//! misbehave, each for one request: `drop`, `lose-answer`, `truncate`, `twice`, `garbage`, `lie`, `break-tls`, `redirect`, `echo-token`, `status 503`,
//! `retry-after 429 30`, `slow 5000`, `hang 60000`, `partial 10`; `refuse SEQ` and `accept SEQ` are for a record, `lose SITE CABINET SEQ`
//! forgets everything behind one. `down` and `up`, `by-chance` and `by-chance off` stay; `sink on` throws records away unseen, for measuring.
//! `keymap SITE CABINET` prints the last one. `verify SITE CABINET` says what is there. `roster SITE CABINET FILE` lays a signed roster down for a cabinet, which is a file `SITE+CABINET.json` in
//! DIR; `roster forged`, `older` (its `.older.json`), `other-device` (its `.other.json`), `oversized` serve another one until `roster honest`.
//!
//! A cabinet that is dead or cut off cannot say so: when the next word is half a minute late, `silent: SITE CABINET …` is printed, and
//! `heard again: …` when it is back; an executable `on-silence` in DIR is run with `silent` or `heard`, site, cabinet and the time of the last word.
//!
//! What `outage-hints.json` in DIR says is what cabinets are told of storms and outages, for example
//! `{"as_of_ms": 1764000000000, "storm": true, "restoration_ms": 1764036000000}`; hints older than six hours count for nothing there.

mod receiver;
mod server;

use receiver::Cabinet;
use server::{Fault, Rosters, Server, now_ms};
use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(dir) = words.first() else {
        eprintln!("usage: reference_upstream DIR [ADDRESS [TOKEN]]");
        std::process::exit(2);
    };
    if words.get(2).is_some_and(|token| !(8..=256).contains(&token.len())) {
        eprintln!("a TOKEN has 8 to 256 characters: a cabinet takes no other");
        std::process::exit(2);
    }
    std::fs::create_dir_all(dir)?;
    let address = words.get(1).map_or("127.0.0.1:8443", String::as_str);
    let server = Arc::new(Server::start(Path::new(dir), address, words.get(2).map(String::as_str))?);
    println!("# known by this authority:\n{}", server.ca);
    println!(
        "[upstream]\nurl = \"{}\"\nca_file = \"{}\"",
        server.url(),
        std::path::absolute(dir)?.join("ca.pem").display()
    );
    if words.get(2).is_some() {
        println!("token = \"upstream_token\" # the name of the credential: the token stands in that file, mode 0600");
    }
    let (listener, hook) = (Arc::clone(&server), Path::new(dir).join("on-silence"));
    std::thread::spawn(move || listen(&listener, &hook));
    for line in std::io::stdin().lock().lines() {
        match obey(&server, line?.trim()) {
            Ok(()) => println!("ok, {} requests so far, {} rosters sent", server.requests(), server.rosters_sent()),
            Err(why) => println!("{why}"),
        }
    }
    // Without anybody who types it goes on.
    loop {
        std::thread::park();
    }
}

/// Tells of cabinets that fall silent and are heard again.
fn listen(server: &Server, hook: &PathBuf) {
    let since_ms = now_ms();
    loop {
        std::thread::sleep(Duration::from_secs(5));
        let turned = server.receiver().turned(since_ms, now_ms()).unwrap_or_else(|error| {
            println!("who is silent cannot be told: {error}");
            Vec::new()
        });
        for receiver::Turned { cabinet: Cabinet { site, name }, is_silent, heard_ms } in turned {
            let heard = jiff::Timestamp::from_millisecond(heard_ms).unwrap_or_default();
            println!("{}: {site} {name}, last heard {heard:.0}", if is_silent { "silent" } else { "heard again" });
            let mut told = Command::new(hook);
            told.args([if is_silent { "silent" } else { "heard" }, &site, &name, &format!("{heard:.0}")]);
            // One that hangs holds nobody up.
            if hook.exists() {
                std::thread::spawn(move || {
                    if let Err(error) = told.status() {
                        println!("{}: {error}", told.get_program().display());
                    }
                });
            }
        }
    }
}

fn obey(server: &Server, line: &str) -> Result<(), String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |word: &str| word.parse::<u64>().map_err(|_| format!("{word:?} is no number"));
    let status = |word: &str| word.parse::<u16>().map_err(|_| format!("{word:?} is no status"));
    let of = |site: &str, name: &str| Cabinet { site: site.to_owned(), name: name.to_owned() };
    let fault = match words[..] {
        ["drop"] => Fault::Drop,
        ["lose-answer"] => Fault::LoseAnswer,
        ["truncate"] => Fault::Truncate,
        ["twice"] => Fault::Twice,
        ["garbage"] => Fault::Garbage,
        ["lie"] => Fault::Lie,
        ["break-tls"] => Fault::BreakTls,
        ["redirect"] => Fault::Redirect,
        ["echo-token"] => Fault::EchoToken,
        ["status", code] => Fault::Status(status(code)?),
        ["retry-after", code, seconds] => Fault::RetryAfter(status(code)?, number(seconds)?),
        ["slow", ms] => Fault::Slow(number(ms)?),
        ["hang", ms] => Fault::Hang(number(ms)?),
        ["partial", most] => Fault::Partial(usize::try_from(number(most)?).map_err(|why| why.to_string())?),
        _ => return set(server, &words, number, of),
    };
    server.will(&[fault]);
    Ok(())
}

/// What stays until it is told otherwise, and what is asked.
fn set(
    server: &Server,
    words: &[&str],
    number: impl Fn(&str) -> Result<u64, String>,
    of: impl Fn(&str, &str) -> Cabinet,
) -> Result<(), String> {
    let wrong = |error: rusqlite::Error| error.to_string();
    match words {
        ["down"] => server.set_down(true),
        ["up"] => server.set_down(false),
        ["by-chance"] => {
            // Every third request, one fault after the other.
            let all = [Fault::Drop, Fault::LoseAnswer, Fault::Twice, Fault::Status(503), Fault::Truncate];
            let mut count = 0;
            server.by_chance(Some(Box::new(move || {
                count += 1;
                (count % 3 == 0).then(|| all[count / 3 % all.len()])
            })));
        }
        ["by-chance", "off"] => server.by_chance(None),
        ["roster", which] => server.serve(match *which {
            "honest" => Rosters::Honest,
            "forged" => Rosters::Forged,
            "older" => Rosters::Older,
            "other-device" => Rosters::OtherDevice,
            "oversized" => Rosters::Oversized,
            _ => return Err("honest, forged, older, other-device or oversized".to_owned()),
        }),
        ["roster", site, name, file] => {
            let signed = std::fs::read_to_string(file).map_err(|why| why.to_string())?;
            server.lay_down(&of(site, name), "", &signed).map_err(|why| why.to_string())?;
        }
        ["sink", is] => server.set_sink(*is == "on"),
        ["refuse", seq] => drop(server.policy().refused.insert(number(seq)?)),
        ["accept", seq] => drop(server.policy().refused.remove(&number(seq)?)),
        ["lose", site, name, seq] => server.receiver().lose_behind(&of(site, name), number(seq)?).map_err(wrong)?,
        ["verify", site, name] => {
            let (of, receiver) = (of(site, name), server.receiver());
            let (with, without) = receiver.verified(&of)?;
            let arrivals = receiver.arrivals(&of).map_err(wrong)?.len();
            let undated = receiver.dated(&of).map_err(wrong)?.iter().filter(|(_, at)| at.is_none()).count();
            let beat = receiver.last_heartbeat(&of).map_err(wrong)?.unwrap_or_default();
            println!("{arrivals} records, {with} with and {without} without payload, {undated} without a date; {beat}");
        }
        ["keymap", site, name] => {
            println!("{}", server.receiver().last_keymap(&of(site, name)).map_err(wrong)?.unwrap_or_default());
        }
        _ => return Err("not understood; the head of main.rs lists what is".to_owned()),
    }
    Ok(())
}
