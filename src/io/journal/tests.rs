use super::sink::{Dress, line};
use super::*;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;

fn entry(text: &str) -> Entry {
    Entry::new(Priority::Notice, text.to_owned(), vec![("SEQ", "7".to_owned())])
}

type Written = Arc<Mutex<Vec<Entry>>>;

/// A writer that keeps what it gets.
fn kept() -> (Log, Writer, Written) {
    let written = Written::default();
    let into = Arc::clone(&written);
    let (log, writer) = start_with(move |entry| {
        into.lock().expect("no panic there").push(entry.clone());
        Ok(())
    })
    .expect("a thread");
    (log, writer, written)
}

fn texts(written: &Written) -> Vec<String> {
    written.lock().expect("no panic there").iter().map(|entry| entry.text.clone()).collect()
}

#[test]
fn a_journal_that_is_stuck_holds_nobody_up_and_what_is_lost_is_counted() {
    let (go_on, gate) = channel::<()>();
    let written = Written::default();
    let into = Arc::clone(&written);
    let (log, writer) = start_with(move |entry| {
        // Stuck until the gate is gone.
        let _ = gate.recv();
        into.lock().expect("no panic there").push(entry.clone());
        Ok(())
    })
    .expect("a thread");
    // Returns at once, though nothing is written: else this test would hang here.
    for number in 0..2_000 {
        log.queue(entry(&number.to_string()));
    }
    drop(go_on);
    drop(writer);
    let texts = texts(&written);
    let lost: Vec<&String> = texts.iter().filter(|text| text.contains("messages are missing")).collect();
    let [lost] = lost[..] else { panic!("{lost:?}") };
    let count: usize = lost.split(' ').next().and_then(|count| count.parse().ok()).expect("a count");
    assert_eq!(count + texts.len() - 1, 2_000, "each was written or counted");
    assert!((970..=976).contains(&count), "{count}");
}

#[test]
fn what_waits_is_written_at_the_end() {
    let (log, writer, written) = kept();
    for number in 0..WAITING {
        log.queue(entry(&number.to_string()));
    }
    drop(writer);
    assert_eq!(texts(&written).len(), WAITING);
}

#[test]
fn a_journal_that_stays_stuck_holds_up_no_end() {
    let (_never, gate) = channel::<()>();
    let (log, writer) = start_with(move |_| {
        let _ = gate.recv();
        Ok(())
    })
    .expect("a thread");
    for _ in 0..2_000 {
        log.queue(entry("x"));
    }
    let (ended, end) = channel();
    std::thread::spawn(move || {
        drop(writer);
        ended.send(())
    });
    end.recv_timeout(FLUSH * 5).expect("it ends");
}

#[test]
fn a_failed_writing_is_counted_too() {
    let written = Written::default();
    let into = Arc::clone(&written);
    let mut fails = 3;
    let (log, writer) = start_with(move |entry| {
        if fails > 0 {
            fails -= 1;
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        into.lock().expect("no panic there").push(entry.clone());
        Ok(())
    })
    .expect("a thread");
    for text in ["one", "two", "three"] {
        log.queue(entry(text));
    }
    drop(writer);
    // One fails; then the count of it and two; the rest is written.
    assert_eq!(texts(&written), ["2 messages are missing before this one; the ledger has every record", "three"]);
}

#[test]
fn entries_are_bounded_and_stand_on_one_line() {
    let long = Entry::new(
        Priority::Error,
        format!("a\nb\u{1b}[31m {}", "ä".repeat(LONGEST_TEXT)),
        vec![("KEY", "1".to_owned()); 2 * MOST_FIELDS],
    )
    .bounded();
    assert!(long.text.starts_with("a; b?[31m ä") && long.text.ends_with("ä…"), "{}", long.text);
    assert!(long.text.len() <= LONGEST_TEXT + '…'.len_utf8() + 1);
    assert_eq!(long.fields.len(), MOST_FIELDS);
}

#[test]
fn lines_on_stderr_have_their_priority_and_fields_but_no_id() {
    let mut entry = entry("ready");
    entry.fields.push(("MESSAGE_ID", "0123".to_owned()));
    assert_eq!(line(&entry, Dress::Plain), " NOTICE ready SEQ=7\n");
    assert_eq!(line(&entry, Dress::Numbered), "<5>ready SEQ=7\n");
    assert_eq!(line(&entry, Dress::Coloured), "\u{1b}[32m NOTICE\u{1b}[0m ready SEQ=7\n");
}

#[test]
fn what_is_told_becomes_an_entry_with_its_id() {
    let (log, writer, written) = kept();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(log.clone()), || {
        let error = "it burns";
        crate::messages::tell!(HARDWARE_GONE, ERROR = error, SLOT = 7, "the hardware is gone: {error}");
        tracing::debug!(place = "here", "a detail");
        log.put(entry("by the other way"));
    });
    drop(writer);
    let written = written.lock().expect("no panic there");
    let [gone, detail, other] = &written[..] else { panic!("{written:?}") };
    assert_eq!((gone.text.as_str(), gone.priority), ("the hardware is gone: it burns", Priority::Warning));
    let id = crate::messages::own::HARDWARE_GONE.id.to_owned();
    let field = |name, value: &str| (name, value.to_owned());
    assert_eq!(gone.fields, [("MESSAGE_ID", id), field("ERROR", "it burns"), field("SLOT", "7")]);
    assert!(gone.place.is_some_and(|(file, _)| file.ends_with("tests.rs")));
    assert_eq!((detail.priority, detail.fields.as_slice()), (Priority::Debug, &[field("place", "here")][..]));
    assert_eq!(other.text, "by the other way");
}

#[test]
fn who_wants_warnings_alone_gets_them_alone() {
    let (log, writer, written) = kept();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(LevelFilter::WARN).with(log.clone()), || {
        log.put(entry("a notice"));
        log.put(Entry::new(Priority::Info, "a visit".to_owned(), vec![]));
        log.put(Entry::new(Priority::Warning, "a warning".to_owned(), vec![]));
    });
    drop(writer);
    assert_eq!(texts(&written), ["a warning"]);
}
