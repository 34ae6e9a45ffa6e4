use super::*;
use crate::cabinet::roster::Window;
use crate::cabinet::types::{Code, Group, KeyId, Role, SlotNo, UserId, Wall};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fs;

fn chicago() -> TimeZone {
    TimeZone::get("America/Chicago").unwrap()
}

fn read_as(name: &str, content: impl AsRef<[u8]>) -> Result<RosterFile, Vec<Problem>> {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(name);
    fs::write(&path, content).unwrap();
    read(&[path], &chicago()).map_err(|problems| {
        let short = |problem: Problem| Problem { file: name.to_owned(), ..problem };
        problems.into_iter().map(short).collect()
    })
}

/// The problems of a file as the person sees them.
fn refused(name: &str, content: impl AsRef<[u8]>) -> Vec<String> {
    read_as(name, content).unwrap_err().iter().map(Problem::to_string).collect()
}

fn assert_says(problems: &[String], expected: &[&str]) {
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(expected.split('…').all(|part| problem.contains(part)), "{problem:?} lacks {expected:?}");
    }
}

#[test]
fn a_csv_of_users_reads_as_people_write_it() {
    let file = read_as(
        "users.csv",
        "\u{feff}Name,ID,Role,Badge,Groups,Valid from,valid-until,Schedule\r\n\
         \r\n\
         Leasing office, leasing ,Staff,007,\"a b\",2026-03-01,2026-11-01,\"mon-fri 07:00-19:00; sat 9:00-13:00\"\r\n\
         \"Painter, contractor\",painter,staff,,b;c,2026-11-01T18:30:00Z,2026-11-01 18:30,\r\n",
    )
    .unwrap();
    let users = file.users.unwrap();
    assert_eq!(file.keys, None);
    assert_eq!(users[0].id.as_str(), "leasing");
    assert_eq!(users[0].badge, Some(Code::new("007")), "leading zeros count");
    assert_eq!(users[0].groups, BTreeSet::from([Group::from("a"), Group::from("b")]));
    // Chicago: UTC−6 until 8 March 2026, and again from 02:00 on 1 November: the last moment of that day is CST.
    assert_eq!(users[0].valid_from, Some(Wall(1_772_344_800_000)));
    assert_eq!(users[0].valid_until, Some(Wall(1_793_599_200_000 - 1)));
    assert_eq!(
        users[0].schedule,
        [Window { weekdays: 0b1_1111, from: 420, to: 1140 }, Window { weekdays: 0b10_0000, from: 540, to: 780 }]
    );
    assert_eq!(users[1].name, "Painter, contractor");
    assert_eq!(users[1].valid_from, Some(Wall(1_793_557_800_000)));
    assert_eq!(users[1].valid_until, Some(Wall(1_793_579_400_000)));
    assert_eq!(file.source, "users.csv");
}

#[test]
fn every_problem_is_listed_with_line_and_remedy() {
    let problems = refused(
        "users.csv",
        "id,name,rolle,badge,groups,valid_until,pin\n\
         a,Leasing,staff,1,x,2026-02-30,\n\
         \n\
         ,Nobody,staff,2,x,,\n\
         a,Again,staff,1,x,,\n\
         b,\"Too,many\",staff,3,x,,,9\n\
         c,\"broken\nline\",staff,4,x,13/11/2026,\n",
    );
    assert_says(
        &problems,
        &[
            "users.csv:1: \"rolle\" is no field of users; did you mean \"role\"?",
            "users.csv:1: the column role is missing",
            "users.csv:1: …pin…never read from a file…remove it",
            "users.csv:2: valid_until: this is no date that exists; write 2026-11-23",
            "users.csv:4: id is missing",
            "users.csv:5: the same badge or tag is on line 2 already",
            "users.csv:5: the same id is on line 2 already",
            "users.csv:6: there are 8 values under 7 columns",
            "users.csv:7: name: there is a line break",
            "users.csv:7: valid_until: this is no date",
        ],
    );
}

