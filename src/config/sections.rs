//! Section by section, what a document says.

use super::problem::Fault;
use super::reader::{self, Entry, Origin, Reader};
use super::{Config, Lines, Surroundings, UpsConfig, UpstreamConfig, keys, layout, wires};
use crate::io::lines::wiring::Signal;
use crate::io::readers::wanted::{By, Wanted};
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// Switched loads at most.
const MOST_LOADS: usize = 16;

/// Badge readers and PIN pads at most.
const MOST_READERS: usize = 8;

/// Longest path that a Unix socket can have.
const SOCKET_PATH_BYTES: usize = 107;

impl Config {
    /// The whole of a document.
    pub(super) fn read(&mut self, reader: &mut Reader, document: &DeTable<'_>, around: &Surroundings) {
        reader.refuse_unknown(document, "", &SECTIONS, home_of);
        let (mut lines, mut wires) = (keys::LinesDraft::default(), wires::Wires::default());
        for (header, keys) in PLAIN {
            let name = header.trim_matches(['[', ']']);
            let table = reader.section(document, name);
            if let Some((_, table)) = table {
                let known: Vec<&str> = keys.iter().map(|key| key.name).collect();
                reader.refuse_unknown(table, name, &known, home_of);
            }
            if table.is_some() || document.get(name).is_none() {
                reader.read(name, header, table, keys, self);
            }
            if name == "paths" {
                lines = self.read_lines(reader, document, around);
                layout::read(reader, document, &mut self.settings);
                wires = wires::read(reader, document);
                self.read_readers(reader, document);
            }
        }
        self.read_loads(reader, document);
        if let keys::Backend::Real(pins) = lines.backend {
            let how = (pins, lines.poll_s * 1_000);
            let wiring = wires::check(&wires, reader, &self.settings, &self.power, how);
            self.settings.button = wiring.inputs.iter().any(|line| line.signal == Signal::Button);
            self.lines = Lines::Real(wiring);
        }
        self.read_upstream(reader, document, around);
        self.read_recipients(reader, document, around);
        self.read_ups(reader, document);
        self.power.may_order = self.ups.as_ref().is_some_and(|ups| ups.user.is_some());
        self.power.rated_w = (self.battery.ups_rated_w > 0).then_some(self.battery.ups_rated_w);
        self.power.weekly_self_test = self.battery.weekly_self_test;
        self.settings.power = self.ups.as_ref().map(|_| self.power.clone());
        self.read_accounts(reader, document);
        self.check(reader);
    }

    fn read_lines(&mut self, reader: &mut Reader, document: &DeTable<'_>, around: &Surroundings) -> keys::LinesDraft {
        let table = reader.section(document, "lines");
        let mut draft = keys::LinesDraft::default();
        if let Some((_, table)) = table {
            let known: Vec<&str> = keys::LINES.iter().map(|key| key.name).collect();
            reader.refuse_unknown(table, "lines", &known, home_of);
        }
        if table.is_some() || document.get("lines").is_none() {
            reader.read("lines", "[lines]", table, keys::LINES, &mut draft);
        }
        let socket = self.place_paths(draft.socket.as_deref(), around);
        for (key, path) in [
            ("state_dir", &self.state_dir),
            ("credentials_dir", &self.credentials_dir),
            ("run_dir", &self.run_dir),
            ("socket", &socket),
        ] {
            reader.settle(key, &path.to_string_lossy());
        }
        let sockets = [("paths.run_dir", self.run_dir.join("control.sock")), ("lines.socket", socket.clone())];
        for (path, socket) in sockets {
            let bytes = socket.as_os_str().len();
            if bytes > SOCKET_PATH_BYTES {
                let wrong = format!("the socket's path has {bytes} bytes, the system takes {SOCKET_PATH_BYTES}");
                reader.conflict(path, &["paths.run_dir"], wrong, "write a shorter path");
            }
        }
        self.lines = Lines::Sim { socket };
        draft
    }

