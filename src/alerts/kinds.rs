//! What people elsewhere are told, and how fast: one table, kind by kind. `docs/alerts.md` has the same rows.
//!
//! Every fact and every alarm is named here, so that a new one is decided on before it compiles.
//!
//! **Does not** know recipients, nor when anything was told.

use crate::cabinet::event::KeyStep;
use crate::cabinet::fact::{Alarm, Cleared, Dark, Fact};
use crate::cabinet::numbers::Hidden;
use crate::cabinet::power::policy::{Mode, Then, Why};
use crate::cabinet::power::selftest::Verdict;
use crate::cabinet::power::state::Replaced;
use std::fmt::Write as _;

/// How a kind is told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Class {
    /// At once, to those alone who asked for it, and shown nowhere near the cabinet.
    Silent,
    /// At once, at any hour.
    Urgent,
    /// In the next digest.
    Routine,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Silent, Self::Urgent, Self::Routine];

    /// The word in config and messages.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Silent => "duress",
            Self::Urgent => "urgent",
            Self::Routine => "routine",
        }
    }
}

/// A kind of news.
#[derive(PartialEq, Eq, Debug)]
pub struct Kind {
    /// The word for programs.
    pub word: &'static str,
    pub class: Class,
    /// What the subject line says.
    pub subject: &'static str,
}

macro_rules! kinds {
    ($($name:ident $class:ident $word:literal: $subject:literal;)*) => {
        $(
            #[doc = $subject]
            pub static $name: Kind = Kind { word: $word, class: Class::$class, subject: $subject };
        )*

        /// Every kind there is, in the order of the documentation.
        pub static ALL: &[&Kind] = &[$(&$name),*];
    };
}

kinds! {
    DURESS Silent "duress": "Please look after somebody";

    OPEN_WITHOUT_SESSION Urgent "open-without-session": "A door was opened without a session";
    WRONG_KEY Urgent "wrong-key": "A key was taken that was not asked for";
    CHANGED_BEHIND_DOOR Urgent "changed-behind-door": "A slot changed behind its closed door";
    DARK_DIFFERENCE Urgent "dark-difference": "A slot changed while nobody saw it";
    TAMPERED Urgent "tampered": "The housing was opened";
    LOCKBOX_OPENED Urgent "lockbox-opened": "The lockbox of the cabinet key was opened";
    DOOR_STILL_OPEN Urgent "door-still-open": "A door is still open";
    LONE_EMERGENCY Urgent "lone-emergency": "A two-person key was taken alone";
    OUTAGE_BEGAN Urgent "outage-began": "Mains is out";
    DRILL_OUTLASTED Urgent "drill-outlasted": "Mains is out, and it is no drill any more";
    SAVES_BATTERY Urgent "saves-battery": "The cabinet saves its battery";
    SLEEPS Urgent "sleeps": "The cabinet sleeps until it is woken";
    CABINET_KEY_DUE Urgent "cabinet-key-due": "Get the cabinet key ready";
    CABINET_KEY_ONLY Urgent "cabinet-key-only": "Only the cabinet key opens";
    SERVES_AGAIN Urgent "serves-again": "The cabinet serves again";
    OUTAGE_ENDED Urgent "outage-ended": "Mains is back";
    LINES_LOST Urgent "lines-lost": "No sensor can be read";
    LOCK_FAULT Urgent "lock-fault": "A lock does not answer";
    NO_ROOM Urgent "no-room": "The disk is full, nothing is opened";
    RECORDS_MISSING Urgent "records-missing": "Records of the ledger are missing";
    UPSTREAM_AHEAD Urgent "upstream-ahead": "Upstream holds records that the cabinet does not have";
    CABINET_CLONED Urgent "cabinet-cloned": "Another machine uses this cabinet's name";
    UPSTREAM_BLOCKED Urgent "upstream-blocked": "Upstream does not take a record in any form";
    UPSTREAM_SILENT Urgent "upstream-silent": "Upstream has not answered for hours";

    OVERDUE Routine "overdue": "A key is overdue";
    OUT_AT_CLOSING Routine "out-at-closing": "Keys were out at closing time";
    DOOR_LEFT_OPEN Routine "door-left-open": "A door was left open for a while";
    UNEXPECTED_SLOT Routine "unexpected-slot": "A key hangs where it does not belong";
    UNKNOWN_RETURN Routine "unknown-return": "Nobody knows which key came back";
    KEY_STEPPED Routine "key-stepped": "A key was lost, found, re-keyed or retired";
    OPENING_ORDERED Routine "opening-ordered": "An admin gave the word to open a door";
    OPENED_ON_WORD Routine "opened-on-word": "A door was unlocked on an admin's word";
    ROSTER_CHANGED Routine "roster-changed": "The roster changed";
    PRIVILEGES_ROSE Routine "privileges-rose": "A signed roster gives somebody more than before";
    ROSTER_REFUSED Routine "roster-refused": "A signed roster was not taken";
    ROSTER_OVERDUE Routine "roster-overdue": "The signed roster is past its age";
    ROSTER_WAITS Routine "roster-waits": "A signed roster waits for a key";
    INACTIVE_USER Routine "inactive-user": "Somebody has not been here for a long time";
    FLICKER Routine "flicker": "Mains is back after a moment";
    MODE_CHANGED Routine "mode-changed": "The cabinet changed how it uses its power";
    WAS_DARK Routine "was-dark": "Nobody saw the cabinet for a while";
    UPS_UNREACHABLE Routine "ups-unreachable": "The UPS does not answer";
    REPLACE_BATTERY Routine "replace-battery": "The UPS's battery is to be replaced";
    SLEEP_FAILED Routine "sleep-failed": "A sleep was ordered and did not come";
    UPS_FINDING Routine "ups-finding": "News of the UPS or its battery";
    FOREIGN_LOAD Routine "foreign-load": "Something else draws from the cabinet's UPS";
    DRILL Routine "drill": "A drill";
    SENSOR_FAULT Routine "sensor-fault": "A sensor cannot be believed";
    INTERRUPT_DEAD Routine "interrupt-dead": "A chip does not tell when a sensor changes";
    UPSTREAM_LOST_DATA Routine "upstream-lost-data": "Upstream lost records and was sent them again";
    RECORD_PARKED Routine "record-parked": "Upstream refuses what is in a record";
    ALARM_OVER Routine "alarm-over": "An alarm is over";
}

