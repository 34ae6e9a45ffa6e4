//! Lanes against a recipient that fails in every way, and a process that dies at any moment.

use super::*;
use crate::alerts::kinds::{
    self, ALARM_OVER, CABINET_KEY_ONLY, DURESS, FLICKER, MODE_CHANGED, OPEN_WITHOUT_SESSION, OUTAGE_ENDED, OVERDUE,
    WRONG_KEY,
};
use crate::cabinet::types::{BootId, ClockQuality, Wall};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const WALL: i64 = 1_790_000_000_000;
const MINUTE_MS: u64 = 60_000;

fn now(mono_ms: u64) -> Now {
    let minute = mono_ms / MINUTE_MS;
    Now {
        mono: Mono(mono_ms),
        wall: Wall(WALL + mono_ms.cast_signed()),
        clock: ClockQuality::Synced,
        civil: Civil { day: 20_000 + (minute / 1_440) as i32, minute: (minute % 1_440) as u16 },
        boot: BootId(1),
    }
}

fn news(seq: u64, kind: &'static Kind, tie: Tie, held_ms: u64, at_ms: u64) -> Arc<News> {
    let (at, sentence) = (now(at_ms).stamp(), format!("news {seq}"));
    Arc::new(News { seq, number: seq, at, kind, class: kind.class, tie, held_ms, is_drill: false, sentence })
}

/// The end of an alarm that was told in this class.
fn ends(seq: u64, of: u64, class: Class, at_ms: u64) -> Arc<News> {
    let over = news(seq, &ALARM_OVER, Tie::Over { of }, 0, at_ms);
    Arc::new(News { class, ..News::clone(&over) })
}

fn wishes() -> Wishes {
    Wishes { urgent_per_h: 4, digest_at: vec![450, 1_050] }
}

fn lane(class: Class) -> Lane {
    Lane::new(class, wishes(), None, 0, now(0))
}

fn told(parcel: &Parcel) -> Vec<u64> {
    parcel.lines.iter().map(|line| line.news.seq).collect()
}

/// Begins a parcel and has it taken.
fn sent(lane: &mut Lane, at_ms: u64) -> Parcel {
    assert_eq!(lane.next(now(at_ms), false), Next::Send);
    let parcel = lane.begin(now(at_ms)).expect("something waits");
    lane.ended(Ending::Taken, now(at_ms), false, 0);
    parcel
}

#[test]
fn what_is_urgent_goes_at_once_and_what_waits_goes_together() {
    let mut lane = lane(Class::Urgent);
    assert_eq!(lane.next(now(1_000), false), Next::Rest);
    lane.take(&news(1, &OPEN_WITHOUT_SESSION, Tie::Alone, 0, 1_000));
    assert_eq!(lane.next(now(1_000), false), Next::Send);
    let first = lane.begin(now(1_000)).expect("it goes");
    // Three more while the first is on its way.
    for seq in 2..5 {
        lane.take(&news(seq, &WRONG_KEY, Tie::Alone, 0, 2_000));
        assert_eq!(lane.next(now(2_000), false), Next::Rest);
    }
    lane.ended(Ending::Taken, now(2_000), false, 0);
    let second = sent(&mut lane, 2_000);
    assert_eq!((told(&first), told(&second)), (vec![1], vec![2, 3, 4]));
    assert_eq!((second.after, second.upto), (1, 4));
    assert_eq!(lane.next(now(3_000), false), Next::Rest);
}

#[test]
fn an_outage_is_told_within_a_minute_and_a_flicker_is_none() {
    let mut lane = lane(Class::Urgent);
    lane.take(&news(1, &OUTAGE_BEGAN, Tie::Alone, 30_000, 1_000));
    assert_eq!(lane.next(now(2_000), false), Next::Wait(29_000));
    lane.take(&news(2, &FLICKER, Tie::Recalled, 0, 9_000));
    assert_eq!(lane.next(now(9_000), false), Next::Rest);
    assert_eq!(lane.kept().mark, 2);
    lane.take(&news(3, &OUTAGE_BEGAN, Tie::Alone, 30_000, 20_000));
    assert_eq!(told(&sent(&mut lane, 50_000)), [3]);
    // And at once before the cabinet sleeps.
    lane.take(&news(4, &OUTAGE_BEGAN, Tie::Alone, 30_000, 60_000));
    lane.hurry();
    assert_eq!(told(&sent(&mut lane, 60_100)), [4]);
}

