//! The language of upsd, line by line: words in, words out, everything bounded.
//!
//! upsd splits what it is sent into words at white space, takes `"…"` for one word, `\` for "the next one as it is" and `#`
//! for a comment, inside quotes even for an error that loses the line. So each word of ours goes in quotes with those
//! three escaped. It drops bytes that are not printable ASCII, so words with such bytes are not sent at all.

use super::OrderError;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use zeroize::{Zeroize as _, Zeroizing};

/// upsd's own lines end at 1,024 bytes.
const LONGEST_LINE: usize = 2_048;
/// All lines of one conversation. The longest published dump of a device has some 20 kB.
const LONGEST_ANSWER: usize = 256 * 1_024;
/// upsd takes words of up to 512 bytes.
pub(super) const LONGEST_WORD: usize = 256;

/// One connection to upsd.
pub(super) struct Conversation {
    stream: TcpStream,
    /// Read and not yet heard.
    waiting: Vec<u8>,
    total: usize,
}

impl Conversation {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, waiting: Vec::new(), total: 0 }
    }

    /// Sends one line. The first words are the protocol's own, so they go as they are.
    pub(super) async fn say(&mut self, command: &str, words: &[&str]) -> Result<(), OrderError> {
        let mut line = Zeroizing::new(String::with_capacity(LONGEST_LINE));
        line.push_str(command);
        for word in words {
            line.push(' ');
            quote(word, &mut line)?;
        }
        line.push('\n');
        self.stream.write_all(line.as_bytes()).await.map_err(|_| OrderError::Garbled)
    }

    /// The words of the next line.
    pub(super) async fn hear(&mut self) -> Result<Vec<String>, OrderError> {
        let line = self.line().await?;
        let words = split(&line).ok_or(OrderError::Garbled)?;
        if words.is_empty() { Err(OrderError::Garbled) } else { Ok(words) }
    }

    async fn line(&mut self) -> Result<Vec<u8>, OrderError> {
        let mut looked = 0;
        loop {
            if let Some(end) = self.waiting[looked..].iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.waiting.drain(..=looked + end).collect();
                line.pop();
                return Ok(line);
            }
            looked = self.waiting.len();
            if looked >= LONGEST_LINE {
                return Err(OrderError::Garbled);
            }
            let mut chunk = [0; 1_024];
            let count = self.stream.read(&mut chunk).await.map_err(|_| OrderError::Garbled)?;
            // upsd hung up before it had answered.
            if count == 0 {
                return Err(OrderError::Garbled);
            }
            self.total += count;
            if self.total > LONGEST_ANSWER {
                return Err(OrderError::Garbled);
            }
            self.waiting.extend_from_slice(&chunk[..count]);
        }
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        self.waiting.zeroize();
    }
}

/// Whether upsd can be told this word.
pub(super) fn is_plain(word: &str) -> bool {
    (1..=LONGEST_WORD).contains(&word.len()) && word.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

fn quote(word: &str, line: &mut String) -> Result<(), OrderError> {
    if !is_plain(word) {
        return Err(OrderError::NotPlain);
    }
    line.push('"');
    for letter in word.chars() {
        if matches!(letter, '"' | '\\' | '#') {
            line.push('\\');
        }
        line.push(letter);
    }
    line.push('"');
    Ok(())
}

/// The words of a line of upsd: printable ASCII (any other byte becomes `?`), quotes taken away. None when a quote stays open.
pub(crate) fn split(line: &[u8]) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let (mut quoted, mut escaped) = (false, false);
    for byte in line {
        let letter = match byte {
            b' '..=b'~' => char::from(*byte),
            b'\t' | b'\r' => ' ',
            _ => '?',
        };
        match letter {
            _ if escaped => {
                escaped = false;
                word.get_or_insert_default().push(letter);
            }
            '\\' => {
                escaped = true;
                word.get_or_insert_default();
            }
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    (!quoted && !escaped).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quoted(word: &str) -> Option<String> {
        let mut line = String::new();
        quote(word, &mut line).ok().map(|()| line)
    }

    #[test]
    fn words_go_out_in_quotes_or_not_at_all() {
        assert_eq!(quoted("office").as_deref(), Some("\"office\""));
        assert_eq!(quoted(r#"a "b" \ #c"#).as_deref(), Some(r#""a \"b\" \\ \#c""#));
        for bad in ["", "a\nFSD office", "a\rb", "tab\there", "Jäger", "\u{7f}", &"x".repeat(LONGEST_WORD + 1)] {
            assert_eq!(quoted(bad), None, "{bad:?}");
        }
        assert!(quoted(&"x".repeat(LONGEST_WORD)).is_some());
    }

    #[test]
    fn lines_come_in_as_words() {
        let words = |line: &[u8]| split(line);
        assert_eq!(words(b"VAR u ups.mfr \"A \\\"B\\\" \\\\ C\"\r").unwrap(), ["VAR", "u", "ups.mfr", r#"A "B" \ C"#]);
        assert_eq!(words(b"  OK   FSD-SET ").unwrap(), ["OK", "FSD-SET"]);
        assert_eq!(words(b"VAR u ups.id \"\"").unwrap(), ["VAR", "u", "ups.id", ""]);
        assert_eq!(words(b"VAR u x \"J\xc3\xa4ger\x1b[31m\"").unwrap()[3], "J??ger?[31m");
        assert_eq!(words(b"").unwrap(), Vec::<String>::new());
        assert_eq!(words(b"VAR u x \"open"), None);
        assert_eq!(words(b"VAR u x \\"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_become_printable_words(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            for word in split(&bytes).unwrap_or_default() {
                prop_assert!(word.bytes().all(|byte| matches!(byte, b' '..=b'~')));
            }
        }

        #[test]
        fn what_is_quoted_is_read_back(word in "[ -~]{1,64}") {
            prop_assert_eq!(split(quoted(&word).unwrap().as_bytes()), Some(vec![word]));
        }
    }
}
