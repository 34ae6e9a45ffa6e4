//! A simulated UPS that speaks the NUT protocol, upsd's side of it, on loopback: for the demo and for tests.
//!
//! It has a battery that drains and charges by elapsed time (integers: microjoules), a mains switch and a choice of
//! faults. Real clients (`upsc`, upsmon, our own poller) understand it. Bounds: 16 connections, 512 bytes a line, 60 s of
//! idleness. It does not check passwords and obeys no commands: there is nothing behind it.

use crate::cabinet::types::Mono;
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

const MOST_CONNECTIONS: usize = 16;
const LONGEST_LINE: usize = 512;
const IDLE: Duration = Duration::from_secs(60);
/// `LB` is shown at this charge and below.
const LOW_PCT: u64 = 20;
/// What the charger puts back, as a share of the capacity: full in four hours.
const CHARGE_HOURS: u64 = 4;

/// The unit that is simulated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SimUpsPlan {
    /// Its name for clients.
    pub name: String,
    /// What the battery holds, in watt-hours (1..=100,000).
    pub capacity_wh: u32,
    /// What the cabinet draws, in milliwatts.
    pub load_mw: u32,
    /// What the unit is rated for, in watts: `ups.load` is the load's share of it.
    pub rated_w: u32,
    /// The charge it starts with, percent.
    pub charge_pct: u8,
    /// How many seconds pass for the battery in one real second (1 = real time; a demo may hurry).
    pub speed: u32,
}

impl Default for SimUpsPlan {
    fn default() -> Self {
        Self { name: "demo".into(), capacity_wh: 60, load_mw: 9_000, rated_w: 60, charge_pct: 100, speed: 1 }
    }
}

/// What can be wrong with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SimUpsFault {
    #[default]
    None,
    /// upsd hears nothing new of the driver: `DATA-STALE`.
    Stale,
    /// The driver is dead: `DRIVER-NOT-CONNECTED`.
    DriverGone,
    /// Takes connections and never answers.
    Silent,
    /// Answers bytes that are no protocol.
    Garbage,
    /// Nobody listens at the port.
    Refuse,
    /// Answers each line only after so many milliseconds.
    Slow(u32),
}

/// The state of the simulated UPS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SimUpsStatus {
    pub mains: bool,
    pub charge_pct: u8,
    /// What `ups.status` says.
    pub status: &'static str,
    pub runtime_s: u32,
    /// The battery is empty and mains is off: a real one would have cut its output.
    pub empty: bool,
    pub fault: SimUpsFault,
}

/// A running simulated UPS. Dropping it closes it and all its connections.
#[derive(Debug)]
pub struct SimUps {
    addr: SocketAddr,
    unit: Arc<Unit>,
    fault: watch::Sender<SimUpsFault>,
    task: JoinHandle<()>,
}

impl SimUps {
    /// Starts it at `addr` (port 0: any free one, see [`SimUps::addr`]). `clock` tells the battery how time goes by.
    ///
    /// # Errors
    /// The address cannot be listened at.
    pub async fn start<C>(addr: SocketAddr, plan: SimUpsPlan, clock: C) -> io::Result<Self>
    where
        C: Fn() -> Mono + Send + Sync + 'static,
    {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let full_uj = u64::from(plan.capacity_wh.clamp(1, 100_000)) * 3_600_000_000;
        let battery = Battery {
            mains: true,
            at: clock(),
            full_uj,
            left_uj: full_uj / 100 * u64::from(plan.charge_pct.min(100)),
            load_mw: u64::from(plan.load_mw),
            speed: u64::from(plan.speed.max(1)),
        };
        let unit = Arc::new(Unit { plan, clock: Box::new(clock), battery: Mutex::new(battery) });
        let (fault, faults) = watch::channel(SimUpsFault::None);
        let task = tokio::spawn(listen(addr, listener, Arc::clone(&unit), faults));
        Ok(Self { addr, unit, fault, task })
    }

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its name for clients.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.unit.plan.name
    }

    /// Turns mains on or off.
    pub fn mains(&self, on: bool) {
        self.unit.battery().mains = on;
    }

    /// Sets the charge, percent (more than 100 counts as 100).
    pub fn charge(&self, pct: u8) {
        let mut battery = self.unit.battery();
        battery.left_uj = battery.full_uj / 100 * u64::from(pct.min(100));
    }

    /// Changes what the cabinet draws.
    pub fn load(&self, mw: u32) {
        self.unit.battery().load_mw = u64::from(mw);
    }

    /// Breaks or heals it. Connections that are open when the fault changes are closed.
    pub fn fault(&self, fault: SimUpsFault) {
        self.fault.send_replace(fault);
    }

    /// How it is now.
    #[must_use]
    pub fn status(&self) -> SimUpsStatus {
        let battery = self.unit.battery();
        SimUpsStatus {
            mains: battery.mains,
            charge_pct: battery.charge_pct(),
            status: battery.status(),
            runtime_s: battery.runtime_s(),
            empty: !battery.mains && battery.left_uj == 0,
            fault: *self.fault.borrow(),
        }
    }
}

