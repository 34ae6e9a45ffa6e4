//! Bytes as lower-case hex, and back: one pair of functions for hashes, salts, keys and heads. Knows nothing of what the bytes are.

/// Lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).expect("a nibble is below 16");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The inverse of [`hex`], upper case too; none unless it is exactly `N` bytes.
#[must_use]
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != N * 2 {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_what_it_wrote_and_nothing_else() {
        assert_eq!(hex(&[0, 0x7f, 0xff]), "007fff");
        assert_eq!(unhex::<3>("007fFF"), Some([0, 0x7f, 0xff]));
        for wrong in ["", "007ff", "007fff0", "007ff+", "é07f", "0x7fff"] {
            assert_eq!(unhex::<3>(wrong), None, "{wrong:?}");
        }
        assert_eq!(unhex::<1>("é"), None);
    }
}
