//! What a person reads: a parcel as a mail's subject and text, and the same as JSON for a program.
//!
//! Each carries the ledger's head, signed, between two lines that survive forwarding and quoting: an inbox that keeps the mails keeps
//! proof of how far the ledger had come (`cabinetd ledger verify --head MAIL`). A head counts every record, also the silent ones; who must not
//! count those is sent none (`head = false`), and no other number does.
//!
//! **Does not** know how it is sent.

use super::kinds::{self, Class};
use super::plan::{Line, News, Parcel};
use crate::cabinet::numbers::Hidden;
use crate::cabinet::sentence::duration;
use crate::cabinet::types::{Now, Stamp};
use crate::config::Recipient;
use crate::hex::hex;
use crate::io::store::{Hash, Identity, SignedHead};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// What waited longer than this is told with an apology.
const LATE_MS: u64 = 300_000;
/// The first and the last line around a head.
pub const HEAD_BEGINS: &str = "-----BEGIN CABINETD HEAD-----";
pub const HEAD_ENDS: &str = "-----END CABINETD HEAD-----";

/// A message, ready to be sent.
#[derive(Clone, PartialEq, Debug)]
pub struct Letter {
    /// The same for the same parcel, whenever it is sent.
    pub id: String,
    pub class: Option<Class>,
    pub subject: String,
    pub text: String,
    pub json: Value,
}

/// What a letter is written with.
#[derive(Debug)]
pub struct Desk<'a> {
    pub identity: &'a Identity,
    pub recipient: &'a str,
    pub zone: &'a TimeZone,
    pub now: Now,
    /// None: the recipient is not sent any.
    pub head: Option<&'a SignedHead>,
    pub records: Numbers,
}

/// How many records there are, by the numbers that a recipient may know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Numbers {
    /// The ledger's own, for who is told of duress.
    Own(u64),
    /// Those that are known near the cabinet: who is not told of duress counts nothing silent, be it with `status` beside the mail.
    Near(u64),
}

impl Numbers {
    /// Those for this recipient, with `seq` records in the ledger.
    #[must_use]
    pub fn of(recipient: &Recipient, hidden: &Hidden, seq: u64) -> Self {
        if recipient.duress { Self::Own(seq) } else { Self::Near(hidden.number(seq)) }
    }

    const fn all(self) -> u64 {
        match self {
            Self::Own(all) | Self::Near(all) => all,
        }
    }

    fn number(self, news: &News) -> u64 {
        match self {
            Self::Own(_) => news.seq,
            Self::Near(_) => news.number,
        }
    }
}