/// Mains is often away for seconds only: an outage is told once it has lasted so long, or as soon as anything else is.
const HELD_MS: u64 = 30_000;

/// What a piece of news has to do with an earlier one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tie {
    Alone,
    /// What record `of` told is over, and that is all there is to say.
    Over {
        of: u64,
    },
    /// A worse one takes the place of what record `of` told: that of the next record.
    Replaced {
        of: u64,
    },
    /// What record `of` told is over, and this tells how to whom that was told.
    Closed {
        of: u64,
    },
    /// The outage that began was none: mains is back. Who was told of it already is told that, the others are told nothing.
    Recalled,
}

/// How a fact is told.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Telling {
    pub kind: &'static Kind,
    /// The kind's own; what is over is told as fast as its beginning was.
    pub class: Class,
    pub tie: Tie,
    /// It may be taken back for so long.
    pub held_ms: u64,
    /// It belongs to a drill: nobody has to run.
    pub is_drill: bool,
}

impl Telling {
    const fn plain(kind: &'static Kind) -> Self {
        Self { kind, class: kind.class, tie: Tie::Alone, held_ms: 0, is_drill: false }
    }
}

/// How an alarm is told.
#[must_use]
pub fn of_alarm(alarm: &Alarm) -> &'static Kind {
    match alarm {
        Alarm::OpenWithoutSession { .. } => &OPEN_WITHOUT_SESSION,
        Alarm::DoorLeftOpen { level, .. } if *level > 1 => &DOOR_STILL_OPEN,
        Alarm::DoorLeftOpen { .. } => &DOOR_LEFT_OPEN,
        Alarm::WrongKey { .. } => &WRONG_KEY,
        Alarm::UnexpectedSlot { .. } => &UNEXPECTED_SLOT,
        Alarm::UnknownReturn { .. } => &UNKNOWN_RETURN,
        Alarm::DarkDifference { .. } => &DARK_DIFFERENCE,
        Alarm::ChangedBehindDoor { .. } => &CHANGED_BEHIND_DOOR,
        Alarm::SensorFault { .. } => &SENSOR_FAULT,
        Alarm::LinesLost => &LINES_LOST,
        Alarm::LockFault { .. } => &LOCK_FAULT,
        Alarm::Tampered => &TAMPERED,
        Alarm::Overdue { .. } => &OVERDUE,
        Alarm::OutAtClosing { .. } => &OUT_AT_CLOSING,
        Alarm::LoneEmergency { .. } => &LONE_EMERGENCY,
        Alarm::Duress { .. } => &DURESS,
        Alarm::InactiveUser { .. } => &INACTIVE_USER,
        Alarm::NoRoom => &NO_ROOM,
        Alarm::UpsUnreachable => &UPS_UNREACHABLE,
        Alarm::SleepFailed { .. } => &SLEEP_FAILED,
        Alarm::ReplaceBattery => &REPLACE_BATTERY,
        Alarm::CabinetKeyDue => &CABINET_KEY_DUE,
        Alarm::CabinetKeyOnly => &CABINET_KEY_ONLY,
        Alarm::RecordsMissing { .. } => &RECORDS_MISSING,
        Alarm::UpstreamLostData { .. } => &UPSTREAM_LOST_DATA,
        Alarm::UpstreamAhead { .. } => &UPSTREAM_AHEAD,
        Alarm::CabinetCloned { .. } => &CABINET_CLONED,
        Alarm::RecordParked { .. } => &RECORD_PARKED,
        Alarm::UpstreamBlocked { .. } => &UPSTREAM_BLOCKED,
        Alarm::UpstreamSilent => &UPSTREAM_SILENT,
        Alarm::InterruptDead { .. } => &INTERRUPT_DEAD,
        Alarm::LockboxOpened => &LOCKBOX_OPENED,
        Alarm::RosterRefused { .. } => &ROSTER_REFUSED,
        Alarm::RosterOverdue { .. } => &ROSTER_OVERDUE,
        Alarm::RosterWaits { .. } => &ROSTER_WAITS,
        Alarm::PrivilegesRose { .. } => &PRIVILEGES_ROSE,
    }
}

