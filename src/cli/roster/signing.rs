//! `cabinetd roster keygen|sign|device-key`: what is needed to sign a roster away from the cabinet. The first two need neither a config nor a daemon, and
//! are for a machine that is never on a network.

use crate::cabinet::roster::{Key, Roster, User};
use crate::cabinet::types::{SlotNo, Wall};
use crate::cli::number::whole;
use crate::config::Config;
use crate::hex::{hex, unhex};
use crate::io::control::wire::{KeyEntry, UserEntry};
use crate::io::credentials::Credentials;
use crate::io::roster_file;
use crate::io::store::Identity;
use crate::upstream::roster::{LARGEST_BYTES, Terms, sign};
use ed25519_dalek::SigningKey;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use zeroize::Zeroizing;

const EXIT_CODES: &str = "Exit codes: 0 done; 1 not done, and why is said; 2 wrong command line.";
const DAY_MS: i64 = 86_400_000;
/// A key file is some 65 bytes; what is longer is not one.
const LONGEST_KEY_BYTES: u64 = 4_096;

/// Rosters that are signed away from the cabinet.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum SigningCommand {
    /// Make the key that signs rosters, and print its public half for the config
    ///
    /// Keep the file offline, and a copy of it: whoever has it decides who may take which key. The public half is `roster_key` under [upstream].
    #[command(after_help = EXIT_CODES)]
    Keygen {
        /// A new file, for you alone to read
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Sign a roster for one cabinet
    ///
    /// Reads what `roster import` reads: TOML, CSV, or a folder; people and keys both. No PIN goes along.
    #[command(after_help = EXIT_CODES)]
    Sign(Box<SignArgs>),
    /// Print this cabinet's own public key, which a roster must name to count here
    #[command(after_help = EXIT_CODES)]
    DeviceKey,
}