impl Desk<'_> {
    /// The letter of a parcel. `at_end`: the hash of its last record, so that another ledger's parcels have other names.
    #[must_use]
    pub fn write(&self, parcel: &Parcel, at_end: &Hash) -> Letter {
        let id = self.name(&[
            parcel.class.word().as_bytes(),
            &parcel.after.to_be_bytes(),
            &parcel.upto.to_be_bytes(),
            at_end,
        ]);
        let subject = self.titled(&subject(parcel));
        let late_ms = parcel
            .lines
            .first()
            .map(|line| line.news.at.elapsed_ms(self.now.stamp()))
            .filter(|ms| parcel.class != Class::Routine && !parcel.gathered && *ms > LATE_MS);
        let mut text = String::new();
        if let Some(ms) = late_ms {
            let _ = writeln!(text, "This comes late: it could not be sent for {}.\n", duration(ms / 60_000 * 60_000));
        }
        if parcel.gathered {
            text.push_str("So much was urgent that it was gathered; nothing is left out without being counted.\n\n");
        }
        for line in &parcel.lines {
            self.tell(line, &mut text);
        }
        if !parcel.more.is_empty() {
            text.push_str("\nAnd in between, counted only (`cabinetd ledger show` has each):\n");
            for (what, count) in &parcel.more {
                let _ = writeln!(text, "  {count} x {what}");
            }
        }
        self.foot(&mut text);
        let news: Vec<Value> = parcel.lines.iter().map(|line| self.json(line)).collect();
        let json = self.framed(
            &id,
            parcel.class.word(),
            &subject,
            &text,
            json!({
                "late_ms": late_ms,
                "gathered": parcel.gathered,
                "news": news,
                "more": parcel.more,
            }),
        );
        Letter { id, class: Some(parcel.class), subject, text, json }
    }

    /// A letter that tells nothing, to see whether letters arrive. `salt`: each is another one.
    #[must_use]
    pub fn test(&self, salt: &[u8]) -> Letter {
        let id = self.name(&[b"test", salt]);
        let subject = self.titled("This is a test");
        let mut text =
            "This is a test: nothing happened. Whoever reads it will be told when something does.\n".to_owned();
        self.foot(&mut text);
        let more = json!({ "late_ms": null, "gathered": false, "news": [], "more": {} });
        let json = self.framed(&id, "test", &subject, &text, more);
        Letter { id, class: None, subject, text, json }
    }

    fn name(&self, parts: &[&[u8]]) -> String {
        let mut digest = Sha256::new().chain_update(b"cabinetd letter v1\n");
        for part in [self.identity.site.as_bytes(), self.identity.cabinet.as_bytes(), self.recipient.as_bytes()]
            .iter()
            .chain(parts)
        {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        hex(&digest.finalize()[..16])
    }

    fn titled(&self, what: &str) -> String {
        plain(&format!("[{} {}] {what}", self.identity.site, self.identity.cabinet))
    }

    fn tell(&self, line: &Line, text: &mut String) {
        let _ = writeln!(text, "{}  {}", self.time(line.news.at), plain(&line.news.sentence));
        if let Some(over) = &line.over {
            let _ = writeln!(text, "  It is over since {}.", self.time(over.at));
        }
    }

    fn json(&self, line: &Line) -> Value {
        json!({
            "seq": self.records.number(&line.news),
            "kind": line.news.kind.word,
            "drill": line.news.is_drill,
            "time": self.time(line.news.at),
            "clock": line.news.at.clock,
            "sentence": line.news.sentence,
            "over": line.over.as_ref().map(|over| self.time(over.at)),
        })
    }

    fn framed(&self, id: &str, class: &str, subject: &str, text: &str, more: Value) -> Value {
        let mut value = json!({
            "version": 1,
            "id": id,
            "class": class,
            "site": self.identity.site,
            "cabinet": self.identity.cabinet,
            "recipient": self.recipient,
            "sent": self.time(self.now.stamp()),
            "subject": subject,
            "text": text,
            "head": self.head.and_then(|head| serde_json::from_str::<Value>(&head.to_json()).ok()),
        });
        if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
            value.extend(more);
        }
        value
    }

    /// `2026-11-26 18:36:07 -05:00`, with a word where the clock was not sure.
    fn time(&self, stamp: Stamp) -> String {
        let time = Timestamp::from_millisecond(stamp.wall.0).map_or_else(
            |_| "at an unknown time".to_owned(),
            |time| time.to_zoned_datetime(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string(),
        );
        if stamp.clock.is_trusted() { time } else { format!("{time} (by a clock that was not sure)") }
    }

    fn foot(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "\n-- \nSite {}, cabinet {}: the ledger had {} records when this was written.",
            plain(&self.identity.site),
            plain(&self.identity.cabinet),
            self.records.all(),
        );
        if let Some(head) = self.head {
            let _ = write!(
                text,
                "Keep this mail: with what follows `cabinetd ledger verify --head FILE` proves that none\nof them was changed or cut off.\n\n{}",
                armoured(head)
            );
        }
    }
}

