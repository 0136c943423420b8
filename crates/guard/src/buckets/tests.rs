use governor::clock::FakeRelativeClock;
use proptest::prelude::*;

use super::*;

const ONE: NonZeroU32 = NonZeroU32::MIN;

fn buckets(
    host: (u32, u32),
    subnet: (u32, u32),
    max_keys: usize,
) -> (Buckets<FakeRelativeClock>, FakeRelativeClock) {
    let config = BucketsConfig {
        host: Rate::new(host.0, host.1),
        subnet: Rate::new(subnet.0, subnet.1),
        max_keys,
    };
    let clock = FakeRelativeClock::default();
    (Buckets::with_clock(config, clock.clone()), clock)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// How many of `tries` requests of cost one are accepted.
fn passed(buckets: &Buckets<FakeRelativeClock>, client: &str, tries: usize) -> usize {
    (0..tries)
        .filter(|_| buckets.check(ip(client), ONE).is_ok())
        .count()
}

#[test]
fn a_host_has_its_burst_and_then_its_rate() {
    let (buckets, clock) = buckets((10, 30), (1_000, 1_000), 100);
    assert_eq!(passed(&buckets, "192.0.2.1", 100), 30);
    let Err(Rejection::TooMany { retry_after }) = buckets.check(ip("192.0.2.1"), ONE) else {
        panic!("let in");
    };
    assert!(retry_after <= Duration::from_millis(101), "{retry_after:?}");
    clock.advance(Duration::from_secs(2));
    assert_eq!(passed(&buckets, "192.0.2.1", 100), 20);
    // Another host has its own bucket.
    assert_eq!(passed(&buckets, "192.0.2.2", 100), 30);
    let snapshot = buckets.snapshot();
    assert_eq!(
        (
            snapshot.passed,
            snapshot.refused_by_host,
            snapshot.refused_by_subnet
        ),
        (80, 221, 0)
    );
    assert_eq!((snapshot.hosts, snapshot.subnets), (2, 1));
}

#[test]
fn hosts_of_a_subnet_share_one() {
    let (buckets, _) = buckets((10, 30), (10, 50), 1_000);
    let from = |n: usize| format!("192.0.2.{n}");
    let all: usize = (0..100).map(|n| passed(&buckets, &from(n), 10)).sum();
    assert_eq!(all, 50);
    assert_eq!(passed(&buckets, "192.0.3.1", 10), 10);
    assert_eq!(buckets.snapshot().refused_by_subnet, 950);
}

#[test]
fn ipv6_counts_by_64_and_48() {
    let (buckets, _) = buckets((10, 30), (10, 50), 1_000);
    let within_64: usize = (0..100)
        .map(|n| passed(&buckets, &format!("2001:db8:1:1::{n}"), 1))
        .sum();
    assert_eq!(within_64, 30);
    let within_48: usize = (2..100)
        .map(|n| passed(&buckets, &format!("2001:db8:1:{n}::1"), 1))
        .sum();
    assert_eq!(within_48, 20);
    assert_eq!(passed(&buckets, "2001:db8:2::1", 1), 1);
    // Another spelling of an address is not another host.
    assert_eq!(passed(&buckets, "192.0.2.1", 30), 30);
    assert_eq!(passed(&buckets, "::ffff:192.0.2.1", 1), 0);
}

#[test]
fn an_expensive_request_costs_more_and_one_above_the_burst_costs_all() {
    let (buckets, clock) = buckets((10, 30), (1_000, 1_000), 100);
    let cost = |n| NonZeroU32::new(n).unwrap();
    assert!(buckets.check(ip("192.0.2.1"), cost(20)).is_ok());
    let refused = buckets.check(ip("192.0.2.1"), cost(20)).unwrap_err();
    // Ten tokens are missing.
    assert_eq!(refused.retry_after(), Some(1));
    assert!(buckets.check(ip("192.0.2.1"), cost(10)).is_ok());
    clock.advance(Duration::from_secs(3));
    assert!(buckets.check(ip("192.0.2.1"), cost(1_000)).is_ok());
    assert!(buckets.check(ip("192.0.2.1"), ONE).is_err());
}

#[test]
fn requests_rejected_by_the_hosts_bucket_cost_the_neighbours_nothing() {
    let (buckets, _) = buckets((10, 10), (10, 20), 100);
    assert_eq!(passed(&buckets, "192.0.2.1", 10_000), 10);
    assert_eq!(passed(&buckets, "192.0.2.2", 10), 10);
}

#[test]
fn full_buckets_are_forgotten() {
    let (buckets, clock) = buckets((10, 30), (100, 300), 100_000);
    for n in 0..20_000_u32 {
        buckets.check(IpAddr::from((n << 8).to_be_bytes()), ONE).unwrap();
    }
    assert_eq!(buckets.snapshot().hosts, 20_000);
    clock.advance(Duration::from_secs(60));
    buckets.check(ip("192.0.2.1"), ONE).unwrap();
    let snapshot = buckets.snapshot();
    assert_eq!((snapshot.hosts, snapshot.subnets), (1, 1));
}

#[test]
fn an_attacker_who_fills_the_table_does_not_lock_out_others() {
    let (buckets, clock) = buckets((1, 10), (1, 100), 1_000);
    // A known host.
    assert_eq!(passed(&buckets, "192.0.2.1", 1), 1);
    // A whole /32 of IPv6: 2^32 /64s in 2^16 /48s.
    let attacker = |n: u32| ip(&format!("2001:db8:{:x}:{:x}::1", n >> 4, n & 15));
    let let_in = (0..50_000)
        .filter(|n| buckets.check(attacker(*n), ONE).is_ok())
        .count();
    // A thousand with their own buckets, and one bucket for the rest.
    assert!((999..=1_020).contains(&let_in), "{let_in}");
    let snapshot = buckets.snapshot();
    assert!(
        snapshot.hosts <= 1_000 && snapshot.subnets <= 1_000,
        "{snapshot:?}"
    );
    assert!(snapshot.crowded > 40_000, "{snapshot:?}");
    // Known hosts keep their buckets; new clients of other networks are accepted.
    assert_eq!(passed(&buckets, "192.0.2.1", 9), 9);
    let newcomers = (0..200)
        .filter(|n| passed(&buckets, &format!("198.{n}.100.1"), 1) == 1)
        .count();
    assert!(newcomers >= 195, "{newcomers}");
    // It is over as soon as the attack ends.
    clock.advance(Duration::from_secs(120));
    assert_eq!(passed(&buckets, "198.51.100.1", 10), 10);
    assert_eq!(buckets.snapshot().hosts, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn never_more_than_burst_and_rate(
        steps in prop::collection::vec((0_u64..2_000, 1_u32..40, 0_u8..3), 1..200),
    ) {
        let (buckets, clock) = buckets((7, 20), (11, 30), 100);
        let (mut hosts, mut subnet, mut elapsed) = ([0; 3], 0, 0);
        for (pause, cost, host) in steps {
            clock.advance(Duration::from_millis(pause));
            elapsed += pause;
            let client = ip(&format!("192.0.2.{host}"));
            if buckets.check(client, NonZeroU32::new(cost).unwrap()).is_ok() {
                hosts[usize::from(host)] += u64::from(cost.min(20));
                subnet += u64::from(cost.min(30));
            }
            for taken in hosts {
                prop_assert!(taken * 1_000 <= 20_000 + 7 * elapsed + 1_000);
            }
            prop_assert!(subnet * 1_000 <= 30_000 + 11 * elapsed + 1_000);
        }
    }
}
