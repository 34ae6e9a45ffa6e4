//! Which input devices there are, as the kernel tells without any being opened, and which of them a description fits.

use super::wanted::{By, Kind, Wanted};
use evdev::KeyCode;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// More devices than any machine beside a cabinet has.
const MOST_DEVICES: usize = 256;
/// Where links to the nodes are.
const LINKS: [&str; 3] = ["dev/input", "dev/input/by-id", "dev/input/by-path"];

const TOP_DIGITS: [KeyCode; 10] = [
    KeyCode::KEY_0,
    KeyCode::KEY_1,
    KeyCode::KEY_2,
    KeyCode::KEY_3,
    KeyCode::KEY_4,
    KeyCode::KEY_5,
    KeyCode::KEY_6,
    KeyCode::KEY_7,
    KeyCode::KEY_8,
    KeyCode::KEY_9,
];
const PAD_DIGITS: [KeyCode; 10] = [
    KeyCode::KEY_KP0,
    KeyCode::KEY_KP1,
    KeyCode::KEY_KP2,
    KeyCode::KEY_KP3,
    KeyCode::KEY_KP4,
    KeyCode::KEY_KP5,
    KeyCode::KEY_KP6,
    KeyCode::KEY_KP7,
    KeyCode::KEY_KP8,
    KeyCode::KEY_KP9,
];
const PHONE_DIGITS: [KeyCode; 10] = [
    KeyCode::KEY_NUMERIC_0,
    KeyCode::KEY_NUMERIC_1,
    KeyCode::KEY_NUMERIC_2,
    KeyCode::KEY_NUMERIC_3,
    KeyCode::KEY_NUMERIC_4,
    KeyCode::KEY_NUMERIC_5,
    KeyCode::KEY_NUMERIC_6,
    KeyCode::KEY_NUMERIC_7,
    KeyCode::KEY_NUMERIC_8,
    KeyCode::KEY_NUMERIC_9,
];
const ENDS: [KeyCode; 4] = [KeyCode::KEY_ENTER, KeyCode::KEY_KPENTER, KeyCode::KEY_TAB, KeyCode::KEY_NUMERIC_POUND];

/// An input device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// `/dev/input/event3`.
    pub node: PathBuf,
    pub name: String,
    /// Its port; empty for a virtual one.
    pub phys: String,
    pub id: (u16, u16),
    /// Links to the node.
    pub links: Vec<PathBuf>,
    /// Whether it has all ten digits, and a key that ends a code.
    pub digits: bool,
    pub ends: bool,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (vendor, product) = self.id;
        write!(f, "{} {:?} (id {vendor:04x}:{product:04x}, port {:?})", self.node.display(), self.name, self.phys)
    }
}

/// What a description fits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fit<'a> {
    Nothing,
    One(&'a Found),
    /// More than one that can type.
    Several(Vec<&'a Found>),
    /// What it fits cannot type what such a reader has to.
    Mute(Vec<&'a Found>),
}

impl Wanted {
    /// Which of these it is. Of several interfaces of one device only those count that can type digits and end a code.
    #[must_use]
    pub fn fit<'a>(&self, found: &'a [Found]) -> Fit<'a> {
        let fitting: Vec<&Found> = found.iter().filter(|device| self.by.fits(device)).collect();
        let (able, mute): (Vec<&Found>, Vec<&Found>) =
            fitting.into_iter().partition(|device| device.digits && device.ends);
        match (able.as_slice(), mute.is_empty()) {
            ([], true) => Fit::Nothing,
            ([], false) => Fit::Mute(mute),
            ([one], _) => Fit::One(one),
            _ => Fit::Several(able),
        }
    }
}

impl By {
    fn fits(&self, device: &Found) -> bool {
        let port = |port: &String| {
            device.phys == *port || device.phys.strip_prefix(port.as_str()).is_some_and(|rest| rest.starts_with('/'))
        };
        self.name.as_ref().is_none_or(|name| device.name.trim() == name.trim())
            && self.id.is_none_or(|id| device.id == id)
            && self.port.as_ref().is_none_or(port)
            && self.path.as_ref().is_none_or(|path| device.node == *path || device.links.contains(path))
    }
}

