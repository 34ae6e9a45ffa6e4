//! The keys of what the cabinet is made of: lines, doors, slots, switched loads, readers.

use super::form::{Form, Key, Preset, text, truth, whole};
use super::{NAME, PATH, name_into, path_into};
use crate::config::problem::Fault;
use crate::io::lines::wiring::PinsBy;
use crate::io::readers::wanted::{By, Kind, Layout};
use std::path::PathBuf;

/// `[lines]` while it is read.
#[derive(Debug, Default)]
pub(in crate::config) struct LinesDraft {
    pub(in crate::config) backend: Backend,
    pub(in crate::config) poll_s: u64,
    pub(in crate::config) socket: Option<PathBuf>,
}

/// How lines are reached.
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::config) enum Backend {
    #[default]
    Sim,
    /// Real ones, the header pins in this way.
    Real(PinsBy),
}

pub(in crate::config) static LINES: &[Key<LinesDraft>] = &[
    Key {
        name: "backend",
        form: Form::Choice {
            words: &[
                ("sim", |l| l.backend = Backend::Sim),
                ("gpiocdev", |l| l.backend = Backend::Real(PinsBy::Gpiocdev)),
                ("rppal", |l| l.backend = Backend::Real(PinsBy::Rppal)),
            ],
        },
        preset: Preset::Required("\"gpiocdev\""),
    },
    whole("poll_s", "s", 1..=300, "30", |l, v| l.poll_s = v),
    text("socket", PATH, Preset::Without("hardware.sock in run_dir", "\"hardware.sock\""), |l, v| {
        let mut path = PathBuf::new();
        path_into(&mut path, v)?;
        l.socket = Some(path);
        Ok(())
    }),
];

/// One `[[door]]` while it is read.
#[derive(Debug, Default)]
pub(in crate::config) struct DoorDraft {
    pub(in crate::config) number: u8,
    pub(in crate::config) contact: bool,
}

pub(in crate::config) static DOOR: &[Key<DoorDraft>] = &[
    Key {
        name: "number",
        form: Form::Whole { unit: "", range: 1..=16, set: |d, v| d.number = v as u8 },
        preset: Preset::Required("1"),
    },
    Key {
        name: "contact",
        form: Form::Truth { set: |d, v| d.contact = v },
        preset: Preset::Stated(
            "true",
            "the door has no contact",
            "without one nobody can tell whether the door is open: write contact = true, \
             or contact = false to do without",
        ),
    },
];

/// `[slots]` while it is read.
#[derive(Debug, Default)]
pub(in crate::config) struct SlotsDraft {
    pub(in crate::config) count: u16,
    pub(in crate::config) columns: u16,
    pub(in crate::config) rest: SlotDraft,
}

pub(in crate::config) static SLOTS: &[Key<SlotsDraft>] = &[
    Key {
        name: "count",
        form: Form::Whole { unit: "slots", range: 1..=1000, set: |s, v| s.count = v as u16 },
        preset: Preset::Required("24"),
    },
    whole("columns", "slots", 1..=100, "8", |s, v| s.columns = v as u16),
    whole("door", "", 1..=16, "1", |s, v| s.rest.door = v as u8),
    truth("led", "true", |s, v| s.rest.led = v),
    truth("latch", "false", |s, v| s.rest.latch = v),
];

/// One `[[slot]]` while it is read.
#[derive(Debug, Default)]
pub(in crate::config) struct SlotDraft {
    pub(in crate::config) number: u16,
    pub(in crate::config) row: u16,
    pub(in crate::config) column: u16,
    pub(in crate::config) door: u8,
    pub(in crate::config) latch: bool,
    pub(in crate::config) led: bool,
}

pub(in crate::config) static SLOT: &[Key<SlotDraft>] = &[
    Key {
        name: "number",
        form: Form::Whole { unit: "", range: 1..=1000, set: |s, v| s.number = v as u16 },
        preset: Preset::Required("1"),
    },
    Key {
        name: "row",
        form: Form::Whole { unit: "", range: 1..=200, set: |s, v| s.row = v as u16 },
        preset: Preset::Required("1"),
    },
    Key {
        name: "column",
        form: Form::Whole { unit: "", range: 1..=200, set: |s, v| s.column = v as u16 },
        preset: Preset::Required("1"),
    },
    whole("door", "", 1..=16, "1", |s, v| s.door = v as u8),
    truth("led", "true", |s, v| s.led = v),
    truth("latch", "false", |s, v| s.latch = v),
];

