//! PINs: made, judged, hashed, checked.
//!
//! A PIN has some 20 bits, so its hash alone falls to a search in minutes. What protects it is the pepper, which is not in
//! the database: the tag is Argon2id over HMAC-SHA256(pepper, digits), which makes a stolen database useless and a stolen pair slow.
//!
//! Promises: one Argon2id computation per check, for PIN and duress PIN together, and both tags are compared in constant time
//! whatever the result; the 19 MiB it needs go back to the system at once; parameters beyond bounds are refused before any memory is
//! taken. These calls burn 15 to 90 ms of processor: never on the event loop.

use super::{CredentialsError, Pepper, random};
use crate::cabinet::enrol::{BadPin, FEWEST_DIGITS, MOST_DIGITS, is_trivial, judge};
use crate::cabinet::outcome::PinVerdict;
use crate::cabinet::types::{Pin, PinHash};
use crate::hex::{hex, unhex};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

/// Argon2id memory in KiB, passes, lanes: what OWASP asks for, bearable on a Raspberry Pi.
pub const COST: (u32, u32, u32) = (19 * 1024, 2, 1);
/// Digits of a PIN that is made for somebody.
pub const PIN_DIGITS: usize = 6;
/// Digits of a code that somebody vouches with.
pub use crate::cabinet::types::VOUCHED_DIGITS;

/// The highest parameters that a stored hash may ask for.
const HIGHEST_COST: (u32, u32, u32) = (64 * 1024, 10, 4);
/// glibc raises its threshold for mmap to the size of what is freed, up to 32 MiB, and afterwards keeps such blocks for itself. A block of
/// more than 32 MiB is always mapped and always given back; only the part that is used is ever touched.
const MAPPED_BLOCKS: usize = (32 << 10) + 64;

/// Why a PIN is not taken or cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    #[error("a PIN has {FEWEST_DIGITS} to {MOST_DIGITS} digits and nothing else; leave it out to have one made")]
    Shape,
    #[error(
        "this PIN is among the first that anybody tries (a run or a repetition); choose another, or leave it out to have one made"
    )]
    Trivial,
    #[error("the duress PIN must differ from the PIN; choose another")]
    SameAsDuress,
    #[error("a duress PIN stands beside a PIN; set the PIN first")]
    NoPinYet,
    #[error("the stored PIN hash is damaged or asks for absurd parameters; set a new PIN with `cabinetd user pin`")]
    Damaged,
    #[error("no memory to check a PIN; `cabinetd status` and `free` tell more, another try may succeed")]
    NoMemory,
    #[error(transparent)]
    Random(#[from] CredentialsError),
}

/// A PIN of 4 to 8 random digits ([`PIN_DIGITS`], [`VOUCHED_DIGITS`]), each PIN that is not trivial as likely as any other.
///
/// # Errors
/// The length is out of range, or the kernel has no random bytes.
pub fn make_pin(digits: usize) -> Result<Pin, PinError> {
    if !(FEWEST_DIGITS..=MOST_DIGITS).contains(&digits) {
        return Err(PinError::Shape);
    }
    loop {
        let mut text = Zeroizing::new(String::with_capacity(MOST_DIGITS));
        while text.len() < digits {
            // 250 is the highest multiple of ten in a byte: the rest would favour 0 to 5.
            for byte in random::<16>()?.into_iter().filter(|byte| *byte < 250).take(digits - text.len()) {
                text.push(char::from(b'0' + byte % 10));
            }
        }
        if !is_trivial(text.as_bytes()) {
            return Ok(Pin::new(&text));
        }
    }
}

/// Whether a person may choose this PIN.
///
/// # Errors
/// Not 4 to 8 digits; a run (`3456`, `9876`) or a repetition (`7777`, `1212`, `123123`).
pub fn judge_pin(pin: &Pin) -> Result<(), PinError> {
    judge(pin).map_err(|bad| match bad {
        BadPin::Shape | BadPin::Taken => PinError::Shape,
        BadPin::Trivial => PinError::Trivial,
    })
}

/// The hash of a PIN and, if there is one, of the duress PIN under the same salt.
///
/// # Errors
/// A PIN that [`judge_pin`] refuses; the same PIN twice; no memory.
pub fn hash_pin(pepper: &Pepper, pin: &Pin, duress: Option<&Pin>) -> Result<PinHash, PinError> {
    hash_pin_at(pepper, pin, duress, COST)
}

