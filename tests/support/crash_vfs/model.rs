//! The model of what a power cut may leave.

use super::{Action, Entry, Mode, Rng, SECTOR};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// The lasting state of a disk and the changes since that are not lasting yet.
#[derive(Clone, Default)]
pub(super) struct Model {
    /// How many entries of the log this holds.
    pub(super) at: usize,
    /// For each name its lasting inode, then each unsynced change, with its operation.
    pub(super) dir: BTreeMap<String, Vec<(u64, Option<u64>)>>,
    pub(super) inodes: HashMap<u64, Inode>,
}

#[derive(Clone, Default)]
pub(super) struct Inode {
    pub(super) lasting: Arc<Vec<u8>>,
    pub(super) pending: Vec<Pending>,
}

#[derive(Clone)]
pub(super) struct Pending {
    pub(super) op: u64,
    /// A write or a truncate.
    pub(super) change: Action,
    pub(super) sync: SyncState,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SyncState {
    None,
    /// The sync that should have made it lasting failed.
    Failed,
    /// Lasting, but kept here since an earlier change is `Failed`.
    Done,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Keep,
    Lose,
    Tear,
}

impl Model {
    pub(super) fn apply(&mut self, entry: &Entry) {
        self.at += 1;
        if let (true, Action::Sync { .. }) = (entry.failed, &entry.action) {
            if let Some(inode) = self.inodes.get_mut(&entry.ino) {
                inode.sync(SyncState::Failed);
            }
            return;
        }
        if entry.failed && !matches!(entry.action, Action::Write { .. }) {
            return;
        }
        match &entry.action {
            Action::Create => {
                self.inodes.insert(entry.ino, Inode::default());
                self.names(&entry.file).push((entry.op, Some(entry.ino)));
            }
            Action::Delete => self.names(&entry.file).push((entry.op, None)),
            Action::Sync { dir } => {
                if let Some(inode) = self.inodes.get_mut(&entry.ino) {
                    inode.sync(SyncState::Done);
                }
                if *dir {
                    self.sync_dir();
                }
            }
            change => {
                // An inode is missing if its delete is lasting and a handle is still open.
                if let Some(inode) = self.inodes.get_mut(&entry.ino) {
                    let change = change.clone();
                    inode.pending.push(Pending { op: entry.op, change, sync: SyncState::None });
                }
            }
        }
    }

    pub(super) fn names(&mut self, file: &str) -> &mut Vec<(u64, Option<u64>)> {
        self.dir.entry(file.to_owned()).or_insert_with(|| vec![(0, None)])
    }

    pub(super) fn sync_dir(&mut self) {
        self.dir.retain(|_, changes| {
            changes.drain(..changes.len() - 1);
            changes[0].1.is_some()
        });
        let named: BTreeSet<_> = self.dir.values().filter_map(|changes| changes[0].1).collect();
        self.inodes.retain(|ino, _| named.contains(ino));
    }

