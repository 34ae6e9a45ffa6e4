//! The copying against a model of a receiver, through faults by the thousand: no sockets, no time.

use super::*;
use std::collections::BTreeMap;

const BOUNDS: Bounds = Bounds { records: 40, pause_ms: 1_000, longest_pause_ms: 60_000 };

/// A ledger that is only its places. Hashes differ between lives: they are salted.
#[derive(Clone, Default)]
struct Ledger {
    records: Vec<Head>,
    epoch: u64,
}

impl Ledger {
    fn new() -> Self {
        Self { records: Vec::new(), epoch: 1 }
    }

    fn write(&mut self, count: u64, life: u8) {
        for _ in 0..count {
            let seq = self.records.len() as u64 + 1;
            let mut hash = [life; 32];
            hash[..8].copy_from_slice(&seq.to_be_bytes());
            self.records.push(Head { epoch: self.epoch, seq, hash });
        }
    }
}

impl Places for Ledger {
    fn head(&self) -> Result<Head, StoreError> {
        let last = self.records.last().copied().unwrap_or(START);
        Ok(Head { epoch: self.epoch, ..last })
    }

    fn place(&self, seq: u64) -> Result<Option<Head>, StoreError> {
        let index = seq.checked_sub(1);
        Ok(index.map_or(Some(START), |index| self.records.get(index as usize).copied()))
    }

    fn last_until(&self, epoch: u64) -> Result<Head, StoreError> {
        Ok(self.records.iter().rev().find(|head| head.epoch <= epoch).copied().unwrap_or(START))
    }
}

/// A receiver as the contract wants it, that keeps account of what it stored.
#[derive(Default)]
struct Receiver {
    stored: BTreeMap<(u64, u64), Head>,
    order: Vec<(u64, u64)>,
    refuses: BTreeSet<u64>,
    without: BTreeSet<u64>,
}

impl Receiver {
    fn head(&self) -> Option<Head> {
        self.stored.last_key_value().map(|(_, head)| *head)
    }

    fn has(&self) -> Answer {
        Answer::Has { head: self.head(), machine: Some("m1".into()) }
    }

    /// A batch: the record before it, and its records, each with whether its payload comes along.
    fn take(&mut self, after: Head, records: &[(Head, bool)], most: usize) -> Answer {
        if after != START && self.stored.get(&(after.epoch, after.seq)) != Some(&after) {
            return Answer::Elsewhere;
        }
        let mut last = after;
        for (record, with_payload) in records.iter().take(most) {
            if *with_payload && self.refuses.contains(&record.seq) {
                return Answer::Took { head: last, refused: BTreeSet::from([record.seq]) };
            }
            let place = (record.epoch, record.seq);
            match self.stored.get(&place) {
                Some(known) if known == record => {}
                Some(_) => return Answer::Elsewhere,
                None if self.head().is_some_and(|end| place < (end.epoch, end.seq)) => return Answer::Elsewhere,
                None => {
                    self.stored.insert(place, *record);
                    self.order.push(place);
                    if !with_payload {
                        self.without.insert(record.seq);
                    }
                }
            }
            last = *record;
        }
        Answer::Took { head: last, refused: BTreeSet::new() }
    }
}

/// One exchange, as it goes when nothing goes wrong.
fn exchange(sync: &Sync, ours: &Ledger, receiver: &mut Receiver, most: usize) -> (Option<(u64, u64)>, Answer) {
    match sync.next(ours.records.len() as u64) {
        Step::Ask | Step::Rest => (None, receiver.has()),
        Step::Send { after, most: records } => {
            let from = after as usize;
            let batch: Vec<(Head, bool)> = ours.records[from..(from + records).min(ours.records.len())]
                .iter()
                .map(|head| (*head, !sync.refused().contains(&head.seq)))
                .collect();
            let last = batch.last().expect("not empty").0.seq;
            (Some((after, last)), receiver.take(ours.place(after).unwrap().unwrap(), &batch, most))
        }
    }
}