/// Others shut the machine down while mains was there, and then it failed: its beginning was in the digest.
#[test]
fn of_mains_that_is_back_hears_only_who_heard_that_it_was_out() {
    let mut lane = lane(Class::Urgent);
    lane.take(&news(3, &MODE_CHANGED, Tie::Alone, 0, 1_000));
    lane.take(&news(4, &CABINET_KEY_ONLY, Tie::Alone, 0, 1_000));
    assert_eq!(told(&sent(&mut lane, 1_000)), [4]);
    lane.take(&news(9, &OUTAGE_ENDED, Tie::Closed { of: 3 }, 0, 900_000));
    assert_eq!(lane.next(now(900_000), false), Next::Rest);
    assert_eq!(lane.kept().mark, 9);
    // One that was told ends for them, also after a restart.
    lane.take(&news(10, &OUTAGE_BEGAN, Tie::Alone, 30_000, 910_000));
    assert_eq!(told(&sent(&mut lane, 940_000)), [10]);
    let mut lane = Lane::new(Class::Urgent, wishes(), Some(lane.kept().clone()), 10, now(950_000));
    lane.take(&news(11, &OUTAGE_ENDED, Tie::Closed { of: 10 }, 0, 990_000));
    assert_eq!(told(&sent(&mut lane, 990_000)), [11]);
}

#[test]
fn who_was_told_that_mains_is_out_is_told_that_it_is_back() {
    let mut lane = lane(Class::Urgent);
    lane.take(&news(1, &OUTAGE_BEGAN, Tie::Alone, 30_000, 1_000));
    assert_eq!(told(&sent(&mut lane, 32_000)), [1]);
    // A minute and a half is a flicker to the policy, not to whoever was told.
    lane.take(&news(2, &FLICKER, Tie::Recalled, 0, 91_000));
    assert_eq!(told(&sent(&mut lane, 91_000)), [2]);
    // The next one is back before anybody is told; so is nobody of its end.
    lane.take(&news(3, &OUTAGE_BEGAN, Tie::Alone, 30_000, 100_000));
    lane.take(&news(4, &FLICKER, Tie::Recalled, 0, 109_000));
    assert_eq!(lane.next(now(140_000), false), Next::Rest);
    // One that the policy called an outage ends once.
    lane.take(&news(5, &OUTAGE_BEGAN, Tie::Alone, 30_000, 150_000));
    sent(&mut lane, 180_000);
    lane.take(&news(6, &OUTAGE_ENDED, Tie::Closed { of: 5 }, 0, 900_000));
    assert_eq!(told(&sent(&mut lane, 900_000)), [6]);
    lane.take(&news(7, &FLICKER, Tie::Recalled, 0, 910_000));
    assert_eq!(lane.next(now(910_000), false), Next::Rest);
}

#[test]
fn what_was_told_before_a_restart_is_told_as_over_after_it() {
    let mut before = lane(Class::Urgent);
    before.take(&news(1, &OUTAGE_BEGAN, Tie::Alone, 30_000, 1_000));
    before.take(&news(2, &kinds::LINES_LOST, Tie::Alone, 0, 2_000));
    sent(&mut before, 32_000);
    // It reads on behind what was told.
    let mut after = Lane::new(Class::Urgent, wishes(), Some(before.kept().clone()), 4, now(91_000));
    after.take(&news(3, &FLICKER, Tie::Recalled, 0, 90_000));
    after.take(&ends(4, 2, Class::Urgent, 91_000));
    assert_eq!(told(&sent(&mut after, 91_000)), [3, 4]);
    assert_eq!(after.kept().began, None);
    // An older ledger was put in: its outage is not that one.
    let kept = Kept { began: Some(900), ..after.kept().clone() };
    let mut older = Lane::new(Class::Urgent, wishes(), Some(kept), 120, now(0));
    older.take(&news(121, &FLICKER, Tie::Recalled, 0, 0));
    assert_eq!(older.next(now(0), false), Next::Rest);
}

