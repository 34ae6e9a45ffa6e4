//! Points, classes of outages, and whether one policy is better than another.

use super::chance::{Chance, Purpose};
use super::world::{End, Played};

/// A tenth of a point less for each 45 s of waiting, and never below this.
const LEAST: f64 = 0.8;
const WAIT_MS: f64 = 45_000.0;

/// What a request is worth that was served after this wait. By the cabinet key: nothing.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "waits of seconds")]
pub fn points(wait_ms: u64) -> f64 {
    (1.0 - 0.1 * wait_ms as f64 / WAIT_MS).max(LEAST)
}

/// Outages by length.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Class {
    All,
    Hours3,
    Hours12,
    Hours48,
    Longer,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::All, Self::Hours3, Self::Hours12, Self::Hours48, Self::Longer];

    /// The class of an outage, beside `All`.
    #[must_use]
    pub const fn of(length_ms: u64) -> Self {
        const HOUR_MS: u64 = 3_600_000;
        match length_ms {
            0..=10_800_000 => Self::Hours3,
            _ if length_ms <= 12 * HOUR_MS => Self::Hours12,
            _ if length_ms <= 48 * HOUR_MS => Self::Hours48,
            _ => Self::Longer,
        }
    }

    /// The word used in tables and JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Hours3 => "<=3h",
            Self::Hours12 => "3-12h",
            Self::Hours48 => "12-48h",
            Self::Longer => ">48h",
        }
    }

    const fn has(self, other: Self) -> bool {
        matches!(self, Self::All) || self as u8 == other as u8
    }
}

/// Sums over outages, or of one.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Sums {
    pub outages: u32,
    pub requests: u32,
    pub served: u32,
    pub score: f64,
    pub wait_ms: u64,
    pub dark: u32,
}

impl Sums {
    /// Of one outage.
    #[must_use]
    pub fn of(played: &Played) -> Self {
        let mut sums = Self { outages: 1, dark: u32::from(played.dark_at_ms.is_some()), ..Self::default() };
        for end in &played.ends {
            sums.requests += 1;
            let wait_ms = match end {
                End::AtOnce => 0,
                End::Late { wait_ms } => *wait_ms,
                End::Lost => continue,
            };
            sums.served += 1;
            sums.wait_ms += wait_ms;
            sums.score += points(wait_ms);
        }
        sums
    }

    fn add(&mut self, other: &Self) {
        self.outages += other.outages;
        self.requests += other.requests;
        self.served += other.served;
        self.score += other.score;
        self.wait_ms += other.wait_ms;
        self.dark += other.dark;
    }

    /// Share of the requests that were served electronically; none without requests.
    #[must_use]
    pub fn served_share(&self) -> Option<f64> {
        (self.requests > 0).then(|| f64::from(self.served) / f64::from(self.requests))
    }

    /// Mean wait of those served, seconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "years of waiting in ms are below 2^53")]
    pub fn mean_wait_s(&self) -> Option<f64> {
        (self.served > 0).then(|| self.wait_ms as f64 / 1000.0 / f64::from(self.served))
    }

    /// Share of the outages in which the cabinet went dark.
    #[must_use]
    pub fn dark_share(&self) -> Option<f64> {
        (self.outages > 0).then(|| f64::from(self.dark) / f64::from(self.outages))
    }
}

/// The sums of a policy in a class.
#[must_use]
pub fn total(class: Class, classes: &[Class], outages: &[Sums]) -> Sums {
    let mut total = Sums::default();
    for (_, sums) in classes.iter().zip(outages).filter(|(of, _)| class.has(**of)) {
        total.add(sums);
    }
    total
}

/// How far one policy is ahead of another, as a difference of their shares of the clairvoyant's score.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Lead {
    pub ahead: f64,
    /// 95 of 100 resamplings are from here to there.
    pub low: f64,
    pub high: f64,
}

/// Resamplings of the bootstrap.
const RESAMPLINGS: usize = 1_000;