/// How a fact is told; none: not at all. `about`: the alarm that it goes on about. `hidden` knows the records by their numbers.
#[must_use]
pub fn of_fact(fact: &Fact, about: Option<&Alarm>, hidden: &Hidden) -> Option<Telling> {
    let plain = |kind| Some(Telling::plain(kind));
    match fact {
        Fact::AlarmRaised { alarm, .. } => plain(of_alarm(alarm)),
        // Whoever was told of it looks after it; what becomes of it is said beside the cabinet.
        Fact::AlarmCleared { alarm, .. } if alarm.is_silent() || about.is_some_and(Alarm::is_silent) => None,
        Fact::AlarmCleared { alarm, why, .. } => {
            let of = hidden.seq(alarm.0);
            let tie = match why {
                Cleared::Escalated => Tie::Replaced { of },
                Cleared::Resolved | Cleared::Acknowledged | Cleared::Countersigned => Tie::Over { of },
            };
            let class = about.map_or(ALARM_OVER.class, |alarm| of_alarm(alarm).class);
            Some(Telling { class, tie, ..Telling::plain(&ALARM_OVER) })
        }
        Fact::PowerSwitched { from, to, why, figures } => {
            let telling = switched(*from, *to, *why, figures.idle_ms)?;
            Some(Telling { is_drill: figures.drill, ..telling })
        }
        Fact::OutageEnded { outage, drill, .. } => {
            let tie = Tie::Closed { of: hidden.seq(outage.0) };
            Some(Telling { tie, is_drill: *drill, ..Telling::plain(&OUTAGE_ENDED) })
        }
        Fact::Started { dark: Some(Dark { announced: false, asleep: None, .. }), .. } => plain(&WAS_DARK),
        Fact::KeyStepped { step, .. } => match step {
            KeyStep::Lost | KeyStep::Found | KeyStep::Rekeyed | KeyStep::Retired | KeyStep::EnteredByMistake => {
                plain(&KEY_STEPPED)
            }
        },
        // Whether anybody takes it up is not known yet.
        Fact::OpeningOrdered { .. } => plain(&OPENING_ORDERED),
        Fact::SessionStarted { on_word: true, .. } => plain(&OPENED_ON_WORD),
        Fact::RosterChanged { .. } => plain(&ROSTER_CHANGED),
        Fact::BatteryReplaced { what: Replaced::Ups | Replaced::Battery, .. }
        | Fact::SelfTestEnded { verdict: Verdict::Weak | Verdict::Failed }
        | Fact::MethodDisproved { .. } => plain(&UPS_FINDING),
        Fact::LoadLearned { day } if day.foreign != 0 => plain(&FOREIGN_LOAD),
        Fact::DrillStarted { .. } | Fact::DrillEnded { .. } => plain(&DRILL),
        Fact::DrillOutlasted { .. } => plain(&DRILL_OUTLASTED),
        Fact::Started { .. }
        | Fact::Stopped { .. }
        | Fact::SlotsAdopted { .. }
        | Fact::DarkCompared { .. }
        | Fact::FoundChanged { .. }
        | Fact::ClockCorrected { .. }
        | Fact::ConfigLoaded { .. }
        | Fact::LinesLost
        | Fact::LinesBack
        | Fact::RecordsMissing { .. }
        | Fact::PinSet { .. }
        | Fact::Vouched { .. }
        | Fact::EnrolmentOffered { .. }
        | Fact::LockboxOpened
        | Fact::LockboxClosed
        | Fact::Denied { .. }
        | Fact::SessionStarted { on_word: false, .. }
        | Fact::SessionJoined { .. }
        | Fact::SessionAuthorised { .. }
        | Fact::SessionClosed { .. }
        | Fact::DoorOpened { .. }
        | Fact::DoorClosed { .. }
        | Fact::Taken { .. }
        | Fact::Returned { .. }
        | Fact::SlotIdentified { .. }
        | Fact::TagContradicted { .. }
        | Fact::SensorFault { .. }
        | Fact::SensorRecovered { .. }
        | Fact::LockFault { .. }
        | Fact::AlarmAcknowledged { .. }
        | Fact::SupplyChanged { .. }
        | Fact::OutageTold { .. }
        | Fact::PowerTold { .. }
        | Fact::EnergyBooked { .. }
        | Fact::BatteryReplaced { what: Replaced::Nothing, .. }
        | Fact::BatteryMeasured { .. }
        | Fact::LoadLearned { .. }
        | Fact::SelfTestBegan
        | Fact::SelfTestEnded { verdict: Verdict::Passed | Verdict::Aborted | Verdict::Unknown(_) }
        | Fact::DrillSaw { .. }
        | Fact::DrillProving { .. }
        | Fact::MethodProved { .. } => None,
    }
}

