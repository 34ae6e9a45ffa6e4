//! A simulated UPS that speaks the NUT protocol, upsd's side of it, on loopback: for the demo and for tests.
//!
//! It has a battery that drains and charges by elapsed time, a mains switch, a power button, an output that FSD or an
//! empty battery cuts, a self-test, a socket for somebody else's printer, a choice of faults, and a script if wanted. Real
//! clients (`upsc`, upsmon, our own poller and orders) understand it. Bounds: 16 connections, 1,024 bytes a line, 60 s of
//! idleness. It stands for the UPS and for upsd on the machine behind it: while the output is off nobody answers, and when it
//! is back FSD is forgotten. It cuts nobody's power: whoever plays the world looks at [`SimUpsStatus::output`].

mod device;
mod server;
mod talk;

use crate::cabinet::types::Mono;
use device::Device;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

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
    /// `ups.serial`.
    pub serial: String,
    /// `battery.date`, as the vendor would write it.
    pub battery_date: String,
    /// Cuts its output on battery when the load is below this percentage for a minute, as some units do
    /// (`battery.energysave`).
    pub energysave_pct: Option<u8>,
    /// From FSD to the cut of the output: what upsmon, the shutdown and the unit's own delay take together.
    pub fsd_cut_ms: u32,
    /// The users of its upsd.
    pub accounts: Vec<SimAccount>,
    /// What happens by itself, each so many milliseconds after the start.
    pub script: Vec<(u64, SimUpsChange)>,
}

impl Default for SimUpsPlan {
    fn default() -> Self {
        Self {
            name: "demo".into(),
            capacity_wh: 60,
            load_mw: 9_000,
            rated_w: 60,
            charge_pct: 100,
            speed: 1,
            serial: "SIM-1".into(),
            battery_date: "2026-01".into(),
            energysave_pct: None,
            fsd_cut_ms: 15_000,
            accounts: vec![
                SimAccount { user: "cabinetd".into(), password: "simulated".into(), primary: true, commands: true },
                SimAccount { user: "watcher".into(), password: "simulated".into(), primary: false, commands: false },
            ],
            script: Vec::new(),
        }
    }
}

/// A user of the simulated upsd.
#[derive(Clone, PartialEq, Eq)]
pub struct SimAccount {
    pub user: String,
    pub password: String,
    /// `upsmon primary`: may force a shutdown.
    pub primary: bool,
    /// `instcmds = ALL`.
    pub commands: bool,
}

impl fmt::Debug for SimAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimAccount").field("user", &self.user).field("primary", &self.primary).finish_non_exhaustive()
    }
}

/// Something that happens to the unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SimUpsChange {
    /// Mains is on or off.
    Mains(bool),
    /// The charge is this, percent (more than 100 counts as 100).
    Charge(u8),
    /// The cabinet draws this, in milliwatts.
    Load(u32),
    /// Somebody else's devices draw this, in milliwatts; 0 takes them away.
    ForeignLoad(u32),
    /// The unit wants a new battery (`RB`), or got one.
    ReplaceBattery(bool),
    /// The unit says `LB` whenever it is on battery, however full that is; or no longer.
    SpuriousLow(bool),
}

/// What can be wrong with its answers.
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

/// What the power button did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Button {
    /// The output is on again.
    TurnedOn,
    /// It was on; a short press does nothing then.
    WasOn,
    /// Neither mains nor charge.
    Empty,
}

/// The state of the simulated UPS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SimUpsStatus {
    pub mains: bool,
    pub charge_pct: u8,
    /// What `ups.status` says.
    pub status: String,
    pub runtime_s: u32,
    /// The battery is empty and mains is off.
    pub empty: bool,
    /// Whether what is plugged in has power. False: a real unit would have cut the machine's power at this moment.
    pub output: bool,
    /// FSD is set; the output is about to be cut.
    pub forced_shutdown: bool,
    /// A self-test runs.
    pub testing: bool,
    /// What somebody else's devices draw, in milliwatts.
    pub foreign_mw: u32,
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
        let (name, accounts) = (plan.name.clone(), plan.accounts.clone());
        let device = Mutex::new(Device::new(plan, clock()));
        let (clients, ids) = (Mutex::default(), AtomicU64::new(0));
        let unit = Arc::new(Unit { name, accounts, clock: Box::new(clock), device, clients, ids });
        let (fault, faults) = watch::channel(SimUpsFault::None);
        let task = tokio::spawn(server::listen(addr, listener, Arc::clone(&unit), faults));
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
        &self.unit.name
    }

    /// Something happens to it now.
    pub fn change(&self, change: SimUpsChange) {
        self.unit.device().change(change);
    }

    /// Turns mains on or off.
    pub fn mains(&self, on: bool) {
        self.change(SimUpsChange::Mains(on));
    }

    /// Sets the charge, percent (more than 100 counts as 100).
    pub fn charge(&self, pct: u8) {
        self.change(SimUpsChange::Charge(pct));
    }

    /// Changes what the cabinet draws.
    pub fn load(&self, mw: u32) {
        self.change(SimUpsChange::Load(mw));
    }

    /// Looks at its output again and again: whether whatever hangs on it has power.
    pub fn output_eye(&self) -> impl Fn() -> bool + Send + Sync + use<> {
        let unit = Arc::clone(&self.unit);
        move || unit.device().output()
    }

    /// Somebody presses its button: turns the output on again, on battery too (a cold start).
    #[expect(clippy::must_use_candidate, reason = "who presses a button may look elsewhere")]
    pub fn power_button(&self) -> Button {
        self.unit.device().power_button()
    }

    /// Breaks or heals its answers. Connections that are open when the fault changes are closed.
    pub fn fault(&self, fault: SimUpsFault) {
        self.fault.send_replace(fault);
    }

    /// How it is now.
    #[must_use]
    pub fn status(&self) -> SimUpsStatus {
        let device = self.unit.device();
        SimUpsStatus {
            mains: device.mains(),
            charge_pct: device.charge_pct(),
            status: device.status(),
            runtime_s: device.runtime_s(),
            empty: device.empty(),
            output: device.output(),
            forced_shutdown: device.fsd(),
            testing: device.testing(),
            foreign_mw: u32::try_from(device.foreign_mw()).unwrap_or(u32::MAX),
            fault: *self.fault.borrow(),
        }
    }
}

impl Drop for SimUps {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What its connections share.
struct Unit {
    name: String,
    accounts: Vec<SimAccount>,
    clock: Box<dyn Fn() -> Mono + Send + Sync>,
    device: Mutex<Device>,
    /// Those who are logged in, by number.
    clients: Mutex<BTreeMap<u64, IpAddr>>,
    ids: AtomicU64,
}

impl fmt::Debug for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unit").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Unit {
    /// The device as of now.
    fn device(&self) -> MutexGuard<'_, Device> {
        let mut device = self.device.lock().expect("no code that holds the device panics");
        device.advance((self.clock)());
        device
    }

    fn clients(&self) -> MutexGuard<'_, BTreeMap<u64, IpAddr>> {
        self.clients.lock().expect("no code that holds the clients panics")
    }

    /// An id for a command, in the form that upsd gives them.
    fn next_id(&self) -> String {
        let number = self.ids.fetch_add(1, Ordering::Relaxed);
        format!("51d00000-0000-4000-8000-{number:012x}")
    }
}