/// The leads of a policy over others, by other policy and class; none where a class has no request.
///
/// Paired: the same outages, requests and batteries for both. Bootstrap: 1,000 times as many outages are drawn with replacement. Lines of a file
/// that are the same outage (`groups` has their numbers) are drawn together, or the interval would be too narrow.
#[must_use]
pub fn leads(
    ours: &[Sums],
    others: &[&[Sums]],
    clairvoyant: &[f64],
    classes: &[Class],
    groups: &[u32],
    seed: u64,
) -> Vec<[Option<Lead>; 5]> {
    let count = groups.iter().max().map_or(0, |most| *most as usize + 1);
    // By group: its class, the clairvoyant's score, ours less each other's.
    let width = others.len() + 1;
    let mut sums = vec![0.0; count * width];
    let mut class_of = vec![Class::All; count];
    for (at, group) in groups.iter().enumerate() {
        let row = &mut sums[*group as usize * width..][..width];
        class_of[*group as usize] = classes[at];
        row[0] += clairvoyant[at];
        for (cell, other) in row[1..].iter_mut().zip(others) {
            *cell += ours[at].score - other[at].score;
        }
    }
    let drawn = |pick: &mut dyn FnMut() -> usize| {
        let mut totals = vec![0.0; width * Class::ALL.len()];
        for _ in 0..count {
            let group = pick();
            let row = &sums[group * width..][..width];
            let start = class_of[group] as usize * width;
            for (total, cell) in totals[start..start + width].iter_mut().zip(row) {
                *total += cell;
            }
        }
        for class in 1..Class::ALL.len() {
            for cell in 0..width {
                totals[cell] += totals[class * width + cell];
            }
        }
        totals
    };
    let share = |totals: &[f64], class: usize, other: usize| {
        let row = &totals[class * width..][..width];
        (row[0] > 0.0).then(|| row[1 + other] / row[0])
    };
    let mut each = 0..count;
    let whole = drawn(&mut || each.next().unwrap_or_default());
    let mut chance = Chance::stream(seed, 0, Purpose::Bootstrap);
    let resampled: Vec<Vec<f64>> =
        (0..RESAMPLINGS).map(|_| drawn(&mut || chance.below(count as u64) as usize)).collect();
    (0..others.len())
        .map(|other| {
            std::array::from_fn(|class| {
                let ahead = share(&whole, class, other)?;
                let mut spread: Vec<f64> = resampled.iter().filter_map(|totals| share(totals, class, other)).collect();
                spread.sort_by(f64::total_cmp);
                let at = |thousandths: usize| spread.get(spread.len() * thousandths / 1000).copied();
                Some(Lead { ahead, low: at(25)?, high: at(975)? })
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_costs_a_tenth_for_45_s_and_at_most_a_fifth() {
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        near(points(0), 1.0);
        near(points(22_500), 0.95);
        near(points(45_000), 0.9);
        near(points(90_000), 0.8);
        near(points(3_600_000), 0.8);
    }

    #[test]
    fn classes_are_by_length_and_their_ends_belong_to_the_shorter() {
        #[expect(clippy::cast_sign_loss, reason = "lengths are above 0")]
        let hours = |hours: f64| Class::of((hours * 3_600_000.0) as u64);
        let found: Vec<&str> =
            [0.0, 3.0, 3.001, 12.0, 12.001, 48.0, 48.001].into_iter().map(|h| hours(h).word()).collect();
        assert_eq!(found, ["<=3h", "<=3h", "3-12h", "3-12h", "12-48h", "12-48h", ">48h"]);
    }

    #[test]
    fn shares_are_weighted_by_requests() {
        let played = |ends: &[End]| Sums::of(&Played { ends: ends.to_vec(), ..Played::default() });
        let outages = [
            played(&[End::AtOnce]),
            Sums { dark: 1, ..played(&[End::Late { wait_ms: 45_000 }, End::Lost, End::Lost]) },
            played(&[]),
        ];
        let all = total(Class::All, &[Class::Hours3, Class::Hours12, Class::Hours3], &outages);
        assert_eq!((all.outages, all.requests, all.served), (3, 4, 2));
        assert_eq!((all.served_share(), all.mean_wait_s()), (Some(0.5), Some(22.5)));
        assert!((all.score - 1.9).abs() < 1e-12 && (all.dark_share().unwrap_or_default() - 1.0 / 3.0).abs() < 1e-12);
        let short = total(Class::Hours3, &[Class::Hours3, Class::Hours12, Class::Hours3], &outages);
        assert_eq!((short.outages, short.requests), (2, 1));
        assert_eq!(total(Class::Longer, &[Class::Hours3], &outages[..1]).served_share(), None);
    }

    #[test]
    fn the_bootstrap_sees_a_lead_and_the_lack_of_one() {
        let mut chance = Chance::stream(5, 0, Purpose::Outage);
        let scored = |score| Sums { outages: 1, score, ..Sums::default() };
        let ours: Vec<Sums> = (0..400).map(|_| scored(8.0 + chance.share())).collect();
        let mut chance = Chance::stream(5, 1, Purpose::Outage);
        let behind: Vec<Sums> = (0..400).map(|_| scored(7.5 + chance.share())).collect();
        let equal: Vec<Sums> = (0..400).map(|_| scored(8.0 + chance.share())).collect();
        let groups: Vec<u32> = (0..400).collect();
        let leads = leads(&ours, &[&behind, &equal], &[10.0; 400], &[Class::Hours12; 400], &groups, 5);
        let all = leads[0][0].expect("there are requests");
        assert!((all.ahead - 0.05).abs() < 0.01 && all.low > 0.04 && all.high < 0.06 && all.low < all.high, "{all:?}");
        let none = leads[1][0].expect("there are requests");
        assert!(none.low < 0.0 && none.high > 0.0, "{none:?}");
        assert_eq!(leads[0][0], leads[0][2], "there is only this class");
        assert_eq!(leads[0][1], None);
    }

    #[test]
    fn one_outage_in_many_lines_is_one_outage() {
        let scored = |score| Sums { outages: 1, score, ..Sums::default() };
        let ours: Vec<Sums> = (0..100).map(|at| scored(if at < 50 { 9.0 } else { 8.0 })).collect();
        let other = vec![scored(8.2); 100];
        let of = |groups: &[u32]| {
            leads(&ours, &[&other], &[10.0; 100], &[Class::Hours3; 100], groups, 1)[0][0].expect("there are requests")
        };
        let apart = of(&(0..100).collect::<Vec<u32>>());
        let together = of(&(0..100).map(|at| at / 50).collect::<Vec<u32>>());
        assert!((apart.ahead - together.ahead).abs() < 1e-12);
        assert!(apart.low > -1e-12 && together.low < 0.0, "{apart:?}, {together:?}");
    }
}
