//! Lines of any gpiochip, through the kernel's character device (`gpiocdev`).
//!
//! One claim is one request to the kernel: a file whose edges are read by one small task, so that hundreds of lines cost no thread. The kernel
//! debounces, numbers the edges, and keeps others away. A chip that cannot tell edges (an expander whose interrupt line is not
//! wired) is claimed without them.

use super::port::{Driven, Ear, Edge, News, Port, PortError, Sensed};
use crate::io::lines::wiring::{Bias, InputLine, OutputLine, Place, is_header_label};
use gpiocdev::line::{self, EdgeDetection, EdgeKind, EventClock, Offset, Value, Values};
use gpiocdev::{Request, chip, request};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::task::AbortHandle;

/// As whom the kernel shows us.
pub const CONSUMER: &str = "cabinetd";
/// Edges that the kernel keeps for a claim until they are read; it takes no more.
const KEPT: u32 = 1_024;
/// Edges of one lot at most.
const LOT: usize = 64;

/// `EBUSY`, `EACCES`, `EPERM`, `ENOENT`, `EINTR`.
const BUSY: i32 = 16;
const ACCESS: [i32; 2] = [13, 1];
const NOT_THERE: i32 = 2;
const INTERRUPTED: i32 = 4;
/// How drivers say that they know no interrupts: `ENXIO`, `EINVAL`, `EOPNOTSUPP`, `ENOTSUPP`.
const NO_EDGES: [i32; 4] = [6, 22, 95, 524];

/// The character devices of this machine.
#[derive(Debug)]
pub struct Cdev {
    /// /dev
    dev: PathBuf,
    /// /sys/bus/gpio/devices
    devices: PathBuf,
}

impl Default for Cdev {
    fn default() -> Self {
        Self { dev: "/dev".into(), devices: "/sys/bus/gpio/devices".into() }
    }
}

impl Port for Cdev {
    fn claim_inputs(&mut self, place: &Place, lines: &[InputLine], ear: Ear) -> Result<Box<dyn Sensed>, PortError> {
        let Some(first) = lines.first() else { return Err(PortError::Failed(place.to_string(), "no lines".into())) };
        let offsets: Vec<Offset> = lines.iter().map(|line| line.at.line).collect();
        let chip = self.open(place, &offsets)?;
        let mut plain = request::Config::default();
        plain.on_chip(chip.path()).with_lines(&offsets).as_input().with_bias(match first.bias {
            Bias::Off => line::Bias::Disabled,
            Bias::PullUp => line::Bias::PullUp,
            Bias::PullDown => line::Bias::PullDown,
        });
        if first.active_low {
            plain.as_active_low();
        }
        let mut edges = plain.clone();
        edges.with_edge_detection(EdgeDetection::BothEdges).with_event_clock(EventClock::Monotonic);
        if first.debounce_ms > 0 {
            edges.with_debounce_period(Duration::from_millis(first.debounce_ms.into()));
        }
        let failed = |error: &gpiocdev::Error| told(error, place, &chip, &offsets);
        match request(edges) {
            Ok(request) => {
                let request = Arc::new(request);
                let ends = watched(Arc::clone(&request))
                    .map_err(|error| PortError::Failed(place.to_string(), error.to_string()))?;
                let task = tokio::spawn(listen(ends, ear, place.to_string())).abort_handle();
                Ok(Box::new(Lines { request, offsets, place: place.to_string(), task: Some(task) }))
            }
            Err(error) if errno(&error).is_some_and(|errno| NO_EDGES.contains(&errno)) => {
                let request = Arc::new(request(plain).map_err(|error| failed(&error))?);
                Ok(Box::new(Lines { request, offsets, place: place.to_string(), task: None }))
            }
            Err(error) => Err(failed(&error)),
        }
    }