#[test]
fn toml_problems_have_the_line_of_the_value() {
    let problems = refused(
        "roster.toml",
        "title = 'x'\n\
         [[user]]\n\
         id = 'z'\n\
         [[users]]\n\
         id = 'a'\n\
         name = 'A'\n\
         role = 'managr'\n\
         schedule = ['mon-fri 07:00-19:00', 'sat 25:00-26:00', 'funday 1:00-2:00']\n\
         bagde = '1'\n\
         groups = ['two words']\n\
         badge = 12.5\n\
         lone_emergency = 'perhaps'\n\
         [[keys]]\n\
         id = '1'\n\
         label = 'Unit 1'\n\
         home = 0\n\
         [[keys]]\n\
         id = '2'\n\
         home = 70000\n",
    );
    assert_says(
        &problems,
        &[
            "roster.toml:1: \"title\" is no part of a roster",
            "roster.toml:2: \"user\" is no part…did you mean [[users]]?",
            "roster.toml:7: role: \"managr\" is no role; did you mean manager?",
            "roster.toml:8: schedule: \"25:00\" is no time of day",
            "roster.toml:8: schedule: \"funday\" is no day of the week",
            "roster.toml:9: \"bagde\" is no field of users; did you mean \"badge\"?",
            "roster.toml:10: groups: a group's name has no spaces",
            "roster.toml:11: badge: there is a number of a kind that does not belong here; write the value in quotes",
            "roster.toml:12: lone_emergency: \"perhaps\" is neither yes nor no",
            "roster.toml:16: home: \"0\" is no slot number",
            "roster.toml:17: label is missing",
            "roster.toml:19: home: this value is no slot number",
        ],
    );
}

#[test]
fn broken_toml_is_refused_without_showing_the_line() {
    let problems = refused("roster.toml", "[[users]]\nid = 'a'\nbadge = '90210\nname = 'A'\n");
    assert!(problems.iter().any(|problem| problem.starts_with("roster.toml:3: this is not TOML")), "{problems:?}");
    assert_eq!(problems.len(), 1, "told once: {problems:?}");
    assert!(problems.iter().all(|problem| !problem.contains("90210")), "{problems:?}");
    assert_says(&refused("roster.toml", "[users]\nid = 'a'\n"), &["users is not a list…[[users]]"]);
    assert_says(&refused("roster.toml", ""), &["neither users nor keys"]);
}

#[test]
fn no_problem_shows_what_may_be_a_badge_number_or_a_pin() {
    // Columns that slipped by one: the badge stands under role, under home, under the flags.
    for (name, content) in [
        (
            "u.csv",
            "id,name,role,badge,valid_from,schedule,lone_emergency\na,A,9021033,9021033,9021033,9021033,9021033\nb,B,staff,9021033,,,\nc,C,staff,9021033,,,\n",
        ),
        ("k.csv", "id,label,home,tag\na,A,9021033,9021033\nb,B,1,9021033\n9021033,9021033,9021033,9021033,9021033\n"),
        ("r.toml", "9021033 = 1\n[[users]]\nid = 'a'\nrole = '9021033'\n9021033 = 5\n"),
        ("h.csv", "id,name,role,9021033\n"),
    ] {
        let problems = refused(name, content).join("\n");
        assert!(!problems.contains("9021033"), "{problems}");
    }
}

#[test]
fn encodings_are_read_or_refused_with_what_to_do() {
    let plain = "id,name,role\na,Büro,staff\n";
    let utf16 = |mark: [u8; 2], bytes: fn(u16) -> [u8; 2]| {
        let mut all = mark.to_vec();
        all.extend(plain.replace(',', "\t").encode_utf16().flat_map(bytes));
        all
    };
    for content in [
        plain.as_bytes().to_vec(),
        format!("\u{feff}{plain}").into_bytes(),
        plain.replace('\n', "\r\n").into_bytes(),
        plain.replace('\n', "\r").into_bytes(),
        plain.replace(',', ";").into_bytes(),
        utf16([0xff, 0xfe], u16::to_le_bytes),
        utf16([0xfe, 0xff], u16::to_be_bytes),
    ] {
        let users = read_as("users.csv", &content).unwrap().users.unwrap();
        assert_eq!((users.len(), users[0].name.as_str()), (1, "Büro"), "{content:?}");
    }
    let latin: Vec<u8> = plain.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect();
    assert_says(&refused("users.csv", latin), &["users.csv:2: a character is not UTF-8…save it as UTF-8"]);
    let unmarked: Vec<u8> = plain.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_says(&refused("users.csv", unmarked), &["zero bytes…save it as UTF-8"]);
    assert_says(&refused("users.csv", [0xff, 0xfe, 0x41]), &["begins as UTF-16"]);
}