#[test]
fn what_was_on_its_way_at_a_restart_goes_again_as_it_was_and_its_end_after_it() {
    let mut before = lane(Class::Urgent);
    before.take(&news(1, &kinds::LINES_LOST, Tie::Alone, 0, 1_000));
    let first = before.begin(now(1_000)).expect("it goes");
    assert_eq!(before.kept().under_way, Some(1));
    // The process dies; the alarm ends before the next one looks.
    let mut after = Lane::new(Class::Urgent, wishes(), Some(before.kept().clone()), 2, now(60_000));
    after.take(&news(1, &kinds::LINES_LOST, Tie::Alone, 0, 1_000));
    after.take(&ends(2, 1, Class::Urgent, 50_000));
    after.read_up_to(2);
    assert_eq!(sent(&mut after, 60_000), first, "it may have arrived: under its name it says the same");
    assert_eq!(told(&sent(&mut after, 60_000)), [2]);
    assert_eq!((after.kept().mark, after.kept().under_way), (2, None));
}

#[test]
fn more_than_the_budget_is_gathered_and_nothing_is_dropped() {
    let mut lane = lane(Class::Urgent);
    for seq in 1..=4 {
        lane.take(&news(seq, &WRONG_KEY, Tie::Alone, 0, seq * 1_000));
        assert!(!sent(&mut lane, seq * 1_000).gathered);
    }
    for seq in 5..=104 {
        lane.take(&news(seq, &WRONG_KEY, Tie::Alone, 0, seq * 1_000));
        assert!(matches!(lane.next(now(seq * 1_000), false), Next::Wait(_)));
    }
    // One for each quarter of an hour.
    assert!(matches!(lane.next(now(15 * MINUTE_MS), false), Next::Wait(_)));
    let parcel = sent(&mut lane, 16 * MINUTE_MS);
    assert!(parcel.gathered);
    assert_eq!((parcel.lines.len(), parcel.more[WRONG_KEY.subject]), (MOST_LINES, 100 - MOST_LINES as u32));
    assert_eq!((parcel.lines[0].news.seq, parcel.lines[MOST_LINES - 1].news.seq), (5, 104));
}

#[test]
fn an_alarm_that_is_over_when_it_goes_is_told_as_over() {
    let mut lane = lane(Class::Urgent);
    lane.take(&news(1, &OPEN_WITHOUT_SESSION, Tie::Alone, 0, 1_000));
    lane.begin(now(1_000)).expect("it goes");
    lane.ended(Ending::Refused, now(1_000), false, u32::MAX);
    lane.take(&news(2, &ALARM_OVER, Tie::Over { of: 1 }, 0, 1_500));
    let parcel = sent(&mut lane, 4_000);
    assert_eq!(told(&parcel), [1]);
    assert_eq!(parcel.lines[0].over.as_ref().map(|over| over.seq), Some(2));
    // One that was told before is over in the same class, and in no other.
    lane.take(&news(3, &OPEN_WITHOUT_SESSION, Tie::Alone, 0, 5_000));
    sent(&mut lane, 5_000);
    let mut digest = self::lane(Class::Routine);
    for lane in [&mut lane, &mut digest] {
        lane.take(&ends(4, 3, Class::Urgent, 6_000));
    }
    assert_eq!((told(&sent(&mut lane, 6_000)), digest.waiting()), (vec![4], 0));
    // The end of an outage says how long it was, whether or not its beginning was told.
    lane.take(&news(5, &OUTAGE_BEGAN, Tie::Alone, 0, 7_000));
    lane.take(&news(6, &OUTAGE_ENDED, Tie::Closed { of: 5 }, 0, 8_000));
    let parcel = sent(&mut lane, 8_000);
    assert_eq!((told(&parcel), parcel.lines[0].over.is_some()), (vec![5, 6], true));
    // A worse one takes its place.
    lane.take(&news(7, &kinds::DOOR_STILL_OPEN, Tie::Alone, 0, 9_000));
    lane.take(&news(8, &ALARM_OVER, Tie::Replaced { of: 7 }, 0, 9_500));
    lane.take(&news(9, &kinds::DOOR_STILL_OPEN, Tie::Alone, 0, 9_500));
    assert_eq!(told(&sent(&mut lane, 16 * MINUTE_MS)), [9]);
}

