//! One client's conversation with the simulated upsd. The words are those of upsd 2.8, down to the order in which it finds fault.

use super::{SimAccount, SimUpsFault, Unit, device};
use crate::io::ups::orders::split_words;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

/// A client, from its connection to its end. A login ends with it.
pub(super) struct Talk {
    unit: Arc<Unit>,
    fault: SimUpsFault,
    from: IpAddr,
    user: Option<String>,
    password: Option<String>,
    login: Option<u64>,
    tracking: bool,
    /// Commands of this client, the oldest first: id, how it ended, whether it was asked for already.
    tracked: Vec<(String, bool, bool)>,
}

/// A longer memory is upsd's; no client of ours asks that late.
const MOST_TRACKED: usize = 16;

pub(super) struct Reply {
    pub(super) text: String,
    pub(super) last: bool,
}

impl Reply {
    pub(super) fn go_on(text: impl Into<String>) -> Self {
        Self { text: text.into(), last: false }
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        if let Some(login) = self.login {
            self.unit.clients().remove(&login);
        }
    }
}

impl Talk {
    pub(super) fn new(unit: Arc<Unit>, fault: SimUpsFault, from: IpAddr) -> Self {
        Self { unit, fault, from, user: None, password: None, login: None, tracking: false, tracked: Vec::new() }
    }

    /// One line of the client.
    pub(super) fn reply(&mut self, line: &[u8]) -> Reply {
        let Some(words) = split_words(line) else { return Reply::go_on("ERR UNKNOWN-COMMAND\n") };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if words == ["LOGOUT"] {
            return Reply { text: "OK Goodbye\n".into(), last: true };
        }
        Reply::go_on(self.answer(&words).unwrap_or_else(|error| format!("ERR {error}\n")))
    }

