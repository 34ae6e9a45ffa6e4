//! Where the demo meets the other parts of the program.

use super::people::Sample;
use crate::cabinet::outcome::{Answer, Denial};
use crate::cabinet::roster::RosterChange;
use crate::cabinet::settings::Settings;
use crate::cabinet::types::{Mono, Pin};
use crate::config::Config;
use crate::io::control::wire::{Ask, Digits};
use crate::io::control::{Client, new_request_key};
use crate::io::credentials::{Credentials, CredentialsError, UPSD_PASSWORD};
use crate::io::sim::bench::SimulatedUps;
use crate::io::sim::nut::{Button, SimUps, SimUpsChange, SimUpsFault, SimUpsPlan};
use crate::io::sim::words::UpsFault;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use tokio::time::Instant;

/// What the config written into the folder describes.
pub(super) fn layout(config: &Path) -> Result<Settings, String> {
    Config::load(config).map(|config| config.settings).map_err(|why| why.to_string())
}

/// Starts the simulated UPS, on its old port if that is free, and says on which it is.
pub(super) async fn start_ups(
    port: Option<u16>,
) -> Result<(Box<dyn SimulatedUps>, impl Fn() -> bool + Send + Sync + use<>, u16), String> {
    let began = Instant::now();
    let clock = move || Mono(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let ups = match SimUps::start(at(port.unwrap_or(0)), SimUpsPlan::default(), clock).await {
        Ok(ups) => ups,
        Err(_) => SimUps::start(at(0), SimUpsPlan::default(), clock).await.map_err(|why| why.to_string())?,
    };
    let (port, output) = (ups.addr().port(), ups.output_eye());
    Ok((Box::new(ups), output, port))
}

impl SimulatedUps for SimUps {
    fn mains(&mut self, on: bool) {
        Self::mains(self, on);
    }

    fn fault(&mut self, fault: UpsFault) {
        let answers = match fault {
            UpsFault::Stale => SimUpsFault::Stale,
            UpsFault::Driver => SimUpsFault::DriverGone,
            UpsFault::Gone => SimUpsFault::Refuse,
            UpsFault::Silent => SimUpsFault::Silent,
            UpsFault::Garbage => SimUpsFault::Garbage,
            // These two are the unit's, not its answers'.
            UpsFault::ReplaceBattery => return self.change(SimUpsChange::ReplaceBattery(true)),
            UpsFault::SpuriousLow => return self.change(SimUpsChange::SpuriousLow(true)),
            UpsFault::Ok => {
                self.change(SimUpsChange::ReplaceBattery(false));
                self.change(SimUpsChange::SpuriousLow(false));
                SimUpsFault::None
            }
        };
        Self::fault(self, answers);
    }

    fn charge(&mut self, pct: u8) {
        Self::charge(self, pct);
    }

    fn button(&mut self) -> Button {
        self.power_button()
    }

    fn foreign_load(&mut self, watts: u16) {
        self.change(SimUpsChange::ForeignLoad(u32::from(watts) * 1_000));
    }

    fn output(&self) -> bool {
        Self::status(self).output
    }

    fn status(&self) -> String {
        let now = Self::status(self);
        let supply = match (now.mains, now.empty) {
            (true, _) => "mains is on",
            (false, false) => "mains is off",
            (false, true) => "mains is off, the battery is empty",
        };
        let foreign = match now.foreign_mw / 1_000 {
            0 => String::new(),
            watts => format!(", {watts} W of others on it"),
        };
        let fault = if now.fault == SimUpsFault::None { "" } else { ", its answers are broken" };
        if !now.output {
            return format!("{supply}; its output is off, charge {} %{foreign}{fault}", now.charge_pct);
        }
        let left = now.runtime_s / 60;
        format!("{supply}; {}, charge {} %, {left} min left{foreign}{fault}", now.status, now.charge_pct)
    }
}

/// Makes pepper and device key in the folder, unless they are there. The claim code is not shown: nobody needs to claim a
/// cabinet whose people the demo brings along.
pub(super) fn prepare_credentials(dir: &Path) -> Result<(), String> {
    let folder = dir.join("credentials");
    match Credentials::create(&folder) {
        Ok(_) | Err(CredentialsError::Exist(_)) => {}
        Err(why) => return Err(why.to_string()),
    }
    // That of the simulated upsd's user.
    let password = folder.join(UPSD_PASSWORD);
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&password);
    match made.and_then(|mut file| file.write_all(b"simulated\n")) {
        Err(why) if why.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(format!("cannot write {}: {why}", password.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Imports the sample roster and sets the PINs through the control socket of the running daemon. Blocking, for a thread of
/// its own; may be called again when it failed half-way.
pub(super) fn seed_roster(dir: &Path, sample: &Sample) -> Result<(), String> {
    let mut client = Client::connect(&dir.join("run")).map_err(|why| why.to_string())?;
    let mut ask = |ask: &Ask| match client.ask(&new_request_key(), ask).map_err(|why| why.to_string())? {
        Answer::Done { .. } | Answer::Difference { .. } | Answer::Refused(Denial::NothingToChange) => Ok(()),
        Answer::Refused(denial) => Err(denial.to_string()),
        Answer::Problems(problems) => Err(problems.join("; ")),
    };
    let roster = sample.roster();
    let change = RosterChange {
        source: "the demo's sample".to_owned(),
        hash: None,
        replace: true,
        users: roster.users.into_values().collect(),
        keys: roster.keys.into_values().collect(),
        remove_users: Vec::new(),
        remove_keys: Vec::new(),
    };
    ask(&Ask::ChangeRoster { change: (&change).into(), dry_run: false })?;
    for person in &sample.people {
        ask(&Ask::SetPin {
            user: person.user.id.clone(),
            pin: Some(Digits(Pin::new(&person.pin))),
            duress: person.duress.as_ref().map(|digits| Digits(Pin::new(digits))),
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::control::SOCKET_NAME;
    use crate::io::control::wire::{Reply, Response, VERSION, parse};
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::net::UnixListener;

    /// A daemon that says yes to everything; gives back what it was asked.
    fn daemon(dir: &Path) -> std::thread::JoinHandle<Vec<Ask>> {
        std::fs::create_dir_all(dir.join("run")).expect("a folder");
        let listener = UnixListener::bind(dir.join("run").join(SOCKET_NAME)).expect("a socket");
        std::thread::spawn(move || {
            let (stream, _) = listener.accept().expect("the demo comes");
            let mut out = stream.try_clone().expect("a second handle");
            let mut asks = Vec::new();
            for line in BufReader::new(stream).lines() {
                let request = parse(line.expect("text").as_bytes()).expect("the language of the socket");
                let answer = Answer::Done { text: "Done.".into(), seq: 1 };
                let response =
                    Response { v: VERSION, request: Some(request.request.clone()), reply: Reply::Answer(answer) };
                writeln!(out, "{}", serde_json::to_string(&response).expect("plain data")).expect("it listens");
                asks.push(request.ask);
            }
            asks
        })
    }

    #[test]
    fn the_roster_comes_first_then_every_pin() {
        let dir = tempfile::tempdir().expect("a folder");
        let asked = daemon(dir.path());
        let sample = Sample::new(7, 24);
        seed_roster(dir.path(), &sample).expect("the daemon says yes");
        let asks = asked.join().expect("no panic");
        let Some((Ask::ChangeRoster { change, dry_run: false }, pins)) = asks.split_first() else {
            panic!("the roster comes first")
        };
        assert_eq!((change.users.len(), change.keys.len(), change.replace), (8, 24, true));
        assert_eq!(pins.len(), sample.people.len());
        for (ask, person) in pins.iter().zip(&sample.people) {
            let Ask::SetPin { user, pin: Some(pin), duress } = ask else { panic!("PINs follow") };
            assert_eq!((user, pin.0.expose()), (&person.user.id, person.pin.as_str()));
            assert_eq!(duress.is_some(), person.duress.is_some());
        }
    }

    #[test]
    fn credentials_are_made_once() {
        let dir = tempfile::tempdir().expect("a folder");
        prepare_credentials(dir.path()).expect("a new folder");
        let pepper = std::fs::read(dir.path().join("credentials/pepper")).expect("made");
        prepare_credentials(dir.path()).expect("they are there");
        assert_eq!(std::fs::read(dir.path().join("credentials/pepper")).expect("kept"), pepper);
    }

    #[tokio::test]
    async fn what_hands_can_do_to_the_ups_shows() {
        let (mut ups, _, _) = start_ups(None).await.expect("loopback");
        ups.foreign_load(120);
        assert!(ups.status().contains("120 W of others"), "{}", ups.status());
        ups.foreign_load(0);
        ups.fault(UpsFault::ReplaceBattery);
        ups.fault(UpsFault::SpuriousLow);
        ups.mains(false);
        assert!(ups.status().contains("OB DISCHRG LB RB, charge 100 %"), "{}", ups.status());
        assert_eq!((ups.output(), ups.button()), (true, Button::WasOn));
        ups.fault(UpsFault::Ok);
        assert!(ups.status().contains("OB DISCHRG, charge 100 %"), "{}", ups.status());
        ups.fault(UpsFault::Stale);
        assert!(ups.status().contains("its answers are broken"), "{}", ups.status());
        ups.fault(UpsFault::Ok);
        ups.charge(0);
        assert!(!ups.output() && ups.status().contains("its output is off"), "{}", ups.status());
        assert_eq!(ups.button(), Button::Empty);
        ups.mains(true);
        assert!(ups.output() && ups.status().starts_with("mains is on; OL CHRG"), "{}", ups.status());
    }

    #[tokio::test]
    async fn the_ups_keeps_its_port_when_it_can() {
        let (ups, _, port) = start_ups(None).await.expect("loopback");
        let (_other, _, other_port) = start_ups(Some(port)).await.expect("another port: that one is taken");
        assert_ne!(port, other_port);
        assert!(ups.status().contains("mains is on"));
    }
}