#[test]
fn who_was_told_of_what_became_worse_is_told_of_its_end() {
    const DAY: u64 = 1_440 * MINUTE_MS;
    let other = |class, news: &Arc<News>| Arc::new(News { class, ..News::clone(news) });
    let worse = |seq, of, class| other(class, &news(seq, &ALARM_OVER, Tie::Replaced { of }, 0, DAY));
    let still_open = |seq| news(seq, &kinds::DOOR_STILL_OPEN, Tie::Alone, 0, DAY);
    let mut digest = lane(Class::Routine);
    digest.take(&news(1, &kinds::DOOR_LEFT_OPEN, Tie::Alone, 0, 500 * MINUTE_MS));
    assert_eq!(told(&sent(&mut digest, DAY)), [1]);
    // It grows twice, with a restart in between.
    digest.take(&worse(2, 1, Class::Routine));
    digest.take(&still_open(3));
    digest.read_up_to(3);
    assert_eq!((digest.waiting(), digest.next(now(DAY), false)), (0, Next::Rest));
    let mut digest = Lane::new(Class::Routine, wishes(), Some(digest.kept().clone()), 3, now(DAY));
    digest.take(&worse(4, 3, Class::Urgent));
    digest.take(&still_open(5));
    assert_eq!(digest.waiting(), 0);
    digest.take(&ends(6, 5, Class::Urgent, DAY));
    assert_eq!(told(&sent(&mut digest, 2 * DAY)), [6]);
    assert!(digest.kept().heirs.is_empty());
    // Who was told of none of it is not told of its end.
    digest.take(&news(7, &kinds::DOOR_LEFT_OPEN, Tie::Alone, 0, 2 * DAY));
    digest.take(&worse(8, 7, Class::Routine));
    digest.take(&still_open(9));
    digest.take(&ends(10, 9, Class::Urgent, 2 * DAY));
    assert_eq!(digest.waiting(), 0);
}

#[test]
fn a_digest_goes_at_its_hours_and_not_for_nothing() {
    let mut lane = lane(Class::Routine);
    assert_eq!(lane.next(now(500 * MINUTE_MS), false), Next::Rest);
    lane.take(&news(1, &OVERDUE, Tie::Alone, 0, 600 * MINUTE_MS));
    assert_eq!(lane.next(now(600 * MINUTE_MS), false), Next::Wait(HOUR_MS));
    lane.take(&news(2, &OVERDUE, Tie::Alone, 0, 601 * MINUTE_MS));
    assert_eq!(lane.next(now(1_049 * MINUTE_MS), false), Next::Wait(MINUTE_MS));
    // Not while it saves its battery.
    assert!(matches!(lane.next(now(1_050 * MINUTE_MS), true), Next::Wait(_)));
    assert_eq!(told(&sent(&mut lane, 1_050 * MINUTE_MS)), [1, 2]);
    lane.take(&news(3, &OVERDUE, Tie::Alone, 0, 1_060 * MINUTE_MS));
    assert!(matches!(lane.next(now(1_100 * MINUTE_MS), false), Next::Wait(_)));
    assert_eq!(told(&sent(&mut lane, (1_440 + 450) * MINUTE_MS)), [3]);
}

#[test]
fn a_clock_that_ran_ahead_does_not_end_the_digests() {
    let ahead = now(365 * 1_440 * MINUTE_MS);
    let mut kept = Lane::new(Class::Routine, wishes(), None, 0, ahead).kept().clone();
    kept.mark = 0;
    let mut lane = Lane::new(Class::Routine, wishes(), Some(kept), 9, now(600 * MINUTE_MS));
    lane.take(&news(1, &OVERDUE, Tie::Alone, 0, 600 * MINUTE_MS));
    assert_eq!(lane.next(now(1_051 * MINUTE_MS), false), Next::Send);
}

#[test]
fn a_new_recipient_is_not_told_what_was_before() {
    let mut lane = Lane::new(Class::Urgent, wishes(), None, 10, now(0));
    lane.take(&news(9, &WRONG_KEY, Tie::Alone, 0, 0));
    assert_eq!(lane.next(now(0), false), Next::Rest);
    lane.take(&news(11, &WRONG_KEY, Tie::Alone, 0, 0));
    assert_eq!(told(&sent(&mut lane, 0)), [11]);
}

