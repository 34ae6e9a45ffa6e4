//! Reading the ledger beside the daemon, or without it. Nothing here can change it.
//!
//! Records are read in pages, each in a transaction of its own: a long look at the ledger must not hold up the writer's checkpoint,
//! and an append-only ledger does not change behind the reader's back.

use super::envelope::{GENESIS, Hash, Header, Identity, SALT_LEN, clock_from, digest, fact_of};
use super::head::SignedHead;
use super::schema::{APPLICATION_ID, MIGRATIONS, int_pragma};
use super::{DATABASE, Head, Lost, PROOF, StoreError, proof, writer};
use crate::cabinet::books::{Row, View};
use crate::cabinet::fact::{Alarm, Fact};
use crate::cabinet::numbers::Hidden;
use crate::cabinet::roster::Roster;
use crate::cabinet::types::{Actor, AlarmId, BootId, KeyId, Mono, Origin, SessionId, Stamp, UserId, Wall};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, params};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Records read at a time.
const PAGE: usize = 500;

/// Alarms that are remembered at most: a daemon reads the ledger for months.
const KNOWN_ALARMS: usize = 256;

/// Whether a payload is there, and if not, why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PayloadState {
    Present,
    /// Kept back from whoever holds this copy.
    Withheld,
    /// Removed for good (privacy).
    Erased,
    /// Upstream refused it for good.
    Parked,
}

impl PayloadState {
    /// The word in columns and exports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Withheld => "withheld",
            Self::Erased => "erased",
            Self::Parked => "parked",
        }
    }

    /// The state of that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Present, Self::Withheld, Self::Erased, Self::Parked].into_iter().find(|state| state.word() == word)
    }
}

/// A record as the ledger keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    pub header: Header,
    pub state: PayloadState,
    pub salt: Option<[u8; SALT_LEN]>,
    pub payload: Option<String>,
    /// The payload's digest as stored: only where the payload is gone.
    pub stored_digest: Option<Hash>,
    pub hash: Hash,
    /// The hash of the record before, if it is there; [`GENESIS`] for the first.
    pub prev: Option<Hash>,
}

impl Entry {
    /// The payload's digest: computed where the payload is there.
    #[must_use]
    pub fn digest(&self) -> Option<Hash> {
        match (&self.salt, &self.payload) {
            (Some(salt), Some(payload)) => Some(digest(salt, payload.as_bytes())),
            _ => self.stored_digest,
        }
    }

    /// Who and what; none where the payload is gone, or of a kind that this program does not know.
    #[must_use]
    pub fn fact(&self) -> Option<(Origin, Fact)> {
        fact_of(&self.header.kind, self.payload.as_deref()?).ok()
    }
}

/// A record that cannot even be read as one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Illegible {
    pub seq: u64,
    pub column: &'static str,
}

/// Which records are wanted. Empty sets and `None` mean all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    pub keys: BTreeSet<KeyId>,
    pub users: BTreeSet<UserId>,
    pub session: Option<SessionId>,
    pub kinds: BTreeSet<String>,
    /// By the recorded wall clock, inclusive.
    pub since: Option<Wall>,
    /// By the recorded wall clock, exclusive.
    pub until: Option<Wall>,
    /// Show duress alarms and what became of them.
    pub silent: bool,
    /// With `keys`: also each start that followed a dark interval, since nobody saw the keys then.
    pub dark: bool,
}

impl Filter {
    /// Whether every record is wanted, so that what comes is the whole chain.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        Self { silent: true, dark: true, ..self.clone() } == Self { silent: true, dark: true, ..Self::default() }
    }

    fn needs_payload(&self) -> bool {
        !self.keys.is_empty() || !self.users.is_empty()
    }
}

/// A ledger opened for reading.
#[derive(Debug)]
pub struct Reader {
    pub(super) conn: Connection,
    path: PathBuf,
    identity: Identity,
    /// Where the proof of life is, if this is the ledger of a state directory.
    proof: Option<PathBuf>,
    /// Alarms already looked up, [`KNOWN_ALARMS`] at most.
    alarms: RefCell<BTreeMap<AlarmId, Option<Alarm>>>,
}

impl Reader {
    /// Opens the ledger of a state directory.
    pub fn open(state_dir: &Path) -> Result<Self, StoreError> {
        Ok(Self { proof: Some(state_dir.join(PROOF)), ..Self::open_file(&state_dir.join(DATABASE))? })
    }