#[test]
fn files_that_are_no_roster_are_refused() {
    assert_says(&refused("users.csv", ""), &["it is empty"]);
    assert_says(&refused("users.csv", "colour,shape\nred,round\n"), &["does not tell whether these are users or keys"]);
    assert_says(&refused("roster.pdf", "id,name,role\n"), &["neither a .toml nor a .csv"]);
    let huge = vec![b'x'; usize::try_from(LARGEST_FILE_BYTES).unwrap() + 1];
    assert_says(&refused("users.csv", huge), &["larger than 8 MiB"]);
    let missing = read(&[PathBuf::from("no-such-roster.toml")], &chicago()).unwrap_err();
    assert!(missing[0].to_string().contains("cannot read it"), "{missing:?}");
    assert!(read(&[PathBuf::from("/dev/zero")], &chicago()).is_err(), "not a plain file");
    let empty = tempfile::tempdir().unwrap();
    assert!(
        read(&[empty.path().to_owned()], &chicago()).unwrap_err()[0].what.contains("neither users.csv nor keys.csv")
    );
}

#[test]
fn a_huge_number_of_problems_is_counted() {
    let content = format!("id,name,role\n{}", "a,A,bos\n".repeat(4_000));
    let problems = refused("users.csv", content);
    assert_eq!(problems.len(), MOST_PROBLEMS + 1);
    assert!(problems.last().unwrap().contains("more problems"));
}

#[test]
fn numbers_that_a_spreadsheet_rounded_are_refused() {
    let problems = refused("keys.csv", "id,label,home,tag\n1,One,1,1.23E+11\n");
    assert_says(&problems, &["keys.csv:2: tag: a spreadsheet turned this number…as text"]);
}

#[test]
fn formulas_are_disarmed_on_export_and_come_back() {
    let mut roster = Roster::default();
    for name in ["=1+1", "+1", "-2", "@x", "'=x", "'quoted'", "＝x"] {
        let id = UserId::from(name);
        roster.users.insert(id.clone(), User { name: name.into(), ..user(name) });
    }
    let text = csv::write_users(&roster, &chicago());
    for cell in text.lines().skip(1).flat_map(|line| line.split(',')).map(|cell| cell.trim_matches('"')) {
        assert!(!cell.starts_with(['=', '+', '-', '@', '＝']), "{cell}");
    }
    let back = read_as("users.csv", &text).unwrap().users.unwrap();
    assert_eq!(back, roster.users.into_values().collect::<Vec<_>>());
}

#[test]
fn half_a_roster_leaves_the_other_half_alone() {
    let mut current = Roster::default();
    for (id, revoked) in [("stays", true), ("goes", false)] {
        current.users.insert(id.into(), User { revoked, ..user(id) });
    }
    current.keys.insert("1".into(), key("1", 1));
    let change =
        read_as("users.csv", "id,name,role\nstays,Stays,staff\nnew,New,staff\n").unwrap().into_change(&current);
    assert!(!change.replace);
    let (after, _) = current.after(&change, &BTreeSet::from([SlotNo(1)])).unwrap();
    assert_eq!(after.keys, current.keys);
    assert_eq!(after.users.keys().map(UserId::as_str).collect::<Vec<_>>(), ["new", "stays"]);
    assert!(after.users[&UserId::from("stays")].revoked, "an import lifts no revocation");

    let change = read_as("keys.csv", "id,label,home\n2,Two,1\n").unwrap().into_change(&current);
    let (after, _) = current.after(&change, &BTreeSet::from([SlotNo(1)])).unwrap();
    assert_eq!(after.users, current.users);
    assert_eq!(after.keys.keys().map(KeyId::as_str).collect::<Vec<_>>(), ["2"]);
}