/// A signed head between its two lines, in ASCII, with breaks where JSON may have them.
#[must_use]
pub fn armoured(head: &SignedHead) -> String {
    let mut json = String::new();
    for letter in head.to_json().chars() {
        if letter.is_ascii() {
            json.push(letter);
        } else {
            let mut units = [0; 2];
            for unit in letter.encode_utf16(&mut units) {
                let _ = write!(json, "\\u{unit:04x}");
            }
        }
    }
    format!("{HEAD_BEGINS}\n{}\n{HEAD_ENDS}\n", json.replace("\",\"", "\",\n\"").replace(":\"", ":\n\""))
}

/// The signed heads that a text of mails carries: as they were pasted, forwarded, quoted, or as they lie in a mailbox. What is no head is
/// passed over.
#[must_use]
pub fn in_mails(text: &str) -> Vec<SignedHead> {
    let mut found = Vec::new();
    let mut inside: Option<String> = None;
    for line in text.lines() {
        // A quoted mail has marks before each line.
        let line = line.trim_start_matches(['>', ' ', '\t', '|']).trim_end();
        if line.starts_with(HEAD_BEGINS) {
            inside = Some(String::new());
        } else if line.starts_with(HEAD_ENDS) {
            let json = inside.take().unwrap_or_default();
            found.extend(SignedHead::from_json(&json).or_else(|_| SignedHead::from_json(&unquoted(&json))));
        } else if let Some(json) = &mut inside
            && json.len() < LONGEST_HEAD_BYTES
        {
            // A mail that lies in a mailbox breaks long lines in this way.
            if let Some(broken) = line.strip_suffix('=') {
                json.push_str(broken);
            } else {
                json.push_str(line);
                json.push(' ');
            }
        }
    }
    found
}

/// More than any head has.
const LONGEST_HEAD_BYTES: usize = 16 << 10;

/// Quoted-printable in ASCII: `=3D` is `=`. No head needs it but for what a site is called.
fn unquoted(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('=') {
        out.push_str(before);
        let code = after.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok()).filter(u8::is_ascii);
        match code {
            Some(code) => out.push(char::from(code)),
            None => out.push('='),
        }
        rest = if code.is_some() { &after[2..] } else { after };
    }
    out.push_str(rest);
    out
}