    /// Opens a ledger by the name of its file, for example a backup.
    pub fn open_file(path: &Path) -> Result<Self, StoreError> {
        match std::fs::metadata(path) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(StoreError::NoLedger { path: path.to_owned() });
            }
            Err(source) => return Err(StoreError::File { doing: "read", path: path.to_owned(), source }),
        }
        Self::connect(path, None)
    }

    /// Opens a ledger in a VFS of the tests.
    #[doc(hidden)]
    pub fn open_in_vfs(vfs: &str, path: &Path) -> Result<Self, StoreError> {
        Self::connect(path, Some(vfs))
    }

    fn connect(path: &Path, vfs: Option<&str>) -> Result<Self, StoreError> {
        let failed = |source: rusqlite::Error| match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => StoreError::NotALedger { path: path.to_owned() },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
            Some(ErrorCode::DatabaseCorrupt) => StoreError::Damaged { what: source.to_string() },
            _ => StoreError::Unreadable { path: path.to_owned(), source },
        };
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = match vfs {
            Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs),
            None => Connection::open_with_flags(path, flags),
        }
        .map_err(failed)?;
        conn.busy_timeout(Duration::from_secs(2)).map_err(failed)?;
        let pragma = |name: &str| conn.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
        if pragma("application_id").map_err(failed)? != APPLICATION_ID {
            return Err(StoreError::NotALedger { path: path.to_owned() });
        }
        let (found, known) =
            (pragma("user_version").map_err(failed)?, MIGRATIONS.last().map_or(0, |migration| migration.to));
        if found > known {
            return Err(StoreError::Newer { path: path.to_owned(), found, known });
        }
        if found < known {
            return Err(StoreError::Older { path: path.to_owned(), found, known });
        }
        let identity = super::read_identity(&conn)
            .map_err(failed)?
            .ok_or_else(|| StoreError::Damaged { what: "it does not say whose it is".to_owned() })?;
        Ok(Self { conn, path: path.to_owned(), identity, proof: None, alarms: RefCell::default() })
    }

    /// Whose ledger it is.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The last record's place.
    pub fn head(&self) -> Result<Head, StoreError> {
        writer::read_head(&self.conn)
    }

    /// What was durable when the proof of life was written, and is gone.
    pub fn lost(&self) -> Result<Option<Lost>, StoreError> {
        // The proof first: a daemon at work then can only be ahead of it.
        let known = self.proof.as_deref().and_then(proof::read).and_then(|kept| kept.head);
        proof::missing(self.head()?, known, |seq| writer::hash_at(&self.conn, seq))
    }

    /// The views' rows.
    pub fn rows(&self) -> Result<Vec<(View, Row)>, StoreError> {
        writer::read_rows(&self.conn)
    }

    /// What the numbers of visits, alarms and outages leave out, as of now.
    pub fn hidden(&self) -> Result<Hidden, StoreError> {
        let body = self.conn.query_row("SELECT body FROM row WHERE view = 'hidden'", [], |row| row.get::<_, String>(0));
        let body = body.optional().map_err(|source| StoreError::classify("read the ledger's views", source))?;
        let damaged = |_| StoreError::Damaged { what: "row \"\" of view \"hidden\" cannot be read".to_owned() };
        body.map_or_else(|| Ok(Hidden::default()), |body| serde_json::from_str(&body).map_err(damaged))
    }

    /// The roster, for labels and for finding the keys of a unit.
    pub fn roster(&self) -> Result<Roster, StoreError> {
        let mut roster = Roster::default();
        for (_, row) in self.rows()? {
            match row {
                Row::User(user) => drop(roster.users.insert(user.id.clone(), user)),
                Row::Key(key) => drop(roster.keys.insert(key.id.clone(), key)),
                Row::Slot(_)
                | Row::Custody(_)
                | Row::Door(_)
                | Row::Session(_)
                | Row::Alarm(_)
                | Row::Life(_)
                | Row::Supply(_)
                | Row::Power(_)
                | Row::Throttle(_)
                | Row::Fault(_)
                | Row::Person(_)
                | Row::Vouched(_)
                | Row::RosterVersion(_)
                | Row::Hidden(_)
                | Row::SignedRoster(_)
                | Row::Answered(_) => {}
            }
        }
        Ok(roster)
    }

    /// The heads that were signed, one per destination.
    pub fn signed_heads(&self) -> Result<Vec<SignedHead>, StoreError> {
        let failed = |source| StoreError::classify("read the signed heads", source);
        let mut statement = self
            .conn
            .prepare("SELECT destination, epoch, seq, hash, public_key, signature FROM head ORDER BY destination")
            .map_err(failed)?;
        let heads = statement
            .query_map([], |row| {
                Ok(SignedHead {
                    identity: self.identity.clone(),
                    destination: row.get(0)?,
                    head: Head {
                        epoch: row.get::<_, i64>(1)?.cast_unsigned(),
                        seq: row.get::<_, i64>(2)?.cast_unsigned(),
                        hash: row.get(3)?,
                    },
                    public_key: row.get(4)?,
                    signature: row.get(5)?,
                })
            })
            .map_err(failed)?;
        heads.collect::<Result<_, _>>().map_err(failed)
    }

    /// The kinds of records that there are. Reads the whole ledger.
    pub fn kinds(&self) -> Result<Vec<String>, StoreError> {
        let failed = |source| StoreError::classify("read the ledger", source);
        let mut statement = self.conn.prepare("SELECT DISTINCT kind FROM ledger ORDER BY kind").map_err(failed)?;
        let kinds = statement.query_map([], |row| row.get(0)).map_err(failed)?;
        kinds.collect::<Result<_, _>>().map_err(failed)
    }

    /// A number that changes whenever another connection has changed the database: cheap to ask, for following.
    pub fn data_version(&self) -> Result<i64, StoreError> {
        int_pragma(&self.conn, "data_version")
    }

    /// The wanted records behind `after`, oldest first.
    pub fn entries<'a>(&'a self, filter: &'a Filter, after: u64) -> Entries<'a> {
        Entries {
            reader: self,
            filter,
            next: Some(after.saturating_add(1)),
            down: false,
            page: VecDeque::new(),
            first: None,
        }
    }

    /// The last `count` wanted records, oldest first.
    pub fn last(&self, filter: &Filter, count: usize) -> Result<Vec<Entry>, StoreError> {
        let newest_first = Entries {
            reader: self,
            filter,
            next: Some(i64::MAX.cast_unsigned()),
            down: true,
            page: VecDeque::new(),
            first: None,
        };
        let mut found = newest_first.take(count).collect::<Result<Vec<_>, _>>()?;
        found.reverse();
        Ok(found)
    }

    /// Whether a record is one that must not be shown where it could be read beside the cabinet: a duress alarm, or what became of it.
    pub fn is_silent(&self, fact: &Fact) -> Result<bool, StoreError> {
        Ok(fact.mentions().alarm.is_some_and(AlarmId::is_silent)
            || self.alarm_of(fact)?.is_some_and(|alarm| alarm.is_silent()))
    }

    /// How far people were told, as it was kept last.
    pub fn told(&self) -> Result<Option<String>, StoreError> {
        self.conn
            .query_row("SELECT value FROM meta WHERE name = 'told'", [], |row| row.get(0))
            .optional()
            .map_err(|source| StoreError::classify("read who was told", source))
    }

    /// The records behind number `after`, one by one, at most `most`: what cannot be read is passed over, for it must not keep people from
    /// being told of the rest. The second: the number of the last one.
    pub fn news(&self, after: u64, most: usize) -> Result<(Vec<Entry>, u64), StoreError> {
        let page = self.page(after.saturating_add(1), false, most, &Filter::default())?;
        let last = page.last().map_or(after, |last| match last {
            Ok(Entry { header: Header { seq, .. }, .. }) | Err(Illegible { seq, .. }) => *seq,
        });
        Ok((page.into_iter().flatten().collect(), last))
    }

    /// The alarm that a fact raises or goes on about.
    pub fn alarm_of(&self, fact: &Fact) -> Result<Option<Alarm>, StoreError> {
        if let Fact::AlarmRaised { alarm, .. } = fact {
            return Ok(Some(alarm.clone()));
        }
        let Some(id) = fact.mentions().alarm else { return Ok(None) };
        if let Some(known) = self.alarms.borrow().get(&id) {
            return Ok(known.clone());
        }
        let seq = match id.silent_seq() {
            Some(seq) => seq,
            None => self.hidden()?.seq(id.0),
        };
        let raised = self.page(seq, false, 1, &Filter::default())?.pop();
        let alarm = match raised {
            Some(Ok(entry)) if entry.header.seq == seq => entry.fact().and_then(|(_, fact)| match fact {
                Fact::AlarmRaised { alarm, .. } => Some(alarm),
                _ => None,
            }),
            _ => None,
        };
        let mut known = self.alarms.borrow_mut();
        if known.len() >= KNOWN_ALARMS {
            known.clear();
        }
        known.insert(id, alarm.clone());
        Ok(alarm)
    }

    /// `first`: the record that begins the session that is asked for.
    pub(super) fn is_wanted(&self, entry: &Entry, filter: &Filter, first: Option<u64>) -> Result<bool, StoreError> {
        let Some((by, fact)) = entry.fact() else {
            let in_session = first.is_none_or(|first| first == entry.header.seq);
            return Ok(!filter.needs_payload() && in_session);
        };
        let raised = self.alarm_of(&fact)?;
        if !filter.silent && raised.as_ref().is_some_and(Alarm::is_silent) {
            return Ok(false);
        }
        if filter.dark && !filter.keys.is_empty() && matches!(fact, Fact::Started { dark: Some(_), .. }) {
            return Ok(true);
        }
        // Whoever the raising record names counts for what became of the alarm too.
        let raised = raised.map(|alarm| Fact::AlarmRaised { alarm, number: None });
        let said = [Some(fact.mentions()), raised.as_ref().map(Fact::mentions)];
        let said = || said.iter().flatten();
        let by_user = match &by.actor {
            Actor::User(user) => filter.users.contains(user),
            Actor::Account { name, .. } => filter.users.contains(&UserId::from(&**name)),
            Actor::Cabinet => false,
        };
        let key = filter.keys.is_empty() || said().flat_map(|said| &said.keys).any(|key| filter.keys.contains(*key));
        let user = filter.users.is_empty()
            || by_user
            || said().flat_map(|said| &said.users).any(|user| filter.users.contains(*user));
        let session = filter
            .session
            .is_none_or(|session| first == Some(entry.header.seq) || said().any(|said| said.session == Some(session)));
        Ok(key && user && session)
    }

    /// Everything read until it is dropped is of one moment.
    pub(super) fn transaction(&self) -> Result<rusqlite::Transaction<'_>, StoreError> {
        self.conn.unchecked_transaction().map_err(|source| StoreError::classify("read the ledger", source))
    }

    /// A page of records from `from` on (upwards, or with `down` downwards), picked by what columns tell.
    pub(super) fn page(
        &self,
        from: u64,
        down: bool,
        limit: usize,
        filter: &Filter,
    ) -> Result<Vec<Result<Entry, Illegible>>, StoreError> {
        let failed = |source| StoreError::classify("read the ledger", source);
        let (compare, order) = if down { ("<=", "DESC") } else { (">=", "ASC") };
        let mut statement = self
            .conn
            .prepare(&format!(
                "SELECT seq, epoch, kind, boot, mono_ms, wall_ms, clock, salt, payload_state, payload, digest, hash,
                        (SELECT hash FROM ledger AS former WHERE former.seq = ledger.seq - 1)
                 FROM ledger
                 WHERE seq {compare} ?1 AND (?2 IS NULL OR wall_ms >= ?2) AND (?3 IS NULL OR wall_ms < ?3)
                       AND (?4 = '' OR instr(?4, ' ' || kind || ' ') > 0)
                 ORDER BY seq {order} LIMIT ?5"
            ))
            .map_err(failed)?;
        let kinds = if filter.kinds.is_empty() {
            String::new()
        } else {
            format!(" {} ", filter.kinds.iter().cloned().collect::<Vec<_>>().join(" "))
        };
        let from = i64::try_from(from).unwrap_or(i64::MAX);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let (since, until) = (filter.since.map(|wall| wall.0), filter.until.map(|wall| wall.0));
        let mut cursor = statement.query(params![from, since, until, kinds, limit]).map_err(failed)?;
        let mut page = Vec::new();
        while let Some(row) = cursor.next().map_err(failed)? {
            let seq = row.get::<_, i64>(0).map_err(failed)?.cast_unsigned();
            page.push(entry_of(row, seq).map_err(|column| Illegible { seq, column }));
        }
        Ok(page)
    }
}