#[test]
fn an_older_ledger_is_told_from_its_own_end() {
    let kept = Kept { mark: 900, under_way: Some(905), ..self::lane(Class::Urgent).kept().clone() };
    let mut lane = Lane::new(Class::Urgent, wishes(), Some(kept), 120, now(0));
    lane.take(&news(121, &WRONG_KEY, Tie::Alone, 0, 0));
    assert_eq!(told(&sent(&mut lane, 0)), [121]);
}

#[test]
fn a_full_lane_reads_on_once_it_has_told() {
    let mut lane = lane(Class::Urgent);
    for seq in 1..=MOST_HELD as u64 + 7 {
        lane.take(&news(seq, &WRONG_KEY, Tie::Alone, 0, 0));
    }
    lane.read_up_to(MOST_HELD as u64 + 7);
    assert_eq!(lane.reads_after(), None);
    assert_eq!(sent(&mut lane, 0).upto, MOST_HELD as u64);
    assert_eq!(lane.reads_after(), Some(MOST_HELD as u64));
}

#[test]
fn a_full_lane_that_took_itself_back_reads_on_at_once() {
    let mut lane = lane(Class::Urgent);
    for seq in (1..=MOST_HELD as u64).step_by(2) {
        lane.take(&news(seq, &OUTAGE_BEGAN, Tie::Alone, 30_000, 0));
        lane.take(&news(seq + 1, &FLICKER, Tie::Recalled, 0, 0));
    }
    assert_eq!(lane.reads_after(), None);
    assert_eq!(lane.next(now(0), false), Next::Wait(0));
    assert_eq!(lane.reads_after(), Some(MOST_HELD as u64));
    assert_eq!(lane.next(now(0), false), Next::Rest);
}

/// What stands between a process and its recipient in one step of the model.
#[derive(Clone, Copy, Debug)]
enum Chance {
    /// So many more records, of this sort.
    Records(u8, u8),
    /// Time passes, in s.
    Passes(u16),
    Sends(How),
    /// The process dies and begins again with what was kept.
    Dies,
    Hurries,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum How {
    Taken,
    Refused,
    /// It arrived, and the answer is lost.
    AnswerLost,
    /// It is lost, and nobody knows.
    Lost,
    /// It arrived, and the process dies before that is kept.
    TakenAndDies,
    /// Neither.
    LostAndDies,
}

fn chances() -> impl Strategy<Value = Vec<Chance>> {
    let how = prop_oneof![
        Just(How::Taken),
        Just(How::Refused),
        Just(How::AnswerLost),
        Just(How::Lost),
        Just(How::TakenAndDies),
        Just(How::LostAndDies),
    ];
    let chance = prop_oneof![
        4 => (1u8..6, 0u8..10).prop_map(|(count, sort)| Chance::Records(count, sort)),
        3 => (1u16..4_000).prop_map(Chance::Passes),
        6 => how.prop_map(Chance::Sends),
        1 => Just(Chance::Dies),
        1 => Just(Chance::Hurries),
    ];
    prop::collection::vec(chance, 1..120)
}

/// A ledger, a lane that reads it, and what arrived.
struct World {
    class: Class,
    ledger: Vec<Option<Arc<News>>>,
    lane: Lane,
    disk: Kept,
    mono_ms: u64,
    /// By its name: what it told, how often it arrived.
    arrived: BTreeMap<(u64, u64), Vec<u64>>,
    /// What was told as begun or alone, and of what the end was told.
    began: BTreeSet<u64>,
    over: BTreeSet<u64>,
    /// Ends that were taken for certain.
    taken: BTreeSet<(u64, u64)>,
    /// One that may have arrived goes again as it was, before anything else.
    unsure: Option<(u64, u64)>,
}

impl World {
    fn new(class: Class) -> Self {
        let lane = lane(class);
        let disk = lane.kept().clone();
        let (began, over) = (BTreeSet::new(), BTreeSet::new());
        let (arrived, taken, unsure) = (BTreeMap::new(), BTreeSet::new(), None);
        Self { class, ledger: Vec::new(), lane, disk, mono_ms: 1_000, arrived, began, over, taken, unsure }
    }

