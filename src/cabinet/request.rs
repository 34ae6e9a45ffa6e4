//! Asks from outside, each answered once: the same caller with the same key gets the same answer again.

use super::books::{Answered, Custody, Presence, Vouched};
use super::event::{Ask, Request, StoreState};
use super::fact::Fact;
use super::outcome::{Action, Answer, Denial};
use super::roster::{Difference, Roster, RosterChange};
use super::signed::rises;
use super::slot::is_question_of;
use super::types::{Evidence, KeyId, PinHash, RequestKey, Role, SlotNo, UserId};
use super::{Cabinet, Turn};
use std::collections::BTreeSet;

/// Longest life of a vouched code.
const LONGEST_VOUCH_MINUTES: u32 = 24 * 60;

impl Cabinet {
    pub(super) fn requested(&mut self, turn: &mut Turn, request: Request) {
        let Request { origin, role, ask } = request;
        let Some(key) = origin.request.clone() else { return };
        let kept = self.books.answered.values().find(|kept| kept.request == key && kept.actor == origin.actor);
        if let Some(kept) = kept {
            let answer = kept.answer.clone();
            return self.reply(turn, key, answer);
        }
        turn.by = origin.clone();
        let records = turn.out.records.len();
        let answer = match self.answer(turn, role, ask) {
            Ok(answer) => answer,
            Err(denial) => {
                self.note_refusal(turn, &denial);
                Answer::Refused(denial)
            }
        };
        let seq = turn.out.records.get(records..).and_then(<[_]>::last).map(|record| record.seq);
        let number = seq.map_or(0, |seq| self.books.hidden.number(seq));
        let answer = match answer {
            Answer::Done { text, .. } => Answer::Done { text, seq: number },
            other => other,
        };
        if let Some(seq) = seq {
            let answer = answer.clone();
            self.books.remember_answer(Answered { seq, actor: origin.actor, request: key.clone(), answer });
        }
        self.reply(turn, key, answer);
    }

    /// The person at the cabinet asked for what is not theirs: that is a denial like any other, told there and recorded.
    fn note_refusal(&mut self, turn: &mut Turn, denial: &Denial) {
        let theirs = matches!(denial, Denial::KeyNotAllowed { .. } | Denial::LoneEmergencyNotAllowed);
        if let Some(session) = self.books.session.as_ref().filter(|_| theirs) {
            let user = session.user.clone();
            self.deny(turn, Some(user), denial.clone(), None);
        }
    }

    fn reply(&mut self, turn: &mut Turn, request: RequestKey, answer: Answer) {
        self.courtesy(turn, Action::Reply { request, answer });
    }

