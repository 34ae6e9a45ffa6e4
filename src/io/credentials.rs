//! The secrets of one cabinet: the pepper of its PIN hashes, its device key, and the one-time claim code.
//!
//! Three small text files in one folder, made once by `cabinetd init`:
//!
//! | file | content |
//! |---|---|
//! | `pepper` | 32 random bytes, hex: without it no PIN hash can be checked, nor guessed |
//! | `device-key` | 32 bytes, hex: the seed of the Ed25519 key that signs heads of the ledger |
//! | `claim` | 32 bytes, hex: HMAC-SHA256 of the claim code under the pepper; the code itself is kept nowhere |
//!
//! A fourth one is the installer's to write, on a machine whose UPS the daemon may give orders to: `upsd_password`, one line, the
//! password of the config's `ups.user` in NUT's `upsd.users` (`cabinetd power recipe` makes both).
//!
//! Promises: the folder appears whole or not at all and is on the disk before [`Credentials::create`] returns; files that exist are never
//! overwritten nor made anew; files that others may read are refused; nothing of a secret is in `Debug` or in an error.
//!
//! A new pepper under old hashes would refuse every PIN for no visible reason, and charge everybody for it. So the name of the pepper
//! (which tells nothing of it) is kept in the state folder, and [`Credentials::go_with`] refuses another one while hashes exist.
//! Whether they do is the caller's to say.

pub mod pin;
mod secret;

pub use pin::{check_pin, hash_pin};
pub use secret::Secret;

use crate::hex::{hex, unhex};
use ed25519_dalek::SigningKey;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, chown};
use std::path::{Path, PathBuf};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

const PEPPER: &str = "pepper";
const DEVICE_KEY: &str = "device-key";
const CLAIM: &str = "claim";
/// What the unit hands over where there is no claim: systemd starts nothing for want of a file without a default.
const NO_CLAIM: &str = "none";
/// The password of the daemon's user in `upsd.users`. Optional.
pub const UPSD_PASSWORD: &str = "upsd_password";
/// upsd reads words of up to 512 bytes; nobody needs as many.
const LONGEST_PASSWORD: usize = 256;
/// In the state folder: the name of the pepper that its PIN hashes were made with.
const PEPPER_ID: &str = "pepper-id";
/// A credential file is some 65 bytes; what is longer is not one.
const LONGEST_FILE_BYTES: u64 = 4096;
/// Digits and letters that nobody confuses when reading aloud (Crockford's base 32).
const CLAIM_ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 12 letters of 5 bits: 60 bits.
const CLAIM_LETTERS: usize = 12;

/// Why credentials cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    #[error(
        "{} already exists and is never made anew: every PIN depends on it. To start over on purpose, move the folder away first; \
         every PIN must then be set again",
        .0.display()
    )]
    Exist(PathBuf),
    #[error(
        "{} is missing. On a new cabinet: run `cabinetd init`. On one that has PINs: restore the folder from its backup. Without a \
         backup move what is left of the folder away, run `cabinetd init`, remove {PEPPER_ID} from the state folder, start the daemon, \
         and give everybody a new PIN (`cabinetd user pin USER`; duress PINs as well, with --duress)",
        .0.display()
    )]
    Missing(PathBuf),
    #[error(
        "{} is missing, and the pepper beside it is not. Restore it from the backup of the folder; without a backup \
         `cabinetd init --device-key` makes a new one: every PIN stays, but heads that the old one signed are by another key than those to come",
        .0.display()
    )]
    NoDeviceKey(PathBuf),
    #[error("{} can be read by others (mode {mode:04o}); run: chmod {remedy} {}", path.display(), path.display())]
    Exposed { path: PathBuf, mode: u32, remedy: &'static str },
    #[error("{} is damaged: it must hold 64 hex digits; restore it from its backup", .0.display())]
    Damaged(PathBuf),
    #[error(
        "{} is no password for upsd: it must be one line of 1 to {LONGEST_PASSWORD} printable ASCII characters, the same as in upsd.users",
        .0.display()
    )]
    NoPassword(PathBuf),
    #[error(
        "{} is missing; write the token that upstream gave for this cabinet into it, as one line (mode 0600), or take `token` out of [upstream]",
        .0.display()
    )]
    TokenMissing(PathBuf),
    #[error("{} is missing; write the password or key into it, as one line (mode 0600), or take its name out of the config", .0.display())]
    SecretMissing(PathBuf),
    #[error("{} is no password and no key; it must be one line of 1 to 256 printable ASCII characters", .0.display())]
    NoSecret(PathBuf),
    #[error("{} is no token; it must be one line of 8 to 256 printable ASCII characters without spaces", .0.display())]
    NoToken(PathBuf),
    #[error("cannot {what} {}: {source}; check that this account may, and that there is room on the disk", path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
    #[error(
        "the PINs in {} were made with another pepper than the one in the credentials folder, so none of them would work: restore \
         the credentials folder from its backup. Without a backup remove {} (`sudo rm`), start the daemon again, and give everybody a \
         new PIN (`cabinetd user pin USER`; duress PINs as well, with --duress)",
        state_dir.display(), mark.display()
    )]
    OtherPepper { state_dir: PathBuf, mark: PathBuf },
    #[error("the kernel gave no random bytes ({0}); start again when the machine is fully up")]
    Random(String),
}

