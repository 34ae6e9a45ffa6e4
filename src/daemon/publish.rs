//! What others see of the cabinet: the snapshot for whoever looks, the roster for those who hash, the line for systemd.

use super::{Daemon, tell_systemd};
use crate::cabinet::event::StoreState;
use crate::cabinet::power::Mode;
use crate::cabinet::power::sentence::mode_words;
use crate::cabinet::snapshot::{Snapshot, UpstreamView};
use crate::io::systemd;
use std::sync::Arc;

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
            UpstreamView { acknowledged_seq, waiting, ..view }
        });
        let alerts = self.post.as_ref().map(|post| post.view(seen.as_of.mono));
        Snapshot { upstream, alerts, ..seen }
    }

    /// Newer figures of the UPS for whoever looks; those who follow are told when they differ.
    pub(super) fn refresh(&self) {
        let seen = self.look();
        self.snapshot.send_if_modified(|last| {
            let figures = |snapshot: &Snapshot| snapshot.supply.as_ref().map(|supply| supply.figures);
            let differ =
                figures(last) != figures(&seen) || last.upstream != seen.upstream || last.alerts != seen.alerts;
            *last = Arc::new(seen);
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
        let books = self.keeper.cabinet().books();
        let visitor = if books.session.is_some() { "in use" } else { "idle" };
        let alarms = books.alarms.values().filter(|open| !open.alarm.is_silent()).count();
        let room = match self.keeper.cabinet().store_state() {
            StoreState::Writable => "",
            StoreState::Reserve => ", NO ROOM ON THE DISK",
        };
        let supply = books.supply.as_ref().map(|state| state.supply).unwrap_or_default();
        let power = match self.keeper.cabinet().power_mode() {
            Mode::Line => String::new(),
            mode => format!(", {}", mode_words(mode)),
        };
        let config = if self.reload.is_refused() { ", THE NEW CONFIG WAS NOT TAKEN" } else { "" };
        format!("{visitor}, {alarms} alarms, supply {supply:?}{power}{room}{config}")
    }
}
