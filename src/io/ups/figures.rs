//! From the variables of a UPS to a [`UpsState`]: integers, exact, and unknown where the UPS talks nonsense.
//!
//! Real units leave variables out, report 65535 s of runtime, a load of 0 while they carry one, or a charge of 255 %.
//! Such a figure is unknown, not a number to compute with. A status that is not a list of plain words is no status.

use crate::cabinet::power::{UpsFigures, UpsSilence, UpsState};
use std::collections::BTreeSet;

/// The variables that are read. Nothing else of an answer is kept.
pub const WANTED: [&str; 12] = [
    STATUS,
    "battery.charge",
    "battery.runtime",
    "battery.voltage",
    "ups.load",
    "ups.realpower",
    "ups.serial",
    "device.serial",
    "ups.realpower.nominal",
    "ups.power.nominal",
    "ups.test.result",
    "ups.test.date",
];
const STATUS: &str = "ups.status";

const MOST_TOKENS: usize = 32;
const LONGEST_TOKEN: usize = 32;
const LONGEST_SERIAL: usize = 64;
const LONGEST_WORDS: usize = 80;
/// What drivers report for "I do not know" or "very long": 16 bits, all ones.
const RUNTIME_NONSENSE_S: u64 = 65_535;

/// Reads a state from (name, value) pairs. Of a name that comes twice the first counts.
///
/// # Errors
/// [`UpsSilence::Waiting`] without a status, [`UpsSilence::Garbled`] with one that is not a list of plain words.
pub fn parse<'a, V>(variables: V) -> Result<UpsState, UpsSilence>
where
    V: IntoIterator<Item = (&'a str, &'a str)>,
{
    let mut values: [Option<&str>; WANTED.len()] = [None; WANTED.len()];
    for (name, value) in variables {
        if let Some(place) = WANTED.iter().position(|wanted| *wanted == name) {
            values[place].get_or_insert(value);
        }
    }
    let [
        status,
        charge,
        runtime,
        voltage,
        load,
        real_power,
        ups_serial,
        device_serial,
        rated_real,
        rated,
        test_result,
        test_date,
    ] = values;
    Ok(UpsState {
        tokens: tokens(status.unwrap_or_default())?,
        figures: UpsFigures {
            charge_pct: charge.and_then(charge_pct),
            runtime_s: runtime.and_then(runtime_s),
            load_pct: load.and_then(load_pct),
            real_power_mw: real_power.and_then(|text| positive_milli(text, 1_000_000)),
            battery_mv: voltage.and_then(|text| positive_milli(text, 1_000)),
        },
        serial: ups_serial.and_then(serial).or_else(|| device_serial.and_then(serial)),
        rated_w: rated_real.and_then(watts).or_else(|| rated.and_then(watts)),
        test_result: test_result.and_then(words),
        test_date: test_date.and_then(words),
    })
}

/// A rating: whole watts from 1 to 100,000.
fn watts(text: &str) -> Option<u32> {
    let whole = positive_milli(text, 100_000)? / 1_000;
    (1..=100_000).contains(&whole).then_some(whole)
}

/// A text of the UPS's own wording, its beginning.
fn words(text: &str) -> Option<String> {
    let text: String = text.trim().chars().take(LONGEST_WORDS).collect();
    (!text.is_empty()).then_some(text)
}

/// The words of a status.
fn tokens(status: &str) -> Result<BTreeSet<String>, UpsSilence> {
    let mut tokens = BTreeSet::new();
    for word in status.split_ascii_whitespace() {
        let plain = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
        if !plain || word.len() > LONGEST_TOKEN || tokens.len() >= MOST_TOKENS {
            return Err(UpsSilence::Garbled);
        }
        tokens.insert(word.to_owned());
    }
    if tokens.is_empty() || tokens.contains("WAIT") {
        return Err(UpsSilence::Waiting);
    }
    Ok(tokens)
}

/// Rounded down: a battery is not fuller than it says.
fn charge_pct(text: &str) -> Option<u8> {
    let milli = milli(text).filter(|milli| *milli <= 100_000)?;
    u8::try_from(milli / 1_000).ok()
}

fn runtime_s(text: &str) -> Option<u32> {
    let seconds = milli(text)? / 1_000;
    (1..RUNTIME_NONSENSE_S).contains(&seconds).then(|| u32::try_from(seconds).ok())?
}

/// Rounded up: a load is not smaller than it says. 0 is unknown, since this machine is part of the load.
fn load_pct(text: &str) -> Option<u8> {
    let milli = milli(text).filter(|milli| (1..=200_000).contains(milli))?;
    u8::try_from(milli.div_ceil(1_000)).ok()
}

/// A figure above 0 and up to `most` units, in thousandths.
fn positive_milli(text: &str, most: u64) -> Option<u32> {
    let milli = milli(text).filter(|milli| (1..=most * 1_000).contains(milli))?;
    u32::try_from(milli).ok()
}

