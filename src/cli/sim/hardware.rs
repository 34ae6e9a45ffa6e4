//! `cabinetd sim hardware`: a simulated cabinet for a config of one's own, to be driven by a `cabinetd run` in another terminal.
//!
//! It is the demo's hardware without the demo: no daemon, no people, no UPS. What hangs where is kept in the config's state
//! folder, so that it goes on where it was left. It ends with Ctrl-C.

use super::say;
use crate::cabinet::roster::{Key, User};
use crate::cli::demo::paint::{Paint, Shade};
use crate::cli::demo::screen::quoted;
use crate::cli::demo::tell::{Names, News, Teller};
use crate::config::{Config, ConfigError, Lines};
use crate::io::clock::Clock;
use crate::io::roster_file;
use crate::io::sim::bench::{Bench, kept};
use crate::io::sim::board;
use crate::io::sim::hardware::{Hardware, KeyNo};
use crate::io::sim::words::SOCKET;
use jiff::tz::TimeZone;
use rustix::fs::{FlockOperation, flock};
use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Inputs that wait for the bench.
const INPUTS: usize = 256;
/// Where the physical cabinet is kept, in the state folder.
const KEPT: &str = "hardware.json";

/// What hangs there at first.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  \
    cabinetd sim hardware --roster roster.toml      then, in another terminal: cabinetd run\n\n\
    It runs until Ctrl-C and keeps what hangs where in hardware.json, in the config's state folder.")]
pub(super) struct HardwareArgs {
    /// A roster file: its keys hang on their hooks at first. Without: a key on every hook
    #[arg(long, value_name = "FILE")]
    roster: Vec<PathBuf>,
    /// No colours (also: `NO_COLOR` in the environment, or output that is no terminal)
    #[arg(long)]
    no_color: bool,
}

/// Why there is no hardware.
#[derive(Debug, thiserror::Error)]
enum HardwareError {
    #[error("{0}")]
    Config(ConfigError),
    #[error(
        "{} belongs to a demo, which has hardware of its own: `cabinetd demo --dir {}`", .0.join("cabinetd.toml").display(), .0.display()
    )]
    Demo(PathBuf),
    #[error("the roster cannot be read:\n{0}")]
    Roster(String),
    #[error("cannot {what} {}: {source}; write another place under [paths] in the config, or run it as an account that may", path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
    #[error("the hardware of this config is served already; look for another `cabinetd sim hardware`")]
    Running,
    #[error(
        "{} belongs to {owner}, whose daemon could not reach hardware of {}; run it as that account: {command}", folder.display(), own_name()
    )]
    Foreign { folder: PathBuf, owner: String, command: String },
    #[error("{} is for real lines; write backend = \"sim\" under [lines]", .0.display())]
    Real(PathBuf),
    #[error("{0}")]
    Kept(String),
    #[error("{} is of another cabinet than the config; move it away to begin anew", .0.display())]
    Another(PathBuf),
    #[error("cannot {what}: {why}")]
    Part { what: &'static str, why: String },
}

impl HardwareError {
    fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}

/// Serves the hardware until Ctrl-C.
pub(super) fn serve(args: &HardwareArgs, config: Option<&Path>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(work(args, config)),
        Err(why) => Err(HardwareError::Part { what: "start", why: why.to_string() }),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("cabinetd: {why}");
            ExitCode::from(2)
        }
    }
}

async fn work(args: &HardwareArgs, flag: Option<&Path>) -> Result<(), HardwareError> {
    let path = Config::locate(flag);
    let config = Config::load(&path).map_err(HardwareError::Config)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    if folder.join("demo.json").exists() {
        return Err(HardwareError::Demo(folder.to_owned()));
    }
    let roster = read_roster(&args.roster, config.time_zone.as_deref())?;
    if let Some(foreign) = [&config.state_dir, &config.run_dir].into_iter().find_map(|folder| foreign(folder, flag)) {
        return Err(foreign);
    }
    // As the daemon makes them, in case that it comes later.
    make(&config.state_dir, 0o700)?;
    make(&config.run_dir, 0o755)?;
    let _lock = lock(&config.run_dir)?;
    let file = config.state_dir.join(KEPT);
    let (hardware, goes_on) = match kept(&file).map_err(HardwareError::Kept)? {
        Some(hardware) if hardware.fits(&config.settings) => (hardware, true),
        Some(_) => return Err(HardwareError::Another(file)),
        None => (Hardware::new(&config.settings, labels(&config, &roster)), false),
    };
    let Lines::Sim { socket } = &config.lines else { return Err(HardwareError::Real(path)) };
    let daemons = board::listen(socket).map_err(HardwareError::io("listen at", socket))?;
    let people = config.run_dir.join(SOCKET);
    let people = board::listen(&people).map_err(HardwareError::io("listen at", people))?;
    let clock = Clock::new(config.time_zone.as_deref())
        .map_err(|why| HardwareError::Part { what: "read the clock", why: why.to_string() })?;

    let paint = Paint::for_terminal(args.no_color);
    say(&first_screen(&path, flag.is_some(), &config, &hardware, goes_on, paint));
    let teller = Teller::start(paint, Names::of(roster.users.iter(), &roster.keys), clock);
    let (inputs, bench_inputs) = mpsc::channel(INPUTS);
    let told = teller.clone();
    let bench = Bench::new(hardware, None, file.clone(), move |news| told.tell(News::World(news)));
    tokio::spawn(bench.run(bench_inputs));
    tokio::spawn(board::serve_daemon(daemons, inputs.clone()));
    tokio::spawn(board::serve_people(people, inputs));

    let listen_for =
        |kind| signal(kind).map_err(|why| HardwareError::Part { what: "listen for Ctrl-C", why: why.to_string() });
    let (mut interrupt, mut terminate) = (listen_for(SignalKind::interrupt())?, listen_for(SignalKind::terminate())?);
    // Its window was closed.
    let mut hangup = listen_for(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => {},
        _ = terminate.recv() => {},
        _ = hangup.recv() => {},
    }
    teller.tell(News::PutAway { kept: file });
    teller.finish();
    Ok(())
}

