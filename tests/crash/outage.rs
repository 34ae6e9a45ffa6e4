//! An outage on a disk that can lose power: a drill that proves how to go down, and a real one that goes down and comes up again.

use crate::life::Life;
use crate::run::{Became, Run};
use cabinetd::cabinet::Event;
use cabinetd::cabinet::event::{Ask, DrillStep};
use cabinetd::cabinet::power::Method;
use cabinetd::cabinet::power::policy::{Kind, Mode};

const OFF: Mode = Mode::Asleep { method: Method::UpsOff };

impl Run {
    /// Through the drill and the outage, with people in between.
    pub fn outage(&mut self) {
        self.ups_says(&["OL", "CHRG"], 100);
        self.asks(Ask::Drill(DrillStep::Start { deep: false }));
        self.outlasts_the_grace(100);
        self.asks(Ask::Drill(DrillStep::Prove { method: Method::UpsOff }));
        self.goes_down_and_comes_up(90);
        self.asks(Ask::Drill(DrillStep::Pressed { pressed: true }));
        self.asks(Ask::Drill(DrillStep::Finish));
        self.mains_for_good();

        // Too little for the visits to come: it saves the battery.
        self.outlasts_the_grace(40);
        for _ in 0..2 {
            self.people(3);
            // People may have left a door open: that blocks sleep for some minutes.
            for ms in [1_000, 700_000] {
                self.life.wait(ms);
                self.commits(vec![Event::Tick]);
            }
            self.goes_down_and_comes_up(35);
        }
        // And a system shutdown that somebody else ordered.
        self.commits(vec![Life::system_stop()]);
        assert_eq!(self.cabinet().power_mode(), Mode::Manual { method: None });
        self.comes_up();
        self.mains_for_good();
    }

    fn people(&mut self, batches: u32) {
        for _ in 0..batches {
            let became = self.batch();
            assert!(matches!(became, Became::Committed), "{became:?}");
        }
    }

    fn outlasts_the_grace(&mut self, charge_pct: u8) {
        self.ups_says(&["OB", "DISCHRG"], charge_pct);
        self.life.wait(121_000);
        self.ups_says(&["OB", "DISCHRG"], charge_pct - 1);
        assert!(matches!(self.cabinet().power_mode().kind(), Kind::Normal | Kind::Conserve));
    }

    fn goes_down_and_comes_up(&mut self, charge_pct: u8) {
        assert_eq!(self.cabinet().power_mode(), OFF);
        self.commits(vec![Life::system_stop()]);
        self.comes_up();
        self.ups_says(&["OB", "DISCHRG"], charge_pct);
        assert!(matches!(self.cabinet().power_mode(), Mode::Normal | Mode::Conserve));
    }

    fn comes_up(&mut self) {
        self.keeper = None;
        let became = self.restart().expect("it opens");
        assert!(matches!(became, Became::Committed), "{became:?}");
    }

    fn mains_for_good(&mut self) {
        self.ups_says(&["OL", "CHRG"], 80);
        self.life.wait(901_000);
        self.ups_says(&["OL", "CHRG"], 81);
        assert_eq!(self.cabinet().power_mode(), Mode::Line);
    }

    fn ups_says(&mut self, tokens: &[&str], charge_pct: u8) {
        let event = self.life.ups_says(tokens, charge_pct);
        self.commits(vec![event]);
    }

    fn asks(&mut self, ask: Ask) {
        let event = self.life.asks(ask);
        self.commits(vec![event]);
    }

    fn commits(&mut self, events: Vec<Event>) {
        let became = self.take(events);
        assert!(matches!(became, Became::Committed), "{became:?}");
    }
}
