//! Whole numbers of the command line: what is wrong with one is said with what would be right.

use std::ops::RangeInclusive;

/// Takes a whole number within `range`. `such_as`: one that would do, for whoever typed something else.
pub fn whole<T: TryFrom<u64> + Clone + Send + Sync + 'static>(
    range: RangeInclusive<u64>,
    such_as: u64,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.and_then(|number: u64| T::try_from(number).ok()).ok_or_else(|| {
            let span = match (*range.start(), *range.end()) {
                (0, u64::MAX) => String::new(),
                (least, u64::MAX) => format!(" from {least} on"),
                (least, most) => format!(" from {least} to {most}"),
            };
            format!("write a whole number{span}, for example {such_as}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_told_with_one_that_would_do() {
        let slots = whole::<u16>(1..=300, 24);
        assert_eq!(slots("300"), Ok(300));
        for bad in ["seven", "", "-1", "0", "301", "7.5", "99999999999999999999"] {
            assert_eq!(slots(bad), Err("write a whole number from 1 to 300, for example 24".to_owned()), "{bad}");
        }
        assert_eq!(whole::<u64>(1..=u64::MAX, 7)("x"), Err("write a whole number from 1 on, for example 7".to_owned()));
        assert_eq!(whole::<u64>(0..=u64::MAX, 7)("x"), Err("write a whole number, for example 7".to_owned()));
        assert!(whole::<u8>(0..=u64::MAX, 7)("256").is_err(), "what its type does not hold is refused");
    }
}