    fn claim_outputs(&mut self, place: &Place, lines: &[OutputLine]) -> Result<Box<dyn Driven>, PortError> {
        let offsets: Vec<Offset> = lines.iter().map(|line| line.at.line).collect();
        let chip = self.open(place, &offsets)?;
        let mut config = request::Config::default();
        config.on_chip(chip.path()).with_lines(&offsets).as_output(Value::Inactive);
        if lines.first().is_some_and(|line| line.active_low) {
            config.as_active_low();
        }
        let request = request(config).map_err(|error| told(&error, place, &chip, &offsets))?;
        Ok(Box::new(Lines { request: Arc::new(request), offsets, place: place.to_string(), task: None }))
    }
}

fn request(config: request::Config) -> gpiocdev::Result<Request> {
    Request::from_config(config).with_consumer(CONSUMER).with_kernel_event_buffer_size(KEPT).request()
}

impl Cdev {
    /// Opens the chip of a place, and sees that it has these lines.
    fn open(&self, place: &Place, offsets: &[Offset]) -> Result<chip::Chip, PortError> {
        let path = self.find(place)?;
        let chip = open_path(&path)?;
        let info = chip.info().map_err(|error| PortError::Failed(place.to_string(), error.to_string()))?;
        match offsets.iter().find(|offset| **offset >= info.num_lines) {
            Some(beyond) => Err(PortError::NoLine(place.to_string(), *beyond, info.num_lines)),
            None => Ok(chip),
        }
    }

    /// Every gpiochip of the machine, in order.
    fn chips(&self) -> Vec<PathBuf> {
        let number = |path: &Path| path.file_name()?.to_str()?.strip_prefix("gpiochip")?.parse::<u32>().ok();
        let entries = std::fs::read_dir(&self.dev).into_iter().flatten().flatten();
        let mut chips: Vec<(u32, PathBuf)> =
            entries.filter_map(|entry| Some((number(&entry.path())?, entry.path()))).collect();
        chips.sort();
        chips.into_iter().map(|(_, path)| path).collect()
    }

    /// The device that a chip hangs on, as the bus calls it: `1-0020` is address 0x20 on I²C bus 1.
    fn on_bus(&self, chip: &Path) -> Option<String> {
        let device = std::fs::read_link(self.devices.join(chip.file_name()?)).ok()?;
        Some(device.parent()?.file_name()?.to_str()?.to_owned())
    }

    /// The chip that a place means.
    ///
    /// # Errors
    /// There is none, or more than one, or its label cannot be read.
    pub fn find(&self, place: &Place) -> Result<PathBuf, PortError> {
        let name = match place {
            Place::Header => return self.labelled("header of a Raspberry Pi", is_header_label),
            Place::Chip(name) => name,
        };
        let chips = self.chips();
        let by_path = chips.iter().find(|path| path.file_name().is_some_and(|file| file == name.as_str()));
        if let Some(path) = by_path {
            return Ok(path.clone());
        }
        if name.starts_with('/') {
            let there = std::fs::canonicalize(name);
            return there.map_err(|error| PortError::NoChip(name.clone(), format!("{error}; correct its path")));
        }
        if let Some(path) = chips.iter().find(|path| self.on_bus(path).as_ref() == Some(name)) {
            return Ok(path.clone());
        }
        self.labelled(&format!("gpiochip {name:?}"), |label| label == name)
    }

    /// The one chip whose label is wanted.
    fn labelled(&self, what: &str, wanted: impl Fn(&str) -> bool) -> Result<PathBuf, PortError> {
        let (mut found, mut refused) = (Vec::new(), None);
        for path in self.chips() {
            match open_path(&path) {
                Ok(chip) if chip.info().is_ok_and(|info| wanted(&info.label)) => found.push(path),
                Ok(_) => {}
                Err(why) => refused = Some(why),
            }
        }
        match (found.as_slice(), refused) {
            ([one], _) => Ok(one.clone()),
            ([], Some(why @ PortError::NotAllowed(_))) => Err(why),
            ([], _) => Err(PortError::NoChip(
                what.to_owned(),
                "`gpiodetect` lists those that are there; an expander needs its overlay (docs/wiring.md)".into(),
            )),
            (several, _) => {
                let names: Vec<String> = several.iter().filter_map(|path| self.on_bus(path)).collect();
                let remedy = format!(
                    "{} have that label: name one by its device on the bus, {}",
                    several.len(),
                    names.join(" or ")
                );
                Err(PortError::NoChip(format!("single {what}"), remedy))
            }
        }
    }