/// A visit that ends lets the cabinet sleep again: that is no news.
const AFTER_A_VISIT_MS: u64 = 10_000;

fn switched(from: Mode, to: Mode, why: Why, idle_ms: u64) -> Option<Telling> {
    let plain = |kind| Some(Telling::plain(kind));
    match (from, to) {
        (Mode::Line, Mode::Line) => None,
        (Mode::Line, Mode::Grace) => Some(Telling { held_ms: HELD_MS, ..Telling::plain(&OUTAGE_BEGAN) }),
        // Mains is there: with mains out the policy has an outage begin first. That only the cabinet key will open is an alarm of
        // its own.
        (Mode::Line, _) if why == Why::ShutDownByOthers => plain(&MODE_CHANGED),
        (Mode::Line, _) => plain(&OUTAGE_BEGAN),
        (Mode::Grace, Mode::Line) => Some(Telling { tie: Tie::Recalled, ..Telling::plain(&FLICKER) }),
        // The end of the outage is told, with its length.
        (_, Mode::Line) => None,
        (Mode::Grace | Mode::Normal, Mode::Conserve) => plain(&SAVES_BATTERY),
        (_, Mode::FallingAsleep { method, then: Then::Asleep }) if method.is_deep() => match why {
            Why::WokenByClock => plain(&MODE_CHANGED),
            Why::Idle if idle_ms < AFTER_A_VISIT_MS => plain(&MODE_CHANGED),
            _ => plain(&SLEEPS),
        },
        (Mode::Manual { .. }, Mode::Conserve | Mode::Normal) => plain(&SERVES_AGAIN),
        _ => plain(&MODE_CHANGED),
    }
}

