//! The demo's sample people and keys: the same for the same seed, on every machine.
//!
//! The seed makes the PINs. Names, badges and keys are always the same, so that a script or a page of documentation can
//! speak of them. These PINs are printed on purpose; they protect nothing but a simulation.

use crate::cabinet::roster::{Key, Roster, User, Window};
use crate::cabinet::types::{Code, Group, KeyId, Role, SlotNo, UserId};
use std::collections::BTreeSet;

/// With this seed badge 1004 has the PIN 482913, as the documentation and the sample script say.
pub(super) const USUAL_SEED: u64 = 876_943;
/// The badge whose PIN the sample script types.
pub(super) const SCRIPT_BADGE: &str = "1004";
/// The PIN it types.
pub(super) const SCRIPT_PIN: &str = "482913";

/// Sample people and keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sample {
    pub people: Vec<Person>,
    pub keys: Vec<Key>,
}

/// A sample person with PINs in clear.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    pub user: User,
    pub pin: String,
    /// Opens as the PIN does and raises a silent alarm.
    pub duress: Option<String>,
    /// What this person is good for in the demo.
    pub note: &'static str,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Person").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Sample {
    /// The sample for a cabinet of so many slots.
    #[must_use]
    pub fn new(seed: u64, slots: u16) -> Self {
        Self { people: people(seed), keys: keys(slots) }
    }

    /// Its roster, without PINs.
    #[must_use]
    pub fn roster(&self) -> Roster {
        Roster {
            users: self.people.iter().map(|person| (person.user.id.clone(), person.user.clone())).collect(),
            keys: self.keys.iter().map(|key| (key.id.clone(), key.clone())).collect(),
        }
    }
}

/// Sebastiano Vigna's splitmix64 (public domain): a few lines, the same everywhere.
struct SplitMix64(u64);

impl SplitMix64 {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Six digits that a cabinet would accept and that nobody else has.
    fn pin(&mut self, taken: &mut BTreeSet<String>) -> String {
        loop {
            let pin = format!("{:06}", self.next() % 1_000_000);
            if !is_trivial(pin.as_bytes()) && taken.insert(pin.clone()) {
                return pin;
            }
        }
    }
}

/// A run (`345678`) or a repetition (`777777`, `121212`, `123123`).
fn is_trivial(pin: &[u8]) -> bool {
    let steps = |by: i16| pin.windows(2).all(|pair| i16::from(pair[1]) - i16::from(pair[0]) == by);
    let repeats = |period: usize| pin.iter().zip(&pin[period..]).all(|(a, b)| a == b);
    steps(1) || steps(-1) || repeats(1) || repeats(2) || repeats(3)
}

fn people(seed: u64) -> Vec<Person> {
    const EVERYWHERE: &[&str] = &["building-a", "building-b", "plant"];
    const WEEKEND: Window = Window { weekdays: 0b110_0000, from: 8 * 60, to: 18 * 60 };
    let mut random = SplitMix64(seed);
    let mut taken = BTreeSet::new();
    let mut person = |id: &str, name: &str, role, code: &str, groups: &[&str], note| Person {
        user: User {
            id: UserId::from(id),
            name: name.to_owned(),
            role,
            badge: Some(Code::new(code)),
            login: None,
            groups: groups.iter().map(|group| Group::from(*group)).collect(),
            valid_from: None,
            valid_until: None,
            schedule: Vec::new(),
            lone_emergency: false,
            revoked: false,
            pin: None,
        },
        pin: random.pin(&mut taken),
        duress: None,
        note,
    };
    let mut manager = person("manager", "Manager", Role::Manager, "1001", &[], "all keys; has a duress PIN");
    let assistant = person("assistant", "Assistant", Role::Assistant, "1002", EVERYWHERE, "a good second person");
    let mut leasing = person("leasing", "Leasing", Role::Staff, "1003", &["building-b"], "building B; login 33");
    let first = person("maintenance-1", "Maintenance 1", Role::Staff, "1004", EVERYWHERE, "begin here");
    let mut second = person(
        "maintenance-2",
        "Maintenance 2",
        Role::Staff,
        "1005",
        EVERYWHERE,
        "may take a ² key alone in an emergency",
    );
    let mut weekend =
        person("weekend", "Weekend helper", Role::Staff, "1006", &["building-a"], "sat, sun 08:00 to 18:00 only");
    let mut former = person("former", "Former staff", Role::Staff, "1007", EVERYWHERE, "access revoked: is refused");
    let admin = person("admin", "Admin", Role::Admin, "1008", &[], "all keys; changes the roster");
    leasing.user.login = Some(Code::new("33"));
    second.user.lone_emergency = true;
    weekend.user.schedule = vec![WEEKEND];
    former.user.revoked = true;
    manager.duress = Some(random.pin(&mut taken));
    vec![manager, assistant, leasing, first, second, weekend, former, admin]
}

