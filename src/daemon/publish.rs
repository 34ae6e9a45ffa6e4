//! What others see of the cabinet: the snapshot for whoever looks, the roster for those who hash, the line for systemd.

use super::{Daemon, tell_systemd};
use crate::cabinet::event::StoreState;
use crate::cabinet::power::sentence::{mode_words, supply_words};
use crate::cabinet::power::{Mode, Supply};
use crate::cabinet::snapshot::{ConfigIs, RecipientView, Snapshot, UpstreamView};
use crate::io::systemd;
use std::sync::Arc;

/// Whether there is news. That time passes is none.
fn differ(last: &Snapshot, seen: &Snapshot) -> bool {
    let figures = |snapshot: &Snapshot| snapshot.supply.as_ref().map(|supply| supply.figures);
    let upstream = |snapshot: &Snapshot| {
        let view = snapshot.upstream.clone();
        view.map(|view| UpstreamView { heard_ago_ms: None, silent_ms: None, ..view })
    };
    let alerts = |snapshot: &Snapshot| {
        let view = snapshot.alerts.clone();
        view.map(|view| -> Vec<RecipientView> {
            let ageless = |one| RecipientView { told_ago_ms: None, failing_ms: None, ..one };
            view.recipients.into_iter().map(ageless).collect()
        })
    };
    let clock = |snapshot: &Snapshot| snapshot.as_of.clock;
    clock(last) != clock(seen)
        || figures(last) != figures(seen)
        || upstream(last) != upstream(seen)
        || alerts(last) != alerts(seen)
}

/// When upstream was heard last, and when each recipient took something.
fn moments(seen: &Snapshot) -> Vec<Option<u64>> {
    let at = |ago_ms: Option<u64>| ago_ms.map(|ago_ms| seen.as_of.mono.0.saturating_sub(ago_ms));
    let recipients = seen.alerts.iter().flat_map(|alerts| &alerts.recipients);
    let told = recipients.map(|recipient| recipient.told_ago_ms);
    seen.upstream.iter().map(|upstream| upstream.heard_ago_ms).chain(told).map(at).collect()
}

impl Daemon {
    pub(super) fn look(&self) -> Snapshot {
        let seen = Snapshot::taken(self.keeper.cabinet(), self.clock.now());
        let seen = match &self.reading {
            Some(reading) => seen.with_reading(reading),
            None => seen,
        };
        let (hidden, head) = (&self.keeper.cabinet().books().hidden, self.keeper.head().seq);
        let upstream = self.upstream.as_ref().map(|link| {
            let view = link.state().view(head, seen.as_of.mono);
            let acknowledged_seq = hidden.number(view.acknowledged_seq);
            let waiting = seen.head_seq.saturating_sub(acknowledged_seq);
            let parked = hidden.numbers(&view.parked.iter().copied().collect()).into_iter().collect();
            UpstreamView { acknowledged_seq, waiting, parked, ..view }
        });
        let alerts = self.post.as_ref().map(|post| post.view(seen.as_of.mono));
        Snapshot { upstream, alerts, config: self.reload.view(), ..seen }
    }

    /// The signed roster that waits, as whoever looks has it.
    pub(super) fn shown_roster(&self) -> Option<u64> {
        self.snapshot.borrow().signed_roster.as_ref().and_then(|roster| roster.waiting)
    }

    /// What is known of the clock, newer figures of the UPS, of upstream and of the alerts for whoever looks; those who follow are told when
    /// they differ. Polls move the moment of the last look whatever they bring. Nothing else does so without something to see: it may be about a silent alarm.
    pub(super) fn refresh(&self, is_poll: bool) {
        let seen = self.look();
        self.snapshot.send_if_modified(|last| {
            let differ = differ(last, &seen);
            if is_poll || differ || moments(last) != moments(&seen) {
                *last = Arc::new(seen);
            }
            differ
        });
    }

    pub(super) fn publish(&mut self) {
        self.snapshot.send_replace(Arc::new(self.look()));
        let cabinet = self.keeper.cabinet();
        if **self.roster.borrow() != cabinet.books().roster {
            self.roster.send_replace(Arc::new(cabinet.books().roster.clone()));
        }
        let status = self.status_line();
        if status != self.told {
            tell_systemd(systemd::status(&status));
            self.told = status;
        }
    }

    fn status_line(&self) -> String {
        let cabinet = self.keeper.cabinet();
        let books = cabinet.books();
        let mut parts = vec![if books.session.is_some() { "in use" } else { "idle" }.to_owned()];
        parts.push(match books.alarms.values().filter(|open| !open.alarm.is_silent()).count() {
            0 => "no alarm".to_owned(),
            1 => "1 alarm".to_owned(),
            more => format!("{more} alarms"),
        });
        if cabinet.settings().power.is_some() {
            let supply = books.supply.as_ref().map(|state| state.supply).unwrap_or_default();
            parts.push(match supply {
                Supply::Unknown => "supply not known yet".to_owned(),
                supply => supply_words(supply).to_owned(),
            });
        }
        match cabinet.power_mode() {
            Mode::Line => {}
            mode => parts.push(mode_words(mode)),
        }
        match cabinet.store_state() {
            StoreState::Writable => {}
            StoreState::Reserve => parts.push("NO ROOM ON THE DISK".to_owned()),
        }
        let config = self.reload.view();
        match config.state {
            ConfigIs::InForce => {}
            ConfigIs::Waiting => parts.push("a new config waits to be taken".to_owned()),
            ConfigIs::Refused => parts.push("THE NEW CONFIG WAS NOT TAKEN".to_owned()),
        }
        if !config.after_restart.is_empty() {
            parts.push(format!("A RESTART IS NEEDED FOR {}", config.after_restart.join(", ")));
        }
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cabinet::books::Books;
    use crate::cabinet::snapshot::UpstreamIs;
    use crate::cabinet::types::{BootId, Civil, ClockQuality, Mono, Now, Wall};
    use crate::config::{ANNOTATED, Config, Surroundings};

    /// As of `at`, with upstream heard at `heard`.
    fn seen(at: u64, heard: u64) -> Snapshot {
        let settings = Config::parse(ANNOTATED, &Surroundings::default()).expect("a config").settings;
        let civil = Civil { day: 20_000, minute: 0 };
        let (wall, clock, boot) = (Wall(1_764_000_000_000), ClockQuality::Synced, BootId(1));
        let now = Now { mono: Mono(at), wall, clock, civil, boot };
        let upstream = UpstreamView {
            state: UpstreamIs::Current,
            acknowledged_seq: 7,
            waiting: 0,
            heard_ago_ms: Some(at - heard),
            silent_ms: None,
            parked: Vec::new(),
            trouble: None,
            roster_trouble: None,
        };
        let look = Snapshot::of(&Books::default(), &settings, now, StoreState::Writable);
        Snapshot { upstream: Some(upstream), ..look }
    }

    #[test]
    fn time_that_passes_is_nothing_to_see_and_a_heartbeat_is_no_news() {
        let (last, later, heard) = (seen(5_000, 4_000), seen(9_000, 4_000), seen(9_000, 8_000));
        assert!(!differ(&last, &later) && moments(&last) == moments(&later));
        assert!(!differ(&last, &heard) && moments(&last) != moments(&heard));
        let mut more = later.clone();
        more.upstream.iter_mut().for_each(|upstream| upstream.acknowledged_seq = 8);
        assert!(differ(&last, &more));
    }
}