impl CredentialsError {
    fn io<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::Io { what, path: path.to_owned(), source }
    }
}

/// The 32 bytes that go into every PIN hash and are not in the database.
#[derive(Clone, zeroize::ZeroizeOnDrop)]
pub struct Pepper([u8; 32]);

impl Pepper {
    /// A pepper of these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// HMAC-SHA256 under the pepper; `purpose` keeps the uses apart.
    fn mac(&self, purpose: &[u8], bytes: &[u8]) -> Zeroizing<[u8; 32]> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(purpose);
        mac.update(bytes);
        Zeroizing::new(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(…)")
    }
}

/// The password of the daemon's user in `upsd.users`.
#[derive(Clone, PartialEq, Eq, zeroize::ZeroizeOnDrop)]
pub struct UpsdPassword(String);

impl UpsdPassword {
    /// A new one: 24 letters and digits, 120 bits.
    ///
    /// # Errors
    /// The kernel gave no random bytes.
    pub fn make() -> Result<Self, CredentialsError> {
        let bytes = Zeroizing::new(random::<24>()?);
        Ok(Self(bytes.iter().map(|byte| char::from(CLAIM_ALPHABET[usize::from(byte % 32)])).collect()))
    }

    /// The one in a credentials folder of ours, if there is one.
    ///
    /// # Errors
    /// It is readable by others, or no password.
    pub fn read(dir: &Path) -> Result<Option<Self>, CredentialsError> {
        read_password(dir, 0o077)
    }

    /// The password, for upsd alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for UpsdPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UpsdPassword(…)")
    }
}

/// What upstream knows this cabinet by.
#[derive(Clone, PartialEq, Eq, zeroize::ZeroizeOnDrop)]
pub struct Token(String);

impl Token {
    /// The one of this name in a credentials folder, ours or systemd's for this service: one line of 8 to 256 printable characters
    /// without spaces.
    ///
    /// # Errors
    /// It is missing, readable by others, or no token.
    pub fn read(dir: &Path, name: &str) -> Result<Self, CredentialsError> {
        Self::from_file(dir, name, forbidden_in(dir))
    }

    fn from_file(dir: &Path, name: &str, forbidden: u32) -> Result<Self, CredentialsError> {
        let path = dir.join(name);
        let text = match read_text(&path, forbidden) {
            Err(CredentialsError::Missing(path)) => return Err(CredentialsError::TokenMissing(path)),
            Err(CredentialsError::Damaged(path)) => return Err(CredentialsError::NoToken(path)),
            text => text?,
        };
        let word = text.trim_end_matches(['\n', '\r']);
        if !(8..=256).contains(&word.len()) || !word.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(CredentialsError::NoToken(path));
        }
        Ok(Self(word.to_owned()))
    }

    /// The token, for upstream alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The secrets of one cabinet, as loaded.
pub struct Credentials {
    pub pepper: Pepper,
    pub device_key: SigningKey,
    /// None when the installer gave the daemon no user in upsd.
    pub upsd_password: Option<UpsdPassword>,
    claim: Option<[u8; 32]>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// A code that is shown once.
#[derive(Clone, PartialEq, Eq, zeroize::ZeroizeOnDrop)]
pub struct ClaimCode(String);

impl ClaimCode {
    /// `ABCD-EFGH-JKMN`, for showing to a person, once.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClaimCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClaimCode(…)")
    }
}

