//! Orders to the UPS, and the lists of upsd that a poll does not read: `nut-client` can only poll.
//!
//! Each order is a conversation of its own: connect, say who one is, one command, its answer, hang up. Promises: it ends by
//! the [`Place::deadline`], connecting included; lines and answers are bounded, and nothing that a server may send makes it
//! panic; what comes back is printable ASCII; the password is in no message and no `Debug`. It decides nothing, repeats
//! nothing and remembers nothing: whether an order may be given is the core's matter, and an order whose answer was lost may
//! have been heard (a forced shutdown is harmless to repeat).
//!
//! The words are those of upsd's network protocol, version 1.3; checked against upsd 2.8.0, which answers `OK` to any user
//! name and password and refuses only the command that needed them.

mod line;

use super::Watch;
use super::ask::Resolver;
use line::Conversation;
pub(crate) use line::split as split_words;
use std::fmt;
use std::io;
use std::time::Duration;
use thiserror::Error;
use tokio::time::{sleep, timeout};
use zeroize::Zeroizing;

/// How often the end of an instant command is asked for: soon at first, then at leisure.
const LOOK: Duration = Duration::from_millis(100);
const SLOWEST_LOOK: Duration = Duration::from_secs(1);
/// Entries of the longest list. The richest published device has some 400 variables.
const LONGEST_LIST: usize = 1_000;

/// Which UPS of which upsd, and how long an order may take as a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The name in upsd's `ups.conf`.
    pub ups: String,
    /// An IP address, `localhost`, or a host name.
    pub host: String,
    pub port: u16,
    /// From the look-up of the name to the last line (5 s as shipped).
    pub deadline: Duration,
}

impl Place {
    /// A UPS of this name at this place, with the deadline as shipped.
    #[must_use]
    pub fn new(ups: &str, host: &str, port: u16) -> Self {
        Self { ups: ups.into(), host: host.into(), port, deadline: Duration::from_secs(5) }
    }

    /// The UPS that is watched.
    #[must_use]
    pub fn of(watch: &Watch) -> Self {
        Self::new(&watch.name, &watch.host, watch.port)
    }

    /// The same place with another deadline.
    #[must_use]
    pub fn within(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }
}

/// A user of `upsd.users` and the password. The password does not print.
#[derive(Clone)]
pub struct Login {
    user: String,
    password: Zeroizing<String>,
}

impl Login {
    /// A user of upsd.
    ///
    /// # Errors
    /// [`OrderError::NotPlain`]: upsd can hear neither names nor passwords with other than 1 to 256 printable ASCII characters.
    pub fn new(user: &str, password: &str) -> Result<Self, OrderError> {
        if !line::is_plain(user) || !line::is_plain(password) {
            return Err(OrderError::NotPlain);
        }
        Ok(Self { user: user.to_owned(), password: Zeroizing::new(password.to_owned()) })
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// How far an instant command came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ordered {
    /// The driver carried it out.
    Done,
    /// upsd passed it on to the driver, which has not answered by the deadline; it may still be carried out.
    Pending,
    /// upsd passed it on and cannot say more (before NUT 2.8).
    Accepted,
}

/// Why an order was not carried out, each with what to do.
#[derive(Debug, Error)]
pub enum OrderError {
    #[error(
        "nobody answers at {host} port {port} ({source}); is nut-server running, and are ups.host and ups.port of the config right?"
    )]
    Unreachable { host: String, port: u16, source: io::Error },
    #[error("upsd did not answer within {} ms; it may have heard the order all the same. Is the machine overloaded, or upsd stuck?", .0.as_millis())]
    TimedOut(Duration),
    #[error("the answer was not that of an upsd; is something else listening at ups.host and ups.port of the config?")]
    Garbled,
    #[error("upsd has no UPS {0:?}; write ups.name of the config as in ups.conf (`upsc -l` lists them)")]
    UnknownUps(String),
    #[error(
        "upsd does not let user {user:?} do that: is the password in the credentials folder (upsd_password) that of [{user}] in upsd.users, and has [{user}] there the line `{line}`?"
    )]
    AccessDenied { user: String, line: String },
    #[error(
        "user {user:?} of upsd is not primary; FSD needs `upsmon primary` under [{user}] in upsd.users, then `upsd -c reload`"
    )]
    NotPrimary { user: String },
    #[error("the UPS has no command {0:?}; `upscmd -l` lists those it has")]
    UnknownCommand(String),
    #[error("upsd has lost the UPS's driver; look at `systemctl status nut-driver@*`, and whether the cable is in")]
    DriverGone,
    #[error(
        "upsd has heard nothing new of the UPS for some time; is the cable in? `systemctl restart nut-driver@*` may help"
    )]
    Stale,
    #[error("the UPS or its driver refused the command {command:?} ({why})")]
    Failed { command: String, why: String },
    #[error("upsd refused with {0:?}")]
    Refused(String),
    #[error("names, values and passwords for upsd have 1 to 256 printable ASCII characters")]
    NotPlain,
}

