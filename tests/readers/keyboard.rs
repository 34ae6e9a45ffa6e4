//! A virtual keyboard, and hands on it.

use evdev::uinput::VirtualDevice;
use evdev::{AttributeSet, InputEvent, InputId, KeyCode};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

const KEY: u16 = evdev::EventType::KEY.0;

/// It is plugged in until it is dropped.
pub struct Keyboard {
    device: VirtualDevice,
}

impl Keyboard {
    /// It has no port: evdev 0.13 asks uinput for one in a way that the kernel refuses.
    pub fn plug(name: &str, id: (u16, u16)) -> Self {
        let keys: AttributeSet<KeyCode> = (1..128).map(KeyCode).collect();
        let device = VirtualDevice::builder()
            .expect("/dev/uinput is there: this runs in the rig")
            .name(name)
            .input_id(InputId::new(evdev::BusType::BUS_USB, id.0, id.1, 1))
            .with_keys(&keys)
            .expect("keys")
            .build()
            .expect("it is plugged in");
        Self { device }
    }

    /// `/dev/input/event0`
    pub fn node(&mut self) -> PathBuf {
        let mut nodes = self.device.enumerate_dev_nodes_blocking().expect("it has a node");
        nodes.next().expect("one").expect("it can be looked at")
    }

    /// Each key pressed and released, so far apart.
    pub fn presses(&mut self, keys: &[KeyCode], gap: Duration) {
        for key in keys {
            sleep(gap);
            self.device.emit(&[InputEvent::new(KEY, key.0, 1)]).expect("pressed");
            self.device.emit(&[InputEvent::new(KEY, key.0, 0)]).expect("released");
        }
    }

    /// As a badge reader does.
    pub fn types(&mut self, digits: &str) {
        self.presses(&keys(digits), Duration::from_millis(2));
    }

    /// As a hand does.
    pub fn is_typed_on(&mut self, digits: &str) {
        self.presses(&keys(digits), Duration::from_millis(120));
    }
}

/// The keys of these digits, with Enter.
pub fn keys(digits: &str) -> Vec<KeyCode> {
    let key = |digit: char| match digit.to_digit(10).expect("a digit") {
        0 => KeyCode::KEY_0,
        digit => KeyCode(KeyCode::KEY_1.0 + digit as u16 - 1),
    };
    digits.chars().map(key).chain([KeyCode::KEY_ENTER]).collect()
}