/// People and keys that the narration can name.
#[derive(Default)]
struct Known {
    users: Vec<User>,
    keys: Vec<Key>,
}

fn read_roster(files: &[PathBuf], zone: Option<&str>) -> Result<Known, HardwareError> {
    if files.is_empty() {
        return Ok(Known::default());
    }
    let zone = zone.and_then(|name| TimeZone::get(name).ok()).unwrap_or_else(TimeZone::system);
    let read = roster_file::read(files, &zone).map_err(|problems| {
        HardwareError::Roster(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })?;
    Ok(Known { users: read.users.unwrap_or_default(), keys: read.keys.unwrap_or_default() })
}

/// What is written on the key sets, and with that which hooks have one.
fn labels(config: &Config, roster: &Known) -> BTreeMap<KeyNo, String> {
    let slots = || config.settings.slots.keys();
    if roster.keys.is_empty() {
        return slots().map(|slot| (KeyNo(slot.0), format!("Key {slot}"))).collect();
    }
    let keys = roster.keys.iter().filter(|key| config.settings.slots.contains_key(&key.home));
    keys.map(|key| (KeyNo(key.home.0), key.label.clone())).collect()
}

fn first_screen(path: &Path, named: bool, config: &Config, hardware: &Hardware, goes_on: bool, paint: Paint) -> String {
    let hooks = hardware.hooks().count();
    let hung = hardware.hooks().filter(|hook| hook.key.is_some()).count();
    let doors = hardware.doors().count();
    let begin = if goes_on { "as it was left" } else { "new" };
    // As the other terminals find the same config.
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let option = format!("--config {}", quoted(&absolute.display().to_string()));
    let place = if named {
        [format!("cabinetd run {option}"), format!("cabinetd {option} sim badge CODE")]
    } else if let Some(folder) = absolute.parent().filter(|_| std::env::var_os("CABINETD_DIR").is_some()) {
        let export = format!("export CABINETD_DIR={}", quoted(&folder.display().to_string()));
        [format!("{export}; cabinetd run"), format!("{export}; cabinetd sim badge CODE")]
    } else {
        ["cabinetd run".to_owned(), "cabinetd sim badge CODE".to_owned()]
    };
    format!(
        "{}\nFor {}: {hooks} hooks ({hung} with a key), doors: {doors}, {begin}. No UPS.\n\
         Type in a second terminal: {}\nand in a third one:        {}\n\
         `cabinetd sim --help` says what else hands can do.\n\
         Ctrl-C here switches the hardware off; what hangs where is kept in {}.\n",
        paint.on(Shade::Bold, "The hardware of a cabinet, simulated"),
        absolute.display(),
        place[0],
        place[1],
        config.state_dir.display(),
    )
}

fn make(dir: &Path, mode: u32) -> Result<(), HardwareError> {
    if dir.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(mode).create(dir).map_err(HardwareError::io("make", dir))
}

/// A folder of another account: files of ours in there are in its daemon's way.
fn foreign(folder: &Path, flag: Option<&Path>) -> Option<HardwareError> {
    let uid = std::fs::metadata(folder).ok()?.uid();
    if uid == uzers::get_effective_uid() {
        return None;
    }
    let owner = uzers::get_user_by_uid(uid).map(|user| user.name().to_string_lossy().into_owned());
    let (owner, account) = match owner {
        Some(name) => (format!("the account {name}"), name),
        None => (format!("uid {uid}"), format!("#{uid}")),
    };
    let option = flag.map_or_else(String::new, |path| format!(" --config {}", quoted(&path.display().to_string())));
    let command = format!("`sudo -u {} cabinetd{option} sim hardware`", quoted(&account));
    Some(HardwareError::Foreign { folder: folder.to_owned(), owner, command })
}

/// Who we are, in words.
fn own_name() -> String {
    uzers::get_effective_username()
        .map_or_else(|| "this account".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// One set of hardware for one config.
fn lock(run_dir: &Path) -> Result<File, HardwareError> {
    let path = run_dir.join("hardware.lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
    let file = file.map_err(HardwareError::io("make", &path))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(HardwareError::Running),
        Err(why) => Err(HardwareError::io("lock", path)(why.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str =
        "[cabinet]\nsite = \"Palm Court\"\nname = \"office\"\n[lines]\nbackend = \"sim\"\n[slots]\ncount = 6\n";

    fn config(dir: &Path) -> Config {
        let path = dir.join("cabinetd.toml");
        let places = "[paths]\nstate_dir = \"state\"\ncredentials_dir = \"credentials\"\nrun_dir = \"run\"\n";
        std::fs::write(&path, format!("{CONFIG}{places}")).expect("written");
        Config::load(&path).expect("it is sound")
    }

    #[test]
    fn the_hooks_hold_the_rosters_keys_or_one_each() {
        let dir = tempfile::tempdir().expect("a folder");
        let config = config(dir.path());
        let all = labels(&config, &Known::default());
        assert_eq!((all.len(), all[&KeyNo(6)].as_str()), (6, "Key 6"));

        let roster = dir.path().join("roster.toml");
        let text =
            "[[keys]]\nid = \"204\"\nlabel = \"Unit 204\"\nhome = 5\n[[keys]]\nid = \"x\"\nlabel = \"X\"\nhome = 7\n";
        std::fs::write(&roster, text).expect("written");
        let known = read_roster(&[roster], None).expect("good");
        let some = labels(&config, &known);
        assert_eq!(some, BTreeMap::from([(KeyNo(5), "Unit 204".to_owned())]), "there is no hook 7");
        assert!(matches!(read_roster(&[dir.path().join("none.toml")], None), Err(HardwareError::Roster(_))));
    }

    #[test]
    fn the_first_screen_says_what_to_type_for_this_config() {
        let dir = tempfile::tempdir().expect("a folder");
        let config = config(dir.path());
        let hardware = Hardware::new(&config.settings, labels(&config, &Known::default()));
        let screen = |named| {
            first_screen(Path::new("/srv/my own/c.toml"), named, &config, &hardware, false, Paint::fixed(false))
        };
        assert!(screen(true).contains("cabinetd run --config '/srv/my own/c.toml'\n"), "{}", screen(true));
        assert!(screen(false).contains("cabinetd run\nand in a third one:"), "{}", screen(false));
    }

    #[tokio::test]
    async fn a_demos_folder_and_a_second_one_are_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let config = config(dir.path());
        make(&config.run_dir, 0o755).expect("made");
        let args = HardwareArgs { roster: Vec::new(), no_color: true };
        let path = dir.path().join("cabinetd.toml");
        let held = lock(&config.run_dir).expect("free");
        assert!(matches!(work(&args, Some(&path)).await, Err(HardwareError::Running)));
        drop(held);
        std::fs::write(dir.path().join("demo.json"), "{}").expect("written");
        assert!(matches!(work(&args, Some(&path)).await, Err(HardwareError::Demo(_))));
    }

    #[tokio::test]
    async fn in_another_accounts_folder_it_leaves_nothing_and_names_the_command() {
        let dir = tempfile::tempdir().expect("a folder");
        let config = config(dir.path());
        make(&config.state_dir, 0o700).expect("made");
        // Only root can make a folder of somebody else's; others look at root's.
        let is_root = uzers::get_effective_uid() == 0;
        if is_root {
            std::os::unix::fs::chown(&config.state_dir, Some(1), None).expect("given away");
            let args = HardwareArgs { roster: Vec::new(), no_color: true };
            let why = work(&args, Some(&dir.path().join("cabinetd.toml"))).await.expect_err("it is daemon's");
            assert!(why.to_string().contains("belongs to the account daemon"), "{why}");
            assert!(why.to_string().contains("cabinetd.toml sim hardware`"), "{why}");
            assert!(!config.run_dir.exists() && !config.state_dir.join(KEPT).exists(), "it made nothing");
        } else {
            let why = foreign(Path::new("/etc"), None).expect("it is root's");
            assert!(why.to_string().contains("`sudo -u root cabinetd sim hardware`"), "{why}");
        }
        assert!(foreign(dir.path(), None).is_none());
    }
}