#[test]
fn the_sample_rosters_are_sound_and_the_same() {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let toml = read(&[config.join("roster-sample.toml")], &chicago()).unwrap();
    let folder = read(&[config.join("roster-sample")], &chicago()).unwrap();
    assert_eq!(folder.source, "users.csv + keys.csv");
    let slots: BTreeSet<SlotNo> = (1..=24).map(SlotNo).collect();
    let (from_toml, _) = Roster::default().after(&toml.into_change(&Roster::default()), &slots).unwrap();
    let (from_csv, _) = Roster::default().after(&folder.into_change(&Roster::default()), &slots).unwrap();
    assert_eq!(from_toml, from_csv);
    assert!(from_toml.users.len() >= 5 && from_toml.keys.len() >= 8);
}

#[test]
fn the_hash_is_that_of_the_bytes() {
    let file = read_as("users.csv", "id,name,role\na,A,staff\n").unwrap();
    // printf 'id,name,role\na,A,staff\n' | sha256sum
    assert_eq!(file.hash, "122d461170990d3f8498521fd2afec8d446c463ec711862c3ef7ec2cbd48df57");
}

#[test]
fn windows_read_as_people_write_them() {
    for (text, weekdays, from, to) in [
        ("daily 00:00-24:00", 0x7f, 0, 1440),
        ("Mon, Wed 8:00-10:30", 0b101, 480, 630),
        ("fri-mon 22:00-06:00", 0b111_0001, 1320, 360),
        ("sunday 22:00-0:00", 0b100_0000, 1320, 1440),
        ("never", 0, 0, 1440),
    ] {
        assert_eq!(words::window(text).unwrap(), Window { weekdays, from, to }, "{text}");
    }
    for bad in [
        "",
        "mon",
        "mon 7-19",
        "mon 07:00",
        "mon 07:60-08:00",
        "mon 24:00-01:00",
        "mon 07:00-24:01",
        "x 07:00-08:00",
        "mon 7:0-8:00",
        "- 07:00-08:00",
        "07:00-08:00",
    ] {
        assert!(words::window(bad).is_err(), "{bad}");
    }
}

#[test]
fn only_one_way_of_writing_a_date_is_taken() {
    use words::{End, moment};
    for bad in [
        "",
        "23.11.2026",
        "11/23/2026",
        "2026-11-31",
        "2026-13-01",
        "26-11-23",
        "2026-11-23 25:00",
        "07:00",
        "tomorrow",
        "2026-11-23x",
    ] {
        assert!(moment(bad, End::From, &chicago()).is_err(), "{bad}");
    }
    // The day that begins at 01:00 (Cairo, 2024-04-26) and the hour that comes twice.
    let cairo = TimeZone::get("Africa/Cairo").unwrap();
    let from = moment("2024-04-26", End::From, &cairo).unwrap();
    assert_eq!(words::moment_text(from, End::From, &cairo), "2024-04-26");
    let twice = moment("2026-11-01T01:30:00-06:00", End::From, &chicago()).unwrap();
    assert_eq!(words::moment_text(twice, End::From, &chicago()), "2026-11-01T01:30:00-06:00");
    for extreme in [i64::MIN, i64::MAX] {
        assert!(!words::moment_text(Wall(extreme), End::Until, &chicago()).is_empty());
    }
}

fn user(id: &str) -> User {
    User {
        id: id.into(),
        name: id.into(),
        role: Role::Staff,
        badge: None,
        login: None,
        groups: BTreeSet::new(),
        valid_from: None,
        valid_until: None,
        schedule: Vec::new(),
        lone_emergency: false,
        revoked: false,
        pin: None,
    }
}

fn key(id: &str, home: u16) -> Key {
    Key {
        id: id.into(),
        label: id.into(),
        building: String::new(),
        unit: String::new(),
        groups: BTreeSet::new(),
        home: SlotNo(home),
        tag: None,
        second_person: false,
    }
}