/// Tells upsd that this UPS is to be shut down (FSD). It latches until upsd starts again: each upsmon that sees it shuts its
/// machine down, and the primary one has the UPS cut its output.
///
/// # Errors
/// See [`OrderError`]; with [`OrderError::TimedOut`] and [`OrderError::Garbled`] it may have been heard.
pub async fn force_shutdown(place: &Place, login: &Login) -> Result<(), OrderError> {
    within(place, async {
        let asked = Asked { place, login: Some(login), needs: "upsmon primary", command: "FSD" };
        let mut upsd = connect(&asked).await?;
        upsd.say("FSD", &[&place.ups]).await?;
        match upsd.answer(&asked).await {
            Ok(words) if words[0] == "OK" => Ok(()),
            Ok(_) => Err(OrderError::Garbled),
            // upsd has one word for a wrong password and for a user who is not primary. A secondary may log in, so that tells
            // the two apart; this login lasts for a moment.
            Err(denied @ OrderError::AccessDenied { .. }) => {
                let mut upsd = connect(&asked).await?;
                upsd.say("LOGIN", &[&place.ups]).await?;
                let may_log_in = upsd.answer(&asked).await.is_ok();
                Err(if may_log_in { OrderError::NotPrimary { user: login.user.clone() } } else { denied })
            }
            Err(error) => Err(error),
        }
    })
    .await
}

/// Has the UPS do something by itself, such as `test.battery.start.quick`, and waits for the driver's word on it.
///
/// # Errors
/// See [`OrderError`]. When the deadline comes after upsd has passed the command on, that is [`Ordered::Pending`].
pub async fn instant_command(
    place: &Place,
    login: &Login,
    command: &str,
    value: Option<&str>,
) -> Result<Ordered, OrderError> {
    let mut passed_on = false;
    let conversation = follow(place, login, command, value, &mut passed_on);
    match timeout(place.deadline, conversation).await {
        Ok(ordered) => ordered,
        Err(_) if passed_on => Ok(Ordered::Pending),
        Err(_) => Err(OrderError::TimedOut(place.deadline)),
    }
}

async fn follow(
    place: &Place,
    login: &Login,
    command: &str,
    value: Option<&str>,
    passed_on: &mut bool,
) -> Result<Ordered, OrderError> {
    let needs = format!("instcmds = {command}");
    let asked = Asked { place, login: Some(login), needs: &needs, command };
    let mut upsd = connect(&asked).await?;
    // One that is too old for it refuses this, and then answers without an id.
    upsd.say("SET TRACKING ON", &[]).await?;
    upsd.hear().await?;
    let words: Vec<&str> = [place.ups.as_str(), command].into_iter().chain(value).collect();
    upsd.say("INSTCMD", &words).await?;
    let answer = upsd.answer(&asked).await?;
    let id = match answer.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["OK", "TRACKING", id] => *id,
        ["OK"] => return Ok(Ordered::Accepted),
        _ => return Err(OrderError::Garbled),
    };
    *passed_on = true;
    let mut pause = LOOK;
    loop {
        sleep(pause).await;
        pause = (pause * 2).min(SLOWEST_LOOK);
        upsd.say("GET TRACKING", &[id]).await?;
        let words = upsd.hear().await?;
        match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["PENDING"] => {}
            ["SUCCESS"] => return Ok(Ordered::Done),
            ["ERR", why, ..] => {
                return Err(OrderError::Failed { command: command.to_owned(), why: (*why).to_owned() });
            }
            _ => return Err(OrderError::Garbled),
        }
    }
}

/// The instant commands that the UPS's driver offers.
///
/// # Errors
/// See [`OrderError`].
pub async fn list_commands(place: &Place) -> Result<Vec<String>, OrderError> {
    let entries = within(place, list(place, "CMD")).await?;
    entries.into_iter().map(one).collect()
}

/// The addresses of those who are logged in at this UPS: each upsmon that would shut its machine down with it.
///
/// # Errors
/// See [`OrderError`].
pub async fn list_clients(place: &Place) -> Result<Vec<String>, OrderError> {
    let entries = within(place, list(place, "CLIENT")).await?;
    entries.into_iter().map(one).collect()
}

/// Every variable of the UPS with its value, as upsd has them: printable ASCII, not interpreted.
///
/// # Errors
/// See [`OrderError`].
pub async fn list_variables(place: &Place) -> Result<Vec<(String, String)>, OrderError> {
    let entries = within(place, list(place, "VAR")).await?;
    let pair = |entry: Vec<String>| <[String; 2]>::try_from(entry).map(Into::into).map_err(|_| OrderError::Garbled);
    entries.into_iter().map(pair).collect()
}