/// What the subject line says: the gravest of what is not over and no drill, and how much else there is.
fn subject(parcel: &Parcel) -> String {
    let count = parcel.lines.len() + parcel.more.values().sum::<u32>() as usize;
    if parcel.class == Class::Routine {
        return match (count, parcel.lines.first()) {
            (1, Some(line)) => format!("Digest: {}", titled(line)),
            _ => format!("Digest: {count} things"),
        };
    }
    let gravity = |line: &&Line| {
        let place = kinds::ALL.iter().position(|kind| *kind == line.news.kind).unwrap_or(usize::MAX);
        (line.over.is_some(), line.news.is_drill, place)
    };
    let Some(gravest) = parcel.lines.iter().min_by_key(gravity) else { return String::new() };
    let over = if gravest.over.is_some() { "Over: " } else { "" };
    let more = match count - 1 {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    format!("{over}{}{more}", titled(gravest))
}

/// What it is about. In a drill people must not run.
fn titled(line: &Line) -> String {
    let drill = if line.news.is_drill { "Drill: " } else { "" };
    format!("{drill}{}", line.news.kind.subject)
}

/// In one line, whatever a roster or a site is called.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::kinds::{DURESS, OPEN_WITHOUT_SESSION, OVERDUE, Tie, WRONG_KEY};
    use crate::cabinet::types::{BootId, Civil, ClockQuality, Mono, Wall};
    use crate::io::store::{Head, head};
    use ed25519_dalek::SigningKey;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    const WALL: i64 = 1_790_000_000_000;

    fn news(seq: u64, kind: &'static kinds::Kind, ago_ms: u64, sentence: &str) -> Arc<News> {
        let at = Stamp {
            mono: Mono(10_000_000 - ago_ms),
            wall: Wall(WALL - ago_ms.cast_signed()),
            clock: ClockQuality::Synced,
            boot: BootId(1),
        };
        let (class, tie, sentence) = (kind.class, Tie::Alone, sentence.to_owned());
        Arc::new(News { seq, number: seq - 2, at, kind, class, tie, held_ms: 0, is_drill: false, sentence })
    }

    fn written(class: Class, lines: Vec<Line>, more: BTreeMap<&'static str, u32>) -> Letter {
        written_for(Numbers::Own(90), true, class, lines, more)
    }

    fn written_for(
        records: Numbers,
        with_head: bool,
        class: Class,
        lines: Vec<Line>,
        more: BTreeMap<&'static str, u32>,
    ) -> Letter {
        let identity = Identity { site: "Palm Court / Süd".into(), cabinet: "c1".into() };
        let key = SigningKey::from_bytes(&[7; 32]);
        let signed = head::sign(&identity, "office", Head { epoch: 1, seq: 90, hash: [3; 32] }, &key);
        let now = Now {
            mono: Mono(10_000_000),
            wall: Wall(WALL),
            clock: ClockQuality::Synced,
            civil: Civil::default(),
            boot: BootId(1),
        };
        let head = Some(&signed).filter(|_| with_head);
        let desk = Desk { identity: &identity, recipient: "office", zone: &TimeZone::UTC, now, head, records };
        desk.write(&Parcel { class, after: 80, upto: 90, lines, more, gathered: false }, &[9; 32])
    }

    #[test]
    fn an_urgent_mail_says_at_once_what_it_is_about() {
        let lines = vec![
            Line { news: news(81, &WRONG_KEY, 2_000, "Unit 204 was taken.\r\nBcc: x"), over: None },
            Line { news: news(82, &OPEN_WITHOUT_SESSION, 1_000, "Door 1 was opened."), over: None },
        ];
        let letter = written(Class::Urgent, lines, BTreeMap::new());
        assert_eq!(letter.subject, "[Palm Court / Süd c1] A door was opened without a session (and 1 more)");
        assert!(
            letter.text.starts_with("2026-09-21 14:13:18 +00:00  Unit 204 was taken.  Bcc: x\n"),
            "{}",
            letter.text
        );
        assert!(!letter.text.contains("late"), "{}", letter.text);
        assert_eq!(letter.json["news"][1]["kind"], "open-without-session");
    }

    #[test]
    fn what_comes_late_says_so_and_what_is_over_says_that() {
        let over = Some(news(85, &kinds::ALARM_OVER, 60_000, "over"));
        let lines = vec![Line { news: news(81, &OPEN_WITHOUT_SESSION, 7_260_000, "Door 1 was opened."), over }];
        let letter = written(Class::Urgent, lines, BTreeMap::new());
        assert!(letter.subject.ends_with("Over: A door was opened without a session"), "{}", letter.subject);
        assert!(letter.text.contains("it could not be sent for 2 h 1 min."), "{}", letter.text);
        assert!(letter.text.contains("It is over since 2026-09-21 14:12:20"), "{}", letter.text);
    }

    #[test]
    fn who_is_not_told_of_duress_can_count_nothing_silent() {
        let lines = || vec![Line { news: news(81, &OVERDUE, 1_000, "Unit 204 is overdue."), over: None }];
        let letter = written_for(Numbers::Near(88), false, Class::Routine, lines(), BTreeMap::new());
        assert_eq!((&letter.json["news"][0]["seq"], &letter.json["head"]), (&79.into(), &Value::Null));
        assert!(letter.text.contains("the ledger had 88 records"), "{}", letter.text);
        for said in [letter.text.clone(), letter.json.to_string()] {
            assert!(!said.contains("90") && !said.contains("HEAD") && !said.contains("--head"), "{said}");
        }
        // With the head goes its own number alone: it would prove nothing otherwise.
        let letter = written_for(Numbers::Near(88), true, Class::Routine, lines(), BTreeMap::new());
        assert_eq!((&letter.json["news"][0]["seq"], &letter.json["head"]["seq"]), (&79.into(), &90.into()));
        let own = written_for(Numbers::Own(90), true, Class::Routine, lines(), BTreeMap::new());
        assert_eq!(own.json["news"][0]["seq"], 81);
        let recipient = |duress| Recipient {
            name: "office".into(),
            to: crate::config::To::Mail { address: "office@example.com".into() },
            urgent: true,
            routine: true,
            duress,
            head: true,
            digest_at: vec![450],
            urgent_per_h: 12,
        };
        let hidden: Hidden = serde_json::from_str("[3, 4]").expect("numbers");
        assert_eq!(Numbers::of(&recipient(false), &hidden, 90), Numbers::Near(88));
        assert_eq!(Numbers::of(&recipient(true), &hidden, 90), Numbers::Own(90));
    }

    #[test]
    fn nobody_runs_for_a_drill() {
        let drill = |seq| {
            Arc::new(News { is_drill: true, ..News::clone(&news(seq, &kinds::OUTAGE_BEGAN, 1_000, "Drill: x.")) })
        };
        let line = |news| Line { news, over: None };
        let letter = written(Class::Urgent, vec![line(drill(81))], BTreeMap::new());
        assert_eq!(letter.subject, "[Palm Court / Süd c1] Drill: Mains is out");
        assert_eq!(letter.json["news"][0]["drill"], true);
        // What is none goes before it.
        let lines =
            vec![line(drill(81)), line(news(82, &kinds::LOCK_FAULT, 900, "The lock of door 1 does not answer."))];
        let letter = written(Class::Urgent, lines, BTreeMap::new());
        assert_eq!(letter.subject, "[Palm Court / Süd c1] A lock does not answer (and 1 more)");
    }

    #[test]
    fn a_digest_counts_what_it_does_not_list() {
        let lines = vec![Line { news: news(81, &OVERDUE, 7_260_000, "Unit 204 is overdue."), over: None }];
        let letter = written(Class::Routine, lines, BTreeMap::from([(OVERDUE.subject, 7)]));
        assert_eq!(letter.subject, "[Palm Court / Süd c1] Digest: 8 things");
        assert!(letter.text.contains("  7 x A key is overdue\n") && !letter.text.contains("late"), "{}", letter.text);
    }

    #[test]
    fn the_subject_of_an_alarm_under_duress_does_not_say_so() {
        let lines = vec![Line { news: news(81, &DURESS, 1_000, "Ana acted under duress."), over: None }];
        let letter = written(Class::Silent, lines, BTreeMap::new());
        assert!(!letter.subject.to_lowercase().contains("duress"), "{}", letter.subject);
        assert!(letter.text.contains("Ana acted under duress."));
    }

    #[test]
    fn the_head_is_plain_ascii_in_short_lines() {
        let lines = vec![Line { news: news(81, &OVERDUE, 1_000, "Unit 204 is overdue."), over: None }];
        let letter = written(Class::Routine, lines, BTreeMap::new());
        let (_, head) = letter.text.split_once(HEAD_BEGINS).expect("it carries one");
        assert!(head.is_ascii() && head.lines().all(|line| line.len() <= 140), "{head}");

        let text = letter.text;
        let quoted = format!("> > {}", text.replace('\n', "\r\n> > "));
        let broken = |line: &str| {
            let line = line.replace('=', "=3D");
            if line.len() > 72 { format!("{}=\r\n{}", &line[..72], &line[72..]) } else { line }
        };
        let broken = text.lines().map(broken).collect::<Vec<_>>().join("\r\n");
        for pasted in [text.clone(), quoted, broken, format!("{text}\n{text}")] {
            let heads = in_mails(&pasted);
            assert!(!heads.is_empty() && heads.iter().all(|head| head.is_genuine() && head.head.seq == 90), "{pasted}");
        }
        assert_eq!(
            in_mails(&text.replace("\"seq\":90", "\"seq\":89")).iter().filter(|head| head.is_genuine()).count(),
            0
        );
        assert_eq!(in_mails(&format!("{HEAD_BEGINS}\n{{}}\n{HEAD_ENDS}")), []);
    }
}