/// One `[[load]]` while it is read.
#[derive(Debug, Default)]
pub(in crate::config) struct LoadDraft {
    pub(in crate::config) name: String,
}

pub(in crate::config) static LOAD: &[Key<LoadDraft>] =
    &[text("name", NAME, Preset::Required("\"display\""), |l, v| name_into(&mut l.name, v))];

/// One `[[reader]]` while it is read.
#[derive(Debug, Default)]
pub(in crate::config) struct ReaderDraft {
    pub(in crate::config) kind: Kind,
    pub(in crate::config) by: By,
    pub(in crate::config) layout: Layout,
    pub(in crate::config) pause_ms: Option<u64>,
}

pub(in crate::config) static READER: &[Key<ReaderDraft>] = &[
    Key {
        name: "kind",
        form: Form::Choice {
            words: &[
                ("badge", |r| r.kind = Kind::Badge),
                ("keypad", |r| r.kind = Kind::Keypad),
                ("both", |r| r.kind = Kind::Both),
            ],
        },
        preset: Preset::Required("\"badge\""),
    },
    text(
        "name",
        "a name as `cabinetd check --only readers` shows it",
        Preset::Without("any", "\"Sycreader RFID Technology Co., Ltd SYC ID&IC USB Reader\""),
        |r, v| {
            r.by.name = Some(plain(v, 256)?);
            Ok(())
        },
    ),
    text("id", "vendor and product like \"08ff:0009\"", Preset::Without("any", "\"08ff:0009\""), |r, v| {
        let hex = |part: &str| (part.len() == 4).then(|| u16::from_str_radix(part, 16).ok()).flatten();
        let id = v.split_once(':').and_then(|(vendor, product)| Some((hex(vendor)?, hex(product)?)));
        r.by.id = Some(id.ok_or_else(|| {
            Fault::new(
                format!("{v:?} is no id of a device"),
                "write four hex digits, a colon, four more: \"08ff:0009\"",
            )
        })?);
        Ok(())
    }),
    text("port", "a port like \"usb-0000:01:00.0-1.3\"", Preset::Without("any", "\"usb-0000:01:00.0-1.3\""), |r, v| {
        r.by.port = Some(plain(v, 256)?);
        Ok(())
    }),
    text(
        "path",
        "a path under /dev/input",
        Preset::Without("any", "\"/dev/input/by-id/usb-08ff_20140315-event-kbd\""),
        |r, v| {
            if !v.starts_with("/dev/input/") || v.contains("..") || v.contains('\0') {
                return Err(Fault::new(
                    format!("{v:?} is no path under /dev/input"),
                    "write a link of /dev/input/by-id or by-path that ends in -event-kbd",
                ));
            }
            r.by.path = Some(PathBuf::from(v));
            Ok(())
        },
    ),
    Key {
        name: "layout",
        form: Form::Choice {
            words: &[
                ("us", |r| r.layout = Layout::Us),
                ("de", |r| r.layout = Layout::De),
                ("fr", |r| r.layout = Layout::Fr),
            ],
        },
        preset: Preset::Is("\"us\""),
    },
    Key {
        name: "pause_ms",
        form: Form::Whole { unit: "ms", range: 100..=60_000, set: |r, v| r.pause_ms = Some(v) },
        preset: Preset::Without("1000, with keys to type on 10000", "10000"),
    },
];

/// Text that a device says of itself: printable, not empty.
fn plain(value: &str, most: usize) -> Result<String, Fault> {
    if value.trim().is_empty() || value.len() > most || value.chars().any(char::is_control) {
        return Err(Fault::new(
            format!("{value:?} is no such text"),
            format!("write 1 to {most} printable characters"),
        ));
    }
    Ok(value.to_owned())
}
