//! What the core is told of its cabinet and its rules. Plain data; `config.rs` fills it from the TOML file.

use super::power::PowerSettings;
use super::roster::Window;
use super::types::{DoorNo, Group, Reason, Role, SlotNo};
use std::collections::BTreeMap;

/// A cabinet and its rules.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// Site and cabinet: 1 to 64 characters each, in every record.
    pub site: String,
    pub cabinet: String,
    pub doors: BTreeMap<DoorNo, Door>,
    pub slots: BTreeMap<SlotNo, SlotPlace>,
    /// Whether a tamper contact is wired.
    pub tamper: bool,
    /// Whether the lockbox of the cabinet key has a contact.
    pub lockbox: bool,
    /// Whether there is a status lamp.
    pub lamp: bool,
    /// Whether there is a button.
    pub button: bool,
    pub access: AccessRules,
    pub sessions: SessionRules,
    pub alerts: AlertRules,
    /// None: no UPS is watched, and the cabinet knows only mains.
    pub power: Option<PowerSettings>,
    /// Whether the ledger is copied upstream.
    pub upstream: bool,
    /// Whether rosters count that are signed elsewhere.
    pub signed_roster: bool,
    /// Upstream that is silent for so long is an alarm, the time of outages not counted; 0 = never.
    pub upstream_silent_ms: u64,
    /// Whether people elsewhere are told of alarms.
    pub recipients: bool,
}

/// A door.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Door {
    /// Whether it has a contact. Without one a door counts as closed when its lock is off.
    pub contact: bool,
}

/// Where a slot is and what it has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SlotPlace {
    pub door: DoorNo,
    /// From 1, from the top left.
    pub row: u16,
    pub column: u16,
    pub latch: bool,
    pub led: bool,
}

/// Who may identify themselves how, and how failures are charged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccessRules {
    /// Badge and PIN.
    pub badge_and_pin: bool,
    /// Login number and PIN.
    pub login_and_pin: bool,
    /// Badge without PIN. Convenient, weak.
    pub badge_alone: bool,
    /// A half-typed PIN is forgotten after this.
    pub pin_timeout_ms: u64,
    /// Failures the whole device bears at once, and per hour sustained.
    pub failures_per_hour: u32,
    /// Failures of one person before a delay begins.
    pub free_failures: u32,
    /// The first delay; it doubles with each further failure.
    pub delay_ms: u64,
    pub longest_delay_ms: u64,
    /// Who may be the second person: people of these groups; none = whoever may take the key.
    pub second_person_groups: Vec<Group>,
    /// Who may acknowledge alarms, declare, change the roster.
    pub acknowledge: Role,
    pub declare: Role,
    pub manage_roster: Role,
}

/// How a visit runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionRules {
    /// Whether a reason and a key must be given before the door opens.
    pub ask_required: bool,
    /// Whether a key goes back to its own slot (`fixed`) or to any (`free`).
    pub fixed_return: bool,
    /// Longest time a lock relay is energised; the door opening ends it earlier.
    pub unlock_ms: u32,
    /// Identified, but nothing asked for; or waiting for the second person.
    pub ask_timeout_ms: u64,
    /// Door open without a slot edge: levels 1, 2, 3 of the alarm.
    pub door_open_ms: [u64; 3],
    /// A level must hold this long to count.
    pub debounce_ms: u64,
    /// More raw edges than `chatter_edges` in `chatter_window_ms` are a broken sensor, not a hand.
    pub chatter_edges: u32,
    pub chatter_window_ms: u64,
    /// Longest time a command may take.
    pub command_ms: u64,
}

/// When to speak up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AlertRules {
    /// How long a key may be out, by reason; none = no limit.
    pub overdue_ms: BTreeMap<Reason, u64>,
    /// Keys still out when one of these windows ends raise an alert.
    pub office_hours: Vec<Window>,
    /// Days without a visit after which a user counts as inactive; 0 = never.
    pub inactive_days: u32,
}

impl Settings {
    /// The rules as shipped, for a cabinet with one door and slots in rows of `columns`.
    #[must_use]
    pub fn plain(slots: u16, columns: u16) -> Self {
        const HOUR_MS: u64 = 3_600_000;
        let place = |index: u16| SlotPlace {
            door: DoorNo(1),
            row: index / columns + 1,
            column: index % columns + 1,
            latch: false,
            led: true,
        };
        Self {
            site: "site".into(),
            cabinet: "cabinet-1".into(),
            doors: BTreeMap::from([(DoorNo(1), Door { contact: true })]),
            slots: (0..slots).map(|index| (SlotNo(index + 1), place(index))).collect(),
            tamper: false,
            lockbox: false,
            lamp: false,
            button: true,
            access: AccessRules::default(),
            sessions: SessionRules::default(),
            alerts: AlertRules {
                overdue_ms: BTreeMap::from([
                    (Reason::WorkOrder, 10 * HOUR_MS),
                    (Reason::Emergency, 4 * HOUR_MS),
                    (Reason::UnitAccess, 4 * HOUR_MS),
                    (Reason::Showing, 2 * HOUR_MS),
                    (Reason::DayToDay, 12 * HOUR_MS),
                    (Reason::Unstated, 12 * HOUR_MS),
                ]),
                office_hours: Vec::new(),
                inactive_days: 90,
            },
            power: None,
            upstream: false,
            signed_roster: false,
            upstream_silent_ms: 0,
            recipients: false,
        }
    }
}

impl Default for AccessRules {
    fn default() -> Self {
        Self {
            badge_and_pin: true,
            login_and_pin: true,
            badge_alone: false,
            pin_timeout_ms: 30_000,
            failures_per_hour: 10,
            free_failures: 3,
            delay_ms: 5_000,
            longest_delay_ms: 900_000,
            second_person_groups: Vec::new(),
            acknowledge: Role::Staff,
            declare: Role::Assistant,
            manage_roster: Role::Admin,
        }
    }
}

impl Default for SessionRules {
    fn default() -> Self {
        Self {
            ask_required: true,
            fixed_return: true,
            unlock_ms: 8_000,
            ask_timeout_ms: 60_000,
            door_open_ms: [60_000, 180_000, 600_000],
            debounce_ms: 30,
            chatter_edges: 20,
            chatter_window_ms: 2_000,
            command_ms: 5_000,
        }
    }
}