impl Drop for SimUps {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// ---------------------------------------------------------------- the unit

struct Unit {
    plan: SimUpsPlan,
    clock: Box<dyn Fn() -> Mono + Send + Sync>,
    battery: Mutex<Battery>,
}

impl std::fmt::Debug for Unit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unit").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl Unit {
    /// The battery as of now.
    fn battery(&self) -> MutexGuard<'_, Battery> {
        let mut battery = self.battery.lock().expect("no code that holds the battery panics");
        battery.advance((self.clock)());
        battery
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        let battery = self.battery();
        let load_w = battery.load_mw / 1_000;
        vec![
            ("battery.charge", battery.charge_pct().to_string()),
            ("battery.charge.low", LOW_PCT.to_string()),
            ("battery.runtime", battery.runtime_s().to_string()),
            ("battery.type", "PbAc".into()),
            ("device.mfr", "cabinetd".into()),
            ("device.model", "simulated UPS".into()),
            ("device.type", "ups".into()),
            ("ups.load", (battery.load_mw / 10 / u64::from(self.plan.rated_w.max(1))).to_string()),
            ("ups.mfr", "cabinetd".into()),
            ("ups.model", "simulated UPS".into()),
            ("ups.realpower", format!("{load_w}.{:03}", battery.load_mw % 1_000)),
            ("ups.realpower.nominal", self.plan.rated_w.to_string()),
            ("ups.serial", "SIM-1".into()),
            ("ups.status", battery.status().into()),
        ]
    }
}

/// Energy in microjoules: milliwatts times milliseconds.
#[derive(Debug)]
struct Battery {
    mains: bool,
    at: Mono,
    full_uj: u64,
    left_uj: u64,
    load_mw: u64,
    speed: u64,
}

impl Battery {
    fn advance(&mut self, now: Mono) {
        let passed_ms = now.since_ms(self.at).saturating_mul(self.speed);
        self.at = now;
        if self.mains {
            let charger_mw = self.full_uj / (CHARGE_HOURS * 3_600_000);
            let charged = self.left_uj.saturating_add(charger_mw.saturating_mul(passed_ms));
            self.left_uj = charged.min(self.full_uj);
        } else {
            self.left_uj = self.left_uj.saturating_sub(self.load_mw.saturating_mul(passed_ms));
        }
    }

    fn charge_pct(&self) -> u8 {
        u8::try_from(self.left_uj / (self.full_uj / 100)).unwrap_or(100).min(100)
    }

    /// Seconds the battery lasts at this load.
    fn runtime_s(&self) -> u32 {
        u32::try_from(self.left_uj / (self.load_mw.max(1) * 1_000)).unwrap_or(u32::MAX)
    }

    fn status(&self) -> &'static str {
        match (self.mains, u64::from(self.charge_pct())) {
            (true, 100..) => "OL",
            (true, _) => "OL CHRG",
            (false, 0..=LOW_PCT) => "OB DISCHRG LB",
            (false, _) => "OB DISCHRG",
        }
    }
}

// ---------------------------------------------------------------- the server