/// Units on floors (three on the first, six on each other), and six special keys in the last slots.
fn keys(slots: u16) -> Vec<Key> {
    const SPECIAL: [(&str, &str, &str, bool); 6] = [
        ("boiler", "Boiler room", "plant", false),
        ("mail", "Mail room", "building-a", false),
        ("pool", "Pool", "plant", false),
        ("model", "Model unit", "building-b", false),
        ("roof", "Roof", "plant", true),
        ("master-a", "Master A", "building-a", true),
    ];
    let special_count = if slots >= 12 { 6 } else { 0 };
    let units = slots - special_count;
    let key = |id: String, label: String, building: &str, unit: String, group: &str, home: u16, second_person| Key {
        id: KeyId::from(id),
        label,
        building: building.to_owned(),
        unit,
        groups: BTreeSet::from([Group::from(group)]),
        home: SlotNo(home),
        tag: Some(Code::new(&format!("{}", 70_000 + u32::from(home)))),
        second_person,
    };
    let unit = |index: u16| {
        let (floor, door) = if index < 3 { (1, index + 1) } else { ((index - 3) / 6 + 2, (index - 3) % 6 + 1) };
        let number = format!("{floor}{door:02}");
        let (building, group) = if floor <= 2 { ("A", "building-a") } else { ("B", "building-b") };
        key(number.clone(), format!("Unit {number}"), building, number, group, index + 1, false)
    };
    let special = SPECIAL.iter().take(usize::from(special_count)).zip(units + 1..).map(
        |((id, label, group, second_person), home)| {
            key((*id).to_owned(), (*label).to_owned(), "", String::new(), group, home, *second_person)
        },
    );
    (0..units).map(unit).chain(special).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(count: u16) -> BTreeSet<SlotNo> {
        (1..=count).map(SlotNo).collect()
    }

    #[test]
    fn the_same_seed_makes_the_same_people_and_another_seed_others() {
        assert_eq!(Sample::new(7, 24), Sample::new(7, 24));
        let (one, other) = (Sample::new(7, 24), Sample::new(8, 24));
        assert_eq!(one.keys, other.keys);
        assert!(one.people.iter().zip(&other.people).all(|(a, b)| a.user == b.user && a.pin != b.pin));
    }

    #[test]
    fn splitmix64_is_the_published_one() {
        // The first outputs for the seed 1234567, as in the reference implementation's tests.
        let mut random = SplitMix64(1_234_567);
        assert_eq!([random.next(), random.next()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn the_usual_seed_is_the_one_of_the_documentation() {
        let sample = Sample::new(USUAL_SEED, 24);
        let person = sample.people.iter().find(|person| person.user.badge == Some(Code::new(SCRIPT_BADGE)));
        assert_eq!(person.expect("the script's person").pin, SCRIPT_PIN);
        let key = sample.keys.iter().find(|key| key.label == "Unit 204").expect("the script's key");
        assert_eq!(key.home, SlotNo(7));
    }

    #[test]
    fn the_sample_is_a_sound_roster_for_every_size() {
        for count in [1, 6, 12, 24, 300] {
            let sample = Sample::new(1, count);
            assert_eq!(sample.keys.len(), usize::from(count));
            let roster = sample.roster();
            let change = crate::cabinet::roster::RosterChange {
                source: "sample".into(),
                hash: None,
                replace: true,
                users: roster.users.into_values().collect(),
                keys: roster.keys.into_values().collect(),
                remove_users: Vec::new(),
                remove_keys: Vec::new(),
            };
            let problems = Roster::default().after(&change, &slots(count)).map(|_| ()).err();
            assert_eq!(problems, None, "{count} slots");
        }
    }

    #[test]
    fn no_pin_is_trivial_or_shared() {
        for seed in 0..500 {
            let people = Sample::new(seed, 24).people;
            let pins: Vec<&String> =
                people.iter().flat_map(|person| [Some(&person.pin), person.duress.as_ref()]).flatten().collect();
            assert_eq!(pins.iter().collect::<BTreeSet<_>>().len(), pins.len());
            assert!(pins.iter().all(|pin| pin.len() == 6 && !is_trivial(pin.as_bytes())));
        }
        for trivial in ["123456", "987654", "777777", "121212", "482482"] {
            assert!(is_trivial(trivial.as_bytes()), "{trivial}");
        }
    }
}