/// The version of NUT that upsd is of: `2.8.0`.
///
/// # Errors
/// See [`OrderError`].
pub async fn server_version(place: &Place) -> Result<String, OrderError> {
    within(place, async {
        let asked = Asked::of(place);
        let mut upsd = connect(&asked).await?;
        upsd.say("VER", &[]).await?;
        // "Network UPS Tools upsd 2.8.0 - http://…"
        let words = upsd.answer(&asked).await?;
        let digits = |word: &&String| word.starts_with(|first: char| first.is_ascii_digit());
        words.iter().find(digits).cloned().ok_or(OrderError::Garbled)
    })
    .await
}

async fn within<T>(place: &Place, conversation: impl Future<Output = Result<T, OrderError>>) -> Result<T, OrderError> {
    timeout(place.deadline, conversation).await.unwrap_or(Err(OrderError::TimedOut(place.deadline)))
}

/// What is asked of whom by whom: upsd's refusals name none of it.
struct Asked<'a> {
    place: &'a Place,
    login: Option<&'a Login>,
    /// What the user must have in `upsd.users`.
    needs: &'a str,
    command: &'a str,
}

impl<'a> Asked<'a> {
    /// What nobody needs a login for.
    fn of(place: &'a Place) -> Self {
        Self { place, login: None, needs: "", command: "" }
    }
}

async fn connect(asked: &Asked<'_>) -> Result<Conversation, OrderError> {
    let place = asked.place;
    let stream = Resolver::default().connect(&place.host, place.port).await.map_err(|source| match source.kind() {
        io::ErrorKind::TimedOut => OrderError::TimedOut(place.deadline),
        _ => OrderError::Unreachable { host: place.host.clone(), port: place.port, source },
    })?;
    let mut upsd = Conversation::new(stream);
    if let Some(Login { user, password }) = asked.login {
        for (command, word) in [("USERNAME", user.as_str()), ("PASSWORD", password.as_str())] {
            upsd.say(command, &[word]).await?;
            upsd.answer(asked).await?;
        }
    }
    Ok(upsd)
}

/// What `LIST <kind> <ups>` lists, without the kind and the name.
async fn list(place: &Place, kind: &str) -> Result<Vec<Vec<String>>, OrderError> {
    let asked = Asked::of(place);
    let mut upsd = connect(&asked).await?;
    upsd.say(&format!("LIST {kind}"), &[&place.ups]).await?;
    let is = |words: &[String], frame: &str| {
        let [first, list, of, ups] = words else { return false };
        (first.as_str(), list.as_str(), of.as_str()) == (frame, "LIST", kind) && *ups == place.ups
    };
    if !is(&upsd.answer(&asked).await?, "BEGIN") {
        return Err(OrderError::Garbled);
    }
    let mut entries = Vec::new();
    loop {
        let mut words = upsd.answer(&asked).await?;
        if is(&words, "END") {
            return Ok(entries);
        }
        // upsd tells of a client's UPS as that client called it.
        let entry = words.len() > 2 && words[0] == kind && words[1].eq_ignore_ascii_case(&place.ups);
        if !entry || entries.len() >= LONGEST_LIST {
            return Err(OrderError::Garbled);
        }
        entries.push(words.split_off(2));
    }
}

/// The one word of an entry.
fn one(entry: Vec<String>) -> Result<String, OrderError> {
    let [word] = <[String; 1]>::try_from(entry).map_err(|_| OrderError::Garbled)?;
    Ok(word)
}

impl Conversation {
    /// The next line, unless it is a refusal.
    async fn answer(&mut self, asked: &Asked<'_>) -> Result<Vec<String>, OrderError> {
        let words = self.hear().await?;
        if words[0] != "ERR" {
            return Ok(words);
        }
        let why = words.get(1).map_or("", String::as_str);
        Err(match why {
            "UNKNOWN-UPS" => OrderError::UnknownUps(asked.place.ups.clone()),
            "ACCESS-DENIED" => OrderError::AccessDenied {
                user: asked.login.map_or_else(String::new, |login| login.user.clone()),
                line: asked.needs.to_owned(),
            },
            "DRIVER-NOT-CONNECTED" => OrderError::DriverGone,
            "DATA-STALE" => OrderError::Stale,
            "CMD-NOT-SUPPORTED" => OrderError::UnknownCommand(asked.command.to_owned()),
            "INSTCMD-FAILED" => OrderError::Failed { command: asked.command.to_owned(), why: why.to_owned() },
            _ => OrderError::Refused(why.to_owned()),
        })
    }
}
