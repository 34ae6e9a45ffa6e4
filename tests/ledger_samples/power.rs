//! Samples of power's facts: every why, every mode, every part.

use cabinetd::cabinet::fact::Fact;
use cabinetd::cabinet::outage::Elapsed;
use cabinetd::cabinet::power::baseline::LoadDay;
use cabinetd::cabinet::power::policy::{Method, Mode, Remembered, TABLE, Then};
use cabinetd::cabinet::power::selftest::{NoVerdict, Verdict};
use cabinetd::cabinet::power::state::{DrillEnd, OutageId, PowerOrder, Replaced, Sight, SwitchFigures, Told};

const MODES: [Mode; 13] = [
    Mode::Line,
    Mode::Grace,
    Mode::Normal,
    Mode::Conserve,
    Mode::FallingAsleep { method: Method::Standby, then: Then::Asleep },
    Mode::FallingAsleep { method: Method::UpsOff, then: Then::Manual },
    Mode::Asleep { method: Method::Standby },
    Mode::Asleep { method: Method::Halt },
    Mode::Asleep { method: Method::UpsOff },
    Mode::Restoring { remembered: Remembered::Normal },
    Mode::Restoring { remembered: Remembered::Conserve },
    Mode::Manual { method: None },
    Mode::Manual { method: Some(Method::UpsOff) },
];

pub fn samples() -> Vec<Fact> {
    let figures = SwitchFigures {
        elapsed: Elapsed { least_ms: 7_200_000, most_ms: 7_200_000 },
        total_ms: 14_760_000,
        r80_ms: 20_000_000,
        r95_ms: 100_000_000,
        requests: 31,
        energy_mwh: 63_440,
        need_mwh: 30_100,
        full_mwh: 81_000,
        drained_mwh: 17_560,
        spent_mwh: 12_000,
        lasted_ms: 6_000_000,
        idle_ms: 61_000,
        charge_pct: Some(78),
        drill: false,
    };
    let unsure = SwitchFigures {
        elapsed: Elapsed { least_ms: 3_600_000, most_ms: 349_200_000 },
        charge_pct: None,
        drill: true,
        ..SwitchFigures::default()
    };
    let mut all = Vec::new();
    for (number, row) in TABLE.iter().enumerate() {
        let figures = if number % 2 == 0 { figures } else { unsure };
        let from = Mode::Asleep { method: Method::Halt };
        all.push(Fact::PowerSwitched { from, to: MODES[number % MODES.len()], why: row.why, figures });
    }
    all.extend(MODES.map(|to| Fact::PowerSwitched { from: Mode::Line, to, why: TABLE[0].why, figures }));
    let ended = |least_ms, most_ms, flaps, drill| Fact::OutageEnded {
        outage: OutageId(204),
        least_ms,
        most_ms,
        flaps,
        sessions: 3,
        sleeps: 1,
        spent_mwh: 31_000,
        drill,
    };
    all.extend([ended(5_400_000, 5_400_000, 0, false), ended(1, 345_600_000, 1, true), ended(9, 9, 4, false)]);
    all.extend([
        Fact::OutageTold { told: Told::Storm { is: true }, upstream: false },
        Fact::OutageTold { told: Told::Storm { is: false }, upstream: true },
        Fact::OutageTold { told: Told::EndsIn { ms: 7_200_000 }, upstream: true },
        Fact::OutageTold { told: Told::NothingStated, upstream: false },
        Fact::PowerTold { order: PowerOrder::SleepNow },
        Fact::PowerTold { order: PowerOrder::StayAwake { for_minutes: 60 } },
        Fact::BatteryReplaced { what: Replaced::Nothing, serial: Some("AS1234".into()) },
        Fact::BatteryReplaced { what: Replaced::Ups, serial: Some("AS\"5678".into()) },
        Fact::BatteryReplaced { what: Replaced::Battery, serial: None },
        Fact::BatteryMeasured { capacity_mwh: 71_230, by_drill: false },
        Fact::BatteryMeasured { capacity_mwh: 71_230, by_drill: true },
        Fact::DrillStarted { deep: false },
        Fact::DrillStarted { deep: true },
    ]);
    let day = LoadDay {
        day: 20_515,
        clock_trusted: true,
        own_mw: 12_000,
        base_mw: Some(11_800),
        threshold_mw: 6_000,
        judged: 0x00ff_ffff,
        foreign: 0,
        foreign_mw: 0,
        peak_mw: 0,
    };
    all.push(Fact::LoadLearned { day });
    all.push(Fact::LoadLearned { day: LoadDay { base_mw: None, foreign: 0b11 << 9, foreign_mw: 90_000, ..day } });
    all.push(Fact::SelfTestBegan);
    for verdict in [
        Verdict::Passed,
        Verdict::Weak,
        Verdict::Failed,
        Verdict::Aborted,
        Verdict::Unknown(NoVerdict::NotSeen),
        Verdict::Unknown(NoVerdict::NoResult),
        Verdict::Unknown(NoVerdict::Silent),
        Verdict::Unknown(NoVerdict::Outage),
    ] {
        all.push(Fact::SelfTestEnded { verdict });
    }
    for asleep in [None, Some(Method::Standby), Some(Method::Halt)] {
        all.push(Fact::EnergyBooked { spent_mwh: 12_000, left_mwh: 41_000, drained_mwh: 40_000, asleep });
    }
    for what in [
        Sight::OnBattery,
        Sight::Load,
        Sight::LoadShare,
        Sight::Reader,
        Sight::Lock,
        Sight::Door,
        Sight::Sensor,
        Sight::Network,
        Sight::RestartOnMains,
        Sight::Woke,
        Sight::MainsBack,
    ] {
        all.push(Fact::DrillSaw { what, figure: 11_850 });
    }
    for method in Method::ALL {
        all.push(Fact::DrillProving { method });
        all.push(Fact::MethodDisproved { method });
        all.push(Fact::MethodProved { method, ready_ms: 38_500, by_stopwatch: false });
        all.push(Fact::MethodProved { method, ready_ms: 51_000, by_stopwatch: true });
    }
    for how in
        [DrillEnd::Finished, DrillEnd::Aborted, DrillEnd::NeededElsewhere, DrillEnd::BatteryLow, DrillEnd::Interrupted]
    {
        all.push(Fact::DrillEnded { drill: 300, how, lasted_ms: 600_000 });
    }
    all.push(Fact::DrillOutlasted { outage: OutageId(302) });
    all
}