/// [`hash_pin`] at another cost.
///
/// # Errors
/// As [`hash_pin`]; a cost out of bounds.
pub fn hash_pin_at(
    pepper: &Pepper,
    pin: &Pin,
    duress: Option<&Pin>,
    cost: (u32, u32, u32),
) -> Result<PinHash, PinError> {
    judge_pin(pin)?;
    let salt = random::<16>()?;
    let hash = PinHash { salt: hex(&salt), cost, tag: hex(&*tag(pepper, pin, &salt, cost)?), duress_tag: None };
    match duress {
        Some(duress) => with_duress(pepper, &hash, duress),
        None => Ok(hash),
    }
}

/// The same hash with a (new) duress PIN; the PIN itself need not be known.
///
/// # Errors
/// A duress PIN that [`judge_pin`] refuses or that is the PIN; a damaged hash; no memory.
pub fn with_duress(pepper: &Pepper, hash: &PinHash, duress: &Pin) -> Result<PinHash, PinError> {
    judge_pin(duress)?;
    let stored = Stored::of(hash)?;
    let new = tag(pepper, duress, &stored.salt, hash.cost)?;
    if bool::from(new.ct_eq(&stored.tag)) {
        return Err(PinError::SameAsDuress);
    }
    Ok(PinHash { duress_tag: Some(hex(&*new)), ..hash.clone() })
}

/// A new PIN for somebody who has one already: the duress PIN, if there is one, stays. (Its tag holds only under its salt and cost, so
/// these stay too.)
///
/// # Errors
/// As [`hash_pin`]; the new PIN is the duress PIN.
pub fn replace_pin(pepper: &Pepper, old: Option<&PinHash>, pin: &Pin) -> Result<PinHash, PinError> {
    let Some(old) = old.filter(|old| old.duress_tag.is_some()) else { return hash_pin(pepper, pin, None) };
    judge_pin(pin)?;
    let stored = Stored::of(old)?;
    let new = tag(pepper, pin, &stored.salt, old.cost)?;
    if stored.duress_tag.is_some_and(|duress| bool::from(new.ct_eq(&duress))) {
        return Err(PinError::SameAsDuress);
    }
    Ok(PinHash { tag: hex(&*new), ..old.clone() })
}

/// The hash after `user pin`: a new PIN, a new duress PIN, or both. What is not given stays.
///
/// # Errors
/// As [`replace_pin`] and [`with_duress`]; a duress PIN for somebody without a PIN; nothing given.
pub fn set_pin(
    pepper: &Pepper,
    old: Option<&PinHash>,
    pin: Option<&Pin>,
    duress: Option<&Pin>,
) -> Result<PinHash, PinError> {
    match (pin, duress, old) {
        (Some(pin), Some(_), _) => hash_pin(pepper, pin, duress),
        (Some(pin), None, old) => replace_pin(pepper, old, pin),
        (None, Some(duress), Some(old)) => with_duress(pepper, old, duress),
        (None, _, _) => Err(PinError::NoPinYet),
    }
}

/// How a typed PIN compares. What is typed may be anything, of any length that [`Pin`] holds.
///
/// # Errors
/// A damaged hash, absurd parameters, no memory. None of these says anything about the PIN.
pub fn check_pin(pepper: &Pepper, typed: &Pin, hash: &PinHash) -> Result<PinVerdict, PinError> {
    let stored = Stored::of(hash)?;
    let typed = tag(pepper, typed, &stored.salt, hash.cost)?;
    let right = typed.ct_eq(&stored.tag);
    // Somebody without a duress PIN is compared with the PIN twice: the work is the same.
    let duress = typed.ct_eq(&stored.duress_tag.unwrap_or(stored.tag));
    Ok(match (bool::from(right), bool::from(duress)) {
        (true, _) => PinVerdict::Match,
        (false, true) => PinVerdict::Duress,
        (false, false) => PinVerdict::Mismatch,
    })
}

/// A [`PinHash`] as bytes.
struct Stored {
    salt: [u8; 16],
    tag: [u8; 32],
    duress_tag: Option<[u8; 32]>,
}

impl Stored {
    fn of(hash: &PinHash) -> Result<Self, PinError> {
        let duress_tag = match &hash.duress_tag {
            Some(tag) => Some(unhex(tag).ok_or(PinError::Damaged)?),
            None => None,
        };
        match (unhex(&hash.salt), unhex(&hash.tag)) {
            (Some(salt), Some(tag)) => Ok(Self { salt, tag, duress_tag }),
            _ => Err(PinError::Damaged),
        }
    }
}