impl Fit<'_> {
    /// Why nothing is taken, and what to do; none if one is.
    #[must_use]
    pub fn trouble(&self, kind: Kind) -> Option<(String, &'static str)> {
        let list = |devices: &[&Found]| devices.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        match self {
            Self::One(_) => None,
            Self::Nothing => Some((
                "no such device is plugged in".to_owned(),
                "plug it in; `cabinetd check --only readers` lists what there is, and the description must say the same",
            )),
            Self::Several(devices) => Some((
                format!("more than one device is such a one: {}", list(devices)),
                "add port or path to the description, so that it fits one of them",
            )),
            Self::Mute(devices) => {
                let lacks =
                    if kind.has_digits() { "digits and an Enter key" } else { "the keys that a code is typed with" };
                Some((
                    format!("what is such a one has not {lacks}: {}", list(devices)),
                    "describe another interface of the device, or set the reader to type like a keyboard",
                ))
            }
        }
    }
}

/// Every input device, on a file system that begins at `root`.
#[must_use]
pub fn look(root: &Path) -> Vec<Found> {
    let links = links(root);
    let Ok(folder) = fs::read_dir(root.join("sys/class/input")) else { return Vec::new() };
    let mut found: Vec<Found> = folder
        .take(MOST_DEVICES)
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let event = entry.file_name().into_string().ok().filter(|name| name.starts_with("event"))?;
            let device = entry.path().join("device");
            let text = |file: &str| fs::read_to_string(device.join(file)).unwrap_or_default().trim().to_owned();
            let hex = |file: &str| u16::from_str_radix(&text(file), 16).unwrap_or(0);
            let keys = Keys::of(&text("capabilities/key"));
            let node = Path::new("/dev/input").join(&event);
            Some(Found {
                links: links.iter().filter(|(_, to)| *to == event).map(|(link, _)| link.clone()).collect(),
                node,
                name: text("name"),
                phys: text("phys"),
                id: (hex("id/vendor"), hex("id/product")),
                digits: [TOP_DIGITS, PAD_DIGITS, PHONE_DIGITS]
                    .iter()
                    .any(|digits| digits.iter().all(|key| keys.has(*key))),
                ends: ENDS.iter().any(|key| keys.has(*key)),
            })
        })
        .collect();
    found.sort_by(|a, b| (a.node.as_os_str().len(), &a.node).cmp(&(b.node.as_os_str().len(), &b.node)));
    found
}

/// Each link with the name of the node that it leads to.
fn links(root: &Path) -> Vec<(PathBuf, String)> {
    let folders = LINKS.iter().filter_map(|folder| Some((*folder, fs::read_dir(root.join(folder)).ok()?)));
    let links = folders.flat_map(|(folder, entries)| {
        entries.take(MOST_DEVICES).filter_map(move |entry| {
            let entry = entry.ok()?;
            let to = fs::read_link(entry.path()).ok()?.file_name()?.to_str()?.to_owned();
            Some((Path::new("/").join(folder).join(entry.file_name()), to))
        })
    });
    links.collect()
}

/// The keys that a device has: words of the kernel's `long`, the highest first.
struct Keys(Vec<u64>);

impl Keys {
    fn of(text: &str) -> Self {
        let words: Option<Vec<u64>> = text.split_whitespace().map(|word| u64::from_str_radix(word, 16).ok()).collect();
        Self(words.unwrap_or_default().into_iter().rev().collect())
    }

    fn has(&self, key: KeyCode) -> bool {
        let (word, bit) = (u32::from(key.0) / usize::BITS, u32::from(key.0) % usize::BITS);
        self.0.get(word as usize).is_some_and(|word| word >> bit & 1 == 1)
    }
}