fn settle(sync: &mut Sync, ours: &Ledger, receiver: &mut Receiver) -> Vec<News> {
    let mut news = Vec::new();
    for _ in 0..10_000 {
        if sync.next(ours.records.len() as u64) == Step::Rest || sync.is_stopped() || sync.blocked.is_some() {
            return news;
        }
        let (sent, answer) = exchange(sync, ours, receiver, usize::MAX);
        news.extend(sync.heard(sent, &answer, ours).unwrap());
    }
    panic!("it comes to no end: {sync:?}");
}

fn fresh(acknowledged: u64) -> Sync {
    Sync::new(BOUNDS, "m1".into(), acknowledged, BTreeSet::new())
}

/// Without what goes well.
fn without_acks(news: Vec<News>) -> Vec<News> {
    news.into_iter().filter(|news| !matches!(news, News::Acknowledged(_) | News::Takes)).collect()
}

/// Seeded chance.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }
}

#[test]
fn through_every_fault_at_random_all_arrives_once_and_in_order() {
    for seed in 1..=600_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let (mut ours, mut receiver) = (Ledger::new(), Receiver::default());
        let mut sync = fresh(0);
        let mut kept = 0;
        let mut lost_anything = false;
        ours.write(dice.below(300), 1);
        if dice.below(3) == 0 {
            receiver.refuses.insert(1 + dice.below(200));
        }
        for _ in 0..400 {
            match dice.below(40) {
                0 => ours.write(dice.below(50), 1),
                // The daemon starts again: only what was kept is known.
                1 => sync = Sync::new(BOUNDS, "m1".into(), kept, sync.refused().clone()),
                2 if dice.below(4) == 0 => {
                    let keep = dice.below(receiver.stored.len() as u64 + 1);
                    receiver.stored.retain(|(_, seq), _| *seq <= keep);
                    receiver.order.retain(|(_, seq)| *seq <= keep);
                    receiver.without.retain(|seq| *seq <= keep);
                    lost_anything = true;
                }
                _ => {}
            }
            let before = receiver.head();
            let most = if dice.below(4) == 0 { dice.below(60) as usize } else { usize::MAX };
            let fault = dice.below(12);
            let silent = Answer::Failed { retry_after_ms: (fault == 0).then_some(5_000) };
            let (sent, answer) = match fault {
                // It never arrived.
                0 | 1 => (exchange(&sync, &ours, &mut Receiver::default(), most).0, silent),
                // It arrived, and the answer is lost.
                2 | 3 => (exchange(&sync, &ours, &mut receiver, most).0, silent),
                // It arrived twice.
                4 => {
                    exchange(&sync, &ours, &mut receiver, most);
                    exchange(&sync, &ours, &mut receiver, most)
                }
                // It says what it does not have.
                5 => {
                    let sent = exchange(&sync, &ours, &mut Receiver::default(), most).0;
                    let head = Head { epoch: 1, seq: dice.below(300), hash: [0xEE; 32] };
                    let refused = BTreeSet::new();
                    if sent.is_some() { (sent, Answer::Took { head, refused }) } else { (sent, silent) }
                }
                _ => exchange(&sync, &ours, &mut receiver, most),
            };
            let acknowledged = sync.acknowledged();
            for news in sync.heard(sent, &answer, &ours).unwrap() {
                match news {
                    News::Acknowledged(head) => {
                        assert!(head.seq > acknowledged, "seed {seed}: only forward");
                        assert!(receiver.stored.contains_key(&(head.epoch, head.seq)), "seed {seed}: it is there");
                        if dice.below(2) == 0 {
                            kept = head.seq;
                        }
                    }
                    News::LostData { held, has } => {
                        assert!(lost_anything && has < held, "seed {seed}: lost nothing");
                    }
                    News::Refused { seq } => assert!(receiver.refuses.contains(&seq), "seed {seed}"),
                    News::GoesOn | News::Takes => {}
                    other => panic!("seed {seed}: {other:?} between {before:?} and {:?}", receiver.head()),
                }
            }
            assert!(sync.pause_ms(u32::MAX) <= 60_000, "seed {seed}");
        }
        // A heartbeat tells what was lost while there was nothing to send.
        sync.heard(None, &receiver.has(), &ours).unwrap();
        settle(&mut sync, &ours, &mut receiver);
        let all: Vec<(u64, u64)> = (1..=ours.records.len() as u64).map(|seq| (1, seq)).collect();
        assert_eq!(receiver.order, all, "seed {seed}: once each, in order");
        assert!(
            receiver.without.is_subset(&receiver.refuses),
            "seed {seed}: only what was refused went without payload"
        );
    }
}

