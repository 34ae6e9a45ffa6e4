use super::super::words::{COLUMNS, Paint, View, width};
use super::*;
use crate::cabinet::power::{UpsFigures, UpsSilence};
use crate::cabinet::snapshot::{Asked, ConfigView, Counts, DoorView, KeyName, Moment, SupplyView, Who};
use crate::cabinet::types::{AlarmId, BootId, DoorNo, Mono, Reason, SessionId, SlotNo, Stamp, Wall};
use jiff::tz::TimeZone;

const MIN: u64 = 60_000;

fn plain() -> View {
    let zone = TimeZone::get("America/New_York").expect("bundled");
    View { paint: Paint { colour: false, ascii: false }, zone, age_ms: 2 * MIN, columns: COLUMNS }
}

/// 2026-11-03 09:00 in New York.
const T0: i64 = 1_793_714_400_000;

fn ago(ms: u64) -> Moment {
    let wall = Wall(T0 - i64::try_from(ms).unwrap());
    Moment { wall, clock: ClockQuality::Synced, ago_ms: ms, at_least: false }
}

fn key(id: &str) -> KeyName {
    KeyName { id: id.into(), label: format!("Unit {id}") }
}

fn who(id: &str, name: &str) -> Who {
    Who { id: id.into(), name: name.into() }
}

fn out(id: &str, home: u16, since: Moment, overdue: bool) -> Away {
    let whereabouts = Whereabouts::Out {
        holder: who("ana", "Ana Ruiz"),
        since,
        reason: Reason::WorkOrder,
        reference: Some("8841".into()),
        purpose: Some("the plumber".into()),
        overdue,
    };
    Away { key: key(id), home: Some(SlotNo(home)), whereabouts }
}

fn quiet() -> Snapshot {
    Snapshot {
        site: "Palm Court".into(),
        cabinet: "office".into(),
        as_of: Stamp { mono: Mono(1), wall: Wall(T0), clock: ClockQuality::Synced, boot: BootId(1) },
        head_seq: 1042,
        store: StoreIs::Writable,
        running_since: Some(ago(26 * 60 * MIN)),
        counts: Counts { slots: 24, keys_in: 24, ..Counts::default() },
        doors: vec![DoorView { door: DoorNo(1), state: DoorIs::Closed, since: Some(ago(5 * MIN)) }],
        session: None,
        opening: None,
        alarms: vec![],
        faults: vec![],
        supply: None,
        power: None,
        upstream: None,
        signed_roster: None,
        alerts: None,
        config: ConfigView::default(),
        away: vec![],
        slots: vec![],
    }
}

fn busy() -> Snapshot {
    let figures = UpsFigures {
        charge_pct: Some(88),
        runtime_s: Some(2520),
        load_pct: Some(12),
        real_power_mw: Some(41_500),
        battery_mv: Some(13_620),
    };
    let asked = Asked {
        pull: vec![key("204"), key("205")],
        give_back: vec![key("101")],
        reason: Reason::Showing,
        reference: None,
        purpose: Some("Mr \u{1b}[2JSmith".into()),
        doors: vec![DoorNo(1)],
    };
    Snapshot {
        counts: Counts { slots: 24, keys_in: 20, keys_out: 2, overdue: 1, keys_lost: 1, fault: 1, ..Counts::default() },
        session: Some(SessionView {
            id: SessionId(1040),
            user: who("ben", "Ben Okafor"),
            second: Some(who("ana", "Ana Ruiz")),
            since: ago(MIN),
            opened: false,
            asked: vec![asked],
        }),
        supply: Some(SupplyView { supply: Supply::OnBattery, since: ago(35 * MIN), figures, figures_ago_ms: 3_000 }),
        alarms: vec![
            AlarmView {
                id: AlarmId(1031),
                kind: "open-without-session".into(),
                level: 3,
                sentence: "Door 1 was opened with no session: forced, or with the cabinet key.".into(),
                raised: ago(37 * MIN),
                acknowledged_by: None,
            },
            AlarmView {
                id: AlarmId(1035),
                kind: "overdue".into(),
                level: 1,
                sentence: "Unit 206 is out for longer than its reason allows.".into(),
                raised: ago(2 * MIN),
                acknowledged_by: Some("maria".into()),
            },
        ],
        away: vec![
            out("203", 3, ago(10 * MIN), false),
            out("206", 6, ago(26 * 60 * MIN), true),
            Away {
                key: key("207"),
                home: Some(SlotNo(7)),
                whereabouts: Whereabouts::Lost {
                    last: None,
                    since: Moment { clock: ClockQuality::Restored, at_least: true, ..ago(400 * 24 * 60 * MIN) },
                },
            },
        ],
        ..quiet()
    }
}

#[test]
fn a_quiet_cabinet() {
    let expected = "\
office, Palm Court: as of 09:02, record 1042

Running   since Mon 2 Nov 07:00 (1 d 2 h)
Power     no UPS is watched ([ups] in the config)
Door 1    closed since 08:55 (7 min)
Visit     nobody
Keys      24 slots: 24 in, 0 out
Alarms    none
";
    assert_eq!(status(&quiet(), &plain()), expected);
}

#[test]
fn without_a_ups_none_is_waited_for() {
    let text = status(&quiet(), &plain());
    assert!(text.contains("Power     no UPS is watched"), "{text}");
}