    /// Relative paths begin at the file's folder; what is not written goes to its usual place.
    fn place_paths(&mut self, socket: Option<&Path>, around: &Surroundings) -> PathBuf {
        let usual = |written: &Path, inside: &str, system: &Path| {
            if !written.as_os_str().is_empty() {
                return around.folder.join(written);
            }
            around.cabinetd_dir.as_ref().map_or_else(|| system.to_owned(), |dir| dir.join(inside))
        };
        let credentials = around.credentials_directory.as_deref().unwrap_or(Path::new("/etc/cabinetd/credentials"));
        self.state_dir = usual(&self.state_dir, "state", Path::new("/var/lib/cabinetd"));
        self.credentials_dir = usual(&self.credentials_dir, "credentials", credentials);
        self.run_dir = usual(&self.run_dir, "run", Path::new("/run/cabinetd"));
        socket.map_or_else(|| self.run_dir.join("hardware.sock"), |socket| around.folder.join(socket))
    }

    fn read_ups(&mut self, reader: &mut Reader, document: &DeTable<'_>) {
        let Some((line, table)) = reader.section(document, "ups") else { return };
        let known: Vec<&str> = keys::UPS.iter().map(|key| key.name).collect();
        reader.refuse_unknown(table, "ups", &known, home_of);
        let mut ups = UpsConfig {
            name: String::new(),
            host: String::new(),
            port: 0,
            poll_on_line_s: 0,
            poll_on_battery_s: 0,
            timeout_ms: 0,
            user: None,
        };
        reader.read("ups", "[ups]", Some((line, table)), keys::UPS, &mut ups);
        if ups.poll_on_battery_s > ups.poll_on_line_s {
            let wrong = format!("{} s is slower than on line power ({} s)", ups.poll_on_battery_s, ups.poll_on_line_s);
            reader.conflict(
                "ups.poll_on_battery_s",
                &["ups.poll_on_line_s"],
                wrong,
                "write a number not above poll_on_line_s",
            );
        }
        if ups.timeout_ms >= ups.poll_on_battery_s * 1_000 {
            let wrong = format!("{} ms is not below one poll on battery ({} s)", ups.timeout_ms, ups.poll_on_battery_s);
            reader.conflict(
                "ups.timeout_ms",
                &["ups.poll_on_battery_s", "ups.poll_on_line_s"],
                wrong,
                "shorten timeout_ms or lengthen poll_on_battery_s",
            );
        }
        self.ups = Some(ups);
    }

    fn read_upstream(&mut self, reader: &mut Reader, document: &DeTable<'_>, around: &Surroundings) {
        let Some((line, table)) = reader.section(document, "upstream") else { return };
        let known: Vec<&str> = keys::UPSTREAM.iter().map(|key| key.name).collect();
        reader.refuse_unknown(table, "upstream", &known, home_of);
        let Some(mut upstream) = UpstreamConfig::blank() else { return };
        // Where rosters come on a stick alone there is no upstream, only their key.
        let is_alone = table.len() == 1 && table.get("roster_key").is_some();
        let keys = if is_alone { keys::roster_key() } else { keys::UPSTREAM };
        reader.read("upstream", "[upstream]", Some((line, table)), keys, &mut upstream);
        self.roster_key = upstream.roster_key;
        self.settings.signed_roster = upstream.roster_key.is_some();
        if is_alone {
            return;
        }
        upstream.ca_file = upstream.ca_file.map(|path| around.folder.join(path));
        self.power.rules.flush_ms = upstream.flush_ms;
        self.settings.upstream = true;
        self.settings.upstream_silent_ms = u64::from(upstream.silent_alarm_h) * 3_600_000;
        self.upstream = Some(upstream);
    }

    fn read_loads(&mut self, reader: &mut Reader, document: &DeTable<'_>) {
        for (line, table) in reader.rows(document, "load") {
            let known: Vec<&str> = keys::LOAD.iter().map(|key| key.name).collect();
            reader.refuse_unknown(table, "load", &known, |_| None);
            let mut draft = keys::LoadDraft::default();
            reader.read("load", "[[load]]", Some((line, table)), keys::LOAD, &mut draft);
            if self.power.loads.contains(&draft.name) {
                let wrong = format!("the load {:?} is described twice", draft.name);
                reader.problem(Some(line), "load.name", Fault::new(wrong, "give each load a name of its own"));
            } else if self.power.loads.len() >= MOST_LOADS {
                let fault = Fault::new(format!("more than {MOST_LOADS} loads"), "switch several with one relay");
                reader.problem(Some(line), "load", fault);
            } else {
                self.power.loads.push(draft.name);
            }
        }
    }