#[test]
fn an_older_card_stops_it_and_the_newer_one_lets_it_go_on() {
    let (mut ours, mut receiver) = (Ledger::new(), Receiver::default());
    ours.write(50, 1);
    let old = ours.clone();
    ours.write(30, 1);
    settle(&mut fresh(0), &ours, &mut receiver);

    let mut sync = fresh(50);
    let news = settle(&mut sync, &old, &mut receiver);
    assert_eq!(news, [News::Stopped { seq: 80, elsewhere: false }]);
    assert_eq!(sync.next(50), Step::Ask, "nothing is sent");
    assert_eq!(sync.pause_ms(0), BOUNDS.longest_pause_ms);
    // It is told once, however often it is asked.
    assert_eq!(sync.heard(None, &receiver.has(), &old).unwrap(), []);
    // The newer one is brought back.
    let news = sync.heard(None, &receiver.has(), &ours).unwrap();
    assert_eq!(news, [News::GoesOn, News::Acknowledged(ours.records[79]), News::Takes]);
}

#[test]
fn an_older_card_goes_on_in_a_new_epoch_behind_the_last_common_record() {
    let (mut ours, mut receiver) = (Ledger::new(), Receiver::default());
    ours.write(50, 1);
    let mut restored = ours.clone();
    ours.write(30, 1);
    settle(&mut fresh(0), &ours, &mut receiver);
    restored.epoch = 2;
    restored.write(10, 2);
    let news = without_acks(settle(&mut fresh(50), &restored, &mut receiver));
    assert_eq!(news, [News::GoesOn], "a former life had stopped, and that is over");
    assert_eq!(receiver.stored.len(), 90, "nothing was overwritten");
    assert_eq!(receiver.head(), restored.records.last().copied());
}

#[test]
fn what_was_recorded_differently_in_the_same_epoch_never_goes_over_what_is_there() {
    let mut receiver = Receiver::default();
    let (mut ours, mut twin) = (Ledger::new(), Ledger::new());
    ours.write(20, 1);
    twin.records.clone_from(&ours.records[..15].to_vec());
    twin.write(40, 9);
    settle(&mut fresh(0), &ours, &mut receiver);
    let news = settle(&mut Sync::new(BOUNDS, "m2".into(), 15, BTreeSet::new()), &twin, &mut receiver);
    assert_eq!(news, [News::Stopped { seq: 20, elsewhere: true }]);
    // Nor in a new epoch that begins behind it.
    twin.epoch = 2;
    twin.write(5, 9);
    let news = settle(&mut Sync::new(BOUNDS, "m2".into(), 15, BTreeSet::new()), &twin, &mut receiver);
    assert_eq!(news, [News::Stopped { seq: 20, elsewhere: true }]);
    assert_eq!(receiver.order.len(), 20);
}

#[test]
fn a_record_whose_envelope_is_refused_holds_up_what_is_behind_it() {
    let (mut ours, mut receiver) = (Ledger::new(), Receiver::default());
    ours.write(9, 1);
    let mut sync = fresh(0);
    sync.heard(None, &receiver.has(), &ours).unwrap();
    let refuse = |head: Head| Answer::Took { head, refused: BTreeSet::from([4]) };
    receiver.take(START, &ours.records[..3].iter().map(|head| (*head, true)).collect::<Vec<_>>(), 3);
    let first = sync.heard(Some((0, 9)), &refuse(ours.records[2]), &ours).unwrap();
    assert_eq!(first, [News::Acknowledged(ours.records[2]), News::Refused { seq: 4 }, News::Takes]);
    let again = sync.heard(Some((3, 9)), &refuse(ours.records[2]), &ours).unwrap();
    assert_eq!(again, [News::Blocked { seq: 4 }]);
    assert_eq!(sync.pause_ms(0), BOUNDS.longest_pause_ms);
    // Told once, and what it answers to questions does not end it.
    assert_eq!(sync.heard(Some((3, 4)), &Answer::TooLarge, &ours).unwrap(), []);
    assert_eq!(sync.heard(None, &Answer::Has { head: Some(ours.records[2]), machine: None }, &ours).unwrap(), []);
    assert!(sync.held_up_by().is_some());
    // It is taken after all: all goes on, and that is told. A later life of the process knows of no block, and tells it as well.
    let mut later = Sync::new(BOUNDS, "m1".into(), 3, BTreeSet::from([4]));
    let told = |sync: &mut Sync, ours: &Ledger| {
        let has = Answer::Has { head: Some(ours.records[2]), machine: None };
        assert!(
            !sync.heard(None, &has, ours).unwrap().contains(&News::Takes),
            "that it answers says nothing of the records"
        );
        sync.heard(Some((3, 9)), &Answer::Took { head: ours.records[8], refused: BTreeSet::new() }, ours).unwrap()
    };
    for sync in [&mut sync, &mut later] {
        assert_eq!(told(sync, &ours), [News::Acknowledged(ours.records[8]), News::Takes]);
        assert!(sync.held_up_by().is_none());
    }
    // One that has everything is not blocked.
    let all = Answer::Has { head: Some(ours.records[8]), machine: None };
    assert!(fresh(9).heard(None, &all, &ours).unwrap().contains(&News::Takes));
}