    fn answer(&mut self, turn: &mut Turn, role: Option<Role>, ask: Ask) -> Result<Answer, Denial> {
        let rules = &self.settings.access;
        let needed = match &ask {
            // Badge and PIN were shown by whoever stands at the cabinet: what is asked in their name comes from an account that may.
            Ask::Pull(_) | Ask::Return { .. } | Ask::Cancel => Role::Staff,
            Ask::Declare { .. } => rules.declare,
            // More for somebody than before is for whoever may give it.
            Ask::AlarmAcknowledge { alarm } if self.is_of_privileges(*alarm) => rules.manage_roster,
            Ask::AlarmAcknowledge { .. } => rules.acknowledge,
            Ask::Countersign { .. }
            | Ask::Vouch { .. }
            | Ask::KeyLife { .. }
            | Ask::BatteryReplaced
            | Ask::RetryUpstream
            | Ask::Drill(_) => Role::Manager,
            Ask::Open { .. } | Ask::CallOff => Role::Admin,
            Ask::ChangeRoster { .. } | Ask::TakeRoster { .. } | Ask::SetPin { .. } | Ask::Enrol { .. } => {
                rules.manage_roster
            }
            Ask::TellOutage(_) | Ask::OrderPower(_) => Role::Assistant,
        };
        if role.is_none_or(|role| role < needed) {
            return Err(Denial::RoleNeeded { role: needed });
        }
        if self.store == StoreState::Reserve {
            return Err(Denial::NoRoom);
        }
        let done = |text: String| Answer::Done { text, seq: 0 };
        match ask {
            Ask::Pull(pull) => self.pull(turn, &pull).map(done),
            Ask::Return { keys } => self.give_back(turn, &keys).map(done),
            Ask::Cancel => self.cancel_visit(turn).map(done),
            Ask::Declare { slot, key } => self.declare(turn, slot, &key).map(done),
            Ask::AlarmAcknowledge { alarm } => {
                // A silent alarm does not exist for those who may stand beside the cabinet.
                let silent = self.books.alarms.get(&alarm).is_some_and(|open| open.alarm.is_silent());
                if silent && role.is_none_or(|role| role < Role::Manager) {
                    return Err(Denial::AlarmUnknown { alarm });
                }
                self.acknowledge(turn, alarm).map(done)
            }
            Ask::Countersign { alarm, by } => self.countersign(turn, alarm, &by).map(done),
            Ask::ChangeRoster { mut change, dry_run } => {
                if !role.is_some_and(Role::sees_codes) {
                    change.keep_codes(&self.books.roster);
                }
                Ok(self.change_roster(turn, &change, dry_run))
            }
            Ask::TakeRoster { roster, dry_run } => self.bring_roster(turn, *roster, dry_run),
            Ask::Enrol { user, code, for_minutes } => self.offer_enrolment(turn, user, code, for_minutes).map(done),
            Ask::SetPin { user, pin } => self.set_pin(turn, user, pin).map(done),
            Ask::Vouch { user, by, code, for_minutes } => self.vouch(turn, user, by, code, for_minutes).map(done),
            Ask::KeyLife { key, step, note } => self.step_key(turn, &key, step, note).map(done),
            Ask::TellOutage(told) => self.tell_outage(turn, told).map(done),
            Ask::OrderPower(order) => self.order_power(turn, order).map(done),
            Ask::BatteryReplaced => self.battery_replaced(turn).map(done),
            Ask::Open { user, door, why } => self.order_opening(turn, &user, door, &why).map(done),
            Ask::CallOff => self.call_off(turn).map(done),
            Ask::Drill(step) => self.drill_step(turn, step).map(done),
            Ask::RetryUpstream => self.retry_upstream(turn).map(done),
        }
    }

    fn change_roster(&mut self, turn: &mut Turn, change: &RosterChange, dry_run: bool) -> Answer {
        let (next, lines) = match self.weigh_change(change) {
            Ok(next) => next,
            Err(problems) => return Answer::Problems(problems),
        };
        if dry_run || lines.is_empty() {
            return Answer::Difference { lines, applied: false };
        }
        let fact = Fact::RosterChanged {
            source: change.source.clone(),
            hash: change.hash.clone(),
            version: self.books.roster_version + 1,
            replace: change.replace,
            difference: lines.clone(),
            signed: None,
            // Whoever imports it has seen the difference: it is no alarm, but it stays to be read.
            rises: rises(&self.books.roster, &next),
        };
        self.put_roster(turn, fact, next, &lines);
        Answer::Difference { lines, applied: true }
    }

    /// The roster after a change and how it differs; or why it cannot be made: it is not sound, or keys are out.
    pub(super) fn weigh_change(&self, change: &RosterChange) -> Result<(Roster, Vec<Difference>), Vec<String>> {
        let (next, lines) = self.roster_after(change)?;
        let gone: Vec<KeyId> =
            self.books.roster.keys.keys().filter(|key| !next.keys.contains_key(*key)).cloned().collect();
        let is_somewhere = |key: &KeyId| {
            let why = match self.books.custody.get(key)? {
                Custody::Out(_) => "is out with somebody; get it back or mark it lost before it leaves the roster",
                // Found again, and not hung home: it may be in the very hand that it was in before.
                Custody::Unaccounted { last: Some(_), .. } => {
                    "was found and is not back in its slot; hang it home, or mark it lost or retired before it leaves the roster"
                }
                _ => return None,
            };
            Some(format!("key {key}: {why}"))
        };
        let out: Vec<String> = gone.iter().filter_map(is_somewhere).collect();
        let holders = self.books.roster.users.values().filter(|user| !next.users.contains_key(&user.id));
        let holding = holders.filter(|user| !self.held_by(&user.id).is_empty()).map(|user| {
            format!(
                "user {}: still has keys; revoke instead (`cabinetd user revoke`), and remove when they are back",
                user.id
            )
        });
        let refused: Vec<String> = out.into_iter().chain(holding).collect();
        if refused.is_empty() { Ok((next, lines)) } else { Err(refused) }
    }