/// What became of a claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Claim {
    /// Right, and used up from now on.
    Accepted,
    Wrong,
    /// The code was used before.
    Used,
}

impl Credentials {
    /// Makes the folder `dir` with new secrets, and the claim code to be shown once. `dir` may exist if it is empty; its owner
    /// then owns the files.
    ///
    /// # Errors
    /// `dir` holds anything already, or cannot be written.
    pub fn create(dir: &Path) -> Result<ClaimCode, CredentialsError> {
        let standing = match fs::metadata(dir) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(CredentialsError::io("look at", dir)(error)),
        };
        let empty =
            standing.is_none() || fs::read_dir(dir).map_err(CredentialsError::io("look into", dir))?.next().is_none();
        if !empty {
            return Err(CredentialsError::Exist(dir.to_owned()));
        }
        let parent = match dir.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent).map_err(CredentialsError::io("make", parent))?;

        let pepper = Pepper(random()?);
        let seed = Zeroizing::new(random::<32>()?);
        let code = claim_code()?;
        let claim = claim_mac(&pepper, code.expose());

        // Beside the place first, then moved there in one step: a cut of power leaves all of it or nothing.
        let draft = parent.join(format!(".credentials-{}.new", hex(&random::<8>()?)));
        let made = fill_folder(&draft, standing.as_ref(), &[(PEPPER, &pepper.0), (DEVICE_KEY, &seed), (CLAIM, &claim)])
            .and_then(|()| match fs::rename(&draft, dir) {
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists) =>
                {
                    Err(CredentialsError::Exist(dir.to_owned()))
                }
                renamed => renamed.map_err(CredentialsError::io("move the new folder to", dir)),
            });
        if let Err(error) = made {
            // What cannot be removed now holds secrets that nothing will ever use.
            let _ = fs::remove_dir_all(&draft);
            return Err(error);
        }
        sync_folder(parent)?;
        Ok(code)
    }

    /// Makes a device key in `dir`, which has a pepper and lost its own; the folder's owner then owns it.
    ///
    /// # Errors
    /// There is one already, or no pepper; or `dir` cannot be written.
    pub fn make_device_key(dir: &Path) -> Result<(), CredentialsError> {
        let key = dir.join(DEVICE_KEY);
        read_file(&dir.join(PEPPER), forbidden_in(dir))?.zeroize();
        let seed = Zeroizing::new(random::<32>()?);
        let folder = fs::metadata(dir).map_err(CredentialsError::io("look at", dir))?;
        let draft = dir.join(format!(".{DEVICE_KEY}-{}.new", hex(&random::<8>()?)));
        let made = write_secret(&draft, &seed)
            .and_then(|()| {
                let own = fs::metadata(&draft).map_err(CredentialsError::io("look at", &draft))?;
                if (own.uid(), own.gid()) == (folder.uid(), folder.gid()) {
                    return Ok(());
                }
                chown(&draft, Some(folder.uid()), Some(folder.gid())).map_err(CredentialsError::io("give away", &draft))
            })
            // A link takes nobody's place.
            .and_then(|()| match fs::hard_link(&draft, &key) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(CredentialsError::Exist(key)),
                linked => linked.map_err(CredentialsError::io("make", &key)),
            });
        let removed = fs::remove_file(&draft);
        made?;
        removed.map_err(CredentialsError::io("remove", &draft))?;
        sync_folder(dir)
    }

    /// Reads the secrets from a folder of ours, or from the one that systemd made for this service.
    ///
    /// # Errors
    /// A file is missing, damaged, or readable by others.
    pub fn load(dir: &Path) -> Result<Self, CredentialsError> {
        Self::read(dir, forbidden_in(dir))
    }

    fn read(dir: &Path, forbidden: u32) -> Result<Self, CredentialsError> {
        match fs::metadata(dir) {
            Ok(metadata) => refuse_exposed(dir, metadata.mode(), forbidden, "0700")?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(CredentialsError::Missing(dir.to_owned()));
            }
            Err(error) => return Err(CredentialsError::io("look at", dir)(error)),
        }
        let mut pepper = read_file(&dir.join(PEPPER), forbidden)?;
        let seed = Zeroizing::new(match read_file(&dir.join(DEVICE_KEY), forbidden) {
            Err(CredentialsError::Missing(path)) => return Err(CredentialsError::NoDeviceKey(path)),
            seed => seed?,
        });
        let claim = read_claim(&dir.join(CLAIM), forbidden)?;
        let upsd_password = read_password(dir, forbidden)?;
        let device_key = SigningKey::from_bytes(&seed);
        let loaded = Self { pepper: Pepper(pepper), device_key, upsd_password, claim };
        pepper.zeroize();
        Ok(loaded)
    }

    /// Compares the pepper with the one that the hashes of this state folder were made with, and keeps its name there. To be called
    /// at each start, by the one process that holds the folder.
    ///
    /// # Errors
    /// It is another one and `hashes_exist`; or the folder cannot be read or written.
    pub fn go_with(&self, state_dir: &Path, hashes_exist: bool) -> Result<(), CredentialsError> {
        if self.goes_with(state_dir, hashes_exist)? {
            return Ok(());
        }
        let (mark, now) = (state_dir.join(PEPPER_ID), self.pepper_id());
        let draft = state_dir.join(format!("{PEPPER_ID}.new"));
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)
            .and_then(|mut file| file.write_all((now + "\n").as_bytes()).and_then(|()| file.sync_all()))
            .map_err(CredentialsError::io("write", &draft))?;
        fs::rename(&draft, &mark).map_err(CredentialsError::io("write", &mark))?;
        sync_folder(state_dir)
    }

    /// The same without a trace: whether the pepper's name is kept there already.
    ///
    /// # Errors
    /// It is another one and `hashes_exist`; or the folder cannot be read.
    pub fn goes_with(&self, state_dir: &Path, hashes_exist: bool) -> Result<bool, CredentialsError> {
        let mark = state_dir.join(PEPPER_ID);
        match fs::read_to_string(&mark) {
            Ok(kept) if kept.trim() == self.pepper_id() => Ok(true),
            Ok(_) if hashes_exist => Err(CredentialsError::OtherPepper { state_dir: state_dir.to_owned(), mark }),
            Ok(_) => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(CredentialsError::io("read", &mark)(error)),
        }
    }

    /// 16 hex digits that name the pepper and tell nothing of it.
    #[must_use]
    pub fn pepper_id(&self) -> String {
        hex(&self.pepper.mac(b"cabinetd pepper id\0", b"")[..8])
    }

    /// Compares what a person typed with the claim code, which counts once: that it was used is on the disk in `state_dir`
    /// before this returns. Case, spaces and hyphens do not count; O is 0, I and L are 1.
    ///
    /// # Errors
    /// `state_dir` cannot be written; the code then stays unused.
    pub fn verify_once(&self, state_dir: &Path, typed: &str) -> Result<Claim, CredentialsError> {
        let Some(claim) = self.claim else { return Ok(Claim::Wrong) };
        if typed.len() > 64 || !bool::from(claim_mac(&self.pepper, typed).ct_eq(&claim)) {
            return Ok(Claim::Wrong);
        }
        // The credentials may be read-only, so the mark is in the state folder. Its creation is exclusive: of two at once, one wins.
        let mark = state_dir.join(format!("claim-used-{}", hex(&claim[..8])));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&mark) {
            Ok(file) => {
                file.sync_all().map_err(CredentialsError::io("write", &mark))?;
                sync_folder(state_dir)?;
                Ok(Claim::Accepted)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Claim::Used),
            Err(error) => Err(CredentialsError::io("write", &mark)(error)),
        }
    }
}