/// The table as Markdown, for the documentation.
#[must_use]
pub fn table() -> String {
    let mut text = "| told | kind | what the subject line says |\n|---|---|---|\n".to_owned();
    for Kind { word, class, subject } in ALL {
        let told = match class {
            _ if *word == ALARM_OVER.word => "as it was told",
            Class::Silent => "at once, with `duress = true`",
            Class::Urgent => "at once",
            Class::Routine => "in the digest",
        };
        // Writing to a String does not fail.
        let _ = writeln!(text, "| {told} | `{word}` | {subject} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cabinet::power::policy::Method;
    use crate::cabinet::power::state::{OutageId, SwitchFigures};
    use crate::cabinet::types::{AlarmId, DoorNo, SessionId};
    use std::collections::BTreeSet;

    #[test]
    fn each_kind_has_a_word_of_its_own_and_a_short_subject() {
        let words: BTreeSet<&str> = ALL.iter().map(|kind| kind.word).collect();
        assert_eq!(words.len(), ALL.len());
        for kind in ALL {
            assert!(kind.subject.len() <= 60 && kind.subject.is_ascii() && !kind.subject.ends_with('.'), "{kind:?}");
        }
    }

    #[test]
    fn what_is_silent_at_the_cabinet_is_silent_here_and_nothing_else_is() {
        let silent: Vec<&str> = ALL.iter().filter(|kind| kind.class == Class::Silent).map(|kind| kind.word).collect();
        assert_eq!(silent, ["duress"]);
        // A telephone shows the subject to whoever stands beside it.
        assert!(!DURESS.subject.to_lowercase().contains("duress"));
    }

    #[test]
    fn the_documentation_has_the_table() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/alerts.md");
        let text = std::fs::read_to_string(path).expect("docs/alerts.md");
        assert!(text.contains(&table()), "put this into docs/alerts.md:\n{}", table());
    }

    #[test]
    fn what_is_over_is_told_as_fast_as_its_beginning_was() {
        let cleared = |alarm| Fact::AlarmCleared { alarm, why: Cleared::Resolved, name: None };
        let class = |about: &Alarm| {
            let telling = of_fact(&cleared(AlarmId(7)), Some(about), &Hidden::default());
            telling.map(|telling| (telling.kind.word, telling.class))
        };
        assert_eq!(class(&Alarm::LinesLost), Some(("alarm-over", Class::Urgent)));
        assert_eq!(class(&Alarm::UpsUnreachable), Some(("alarm-over", Class::Routine)));
        assert_eq!(class(&Alarm::Duress { session: Some(SessionId(1)), user: "ana".into() }), None);
        assert_eq!(of_fact(&cleared(AlarmId::silent(7)), None, &Hidden::default()), None);
    }

    #[test]
    fn a_shutdown_by_others_on_mains_is_no_outage() {
        let down = Mode::FallingAsleep { method: Method::Halt, then: Then::Manual };
        let kind = |why| switched(Mode::Line, down, why, 0).map(|telling| telling.kind.word);
        assert_eq!(kind(Why::ShutDownByOthers), Some("mode-changed"));
        assert_eq!(kind(Why::MainsLost), Some("outage-began"));
    }

    #[test]
    fn a_word_that_nobody_took_up_opened_nothing() {
        let ordered = Fact::OpeningOrdered { user: "ana".into(), doors: vec![DoorNo(1)], why: "a flat badge".into() };
        let telling = of_fact(&ordered, None, &Hidden::default()).expect("it is told");
        assert!(!telling.kind.subject.contains("opened") && !telling.kind.subject.contains("unlocked"));
        let came = |on_word| {
            let (vouched, clock_unverified) = (false, false);
            let fact = Fact::SessionStarted { user: "ana".into(), vouched, clock_unverified, on_word };
            of_fact(&fact, None, &Hidden::default()).map(|telling| telling.kind.word)
        };
        assert_eq!((came(true), came(false)), (Some("opened-on-word"), None));
    }

    #[test]
    fn what_a_drill_does_says_so() {
        let switched = |drill| {
            let figures = SwitchFigures { drill, ..SwitchFigures::default() };
            let fact = Fact::PowerSwitched { from: Mode::Line, to: Mode::Grace, why: Why::MainsLost, figures };
            of_fact(&fact, None, &Hidden::default()).map(|telling| (telling.kind.word, telling.is_drill))
        };
        assert_eq!(switched(true), Some(("outage-began", true)));
        assert_eq!(switched(false), Some(("outage-began", false)));
        let outlasted = of_fact(&Fact::DrillOutlasted { outage: OutageId(9) }, None, &Hidden::default());
        let outlasted = outlasted.map(|telling| (telling.kind.word, telling.class, telling.is_drill));
        assert_eq!(outlasted, Some(("drill-outlasted", Class::Urgent, false)));
    }

    #[test]
    fn a_sleep_after_each_visit_is_routine_and_the_first_one_is_not() {
        let asleep = Mode::FallingAsleep { method: Method::Halt, then: Then::Asleep };
        let kind = |why, idle_ms| switched(Mode::Conserve, asleep, why, idle_ms).map(|telling| telling.kind.word);
        assert_eq!(kind(Why::Idle, 60_000), Some("sleeps"));
        assert_eq!(kind(Why::Idle, 5_000), Some("mode-changed"));
        assert_eq!(kind(Why::ToldToSleep, 0), Some("sleeps"));
        let standby = Mode::FallingAsleep { method: Method::Standby, then: Then::Asleep };
        assert_eq!(switched(Mode::Conserve, standby, Why::Idle, 60_000).map(|t| t.kind.word), Some("mode-changed"));
    }
}
