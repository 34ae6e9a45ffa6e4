//! The bounded pipe between upsd and `nut-client`.
//!
//! `nut-client` connects to a `SocketAddr` by itself, reads lines of any length into memory, keeps every variable, loses
//! a whole list over one byte that is not UTF-8, and panics at the end of a connection and on an odd `device.uptime`.
//! So it never talks to upsd itself: it talks to a one-time listener on loopback, and this relay carries its questions
//! to upsd and only harmless lines of the answer back. Promises:
//!
//! - a line has at most [`LONGEST_LINE`] bytes and an answer at most [`LONGEST_ANSWER`]: more ends the poll;
//! - only printable ASCII gets through (any other byte becomes `?`), only whole lines, and of the variables only
//!   those of this UPS that we read;
//! - when upsd hangs up in the middle the poll ends here, before `nut-client` sees the end of the connection.
//!
//! What it does not do: understand the protocol beyond the first words of a line. Nor does it guard the listener: a
//! local program that wins the race to the random port makes one poll fail, and can put no word into an answer.

use super::figures::WANTED;
use crate::cabinet::power::UpsSilence;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// upsd's own lines end at 1,024 bytes.
const LONGEST_LINE: usize = 2_048;
/// The longest published dump of a device has some 20 kB.
const LONGEST_ANSWER: usize = 256 * 1_024;

/// Carries one poll. Comes back only when it failed; a finished poll is noticed by its other end.
pub(super) async fn carry(listener: TcpListener, mut upsd: TcpStream, ups: &str) -> UpsSilence {
    let Ok((mut client, _)) = listener.accept().await else {
        return UpsSilence::Garbled;
    };
    drop(listener);
    // Small pieces, each of which waits for the acknowledgement of the one before: without this a poll takes 44 ms.
    let _ = client.set_nodelay(true);
    let mut filter = Filter::new(ups);
    let (mut question, mut answer) = ([0; 512], [0; 4_096]);
    let mut passed = Vec::new();
    loop {
        tokio::select! {
            asked = client.read(&mut question) => match asked {
                Ok(count @ 1..) if upsd.write_all(&question[..count]).await.is_ok() => {
                    filter.complete = false;
                    acknowledge_at_once(&upsd);
                }
                Ok(1..) => return UpsSilence::Garbled,
                Ok(0) | Err(_) => std::future::pending().await,
            },
            answered = upsd.read(&mut answer), if !filter.complete => {
                let Ok(count @ 1..) = answered else { return UpsSilence::Garbled };
                acknowledge_at_once(&upsd);
                passed.clear();
                if filter.pass(&answer[..count], &mut passed).is_err() {
                    return UpsSilence::Garbled;
                }
                if client.write_all(&passed).await.is_err() {
                    std::future::pending::<()>().await;
                }
            },
        }
    }
}

/// upsd sends line by line, each after the acknowledgement of the one before. The kernel forgets this wish: it is told
/// after each piece. Where it cannot be had, polls are slower and no worse.
fn acknowledge_at_once(upsd: &TcpStream) {
    let _ = rustix::net::sockopt::set_tcp_quickack(upsd, true);
}

/// Lines of upsd on their way to `nut-client`.
struct Filter<'a> {
    ups: &'a str,
    line: Vec<u8>,
    total: usize,
    /// The list has ended, or the question was refused: nothing more is read until the next question.
    complete: bool,
}

/// The answer is longer than any honest one, or speaks of another UPS.
struct NotAnAnswer;

impl<'a> Filter<'a> {
    fn new(ups: &'a str) -> Self {
        Self { ups, line: Vec::with_capacity(128), total: 0, complete: false }
    }

    /// Takes bytes as they come and appends the lines that may pass.
    fn pass(&mut self, bytes: &[u8], passed: &mut Vec<u8>) -> Result<(), NotAnAnswer> {
        for byte in bytes {
            if self.complete {
                return Ok(());
            }
            self.total += 1;
            if self.line.len() >= LONGEST_LINE || self.total > LONGEST_ANSWER {
                return Err(NotAnAnswer);
            }
            self.line.push(match byte {
                b'\n' | b' '..=b'~' => *byte,
                b'\t' | b'\r' => b' ',
                _ => b'?',
            });
            if *byte == b'\n' {
                if self.may_pass()? {
                    passed.extend_from_slice(&self.line);
                }
                self.line.clear();
            }
        }
        Ok(())
    }

    fn may_pass(&mut self) -> Result<bool, NotAnAnswer> {
        let mut words = self.line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        match words.next() {
            Some(b"VAR") => {
                let ups = words.next().unwrap_or_default();
                if ups != self.ups.as_bytes() {
                    return Err(NotAnAnswer);
                }
                let name = words.next().unwrap_or_default();
                Ok(WANTED.iter().any(|wanted| wanted.as_bytes() == name))
            }
            Some(b"END" | b"ERR") => {
                self.complete = true;
                Ok(true)
            }
            _ => Ok(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn passed(bytes: &[u8]) -> Option<String> {
        let (mut filter, mut passed) = (Filter::new("u"), Vec::new());
        // In pieces, as a network would.
        for piece in bytes.chunks(7) {
            filter.pass(piece, &mut passed).ok()?;
        }
        Some(String::from_utf8(passed).expect("only ASCII passes"))
    }

    #[test]
    fn only_wanted_variables_of_this_ups_pass() {
        let answer = b"1.3\nBEGIN LIST VAR u\nVAR u device.uptime \"soon\"\nVAR u ups.mfr \"J\xe4ger\"\n\
            VAR u ups.status \"OL\"\r\nVAR u ups.serial \"\xff\"\nEND LIST VAR u\nVAR u ups.status \"OB\"\n";
        let expected = "1.3\nBEGIN LIST VAR u\nVAR u ups.status \"OL\" \nVAR u ups.serial \"?\"\nEND LIST VAR u\n";
        assert_eq!(passed(answer).as_deref(), Some(expected));
        assert_eq!(passed(b"VAR other ups.status \"OL\"\n"), None);
    }

    #[test]
    fn no_line_and_no_answer_is_endless() {
        assert_eq!(passed(&[b'x'; LONGEST_LINE]).as_deref(), Some(""));
        assert_eq!(passed(&[b'x'; LONGEST_LINE + 1]), None);
        let lines = b"VAR u ups.other \"1\"\n".repeat(LONGEST_ANSWER / 20 + 1);
        assert_eq!(passed(&lines), None);
    }

    proptest! {
        #[test]
        fn any_bytes_become_whole_plain_lines_or_nothing(
            bytes in proptest::collection::vec(any::<u8>(), 0..400)
        ) {
            let text = passed(&bytes).unwrap_or_default();
            prop_assert!(text.is_empty() || text.ends_with('\n'));
            prop_assert!(text.bytes().all(|byte| matches!(byte, b'\n' | b' '..=b'~')));
        }
    }
}