    pub(super) fn image(&self, mode: Mode, rng: &mut Rng) -> BTreeMap<String, Arc<Vec<u8>>> {
        // `Prefix`: the operation that the power cut struck.
        let dir_ops = self.dir.values().flat_map(|changes| &changes[1..]).map(|change| change.0);
        let unsynced = |p: &&Pending| p.sync == SyncState::None;
        let pending = self.inodes.values().flat_map(|inode| &inode.pending).filter(unsynced);
        let mut ops: Vec<u64> = dir_ops.chain(pending.map(|p| p.op)).collect();
        ops.sort_unstable(); // the inodes come in no fixed order
        ops.push(u64::MAX);
        let cut = ops[rng.below(ops.len())];
        // `Random`: how many eighths of the changes are kept whole.
        let keep = rng.below(9);

        let mut fate = |p: &Pending, rng: &mut Rng| match mode {
            _ if p.sync == SyncState::Done => Fate::Keep,
            Mode::KeepAll => Fate::Keep,
            Mode::LoseAll => Fate::Lose,
            Mode::Prefix if p.sync == SyncState::None => match p.op.cmp(&cut) {
                std::cmp::Ordering::Less => Fate::Keep,
                std::cmp::Ordering::Equal => Fate::Tear,
                std::cmp::Ordering::Greater => Fate::Lose,
            },
            _ if rng.below(8) < keep => Fate::Keep,
            _ => [Fate::Lose, Fate::Tear][rng.below(2)],
        };

        let mut files = BTreeMap::new();
        for (name, changes) in &self.dir {
            let chosen = match mode {
                Mode::LoseAll => 0,
                Mode::KeepAll => changes.len() - 1,
                Mode::Prefix => changes.iter().rposition(|c| c.0 < cut).unwrap_or(0),
                Mode::Random => rng.below(changes.len()),
            };
            let Some(inode) = changes[chosen].1.and_then(|ino| self.inodes.get(&ino)) else {
                continue;
            };
            let mut data = inode.lasting.clone();
            if !inode.pending.is_empty() {
                inode.replay(Arc::make_mut(&mut data), mode == Mode::Random, &mut fate, rng);
            }
            files.insert(name.clone(), data);
        }
        files
    }
}

impl Inode {
    pub(super) fn sync(&mut self, result: SyncState) {
        for p in &mut self.pending {
            if p.sync == SyncState::None {
                p.sync = result;
            }
        }
        // What was written again since does not matter any more.
        for i in (0..self.pending.len()).rev() {
            let p = &self.pending[i];
            let mut later = self.pending[i + 1..].iter().filter(|l| l.sync == SyncState::Done);
            if p.sync == SyncState::Failed && later.any(|l| covers(&l.change, &p.change)) {
                self.pending.remove(i);
            }
        }
        let done = self.pending.iter().take_while(|p| p.sync == SyncState::Done).count();
        if done > 0 {
            let lasting = Arc::make_mut(&mut self.lasting);
            for p in self.pending.drain(..done) {
                keep(lasting, &p.change);
            }
        }
    }

    /// Makes `data`, the lasting content, what a power cut leaves.
    pub(super) fn replay(
        &self,
        data: &mut Vec<u8>,
        random: bool,
        fate: &mut impl FnMut(&Pending, &mut Rng) -> Fate,
        rng: &mut Rng,
    ) {
        let free = |p: &Pending| random && p.sync != SyncState::Done && matches!(p.change, Action::Write { .. });
        let mut order: Vec<&Pending> = self.pending.iter().collect();
        for run in order.chunk_by_mut(|a, b| free(a) && free(b)) {
            if random {
                for i in (1..run.len()).rev() {
                    run.swap(i, rng.below(i + 1));
                }
            }
        }
        for p in order {
            match (fate(p, rng), &p.change) {
                (Fate::Keep, change) => keep(data, change),
                (Fate::Tear, Action::Write { offset, data: new }) => tear(data, *offset, new, rng),
                (_, Action::Write { offset, data: new }) if random && rng.one_in(4) => {
                    grow(data, offset + new.len(), rng);
                }
                _ => {}
            }
        }
    }
}

/// Whether nothing of the earlier change shows once the later one is made.
pub(super) fn covers(later: &Action, earlier: &Action) -> bool {
    match (later, earlier) {
        (Action::Write { offset: o, data: d }, Action::Write { offset, data }) => {
            o <= offset && offset + data.len() <= o + d.len()
        }
        (Action::Truncate { size }, Action::Write { offset, .. }) => size <= offset,
        (Action::Truncate { size: later }, Action::Truncate { size }) => later <= size,
        _ => false,
    }
}

pub(super) fn keep(file: &mut Vec<u8>, change: &Action) {
    match change {
        Action::Write { offset, data } => write_at(file, *offset, data),
        Action::Truncate { size } => file.resize(*size, 0),
        _ => unreachable!("only writes and truncates change a file"),
    }
}

pub(super) fn write_at(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset..end].copy_from_slice(bytes);
}

pub(super) fn tear(file: &mut Vec<u8>, offset: usize, bytes: &[u8], rng: &mut Rng) {
    let end = offset + bytes.len();
    let sectors = offset / SECTOR..end.div_ceil(SECTOR);
    let (style, at) = (rng.below(3), sectors.start + rng.below(sectors.len().max(1)));
    for sector in sectors {
        let kept = match style {
            0 => sector < at,
            1 => sector > at,
            _ => rng.one_in(2),
        };
        if kept {
            let from = offset.max(sector * SECTOR);
            let to = end.min((sector + 1) * SECTOR);
            write_at(file, from, &bytes[from - offset..to - offset]);
        }
    }
}

pub(super) fn grow(file: &mut Vec<u8>, size: usize, rng: &mut Rng) {
    let garbage = rng.one_in(2);
    while file.len() < size {
        file.push(if garbage { rng.next() as u8 } else { 0 });
    }
}