/// Random bytes from the kernel.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], CredentialsError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| CredentialsError::Random(error.to_string()))?;
    Ok(bytes)
}

fn claim_code() -> Result<ClaimCode, CredentialsError> {
    let bytes = Zeroizing::new(random::<CLAIM_LETTERS>()?);
    let mut code = String::with_capacity(CLAIM_LETTERS + 2);
    for (index, byte) in bytes.iter().enumerate() {
        if index > 0 && index % 4 == 0 {
            code.push('-');
        }
        // 256 is a multiple of 32: every letter is as likely as the next.
        code.push(char::from(CLAIM_ALPHABET[usize::from(byte % 32)]));
    }
    Ok(ClaimCode(code))
}

fn claim_mac(pepper: &Pepper, typed: &str) -> [u8; 32] {
    let plain: String = typed
        .chars()
        .filter(|letter| !letter.is_whitespace() && *letter != '-')
        .map(|letter| match letter.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect();
    *pepper.mac(b"cabinetd claim code\0", Zeroizing::new(plain).as_bytes())
}

fn fill_folder(
    draft: &Path,
    standing: Option<&fs::Metadata>,
    files: &[(&str, &[u8; 32])],
) -> Result<(), CredentialsError> {
    DirBuilder::new().mode(0o700).create(draft).map_err(CredentialsError::io("make", draft))?;
    let folder = fs::metadata(draft).map_err(CredentialsError::io("look at", draft))?;
    let owner = standing
        .filter(|standing| (standing.uid(), standing.gid()) != (folder.uid(), folder.gid()))
        .map(|standing| (standing.uid(), standing.gid()));
    let give = |path: &Path| match owner {
        Some((uid, gid)) => chown(path, Some(uid), Some(gid)).map_err(CredentialsError::io("give away", path)),
        None => Ok(()),
    };
    for (name, bytes) in files {
        let path = draft.join(name);
        write_secret(&path, bytes)?;
        give(&path)?;
    }
    give(draft)?;
    sync_folder(draft)
}

fn write_secret(path: &Path, bytes: &[u8; 32]) -> Result<(), CredentialsError> {
    let text = Zeroizing::new(hex(bytes) + "\n");
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .map_err(CredentialsError::io("write", path))
}

fn sync_folder(path: &Path) -> Result<(), CredentialsError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(CredentialsError::io("sync", path))
}