/// What a signature says.
#[derive(clap::Args, Clone, Debug)]
pub struct SignArgs {
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The file that `roster keygen` made
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Higher than that of every roster that this cabinet took before
    #[arg(long = "version", value_name = "N", value_parser = whole::<u64>(1..=u64::MAX, 8))]
    pub number: u64,
    /// The site, as in the cabinet's config
    #[arg(long)]
    pub site: String,
    /// The cabinet's name, as in its config
    #[arg(long, value_name = "NAME")]
    pub cabinet: String,
    /// What `cabinetd roster device-key` prints there
    #[arg(long, value_name = "HEX")]
    pub device_key: String,
    /// After so many days the cabinet warns that it should be replaced; it locks nobody out
    #[arg(long, value_name = "N", default_value_t = 90, value_parser = whole::<u16>(1..=3660, 90))]
    pub valid_days: u16,
    /// The site's time zone, for dates in the files [default: this machine's]
    #[arg(long, value_name = "ZONE")]
    pub time_zone: Option<String>,
    /// A new file
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// Does it.
#[must_use]
pub fn run(command: &SigningCommand, config: Option<&Path>) -> ExitCode {
    let done = match command {
        SigningCommand::Keygen { out } => keygen(out),
        SigningCommand::Sign(args) => sign_file(args, now()),
        SigningCommand::DeviceKey => device_key(config),
    };
    match done {
        Ok(told) => {
            // Whoever asked may be gone.
            let _ = writeln!(io::stdout(), "{told}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("cabinetd: {why}");
            ExitCode::from(1)
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the age of a roster begins when it is signed; no record and no deadline"
)]
fn now() -> Wall {
    Wall(Timestamp::now().as_millisecond())
}

/// Makes a key; the public half, and where it goes.
pub(super) fn keygen(out: &Path) -> Result<String, String> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed).map_err(|error| format!("the kernel gave no random bytes: {error}"))?;
    let key = SigningKey::from_bytes(&seed);
    let text = Zeroizing::new(hex(&*seed));
    new_file(out, format!("{}\n", *text).as_bytes())?;
    Ok(format!("roster_key = \"{}\"", hex(&key.verifying_key().to_bytes())))
}

/// Signs; what was done.
pub(super) fn sign_file(args: &SignArgs, now: Wall) -> Result<String, String> {
    let key = read_key(&args.key)?;
    let device_key = unhex(args.device_key.trim())
        .ok_or("--device-key is not 64 hex digits; `cabinetd roster device-key` prints it at the cabinet")?;
    let zone = match &args.time_zone {
        Some(name) => TimeZone::get(name).map_err(|error| format!("--time-zone: {error}"))?,
        None => TimeZone::system(),
    };
    let read = roster_file::read(&args.files, &zone)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    let (Some(users), Some(keys)) = (read.users, read.keys) else {
        return Err("a signed roster is whole: name the people and the keys".to_owned());
    };
    sound(&users, &keys)?;
    let expires = Wall(now.0.saturating_add(i64::from(args.valid_days) * DAY_MS));
    let identity = Identity { site: args.site.clone(), cabinet: args.cabinet.clone() };
    let terms = Terms { version: args.number, identity, device_key, expires };
    let (people, things) = (users.len(), keys.len());
    let users: Vec<UserEntry> = users.iter().map(UserEntry::from).collect();
    let keys: Vec<KeyEntry> = keys.iter().map(KeyEntry::from).collect();
    let signed = sign(&terms, &users, &keys, &key).to_string();
    if signed.len() > LARGEST_BYTES {
        return Err("it is larger than 4 MiB: no cabinet takes that".to_owned());
    }
    new_file(&args.out, signed.as_bytes())?;
    let (out, number, days) = (args.out.display(), args.number, args.valid_days);
    Ok(format!("{out}: version {number}, {people} people, {things} keys, for {days} days; it holds badge numbers"))
}

/// What the cabinet would refuse anyway, but for the slots that it has.
fn sound(users: &[User], keys: &[Key]) -> Result<(), String> {
    let change = crate::cabinet::roster::RosterChange {
        users: users.to_vec(),
        keys: keys.to_vec(),
        replace: true,
        ..super::super::user::edit("roster sign")
    };
    let slots = (1..=u16::MAX).map(SlotNo).collect();
    Roster::default().after(&change, &slots).map(drop).map_err(|problems| problems.join("\n"))
}

fn device_key(config: Option<&Path>) -> Result<String, String> {
    let config = Config::load(&Config::locate(config)).map_err(|error| error.to_string())?;
    let credentials = Credentials::load(&config.credentials_dir).map_err(|error| error.to_string())?;
    Ok(hex(&credentials.device_key.verifying_key().to_bytes()))
}

/// A signed roster as it stands in its file.
pub(super) fn read_signed(file: &Path) -> Result<Value, String> {
    let cannot = |error: io::Error| format!("cannot read it ({error}); check the name and who may read it");
    let mut bytes = Vec::new();
    File::open(file).and_then(|file| file.take(LARGEST_BYTES as u64 + 1).read_to_end(&mut bytes)).map_err(cannot)?;
    if bytes.len() > LARGEST_BYTES {
        return Err("it is larger than 4 MiB: that is no roster".to_owned());
    }
    serde_json::from_slice(&bytes)
        .map_err(|_| "it is not JSON; a signed roster is what `cabinetd roster sign` writes".to_owned())
}

fn read_key(path: &Path) -> Result<SigningKey, String> {
    let cannot = |error: io::Error| format!("cannot read {}: {error}", path.display());
    let file = File::open(path).map_err(cannot)?;
    let mode = file.metadata().map_err(cannot)?.mode();
    if mode & 0o077 != 0 {
        return Err(format!("{} can be read by others; run: chmod 0600 {}", path.display(), path.display()));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(LONGEST_KEY_BYTES).read_to_string(&mut text).map_err(cannot)?;
    let seed = unhex(text.trim()).map(Zeroizing::new);
    let seed = seed.ok_or_else(|| format!("{} is no key: `cabinetd roster keygen` makes one", path.display()))?;
    Ok(SigningKey::from_bytes(&seed))
}

/// For its owner alone; nothing that is there is replaced.
fn new_file(path: &Path, content: &[u8]) -> Result<(), String> {
    let cannot = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => format!("{} exists already; name a new one", path.display()),
        _ => format!("cannot write {}: {error}; name another place", path.display()),
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(cannot)?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(cannot)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::roster::{Expected, verify};

    const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/roster-sample.toml");

    fn args(dir: &Path, file: &str) -> SignArgs {
        SignArgs {
            files: vec![PathBuf::from(file)],
            key: dir.join("roster.key"),
            number: 7,
            site: "Palm Court".to_owned(),
            cabinet: "cabinet-1".to_owned(),
            device_key: "07".repeat(32),
            valid_days: 30,
            time_zone: Some("UTC".to_owned()),
            out: dir.join("signed.json"),
        }
    }

    fn made(dir: &Path) -> [u8; 32] {
        let told = keygen(&dir.join("roster.key")).expect("a key");
        let public = told.split('"').nth(1).and_then(unhex);
        public.expect("the line for the config")
    }

    #[test]
    fn what_it_signs_counts_at_that_cabinet_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        let roster_key = made(dir.path());
        let told = sign_file(&args(dir.path(), SAMPLE), Wall(1_000)).expect("signed");
        assert!(told.contains("version 7") && told.contains("for 30 days"), "{told}");
        let signed = read_signed(&dir.path().join("signed.json")).expect("readable");
        let identity = Identity { site: "Palm Court".to_owned(), cabinet: "cabinet-1".to_owned() };
        let expected = Expected { roster_key, identity, device_key: [7; 32] };
        let roster = verify("stick", signed.to_string().as_bytes(), &expected).expect("it counts");
        assert_eq!((roster.version, roster.expires), (7, Wall(1_000 + 30 * DAY_MS)));
        assert!(verify("stick", signed.to_string().as_bytes(), &Expected { device_key: [8; 32], ..expected }).is_err());
        for name in ["roster.key", "signed.json"] {
            let mode = std::fs::metadata(dir.path().join(name)).expect("it is there").mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn it_overwrites_nothing_and_says_what_is_wrong_before_anything_is_signed() {
        let dir = tempfile::tempdir().expect("a folder");
        made(dir.path());
        assert!(keygen(&dir.path().join("roster.key")).expect_err("it is there").contains("exists already"));
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).expect("written");
            path.display().to_string()
        };
        let person = "[[users]]\nid = \"a\"\nname = \"A\"\nrole = \"staff\"\n";
        let with_pin = file("pin.toml", &format!("keys = []\n{person}pin = \"482913\"\n"));
        let refused = sign_file(&args(dir.path(), &with_pin), Wall(0)).expect_err("PINs do not travel");
        assert!(refused.contains("PINs are never read from a file") && !refused.contains("482913"), "{refused}");
        let half = file("half.toml", person);
        let refused = sign_file(&args(dir.path(), &half), Wall(0)).expect_err("no keys");
        assert!(refused.contains("whole"), "{refused}");
        let short = SignArgs { device_key: "07".to_owned(), ..args(dir.path(), SAMPLE) };
        assert!(sign_file(&short, Wall(0)).expect_err("no key").contains("roster device-key"));
        std::fs::set_permissions(dir.path().join("roster.key"), std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .expect("done");
        assert!(sign_file(&args(dir.path(), SAMPLE), Wall(0)).expect_err("exposed").contains("chmod 0600"));
        assert!(!dir.path().join("signed.json").exists(), "nothing was signed");
    }
}
