//! Seeded randomness: the same numbers from the same seed, on every machine and in every version.
//!
//! `SplitMix64` (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014): eight lines that will not change, where the
//! generators of libraries may. Each purpose of each outage draws from a stream of its own, so that one more draw here moves nothing
//! elsewhere, and no thread depends on another's.

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Chance {
    state: u64,
}

/// What a stream is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u64)]
pub enum Purpose {
    /// Lengths and hours of outages drawn from the prior.
    Outage = 1,
    /// When people come.
    Requests,
    /// What the battery holds.
    Battery,
    /// Whether a storm is announced.
    Storm,
    /// Resampling.
    Bootstrap,
}

impl Chance {
    /// The stream of a purpose for the outage of this number.
    #[must_use]
    pub const fn stream(seed: u64, number: usize, purpose: Purpose) -> Self {
        let mut mixer = Self { state: seed };
        let first = mixer.next_u64();
        let mut mixer = Self { state: first ^ (number as u64).wrapping_mul(0xD6E8_FEB8_6659_FD93) };
        let second = mixer.next_u64();
        let mut mixer = Self { state: second ^ (purpose as u64).wrapping_mul(0xA076_1D64_78BD_642F) };
        Self { state: mixer.next_u64() }
    }

    /// 64 random bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// From 0 to below 1, each multiple of 2⁻⁵³ equally likely.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    pub const fn share(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whether something of this probability happens.
    pub const fn happens(&mut self, probability: f64) -> bool {
        self.share() < probability
    }

    /// From 0 to below `bound`; 0 if the bound is 0.
    pub const fn below(&mut self, bound: u64) -> u64 {
        ((self.next_u64() as u128 * bound as u128) >> 64) as u64
    }

    /// Exponentially distributed with mean 1.
    pub fn waiting(&mut self) -> f64 {
        -libm::log(1.0 - self.share())
    }

    /// Standard normal (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(2.0 * self.waiting());
        radius * libm::cos(2.0 * std::f64::consts::PI * self.share())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_paper() {
        // The first outputs of SplitMix64 from the state 1234567, as published with its reference code.
        let mut chance = Chance { state: 1_234_567 };
        let first: Vec<u64> = (0..3).map(|_| chance.next_u64()).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn streams_differ_and_are_what_they_claim() {
        let begin = |seed, number, purpose| Chance::stream(seed, number, purpose).next_u64();
        let all = [
            begin(1, 0, Purpose::Outage),
            begin(2, 0, Purpose::Outage),
            begin(1, 1, Purpose::Outage),
            begin(1, 0, Purpose::Requests),
        ];
        assert!((1..4).all(|at| !all[..at].contains(&all[at])), "{all:?}");

        let mut chance = Chance::stream(7, 0, Purpose::Battery);
        let count = 100_000;
        let mean = |draw: &mut dyn FnMut() -> f64| (0..count).map(|_| draw()).sum::<f64>() / f64::from(count);
        assert!((mean(&mut || chance.share()) - 0.5).abs() < 0.005);
        assert!((mean(&mut || chance.waiting()) - 1.0).abs() < 0.015);
        assert!(mean(&mut || chance.normal()).abs() < 0.015);
        assert!((mean(&mut || chance.normal().powi(2)) - 1.0).abs() < 0.02);
        assert!((mean(&mut || f64::from(u8::from(chance.happens(0.3)))) - 0.3).abs() < 0.006);
        assert!((0..1000).all(|_| chance.below(3) < 3) && chance.below(0) == 0);
    }
}