#[test]
fn pauses_grow_up_to_a_bound_and_what_is_asked_for_is_kept() {
    let mut sync = fresh(0);
    let ours = Ledger::new();
    let mut before = 0;
    for _ in 0..30 {
        sync.heard(None, &Answer::Failed { retry_after_ms: None }, &ours).unwrap();
        let (least, most) = (sync.pause_ms(0), sync.pause_ms(u32::MAX));
        assert!(least >= 500 && least * 2 <= most + 1 && most <= 60_000 && most >= before, "{least} to {most}");
        before = most;
    }
    assert_eq!(before, 60_000);
    sync.heard(None, &Answer::Failed { retry_after_ms: Some(90_000) }, &ours).unwrap();
    assert_eq!(sync.pause_ms(0), 90_000);
    sync.heard(None, &Answer::Failed { retry_after_ms: Some(u64::MAX) }, &ours).unwrap();
    assert_eq!(sync.pause_ms(0), LONGEST_RETRY_AFTER_MS, "nobody may have us wait for ever");
    sync.heard(None, &Answer::Has { head: None, machine: None }, &ours).unwrap();
    assert_eq!(sync.pause_ms(0), 0);
}

#[test]
fn a_batch_that_is_too_large_is_halved_and_a_single_record_goes_without_its_payload() {
    let mut ours = Ledger::new();
    ours.write(40, 1);
    let mut sync = fresh(0);
    sync.heard(None, &Answer::Has { head: None, machine: None }, &ours).unwrap();
    for most in [40, 20, 10, 5, 2, 1] {
        assert_eq!(sync.next(40), Step::Send { after: 0, most });
        let news = sync.heard(Some((0, most as u64)), &Answer::TooLarge, &ours).unwrap();
        let refused = if most == 1 { vec![News::Refused { seq: 1 }] } else { vec![] };
        assert_eq!(news, refused);
    }
}

/// How long it waited before each of so many exchanges with an upstream that says where it is, and to each batch what is given.
fn pauses(sync: &mut Sync, ours: &Ledger, receiver: &Receiver, to_batches: &Answer) -> Vec<u64> {
    (0..60)
        .map(|_| {
            let batch = match sync.next(ours.records.len() as u64) {
                Step::Send { after, most } => Some((after, (after + most as u64).min(ours.records.len() as u64))),
                Step::Ask | Step::Rest => None,
            };
            let answer = if batch.is_some() { to_batches.clone() } else { receiver.has() };
            sync.heard(batch, &answer, ours).unwrap();
            sync.pause_ms(0)
        })
        .collect()
}