fn tag(
    pepper: &Pepper,
    pin: &Pin,
    salt: &[u8; 16],
    (memory_kib, passes, lanes): (u32, u32, u32),
) -> Result<Zeroizing<[u8; 32]>, PinError> {
    if memory_kib > HIGHEST_COST.0 || passes > HIGHEST_COST.1 || lanes > HIGHEST_COST.2 {
        return Err(PinError::Damaged);
    }
    let params = Params::new(memory_kib, passes, lanes, Some(32)).map_err(|_| PinError::Damaged)?;
    let used = params.block_count();
    let mut memory: Vec<Block> = Vec::new();
    memory.try_reserve_exact(used.max(MAPPED_BLOCKS)).map_err(|_| PinError::NoMemory)?;
    memory.resize(used, Block::new());

    let mut peppered = pepper.mac(b"cabinetd pin\0", pin.expose().as_bytes());
    let mut tag = Zeroizing::new([0; 32]);
    let hashed = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into_with_memory(
        &*peppered,
        salt,
        &mut *tag,
        &mut memory,
    );
    peppered.zeroize();
    hashed.map_err(|_| PinError::Damaged)?;
    Ok(tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// The least that Argon2 takes: where the cost is not the point.
    const CHEAP: (u32, u32, u32) = (8, 1, 1);

    fn pepper() -> Pepper {
        Pepper::new([7; 32])
    }

    fn cheap(pin: &str, duress: Option<&str>) -> PinHash {
        hash_pin_at(&pepper(), &Pin::new(pin), duress.map(Pin::new).as_ref(), CHEAP).unwrap()
    }

    fn check(typed: &str, hash: &PinHash) -> PinVerdict {
        check_pin(&pepper(), &Pin::new(typed), hash).unwrap()
    }

    #[test]
    fn a_pin_matches_itself_and_nothing_else_at_the_full_cost() {
        let hash = hash_pin(&pepper(), &Pin::new("482913"), Some(&Pin::new("482914"))).unwrap();
        assert_eq!(hash.cost, (19 * 1024, 2, 1));
        assert_eq!(check("482913", &hash), PinVerdict::Match);
        assert_eq!(check("482914", &hash), PinVerdict::Duress);
        assert_eq!(check("482915", &hash), PinVerdict::Mismatch);
    }

    #[test]
    fn what_is_typed_may_be_anything() {
        let hash = cheap("482913", None);
        for typed in ["", "4829130", "48291", "4829 13", "\u{0}", "４８２９１３", &"4".repeat(100_000)] {
            assert_eq!(check(typed, &hash), PinVerdict::Mismatch);
        }
    }

    #[test]
    fn another_pepper_or_salt_is_another_tag() {
        let (one, two) = (cheap("482913", None), cheap("482913", None));
        assert_ne!((&one.salt, &one.tag), (&two.salt, &two.tag));
        let other = Pepper::new([8; 32]);
        assert_eq!(check_pin(&other, &Pin::new("482913"), &one).unwrap(), PinVerdict::Mismatch);
    }

    #[test]
    fn the_tag_is_argon2id_over_hmac_as_documented() {
        // Computed apart from `tag()`, step by step.
        use hmac::{Hmac, KeyInit as _, Mac as _};
        let hash = cheap("482913", None);
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&[7; 32]).unwrap();
        mac.update(b"cabinetd pin\x00482913");
        let mut expected = [0; 32];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap())
            .hash_password_into(&mac.finalize().into_bytes(), &unhex::<16>(&hash.salt).unwrap(), &mut expected)
            .unwrap();
        assert_eq!(hash.tag, hex(&expected));
    }

    #[test]
    fn a_duress_pin_differs_from_the_pin_whichever_comes_later() {
        let same = hash_pin_at(&pepper(), &Pin::new("482913"), Some(&Pin::new("482913")), CHEAP);
        assert!(matches!(same, Err(PinError::SameAsDuress)));
        let hash = cheap("482913", None);
        assert!(matches!(with_duress(&pepper(), &hash, &Pin::new("482913")), Err(PinError::SameAsDuress)));
        let hash = with_duress(&pepper(), &hash, &Pin::new("600417")).unwrap();
        assert_eq!(check("482913", &hash), PinVerdict::Match);
        assert_eq!(check("600417", &hash), PinVerdict::Duress);
        assert!(matches!(replace_pin(&pepper(), Some(&hash), &Pin::new("600417")), Err(PinError::SameAsDuress)));
        let hash = replace_pin(&pepper(), Some(&hash), &Pin::new("715302")).unwrap();
        assert_eq!(check("715302", &hash), PinVerdict::Match);
        assert_eq!(check("600417", &hash), PinVerdict::Duress, "the duress PIN stays when the PIN changes");
        assert_eq!(check("482913", &hash), PinVerdict::Mismatch);
    }

    #[test]
    fn what_is_not_given_stays() {
        let (pin, other, duress) = (Pin::new("482913"), Pin::new("715302"), Pin::new("600417"));
        let verdict = |typed: &Pin, hash: &PinHash| check_pin(&pepper(), typed, hash).unwrap();
        assert!(matches!(set_pin(&pepper(), None, None, Some(&duress)), Err(PinError::NoPinYet)));
        assert!(matches!(set_pin(&pepper(), Some(&cheap("482913", None)), None, None), Err(PinError::NoPinYet)));
        let hash = set_pin(&pepper(), None, Some(&pin), None).unwrap();
        let hash = set_pin(&pepper(), Some(&hash), None, Some(&duress)).unwrap();
        assert_eq!((verdict(&pin, &hash), verdict(&duress, &hash)), (PinVerdict::Match, PinVerdict::Duress));
        let hash = set_pin(&pepper(), Some(&hash), Some(&other), None).unwrap();
        assert_eq!((verdict(&other, &hash), verdict(&duress, &hash)), (PinVerdict::Match, PinVerdict::Duress));
        let hash = set_pin(&pepper(), Some(&hash), Some(&duress), Some(&pin)).unwrap();
        assert_eq!((verdict(&duress, &hash), verdict(&pin, &hash)), (PinVerdict::Match, PinVerdict::Duress));
    }

    #[test]
    fn without_a_duress_pin_a_new_pin_gets_a_new_salt_and_todays_cost() {
        let old = cheap("482913", None);
        let new = replace_pin(&pepper(), Some(&old), &Pin::new("715302")).unwrap();
        assert_ne!(new.salt, old.salt);
        assert_eq!(new.cost, COST);
    }

    #[test]
    fn absurd_or_damaged_hashes_are_refused() {
        let good = cheap("482913", None);
        for cost in [(u32::MAX, 1, 1), (8, u32::MAX, 1), (8, 1, u32::MAX), (0, 0, 0), (8, 1, 4), (64 * 1024 + 1, 1, 1)]
        {
            let bad = PinHash { cost, ..good.clone() };
            assert!(matches!(check_pin(&pepper(), &Pin::new("482913"), &bad), Err(PinError::Damaged)), "{cost:?}");
        }
        for bad in [
            PinHash { salt: "00".into(), ..good.clone() },
            PinHash { tag: "zz".repeat(32), ..good.clone() },
            PinHash { duress_tag: Some(String::new()), ..good.clone() },
        ] {
            assert!(matches!(check_pin(&pepper(), &Pin::new("482913"), &bad), Err(PinError::Damaged)));
        }
    }

    #[test]
    fn pins_that_everybody_tries_are_not_taken() {
        for bad in ["0000", "1234", "7890", "4321", "0987", "1212", "123123", "777777", "45454545", "12341234"] {
            assert!(matches!(judge_pin(&Pin::new(bad)), Err(PinError::Trivial)), "{bad}");
        }
        for bad in ["", "123", "123456789", "12a4", "12 34", "١٢٣٥"] {
            assert!(matches!(judge_pin(&Pin::new(bad)), Err(PinError::Shape)), "{bad}");
        }
        for good in ["1357", "1223", "482913", "12312", "90210", "48291357"] {
            assert!(judge_pin(&Pin::new(good)).is_ok(), "{good}");
        }
    }

    #[test]
    fn made_pins_are_good_and_every_digit_is_as_likely() {
        let mut seen: BTreeMap<u8, u32> = BTreeMap::new();
        for _ in 0..5_000 {
            let pin = make_pin(PIN_DIGITS).unwrap();
            judge_pin(&pin).unwrap();
            for digit in pin.expose().bytes() {
                *seen.entry(digit).or_default() += 1;
            }
        }
        // 30,000 digits: 3,000 of each, standard deviation 52. Six of them are never met by chance (1 in 10^8).
        assert_eq!(seen.len(), 10);
        for (digit, count) in seen {
            assert!((2_688..=3_312).contains(&count), "{}: {count}", char::from(digit));
        }
        assert_eq!(make_pin(VOUCHED_DIGITS).unwrap().expose().len(), 8);
        assert!(make_pin(3).is_err() && make_pin(9).is_err());
    }

    #[test]
    fn no_error_prints_a_pin() {
        for pin in ["123456", "48a913"] {
            let error = judge_pin(&Pin::new(pin)).unwrap_err();
            assert!(!format!("{error} {error:?}").contains(pin));
        }
    }

    proptest! {
        #[test]
        fn only_the_pin_matches(pin in "[0-9]{4,8}", typed in "[0-9]{0,9}") {
            prop_assume!(judge_pin(&Pin::new(&pin)).is_ok());
            let hash = cheap(&pin, None);
            prop_assert_eq!(check(&pin, &hash), PinVerdict::Match);
            let expected = if pin == typed { PinVerdict::Match } else { PinVerdict::Mismatch };
            prop_assert_eq!(check(&typed, &hash), expected);
        }
    }
}
