//! A UPS at the end of a serial cable, for one of NUT's real drivers (`blazer_ser`): it speaks the Megatec protocol over a
//! pseudo terminal. The dummy driver cannot stand for it: it hands a status on as one piece, so `ignorelb` never sees the
//! `LB` in it.
//!
//! Lines end with a carriage return. `Q1` asks for the state, `F` for the ratings, `I` for the maker; `S…` orders the output off,
//! `T` a test of ten seconds, `C` takes an order back.

use crate::nut::nut_account;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, chown};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

/// Its battery, empty and full, in hundredths of a volt: what `default.battery.voltage.low` and `.high` say.
pub const EMPTY_CV: u32 = 1_040;
pub const FULL_CV: u32 = 1_300;

/// What the unit says and what it was told.
#[derive(Debug)]
pub struct State {
    pub mains: bool,
    pub charge_pct: u32,
    /// Its own opinion, right or wrong.
    pub low: bool,
    /// Every order but questions.
    pub told: Vec<String>,
}

/// The unit, and the port it is at. It ends with the test's process.
pub struct Megatec {
    pub port: PathBuf,
    state: Arc<Mutex<State>>,
    /// Kept open, so that the port does not hang up while no driver is there.
    _port: File,
}

impl Megatec {
    pub fn start() -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo terminal");
        grantpt(&master).expect("it is ours");
        unlockpt(&master).expect("it is ours");
        let port = PathBuf::from(ptsname(&master, Vec::new()).expect("a name").into_string().expect("plain"));
        let held = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(rustix::fs::OFlags::NOCTTY.bits().cast_signed())
            .open(&port)
            .expect("the other end");
        let mut raw = rustix::termios::tcgetattr(&held).expect("a terminal");
        raw.make_raw();
        rustix::termios::tcsetattr(&held, rustix::termios::OptionalActions::Now, &raw).expect("a terminal");
        if let Some((uid, gid)) = nut_account() {
            chown(&port, Some(uid), Some(gid)).expect("root may");
        }
        let state = Arc::new(Mutex::new(State { mains: true, charge_pct: 100, low: false, told: Vec::new() }));
        let unit = Arc::clone(&state);
        std::thread::spawn(move || serve(File::from(master), &unit));
        Self { port, state, _port: held }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

fn serve(mut line: File, unit: &Mutex<State>) {
    let mut asked = String::new();
    let mut byte = [0];
    while matches!(line.read(&mut byte), Ok(1)) {
        if byte[0] != b'\r' {
            asked.push(char::from(byte[0]));
            continue;
        }
        let answer = answer(&std::mem::take(&mut asked), &mut unit.lock().unwrap());
        if !answer.is_empty() && line.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn answer(asked: &str, state: &mut State) -> String {
    match asked {
        "Q1" => {
            let volts_c = EMPTY_CV + state.charge_pct * (FULL_CV - EMPTY_CV) / 100;
            let bits = |is| if is { '1' } else { '0' };
            // Utility fails, battery low, bypass, failed, standby type, test, shutdown, beeper.
            let flags = format!("{}{}001001", bits(!state.mains), bits(state.low));
            let input = if state.mains { "230.0" } else { "000.0" };
            format!("({input} 000.0 230.0 016 50.0 {}.{:02} 25.0 {flags}\r", volts_c / 100, volts_c % 100)
        }
        "F" => "#230.0 002 012.0 50.0\r".into(),
        "I" => format!("#{:15} {:10} {:10}\r", "Office", "Serial", "1.0"),
        order => {
            state.told.push(order.to_owned());
            String::new()
        }
    }
}