    fn read_readers(&mut self, reader: &mut Reader, document: &DeTable<'_>) {
        for (line, table) in reader.rows(document, "reader") {
            let known: Vec<&str> = keys::READER.iter().map(|key| key.name).collect();
            reader.refuse_unknown(table, "reader", &known, |_| None);
            let (mut draft, before) = (keys::ReaderDraft::default(), reader.problems.len());
            reader.read("reader", "[[reader]]", Some((line, table)), keys::READER, &mut draft);
            let keys::ReaderDraft { kind, by, layout, pause_ms } = draft;
            if reader.problems.len() > before {
                continue;
            }
            if by == By::default() {
                let remedy =
                    "write name, id, port or path; `cabinetd check --only readers` lists the devices that there are";
                reader.problem(Some(line), "reader.name", Fault::new("nothing says which device it is", remedy));
            } else if self.readers.iter().any(|other| other.by == by) {
                let remedy = "write port or path, so that each fits one device; one that reads badges and has keys is kind = \"both\"";
                reader.problem(
                    Some(line),
                    "reader",
                    Fault::new(format!("the device with {by} is described twice"), remedy),
                );
            } else if self.readers.len() >= MOST_READERS {
                let fault = Fault::new(format!("more than {MOST_READERS} readers"), "take some away");
                reader.problem(Some(line), "reader", fault);
            } else {
                let pause_ms = pause_ms.unwrap_or_else(|| kind.usual_pause_ms());
                self.readers.push(Wanted { kind, by, layout, pause_ms });
            }
        }
    }

    fn read_accounts(&mut self, reader: &mut Reader, document: &DeTable<'_>) {
        let Some((_, table)) = reader.section(document, "accounts") else { return };
        let mut accounts = reader.keys(table);
        accounts.sort_by_key(|(_, (line, _))| *line);
        for (name, (line, value)) in accounts {
            let role = match value.as_str() {
                Some(word) => reader::role(word),
                None => Err(Fault::new(
                    format!("{} where a role belongs", reader::kind_of(value)),
                    "write \"staff\" or \"assistant\" or \"manager\" or \"admin\"",
                )),
            };
            match (keys::group(&name), role) {
                (Ok(group), Ok(role)) => {
                    reader.entries.push(Entry {
                        section: "[accounts]".to_owned(),
                        first: self.accounts.is_empty(),
                        key: reader::quoted_key(&group),
                        value: Some(reader::written(value)),
                        origin: Origin::File(line),
                        note: "",
                    });
                    self.accounts.push((group, role));
                }
                (group, role) => {
                    let path = format!("accounts.{}", if group.is_ok() { name.as_str() } else { "…" });
                    for fault in [group.err(), role.err()].into_iter().flatten() {
                        reader.problem(Some(line), &path, fault);
                    }
                }
            }
        }
    }
}

/// The sections whose keys go straight into the [`Config`], in the order of the reference.
static PLAIN: [(&str, &[keys::Key<Config>]); 8] = [
    ("[cabinet]", keys::CABINET),
    ("[paths]", keys::PATHS),
    ("[identify]", keys::IDENTIFY),
    ("[sessions]", keys::SESSIONS),
    ("[alerts]", keys::ALERTS),
    ("[control]", keys::CONTROL),
    ("[battery]", keys::BATTERY),
    ("[power]", keys::POWER),
];

/// Everything that may stand at the top.
const SECTIONS: [&str; 21] = [
    "cabinet",
    "paths",
    "lines",
    "door",
    "slots",
    "slot",
    "input",
    "output",
    "reader",
    "identify",
    "sessions",
    "alerts",
    "control",
    "upstream",
    "mail",
    "recipient",
    "ups",
    "battery",
    "power",
    "load",
    "accounts",
];

/// The section that has a key of this name.
pub(super) fn home_of(name: &str) -> Option<&'static str> {
    let plain = PLAIN.iter().find(|(_, keys)| keys.iter().any(|key| key.name == name)).map(|(header, _)| *header);
    let has = |names: &[&str], header| names.contains(&name).then_some(header);
    let ups: Vec<&str> = keys::UPS.iter().map(|key| key.name).collect();
    let upstream: Vec<&str> = keys::UPSTREAM.iter().map(|key| key.name).collect();
    let lines: Vec<&str> = keys::LINES.iter().map(|key| key.name).collect();
    plain.or_else(|| has(&ups, "[ups]")).or_else(|| has(&upstream, "[upstream]")).or_else(|| has(&lines, "[lines]"))
}
