//! NUT's configuration files, line by line, as NUT's own reader splits them (that of 2.8): what it does not see we must not see.
//!
//! - Words end at white space; `=` outside quotes is a word of its own; `#` begins a comment.
//! - `"` opens a quoted word only where a word begins; inside one `#` must be escaped, or the line is lost and what follows counts
//!   as a line of its own.
//! - `\` takes the next character as it is, and joins lines when that is the end of one.
//! - Bytes that are not printable ASCII are dropped.
//! - A last line without its end is lost when it has one word only.

/// The words of one line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Line {
    /// Where it ends, from 1.
    pub(super) number: usize,
    pub(super) words: Vec<String>,
}

/// The lines that have words, and the numbers of those that NUT cannot read.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Lines {
    pub(super) lines: Vec<Line>,
    pub(super) lost: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Between,
    Comment,
    Quoted,
    Word,
}

pub(super) fn split(text: &[u8]) -> Lines {
    let mut found = Lines::default();
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let (mut state, mut escaped, mut number) = (State::Between, false, 1);
    let keep = |word: &mut String, byte: u8| {
        if matches!(byte, b' '..=b'~') {
            word.push(char::from(byte));
        }
    };
    for byte in text {
        let byte = *byte;
        if escaped {
            // The end of a line is joined with the next one.
            escaped = false;
            if byte == b'\n' {
                number += 1;
            } else {
                keep(&mut word, byte);
            }
            continue;
        }
        let ends_line = byte == b'\n' && state != State::Quoted;
        match (state, byte) {
            (State::Between, b'"') => state = State::Quoted,
            (State::Between | State::Word, b'#') => {
                if state == State::Word {
                    words.push(std::mem::take(&mut word));
                }
                state = State::Comment;
            }
            (State::Quoted, b'"') => {
                words.push(std::mem::take(&mut word));
                state = State::Between;
            }
            (State::Quoted, b'#') => {
                found.lost.push(number);
                words.clear();
                word.clear();
                state = State::Between;
            }
            (State::Between | State::Word | State::Quoted, b'\\') => {
                escaped = true;
                if state == State::Between {
                    state = State::Word;
                }
            }
            (State::Between | State::Word, b'=') => {
                if state == State::Word {
                    words.push(std::mem::take(&mut word));
                }
                words.push("=".into());
                state = State::Between;
            }
            (State::Between | State::Word, space) if space.is_ascii_whitespace() || space == 0x0b => {
                if state == State::Word {
                    words.push(std::mem::take(&mut word));
                }
                state = State::Between;
            }
            (State::Between, _) => {
                keep(&mut word, byte);
                state = State::Word;
            }
            (State::Word | State::Quoted, _) => keep(&mut word, byte),
            (State::Comment, _) => {}
        }
        if ends_line {
            if !words.is_empty() {
                found.lines.push(Line { number, words: std::mem::take(&mut words) });
            }
            state = State::Between;
        }
        if byte == b'\n' {
            number += 1;
        }
    }
    if !words.is_empty() {
        if !word.is_empty() {
            words.push(word);
        }
        found.lines.push(Line { number, words });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<Vec<String>> {
        split(text.as_bytes()).lines.into_iter().map(|line| line.words).collect()
    }

    #[test]
    fn lines_are_split_as_nut_splits_them() {
        for (text, expected) in [
            ("DEADTIME 15\n", &[&["DEADTIME", "15"][..]][..]),
            ("  a\tb  # rest\n#c\n\nd\n", &[&["a", "b"], &["d"]]),
            ("driver=usbhid-ups\ndriver = x\n", &[&["driver", "=", "usbhid-ups"], &["driver", "=", "x"]]),
            ("CMD \"a b\"c\n", &[&["CMD", "a b", "c"]]),
            ("a\"b c\"d\n", &[&["a\"b", "c\"d"]]),
            ("P \"q \\\" \\\\ \\# r\"\n", &[&["P", "q \" \\ # r"]]),
            ("P q\\ r\\#s\n", &[&["P", "q r#s"]]),
            ("P \"two\\\nlines\" x\\\ny\n", &[&["P", "twolines", "xy"]]),
            ("P \"two\nlines\"\n", &[&["P", "twolines"]]),
            ("x#y\n", &[&["x"]]),
            ("J\u{e4}ger \"\"\n", &[&["Jger", ""]]),
            ("a b", &[&["a", "b"]]),
            ("[u]\r\nignorelb\r\n", &[&["[u]"], &["ignorelb"]]),
        ] {
            assert_eq!(words(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_nut_loses_is_lost() {
        assert_eq!(words("[u]\nignorelb"), [["[u]"]], "a last line of one word without its end");
        let lines = split(b"a 1\nPASS \"x#y\" z\nb 2\n");
        assert_eq!(lines.lost, [2]);
        let numbered: Vec<(usize, Vec<String>)> =
            lines.lines.into_iter().map(|line| (line.number, line.words)).collect();
        let line = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(numbered, [(1, line(&["a", "1"])), (2, line(&["y\"", "z"])), (3, line(&["b", "2"]))]);
    }

    proptest! {
        #[test]
        fn any_bytes_become_printable_words(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            for line in split(&bytes).lines {
                prop_assert!(!line.words.is_empty());
                prop_assert!(line.words.iter().flat_map(|word| word.bytes()).all(|byte| matches!(byte, b' '..=b'~')));
            }
        }
    }
}