/// Text that prints, with everything that CSV, TOML and spreadsheets trip over.
const TEXT: &str = "[-=+@'\"\\\\#,;a-zA-Z0-9éß中＝]([-=+@'\"\\\\#,; \\[\\]{}a-z0-9.é中]{0,12}[-'\"\\\\#,;a-z0-9=é])?";

prop_compose! {
    fn any_window()(weekdays in 1u8..=0x7f, from in 0u16..1440, to in 1u16..=1440) -> Window {
        Window { weekdays, from, to }
    }
}

prop_compose! {
    fn any_users()(list in proptest::collection::btree_map(TEXT, (
        (TEXT, 0usize..4, any::<bool>(), any::<bool>()),
        proptest::collection::btree_set("[-=a-z0-9'\"é]{1,8}", 0..4),
        (proptest::option::of(0i64..250_000_000_000_000), proptest::option::of(0i64..20_000)),
        proptest::collection::vec(any_window(), 0..4),
    ), 0..8), badges in proptest::collection::btree_set("[-=+0-9A-DF:]{1,20}", 16)) -> Vec<User> {
        let mut badges = badges.into_iter();
        list.into_iter().map(|(id, ((name, role, one, two), groups, (from, days), schedule))| User {
            name,
            role: [Role::Staff, Role::Assistant, Role::Manager, Role::Admin][role],
            badge: badges.next().filter(|_| one).map(|code| Code::new(&code)),
            login: badges.next().filter(|_| two).map(|code| Code::new(&code)),
            groups: groups.iter().map(|group| Group::from(group.as_str())).collect(),
            valid_from: from.map(Wall),
            valid_until: days.map(|days| words::moment("2033-11-06", words::End::Until, &chicago()).unwrap().0 + days * 86_400_000)
                .filter(|until| from.is_none_or(|from| from <= *until)).map(Wall),
            schedule,
            lone_emergency: one,
            revoked: two,
            ..user(&id)
        }).collect()
    }
}

prop_compose! {
    fn any_keys()(list in proptest::collection::btree_map(TEXT, (TEXT, TEXT, any::<bool>(), any::<bool>()), 0..8),
                  homes in proptest::collection::btree_set(1u16.., 8)) -> Vec<Key> {
        let mut homes = homes.into_iter();
        list.into_iter().enumerate().map(|(index, (id, (label, unit, tagged, second_person)))| Key {
            label,
            building: if tagged { unit.clone() } else { String::new() },
            unit,
            tag: tagged.then(|| Code::new(&format!("T{index}"))),
            second_person,
            ..key(&id, homes.next().unwrap())
        }).collect()
    }
}

proptest! {
    #[test]
    fn what_is_exported_is_imported_the_same(users in any_users(), keys in any_keys(), zone in 0usize..4) {
        let zone = TimeZone::get(["America/Chicago", "UTC", "Asia/Kathmandu", "Africa/Monrovia"][zone]).unwrap();
        let mut roster = Roster::default();
        roster.users.extend(users.into_iter().map(|user| (user.id.clone(), user)));
        roster.keys.extend(keys.into_iter().map(|key| (key.id.clone(), key)));
        for format in [Format::Toml, Format::Csv] {
            let home = tempfile::tempdir().unwrap();
            for (name, content) in write(&roster, format, &zone) {
                fs::write(home.path().join(name), content).unwrap();
            }
            let path = if format == Format::Toml { home.path().join("roster.toml") } else { home.path().to_owned() };
            let back = read(&[path], &zone);
            prop_assert!(back.is_ok(), "{:?}", back);
            let back = back.unwrap();
            prop_assert_eq!(back.users.unwrap(), roster.users.values().cloned().collect::<Vec<_>>());
            prop_assert_eq!(back.keys.unwrap(), roster.keys.values().cloned().collect::<Vec<_>>());
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), text in "(?s).{0,200}", head in 0usize..4) {
        let head = ["", "id,name,role\n", "id;label;home;tag\n", "[[users]]\n"][head];
        for name in ["a.csv", "a.toml"] {
            let _ = read_as(name, &bytes);
            let _ = read_as(name, format!("{head}{text}"));
        }
    }
}