    /// The same, whatever is out.
    pub(super) fn roster_after(&self, change: &RosterChange) -> Result<(Roster, Vec<Difference>), Vec<String>> {
        let slots: BTreeSet<SlotNo> = self.settings.slots.keys().copied().collect();
        self.books.roster.after(change, &slots)
    }

    /// Makes this the roster, with its record, and does what follows.
    pub(super) fn put_roster(&mut self, turn: &mut Turn, changed: Fact, next: Roster, lines: &[Difference]) {
        self.record(turn, changed);
        self.books.set_roster(next);
        self.name_new_keys(turn, lines);
        self.forget_inactive(turn);
        self.end_visit_of_revoked(turn);
    }

    /// A key that is new in the roster and whose home is occupied by something unnamed is taken to hang there.
    fn name_new_keys(&mut self, turn: &mut Turn, lines: &[Difference]) {
        let new: Vec<(SlotNo, KeyId)> = (lines.iter())
            .filter_map(|line| match line {
                Difference::KeyAdded(key) => self.books.roster.keys.get(key),
                _ => None,
            })
            .filter(|key| !self.books.custody.contains_key(&key.id))
            .filter(|key| {
                (self.books.slots.get(&key.home))
                    .is_some_and(|row| row.present == Presence::Present && row.key.is_none() && row.session.is_none())
            })
            .map(|key| (key.home, key.id.clone()))
            .collect();
        for (slot, key) in new {
            self.record(turn, Fact::SlotIdentified { slot, key, evidence: Evidence::HomeSlot, session: None });
            self.resolve(turn, |alarm| is_question_of(alarm, slot));
        }
    }

    fn set_pin(&mut self, turn: &mut Turn, user: UserId, pin: PinHash) -> Result<String, Denial> {
        let mut roster = self.books.roster.clone();
        let Some(person) = roster.users.get_mut(&user) else { return Err(Denial::UserUnknown { user }) };
        person.pin = Some(pin);
        let text = format!("the PIN of {} is set", person.name);
        self.record(turn, Fact::PinSet { user, enrolled: false });
        self.books.set_roster(roster);
        Ok(text)
    }

    fn vouch(
        &mut self,
        turn: &mut Turn,
        user: UserId,
        by: UserId,
        code: PinHash,
        for_minutes: u32,
    ) -> Result<String, Denial> {
        if user == by {
            return Err(Denial::SamePerson);
        }
        let Some(person) = self.books.roster.users.get(&user) else { return Err(Denial::UserUnknown { user }) };
        match self.books.roster.users.get(&by) {
            None => return Err(Denial::UserUnknown { user: by }),
            Some(by) if !self.is_active(&by.id) => return Err(Denial::Revoked),
            Some(by) if by.role < Role::Manager => {
                return Err(Denial::VoucherUnfit { name: by.name.clone(), role: by.role });
            }
            Some(_) => {}
        }
        if !self.is_active(&user) {
            return Err(Denial::Revoked);
        }
        let for_minutes = for_minutes.clamp(1, LONGEST_VOUCH_MINUTES);
        let text = format!("{} may enter once within {for_minutes} minutes with the code", person.name);
        self.record(turn, Fact::Vouched { user: user.clone(), by: by.clone(), for_minutes });
        self.books
            .set_vouched(user, Vouched { by: Some(by), code, since: turn.now.stamp(), for_minutes, enrols: false });
        Ok(text)
    }
}