/// Thousandths of a plain decimal number (`12`, `12.5`, `.5`), exactly; further digits are cut off. No sign, no exponent.
#[must_use]
pub fn milli(text: &str) -> Option<u64> {
    let text = text.trim_ascii();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let too_long = whole.len() > 9 || fraction.len() > 20;
    if too_long || whole.len() + fraction.len() == 0 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole = whole.bytes().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    let places = fraction.bytes().chain(std::iter::repeat(b'0')).take(3);
    Some(places.fold(whole, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

fn serial(text: &str) -> Option<String> {
    let text = text.trim_ascii();
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    (plain && (1..=LONGEST_SERIAL).contains(&text.len())).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn figures(pairs: &[(&str, &str)]) -> UpsFigures {
        let status = [(STATUS, "OL")];
        parse(status.iter().chain(pairs).copied()).unwrap().figures
    }

    #[test]
    fn decimals_are_exact() {
        for (text, expected) in [
            ("13.6", Some(13_600)),
            ("0.1", Some(100)),
            ("0.07", Some(70)),
            ("1.0009", Some(1_000)),
            (" 7 ", Some(7_000)),
            (".5", Some(500)),
            ("5.", Some(5_000)),
            ("999999999.999", Some(999_999_999_999)),
            ("", None),
            (".", None),
            ("-1", None),
            ("+1", None),
            ("1e3", None),
            ("1,5", None),
            ("1.2.3", None),
            ("nan", None),
            ("1000000000", None),
            ("٣", None),
        ] {
            assert_eq!(milli(text), expected, "{text:?}");
        }
    }

    #[test]
    fn nonsense_is_unknown() {
        assert_eq!(figures(&[]), UpsFigures::default());
        for (text, expected) in [("0", Some(0)), ("99.9", Some(99)), ("100", Some(100)), ("100.1", None), ("255", None)]
        {
            assert_eq!(figures(&[("battery.charge", text)]).charge_pct, expected, "charge {text}");
        }
        for (text, expected) in [
            ("0", None),
            ("-60", None),
            ("0.9", None),
            ("1", Some(1)),
            ("65534", Some(65_534)),
            ("65535", None),
            ("65535.0", None),
            ("4294967296", None),
        ] {
            assert_eq!(figures(&[("battery.runtime", text)]).runtime_s, expected, "runtime {text}");
        }
        for (text, expected) in [
            ("0", None),
            ("0.0", None),
            ("0.4", Some(1)),
            ("12.5", Some(13)),
            ("200", Some(200)),
            ("200.1", None),
            ("abc", None),
        ] {
            assert_eq!(figures(&[("ups.load", text)]).load_pct, expected, "load {text}");
        }
        for (text, expected) in [("13.65", Some(13_650)), ("0", None), ("1000.001", None)] {
            assert_eq!(figures(&[("battery.voltage", text)]).battery_mv, expected, "voltage {text}");
        }
        for (text, expected) in [("31", Some(31_000)), ("0", None), ("1000001", None)] {
            assert_eq!(figures(&[("ups.realpower", text)]).real_power_mw, expected, "power {text}");
        }
    }

    #[test]
    fn a_status_is_plain_words_or_none() {
        fn tokens(status: &str) -> Result<Vec<String>, UpsSilence> {
            parse([(STATUS, status)]).map(|state| state.tokens.into_iter().collect())
        }
        assert_eq!(tokens("OB DISCHRG LB"), Ok(vec!["DISCHRG".into(), "LB".into(), "OB".into()]));
        assert_eq!(tokens("OL VENDOR-SPECIAL"), Ok(vec!["OL".into(), "VENDOR-SPECIAL".into()]), "an open set");
        assert_eq!(tokens(""), Err(UpsSilence::Waiting));
        assert_eq!(tokens("  "), Err(UpsSilence::Waiting));
        assert_eq!(tokens("WAIT"), Err(UpsSilence::Waiting));
        assert_eq!(tokens("OL O\u{fffd}"), Err(UpsSilence::Garbled));
        assert_eq!(tokens(&"X".repeat(33)), Err(UpsSilence::Garbled));
        let many: Vec<String> = (0..33).map(|n| format!("T{n}")).collect();
        assert_eq!(tokens(&many.join(" ")), Err(UpsSilence::Garbled));
        assert_eq!(tokens(&"OL ".repeat(32)), Ok(vec!["OL".into()]));
        assert_eq!(parse([("battery.charge", "80")]), Err(UpsSilence::Waiting), "no status at all");
    }

    #[test]
    fn the_serial_is_the_unit_s_own_or_the_device_s() {
        let serial = |pairs: &[(&str, &str)]| {
            let status = [(STATUS, "OL")];
            parse(status.iter().chain(pairs).copied()).unwrap().serial
        };
        assert_eq!(serial(&[("device.serial", "D1"), ("ups.serial", " U1 ")]), Some("U1".into()));
        assert_eq!(serial(&[("device.serial", "D1"), ("ups.serial", "")]), Some("D1".into()));
        assert_eq!(serial(&[("ups.serial", &"9".repeat(65))]), None);
    }

    proptest! {
        #[test]
        fn any_text_is_a_bounded_state_or_a_silence(
            pairs in proptest::collection::vec((0..WANTED.len() + 1, ".{0,80}|[0-9.]{0,14}|[A-Z ]{0,200}"), 0..20)
        ) {
            let name = |place: usize| WANTED.get(place).copied().unwrap_or("ups.other");
            if let Ok(state) = parse(pairs.iter().map(|(place, value)| (name(*place), value.as_str()))) {
                prop_assert!((1..=MOST_TOKENS).contains(&state.tokens.len()));
                prop_assert!(state.tokens.iter().all(|token| token.len() <= LONGEST_TOKEN));
                prop_assert!(state.serial.is_none_or(|serial| serial.len() <= LONGEST_SERIAL));
                let figures = state.figures;
                prop_assert!(figures.charge_pct.is_none_or(|pct| pct <= 100));
                prop_assert!(figures.load_pct.is_none_or(|pct| (1..=200).contains(&pct)));
                prop_assert!(figures.runtime_s.is_none_or(|s| (1..65_535).contains(&s)));
            }
        }

        #[test]
        fn every_thousandth_comes_back_as_it_was(milli_units in 0_u64..1_000_000_000) {
            let text = format!("{}.{:03}", milli_units / 1_000, milli_units % 1_000);
            prop_assert_eq!(milli(&text), Some(milli_units));
        }
    }
}
