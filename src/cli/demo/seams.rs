//! Where the demo meets the other parts of the program.

use super::dir::Plan;
use super::people::Sample;
use crate::cabinet::settings::Settings;
use crate::cabinet::types::Mono;
use crate::io::sim::bench::SimulatedUps;
use crate::io::sim::nut::{SimUps, SimUpsFault, SimUpsPlan, SimUpsStatus};
use crate::io::sim::words::UpsFault;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use tokio::time::Instant;

/// What the config written into the folder describes.
///
/// CONNECT: `Config::load(&folder.config())?.settings`.
pub(super) fn layout(plan: &Plan) -> Settings {
    let mut settings = Settings::plain(plan.slots, 8);
    settings.slots.values_mut().for_each(|place| place.latch = plan.latches);
    settings
}

/// Starts the simulated UPS, on its old port if that is free, and says on which it is.
pub(super) async fn start_ups(port: Option<u16>) -> Result<(Box<dyn SimulatedUps>, u16), String> {
    let began = Instant::now();
    let clock = move || Mono(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let ups = match SimUps::start(at(port.unwrap_or(0)), SimUpsPlan::default(), clock).await {
        Ok(ups) => ups,
        Err(_) => SimUps::start(at(0), SimUpsPlan::default(), clock).await.map_err(|why| why.to_string())?,
    };
    let port = ups.addr().port();
    Ok((Box::new(ups), port))
}

impl SimulatedUps for SimUps {
    fn mains(&mut self, on: bool) {
        Self::mains(self, on);
    }

    fn fault(&mut self, fault: UpsFault) {
        Self::fault(
            self,
            match fault {
                UpsFault::Stale => SimUpsFault::Stale,
                UpsFault::Driver => SimUpsFault::DriverGone,
                UpsFault::Gone => SimUpsFault::Refuse,
                UpsFault::Silent => SimUpsFault::Silent,
                UpsFault::Garbage => SimUpsFault::Garbage,
                UpsFault::Ok => SimUpsFault::None,
            },
        );
    }

    fn charge(&mut self, pct: u8) {
        Self::charge(self, pct);
    }

    fn status(&self) -> String {
        let SimUpsStatus { mains, charge_pct, status, runtime_s, empty, fault } = Self::status(self);
        let supply = match (mains, empty) {
            (true, _) => "mains is on",
            (false, false) => "mains is off",
            (false, true) => "mains is off, the battery is empty",
        };
        let fault = if fault == SimUpsFault::None { "" } else { ", its answers are broken" };
        format!("{supply}; {status}, charge {charge_pct} %, {} min left{fault}", runtime_s / 60)
    }
}

/// Makes pepper and device key in the folder, unless they are there.
///
/// CONNECT: `Credentials::create(&dir.join("credentials"))` unless `credentials/pepper` exists.
#[expect(clippy::unnecessary_wraps, reason = "making credentials can fail")]
pub(super) fn prepare_credentials(_dir: &Path) -> Result<(), String> {
    Ok(())
}

/// Imports the sample roster and sets the PINs through the control socket of the running daemon. Blocking; called off the
/// event loop, and again after a while when it failed.
///
/// CONNECT: `Client::connect(&dir.join("run"))`, `Ask::ChangeRoster` with the whole of `sample.roster()` and `replace`, then
/// `Ask::SetPin` for each of `sample.people`.
pub(super) fn seed_roster(_dir: &Path, _sample: &Sample) -> Result<(), String> {
    Err("this build cannot import it".to_owned())
}
