//! The language between the daemon's line backend and the simulated hardware: JSON, one message a line, on a Unix socket.
//!
//! The hardware says levels, never edges' meanings; the daemon orders levels, never intentions. Every order has an id and is
//! answered by exactly one `done` or `failed`. A picture is sent unasked when the daemon connects, and on `read`.
//! A line is at most [`LONGEST_LINE`] bytes; a longer one, or one that is not this language, ends the connection: an edge
//! could hide in what was not understood, and the next connection begins with a whole picture.

pub use crate::io::lines::Order;

use crate::cabinet::types::{Input, Level};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fmt;
use std::io;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use zeroize::Zeroize;

/// Bytes of the longest line, its end included.
pub const LONGEST_LINE: usize = 64 * 1024;

/// What the hardware says.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FromHardware {
    /// Every input line that can be named. A line that is missing cannot be read.
    Picture(Vec<(Input, Level)>),
    /// One raw edge.
    Line { input: Input, level: Level },
    /// Read by the badge reader.
    Code(String),
    /// A number typed on the pad instead of a badge.
    Login(String),
    /// Typed on the pad.
    Pin(String),
    /// The cancel button.
    Cancel(bool),
    /// The wake button.
    Button(bool),
    /// The order was carried out.
    Done(u64),
    /// It was not.
    Failed { id: u64, why: String },
}

// Codes and PINs pass through here, so this prints the kind alone.
impl fmt::Debug for FromHardware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Picture(levels) => f.debug_tuple("Picture").field(levels).finish(),
            Self::Line { input, level } => f.debug_tuple("Line").field(input).field(level).finish(),
            Self::Code(_) => f.write_str("Code(…)"),
            Self::Login(_) => f.write_str("Login(…)"),
            Self::Pin(_) => f.write_str("Pin(…)"),
            Self::Cancel(_) => f.write_str("Cancel"),
            Self::Button(_) => f.write_str("Button"),
            Self::Done(id) => f.debug_tuple("Done").field(id).finish(),
            Self::Failed { id, why } => f.debug_tuple("Failed").field(id).field(why).finish(),
        }
    }
}

/// What the daemon orders.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct ToHardware {
    pub id: u64,
    #[serde(flatten)]
    pub order: Order,
}

/// Why a line could not be read.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    #[error("the other side of the hardware socket: {0}")]
    Io(#[from] io::Error),
    #[error("the other side of the hardware socket sent a line of more than {LONGEST_LINE} bytes")]
    TooLong,
    /// The text itself stays out: it may hold a PIN.
    #[error("the other side of the hardware socket sent something that is not its language")]
    NotUnderstood,
}

/// Bounded lines of a stream. [`Lines::next`] may be dropped half-way and called again: nothing is lost.
pub struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
}

impl<R> fmt::Debug for Lines<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").finish_non_exhaustive()
    }
}

impl<R> Drop for Lines<R> {
    fn drop(&mut self) {
        self.line.zeroize();
    }
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// The lines of `reader`.
    pub fn new(reader: R) -> Self {
        Self { reader: BufReader::new(reader), line: Vec::new() }
    }

    /// The next message; none when the other side has hung up (a half line at the end does not count).
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, WireError> {
        if !fill(&mut self.reader, &mut self.line).await? {
            return Ok(None);
        }
        let message = serde_json::from_slice(&self.line).map_err(|_| WireError::NotUnderstood);
        self.line.zeroize();
        message.map(Some)
    }
}

/// Reads on to the end of the line; false at the end of the stream.
async fn fill<R: AsyncBufRead + Unpin>(reader: &mut R, line: &mut Vec<u8>) -> Result<bool, WireError> {
    loop {
        // The one await, and nothing is taken before it: that makes this safe to drop.
        let available = reader.fill_buf().await?;
        if available.is_empty() {
            return Ok(false);
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(available.len(), |at| at + 1);
        if line.len() + taken > LONGEST_LINE {
            return Err(WireError::TooLong);
        }
        line.extend_from_slice(&available[..taken]);
        reader.consume(taken);
        if end.is_some() {
            return Ok(true);
        }
    }
}

/// Writes one message as one line.
pub async fn send<W: AsyncWrite + Unpin, T: Serialize>(writer: &mut W, message: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    let sent = writer.write_all(&line).await;
    line.zeroize();
    sent
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cabinet::outcome::{Denial, Message};
    use crate::cabinet::types::{DoorNo, Output, SlotNo};

    fn round<T: Serialize + DeserializeOwned + PartialEq + fmt::Debug>(message: &T, text: &str) {
        assert_eq!(serde_json::to_string(message).expect("plain data"), text);
        assert_eq!(&serde_json::from_str::<T>(text).expect("as written"), message);
    }

    #[test]
    fn the_language_is_what_it_says() {
        round(
            &FromHardware::Line { input: Input::Slot(SlotNo(7)), level: Level::Inactive },
            r#"{"line":{"input":{"slot":7},"level":"inactive"}}"#,
        );
        round(&FromHardware::Picture(vec![(Input::Tamper, Level::Active)]), r#"{"picture":[["tamper","active"]]}"#);
        round(
            &ToHardware {
                id: 3,
                order: Order::Set { output: Output::Lock(DoorNo(1)), level: Level::Active, for_ms: Some(8000) },
            },
            r#"{"id":3,"set":{"output":{"lock":1},"level":"active","for_ms":8000}}"#,
        );
        round(
            &ToHardware { id: 4, order: Order::Show(Message::Denied { denial: Denial::Throttled { wait_s: 5 } }) },
            r#"{"id":4,"show":{"say":"denied","denial":{"why":"throttled","wait_s":5}}}"#,
        );
        round(&ToHardware { id: 5, order: Order::Release(true) }, r#"{"id":5,"release":true}"#);
    }

    #[test]
    fn secrets_do_not_print() {
        for said in [FromHardware::Pin("482913".into()), FromHardware::Code("482913".into())] {
            assert!(!format!("{said:?}").contains("482913"));
        }
    }

    #[tokio::test]
    async fn a_line_of_exactly_the_limit_is_read_and_one_byte_more_is_not() {
        for (length, good) in [(LONGEST_LINE, true), (LONGEST_LINE + 1, false)] {
            let mut bytes = b"{\"code\":\"".to_vec();
            bytes.resize(length - 3, b'7');
            bytes.extend_from_slice(b"\"}\n");
            let mut lines = Lines::new(&bytes[..]);
            let read = lines.next::<FromHardware>().await;
            assert_eq!(read.is_ok(), good, "{length} bytes");
        }
    }

    #[tokio::test]
    async fn a_half_line_at_the_end_is_nothing() {
        let mut lines = Lines::new(&b"{\"code\":\"1\"}\n{\"pin\":\"4829"[..]);
        assert!(lines.next::<FromHardware>().await.expect("a line").is_some());
        assert!(lines.next::<FromHardware>().await.expect("the end").is_none());
    }
}