#[test]
fn an_upstream_that_answers_and_takes_nothing_is_asked_ever_less_often() {
    let mut ours = Ledger::new();
    ours.write(90, 1);
    let lie = Head { epoch: 1, seq: 3, hash: [0xEE; 32] };
    for answer in [
        Answer::Elsewhere,
        Answer::Took { head: START, refused: BTreeSet::new() },
        Answer::Took { head: lie, refused: BTreeSet::new() },
        // What it refuses it was never sent.
        Answer::Took { head: START, refused: BTreeSet::from([4_711]) },
    ] {
        let mut sync = fresh(0);
        let all = pauses(&mut sync, &ours, &Receiver::default(), &answer);
        assert!(sync.is_fruitless(), "{answer:?}");
        assert_eq!(all.last(), Some(&(BOUNDS.longest_pause_ms / 2)), "{answer:?}: {all:?}");
        // It takes something: all is well again.
        let mut receiver = Receiver::default();
        settle(&mut sync, &ours, &mut receiver);
        assert_eq!((sync.is_fruitless(), sync.pause_ms(0), receiver.stored.len()), (false, 0, 90), "{answer:?}");
    }
}

#[test]
fn one_batch_that_was_there_already_is_no_fault() {
    let (mut ours, mut receiver) = (Ledger::new(), Receiver::default());
    ours.write(90, 1);
    settle(&mut fresh(0), &ours, &mut receiver);
    let mut sync = fresh(0);
    sync.heard(None, &Answer::Has { head: None, machine: None }, &ours).unwrap();
    sync.heard(Some((0, 40)), &Answer::Elsewhere, &ours).unwrap();
    sync.heard(None, &receiver.has(), &ours).unwrap();
    assert_eq!((sync.next(90), sync.pause_ms(0)), (Step::Rest, 0));
}

#[test]
fn an_upstream_that_takes_a_little_is_sent_a_little() {
    let mut ours = Ledger::new();
    ours.write(90, 1);
    let mut sync = fresh(0);
    sync.heard(None, &Answer::Has { head: None, machine: None }, &ours).unwrap();
    let took = |seq: usize| Answer::Took { head: ours.records[seq - 1], refused: BTreeSet::new() };
    sync.heard(Some((0, 40)), &took(7), &ours).unwrap();
    assert_eq!(sync.next(90), Step::Send { after: 7, most: 7 });
    sync.heard(Some((7, 14)), &took(14), &ours).unwrap();
    assert_eq!(sync.next(90), Step::Send { after: 14, most: 14 });
}

#[test]
fn an_upstream_that_lost_a_whole_epoch_is_told_of() {
    let (mut ours, mut receiver) = (Ledger::new(), Receiver::default());
    ours.write(50, 1);
    let mut restored = ours.clone();
    ours.write(30, 1);
    settle(&mut fresh(0), &ours, &mut receiver);
    let old = receiver.stored.clone();
    restored.epoch = 2;
    restored.write(10, 2);
    let mut sync = fresh(50);
    settle(&mut sync, &restored, &mut receiver);
    receiver.stored = old;
    let news = sync.heard(None, &receiver.has(), &restored).unwrap();
    assert_eq!(news, [News::LostData { held: 60, has: 50 }]);
    settle(&mut sync, &restored, &mut receiver);
    assert_eq!(receiver.head(), restored.records.last().copied());
}

#[test]
fn of_refused_payloads_there_are_only_so_many() {
    let mut ours = Ledger::new();
    ours.write(MOST_REFUSED as u64 + 2, 1);
    let mut sync = fresh(0);
    sync.heard(None, &Answer::Has { head: None, machine: None }, &ours).unwrap();
    for record in ours.records.clone() {
        let before = ours.place(record.seq - 1).unwrap().unwrap();
        let refused = Answer::Took { head: before, refused: BTreeSet::from([record.seq]) };
        let news = without_acks(sync.heard(Some((before.seq, record.seq)), &refused, &ours).unwrap());
        if record.seq as usize <= MOST_REFUSED {
            assert!(news.contains(&News::Refused { seq: record.seq }), "{news:?}");
            sync.heard(Some((before.seq, record.seq)), &Answer::Took { head: record, refused: BTreeSet::new() }, &ours)
                .unwrap();
        } else {
            assert_eq!(news, [News::Blocked { seq: record.seq }]);
            assert_eq!((sync.refused().len(), sync.pause_ms(0)), (MOST_REFUSED, BOUNDS.longest_pause_ms));
            return;
        }
    }
    panic!("it was never blocked");
}

