//! From a file to text: its size, its encoding, its line ends.

use super::{LARGEST_FILE_BYTES, Problems};
use std::borrow::Cow;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

const SAVE_AS_UTF8: &str = "save it as UTF-8 (in a spreadsheet: \"CSV UTF-8\")";

/// The bytes of a file of bearable size.
pub(super) fn bytes_of(path: &Path, problems: &mut Problems) -> Option<Vec<u8>> {
    let read = || {
        // Only plain files: opening a pipe would wait for somebody to write.
        if !std::fs::metadata(path)?.is_file() {
            return Err(std::io::Error::other("it is not a file"));
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(LARGEST_FILE_BYTES + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    match read() {
        Ok(bytes) if bytes.len() as u64 > LARGEST_FILE_BYTES => {
            problems.add(None, "it is larger than 8 MiB", "a roster is a few hundred lines: is this the right file?");
            None
        }
        Ok(bytes) => Some(bytes),
        Err(error) => {
            problems.add(None, format!("cannot read it ({error})"), "check the name and who may read it");
            None
        }
    }
}

/// The text, with `\n` line ends and no byte order mark.
pub(super) fn text_of<'a>(bytes: &'a [u8], problems: &mut Problems) -> Option<Cow<'a, str>> {
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => Cow::Owned(utf16(rest, u16::from_le_bytes, problems)?),
        [0xfe, 0xff, rest @ ..] => Cow::Owned(utf16(rest, u16::from_be_bytes, problems)?),
        _ => Cow::Borrowed(utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes), problems)?),
    };
    if text.contains('\r') { Some(Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))) } else { Some(text) }
}

fn utf8<'a>(bytes: &'a [u8], problems: &mut Problems) -> Option<&'a str> {
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        problems.add(line_of(bytes, at), "it holds zero bytes: UTF-16 without its mark, or not a text", SAVE_AS_UTF8);
        return None;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) => {
            // Which of the old code pages it is cannot be known, and a wrong guess would spoil names without a word.
            let line = line_of(bytes, error.valid_up_to());
            problems.add(line, "a character is not UTF-8 (an old code page such as Latin-1?)", SAVE_AS_UTF8);
            None
        }
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16, problems: &mut Problems) -> Option<String> {
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
    let text = String::from_utf16(&units).ok().filter(|text| bytes.len().is_multiple_of(2) && !text.contains('\0'));
    if text.is_none() {
        problems.add(None, "it begins as UTF-16 and goes on as something else", SAVE_AS_UTF8);
    }
    text
}

fn line_of(bytes: &[u8], at: usize) -> usize {
    bytes[..at].split(|byte| *byte == b'\n').count()
}