    fn write(&mut self, sort: u8) {
        let seq = self.ledger.len() as u64 + 1;
        let at = self.mono_ms;
        let own = match self.class {
            Class::Silent => &DURESS,
            Class::Urgent => &WRONG_KEY,
            Class::Routine => &OVERDUE,
        };
        self.ledger.push(match sort {
            0..=2 => Some(news(seq, own, Tie::Alone, 0, at)),
            3 if self.outage().is_none() => Some(news(seq, &OUTAGE_BEGAN, Tie::Alone, 30_000, at)),
            4 => Some(ends(seq, seq.saturating_sub(2), self.class, at)),
            5 if self.outage().is_some() => Some(news(seq, &FLICKER, Tie::Recalled, 0, at)),
            6 => self.told_last(own).map(|of| {
                let worse = news(seq, &ALARM_OVER, Tie::Replaced { of }, 0, at);
                Arc::new(News { class: self.class, ..News::clone(&worse) })
            }),
            7 => self.last_heir().map(|of| ends(seq, of, self.other(), at)),
            // Of one whose beginning was no news, too.
            8 => {
                let of = self.outage().unwrap_or(0);
                Some(news(seq, &OUTAGE_ENDED, Tie::Closed { of }, 0, at))
            }
            _ => None,
        });
        if sort == 6 {
            // What took its place is told in another class.
            self.ledger.push(None);
        }
    }

    fn other(&self) -> Class {
        if self.class == Class::Urgent { Class::Routine } else { Class::Urgent }
    }

    /// The last one of this kind that was told.
    fn told_last(&self, own: &'static Kind) -> Option<u64> {
        let mut news = self.ledger.iter().flatten().rev();
        news.find(|news| news.kind == own && self.began.contains(&news.seq)).map(|news| news.seq)
    }

    /// The last one that took the place of another.
    fn last_heir(&self) -> Option<u64> {
        self.ledger.iter().flatten().rev().find_map(|news| news.heir())
    }

    /// What a record took the place of; else itself.
    fn first(&self, of: u64) -> u64 {
        let before = of.checked_sub(2).and_then(|place| self.ledger.get(usize::try_from(place).ok()?)?.as_ref());
        match before.map(|news| news.tie) {
            Some(Tie::Replaced { of }) => of,
            _ => of,
        }
    }

    /// The outage that is open.
    fn outage(&self) -> Option<u64> {
        let kinds = [&OUTAGE_BEGAN, &FLICKER, &OUTAGE_ENDED];
        let last = self.ledger.iter().flatten().rfind(|news| kinds.contains(&news.kind));
        last.filter(|news| news.kind == &OUTAGE_BEGAN).map(|news| news.seq)
    }

    /// The news whose end this is.
    fn ended_by(&self, news: &News) -> Option<u64> {
        let before = |seq: u64| self.ledger.iter().flatten().rfind(|news| news.kind == &OUTAGE_BEGAN && news.seq < seq);
        match news.tie {
            Tie::Over { of } | Tie::Closed { of } => Some(self.first(of)),
            Tie::Recalled => before(news.seq).map(|news| news.seq),
            Tie::Alone | Tie::Replaced { .. } => None,
        }
    }

    /// Takes note of what a parcel that arrived said of beginnings and ends.
    fn heard(&mut self, parcel: &Parcel) {
        for Line { news, over } in &parcel.lines {
            if let Tie::Closed { of } = news.tie {
                let heard = self.began.contains(&of) || self.over.contains(&of) || !parcel.more.is_empty();
                assert!(heard, "of {of} its end is told, and its beginning never was");
            }
            self.began.insert(news.seq);
            self.over.extend(over.as_ref().map(|_| news.seq));
            self.over.extend(self.ended_by(news));
        }
        // What is only counted may be either.
        if !parcel.more.is_empty() {
            self.over.extend(0..=parcel.upto);
        }
    }

    /// What was told as begun, is over, and was never told as over.
    fn left_open(&self) -> Vec<u64> {
        let ended = self.ledger.iter().flatten().filter_map(|news| self.ended_by(news));
        ended.filter(|of| self.began.contains(of) && !self.over.contains(of)).collect()
    }