#[test]
fn cabinets_that_were_told_the_same_moment_do_not_come_back_together() {
    let mut sync = fresh(0);
    sync.heard(None, &Answer::Failed { retry_after_ms: Some(90_000) }, &Ledger::new()).unwrap();
    assert!(sync.pause_ms(u32::MAX) >= sync.pause_ms(0) + 500);
}

/// What it says to an answer to the next batch: `head` is there, and `refused` is refused.
fn refuses(sync: &mut Sync, ours: &Ledger, head: u64, refused: &[u64]) -> Vec<News> {
    let Step::Send { after, most } = sync.next(ours.records.len() as u64) else { panic!("{sync:?}") };
    let last = (after + most as u64).min(ours.records.len() as u64);
    let answer = Answer::Took { head: ours.place(head).unwrap().unwrap(), refused: refused.iter().copied().collect() };
    without_acks(sync.heard(Some((after, last)), &answer, ours).unwrap())
}

#[test]
fn of_several_envelopes_that_are_refused_only_the_next_one_blocks_and_that_is_told_once() {
    let mut ours = Ledger::new();
    ours.write(60, 1);
    let mut sync = Sync::new(BOUNDS, "m1".into(), 0, BTreeSet::from([41, 45]));
    sync.heard(None, &Answer::Has { head: ours.place(40).unwrap(), machine: None }, &ours).unwrap();
    assert_eq!(refuses(&mut sync, &ours, 40, &[41, 45]), [News::Blocked { seq: 41 }]);
    for _ in 0..3 {
        assert_eq!(refuses(&mut sync, &ours, 40, &[41, 45]), [], "once");
        assert_eq!(sync.pause_ms(0), BOUNDS.longest_pause_ms);
    }
    // All that it lists are parked, whatever blocks.
    assert_eq!(refuses(&mut sync, &ours, 40, &[41, 46, 47]), [46, 47].map(|seq| News::Refused { seq }));
    // One that takes no part of a batch is sent what is before the record that it turns down.
    let mut sync = Sync::new(BOUNDS, "m1".into(), 0, BTreeSet::from([45]));
    sync.heard(None, &Answer::Has { head: ours.place(40).unwrap(), machine: None }, &ours).unwrap();
    assert_eq!(refuses(&mut sync, &ours, 40, &[45]), []);
    assert_eq!((sync.held_up_by(), sync.next(60)), (None, Step::Send { after: 40, most: 4 }));
    assert_eq!(refuses(&mut sync, &ours, 44, &[]), []);
    assert_eq!(refuses(&mut sync, &ours, 44, &[45]), [News::Blocked { seq: 45 }]);
}

#[test]
fn a_block_is_told_again_after_upstream_lost_what_was_before_it_and_catching_up_waits_for_nothing() {
    let mut ours = Ledger::new();
    ours.write(60, 1);
    let mut sync = Sync::new(BOUNDS, "m1".into(), 0, BTreeSet::from([50]));
    sync.heard(None, &Answer::Has { head: ours.place(49).unwrap(), machine: None }, &ours).unwrap();
    assert_eq!(refuses(&mut sync, &ours, 49, &[50]), [News::Blocked { seq: 50 }]);
    let lost = Answer::Has { head: ours.place(20).unwrap(), machine: None };
    assert_eq!(sync.heard(None, &lost, &ours).unwrap(), [News::LostData { held: 49, has: 20 }]);
    assert_eq!((sync.held_up_by(), sync.pause_ms(0)), (None, 0), "what it lost goes at once");
    let took = |head: u64, refused: &[u64]| Answer::Took {
        head: ours.place(head).unwrap().unwrap(),
        refused: refused.iter().copied().collect(),
    };
    // Neither on the way nor in the answer that turns it down again is said that records are taken.
    assert_eq!(sync.heard(Some((20, 40)), &took(40, &[]), &ours).unwrap(), []);
    assert_eq!(sync.heard(Some((40, 60)), &took(49, &[50]), &ours).unwrap(), [News::Blocked { seq: 50 }]);
    assert!(sync.held_up_by().is_some());
    // It takes it after all.
    let all = News::Acknowledged(ours.records[59]);
    assert_eq!(sync.heard(Some((49, 60)), &took(60, &[]), &ours).unwrap(), [all, News::Takes]);
}
