//! Every finding there is: its id, what it looks at, and what to do when it is not fine. `docs/check.md` has the same words.

use std::fmt;

/// What belongs together. Looked at and printed in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Group {
    Config,
    Daemon,
    Lines,
    Readers,
    Clock,
    Machine,
    Disk,
    Credentials,
    Ledger,
    Upstream,
    Alerts,
    Ups,
    Battery,
    Power,
}

/// All groups, in their order.
pub const GROUPS: [Group; 14] = [
    Group::Config,
    Group::Daemon,
    Group::Lines,
    Group::Readers,
    Group::Clock,
    Group::Machine,
    Group::Disk,
    Group::Credentials,
    Group::Ledger,
    Group::Upstream,
    Group::Alerts,
    Group::Ups,
    Group::Battery,
    Group::Power,
];

impl Group {
    /// The word for `--only`, and the first part of the ids.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Daemon => "daemon",
            Self::Lines => "lines",
            Self::Readers => "readers",
            Self::Clock => "clock",
            Self::Machine => "machine",
            Self::Disk => "disk",
            Self::Credentials => "credentials",
            Self::Ledger => "ledger",
            Self::Upstream => "upstream",
            Self::Alerts => "alerts",
            Self::Ups => "ups",
            Self::Battery => "battery",
            Self::Power => "power",
        }
    }

    /// The heading.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Config => "Config",
            Self::Daemon => "Daemon",
            Self::Lines => "Lines",
            Self::Readers => "Readers",
            Self::Clock => "Clock",
            Self::Machine => "Machine",
            Self::Disk => "Disk",
            Self::Credentials => "Credentials",
            Self::Ledger => "Ledger",
            Self::Upstream => "Upstream",
            Self::Alerts => "Alerts",
            Self::Ups => "UPS",
            Self::Battery => "Battery",
            Self::Power => "Power and sleep",
        }
    }
}

macro_rules! catalog {
    ($($name:ident $group:ident $word:literal: $meaning:literal, $remedy:literal;)*) => {
        /// The name of a finding: a stable word, the group first.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Id { $(#[doc = $meaning] $name),* }

        /// All of them, in the order of the groups.
        pub const IDS: &[Id] = &[$(Id::$name),*];

        impl Id {
            /// `group.word`
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word),* }
            }

            /// Where it belongs.
            #[must_use]
            pub const fn group(self) -> Group {
                match self { $(Self::$name => Group::$group),* }
            }

            /// What it looks at.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning),* }
            }

            /// What to do as a rule; a finding says more exactly.
            #[must_use]
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy),* }
            }
        }
    };
}

