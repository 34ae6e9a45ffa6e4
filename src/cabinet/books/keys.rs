//! Where keys hang: a key is in one place at most, and what is put down of one slot moves it away from every other.

use super::{Books, Custody, Presence, Slot, View};
use crate::cabinet::event::KeyStep;
use crate::cabinet::fact::LastHeld;
use crate::cabinet::types::{Evidence, KeyId, SessionId, SlotNo, Stamp};

impl Books {
    pub(super) fn set_custody(&mut self, key: &KeyId, custody: Custody) {
        self.custody.insert(key.clone(), custody);
        self.touch(View::Custody(key.clone()));
    }

    pub(super) fn empty(&mut self, slot: SlotNo, seq: u64, since: Stamp) {
        let row =
            Slot { present: Presence::Empty, key: None, evidence: None, seq, since, session: None, candidates: vec![] };
        self.slots.insert(slot, row);
        self.touch(View::Slot(slot));
    }

    /// The key of a slot is not known any more.
    pub(super) fn unname(&mut self, slot: SlotNo) {
        if let Some(row) = self.slots.get_mut(&slot) {
            row.key = None;
            row.evidence = None;
            self.touch(View::Slot(slot));
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one row, field by field")]
    pub(super) fn fill(
        &mut self,
        slot: SlotNo,
        present: bool,
        key: Option<KeyId>,
        evidence: Evidence,
        seq: u64,
        since: Stamp,
        session: Option<SessionId>,
        candidates: &[KeyId],
    ) {
        if !present {
            return self.empty(slot, seq, since);
        }
        // A key hangs in one slot only: another one that claimed it does not know any more what hangs there.
        if let Some(key) = &key {
            let elsewhere: Vec<SlotNo> = (self.slots.iter())
                .filter(|(other, row)| **other != slot && row.key.as_ref() == Some(key))
                .map(|(other, _)| *other)
                .collect();
            for other in elsewhere {
                self.unname(other);
            }
            self.set_custody(key, Custody::In { slot, evidence });
        }
        // And a key that was thought to hang here, but does not, is not accounted for.
        let before = self.slots.get(&slot).and_then(|row| row.key.clone());
        if let Some(before) = before.filter(|before| key.as_ref() != Some(before)) {
            self.set_custody(&before, Custody::Unaccounted { since, seq, let_in: None, last: None });
        }
        let evidence = key.as_ref().map(|_| evidence);
        let present = Presence::Present;
        self.slots.insert(slot, Slot { present, key, evidence, seq, since, session, candidates: candidates.to_vec() });
        self.touch(View::Slot(slot));
    }

    pub(super) fn forget_key(&mut self, key: &KeyId) {
        let slots: Vec<SlotNo> =
            self.slots.iter().filter(|(_, row)| row.key.as_ref() == Some(key)).map(|(slot, _)| *slot).collect();
        for slot in slots {
            self.unname(slot);
        }
        self.custody.remove(key);
        self.touch(View::Custody(key.clone()));
    }

    pub(super) fn key_stepped(&mut self, key: &KeyId, step: KeyStep, last: Option<&LastHeld>, seq: u64, since: Stamp) {
        let last = last.cloned();
        let custody = match step {
            KeyStep::Lost => Custody::Lost { since, seq, last },
            KeyStep::Found | KeyStep::EnteredByMistake => Custody::Unaccounted { since, seq, let_in: None, last },
            KeyStep::Retired => Custody::Retired { since, seq },
            KeyStep::Rekeyed => return,
        };
        let slot = match self.custody.get(key) {
            Some(Custody::In { slot, .. }) => Some(*slot),
            _ => None,
        };
        if let Some(slot) = slot {
            self.unname(slot);
        }
        self.set_custody(key, custody);
    }
}