#[test]
fn a_busy_cabinet() {
    let expected = "\
office, Palm Court: as of 09:02, record 1042

Running   since Mon 2 Nov 07:00 (1 d 2 h)
Power     on battery since 08:25 (37 min); charge 88 %, 42 min by its own
          reckoning, load 12 %, 41.5 W, 13.6 V (2 min ago)
Door 1    closed since 08:55 (7 min)
Visit     Ben Okafor, since 08:59 (3 min), with Ana Ruiz: takes Unit 204, Unit
          205 and returns Unit 101, showing, for Mr \u{fffd}[2JSmith; the door was not
          opened yet
Keys      24 slots: 20 in, 2 out, 1 overdue, 1 lost, 1 with a sensor fault

Alarms
  !!! 1031 Door 1 was opened with no session: forced, or with the cabinet key.
      since 08:23 (39 min); `cabinetd alarm ack 1031`
  !   1035 Unit 206 is out for longer than its reason allows. since 08:58 (4
      min); acknowledged by maria

Out
  Unit 206 (slot 6): Ana Ruiz, since Mon 2 Nov 07:00 (1 d 2 h), work order 8841,
    for the plumber  OVERDUE
  Unit 203 (slot 3): Ana Ruiz, since 08:50 (12 min), work order 8841, for the
    plumber

Missing
  Unit 207 (slot 7): lost, since about 2025-09-29 10:00 (at least 400 d 0 h)
";
    assert_eq!(status(&busy(), &plain()), expected);
}

#[test]
fn the_text_never_speaks_of_duress_and_fits_the_width() {
    let colours = View { paint: Paint { colour: true, ascii: true }, ..plain() };
    for text in [status(&busy(), &plain()), status(&busy(), &colours), alarms(&busy(), &colours)] {
        assert!(!text.to_lowercase().contains("duress"));
        assert!(text.lines().all(|line| width(line) <= COLUMNS), "{text}");
    }
    assert_eq!(alarms(&quiet(), &plain()), "No open alarms.\n");
}

#[test]
fn within_one_boot_a_bad_clock_spoils_the_time_of_day_only() {
    let mut seen = quiet();
    seen.running_since = Some(Moment { clock: ClockQuality::Unknown, ..ago(MIN) });
    assert!(status(&seen, &plain()).contains("Running   since about 08:59 (3 min)\n"));
}

#[test]
fn trouble_is_said_first() {
    let mut seen = quiet();
    seen.store = StoreIs::Full;
    seen.as_of.clock = ClockQuality::Restored;
    seen.supply = Some(SupplyView {
        supply: Supply::Unreachable(UpsSilence::Stale),
        since: ago(MIN),
        figures: UpsFigures::default(),
        figures_ago_ms: 0,
    });
    let text = status(&seen, &plain());
    assert!(text.contains("Store     the disk is full"), "{text}");
    assert!(text.contains("Clock     not trusted (where it was at the last shutdown)"), "{text}");
    assert!(
        text.contains("Power     the UPS's data are stale since 08:59 (3 min)\n"),
        "no figures are made up: {text}"
    );
}

#[test]
fn a_lone_emergency_asks_for_a_countersignature() {
    let mut seen = busy();
    let alarm = seen.alarms.swap_remove(0);
    let sentence = "Master was taken alone.".to_owned();
    seen.alarms = vec![AlarmView { kind: LONE_EMERGENCY.into(), sentence, ..alarm }];
    let text = alarms(&seen, &plain()).replace("\n      ", " ");
    assert!(text.ends_with("; `cabinetd alarm countersign 1031 --by USER`\n"), "{text}");
    seen.alarms[0].acknowledged_by = Some("maria".into());
    let text = alarms(&seen, &plain()).replace("\n      ", " ");
    assert!(text.ends_with("; acknowledged by maria; `cabinetd alarm countersign 1031 --by USER`\n"), "{text}");
}

#[test]
fn a_wide_terminal_is_used_up_to_what_is_read_with_ease() {
    for (columns, longest) in [(50, 50), (100, 100), (300, 120)] {
        let text = status(&busy(), &View { columns, ..plain() });
        let widest = text.lines().map(width).max().expect("lines");
        assert!(widest <= longest && widest > longest / 2, "{columns}: {widest}");
    }
}

#[test]
fn slots_that_nobody_can_read_are_not_told_as_if_they_were() {
    let mut seen = quiet();
    seen.counts = Counts { slots: 24, unknown: 24, keys_in: 21, keys_out: 3, ..Counts::default() };
    seen.doors[0] = DoorView { door: DoorNo(1), state: DoorIs::Unknown, since: None };
    let text = status(&seen, &plain());
    assert!(text.contains("Door 1    not known\n"), "{text}");
    assert!(text.contains("Keys      24 slots, of which none can be read; last known: 21 in, 3 out\n"), "{text}");
}

#[test]
fn a_config_that_was_not_taken_or_not_all_of_it_is_told() {
    let mut seen = quiet();
    seen.config = ConfigView { state: ConfigIs::Refused, after_restart: vec!["slots.count".into()] };
    let text = status(&seen, &plain());
    assert!(text.contains("Config    the file was read again and not taken"), "{text}");
    assert!(text.contains("Config    a restart is needed for slots.count\n"), "{text}");
    assert!(!status(&quiet(), &plain()).contains("Config"));
}

#[test]
fn who_is_waited_for_on_a_word_shows_until_it_lapses() {
    let word = crate::cabinet::snapshot::OpeningView {
        user: who("maintenance-2", "Maintenance 2"),
        by: "account root".into(),
        why: "badge at home".into(),
        doors: vec![DoorNo(1)],
        left_ms: 50_000,
    };
    let seen = Snapshot { opening: Some(word), ..quiet() };
    let text = status(&seen, &View { age_ms: 0, columns: 200, ..plain() });
    let expected = "Visit     waiting for Maintenance 2, on the word of account root (badge at home), 50 s left; `cabinetd open --cancel`";
    assert!(text.contains(expected), "{text}");
    let later = status(&seen, &View { age_ms: 50_000, ..plain() });
    assert!(later.contains("Visit     nobody"), "{later}");
}