    fn answer(&mut self, words: &[&str]) -> Result<String, &'static str> {
        let name = self.unit.name.clone();
        let ok = || Ok("OK\n".to_owned());
        match *words {
            ["VER"] => Ok("Network UPS Tools upsd 2.8.0 - simulated by cabinetd\n".into()),
            ["NETVER" | "PROTVER"] => Ok("1.3\n".into()),
            ["HELP"] => Ok("Commands: HELP VER GET LIST SET INSTCMD FSD LOGIN LOGOUT USERNAME PASSWORD\n".into()),
            ["STARTTLS"] => Err("FEATURE-NOT-CONFIGURED"),
            ["USERNAME", user] => set_once(&mut self.user, user, "ALREADY-SET-USERNAME").and_then(|()| ok()),
            ["PASSWORD", word] => set_once(&mut self.password, word, "ALREADY-SET-PASSWORD").and_then(|()| ok()),
            ["LIST", "UPS"] => Ok(format!("BEGIN LIST UPS\nUPS {name} \"simulated UPS\"\nEND LIST UPS\n")),
            ["LIST", "CLIENT", ups] => {
                self.known(ups)?;
                let clients: Vec<IpAddr> = self.unit.clients().values().copied().collect();
                Ok(list("CLIENT", ups, clients.iter().map(ToString::to_string)))
            }
            ["LIST", "VAR", ups] => {
                self.available(ups)?;
                let variables = self.unit.device().variables();
                Ok(list("VAR", ups, variables.iter().map(|(name, value)| format!("{name} \"{value}\""))))
            }
            ["LIST", "CMD", ups] => {
                self.available(ups)?;
                Ok(list("CMD", ups, device::COMMANDS.iter().map(|command| (*command).to_owned())))
            }
            ["LIST", "RW", ups] => {
                self.available(ups)?;
                Ok(list("RW", ups, std::iter::empty()))
            }
            ["GET", "UPSDESC", ups] => {
                self.known(ups)?;
                Ok(format!("UPSDESC {ups} \"simulated UPS\"\n"))
            }
            ["GET", "NUMLOGINS", ups] => {
                self.available(ups)?;
                Ok(format!("NUMLOGINS {ups} {}\n", self.unit.clients().len()))
            }
            ["GET", "VAR", ups, variable] => {
                self.available(ups)?;
                let variables = self.unit.device().variables();
                let found = variables.iter().find(|(name, _)| *name == variable).ok_or("VAR-NOT-SUPPORTED")?;
                Ok(format!("VAR {ups} {variable} \"{}\"\n", found.1))
            }
            ["GET", "TRACKING"] => Ok(if self.tracking { "ON\n" } else { "OFF\n" }.to_owned()),
            ["GET", "TRACKING", id] => self.track(id),
            ["SET", "TRACKING", word @ ("ON" | "OFF")] => {
                self.introduced()?;
                self.tracking = word == "ON";
                ok()
            }
            ["LOGIN", ups] => self.log_in(ups).and_then(|()| ok()),
            ["PRIMARY" | "MASTER", ups] => {
                self.introduced()?;
                self.known(ups)?;
                if !self.account().is_some_and(|account| account.primary) {
                    return Err("ACCESS-DENIED");
                }
                Ok(format!("OK {}-GRANTED\n", words[0]))
            }
            ["FSD", ups] => {
                self.introduced()?;
                self.known(ups)?;
                if !self.account().is_some_and(|account| account.primary) {
                    return Err("ACCESS-DENIED");
                }
                self.unit.device().force_shutdown();
                Ok("OK FSD-SET\n".into())
            }
            ["INSTCMD", ups, command] | ["INSTCMD", ups, command, _] => self.command(ups, command),
            ["LIST" | "GET" | "SET" | "LOGIN" | "FSD" | "INSTCMD" | "USERNAME" | "PASSWORD", ..] => {
                Err("INVALID-ARGUMENT")
            }
            _ => Err("UNKNOWN-COMMAND"),
        }
    }

    fn known(&self, ups: &str) -> Result<(), &'static str> {
        if ups.eq_ignore_ascii_case(&self.unit.name) { Ok(()) } else { Err("UNKNOWN-UPS") }
    }

    fn available(&self, ups: &str) -> Result<(), &'static str> {
        self.known(ups)?;
        match self.fault {
            SimUpsFault::Stale => Err("DATA-STALE"),
            SimUpsFault::DriverGone => Err("DRIVER-NOT-CONNECTED"),
            SimUpsFault::None
            | SimUpsFault::Silent
            | SimUpsFault::Garbage
            | SimUpsFault::Refuse
            | SimUpsFault::Slow(_) => Ok(()),
        }
    }

    fn introduced(&self) -> Result<(), &'static str> {
        match (&self.user, &self.password) {
            (None, _) => Err("USERNAME-REQUIRED"),
            (Some(_), None) => Err("PASSWORD-REQUIRED"),
            (Some(_), Some(_)) => Ok(()),
        }
    }

    /// Who it is, if name and password are right.
    fn account(&self) -> Option<&SimAccount> {
        let (user, password) = (self.user.as_ref()?, self.password.as_ref()?);
        self.unit.accounts.iter().find(|account| account.user == *user && account.password == *password)
    }

    fn log_in(&mut self, ups: &str) -> Result<(), &'static str> {
        self.introduced()?;
        if self.login.is_some() {
            return Err("ALREADY-LOGGED-IN");
        }
        self.known(ups)?;
        if self.account().is_none() {
            return Err("ACCESS-DENIED");
        }
        let mut clients = self.unit.clients();
        let number = clients.last_key_value().map_or(0, |(last, _)| last + 1);
        clients.insert(number, self.from);
        drop(clients);
        self.login = Some(number);
        Ok(())
    }

    fn command(&mut self, ups: &str, command: &str) -> Result<String, &'static str> {
        self.introduced()?;
        self.available(ups)?;
        if !device::COMMANDS.contains(&command) {
            return Err("CMD-NOT-SUPPORTED");
        }
        if !self.account().is_some_and(|account| account.commands) {
            return Err("ACCESS-DENIED");
        }
        let obeyed = self.unit.device().obey(command);
        if !self.tracking {
            return Ok("OK\n".into());
        }
        let id = self.unit.next_id();
        if self.tracked.len() >= MOST_TRACKED {
            self.tracked.remove(0);
        }
        self.tracked.push((id.clone(), obeyed, false));
        Ok(format!("OK TRACKING {id}\n"))
    }

    /// The first time it is not known yet, as with a driver that takes a moment.
    fn track(&mut self, id: &str) -> Result<String, &'static str> {
        if !self.tracking {
            return Err("FEATURE-NOT-CONFIGURED");
        }
        let (_, obeyed, asked) = self.tracked.iter_mut().find(|(known, ..)| known == id).ok_or("UNKNOWN")?;
        match (std::mem::replace(asked, true), *obeyed) {
            (false, _) => Ok("PENDING\n".into()),
            (true, true) => Ok("SUCCESS\n".into()),
            (true, false) => Err("FAILED"),
        }
    }
}

fn set_once(place: &mut Option<String>, word: &str, error: &'static str) -> Result<(), &'static str> {
    if place.is_some() {
        return Err(error);
    }
    *place = Some(word.to_owned());
    Ok(())
}

fn list(kind: &str, ups: &str, entries: impl Iterator<Item = String>) -> String {
    let mut text = format!("BEGIN LIST {kind} {ups}\n");
    for entry in entries {
        // Writing to a String does not fail; no value holds a quote.
        let _ = writeln!(text, "{kind} {ups} {entry}");
    }
    let _ = writeln!(text, "END LIST {kind} {ups}");
    text
}
