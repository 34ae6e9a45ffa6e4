//! The header pins of a Raspberry Pi through its registers (`rppal`), by their BCM numbers.
//!
//! What differs from the character device: an output keeps its level when the process ends, so that `cabinetd release` holds; the kernel keeps
//! nobody away from an output, so it is asked first who holds it; each watched pin costs rppal a sleeping thread, 26 at most; and an
//! interrupt that could not be set up is not told by rppal, which the driver's poll finds out.

use super::cdev::Cdev;
use super::port::{Driven, Ear, Edge, Heard, News, Port, PortError, Sensed};
use crate::io::lines::wiring::{Address, Bias, InputLine, OutputLine, Place};
use rppal::gpio::{Error, Gpio, InputPin, Level, OutputPin, Pin, Trigger};
use std::time::Duration;

/// The registers of this machine, if it is a Raspberry Pi that rppal knows.
#[derive(Debug, Default)]
pub(super) struct Bcm {
    cdev: Cdev,
}

impl Bcm {
    /// A pin that nobody holds, as far as the kernel knows: this daemon neither, which may reach it by a chip's name as well.
    fn pin(&self, gpio: &Gpio, at: &Address) -> Result<Pin, PortError> {
        if let Ok(seen) = self.cdev.line(&Place::Header, at.line)
            && let Some(consumer) = seen.consumer
        {
            return Err(PortError::Busy(at.to_string(), format!("\"{consumer}\"")));
        }
        let number = u8::try_from(at.line).unwrap_or(u8::MAX);
        gpio.get(number).map_err(|error| told(&error, at))
    }
}

impl Port for Bcm {
    fn claim_inputs(&mut self, _place: &Place, lines: &[InputLine], ear: Ear) -> Result<Box<dyn Sensed>, PortError> {
        let gpio = gpio()?;
        let mut pins = Vec::new();
        for line in lines {
            let pin = self.pin(&gpio, &line.at)?;
            let mut pin = match line.bias {
                Bias::Off => pin.into_input(),
                Bias::PullUp => pin.into_input_pullup(),
                Bias::PullDown => pin.into_input_pulldown(),
            };
            let (ear, number, active_low) = (ear.clone(), line.at.line, line.active_low);
            let debounce = (line.debounce_ms > 0).then(|| Duration::from_millis(line.debounce_ms.into()));
            let tell = move |event: rppal::gpio::Event| {
                let active = (event.trigger == Trigger::RisingEdge) != active_low;
                let edge = Edge { line: number, active, seqno: event.seqno };
                // Waiting here could hold up the end. What finds no room shows in the next number.
                let _ = ear.to.try_send(Heard { claim: ear.claim, news: News::Edges(vec![edge]) });
            };
            pin.set_async_interrupt(Trigger::Both, debounce, tell).map_err(|error| told(&error, &line.at))?;
            pins.push((pin, line.active_low));
        }
        Ok(Box::new(Inputs(pins)))
    }

    fn claim_outputs(&mut self, _place: &Place, lines: &[OutputLine]) -> Result<Box<dyn Driven>, PortError> {
        let gpio = gpio()?;
        let mut pins = Vec::new();
        for line in lines {
            let pin = self.pin(&gpio, &line.at)?;
            // The level before the mode: the relay does not move in between.
            let mut pin = if line.active_low { pin.into_output_high() } else { pin.into_output_low() };
            pin.set_reset_on_drop(false);
            pins.push((pin, line.active_low));
        }
        Ok(Box::new(Outputs(pins)))
    }
}

/// Pins, and which of them are active low.
struct Inputs(Vec<(InputPin, bool)>);

impl Sensed for Inputs {
    fn read(&mut self) -> Result<Vec<bool>, PortError> {
        Ok(self.0.iter().map(|(pin, active_low)| (pin.read() == Level::High) != *active_low).collect())
    }

    fn tells_edges(&self) -> bool {
        true
    }
}

struct Outputs(Vec<(OutputPin, bool)>);

impl Driven for Outputs {
    fn drive(&mut self, index: usize, active: bool) -> Result<(), PortError> {
        if let Some((pin, active_low)) = self.0.get_mut(index) {
            pin.write(Level::from(active != *active_low));
        }
        Ok(())
    }
}

/// Whether the registers can be reached.
///
/// # Errors
/// This is no Raspberry Pi that rppal knows, or this account may not.
pub(super) fn registers() -> Result<(), PortError> {
    gpio().map(drop)
}

fn gpio() -> Result<Gpio, PortError> {
    Gpio::new().map_err(|error| match error {
        Error::UnknownModel => PortError::NoChip(
            "Raspberry Pi that rppal knows".into(),
            "write backend = \"gpiocdev\" under [lines]: it reaches the same pins".into(),
        ),
        Error::PermissionDenied(path) => PortError::NotAllowed(path),
        other => PortError::Failed("the header".into(), other.to_string()),
    })
}

fn told(error: &Error, at: &Address) -> PortError {
    match error {
        Error::PinUsed(_) => PortError::Busy(at.to_string(), "another role of this config".into()),
        Error::PermissionDenied(path) => PortError::NotAllowed(path.clone()),
        other => PortError::Failed(at.to_string(), other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cabinet::types::{DoorNo, Output};

    #[test]
    fn a_machine_that_is_no_raspberry_pi_is_told_what_to_write() {
        let model = std::fs::read_to_string("/proc/device-tree/model").unwrap_or_default();
        assert!(!model.contains("Raspberry Pi"), "run this elsewhere: it would drive pin 17");
        let line = OutputLine {
            output: Output::Lock(DoorNo(1)),
            at: Address { chip: Place::Header, line: 17 },
            active_low: true,
            longest_ms: 1_000,
        };
        let why = Bcm::default().claim_outputs(&Place::Header, &[line]).err().expect("there are no such registers");
        assert!(why.to_string().contains("backend = \"gpiocdev\""), "{why}");
        assert_eq!(registers(), Err(why));
    }
}