    fn read(&mut self) {
        for news in self.ledger.iter().flatten() {
            self.lane.take(news);
        }
        self.lane.read_up_to(self.ledger.len() as u64);
    }

    fn die(&mut self) {
        let head = self.ledger.len() as u64;
        self.lane = Lane::new(self.class, wishes(), Some(self.disk.clone()), head, now(self.mono_ms));
        self.read();
    }

    fn send(&mut self, how: How) {
        if self.lane.next(now(self.mono_ms), false) != Next::Send {
            return;
        }
        let Some(parcel) = self.lane.begin(now(self.mono_ms)) else { return };
        self.disk = self.lane.kept().clone();
        let (name, told) = ((parcel.after, parcel.upto), self.told(&parcel));
        assert!(!self.taken.contains(&name), "it was taken, and goes again: {name:?}");
        if let Some(unsure) = self.unsure {
            assert_eq!(name, unsure, "it may have arrived, and goes again under another name");
        }
        match how {
            How::Taken => self.unsure = None,
            How::Refused => {}
            How::AnswerLost | How::Lost | How::TakenAndDies | How::LostAndDies => self.unsure = Some(name),
        }
        if matches!(how, How::Taken | How::AnswerLost | How::TakenAndDies) {
            self.heard(&parcel);
            let before = self.arrived.entry(name).or_insert_with(|| told.clone());
            assert_eq!(*before, told, "under one name it tells two things");
        }
        let ending = match how {
            How::Taken => Ending::Taken,
            How::Refused => Ending::Refused,
            How::AnswerLost | How::Lost => Ending::Unsure,
            How::TakenAndDies | How::LostAndDies => return self.die(),
        };
        self.lane.ended(ending, now(self.mono_ms), false, 1 << 31);
        if ending == Ending::Taken {
            self.taken.insert(name);
            self.disk = self.lane.kept().clone();
        }
    }

    /// What a parcel tells, those included that it only counts.
    fn told(&self, parcel: &Parcel) -> Vec<u64> {
        let counted: u32 = parcel.more.values().sum();
        if counted == 0 {
            return told(parcel);
        }
        let range = parcel.after + 1..=parcel.upto;
        let all: Vec<u64> = self.owed().into_iter().filter(|seq| range.contains(seq)).collect();
        assert!(all.len() <= parcel.lines.len() + counted as usize, "some are neither told nor counted");
        all
    }

    /// What nobody may miss: what is of this class, and did not take itself back while it waited.
    fn owed(&self) -> BTreeSet<u64> {
        let own = self.ledger.iter().flatten().filter(|news| news.class == self.class);
        let is_end = |tie| matches!(tie, Tie::Over { .. } | Tie::Replaced { .. } | Tie::Closed { .. });
        own.filter(|news| news.kind != &OUTAGE_BEGAN && !is_end(news.tie)).map(|news| news.seq).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_nothing_that_was_taken_goes_again(chances in chances(), class in 0usize..3) {
        let mut world = World::new(Class::ALL[class]);
        for chance in chances {
            match chance {
                Chance::Records(count, sort) => (0..count).for_each(|_| world.write(sort)),
                Chance::Passes(s) => world.mono_ms += u64::from(s) * 1_000,
                Chance::Sends(how) => world.send(how),
                Chance::Dies => world.die(),
                Chance::Hurries => world.lane.hurry(),
            }
            world.read();
        }
        // A day in which everything arrives.
        for _ in 0..200 {
            world.mono_ms += 15 * MINUTE_MS;
            world.send(How::Taken);
            world.read();
        }
        let arrived: BTreeSet<u64> = world.arrived.values().flatten().copied().collect();
        let lost: Vec<u64> = world.owed().difference(&arrived).copied().collect();
        prop_assert!(lost.is_empty(), "lost: {lost:?}");
        prop_assert_eq!(world.lane.waiting(), 0);
        let open = world.left_open();
        prop_assert!(open.is_empty(), "told as begun, and never as over: {open:?}");
        // Twice only where an answer was lost, or the process died over it.
        let mut certain: Vec<u64> = world.taken.iter().flat_map(|name| world.arrived[name].clone()).collect();
        certain.sort_unstable();
        let all = certain.len();
        certain.dedup();
        prop_assert_eq!(certain.len(), all, "told twice by what was taken for certain");
    }
}