catalog! {
    ConfigReadable Config "config.readable":
        "The config file is there and can be read.",
        "Name it with `--config`, make one with `cabinetd config example`, or use `sudo`.";
    ConfigSound Config "config.sound":
        "The config has no mistakes. Each mistake is a finding of its own, with its line.",
        "Do what the finding says at that line; `cabinetd config check` lists the same.";
    ConfigExampleSite Config "config.example-site":
        "The property's name is not the example's: every record keeps the name that it got.",
        "Write `site` under `[cabinet]` before the first start.";
    ConfigBadgeAlone Config "config.badge-alone":
        "Nobody gets in with a badge alone: one that was found or copied would open the cabinet.",
        "Write `modes = [\"badge+pin\", \"login+pin\"]` under `[identify]`.";
    ConfigMute Config "config.mute":
        "Where people type on a keypad, a buzzer or lights answer them.",
        "Give the buzzer a line under `[[output]]`; a slot less, or an expander, makes room for it.";
    ConfigGroups Config "config.groups":
        "Every group of the operating system that the config names exists.",
        "Correct the name under `[accounts]` or `[control]`, or make the group with `groupadd`.";

    DaemonRunning Daemon "daemon.running":
        "The daemon runs and answers.",
        "`systemctl status cabinetd` and `journalctl -u cabinetd` say why it does not.";
    DaemonStore Daemon "daemon.store":
        "The daemon can write its ledger; when the disk is full it opens nothing.",
        "Make room on the disk of the state directory; it is noticed without a restart.";
    DaemonAlarms Daemon "daemon.alarms":
        "No alarm waits for somebody to look after it.",
        "`cabinetd alarm list` shows them with what to do.";

    LinesThere Lines "lines.there":
        "Every line that the config names is there, and free or the daemon's.",
        "`gpiodetect` and `gpioinfo` show chips and who has a line; end what has it, correct the config, or load the expander's overlay.";
    LinesAtRest Lines "lines.at-rest":
        "No lock or latch moves while the machine boots, or while nobody drives its line, by the pins' levels at boot and config.txt.",
        "A resistor that holds the relay off, and `gpio=PIN=op,dl` (or `dh`) in config.txt; or a pin that starts the other way.";
    LinesSecondJob Lines "lines.second-job":
        "No pin of the header that is used has a second job in config.txt: I2C, serial console, SPI, wake button.",
        "Take that line out of config.txt, or wire another pin; then restart the machine.";
    LinesSensors Lines "lines.sensors":
        "The sensors can be read and are believed, do not float, do not all say the same, and saw the keys that were asked for.",
        "Look at that sensor's switch, wire and resistor; `active` and `bias` under `[[input]]`.";
    LinesExercise Lines "lines.exercise":
        "With `--exercise USER` and that person at the cabinet: the lock lets the door go, the contact sees it open and closed.",
        "Relay, fuse and wire of the lock, or the door's contact, as the finding says.";

    ReadersDescribed Readers "readers.described":
        "Badge readers and keypads are described in the config, as many as the modes under `[identify]` want.",
        "Write a `[[reader]]` table for each (docs/readers.md); the finding lists what could be one.";
    ReadersThere Readers "readers.there":
        "Each description fits one device that is plugged in and types what such a reader has to.",
        "Plug it in; or add `port` or `path` to a description that fits two; or describe the device as the finding shows it.";
    ReadersAllowed Readers "readers.allowed":
        "The daemon's account may read the readers.",
        "`usermod -a -G input cabinetd`, or the udev rule that comes with the daemon (docs/readers.md).";
    ReadersHeld Readers "readers.held":
        "The daemon has taken the readers for itself, or nobody has.",
        "End the program that has it, or keep it off (docs/readers.md).";

    ClockTrusted Clock "clock.trusted":
        "The clock can be trusted. While it cannot, hours and validity warn and do not deny, and outages are timed by guess.",
        "Let systemd-timesyncd or chrony reach a time server, or fit a battery-backed clock.";
    ClockZone Clock "clock.zone":
        "The time zone of schedules and office hours is the site's.",
        "Write `time_zone` under `[cabinet]`.";

    MachineMemory Machine "machine.memory":
        "There is memory left for a PIN check and for the log.",
        "End what takes it: `ps aux --sort=-rss` tells.";
    MachineWatchdog Machine "machine.watchdog":
        "A machine that hangs is restarted by its watchdog.",
        "`RuntimeWatchdogSec=15s` for systemd, and `dtparam=watchdog=on` on a Raspberry Pi.";

    DiskStateDir Disk "disk.state-dir":
        "The state directory is there and can be looked at.",
        "Start the daemon once, or run the check with `sudo`.";
    DiskRoom Disk "disk.room":
        "The disk of the ledger has room; when it is full nothing is opened.",
        "Make room: old logs and packages first (`journalctl --vacuum-size=50M`, `apt-get clean`).";
    DiskFileSystem Disk "disk.file-system":
        "The ledger is on a local file system that keeps its promises across a power cut.",
        "Move `state_dir` to ext4, xfs, btrfs or f2fs on a disk or card of this machine.";
    DiskMount Disk "disk.mount":
        "The file system is mounted so that a write can happen and a sync is one.",
        "Correct the options in `/etc/fstab`: `rw`, and no `nobarrier` or `barrier=0`.";
    DiskJournal Disk "disk.journal":
        "The log of the machine outlives a power-off.",
        "Install the drop-in `60-cabinetd-journald.conf` (docs/install.md).";

    CredentialsUsable Credentials "credentials.usable":
        "Pepper and device key are there, whole, and closed to others.",
        "`cabinetd init` on a new cabinet, the backup of the folder on one that has PINs, `chmod` where others may read it.";

    LedgerReadable Ledger "ledger.readable":
        "The ledger can be opened by this program.",
        "What the finding says; keep a copy of the state directory before anything else.";
    LedgerOwner Ledger "ledger.owner":
        "The ledger is this cabinet's, by the names in its records.",
        "Correct `site` and `name` in the config, or give this cabinet a state directory of its own.";
    LedgerWhole Ledger "ledger.whole":
        "Nothing that was durable is missing, and the last records fit their hashes. All of them: `cabinetd ledger verify`.",
        "Keep a copy of the state directory, run `cabinetd ledger verify`, and restore a backup that has what is missing.";
    LedgerHomes Ledger "ledger.homes":
        "Every key has its home in a slot that the config has.",
        "Correct `[slots]` in the config, or give the keys other homes (`cabinetd key edit KEY --home SLOT`).";

    UpstreamTrust Upstream "upstream.trust":
        "There is an authority that upstream's certificate can be known by.",
        "Name a PEM file under `ca_file`, or install ca-certificates.";
    UpstreamToken Upstream "upstream.token":
        "The token that the config names is among the credentials.",
        "Write the token that upstream gave for this cabinet into that file, one line, mode 0600.";
    UpstreamAnswers Upstream "upstream.answers":
        "Upstream answers, knows this cabinet, and shows a certificate that is trusted.",
        "What the finding says: network, name, certificate, token.";
    UpstreamCurrent Upstream "upstream.current":
        "Upstream has the ledger, or is getting it; nothing was refused, and it holds nothing else.",
        "`cabinetd upstream status`, and [upstream.md](upstream.md) for a restored card or a clone.";
    UpstreamRoster Upstream "upstream.roster":
        "The signed roster is in force and not past its age, and what upstream has in its place can be taken.",
        "What the finding says; [upstream.md](upstream.md), \"A roster from elsewhere\".";

    AlertsReach Alerts "alerts.reach":
        "The recipient's mail server or webhook is there, is trusted, and lets us in. Nothing is sent.",
        "What the finding says: network, name, certificate, password.";
    AlertsArrive Alerts "alerts.arrive":
        "The daemon gets its messages taken.",
        "`cabinetd alerts status`, and [alerts.md](alerts.md) for the drop-in that lets the service out.";
    AlertsUrgent Alerts "alerts.urgent":
        "Somebody is told of what is urgent.",
        "Write \"urgent\" under `classes` of a recipient who reads it at any hour.";
    AlertsDuress Alerts "alerts.duress":
        "Somebody is told when somebody acts under duress.",
        "`duress = true` for a recipient who is not at the cabinet, where duress PINs are given out.";

    UpsWatched Ups "ups.watched":
        "A UPS is watched.",
        "Write `[ups]` into the config. A site without a UPS may leave it out.";
    UpsAnswers Ups "ups.answers":
        "upsd answers and has fresh data of the UPS.",
        "Look at nut-server, at the driver and at the cable, as the finding says.";
    UpsLocal Ups "ups.local":
        "upsd runs on this machine: in an outage the network may be gone, and only the machine with the UPS's cable can switch it off.",
        "Plug the UPS into this machine, or keep the other machine and the network between on a UPS as well.";
    UpsStatus Ups "ups.status":
        "The UPS is on line, not bypassed, switched off, alarmed or ordered to shut down.",
        "What the finding says about the word in `ups.status`.";
    UpsFigures Ups "ups.figures":
        "The UPS says what the forecast needs, and no nonsense: charge, load, runtime.",
        "Another driver or a newer NUT may say more; what is missing is modelled, and a drill makes the model better.";
    UpsRating Ups "ups.rating":
        "The load is at most 80 % of what the UPS is rated for.",
        "Unplug what is not the cabinet's, or take a larger UPS.";
    UpsDedicated Ups "ups.dedicated":
        "Nothing but the cabinet draws on the UPS. The cabinet's own load is learned over days; other load is told with its watts and hours.",
        "Find what is plugged in beside the cabinet, and give it another socket.";
    UpsClients Ups "ups.clients":
        "One upsmon, on this machine, is logged in at the UPS. Another one draws on the battery and shuts down with us.",
        "Take other machines off this UPS; start nut-monitor here.";
    UpsLowBattery Ups "ups.low-battery":
        "The driver that runs keeps the UPS's own \"low battery\" to itself, and says it only when all but nothing is left: upsmon shuts down by it.",
        "`ignorelb` and low limits in ups.conf (`cabinetd power recipe` writes them), then restart the driver, which reads them at its start.";
    UpsLowLoad Ups "ups.low-load":
        "The UPS does not cut its output on battery because the load is small. Shedding loads can lead there.",
        "Switch it off: `upsrw -s battery.energysave=no`, or in the UPS's own menu; a drill shows whether it is off.";
    UpsBeeper Ups "ups.beeper":
        "The UPS does not scream through a long outage until somebody unplugs it.",
        "`upscmd NAME beeper.disable` (or `beeper.mute`), or in the UPS's own menu.";
    UpsRestart Ups "ups.restart":
        "The UPS switches its output on again by itself when mains is back, without waiting for a high charge.",
        "`upsrw -s ups.start.auto=yes`, and `battery.charge.restart` at 30 or less.";

    BatteryReplace Battery "battery.replace":
        "The UPS does not ask for a new battery.",
        "Replace the battery, write its month as `installed` under `[battery]`, and drill again.";
    BatteryCharge Battery "battery.charge":
        "The battery is charged to 90 % or more.",
        "Wait some hours on line power; if it does not rise, the battery or the charger is broken.";
    BatteryAge Battery "battery.age":
        "The battery is young enough: lead-acid below three years, lithium below eight. Vendors' dates are not believed where it matters.",
        "Write `installed = \"YYYY-MM\"` under `[battery]`, or replace the battery.";
    BatteryTest Battery "battery.test":
        "The last self-test is known, was passed, and is not a year old.",
        "`weekly_self_test = true` under `[power]`, or `upscmd NAME test.battery.start.quick`.";
    BatteryCapacity Battery "battery.capacity":
        "What the battery holds was measured, and is more than 60 % of its nameplate.",
        "`cabinetd drill --deep`, or the next long outage, measures it; replace a battery that holds less.";

    PowerRuntime Power "power.runtime":
        "A full battery carries the awake cabinet for the hours of `runtime_goal_h`.",
        "A larger battery, as the finding says, or a deeper sleep: `cabinetd simulate` compares them.";
    PowerDraw Power "power.draw":
        "The load that is measured is the one that the forecast counts with.",
        "Correct `normal_mw` under `[power]`, or find what draws the difference.";
    PowerMethod Power "power.method":
        "The sleep that the config asks for is proved by a drill, with this UPS and this battery.",
        "`cabinetd drill`; until then the cabinet sleeps in standby only.";
    PowerColdStart Power "power.cold-start":
        "The UPS starts from its battery by its button: the only way back from ups-off before mains returns.",
        "`cabinetd drill` proves it; `upsrw -s ups.start.battery=yes` where the UPS forbids it.";
    PowerRtc Power "power.rtc":
        "There is a clock with an alarm where the sleep needs one, it goes right, and the daemon's account may set the alarm.",
        "Fit a battery to the Pi 5's clock, or a clock module to another Pi, and write `rtc = true` under `[power]`.";
    PowerPolkit Power "power.polkit":
        "A polkit rule lets the daemon's account power the machine off, for halt, and where ups-off fails. Standby needs none.",
        "Install the rule that `cabinetd power recipe` prints; its folder can be read with `sudo` only.";
    PowerFirmware Power "power.firmware":
        "The Raspberry Pi's EEPROM lets the machine wake as the sleep of the config needs it.",
        "`sudo rpi-eeprom-config --edit`, then reboot; `cabinetd power recipe` has the settings.";
    PowerUpsmon Power "power.upsmon":
        "upsmon owns the shutdown and leaves the decision to cabinetd. Each thing that stands against it is a finding of its own.",
        "`cabinetd power recipe` writes the files as they must be.";
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