/// A record from its columns, or the column that makes no sense.
fn entry_of(row: &rusqlite::Row<'_>, seq: u64) -> Result<Entry, &'static str> {
    fn column<T: rusqlite::types::FromSql>(
        row: &rusqlite::Row<'_>,
        index: usize,
        name: &'static str,
    ) -> Result<T, &'static str> {
        row.get(index).map_err(|_| name)
    }
    let boot: [u8; 16] = column(row, 3, "boot")?;
    let clock: String = column(row, 6, "clock")?;
    let state: String = column(row, 8, "payload_state")?;
    let stamp = Stamp {
        mono: Mono(column::<i64>(row, 4, "mono_ms")?.cast_unsigned()),
        wall: Wall(column(row, 5, "wall_ms")?),
        clock: clock_from(&clock).ok_or("clock")?,
        boot: BootId(u128::from_be_bytes(boot)),
    };
    Ok(Entry {
        header: Header {
            epoch: column::<i64>(row, 1, "epoch")?.cast_unsigned(),
            seq,
            kind: column(row, 2, "kind")?,
            stamp,
        },
        salt: column(row, 7, "salt")?,
        state: PayloadState::from_word(&state).ok_or("payload_state")?,
        payload: column(row, 9, "payload")?,
        stored_digest: column(row, 10, "digest")?,
        hash: column(row, 11, "hash")?,
        prev: if seq == 1 { Some(GENESIS) } else { column(row, 12, "hash of the record before")? },
    })
}