fn read_file(path: &Path, forbidden: u32) -> Result<[u8; 32], CredentialsError> {
    unhex(read_text(path, forbidden)?.trim()).ok_or_else(|| CredentialsError::Damaged(path.to_owned()))
}

fn read_claim(path: &Path, forbidden: u32) -> Result<Option<[u8; 32]>, CredentialsError> {
    match read_text(path, forbidden) {
        Err(CredentialsError::Missing(_)) => Ok(None),
        text => match text?.trim() {
            NO_CLAIM => Ok(None),
            digits => unhex(digits).map(Some).ok_or_else(|| CredentialsError::Damaged(path.to_owned())),
        },
    }
}

fn read_password(dir: &Path, forbidden: u32) -> Result<Option<UpsdPassword>, CredentialsError> {
    let path = dir.join(UPSD_PASSWORD);
    let text = match read_text(&path, forbidden) {
        Err(CredentialsError::Missing(_)) => return Ok(None),
        Err(CredentialsError::Damaged(_)) => return Err(CredentialsError::NoPassword(path)),
        text => text?,
    };
    let word = text.strip_suffix('\n').unwrap_or(&text);
    let plain = word.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if !plain || !(1..=LONGEST_PASSWORD).contains(&word.len()) {
        return Err(CredentialsError::NoPassword(path));
    }
    Ok(Some(UpsdPassword(word.to_owned())))
}

fn read_text(path: &Path, forbidden: u32) -> Result<Zeroizing<String>, CredentialsError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(CredentialsError::Missing(path.to_owned()));
        }
        Err(error) => return Err(CredentialsError::io("read", path)(error)),
    };
    let metadata = file.metadata().map_err(CredentialsError::io("look at", path))?;
    refuse_exposed(path, metadata.mode(), forbidden, "0600")?;
    let mut text = Zeroizing::new(String::new());
    match file.take(LONGEST_FILE_BYTES).read_to_string(&mut text) {
        Ok(_) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(CredentialsError::Damaged(path.to_owned())),
        Err(error) => Err(CredentialsError::io("read", path)(error)),
    }
}

/// The bits of a mode that no file in this folder may have. In `$CREDENTIALS_DIRECTORY`, which systemd made for this service alone, files
/// carry an access list, which shows in the mode as readable by the group and is not.
fn forbidden_in(dir: &Path) -> u32 {
    let is_service = std::env::var_os("CREDENTIALS_DIRECTORY").is_some_and(|service| Path::new(&service) == dir);
    if is_service { 0o007 } else { 0o077 }
}

fn refuse_exposed(path: &Path, mode: u32, forbidden: u32, remedy: &'static str) -> Result<(), CredentialsError> {
    if mode & forbidden == 0 {
        return Ok(());
    }
    Err(CredentialsError::Exposed { path: path.to_owned(), mode: mode & 0o7777, remedy })
}

#[cfg(test)]
mod tests;