    /// Label, and what the kernel knows of a line: who holds it.
    ///
    /// # Errors
    /// The chip or the line is not there, or must not be opened.
    pub fn line(&self, place: &Place, offset: Offset) -> Result<Seen, PortError> {
        let chip = self.open(place, &[offset])?;
        let failed = |error: gpiocdev::Error| PortError::Failed(place.to_string(), error.to_string());
        let label = chip.info().map_err(failed)?.label;
        let info = chip.line_info(offset).map_err(failed)?;
        Ok(Seen { chip: chip.name(), label, consumer: info.used.then_some(info.consumer) })
    }
}

fn open_path(path: &Path) -> Result<chip::Chip, PortError> {
    let name = path.display().to_string();
    chip::Chip::from_path(path).map_err(|error| match errno(&error) {
        Some(errno) if ACCESS.contains(&errno) => PortError::NotAllowed(name),
        Some(NOT_THERE) => PortError::NoChip(name, "it is gone".into()),
        _ => PortError::Failed(name, error.to_string()),
    })
}

/// A line, as the kernel shows it without claiming it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// `gpiochip0`
    pub chip: String,
    pub label: String,
    /// Who holds it; none = nobody.
    pub consumer: Option<String>,
}

/// A claim.
struct Lines {
    request: Arc<Request>,
    offsets: Vec<Offset>,
    place: String,
    /// Reads the edges.
    task: Option<AbortHandle>,
}

impl Drop for Lines {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Lines {
    fn failed(&self, error: &gpiocdev::Error) -> PortError {
        PortError::Failed(self.place.clone(), error.to_string())
    }
}

impl Sensed for Lines {
    fn read(&mut self) -> Result<Vec<bool>, PortError> {
        let mut values = Values::from_offsets(&self.offsets);
        self.request.values(&mut values).map_err(|error| self.failed(&error))?;
        Ok(self.offsets.iter().map(|offset| values.get(*offset) == Some(Value::Active)).collect())
    }

    fn tells_edges(&self) -> bool {
        self.task.is_some()
    }
}

impl Driven for Lines {
    fn drive(&mut self, index: usize, active: bool) -> Result<(), PortError> {
        let value = if active { Value::Active } else { Value::Inactive };
        let offset = self.offsets.get(index).copied().unwrap_or(Offset::MAX);
        self.request.set_value(offset, value).map_err(|error| self.failed(&error))
    }
}

/// For waiting until edges can be read.
#[expect(
    deprecated,
    reason = "its successor is unsafe, for types whose file may be closed meanwhile; a request owns its file"
)]
fn watched(request: Arc<Request>) -> std::io::Result<AsyncFd<Arc<Request>>> {
    AsyncFd::new(request)
}

/// Hands edges on, in lots, until the chip goes or nobody listens.
async fn listen(lines: AsyncFd<Arc<Request>>, ear: Ear, place: String) {
    let gone = loop {
        let mut ready = match lines.readable().await {
            Ok(ready) => ready,
            Err(error) => break error.to_string(),
        };
        match take(lines.get_ref()) {
            Ok(edges) if edges.is_empty() => ready.clear_ready(),
            Ok(edges) => {
                if !ear.tell(News::Edges(edges)).await {
                    return;
                }
            }
            Err(error) if errno(&error) == Some(INTERRUPTED) => {}
            Err(error) => break error.to_string(),
        }
    };
    ear.tell(News::Gone(PortError::Failed(place, gone))).await;
}