/// Records as they are read, page by page.
#[derive(Debug)]
pub struct Entries<'a> {
    reader: &'a Reader,
    filter: &'a Filter,
    next: Option<u64>,
    down: bool,
    page: VecDeque<Entry>,
    /// The record that begins the session that is asked for.
    first: Option<u64>,
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.page.pop_front() {
                match self.reader.is_wanted(&entry, self.filter, self.first) {
                    Ok(true) => return Some(Ok(entry)),
                    Ok(false) => continue,
                    Err(error) => return Some(Err(error)),
                }
            }
            let reader = self.reader;
            let first = |session: SessionId| Ok(reader.hidden()?.seq(session.0));
            let page = self.next.map(|next| {
                self.first = self.filter.session.map(first).transpose()?;
                reader.page(next, self.down, PAGE, self.filter)
            });
            let page = match page? {
                Ok(page) => page,
                Err(error) => {
                    self.next = None;
                    return Some(Err(error));
                }
            };
            self.next = match page.last() {
                Some(Ok(Entry { header: Header { seq, .. }, .. }) | Err(Illegible { seq, .. })) => {
                    if self.down {
                        seq.checked_sub(1)
                    } else {
                        seq.checked_add(1)
                    }
                }
                None => None,
            };
            for entry in page {
                match entry {
                    Ok(entry) => self.page.push_back(entry),
                    Err(Illegible { seq, column }) => {
                        self.next = None;
                        let what = format!("record {seq} cannot be read (its {column})");
                        return Some(Err(StoreError::Damaged { what }));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cabinet::fact::Record;
    use crate::cabinet::types::ClockQuality;
    use crate::io::store::Store;

    #[test]
    fn alarms_looked_up_are_not_remembered_without_end() {
        let dir = tempfile::tempdir().expect("a folder");
        let identity = Identity { site: "Palm Court".into(), cabinet: "c".into() };
        let (store, _) = Store::open(dir.path(), &identity, None).expect("a ledger");
        let many = 3 * KNOWN_ALARMS as u64;
        let record = |seq, fact| {
            let stamp = Stamp { mono: Mono(seq), wall: Wall(1), clock: ClockQuality::Synced, boot: BootId(1) };
            Record { seq, stamp, by: Origin::cabinet(), fact }
        };
        let raised = |seq| record(seq, Fact::AlarmRaised { alarm: Alarm::Tampered, number: None });
        store.commit_blocking((1..=many).map(raised).collect(), Vec::new(), false).expect("committed");
        let reader = Reader::open(dir.path()).expect("readable");
        for alarm in (1..=many).map(AlarmId) {
            let found = reader.alarm_of(&Fact::AlarmAcknowledged { alarm }).expect("readable");
            assert_eq!(found, Some(Alarm::Tampered));
            assert!(reader.alarms.borrow().len() <= KNOWN_ALARMS);
        }
    }
}
