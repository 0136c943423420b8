use std::time::Duration;

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn subnet(n: u32) -> Subnet {
    Subnet::of(std::net::IpAddr::from((n << 8).to_be_bytes()))
}

fn gate() -> (Gate, Instant) {
    with(GateParams::default())
}

fn with(params: GateParams) -> (Gate, Instant) {
    let now = Instant::now();
    (Gate::new(params, now).unwrap(), now)
}

/// The largest random number, in thousandths, that is accepted.
fn lot(gate: &mut Gate, source: Subnet, now: Instant) -> f64 {
    let accepted = (0..1_000).take_while(|n| gate.accept(source, now, f64::from(*n) / 1_000.0));
    accepted.count() as f64 / 1_000.0
}

fn of(deliver: f64, duplicate: f64, ignore: f64, reject: f64) -> Record {
    Record {
        deliver,
        duplicate,
        ignore,
        reject,
    }
}

#[test]
fn probabilities_are_gossipsubs() {
    let params = GateParams::default();
    let near = |record: Record, wanted: f64| {
        let probability = record.probability(&params);
        assert!((probability - wanted).abs() < 1e-12, "{record:?}: {probability}");
    };
    near(of(0.0, 0.0, 0.0, 0.0), 1.0);
    near(of(0.0, 0.0, 0.0, 1.0), 1.0 / 17.0);
    near(of(100.0, 0.0, 0.0, 5.0), 101.0 / 181.0);
    near(of(10.0, 80.0, 0.0, 0.0), 11.0 / 21.0);
    near(of(0.0, 0.0, 1.0, 0.0), 0.5);
    near(of(7.0, 0.0, 0.0, 0.0), 1.0);
}

#[test]
fn outcomes_are_counted_by_source() {
    let (mut gate, now) = gate();
    gate.throttle(now);
    gate.validate();
    (0..100).for_each(|_| gate.deliver(subnet(1)));
    (0..5).for_each(|_| gate.reject(subnet(1)));
    (0..10).for_each(|_| gate.deliver(subnet(2)));
    (0..80).for_each(|_| gate.duplicate(subnet(2)));
    gate.ignore(subnet(3));
    assert_eq!(lot(&mut gate, subnet(1), now), 0.559);
    assert_eq!(lot(&mut gate, subnet(2), now), 0.524);
    assert_eq!(lot(&mut gate, subnet(3), now), 0.5);
    // An unknown source is accepted, and gets no record by requests alone.
    assert_eq!(lot(&mut gate, subnet(4), now), 1.0);
    assert_eq!(gate.record(subnet(4)), None);
}

#[test]
fn it_is_off_until_something_is_throttled_and_after_a_quiet_interval() {
    let (mut gate, now) = gate();
    gate.reject(subnet(1));
    assert_eq!(lot(&mut gate, subnet(1), now), 1.0);
    gate.throttle(now);
    assert_eq!(lot(&mut gate, subnet(1), now), 0.059);
    // No decay in between.
    assert_eq!(lot(&mut gate, subnet(1), now + 60 * SECOND), 0.059);
    let later = now + 60 * SECOND + Duration::from_millis(1);
    assert!(!gate.is_on(later));
    assert_eq!(lot(&mut gate, subnet(1), later), 1.0);
}

#[test]
fn it_is_off_below_the_threshold() {
    let (mut gate, now) = gate();
    gate.reject(subnet(1));
    (0..100).for_each(|_| gate.validate());
    (0..32).for_each(|_| gate.throttle(now));
    assert!(!gate.is_on(now));
    assert_eq!(lot(&mut gate, subnet(1), now), 1.0);
    gate.throttle(now);
    assert!(gate.is_on(now));
    assert_eq!(lot(&mut gate, subnet(1), now), 0.059);
}

#[test]
fn it_is_on_when_nothing_is_validated_and_off_when_throttling_has_decayed() {
    let (mut gate, now) = gate();
    gate.throttle(now);
    assert!(gate.is_on(now));
    // 120 seconds leave a hundredth, and another second nothing.
    (0..121).for_each(|_| gate.tick(now));
    assert_eq!(gate.snapshot(now).throttle, 0.0);
    assert!(!gate.is_on(now));
}

#[test]
fn counts_decay_by_the_second_while_the_source_is_seen() {
    let (mut gate, now) = gate();
    gate.reject(subnet(1));
    gate.validate();
    gate.tick(now + SECOND);
    let params = GateParams::default();
    assert_eq!(gate.record(subnet(1)).unwrap().reject, params.source_decay);
    assert_eq!(gate.snapshot(now).validate, params.global_decay);
}

