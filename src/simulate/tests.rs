use super::*;
use crate::cabinet::power::Method;

/// Whole outages of the prior under every policy: near the clairvoyant, and over all ahead of every other one. The bounds leave room for the
/// sample; `docs/simulate.md` has the figures of record.
#[test]
fn ours_is_near_the_clairvoyant_and_ahead_of_the_others() {
    let power = PowerSettings { sleep: Method::UpsOff, may_order: true, ..PowerSettings::default() };
    let parameters = Parameters { power, ..Parameters::default() };
    let report = run(&parameters, &outages::from_prior(800, 11), 2, &Progress::default());
    let ours = |class: Class| {
        report.results.iter().find(|result| (result.contender, result.class) == (Contender::Cabinetd, class)).unwrap()
    };
    let least = [(Class::Hours3, 0.955), (Class::Hours12, 0.92), (Class::Hours48, 0.92), (Class::Longer, 0.80)];
    for (class, least) in least {
        let ratio = ours(class).clairvoyant_ratio.expect("requests in each class");
        assert!(ratio >= least, "{class:?}: {ratio}");
    }
    for class in [Class::Hours3, Class::Hours12] {
        let Sums { requests, served, .. } = ours(class).sums;
        assert!(f64::from(served) >= 0.999 * f64::from(requests), "{class:?}: {served} of {requests}");
    }
    for (other, leads) in &report.leads {
        let over_all = leads[0].expect("requests");
        assert!(over_all.low > 0.0, "{other:?}: {over_all:?}");
    }
}

/// A day without mains on the battery of the books.
#[test]
fn a_day_is_served() {
    let power = PowerSettings { sleep: Method::UpsOff, may_order: true, ..PowerSettings::default() };
    let parameters = Parameters { power, ..Parameters::default() };
    let report = run(&parameters, &outages::fixed(24 * 3_600_000, 100, 3), 2, &Progress::default());
    let ours = report.results.iter().find(|result| result.contender == Contender::Cabinetd).unwrap();
    assert!(f64::from(ours.sums.served) >= 0.99 * f64::from(ours.sums.requests), "{:?}", ours.sums);
}