async fn listen(addr: SocketAddr, first: TcpListener, unit: Arc<Unit>, mut faults: watch::Receiver<SimUpsFault>) {
    let mut listener = Some(first);
    loop {
        let fault = *faults.borrow_and_update();
        // Ends with each change of the fault; the connections end with it.
        let mut connections = JoinSet::new();
        if fault == SimUpsFault::Refuse {
            listener = None;
        } else if listener.is_none() {
            listener = TcpListener::bind(addr).await.ok();
        }
        loop {
            tokio::select! {
                changed = faults.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return,
                },
                accepted = accept(listener.as_ref()) => {
                    while connections.try_join_next().is_some() {}
                    if let Ok((stream, _)) = accepted && connections.len() < MOST_CONNECTIONS {
                        connections.spawn(serve(stream, Arc::clone(&unit), fault));
                    }
                }
                // The port was taken by somebody else meanwhile: try again.
                () = tokio::time::sleep(Duration::from_millis(200)), if listener.is_none() => {
                    if fault != SimUpsFault::Refuse {
                        break;
                    }
                }
            }
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

async fn serve(mut stream: TcpStream, unit: Arc<Unit>, fault: SimUpsFault) {
    let mut waiting = Vec::new();
    let mut chunk = [0; LONGEST_LINE];
    loop {
        let read = tokio::time::timeout(IDLE, stream.read(&mut chunk)).await;
        let Ok(Ok(count @ 1..)) = read else { return };
        waiting.extend_from_slice(&chunk[..count]);
        while let Some(end) = waiting.iter().position(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(&waiting[..end]).into_owned();
            waiting.drain(..=end);
            let reply = match fault {
                SimUpsFault::Silent => continue,
                SimUpsFault::Garbage => Reply::go_on("\u{1}\u{2}BEGIN \"LIST VAR ups.status \"\"OL\n"),
                SimUpsFault::Slow(ms) => {
                    tokio::time::sleep(Duration::from_millis(ms.into())).await;
                    reply(&unit, &line, fault)
                }
                SimUpsFault::None | SimUpsFault::Stale | SimUpsFault::DriverGone | SimUpsFault::Refuse => {
                    reply(&unit, &line, fault)
                }
            };
            let sent = tokio::time::timeout(IDLE, stream.write_all(reply.text.as_bytes())).await;
            if !matches!(sent, Ok(Ok(()))) || reply.last {
                return;
            }
        }
        if waiting.len() >= LONGEST_LINE {
            return;
        }
    }
}

struct Reply {
    text: String,
    last: bool,
}

impl Reply {
    fn go_on(text: impl Into<String>) -> Self {
        Self { text: text.into(), last: false }
    }
}

/// One question of a client. The words are those of upsd 2.8.
fn reply(unit: &Unit, line: &str, fault: SimUpsFault) -> Reply {
    let name = unit.plan.name.as_str();
    let words: Vec<String> = line.split_ascii_whitespace().map(|word| word.trim_matches('"').to_owned()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let silence = match fault {
        SimUpsFault::Stale => Some("ERR DATA-STALE\n"),
        SimUpsFault::DriverGone => Some("ERR DRIVER-NOT-CONNECTED\n"),
        SimUpsFault::None | SimUpsFault::Silent | SimUpsFault::Garbage | SimUpsFault::Refuse | SimUpsFault::Slow(_) => {
            None
        }
    };
    let known = |ups: &str| ups.eq_ignore_ascii_case(name);
    let text = match *words.as_slice() {
        ["VER"] => format!("cabinetd {} simulated UPS\n", env!("CARGO_PKG_VERSION")),
        ["NETVER" | "PROTVER"] => "1.3\n".into(),
        ["HELP"] => "Commands: HELP VER NETVER GET LIST USERNAME PASSWORD LOGIN LOGOUT\n".into(),
        ["LOGOUT"] => return Reply { text: "OK Goodbye\n".into(), last: true },
        ["STARTTLS"] => "ERR FEATURE-NOT-CONFIGURED\n".into(),
        ["LIST", "UPS"] => format!("BEGIN LIST UPS\nUPS {name} \"simulated UPS\"\nEND LIST UPS\n"),
        // Of a UPS, from here on.
        ["LOGIN", ups] | ["LIST" | "GET", _, ups, ..] if !known(ups) => "ERR UNKNOWN-UPS\n".into(),
        ["USERNAME" | "PASSWORD" | "LOGIN", _] => "OK\n".into(),
        ["LIST", "VAR", ups] => match silence {
            Some(silence) => silence.into(),
            None => list(ups, &unit.variables()),
        },
        ["LIST", kind @ ("RW" | "CMD" | "CLIENT"), ups] => format!("BEGIN LIST {kind} {ups}\nEND LIST {kind} {ups}\n"),
        ["GET", "UPSDESC", ups] => format!("UPSDESC {ups} \"simulated UPS\"\n"),
        ["GET", "NUMLOGINS", ups] => format!("NUMLOGINS {ups} 0\n"),
        ["GET", "VAR", ups, variable] => match (silence, unit.variables().iter().find(|(name, _)| *name == variable)) {
            (Some(silence), _) => silence.into(),
            (None, Some((variable, value))) => format!("VAR {ups} {variable} \"{value}\"\n"),
            (None, None) => "ERR VAR-NOT-SUPPORTED\n".into(),
        },
        ["LIST" | "GET" | "LOGIN" | "USERNAME" | "PASSWORD", ..] => "ERR INVALID-ARGUMENT\n".into(),
        _ => "ERR UNKNOWN-COMMAND\n".into(),
    };
    Reply::go_on(text)
}

fn list(ups: &str, variables: &[(&str, String)]) -> String {
    let mut text = format!("BEGIN LIST VAR {ups}\n");
    for (variable, value) in variables {
        // Writing to a String does not fail; no value holds a quote.
        let _ = writeln!(text, "VAR {ups} {variable} \"{value}\"");
    }
    let _ = writeln!(text, "END LIST VAR {ups}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn battery(mains: bool) -> Battery {
        let full_uj = 60 * 3_600_000_000;
        Battery { mains, at: Mono(0), full_uj, left_uj: full_uj, load_mw: 10_000, speed: 1 }
    }

    #[test]
    fn six_hours_of_battery_last_six_hours() {
        let mut battery = battery(false);
        assert_eq!((battery.runtime_s(), battery.status()), (6 * 3_600, "OB DISCHRG"));
        battery.advance(Mono(3 * 3_600_000));
        assert_eq!((battery.charge_pct(), battery.runtime_s()), (50, 3 * 3_600));
        battery.advance(Mono(5 * 3_600_000));
        assert_eq!((battery.charge_pct(), battery.status()), (16, "OB DISCHRG LB"));
        battery.advance(Mono(7 * 3_600_000));
        assert_eq!((battery.charge_pct(), battery.runtime_s()), (0, 0));
        battery.mains = true;
        assert_eq!(battery.status(), "OL CHRG");
        battery.advance(Mono(9 * 3_600_000));
        assert_eq!(battery.charge_pct(), 50);
        battery.advance(Mono(11 * 3_600_000));
        assert_eq!((battery.charge_pct(), battery.status()), (100, "OL"));
    }
}