#[test]
fn a_record_is_kept_unchanged_while_the_source_is_gone_and_then_dropped() {
    let (mut gate, now) = gate();
    let hours = |n: u32| 3_600 * n * SECOND;
    gate.reject(subnet(1));
    gate.tick(now + 60 * SECOND);
    let record = gate.record(subnet(1)).unwrap();
    assert!(record.reject < 1.0);
    gate.tick(now + 61 * SECOND);
    gate.tick(now + hours(6) + 60 * SECOND);
    assert_eq!(gate.record(subnet(1)), Some(record));
    // Seen again: it continues.
    let later = now + hours(6) + 60 * SECOND;
    gate.accept(subnet(1), later, 0.0);
    gate.tick(later);
    assert!(gate.record(subnet(1)).unwrap().reject < record.reject);
    gate.tick(later + hours(6) + 61 * SECOND);
    assert_eq!(gate.record(subnet(1)), None);
}

#[test]
fn it_never_bans_and_a_record_can_improve() {
    let (mut gate, now) = gate();
    gate.throttle(now);
    (0..1_000_000).for_each(|_| gate.reject(subnet(1)));
    assert!(gate.accept(subnet(1), now, 0.0));
    assert!(!gate.accept(subnet(1), now, 1e-6));
    (0..16_000_000).for_each(|_| gate.deliver(subnet(1)));
    assert!(gate.accept(subnet(1), now, 0.5));
}

#[test]
fn records_are_bounded_and_the_worst_are_kept() {
    let max_sources = 1_000;
    let (mut gate, now) = with(GateParams {
        max_sources,
        ..GateParams::default()
    });
    gate.throttle(now);
    (0..20).for_each(|_| gate.reject(subnet(0)));
    (0..50).for_each(|_| gate.deliver(subnet(1)));
    for n in 2..50_000 {
        gate.ignore(subnet(n));
        assert!(gate.snapshot(now).sources <= max_sources);
    }
    assert_eq!(gate.record(subnet(0)).unwrap().reject, 20.0);
    // Dropping this one changes no probability.
    assert_eq!(gate.record(subnet(1)), None);
    assert_eq!(lot(&mut gate, subnet(1), now), 1.0);
}

#[test]
fn settings_are_checked() {
    let params = GateParams {
        threshold: -1.0,
        ..GateParams::default()
    };
    assert_eq!(
        Gate::new(params, Instant::now()).unwrap_err().parameter,
        "threshold"
    );
}

prop_compose! {
    fn records()(counts in prop::array::uniform4(prop_oneof![Just(0.0), 0.01_f64..1e9])) -> Record {
        let [deliver, duplicate, ignore, reject] = counts;
        of(deliver, duplicate, ignore, reject)
    }
}

proptest! {
    #[test]
    fn a_probability_is_valid_and_bad_content_never_raises_it(record in records(), more in 0.01_f64..1e9) {
        let params = GateParams::default();
        let probability = record.probability(&params);
        prop_assert!(probability > 0.0 && probability <= 1.0);
        for worse in [
            Record { duplicate: record.duplicate + more, ..record },
            Record { ignore: record.ignore + more, ..record },
            Record { reject: record.reject + more, ..record },
        ] {
            prop_assert!(worse.probability(&params) <= probability);
        }
        let better = Record { deliver: record.deliver + more, ..record };
        prop_assert!(better.probability(&params) >= probability);
    }

    #[test]
    fn whatever_happens_counts_stay_numbers_and_sources_bounded(
        steps in prop::collection::vec((0_u8..8, 0_u32..40, 0_u64..4_000_000), 1..300),
    ) {
        let params = GateParams { max_sources: 16, ..GateParams::default() };
        let (mut gate, mut now) = with(params);
        for (step, n, milliseconds) in steps {
            now += Duration::from_millis(milliseconds);
            match step {
                0 => gate.tick(now),
                1 => gate.validate(),
                2 => gate.throttle(now),
                3 => gate.deliver(subnet(n)),
                4 => gate.duplicate(subnet(n)),
                5 => gate.ignore(subnet(n)),
                6 => gate.reject(subnet(n)),
                _ => {
                    // The lowest random number is always accepted.
                    let known = gate.record(subnet(n));
                    prop_assert!(gate.accept(subnet(n), now, 0.0));
                    prop_assert_eq!(gate.record(subnet(n)), known);
                }
            }
            let snapshot = gate.snapshot(now);
            prop_assert!(snapshot.sources <= 16);
            prop_assert!(snapshot.validate.is_finite() && snapshot.validate >= 0.0);
            prop_assert!(!snapshot.on || snapshot.throttle > 0.0);
        }
    }
}
