//! `cabinetd demo`: a whole cabinet on one's desk, for somebody who never saw one.
//!
//! This process is the world: the hardware, the reader, the UPS, and somebody's hands (`cabinetd sim …` from a second
//! terminal). Its child is the unmodified daemon, `cabinetd run`, with the `sim` line backend. When the child dies the
//! world stays as it was and the child is started again; what happened meanwhile the daemon must find out for itself.
//!
//! Everything is kept in one folder; the same folder again goes on where it was left.

mod child;
mod dir;
pub(super) mod paint;
pub mod people;
pub(super) mod screen;
mod seams;
pub(super) mod tell;

use crate::cli::number::whole;
use crate::io::clock::Clock;
use crate::io::notify;
use crate::io::sim::bench::{Bench, Machine, Told, kept};
use crate::io::sim::board;
use crate::io::sim::hardware::{Hardware, KeyNo};
use crate::io::sim::words;
use dir::Folder;
use paint::Paint;
use people::Sample;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tell::{Names, News, Teller};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

/// Inputs that wait for the bench.
const INPUTS: usize = 256;

/// Run a whole simulated cabinet, to try everything out.
#[derive(clap::Args, Debug)]
pub struct DemoArgs {
    /// Keep everything here, and go on with it next time. Default: a fresh folder, which is printed.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Makes the sample people's PINs; the same seed makes the same ones.
    #[arg(long, value_name = "N", value_parser = whole::<u64>(0..=u64::MAX, 7))]
    seed: Option<u64>,
    /// How many slots the cabinet has.
    #[arg(long, value_name = "N", value_parser = whole::<u16>(1..=300, 24))]
    slots: Option<u16>,
    /// Give each slot a latch that holds its key.
    #[arg(long)]
    latches: bool,
    /// No colours (also: `NO_COLOR` in the environment, or output that is no terminal).
    #[arg(long)]
    no_color: bool,
}

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
enum DemoError {
    #[error("cannot {what} {}: {source}", path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
    #[error("another demo runs in {}; use another --dir, or end that one with Ctrl-C", .0.display())]
    Running(PathBuf),
    #[error(
        "{} has a cabinetd.toml that no demo made, and a demo would overwrite it; use another --dir \
         (for your own config: `cabinetd sim hardware` and `cabinetd run`)", .0.display()
    )]
    NotADemo(PathBuf),
    #[error(
        "a demo writes its own config into its folder: leave out --config, or, for your own one, type \
         `cabinetd sim hardware --config FILE` and `cabinetd run --config FILE` in two terminals"
    )]
    OwnConfig,
    #[error("{} is too long for a socket's address (107 bytes at most); use a shorter --dir", .0.display())]
    TooLong(PathBuf),
    #[error("the demo in {} was made with {was}; leave out the option, or use another --dir", dir.display())]
    Other { dir: PathBuf, was: String },
    #[error("{0}")]
    Damaged(String),
    #[error("this program cannot find itself: {0}")]
    NoSelf(io::Error),
    #[error("cannot {what}: {why}")]
    Part { what: &'static str, why: String },
}

impl DemoError {
    fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}

/// Runs the demo until Ctrl-C.
#[must_use]
pub fn run(args: DemoArgs, config: Option<&Path>) -> ExitCode {
    let paint = Paint::for_terminal(args.no_color);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(_) if config.is_some() => Err(DemoError::OwnConfig),
        Ok(runtime) => runtime.block_on(play(args, paint)),
        Err(why) => Err(DemoError::Part { what: "start the demo", why: why.to_string() }),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("cabinetd: {why}");
            ExitCode::from(2)
        }
    }
}

async fn play(args: DemoArgs, paint: Paint) -> Result<(), DemoError> {
    let mut folder = Folder::open(args.dir, args.seed, args.slots, args.latches)?;
    let sample = Sample::new(folder.plan.seed, folder.plan.slots);
    let (ups, output, ups_port) = seams::start_ups(folder.plan.ups_port)
        .await
        .map_err(|why| DemoError::Part { what: "start the simulated UPS", why })?;
    let clock = Clock::new(None).map_err(|why| DemoError::Part { what: "read the clock", why: why.to_string() })?;
    folder.write(ups_port, &sample, clock.now().wall)?;
    seams::prepare_credentials(&folder.path)
        .map_err(|why| DemoError::Part { what: "make the demo's credentials", why })?;

    let settings =
        seams::layout(&folder.config()).map_err(|why| DemoError::Part { what: "read the demo's config", why })?;
    let labels: BTreeMap<KeyNo, String> =
        sample.keys.iter().map(|key| (KeyNo(key.home.0), key.label.clone())).collect();
    let stored = kept(&folder.hardware()).map_err(DemoError::Damaged)?;
    let hardware = match stored {
        Some(hardware) if hardware.fits(&settings) => hardware,
        Some(_) => {
            let file = folder.hardware();
            return Err(DemoError::Damaged(format!(
                "{} is of another cabinet than {}; move it away to begin with a full cabinet",
                file.display(),
                folder.config().display()
            )));
        }
        None => Hardware::new(&settings, labels),
    };

    let daemons = listen(&folder, "hardware.sock")?;
    let people = listen(&folder, words::SOCKET)?;
    screen::first(&folder, &sample, paint);
    let chip = if clock.now().clock.is_trusted() { "" } else { ",clock=rtc" };
    let names = Names::of(sample.people.iter().map(|person| &person.user), &sample.keys);
    let teller = Teller::start(paint, names, clock);
    let (inputs, bench_inputs) = mpsc::channel(INPUTS);
    let bench_teller = teller.clone();
    let doorbell = folder.run().join(notify::SOCKET_NAME);
    let (switch, machine) = watch::channel(Machine::On);
    let bench = Bench::new(hardware, Some(ups), folder.hardware(), move |told| {
        // As upsmon does, where it is set up.
        let news = match told {
            Told::Mains { on: true } => Some("ONLINE"),
            Told::Mains { on: false } => Some("ONBATT"),
            Told::Ups(_) => Some("COMMOK"),
            _ => None,
        };
        // Nobody listens while the machine is dark.
        let _ = news.map(|news| notify::ring(&doorbell, news));
        bench_teller.tell(News::World(told));
    })
    .with_machine(switch.clone());
    tokio::spawn(bench.run(bench_inputs));
    tokio::spawn(board::serve_daemon(daemons, inputs.clone()));
    tokio::spawn(board::serve_people(people, inputs));

    let (stop, stopping) = watch::channel(false);
    let power = child::Power { output: Box::new(output), switch, machine, clock: chip };
    let child = child::keep_running(&folder, sample, teller.clone(), power, stopping)?;
    let mut child = tokio::spawn(child);
    let listen_for =
        |kind| signal(kind).map_err(|why| DemoError::Part { what: "listen for Ctrl-C", why: why.to_string() });
    let (mut interrupt, mut terminate) = (listen_for(SignalKind::interrupt())?, listen_for(SignalKind::terminate())?);
    // Its window was closed.
    let mut hangup = listen_for(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => {},
        _ = terminate.recv() => {},
        _ = hangup.recv() => {},
        _ = &mut child => {},
    }
    teller.tell(News::Ending);
    // The world goes on while the daemon ends, so that it can let go of its relays.
    let _ = stop.send(true);
    let _ = child.await;
    teller.tell(News::Ended { dir: folder.path.clone() });
    teller.finish();
    Ok(())
}

fn listen(folder: &Folder, name: &str) -> Result<tokio::net::UnixListener, DemoError> {
    let socket = folder.run().join(name);
    board::listen(&socket).map_err(DemoError::io("listen at", socket))
}