/// What waits, without waiting.
fn take(request: &Request) -> gpiocdev::Result<Vec<Edge>> {
    let mut edges = Vec::new();
    let mut buffer = request.new_edge_event_buffer(LOT);
    while edges.len() < LOT && buffer.has_event()? {
        let event = buffer.read_event()?;
        edges.push(Edge { line: event.offset, active: event.kind == EdgeKind::Rising, seqno: event.line_seqno });
    }
    Ok(edges)
}

/// The system's number of an error.
fn errno(error: &gpiocdev::Error) -> Option<i32> {
    let text = error.to_string();
    let (_, number) = text.rsplit_once("(os error ")?;
    number.split(')').next()?.parse().ok()
}

/// A claim that was refused, in words that help.
fn told(error: &gpiocdev::Error, place: &Place, chip: &chip::Chip, offsets: &[Offset]) -> PortError {
    let holder = || {
        let mut infos = offsets.iter().filter_map(|offset| chip.line_info(*offset).ok());
        infos.find(|info| info.used)
    };
    match errno(error) {
        Some(BUSY) => {
            let (line, consumer) = holder().map_or_else(
                || (format!("a line of {place}"), String::new()),
                |info| (format!("line {} of {place}", info.offset), info.consumer),
            );
            PortError::Busy(line, if consumer.is_empty() { "the kernel".into() } else { format!("\"{consumer}\"") })
        }
        Some(errno) if ACCESS.contains(&errno) => PortError::NotAllowed(chip.path().display().to_string()),
        _ => PortError::Failed(place.to_string(), error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_chip_is_found_by_its_name_its_path_or_its_place_on_the_bus() {
        let root = tempfile::tempdir().expect("a folder");
        let (dev, devices) = (root.path().join("dev"), root.path().join("devices"));
        fs::create_dir_all(&dev).expect("made");
        fs::create_dir_all(&devices).expect("made");
        for (chip, device) in [("gpiochip0", "fe200000.gpio"), ("gpiochip2", "1-0020"), ("gpiochip10", "1-0021")] {
            fs::write(dev.join(chip), "").expect("written");
            symlink(format!("../../../devices/platform/{device}/{chip}"), devices.join(chip)).expect("a link");
        }
        fs::write(dev.join("gpiomem"), "").expect("written");
        symlink(dev.join("gpiochip10"), dev.join("cabinet-right")).expect("a link");
        let cdev = Cdev { dev: dev.clone(), devices };
        assert_eq!(cdev.chips(), ["gpiochip0", "gpiochip2", "gpiochip10"].map(|chip| dev.join(chip)));
        let find = |name: &str| cdev.find(&Place::Chip(name.into()));
        assert_eq!(find("gpiochip2"), Ok(dev.join("gpiochip2")));
        assert_eq!(find("1-0021"), Ok(dev.join("gpiochip10")));
        let path = dev.join("cabinet-right").display().to_string();
        assert_eq!(find(&path), Ok(dev.join("gpiochip10")));
        let why = find("/dev/cabinet-wrong").expect_err("it is not there").to_string();
        assert!(why.starts_with("there is no /dev/cabinet-wrong; "), "{why}");
        // None of these files is a chip, so no label can be read.
        for place in [Place::Chip("mcp23017".into()), Place::Header] {
            let why = cdev.find(&place).expect_err("nothing is labelled so").to_string();
            assert!(why.contains("gpiodetect"), "{why}");
        }
    }

    #[test]
    fn the_system_s_number_is_read_from_an_error() {
        let error = gpiocdev::Error::from(std::io::Error::from_raw_os_error(BUSY));
        assert_eq!(errno(&error), Some(BUSY));
        assert_eq!(errno(&gpiocdev::Error::NoGpioChips()), None);
    }
}
